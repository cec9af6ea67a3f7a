/* Where a delivery goes: the smarthost, the hosts of an MX record in order (RFC 5321 5.1), or an address literal; and the
 * addresses of each host, looked up when its turn comes. */
#include <idn2.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "relay/parts.h"

static struct result no_route(gp_status status, const char *enhanced, const char *text)
{
    return (struct result) { .status = status, .enhanced = gp_from(enhanced), .text = gp_from(text) };
}

/* The DNS could not tell; `why` is what it said of that. */
static struct result no_answer(struct route *r, const char *what, const char *why)
{
    char           room[RESULT_TEXT_MOST];
    struct gp_text text   = GP_TEXT(room);
    struct result  reason = no_route(GP_TEMPFAIL, "4.4.3", "");
    gp_put_z(&text, "the DNS could not be asked for ");
    gp_put_z(&text, what);
    gp_put_z(&text, ": ");
    gp_put_z(&text, why);
    reason.text = delivery_keep(r->owner, gp_said(&text));
    return reason;
}

/* ---- pure parts ------------------------------------------------------------------------------------------- */
static uint64_t shuffled(const struct route_host *host, uint64_t salt)
{
    uint64_t mix = salt;
    for (const char *c = host->name; *c; c++) mix = (mix ^ (unsigned char)*c) * 1099511628211ULL;
    return mix;
}

static bool before(const struct route_host *a, const struct route_host *b, uint64_t salt)
{
    if (a->preference != b->preference) return a->preference < b->preference;
    return shuffled(a, salt) < shuffled(b, salt);
}

static void swap_hosts(struct route_host *a, struct route_host *b)
{
    struct route_host swap = *a;
    *a                     = *b;
    *b                     = swap;
}

bool route_order(struct route_host *hosts, size_t *count, const char *our_name, uint64_t salt)
{
    for (size_t i = 1; i < *count; i++)
        for (size_t k = i; k > 0 && before(&hosts[k], &hosts[k - 1], salt); k--) swap_hosts(&hosts[k], &hosts[k - 1]);
    for (size_t i = 0; i < *count; i++) {
        if (!gp_is(gp_from(hosts[i].name), our_name)) continue;
        size_t keep = i;
        while (keep > 0 && hosts[keep - 1].preference == hosts[i].preference) keep--;
        *count = keep;
        return keep > 0;
    }
    return true;
}

static size_t draw(const struct route_host *hosts, size_t count, uint64_t *salt)
{
    uint64_t sum = 0, at = 0;
    for (size_t i = 0; i < count; i++) sum += hosts[i].hop->weight;
    *salt =
        *salt * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407); /* Knuth's; nobody gains by guessing */
    if (sum == 0) return 0;
    uint64_t want = (*salt >> 33) % sum;
    for (size_t i = 0; i < count; i++)
        if ((at += hosts[i].hop->weight) > want) return i;
    return 0;
}

void route_share(struct route_host *hosts, size_t count, uint64_t salt)
{
    for (size_t i = 0; i < count; i++) {
        size_t first = i, alike = 0;
        for (size_t k = i; k < count; k++) /* those of the lowest preference come to the front of what is left */
            if (hosts[k].preference < hosts[first].preference) first = k;
        uint16_t preference = hosts[first].preference;
        for (size_t k = i; k < count; k++) {
            if (hosts[k].preference != preference) continue;
            swap_hosts(&hosts[k], &hosts[i + alike++]);
        }
        swap_hosts(&hosts[i], &hosts[i + draw(&hosts[i], alike, &salt)]);
    }
}

