/* Rates of several things on several sides: one walk over all of them, with something to do at each. */
#include "policy/limits.h"

static const char *const scope_names[LIMIT_SCOPES] = { "account", "credential", "address", "server",
                                                       "network", "owner",      "lane" };
static const char *const thing_names[LIMIT_THINGS] = { "messages", "recipients", "new_recipients", "octets" };

const char *limit_scope_name(enum limit_scope scope)
{
    return scope < LIMIT_SCOPES ? scope_names[scope] : "unknown";
}

const char *limit_thing_name(enum limit_thing thing)
{
    return thing < LIMIT_THINGS ? thing_names[thing] : "unknown";
}

bool limit_thing_read(gp_str word, enum limit_thing *out)
{
    for (size_t i = 0; i < LIMIT_THINGS; i++)
        if (gp_is(word, thing_names[i])) {
            *out = (enum limit_thing)i;
            return true;
        }
    return false;
}

/* ---- the walk -------------------------------------------------------------------------------------------------------------- */
struct place {
    enum limit_scope   scope;
    enum limit_thing   thing;
    size_t             index;
    const struct rate *rate;
    struct rate_state *state;
};

/* The one after it; begin with index SIZE_MAX of the first scope and thing. */
static bool next(const struct limit_sides *sides, struct place *at)
{
    at->index++;
    for (;; at->index = 0) {
        const struct limit_side *side  = &sides->scopes[at->scope];
        const struct rates      *rates = side->rules ? &side->rules->things[at->thing] : NULL;
        if (rates && at->index < rates->count) {
            at->rate  = &rates->list[at->index];
            at->state = &side->usage->things[at->thing][at->index];
            return true;
        }
        if (rates && ++at->thing < LIMIT_THINGS) continue;
        at->thing = 0;
        if (++at->scope == LIMIT_SCOPES) return false;
    }
}

#define START                                                                                                          \
    {                                                                                                                  \
        .index = SIZE_MAX                                                                                              \
    }

static struct limit_hit hit_of(const struct place *p, uint64_t cost, gp_time now)
{
    return (struct limit_hit) { .scope = p->scope,
                                .thing = p->thing,
                                .rate  = *p->rate,
                                .used  = rate_used(p->rate, p->state, now),
                                .cost  = cost,
                                .wait  = rate_wait(p->rate, p->state, cost, now) };
}

static bool is_longer(gp_time wait, gp_time than)
{
    return than >= 0 && (wait < 0 || wait > than);
}

bool limits_fit(const struct limit_sides *sides, const struct limit_cost *cost, gp_time now, struct limit_hit *hit)
{
    struct place p = START;
    hit->wait      = 0;
    while (next(sides, &p)) {
        uint64_t wanted = cost->things[p.thing];
        if (wanted > 0 && is_longer(rate_wait(p.rate, p.state, wanted, now), hit->wait)) *hit = hit_of(&p, wanted, now);
    }
    return hit->wait == 0;
}

void limits_charge(const struct limit_sides *sides, const struct limit_cost *cost, gp_time now)
{
    struct place p = START;
    while (next(sides, &p)) rate_charge(p.rate, p.state, cost->things[p.thing], now);
}

bool limits_warn(const struct limit_sides *sides, gp_time now, struct limit_hit *out)
{
    struct place p = START;
    while (next(sides, &p)) {
        if (!rate_warns(p.rate, p.state, now)) continue;
        *out = hit_of(&p, 0, now);
        return true;
    }
    return false;
}

uint64_t limits_left(const struct limit_sides *sides, enum limit_thing thing, gp_time now)
{
    struct place p    = START;
    uint64_t     left = UINT64_MAX;
    while (next(sides, &p)) {
        if (p.thing != thing) continue;
        uint64_t here = rate_left(p.rate, p.state, now);
        if (here < left) left = here;
    }
    return left;
}

gp_time limit_usage_ends(const struct limit_usage *usage)
{
    enum { US = 1000 };
    int64_t last = 0;
    for (size_t t = 0; t < LIMIT_THINGS; t++)
        for (size_t i = 0; i < RATES_MOST; i++)
            if (usage->things[t][i].until > last) last = usage->things[t][i].until;
    return last / US + 1;
}

