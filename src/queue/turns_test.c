/* Accounts take turns at a destination, and a destination is given as much at a time as it takes. */
#include <string.h>

#include "queue/role_kit.h"

#define LATER "2\t450\t4.2.0\tmx.example.net\tTLSv1.3\tlater"

static void commit_many(struct kit *k, const char *prefix, uint64_t account, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "%s%u", prefix, i);
        struct msg m     = kit_message(id, "ada@example.org", "bob@example.net\t\n");
        m.commit.account = account;
        kit_commit(k, 1, &m);
    }
}

static struct kit *open_one_at_a_time(void)
{
    struct kit *k                               = kit_open();
    k->config.relay.connections_per_destination = 1;
    return k;
}

/* How many of those with that prefix were sent among the numbers from..to. */
static size_t sent_of(const struct kit *k, const char *prefix, size_t from, size_t to)
{
    size_t count = 0;
    for (size_t i = from; i < to && i < k->sent_count; i++)
        count += strncmp(k->sent[i].queue_id, prefix, strlen(prefix)) == 0;
    return count;
}

static void send_all(struct kit *k, const char *line, size_t most)
{
    while (k->sent_count < most) {
        size_t before = k->sent_count;
        kit_answer_all(k, line, HOST_ANSWERED);
        kit_turn(k);
        if (k->sent_count == before) return;
    }
}

TEST(one_message_does_not_stand_behind_anothers_newsletters)
{
    struct kit *k = open_one_at_a_time();
    commit_many(k, "news", 7, 500);
    kit_turn(k);
    send_all(k, KIT_TAKEN, 50);
    k->now += SECOND;
    commit_many(k, "single", 8, 1);
    size_t before = k->sent_count;
    send_all(k, KIT_TAKEN, before + 5);
    CHECK(sent_of(k, "single", before, before + 3) == 1);
    send_all(k, KIT_TAKEN, KIT_SENT_MOST);
    kit_turn(k);
    CHECK(k->sent_count == 501 && kit_count(k, "messages", "1") == 0);
    kit_close(k);
}

TEST(accounts_that_have_much_go_round)
{
    struct kit *k = open_one_at_a_time();
    commit_many(k, "a", 7, 60);
    commit_many(k, "b", 3, 60);
    commit_many(k, "c", 9, 60);
    kit_turn(k);
    send_all(k, KIT_TAKEN, 93);
    for (size_t from = 3; from + 30 <= 93; from += 30) {
        CHECK(sent_of(k, "a", from, from + 30) == 10 && sent_of(k, "b", from, from + 30) == 10);
        CHECK(sent_of(k, "c", from, from + 30) == 10);
    }
    send_all(k, KIT_TAKEN, KIT_SENT_MOST);
    kit_turn(k);
    CHECK(k->sent_count == 180 && kit_count(k, "messages", "1") == 0);
    kit_close(k);
}

TEST(a_turn_is_found_behind_many_accounts_that_wait_for_later)
{
    enum { WAITING = 100 };
    struct kit *k = open_one_at_a_time();
    for (unsigned i = 0; i < WAITING; i++) {
        char prefix[16];
        (void)snprintf(prefix, sizeof prefix, "w%ux", i);
        commit_many(k, prefix, 100 + i, 1);
    }
    kit_turn(k);
    send_all(k, LATER, WAITING);
    kit_answer_all(k, LATER, HOST_ANSWERED);
    k->now += SECOND;
    commit_many(k, "news", 7, 200);
    kit_turn(k);
    commit_many(k, "single", 900, 1);
    size_t before = k->sent_count;
    send_all(k, KIT_TAKEN, before + 40);
    CHECK(sent_of(k, "single", before, before + WAITING / TURN_LOOKS + 4) == 1);
    kit_restart(k); /* nothing of that is in memory alone */
    kit_turn(k);
    CHECK(kit_count(k, "recipients", "state = 0") > WAITING);
    kit_close(k);
}

TEST(a_destination_that_says_it_is_too_much_gets_less_at_a_time)
{
    enum { MOST = 8 };
    struct kit *k                               = kit_open();
    k->config.relay.connections_per_destination = MOST;
    commit_many(k, "m", 7, 300);
    kit_turn(k);
    CHECK(k->queue->under_way == MOST);
    kit_answer_one(k, 0, "2\t421\t4.7.0\tmx\t\ttoo many connections\n", HOST_ANSWERED);
    kit_turn(k);
    CHECK(lanes_find(&k->queue->lanes, GP_LIT("example.net"))->narrow == MOST / 2);
    for (unsigned i = 0; i < MOST; i++) {
        kit_answer_all(k, "2\t451\t4.7.28\tmx\t\tslow down", HOST_ANSWERED);
        kit_turn(k);
    }
    CHECK(k->queue->under_way == 1);
    size_t most = 1;
    for (unsigned i = 0; i < 2 * MOST; i++) {
        kit_answer_all(k, KIT_TAKEN, HOST_ANSWERED);
        kit_turn(k);
        if (k->queue->under_way > most) most++;
        CHECK(k->queue->under_way <= most); /* one more at a time */
    }
    CHECK(k->queue->under_way == MOST);
    kit_answer_one(k, k->sent_count - 1, LATER "\n", HOST_ANSWERED); /* a mailbox's own trouble changes nothing */
    kit_turn(k);
    CHECK(k->queue->under_way == MOST);
    kit_close(k);
}
