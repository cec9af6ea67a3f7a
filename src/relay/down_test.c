/* Hosts that do not answer: one delivery finds it out, the others hear of it, and all of them that it answers again. */
#include <netinet/in.h>

#include "relay/hop_kit.h"

static void say_again(struct bench *b)
{
    while (b->relay.hops) hop_close(b->relay.hops);
    deliver(b, "a@x\t\n");
}

TEST(who_comes_after_one_that_found_no_connection_is_told_so_without_a_connection)
{
    static const struct {
        const char *greeting;
        const char *first, *then, *text;
        size_t      callers;
    } rows[] = {
        {"-",                  "2 0",   "2 0",   "did not answer at ",                1},
        { "",                  "2 0",   "2 0",   "no greeting within the time limit", 1},
        { "421 4.3.2 busy",    "2 421", "2 0",   "busy",                              1},
        { "554 5.3.2 no mail", "3 554", "3 554", "no mail",                           2},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench       *b      = bench_open();
        const struct script script = { .greeting = rows[i].greeting };
        b->scripts[0]              = &script;
        b->script_count            = 1;
        deliver(b, "a@x\t\n");
        results_are(b, rows[i].first);
        CHECK(!b->again &&
              !b->host[0] == (rows[i].callers == 2)); /* it was tried, and is named where it may come back */
        deliver(b, "b@y\t\n");
        results_are(b, rows[i].then);
        CHECK(holds(gp_from(b->results), rows[i].text) && b->caller_count == rows[i].callers);
        CHECK(!b->again == (rows[i].callers == 2) && !b->host[0] == !b->again);
        bench_close(b);
    }
}

TEST(one_at_a_time_looks_whether_it_is_back_and_when_it_is_the_queue_hears)
{
    struct bench *b = bench_open();
    SCRIPTS(b, { .greeting = "-" }, { .greeting = "-" }, { 0 });
    b->config.queue.retries[0]  = 300;
    b->config.queue.retry_count = 1;
    deliver(b, "a@x\t\n");
    gp_time first = 0;
    for (size_t i = 0; i < GP_COUNT(b->relay.downs); i++)
        if (b->relay.downs[i].failures) first = b->relay.downs[i].until - wall_now();
    CHECK(first > 0 && first <= (300 / 2) * 1000 * 9 / 8);
    down_try_all(&b->relay);
    deliver(b, "a@x\t\n");
    CHECK(b->caller_count == 2 && !b->again); /* tried, in vain */
    say_again(b);
    CHECK(b->caller_count == 2 && b->again > wall_now() + first); /* for longer */
    down_try_all(&b->relay);
    ask(b, "a@x\t\n", "x\r\n");
    ask(b, "b@y\t\n", "x\r\n"); /* it hears that the other one is looking */
    rest(b, 300);
    results_are(b, "0 250");
    CHECK(b->caller_count == 3 && b->backs == 1 && holds(gp_from(b->back), "127.0.0.1:"));
    say_again(b);
    results_are(b, "0 250");
    CHECK(!b->again && b->backs == 1);
    bench_close(b);
}

TEST(nobody_queues_up_for_a_host_that_is_slow_to_greet)
{
    struct bench *b = bench_open();
    SCRIPTS(b, { .greeting = "" }, { 0 });
    b->config.relay.command_timeout = 3;
    ask(b, "a@x\t\n", "x\r\n");
    rest(b, 1100);
    ask(b, "b@y\t\n", "x\r\n");
    rest(b, 100);
    CHECK(b->caller_count == 1 && b->answered && b->host_down && !b->results[0] && b->again && b->host[0]);
    bench_close(b);
}

TEST(one_connection_that_hangs_bars_nobody_from_a_host_that_greets_others)
{
    struct bench *b = bench_open();
    SCRIPTS(b, { .greeting = "" }, { 0 });
    b->config.relay.command_timeout = 3;
    ask(b, "a@x\t\n", "x\r\n");
    ask(b, "b@y\t\n", "x\r\n"); /* within the second */
    rest(b, 1100);
    ask(b, "c@z\t\n", "x\r\n");
    rest(b, 100);
    results_are(b, "0 250");
    CHECK(b->caller_count == 2 && !b->again); /* over the connection that is idle */
    while (b->relay.hops && b->relay.hops->phase == HOP_IDLE) hop_close(b->relay.hops);
    ask(b, "c@z\t\n", "x\r\n");
    rest(b, 300);
    results_are(b, "0 250");
    CHECK(b->caller_count == 3 && !b->again);
    bench_close(b);
}

static void ask_some(struct bench *b, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        ask(b, "a@x\t\n", "x\r\n");
        rest(b, 100);
    }
}

TEST(a_host_that_greets_and_settles_nothing_gets_a_share_of_the_connections)
{
    struct bench *b                  = bench_open();
    b->config.relay.connections_most = 16;
    SCRIPTS(b, { .dot = "" }, { .dot = "" }, { .dot = "" }, { .dot = "" }, { 0 });
    ask_some(b, 4);
    CHECK(b->caller_count == 4 && !b->answered);
    ask_some(b, 1);
    CHECK(b->caller_count == 4 && b->answered && b->host_down && !b->results[0] && b->host[0]);
    CHECK(b->again > wall_now() && b->again <= wall_now() + 5000);
    CHECK(conn_write(b->callers[0].conn, GP_LIT("250 2.0.0 ok\r\n")));
    rest(b, 100);
    CHECK(b->backs == 1); /* who was turned away comes again, and there are more shares for it */
    hop_close_idle(&b->relay);
    ask_some(b, 2);
    results_are(b, "0 250");
    CHECK(b->caller_count > 4 && b->backs == 1);
    bench_close(b);
}

