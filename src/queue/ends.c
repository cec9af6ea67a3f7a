/* What ends without an attempt: its sender's deadline is over (RFC 2852), it was held for too long, or a command took it out of the queue. The
 * sender hears of it in the same transaction, and what the relay has in hand is left to what comes of that. Looked at once a second; it costs
 * three looks into indexes that are empty but for such mail. */
#include "queue/parts.h"

enum {
    ENDINGS_MOST = 512, /* at a time: more than there are attempts that could keep them waiting */
    TURN_MOST    = 1000 /* recipients of one transaction                                        */
};

static const struct ending ends[] = {
    [QUEUE_END_REMOVED]  = {"5.7.1",  "it was taken out of the queue by the server's administrator", false},
    [QUEUE_END_DEADLINE] = { "5.4.7", NULL,                                                          false},
    [QUEUE_END_HELD]     = { "5.4.7", "it was held by the server, and nobody has released it",       false},
};
static const struct ending late = { "4.4.7", NULL, true };

struct gathering {
    const struct queue        *q;
    const struct queue_ending *what;
    struct attempt             as; /* none: who it is about */
    bool                       more, waits;
};

static bool is_meant(const struct gathering *g, const struct queue_recipient *to)
{
    if (to->state != RECIPIENT_QUEUED && to->state != RECIPIENT_HELD) return false;
    if (g->as.ending->late) return !to->delay_noticed;
    return g->what->why != QUEUE_END_HELD || to->state == RECIPIENT_HELD;
}

static bool gather(void *owner, const struct queue_recipient *to)
{
    struct gathering *g   = owner;
    struct queue_due *due = &g->as.due;
    if (!is_meant(g, to)) return true;
    bool busy = !g->as.ending->late && attempt_is_under_way(g->q, to->destination, g->what->message, to->position);
    g->waits |= busy;
    g->more = !busy && due->count == QUEUE_DUE_MOST;
    if (!busy && !g->more) due->positions[due->count++] = to->position;
    return !g->more;
}

/* A deadline by which the message comes back, or by which its sender is told. */
static gp_status ending_of(struct queue *q, const struct queue_ending *e, const struct ending **out)
{
    struct gp_arena      arena = { .most = ENVELOPE_MOST };
    struct queue_message m;
    gp_status            status = queue_load(q->store, gp_from(e->queue_id), &arena, &m);
    *out                        = &ends[e->why];
    if (status == GP_OK && e->why == QUEUE_END_DEADLINE && !gp_deadline(m.params).back) *out = &late;
    gp_arena_reset(&arena);
    return status;
}

/* A page of its recipients; the others in the next transaction. */
static gp_status end_page(struct queue *q, const struct queue_ending *e, gp_time now, size_t *recipients)
{
    struct gathering g = {
        .q = q, .what = e, .as = {.queue = q, .when = now, .repeats = true}
    };
    gp_status status = ending_of(q, e, &g.as.ending);
    g.as.due.message = e->message;
    if (status == GP_PERMFAIL) return GP_OK; /* it is gone */
    if (status == GP_OK && !gp_copy_z(gp_from(e->queue_id), g.as.due.queue_id, sizeof g.as.due.queue_id))
        return GP_TEMPFAIL;
    if (status == GP_OK) status = queue_visit_recipients(q->store, e->message, 0, gather, &g);
    if (status == GP_OK && !g.more && !g.waits) status = queue_ended(q->store, e);
    if (status == GP_OK && g.as.due.count) status = outcome_record(q, &g.as);
    *recipients += g.as.due.count;
    return status;
}

void ends_turn(struct queue *q, gp_time now)
{
    struct queue_ending found[ENDINGS_MOST];
    size_t              count = 0, recipients = 0;
    unsigned            life = q->config->queue.held_lifetime;
    gp_time             held = life ? now - (gp_time)life * SECOND : 0;
    if (q->stopping || batch_rests(q, now) || schedule_rests(q->rest_until, REST_AFTER_TROUBLE, now)) return;
    gp_status status = queue_endings(q->store, now, held, found, ENDINGS_MOST, &count);
    if (status == GP_OK && !count) return;
    batch_flush(q, now); /* so that what fails is ours alone */
    for (size_t i = 0; status == GP_OK && i < count && recipients < TURN_MOST; i++) {
        if (!batch_open(q)) return;
        status = end_page(q, &found[i], now, &recipients);
    }
    if (status != GP_OK) {
        store_trouble(q, "to end what is not to be delivered");
        batch_fail(q, now);
        return;
    }
    batch_flush(q, now);
}

void ends_tell_held(struct queue *q, gp_time now)
{
    enum { HOUR = 3600, DAY = 24 * HOUR };
    struct msg m     = MSG(HELD_LONG);
    size_t     count = 0;
    gp_time    since = 0;
    if (!q->vault || schedule_rests(q->held_told + (gp_time)HOUR * SECOND, (gp_time)HOUR * SECOND, now)) return;
    q->held_told = now;
    if (queue_count_held(q->store, now - (gp_time)DAY * SECOND, &count, &since) != GP_OK || !count) return;
    m.held_long = (struct msg_held_long) { .count = count, .since = (uint64_t)since };
    (void)!ipc_tell(q->vault, &m); /* else in an hour */
}

void ends_tell_lost(struct queue *q, gp_time now)
{
    enum { HOUR = 3600 * SECOND };
    struct msg m = MSG(REPORT_LOST);
    if (!q->lost[0] || !q->vault || schedule_rests(q->lost_told + HOUR, HOUR, now)) return;
    q->lost_told           = now;
    m.report_lost.queue_id = gp_from(q->lost);
    if (ipc_tell(q->vault, &m)) q->lost[0] = '\0';
}
