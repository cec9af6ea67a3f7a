/* The role's life: peers, certificates, listeners, the time limits, the orderly end.
 *
 *   STARTING   joined by vault and queue, and given certificates: READY is told, the listeners open
 *   SERVING    sessions come and go
 *   STOPPING   nobody comes in; those inside end when no answer is owed to them, at the deadline all do
 */
#include "submit/submit.h"

#include <unistd.h>

#include "submit/parts.h"

enum { SESSIONS_PER_MS_SHIFT = 7 /* more than anybody accepts, and it fits until 2039 */ };
enum { SWEEP_MS = 2 * MS, ORPHAN_MS = 5 * MS, LAST_WORDS_MS = 100, GRACE_MS = 500 /* less than the supervisor has */ };

static const struct gp_reply going_down = { 421, "4.3.2", "the server is going down, try again later" };

/* ---- the end --------------------------------------------------------------------------------------------------------------- */
static void each_session(struct submit *role, void (*fn)(struct session *, gp_time), gp_time now)
{
    for (struct session *s = role->sessions, *next; s; s = next) {
        next = s->next; /* fn may close s, and no other */
        fn(s, now);
    }
}

static void send_home(struct session *s, gp_time now)
{
    (void)now;
    session_end(s, going_down, false);
}

static void send_away(struct session *s, gp_time now)
{
    (void)now;
    session_end(s, going_down, true);
}

static void throw_out(struct session *s, gp_time now)
{
    (void)now;
    session_close(s, "the server was stopped");
}

static void each_asker(struct submit *role, gp_time now, bool leave)
{
    for (struct asker *a = role->askers, *next; a; a = next) {
        next = asker_after(a);
        asker_sweep(a, now, leave);
    }
}

static void throw_askers_out(struct submit *role)
{
    while (role->askers) asker_close(role->askers, "the server was stopped");
}

static bool is_empty(const struct submit *role)
{
    return !role->sessions && !role->askers;
}

static void close_listeners(struct submit *role)
{
    for (size_t i = 0; i < role->port_count; i++) {
        if (role->ports[i].listener) listener_close(role->ports[i].listener, true);
        role->ports[i].listener = NULL;
    }
}

static void stop(struct submit *role, gp_time patience)
{
    if (role->stopping) return;
    role->stopping = true;
    role->deadline = loop_now(role->loop) + patience;
    close_listeners(role);
    each_session(role, send_home, 0);
    each_asker(role, loop_now(role->loop), true);
    timer_set(role->sweep, LAST_WORDS_MS);
}

static void sweep(void *owner)
{
    struct submit *role = owner;
    gp_time        now  = loop_now(role->loop);
    if (role->stopping && now >= role->deadline) each_session(role, send_away, now); /* RFC 5321 3.8 */
    if (role->stopping && now >= role->deadline) throw_askers_out(role);
    if (role->stopping && now >= role->deadline + GRACE_MS) each_session(role, throw_out, now);
    if (role->stopping && is_empty(role)) {
        loop_stop(role->loop);
        return;
    }
    each_session(role, session_sweep, now);
    each_asker(role, now, role->stopping);
    timer_set(role->sweep, role->stopping ? LAST_WORDS_MS : SWEEP_MS);
}

/* The last one out: what was said to it still has to leave this process. */
void submit_session_ended(struct submit *role)
{
    if (role->stopping && is_empty(role)) timer_set(role->sweep, LAST_WORDS_MS);
}

uint64_t submit_next_session(struct submit *role)
{
    enum { SHIFT = 48 };
    return role->index << SHIFT | (++role->last_session & ((UINT64_C(1) << SHIFT) - 1));
}

/* ---- the beginning ---------------------------------------------------------------------------------------------------------- */
static void on_accepted(void *owner, int fd)
{
    struct port *port = owner;
    if (port->listen->kind == LISTEN_DOVECOT_AUTH)
        asker_open(port, fd);
    else
        session_open(port, fd);
}

static bool listen_to_all(struct submit *role)
{
    for (size_t i = 0; i < role->port_count; i++) {
        struct port *p = &role->ports[i];
        p->listener    = listener_open(role->loop, p->fd, on_accepted, p);
        if (!p->listener) return false;
    }
    return true;
}

static void serve_if_ready(struct submit *role)
{
    struct msg ready = MSG(READY);
    bool       whole = ipc_attached(role->vault) && ipc_attached(role->queue) && role->keyring.context;
    if (role->ready || role->stopping || !whole) return;
    role->ready     = true;
    ready.ready.pid = (uint64_t)getpid();
    if (listen_to_all(role) && ipc_tell(role->supervisor, &ready)) return;
    LOG(LOG_ERROR, "role", LOG_Z("problem", "the listeners cannot be opened"));
    loop_stop(role->loop);
}

/* ---- messages ---------------------------------------------------------------------------------------------------------------- */
static void take_peer(struct submit *role, struct msg *m)
{
    struct ipc *channel = m->peer.role == ROLE_VAULT ? role->vault : m->peer.role == ROLE_QUEUE ? role->queue : NULL;
    if (!channel || m->fds[0] < 0) return;
    ipc_attach(channel, m->fds[0]);
    m->fds[0] = -1;
    serve_if_ready(role);
}

static void from_supervisor(void *owner, struct ipc *from, struct msg *m)
{
    struct submit *role = owner;
    (void)from;
    if (m->type == MSG_PEER) {
        take_peer(role, m);
    } else if (m->type == MSG_STOP) {
        gp_time patience = (gp_time)m->stop.deadline - wall_now();
        gp_time most     = (gp_time)role->config->stop_timeout * MS;
        stop(role, patience < 0 ? 0 : patience > most ? most : patience);
    }
}

