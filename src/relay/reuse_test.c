/* Connections to next hops that serve more than one message: which messages ride them, how many, and what becomes of those that rest or have died. */
#include "relay/hop_kit.h"

TEST(a_connection_serves_the_next_message)
{
    struct bench *b = bench_open();
    SCRIPTS(b, {
                   .rcpt = {NULL, "550 no"}
    });
    deliver(b, "a@x\t\nb@x\t\n");
    rest(b, 50);
    deliver(b, "a@x\t\nb@x\t\n");
    results_are(b, "0 250, 3 550");
    CHECK(b->caller_count == 1);
    bench_close(b);
}

/* So that none lasts for ever: what was looked up and proved when it was opened is looked at anew. */
TEST(a_connection_serves_so_many_messages_and_no_more)
{
    struct bench *b = bench_open();
    SCRIPTS(b, { 0 }, { 0 });
    for (unsigned i = 0; i < HOP_MESSAGES_MOST; i++) {
        deliver(b, "a@x\t\n");
        results_are(b, "0 250");
        CHECK(b->caller_count == 1);
        rest(b, i + 1 < HOP_MESSAGES_MOST ? 1 : 50);
        CHECK((b->relay.hops != NULL) == (i + 1 < HOP_MESSAGES_MOST)); /* after the last of them it has said good bye */
    }
    deliver(b, "a@x\t\n");
    results_are(b, "0 250");
    CHECK(b->caller_count == 2 && b->relay.hops);
    bench_close(b);
}

TEST(a_connection_for_who_waives_tls_is_for_no_other)
{
    static const char *const   messages[] = { "TLS-Required: (c) No\r\n\r\nx\r\n",
                                              "From: a@x\r\n\r\nTLS-Required: No\r\n",
                                              "From: a@x\r\ntls-required:  no\r\n\r\nx\r\n",
                                              "TLS-Required: Now\r\n\r\nx\r\n" };
    static const size_t        callers[]  = { 1, 2, 2, 2 };
    static const struct script polite     = { 0 };
    struct bench              *b          = bench_open();
    b->scripts[0]                         = &polite;
    b->script_count                       = 1;
    for (size_t i = 0; i < GP_COUNT(messages); i++) {
        deliver_text(b, "a@x\t\n", messages[i]);
        results_are(b, "0 250");
        CHECK(b->caller_count == callers[i]);
    }
    bench_close(b);
}

TEST(a_connection_that_died_while_idle_costs_nothing)
{
    struct bench *b = bench_open();
    SCRIPTS(b, { .dot = "250 taken\r\n421 and good bye" }, { 0 });
    deliver(b, "a@x\t\n");
    rest(b, 50);
    deliver(b, "b@x\t\n");
    results_are(b, "0 250");
    CHECK(b->caller_count == 2 && holds(heard(b, 1), "RCPT TO:<b@x>"));
    bench_close(b);
}

TEST(a_reply_that_nobody_asked_for_is_not_taken_for_that_to_the_next_message)
{
    static const struct script polite = { 0 }, says[] = { { .dot = "250 2.0.0 taken\r\n550 5.7.1 no" },
                                                          { .dot = "250 2.0.0 taken\r\n550-5.7.1" },
                                                          { .rcpt = { "550 no\r\n250 yes" } } };
    for (size_t i = 0; i < GP_COUNT(says); i++) {
        struct bench *b = bench_open();
        b->scripts[0]   = &says[i];
        b->scripts[1]   = &polite;
        b->script_count = 2;
        deliver(b, "a@x\t\n");
        deliver(b, "b@x\t\n");
        results_are(b, "0 250");
        CHECK(b->caller_count == 2 && !holds(heard(b, 0), "b@x") && holds(heard(b, 1), "RCPT TO:<b@x>"));
        bench_close(b);
    }
}

TEST(a_dead_idle_connection_and_a_dead_host_are_a_host_that_is_down)
{
    struct bench *b = bench_open();
    SCRIPTS(b, { .dot = "250 taken\r\n421 and good bye" });
    deliver(b, "a@x\t\n");
    rest(b, 50);
    listener_close(b->listener, true);
    b->listener = NULL;
    deliver(b, "b@x\t\n");
    results_are(b, "2 0");
    CHECK(b->host_down);
    bench_close(b);
}

TEST(an_idle_connection_says_good_bye)
{
    struct bench *b              = bench_open();
    b->config.relay.idle_timeout = 0;
    SCRIPTS(b, { 0 });
    deliver(b, "a@x\t\n");
    rest(b, 100);
    CHECK(!b->relay.hops && holds(heard(b, 0), "QUIT\n"));
    bench_close(b);
}
