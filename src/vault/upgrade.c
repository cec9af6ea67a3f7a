/* A password that came as somebody else's hash gets our own forms when it was first proved right: SCRAM keys where the set-up has them
 * for chosen passwords, Argon2id else. Made on a hashing thread after the client has its answer, and only while no check wants the thread. */
#include <stdlib.h>
#include <string.h>

#include "vault/parts.h"

struct upgrade { /* lent to the thread while it runs */
    struct vault        *vault;
    int64_t              credential;
    struct account       account;
    struct verifier_keys keys;
    bool                 scram, made, weak;
    uint32_t             iterations;
    struct verifier      verifier;
    size_t               password_len;
    char                 password[GP_PASSWORD_MOST];
};

static void fill(struct upgrade *u, struct vault *v, gp_secret password)
{
    u->vault        = v;
    u->keys         = v->keys;
    u->scram        = v->config->passwords.scram;
    u->iterations   = v->config->passwords.scram_iterations;
    u->password_len = password.len;
    memcpy(u->password, password.ptr, password.len);
}

struct upgrade *upgrade_open(struct vault *v, int64_t account, int64_t credential, gp_secret password)
{
    struct upgrade *u = password.len <= GP_PASSWORD_MOST ? calloc(1, sizeof(*u)) : NULL;
    if (!u) return NULL;
    fill(u, v, password);
    u->credential = credential;
    if (accounts_get(v->accounts, account, &u->account) == GP_OK) return u;
    upgrade_drop(u);
    return NULL;
}

void upgrade_drop(struct upgrade *u)
{
    if (!u) return;
    gp_wipe(u, sizeof(*u));
    free(u);
}

static void on_thread(void *job)
{
    struct upgrade      *u    = job;
    struct verifier_wish wish = {
        .account = gp_from(u->account.name), .scram = u->scram, .iterations = u->iterations, .group = &u->account.scram
    };
    char           room[GP_PASSWORD_MOST];
    struct gp_text tidy = GP_TEXT(room);
    const char    *why, *hint;
    u->weak = !verifier_accepts((gp_str) { u->password, u->password_len }, &tidy, &why, &hint);
    u->made = verifier_make(&u->keys, (gp_secret) { u->password, u->password_len }, &wish, &u->verifier);
    gp_wipe(room, sizeof(room));
}

static void log_result(const struct upgrade *u, gp_status status, const char *why)
{
    static const char *const said[] = {
        [GP_OK] = "upgraded", [GP_PERMFAIL] = "left as it is", [GP_TEMPFAIL] = "put off"
    };
    LOG(status == GP_OK ? LOG_INFO : LOG_WARN, "credential", LOG_Z("account", u->account.name),
        LOG_N("credential", u->credential), LOG_Z("result", said[status]),
        LOG_Z("reason", status == GP_OK ? "an imported password has our own forms now" : why));
    if (status == GP_OK && u->weak)
        LOG(LOG_WARN, "credential", LOG_Z("account", u->account.name), LOG_N("credential", u->credential),
            LOG_Z("reason", "the imported password is weaker than one that may be chosen"),
            LOG_Z("hint", "have it changed: gatepost user password"));
}

static void on_loop(void *job)
{
    struct upgrade *u      = job;
    struct vault   *v      = u->vault;
    const char     *why    = "our own forms of it could not be made";
    gp_status       status = GP_PERMFAIL;
    v->hashing--;
    if (u->made) status = credential_upgrade(v->accounts, u->credential, CREDENTIAL_IMPORTED, &u->verifier, &why);
    if (status == GP_TEMPFAIL) why = "the store could not be written";
    log_result(u, status, why);
    upgrade_drop(u);
    if (status == GP_OK) vault_survey(v);
    checks_go_on(v);
}

void upgrade_start(struct upgrade *u)
{
    struct vault *v    = u->vault;
    bool          idle = v->hashing < v->hashing_most && v->line.count == 0;
    if (idle && loop_work(v->loop, on_thread, on_loop, u))
        v->hashing++;
    else
        upgrade_drop(u);
}
