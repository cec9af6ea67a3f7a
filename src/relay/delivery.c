/* One message on its way to one destination: signed, routed, tried host by host, and answered.
 *
 *   state       what it waits for                      goes on in
 *   signing     vault's keys and signatures            delivery_signed
 *   routing     DNS                                    delivery_routed
 *   under way   its hop                                hop.c, then delivery_finish or delivery_hop_failed
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "relay/parts.h"

/* ---- birth and end -------------------------------------------------------------------------------------------- */
static size_t count_lines(gp_str text)
{
    size_t lines = 0;
    for (size_t i = 0; i < text.len; i++) lines += text.ptr[i] == '\n';
    return lines;
}

static bool read_recipients(struct delivery *d, gp_str lines)
{
    d->count = count_lines(lines);
    if (!d->count || d->count > RECIPIENTS_MOST) return false;
    d->recipients = gp_arena_take(&d->arena, d->count * sizeof *d->recipients);
    if (!d->recipients) return false;
    memset(d->recipients, 0, d->count * sizeof *d->recipients);
    for (size_t i = 0; i < d->count; i++) {
        gp_str line              = gp_cut(&lines, '\n');
        d->recipients[i].address = gp_cut(&line, '\t');
        d->recipients[i].params  = line;
        if (!d->recipients[i].address.len) return false;
    }
    return true;
}

static bool read_deliver(struct delivery *d, const struct msg_deliver *in)
{
    d->attempt     = in->attempt;
    d->size        = in->size;
    d->foreign     = in->foreign != 0;
    d->queue_id    = gp_arena_copy(&d->arena, in->queue_id);
    d->destination = gp_arena_copy(&d->arena, in->destination);
    d->sender      = gp_arena_copy(&d->arena, in->sender);
    d->params      = gp_arena_copy(&d->arena, in->params);
    d->body        = gp_arena_copy(&d->arena, in->body);
    gp_str lines   = gp_arena_copy(&d->arena, in->recipients);
    bool   whole   = d->fd >= 0 ? in->body.len == 0 : in->body.len == in->size;
    d->wish        = whole ? wish_of(d) : WISH_NOTHING;
    return whole && lines.ptr && d->body.ptr && d->params.ptr && read_recipients(d, lines);
}

void delivery_open(struct relay *relay, struct msg *m)
{
    struct delivery *d  = calloc(1, sizeof *d);
    struct msg       no = MSG(DELIVERED);
    if (!d || relay->stop) {
        free(d);
        no.delivered.attempt   = m->deliver.attempt;
        no.delivered.host_down = HOST_DOWN; /* with no results: not tried */
        ipc_answer(relay->queue, m->question, &no);
        return;
    }
    d->relay          = relay;
    d->question       = m->question;
    d->fd             = m->fds[0];
    m->fds[0]         = -1;
    d->arena.most     = DELIVERY_TEXT_MOST;
    d->down           = GP_TEXT(d->down_room);
    d->next           = relay->deliveries;
    relay->deliveries = d;
    bool read         = read_deliver(d, &m->deliver);
    if (read && config_read_destination(relay->config, d->destination, &d->way)) {
        sign_start(d);
        return;
    }
    if (read) {
        delivery_settle_rest(
            d, (struct result) { .status   = GP_TEMPFAIL,
                                 .enhanced = GP_LIT("4.3.5"),
                                 .text     = GP_LIT("its route is not in gatepost.yml any more: restart gatepost") });
        delivery_finish(d);
        return;
    }
    LOG(LOG_ERROR, "relay", LOG_N("attempt", m->deliver.attempt), LOG_Z("reason", "a delivery that cannot be read"));
    d->count = 0;
    delivery_finish(d);
}

static void unlink_delivery(struct delivery *d)
{
    struct delivery **at = &d->relay->deliveries;
    while (*at != d) at = &(*at)->next;
    *at = d->next;
}

static void free_delivery(struct delivery *d)
{
    unlink_delivery(d);
    ipc_forget(d->relay->vault, d);
    route_close(&d->route);
    sign_forget(d);
    seven_close(d);
    if (d->fd >= 0) close(d->fd);
    gp_arena_reset(&d->arena);
    free(d);
}

