/* Whose mail has the last free connections: others' servers may keep some waiting for minutes, and hold up nobody. */
#include <string.h>

#include "queue/role_kit.h"

enum { MOST = 100, OF_ONE = MOST - 13 }; /* what an account has that waits everywhere */

static void commit_to(struct kit *k, const char *id, uint64_t account, const char *domain)
{
    char to[KIT_TEXT];
    (void)snprintf(to, sizeof to, "bob@%s\t\n", domain);
    struct msg m     = kit_message(id, "ada@example.org", to);
    m.commit.account = account;
    kit_commit(k, 1, &m);
}

/* Each to a destination of its own, or so many to each. */
static void commit_many(struct kit *k, const char *prefix, uint64_t account, unsigned count, unsigned each)
{
    for (unsigned i = 0; i < count; i++) {
        char id[32], domain[48];
        (void)snprintf(id, sizeof id, "%s%u", prefix, i);
        (void)snprintf(domain, sizeof domain, "%s%u.example", prefix, i / each);
        commit_to(k, id, account, domain);
    }
}

static size_t sent_of(const struct kit *k, const char *prefix)
{
    size_t count = 0;
    for (size_t i = 0; i < k->sent_count; i++) count += strncmp(k->sent[i].queue_id, prefix, strlen(prefix)) == 0;
    return count;
}

static void send_all(struct kit *k, size_t most)
{
    while (k->sent_count < most) {
        size_t before = k->sent_count;
        kit_answer_all(k, KIT_TAKEN, HOST_ANSWERED);
        kit_turn(k);
        if (k->sent_count == before) fail_msg("%zu of %zu were sent", before, most);
    }
    kit_answer_all(k, KIT_TAKEN, HOST_ANSWERED);
    kit_turn(k);
}

TEST(one_account_that_is_kept_waiting_everywhere_holds_up_no_other)
{
    struct kit *k = kit_open();
    commit_many(k, "slow", 7, 150, 1);
    kit_turn(k);
    CHECK(k->queue->under_way == OF_ONE);
    commit_many(k, "lone", 8, 1, 1);
    kit_turn(k);
    CHECK(sent_of(k, "lone") == 1);
    commit_many(k, "many", 9, 150, 1);
    kit_turn(k);
    CHECK(k->queue->under_way < MOST && sent_of(k, "many") >= 3);
    commit_many(k, "last", 10, 1, 1);
    kit_turn(k);
    CHECK(sent_of(k, "last") == 1);
    send_all(k, 302); /* without a second going by: who ends wakes who waits */
    CHECK(kit_count(k, "messages", "1") == 0 && k->queue->shares.count == 0 && k->queue->lanes.count == 0);
    kit_close(k);
}

TEST(destinations_that_hang_hold_up_no_other_not_of_their_own_account_either)
{
    struct kit *k = kit_open();
    commit_many(k, "hang", 7, 100, 10);
    kit_turn(k);
    CHECK(k->queue->under_way == MOST - MOST / 4);
    commit_many(k, "same", 7, 1, 1);
    commit_many(k, "else", 8, 1, 1);
    kit_turn(k);
    CHECK(sent_of(k, "same") == 1 && sent_of(k, "else") == 1);
    for (unsigned i = 0; i < 10; i++) { /* as many again, each of an account of its own */
        char prefix[16];
        (void)snprintf(prefix, sizeof prefix, "r%ux", i);
        commit_many(k, prefix, 20 + i, 10, 10);
        kit_turn(k);
        CHECK(sent_of(k, prefix) >= 1);
    }
    CHECK(k->queue->under_way <= MOST);
    send_all(k, 202);
    CHECK(kit_count(k, "messages", "1") == 0 && k->queue->shares.count == 0);
    kit_close(k);
}

TEST(mail_of_who_has_less_under_way_overtakes_at_the_same_destination)
{
    struct kit *k = kit_open();
    commit_many(k, "hang", 7, OF_ONE, 1);
    kit_turn(k);
    for (unsigned i = 0; i < 5; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "much%u", i);
        commit_to(k, id, 7, "shared.example");
    }
    kit_turn(k);
    CHECK(sent_of(k, "much") == 0);
    commit_to(k, "other", 8, "shared.example");
    kit_turn(k);
    CHECK(sent_of(k, "other") == 1 && sent_of(k, "much") == 0);
    kit_answer_one(k, k->sent_count - 1, KIT_TAKEN "\n", HOST_ANSWERED);
    kit_turn(k);
    CHECK(sent_of(k, "much") == 0); /* the others hang as before */
    send_all(k, OF_ONE + 6);
    CHECK(kit_count(k, "messages", "1") == 0);
    kit_close(k);
}

TEST(of_few_connections_too_the_last_one_is_not_for_who_has_all_others)
{
    static const unsigned rows[][2] = {
        {1,  1},
        { 2, 1},
        { 3, 2},
        { 4, 3},
        { 8, 7},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct kit *k                    = kit_open();
        k->config.relay.connections_most = rows[i][0];
        commit_many(k, "m", 7, 20, 1);
        kit_turn(k);
        CHECK(k->queue->under_way == rows[i][1]);
        commit_many(k, "n", 8, 1, 1);
        kit_turn(k);
        CHECK(sent_of(k, "n") == (rows[i][0] > 1));
        send_all(k, 21);
        CHECK(kit_count(k, "messages", "1") == 0);
        kit_close(k);
    }
}
