/* The records that a set-up wants, and their form in a zone file. The same plan makes the same text. */
#include "zone/parts.h"

enum { STRING_MOST = 255, OWNER_WIDTH = 44 };

const char *const zone_kinds[ZONE_KINDS] = { "address", "ptr",    "mx",   "spf", "dkim",       "dmarc",
                                             "mta-sts", "tlsrpt", "tlsa", "srv", "autoconfig", "dnssec" };

const char *const zone_file_paths[ZONE_FILES] = {
    [ZONE_FILE_STS] = "/.well-known/mta-sts.txt", [ZONE_FILE_AUTOCONFIG] = "/mail/config-v1.1.xml"
};

struct list {
    const struct zone_plan *plan;
    zone_take              *take;
    void                   *owner;
};

gp_str zone_name(char room[static ZONE_NAME_ROOM], const char *prefix, const char *name)
{
    struct gp_text text = { .ptr = room, .room = ZONE_NAME_ROOM };
    gp_put_z(&text, prefix);
    gp_put_z(&text, name);
    return text.cut ? GP_NONE : gp_said(&text);
}

static void want(const struct list *l, enum zone_kind kind, const char *prefix, const char *name, const char *type,
                 gp_str value, const char *note)
{
    char             room[ZONE_NAME_ROOM];
    bool             optional = kind == ZONE_STS || kind == ZONE_TLSRPT || kind == ZONE_TLSA || kind == ZONE_AUTOCONFIG;
    struct zone_want w        = { kind, optional, zone_name(room, prefix, name), gp_from(type), value, note };
    if (w.owner.ptr) l->take(l->owner, &w);
}

/* ---- the host ----------------------------------------------------------------------------------------------------------- */
static void put_host(struct gp_text *out, const char *host)
{
    char   octets[16];
    size_t len = zone_read_address(gp_from(host), octets);
    gp_put_z(out, len == 4 ? " ip4:" : len ? " ip6:" : " a:");
    gp_put_z(out, host);
}

/* RFC 7208 2.4, 10.1.3: mail without a sender is judged by the name that the server says EHLO with. */
static void want_helo(const struct list *l)
{
    const struct zone_plan *p = l->plan;
    char                    room[ZONE_VALUE_ROOM];
    struct gp_text          value = GP_TEXT(room);
    if (gp_is(gp_from(p->hostname), p->domain)) return; /* the domain's stands for it */
    gp_put_z(&value, "v=spf1 a");
    for (size_t i = 0; i < p->sender_count; i++)
        if (p->senders[i].own && !gp_is(gp_from(p->hostname), p->senders[i].host)) put_host(&value, p->senders[i].host);
    gp_put_z(&value, " -all");
    want(l, ZONE_SPF, "", p->hostname, "TXT", gp_said(&value),
         "for reports of mail that did not arrive: they have no sender, so the server's name is judged");
}

static void want_host(const struct list *l)
{
    const struct zone_plan *p = l->plan;
    char                    room[ZONE_NAME_ROOM];
    gp_str                  name = zone_name(room, "", p->hostname);
    if (!name.len) return;
    want(l, ZONE_ADDRESS, "", p->hostname, "A", GP_LIT(""), "the server's addresses; AAAA for those of IPv6");
    if (!zone_sends_itself(p)) return;
    want(l, ZONE_PTR, "", "each of these addresses", "PTR", name,
         "set by who gave you the address, in a zone of theirs");
    want_helo(l);
}

/* ---- the domain ----------------------------------------------------------------------------------------------------------- */
static bool is_listed(const struct zone_plan *p, size_t before, const char *include)
{
    for (size_t i = 0; i < before; i++)
        if (gp_is(gp_from(include), p->senders[i].include)) return true;
    return false;
}

/* false: it has no name of its own to be included by, and its server's may not be all */
static bool put_sender(struct gp_text *out, const struct zone_plan *p, size_t index)
{
    const struct zone_sender *s = &p->senders[index];
    if (!s->include[0]) {
        put_host(out, s->host);
        return s->own;
    }
    if (is_listed(p, index, s->include)) return true;
    gp_put_z(out, " include:");
    gp_put_z(out, s->include);
    return true;
}

