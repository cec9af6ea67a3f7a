/* One client: carries bytes between its connection and its SMTP session, and each event to the file that handles it.
 *
 *   HANDSHAKE   TLS is being set up (port 465 from the start, else behind STARTTLS): the SMTP session waits
 *   TALKING     the SMTP session says what is next
 *   PAUSED      a body waits for the file that takes it: nothing is read
 *   LEAVING     the last reply is said: flushed, closed
 */
#include "submit/parts.h"

#include <stdlib.h>
#include <sys/socket.h>

enum { UNSENT_MOST = 64 * 1024, ANSWER_MOST = 600 };

enum turn { AGAIN, LATER, GONE };

/* ---- room, input, output ------------------------------------------------------------------------------------------------- */
static bool have_room(struct session *s)
{
    if (s->room) return true;
    s->room = rooms_take(&s->submit->rooms);
    if (s->room) gp_smtp_server_lend(&s->smtp, s->room);
    return s->room != NULL;
}

static void give_room_back(struct session *s)
{
    if (!s->room || !gp_smtp_server_take_back(&s->smtp)) return;
    rooms_give(&s->submit->rooms, s->room);
    s->room = NULL;
}

static void feed(struct session *s)
{
    gp_str input = conn_input(s->conn);
    if (input.len == 0 || !have_room(s)) return;
    conn_took(s->conn, gp_smtp_server_feed(&s->smtp, input));
}

static bool flush(struct session *s, size_t *sent)
{
    gp_str said = gp_smtp_server_output(&s->smtp);
    *sent       = said.len;
    if (said.len == 0) return true;
    bool written = conn_write(s->conn, said);
    gp_smtp_server_sent(&s->smtp, said.len);
    return written;
}

/* A client that does not listen is not listened to. */
static bool is_deaf(const struct session *s)
{
    return conn_unsent(s->conn) > UNSENT_MOST;
}

/* ---- events ---------------------------------------------------------------------------------------------------------------- */
static void on_reset(struct session *s, const struct gp_smtp_event *ev)
{
    (void)ev;
    mail_forget(s);
}

static void on_notice(struct session *s, const struct gp_smtp_event *ev)
{
    const struct gp_smtp_refusal *no = gp_smtp_server_refusal(&s->smtp);
    struct refusal                r  = { no->code, no->incident, ev->text, ev->text, ev->more };
    if (gp_same(ev->more, GP_LIT("AUTH"))) {
        signin_refused(s, gp_from(no->incident), ev->text);
        signin_stray(s);
    } else {
        refusal_log(s, &r);
    }
    if (no->incident[0]) refusal_tell(s, &r);
}

static void on_starttls(struct session *s, const struct gp_smtp_event *ev)
{
    (void)ev;
    static const struct gp_reply yes = { 220, "2.0.0", "go ahead" }, no = { 454, "4.7.0", "TLS is not available now" };
    char                         room[REFUSAL_ROOM];
    s->starting_tls = keyring_for(&s->submit->keyring, s->port->listen) != NULL;
    session_answer(s, s->starting_tls ? yes : refusal_of(s, no, GP_LIT("there is no certificate"), room));
}

/* clang-format off */
static void (*const handlers[GP_SMTP_KINDS])(struct session *, const struct gp_smtp_event *) = {
    [GP_SMTP_BODY]      = intake_piece,
    [GP_SMTP_RESET]     = on_reset,
    [GP_SMTP_NOTICE]    = on_notice,
    [GP_SMTP_STARTTLS]  = on_starttls,
    [GP_SMTP_AUTH]      = signin_start,
    [GP_SMTP_AUTH_MORE] = signin_line,
    [GP_SMTP_MAIL]      = mail_from,
    [GP_SMTP_RCPT]      = mail_to,
    [GP_SMTP_DATA]      = intake_open,
    [GP_SMTP_END]       = intake_end,
    [GP_SMTP_MINE]      = mine_ask,
};
/* clang-format on */

void session_answer(struct session *s, struct gp_reply reply)
{
    gp_smtp_server_answer(&s->smtp, reply);
}

/* ---- TLS --------------------------------------------------------------------------------------------------------------------- */
static bool shake_hands(struct session *s)
{
    struct gp_tls_context *x   = keyring_for(&s->submit->keyring, s->port->listen);
    struct gp_tls         *tls = x ? gp_tls_accept(x) : NULL;
    s->starting_tls            = false;
    s->generation              = s->submit->keyring.generation;
    if (tls && s->port->listen->asks) gp_tls_ask_peer(tls);
    return tls && conn_secure(s->conn, tls);
}

