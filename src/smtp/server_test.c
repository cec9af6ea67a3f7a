/* The server session beyond single dialogues: any split tells the same story, work is linear, room is lent and given back,
 * and every line of commands.json is answered with a reply that conforms. */
#include "check.h"
#include "smtp/session.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { STORY_MOST = 48 * 1024, STEPS_MOST = 100000 };

static const struct gp_smtp_options options = { "mx.example", "PLAIN LOGIN", 3000, 3, 5, 12, 3, false };

/* ---- a host that answers everything in a fixed way, and writes down what it hears ----------------------------------------- */
struct talk {
    struct gp_smtp_server server;
    struct gp_smtp_room   room;
    struct gp_text        story, body;
    char                  story_room[STORY_MOST], body_room[STORY_MOST];
    unsigned              steps;
    bool                  closed;
};

static struct gp_reply answer_to(const struct gp_smtp_event *ev)
{
    bool refused = ev->text.len > 0 && gp_find(ev->text, '!') < ev->text.len;
    switch (ev->kind) {
    case GP_SMTP_STARTTLS: return (struct gp_reply) { 454, "4.7.0", "no TLS here" };
    case GP_SMTP_AUTH: return (struct gp_reply) { ev->more.ptr ? 235 : 334, ev->more.ptr ? "2.7.0" : NULL, "" };
    case GP_SMTP_AUTH_MORE: return (struct gp_reply) { refused ? 535 : 235, refused ? "5.7.8" : "2.7.0", "said" };
    case GP_SMTP_DATA: return (struct gp_reply) { 354, NULL, "go ahead" };
    default: return (struct gp_reply) { refused ? 550 : 250, refused ? "5.7.1" : "2.0.0", "said" };
    }
}

/* Pieces of text are cut as the network cuts them: only what is committed is part of the story. */
static void note(struct talk *t, const struct gp_smtp_event *ev)
{
    if (ev->kind == GP_SMTP_BODY) {
        gp_put(&t->body, ev->text);
        return;
    }
    gp_put_number(&t->story, ev->kind);
    gp_put(&t->story, ev->text);
    gp_put_char(&t->story, '|');
    gp_put(&t->story, ev->more);
    if (ev->kind == GP_SMTP_END) gp_put(&t->story, gp_said(&t->body));
    if (ev->kind == GP_SMTP_END || ev->kind == GP_SMTP_RESET) t->body.len = 0;
    gp_put_char(&t->story, '\n');
}

static void flush(struct talk *t)
{
    gp_str out = gp_smtp_server_output(&t->server);
    gp_put(&t->story, out);
    gp_smtp_server_sent(&t->server, out.len);
}

static void pump(struct talk *t)
{
    for (;;) {
        struct gp_smtp_event ev    = gp_smtp_server_next(&t->server);
        bool                 owing = gp_smtp_server_output(&t->server).len > 0;
        CHECK(++t->steps < STEPS_MOST);
        t->closed = t->closed || ev.kind == GP_SMTP_CLOSE;
        flush(t); /* always at once: otherwise the order of replies and events would depend on the cuts */
        if (ev.kind > GP_SMTP_CLOSE) note(t, &ev);
        if (ev.kind >= GP_SMTP_STARTTLS)
            gp_smtp_server_answer(&t->server, answer_to(&ev));
        else if (ev.kind == GP_SMTP_NEED_INPUT || ev.kind == GP_SMTP_CLOSE || (ev.kind == GP_SMTP_WAITING && !owing))
            return;
    }
}

static void tell(struct talk *t, gp_str bytes)
{
    while (bytes.len > 0) {
        size_t taken = gp_smtp_server_feed(&t->server, bytes);
        pump(t);
        CHECK(taken > 0);
        bytes = gp_tail(bytes, taken);
    }
}

