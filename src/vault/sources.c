/* An exchange's question on its way through those who may know: the sources of accounts and, among them, the store.
 *
 *   waits    for                              then
 *   NOTHING  -                                no question is on its way, or it is answered
 *   STORE    a check of the store's password  a yes ends it; else the next is asked
 *   SOURCE   a source's answer                a yes ends it, and so does a no to a user that it knows; else the next is asked
 *   HASH     a check of a source's hash       it has decided
 *   WORK     the work of such a check         it is a no
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
    [GP_SASL_IS_TOKEN]    = { LOOKUP_TOKEN,    false, false, source_checks_tokens, NULL,           heard_of_token    },
    [GP_SASL_GET_SCRAM]   = { LOOKUP_HASH,     true,  true,  source_gives_hashes,     NULL,           heard_of_salt     },
    [GP_SASL_IS_PROOF]    = { LOOKUP_HASH,     true,  false, source_gives_hashes,     NULL,           heard_of_proof    },
  /* clang-format on */
};

static const struct quest *quest_of(const struct signin *s)
{
    return &quests[s->x.ask];
}

bool round_has_scram(const struct signin *s)
{
    return !signin_in_lane(s) && sources_give_hashes(s->peer->vault->config) && !s->who.scram.iterations &&
           !(s->x.mech->traits & GP_SASL_NEEDS_SECRET);
}

/* ---- what is known so far ---------------------------------------------------------------------------------------- */
gp_status round_unclear(struct signin *s, const char *why)
{
    if (!s->round.unclear) s->round.unclear = why ? why : "it cannot be told now";
    return GP_TEMPFAIL;
}

/* What one source says of a name settles it, unless the name is an account's: whom that trusts are all asked. */
void round_settle(struct signin *s)
{
    s->round.ended |= !quest_of(s)->by_name || !s->who.id;
}

/* ---- the round ----------------------------------------------------------------------------------------------------------- */
static gp_status go_on(struct signin *s);

/* What was said by whom was asked last; WAIT: more has to be waited for. */
static void take_answer(struct signin *s, gp_status status)
{
    if (status == GP_WAIT) return;
    if (status == GP_TEMPFAIL) (void)round_unclear(s, s->reason);
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
        status = round_unclear(s, "the source's process is not there");
    take_answer(s, status);
}

static gp_status ask(struct signin *s, size_t source)
{
    struct vault       *v     = s->peer->vault;
    const struct quest *q     = quest_of(s);
    struct msg          m     = MSG(LOOKUP);
    bool                token = q->kind == LOOKUP_TOKEN, secret = q->kind != LOOKUP_HASH;
    s->round.source = source;
    s->round.at     = s->peer->vault->config->lookups[source].name;
    if (!v->lookups[source].channel) return round_unclear(s, "the source's process is not there yet");
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

/* All have said no. One who keeps hashes has none for this name: a check is made all the same, once, however many they are. */
static bool works_it_off(struct signin *s)
{
    uint32_t      cost;
    struct round *r = &s->round;
    if (!r->owes || r->checked || r->unclear) return false;
    r->no            = s->reason;
    r->checked       = true;
    r->waits         = ROUND_WORK;
    gp_status status = check_foreign(s, heard_dearest(s->peer->vault, &cost), 0);
    if (status == GP_WAIT) return true;
    (void)round_unclear(s, s->reason); /* as who is there, and whose hash cannot be checked now */
    return false;
}

static gp_status conclude(struct signin *s)
{
    struct round *r = &s->round;
    if (works_it_off(s)) return GP_WAIT;
    s->found = r->useless;
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
        if (status == GP_TEMPFAIL) (void)round_unclear(s, s->reason);
    }
    return conclude(s);
}

void round_checked(struct signin *s, gp_status verdict)
{
    enum round_wait what = s->round.waits;
    s->round.waits       = ROUND_NOTHING;
    if (what == ROUND_STORE) store_said(s, verdict);
    if (what == ROUND_HASH) verdict = heard_hash(s, verdict);
    if (what == ROUND_WORK) s->reason = verdict == GP_TEMPFAIL ? s->reason : s->round.no;
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
    if (signin_in_lane(s)) return GP_OK; /* nothing that they believe is good there */
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
        s->round.at     = v->config->lookups[i].name;
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
        struct round before = s->round;
        if (heard_user(s, gp_from(s->who.name)) == GP_OK) return GP_OK;
        s->round = before; /* right, and may not be used: that takes as long as a wrong one */
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
        if (!source_checks_tokens(l)) continue;
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
