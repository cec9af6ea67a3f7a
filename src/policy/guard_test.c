/* Guessers, sprayers, owners, old phones and a NAT under a virtual clock: who gets how many passwords looked at. */
#include "policy/guard.h"

#include <string.h>

#include "check.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR, SLOWEST = 5 * SECOND };

static struct guard *open_guard(void)
{
    struct guard_plan plan = { .per_account = 60, .per_place = 60, .slowest = SLOWEST, .key = "a key" };
    struct guard     *g    = guard_open(&plan);
    assert_non_null(g);
    return g;
}

static struct guard_try try_of(const struct guard *g, const char *account, const char *address)
{
    struct guard_try t = { .account = guard_name(g, gp_from(account)) };
    struct place     p;
    CHECK(place_read(gp_from(address), &p));
    t.place = guard_place(&p);
    return t;
}

static struct guard_try try_at(const struct guard *g, const char *account, unsigned address)
{
    char text[PLACE_TEXT];
    (void)snprintf(text, sizeof(text), "%u.%u.%u.%u", 1 + (address >> 16) % 200, address >> 8 & 255, address & 255, 7U);
    return try_of(g, account, text);
}

static uint64_t secret_of(const struct guard *g, const struct guard_try *t, unsigned number)
{
    return guard_secret(g, t, (gp_secret) { (const char *)&number, sizeof(number) });
}

/* A wrong one; true: it was looked at. */
static bool guess(struct guard *g, const struct guard_try *t, gp_time now)
{
    (void)guard_delay(g, t, now);
    if (guard_ask(g, t, now).word != GUARD_PASS) return false;
    (void)guard_settle(g, t, GUARD_WRONG, now);
    return true;
}

static bool right(struct guard *g, const struct guard_try *t, gp_time now)
{
    if (guard_delay(g, t, now) > 0 || guard_ask(g, t, now).word != GUARD_PASS) return false;
    (void)guard_settle(g, t, GUARD_RIGHT, now);
    return true;
}

static bool passes(struct guard *g, const struct guard_try *t, gp_time now)
{
    bool passed = guard_ask(g, t, now).word == GUARD_PASS;
    if (passed) (void)guard_settle(g, t, GUARD_UNDECIDED, now);
    return passed;
}

static struct guard_try elsewhere(struct guard_try t, unsigned host)
{
    t.place.octets[PLACE_OCTETS - 1] = (uint8_t)host;
    return t;
}

TEST(one_address_gets_some_tens_of_guesses_a_day_at_an_account)
{
    static const struct {
        enum guard_tier tier;
        unsigned        most;
    } rows[] = {
        {GUARD_STRANGE,     30},
        { GUARD_NEAR_KNOWN, 30},
        { GUARD_KNOWN,      60}
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct guard    *g      = open_guard();
        struct guard_try t      = try_of(g, "lena", "192.0.2.7");
        unsigned         looked = 0;
        t.tier                  = rows[i].tier;
        for (gp_time now = 1; now < DAY; now += 10 * SECOND) looked += guess(g, &t, now);
        CHECK(looked > 10 && looked <= rows[i].most);
        guard_close(g);
    }
}

TEST(ten_thousand_addresses_get_few_and_the_owner_always_gets_in)
{
    struct guard    *g     = open_guard();
    struct guard_try owner = try_of(g, "lena", "198.51.100.1"), near = try_of(g, "lena", "198.51.100.2");
    unsigned         looked = 0;
    owner.tier              = GUARD_KNOWN;
    near.tier               = GUARD_NEAR_KNOWN;
    for (unsigned round = 0; round < 24; round++)
        for (unsigned address = 0; address < 10000; address++) {
            gp_time          now = 1 + round * (gp_time)HOUR + address * 300;
            struct guard_try t   = try_at(g, "lena", address);
            looked += guess(g, &t, now);
            if (address % 100 == 0) CHECK(right(g, &owner, now) && right(g, &near, now));
        }
    CHECK(looked >= 60 && looked <= 180);
    guard_close(g);
}

