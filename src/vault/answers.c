/* What an exchange asks, answered from the store: passwords, proofs, acting for another, subjects. A name that does not exist, or whose
 * account is disabled, gets answers that look like any other's and lead to the same refusal. */
#include <string.h>

#include "vault/parts.h"

gp_status answer_refuse(struct signin *s, const char *reason)
{
    s->reason = reason;
    return GP_PERMFAIL;
}

gp_status answer_store_failed(struct signin *s)
{
    s->reason = "the store could not be read";
    vault_store_failed(s->peer->vault);
    return GP_TEMPFAIL;
}

void answer_is_of(struct signin *s, const struct account *account)
{
    s->account = s->acting = account->id;
    (void)gp_copy_z(gp_from(account->name), s->name, sizeof(s->name));
    (void)gp_copy_z(gp_from(account->name), s->acting_name, sizeof(s->acting_name));
}

/* s->who; PERMFAIL: nobody who may sign in by the store alone. */
static gp_status find_user(struct signin *s)
{
    s->who           = (struct account) { 0 };
    gp_status status = accounts_find(s->peer->vault->accounts, s->x.user, &s->who);
    if (status == GP_TEMPFAIL) return answer_store_failed(s);
    if (status != GP_OK) {
        s->who.id = 0;
        return answer_refuse(s, "no such account");
    }
    answer_is_of(s, &s->who);
    return s->who.disabled ? answer_refuse(s, "the account is disabled") : GP_OK;
}

gp_status store_password(struct signin *s)
{
    return check_start(s, &s->who);
}

static gp_status is_password(struct signin *s)
{
    return find_user(s) == GP_TEMPFAIL ? GP_TEMPFAIL : gate_ask(s, round_start);
}

/* Whose it is, if anybody's, is found out by who knows the token. */
static gp_status is_token(struct signin *s)
{
    return gate_ask(s, round_start);
}

static gp_status is_external(struct signin *s)
{
    return gate_ask(s, external_answer);
}

/* ---- SCRAM and CRAM-MD5 -------------------------------------------------------------------------------------------- */
/* Of the name alone: what somebody who is not there could have. */
static bool make_up(struct signin *s)
{
    struct vault  *v = s->peer->vault;
    char           room[2 * NAME_ROOM];
    struct gp_text name = GP_TEXT(room);
    accounts_login_key(v->accounts, s->x.user, &name);
    return round_make_up(s, gp_said(&name), &s->x.scram);
}

/* An account shows the same salt and count as long as any of its credentials has keys, in force or not. */
static gp_status get_scram(struct signin *s)
{
    const struct scram_group *own  = &s->who.scram;
    enum gp_hash              hash = s->x.mech->hash;
    if (find_user(s) == GP_TEMPFAIL || !make_up(s)) return GP_TEMPFAIL;
    if (round_has_scram(s)) return round_start(s);
    if (own->iterations) s->x.scram.iterations = own->iterations;
    if (own->iterations && own->has_salt[hash]) memcpy(s->x.scram.salt, own->salt[hash], VERIFIER_SALT);
    return GP_OK;
}

struct attempt {
    bool counts, fits;
}; /* counts: it has what the mechanism goes by, and is of this account */

/* What does not count is tried as well, spoilt, so that it takes its time and cannot fit. */
static struct attempt try_keys(struct signin *s, const struct account *account, const struct credential *c, bool own)
{
    enum gp_hash         hash = s->x.mech->hash;
    struct gp_scram_keys keys = { .hash = hash };
    bool                 has  = credential_scram(c, &account->scram, hash, &keys) && own;
    keys.hash                 = hash;
    keys.stored_key[0] ^= !has;
    bool fits = gp_sasl_fits_keys(&s->x, &keys);
    gp_wipe(&keys, sizeof(keys));
    return (struct attempt) { has, fits && has };
}

static struct attempt try_secret(struct signin *s, const struct account *account, const struct credential *c, bool own)
{
    const struct verifier_keys *keys    = &s->peer->vault->keys;
    gp_secret                   nobodys = { (const char *)keys->unknown_user, sizeof(keys->unknown_user) };
    char                        secret[GP_PASSWORD_MOST];
    size_t                      len = 0;
    bool has  = verifier_cram_secret(keys, &c->verifier, gp_from(account->name), secret, &len) && own;
    bool fits = gp_sasl_fits_secret(&s->x, has ? (gp_secret) { secret, len } : nobodys);
    gp_wipe(secret, sizeof(secret));
    return (struct attempt) { has, fits && has };
}

