/* Sign-ins in progress: one exchange per session of an smtpd, found by (channel, session), bounded in number and time.
 *   CLIENT'S TURN  question == 0: a challenge was sent; SASL_LINE or SASL_ABORT may come, or time runs out
 *   OURS           question != 0: a check is running on a thread; signin_resume comes
 * A verdict ends it: answered, logged, wiped. So do the client's leaving, time, and others who need the place. */
#include <stdlib.h>
#include <string.h>

#include "vault/parts.h"
#include "store/mechanisms.h"

enum { SECOND_MS = 1000 };

/* ---- the table ------------------------------------------------------------------------------------------------------- */
static struct signin **bucket_of(struct vault *v, const struct peer *peer, uint64_t session)
{
    enum { SPREAD = 31 };
    return &v->signins[(session * SPREAD + peer->index) % SIGNIN_BUCKETS];
}

static struct signin *find(struct peer *peer, uint64_t session)
{
    struct signin *s = *bucket_of(peer->vault, peer, session);
    while (s && (s->peer != peer || s->session != session)) s = s->next;
    return s;
}

static void link_youngest(struct vault *v, struct signin *s)
{
    s->older = v->youngest;
    if (v->youngest)
        v->youngest->younger = s;
    else
        v->oldest = s;
    v->youngest = s;
    v->signin_count++;
}

static void unlink_age(struct vault *v, struct signin *s)
{
    *(s->older ? &s->older->younger : &v->oldest)     = s->younger;
    *(s->younger ? &s->younger->older : &v->youngest) = s->older;
    v->signin_count--;
}

static bool is_lane(const struct vault *v, uint64_t listener)
{
    return v->config->listen[listener].kind == LISTEN_LEGACY;
}

bool signin_in_lane(const struct signin *s)
{
    return is_lane(s->peer->vault, s->listener);
}

static void drop(struct signin *s)
{
    struct vault   *v  = s->peer->vault;
    struct signin **at = bucket_of(v, s->peer, s->session);
    while (*at != s) at = &(*at)->next;
    *at = s->next;
    unlink_age(v, s);
    gate_forget(s);
    check_forget(s->check);
    round_forget(s);
    upgrade_drop(s->upgrade);
    gp_sasl_end(&s->x); /* wipes what was lent to it */
    free(s->token);
    file_free(s->chain);
    gp_wipe(s, sizeof(*s));
    free(s);
}

static void copy_text(char *out, size_t room, gp_str text)
{
    if (!gp_copy_z(gp_head(text, room - 1), out, room)) out[0] = '\0';
}

/* ---- verdicts ---------------------------------------------------------------------------------------------------------- */
static const char *reason_of(const struct signin *s)
{
    static const char *const reasons[] = {
        [GP_SASL_NO_REASON]   = "",
        [GP_SASL_NOT_BASE64]  = "the client's line is not base64",
        [GP_SASL_CANCELLED]   = "the client cancelled",
        [GP_SASL_TOO_EARLY]   = "an initial response where the server speaks first",
        [GP_SASL_UNKNOWN]     = "the mechanism is not known or not allowed here",
        [GP_SASL_MALFORMED]   = "the client's message is malformed",
        [GP_SASL_REFUSED]     = "wrong password",
        [GP_SASL_BAD_BINDING] = "channel binding differs",
        [GP_SASL_UNAVAILABLE] = "the verdict could not be reached",
        [GP_SASL_WEAK_TLS]    = "", /* nothing is begun then */
    };
    bool mine =
        s->reason && (s->x.why == GP_SASL_REFUSED || s->x.why == GP_SASL_UNAVAILABLE || s->x.why == GP_SASL_CANCELLED);
    if (mine) return s->reason;
    return s->x.detail ? s->x.detail : reasons[s->x.why];
}

static const char *result_of(const struct signin *s, bool right)
{
    if (right) return "ok";
    return s->x.why == GP_SASL_UNAVAILABLE ? "put off" : "refused";
}

/* A client whose message was refused before anybody was looked for has said a name all the same. */
static gp_str name_of(const struct signin *s)
{
    return policy_name_for_log(s->name[0] ? gp_from(s->name) : s->x.user, s->account != 0);
}

