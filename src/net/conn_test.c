/* Connections over loopback sockets: in clear and under TLS, back-pressure, closing. */
#include "check.h"
#include "net/net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { GUARD_MS = 20000, BIG = 5 * 1024 * 1024, PIECE = 100 * 1000 };

/* ---- a server that echoes and a client with a script ------------------------------------------------------------------ */
struct end {
    struct bench  *bench;
    struct conn   *conn;
    struct gp_text story; /* letters: C connected, S secured, D drained, X closed */
    char           story_text[64];
    char          *heard;
    size_t         heard_len, heard_most, take_most, echoed;
    char           why[128];
};
struct bench {
    struct loop            *loop;
    struct listener        *listener;
    struct sockaddr_storage address;
    struct end              client, server;
    struct timer           *guard;
    struct gp_tls_context  *server_tls, *client_tls;
    struct gp_key          *key;
    bool                    sign_later, refuse, deaf, greet_and_close;
    void (*step)(struct bench *); /* after each of the client's events */
    size_t             to_send, sent;
    char              *big;
    struct gp_tls_sign ask;
    char               peer[NET_ADDRESS_ROOM];
};

static void note(struct end *e, char what)
{
    gp_put_char(&e->story, what);
}

static void step(struct end *e)
{
    if (e == &e->bench->client && e->bench->step) e->bench->step(e->bench);
}

static void on_connected(void *owner, struct conn *c)
{
    struct end *e = owner;
    CHECK(c == e->conn);
    note(e, 'C');
    step(e);
}

static void on_secured(void *owner, struct conn *c)
{
    struct end *e = owner;
    CHECK(gp_tls_shaken(conn_tls(c)));
    note(e, 'S');
    step(e);
}

static void on_drained(void *owner, struct conn *c)
{
    struct end *e = owner;
    CHECK(conn_unsent(c) == 0);
    if (e->story.len < 8) note(e, 'D');
    step(e);
}

static void on_closed(void *owner, struct conn *c, const char *why)
{
    struct end *e = owner;
    CHECK(c == e->conn);
    note(e, 'X');
    CHECK(gp_copy_z(gp_from(why), e->why, sizeof e->why));
    conn_close(c, false);
    e->conn = NULL;
    if (e == &e->bench->client) loop_stop(e->bench->loop);
}

static void keep(struct end *e, gp_str bytes)
{
    if (!e->heard) e->heard = malloc(BIG);
    CHECK(e->heard && e->heard_len + bytes.len <= BIG);
    memcpy(e->heard + e->heard_len, bytes.ptr, bytes.len);
    e->heard_len += bytes.len;
}

static void on_client_input(void *owner, struct conn *c)
{
    struct end *e     = owner;
    gp_str      bytes = conn_input(c);
    keep(e, bytes);
    conn_took(c, bytes.len);
    step(e);
}

static void on_server_input(void *owner, struct conn *c)
{
    struct end *e     = owner;
    gp_str      bytes = conn_input(c);
    CHECK(bytes.len <= 2 * 64 * 1024);
    if (e->bench->deaf) return;
    if (gp_is(bytes, "STARTTLS\r\nEVIL\r\n") || gp_is(bytes, "STARTTLS\r\n")) {
        CHECK(conn_write(c, GP_LIT("220 go ahead\r\n")));
        CHECK(conn_secure(c, gp_tls_accept(e->bench->server_tls)));
        CHECK(conn_input(c).len == 0);
        return;
    }
    if (gp_is(bytes, "QUIT\r\n")) {
        CHECK(conn_write(c, GP_LIT("221 bye\r\n")));
        conn_close(c, true);
        e->conn = NULL;
        return;
    }
    if (e->take_most) bytes = gp_head(bytes, e->take_most);
    CHECK(conn_write(c, bytes));
    conn_took(c, bytes.len);
    e->echoed += bytes.len;
}

static void sign(void *owner)
{
    struct bench  *b = owner;
    char           room[GP_SIGNATURE_MOST];
    struct gp_text signature = GP_TEXT(room);
    if (!b->refuse) CHECK(gp_key_sign(b->key, b->ask.how, b->ask.data, &signature));
    if (b->server.conn) conn_signed(b->server.conn, gp_said(&signature));
}

static void on_sign(void *owner, struct conn *c, const struct gp_tls_sign *ask)
{
    struct end *e = owner;
    (void)c;
    e->bench->ask = *ask;
    if (!e->bench->sign_later) return sign(e->bench);
    CHECK(loop_later(e->bench->loop, sign, e->bench));
}

