/* A connection's socket: what comes in goes to the owner, or to conn_tls.c first; what goes out waits when the kernel is
 * full. States: CONNECTING, OPEN, ENDED, LINGERING, CLOSED (internal.h).
 *
 * All reads go into one room that all connections share; a connection keeps only what its owner did not take. What is
 * written in one turn of the loop leaves at its end in one piece, or when there is more than GATHER_MOST of it. */
#include "net/internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { UNSENT_MOST = 1024 * 1024, GATHER_MOST = 16 * 1024, LINGER_MS = 5000, LINGER_READS = 4 };

static const char peer_closed[] = "the peer closed the connection";

static char shared_room[CONN_READ_ROOM]; /* one loop per process */

static void rewatch(struct conn *);
static void linger(struct conn *);

/* ---- the end -------------------------------------------------------------------------------------------------------- */
static void join_lingering(struct conn *c)
{
    struct loop *l   = c->loop;
    c->link          = l->lingering ? l->lingering_end : &l->lingering;
    *c->link         = c;
    l->lingering_end = &c->next;
    l->lingering_count++;
}

static void leave_lingering(struct conn *c)
{
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    else
        c->loop->lingering_end = c->link;
    c->loop->lingering_count--;
}

static void dispose(struct conn *c)
{
    c->state = CONN_CLOSED;
    later_stop(&c->due);
    later_stop(&c->leaving);
    if (c->link) leave_lingering(c);
    timer_close(c->patience);
    gp_tls_close(c->tls);
    gp_buffer_free(&c->kept);
    gp_buffer_free(&c->out);
    uv_close((uv_handle_t *)&c->poll, handle_free);
    close(c->fd);
}

static void end(struct conn *c, const char *why)
{
    if (c->state != CONN_OPEN && c->state != CONN_CONNECTING) return;
    c->why   = why;
    c->state = CONN_ENDED;
    later_set(c->loop, &c->due);
}

/* Never disposes: the caller still holds the connection. */
void conn_fail(struct conn *c, const char *why)
{
    c->broken = true;
    end(c, why);
}

static void fail_with(struct conn *c, int error)
{
    conn_fail(c, strerrordesc_np(error));
}

/* ---- out ------------------------------------------------------------------------------------------------------------ */
size_t conn_unsent(const struct conn *c)
{
    return c->out.len + (c->tls ? gp_tls_wire(c->tls).len : 0);
}

/* How many octets the kernel took; a socket that fails takes none and is broken. */
static size_t send_some(struct conn *c, gp_str bytes)
{
    while (bytes.len && !c->broken) {
        ssize_t n = send(c->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (n >= 0) return (size_t)n;
        if (errno == EAGAIN) return 0;
        if (errno != EINTR) fail_with(c, errno);
    }
    return 0;
}

bool conn_flush(struct conn *c)
{
    size_t sent;
    while ((sent = send_some(c, gp_buffer_all(&c->out)))) gp_buffer_took(&c->out, sent);
    if (!c->tls || c->out.len) return !c->broken;
    while ((sent = send_some(c, gp_tls_wire(c->tls)))) gp_tls_sent(c->tls, sent);
    return !c->broken;
}

static bool send_out(struct conn *c)
{
    bool sent = conn_flush(c);
    if (conn_unsent(c)) c->wants_drained = true;
    rewatch(c);
    return sent;
}

static void run_leaving(void *owner)
{
    (void)send_out(owner);
}

void conn_flush_soon(struct conn *c)
{
    if (conn_unsent(c)) later_at_turn_end(c->loop, &c->leaving);
}

static bool write_clear(struct conn *c, gp_str bytes)
{
    if (c->out.len == 0 && bytes.len >= GATHER_MOST) bytes = gp_tail(bytes, send_some(c, bytes));
    return !c->broken && gp_buffer_add(&c->out, bytes, UNSENT_MOST);
}

bool conn_write(struct conn *c, gp_str bytes)
{
    size_t would_wait;
    bool   half_open = c->state == CONN_ENDED && !c->broken; /* the peer may still read */
    if (c->state != CONN_OPEN && !half_open) return false;
    if (!gp_add(conn_unsent(c), bytes.len, &would_wait) || would_wait > UNSENT_MOST) return false;
    bool done = c->tls ? gp_tls_write(c->tls, bytes) == GP_OK : write_clear(c, bytes);
    if (conn_unsent(c) >= GATHER_MOST) return send_out(c) && done;
    conn_flush_soon(c);
    return done;
}

static void on_writable(struct conn *c)
{
    if (!conn_flush(c) || conn_unsent(c) || !c->wants_drained) return;
    c->wants_drained = false;
    if (c->handler->drained) c->handler->drained(c->owner, c);
}

/* ---- in ------------------------------------------------------------------------------------------------------------- */
gp_str conn_input(struct conn *c)
{
    if (c->tls) return gp_tls_plain(c->tls);
    return c->fresh.len ? c->fresh : gp_buffer_all(&c->kept);
}

static size_t waiting(struct conn *c)
{
    return conn_input(c).len + (c->tls ? c->kept.len : 0);
}

/* The peer's end is told once the owner has had all that came before it. */
static void tell_peer_end(struct conn *c)
{
    if (c->state == CONN_OPEN && c->peer_ended && waiting(c) == 0) end(c, peer_closed);
}

static void clear_input(struct conn *c, gp_str bytes)
{
    enum { KEPT_MOST = CONN_INPUT_MOST + CONN_READ_ROOM };
    if (c->kept.len == 0)
        c->fresh = bytes;
    else if (!gp_buffer_add(&c->kept, bytes, KEPT_MOST))
        return conn_fail(c, "no memory");
    c->handler->input(c->owner, c);
    gp_str left = c->fresh;
    c->fresh    = GP_NONE;
    if (c->state == CONN_OPEN && !gp_buffer_add(&c->kept, left, KEPT_MOST)) conn_fail(c, "no memory");
    gp_wipe(shared_room, bytes.len);
}

void conn_took(struct conn *c, size_t n)
{
    if (c->tls)
        gp_tls_took(c->tls, n);
    else if (c->fresh.len)
        c->fresh = gp_tail(c->fresh, n);
    else
        gp_buffer_took(&c->kept, n);
    if ((c->tls && c->kept.len) || c->peer_ended) later_set(c->loop, &c->due);
    rewatch(c);
}

static void on_readable(struct conn *c)
{
    ssize_t n = recv(c->fd, shared_room, sizeof shared_room, 0);
    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR) fail_with(c, errno);
        return;
    }
    gp_str bytes = { shared_room, (size_t)n };
    if (n == 0)
        c->peer_ended = true;
    else if (c->tls)
        conn_decrypt(c, bytes);
    else
        clear_input(c, bytes);
    tell_peer_end(c);
}

