/* The parts of routing that need no DNS: the order of MX hosts, names for DNS, results as the queue reads them. */
#include "check.h"
#include "relay/parts.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* sin_port and sin6_port lie in the same place. */
static void set_port(struct sockaddr_storage *a, uint16_t port)
{
    ((struct sockaddr_in *)a)->sin_port = htons(port);
}

static void order_is(struct route_host *hosts, size_t count, const char *ours, size_t want, const char *first)
{
    CHECK(route_order(hosts, &count, ours, 1) == (want > 0));
    assert_int_equal(count, want);
    if (want) assert_string_equal(hosts[0].name, first);
}

TEST(lowest_preference_first)
{
    struct route_host hosts[] = {
        {"c.example",  30},
        { "a.example", 10},
        { "b.example", 20}
    };
    order_is(hosts, 3, "mail.example.org", 3, "a.example");
    assert_string_equal(hosts[1].name, "b.example");
    assert_string_equal(hosts[2].name, "c.example");
}

TEST(our_own_host_and_those_behind_it_are_dropped)
{
    struct route_host hosts[] = {
        {"us.example",    20},
        { "peer.example", 20},
        { "a.example",    10},
        { "z.example",    30}
    };
    order_is(hosts, 4, "US.example", 1, "a.example");
}

TEST(the_best_host_being_us_is_a_loop)
{
    struct route_host hosts[] = {
        {"us.example", 10},
        { "z.example", 30}
    };
    order_is(hosts, 2, "us.example", 0, "");
}

TEST(equal_preferences_share_the_load)
{
    bool first_was_a = false, first_was_b = false;
    for (uint64_t salt = 0; salt < 64; salt++) {
        struct route_host hosts[] = {
            {"a.example",  10},
            { "b.example", 10}
        };
        size_t count = 2;
        CHECK(route_order(hosts, &count, "us.example", salt * 0x9E3779B97F4A7C15ULL));
        first_was_a |= hosts[0].name[0] == 'a';
        first_was_b |= hosts[0].name[0] == 'b';
    }
    CHECK(first_was_a && first_was_b);
}

TEST(servers_share_by_their_weights_and_what_is_later_stays_later)
{
    enum { TIMES = 4000 };
    static const struct config_hop one = { .weight = 1 }, three = { .weight = 3 };
    unsigned                       first[4] = { 0 }, last[4] = { 0 };
    for (uint64_t salt = 1; salt <= TIMES; salt++) {
        struct route_host hosts[] = {
            {"0",  1, &one  },
            { "1", 0, &three},
            { "2", 2, &three},
            { "3", 0, &one  }
        };
        route_share(hosts, 4, salt * UINT64_C(0x9E3779B97F4A7C15));
        first[hosts[0].name[0] - '0']++;
        last[hosts[1].name[0] - '0']++;
        CHECK(hosts[2].name[0] == '0' && hosts[3].name[0] == '2');
    }
    CHECK(first[1] + first[3] == TIMES && last[1] + last[3] == TIMES);
    CHECK(first[1] > TIMES * 70 / 100 && first[1] < TIMES * 80 / 100);
}

TEST(of_too_many_hosts_the_best_are_kept)
{
    struct route r = { 0 };
    for (uint16_t i = 0; i < 2 * ROUTE_HOSTS_MOST; i++) {
        char           room[32];
        struct gp_text name = GP_TEXT(room);
        gp_put_z(&name, "mx");
        gp_put_number(&name, i);
        route_add(&r, gp_said(&name), (uint16_t)(2 * ROUTE_HOSTS_MOST - i));
    }
    route_add(&r, GP_LIT("best.example"), 0);
    route_add(&r, GP_LIT("worst.example"), 99);
    route_add(&r, GP_LIT(""), 0);
    assert_int_equal(r.host_count, ROUTE_HOSTS_MOST);
    CHECK(r.beyond && route_order(r.hosts, &r.host_count, "us.example", 1));
    assert_string_equal(r.hosts[0].name, "best.example");
    assert_string_equal(r.hosts[1].name, "mx19");
    assert_string_equal(r.hosts[9].name, "mx11");
}

TEST(domains_are_asked_as_a_labels)
{
    static const struct {
        const char *domain, *name;
    } rows[] = {
        {"example.net",                        "example.net"          },
        { "b\xc3\xbc"
          "cher.example",             "xn--bcher-kva.example"},
        { "B\xc3\x9c"
          "cher.EXAMPLE",             "xn--bcher-kva.example"},
        { "XN--bcher-kva.example",             "XN--bcher-kva.example"},
        { "\xef\xbd\x85xample.net",            "example.net"          }, /* a wide e */
        { "b\xc3\xbc"
          "cher\xe3\x80\x82"
          "example",                  "xn--bcher-kva.example"}, /* an ideographic full stop */
        { "b\xc3\xbc"
          "cher.example\xe3\x80\x82", NULL                   },
        { "example.net\xe3\x80\x82",           NULL                   }, /* else nobody's policy would be found for it */
        { "b\xc3\xbc"
          "cher..example",            NULL                   },
        { "\xef\xbc\xbb"
          "127.0.0.1\xef\xbc\xbd",    NULL                   }, /* wide brackets */
        { "a.example\xef\xbc\x9a"
          "26",                       NULL                   }, /* a wide colon */
        { "\xe2\x80\x8b",                      NULL                   },
        { "",                                  NULL                   },
        { "\xff.example",                      NULL                   },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char name[256];
        bool good = route_dns_name(gp_from(rows[i].domain), name);
        CHECK(good == (rows[i].name != NULL));
        if (good) assert_string_equal(name, rows[i].name);
    }
}

