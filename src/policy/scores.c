/* A bucket is the moment at which it is empty: what drips out needs no work. */
#include "policy/scores.h"

static struct score *set_of(const struct scores *s, uint64_t key)
{
    return &s->rows[key % s->sets * SCORES_WAYS];
}

struct score *scores_find(const struct scores *s, uint64_t key)
{
    struct score *set = set_of(s, key);
    for (size_t i = 0; i < SCORES_WAYS; i++)
        if (set[i].empty && set[i].key == key) return &set[i];
    return NULL;
}

/* One that is being looked at stays, unless all are. */
static bool is_less(const struct score *a, const struct score *b)
{
    if ((a->open == 0) != (b->open == 0)) return a->open == 0;
    return a->empty < b->empty;
}

static gp_time whole(const struct allowance *a, unsigned units)
{
    return a->regain * units;
}

struct score *scores_at(struct scores *s, uint64_t key, const struct allowance *a, gp_time now)
{
    struct score *found = scores_find(s, key);
    if (found) return found;
    struct score *set = set_of(s, key), *least = set;
    for (size_t i = 1; i < SCORES_WAYS; i++)
        if (is_less(&set[i], least)) least = &set[i];
    gp_time most  = now + whole(a, a->units) / 2;
    gp_time empty = least->empty < most ? least->empty : most;
    *least        = (struct score) { .key = key, .empty = empty > now ? empty : now };
    return least;
}

static gp_time left(const struct score *s, gp_time now)
{
    return s->empty > now ? s->empty - now : 0;
}

unsigned score_used(const struct score *s, const struct allowance *a, gp_time now)
{
    return (unsigned)((left(s, now) + a->regain - 1) / a->regain);
}

bool score_has_room(const struct score *s, const struct allowance *a, unsigned units, gp_time now)
{
    return left(s, now) + whole(a, units) <= whole(a, a->units);
}

void score_charge(struct score *s, const struct allowance *a, unsigned units, gp_time now)
{
    gp_time full = now + whole(a, a->units);
    s->empty     = now + left(s, now) + whole(a, units);
    if (s->empty > full) s->empty = full;
}

void score_refund(struct score *s, const struct allowance *a, unsigned units)
{
    gp_time back = whole(a, units);
    s->empty     = s->empty > back ? s->empty - back : 1;
}
