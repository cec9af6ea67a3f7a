/* Where a stranger's web server is. His DNS leads no further than his mail would go, not to this host; and a report's not to what is behind
 * the same wall, either. */
#include <arpa/inet.h>

#include "relay/parts.h"

enum { ADDRESSES_MOST = 8 };

/* Addresses that mean something else in each network (RFC 6890; RFC 4193, 3927, 6598, 4291 2.5.6): whoever has his web server at one has it in ours. */
static bool is_inner(const struct sockaddr_storage *at)
{
    static const struct {
        uint32_t network;
        unsigned bits;
    } inner[] = {
        {0x0a000000,  8 }, /* 10.0.0.0 */
        { 0x64400000, 10}, /* 100.64.0.0 */
        { 0xa9fe0000, 16}, /* 169.254.0.0 */
        { 0xac100000, 12}, /* 172.16.0.0 */
        { 0xc0a80000, 16}, /* 192.168.0.0 */
        { 0xe0000000, 3 }, /* 224.0.0.0: many, and none */
    };
    struct sockaddr_storage a = *at;
    address_unmap(&a);
    if (a.ss_family == AF_INET6) {
        const uint8_t *octets = ((const struct sockaddr_in6 *)&a)->sin6_addr.s6_addr;
        bool           unique = (octets[0] & 0xfe) == 0xfc, link = octets[0] == 0xfe && octets[1] & 0x80,
             many = octets[0] == 0xff;
        return unique || link || many;
    }
    uint32_t v4 = ntohl(((const struct sockaddr_in *)&a)->sin_addr.s_addr);
    for (size_t i = 0; i < GP_COUNT(inner); i++)
        if (v4 >> (32 - inner[i].bits) == inner[i].network >> (32 - inner[i].bits)) return true;
    return false;
}

static bool may_be_asked(const struct reach *r, const struct sockaddr_storage *at)
{
    const struct config *c = r->relay->config;
    return c->relay.allow_loopback || !(route_is_home(c, at) || (r->outside && is_inner(at)));
}

static void put_address(struct reach *r, gp_str octets)
{
    char                    text[INET6_ADDRSTRLEN];
    struct sockaddr_storage at     = { 0 };
    int                     family = octets.len == sizeof(struct in_addr) ? AF_INET : AF_INET6;
    if ((family == AF_INET6 && octets.len != sizeof(struct in6_addr)) || r->addresses == ADDRESSES_MOST) return;
    if (!inet_ntop(family, octets.ptr, text, sizeof text)) return;
    if (!address_read(gp_from(text), 0, &at)) return;
    if (!may_be_asked(r, &at)) return;
    if (r->addresses++) gp_put_char(&r->text, ',');
    gp_put_z(&r->text, text);
}

static void take_addresses(struct reach *r, const struct dns_answer *answer)
{
    for (size_t i = 0; answer->status == GP_OK && i < answer->count; i++) put_address(r, answer->records[i].data);
    if (!r->a && !r->aaaa) r->done(r->owner, r->addresses ? gp_said(&r->text) : GP_NONE);
}

static void got_a(void *owner, const struct dns_answer *answer)
{
    ((struct reach *)owner)->a = NULL;
    take_addresses(owner, answer);
}

static void got_aaaa(void *owner, const struct dns_answer *answer)
{
    ((struct reach *)owner)->aaaa = NULL;
    take_addresses(owner, answer);
}

bool reach_find(struct reach *r, gp_str host, unsigned port)
{
    r->addresses = 0;
    r->text      = GP_TEXT(r->room);
    gp_put(&r->text, host);
    gp_put_char(&r->text, ':');
    gp_put_number(&r->text, port);
    gp_put_char(&r->text, ':');
    r->a    = dns_ask(r->relay->dns, host, DNS_A, got_a, r);
    r->aaaa = dns_ask(r->relay->dns, host, DNS_AAAA, got_aaaa, r);
    return r->a || r->aaaa;
}

void reach_forget(struct reach *r)
{
    dns_forget(r->a);
    dns_forget(r->aaaa);
    r->a = r->aaaa = NULL;
}
