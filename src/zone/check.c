/* How DNS differs from what is wanted: the run through all kinds, what they say, and the host's own records. */
#include "zone/parts.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *const zone_verdicts[ZONE_VERDICTS] = { "right", "absent", "weak", "missing", "wrong", "unknown" };

/* ---- saying ------------------------------------------------------------------------------------------------------------- */
void zone_say(const struct zone_checker *c, enum zone_kind kind, enum zone_verdict verdict, gp_str owner, gp_str has,
              const char *mend, const char *why, ...)
{
    char    said[ZONE_SAID_ROOM];
    va_list words;
    va_start(words, why);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): not so, the line above begins it */
    (void)vsnprintf(said, sizeof said, why, words);
    va_end(words);
    c->tell(c->owner, &(struct zone_found) { kind, verdict, owner, has, said, mend });
}

struct dns_answer zone_ask(const struct zone_checker *c, gp_str name, enum dns_type type)
{
    return c->dns->ask(c->dns->owner, name, type);
}

bool zone_one_txt(const struct zone_checker *c, enum zone_kind kind, gp_str name, bool (*is_one)(gp_str),
                  enum zone_verdict absent, const char *mend, struct gp_text *room)
{
    struct dns_answer a     = zone_ask(c, name, DNS_TXT);
    size_t            count = 0;
    for (size_t i = 0; a.status == GP_OK && i < a.count; i++)
        if (is_one(a.records[i].data) && count++ == 0) gp_put(room, a.records[i].data);
    if (count == 1 && !room->cut) return true;
    if (a.status == GP_TEMPFAIL)
        zone_say(c, kind, ZONE_UNKNOWN, name, GP_LIT(""), "", "%s", a.why);
    else if (count == 0)
        zone_say(c, kind, absent, name, GP_LIT(""), mend, "there is no such record");
    else if (count > 1)
        zone_say(c, kind, ZONE_WRONG, name, gp_said(room), "keep one of them",
                 "there are %zu records, and readers take none of them", count);
    else
        zone_say(c, kind, ZONE_WRONG, name, GP_LIT(""), mend, "the record is too long");
    return false;
}

/* ---- addresses ------------------------------------------------------------------------------------------------------------ */
static void add_addresses(const struct dns_answer *a, struct zone_addresses *out)
{
    for (size_t i = 0; a->status == GP_OK && i < a->count && out->count < ZONE_ADDRESSES_MOST; i++) {
        out->list[out->count].len = a->records[i].data.len;
        memcpy(out->list[out->count].octets, a->records[i].data.ptr, a->records[i].data.len);
        out->count++;
    }
    if (a->status == GP_TEMPFAIL) out->status = GP_TEMPFAIL;
}

size_t zone_read_address(gp_str text, char octets[static 16])
{
    char word[INET6_ADDRSTRLEN];
    if (!gp_copy_z(text, word, sizeof word)) return 0;
    if (inet_pton(AF_INET, word, octets) == 1) return 4;
    return inet_pton(AF_INET6, word, octets) == 1 ? 16 : 0;
}

void zone_find_addresses(const struct zone_checker *c, gp_str name, struct zone_addresses *out)
{
    static const enum dns_type types[] = { DNS_A, DNS_AAAA };
    *out                               = (struct zone_addresses) { .status = GP_PERMFAIL };
    out->list[0].len                   = zone_read_address(name, out->list[0].octets);
    if (out->list[0].len) { /* relay.via may name an address */
        out->count  = 1;
        out->status = GP_OK;
        return;
    }
    for (size_t i = 0; i < GP_COUNT(types); i++) {
        struct dns_answer a = zone_ask(c, name, types[i]);
        add_addresses(&a, out);
    }
    if (out->count) out->status = GP_OK;
}

void zone_put_address(struct gp_text *out, gp_str octets)
{
    char room[INET6_ADDRSTRLEN];
    if (inet_ntop(octets.len == 4 ? AF_INET : AF_INET6, octets.ptr, room, sizeof room)) gp_put_z(out, room);
}

