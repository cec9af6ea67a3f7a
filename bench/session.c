/* One connection of the load: connects, shakes hands, says each step, reads its replies. */
#include "load.h"

#include <errno.h>
#include <openssl/err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

struct session {
    const struct plan *plan;
    struct tally      *tally;
    int                fd;
    SSL               *ssl; /* NULL: in clear so far */
    size_t             step, sent;
    unsigned           heard, messages;
    int64_t            opened, message_began;
    size_t             len; /* of the input that is not yet read as lines */
    char               in[REPLY_ROOM];
};

enum turn { TURN_GO_ON, TURN_WAIT, TURN_FAILED };

static enum turn fail(struct session *s, const char *what, const char *detail)
{
    char *first = s->tally->first_failure;
    if (!*first) snprintf(first, sizeof s->tally->first_failure, "step %zu: %s %s", s->step, what, detail);
    return TURN_FAILED;
}

struct session *session_open(const struct plan *plan, int epoll, struct tally *tally)
{
    struct session *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->plan   = plan;
    s->tally  = tally;
    s->opened = now_micros();
    s->fd     = socket(plan->to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one   = 1;
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event events = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = s };
    bool               begun  = s->fd >= 0 &&
                 (connect(s->fd, (const struct sockaddr *)&plan->to, plan->to_len) == 0 || errno == EINPROGRESS) &&
                 epoll_ctl(epoll, EPOLL_CTL_ADD, s->fd, &events) == 0;
    if (begun) return s;
    fail(s, "connect", strerror(errno));
    session_close(s);
    return NULL;
}

void session_rest(struct session *s, int epoll)
{
    epoll_ctl(epoll, EPOLL_CTL_DEL, s->fd, NULL);
}

void session_close(struct session *s)
{
    SSL_free(s->ssl);
    /* A reset instead of TIME_WAIT: thousands of connections a second would run out of ports. */
    struct linger now = { .l_onoff = 1, .l_linger = 0 };
    if (s->fd >= 0) setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    if (s->fd >= 0) close(s->fd);
    free(s);
}

/* ---- bytes --------------------------------------------------------------------------------------------- */
static enum turn tls_turn(struct session *s, int result, const char *what)
{
    int  code = SSL_get_error(s->ssl, result);
    char text[128];
    if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE) return TURN_WAIT;
    ERR_error_string_n(ERR_get_error(), text, sizeof text);
    ERR_clear_error();
    return fail(s, what, code == SSL_ERROR_SYSCALL ? strerror(errno) : text);
}

static enum turn plain_turn(struct session *s, ssize_t result, const char *what)
{
    if (result < 0 && (errno == EAGAIN || errno == ENOTCONN)) return TURN_WAIT;
    return fail(s, what, result == 0 ? "end of file" : strerror(errno));
}

static enum turn handshake(struct session *s)
{
    if (!s->ssl) {
        s->ssl = SSL_new(s->plan->tls);
        if (!s->ssl || !SSL_set_fd(s->ssl, s->fd)) return fail(s, "TLS", "no memory");
        SSL_set_connect_state(s->ssl);
    }
    int result = SSL_do_handshake(s->ssl);
    if (result != 1) return tls_turn(s, result, "handshake");
    s->step++;
    return TURN_GO_ON;
}

static enum turn write_some(struct session *s, const struct step *step)
{
    const char *rest = step->text + s->sent;
    size_t      left = step->len - s->sent;
    if (s->sent == 0 && step->starts_message) s->message_began = now_micros();
    if (s->ssl) {
        int result = SSL_write(s->ssl, rest, (int)left);
        if (result <= 0) return tls_turn(s, result, "write");
        s->sent += (size_t)result;
    } else {
        ssize_t result = send(s->fd, rest, left, MSG_NOSIGNAL);
        if (result <= 0) return plain_turn(s, result, "write");
        s->sent += (size_t)result;
    }
    return TURN_GO_ON;
}

static enum turn read_some(struct session *s)
{
    char  *end  = s->in + s->len;
    size_t room = sizeof s->in - s->len;
    if (room == 0) return fail(s, "a line without end", "");
    if (s->ssl) {
        int result = SSL_read(s->ssl, end, (int)room);
        if (result <= 0) return tls_turn(s, result, "read");
        s->len += (size_t)result;
    } else {
        ssize_t result = recv(s->fd, end, room, 0);
        if (result <= 0) return plain_turn(s, result, "read");
        s->len += (size_t)result;
    }
    return TURN_GO_ON;
}

/* ---- replies ------------------------------------------------------------------------------------------- */
static bool finish_step(struct session *s, const struct step *step)
{
    s->heard = 0;
    s->sent  = 0;
    s->step++;
    if (!step->ends_message) return true;
    s->messages++;
    s->tally->messages++;
    bool kept = s->plan->messages == 1 || tally_sample(s->tally, now_micros() - s->message_began);
    if (s->messages < s->plan->messages) s->step = s->plan->again;
    return kept;
}

/* The lines that are here; the last line of a reply has a space behind its code. */
static enum turn read_lines(struct session *s, const struct step *step)
{
    char *line = s->in, *end;
    while (s->heard < step->replies && (end = memmem(line, s->len, "\r\n", 2))) {
        size_t length = (size_t)(end - line) + 2;
        char   text[80];
        snprintf(text, sizeof text, "%.*s", (int)length - 2, line);
        bool last = length > 5 && line[3] == ' ';
        if (last && line[0] != step->classes[s->heard]) return fail(s, "reply", text);
        s->heard += last;
        line += length;
        s->len -= length;
    }
    memmove(s->in, line, s->len);
    if (s->heard < step->replies) return TURN_WAIT;
    return finish_step(s, step) ? TURN_GO_ON : fail(s, "tally", "no memory");
}

static enum turn turn(struct session *s)
{
    const struct step *step = &s->plan->steps[s->step];
    if (!step->text) return handshake(s);
    if (s->sent < step->len) return write_some(s, step);
    enum turn next = s->len > 0 || step->replies == 0 ? read_lines(s, step) : TURN_WAIT;
    return next == TURN_WAIT ? read_some(s) : next;
}

enum session_state session_run(struct session *s)
{
    enum turn next = TURN_GO_ON;
    while (next == TURN_GO_ON && s->step < s->plan->count) next = turn(s);
    if (next == TURN_FAILED) return SESSION_FAILED;
    if (s->step < s->plan->count) return SESSION_RUNS;
    if (s->plan->hold) return SESSION_HELD;
    if (s->plan->messages <= 1 && !tally_sample(s->tally, now_micros() - s->opened)) return SESSION_FAILED;
    return SESSION_DONE;
}
