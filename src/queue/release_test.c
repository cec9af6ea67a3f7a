/* What its sender holds back (RFC 4865): it goes when it is time and not before, its life begins then, and who commands may send it at
 * once or keep it. */
#include <string.h>

#include "queue/role_kit.h"

/* KIT_START is 2027-01-15T08:00:00Z */
static struct kit *open_with(const char *params)
{
    struct kit *k                  = kit_open();
    struct msg  m                  = kit_message("late", "ada@example.org", "bob@example.net\t\n");
    k->config.queue.future_release = 30 * 86400;
    m.commit.params                = gp_from(params);
    kit_commit(k, 1, &m);
    kit_turn(k);
    CHECK(k->answer_count == 1 && k->answers[0].status == GP_OK);
    return k;
}

static size_t sent_at(struct kit *k, gp_time when)
{
    k->now = when;
    kit_turn(k);
    return k->sent_count;
}

static void change(struct kit *k, enum queue_change what, bool does)
{
    bool changed = false;
    CHECK(queue_begin(k->queue->store) == GP_OK);
    CHECK(queue_alter(k->queue->store, what, GP_LIT("late"), k->now, &changed) == GP_OK && changed == does);
    CHECK(queue_commit(k->queue->store) == GP_OK);
    queue_look(k->queue, k->now);
    kit_turn(k);
}

TEST(a_message_goes_when_it_is_time)
{
    /* clang-format off */
    static const struct { const char *params; gp_time after; } rows[] = {
        { "HOLDFOR=3600",                           KIT_HOUR      },
        { "SIZE=44 HOLDUNTIL=2027-01-16T08:00:00Z", KIT_DAY       },
        { "HOLDFOR=2592000",                        30 * KIT_DAY  },
        { "HOLDFOR=999999999",                      30 * KIT_DAY  }, /* an smtpd that was taken over says more than is allowed */
    };
    /* clang-format on */
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct kit *k = open_with(rows[i].params);
        CHECK(sent_at(k, KIT_START) == 0 && sent_at(k, KIT_START + rows[i].after - 1) == 0);
        CHECK(sent_at(k, KIT_START + rows[i].after) == 1);
        CHECK_IS(gp_from(k->sent[0].queue_id), "late");
        kit_answer_all(k, KIT_TAKEN, HOST_ANSWERED);
        kit_turn(k);
        CHECK(kit_count(k, "messages", "1") == 0 && kit_audited(k, "delivered") == 1);
        kit_close(k);
    }
}

TEST(what_is_over_goes_at_once)
{
    struct kit *k = open_with("HOLDUNTIL=2027-01-15T07:59:59Z");
    CHECK(k->sent_count == 1 && kit_count(k, "messages", "release = 0") == 1);
    kit_close(k);
}

TEST(it_outlives_the_process)
{
    struct kit *k = open_with("HOLDFOR=86400");
    kit_restart(k);
    CHECK(sent_at(k, KIT_START + KIT_DAY - 1) == 0 && sent_at(k, KIT_START + KIT_DAY) == 1);
    kit_close(k);
}

/* Others to the same place do not wait for it, nor it for them. */
TEST(it_holds_up_nobody_else)
{
    struct kit *k = open_with("HOLDFOR=86400");
    struct msg  m = kit_message("prompt", "ada@example.org", "eve@example.net\t\n");
    kit_commit(k, 2, &m);
    kit_turn(k);
    CHECK(k->sent_count == 1);
    CHECK_IS(gp_from(k->sent[0].queue_id), "prompt");
    kit_answer_all(k, KIT_TAKEN, HOST_ANSWERED);
    CHECK(sent_at(k, KIT_START + KIT_DAY) == 2);
    kit_close(k);
}

static size_t to_sender(const struct kit *k, const char *words)
{
    size_t count = 0;
    for (size_t i = 0; i < k->sent_count; i++)
        count += strcmp(k->sent[i].destination, "example.org") == 0 && strstr(k->sent[i].body, words) != NULL;
    return count;
}

