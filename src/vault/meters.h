/* What is used up of limits, in memory: a meter for each account, credential, client address and for the server, read from the store
 * when it is first asked for and written behind within a second, many in one transaction. Of METERS_MOST the one that was used least
 * lately gives way; the store still has it. A crash forgets what was sent in the last second and nothing else. */
#ifndef VAULT_METERS_H
#define VAULT_METERS_H

#include "store/brakes.h"
#include "store/usage.h"

enum {
    METERS_MOST    = 16384, /* 400 octets each, as they are needed */
    METER_BUCKETS  = 4096,  /* a power of two                      */
    MEETINGS_MOST  = 16384, /* recipients that are not written yet: 16 octets each; a power of two */
};

struct brake_kept { /* of an account that has sent something (brake.c) */
    int64_t            account, credential;
    struct brake_state state;
    uint64_t           seen;     /* as rules_of */
    gp_time            released, stolen, told; /* released, stolen: the last ones that this knows of */
    bool               begins;   /* it is held, and that is not on record yet */
    char               why[BRAKE_WHY + 1], incident[16];
};
struct meter {
    struct brake_kept *brake;
    struct meter      *next; /* in its bucket */
    struct meter      *older, *younger;
    struct meter      *dirty_next;
    enum limit_scope   scope;
    int64_t            subject;
    bool               dirty;
    uint64_t           rules_of; /* the vault's `changes` when `own` was read, + 1; 0: never */
    int64_t            owner;    /* of a credential: whose it is; 0: not read yet */
    unsigned           sessions; /* of an account: signed in now; such a meter stays */
    struct own_limits *own;      /* NULL: it has none */
    struct limit_usage usage;
};
struct meeting { int64_t account, digest; }; /* account 0: an empty slot */
struct meters {
    struct meter  *buckets[METER_BUCKETS], *oldest, *youngest, *dirty;
    size_t         count, meeting_count;
    struct meeting meetings[MEETINGS_MOST];
    gp_time        aged;
};

struct vault;
/* NULL: the store could not be read, or no memory. */
struct meter *meter_of(struct vault *, enum limit_scope, int64_t subject);
/* Its own limits as the store has them now. account: whose the credential is. false: the store could not be read. */
bool          meter_read_own(struct vault *, struct meter *, int64_t account, int64_t credential) GP_MUST_USE;
void          meter_touched(struct vault *, struct meter *); /* its usage has changed */
void          meters_write(struct vault *);                  /* what has changed, to the store */
void          meters_close(struct vault *);

/* How many of these recipients (lines as in COMMIT) the account has not written to before; -1: the store could not be read. */
int64_t       meetings_new(struct vault *, int64_t account, gp_str recipients, gp_time now);
void          meetings_keep(struct vault *, int64_t account, gp_str recipients, gp_time now); /* it has now */

#endif
