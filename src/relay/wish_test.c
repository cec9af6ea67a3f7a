/* REQUIRETLS and its reports (RFC 8689): what they say to whom, when they come back, and which connections are not for them. */
#include "relay/hop_kit.h"

enum { A_MINUTE = 60 * 1000 };

#define STARTTLS "250-mx\r\n250-STARTTLS\r\n"
#define OFFERS   STARTTLS "250 REQUIRETLS"
#define SAYS_IT  "MAIL FROM:<ada@example.org> REQUIRETLS\n"

static struct bench *bench_for(const struct script *script, const char *params)
{
    struct bench *b = bench_open();
    b->scripts[0]   = script;
    b->script_count = 1;
    b->params       = params;
    return b;
}

/* ---- one that requires it ----------------------------------------------------------------------------------------------- */
TEST(it_goes_to_who_is_verified_and_keeps_to_it_or_comes_back)
{
    static const struct {
        struct script script;
        bool          other_name; /* than its certificate's */
        const char   *results, *status;
    } rows[] = {
        {{ .ehlo = OFFERS },                                        false, "0 250", NULL    },
        { { .ehlo = STARTTLS "250 8BITMIME" },                      false, "3 0",   "5.7.30"},
        { { .ehlo = "250-mx\r\n250 REQUIRETLS" },                   false, "3 0",   "5.7.10"}, /* it offers no STARTTLS */
        { { .ehlo = OFFERS, .starttls = "502 5.5.1 not now" },      false, "3 502", "5.7.10"},
        { { .ehlo = OFFERS, .starttls = "454 4.7.0 not just now" }, false, "2 454", "4.7.0" },
        { { .ehlo = OFFERS, .starttls = "421 4.3.2 good bye" },     false, "2 421", "4.3.2" },
        { { .ehlo = OFFERS, .breaks_tls = true },                   false, "2 0",   "4.7.5" },
        { { .ehlo = OFFERS },                                       true,  "3 0",   "5.7.10"},
        { { .ehlo = "-" },                                          false, "2 0",   "4.4.2" },
        { { .ehlo = "what?" },                                      false, "2 0",   NULL    },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench *b = bench_for(&rows[i].script, "REQUIRETLS");
        smarthost(b, "", RELAY_TLS_OPPORTUNISTIC);
        if (rows[i].other_name)
            CHECK(gp_copy_z(GP_LIT("127.0.0.1"), b->config.relay.host, sizeof b->config.relay.host));
        deliver(b, "a@x\t\n");
        results_are(b, rows[i].results);
        CHECK(holds(heard(b, 0), SAYS_IT) == (i == 0) && holds(heard(b, 0), "MAIL") == (i == 0));
        CHECK(!rows[i].status || holds(gp_from(b->results), rows[i].status));
        CHECK(b->callers[0].secure || i > 0);
        bench_close(b);
    }
}

/* RFC 8689 4.1 */
TEST(a_field_that_says_otherwise_is_ignored)
{
    static const struct script plain = { .ehlo = "250 mx" };
    struct bench              *b     = bench_for(&plain, "BODY=8BITMIME REQUIRETLS");
    smarthost(b, "", RELAY_TLS_OPPORTUNISTIC);
    deliver_text(b, "a@x\t\n", "TLS-Required: No\r\n\r\nx\r\n");
    results_are(b, "3 0");
    CHECK(!holds(heard(b, 0), "MAIL"));
    bench_close(b);
}

/* RFC 8689 4.2.1 */
TEST(another_host_may_do_better)
{
    static const struct script lacks = { .ehlo = STARTTLS "250 8BITMIME" }, keeps = { .ehlo = OFFERS };
    struct bench              *b = bench_for(&lacks, "REQUIRETLS");
    struct config_route       *r = add_route(b, "two");
    b->destination               = "via:two";
    server(b, &r->via[0], "127.0.0.9");
    server(b, &r->fallback[0], "127.0.0.9");
    b->scripts[1]   = &keeps;
    b->script_count = 2;
    deliver(b, "a@x\t\n");
    results_are(b, "0 250");
    CHECK(b->caller_count == 2 && holds(heard(b, 1), SAYS_IT) && !holds(heard(b, 0), "MAIL"));
    b->params = NULL;
    deliver(b, "a@x\t\n"); /* and the first serves others as before */
    CHECK(b->caller_count == 2);
    bench_close(b);
}

TEST(what_another_host_may_do_tomorrow_is_waited_for)
{
    static const struct script lacks = { .ehlo = STARTTLS "250 8BITMIME" }, busy = { .greeting = "421 4.3.2 busy" };
    for (size_t i = 0; i < 2; i++) {
        struct bench        *b = bench_for(i ? &lacks : &busy, "REQUIRETLS");
        struct config_route *r = add_route(b, "two");
        b->destination         = "via:two";
        b->scripts[1]          = i ? &busy : &lacks;
        b->script_count        = 2;
        server(b, &r->via[0], "127.0.0.9");
        server(b, &r->fallback[0], "127.0.0.9");
        deliver(b, "a@x\t\n");
        results_are(b, "2 421");
        CHECK(b->word == HOST_UNASKED); /* for other mail it is as good as ever, or as bad */
        bench_close(b);
    }
}

