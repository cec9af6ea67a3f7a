/* A client's connection against a scripted server: replies, offers, sign-ins, messages, and what a hostile server may say. */
#include "talk/parts.h"
#include "talk/server_kit.h"

#include "check.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SOON_MS = 5000, NOW_MS = 50 };

struct meeting {
    struct played    server;
    struct kept      kept;
    struct talk_plan plan;
    struct talk     *talk;
};

static void meet(struct meeting *m, const struct script *script)
{
    played_begin(&m->server, script);
    m->plan = (struct talk_plan) {
        .host = "127.0.0.1", .port = m->server.port, .connect_ms = SOON_MS, .reply_ms = SOON_MS, .dot_ms = SOON_MS
    };
    struct talk_transcript t = kept_transcript(&m->kept);
    m->talk                  = talk_open(&m->plan, &t);
    CHECK(m->talk);
}

static void part(struct meeting *m)
{
    talk_close(m->talk);
    played_end(&m->server);
}

static bool in(gp_str text, const char *part)
{
    return memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

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
    meet(&m, script);
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
    part(&m);
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
        meet(&m, script);
        CHECK(!talk_greeting(m.talk, &r) && talk_fault(m.talk) == TALK_NOT_SMTP);
        CHECK(strcmp(talk_why(m.talk), "what the server says is no reply of SMTP") == 0);
        CHECK(!talk_say(m.talk, GP_LIT("QUIT"))); /* it works no more */
        part(&m);
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
    meet(&m, silent);
    CHECK(talk_greeting(m.talk, &r));
    talk_patience(m.talk, NOW_MS);
    CHECK(!talk_reply(m.talk, &r) && talk_fault(m.talk) == TALK_LATE);
    part(&m);

    static char endless[TALK_LINES_MOST * 8 + 64];
    for (size_t i = 0; i <= TALK_LINES_MOST; i++) memcpy(endless + i * 7, "250-x\r\n", 8);
    const struct script much[] = {
        {"",    endless},
        { NULL, NULL   }
    };
    meet(&m, much);
    CHECK(!talk_greeting(m.talk, &r) && talk_fault(m.talk) == TALK_NOT_SMTP);
    part(&m);
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
    meet(&m, script);
    CHECK(talk_greeting(m.talk, &r));
    CHECK(!talk_say(m.talk, GP_LIT("RCPT TO:<a@example.org>\r\nDATA")));
    CHECK(talk_works(m.talk));
    part(&m);
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
    meet(&m, script);
    CHECK(talk_greeting(m.talk, &r));
    CHECK(!talk_starttls(m.talk, &r) && talk_fault(m.talk) == TALK_BAD_TLS);
    part(&m);
}

/* ---- signing in ------------------------------------------------------------------------------------------------------------ */
static const struct script plain_server[] = {
    {"",       "220 a\r\n"                                         },
    { "c\r\n", "250-a\r\n250 AUTH LOGIN PLAIN XOAUTH2\r\n"         },
    { "\r\n",  "235 2.7.0 hello anna, your s3cret-word is good\r\n"},
    { NULL,    NULL                                                },
};
static const struct talk_login anna = {
    .user = {"anna",         4 },
      .secret = { "s3cret-word", 11},
      .in_clear = true
};

static bool sign_in(struct meeting *m, const struct script *script, const struct talk_login *login,
                    struct talk_reply *r, const char **mechanism)
{
    meet(m, script);
    CHECK(talk_greeting(m->talk, r) && talk_hello(m->talk, "c", r));
    bool in = talk_sign_in(m->talk, login, r, mechanism);
    return in;
}

TEST(a_sign_in_takes_the_strongest_and_shows_no_secret)
{
    struct meeting    m;
    struct talk_reply r;
    const char       *mechanism = "";
    CHECK(sign_in(&m, plain_server, &anna, &r, &mechanism) && r.code == 235);
    CHECK(strcmp(mechanism, "PLAIN") == 0);
    part(&m);
    CHECK(in(m.server.heard, "AUTH PLAIN AGFubmEAczNjcmV0LXdvcmQ=\r\n"));
    gp_str seen = gp_said(&m.kept.text);
    CHECK(in(seen, "C: AUTH PLAIN (24 octets, not shown)\n"));
    CHECK(in(seen, "S: 235 2.7.0 hello anna, your (secret) is good\n"));
    CHECK(!in(seen, "s3cret-word") && !in(seen, "AGFubmEA"));
}