TEST(addresses_of_this_machine_are_known)
{
    static const struct {
        const char *address;
        bool        home;
    } rows[] = {
        {"127.0.0.1:25",            true },
        { "127.255.0.9:25",         true },
        { "0.0.0.0:25",             true },
        { "0.1.2.3:25",             true },
        { "[::1]:25",               true },
        { "[::]:25",                true },
        { "[::ffff:127.0.0.1]:25",  true },
        { "[::ffff:0.0.0.0]:25",    true },
        { "[::127.0.0.1]:25",       true },
        { "192.0.2.1:587",          true },
        { "[2001:db8::1]:465",      true },
        { "[::ffff:192.0.2.1]:587", true },
        { "192.0.2.1:25",           false},
        { "192.0.2.127:587",        false},
        { "[2001:db8::7f00:1]:25",  false},
        { "[::ffff:192.0.2.1]:25",  false},
        { "128.0.0.1:25",           false},
    };
    static struct config c = {
        .listen       = {{ LISTEN_SUBMISSION, "192.0.2.1:587" }, { LISTEN_SUBMISSIONS, "[2001:db8::1]:465" }},
        .listen_count = 2
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct sockaddr_storage a;
        CHECK(address_read(gp_from(rows[i].address), 25, &a));
        if (route_is_home(&c, &a) != rows[i].home) fail_msg("%s", rows[i].address);
    }
}

/* The address of this host that leads out, if any does: others are of loopback, and known without asking. */
static bool own_address(const char *far, struct sockaddr_storage *out)
{
    socklen_t               len = sizeof *out;
    struct sockaddr_storage to;
    CHECK(address_read(gp_from(far), 9, &to));
    int  fd   = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool told = fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof to) == 0 &&
                getsockname(fd, (struct sockaddr *)out, &len) == 0;
    if (fd >= 0) (void)close(fd);
    return told;
}

TEST(a_listener_for_all_addresses_listens_at_each)
{
    static const struct {
        const char *listener, *far;
        uint16_t    port;
        bool        home;
    } rows[] = {
        {"0.0.0.0:587",  "198.51.100.1:587",  587, true },
        { "[::]:587",    "198.51.100.1:587",  587, true },
        { "[::]:587",    "198.51.100.1:587",  25,  false},
        { "0.0.0.0:25",  "198.51.100.1:587",  587, false},
        { "[::]:587",    "[2001:db8::1]:587", 587, true },
        { "0.0.0.0:587", "[2001:db8::1]:587", 587, false},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct sockaddr_storage far, own;
        static struct config    c = { .listen_count = 1 };
        CHECK(gp_copy_z(gp_from(rows[i].listener), c.listen[0].address, sizeof c.listen[0].address));
        CHECK(address_read(gp_from(rows[i].far), 0, &far) && !route_is_home(&c, &far));
        if (!own_address(rows[i].far, &own)) continue;
        set_port(&own, rows[i].port);
        if (route_is_home(&c, &own) != rows[i].home) fail_msg("row %zu", i);
    }
}

TEST(results_are_lines_without_controls)
{
    char             room[512];
    struct gp_text   out = GP_TEXT(room);
    struct recipient r[] = {
        { .result = { GP_OK, 250, GP_LIT("2.1.5"), GP_LIT("mx [127.0.0.1]"), GP_LIT("TLSv1.3 X"), GP_LIT("ok") } },
        { .result = { GP_PERMFAIL, 550, GP_LIT("5.1.1"), GP_LIT("mx"), GP_LIT(""), GP_LIT("no\tsuch\nuser\x7f") } },
    };
    results_put(&out, r, GP_COUNT(r));
    CHECK_IS(gp_said(&out), "0\t250\t2.1.5\tmx [127.0.0.1]\tTLSv1.3 X\tok\n3\t550\t5.1.1\tmx\t\tno such user \n");
}

TEST(a_reply_without_an_enhanced_code_gets_its_class)
{
    CHECK_IS(result_enhanced(550, GP_NONE), "5.0.0");
    CHECK_IS(result_enhanced(451, GP_NONE), "4.0.0");
    CHECK_IS(result_enhanced(0, GP_NONE), "4.4.0");
    CHECK_IS(result_enhanced(550, GP_LIT("5.1.1")), "5.1.1");
}
