/* What a start leaves for later, so that it serves within a moment whatever the size of the queue: the look through all of queue.db for damage, the
 * sweep, and the walk that sends waiting mail the way that the configuration says now.
 *
 *   store state   mark   what it is                                          promises
 *   unread        -      larger than FRONT_MOST: looked through beside       yes
 *                        (a smaller one never is: it is looked through before the role is ready)
 *   doubted       yes    the same, and damage was found before               no, until a thorough look has found none
 *   whole         -      looked through: in front, or beside                 yes
 *   damaged       yes    found by a look, or by SQLite in any statement      no; for this process to its end
 *
 * The mark is a file beside queue.db (queue_mark), so that no other process promises mail on a damaged file. Nothing is swept before the state is whole.
 * What is damaged is not written to any more, nor sent from: what came of it could not be kept. The supervisor hears the state before the role is
 * ready: what is too damaged to serve from ends the role after that. */
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "queue/parts.h"

enum {
    SWEEP_PORTION = 256,
    WALK_PORTION  = 1000,
    LOOK_AGAIN    = 10 * 60 * SECOND, /* where it could not be looked through */
    TELL_AGAIN    = 60 * 60 * SECOND
};
#define FRONT_MOST ((int64_t)64 * 1024 * 1024)

struct look { /* a thread has it, then the loop again */
    struct queue         *queue;
    bool                  thorough;
    atomic_bool           ends;
    enum database_trouble found;
};

static struct database *db_of(const struct queue *q)
{
    return queue_database(q->store);
}

/* ---- who hears of it ---------------------------------------------------------------------------------------------------- */
static void tell(struct queue *q, gp_time now)
{
    struct behind *b    = &q->behind;
    struct msg     m    = MSG(STORE_STATE);
    m.store_state.state = b->state;
    bool damaged        = b->state == STORE_DAMAGED;
    if (q->supervisor && b->told != b->state && ipc_tell(q->supervisor, &m)) b->told = b->state;
    if (!damaged || !q->vault || schedule_rests(b->warned + TELL_AGAIN, TELL_AGAIN, now)) return;
    if (ipc_tell(q->vault, &m)) b->warned = now;
}

static void complain(const char *doing, enum database_trouble trouble, const char *means)
{
    LOG(LOG_ERROR, "queue", LOG_Z("failed", doing), LOG_Z("file", "queue/" QUEUE_DATABASE),
        LOG_Z("reason", database_why(trouble)), LOG_Z("means", means), LOG_Z("hint", database_hint(trouble)));
}

static bool is_damage(enum database_trouble found)
{
    return found == DATABASE_DAMAGED || found == DATABASE_FOREIGN;
}

static void found_damage(struct queue *q)
{
    q->behind.state = STORE_DAMAGED;
    database_doubt(db_of(q), true);
    complain("to find queue.db whole", DATABASE_DAMAGED, "no mail is taken, and none is sent, until it is restored");
    if (queue_mark(q->store, true) != GP_OK)
        LOG(LOG_ERROR, "queue", LOG_Z("failed", "to keep that queue.db is damaged"),
            LOG_Z("hint", "a restart would find out anew: do not restart it before the file is restored"));
}

/* ---- the walk --------------------------------------------------------------------------------------------------------------- */
static gp_str choose(void *owner, const struct queue_way *way, struct gp_text *room)
{
    struct queue *q  = owner;
    gp_str        to = destination_of(q, way, room);
    if (!room->cut && !gp_same(to, way->goes)) (void)lanes_wake(&q->lanes, to, q->looked_at, q->looked_at);
    return to;
}

static bool is_walked(const struct queue *q)
{
    return q->behind.walk.upto >= q->behind.walk.end;
}

bool behind_walks(const struct queue *q)
{
    return !is_walked(q);
}

/* Before a message comes in by new ways: a process that goes the old ones again must not take the old walk for done. */
static bool open_walk(struct queue *q)
{
    struct queue_walk *w = &q->behind.walk;
    w->ways              = (int64_t)config_ways(q->config);
    gp_status status     = queue_begin(q->store);
    if (status == GP_OK) status = queue_walk_open(q->store, w);
    if (status == GP_OK) status = queue_commit(q->store);
    queue_abandon(q->store);
    if (status != GP_OK) store_trouble(q, "to find out which way waiting mail goes");
    return q->behind.walk_open = status == GP_OK;
}

