/* What ends without an attempt: held for too long, or taken out by a command; and who hears of it. */
#include <string.h>

#include "queue/role_kit.h"
#include "store/lost.h"

static struct kit *open_with(bool hold, const char *params)
{
    struct kit *k                  = kit_open();
    struct msg  m                  = kit_message("abcd", "ada@example.org", "bob@example.net\t\n");
    k->config.queue.held_lifetime  = 30 * 86400;
    k->config.queue.future_release = 60 * 86400;
    m.commit.hold                  = hold;
    m.commit.params                = gp_from(params);
    if (hold) m.commit.hold_why = GP_LIT("it sends as if somebody else had the account");
    kit_commit(k, 1, &m);
    kit_turn(k);
    CHECK(k->answer_count == 1 && k->answers[0].status == GP_OK);
    return k;
}

static bool change(struct kit *k, enum queue_change what)
{
    bool changed = false;
    CHECK(queue_begin(k->queue->store) == GP_OK);
    CHECK(queue_alter(k->queue->store, what, GP_LIT("abcd"), k->now, &changed) == GP_OK);
    CHECK(queue_commit(k->queue->store) == GP_OK);
    queue_look(k->queue, k->now);
    kit_turn(k);
    return changed;
}

static void at(struct kit *k, gp_time when)
{
    k->now = when;
    kit_turn(k);
}

/* ---- held for too long ----------------------------------------------------------------------------------------------- */
TEST(what_nobody_releases_goes_back)
{
    struct kit *k = open_with(true, "");
    at(k, KIT_START + 30 * KIT_DAY - 1);
    CHECK(k->sent_count == 0 && kit_count(k, "messages", "held = 1800000000000") == 1);
    at(k, KIT_START + 30 * KIT_DAY);
    CHECK(kit_told(k, "Action: failed") == 1 && kit_told(k, "It was held for longer than mail may be") == 1);
    CHECK(kit_told(k, "somebody else") == 0); /* what is suspected is not the sender's to know */
    CHECK(kit_count(k, "messages", "queue_id = 'abcd'") == 0 && kit_audited(k, "failed") == 1);
    kit_close(k);
}

TEST(what_is_held_for_long_is_counted)
{
    struct kit *k     = open_with(true, "");
    size_t      count = 7;
    gp_time     since = 0;
    CHECK(queue_count_held(k->queue->store, KIT_START - 1, &count, &since) == GP_OK && count == 0 && since == 0);
    CHECK(queue_count_held(k->queue->store, KIT_START, &count, &since) == GP_OK && count == 1 && since == KIT_START);
    kit_close(k);
}

/* A command's hold begins with the command, and is over with the release. */
TEST(the_time_begins_with_the_hold)
{
    struct kit *k = open_with(false, "");
    kit_answer_all(k, KIT_DOWN, HOST_ANSWERED);
    at(k, KIT_START + KIT_MINUTE);
    CHECK(change(k, QUEUE_HOLD));
    at(k, KIT_START + 30 * KIT_DAY);
    CHECK(kit_told(k, "") == 0);
    CHECK(change(k, QUEUE_RELEASE) && kit_count(k, "messages", "held = 0") == 1 && k->sent_count == 2);
    kit_answer_all(k, KIT_DOWN, HOST_ANSWERED); /* it has five days again */
    kit_turn(k);
    CHECK(kit_told(k, "Action: failed") == 0);
    CHECK(change(k, QUEUE_HOLD));
    at(k, KIT_START + 60 * KIT_DAY - KIT_MINUTE);
    CHECK(kit_told(k, "Action: failed") == 0);
    at(k, KIT_START + 60 * KIT_DAY);
    CHECK(kit_told(k, "Action: failed") == 1);
    kit_close(k);
}

TEST(a_hold_may_be_for_ever)
{
    struct kit *k                 = open_with(true, "");
    k->config.queue.held_lifetime = 0;
    at(k, KIT_START + 4000 * KIT_DAY);
    CHECK(k->sent_count == 0 && kit_count(k, "messages", "1") == 1);
    kit_close(k);
}

/* Its sender has it held back for longer than that: the hold counts from then on. */
TEST(what_is_not_to_go_yet_is_not_held_for_too_long)
{
    struct kit *k = open_with(true, "HOLDFOR=3456000"); /* 40 days */
    at(k, KIT_START + 70 * KIT_DAY - 1);
    CHECK(kit_told(k, "") == 0);
    at(k, KIT_START + 70 * KIT_DAY);
    CHECK(kit_told(k, "Action: failed") == 1);
    kit_close(k);
}

/* ---- taken out by a command ------------------------------------------------------------------------------------------- */
TEST(who_sent_what_is_taken_out_is_told)
{
    struct kit *k = open_with(false, "");
    kit_answer_all(k, KIT_DOWN, HOST_ANSWERED);
    kit_turn(k);
    CHECK(change(k, QUEUE_RETURN));
    CHECK(kit_told(k, "Action: failed") == 1 && kit_told(k, "Status: 5.7.1") == 1 &&
          kit_told(k, "connection refused") == 1);
    CHECK(kit_told(k, "Your mail server's administrator took the message out of the queue") == 1);
    CHECK(kit_count(k, "messages", "queue_id = 'abcd'") == 0);
    CHECK(kit_audited(k, "deleted") == 1 && kit_audited(k, "failed") == 1 && kit_audited(k, "bounced") == 1);
    kit_close(k);
}