/* Reports are made to be passed on: what they have of a reply has no secret either. */
TEST(a_server_that_repeats_a_sign_in_is_not_quoted)
{
    static const struct {
        const char *says, *text;
    } rows[] = {
        {"535 5.7.8 no: AGFubmEAczNjcmV0LXdvcmQ= is anna, s3cret-word\r\n", "no: (secret) is anna, (secret)"},
        { "535-5.7.8 AUTH PLAIN AGFubmEAczNjcmV0\r\n535 5.7.8 was cut\r\n", "AUTH PLAIN (secret)\nwas cut"  },
        { "535 s3cret-wor\r\n",                                             "s3cret-wor"                    },
        { "535 5.7.8 wrong\r\n",                                            "wrong"                         },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        const struct script script[] = {
            {"",           "220 a\r\n"                       },
            { "c\r\n",     "250-a\r\n250 AUTH PLAIN\r\n"     },
            { "\r\n",      rows[i].says                      },
            { "NOOP\r\n",  "250 AGFubmEAczNjcmV0LXdvcmQ=\r\n"},
            { "RESET\r\n", "334 AGFubmEAczNjcmV0LXdvcmQ=\r\n"}, /* a challenge has to be answered as it came */
            { NULL,        NULL                              },
        };
        struct meeting    m;
        struct talk_reply r;
        CHECK(!sign_in(&m, script, &anna, &r, NULL) && r.code == 535);
        CHECK_IS(r.text, rows[i].text);
        CHECK(talk_ask(m.talk, GP_LIT("NOOP"), &r));
        CHECK_IS(r.text, "(secret)");
        CHECK(talk_ask(m.talk, GP_LIT("RESET"), &r));
        CHECK_IS(r.text, "AGFubmEAczNjcmV0LXdvcmQ=");
        part(&m);
        gp_str seen = gp_said(&m.kept.text);
        CHECK(!in(seen, "s3cret-word") && !in(seen, "AGFubmEAczNjcmV0"));
    }
}

TEST(each_message_of_a_sign_in_is_kept_out)
{
    static const struct script login[] = {
        {"",                "220 a\r\n"                                },
        { "c\r\n",          "250-a\r\n250 AUTH LOGIN\r\n"              },
        { "AUTH LOGIN\r\n", "334 VXNlcm5hbWU6\r\n"                     },
        { "YW5uYQ==\r\n",   "334 UGFzc3dvcmQ6\r\n"                     },
        { "cmQ=\r\n",       "535 no YW5uYQ== with czNjcmV0LXdvcmQ=\r\n"},
        { "X AFNDUkFN\r\n", "500 X AFNDUkFN\r\n"                       },
        { "NOOP\r\n",       "250 AFNDUkFN czNjcmV0LXdvcmQ=\r\n"        },
        { NULL,             NULL                                       },
    };
    struct meeting    m;
    struct talk_reply r;
    struct talk_login no_initial = anna;
    no_initial.no_initial        = true;
    CHECK(!sign_in(&m, login, &no_initial, &r, NULL));
    CHECK_IS(r.text, "no (secret) with (secret)");
    CHECK(talk_send_raw(m.talk, GP_LIT("X AFNDUkFN\r\n"), TALK_MASK) && talk_reply(m.talk, &r)); /* said by hand */
    CHECK_IS(r.text, "X (secret)");
    for (size_t i = 0; i < TALK_SECRETS_MOST; i++) { /* many sign-ins: the newest stay hidden, and the secret itself */
        char           room[32];
        struct gp_text one = GP_TEXT(room);
        gp_put_z(&one, "message-");
        gp_put_number(&one, (int64_t)i);
        talk_hide_message(m.talk, gp_said(&one));
    }
    talk_hide_message(m.talk, GP_LIT("AFNDUkFN"));
    CHECK(talk_ask(m.talk, GP_LIT("NOOP"), &r));
    CHECK_IS(r.text, "(secret) (secret)");
    part(&m);
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
    meet(&m, script);
    CHECK(talk_greeting(m.talk, &r) && talk_ask(m.talk, GP_LIT("NOOP"), &r));
    part(&m);
    gp_str seen = gp_said(&m.kept.text);
    CHECK(in(seen, "S: 220 ?2J \xc3\xa4 ? ?\n") && in(seen, "\xc3\xa4...\n") && gp_is_utf8(seen));
}

