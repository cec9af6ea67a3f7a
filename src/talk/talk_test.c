/* A client's connection against a scripted server: replies, offers, messages, and what a hostile server may say. */
#include "talk/parts.h"
#include "talk/server_kit.h"

#include "check.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NOW_MS = 50 };

TEST(replies_are_read_whole)
{
    static const struct script script[] = {
        {"",            "220-mail.example.org\r\n220 ready\r\n"                                            },
        { "EHLO c\r\n", "250-mail.example.org\r\n250-SIZE 1000\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n"},
        { "NOOP\r\n",   "250-2.0.0 one\r\n250-2.0.0 two\r\n250 2.0.0 three\r\n"                            },
        { "X\r\n",      "500 5.9.9.9 what\r\n"                                                             },
        { NULL,         NULL                                                                               },
    };
    struct meeting    m;
    struct talk_reply r;
    gp_str            argument;
    played_meet(&m, script);
    CHECK(talk_greeting(m.talk, &r) && r.code == 220 && r.lines == 2 && !r.enhanced.ptr);
    CHECK_IS(r.text, "mail.example.org\nready");
    CHECK(talk_hello(m.talk, "c", &r) && r.code == 250);
    CHECK(talk_offers(m.talk, "size", &argument));
    CHECK_IS(argument, "1000");
    CHECK(talk_offers(m.talk, "8BITMIME", &argument) && argument.len == 0);
    CHECK(!talk_offers(m.talk, "STARTTLS", NULL) && !talk_offers(m.talk, "mail.example.org", NULL));
    CHECK(talk_ask(m.talk, GP_LIT("NOOP"), &r) && r.lines == 3);
    CHECK_IS(r.enhanced, "2.0.0");
    CHECK_IS(r.text, "one\ntwo\nthree");
    CHECK(talk_ask(m.talk, GP_LIT("X"), &r) && r.code == 500 && !r.enhanced.ptr);
    CHECK(!talk_reply(m.talk, &r) && talk_fault(m.talk) == TALK_HUNG_UP);
    played_part(&m);
    CHECK_IS(m.server.heard, "EHLO c\r\nNOOP\r\nX\r\n");
}

TEST(what_is_no_reply_ends_the_talk)
{
    static const char *const said[] = { "hello\r\n",          "20 x\r\n",   "199 x\r\n", "600 x\r\n",
                                        "250-a\r\n251 b\r\n", "2500 x\r\n", "-250 x\r\n" };
    for (size_t i = 0; i < GP_COUNT(said); i++) {
        const struct script script[] = {
            {"",    said[i]},
            { NULL, NULL   }
        };
        struct meeting    m;
        struct talk_reply r;
        played_meet(&m, script);
        CHECK(!talk_greeting(m.talk, &r) && talk_fault(m.talk) == TALK_NOT_SMTP);
        CHECK(strcmp(talk_why(m.talk), "what the server says is no reply of SMTP") == 0);
        CHECK(!talk_say(m.talk, GP_LIT("QUIT"))); /* it works no more */
        played_part(&m);
        CHECK(m.server.heard.len == 0);
    }
}

TEST(a_reply_that_never_comes_or_never_ends_is_given_up)
{
    static const struct script silent[] = {
        {"",       "220 a\r\n250"},
        { "x\r\n", ""            },
        { NULL,    NULL          },
    };
    struct meeting    m;
    struct talk_reply r;
    played_meet(&m, silent);
    CHECK(talk_greeting(m.talk, &r));
    talk_patience(m.talk, NOW_MS);
    CHECK(!talk_reply(m.talk, &r) && talk_fault(m.talk) == TALK_LATE);
    played_part(&m);

    static char endless[TALK_LINES_MOST * 8 + 64];
    for (size_t i = 0; i <= TALK_LINES_MOST; i++) memcpy(endless + i * 7, "250-x\r\n", 8);
    const struct script much[] = {
        {"",    endless},
        { NULL, NULL   }
    };
    played_meet(&m, much);
    CHECK(!talk_greeting(m.talk, &r) && talk_fault(m.talk) == TALK_NOT_SMTP);
    played_part(&m);
}

