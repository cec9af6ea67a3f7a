/* Whom reports are sent to. */
#include "queue/role_kit.h"

#include <dirent.h>
#include <string.h>

#define REFUSED "3\t550\t5.1.1\tmx.example.net\tTLSv1.3\tno such user"

TEST(a_report_puts_no_code_into_a_server_s_mouth_that_it_did_not_say)
{
    static const struct {
        const char *answer, *says;
    } rows[] = {
        {"3\t550\t5.0.0\tmx.example.net\t\t4.2.1 soft?\n", "smtp; 550 4.2.1 soft?\r\n"       },
        { "3\t550\t5.0.0\tmx.example.net\t\t\n",           "smtp; 550\r\n"                   },
        { REFUSED "\n",                                    "smtp; 550 5.1.1 no such user\r\n"},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct kit *k = kit_open();
        struct msg  m = kit_message("abcd", "ada@example.org", "c@example.net\t\n");
        kit_commit(k, 1, &m);
        kit_turn(k);
        kit_answer_one(k, 0, rows[i].answer, HOST_ANSWERED);
        kit_turn(k);
        CHECK(k->sent_count == 2 && strstr(k->sent[1].body, "\r\nStatus: 5."));
        if (!strstr(k->sent[1].body, rows[i].says)) fail_msg("%s", k->sent[1].body);
        kit_close(k);
    }
}

/* No backscatter: who may write as anybody must not have reports sent to anybody. */
TEST(a_report_goes_to_whose_the_message_is)
{
    static const struct {
        enum policy_mode mode;
        enum sender_rule rule;
        const char      *sender, *user, *to; /* to NULL: nobody is told */
    } rows[] = {
        {POLICY_ENFORCE,  SENDER_ENFORCE, "x@other.example", "ada",             "x@other.example\tNOTIFY=NEVER\n"},
        { POLICY_SHADOW,  SENDER_ENFORCE, "x@other.example", "ada",             NULL                             },
        { POLICY_ENFORCE, SENDER_ALLOW,   "x@other.example", "ada@example.org", "ada@example.org\tNOTIFY=NEVER\n"},
        { POLICY_OFF,     SENDER_ENFORCE, "x@example.org",   "ada",             "x@example.org\tNOTIFY=NEVER\n"  },
        { POLICY_OFF,     SENDER_ENFORCE, "Ada@b.example",   "ada@b.example",   "Ada@b.example\tNOTIFY=NEVER\n"  },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct kit *k                                = kit_open();
        struct msg  m                                = kit_message("abcd", rows[i].sender, "c@example.net\t\n");
        k->config.policy.identity.mode               = rows[i].mode;
        k->config.policy.identity.rules[SENDER_MAIL] = rows[i].rule;
        m.commit.user                                = gp_from(rows[i].user);
        kit_commit(k, 1, &m);
        kit_turn(k);
        kit_answer_one(k, 0, REFUSED "\n", HOST_ANSWERED);
        kit_turn(k);
        if (k->sent_count != (rows[i].to ? 2 : 1)) fail_msg("row %zu", i);
        if (rows[i].to) CHECK_IS(gp_from(k->sent[1].recipients), rows[i].to);
        kit_close(k);
    }
}

/* RFC 8689 5: protected as what it tells of, and its end. */
TEST(a_report_of_what_required_tls_requires_it_and_has_no_body)
{
    static const struct {
        const char *recipients, *answer;
    } rows[] = {
        {"c@example.net\t\n",                "3\t0\t5.7.30\tmx.example.net\t\tthe next hop does not offer REQUIRETLS\n"},
        { "c@example.net\tNOTIFY=SUCCESS\n", "0\t250\t2.0.0\tmx.example.net\tTLSv1.3\tok\n"                            },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct kit *k   = kit_open();
        struct msg  m   = kit_message("abcd", "ada@example.org", rows[i].recipients);
        m.commit.params = GP_LIT("RET=FULL REQUIRETLS");
        kit_commit(k, 1, &m);
        kit_turn(k);
        CHECK_IS(gp_from(k->sent[0].params), "RET=FULL REQUIRETLS");
        kit_answer_one(k, 0, rows[i].answer, HOST_ANSWERED);
        kit_turn(k);
        CHECK(k->sent_count == 2 && !k->sent[1].sender[0]);
        CHECK_IS(gp_from(k->sent[1].params), "REQUIRETLS");
        CHECK(strstr(k->sent[1].body, "text/rfc822-headers") && !strstr(k->sent[1].body, "message/rfc822"));
        kit_answer_one(k, 1, rows[0].answer, HOST_ANSWERED);
        kit_turn(k);
        CHECK(k->sent_count == 2 && kit_count(k, "messages", "1") == 0);
        kit_close(k);
    }
}

