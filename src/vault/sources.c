/* An exchange's question on its way through those who may know: the sources of accounts and, among them, the store.
 *
 *   waits    for                              then
 *   NOTHING  -                                no question is on its way, or it is answered
 *   STORE    a check of the store's password  a yes ends it; else the next is asked
 *   SOURCE   a source's answer                a yes ends it, and so does a no to a user that it knows; else the next is asked
 *   HASH     a check of a source's hash       it has decided
 *   WORK     the work of such a check         the next is asked, unless the source has decided
 *
 * An account that is there is asked about at the sources that its credentials name, and nowhere else, so that no source can take it over.
 * A name that nobody has yet goes to all in turn, up to the first that cannot tell: it might be that one's. */
#include <string.h>

#include "vault/parts.h"

/* ---- what is asked ------------------------------------------------------------------------------------------------- */
static bool checks_passwords(const struct config_lookup *l)
{
    return l->type != LOOKUP_OAUTH;
}

static bool checks_tokens(const struct config_lookup *l)
{
    return l->type == LOOKUP_OAUTH;
}

static bool gives_hashes(const struct config_lookup *l)
{
    return l->type == LOOKUP_PASSWD_FILE || l->type == LOOKUP_SQL || l->type == LOOKUP_HTTP ||
           (l->type == LOOKUP_LDAP && l->hash_attribute[0]);
}

static gp_status heard_of_password(struct signin *, const struct msg_looked *);
static gp_status heard_of_salt(struct signin *, const struct msg_looked *);
static gp_status heard_of_proof(struct signin *, const struct msg_looked *);
static gp_status heard_of_token(struct signin *, const struct msg_looked *);

static const struct quest {
    enum lookup_kind kind;
    bool             by_name;  /* who is asked depends on whose name it is                */
    bool             never_no; /* nobody knowing is fine: what was made up holds          */
    bool (*may_know)(const struct config_lookup *);
    gp_status (*ask_store)(struct signin *); /* in its turn; NULL: not at all, or it was asked */
    gp_status (*heard)(struct signin *, const struct msg_looked *);
} quests[] = {
  /* clang-format off */
    [GP_SASL_IS_PASSWORD] = { LOOKUP_PASSWORD, true,  false, checks_passwords, store_password, heard_of_password },
    [GP_SASL_IS_TOKEN]    = { LOOKUP_TOKEN,    false, false, checks_tokens,    NULL,           heard_of_token    },
    [GP_SASL_GET_SCRAM]   = { LOOKUP_HASH,     true,  true,  gives_hashes,     NULL,           heard_of_salt     },
    [GP_SASL_IS_PROOF]    = { LOOKUP_HASH,     true,  false, gives_hashes,     NULL,           heard_of_proof    },
  /* clang-format on */
};

static const struct quest *quest_of(const struct signin *s)
{
    return &quests[s->x.ask];
}

static const struct config_lookup *source_of(const struct signin *s, size_t source)
{
    return &s->peer->vault->config->lookups[source];
}

bool round_has_scram(const struct signin *s)
{
    const struct config *c    = s->peer->vault->config;
    bool                 some = false;
    for (size_t i = 0; i < c->lookup_count; i++) some |= gives_hashes(&c->lookups[i]);
    return some && !s->who.scram.iterations && !(s->x.mech->traits & GP_SASL_NEEDS_SECRET);
}

/* ---- what a source's answer means ---------------------------------------------------------------------------------- */
static gp_status unclear(struct signin *s, const char *why)
{
    if (!s->round.unclear) s->round.unclear = why ? why : "it cannot be told now";
    return GP_TEMPFAIL;
}

/* What one source says of a name settles it, unless the name is an account's: whom that trusts are all asked. */
static void settle(struct signin *s)
{
    s->round.ended |= !quest_of(s)->by_name || !s->who.id;
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
    if (m->known) settle(s);
    return answer_refuse(s, keep_words(&s->round, m->why, "the source says no"));
}

static gp_status unclear_by(struct signin *s, const struct msg_looked *m)
{
    return unclear(s, keep_words(&s->round, m->why, "the source cannot tell"));
}

/* The source's own word is not enough: the account must be one that it speaks for, and may be used here and now. */
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

