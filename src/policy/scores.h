/* How much of an allowance is used up, by key: a leaky bucket for each, in a table of bounded size whose memory is the caller's. A
 * bucket is one moment, that at which it will be empty again. A key that finds its set full takes the place of the least of it, and
 * with it what that one had used, at most half of the allowance: who floods the table cleans nobody, and gets nobody refused who has
 * done nothing. Keys are digests under a secret, so that nobody can choose whose set he falls into. Pure; time is passed in. */
#ifndef POLICY_SCORES_H
#define POLICY_SCORES_H

#include "base/base.h"

enum { SCORES_WAYS = 8 };

struct score {
    uint64_t key;
    gp_time  empty; /* when all of it will be allowed again; 0: a free place */
    unsigned open;  /* being looked at: they may turn out to count           */
    bool     changed; /* and not yet kept where a restart finds it: whose the table is sees to that */
};
struct scores {
    struct score *rows;
    size_t        sets;
};
struct allowance {
    unsigned units;
    gp_time  regain; /* how long it takes until one of them is there again */
};
struct score *scores_at(struct scores *, uint64_t key, const struct allowance *, gp_time now); /* which is there from now on */
struct score *scores_find(const struct scores *, uint64_t key);                                /* NULL: it has used nothing  */

unsigned score_used(const struct score *, const struct allowance *, gp_time now); /* rounded up */
bool     score_has_room(const struct score *, const struct allowance *, unsigned units, gp_time now);
void     score_charge(struct score *, const struct allowance *, unsigned units, gp_time now); /* never beyond full */
void     score_refund(struct score *, const struct allowance *, unsigned units);

#endif
