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

#define IN_HEADER "From: a@x\r\nSubject: \xc3\xbc\r\n\r\nx\r\n"

TEST(what_one_host_lacks_another_may_offer)
{
    static const struct {
        const char   *params, *message;
        struct script first, second;
        const char   *results, *status;
    } rows[] = {
        {"BODY=8BITMIME", IN_HEADER, { .ehlo = "250 mx" },               { .ehlo = "250-mx\r\n250 8BITMIME" }, "0 250", ""     },
        { "SMTPUTF8",     IN_HEADER, { .ehlo = "250 mx" },               { .ehlo = "250-mx\r\n250 SMTPUTF8" }, "0 250", ""     },
        { "",             "x\r\n",   { .ehlo = "250-mx\r\n250 SIZE 2" }, { .ehlo = "250 mx" },                 "0 250", ""     },
        { "",             IN_HEADER, { .ehlo = "250 mx" },               { .ehlo = "250 mx" },                 "3 0",   "5.6.3"},
        { "SMTPUTF8",     IN_HEADER, { .ehlo = "250 mx" },               { .greeting = "421 4.3.2 busy" },     "2 421", "4.3.2"},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench *b = bench_open();
        b->hosts        = 2;
        b->params       = rows[i].params;
        b->scripts[0]   = &rows[i].first;
        b->scripts[1]   = &rows[i].second;
        b->script_count = 2;
        deliver_text(b, "a@x\t\n", rows[i].message);
        results_are(b, rows[i].results);
        CHECK(b->caller_count == 2 && !holds(heard(b, 0), "MAIL") && holds(gp_from(b->results), rows[i].status));
        bench_close(b);
    }
}

/* A connection that is used again knows that there are others, and not which. */
TEST(another_host_is_asked_where_a_used_connection_will_not_do)
{
    struct bench        *b = bench_open();
    struct config_route *r = add_route(b, "two");
    b->destination         = "via:two";
    server(b, &r->via[0], "127.0.0.9");
    server(b, &r->fallback[0], "127.0.0.9");
    SCRIPTS(b, { .ehlo = "250 mx" }, { .ehlo = "250 mx" }, { .ehlo = "250-mx\r\n250 8BITMIME" });
    deliver(b, "a@x\t\n");
    deliver_text(b, "b@x\t\n", IN_HEADER);
    results_are(b, "0 250");
    CHECK(b->caller_count == 3 && holds(heard(b, 2), "RCPT TO:<b@x>"));
    bench_close(b);
}
