/* TLS to a next hop: whom it trusts, and the certificate that we present to a server that is named, whose key vault has: a handshake that needs
 * a signature asks vault for it. */
#include "relay/parts.h"

/* ---- our certificate --------------------------------------------------------------------------------------------------- */
void secure_certificate(struct relay *r, const struct msg_our_certificate *m)
{
    const char *why = "there is none";
    if (m->login >= config_logins(r->config)) return;
    struct ours           *ours  = &r->ours[m->login];
    struct gp_tls_context *fresh = m->chain.len ? gp_tls_client_presenting(r->verified, m->chain, &why) : NULL;
    if (!fresh)
        LOG(LOG_ERROR, "upstream", LOG_Z("file", config_login_of(r->config, (size_t)m->login).certificate_file),
            LOG_Z("reason", why));
    gp_tls_context_close(ours->context); /* connections that are open keep it */
    ours->context    = fresh;
    ours->generation = m->generation;
    ours->expires    = (gp_time)m->expires;
}

bool secure_presents(const struct hop *h)
{
    return config_presents(h->relay->config, h->which) && config_is_verified(h->via.tls); /* else: to whom? */
}

static const char *no_certificate(const struct hop *h)
{
    const struct ours *ours = &h->relay->ours[h->which];
    if (!ours->context)
        return h->which ? "our certificate cannot be used: see certificate_file of the route, and the log of vault"
                        : "our certificate cannot be used: see relay.certificate_file, and the log of vault";
    if (wall_now() < ours->expires) return NULL;
    return h->which ? "our certificate has expired: renew certificate_file of the route"
                    : "our certificate has expired: renew relay.certificate_file";
}

/* The certificate is all that speaks for us there. */
static bool is_alone(const struct hop *h)
{
    return config_login_of(h->relay->config, h->which).proof == RELAY_CERTIFICATE;
}

static const char *complain(const struct hop *h, const char *why)
{
    LOG(LOG_ERROR, "upstream", LOG_Z("host", h->host), LOG_Z("reason", why), LOG_Z("result", "mail waits"));
    return why;
}

/* ---- one connection ------------------------------------------------------------------------------------------------------- */
/* RFC 7672 2.2.3: which records can be used was seen before; a certificate must fit one of those, or the handshake fails. */
static bool expect_records(struct gp_tls *tls, const struct demand *d)
{
    gp_str records = d->tlsa, record;
    bool   some    = false;
    if (!gp_tls_expect_dane(tls, d->names[0])) return false;
    for (size_t i = 1; i < d->name_count; i++)
        if (!gp_tls_expect_name(tls, d->names[i])) return false;
    while (demand_next_record(&records, &record)) some |= gp_tls_expect_record(tls, record);
    return some;
}

static bool is_looked_at(const struct demand *d)
{
    return d->level >= DEMAND_VERIFIED || d->testing || d->looks;
}

static struct gp_tls *client_for(struct hop *h, struct gp_tls_context *strict)
{
    const struct demand   *d       = &h->demand;
    struct gp_tls_context *context = is_looked_at(d) ? strict : h->relay->opportunistic;
    struct gp_tls         *tls     = context ? gp_tls_connect(context, gp_from(d->names[0])) : NULL;
    if (tls && d->level < DEMAND_VERIFIED && is_looked_at(d)) gp_tls_only_look(tls);
    if (!tls || d->level != DEMAND_DANE || expect_records(tls, d)) return tls;
    gp_tls_close(tls);
    return NULL;
}

const char *secure_begin(struct hop *h)
{
    struct relay  *r       = h->relay;
    bool           present = secure_presents(h);
    const char    *lacks   = present ? no_certificate(h) : NULL;
    struct gp_tls *tls     = lacks ? NULL : client_for(h, present ? r->ours[h->which].context : r->verified);
    if (lacks) return complain(h, lacks);
    h->generation = r->ours[h->which].generation;
    return tls && conn_secure(h->conn, tls) ? NULL : "TLS could not be started";
}

