/* The role's life: peers, turns of the loop, changes by commands, and the orderly end.
 *
 *   state      what happens
 *   starting   the store is opened, and looked through where it is small (behind.c), the process locked in, READY said
 *   serving    each turn: messages and outcomes into one transaction, answers, then what is due to the relay
 *   stopping   nothing new to the relay; what it has under way may end, until the deadline; then the last transaction */
#include "queue/queue.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "queue/parts.h"

enum {
    BUSY_MS        = 1000, /* the whole role waits as long: commands hold the lock for milliseconds */
    EXIT_BROKEN    = 1,
    DRAFT_HEADROOM = 2 /* bits: names of drafts are signed numbers, and they grow */
};

/* ---- the state without its loop: what tests drive ----------------------------------------------------------------------- */
static void see_destination(void *owner, gp_str destination, gp_time due)
{
    struct queue *q   = owner;
    gp_time       now = q->looked_at;
    (void)lanes_wake(&q->lanes, destination, due, now);
}

void queue_look(struct queue *q, gp_time now)
{
    q->looked_at      = now;
    q->lanes.overflow = false;
    lanes_revive(&q->lanes); /* who asks for a retry means now, not after our own waiting */
    if (queue_visit_destinations(q->store, see_destination, q) != GP_OK) store_trouble(q, "to look for what is due");
}

static bool open_paces(struct queue *q)
{
    bool opened = true;
    for (size_t i = 0; i < q->config->route_count; i++)
        opened = pace_open(&q->paces[i], &q->config->routes[i]) && opened;
    return opened;
}

bool queue_start(struct queue *q, const struct config *config, const struct queue_exits *exits, gp_time now)
{
    enum database_trouble trouble;
    q->config = config;
    q->exits  = exits;
    q->store  = queue_open(".", BUSY_MS, &trouble);
    if (!q->store) {
        LOG(LOG_ERROR, "queue", LOG_Z("failed", "to open queue.db"), LOG_Z("reason", database_why(trouble)),
            LOG_Z("hint", database_hint(trouble)));
        behind_unopened(q, trouble);
        return false;
    }
    /* An smtpd may still hold a draft of the process before us: its number must not be one of ours. */
    gp_random(&q->last_draft, sizeof q->last_draft);
    q->last_draft >>= DRAFT_HEADROOM;
    (void)database_changed(queue_database(q->store));
    if (!open_paces(q) || !behind_open(q) || !events_open(q) || !reports_open(q)) {
        events_close(q);
        queue_close(q->store);
        return false;
    }
    queue_look(q, now);
    clock_start(q, now);
    return true;
}

void queue_end(struct queue *q)
{
    for (size_t i = 0; i < LANE_BUCKETS; i++)
        for (struct lane *lane = q->lanes.buckets[i]; lane; lane = lane->bucket_next)
            while (lane->attempts) attempt_free(lane->attempts);
    lanes_close(&q->lanes);
    for (size_t i = 0; i < CONFIG_ROUTES_MOST; i++) pace_close(&q->paces[i]);
    for (size_t i = 0; i < DRAFTS_MOST; i++)
        if (q->drafts[i].number) intake_gone(q, q->drafts[i].from);
    if (!behind_holds(q)) events_rest(q);
    behind_close(q);
    events_close(q);
    reports_close(q);
    queue_close(q->store);
    q->store = NULL;
}

/* ---- ways out --------------------------------------------------------------------------------------------------------------- */
static void delivered(void *owner, gp_status status, const struct msg *m)
{
    struct attempt *a     = owner;
    bool            known = status == GP_OK && m->type == MSG_DELIVERED;
    gp_str          none  = GP_LIT("");
    gp_str          lines = known && m->delivered.results.ptr ? m->delivered.results : none;
    if (known) hosts_name(a, m, wall_now());
    attempt_done(a, known ? lines : GP_NONE, known ? (enum host_word)m->delivered.host_down : HOST_ANSWERED,
                 wall_now());
}

static void to_relay(struct attempt *a, struct msg *m)
{
    ipc_ask(a->queue->relay, m, delivered, a);
}

static void to_asker(struct queue *q, struct asker asker, struct msg *m)
{
    (void)q;
    if (asker.question) ipc_answer(asker.from, asker.question, m);
}

static void reported(void *owner, gp_status status, const struct msg *m)
{
    reports_answer(owner, status == GP_OK ? m : NULL, wall_now());
}

static void report_to_relay(struct report_job *job, struct msg *m)
{
    ipc_ask(job->queue->relay, m, reported, job);
}

static bool to_thread(struct look *look)
{
    return loop_work(look_queue(look)->loop, look_run, look_done, look);
}

