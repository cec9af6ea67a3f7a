/* Bytes that came in, and the lines in them. Searching goes on where it stopped and bytes are moved only when a
 * quarter of the room has been read, so the work is linear however the network cuts its pieces. */
#ifndef GP_SMTP_LINES_H
#define GP_SMTP_LINES_H

#include "smtp/smtp.h"

struct gp_lines {
    char  *bytes;       /* GP_SMTP_IN_ROOM of them, lent; NULL: none                 */
    size_t start, end;  /* unread: bytes[start .. end)                               */
    size_t searched;    /* no CR LF ends before here                                 */
    size_t touched;     /* bytes[touched ..) have not been written since the lending */
    size_t over;        /* the limit that the line being swallowed has passed, or 0  */
};

void   gp_lines_lend(struct gp_lines *, char *bytes);
void   gp_lines_take_back(struct gp_lines *);          /* wipes what was written     */
size_t gp_lines_add(struct gp_lines *, gp_str bytes);  /* how many fitted            */
gp_str gp_lines_rest(const struct gp_lines *);
void   gp_lines_took(struct gp_lines *, size_t);
void   gp_lines_drop(struct gp_lines *);               /* forgets all that is unread */
/* The next line, without CR LF, is taken: GP_OK. GP_WAIT: not all of it is here. GP_PERMFAIL: a line of more than `most`
 * octets, CR LF counted, has been swallowed up to its end; *line is empty, *passed the limit that it passed. */
gp_status gp_lines_next(struct gp_lines *, size_t most, gp_str *line, size_t *passed) GP_MUST_USE;

#endif
