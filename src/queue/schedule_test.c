/* When to try again: the table, its spread, and the two moments that no attempt may pass. */
#include "queue/role_kit.h"

static const struct config config = {
    .queue = {.retries = { 300, 600, 3600 }, .retry_count = 3, .lifetime = 5 * 86400, .delay_notice = 4 * 3600},
};

TEST(each_failure_waits_its_step_and_at_most_an_eighth_more)
{
    /* clang-format off */
    static const struct { unsigned attempts; gp_time step; } rows[] = {
        { 1, 300 }, { 2, 600 }, { 3, 3600 }, { 4, 3600 }, { 99, 3600 },
    };
    /* clang-format on */
    for (size_t i = 0; i < GP_COUNT(rows); i++)
        for (uint64_t seed = 0; seed < 100; seed++) {
            struct schedule_step s = schedule_next(&config, rows[i].attempts, KIT_START, KIT_START, 0, seed);
            CHECK(!s.give_up && !s.notice);
            CHECK(s.due >= KIT_START + rows[i].step * SECOND && s.due < KIT_START + rows[i].step * SECOND * 9 / 8);
        }
}

TEST(messages_that_failed_together_come_back_apart_but_each_always_alike)
{
    struct schedule_step a = schedule_next(&config, 1, KIT_START, KIT_START, 0, 1);
    struct schedule_step b = schedule_next(&config, 1, KIT_START, KIT_START, 0, 2);
    CHECK(a.due != b.due);
    CHECK(a.due == schedule_next(&config, 1, KIT_START, KIT_START, 0, 1).due);
}

TEST(no_attempt_passes_the_notice_or_the_end_of_life)
{
    gp_time before = KIT_START + 4 * KIT_HOUR - KIT_MINUTE, last = KIT_START + 5 * KIT_DAY - KIT_MINUTE;
    CHECK(schedule_next(&config, 9, KIT_START, before, KIT_START + 4 * KIT_HOUR, 5).due == KIT_START + 4 * KIT_HOUR);
    CHECK(schedule_next(&config, 9, KIT_START, before, 0, 5).due > KIT_START + 4 * KIT_HOUR);
    CHECK(schedule_next(&config, 9, KIT_START, last, 0, 5).due == KIT_START + 5 * KIT_DAY);
}

TEST(the_notice_comes_once_and_the_end_at_the_end)
{
    gp_time four = KIT_START + 4 * KIT_HOUR, five = KIT_START + 5 * KIT_DAY;
    CHECK(!schedule_next(&config, 3, KIT_START, four - 1, four, 1).notice);
    CHECK(schedule_next(&config, 3, KIT_START, four, four, 1).notice);
    CHECK(!schedule_next(&config, 3, KIT_START, four, 0, 1).notice);
    CHECK(!schedule_next(&config, 3, KIT_START, five - 1, 0, 1).give_up);
    CHECK(schedule_next(&config, 3, KIT_START, five, 0, 1).give_up);
}

TEST(notices_can_be_off_and_a_table_can_be_missing)
{
    struct config other      = config;
    other.queue.delay_notice = 0;
    other.queue.retry_count  = 0;
    struct schedule_step s   = schedule_next(&other, 1, KIT_START, KIT_START + KIT_DAY, 0, 1);
    CHECK(!s.notice && s.due > KIT_START + KIT_DAY);
}

TEST(a_destination_rests_less_than_any_of_its_messages)
{
    for (unsigned failures = 1; failures < 20; failures++) {
        gp_time rest = schedule_suspension(&config, failures);
        CHECK(rest > 0 && rest <= 10 * KIT_MINUTE);
        CHECK(rest < schedule_next(&config, failures, KIT_START, KIT_START, 0, 1).due - KIT_START);
    }
}
