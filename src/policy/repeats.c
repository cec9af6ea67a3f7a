/* A set-associative table; what was said often stays longest. */
#include "policy/repeats.h"

enum { MANY = 1000000000 };

static const gp_time remembered = (gp_time)48 * 3600 * 1000; /* since it was said last */

static struct repeat *set_of(const struct repeats *r, uint64_t key)
{
    return &r->rows[key % r->sets * REPEATS_WAYS];
}

static struct repeat *find(const struct repeats *r, uint64_t key, gp_time now)
{
    struct repeat *set = set_of(r, key);
    for (size_t i = 0; i < REPEATS_WAYS; i++)
        if (set[i].last && set[i].key == key && now - set[i].last < remembered) return &set[i];
    return NULL;
}

unsigned repeats_seen(const struct repeats *r, uint64_t key, gp_time now)
{
    const struct repeat *seen = find(r, key, now);
    return seen ? seen->count : 0;
}

static bool is_less(const struct repeat *a, const struct repeat *b, gp_time now)
{
    bool a_often = a->count > 1 && now - a->last<remembered, b_often = b->count> 1 && now - b->last < remembered;
    return a_often != b_often ? b_often : a->last < b->last;
}

unsigned repeats_add(struct repeats *r, uint64_t key, gp_time now)
{
    struct repeat *seen = find(r, key, now), *set = set_of(r, key);
    if (!seen) {
        seen = set;
        for (size_t i = 1; i < REPEATS_WAYS; i++)
            if (is_less(&set[i], seen, now)) seen = &set[i];
        *seen = (struct repeat) { .key = key };
    }
    seen->last = now > 0 ? now : 1;
    if (seen->count < MANY) seen->count++;
    return seen->count;
}

bool repeats_drop(struct repeats *r, uint64_t key, gp_time now)
{
    struct repeat *seen = find(r, key, now);
    if (seen) *seen = (struct repeat) { .last = 0 };
    return seen != NULL;
}