static void walk(struct queue *q, gp_time now)
{
    struct queue_walk *w = &q->behind.walk, before = *w;
    gp_status          status = queue_begin(q->store);
    q->looked_at              = now;
    if (status == GP_OK) status = queue_walk_on(q->store, w, WALK_PORTION, choose, q);
    bool changed = w->moved != before.moved || is_walked(q);
    if (status == GP_OK && changed) status = queue_commit(q->store);
    queue_abandon(q->store);
    if (status != GP_OK) {
        *w                  = before;
        q->behind.walk_rest = now + REST_AFTER_TROUBLE;
        store_trouble(q, "to send waiting mail another way");
    } else if (is_walked(q) && w->moved) {
        LOG(LOG_INFO, "queue", LOG_N("rerouted", w->moved), LOG_Z("reason", "relay.via or routes have changed"));
    }
}

bool behind_reroutes(struct queue *q, int64_t message, gp_time now)
{
    const struct queue_walk *w     = &q->behind.walk;
    size_t                   moved = 0;
    if (is_walked(q) || message <= w->upto || message > w->end) return false;
    q->looked_at     = now;
    gp_status status = queue_is_open(q->store) ? GP_TEMPFAIL : queue_begin(q->store);
    if (status == GP_OK) status = queue_reroute(q->store, message, choose, q, &moved);
    if (status == GP_OK && moved) status = queue_commit(q->store);
    queue_abandon(q->store);
    if (status == GP_OK) q->behind.walk.moved += moved;
    if (status == GP_OK && !moved) return false;
    if (status != GP_OK) {
        q->rest_until = now + REST_AFTER_TROUBLE;
        store_trouble(q, "to send a message another way");
    }
    return true;
}

/* ---- the look ------------------------------------------------------------------------------------------------------------- */
struct queue *look_queue(const struct look *look)
{
    return look->queue;
}

static bool ends(void *owner)
{
    const struct look *look = owner;
    return atomic_load(&look->ends);
}

/* Reads that others make go first. Not the processor, too: this thread holds locks of SQLite's that the loop needs, for moments, and
 * would hold them for long. */
static void rest_disk(bool idle)
{
    enum { THREAD = 1, IDLE = 3 << 13, NORMAL = 0 }; /* ioprio_set(2): IOPRIO_WHO_PROCESS, IOPRIO_CLASS_IDLE */
    (void)syscall(SYS_ioprio_set, THREAD, 0, idle ? IDLE : NORMAL);
}

void look_run(void *job)
{
    struct look               *look = job;
    const struct database_look how  = {
         .path = QUEUE_DATABASE, .thorough = look->thorough, .ends = ends, .owner = look
    };
    rest_disk(true);
    look->found = database_look(&how);
    rest_disk(false);
}

static void found_whole(struct queue *q)
{
    struct behind *b       = &q->behind;
    bool           doubted = b->state == STORE_DOUBTED;
    b->state               = STORE_WHOLE;
    b->sweeps              = true;
    if (!doubted) return;
    if (queue_mark(q->store, false) != GP_OK) LOG(LOG_WARN, "queue", LOG_Z("failed", "to remove the mark of damage"));
    database_doubt(db_of(q), false);
    if (!open_walk(q)) { /* then nothing may come in yet */
        b->state = STORE_DOUBTED;
        database_doubt(db_of(q), true);
        return;
    }
    LOG(LOG_INFO, "queue", LOG_Z("store", "whole again"), LOG_Z("reason", "all of queue.db was looked through"));
}

void look_done(void *job)
{
    struct look          *look  = job;
    struct queue         *q     = look->queue;
    enum database_trouble found = look->found;
    q->behind.look              = NULL;
    q->behind.due               = wall_now() + LOOK_AGAIN;
    free(look);
    if (q->tick) timer_set(q->tick, 0);
    if (q->behind.state == STORE_DAMAGED) return;
    if (is_damage(found))
        found_damage(q);
    else if (found == DATABASE_FINE)
        found_whole(q);
    else if (!q->stopping)
        complain("to look through queue.db", found, "it is tried again in ten minutes");
}