static enum host_word word_of_hosts(const struct delivery *d)
{
    if (d->reached || !d->count) return HOST_ANSWERED;
    if (d->spared) return HOST_UNASKED;
    return d->recipients[0].result.status == GP_TEMPFAIL ? HOST_DOWN : HOST_ANSWERED;
}

/* From every host that it has, without a try of its own. */
static bool is_barred(const struct delivery *d)
{
    return d->shut.again && !d->reached && d->last.status == GP_OK;
}

static void name_hosts(const struct delivery *d, struct msg *m)
{
    if (is_barred(d)) m->delivered.again = (uint64_t)d->shut.again;
    m->delivered.host = gp_said(&d->down);
}

void delivery_finish(struct delivery *d)
{
    size_t room = 64;
    for (size_t i = 0; i < d->count; i++) {
        const struct result *r = &d->recipients[i].result;
        room += r->enhanced.len + r->remote.len + r->tls.len + r->text.len + 64;
    }
    struct msg     m       = MSG(DELIVERED);
    char          *lines   = malloc(room);
    struct gp_text results = { .ptr = lines, .room = lines ? room : 0 };
    results_put(&results, d->recipients, d->count);
    m.delivered.attempt   = d->attempt;
    m.delivered.host_down = word_of_hosts(d);
    m.delivered.results   = results.cut ? GP_NONE : gp_said(&results);
    if (m.delivered.host_down == HOST_DOWN || is_barred(d)) name_hosts(d, &m);
    ipc_answer(d->relay->queue, d->question, &m);
    free(lines);
    if (d->hop) d->hop->delivery = NULL;
    free_delivery(d);
}

void delivery_abandon_all(struct relay *relay)
{
    struct delivery *next;
    for (struct delivery *d = relay->deliveries; d; d = next) {
        struct hop *h = d->hop;
        next          = d->next;
        if (h) {
            h->delivery = NULL;
            hop_close(h); /* in the middle of a message: the far end sees no final dot */
        }
        free_delivery(d);
    }
}

/* With no results: not tried. `waits`: others wait for an answer of its hosts already, and what that is will be known soon. */
static void put_off(struct delivery *d, bool waits)
{
    struct msg m          = MSG(DELIVERED);
    m.delivered.attempt   = d->attempt;
    m.delivered.host_down = HOST_DOWN;
    if (waits) name_hosts(d, &m);
    ipc_answer(d->relay->queue, d->question, &m);
    if (d->hop) {
        d->hop->delivery = NULL;
        hop_close(d->hop);
    }
    free_delivery(d);
}

/* The next life tries it at once, and the stop need not wait for DNS or a far connection. */
void delivery_put_off_unsent(struct relay *relay)
{
    struct delivery *next;
    for (struct delivery *d = relay->deliveries; d; d = next) {
        next = d->next;
        if (!d->hop || d->hop->phase == HOP_CONNECTING) put_off(d, false);
    }
}

/* ---- verdicts --------------------------------------------------------------------------------------------------- */
gp_str delivery_keep(struct delivery *d, gp_str text)
{
    gp_str kept = gp_arena_copy(&d->arena, gp_head(text, RESULT_TEXT_MOST));
    return kept.ptr ? kept : GP_LIT("(no room for the reply)");
}

void delivery_settle_rest(struct delivery *d, struct result why)
{
    for (size_t i = 0; i < d->count; i++) {
        if (d->recipients[i].settled) continue;
        d->recipients[i].settled = true;
        d->recipients[i].result  = why;
        /* A yes to the message is none to a recipient that was not taken before. */
        if (why.status == GP_OK && !d->recipients[i].accepted) d->recipients[i].result.status = GP_TEMPFAIL;
    }
}

/* ---- the way ------------------------------------------------------------------------------------------------------ */
void delivery_signed(struct delivery *d)
{
    if (seven_signed(d)) return;
    struct hop *idle = hop_find_idle(d);
    if (idle)
        hop_use(idle, d);
    else
        route_start(&d->route, d);
}