static void outcome_of(const struct gp_tls *tls, const struct demand *d, struct outcome *out)
{
    static const enum tls_failure failures[] = { TLS_FINE, TLS_OTHER_HOST, TLS_EXPIRED, TLS_NOT_TRUSTED, TLS_FAILED };
    struct gp_tls_record          record;
    bool                          looked = is_looked_at(d) && gp_tls_doubt(tls) == GP_TLS_NO_DOUBT;
    if (d->level >= DEMAND_VERIFIED || d->testing) out->failure = failures[gp_tls_doubt(tls)];
    if (out->failure != TLS_FINE) out->why = gp_from(gp_tls_doubt_text(tls));
    if (!gp_tls_shaken(tls)) return;
    out->version = gp_tls_version(tls);
    out->cipher  = gp_tls_cipher(tls);
    if (looked) out->verified = VERIFIED_BY_AUTHORITY;
    if (d->testing && out->failure == TLS_FINE && d->failure != TLS_FINE) { /* RFC 8461 5: the host would be barred */
        out->failure = d->failure;
        out->why     = gp_from(d->why);
    }
    if (!gp_tls_fitting_record(tls, &record)) return;
    out->verified = VERIFIED_BY_TLSA;
    out->usage = record.usage, out->selector = record.selector, out->matching = record.matching;
}

void secure_tell(const struct delivery *d, const char *host, const struct demand *demand, const struct outcome *o)
{
    bool asked = demand->level > DEMAND_OPPORTUNISTIC || demand->source != DEMAND_BY_CONFIG || demand->testing;
    if (o->failure != TLS_FINE && asked)
        LOG(LOG_WARN, "tls", LOG_S("queue_id", d->queue_id), LOG_Z("host", host), LOG_Z("policy", demand_name(demand)),
            LOG_Z("result", outcome_word(o->failure)), LOG_S("reason", o->why),
            LOG_Z("testing", demand->testing ? "yes" : NULL));
    tally_delivery(d, host, demand, o);
}

void secure_outdates(const struct delivery *d, const char *host, const struct demand *demand)
{
    bool sts = demand->source == DEMAND_BY_STS, barred = demand->failure != TLS_FINE && !demand->testing;
    if (!sts && demand->source != DEMAND_BY_DANE) return;
    for (struct hop *h = d->relay->hops; h; h = h->next) {
        bool same = gp_is(gp_from(h->domain), d->route.domain) && (sts || gp_is(gp_from(h->host), host));
        bool weak = h->demand.level < DEMAND_VERIFIED && (barred || h->demand.level < demand->level);
        if (same && weak && !h->waived) h->messages = HOP_MESSAGES_MOST; /* no other rides it */
    }
}

static void tell(struct hop *h)
{
    struct sockaddr_storage own;
    char                    room[NET_ADDRESS_ROOM];
    struct gp_text          from = GP_TEXT(room);
    bool                    bad  = !h->told && h->delivery && h->outcome.failure != TLS_FINE;
    if (bad && conn_local(h->conn, &own) && own.ss_family != AF_UNIX) address_put(&from, &own, false);
    if (bad)
        h->outcome.from = gp_said(&from), h->outcome.to = gp_from(h->to),
        h->outcome.peer = gp_smtp_client_peer(&h->client);
    if (!h->told && h->delivery) secure_tell(h->delivery, h->host, &h->demand, &h->outcome);
    h->outcome.from = GP_NONE;
    h->told         = true;
}

void secure_missed(struct hop *h, gp_str why)
{
    if (h->told || h->demand.level == DEMAND_CLEAR) return;
    if (conn_tls(h->conn)) outcome_of(conn_tls(h->conn), &h->demand, &h->outcome);
    if (h->outcome.failure == TLS_FINE) {
        h->outcome.failure = conn_tls(h->conn) ? TLS_FAILED : TLS_NOT_OFFERED;
        h->outcome.why     = why;
    }
    tell(h);
}

