/* A message's way through the role: in, out, put off, back; what commands change meanwhile; and what a broken store does to it. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "queue/role_kit.h"

#define LATER   "2\t451\t4.3.0\tmx.example.net\tTLSv1.3\ttry later"
#define REFUSED "3\t550\t5.1.1\tmx.example.net\tTLSv1.3\tno such user"

TEST(many_messages_of_a_turn_are_one_transaction)
{
    enum { MESSAGES = 500 };
    struct kit *k = kit_open();
    char        id[32];
    for (int i = 0; i < MESSAGES; i++) {
        (void)snprintf(id, sizeof id, "m%d", i);
        struct msg m = kit_message(id, "ada@example.org", "bob@example.net\t\n");
        kit_commit(k, (uint32_t)i + 1, &m);
    }
    CHECK(k->answer_count == 0); /* nothing is promised before it is on stable storage */
    batch_flush(k->queue, k->now);
    CHECK(k->queue->batch.transactions == 1 && k->answer_count == MESSAGES);
    for (size_t i = 0; i < MESSAGES; i++) CHECK(k->answers[i].status == GP_OK && k->answers[i].question == i + 1);
    kit_close(k);
}

TEST(a_message_goes_out_once_and_leaves_nothing_but_its_audit)
{
    struct kit *k = kit_open();
    struct msg  m = kit_message("abcd2345", "ada@example.org", "bob@Example.NET\tNOTIFY=FAILURE\neve@example.com\t\n");
    m.commit.params = GP_LIT("BODY=8BITMIME");
    kit_commit(k, 1, &m);
    kit_turn(k);
    kit_turn(k);
    CHECK(k->sent_count == 2); /* one for each domain */
    CHECK_IS(gp_from(k->sent[0].destination), "example.net");
    CHECK_IS(gp_from(k->sent[0].recipients), "bob@Example.NET\tNOTIFY=FAILURE\n");
    CHECK_IS(gp_from(k->sent[0].params), "BODY=8BITMIME");
    CHECK_SAME(gp_from(k->sent[0].body), m.commit.body);
    kit_answer_all(k, KIT_TAKEN, HOST_ANSWERED);
    kit_turn(k);
    CHECK(kit_count(k, "messages", "1") == 0 && kit_count(k, "recipients", "1") == 0 &&
          kit_count(k, "bodies", "1") == 0);
    CHECK(kit_audited(k, "accepted") == 1 && kit_audited(k, "delivered") == 2);
    kit_close(k);
}

TEST(outcomes_go_with_the_next_messages_or_wait_but_a_moment)
{
    struct kit   *k = kit_open();
    struct queue *q = k->queue;
    struct msg    m = kit_message("first", "ada@example.org", "bob@example.net\t\n");
    kit_commit(k, 1, &m);
    kit_turn(k);
    kit_answer_all(k, KIT_TAKEN, HOST_ANSWERED);
    batch_flush(q, k->now);
    CHECK(q->batch.transactions == 1 && q->batch.done && batch_wait(q, k->now) == JOIN_WAIT);
    m = kit_message("second", "ada@example.org", "bob@example.net\t\n");
    kit_commit(k, 2, &m);
    batch_flush(q, k->now);
    CHECK(q->batch.transactions == 2 && !q->batch.done && kit_audited(k, "delivered") == 1);

    dispatch(q, k->now);
    kit_answer_all(k, KIT_TAKEN, HOST_ANSWERED);
    batch_flush(q, k->now + JOIN_WAIT - 1);
    CHECK(q->batch.done && batch_wait(q, k->now + JOIN_WAIT) == 0);
    batch_flush(q, k->now + JOIN_WAIT);
    CHECK(!q->batch.done && kit_audited(k, "delivered") == 2 && kit_count(k, "messages", "1") == 0);
    kit_close(k);
}

