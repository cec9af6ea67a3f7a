/* The client against servers that are scripts: what it says, what it hands out, and that no server can mislead it. */
#include "check.h"
#include "smtp/client_session.h"

#include <stdlib.h>
#include <string.h>

/* ---- a host with a few messages to send ------------------------------------------------------------------ */
enum { STORY_ROOM = 65536, STEPS_MOST = 20000, RECIPIENTS = 3 };

struct host {
    struct gp_smtp_client client;
    struct gp_smtp_room   room;
    struct gp_smtp_plan   plan;
    const char           *params, *body;
    unsigned              messages, given;
    uint64_t              size;
    size_t                body_at, steps;
    bool                  over;
    struct gp_text        story, wire; /* what was handed out; what was said */
    char                  story_room[STORY_ROOM], wire_room[STORY_ROOM];
};

static const char *const recipients[RECIPIENTS] = { "a@example.org", "b@example.org", "c@example.org" };

static struct host *open_host(struct gp_smtp_plan plan)
{
    struct host *h = calloc(1, sizeof *h);
    CHECK(h);
    h->plan      = plan;
    h->plan.helo = "client.example";
    h->params    = "";
    h->body      = "Subject: x\r\n\r\n.dot\r\nend";
    h->messages  = 1;
    h->story     = GP_TEXT(h->story_room);
    h->wire      = GP_TEXT(h->wire_room);
    gp_smtp_client_init(&h->client, &h->plan);
    gp_smtp_client_lend(&h->client, &h->room);
    return h;
}

static void tell(struct host *h, const char *what, const struct gp_smtp_client_event *ev)
{
    if (h->story.len > 0) gp_put_z(&h->story, "|");
    gp_put_z(&h->story, what);
    if (ev->kind == GP_CLIENT_RCPT_REPLY || ev->kind == GP_CLIENT_FINAL_REPLY) gp_put_number(&h->story, ev->index);
    if (ev->code) gp_put_char(&h->story, ' ');
    if (ev->code) gp_put_number(&h->story, ev->code);
    if (ev->enhanced.len > 0) gp_put_char(&h->story, ' ');
    gp_put(&h->story, ev->enhanced);
    if (ev->text.len > 0) gp_put_char(&h->story, ' ');
    gp_put(&h->story, ev->text);
    if (ev->kind == GP_CLIENT_FAILED && ev->temporary) gp_put_z(&h->story, " (temporary)");
}

static void send_message(struct host *h)
{
    struct gp_reply             why;
    struct gp_smtp_client_event none = { .kind = GP_CLIENT_READY };
    if (h->messages == 0) {
        gp_smtp_client_quit(&h->client);
        return;
    }
    h->messages--;
    h->given   = 0;
    h->body_at = 0;
    if (gp_smtp_client_mail(&h->client, GP_LIT("s@example.org"), gp_from(h->params), h->size, &why)) return;
    none.code     = why.code;
    none.enhanced = gp_from(why.enhanced);
    tell(h, "not sent", &none);
}

static void give_recipient(struct host *h)
{
    if (h->given == RECIPIENTS)
        gp_smtp_client_no_more_rcpts(&h->client);
    else if (gp_smtp_client_rcpt(&h->client, gp_from(recipients[h->given]), GP_LIT("NOTIFY=NEVER")))
        h->given++;
}

static void give_body(struct host *h)
{
    gp_str rest = gp_tail(gp_from(h->body), h->body_at);
    if (rest.len > 0)
        h->body_at += gp_smtp_client_body(&h->client, gp_head(rest, 7));
    else
        gp_smtp_client_done(&h->client);
}

/* False: nothing to be done until bytes come. */
static bool react(struct host *h, const struct gp_smtp_client_event *ev)
{
    switch (ev->kind) {
    case GP_CLIENT_NEED_INPUT:
    case GP_CLIENT_WAITING: return false;
    case GP_CLIENT_READY: send_message(h); break;
    case GP_CLIENT_NEXT_RCPT: give_recipient(h); break;
    case GP_CLIENT_SEND_BODY: give_body(h); break;
    case GP_CLIENT_STARTTLS:
        tell(h, "tls", ev);
        gp_smtp_client_secured(&h->client);
        break;
    case GP_CLIENT_AUTH:
        tell(h, "auth", ev);
        if (gp_starts(ev->text, "PLAIN"))
            gp_smtp_client_auth(&h->client, GP_LIT("PLAIN"), GP_LIT("AHUAcA=="));
        else
            gp_smtp_client_skip_auth(&h->client);
        break;
    case GP_CLIENT_AUTH_MORE:
        tell(h, "more", ev);
        gp_smtp_client_auth_line(&h->client, GP_LIT("*"));
        break;
    case GP_CLIENT_AUTHED: tell(h, "authed", ev); break;
    case GP_CLIENT_RCPT_REPLY: tell(h, "rcpt", ev); break;
    case GP_CLIENT_FINAL_REPLY: tell(h, "final", ev); break;
    case GP_CLIENT_MESSAGE_REPLY: tell(h, "message", ev); break;
    case GP_CLIENT_FAILED: tell(h, "failed", ev); break;
    case GP_CLIENT_CLOSE:
        tell(h, "close", ev);
        h->over = true;
        return false;
    }
    return true;
}