/* No STARTTLS, or a certificate that is not verified. What broke, or a server that cannot just now, may do better when asked again. */
bool secure_lacks(const struct hop *h, int code)
{
    const struct gp_tls *tls = h->conn ? conn_tls(h->conn) : NULL;
    if (!h->delivery || h->delivery->wish != WISH_REQUIRES || h->demand.level < DEMAND_VERIFIED) return false;
    return tls ? !gp_tls_shaken(tls) && gp_tls_doubt(tls) != GP_TLS_NO_DOUBT : h->no_tls && code / 100 != 4;
}

void secure_put_reason(const struct hop *h, struct gp_text *out, gp_str why)
{
    bool ails = h->outcome.failure != TLS_FINE && !h->outcome.version;
    if (ails && h->demand.source == DEMAND_BY_CONFIG && h->demand.listed && h->demand.level > DEMAND_OPPORTUNISTIC) {
        gp_put_z(out, "relay.tls_policy asks for ");
        gp_put_z(out, config_tls_word(h->via.tls));
        gp_put_z(out, ": ");
    }
    if (ails && h->demand.source != DEMAND_BY_CONFIG) {
        gp_put_z(out, "TLS policy ");
        gp_put_z(out, demand_name(&h->demand));
        gp_put_z(out, ": ");
    }
    gp_put(out, gp_head(why, out->room - out->len));
}

const char *secure_done(struct hop *h)
{
    struct gp_tls *tls  = conn_tls(h->conn);
    struct gp_text text = { .ptr = h->tls, .room = sizeof h->tls - 1 };
    h->outcome          = (struct outcome) { 0 };
    outcome_of(tls, &h->demand, &h->outcome);
    outcome_put(&text, &h->demand, &h->outcome);
    h->tls[text.len] = '\0';
    tell(h);
    h->presented = gp_tls_presented(tls);
    bool needed  = secure_presents(h) && is_alone(h);
    return needed && !h->presented ? complain(h, "the next hop did not ask for our certificate") : NULL;
}

static void signature_made(void *owner, gp_status status, const struct msg *m)
{
    struct hop *h     = owner;
    bool        made  = status == GP_OK && m->type == MSG_TLS_SIGNED && m->tls_signed.status == GP_OK;
    h->unsigned_by_us = !made;
    conn_signed(h->conn, made ? m->tls_signed.signature : GP_LIT(""));
}

void secure_sign(struct hop *h, const struct gp_tls_sign *wanted)
{
    struct msg m = MSG(TLS_SIGN);
    m.tls_sign   = (struct msg_tls_sign) {
          .certificate = h->which, .generation = h->generation, .how = wanted->how, .data = wanted->data
    };
    ipc_ask(h->relay->vault, &m, signature_made, h);
}

/* ---- what it said to a certificate alone ------------------------------------------------------------------------------------ */
static bool lists_external(gp_str offered)
{
    while (offered.len > 0)
        if (gp_is(gp_word(&offered), "EXTERNAL")) return true;
    return false;
}

bool secure_will_do(const struct hop *h, gp_str offered)
{
    return is_alone(h) && !config_signs_in(h->relay->config, h->which) && !lists_external(offered);
}

/* RFC 3463 3.8. Where a server gives no such code its words tell: "relay not permitted", "Relaying denied", and qmail's of rcpthosts, whose
 * code stands behind them. */
static bool is_about_who_we_are(gp_str enhanced, gp_str text)
{
    static const char *const words[] = { "relay", "rcpthosts", "#5.7." };
    bool                     said    = false;
    if (enhanced.len) return gp_starts(enhanced, "5.7.");
    for (size_t i = 0; i < GP_COUNT(words); i++) said = said || login_reads(text, words[i]);
    return said;
}

bool secure_is_known(const struct hop *h)
{
    return h->presented && h->relay->ours[h->which].knows_us == h->generation;
}

bool secure_is_unknown(struct hop *h, gp_str enhanced, gp_str text)
{
    bool alone = h->presented && !h->believed && is_alone(h);
    bool no    = alone && h->phase == HOP_MESSAGE && is_about_who_we_are(enhanced, text);
    if (no && !h->complained)
        (void)complain(h, "the next hop takes no mail from who has our certificate: does it know it?");
    h->complained |= no;
    return no;
}
