/* A pool of buffers. A session borrows one when bytes arrive and gives it back when they are used up: an idle one has none. */
#include "submit/parts.h"

#include <stdlib.h>

enum { KEPT_MOST = 64 };

struct free_room {
    struct free_room *next;
};
_Static_assert(sizeof(struct gp_smtp_room) >= sizeof(struct free_room), "a free room holds the link to the next");

struct gp_smtp_room *rooms_take(struct rooms *r)
{
    if (!r->free) return malloc(sizeof(struct gp_smtp_room));
    struct free_room *first = r->free;
    r->free                 = first->next;
    r->count--;
    return (void *)first;
}

void rooms_give(struct rooms *r, struct gp_smtp_room *room)
{
    if (r->count >= KEPT_MOST) {
        free(room);
        return;
    }
    struct free_room *first = (void *)room;
    first->next             = r->free;
    r->free                 = first;
    r->count++;
}

void rooms_close(struct rooms *r)
{
    while (r->free) free(rooms_take(r));
}