static void want_spf(const struct list *l)
{
    char           room[ZONE_VALUE_ROOM * 4];
    struct gp_text value = GP_TEXT(room);
    bool           known = true;
    gp_put_z(&value, "v=spf1 mx");
    for (size_t i = 0; i < l->plan->sender_count; i++) known &= put_sender(&value, l->plan, i);
    gp_put_z(&value, " ~all");
    if (!l->plan->sender_count) return;
    want(l, ZONE_SPF, "", l->plan->domain, "TXT", gp_said(&value),
         known ? "one record only: add what stands behind mx to the one there is"
               : "better: the include: that the provider's manual names, instead of a:");
}

void zone_put_key(struct gp_text *out, const struct zone_key *key)
{
    gp_put_z(out, key->ed25519 ? "v=DKIM1; k=ed25519; p=" : "v=DKIM1; k=rsa; p=");
    gp_put_base64(out, (gp_str) { key->octets, key->octets_len });
}

static const char *const key_notes[CONFIG_DKIM_STATES] = {
    [CONFIG_DKIM_SIGNS] = "signs mail now",
    [CONFIG_DKIM_NEXT]  = "is to sign next: see `gatepost dkim list`",
    [CONFIG_DKIM_OLD]   = "signs no more: to stay while mail that it signed is under way, see `gatepost dkim list`",
};

static void want_key(const struct list *l, const struct zone_key *key)
{
    char           room[ZONE_VALUE_ROOM], prefix[sizeof key->selector + sizeof "._domainkey."];
    struct gp_text value = GP_TEXT(room), owner = GP_TEXT(prefix);
    gp_put_z(&owner, key->selector);
    gp_put(&owner, (gp_str) { "._domainkey.", sizeof "._domainkey." }); /* with its NUL */
    zone_put_key(&value, key);
    if (!value.cut && !owner.cut)
        want(l, ZONE_DKIM, prefix, key->above ? l->plan->signer : l->plan->domain, "TXT", gp_said(&value),
             key->above ? "signs mail now, for the domain below, which has no key of its own" : key_notes[key->state]);
}

/* RFC 6186, RFC 8314 5.1: TLS from the first octet is preferred, which the lower number says. */
static void want_services(const struct list *l)
{
    for (size_t i = 0; i < l->plan->service_count; i++) {
        const struct zone_service *s = &l->plan->services[i];
        char                       room[ZONE_NAME_ROOM * 2], prefix[64];
        struct gp_text             value = GP_TEXT(room), owner = GP_TEXT(prefix);
        gp_put_number(&value, s->preference);
        gp_put_z(&value, " 1 ");
        gp_put_number(&value, s->port);
        gp_put_char(&value, ' ');
        gp_put_z(&value, l->plan->hostname);
        gp_put_char(&value, '.');
        gp_put_z(&owner, s->name);
        gp_put(&owner, (gp_str) { "._tcp.", sizeof "._tcp." }); /* with its NUL */
        if (!owner.cut)
            want(l, ZONE_SRV, prefix, l->plan->domain, "SRV", gp_said(&value), "mail programs find the server by it");
    }
}

/* RFC 6698 2.1, RFC 7671 5.1: the server's own key, whoever signed its certificate. */
static void want_tlsa(const struct list *l)
{
    for (size_t i = 0; l->plan->has_spki && i < l->plan->service_count; i++) {
        char           room[128], prefix[64];
        struct gp_text value = GP_TEXT(room), owner = GP_TEXT(prefix);
        gp_put_z(&value, "3 1 1 ");
        gp_put_hex(&value, (gp_str) { (const char *)l->plan->spki, ZONE_SPKI_LEN });
        gp_put_char(&owner, '_');
        gp_put_number(&owner, l->plan->services[i].port);
        gp_put(&owner, (gp_str) { "._tcp.", sizeof "._tcp." }); /* with its NUL */
        want(l, ZONE_TLSA, prefix, l->plan->hostname, "TLSA", gp_said(&value),
             "in a zone signed with DNSSEC only; a new one goes in before each new key");
    }
}

