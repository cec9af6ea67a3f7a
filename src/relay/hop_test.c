/* Deliveries to a next hop with a script, over real loopback connections: what each answer of it, and each way to fail, becomes. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "relay/parts.h"

enum { GUARD_MS = 20000, CALLERS_MOST = 8, HEARD_ROOM = 4096, LINE_ROOM = 1024, RESULTS_ROOM = 8192, RCPTS_MOST = 3 };

/* What it says to each command. NULL: what a good server says. "": nothing. "-": it closes the connection. */
struct script {
    const char *greeting, *ehlo, *starttls, *mail, *rcpt[RCPTS_MOST], *data, *dot, *quit;
    bool        breaks_tls; /* answers a handshake with noise */
};
struct bench;
struct caller { /* one connection, seen from the next hop */
    struct bench        *bench;
    struct conn         *conn;
    const struct script *script;
    struct gp_text       heard; /* commands, one a line; the body without its dot */
    char                 heard_room[HEARD_ROOM], line[LINE_ROOM];
    size_t               line_len, rcpts;
    bool                 in_body, noise, secure;
};
struct bench {
    struct loop            *loop;
    struct timer           *guard;
    struct listener        *listener;
    struct sockaddr_storage address;
    const struct script    *scripts[CALLERS_MOST]; /* of the connections, in order; the last repeats */
    struct caller           callers[CALLERS_MOST];
    size_t                  caller_count, script_count, hosts;
    struct gp_key          *key;
    struct gp_tls_context  *tls;
    struct config           config;
    struct relay            relay;
    struct ipc             *queue; /* our end */
    size_t                  open;  /* deliveries not answered yet */
    char                    results[RESULTS_ROOM];
    bool                    answered, host_down;
};

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
    c->secure = true;
    CHECK(conn_secure(c->conn, gp_tls_accept(c->bench->tls)));
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
        { "STARTTLS", said_starttls},
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