static struct talk *open_talk(bool secure)
{
    struct talk *t = calloc(1, sizeof *t);
    CHECK(t);
    t->story = GP_TEXT(t->story_room);
    t->body  = GP_TEXT(t->body_room);
    gp_smtp_server_init(&t->server, &options);
    gp_smtp_server_lend(&t->server, &t->room);
    if (secure) gp_smtp_server_secured(&t->server);
    gp_smtp_server_greet(&t->server);
    pump(t);
    return t;
}

static struct talk *open_authed(void)
{
    struct talk *t = open_talk(true);
    tell(t, GP_LIT("EHLO c.example\r\nAUTH PLAIN AGEAYg==\r\n"));
    t->story.len = 0;
    return t;
}

static bool said(const struct talk *t, const char *what)
{
    return memmem(t->story.ptr, t->story.len, what, strlen(what)) != NULL;
}

/* ---- splits ------------------------------------------------------------------------------------------------------------------ */
static struct talk *talk_in_pieces(gp_str bytes, size_t piece, bool authed)
{
    struct talk *t = authed ? open_authed() : open_talk(bytes.len % 2);
    while (bytes.len > 0) {
        tell(t, gp_head(bytes, piece));
        bytes = gp_tail(bytes, piece);
    }
    return t;
}

static void same_story(gp_str bytes, bool authed)
{
    enum { PIECES = 8 };
    struct talk *whole = talk_in_pieces(bytes, bytes.len, authed);
    for (size_t piece = 1; piece < PIECES; piece++) {
        struct talk *cut = talk_in_pieces(bytes, piece, authed);
        CHECK_SAME(gp_said(&cut->story), gp_said(&whole->story));
        CHECK(cut->closed == whole->closed);
        free(cut);
    }
    free(whole);
}

PROPERTY(any_split_tells_the_same_story, bytes)
{
    if (bytes.len == 0) return;
    same_story(bytes, false);
    same_story(bytes, true);
}

/* ---- work ------------------------------------------------------------------------------------------------------------------------ */
/* 16 KiB octet by octet: at most two calls of next() an octet, and no octet is searched twice (lines_test). */
static void within_budget(const char *start, char filler)
{
    struct talk *t = open_authed();
    tell(t, gp_from(start));
    unsigned before = t->steps;
    for (size_t i = 0; i < GP_SMTP_IN_ROOM; i++) tell(t, (gp_str) { &filler, 1 });
    CHECK(t->steps - before <= 2 * GP_SMTP_IN_ROOM);
    free(t);
}

TEST(sixteen_kib_octet_by_octet_take_linear_work)
{
    within_budget("", 'x');
    within_budget("", '\n');
    within_budget("AUTH PLAIN ", 'A');
    within_budget("MAIL FROM:<a@b.example>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n", '.');
    within_budget("MAIL FROM:<a@b.example>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n", '\r');
    within_budget("MAIL FROM:<a@b.example>\r\nRCPT TO:<a@b.example>\r\nBDAT 100000\r\n", '\n');
}

/* ---- room ------------------------------------------------------------------------------------------------------------------------- */
TEST(an_idle_session_holds_no_room_and_leaves_no_password_in_it)
{
    struct talk *t = open_talk(true);
    tell(t, GP_LIT("EHLO c.example\r\nAUTH PLAIN AHNlY3JldABzZWNyZXQ=\r\n"));
    CHECK(gp_smtp_server_take_back(&t->server) == &t->room);
    CHECK(!memmem(t->room.in, sizeof t->room.in, "AHNlY3JldAB", 11));
    CHECK(gp_smtp_server_take_back(&t->server) == NULL);
    struct gp_smtp_room other;
    memset(&other, 'x', sizeof other);
    gp_smtp_server_lend(&t->server, &other);
    tell(t, GP_LIT("NOOP\r\n"));
    CHECK(said(t, "250 2.0.0 ok\r\n"));
    CHECK(gp_smtp_server_take_back(&t->server) == &other);
    free(t);
}

