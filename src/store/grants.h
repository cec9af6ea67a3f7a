/* What providers of tokens have given us: a row a provider, its refresh token sealed under a key that only the vault's folder has; and what
 * accounts sign in with themselves where a route is so: a row "PROVIDER/ACCOUNT", or with a password "route:ROUTE/ACCOUNT". Asked by vault, and by commands beside it; who fetches claims the row first, so that no two use one refresh token at a time. */
#ifndef STORE_GRANTS_H
#define STORE_GRANTS_H

#include "store/accounts.h"

enum {
    GRANT_NAME       = 336,
    GRANT_LOGIN      = 256,
    GRANT_KIND       = 24,
    GRANT_WHY        = 256,
    GRANT_TOKEN_MOST = 8192,
    GRANT_CLAIM_MS   = 90 * 1000, /* as long as a fetch may take, and some                        */
};
struct grant {
    char     provider[GRANT_NAME], kind[GRANT_KIND]; /* kind: config_provider_grant's word, or GRANT_PASSWORD */
    int64_t  account;            /* whose it is, which goes with it; 0: the server's                  */
    char     login[GRANT_LOGIN]; /* an account's name there; "": its address                          */
    int64_t  serial;             /* another with each sign-in by a person                             */
    gp_time  made, renewed;      /* renewed: when a token was last fetched; 0: never                  */
    gp_time  ends, access_ends;  /* of the grant, 0: it does not say; of the token in force           */
    gp_time  failing;            /* since when; 0: it works                                           */
    unsigned failures;           /* in a row                                                          */
    char     why[GRANT_WHY];     /* of the last one                                                   */
    bool     sealed;             /* there is a refresh token, but not under this key: refresh is empty */
    size_t   refresh_len;
    char     refresh[GRANT_TOKEN_MOST]; /* secret: wipe it                                            */
};
#define GRANT_PASSWORD "password" /* refresh is that */
void grant_wipe(struct grant *);
/* What an account's row is called: of a provider, or (NULL) of a route's password. */
void grant_put_name(struct gp_text *, const char *provider, const char *route, const char *account);
#define auto_grant __attribute__((cleanup(grant_wipe))) struct grant
/* PERMFAIL: there is none. keys NULL: without the refresh token. */
gp_status grant_get(struct accounts *, const struct verifier_keys *, gp_str provider, struct grant *) GP_MUST_USE;
/* A person has said yes: in the place of what was there, on record as event. serial is given. */
gp_status grant_put(struct accounts *, const struct verifier_keys *, struct grant *) GP_MUST_USE;
/* For what needs nobody's yes: a row, if there is none of that kind. */
gp_status grant_begin(struct accounts *, gp_str provider, gp_str kind, int64_t account, gp_time now) GP_MUST_USE;
/* Those of accounts, without their secrets; `each` returns false to stop, and may ask and change the store. */
enum grants_which { GRANTS_OF_ACCOUNTS, GRANTS_OF_ACCOUNT /* number */, GRANTS_MADE_SINCE /* number */,
                    GRANTS_TO_BE_USED /* tokens that were not renewed since number, or end by ends_by */ };
struct grants_wish { enum grants_which which; int64_t number; gp_time ends_by; const char *after; /* those whose names come behind that; NULL: all */ };
enum { GRANTS_PAGE = 32 };
gp_status grants_each(struct accounts *, const struct grants_wish *, bool (*each)(void *owner, const struct grant *), void *owner) GP_MUST_USE;
gp_status grant_forget(struct accounts *, gp_str provider) GP_MUST_USE; /* PERMFAIL: there is none; on record */
/* OK: nobody else fetches until this one has told what came of it. PERMFAIL: somebody does, or it is another one now. */
gp_status grant_claim(struct accounts *, const struct grant *, gp_time now) GP_MUST_USE;
/* A token has come: serial, renewed, ends, access_ends and, where there is a new one, refresh. Nothing where another has taken its place. */
gp_status grant_renewed(struct accounts *, const struct verifier_keys *, const struct grant *) GP_MUST_USE;
gp_status grant_failed(struct accounts *, const struct grant *, gp_str why, gp_time now) GP_MUST_USE;

#endif
