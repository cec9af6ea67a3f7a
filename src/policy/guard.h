/* Who may have a password looked at: what stands between a guesser and the hashing. Asked with each secret that a client says, told
 * what came of it. It counts wrong ones
 *     of a pair (account and place) · of a place (an IPv4 address, an IPv6 /64) · of the networks around it (/24; /56, /48)
 *     of an account, from places where it never was · of the whole server, from such
 * each as a leaky bucket. Places that an account has signed in from have a bucket of their own for it and no other stands in their
 * way, so nobody can lock an owner out from elsewhere. A secret that was wrong there before counts no more. Nothing is said here to
 * clients: what is denied has to end as if it had been wrong. Pure: no clock, no store; memory once, at the start. */
#ifndef POLICY_GUARD_H
#define POLICY_GUARD_H

#include "policy/place.h"
#include "policy/repeats.h"
#include "policy/scores.h"

enum {
    GUARD_KEY          = 32, /* of which the tables use the first half */
    GUARD_OPEN_MOST    = 8,  /* secrets of one pair, place or account that are looked at at the same time              */
    GUARD_PAIR         = 10, /* wrong secrets for an account from one place where it never was, before it is full      */
    GUARD_KNOWN_PAIR   = 20, /* ... from one where it was                                                              */
    GUARD_SHARED_PAIR  = 200, /* ... and that speaks for others: somebody else there must not lock an owner out soon    */
    GUARD_NEAR         = 20, /* ... from all that are near one where it was: same /24 or /48                           */
    GUARD_PROOFS       = 3,  /* these three hold for each client that says proofs; all such clients together have so many times that */
    GUARD_NEW_NAME     = 3,  /* the first wrong one of a name counts as so many for the place and its networks          */
    GUARD_PER_GUEST    = 5,  /* more for a place, for each account that has signed in from there                       */
    GUARD_GUESTS_MOST  = 200,
    GUARD_NETWORK      = 4,  /* a /24 or /56 has so many times what a place has, ...                                   */
    GUARD_NETWORK_WIDE = 16, /* ... a /48 so many                                                                      */
    GUARD_SERVER       = 100, /* and all strangers together; beyond, each has a quarter of what it had                 */
    GUARD_SIEGE        = 4,
    GUARD_FREE_TRIES   = 3,  /* beyond, answers are slow                                                               */
    GUARD_STALE        = 5,  /* so often the same wrong secret is an old device, ...                                   */
    GUARD_STALE_SLOW   = 10, /* and so often it waits as long as any                                                   */
};

enum guard_tier { GUARD_STRANGE, GUARD_NEAR_KNOWN, GUARD_KNOWN }; /* has the account been here, or near? */
enum guard_level {
    GUARD_LEVEL_NONE, GUARD_LEVEL_PAIR, GUARD_LEVEL_KNOWN_PAIR, GUARD_LEVEL_ACCOUNT, GUARD_LEVEL_NEAR, GUARD_LEVEL_PLACE,
    GUARD_LEVEL_NETWORK, GUARD_LEVEL_WIDE, GUARD_LEVEL_SERVER, GUARD_LEVELS
};
struct guard_plan {
    unsigned per_account, per_place; /* wrong secrets that an account gets from strange places, that one place says, before it is full */
    gp_time  slowest;                /* the longest delay                                                                             */
    uint8_t  key[GUARD_KEY];         /* secret: nobody must be able to choose his place in the tables                                 */
};
struct guard;
struct guard *guard_open(const struct guard_plan *); /* NULL: no memory; 6 MB, touched as they fill       */
void          guard_close(struct guard *);           /* NULL is fine                                              */

struct guard_try {
    struct place    place;
    bool            apart;   /* no place, or one that speaks for others: it is not counted itself, nor made to wait */
    uint64_t        account; /* guard_name of its name                                                           */
    bool            nobody;  /* no name was said. One that no account has is counted like others, or it would show */
    enum guard_tier tier;
    unsigned        guests;  /* accounts that have signed in from this place, about                             */
    uint64_t        secret;  /* guard_secret; 0: it cannot be told from another                                  */
    bool            vague;   /* `secret` is only what looks alike, a client and its mechanism: it is counted each time */
};
uint64_t guard_name(const struct guard *, gp_str name); /* in the one spelling that all share */
/* Of this secret for this account from this place. */
uint64_t guard_secret(const struct guard *, const struct guard_try *, gp_secret);
struct place guard_place(const struct place *address); /* what is counted of an address: all of an IPv4 one, the /64 of an IPv6 one */

/* How long this one is to wait before it is asked for. The same for names that exist and those that do not, and for right and wrong. */
gp_time guard_delay(struct guard *, const struct guard_try *, gp_time now);

enum guard_word { GUARD_PASS, GUARD_DENY, GUARD_LATER }; /* LATER: too many at the same time; ask again in a moment */
struct guard_verdict {
    enum guard_word  word;
    enum guard_level level;  /* DENY: what is full                               */
    bool             bans;   /* DENY: `network` has earned a ban                 */
    struct place     network;
};
/* PASS: guard_settle has to follow, once, with the same try. */
struct guard_verdict guard_ask(struct guard *, const struct guard_try *, gp_time now);
enum guard_outcome { GUARD_RIGHT, GUARD_WRONG, GUARD_UNDECIDED };
/* How often this very secret was wrong, with this time; 0: that cannot be said. */
unsigned guard_settle(struct guard *, const struct guard_try *, enum guard_outcome, gp_time now);
/* How often something was seen, with this time, that is to be counted once: AUTH where it is not offered; a notice. */
unsigned guard_once(struct guard *, gp_str what, const struct guard_try *, gp_time now);
/* A signal without a secret: the place is charged. */
void        guard_charge(struct guard *, const struct guard_try *, gp_time now);
void        guard_forgive(struct guard *, const struct place *, gp_time now); /* its ban was taken back: what it used counts no more */

/* Over a restart. A guard of the same key takes back what another had counted, each count in its slot. */
struct guard_count { uint64_t table, slot, key; gp_time left; /* until it is empty again; below 0: it is */ };
/* Those that have changed since guard_kept; each says not OK to stop, which is the answer then. */
gp_status guard_changes(struct guard *, gp_time now, gp_status (*each)(void *owner, const struct guard_count *), void *owner) GP_MUST_USE;
bool      guard_has_changes(const struct guard *);
void      guard_kept(struct guard *);
void      guard_restore(struct guard *, const struct guard_count *, gp_time now); /* what cannot be is left out */
const char *guard_level_name(enum guard_level); /* "guard.account", as reports call it */

#endif