static const struct conn_handler client_handler = { on_connected, on_client_input, on_secured,
                                                    NULL,         on_drained,      on_closed };
static const struct conn_handler server_handler = { NULL, on_server_input, on_secured, on_sign, on_drained, on_closed };

static void on_accepted(void *owner, int fd)
{
    struct bench           *b    = owner;
    struct sockaddr_storage peer = { 0 };
    socklen_t               len  = sizeof peer;
    struct gp_text          t    = { .ptr = b->peer, .room = sizeof b->peer - 1 };
    CHECK(getpeername(fd, (struct sockaddr *)&peer, &len) == 0);
    address_unmap(&peer);
    address_put(&t, &peer, false);
    b->server.conn = conn_accepted(b->loop, fd, &server_handler, &b->server);
    if (!b->greet_and_close) return;
    CHECK(conn_write(b->server.conn, GP_LIT("421 busy\r\n")));
    conn_close(b->server.conn, true);
    b->server.conn = NULL;
}

static void guard(void *owner)
{
    (void)owner;
    fail_msg("nothing moves any more");
}

static int listen_anywhere(struct sockaddr_storage *address)
{
    const char *why   = NULL;
    int         small = 64 * 1024;
    socklen_t   len   = sizeof *address;
    CHECK(address_read(GP_LIT("127.0.0.1:0"), 1, address));
    int fd = listen_on(address, &why);
    if (fd < 0) fail_msg("%s", why);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small) ==
          0); /* so that BIG does not fit into the kernel */
    CHECK(getsockname(fd, (struct sockaddr *)address, &len) == 0);
    return fd;
}

static void bench_open(struct bench *b, void (*script)(struct bench *))
{
    memset(b, 0, sizeof *b);
    b->loop         = loop_open();
    b->step         = script;
    b->listener     = listener_open(b->loop, listen_anywhere(&b->address), on_accepted, b);
    b->guard        = timer_open(b->loop, guard, NULL);
    b->client.bench = b->server.bench = b;
    b->client.story                   = GP_TEXT(b->client.story_text);
    b->server.story                   = GP_TEXT(b->server.story_text);
    timer_set(b->guard, GUARD_MS);
}

static void bench_run(struct bench *b)
{
    b->client.conn = conn_connect(b->loop, &b->address, NULL, &client_handler, &b->client);
    assert_non_null(b->client.conn);
    loop_run(b->loop);
}

static void bench_close(struct bench *b)
{
    if (b->client.conn) conn_close(b->client.conn, false);
    if (b->server.conn) conn_close(b->server.conn, false);
    listener_close(b->listener, true);
    timer_close(b->guard);
    loop_close(b->loop);
    gp_tls_context_close(b->client_tls);
    gp_tls_context_close(b->server_tls);
    gp_key_close(b->key);
    free(b->client.heard);
    free(b->server.heard);
    free(b->big);
}

static gp_str heard(const struct bench *b)
{
    return (gp_str) { b->client.heard ? b->client.heard : "", b->client.heard_len };
}

/* ---- in clear --------------------------------------------------------------------------------------------------------- */
static void say_hello_then_quit(struct bench *b)
{
    if (b->client.heard_len == 0)
        CHECK(conn_write(b->client.conn, GP_LIT("hello\r\n")));
    else if (b->client.heard_len == 7)
        CHECK(conn_write(b->client.conn, GP_LIT("QUIT\r\n")));
}

TEST(bytes_come_back_and_the_end_is_told_after_them)
{
    struct bench b;
    bench_open(&b, say_hello_then_quit);
    bench_run(&b);
    CHECK_IS(heard(&b), "hello\r\n221 bye\r\n");
    CHECK_IS(gp_said(&b.client.story), "CX");
    CHECK_IS(gp_from(b.client.why), "the peer closed the connection");
    bench_close(&b);
}

static void write_and_stop(struct bench *b)
{
    CHECK(conn_write(b->client.conn, GP_LIT("hello")) && conn_unsent(b->client.conn) == 5);
    loop_stop(b->loop);
}

TEST(what_is_written_in_a_turn_leaves_at_its_end)
{
    struct bench b;
    bench_open(&b, write_and_stop);
    bench_run(&b);
    CHECK(conn_unsent(b.client.conn) == 0);
    bench_close(&b);
}

static void only_connect(struct bench *b)
{
    (void)b;
}

