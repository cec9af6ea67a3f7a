/* Reports and notices of gatepost's own that failed for good, of which nobody else hears: how many, and the last of them, in queue.db. In the caller's
 * transaction. Never logs. */
#ifndef STORE_LOST_H
#define STORE_LOST_H

#include "base/base.h"
#include "store/queue.h"

struct database;

enum { LOST_REASON = 256 };
struct lost_reports {
    int64_t count;
    gp_time last;
    char    queue_id[QUEUE_ID_MOST + 1]; /* of the last one, and what was said to it */
    char    reason[LOST_REASON];
};
extern const char lost_schema[]; /* a script of queue.db */
gp_status lost_add(struct database *, gp_time now, gp_str queue_id, gp_str reason) GP_MUST_USE;
/* PERMFAIL: none was ever. */
gp_status lost_get(struct database *, struct lost_reports *) GP_MUST_USE;

#endif
