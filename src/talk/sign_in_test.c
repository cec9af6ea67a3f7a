/* Signing in against a scripted server: which mechanism, what is said of it, and what is not shown. */
#include "talk/parts.h"
#include "talk/server_kit.h"

#include "check.h"

#include <string.h>

/* How each script begins: a server without TLS that has these mechanisms. */
#define OFFERS(mechanisms)                                                                                             \
    { "", "220 a\r\n" },                                                                                               \
    {                                                                                                                  \
        "c\r\n", "250-a\r\n250 AUTH " mechanisms "\r\n"                                                                \
    }

static const struct script plain_server[] = {
    OFFERS("LOGIN PLAIN XOAUTH2"),
    {"\r\n", "235 2.7.0 hello anna, your s3cret-word is good\r\n"},
    { NULL,  NULL                                                },
};
static const struct talk_login anna = {
    .user = {"anna",         4 },
      .secret = { "s3cret-word", 11},
      .in_clear = true
};

static bool sign_in(struct meeting *m, const struct script *script, const struct talk_login *login,
                    struct talk_reply *r, const char **mechanism)
{
    played_meet(m, script);
    CHECK(talk_greeting(m->talk, r) && talk_hello(m->talk, "c", r));
    return talk_sign_in(m->talk, login, r, mechanism);
}

TEST(a_sign_in_takes_the_strongest_and_shows_no_secret)
{
    struct meeting    m;
    struct talk_reply r;
    const char       *mechanism = "";
    CHECK(sign_in(&m, plain_server, &anna, &r, &mechanism) && r.code == 235);
    CHECK(strcmp(mechanism, "PLAIN") == 0);
    played_part(&m);
    CHECK(played_in(m.server.heard, "AUTH PLAIN AGFubmEAczNjcmV0LXdvcmQ=\r\n"));
    gp_str seen = gp_said(&m.kept.text);
    CHECK(played_in(seen, "C: AUTH PLAIN (24 octets, not shown)\n"));
    CHECK(played_in(seen, "S: 235 2.7.0 hello anna, your (secret) is good\n"));
    CHECK(!played_in(seen, "s3cret-word") && !played_in(seen, "AGFubmEA"));
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
            OFFERS("PLAIN"),
            {"\r\n",       rows[i].says                      },
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
        played_part(&m);
        gp_str seen = gp_said(&m.kept.text);
        CHECK(!played_in(seen, "s3cret-word") && !played_in(seen, "AGFubmEAczNjcmV0"));
    }
}

