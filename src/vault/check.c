/* Is this the password? Fast verifiers are asked on the loop, slow ones on a hashing thread, as many at once as threads can take.
 * Every no costs as much work as the dearest account's no, so that time tells nobody which names exist. */
#include <stdlib.h>
#include <string.h>

#include "vault/parts.h"

struct check {              /* owned by the loop, lent to the thread while it runs */
    struct check     *next; /* while it waits */
    struct vault     *vault;
    struct signin    *signin;                             /* NULL: gone meanwhile */
    uint64_t          changes;                            /* the store's state when this began */
    int64_t           credentials[CREDENTIALS_SLOW_MOST]; /* ids, as work.verifiers */
    int64_t           right;                              /* the id of the one that fits; 0: none so far */
    struct check_work work;
};

static gp_secret password_of(const struct check_work *w)
{
    return (gp_secret) { w->password, w->password_len };
}

/* ---- the work ---------------------------------------------------------------------------------------------------- */
static void pretend_the_rest(struct check_work *w)
{
    if (w->spent >= w->decoy.cost) return;
    uint32_t rest = (uint32_t)(w->decoy.cost - w->spent);
    verifier_pretend(password_of(w), rest, w->decoy.as_hash && rest == VERIFIER_HASH_COST);
    w->spent += rest;
}

void check_work_run(struct check_work *w)
{
    w->verdict = GP_PERMFAIL;
    for (size_t i = 0; i < w->count; i++) {
        gp_status status = verifier_check(w->keys, &w->verifiers[i], password_of(w));
        w->spent += verifier_cost(&w->verifiers[i]);
        w->matched = i;
        if (status != GP_PERMFAIL) w->verdict = status;
        if (status == GP_OK) return;
    }
    pretend_the_rest(w);
}

/* One that costs nothing, or was seen right a moment ago, needs no thread. */
static bool fits_at_once(struct check *c, const struct credential *one, gp_status *verdict)
{
    gp_secret password = password_of(&c->work);
    if (verifier_cost(&one->verifier) > 0)
        return recent_has(c->vault->recent, one->id, password, loop_now(c->vault->loop));
    *verdict = verifier_check(&c->vault->keys, &one->verifier, password);
    return *verdict == GP_OK;
}

/* The rest is kept for the thread, and so is one that cannot be read: it is no refusal. */
static void keep(struct check *c, const struct credential *one)
{
    struct check_work *w = &c->work;
    if (w->count == CREDENTIALS_SLOW_MOST) return;
    c->credentials[w->count] = one->id;
    w->verifiers[w->count++] = one->verifier;
}

/* OK: one fits. WAIT: those kept have to be tried. */
static gp_status look_at_all(struct check *c, int64_t account)
{
    struct credential one;
    gp_status         status = GP_PERMFAIL, verdict;
    auto_rows         r      = credentials_of(c->vault->accounts, account);
    while (!c->right && (status = credentials_next(&r, &one)) == GP_OK) {
        if (!credential_kind_has_password(one.kind) || credential_state(&one, wall_now()) != CREDENTIAL_LIVE) continue;
        verdict = GP_WAIT;
        if (fits_at_once(c, &one, &verdict))
            c->right = one.id;
        else if (verdict != GP_PERMFAIL)
            keep(c, &one);
    }
    gp_wipe(&one.verifier, sizeof(one.verifier));
    if (c->right) return GP_OK;
    return status == GP_PERMFAIL ? GP_WAIT : status;
}

static bool is_slow(const struct check_work *w)
{
    uint64_t cost = w->decoy.cost;
    for (size_t i = 0; i < w->count; i++) cost += verifier_cost(&w->verifiers[i]);
    return cost > 0;
}

/* ---- there and back ------------------------------------------------------------------------------------------------ */
static gp_status fill(struct check *c, const struct signin *s)
{
    if (s->x.secret.len > sizeof(c->work.password)) return GP_PERMFAIL;
    c->work.password_len = s->x.secret.len;
    memcpy(c->work.password, s->x.secret.ptr, s->x.secret.len);
    c->work.keys  = &c->vault->keys;
    c->work.decoy = c->vault->survey;
    return GP_WAIT;
}