TEST(nobody_at_the_door)
{
    struct played p;
    struct script none[] = {
        {NULL, NULL}
    };
    struct talk_plan plan = { .host = "127.0.0.1", .port = p.port, .connect_ms = SOON_MS };
    played_begin(&p, none);
    talk_close(talk_open(&plan, NULL)); /* lets the server end, so that its port is free */
    played_end(&p);
    struct talk *t = talk_open(&plan, NULL);
    CHECK(t && talk_fault(t) == TALK_NO_CONNECTION && strstr(talk_why(t), "refused"));
    talk_close(t);
    plan.host = "no such host";
    t         = talk_open(&plan, NULL);
    CHECK(t && talk_fault(t) == TALK_NO_HOST);
    talk_close(t);
}

TEST(a_command_cannot_hold_another)
{
    static const struct script script[] = {
        {"",    "220 a\r\n"},
        { NULL, NULL       }
    };
    struct meeting    m;
    struct talk_reply r;
    played_meet(&m, script);
    CHECK(talk_greeting(m.talk, &r));
    CHECK(!talk_say(m.talk, GP_LIT("RCPT TO:<a@example.org>\r\nDATA")));
    CHECK(talk_works(m.talk));
    played_part(&m);
    CHECK(m.server.heard.len == 0);
}

TEST(more_in_clear_behind_starttls_is_refused)
{
    static const struct script script[] = {
        {"",              "220 a\r\n"                 },
        { "STARTTLS\r\n", "220 go\r\n250 injected\r\n"},
        { NULL,           NULL                        },
    };
    struct meeting    m;
    struct talk_reply r;
    played_meet(&m, script);
    CHECK(talk_greeting(m.talk, &r));
    CHECK(!talk_starttls(m.talk, &r) && talk_fault(m.talk) == TALK_BAD_TLS);
    played_part(&m);
}

TEST(a_transcript_is_utf8_whatever_the_server_says)
{
    static char long_line[TALK_SHOWN_MOST + 64] = "250 x";
    for (size_t i = 5; i + 2 < sizeof long_line - 16; i += 2) memcpy(long_line + i, "\xc3\xa4", 3);
    memcpy(long_line + strlen(long_line), "\r\n", 3);
    const struct script script[] = {
        {"",          "220 \xc2\x9b"
              "2J \xc3\xa4 \xe4 \xe2\x80\xae\r\n"},
        { "NOOP\r\n", long_line                              },
        { NULL,       NULL                                   },
    };
    struct meeting    m;
    struct talk_reply r;
    played_meet(&m, script);
    CHECK(talk_greeting(m.talk, &r) && talk_ask(m.talk, GP_LIT("NOOP"), &r));
    played_part(&m);
    gp_str seen = gp_said(&m.kept.text);
    CHECK(played_in(seen, "S: 220 ?2J \xc3\xa4 ? ?\n") && played_in(seen, "\xc3\xa4...\n") && gp_is_utf8(seen));
}

/* ---- the message ------------------------------------------------------------------------------------------------------------- */
TEST(a_message_goes_out_with_its_dots_doubled)
{
    static const struct {
        const char *message, *wire;
    } rows[] = {
        {"a\r\n.b\r\n..\r\n", "a\r\n..b\r\n...\r\n.\r\n"},
        { "a\n.\nb",          "a\r\n..\r\nb\r\n.\r\n"   },
        { "",                 ".\r\n"                   },
        { ".",                "..\r\n.\r\n"             },
        { "a\r.\r\n",         "a\r.\r\n.\r\n"           },
    };
    static const struct script script[] = {
        {"",       "220 a\r\n"                },
        { ".\r\n", "250 2.0.0 queued as 7\r\n"},
        { NULL,    NULL                       },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct meeting    m;
        struct talk_reply r;
        played_meet(&m, script);
        CHECK(talk_greeting(m.talk, &r));
        CHECK(talk_message(m.talk, gp_from(rows[i].message), &r) || i == 0);
        played_part(&m);
        CHECK_IS(m.server.heard, rows[i].wire);
    }
}