TEST(no_secret_goes_out_in_clear_unless_that_is_wanted)
{
    struct meeting    m;
    struct talk_reply r;
    struct talk_login careful = anna;
    careful.in_clear          = false;
    CHECK(!sign_in(&m, plain_server, &careful, &r, NULL) && r.code == 0 && talk_works(m.talk));
    CHECK(strstr(talk_why(m.talk), "without TLS"));
    part(&m);
    CHECK_IS(m.server.heard, "EHLO c\r\n");
}

TEST(a_mechanism_that_is_not_offered_is_not_tried)
{
    struct meeting    m;
    struct talk_reply r;
    struct talk_login login = anna;
    login.mechanism         = GP_LIT("CRAM-MD5");
    CHECK(!sign_in(&m, plain_server, &login, &r, NULL) && strstr(talk_why(m.talk), "does not offer"));
    part(&m);
    login.mechanism = GP_LIT("NTLM");
    CHECK(!sign_in(&m, plain_server, &login, &r, NULL) && strstr(talk_why(m.talk), "no such mechanism"));
    part(&m);
    login.mechanism = GP_NONE;
    login.secret    = (gp_secret) { NULL, 0 }; /* a certificate alone: nothing of the three takes that */
    CHECK(!sign_in(&m, plain_server, &login, &r, NULL) && strstr(talk_why(m.talk), "no mechanism that fits"));
    part(&m);
}

TEST(login_waits_for_its_two_questions)
{
    static const struct script script[] = {
        {"",                "220 a\r\n"                  },
        { "c\r\n",          "250-a\r\n250 AUTH LOGIN\r\n"},
        { "AUTH LOGIN\r\n", "334 VXNlcm5hbWU6\r\n"       },
        { "YW5uYQ==\r\n",   "334 UGFzc3dvcmQ6\r\n"       },
        { "\r\n",           "535 5.7.8 no\r\n"           },
        { NULL,             NULL                         },
    };
    struct meeting    m;
    struct talk_reply r;
    struct talk_login login = anna;
    login.no_initial        = true;
    CHECK(!sign_in(&m, script, &login, &r, NULL) && r.code == 535 && talk_works(m.talk));
    CHECK(strcmp(talk_why(m.talk), "the server refuses the sign-in") == 0);
    part(&m);
    CHECK(in(m.server.heard, "AUTH LOGIN\r\nYW5uYQ==\r\nczNjcmV0LXdvcmQ=\r\n"));
    CHECK(in(gp_said(&m.kept.text), "S: 334 UGFzc3dvcmQ6\n"));
}

TEST(cram_md5_answers_the_challenge) /* RFC 2195 2 */
{
    static const struct script script[] = {
        {"",         "220 a\r\n"                                                       },
        { "c\r\n",   "250-a\r\n250 AUTH CRAM-MD5\r\n"                                  },
        { "MD5\r\n", "334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\r\n"},
        { "\r\n",    "235 2.7.0 welcome\r\n"                                           },
        { NULL,      NULL                                                              },
    };
    static const struct talk_login tim = {
        .user = {"tim",               3 },
          .secret = { "tanstaaftanstaaf", 16},
          .in_clear = true
    };
    struct meeting    m;
    struct talk_reply r;
    CHECK(sign_in(&m, script, &tim, &r, NULL));
    part(&m);
    CHECK(in(m.server.heard, "AUTH CRAM-MD5\r\ndGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw\r\n"));
    CHECK(in(gp_said(&m.kept.text), "S: 334 (a challenge, not shown)\n"));
}

