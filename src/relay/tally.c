/* What came of TLS, told to the queue, which counts it for those domains that want reports (RFC 8460). */
#include "relay/parts.h"

/* ---- the policy as a report has it (RFC 8460 4.4) ---------------------------------------------------------------------- */
/* A line that finds no room is left out, and so are those behind it. */
static bool put_line(struct gp_text *out, const char *before, gp_str text)
{
    size_t mark = out->len;
    gp_put_z(out, before);
    gp_put(out, text);
    gp_put_char(out, '\n');
    if (out->cut) out->len = mark;
    return !out->cut;
}

static void put_sts(struct gp_text *out, const struct route *r)
{
    char           room[24];
    struct gp_text age   = GP_TEXT(room);
    gp_str         hosts = r->sts_hosts;
    if (r->sts_mode == GP_STS_NONE) return;
    gp_put_number(&age, (int64_t)r->sts_age);
    (void)put_line(out, "version: ", GP_LIT("STSv1"));
    (void)put_line(out, "mode: ", gp_from(gp_sts_mode_name(r->sts_mode)));
    (void)put_line(out, "max_age: ", gp_said(&age));
    while (hosts.len && put_line(out, "mx: ", gp_cut(&hosts, '\n')))
        ;
}

/* RFC 6698 2.2: "3 1 1 HEX". */
static void put_tlsa(struct gp_text *out, gp_str records)
{
    enum { FIRST = 3 }; /* octets before the data (2.1) */
    gp_str record;
    while (demand_next_record(&records, &record)) {
        char           room[TLS_POLICY_MOST];
        struct gp_text line = GP_TEXT(room);
        for (size_t i = 0; i < FIRST && record.len > FIRST; i++) {
            gp_put_number(&line, (unsigned char)record.ptr[i]);
            gp_put_char(&line, ' ');
        }
        gp_put_hex(&line, gp_tail(record, FIRST));
        if (line.cut || !put_line(out, "", gp_said(&line))) return;
    }
}

void tally_tls(const struct relay *r, const struct tally *t)
{
    char           room[TLS_POLICY_MOST];
    struct gp_text text = GP_TEXT(room);
    struct msg     m    = MSG(TLS_SEEN);
    if (!r->config->tls_reports.collect || !r->queue) return;
    if (gp_is(gp_from(t->policy), "tlsa")) put_tlsa(&text, t->demand->tlsa);
    if (gp_is(gp_from(t->policy), "sts")) put_sts(&text, t->route);
    m.tls_seen = (struct msg_tls_seen) { .domain = t->domain,
                                         .policy = gp_from(t->policy),
                                         .text   = gp_said(&text),
                                         .host   = gp_from(t->host ? t->host : ""),
                                         .from   = t->from.ptr ? t->from : GP_LIT(""),
                                         .to     = t->to.ptr ? t->to : GP_LIT(""),
                                         .peer   = t->peer.ptr ? t->peer : GP_LIT(""),
                                         .result = gp_from(outcome_word(t->failure)),
                                         .reason = t->reason.ptr ? t->reason : GP_LIT("") };
    (void)ipc_tell(r->queue, &m);
}

/* ---- a connection, or a host that is barred -------------------------------------------------------------------------------- */
/* Of a policy that is only tested, also what it would have barred; of one that could not be had, that (RFC 8460 4.3.2.2). */
static void judge(struct tally *t, const struct outcome *o)
{
    bool tested = t->demand->testing && o->failure == TLS_FINE;
    t->failure  = tested ? t->demand->failure : o->failure;
    t->reason   = !tested && o->why.ptr ? o->why : gp_from(t->demand->why);
    if (t->failure != TLS_FINE || t->route->sts_failure == TLS_FINE || t->demand->source == DEMAND_BY_DANE) return;
    t->failure = t->route->sts_failure;
    t->reason  = t->route->sts_why;
}

/* RFC 8460 5.3: what waives policies, as reports do, is not counted. Nor is what a message alone demands a failure of the domain's. */
void tally_delivery(const struct delivery *d, const char *host, const struct demand *demand, const struct outcome *o)
{
    const struct route *r   = &d->route;
    bool                sts = r->sts_mode != GP_STS_NONE || r->sts_failure != TLS_FINE;
    struct tally        t   = { .domain = gp_from(r->domain),
                                .route  = r,
                                .demand = demand,
                                .host   = host,
                                .policy = demand->source == DEMAND_BY_DANE ? "tlsa"
                                          : sts                            ? "sts"
                                                                           : "no-policy-found" };
    if (!r->domain[0] || d->wish == WISH_WAIVES) return;
    if (demand->source == DEMAND_BY_MESSAGE && o->failure != TLS_FINE) return;
    judge(&t, o);
    if (t.failure == TLS_FINE)
        t.reason = GP_NONE;
    else
        t.from = o->from, t.to = o->to, t.peer = o->peer;
    tally_tls(d->relay, &t);
}
