/* OAUTHBEARER and XOAUTH2 against the vectors, both sides; how a refusal is told; tokens of any size that a line holds. */
#include "sasl/test_talk.h"

#include "sasl/mechanism.h"

#define BEARER GP_LIT("OAUTHBEARER")
#define GOOGLE GP_LIT("XOAUTH2")

static gp_str token_of(const struct gp_sasl *x)
{
    return (gp_str) { x->secret.ptr, x->secret.len };
}

/* "^A" of the vectors stands for octet 1. */
static gp_str with_separators(gp_str text, char *room, size_t size)
{
    struct gp_text out = { .ptr = room, .room = size };
    for (size_t i = 0; i < text.len; i++) {
        bool mark = i + 1 < text.len && text.ptr[i] == '^' && text.ptr[i + 1] == 'A';
        gp_put_char(&out, mark ? '\1' : text.ptr[i]);
        i += mark;
    }
    CHECK(!out.cut);
    return gp_said(&out);
}

/* ---- the server ----------------------------------------------------------------------------------------- */
TEST(oauthbearer_takes_the_messages_of_rfc_7628)
{
    json_t        *root = talk_vectors("oauthbearer"), *row;
    struct gp_sasl x;
    size_t         i;
    json_array_foreach(json_object_get(root, "messages"), i, row)
    {
        char   room[512];
        gp_str message = with_separators(talk_field(row, "decoded"), room, sizeof room);
        CHECK_SAME(TALK_LINE(message), talk_field(row, "printed_b64"));
        talk_open(&x);
        enum gp_sasl_step step  = gp_sasl_start(&x, BEARER, talk_field(row, "printed_b64"));
        bool              empty = gp_is(talk_field(row, "id"), "rfc7628-4.3-fail");
        bool              wrong = gp_is(talk_field(row, "id"), "rfc7628-4.4-erroneous");
        CHECK(step == (wrong ? GP_SASL_FAILED : empty ? GP_SASL_CHALLENGE : GP_SASL_ASK));
        CHECK(wrong == (x.why == GP_SASL_MALFORMED) && empty == x.told);
        if (wrong) continue;
        CHECK_SAME(x.user, talk_field(row, "authzid"));
        if (empty) continue;
        CHECK(x.ask == GP_SASL_IS_TOKEN);
        CHECK_IS(token_of(&x), "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==");
        x.answer = GP_OK;
        CHECK(gp_sasl_resume(&x) == GP_SASL_DONE && !x.secret.ptr);
    }
    json_array_foreach(json_object_get(root, "case_variants"), i, row)
    {
        talk_open(&x);
        CHECK(gp_sasl_start(&x, BEARER, gp_from(json_string_value(row))) == GP_SASL_ASK);
        CHECK_IS(x.user, ""); /* the token alone says it */
        CHECK_IS(token_of(&x), "TOKEN");
    }
    json_decref(root);
}

TEST(xoauth2_takes_what_google_and_microsoft_show)
{
    json_t        *root = talk_vectors("xoauth2"), *row;
    struct gp_sasl x;
    size_t         i;
    json_array_foreach(json_object_get(root, "messages"), i, row)
    {
        talk_open(&x);
        CHECK(gp_sasl_start(&x, GOOGLE, talk_field(row, "message_b64")) == GP_SASL_ASK && x.ask == GP_SASL_IS_TOKEN);
        CHECK_SAME(x.user, talk_field(row, "username"));
        CHECK_SAME(token_of(&x), talk_field(row, "token"));
    }
    json_decref(root);
}

TEST(the_vectors_that_must_be_refused)
{
    static const char *const names[] = { "oauthbearer", "xoauth2" };
    struct gp_sasl           x;
    for (size_t n = 0; n < GP_COUNT(names); n++) {
        json_t *root = talk_vectors(names[n]), *row;
        size_t  i;
        json_array_foreach(json_object_get(root, "reject"), i, row)
        {
            talk_open(&x);
            x.host = GP_LIT("mail.example.org");
            if (gp_sasl_start(&x, gp_from(names[n]), talk_field(row, "message_b64")) != GP_SASL_FAILED)
                fail_msg("%s", talk_field(row, "id").ptr);
            CHECK(x.why == GP_SASL_MALFORMED);
        }
        json_decref(root);
    }
}

