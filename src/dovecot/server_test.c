/* The server's side: greeting, requests as Postfix, Exim and Dovecot's own clients write them, the order of turns, bounds. */
#include "check.h"
#include "dovecot/dovecot.h"

#include <stdlib.h>
#include <string.h>

#define HANDS "VERSION\t1\t1\nCPID\t4711\n"

static struct gp_dovecot_server server;
static gp_str                   input;
static char                     said_room[1 << 16];
static struct gp_text           said;

static void connect_with(const char *bytes)
{
    gp_dovecot_server_init(&server);
    input = gp_from(bytes);
    said  = GP_TEXT(said_room);
}

static struct gp_dovecot_event next_is(enum gp_dovecot_kind kind)
{
    struct gp_dovecot_event ev = gp_dovecot_server_next(&server, &input);
    if (ev.kind != kind) print_error("event %d, not %d: %s\n", ev.kind, kind, ev.why ? ev.why : "");
    CHECK(ev.kind == kind);
    return ev;
}

static struct gp_dovecot_event first_request(const char *bytes)
{
    connect_with(bytes);
    next_is(GP_DOVECOT_READY);
    return next_is(GP_DOVECOT_AUTH);
}

TEST(the_greeting_offers_what_works_here)
{
    struct gp_dovecot_hello hello = {
        .mechanisms = GP_LIT("SCRAM-SHA-256-PLUS SCRAM-SHA-256 CRAM-MD5 EXTERNAL PLAIN LOGIN NEW"),
        .pid        = 7,
        .connection = 4294967295,
        .cookie     = {0x01, 0xab}
    };
    char           room[GP_DOVECOT_HELLO_ROOM];
    struct gp_text text = GP_TEXT(room);
    CHECK(gp_dovecot_put_hello(&text, &hello));
    CHECK_IS(
        gp_said(&text),
        "VERSION\t1\t2\nMECH\tSCRAM-SHA-256\tmutual-auth\nMECH\tCRAM-MD5\tdictionary\tactive\nMECH\tPLAIN\tplaintext\n"
        "MECH\tLOGIN\tplaintext\nMECH\tNEW\nSPID\t7\nCUID\t4294967295\nCOOKIE\t01ab0000000000000000000000000000\nDONE\n");
    struct gp_text narrow = { .ptr = room, .room = 60 };
    CHECK(!gp_dovecot_put_hello(&narrow, &hello));
}

TEST(postfix_asks)
{
    struct gp_dovecot_event ev =
        first_request("VERSION\t1\t1\nCPID\t4711\nAUTH\t1\tPLAIN\tservice=smtp\tnologin\tlip=192.0.2.1\t"
                      "rip=203.0.113.7\tsecured\tresp=AGFkYQBzZWNyZXQ=\n");
    CHECK(ev.id == 1 && ev.request.secured && ev.request.no_login && !ev.request.final_resp_ok);
    CHECK_IS(ev.request.mechanism, "PLAIN");
    CHECK_IS(ev.request.service, "smtp");
    CHECK_IS(ev.request.local_ip, "192.0.2.1");
    CHECK_IS(ev.request.remote_ip, "203.0.113.7");
    CHECK_IS(ev.request.initial, "AGFkYQBzZWNyZXQ=");
    CHECK(gp_dovecot_server_ok(&server, ev.slot, GP_LIT("ada@example.org"), GP_NONE, &said));
    CHECK_IS(gp_said(&said), "OK\t1\tuser=ada@example.org\n");
    next_is(GP_DOVECOT_NEED_INPUT);
    CHECK(input.len == 0);
}

TEST(exim_asks_with_an_empty_response_where_it_has_none)
{
    struct gp_dovecot_event ev = first_request(
        HANDS "AUTH\t1\tLOGIN\tservice=smtp\tsecured\tvalid-client-cert\trip=2001:db8::7\tlip=::1\tnologin\tresp=\n"
              "CONT\t1\tYWRh\nCONT\t1\t\n");
    CHECK(!ev.request.initial.ptr && ev.request.secured && ev.request.valid_client_cert);
    CHECK(gp_dovecot_server_more(&server, ev.slot, GP_LIT("VXNlcm5hbWU6"), &said));
    CHECK_IS(next_is(GP_DOVECOT_CONT).data, "YWRh");
    CHECK(gp_dovecot_server_more(&server, ev.slot, GP_LIT(""), &said));
    CHECK_IS(next_is(GP_DOVECOT_CONT).data, "");
    CHECK(gp_dovecot_server_fail(&server, ev.slot, false, &said));
    CHECK_IS(gp_said(&said), "CONT\t1\tVXNlcm5hbWU6\nCONT\t1\t\nFAIL\t1\treason=authentication failed\n");
}

