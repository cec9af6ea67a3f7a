/* The role's life: peers, the messages that come in, the orderly end. */
#include "lookup/lookup.h"

#include <stdlib.h>
#include <unistd.h>

#include "lookup/parts.h"

enum { EXIT_BROKEN = 1, THREADS_TEXT = 16 };

/* ---- peers ---------------------------------------------------------------------------------------------------------------- */
static void from_supervisor(void *owner, struct ipc *from, struct msg *m)
{
    struct lookup *l = owner;
    (void)from;
    if (m->type == MSG_STOP) loop_stop(l->loop); /* vault has ended before: nobody waits for an answer */
    if (m->type != MSG_PEER) return;             /* vault, or queue where it is events that are posted */
    l->life++;
    ipc_attach(l->vault, m->fds[0]);
    m->fds[0] = -1;
}

static void supervisor_gone(void *owner, struct ipc *from)
{
    struct lookup *l = owner;
    (void)from;
    loop_stop(l->loop);
}

static void from_vault(void *owner, struct ipc *from, struct msg *m)
{
    struct lookup            *l    = owner;
    const struct source_type *type = l->source.type;
    (void)from;
    if (m->type == MSG_LOOKUP && m->question && type->ask)
        asks_take_question(l, m);
    else if (m->type == type->posts && m->question && type->post)
        type->post(l, m);
    else if (m->type == MSG_TOKEN_FETCH && m->question && type->fetch)
        type->fetch(l, m);
    else
        LOG(LOG_WARN, "ipc", LOG_Z("unexpected", msg_name(m->type)));
}

static void vault_gone(void *owner, struct ipc *from)
{
    struct lookup *l = owner;
    (void)from;
    l->life++;
}

static const struct ipc_handler supervisor_handler = { from_supervisor, supervisor_gone };
static const struct ipc_handler vault_handler      = { from_vault, vault_gone };

/* ---- the role ---------------------------------------------------------------------------------------------------------------- */
/* libuv reads it when the first job comes: a thread for each seat. */
static void set_threads(size_t seats)
{
    char           room[THREADS_TEXT];
    struct gp_text text = GP_TEXT(room);
    gp_put_number(&text, (int64_t)seats);
    gp_put(&text, (gp_str) { "", 1 }); /* the NUL */
    (void)setenv("UV_THREADPOOL_SIZE", room, 1);
}

static bool tell_ready(struct lookup *l)
{
    struct msg m = MSG(READY);
    m.ready.pid  = (uint64_t)getpid();
    return ipc_tell(l->supervisor, &m);
}

static bool open_all(struct lookup *l, const struct role_start *start)
{
    if (!source_open(&l->source, start->config, start)) return false;
    set_threads(l->source.seats + l->source.type->jobs);
    l->loop       = loop_open();
    l->supervisor = l->loop ? ipc_open(l->loop, start->supervisor, &supervisor_handler, l) : NULL;
    l->vault      = l->supervisor ? ipc_open(l->loop, -1, &vault_handler, l) : NULL;
    return l->vault && asks_start(l);
}

int lookup_main(const struct role_start *start)
{
    static struct lookup l;
    memory_wipes();
    if (!open_all(&l, start) || !source_enter_sandbox(&l.source) || !tell_ready(&l)) return EXIT_BROKEN;
    loop_run(l.loop);
    if (asks_running(&l) || l.jobs) { /* a thread that hangs would be waited for: the process's end frees as well */
        helpers_end();
        return 0;
    }
    ipc_close(l.vault);
    ipc_close(l.supervisor);
    asks_end(&l);
    loop_close(l.loop);
    gp_wipe(&l, sizeof l);
    return 0;
}