/* As whom it acts, or would have. */
static gp_str acts_as(const struct signin *s)
{
    if (s->acting != s->account) return gp_from(s->acting_name);
    bool refused = s->x.why == GP_SASL_REFUSED && s->x.authzid.len > 0;
    return refused ? policy_name_for_log(s->x.authzid, false) : GP_NONE;
}

static gp_str incident_of(const struct signin *s)
{
    return s->incident[0] ? gp_from(s->incident) : GP_NONE;
}

static gp_str some(const char *z)
{
    return z[0] ? gp_from(z) : GP_NONE;
}

/* The audit has the account's own name where the client was right about one, whichever way it spelt that. */
static void record_end(const struct signin *s, enum trail_kind kind, const char *result, gp_str reason, gp_str tls)
{
    const struct vault *v     = s->peer->vault;
    bool                known = s->account != 0 && s->who.id == s->account;
    struct audit_entry  e     = { .when       = wall_now(),
                                  .event      = "sign-in",
                                  .account    = s->account,
                                  .credential = s->found.id,
                                  .incident   = incident_of(s),
                                  .name       = known ? gp_from(s->who.name) : name_of(s) };
    TRAIL(s->peer->vault, kind, &e, AUDIT_Z("result", result), AUDIT_S("reason", reason), AUDIT_Z("peer", s->address),
          AUDIT_Z("listener", v->config->listen[s->listener].name),
          AUDIT_Z("lane", signin_in_lane(s) ? "legacy" : NULL), AUDIT_Z("mechanism", s->mechanism),
          AUDIT_Z("source", s->round.at), AUDIT_S("tls", tls), AUDIT_S("helo", some(s->helo)),
          AUDIT_S("acting_for", acts_as(s)));
}

static void log_end(const struct signin *s, enum log_level level, const char *result, gp_str reason)
{
    char           room[2 * SIGNIN_TEXT];
    struct gp_text tls = GP_TEXT(room);
    gp_put_z(&tls, s->tls_version);
    if (s->tls_cipher[0]) gp_put_char(&tls, ' '); /* another server that asks us may not say it */
    gp_put_z(&tls, s->tls_cipher);
    LOG(level, "sign-in", LOG_N("session", s->session), LOG_S("account", name_of(s)), LOG_N("credential", s->found.id),
        LOG_Z("peer", s->address), LOG_Z("listener", s->peer->vault->config->listen[s->listener].name),
        LOG_Z("mechanism", s->mechanism), LOG_S("source", s->round.at ? gp_from(s->round.at) : GP_NONE),
        LOG_S("tls", s->tls_version[0] ? gp_said(&tls) : GP_NONE), LOG_Z("helo", s->helo),
        LOG_S("acting_for", acts_as(s)), LOG_Z("result", result), LOG_S("incident", incident_of(s)),
        LOG_S("reason", reason));
    record_end(s, level == LOG_INFO ? TRAIL_EVENT : TRAIL_REFUSAL, result, reason,
               s->tls_version[0] ? gp_said(&tls) : GP_NONE);
}

/* "the old credential of a rotation was used: it works until 2026-12-24 18:00" */
static void log_old_one(const struct signin *s)
{
    char           room[JUDGE_TEXT];
    struct gp_text text = GP_TEXT(room);
    judge_put_name(&text, s->found.id, s->found.label);
    gp_put_z(&text, ", the old one of a rotation, was used: it works until ");
    moment_put(&text, s->found.retires);
    LOG(LOG_WARN, "credential", LOG_N("session", s->session), LOG_Z("account", s->name),
        LOG_N("credential", s->found.id), LOG_Z("peer", s->address), LOG_Z("helo", s->helo),
        LOG_S("reason", gp_said(&text)), LOG_Z("hint", "give this client the new one"));
}

/* It had the server's proof, and so knows that its password was right, before it could be told yes (RFC 5802 3): somebody may have guessed it. */
static bool stopped_short(const struct signin *s)
{
    enum gp_sasl_why why = s->x.why;
    return s->gate.fits && (why == GP_SASL_NO_REASON || why == GP_SASL_CANCELLED || why == GP_SASL_NOT_BASE64 ||
                            why == GP_SASL_MALFORMED);
}