static void live_until(struct kit *k, gp_time end)
{
    for (; k->now < end; k->now += KIT_MINUTE) {
        for (size_t i = 0; i < k->sent_count; i++) {
            bool back = strcmp(k->sent[i].destination, "example.org") == 0;
            if (k->sent[i].attempt) kit_answer_one(k, i, back ? KIT_TAKEN "\n" : KIT_DOWN "\n", !back);
        }
        kit_turn(k);
    }
}

/* Held for longer than messages live: the notice of delay and the end of life count from the release. */
TEST(its_life_begins_when_it_is_released)
{
    struct kit *k       = open_with("HOLDFOR=864000");
    gp_time     release = KIT_START + 10 * KIT_DAY;
    live_until(k, release + 4 * KIT_HOUR - KIT_MINUTE);
    CHECK(k->sent_count > 1 && k->sent[0].when == release && to_sender(k, "") == 0);
    live_until(k, release + 4 * KIT_HOUR + 5 * KIT_MINUTE);
    CHECK(to_sender(k, "Action: delayed") == 1 &&
          to_sender(k, "Will-Retry-Until: Sat, 30 Jan 2027 08:00:00 +0000") == 1);
    live_until(k, release + 5 * KIT_DAY - KIT_MINUTE);
    CHECK(to_sender(k, "Action: failed") == 0);
    live_until(k, release + 5 * KIT_DAY + 5 * KIT_MINUTE);
    CHECK(to_sender(k, "Action: failed") == 1 && to_sender(k, "Future-Release-Request: for;864000\r\n") == 2);
    kit_close(k);
}

TEST(a_command_sends_it_before_its_time)
{
    struct kit *k = open_with("HOLDFOR=864000");
    k->now += KIT_HOUR;
    change(k, QUEUE_RETRY, false); /* it is about what failed: who retries all does not want next week's mail sent */
    CHECK(k->sent_count == 0);
    change(k, QUEUE_SEND, true);
    CHECK(k->sent_count == 1 && kit_audited(k, "released") == 1);
    CHECK(kit_count(k, "messages", "release = 1800003600000") == 1);
    change(k, QUEUE_SEND, false);
    kit_close(k);
}

TEST(a_hold_is_one_thing_and_its_time_another)
{
    struct kit *k = open_with("HOLDFOR=86400");
    change(k, QUEUE_HOLD, true);
    CHECK(sent_at(k, KIT_START + KIT_HOUR) == 0);
    change(k, QUEUE_SEND, false);
    change(k, QUEUE_RELEASE, true);
    CHECK(k->sent_count == 0); /* its time has not come */
    change(k, QUEUE_HOLD, true);
    CHECK(sent_at(k, KIT_START + 2 * KIT_DAY) == 0);
    change(k, QUEUE_RELEASE, true);
    CHECK(k->sent_count == 1);
    kit_close(k);
}

TEST(a_fresh_token_at_the_next_hop_does_not_send_it)
{
    struct kit *k       = open_with("HOLDFOR=86400");
    size_t      changed = 1;
    CHECK(queue_make_due(k->queue->store, GP_LIT("example.net"), k->now, 10, &changed) == GP_OK && changed == 0);
    CHECK(queue_make_due(k->queue->store, GP_LIT("example.net"), KIT_START + KIT_DAY - 1, 10, &changed) == GP_OK);
    CHECK(changed == 0 && sent_at(k, KIT_START + KIT_DAY) == 1);
    kit_close(k);
}

TEST(deleting_cancels_it)
{
    struct kit *k = open_with("HOLDFOR=86400");
    change(k, QUEUE_DELETE, true);
    CHECK(sent_at(k, KIT_START + KIT_DAY) == 0 && kit_count(k, "recipients", "1") == 0 &&
          kit_audited(k, "deleted") == 1);
    kit_close(k);
}
