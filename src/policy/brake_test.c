/* The score under a virtual clock: a stolen account, and ways of people that only look a little like one. */
#include "check.h"

#include "policy/brake.h"

#define MINUTE ((gp_time)60 * 1000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define START  ((gp_time)1764000000000)

enum { HOME = 1, AWAY, LAPTOP, TOOL, SCRAM, PLAIN };

static const struct brake_message usual = { HOME, LAPTOP, SCRAM, 0, 1, 0 };

/* A month of a person: eight messages a day, one of them to somebody new. */
static gp_time live(struct brake_state *s)
{
    struct brake_score score;
    gp_time            now = START;
    *s                     = (struct brake_state) { .born = 0 };
    for (int day = 0; day < 30; day++)
        for (int i = 0; i < 8; i++) {
            struct brake_message m = usual;
            m.fresh                = i == 0;
            now                    = START + day * DAY + (9 + i) * HOUR;
            brake_message(s, &m, now, &score);
            CHECK(!brake_holds(&score));
        }
    return now + 12 * HOUR;
}

/* How many go out before it holds; `most`: it does not. */
static int sent_before_hold(struct brake_state *s, struct brake_message m, gp_time now, gp_time apart, int most,
                            bool alike)
{
    struct brake_score score;
    for (int i = 0; i < most; i++) {
        m.likeness = alike ? 77 : (uint64_t)i + 1000;
        brake_message(s, &m, now + i * apart, &score);
        if (brake_holds(&score)) return i;
    }
    return most;
}

TEST(a_stolen_account_is_held_before_a_hundred_messages)
{
    static const struct brake_message spam    = { AWAY, TOOL, PLAIN, 0, 1, 1 };
    static const gp_time              apart[] = { 100, 10 * 1000, 2 * MINUTE, 6 * MINUTE, 15 * MINUTE };
    for (size_t i = 0; i < GP_COUNT(apart); i++)
        for (int alike = 0; alike < 2; alike++) {
            struct brake_state s;
            gp_time            now  = live(&s);
            int                sent = sent_before_hold(&s, spam, now, apart[i], 10000, alike);
            if (sent >= 100) fail_msg("%d, %d ms apart", sent, (int)apart[i]);
        }
}

/* To people whom the owner writes to, from elsewhere: nobody is new, and the jump is no measure of itself. */
TEST(who_robs_the_address_book_is_held)
{
    static const struct brake_message spam = { AWAY, TOOL, SCRAM, 0, 1, 0 };
    for (int alike = 0; alike < 2; alike++) {
        struct brake_state s;
        gp_time            now  = live(&s);
        int                sent = sent_before_hold(&s, spam, now, 1000, 10000, alike);
        if (sent >= 100) fail_msg("%d", sent);
    }
}

/* One message a week before, or one on each of some days: what was sent there proves the place for so much, and no more. */
TEST(a_patient_thief_is_held_too)
{
    static const struct brake_message spam   = { AWAY, TOOL, PLAIN, 0, 1, 1 };
    static const int                  days[] = { 1, 2, 7 };
    for (size_t i = 0; i < GP_COUNT(days); i++) {
        struct brake_state s;
        struct brake_score score;
        gp_time            now = live(&s);
        for (int day = 0; day < days[i]; day++) brake_message(&s, &spam, now + day * DAY, &score);
        int sent = sent_before_hold(&s, spam, now + 7 * DAY, 1000, 10000, true);
        if (sent >= 100) fail_msg("%d after %d days", sent, days[i]);
    }
}

/* Whoever comes from another network with another name each time: the owner's own stay known. */
TEST(a_thief_with_many_networks_is_held_and_drives_out_nobody)
{
    struct brake_state s;
    struct brake_score score;
    gp_time            now  = live(&s);
    unsigned           sent = 0;
    for (; sent < 1000; sent++) {
        struct brake_message m = { 100 + sent, 200 + sent, SCRAM, 1000 + sent, 1, 0 };
        brake_message(&s, &m, now + sent * 1000, &score);
        if (brake_holds(&score)) break;
    }
    CHECK(sent < 100);
    brake_stolen(&s, now);
    brake_message(&s, &usual, now + HOUR, &score);
    CHECK(score.points[BRAKE_NETWORK] == 0 && score.points[BRAKE_CLIENT] == 0);
}

