/* What is due goes to the relay: one destination after the other, one message of it at a time, so that a full lane or a slow
 * one holds up nobody else. Memory is bounded by what is under way; the rest stays in the store. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "queue/parts.h"

enum {
    DEATHS_MOST                                                         = 3,
    TURN_MOST                                                           = 256,
    /* lanes served before the loop goes on */ WALKING_MOST             = 16,
    /* while each may have to be rerouted first */ RECIPIENTS_TEXT_MOST = 96 * 1024
};

/* ---- attempts ----------------------------------------------------------------------------------------------------------- */
static bool is_under_way(void *owner, int64_t message, unsigned position)
{
    const struct lane *lane = owner;
    for (const struct attempt *a = lane->attempts; a; a = a->lane_next)
        if (a->due.message == message && position >= a->due.positions[0] &&
            position <= a->due.positions[a->due.count - 1])
            return true;
    return false;
}

bool attempt_is_under_way(const struct queue *q, gp_str destination, int64_t message, unsigned position)
{
    struct lane *lane = lanes_find(&q->lanes, destination);
    return lane && is_under_way(lane, message, position);
}

void attempt_free(struct attempt *a)
{
    struct attempt **link = &a->lane->attempts;
    while (*link != a) link = &(*link)->lane_next;
    *link = a->lane_next;
    if (a->lane->place != LANE_READY)
        lane_move(&a->queue->lanes, a->lane, LANE_READY, 0); /* what is due may have changed */
    free(a->results);
    free(a);
}

struct gathering {
    struct gp_arena        *arena;
    const struct queue_due *due;
    struct queue_recipient *out;
    size_t                  at, count;
    bool                    failed;
};

static bool keep(struct gp_arena *arena, gp_str *text)
{
    *text = gp_arena_copy(arena, *text);
    return text->ptr != NULL;
}

static bool gather(void *owner, const struct queue_recipient *found)
{
    struct gathering *g = owner;
    while (g->at < g->due->count && g->due->positions[g->at] < found->position) g->at++; /* no longer there */
    if (g->at == g->due->count) return false;
    if (g->due->positions[g->at] != found->position) return true;
    struct queue_recipient *to = &g->out[g->count++];
    *to                        = *found;
    gp_str *texts[]            = { &to->address,     &to->params,   &to->destination, &to->last.enhanced,
                                   &to->last.remote, &to->last.tls, &to->last.text };
    for (size_t i = 0; i < GP_COUNT(texts); i++)
        if (!keep(g->arena, texts[i])) g->failed = true;
    return !g->failed;
}

gp_status attempt_recipients(struct queue *q, const struct attempt *a, struct gp_arena *arena,
                             struct queue_recipient *out, size_t *count)
{
    struct gathering g      = { .arena = arena, .due = &a->due, .out = out };
    gp_status        status = queue_visit_recipients(q->store, a->due.message, a->due.positions[0], gather, &g);
    *count                  = g.count;
    return g.failed ? GP_TEMPFAIL : status;
}

/* ---- to the relay --------------------------------------------------------------------------------------------------------- */
static bool list_recipients(struct gp_arena *arena, const struct queue_recipient *to, size_t count, gp_str *out)
{
    struct gp_text text = { .ptr = gp_arena_take(arena, RECIPIENTS_TEXT_MOST), .room = RECIPIENTS_TEXT_MOST };
    if (!text.ptr) return false;
    for (size_t i = 0; i < count; i++) {
        gp_put(&text, to[i].address);
        gp_put_char(&text, '\t');
        gp_put(&text, to[i].params);
        gp_put_char(&text, '\n');
    }
    *out = gp_said(&text);
    return !text.cut;
}

static gp_status send_with_body(struct attempt *a, const struct queue_message *message, struct msg *m)
{
    struct queue    *q      = a->queue;
    struct gp_buffer body   = { 0 };
    gp_status        status = GP_OK;
    if (message->in_file) {
        m->fds[0] = queue_body_open(q->store, message->queue_id);
        if (m->fds[0] < 0) return GP_TEMPFAIL;
    } else {
        status          = queue_body_head(q->store, message, &body, QUEUE_INLINE_MOST);
        m->deliver.body = gp_buffer_all(&body);
    }
    if (status == GP_OK) q->exits->deliver(a, m);
    if (m->fds[0] >= 0) (void)close(m->fds[0]);
    gp_buffer_free(&body);
    return status;
}

