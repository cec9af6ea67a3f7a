/* What accounts.db keeps for limits: how much of each rate is used up, an account's own limits, and keyed digests of whom an account has
 * written to. The vault has the usage in memory and writes it behind; commands read it, and set the limits. Calls belong to the
 * thread that opened the store. */
#ifndef STORE_USAGE_H
#define STORE_USAGE_H

#include "policy/limits.h"
#include "store/accounts.h"

enum { USAGE_KNOWN_MOST = 20000 /* recipients remembered of an account */, USAGE_KNOWN_DAYS = 365 };

/* ---- usage; subject: the account, the credential, a digest of the address, 0 for the server ------------------------------- */
gp_status usage_load(struct accounts *, enum limit_scope, int64_t subject, struct limit_usage *) GP_MUST_USE; /* none: all 0 */
gp_status usage_put(struct accounts *, enum limit_scope, int64_t subject, const struct limit_usage *) GP_MUST_USE; /* in a transaction */
/* What says nothing any more goes, and recipients of an account beyond the bound, the oldest first; a transaction of its own. */
gp_status usage_age(struct accounts *, gp_time now) GP_MUST_USE;

/* ---- whom an account has written to ------------------------------------------------------------------------------------------ */
/* Of the address in lower case, under a key: the store alone does not tell whom somebody writes to. */
int64_t   usage_digest(gp_str key, gp_str address);
gp_status usage_knows(struct accounts *, int64_t account, int64_t digest, gp_time now, bool *stale) GP_MUST_USE; /* stale: should be met again */
gp_status usage_meet(struct accounts *, int64_t account, int64_t digest, gp_time now) GP_MUST_USE; /* in a transaction */

/* ---- limits of its own; credential 0: the account's ---------------------------------------------------------------------------- */
struct own_limits {
    struct limit_rules rules;
    bool               has[LIMIT_THINGS], has_sessions; /* those that it has; the others are the configuration's */
    unsigned           sessions;
};
/* A credential's are its own, whichever account it speaks for. */
gp_status own_limits_load(struct accounts *, int64_t account, int64_t credential, struct own_limits *) GP_MUST_USE;
/* The usual rules, but where there are own ones; own NULL: none. `room` is for what it returns. */
const struct limit_rules *own_limits_over(const struct own_limits *, const struct limit_rules *usual, struct limit_rules *room);
/* One transaction with its row of the audit. `what` is a thing's name, or "sessions". PERMFAIL: *why. */
gp_status own_limit_set(struct accounts *, int64_t account, int64_t credential, gp_str what, gp_str value, const char **why) GP_MUST_USE;
gp_status own_limit_clear(struct accounts *, int64_t account, int64_t credential, gp_str what, const char **why) GP_MUST_USE; /* "": all */

#endif
