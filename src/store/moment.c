/* The host's own time. */
#include "store/moment.h"

#include <time.h>

enum { MS_PER_SECOND = 1000, MINUTES_PER_HOUR = 60, DAYS_PER_WEEK = 7, YEAR_ZERO = 1900, YEAR_DIGITS = 4, DIGITS = 2 };

static struct tm local(gp_time when)
{
    struct tm tm      = { .tm_mday = 1 };
    time_t    seconds = (time_t)(when / MS_PER_SECOND);
    (void)localtime_r(&seconds, &tm);
    return tm;
}

struct hours_moment moment_local(gp_time when)
{
    struct tm tm = local(when);
    return (struct hours_moment) { .weekday = (unsigned)(tm.tm_wday + DAYS_PER_WEEK - 1) % DAYS_PER_WEEK,
                                   .minute  = (unsigned)(tm.tm_hour * MINUTES_PER_HOUR + tm.tm_min) };
}

void moment_put(struct gp_text *out, gp_time when)
{
    struct tm tm = local(when);
    gp_put_digits(out, (uint64_t)tm.tm_year + YEAR_ZERO, YEAR_DIGITS);
    gp_put_char(out, '-');
    gp_put_digits(out, (uint64_t)tm.tm_mon + 1, DIGITS);
    gp_put_char(out, '-');
    gp_put_digits(out, (uint64_t)tm.tm_mday, DIGITS);
    gp_put_char(out, ' ');
    gp_put_digits(out, (uint64_t)tm.tm_hour, DIGITS);
    gp_put_char(out, ':');
    gp_put_digits(out, (uint64_t)tm.tm_min, DIGITS);
}
