/* The bench of a relay: see hop_kit.h. */
#include "relay/hop_kit.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { GUARD_MS = 20000 };

/* ---- the next hop ------------------------------------------------------------------------------------------------------ */
static void say(struct caller *c, const char *reply, const char *otherwise)
{
    const char *text = reply ? reply : otherwise;
    if (strcmp(text, "-") == 0) {
        conn_close(c->conn, false);
        c->conn = NULL;
    } else if (*text) {
        (void)!conn_write(c->conn, gp_from(text)); /* the relay may have left already */
        (void)!conn_write(c->conn, GP_LIT("\r\n"));
    }
}

static void said_ehlo(struct caller *c)
{
    say(c, c->script->ehlo, c->secure ? "250-mx\r\n250 PIPELINING" : "250-mx\r\n250-PIPELINING\r\n250 STARTTLS");
}

static void said_starttls(struct caller *c)
{
    say(c, c->script->starttls, "220 go ahead");
    c->noise = c->script->breaks_tls;
    if (!c->conn || c->noise || (c->script->starttls && c->script->starttls[0] != '2')) return;
    c->secure          = true;
    struct gp_tls *tls = gp_tls_accept(c->bench->tls);
    CHECK(tls);
    if (c->bench->asks) gp_tls_ask_peer(tls);
    CHECK(conn_secure(c->conn, tls));
}

static void said_auth(struct caller *c)
{
    say(c, c->script->auth, "235 2.7.0 welcome");
}

static void said_mail(struct caller *c)
{
    c->rcpts = 0;
    say(c, c->script->mail, "250 2.1.0 ok");
}

static void said_rcpt(struct caller *c)
{
    say(c, c->rcpts < RCPTS_MOST ? c->script->rcpt[c->rcpts] : NULL, "250 2.1.5 ok");
    c->rcpts++;
}

static void said_data(struct caller *c)
{
    const char *reply = c->script->data;
    c->in_body        = !reply || reply[0] == '3';
    say(c, reply, "354 go ahead");
}

static void said_dot(struct caller *c)
{
    c->in_body = false;
    say(c, c->script->dot, "250 2.0.0 taken");
}

static void said_rset(struct caller *c)
{
    say(c, NULL, "250 2.0.0 ok");
}

static void said_quit(struct caller *c)
{
    say(c, c->script->quit, "221 bye");
}

static void take_line(struct caller *c, gp_str line)
{
    static const struct {
        const char *verb;
        void (*said)(struct caller *);
    } verbs[] = {
        {"EHLO",      said_ehlo    },
        { "LHLO",     said_ehlo    },
        { "STARTTLS", said_starttls},
        { "AUTH",     said_auth    },
        { "MAIL",     said_mail    },
        { "RCPT",     said_rcpt    },
        { "DATA",     said_data    },
        { "RSET",     said_rset    },
        { "QUIT",     said_quit    },
    };
    if (c->in_body && gp_is(line, ".")) return said_dot(c);
    gp_put(&c->heard, line);
    gp_put_char(&c->heard, '\n');
    for (size_t i = 0; !c->in_body && i < GP_COUNT(verbs); i++)
        if (gp_starts(line, verbs[i].verb)) return verbs[i].said(c);
}

static void on_input(void *owner, struct conn *conn)
{
    struct caller *c = owner;
    while (c->conn && conn_input(conn).len) {
        char octet = conn_input(conn).ptr[0];
        conn_took(conn, 1);
        if (c->noise) {
            (void)!conn_write(conn, GP_LIT("this is no TLS\r\n"));
            conn_close(conn, true);
            c->conn = NULL;
        } else if (octet != '\n') {
            CHECK(c->line_len < LINE_ROOM);
            c->line[c->line_len++] = octet;
        } else {
            gp_str line = { c->line, c->line_len - 1 };
            c->line_len = 0;
            take_line(c, line);
        }
    }
}

static void on_sign(void *owner, struct conn *conn, const struct gp_tls_sign *ask)
{
    struct caller *c = owner;
    char           room[GP_SIGNATURE_MOST];
    struct gp_text signature = GP_TEXT(room);
    CHECK(gp_key_sign(c->bench->key, ask->how, ask->data, &signature));
    conn_signed(conn, gp_said(&signature));
}

static void on_closed(void *owner, struct conn *conn, const char *why)
{
    struct caller *c = owner;
    (void)why;
    conn_close(conn, false);
    c->conn = NULL;
}

static const struct conn_handler handler = { .input = on_input, .sign = on_sign, .closed = on_closed };

