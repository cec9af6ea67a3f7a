/* One transaction for all that arrived in a turn of the loop, and the answers once it is on stable storage. What cannot be committed
 * is answered TEMPFAIL where somebody waits (the client still has the message), and tried again where it is an outcome. */
#include <stdlib.h>
#include <string.h>

#include "queue/parts.h"

void store_trouble(const struct queue *q, const char *doing)
{
    enum database_trouble trouble = database_trouble(queue_database(q->store));
    LOG(LOG_ERROR, "queue", LOG_Z("failed", doing), LOG_Z("reason", database_why(trouble)),
        LOG_Z("hint", database_hint(trouble)));
}

const char *store_why(const struct queue *q)
{
    enum database_trouble trouble = database_trouble(queue_database(q->store));
    return trouble == DATABASE_FULL ? "space" : database_why(trouble);
}

bool batch_open(struct queue *q)
{
    if (queue_is_open(q->store)) return true;
    if (q->batch.refused) return false;
    if (queue_begin(q->store) == GP_OK) return true;
    q->batch.refused = true;
    store_trouble(q, "to begin a transaction");
    return false;
}

void batch_outcome(struct queue *q, struct attempt *a)
{
    struct batch *b = &q->batch;
    if (!b->done) {
        b->done_last  = &b->done;
        b->done_since = a->when;
    }
    b->done_count++;
    a->done_next  = NULL;
    *b->done_last = a;
    b->done_last  = &a->done_next;
}

bool batch_rests(const struct queue *q, gp_time now)
{
    return schedule_rests(q->batch.rest_until, REST_AFTER_TROUBLE, now);
}

static void answer_all(struct queue *q, gp_status status, const char *why)
{
    struct batch *b = &q->batch;
    for (size_t i = 0; i < b->ask_count; i++) {
        struct msg m         = MSG(COMMITTED);
        m.committed.status   = status;
        m.committed.queue_id = gp_from(b->asks[i].queue_id);
        m.committed.why      = gp_from(why);
        if (b->asks[i].asker.question) q->exits->answer(q, b->asks[i].asker, &m);
    }
    b->ask_count = 0;
}

void batch_fail(struct queue *q, gp_time now)
{
    const char *why = store_why(q);
    queue_abandon(q->store);
    answer_all(q, GP_TEMPFAIL, why);
    if (q->batch.done) q->batch.rest_until = now + REST_AFTER_TROUBLE;
    reports_rest(q, now);
}

static bool commit(struct queue *q, gp_time now)
{
    events_keep(q);
    if (queue_commit(q->store) != GP_OK) {
        store_trouble(q, "to commit");
        batch_fail(q, now);
        return false;
    }
    events_kept(q);
    events_news(q);
    q->batch.transactions++;
    if (q->batch.ask_count) q->batch.took_in = now;
    answer_all(q, GP_OK, "");
    return true;
}

static bool record_outcomes(struct queue *q, gp_time now)
{
    for (const struct attempt *a = q->batch.done; a; a = a->done_next)
        if (outcome_record(q, a) != GP_OK) {
            store_trouble(q, "to record an outcome");
            batch_fail(q, now);
            return false;
        }
    return true;
}

static void forget_outcomes(struct queue *q)
{
    struct attempt *a   = q->batch.done;
    q->batch.done       = NULL;
    q->batch.done_count = 0;
    q->batch.rest_until = 0;
    while (a) {
        struct attempt *next = a->done_next;
        attempt_free(a);
        a = next;
    }
}

static bool is_within(gp_time now, gp_time since)
{
    return now >= since && now - since < JOIN_WAIT;
}

/* A transaction costs a sync, and pages that all its changes share. So while messages come in, outcomes go with the next of them. */
gp_time batch_wait(const struct queue *q, gp_time now)
{
    const struct batch *b     = &q->batch;
    bool                busy  = is_within(now, b->took_in) && !b->ask_count && !q->stopping;
    bool                waits = b->done && b->done_count < JOIN_MOST && is_within(now, b->done_since);
    return busy && waits ? b->done_since + JOIN_WAIT - now : 0;
}

static void flush(struct queue *q, gp_time now)
{
    struct batch *b     = &q->batch;
    bool          again = b->rest_until != 0; /* outcomes that failed once must not pull new messages down with them */
    bool          outcomes = b->done && !batch_rests(q, now) && !batch_wait(q, now);
    if (queue_is_open(q->store) && (again || !outcomes)) (void)commit(q, now);
    if (!outcomes) return;
    if (!batch_open(q)) {
        b->rest_until = now + REST_AFTER_TROUBLE;
        return;
    }
    if (record_outcomes(q, now) && commit(q, now)) forget_outcomes(q);
}

void batch_flush(struct queue *q, gp_time now)
{
    flush(q, now);
    q->batch.refused = false;
}
