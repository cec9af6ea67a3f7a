/* Passwords that were right a moment ago, so that a slow check does not run at every sign-in: keyed digests, under a key that dies with
 * the process, in locked memory, bounded in number and time. Pure but for its memory; time is passed in. */
#ifndef VAULT_RECENT_H
#define VAULT_RECENT_H

#include "base/base.h"

enum {
    RECENT_SETS = 1024,
    RECENT_WAYS = 4,
    RECENT_MS   = 10 * 60 * 1000, /* from the full check of our own; a hit does not lengthen it */
};

struct recent;
struct recent *recent_open(bool *locked); /* NULL: no memory; locked false: it might be swapped out */
void           recent_close(struct recent *);
bool           recent_has(const struct recent *, int64_t credential, gp_secret password, gp_time now);
void           recent_add(struct recent *, int64_t credential, gp_secret password, gp_time until);
void           recent_clear(struct recent *);

#endif
