/* The TLS policy of a host out of what is known of it, and the words for it. */
#include "relay/demand.h"

/* ---- words --------------------------------------------------------------------------------------------------------------- */
const char *outcome_word(enum tls_failure failure)
{
    static const char *const words[TLS_FAILURES] = {
        [TLS_FINE]            = "",
        [TLS_NOT_OFFERED]     = "starttls-not-supported",
        [TLS_OTHER_HOST]      = "certificate-host-mismatch",
        [TLS_EXPIRED]         = "certificate-expired",
        [TLS_NOT_TRUSTED]     = "certificate-not-trusted",
        [TLS_FAILED]          = "validation-failure",
        [TLS_TLSA_INVALID]    = "tlsa-invalid",
        [TLS_DNSSEC_INVALID]  = "dnssec-invalid",
        [TLS_DANE_REQUIRED]   = "dane-required",
        [TLS_STS_NOT_FETCHED] = "sts-policy-fetch-error",
        [TLS_STS_INVALID]     = "sts-policy-invalid",
        [TLS_STS_WEB_INVALID] = "sts-webpki-invalid",
    };
    return words[failure];
}

const char *demand_name(const struct demand *d)
{
    static const char *const levels[] = {
        [DEMAND_CLEAR] = "none",          [DEMAND_OPPORTUNISTIC] = "opportunistic",
        [DEMAND_ENCRYPTED] = "encrypted", [DEMAND_VERIFIED] = "verified",
        [DEMAND_DANE] = "dane",
    };
    static const char *const listed[] = {
        [DEMAND_CLEAR]         = "none (relay.tls_policy)",
        [DEMAND_OPPORTUNISTIC] = "opportunistic (relay.tls_policy)",
        [DEMAND_ENCRYPTED]     = "encrypted (relay.tls_policy)",
        [DEMAND_VERIFIED]      = "verified (relay.tls_policy)",
        [DEMAND_DANE]          = "dane (relay.tls_policy)",
    };
    if (d->source == DEMAND_BY_STS) return "mta-sts";
    if (d->source == DEMAND_BY_MESSAGE && d->level != DEMAND_ENCRYPTED) return "requiretls";
    if (d->source == DEMAND_BY_DANE) return "dane";
    return d->source == DEMAND_BY_CONFIG && d->listed ? listed[d->level] : levels[d->level];
}

void outcome_put(struct gp_text *out, const struct demand *d, const struct outcome *o)
{
    if (!o->version) return;
    gp_put_z(out, o->version);
    gp_put_char(out, ' ');
    gp_put_z(out, o->cipher);
    gp_put_z(out, ", ");
    gp_put_z(out, demand_name(d));
    gp_put_z(out, o->verified == VERIFIED_BY_NOBODY      ? ": not verified"
                  : o->verified == VERIFIED_BY_AUTHORITY ? ": verified by its authority"
                                                         : ": verified by TLSA");
    const int fields[] = { o->usage, o->selector, o->matching };
    for (size_t i = 0; o->verified == VERIFIED_BY_TLSA && i < GP_COUNT(fields); i++) {
        gp_put_char(out, ' ');
        gp_put_number(out, fields[i]);
    }
}

/* ---- records ---------------------------------------------------------------------------------------------------------------- */
enum { LENGTH = 2 };

void demand_put_record(struct gp_text *out, gp_str octets)
{
    if (octets.len > UINT16_MAX || out->len + LENGTH + octets.len > out->room) return;
    gp_put_char(out, (char)(octets.len >> 8));
    gp_put_char(out, (char)(octets.len & 0xFF));
    gp_put(out, octets);
}

bool demand_next_record(gp_str *records, gp_str *octets)
{
    if (records->len < LENGTH) return false;
    const unsigned char *head = (const unsigned char *)records->ptr;
    size_t               len  = (size_t)head[0] << 8 | head[1];
    *octets                   = gp_head(gp_tail(*records, LENGTH), len);
    *records                  = gp_tail(*records, LENGTH + len);
    return octets->len == len;
}

/* ---- policies ---------------------------------------------------------------------------------------------------------------- */
static void name(struct demand *out, const char *host)
{
    if (host && out->name_count < DEMAND_NAMES_MOST) out->names[out->name_count++] = host;
}

static gp_status bar(struct demand *out, enum tls_failure failure, const char *why)
{
    out->failure = failure;
    out->why     = why;
    return GP_TEMPFAIL;
}

/* RFC 7672 2.2: proven records make TLS a must, and those that can be used say with whom. The names are for DANE-TA (3.2.3). */
static gp_status by_dane(const struct demand_facts *f, struct demand *out)
{
    out->source = DEMAND_BY_DANE;
    if (f->dane == DANE_FAILED) return bar(out, TLS_DNSSEC_INVALID, f->dane_why);
    out->name_count = 0;
    name(out, f->base);
    name(out, f->domain ? f->domain : f->host);
    name(out, f->alias_of_domain);
    out->tlsa  = f->tlsa;
    out->level = DEMAND_DANE;
    return GP_OK;
}