TEST(room_in_use_is_not_given_back)
{
    struct talk *t = open_authed();
    tell(t, GP_LIT("NOO"));
    CHECK(gp_smtp_server_take_back(&t->server) == NULL); /* half a line */
    CHECK(gp_smtp_server_feed(&t->server, GP_LIT("P\r\n")) == 3);
    CHECK(gp_smtp_server_next(&t->server).kind == GP_SMTP_NEED_INPUT);
    CHECK(gp_smtp_server_take_back(&t->server) == NULL); /* a reply */
    flush(t);
    CHECK(gp_smtp_server_feed(&t->server, GP_LIT("MAIL FROM:<>\r\n")) > 0);
    CHECK(gp_smtp_server_next(&t->server).kind == GP_SMTP_MAIL);
    CHECK(gp_smtp_server_take_back(&t->server) == NULL); /* a question */
    free(t);
}

TEST(a_password_is_wiped_as_soon_as_it_is_answered)
{
    struct talk *t = open_talk(true);
    tell(t, GP_LIT("EHLO c.example\r\nAUTH PLAIN AHNlY3JldABzZWNyZXQ=\r\nNOO"));
    CHECK(!memmem(t->room.in, sizeof t->room.in, "AHNlY3JldAB", 11));
    tell(t, GP_LIT("P\r\n"));
    CHECK(said(t, "250 2.0.0 ok\r\n"));
    free(t);
}

/* ---- back-pressure ------------------------------------------------------------------------------------------------------------------ */
TEST(a_full_room_takes_no_more_until_an_answer_makes_some)
{
    static const char noop[] = "NOOP\r\n";
    struct talk      *t      = open_authed();
    CHECK(gp_smtp_server_feed(&t->server, GP_LIT("MAIL FROM:<>\r\n")) > 0);
    CHECK(gp_smtp_server_next(&t->server).kind == GP_SMTP_MAIL);
    size_t fed = 0;
    for (size_t n = 1; n > 0; fed += n) n = gp_smtp_server_feed(&t->server, gp_from(noop));
    CHECK(fed <= GP_SMTP_IN_ROOM && fed > GP_SMTP_AUTH_MOST);
    CHECK(gp_smtp_server_next(&t->server).kind == GP_SMTP_WAITING);
    gp_smtp_server_answer(&t->server, (struct gp_reply) { 250, "2.1.0", "ok" });
    CHECK(gp_smtp_server_next(&t->server).kind == GP_SMTP_WAITING); /* replies fill the way out */
    CHECK(gp_smtp_server_output(&t->server).len > 0);
    pump(t);
    CHECK(gp_smtp_server_feed(&t->server, gp_from(noop)) > 0);
    free(t);
}

TEST(answers_that_nobody_asked_for_change_nothing)
{
    struct talk *t = open_talk(true);
    t->story.len   = 0;
    gp_smtp_server_answer(&t->server, (struct gp_reply) { 235, "2.7.0", "forged" });
    tell(t, GP_LIT("EHLO c\r\nMAIL FROM:<>\r\n"));
    CHECK(said(t, "530 5.7.0") && !said(t, "forged"));
    free(t);
}

TEST(what_is_not_listed_may_be_the_hosts_to_decide)
{
    static const struct gp_smtp_options some = { .hostname           = "mx.example",
                                                 .mechanisms         = "PLAIN",
                                                 .size_limit         = 3000,
                                                 .recipients_most    = 3,
                                                 .mails_most         = 5,
                                                 .errors_most        = 12,
                                                 .auth_failures_most = 3,
                                                 .implicit_tls       = true,
                                                 .unlisted           = "LOGIN CRAM-MD5" };
    struct talk                        *t    = open_talk(true);
    gp_smtp_server_init(&t->server, &some);
    gp_smtp_server_lend(&t->server, &t->room);
    gp_smtp_server_secured(&t->server);
    gp_smtp_server_greet(&t->server);
    tell(t, GP_LIT("EHLO c\r\nAUTH CRAM-SHA\r\n"));
    CHECK(said(t, "AUTH PLAIN\r\n") && said(t, "504 5.5.4"));
    CHECK(gp_smtp_server_feed(&t->server, GP_LIT("AUTH cram-md5\r\n")) > 0);
    struct gp_smtp_event ev = gp_smtp_server_next(&t->server);
    CHECK(ev.kind == GP_SMTP_AUTH);
    CHECK_IS(ev.text, "cram-md5");
    free(t);
}