/* The relay is told of one host with one address. Where a test wants more of them, the others are put into the route once the first is called. */
static void add_hosts(struct bench *b)
{
    static const char *const names[] = { "127.0.0.2", "127.0.0.3" };
    struct delivery         *d       = b->relay.deliveries;
    if (b->caller_count != 1 || !d) return;
    for (uint16_t i = 0; i < GP_COUNT(names) && i + 1U < b->hosts; i++)
        route_add(&d->route, gp_from(names[i]), (uint16_t)(10 * (i + 1)));
    for (uint16_t i = 0; i < GP_COUNT(names) && i + 1U < b->addresses; i++)
        CHECK(address_read(gp_from(names[i]), d->route.port, &d->route.addresses[d->route.address_count++]));
}

static void on_accepted(void *owner, int fd)
{
    struct bench *b = owner;
    CHECK(b->caller_count < CALLERS_MOST);
    struct caller *c = &b->callers[b->caller_count++];
    size_t         n = b->caller_count < b->script_count ? b->caller_count : b->script_count;
    *c               = (struct caller) { .bench = b, .script = b->scripts[n - 1] };
    c->heard         = (struct gp_text) { .ptr = c->heard_room, .room = HEARD_ROOM };
    c->conn          = conn_accepted(b->loop, fd, &handler, c);
    add_hosts(b);
    say(c, c->script->greeting, "220 mx");
}

/* ---- the queue --------------------------------------------------------------------------------------------------------- */
static void from_queue(void *owner, struct ipc *from, struct msg *m)
{
    (void)from;
    CHECK(m->type == MSG_DELIVER);
    delivery_open(owner, m);
}

static void told(void *owner, struct ipc *from, struct msg *m)
{
    struct bench *b = owner;
    (void)from;
    if (m->type != MSG_HOST_BACK) return;
    b->backs++;
    CHECK(gp_copy_z(m->host_back.host, b->back, sizeof b->back));
}

static const struct ipc_handler relay_side = { from_queue, NULL }, queue_side = { told, NULL };

/* ---- vault: signs in with PLAIN, and signs nothing ----------------------------------------------------------- */
static void asked_for_keys(struct bench *b, struct ipc *from, const struct msg *m)
{
    struct msg are    = MSG(DKIM_KEYS_ARE);
    bool       enough = b->keys_most && ++b->keys_asked > b->keys_most;
    are.dkim_keys_are = (struct msg_dkim_keys_are) { enough ? GP_TEMPFAIL : b->keys_are,
                                                     b->has_key ? GP_LIT("s\trsa") : GP_LIT(""), GP_LIT("") };
    CHECK(gp_copy_z(m->dkim_keys.domain, b->domain, sizeof b->domain));
    ipc_answer(from, m->question, &are);
}

static void asked_to_sign(struct bench *b, struct ipc *from, const struct msg *m)
{
    struct msg no  = MSG(DKIM_SIGNED);
    no.dkim_signed = (struct msg_dkim_signed) { b->signing, gp_from(b->signature ? b->signature : "") };
    b->dkim_signatures++;
    CHECK(b->has_key && gp_is(m->dkim_sign.selector, "s"));
    ipc_answer(from, m->question, &no);
}

static void asked_for_ours(struct bench *b, struct ipc *from, const struct msg *m)
{
    char           room[GP_SIGNATURE_MOST];
    struct gp_text signature = GP_TEXT(room);
    struct msg     made      = MSG(TLS_SIGNED);
    CHECK(m->tls_sign.certificate == b->which && m->tls_sign.generation == OUR_GENERATION);
    b->signatures++;
    if (b->vault_signs == GP_WAIT) return;
    if (b->vault_signs == GP_OK)
        CHECK(gp_key_sign(b->key, (enum gp_sign)m->tls_sign.how, m->tls_sign.data, &signature));
    made.tls_signed = (struct msg_tls_signed) { b->vault_signs, signature.len ? gp_said(&signature) : GP_LIT("") };
    ipc_answer(from, m->question, &made);
}

static void asked_vault(void *owner, struct ipc *from, struct msg *m)
{
    struct bench *b    = owner;
    struct msg    says = MSG(LOGIN_SAYS);
    if (m->type == MSG_TLS_SIGN) asked_for_ours(b, from, m);
    if (m->type == MSG_DKIM_KEYS) asked_for_keys(b, from, m);
    if (m->type == MSG_DKIM_SIGN) asked_to_sign(b, from, m);
    if (m->type == MSG_LOGIN_END) b->fate = m->login_end.fate, b->ended++;
    if (m->type != MSG_LOGIN_START) return;
    b->logins++;
    b->secure       = m->login_start.secure != 0;
    b->presented    = m->login_start.presented != 0;
    says.login_says = (struct msg_login_says) { .status      = b->vault_logs_in,
                                                .has_initial = 1,
                                                .believed    = !b->vault_doubts,
                                                .mechanism   = gp_from(b->says_as ? b->says_as : "PLAIN"),
                                                .text        = gp_from(b->says ? b->says : "AGFkYQBo") };
    ipc_answer(from, m->question, &says);
}

