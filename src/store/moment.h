/* Where the host is: its local time of a moment. Reads the zone's file at the first call, unless tzset() was called before: a role
 * does that before it is locked in. */
#ifndef STORE_MOMENT_H
#define STORE_MOMENT_H

#include "store/within.h"

struct hours_moment moment_local(gp_time);
void                moment_put(struct gp_text *, gp_time); /* "2026-12-24 18:00" */

#endif