/* clang-format off */
static const struct { const char *mechanism, *message, *user, *token; } messages[] = {
    { "OAUTHBEARER", "n,a=u,\1auth=Bearer x\1\1",                     "u",       "x"   },
    { "OAUTHBEARER", "y,a=u,\1auth=Bearer x\1\1",                     "u",       "x"   },
    { "OAUTHBEARER", "n,a=a=2Cb=3dc,\1auth=Bearer x\1\1",             "a,b=c",   "x"   },
    { "OAUTHBEARER", "n,a=u,\1zzz=1 2\1auth=Bearer   x==\1port=1\1\1", "u",      "x==" },
    { "OAUTHBEARER", "n,a=u,\1host=MAIL.example.org\1auth=Bearer x\1\1", "u",    "x"   },
    { "OAUTHBEARER", "n,a=u,\1host=\1auth=Bearer x\1\1",              NULL,      NULL  },
    { "OAUTHBEARER", "n,a=u,\1port=0\1auth=Bearer x\1\1",             NULL,      NULL  },
    { "OAUTHBEARER", "n,a=u,\1port=65536\1auth=Bearer x\1\1",         NULL,      NULL  },
    { "OAUTHBEARER", "n,a=u,\1port=x\1auth=Bearer x\1\1",             NULL,      NULL  },
    { "OAUTHBEARER", "n,a=,\1auth=Bearer x\1\1",                      NULL,      NULL  },
    { "OAUTHBEARER", "n,a=u=2,\1auth=Bearer x\1\1",                   NULL,      NULL  },
    { "OAUTHBEARER", "n,a=u\1auth=Bearer x\1\1",                      NULL,      NULL  },
    { "OAUTHBEARER", "n,a=u,b\1auth=Bearer x\1\1",                    NULL,      NULL  },
    { "OAUTHBEARER", "F,n,a=u,\1auth=Bearer x\1\1",                   NULL,      NULL  },
    { "OAUTHBEARER", "n,a=u,auth=Bearer x\1\1",                       NULL,      NULL  },
    { "OAUTHBEARER", "n,a=u,\1auth=Bearer x\1\1\1",                   NULL,      NULL  },
    { "OAUTHBEARER", "n,a=u,\1auth=Bearer x\1\1y=1\1\1",              NULL,      NULL  },
    { "OAUTHBEARER", "n,a=u,\1auth=Bearer x\1auth=Bearer y\1\1",      NULL,      NULL  },
    { "OAUTHBEARER", "n,a=u,\1auth=Bearer\1\1",                       NULL,      NULL  },
    { "OAUTHBEARER", "n,a=u,\1auth=Bearer \1\1",                      NULL,      NULL  },
    { "OAUTHBEARER", "n,a=u,\1auth=Basic x\1\1",                      NULL,      NULL  },
    { "OAUTHBEARER", "n,a=u,\1auth=Bearer x y\1\1",                   NULL,      NULL  },
    { "OAUTHBEARER", "n,a=u,\1auth=Bearer x\"\1\1",                   NULL,      NULL  },
    { "OAUTHBEARER", "n,a=u,\1auth=Bearer =x\1\1",                    NULL,      NULL  },
    { "OAUTHBEARER", "n,a=u,\1auth=Bearer ==\1\1",                    NULL,      NULL  },
    { "OAUTHBEARER", "n,a=u,\1k1=v\1auth=Bearer x\1\1",               NULL,      NULL  },
    { "OAUTHBEARER", "n,a=u,\1=v\1auth=Bearer x\1\1",                 NULL,      NULL  },
    { "OAUTHBEARER", "n,a=u,\1k\1auth=Bearer x\1\1",                  NULL,      NULL  },
    { "OAUTHBEARER", "n,a=u,\1k=\2\1auth=Bearer x\1\1",               NULL,      NULL  },
    { "OAUTHBEARER", "n,a=u,\1k=\xff\1auth=Bearer x\1\1",             NULL,      NULL  },
    { "OAUTHBEARER", "",                                              NULL,      NULL  },
    { "OAUTHBEARER", "n,,",                                           NULL,      NULL  },
    { "XOAUTH2",     "user=u\1auth=Bearer x\1\1",                     "u",       "x"   },
    { "XOAUTH2",     "user=\xc3\xbc@x\1auth=bearer x\1\1",            "\xc3\xbc@x", "x" },
    { "XOAUTH2",     "user=\1auth=Bearer x\1\1",                      NULL,      NULL  },
    { "XOAUTH2",     "user=u\1user=v\1auth=Bearer x\1\1",             NULL,      NULL  },
    { "XOAUTH2",     "n,a=u,\1auth=Bearer x\1\1",                     NULL,      NULL  },
    { "XOAUTH2",     "user=u\1auth=x\1\1",                            NULL,      NULL  },
    { "XOAUTH2",     "\1",                                            NULL,      NULL  },
    { "XOAUTH2",     "\1\1",                                          NULL,      NULL  },
};
/* clang-format on */

