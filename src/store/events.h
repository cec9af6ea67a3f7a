/* How far each receiver of events has got in the queue's audit, whose rows are the events: so that one is kept in the transaction of what it tells, in
 * the order of the chain, and costs nothing twice. Called by role queue on its loop. Never logs. */
#ifndef STORE_EVENTS_H
#define STORE_EVENTS_H

#include "base/base.h"
#include "store/database.h"

enum { EVENTS_CHAIN_ROOM = 17 }; /* a chain's name in hex, with NUL */

extern const char events_schema[]; /* a script of queue.db */
/* The row after which a receiver goes on; one that is new begins with what is still to come. */
gp_status events_begin(struct database *, const char *receiver, int64_t *seq) GP_MUST_USE;
/* It has taken all up to that row. */
gp_status events_reached(struct database *, const char *receiver, int64_t seq) GP_MUST_USE;
/* What tells this database's rows from those of any other. */
gp_status events_chain(struct database *, char out[static EVENTS_CHAIN_ROOM]) GP_MUST_USE;

#endif
