/* Records about TLS and about how clients find the server: MTA-STS, TLSRPT, TLSA, SRV. None of them has to be there. */
#include "zone/parts.h"

#include "mail/records.h"
#include "mail/sts.h"

#include <string.h>

/* ---- MTA-STS and TLSRPT ----------------------------------------------------------------------------------------------------- */
/* The hosts that mail for the domain goes to, and that the policy does not name. */
static void judge_policy(const struct zone_checker *c, gp_str name, gp_str txt, const struct gp_sts_policy *policy,
                         gp_str hosts)
{
    struct dns_answer mx      = zone_ask(c, gp_from(c->plan->domain), DNS_MX);
    bool              matters = policy->mode == GP_STS_ENFORCE;
    for (size_t i = 0; mx.status == GP_OK && policy->mode != GP_STS_NONE && i < mx.count; i++) {
        gp_str host = mx.records[i].data;
        if (!host.len || gp_sts_takes(hosts, host)) continue; /* RFC 7505: no host at all */
        zone_say(c, ZONE_STS, matters ? ZONE_WRONG : ZONE_WEAK, name, txt,
                 "add a line mx: with that host to the policy, and give the record another id=",
                 "the policy does not name %.*s, where MX leads: %s", (int)host.len, host.ptr,
                 matters ? "senders who hold to it send nothing there"
                         : "mail would stop there once its mode is enforce");
        return;
    }
    zone_say(c, ZONE_STS, ZONE_RIGHT, name, txt, "", "%s", "");
}

static const char *fetch(const struct zone_checker *c, enum zone_file which, gp_str host,
                         const struct zone_addresses *at, gp_str *file)
{
    enum { ADDRESS_ROOM = 48 };
    char           room[ZONE_ADDRESSES_MOST * ADDRESS_ROOM];
    struct gp_text where = GP_TEXT(room);
    for (size_t i = 0; i < at->count; i++) {
        if (i) gp_put_char(&where, ',');
        zone_put_address(&where, (gp_str) { at->list[i].octets, at->list[i].len });
    }
    return c->dns->fetch(c->dns->owner, which, host, gp_said(&where), file);
}

static void judge_file(const struct zone_checker *c, gp_str name, gp_str txt, const struct zone_addresses *at)
{
    char                 host_room[ZONE_NAME_ROOM], room[GP_STS_HOSTS_ROOM];
    struct gp_text       hosts  = GP_TEXT(room);
    struct gp_sts_policy policy = { .mode = GP_STS_NONE };
    gp_str               file = GP_NONE, host = zone_name(host_room, "mta-sts.", c->plan->domain);
    const char          *why = fetch(c, ZONE_FILE_STS, host, at, &file);
    if (!why) why = gp_sts_read(file, &policy, &hosts);
    if (why)
        zone_say(
            c, ZONE_STS, ZONE_WRONG, name, txt,
            "serve the policy that `gatepost dns` prints, as text/plain and with a certificate for that host, or take the record out",
            "https://mta-sts.%s/.well-known/mta-sts.txt is no policy: %s", c->plan->domain, why);
    else
        judge_policy(c, name, txt, &policy, gp_said(&hosts));
}

static void judge_policy_host(const struct zone_checker *c, gp_str name, gp_str txt)
{
    char                  room[ZONE_NAME_ROOM];
    struct zone_addresses at;
    zone_find_addresses(c, zone_name(room, "mta-sts.", c->plan->domain), &at);
    if (at.status == GP_PERMFAIL)
        zone_say(c, ZONE_STS, ZONE_WRONG, name, txt,
                 "give mta-sts.DOMAIN an address and put the policy there, or take the record out",
                 "the policy's host mta-sts.%s has no address", c->plan->domain);
    else if (at.status == GP_TEMPFAIL)
        zone_say(c, ZONE_STS, ZONE_UNKNOWN, name, txt, "", "DNS does not say the address of mta-sts.%s",
                 c->plan->domain);
    else if (c->dns->fetch)
        judge_file(c, name, txt, &at);
    else
        zone_say(c, ZONE_STS, ZONE_RIGHT, name, txt, "", "%s", "");
}

void zone_check_sts(const struct zone_checker *c)
{
    char           name_room[ZONE_NAME_ROOM], room[ZONE_VALUE_ROOM];
    struct gp_text txt  = GP_TEXT(room);
    gp_str         name = zone_name(name_room, "_mta-sts.", c->plan->domain);
    if (!name.len || !zone_one_txt(c, ZONE_STS, name, gp_is_sts, ZONE_ABSENT, "", &txt)) return;
    const char *why = gp_sts_why_broken(gp_said(&txt));
    if (why)
        zone_say(c, ZONE_STS, ZONE_WRONG, name, gp_said(&txt), "write it as in v=STSv1; id=20260101", "%s", why);
    else
        judge_policy_host(c, name, gp_said(&txt));
}