static void look_begin(struct queue *q, gp_time now)
{
    struct behind *b    = &q->behind;
    struct look   *look = calloc(1, sizeof *look);
    b->due              = now + LOOK_AGAIN;
    if (!look) return;
    look->queue    = q;
    look->thorough = b->state == STORE_DOUBTED;
    if (q->exits->look(look))
        b->look = look;
    else
        free(look);
}

/* false: it could not be. */
static bool look_in_front(struct queue *q, bool marked)
{
    const struct database_look thorough = { .path = QUEUE_DATABASE, .thorough = true };
    enum database_trouble      found    = DATABASE_FINE;
    if (marked)
        found = database_look(&thorough);
    else if (queue_check(q->store) != GP_OK)
        found = database_trouble(db_of(q));
    if (found == DATABASE_FINE) {
        if (marked) q->behind.state = STORE_DOUBTED;
        found_whole(q);
    } else if (is_damage(found)) {
        found_damage(q);
    } else {
        complain("to look through queue.db", found, "no mail is taken, and none is sent, until it can be");
        return false;
    }
    return true;
}

/* ---- its place in the role ----------------------------------------------------------------------------------------------------- */
static void swept(struct queue *q)
{
    size_t removed   = q->behind.sweep.removed;
    q->behind.sweeps = false;
    if (removed) LOG(LOG_INFO, "queue", LOG_N("swept", removed), LOG_Z("reason", "half-received before the last end"));
}

void behind_unopened(struct queue *q, enum database_trouble trouble)
{
    q->behind.told  = STORE_STATES;
    q->behind.state = STORE_DAMAGED;
    if (is_damage(trouble)) tell(q, wall_now());
}

bool behind_open(struct queue *q)
{
    struct behind *b      = &q->behind;
    int64_t        most   = b->front_most ? b->front_most : FRONT_MOST;
    bool           marked = queue_is_marked(q->store);
    b->state              = marked ? STORE_DOUBTED : STORE_UNREAD;
    b->told               = STORE_STATES; /* the supervisor has that of the process before */
    database_doubt(db_of(q), false);
    b->sweep.first = b->sweep.last = q->last_draft;
    if (database_size(db_of(q)) <= most && !look_in_front(q, marked)) return false;
    if (b->state == STORE_WHOLE) { /* at once, as nothing has come in */
        b->sweep.removed = queue_sweep(q->store);
        swept(q);
    }
    tell(q, wall_now());
    database_doubt(db_of(q), b->state >= STORE_DOUBTED);
    if (b->state == STORE_DAMAGED) return true;
    if (b->state != STORE_DOUBTED) return b->walk_open || open_walk(q);
    LOG(LOG_WARN, "queue", LOG_Z("store", "was found damaged before"), LOG_Z("file", "queue/" QUEUE_DATABASE),
        LOG_Z("means", "no mail is taken, and none is sent, until all of it has been looked through"));
    return true;
}

static void sweep(struct queue *q)
{
    q->behind.sweep.last = q->last_draft;
    if (!queue_sweep_on(q->store, &q->behind.sweep, SWEEP_PORTION)) swept(q);
}

bool behind_turn(struct queue *q, gp_time now)
{
    struct behind *b      = &q->behind;
    bool           unread = b->state == STORE_UNREAD || b->state == STORE_DOUBTED;
    if (database_doubted(db_of(q)) && b->state != STORE_DOUBTED && b->state != STORE_DAMAGED) found_damage(q);
    tell(q, now);
    if (q->stopping) return false;
    if (unread && !b->look && !schedule_rests(b->due, LOOK_AGAIN, now)) look_begin(q, now);
    if (database_doubted(db_of(q))) return false;
    if (b->sweeps) sweep(q);
    if (schedule_rests(b->walk_rest, REST_AFTER_TROUBLE, now) || batch_rests(q, now)) return b->sweeps;
    if (!is_walked(q) && !queue_is_open(q->store)) walk(q, now);
    return b->sweeps || !is_walked(q);
}

bool behind_holds(const struct queue *q)
{
    return !q->store || database_doubted(db_of(q));
}

bool behind_hangs(const struct queue *q)
{
    return q->behind.look != NULL;
}

void behind_close(struct queue *q)
{
    if (q->behind.look) atomic_store(&q->behind.look->ends, true);
}
