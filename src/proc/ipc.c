/* Channels between roles on the loop: statements, questions and their answers, kept in order when the socket is full.
 *
 *   state       fd   what is asked         what is told
 *   unattached  -1   TEMPFAIL, next turn   false
 *   attached    >=0  sent, or queued while the socket is full (up to WAITING_MOST octets)
 *   paused      >=0  as attached; the far end leaves so many of our answers unread that we read no more of its questions
 *
 * The side that asks never pauses, only the side that answers, so two roles cannot wait for each other for ever. */
#include "proc/proc.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>

#include "proc/asks.h"
#include "proc/wire.h"

enum {
    MESSAGES_PER_TURN = 128,              /* then the other channels and the clients have their turn   */
    WAITING_MOST      = 32 * 1024 * 1024, /* octets of statements and questions waiting for the socket */
    ANSWERS_PAUSE     = 8 * 1024 * 1024,  /* octets of answers waiting above which we read no more     */
};

struct outgoing {
    struct outgoing *next;
    int              fds[MSG_FDS_MOST]; /* our own duplicates */
    bool             answer;
    size_t           len;
    char             octets[];
};

struct ipc {
    struct loop              *loop;
    const struct ipc_handler *handler;
    void                     *owner;
    int                       fd;
    struct watch             *watch;
    struct timer             *soon; /* tells the failed questions so, on the next turn */
    struct asks               asks;
    struct outgoing          *first, **last;
    size_t                    waiting, answers_waiting; /* octets in the list, and how many of them are answers */
    unsigned                  busy;                     /* how many of its callbacks are running                */
    bool                      closed;                   /* while busy: freed when they have returned            */
    bool                      complained;               /* one log line a channel about what is no message      */
};

/* One of each a process: a packet is packed and sent, or received and handled, before the next one. Both are wiped after
 * use, because passwords pass through. */
static char packing[MSG_MOST], receiving[MSG_MOST];

/* ---- waiting for the socket --------------------------------------------------------------------------------------- */
static void watch_again(struct ipc *c)
{
    if (c->watch) watch_for(c->watch, c->answers_waiting <= ANSWERS_PAUSE, c->first != NULL);
}

static void drop_first(struct ipc *c)
{
    struct outgoing *o = c->first;
    c->first           = o->next;
    if (!c->first) c->last = &c->first;
    c->waiting -= o->len;
    if (o->answer) c->answers_waiting -= o->len;
    wire_close_fds(o->fds);
    gp_wipe(o->octets, o->len);
    free(o);
}

/* The sender may close its descriptors when it is back, so what waits needs its own. */
static bool keep_fds(struct outgoing *o, const int fds[static MSG_FDS_MOST])
{
    for (size_t i = 0; i < MSG_FDS_MOST; i++) o->fds[i] = -1;
    for (size_t i = 0; i < MSG_FDS_MOST && fds[i] >= 0; i++) {
        o->fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
        if (o->fds[i] >= 0) continue;
        wire_close_fds(o->fds);
        return false;
    }
    return true;
}

static bool enqueue(struct ipc *c, gp_str packed, bool answer, const int fds[static MSG_FDS_MOST])
{
    if (!answer && c->waiting + packed.len > WAITING_MOST) return false;
    struct outgoing *o = malloc(sizeof *o + packed.len);
    if (!o) return false;
    if (!keep_fds(o, fds)) {
        free(o);
        return false;
    }
    o->next   = NULL;
    o->answer = answer;
    o->len    = packed.len;
    memcpy(o->octets, packed.ptr, packed.len);
    *c->last = o;
    c->last  = &o->next;
    c->waiting += o->len;
    if (answer) c->answers_waiting += o->len;
    watch_again(c);
    return true;
}

static gp_status send_waiting(struct ipc *c)
{
    gp_status status = GP_OK;
    while (c->first && status == GP_OK) {
        status = wire_send(c->fd, (gp_str) { c->first->octets, c->first->len }, c->first->fds);
        if (status == GP_PERMFAIL) { /* cannot happen to what was packed; should it, the rest must go on */
            LOG(LOG_ERROR, "ipc", LOG_Z("problem", "a message could not be sent"), LOG_N("octets", c->first->len));
            status = GP_OK;
        }
        if (status == GP_OK) drop_first(c);
    }
    return status;
}

/* ---- the far end goes and comes --------------------------------------------------------------------------------------- */
static void detach(struct ipc *c)
{
    if (c->fd < 0) return;
    watch_close(c->watch);
    close(c->fd);
    c->watch = NULL;
    c->fd    = -1;
    while (c->first) drop_first(c);
    asks_fail_all(&c->asks);
    if (c->asks.open) timer_set(c->soon, 0);
}

static void destroy(struct ipc *c)
{
    detach(c);
    timer_close(c->soon);
    asks_close(&c->asks);
    free(c);
}

static void enter(struct ipc *c)
{
    c->busy++;
}

static void leave(struct ipc *c)
{
    if (--c->busy == 0 && c->closed) destroy(c);
}

static void lost(struct ipc *c)
{
    detach(c);
    if (c->handler->gone) c->handler->gone(c->owner, c);
}

static void tell_failed(void *owner)
{
    struct ipc *c = owner;
    struct ask  ask;
    enter(c);
    for (uint32_t from = 0; !c->closed && asks_take_failed(&c->asks, &from, &ask);)
        ask.done(ask.owner, GP_TEMPFAIL, NULL);
    leave(c);
}