TEST(who_stops_keeps_no_outcome_waiting)
{
    struct kit *k = kit_open();
    struct msg  m = kit_message("last", "ada@example.org", "bob@example.net\t\n");
    kit_commit(k, 1, &m);
    kit_turn(k);
    kit_answer_all(k, KIT_TAKEN, HOST_ANSWERED);
    k->queue->stopping = true;
    batch_flush(k->queue, k->now);
    CHECK(!k->queue->batch.done && kit_audited(k, "delivered") == 1);
    kit_close(k);
}

TEST(mail_that_waits_goes_the_way_that_the_configuration_says_now)
{
    struct kit *k        = kit_open();
    struct msg  m        = kit_message("abcd", "ada@example.org", "\"b@b\"@Example.NET\t\neve@example.com\t\n");
    k->config.relay.kind = RELAY_SMARTHOST;
    kit_restart(k);
    kit_commit(k, 1, &m);
    kit_turn(k);
    CHECK(kit_count(k, "recipients", "destination = 'smarthost'") == 2);
    k->config.relay.kind = RELAY_MX;
    kit_restart(k);
    while (behind_turn(k->queue, k->now)) continue;
    CHECK(kit_count(k, "recipients", "destination = 'example.net'") == 1);
    CHECK(kit_count(k, "recipients", "destination = 'example.com'") == 1);
    k->config.relay.kind = RELAY_SMARTHOST;
    kit_restart(k);
    while (behind_turn(k->queue, k->now)) continue;
    CHECK(kit_count(k, "recipients", "destination = 'smarthost'") == 2);
    kit_close(k);
}

TEST(a_slow_attempt_does_not_hold_up_what_comes_after_it)
{
    struct kit *k    = kit_open();
    struct msg  slow = kit_message("aaaa", "ada@example.org", "bob@example.net\t\n");
    struct msg  next = kit_message("bbbb", "ada@example.org", "eve@example.net\t\n");
    kit_commit(k, 1, &slow);
    kit_turn(k);
    kit_commit(k, 2, &next);
    kit_turn(k);
    CHECK(k->sent_count == 2);
    CHECK_IS(gp_from(k->sent[1].queue_id), "bbbb");
    kit_close(k);
}

TEST(a_smarthost_gets_a_message_in_pieces_of_a_hundred)
{
    struct kit    *k = kit_open();
    static char    room[16384];
    struct gp_text to    = GP_TEXT(room);
    k->config.relay.kind = RELAY_SMARTHOST;
    for (int i = 0; i < 250; i++) {
        gp_put_z(&to, "r");
        gp_put_number(&to, i);
        gp_put_z(&to, i % 2 ? "@example.net\t\n" : "@example.com\t\n");
    }
    struct msg m        = kit_message("abcd", "ada@example.org", "");
    m.commit.recipients = gp_said(&to);
    kit_commit(k, 1, &m);
    kit_turn(k);
    CHECK(k->sent_count == 3);
    CHECK_IS(gp_from(k->sent[0].destination), "smarthost");
    CHECK(k->sent[0].attempt->due.count == 100 && k->sent[1].attempt->due.count == 100 &&
          k->sent[2].attempt->due.count == 50);
    kit_answer_all(k, KIT_TAKEN, HOST_ANSWERED);
    kit_turn(k);
    CHECK(kit_count(k, "messages", "1") == 0 && kit_audited(k, "delivered") == 250);
    kit_close(k);
}

TEST(recipients_of_one_attempt_fare_differently)
{
    struct kit *k = kit_open();
    struct msg  m = kit_message("abcd", "ada@example.org", "a@example.net\t\nb@example.net\t\nc@example.net\t\n");
    kit_commit(k, 1, &m);
    kit_turn(k);
    kit_answer_one(k, 0, KIT_TAKEN "\n" LATER "\n" REFUSED "\n", HOST_ANSWERED);
    kit_turn(k);
    CHECK(kit_count(k, "recipients", "address = 'a@example.net' AND state = 1") == 1);
    CHECK(kit_count(k, "recipients", "address = 'b@example.net' AND state = 0 AND attempts = 1 AND code = 451") == 1);
    CHECK(kit_count(k, "recipients", "address = 'c@example.net' AND state = 2") == 1);
    CHECK(k->sent_count == 2); /* the bounce, at once, in the same transaction as the failure */
    CHECK_IS(gp_from(k->sent[1].destination), "example.org");
    CHECK_IS(gp_from(k->sent[1].recipients), "ada@example.org\tNOTIFY=NEVER\n");
    CHECK(strstr(k->sent[1].body, "c@example.net") && !strstr(k->sent[1].body, "b@example.net"));
    CHECK(strstr(k->sent[1].body, "550 5.1.1 no such user") &&
          strstr(k->sent[1].body, "From: Mail delivery <MAILER-DAEMON@example.org>")); /* whose keys sign */
    kit_close(k);
}