TEST(the_text_of_a_reply_can_not_end_it)
{
    struct talk *t = open_authed();
    CHECK(gp_smtp_server_feed(&t->server, GP_LIT("MAIL FROM:<>\r\n")) > 0);
    CHECK(gp_smtp_server_next(&t->server).kind == GP_SMTP_MAIL);
    gp_smtp_server_answer(&t->server, (struct gp_reply) { 550, "5.7.1", "no\r\n250 yes" });
    flush(t);
    CHECK_IS(gp_said(&t->story), "550 5.7.1 no??250 yes\r\n");
    free(t);
}

TEST(helo_is_kept_clean)
{
    struct talk *t = open_talk(true);
    tell(t, GP_LIT("EHLO a(b)c<d>e\"f my_pc\r\n"));
    CHECK_IS(gp_smtp_server_helo(&t->server), "a?b?c?d?e?f?my_pc");
    CHECK(gp_smtp_server_said_ehlo(&t->server));
    free(t);
}

TEST(the_state_picks_the_time_limit)
{
    static const struct {
        const char        *said;
        enum gp_smtp_state state;
    } steps[] = {
        {"NOOP\r\n",                                              GP_SMTP_COMMANDS  },
        { "AUTH LOGIN\r\n",                                       GP_SMTP_SIGNING_IN},
        { "YQ==\r\n",                                             GP_SMTP_COMMANDS  },
        { "MAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nBDAT 2\r\nx", GP_SMTP_IN_BODY   },
        { "y",                                                    GP_SMTP_IN_BODY   },
        { "RSET\r\n",                                             GP_SMTP_COMMANDS  },
        { "QUIT\r\n",                                             GP_SMTP_ENDED     },
    };
    struct talk *t = open_talk(true);
    tell(t, GP_LIT("EHLO c\r\n"));
    for (size_t i = 0; i < GP_COUNT(steps); i++) {
        tell(t, gp_from(steps[i].said));
        CHECK(gp_smtp_server_state(&t->server) == steps[i].state);
    }
    free(t);
}

/* ---- vectors ---------------------------------------------------------------------------------------------------------------------------- */
static const struct {
    const char *name, *lines;
    bool        secure;
} states[] = {
    {"before TLS",                               "EHLO c\r\n",                                                     false},
    { "before AUTH",                             "EHLO c\r\n",                                                     true },
    { "unauthenticated, after an accepted MAIL", "EHLO c\r\nAUTH PLAIN AGEAYg==\r\nMAIL FROM:<a@example.com>\r\n",
     true                                                                                                               },
    { "after EHLO, TLS and AUTH",                "EHLO c\r\nAUTH PLAIN AGEAYg==\r\n",                              true },
    { "after MAIL",                              "EHLO c\r\nAUTH PLAIN AGEAYg==\r\nMAIL FROM:<a@example.com>\r\n", true },
    { "after MAIL and one good RCPT",
     "EHLO c\r\nAUTH PLAIN AGEAYg==\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@c.example>\r\n",                    true },
};

static struct talk *in_state(const char *name)
{
    for (size_t i = 0; i < GP_COUNT(states); i++) {
        if (strcmp(states[i].name, name) != 0) continue;
        struct talk *t = open_talk(states[i].secure);
        tell(t, gp_from(states[i].lines));
        t->story.len = 0;
        return t;
    }
    fail_msg("no such state: %s", name);
    return NULL;
}