/* name "": as the client said it. */
static gp_status open_by_name(struct signin *s, gp_str name)
{
    struct vault     *v   = s->peer->vault;
    const char       *why = "";
    struct account    account;
    struct credential one;
    int64_t           id  = 0;
    gp_str            who = name.len ? name : s->x.user, source = gp_from(source_of(s, s->round.source)->name);
    bool              is_new = accounts_find(v->accounts, who, &account) == GP_PERMFAIL;
    s->round.ended           = true;
    gp_status status         = accounts_provision(v->accounts, who, source, wall_now(), &account, &id, &why);
    if (status == GP_PERMFAIL) return answer_refuse(s, why);
    if (status == GP_OK) status = credential_get(v->accounts, id, &one);
    if (status != GP_OK) return answer_store_failed(s);
    if (is_new) say_provided(s, &account);
    status = open_with(s, &account, &one);
    gp_wipe(&one.verifier, sizeof(one.verifier));
    return status;
}

/* ---- passwords ------------------------------------------------------------------------------------------------------- */
static void remember(struct signin *s)
{
    enum { SECOND_MS = 1000 };
    struct vault *v    = s->peer->vault;
    gp_time       most = (gp_time)source_of(s, s->round.source)->remember * SECOND_MS;
    if (most && s->round.changes == v->changes)
        recent_add(v->recent, s->found.id, s->x.secret, loop_now(v->loop) + most);
}

static gp_status right_password(struct signin *s, gp_str name)
{
    gp_status status = open_by_name(s, name);
    if (status == GP_OK) remember(s);
    return status;
}

/* A no of one that gives hashes is as slow as a wrong password there. */
static gp_status pretend_for(struct signin *s)
{
    struct round *r = &s->round;
    if (!gives_hashes(source_of(s, r->source))) return GP_PERMFAIL;
    r->waits = ROUND_WORK;
    return check_foreign(s, gp_from(s->peer->vault->samples[r->source].text), true);
}

static void take_sample(struct signin *s, gp_str hash)
{
    struct gp_scram_keys keys;
    struct sample       *sample = &s->peer->vault->samples[s->round.source];
    if (!gp_copy_z(hash, sample->text, sizeof(sample->text))) sample->text[0] = '\0';
    if (foreign_scram(hash, &keys)) {
        sample->scram[keys.hash].iterations = keys.iterations;
        sample->scram[keys.hash].salt_len   = keys.salt_len;
    }
    gp_wipe(&keys, sizeof(keys));
}

static gp_status check_hash(struct signin *s, const struct msg_looked *m)
{
    if (!gp_copy_z(m->user, s->round.name, sizeof(s->round.name))) return unclear(s, "the name there is too long");
    take_sample(s, m->hash);
    s->round.waits   = ROUND_HASH;
    gp_status status = check_foreign(s, m->hash, false);
    return status == GP_TEMPFAIL ? unclear(s, s->reason) : status;
}

