/* One connection of another server that asks us: carries bytes between it and the protocol, and each event to its inquiry.
 *
 *   GREETED  we have said what we offer; its own greeting is due in time
 *   READY    it asks, many things at once if it likes, and may be silent for ever between two questions
 *   LEAVING  the role stops: it is closed as soon as nothing is open
 */
#include "submit/asker.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crypto/crypto.h"

enum { UNSENT_MOST = 64 * 1024, IN_MOST = 256 * 1024 /* more than a line and what a connection reads ahead */ };

/* ---- the end ------------------------------------------------------------------------------------------------------------------- */
static void unlink_asker(struct asker *a)
{
    struct submit *role = a->submit;
    if (a->next) a->next->previous = a->previous;
    if (a->previous)
        a->previous->next = a->next;
    else
        role->askers = a->next;
    role->asker_count--;
}

void asker_close(struct asker *a, const char *why)
{
    struct submit *role = a->submit;
    LOG(LOG_INFO, "asker", LOG_N("connection", a->id), LOG_Z("state", "closed"), LOG_Z("reason", why),
        LOG_N("open", a->open));
    for (size_t i = 0; i < GP_DOVECOT_OPEN_MOST; i++)
        if (a->inquiries[i]) inquiry_drop(a->inquiries[i]);
    if (a->conn) conn_close(a->conn, true);
    gp_buffer_free(&a->in);
    unlink_asker(a);
    gp_wipe(a, sizeof *a);
    free(a);
    submit_session_ended(role);
}

struct asker *asker_after(const struct asker *a)
{
    return a->next;
}

/* A client that went away in the middle of its sign-in is often not said to be gone; vault has given it up by then. */
void asker_sweep(struct asker *a, gp_time now, bool leave)
{
    gp_time most = (gp_time)a->submit->config->limits.sign_in_timeout * MS;
    for (size_t i = 0; i < GP_DOVECOT_OPEN_MOST; i++) {
        struct inquiry *e = a->inquiries[i];
        if (e && now - e->began > most) inquiry_give_up(e);
    }
    if (a->gone)
        asker_close(a, "the connection broke");
    else if (!a->ready && now - a->opened > most)
        asker_close(a, "it did not greet us in time");
    else if (leave && a->open == 0)
        asker_close(a, "the server is going down");
}

/* ---- input and output ------------------------------------------------------------------------------------------------------------ */
void asker_say(struct asker *a, bool fits, const struct gp_text *text)
{
    if (!fits || !conn_write(a->conn, gp_said(text))) a->gone = true;
}

static void refuse(struct asker *a, uint32_t id)
{
    char           line[GP_DOVECOT_ANSWER_ROOM];
    struct gp_text text = GP_TEXT(line);
    asker_say(a, gp_dovecot_refuse(id, &text), &text);
}

static void handle(struct asker *a, const struct gp_dovecot_event *ev)
{
    switch (ev->kind) {
    case GP_DOVECOT_READY: a->ready = true; break;
    case GP_DOVECOT_AUTH: inquiry_start(a, ev); break;
    case GP_DOVECOT_CONT: inquiry_line(a, ev); break;
    case GP_DOVECOT_CANCEL: inquiry_drop(a->inquiries[ev->slot]); break;
    case GP_DOVECOT_OVERDUE: inquiry_give_up(a->inquiries[ev->slot]); break;
    case GP_DOVECOT_REFUSE: refuse(a, ev->id); break;
    case GP_DOVECOT_NEED_INPUT:
    case GP_DOVECOT_BROKEN: break;
    }
}

static bool read_more(struct asker *a)
{
    gp_str fresh = conn_input(a->conn);
    if (fresh.len == 0) return false;
    if (!gp_buffer_add(&a->in, fresh, IN_MOST)) a->gone = true;
    conn_took(a->conn, fresh.len);
    return !a->gone;
}

/* Who does not listen to our answers is not listened to. */
static void pump(struct asker *a)
{
    while (!a->gone && conn_unsent(a->conn) <= UNSENT_MOST) {
        gp_str                  waiting = gp_buffer_all(&a->in);
        const size_t            before  = waiting.len;
        struct gp_dovecot_event ev      = gp_dovecot_server_next(&a->dovecot, &waiting);
        if (ev.kind == GP_DOVECOT_BROKEN) {
            asker_close(a, ev.why);
            return;
        }
        handle(a, &ev);
        gp_buffer_took(&a->in, before - waiting.len);
        if (ev.kind == GP_DOVECOT_NEED_INPUT && !read_more(a)) return;
    }
}

static void on_input(void *owner, struct conn *conn)
{
    (void)conn;
    pump(owner);
}

static void on_closed(void *owner, struct conn *conn, const char *why)
{
    (void)conn;
    asker_close(owner, why);
}

static const struct conn_handler handler = { .input = on_input, .drained = on_input, .closed = on_closed };

/* ---- the beginning ------------------------------------------------------------------------------------------------------------- */
static void greet(struct asker *a)
{
    char                    room[GP_DOVECOT_HELLO_ROOM];
    struct gp_text          text  = GP_TEXT(room);
    struct gp_dovecot_hello hello = { .mechanisms = gp_from(a->port->offers[0]), .pid = (uint32_t)getpid() };
    gp_random(&hello.connection, sizeof hello.connection);
    gp_random(hello.cookie, sizeof hello.cookie);
    asker_say(a, gp_dovecot_put_hello(&text, &hello), &text);
}

static void link_asker(struct asker *a)
{
    struct submit *role = a->submit;
    a->id               = submit_next_session(role);
    a->next             = role->askers;
    if (a->next) a->next->previous = a;
    role->askers = a;
    role->asker_count++;
}

static void log_open_one(const struct asker *a, int fd)
{
    struct ucred who    = { 0 };
    socklen_t    length = sizeof who;
    (void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &length);
    LOG(LOG_INFO, "asker", LOG_N("connection", a->id), LOG_Z("state", "open"),
        LOG_Z("listener", a->port->listen->address), LOG_N("client_pid", who.pid), LOG_N("uid", who.uid));
}

void asker_open(struct port *port, int fd)
{
    struct submit *role = port->submit;
    struct asker  *a    = role->asker_count < ASKERS_MOST ? calloc(1, sizeof *a) : NULL;
    if (!a) {
        LOG(LOG_WARN, "refused", LOG_Z("listener", port->listen->address),
            LOG_Z("reason", role->asker_count < ASKERS_MOST ? "no memory" : "too many servers ask at once"));
        close(fd);
        return;
    }
    *a = (struct asker) { .submit = role, .port = port, .opened = loop_now(role->loop) };
    gp_dovecot_server_init(&a->dovecot);
    link_asker(a);
    log_open_one(a, fd);
    a->conn = conn_accepted(role->loop, fd, &handler, a);
    if (a->conn)
        greet(a);
    else
        asker_close(a, "no memory for its connection");
}