/* The client is told no incident that it was not told already; the record has one. */
static void log_no(struct signin *s, const char *result, const char *why)
{
    char           room[2 * SIGNIN_TEXT];
    struct gp_text reason = GP_TEXT(room);
    if (!stopped_short(s)) {
        log_end(s, LOG_WARN, result, gp_from(why));
        return;
    }
    gp_put_z(&reason, "the password was right; ");
    gp_put_z(&reason, why);
    if (!s->incident[0]) gp_new_incident(s->incident);
    log_end(s, LOG_WARN, result, gp_said(&reason));
}

static void log_verdict(struct signin *s, bool right)
{
    if (!right) {
        log_no(s, result_of(s, false), reason_of(s));
        return;
    }
    log_end(s, LOG_INFO, result_of(s, true), GP_NONE);
    if (s->found.retires) log_old_one(s);
}

/* It ends without a verdict. */
static void abandon(struct signin *s, const char *why)
{
    log_no(s, "abandoned", why);
    drop(s);
}

/* The store is asked once more: a check takes time, and an exchange as long as the client likes. */
static enum gp_sasl_step confirm(struct signin *s)
{
    const char *why = NULL;
    if (!s->found.id ||
        s->found.refused[0]) { /* whoever said yes: nothing opens without a credential that may be used */
        s->x.why  = GP_SASL_REFUSED;
        s->reason = s->found.refused[0] ? s->found.refused : "no credential was found to be right";
        return GP_SASL_FAILED;
    }
    gp_status status = accounts_in_force(s->peer->vault->accounts, s->acting, s->found.id, wall_now(), &why);
    if (status == GP_OK) return GP_SASL_DONE;
    s->x.why  = status == GP_PERMFAIL ? GP_SASL_REFUSED : GP_SASL_UNAVAILABLE;
    s->reason = status == GP_PERMFAIL ? why : "the store could not be read";
    return GP_SASL_FAILED;
}

/* A no that is one; of the others the client is told what is wrong with its line, and needs nobody to explain it. */
static bool is_decision(enum gp_sasl_why why)
{
    return why != GP_SASL_NOT_BASE64 && why != GP_SASL_CANCELLED && why != GP_SASL_TOO_EARLY;
}

static struct msg result(enum gp_sasl_step step, enum gp_sasl_why why, const char *incident)
{
    struct msg m  = MSG(SASL_RESULT);
    m.sasl_result = (struct msg_sasl_result) { .step     = step,
                                               .why      = why,
                                               .text     = GP_LIT(""),
                                               .user     = GP_LIT(""),
                                               .signer   = GP_LIT(""),
                                               .incident = gp_from(incident) };
    return m;
}

static void say(struct signin *s, enum gp_sasl_step step)
{
    if (step == GP_SASL_FAILED && is_decision(s->x.why)) gp_new_incident(s->incident);
    struct msg m     = result(step, s->x.why, s->incident);
    bool       right = step == GP_SASL_DONE;
    if (right) {
        m.sasl_result.account    = (uint64_t)s->acting;
        m.sasl_result.credential = (uint64_t)s->found.id;
        m.sasl_result.ends       = (uint64_t)s->ends;
        m.sasl_result.user       = gp_from(s->acting_name);
        m.sasl_result.signer     = gp_from(s->name);
    }
    if (step == GP_SASL_CHALLENGE && s->x.out.ptr) m.sasl_result.text = s->x.out;
    uint32_t question = s->question;
    s->question       = 0;
    ipc_answer(s->peer->channel, question, &m);
}

static void note_source(const struct signin *s, bool right)
{
    struct vault *v     = s->peer->vault;
    bool          wrong = s->x.why == GP_SASL_REFUSED || (s->x.why == GP_SASL_UNAVAILABLE && s->denied);
    if (right || wrong) line_note(&v->line, s->source, right, loop_now(v->loop));
}

/* The client has its answer. */
static void note_use(struct signin *s)
{
    uses_note(s->peer->vault, s);
    session_opened(s);
    gate_right(s);
    if (s->upgrade) upgrade_start(s->upgrade);
    s->upgrade = NULL;
}

