/* Where a stranger's web server is, by his DNS: never this host, unless the configuration lets it. All that it reaches outside stands here. */
#include <arpa/inet.h>
#include <string.h>

#include "check.h"
#include "relay/parts.h"

struct dns_query {
    dns_done *done;
    void     *owner;
};
static struct dns_query queries[2]; /* A, AAAA */

struct dns_query *dns_ask(struct dns *d, gp_str name, enum dns_type type, dns_done *done, void *owner)
{
    (void)d;
    CHECK_IS(name, "web.example");
    struct dns_query *q = &queries[type == DNS_AAAA];
    *q                  = (struct dns_query) { done, owner };
    return q;
}

void dns_forget(struct dns_query *q)
{
    (void)q;
}

bool address_read(gp_str text, uint16_t port, struct sockaddr_storage *out)
{
    struct sockaddr_in  *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    char                 room[INET6_ADDRSTRLEN];
    (void)port;
    CHECK(gp_copy_z(text, room, sizeof room));
    bool six       = gp_find(text, ':') < text.len;
    out->ss_family = six ? AF_INET6 : AF_INET;
    return inet_pton(out->ss_family, room, six ? (void *)&v6->sin6_addr : (void *)&v4->sin_addr) == 1;
}

void address_unmap(struct sockaddr_storage *a)
{
    struct sockaddr_in6 v6 = *(struct sockaddr_in6 *)a;
    struct sockaddr_in *v4 = (struct sockaddr_in *)a;
    if (a->ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) return;
    v4->sin_family = AF_INET;
    memcpy(&v4->sin_addr, v6.sin6_addr.s6_addr + 12, sizeof v4->sin_addr);
}

bool route_is_home(const struct config *c, const struct sockaddr_storage *a)
{
    (void)c;
    return a->ss_family == AF_INET6 ? IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)a)->sin6_addr)
                                    : ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24 == 127;
}

static void done(void *owner, gp_str reach)
{
    struct gp_text *out = owner;
    gp_put(out, reach.ptr ? reach : GP_LIT("none"));
}

static void says(size_t which, const char *const *addresses, size_t count)
{
    uint8_t           octets[16][16];
    struct dns_record records[16] = { 0 };
    struct dns_answer answer = { .status = count ? GP_OK : GP_PERMFAIL, .why = "", .records = records, .count = count };
    for (size_t i = 0; i < count; i++) {
        CHECK(inet_pton(which ? AF_INET6 : AF_INET, addresses[i], octets[i]) == 1);
        records[i].data = (gp_str) { (const char *)octets[i], which ? 16 : 4 };
    }
    queries[which].done(queries[which].owner, &answer);
}

static void look_from(bool loopback, bool outside, const char *const *four, size_t fours, const char *const *six,
                      size_t sixes, const char *wanted)
{
    static struct config config;
    static struct relay  relay;
    char                 room[1000];
    struct gp_text       out    = GP_TEXT(room);
    struct reach         r      = { .relay = &relay, .outside = outside, .done = done, .owner = &out };
    relay.config                = &config;
    config.relay.allow_loopback = loopback;
    CHECK(reach_find(&r, GP_LIT("web.example"), 8443));
    says(0, four, fours);
    CHECK(out.len == 0);
    says(1, six, sixes);
    CHECK_IS(gp_said(&out), wanted);
}

static void look(bool loopback, const char *const *four, size_t fours, const char *const *six, size_t sixes,
                 const char *wanted)
{
    look_from(loopback, false, four, fours, six, sixes, wanted);
}

TEST(addresses_of_this_host_are_left_out)
{
    static const char *const four[] = { "127.0.0.1", "192.0.2.1", "127.1.2.3" }, *const six[] = { "::1",
                                                                                                  "2001:db8::1" };
    look(false, four, 3, six, 2, "web.example:8443:192.0.2.1,2001:db8::1");
    look(false, four, 1, six, 1, "none");
    look(false, NULL, 0, NULL, 0, "none");
    look(true, four, 1, six, 1, "web.example:8443:127.0.0.1,::1");
}

TEST(of_many_addresses_some_are_taken)
{
    static const char *const many[] = { "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5",
                                        "192.0.2.6", "192.0.2.7", "192.0.2.8", "192.0.2.9" };
    look(false, many, 9, NULL, 0,
         "web.example:8443:192.0.2.1,192.0.2.2,192.0.2.3,192.0.2.4,192.0.2.5,192.0.2.6,192.0.2.7,192.0.2.8");
}

TEST(reports_go_to_no_address_of_inner_networks)
{
    static const char *const        four[]  = { "10.0.0.1",    "100.64.0.1", "169.254.169.254", "172.31.255.1",
                                                "192.168.0.1", "224.0.0.1",  "255.255.255.255", "127.0.0.1" },
                             *const near[]  = { "9.255.255.255", "11.0.0.0",    "100.128.0.1",
                                                "172.32.0.1",    "192.169.0.1", "223.0.0.1" },
                             *const six[]   = { "fc00::1", "fdff::1", "fe80::1", "febf::1",
                                                "fec0::1", "ff02::1", "::1",     "::ffff:10.0.0.1" },
                             *const other[] = { "2001:db8::1", "fe00::1" };
    look_from(false, true, four, GP_COUNT(four), six, GP_COUNT(six), "none");
    look_from(
        false, true, near, GP_COUNT(near), other, GP_COUNT(other),
        "web.example:8443:9.255.255.255,11.0.0.0,100.128.0.1,172.32.0.1,192.169.0.1,223.0.0.1,2001:db8::1,fe00::1");
    look_from(false, false, four, 1, six, 1, "web.example:8443:10.0.0.1,fc00::1");
    look_from(true, true, four, 1, six, 1, "web.example:8443:10.0.0.1,fc00::1");
}
