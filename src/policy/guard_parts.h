/* Inside of the guard: its tables, which guard.c counts in and guard_keep.c carries over a restart. */
#ifndef POLICY_GUARD_PARTS_H
#define POLICY_GUARD_PARTS_H

#include "policy/guard.h"

enum {
    GUARD_MINUTE_MS = 60 * 1000,
    TRIES_UNITS     = 64,
    TRY_REGAIN      = 2 * GUARD_MINUTE_MS,
    REGAIN          = 12 * 60 * GUARD_MINUTE_MS, /* of all that an account, place or pair has */
    CHANGES_MOST    = 8192, /* counts that are not kept yet: 8 octets each; those beyond are kept when they change once more */
};

struct guard_change { uint32_t table, slot; };
enum table { PAIRS, KNOWN_PAIRS, ACCOUNTS, PLACES, NETWORKS, TRIES, TABLES, SERVER = TABLES };
struct guard {
    struct guard_plan plan;
    struct scores     tables[TABLES];
    struct repeats    repeats; /* secrets that were wrong, and of which names some were, by place                          */
    struct repeats    heard;   /* secrets that were said and were not right, looked at or not: for the delays, which can be seen */
    struct score      server;
    struct guard_change changes[CHANGES_MOST];
    size_t            change_count;
};
/* table NULL: the server's. */
void guard_changed(struct guard *, const struct scores *table, struct score *);

#endif
