/* PLAIN against the vectors, both sides, and what a host may answer. */
#include "sasl/test_talk.h"

TEST(accepts_what_rfc_4616_accepts)
{
    json_t        *root = talk_vectors("plain"), *row;
    struct gp_sasl x;
    size_t         i;
    json_array_foreach(json_object_get(root, "accept"), i, row)
    {
        talk_open(&x);
        CHECK(gp_sasl_start(&x, GP_LIT("PLAIN"), talk_field(row, "message_b64")) == GP_SASL_ASK);
        CHECK(x.ask == GP_SASL_IS_PASSWORD);
        CHECK_SAME(x.user, talk_field(row, "authcid"));
        CHECK_SAME(x.authzid, talk_field(row, "authzid"));
        CHECK_SAME(((gp_str) { x.secret.ptr, x.secret.len }), talk_field(row, "password"));
        bool other = x.authzid.len && !gp_same(x.authzid, x.user);
        x.answer   = GP_OK;
        CHECK(gp_sasl_resume(&x) == (other ? GP_SASL_ASK : GP_SASL_DONE));
        if (!other) continue;
        CHECK(x.ask == GP_SASL_MAY_ACT);
        x.answer = GP_PERMFAIL;
        CHECK(gp_sasl_resume(&x) == GP_SASL_FAILED && x.why == GP_SASL_REFUSED);
    }
    json_decref(root);
}

TEST(refuses_what_rfc_4616_refuses)
{
    json_t        *root = talk_vectors("plain"), *row;
    struct gp_sasl x;
    size_t         i;
    json_array_foreach(json_object_get(root, "reject"), i, row)
    {
        char   room[512];
        gp_str message = talk_octets(row, "message_hex", room, sizeof room);
        talk_open(&x);
        CHECK(gp_sasl_start(&x, GP_LIT("PLAIN"), TALK_LINE(message)) == GP_SASL_FAILED);
        CHECK(x.why == GP_SASL_MALFORMED);
    }
    json_decref(root);
}

TEST(asks_for_what_did_not_come_with_the_command)
{
    struct gp_sasl x;
    talk_open(&x);
    CHECK(gp_sasl_start(&x, GP_LIT("plain"), GP_NONE) == GP_SASL_CHALLENGE);
    CHECK_IS(x.out, "");
    CHECK(x.out.ptr);
    CHECK(gp_sasl_line(&x, GP_LIT("AHRpbQB0YW5zdGFhZnRhbnN0YWFm")) == GP_SASL_ASK);
    x.answer = GP_OK;
    CHECK(gp_sasl_resume(&x) == GP_SASL_DONE);
}

TEST(the_hosts_verdict_decides)
{
    static const struct {
        gp_status         answer;
        enum gp_sasl_step step;
        enum gp_sasl_why  why;
    } rows[] = {
        {GP_OK,        GP_SASL_DONE,   GP_SASL_NO_REASON  },
        { GP_PERMFAIL, GP_SASL_FAILED, GP_SASL_REFUSED    },
        { GP_TEMPFAIL, GP_SASL_FAILED, GP_SASL_UNAVAILABLE},
        { GP_WAIT,     GP_SASL_FAILED, GP_SASL_UNAVAILABLE},
    };
    struct gp_sasl x;
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        talk_open(&x);
        CHECK(gp_sasl_start(&x, GP_LIT("PLAIN"), GP_LIT("AHRpbQB0YW5zdGFhZnRhbnN0YWFm")) == GP_SASL_ASK);
        x.answer = rows[i].answer;
        CHECK(gp_sasl_resume(&x) == rows[i].step);
        CHECK(x.why == rows[i].why);
        CHECK(!x.secret.ptr);
    }
}

TEST(names_and_passwords_are_prepared)
{
    struct gp_sasl x;
    talk_open(&x); /* soft hyphen in the name, ROMAN NUMERAL NINE in the password */
    CHECK(gp_sasl_start(&x, GP_LIT("PLAIN"), TALK_LINE(GP_LIT("\0I\xc2\xadX\0\xe2\x85\xa8"))) == GP_SASL_ASK);
    CHECK_IS(x.user, "IX");
    CHECK_IS(((gp_str) { x.secret.ptr, x.secret.len }), "IX");
    talk_open(&x); /* a name of which nothing is left */
    CHECK(gp_sasl_start(&x, GP_LIT("PLAIN"), TALK_LINE(GP_LIT("\0\xc2\xad\0pw"))) == GP_SASL_FAILED);
    talk_open(&x); /* an authzid of which nothing is left (RFC 4954 4) */
    CHECK(gp_sasl_start(&x, GP_LIT("PLAIN"), TALK_LINE(GP_LIT("\xc2\xad\0tim\0pw"))) == GP_SASL_FAILED);
}

static enum gp_sasl_step plain_of(size_t name, size_t password)
{
    char           room[4096] = { 0 };
    struct gp_sasl x;
    memset(room + 1, 'u', name);
    memset(room + name + 2, 'p', password);
    talk_open(&x);
    return gp_sasl_start(&x, GP_LIT("PLAIN"), TALK_LINE(((gp_str) { room, name + password + 2 })));
}

TEST(fields_have_a_bound)
{
    CHECK(plain_of(GP_SASL_NAME_MOST, GP_SASL_SECRET_MOST) == GP_SASL_ASK);
    CHECK(plain_of(GP_SASL_NAME_MOST + 1, 8) == GP_SASL_FAILED);
    CHECK(plain_of(8, GP_SASL_SECRET_MOST + 1) == GP_SASL_FAILED);
}

TEST(a_client_says_the_same)
{
    json_t        *root = talk_vectors("plain"), *row;
    struct gp_sasl x;
    size_t         i;
    json_array_foreach(json_object_get(root, "accept"), i, row)
    {
        talk_open(&x);
        x.authzid = talk_field(row, "authzid");
        CHECK(gp_sasl_client_start(&x, GP_LIT("PLAIN"), talk_field(row, "authcid"),
                                   talk_secret(talk_field(row, "password"))) == GP_SASL_CHALLENGE);
        CHECK_SAME(x.out, talk_field(row, "message_b64"));
        CHECK(gp_sasl_client_believes(&x));
    }
    json_decref(root);
}

TEST(a_long_initial_response_may_wait_for_the_empty_challenge_once)
{
    struct gp_sasl x;
    talk_open(&x);
    CHECK(gp_sasl_client_start(&x, GP_LIT("PLAIN"), GP_LIT("tim"), talk_secret(GP_LIT("tanstaaftanstaaf"))) ==
          GP_SASL_CHALLENGE);
    CHECK(gp_sasl_client_line(&x, GP_LIT("")) == GP_SASL_CHALLENGE);
    CHECK_IS(x.out, "AHRpbQB0YW5zdGFhZnRhbnN0YWFm");
    CHECK(gp_sasl_client_line(&x, GP_LIT("")) == GP_SASL_FAILED);
    CHECK(!gp_sasl_client_believes(&x));
}