/* RFC 8689 4.2.1: it comes back where no host has what it requires. What one lacks, it lacks at all of its addresses, whatever comes of others of
 * them; but another host that fails for now may have it. */
static bool is_lacking(const struct delivery *d)
{
    return d->lacking && !(d->passing & ~d->lacking) && !d->route.dns_trouble;
}

static void rank(struct delivery *d, struct result why)
{
    const unsigned host = 1U << d->route.host_at;
    if (why.lacks) d->lack = why;
    if (why.lacks) d->lacking |= host;
    if (why.status == GP_TEMPFAIL) d->passing |= host;
}

/* A no is final only when every host has said so: one that could not be asked may say yes tomorrow. */
static void none_left(struct delivery *d)
{
    struct result why = d->last.status == GP_OK ? d->route.reason : d->last;
    if (is_lacking(d)) {
        delivery_settle_rest(d, d->lack);
        return delivery_finish(d);
    }
    if (is_barred(d) && !d->shut.failed_at) return put_off(d, true);
    if (is_barred(d) || (why.lacks && d->shut.failed_at)) why = down_result(d);
    if (d->route.dns_trouble && why.status == GP_PERMFAIL && !why.code) why.enhanced = GP_LIT("4.4.3");
    if (d->route.dns_trouble || d->shut.again) why.status = GP_TEMPFAIL;
    delivery_settle_rest(d, why);
    delivery_finish(d);
}

/* What lies with our own sign-in is kept: mail waits for that, however long, and people are shown it. */
static void note_failure(struct delivery *d, struct result why)
{
    rank(d, why);
    if (d->last.ours && !why.ours) return;
    if (d->last.status != GP_TEMPFAIL || why.status == GP_TEMPFAIL) d->last = why;
}

void delivery_routed(struct delivery *d)
{
    struct sockaddr_storage to;
    const char             *host;
    for (;;) {
        gp_status status = route_next(&d->route, &to, &host);
        if (status == GP_WAIT) return;
        if (status != GP_OK) {
            none_left(d);
            return;
        }
        if (down_bars(d, &to, host, wall_now())) {
            rank(d, (struct result) { .status = GP_TEMPFAIL });
            continue;
        }
        if (hop_open(d, &to, host)) return;
        note_failure(d, (struct result) { .status   = GP_TEMPFAIL,
                                          .enhanced = GP_LIT("4.3.2"),
                                          .text     = GP_LIT("no memory or descriptors for a connection") });
    }
}

/* RFC 7435: clear text beats nothing where no policy demands TLS; but never for a password. */
static bool may_go_clear(const struct delivery *d)
{
    const struct config     *c        = d->relay->config;
    const struct config_hop *hop      = &d->way.hop;
    bool                     signs_in = config_signs_in(c, config_login_for(c, d->way.route));
    if (hop->kind == RELAY_SMARTHOST && (signs_in || hop->implicit_tls)) return false;
    return d->route.demand.level == DEMAND_OPPORTUNISTIC && !d->in_clear;
}

/* A host that could not be used: the next one gets its turn, whatever the first one said (RFC 5321 5.1). */
void delivery_hop_failed(struct delivery *d, struct result why, bool tls_failed)
{
    d->hop = NULL;
    note_failure(d, why);
    LOG(LOG_INFO, "attempt", LOG_S("queue_id", d->queue_id), LOG_S("remote", why.remote), LOG_N("code", why.code),
        LOG_S("reason", why.text));
    if (why.ours &&
        why.code >= 500) { /* RFC 4954 6: not us; the other addresses of that server would count one more guess each */
        none_left(d);
        return;
    }
    d->in_clear = tls_failed && may_go_clear(d); /* for this address alone; the next one is asked for TLS again */
    if (d->in_clear)
        route_repeat(&d->route);
    else if (d->way.route && d->way.hop.kind == RELAY_SMARTHOST &&
             why.status != GP_PERMFAIL) /* else it is fit for other mail */
        route_ails(d->relay, &d->way.hop);
    delivery_routed(d);
}

void delivery_stale_hop(struct delivery *d)
{
    d->hop     = NULL;
    d->reached = false; /* by this attempt */
    route_start(&d->route, d);
}
