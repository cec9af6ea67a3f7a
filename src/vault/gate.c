/* The gate before the checks: each secret that a client says is asked about in the guard first (policy/guard.h), and waits here, in its
 * exchange and nowhere else, where answers are slow. What is denied is not looked at, and ends as a wrong password does.
 *   ARRIVED  WAITS where its place is slow; then
 *   ASKED    LOOKED AT, and the guard hears what came of it
 *            or WAITS for others of its place, and is asked again
 *            or DENIED: WAITS as long as a check takes, then no */
#include <stdlib.h>

#include <string.h>

#include "vault/parts.h"

enum { LATER_MS = 100, USUAL_MS = 150 /* until one was seen */, SECOND_MS = 1000 };

/* ---- waiting ----------------------------------------------------------------------------------------------------------- */
static gp_status wait_for(struct signin *s, gp_time ms, gp_status (*then)(struct signin *))
{
    struct vault *v = s->peer->vault;
    s->gate.due     = loop_now(v->loop) + ms;
    s->gate.then    = then;
    if (v->gates.due && v->gates.due <= s->gate.due) return GP_WAIT;
    v->gates.due = s->gate.due;
    timer_set(v->gates.timer, (uint64_t)ms);
    return GP_WAIT;
}

/* Of those that wait, the one that is due first. */
static struct signin *first_due(const struct vault *v)
{
    struct signin *first = NULL;
    for (struct signin *s = v->oldest; s; s = s->younger)
        if (s->gate.due && (!first || s->gate.due < first->gate.due)) first = s;
    return first;
}

/* Looked for anew each time: who goes on may take others along. */
static void go_on(void *owner)
{
    struct vault  *v   = owner;
    gp_time        now = loop_now(v->loop);
    struct signin *s   = first_due(v);
    for (; s && s->gate.due <= now; s = first_due(v)) {
        s->gate.due      = 0;
        gp_status status = s->gate.then(s);
        if (status != GP_WAIT) signin_resume(s, status);
    }
    v->gates.due = s ? s->gate.due : 0;
    if (s) timer_set(v->gates.timer, (uint64_t)(s->gate.due - now));
}

/* ---- how long a no takes ----------------------------------------------------------------------------------------------- */
static struct usual *usual_of(struct signin *s)
{
    return &s->peer->vault->gates.usual[s->x.ask];
}

static void note_time(struct signin *s)
{
    struct usual *u                = usual_of(s);
    gp_time       took             = loop_now(s->peer->vault->loop) - s->gate.passed;
    u->ms[u->count++ % GATE_TIMES] = (uint32_t)(took < 0 ? 0 : took);
}

/* As long as one of the last ones took. */
static gp_time usual_time(struct signin *s)
{
    const struct usual *u = usual_of(s);
    uint32_t            random;
    gp_random(&random, sizeof(random));
    if (u->count == 0) return s->x.ask == GP_SASL_IS_PASSWORD ? USUAL_MS : 0;
    return u->ms[random % (u->count < GATE_TIMES ? u->count : GATE_TIMES)];
}

/* ---- what the guard says ----------------------------------------------------------------------------------------------- */
static enum policy_mode mode_of(const struct vault *v)
{
    return v->guard ? v->config->policy.guard.mode : POLICY_OFF;
}

static const char *why_full(enum guard_level level)
{
    switch (level) {
    case GUARD_LEVEL_PAIR:
    case GUARD_LEVEL_KNOWN_PAIR: return "not looked at: too many wrong passwords for this account from this address";
    case GUARD_LEVEL_ACCOUNT:
    case GUARD_LEVEL_NEAR:
        return "not looked at: too many wrong passwords for this account from addresses that it never signed in from";
    case GUARD_LEVEL_PLACE: return "not looked at: too many wrong passwords from this address";
    default: return "not looked at: too many wrong passwords from the network of this address";
    }
}

static gp_status say_no(struct signin *s)
{
    return answer_refuse(s, s->gate.why);
}

static gp_status deny(struct signin *s, const char *why)
{
    s->gate.why = why;
    return wait_for(s, usual_time(s), say_no);
}