/* A host is the same at all its addresses: one that it cannot be reached at does not keep mail waiting for days. */
TEST(what_a_host_lacks_it_lacks_at_all_of_its_addresses)
{
    static const struct script lacks = { .ehlo = STARTTLS "250 8BITMIME" }, busy = { .greeting = "421 4.3.2 busy" };
    static const struct {
        const struct script *first, *again, *second; /* two addresses of one host; another host, if any */
        const char          *results;
    } rows[] = {
        {&busy,   &lacks, NULL,   "3 0"  },
        { &lacks, &busy,  NULL,   "3 0"  },
        { &lacks, &busy,  &busy,  "2 421"},
        { &busy,  &lacks, &busy,  "2 421"},
        { &busy,  &lacks, &lacks, "3 0"  },
        { &busy,  &busy,  &lacks, "2 421"},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench        *b = bench_for(rows[i].first, "REQUIRETLS");
        struct config_route *r = add_route(b, "two");
        b->destination         = "via:two";
        b->addresses           = 2;
        b->scripts[1]          = rows[i].again;
        b->scripts[2]          = rows[i].second;
        b->script_count        = rows[i].second ? 3 : 2;
        server(b, &r->via[0], "127.0.0.9");
        if (rows[i].second) server(b, &r->fallback[0], "127.0.0.9");
        deliver(b, "a@x\t\n");
        results_are(b, rows[i].results);
        CHECK(b->caller_count == b->script_count &&
              holds(gp_from(b->results), "5.7.30") == (rows[i].results[0] == '3'));
        bench_close(b);
    }
}

TEST(a_host_that_is_known_not_to_answer_may_have_what_another_lacks)
{
    for (unsigned other = 0; other < 2; other++) {
        static const struct script hangs = { .ehlo = "" };
        struct bench              *b     = bench_for(&hangs, "");
        ask(b, "a@x\t\n", "x\r\n");
        rest(b, 50);
        struct delivery *d = b->relay.deliveries;
        CHECK(d && d->hop && d->route.host_at == 0);
        d->shut    = (struct shut) { .again = wall_now() + A_MINUTE, .failed_at = wall_now(), .host = "mx2.example" };
        d->passing = 1U << other; /* an address of the same host, or of another one */
        wish_go_elsewhere(d->hop);
        rest(b, 50);
        results_are(b, other ? "2 0" : "3 0");
        CHECK(holds(gp_from(b->results), other ? "host mx2.example" : "5.7.30"));
        bench_close(b);
    }
}

/* What lies on this host has arrived: no octet of it is on a network. */
TEST(a_mail_store_on_this_host_takes_it)
{
    static const struct script store = { .ehlo = "250-mx\r\n250 REQUIRETLS" };
    struct bench              *b     = bench_for(&store, "REQUIRETLS");
    struct config_route       *r     = add_route(b, "store");
    b->destination                   = "via:store";
    server(b, &r->via[0], "127.0.0.1");
    r->via[0].lmtp = true;
    deliver(b, "a@x\t\n");
    results_are(b, "0 250");
    CHECK(holds(heard(b, 0), "MAIL FROM:<ada@example.org>\n"));
    bench_close(b);
}

/* ---- a report of one -------------------------------------------------------------------------------------------------------- */
/* RFC 8689 5 */
TEST(a_report_says_it_where_it_can_and_arrives_all_the_same)
{
    static const struct {
        struct script script;
        bool          other_name, says;
    } rows[] = {
        {{ .ehlo = OFFERS },                   false, true },
        { { .ehlo = OFFERS },                  true,  false},
        { { .ehlo = STARTTLS "250 8BITMIME" }, false, false},
        { { .ehlo = "250 mx" },                false, false},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench *b = bench_for(&rows[i].script, "REQUIRETLS BODY=8BITMIME");
        b->sender       = "";
        smarthost(b, "", RELAY_TLS_OPPORTUNISTIC);
        if (rows[i].other_name)
            CHECK(gp_copy_z(GP_LIT("127.0.0.1"), b->config.relay.host, sizeof b->config.relay.host));
        deliver(b, "a@x\t\n");
        results_are(b, "0 250");
        CHECK(holds(heard(b, 0), "MAIL FROM:<> REQUIRETLS\n") == rows[i].says && holds(heard(b, 0), "MAIL FROM:<>"));
        bench_close(b);
    }
}

/* ---- connections that are open already ---------------------------------------------------------------------------------------- */
static void send_one(struct bench *b, const char *params, size_t callers)
{
    b->params = params;
    deliver(b, "a@x\t\n");
    results_are(b, "0 250");
    CHECK(b->caller_count == callers);
}

