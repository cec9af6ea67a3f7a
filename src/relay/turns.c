/* Long work in portions: what reads the whole of a large message does one portion in a turn of the loop, one work after the other, so that
 * other mail moves between them. */
#include "relay/parts.h"

enum { A_MOMENT = 1 }; /* not 0: a timer that is due at once, again and again, would keep the loop from its events */

static void one_turn(void *owner)
{
    struct relay *r = owner;
    struct turn  *t = r->turns;
    if (!t) return;
    r->turns   = t->next;
    t->waiting = false;
    if (r->turns) timer_set(r->turning, A_MOMENT);
    t->step(t->owner);
}

bool turns_open(struct relay *r)
{
    r->turning = timer_open(r->loop, one_turn, r);
    return r->turning != NULL;
}

void turns_add(struct relay *r, struct turn *t)
{
    struct turn **end = &r->turns;
    if (t->waiting) return;
    while (*end) end = &(*end)->next;
    if (end == &r->turns) timer_set(r->turning, A_MOMENT);
    *end       = t;
    t->next    = NULL;
    t->waiting = true;
}

void turns_drop(struct relay *r, struct turn *t)
{
    struct turn **at = &r->turns;
    if (!t->waiting) return;
    while (*at != t) at = &(*at)->next;
    *at        = t->next;
    t->waiting = false;
}
