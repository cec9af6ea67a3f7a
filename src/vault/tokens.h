/* Tokens to sign in upstream with (OAuth 2.0), a keeper for each provider of the configuration: fetched by the lookup that does so, before the
 * one in force ends; in memory alone. What a person has consented to is in the store (store/grants.h). On the loop, as all of vault. */
#ifndef VAULT_TOKENS_H
#define VAULT_TOKENS_H

#include "oauth/oauth.h"
#include "proc/proc.h"
#include "store/grants.h"

enum { TOKEN_SECRET_MOST = 1024 };

struct vault;
struct peer;
struct keeper {
    struct vault                 *vault;
    const struct config_provider *plan;
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
    struct oauth_key_file key;
    bool     has_thumbprint;
    uint8_t  thumbprint[GP_PEER_FINGERPRINT];
    gp_time  certificate_ends; /* 0: not known */
    bool         unsaved; /* the store did not take what has come: it is tried again before all else  */
    struct grant grant;   /* that; or of the fetch under way, without its refresh token               */
};
struct tokens { size_t count; struct keeper *keepers; };

bool tokens_open(struct vault *) GP_MUST_USE;
void tokens_close(struct vault *);
void tokens_file(struct peer *, struct msg *); /* a secret, key or certificate, from the supervisor */
void tokens_tick(struct vault *, gp_time now);
void tokens_changed(struct vault *); /* a command has changed the store */
/* For a login (config_login_of()'s index). OK: the token, until the loop goes on. WAIT: upstream_token_came() will be called. TEMPFAIL: *why, for people. */
gp_status tokens_get(struct vault *, size_t login, gp_secret *, uint64_t *number, const char **why) GP_MUST_USE;
void      tokens_put_off(struct vault *, size_t login); /* mail waits because none came */
void      tokens_verdict(struct vault *, size_t login, uint64_t number, bool accepted); /* by the smarthost */

/* ---- again.c: mail that waits for our sign-in at a next hop -------------------------------------------------------------- */
/* By config_login_of()'s index: how often the queue has still to hear that it may work again. */
struct again { unsigned char owed[1 + CONFIG_ROUTES_MOST]; bool asked; size_t at; };
void         again_tell(struct vault *, size_t login); /* that may work again */
void         again_tick(struct vault *);

/* ---- tokens_ask.c: what a fetch says ------------------------------------------------------------------------------------- */
/* The form for the provider; it has secrets in it. NULL: it is there; else why there can be none, for people. */
const char *tokens_form(const struct keeper *, const struct grant *, gp_time wall, struct gp_text *) GP_MUST_USE;
/* Is one of our own secrets in what a provider says? Then it is not shown. */
bool        tokens_tells(const struct keeper *, const struct grant *, gp_str text);
void        tokens_take_file(struct keeper *, enum provider_file, gp_str content);

/* ---- tokens_tell.c: notices ------------------------------------------------------------------------------------------------ */
void tokens_tell_failure(struct keeper *, bool final);
void tokens_tell_refusal(struct keeper *); /* by the smarthost, of fresh tokens */
void tokens_tell_ends(struct keeper *, gp_time grant_ends);

#endif
