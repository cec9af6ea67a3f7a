/* When to leave a source alone.
 *
 *   state    asked                              becomes
 *   CLOSED   all                                OPEN after failures_most failures in a row, or when tripped
 *   OPEN     none before `until`                PROBING with the first question after it
 *   PROBING  none but the probe                 CLOSED when the probe is answered; OPEN, for twice as long, when it is not
 *
 * Any good answer closes it, also a late one from before. Late failures of questions from before say nothing new. */
#include "lookup/parts.h"

bool breaker_lets(struct breaker *b, bool can_start, gp_time now)
{
    if (b->state == BREAKER_CLOSED) return true;
    if (b->state == BREAKER_PROBING || !can_start || now < b->until) return false;
    b->state = BREAKER_PROBING;
    return true;
}

static enum breaker_change open_for(struct breaker *b, gp_time pause, gp_time now)
{
    b->pause = pause < b->pause_most ? pause : b->pause_most;
    b->until = now + b->pause;
    b->state = BREAKER_OPEN;
    return BREAKER_OPENED;
}

enum breaker_change breaker_result(struct breaker *b, bool good, bool probe, gp_time now)
{
    const enum breaker_state was = b->state;
    if (good) {
        b->failures = 0;
        b->state    = BREAKER_CLOSED;
        return was == BREAKER_CLOSED ? BREAKER_SAME : BREAKER_MENDED;
    }
    if (was == BREAKER_PROBING && probe) {
        (void)open_for(b, b->pause * 2, now);
        return BREAKER_SAME; /* that it is open has been said */
    }
    if (was != BREAKER_CLOSED || ++b->failures < b->failures_most) return BREAKER_SAME;
    return open_for(b, b->pause_least, now);
}

enum breaker_change breaker_trip(struct breaker *b, gp_time now)
{
    return b->state == BREAKER_CLOSED ? open_for(b, b->pause_least, now) : BREAKER_SAME;
}
