/* One connection: its socket, its TLS, and octets between them and the dialogue. */
#include "load/parts.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { PIECE = 16 * 1024, WIRE_MOST = 64 * 1024 };

/* ---- life ---------------------------------------------------------------------------------------------------------------- */
void client_free(struct client *c)
{
    struct linger now = { .l_onoff  = 1,
                          .l_linger = 0 }; /* a reset, not TIME_WAIT: many a second would run out of ports */
    gp_tls_close(c->tls);
    if (c->fd >= 0) {
        (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close(c->fd);
    }
    if (c->sasl) gp_sasl_end(c->sasl);
    free(c->sasl);
    free(c->room);
    free(c);
}

static void enter(struct load *l, struct client *c)
{
    c->next = l->first;
    if (l->first) l->first->before = c;
    l->first = c;
    l->open++;
    if (c->idle) l->idle_open++;
    if (l->open > l->result->open_most) l->result->open_most = l->open;
}

static bool start(struct client *c)
{
    const struct load_plan *p   = c->load->plan;
    int                     one = 1;
    c->fd                       = socket(p->to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) return false;
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event events = { .events = EPOLLIN | EPOLLOUT, .data.ptr = c };
    c->wants_out              = true;
    return (connect(c->fd, (const struct sockaddr *)&p->to, p->to_len) == 0 || errno == EINPROGRESS) &&
           epoll_ctl(c->load->epoll, EPOLL_CTL_ADD, c->fd, &events) == 0;
}

static void not_connected(struct client *c, int error)
{
    load_failed(c, "connect", gp_from(strerror(error)));
    c->load->rest_until = load_now() + LOAD_REST_MICROS;
}

bool client_open(struct load *l, int64_t due, bool idle)
{
    struct client *c = calloc(1, sizeof *c);
    if (!c) return false;
    *c = (struct client) { .load     = l,
                           .fd       = -1,
                           .due      = due,
                           .idle     = idle,
                           .messages = idle ? 0 : l->plan->messages,
                           .counts   = due >= l->counted_from && !idle };
    enter(l, c);
    c->moved = c->marks[LOAD_CONNECT] = load_now();
    c->marks[LOAD_WHOLE]              = due;
    c->room                           = calloc(1, sizeof *c->room);
    gp_smtp_client_init(&c->smtp, &l->smtp_plan);
    if (l->plan->login_count) c->login = &l->plan->logins[l->next_login++ % l->plan->login_count];
    if (c->room) gp_smtp_client_lend(&c->smtp, c->room);
    if (c->room && start(c)) return true;
    not_connected(c, errno);
    load_gone(c);
    return false;
}

/* ---- TLS -------------------------------------------------------------------------------------------------------------------- */
/* So many of a hundred, evenly spread. */
static void resume(struct client *c)
{
    struct load *l = c->load;
    l->resume_credit += l->plan->resume;
    if (l->resume_credit < 100 || !l->session) return;
    l->resume_credit -= 100;
    (void)!gp_tls_resume(c->tls, l->session);
}

static bool tls_failed(struct client *c)
{
    load_failed(c, "TLS", gp_from(gp_tls_why(c->tls)));
    return false;
}

static bool shaken(struct client *c)
{
    if (c->counts && gp_tls_resumed(c->tls)) c->load->result->resumed++;
    load_timed(c, LOAD_TLS);
    c->stage = c->login ? LOAD_SIGN_IN : LOAD_WHOLE;
    gp_smtp_client_secured(&c->smtp);
    return true;
}

static bool shake(struct client *c)
{
    c->stage           = LOAD_TLS;
    c->marks[LOAD_TLS] = load_now();
    c->tls             = gp_tls_connect(c->load->plan->tls, gp_from(c->load->plan->expect));
    if (!c->tls) {
        load_failed(c, "TLS", GP_LIT("no memory"));
        return false;
    }
    resume(c);
    if (gp_tls_handshake(c->tls) == GP_PERMFAIL) return tls_failed(c);
    return client_flush(c);
}

/* ---- writing ------------------------------------------------------------------------------------------------------------------ */
static bool watch(struct client *c, bool out)
{
    if (c->wants_out == out) return true;
    struct epoll_event events = { .events = EPOLLIN | (out ? EPOLLOUT : 0U), .data.ptr = c };
    c->wants_out              = out;
    return epoll_ctl(c->load->epoll, EPOLL_CTL_MOD, c->fd, &events) == 0;
}

/* How many went; below 0: broken, and counted. */
static ssize_t push(struct client *c, gp_str octets)
{
    ssize_t n = send(c->fd, octets.ptr, octets.len, MSG_NOSIGNAL);
    if (n >= 0) return n;
    if (errno == EAGAIN || errno == EINTR) return 0;
    load_failed(c, "write", gp_from(strerror(errno)));
    return -1;
}

/* The dialogue's words go into TLS, as long as not too much waits there already. */
static bool encrypt(struct client *c)
{
    gp_str out = gp_smtp_client_output(&c->smtp);
    if (!gp_tls_shaken(c->tls) || out.len == 0 || gp_tls_wire(c->tls).len > WIRE_MOST) return true;
    if (gp_tls_write(c->tls, out) != GP_OK) return tls_failed(c);
    gp_smtp_client_sent(&c->smtp, out.len);
    return true;
}

bool client_flush(struct client *c)
{
    for (;;) {
        if (c->tls && !encrypt(c)) return false;
        gp_str out = c->tls ? gp_tls_wire(c->tls) : gp_smtp_client_output(&c->smtp);
        if (out.len == 0) return watch(c, false);
        ssize_t n = push(c, out);
        if (n < 0) return false;
        if (n == 0) return watch(c, true);
        if (c->tls)
            gp_tls_sent(c->tls, (size_t)n);
        else
            gp_smtp_client_sent(&c->smtp, (size_t)n);
    }
}

/* ---- reading -------------------------------------------------------------------------------------------------------------------- */
static bool hear_plain(struct client *c)
{
    while (c->tls && !c->held) {
        size_t n = gp_smtp_client_feed(&c->smtp, gp_tls_plain(c->tls));
        gp_tls_took(c->tls, n);
        if (!dialogue_run(c)) return false;
        if (n == 0 || gp_tls_plain(c->tls).len == 0) return true;
    }
    if (c->held && c->tls)
        gp_tls_took(c->tls, gp_tls_plain(c->tls).len); /* what is said to the idle is of no interest */
    return true;
}

static bool hear_cipher(struct client *c, gp_str cipher)
{
    while (cipher.len > 0) {
        size_t    taken  = 0;
        bool      before = gp_tls_shaken(c->tls);
        gp_status status = gp_tls_feed(c->tls, cipher, &taken);
        if (status == GP_PERMFAIL) return tls_failed(c);
        if (!before && status == GP_OK && !shaken(c)) return false;
        cipher = gp_tail(cipher, taken);
        if (!client_flush(c) || !hear_plain(c)) return false;
        if (taken == 0) break;
    }
    return true;
}

/* RFC 3207 6: what came in clear would be taken for the server's own once TLS is up. */
static bool said_too_much(struct client *c)
{
    load_failed(c, "TLS", GP_LIT("the server sent more in clear behind its answer to STARTTLS"));
    return false;
}

static bool hear(struct client *c, gp_str octets)
{
    if (c->held && !c->tls) return true;
    if (c->tls) return hear_cipher(c, octets);
    while (octets.len > 0) {
        size_t n = gp_smtp_client_feed(&c->smtp, octets);
        octets   = gp_tail(octets, n);
        if (!dialogue_run(c)) return false;
        if (c->wants_tls && octets.len) return said_too_much(c);
        if (c->wants_tls) return shake(c);
        if (n == 0) break;
    }
    return true;
}

static bool receive(struct client *c)
{
    char piece[PIECE];
    for (;;) {
        ssize_t n = recv(c->fd, piece, sizeof piece, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
        if (n <= 0 && !c->ended)
            load_failed(c, c->held ? "an idle connection was closed" : "the server hung up",
                        n < 0 ? gp_from(strerror(errno)) : GP_LIT(""));
        if (n <= 0) return false;
        c->moved = load_now();
        if (!hear(c, (gp_str) { piece, (size_t)n })) return false;
        if ((size_t)n < sizeof piece) return true;
    }
}

/* ---- events ---------------------------------------------------------------------------------------------------------------------- */
static bool arrived(struct client *c)
{
    int       error = 0;
    socklen_t len   = sizeof error;
    (void)getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error) {
        not_connected(c, error);
        return false;
    }
    c->connected = true;
    c->moved     = load_now();
    load_timed(c, LOAD_CONNECT);
    c->stage = c->login ? LOAD_SIGN_IN : LOAD_WHOLE;
    if (c->load->plan->tls && !c->load->plan->starttls) return shake(c);
    return client_flush(c);
}

bool client_ready(struct client *c, unsigned events)
{
    bool goes_on = true;
    if (!c->connected)
        goes_on = arrived(c);
    else if (events & EPOLLOUT)
        goes_on = client_flush(c) && (c->held || (c->tls && !gp_tls_shaken(c->tls)) || dialogue_run(c));
    if (goes_on && c->connected && (events & (EPOLLIN | EPOLLHUP | EPOLLERR))) goes_on = receive(c);
    if (!goes_on) load_gone(c);
    return goes_on;
}
