/* What the files of the server session share: speaking, asking, refusing. Not for hosts. */
#ifndef GP_SMTP_SERVER_H
#define GP_SMTP_SERVER_H

#include "smtp/session.h"

/* These return whether there is an event now, so that a reader can end with `return gp_server_...`. */
bool gp_server_say(struct gp_smtp_server *, struct gp_reply);  /* never an event */
bool gp_server_ask(struct gp_smtp_server *, struct gp_smtp_event *, enum gp_smtp_kind, gp_str text, gp_str more);
/* Says no, by a name where it is a decision, and makes it a NOTICE; line: what is refused. */
bool gp_server_decide(struct gp_smtp_server *, struct gp_smtp_event *, struct gp_reply, gp_str line);
bool gp_server_name_and_say(struct gp_smtp_server *, struct gp_reply); /* by the name of the last; never an event */
/* The same, and counts it as the client's error. */
bool gp_server_refuse(struct gp_smtp_server *, struct gp_smtp_event *, struct gp_reply, gp_str line);
void gp_server_hello(struct gp_smtp_server *);                 /* all the lines of EHLO's answer           */
void gp_server_forget(struct gp_smtp_server *);                /* the transaction, if there is one         */
bool gp_server_piece(struct gp_smtp_event *, gp_str);          /* of message text; an event unless empty   */
bool gp_server_finish_body(struct gp_smtp_server *, struct gp_smtp_event *); /* asks END, or refuses      */

bool gp_server_mine(struct gp_smtp_server *, gp_str arguments, struct gp_smtp_event *); /* mine.c */
bool gp_server_command(struct gp_smtp_server *, gp_str line, struct gp_smtp_event *); /* verbs.c */

bool gp_server_bdat(struct gp_smtp_server *, gp_str arguments, struct gp_smtp_event *); /* bdat.c from here on */
bool gp_server_bdat_refused(struct gp_smtp_server *, struct gp_smtp_event *, struct gp_reply, gp_str line);
bool gp_server_bdat_lost(struct gp_smtp_server *, struct gp_smtp_event *, struct gp_reply); /* its line cannot be read: the end */
void gp_server_chunk_answered(struct gp_smtp_server *, struct gp_reply); /* by the host, to DATA */
bool gp_server_read_chunk(struct gp_smtp_server *, struct gp_smtp_event *);
bool gp_server_drop_chunk(struct gp_smtp_server *, struct gp_smtp_event *);

#endif