static gp_status look(struct signin *s)
{
    s->gate.passed = loop_now(s->peer->vault->loop);
    return s->gate.next(s);
}

/* In shadow it is looked at after all. */
static gp_status deny_by(struct signin *s, const char *rule, const char *why)
{
    if (mode_of(s->peer->vault) != POLICY_SHADOW) return deny(s, why);
    shadow_note(s->peer->vault, rule, s->who.id, 0, gp_from(why));
    return look(s);
}

static gp_status ask(struct signin *s)
{
    struct vault        *v       = s->peer->vault;
    gp_time              now     = loop_now(v->loop);
    struct guard_verdict verdict = guard_ask(v->guard, &s->gate.attempt, now);
    bool                 shadow  = mode_of(v) == POLICY_SHADOW;
    if (verdict.word == GUARD_LATER && !shadow) return wait_for(s, LATER_MS, ask);
    s->gate.open = verdict.word == GUARD_PASS;
    if (verdict.word != GUARD_DENY) return look(s);
    if (verdict.bans && !shadow) ban_make(v, &verdict.network, s);
    return deny_by(s, guard_level_name(verdict.level), why_full(verdict.level));
}

static enum ban_spares spares_of(const struct guard_try *t)
{
    if (t->apart || t->tier == GUARD_KNOWN) return BAN_SPARES_ALL;
    return t->tier == GUARD_NEAR_KNOWN ? BAN_SPARES_NETWORKS : BAN_SPARES_NONE;
}

static gp_status pass_bans(struct signin *s)
{
    struct vault     *v      = s->peer->vault;
    enum ban_spares   spares = spares_of(&s->gate.attempt);
    const struct ban *ban    = s->gate.placed ? bans_against(v->bans, &s->gate.address, spares, wall_now()) : NULL;
    if (ban && ban->manual) return deny(s, "not looked at: the address is banned by the administrator");
    if (mode_of(v) == POLICY_OFF || s->x.ask == GP_SASL_IS_EXTERNAL) return look(s);
    return ban ? deny_by(s, "guard.ban", "not looked at: the address is banned for a time") : ask(s);
}

gp_status gate_ask(struct signin *s, gp_status (*next)(struct signin *))
{
    struct vault *v = s->peer->vault;
    s->gate         = (struct gate) { .next = next };
    gate_read_address(s);
    if (mode_of(v) == POLICY_OFF || s->x.ask == GP_SASL_IS_EXTERNAL) return pass_bans(s);
    gate_fill(s);
    gp_time delay = guard_delay(v->guard, &s->gate.attempt, loop_now(v->loop));
    if (delay > 0 && mode_of(v) == POLICY_ENFORCE) return wait_for(s, delay, pass_bans);
    return pass_bans(s);
}

/* ---- what came of it --------------------------------------------------------------------------------------------------- */
static void record_stale(struct signin *s, const char *why)
{
    struct audit_entry e = { wall_now(), "stale-device", s->who.id, 0, gp_from(s->who.name), GP_NONE, GP_NONE };
    TRAIL(s->peer->vault, TRAIL_EVENT, &e, AUDIT_Z("peer", s->address), AUDIT_Z("mechanism", s->mechanism),
          AUDIT_Z("helo", s->helo), AUDIT_Z("reason", why));
}

/* An old device says the same wrong password for weeks: it is told once for each account in a while. */
static void note_stale(struct signin *s, unsigned count)
{
    struct vault    *v = s->peer->vault;
    struct guard_try t = s->gate.attempt;
    if (count != GUARD_STALE || !s->who.id || (t.vague && t.tier == GUARD_STRANGE)) return;
    t.place = (struct place) { .bits = 0 };
    if (guard_once(v->guard, GP_LIT("stale"), &t, loop_now(v->loop)) > 1) return;
    record_stale(s, t.vague ? "wrong passwords from a client that looks the same each time: an old device?"
                            : "the same wrong password again and again: an old device?");
    tell_stale(s, t.vague);
}

