/* The audit trail of the queue: rows that commit in the same transaction as what they record, each carrying the hash of the row
 * before it, so that a change, a removal or a new order shows. Called by store/queue and by commands, on the thread that owns the
 * database; slices given to a visitor live until it returns. Never opens a transaction of its own. */
#ifndef STORE_AUDIT_H
#define STORE_AUDIT_H

#include "base/base.h"
#include "store/database.h"

enum { AUDIT_HASH = 32, AUDIT_DATA_MOST = 4096 };

extern const char audit_schema[]; /* part of the database's first script */

struct audit_field {
    const char *key; /* NULL ends the list */
    gp_str      text;
    int64_t     number;
    bool        is_number;
};
#define AUDIT_S(name, slice) { (name), (slice), 0, false }
#define AUDIT_Z(name, z)     { (name), gp_from(z), 0, false }
#define AUDIT_N(name, value) { (name), { NULL, 0 }, (int64_t)(value), true }

/* One row; what is told becomes a JSON object. Within a transaction that holds the write lock. An AUDIT_S of GP_NONE is left out. */
gp_status audit_add(struct database *, gp_time when, const char *event, gp_str queue_id, const struct audit_field *) GP_MUST_USE;
#define AUDIT(db, when, event, queue_id, ...)                                                                          \
    audit_add((db), (when), (event), (queue_id), (const struct audit_field[]){ __VA_ARGS__, { NULL, { NULL, 0 }, 0, false } })

struct audit_row {
    int64_t seq;
    gp_time when;
    gp_str  event, queue_id, data; /* data: a JSON object */
};
/* Oldest first; queue_id NULL ptr: all. */
gp_status audit_visit(struct database *, gp_str queue_id, void (*row)(void *owner, const struct audit_row *), void *owner) GP_MUST_USE;

struct audit_fault {
    int64_t     seq; /* of the row where the chain does not hold */
    const char *what;
    int64_t     rows; /* that were read */
};
/* OK: whole; PERMFAIL: altered, see fault; TEMPFAIL: cannot be read. */
gp_status audit_verify(struct database *, struct audit_fault *) GP_MUST_USE;

#endif
