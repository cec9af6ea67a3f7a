/* A connection to a next hop: opened, spoken over by the SMTP client, kept for the next message to the same destination.
 *
 *   phase        waits for                        its time limit
 *   CONNECTING   TCP, or implicit TLS             connect_timeout
 *   GREETING     banner, EHLO; again after TLS     command_timeout
 *   SIGNING_IN   AUTH                             command_timeout
 *   IDLE         the next message                 idle_timeout, then QUIT
 *   MESSAGE      replies, or room to write        command_timeout
 *   AFTER_DOT    the reply to the final dot       data_timeout (RFC 5321 4.5.3.2.6: 10 minutes)
 */
#include <stdlib.h>
#include <string.h>

#include "relay/parts.h"

enum { UNSENT_MOST = 256 * 1024, MS = 1000, QUIT_PATIENCE = 10 * MS, SERVICE_CLOSING = 421 };

/* ---- life ----------------------------------------------------------------------------------------------------------- */
static void set_timer(struct hop *h, enum hop_phase phase)
{
    const struct config *c        = h->relay->config;
    const unsigned       limits[] = {
              [HOP_CONNECTING] = c->relay.connect_timeout, [HOP_GREETING] = c->relay.command_timeout,
              [HOP_SIGNING_IN] = c->relay.command_timeout, [HOP_IDLE] = c->relay.idle_timeout,
              [HOP_MESSAGE] = c->relay.command_timeout,    [HOP_AFTER_DOT] = c->relay.data_timeout,
    };
    h->phase = phase;
    h->moved = loop_now(h->relay->loop);
    timer_set(h->timer, (uint64_t)limits[phase] * MS);
}

void hop_close(struct hop *h)
{
    struct hop **at = &h->relay->hops;
    while (*at != h) at = &(*at)->next;
    *at = h->next;
    login_end(h);
    ipc_forget(h->relay->vault, h); /* a signature may be on its way */
    timer_close(h->timer);
    if (h->conn) conn_close(h->conn, h->quitting);
    free(h);
}

/* The hop is of no more use: tell its delivery, if it has one, and go. `why` is copied before the hop's memory goes. */
static void hop_fail(struct hop *h, struct result why, bool tls_failed)
{
    struct delivery *d = h->delivery;
    if (!d) {
        hop_close(h);
        return;
    }
    char           room[RESULT_TEXT_MOST];
    struct gp_text text  = GP_TEXT(room);
    bool           begun = h->started;
    bool           stale = h->reused && !begun;
    if (tls_failed) secure_missed(h, why.text);
    if (demand_is_lifted(&h->demand, h->via.tls) && (tls_failed || h->no_tls)) d->spared = true;
    if (secure_lacks(h, why.code)) { /* RFC 8689 4.2.1: it comes back, unless another host does better */
        why.lacks    = true;
        why.status   = GP_PERMFAIL;
        why.enhanced = GP_LIT("5.7.10");
    }
    down_failed(h, why.text, wall_now());
    secure_put_reason(h, &text, why.text);
    why.text     = delivery_keep(d, gp_said(&text));
    why.enhanced = delivery_keep(d, result_enhanced(why.code, why.enhanced));
    why.remote   = delivery_keep(d, gp_from(h->remote));
    why.tls      = delivery_keep(d, gp_from(h->tls));
    hop_close(h);
    if (stale) {
        delivery_stale_hop(d);
    } else if (!begun) {
        delivery_hop_failed(d, why, tls_failed);
    } else {
        d->hop = NULL;
        delivery_settle_rest(d, why);
        delivery_finish(d);
    }
}

static bool is_shaking_hands(const struct hop *h)
{
    return conn_tls(h->conn) && !gp_tls_shaken(conn_tls(h->conn));
}

static struct result temporary(const char *text)
{
    return (struct result) { .status = GP_TEMPFAIL, .enhanced = GP_LIT("4.4.2"), .text = gp_from(text) };
}

/* What we sign in with does not do: somebody mends that, and the message waits for it. */
static struct result our_own(const char *text)
{
    struct result why = temporary(text);
    why.ours          = true;
    return why;
}