static const struct ipc_handler vault_side = { asked_vault, NULL };

static void answered(void *owner, gp_status status, const struct msg *m)
{
    struct bench *b = owner;
    CHECK(status == GP_OK && m->type == MSG_DELIVERED && !m->delivered.results.len == !m->delivered.results.ptr);
    CHECK(gp_copy_z(m->delivered.results, b->results, sizeof b->results));
    CHECK(gp_copy_z(m->delivered.host, b->host, sizeof b->host));
    b->word      = (enum host_word)m->delivered.host_down;
    b->host_down = b->word == HOST_DOWN;
    b->again     = (gp_time)m->delivered.again;
    b->answered  = true;
    if (--b->open == 0) loop_stop(b->loop);
}

/* ---- the bench ----------------------------------------------------------------------------------------------------------- */
static void too_long(void *owner)
{
    (void)owner;
    fail_msg("nothing moves any more");
}

static void enough(void *owner)
{
    loop_stop(owner);
}

static void open_tls(struct bench *b)
{
    static const char *const names[] = { "mx", NULL }, *const addresses[] = { "127.0.0.9", NULL };
    static char         pem[8192];
    struct gp_text      text = { .ptr = pem, .room = sizeof pem };
    struct gp_tls_trust lax = { .verify = false }, strict = { .verify = true };
    const char         *why = NULL;
    b->key                  = gp_key_new(GP_KEY_EC, 0);
    CHECK(gp_certificate_new(b->key, names, addresses, 2, &text));
    struct gp_tls_certificate certificate = { gp_said(&text) };
    b->chain                              = gp_said(&text);
    strict.ca_pem                         = gp_said(&text); /* trusted, and for another name */
    b->tls                                = gp_tls_server_context(&certificate, 1, &why);
    b->relay.opportunistic                = gp_tls_client_context(&lax, &why);
    b->relay.verified                     = gp_tls_client_context(&strict, &why);
    CHECK(b->tls && b->relay.opportunistic && b->relay.verified);
}

static void set_up(struct bench *b)
{
    struct config *c         = &b->config;
    c->relay.kind            = RELAY_MX;
    c->relay.allow_loopback  = true;
    c->relay.tls             = RELAY_TLS_OPPORTUNISTIC;
    c->relay.mx_port         = ntohs(((struct sockaddr_in *)&b->address)->sin_port);
    c->relay.port            = c->relay.mx_port;
    c->relay.connect_timeout = c->relay.command_timeout = c->relay.data_timeout = 1;
    c->relay.idle_timeout                                                       = 5;
    CHECK(gp_copy_z(GP_LIT("relay.example.org"), c->hostname, sizeof c->hostname));
    CHECK(gp_copy_z(GP_LIT("127.0.0.1"), c->relay.host, sizeof c->relay.host));
}

struct bench *bench_open(void)
{
    struct bench *b = calloc(1, sizeof *b);
    const char   *why;
    int           pair[2], to_vault[2];
    socklen_t     len = sizeof b->address;
    CHECK(b && (b->loop = loop_open()) && address_read(GP_LIT("0.0.0.0:0"), 1, &b->address));
    log_open("relay", LOG_LOGFMT, LOG_LEVELS);
    int fd = listen_on(&b->address, &why);
    CHECK(fd >= 0 && getsockname(fd, (struct sockaddr *)&b->address, &len) == 0);
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, to_vault) == 0);
    set_up(b);
    b->listener     = listener_open(b->loop, fd, on_accepted, b);
    b->guard        = timer_open(b->loop, too_long, b);
    b->relay.loop   = b->loop;
    b->relay.config = &b->config;
    b->relay.queue  = ipc_open(b->loop, pair[0], &relay_side, &b->relay);
    b->relay.vault  = ipc_open(b->loop, to_vault[0], &queue_side, b);
    b->vault        = ipc_open(b->loop, to_vault[1], &vault_side, b);
    b->queue        = ipc_open(b->loop, pair[1], &queue_side, b);
    open_tls(b);
    CHECK(turns_open(&b->relay));
    return b;
}

void bench_close(struct bench *b)
{
    delivery_abandon_all(&b->relay);
    while (b->relay.hops) hop_close(b->relay.hops);
    for (size_t i = 0; i < b->caller_count; i++)
        if (b->callers[i].conn) conn_close(b->callers[i].conn, false);
    sign_close(&b->relay);
    ipc_close(b->queue);
    ipc_close(b->relay.queue);
    ipc_close(b->relay.vault);
    ipc_close(b->vault);
    if (b->listener) listener_close(b->listener, true);
    timer_close(b->guard);
    timer_close(b->relay.turning);
    loop_close(b->loop);
    gp_tls_context_close(b->tls);
    gp_tls_context_close(b->relay.verified);
    gp_tls_context_close(b->relay.opportunistic);
    for (size_t i = 0; i < GP_COUNT(b->relay.ours); i++) gp_tls_context_close(b->relay.ours[i].context);
    gp_key_close(b->key);
    free(b);
}