/* A server that stops reading until its replies are read must not stop us both. */
TEST(a_long_message_is_sent_while_the_server_talks)
{
    static char message[200 * 1024];
    memset(message, 'a', sizeof message - 1);
    for (size_t i = 77; i < sizeof message - 1; i += 78) message[i] = '\n';
    static const struct script script[] = {
        {"",           "220 a\r\n" },
        { "\r\n.\r\n", "250 ok\r\n"},
        { NULL,        NULL        },
    };
    struct meeting    m;
    struct talk_reply r;
    played_meet(&m, script);
    CHECK(talk_greeting(m.talk, &r));
    CHECK(talk_message(m.talk, gp_from(message), &r) && r.code == 250);
    played_part(&m);
    CHECK(played_in(gp_said(&m.kept.text), "C: (204799 octets of message)\n"));
    CHECK(m.server.heard.len > sizeof message);
}

static const struct script groups[] = {
    {"",           "220 a\r\n"                                                         },
    { "c\r\n",     "250-a\r\n250-SIZE 100\r\n250 PIPELINING\r\n"                       },
    { "3>\r\n",    "250 2.1.0 ok\r\n250 2.1.5 ok\r\n550 5.1.1 who?\r\n250 2.1.5 ok\r\n"},
    { "DATA\r\n",  "354 go\r\n"                                                        },
    { "\r\n.\r\n", "250 2.0.0 queued as 7\r\n"                                         },
    { NULL,        NULL                                                                },
};

static bool submit(struct meeting *m, const struct script *script, struct talk_letter *l, struct talk_reply *r,
                   const char **step)
{
    played_meet(m, script);
    CHECK(talk_greeting(m->talk, r) && talk_hello(m->talk, "c", r));
    return talk_submit(m->talk, l, r, step);
}

TEST(a_submission_goes_in_groups_and_says_who_was_refused)
{
    struct talk_recipient to[] = {
        {.address = GP_LIT("r1") },
        { .address = GP_LIT("r2"), .params = GP_LIT("NOTIFY=NEVER") },
        { .address = GP_LIT("r3")                      }
    };
    struct talk_letter l = {
        .sender = GP_LIT("s"), .recipients = to, .count = 3, .message = GP_LIT("A: b\r\n\r\nc\r\n")
    };
    struct meeting    m;
    struct talk_reply r;
    const char       *step = "";
    CHECK(submit(&m, groups, &l, &r, &step));
    CHECK_IS(r.text, "queued as 7");
    CHECK(to[0].code == 250 && to[1].code == 550 && to[2].code == 250);
    CHECK(strcmp(to[1].text, "who?") == 0 && strcmp(to[1].enhanced, "5.1.1") == 0);
    played_part(&m);
    CHECK_IS(
        m.server.heard,
        "EHLO c\r\nMAIL FROM:<s> SIZE=11\r\nRCPT TO:<r1>\r\nRCPT TO:<r2> NOTIFY=NEVER\r\nRCPT TO:<r3>\r\nDATA\r\nA: b\r\n\r\nc\r\n.\r\n");
}

TEST(a_sender_that_is_refused_is_told_by_the_answer_to_him)
{
    static const struct script refusing[] = {
        {"",         "220 a\r\n"                  },
        { "c\r\n",   "250-a\r\n250 PIPELINING\r\n"},
        { "r1>\r\n", "550 5.7.1 not\r\n yours\r\n"},
        { NULL,      NULL                         },
    };
    static const struct script alone[] = {
        {"",         "220 a\r\n"              },
        { "c\r\n",   "250 a\r\n"              },
        { "<s>\r\n", "550 5.7.1 not yours\r\n"},
        { NULL,      NULL                     },
    };
    struct talk_recipient to[] = { { .address = GP_LIT("r1") } };
    struct talk_letter    l    = { .sender = GP_LIT("s"), .recipients = to, .count = 1, .message = GP_LIT("x") };
    struct meeting        m;
    struct talk_reply     r;
    const char           *step = "";
    CHECK(!submit(&m, alone, &l, &r, &step) && talk_works(m.talk));
    CHECK(strcmp(step, "MAIL") == 0 && r.code == 550);
    CHECK_IS(r.enhanced, "5.7.1");
    CHECK_IS(r.text, "not yours");
    played_part(&m);
    CHECK_IS(m.server.heard, "EHLO c\r\nMAIL FROM:<s>\r\n"); /* no group where none is offered */
    CHECK(!submit(&m, refusing, &l, &r, &step) && talk_fault(m.talk) == TALK_NOT_SMTP);
    played_part(&m);
}

