/* What a source's answer means. Its word is never enough: the account must be one that it speaks for, and its credential for that
 * source must be in force, here and now. */
#include <string.h>

#include "vault/parts.h"

static const struct config_lookup *asked(const struct signin *s)
{
    return &s->peer->vault->config->lookups[s->round.source];
}

/* Its words stay those of the first that could not tell. */
static const char *keep_words(struct round *r, gp_str why, const char *without)
{
    if (r->unclear) return r->unclear;
    if (why.len == 0 || !gp_copy_z(gp_head(why, sizeof(r->why) - 1), r->why, sizeof(r->why))) return without;
    return r->why;
}

static gp_status refuse_by(struct signin *s, const struct msg_looked *m)
{
    if (m->known) round_settle(s);
    return answer_refuse(s, keep_words(&s->round, m->why, "the source says no"));
}

static gp_status unclear_by(struct signin *s, const struct msg_looked *m)
{
    return round_unclear(s, keep_words(&s->round, m->why, "the source cannot tell"));
}

static gp_status open_with(struct signin *s, const struct account *account, const struct credential *one)
{
    answer_is_of(s, account);
    s->found = found_of(s, account, one);
    if (!s->found.refused[0]) return s->who.disabled ? answer_refuse(s, "the account is disabled") : GP_OK;
    s->round.useless = s->found;
    return answer_refuse(s, s->round.useless.refused);
}

static void say_provided(const struct signin *s, const struct account *account)
{
    LOG(LOG_INFO, "account", LOG_N("session", s->session), LOG_Z("account", account->name),
        LOG_Z("source", account->source), LOG_Z("result", "made: the source has confirmed its first sign-in"));
    vault_survey(s->peer->vault);
}

/* Directories say "Anna" to who asks for "anna" (RFC 4519 2.39: uid is compared without regard to case). */
static bool folds_case(const struct config_lookup *l)
{
    return l->type == LOOKUP_LDAP;
}

/* name "": as the client said it. */
gp_status heard_user(struct signin *s, gp_str name)
{
    struct vault     *v   = s->peer->vault;
    const char       *why = "";
    struct account    account;
    struct credential one;
    int64_t           id  = 0;
    gp_time           now = wall_now();
    struct provided   p   = { name.len ? name : s->x.user, gp_from(asked(s)->name), folds_case(asked(s)) };
    s->round.ended        = true;
    gp_status status      = accounts_provision(v->accounts, &p, now, &account, &id, &why);
    if (status == GP_PERMFAIL) return answer_refuse(s, why);
    if (status == GP_OK) status = credential_get(v->accounts, id, &one);
    if (status != GP_OK) return answer_store_failed(s);
    if (account.created == now) say_provided(s, &account);
    status = open_with(s, &account, &one);
    gp_wipe(&one.verifier, sizeof(one.verifier));
    return status;
}

/* ---- passwords ------------------------------------------------------------------------------------------------------- */
static void remember(struct signin *s)
{
    enum { SECOND_MS = 1000 };
    struct vault *v    = s->peer->vault;
    gp_time       most = (gp_time)asked(s)->remember * SECOND_MS;
    if (most && s->round.changes == v->changes)
        recent_add(v->recent, s->found.id, s->x.secret, loop_now(v->loop) + most);
}

static gp_status right_password(struct signin *s, gp_str name)
{
    gp_status status = heard_user(s, name);
    if (status == GP_OK) remember(s);
    return status;
}

gp_str heard_dearest(const struct vault *v, uint32_t *cost)
{
    gp_str dearest = GP_LIT("");
    *cost          = 0;
    for (size_t i = 0; i < v->config->lookup_count; i++) {
        gp_str   text = gp_from(v->samples[i].text);
        uint32_t one  = text.len ? gp_password_cost(text) : 0;
        if (one > *cost) {
            dearest = text;
            *cost   = one;
        }
    }
    return dearest;
}