static void pump(struct host *h)
{
    bool more = true;
    while (more && !h->over) {
        struct gp_smtp_client_event ev = gp_smtp_client_next(&h->client);
        more                           = react(h, &ev);
        gp_str out                     = gp_smtp_client_output(&h->client);
        gp_put(&h->wire, out);
        gp_smtp_client_sent(&h->client, out.len);
        if (h->steps++ > STEPS_MOST) fail_msg("the client goes round in circles");
    }
}

static void hear(struct host *h, gp_str bytes)
{
    pump(h);
    while (bytes.len > 0 && !h->over) {
        size_t taken = gp_smtp_client_feed(&h->client, bytes);
        bytes        = gp_tail(bytes, taken);
        pump(h);
        if (taken == 0 && !h->over) return; /* it does not want them: it is the host's turn */
    }
}

static void hear_in_pieces(struct host *h, gp_str bytes, size_t piece)
{
    pump(h);
    for (; bytes.len > 0; bytes = gp_tail(bytes, piece)) hear(h, gp_head(bytes, piece));
}

/* Runs a script whole, bytewise and in threes; checks what was handed out and, unless NULL, what was said. */
struct script {
    struct gp_smtp_plan plan;
    const char         *params, *server, *story, *wire;
    unsigned            messages;
    uint64_t            size;
};

static void run(struct script s)
{
    for (size_t piece = 1; piece <= strlen(s.server); piece = piece == 1 ? 3 : piece * 32) {
        struct host *h = open_host(s.plan);
        h->messages    = s.messages ? s.messages : 1;
        h->params      = s.params ? s.params : "";
        h->size        = s.size;
        hear_in_pieces(h, gp_from(s.server), piece);
        CHECK_IS(gp_said(&h->story), s.story);
        if (s.wire) CHECK_IS(gp_said(&h->wire), s.wire);
        free(h);
    }
}
#define RUN(...) run((struct script) { __VA_ARGS__ })

#define HELLO      "220 mx ESMTP\r\n250-mx\r\n250-PIPELINING\r\n250-DSN\r\n250 SIZE 1000\r\n"
#define HELLO_SLOW "220 mx ESMTP\r\n250 mx\r\n"
#define SAID_HELLO "EHLO client.example\r\n"
#define SAID_RCPTS                                                                                                     \
    "RCPT TO:<a@example.org> NOTIFY=NEVER\r\nRCPT TO:<b@example.org> NOTIFY=NEVER\r\nRCPT TO:<c@example.org> NOTIFY=NEVER\r\n"
#define SAID_BODY "Subject: x\r\n\r\n..dot\r\nend\r\n.\r\n"

/* ---- transactions ------------------------------------------------------------------------------------------ */
TEST(a_message_goes_out_in_one_group)
{
    RUN(.size   = 27,
        .server = HELLO "250 2.1.0 ok\r\n250 2.1.5 ok\r\n250 2.1.5 ok\r\n250 2.1.5 ok\r\n354 go\r\n250 2.0.0 queued\r\n"
                        "221 bye\r\n",
        .story  = "rcpt0 250 2.1.5 ok|rcpt1 250 2.1.5 ok|rcpt2 250 2.1.5 ok|message 250 2.0.0 queued|close",
        .wire   = SAID_HELLO "MAIL FROM:<s@example.org> SIZE=27\r\n" SAID_RCPTS "DATA\r\n" SAID_BODY "QUIT\r\n");
}

