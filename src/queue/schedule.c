/* When to try again: the table of waiting times, spread a little, cut at the delay notice and at the end of life. */
#include "queue/parts.h"

enum { JITTER_SHARE = 8 };

static gp_time step_after(const struct config *c, unsigned failures)
{
    enum { FALLBACK = 15 * 60 };
    if (!c->queue.retry_count) return (gp_time)FALLBACK * SECOND;
    size_t index = failures ? failures - 1 : 0;
    if (index >= c->queue.retry_count) index = c->queue.retry_count - 1;
    return (gp_time)c->queue.retries[index] * SECOND;
}

/* The finaliser of splitmix64: neighbours end far apart. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

/* RFC 5321 4.5.4.1: what failed together must not come back together. */
static gp_time jitter(gp_time step, uint64_t seed, unsigned attempts)
{
    uint64_t span = (uint64_t)step / JITTER_SHARE;
    return span ? (gp_time)(mix(seed * UINT64_C(0x9e3779b97f4a7c15) + attempts) % span) : 0;
}

static gp_time earlier(gp_time a, gp_time b)
{
    return a < b ? a : b;
}

static struct schedule_step within_life(const struct config *c, gp_time arrived, gp_time now, gp_time notice_at,
                                        gp_time due)
{
    gp_time dies = arrived + (gp_time)c->queue.lifetime * SECOND;
    if (now >= dies) return (struct schedule_step) { .give_up = true, .due = now };

    struct schedule_step next = { .due = earlier(due, dies) };
    if (!notice_at) return next;
    next.notice = now >= notice_at;
    if (!next.notice) next.due = earlier(next.due, notice_at);
    return next;
}

struct schedule_step schedule_next(const struct config *c, unsigned attempts, gp_time arrived, gp_time now,
                                   gp_time notice_at, uint64_t seed)
{
    gp_time step = step_after(c, attempts);
    return within_life(c, arrived, now, notice_at, now + step + jitter(step, seed, attempts));
}

/* As many failures as there would have been by now. */
static unsigned failures_at(const struct config *c, gp_time age)
{
    unsigned failures = 1;
    while (failures < c->queue.retry_count && (age -= step_after(c, failures)) >= 0) failures++;
    return failures;
}

struct schedule_step schedule_shared(const struct config *c, gp_time arrived, gp_time now, gp_time again, bool others,
                                     gp_time notice_at, uint64_t seed)
{
    gp_time wait = again > now ? again - now : 0, own = step_after(c, failures_at(c, now - arrived));
    if (others && own > wait) wait = own;
    return within_life(c, arrived, now, notice_at, now + wait + jitter(wait, seed, 0));
}

gp_time schedule_waits(const struct config *c, unsigned attempts, gp_time now, uint64_t seed)
{
    gp_time step = step_after(c, attempts);
    return now + step + jitter(step, seed, attempts);
}

gp_time schedule_suspension(const struct config *c, unsigned failures)
{
    return earlier(step_after(c, failures) / 2, SUSPENSION_MOST);
}

bool schedule_rests(gp_time until, gp_time most, gp_time now)
{
    return now < until && until - now <= most;
}