static unsigned spray(struct guard *g, const char *address, unsigned names)
{
    unsigned looked = 0;
    for (unsigned i = 0; i < 1000; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "user%u", i % names);
        struct guard_try t = try_of(g, name, address);
        looked += guess(g, &t, 1);
    }
    return looked;
}

/* Nothing here knows whether somebody has a name, so nothing can tell a guesser. */
TEST(many_names_end_it_sooner)
{
    struct guard *g = open_guard();
    CHECK(spray(g, "192.0.2.7", 1000) == 60 / GUARD_NEW_NAME);
    CHECK(spray(g, "203.0.113.7", 8) == 60 - 8 * (GUARD_NEW_NAME - 1));
    guard_close(g);
}

TEST(networks_have_an_end_as_well)
{
    struct guard *g    = open_guard();
    unsigned      wide = 0, v4 = 0;
    for (unsigned i = 0; i < 20000; i++) {
        char name[16], address[PLACE_TEXT];
        (void)snprintf(name, sizeof(name), "user%u", i);
        (void)snprintf(address, sizeof(address), "2001:db8:1:%x::1", i);
        struct guard_try t = try_of(g, name, address);
        wide += guess(g, &t, 1);
        (void)snprintf(address, sizeof(address), "192.0.2.%u", i % 256);
        t = try_of(g, name, address);
        v4 += guess(g, &t, 1);
    }
    CHECK(wide == 60 * GUARD_NETWORK_WIDE / GUARD_NEW_NAME && v4 == 60 * GUARD_NETWORK / GUARD_NEW_NAME);
    guard_close(g);
}

TEST(a_network_that_guesses_shuts_out_nobody_near_a_known_place)
{
    struct guard *g = open_guard();
    for (unsigned i = 0; i < 20000; i++) {
        char name[16], address[PLACE_TEXT];
        (void)snprintf(name, sizeof(name), "user%u", i);
        (void)snprintf(address, sizeof(address), "2001:db8:1:%x::1", i);
        struct guard_try t = try_of(g, name, address);
        (void)guess(g, &t, 1);
    }
    struct guard_try t = try_of(g, "lena", "2001:db8:1:ffff::1");
    CHECK(!passes(g, &t, 1));
    t.tier = GUARD_NEAR_KNOWN;
    CHECK(passes(g, &t, 1));
    for (unsigned i = 0; i < GUARD_NEAR; i++) (void)guess(g, &t, 1);
    CHECK(!passes(g, &t, 1));
    guard_close(g);
}

TEST(what_is_full_says_which_network_has_earned_a_ban)
{
    struct guard *g = open_guard();
    (void)spray(g, "2001:db8::7", 1000);
    struct guard_try     t = try_of(g, "lena", "2001:db8::8");
    struct guard_verdict v = guard_ask(g, &t, 1);
    CHECK(v.word == GUARD_DENY && v.level == GUARD_LEVEL_PLACE && v.bans && place_same(&v.network, &t.place));
    t.apart = true;
    CHECK(guess(g, &t, 1));
    t.apart = false;
    guard_forgive(g, &t.place, 1);
    CHECK(guess(g, &t, 1));
    for (unsigned i = 0; i < 100; i++) (void)guess(g, &t, 1);
    v = guard_ask(g, &t, 1);
    CHECK(v.word == GUARD_DENY && v.level == GUARD_LEVEL_PAIR && !v.bans);
    guard_close(g);
}

TEST(who_shares_a_webmail_with_an_owner_does_not_lock_him_out_soon)
{
    struct guard    *g      = open_guard();
    struct guard_try t      = try_of(g, "lena", "127.0.0.1"), proof;
    unsigned         looked = 0;
    t.apart                 = true;
    t.tier                  = GUARD_KNOWN;
    proof                   = t;
    proof.vague             = true;
    proof.secret            = secret_of(g, &t, 1);
    for (unsigned i = 0; i < GUARD_SHARED_PAIR - 1; i++) CHECK(guess(g, &t, 1) && guess(g, &proof, 1));
    CHECK(right(g, &t, 1) && right(g, &proof, 1));
    for (unsigned i = 0; i < 1000; i++) looked += guess(g, &t, 1) + guess(g, &proof, 1);
    CHECK(looked == 2);
    guard_close(g);
}