/* ---- events --------------------------------------------------------------------------------------------------------- */
static bool wants_input(struct conn *c)
{
    struct gp_tls_sign ask;
    if (c->state == CONN_LINGERING) return !c->peer_ended;
    if (c->state != CONN_OPEN || c->peer_ended) return false;
    if (c->tls && (c->kept.len || gp_tls_asks(c->tls, &ask))) return false;
    return waiting(c) < CONN_INPUT_MOST;
}

static void on_connected(struct conn *c)
{
    c->state = CONN_OPEN;
    if (c->handler->connected) c->handler->connected(c->owner, c);
}

static int socket_error(const struct conn *c)
{
    int       error = 0;
    socklen_t len   = sizeof error;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error == 0) return ECONNRESET;
    return error;
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct conn *c = (struct conn *)poll;
    if (status < 0) { /* libuv has stopped watching */
        c->watched = 0;
        fail_with(c, socket_error(c));
        if (c->state == CONN_LINGERING) dispose(c);
        return;
    }
    if ((events & UV_READABLE) && !wants_input(c)) c->unwelcome = true;
    if (c->state == CONN_LINGERING) return linger(c);
    if (c->state == CONN_CONNECTING)
        on_connected(c);
    else if (events & UV_WRITABLE)
        on_writable(c);
    if (c->state == CONN_OPEN && (events & UV_READABLE) && wants_input(c)) on_readable(c);
    if (c->state != CONN_CLOSED) rewatch(c);
}

/* Each change makes libuv leave the kernel's list and enter it again, so input that is not wanted for a moment stays watched
 * until some comes. */
static void rewatch(struct conn *c)
{
    bool waits  = conn_unsent(c) && !c->broken && !c->leaving.next;
    bool unsent = c->state == CONN_CONNECTING || waits;
    int  wants  = (wants_input(c) ? UV_READABLE : 0) | (unsent ? UV_WRITABLE : 0);
    int  fits   = wants | (c->unwelcome ? 0 : c->watched & UV_READABLE);
    if (fits == c->watched || c->state == CONN_CLOSED) return;
    c->watched   = wants;
    c->unwelcome = false;
    if (wants)
        uv_poll_start(&c->poll, wants, on_ready);
    else
        uv_poll_stop(&c->poll);
}

/* What could not be said from inside a call. */
static void run_due(void *owner)
{
    struct conn *c = owner;
    if (c->state == CONN_ENDED) {
        rewatch(c);
        if (c->told_closed) return;
        c->told_closed = true;
        return c->handler->closed(c->owner, c, c->why);
    }
    if (c->state == CONN_OPEN && c->tls) conn_decrypt(c, GP_NONE);
    tell_peer_end(c);
    if (c->state != CONN_CLOSED) rewatch(c);
}

