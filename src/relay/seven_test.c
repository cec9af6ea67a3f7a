/* Mail of 8 bits and a next hop without 8BITMIME: converted, signed anew, or back with a reason. */
#include <stdlib.h>
#include <string.h>

#include "relay/hop_kit.h"

#define MESSAGE                                                                                                        \
    "From: ada@example.org\r\n\r\ngr\xc3\xbc\xc3\x9f"                                                                  \
    "e\r\n"
#define IN_7_BITS                                                                                                      \
    "From: ada@example.org\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"                              \
    "Content-Transfer-Encoding: quoted-printable\n\ngr=C3=BC=C3=9Fe\n"

TEST(it_is_converted_for_a_next_hop_without_8bitmime_and_for_no_other)
{
    static const struct {
        const char *ehlo, *mail, *data;
        bool        signs;
    } rows[] = {
        {"250 mx",                   "MAIL FROM:<ada@example.org>\n",               IN_7_BITS, false},
        { "250 mx",                  "MAIL FROM:<ada@example.org>\n",               IN_7_BITS, true },
        { "250-mx\r\n250 SIZE 1000", "MAIL FROM:<ada@example.org> SIZE=147\n",      IN_7_BITS, false},
        { "250-mx\r\n250 8BITMIME",  "MAIL FROM:<ada@example.org> BODY=8BITMIME\n",
         "\ngr\xc3\xbc\xc3\x9f"
          "e\n",                                                                               true },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench       *b      = bench_open();
        const struct script script = { .ehlo = rows[i].ehlo };
        b->config.dkim.sign        = rows[i].signs;
        b->has_key                 = true;
        b->params                  = "BODY=8BITMIME";
        b->scripts[0]              = &script;
        b->script_count            = 1;
        deliver_text(b, "a@x\t\n", MESSAGE);
        results_are(b, "0 250");
        CHECK(holds(heard(b, 0), rows[i].mail) && holds(heard(b, 0), rows[i].data));
        bench_close(b);
    }
}

/* A connection that serves one message after the other, some to be converted. */
TEST(the_next_message_finds_the_connection_as_it_was)
{
    struct bench *b     = bench_open();
    b->config.dkim.sign = true;
    SCRIPTS(b, { .ehlo = "250 mx" });
    deliver_text(b, "a@x\t\n", MESSAGE);
    deliver_text(b, "b@x\t\n", "From: ada@example.org\r\n\r\nx\r\n");
    deliver_text(b, "c@x\t\n", "From: ada@example.org\r\nSubject: \xc3\xbc\r\n\r\nx\r\n");
    results_are(b, "3 0");
    deliver_text(b, "d@x\t\n", MESSAGE);
    results_are(b, "0 250");
    CHECK(b->caller_count == 1 && holds(heard(b, 0), "RCPT TO:<b@x>\nDATA\nFrom: ada@example.org\n\nx\n"));
    CHECK(holds(heard(b, 0), "RCPT TO:<d@x>\nDATA\n" IN_7_BITS) && !holds(heard(b, 0), "c@x"));
    bench_close(b);
}

TEST(what_can_not_be_converted_comes_back_with_a_reason)
{
    static const struct {
        const char *params, *message, *enhanced, *reason;
    } rows[] = {
        {"",          "From: a@x\r\nSubject: \xc3\xbc\r\n\r\nx\r\n",                                                             "\t5.6.3\t",
         "a header field holds octets that are not ASCII"                                                                                                                                  },
        { "",
         "From: a@x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=a\r\n\r\n--a\r\n\r\n\xc3\xbc\r\n--a--\r\n",
         "\t5.6.3\t",                                                                                                                         "it holds 8-bit text that is signed as it is"},
        { "SMTPUTF8", "From: a@x\r\nSubject: \xc3\xbc\r\n\r\nx\r\n",                                                             "\t5.6.7\t",
         "the next hop does not offer SMTPUTF8"                                                                                                                                            },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench *b = bench_open();
        b->params       = rows[i].params;
        SCRIPTS(b, { .ehlo = "250 mx" });
        deliver_text(b, "a@x\t\n", rows[i].message);
        results_are(b, "3 0");
        CHECK(holds(gp_from(b->results), rows[i].enhanced) && holds(gp_from(b->results), rows[i].reason));
        CHECK(!holds(heard(b, 0), "MAIL"));
        bench_close(b);
    }
}