TEST(a_result_that_is_none_means_try_again)
{
    static const char *const lines[] = { "",       "\n", "OK", "7\t250\t\t\t\t\n", "1\t250\t\t\t\t\n", "0\t\t\t\t\t\n",
                                         "-1\t0\n" };
    for (size_t i = 0; i < GP_COUNT(lines); i++) {
        struct kit *k = kit_open();
        struct msg  m = kit_message("abcd", "ada@example.org", "a@example.net\t\n");
        kit_commit(k, 1, &m);
        kit_turn(k);
        kit_answer_one(k, 0, lines[i], HOST_ANSWERED);
        kit_turn(k);
        CHECK(kit_count(k, "recipients", "state = 0 AND attempts = 1") == 1);
        kit_close(k);
    }
}

/* ---- who is told ---------------------------------------------------------------------------------------------------------- */
TEST(notifications_go_to_whom_they_are_owed)
{
    /* clang-format off */
    static const struct { const char *sender, *params, *result; size_t notices; } rows[] = {
        { "ada@example.org", "",                     REFUSED,        1 },
        { "ada@example.org", "NOTIFY=FAILURE",       REFUSED,        1 },
        { "ada@example.org", "NOTIFY=SUCCESS,DELAY", REFUSED,        0 },
        { "ada@example.org", "NOTIFY=NEVER",         REFUSED,        0 },
        { "",                "",                     REFUSED,        0 },
        { "ada@example.org", "",                     KIT_TAKEN,          0 },
        { "ada@example.org", "NOTIFY=SUCCESS",       KIT_TAKEN,          1 },
        { "ada@example.org", "NOTIFY=SUCCESS",       KIT_TAKEN "\tdsn",  0 },
        { "",                "NOTIFY=SUCCESS",       KIT_TAKEN,          0 },
        { "ada@example.org", "NOTIFY=FAILURE",       KIT_TAKEN,          0 },
    };
    /* clang-format on */
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char        to[128];
        struct kit *k = kit_open();
        (void)snprintf(to, sizeof to, "bob@example.net\t%s\n", rows[i].params);
        struct msg m = kit_message("abcd", rows[i].sender, to);
        kit_commit(k, 1, &m);
        kit_turn(k);
        kit_answer_one(k, 0, rows[i].result, HOST_ANSWERED);
        kit_turn(k);
        if (k->sent_count != 1 + rows[i].notices) fail_msg("row %zu", i);
        CHECK(kit_audited(k, "bounced") == rows[i].notices);
        kit_close(k);
    }
}

TEST(a_bounce_that_bounces_is_the_end_of_it)
{
    struct kit *k = kit_open();
    struct msg  m = kit_message("abcd", "ada@example.org", "bob@example.net\t\n");
    kit_commit(k, 1, &m);
    kit_turn(k);
    kit_answer_all(k, REFUSED, HOST_ANSWERED);
    kit_turn(k);
    kit_answer_all(k, REFUSED, HOST_ANSWERED);
    kit_turn(k);
    CHECK(k->sent_count == 2 && kit_count(k, "messages", "1") == 0 && kit_audited(k, "failed") == 2);
    kit_close(k);
}

