/* What the rooms of net/ share and nobody else sees: the loop's struct, and calls put off to the next turn that stand in
 * their owner's struct, so that they can't fail for want of memory. */
#ifndef NET_INTERNAL_H
#define NET_INTERNAL_H

#include "net/net.h"

#include <uv.h>

struct later { /* zeroed: not waiting */
    struct later *next, *previous;
    void (*fn)(void *owner);
    void *owner;
};
void later_set(struct loop *, struct later *); /* once is enough: a waiting one stays where it is */
void later_stop(struct later *);

struct loop {
    uv_loop_t    uv;
    uv_prepare_t turn_end; /* libuv's place after timers and events, before the wait */
    uv_idle_t    turn;     /* active while calls are put off: then there is no wait  */
    struct later waiting;  /* head of a ring */
    void (*after_turn)(void *owner);
    void        *after_turn_owner;
    struct conn *lingering; /* closed by their owners, still flushing */
    bool         closing;
};
void conn_drop_lingering(struct loop *);

/* libuv forgets a handle a turn after uv_close; until then its memory, which starts with it, must stay. */
void handle_free(uv_handle_t *);

#endif
