/* Where a stranger's web server is. His DNS leads no further than his mail would go: not to this host. */
#include <arpa/inet.h>

#include "relay/parts.h"

enum { ADDRESSES_MOST = 8 };

static void put_address(struct reach *r, gp_str octets)
{
    char                    text[INET6_ADDRSTRLEN];
    struct sockaddr_storage at     = { 0 };
    int                     family = octets.len == sizeof(struct in_addr) ? AF_INET : AF_INET6;
    if ((family == AF_INET6 && octets.len != sizeof(struct in6_addr)) || r->addresses == ADDRESSES_MOST) return;
    if (!inet_ntop(family, octets.ptr, text, sizeof text)) return;
    if (!address_read(gp_from(text), 0, &at)) return;
    if (!r->relay->config->relay.allow_loopback && route_is_home(r->relay->config, &at)) return;
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