/* One that gives hashes has none for this name: its no has to be as slow as a wrong password, and the round sees to that. */
static gp_status owe_a_check(struct signin *s)
{
    s->round.owes |= source_gives_hashes(asked(s));
    return GP_PERMFAIL;
}

static void take_sample(struct signin *s, gp_str hash)
{
    struct gp_scram_keys keys;
    struct sample       *sample = &s->peer->vault->samples[s->round.source];
    if (foreign_may_be_kept(hash)) (void)gp_copy_z(hash, sample->text, sizeof(sample->text));
    if (foreign_scram(hash, &keys)) {
        sample->scram[keys.hash].iterations = keys.iterations;
        sample->scram[keys.hash].salt_len   = keys.salt_len;
    }
    gp_wipe(&keys, sizeof(keys));
}

/* Nobody can sign in with it, now or later: the administrator is told, and the client hears what a wrong password hears. */
static gp_status useless_hash(struct signin *s, const char *wrong)
{
    LOG(LOG_ERROR, "source", LOG_N("session", s->session), LOG_Z("source", asked(s)->name), LOG_Z("reason", wrong),
        LOG_Z("hint", "what this source gives is no password hash that gatepost knows: see docs/sources.md"));
    round_settle(s);
    (void)owe_a_check(s);
    return answer_refuse(s, wrong);
}

static gp_status check_hash(struct signin *s, const struct msg_looked *m)
{
    uint32_t    cost;
    const char *wrong = gp_password_wrong(m->hash);
    if (wrong) return useless_hash(s, wrong);
    if (!gp_copy_z(m->user, s->round.name, sizeof(s->round.name)))
        return round_unclear(s, "the name there is too long");
    take_sample(s, m->hash);
    (void)heard_dearest(s->peer->vault, &cost);
    s->round.waits   = ROUND_HASH;
    gp_status status = check_foreign(s, m->hash, cost ? cost : 1);
    return status == GP_TEMPFAIL ? round_unclear(s, s->reason) : status;
}

gp_status heard_of_password(struct signin *s, const struct msg_looked *m)
{
    switch (m->status) {
    case GP_OK: return right_password(s, m->user);
    case GP_WAIT: return check_hash(s, m);
    case GP_PERMFAIL: (void)refuse_by(s, m); return owe_a_check(s);
    default: return unclear_by(s, m);
    }
}

/* ---- SCRAM ------------------------------------------------------------------------------------------------------------- */
static bool read_keys(struct signin *s, gp_str hash, struct gp_scram_keys *keys)
{
    take_sample(s, hash);
    if (foreign_scram(hash, keys) && keys->hash == s->x.mech->hash) return true;
    gp_wipe(keys, sizeof(*keys));
    return false;
}

gp_status heard_of_salt(struct signin *s, const struct msg_looked *m)
{
    struct gp_scram_keys keys;
    if (m->status == GP_PERMFAIL) return refuse_by(s, m);
    if (m->status != GP_WAIT) return unclear_by(s, m);
    round_settle(s);
    if (!read_keys(s, m->hash, &keys)) return GP_PERMFAIL; /* what is made up stays */
    s->x.scram.iterations = keys.iterations;
    s->x.scram.salt_len   = keys.salt_len;
    memcpy(s->x.scram.salt, keys.salt, keys.salt_len);
    gp_wipe(&keys, sizeof(keys));
    return GP_OK;
}

/* Who is nobody could be somebody there: the count, and where the store has no keys at all the length of the salt, of the last keys
 * that a source gave. They are not kept beyond the process. */
static const struct sample *sample_of(const struct signin *s)
{
    const struct vault *v = s->peer->vault;
    for (size_t i = 0; i < v->config->lookup_count; i++)
        if (v->samples[i].scram[s->x.mech->hash].iterations) return &v->samples[i];
    return NULL;
}

