/* CRAM-MD5 against the vectors, both sides. */
#include "sasl/test_talk.h"

static void open_with(struct gp_sasl *x, gp_str challenge)
{
    talk_open(x);
    gp_sasl_seed(x, challenge);
    CHECK(gp_sasl_start(x, GP_LIT("CRAM-MD5"), GP_NONE) == GP_SASL_CHALLENGE);
    CHECK_SAME(TALK_SAID(x), challenge);
}

/* Beside others that do not fit; a host that says yes to what did not fit is not believed. */
static void try_secret(struct gp_sasl *x, gp_str secret, bool fits)
{
    CHECK(x->ask == GP_SASL_IS_PROOF);
    CHECK(!gp_sasl_fits_secret(x, talk_secret(GP_LIT("before"))));
    CHECK(gp_sasl_fits_secret(x, talk_secret(secret)) == fits);
    CHECK(!gp_sasl_fits_secret(x, talk_secret(GP_LIT(""))));
    x->answer = GP_OK;
}

TEST(serves_the_vectors)
{
    json_t        *root = talk_vectors("cram_md5"), *row;
    struct gp_sasl x;
    size_t         i;
    json_array_foreach(json_object_get(root, "exchanges"), i, row)
    {
        for (int right = 1; right >= 0; right--) {
            open_with(&x, talk_field(row, "challenge"));
            CHECK(gp_sasl_line(&x, talk_field(row, "response_b64")) == GP_SASL_ASK);
            CHECK_SAME(x.user, talk_field(row, "username"));
            try_secret(&x, right ? talk_field(row, "password") : GP_LIT("another"), right);
            CHECK(gp_sasl_resume(&x) == (right ? GP_SASL_DONE : GP_SASL_FAILED));
            CHECK(x.why == (right ? GP_SASL_NO_REASON : GP_SASL_REFUSED));
        }
    }
    json_decref(root);
}

TEST(reads_the_response_of_rfc_4954)
{
    json_t        *root = talk_vectors("cram_md5"), *row = json_array_get(json_object_get(root, "decode_only"), 0);
    struct gp_sasl x;
    open_with(&x, talk_field(row, "challenge"));
    CHECK(gp_sasl_line(&x, TALK_LINE(talk_field(row, "response"))) == GP_SASL_ASK);
    CHECK_IS(x.user, "rjs3");
    json_decref(root);
}

TEST(refuses_malformed_responses)
{
    json_t        *root = talk_vectors("cram_md5"), *row;
    struct gp_sasl x;
    size_t         i;
    json_array_foreach(json_object_get(root, "reject_responses"), i, row)
    {
        open_with(&x, GP_LIT("<1896.697170952@postoffice.reston.mci.net>"));
        CHECK(gp_sasl_line(&x, TALK_LINE(talk_field(row, "response"))) == GP_SASL_FAILED);
        CHECK(x.why == GP_SASL_MALFORMED);
    }
    json_decref(root);
}

TEST(the_server_speaks_first) /* RFC 4954 4 */
{
    struct gp_sasl x;
    talk_open(&x);
    CHECK(gp_sasl_start(&x, GP_LIT("CRAM-MD5"), GP_LIT("dGlt")) == GP_SASL_FAILED && x.why == GP_SASL_TOO_EARLY);
    talk_open(&x);
    CHECK(gp_sasl_start(&x, GP_LIT("CRAM-MD5"), GP_LIT("")) == GP_SASL_FAILED && x.why == GP_SASL_TOO_EARLY);
}

TEST(no_secret_is_a_refusal_and_no_store_is_not)
{
    struct gp_sasl x;
    for (int down = 0; down < 2; down++) {
        open_with(&x, GP_LIT("<1.2@host.example>"));
        CHECK(gp_sasl_line(&x, TALK_LINE(GP_LIT("user aeb1f653ae85ee311254a8c780d96ec0"))) == GP_SASL_ASK);
        x.answer = down ? GP_TEMPFAIL : GP_PERMFAIL;
        CHECK(gp_sasl_resume(&x) == GP_SASL_FAILED && x.why == (down ? GP_SASL_UNAVAILABLE : GP_SASL_REFUSED));
    }
}

TEST(no_two_challenges_are_alike)
{
    struct gp_sasl a, b;
    talk_open(&a), talk_open(&b);
    CHECK(gp_sasl_start(&a, GP_LIT("CRAM-MD5"), GP_NONE) == GP_SASL_CHALLENGE);
    CHECK(gp_sasl_start(&b, GP_LIT("CRAM-MD5"), GP_NONE) == GP_SASL_CHALLENGE);
    CHECK(!gp_same(a.out, b.out));
    gp_str challenge = TALK_SAID(&a);
    CHECK(gp_starts(challenge, "<") && gp_ends(challenge, "@gatepost>"));
}

TEST(a_client_computes_the_vectors)
{
    json_t        *root = talk_vectors("cram_md5"), *row;
    struct gp_sasl x;
    size_t         i;
    json_array_foreach(json_object_get(root, "exchanges"), i, row)
    {
        talk_open(&x);
        CHECK(gp_sasl_client_start(&x, GP_LIT("CRAM-MD5"), talk_field(row, "username"),
                                   talk_secret(talk_field(row, "password"))) == GP_SASL_CHALLENGE);
        CHECK(!x.out.ptr && !gp_sasl_client_believes(&x));
        CHECK(gp_sasl_client_line(&x, talk_field(row, "challenge_b64")) == GP_SASL_CHALLENGE);
        CHECK_SAME(x.out, talk_field(row, "response_b64"));
        CHECK(gp_sasl_client_believes(&x));
    }
    json_decref(root);
}
