/* Is this the password? Fast verifiers are asked on the loop, slow ones on a hashing thread, as many at once as threads can take.
 * Every no costs as much work as the dearest account's no, so that time tells nobody which names exist. */
#include <stdlib.h>
#include <string.h>

#include "vault/parts.h"
#include "vault/policy.h"

struct check {               /* owned by the loop, lent to the thread while it runs */
    struct line_place place; /* first: the line knows a check by it */
    struct vault     *vault;
    struct signin    *signin;                        /* NULL: gone while it ran */
    bool              waits;                         /* in line; else it runs or has just begun */
    uint64_t          changes;                       /* the store's state when this began */
    int64_t           credentials[CREDENTIALS_MOST]; /* ids, as work.verifiers */
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
        if (w->nobody) continue; /* whatever it says about somebody's password */
        if (status != GP_PERMFAIL) w->verdict = status;
        if (status == GP_OK) return;
    }
    pretend_the_rest(w);
}

/* Credentials come cheapest first: those that cost nothing, and those seen right a moment ago, need no thread. */
static gp_status settle_at_once(struct check *c, gp_time now)
{
    struct check_work *w = &c->work;
    for (size_t i = 0; i < w->count; i++) {
        bool fast  = verifier_cost(&w->verifiers[i]) == 0;
        bool right = fast ? verifier_check(w->keys, &w->verifiers[i], password_of(w)) == GP_OK
                          : recent_has(c->vault->recent, c->credentials[i], password_of(w), now);
        w->matched = i;
        if (right && !w->nobody) return GP_OK;
    }
    return GP_WAIT;
}

static bool is_slow(const struct check_work *w)
{
    uint64_t cost = w->decoy.cost;
    for (size_t i = 0; i < w->count; i++) cost += verifier_cost(&w->verifiers[i]);
    return cost > 0;
}

/* ---- there and back ------------------------------------------------------------------------------------------------ */
/* Whose credentials are read, and asked: for nobody those of somebody, so that every name is the same work. */
static int64_t account_to_read(const struct signin *s, int64_t account)
{
    if (account) return account;
    return s->account ? s->account : s->peer->vault->somebody;
}

static gp_status fill(struct check *c, struct signin *s, int64_t account)
{
    struct credential list[CREDENTIALS_MOST];
    int64_t           read   = account_to_read(s, account);
    gp_status         status = read ? accounts_credentials(c->vault->accounts, read, list, &c->work.count) : GP_OK;
    for (size_t i = 0; status == GP_OK && i < c->work.count; i++) {
        c->credentials[i]    = list[i].id;
        c->work.verifiers[i] = list[i].verifier;
    }
    gp_wipe(list, sizeof(list));
    if (s->x.secret.len > sizeof(c->work.password)) return GP_PERMFAIL;
    c->work.password_len = s->x.secret.len;
    memcpy(c->work.password, s->x.secret.ptr, s->x.secret.len);
    c->work.keys   = &c->vault->keys;
    c->work.decoy  = c->vault->survey;
    c->work.nobody = account == 0;
    return status;
}

static void check_free(struct check *c)
{
    gp_wipe(c, sizeof(*c));
    free(c);
}

static gp_status verdict_for(struct signin *s, const struct check *c, gp_status verdict)
{
    if (verdict == GP_OK) s->credential = c->credentials[c->work.matched];
    if (verdict == GP_PERMFAIL && !s->reason) s->reason = "wrong password";
    if (verdict == GP_TEMPFAIL) s->reason = "the stored password cannot be checked";
    return verdict;
}

static void resume(struct check *c, gp_status verdict)
{
    struct signin *s = c->signin;
    s->check         = NULL;
    verdict          = verdict_for(s, c, verdict);
    check_free(c);
    signin_resume(s, verdict);
}

static void put_off(struct check *c, const char *why)
{
    struct signin *s = c->signin;
    s->check         = NULL;
    s->reason        = why;
    check_free(c);
    signin_resume(s, GP_TEMPFAIL);
}

static void on_thread(void *job)
{
    struct check *c = job;
    check_work_run(&c->work);
}

static void run_waiting(struct vault *v);

static void on_loop(void *job)
{
    struct check *c = job;
    struct vault *v = c->vault;
    v->hashing--;
    if (c->work.verdict == GP_OK && c->changes == v->changes)
        recent_add(v->recent, c->credentials[c->work.matched], password_of(&c->work), loop_now(v->loop));
    if (c->signin) {
        resume(c, c->work.verdict);
    } else { /* hung up: what was wrong is remembered all the same */
        if (c->work.verdict == GP_PERMFAIL) line_note(&v->line, c->place.address, false, loop_now(v->loop));
        check_free(c);
    }
    run_waiting(v);
}

static bool run(struct check *c)
{
    if (!loop_work(c->vault->loop, on_thread, on_loop, c)) return false;
    c->vault->hashing++;
    return true;
}

/* As many at once as passwords have threads, so that the pool's last thread is there for signatures. A password that was seen right
 * while this waited needs none. */
static void run_waiting(struct vault *v)
{
    while (v->hashing < v->hashing_most) {
        struct check *c = (struct check *)line_serve(&v->line);
        if (!c) return;
        c->waits = false;
        if (c->changes == v->changes && settle_at_once(c, loop_now(v->loop)) == GP_OK)
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

static gp_status to_thread(struct check *c, struct signin *s)
{
    struct vault *v       = c->vault;
    bool          at_once = v->hashing < v->hashing_most;
    s->check              = c;
    if (at_once ? run(c) : wait_in_line(c)) return GP_WAIT;
    s->check = NULL;
    s->reason =
        at_once ? "no memory to check the password" : "too many passwords are being checked for this address or name";
    return GP_TEMPFAIL;
}

static struct check *check_open(struct signin *s)
{
    struct vault *v = s->peer->vault;
    struct check *c = calloc(1, sizeof(*c));
    if (!c) return NULL;
    c->vault         = v;
    c->signin        = s;
    c->changes       = v->changes;
    c->place.address = s->source;
    c->place.name    = line_name(policy_plain_name(s->x.user, gp_from(v->config->domain)));
    return c;
}

gp_status check_start(struct signin *s, int64_t account)
{
    struct check *c = check_open(s);
    if (!c) return GP_TEMPFAIL;
    gp_status status = fill(c, s, account);
    if (status == GP_OK) status = settle_at_once(c, loop_now(c->vault->loop));
    if (status == GP_WAIT && !is_slow(&c->work)) {
        check_work_run(&c->work);
        status = c->work.verdict;
    }
    status = status == GP_WAIT ? to_thread(c, s) : verdict_for(s, c, status);
    if (status != GP_WAIT) check_free(c);
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