TEST(an_address_cannot_hold_a_command)
{
    struct talk_recipient to[] = { { .address = GP_LIT("r1>\r\nRSET") } };
    struct talk_letter    l    = { .sender = GP_LIT("s"), .recipients = to, .count = 1, .message = GP_LIT("x") };
    struct meeting        m;
    struct talk_reply     r;
    const char           *step = "";
    CHECK(!submit(&m, groups, &l, &r, &step) && talk_works(m.talk));
    played_part(&m);
    CHECK_IS(m.server.heard, "EHLO c\r\n");
}

TEST(only_a_quoted_local_part_holds_blanks) /* RFC 5321 4.1.2 */
{
    static const struct script server[] = {
        {"",           "220 a\r\n"                  },
        { "c\r\n",     "250-a\r\n250 PIPELINING\r\n"},
        { ">\r\n",     "250 ok\r\n250 ok\r\n"       },
        { "DATA\r\n",  "354 go\r\n"                 },
        { "\r\n.\r\n", "250 ok\r\n"                 },
        { NULL,        NULL                         },
    };
    static const struct {
        const char *address;
        bool        said;
    } rows[] = {
        {"\"a b\"@example.net",                 true },
        { "\"a\\\" b\"@example.net",            true },
        { "a b@example.net",                    false},
        { "\"a b@example.net",                  false},
        { "\"a\" b@example.net",                false},
        { "\"a\"@example.net> NOTIFY=NEVER",    false},
        { "a\"> NOTIFY=NEVER x=\"@example.net", false},
        { "\"a\tb\"@example.net",               false},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct talk_recipient to[] = {
            {.address = gp_from(rows[i].address), .params = GP_LIT("NOTIFY=NEVER")}
        };
        struct talk_letter l = {
            .sender = GP_LIT("s"), .dsn_is_wish = true, .recipients = to, .count = 1, .message = GP_LIT("x")
        };
        struct meeting    m;
        struct talk_reply r;
        const char       *step = "";
        char              room[128];
        struct gp_text    line = GP_TEXT(room);
        gp_put_z(&line, "RCPT TO:<");
        gp_put_z(&line, rows[i].address);
        gp_put_z(&line, ">\r\n"); /* no wish of DSN where it is not offered */
        gp_put_char(&line, '\0');
        CHECK(submit(&m, server, &l, &r, &step) == rows[i].said && talk_works(m.talk));
        played_part(&m);
        CHECK(played_in(m.server.heard, room) == rows[i].said);
    }
}

/* ---- hostile servers ----------------------------------------------------------------------------------------------------------- */
/* Whatever a server says: every reply is within bounds and on one line of the transcript, and the talk comes to an end. */
PROPERTY(talk_replies, bytes)
{
    static struct kept k;
    static struct talk t;
    int                ends[2];
    struct talk_plan   plan = { .host = "x", .port = "1", .reply_ms = SOON_MS };
    if (bytes.len > 60 * 1024) return;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    CHECK(write(ends[1], bytes.ptr, bytes.len) == (ssize_t)bytes.len || bytes.len == 0);
    CHECK(shutdown(ends[1], SHUT_WR) == 0);
    gp_wipe(&t, sizeof t);
    t.plan       = &plan;
    t.fd         = ends[0];
    t.transcript = kept_transcript(&k);
    gp_lines_lend(&t.in, t.in_room);
    struct talk_reply r;
    size_t            replies = 0;
    bool              more    = talk_hello(&t, "x", &r);
    for (; more; more = talk_reply(&t, &r)) {
        CHECK(r.code >= 200 && r.code <= 599 && r.lines >= 1 && r.lines <= TALK_LINES_MOST);
        CHECK(r.text.len < TALK_REPLY_ROOM && ++replies <= bytes.len);
    }
    CHECK(!talk_works(&t) && *talk_why(&t));
    gp_str seen = gp_said(&k.text);
    for (size_t i = 0; i < seen.len; i++) CHECK((unsigned char)seen.ptr[i] >= ' ' || seen.ptr[i] == '\n');
    CHECK(gp_is_utf8(seen) || k.text.cut);
    close(ends[0]);
    close(ends[1]);
}