TEST(so_has_a_notice_of_a_delay)
{
    struct kit *k   = kit_open();
    struct msg  m   = kit_message("abcd", "ada@example.org", "c@example.net\t\n");
    m.commit.params = GP_LIT("REQUIRETLS");
    kit_commit(k, 1, &m);
    kit_turn(k);
    k->now += (gp_time)k->config.queue.delay_notice * SECOND;
    kit_answer_one(k, 0, "2\t0\t4.7.5\tmx.example.net\t\tbroken\n", HOST_ANSWERED);
    kit_turn(k);
    CHECK(k->sent_count == 2 && strstr(k->sent[1].body, "Action: delayed"));
    CHECK_IS(gp_from(k->sent[1].params), "REQUIRETLS");
    kit_close(k);
}

/* ---- reports that are files ------------------------------------------------------------------------------------------------- */
static size_t files(void)
{
    DIR   *folder = opendir("bodies");
    size_t count  = 0;
    CHECK(folder);
    for (struct dirent *e = readdir(folder); e; e = readdir(folder)) count += e->d_name[0] != '.';
    (void)closedir(folder);
    return count;
}

/* A message whose body its report has whole, and more than a row may hold with it. */
static struct kit *with_a_large_message(void)
{
    static char body[QUEUE_INLINE_MOST - 64];
    struct kit *k = kit_open();
    struct msg  m = kit_message("abcd", "ada@example.org", "c@example.net\t\n");
    memset(body, 'x', sizeof body);
    for (size_t i = 70; i < sizeof body; i += 70) body[i] = '\r', body[i + 1] = '\n';
    gp_put_z(&GP_TEXT(body), "Subject: x\r\n\r\n");
    m.commit.params = GP_LIT("RET=FULL");
    m.commit.body   = (gp_str) { body, sizeof body };
    m.commit.size   = sizeof body;
    kit_commit(k, 1, &m);
    kit_turn(k);
    CHECK(k->sent_count == 1 && files() == 0);
    return k;
}

static void run(struct kit *k, const char *sql)
{
    CHECK(database_script(queue_database(k->queue->store), sql) == GP_OK);
}

static void comes_back_once(struct kit *k)
{
    k->now += (gp_time)2 * REST_AFTER_TROUBLE;
    kit_turn(k);
    CHECK(!k->queue->batch.done && kit_audited(k, "bounced") == 1);
    CHECK(k->sent_count == 2 && !k->sent[1].sender[0] && files() == 1);
    kit_answer_one(k, 1, KIT_TAKEN, HOST_ANSWERED);
    kit_turn(k);
    CHECK(kit_count(k, "messages", "1") == 0 && files() == 0);
    kit_close(k);
}

TEST(a_report_that_no_transaction_has_leaves_no_file)
{
    struct kit *k = with_a_large_message();
    run(k,
        "CREATE TEMP TRIGGER cannot BEFORE INSERT ON audit WHEN new.event = 'bounced' BEGIN SELECT raise(ABORT, 'no'); END");
    kit_answer_all(k, REFUSED "\n", HOST_ANSWERED);
    for (int i = 0; i < 3; i++) {
        k->now += (gp_time)2 * REST_AFTER_TROUBLE;
        batch_flush(k->queue, k->now);
        CHECK(k->queue->batch.done && files() == 0);
    }
    run(k, "DROP TRIGGER cannot");
    comes_back_once(k);
}

/* Whether they were committed after all is known with the next transaction that is. */
TEST(reports_whose_commit_failed_leave_no_file_once_another_succeeds)
{
    struct kit *k = with_a_large_message();
    run(k, "PRAGMA wal_autocheckpoint = 0"); /* so that what is written next is behind all that was */
    kit_answer_all(k, REFUSED "\n", HOST_ANSWERED);
    kit_limit_files((rlim_t)4096 * 24);
    for (int i = 0; i < 3; i++) {
        k->now += (gp_time)2 * REST_AFTER_TROUBLE;
        batch_flush(k->queue, k->now);
        CHECK(k->queue->batch.done);
    }
    CHECK(files() == 3);
    kit_limit_files(RLIM_INFINITY);
    comes_back_once(k);
}