struct config_route *add_route(struct bench *b, const char *name)
{
    struct config_route *r = &b->config.routes[b->config.route_count++];
    CHECK(gp_copy_z(gp_from(name), r->name, sizeof r->name));
    return r;
}

void server(struct bench *b, struct config_hop *hop, const char *host)
{
    *hop = (struct config_hop) {
        .set = true, .kind = RELAY_SMARTHOST, .tls = RELAY_TLS_NONE, .weight = 1, .port = b->config.relay.mx_port
    };
    CHECK(gp_copy_z(gp_from(host), hop->host, sizeof hop->host));
}

/* The name for which its certificate is good: see open_tls. */
void smarthost(struct bench *b, const char *user, enum relay_tls tls)
{
    b->config.relay.kind = RELAY_SMARTHOST;
    b->config.relay.tls  = tls;
    CHECK(gp_copy_z(GP_LIT("127.0.0.9"), b->config.relay.host, sizeof b->config.relay.host));
    CHECK(gp_copy_z(gp_from(user), b->config.relay.user, sizeof b->config.relay.user));
}

void certificate(struct bench *b, gp_time expires)
{
    const struct msg_our_certificate m = { 0, OUR_GENERATION, (uint64_t)expires, b->chain };
    smarthost(b, "", RELAY_TLS_REQUIRED);
    CHECK(gp_copy_z(GP_LIT("c"), b->config.relay.certificate_file, sizeof b->config.relay.certificate_file));
    secure_certificate(&b->relay, &m);
    CHECK(b->relay.ours[0].context);
}

static struct msg message(const struct bench *b, const char *recipients)
{
    struct msg m          = MSG(DELIVER);
    m.deliver.queue_id    = GP_LIT("abcd");
    m.deliver.destination = gp_from(b->destination ? b->destination : "[127.0.0.1]");
    m.deliver.sender      = gp_from(b->sender ? b->sender : "ada@example.org");
    m.deliver.params      = gp_from(b->params ? b->params : "");
    m.deliver.recipients  = gp_from(recipients);
    return m;
}

void ask(struct bench *b, const char *recipients, const char *body)
{
    struct msg m   = message(b, recipients);
    m.deliver.body = gp_from(body);
    m.deliver.size = m.deliver.body.len;
    b->open++;
    ipc_ask(b->queue, &m, answered, b);
}

void ask_large(struct bench *b, const char *recipients, const char *queue_id, const char *header, uint64_t size)
{
    struct msg m       = message(b, recipients);
    char       path[]  = "/tmp/gatepost-large-XXXXXX";
    m.fds[0]           = mkstemp(path);
    m.deliver.queue_id = gp_from(queue_id);
    m.deliver.size     = size;
    CHECK(m.fds[0] >= 0 && unlink(path) == 0 && ftruncate(m.fds[0], (off_t)size) == 0);
    CHECK(pwrite(m.fds[0], header, strlen(header), 0) == (ssize_t)strlen(header));
    b->open++;
    ipc_ask(b->queue, &m, answered, b);
    CHECK(close(m.fds[0]) == 0);
}

static void run(struct bench *b)
{
    timer_set(b->guard, GUARD_MS);
    loop_run(b->loop);
}

void rest(struct bench *b, uint64_t ms)
{
    struct timer *t = timer_open(b->loop, enough, b->loop);
    timer_set(t, ms);
    run(b);
    timer_close(t);
}

void deliver_text(struct bench *b, const char *recipients, const char *message)
{
    ask(b, recipients, message);
    run(b);
}

void deliver(struct bench *b, const char *recipients)
{
    deliver_text(b, recipients, "Subject: x\r\n\r\n.dot\r\n");
}

void results_are(const struct bench *b, const char *want)
{
    char           room[RESULTS_ROOM];
    struct gp_text got = GP_TEXT(room);
    for (gp_str rest = gp_from(b->results); rest.len;) {
        gp_str line = gp_cut(&rest, '\n');
        gp_put(&got, gp_cut(&line, '\t'));
        gp_put_char(&got, ' ');
        gp_put(&got, gp_cut(&line, '\t'));
        if (rest.len) gp_put_z(&got, ", ");
    }
    CHECK_IS(gp_said(&got), want);
}

bool holds(gp_str text, const char *part)
{
    return memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

gp_str heard(const struct bench *b, size_t caller)
{
    CHECK(caller < b->caller_count);
    return gp_said(&b->callers[caller].heard);
}
