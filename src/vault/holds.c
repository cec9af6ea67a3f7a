/* When the brake begins, the queue is told to hold what waits of that account, too: page by page, and until it has said yes to the last.
 * What it has not been told yet stands in the store, so that neither's restart forgets it. */
#include "vault/parts.h"

static void ask(struct vault *v);

static bool next(struct vault *v)
{
    struct holding *h      = &v->holding;
    gp_status       status = brake_next_untold(v->accounts, 0, wall_now(), &h->now);
    h->row                 = 0;
    h->due                 = status != GP_PERMFAIL;
    if (status == GP_TEMPFAIL) vault_store_failed(v);
    return status == GP_OK;
}

static bool is_told(struct vault *v)
{
    gp_status status = brake_set_told(v->accounts, &v->holding.now);
    if (status == GP_OK) return true;
    vault_store_failed(v);
    return false;
}

/* Between two pages it may have been released, or settled: what waits on the others is then let be. */
static bool is_still_held(struct vault *v)
{
    const struct brake_untold *told = &v->holding.now;
    struct brake_untold        now;
    gp_status                  status = brake_next_untold(v->accounts, told->account - 1, wall_now(), &now);
    if (status == GP_TEMPFAIL) vault_store_failed(v);
    return status == GP_OK && now.account == told->account && now.held == told->held;
}

static void held(void *owner, gp_status status, const struct msg *m)
{
    struct vault   *v = owner;
    struct holding *h = &v->holding;
    h->asked          = false;
    if (status != GP_OK || m->type != MSG_HELD || m->held.status != GP_OK) return; /* again at the next tick */
    h->row    = m->held.row;
    bool more = h->row != 0 ? is_still_held(v) : is_told(v) && next(v);
    if (more) ask(v); /* else what is still due is asked for at the next tick */
}

static void ask(struct vault *v)
{
    struct holding *h = &v->holding;
    struct msg      m = MSG(HOLD);
    if (!v->queue.channel || !ipc_attached(v->queue.channel)) return;
    m.hold   = (struct msg_hold) { .account = (uint64_t)h->now.account, .row = h->row, .why = gp_from(h->now.why) };
    h->asked = true;
    ipc_ask(v->queue.channel, &m, held, v);
}

void holds_tick(struct vault *v)
{
    const struct holding *h = &v->holding;
    if (h->due && !h->asked && v->config->policy.brake.mode == POLICY_ENFORCE && next(v)) ask(v);
}

void holds_begin(struct vault *v, const struct sent *s)
{
    if (!brake_begins(v, s)) return;
    meters_write(v); /* so that the store knows it */
    v->holding.due = true;
    holds_tick(v);
}
