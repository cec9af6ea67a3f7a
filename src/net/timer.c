/* One-shot timers. */
#include "net/internal.h"

#include <stdlib.h>

struct timer {
    uv_timer_t uv; /* first: see handle_free */
    void (*fn)(void *owner);
    void *owner;
};

static void fired(uv_timer_t *uv)
{
    struct timer *t = (struct timer *)uv;
    t->fn(t->owner);
}

struct timer *timer_open(struct loop *l, void (*fn)(void *owner), void *owner)
{
    struct timer *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    uv_timer_init(&l->uv, &t->uv);
    t->fn    = fn;
    t->owner = owner;
    return t;
}

void timer_set(struct timer *t, uint64_t ms)
{
    uv_timer_start(&t->uv, fired, ms, 0);
}

void timer_stop(struct timer *t)
{
    uv_timer_stop(&t->uv);
}

void timer_close(struct timer *t)
{
    if (t) uv_close((uv_handle_t *)&t->uv, handle_free);
}