static bool has_address(const struct zone_addresses *all, gp_str octets)
{
    for (size_t i = 0; i < all->count; i++)
        if (gp_same((gp_str) { all->list[i].octets, all->list[i].len }, octets)) return true;
    return false;
}

/* ---- names of addresses ----------------------------------------------------------------------------------------------------- */
static void put_reverse(struct gp_text *out, gp_str octets)
{
    for (size_t i = octets.len; i-- > 0;) {
        unsigned char octet = (unsigned char)octets.ptr[i];
        if (octets.len == 4) {
            gp_put_number(out, octet);
            gp_put_char(out, '.');
            continue;
        }
        char           digits[2];
        struct gp_text hex = GP_TEXT(digits);
        gp_put_hex(&hex, (gp_str) { &octets.ptr[i], 1 });
        gp_put_char(out, digits[1]);
        gp_put_char(out, '.');
        gp_put_char(out, digits[0]);
        gp_put_char(out, '.');
    }
    gp_put_z(out, octets.len == 4 ? "in-addr.arpa" : "ip6.arpa");
}

/* RFC 8601 3 calls it iprev: the name of the address leads back to it. */
static void judge_name(const struct zone_checker *c, gp_str address, gp_str octets, gp_str name)
{
    static const char     mend[] = "have who gave you the address set its PTR to the server's name";
    struct zone_addresses back;
    bool                  ours = gp_is(name, c->plan->hostname);
    zone_find_addresses(c, name, &back);
    if (back.status == GP_TEMPFAIL)
        zone_say(c, ZONE_PTR, ZONE_UNKNOWN, address, name, "", "DNS does not say whether that name leads back");
    else if (!has_address(&back, octets))
        zone_say(c, ZONE_PTR, ZONE_WRONG, address, name, mend, "the name of the address does not lead back to it");
    else if (!ours)
        zone_say(c, ZONE_PTR, ZONE_WEAK, address, name, mend,
                 "the server says EHLO as %s, and its address has another name", c->plan->hostname);
    else
        zone_say(c, ZONE_PTR, ZONE_RIGHT, address, name, "", "%s", "");
}

static void check_pointer(const struct zone_checker *c, gp_str octets)
{
    char           room[ZONE_NAME_ROOM], said[ZONE_NAME_ROOM], name_room[ZONE_NAME_ROOM];
    struct gp_text question = GP_TEXT(room), address = GP_TEXT(said), name = GP_TEXT(name_room);
    put_reverse(&question, octets);
    zone_put_address(&address, octets);
    struct dns_answer a = zone_ask(c, gp_said(&question), DNS_PTR);
    for (size_t i = 0; a.status == GP_OK && i < a.count; i++) /* of several, ours */
        if (i == 0 || gp_is(a.records[i].data, c->plan->hostname)) {
            name = GP_TEXT(name_room);
            gp_put(&name, a.records[i].data);
        }
    if (name.len)
        judge_name(c, gp_said(&address), octets, gp_said(&name));
    else if (a.status == GP_TEMPFAIL)
        zone_say(c, ZONE_PTR, ZONE_UNKNOWN, gp_said(&address), GP_LIT(""), "", "%s", a.why);
    else
        zone_say(c, ZONE_PTR, ZONE_MISSING, gp_said(&address), GP_LIT(""),
                 "have who gave you the address set its PTR to the server's name",
                 "the address has no name: many receivers refuse mail from it");
}

bool zone_counts(const struct zone_checker *c, const struct zone_sender *s)
{
    return s->main || !c->sending;
}

static bool sends_from(const struct zone_checker *c, const char *host)
{
    for (size_t i = 0; i < c->plan->sender_count; i++) {
        const struct zone_sender *s = &c->plan->senders[i];
        if (s->own && zone_counts(c, s) && (!host || gp_is(gp_from(host), s->host))) return true;
    }
    return false;
}

