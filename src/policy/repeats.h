/* Wrong secrets that were wrong before: an old phone says the same one for weeks, a guesser never does. What is kept is a keyed digest
 * of whose it is, where it was said and what it is, so nothing can be learnt from the memory. Bounded: a set that is full loses what
 * was said once before what was said often. Pure; time is passed in. */
#ifndef POLICY_REPEATS_H
#define POLICY_REPEATS_H

#include "base/base.h"

enum { REPEATS_WAYS = 8 };

struct repeat {
    uint64_t key;
    gp_time  last; /* 0: a free place */
    unsigned count;
};
struct repeats {
    struct repeat *rows;
    size_t         sets;
};
unsigned repeats_seen(const struct repeats *, uint64_t key, gp_time now); /* how often it was said so far; long ago is never */
bool     repeats_drop(struct repeats *, uint64_t key, gp_time now);       /* as if it had never been said; true: it had      */
unsigned repeats_add(struct repeats *, uint64_t key, gp_time now);        /* how often with this time                       */

#endif
