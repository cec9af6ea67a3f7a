/* Networks and addresses from which nobody is believed: those that an administrator named, and those that the guard shut out for a
 * time. What is kept in accounts.db is kept here to be asked at every sign-in. Bounded; the memory is the caller's. Pure. */
#ifndef POLICY_BANS_H
#define POLICY_BANS_H

#include "policy/place.h"

enum { BANS_MOST = 4096, BANS_REMEMBER_DAYS = 30 };

struct ban {
    struct place place;
    bool         manual;
    gp_time      made, until; /* wall time; until 0: as long as nobody takes it back                           */
    unsigned     offences;    /* automatic: how often, each within BANS_REMEMBER_DAYS of the end of the one before */
};
struct bans { /* in order, without doubles */
    struct ban list[BANS_MOST];
    size_t     count;
    unsigned   with[PLACE_BITS + 1]; /* how many have so many bits: others are not looked for */
};
/* Takes the place of the one there is for it. When there is no room, of the automatic one that ends first; false: there is none. */
bool              bans_put(struct bans *, const struct ban *);
const struct ban *bans_at(const struct bans *, const struct place *); /* for exactly that one, in force or not */
/* What is in force for this address: manual ones first. NULL: none. */
const struct ban *bans_on(const struct bans *, const struct place *, gp_time now);
/* What of those that no administrator made does not hold: where an account was, or for those who speak for others, none does; near a place
 * where it was none of a network does, since those who were banned first may well be its neighbours. */
enum ban_spares { BAN_SPARES_NONE, BAN_SPARES_NETWORKS, BAN_SPARES_ALL };
/* The one that keeps this address from having a password looked at. NULL: none. */
const struct ban *bans_against(const struct bans *, const struct place *, enum ban_spares, gp_time now);
/* The ban that the guard is about to make: longer each time, from `first`. */
struct ban        ban_next(const struct bans *, const struct place *, gp_time first, gp_time now);

#endif
