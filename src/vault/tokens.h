/* Tokens to sign in upstream with (OAuth 2.0), a keeper for each provider of the configuration, and where each account signs in as itself one for
 * each account that sends: fetched by the lookup that does so, before the one in force ends; in memory alone. What a person has consented to is in
 * the store (store/grants.h). On the loop, as all of vault. */
#ifndef VAULT_TOKENS_H
#define VAULT_TOKENS_H

#include "oauth/oauth.h"
#include "proc/proc.h"
#include "store/grants.h"

enum { TOKEN_SECRET_MOST = 1024, OWN_KEEPERS_MOST = 256, OWN_WHY_ROOM = 384, OWN_AGAIN_MOST = 64 };

struct vault;
struct peer;
struct keeper {
    struct vault                 *vault;
    const struct config_provider *plan;
    struct keeper *of;   /* of an account's: the provider's, which has the files; NULL: this is that one */
    struct keeper *next; /* of an account's                                                          */
    gp_time  used;       /* last asked for                                                           */
    int64_t  account;    /* 0: the server's                                                          */
    char     key[GRANT_NAME];     /* of its grant: "PROVIDER" or "PROVIDER/ACCOUNT"                  */
    char     login[GRANT_LOGIN];  /* an account's name there                                         */
    bool     asked;      /* a fetch is under way                                                     */
    bool     told;       /* somebody has been told that it fails                                     */
    bool     owing;      /* mail waits, or may, because there was no token that is taken             */
    bool     accepted;   /* the token in force has let us in                                         */
    gp_time  since, due; /* asked since; the next fetch: on the loop's clock                         */
    gp_time  ends;       /* of the token in force, likewise; 0: there is none                        */
    unsigned failures, refusals; /* in a row: fetches, and fresh tokens that the smarthost refused   */
    uint64_t number;     /* of the token in force: another with each                                 */
    int64_t  serial;     /* of the grant that the store had when last looked at; -1: it had none     */
    size_t   access_len, secret_len;
    char     access[OAUTH_TOKEN_MOST], secret[TOKEN_SECRET_MOST]; /* secret: the application's */
    char     why[OAUTH_WHY_ROOM]; /* there is no token; "": there is, or nothing is known yet         */
    struct oauth_key_file key_file;
    bool     has_thumbprint;
    uint8_t  thumbprint[GP_PEER_FINGERPRINT];
    gp_time  certificate_ends; /* 0: not known */
    bool         unsaved; /* the store did not take what has come: it is tried again before all else  */
    struct grant grant;   /* that; or of the fetch under way, without its refresh token               */
};
struct tokens { size_t count; struct keeper *keepers, *own /* of accounts, in no order */; size_t own_count; gp_time seen, scan; char scanned[GRANT_NAME]; /* of a scan that is not at its end: up to where */ };

bool tokens_open(struct vault *) GP_MUST_USE;
void tokens_close(struct vault *);
void tokens_file(struct peer *, struct msg *); /* a secret, key or certificate, from the supervisor */
void tokens_tick(struct vault *, gp_time now);
void tokens_changed(struct vault *); /* a command has changed the store */
/* Who a login is: nobody in particular, or one of the accounts that sign in as themselves. */
struct own { bool is; int64_t account; char name[ACCOUNT_NAME_MOST + 1], user[GRANT_LOGIN], why[OWN_WHY_ROOM]; };
/* For a login (config_login_of()'s index). OK: the token, until the loop goes on. WAIT: upstream_token_came() will be called. TEMPFAIL: *why, for
 * people. user: out, whose it is, where that is not what `own` says. again: it has waited, and nothing is made or let go for it. */
gp_status tokens_get(struct vault *, size_t login, struct own *, bool again, gp_secret *, uint64_t *number, const char **why) GP_MUST_USE;
void      tokens_put_off(struct vault *, size_t login, const struct own *); /* mail waits because none came */
void      tokens_verdict(struct vault *, size_t login, const struct own *, uint64_t number, bool accepted); /* by the smarthost */
void      tokens_begin_anew(struct keeper *); /* a person has signed in anew, or out; or a secret is another */
void      tokens_see(struct keeper *);        /* has the store another grant now? */
void      tokens_look(struct keeper *, gp_time now); /* fetches, if it is time to */

/* ---- own.c: accounts that sign in as themselves ---------------------------------------------------------------------------- */
/* Whose mail it is: the account with that number, and no later one that has its name. TEMPFAIL: out->why. */
gp_status      own_find(struct vault *, int64_t number, gp_str name, struct own *out) GP_MUST_USE;
/* The password that it has for this route, in g->refresh: wipe it. TEMPFAIL: own->why. */
gp_status      own_password(struct vault *, size_t login, struct own *, struct grant *g) GP_MUST_USE;
void           own_put_command(struct gp_text *, const struct config *, size_t login, const char *account); /* that gives it something to sign in with */
void           own_say_missing(struct gp_text *, const struct config *, size_t login, const char *account); /* with the way out */
struct keeper *own_keeper(struct vault *, size_t login, const struct own *, bool make); /* NULL: there is none, or no room */
const char    *own_account(const struct keeper *); /* whose it is; NULL: the server's */
bool           own_may_fetch(const struct keeper *); /* not too many do */
void           own_fetched(struct vault *);        /* one that did does no more */
void           own_changed(struct vault *);
void           own_files_changed(struct keeper *of);
void           own_pay(struct keeper *);           /* mail of that account is tried at once */
void           own_tick(struct vault *, gp_time now);
void           own_close(struct vault *);

/* ---- again.c: mail that waits for our sign-in at a next hop -------------------------------------------------------------- */
/* By config_login_of()'s index, and by account: how often the queue has still to hear that it may work again. */
struct again {
    unsigned char owed[1 + CONFIG_ROUTES_MOST + OWN_AGAIN_MOST];
    struct { size_t login; int64_t number; char account[ACCOUNT_NAME_MOST + 1]; } own[OWN_AGAIN_MOST];
    bool          asked;
    size_t        at;
};
void         again_tell(struct vault *, size_t login); /* that may work again; of all accounts, where each is itself */
void         again_tell_own(struct vault *, size_t login, int64_t number, const char *account);
void         again_tick(struct vault *);

/* ---- tokens_ask.c: what a fetch says ------------------------------------------------------------------------------------- */
/* The form for the provider; it has secrets in it. NULL: it is there; else why there can be none, for people. */
const char *tokens_form(const struct keeper *, const struct grant *, gp_time wall, struct gp_text *) GP_MUST_USE;
/* Is one of our own secrets in what a provider says? Then it is not shown. */
bool        tokens_tells(const struct keeper *, const struct grant *, gp_str text);
void        tokens_take_file(struct keeper *, enum provider_file, gp_str content);

/* Whose key and secrets it speaks with. */
const struct keeper *tokens_files(const struct keeper *);

/* ---- tokens_tell.c: notices ------------------------------------------------------------------------------------------------ */
void tokens_tell_failure(struct keeper *, bool final);
void tokens_tell_missing(struct vault *, size_t login, const struct own *); /* an account has nothing to sign in with, once */
void tokens_tell_refusal(struct keeper *); /* by the smarthost, of fresh tokens */
void tokens_tell_ends(struct keeper *, gp_time grant_ends);

#endif