/* RFC 3463 3.5, 3.8: no answer, no security, or a connection that broke. */
static struct result broken(const struct hop *h, const char *text)
{
    struct result why = temporary(text);
    if (is_shaking_hands(h))
        why.enhanced = GP_LIT("4.7.5");
    else if (h->phase == HOP_CONNECTING)
        why.enhanced = GP_LIT("4.4.1");
    return why;
}

static void leave(struct hop *h)
{
    h->quitting = true;
    gp_smtp_client_quit(&h->client);
    timer_set(h->timer, QUIT_PATIENCE); /* who does not answer QUIT is left without */
}

static void timed_out(void *owner)
{
    static const char *const what[] = {
        [HOP_CONNECTING] = "no connection within the time limit",
        [HOP_GREETING]   = "no greeting within the time limit",
        [HOP_SIGNING_IN] = "no answer to the sign-in within the time limit",
        [HOP_IDLE]       = "idle",
        [HOP_MESSAGE]    = "no reply within the time limit",
        [HOP_AFTER_DOT]  = "no reply to the end of the message within the time limit",
    };
    struct hop *h = owner;
    if (h->phase == HOP_IDLE && !h->quitting) {
        leave(h);
        hop_pump(h);
        return;
    }
    hop_fail(h, broken(h, what[h->phase]), is_shaking_hands(h));
}

/* ---- what the connection says ----------------------------------------------------------------------------------------- */
static void connected(void *owner, struct conn *conn)
{
    struct hop *h = owner;
    (void)conn;
    const char *why = h->plan.implicit_tls ? secure_begin(h) : NULL;
    if (why) {
        hop_fail(h, secure_presents(h) ? our_own(why) : temporary(why), false);
        return;
    }
    if (!h->plan.implicit_tls) set_timer(h, HOP_GREETING);
    hop_pump(h);
}

static void secured(void *owner, struct conn *conn)
{
    struct hop *h   = owner;
    const char *why = secure_done(h);
    (void)conn;
    if (why) {
        hop_fail(h, our_own(why), false);
        return;
    }
    gp_smtp_client_secured(&h->client);
    set_timer(h, HOP_GREETING);
    hop_pump(h);
}

static void has_input(void *owner, struct conn *conn)
{
    (void)conn;
    hop_pump(owner);
}

static void closed(void *owner, struct conn *conn, const char *why)
{
    struct hop *h = owner;
    (void)conn;
    struct result is = broken(h, why);
    is.ours          = h->unsigned_by_us;
    hop_fail(h, is, is_shaking_hands(h));
}

static void asked_to_sign(void *owner, struct conn *conn, const struct gp_tls_sign *wanted)
{
    (void)conn;
    secure_sign(owner, wanted);
}

static const struct conn_handler handler = {
    .connected = connected,
    .input     = has_input,
    .secured   = secured,
    .sign      = asked_to_sign,
    .drained   = has_input,
    .closed    = closed,
};

void hop_put_remote(struct gp_text *out, const struct sockaddr_storage *to, const char *host)
{
    gp_put_z(out, host);
    if (to->ss_family == AF_UNIX) return;
    gp_put_z(out, " [");
    address_put(out, to, true);
    gp_put_char(out, ']');
}

static void name_remote(struct hop *h, const struct sockaddr_storage *to, const char *host)
{
    struct gp_text text  = { .ptr = h->remote, .room = sizeof h->remote - 1 },
                   alone = { .ptr = h->to, .room = sizeof h->to - 1 };
    hop_put_remote(&text, to, host);
    if (to->ss_family != AF_UNIX) address_put(&alone, to, false);
    h->remote[text.len] = h->to[alone.len] = '\0';
}

