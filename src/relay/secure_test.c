/* Our certificate at the smarthost: to whom it is shown, and what its answers become; and those of one that wants a sign-in. */
#include "relay/hop_kit.h"

enum { AN_HOUR = 3600 * 1000 };

#define EXTERNAL "250-mx\r\n250-STARTTLS\r\n250 AUTH EXTERNAL PLAIN"
#define PLAIN    "250-mx\r\n250-STARTTLS\r\n250 AUTH PLAIN"

static void run(struct bench *b, const struct script *script, const char *results)
{
    b->scripts[0]   = script;
    b->script_count = 1;
    deliver(b, "a@x\t\n");
    results_are(b, results);
}

/* Our own sign-in is to blame: mail waits for that however long it takes. */
static bool is_ours(const struct bench *b)
{
    return holds(gp_from(b->results), "\tours\n");
}

TEST(it_is_shown_to_a_smarthost_that_asks_and_may_do_alone)
{
    static const struct {
        struct script script;
        const char   *results;
        unsigned      logins;
    } rows[] = {
        {{ 0 },                                                                      "0 250", 0},
        { { .ehlo = PLAIN },                                                         "0 250", 0}, /* which is not for us */
        { { .ehlo = EXTERNAL },                                                      "0 250", 1},
        { { .ehlo = EXTERNAL, .auth = "535 5.7.8 who?" },                            "2 535", 1},
        { { .rcpt = { "554 5.7.1 relay access denied" } },
         "2 554",                                                                             0}, /* it does not know us: no message is to blame */
        { { .mail = "550 5.7.1 who are you" },                                       "2 550", 0},
        { { .rcpt = { "550 relay not permitted" } },
         "2 550",                                                                             0}, /* Exim, Sendmail of old and qmail give no such code */
        { { .rcpt = { "550 Relaying denied" } },                                     "2 550", 0},
        { { .rcpt = { "553 sorry, not in my list of allowed RCPTHOSTS (#5.7.1)" } }, "2 553", 0},
        { { .rcpt = { "550 not from you (#5.7.1)" } },                               "2 550", 0},
        { { .rcpt = { "550 no such user" } },                                        "3 550", 0},
        { { .rcpt = { "550 5.1.1 no relay here" } },                                 "3 550", 0},
        { { .rcpt = { "550 5.1.1 nobody" } },                                        "3 550", 0},
        { { .dot = "554 5.7.1 spam" },                                               "3 554", 0},
        { { .ehlo = EXTERNAL, .rcpt = { "550 5.7.1 spam" } },                        "3 550", 1},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench *b = bench_open();
        certificate(b, wall_now() + AN_HOUR);
        b->asks = true;
        run(b, &rows[i].script, rows[i].results);
        CHECK(b->signatures == 1 && b->logins == rows[i].logins && b->presented == (rows[i].logins > 0));
        CHECK(is_ours(b) == (rows[i].results[0] == '2'));
        bench_close(b);
    }
}

TEST(where_it_cannot_be_shown_mail_waits_and_is_not_told_of)
{
    static const struct {
        gp_status signs;
        bool      asks, over, none;
    } rows[] = {
        {GP_OK,        false, false, false},
        { GP_OK,       true,  true,  false},
        { GP_OK,       true,  false, true },
        { GP_PERMFAIL, true,  false, false},
        { GP_TEMPFAIL, true,  false, false},
        { GP_WAIT,     true,  false, false}, /* vault never answers: the time limit of the handshake ends it */
    };
    static const struct script polite = { 0 };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench                    *b    = bench_open();
        const struct msg_our_certificate gone = { 0, 1, 0, GP_LIT("") };
        certificate(b, wall_now() + (rows[i].over ? -1 : AN_HOUR));
        b->asks        = rows[i].asks;
        b->vault_signs = rows[i].signs;
        if (rows[i].none) secure_certificate(&b->relay, &gone);
        run(b, &polite, "2 0");
        CHECK(!holds(heard(b, 0), "MAIL") && b->host_down);
        CHECK(is_ours(b) == (rows[i].signs != GP_WAIT));
        bench_close(b);
    }
}

/* One whose other mail it has taken under that certificate may mean this message: it waits no longer than any other. */
TEST(who_knows_it_is_not_waited_for_for_ever)
{
    static const struct script known = {
        .rcpt = {"250 ok", "550 5.7.1 not for you"}
    };
    struct bench *b = bench_open();
    certificate(b, wall_now() + AN_HOUR);
    b->asks         = true;
    b->scripts[0]   = &known;
    b->script_count = 1;
    deliver(b, "a@x\t\nb@x\t\n");
    results_are(b, "0 250, 2 550");
    CHECK(!is_ours(b));
    bench_close(b);
}

/* What was offered is done, or nothing is: a server that would hear of the message without it says no for ever. */
TEST(a_sign_in_that_vault_cannot_make_is_not_left_out)
{
    static const struct script external = { .ehlo = EXTERNAL, .rcpt = { "550 no" } };
    static const gp_status     says[]   = { GP_PERMFAIL, GP_TEMPFAIL };
    for (size_t i = 0; i < GP_COUNT(says); i++) {
        struct bench *b = bench_open();
        certificate(b, wall_now() + AN_HOUR);
        b->asks          = true;
        b->vault_logs_in = says[i];
        run(b, &external, "2 0");
        CHECK(b->logins == 1 && !holds(heard(b, 0), "MAIL") && b->host_down && is_ours(b));
        bench_close(b);
    }
}

