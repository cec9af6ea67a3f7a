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
void later_at_turn_end(struct loop *, struct later *); /* at the end of this turn instead */
void later_stop(struct later *);

struct loop {
    uv_loop_t    uv;
    uv_prepare_t turn_end; /* libuv's place after timers and events, before the wait */
    uv_idle_t    turn;     /* active while calls are put off: then there is no wait  */
    struct later waiting;  /* head of a ring */
    struct later leaving;  /* the same, of those for the end of this turn */
    void (*after_turn)(void *owner);
    void        *after_turn_owner;
    struct conn *lingering, **lingering_end; /* closed by their owners, still flushing; the oldest first */
    size_t       lingering_count;
    bool         closing;
};
void conn_drop_lingering(struct loop *);

/* A connection. Clear: what is read goes to the owner as it is. After conn_secure: through tls (conn_tls.c). */
enum conn_state {
    CONN_CONNECTING,
    CONN_OPEN,
    CONN_ENDED,     /* the owner was told that it is closed, or will be by `due`   */
    CONN_LINGERING, /* the owner is gone; what is unsent goes out, for a while     */
    CONN_CLOSED,    /* only libuv still knows it                                   */
};
struct conn {
    uv_poll_t                  poll; /* first: see handle_free */
    struct loop               *loop;
    const struct conn_handler *handler;
    void                      *owner;
    struct gp_tls             *tls;  /* NULL while clear                                                        */
    struct gp_buffer           kept; /* clear: not taken by the owner; TLS: ciphertext that waits for room      */
    struct gp_buffer           out;  /* clear octets that the kernel did not take; they go before any record    */
    gp_str                     fresh; /* clear, while the owner looks at it: what was just read, not in kept yet */
    struct later               due;  /* what conn_took and failures put off                                     */
    struct later               leaving; /* what was written in this turn leaves together                        */
    struct timer              *patience; /* while lingering, or while too many others shake hands */
    struct conn               *next, **link; /* among the lingering */
    const char                *why;  /* of CONN_ENDED */
    int                        fd, watched;
    enum conn_state            state;
    bool                       broken;        /* nothing can be sent any more           */
    bool                       peer_ended;    /* no more will come                      */
    bool                       told_secured, told_sign, told_closed, wants_drained;
    bool                       unwelcome;     /* input came that nobody wants now       */
};

enum { CONN_INPUT_MOST = 64 * 1024, CONN_READ_ROOM = 64 * 1024 };
/* conn.c, for conn_tls.c. What fails is told on the next turn. */
void conn_fail(struct conn *, const char *why);
bool conn_wait(struct conn *, uint64_t ms); /* then `due` runs; lingering: then it is over. false: no memory */
bool conn_flush(struct conn *); /* gives the kernel what it takes; false: it is broken */
void conn_flush_soon(struct conn *); /* at the end of the turn */
/* conn_tls.c: ciphertext in (none: go on with what was kept). */
void conn_decrypt(struct conn *, gp_str cipher);

/* libuv forgets a handle a turn after uv_close; until then its memory, which starts with it, must stay. */
void handle_free(uv_handle_t *);

#endif