TEST(dovecots_own_clients_say_more)
{
    struct gp_dovecot_event ev = first_request(
        HANDS
        "AUTH\t4294967295\tSCRAM-SHA-256\tservice=submission\tfinal-resp-ok\tsecured=tls\tno-penalty\tsession=ab+c\t"
        "cert_username=a\001tb\0011\001n\001r\0010\001xc\tlport=587\trport=40000\tssl_cipher=TLS_AES_256_GCM_SHA384\t"
        "ssl_protocol=TLSv1.3\tfuture=1\tresp==\n");
    CHECK(ev.id == UINT32_MAX && ev.request.final_resp_ok && ev.request.secured && ev.request.no_penalty &&
          !ev.request.no_login);
    CHECK_SAME(ev.request.cert_username, GP_LIT("a\tb\001\n\r\0xc"));
    CHECK_IS(ev.request.tls_version, "TLSv1.3");
    CHECK_IS(ev.request.tls_cipher, "TLS_AES_256_GCM_SHA384");
    CHECK_IS(ev.request.remote_port, "40000");
    CHECK_IS(ev.request.local_port, "587");
    CHECK_IS(ev.request.session, "ab+c");
    CHECK(ev.request.initial.ptr && ev.request.initial.len == 0); /* "=" is RFC 4954's empty response */
    CHECK(gp_dovecot_server_ok(&server, ev.slot, GP_LIT("a\tb"), GP_LIT("dj0="), &said));
    CHECK_IS(gp_said(&said), "OK\t4294967295\tuser=a\001tb\tresp=dj0=\n");
}

TEST(what_is_not_the_protocol_breaks_it)
{
    static const char *const broken[] = {
        "CPID\t1\n",
        "VERSION\t2\t0\n",
        "VERSION\n",
        "VERSION\t1\t2\nVERSION\t1\t2\n",
        "VERSION\t1\t2\nCPID\tx\n",
        "VERSION\t1\t0\nREQUEST\t1\t2\t3\n", /* who wants to look up users, as master processes do */
        HANDS "USER\t1\tada\tservice=lmtp\n",
        HANDS "auth\t1\tPLAIN\tservice=smtp\n",
        HANDS "AUTH\t-1\tPLAIN\tservice=smtp\n",
        HANDS "AUTH\t4294967296\tPLAIN\tservice=smtp\n",
        HANDS "AUTH\t1\n",
        HANDS "AUTH\t1\t\tservice=smtp\n",
        HANDS "AUTH\t1\tPLAIN\tresp=\n",
        HANDS "AUTH\t1\tPLAIN\tservice=smtp\tresp=AA==\tsecured\n",
        HANDS "AUTH\t1\tPLAIN\tservice=smtp\nAUTH\t1\tPLAIN\tservice=smtp\n",
        HANDS "AUTH\t1\tPLAIN\tservice=smtp\nCONT\t1\tAA==\n",
        HANDS "CONT\n",
        HANDS "CANCEL\t1\t\n",
        HANDS "\n",
        "GET / HTTP/1.1\r\n",
    };
    for (size_t i = 0; i < GP_COUNT(broken); i++) {
        struct gp_dovecot_event ev;
        connect_with(broken[i]);
        do ev = gp_dovecot_server_next(&server, &input);
        while (ev.kind == GP_DOVECOT_READY || ev.kind == GP_DOVECOT_AUTH);
        if (ev.kind != GP_DOVECOT_BROKEN) print_error("not broken: %s\n", broken[i]);
        CHECK(ev.kind == GP_DOVECOT_BROKEN && ev.why);
        input = GP_LIT(HANDS);
        CHECK(next_is(GP_DOVECOT_BROKEN).why == ev.why && input.len == sizeof HANDS - 1); /* and stays so */
    }
}

TEST(a_line_has_an_end_in_time)
{
    static char long_line[GP_DOVECOT_LINE_MOST + 2];
    memset(long_line, 'x', sizeof long_line);
    memcpy(long_line, "VERSION\t1\t", sizeof "VERSION\t1\t" - 1);
    long_line[GP_DOVECOT_LINE_MOST] = '\n';
    gp_dovecot_server_init(&server);
    input = (gp_str) { long_line, GP_DOVECOT_LINE_MOST };
    next_is(GP_DOVECOT_NEED_INPUT);
    CHECK(input.len == GP_DOVECOT_LINE_MOST);
    input.len++;
    next_is(GP_DOVECOT_NEED_INPUT);
    CHECK(input.len == 0);
    long_line[GP_DOVECOT_LINE_MOST] = 'x';
    gp_dovecot_server_init(&server);
    input = (gp_str) { long_line, GP_DOVECOT_LINE_MOST + 1 };
    next_is(GP_DOVECOT_BROKEN);
}