TEST(without_pipelining_one_by_one)
{
    struct host *h = open_host((struct gp_smtp_plan) { 0 });
    hear(h, GP_LIT(HELLO_SLOW));
    CHECK_IS(gp_said(&h->wire), SAID_HELLO "MAIL FROM:<s@example.org>\r\n");
    hear(h, GP_LIT("250 ok\r\n"));
    CHECK(gp_ends(gp_said(&h->wire), ">\r\nRCPT TO:<a@example.org>\r\n"));
    hear(h, GP_LIT("250 ok\r\n"));
    hear(h, GP_LIT("550 5.1.1 no\r\n"));
    hear(h, GP_LIT("250 ok\r\n"));
    CHECK(gp_ends(gp_said(&h->wire), "c@example.org>\r\nDATA\r\n"));
    hear(h, GP_LIT("354 go\r\n"));
    CHECK(gp_ends(gp_said(&h->wire), "DATA\r\n" SAID_BODY));
    hear(h, GP_LIT("250 ok\r\n"));
    CHECK(gp_ends(gp_said(&h->wire), "QUIT\r\n"));
    CHECK_IS(gp_said(&h->story), "rcpt0 250 ok|rcpt1 550 5.1.1 no|rcpt2 250 ok|message 250 ok");
    free(h);
}

TEST(some_recipients_refused)
{
    RUN(.server = HELLO "250 ok\r\n550 5.1.1 nobody\r\n250 ok\r\n452 4.2.2 full\r\n354 go\r\n250 ok\r\n221 bye\r\n",
        .story  = "rcpt0 550 5.1.1 nobody|rcpt1 250 ok|rcpt2 452 4.2.2 full|message 250 ok|close");
}

TEST(all_recipients_refused_and_data_too)
{
    RUN(.server = HELLO "250 ok\r\n550 no\r\n550 no\r\n550 no\r\n554 5.5.1 nobody\r\n250 reset\r\n221 bye\r\n",
        .story  = "rcpt0 550 no|rcpt1 550 no|rcpt2 550 no|message 554 5.5.1 nobody|close",
        .wire   = SAID_HELLO "MAIL FROM:<s@example.org>\r\n" SAID_RCPTS "DATA\r\nRSET\r\nQUIT\r\n");
}

TEST(all_recipients_refused_and_data_taken_all_the_same) /* RFC 2920 3.1 */
{
    RUN(.server = HELLO "250 ok\r\n550 no\r\n550 no\r\n550 no\r\n354 go\r\n250 delivered to nobody\r\n221 bye\r\n",
        .story  = "rcpt0 550 no|rcpt1 550 no|rcpt2 550 no|message delivered to nobody|close",
        .wire   = SAID_HELLO "MAIL FROM:<s@example.org>\r\n" SAID_RCPTS "DATA\r\n.\r\nQUIT\r\n");
}

TEST(all_recipients_refused_without_pipelining)
{
    RUN(.server = HELLO_SLOW "250 ok\r\n550 no\r\n550 no\r\n550 no\r\n250 reset\r\n221 bye\r\n",
        .story  = "rcpt0 550 no|rcpt1 550 no|rcpt2 550 no|message no recipient was accepted|close",
        .wire   = SAID_HELLO "MAIL FROM:<s@example.org>\r\nRCPT TO:<a@example.org>\r\nRCPT TO:<b@example.org>\r\n"
                             "RCPT TO:<c@example.org>\r\nRSET\r\nQUIT\r\n");
}

TEST(a_refused_sender_is_the_end_of_the_message)
{
    RUN(.messages = 2,
        .server   = HELLO "550 5.7.1 not you\r\n503 what\r\n503 what\r\n503 what\r\n503 what\r\n"
                          "250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n221 bye\r\n",
        .story    = "message 550 5.7.1 not you|rcpt0 250 ok|rcpt1 250 ok|rcpt2 250 ok|message 250 ok|close");
    RUN(.server = HELLO "451 later\r\n503 what\r\n503 what\r\n503 what\r\n354 odd\r\n250 ok\r\n221 bye\r\n",
        .story  = "message 451 later|close",
        .wire   = SAID_HELLO "MAIL FROM:<s@example.org>\r\n" SAID_RCPTS "DATA\r\n.\r\nQUIT\r\n");
}

TEST(a_refused_message_and_then_another)
{
    RUN(.messages = 2,
        .server   = HELLO "250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n554 5.7.1 spam\r\n"
                          "250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n452 4.3.1 disk\r\n250 reset\r\n221 bye\r\n",
        .story = "rcpt0 250 ok|rcpt1 250 ok|rcpt2 250 ok|message 554 5.7.1 spam|rcpt0 250 ok|rcpt1 250 ok|rcpt2 250 ok|"
                 "message 452 4.3.1 disk|close");
}