TEST(each_message_of_a_sign_in_is_kept_out)
{
    static const struct script login[] = {
        OFFERS("LOGIN"),
        {"AUTH LOGIN\r\n",  "334 VXNlcm5hbWU6\r\n"                     },
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
    played_part(&m);
}

TEST(no_secret_goes_out_in_clear_unless_that_is_wanted)
{
    struct meeting    m;
    struct talk_reply r;
    struct talk_login careful = anna;
    careful.in_clear          = false;
    CHECK(!sign_in(&m, plain_server, &careful, &r, NULL) && r.code == 0 && talk_works(m.talk));
    CHECK(strstr(talk_why(m.talk), "without TLS"));
    played_part(&m);
    CHECK_IS(m.server.heard, "EHLO c\r\n");
}

TEST(a_mechanism_that_is_not_offered_is_not_tried)
{
    struct meeting    m;
    struct talk_reply r;
    struct talk_login login = anna;
    login.mechanism         = GP_LIT("CRAM-MD5");
    CHECK(!sign_in(&m, plain_server, &login, &r, NULL) && strstr(talk_why(m.talk), "does not offer"));
    played_part(&m);
    login.mechanism = GP_LIT("NTLM");
    CHECK(!sign_in(&m, plain_server, &login, &r, NULL) && strstr(talk_why(m.talk), "no such mechanism"));
    played_part(&m);
    login.mechanism = GP_NONE;
    login.secret    = (gp_secret) { NULL, 0 }; /* a certificate alone: nothing of the three takes that */
    CHECK(!sign_in(&m, plain_server, &login, &r, NULL) && strstr(talk_why(m.talk), "no mechanism that fits"));
    played_part(&m);
}

TEST(login_waits_for_its_two_questions)
{
    static const struct script script[] = {
        OFFERS("LOGIN"),
        {"AUTH LOGIN\r\n", "334 VXNlcm5hbWU6\r\n"},
        { "YW5uYQ==\r\n",  "334 UGFzc3dvcmQ6\r\n"},
        { "\r\n",          "535 5.7.8 no\r\n"    },
        { NULL,            NULL                  },
    };
    struct meeting    m;
    struct talk_reply r;
    struct talk_login login = anna;
    login.no_initial        = true;
    CHECK(!sign_in(&m, script, &login, &r, NULL) && r.code == 535 && talk_works(m.talk));
    CHECK(strcmp(talk_why(m.talk), "the server refuses the sign-in") == 0);
    played_part(&m);
    CHECK(played_in(m.server.heard, "AUTH LOGIN\r\nYW5uYQ==\r\nczNjcmV0LXdvcmQ=\r\n"));
    CHECK(played_in(gp_said(&m.kept.text), "S: 334 UGFzc3dvcmQ6\n"));
}

TEST(cram_md5_answers_the_challenge) /* RFC 2195 2 */
{
    static const struct script script[] = {
        OFFERS("CRAM-MD5"),
        {"MD5\r\n", "334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\r\n"},
        { "\r\n",   "235 2.7.0 welcome\r\n"                                           },
        { NULL,     NULL                                                              },
    };
    static const struct talk_login tim = {
        .user = {"tim",               3 },
          .secret = { "tanstaaftanstaaf", 16},
          .in_clear = true
    };
    struct meeting    m;
    struct talk_reply r;
    CHECK(sign_in(&m, script, &tim, &r, NULL));
    played_part(&m);
    CHECK(played_in(m.server.heard, "AUTH CRAM-MD5\r\ndGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw\r\n"));
    CHECK(played_in(gp_said(&m.kept.text), "S: 334 (a challenge, not shown)\n"));
}

TEST(a_token_goes_with_the_mechanisms_of_tokens)
{
    static const struct script xoauth2[] = {
        OFFERS("PLAIN XOAUTH2"),
        {"\r\n", "235 2.7.0 welcome\r\n"},
        { NULL,  NULL                   },
    };
    static const struct script bearer[] = {
        OFFERS("PLAIN OAUTHBEARER XOAUTH2"),
        {"\r\n", "235 2.7.0 welcome\r\n"},
        { NULL,  NULL                   },
    };
    struct meeting    m;
    struct talk_reply r;
    const char       *mechanism = "";
    struct talk_login login     = anna;
    login.token                 = true;
    CHECK(sign_in(&m, xoauth2, &login, &r, &mechanism) && strcmp(mechanism, "XOAUTH2") == 0);
    played_part(&m);
    CHECK(played_in(m.server.heard, "AUTH XOAUTH2 dXNlcj1hbm5hAWF1dGg9QmVhcmVyIHMzY3JldC13b3JkAQE=\r\n"));
    CHECK(sign_in(&m, bearer, &login, &r, &mechanism) && strcmp(mechanism, "OAUTHBEARER") == 0);
    played_part(&m);
    CHECK(played_in(m.server.heard, "AUTH OAUTHBEARER bixhPWFubmEs")); /* n,a=anna, */
}

TEST(a_token_that_is_refused_is_answered_and_the_reason_shown)
{
    static const struct script script[] = {
        OFFERS("XOAUTH2 PLAIN"),
        {"\r\n",  "334 eyJzdGF0dXMiOiI0MDEifQ==\r\n"},
        { "\r\n", "535 5.7.8 no\r\n"                },
        { NULL,   NULL                              },
    };
    struct meeting    m;
    struct talk_reply r;
    const char       *mechanism = "";
    struct talk_login login     = anna;
    login.token                 = true;
    CHECK(!sign_in(&m, script, &login, &r, &mechanism) && r.code == 535);
    CHECK(strcmp(mechanism, "XOAUTH2") == 0);
    played_part(&m);
    CHECK(played_in(gp_said(&m.kept.text), "{\"status\":\"401\"}"));
}

TEST(a_server_that_does_not_prove_itself_is_not_believed)
{
    static const struct script script[] = {
        OFFERS("SCRAM-SHA-256"),
        {"\r\n", "235 2.7.0 welcome\r\n"},
        { NULL,  NULL                   },
    };
    struct meeting    m;
    struct talk_reply r;
    CHECK(!sign_in(&m, script, &anna, &r, NULL) && !talk_works(m.talk));
    CHECK(strstr(talk_why(m.talk), "not who it should be"));
    played_part(&m);
}
