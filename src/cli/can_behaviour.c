/* gatepost can: the policies that remember: bans, limits, the brake. They are asked of what the server has written behind, at most a
 * second old, and nothing is charged. What it has in memory alone is not known here: wrong passwords that are counted, open sessions. */
#include <limits.h>
#include <stdlib.h>

#include "cli/can.h"
#include "sasl/sasl.h"
#include "store/brakes.h"
#include "store/places.h"
#include "store/usage.h"

/* ---- bans -------------------------------------------------------------------------------------------------------------------- */
static bool take_ban(void *owner, const struct kept_ban *ban)
{
    return bans_put(owner, &ban->ban);
}

static bool say_ban(struct can *c, const struct ban *ban)
{
    bool           shadow = !ban->manual && c->store->config.policy.guard.mode == POLICY_SHADOW;
    char           room[PLACE_TEXT];
    struct gp_text network = GP_TEXT(room);
    place_put(&network, &ban->place);
    can_say(c, shadow ? CAN_WOULD : CAN_NO, "ban",
            ban->manual ? GP_LIT("banned by the administrator: ") : GP_LIT("banned for a time: "), gp_said(&network));
    return shadow || can_refuse_signin(c);
}

/* The guard's own bans are about guesses: who has nothing to guess is not looked at, and nobody is in mode off. */
static bool is_guarded(const struct can *c)
{
    const struct gp_sasl_mech *mech = gp_sasl_find(c->mechanism);
    return c->store->config.policy.guard.mode != POLICY_OFF && !(mech && (mech->traits & GP_SASL_NEEDS_PEER));
}

static bool ask_bans(struct can *c, const struct bans *bans, const struct place *place)
{
    struct place_ties ties    = { .place = guard_place(place) };
    bool              trusted = place_in(gp_from(c->store->config.policy.guard.trusted), place);
    if (places_of(c->store->accounts, c->account.id, c->now, place_tie, &ties) != GP_OK) return can_store_failed(c);
    bool              known = ties.tier == GUARD_KNOWN;
    bool              near  = ties.tier == GUARD_NEAR_KNOWN;
    enum ban_spares   some  = near ? BAN_SPARES_NETWORKS : BAN_SPARES_NONE;
    enum ban_spares   spare = !is_guarded(c) || trusted || known ? BAN_SPARES_ALL : some;
    const struct ban *ban   = bans_against(bans, place, spare, c->now);
    if (ban) return say_ban(c, ban);
    can_say(c, CAN_YES, "ban", c->ip,
            trusted ? GP_LIT(" is trusted")
            : known ? GP_LIT(" is known for this account")
            : near  ? GP_LIT(" is near one that is known for this account")
                    : GP_LIT(" is not banned"));
    return true;
}

bool can_ask_ban(struct can *c)
{
    struct place place;
    struct bans *bans = calloc(1, sizeof(*bans));
    bool         on   = true;
    if (!place_read(c->ip, &place)) place.bits = 0;
    if (!bans || kept_bans(c->store->accounts, take_ban, bans) != GP_OK)
        on = can_store_failed(c);
    else if (place.bits)
        on = ask_bans(c, bans, &place);
    free(bans);
    return on;
}

/* ---- limits -------------------------------------------------------------------------------------------------------------------- */
struct measured {
    struct limit_sides sides;
    struct limit_rules rules[LIMIT_SCOPES];
    struct limit_usage usage[LIMIT_SCOPES];
};

static gp_status measure_one(struct can *c, struct measured *m, enum limit_scope scope, int64_t subject,
                             const struct own_limits *own)
{
    enum limit_scope          as    = scope == LIMIT_OWNER ? LIMIT_ACCOUNT : scope; /* where its rules and usage are */
    const struct limit_rules *usual = &c->store->config.policy.limits.scopes[as];
    m->sides.scopes[scope] = (struct limit_side) { own_limits_over(own, usual, &m->rules[scope]), &m->usage[scope] };
    return usage_load(c->store->accounts, as, subject, &m->usage[scope]);
}