static gp_status heard_of_password(struct signin *s, const struct msg_looked *m)
{
    switch (m->status) {
    case GP_OK: return right_password(s, m->user);
    case GP_WAIT: return check_hash(s, m);
    case GP_PERMFAIL: (void)refuse_by(s, m); return pretend_for(s);
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

static gp_status heard_of_salt(struct signin *s, const struct msg_looked *m)
{
    struct gp_scram_keys keys;
    if (m->status == GP_PERMFAIL) return refuse_by(s, m);
    if (m->status != GP_WAIT) return unclear_by(s, m);
    settle(s);
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
static gp_status heard_of_proof(struct signin *s, const struct msg_looked *m)
{
    struct gp_scram_keys keys;
    if (m->status == GP_PERMFAIL) return refuse_by(s, m);
    if (m->status != GP_WAIT) return unclear_by(s, m);
    settle(s);
    if (!read_keys(s, m->hash, &keys))
        return answer_refuse(s, "the source keeps no SCRAM keys of this kind for the user");
    bool fits = gp_sasl_fits_keys(&s->x, &keys);
    gp_wipe(&keys, sizeof(keys));
    return fits ? open_by_name(s, m->user) : answer_refuse(s, "wrong password");
}

/* ---- tokens ------------------------------------------------------------------------------------------------------------ */
/* Whose it is comes from the token alone: from the credential that was linked to its subject, or else from its user's name. */
static gp_status open_with_token(struct signin *s, const struct msg_looked *m)
{
    gp_status status = GP_PERMFAIL;
    s->round.ended   = true;
    if (m->subject.len) {
        status = answer_subject(s, CREDENTIAL_OAUTH, m->subject);
        if (status != GP_PERMFAIL || s->account) return status;
    }
    s->reason = NULL;
    if (m->user.len == 0) return answer_refuse(s, "the token names nobody");
    status       = open_by_name(s, m->user);
    gp_str asked = s->x.authzid.len ? s->x.authzid : s->x.user;
    return status == GP_OK && asked.len ? answer_act_for(s, asked) : status;
}

static gp_status heard_of_token(struct signin *s, const struct msg_looked *m)
{
    if (m->status == GP_OK) return open_with_token(s, m);
    return m->status == GP_PERMFAIL ? refuse_by(s, m) : unclear_by(s, m);
}

/* ---- the round ----------------------------------------------------------------------------------------------------------- */
static gp_status go_on(struct signin *s);

/* What was said by whom was asked last; WAIT: more has to be waited for. */
static void take_answer(struct signin *s, gp_status status)
{
    if (status == GP_WAIT) return;
    if (status == GP_TEMPFAIL) (void)unclear(s, s->reason);
    if (status != GP_OK) status = go_on(s);
    if (status == GP_WAIT) return;
    s->round.waits = ROUND_NOTHING;
    signin_resume(s, status);
}

static void looked(void *owner, gp_status status, const struct msg *m)
{
    struct signin *s = owner;
    s->round.waits   = ROUND_NOTHING;
    if (status == GP_OK && m->type == MSG_LOOKED)
        status = quest_of(s)->heard(s, &m->looked);
    else
        status = unclear(s, "the source's process is not there");
    take_answer(s, status);
}

static gp_status ask(struct signin *s, size_t source)
{
    struct vault       *v     = s->peer->vault;
    const struct quest *q     = quest_of(s);
    struct msg          m     = MSG(LOOKUP);
    bool                token = q->kind == LOOKUP_TOKEN, secret = q->kind != LOOKUP_HASH;
    s->round.source = source;
    s->round.at     = source_of(s, source)->name;
    if (!v->lookups[source].channel) return unclear(s, "the source's process is not there yet");
    m.lookup = (struct msg_lookup) {
        .kind      = q->kind,
        .session   = s->session,
        .user      = token ? GP_LIT("") : s->x.user,
        .secret    = secret ? (gp_str) {s->x.secret.ptr, s->x.secret.len}
                : GP_LIT(""),
        .peer      = gp_from(s->address),
        .helo      = gp_from(s->helo),
        .mechanism = gp_from(s->mechanism)
    };
    s->round.waits = ROUND_SOURCE;
    ipc_ask(v->lookups[source].channel, &m, looked, s);
    return GP_WAIT;
}

static void store_said(struct signin *s, gp_status status)
{
    s->round.waits = ROUND_NOTHING;
    if (status == GP_OK) s->round.at = NULL;
    if (status == GP_PERMFAIL && s->found.id) s->round.useless = s->found;
}

static gp_status ask_store(struct signin *s)
{
    if (!quest_of(s)->ask_store) return GP_PERMFAIL;
    s->round.waits   = ROUND_STORE;
    gp_status status = quest_of(s)->ask_store(s);
    if (status != GP_WAIT) store_said(s, status);
    return status;
}

/* A name that is nobody's yet might be that of the one who cannot tell. */
static bool asks_no_more(const struct signin *s)
{
    return s->round.ended || (s->round.unclear && quest_of(s)->by_name && !s->who.id);
}

static gp_status ask_place(struct signin *s, size_t place)
{
    const struct config *c = s->peer->vault->config;
    if (place == c->store_at) return ask_store(s);
    size_t source = place - (place > c->store_at);
    return asks_no_more(s) || !(s->round.asks & 1U << source) ? GP_PERMFAIL : ask(s, source);
}

static gp_status conclude(struct signin *s)
{
    struct round *r = &s->round;
    s->found        = r->useless;
    if (r->useless.id) s->reason = s->found.refused;
    if (r->unclear && (quest_of(s)->by_name || !r->ended)) {
        s->reason = r->unclear;
        return GP_TEMPFAIL;
    }
    return quest_of(s)->never_no ? GP_OK : GP_PERMFAIL;
}

static gp_status go_on(struct signin *s)
{
    while (s->round.place <= s->peer->vault->config->lookup_count) {
        gp_status status = ask_place(s, s->round.place++);
        if (status == GP_OK || status == GP_WAIT) return status;
        if (status == GP_TEMPFAIL) (void)unclear(s, s->reason);
    }
    return conclude(s);
}

static gp_status hash_said(struct signin *s, gp_status verdict)
{
    if (verdict == GP_OK) return right_password(s, gp_from(s->round.name));
    if (verdict == GP_TEMPFAIL) return unclear(s, s->reason);
    settle(s);
    return answer_refuse(s, "wrong password");
}

/* What the source has said stands. */
static gp_status work_done(struct signin *s)
{
    return answer_refuse(s, keep_words(&s->round, GP_NONE, s->round.why));
}

void round_checked(struct signin *s, gp_status verdict)
{
    enum round_wait what = s->round.waits;
    s->round.waits       = ROUND_NOTHING;
    if (what == ROUND_STORE) store_said(s, verdict);
    if (what == ROUND_HASH) verdict = hash_said(s, verdict);
    if (what == ROUND_WORK) verdict = work_done(s);
    take_answer(s, verdict);
}

/* ---- who is asked ------------------------------------------------------------------------------------------------------------ */
static void note_credential(struct signin *s, const struct credential *c)
{
    const struct config *config = s->peer->vault->config;
    for (size_t i = 0; i < config->lookup_count; i++) {
        if (c->kind != CREDENTIAL_SOURCE || !gp_is(gp_from(c->subject), config->lookups[i].name)) continue;
        s->round.known[i] = c->id; /* the last of several, as the store has it */
        if (quest_of(s)->may_know(&config->lookups[i])) s->round.asks |= 1U << i;
    }
}

static gp_status choose_by_credentials(struct signin *s)
{
    struct credential one;
    gp_status         status;
    auto_rows         r = credentials_of(s->peer->vault->accounts, s->who.id);
    while ((status = credentials_next(&r, &one)) == GP_OK) note_credential(s, &one);
    gp_wipe(&one.verifier, sizeof(one.verifier));
    return status == GP_PERMFAIL ? GP_OK : answer_store_failed(s);
}

static gp_status choose(struct signin *s)
{
    const struct config *c = s->peer->vault->config;
    if (c->lookup_count && s->who.id && quest_of(s)->by_name) return choose_by_credentials(s);
    for (size_t i = 0; i < c->lookup_count; i++)
        if (quest_of(s)->may_know(&c->lookups[i])) s->round.asks |= 1U << i;
    return GP_OK;
}

/* One that a source has called right a moment ago is asked nowhere. */
static bool was_right_lately(struct signin *s)
{
    struct vault *v = s->peer->vault;
    for (size_t i = 0; i < v->config->lookup_count; i++) {
        if (!(s->round.asks & 1U << i) || !s->round.known[i]) continue;
        if (!recent_has(v->recent, s->round.known[i], s->x.secret, loop_now(v->loop))) continue;
        s->round.source = i;
        s->round.at     = source_of(s, i)->name;
        return true;
    }
    return false;
}

gp_status round_start(struct signin *s)
{
    s->round = (struct round) { .changes = s->peer->vault->changes };
    if (quest_of(s)->kind != LOOKUP_PASSWORD && s->found.id) s->round.useless = s->found;
    if (choose(s) != GP_OK) return GP_TEMPFAIL;
    if (quest_of(s)->kind == LOOKUP_PASSWORD && was_right_lately(s)) {
        gp_status status = open_by_name(s, gp_from(s->who.name));
        return status == GP_OK ? status : conclude(s);
    }
    return go_on(s);
}

void round_forget(struct signin *s)
{
    struct vault *v = s->peer->vault;
    if (s->round.waits == ROUND_SOURCE && v->lookups[s->round.source].channel)
        ipc_forget(v->lookups[s->round.source].channel, s);
}

/* ---- tokens: what there is -------------------------------------------------------------------------------------------------- */
static void put(const char *text, const char *more, char *out, size_t room)
{
    struct gp_text said = { .ptr = out, .room = room - 1 };
    gp_put_z(&said, text);
    gp_put_z(&said, more);
    out[said.cut ? 0 : said.len] = '\0';
}

/* The first is told: a client has one place to go for a token. */
void sources_open(struct vault *v)
{
    for (size_t i = v->config->lookup_count; i > 0; i--) {
        const struct config_lookup *l = &v->config->lookups[i - 1];
        if (!checks_tokens(l)) continue;
        v->tokens = true;
        put(l->scope, "", v->scope, sizeof(v->scope));
        put(gp_starts(gp_from(l->issuer), "https://") ? l->issuer : "",
            gp_starts(gp_from(l->issuer), "https://") ? "/.well-known/openid-configuration" : "", v->discovery,
            sizeof(v->discovery));
    }
}

void sources_hint(const struct vault *v, struct gp_sasl *x)
{
    x->scope     = gp_from(v->scope);
    x->discovery = gp_from(v->discovery);
}