static gp_status send(struct attempt *a, struct gp_arena *arena)
{
    struct queue          *q = a->queue;
    struct queue_message   message;
    struct queue_recipient to[QUEUE_DUE_MOST];
    size_t                 count  = 0;
    gp_status              status = queue_load(q->store, gp_from(a->due.queue_id), arena, &message);
    if (status == GP_OK) status = attempt_recipients(q, a, arena, to, &count);
    if (status != GP_OK) return status;
    if (count != a->due.count) return GP_PERMFAIL; /* a command took it away just now */

    struct msg m          = MSG(DELIVER);
    m.deliver.attempt     = ++q->last_attempt;
    m.deliver.size        = message.size;
    m.deliver.foreign     = message.foreign;
    m.deliver.queue_id    = message.queue_id;
    m.deliver.destination = lane_name(a->lane);
    m.deliver.sender      = message.sender;
    m.deliver.params      = message.params;
    if (!list_recipients(arena, to, count, &m.deliver.recipients)) return GP_TEMPFAIL;
    return send_with_body(a, &message, &m);
}

/* The same result line for every recipient, as if it had been tried. */
static bool all_the_same(struct attempt *a, gp_str line)
{
    size_t room = 0;
    if (!gp_mul(line.len + 1, a->due.count, &room)) return false;
    struct gp_text text = { .ptr = malloc(room), .room = room };
    if (!text.ptr) return false;
    for (size_t i = 0; i < a->due.count; i++) {
        gp_put(&text, line);
        gp_put_char(&text, '\n');
    }
    a->results     = text.ptr;
    a->results_len = text.len;
    return true;
}

static void put_off(struct attempt *a, gp_str line, gp_time now)
{
    a->when    = now;
    a->repeats = true;
    if (all_the_same(a, line))
        batch_outcome(a->queue, a);
    else
        attempt_free(a);
}

/* The relay never hears of it. */
static void discard(struct attempt *a, gp_time now)
{
    char           room[LAST_WORD_MOST];
    struct gp_text line = GP_TEXT(room);
    gp_put_z(&line, "0\t0\t2.0.0\t\t\tdiscarded by the route ");
    gp_put(&line, config_route_in(lane_name(a->lane)));
    a->discards = true;
    put_off(a, gp_said(&line), now);
}

/* NULL: it is for no route. */
static const struct config_route *route_of(const struct queue *q, const struct lane *lane)
{
    gp_str name = q->config->route_count ? config_route_in(lane_name(lane)) : GP_NONE;
    return name.ptr ? config_route_named(q->config, name) : NULL;
}

static struct pace *pace_of(struct queue *q, const struct lane *lane)
{
    const struct config_route *route = route_of(q, lane);
    return route ? &q->paces[route - q->config->routes] : NULL;
}

static void begins(struct attempt *a, gp_time now)
{
    struct pace *pace = pace_of(a->queue, a->lane);
    if (pace) pace_began(pace, now);
    shares_began(a->queue, a->lane, a->due.account);
}

/* A route may send one more: the destination that has slept for it longest has the next turn. Without this, the one that had it would
 * be ready before any sleeper wakes, and have it again. */
static void wake_paced(struct queue *q, const struct pace *pace)
{
    struct lane *const first = q->lanes.places[LANE_ASLEEP], *lane = first;
    if (!first) return;
    do {
        if (lane->paced && pace_of(q, lane) == pace) return lane_move(&q->lanes, lane, LANE_READY, 0);
        lane = lane->next;
    } while (lane != first);
}

static void ends(struct attempt *a)
{
    struct pace *pace = pace_of(a->queue, a->lane);
    if (pace) {
        pace_ended(pace);
        if (pace->connections) wake_paced(a->queue, pace);
    }
    shares_ended(a->queue, a->lane, a->due.account);
}

/* The relay has met no host that it may try, and sent nothing. */
static void was_spared(struct attempt *a)
{
    struct pace *pace = pace_of(a->queue, a->lane);
    if (!pace || !pace->most) return;
    pace_forget(pace, a->began);
    a->lane->paced = false; /* it is ready when this attempt ends */
    wake_paced(a->queue, pace);
}

static void start(struct attempt *a, gp_time now)
{
    struct gp_arena arena = { .most = ENVELOPE_MOST };
    a->alone              = a->lane->failures > 0;
    a->began              = now;
    begins(a, now);
    gp_status status = send(a, &arena);
    gp_arena_reset(&arena);
    if (status == GP_OK) return;
    ends(a);
    if (status == GP_PERMFAIL) {
        attempt_free(a);
        return;
    }
    LOG(LOG_ERROR, "queue", LOG_Z("failed", "to read a message"), LOG_Z("queue_id", a->due.queue_id),
        LOG_Z(
            "hint",
            "if its file in queue/bodies is gone, restore it from a backup, or delete it with `gatepost queue delete`"));
    put_off(a, GP_LIT("2\t0\t4.3.0\t\t\tthe message could not be read from the queue"), now);
}