static void time_goes_by(struct bench *b, gp_time ms)
{
    for (struct hop *h = b->relay.hops; h; h = h->next) h->moved -= ms;
}

TEST(nobody_joins_several_who_wait_for_a_word_of_a_silent_host)
{
    struct bench *b = bench_open();
    SCRIPTS(b, { .dot = "" }, { .dot = "" }, { .dot = "" }, { .dot = "" }, { 0 });
    b->config.relay.connections_most = 100;
    ask_some(b, 3);
    time_goes_by(b, 11000);
    ask_some(b, 1);
    CHECK(b->caller_count == 4 && !b->answered); /* three are not several; and then one has just said something */
    time_goes_by(b, 11000);
    ask_some(b, 1);
    CHECK(b->caller_count == 4 && b->answered && b->host_down && !b->results[0]);
    CHECK(b->again > wall_now() + 20000);
    CHECK(conn_write(b->callers[2].conn, GP_LIT("250 2.0.0 ok\r\n")));
    rest(b, 100);
    CHECK(b->backs == 1);
    hop_close_idle(&b->relay);
    ask_some(b, 1);
    results_are(b, "0 250");
    CHECK(b->caller_count == 5);
    bench_close(b);
}

static void goes_down(struct bench *b, const char *address)
{
    struct hop              h = { .relay = &b->relay };
    struct delivery         d = { .relay = &b->relay, .way = { .hop = { .kind = RELAY_MX } } };
    struct sockaddr_storage to;
    CHECK(address_read(gp_from(address), b->config.relay.mx_port, &to));
    down_begins(&h, &d, &to, wall_now());
    down_failed(&h, GP_LIT("no connection"), wall_now());
}

TEST(no_final_no_of_one_host_counts_while_another_is_down)
{
    struct bench *b = bench_open();
    SCRIPTS(b, { .greeting = "554 5.3.2 no" });
    b->hosts = 2;
    goes_down(b, "127.0.0.2");
    deliver(b, "a@x\t\n");
    results_are(b, "2 554");
    CHECK(b->caller_count == 1 && !b->again);
    bench_close(b);
}

TEST(the_table_is_bounded_and_what_is_tried_again_first_gives_way)
{
    struct bench           *b = bench_open();
    struct hop              h = { .relay = &b->relay };
    struct delivery         d = { .relay = &b->relay, .way = { .hop = { .kind = RELAY_MX } } };
    struct sockaddr_storage to;
    gp_time                 now  = wall_now();
    size_t                  full = 0;
    for (unsigned i = 1; i < 4000; i++) {
        struct in_addr *a = &((struct sockaddr_in *)&to)->sin_addr;
        CHECK(address_read(GP_LIT("192.0.2.1"), 25, &to));
        a->s_addr = i * 2654435761U;
        down_begins(&h, &d, &to, now);
        CHECK(!h.answered);
        down_failed(&h, GP_LIT("no connection within the time limit"), now + i);
        CHECK(h.answered && down_bars(&d, &to, "mx.example", now + i)); /* what was learnt last is there */
    }
    for (size_t i = 0; i < GP_COUNT(b->relay.downs); i++) full += b->relay.downs[i].failures > 0;
    CHECK(full > GP_COUNT(b->relay.downs) * 9 / 10);
    bench_close(b);
}

static size_t known(const struct bench *b)
{
    size_t count = 0;
    for (size_t i = 0; i < GP_COUNT(b->relay.downs); i++) count += b->relay.downs[i].until != 0;
    return count;
}

TEST(a_host_that_lacks_what_our_policy_wants_is_there_all_the_same)
{
    struct bench *b     = bench_open();
    b->config.relay.tls = RELAY_TLS_REQUIRED;
    SCRIPTS(b, { .ehlo = "250 mx" });
    deliver(b, "a@x\t\n");
    results_are(b, "2 0");
    deliver(b, "b@y\t\n");
    CHECK(b->caller_count == 2 && !b->again);
    bench_close(b);
}

/* Else one account's password, or one route's, would hold up the mail of others. */
TEST(of_a_smarthost_nothing_is_kept_whatever_it_says)
{
    static const struct script rows[] = {
        {.greeting = "-"},
        {                        .greeting = "421 4.3.2 busy"             },
        { .ehlo = "250 AUTH PLAIN",              .auth = "535 5.7.8 no" },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench *b = bench_open();
        smarthost(b, "ada", RELAY_TLS_NONE);
        b->scripts[0]   = &rows[i];
        b->script_count = 1;
        deliver(b, "a@x\t\n");
        CHECK(b->caller_count == 1 && known(b) == 0);
        deliver(b, "b@y\t\n");
        CHECK(b->caller_count == 2 && !b->again && !b->host[0]);
        bench_close(b);
    }
}
