/* Is this the password? Fast verifiers are asked on the loop, slow ones on a hashing thread, as many at once as threads can take.
 * Every no costs as much work as the dearest account's no, so that time tells nobody which names exist. */
#include <stdlib.h>
#include <string.h>

#include "vault/parts.h"

struct check {               /* owned by the loop, lent to the thread while it runs */
    struct line_place place; /* first: the line knows a check by it */
    struct vault     *vault;
    struct signin    *signin;                       /* NULL: gone while it ran */
    bool              waits;                        /* in line; else it runs or has just begun */
    bool              others;                       /* a no is not the last word               */
    unsigned          own;                          /* passwords that the account has          */
    uint64_t          changes;                      /* the store's state when this began */
    struct found      found[CREDENTIALS_SLOW_MOST]; /* as work.verifiers */
    struct found      right, useless; /* one that fits, and one that fits and may not be used; id 0: none */
    struct check_work work;
    struct decoy     *decoy; /* held while work refers to it */
};

static gp_secret password_of(const struct check_work *w)
{
    return (gp_secret) { w->password, w->password_len };
}

/* ---- the work ---------------------------------------------------------------------------------------------------- */
static uint32_t cost_of_a_no(const struct check_work *w)
{
    return w->decoy ? w->decoy->cost : 0;
}

static bool has_room_for(const struct check_work *w, const struct verifier *v)
{
    return w->spent + verifier_cost(v) <= cost_of_a_no(w);
}

/* As far as the dearest account's own verifiers fit they are what is tried, and it does not matter what comes out: rounds of another
 * algorithm would take another time on another machine. */
static void pretend_the_rest(struct check_work *w)
{
    for (size_t i = 0; w->decoy && i < w->decoy->count; i++) {
        const struct verifier *v = &w->decoy->verifiers[i];
        if (!has_room_for(w, v)) continue;
        gp_status of_no_use = verifier_check(w->keys, v, password_of(w));
        (void)of_no_use;
        w->spent += verifier_cost(v);
    }
    if (w->spent >= cost_of_a_no(w)) return;
    uint32_t rest = (uint32_t)(cost_of_a_no(w) - w->spent);
    verifier_pretend(password_of(w), rest);
    w->spent += rest;
}

/* true: it fits, and may be used. */
static bool try_one(struct check_work *w, size_t i)
{
    gp_status status = verifier_check(w->keys, &w->verifiers[i], password_of(w));
    w->spent += verifier_cost(&w->verifiers[i]);
    if (status == GP_OK) *(w->may[i] ? &w->matched : &w->useless) = i;
    if (w->may[i] && status != GP_PERMFAIL) w->verdict = status;
    return w->may[i] && status == GP_OK;
}

/* A no costs what the dearest string costs that sources have shown, whichever of them it is that knows the name. */
static void run_foreign(struct check_work *w)
{
    uint32_t cost = gp_password_cost(gp_from(w->foreign));
    if (w->pretends)
        foreign_pretend(gp_from(w->foreign), password_of(w));
    else
        w->verdict = gp_password_check(password_of(w), gp_from(w->foreign));
    w->spent = cost;
    if (w->pretends || w->verdict == GP_OK || cost >= w->foreign_cost) return;
    verifier_pretend(password_of(w), w->foreign_cost - cost);
    w->spent = w->foreign_cost;
}

/* Those that may not be used come last: a no must cost no more for them than anybody's. */
void check_work_run(struct check_work *w)
{
    w->verdict = GP_PERMFAIL;
    w->useless = w->count;
    if (w->is_foreign) {
        run_foreign(w);
        return;
    }
    for (size_t i = 0; i < w->count; i++)
        if (w->may[i] && try_one(w, i)) return;
    for (size_t i = 0; i < w->count; i++)
        if (!w->may[i] && has_room_for(w, &w->verifiers[i])) (void)try_one(w, i);
    pretend_the_rest(w);
}

/* One that costs nothing, or was seen right a moment ago, needs no thread. */
static gp_status try_at_once(struct check *c, const struct credential *one, bool may)
{
    gp_secret password = password_of(&c->work);
    if (verifier_cost(&one->verifier) == 0) return verifier_check(&c->vault->keys, &one->verifier, password);
    return recent_has(c->vault->recent, one->id, password, loop_now(c->vault->loop)) && may ? GP_OK : GP_WAIT;
}

/* The rest is kept for the thread, and so is one that cannot be read: it is no refusal. */
static void keep(struct check *c, const struct credential *one, const struct found *found)
{
    struct check_work *w = &c->work;
    if (w->count == CREDENTIALS_SLOW_MOST) return;
    c->found[w->count]       = *found;
    w->may[w->count]         = !found->refused[0];
    w->verifiers[w->count++] = one->verifier;
}

