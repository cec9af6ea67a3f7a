/* A week in a moment: a destination that is dead, one that comes back, and many that are fair to each other. */
#include <stdio.h>
#include <string.h>

#include "queue/role_kit.h"

static void one_minute(struct kit *k)
{
    k->now += KIT_MINUTE;
    kit_turn(k);
}

static size_t count_sent(const struct kit *k, const char *destination)
{
    size_t count = 0;
    for (size_t i = 0; i < k->sent_count; i++) count += strcmp(k->sent[i].destination, destination) == 0;
    return count;
}

static const struct kit_sent *nth_sent(const struct kit *k, const char *destination, size_t n)
{
    for (size_t i = 0; i < k->sent_count; i++)
        if (strcmp(k->sent[i].destination, destination) == 0 && n-- == 0) return &k->sent[i];
    fail_msg("not so many were sent to %s", destination);
    return NULL;
}

/* The dead refuse connections; the sender's own domain takes what comes back. */
static void answer_both(struct kit *k)
{
    for (size_t i = 0; i < k->sent_count; i++) {
        if (!k->sent[i].attempt) continue;
        bool dead = strcmp(k->sent[i].destination, "dead.example") == 0;
        kit_answer_one(k, i, dead ? KIT_DOWN "\n" : KIT_TAKEN "\n", dead);
    }
}

TEST(a_dead_destination_gets_one_notice_and_one_bounce)
{
    static const gp_time steps[] = { 5, 10, 20, 30, 60 }; /* minutes; then the notice cuts in */
    struct kit          *k       = kit_open();
    struct msg           m       = kit_message("aaaa", "ada@example.org", "bob@Dead.Example\t\n");
    kit_commit(k, 1, &m);
    kit_turn(k);
    for (gp_time minute = 0; minute < (gp_time)7 * 24 * 60; minute++) {
        answer_both(k);
        one_minute(k);
    }
    for (size_t i = 0; i < GP_COUNT(steps); i++) {
        gp_time wait = nth_sent(k, "dead.example", i + 1)->when - nth_sent(k, "dead.example", i)->when;
        CHECK(wait >= steps[i] * KIT_MINUTE && wait <= steps[i] * KIT_MINUTE * 9 / 8 + KIT_MINUTE);
    }
    CHECK(count_sent(k, "example.org") == 2); /* the notice and the bounce */
    CHECK(nth_sent(k, "example.org", 0)->when - KIT_START >= 4 * KIT_HOUR);
    CHECK(nth_sent(k, "example.org", 0)->when - KIT_START <= 4 * KIT_HOUR + 2 * KIT_MINUTE);
    CHECK(nth_sent(k, "example.org", 1)->when - KIT_START >= 5 * KIT_DAY);
    CHECK(nth_sent(k, "example.org", 1)->when - KIT_START <= 5 * KIT_DAY + 2 * KIT_MINUTE);
    CHECK(strstr(nth_sent(k, "example.org", 0)->body, "Action: delayed") != NULL);
    CHECK(strstr(nth_sent(k, "example.org", 1)->body, "Action: failed") != NULL);
    CHECK(strstr(nth_sent(k, "example.org", 1)->body, "Status: 4.4.7") != NULL);
    CHECK(nth_sent(k, "example.org", 1)->sender[0] == '\0');
    CHECK(kit_count(k, "messages", "1") == 0 && kit_count(k, "bodies", "1") == 0 && kit_audited(k, "bounced") == 2);
    kit_close(k);
}

static void let_pass(struct kit *k, gp_time minutes, const char *line)
{
    for (gp_time minute = 0; minute < minutes; minute++) {
        kit_answer_all(k, line, HOST_DOWN);
        one_minute(k);
    }
}

TEST(no_age_returns_mail_that_waits_for_our_own_sign_in)
{
    struct kit *k                = kit_open();
    struct msg  m                = kit_message("aaaa", "", "bob@example.net\t\n");
    k->config.queue.delay_notice = 0;
    kit_commit(k, 1, &m);
    kit_turn(k);
    let_pass(k, (gp_time)7 * 24 * 60, "2\t535\t5.7.8\tmx.example.net\tTLSv1.3\tno\tours");
    CHECK(kit_count(k, "messages", "1") == 1 && kit_audited(k, "failed") == 0);
    CHECK(kit_count(k, "recipients", "state = 0 AND attempts > 20") == 1);
    let_pass(k, (gp_time)24 * 60, KIT_TAKEN);
    CHECK(kit_count(k, "messages", "1") == 0 && kit_audited(k, "delivered") == 1);
    kit_close(k);
}

TEST(a_dead_destination_is_probed_by_one_message_and_not_by_all)
{
    enum { MESSAGES = 200 };
    struct kit *k = kit_open();
    char        id[32];
    for (int i = 0; i < MESSAGES; i++) {
        (void)snprintf(id, sizeof id, "m%d", i);
        struct msg m = kit_message(id, "ada@example.org", "bob@dead.example\t\n");
        kit_commit(k, 1, &m);
    }
    kit_turn(k);
    for (gp_time minute = 0; minute < 60; minute++) {
        answer_both(k);
        one_minute(k);
    }
    CHECK(count_sent(k, "dead.example") < (size_t)2 * k->config.relay.connections_per_destination);
    CHECK(kit_count(k, "recipients", "state = 0 AND attempts >= 3") == MESSAGES);
    kit_answer_all(k, KIT_TAKEN, HOST_ANSWERED); /* it is back */
    for (gp_time minute = 0; minute < 180; minute++) {
        one_minute(k);
        kit_answer_all(k, KIT_TAKEN, HOST_ANSWERED);
    }
    one_minute(k);
    CHECK(kit_count(k, "messages", "1") == 0 && kit_audited(k, "delivered") == MESSAGES);
    kit_close(k);
}