/* 200 people who mistype now and then, and three phones that say an old password every minute. */
TEST(a_nat_with_old_phones_is_never_refused)
{
    struct guard *g = open_guard();
    for (gp_time now = 1; now < 7 * (gp_time)DAY; now += MINUTE) {
        unsigned minute = (unsigned)(now / MINUTE);
        for (unsigned phone = 0; phone < 3; phone++) {
            char name[16];
            (void)snprintf(name, sizeof(name), "phone%u", phone);
            struct guard_try t = try_of(g, name, "192.0.2.7");
            t.secret           = secret_of(g, &t, phone);
            t.tier             = phone ? GUARD_KNOWN : GUARD_STRANGE;
            CHECK(guess(g, &t, now));
        }
        char name[16];
        (void)snprintf(name, sizeof(name), "user%u", minute * 7 % 200);
        struct guard_try t = try_of(g, name, "192.0.2.7");
        t.guests           = minute < 200 ? minute : 200;
        t.tier             = minute < 1000 ? GUARD_STRANGE : GUARD_KNOWN;
        t.secret           = secret_of(g, &t, minute);
        if (minute % 5 == 0) CHECK(guess(g, &t, now));
        t.secret = secret_of(g, &t, 7);
        CHECK(right(g, &t, now));
    }
    guard_close(g);
}

/* A phone with an old password that says another proof each minute, beside devices with the right one: none of them is shut out or slow. */
TEST(an_old_phone_with_proofs_stands_in_no_other_devices_way)
{
    static const enum guard_tier tiers[] = { GUARD_KNOWN, GUARD_NEAR_KNOWN, GUARD_STRANGE };
    for (size_t i = 0; i < GP_COUNT(tiers); i++) {
        struct guard    *g     = open_guard();
        struct guard_try phone = try_of(g, "lena", "192.0.2.7"), laptop = phone, tablet = phone;
        unsigned         looked = 0;
        phone.tier = laptop.tier = tablet.tier = tiers[i];
        phone.vague = tablet.vague = true;
        phone.secret               = secret_of(g, &phone, 1);
        tablet.secret              = secret_of(g, &phone, 2);
        for (gp_time now = 1; now < 2 * (gp_time)DAY; now += MINUTE) {
            looked += guess(g, &phone, now);
            CHECK(passes(g, &laptop, now) && passes(g, &tablet, now));
            if (tiers[i] == GUARD_KNOWN) CHECK(right(g, &laptop, now) && right(g, &tablet, now));
        }
        CHECK(looked > GUARD_STALE && looked <= 5 * GUARD_KNOWN_PAIR);
        guard_close(g);
    }
}

TEST(who_looks_like_another_client_each_time_gains_little)
{
    static const enum guard_tier tiers[] = { GUARD_KNOWN, GUARD_NEAR_KNOWN, GUARD_STRANGE };
    for (size_t i = 0; i < GP_COUNT(tiers); i++) {
        struct guard    *g      = open_guard();
        struct guard_try t      = try_of(g, "lena", "192.0.2.7"), laptop;
        unsigned         looked = 0;
        t.guests                = GUARD_GUESTS_MOST; /* so that the place is not what is full */
        t.tier                  = tiers[i];
        laptop                  = t;
        t.vague                 = true;
        for (unsigned client = 1; client < 1000; client++) {
            if (tiers[i] == GUARD_NEAR_KNOWN) t = elsewhere(t, client);
            t.secret = secret_of(g, &t, client);
            looked += guess(g, &t, 1);
        }
        unsigned each = tiers[i] == GUARD_STRANGE ? GUARD_PAIR : GUARD_KNOWN_PAIR;
        CHECK(looked == GUARD_PROOFS * each && passes(g, &laptop, 1));
        guard_close(g);
    }
}

