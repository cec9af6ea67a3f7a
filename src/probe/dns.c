/* A domain's records as findings: which domains, and what verdict is which finding. zone/ has the checks themselves. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "probe/probe.h"
#include "zone/zone.h"

enum {
    LOOKING_SECONDS = 300
}; /* however many domains there are; the one that is looked at then is looked at to its end */

/* What missing or wrong, and what weak is; PROBE_FINDINGS: nothing to find. */
static const struct {
    enum probe_id fault, weak;
} findings[ZONE_KINDS] = {
    [ZONE_ADDRESS]    = {FOUND_DNS_ADDRESS,  PROBE_FINDINGS         },
    [ZONE_PTR]        = { FOUND_DNS_POINTER, FOUND_DNS_POINTER_OTHER},
    [ZONE_MX]         = { FOUND_DNS_MX,      PROBE_FINDINGS         },
    [ZONE_SPF]        = { FOUND_DNS_SPF,     FOUND_DNS_SPF_OPEN     },
    [ZONE_DKIM]       = { FOUND_DNS_DKIM,    FOUND_DNS_DKIM_TESTING },
    [ZONE_DMARC]      = { FOUND_DNS_DMARC,   PROBE_FINDINGS         },
    [ZONE_STS]        = { FOUND_DNS_STS,     PROBE_FINDINGS         },
    [ZONE_TLSRPT]     = { FOUND_DNS_TLSRPT,  PROBE_FINDINGS         },
    [ZONE_TLSA]       = { FOUND_DNS_TLSA,    PROBE_FINDINGS         },
    [ZONE_SRV]        = { FOUND_DNS_SRV,     PROBE_FINDINGS         },
    [ZONE_AUTOCONFIG] = { PROBE_FINDINGS,    PROBE_FINDINGS         }, /* its file is looked at by `gatepost dns` alone */
    [ZONE_DNSSEC]     = { FOUND_DNS_DNSSEC,  PROBE_FINDINGS         },
};

/* ---- from verdicts to findings ------------------------------------------------------------------------------------------ */
static void look(struct probe_report *r, const struct zone_found *f)
{
    probe_look(r, FOUND_DNS_SILENT);
    if (f->verdict == ZONE_UNKNOWN) return;
    if (findings[f->kind].fault != PROBE_FINDINGS) probe_look(r, findings[f->kind].fault);
    if (findings[f->kind].weak != PROBE_FINDINGS) probe_look(r, findings[f->kind].weak);
}

static enum probe_id finding_of(const struct zone_found *f)
{
    switch (f->verdict) {
    case ZONE_UNKNOWN: return FOUND_DNS_SILENT;
    case ZONE_MISSING:
    case ZONE_WRONG: return findings[f->kind].fault;
    case ZONE_WEAK: return findings[f->kind].weak;
    default: return PROBE_FINDINGS;
    }
}

static void take_found(void *owner, const struct zone_found *f)
{
    struct probe_report *r = owner;
    char                 where_room[PROBE_WHERE_ROOM], seen_room[PROBE_SEEN_MOST];
    struct gp_text       where = GP_TEXT(where_room), seen = GP_TEXT(seen_room);
    enum probe_id        id = finding_of(f);
    look(r, f);
    gp_put_z(&seen, zone_kinds[f->kind]);
    gp_put_z(&seen, ": ");
    gp_put_z(&seen, f->why);
    if (f->mend[0]) gp_put_z(&seen, "; to do: ");
    gp_put_z(&seen, f->mend);
    gp_put(&where, f->owner);
    gp_put(&where, (gp_str) { "", 1 }); /* its NUL */
    if (where.cut) return;
    if (id != PROBE_FINDINGS)
        probe_raise(r, id, where_room, gp_said(&seen), f->has);
    else if (f->why[0])
        probe_learn(r, PROBE_DNS, where_room, gp_said(&seen));
}

/* ---- which domains --------------------------------------------------------------------------------------------------------- */
/* RFC 2606, RFC 6761: nobody's, so DNS is not asked about them unless somebody says so. */
static bool is_reserved(const char *domain)
{
    static const char *const names[] = { "example.com", "example.net", "example.org", "test",
                                         "example",     "invalid",     "localhost",   "local" };
    gp_str                   name    = gp_from(domain);
    for (size_t i = 0; i < GP_COUNT(names); i++) {
        gp_str end = gp_from(names[i]);
        if (gp_ends(name, names[i]) && (name.len == end.len || name.ptr[name.len - end.len - 1] == '.')) return true;
    }
    return false;
}

static bool is_name(const char *host)
{
    unsigned char octets[16];
    if (inet_pton(AF_INET, host, octets) == 1 || inet_pton(AF_INET6, host, octets) == 1) return false;
    return config_is_hostname(gp_from(host)) && gp_find(gp_from(host), '.') < gp_from(host).len;
}

/* "mail.example.org" is taken to be of example.org. */
static gp_str domain_of(const char *host)
{
    gp_str name = gp_from(host), above = name;
    (void)gp_cut(&above, '.');
    return gp_find(above, '.') < above.len ? above : name;
}