static void on_secured(void *owner, struct conn *conn)
{
    struct session *s    = owner;
    struct gp_tls  *tls  = conn_tls(conn);
    gp_str          name = gp_tls_server_name(tls);
    LOG(LOG_INFO, "tls", LOG_N("session", s->id), LOG_Z("peer", s->peer), LOG_Z("version", gp_tls_version(tls)),
        LOG_Z("cipher", gp_tls_cipher(tls)), LOG_Z("resumed", gp_tls_resumed(tls) ? "yes" : "no"), LOG_S("name", name),
        LOG_S("client_certificate", gp_tls_has_peer(tls) ? GP_LIT("presented") : GP_NONE));
    bool greeted = !config_listens_in_tls(s->port->listen);
    s->secured   = true;
    gp_smtp_server_offer(&s->smtp, offers_for(s->port, tls));
    gp_smtp_server_secured(&s->smtp);
    if (!greeted && have_room(s)) gp_smtp_server_greet(&s->smtp);
    session_pump(s);
}

static void signature_made(void *owner, gp_status status, const struct msg *m)
{
    struct session *s    = owner;
    bool            made = status == GP_OK && m->type == MSG_TLS_SIGNED && m->tls_signed.status == GP_OK;
    conn_signed(s->conn, made ? m->tls_signed.signature : GP_LIT(""));
}

static void on_sign(void *owner, struct conn *conn, const struct gp_tls_sign *wanted)
{
    struct session *s = owner;
    struct msg      m = MSG(TLS_SIGN);
    (void)conn;
    m.tls_sign = (struct msg_tls_sign) {
        .certificate = wanted->certificate, .generation = s->generation, .how = wanted->how, .data = wanted->data
    };
    ipc_ask(s->submit->vault, &m, signature_made, s);
}

/* ---- the pump ---------------------------------------------------------------------------------------------------------------- */
static enum turn turn(struct session *s)
{
    size_t sent;
    if (is_deaf(s)) return LATER;
    feed(s);
    struct gp_smtp_event ev = gp_smtp_server_next(&s->smtp);
    if (handlers[ev.kind]) {
        handlers[ev.kind](s, &ev);
        return s->paused ? LATER : AGAIN;
    }
    if (!flush(s, &sent)) {
        session_close(s, "the connection broke");
        return GONE;
    }
    if (ev.kind == GP_SMTP_CLOSE) {
        session_close(s, "ended");
        return GONE;
    }
    if (ev.kind == GP_SMTP_NEED_INPUT) return s->room && conn_input(s->conn).len > 0 ? AGAIN : LATER;
    if (sent > 0) return AGAIN;
    if (!s->starting_tls || shake_hands(s)) return LATER;
    session_close(s, "TLS could not be started");
    return GONE;
}

void session_pump(struct session *s)
{
    enum turn now = AGAIN;
    if (!is_deaf(s)) s->active = loop_now(s->submit->loop);
    while (now == AGAIN && !s->paused) now = turn(s); /* in this order: it may be gone */
    if (now != GONE) give_room_back(s);
}

static void on_input(void *owner, struct conn *conn)
{
    (void)conn;
    session_pump(owner);
}

static void on_closed(void *owner, struct conn *conn, const char *why)
{
    (void)conn;
    session_close(owner, why);
}

static const struct conn_handler handler = {
    .input = on_input, .secured = on_secured, .sign = on_sign, .drained = on_input, .closed = on_closed
};

/* ---- the end ------------------------------------------------------------------------------------------------------------------- */
/* The last word waits behind what a deaf client does not take, so it gets none; not before an answer that it is owed. */
static bool is_past_telling(const struct session *s, bool now)
{
    enum gp_smtp_state state = gp_smtp_server_state(&s->smtp);
    bool               owed  = state == GP_SMTP_ANSWERING || state == GP_SMTP_IN_BODY;
    return is_deaf(s) && (now || !owed);
}

void session_end(struct session *s, struct gp_reply reply, bool now)
{
    bool handshake = !s->secured && (s->starting_tls || conn_tls(s->conn));
    if (handshake || is_past_telling(s, now) || !have_room(s)) {
        session_close(s, reply.text);
        return;
    }
    gp_smtp_server_end(&s->smtp, reply, now);
    s->paused = s->paused && !now;
    session_pump(s);
}

/* RFC 5321 4.5.3.2.7; who has not signed in gets less time, however busy it keeps itself. */
void session_sweep(struct session *s, gp_time now)
{
    static const struct gp_reply silent = { 421, "4.4.2", "silent for too long" };
    static const struct gp_reply slow   = { 421, "4.4.2", "it took too long to sign in" };
    const struct config         *c      = s->submit->config;
    const unsigned               most[] = {
                      [GP_SMTP_COMMANDS] = c->limits.command_timeout, [GP_SMTP_SIGNING_IN] = c->limits.sign_in_timeout,
                      [GP_SMTP_IN_BODY] = c->limits.data_timeout,     [GP_SMTP_ANSWERING] = ANSWER_MOST,
                      [GP_SMTP_ENDED] = c->limits.command_timeout,
    };
    gp_time limit = (gp_time)most[gp_smtp_server_state(&s->smtp)] * MS;
    if (!s->signed_in && now - s->opened > (gp_time)c->limits.sign_in_timeout * MS)
        session_end(s, slow, true);
    else if (now - s->active > limit)
        session_end(s, silent, true);
}

static void unlink_session(struct session *s)
{
    struct submit *role = s->submit;
    if (s->next) s->next->previous = s->previous;
    if (s->previous)
        s->previous->next = s->next;
    else
        role->sessions = s->next;
}

