/* Turns are those of fair queueing: a newcomer's round is one after its source's last, and not before the round that is served now.
 * All is looked for one by one: the line is short, and what waits in it costs a thousand times as much. */
#include "vault/line.h"

#include <string.h>

static const uint64_t fnv_start = 0xcbf29ce484222325U, fnv_prime = 0x100000001b3U, spread = 0x9e3779b97f4a7c15U;

void line_init(struct line *l, unsigned most, uint64_t seed)
{
    memset(l, 0, sizeof(*l));
    l->most = most;
    l->seed = seed;
}

/* ---- who asks -------------------------------------------------------------------------------------------------------- */
uint64_t line_name(gp_str login)
{
    uint64_t hash = fnv_start;
    for (size_t i = 0; i < login.len; i++) hash = (hash ^ (unsigned char)login.ptr[i]) * fnv_prime;
    return hash;
}

/* ---- what is remembered of addresses ------------------------------------------------------------------------------------ */
static size_t set_of(const struct line *l, uint64_t address)
{
    enum { HALF = 32 };
    return (size_t)(((address ^ l->seed) * spread) >> HALF) % LINE_MEMORY_SETS;
}

static struct line_seen *find(struct line_seen set[static LINE_MEMORY_WAYS], uint64_t address)
{
    for (size_t i = 0; i < LINE_MEMORY_WAYS; i++)
        if (set[i].when && set[i].address == address) return &set[i];
    return NULL;
}

/* The place of that address; else the one that was seen last the longest ago, emptied. */
static struct line_seen *place_for(struct line_seen set[static LINE_MEMORY_WAYS], uint64_t address)
{
    struct line_seen *seen = find(set, address);
    if (seen) return seen;
    seen = &set[0];
    for (size_t i = 1; i < LINE_MEMORY_WAYS; i++)
        if (set[i].when < seen->when) seen = &set[i];
    *seen = (struct line_seen) { .address = address };
    return seen;
}

static unsigned wrongs_left(const struct line_seen *seen, gp_time now)
{
    gp_time halvings = (now - seen->when) / LINE_HALF_LIFE_MS;
    if (halvings <= 0) return seen->wrongs;
    return halvings < LINE_WRONGS_MOST / 2 ? seen->wrongs >> halvings : 0;
}

/* A right password forgives no wrong ones: who has an account of his own could guess at others' for ever. */
enum line_rank line_rank(const struct line *l, uint64_t address, gp_time now)
{
    struct line            *at    = (struct line *)l;
    const struct line_seen *wrong = find(at->wrong[set_of(l, address)], address);
    if (wrong && wrongs_left(wrong, now) >= LINE_WRONGS) return LINE_WRONG;
    const struct line_seen *right = find(at->right[set_of(l, address)], address);
    return right && now - right->when < LINE_RIGHT_MS ? LINE_KNOWN : LINE_NEW;
}

static void remember(struct line *l, uint64_t address, bool right, gp_time now)
{
    size_t            set  = set_of(l, address);
    struct line_seen *seen = place_for(right ? l->right[set] : l->wrong[set], address);
    if (!right) {
        unsigned left = wrongs_left(seen, now);
        seen->wrongs  = left < LINE_WRONGS_MOST ? left + 1 : left;
    }
    seen->when = now > 0 ? now : 1;
}

void line_note(struct line *l, uint64_t address, bool right, gp_time now)
{
    remember(l, address, right, now);
    for (struct line_place *p = l->oldest; p; p = p->next)
        if (p->address == address) p->rank = line_rank(l, address, now);
}

/* ---- the order ------------------------------------------------------------------------------------------------------------ */
static bool is_before(const struct line_place *a, const struct line_place *b)
{
    if (a->rank != b->rank) return a->rank < b->rank;
    return a->round != b->round ? a->round < b->round : a->order < b->order;
}

struct view { /* of the line, for a newcomer */
    unsigned           of_address, of_name;
    uint64_t           round;
    struct line_place *last, *last_of_name; /* NULL: none */
};

static void see(struct view *v, struct line_place *p, const struct line_place *newcomer)
{
    bool same_address = p->address == newcomer->address, same_name = p->name == newcomer->name;
    if (!v->last || is_before(v->last, p)) v->last = p;
    if (same_name && (!v->last_of_name || is_before(v->last_of_name, p))) v->last_of_name = p;
    if ((same_address || same_name) && p->round > v->round) v->round = p->round;
    v->of_address += same_address;
    v->of_name += same_name;
}

static struct line_place *later_of(struct line_place *a, struct line_place *b)
{
    return a && is_before(b, a) ? a : b;
}

static unsigned share_of(const struct line *l, enum line_rank rank)
{
    unsigned share = l->most / (rank == LINE_WRONG ? LINE_WRONG_SHARE : LINE_SHARE);
    return share ? share : 1;
}

/* Many who attack one account from everywhere keep its owner out only where he was never right. */
static struct line_place *who_gives_way(const struct line *l, const struct view *v, struct line_place *newcomer)
{
    if (l->most == 0 || v->of_address >= share_of(l, newcomer->rank)) return newcomer;
    if (v->of_name >= share_of(l, LINE_NEW)) return later_of(v->last_of_name, newcomer);
    return l->count >= l->most ? later_of(v->last, newcomer) : NULL;
}

static void link_newest(struct line *l, struct line_place *p)
{
    p->next     = NULL;
    p->previous = l->newest;
    if (l->newest)
        l->newest->next = p;
    else
        l->oldest = p;
    l->newest = p;
    l->count++;
}

struct line_place *line_enter(struct line *l, struct line_place *newcomer, gp_time now)
{
    struct view v  = { .round = l->round };
    newcomer->rank = line_rank(l, newcomer->address, now);
    for (struct line_place *p = l->oldest; p; p = p->next) see(&v, p, newcomer);
    newcomer->round         = v.round + 1;
    newcomer->order         = l->orders++;
    struct line_place *gone = who_gives_way(l, &v, newcomer);
    if (gone == newcomer) return gone;
    if (gone) line_leave(l, gone);
    link_newest(l, newcomer);
    return gone;
}

void line_leave(struct line *l, struct line_place *p)
{
    *(p->previous ? &p->previous->next : &l->oldest) = p->next;
    *(p->next ? &p->next->previous : &l->newest)     = p->previous;
    p->next = p->previous = NULL;
    l->count--;
}

struct line_place *line_serve(struct line *l)
{
    struct line_place *first = l->oldest;
    if (!first) return NULL;
    bool for_the_oldest = l->turns++ % LINE_OLDEST_EVERY == LINE_OLDEST_EVERY - 1;
    for (struct line_place *p = first; p && !for_the_oldest; p = p->next)
        if (is_before(p, first)) first = p;
    if (first->round > l->round && !for_the_oldest) l->round = first->round;
    line_leave(l, first);
    return first;
}
