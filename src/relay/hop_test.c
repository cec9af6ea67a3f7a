/* Deliveries to a next hop with a script, over real loopback connections: what each answer of it, and each way to fail, becomes. */
#include "relay/hop_kit.h"

#define OFFERS_AUTH "250-mx\r\n250-STARTTLS\r\n250 AUTH PLAIN"

/* ---- a message --------------------------------------------------------------------------------------------------------- */
TEST(a_message_goes_out_under_tls_and_the_reply_comes_back)
{
    struct bench *b = bench_open();
    SCRIPTS(b, { 0 });
    deliver(b, "bob@[127.0.0.1]\t\n");
    results_are(b, "0 250");
    CHECK(holds(gp_from(b->results), "\t2.0.0\t[127.0.0.1] [127.0.0.1:") && holds(gp_from(b->results), "\tTLSv1.3 "));
    CHECK_IS(heard(b, 0), "EHLO relay.example.org\nSTARTTLS\nEHLO relay.example.org\nMAIL FROM:<ada@example.org>\n"
                          "RCPT TO:<bob@[127.0.0.1]>\nDATA\nSubject: x\n\n..dot\n");
    CHECK(!b->host_down);
    bench_close(b);
}

TEST(each_recipient_has_its_own_result)
{
    struct bench *b = bench_open();
    SCRIPTS(b, {
                   .rcpt = {"550 5.1.1 no", NULL, "451 4.2.0 later"}
    });
    deliver(b, "a@x\t\nb@x\t\nc@x\t\n");
    results_are(b, "3 550, 0 250, 2 451");
    bench_close(b);
}

TEST(what_the_message_meets_is_the_result_of_who_was_accepted)
{
    static const struct {
        struct script script;
        const char   *results;
    } rows[] = {
        {{ .mail = "550 5.7.1 not you" },                                             "3 550, 3 550"},
        { { .mail = "451 4.3.0 later" },                                              "2 451, 2 451"},
        { { .rcpt = { "552 too many" } },                                             "2 552, 0 250"},
        { { .rcpt = { "552 5.5.3 too many" } },                                       "2 552, 0 250"},
        { { .rcpt = { "552 5.2.2 full" } },                                           "3 552, 0 250"},
        { { .rcpt = { "552 5.3.4 too big" } },                                        "3 552, 0 250"},
        { { .rcpt = { "550 a", "550 b" }, .data = "503 none" },                       "3 550, 3 550"},
        { { .rcpt = { "550 a", "450 b" } },                                           "3 550, 2 450"},
        { { .data = "554 5.6.0 no" },                                                 "3 554, 3 554"},
        { { .rcpt = { "550 a" }, .dot = "554 5.6.0 spam" },                           "3 550, 3 554"},
        { { .mail = "530 5.7.0 not you" },                                            "3 530, 3 530"},
        { { .dot = "452 4.3.1 full" },                                                "2 452, 2 452"},
        { { .dot = "-" },                                                             "2 0, 2 0"    },
        { { .dot = "" },                                                              "2 0, 2 0"    },
        { { .dot = "421 4.3.2 going" },                                               "2 421, 2 421"},
        { { .rcpt = { NULL, "-" } },                                                  "2 0, 2 0"    },
        { { .rcpt = { "550 a", "421 b" } },                                           "3 550, 2 421"},
        { { .ehlo = "250-mx\r\n250 SIZE 10" },                                        "3 0, 3 0"    },
        { { .dot = "nonsense" },                                                      "2 0, 2 0"    },
        { { .ehlo = "250 mx", .rcpt = { "550 a" }, .dot = "250 without pipelining" }, "3 550, 0 250"},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench *b = bench_open();
        b->scripts[0]   = &rows[i].script;
        b->script_count = 1;
        deliver(b, "a@x\t\nb@x\t\n");
        results_are(b, rows[i].results);
        CHECK(!b->host_down && b->caller_count == 1);
        bench_close(b);
    }
}

