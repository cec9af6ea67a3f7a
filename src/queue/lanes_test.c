/* Destinations: each gets its turn, sleeps, wakes, and finds its place among many. */
#include <stdio.h>
#include <stdlib.h>

#include "queue/role_kit.h"

static struct lanes *fresh(void)
{
    struct lanes *lanes = calloc(1, sizeof *lanes);
    CHECK(lanes != NULL);
    return lanes;
}

static void give_back(struct lanes *lanes)
{
    lanes_close(lanes);
    CHECK(lanes->count == 0);
    free(lanes);
}

TEST(ready_lanes_are_served_in_turn)
{
    struct lanes *lanes   = fresh();
    const char   *names[] = { "a.example", "b.example", "c.example" };
    for (size_t i = 0; i < GP_COUNT(names); i++) CHECK(lanes_wake(lanes, gp_from(names[i]), 0, 0) != NULL);
    for (size_t i = 0; i < 3 * GP_COUNT(names); i++)
        CHECK_IS(lane_name(lanes_next(lanes, 0)), names[i % GP_COUNT(names)]);
    give_back(lanes);
}

TEST(a_sleeper_wakes_at_its_time_or_by_new_mail)
{
    struct lanes *lanes = fresh();
    CHECK(lanes_wake(lanes, GP_LIT("a.example"), 500, 100) != NULL);
    CHECK(!lanes_next(lanes, 499));
    CHECK_IS(lane_name(lanes_next(lanes, 500)), "a.example");
    lane_move(lanes, lanes_find(lanes, GP_LIT("a.example")), LANE_ASLEEP, 900);
    CHECK(!lanes_next(lanes, 600));
    CHECK(lanes_wake(lanes, GP_LIT("a.example"), 1000, 600) != NULL);
    CHECK(lanes_wake(lanes, GP_LIT("a.example"), 600, 600) != NULL);
    CHECK_IS(lane_name(lanes_next(lanes, 600)), "a.example");
    give_back(lanes);
}

TEST(a_full_lane_is_not_served_until_moved_or_until_new_mail_comes)
{
    struct lanes *lanes = fresh();
    struct lane  *lane  = lanes_wake(lanes, GP_LIT("a.example"), 0, 0);
    lane_move(lanes, lane, LANE_FULL, 0);
    CHECK(lanes_wake(lanes, GP_LIT("a.example"), 9, 0) == lane); /* not due yet: an outcome comes before, or looks */
    CHECK(!lanes_next(lanes, 1));
    lane_move(lanes, lane, LANE_READY, 0);
    CHECK(lanes_next(lanes, 1) == lane);
    lane_move(lanes, lane, LANE_FULL, 0);
    CHECK(lanes_wake(lanes, GP_LIT("a.example"), 1, 1) == lane);
    CHECK(lanes_next(lanes, 1) == lane);
    give_back(lanes);
}

TEST(suspension_keeps_the_last_word_until_recovery)
{
    struct lanes *lanes = fresh();
    struct lane  *lane  = lanes_wake(lanes, GP_LIT("a.example"), 0, 0);
    lane_suspend(lane, 50, GP_LIT("first"));
    lane_suspend(lane, 90, GP_LIT("second"));
    CHECK(lane->suspended_until == 90);
    CHECK_IS(((gp_str) { lane->last_word, lane->last_word_len }), "second");
    lanes_revive(lanes);
    CHECK(lane->suspended_until == 0 && lane->last_word);
    lane_recovered(lane);
    CHECK(!lane->last_word && !lane->failures);
    give_back(lanes);
}

TEST(there_is_a_bound_and_it_is_told)
{
    struct lanes *lanes = fresh();
    char          name[32];
    for (int i = 0; i < LANES_MOST; i++) {
        (void)snprintf(name, sizeof name, "d%d.example", i);
        CHECK(lanes_wake(lanes, gp_from(name), i % 2 ? 10 : 0, 0) != NULL);
    }
    CHECK(!lanes->overflow);
    CHECK(!lanes_wake(lanes, GP_LIT("one-more.example"), 0, 0) && lanes->overflow);
    lane_drop(lanes, lanes_find(lanes, GP_LIT("d77.example")));
    CHECK(lanes_wake(lanes, GP_LIT("one-more.example"), 0, 0) != NULL);
    CHECK(lanes_find(lanes, GP_LIT("d78.example")) && !lanes_find(lanes, GP_LIT("d77.example")));
    give_back(lanes);
}