/* ---- asking ------------------------------------------------------------------------------------------------------------------ */
static struct dns_answer ask(void *owner, gp_str name, enum dns_type type)
{
    return dns_wait(owner, name, type);
}

struct inquiry {
    const struct probe_plan *plan;
    struct probe_report     *report;
    struct dns_waiter       *waiter;
    struct zone_plan         zone;
};

/* house: the set-up that is looked at; NULL: a host elsewhere. */
static bool open_inquiry(struct inquiry *q, const struct config *house, const char *server)
{
    q->waiter = house ? zone_waiter(house, server) : dns_waiter_open(server, DNS_WAIT_MS);
    if (q->waiter) return true;
    probe_raise(q->report, FOUND_DNS_SILENT, server ? server : "DNS", GP_LIT("no such resolver"), GP_LIT(""));
    return false;
}

static void check(struct inquiry *q)
{
    const struct zone_dns dns = { ask, q->waiter };
    if (q->plan->progress) q->plan->progress(q->plan->owner, q->zone.domain, "DNS records");
    zone_check(&q->zone, &dns, take_found, q->report);
}

static void check_of_house(struct inquiry *q, const struct config *c, const char *domain, bool may_be_made_up)
{
    if (may_be_made_up && is_reserved(domain)) {
        probe_learn(q->report, PROBE_DNS, domain,
                    GP_LIT("a domain for examples or for trying out: its records were not looked up"));
        return;
    }
    zone_of_house(c, domain, &q->zone);
    check(q);
}

static time_t now(void)
{
    struct timespec t = { 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

static void learn_cut(struct inquiry *q, const char *domain, size_t looked_at, size_t count)
{
    char           room[PROBE_SEEN_MOST];
    struct gp_text text = GP_TEXT(room);
    gp_put_z(&text, "DNS was asked about ");
    gp_put_number(&text, (int64_t)looked_at);
    gp_put_z(&text, " of ");
    gp_put_number(&text, (int64_t)count);
    gp_put_z(&text, " domains in five minutes: `gatepost dns --check` looks at the others, too");
    probe_learn(q->report, PROBE_DNS, domain, gp_said(&text));
}

static void check_house(struct inquiry *q, const struct config *c)
{
    const char *server             = q->plan->dns_server      ? q->plan->dns_server
                                     : c->relay.dns_server[0] ? c->relay.dns_server
                                                              : NULL;
    size_t      count              = 1;
    char(*domains)[ZONE_NAME_ROOM] = q->plan->domain ? NULL : zone_domains(c, &count);
    time_t until                   = now() + LOOKING_SECONDS;
    bool   open                    = open_inquiry(q, c, server);
    size_t i                       = 0;
    for (; open && i < count && now() < until; i++)
        check_of_house(q, c, q->plan->domain ? q->plan->domain : domains[i], !q->plan->domain && !server);
    if (open && i < count) learn_cut(q, c->domain, i, count);
    free((void *)domains);
}

static void ignore(void *owner, gp_str line)
{
    (void)owner, (void)line;
}

static void own(struct inquiry *q, const char *dir)
{
    struct config *c = calloc(1, sizeof *c);
    if (c && config_read(dir, c, ignore, NULL)) check_house(q, c);
    q->report->lost |= !c;
    free(c);
}

/* Where only a host was named, its domain is a guess; one that takes no mail is no mail domain, so nothing is said of it. */
static bool takes_mail(const struct inquiry *q)
{
    struct dns_answer a = dns_wait(q->waiter, gp_from(q->zone.domain), DNS_MX);
    return a.status == GP_OK;
}

static void foreign(struct inquiry *q)
{
    const struct probe_plan *p    = q->plan;
    bool                     name = is_name(p->host) && (!is_reserved(p->host) || p->dns_server);
    gp_str                   of   = p->domain ? gp_from(p->domain) : name ? domain_of(p->host) : GP_NONE;
    if (!of.len || !gp_copy_z(of, q->zone.domain, sizeof q->zone.domain)) return;
    if (name && !gp_copy_z(gp_from(p->host), q->zone.hostname, sizeof q->zone.hostname)) return;
    if (!open_inquiry(q, NULL, p->dns_server)) return;
    if (p->domain || takes_mail(q))
        check(q);
    else
        probe_learn(q->report, PROBE_DNS, q->zone.domain,
                    GP_LIT("takes no mail: say --domain to have another looked at"));
}

void probe_dns(const char *dir, const struct probe_plan *plan, struct probe_report *report)
{
    struct inquiry *q = calloc(1, sizeof *q);
    report->lost |= !q;
    if (!q || plan->files_only || plan->as) {
        free(q);
        return;
    }
    *q = (struct inquiry) { .plan = plan, .report = report };
    if (plan->host)
        foreign(q);
    else
        own(q, dir);
    dns_waiter_close(q->waiter);
    free(q);
}
