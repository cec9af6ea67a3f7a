/* When an issuer's keys are fetched: by the clock, and when somebody needs keys that are not here.
 *
 *   state     have   failed   next by itself            a demand fetches
 *   NONE      no     -        never: breaker asks       once a second
 *   FRESH     yes    no       refresh after the last    once a minute; the first since there are keys at once
 *   STALE     yes    yes      a minute after the last   once a minute
 */
#include "lookup/provider.h"

enum { PAUSE_MS = 60 * LOOKUP_MS, FIRST_PAUSE_MS = LOOKUP_MS };

gp_time key_clock_next(const struct key_clock *c)
{
    if (!c->have) return -1; /* the breaker says how often it is worth a try */
    return c->tried + (c->failed ? PAUSE_MS : c->refresh);
}

bool key_clock_demand(struct key_clock *c, gp_time now)
{
    if (c->asked && now < c->demanded + (c->have ? PAUSE_MS : FIRST_PAUSE_MS)) return false;
    c->asked    = true;
    c->demanded = now;
    return true;
}

/* That the first keys were asked for is no reason to keep a new key waiting. */
void key_clock_fetched(struct key_clock *c, bool good, gp_time now)
{
    if (good && !c->have) c->asked = false;
    c->have   = c->have || good;
    c->failed = !good;
    c->tried  = now;
}