TEST(messages_and_what_becomes_of_them)
{
    struct gp_sasl x;
    for (size_t i = 0; i < GP_COUNT(messages); i++) {
        talk_open(&x);
        x.host = GP_LIT("mail.example.org");
        enum gp_sasl_step step =
            gp_sasl_start(&x, gp_from(messages[i].mechanism), TALK_LINE(gp_from(messages[i].message)));
        if (step != (messages[i].user ? GP_SASL_ASK : GP_SASL_FAILED)) fail_msg("row %zu: %s", i, messages[i].message);
        CHECK(messages[i].user || x.why == GP_SASL_MALFORMED);
        if (!messages[i].user) continue;
        CHECK_IS(x.user, messages[i].user);
        CHECK_IS(token_of(&x), messages[i].token);
    }
}

/* ---- a refusal ------------------------------------------------------------------------------------------- */
static void refuse(struct gp_sasl *x, gp_str mechanism)
{
    bool bearer = gp_same(mechanism, BEARER);
    CHECK(gp_sasl_start(x, mechanism, GP_NONE) == GP_SASL_CHALLENGE);
    CHECK(gp_sasl_line(x, TALK_LINE(bearer ? GP_LIT("n,a=u,\1auth=Bearer expired\1\1")
                                           : GP_LIT("user=u\1auth=Bearer expired\1\1"))) == GP_SASL_ASK);
    x->answer = GP_PERMFAIL;
    CHECK(gp_sasl_resume(x) == GP_SASL_CHALLENGE);
    CHECK(!x->secret.ptr && !memmem(x, sizeof *x, "expired", 7));
}

TEST(a_refusal_is_told_and_then_any_line_ends_it)
{
    static const char *const lines[] = { "AQ==", "", "*", "AQ", "QVVUSCBQTEFJTg==", "MAIL FROM:<a@b>" };
    struct gp_sasl           x;
    for (size_t i = 0; i < GP_COUNT(lines); i++)
        for (unsigned n = 0; n < 2; n++) {
            talk_open(&x);
            refuse(&x, n ? GOOGLE : BEARER);
            CHECK_IS(TALK_SAID(&x), "{\"status\":\"invalid_token\"}");
            CHECK(gp_sasl_line(&x, gp_from(lines[i])) == GP_SASL_FAILED && x.why == GP_SASL_REFUSED);
            CHECK(gp_sasl_line(&x, GP_LIT("AQ==")) == GP_SASL_FAILED);
        }
}

TEST(what_cannot_be_told_now_is_not_told_as_a_refusal)
{
    struct gp_sasl x;
    talk_open(&x);
    CHECK(gp_sasl_start(&x, GOOGLE, TALK_LINE(GP_LIT("user=u\1auth=Bearer x\1\1"))) == GP_SASL_ASK);
    x.answer = GP_TEMPFAIL;
    CHECK(gp_sasl_resume(&x) == GP_SASL_FAILED && x.why == GP_SASL_UNAVAILABLE);
}

TEST(a_refusal_may_say_where_tokens_come_from)
{
    static char    long_text[GP_SASL_OUT_ROOM];
    struct gp_sasl x;
    talk_open(&x);
    x.scope     = GP_LIT("mail \"send\"\\\n");
    x.discovery = GP_LIT("https://id.example.org/.well-known/openid-configuration");
    refuse(&x, BEARER);
    gp_str  said = TALK_SAID(&x);
    json_t *json = json_loadb(said.ptr, said.len, 0, NULL);
    CHECK(json);
    CHECK_IS(talk_field(json, "status"), "invalid_token");
    CHECK_IS(talk_field(json, "scope"), "mail \"send\"\\");
    CHECK_SAME(talk_field(json, "openid-configuration"), x.discovery);
    json_decref(json);
    talk_open(&x);
    memset(long_text, 's', sizeof long_text);
    x.scope = (gp_str) { long_text, sizeof long_text };
    refuse(&x, BEARER);
    CHECK_IS(TALK_SAID(&x), "{\"status\":\"invalid_token\"}");
}

/* ---- room -------------------------------------------------------------------------------------------------- */
static const char head[] = "user=u\1auth=Bearer ", tail[] = "\1\1";

