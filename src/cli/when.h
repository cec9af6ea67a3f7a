/* Dates and spans of time as people write them. Pure: what time it is now is told. */
#ifndef CLI_WHEN_H
#define CLI_WHEN_H

#include "base/base.h"

/* "90d": a number, and h, d, w or y (365 days). In milliseconds; at least one hour, at most 100 years. false: *why says what may stand there. */
bool span_read(gp_str, gp_time *out, const char **why);
/* "2026-12-31": the end of that day; "2026-12-31T18:30" or "...T18:30:00Z": that moment; all in UTC; or a span from now on. */
bool when_read(gp_str, gp_time now, gp_time *out, const char **why);
/* The same, but a span reaches back from now, and a date is the beginning of that day. */
bool since_read(gp_str, gp_time now, gp_time *out, const char **why);

#endif
