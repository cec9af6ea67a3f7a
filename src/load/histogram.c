/* Durations, counted in buckets that widen with what they hold; and choices by weight. */
#include "load/load.h"

enum { ONE_WIDE = 2 * HISTOGRAM_FINE }; /* buckets of one microsecond */

/* The first 128 buckets are one microsecond wide, then each 64 are twice as wide as those before. */
static size_t bucket_of(uint64_t micros)
{
    unsigned shift = 0;
    while (micros >> shift >= ONE_WIDE) shift++;
    size_t at = (size_t)shift * HISTOGRAM_FINE + (size_t)(micros >> shift);
    return at < HISTOGRAM_BUCKETS ? at : HISTOGRAM_BUCKETS - 1;
}

/* The last microsecond that a bucket holds. */
static int64_t end_of(size_t bucket)
{
    size_t shift = bucket < ONE_WIDE ? 0 : bucket / HISTOGRAM_FINE - 1;
    return (int64_t)((((uint64_t)(bucket - shift * HISTOGRAM_FINE) + 1) << shift) - 1);
}

void histogram_add(struct histogram *h, int64_t micros)
{
    if (micros < 0) micros = 0;
    h->counts[bucket_of((uint64_t)micros)]++;
    h->count++;
    if (micros > h->most) h->most = micros;
}

int64_t histogram_at(const struct histogram *h, double share)
{
    uint64_t rank = (uint64_t)(share * (double)h->count + 0.999999), seen = 0;
    if (h->count == 0) return 0;
    if (rank < 1) rank = 1;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->counts[i];
        if (seen >= rank) return end_of(i) < h->most ? end_of(i) : h->most;
    }
    return h->most;
}

/* Each gains its weight, who has most is taken and pays all weights: evenly spread, and the same in each run. */
size_t load_mix_next(struct load_mix *m)
{
    size_t  best = 0;
    int64_t all  = 0;
    for (size_t i = 0; i < m->count; i++) {
        m->items[i].credit += m->items[i].weight;
        all += m->items[i].weight;
        if (m->items[i].credit > m->items[best].credit) best = i;
    }
    m->items[best].credit -= all;
    return best;
}
