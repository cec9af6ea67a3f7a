/* The client and the server of this folder talk to each other in memory: what one says, the other must understand. */
#include "check.h"
#include "smtp/client_session.h"
#include "smtp/session.h"

#include <stdlib.h>

enum { ROOM = 65536, STEPS_MOST = 5000 };

struct pair {
    struct gp_smtp_client  client;
    struct gp_smtp_server  server;
    struct gp_smtp_room    client_room, server_room;
    struct gp_smtp_plan    plan;
    struct gp_smtp_options options;
    size_t                 piece;                   /* how much the network carries at a time */
    unsigned               given, messages, refuse; /* refuse: bits of recipients       */
    size_t                 body_at;
    bool                   client_over, server_over, client_tls, server_tls;
    struct gp_text         body, story; /* what arrived; what both were told      */
    char                   body_room[ROOM], story_room[ROOM];
};

static const char *const recipients[] = { "a@example.org", "b@example.org", "c@example.org" };
static const char        body[]       = "Subject: dots\r\n\r\n.\r\n..\r\n.x\r\nlast without end";
static const char        arrived[]    = "Subject: dots\r\n\r\n.\r\n..\r\n.x\r\nlast without end\r\n";

static struct pair *open_pair(bool pipelining_is_used, size_t piece)
{
    struct pair *p = calloc(1, sizeof *p);
    CHECK(p);
    p->piece    = piece;
    p->messages = 2;
    p->plan     = (struct gp_smtp_plan) {
            .helo = "client.example", .use_tls = true, .must_tls = true, .may_auth = true, .must_auth = true
    };
    p->options = (struct gp_smtp_options) { .hostname           = "mx.example",
                                            .mechanisms         = "PLAIN",
                                            .size_limit         = 100000,
                                            .recipients_most    = pipelining_is_used ? 100 : 2,
                                            .mails_most         = 2,
                                            .require_tls        = true,
                                            .errors_most        = 10,
                                            .auth_failures_most = 3 };
    p->body    = GP_TEXT(p->body_room);
    p->story   = GP_TEXT(p->story_room);
    gp_smtp_client_init(&p->client, &p->plan);
    gp_smtp_client_lend(&p->client, &p->client_room);
    gp_smtp_server_init(&p->server, &p->options);
    gp_smtp_server_lend(&p->server, &p->server_room);
    gp_smtp_server_greet(&p->server);
    return p;
}

static void tell(struct pair *p, const char *what, gp_str text, int code)
{
    if (p->story.len > 0) gp_put_char(&p->story, '|');
    gp_put_z(&p->story, what);
    if (text.len > 0) gp_put_char(&p->story, ' ');
    gp_put(&p->story, text);
    if (code > 0) gp_put_char(&p->story, ' ');
    if (code > 0) gp_put_number(&p->story, code);
}

/* ---- the server's host ------------------------------------------------------------------------------------- */
static struct gp_reply verdict(struct pair *p, const struct gp_smtp_event *ev)
{
    switch (ev->kind) {
    case GP_SMTP_STARTTLS: return (struct gp_reply) { 220, "2.0.0", "go" };
    case GP_SMTP_AUTH: return (struct gp_reply) { 334, NULL, "" };
    case GP_SMTP_AUTH_MORE: return (struct gp_reply) { 235, "2.7.0", "welcome" };
    case GP_SMTP_DATA: return (struct gp_reply) { 354, NULL, "go" };
    case GP_SMTP_RCPT:
        for (unsigned i = 0; i < GP_COUNT(recipients); i++)
            if ((p->refuse & 1U << i) && gp_is(ev->text, recipients[i]))
                return (struct gp_reply) { 550, "5.1.1", "nobody" };
        return (struct gp_reply) { 250, "2.1.5", "ok" };
    default: return (struct gp_reply) { 250, "2.0.0", "ok" };
    }
}