static void add_count(struct survey *all, uint32_t iterations)
{
    uint32_t accounts = 0;
    size_t   at       = all->count_count < SURVEY_COUNTS_MOST ? all->count_count++ : SURVEY_COUNTS_MOST - 1;
    for (size_t i = 0; i < at; i++) accounts += all->counts[i].accounts;
    all->counts[at] = (struct survey_count) { iterations, accounts ? accounts : 1 }; /* as many there as here */
}

static void stretch_salt(struct gp_scram_keys *out, size_t len)
{
    uint8_t more[GP_DIGEST_MOST];
    if (len <= out->salt_len || !gp_digest(GP_SHA512, (gp_str) { (const char *)out->salt, out->salt_len }, more)) {
        out->salt_len = len < out->salt_len ? len : out->salt_len;
        return;
    }
    memcpy(out->salt, more, len);
    out->salt_len = len;
}

bool round_make_up(const struct signin *s, gp_str name, struct gp_scram_keys *out)
{
    const struct vault  *v      = s->peer->vault;
    struct survey        all    = v->survey;
    enum gp_hash         hash   = s->x.mech->hash;
    const struct sample *sample = round_has_scram(s) ? sample_of(s) : NULL;
    if (sample) add_count(&all, sample->scram[hash].iterations);
    bool made = verifier_unknown_user(&v->keys, hash, name, survey_iterations(&all, &v->keys, name), out);
    if (made && sample && v->survey.count_count == 0) stretch_salt(out, sample->scram[hash].salt_len);
    return made;
}

/* Asked for anew: no keys are held while the client thinks. */
gp_status heard_of_proof(struct signin *s, const struct msg_looked *m)
{
    struct gp_scram_keys keys;
    if (m->status == GP_PERMFAIL) return refuse_by(s, m);
    if (m->status != GP_WAIT) return unclear_by(s, m);
    round_settle(s);
    if (!read_keys(s, m->hash, &keys))
        return answer_refuse(s, "the source keeps no SCRAM keys of this kind for the user");
    bool fits = gp_sasl_fits_keys(&s->x, &keys);
    gp_wipe(&keys, sizeof(keys));
    return fits ? heard_user(s, m->user) : answer_refuse(s, "wrong password");
}

/* ---- tokens ------------------------------------------------------------------------------------------------------------ */
/* Where the source's names are kept without its domain, its users know them with it. An account of the whole name comes first. */
static gp_str named_there(const struct signin *s)
{
    struct account whole;
    gp_str         named = answer_named(s), domain = named, local = gp_cut(&domain, '@');
    if (local.len == 0 || domain.len == 0 || !gp_is(domain, asked(s)->strip_domain)) return named;
    return accounts_find(s->peer->vault->accounts, named, &whole) == GP_PERMFAIL ? local : named;
}

/* Whose it is comes from the token alone: from the credential that was linked to its subject, or else from its user's name. */
static gp_status open_with_token(struct signin *s, const struct msg_looked *m)
{
    gp_status status = GP_PERMFAIL;
    gp_str    named  = named_there(s);
    s->round.ended   = true;
    s->ends          = (gp_time)m->ends;
    if (m->subject.len) {
        status = answer_subject(s, CREDENTIAL_OAUTH, m->subject, named);
        if (status != GP_PERMFAIL || s->account) return status;
    }
    s->reason = NULL;
    if (m->user.len == 0) return answer_refuse(s, "the token names nobody");
    status = heard_user(s, m->user);
    return status == GP_OK && named.len ? answer_act_for(s, named) : status;
}

gp_status heard_of_token(struct signin *s, const struct msg_looked *m)
{
    if (m->status == GP_OK) return open_with_token(s, m);
    return m->status == GP_PERMFAIL ? refuse_by(s, m) : unclear_by(s, m);
}

gp_status heard_hash(struct signin *s, gp_status verdict)
{
    if (verdict == GP_OK) return right_password(s, gp_from(s->round.name));
    if (verdict == GP_TEMPFAIL) return round_unclear(s, s->reason);
    round_settle(s);
    s->round.checked = true;
    return answer_refuse(s, "wrong password");
}
