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

TEST(an_outcome_that_is_not_on_record_yet_is_of_the_new_time)
{
    struct kit *k = kit_open();
    commit_one(k, "one");
    kit_turn(k);
    kit_limit_files(4096);
    kit_answer_all(k, KIT_DOWN, HOST_DOWN);
    kit_turn(k);
    kit_limit_files(RLIM_INFINITY);
    k->now -= KIT_DAY;
    kit_turn(k);
    kit_turn(k);
    CHECK(!k->queue->batch.done && kit_count(k, "recipients", "attempts = 1 AND due < 1799913940000") == 1);
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

/* ---- what rests on disk -------------------------------------------------------------------------------------------------------- */
static void turns(struct kit *k)
{
    for (int i = 0; i < 3; i++) kit_turn(k);
}

static void commit_with(struct kit *k, const char *id, const char *params)
{
    struct msg m    = kit_message(id, "ada@example.org", "bob@example.net\t\n");
    m.commit.params = gp_from(params);
    kit_commit(k, 1, &m);
    turns(k);
}

/* Tried, not tried yet, or not to be tried yet when the clock is set right, by a process that sees it, or by the next one. */
TEST(what_waits_waits_no_longer_for_a_clock_that_was_wrong)
{
    for (int restarted = 0; restarted < 2; restarted++) {
        struct kit *k                  = kit_open();
        k->config.queue.future_release = 30 * 86400;
        gp_time right                  = k->now;
        k->now += 1000 * KIT_DAY;
        commit_one(k, "tried");
        turns(k);
        kit_answer_all(k, KIT_DOWN, HOST_DOWN);
        turns(k);
        k->queue->relay_there = false;
        commit_one(k, "fresh");
        turns(k);
        k->queue->held_told = k->queue->seal.due = k->now;
        k->now                                   = right;
        if (restarted) kit_restart(k);
        k->queue->relay_there = true;
        turns(k);
        CHECK(kit_count(k, "recipients", "due > 1800000340000") == 0); /* the first step, a little spread */
        CHECK(kit_count(k, "recipients", "due = 1800000000000") == 1 &&
              kit_count(k, "messages", "arrived > 1800000000000") == 0);
        CHECK(k->sent_count == 2 && k->queue->held_told == 0 && k->queue->seal.due == 0);
        CHECK_IS(gp_from(k->sent[1].queue_id), "fresh");
        kit_answer_all(k, KIT_TAKEN, HOST_ANSWERED);
        turns(k);
        k->now += 6 * KIT_MINUTE;
        turns(k);
        CHECK(k->sent_count == 3);
        CHECK_IS(gp_from(k->sent[2].queue_id), "tried");
        kit_close(k);
    }
}

TEST(the_length_of_a_wait_is_kept_and_so_is_what_the_clock_has_no_part_in)
{
    struct kit *k = kit_open();
    commit_one(k, "one");
    for (int i = 0; i < 5; i++) { /* 300, 600, 1200, 1800, 3600 s */
        turns(k);
        kit_answer_all(k, "2\t450\t4.7.1\tmx\t\tlater", HOST_ANSWERED);
        turns(k);
        if (i < 4) k->now += 40 * KIT_MINUTE;
    }
    CHECK(kit_count(k, "recipients", "attempts = 5 AND due - tried >= 3600000") == 1);
    k->now -= 30 * SECOND; /* that is nothing */
    turns(k);
    CHECK(kit_count(k, "recipients", "due - tried >= 3600000") == 1 && !k->queue->clock.mends);
    k->now += 30 * SECOND - 30 * KIT_MINUTE;
    gp_time now = k->now;
    turns(k);
    CHECK(kit_count(k, "recipients", "due - tried >= 3600000 AND due - tried <= 4050000") == 1);
    k->now = now + KIT_HOUR - SECOND;
    turns(k);
    CHECK(k->sent_count == 5);
    k->now = now + KIT_HOUR + KIT_HOUR / 8;
    turns(k);
    CHECK(k->sent_count == 6);
    kit_close(k);
}

/* RFC 4865: not before its sender's moment, which is one of the right time. */
TEST(what_is_held_back_until_a_moment_does_not_go_early)
{
    struct kit *k                  = kit_open();
    k->config.queue.future_release = 30 * 86400;
    commit_with(k, "late", "HOLDUNTIL=2027-01-16T08:00:00Z"); /* in a day */
    k->now += 2 * KIT_HOUR;
    turns(k);
    k->now -= KIT_HOUR;
    turns(k);
    CHECK(k->sent_count == 0);
    k->now = KIT_START + KIT_DAY - SECOND;
    turns(k);
    CHECK(k->sent_count == 0);
    k->now += 2 * SECOND;
    turns(k);
    CHECK(k->sent_count == 1);
    kit_answer_all(k, "2\t450\t4.7.1\tmx\t\tlater", HOST_ANSWERED);
    turns(k);
    k->now -= KIT_HOUR; /* it was tried, and its moment is ahead again */
    turns(k);
    CHECK(k->sent_count == 1 && kit_count(k, "recipients", "due = 1800086400000") == 1);
    kit_close(k);
}

TEST(a_long_queue_is_gone_through_in_portions)
{
    enum { MESSAGES = 50, EACH = 100 };
    static char    room[EACH * 32];
    struct gp_text to    = GP_TEXT(room);
    struct kit    *k     = kit_open();
    gp_time        right = k->now;
    for (unsigned i = 0; i < EACH; i++) {
        gp_put_z(&to, "bob");
        gp_put_number(&to, i);
        gp_put_z(&to, "@example.net\t\n");
    }
    gp_put_char(&to, '\0');
    k->queue->relay_there = false;
    k->now += KIT_DAY;
    for (uint32_t i = 0; i < MESSAGES; i++) {
        char id[]    = "m00";
        id[1]        = (char)('a' + i / 10);
        id[2]        = (char)('0' + i % 10);
        struct msg m = kit_message(id, "ada@example.org", room);
        kit_commit(k, i + 1, &m);
    }
    kit_turn(k);
    k->now = right;
    clock_turn(k->queue, right);
    CHECK(kit_count(k, "recipients", "due = 1800000000000") == 2000 &&
          kit_count(k, "messages", "arrived = 1800000000000") == 19);
    clock_turn(k->queue, right + SECOND);
    CHECK(kit_count(k, "recipients", "due <= 1800000001000") == 4000);
    for (int i = 0; i < 2; i++) clock_turn(k->queue, right + SECOND);
    CHECK(kit_count(k, "recipients", "due <= 1800000001000") == MESSAGES * EACH && !k->queue->clock.mends);
    CHECK(kit_count(k, "messages", "arrived > 1800000001000") == 0);
    kit_close(k);
}