/* ---- what must not come in --------------------------------------------------------------------------------------------------- */
TEST(a_malformed_commit_is_refused_and_harms_nobody)
{
    static const char *const recipients[] = { "",
                                              "\n",
                                              "\t\n",
                                              "bob@example.net",
                                              "bob@example.net\t\n\n",
                                              "b\x01@example.net\t\n",
                                              "bob@example.net\tNOTIFY=\x7f\n" };
    static const char *const ids[] = { "", "../../etc/passwd", "UPPER", "a.b", "abcdefghijklmnopqrstuvwxyz0123456789" };
    struct kit              *k     = kit_open();
    struct msg               fine  = kit_message("fine", "ada@example.org", "bob@example.net\t\n");
    kit_commit(k, 1, &fine);
    for (size_t i = 0; i < GP_COUNT(recipients); i++) {
        struct msg m = kit_message("bad", "ada@example.org", recipients[i]);
        kit_commit(k, 2, &m);
    }
    for (size_t i = 0; i < GP_COUNT(ids); i++) {
        struct msg m = kit_message(ids[i], "ada@example.org", "bob@example.net\t\n");
        kit_commit(k, 3, &m);
    }
    struct msg size = kit_message("size", "ada@example.org", "bob@example.net\t\n");
    size.commit.size++;
    kit_commit(k, 4, &size);
    kit_turn(k);
    CHECK(kit_count(k, "messages", "1") == 1 && k->answer_count == GP_COUNT(recipients) + GP_COUNT(ids) + 2);
    for (size_t i = 0; i < k->answer_count; i++)
        CHECK(k->answers[i].status == (k->answers[i].question == 1 ? GP_OK : GP_PERMFAIL));
    kit_close(k);
}

TEST(a_queue_id_that_is_taken_is_put_off_alone)
{
    struct kit *k = kit_open();
    struct msg  m = kit_message("same", "ada@example.org", "bob@example.net\t\n");
    kit_commit(k, 1, &m);
    kit_commit(k, 2, &m);
    kit_turn(k);
    CHECK(k->answers[0].question == 2 && k->answers[0].status == GP_TEMPFAIL);
    CHECK(k->answers[1].question == 1 && k->answers[1].status == GP_OK);
    CHECK(kit_count(k, "messages", "1") == 1 && kit_count(k, "recipients", "1") == 1);
    kit_close(k);
}

/* One set-up for all inputs of the property: opening a database takes longer than everything else in it. */
static struct kit *shared;

static void close_shared(void)
{
    kit_close(shared);
}

/* Whatever a broken smtpd says, the queue stays whole, and every question gets one answer. */
PROPERTY(any_commit_is_answered_once, bytes)
{
    if (!shared) {
        shared = kit_open();
        (void)atexit(close_shared);
    }
    struct kit *k = shared;
    kit_use(k);
    k->answer_count     = 0;
    struct msg m        = kit_message("x", "ada@example.org", "");
    m.commit.queue_id   = gp_cut(&bytes, '|');
    m.commit.sender     = gp_cut(&bytes, '|');
    m.commit.recipients = bytes;
    kit_commit(k, 9, &m);
    batch_flush(k->queue, k->now);
    CHECK(k->answer_count == 1 && k->answers[0].question == 9);
    if (k->answers[0].status == GP_OK) {
        CHECK(queue_begin(k->queue->store) == GP_OK);
        bool changed = false;
        CHECK(queue_alter(k->queue->store, QUEUE_DELETE, m.commit.queue_id, k->now, &changed) == GP_OK && changed);
        CHECK(queue_commit(k->queue->store) == GP_OK);
    }
}

/* ---- large bodies ---------------------------------------------------------------------------------------------------------------- */
static void draft(struct kit *k, const char *text)
{
    struct asker asker = { NULL, 5 };
    struct msg   m     = MSG(DRAFT);
    intake_draft(k->queue, asker, &m);
    CHECK(k->last_fd >= 0 && write(k->last_fd, text, strlen(text)) == (ssize_t)strlen(text));
}

static bool draft_is_there(const struct kit *k)
{
    char path[64];
    (void)snprintf(path, sizeof path, "bodies/draft.%" PRIu64, k->last_draft);
    return access(path, F_OK) == 0;
}