/* Goes on until the client has to speak, a thread has to think, or all is said. */
static void go_on(struct signin *s, enum gp_sasl_step step)
{
    while (step == GP_SASL_ASK) {
        gp_status answer = answer_question(s);
        if (answer == GP_WAIT) return;
        gate_heard(s, answer);
        s->x.answer = answer;
        step        = gp_sasl_resume(&s->x);
    }
    if (step == GP_SASL_DONE) step = confirm(s);
    say(s, step);
    if (step == GP_SASL_CHALLENGE) return;
    log_verdict(s, step == GP_SASL_DONE);
    note_source(s, step == GP_SASL_DONE);
    if (step == GP_SASL_DONE) note_use(s);
    drop(s);
}

void signin_resume(struct signin *s, gp_status answer)
{
    gate_heard(s, answer);
    s->x.answer = answer;
    go_on(s, gp_sasl_resume(&s->x));
}

/* Nothing was said of who it is. */
static void refuse(struct peer *peer, uint32_t question, enum gp_sasl_why why, char incident[static GP_INCIDENT_ROOM])
{
    gp_new_incident(incident);
    struct msg m = result(GP_SASL_FAILED, why, incident);
    if (why == GP_SASL_WEAK_TLS) m.sasl_result.text = gp_from(policy_tls_reply(peer->vault->config));
    ipc_answer(peer->channel, question, &m);
}

/* ---- room for one more ----------------------------------------------------------------------------------------------------- */
/* For its client, or because answers to its address are slow. */
static bool only_waits(const struct signin *s)
{
    return !s->question || s->gate.due;
}

/* Who leaves exchanges open holds places of others: when all are taken, the oldest that only waits gives way, of the
 * address that has the most of those. Its client hears 454, when it speaks again or at once. */
static bool make_room(struct vault *v)
{
    struct crowd   crowd  = { 0 };
    struct signin *victim = NULL;
    for (struct signin *s = v->oldest; s; s = s->younger)
        if (only_waits(s)) crowd_add(&crowd, s->source);
    for (struct signin *s = v->oldest; s && !victim; s = s->younger)
        if (only_waits(s) && s->source == crowd.biggest) victim = s;
    if (!victim) return false;
    if (victim->question) refuse(victim->peer, victim->question, GP_SASL_UNAVAILABLE, victim->incident);
    abandon(victim, "others needed the place: too many sign-ins at once");
    return true;
}

static struct signin *add(struct peer *peer, const struct msg_sasl_start *m)
{
    struct vault *v = peer->vault;
    if (v->signin_count >= SIGNINS_MOST && !make_room(v)) return NULL;
    struct signin *s = calloc(1, sizeof(*s));
    if (!s) return NULL;
    s->peer     = peer;
    s->session  = m->session;
    s->started  = loop_now(v->loop);
    s->listener = (size_t)m->listener;
    s->nameless = m->nameless;
    copy_text(s->mechanism, sizeof(s->mechanism), m->mechanism);
    s->source = place_digest(m->peer);
    copy_text(s->address, sizeof(s->address), m->peer);
    copy_text(s->helo, sizeof(s->helo), m->helo);
    copy_text(s->tls_version, sizeof(s->tls_version), m->tls_version);
    copy_text(s->tls_cipher, sizeof(s->tls_cipher), m->tls_cipher);
    struct signin **bucket = bucket_of(v, peer, m->session);
    s->next                = *bucket;
    *bucket                = s;
    link_youngest(v, s);
    return s;
}

/* ---- what smtpd says ------------------------------------------------------------------------------------------------------ */
/* smtpd reads what strangers send, so what it says is held to what it could say. */
static bool is_sound(const struct vault *v, const struct msg_sasl_start *m)
{
    bool binds = m->binding == GP_BIND_TLS_UNIQUE || m->binding == GP_BIND_TLS_EXPORTER;
    return m->listener < v->config->listen_count && (binds || m->binding == GP_BIND_NONE) &&
           binds == (m->binding_data.len > 0) && m->binding_data.len <= GP_SASL_BIND_MOST &&
           m->end_point.len <= GP_SASL_BIND_MOST && m->chain.len <= GP_PEER_CHAIN_MOST;
}

static const struct gp_sasl_mech *allowed(const struct vault *v, const struct msg_sasl_start *m)
{
    struct policy_facts facts = offer_facts(v, m->listener);
    facts.peers               = facts.peers && m->chain.len > 0;
    return policy_mechanism(offer_configured(v, m->listener), &facts, m->mechanism, m->tls_version.len > 0);
}