void zone_check_tlsrpt(const struct zone_checker *c)
{
    char           name_room[ZONE_NAME_ROOM], room[ZONE_VALUE_ROOM];
    struct gp_text txt  = GP_TEXT(room);
    gp_str         name = zone_name(name_room, "_smtp._tls.", c->plan->domain);
    if (!name.len || !zone_one_txt(c, ZONE_TLSRPT, name, gp_is_tlsrpt, ZONE_ABSENT, "", &txt)) return;
    const char *why = gp_tlsrpt_why_broken(gp_said(&txt));
    zone_say(c, ZONE_TLSRPT, why ? ZONE_WRONG : ZONE_RIGHT, name, gp_said(&txt),
             why ? "write it as in v=TLSRPTv1; rua=mailto:ADDRESS" : "", "%s", why ? why : "");
}

/* ---- TLSA ---------------------------------------------------------------------------------------------------------------------- */
enum { TLSA_HEAD = 3, USAGE_EE = 3, SELECT_CERTIFICATE = 0, SELECT_KEY = 1, MATCH_SHA256 = 1 };

/* RFC 6698 2.1. Of other forms than the two that hold the certificate's or the key's SHA-256 nothing is said: 0. */
static int fits(const struct zone_plan *p, gp_str data)
{
    const unsigned char *head = (const unsigned char *)data.ptr;
    if (data.len != TLSA_HEAD + ZONE_SPKI_LEN || head[0] != USAGE_EE || head[2] != MATCH_SHA256) return 0;
    if (head[1] == SELECT_KEY) return memcmp(head + TLSA_HEAD, p->spki, ZONE_SPKI_LEN) == 0 ? 1 : -1;
    return memcmp(head + TLSA_HEAD, p->certificate, ZONE_SPKI_LEN) == 0 ? 1 : -1;
}

static void judge_tlsa(const struct zone_checker *c, gp_str name, const struct dns_answer *a)
{
    size_t fitting = 0, failing = 0;
    for (size_t i = 0; i < a->count; i++) {
        int fit = fits(c->plan, a->records[i].data);
        fitting += fit > 0;
        failing += fit < 0;
    }
    if (failing && !fitting && failing == a->count)
        zone_say(c, ZONE_TLSA, ZONE_WRONG, name, GP_LIT(""), "put in the record that `gatepost dns` prints",
                 "none of the records fits the certificate: who believes them does not connect");
    else if (!fitting)
        zone_say(c, ZONE_TLSA, ZONE_UNKNOWN, name, GP_LIT(""), "",
                 "the records are of other forms than 3 0 1 and 3 1 1, and not judged");
    else if (!a->secure)
        zone_say(c, ZONE_TLSA, ZONE_WEAK, name, GP_LIT(""), "sign the zone, or ask a resolver that validates",
                 "it fits, but there is no proof (DNSSEC) that reaches here: without one it counts for nothing");
    else
        zone_say(c, ZONE_TLSA, ZONE_RIGHT, name, GP_LIT(""), "", "%s", "");
}

static void check_tlsa(const struct zone_checker *c, uint16_t port)
{
    char           room[ZONE_NAME_ROOM];
    struct gp_text name = GP_TEXT(room);
    gp_put_char(&name, '_');
    gp_put_number(&name, port);
    gp_put_z(&name, "._tcp.");
    gp_put_z(&name, c->plan->hostname);
    struct dns_answer a = zone_ask(c, gp_said(&name), DNS_TLSA);
    if (a.status == GP_OK)
        judge_tlsa(c, gp_said(&name), &a);
    else if (a.status == GP_TEMPFAIL)
        zone_say(c, ZONE_TLSA, ZONE_UNKNOWN, gp_said(&name), GP_LIT(""), "", "%s", a.why);
    else
        zone_say(c, ZONE_TLSA, ZONE_ABSENT, gp_said(&name), GP_LIT(""), "", "there is no such record");
}

void zone_check_tlsa(const struct zone_checker *c)
{
    for (size_t i = 0; c->plan->has_spki && i < c->plan->service_count; i++) check_tlsa(c, c->plan->services[i].port);
}

/* ---- SRV ----------------------------------------------------------------------------------------------------------------------- */
static const struct zone_service usual[] = {
    {"_submissions", 0, 0},
    { "_submission", 0, 0}
};

static void put_target(struct gp_text *out, const struct dns_record *r)
{
    gp_put(out, r->data);
    gp_put_char(out, ':');
    gp_put_number(out, r->port);
}

static bool leads_here(const struct zone_plan *p, const struct zone_service *s, const struct dns_record *r)
{
    return gp_is(r->data, p->hostname) && (!s->port || r->port == s->port);
}