TEST(it_is_for_no_other_server)
{
    static const struct script polite = { 0 };
    struct bench              *b      = bench_open();
    certificate(b, wall_now() + AN_HOUR);
    b->asks              = true;
    b->config.relay.kind = RELAY_MX;
    run(b, &polite, "2 0"); /* required, and this one is not verified under the name that MX has it by */
    b->config.relay.tls = RELAY_TLS_OPPORTUNISTIC;
    run(b, &polite, "0 250");
    CHECK(b->signatures == 0);
    bench_close(b);
}

/* A server that a route leads to: the certificate of that route, signed for as its login, and none where it has none. */
TEST(a_route_shows_its_own_and_not_that_of_others)
{
    static const struct script external = { .ehlo = EXTERNAL };
    for (int own = 0; own <= 1; own++) {
        struct bench                    *b   = bench_open();
        const struct msg_our_certificate its = { 1, OUR_GENERATION, (uint64_t)(wall_now() + AN_HOUR), b->chain };
        struct config_route             *r   = add_route(b, "r");
        certificate(b, wall_now() + AN_HOUR);
        server(b, &r->via[0], "127.0.0.9");
        r->via[0].tls = RELAY_TLS_REQUIRED;
        if (own) CHECK(gp_copy_z(GP_LIT("c"), r->certificate_file, sizeof r->certificate_file));
        if (own) secure_certificate(&b->relay, &its);
        b->asks        = true;
        b->which       = 1;
        b->destination = "via:r";
        run(b, &external, "0 250");
        CHECK(b->signatures == (own ? 1 : 0) && b->logins == (own ? 1 : 0));
        bench_close(b);
    }
}

TEST(a_name_wants_external_and_a_password_takes_its_place)
{
    static const struct script external = { .ehlo = EXTERNAL }, plain = { .ehlo = PLAIN }, nothing = { 0 };
    struct bench              *b = bench_open();
    certificate(b, wall_now() + AN_HOUR);
    smarthost(b, "ada", RELAY_TLS_REQUIRED);
    b->asks = true;
    run(b, &nothing, "2 0");
    CHECK(is_ours(b));
    run(b, &external, "0 250");
    CHECK(b->logins == 1 && b->presented);
    CHECK(gp_copy_z(GP_LIT("p"), b->config.relay.password_file, sizeof b->config.relay.password_file));
    b->asks = false;
    while (b->relay.hops) hop_close(b->relay.hops); /* not the one that is idle */
    run(b, &plain, "0 250");
    CHECK(b->logins == 2 && !b->presented);
    bench_close(b);
}

TEST(what_lies_with_our_sign_in_is_kept_as_the_reason)
{
    static const struct {
        struct script script;
        bool          doubts;
        const char   *results;
        size_t        callers;
    } rows[] = {
        {{ .ehlo = PLAIN, .auth = "535 5.7.8 no" },       false, "2 535", 1}, /* another address would be another guess */
        { { .ehlo = PLAIN, .auth = "454 4.7.0 not now" },
         false,                                                  "2 454",
         3                                                                 }, /* and the others have another's certificate */
        { { .ehlo = PLAIN },                              true,  "2 0",   3},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench *b = bench_open();
        smarthost(b, "ada", RELAY_TLS_REQUIRED);
        b->hosts        = 3;
        b->vault_doubts = rows[i].doubts;
        run(b, &rows[i].script, rows[i].results);
        CHECK(is_ours(b) && b->caller_count == rows[i].callers);
        bench_close(b);
    }
}

TEST(a_host_that_wants_a_sign_in_that_nobody_set_up_condemns_no_message)
{
    static const struct {
        const char   *user, *results;
        struct script script;
    } rows[] = {
        {"",     "2 530", { .mail = "530 5.7.0 Authentication required" }                                  },
        { "",    "2 530", { .rcpt = { "530 5.7.0 Authentication required" } }                              },
        { "",    "2 530", { .dot = "530 5.7.0 Must issue a STARTTLS command" }                             },
        { "",    "2 535", { .mail = "535 5.7.8 who are you" }                                              },
        { "",    "2 538", { .mail = "538 5.7.11 not in clear" }                                            },
        { "",    "3 550", { .mail = "550 5.7.30 no" }                                                      },
        { "ada", "2 550", { .ehlo = PLAIN, .dot = "550 5.7.30 Basic authentication has ended" }            },
        { "ada", "2 550", { .ehlo = PLAIN, .mail = "550 5.7.57 not authenticated" }                        },
        { "ada", "2 550", { .ehlo = PLAIN, .dot = "550 5.2.252 Sender throttled due to continuous errors" }},
        { "ada", "3 554", { .ehlo = PLAIN, .dot = "554 5.2.252 SendAsDenied; a not allowed to send as b" } },
        { "ada", "3 550", { .ehlo = PLAIN, .dot = "550 5.7.1 sender throttled" }                           },
        { "",    "3 550", { .dot = "550 5.2.252 Sender throttled" }                                        },
        { "ada", "3 550", { .ehlo = PLAIN, .mail = "550 5.7.1 spam" }                                      },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench *b = bench_open();
        smarthost(b, rows[i].user, RELAY_TLS_REQUIRED);
        run(b, &rows[i].script, rows[i].results);
        bench_close(b);
    }
}
