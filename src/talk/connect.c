/* The way to the server: its addresses one after the other, each with its time, from the address that was asked for. */
#include "talk/parts.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MILLI = 1000 };

int talk_wait(struct talk *t, short events, int64_t until)
{
    struct pollfd p = { .fd = t->fd, .events = events };
    for (;;) {
        int64_t left = (until - talk_now() + MILLI - 1) / MILLI;
        int     got  = poll(&p, 1, left > INT32_MAX ? INT32_MAX : left < 0 ? 0 : (int)left);
        if (got > 0) return p.revents;
        if (got == 0) return 0;
        if (errno != EINTR) return POLLERR;
    }
}

static void name_peer(struct talk *t, const struct addrinfo *a)
{
    char host[INET6_ADDRSTRLEN + 20], port[8];
    if (getnameinfo(a->ai_addr, a->ai_addrlen, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) !=
        0)
        return;
    bool brackets = a->ai_family == AF_INET6;
    (void)snprintf(t->peer, sizeof t->peer, "%s%s%s:%s", brackets ? "[" : "", host, brackets ? "]" : "", port);
}

/* The source is an address of this machine, of the same family as where it goes. */
static bool come_from(const struct talk *t, int fd, int family)
{
    struct addrinfo  hints = { .ai_family   = family,
                               .ai_socktype = SOCK_STREAM,
                               .ai_flags    = AI_NUMERICHOST | AI_PASSIVE };
    struct addrinfo *found = NULL;
    if (!t->plan->source) return true;
    if (getaddrinfo(t->plan->source, NULL, &hints, &found) != 0) {
        errno = EADDRNOTAVAIL;
        return false;
    }
    bool bound = bind(fd, found->ai_addr, found->ai_addrlen) == 0;
    freeaddrinfo(found);
    return bound;
}

/* errno says why not. */
static bool finish(struct talk *t)
{
    unsigned  most  = t->plan->connect_ms ? t->plan->connect_ms : TALK_CONNECT_MS;
    int       error = 0;
    socklen_t len   = sizeof error;
    if (talk_wait(t, POLLOUT, talk_now() + (int64_t)most * MILLI) == 0)
        error = ETIMEDOUT;
    else if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    errno = error;
    return error == 0;
}

static bool try(struct talk *t, const struct addrinfo *a)
{
    int one = 1;
    name_peer(t, a);
    t->fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (t->fd < 0) return false;
    (void)setsockopt(t->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (come_from(t, t->fd, a->ai_family)) {
        if (connect(t->fd, a->ai_addr, a->ai_addrlen) == 0) return true;
        if (errno == EINPROGRESS && finish(t)) return true;
    }
    int error = errno;
    close(t->fd);
    t->fd = -1;
    errno = error;
    return false;
}

bool talk_reach(struct talk *t)
{
    struct addrinfo  hints = { .ai_family = t->plan->family, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
    struct addrinfo *found = NULL;
    int              code  = getaddrinfo(t->plan->host, t->plan->port, &hints, &found);
    int              error = 0;
    if (code != 0) return talk_fail(t, TALK_NO_HOST, t->plan->host, gai_strerror(code));
    for (struct addrinfo *a = found; a && t->fd < 0; a = a->ai_next) {
        if (try(t, a)) break;
        error = errno;
        talk_notes(t, t->peer, strerror(error));
    }
    freeaddrinfo(found);
    if (t->fd < 0) return talk_fail(t, error == ETIMEDOUT ? TALK_LATE : TALK_NO_CONNECTION, t->peer, strerror(error));
    talk_notes(t, "connected to", t->peer);
    return true;
}