/* ---- what comes in ------------------------------------------------------------------------------------------------------ */
static void complain(struct ipc *c, size_t octets)
{
    if (c->complained) return;
    c->complained = true;
    LOG(LOG_ERROR, "ipc", LOG_Z("problem", "what came from another role is no message; dropped"),
        LOG_N("octets", octets));
}

static void handle(struct ipc *c, gp_str packed, int fds[static MSG_FDS_MOST])
{
    struct msg m;
    struct ask ask;
    if (!msg_unpack(packed, &m)) {
        complain(c, packed.len);
        wire_close_fds(fds);
        return;
    }
    memcpy(m.fds, fds, sizeof m.fds);
    if (!wire_is_answer(packed)) {
        c->handler->message(c->owner, c, &m);
    } else if (asks_take(&c->asks, m.question, &ask)) {
        ask.done(ask.owner, GP_OK, &m);
    }
    wire_close_fds(m.fds);
}

/* The handler may close the channel or attach it anew; either ends this turn. */
static void receive(struct ipc *c)
{
    const int fd = c->fd;
    for (int i = 0; i < MESSAGES_PER_TURN && !c->closed && c->fd == fd; i++) {
        int    fds[MSG_FDS_MOST];
        gp_str packed;
        switch (wire_receive(fd, receiving, sizeof receiving, &packed, fds)) {
        case GP_OK:
            handle(c, packed, fds);
            gp_wipe(receiving, packed.len);
            break;
        case GP_WAIT: return;
        case GP_TEMPFAIL: lost(c); return;
        case GP_PERMFAIL: complain(c, sizeof receiving); break;
        }
    }
}

static void on_ready(void *owner, bool readable, bool writable)
{
    struct ipc *c = owner;
    enter(c);
    if (writable && send_waiting(c) == GP_TEMPFAIL) {
        lost(c);
    } else {
        watch_again(c);
        if (readable) receive(c);
    }
    leave(c);
}

/* ---- what goes out ------------------------------------------------------------------------------------------------------ */
/* false: it will not arrive. A far end that is gone is found out by reading, which is when open questions fail. */
static bool send_or_queue(struct ipc *c, const struct msg *m, bool answer)
{
    size_t len = msg_pack(m, packing, sizeof packing);
    if (len == 0) {
        LOG(LOG_ERROR, "ipc", LOG_Z("problem", "a message is too long to be sent"),
            LOG_Z("message", msg_name(m->type)));
        return false;
    }
    if (answer) wire_mark_answer(packing);
    gp_str    packed = { packing, len };
    gp_status status = c->first ? GP_WAIT : wire_send(c->fd, packed, m->fds);
    bool      taken  = status == GP_OK || (status == GP_WAIT && enqueue(c, packed, answer, m->fds));
    gp_wipe(packing, len);
    return taken;
}

void ipc_ask(struct ipc *c, struct msg *m, ipc_done *done, void *owner)
{
    m->question = asks_add(&c->asks, done, owner);
    if (!m->question) { /* a quarter of a million open questions: nothing here can be right any more */
        LOG(LOG_ERROR, "ipc", LOG_Z("problem", "too many open questions"), LOG_Z("message", msg_name(m->type)));
        abort();
    }
    if (c->fd >= 0 && send_or_queue(c, m, false)) return;
    asks_fail(&c->asks, m->question);
    timer_set(c->soon, 0);
}

bool ipc_tell(struct ipc *c, struct msg *m)
{
    m->question = 0;
    return c->fd >= 0 && send_or_queue(c, m, false);
}

void ipc_answer(struct ipc *c, uint32_t question, struct msg *m)
{
    m->question = question;
    if (c->fd < 0 || !question) return; /* who asked is gone, or wants no answer */
    if (!send_or_queue(c, m, true))
        LOG(LOG_ERROR, "ipc", LOG_Z("problem", "an answer could not be sent"), LOG_Z("message", msg_name(m->type)));
}

/* ---- open and close ----------------------------------------------------------------------------------------------------- */
void ipc_attach(struct ipc *c, int fd)
{
    detach(c);
    if (fd < 0) return;
    c->watch = watch_open(c->loop, fd, on_ready, c);
    if (!c->watch) {
        LOG(LOG_ERROR, "ipc", LOG_Z("problem", "no memory for a channel"));
        close(fd);
        return;
    }
    c->fd         = fd;
    c->complained = false;
    wire_room(fd);
    watch_again(c);
}

struct ipc *ipc_open(struct loop *loop, int fd, const struct ipc_handler *handler, void *owner)
{
    struct ipc *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    *c      = (struct ipc) { .loop = loop, .fd = -1, .handler = handler, .owner = owner };
    c->last = &c->first;
    c->soon = timer_open(loop, tell_failed, c);
    if (!c->soon || !asks_open(&c->asks)) {
        timer_close(c->soon);
        free(c);
        return NULL;
    }
    ipc_attach(c, fd);
    return c;
}

bool ipc_attached(const struct ipc *c)
{
    return c->fd >= 0;
}

void ipc_forget(struct ipc *c, void *owner)
{
    asks_forget(&c->asks, owner);
}

void ipc_close(struct ipc *c)
{
    if (!c || c->closed) return;
    c->closed = true;
    enter(c);
    detach(c);
    leave(c);
}