TEST(escapes_have_a_bound)
{
    static char    line[8192];
    struct gp_text text = GP_TEXT(line);
    gp_put_z(&text, HANDS "AUTH\t1\tPLAIN\tservice=smtp\tsession=");
    for (int i = 0; i <= GP_DOVECOT_TEXT_MOST; i++) gp_put_z(&text, "\001t");
    gp_put_z(&text, "\n");
    gp_put_char(&text, '\0');
    CHECK(!text.cut);
    connect_with(line);
    next_is(GP_DOVECOT_READY);
    next_is(GP_DOVECOT_BROKEN);
}

TEST(answers_are_taken_only_by_those_who_asked)
{
    struct gp_dovecot_event ev =
        first_request(HANDS "AUTH\t5\tPLAIN\tservice=smtp\nCANCEL\t6\nCANCEL\t5\nCONT\t5\tAA==\n");
    CHECK(!gp_dovecot_server_ok(&server, ev.slot + 1, GP_LIT("ada"), GP_NONE, &said));
    CHECK(!gp_dovecot_server_ok(&server, GP_DOVECOT_OPEN_MOST, GP_LIT("ada"), GP_NONE, &said));
    CHECK(gp_dovecot_server_more(&server, ev.slot, GP_LIT(""), &said));
    CHECK(!gp_dovecot_server_ok(&server, ev.slot, GP_LIT("ada"), GP_NONE, &said)); /* it is the client's turn */
    CHECK(!gp_dovecot_server_more(&server, ev.slot, GP_LIT(""), &said));
    CHECK(next_is(GP_DOVECOT_CANCEL).slot == ev.slot);
    CHECK(!gp_dovecot_server_fail(&server, ev.slot, true, &said));
    ev = next_is(GP_DOVECOT_REFUSE);
    CHECK(ev.id == 5 && gp_dovecot_refuse(ev.id, &said));
    CHECK_IS(gp_said(&said), "CONT\t5\t\nFAIL\t5\ttemp\treason=not available now, try again later\n");
}

static gp_str many_requests(size_t count)
{
    static char    room[1 << 14];
    struct gp_text text = GP_TEXT(room);
    gp_put_z(&text, HANDS);
    for (size_t i = 0; i < count; i++) {
        gp_put_z(&text, "AUTH\t");
        gp_put_number(&text, (int64_t)i);
        gp_put_z(&text, "\tLOGIN\tservice=smtp\n");
    }
    CHECK(!text.cut);
    return gp_said(&text);
}

TEST(who_waits_longest_for_its_client_makes_room)
{
    connect_with("");
    input       = many_requests(GP_DOVECOT_OPEN_MOST + 2);
    server.ages = UINT32_MAX - 1; /* they wrap */
    next_is(GP_DOVECOT_READY);
    for (uint32_t i = 0; i < GP_DOVECOT_OPEN_MOST; i++) {
        struct gp_dovecot_event ev = next_is(GP_DOVECOT_AUTH);
        CHECK(ev.id == i);
        if (i == 1 || i == 3) CHECK(gp_dovecot_server_more(&server, ev.slot, GP_LIT(""), &said));
    }
    struct gp_dovecot_event late = next_is(GP_DOVECOT_OVERDUE);
    CHECK(late.id == 1 && gp_dovecot_server_fail(&server, late.slot, true, &said));
    CHECK(next_is(GP_DOVECOT_AUTH).id == GP_DOVECOT_OPEN_MOST);
    late = next_is(GP_DOVECOT_OVERDUE);
    CHECK(late.id == 3 && gp_dovecot_server_fail(&server, late.slot, true, &said));
    CHECK(next_is(GP_DOVECOT_AUTH).id == GP_DOVECOT_OPEN_MOST + 1);
}

TEST(when_all_wait_for_us_no_more_are_taken)
{
    connect_with("");
    input = many_requests(GP_DOVECOT_OPEN_MOST + 1);
    next_is(GP_DOVECOT_READY);
    for (uint32_t i = 0; i < GP_DOVECOT_OPEN_MOST; i++) next_is(GP_DOVECOT_AUTH);
    CHECK(next_is(GP_DOVECOT_REFUSE).id == GP_DOVECOT_OPEN_MOST);
    next_is(GP_DOVECOT_NEED_INPUT);
}

/* ---- any bytes, at any split ---------------------------------------------------------------------------------- */
struct story { /* a host that answers by the id, and what it saw */
    struct gp_dovecot_server server;
    enum gp_dovecot_turn     turns[GP_DOVECOT_OPEN_MOST];
    struct gp_text           told;
    char                     room[1 << 16];
};