bool hop_open(struct delivery *d, const struct sockaddr_storage *to, const char *host)
{
    const struct config    *c = d->relay->config;
    struct hop             *h = calloc(1, sizeof *h);
    struct sockaddr_storage from;
    if (!h) return false;
    bool bound     = d->way.route && config_source(d->way.route, to->ss_family, &from);
    h->via         = d->way.hop;
    bool smarthost = h->via.kind == RELAY_SMARTHOST;
    h->which       = config_login_for(c, d->way.route);
    bool sign_in   = smarthost && config_signs_in(c, h->which);
    h->demand      = d->route.demand;
    h->waived      = d->wish == WISH_WAIVES;
    h->opened      = loop_now(d->relay->loop);
    bool clear     = h->demand.level == DEMAND_CLEAR || d->in_clear;
    h->relay       = d->relay;
    h->plan        = (struct gp_smtp_plan) { .helo         = c->hostname,
                                             .use_tls      = !clear,
                                             .must_tls     = h->demand.level > DEMAND_OPPORTUNISTIC,
                                             .implicit_tls = smarthost && h->via.implicit_tls,
                                             .may_auth     = sign_in || config_presents(c, h->which),
                                             .must_auth    = sign_in,
                                             .lmtp         = h->via.lmtp };
    name_remote(h, to, host);
    down_begins(h, d, to, wall_now());
    gp_copy_z(gp_from(host), h->host, sizeof h->host);
    gp_copy_z(d->destination, h->destination, sizeof h->destination);
    memcpy(h->domain, d->route.domain, sizeof h->domain);
    h->has_fellows = d->route.host_count > 1;
    gp_smtp_client_init(&h->client, &h->plan);
    gp_smtp_client_lend(&h->client, &h->room);
    h->timer       = timer_open(d->relay->loop, timed_out, h);
    h->next        = d->relay->hops;
    d->relay->hops = h;
    h->conn        = h->timer ? conn_connect(d->relay->loop, to, bound ? &from : NULL, &handler, h) : NULL;
    if (!h->conn) {
        hop_close(h);
        return false;
    }
    h->delivery = d;
    d->hop      = h;
    set_timer(h, HOP_CONNECTING);
    return true;
}

/* ---- reuse ---------------------------------------------------------------------------------------------------------------- */
struct hop *hop_find_idle(const struct delivery *d)
{
    for (struct hop *h = d->relay->hops; h; h = h->next)
        if (h->phase == HOP_IDLE && !h->delivery && !h->quitting && h->messages < HOP_MESSAGES_MOST &&
            gp_same(gp_from(h->destination), d->destination) && wish_may_ride(d, h))
            return h;
    return NULL;
}

void hop_use(struct hop *h, struct delivery *d)
{
    h->delivery = d;
    h->reused   = true;
    d->hop      = h;
    d->reached  = true;
    hop_pump(h);
}

void hop_close_idle(struct relay *relay)
{
    for (struct hop *h = relay->hops, *next; h; h = next) {
        next = h->next;
        if (h->phase == HOP_IDLE && !h->delivery) timed_out(h);
    }
}

/* ---- what the client says ------------------------------------------------------------------------------------------------ */
enum verdict { GO_ON, STOP_HERE, GONE }; /* GONE: the hop is freed */

static gp_status status_of(struct hop *h, const struct gp_smtp_client_event *said)
{
    if (said->code >= 500 && !login_is_wanted(h, said) && !secure_is_unknown(h, said->enhanced, said->text))
        return GP_PERMFAIL;
    return said->code >= 400 || !said->code ? GP_TEMPFAIL : GP_OK;
}

static struct result reply_result(struct delivery *d, struct hop *h, const struct gp_smtp_client_event *ev)
{
    gp_status status = status_of(h, ev);
    return (struct result) { .status   = status,
                             .code     = ev->code,
                             .enhanced = delivery_keep(d, result_enhanced(ev->code, ev->enhanced)),
                             .remote   = delivery_keep(d, gp_from(h->remote)),
                             .tls      = delivery_keep(d, gp_from(h->tls)),
                             .text     = delivery_keep(d, ev->text),
                             .ours     = status == GP_TEMPFAIL && ev->code >= 500 && !secure_is_known(h) };
}