/* The code of the last reply line, "250" of "250 SMTPUTF8". */
static gp_str last_code(const struct talk *t)
{
    uint64_t code;
    for (size_t i = t->story.len; i >= 4; i--)
        if (gp_read_number((gp_str) { t->story.ptr + i - 4, 3 }, 999, &code) &&
            (i == 4 || t->story.ptr[i - 5] == '\n') && t->story.ptr[i - 1] == ' ')
            return (gp_str) { t->story.ptr + i - 4, 3 };
    return GP_NONE;
}

static void conforms(const json_t *row)
{
    const char  *line   = json_string_value(json_object_get(row, "line"));
    const char  *expect = json_string_value(json_object_get(row, "expect"));
    struct talk *t      = in_state(json_string_value(json_object_get(row, "state")));
    tell(t, gp_from(line));
    tell(t, GP_LIT("\r\n"));
    gp_str code = last_code(t), rest = gp_from(expect);
    bool   good = false;
    while (rest.len > 0) good = gp_same(gp_cut(&rest, '|'), code) || good;
    /* The host of these tests signs everybody in, so that what a mechanism refuses is vault's to be tested. */
    bool host = gp_starts(gp_from(line), "AUTH CRAM-MD5");
    if (!good && !host) fail_msg("\"%s\": want %s, got %.*s", line, expect, (int)t->story.len, t->story.ptr);
    free(t);
}

TEST(every_line_of_the_vectors_gets_a_reply_that_conforms)
{
    size_t  length;
    char   *text = kit_file("tests/vectors/commands.json", &length);
    json_t *all = json_loadb(text, length, 0, NULL), *lines = json_object_get(all, "lines");
    CHECK(json_array_size(lines) > 50);
    for (size_t i = 0; i < json_array_size(lines); i++) conforms(json_array_get(lines, i));
    json_decref(all);
    free(text);
}

/* What stands between the brackets, without the route that nobody follows any more. */
static gp_str mailbox_in(gp_str path)
{
    gp_str inside = gp_head(gp_tail(path, 1), path.len - 2), rest = inside;
    if (gp_starts(inside, "@")) (void)gp_cut(&rest, ':');
    return rest;
}

static void check_path(gp_str path, const char *verb, enum gp_smtp_kind kind)
{
    struct talk   *t = open_authed();
    char           room[512];
    struct gp_text text = GP_TEXT(room);
    gp_put_z(&text, verb);
    gp_put(&text, path);
    gp_put_z(&text, "\r\n");
    tell(t, gp_said(&text));
    text.len = 0;
    gp_put_number(&text, kind);
    gp_put(&text, mailbox_in(path));
    gp_put_z(&text, "|\n");
    gp_put_char(&text, '\0');
    bool nobody = kind == GP_SMTP_RCPT && mailbox_in(path).len == 0; /* RFC 5321 4.1.1.3: <> is a sender alone */
    if (said(t, room) == nobody || (nobody && gp_same(last_code(t), GP_LIT("250"))))
        fail_msg("%.*s: %.*s", (int)path.len, path.ptr, (int)t->story.len, t->story.ptr);
    free(t);
}

TEST(paths_of_the_vectors_are_read_and_left_as_they_are)
{
    size_t  length, i;
    char   *text = kit_file("tests/vectors/addresses.json", &length);
    json_t *all  = json_loadb(text, length, JSON_ALLOW_NUL, NULL), *row;
    json_array_foreach(json_object_get(all, "paths"), i, row)
    {
        gp_str path = gp_from(json_string_value(json_object_get(row, "path")));
        check_path(path, "MAIL FROM:", GP_SMTP_MAIL);
        check_path(path, "MAIL FROM:<a@example.org>\r\nRCPT TO:", GP_SMTP_RCPT);
    }
    CHECK(i >= 5);
    json_decref(all);
    free(text);
}