/* from_address of a route */
static void check_sources(const struct zone_checker *c)
{
    for (size_t i = 0; i < c->plan->sender_count; i++) {
        const struct zone_sender *s = &c->plan->senders[i];
        char                      octets[16];
        size_t                    len = zone_read_address(gp_from(s->host), octets);
        if (len && s->own && zone_counts(c, s)) check_pointer(c, (gp_str) { octets, len });
    }
}

void zone_check_host(const struct zone_checker *c)
{
    struct zone_addresses all;
    gp_str                name = gp_from(c->plan->hostname);
    /* Behind a provider no receiver sees the name; for clients it may stand in a zone of their own. */
    if (!name.len || (c->sending && !sends_from(c, NULL))) return;
    check_sources(c);
    zone_find_addresses(c, name, &all);
    if (all.status == GP_TEMPFAIL)
        zone_say(c, ZONE_ADDRESS, ZONE_UNKNOWN, name, GP_LIT(""), "", "the name servers do not answer");
    else if (!all.count)
        zone_say(c, ZONE_ADDRESS, ZONE_MISSING, name, GP_LIT(""), "add A and AAAA with the server's addresses",
                 "the server's name has no address: no client finds it");
    for (size_t i = 0; i < all.count; i++) {
        char           room[ZONE_NAME_ROOM];
        struct gp_text said   = GP_TEXT(room);
        gp_str         octets = { all.list[i].octets, all.list[i].len };
        zone_put_address(&said, octets);
        zone_say(c, ZONE_ADDRESS, ZONE_RIGHT, name, gp_said(&said), "", "%s", "");
        if (sends_from(c, c->plan->hostname)) check_pointer(c, octets);
    }
}

/* ---- the run ------------------------------------------------------------------------------------------------------------------ */
void zone_check_sending(const struct zone_plan *plan, const struct zone_dns *dns, zone_tell *tell, void *owner)
{
    struct zone_checker c = { plan, dns, tell, owner, true };
    zone_check_host(&c);
    zone_check_spf(&c);
    zone_check_dkim(&c);
    zone_check_alignment(&c);
}

void zone_check_sender(const struct zone_plan *plan, const struct zone_dns *dns, zone_tell *tell, void *owner)
{
    struct zone_checker c = { plan, dns, tell, owner, true };
    zone_check_spf(&c);
}

/* The root's own records are proven wherever anything is. */
static void check_proofs(const struct zone_checker *c)
{
    static const char mend[] =
        "ask a resolver that lets DNSSEC through, as unbound on this host does (relay.dns_server), and install dns-root-data";
    if (c->plan->proofs == ZONE_PROOFS_OF_NO_MATTER) return;
    bool              required = c->plan->proofs == ZONE_PROOFS_REQUIRED;
    struct dns_answer a        = zone_ask(c, GP_LIT("."), DNS_SOA);
    if (a.secure)
        zone_say(c, ZONE_DNSSEC, ZONE_RIGHT, GP_LIT("."), GP_LIT(""), "", "%s", "");
    else
        zone_say(c, ZONE_DNSSEC, required ? ZONE_WRONG : ZONE_WEAK, GP_LIT("."), GP_LIT(""), mend,
                 "no proofs (DNSSEC) get here: %s",
                 required ? "mail waits, as relay.dnssec is required" : "mail that is sent has no DANE");
}

void zone_check(const struct zone_plan *plan, const struct zone_dns *dns, zone_tell *tell, void *owner)
{
    static zone_one *const kinds[] = { zone_check_host, zone_check_mx,         zone_check_spf,  zone_check_helo,
                                       zone_check_dkim, zone_check_dmarc,      zone_check_sts,  zone_check_tlsrpt,
                                       zone_check_srv,  zone_check_autoconfig, zone_check_tlsa, check_proofs };
    struct zone_checker    c       = { plan, dns, tell, owner, false };
    for (size_t i = 0; i < GP_COUNT(kinds); i++) kinds[i](&c);
}
