/* Does an account send as if somebody else had it? A score of what changes when a password is stolen: another place, client name or
 * mechanism; more than it ever sent; to people it never wrote to; the same text again and again; mail that next hops refuse. Volume alone
 * stays below the threshold, since a first newsletter looks like that: it takes a new place, or mail that fails. Pure: one state for each
 * account, kept by the caller; time is told. */
#ifndef POLICY_BRAKE_H
#define POLICY_BRAKE_H

#include "base/base.h"

#define BRAKE_NEW ((gp_time)3 * 24 * 3600 * 1000) /* ms that a place is new for, at least */
enum { BRAKE_NETWORKS = 8, BRAKE_CLIENTS = 4, BRAKE_MECHANISMS = 4, BRAKE_LIKES = 4, BRAKE_THRESHOLD = 8 };

enum brake_figure { BRAKE_NETWORK, BRAKE_CLIENT, BRAKE_MECHANISM, BRAKE_STRANGE, BRAKE_RATE, BRAKE_NEW_RECIPIENTS, BRAKE_ALIKE, BRAKE_FAILED, BRAKE_FIGURES };
const char *brake_figure_name(enum brake_figure); /* "new network" */

/* days: on so many it was used; counted: since when the last of them is; today, before: messages on that one, and on those before.
 * last 0: empty. */
struct brake_place { uint64_t what; gp_time first, last, counted; double today, before; unsigned days; };
struct brake_like  { uint64_t what; double count; };
/* Sums fade: each has its half-life, and is as of `when`. */
struct brake_state {
    gp_time            born, when; /* of the first and the last message; 0: none */
    double             hour;       /* recipients, half-life an hour              */
    double             busiest;    /* the most that `hour` was on days before, half-life a month */
    double             peak;       /* the most that it was since `peaked`: a day later that is usual */
    gp_time            peaked;
    double             day, fresh; /* recipients, and those new to the account: half-life a day          */
    double             usual_fresh; /* share of new ones among its recipients over months */
    double             strange;    /* messages from where neither network nor client is proven, half-life a day */
    double             sent, usual_day; /* messages since `peaked`; what a day usually is, but for a busy one now and then */
    double             delivered, failed; /* outcomes, half-life a day */
    double             moves;      /* new networks, half-life a month */
    struct brake_like  likes[BRAKE_LIKES];
    struct brake_place networks[BRAKE_NETWORKS], clients[BRAKE_CLIENTS], mechanisms[BRAKE_MECHANISMS];
    gp_time            held;       /* since when its mail is held; 0: it is not */
};
struct brake_message {
    uint64_t network, client, mechanism, likeness; /* digests; 0: not known */
    unsigned recipients, fresh;                    /* fresh: new to the account */
};
struct brake_score { double points[BRAKE_FIGURES], total; };

/* What lies ahead of `now` comes of a clock that was wrong, and is as of now. All calls do that first. */
void brake_clamp(struct brake_state *, gp_time now);
/* One message more, counted whether it is held or not; and what the account's score is with it. */
void brake_message(struct brake_state *, const struct brake_message *, gp_time now, struct brake_score *);
void brake_outcomes(struct brake_state *, unsigned delivered, unsigned failed, gp_time now); /* recipients; failed: for good */
bool brake_holds(const struct brake_score *);
/* Somebody has looked: what it did was right, and is usual from now on. */
void brake_release(struct brake_state *, gp_time now);
/* It was stolen, and is its owner's again. What was new at `since`, when that was suspected, was the thief's, and is forgotten: it is
 * new to the account whenever it comes back. What the thief sent is no measure of what is usual. */
void brake_stolen(struct brake_state *, gp_time since);
/* "new network 2.0, new recipients 3.0, alike 3.0: 8.0 of 8" */
void brake_score_put(struct gp_text *, const struct brake_score *);

uint64_t brake_client(gp_str helo);    /* address literals are one: they change with the network */
uint64_t brake_network(gp_str address); /* of IPv4 the /24, of IPv6 the /48 */
uint64_t brake_digest(gp_str);

#endif
