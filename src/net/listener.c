/* Listeners: each connection that waits becomes a descriptor of its owner. Without descriptors the kernel would say "ready"
 * for ever, so then the listener rests for a moment. */
#include "net/internal.h"
#include "ops/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ACCEPTS_A_TURN = 64, REST_MS = 100, LOG_EVERY_MS = 60000 };

struct listener {
    struct loop  *loop;
    struct watch *watch;
    struct timer *rest;
    void (*accepted)(void *owner, int fd);
    void   *owner;
    int     fd;
    gp_time logged;
    bool    closed, busy; /* busy: inside accepted(), which may close it */
};

static void listen_again(void *owner)
{
    struct listener *l = owner;
    watch_for(l->watch, true, false);
}

static void rest(struct listener *l, int error)
{
    gp_time now = loop_now(l->loop);
    if (l->logged == 0 || now - l->logged >= LOG_EVERY_MS) {
        LOG(LOG_ERROR, "accept", LOG_Z("reason", strerrordesc_np(error)));
        l->logged = now;
    }
    watch_for(l->watch, false, false);
    timer_set(l->rest, REST_MS);
}

/* What went wrong with one caller (accept(2) passes on his network's errors) is not the listener's trouble. */
static bool is_the_callers(int error)
{
    static const int errors[] = { ECONNABORTED, EINTR,  EPROTO,       ENETDOWN,   ENOPROTOOPT,
                                  EHOSTDOWN,    ENONET, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH };
    for (size_t i = 0; i < GP_COUNT(errors); i++)
        if (error == errors[i]) return true;
    return false;
}

static void ready(void *owner, bool readable, bool writable)
{
    struct listener *l = owner;
    (void)readable, (void)writable;
    l->busy = true;
    for (int i = 0; i < ACCEPTS_A_TURN && !l->closed; i++) {
        int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            l->accepted(l->owner, fd);
            continue;
        }
        if (is_the_callers(errno)) continue;
        if (errno != EAGAIN) rest(l, errno);
        break;
    }
    l->busy = false;
    if (l->closed) free(l);
}

struct listener *listener_open(struct loop *loop, int fd, void (*accepted)(void *owner, int fd), void *owner)
{
    struct listener *l = calloc(1, sizeof *l);
    if (!l) return NULL;
    *l       = (struct listener) { .loop = loop, .fd = fd, .accepted = accepted, .owner = owner };
    l->watch = watch_open(loop, fd, ready, l);
    l->rest  = timer_open(loop, listen_again, l);
    if (l->watch && l->rest) {
        watch_for(l->watch, true, false);
        return l;
    }
    listener_close(l, false);
    return NULL;
}

void listener_close(struct listener *l, bool close_fd)
{
    if (!l) return;
    watch_close(l->watch);
    timer_close(l->rest);
    if (close_fd) close(l->fd);
    l->closed = true;
    if (!l->busy) free(l);
}
