/* All limits together: what fits, what stands in the way longest, and that nothing is charged by asking. */
#include "check.h"

#include <string.h>

#include "policy/limits.h"

enum { MINUTE = 60 * 1000, HOUR = 60 * MINUTE };
#define NOW ((gp_time)1764000000000)

struct bench {
    struct limit_rules rules[LIMIT_SCOPES];
    struct limit_usage usage[LIMIT_SCOPES];
    struct limit_sides sides;
};

static struct rates rates_of(const char *text)
{
    struct rates r;
    const char  *why = "";
    CHECK(rates_read(gp_from(text), &r, &why));
    return r;
}

static void open_bench(struct bench *b)
{
    memset(b, 0, sizeof *b);
    for (size_t i = 0; i < LIMIT_SCOPES; i++) b->sides.scopes[i] = (struct limit_side) { &b->rules[i], &b->usage[i] };
}

static bool fits(struct bench *b, uint64_t messages, uint64_t recipients, gp_time now, struct limit_hit *hit)
{
    struct limit_cost cost = {
        {messages, recipients, 0, 0}
    };
    return limits_fit(&b->sides, &cost, now, hit);
}

static void charge(struct bench *b, uint64_t messages, uint64_t recipients, gp_time now)
{
    struct limit_cost cost = {
        {messages, recipients, 0, 0}
    };
    limits_charge(&b->sides, &cost, now);
}

TEST(where_nothing_is_limited_everything_fits)
{
    struct bench     b;
    struct limit_hit hit;
    open_bench(&b);
    CHECK(fits(&b, 1, 1000000, NOW, &hit) && !limits_warn(&b.sides, NOW, &hit));
    CHECK(limits_left(&b.sides, LIMIT_RECIPIENTS, NOW) == UINT64_MAX);
    for (size_t i = 0; i < LIMIT_SCOPES; i++) b.sides.scopes[i].rules = NULL;
    CHECK(fits(&b, 1, 1000000, NOW, &hit));
}

TEST(the_rate_that_takes_longest_is_the_answer)
{
    struct bench     b;
    struct limit_hit hit;
    char             room[128];
    struct gp_text   text = GP_TEXT(room);
    open_bench(&b);
    b.rules[LIMIT_ACCOUNT].things[LIMIT_RECIPIENTS] = rates_of("10/hour, 20/day");
    b.rules[LIMIT_ADDRESS].things[LIMIT_MESSAGES]   = rates_of("60/minute");
    charge(&b, 1, 10, NOW);
    CHECK(!fits(&b, 1, 5, NOW, &hit) && hit.wait == HOUR / 2 && hit.scope == LIMIT_ACCOUNT);
    limit_hit_put(&text, &hit);
    CHECK_IS(gp_said(&text), "recipients of the account: 10/hour, 10 used, 5 asked for");
    charge(&b, 1, 10, NOW + HOUR);
    CHECK(!fits(&b, 1, 10, NOW + 2 * HOUR, &hit) && hit.rate.count == 20);
    CHECK(!fits(&b, 1, 11, NOW + 240 * (gp_time)HOUR, &hit) && hit.wait == -1); /* the hour's burst */
    CHECK(fits(&b, 1, 10, NOW + 240 * (gp_time)HOUR, &hit));
}

TEST(asking_charges_nothing_and_charging_charges_all_sides)
{
    struct bench     b;
    struct limit_hit hit;
    open_bench(&b);
    b.rules[LIMIT_ACCOUNT].things[LIMIT_MESSAGES] = rates_of("10/hour");
    b.rules[LIMIT_SERVER].things[LIMIT_MESSAGES]  = rates_of("5/hour");
    for (int i = 0; i < 100; i++) CHECK(fits(&b, 1, 0, NOW, &hit));
    for (int i = 0; i < 5; i++) charge(&b, 1, 0, NOW);
    CHECK(!fits(&b, 1, 0, NOW, &hit) && hit.scope == LIMIT_SERVER);
    CHECK(limits_left(&b.sides, LIMIT_MESSAGES, NOW) == 0);
    b.sides.scopes[LIMIT_SERVER].rules = NULL;
    CHECK(limits_left(&b.sides, LIMIT_MESSAGES, NOW) == 5);
    CHECK(limit_usage_ends(&b.usage[LIMIT_ACCOUNT]) == NOW + HOUR / 2 + 1);
}

TEST(each_rate_warns_once)
{
    struct bench     b;
    struct limit_hit hit;
    open_bench(&b);
    b.rules[LIMIT_ACCOUNT].things[LIMIT_MESSAGES]  = rates_of("10/hour, 12/day");
    b.rules[LIMIT_CREDENTIAL].things[LIMIT_OCTETS] = rates_of("1M/day");
    charge(&b, 9, 0, NOW);
    CHECK(limits_warn(&b.sides, NOW, &hit) && hit.thing == LIMIT_MESSAGES && hit.used == 9 && hit.rate.count == 10);
    CHECK(!limits_warn(&b.sides, NOW, &hit));
    charge(&b, 1, 0, NOW);
    CHECK(limits_warn(&b.sides, NOW, &hit) && hit.rate.count == 12);
    CHECK(!limits_warn(&b.sides, NOW, &hit));
}

TEST(things_have_the_names_of_the_configuration)
{
    for (int i = 0; i < LIMIT_THINGS; i++) {
        enum limit_thing t = LIMIT_THINGS;
        CHECK(limit_thing_read(gp_from(limit_thing_name((enum limit_thing)i)), &t) && (int)t == i);
    }
    enum limit_thing t;
    CHECK(!limit_thing_read(GP_LIT("unknown"), &t) && !limit_thing_read(GP_LIT(""), &t));
}