static bool is_retired(const struct vault *v, const struct msg_sasl_start *m)
{
    return v->config->policy.mechanisms.mode == POLICY_ENFORCE && !is_lane(v, m->listener) &&
           policy_is_retired(v->config, m->mechanism);
}

/* What stands against any sign-in like this one, whoever it is. NO_REASON: nothing, and *mech is the mechanism. */
static enum gp_sasl_why objection(const struct vault *v, const struct msg_sasl_start *m,
                                  const struct gp_sasl_mech **mech)
{
    if (!is_sound(v, m)) {
        LOG(LOG_ERROR, "sign-in", LOG_N("session", m->session), LOG_Z("reason", "what smtpd says cannot be"));
        return GP_SASL_UNAVAILABLE;
    }
    *mech = allowed(v, m);
    if (!*mech) return GP_SASL_UNKNOWN;
    bool weak = v->config->policy.tls.mode == POLICY_ENFORCE && !is_lane(v, m->listener) &&
                policy_tls_is_less(v->config, m->tls_version);
    return weak ? GP_SASL_WEAK_TLS : GP_SASL_NO_REASON;
}

/* false: no memory. */
static bool equip(struct signin *s, const struct msg_sasl_start *m, unsigned traits)
{
    bool  proves = traits & GP_SASL_NEEDS_PEER;
    char *chain  = proves ? malloc(m->chain.len) : NULL;
    if (chain) memcpy(chain, m->chain.ptr, m->chain.len);
    s->chain = (gp_str) { chain, chain ? m->chain.len : 0 };
    s->token = traits & GP_SASL_NEEDS_TOKEN ? malloc(GP_SASL_TOKEN_MOST) : NULL;
    return proves ? chain != NULL : !(traits & GP_SASL_NEEDS_TOKEN) || s->token;
}

/* RFC 5802 6: a client that could bind and does not is told apart by whether EHLO listed a -PLUS form to it. */
static void open_exchange(struct signin *s, const struct msg_sasl_start *m)
{
    bool binds = m->binding_data.len > 0 || m->end_point.len > 0;
    bool plus  = policy_lists_plus(gp_from(s->peer->vault->offered[s->listener]));
    gp_sasl_init(&s->x, (enum gp_sasl_binding)m->binding, m->binding_data, binds && plus);
    gp_sasl_bind(&s->x, GP_BIND_TLS_SERVER_END_POINT, m->end_point);
    if (s->token) gp_sasl_lend(&s->x, s->token, GP_SASL_TOKEN_MOST);
    if (s->token) sources_hint(s->peer->vault, &s->x);
}

static void put_why(struct gp_text *out, const struct vault *v, const struct msg_sasl_start *m, enum gp_sasl_why why)
{
    if (why == GP_SASL_WEAK_TLS)
        policy_put_tls(out, v->config, m->tls_version);
    else if (why != GP_SASL_UNKNOWN)
        gp_put_z(out, "too many sign-ins at once");
    else if (is_retired(v, m))
        gp_put_z(out, "no longer offered: policy.mechanisms.retire has the mechanism");
    else
        gp_put_z(out, "the mechanism is not known or not allowed here");
}

/* Nothing was begun; the log has a line all the same. */
static void refuse_start(struct peer *peer, const struct msg *m, enum gp_sasl_why why)
{
    const struct msg_sasl_start *start     = &m->sasl_start;
    const struct config         *config    = peer->vault->config;
    gp_str                       mechanism = gp_sasl_find(start->mechanism) ? start->mechanism : GP_NONE;
    gp_str                       tls       = start->tls_version.len > 0 ? start->tls_version : GP_NONE;
    const char                  *result    = why == GP_SASL_UNAVAILABLE ? "put off" : "refused";
    const char    *listener = start->listener < config->listen_count ? config->listen[start->listener].name : NULL;
    char           incident[GP_INCIDENT_ROOM], room[JUDGE_TEXT];
    struct gp_text reason = GP_TEXT(room);
    put_why(&reason, peer->vault, start, why);
    refuse(peer, m->question, why, incident);
    struct audit_entry e = { .when = wall_now(), .event = "sign-in", .incident = gp_from(incident) };
    LOG(LOG_WARN, "sign-in", LOG_N("session", start->session), LOG_S("peer", start->peer), LOG_Z("listener", listener),
        LOG_S("mechanism", mechanism), LOG_S("tls", tls), LOG_S("helo", start->helo), LOG_Z("result", result),
        LOG_Z("incident", incident), LOG_S("reason", gp_said(&reason)));
    TRAIL(peer->vault, TRAIL_REFUSAL, &e, AUDIT_Z("result", result), AUDIT_S("reason", gp_said(&reason)),
          AUDIT_S("peer", start->peer), AUDIT_Z("listener", listener), AUDIT_S("mechanism", mechanism),
          AUDIT_S("tls", tls), AUDIT_S("helo", start->helo.len > 0 ? start->helo : GP_NONE));
}

