/* DANE for a mail host (RFC 7672), or a server that the configuration names: its TLSA records, believed only where DNSSEC covers the whole way there:
 * MX, addresses (or the alias), records.
 * Asked once the host's addresses are known; of a host that is an alias first under the name that it leads to (2.2.3, 3.2.2). */
#include "relay/parts.h"

/* A digest is never longer than a certificate, of which a few fill the room: first come all digests, then what is in full (matching type 0). */
static size_t keep_some(struct gp_tls *trial, const struct dns_answer *answer, bool in_full, struct gp_text *kept)
{
    enum { MATCHING = 2 };
    size_t usable = 0;
    for (size_t i = 0; i < answer->count; i++) {
        gp_str record = answer->records[i].data;
        bool   full   = record.len > MATCHING && record.ptr[MATCHING] == 0;
        if (full != in_full || !gp_tls_expect_record(trial, record)) continue;
        usable++;
        demand_put_record(kept, record);
    }
    return usable;
}

/* Whose certificate must fit is for OpenSSL to say; here it says which records it can use at all. */
static void keep_usable(struct route *r, const struct dns_answer *answer)
{
    char           room[TLSA_ROOM];
    struct gp_text kept   = GP_TEXT(room);
    struct gp_tls *trial  = gp_tls_connect(r->owner->relay->verified, gp_from(r->dane.base));
    bool           ready  = trial && gp_tls_expect_dane(trial, r->dane.base);
    size_t         usable = ready ? keep_some(trial, answer, false, &kept) + keep_some(trial, answer, true, &kept) : 0;
    gp_tls_close(trial);
    r->dane.records = gp_arena_copy(&r->owner->arena, gp_said(&kept));
    r->dane.found   = usable ? DANE_RECORDS : DANE_UNUSABLE;
    if (ready && r->dane.records.ptr && (!usable || kept.len)) return;
    r->dane.found = DANE_FAILED;
    r->dane.why   = ready && usable && !kept.len ? "the TLSA records of the mail host are too large" : "out of memory";
}

static void failed(struct route *r, const char *why)
{
    char           room[RESULT_TEXT_MOST];
    struct gp_text text = { .ptr = room, .room = sizeof room - 1 };
    gp_put_z(&text, "the DNS could not be asked for the TLSA records of ");
    gp_put_z(&text, r->dane.base);
    gp_put_z(&text, ": ");
    gp_put_z(&text, why);
    room[text.len++] = '\0';
    gp_str kept      = gp_arena_copy(&r->owner->arena, gp_said(&text));
    r->dane.found    = DANE_FAILED;
    r->dane.why      = kept.ptr ? kept.ptr : why;
}

static bool ask(struct route *r, const char *base);

/* RFC 7672 2.1.1, 2.2: no records, proven or not, say nothing of the host; neither do records without proof. But where the name servers do
 * not answer, or somebody forges, there may be some. */
static void got_records(void *owner, const struct dns_answer *answer)
{
    struct route *r    = owner;
    const char   *host = r->hosts[r->host_at].name;
    r->dane.asked      = NULL;
    if (answer->status == GP_TEMPFAIL)
        failed(r, answer->why);
    else if (answer->status == GP_OK && answer->secure)
        keep_usable(r, answer);
    else if (!gp_is(gp_from(r->dane.base), host) && ask(r, host))
        return;
    delivery_routed(r->owner);
}

static bool ask(struct route *r, const char *base)
{
    char           room[DANE_NAME_ROOM];
    struct gp_text name = GP_TEXT(room);
    gp_put_char(&name, '_');
    gp_put_number(&name, r->port);
    gp_put_z(&name, "._tcp.");
    gp_put_z(&name, base);
    (void)gp_copy_z(gp_from(base), r->dane.base, sizeof r->dane.base);
    r->dane.asked = dns_ask(r->owner->relay->dns, gp_said(&name), DNS_TLSA, got_records, r);
    if (!r->dane.asked) failed(r, "out of memory");
    return r->dane.asked;
}

/* RFC 7672 2.2.2: what an alias leads to may be unproven, and with it the addresses; where the alias itself is proven, the records at its own
 * name are. Else nothing is. */
static void got_alias(void *owner, const struct dns_answer *answer)
{
    struct route *r = owner;
    r->dane.asked   = NULL;
    if (answer->status == GP_TEMPFAIL)
        failed(r, answer->why);
    else if (answer->status == GP_OK && answer->secure && ask(r, r->hosts[r->host_at].name))
        return;
    delivery_routed(r->owner);
}

static bool ask_alias(struct route *r, const char *host)
{
    (void)gp_copy_z(gp_from(host), r->dane.base, sizeof r->dane.base);
    r->dane.asked = dns_ask(r->owner->relay->dns, gp_from(host), DNS_CNAME, got_alias, r);
    if (!r->dane.asked) failed(r, "out of memory");
    return r->dane.asked;
}

void dane_forget(struct route *r)
{
    r->dane.found       = DANE_NONE;
    r->dane.records     = GP_NONE;
    r->dane.proven      = true;
    r->dane.leads_to[0] = '\0';
}

void dane_saw_addresses(struct route *r, const struct dns_answer *answer)
{
    if (answer->status == GP_OK && !answer->secure) r->dane.proven = false;
    if (answer->status == GP_OK) (void)gp_copy_z(answer->real_name, r->dane.leads_to, sizeof r->dane.leads_to);
}

/* Its name is proven to be the one that the mail is for: by MX, or because we name it ourselves (RFC 7672 2.2). Of those that we name, an
 * authority decides where that is demanded, and LMTP knows no DANE. */
static bool leads_here(const struct route *r)
{
    const struct config_hop *hop = &r->owner->way.hop;
    if (hop->kind == RELAY_SMARTHOST) return !hop->lmtp && hop->tls != RELAY_TLS_REQUIRED;
    return r->domain[0] && r->dane.mx_proven;
}

bool dane_ask(struct route *r)
{
    enum relay_tls tls    = r->owner->way.hop.tls;
    bool           waived = r->owner->wish == WISH_WAIVES && !config_is_verified(tls); /* ours stay */
    bool           none   = tls == RELAY_TLS_NONE && r->owner->wish != WISH_REQUIRES;
    const char    *host   = r->hosts[r->host_at].name;
    if (waived || none || !r->address_count || !leads_here(r)) return false;
    if (r->dane.proven) return ask(r, r->dane.leads_to[0] ? r->dane.leads_to : host);
    return r->dane.leads_to[0] && ask_alias(r, host);
}