/* ---- several servers, and LMTP --------------------------------------------------------------------------------------------- */
TEST(the_next_server_is_tried_first_while_one_ails)
{
    struct bench        *b = bench_open();
    struct config_route *r = add_route(b, "two");
    b->destination         = "via:two";
    SCRIPTS(b, { .dot = "250 2.0.0 fell back" }, { .greeting = "421 4.3.2 busy" }, { .dot = "250 2.0.0 fell back" });
    server(b, &r->via[0], "127.0.0.9");
    r->via[0].port = 1; /* nobody is there */
    server(b, &r->fallback[0], "127.0.0.2");
    deliver(b, "a@x\t\n");
    results_are(b, "0 250");
    CHECK(holds(gp_from(b->results), "127.0.0.2 [127.0.0.2:") && b->caller_count == 1);
    while (b->relay.hops) hop_close(b->relay.hops);
    deliver(b, "a@x\t\n"); /* the fallback comes first now, and has no time; then the other is asked after all */
    results_are(b, "2 0");
    CHECK(b->host_down && b->caller_count == 2);
    bench_close(b);
}

TEST(what_a_server_says_of_a_message_is_no_reason_to_ask_another)
{
    struct bench        *b = bench_open();
    struct config_route *r = add_route(b, "two");
    b->destination         = "via:two";
    SCRIPTS(b, { .mail = "451 4.3.0 later" });
    server(b, &r->via[0], "127.0.0.9");
    server(b, &r->via[1], "127.0.0.2");
    deliver(b, "a@x\t\n");
    results_are(b, "2 451");
    CHECK(b->caller_count == 1);
    bench_close(b);
}

TEST(a_mail_store_answers_for_each_recipient) /* RFC 2033 4.2 */
{
    static const struct {
        struct script script;
        const char   *results;
    } rows[] = {
        {{ .dot = "250 2.1.5 a has it\r\n552 5.2.2 b is full\r\n250 2.1.5 c has it" }, "0 250, 3 552, 0 250"},
        { { .rcpt = { "550 a" }, .dot = "451 b\r\n250 c" },                            "3 550, 2 451, 0 250"},
        { { .dot = "250 a\r\n421 4.3.2 going" },                                       "0 250, 2 421, 2 421"},
        { { .dot = "250 a\r\nwhat?" },                                                 "0 250, 2 0, 2 0"    },
        { { .data = "451 4.3.0 no" },                                                  "2 451, 2 451, 2 451"},
        { { .ehlo = "500 what?" },                                                     "2 500, 2 500, 2 500"},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench        *b = bench_open();
        struct config_route *r = add_route(b, "store");
        b->destination         = "via:store";
        b->scripts[0]          = &rows[i].script;
        b->script_count        = 1;
        server(b, &r->via[0], "127.0.0.1");
        r->via[0].lmtp = true;
        deliver(b, "a@x\t\nb@x\t\nc@x\t\n");
        results_are(b, rows[i].results);
        CHECK(gp_starts(heard(b, 0), "LHLO relay.example.org\n"));
        bench_close(b);
    }
}

/* RFC 3461 5.2.1: what the sender asked for goes on, and the address that he wrote, where the next hop reports deliveries itself. */
TEST(a_next_hop_that_reports_deliveries_is_told_what_to_report)
{
    static const struct {
        const char *offers, *recipient, *heard;
    } rows[] = {
        {"250-mx\r\n250 DSN",                  "a+b@x\tNOTIFY=SUCCESS\n", "RCPT TO:<a+b@x> NOTIFY=SUCCESS ORCPT=rfc822;a+2Bb@x\n"},
        { "250-mx\r\n250 DSN",                 "a@x\tORCPT=rfc822;c@y\n", "RCPT TO:<a@x> ORCPT=rfc822;c@y\n"                     },
        { "250 mx",                            "a@x\tNOTIFY=NEVER\n",     "RCPT TO:<a@x>\n"                                      },
        { "250-mx\r\n250-SMTPUTF8\r\n250 DSN", "\xc3\xbc@x\t\n",          "RCPT TO:<\xc3\xbc@x> ORCPT=utf-8;\xc3\xbc@x\n"        },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench       *b      = bench_open();
        const struct script script = { .ehlo = rows[i].offers };
        b->scripts[0]              = &script;
        b->script_count            = 1;
        deliver(b, rows[i].recipient);
        results_are(b, "0 250");
        if (!holds(heard(b, 0), rows[i].heard)) fail_msg("row %zu: %.*s", i, (int)heard(b, 0).len, heard(b, 0).ptr);
        bench_close(b);
    }
}