/* Who acts for another: what he sends counts for himself, too. */
static gp_status measure_owner(struct can *c, struct measured *m)
{
    struct own_limits own;
    if (c->account.id == c->acting.id) return GP_OK;
    gp_status status = own_limits_load(c->store->accounts, c->account.id, 0, &own);
    return status == GP_OK ? measure_one(c, m, LIMIT_OWNER, c->account.id, &own) : status;
}

static gp_status measure(struct can *c, struct measured *m)
{
    struct accounts  *a = c->store->accounts;
    struct own_limits own;
    gp_status         status = own_limits_load(a, c->acting.id, 0, &own);
    if (status == GP_OK) status = measure_one(c, m, LIMIT_ACCOUNT, c->acting.id, &own);
    if (status == GP_OK) status = own_limits_load(a, c->acting.id, c->credential, &own);
    if (status == GP_OK) status = measure_one(c, m, LIMIT_CREDENTIAL, c->credential, &own);
    if (status == GP_OK) status = measure_one(c, m, LIMIT_ADDRESS, (int64_t)place_digest(c->ip), NULL);
    if (status == GP_OK) status = measure_one(c, m, LIMIT_NETWORK, (int64_t)brake_network(c->ip), NULL);
    if (status == GP_OK) status = measure_one(c, m, LIMIT_SERVER, 0, NULL);
    return status == GP_OK ? measure_owner(c, m) : status;
}

static bool say_hit(struct can *c, const struct limit_hit *hit)
{
    bool            shadow = c->store->config.policy.limits.mode == POLICY_SHADOW;
    char            room[CAN_TEXT], said[CAN_TEXT];
    struct gp_text  why = GP_TEXT(room), reply = GP_TEXT(said);
    struct limit_no no = limit_say(&reply, hit);
    limit_hit_put(&why, hit);
    can_say(c, shadow ? CAN_WOULD : CAN_NO, "limits", gp_said(&why), GP_LIT(""));
    return shadow || can_refuse(c, no.code, no.enhanced, gp_said(&reply));
}

/* A larger one than the server takes is refused for that reason. */
static uint64_t declared(const struct can *c)
{
    return c->size > 0 && c->size <= c->store->config.limits.message_size ? c->size : 1;
}

/* At MAIL the server asks only where it would say no, and as little as a message can be. */
bool can_ask_first_limits(struct can *c)
{
    struct measured   m = { .rules = { { .things = { { .count = 0 } } } } };
    struct limit_hit  hit;
    struct limit_cost cost = {
        {[LIMIT_MESSAGES] = 1, [LIMIT_RECIPIENTS] = 1, [LIMIT_OCTETS] = declared(c)}
    };
    c->recipients_may = UINT_MAX;
    if (c->store->config.policy.limits.mode != POLICY_ENFORCE) return true;
    if (measure(c, &m) != GP_OK) return can_store_failed(c);
    if (!limits_fit(&m.sides, &cost, c->now, &hit)) return say_hit(c, &hit);
    uint64_t left         = limits_left(&m.sides, LIMIT_RECIPIENTS, c->now);
    c->recipients_may     = left < UINT_MAX ? (unsigned)left : UINT_MAX;
    struct gp_text enough = GP_TEXT(c->enough);
    if (left < UINT_MAX) limits_say_enough(&enough, &m.sides, c->now);
    c->enough_len = enough.len;
    return true;
}

static bool count_fresh(struct can *c)
{
    gp_str key = { (const char *)c->store->keys.recipients, sizeof(c->store->keys.recipients) };
    for (size_t i = 0; i < c->wish->to.count; i++) {
        bool      stale;
        int64_t   digest = usage_digest(key, gp_from(c->wish->to.values[i]));
        gp_status status = usage_knows(c->store->accounts, c->acting.id, digest, c->now, &stale);
        if (status == GP_TEMPFAIL) return can_store_failed(c);
        c->fresh += status == GP_PERMFAIL;
    }
    return true;
}

