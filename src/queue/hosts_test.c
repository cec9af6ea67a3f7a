/* Many domains with one host that does not answer: what the relay has not tried is no attempt, and is due when the host is. */
#include <stdio.h>

#include "queue/role_kit.h"

enum { DOMAINS = 200 };
static const char down[] = "2\t0\t4.4.1\tmx.x [192.0.2.1]\t\thost mx.x [192.0.2.1] did not answer at 10:02 UTC\n";

static void commit_to(struct kit *k, uint32_t n, const char *domain)
{
    char id[32], to[64];
    (void)snprintf(id, sizeof id, "m%u", n);
    (void)snprintf(to, sizeof to, "bob@%s\t\n", domain);
    struct msg m = kit_message(id, "ada@example.org", to);
    kit_commit(k, n, &m);
}

static void fill(struct kit *k)
{
    for (uint32_t n = 0; n < DOMAINS; n++) {
        char domain[32];
        (void)snprintf(domain, sizeof domain, "d%u.example", n);
        commit_to(k, n + 1, domain);
    }
    kit_turn(k);
}

/* All that is out there is told that the host is down; how many. */
static size_t all_down(struct kit *k, gp_time again)
{
    size_t told = 0;
    for (size_t i = 0; i < k->sent_count; i++)
        if (k->sent[i].attempt) {
            kit_answer_down(k, i, down, "192.0.2.1:25 ", again);
            told++;
        }
    kit_turn(k);
    return told;
}

TEST(what_was_not_tried_is_no_attempt_and_is_due_when_the_host_is)
{
    struct kit *k     = kit_open();
    gp_time     again = k->now + 5 * KIT_MINUTE;
    fill(k);
    CHECK(k->sent_count >= k->config.relay.connections_most * 3 / 4); /* what one account may have */
    while (all_down(k, again) > 0) continue;
    CHECK(k->sent_count == DOMAINS && k->queue->under_way == 0); /* each slot was free again at once */
    CHECK(kit_count(k, "recipients", "attempts = 0 AND text LIKE 'host mx.x%'") == DOMAINS);
    CHECK(kit_count(k, "recipients", "due >= 1800000300000 AND due <= 1800000337500") == DOMAINS);
    commit_to(k, DOMAINS + 1, "live.example");
    commit_to(k, DOMAINS + 2, "d7.example"); /* it knows already, and nobody is asked */
    kit_turn(k);
    CHECK(k->sent_count == DOMAINS + 1);
    CHECK_IS(gp_from(k->sent[DOMAINS].destination), "live.example");
    CHECK(kit_count(k, "recipients", "attempts = 0 AND text LIKE 'host mx.x%'") == DOMAINS + 1);
    k->now = again + KIT_MINUTE;
    kit_turn(k);
    CHECK(k->sent_count > DOMAINS + 2);
    kit_close(k);
}

TEST(when_the_host_answers_all_that_wait_for_it_are_due)
{
    struct kit *k    = kit_open();
    struct msg  back = MSG(HOST_BACK);
    fill(k);
    while (all_down(k, k->now + 10 * KIT_MINUTE) > 0) continue;
    back.host_back.host = GP_LIT("192.0.2.2:25 ");
    hosts_back(k->queue, &back, k->now);
    kit_turn(k);
    CHECK(k->sent_count == DOMAINS);
    k->now += KIT_MINUTE;
    back.host_back.host = GP_LIT("192.0.2.1:25 ");
    hosts_back(k->queue, &back, k->now);
    kit_turn(k);
    while (k->queue->under_way > 0) {
        kit_answer_all(k, "0\t250\t2.0.0\tmx\t\tok", HOST_ANSWERED);
        kit_turn(k);
    }
    CHECK(k->sent_count == 2 * (size_t)DOMAINS && kit_count(k, "messages", "1") == 0);
    kit_close(k);
}

TEST(what_was_put_off_a_moment_before_it_answered_is_due_too)
{
    struct kit *k       = kit_open();
    struct msg  back    = MSG(HOST_BACK);
    back.host_back.host = GP_LIT("192.0.2.1:25 ");
    commit_to(k, 1, "d.example");
    kit_turn(k);
    kit_answer_down(k, 0, down, "192.0.2.1:25 ", k->now + KIT_MINUTE);
    k->queue->batch.took_in = k->now; /* so that the outcome waits for a transaction to join */
    hosts_back(k->queue, &back, k->now);
    kit_turn(k);
    CHECK(kit_count(k, "recipients", "attempts = 0 AND text LIKE 'host mx.x%'") == 1);
    CHECK(k->sent_count == 2);
    kit_close(k);
}

TEST(while_it_is_not_known_whether_a_host_answers_nothing_is_recorded)
{
    struct kit *k = kit_open();
    commit_to(k, 1, "d.example");
    kit_turn(k);
    kit_answer_down(k, 0, NULL, "192.0.2.1:25 ", k->now + KIT_MINUTE / 2);
    kit_turn(k);
    CHECK(k->sent_count == 1 && kit_count(k, "recipients", "attempts = 0 AND text = ''") == 1);
    k->now += KIT_MINUTE / 2;
    kit_turn(k);
    CHECK(k->sent_count == 2);
    kit_close(k);
}

TEST(a_life_that_is_waited_away_ends_as_any_other)
{
    struct kit *k = kit_open();
    commit_to(k, 1, "d.example");
    kit_turn(k);
    for (int i = 0; kit_count(k, "messages", "queue_id = 'm1'") > 0; i++) {
        CHECK(i < 2000);
        all_down(k, k->now + 10 * KIT_MINUTE);
        k->now += 12 * KIT_MINUTE;
        kit_turn(k);
    }
    CHECK(kit_audited(k, "failed") == 1 && k->now >= KIT_START + 5 * KIT_DAY &&
          k->now < KIT_START + 5 * KIT_DAY + KIT_HOUR);
    CHECK(kit_count(k, "audit", "event = 'accepted' AND queue_id <> 'm1'") == 2); /* the notice, and the report */
    kit_close(k);
}

TEST(a_destination_is_left_alone_for_as_long_as_the_relay_says)
{
    struct kit *k = kit_open();
    commit_to(k, 1, "d.example");
    kit_turn(k);
    kit_answer_down(k, 0, down, "192.0.2.1:25 ", k->now + SUSPENSION_MOST + KIT_MINUTE);
    commit_to(k, 2, "d.example");
    kit_turn(k);
    CHECK(k->sent_count == 1 && kit_count(k, "recipients", "attempts = 0 AND text LIKE 'host mx.x%'") == 2);
    kit_close(k);
}

TEST(what_went_to_no_host_says_nothing_of_one_that_is_waited_for)
{
    struct kit *k       = kit_open();
    struct msg  back    = MSG(HOST_BACK);
    back.host_back.host = GP_LIT("192.0.2.1:25 ");
    commit_to(k, 1, "d.example");
    commit_to(k, 2, "d.example");
    kit_turn(k);
    CHECK(k->sent_count == 2);
    kit_answer_down(k, 0, down, "192.0.2.1:25 ", k->now + KIT_MINUTE);
    kit_answer_one(k, 1, "2\t0\t4.3.0\t\t\tno key to sign with", HOST_UNASKED);
    kit_turn(k);
    CHECK(k->sent_count == 2);
    hosts_back(k->queue, &back, k->now);
    kit_turn(k);
    CHECK(k->sent_count == 3); /* one looks, for the others */
    kit_close(k);
}