/* The relay is told of one host. Where a test wants more of them, the others are put into the route once the first is called. */
static void add_hosts(struct bench *b)
{
    static const char *const names[] = { "127.0.0.2", "127.0.0.3" };
    struct delivery         *d       = b->relay.deliveries;
    if (b->caller_count != 1 || !d) return;
    for (uint16_t i = 0; i + 1U < b->hosts; i++) route_add(&d->route, gp_from(names[i]), (uint16_t)(10 * (i + 1)));
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

static void nothing(void *owner, struct ipc *from, struct msg *m)
{
    (void)owner;
    (void)from;
    (void)m;
}

static const struct ipc_handler relay_side = { from_queue, NULL }, queue_side = { nothing, NULL };

static void answered(void *owner, gp_status status, const struct msg *m)
{
    struct bench *b = owner;
    CHECK(status == GP_OK && m->type == MSG_DELIVERED && !m->delivered.results.len == !m->delivered.results.ptr);
    CHECK(gp_copy_z(m->delivered.results, b->results, sizeof b->results));
    b->host_down = m->delivered.host_down != 0;
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
    c->relay.tls             = RELAY_TLS_OPPORTUNISTIC;
    c->relay.mx_port         = ntohs(((struct sockaddr_in *)&b->address)->sin_port);
    c->relay.port            = c->relay.mx_port;
    c->relay.connect_timeout = c->relay.command_timeout = c->relay.data_timeout = 1;
    c->relay.idle_timeout                                                       = 5;
    CHECK(gp_copy_z(GP_LIT("relay.example.org"), c->hostname, sizeof c->hostname));
    CHECK(gp_copy_z(GP_LIT("127.0.0.1"), c->relay.host, sizeof c->relay.host));
}

static struct bench *bench_open(void)
{
    struct bench *b = calloc(1, sizeof *b);
    const char   *why;
    int           pair[2];
    socklen_t     len = sizeof b->address;
    CHECK(b && (b->loop = loop_open()) && address_read(GP_LIT("0.0.0.0:0"), 1, &b->address));
    log_open("relay", LOG_LOGFMT, LOG_LEVELS);
    int fd = listen_on(&b->address, &why);
    CHECK(fd >= 0 && getsockname(fd, (struct sockaddr *)&b->address, &len) == 0);
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    set_up(b);
    b->listener     = listener_open(b->loop, fd, on_accepted, b);
    b->guard        = timer_open(b->loop, too_long, b);
    b->relay.loop   = b->loop;
    b->relay.config = &b->config;
    b->relay.queue  = ipc_open(b->loop, pair[0], &relay_side, &b->relay);
    b->relay.vault  = ipc_open(b->loop, -1, &queue_side, b);
    b->queue        = ipc_open(b->loop, pair[1], &queue_side, b);
    open_tls(b);
    return b;
}

static void bench_close(struct bench *b)
{
    delivery_abandon_all(&b->relay);
    while (b->relay.hops) hop_close(b->relay.hops);
    for (size_t i = 0; i < b->caller_count; i++)
        if (b->callers[i].conn) conn_close(b->callers[i].conn, false);
    ipc_close(b->queue);
    ipc_close(b->relay.queue);
    ipc_close(b->relay.vault);
    if (b->listener) listener_close(b->listener, true);
    timer_close(b->guard);
    loop_close(b->loop);
    gp_tls_context_close(b->tls);
    gp_tls_context_close(b->relay.verified);
    gp_tls_context_close(b->relay.opportunistic);
    gp_key_close(b->key);
    free(b);
}

static void ask(struct bench *b, const char *recipients, const char *body)
{
    struct msg m          = MSG(DELIVER);
    m.deliver.queue_id    = GP_LIT("abcd");
    m.deliver.destination = GP_LIT("[127.0.0.1]");
    m.deliver.sender      = GP_LIT("ada@example.org");
    m.deliver.params      = GP_LIT("");
    m.deliver.recipients  = gp_from(recipients);
    m.deliver.body        = gp_from(body);
    m.deliver.size        = m.deliver.body.len;
    b->open++;
    ipc_ask(b->queue, &m, answered, b);
}

static void run(struct bench *b)
{
    timer_set(b->guard, GUARD_MS);
    loop_run(b->loop);
}

static void rest(struct bench *b, uint64_t ms)
{
    struct timer *t = timer_open(b->loop, enough, b->loop);
    timer_set(t, ms);
    run(b);
    timer_close(t);
}

static void deliver(struct bench *b, const char *recipients)
{
    ask(b, recipients, "Subject: x\r\n\r\n.dot\r\n");
    run(b);
}

#define SCRIPTS(b, ...)                                                                                                \
    do {                                                                                                               \
        static const struct script given[] = { __VA_ARGS__ };                                                          \
        (b)->script_count                  = GP_COUNT(given);                                                          \
        for (size_t g = 0; g < GP_COUNT(given); g++) (b)->scripts[g] = &given[g];                                      \
    } while (0)

/* The first letters of each result line: "status TAB code". */
static void results_are(const struct bench *b, const char *want)
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

static bool holds(gp_str text, const char *part)
{
    return memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

static gp_str heard(const struct bench *b, size_t caller)
{
    CHECK(caller < b->caller_count);
    return gp_said(&b->callers[caller].heard);
}

/* ---- a message --------------------------------------------------------------------------------------------------------- */
TEST(a_message_goes_out_under_tls_and_the_reply_comes_back)
{
    struct bench *b = bench_open();
    SCRIPTS(b, { 0 });
    deliver(b, "bob@[127.0.0.1]\t\n");
    results_are(b, "0 250");
    CHECK(holds(gp_from(b->results), "\t2.0.0\t[127.0.0.1] [127.0.0.1:") && holds(gp_from(b->results), "\tTLSv1.3 "));
    CHECK_IS(heard(b, 0), "EHLO relay.example.org\nSTARTTLS\nEHLO relay.example.org\nMAIL FROM:<ada@example.org>\n"
                          "RCPT TO:<bob@[127.0.0.1]>\nDATA\nSubject: x\n\n..dot\n");
    CHECK(!b->host_down);
    bench_close(b);
}

TEST(each_recipient_has_its_own_result)
{
    struct bench *b = bench_open();
    SCRIPTS(b, {
                   .rcpt = {"550 5.1.1 no", NULL, "451 4.2.0 later"}
    });
    deliver(b, "a@x\t\nb@x\t\nc@x\t\n");
    results_are(b, "3 550, 0 250, 2 451");
    bench_close(b);
}

TEST(what_the_message_meets_is_the_result_of_who_was_accepted)
{
    static const struct {
        struct script script;
        const char   *results;
    } rows[] = {
        {{ .mail = "550 5.7.1 not you" },                                             "3 550, 3 550"},
        { { .mail = "451 4.3.0 later" },                                              "2 451, 2 451"},
        { { .rcpt = { "552 5.2.2 full" } },                                           "2 552, 0 250"},
        { { .rcpt = { "550 a", "550 b" }, .data = "503 none" },                       "3 550, 3 550"},
        { { .rcpt = { "550 a", "450 b" } },                                           "3 550, 2 450"},
        { { .data = "554 5.6.0 no" },                                                 "3 554, 3 554"},
        { { .rcpt = { "550 a" }, .dot = "554 5.6.0 spam" },                           "3 550, 3 554"},
        { { .dot = "452 4.3.1 full" },                                                "2 452, 2 452"},
        { { .dot = "-" },                                                             "2 0, 2 0"    },
        { { .dot = "" },                                                              "2 0, 2 0"    },
        { { .dot = "421 4.3.2 going" },                                               "2 421, 2 421"},
        { { .rcpt = { NULL, "-" } },                                                  "2 0, 2 0"    },
        { { .rcpt = { "550 a", "421 b" } },                                           "3 550, 2 421"},
        { { .ehlo = "250-mx\r\n250 SIZE 10" },                                        "3 0, 3 0"    },
        { { .dot = "nonsense" },                                                      "2 0, 2 0"    },
        { { .ehlo = "250 mx", .rcpt = { "550 a" }, .dot = "250 without pipelining" }, "3 550, 0 250"},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench *b = bench_open();
        b->scripts[0]   = &rows[i].script;
        b->script_count = 1;
        deliver(b, "a@x\t\nb@x\t\n");
        results_are(b, rows[i].results);
        CHECK(!b->host_down && b->caller_count == 1);
        bench_close(b);
    }
}

/* ---- hosts --------------------------------------------------------------------------------------------------------------- */
TEST(the_next_host_is_tried_and_a_no_is_final_only_from_all)
{
    static const struct {
        struct script scripts[2];
        const char   *results;
    } rows[] = {
        {{ { .greeting = "554 no" }, { 0 } },                          "0 250"},
        { { { .greeting = "-" }, { 0 } },                              "0 250"},
        { { { .ehlo = "421 busy" }, { 0 } },                           "0 250"},
        { { { .mail = "421 going" }, { 0 } },                          "0 250"},
        { { { .greeting = "554 no" }, { .greeting = "554 never" } },   "3 554"},
        { { { .greeting = "421 busy" }, { .greeting = "554 never" } }, "2 421"},
        { { { .greeting = "554 no" }, { .greeting = "-" } },           "2 0"  },
        { { { .greeting = "nonsense" }, { .greeting = "554 no" } },    "2 0"  },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench *b = bench_open();
        b->hosts        = 2;
        b->script_count = 2;
        for (size_t s = 0; s < 2; s++) b->scripts[s] = &rows[i].scripts[s];
        deliver(b, "a@x\t\n");
        results_are(b, rows[i].results);
        CHECK(b->caller_count == 2);
        bench_close(b);
    }
}

TEST(a_smarthost_that_refuses_us_condemns_no_message)
{
    static const struct script rows[] = { { .greeting = "554 5.7.1 not you" }, { .ehlo = "550 not you" } };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench *b      = bench_open();
        b->config.relay.kind = RELAY_SMARTHOST;
        b->scripts[0]        = &rows[i];
        b->script_count      = 1;
        deliver(b, "a@x\t\n");
        CHECK(b->results[0] == '2');
        bench_close(b);
    }
}

TEST(a_host_that_is_not_there_is_down)
{
    struct bench *b = bench_open();
    listener_close(b->listener, true);
    b->listener = NULL;
    deliver(b, "a@x\t\n");
    results_are(b, "2 0");
    CHECK(b->host_down && holds(gp_from(b->results), "Connection refused"));
    bench_close(b);
}

TEST(a_host_that_says_nothing_is_left_in_time)
{
    struct bench *b = bench_open();
    SCRIPTS(b, { .greeting = "" });
    deliver(b, "a@x\t\n");
    results_are(b, "2 0");
    CHECK(holds(gp_from(b->results), "no greeting within the time limit"));
    bench_close(b);
}

/* ---- TLS ------------------------------------------------------------------------------------------------------------------ */
TEST(broken_tls_goes_on_in_clear_at_that_host_alone)
{
    struct bench *b = bench_open();
    b->hosts        = 2;
    SCRIPTS(b, { .breaks_tls = true }, { .greeting = "421 busy" }, { 0 });
    deliver(b, "a@x\t\n");
    results_are(b, "0 250");
    CHECK(b->caller_count == 3 && holds(gp_from(b->results), "\t127.0.0.2 ["));
    CHECK(holds(gp_from(b->results), "\tTLSv1.3 ") && b->callers[2].secure);
    bench_close(b);
}

TEST(broken_tls_and_none_are_good_enough_where_tls_is_opportunistic)
{
    static const struct script rows[][2] = {
        {{ .breaks_tls = true },    { 0 }},
        { { .starttls = "454 no" }, { 0 }},
        { { .ehlo = "250 mx" },     { 0 }},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench *b = bench_open();
        b->script_count = 2;
        for (size_t s = 0; s < 2; s++) b->scripts[s] = &rows[i][s];
        deliver(b, "a@x\t\n");
        results_are(b, "0 250");
        CHECK(!holds(gp_from(b->results), "TLSv1") && !b->callers[b->caller_count - 1].secure);
        bench_close(b);
    }
}

TEST(required_tls_never_falls_back_and_never_bounces)
{
    static const struct script rows[] = {
        { .breaks_tls = true },
        { .starttls = "454 no" },
        { .starttls = "502 no" },
        { .ehlo = "250 mx" },
        { 0 }, /* its certificate is for another name */
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench *b     = bench_open();
        b->config.relay.tls = RELAY_TLS_REQUIRED;
        b->scripts[0]       = &rows[i];
        b->script_count     = 1;
        deliver(b, "a@x\t\n");
        CHECK(b->results[0] == '2' && b->caller_count == 1 && !holds(heard(b, 0), "MAIL"));
        bench_close(b);
    }
}

TEST(a_sign_in_is_never_tried_in_clear_because_tls_broke)
{
    struct bench *b      = bench_open();
    b->config.relay.kind = RELAY_SMARTHOST;
    CHECK(gp_copy_z(GP_LIT("ada"), b->config.relay.user, sizeof b->config.relay.user));
    SCRIPTS(b, { .breaks_tls = true }, { .ehlo = "250-mx\r\n250 AUTH PLAIN" });
    deliver(b, "a@x\t\n");
    results_are(b, "2 0");
    CHECK(b->caller_count == 1);
    bench_close(b);
}

/* ---- reuse ---------------------------------------------------------------------------------------------------------------- */
TEST(a_connection_serves_the_next_message)
{
    struct bench *b = bench_open();
    SCRIPTS(b, {
                   .rcpt = {NULL, "550 no"}
    });
    deliver(b, "a@x\t\nb@x\t\n");
    rest(b, 50);
    deliver(b, "a@x\t\nb@x\t\n");
    results_are(b, "0 250, 3 550");
    CHECK(b->caller_count == 1);
    bench_close(b);
}

TEST(a_connection_that_died_while_idle_costs_nothing)
{
    struct bench *b = bench_open();
    SCRIPTS(b, { .dot = "250 taken\r\n421 and good bye" }, { 0 });
    deliver(b, "a@x\t\n");
    rest(b, 50);
    deliver(b, "b@x\t\n");
    results_are(b, "0 250");
    CHECK(b->caller_count == 2 && holds(heard(b, 1), "RCPT TO:<b@x>"));
    bench_close(b);
}

TEST(a_dead_idle_connection_and_a_dead_host_are_a_host_that_is_down)
{
    struct bench *b = bench_open();
    SCRIPTS(b, { .dot = "250 taken\r\n421 and good bye" });
    deliver(b, "a@x\t\n");
    rest(b, 50);
    listener_close(b->listener, true);
    b->listener = NULL;
    deliver(b, "b@x\t\n");
    results_are(b, "2 0");
    CHECK(b->host_down);
    bench_close(b);
}

TEST(an_idle_connection_says_good_bye)
{
    struct bench *b              = bench_open();
    b->config.relay.idle_timeout = 0;
    SCRIPTS(b, { 0 });
    deliver(b, "a@x\t\n");
    rest(b, 100);
    CHECK(!b->relay.hops && holds(heard(b, 0), "QUIT\n"));
    bench_close(b);
}

/* ---- the queue is gone ---------------------------------------------------------------------------------------------------- */
TEST(what_is_under_way_is_given_up_without_a_final_dot)
{
    struct bench *b = bench_open();
    SCRIPTS(b, { .data = "" });
    ask(b, "a@x\t\n", "Subject: x\r\n\r\n");
    rest(b, 200);
    CHECK(b->relay.deliveries && b->relay.hops && holds(heard(b, 0), "DATA\n"));
    delivery_abandon_all(&b->relay);
    rest(b, 50);
    CHECK(!b->relay.deliveries && !b->relay.hops && !b->callers[0].conn && !b->answered);
    bench_close(b);
}