static enum verdict need_input(struct hop *h, const struct gp_smtp_client_event *ev)
{
    (void)ev;
    gp_str in = conn_input(h->conn);
    if (!in.len) return STOP_HERE;
    size_t taken = gp_smtp_client_feed(&h->client, in);
    conn_took(h->conn, taken);
    return taken ? GO_ON : STOP_HERE;
}

static enum verdict waiting(struct hop *h, const struct gp_smtp_client_event *ev)
{
    (void)ev;
    return gp_smtp_client_output(&h->client).len ? GO_ON : STOP_HERE;
}

static enum verdict starttls(struct hop *h, const struct gp_smtp_client_event *ev)
{
    const char *why = secure_begin(h);
    (void)ev;
    down_answered(h, wall_now());
    if (!why) return STOP_HERE;
    hop_fail(h, secure_presents(h) ? our_own(why) : temporary(why), true);
    return GONE;
}

static enum verdict auth(struct hop *h, const struct gp_smtp_client_event *ev)
{
    if (secure_will_do(h, ev->text)) {
        gp_smtp_client_skip_auth(&h->client);
        return GO_ON;
    }
    h->plan.must_auth = true; /* it was offered to us: without it this server is told of no message */
    set_timer(h, HOP_SIGNING_IN);
    login_start(h, ev->text);
    return STOP_HERE;
}

static enum verdict auth_more(struct hop *h, const struct gp_smtp_client_event *ev)
{
    login_line(h, ev->text);
    return STOP_HERE;
}

static enum verdict authed(struct hop *h, const struct gp_smtp_client_event *ev)
{
    (void)ev;
    h->fate = LOGIN_ACCEPTED;
    login_end(h);
    if (h->believed) return GO_ON;
    LOG(LOG_ERROR, "upstream", LOG_Z("host", h->host),
        LOG_Z("reason", "the next hop let us in without proof that it knows the password: it gets no mail"));
    hop_fail(h, our_own("the next hop did not prove that it knows our password"), false);
    return GONE;
}

static enum verdict ready(struct hop *h, const struct gp_smtp_client_event *ev)
{
    (void)ev;
    struct delivery *d   = h->delivery;
    struct gp_reply  why = { 0 };
    down_answered(h, wall_now());
    if (gp_smtp_client_heard_unasked(&h->client) || conn_input(h->conn).len > 0) { /* it is no reply to MAIL */
        hop_fail(h, temporary("the next hop sent a reply that nobody had asked for"), false);
        return GONE;
    }
    if (!d && (h->relay->stop || h->messages >= HOP_MESSAGES_MOST) && !h->quitting) {
        leave(h);
        return GO_ON;
    }
    if (!d) {
        if (h->phase != HOP_IDLE) set_timer(h, HOP_IDLE);
        return STOP_HERE;
    }
    h->started = false;
    if (!wish_may_go(d, h)) {
        wish_go_elsewhere(h);
        return GO_ON;
    }
    gp_status fit = seven_fit(d, gp_smtp_client_offers(&h->client), &why);
    if (fit == GP_WAIT) {
        set_timer(h, HOP_MESSAGE);
        return STOP_HERE;
    }
    h->given = h->chunk_len = h->chunk_at = 0;
    h->body_at                            = 0;
    h->messages++;
    set_timer(h, HOP_MESSAGE);
    if (h->plan.use_tls && !conn_tls(h->conn)) secure_missed(h, GP_LIT("the server does not offer STARTTLS"));
    d->reached = true; /* not before: who greets with 421 or refuses our sign-in would do so to the next message, too */
    if (fit == GP_OK && onward_mail(h, d, &why)) return GO_ON;
    onward_refuse(h, d, why);
    return GO_ON;
}

static enum verdict next_rcpt(struct hop *h, const struct gp_smtp_client_event *ev)
{
    (void)ev;
    struct delivery *d = h->delivery;
    while (d && h->given < d->count && d->recipients[h->given].left_out) h->given++;
    if (!d || h->given == d->count) {
        gp_smtp_client_no_more_rcpts(&h->client);
        return GO_ON;
    }
    char                    room[GP_SMTP_COMMAND_MOST];
    struct gp_text          params = GP_TEXT(room);
    const struct recipient *r      = &d->recipients[h->given];
    onward_params(d, r, gp_smtp_client_offers(&h->client), &params);
    if (!gp_smtp_client_rcpt(&h->client, r->address, gp_said(&params)))
        return gp_smtp_client_output(&h->client).len ? GO_ON : STOP_HERE;
    h->given++;
    return GO_ON;
}