bool route_dns_name(gp_str domain, char out[static 256])
{
    char text[GP_SMTP_DOMAIN_MOST + 1], *ascii = NULL;
    if (!domain.len || !gp_copy_z(domain, text, sizeof text)) return false;
    if (gp_is_ascii(domain)) return gp_copy_z(domain, out, 256);
    if (idn2_lookup_u8((const uint8_t *)text, (uint8_t **)&ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
        return false;
    /* What letters of other widths, and dots of other scripts, become may be no name, or one that lists and policies do not know: "b.example.", "[127.0.0.1]". */
    bool fits = config_is_hostname(gp_from(ascii)) && gp_copy_z(gp_from(ascii), out, 256);
    idn2_free(ascii);
    return fits;
}

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]" (RFC 5321 4.1.3). */
static bool read_literal(gp_str domain, uint16_t port, struct sockaddr_storage *out)
{
    if (domain.len < 3 || domain.ptr[0] != '[' || domain.ptr[domain.len - 1] != ']') return false;
    gp_str inner = gp_head(gp_tail(domain, 1), domain.len - 2);
    if (!gp_starts(inner, "IPv6:")) return address_read(inner, port, out);
    char           room[NET_ADDRESS_ROOM];
    struct gp_text text = GP_TEXT(room);
    gp_put_char(&text, '[');
    gp_put(&text, gp_tail(inner, 5));
    gp_put_char(&text, ']');
    return !text.cut && address_read(gp_said(&text), port, out);
}

/* The end of ::ffff:127.0.0.1 (RFC 4291 2.5.5.2), of ::127.0.0.1 (2.5.5.1) and of ::1; all ones in 0/8 and 127/8 lead here. */
static bool is_this_host(const struct sockaddr_storage *a)
{
    enum { THIS_NETWORK = 0, LOOPBACK = 127, V4_IN_V6 = 12 };
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)a;
    const uint8_t *v4 = a->ss_family == AF_INET ? (const uint8_t *)&((const struct sockaddr_in *)a)->sin_addr
                                                : &v6->sin6_addr.s6_addr[V4_IN_V6];
    bool           has_v4 =
        a->ss_family == AF_INET || IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) || IN6_IS_ADDR_V4COMPAT(&v6->sin6_addr);
    if (a->ss_family == AF_INET6 && (IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) || IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr)))
        return true;
    return has_v4 && (v4[0] == THIS_NETWORK || v4[0] == LOOPBACK);
}

/* No octet leaves it. */
static bool is_within_this_host(const struct sockaddr_storage *address)
{
    struct sockaddr_storage a = *address;
    if (a.ss_family == AF_UNIX) return true;
    address_unmap(&a);
    return is_this_host(&a);
}

static bool is_same_place(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    const struct sockaddr_in  *v4 = (const struct sockaddr_in *)a, *w4 = (const struct sockaddr_in *)b;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)a, *w6 = (const struct sockaddr_in6 *)b;
    if (a->ss_family != b->ss_family) return false;
    return a->ss_family == AF_INET6 ? IN6_ARE_ADDR_EQUAL(&v6->sin6_addr, &w6->sin6_addr)
                                    : memcmp(&v4->sin_addr, &w4->sin_addr, sizeof v4->sin_addr) == 0;
}

static bool is_wildcard(const struct sockaddr_storage *a)
{
    return a->ss_family == AF_INET6 ? IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)a)->sin6_addr)
                                    : ((const struct sockaddr_in *)a)->sin_addr.s_addr == htonl(INADDR_ANY);
}

/* What this host says to an address of its own, it says from that one. The kernel is asked each time: addresses come and go. Nothing
 * is sent. */
static bool is_of_this_host(const struct sockaddr_storage *a)
{
    struct sockaddr_storage from = { 0 };
    socklen_t               len  = sizeof from;
    int                     fd   = socket(a->ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    bool told =
        connect(fd, (const struct sockaddr *)a, sizeof *a) == 0 && getsockname(fd, (struct sockaddr *)&from, &len) == 0;
    (void)close(fd);
    return told && is_same_place(a, &from);
}

static in_port_t port_of(const struct sockaddr_storage *a)
{
    return a->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)a)->sin6_port
                                    : ((const struct sockaddr_in *)a)->sin_port;
}

/* [::] takes IPv4 as well. */
static bool hears(const struct sockaddr_storage *listener, const struct sockaddr_storage *a)
{
    if (port_of(listener) != port_of(a)) return false;
    if (!is_wildcard(listener)) return is_same_place(listener, a);
    return (listener->ss_family == AF_INET6 || a->ss_family == AF_INET) && is_of_this_host(a);
}

bool route_is_home(const struct config *c, const struct sockaddr_storage *address)
{
    struct sockaddr_storage a = *address;
    address_unmap(&a); /* it leads to the same place */
    if (is_this_host(&a)) return true;
    for (size_t i = 0; i < c->listen_count; i++) {
        struct sockaddr_storage listener = { 0 };
        if (c->listen[i].kind == LISTEN_DOVECOT_AUTH || !address_read(gp_from(c->listen[i].address), 0, &listener))
            continue;
        if (hears(&listener, &a)) return true;
    }
    return false;
}

/* ---- hosts ------------------------------------------------------------------------------------------------- */
static void give_up(struct route *r, struct result reason)
{
    sts_forget(&r->sts); /* a policy changes nothing about that */
    dns_forget(r->mx);   /* nor do mail hosts, where it is for want of the policy */
    r->mx         = NULL;
    r->host_count = r->address_count = 0;
    r->reason                        = reason;
    delivery_routed(r->owner);
}