static bool serve(struct pair *p)
{
    struct gp_smtp_event ev = gp_smtp_server_next(&p->server);
    switch (ev.kind) {
    case GP_SMTP_NEED_INPUT:
    case GP_SMTP_WAITING: return false;
    case GP_SMTP_CLOSE: p->server_over = true; return false;
    case GP_SMTP_BODY: gp_put(&p->body, ev.text); return true;
    case GP_SMTP_RESET:
    case GP_SMTP_NOTICE: return true;
    default: break;
    }
    if (ev.kind == GP_SMTP_AUTH || ev.kind == GP_SMTP_AUTH_MORE) tell(p, "server:", ev.text, 0);
    if (ev.kind == GP_SMTP_MAIL) tell(p, "from", ev.text, 0);
    if (ev.kind == GP_SMTP_MAIL) tell(p, "with", ev.more, 0);
    gp_smtp_server_answer(&p->server, verdict(p, &ev));
    p->server_tls = p->server_tls || ev.kind == GP_SMTP_STARTTLS;
    return true;
}

/* ---- the client's host -------------------------------------------------------------------------------------- */
static void give_recipient(struct pair *p)
{
    if (p->given == GP_COUNT(recipients))
        gp_smtp_client_no_more_rcpts(&p->client);
    else if (gp_smtp_client_rcpt(&p->client, gp_from(recipients[p->given]), GP_LIT("NOTIFY=FAILURE")))
        p->given++;
}

static void give_body(struct pair *p)
{
    gp_str rest = gp_tail(GP_LIT(body), p->body_at);
    if (rest.len > 0)
        p->body_at += gp_smtp_client_body(&p->client, rest);
    else
        gp_smtp_client_done(&p->client);
}

static void begin(struct pair *p)
{
    struct gp_reply why;
    p->given   = 0;
    p->body_at = 0;
    if (p->messages-- == 0)
        gp_smtp_client_quit(&p->client);
    else
        CHECK(gp_smtp_client_mail(&p->client, GP_LIT("s@example.org"),
                                  GP_LIT("BODY=8BITMIME RET=HDRS SMTPUTF8 REQUIRETLS"), sizeof body - 1, &why));
}

static bool submit(struct pair *p)
{
    struct gp_smtp_client_event ev = gp_smtp_client_next(&p->client);
    switch (ev.kind) {
    case GP_CLIENT_NEED_INPUT:
    case GP_CLIENT_WAITING: return false;
    case GP_CLIENT_STARTTLS: p->client_tls = true; return false;
    case GP_CLIENT_AUTH: CHECK(gp_smtp_client_auth(&p->client, GP_LIT("PLAIN"), GP_NONE)); break;
    case GP_CLIENT_AUTH_MORE: CHECK(gp_smtp_client_auth_line(&p->client, GP_LIT("AHUAcA=="))); break;
    case GP_CLIENT_AUTHED: break;
    case GP_CLIENT_READY: begin(p); break;
    case GP_CLIENT_NEXT_RCPT: give_recipient(p); break;
    case GP_CLIENT_SEND_BODY: give_body(p); break;
    case GP_CLIENT_RCPT_REPLY: tell(p, "rcpt", ev.enhanced, ev.code); break;
    case GP_CLIENT_FINAL_REPLY: break; /* of LMTP */
    case GP_CLIENT_MESSAGE_REPLY: tell(p, "message", ev.enhanced, ev.code); break;
    case GP_CLIENT_FAILED: tell(p, "failed", ev.text, ev.code); break;
    case GP_CLIENT_CLOSE: p->client_over = true; return false;
    }
    return true;
}

/* ---- the network ---------------------------------------------------------------------------------------------- */
static bool carry(struct pair *p)
{
    gp_str up = gp_head(gp_smtp_client_output(&p->client), p->piece);
    size_t a  = gp_smtp_server_feed(&p->server, up);
    gp_smtp_client_sent(&p->client, a);
    gp_str down = gp_head(gp_smtp_server_output(&p->server), p->piece);
    size_t b    = down.len > 0 ? gp_smtp_client_feed(&p->client, down) : 0;
    gp_smtp_server_sent(&p->server, b);
    bool both = p->client_tls && p->server_tls && gp_smtp_server_output(&p->server).len == 0;
    if (both) {
        p->client_tls = false;
        p->server_tls = false;
        gp_smtp_server_secured(&p->server);
        gp_smtp_client_secured(&p->client);
    }
    return a + b > 0 || both;
}