/* The recipient that was named as number `index`; NULL: there is none. */
static struct recipient *named(const struct delivery *d, size_t index)
{
    for (size_t i = 0; d && i < d->count; i++)
        if (!d->recipients[i].left_out && !index--) return &d->recipients[i];
    return NULL;
}

static enum verdict rcpt_reply(struct hop *h, const struct gp_smtp_client_event *ev)
{
    struct delivery *d = h->delivery;
    h->started         = true;
    set_timer(h, HOP_MESSAGE); /* each reply is given its time, not each octet of it */
    struct recipient *r = named(d, ev->index);
    if (!r) return GO_ON;
    if (ev->code / 100 == 2) {
        r->accepted = true;
        if (h->presented) h->relay->ours[h->which].knows_us = h->generation;
        return GO_ON;
    }
    r->settled = true;
    r->result  = reply_result(d, h, ev);
    /* RFC 5321 4.5.3.1.10: 552 to RCPT is how old servers say "too many recipients" (5.5.3), unless they say that it is something else. */
    if (ev->code == 552 && (!ev->enhanced.len || gp_is(ev->enhanced, "5.5.3"))) r->result.status = GP_TEMPFAIL;
    return GO_ON;
}

static enum verdict send_body(struct hop *h, const struct gp_smtp_client_event *ev)
{
    (void)ev;
    if (conn_unsent(h->conn) > UNSENT_MOST) return STOP_HERE;
    h->started = true;
    if (h->chunk_at == h->chunk_len) {
        h->chunk_at = 0;
        if (!message_read(h->delivery, h->body_at, h->chunk, sizeof h->chunk, &h->chunk_len)) {
            LOG(LOG_ERROR, "relay", LOG_S("queue_id", h->delivery->queue_id),
                LOG_Z("reason", "the message is shorter than it was, or cannot be read"),
                LOG_Z("hint",
                      "restore its file in queue/bodies from a backup, or delete it with `gatepost queue delete`"));
            hop_fail(h, temporary("the message could not be read from the queue"), false);
            return GONE;
        }
        h->body_at += h->chunk_len;
    }
    if (h->chunk_len == 0) {
        if (gp_smtp_client_done(&h->client)) set_timer(h, HOP_AFTER_DOT);
        return GO_ON;
    }
    gp_str rest = gp_tail((gp_str) { h->chunk, h->chunk_len }, h->chunk_at);
    h->chunk_at += gp_smtp_client_body(&h->client, rest);
    if (h->phase == HOP_MESSAGE) set_timer(h, HOP_MESSAGE);
    return GO_ON;
}

/* RFC 2033 4.2: the next of those that were accepted. */
static enum verdict final_reply(struct hop *h, const struct gp_smtp_client_event *ev)
{
    struct delivery *d = h->delivery;
    set_timer(h, HOP_AFTER_DOT);
    for (size_t i = 0; d && i < d->count; i++) {
        struct recipient *r = &d->recipients[i];
        if (!r->accepted || r->settled) continue;
        r->settled = true;
        r->result  = reply_result(d, h, ev);
        onward_note(h, &r->result);
        break;
    }
    return GO_ON;
}

static enum verdict message_reply(struct hop *h, const struct gp_smtp_client_event *ev)
{
    struct delivery *d = h->delivery;
    down_settled(h, wall_now());
    h->delivery = NULL;
    if (!d) return GO_ON;
    d->hop             = NULL;
    struct result said = reply_result(d, h, ev);
    onward_note(h, &said);
    delivery_settle_rest(d, said);
    delivery_finish(d);
    return GO_ON;
}