static void one_host(struct route *r, const char *name)
{
    r->host_count   = 1;
    r->host_at      = 0;
    r->looked_up    = false;
    r->hosts[0].hop = NULL;
    if (!gp_copy_z(gp_from(name), r->hosts[0].name, sizeof r->hosts[0].name)) r->host_count = 0;
}

void route_add(struct route *r, gp_str name, uint16_t preference)
{
    struct route_host *to = r->hosts;
    if (!name.len || name.len >= sizeof to->name) return;
    for (size_t i = 1; i < r->host_count; i++)
        if (r->hosts[i].preference > to->preference) to = &r->hosts[i];
    r->beyond |= r->host_count == ROUTE_HOSTS_MOST;
    if (r->host_count < ROUTE_HOSTS_MOST)
        to = &r->hosts[r->host_count++];
    else if (to->preference <= preference)
        return;
    to->preference = preference;
    to->hop        = NULL;
    (void)gp_copy_z(name, to->name, sizeof to->name);
}

/* Without an MX record the domain itself is the host (RFC 5321 5.1); that one is there from start_mx. */
static void keep_hosts(struct route *r, const struct dns_answer *answer)
{
    if (answer->status == GP_OK) r->host_count = 0;
    for (size_t i = 0; i < answer->count; i++) route_add(r, answer->records[i].data, answer->records[i].preference);
}

/* RFC 7505 3; one beside it says nothing else. */
static bool is_null_mx(const struct dns_answer *answer)
{
    size_t empty = 0;
    for (size_t i = 0; i < answer->count; i++) empty += answer->records[i].data.len == 0;
    return empty && empty == answer->count;
}

static void got_mx(void *owner, const struct dns_answer *answer)
{
    struct route        *r = owner;
    const struct config *c = r->owner->relay->config;
    r->mx                  = NULL;
    r->dane.mx_proven      = answer->secure;
    if (answer->secure) (void)gp_copy_z(answer->real_name, r->dane.domain_leads_to, sizeof r->dane.domain_leads_to);
    if (answer->status == GP_TEMPFAIL) {
        give_up(r, no_answer(r, "the domain's mail hosts", answer->why));
    } else if (answer->no_name) {
        give_up(r, no_route(GP_PERMFAIL, "5.1.2", "the recipient's domain does not exist in the DNS"));
    } else if (is_null_mx(answer)) {
        give_up(r, no_route(GP_PERMFAIL, "5.1.10", "the recipient's domain says that it takes no mail (null MX)"));
    } else {
        keep_hosts(r, answer);
        uint64_t salt = r->owner->attempt * 0x9E3779B97F4A7C15ULL;
        if (!route_order(r->hosts, &r->host_count, c->hostname, salt))
            give_up(r, no_route(GP_PERMFAIL, "5.4.6", "the domain's best mail host is this server: mail would loop"));
        else
            delivery_routed(r->owner);
    }
}

/* RFC 8461 5: before the first host gets its turn, so that none does that the policy does not name. */
static void got_policy(void *owner, const struct sts_policy *policy)
{
    struct route *r = owner;
    r->sts_mode     = policy->mode;
    r->sts_hosts    = gp_arena_copy(&r->owner->arena, policy->hosts);
    r->sts_age      = policy->max_age;
    r->sts_unsure   = policy->unsure;
    r->sts_failure  = policy->mode == GP_STS_NONE ? policy->failure : TLS_FINE;
    if (r->sts_failure != TLS_FINE) r->sts_why = gp_arena_copy(&r->owner->arena, gp_from(policy->why));
    if (policy->mode == GP_STS_ENFORCE && !r->sts_hosts.ptr)
        give_up(r, no_route(GP_TEMPFAIL, "4.3.0", "out of memory"));
    else if (policy->unknown)
        give_up(r, no_route(GP_TEMPFAIL, "4.3.0",
                            "the policy (MTA-STS) that may be kept of the recipient's domain could not be read"));
    else if (!r->mx)
        delivery_routed(r->owner);
}

/* By the name that the DNS has, however the recipient is written. Each delivery to a destination finds the same, so that one may ride on
 * another's connection: what is in gatepost.yml is read once in this process's life. */
