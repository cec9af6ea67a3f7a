/* Counts of sessions by address, and what the log hears of those that were refused. */
#include "check.h"

#include <string.h>
#include <sys/socket.h>

#include "submit/parts.h"

static struct sockaddr_storage from(const char *address)
{
    struct sockaddr_storage out;
    CHECK(address_read(gp_from(address), 1, &out));
    return out;
}

static int enter(struct limits *l, const char *address, struct address_count **counted)
{
    struct sockaddr_storage at = from(address);
    const struct gp_reply  *no = limits_enter(l, &at, counted);
    return no ? no->code : 0;
}

static unsigned refused(struct limits *l, const char *address, gp_time now)
{
    struct sockaddr_storage at = from(address);
    return limits_refused(l, &at, now);
}

TEST(an_address_is_ipv4_or_the_network_of_an_ipv6)
{
    struct limits         l  = { .sessions_most = 10, .per_address_most = 1 };
    struct address_count *v4 = NULL, *v6 = NULL, *other = NULL, *none = NULL;
    CHECK(enter(&l, "192.0.2.1:1", &v4) == 0 && enter(&l, "[2001:db8::1]:1", &v6) == 0);
    CHECK(enter(&l, "192.0.2.1:2", &none) == 421 && enter(&l, "[::ffff:192.0.2.1]:1", &none) == 421);
    CHECK(enter(&l, "[2001:db8::2:3]:1", &none) == 421 && !none);
    CHECK(enter(&l, "[2001:db8:0:1::1]:1", &other) == 0);
    limits_leave(&l, v4);
    CHECK(enter(&l, "192.0.2.1:2", &v4) == 0);
    limits_leave(&l, v4);
    limits_leave(&l, v6);
    limits_leave(&l, other);
    CHECK(l.sessions == 0);
}

TEST(there_is_an_end_to_all_sessions)
{
    struct limits         l   = { .sessions_most = 1, .per_address_most = 1 };
    struct address_count *one = NULL, *none = NULL;
    CHECK(enter(&l, "192.0.2.1:1", &one) == 0 && enter(&l, "192.0.2.2:1", &none) == 421 && !none);
    limits_leave(&l, one);
}

TEST(a_flood_of_refusals_is_a_line_now_and_then)
{
    enum { FLOOD = 1000, LATER = 10 * MS };
    struct limits         l   = { .sessions_most = 10, .per_address_most = 1 };
    struct address_count *one = NULL, *two = NULL;
    CHECK(enter(&l, "192.0.2.1:1", &one) == 0 && enter(&l, "192.0.2.2:1", &two) == 0);
    CHECK(refused(&l, "192.0.2.1:2", 1) == 1);
    for (int i = 0; i < FLOOD; i++) CHECK(refused(&l, "192.0.2.1:2", 1 + i) == 0);
    CHECK(refused(&l, "192.0.2.2:2", FLOOD) == 1); /* its neighbour is heard of all the same */
    CHECK(refused(&l, "192.0.2.1:2", 1 + LATER) == FLOOD + 1);
    CHECK(refused(&l, "192.0.2.3:1", 1) == 1 && refused(&l, "192.0.2.4:1", 2) == 0); /* these have no session here */
    limits_leave(&l, one);
    limits_leave(&l, two);
}