static const struct queue_exits exits = { to_relay, to_asker, receivers_post, report_to_relay, to_thread };

/* ---- turns -------------------------------------------------------------------------------------------------------------------- */
static bool is_stopped(const struct queue *q, gp_time now)
{
    bool open = q->batch.done && !behind_holds(q); /* what cannot be kept is not waited for */
    return q->stopping && ((!q->under_way && !open) || now >= q->stop_at);
}

static void tell_fates(struct queue *q)
{
    enum { LINE = 64 };
    char           room[FATES_MOST * LINE];
    struct gp_text lines = GP_TEXT(room);
    struct msg     m     = MSG(FATES);
    if (q->fate_count == 0 || !q->vault) return;
    for (size_t i = 0; i < q->fate_count; i++) {
        gp_put_number(&lines, (int64_t)q->fates[i].account);
        gp_put_char(&lines, '\t');
        gp_put_number(&lines, q->fates[i].delivered);
        gp_put_char(&lines, '\t');
        gp_put_number(&lines, q->fates[i].failed);
        gp_put_char(&lines, '\n');
    }
    m.fates.lines = gp_said(&lines);
    if (ipc_tell(q->vault, &m)) q->fate_count = 0;
}

static void after_turn(void *owner)
{
    struct queue *q   = owner;
    gp_time       now = wall_now();
    batch_flush(q, now);
    tell_fates(q);
    dispatch(q, now);
    if (events_turn(q, now)) timer_set(q->tick, 0);
    if (behind_turn(q, now)) timer_set(q->tick, 0);
    if (q->batch.done && !batch_rests(q, now))
        timer_set(q->tick,
                  (uint64_t)batch_wait(q, now)); /* 0: put off without being tried, recorded in the next turn */
    if (is_stopped(q, now) && (behind_holds(q) || chain_is_last(q, now) || now >= q->stop_at)) loop_stop(q->loop);
}

static void write_behind(struct queue *q)
{
    chain_tick(q, wall_now());
    tls_results_write(q, wall_now());
    reports_look(q, wall_now());
    clock_turn(q, wall_now());
    ends_turn(q, wall_now());
    hosts_turn(q, wall_now());
    ends_tell_held(q, wall_now());
    ends_tell_lost(q, wall_now());
    events_rest(q);
}

static void tick(void *owner)
{
    struct queue *q    = owner;
    bool          room = q->lanes.overflow && q->lanes.count < LANES_MOST / 2;
    bool          news = database_changed(queue_database(q->store));
    timer_set(q->tick, CHANGES_EVERY);
    if (!behind_holds(q)) write_behind(q);
    if (news && q->relay_there) (void)ipc_tell(q->relay, &MSG(HOSTS_AGAIN));
    if (news || room) {
        events_news(q);
        reports_news(q);
        queue_look(q, wall_now());
    }
}

/* ---- who speaks to us ------------------------------------------------------------------------------------------------------------ */
static void from_smtpd(void *owner, struct ipc *from, struct msg *m)
{
    struct queue *q     = owner;
    struct asker  asker = { from, m->question };
    switch (m->type) {
    case MSG_COMMIT: intake_commit(q, asker, m, wall_now()); break;
    case MSG_DRAFT: intake_draft(q, asker, m); break;
    case MSG_DRAFT_ABORT: intake_abort(q, from, m); break;
    default: LOG(LOG_WARN, "ipc", LOG_Z("from", "smtpd"), LOG_Z("unexpected", msg_name(m->type))); break;
    }
}

static void smtpd_gone(void *owner, struct ipc *from)
{
    intake_gone(owner, from);
}

static void from_vault(void *owner, struct ipc *from, struct msg *m)
{
    struct asker asker = { from, m->question };
    if (m->type == MSG_NOTICE)
        notice_take(owner, asker, m, wall_now());
    else if (m->type == MSG_HOLD)
        hold_take(owner, asker, m, wall_now());
    else if (m->type == MSG_AGAIN)
        again_take(owner, asker, m, wall_now());
    else if (m->type == MSG_MINE_OF)
        mine_take(owner, asker, m, wall_now());
    else
        LOG(LOG_WARN, "ipc", LOG_Z("from", "vault"), LOG_Z("unexpected", msg_name(m->type)));
}

