/* How much may be sent: rates of messages, recipients, recipients never written to before, and octets; of an account, a credential, a
 * client address, its network and the whole server, and of who signed in, where he acts for another account. What is asked is held against all of them, and charged to all or to none. Pure: usage is the
 * caller's to keep, time is told. */
#ifndef POLICY_LIMITS_H
#define POLICY_LIMITS_H

#include "policy/rate.h"

/* Kept in the store. OWNER: the account whose the credential is, where the session is another's: its own rules and usage as an ACCOUNT. */
enum limit_scope { LIMIT_ACCOUNT, LIMIT_CREDENTIAL, LIMIT_ADDRESS, LIMIT_SERVER, LIMIT_NETWORK, LIMIT_OWNER,
                   LIMIT_LANE /* a credential for old devices, where those are answered (lane.h) */, LIMIT_SCOPES };
enum limit_thing { LIMIT_MESSAGES, LIMIT_RECIPIENTS, LIMIT_NEW_RECIPIENTS, LIMIT_OCTETS, LIMIT_THINGS };
const char *limit_scope_name(enum limit_scope); /* "account"                              */
const char *limit_thing_name(enum limit_thing); /* "new_recipients", as in the configuration */
bool        limit_thing_read(gp_str, enum limit_thing *) GP_MUST_USE;

struct limit_rules { struct rates things[LIMIT_THINGS]; };
struct limit_usage { struct rate_state things[LIMIT_THINGS][RATES_MOST]; };
struct limit_cost  { uint64_t things[LIMIT_THINGS]; };
struct limit_side  { const struct limit_rules *rules; struct limit_usage *usage; }; /* rules NULL: no limit there */
struct limit_sides { struct limit_side scopes[LIMIT_SCOPES]; };

/* A rate that stood in the way, or is nearly used up. */
struct limit_hit {
    enum limit_scope scope;
    enum limit_thing thing;
    struct rate      rate;
    uint64_t         used, cost;
    gp_time          wait; /* ms; -1: it is more than may ever come at once */
};
/* false: *hit is the rate that takes longest. A thing that costs nothing is not looked at. */
bool     limits_fit(const struct limit_sides *, const struct limit_cost *, gp_time now, struct limit_hit *hit) GP_MUST_USE;
void     limits_charge(const struct limit_sides *, const struct limit_cost *, gp_time now);
/* What the client hears of a no; later: it may come again. */
struct limit_no { unsigned code; const char *enhanced; bool later; };
struct limit_no limit_say(struct gp_text *, const struct limit_hit *);
/* Of the recipient that is one too many: when it would fit, once all those that do have been sent. "": there is no such time. */
void            limits_say_enough(struct gp_text *, const struct limit_sides *, gp_time now);
void            limit_put_rule(struct gp_text *, const struct limit_hit *); /* "limits.account.messages", as in a report */
/* The next rate of which four fifths are used and that has not been said in its period; false: there is none. */
bool     limits_warn(const struct limit_sides *, gp_time now, struct limit_hit *) GP_MUST_USE;
uint64_t limits_left(const struct limit_sides *, enum limit_thing, gp_time now); /* UINT64_MAX: no limit */
gp_time  limit_usage_ends(const struct limit_usage *); /* when all of it is as if nothing had been sent */

/* "recipients of the account: 1000/hour, 990 used, 20 asked for" */
void limit_hit_put(struct gp_text *, const struct limit_hit *);

#endif
