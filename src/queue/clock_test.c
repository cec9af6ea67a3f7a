/* The clock is set back while something rests: nothing rests longer for that. */

#include "queue/role_kit.h"

static void commit_one(struct kit *k, const char *id)
{
    struct msg m = kit_message(id, "ada@example.org", "bob@example.net\t\n");
    kit_commit(k, 1, &m);
}

TEST(a_rest_ends_at_its_moment_or_where_it_would_last_longer_than_any)
{
    /* clang-format off */
    static const struct { gp_time until, most, now; bool rests; } rows[] = {
        { 100, 10,  90, true  },
        { 100, 10,  99, true  },
        { 100, 10, 100, false },
        { 100, 10, 200, false },
        { 100, 10,  89, false }, /* set back */
        {   0, 10,  50, false },
    };
    /* clang-format on */
    for (size_t i = 0; i < GP_COUNT(rows); i++)
        CHECK(schedule_rests(rows[i].until, rows[i].most, rows[i].now) == rows[i].rests);
}

TEST(new_mail_is_tried_though_the_clock_was_set_back_while_its_destination_rests)
{
    struct kit *k = kit_open();
    commit_one(k, "old");
    kit_turn(k);
    kit_answer_all(k, KIT_DOWN, HOST_DOWN);
    kit_turn(k);
    CHECK(k->sent_count == 1);
    k->now -= KIT_DAY;
    commit_one(k, "new");
    kit_turn(k);
    CHECK(k->sent_count == 2);
    kit_answer_all(k, KIT_TAKEN, HOST_ANSWERED);
    kit_turn(k);
    CHECK(kit_count(k, "messages", "queue_id = 'new'") == 0 && kit_audited(k, "delivered") == 1);
    kit_close(k);
}

TEST(outcomes_are_recorded_though_the_clock_was_set_back_while_the_store_could_not)
{
    struct kit *k = kit_open();
    commit_one(k, "one");
    kit_turn(k);
    kit_limit_files(4096);
    kit_answer_all(k, KIT_TAKEN, HOST_ANSWERED);
    kit_turn(k);
    kit_limit_files(RLIM_INFINITY);
    k->queue->rest_until = k->now + REST_AFTER_TROUBLE; /* as when what is due could not be read */
    CHECK(k->queue->batch.done != NULL);
    k->now -= KIT_DAY;
    commit_one(k, "two");
    kit_turn(k);
    CHECK(!k->queue->batch.done && kit_audited(k, "delivered") == 1 && k->sent_count == 2);
    kit_close(k);
}

TEST(events_are_told_though_the_clock_was_set_back_while_nobody_took_them)
{
    struct kit *k            = kit_open();
    k->config.events.file[0] = 'f';
    k->config.events.keep    = 7 * 24 * 60 * 60;
    kit_restart(k);
    commit_one(k, "one");
    kit_turn(k);
    kit_answer_page(k, GP_TEMPFAIL);
    kit_turn(k);
    CHECK(!k->posted);
    k->now -= KIT_DAY;
    kit_turn(k);
    CHECK(k->posted != NULL);
    kit_answer_page(k, GP_OK);
    kit_close(k);
}