TEST(service_closing_anywhere)
{
    static const struct {
        const char *server, *story;
    } rows[] = {
        {"421 4.3.2 full\r\n",                                                   "failed 421 4.3.2 full (temporary)|close"      },
        { "220 mx\r\n421 bye\r\n",                                               "failed 421 bye (temporary)|close"             },
        { HELLO "421 bye\r\n",                                                   "failed 421 bye (temporary)|close"             },
        { HELLO "250 ok\r\n250 ok\r\n421 bye\r\n",                               "rcpt0 250 ok|failed 421 bye (temporary)|close"},
        { HELLO "250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n421 bye\r\n",
         "rcpt0 250 ok|rcpt1 250 ok|rcpt2 250 ok|failed 421 bye (temporary)|close"                                              },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) RUN(.server = rows[i].server, .story = rows[i].story);
}

/* ---- what EHLO said ---------------------------------------------------------------------------------------- */
TEST(falls_back_to_helo)
{
    RUN(.server = "220 mx\r\n502 5.5.1 what\r\n250 mx\r\n250 ok\r\n550 x\r\n550 x\r\n550 x\r\n250 reset\r\n221 bye\r\n",
        .story  = "rcpt0 550 x|rcpt1 550 x|rcpt2 550 x|message no recipient was accepted|close");
    RUN(.plan = { .must_tls = true }, .server = "220 mx\r\n502 what\r\n250 mx\r\n",
        .story = "failed the server does not offer STARTTLS (temporary)|close");
    RUN(.server = "220 mx\r\n502 what\r\n504 no\r\n", .story = "failed 504 no|close");
    RUN(.server = "554 5.7.1 go away\r\n", .story = "failed 554 5.7.1 go away|close");
    RUN(.server = "220 mx\r\n450 4.7.0 later\r\n", .story = "failed 450 4.7.0 later (temporary)|close");
}

TEST(parameters_are_said_only_where_they_are_offered)
{
    RUN(.params = "SIZE=5 BODY=8BITMIME RET=HDRS", .size = 27, .server = HELLO_SLOW "550 no\r\n221 bye\r\n",
        .story = "message 550 no|close", .wire = SAID_HELLO "MAIL FROM:<s@example.org>\r\nQUIT\r\n");
    RUN(.params = "SIZE=5 BODY=8BITMIME RET=HDRS SMTPUTF8", .size = 27,
        .server = "220 mx\r\n250-mx\r\n250-8bitmime\r\n250-Size 0\r\n250-DSN\r\n250 SMTPUTF8\r\n550 no\r\n221 bye\r\n",
        .story  = "message 550 no|close",
        .wire   = SAID_HELLO "MAIL FROM:<s@example.org> BODY=8BITMIME RET=HDRS SMTPUTF8 SIZE=27\r\nQUIT\r\n");
    RUN(.params = "SMTPUTF8", .server = HELLO "221 bye\r\n", .story = "not sent 550 5.6.7|close");
    RUN(.size = 1001, .server = HELLO "221 bye\r\n", .story = "not sent 552 5.3.4|close");
}

TEST(limits_are_kept) /* RFC 9422 */
{
    RUN(.messages = 2,
        .server   = "220 mx\r\n250-mx\r\n250-PIPELINING\r\n250 LIMITS MAILMAX=1 RCPTMAX=2 NEWMAX=9 RCPTMAX=x\r\n"
                    "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n221 bye\r\n",
        .story    = "rcpt0 250 ok|rcpt1 250 ok|rcpt2 452 4.5.3 more recipients than the next hop takes at once|"
                    "message 250 ok|close",
        .wire     = SAID_HELLO
        "MAIL FROM:<s@example.org>\r\nRCPT TO:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n" SAID_BODY
        "QUIT\r\n");
}

/* ---- LMTP -------------------------------------------------------------------------------------------------------- */
#define LMTP(...) RUN(.plan = { .lmtp = true }, __VA_ARGS__)

