/* Bans: which is in force for an address, how they grow, and what gives way when there is no room. */
#include "policy/bans.h"

#include <stdlib.h>

#include "check.h"

enum { HOUR = 3600 * 1000, DAY = 24 * HOUR };

static struct place at(const char *text)
{
    struct place p;
    CHECK(place_read(gp_from(text), &p));
    return p;
}

static struct bans *with(const char *text, bool manual, gp_time until)
{
    static struct bans b;
    b = (struct bans) { 0 };
    CHECK(bans_put(&b, &(struct ban) { .place = at(text), .manual = manual, .until = until, .offences = 1 }));
    return &b;
}

static bool is_on(const struct bans *b, const char *text, gp_time now)
{
    struct place p = at(text);
    return bans_on(b, &p, now) != NULL;
}

TEST(a_ban_is_on_what_it_covers_until_it_ends)
{
    struct bans *b = with("192.0.2.0/24", false, 100);
    CHECK(is_on(b, "192.0.2.7", 99) && !is_on(b, "192.0.2.7", 100) && !is_on(b, "192.0.3.7", 99));
    b = with("2001:db8::/64", true, 0);
    CHECK(is_on(b, "2001:db8::1", (gp_time)1 << 50) && !is_on(b, "2001:db8:0:1::1", 1));
}

TEST(one_that_a_wrong_clock_made_ahead_does_not_wait_for_that_year)
{
    static const struct {
        gp_time made;
        bool    manual, holds;
    } rows[] = {
        {-HOUR,               false, true },
        { 0,                  false, true },
        { HOUR / 2,           false, true },
        { 2 * HOUR,           false, false},
        { (gp_time)365 * DAY, false, false},
        { (gp_time)365 * DAY, true,  true },
    };
    enum { NOW = 10 * DAY };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bans b   = { 0 };
        struct ban  ban = { .place  = at("192.0.2.1"),
                            .manual = rows[i].manual,
                            .made   = NOW + rows[i].made,
                            .until  = NOW + rows[i].made + 2 * HOUR };
        CHECK(bans_put(&b, &ban) && is_on(&b, "192.0.2.1", NOW) == rows[i].holds);
    }
}

TEST(manual_ones_go_before_automatic_ones)
{
    struct place p = at("192.0.2.7");
    struct bans *b = with("192.0.2.7", false, 100);
    CHECK(bans_put(b, &(struct ban) { .place = at("192.0.0.0/16"), .manual = true }));
    CHECK(b->count == 2 && bans_on(b, &p, 1)->manual);
    CHECK(bans_put(b, &(struct ban) { .place = at("192.0.0.0/16"), .until = 5 }) && b->count == 2);
    CHECK(bans_on(b, &p, 50) == bans_at(b, &p));
}

TEST(each_ban_is_longer_than_the_one_before)
{
    static const gp_time lengths[] = {
        HOUR, 4 * HOUR, 16 * HOUR, 64 * (gp_time)HOUR, 7 * (gp_time)DAY, 7 * (gp_time)DAY
    };
    struct bans *b   = with("10.0.0.0/8", true, 0);
    struct place p   = at("192.0.2.7");
    gp_time      now = 1;
    for (size_t i = 0; i < GP_COUNT(lengths); i++) {
        struct ban next = ban_next(b, &p, HOUR, now);
        CHECK(next.until - now == lengths[i] && next.offences == i + 1 && bans_put(b, &next));
        now = next.until;
    }
    CHECK(ban_next(b, &p, HOUR, now + (BANS_REMEMBER_DAYS + 1) * (gp_time)DAY).offences == 1);
}

TEST(the_automatic_one_that_ends_first_gives_way)
{
    struct bans *b = with("192.0.2.7", true, 0);
    for (unsigned i = 0; i < BANS_MOST + 10; i++) {
        struct ban ban       = { .place = at("10.0.0.0"), .until = 1000 + (gp_time)i };
        ban.place.octets[14] = (uint8_t)(i >> 8);
        ban.place.octets[15] = (uint8_t)i;
        CHECK(bans_put(b, &ban));
    }
    CHECK(b->count == BANS_MOST && is_on(b, "192.0.2.7", 1) && !is_on(b, "10.0.0.0", 1) && is_on(b, "10.0.16.9", 1));
}
