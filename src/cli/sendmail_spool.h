/* The files of the spool, as text: an envelope in lines, an empty line, the message. For the two files of the spool only. */
#ifndef CLI_SENDMAIL_SPOOL_H
#define CLI_SENDMAIL_SPOOL_H

#include <dirent.h>

#include "cli/sendmail.h"

/* The recipients that are for later. */
bool spool_put_envelope(struct gp_buffer *, const struct parcel *, enum handed);
/* false: it cannot be read, or is no parcel. The parcel's slices point into text; its recipients are to be freed. */
bool spool_read(int dir, const char *name, struct gp_buffer *text, struct parcel *);
bool spool_take(gp_str text, struct parcel *); /* the same, of text that is there */
int  spool_names(int dir, struct dirent ***names); /* sorted; -1: it cannot be read. Each name and the list are to be freed */
int  spool_show(int dir, const char *name);        /* prints a parcel's line; how many it was */

#endif