TEST(lmtp_has_a_reply_for_each_recipient_that_was_accepted) /* RFC 2033 4.2 */
{
    LMTP(.server = HELLO
         "250 ok\r\n250 a\r\n550 b\r\n250 c\r\n354 go\r\n452 4.2.2 a is full\r\n250 2.0.0 c has it\r\n221 bye\r\n",
         .story = "rcpt0 250 a|rcpt1 550 b|rcpt2 250 c|final0 452 4.2.2 a is full|message 250 2.0.0 c has it|close",
         .wire  = "LHLO client.example\r\nMAIL FROM:<s@example.org>\r\n" SAID_RCPTS "DATA\r\n" SAID_BODY "QUIT\r\n");
    LMTP(.server = HELLO "250 ok\r\n250 a\r\n250 b\r\n250 c\r\n354 go\r\n250 a\r\n550 b\r\n421 going\r\n",
         .story  = "rcpt0 250 a|rcpt1 250 b|rcpt2 250 c|final0 250 a|final1 550 b|failed 421 going (temporary)|close");
    LMTP(.server = HELLO "250 ok\r\n250 a\r\n250 b\r\n250 c\r\n354 go\r\n250 a\r\n354 what\r\n",
         .story  = "rcpt0 250 a|rcpt1 250 b|rcpt2 250 c|final0 250 a|failed the server asked for more after the "
                   "message (temporary)|close");
    LMTP(.server = HELLO "250 ok\r\n550 a\r\n550 b\r\n550 c\r\n354 go\r\n",
         .story  = "rcpt0 550 a|rcpt1 550 b|rcpt2 550 c|failed the server took DATA although it took no recipient "
                   "(temporary)|close");
    LMTP(.server = "220 mx\r\n500 what?\r\n", .story = "failed 500 what?|close"); /* HELO is none of LMTP's */
}

/* ---- TLS ----------------------------------------------------------------------------------------------------- */
TEST(starttls_and_a_second_ehlo)
{
    struct host *h = open_host((struct gp_smtp_plan) { .use_tls = true, .must_tls = true });
    hear(h, GP_LIT("220 mx\r\n250-mx\r\n250-PIPELINING\r\n250 STARTTLS\r\n"));
    CHECK_IS(gp_said(&h->wire), SAID_HELLO "STARTTLS\r\n");
    hear(h, GP_LIT("220 2.0.0 go\r\n"));
    CHECK_IS(gp_said(&h->story), "tls");
    CHECK(gp_smtp_client_offers(&h->client) == 0); /* what was said in clear is forgotten */
    CHECK_IS(gp_said(&h->wire), SAID_HELLO "STARTTLS\r\n" SAID_HELLO);
    hear(h, GP_LIT("250-mx\r\n250 STARTTLS\r\n550 no\r\n221 bye\r\n"));
    CHECK_IS(gp_said(&h->story), "tls|message 550 no|close");
    free(h);
}

TEST(words_behind_the_answer_to_starttls_are_never_believed)
{
    static const char inject[] = "220 go\r\n250-mx\r\n250 AUTH PLAIN\r\n";
    struct host      *h        = open_host((struct gp_smtp_plan) { .use_tls = true });
    hear(h, GP_LIT("220 mx\r\n250 STARTTLS\r\n"));
    free(h);
    for (int late = 0; late < 2; late++) {
        h = open_host((struct gp_smtp_plan) { .use_tls = true });
        pump(h);
        hear(h, GP_LIT("220 mx\r\n250-mx\r\n250 STARTTLS\r\n"));
        size_t                      first = late ? 8 : sizeof inject - 1;
        struct gp_smtp_client_event ev;
        CHECK(gp_smtp_client_feed(&h->client, (gp_str) { inject, first }) == first);
        ev = gp_smtp_client_next(&h->client);
        if (late) { /* they come while the host shakes hands */
            CHECK(ev.kind == GP_CLIENT_STARTTLS);
            CHECK(gp_smtp_client_next(&h->client).kind == GP_CLIENT_WAITING);
            gp_smtp_client_feed(&h->client, GP_LIT("250 x\r\n"));
            ev = gp_smtp_client_next(&h->client);
        }
        CHECK(ev.kind == GP_CLIENT_FAILED && ev.temporary && ev.code == 0);
        CHECK(gp_smtp_client_next(&h->client).kind == GP_CLIENT_CLOSE);
        free(h);
    }
}

TEST(no_tls_where_it_must_be_is_a_temporary_failure)
{
    RUN(.plan = { .use_tls = true, .must_tls = true }, .server = "220 mx\r\n250 mx\r\n",
        .story = "failed the server does not offer STARTTLS (temporary)|close");
    RUN(.plan = { .use_tls = true, .must_tls = true }, .server = "220 mx\r\n250-mx\r\n250 STARTTLS\r\n554 5.7.0 no\r\n",
        .story = "failed 554 5.7.0 no (temporary)|close");
    RUN(.plan   = { .use_tls = true },
        .server = "220 mx\r\n250-mx\r\n250 STARTTLS\r\n454 not now\r\n550 no\r\n221 bye\r\n",
        .story  = "message 550 no|close");
}

