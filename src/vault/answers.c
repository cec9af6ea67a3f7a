/* What an exchange asks, answered from the store: passwords, SCRAM keys, the secret for CRAM-MD5, acting for another. A name that
 * does not exist, or whose account is disabled, gets answers that look like any other's and lead to the same refusal. */
#include <string.h>

#include "vault/parts.h"
#include "vault/policy.h"

static gp_status store_failed(struct signin *s)
{
    s->reason = "the store could not be read";
    vault_store_failed(s->peer->vault);
    return GP_TEMPFAIL;
}

/* PERMFAIL: nobody who may sign in; account->id is 0 when there is no such account at all. */
static gp_status find_user(struct signin *s, struct account *account)
{
    struct vault *v  = s->peer->vault;
    *account         = (struct account) { 0 };
    gp_status status = accounts_find(v->accounts, s->x.user, account);
    if (status == GP_TEMPFAIL) return store_failed(s);
    if (status != GP_OK) {
        account->id = 0;
        s->reason   = "no such account";
        return GP_PERMFAIL;
    }
    s->account = account->id;
    (void)gp_copy_z(gp_from(account->name), s->name, sizeof(s->name));
    if (!account->disabled) return GP_OK;
    s->reason = "the account is disabled";
    return GP_PERMFAIL;
}

static gp_status is_password(struct signin *s)
{
    struct account account;
    gp_status      status = find_user(s, &account);
    return status == GP_TEMPFAIL ? status : check_start(s, status == GP_OK ? account.id : 0);
}

/* ---- SCRAM --------------------------------------------------------------------------------------------------------- */
/* Of the first live credential that keeps keys for this hash. PERMFAIL: none does. */
static gp_status real_keys(struct signin *s, const struct account *account)
{
    struct credential c;
    gp_status         status = GP_OK;
    auto_rows         r      = credentials_of(s->peer->vault->accounts, account->id);
    s->credential            = 0;
    while (!s->credential && (status = credentials_next(&r, &c)) == GP_OK)
        if (credential_state(&c, wall_now()) == CREDENTIAL_LIVE &&
            credential_scram(&c, &account->scram, s->x.mech->hash, &s->x.scram))
            s->credential = c.id;
    gp_wipe(&c.verifier, sizeof(c.verifier));
    return status == GP_TEMPFAIL ? store_failed(s) : status;
}

static gp_status made_up_keys(struct signin *s)
{
    struct vault *v    = s->peer->vault;
    gp_str        name = policy_plain_name(s->x.user, gp_from(v->config->domain));
    bool          made = verifier_unknown_user(&v->keys, s->x.mech->hash, name, v->survey.iterations, &s->x.scram);
    return made ? GP_OK : GP_TEMPFAIL;
}

/* With the salt and the count that the account has shown before, if it has. */
static gp_status keys_that_never_fit(struct signin *s, const struct account *account)
{
    enum gp_hash hash   = s->x.mech->hash;
    gp_status    status = made_up_keys(s);
    if (status != GP_OK || !account->id || !account->scram.iterations || !account->scram.has_salt[hash]) return status;
    s->x.scram.iterations = account->scram.iterations;
    memcpy(s->x.scram.salt, account->scram.salt[hash], VERIFIER_SALT);
    return GP_OK;
}

static gp_status get_scram(struct signin *s)
{
    struct account account;
    gp_status      status = find_user(s, &account);
    if (status == GP_OK) status = real_keys(s, &account);
    if (status != GP_PERMFAIL) return status;
    if (!s->reason) s->reason = "no SCRAM keys of this kind are kept for the account";
    return keys_that_never_fit(s, &account);
}

/* ---- CRAM-MD5 ------------------------------------------------------------------------------------------------------ */
static gp_status real_secret(struct signin *s, const struct account *account)
{
    struct vault     *v = s->peer->vault;
    struct credential c;
    gp_status         status = GP_OK;
    auto_rows         r      = credentials_of(v->accounts, account->id);
    s->credential            = 0;
    while (!s->credential && (status = credentials_next(&r, &c)) == GP_OK)
        if (credential_state(&c, wall_now()) == CREDENTIAL_LIVE &&
            verifier_cram_secret(&v->keys, &c.verifier, gp_from(account->name), s->x.cram_secret,
                                 &s->x.cram_secret_len))
            s->credential = c.id;
    gp_wipe(&c.verifier, sizeof(c.verifier));
    return status == GP_TEMPFAIL ? store_failed(s) : status;
}

static gp_status get_secret(struct signin *s)
{
    enum { MADE_UP = 32 };
    struct account account;
    gp_status      status = find_user(s, &account);
    if (status == GP_OK) status = real_secret(s, &account);
    if (status != GP_PERMFAIL) return status;
    if (!s->reason) s->reason = "CRAM-MD5 is not allowed for the account";
    gp_random(s->x.cram_secret, MADE_UP);
    s->x.cram_secret_len = MADE_UP;
    return GP_OK;
}

/* ---- the rest ------------------------------------------------------------------------------------------------------ */
/* Two names of one account are no other. */
static gp_status may_act(struct signin *s)
{
    struct vault  *v = s->peer->vault;
    struct account user, other;
    gp_status      status = find_user(s, &user);
    if (status == GP_OK) status = accounts_find(v->accounts, s->x.authzid, &other);
    if (status == GP_TEMPFAIL) return store_failed(s);
    if (status == GP_OK && user.id == other.id) return GP_OK;
    if (!s->reason) s->reason = "may not act for another user";
    return GP_PERMFAIL;
}

static gp_status is_token(struct signin *s)
{
    s->reason = "tokens are not accepted here";
    return GP_PERMFAIL;
}

static gp_status is_external(struct signin *s)
{
    s->reason = "the certificate stands for no account";
    return GP_PERMFAIL;
}

gp_status answer_question(struct signin *s)
{
    static gp_status (*const answers[])(struct signin *) = {
        [GP_SASL_IS_PASSWORD] = is_password, [GP_SASL_IS_TOKEN] = is_token, [GP_SASL_GET_SCRAM] = get_scram,
        [GP_SASL_GET_SECRET] = get_secret,   [GP_SASL_MAY_ACT] = may_act,   [GP_SASL_IS_EXTERNAL] = is_external,
    };
    (void)gp_copy_z(gp_head(s->x.user, sizeof(s->name) - 1), s->name, sizeof(s->name));
    return answers[s->x.ask](s);
}
