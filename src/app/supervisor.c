/* The supervisor's loop: what its children say, how they end and start anew, signals, and the state of the whole.
 *
 *   child state  pid  channel  left by
 *   DOWN         0    -1       its time has come: STARTING
 *   STARTING     >0   >=0      READY comes: READY; it dies: DOWN
 *   READY        >0   >=0      it dies: DOWN
 *   STOPPING     >0   >=0      it ends: DOWN, for good
 *
 *   the whole: STARTING until every role was READY once, then SERVING, then STOPPING (asked to, or a role that never came up,
 *   or is not ready when patience with the start ends). Sources of accounts keep nobody waiting: one that does not come up is
 *   tried again for ever, and its accounts are told to try again later. */
#include "app/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proc/sandbox.h"
#include "proc/wire.h"

enum {
    MS              = 1000,
    QUICK_MS        = 10 * MS, /* who dies within it of its start died quickly                */
    BACK_OFF_MOST   = 30 * MS,
    BACK_OFF_STEPS  = 5, /* 1 s doubled so often passes BACK_OFF_MOST                   */
    GIVE_UP_AFTER   = 5, /* quick deaths of a role that was never ready                 */
    SIGNALS_AT_ONCE = 16,
};

gp_time monotonic_now(void)
{
    enum { NS_PER_MS = 1000000 };
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (gp_time)now.tv_sec * MS + now.tv_nsec / NS_PER_MS;
}

/* ---- READY --------------------------------------------------------------------------------------------------------------------- */
static bool is_source(const struct child *c)
{
    return c->row->role == ROLE_LOOKUP;
}

/* A source that has died once is waited for no more. */
static bool all_ready(const struct supervisor *s)
{
    for (size_t i = 0; i < s->child_count; i++) {
        const struct child *c    = &s->children[i];
        bool                died = c->started && (c->state == CHILD_DOWN || c->restarts);
        if (c->state != CHILD_READY && !(is_source(c) && died)) return false;
    }
    return true;
}

static void serve(struct supervisor *s)
{
    s->state = SUPERVISOR_SERVING;
    char           room[CONFIG_LISTEN_MOST * (CONFIG_LISTEN_ADDRESS + 1)];
    struct gp_text listeners = GP_TEXT(room);
    for (size_t i = 0; i < s->config->listen_count; i++) {
        if (i) gp_put_char(&listeners, ' ');
        gp_put_z(&listeners, s->bound[i].address);
    }
    LOG(LOG_INFO, "serving", LOG_S("listeners", gp_said(&listeners)), LOG_Z("hostname", s->config->hostname),
        LOG_N("smtpds", s->smtpds));
    control_notify("READY=1");
}

/* false: no role has to say that here. */
static bool take_word(struct child *c, const struct msg *m)
{
    if (m->type == MSG_STORE_STATE && c->row->role == ROLE_QUEUE && m->store_state.state < STORE_STATES) {
        c->store = (enum store_state)m->store_state.state;
        return true;
    }
    if (m->type != MSG_READY) return false;
    if (c->state == CHILD_STARTING) {
        c->state     = CHILD_READY;
        c->was_ready = true;
    }
    return true;
}

static void hear(struct child *c)
{
    static char room[MSG_MOST];
    gp_str      packed;
    int         fds[MSG_FDS_MOST];
    struct msg  m;
    gp_status   status = wire_receive(c->channel, room, sizeof room, &packed, fds);
    if (status == GP_WAIT) return;
    if (status == GP_TEMPFAIL) { /* it is ending; waitpid tells how */
        close(c->channel);
        c->channel = -1;
        return;
    }
    wire_close_fds(fds);
    if (status != GP_OK || !msg_unpack(packed, &m) || !take_word(c, &m)) {
        LOG(LOG_ERROR, "role", LOG_Z("process", role_name(c->row->role)), LOG_N("child", c->pid),
            LOG_Z("problem", "says what no role has to say"));
        child_kill(c);
    }
}

/* ---- death and restart --------------------------------------------------------------------------------------------------------- */
static gp_time back_off(unsigned quick)
{
    if (quick <= 1) return 0; /* the first time at once */
    gp_time wait = (gp_time)MS << (quick - 2 < BACK_OFF_STEPS ? quick - 2 : BACK_OFF_STEPS);
    return wait < BACK_OFF_MOST ? wait : BACK_OFF_MOST;
}

