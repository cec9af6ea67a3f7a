/* What the relay knows of hosts that do not answer: destinations that have no other are left alone until one of them is tried again, and are due
 * when it answers. */
#include "queue/parts.h"

enum {
    REVIVED_MOST  = 4096, /* recipients that are due at once; the others are at their own time */
    REVIVED_LANES = 512,
    REVIVED_EACH  = 64
};

/* FNV-1a; never 0. */
static uint64_t hash_of(gp_str host)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < host.len; i++) hash = (hash ^ (unsigned char)host.ptr[i]) * UINT64_C(0x100000001b3);
    return hash | 1;
}

void hosts_name(struct attempt *a, const struct msg *m, gp_time now)
{
    gp_time again = m->delivered.again < INT64_MAX ? (gp_time)m->delivered.again : 0;
    if (again <= now || again > now + SHUT_MOST) return;
    a->again           = again;
    a->lane->waits_for = hash_of(m->delivered.host);
}

static void wake(struct queue *q, struct lane *lane, gp_time now)
{
    for (struct attempt *a = lane->attempts; a; a = a->lane_next) /* what was put off and is not on record yet */
        if (a->again) {
            a->again   = now;
            a->repeats = false;
        }
    if (lane->place == LANE_ASLEEP) lane_move(&q->lanes, lane, LANE_READY, 0);
}

static gp_status revive(struct queue *q, uint64_t host, gp_time now, size_t *due)
{
    gp_status status = GP_OK;
    size_t    woken  = 0;
    for (size_t i = 0; i < LANE_BUCKETS; i++)
        for (struct lane *lane = q->lanes.buckets[i]; lane && status == GP_OK; lane = lane->bucket_next) {
            size_t changed = 0;
            if (lane->waits_for != host) continue;
            lane->suspended_until = 0;
            lane->waits_for       = 0;
            if (*due >= REVIVED_MOST || woken++ >= REVIVED_LANES) continue;
            status = queue_make_due(q->store, lane_name(lane), now, REVIVED_EACH, &changed);
            *due += changed;
            wake(q, lane, now);
        }
    return status;
}

void hosts_back(struct queue *q, const struct msg *m, gp_time now)
{
    size_t due = 0;
    batch_flush(q, now); /* so that all of the transaction is ours */
    gp_status status = queue_is_open(q->store) ? GP_TEMPFAIL : queue_begin(q->store);
    if (status == GP_OK) status = revive(q, hash_of(m->host_back.host), now, &due);
    if (status == GP_OK && due) status = queue_commit(q->store);
    queue_abandon(q->store);
    if (status != GP_OK) store_trouble(q, "to try again what waits for a host");
    if (due)
        LOG(LOG_INFO, "queue", LOG_N("due", due), LOG_S("host", m->host_back.host),
            LOG_Z("reason", "it answers again"));
}
