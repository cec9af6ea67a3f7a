/* Message text as it comes over the wire, by DATA or in chunks: undoes doubled dots, finds the end, and finds what must
 * not be passed on. Pieces are slices of the input. What is wrong is remembered, not acted on, so that what is found
 * does not depend on how the network cut the pieces: the sender learns it at the end. */
#ifndef GP_SMTP_BODY_H
#define GP_SMTP_BODY_H

#include "smtp/smtp.h"

enum gp_body_at { GP_BODY_LINE_START, GP_BODY_MIDDLE, GP_BODY_CR, GP_BODY_DOT, GP_BODY_DOT_CR, GP_BODY_ENDED };

struct gp_body {
    enum gp_body_at at;
    bool            dots;           /* DATA: undo them, and look for the end */
    bool            bare, long_line;
    size_t          line;           /* octets of this line so far            */
    uint64_t        size, most;     /* octets of the message so far          */
};

void   gp_body_open(struct gp_body *, bool dots, uint64_t most);
/* Takes some of the input and returns how much, 0 only when there is none; *piece: what of it is message text. */
size_t gp_body_read(struct gp_body *, gp_str in, gp_str *piece);
/* For chunks: the end; true when a CR LF has to be added because the last line has none. */
bool   gp_body_close(struct gp_body *);
const struct gp_reply *gp_body_fault(const struct gp_body *); /* NULL: none */

#endif