static void check_free(struct check *c)
{
    gp_wipe(c, sizeof(*c));
    free(c);
}

static gp_status verdict_for(struct signin *s, const struct check *c, gp_status verdict)
{
    if (verdict == GP_OK) s->credential = c->right;
    if (verdict == GP_PERMFAIL && !s->reason) s->reason = "wrong password";
    if (verdict == GP_TEMPFAIL) s->reason = "the stored password cannot be checked";
    return verdict;
}

static void on_thread(void *job)
{
    struct check *c = job;
    check_work_run(&c->work);
}

static void run_waiting(struct vault *v);

static void on_loop(void *job)
{
    struct check  *c = job;
    struct vault  *v = c->vault;
    struct signin *s = c->signin;
    v->checks--;
    v->hashing--;
    run_waiting(v);
    if (c->work.verdict == GP_OK) c->right = c->credentials[c->work.matched];
    if (c->right && c->changes == v->changes) recent_add(v->recent, c->right, password_of(&c->work), loop_now(v->loop));
    gp_status verdict = s ? verdict_for(s, c, c->work.verdict) : GP_PERMFAIL;
    check_free(c);
    if (!s) return;
    s->check = NULL;
    signin_resume(s, verdict);
}

static bool run(struct check *c)
{
    if (!loop_work(c->vault->loop, on_thread, on_loop, c)) return false;
    c->vault->hashing++;
    return true;
}

static struct check *take_first(struct vault *v)
{
    struct check *c = v->first_check;
    v->first_check  = c->next;
    if (!c->next) v->last_check = NULL;
    c->next = NULL;
    return c;
}

/* As many at once as passwords have threads, so that the pool's last thread is there for signatures. */
static void run_waiting(struct vault *v)
{
    while (v->first_check && v->hashing < v->hashing_most) {
        struct check *c = take_first(v);
        if (c->signin && run(c)) continue;
        v->checks--;
        struct signin *s = c->signin;
        check_free(c);
        if (!s) continue; /* hung up meanwhile: no work for nobody */
        s->check  = NULL;
        s->reason = "no memory to check the password";
        signin_resume(s, GP_TEMPFAIL);
    }
}

static void wait_in_line(struct check *c)
{
    struct vault *v = c->vault;
    if (v->last_check)
        v->last_check->next = c;
    else
        v->first_check = c;
    v->last_check = c;
}

void checks_close(struct vault *v)
{
    while (v->first_check) check_free(take_first(v));
}

static gp_status to_thread(struct check *c, struct signin *s)
{
    struct vault *v    = c->vault;
    bool          full = v->hashing >= v->hashing_most;
    if (v->checks >= v->checks_most || (!full && !run(c))) {
        s->reason = "too many passwords are being checked";
        return GP_TEMPFAIL;
    }
    if (full) wait_in_line(c);
    v->checks++;
    s->check = c;
    return GP_WAIT;
}

gp_status check_start(struct signin *s, int64_t account)
{
    struct vault *v = s->peer->vault;
    struct check *c = calloc(1, sizeof(*c));
    if (!c) return GP_TEMPFAIL;
    c->vault         = v;
    c->signin        = s;
    c->changes       = v->changes;
    gp_status status = fill(c, s);
    if (status == GP_WAIT && account) status = look_at_all(c, account);
    if (status == GP_WAIT && !is_slow(&c->work)) {
        check_work_run(&c->work); /* nothing fits, or it cannot be told */
        status = c->work.verdict;
    }
    status = status == GP_WAIT ? to_thread(c, s) : verdict_for(s, c, status);
    if (status != GP_WAIT) check_free(c);
    return status;
}

void check_forget(struct check *c)
{
    if (c) c->signin = NULL;
}