/* ---- lanes ------------------------------------------------------------------------------------------------------------------ */
static void nothing_due(struct queue *q, struct lane *lane, gp_time now)
{
    gp_time due = 0;
    if (queue_next_time(q->store, lane_name(lane), now, &due) == GP_OK)
        lane_move(&q->lanes, lane, LANE_ASLEEP, due);
    else if (lane->attempts)
        lane_move(&q->lanes, lane, LANE_FULL, 0);
    else
        lane_drop(&q->lanes, lane);
}

static unsigned window(const struct queue *q, const struct lane *lane)
{
    unsigned most = q->config->relay.connections_per_destination;
    if (lane->failures || !most) return 1;
    return lane->narrow && lane->narrow < most ? lane->narrow : most;
}

/* What is due longest goes first, but no account has two turns in a row while mail of another is due: then they go round. */
static gp_status in_turn(struct queue *q, struct lane *lane, gp_time now, struct queue_due *due)
{
    struct queue_due other;
    gp_status        status = queue_next_due(q->store, lane_name(lane), now, is_under_way, lane, due);
    if (status != GP_OK || (!lane->crowded && due->account != lane->turn)) return status;
    status        = queue_next_turn(q->store, lane_name(lane), now, TURN_LOOKS, &lane->look);
    lane->crowded = status == GP_OK && (lane->look != lane->turn || lane->look != due->account);
    if (status == GP_OK && lane->look != due->account) {
        status = queue_next_due_of(q->store, lane_name(lane), lane->look, now, is_under_way, lane, &other);
        if (status == GP_OK) *due = other;
    }
    return status == GP_TEMPFAIL ? status : GP_OK;
}

static bool is_discarded(const struct queue *q, const struct lane *lane)
{
    struct config_way way;
    return config_read_destination(q->config, lane_name(lane), &way) && way.hop.kind == RELAY_DISCARD;
}

static bool rests(const struct lane *lane, gp_time now)
{
    return schedule_rests(lane->suspended_until, lane->waits ? SHUT_MOST : SUSPENSION_MOST, now);
}

static bool is_put_off(const struct lane *lane, gp_time now)
{
    return lane->last_word && rests(lane, now);
}

/* ---- which message --------------------------------------------------------------------------------------------------------- */
static bool may_go(const struct queue *q, const struct lane *lane, int64_t account, gp_time now)
{
    return shares_let(q, lane, account) || is_put_off(lane, now) || is_discarded(q, lane);
}

/* GP_WAIT: there is one, whose account has enough under way. */
static gp_status in_share(const struct queue *q, const struct lane *lane, gp_time now, gp_status found,
                          const struct queue_due *due)
{
    return found == GP_OK && !may_go(q, lane, due->account, now) ? GP_WAIT : found;
}

/* The account whose turn it is has enough under way: one that has not. */
static gp_status of_another(struct queue *q, struct lane *lane, gp_time now, struct queue_due *due)
{
    struct queue_due other;
    int64_t          first = 0;
    for (unsigned i = 0; i < TURN_LOOKS; i++) {
        gp_status status = queue_next_turn(q->store, lane_name(lane), now, TURN_LOOKS, &lane->look);
        if (status != GP_OK) return status == GP_PERMFAIL ? GP_WAIT : status;
        if (i && lane->look == first) return GP_WAIT; /* once round */
        if (!i) first = lane->look;
        if (!may_go(q, lane, lane->look, now)) continue;
        status = queue_next_due_of(q->store, lane_name(lane), lane->look, now, is_under_way, lane, &other);
        if (status == GP_OK) *due = other;
        if (status != GP_PERMFAIL) return status;
    }
    return GP_WAIT;
}

/* RFC 6710: what has a priority above 0 goes before all that has none, what has one below it after that. GP_WAIT: all that is due is of accounts that
 * have enough under way; *due is of one of them. */
static gp_status choose(struct queue *q, struct lane *lane, gp_time now, struct queue_due *due)
{
    gp_status status = queue_next_apart(q->store, lane_name(lane), true, now, is_under_way, lane, due);
    gp_status before = in_share(q, lane, now, status, due);
    if (before == GP_OK || before == GP_TEMPFAIL) return before;
    status = in_share(q, lane, now, in_turn(q, lane, now, due), due);
    if (status == GP_WAIT) status = of_another(q, lane, now, due);
    if (status == GP_OK || status == GP_TEMPFAIL) return status;
    if (status == GP_WAIT) before = GP_WAIT;
    status = queue_next_apart(q->store, lane_name(lane), false, now, is_under_way, lane, due);
    status = in_share(q, lane, now, status, due);
    return status == GP_PERMFAIL ? before : status;
}

/* true: it has no turn now. */
static bool is_held_up(struct queue *q, struct lane *lane, gp_time now)
{
    const struct pace *pace  = pace_of(q, lane);
    gp_time            until = 0;
    if (lane->under_way >= window(q, lane)) {
        lane_move(&q->lanes, lane, LANE_FULL, 0);
        return true;
    }
    if (pace && !rests(lane, now)) until = pace_wait(pace, now);
    lane->paced = until != 0;
    if (until) lane_move(&q->lanes, lane, LANE_ASLEEP, until);
    return until;
}