TEST(it_rides_no_connection_that_is_not_verified)
{
    static const struct script keeps = { .ehlo = OFFERS }, clear = { .ehlo = "250-mx\r\n250 REQUIRETLS" };
    const struct script *const first[] = { &keeps, &clear };
    for (size_t i = 0; i < GP_COUNT(first); i++) {
        struct bench *b = bench_for(first[i], NULL);
        smarthost(b, "", RELAY_TLS_OPPORTUNISTIC);
        b->scripts[1]   = &keeps;
        b->script_count = 2;
        send_one(b, "", 1);
        send_one(b, "REQUIRETLS", 2);
        CHECK(holds(heard(b, 1), SAYS_IT));
        send_one(b, "REQUIRETLS", 2); /* but one that was opened for its like */
        send_one(b, "", 2);
        bench_close(b);
    }
}

TEST(it_rides_one_that_was_verified_for_another)
{
    static const struct script keeps = { .ehlo = OFFERS };
    struct bench              *b     = bench_for(&keeps, NULL);
    smarthost(b, "", RELAY_TLS_REQUIRED);
    send_one(b, "", 1);
    send_one(b, "REQUIRETLS", 1);
    CHECK(holds(heard(b, 0), SAYS_IT));
    bench_close(b);
}

/* Whom MX led to, by a domain without any policy: as if, for there is no DNS here. */
static struct bench *after_one_to(const char *domain)
{
    static const struct script polite = { 0 };
    struct bench              *b      = bench_for(&polite, NULL);
    send_one(b, "", 1);
    CHECK(gp_copy_z(gp_from(domain), b->relay.hops->domain, sizeof b->relay.hops->domain));
    return b;
}

TEST(a_weak_connection_is_good_for_a_minute)
{
    struct bench *b = after_one_to("example.net");
    send_one(b, "", 1);
    b->relay.hops->opened -= A_MINUTE;
    send_one(b, "", 2);
    b->relay.hops->opened -= A_MINUTE; /* nobody decides about the host of an address but who wrote it */
    send_one(b, "", 2);
    bench_close(b);
}

TEST(so_is_one_to_a_server_that_is_named_and_may_get_tlsa_records)
{
    static const struct {
        struct config_hop via;
        const char       *host;
        size_t            callers;
    } rows[] = {
        {{ .kind = RELAY_SMARTHOST, .tls = RELAY_TLS_OPPORTUNISTIC },                "relay.example", 2},
        { { .kind = RELAY_SMARTHOST, .tls = RELAY_TLS_ENCRYPTED },                   "relay.example", 2},
        { { .kind = RELAY_SMARTHOST, .tls = RELAY_TLS_NONE },                        "relay.example", 1},
        { { .kind = RELAY_SMARTHOST, .tls = RELAY_TLS_OPPORTUNISTIC, .lmtp = true }, "relay.example", 1},
        { { .kind = RELAY_SMARTHOST, .tls = RELAY_TLS_OPPORTUNISTIC },               "192.0.2.1",     1},
        { { .kind = RELAY_SMARTHOST, .tls = RELAY_TLS_OPPORTUNISTIC },               "[192.0.2.1]",   1},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench *b = after_one_to("");
        struct hop   *h = b->relay.hops;
        h->via          = rows[i].via;
        h->opened -= A_MINUTE;
        CHECK(gp_copy_z(gp_from(rows[i].host), h->host, sizeof h->host));
        send_one(b, "", rows[i].callers);
        bench_close(b);
    }
}

TEST(what_is_found_out_later_ends_a_weak_connection)
{
    static const struct {
        struct demand demand;
        const char   *domain, *host;
        size_t        callers;
    } rows[] = {
        {{ .level = DEMAND_VERIFIED, .source = DEMAND_BY_STS },                                                  "example.net", "other",       2},
        { { .level = DEMAND_VERIFIED, .source = DEMAND_BY_STS, .failure = TLS_FAILED },                          "example.net", "other",       2},
        { { .level = DEMAND_DANE, .source = DEMAND_BY_DANE },                                                    "example.net", "[127.0.0.1]", 2},
        { { .level = DEMAND_ENCRYPTED, .source = DEMAND_BY_DANE },                                               "example.net", "[127.0.0.1]", 2},
        { { .level = DEMAND_OPPORTUNISTIC, .source = DEMAND_BY_DANE, .failure = TLS_DNSSEC_INVALID },
         "example.net",                                                                                                         "[127.0.0.1]",
         2                                                                                                                                      },
        { { .level = DEMAND_DANE, .source = DEMAND_BY_DANE },                                                    "example.net", "other",       1},
        { { .level = DEMAND_VERIFIED, .source = DEMAND_BY_STS },                                                 "example.com", "[127.0.0.1]", 1},
        { { .level = DEMAND_VERIFIED, .source = DEMAND_BY_MESSAGE },                                             "example.net", "[127.0.0.1]", 1},
        { { .level = DEMAND_OPPORTUNISTIC, .source = DEMAND_BY_CONFIG, .testing = true, .failure = TLS_FAILED },
         "example.net",                                                                                                         "[127.0.0.1]",
         1                                                                                                                                      },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench   *b = after_one_to("example.net");
        struct delivery d = { .relay = &b->relay };
        CHECK(gp_copy_z(gp_from(rows[i].domain), d.route.domain, sizeof d.route.domain));
        secure_outdates(&d, rows[i].host, &rows[i].demand);
        send_one(b, "", rows[i].callers);
        bench_close(b);
    }
}