static void obey_list(struct route *r, struct delivery *d)
{
    const struct config_tls_policy *item = config_tls_policy_for(d->relay->config, d->way.route, gp_from(r->domain));
    r->listed                            = item != NULL;
    if (item) d->way.hop.tls = item->tls;
}

static void start_mx(struct route *r, struct delivery *d)
{
    char                    name[256];
    struct sockaddr_storage literal;
    if (read_literal(d->way.domain, r->port, &literal)) {
        gp_copy_z(d->way.domain, name, sizeof name);
        one_host(r, name);
        delivery_routed(d);
    } else if (!route_dns_name(d->way.domain, name)) {
        give_up(r, no_route(GP_PERMFAIL, "5.1.2", "the recipient's domain is not a domain name"));
    } else {
        one_host(r, name);
        memcpy(r->domain, name, sizeof r->domain);
        obey_list(r, d);
        enum relay_tls tls     = d->way.hop.tls;
        bool           none    = tls == RELAY_TLS_NONE && d->wish != WISH_REQUIRES;
        bool           follows = d->relay->sts && d->wish != WISH_WAIVES && !none && tls != RELAY_TLS_DANE;
        if (follows && !sts_ask(d->relay, gp_from(name), &r->sts, got_policy, r)) { /* one may be in force */
            give_up(r,
                    no_route(GP_TEMPFAIL, "4.3.2", "policies (MTA-STS) of too many other domains are being asked for"));
            return;
        }
        r->mx = dns_ask(d->relay->dns, gp_from(name), DNS_MX, got_mx, r);
        if (!r->mx) give_up(r, no_route(GP_TEMPFAIL, "4.3.0", "out of memory"));
    }
}

/* ---- several servers ------------------------------------------------------------------------------------------------ */
static bool ails(const struct relay *relay, const struct config_hop *hop, gp_time now)
{
    for (size_t i = 0; i < AILING_MOST; i++) {
        const struct ailing *a = &relay->ailing[i];
        if (now < a->until && a->port == hop->port && gp_is(gp_from(hop->host), a->host)) return true;
    }
    return false;
}

void route_ails(struct relay *relay, const struct config_hop *hop)
{
    gp_time        now = loop_now(relay->loop);
    struct ailing *a   = &relay->ailing[relay->ailing_at];
    if (ails(relay, hop, now)) return;
    relay->ailing_at = (relay->ailing_at + 1) % AILING_MOST;
    *a               = (struct ailing) { .port = hop->port, .until = now + AILING_REST };
    (void)gp_copy_z(gp_from(hop->host), a->host, sizeof a->host);
}

static void add_servers(struct route *r, const struct config_hop *hops, uint16_t preference)
{
    enum { LATER = 2 }; /* the fallback before what lately could not be used */
    const struct relay *relay = r->owner->relay;
    for (size_t i = 0; i < CONFIG_HOPS_MOST && hops[i].set; i++) {
        struct route_host *to = &r->hosts[r->host_count++];
        to->hop               = &hops[i];
        to->preference        = ails(relay, to->hop, loop_now(relay->loop)) ? preference + LATER : preference;
        (void)gp_copy_z(gp_from(hops[i].host), to->name, sizeof to->name);
    }
}

static void servers(struct route *r, const struct config_route *is)
{
    r->host_count = r->host_at = 0;
    r->looked_up               = false;
    add_servers(r, is->via, 0);
    add_servers(r, is->fallback, 1);
    route_share(r->hosts, r->host_count, r->owner->attempt * UINT64_C(0x9E3779B97F4A7C15));
}

void route_start(struct route *r, struct delivery *d)
{
    const struct config *c = d->relay->config;
    r->owner               = d;
    bool smarthost         = d->way.hop.kind == RELAY_SMARTHOST;
    r->port                = smarthost ? d->way.hop.port : c->relay.mx_port;
    r->reason              = no_route(GP_TEMPFAIL, "4.4.1", "no address of the next hop could be reached");
    if (!smarthost) {
        start_mx(r, d);
        return;
    }
    if (d->way.route)
        servers(r, d->way.route);
    else
        one_host(r, d->way.hop.host);
    delivery_routed(d);
}

/* ---- addresses of the host whose turn it is ------------------------------------------------------------------ */
/* A smarthost is named by who runs this server, and may be where he likes. */
static bool leads_home(struct route *r, const struct sockaddr_storage *a)
{
    const struct config *c    = r->owner->relay->config;
    bool                 home = r->owner->way.hop.kind == RELAY_MX && !c->relay.allow_loopback && route_is_home(c, a);
    r->led_home |= home;
    return home;
}