void gate_heard(struct signin *s, gp_status answer)
{
    struct vault *v     = s->peer->vault;
    bool          gated = s->x.ask != GP_SASL_GET_SCRAM && s->x.ask != GP_SASL_MAY_ACT;
    if (gated && answer == GP_OK) s->gate.fits = true;
    if (!s->gate.open || !gated || answer == GP_OK || answer == GP_WAIT) return;
    bool wrong =
        answer == GP_PERMFAIL || s->denied; /* who may have it as well cannot tell: it was a guess all the same */
    s->gate.open = false;
    if (wrong) note_time(s);
    note_stale(s, guard_settle(v->guard, &s->gate.attempt, wrong ? GUARD_WRONG : GUARD_UNDECIDED, loop_now(v->loop)));
}

void gate_right(struct signin *s)
{
    struct vault *v = s->peer->vault;
    if (s->gate.open) (void)guard_settle(v->guard, &s->gate.attempt, GUARD_RIGHT, loop_now(v->loop));
    s->gate.open = false;
    if (mode_of(v) != POLICY_OFF && s->gate.placed) place_note(s);
}

/* Nobody has heard whether it was right; or somebody has, who stopped when he had the server's proof (RFC 5802 3) or asked to act as another:
 * that was a guess, or it would be a free one. */
void gate_forget(struct signin *s)
{
    struct vault      *v       = s->peer->vault;
    bool               guessed = s->gate.fits && s->x.why != GP_SASL_UNAVAILABLE;
    enum guard_outcome outcome = guessed ? GUARD_WRONG : GUARD_UNDECIDED;
    if (s->gate.open) (void)guard_settle(v->guard, &s->gate.attempt, outcome, loop_now(v->loop));
    s->gate.open = false;
}

/* ---- AUTH where it is not offered -------------------------------------------------------------------------------------- */
/* What a misled device says each time counts once. */
void gate_stray(struct vault *v, gp_str peer, gp_str helo)
{
    struct guard_try t = { .nobody = true };
    struct place     address;
    if (mode_of(v) == POLICY_OFF || !place_read(peer, &address) || gate_trusts(v, &address)) return;
    t.place = guard_place(&address);
    if (guard_once(v->guard, helo, &t, loop_now(v->loop)) == 1) guard_charge(v->guard, &t, loop_now(v->loop));
}

void gate_heard_stray(struct peer *peer, struct msg *m)
{
    gate_stray(peer->vault, m->stray.peer, m->stray.helo);
}

/* ---- opening ----------------------------------------------------------------------------------------------------------- */
bool gate_open(struct vault *v)
{
    struct guard_plan plan = { .per_account = v->config->policy.guard.guesses_per_account,
                               .per_place   = v->config->policy.guard.guesses_per_address,
                               .slowest     = (gp_time)v->config->policy.guard.slowest * SECOND_MS };
    v->gates.timer         = timer_open(v->loop, go_on, v);
    memcpy(plan.key, v->keys.guard, sizeof(plan.key));
    if (v->config->policy.guard.mode != POLICY_OFF) v->guard = guard_open(&plan);
    bool enough = v->gates.timer && (v->guard || v->config->policy.guard.mode == POLICY_OFF) && bans_open(v);
    gp_wipe(&plan, sizeof(plan));
    if (v->guard && guesses_load(v->accounts, v->guard, wall_now(), loop_now(v->loop)) != GP_OK) vault_store_failed(v);
    return enough;
}

/* A crash forgets the counts of some seconds, and nobody can make use of that often. */
void guesses_write(struct vault *v)
{
    if (!v->guard) return;
    if (guesses_save(v->accounts, v->guard, wall_now(), loop_now(v->loop)) != GP_OK) vault_store_failed(v);
    v->gates.written = loop_now(v->loop);
}

void guesses_tick(struct vault *v, gp_time now)
{
    enum { EVERY_MS = 3000 };
    if (now - v->gates.written >= EVERY_MS) guesses_write(v);
}

void gate_close(struct vault *v)
{
    timer_close(v->gates.timer);
    guard_close(v->guard);
    free(v->bans);
}