void exchange_start(struct peer *peer, struct msg *m)
{
    const struct msg_sasl_start *start = &m->sasl_start;
    struct vault                *v     = peer->vault;
    struct signin               *s     = find(peer, start->session);
    if (s) abandon(s, "the session began another"); /* it has one at a time */
    vault_refresh(v);
    const struct gp_sasl_mech *mech = NULL;
    enum gp_sasl_why           no   = objection(v, start, &mech);
    if (no) {
        refuse_start(peer, m, no);
        bool stray = no == GP_SASL_UNKNOWN && !is_retired(v, start) &&
                     !is_lane(v, start->listener); /* devices try what they know */
        if (stray) gate_stray(v, start->peer, start->helo);
        return;
    }
    s = add(peer, start);
    if (!s || !equip(s, start, mech->traits)) {
        refuse_start(peer, m, GP_SASL_UNAVAILABLE);
        if (s) drop(s);
        return;
    }
    s->question = m->question;
    open_exchange(s, start);
    go_on(s, gp_sasl_start(&s->x, start->mechanism, start->has_initial ? start->initial : GP_NONE));
}

void exchange_line(struct peer *peer, struct msg *m)
{
    struct signin *s = find(peer, m->sasl_line.session);
    if (!s || s->question) { /* it has ended, or smtpd does not wait for its answer */
        char incident[GP_INCIDENT_ROOM];
        refuse(peer, m->question, GP_SASL_UNAVAILABLE, incident);
        LOG(LOG_WARN, "sign-in", LOG_N("session", m->sasl_line.session), LOG_Z("result", "put off"),
            LOG_Z("incident", incident),
            LOG_Z("reason", "the client speaks when its exchange has ended, or out of turn"));
        return;
    }
    s->question = m->question;
    if (m->sasl_line.over) s->reason = "the client's line is too long";
    go_on(s, gp_sasl_line(&s->x, m->sasl_line.over ? GP_LIT("*") : m->sasl_line.line));
}

void exchange_abort(struct peer *peer, struct msg *m)
{
    struct signin *s = find(peer, m->sasl_abort.session);
    if (s) abandon(s, s->question ? "the client left before the verdict" : "the client left");
    if (!s) session_forget(peer, m->sasl_abort.session); /* the verdict was on its way */
}

/* ---- ends from our side ------------------------------------------------------------------------------------------------------ */
/* ends: why it does; NULL: it does not. */
static void abandon_where(struct vault *v, const char *(*ends)(const struct signin *, const void *), const void *what)
{
    for (struct signin *s = v->oldest, *younger; s; s = younger) {
        younger         = s->younger;
        const char *why = ends(s, what);
        if (!why) continue;
        if (s->question) refuse(s->peer, s->question, GP_SASL_UNAVAILABLE, s->incident);
        abandon(s, why);
    }
}

static const char *is_of_peer(const struct signin *s, const void *peer)
{
    return s->peer == peer ? "the process that served the client has ended" : NULL;
}

static const char *is_late(const struct signin *s, const void *now)
{
    gp_time most = (gp_time)s->peer->vault->config->limits.sign_in_timeout * SECOND_MS;
    if (*(const gp_time *)now - s->started < most) return NULL;
    if (!s->question) return "the client took too long";
    if (s->gate.due) return "answers to its address are slow";
    return s->round.waits == ROUND_SOURCE ? "the source gave no answer" : "no thread had time for the password";
}

void signin_drop_peer(struct peer *peer)
{
    abandon_where(peer->vault, is_of_peer, peer);
}

void signin_expire(struct vault *v, gp_time now)
{
    abandon_where(v, is_late, &now);
}