/* A month of a program: so many a day, all alike to those who always have them, or each to somebody new. */
static gp_time run_program(struct brake_state *s, int a_day, unsigned to_new)
{
    struct brake_score score;
    *s = (struct brake_state) { .born = 0 };
    for (int i = 0; i < 30 * a_day; i++) {
        struct brake_message m = { HOME, LAPTOP, SCRAM, to_new ? (uint64_t)i + 1000 : 77, 1, to_new };
        brake_message(s, &m, START + i * (DAY / a_day), &score);
        if (brake_holds(&score)) fail_msg("%d of %d a day", i, a_day);
    }
    return START + 30 * DAY;
}

TEST(a_program_that_moves_to_another_host_sends_on)
{
    static const int a_day[] = { 20, 60, 200, 600 };
    for (size_t i = 0; i < GP_COUNT(a_day); i++)
        for (unsigned to_new = 0; to_new < 2; to_new++) {
            struct brake_state s;
            struct brake_score score;
            gp_time            now = run_program(&s, a_day[i], to_new);
            for (int n = 0; n < 10 * a_day[i]; n++) {
                struct brake_message m = { AWAY, TOOL, SCRAM, to_new ? (uint64_t)n + 1000 : 77, 1, to_new };
                brake_message(&s, &m, now + n * (DAY / a_day[i]), &score);
                if (brake_holds(&score)) fail_msg("%d of %d a day, %s", n, a_day[i], to_new ? "new" : "alike");
            }
        }
}

TEST(a_flood_to_strangers_is_held_even_from_home)
{
    static const struct brake_message spam = { HOME, LAPTOP, SCRAM, 0, 1, 1 };
    struct brake_state                s;
    gp_time                           now  = live(&s);
    int                               sent = sent_before_hold(&s, spam, now, 1000, 10000, true);
    CHECK(sent >= 500 && sent < 700);
}

TEST(a_place_is_usual_after_some_days_of_use_and_a_jump_the_day_after)
{
    static const struct brake_message abroad = { AWAY, LAPTOP, SCRAM, 0, 1, 0 };
    struct brake_state                s;
    struct brake_score                score;
    gp_time                           now = live(&s);
    for (int day = 0; day < 3; day++) brake_message(&s, &abroad, now + day * DAY, &score);
    CHECK(score.points[BRAKE_NETWORK] > 0);
    brake_message(&s, &abroad, now + 3 * DAY, &score);
    CHECK(score.points[BRAKE_NETWORK] == 0);
    now += 4 * DAY;
    CHECK(sent_before_hold(&s, usual, now, 1000, 200, false) == 200);
    brake_message(&s, &usual, now + 200 * 1000, &score);
    CHECK(score.points[BRAKE_RATE] > 4);
    CHECK(sent_before_hold(&s, usual, now + 2 * DAY, 1000, 150, false) == 150);
    brake_message(&s, &usual, now + 2 * DAY + 150 * 1000, &score);
    CHECK(score.points[BRAKE_RATE] == 0);
}

TEST(malware_on_the_owners_own_machine_is_held_when_mail_fails)
{
    static const struct brake_message spam = { HOME, LAPTOP, SCRAM, 0, 1, 1 };
    struct brake_state                s;
    struct brake_score                score;
    gp_time                           now = live(&s);
    CHECK(sent_before_hold(&s, spam, now, 1000, 60, true) == 60);
    brake_outcomes(&s, 40, 12, now + MINUTE);
    brake_message(&s, &spam, now + MINUTE, &score);
    CHECK(brake_holds(&score));
    CHECK(score.points[BRAKE_FAILED] > 0);
}