/* ---- opening -------------------------------------------------------------------------------------------------------- */
static struct conn *open_on(struct loop *l, int fd, const struct conn_handler *handler, void *owner,
                            enum conn_state state)
{
    struct conn *c = calloc(1, sizeof *c);
    if (!c || uv_poll_init(&l->uv, &c->poll, fd) != 0) {
        free(c);
        close(fd);
        return NULL;
    }
    c->loop    = l;
    c->fd      = fd;
    c->handler = handler;
    c->owner   = owner;
    c->state   = state;
    c->due     = (struct later) { .fn = run_due, .owner = c };
    c->leaving = (struct later) { .fn = run_leaving, .owner = c };
    return c;
}

struct conn *conn_accepted(struct loop *l, int fd, const struct conn_handler *handler, void *owner)
{
    struct conn *c = open_on(l, fd, handler, owner, CONN_OPEN);
    if (c) rewatch(c);
    return c;
}

static socklen_t size_of(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_UNIX) return sizeof(struct sockaddr_un);
    return address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

static bool start_connecting(int fd, const struct sockaddr_storage *to, const struct sockaddr_storage *from)
{
    static const int yes = 1;
    if (to->ss_family != AF_UNIX)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes); /* what leaves is whole already */
    if (from) {
        (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes,
                         sizeof yes); /* ports are then per destination */
        if (bind(fd, (const struct sockaddr *)from, size_of(from)) != 0) return false;
    }
    return connect(fd, (const struct sockaddr *)to, size_of(to)) == 0 || errno == EINPROGRESS;
}

struct conn *conn_connect(struct loop *l, const struct sockaddr_storage *to, const struct sockaddr_storage *from,
                          const struct conn_handler *handler, void *owner)
{
    int fd = socket(to->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return NULL;
    int          error = start_connecting(fd, to, from) ? 0 : errno;
    struct conn *c     = open_on(l, fd, handler, owner, CONN_CONNECTING);
    if (!c) return NULL;
    if (error) fail_with(c, error);
    rewatch(c);
    return c;
}

bool conn_local(const struct conn *c, struct sockaddr_storage *out)
{
    socklen_t len = sizeof *out;
    return getsockname(c->fd, (struct sockaddr *)out, &len) == 0;
}

/* ---- closing -------------------------------------------------------------------------------------------------------- */
/* true: the peer is done as well, or never will be. */
static bool drain(struct conn *c)
{
    for (int i = 0; i < LINGER_READS && !c->peer_ended; i++) {
        ssize_t n = recv(c->fd, shared_room, sizeof shared_room, 0);
        if (n < 0) return errno != EAGAIN && errno != EINTR;
        if (n == 0) c->peer_ended = true;
    }
    return c->peer_ended;
}

/* Closing a socket that has unread input makes the kernel reset it, which can destroy our last reply on its way; so the
 * peer's end is awaited, for a while. */
static void linger(struct conn *c)
{
    bool flushed = conn_flush(c) && conn_unsent(c) == 0;
    if (flushed && c->tls) {
        gp_tls_close(c->tls);
        c->tls = NULL;
    }
    if (flushed) shutdown(c->fd, SHUT_WR);
    if (c->broken || (drain(c) && (flushed || !c->peer_ended))) return dispose(c);
    rewatch(c);
}

static void out_of_patience(void *owner)
{
    struct conn *c = owner;
    if (c->state == CONN_LINGERING)
        dispose(c);
    else
        later_set(c->loop, &c->due);
}

bool conn_wait(struct conn *c, uint64_t ms)
{
    if (!c->patience) c->patience = timer_open(c->loop, out_of_patience, c);
    if (c->patience) timer_set(c->patience, ms);
    return c->patience;
}

void conn_close(struct conn *c, bool flush)
{
    if (c->state == CONN_LINGERING || c->state == CONN_CLOSED) return;
    bool may_linger = flush && !c->broken && c->state != CONN_CONNECTING;
    if (!may_linger || !conn_wait(c, LINGER_MS)) return dispose(c);
    later_stop(&c->due);
    later_stop(&c->leaving);
    c->state = CONN_LINGERING;
    if (c->loop->lingering_count == CONN_LINGERING_MOST) dispose(c->loop->lingering);
    join_lingering(c);
    gp_buffer_free(&c->kept);
    if (c->tls) (void)!gp_tls_end(c->tls);
    linger(c);
}

void conn_drop_lingering(struct loop *l)
{
    while (l->lingering) dispose(l->lingering);
}
