/* The loop: libuv's, with a call after each turn, calls put off to the end of a turn or to the next, and jobs on pool threads. */
#include "net/internal.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

enum { MS_PER_SECOND = 1000, NS_PER_MS = 1000000 };

/* ---- calls put off to the next turn ------------------------------------------------------------------------- */
static void ring_init(struct later *head)
{
    head->next = head->previous = head;
}

static void ring_add(struct later *head, struct later *call)
{
    call->next           = head;
    call->previous       = head->previous;
    head->previous->next = call;
    head->previous       = call;
}

void later_stop(struct later *call)
{
    if (!call->next) return;
    call->previous->next = call->next;
    call->next->previous = call->previous;
    call->next = call->previous = NULL;
}

/* What is put off while these run waits for the turn after: nobody can keep the loop from its events. */
static void run_waiting(uv_idle_t *turn)
{
    struct loop *l = turn->data;
    struct later now;
    ring_init(&now);
    if (l->waiting.next != &l->waiting) {
        now                = l->waiting;
        now.next->previous = now.previous->next = &now;
        ring_init(&l->waiting);
    }
    uv_idle_stop(turn);
    while (now.next != &now) {
        struct later *call = now.next;
        later_stop(call);
        call->fn(call->owner);
    }
}

void later_set(struct loop *l, struct later *call)
{
    if (call->next) return;
    ring_add(&l->waiting, call);
    uv_idle_start(&l->turn, run_waiting);
}

void later_at_turn_end(struct loop *l, struct later *call)
{
    if (!call->next) ring_add(&l->leaving, call);
}

static void run_leaving(struct loop *l)
{
    while (l->leaving.next != &l->leaving) {
        struct later *call = l->leaving.next;
        later_stop(call);
        call->fn(call->owner);
    }
}

struct one_call { /* behind loop_later: gone once it ran */
    struct later later;
    void (*fn)(void *owner);
    void *owner;
};

static void run_one_call(void *owner)
{
    struct one_call call = *(struct one_call *)owner;
    free(owner);
    call.fn(call.owner);
}

bool loop_later(struct loop *l, void (*fn)(void *owner), void *owner)
{
    struct one_call *call = calloc(1, sizeof *call);
    if (!call) return false;
    *call = (struct one_call) {
        .later = {.fn = run_one_call, .owner = call},
          .fn = fn, .owner = owner
    };
    later_set(l, &call->later);
    return true;
}

static void forget_waiting(struct loop *l)
{
    for (struct later *call = l->waiting.next, *next; call != &l->waiting; call = next) {
        next = call->next;
        later_stop(call);
        if (call->fn == run_one_call) free(call->owner);
    }
}

/* ---- the loop --------------------------------------------------------------------------------------------------- */
static void end_turn(uv_prepare_t *turn_end)
{
    struct loop *l = turn_end->data;
    if (l->after_turn) l->after_turn(l->after_turn_owner);
    run_leaving(l);
}

struct loop *loop_open(void)
{
    struct loop *l = calloc(1, sizeof *l);
    if (!l) return NULL;
    if (uv_loop_init(&l->uv) != 0) {
        free(l);
        return NULL;
    }
    ring_init(&l->waiting);
    ring_init(&l->leaving);
    uv_prepare_init(&l->uv, &l->turn_end);
    uv_idle_init(&l->uv, &l->turn);
    l->turn_end.data = l->turn.data = l;
    uv_prepare_start(&l->turn_end, end_turn); /* also what keeps a loop with nothing to watch alive */
    signal(SIGPIPE, SIG_IGN);                 /* a peer that is gone is EPIPE, not the end of the role */
    return l;
}

void loop_run(struct loop *l)
{
    uv_run(&l->uv, UV_RUN_DEFAULT);
    run_leaving(l); /* who stops the loop in the middle of a turn may have written in it */
}

void loop_stop(struct loop *l)
{
    uv_stop(&l->uv);
}

static void let_go(uv_handle_t *handle, void *unused)
{
    (void)unused;
    uv_unref(handle); /* what an owner left open must not keep loop_close waiting */
}

void loop_close(struct loop *l)
{
    if (!l) return;
    l->closing = true; /* jobs still on a thread end, but tell nobody */
    conn_drop_lingering(l);
    forget_waiting(l);
    uv_close((uv_handle_t *)&l->turn_end, NULL);
    uv_close((uv_handle_t *)&l->turn, NULL);
    uv_walk(&l->uv, let_go, NULL);
    uv_run(&l->uv, UV_RUN_DEFAULT);
    if (uv_loop_close(&l->uv) == 0) free(l); /* else something left open still points here */
}

void loop_after_turn(struct loop *l, void (*fn)(void *owner), void *owner)
{
    l->after_turn       = fn;
    l->after_turn_owner = owner;
}

gp_time loop_now(const struct loop *l)
{
    return (gp_time)uv_now(&l->uv);
}

gp_time wall_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (gp_time)t.tv_sec * MS_PER_SECOND + t.tv_nsec / NS_PER_MS;
}

void handle_free(uv_handle_t *handle)
{
    free(handle);
}