TEST(implicit_tls_takes_nothing_before_it)
{
    struct host *h = open_host((struct gp_smtp_plan) { .implicit_tls = true });
    CHECK(gp_smtp_client_next(&h->client).kind == GP_CLIENT_WAITING);
    CHECK(gp_smtp_client_feed(&h->client, GP_LIT("220 mx\r\n")) == 0);
    gp_smtp_client_secured(&h->client);
    CHECK(gp_smtp_client_next(&h->client).kind == GP_CLIENT_NEED_INPUT);
    hear(h, GP_LIT("220 mx\r\n"));
    CHECK_IS(gp_said(&h->wire), SAID_HELLO);
    free(h);
}

/* ---- AUTH ---------------------------------------------------------------------------------------------------- */
#define SIGN_IN .plan = { .may_auth = true, .must_auth = true }

TEST(signs_in)
{
    RUN(SIGN_IN, .server = "220 mx\r\n250-mx\r\n250 AUTH PLAIN LOGIN\r\n235 2.7.0 welcome\r\n550 no\r\n221 bye\r\n",
        .story = "auth PLAIN LOGIN|authed 235 2.7.0 welcome|message 550 no|close",
        .wire  = SAID_HELLO "AUTH PLAIN AHUAcA==\r\nMAIL FROM:<s@example.org>\r\nQUIT\r\n");
    RUN(SIGN_IN, .server = "220 mx\r\n250-mx\r\n250 AUTH PLAIN\r\n334 eA==\r\n501 5.7.0 cancelled\r\n",
        .story = "auth PLAIN|more 334 eA==|failed 501 5.7.0 cancelled|close",
        .wire  = SAID_HELLO "AUTH PLAIN AHUAcA==\r\n*\r\n");
    RUN(SIGN_IN, .server = "220 mx\r\n250-mx\r\n250 AUTH=PLAIN\r\n535 5.7.8 no\r\n",
        .story = "auth PLAIN|failed 535 5.7.8 no|close");
    RUN(SIGN_IN, .server = "220 mx\r\n250-mx\r\n250 AUTH LOGIN\r\n",
        .story = "auth LOGIN|failed no way to sign in that both sides know (temporary)|close");
    RUN(SIGN_IN, .server = "220 mx\r\n250 mx\r\n", .story = "failed the server does not offer AUTH (temporary)|close");
}

TEST(no_password_in_clear_where_tls_was_wanted)
{
    RUN(.plan   = { .use_tls = true, .may_auth = true, .must_auth = true },
        .server = "220 mx\r\n250-mx\r\n250 AUTH PLAIN\r\n",
        .story  = "failed no sign-in without TLS, which the server does not offer (temporary)|close");
    RUN(.plan   = { .use_tls = true, .may_auth = true },
        .server = "220 mx\r\n250-mx\r\n250 AUTH PLAIN\r\n550 no\r\n221 bye\r\n", .story = "message 550 no|close");
}

TEST(an_initial_response_that_is_too_long_waits) /* RFC 4954 4 */
{
    static char  initial[600];
    struct host *h = open_host((struct gp_smtp_plan) { .may_auth = true });
    memset(initial, 'A', sizeof initial);
    gp_smtp_client_feed(&h->client, GP_LIT("220 mx\r\n250-mx\r\n250 AUTH PLAIN\r\n"));
    CHECK(gp_smtp_client_next(&h->client).kind == GP_CLIENT_AUTH);
    CHECK(!gp_smtp_client_auth_line(&h->client, GP_LIT("x\r\nMAIL")));
    CHECK(gp_smtp_client_auth(&h->client, GP_LIT("PLAIN"), (gp_str) { initial, sizeof initial }));
    CHECK(gp_ends(gp_smtp_client_output(&h->client), "\r\nAUTH PLAIN\r\n"));
    CHECK(!gp_smtp_client_auth(&h->client, GP_LIT("PLAIN"), GP_NONE)); /* one at a time */
    gp_smtp_client_feed(&h->client, GP_LIT("334 \r\n"));
    CHECK(gp_smtp_client_next(&h->client).kind == GP_CLIENT_AUTH_MORE);
    CHECK(gp_smtp_client_auth_line(&h->client, (gp_str) { initial, sizeof initial }));
    size_t most = gp_smtp_client_output(&h->client).len;
    gp_smtp_client_sent(&h->client, most);
    CHECK(!memmem(h->room.out, most, "AAAA", 4)); /* wiped once it is sent */
    free(h);
}