/* A body that cannot be read, or signed: no host of its destination was asked. */
TEST(what_lies_here_holds_up_nothing_else_of_its_destination)
{
    struct kit *k = kit_open();
    struct msg  m = kit_message("aaaa", "ada@example.org", "bob@x.example\t\n");
    kit_commit(k, 1, &m);
    kit_turn(k);
    kit_answer_all(k, KIT_DOWN, HOST_DOWN);
    k->now += KIT_HOUR;
    m = kit_message("bbbb", "ada@example.org", "bob@x.example\t\n");
    kit_commit(k, 2, &m);
    kit_turn(k);
    CHECK(k->sent_count == 2); /* one at a time, since it has failed */
    kit_answer_one(k, 1, "2\t0\t4.3.0\t\t\tthe message could not be read\n", HOST_UNASKED);
    kit_turn(k);
    CHECK(k->sent_count == 3 && strcmp(k->sent[1].queue_id, k->sent[2].queue_id) != 0);
    CHECK(lanes_find(&k->queue->lanes, GP_LIT("x.example"))->failures == 1);
    kit_answer_all(k, KIT_TAKEN, HOST_ANSWERED);
    kit_turn(k);
    CHECK(kit_audited(k, "delivered") == 1 && kit_audited(k, "deferred") == 2);
    kit_close(k);
}

TEST(a_large_backlog_does_not_hold_up_a_small_one)
{
    struct kit *k = kit_open();
    char        id[32];
    for (int i = 0; i < 300; i++) {
        (void)snprintf(id, sizeof id, "m%d", i);
        struct msg m = kit_message(id, "ada@example.org", i < 299 ? "bob@big.example\t\n" : "eve@small.example\t\n");
        kit_commit(k, 1, &m);
    }
    kit_turn(k);
    CHECK(count_sent(k, "big.example") == k->config.relay.connections_per_destination);
    CHECK(count_sent(k, "small.example") == 1);
    kit_close(k);
}

TEST(what_the_relay_took_with_it_when_it_died_is_due_again)
{
    struct kit *k = kit_open();
    struct msg  m = kit_message("aaaa", "ada@example.org", "bob@example.net\t\n");
    kit_commit(k, 1, &m);
    kit_turn(k);
    struct attempt *a = k->sent[0].attempt;
    attempt_done(a, GP_NONE, false, k->now);
    kit_turn(k);
    CHECK(k->sent_count == 1); /* not at once */
    k->now += REST_AFTER_DEATH;
    kit_turn(k);
    CHECK(k->sent_count == 2 && k->queue->under_way == 1);
    CHECK(kit_count(k, "recipients", "attempts = 0") == 1); /* nobody was tried */
    kit_close(k);
}

TEST(a_message_that_kills_the_relay_does_not_do_so_for_ever)
{
    struct kit *k = kit_open();
    struct msg  m = kit_message("poison", "ada@example.org", "bob@example.net\t\n");
    kit_commit(k, 1, &m);
    m = kit_message("harmless", "ada@example.org", "bob@example.net\t\n");
    kit_commit(k, 2, &m);
    for (int second = 0; second < 20; second++) {
        kit_turn(k);
        for (size_t i = 0; i < k->sent_count; i++) {
            bool poison = strcmp(k->sent[i].queue_id, "poison") == 0;
            if (k->sent[i].attempt && !poison) kit_answer_one(k, i, KIT_TAKEN "\n", HOST_ANSWERED);
            if (k->sent[i].attempt && poison) attempt_done(k->sent[i].attempt, GP_NONE, false, k->now);
            k->sent[i].attempt = NULL;
        }
        k->now += SECOND;
    }
    CHECK(kit_count(k, "messages", "queue_id = 'harmless'") == 0);
    CHECK(kit_count(k, "recipients", "attempts = 1 AND due > 0") == 1); /* put off by the schedule */
    CHECK(k->sent_count < 8);
    kit_close(k);
}

TEST(a_relay_that_dies_once_puts_nothing_off)
{
    enum { MESSAGES = 8 };
    struct kit *k = kit_open();
    char        id[32];
    for (int i = 0; i < MESSAGES; i++) {
        (void)snprintf(id, sizeof id, "m%d", i);
        struct msg m = kit_message(id, "ada@example.org", "bob@example.net\t\n");
        kit_commit(k, 1, &m);
    }
    kit_turn(k);
    for (size_t i = 0; i < MESSAGES; i++)
        attempt_done(k->sent[i].attempt, GP_NONE, false, k->now), k->sent[i].attempt = NULL;
    kit_turn(k);
    CHECK(kit_count(k, "recipients", "attempts = 0") == MESSAGES);
    k->now += REST_AFTER_DEATH;
    for (int turn = 0; turn < 3; turn++) {
        kit_turn(k);
        kit_answer_all(k, KIT_TAKEN, HOST_ANSWERED);
    }
    kit_turn(k);
    CHECK(kit_count(k, "messages", "1") == 0 && k->sent_count == (size_t)2 * MESSAGES);
    kit_close(k);
}