static struct msg large(struct kit *k, const char *id, size_t size)
{
    struct msg m   = kit_message(id, "ada@example.org", "bob@example.net\t\n");
    m.commit.draft = k->last_draft;
    m.commit.body  = GP_NONE;
    m.commit.size  = size;
    return m;
}

TEST(a_large_body_is_a_file_as_long_as_its_message_is)
{
    struct kit *k = kit_open();
    draft(k, "0123456789");
    struct msg m = large(k, "large", 10);
    kit_commit(k, 1, &m);
    kit_turn(k);
    CHECK(k->answers[0].status == GP_OK && k->sent[0].has_fd && k->sent[0].size == 10);
    CHECK(access("bodies/large", F_OK) == 0 && !draft_is_there(k));
    kit_answer_all(k, KIT_TAKEN, HOST_ANSWERED);
    kit_turn(k);
    CHECK(access("bodies/large", F_OK) != 0);
    kit_close(k);
}

/* Two messages of one size through one smtpd, and we die between them: the one that began before must not get the other's body. */
TEST(a_draft_of_a_former_life_is_nobody_elses_now)
{
    struct kit *k = kit_open();
    draft(k, "to bob 789");
    struct msg before = large(k, "before", 10);
    kit_restart(k);
    draft(k, "to eve 789");
    struct msg after          = large(k, "after", 10);
    struct msg give_up        = MSG(DRAFT_ABORT);
    give_up.draft_abort.draft = before.commit.draft;
    kit_commit(k, 1, &before);
    intake_abort(k->queue, NULL, &give_up);
    kit_commit(k, 2, &after);
    kit_turn(k);
    CHECK(k->answer_count == 2 && k->answers[0].status == GP_TEMPFAIL && k->answers[1].status == GP_OK);
    CHECK(kit_count(k, "messages", "queue_id = 'after'") == 1 && kit_count(k, "messages", "1") == 1);
    kit_close(k);
}

TEST(drafts_that_are_wrong_or_given_up_leave_nothing)
{
    struct kit *k = kit_open();
    draft(k, "0123456789");
    struct msg wrong = large(k, "wrong", 11);
    kit_commit(k, 1, &wrong);
    struct msg again = large(k, "again", 10); /* its draft is gone */
    kit_commit(k, 2, &again);
    draft(k, "x");
    struct msg give_up        = MSG(DRAFT_ABORT);
    give_up.draft_abort.draft = k->last_draft;
    intake_abort(k->queue, NULL, &give_up);
    draft(k, "y");
    intake_gone(k->queue, NULL);
    kit_turn(k);
    CHECK(k->answers[0].status == GP_TEMPFAIL && k->answers[1].status == GP_TEMPFAIL);
    CHECK(rmdir("bodies") == 0); /* it is empty */
    kit_close(k);
}

/* ---- commands meanwhile ------------------------------------------------------------------------------------------------------------ */
static void alter(struct kit *k, enum queue_change change, const char *id)
{
    enum database_trouble trouble;
    struct queue_store   *other   = queue_open(".", 1000, &trouble); /* as a command does, beside us */
    bool                  changed = false;
    CHECK(other && queue_begin(other) == GP_OK && queue_alter(other, change, gp_from(id), k->now, &changed) == GP_OK &&
          changed);
    CHECK(queue_commit(other) == GP_OK);
    queue_close(other);
    CHECK(database_changed(queue_database(k->queue->store)));
    queue_look(k->queue, k->now);
    kit_turn(k);
}

TEST(commands_take_effect_beside_the_running_server)
{
    struct kit *k = kit_open();
    struct msg  m = kit_message("abcd", "ada@example.org", "bob@example.net\t\n");
    kit_commit(k, 1, &m);
    kit_turn(k);
    kit_answer_all(k, "2\t0\t4.4.1\t\t\tconnection refused", HOST_DOWN);
    kit_turn(k);
    CHECK(k->sent_count == 1);
    alter(k, QUEUE_RETRY, "abcd"); /* now, though the destination rests */
    CHECK(k->sent_count == 2);
    kit_answer_all(k, LATER, HOST_ANSWERED);
    kit_turn(k);
    alter(k, QUEUE_HOLD, "abcd");
    k->now += KIT_DAY;
    kit_turn(k);
    CHECK(k->sent_count == 2);
    alter(k, QUEUE_RELEASE, "abcd");
    CHECK(k->sent_count == 3);
    alter(k, QUEUE_DELETE, "abcd"); /* under way: what comes of it is nobody's any more */
    kit_answer_all(k, REFUSED, HOST_ANSWERED);
    kit_turn(k);
    CHECK(k->sent_count == 3 && kit_count(k, "messages", "1") == 0 && k->queue->under_way == 0);
    kit_close(k);
}