static enum verdict failed(struct hop *h, const struct gp_smtp_client_event *ev)
{
    bool signing_in = h->phase == HOP_SIGNING_IN;
    if (ev->code == SERVICE_CLOSING)
        down_is_full(h);
    else if (ev->code || ev->no_tls)
        down_answered(h, wall_now());
    char           room[RESULT_TEXT_MOST];
    struct gp_text reply = GP_TEXT(room);
    gp_put_masked(&reply, &h->mask, ev->text);
    if (signing_in && !h->why[0]) /* else login.c has said that it is us who do not sign in, and why */
        LOG(LOG_ERROR, "upstream", LOG_Z("host", h->host), LOG_N("code", ev->code), LOG_S("reply", gp_said(&reply)),
            LOG_Z(
                "reason",
                "the next hop refused our sign-in: mail waits; see user, and password_file, token_file, provider or certificate_file, of relay or of the route"));
    /* RFC 4954 6: 535, 534 and 538 have their reasons, and some servers have others. */
    if (signing_in && ev->code >= 500) h->fate = LOGIN_REFUSED;
    /* A smarthost that does not let us in is a set-up that somebody mends; no message is to blame. */
    bool          final     = !ev->temporary && !signing_in && h->via.kind == RELAY_MX;
    bool          clear     = h->plan.must_tls && !conn_tls(h->conn) && ev->temporary && ev->code / 100 != 4;
    bool          no_way_in = h->plan.must_auth && !ev->code && h->phase == HOP_GREETING && !clear;
    struct result why       = { .status   = final ? GP_PERMFAIL : GP_TEMPFAIL,
                                .code     = ev->code,
                                .enhanced = ev->enhanced,
                                .text     = gp_said(&reply),
                                .ours     = signing_in || no_way_in };
    h->no_tls               = ev->no_tls;
    if (no_way_in) login_not_offered(h);
    if (signing_in && h->why[0]) why.text = gp_from(h->why);
    if (clear) {
        why.enhanced = GP_LIT("4.7.4"); /* RFC 3463 3.8: TLS is required and was not to be had */
        secure_missed(h, why.text);
    }
    /* RFC 5321 3.8: 421, to whatever command, says that the host is going: the next message would hear it, too. */
    if (ev->code == SERVICE_CLOSING && h->delivery && !h->started) h->delivery->reached = false;
    hop_fail(h, why, false);
    return GONE;
}

static enum verdict end(struct hop *h, const struct gp_smtp_client_event *ev)
{
    (void)ev;
    h->quitting = true;
    hop_fail(h, temporary("the next hop closed the session"), false);
    return GONE;
}

static enum verdict (*const react[])(struct hop *, const struct gp_smtp_client_event *) = {
    [GP_CLIENT_NEED_INPUT]    = need_input,
    [GP_CLIENT_WAITING]       = waiting,
    [GP_CLIENT_STARTTLS]      = starttls,
    [GP_CLIENT_AUTH]          = auth,
    [GP_CLIENT_AUTH_MORE]     = auth_more,
    [GP_CLIENT_AUTHED]        = authed,
    [GP_CLIENT_READY]         = ready,
    [GP_CLIENT_NEXT_RCPT]     = next_rcpt,
    [GP_CLIENT_RCPT_REPLY]    = rcpt_reply,
    [GP_CLIENT_SEND_BODY]     = send_body,
    [GP_CLIENT_FINAL_REPLY]   = final_reply,
    [GP_CLIENT_MESSAGE_REPLY] = message_reply,
    [GP_CLIENT_FAILED]        = failed,
    [GP_CLIENT_CLOSE]         = end,
};

void hop_pump(struct hop *h)
{
    enum verdict verdict = GO_ON;
    while (verdict == GO_ON) {
        struct gp_smtp_client_event ev = gp_smtp_client_next(&h->client);
        verdict                        = react[ev.kind](h, &ev);
        if (verdict == GONE) return;
        gp_str out = gp_smtp_client_output(&h->client);
        if (!out.len) continue;
        if (!conn_write(h->conn, out)) {
            hop_fail(h, temporary("the connection was lost"), false);
            return;
        }
        gp_smtp_client_sent(&h->client, out.len);
    }
}