static void serve(struct queue *q, struct lane *lane, gp_time now)
{
    struct queue_due           due;
    const struct config_route *route = route_of(q, lane);
    if (is_held_up(q, lane, now)) return;
    gp_status       status = choose(q, lane, now, &due);
    struct attempt *a      = status == GP_OK ? calloc(1, sizeof *a) : NULL;
    if (status == GP_PERMFAIL) return nothing_due(q, lane, now);
    if (status == GP_WAIT) return shares_wait(q, lane, due.account);
    if (!a) {
        store_trouble(q, "to read what is due");
        q->rest_until = now + REST_AFTER_TROUBLE;
        return;
    }
    if (behind_reroutes(q, due.message, now)) {
        free(a);
        return;
    }
    if (route && route->recipients && due.count > route->recipients) due.count = route->recipients;
    lane->turn     = due.account;
    a->due         = due;
    a->queue       = q;
    a->lane        = lane;
    a->lane_next   = lane->attempts;
    lane->attempts = a;
    if (is_discarded(q, lane)) {
        discard(a, now);
    } else if (is_put_off(lane, now)) {
        a->again = lane->waits ? lane->suspended_until : 0;
        put_off(a, (gp_str) { lane->last_word, lane->last_word_len }, now);
    } else {
        start(a, now);
    }
}

static void serve_lanes(struct queue *q, gp_time now)
{
    const size_t most = shares_most(q), turn = behind_walks(q) ? WALKING_MOST : TURN_MOST;
    for (size_t i = 0; i < turn; i++) {
        bool trouble = schedule_rests(q->rest_until, REST_AFTER_TROUBLE, now) || batch_rests(q, now);
        if (q->stopping || !q->relay_there || trouble || behind_holds(q) || q->under_way >= most) return;
        struct lane *lane = lanes_next(&q->lanes, now);
        if (!lane) return;
        database_hold(queue_database(q->store));
        serve(q, lane, now);
    }
}

void dispatch(struct queue *q, gp_time now)
{
    shares_turn(q, now);
    serve_lanes(q, now);
    database_let_go(queue_database(q->store));
}

/* ---- and back ---------------------------------------------------------------------------------------------------------------- */
static void judge_lane(struct queue *q, struct lane *lane, gp_str results, enum host_word hosts, gp_time again,
                       gp_time now)
{
    unsigned most = q->config->relay.connections_per_destination;
    if (again) lane->shut = true;
    if (hosts == HOST_UNASKED) return; /* its other mail goes on as before */
    lane->waits = again != 0;
    if (hosts != HOST_DOWN) {
        hosts_forget(lane);
        lane_recovered(lane);
        if (lane_is_too_much(gp_cut(&results, '\n')))
            lane_narrow(lane, most);
        else
            lane_widen(lane, most);
        return;
    }
    if (!again || !lane->failures) lane->failures++;
    lane->shut   = true;
    lane->narrow = 1; /* when it is back it is not met by all at once */
    lane_suspend(lane, again ? again : now + schedule_suspension(q->config, lane->failures),
                 gp_head(gp_cut(&results, '\n'), LAST_WORD_MOST));
}

/* Nobody knows what came of it, or nothing was begun: due again after a moment, or when it is known whether a host that is slow answers. A
 * message that takes the relay down each time it is tried must not do so for ever: after a death a lane sends one at a time, which finds the
 * culprit. */
static void try_again(struct attempt *a, bool died, gp_time now)
{
    struct queue *q    = a->queue;
    struct lane  *lane = a->lane;
    if (died && (a->alone || !lane->failures)) lane->failures++;
    if (died && a->alone && lane->failures >= DEATHS_MOST)
        return put_off(a, GP_LIT("2\t0\t4.3.0\t\t\tthe relay ended before it gave a result"), now);
    gp_time again = a->again ? a->again : now + REST_AFTER_DEATH;
    attempt_free(a);
    lane_move(&q->lanes, lane, LANE_ASLEEP, again);
}

void attempt_done(struct attempt *a, gp_str results, enum host_word hosts, gp_time now)
{
    bool died = !results.ptr, untried = hosts == HOST_DOWN && !results.len;
    if (untried || a->again) was_spared(a);
    ends(a);
    a->results = died || untried || results.len > RESULTS_MOST ? NULL : malloc(results.len + 1);
    if (!a->results) return try_again(a, died, now);
    if (results.len) memcpy(a->results, results.ptr, results.len);
    a->results_len = results.len;
    a->when        = now;
    judge_lane(a->queue, a->lane, results, hosts, a->again, now);
    batch_outcome(a->queue, a);
}
