/* Where mail from a domain leaves for the world: this host, an address of it, or a provider, by relay.via and the routes. */
#include "zone/parts.h"

#include <string.h>

bool zone_sends_itself(const struct zone_plan *p)
{
    for (size_t i = 0; i < p->sender_count; i++)
        if (p->senders[i].own) return p->hostname[0] != '\0';
    return false;
}

static struct zone_sender *place_for(struct zone_plan *p, const char *host)
{
    for (size_t i = 0; i < p->sender_count; i++)
        if (gp_is(gp_from(host), p->senders[i].host)) return &p->senders[i];
    if (!host[0] || p->sender_count == ZONE_SENDERS_MOST) return NULL;
    struct zone_sender *s = &p->senders[p->sender_count];
    *s                    = (struct zone_sender) { .include = config_spf_include(gp_from(host)) };
    if (!gp_copy_z(gp_from(host), s->host, sizeof s->host)) return NULL;
    p->sender_count++;
    return s;
}

void zone_add_sender(struct zone_plan *p, const char *host, bool own, bool main)
{
    struct zone_sender *s = place_for(p, host);
    if (!s) return;
    s->own |= own;
    s->main |= main;
}

static void add_hop(const struct config *c, const struct config_route *r, const struct config_hop *hop, bool main,
                    struct zone_plan *p)
{
    if (hop->kind == RELAY_SMARTHOST && !hop->lmtp) zone_add_sender(p, hop->host, false, main);
    if (hop->kind != RELAY_MX) return;
    gp_str rest = gp_from(r ? r->from_address : "");
    if (!rest.len) zone_add_sender(p, c->hostname, true, main);
    while (rest.len) {
        char address[sizeof r->from_address];
        if (gp_copy_z(gp_word(&rest), address, sizeof address)) zone_add_sender(p, address, true, main);
    }
}

static void add_hops(const struct config *c, const struct config_route *r,
                     const struct config_hop hops[CONFIG_HOPS_MOST], bool main, struct zone_plan *p)
{
    for (size_t i = 0; i < CONFIG_HOPS_MOST; i++)
        if (hops[i].set) add_hop(c, r, &hops[i], main, p);
}

void zone_add_senders(const struct config *c, struct zone_plan *p)
{
    struct config_hop usual = config_default_hop(c);
    for (size_t i = 0; i < c->route_count; i++) {
        const struct config_route *r     = &c->routes[i];
        enum config_share          share = config_route_share(r, gp_from(p->domain));
        if (share == ROUTE_TAKES_NONE || r->via->kind == RELAY_HOLD) continue; /* what was held goes by the next */
        add_hops(c, r, r->via, share == ROUTE_TAKES_ALL, p);
        add_hops(c, r, r->fallback, share == ROUTE_TAKES_ALL, p);
        if (share == ROUTE_TAKES_ALL) return;
    }
    add_hop(c, NULL, &usual, true, p);
}