/* RFC 8461 5.1, 5.2. It never asks for less than `out` has: also where a certificate is a must, who may show it is not for a forged MX to say. */
static gp_status by_sts(const struct demand_facts *f, struct demand *out)
{
    static const char not_listed[] = "the policy of the recipient's domain (MTA-STS) does not name this mail host";
    out->testing                   = f->sts == STS_TESTING;
    if (!out->testing) out->source = DEMAND_BY_STS;
    if (!f->sts_takes_host) (void)bar(out, TLS_FAILED, not_listed);
    if (out->testing) return GP_OK;
    out->level = DEMAND_VERIFIED;
    return f->sts_takes_host ? GP_OK : GP_TEMPFAIL;
}

/* ---- what the message says ----------------------------------------------------------------------------------------------------- */
/* RFC 8689 2, 4.2.1. A policy that is only tested names the hosts all the same. */
static gp_status require(const struct demand_facts *f, struct demand *out)
{
    static const char unproven[] =
        "the message requires TLS all the way (REQUIRETLS), and neither DNSSEC nor MTA-STS proves that this is the domain's mail host";
    static const char unfetched[] =
        "the message requires TLS all the way (REQUIRETLS), and the policy of the recipient's domain "
        "(MTA-STS), which has to name its mail hosts, cannot be had just now";
    out->testing = false;
    out->failure = TLS_FINE;
    out->why     = NULL;
    if (out->level < DEMAND_VERIFIED || !out->proven) out->source = DEMAND_BY_MESSAGE;
    if (out->level < DEMAND_VERIFIED) out->level = DEMAND_VERIFIED;
    if (out->proven) return GP_OK;
    if (f->sts_unfetched) return bar(out, TLS_STS_NOT_FETCHED, unfetched);
    (void)bar(out, TLS_NOT_TRUSTED, unproven);
    return GP_PERMFAIL;
}

/* RFC 8689 5: a report is protected as what it tells of, and not lost where the next hop does not know REQUIRETLS: it never goes in clear to a
 * mail host, and whether that could be trusted with more is seen on the way. */
static void prefer(const struct demand_facts *f, struct demand *out)
{
    bool raise = f->domain && out->level < DEMAND_ENCRYPTED;
    if (raise) out->level = DEMAND_ENCRYPTED;
    if (raise) out->source = DEMAND_BY_MESSAGE;
    out->looks = out->proven && out->level < DEMAND_VERIFIED;
}

/* ---- the decision -------------------------------------------------------------------------------------------------------------- */
static gp_status by_policy(const struct demand_facts *f, struct demand *out)
{
    static const enum demand_level levels[] = {
        [RELAY_TLS_REQUIRED] = DEMAND_VERIFIED, [RELAY_TLS_OPPORTUNISTIC] = DEMAND_OPPORTUNISTIC,
        [RELAY_TLS_NONE] = DEMAND_CLEAR,        [RELAY_TLS_ENCRYPTED] = DEMAND_ENCRYPTED,
        [RELAY_TLS_DANE] = DEMAND_DANE,
    };
    static const char no_records[] =
        "the mail host has no TLSA records that DNSSEC proves and that can be used, and tls=dane demands them";
    static const char no_records_of_a_listed_one[] =
        "relay.tls_policy asks for dane: the mail host has no TLSA records that DNSSEC proves and that can be used";
    *out = (struct demand) { .level = levels[f->configured], .source = DEMAND_BY_CONFIG, .listed = f->listed };
    name(out, f->host);
    bool some    = f->configured != RELAY_TLS_NONE || f->wish == WISH_REQUIRES;
    bool follows = f->domain && some;
    /* RFC 7672 2.2: of a server that we name ourselves, too, but where its authority is demanded. */
    bool dane    = some && (f->domain || f->configured != RELAY_TLS_REQUIRED);
    if (dane && (f->dane == DANE_RECORDS || f->dane == DANE_FAILED)) return by_dane(f, out);
    if (f->configured == RELAY_TLS_DANE)
        return bar(out, TLS_DANE_REQUIRED, f->listed ? no_records_of_a_listed_one : no_records);
    bool weak = out->level < DEMAND_VERIFIED;
    if (dane && weak && f->dane == DANE_UNUSABLE) { /* RFC 7672 2.2: encrypted, and nobody knows with whom */
        out->level  = DEMAND_ENCRYPTED;
        out->source = DEMAND_BY_DANE;
    }
    return follows && f->sts != STS_NONE ? by_sts(f, out) : GP_OK;
}

gp_status demand_make(const struct demand_facts *f, struct demand *out)
{
    gp_status status = by_policy(f, out);
    out->proven      = !f->domain || f->mx_proven || (f->sts != STS_NONE && f->sts_takes_host);
    out->local       = f->local;
    if (status != GP_OK || f->local) return status;
    if (f->wish == WISH_REQUIRES) return require(f, out);
    if (f->wish == WISH_PREFERS) prefer(f, out);
    return GP_OK;
}

/* RFC 8689 5: policies of the recipient's domain are set aside; what this server's configuration demands is not. */
bool demand_is_lifted(const struct demand *d, enum relay_tls configured)
{
    bool theirs = d->source == DEMAND_BY_DANE || d->source == DEMAND_BY_STS;
    return d->source == DEMAND_BY_MESSAGE || (theirs && !config_is_verified(configured));
}