static bool is_for_us(struct route *r, const struct sockaddr_storage *a)
{
    bool reached = config_leaves_by(r->owner->way.route, a->ss_family);
    r->other_kind |= !reached;
    return reached && !leads_home(r, a);
}

static void keep_address(struct route *r, gp_str octets)
{
    if (r->address_count == ROUTE_ADDRESSES_MOST) return;
    struct sockaddr_storage *to = &r->addresses[r->address_count];
    *to                         = (struct sockaddr_storage) { 0 };
    if (octets.len == sizeof(struct in_addr)) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)to;
        v4->sin_family         = AF_INET;
        v4->sin_port           = htons(r->port);
        memcpy(&v4->sin_addr, octets.ptr, octets.len);
        r->address_count += is_for_us(r, to);
    } else if (octets.len == sizeof(struct in6_addr)) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)to;
        v6->sin6_family         = AF_INET6;
        v6->sin6_port           = htons(r->port);
        memcpy(&v6->sin6_addr, octets.ptr, octets.len);
        r->address_count += is_for_us(r, to);
    }
}

static void got_addresses(struct route *r, const struct dns_answer *answer)
{
    for (size_t i = 0; answer->status == GP_OK && i < answer->count; i++) keep_address(r, answer->records[i].data);
    if (answer->status == GP_TEMPFAIL) r->dns_trouble = answer->why;
    dane_saw_addresses(r, answer);
    if (!r->a && !r->aaaa && !dane_ask(r)) delivery_routed(r->owner);
}

static void got_a(void *owner, const struct dns_answer *answer)
{
    ((struct route *)owner)->a = NULL;
    got_addresses(owner, answer);
}

static void got_aaaa(void *owner, const struct dns_answer *answer)
{
    ((struct route *)owner)->aaaa = NULL;
    got_addresses(owner, answer);
}

static bool looking_up(const struct route *r)
{
    return r->mx || r->sts.entry || r->a || r->aaaa || r->dane.asked;
}

/* As for any program that is given a server by name; hosts that the DNS names for a domain (MX) are the DNS's own matter. */
static size_t look_into_hosts(struct route *r, const char *name)
{
    bool   smarthost = r->owner->way.hop.kind == RELAY_SMARTHOST;
    size_t kept      = 0;
    size_t found = smarthost ? hosts_find("/etc/hosts", gp_from(name), r->port, r->addresses, ROUTE_ADDRESSES_MOST) : 0;
    for (size_t i = 0; i < found; i++)
        if (is_for_us(r, &r->addresses[i])) r->addresses[kept++] = r->addresses[i];
    return kept;
}

static void set_socket(struct route *r, const char *path)
{
    struct sockaddr_un *to = (struct sockaddr_un *)&r->addresses[0];
    r->addresses[0]        = (struct sockaddr_storage) { .ss_family = AF_UNIX };
    r->address_count       = gp_copy_z(gp_from(path), to->sun_path, sizeof to->sun_path);
}

static void look_up(struct route *r, const struct route_host *host)
{
    const char *name = host->name;
    r->address_count = r->address_at = 0;
    r->looked_up                     = true;
    /* What MX names is a name (RFC 5321 5.1), else a stranger's DNS would lead us to any port of any address. */
    bool may_be_address              = host->hop || !r->domain[0];
    dane_forget(r);
    if (host->hop) r->owner->way.hop = *host->hop;
    if (host->hop) r->port = host->hop->port;
    if (host->hop && name[0] == '/') {
        set_socket(r, name);
    } else if (may_be_address && (read_literal(gp_from(name), r->port, &r->addresses[0]) ||
                                  address_read(gp_from(name), r->port, &r->addresses[0]))) {
        r->address_count = is_for_us(r, &r->addresses[0]);
    } else if ((r->address_count = look_into_hosts(r, name)) == 0) {
        struct dns *dns = r->owner->relay->dns;
        r->a            = dns_ask(dns, gp_from(name), DNS_A, got_a, r);
        r->aaaa         = dns_ask(dns, gp_from(name), DNS_AAAA, got_aaaa, r);
        if (!r->a && !r->aaaa) r->dns_trouble = "out of memory";
    }
}

