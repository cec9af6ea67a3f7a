/* A notice becomes mail that nothing answers, whatever is in its texts. */
#include <string.h>

#include "queue/role_kit.h"

static void take(struct kit *k, const char *to, const char *subject, const char *text)
{
    struct msg m = MSG(NOTICE);
    m.notice     = (struct msg_notice) { .to = gp_from(to), .subject = gp_from(subject), .text = gp_from(text) };
    notice_take(k->queue, (struct asker) { NULL, 1 }, &m, k->now);
    kit_turn(k);
}

TEST(a_notice_is_mail_from_nobody)
{
    struct kit *k = kit_open();
    take(k, "bob@example.net", "Your password ends", "What happened\nIt ends.\n");
    CHECK(k->answer_count == 1 && k->answers[0].status == GP_OK && k->sent_count == 1);
    CHECK_IS(gp_from(k->sent[0].sender), "");
    CHECK_IS(gp_from(k->sent[0].recipients), "bob@example.net\t\n");
    CHECK_IS(gp_from(k->sent[0].params), "");
    CHECK(strstr(k->sent[0].body, "Auto-Submitted: auto-generated\r\n") &&
          strstr(k->sent[0].body, "\r\nSubject: Your password ends\r\n"));
    CHECK(strstr(k->sent[0].body, "\r\n\r\nWhat happened\r\nIt ends.\r\n") &&
          k->sent[0].size == strlen(k->sent[0].body));
    kit_answer_all(k, "3\t550\t5.1.1\tmx.example.net\tTLSv1.3\tno such user", HOST_ANSWERED);
    kit_turn(k);
    CHECK(kit_count(k, "messages", "1") == 0 && kit_audited(k, "bounced") == 0); /* no bounce, no loop */
    kit_close(k);
}

TEST(no_text_ends_a_field_or_a_line)
{
    struct kit *k = kit_open();
    take(k, "bob@example.net", "a\r\nBcc: eve@example.com", "x\ry\n\xc3\xa9\n");
    CHECK(k->sent_count == 1 && strstr(k->sent[0].body, "Subject: a??Bcc: eve@example.com\r\n") &&
          strstr(k->sent[0].body, "\r\nx?y\r\n"));
    CHECK_IS(gp_from(k->sent[0].params), "BODY=8BITMIME");
    take(k, "bob@example.net\nevil@example.com", "s", "t");
    CHECK(k->answer_count == 2 && k->answers[1].status == GP_PERMFAIL && k->sent_count == 1);
    kit_close(k);
}

TEST(what_is_no_address_or_too_long_is_refused)
{
    char        text[16 * 1024];
    struct kit *k = kit_open();
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    take(k, "bob@example.net", "s", text);
    take(k, "bob\x01@example.net", "s", "t");
    CHECK(k->answer_count == 2 && k->answers[0].status == GP_PERMFAIL && k->answers[1].status == GP_PERMFAIL);
    CHECK(k->sent_count == 0);
    kit_close(k);
}
