/* What the relay knows of hosts that do not answer: destinations that have no other are left alone until one of them is tried again, and are due
 * when it answers.
 *
 *   revived   meaning                                                                      ends when
 *   not       no host of it is known to be back
 *   wakes     one is; it was not known whether it answers, and nothing is on record        its turn, or a host does not answer (again)
 *   is due    one is, and mail of it is put off because of that                            the same, and no such mail is left
 *
 *   Turns are once a second, so many destinations and recipients each; where the store cannot, the next one does the same. */
#include <string.h>

#include "queue/parts.h"

enum {
    REVIVED_MOST  = 4096, /* recipients of a turn, about */
    REVIVED_LANES = 512,
    REVIVED_EACH  = 64,
    REVIVED_LOOKS = 256, /* of those of a destination that are not due, as many are looked at */
    BETWEEN_TURNS = 1000 /* ms: many hosts may be back at once, and clients wait for their 250 meanwhile */
};

/* FNV-1a; never 0. */
static uint64_t hash_of(gp_str host)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < host.len; i++) hash = (hash ^ (unsigned char)host.ptr[i]) * UINT64_C(0x100000001b3);
    return hash | 1;
}

void hosts_forget(struct lane *lane)
{
    memset(lane->hosts, 0, sizeof lane->hosts);
    lane->waits = lane->shut = false;
}

void hosts_name(struct attempt *a, const struct msg *m, gp_time now)
{
    struct lane *lane  = a->lane;
    gp_str       names = m->delivered.host;
    gp_time      again = m->delivered.again < INT64_MAX ? (gp_time)m->delivered.again : 0;
    if (!names.len) return;
    memset(lane->hosts, 0, sizeof lane->hosts);
    for (size_t i = 0; i < HOSTS_MOST && names.len; i++) lane->hosts[i] = hash_of(gp_cut(&names, '\n'));
    lane->shut    = lane->shut || lane->revived == REVIVED_IS_DUE;
    lane->revived = REVIVED_NOT;
    if (again > now && again <= now + SHUT_MOST) a->again = again;
}

/* ---- one answers ------------------------------------------------------------------------------------------------------- */
static bool waits_for(const struct lane *lane, uint64_t host)
{
    bool found = false;
    for (size_t i = 0; i < HOSTS_MOST; i++) found = found || lane->hosts[i] == host;
    return found;
}

static void is_back(struct lane *lane, gp_time now)
{
    if (lane->shut)
        lane->revived = REVIVED_IS_DUE;
    else if (lane->revived == REVIVED_NOT)
        lane->revived = REVIVED_WAKES;
    lane->suspended_until = 0;
    hosts_forget(lane);
    for (struct attempt *a = lane->attempts; a; a = a->lane_next) /* what was put off and is not on record yet */
        if (a->again) {
            a->again   = now;
            a->repeats = false;
        }
}

void hosts_back(struct queue *q, const struct msg *m, gp_time now)
{
    uint64_t host = hash_of(m->host_back.host);
    size_t   due  = 0;
    for (size_t i = 0; i < LANE_BUCKETS; i++)
        for (struct lane *lane = q->lanes.buckets[i]; lane; lane = lane->bucket_next) {
            if (!waits_for(lane, host)) continue;
            is_back(lane, now);
            q->reviving = true;
            due += lane->revived == REVIVED_IS_DUE;
        }
    if (due)
        LOG(LOG_INFO, "queue", LOG_N("destinations", due), LOG_S("host", m->host_back.host),
            LOG_Z("reason", "it answers again"));
    if (!schedule_rests(q->revived_last + BETWEEN_TURNS, BETWEEN_TURNS, now))
        hosts_turn(q, now); /* else the tick does */
}

/* ---- turns ---------------------------------------------------------------------------------------------------------------- */
struct turn {
    struct lane *lanes[REVIVED_LANES];
    bool         has_more[REVIVED_LANES];
    size_t       count, due;
};

/* Its outcome has come, and is not on record yet: only then it is what waits. */
static bool is_unrecorded(const struct lane *lane)
{
    const struct attempt *a = lane->attempts;
    while (a && !a->results) a = a->lane_next;
    return a;
}

static gp_status make_due(struct queue *q, struct turn *t, struct lane *lane, gp_time now)
{
    size_t    changed = 0;
    gp_status status  = GP_OK;
    if (lane->revived == REVIVED_IS_DUE)
        status = queue_make_unanswered_due(q->store, lane_name(lane), now, REVIVED_LOOKS, REVIVED_EACH, &changed);
    t->has_more[t->count] = changed == REVIVED_EACH || (lane->revived == REVIVED_IS_DUE && is_unrecorded(lane));
    t->lanes[t->count++]  = lane;
    t->due += changed;
    return status;
}

/* From where the turn before has stopped, so that a destination with much mail keeps none waiting. */
static gp_status revive(struct queue *q, struct turn *t, gp_time now)
{
    gp_status    status = GP_OK;
    const size_t first  = q->revive_at;
    for (size_t i = 0; i < LANE_BUCKETS && status == GP_OK; i++) {
        const size_t bucket = (first + i) % LANE_BUCKETS;
        for (struct lane *lane = q->lanes.buckets[bucket]; lane && status == GP_OK; lane = lane->bucket_next) {
            if (lane->revived == REVIVED_NOT) continue;
            q->revive_at = bucket;
            if (t->count == REVIVED_LANES || t->due >= REVIVED_MOST) return GP_OK;
            status = make_due(q, t, lane, now);
        }
    }
    q->reviving  = false; /* but for those that have more */
    q->revive_at = 0;
    return status;
}

static void wake(struct queue *q, const struct turn *t)
{
    for (size_t i = 0; i < t->count; i++) {
        struct lane *lane = t->lanes[i];
        if (!t->has_more[i]) lane->revived = REVIVED_NOT;
        q->reviving = q->reviving || t->has_more[i];
        if (lane->place == LANE_ASLEEP) lane_move(&q->lanes, lane, LANE_READY, 0);
    }
}

void hosts_turn(struct queue *q, gp_time now)
{
    struct turn t = { .count = 0 };
    if (!q->reviving || q->stopping || batch_rests(q, now)) return;
    q->revived_last = now;
    batch_flush(q, now); /* so that all of the transaction is ours */
    gp_status status = queue_is_open(q->store) ? GP_TEMPFAIL : queue_begin(q->store);
    if (status == GP_OK) status = revive(q, &t, now);
    if (status == GP_OK && t.due) status = queue_commit(q->store);
    queue_abandon(q->store);
    if (status != GP_OK) {
        q->reviving = true; /* the same again in the next turn */
        store_trouble(q, "to try again what waits for a host");
        return;
    }
    wake(q, &t);
    if (t.due) LOG(LOG_INFO, "queue", LOG_N("due", t.due), LOG_Z("reason", "hosts of its answer again"));
}