/* ---- signatures ---------------------------------------------------------------------------------------------------------- */
TEST(the_keys_asked_for_are_those_of_the_domain_as_dns_writes_it)
{
    static const struct {
        const char *from, *domain;
    } rows[] = {
        {"ada@Example.ORG",            "example.org"          },
        { "ada@b\xc3\xbc"
          "cher.example",     "xn--bcher-kva.example"},
        { "ada@B\xc3\x9c"
          "CHER.example",     "xn--bcher-kva.example"},
        { "ada@xn--bcher-kva.example", "xn--bcher-kva.example"},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench  *b = bench_open();
        char           room[256];
        struct gp_text message = GP_TEXT(room);
        b->config.dkim.sign    = true;
        SCRIPTS(b, { .ehlo = "250-mx\r\n250 8BITMIME" });
        gp_put_z(&message, "From: ");
        gp_put_z(&message, rows[i].from);
        gp_put(&message, (gp_str) { "\r\n\r\nx\r\n", sizeof "\r\n\r\nx\r\n" });
        deliver_text(b, "a@x\t\n", room);
        results_are(b, "0 250");
        CHECK_IS(gp_from(b->domain), rows[i].domain);
        bench_close(b);
    }
}

TEST(mail_that_cannot_be_signed_now_waits_and_mail_that_never_can_goes_out_unsigned)
{
    static const struct {
        gp_status   keys_are, signing;
        bool        has_key;
        const char *results;
    } rows[] = {
        {GP_OK,        GP_TEMPFAIL, true,  "2 0"  },
        { GP_OK,       GP_PERMFAIL, true,  "0 250"},
        { GP_TEMPFAIL, GP_OK,       false, "2 0"  },
        { GP_OK,       GP_OK,       false, "0 250"},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench *b     = bench_open();
        b->config.dkim.sign = true;
        b->has_key          = rows[i].has_key;
        b->keys_are         = rows[i].keys_are;
        b->signing          = rows[i].signing;
        SCRIPTS(b, { 0 });
        deliver_text(b, "a@x\t\n", "From: ada@example.org\r\n\r\nx\r\n");
        results_are(b, rows[i].results);
        if (rows[i].results[0] == '2')
            CHECK(b->caller_count == 0 && holds(gp_from(b->results), "\t4.3.0\t") && b->word == HOST_UNASKED);
        else
            CHECK(b->caller_count == 1 && !holds(heard(b, 0), "DKIM-Signature"));
        bench_close(b);
    }
}

/* ---- hosts --------------------------------------------------------------------------------------------------------------- */
TEST(the_next_host_is_tried_and_a_no_is_final_only_from_all)
{
    static const struct {
        struct script scripts[2];
        const char   *results;
    } rows[] = {
        {{ { .greeting = "554 no" }, { 0 } },                          "0 250"},
        { { { .greeting = "-" }, { 0 } },                              "0 250"},
        { { { .ehlo = "421 busy" }, { 0 } },                           "0 250"},
        { { { .mail = "421 going" }, { 0 } },                          "0 250"},
        { { { .greeting = "554 no" }, { .greeting = "554 never" } },   "3 554"},
        { { { .greeting = "421 busy" }, { .greeting = "554 never" } }, "2 421"},
        { { { .greeting = "554 no" }, { .greeting = "-" } },           "2 0"  },
        { { { .greeting = "nonsense" }, { .greeting = "554 no" } },    "2 0"  },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench *b = bench_open();
        b->hosts        = 2;
        b->script_count = 2;
        for (size_t s = 0; s < 2; s++) b->scripts[s] = &rows[i].scripts[s];
        deliver(b, "a@x\t\n");
        results_are(b, rows[i].results);
        CHECK(b->caller_count == 2);
        bench_close(b);
    }
}

TEST(a_smarthost_that_refuses_us_condemns_no_message)
{
    static const struct script rows[] = { { .greeting = "554 5.7.1 not you" }, { .ehlo = "550 not you" } };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench *b      = bench_open();
        b->config.relay.kind = RELAY_SMARTHOST;
        b->scripts[0]        = &rows[i];
        b->script_count      = 1;
        deliver(b, "a@x\t\n");
        CHECK(b->results[0] == '2');
        bench_close(b);
    }
}

