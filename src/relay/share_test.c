/* What is known of a mail host, and how much of what we have it may take: hosts that answer and hosts that do not, side by side. */
#include <netinet/in.h>
#include <stdlib.h>

#include "relay/hop_kit.h"

/* A delivery to that address, and a connection of it that does not stand on any network. */
struct visit {
    struct hop              hop;
    struct delivery         delivery;
    struct sockaddr_storage to;
};

static struct visit *visit(struct bench *b, const char *address, gp_time now)
{
    struct visit *v = calloc(1, sizeof *v);
    CHECK(v && address_read(gp_from(address), 25, &v->to));
    v->hop.relay        = &b->relay;
    v->delivery.relay   = &b->relay;
    v->delivery.way.hop = (struct config_hop) { .kind = RELAY_MX };
    down_begins(&v->hop, &v->delivery, &v->to, now);
    return v;
}

static bool is_barred(struct bench *b, const char *address, gp_time now)
{
    struct visit *v      = visit(b, address, now);
    bool          barred = down_bars(&v->delivery, &v->to, "mx.example", now);
    free(v);
    return barred;
}

/* Waits for a greeting, until the bench is closed. */
static struct visit *hangs(struct bench *b, const char *address, gp_time now)
{
    struct visit *v = visit(b, address, now);
    v->hop.next     = b->relay.hops;
    b->relay.hops   = &v->hop;
    return v;
}

static void let_go(struct bench *b)
{
    while (b->relay.hops) {
        struct hop *h = b->relay.hops;
        b->relay.hops = h->next;
        free(h); /* the first member of its visit */
    }
    bench_close(b);
}

static void others_greet(struct bench *b, gp_time now)
{
    for (unsigned i = 1; i < 20000; i++) {
        struct visit *v                                     = visit(b, "192.0.2.1", now);
        ((struct sockaddr_in *)&v->hop.at)->sin_addr.s_addr = i * 2654435761U;
        down_answered(&v->hop, now);
        free(v);
    }
}

TEST(hosts_that_greet_push_out_none_that_waits_for_its_next_try)
{
    struct bench *b   = bench_open();
    gp_time       now = wall_now();
    struct visit *v   = visit(b, "192.0.2.77", now);
    down_failed(&v->hop, GP_LIT("no connection"), now);
    free(v);
    CHECK(is_barred(b, "192.0.2.77", now));
    others_greet(b, now);
    CHECK(is_barred(b, "192.0.2.77", now));
    down_try_all(&b->relay); /* its time is over */
    others_greet(b, now);
    CHECK(!is_barred(b, "192.0.2.77", now) && is_barred(b, "192.0.2.77", now)); /* one looks, the others wait */
    bench_close(b);
}

TEST(a_host_that_is_unknown_or_slow_gets_a_share_of_what_may_be_under_way)
{
    static const struct {
        unsigned connections, most;
    } rows[] = {
        {10000, ATTEMPTS_MOST / 4},
        { 256,  ATTEMPTS_MOST / 4},
        { 100,  25               },
        { 4,    4                },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench *b                  = bench_open();
        gp_time       now                = wall_now();
        b->config.relay.connections_most = rows[i].connections;
        for (unsigned n = 0; n < rows[i].most; n++) {
            CHECK(!is_barred(b, "192.0.2.77", now));
            (void)hangs(b, "192.0.2.77", now);
        }
        CHECK(is_barred(b, "192.0.2.77", now) && !is_barred(b, "192.0.2.78", now));
        let_go(b);
    }
}

TEST(a_host_that_greets_one_and_lets_the_others_hang_does_not_get_all_connections)
{
    struct bench *b                  = bench_open();
    gp_time       now                = wall_now();
    b->config.relay.connections_most = 100;
    for (unsigned n = 0; n < 75; n++) {
        CHECK(!is_barred(b, "192.0.2.77", now));
        struct visit *v = hangs(b, "192.0.2.77", now);
        if (n % 10) continue;
        down_answered(&v->hop, now); /* which excuses all before it */
        b->relay.hops = v->hop.next;
        free(v);
        (void)hangs(b, "192.0.2.77", now);
    }
    CHECK(is_barred(b, "192.0.2.77", now) && !is_barred(b, "192.0.2.78", now));
    for (struct hop *h = b->relay.hops; h; h = h->next) h->excused = true;
    struct visit *v = visit(b, "192.0.2.77", now);
    CHECK(down_bars(&v->delivery, &v->to, "mx.example", now));
    CHECK(v->delivery.shut.again > now && v->delivery.shut.again <= now + 60 * 1000);
    free(v);
    let_go(b);
}

/* "421 too many connections" is how hosts bound what each client has open. */
TEST(one_connection_too_many_says_nothing_of_a_host_that_serves_another)
{
    struct bench *b = bench_open();
    SCRIPTS(b, { .dot = "" }, { .greeting = "421 4.7.0 too many connections" }, { 0 });
    b->config.relay.data_timeout = 5;
    ask(b, "a@x\t\n", "x\r\n");
    rest(b, 100);
    ask(b, "b@y\t\n", "x\r\n");
    rest(b, 100);
    results_are(b, "2 421");
    CHECK(b->caller_count == 2 && b->host_down && !b->again && !b->host[0]);
    ask(b, "c@z\t\n", "x\r\n");
    rest(b, 200);
    results_are(b, "0 250");
    CHECK(b->caller_count == 3 && b->open == 1);
    bench_close(b);
}
