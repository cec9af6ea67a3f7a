/* What the rooms of the queue's store share; for store/queue*.c alone. */
#ifndef STORE_QUEUE_PARTS_H
#define STORE_QUEUE_PARTS_H

#include "store/queue.h"

enum { FILES_TO_DROP_MOST = 256 };

struct queue_store {
    struct database   *db;
    struct transaction transaction;
    int                folder, bodies; /* descriptors */
    char               to_drop[FILES_TO_DROP_MOST][QUEUE_ID_MOST + 1]; /* files whose rows this transaction removed */
    size_t             drop_count;     /* beyond the bound the sweep takes them */
};

extern const char queue_turns[]; /* a script of queue.db */
/* Of the rows (message, position), those of the first message that are not skipped. PERMFAIL: none. */
gp_status queue_take_due(struct queue_store *, struct rows *, queue_skip *, void *owner, struct queue_due *) GP_MUST_USE;

#endif