TEST(people_travel_change_clients_and_write_to_many)
{
    static const struct {
        const char          *what;
        struct brake_message m;
        gp_time              apart;
        int                  count;
        bool                 alike;
    } cases[] = {
        {"on a journey, to people they know",     { AWAY, LAPTOP, SCRAM, 0, 1, 0 },   10 * MINUTE, 40,  false},
        { "a new phone",                          { AWAY, TOOL, PLAIN, 0, 1, 0 },     10 * MINUTE, 40,  false},
        { "an invitation to sixty, in one",       { HOME, LAPTOP, SCRAM, 0, 60, 60 }, MINUTE,      1,   false},
        { "a first newsletter, each its own",     { HOME, LAPTOP, SCRAM, 0, 1, 1 },   1000,        500, true },
        { "alerts, all alike",                    { HOME, LAPTOP, SCRAM, 0, 2, 0 },   1000,        300, true },
        { "an invitation to thirty from a hotel", { AWAY, LAPTOP, SCRAM, 0, 30, 30 }, MINUTE,      1,   false},
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        struct brake_state s;
        gp_time            now = live(&s);
        if (sent_before_hold(&s, cases[i].m, now, cases[i].apart, cases[i].count, cases[i].alike) != cases[i].count)
            fail_msg("%s", cases[i].what);
    }
}

TEST(what_was_released_is_usual)
{
    static const struct brake_message spam = { AWAY, TOOL, PLAIN, 0, 1, 1 };
    struct brake_state                s;
    gp_time                           now = live(&s);
    CHECK(sent_before_hold(&s, spam, now, 1000, 1000, true) < 100);
    s.held = now;
    brake_release(&s, now + HOUR);
    CHECK(s.held == 0 && sent_before_hold(&s, spam, now + HOUR, 1000, 60, true) == 60);
}

static bool has(const struct brake_place *places, size_t count, uint64_t what)
{
    for (size_t i = 0; i < count; i++)
        if (places[i].last && places[i].what == what) return true;
    return false;
}

TEST(what_was_the_thiefs_is_new_again_and_the_owners_own_is_not)
{
    static const struct brake_message spam = { AWAY, TOOL, PLAIN, 0, 1, 1 };
    struct brake_state                s;
    struct brake_score                score;
    gp_time                           now = live(&s);
    CHECK(sent_before_hold(&s, spam, now, 1000, 1000, true) < 100);
    s.held = now;
    brake_stolen(&s, now);
    CHECK(s.held == 0 && has(s.networks, BRAKE_NETWORKS, HOME) && !has(s.networks, BRAKE_NETWORKS, AWAY));
    CHECK(has(s.clients, BRAKE_CLIENTS, LAPTOP) && !has(s.clients, BRAKE_CLIENTS, TOOL));
    brake_message(&s, &usual, now + DAY, &score);
    CHECK(score.total == 0);
    now += 9 * DAY; /* he has got the new password, too */
    brake_message(&s, &spam, now, &score);
    CHECK(score.points[BRAKE_NETWORK] > 0 && score.points[BRAKE_CLIENT] > 0 && score.points[BRAKE_MECHANISM] > 0);
    CHECK(sent_before_hold(&s, spam, now, 1000, 1000, true) < 100);
}

TEST(who_is_robbed_in_his_first_week_begins_anew)
{
    static const struct brake_message spam = { AWAY, TOOL, PLAIN, 0, 1, 1 };
    struct brake_state                s    = { .born = 0 };
    struct brake_score                score;
    brake_message(&s, &usual, START, &score);
    brake_message(&s, &spam, START + DAY, &score);
    brake_stolen(&s, START + 2 * DAY);
    CHECK(!has(s.networks, BRAKE_NETWORKS, HOME) && !has(s.networks, BRAKE_NETWORKS, AWAY));
    brake_stolen(&(struct brake_state) { .born = 0 }, START);
}