static void put_left(struct gp_text *out, uint64_t left, const char *of)
{
    if (left == UINT64_MAX)
        gp_put_z(out, "any number");
    else
        gp_put_number(out, (int64_t)left);
    gp_put_z(out, of);
}

static void say_left(struct can *c, const struct measured *m)
{
    char           room[CAN_TEXT];
    struct gp_text text = GP_TEXT(room);
    put_left(&text, limits_left(&m->sides, LIMIT_MESSAGES, c->now), " of messages, ");
    put_left(&text, limits_left(&m->sides, LIMIT_RECIPIENTS, c->now), " of recipients, ");
    put_left(&text, limits_left(&m->sides, LIMIT_NEW_RECIPIENTS, c->now), " of new recipients may be sent to now");
    can_say(c, CAN_YES, "limits", gp_said(&text), GP_LIT(""));
}

bool can_ask_limits(struct can *c)
{
    struct measured  m = { .rules = { { .things = { { .count = 0 } } } } };
    struct limit_hit hit;
    if (!count_fresh(c)) return false;
    if (c->store->config.policy.limits.mode == POLICY_OFF) return true;
    if (measure(c, &m) != GP_OK) return can_store_failed(c);
    struct limit_cost cost = {
        {[LIMIT_MESSAGES]       = 1,
         [LIMIT_RECIPIENTS]     = c->wish->to.count ? c->wish->to.count : 1,
         [LIMIT_NEW_RECIPIENTS] = c->fresh,
         [LIMIT_OCTETS]         = c->size ? c->size : 1}
    };
    if (!limits_fit(&m.sides, &cost, c->now, &hit)) return say_hit(c, &hit);
    say_left(c, &m);
    return true;
}

/* ---- the brake -------------------------------------------------------------------------------------------------------------------- */
static void say_score(struct can *c, const struct brake_score *score)
{
    bool           holds = brake_holds(score), shadow = c->store->config.policy.brake.mode == POLICY_SHADOW;
    char           room[CAN_TEXT];
    struct gp_text text = GP_TEXT(room);
    brake_score_put(&text, score);
    c->held = holds && !shadow;
    can_say(c, !holds ? CAN_YES : shadow ? CAN_WOULD : CAN_HELD, "brake", gp_said(&text), GP_LIT(""));
}

/* On a copy: nothing is counted. */
static bool ask_brake_of(struct can *c, int64_t account)
{
    struct brake_row   row;
    struct brake_score score;
    if (brake_load(c->store->accounts, account, &row) != GP_OK) return can_store_failed(c);
    if (brake_was_stolen(&row)) brake_stolen(&row.state, brake_suspected_since(&row));
    if (brake_was_released(&row, c->now)) brake_release(&row.state, c->now);
    c->held = row.state.held && c->store->config.policy.brake.mode == POLICY_ENFORCE;
    if (c->held) {
        can_say(c, CAN_HELD, "brake", gp_from(row.why), GP_LIT(""));
        return true;
    }
    struct brake_message one = { .network    = brake_network(c->ip),
                                 .client     = brake_client(gp_from(c->wish->helo ? c->wish->helo : "")),
                                 .mechanism  = brake_digest(c->mechanism),
                                 .recipients = c->wish->to.count ? (unsigned)c->wish->to.count : 1,
                                 .fresh      = c->fresh };
    brake_message(&row.state, &one, c->now, &score);
    say_score(c, &score);
    return true;
}

/* Who acts for another is judged, too. */
bool can_ask_brake(struct can *c)
{
    if (c->store->config.policy.brake.mode == POLICY_OFF) return true;
    if (!ask_brake_of(c, c->acting.id)) return false;
    return c->held || c->account.id == c->acting.id || ask_brake_of(c, c->account.id);
}