/* Nobody is left who could start us again or tell us to stop. */
static void supervisor_gone(void *owner, struct ipc *from)
{
    (void)from;
    LOG(LOG_ERROR, "role", LOG_Z("problem", "the supervisor is gone"));
    stop(owner, ORPHAN_MS);
}

static void take_offer(struct submit *role, const struct msg_mechanisms *m)
{
    for (size_t i = 0; i < role->port_count; i++)
        if (role->ports[i].index == m->listener) offers_take(&role->ports[i], m->names);
}

static void from_vault(void *owner, struct ipc *from, struct msg *m)
{
    struct submit *role = owner;
    (void)from;
    if (m->type == MSG_CERTIFICATE)
        keyring_certificate(&role->keyring, &m->certificate);
    else if (m->type == MSG_TICKETS)
        keyring_tickets(&role->keyring, m->tickets.keys);
    else if (m->type == MSG_MECHANISMS)
        take_offer(role, &m->mechanisms);
    serve_if_ready(role);
}

static void from_queue(void *owner, struct ipc *from, struct msg *m)
{
    (void)owner, (void)from;
    LOG(LOG_WARN, "ipc", LOG_Z("unexpected", msg_name(m->type)));
}

static const struct ipc_handler supervisor_handler = { from_supervisor, supervisor_gone };
static const struct ipc_handler vault_handler      = { from_vault, NULL };
static const struct ipc_handler queue_handler      = { from_queue, NULL };

/* ---- the role ------------------------------------------------------------------------------------------------------------------ */
/* Whichever is less holds for old devices. */
static void narrow(struct gp_smtp_options *o, const struct config_listen *l)
{
    o->old_devices = true;
    o->priorities  = false;
    o->require_tls = false;
    o->mine        = false;
    o->hold_most   = 0;    /* they have no use for it, and some trip over what they do not know */
    o->unlisted    = NULL; /* what is retired elsewhere may be all that they know */
    o->without_tls = config_listens_in_clear(l);
    if (l->lane.message_size < o->size_limit) o->size_limit = l->lane.message_size;
    if (l->lane.recipients_per_message < o->recipients_most) o->recipients_most = l->lane.recipients_per_message;
}

static struct gp_smtp_options options_of(const struct config *c, const struct config_listen *l)
{
    struct gp_smtp_options o = {
        .hostname           = c->hostname,
        .mechanisms         = "", /* none in clear; under TLS it depends on the client */
        .size_limit         = c->limits.message_size,
        .recipients_most    = c->limits.recipients,
        .mails_most         = c->limits.mails_per_session,
        .errors_most        = c->limits.errors_per_session,
        .auth_failures_most = c->limits.auth_failures_per_session,
        .new_incident       = gp_new_incident,
        .hold_most          = c->queue.future_release,
        .now                = wall_now,
        .priorities         = c->queue.priorities,
        .require_tls        = true,
        .mine               = c->queue.own_view,
        .deadlines          = c->queue.deadlines,
        .deadline_least     = c->queue.deadline_least,
        .unlisted           = c->policy.mechanisms.mode == POLICY_ENFORCE ? c->policy.mechanisms.retire : NULL,
    };
    if (l->kind == LISTEN_LEGACY) narrow(&o, l);
    return o;
}

static void take_settings(struct submit *role, const struct role_start *start)
{
    const struct config *c        = start->config;
    role->config                  = c;
    role->index                   = start->index;
    role->last_session            = (uint64_t)wall_now() << SESSIONS_PER_MS_SHIFT; /* another life, other numbers */
    role->limits.sessions_most    = c->limits.sessions_per_smtpd;
    role->limits.per_address_most = c->limits.sessions_per_address;
    for (size_t i = 0; i < start->listener_count; i++) {
        const struct config_listen *l   = start->listeners[i].listen;
        role->ports[role->port_count++] = (struct port) { .submit  = role,
                                                          .options = options_of(c, l),
                                                          .listen  = l,
                                                          .index   = (size_t)(l - c->listen),
                                                          .fd      = start->listeners[i].fd };
        if (l->kind == LISTEN_LEGACY && l->lane.tls != LANE_CLEAR && l->lane.oldest < LANE_NEWEST)
            role->keyring.needs[l->lane.oldest - LANE_OLDEST] = true;
    }
}

static bool open_all(struct submit *role, const struct role_start *start)
{
    take_settings(role, start);
    role->loop = loop_open();
    if (!role->loop) return false;
    role->supervisor = ipc_open(role->loop, start->supervisor, &supervisor_handler, role);
    role->vault      = ipc_open(role->loop, -1, &vault_handler, role);
    role->queue      = ipc_open(role->loop, -1, &queue_handler, role);
    role->sweep      = timer_open(role->loop, sweep, role);
    return role->supervisor && role->vault && role->queue && role->sweep;
}

static void close_all(struct submit *role)
{
    each_session(role, throw_out, 0);
    throw_askers_out(role);
    close_listeners(role);
    timer_close(role->sweep);
    ipc_close(role->queue);
    ipc_close(role->vault);
    ipc_close(role->supervisor);
    keyring_close(&role->keyring);
    rooms_close(&role->rooms);
    loop_close(role->loop);
}

int submit_main(const struct role_start *start)
{
    static struct submit role;
    log_open("smtpd", start->config->log_format, start->config->log_level);
    if (!open_all(&role, start)) {
        LOG(LOG_ERROR, "role", LOG_Z("problem", "no memory or no descriptors"));
        return 1;
    }
    if (!sandbox_enter(ROLE_SMTPD, false)) return 1;
    timer_set(role.sweep, SWEEP_MS);
    loop_run(role.loop);
    close_all(&role);
    return 0;
}