/* The client talks before it listens: the reset that would follow must not cost it the reply. */
static void talk_a_lot(struct bench *b)
{
    if (b->sent++) return;
    b->big = calloc(1, BIG);
    (void)!conn_write(b->client.conn, (gp_str) { b->big, 500 * 1000 });
}

TEST(a_last_reply_survives_input_that_nobody_reads)
{
    struct bench b;
    bench_open(&b, talk_a_lot);
    b.greet_and_close = true;
    bench_run(&b);
    CHECK_IS(heard(&b), "421 busy\r\n");
    bench_close(&b);
}

TEST(a_refused_connection_says_why)
{
    struct bench b;
    bench_open(&b, only_connect);
    listener_close(b.listener, true);
    b.listener = NULL;
    bench_run(&b);
    CHECK_IS(gp_said(&b.client.story), "X");
    CHECK_IS(gp_from(b.client.why), "Connection refused");
    bench_close(&b);
}

TEST(an_impossible_destination_is_told_on_the_next_turn)
{
    struct bench            b;
    struct sockaddr_storage from;
    bench_open(&b, only_connect);
    CHECK(address_read(GP_LIT("192.0.2.77"), 0, &from)); /* not ours to bind */
    b.client.conn = conn_connect(b.loop, &b.address, &from, &client_handler, &b.client);
    assert_non_null(b.client.conn);
    CHECK(b.client.story.len == 0 && !conn_write(b.client.conn, GP_LIT("x")));
    loop_run(b.loop);
    CHECK_IS(gp_said(&b.client.story), "X");
    CHECK_IS(gp_from(b.client.why), "Cannot assign requested address");
    bench_close(&b);
}

/* Over [::] too, IPv4 has its own form. */
TEST(the_peer_is_known_and_the_local_address_chosen)
{
    static const char *const listens[] = { "127.0.0.1:0", "[::]:0" };
    for (size_t i = 0; i < GP_COUNT(listens); i++) {
        struct bench            b;
        struct sockaddr_storage from, bound;
        socklen_t               len = sizeof bound;
        const char             *why;
        bench_open(&b, say_hello_then_quit);
        listener_close(b.listener, true);
        CHECK(address_read(gp_from(listens[i]), 0, &bound));
        int fd = listen_on(&bound, &why);
        CHECK(fd >= 0 && getsockname(fd, (struct sockaddr *)&bound, &len) == 0);
        ((struct sockaddr_in *)&b.address)->sin_port = ((struct sockaddr_in *)&bound)->sin_port;
        b.listener                                   = listener_open(b.loop, fd, on_accepted, &b);
        CHECK(address_read(GP_LIT("127.0.0.3"), 0, &from));
        b.client.conn = conn_connect(b.loop, &b.address, &from, &client_handler, &b.client);
        loop_run(b.loop);
        CHECK_IS(heard(&b), "hello\r\n221 bye\r\n");
        CHECK_IS(gp_from(b.peer), "127.0.0.3");
        bench_close(&b);
    }
}

/* ---- much ------------------------------------------------------------------------------------------------------------- */
static void fill(struct bench *b)
{
    b->big = malloc(BIG);
    assert_non_null(b->big);
    for (size_t i = 0; i < BIG; i++) b->big[i] = (char)('a' + (i * 7 + i / 1000) % 26);
}

/* Writes while the connection takes it; what it does not take comes with the next event. */
static void send_big(struct bench *b)
{
    if (!b->big) fill(b);
    if (b->server_tls && !conn_tls(b->client.conn)) {
        CHECK(conn_secure(b->client.conn, gp_tls_connect(b->client_tls, GP_NONE)));
        return;
    }
    if (conn_tls(b->client.conn) && !gp_tls_shaken(conn_tls(b->client.conn))) return;
    while (b->sent < b->to_send && conn_unsent(b->client.conn) < PIECE) {
        size_t part = b->to_send - b->sent < PIECE ? b->to_send - b->sent : PIECE;
        CHECK(conn_write(b->client.conn, (gp_str) { b->big + b->sent, part }));
        b->sent += part;
    }
    if (b->client.heard_len == b->to_send) loop_stop(b->loop);
}

static void check_big(struct bench *b)
{
    CHECK(b->client.heard_len == b->to_send);
    CHECK(memcmp(b->client.heard, b->big, b->to_send) == 0);
}

TEST(much_comes_back_as_it_was)
{
    struct bench b;
    bench_open(&b, send_big);
    b.to_send = BIG;
    bench_run(&b);
    check_big(&b);
    bench_close(&b);
}