TEST(who_wants_to_hear_nothing_hears_nothing)
{
    static const struct {
        const char *sender, *to;
    } rows[] = {
        {"",                 "bob@example.net\t\n"            },
        { "ada@example.org", "bob@example.net\tNOTIFY=NEVER\n"},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct kit *k = kit_open();
        struct msg  m = kit_message("abcd", rows[i].sender, rows[i].to);
        m.commit.hold = 1;
        kit_commit(k, 1, &m);
        kit_turn(k);
        CHECK(change(k, QUEUE_RETURN) && k->sent_count == 0 && kit_count(k, "messages", "1") == 0);
        kit_close(k);
    }
}

/* What the relay has in hand may be delivered yet; else it ends then, and is not tried again. */
TEST(what_is_under_way_when_it_is_taken_out_ends_with_that)
{
    static const char *const said[] = { KIT_TAKEN, KIT_DOWN };
    for (size_t i = 0; i < GP_COUNT(said); i++) {
        struct kit *k = open_with(false, "");
        CHECK(k->sent_count == 1 && change(k, QUEUE_RETURN) && kit_told(k, "") == 0);
        kit_answer_all(k, said[i], HOST_ANSWERED);
        kit_turn(k);
        kit_turn(k); /* a second later */
        CHECK(kit_told(k, "Action: failed") == i && kit_count(k, "messages", "queue_id = 'abcd'") == 0);
        CHECK(kit_audited(k, "delivered") == !i);
        kit_close(k);
    }
}

/* The server does not run: until it does, it can be had back. */
TEST(a_release_takes_it_back)
{
    struct kit *k = open_with(true, "");
    bool        changed;
    CHECK(queue_begin(k->queue->store) == GP_OK);
    CHECK(queue_alter(k->queue->store, QUEUE_RETURN, GP_LIT("abcd"), k->now, &changed) == GP_OK && changed);
    CHECK(queue_alter(k->queue->store, QUEUE_RETURN, GP_LIT("abcd"), k->now, &changed) == GP_OK && !changed);
    CHECK(queue_alter(k->queue->store, QUEUE_RELEASE, GP_LIT("abcd"), k->now, &changed) == GP_OK && changed);
    CHECK(queue_commit(k->queue->store) == GP_OK);
    queue_look(k->queue, k->now);
    kit_turn(k);
    CHECK(k->sent_count == 1 && kit_told(k, "") == 0 && kit_count(k, "messages", "removed = 0 AND hold_why = ''") == 1);
    kit_close(k);
}

/* ---- our own mail --------------------------------------------------------------------------------------------------- */
/* Nobody has a report of a report: the vault is to be told, of ours alone. */
TEST(a_report_that_fails_for_good_is_known_to_be_lost)
{
    static const char refused[] = "3\t550\t5.7.1\tmx.example.net\tTLSv1.3\tempty sender refused";
    struct kit       *k         = open_with(false, "");
    kit_answer_all(k, refused, HOST_ANSWERED);
    kit_turn(k);
    CHECK(k->sent_count == 2 && !k->sent[1].sender[0] && !k->queue->lost[0]);
    kit_answer_all(k, KIT_DOWN, HOST_ANSWERED);
    kit_turn(k);
    CHECK(!k->queue->lost[0]); /* it is tried again */
    k->now += KIT_HOUR;
    kit_turn(k);
    CHECK(k->sent_count == 3);
    kit_answer_all(k, refused, HOST_ANSWERED);
    kit_turn(k);
    CHECK_IS(gp_from(k->queue->lost), k->sent[1].queue_id);
    struct lost_reports lost = { 0 };
    CHECK(lost_get(queue_database(k->queue->store), &lost) == GP_OK && lost.count == 1 && lost.last == k->now);
    CHECK_IS(gp_from(lost.queue_id), k->sent[1].queue_id);
    CHECK_IS(gp_from(lost.reason), "550 5.7.1 empty sender refused");
    CHECK(lost_add(queue_database(k->queue->store), k->now + 1, GP_LIT("other"), GP_LIT("why")) == GP_OK);
    CHECK(lost_get(queue_database(k->queue->store), &lost) == GP_OK && lost.count == 2 && lost.last == k->now + 1);
    CHECK_IS(gp_from(lost.reason), "why");
    kit_close(k);
}

TEST(what_a_client_sends_from_nobody_is_its_own_matter)
{
    struct kit *k = kit_open();
    struct msg  m = kit_message("abcd", "", "bob@example.net\t\n");
    kit_commit(k, 1, &m);
    kit_turn(k);
    kit_answer_all(k, "3\t550\t5.1.1\tmx.example.net\tTLSv1.3\tno such user", HOST_ANSWERED);
    kit_turn(k);
    CHECK(k->sent_count == 1 && kit_audited(k, "failed") == 1 && !k->queue->lost[0]);
    kit_close(k);
}

/* ---- what the brake counts ------------------------------------------------------------------------------------------ */
static unsigned failures_counted(const struct kit *k)
{
    unsigned failed = 0;
    for (size_t i = 0; i < k->queue->fate_count; i++) failed += k->queue->fates[i].failed;
    return failed;
}

/* An outage, ours perhaps, says nothing of who sends. */
TEST(what_is_given_up_for_its_age_counts_against_nobody)
{
    static const char *const said[] = { KIT_DOWN, "3\t550\t5.1.1\tmx.example.net\tTLSv1.3\tno such user" };
    for (unsigned i = 0; i < GP_COUNT(said); i++) {
        struct kit *k = open_with(false, "");
        k->now += (gp_time)k->config.queue.lifetime * SECOND;
        kit_answer_all(k, said[i], HOST_ANSWERED);
        kit_turn(k);
        CHECK(kit_told(k, "Action: failed") == 1 && failures_counted(k) == i);
        kit_close(k);
    }
}
