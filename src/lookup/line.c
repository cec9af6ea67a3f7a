/* Who waits for a seat: a lane for each client address, in a ring, and the lanes take turns. A storm from one address fills its
 * own lane; when the whole is full it is the longest lane that loses. */
#include "lookup/parts.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

struct lane {
    struct lane    *next, *previous; /* in the ring, or next free one */
    struct waiting *first, *last;
    size_t          count;
};
struct line {
    size_t       most, count;
    struct lane *turn; /* NULL: nobody waits */
    struct lane *free;
    struct lane  lanes[];
};

struct line *line_open(size_t most)
{
    struct line *l = calloc(1, sizeof *l + most * sizeof *l->lanes); /* most: at most 4096 */
    if (!l) return NULL;
    l->most = most;
    for (size_t i = 0; i < most; i++) {
        l->lanes[i].next = l->free;
        l->free          = &l->lanes[i];
    }
    return l;
}

void line_close(struct line *l)
{
    free(l);
}

void line_key(gp_str peer, char out[static LOOKUP_PEER])
{
    enum { NETWORK = 8 };
    struct in6_addr six;
    struct gp_text  text = { .ptr = out, .room = LOOKUP_PEER - 1 };
    out[0]               = '\0';
    if (gp_copy_z(peer, out, LOOKUP_PEER) && inet_pton(AF_INET6, out, &six) == 1)
        gp_put_hex(&text, (gp_str) { (const char *)six.s6_addr, NETWORK });
    if (text.len) out[text.len] = '\0';
}

/* ---- lanes -------------------------------------------------------------------------------------------------------------- */
static struct lane *find(const struct line *l, const char *key)
{
    struct lane *lane = l->turn;
    if (!lane) return NULL;
    do {
        if (strcmp(lane->first->key, key) == 0) return lane;
        lane = lane->next;
    } while (lane != l->turn);
    return NULL;
}

static struct lane *longest(const struct line *l)
{
    struct lane *best = l->turn;
    for (struct lane *lane = best->next; lane != l->turn; lane = lane->next)
        if (lane->count > best->count) best = lane;
    return best;
}

/* A new lane has its turn last. There is one: lanes are never more than who waits. */
static struct lane *new_lane(struct line *l)
{
    struct lane *lane = l->free;
    l->free           = lane->next;
    *lane             = (struct lane) { .next = lane, .previous = lane };
    if (!l->turn) {
        l->turn = lane;
        return lane;
    }
    lane->next           = l->turn;
    lane->previous       = l->turn->previous;
    lane->previous->next = lane;
    l->turn->previous    = lane;
    return lane;
}

static void drop_lane(struct line *l, struct lane *lane)
{
    if (l->turn == lane) l->turn = lane->next == lane ? NULL : lane->next;
    lane->previous->next = lane->next;
    lane->next->previous = lane->previous;
    lane->next           = l->free;
    l->free              = lane;
}

static struct waiting *take_first(struct line *l, struct lane *lane)
{
    struct waiting *w = lane->first;
    lane->first       = w->next;
    lane->count--;
    l->count--;
    w->next = NULL;
    if (!lane->first) drop_lane(l, lane);
    return w;
}

/* Of a lane with two at least. */
static struct waiting *take_last(struct line *l, struct lane *lane)
{
    struct waiting *w = lane->last, *before = lane->first;
    while (before->next != w) before = before->next;
    before->next = NULL;
    lane->last   = before;
    lane->count--;
    l->count--;
    return w;
}

/* ---- in and out ------------------------------------------------------------------------------------------------------------ */
struct waiting *line_add(struct line *l, struct waiting *w)
{
    struct waiting *out  = NULL;
    struct lane    *lane = find(l, w->key);
    if (l->count == l->most) {
        struct lane *loser = longest(l);
        if (loser->count <= (lane ? lane->count : 0) + 1) return w; /* it would be no better off than this one */
        out = take_last(l, loser);
    }
    if (!lane) lane = new_lane(l);
    w->next = NULL;
    if (lane->first)
        lane->last->next = w;
    else
        lane->first = w;
    lane->last = w;
    lane->count++;
    l->count++;
    return out;
}

struct waiting *line_take(struct line *l)
{
    struct lane *lane = l->turn;
    if (!lane) return NULL;
    l->turn = lane->next;
    return take_first(l, lane);
}

static struct lane *earliest(const struct line *l)
{
    struct lane *best = l->turn;
    if (!best) return NULL;
    for (struct lane *lane = best->next; lane != l->turn; lane = lane->next)
        if (lane->first->deadline < best->first->deadline) best = lane;
    return best;
}

struct waiting *line_take_late(struct line *l, gp_time now)
{
    struct lane *lane = earliest(l);
    return lane && lane->first->deadline <= now ? take_first(l, lane) : NULL;
}

gp_time line_deadline(const struct line *l)
{
    const struct lane *lane = earliest(l);
    return lane ? lane->first->deadline : 0;
}