TEST(a_host_that_takes_no_mail_at_all_is_down)
{
    static const struct script rows[] = {
        {.greeting = "421 4.3.2 too many of you"},
        { .greeting = "-"                       },
        { .ehlo = "421 busy"                    },
        { .ehlo = OFFERS_AUTH,                    .auth = "535 5.7.8 who are you" },
        { .ehlo = OFFERS_AUTH,                                      .auth = "454 4.7.0 cannot tell now" },
        { .ehlo = OFFERS_AUTH,.auth = "-" },
        { .ehlo = OFFERS_AUTH,                    .mail = "421 4.3.2 going" },
        { .ehlo = OFFERS_AUTH,                                      .rcpt = { "421 4.3.2 going" } },
        { .ehlo = "250 mx"},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench *b = bench_open();
        smarthost(b, "ada", RELAY_TLS_REQUIRED);
        b->scripts[0]   = &rows[i];
        b->script_count = 1;
        deliver(b, "a@x\t\n");
        CHECK(b->results[0] == '2' && b->host_down && b->caller_count == 1);
        bench_close(b);
    }
}

TEST(a_host_that_says_more_than_it_is_asked_is_told_of_no_message)
{
    struct bench *b = bench_open();
    SCRIPTS(b, { .ehlo = "250 mx\r\n250 mx" });
    deliver(b, "a@x\t\n");
    results_are(b, "2 0");
    CHECK(b->host_down && b->caller_count == 1 && !holds(heard(b, 0), "MAIL"));
    bench_close(b);
}

TEST(what_a_smarthost_repeats_of_our_sign_in_is_kept_nowhere)
{
    static const struct {
        const char   *as, *says; /* \0ada\0Hunter2Smarthost; ada; Hunter2Smarthost; a token in the two forms; SCRAM */
        struct script script;
        const char   *text;
    } rows[] = {
        {"PLAIN",
         "AGFkYQBIdW50ZXIyU21hcnRob3N0",                                 { .ehlo = OFFERS_AUTH, .auth = "535 5.7.8 got Hunter2Smarthost" },
         "got (secret)"                                                                                                                                      },
        { "PLAIN",
         "AGFkYQBIdW50ZXIyU21hcnRob3N0",                                 { .ehlo = OFFERS_AUTH, .auth = "454 4.7.0 AGFkYQBIdW50ZXIyU21hcnRob3N0?" },
         "(secret)?"                                                                                                                                         },
        { "LOGIN",       "YWRh",                                         { .ehlo = OFFERS_AUTH, .auth = "535 5.7.8 no ada" },                        "no ada"},
        { "LOGIN",
         "SHVudGVyMlNtYXJ0aG9zdA==",                                     { .ehlo = OFFERS_AUTH, .auth = "534-5.7.9 see\r\n534 er2Smarthost" },
         "see (secret)"                                                                                                                                      },
        { "OAUTHBEARER",
         "bixhPWFkYSwBYXV0aD1CZWFyZXIgeWEyOS50b2tlbi1vZi1vdXJzAQE=",     { .ehlo = OFFERS_AUTH, .auth = "550 ya29.token-of-ours, ada" },
         "(secret), ada"                                                                                                                                     },
        { "XOAUTH2",
         "dXNlcj1hZGEBYXV0aD1CZWFyZXIgeWEyOS50b2tlbi1vZi1vdXJzAQE=",     { .ehlo = OFFERS_AUTH, .auth = "535 \"ya29.token-of-ours\"" },
         "\"(secret)\""                                                                                                                                      },
        { "SCRAM-SHA-1",
         "biwsbj1hZGFsb3ZlbGFjZSxyPWZ5a28rZDJsYmJGZ09OUnY5cWt4ZGF3TA==", { .ehlo = OFFERS_AUTH, .auth = "535 5.7.8 no adalovelace" },
         "no adalovelace"                                                                                                                                    },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench *b = bench_open();
        smarthost(b, "ada", RELAY_TLS_REQUIRED);
        b->scripts[0]   = &rows[i].script;
        b->script_count = 1;
        b->says_as      = rows[i].as;
        b->says         = rows[i].says;
        deliver(b, "a@x\t\n");
        CHECK(holds(gp_from(b->results), rows[i].text) && !holds(gp_from(b->results), "Smarthost"));
        bench_close(b);
    }
}