void limit_hit_put(struct gp_text *out, const struct limit_hit *hit)
{
    gp_put_z(out, limit_thing_name(hit->thing));
    gp_put_z(out, " of the ");
    gp_put_z(out, limit_scope_name(hit->scope));
    gp_put_z(out, ": ");
    rate_put(out, &hit->rate);
    gp_put_z(out, ", ");
    gp_put_number(out, (int64_t)hit->used);
    gp_put_z(out, " used");
    if (hit->cost == 0) return;
    gp_put_z(out, ", ");
    gp_put_number(out, (int64_t)hit->cost);
    gp_put_z(out, " asked for");
}

void limit_put_rule(struct gp_text *out, const struct limit_hit *hit)
{
    gp_put_z(out, "limits.");
    gp_put_z(out, limit_scope_name(hit->scope));
    gp_put_char(out, '.');
    gp_put_z(out, limit_thing_name(hit->thing));
}

/* ---- what the client hears ---------------------------------------------------------------------------------------------------- */
/* RFC 3463 3.4: X.3.4, too big; 3.6: X.5.3, too many recipients. */
static struct limit_no say_never(struct gp_text *out, const struct limit_hit *hit)
{
    bool size = hit->thing == LIMIT_OCTETS;
    gp_put_z(out, size ? "the message is larger than all that may be sent at once, octets: "
                       : "more recipients than may be written to at once: ");
    gp_put_number(out, (int64_t)hit->rate.burst);
    return size ? (struct limit_no) { 552, "5.3.4", false } : (struct limit_no) { 550, "5.5.3", false };
}

/* RFC 3463 3.8: X.7.1, not authorized. */
static struct limit_no say_later(struct gp_text *out, const struct limit_hit *hit)
{
    static const char *const too_much[LIMIT_THINGS] = {
        [LIMIT_MESSAGES]       = "too many messages",
        [LIMIT_RECIPIENTS]     = "too many recipients",
        [LIMIT_NEW_RECIPIENTS] = "too many recipients who were never written to before",
        [LIMIT_OCTETS]         = "too much mail",
    };
    static const char *const whose[LIMIT_SCOPES] = {
        [LIMIT_ACCOUNT] = " for this account",  [LIMIT_CREDENTIAL] = " for this credential",
        [LIMIT_ADDRESS] = " from your address", [LIMIT_SERVER] = " for this server now",
        [LIMIT_NETWORK] = " from your network", [LIMIT_OWNER] = " for the account that you signed in with",
        [LIMIT_LANE] = " for this device",
    };
    gp_put_z(out, too_much[hit->thing]);
    gp_put_z(out, whose[hit->scope]);
    gp_put_z(out, ", try again in ");
    wait_put(out, hit->wait);
    return (struct limit_no) { hit->thing == LIMIT_MESSAGES ? 451 : 452, "4.7.1", true };
}

struct limit_no limit_say(struct gp_text *out, const struct limit_hit *hit)
{
    return hit->wait < 0 ? say_never(out, hit) : say_later(out, hit);
}

void limits_say_enough(struct gp_text *out, const struct limit_sides *sides, gp_time now)
{
    struct limit_usage copies[LIMIT_SCOPES];
    struct limit_sides after = *sides;
    struct limit_cost  all   = { { [LIMIT_RECIPIENTS] = limits_left(sides, LIMIT_RECIPIENTS, now) } };
    struct limit_cost  one   = { { [LIMIT_RECIPIENTS] = 1 } };
    struct limit_hit   hit;
    for (size_t i = 0; i < LIMIT_SCOPES; i++) {
        if (!after.scopes[i].usage) continue;
        copies[i]             = *after.scopes[i].usage;
        after.scopes[i].usage = &copies[i];
    }
    limits_charge(&after, &all, now);
    if (!limits_fit(&after, &one, now, &hit) && hit.wait > 0) (void)limit_say(out, &hit);
}
