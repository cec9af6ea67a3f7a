/* The client's side: what it asks, what it believes, and that a confused server is never believed. */
#include "check.h"
#include "dovecot/dovecot.h"

#include <string.h>

#define HELLO "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\nSPID\t1\nCUID\t2\nCOOKIE\t00\nDONE\n"

static struct gp_dovecot_client client;
static gp_str                   input;
static char                     room[GP_DOVECOT_AUTH_ROOM];

static void hear(const char *bytes)
{
    input = gp_from(bytes);
}

static struct gp_dovecot_client_event next_is(enum gp_dovecot_verdict kind)
{
    struct gp_dovecot_client_event ev = gp_dovecot_client_next(&client, &input);
    if (ev.kind != kind) print_error("verdict %d, not %d: %s\n", ev.kind, kind, ev.why ? ev.why : "");
    CHECK(ev.kind == kind);
    return ev;
}

static void greeted(void)
{
    gp_dovecot_client_init(&client);
    hear(HELLO);
    next_is(GP_DOVECOT_MAY_ASK);
}

static uint32_t ask(gp_str user, const char *password, struct gp_text *out)
{
    struct gp_dovecot_plain plain = {
        .user      = user,
        .service   = GP_LIT("smtp"),
        .remote_ip = GP_LIT("203.0.113.7"),
        .password  = {password, strlen(password)},
        .secured   = true
    };
    uint32_t id = 0;
    *out        = GP_TEXT(room);
    CHECK(gp_dovecot_client_plain(&client, &plain, &id, out));
    return id;
}

TEST(it_may_ask_not_to_wait_for_what_others_did)
{
    struct gp_text          out   = GP_TEXT(room);
    uint32_t                id    = 0;
    struct gp_dovecot_plain plain = {
        .user = GP_LIT("ada"), .service = GP_LIT("smtp"), .password = {"secret", 6},
                .no_penalty = true
    };
    greeted();
    CHECK(gp_dovecot_client_plain(&client, &plain, &id, &out));
    CHECK_IS(gp_said(&out), "AUTH\t1\tPLAIN\tservice=smtp\tnologin\tno-penalty\tresp=AGFkYQBzZWNyZXQ=\n");
}

TEST(it_asks_in_one_line_and_hears_three_verdicts)
{
    struct gp_text out = GP_TEXT(room);
    CHECK(gp_dovecot_client_hello(4711, &out));
    CHECK_IS(gp_said(&out), "VERSION\t1\t2\nCPID\t4711\n");
    greeted();
    CHECK(ask(GP_LIT("ada"), "secret", &out) == 1);
    CHECK_IS(gp_said(&out), "AUTH\t1\tPLAIN\tservice=smtp\trip=203.0.113.7\tnologin\tsecured\tresp=AGFkYQBzZWNyZXQ=\n");
    CHECK(ask(GP_LIT("bob"), "x", &out) == 2 && ask(GP_LIT("carl"), "y", &out) == 3);
    hear("FAIL\t2\tuser=bob\nNEW\tthing\nOK\t1\tuser=ada@example.org\tresp=\nFAIL\t3\tuser=carl\ttemp\n");
    CHECK(next_is(GP_DOVECOT_WRONG).id == 2);
    struct gp_dovecot_client_event yes = next_is(GP_DOVECOT_RIGHT);
    CHECK(yes.id == 1);
    CHECK_IS(yes.user, "ada@example.org");
    CHECK(next_is(GP_DOVECOT_UNKNOWN).id == 3);
    next_is(GP_DOVECOT_LISTEN);
}

TEST(other_ways_to_say_later)
{
    struct gp_text out;
    greeted();
    (void)ask(GP_LIT("ada"), "x", &out);
    (void)ask(GP_LIT("ada"), "x", &out);
    hear("FAIL\t1\tcode=temp_fail\nFAIL\t2\tcode=user_disabled\n");
    next_is(GP_DOVECOT_UNKNOWN);
    next_is(GP_DOVECOT_WRONG);
}

TEST(what_was_cancelled_may_be_answered_and_does_not_count)
{
    struct gp_text out;
    greeted();
    uint32_t id = ask(GP_LIT("ada"), "x", &out);
    out         = GP_TEXT(room);
    CHECK(gp_dovecot_client_cancel(&client, id, &out));
    CHECK_IS(gp_said(&out), "CANCEL\t1\n");
    CHECK(!gp_dovecot_client_cancel(&client, id, &out));
    hear("OK\t1\tuser=ada\n");
    next_is(GP_DOVECOT_LISTEN);
}