static gp_str message_with(size_t token, char room[static GP_SASL_TOKEN_MOST])
{
    size_t start = strlen(head), end = strlen(tail);
    CHECK(start + token + end <= GP_SASL_TOKEN_MOST);
    memcpy(room, head, start);
    memset(room + start, 'T', token);
    memcpy(room + start + token, tail, end);
    return (gp_str) { room, start + token + end };
}

TEST(a_long_token_wants_room_that_is_lent)
{
    enum { MOST = GP_SASL_TOKEN_MOST - sizeof head + 1 - sizeof tail + 1 };
    static char    message[GP_SASL_TOKEN_MOST], lent[GP_SASL_TOKEN_MOST];
    static size_t  sizes[] = { 1, GP_SASL_SECRET_MOST, GP_SASL_SECRET_MOST + 1, 4000, MOST };
    struct gp_sasl x;
    for (size_t i = 0; i < GP_COUNT(sizes); i++) {
        bool fits = sizes[i] <= GP_SASL_SECRET_MOST;
        talk_open(&x);
        CHECK(gp_sasl_start(&x, GOOGLE, TALK_LINE(message_with(sizes[i], message))) ==
              (fits ? GP_SASL_ASK : GP_SASL_FAILED));
        CHECK(fits || x.why == GP_SASL_MALFORMED);
        talk_open(&x);
        gp_sasl_lend(&x, lent, sizeof lent);
        CHECK(gp_sasl_start(&x, GOOGLE, TALK_LINE(message_with(sizes[i], message))) == GP_SASL_ASK);
        CHECK(x.secret.len == sizes[i] && x.secret.ptr[0] == 'T' && x.secret.ptr[sizes[i] - 1] == 'T');
        gp_sasl_resume(&x);
        CHECK(!memmem(&x, sizeof x, "TTTT", 4) && !memmem(lent, sizeof lent, "T", 1));
        gp_sasl_end(&x);
    }
}

TEST(lent_room_is_wiped_at_the_end)
{
    static char    message[GP_SASL_TOKEN_MOST], lent[GP_SASL_TOKEN_MOST];
    struct gp_sasl x;
    talk_open(&x);
    gp_sasl_lend(&x, lent, sizeof lent);
    CHECK(gp_sasl_start(&x, GOOGLE, TALK_LINE(message_with(4000, message))) == GP_SASL_ASK);
    gp_sasl_end(&x); /* the client hung up while the host was asked */
    CHECK(!memmem(lent, sizeof lent, "T", 1));
}

/* ---- the client -------------------------------------------------------------------------------------------- */
TEST(a_client_says_the_same)
{
    json_t        *root = talk_vectors("oauthbearer"), *row;
    struct gp_sasl x;
    size_t         i;
    talk_open(&x);
    x.host = GP_LIT("server.example.com");
    x.port = 587;
    CHECK(gp_sasl_client_start(&x, BEARER, GP_LIT("user@example.com"),
                               talk_secret(GP_LIT("vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="))) == GP_SASL_CHALLENGE);
    CHECK_SAME(x.out, talk_field(json_array_get(json_object_get(root, "messages"), 1), "printed_b64"));
    CHECK(gp_sasl_client_believes(&x) && !x.secret.ptr);
    json_decref(root);
    root = talk_vectors("xoauth2");
    json_array_foreach(json_object_get(root, "messages"), i, row)
    {
        talk_open(&x);
        CHECK(gp_sasl_client_start(&x, GOOGLE, talk_field(row, "username"), talk_secret(talk_field(row, "token"))) ==
              GP_SASL_CHALLENGE);
        CHECK_SAME(x.out, talk_field(row, "message_b64"));
    }
    json_decref(root);
}

TEST(a_client_keeps_what_the_server_says_and_ends)
{
    static const struct {
        const char *mechanism, *reply;
    } rows[] = {
        {"OAUTHBEARER", "AQ=="},
        { "XOAUTH2",    ""    }
    };
    json_t        *root = talk_vectors("oauthbearer");
    const json_t  *told = json_object_get(root, "failure_challenge");
    struct gp_sasl x;
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        talk_open(&x);
        CHECK(gp_sasl_client_start(&x, gp_from(rows[i].mechanism), GP_LIT("u"), talk_secret(GP_LIT("x"))) ==
              GP_SASL_CHALLENGE);
        CHECK(gp_sasl_client_line(&x, talk_field(told, "json_b64")) == GP_SASL_CHALLENGE);
        CHECK(x.out.ptr);
        CHECK_IS(x.out, rows[i].reply);
        CHECK_SAME(x.says, talk_field(told, "decoded"));
        CHECK_IS(x.status, "invalid_token");
        CHECK(!gp_sasl_client_believes(&x) && x.why == GP_SASL_REFUSED);
        CHECK(gp_sasl_client_line(&x, talk_field(told, "json_b64")) == GP_SASL_FAILED);
        CHECK(!gp_sasl_client_believes(&x));
    }
    json_decref(root);
}