TEST(a_token_goes_with_the_mechanisms_of_tokens)
{
    static const struct script xoauth2[] = {
        {"",       "220 a\r\n"                          },
        { "c\r\n", "250-a\r\n250 AUTH PLAIN XOAUTH2\r\n"},
        { "\r\n",  "235 2.7.0 welcome\r\n"              },
        { NULL,    NULL                                 },
    };
    static const struct script bearer[] = {
        {"",       "220 a\r\n"                                      },
        { "c\r\n", "250-a\r\n250 AUTH PLAIN OAUTHBEARER XOAUTH2\r\n"},
        { "\r\n",  "235 2.7.0 welcome\r\n"                          },
        { NULL,    NULL                                             },
    };
    struct meeting    m;
    struct talk_reply r;
    const char       *mechanism = "";
    struct talk_login login     = anna;
    login.token                 = true;
    CHECK(sign_in(&m, xoauth2, &login, &r, &mechanism) && strcmp(mechanism, "XOAUTH2") == 0);
    part(&m);
    CHECK(in(m.server.heard, "AUTH XOAUTH2 dXNlcj1hbm5hAWF1dGg9QmVhcmVyIHMzY3JldC13b3JkAQE=\r\n"));
    CHECK(sign_in(&m, bearer, &login, &r, &mechanism) && strcmp(mechanism, "OAUTHBEARER") == 0);
    part(&m);
    CHECK(in(m.server.heard, "AUTH OAUTHBEARER bixhPWFubmEs")); /* n,a=anna, */
}

TEST(a_token_that_is_refused_is_answered_and_the_reason_shown)
{
    static const struct script script[] = {
        {"",       "220 a\r\n"                          },
        { "c\r\n", "250-a\r\n250 AUTH XOAUTH2 PLAIN\r\n"},
        { "\r\n",  "334 eyJzdGF0dXMiOiI0MDEifQ==\r\n"   },
        { "\r\n",  "535 5.7.8 no\r\n"                   },
        { NULL,    NULL                                 },
    };
    struct meeting    m;
    struct talk_reply r;
    const char       *mechanism = "";
    struct talk_login login     = anna;
    login.token                 = true;
    CHECK(!sign_in(&m, script, &login, &r, &mechanism) && r.code == 535);
    CHECK(strcmp(mechanism, "XOAUTH2") == 0);
    part(&m);
    CHECK(in(gp_said(&m.kept.text), "{\"status\":\"401\"}"));
}

TEST(a_server_that_does_not_prove_itself_is_not_believed)
{
    static const struct script script[] = {
        {"",       "220 a\r\n"                          },
        { "c\r\n", "250-a\r\n250 AUTH SCRAM-SHA-256\r\n"},
        { "\r\n",  "235 2.7.0 welcome\r\n"              },
        { NULL,    NULL                                 },
    };
    struct meeting    m;
    struct talk_reply r;
    CHECK(!sign_in(&m, script, &anna, &r, NULL) && !talk_works(m.talk));
    CHECK(strstr(talk_why(m.talk), "not who it should be"));
    part(&m);
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
        meet(&m, script);
        CHECK(talk_greeting(m.talk, &r));
        CHECK(talk_message(m.talk, gp_from(rows[i].message), &r) || i == 0);
        part(&m);
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
    meet(&m, script);
    CHECK(talk_greeting(m.talk, &r));
    CHECK(talk_message(m.talk, gp_from(message), &r) && r.code == 250);
    part(&m);
    CHECK(in(gp_said(&m.kept.text), "C: (204799 octets of message)\n"));
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
    meet(m, script);
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
    part(&m);
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
    part(&m);
    CHECK_IS(m.server.heard, "EHLO c\r\nMAIL FROM:<s>\r\n"); /* no group where none is offered */
    CHECK(!submit(&m, refusing, &l, &r, &step) && talk_fault(m.talk) == TALK_NOT_SMTP);
    part(&m);
}

TEST(an_address_cannot_hold_a_command)
{
    struct talk_recipient to[] = { { .address = GP_LIT("r1>\r\nRSET") } };
    struct talk_letter    l    = { .sender = GP_LIT("s"), .recipients = to, .count = 1, .message = GP_LIT("x") };
    struct meeting        m;
    struct talk_reply     r;
    const char           *step = "";
    CHECK(!submit(&m, groups, &l, &r, &step) && talk_works(m.talk));
    part(&m);
    CHECK_IS(m.server.heard, "EHLO c\r\n");
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