TEST(a_confused_server_is_not_believed)
{
    static const char *const confused[] = {
        "OK\t2\tuser=ada\n", "OK\t0\tuser=ada\n", "OK\tx\tuser=ada\n",  "OK\n", "OK\t1\n", "OK\t1\tuser=\n",
        "OK\t1\tuser\n",     "CONT\t1\t\n",       "FAIL\t4294967297\n",
    };
    static const char *const greetings[] = {
        "MECH\tPLAIN\n",
        "VERSION\t2\t0\n",
        "VERSION\t1\t2\nMECH\tLOGIN\nDONE\n",
        "220 mail.example.org ESMTP\r\n",
    };
    struct gp_text out;
    for (size_t i = 0; i < GP_COUNT(confused); i++) {
        greeted();
        (void)ask(GP_LIT("ada"), "x", &out);
        hear(confused[i]);
        next_is(GP_DOVECOT_CONFUSED);
        hear("OK\t1\tuser=ada\n");
        next_is(GP_DOVECOT_CONFUSED);
    }
    for (size_t i = 0; i < GP_COUNT(greetings); i++) {
        gp_dovecot_client_init(&client);
        hear(greetings[i]);
        next_is(GP_DOVECOT_CONFUSED);
    }
}

TEST(nothing_is_asked_that_cannot_be_said)
{
    struct gp_dovecot_plain plain = {
        .user = GP_LIT("a\0b"), .service = GP_LIT("smtp"), .password = {"x", 1}
    };
    struct gp_text out = GP_TEXT(room);
    uint32_t       id  = 0;
    gp_dovecot_client_init(&client);
    plain.user = GP_LIT("ada");
    CHECK(!gp_dovecot_client_plain(&client, &plain, &id, &out)); /* nobody has said yet what it speaks */
    greeted();
    plain.user = GP_LIT("a\0b");
    out        = GP_TEXT(room);
    CHECK(!gp_dovecot_client_plain(&client, &plain, &id, &out)); /* it would be somebody else's name and password */
    plain.user = GP_LIT("ada");
    out        = (struct gp_text) { .ptr = room, .room = 40 };
    CHECK(!gp_dovecot_client_plain(&client, &plain, &id, &out));
    for (uint32_t i = 1; i <= GP_DOVECOT_OPEN_MOST; i++) CHECK(ask(GP_LIT("ada"), "x", &out) == i);
    out = GP_TEXT(room);
    CHECK(!gp_dovecot_client_plain(&client, &plain, &id, &out));
}

/* A longer one is turned away before anybody is asked; what gets here must be asked, whoever chose it. */
TEST(the_longest_name_and_password_fit)
{
    static char    name[255], password[1024 + 1];
    struct gp_text out;
    memset(name, 'n', sizeof name);
    memset(password, 'p', sizeof password - 1);
    greeted();
    CHECK(ask((gp_str) { name, sizeof name }, password, &out) == 1);
    CHECK(gp_ends(gp_said(&out), "cHBwcHBw\n") && out.len > 4 * (sizeof name + sizeof password) / 3);
}

/* Any server's bytes: three were asked, one of them was cancelled. Each of the others has one verdict at most. */
static size_t listen_to(gp_str bytes, size_t step, struct gp_text *told)
{
    struct gp_text out;
    size_t         used = 0, have = 0, verdicts[4] = { 0 };
    greeted();
    for (int i = 0; i < 3; i++) (void)ask(GP_LIT("ada"), "x", &out);
    out = GP_TEXT(room);
    CHECK(gp_dovecot_client_cancel(&client, 2, &out));
    while (have < bytes.len) {
        struct gp_dovecot_client_event ev;
        have = have + step < bytes.len ? have + step : bytes.len;
        do {
            gp_str waiting = gp_tail(gp_head(bytes, have), used);
            size_t before  = waiting.len;
            ev             = gp_dovecot_client_next(&client, &waiting);
            used += before - waiting.len;
            if (ev.kind == GP_DOVECOT_LISTEN) break;
            gp_put_number(told, ev.kind);
            gp_put_number(told, ev.id);
            gp_put(told, ev.user);
            if (ev.kind == GP_DOVECOT_CONFUSED) return used;
            CHECK(ev.kind >= GP_DOVECOT_RIGHT && ev.kind <= GP_DOVECOT_UNKNOWN);
            CHECK((ev.id == 1 || ev.id == 3) && verdicts[ev.id]++ == 0);
        } while (true);
    }
    return used;
}

PROPERTY(no_dovecot_server_answers_what_was_not_asked, bytes)
{
    char           a[4096], b[4096];
    struct gp_text whole = GP_TEXT(a), cut = GP_TEXT(b);
    (void)listen_to(bytes, bytes.len + 1, &whole);
    (void)listen_to(bytes, bytes.len ? (unsigned char)bytes.ptr[0] % 9 + (size_t)1 : 1, &cut);
    CHECK_SAME(gp_said(&cut), gp_said(&whole));
}
