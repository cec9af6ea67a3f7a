/* XMINE alone: what its arguments may be, and a reply of several lines. */
#include "check.h"
#include "smtp/session.h"

#include <string.h>

#define TOO_LONG_ID    "abcdefghijklmnopqrstuvwxyz0123456"
#define TOO_LONG_ENVID TOO_LONG_ID TOO_LONG_ID TOO_LONG_ID TOO_LONG_ID

TEST(what_may_be_asked_is_read)
{
    /* clang-format off */
    static const struct { const char *text; enum gp_mine_verb verb; const char *name; uint64_t after; } rows[] = {
        { "LIST",                GP_MINE_LIST,   "",            0  },
        { "list 17",             GP_MINE_LIST,   "",            17 },
        { "RECENT 18",           GP_MINE_RECENT, "",            18 },
        { "SHOW k3v7qz2m",       GP_MINE_SHOW,   "k3v7qz2m",    0  },
        { "show k3v7qz2m  9",    GP_MINE_SHOW,   "k3v7qz2m",    9  },
        { "ENVID order+2B7",     GP_MINE_ENVID,  "order+2B7",   0  },
        { "ENVID order+2B7 12",  GP_MINE_ENVID,  "order+2B7",   12 },
        { "CANCEL k3v7qz2m",     GP_MINE_CANCEL, "k3v7qz2m",    0  },
        { "Send k3v7qz2m ",      GP_MINE_SEND,   "k3v7qz2m",    0  },
    };
    /* clang-format on */
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct gp_mine m;
        CHECK(gp_read_mine(gp_from(rows[i].text), &m));
        CHECK(m.verb == rows[i].verb && m.after == rows[i].after);
        CHECK_IS(m.name, rows[i].name);
    }
}

TEST(what_may_not_be_asked_is_refused)
{
    static const char *const rows[] = {
        "",          "17",        "LISTS",     "LIST -1",   "LIST 1 2",         "LIST 9999999999999999999",
        "SHOW",      "SHOW a.b",  "SHOW ../x", "SHOW a b",  "SHOW a 1 2",       "SHOW " TOO_LONG_ID,
        "ENVID",     "ENVID a=b", "ENVID a+2", "ENVID a x", "CANCEL",           "CANCEL k3v7qz2m 1",
        "CANCEL a*", "SEND",      "SEND a 1",  "SHOW '",    "SHOW k3v\xc3\xbc", "ENVID " TOO_LONG_ENVID,
    };
    struct gp_mine m;
    for (size_t i = 0; i < GP_COUNT(rows); i++)
        if (gp_read_mine(gp_from(rows[i]), &m)) fail_msg("'%s' was read", rows[i]);
}

PROPERTY(any_arguments_are_read_within_bounds, bytes)
{
    struct gp_mine m;
    if (!gp_read_mine(bytes, &m)) return;
    CHECK(m.verb < GP_MINE_VERBS && m.name.len <= GP_MINE_NAME_MOST && m.after <= INT64_MAX);
}

/* ---- the reply ------------------------------------------------------------------------------------------------------------- */
static struct gp_smtp_room room;

static void ask(struct gp_smtp_server *s, const struct gp_smtp_options *o, const char *commands)
{
    gp_smtp_server_init(s, o);
    gp_smtp_server_lend(s, &room);
    gp_smtp_server_trust(s);
    gp_smtp_server_greet(s);
    (void)gp_smtp_server_feed(s, gp_from(commands));
    while (gp_smtp_server_next(s).kind == GP_SMTP_NOTICE) {}
}

static const struct gp_smtp_options offering = {
    .hostname = "mx.example.org", .mechanisms = "PLAIN", .errors_most = 10, .mine = true
};

TEST(it_is_answered_in_lines_of_which_the_last_ends_it)
{
    struct gp_smtp_server s;
    ask(&s, &offering, "EHLO c\r\nXMINE LIST\r\nNOOP\r\n");
    gp_smtp_server_sent(&s, gp_smtp_server_output(&s).len);
    CHECK(gp_smtp_server_line(&s, (struct gp_reply) { 250, "2.0.0", "{\"message\":\"k3v\"}" }));
    CHECK(gp_smtp_server_line(&s, (struct gp_reply) { 250, "2.0.0", "one\r\ntwo" }));
    gp_smtp_server_answer(&s, (struct gp_reply) { 250, "2.0.0", "end" });
    CHECK_IS(gp_smtp_server_output(&s), "250-2.0.0 {\"message\":\"k3v\"}\r\n250-2.0.0 one??two\r\n250 2.0.0 end\r\n");
    CHECK(!gp_smtp_server_line(&s, (struct gp_reply) { 250, "2.0.0", "nobody has asked" }));
    CHECK(gp_smtp_server_next(&s).kind == GP_SMTP_NEED_INPUT && gp_smtp_server_state(&s) == GP_SMTP_COMMANDS);
}

/* However much was said before it: as many lines as are promised fit, and the last one behind them. */
TEST(there_is_room_for_as_many_lines_as_are_promised)
{
    enum { LONG = 464 };
    struct gp_smtp_server s;
    char                  text[LONG + 1], room_of_noops[2048];
    struct gp_text        noops = GP_TEXT(room_of_noops);
    size_t                said = 0, lines = 0;
    memset(text, 'x', LONG);
    text[LONG] = '\0';
    gp_put_z(&noops, "EHLO c\r\n");
    while (noops.len + 32 < noops.room) gp_put_z(&noops, "NOOP\r\n");
    gp_put_z(&noops, "XMINE LIST\r\n");
    gp_put_char(&noops, '\0');
    ask(&s, &offering, room_of_noops);
    CHECK(gp_smtp_server_state(&s) == GP_SMTP_COMMANDS); /* what was said has to go out first */
    while (gp_smtp_server_state(&s) != GP_SMTP_ANSWERING) {
        gp_smtp_server_sent(&s, 1);
        (void)gp_smtp_server_next(&s);
    }
    for (; said + GP_SMTP_LINE_OVERHEAD + LONG <= GP_SMTP_LINES_MOST; said += GP_SMTP_LINE_OVERHEAD + LONG, lines++)
        CHECK(gp_smtp_server_line(&s, (struct gp_reply) { 250, "2.0.0", text }));
    CHECK(lines == 8);
    gp_smtp_server_answer(&s, (struct gp_reply) { 250, "2.0.0", "end" });
    CHECK(gp_ends(gp_smtp_server_output(&s), "\r\n250 2.0.0 end\r\n"));
}

TEST(a_line_that_is_too_long_for_smtp_is_not_said)
{
    char                  text[GP_SMTP_REPLY_MOST] = "";
    struct gp_smtp_server s;
    memset(text, 'x', sizeof text - 1);
    ask(&s, &offering, "EHLO c\r\nXMINE LIST\r\n");
    CHECK(!gp_smtp_server_line(&s, (struct gp_reply) { 250, "2.0.0", text }));
}