static void log_end(const struct supervisor *s, const struct child *c, pid_t pid, int status, gp_time wait)
{
    const bool stopping = s->state == SUPERVISOR_STOPPING;
    const bool fell     = WIFSIGNALED(status);
    const bool crashed =
        fell && WTERMSIG(status) != SIGKILL && WTERMSIG(status) != SIGTERM; /* those are somebody's will */
    const char *hint = NULL;
    if (WIFEXITED(status) && WEXITSTATUS(status) == SANDBOX_VIOLATION)
        hint = "its sandbox stopped it: see its last line";
    LOG(stopping && !crashed ? LOG_INFO : LOG_ERROR, "role", LOG_Z("process", role_name(c->row->role)),
        LOG_N("index", c->index), LOG_N("child", pid), LOG_Z("ended", fell ? "killed by a signal" : "exited"),
        LOG_Z("signal", fell ? sigabbrev_np(WTERMSIG(status)) : NULL),
        LOG_N("status", fell ? 128 + WTERMSIG(status) : WEXITSTATUS(status)), LOG_Z("hint", hint),
        LOG_N(stopping ? "restarts" : "restart_in_ms", stopping ? c->restarts : wait));
}

static void ended(struct supervisor *s, struct child *c, int status, gp_time now)
{
    const pid_t pid = c->pid;
    if (c->channel >= 0) close(c->channel);
    c->channel = -1;
    c->pid     = 0;
    c->state   = CHILD_DOWN;
    if (c->store != STORE_DAMAGED) c->store = STORE_UNREAD; /* that stays so, until the next process says otherwise */
    c->quick = now - c->started < QUICK_MS ? c->quick + 1 : 0;
    c->due   = now + back_off(c->quick);
    log_end(s, c, pid, status, c->due - now);
    if (s->state == SUPERVISOR_STOPPING) return;
    if (c->was_ready || is_source(c) || c->quick < GIVE_UP_AFTER) return;
    LOG(LOG_ERROR, "role", LOG_Z("process", role_name(c->row->role)), LOG_Z("problem", "cannot be started: giving up"),
        LOG_Z("hint", "its own lines above say why"));
    s->exit_status = 1;
    stop_begin(s);
}

static void reap(struct supervisor *s, gp_time now)
{
    int   status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (size_t i = 0; i < s->child_count; i++)
            if (s->children[i].pid == pid) ended(s, &s->children[i], status, now);
}

static void start_due(struct supervisor *s, gp_time now)
{
    for (size_t i = 0; i < s->child_count && s->state != SUPERVISOR_STOPPING; i++) {
        struct child *c = &s->children[i];
        if (c->state != CHILD_DOWN || now < c->due) continue;
        if (c->started) c->restarts++;
        if (!child_start(s, c)) c->due = now + MS;
    }
}

/* One that waits for ever, not one that dies: of that, ended() takes care. False: only sources are late. */
static bool too_late(const struct supervisor *s)
{
    bool late = false;
    for (size_t i = 0; i < s->child_count; i++) {
        const struct child *c = &s->children[i];
        if (c->state == CHILD_READY) continue;
        LOG(LOG_ERROR, "role", LOG_Z("process", role_name(c->row->role)), LOG_N("index", c->index),
            LOG_Z("problem",
                  is_source(c) ? "is not ready in time: going on without" : "is not ready in time: giving up"),
            LOG_Z("hint", "the lines above say why"));
        late |= !is_source(c);
    }
    return late;
}

static void check_start(struct supervisor *s, gp_time now)
{
    if (s->state != SUPERVISOR_STARTING) return;
    bool ready = all_ready(s);
    if (!ready && now < s->start_due) return;
    if (ready || !too_late(s)) {
        serve(s);
        return;
    }
    s->exit_status = 1;
    stop_begin(s);
}

/* ---- the loop -------------------------------------------------------------------------------------------------------------------- */
static void take_signals(struct supervisor *s)
{
    struct signalfd_siginfo got[SIGNALS_AT_ONCE];
    ssize_t                 len = read(s->signals, got, sizeof got);
    for (ssize_t i = 0; i < len / (ssize_t)sizeof *got; i++) switch (got[i].ssi_signo) {
        case SIGHUP: files_reload(s); break;
        case SIGTERM:
        case SIGINT: stop_begin(s); break;
        default: break; /* SIGCHLD: reap() looks after every wake-up */
        }
}

