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
static gp_str scram_text(const struct verifier *v, enum gp_hash hash)
{
    if (hash == GP_SHA1) return gp_from(v->scram_sha1);
    return hash == GP_SHA256 ? gp_from(v->scram_sha256) : GP_LIT("");
}

/* Of the first credential that keeps keys for this hash. PERMFAIL: none does. */
static gp_status real_keys(struct signin *s, int64_t account)
{
    struct credential list[CREDENTIALS_MOST];
    size_t            count  = 0;
    gp_status         status = accounts_credentials(s->peer->vault->accounts, account, list, &count);
    bool              found  = false;
    for (size_t i = 0; status == GP_OK && i < count && !found; i++) {
        found         = gp_scram_keys_read(scram_text(&list[i].verifier, s->x.mech->hash), &s->x.scram);
        s->credential = found ? list[i].id : 0;
    }
    gp_wipe(list, sizeof(list));
    if (status != GP_OK) return store_failed(s);
    return found ? GP_OK : GP_PERMFAIL;
}

static gp_status made_up_keys(struct signin *s)
{
    struct vault *v    = s->peer->vault;
    gp_str        name = policy_plain_name(s->x.user, gp_from(v->config->domain));
    bool          made = verifier_unknown_user(&v->keys, s->x.mech->hash, name, v->survey.iterations, &s->x.scram);
    return made ? GP_OK : GP_TEMPFAIL;
}

static gp_status get_scram(struct signin *s)
{
    struct account account;
    gp_status      user = find_user(s, &account);
    if (user == GP_TEMPFAIL) return user;
    gp_status keys = account.id ? real_keys(s, account.id) : GP_PERMFAIL;
    if (keys == GP_TEMPFAIL) return keys;
    if (keys == GP_PERMFAIL && !s->reason) s->reason = "no SCRAM keys of this kind are kept for the account";
    if (keys == GP_PERMFAIL) return made_up_keys(s);
    if (user == GP_OK) return GP_OK;
    /* Disabled: salt and count stay as the client may have seen them, but no password fits. */
    gp_random(s->x.scram.stored_key, sizeof(s->x.scram.stored_key));
    gp_random(s->x.scram.server_key, sizeof(s->x.scram.server_key));
    return GP_OK;
}

/* ---- CRAM-MD5 ------------------------------------------------------------------------------------------------------ */
static gp_status real_secret(struct signin *s, const struct account *account)
{
    struct vault     *v = s->peer->vault;
    struct credential list[CREDENTIALS_MOST];
    size_t            count  = 0;
    gp_status         status = accounts_credentials(v->accounts, account->id, list, &count);
    bool              found  = false;
    for (size_t i = 0; status == GP_OK && i < count && !found; i++) {
        found         = verifier_cram_secret(&v->keys, &list[i].verifier, gp_from(account->name), s->x.cram_secret,
                                             &s->x.cram_secret_len);
        s->credential = found ? list[i].id : 0;
    }
    gp_wipe(list, sizeof(list));
    if (status != GP_OK) return store_failed(s);
    return found ? GP_OK : GP_PERMFAIL;
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

gp_status answer_question(struct signin *s)
{
    static gp_status (*const answers[])(struct signin *) = {
        [GP_SASL_IS_PASSWORD] = is_password, [GP_SASL_IS_TOKEN] = is_token, [GP_SASL_GET_SCRAM] = get_scram,
        [GP_SASL_GET_SECRET] = get_secret,   [GP_SASL_MAY_ACT] = may_act,
    };
    (void)gp_copy_z(gp_head(s->x.user, sizeof(s->name) - 1), s->name, sizeof(s->name));
    return answers[s->x.ask](s);
}
