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

/* ---- what the queue is told ------------------------------------------------------------------------------------------------- */
static void goes_down(struct bench *b, const char *address, gp_time now)
{
    struct visit *v                              = visit(b, address, now);
    ((struct sockaddr_in *)&v->hop.at)->sin_port = htons(b->config.relay.mx_port);
    down_failed(&v->hop, GP_LIT("no connection"), now);
    free(v);
}

TEST(all_hosts_that_did_not_answer_are_named_whether_they_were_tried_or_not)
{
    struct bench *b = bench_open();
    SCRIPTS(b, { .greeting = "-" });
    b->hosts = 2;
    goes_down(b, "127.0.0.2", wall_now());
    deliver(b, "a@x\t\n"); /* the first is tried */
    gp_str names = gp_from(b->host);
    CHECK(b->caller_count == 1 && b->host_down && !b->again);
    CHECK(gp_starts(gp_cut(&names, '\n'), "127.0.0.1:") && gp_starts(gp_cut(&names, '\n'), "127.0.0.2:") && !names.len);
    bench_close(b);
}

TEST(whoever_reaches_one_of_them_names_none)
{
    struct bench *b = bench_open();
    SCRIPTS(b, { .greeting = "-" }, { .mail = "451 4.7.1 later" });
    b->hosts = 2;
    deliver(b, "a@x\t\n");
    results_are(b, "2 451");
    CHECK(b->caller_count == 2 && !b->host[0]);
    bench_close(b);
}

TEST(mail_that_waits_for_its_longest_step_hears_that_the_host_is_back)
{
    struct bench *b   = bench_open();
    const gp_time now = wall_now(), step = (gp_time)4 * 3600 * 1000;
    gp_time       then = now + step + step / 8;
    goes_down(b, "127.0.0.1", now);
    SCRIPTS(b, { 0 });
    struct visit *v                              = visit(b, "127.0.0.1", then);
    ((struct sockaddr_in *)&v->hop.at)->sin_port = ((struct sockaddr_in *)&b->address)->sin_port;
    down_answered(&v->hop, then);
    rest(b, 20);
    CHECK(b->backs == 1 && gp_starts(gp_from(b->back), "127.0.0.1:"));
    free(v);
    bench_close(b);
}

/* It is due again with the next relay, and not when one of its hosts is. */
TEST(what_a_stop_puts_off_waits_for_no_host)
{
    struct bench *b = bench_open();
    SCRIPTS(b, { .greeting = "" });
    b->config.relay.command_timeout = 5;
    ask(b, "a@x\t\n", "x\r\n");
    rest(b, 100);
    struct delivery *d = b->relay.deliveries;
    CHECK(d && d->hop && b->caller_count == 1);
    d->hop->phase = HOP_CONNECTING; /* to another host, as if the first were known not to answer */
    d->shut.again = wall_now() + (gp_time)5 * 60 * 1000;
    delivery_put_off_unsent(&b->relay);
    rest(b, 50);
    CHECK(b->answered && !b->results[0] && !b->again && !b->host[0]);
    bench_close(b);
}