static void look(void *owner)
{
    struct bench *b = owner;
    b->deaf         = false;
    CHECK(b->server.conn != NULL);
    gp_str waiting = conn_input(b->server.conn);
    CHECK(waiting.len >= 64 * 1024 && waiting.len <= 3 * 64 * 1024);
    CHECK(conn_unsent(b->client.conn) > 0);
    on_server_input(&b->server, b->server.conn);
}

/* A server that takes nothing is not read from: the client's bytes stay with the client and in the kernel. */
TEST(what_is_not_taken_holds_the_sender_back)
{
    struct bench b;
    bench_open(&b, send_big);
    struct timer *later = timer_open(b.loop, look, &b);
    b.deaf              = true;
    b.to_send           = BIG; /* more than the kernel's buffers hold */
    timer_set(later, 300);
    bench_run(&b);
    check_big(&b);
    timer_close(later);
    bench_close(&b);
}

TEST(more_than_a_mebibyte_unsent_is_refused)
{
    struct bench b;
    int          ends[2];
    size_t       written = 0;
    bench_open(&b, only_connect);
    fill(&b);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    b.client.conn = conn_accepted(b.loop, ends[0], &client_handler, &b.client);
    while (conn_write(b.client.conn, (gp_str) { b.big, PIECE })) written += PIECE;
    CHECK(written > 900 * 1000 && conn_unsent(b.client.conn) <= 1024 * 1024);
    CHECK(conn_unsent(b.client.conn) + PIECE > 1024 * 1024);
    close(ends[1]);
    loop_run(b.loop);
    CHECK_IS(gp_said(&b.client.story), "X");
    bench_close(&b);
}

/* ---- under TLS ---------------------------------------------------------------------------------------------------------- */
static void bench_tls(struct bench *b, void (*script)(struct bench *))
{
    static char    pem[8192];
    struct gp_text text    = GP_TEXT(pem);
    const char    *names[] = { "mail.example.org", NULL }, *none[] = { NULL }, *why = "";
    bench_open(b, script);
    b->key = gp_key_new(GP_KEY_EC, 0);
    CHECK(gp_certificate_new(b->key, names, none, 2, &text));
    struct gp_tls_certificate certificate = { gp_said(&text) };
    struct gp_tls_trust       trust       = { .ca_pem = gp_said(&text), .verify = false };
    b->server_tls                         = gp_tls_server_context(&certificate, 1, &why);
    b->client_tls                         = gp_tls_client_context(&trust, &why);
    assert_non_null(b->server_tls);
    assert_non_null(b->client_tls);
}

static void starttls_then_hello(struct bench *b)
{
    struct conn *c    = b->client.conn;
    bool         tls  = conn_tls(c);
    bool         quit = gp_ends(heard(b), "hello\r\n");
    if (!b->sent++)
        CHECK(conn_write(c, b->to_send ? GP_LIT("STARTTLS\r\nEVIL\r\n") : GP_LIT("STARTTLS\r\n")));
    else if (!tls && gp_ends(heard(b), "220 go ahead\r\n"))
        CHECK(conn_secure(c, gp_tls_connect(b->client_tls, GP_LIT("mail.example.org"))));
    else if (tls && gp_tls_shaken(conn_tls(c)))
        CHECK(conn_write(c, quit ? GP_LIT("QUIT\r\n") : GP_LIT("hello\r\n")));
}

TEST(starttls_secures_and_forgets_what_came_in_clear)
{
    struct bench b;
    for (int way = 0; way < 4; way++) { /* with and without an injected command; signed at once and later */
        bench_tls(&b, starttls_then_hello);
        b.to_send    = way & 1;
        b.sign_later = way & 2;
        bench_run(&b);
        CHECK_IS(heard(&b), "220 go ahead\r\nhello\r\n221 bye\r\n");
        CHECK_IS(gp_said(&b.client.story), "CSX");
        CHECK_IS(gp_said(&b.server.story), "S");
        bench_close(&b);
    }
}

TEST(a_refused_signature_closes_both_ends)
{
    struct bench b;
    bench_tls(&b, starttls_then_hello);
    b.refuse = true;
    bench_run(&b);
    CHECK_IS(gp_said(&b.client.story), "CX");
    CHECK(strstr(b.client.why, "alert") != NULL);
    CHECK_IS(gp_from(b.server.why), "the signature was refused");
    bench_close(&b);
}

static void on_implicit(void *owner, int fd)
{
    struct bench *b = owner;
    on_accepted(b, fd);
    CHECK(conn_secure(b->server.conn, gp_tls_accept(b->server_tls)));
}

