/* What the `gatepost credential` commands share: finding one, showing what is known of it, and handing out a new one. */
#ifndef CLI_CREDENTIAL_H
#define CLI_CREDENTIAL_H

#include "cli/user.h"

/* The account and, of its credentials, the one that is named; a printed problem otherwise. Wipe the verifier. */
bool    credential_find(struct user_store *, const char *user, const char *label_or_id, struct account *, struct credential *);
/* The whole of what is known, without its secret. `user` is the first field. */
json_t *credential_json(const char *user, const struct credential *, gp_time now);
void    credential_print(const struct credential *, gp_time now);    /* several lines, each begins with `indent`'s width */
void    credential_put_state(struct gp_text *, const struct credential *, gp_time now); /* "in force", "old, until 2026-12-31T00:00:00Z" */
int     credential_refused(struct user_store *, const char *what, gp_status, const char *why); /* prints it; CLI_FAILED */

/* ---- handing out ---- */
struct handout {
    bool        json, qr;
    const char *qr_file;
};
#define HANDOUT_OPTIONS(h)                                                                             \
    { "qr", CLI_FLAG, &(h).qr, NULL, "also show it as a QR code: smtps://USER:PASSWORD@HOST:PORT" },   \
    { "qr-file", CLI_VALUE, &(h).qr_file, "FILE", "also write that code to FILE, a .png or .svg" },    \
    { "json", CLI_FLAG, &(h).json, NULL, "print JSON" }
#define HANDOUT_USAGE "[--qr] [--qr-file FILE] [--json]"
bool handout_is_good(const struct handout *, bool has_password); /* to be asked before anything is made; false: said why */
/* The same of a code, which names a server: clients reach none of `listeners`, as of restrictions. */
bool handout_is_reached(const struct handout *, const struct config *, const char *listeners);
struct issued {
    const char                 *user, *label, *done; /* done: "The credential is made." */
    const char                 *listeners; /* where it may be used; "": anywhere */
    int64_t                     id;
    const struct user_password *password; /* NULL: it has none */
    gp_time                     old_until; /* of a rotation; 0: the old one is out already */
    bool                        rotated, legacy; /* legacy: for old devices */
};
int  handout_show(const struct handout *, const struct config *, const struct issued *);

#endif