TEST(held_while_under_way_stays_held_unless_delivered)
{
    struct kit *k = kit_open();
    struct msg  m = kit_message("abcd", "ada@example.org", "bob@example.net\t\n");
    kit_commit(k, 1, &m);
    kit_turn(k);
    alter(k, QUEUE_HOLD, "abcd");
    kit_answer_all(k, LATER, HOST_ANSWERED);
    kit_turn(k);
    CHECK(kit_count(k, "recipients", "state = 3 AND attempts = 1") == 1);
    kit_close(k);
}

/* ---- a store that cannot ------------------------------------------------------------------------------------------------------------ */
TEST(a_store_that_cannot_write_puts_mail_off_and_loses_none)
{
    struct kit *k = kit_open();
    struct msg  m = kit_message("first", "ada@example.org", "bob@example.net\t\n");
    kit_commit(k, 1, &m);
    kit_turn(k);
    CHECK(k->sent_count == 1);
    kit_limit_files(4096);
    struct msg second = kit_message("second", "ada@example.org", "bob@example.net\t\n");
    kit_commit(k, 2, &second);
    kit_answer_all(k, KIT_TAKEN, HOST_ANSWERED); /* cannot be recorded now */
    batch_flush(k->queue, k->now);
    CHECK(k->answer_count == 2 && k->answers[1].status == GP_TEMPFAIL && k->answers[1].why[0]);
    CHECK(k->queue->batch.done != NULL);
    dispatch(k->queue, k->now);
    CHECK(k->sent_count == 1);
    kit_limit_files(RLIM_INFINITY);
    struct msg third = kit_message("third", "ada@example.org", "bob@example.net\t\n");
    kit_commit(k, 3, &third);
    batch_flush(k->queue, k->now);
    CHECK(k->answers[2].status == GP_OK); /* does not wait for the outcome's rest */
    k->now += REST_AFTER_TROUBLE;
    kit_turn(k);
    CHECK(kit_audited(k, "delivered") == 1 && kit_count(k, "messages", "queue_id = 'first'") == 0);
    CHECK(kit_count(k, "messages", "queue_id = 'second'") == 0 && k->sent_count == 2);
    kit_close(k);
}

TEST(a_message_that_is_to_be_held_waits_for_a_command)
{
    struct kit *k     = kit_open();
    struct msg  m     = kit_message("abcd", "ada@example.org", "bob@example.net\t\neve@example.com\t\n");
    m.commit.hold     = 1;
    m.commit.hold_why = GP_LIT("too much");
    kit_commit(k, 1, &m);
    kit_turn(k);
    CHECK(k->answer_count == 1 && k->answers[0].status == GP_OK && k->sent_count == 0);
    CHECK(kit_count(k, "recipients", "state = 3") == 2 && kit_count(k, "messages", "hold_why = 'too much'") == 1);
    kit_restart(k);
    kit_turn(k);
    CHECK(k->sent_count == 0);
    alter(k, QUEUE_RELEASE, "abcd");
    kit_turn(k);
    CHECK(k->sent_count == 2 && kit_count(k, "messages", "hold_why = ''") == 1);
    kit_answer_all(k, KIT_TAKEN, HOST_ANSWERED);
    kit_turn(k);
    CHECK(kit_count(k, "messages", "1") == 0);
    kit_close(k);
}