TEST(much_comes_back_as_it_was_under_tls)
{
    struct bench b;
    for (int way = 0; way < 2; way++) {
        bench_tls(&b, send_big);
        listener_close(b.listener, true);
        b.listener          = listener_open(b.loop, listen_anywhere(&b.address), on_implicit, &b);
        b.to_send           = BIG;
        b.deaf              = way;
        struct timer *later = timer_open(b.loop, look, &b);
        if (b.deaf) timer_set(later, 300);
        bench_run(&b);
        check_big(&b);
        timer_close(later);
        bench_close(&b);
    }
}

/* ---- ends --------------------------------------------------------------------------------------------------------------- */
static void close_at_once(struct bench *b)
{
    conn_close(b->client.conn, b->to_send);
    b->client.conn = NULL;
    if (!b->to_send) loop_stop(b->loop);
}

TEST(closing_inside_a_callback_is_the_last_of_it)
{
    struct bench b;
    bench_open(&b, close_at_once);
    bench_run(&b);
    CHECK_IS(gp_said(&b.client.story), "C");
    bench_close(&b);
}

static void hello_in_a_hurry(struct bench *b)
{
    CHECK(conn_write(b->client.conn, GP_LIT("half a line")));
    conn_close(b->client.conn, true);
    b->client.conn = NULL;
}

static void stop_soon(void *owner)
{
    loop_stop(owner);
}

TEST(a_flushed_close_delivers_and_then_ends)
{
    struct bench b;
    bench_open(&b, hello_in_a_hurry);
    struct timer *soon = timer_open(b.loop, stop_soon, b.loop);
    timer_set(soon, 200);
    bench_run(&b);
    CHECK(b.server.echoed == 11);
    CHECK_IS(gp_said(&b.server.story), "X");
    timer_close(soon);
    bench_close(&b);
}

/* The peer half-closes at once: the server still gets all its input before it is told. */
static void take_one_more(void *owner)
{
    struct bench *b = owner;
    if (!b->server.conn) return loop_stop(b->loop);
    gp_str left = conn_input(b->server.conn);
    CHECK(left.len == 0 || b->server.story.len == 0);
    keep(&b->server, gp_head(left, 1));
    conn_took(b->server.conn, left.len ? 1 : 0);
    CHECK(loop_later(b->loop, take_one_more, b));
}

TEST(the_end_waits_until_the_input_is_taken)
{
    struct bench b;
    bench_open(&b, only_connect);
    b.deaf = true;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(fd, (struct sockaddr *)&b.address, sizeof(struct sockaddr_in)) == 0);
    CHECK(write(fd, "MAIL", 4) == 4);
    CHECK(shutdown(fd, SHUT_WR) == 0);
    struct timer *soon = timer_open(b.loop, take_one_more, &b);
    timer_set(soon, 50);
    loop_run(b.loop);
    CHECK_SAME(((gp_str) { b.server.heard, b.server.heard_len }), GP_LIT("MAIL"));
    CHECK_IS(gp_said(&b.server.story), "X");
    timer_close(soon);
    close(fd);
    bench_close(&b);
}

/* Their peers neither read on nor go: each would hold its descriptor until patience ends. */
TEST(no_more_than_so_many_linger_and_the_oldest_go_first)
{
    enum { SURPLUS = 88, ALL = CONN_LINGERING_MOST + SURPLUS, DESCRIPTORS = 2 * ALL + 64 };
    static int                       peers[ALL];
    static const struct conn_handler nobody = { 0 };
    struct rlimit                    files;
    CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_max >= DESCRIPTORS);
    if (files.rlim_cur < DESCRIPTORS) files.rlim_cur = DESCRIPTORS;
    CHECK(setrlimit(RLIMIT_NOFILE, &files) == 0);
    struct loop *l = loop_open();
    for (size_t i = 0; i < ALL; i++) {
        int ends[2];
        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
        struct conn *c = conn_accepted(l, ends[0], &nobody, NULL);
        CHECK(c && conn_write(c, GP_LIT("421 not now\r\n")));
        conn_close(c, true);
        peers[i] = ends[1];
    }
    for (size_t i = 0; i < ALL; i++) {
        bool lingers = send(peers[i], "x", 1, MSG_NOSIGNAL) == 1;
        if (lingers != (i >= SURPLUS)) fail_msg("connection %zu: %s", i, lingers ? "lingers" : "is gone");
        close(peers[i]);
    }
    loop_close(l);
}