static void converse(struct pair *p)
{
    size_t steps = 0;
    while (!p->client_over) {
        bool moved = false;
        while (serve(p)) moved = true;
        while (submit(p)) moved = true;
        moved = carry(p) || moved;
        if (!moved && !p->client_over) fail_msg("both wait: %.*s", (int)p->story.len, p->story_room);
        CHECK(steps++ < STEPS_MOST);
    }
}

static void check_story(bool wide, unsigned refuse, const char *story, unsigned bodies)
{
    for (size_t piece = 1; piece < 2000; piece *= 7) {
        struct pair   *p = open_pair(wide, piece);
        char           want_room[4 * sizeof arrived];
        struct gp_text want = GP_TEXT(want_room);
        p->refuse           = refuse;
        converse(p);
        CHECK_IS(gp_said(&p->story), story);
        for (unsigned i = 0; i < bodies; i++) gp_put_z(&want, arrived);
        CHECK_SAME(gp_said(&p->body), gp_said(&want));
        free(p);
    }
}

#define SIGNED_IN "server: PLAIN|server: AHUAcA=="
#define FROM      "|from s@example.org|with BODY=8BITMIME RET=HDRS SMTPUTF8 REQUIRETLS SIZE=44"

TEST(two_messages_over_one_connection)
{
    static const char one[] = SIGNED_IN FROM "|rcpt 2.1.5 250|rcpt 2.1.5 250|rcpt 2.1.5 250|message 2.0.0 250" FROM
                                             "|rcpt 2.1.5 250|rcpt 2.1.5 250|rcpt 2.1.5 250|message 2.0.0 250";
    CHECK(sizeof body - 1 == 44);
    check_story(true, 0, one, 2);
}

TEST(the_servers_limits_are_the_clients)
{
    check_story(false, 0,
                SIGNED_IN FROM "|rcpt 2.1.5 250|rcpt 2.1.5 250|rcpt 4.5.3 452|message 2.0.0 250" FROM
                               "|rcpt 2.1.5 250|rcpt 2.1.5 250|rcpt 4.5.3 452|message 2.0.0 250",
                2);
}

TEST(refused_recipients)
{
    check_story(true, 2,
                SIGNED_IN FROM "|rcpt 2.1.5 250|rcpt 5.1.1 550|rcpt 2.1.5 250|message 2.0.0 250" FROM
                               "|rcpt 2.1.5 250|rcpt 5.1.1 550|rcpt 2.1.5 250|message 2.0.0 250",
                2);
}

TEST(the_client_remembers_what_the_server_calls_itself)
{
    static const struct {
        const char *said, *name;
    } rows[] = {
        {"220 mx.example ESMTP\r\n",                       "mx.example"},
        { "220-mx.example\r\n220 another.example\r\n",     "mx.example"},
        { "554 mx.example goes away\r\n",                  "mx.example"},
        { "220 mx.example\r\n250-other.example hi\r\n",    "mx.example"},
        { "220\r\n250-mx.example greets you\r\n250 X\r\n", "mx.example"},
        { "220\r\n500 what\r\n250 mx.example\r\n",         ""          },
        { "220 m\x01\x1b[0m\xc3\xbcx\"\r\n",               "m[0m??x\"" },
        { "hello\r\n",                                     ""          },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct pair *p = open_pair(true, 1);
        CHECK(gp_smtp_client_feed(&p->client, gp_from(rows[i].said)) > 0);
        for (size_t step = 0; step < 9; step++) {
            gp_smtp_client_sent(&p->client, gp_smtp_client_output(&p->client).len);
            (void)gp_smtp_client_next(&p->client);
        }
        CHECK_IS(gp_smtp_client_peer(&p->client), rows[i].name);
        free(p);
    }
}

TEST(a_server_whose_name_has_no_end_has_none)
{
    struct pair   *p = open_pair(true, 1);
    char           room[512];
    struct gp_text said = GP_TEXT(room);
    gp_put_z(&said, "220 ");
    for (int i = 0; i < 256; i++) gp_put_char(&said, 'x');
    gp_put_z(&said, " hello\r\n");
    CHECK(gp_smtp_client_feed(&p->client, gp_said(&said)) == said.len);
    (void)gp_smtp_client_next(&p->client);
    CHECK(gp_smtp_client_peer(&p->client).len == 0);
    free(p);
}