/* Why no host is left. A smarthost without an address is a set-up error that somebody mends; a domain without one is final. */
static gp_status exhausted(struct route *r)
{
    bool smarthost = r->owner->way.hop.kind == RELAY_SMARTHOST;
    if (r->host_count == 0 || r->had_address) return r->reason.status;
    if (r->dns_trouble)
        r->reason = no_answer(r, "the mail host's address", r->dns_trouble);
    else if (r->led_home)
        r->reason = no_route(GP_PERMFAIL, "5.4.6",
                             "the domain's mail host has an address of this server itself: see relay.allow_loopback");
    else if (r->other_kind)
        r->reason = no_route(GP_TEMPFAIL, "4.4.1",
                             "the next hop has no address of a kind that the route's from_address has: add one there");
    else if (smarthost)
        r->reason = no_route(GP_TEMPFAIL, "4.4.3",
                             "the smarthost's name has no address: see relay.via or routes in gatepost.yml");
    else if (r->beyond) /* RFC 5321 5.1 has us try two at least, and nobody says that those have none */
        r->reason = no_route(GP_TEMPFAIL, "4.4.4",
                             "none of the domain's ten best mail hosts has an address, and the others are not asked");
    else
        r->reason = no_route(GP_PERMFAIL, "5.1.2", "the recipient's domain has no mail host with an address");
    return r->reason.status;
}

static bool stays_within_this_host(const struct route *r)
{
    for (size_t i = 0; i < r->address_count; i++)
        if (!is_within_this_host(&r->addresses[i])) return false;
    return r->address_count > 0;
}

/* What the host whose turn it is must have, known once its addresses are. false: it is passed over. */
static bool is_open_to_us(struct route *r)
{
    const struct config_way  *way    = &r->owner->way;
    const char               *host   = r->hosts[r->host_at].name;
    const struct demand_facts facts  = { .configured      = way->hop.tls,
                                         .listed          = r->listed,
                                         .host            = host,
                                         .domain          = r->domain[0] ? r->domain : NULL,
                                         .alias_of_domain = r->dane.domain_leads_to[0] ? r->dane.domain_leads_to : NULL,
                                         .sts             = r->sts_mode == GP_STS_ENFORCE   ? STS_ENFORCE
                                                            : r->sts_mode == GP_STS_TESTING ? STS_TESTING
                                                                                            : STS_NONE,
                                         .sts_takes_host  = gp_sts_takes(r->sts_hosts, gp_from(host)),
                                         .dane            = r->dane.found,
                                         .base            = r->dane.base,
                                         .tlsa            = r->dane.records,
                                         .dane_why        = r->dane.why,
                                         .sts_unfetched   = r->sts_failure != TLS_FINE || r->sts_unsure,
                                         .mx_proven       = r->dane.mx_proven,
                                         .local           = way->hop.lmtp && stays_within_this_host(r),
                                         .wish            = r->owner->wish };
    gp_status                 status = demand_make(&facts, &r->demand);
    secure_outdates(r->owner, host, &r->demand);
    if (status == GP_OK) return true;
    const struct outcome barred = { .failure = r->demand.failure, .why = gp_from(r->demand.why) };
    secure_tell(r->owner, host, &r->demand, &barred);
    r->had_address = true; /* and that is the reason */
    if (demand_is_lifted(&r->demand, way->hop.tls)) r->owner->spared = true;
    if (status == GP_PERMFAIL) {
        r->reason = no_route(status, "5.7.10", r->demand.why); /* RFC 8689 4.2.1 */
    } else {
        r->reason      = no_route(status, "4.7.5", r->demand.why);
        r->dns_trouble = r->demand.why; /* what other hosts refuse is not final: this one may take it yet */
    }
    return false;
}

gp_status route_next(struct route *r, struct sockaddr_storage *to, const char **host)
{
    if (looking_up(r)) return GP_WAIT;
    for (; r->host_at < r->host_count; r->host_at++, r->looked_up = false) {
        if (!r->looked_up) look_up(r, &r->hosts[r->host_at]);
        if (looking_up(r)) return GP_WAIT;
        if (r->address_at == 0 && r->address_count && !is_open_to_us(r)) continue;
        if (r->address_at < r->address_count) {
            r->had_address = true;
            *to            = r->addresses[r->address_at++];
            *host          = r->hosts[r->host_at].name;
            return GP_OK;
        }
    }
    return exhausted(r);
}

void route_repeat(struct route *r)
{
    if (r->address_at) r->address_at--;
}

void route_close(struct route *r)
{
    sts_forget(&r->sts);
    struct dns_query **open[] = { &r->mx, &r->a, &r->aaaa, &r->dane.asked };
    for (size_t i = 0; i < GP_COUNT(open); i++) {
        if (*open[i]) dns_forget(*open[i]);
        *open[i] = NULL;
    }
}