TEST(a_locked_store_is_waited_for_once_a_turn)
{
    struct kit           *k = kit_open();
    enum database_trouble trouble;
    struct queue_store   *other = queue_open(".", 0, &trouble);
    draft(k, "0123456789");
    struct msg first = large(k, "large", 10), m = kit_message("abcd", "ada@example.org", "bob@example.net\t\n");
    CHECK(other && queue_begin(other) == GP_OK);
    CHECK(database_script(queue_database(k->queue->store), "PRAGMA busy_timeout = 0") == GP_OK);
    kit_commit(k, 1, &first);
    queue_close(other);
    kit_commit(k, 2, &m); /* not tried again: it would have to wait as long as the first */
    CHECK(k->answer_count == 2 && k->answers[0].status == GP_TEMPFAIL && k->answers[1].status == GP_TEMPFAIL);
    CHECK_IS(gp_from(k->answers[1].why), "the database is locked by another process");
    CHECK(access("bodies/large", F_OK) != 0 && !draft_is_there(k));
    kit_turn(k);
    kit_commit(k, 3, &m);
    kit_turn(k);
    CHECK(k->answer_count == 3 && k->answers[2].status == GP_OK && kit_count(k, "messages", "1") == 1);
    kit_close(k);
}

TEST(a_full_database_is_said_as_such)
{
    static char body[QUEUE_INLINE_MOST];
    struct kit *k = kit_open();
    struct msg  m = kit_message("abcd", "ada@example.org", "bob@example.net\t\n");
    memset(body, 'x', sizeof body);
    m.commit.body = (gp_str) { body, sizeof body };
    m.commit.size = sizeof body;
    CHECK(database_script(queue_database(k->queue->store), "PRAGMA max_page_count = 1") ==
          GP_OK); /* no more than now */
    draft(k, "0123456789");
    struct msg with = large(k, "large", 10);
    kit_commit(k, 1, &with);
    CHECK(k->answer_count == 0 && access("bodies/large", F_OK) == 0);
    kit_commit(k, 2, &m);
    kit_turn(k);
    CHECK(k->answer_count == 2 && k->answers[0].status == GP_TEMPFAIL && k->answers[1].status == GP_TEMPFAIL);
    CHECK_IS(gp_from(k->answers[0].why), "space");
    CHECK_IS(gp_from(k->answers[1].why), "space");
    CHECK(kit_count(k, "messages", "1") == 0 && kit_audited(k, "accepted") == 0 && access("bodies/large", F_OK) != 0);
    kit_close(k);
}

TEST(too_little_free_space_is_said_as_such)
{
    struct kit *k              = kit_open();
    k->config.queue.free_space = UINT64_MAX;
    struct msg m               = kit_message("abcd", "ada@example.org", "bob@example.net\t\n");
    kit_commit(k, 1, &m);
    CHECK(k->answers[0].status == GP_TEMPFAIL);
    CHECK_IS(gp_from(k->answers[0].why), "space");
    kit_close(k);
}

TEST(a_database_that_cannot_be_opened_stops_the_start)
{
    struct kit *k = kit_open();
    struct msg  m = kit_message("abcd", "ada@example.org", "bob@example.net\t\n");
    kit_commit(k, 1, &m);
    kit_turn(k);
    queue_end(k->queue);
    int fd = open("queue.db", O_WRONLY);
    CHECK(fd >= 0 && pwrite(fd, "garbage garbage garbage", 23, 0) == 23 && close(fd) == 0);
    struct queue *q = calloc(1, sizeof *q);
    CHECK(q && !queue_start(q, &k->config, NULL, k->now));
    free(q);
    CHECK(unlink("queue.db") == 0);
    kit_restart(k);
    kit_close(k);
}

TEST(what_was_under_way_when_we_died_goes_out_again)
{
    struct kit *k = kit_open();
    struct msg  m = kit_message("abcd", "ada@example.org", "bob@example.net\t\n");
    kit_commit(k, 1, &m);
    kit_turn(k);
    kit_restart(k);
    kit_turn(k);
    CHECK(k->sent_count == 2);
    CHECK_IS(gp_from(k->sent[1].queue_id), "abcd");
    kit_close(k);
}