static void answer(struct story *s, const struct gp_dovecot_event *ev)
{
    enum { OK, MORE, FAIL, SILENT, WAYS };
    switch (ev->id % WAYS) {
    case OK: CHECK(gp_dovecot_server_ok(&s->server, ev->slot, GP_LIT("a"), GP_NONE, &s->told) || s->told.cut); break;
    case MORE: CHECK(gp_dovecot_server_more(&s->server, ev->slot, GP_LIT(""), &s->told) || s->told.cut); break;
    case FAIL: CHECK(gp_dovecot_server_fail(&s->server, ev->slot, false, &s->told) || s->told.cut); break;
    default: break;
    }
    s->turns[ev->slot] = ev->id % WAYS == SILENT ? GP_DOVECOT_OURS
                         : ev->id % WAYS == MORE ? GP_DOVECOT_CLIENTS
                                                 : GP_DOVECOT_FREE;
}

static void check_turns(struct story *s, const struct gp_dovecot_event *ev)
{
    char                              room[GP_DOVECOT_ANSWER_ROOM];
    struct gp_text                    text     = GP_TEXT(room);
    static const enum gp_dovecot_turn before[] = { [GP_DOVECOT_AUTH]    = GP_DOVECOT_FREE,
                                                   [GP_DOVECOT_CONT]    = GP_DOVECOT_CLIENTS,
                                                   [GP_DOVECOT_OVERDUE] = GP_DOVECOT_CLIENTS };
    bool asks = ev->kind == GP_DOVECOT_AUTH || ev->kind == GP_DOVECOT_CONT || ev->kind == GP_DOVECOT_OVERDUE;
    CHECK(!asks || s->turns[ev->slot] == before[ev->kind]);
    CHECK(ev->kind != GP_DOVECOT_CANCEL || s->turns[ev->slot] != GP_DOVECOT_FREE);
    for (unsigned i = 0; i < GP_DOVECOT_OPEN_MOST; i++)
        if (s->turns[i] == GP_DOVECOT_FREE && !(asks && i == ev->slot))
            CHECK(!gp_dovecot_server_fail(&s->server, i, false, &text));
}

static void tell(struct story *s, const struct gp_dovecot_event *ev)
{
    check_turns(s, ev);
    gp_put_number(&s->told, ev->kind);
    gp_put_char(&s->told, ' ');
    gp_put_number(&s->told, ev->id);
    gp_put(&s->told, ev->data);
    gp_put(&s->told, ev->request.initial);
    gp_put(&s->told, ev->request.session);
    gp_put_char(&s->told, '\n');
    if (ev->kind == GP_DOVECOT_AUTH || ev->kind == GP_DOVECOT_CONT) answer(s, ev);
    if (ev->kind == GP_DOVECOT_CANCEL) s->turns[ev->slot] = GP_DOVECOT_FREE;
    if (ev->kind != GP_DOVECOT_OVERDUE) return;
    CHECK(gp_dovecot_server_fail(&s->server, ev->slot, true, &s->told) || s->told.cut);
    s->turns[ev->slot] = GP_DOVECOT_FREE;
}

/* Pieces of `step` octets arrive; what is not used up stays before them. */
static void play(struct story *s, gp_str bytes, size_t step)
{
    size_t used = 0, have = 0;
    gp_dovecot_server_init(&s->server);
    memset(s->turns, 0, sizeof s->turns);
    s->told = GP_TEXT(s->room);
    while (have < bytes.len) {
        struct gp_dovecot_event ev;
        have = have + step < bytes.len ? have + step : bytes.len;
        do {
            gp_str waiting = gp_tail(gp_head(bytes, have), used);
            size_t before  = waiting.len;
            ev             = gp_dovecot_server_next(&s->server, &waiting);
            CHECK(waiting.len <= before);
            used += before - waiting.len;
            if (ev.kind != GP_DOVECOT_NEED_INPUT) tell(s, &ev);
        } while (ev.kind != GP_DOVECOT_NEED_INPUT && ev.kind != GP_DOVECOT_BROKEN);
        if (ev.kind == GP_DOVECOT_BROKEN) return;
    }
}

PROPERTY(any_split_of_a_dovecot_client_tells_the_same_story, bytes)
{
    static struct story whole, cut;
    size_t              steps[] = { 1, 2, 7, bytes.len ? (unsigned char)bytes.ptr[0] + (size_t)1 : 1 };
    play(&whole, bytes, bytes.len + 1);
    for (size_t i = 0; i < GP_COUNT(steps); i++) {
        play(&cut, bytes, steps[i]);
        CHECK_SAME(gp_said(&cut.told), gp_said(&whole.told));
    }
}
