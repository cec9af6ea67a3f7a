/* What a sender may know of his own mail: of what waits, from the queue; of what is done, from the audit, as long as that is kept. Every question
 * names whose mail it is about, and the mail of others is not there. Called by role queue; each answer is a page, so nothing grows. Slices given
 * to a visitor live until it returns. Never logs. */
#ifndef STORE_MINE_H
#define STORE_MINE_H

#include "store/queue.h"

extern const char mine_schema[]; /* a script of queue.db */

struct mine_scope { int64_t account, credential; }; /* credential: only what that one sent; 0: all of the account's */

struct mine_message {
    char    queue_id[QUEUE_ID_MOST + 1];
    int64_t place;                 /* where the next page goes on                                          */
    int64_t row;                   /* in the queue; 0: it is done                                          */
    gp_time arrived, release;      /* release: its sender holds it back until then; 0: he does not         */
    gp_str  sender, envid;         /* until the visitor returns; "" where that was erased                  */
    int64_t recipients, waiting, held; /* waiting, held: of them                                           */
};
typedef bool mine_visit(void *owner, const struct mine_message *); /* false: enough */

/* PERMFAIL: there is none, or it is not his. */
gp_status mine_find(struct queue_store *, const struct mine_scope *, gp_str queue_id, mine_visit *, void *owner) GP_MUST_USE;
/* Those in the queue behind the place `after`, oldest first. *after: where to go on; 0: that was all. */
gp_status mine_list(struct queue_store *, const struct mine_scope *, int64_t *after, mine_visit *, void *owner) GP_MUST_USE;
/* What was accepted from him, in the queue or done, the newest first: all, or what he called so (as it was said; GP_NONE: all). A page may be empty and
 * not the last: it is what a number of rows had. */
gp_status mine_recent(struct queue_store *, const struct mine_scope *, gp_str envid, int64_t *after, mine_visit *, void *owner) GP_MUST_USE;

/* What became of the recipients of one that is done, row by row. Each returns false where it has no room. *after: as above. */
struct mine_end { gp_str to, event, status, remote, tls, reply; gp_time when; int64_t code, attempts; };
gp_status mine_ends(struct queue_store *, gp_str queue_id, int64_t *after, bool (*each)(void *owner, const struct mine_end *), void *owner) GP_MUST_USE;

#endif