/* own: of the account that the client names. */
static void look_at(struct check *c, const struct account *account, const struct credential *one, bool own)
{
    struct found found  = found_of(c->signin, account, one);
    bool         may    = own && !found.refused[0];
    gp_status    status = try_at_once(c, one, may);
    if (!own) return;
    c->own++;
    if (status == GP_OK) *(may ? &c->right : &c->useless) = found;
    if (status == GP_WAIT || status == GP_TEMPFAIL) keep(c, one, &found);
}

/* OK: one fits. WAIT: those kept have to be tried. */
static gp_status look_at_all(struct check *c, const struct account *account)
{
    struct credential one;
    gp_status         status = GP_PERMFAIL;
    struct candidates all    = candidates_of(c->vault, account->id);
    while (!c->right.id && (status = candidates_next(&all, &one)) == GP_OK)
        if (credential_kind_has_password(one.kind)) look_at(c, account, &one, !all.others);
    candidates_end(&all);
    gp_wipe(&one.verifier, sizeof(one.verifier));
    if (c->right.id) return GP_OK;
    return status == GP_PERMFAIL ? GP_WAIT : status;
}

/* One of those kept was seen right while this waited. */
static bool was_recognised(struct check *c)
{
    struct check_work *w = &c->work;
    for (size_t i = 0; i < w->count && !c->right.id; i++)
        if (w->may[i] && recent_has(c->vault->recent, c->found[i].id, password_of(w), loop_now(c->vault->loop)))
            c->right = c->found[i];
    return c->right.id != 0;
}

static bool is_slow(const struct check_work *w)
{
    uint64_t cost = cost_of_a_no(w);
    for (size_t i = 0; i < w->count; i++) cost += w->may[i] ? verifier_cost(&w->verifiers[i]) : 0;
    return cost > 0;
}

/* ---- there and back ------------------------------------------------------------------------------------------------ */
static gp_status fill(struct check *c, const struct signin *s)
{
    if (s->x.secret.len > sizeof(c->work.password)) return GP_PERMFAIL;
    c->work.password_len = s->x.secret.len;
    memcpy(c->work.password, s->x.secret.ptr, s->x.secret.len);
    c->work.keys  = &c->vault->keys;
    c->decoy      = decoy_hold(c->vault->decoy);
    c->work.decoy = c->decoy;
    return GP_WAIT;
}

static void check_free(struct check *c)
{
    decoy_leave(c->decoy);
    gp_wipe(c, sizeof(*c));
    free(c);
}

/* A thread has tried what was kept: what that means. */
static void take_results(struct check *c)
{
    const struct check_work *w = &c->work;
    if (w->is_foreign) return;
    if (w->verdict == GP_OK) c->right = c->found[w->matched];
    if (w->useless < w->count) c->useless = c->found[w->useless];
}

static const char *why_not_foreign(const struct check *c)
{
    const char *wrong = gp_password_wrong(gp_from(c->work.foreign));
    return wrong ? wrong : "the password string there cannot be checked";
}

static gp_status verdict_for(struct signin *s, const struct check *c, gp_status verdict)
{
    if (c->work.is_foreign) {
        if (verdict == GP_TEMPFAIL) s->reason = why_not_foreign(c);
        return verdict;
    }
    s->found  = verdict == GP_OK ? c->right : c->useless;
    s->denied = verdict == GP_PERMFAIL && c->own > 0;
    if (verdict == GP_PERMFAIL && s->found.id) s->reason = s->found.refused;
    if (verdict == GP_PERMFAIL && !s->reason) s->reason = "wrong password";
    if (verdict == GP_TEMPFAIL) s->reason = "the stored password cannot be checked";
    if (verdict == GP_OK && s->found.kind == CREDENTIAL_IMPORTED && c->changes == c->vault->changes)
        s->upgrade = upgrade_open(c->vault, s->account, s->found.id, password_of(&c->work));
    return verdict;
}

static void resume(struct check *c, gp_status verdict)
{
    struct signin *s = c->signin;
    s->check         = NULL;
    verdict          = verdict_for(s, c, verdict);
    check_free(c);
    round_checked(s, verdict);
}

static void put_off(struct check *c, const char *why)
{
    struct signin *s = c->signin;
    s->check         = NULL;
    s->reason        = why;
    check_free(c);
    round_checked(s, GP_TEMPFAIL);
}

static void on_thread(void *job)
{
    struct check *c = job;
    check_work_run(&c->work);
}