TEST(sleepers_wake_in_the_order_of_their_times)
{
    enum { SLEEPERS = 500, STEP = 7919 };
    struct lanes *lanes = fresh();
    char          name[32];
    gp_time       last = 0;
    for (gp_time i = 0; i < SLEEPERS; i++) {
        (void)snprintf(name, sizeof name, "d%d.example", (int)i);
        CHECK(lanes_wake(lanes, gp_from(name), 1 + i * STEP % SLEEPERS, 0) != NULL);
    }
    for (gp_time i = 0; i < SLEEPERS; i += 3) {
        (void)snprintf(name, sizeof name, "d%d.example", (int)i);
        lane_drop(lanes, lanes_find(lanes, gp_from(name)));
    }
    for (size_t left = lanes->count; left > 0; left--) {
        struct lane *lane = lanes->sleepers[0];
        CHECK(lane->wake_at >= last);
        last = lane->wake_at;
        CHECK(!lanes_next(lanes, last - 1) && lanes_next(lanes, last) == lane);
        lane_drop(lanes, lane);
    }
    CHECK(lanes->sleeper_count == 0);
    give_back(lanes);
}

/* Whatever is done to lanes, every one of them stands in the place that it says, once. */
PROPERTY(lanes_stay_in_their_places, bytes)
{
    struct lanes *lanes = fresh();
    gp_time       now   = 0;
    for (size_t i = 0; i + 1 < bytes.len && i < 512; i += 2) {
        unsigned     op   = (unsigned char)bytes.ptr[i] % 5;
        gp_str       name = { &bytes.ptr[i + 1], 1 };
        struct lane *lane = lanes_find(lanes, name);
        if (op == 0) (void)lanes_wake(lanes, name, now + bytes.ptr[i + 1], now);
        if (op == 1 && lane) lane_move(lanes, lane, LANE_FULL, 0);
        if (op == 2 && lane) lane_drop(lanes, lane);
        if (op == 3 && lane) lane_move(lanes, lane, LANE_ASLEEP, now + 7);
        if (op == 4) (void)lanes_next(lanes, now += 3);
    }
    size_t standing = 0;
    for (int place = LANE_READY; place <= LANE_FULL; place++) {
        struct lane *first = lanes->places[place], *lane = first;
        for (; lane; lane = lane->next == first ? NULL : lane->next) {
            CHECK((int)lane->place == place && lane->next->previous == lane &&
                  lanes_find(lanes, lane_name(lane)) == lane);
            standing++;
        }
    }
    CHECK(standing == lanes->count);
    for (size_t i = 0; i < lanes->sleeper_count; i++) {
        const struct lane *lane = lanes->sleepers[i];
        CHECK(lane->place == LANE_ASLEEP && lane->sleeper_at == i && lane->wake_at > now);
        CHECK(i == 0 || lanes->sleepers[(i - 1) / 2]->wake_at <= lane->wake_at);
    }
    give_back(lanes);
}

TEST(what_says_that_fewer_should_come_at_a_time)
{
    static const struct {
        const char *line;
        bool        too_much;
    } rows[] = {
        {"2\t421\t4.7.0\tmx\t\ttoo many",                true },
        { "2\t451\t4.3.2\tmx\t\tbusy",                   true },
        { "2\t451\t4.7.28\tmx\t\tslow down",             true },
        { "2\t0\t4.4.2\tmx\t\tno reply within the time", true },
        { "2\t451\t4.4.2\tmx\t\tlater",                  false},
        { "2\t0\t4.4.1\tmx\t\tno connection",            false},
        { "2\t450\t4.2.0\tmx\t\tgreylisted",             false},
        { "0\t250\t2.0.0\tmx\t\tok",                     false},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) CHECK(lane_is_too_much(gp_from(rows[i].line)) == rows[i].too_much);
}