/* RFC 6531 3.2: what needs SMTPUTF8 is not sent without it, and a domain does not need it. */
TEST(a_domain_is_no_reason_to_return_a_message)
{
#define SENDER                                                                                                         \
    "a@b\xc3\xbc"                                                                                                      \
    "cher.example"
    static const struct {
        const char *sender, *to, *header, *heard;
    } rows[] = {
        {SENDER,        "c@x\t\n",                                "",
         "MAIL FROM:<a@xn--bcher-kva.example> BODY=8BITMIME\nRCPT TO:<c@x> ORCPT=rfc822;c@x\n"                                                              },
        { "a@x",        "c@\xc3\xbc.x\tNOTIFY=NEVER\n",           "Subject: x\r\n",
         "MAIL FROM:<a@x> BODY=8BITMIME\nRCPT TO:<c@xn--tda.x> NOTIFY=NEVER ORCPT=utf-8;c@\\x{FC}.x\n"                                                      },
        { "a@x",        "c@\xc3\xbc.x\tORCPT=utf-8;\xc3\xa4@x\n", "",                      "RCPT TO:<c@xn--tda.x> ORCPT=utf-8;\\x{E4}@x\n"                  },
        { "a@x",        "c@x\t\n",                                "",                      "MAIL FROM:<a@x> BODY=8BITMIME\nRCPT TO:<c@x> ORCPT=rfc822;c@x\n"},
        { "\xc3\xbc@x", "c@x\t\n",                                "",                      NULL                                                             },
        { "a@x",        "c@x\t\n",                                "Subject: \xc3\xbc\r\n", NULL                                                             },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench       *b      = bench_open();
        const struct script script = { .ehlo = "250-mx\r\n250-DSN\r\n250 8BITMIME" };
        char                message[256];
        b->scripts[0]   = &script;
        b->script_count = 1;
        b->sender       = rows[i].sender;
        b->params       = "SMTPUTF8 BODY=8BITMIME";
        snprintf(message, sizeof message, "From: a@x\r\n%s\r\n\xc3\xbc\r\n", rows[i].header);
        deliver_text(b, rows[i].to, message);
        if (rows[i].heard && !holds(heard(b, 0), rows[i].heard))
            fail_msg("row %zu: %.*s", i, (int)heard(b, 0).len, heard(b, 0).ptr);
        CHECK(rows[i].heard ? gp_starts(gp_from(b->results), "0\t250") : holds(gp_from(b->results), "\t5.6.7\t"));
        bench_close(b);
    }
}

/* Each by itself: who can be named without it gets it, in whatever order, and the replies are still of whom they are said of. */
TEST(an_address_that_needs_it_holds_nobody_else_back)
{
    struct bench *b = bench_open();
    b->params       = "SMTPUTF8 BODY=8BITMIME";
    SCRIPTS(b, {
                   .ehlo = "250-mx\r\n250 8BITMIME", .rcpt = {"250 ok", "550 5.1.1 no"}
    });
    deliver_text(b, "\xc3\xa4@x\t\nc@\xc3\xbc.x\t\n\xc3\xbc@x\t\nd@x\t\n", "From: a@x\r\n\r\nx\r\n");
    results_are(b, "3 0, 0 250, 3 0, 3 550");
    CHECK(holds(gp_from(b->results), "\t5.6.7\t") && holds(gp_from(b->results), "this address needs it"));
    CHECK(holds(heard(b, 0), "RCPT TO:<c@xn--tda.x>") && holds(heard(b, 0), "RCPT TO:<d@x>") &&
          !holds(heard(b, 0), "SMTPUTF8"));
    bench_close(b);
}

/* Lost reports leave their senders in the dark. */
TEST(a_report_arrives_whatever_it_quotes)
{
    static const struct {
        const char *ehlo, *to, *results;
    } rows[] = {
        {"250 mx",                  "a@x\t\n",        "0 250"},
        { "250-mx\r\n250 8BITMIME", "a@x\t\n",        "0 250"},
        { "250-mx\r\n250 8BITMIME", "\xc3\xbc@x\t\n", "3 0"  },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench       *b      = bench_open();
        const struct script script = { .ehlo = rows[i].ehlo };
        b->scripts[0]              = &script;
        b->script_count            = 1;
        b->sender                  = "";
        b->params                  = "BODY=8BITMIME SMTPUTF8 RET=HDRS";
        deliver_text(b, rows[i].to, "From: a@x\r\nSubject: \xe4\r\n\r\nx\r\n");
        results_are(b, rows[i].results);
        CHECK(rows[i].results[0] == '3' || holds(heard(b, 0), "Subject: ?\n"));
        CHECK(!holds(heard(b, 0), "SMTPUTF8"));
        bench_close(b);
    }
}

TEST(what_can_not_be_signed_anew_waits_and_the_connection_serves_the_next)
{
    struct bench *b     = bench_open();
    b->config.dkim.sign = true;
    b->keys_most        = 1;
    SCRIPTS(b, { .ehlo = "250 mx" });
    deliver_text(b, "a@x\t\n", MESSAGE);
    results_are(b, "2 0");
    CHECK(holds(gp_from(b->results), "\t4.3.0\t") && !holds(heard(b, 0), "MAIL"));
    b->keys_most = 0;
    deliver_text(b, "b@x\t\n", MESSAGE);
    results_are(b, "0 250");
    CHECK(b->caller_count == 1);
    bench_close(b);
}

/* The first host is lost once the message has been converted: it goes to the next one from its start. */
TEST(a_converted_message_starts_anew_at_the_next_host)
{
    struct bench *b = bench_open();
    b->hosts        = 2;
    SCRIPTS(b, { .ehlo = "250 mx", .mail = "-" }, { .ehlo = "250-mx\r\n250 8BITMIME" });
    deliver_text(b, "a@x\t\n", MESSAGE);
    results_are(b, "0 250");
    CHECK(b->caller_count == 2 && holds(heard(b, 1), IN_7_BITS));
    bench_close(b);
}