TEST(what_a_server_says_is_bounded_and_safe_to_log)
{
    char           words[GP_SASL_SAYS_MOST + 100];
    struct gp_sasl x;
    memset(words, '\n', sizeof words);
    talk_open(&x);
    CHECK(gp_sasl_client_start(&x, GOOGLE, GP_LIT("u"), talk_secret(GP_LIT("x"))) == GP_SASL_CHALLENGE);
    CHECK(gp_sasl_client_line(&x, TALK_LINE(((gp_str) { words, sizeof words }))) == GP_SASL_CHALLENGE);
    CHECK(x.says.len == GP_SASL_SAYS_MOST && x.says.ptr[0] == '?');
}

static void refuse_with(struct gp_sasl *x, gp_str json)
{
    char room[GP_SASL_LINE_MOST];
    talk_open(x);
    CHECK(gp_sasl_client_start(x, BEARER, GP_LIT("u"), talk_secret(GP_LIT("x"))) == GP_SASL_CHALLENGE);
    CHECK(gp_sasl_client_line(x, talk_base64(json, room)) == GP_SASL_CHALLENGE);
}

TEST(the_status_is_found_where_there_is_one)
{
    static const struct {
        const char *json, *status;
    } rows[] = {
        {"{\"status\":\"401\",\"schemes\":\"Bearer\",\"scope\":\"https://mail.google.com/\"}", "401"               },
        { "{\"scope\":\"a\", \"status\" :\t\"insufficient_scope\"}",                           "insufficient_scope"},
        { "{\"a\":\"status\",\"status\":\"x\"}",                                               "x"                 },
        { "{\"status\":\"a\\nb\"}",                                                            "a\\nb"             },
        { "{\"status\":\"a\nb\"}",                                                             "a?b"               },
        { "{\"status\":\"\"}",                                                                 ""                  },
        { "{\"status\":401}",                                                                  NULL                },
        { "{\"status\":\"401",                                                                 NULL                },
        { "{\"status\"",                                                                       NULL                },
        { "{\"status\":",                                                                      NULL                },
        { "status: 401",                                                                       NULL                },
        { "\"",                                                                                NULL                },
        { "{}",                                                                                NULL                },
    };
    struct gp_sasl x;
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        refuse_with(&x, gp_from(rows[i].json));
        if (rows[i].status) CHECK_IS(x.status, rows[i].status);
        CHECK(!x.status.ptr == !rows[i].status);
    }
}

/* Whatever a server says: its status is a part of what may be logged. */
PROPERTY(a_status_is_some_of_what_was_said, bytes)
{
    struct gp_sasl x;
    if (bytes.len == 0 || bytes.len > GP_SASL_LINE_MOST / 2) return;
    refuse_with(&x, bytes);
    CHECK(!gp_sasl_client_believes(&x) && x.says.len <= GP_SASL_SAYS_MOST);
    if (!x.status.ptr) return;
    CHECK(x.status.ptr >= x.says.ptr && x.status.ptr + x.status.len <= x.says.ptr + x.says.len);
    CHECK(gp_find(x.status, '"') == x.status.len);
}

TEST(a_client_with_a_long_token_wants_room_too)
{
    static char    token[GP_SASL_OUT_ROOM], lent[GP_SASL_LINE_MOST];
    struct gp_sasl x;
    memset(token, 'T', sizeof token);
    talk_open(&x);
    CHECK(gp_sasl_client_start(&x, GOOGLE, GP_LIT("u"), (gp_secret) { token, sizeof token }) == GP_SASL_FAILED);
    talk_open(&x);
    gp_sasl_lend(&x, lent, sizeof lent);
    CHECK(gp_sasl_client_start(&x, GOOGLE, GP_LIT("u"), (gp_secret) { token, sizeof token }) == GP_SASL_CHALLENGE);
    CHECK(x.out.ptr == lent && x.out.len > sizeof token);
    gp_sasl_end(&x);
    CHECK(lent[0] == 0 && lent[100] == 0);
    talk_open(&x); /* a token that would end its own field */
    CHECK(gp_sasl_client_start(&x, GOOGLE, GP_LIT("u"), talk_secret(GP_LIT("x\1y"))) == GP_SASL_FAILED);
    CHECK(!gp_sasl_client_believes(&x));
}
