/* What the rooms of the queue's store share; for store/queue*.c alone. */
#ifndef STORE_QUEUE_PARTS_H
#define STORE_QUEUE_PARTS_H

#include <dirent.h>

#include "store/queue.h"

enum { FILES_TO_DROP_MOST = 256, FILES_KEPT_MOST = 2048 };

struct queue_store {
    struct database   *db;
    struct transaction transaction;
    int                folder, bodies; /* descriptors */
    DIR               *swept;  /* a sweep is under way */
    char               to_drop[FILES_TO_DROP_MOST][QUEUE_ID_MOST + 1]; /* files whose rows this transaction removed */
    size_t             drop_count;     /* beyond the bound the sweep takes them */
    char               kept[FILES_KEPT_MOST][QUEUE_ID_MOST + 1]; /* bodies made durable for rows of this transaction; so bounded */
    size_t             kept_count, doubtful; /* the first of them are of transactions whose end is not known */
};

void queue_files_committed(struct queue_store *);
void queue_files_abandoned(struct queue_store *);

extern const char queue_turns[], queue_priorities[], queue_ends[], queue_routed[]; /* scripts of queue.db */
/* What has a priority: its destinations, as if all of it were due; and *due, where the next of it is due before that. PERMFAIL: *due is none. */
gp_status queue_visit_apart(struct queue_store *, void (*each)(void *, gp_str, gp_time), void *owner) GP_MUST_USE;
gp_status queue_time_apart(struct queue_store *, gp_str destination, gp_time now, gp_time *due) GP_MUST_USE;
/* Of the rows (message, position), those of the first message that are not skipped. PERMFAIL: none. */
gp_status queue_take_due(struct queue_store *, struct rows *, queue_skip *, void *owner, struct queue_due *) GP_MUST_USE;

#endif