/* The clock was a year ahead for some messages, and is right again: nothing waits for that year to come. */
TEST(a_clock_that_jumps_ahead_and_back_poisons_nothing)
{
    static const struct brake_message spam    = { AWAY, TOOL, PLAIN, 0, 1, 1 };
    static const gp_time              jumps[] = { HOUR, 30 * DAY, 365 * DAY };
    for (size_t i = 0; i < GP_COUNT(jumps); i++) {
        struct brake_state s;
        struct brake_score score;
        gp_time            now = live(&s);
        for (int n = 0; n < 8; n++) {
            brake_message(&s, &usual, now + jumps[i] + n * MINUTE, &score);
            brake_message(&s, &usual, now + n * MINUTE, &score);
            CHECK(!brake_holds(&score));
        }
        CHECK(s.when <= now + HOUR && s.peaked <= now + HOUR);
        for (size_t n = 0; n < BRAKE_NETWORKS; n++) CHECK(s.networks[n].last <= now + HOUR);
        brake_message(&s, &usual, now + DAY, &score);
        CHECK(score.points[BRAKE_NETWORK] == 0 && score.points[BRAKE_CLIENT] == 0);
        CHECK(sent_before_hold(&s, spam, now + DAY, 1000, 1000, true) < 100);
    }
    struct brake_state s = { .born = 0 }; /* it began while the clock was ahead */
    struct brake_score score;
    brake_message(&s, &usual, START + 365 * DAY, &score);
    s.held = START + 365 * DAY;
    for (int n = 0; n < 40; n++) brake_message(&s, &usual, START + n * DAY, &score);
    CHECK(s.born == START && s.held == START);
    brake_message(&s, &spam, START + 41 * DAY, &score);
    CHECK(score.points[BRAKE_NETWORK] > 0 && score.points[BRAKE_CLIENT] > 0);
}

TEST(the_score_is_said_with_its_figures)
{
    struct brake_score score = {
        .points = {[BRAKE_NETWORK] = 2, [BRAKE_RATE] = 1.26},
          .total = 3.26
    };
    char           room[200];
    struct gp_text text = GP_TEXT(room);
    brake_score_put(&text, &score);
    CHECK_IS(gp_said(&text), "new network 2.0, more than ever 1.3: 3.3 of 8");
}

TEST(networks_and_clients_are_told_apart_as_people_would)
{
    CHECK(brake_network(GP_LIT("192.0.2.1")) == brake_network(GP_LIT("192.0.2.99")));
    CHECK(brake_network(GP_LIT("192.0.2.1")) != brake_network(GP_LIT("192.0.3.1")));
    CHECK(brake_network(GP_LIT("2001:db8:1:2::5")) == brake_network(GP_LIT("2001:db8:1:9::1")));
    CHECK(brake_network(GP_LIT("2001:db8:1:2::5")) != brake_network(GP_LIT("2001:db8:2:2::5")));
    CHECK(brake_network(GP_LIT("2001:db8::1")) == brake_network(GP_LIT("2001:db8:0:7:1:2:3:4")));
    CHECK(brake_network(GP_LIT("2001:db8::1")) != brake_network(GP_LIT("2001:db8:5::1")));
    CHECK(brake_network(GP_LIT("2001:db8::1:1:1:1:1")) == brake_network(GP_LIT("2001:DB8:0000::1")));
    CHECK(brake_network(GP_LIT("::ffff:192.0.2.1")) == brake_network(GP_LIT("192.0.2.9")));
    CHECK(brake_network(GP_LIT("unknown")) == 0);
    CHECK(brake_network(GP_LIT("")) == 0 && brake_client(GP_LIT("")) == 0);
    CHECK(brake_client(GP_LIT("[192.168.1.7]")) == brake_client(GP_LIT("[10.0.0.9]")));
    CHECK(brake_client(GP_LIT("laptop")) != brake_client(GP_LIT("desktop")));
}
