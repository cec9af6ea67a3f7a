/* Jobs on libuv's pool threads: `run` there, `done` back on the loop. */
#include "net/internal.h"

#include <stdlib.h>

struct work {
    uv_work_t    uv;
    struct loop *loop;
    void (*run)(void *job);
    void (*done)(void *job);
    void *job;
};

static void on_thread(uv_work_t *uv)
{
    struct work *w = uv->data;
    w->run(w->job);
}

static void on_loop(uv_work_t *uv, int status)
{
    struct work w = *(struct work *)uv->data;
    (void)status; /* nothing here cancels */
    free(uv->data);
    if (!w.loop->closing) w.done(w.job);
}

bool loop_work(struct loop *l, void (*run)(void *job), void (*done)(void *job), void *job)
{
    struct work *w = calloc(1, sizeof *w);
    if (!w) return false;
    *w         = (struct work) { .loop = l, .run = run, .done = done, .job = job };
    w->uv.data = w;
    if (uv_queue_work(&l->uv, &w->uv, on_thread, on_loop) == 0) return true;
    free(w);
    return false;
}