TEST(a_challenge_may_be_long_and_its_lines_only_one)
{
    static char line[GP_SMTP_AUTH_MOST];
    memset(line, 'A', sizeof line);
    memcpy(line, "334 ", 4);
    memcpy(line + sizeof line - 2, "\r\n", 2);
    struct host *h = open_host((struct gp_smtp_plan) { .may_auth = true });
    hear(h, GP_LIT("220 mx\r\n250-mx\r\n250 AUTH PLAIN\r\n"));
    hear(h, (gp_str) { line, sizeof line });
    CHECK(gp_ends(gp_said(&h->wire), "*\r\n"));
    free(h);
    RUN(SIGN_IN, .server = "220 mx\r\n250-mx\r\n250 AUTH PLAIN\r\n334-x\r\n334 y\r\n",
        .story = "auth PLAIN|failed 334 x y|close");
}

/* ---- hostile servers ------------------------------------------------------------------------------------------- */
TEST(what_is_no_reply_ends_the_session)
{
    static const char *const no_smtp = "failed the server does not speak SMTP (temporary)|close";
    static const struct {
        const char *server, *story;
    } rows[] = {
        {"HTTP/1.1 400 Bad Request\r\n",                                        NULL                                                              },
        { "\r\n",                                                               NULL                                                              },
        { "22\r\n",                                                             NULL                                                              },
        { "120 soon\r\n",                                                       NULL                                                              },
        { "620 x\r\n",                                                          NULL                                                              },
        { "220x\r\n",                                                           NULL                                                              },
        { "220-mx\r\n250 mx\r\n",                                               "failed the server mixed two codes in one reply (temporary)|close"},
        { HELLO "250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n",
         "rcpt0 250 ok|rcpt1 250 ok|rcpt2 250 ok|failed the server took DATA for done (temporary)|close"                                          },
        { HELLO "354 ok\r\n",                                                   "failed the server asked for more after MAIL (temporary)|close"   },
        { HELLO "250 ok\r\n354 ok\r\n",                                         "failed the server asked for more after RCPT (temporary)|close"   },
        { HELLO "250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 ok\r\n354 ok\r\n",
         "rcpt0 250 ok|rcpt1 250 ok|rcpt2 250 ok|failed the server asked for more after the message (temporary)|close"                            },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++)
        RUN(.server = rows[i].server, .story = rows[i].story ? rows[i].story : no_smtp);
}

TEST(lines_and_replies_have_a_bound)
{
    static char  flood[1 << 20];
    struct host *h = open_host((struct gp_smtp_plan) { 0 });
    memset(flood, 'x', sizeof flood);
    memcpy(flood, "220 ", 4);
    hear(h, (gp_str) { flood, sizeof flood });
    CHECK_IS(gp_said(&h->story), "failed the server's reply line is too long (temporary)|close");
    free(h);
    for (size_t at = 0; at + 8 <= sizeof flood; at += 8) memcpy(flood + at, "220-xx\r\n", 8);
    h = open_host((struct gp_smtp_plan) { 0 });
    hear(h, (gp_str) { flood, sizeof flood });
    CHECK_IS(gp_said(&h->story), "failed the server's reply has no end (temporary)|close");
    free(h);
}

TEST(reply_texts_are_cleaned_and_joined)
{
    RUN(.server = HELLO
        "550-5.1.1 no\tsuch \x1b[31muser\r\n550-5.1.1   \r\n550 5.1.1 h\xc3\xa4 5.1.1\r\n503 x\r\n503 x\r\n503 x\r\n503 x\r\n221 bye\r\n",
        .story = "message 550 5.1.1 nosuch [31muser h?? 5.1.1|close");
    RUN(.server = "554 4.7.1 class of another code\r\n", .story = "failed 554 4.7.1 class of another code|close");
    RUN(.server = "554 5.7\r\n", .story = "failed 554 5.7|close");
    RUN(.server = "554 5.7.1234 x\r\n", .story = "failed 554 5.7.1234 x|close");
    RUN(.server = "554\r\n", .story = "failed 554|close");
}