TEST(vault_hears_how_a_sign_in_ended)
{
    static const struct {
        const char     *auth; /* NULL: it offers none */
        enum login_fate fate;
    } rows[] = {
        {"235 2.7.0 welcome",                                 LOGIN_ACCEPTED   },
        { "535 5.7.8 who are you",                            LOGIN_REFUSED    },
        { "534 5.7.9 Application-specific password required", LOGIN_REFUSED    },
        { "530 5.7.0 not so",                                 LOGIN_REFUSED    },
        { "550 5.7.1 not you",                                LOGIN_REFUSED    },
        { "454 4.7.0 cannot tell now",                        LOGIN_UNTOLD     },
        { "-",                                                LOGIN_UNTOLD     },
        { NULL,                                               LOGIN_NOT_OFFERED},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench       *b      = bench_open();
        const struct script script = { .ehlo = rows[i].auth ? OFFERS_AUTH : "250-mx\r\n250 STARTTLS",
                                       .auth = rows[i].auth };
        smarthost(b, "ada", RELAY_TLS_REQUIRED);
        b->scripts[0]   = &script;
        b->script_count = 1;
        deliver(b, "a@x\t\n");
        rest(b, 20); /* what vault is told last is on its way when the queue is answered */
        CHECK(b->ended == 1 && b->fate == rows[i].fate);
        bench_close(b);
    }
}

TEST(strangers_do_not_send_us_to_ourselves)
{
    struct bench *b                = bench_open();
    b->config.relay.allow_loopback = false;
    SCRIPTS(b, { 0 });
    deliver(b, "a@x\t\n");
    results_are(b, "3 0");
    CHECK(b->caller_count == 0 && holds(gp_from(b->results), "\t5.4.6\t") &&
          holds(gp_from(b->results), "relay.allow_loopback"));
    smarthost(b, "", RELAY_TLS_REQUIRED); /* whom we are told to use may be anywhere */
    deliver(b, "a@x\t\n");
    results_are(b, "0 250");
    bench_close(b);
}

/* Else whoever keeps us busy with policies of his own takes those of others out of force. */
TEST(mail_waits_where_its_policy_cannot_be_asked_for)
{
    enum { MORE_THAN_FIT = 1025 };
    static struct sts_query asked[MORE_THAN_FIT];
    struct bench           *b = bench_open();
    b->config.relay.mta_sts   = true;
    b->relay.web              = b->relay.queue; /* which answers nothing either */
    CHECK(sts_open(&b->relay));
    for (size_t i = 0; i < GP_COUNT(asked); i++) {
        char           room[32];
        struct gp_text name = GP_TEXT(room);
        gp_put_number(&name, (int64_t)i);
        gp_put_z(&name, ".example");
        CHECK(sts_ask(&b->relay, gp_said(&name), &asked[i], NULL, NULL) == (i + 1 < MORE_THAN_FIT));
    }
    b->destination = "kept.example";
    deliver(b, "a@kept.example\t\n");
    results_are(b, "2 0");
    CHECK(holds(gp_from(b->results), "\t4.3.2\t"));
    sts_close(&b->relay);
    bench_close(b);
}

TEST(a_host_that_is_not_there_is_down)
{
    struct bench *b = bench_open();
    listener_close(b->listener, true);
    b->listener = NULL;
    deliver(b, "a@x\t\n");
    results_are(b, "2 0");
    CHECK(b->host_down && holds(gp_from(b->results), "2\t0\t4.4.1\t") &&
          holds(gp_from(b->results), "Connection refused"));
    bench_close(b);
}

TEST(a_host_that_says_nothing_is_left_in_time)
{
    struct bench *b = bench_open();
    SCRIPTS(b, { .greeting = "" });
    deliver(b, "a@x\t\n");
    results_are(b, "2 0");
    CHECK(holds(gp_from(b->results), "no greeting within the time limit"));
    bench_close(b);
}