TEST(the_same_wrong_secret_counts_once_and_is_told_from_others)
{
    struct guard    *g = open_guard();
    struct guard_try t = try_of(g, "lena", "192.0.2.7"), other = try_of(g, "lena", "192.0.2.8");
    t.secret     = secret_of(g, &t, 1);
    other.secret = secret_of(g, &other, 1);
    CHECK(t.secret != other.secret && t.secret != secret_of(g, &t, 2));
    for (unsigned i = 1; i <= 100; i++) {
        CHECK(guard_delay(g, &t, i) == (i <= GUARD_STALE_SLOW ? 0 : SLOWEST));
        CHECK(guard_ask(g, &t, i).word == GUARD_PASS && guard_settle(g, &t, GUARD_WRONG, i) == i);
    }
    t.vague = true;
    for (unsigned i = 0; i < GUARD_PAIR; i++) CHECK(guess(g, &t, 1));
    CHECK(!guess(g, &t, 1));
    guard_close(g);
}

TEST(answers_get_slow_before_they_are_refused_and_alike_for_all_names)
{
    struct guard    *g    = open_guard();
    struct guard_try user = try_of(g, "lena", "192.0.2.7"), nobody = try_of(g, "nobody", "203.0.113.7");
    gp_time          before = 0;
    nobody.nobody           = true;
    for (unsigned i = 0; i < 200; i++) {
        gp_time delay = guard_delay(g, &user, 1);
        CHECK(delay == guard_delay(g, &nobody, 1) && delay >= before && delay <= SLOWEST);
        CHECK((delay == 0) == (i < GUARD_FREE_TRIES));
        before = delay;
        if (guard_ask(g, &user, 1).word == GUARD_PASS) (void)guard_settle(g, &user, GUARD_WRONG, 1);
        if (guard_ask(g, &nobody, 1).word == GUARD_PASS) (void)guard_settle(g, &nobody, GUARD_WRONG, 1);
    }
    CHECK(before == SLOWEST && guard_delay(g, &user, 1 + 3 * (gp_time)HOUR) == 0);
    guard_close(g);
}

/* How long it waits; then it is wrong, or right for the account and refused for another reason, or denied: `outcome`, where it is looked at. */
static gp_time try_to_see(struct guard *g, const struct guard_try *t, enum guard_outcome outcome)
{
    gp_time delay = guard_delay(g, t, 1);
    if (guard_ask(g, t, 1).word == GUARD_PASS) (void)guard_settle(g, t, outcome, 1);
    return delay;
}

/* Each is said twice: what was looked at must not look other than what was not, nor a right one other than a wrong one. */
TEST(no_delay_tells_what_was_looked_at_nor_what_was_right)
{
    struct guard    *g      = open_guard();
    struct guard_try t      = try_of(g, "lena", "192.0.2.7");
    gp_time          before = 0;
    for (unsigned i = 0; i < 3 * GUARD_PAIR; i++) {
        enum guard_outcome outcome = i % 4 == 3 ? GUARD_UNDECIDED : GUARD_WRONG;
        t.secret                   = secret_of(g, &t, i);
        gp_time first = try_to_see(g, &t, outcome), again = try_to_see(g, &t, outcome);
        CHECK(first >= before && (first == 0) == (i < GUARD_FREE_TRIES) && again == 0);
        before = first;
    }
    CHECK(before == SLOWEST && !passes(g, &t, 1));
    guard_close(g);
}

TEST(what_was_said_in_vain_counts_when_it_is_looked_at)
{
    struct guard    *g   = open_guard();
    struct guard_try t   = try_of(g, "lena", "192.0.2.7");
    gp_time          now = 1;
    for (unsigned day = 0; day < 2; day++, now += DAY) {
        unsigned looked = 0;
        for (unsigned i = 0; i < 1000; i++) {
            t.secret = secret_of(g, &t, i + GUARD_PAIR * day); /* those that were denied the day before */
            looked += guess(g, &t, now);
        }
        CHECK(looked == GUARD_PAIR);
    }
    guard_close(g);
}