/* OK: s->found may be used. PERMFAIL: it may not, or nothing fits, and its id is 0. */
static gp_status try_all(struct signin *s, const struct account *account, bool *any)
{
    struct credential one;
    gp_status         status;
    bool              by_secret = s->x.mech->traits & GP_SASL_NEEDS_SECRET;
    struct candidates all       = candidates_of(s->peer->vault, account->id);
    s->found                    = (struct found) { 0 };
    while ((status = candidates_next(&all, &one)) == GP_OK) {
        struct attempt a = (by_secret ? try_secret : try_keys)(s, account, &one, !all.others);
        *any |= a.counts;
        if (!a.fits) continue;
        s->found = found_of(s, account, &one);
        if (!s->found.refused[0]) break;
    }
    candidates_end(&all);
    gp_wipe(&one.verifier, sizeof(one.verifier));
    return status;
}

static const char *why_not(const struct signin *s, bool any)
{
    if (s->found.id) return s->found.refused;
    if (s->reason) return s->reason;
    if (any) return "wrong password";
    return s->x.mech->traits & GP_SASL_NEEDS_SECRET ? "CRAM-MD5 is not allowed for the account"
                                                    : "no SCRAM keys of this kind are kept for the account";
}

static gp_status try_proof(struct signin *s)
{
    bool      any    = false;
    gp_status status = try_all(s, &s->who, &any);
    if (status == GP_TEMPFAIL) return answer_store_failed(s);
    if (status == GP_OK) return status;
    (void)answer_refuse(s, why_not(s, any));
    return round_has_scram(s) ? round_start(s) : GP_PERMFAIL;
}

static gp_status is_proof(struct signin *s)
{
    s->reason = NULL;
    return find_user(s) == GP_TEMPFAIL ? GP_TEMPFAIL : gate_ask(s, try_proof);
}

/* ---- acting for another -------------------------------------------------------------------------------------------- */
/* Two names of one account are no other. */
gp_status answer_act_for(struct signin *s, gp_str name)
{
    struct vault  *v = s->peer->vault;
    struct account other;
    gp_status      status = accounts_find(v->accounts, name, &other);
    if (status == GP_OK) status = accounts_may_act(v->accounts, s->account, other.id);
    if (status == GP_TEMPFAIL) return answer_store_failed(s);
    if (status != GP_OK) return answer_refuse(s, "the account may not act for the one that the client names");
    s->acting = other.id;
    (void)gp_copy_z(gp_from(other.name), s->acting_name, sizeof(s->acting_name));
    return GP_OK;
}

/* Whose credential it is was found out already. */
static gp_status may_act(struct signin *s)
{
    return answer_act_for(s, s->x.authzid);
}

/* ---- subjects ------------------------------------------------------------------------------------------------------ */
gp_str answer_named(const struct signin *s)
{
    return s->x.authzid.len ? s->x.authzid : s->x.user;
}

gp_status answer_subject(struct signin *s, enum credential_kind kind, gp_str subject, gp_str named)
{
    struct vault     *v = s->peer->vault;
    struct account    account;
    struct credential one;
    gp_status         status = accounts_by_subject(v->accounts, kind, subject, &account, &one);
    if (status == GP_TEMPFAIL) return answer_store_failed(s);
    if (status != GP_OK) return s->reason ? GP_PERMFAIL : answer_refuse(s, "no credential has that subject");
    answer_is_of(s, &account);
    s->found = found_of(s, &account, &one);
    if (s->found.refused[0]) return answer_refuse(s, s->found.refused);
    return named.len ? answer_act_for(s, named) : GP_OK;
}

gp_status answer_question(struct signin *s)
{
    static gp_status (*const answers[])(struct signin *) = {
        [GP_SASL_IS_PASSWORD] = is_password, [GP_SASL_IS_TOKEN] = is_token, [GP_SASL_GET_SCRAM] = get_scram,
        [GP_SASL_IS_PROOF] = is_proof,       [GP_SASL_MAY_ACT] = may_act,   [GP_SASL_IS_EXTERNAL] = is_external,
    };
    if (!s->account) (void)gp_copy_z(gp_head(s->x.user, sizeof(s->name) - 1), s->name, sizeof(s->name));
    return answers[s->x.ask](s);
}
