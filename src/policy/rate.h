/* How much of something in how much time: "100/hour burst 30, 500/day". Each rate is a GCRA (a leaky bucket kept as one moment): at once
 * as much as the burst, and then as fast as the rate. Pure: no clock, no memory of its own; the caller keeps a struct rate_state for
 * each rate and subject, and says what time it is. Times are gp_time; a clock that goes back makes nobody wait longer than the
 * burst is worth. */
#ifndef POLICY_RATE_H
#define POLICY_RATE_H

#include "base/base.h"

enum { RATES_MOST = 4, RATE_TEXT = 64 };
#define RATE_COUNT_MOST ((uint64_t)1 << 40)

struct rate {
    uint64_t count, burst; /* burst: how many at once; count, unless it was said */
    gp_time  per;          /* ms */
};
struct rates { struct rate list[RATES_MOST]; size_t count; }; /* all of them hold; none: no limit */
struct rate_state { int64_t until; gp_time warned; }; /* until: microseconds; when nothing is used up any more. 0, 0: nothing is */

/* "N/minute|hour|day [burst N]", several with commas; "none". N may have K, M or G behind it (1024s). false: *why says what is wrong. */
bool rates_read(gp_str text, struct rates *, const char **why) GP_MUST_USE;
void rates_put(struct gp_text *, const struct rates *); /* reads back the same */
void rate_put(struct gp_text *, const struct rate *);   /* "100/hour burst 30" */

/* How many fit now; of one that is not limited UINT64_MAX. */
uint64_t rate_left(const struct rate *, const struct rate_state *, gp_time now);
uint64_t rate_used(const struct rate *, const struct rate_state *, gp_time now); /* of the burst, rounded up */
/* 0: `cost` fits now; else how many ms until it does; -1: it is more than the burst, and never does. */
gp_time  rate_wait(const struct rate *, const struct rate_state *, uint64_t cost, gp_time now);
void     rate_charge(const struct rate *, struct rate_state *, uint64_t cost, gp_time now);
/* Is four fifths of it used, and was that not said within the rate's period? It counts as said then. */
bool     rate_warns(const struct rate *, struct rate_state *, gp_time now);

/* "2 minutes", "an hour": how long a client is told to wait, rounded up. */
void wait_put(struct gp_text *, gp_time ms);

#endif