TEST(a_right_one_gives_back_what_it_counted_and_no_more)
{
    struct guard    *g = open_guard();
    struct guard_try t = try_of(g, "lena", "192.0.2.7"), mine = try_of(g, "mallory", "192.0.2.7");
    mine.secret = secret_of(g, &mine, 1);
    for (unsigned i = 0; i < GUARD_FREE_TRIES; i++) CHECK(guard_delay(g, &t, 1) == 0);
    for (unsigned i = 0; i < GUARD_OPEN_MOST; i++)
        CHECK((guard_delay(g, &mine, 1) > 0) == (i == 0) && guard_ask(g, &mine, 1).word == GUARD_PASS);
    for (unsigned i = 0; i < GUARD_OPEN_MOST; i++) (void)guard_settle(g, &mine, GUARD_RIGHT, 1);
    CHECK(guard_delay(g, &t, 1) > 0 && guard_delay(g, &mine, 1) > 0);
    guard_close(g);
}

TEST(no_more_than_some_are_looked_at_at_once)
{
    struct guard    *g = open_guard();
    struct guard_try t = try_of(g, "lena", "192.0.2.7");
    for (unsigned i = 0; i < GUARD_OPEN_MOST; i++) CHECK(guard_ask(g, &t, 1).word == GUARD_PASS);
    CHECK(guard_ask(g, &t, 1).word == GUARD_LATER);
    (void)guard_settle(g, &t, GUARD_UNDECIDED, 1);
    CHECK(guard_ask(g, &t, 1).word == GUARD_PASS);
    for (unsigned i = 0; i < GUARD_OPEN_MOST; i++) (void)guard_settle(g, &t, GUARD_RIGHT, 1);
    for (unsigned i = 0; i < GUARD_PAIR; i++) CHECK(guess(g, &t, 1));
    CHECK(!guess(g, &t, 1));
    guard_close(g);
}

/* Who comes from very many addresses in between has not washed himself clean, and nobody else is refused for it. */
TEST(a_flood_cleans_nobody_and_shuts_out_nobody)
{
    struct guard    *g = open_guard();
    struct guard_try t = try_of(g, "lena", "192.0.2.7"), fresh = try_of(g, "otto", "203.0.113.200");
    unsigned         again = 0;
    for (unsigned i = 0; i < 10; i++) CHECK(guess(g, &t, 1));
    for (unsigned i = 0; i < 300000; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "user%u", i);
        struct guard_try flood = try_at(g, name, i);
        (void)guess(g, &flood, 2);
    }
    for (unsigned i = 0; i < 20; i++) again += guess(g, &t, 3);
    CHECK(again <= GUARD_PAIR / 2);
    CHECK(guess(g, &fresh, 3));
    guard_close(g);
}

TEST(a_server_under_siege_gives_strangers_less_and_known_places_as_much)
{
    struct guard    *g = open_guard();
    struct guard_try t = try_of(g, "otto", "203.0.113.200"), owner = try_of(g, "otto", "198.51.100.1");
    unsigned         looked = 0, known = 0;
    owner.tier = GUARD_KNOWN;
    for (unsigned i = 0; i < 60 * GUARD_SERVER + 100; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "user%u", i);
        struct guard_try flood = try_at(g, name, i);
        (void)guess(g, &flood, 2);
    }
    CHECK(guard_delay(g, &t, 2) > 0 && guard_delay(g, &owner, 2) == 0);
    for (unsigned i = 0; i < 100; i++) {
        looked += guess(g, &t, 2);
        known += guess(g, &owner, 2);
    }
    CHECK(looked >= 1 && looked <= GUARD_PAIR / GUARD_SIEGE && known == GUARD_KNOWN_PAIR);
    guard_close(g);
}

TEST(signals_are_counted_once_each)
{
    struct guard    *g = open_guard();
    struct guard_try t = try_of(g, "", "192.0.2.7");
    t.nobody           = true;
    CHECK(guard_once(g, GP_LIT("AUTH printer"), &t, 1) == 1 && guard_once(g, GP_LIT("AUTH printer"), &t, 1) == 2);
    CHECK(guard_once(g, GP_LIT("AUTH other"), &t, 1) == 1);
    for (unsigned i = 0; i < 60; i++) guard_charge(g, &t, 1);
    CHECK(!guess(g, &t, 1));
    guard_close(g);
}
