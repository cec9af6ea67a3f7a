/* What the files of the client share among each other. */
#ifndef GP_SMTP_CLIENT_PARTS_H
#define GP_SMTP_CLIENT_PARTS_H

#include "smtp/client_session.h"

/* Room that long lines leave free, so that DATA, RSET and QUIT always fit. */
enum { GP_CLIENT_RESERVE = 64, GP_CLIENT_LINE_MOST = GP_SMTP_OUT_ROOM - GP_CLIENT_RESERVE };

/* ---- client_reply.c: GP_OK: c->reply is whole. GP_PERMFAIL: not SMTP, the failure is set. */
gp_status gp_client_read_reply(struct gp_smtp_client *, enum gp_client_awaits) GP_MUST_USE;
struct gp_smtp_client_event gp_client_heard(const struct gp_smtp_client *, enum gp_smtp_client_kind);

/* ---- client.c */
void gp_client_fail(struct gp_smtp_client *, const char *why);   /* temporary, without a code         */
extern const char gp_client_said_too_much[];
void gp_client_fail_by_reply(struct gp_smtp_client *);           /* with that of the reply            */
bool gp_client_is_clean(gp_str);                                 /* no octet that could end a line    */
/* A line of pieces; false: no room now, nothing was written. Short commands can't fail but in a broken session. */
bool gp_client_say(struct gp_smtp_client *, size_t most, const gp_str *pieces, size_t count) GP_MUST_USE;
bool gp_client_command(struct gp_smtp_client *, const char *line, enum gp_client_awaits);
void gp_client_hello(struct gp_smtp_client *);                   /* EHLO, or LHLO                     */
struct gp_text gp_client_room(struct gp_smtp_client *, size_t most); /* free output up to that fill; gp_client_wrote */
void           gp_client_wrote(struct gp_smtp_client *, const struct gp_text *);

/* ---- client_hello.c, client_mail.c: what a reply means. True: *ev is to be handed out. */
typedef bool gp_client_reading(struct gp_smtp_client *, struct gp_smtp_client_event *ev);
gp_client_reading gp_client_greeting, gp_client_ehlo, gp_client_helo, gp_client_starttls, gp_client_auth_reply;
gp_client_reading gp_client_mail_reply, gp_client_rcpt_reply, gp_client_data_reply, gp_client_dot_reply, gp_client_rset_reply;
void              gp_client_note_extension(struct gp_smtp_client *, gp_str line); /* one line of the EHLO reply */

/* ---- client_mail.c */
enum gp_client_awaits gp_client_awaits_of_mail(const struct gp_smtp_client *);
bool gp_client_go_on(struct gp_smtp_client *, struct gp_smtp_client_event *ev); /* what can be done without a reply */
bool gp_client_owes_nothing(const struct gp_smtp_client *);
bool gp_client_takes_recipient(struct gp_smtp_client *);

#endif