static void want_reports(const struct list *l)
{
    char           room[ZONE_VALUE_ROOM], policy_room[ZONE_VALUE_ROOM];
    uint8_t        hash[GP_DIGEST_MOST];
    struct gp_text value = GP_TEXT(room), policy = GP_TEXT(policy_room);
    enum { ID_OCTETS = 8 };
    zone_put_policy(&policy, l->plan);
    gp_put_z(&value, "v=STSv1; id=");
    if (!gp_digest(GP_SHA256, gp_said(&policy), hash)) return;
    gp_put_hex(&value, (gp_str) { (const char *)hash, ID_OCTETS });
    want(l, ZONE_STS, "_mta-sts.", l->plan->domain, "TXT", gp_said(&value),
         "with https://mta-sts.DOMAIN/.well-known/mta-sts.txt; another id whenever that changes");
    value = GP_TEXT(room);
    gp_put_z(&value, "v=TLSRPTv1; rua=mailto:postmaster@");
    gp_put_z(&value, l->plan->domain);
    want(l, ZONE_TLSRPT, "_smtp._tls.", l->plan->domain, "TXT", gp_said(&value),
         "others report daily how TLS went with your MX");
}

void zone_wants(const struct zone_plan *plan, zone_take *take, void *owner)
{
    struct list l = { plan, take, owner };
    want_host(&l);
    want(&l, ZONE_MX, "", plan->domain, "MX", GP_LIT(""),
         "the server that takes mail for the domain: answers and bounces go there");
    want_spf(&l);
    for (size_t i = 0; i < plan->key_count; i++) want_key(&l, &plan->keys[i]);
    want(&l, ZONE_DMARC, "_dmarc.", plan->domain, "TXT", GP_LIT("v=DMARC1; p=none"),
         "add rua=mailto:ADDRESS for reports; p=quarantine or reject once they look well");
    want_services(&l);
    want(&l, ZONE_AUTOCONFIG, "autoconfig.", plan->domain, "CNAME", GP_LIT(""),
         "a web server with /mail/config-v1.1.xml, by which Thunderbird and others find all servers: see docs/dns.md");
    want_reports(&l);
    want_tlsa(&l);
}

/* ---- as text ---------------------------------------------------------------------------------------------------------------- */
/* RFC 1035 3.3.14: a string has 255 octets at most; readers join them (RFC 6376 3.6.2.2, RFC 7208 3.3). */
static void put_strings(struct gp_text *out, gp_str value)
{
    bool several = value.len > STRING_MOST;
    gp_put_z(out, several ? "(" : "");
    while (value.len) {
        gp_put_z(out, several ? " \"" : "\"");
        gp_put(out, gp_head(value, STRING_MOST));
        gp_put_char(out, '"');
        value = gp_tail(value, STRING_MOST);
    }
    gp_put_z(out, several ? " )" : "");
}

void zone_put_line(struct gp_text *out, const struct zone_want *w)
{
    bool comment = !w->value.len || w->kind == ZONE_PTR;
    gp_put_z(out, comment ? "; " : "");
    size_t start = out->len;
    gp_put(out, w->owner);
    gp_put_z(out, w->kind == ZONE_PTR ? "" : ".");
    do gp_put_char(out, ' ');
    while (!out->cut && out->len - start < OWNER_WIDTH);
    gp_put_z(out, "IN ");
    gp_put(out, w->type);
    gp_put_char(out, ' ');
    if (gp_is(w->type, "TXT"))
        put_strings(out, w->value);
    else
        gp_put(out, w->value.len ? w->value : GP_LIT("..."));
    gp_put_z(out, w->kind == ZONE_PTR ? "." : "");
    if (comment) gp_put_z(out, "  ; ");
    gp_put_z(out, comment ? w->note : "");
    gp_put_char(out, '\n');
}

void zone_put_policy(struct gp_text *out, const struct zone_plan *plan)
{
    gp_put_z(out, "version: STSv1\r\nmode: testing\r\nmx: ");
    gp_put_z(out, plan->hostname[0] ? plan->hostname : plan->domain);
    gp_put_z(out, "\r\nmax_age: 604800\r\n");
}