TEST(nothing_of_ours_can_end_a_line)
{
    struct gp_reply why;
    struct host    *h = open_host((struct gp_smtp_plan) { 0 });
    h->messages       = 0;
    gp_smtp_client_feed(&h->client, GP_LIT(HELLO));
    while (gp_smtp_client_next(&h->client).kind != GP_CLIENT_READY) {}
    CHECK(!gp_smtp_client_mail(&h->client, GP_LIT("a@b.c>\r\nRCPT TO:<x@y.z"), GP_NONE, 0, &why));
    CHECK(!gp_smtp_client_mail(&h->client, GP_LIT("a@b.c"), GP_LIT("RET=\n"), 0, &why));
    CHECK(gp_smtp_client_mail(&h->client, GP_LIT("a@b.c"), GP_NONE, 0, &why));
    CHECK(gp_smtp_client_next(&h->client).kind == GP_CLIENT_NEXT_RCPT);
    CHECK(gp_smtp_client_rcpt(&h->client, GP_LIT("x@y.z>\r\nDATA"), GP_NONE));
    CHECK(gp_smtp_client_next(&h->client).kind == GP_CLIENT_FAILED);
    free(h);
}

/* ---- bodies ------------------------------------------------------------------------------------------------------ */
static void check_body(gp_str body, size_t piece, const char *want)
{
    struct host *h  = open_host((struct gp_smtp_plan) { 0 });
    h->client.phase = GP_CLIENT_AT_BODY;
    size_t at = 0, steps = 0;
    while (at < body.len && steps++ < STORY_ROOM) {
        at += gp_smtp_client_body(&h->client, gp_head(gp_tail(body, at), piece));
        gp_str out = gp_smtp_client_output(&h->client);
        gp_put(&h->wire, out);
        gp_smtp_client_sent(&h->client, out.len);
    }
    CHECK(at == body.len && gp_smtp_client_done(&h->client));
    gp_put(&h->wire, gp_smtp_client_output(&h->client));
    if (want) CHECK_IS(gp_said(&h->wire), want);
    gp_str wire = gp_said(&h->wire);
    for (size_t i = 0; i < wire.len; i++) {
        CHECK(wire.ptr[i] != '\n' || (i > 0 && wire.ptr[i - 1] == '\r'));
        CHECK(wire.ptr[i] != '\r' || (i + 1 < wire.len && wire.ptr[i + 1] == '\n'));
    }
    const char *end = memmem(wire.ptr, wire.len, "\r\n.\r\n", 5);
    CHECK(end == wire.ptr + wire.len - 5 || (wire.len == 3 && !end) || (gp_starts(wire, ".\r\n") && wire.len == 3));
    free(h);
}

TEST(dots_are_doubled_and_line_ends_made_whole)
{
    static const struct {
        const char *body, *wire;
    } rows[] = {
        {"",                    ".\r\n"                    },
        { "a",                  "a\r\n.\r\n"               },
        { "a\r\n",              "a\r\n.\r\n"               },
        { ".",                  "..\r\n.\r\n"              },
        { ".\r\n",              "..\r\n.\r\n"              },
        { "..\r\n.x\r\nx.\r\n", "...\r\n..x\r\nx.\r\n.\r\n"},
        { "a\n.\nb",            "a\r\n..\r\nb\r\n.\r\n"    },
        { "a\r.\rb\r",          "a\r\n..\r\nb\r\n.\r\n"    },
        { "a\r\r\nb\n\r",       "a\r\n\r\nb\r\n\r\n.\r\n"  },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++)
        for (size_t piece = 1; piece < 8; piece++) check_body(gp_from(rows[i].body), piece, rows[i].wire);
}

PROPERTY(no_body_ends_before_its_end, bytes)
{
    check_body(bytes, 1 + bytes.len / 3, NULL);
}

/* ---- any bytes ----------------------------------------------------------------------------------------------------- */
static struct host *story_of(gp_str bytes, size_t piece)
{
    struct gp_smtp_plan plan = { .may_auth = bytes.ptr[0] & 1, .lmtp = bytes.ptr[0] & 2 };
    struct host        *h    = open_host(plan);
    h->messages              = 2;
    hear_in_pieces(h, gp_tail(bytes, 1), piece);
    return h;
}

/* The first octet is the plan, the rest is what the server says, however the network cuts it. */
PROPERTY(any_split_of_a_server_tells_the_same_story, bytes)
{
    if (bytes.len < 2) return;
    struct host *whole = story_of(bytes, bytes.len);
    for (size_t piece = 1; piece < 20; piece = piece * 2 + 1) {
        struct host *cut = story_of(bytes, piece);
        CHECK_SAME(gp_said(&cut->story), gp_said(&whole->story));
        CHECK_SAME(gp_said(&cut->wire), gp_said(&whole->wire));
        free(cut);
    }
    free(whole);
}
