/* Readiness of a descriptor that somebody else owns. */
#include "net/internal.h"

#include <stdlib.h>

struct watch {
    uv_poll_t uv; /* first: see handle_free */
    void (*fn)(void *owner, bool readable, bool writable);
    void *owner;
    int   wants; /* UV_READABLE, UV_WRITABLE */
};

static void ready(uv_poll_t *uv, int status, int events);

static void start(struct watch *w, int wants)
{
    w->wants = wants;
    if (wants)
        uv_poll_start(&w->uv, wants, ready);
    else
        uv_poll_stop(&w->uv);
}

static void ready(uv_poll_t *uv, int status, int events)
{
    struct watch *w = (struct watch *)uv;
    if (status < 0) { /* libuv stopped it; the owner's next read or write finds out what it is */
        start(w, w->wants);
        events = w->wants;
    }
    w->fn(w->owner, events & UV_READABLE, events & UV_WRITABLE);
}

struct watch *watch_open(struct loop *l, int fd, void (*fn)(void *owner, bool readable, bool writable), void *owner)
{
    struct watch *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    if (uv_poll_init(&l->uv, &w->uv, fd) != 0) {
        free(w);
        return NULL;
    }
    w->fn    = fn;
    w->owner = owner;
    return w;
}

void watch_for(struct watch *w, bool readable, bool writable)
{
    int wants = (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0);
    if (wants != w->wants) start(w, wants); /* libuv would leave the kernel's list and enter it again */
}

void watch_close(struct watch *w)
{
    if (w) uv_close((uv_handle_t *)&w->uv, handle_free);
}