static void judge_srv(const struct zone_checker *c, const struct zone_service *s, gp_str name,
                      const struct dns_answer *a)
{
    char                  room[ZONE_NAME_ROOM + 8], host_room[ZONE_NAME_ROOM];
    struct gp_text        said = GP_TEXT(room), host = GP_TEXT(host_room);
    struct zone_addresses at;
    bool                  ours = false;
    put_target(&said, &a->records[0]);
    gp_put(&host, a->records[0].data);
    for (size_t i = 0; i < a->count; i++) ours |= leads_here(c->plan, s, &a->records[i]);
    if (c->plan->own) {
        zone_say(c, ZONE_SRV, ours ? ZONE_RIGHT : ZONE_WRONG, name, gp_said(&said),
                 ours ? "" : "put in the record that `gatepost dns` prints", "%s",
                 ours ? "" : "it leads to another server or port");
        return;
    }
    if (host.len) zone_find_addresses(c, gp_said(&host), &at);
    bool lost = host.len && at.status == GP_PERMFAIL; /* "." says that there is no such service (RFC 6186 3.4) */
    zone_say(c, ZONE_SRV, lost ? ZONE_WRONG : ZONE_RIGHT, name, gp_said(&said),
             lost ? "give that host an address, or name another" : "", "%s", lost ? "that host has no address" : "");
}

void zone_check_srv(const struct zone_checker *c)
{
    const struct zone_service *services = c->plan->own ? c->plan->services : usual;
    size_t                     count    = c->plan->own ? c->plan->service_count : GP_COUNT(usual);
    for (size_t i = 0; i < count; i++) {
        char           room[ZONE_NAME_ROOM];
        struct gp_text name = GP_TEXT(room);
        gp_put_z(&name, services[i].name);
        gp_put_z(&name, "._tcp.");
        gp_put_z(&name, c->plan->domain);
        struct dns_answer a = zone_ask(c, gp_said(&name), DNS_SRV);
        if (a.status == GP_OK && a.count)
            judge_srv(c, &services[i], gp_said(&name), &a);
        else if (a.status == GP_TEMPFAIL)
            zone_say(c, ZONE_SRV, ZONE_UNKNOWN, gp_said(&name), GP_LIT(""), "", "%s", a.why);
        else
            zone_say(c, ZONE_SRV, ZONE_ABSENT, gp_said(&name), GP_LIT(""), "", "there is no such record");
    }
}

/* ---- autoconfiguration: the file by which mail programs find all of a domain's servers --------------------------------------------- */
/* Does it name this server for outgoing mail? It is XML, and a stranger's: looked at for that one thing, and never parsed. */
static bool names_us(gp_str file, const char *hostname)
{
    static const char begin[] = "<outgoingServer", end[] = "</outgoingServer>";
    char              room[ZONE_NAME_ROOM + 32];
    struct gp_text    element = GP_TEXT(room);
    gp_put_z(&element, "<hostname>");
    gp_put_z(&element, hostname);
    gp_put_z(&element, "</hostname>");
    while (file.len) {
        const char *at = memmem(file.ptr, file.len, begin, sizeof begin - 1);
        if (!at) return false;
        file             = gp_tail(file, (size_t)(at - file.ptr));
        const char *last = memmem(file.ptr, file.len, end, sizeof end - 1);
        gp_str      part = gp_head(file, last ? (size_t)(last - file.ptr) : file.len);
        if (memmem(part.ptr, part.len, element.ptr, element.len)) return true;
        file = gp_tail(file, part.len);
    }
    return false;
}

void zone_check_autoconfig(const struct zone_checker *c)
{
    char                  room[ZONE_NAME_ROOM];
    struct zone_addresses at;
    gp_str                host = zone_name(room, "autoconfig.", c->plan->domain), file = GP_NONE;
    if (!host.len || !c->plan->own) return;
    zone_find_addresses(c, host, &at);
    if (at.status == GP_TEMPFAIL)
        zone_say(c, ZONE_AUTOCONFIG, ZONE_UNKNOWN, host, GP_LIT(""), "", "DNS does not say that host's address");
    else if (at.status == GP_PERMFAIL)
        zone_say(c, ZONE_AUTOCONFIG, ZONE_ABSENT, host, GP_LIT(""), "", "there is no such host");
    if (!at.count) return;
    const char *why = c->dns->fetch ? fetch(c, ZONE_FILE_AUTOCONFIG, host, &at, &file) : NULL;
    if (why)
        zone_say(c, ZONE_AUTOCONFIG, ZONE_WEAK, host, GP_LIT(""), "serve the file there, or take the host out of DNS",
                 "https://%.*s%s cannot be had: %s", (int)host.len, host.ptr, zone_file_paths[ZONE_FILE_AUTOCONFIG],
                 why);
    else if (c->dns->fetch && !names_us(file, c->plan->hostname))
        zone_say(c, ZONE_AUTOCONFIG, ZONE_WRONG, host, GP_LIT(""),
                 "put the outgoingServer that `gatepost credential settings --autoconfig` prints into the file",
                 "its file names no outgoingServer %s: mail programs send elsewhere", c->plan->hostname);
    else
        zone_say(c, ZONE_AUTOCONFIG, ZONE_RIGHT, host, GP_LIT(""), "", "%s", "");
}
