/* The clock is set back, by more than a minute: what was to rest until a moment of the old time rests no longer than it was to. Noticed within a second, or
 * at the next start by what was written last; then the queue is gone through once, a portion a second. What rests in memory has its own bounds
 * (schedule_rests). */
#include "queue/parts.h"

enum { NOTICED = 60 * SECOND, PORTION = 2000 /* recipients */, SPREAD = 8 /* of a step at most, as in schedule.c */ };

static gp_time longest_rest(const struct config *c)
{
    gp_time longest = SHUT_MOST;
    for (size_t i = 0; i < c->queue.retry_count; i++)
        if (longest < (gp_time)c->queue.retries[i] * SECOND) longest = (gp_time)c->queue.retries[i] * SECOND;
    return longest + longest / SPREAD;
}

static gp_status go_on(struct queue *q, gp_time now)
{
    struct queue_row at      = q->clock.at;
    size_t           changed = 0;
    gp_status        status  = queue_is_open(q->store) ? GP_TEMPFAIL : queue_begin(q->store);
    if (status == GP_OK) status = queue_set_back(q->store, &at, PORTION, now, longest_rest(q->config), &changed);
    bool ended = status == GP_PERMFAIL;
    if (status == GP_OK || ended) status = queue_commit(q->store);
    queue_abandon(q->store);
    if (status != GP_OK) return status;
    q->clock.at = at;
    q->clock.changed += changed;
    return ended ? GP_PERMFAIL : GP_OK;
}

static void mend(struct queue *q, gp_time now)
{
    if (q->stopping || batch_rests(q, now)) return;
    batch_flush(q, now); /* so that all of the transaction is ours */
    gp_status status = go_on(q, now);
    if (status == GP_TEMPFAIL)
        store_trouble(q, "to bound what waits, after the clock was set back"); /* the same in the next turn */
    if (status != GP_PERMFAIL) return;
    LOG(LOG_WARN, "queue", LOG_N("sooner", q->clock.changed),
        LOG_Z("reason", "the clock was set back: what waits is tried no later for that"));
    q->clock.mends = false;
    queue_look(q, now);
}

/* Outcomes that are not on record yet. */
static void bound_outcomes(struct queue *q, gp_time now)
{
    for (struct attempt *a = q->batch.done; a; a = a->done_next) {
        if (a->when <= now) continue;
        if (a->again) a->again -= a->when - now;
        a->when = now;
    }
}

static void is_set_back(struct queue *q, gp_time now)
{
    bound_outcomes(q, now);
    q->clock.mends   = true;
    q->clock.at      = (struct queue_row) { 0 };
    q->clock.changed = 0;
    q->held_told = q->seal.due = q->seal.age_due = 0;
}

void clock_start(struct queue *q, gp_time now)
{
    if (queue_last_moment(q->store, &q->clock.seen) != GP_OK) q->clock.seen = now;
    clock_turn(q, now);
}

void clock_turn(struct queue *q, gp_time now)
{
    if (now + NOTICED < q->clock.seen) is_set_back(q, now);
    q->clock.seen = now;
    if (q->clock.mends) mend(q, now);
}