static void on_loop(void *job)
{
    struct check *c = job;
    struct vault *v = c->vault;
    v->hashing--;
    take_results(c);
    if (c->right.id && c->changes == v->changes)
        recent_add(v->recent, c->right.id, password_of(&c->work), loop_now(v->loop) + RECENT_MS);
    if (c->signin) {
        resume(c, c->work.verdict);
    } else { /* hung up: what was wrong is remembered all the same */
        if (c->work.verdict == GP_PERMFAIL && !c->others)
            line_note(&v->line, c->place.address, false, loop_now(v->loop));
        check_free(c);
    }
    checks_go_on(v);
}

static bool run(struct check *c)
{
    if (!loop_work(c->vault->loop, on_thread, on_loop, c)) return false;
    c->vault->hashing++;
    c->vault->checks++;
    return true;
}

/* As many at once as passwords have threads, so that the pool's last thread is there for signatures. A password that was seen right
 * while this waited needs none. */
void checks_go_on(struct vault *v)
{
    while (v->hashing < v->hashing_most) {
        struct check *c = (struct check *)line_serve(&v->line);
        if (!c) return;
        c->waits = false;
        if (c->changes == v->changes && was_recognised(c))
            resume(c, GP_OK);
        else if (!run(c))
            put_off(c, "no memory to check the password");
    }
}

void checks_close(struct vault *v)
{
    for (struct line_place *p = line_serve(&v->line); p; p = line_serve(&v->line)) check_free((struct check *)p);
}

static bool wait_in_line(struct check *c)
{
    struct vault *v    = c->vault;
    struct check *gone = (struct check *)line_enter(&v->line, &c->place, loop_now(v->loop));
    if (gone == c) return false;
    c->waits = true;
    if (gone) put_off(gone, "too many passwords are being checked: another's turn came first");
    return true;
}

/* false: why is said. */
static bool to_thread(struct check *c, struct signin *s)
{
    struct vault *v       = c->vault;
    bool          at_once = v->hashing < v->hashing_most;
    s->check              = c;
    if (at_once ? run(c) : wait_in_line(c)) return true;
    s->check = NULL;
    s->reason =
        at_once ? "no memory to check the password" : "too many passwords are being checked for this address or name";
    return false;
}

/* One for all spellings of a name. */
static uint64_t name_source(const struct vault *v, gp_str user)
{
    char           room[2 * NAME_ROOM];
    struct gp_text name = GP_TEXT(room);
    accounts_login_key(v->accounts, user, &name);
    return line_name(gp_said(&name));
}

static struct check *check_open(struct signin *s)
{
    struct vault *v = s->peer->vault;
    struct check *c = calloc(1, sizeof(*c));
    if (!c) return NULL;
    c->vault         = v;
    c->signin        = s;
    c->changes       = v->changes;
    c->others        = s->round.asks && !s->round.ended;
    c->place.address = s->source;
    c->place.name    = name_source(v, s->x.user);
    return c;
}

gp_status check_start(struct signin *s, const struct account *account)
{
    struct check *c = check_open(s);
    if (!c) return GP_TEMPFAIL;
    gp_status status = fill(c, s);
    if (status == GP_WAIT) status = look_at_all(c, account);
    if (status == GP_WAIT && !is_slow(&c->work)) {
        check_work_run(&c->work); /* nothing fits, or it cannot be told */
        take_results(c);
        status = c->work.verdict;
    }
    if (status == GP_WAIT && to_thread(c, s)) return GP_WAIT; /* it is the thread's or the line's now */
    status = status == GP_WAIT ? GP_TEMPFAIL : verdict_for(s, c, status);
    check_free(c);
    return status;
}

gp_status check_foreign(struct signin *s, gp_str text, uint32_t cost)
{
    struct check *c      = check_open(s);
    gp_status     status = c ? fill(c, s) : GP_TEMPFAIL;
    if (status == GP_WAIT && !gp_copy_z(text, c->work.foreign, sizeof(c->work.foreign))) {
        s->reason = "the password string there is too long";
        status    = GP_TEMPFAIL;
    }
    if (status == GP_WAIT) {
        c->work.is_foreign   = true;
        c->work.pretends     = cost == 0;
        c->work.foreign_cost = cost;
        status               = to_thread(c, s) ? GP_WAIT : GP_TEMPFAIL;
    }
    if (status != GP_WAIT && c) check_free(c);
    return status;
}

void check_forget(struct check *c)
{
    if (!c) return;
    c->signin = NULL;
    if (!c->waits) return;
    line_leave(&c->vault->line, &c->place);
    check_free(c);
}