static void drop_room(struct session *s)
{
    if (!s->room) return;
    gp_wipe(s->room, sizeof *s->room);
    rooms_give(&s->submit->rooms, s->room);
}

void session_close(struct session *s, const char *why)
{
    struct submit *role = s->submit;
    LOG(LOG_INFO, "session", LOG_N("session", s->id), LOG_Z("peer", s->peer), LOG_Z("state", "closed"),
        LOG_Z("reason", why), LOG_S("account", s->signed_in ? gp_from(s->user) : GP_NONE),
        LOG_N("messages", s->accepted), LOG_N("ms", loop_now(role->loop) - s->opened));
    signin_abort(s);
    ipc_forget(role->vault, s);
    mail_forget(s);
    if (s->conn) conn_close(s->conn, true);
    limits_leave(&role->limits, s->counted);
    unlink_session(s);
    drop_room(s);
    gp_wipe(s, sizeof *s);
    free(s);
    submit_session_ended(role);
}

/* ---- the beginning ------------------------------------------------------------------------------------------------------------- */
static void link_session(struct session *s)
{
    struct submit *role = s->submit;
    s->id               = submit_next_session(role);
    s->next             = role->sessions;
    if (s->next) s->next->previous = s;
    role->sessions = s;
}

/* RFC 5321 3.8: whom we can't serve is told so, where it can be told in clear. */
static void turn_away(struct port *port, int fd, const struct gp_reply *why)
{
    static const struct conn_handler nobody = { 0 };
    char                             line[GP_SMTP_REPLY_MOST];
    struct gp_text                   text = GP_TEXT(line);
    struct conn                     *conn = conn_accepted(port->submit->loop, fd, &nobody, NULL);
    if (!conn) return;
    gp_put_number(&text, why->code);
    gp_put_char(&text, ' ');
    gp_put_z(&text, why->enhanced);
    gp_put_char(&text, ' ');
    gp_put_z(&text, why->text);
    gp_put_z(&text, "\r\n");
    bool told = !config_listens_in_tls(port->listen) && conn_write(conn, gp_said(&text));
    conn_close(conn, told);
}

static void peer_of(int fd, struct sockaddr_storage *address, char out[static NET_ADDRESS_ROOM])
{
    socklen_t      length = sizeof *address;
    struct gp_text text   = { .ptr = out, .room = NET_ADDRESS_ROOM - 1 };
    *address              = (struct sockaddr_storage) { 0 };
    if (getpeername(fd, (struct sockaddr *)address, &length) == 0) {
        address_unmap(address);
        address_put(&text, address, false);
    }
    out[text.len] = '\0';
}

static void begin(struct session *s)
{
    bool implicit = config_listens_in_tls(s->port->listen);
    LOG(LOG_INFO, "session", LOG_N("session", s->id), LOG_Z("peer", s->peer), LOG_Z("state", "open"),
        LOG_Z("listener", s->port->listen->address));
    if (config_listens_in_clear(s->port->listen)) gp_smtp_server_offer(&s->smtp, offers_for(s->port, NULL));
    if (!implicit && have_room(s)) gp_smtp_server_greet(&s->smtp);
    if (!implicit)
        session_pump(s);
    else if (!shake_hands(s))
        session_close(s, "TLS could not be started");
}

/* Who is outside of a listener's networks is told so before it costs anything; under TLS from the first octet it cannot be told. */
static bool is_stranger(const struct config_listen *l, const char *peer)
{
    return l->kind == LISTEN_LEGACY && !lane_admits(&l->lane, gp_from(peer));
}

void session_open(struct port *port, int fd)
{
    static const struct gp_reply stranger  = { LANE_STRANGER_CODE, LANE_STRANGER_ENHANCED, LANE_STRANGER };
    static const struct gp_reply no_memory = { 421, "4.3.2", "no memory now, try again later" };
    struct submit               *role      = port->submit;
    struct sockaddr_storage      address;
    char                         peer[NET_ADDRESS_ROOM], room[REFUSAL_ROOM];
    struct address_count        *counted = NULL;
    peer_of(fd, &address, peer);
    const struct gp_reply *no =
        is_stranger(port->listen, peer) ? &stranger : limits_enter(&role->limits, &address, &counted);
    struct session *s = no ? NULL : calloc(1, sizeof *s);
    if (!s) {
        if (counted) limits_leave(&role->limits, counted);
        if (!no) no = &no_memory;
        const struct gp_reply said = refusal_at_door(port, *no, peer, &address, room);
        turn_away(port, fd, &said);
        return;
    }
    *s        = (struct session) { .submit = role, .port = port, .counted = counted };
    s->opened = s->active = loop_now(role->loop);
    (void)gp_copy_z(gp_from(peer), s->peer, sizeof s->peer);
    link_session(s);
    gp_smtp_server_init(&s->smtp, &port->options);
    s->conn = conn_accepted(role->loop, fd, &handler, s);
    if (s->conn)
        begin(s);
    else
        session_close(s, "no memory for its connection");
}