static void from_relay(void *owner, struct ipc *from, struct msg *m)
{
    struct asker asker = { from, m->question };
    if (m->type == MSG_STS_FIND)
        policies_answer(owner, asker, m, wall_now());
    else if (m->type == MSG_STS_DUE)
        policies_due_answer(owner, asker, m, wall_now());
    else if (m->type == MSG_STS_KEEP)
        policies_take(owner, m, wall_now());
    else if (m->type == MSG_HOST_BACK)
        hosts_back(owner, m, wall_now());
    else if (m->type == MSG_TLS_SEEN)
        tls_results_take(owner, m, wall_now());
    else
        LOG(LOG_WARN, "ipc", LOG_Z("from", "relay"), LOG_Z("unexpected", msg_name(m->type)));
}

static void relay_gone(void *owner, struct ipc *from)
{
    struct queue *q = owner;
    (void)from;
    q->relay_there = false;
}

static const struct ipc_handler smtpd_handler = { from_smtpd, smtpd_gone };
static const struct ipc_handler relay_handler = { from_relay, relay_gone };
static const struct ipc_handler vault_handler = { from_vault, smtpd_gone };

static void take_channel(struct queue *q, struct ipc **channel, const struct ipc_handler *handler, struct msg *m)
{
    if (*channel) {
        intake_gone(q, *channel); /* the one before died; its questions are nobody's now */
        ipc_attach(*channel, m->fds[0]);
    } else {
        *channel = ipc_open(q->loop, m->fds[0], handler, q);
    }
    if (*channel) m->fds[0] = -1;
}

static void take_peer(struct queue *q, struct msg *m)
{
    if (m->fds[0] < 0) return;
    if (m->peer.role == ROLE_SMTPD && m->peer.index < ROLE_SMTPD_MOST) {
        take_channel(q, &q->smtpds[m->peer.index], &smtpd_handler, m);
    } else if (m->peer.role == ROLE_RELAY) {
        take_channel(q, &q->relay, &relay_handler, m);
        q->relay_there = q->relay != NULL;
    } else if (m->peer.role == ROLE_VAULT) {
        take_channel(q, &q->vault, &vault_handler, m);
    } else if (m->peer.role == ROLE_LOOKUP) {
        receivers_take_webhook(q, m);
    }
}

static void stop(struct queue *q, gp_time deadline)
{
    q->stopping = true;
    q->stop_at  = deadline;
    timer_set(q->tick, 0);
}

static void from_supervisor(void *owner, struct ipc *from, struct msg *m)
{
    struct queue *q = owner;
    (void)from;
    if (m->type == MSG_PEER) take_peer(q, m);
    if (m->type == MSG_EVENTS_FILE) receivers_take_file(q, m);
    if (m->type == MSG_STOP) stop(q, wall_now() + (gp_time)q->config->stop_timeout * SECOND);
}

static void supervisor_gone(void *owner, struct ipc *from)
{
    (void)from;
    stop(owner, wall_now());
}

static const struct ipc_handler supervisor_handler = { from_supervisor, supervisor_gone };

/* ---- the role ------------------------------------------------------------------------------------------------------------------------ */
static bool begin(struct queue *q, const struct role_start *start)
{
    q->loop       = loop_open();
    q->tick       = q->loop ? timer_open(q->loop, tick, q) : NULL;
    q->supervisor = q->tick ? ipc_open(q->loop, start->supervisor, &supervisor_handler, q) : NULL;
    if (!q->supervisor || !queue_start(q, start->config, &exits, wall_now())) return false;
    struct msg ready = MSG(READY);
    ready.ready.pid  = (uint64_t)getpid();
    return sandbox_enter(ROLE_QUEUE, true) && ipc_tell(q->supervisor, &ready);
}

static void finish(struct queue *q)
{
    if (!behind_holds(q)) tls_results_write(q, wall_now());
    bool hangs = receivers_hang(q) || behind_hangs(q);
    batch_flush(q, wall_now());
    receivers_close(q);
    for (size_t i = 0; i < ROLE_SMTPD_MOST; i++)
        if (q->smtpds[i]) ipc_close(q->smtpds[i]);
    if (q->relay) ipc_close(q->relay);
    if (q->vault) ipc_close(q->vault);
    ipc_close(q->supervisor);
    queue_end(q);
    timer_close(q->tick);
    if (!hangs) loop_close(q->loop); /* else it waited for a thread whose disk may hang */
}

int queue_main(const struct role_start *start)
{
    log_open("queue", start->config->log_format, start->config->log_level);
    (void)signal(SIGXFSZ, SIG_IGN); /* over a limit on file sizes is an error to handle, not a reason to die */
    struct queue *q = calloc(1, sizeof *q);
    if (!q || !begin(q, start)) {
        free(q); /* the process ends: what else is open goes with it */
        return EXIT_BROKEN;
    }
    loop_after_turn(q->loop, after_turn, q);
    timer_set(q->tick, 0);
    loop_run(q->loop);
    finish(q);
    free(q);
    return 0;
}