static int wait_ms(const struct supervisor *s, gp_time now)
{
    gp_time due = s->state == SUPERVISOR_STOPPING ? s->stage_due : s->files_due;
    if (s->state == SUPERVISOR_STARTING && s->start_due < due) due = s->start_due;
    for (size_t i = 0; i < s->child_count && s->state != SUPERVISOR_STOPPING; i++)
        if (s->children[i].state == CHILD_DOWN && s->children[i].due < due) due = s->children[i].due;
    return due > now ? (int)(due - now) : 0;
}

static void wait_and_hear(struct supervisor *s)
{
    enum { SIGNALS, CONTROL, CHILDREN };
    struct pollfd ready[CHILDREN + CHILDREN_MOST] = {
        {.fd = s->signals,  .events = POLLIN},
        { .fd = s->control, .events = POLLIN}
    };
    for (size_t i = 0; i < s->child_count; i++)
        ready[CHILDREN + i] = (struct pollfd) { .fd = s->children[i].channel, .events = POLLIN };
    if (poll(ready, CHILDREN + s->child_count, wait_ms(s, monotonic_now())) < 0) return;
    for (size_t i = 0; i < s->child_count; i++)
        if (ready[CHILDREN + i].revents) hear(&s->children[i]);
    if (ready[CONTROL].revents) control_answer(s);
    if (ready[SIGNALS].revents) take_signals(s);
}

static int run(struct supervisor *s)
{
    while (!stop_done(s)) {
        gp_time now = monotonic_now();
        reap(s, now);
        start_due(s, now);
        check_start(s, now);
        files_watch(s, now);
        stop_step(s, now);
        if (!stop_done(s)) wait_and_hear(s);
    }
    LOG(LOG_INFO, "stop", LOG_Z("state", "stopped"), LOG_N("status", s->exit_status));
    return s->exit_status;
}

/* ---- start ----------------------------------------------------------------------------------------------------------------------- */
static bool open_signals(struct supervisor *s)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    (void)signal(SIGPIPE, SIG_IGN);
    s->signals = sigprocmask(SIG_BLOCK, &set, NULL) == 0 ? signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK) : -1;
    if (s->signals < 0) LOG(LOG_ERROR, "role", LOG_Z("problem", "signals"), LOG_Z("reason", strerror(errno)));
    return s->signals >= 0;
}

static unsigned smtpds_wanted(const struct config *config)
{
    long     cores  = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned wanted = config->smtpds ? config->smtpds : cores > 0 ? (unsigned)cores : 1;
    return wanted < ROLE_SMTPD_MOST ? wanted : ROLE_SMTPD_MOST;
}

unsigned wanted_of(const struct supervisor *s, const struct role_row *row)
{
    if (row->role == ROLE_LOOKUP) return (unsigned)config_lookup_processes(s->config);
    return row->many ? s->smtpds : 1;
}

static void list_children(struct supervisor *s)
{
    for (size_t i = 0; i < s->row_count; i++)
        for (unsigned n = 0; n < wanted_of(s, &s->rows[i]) && s->child_count < CHILDREN_MOST; n++)
            s->children[s->child_count++] = (struct child) { .row = &s->rows[i], .index = n, .channel = -1 };
}

int supervisor_run(const struct config *config, const struct role_row *rows, size_t count, gp_time patience)
{
    static struct supervisor s;
    s = (struct supervisor) { .config     = config,
                              .rows       = rows,
                              .row_count  = count,
                              .smtpds     = smtpds_wanted(config),
                              .generation = 1,
                              .start_due  = monotonic_now() + patience };
    list_children(&s);
    log_open(role_name(ROLE_SUPERVISOR), config->log_format, config->log_level);
    if (!control_open(&s)) return 1;
    bool may_start = files_usable(&s) && listeners_open(&s) && take_directories(&s) && open_signals(&s);
    int  status    = may_start ? run(&s) : 1;
    listeners_close(&s);
    control_close(&s);
    return status;
}