/* ---- TLS ------------------------------------------------------------------------------------------------------------------ */
TEST(broken_tls_goes_on_in_clear_at_that_host_alone)
{
    struct bench *b = bench_open();
    b->hosts        = 2;
    SCRIPTS(b, { .breaks_tls = true }, { .greeting = "421 busy" }, { 0 });
    deliver(b, "a@x\t\n");
    results_are(b, "0 250");
    CHECK(b->caller_count == 3 && holds(gp_from(b->results), "\t127.0.0.2 ["));
    CHECK(holds(gp_from(b->results), "\tTLSv1.3 ") && b->callers[2].secure);
    bench_close(b);
}

TEST(broken_tls_and_none_are_good_enough_where_tls_is_opportunistic)
{
    static const struct script rows[][2] = {
        {{ .breaks_tls = true },    { 0 }},
        { { .starttls = "454 no" }, { 0 }},
        { { .ehlo = "250 mx" },     { 0 }},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench *b = bench_open();
        b->script_count = 2;
        for (size_t s = 0; s < 2; s++) b->scripts[s] = &rows[i][s];
        deliver(b, "a@x\t\n");
        results_are(b, "0 250");
        CHECK(!holds(gp_from(b->results), "TLSv1") && !b->callers[b->caller_count - 1].secure);
        bench_close(b);
    }
}

TEST(required_tls_never_falls_back_and_never_bounces)
{
    static const struct {
        struct script script;
        const char   *enhanced;
    } rows[] = {
        {{ .breaks_tls = true },          "\t4.7.5\t"},
        { { .starttls = "454 4.7.0 no" }, "\t4.7.0\t"},
        { { .starttls = "502 5.5.1 no" }, "\t4.7.4\t"},
        { { .ehlo = "250 mx" },           "\t4.7.4\t"},
        { { 0 },                          "\t4.7.5\t"}, /* its certificate is for another name */
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench *b     = bench_open();
        b->config.relay.tls = RELAY_TLS_REQUIRED;
        b->scripts[0]       = &rows[i].script;
        b->script_count     = 1;
        deliver(b, "a@x\t\n");
        if (!holds(gp_from(b->results), rows[i].enhanced)) fail_msg("%zu: %s", i, b->results);
        CHECK(b->results[0] == '2' && b->caller_count == 1 && !holds(heard(b, 0), "MAIL"));
        bench_close(b);
    }
}

TEST(a_sign_in_is_never_tried_in_clear_because_tls_broke)
{
    struct bench *b      = bench_open();
    b->config.relay.kind = RELAY_SMARTHOST;
    CHECK(gp_copy_z(GP_LIT("ada"), b->config.relay.user, sizeof b->config.relay.user));
    SCRIPTS(b, { .breaks_tls = true }, { .ehlo = "250-mx\r\n250 AUTH PLAIN" });
    deliver(b, "a@x\t\n");
    results_are(b, "2 0");
    CHECK(b->caller_count == 1);
    bench_close(b);
}

TEST(a_password_is_for_a_host_that_has_proved_its_name)
{
    static const struct {
        enum relay_tls tls;
        bool           secure;
    } rows[] = {
        {RELAY_TLS_REQUIRED,       true },
        { RELAY_TLS_OPPORTUNISTIC, false},
        { RELAY_TLS_NONE,          false},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench *b = bench_open();
        smarthost(b, "ada", rows[i].tls);
        SCRIPTS(b, { .ehlo = OFFERS_AUTH });
        deliver(b, "a@x\t\n");
        CHECK(b->logins == 1 && b->secure == rows[i].secure && b->callers[0].secure == (rows[i].tls != RELAY_TLS_NONE));
        bench_close(b);
    }
}

/* ---- the queue is gone ---------------------------------------------------------------------------------------------------- */
TEST(what_is_under_way_is_given_up_without_a_final_dot)
{
    struct bench *b = bench_open();
    SCRIPTS(b, { .data = "" });
    ask(b, "a@x\t\n", "Subject: x\r\n\r\n");
    rest(b, 200);
    CHECK(b->relay.deliveries && b->relay.hops && holds(heard(b, 0), "DATA\n"));
    delivery_abandon_all(&b->relay);
    rest(b, 50);
    CHECK(!b->relay.deliveries && !b->relay.hops && !b->callers[0].conn && !b->answered);
    bench_close(b);
}
