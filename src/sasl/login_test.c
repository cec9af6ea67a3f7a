/* LOGIN in the forms that clients and servers use. */
#include "sasl/test_talk.h"

TEST(asks_for_name_and_password_in_the_words_that_clients_know)
{
    struct gp_sasl x;
    talk_open(&x);
    CHECK(gp_sasl_start(&x, GP_LIT("LOGIN"), GP_NONE) == GP_SASL_CHALLENGE);
    CHECK_IS(x.out, "VXNlcm5hbWU6");
    CHECK(gp_sasl_line(&x, GP_LIT("dGlt")) == GP_SASL_CHALLENGE);
    CHECK_IS(x.out, "UGFzc3dvcmQ6");
    CHECK(gp_sasl_line(&x, GP_LIT("dGFuc3RhYWZ0YW5zdGFhZg==")) == GP_SASL_ASK);
    CHECK(x.ask == GP_SASL_IS_PASSWORD);
    CHECK_IS(x.user, "tim");
    CHECK_IS(((gp_str) { x.secret.ptr, x.secret.len }), "tanstaaftanstaaf");
    x.answer = GP_OK;
    CHECK(gp_sasl_resume(&x) == GP_SASL_DONE);
}

TEST(takes_the_name_as_initial_response)
{
    struct gp_sasl x;
    talk_open(&x);
    CHECK(gp_sasl_start(&x, GP_LIT("LOGIN"), GP_LIT("dGlt")) == GP_SASL_CHALLENGE);
    CHECK_IS(x.out, "UGFzc3dvcmQ6");
    CHECK(gp_sasl_line(&x, GP_LIT("dGFuc3RhYWZ0YW5zdGFhZg==")) == GP_SASL_ASK);
    CHECK(gp_sasl_resume(&x) == GP_SASL_FAILED); /* the host said nothing: that is no */
}

TEST(refuses_empty_fields_at_each_step)
{
    struct gp_sasl x;
    talk_open(&x);
    CHECK(gp_sasl_start(&x, GP_LIT("LOGIN"), GP_LIT("")) == GP_SASL_FAILED && x.why == GP_SASL_MALFORMED);
    talk_open(&x);
    CHECK(gp_sasl_start(&x, GP_LIT("LOGIN"), GP_LIT("dGlt")) == GP_SASL_CHALLENGE);
    CHECK(gp_sasl_line(&x, GP_LIT("")) == GP_SASL_FAILED && x.why == GP_SASL_MALFORMED);
    talk_open(&x);
    CHECK(gp_sasl_start(&x, GP_LIT("LOGIN"), GP_LIT("/////w==")) == GP_SASL_FAILED);
}

TEST(can_be_cancelled_at_each_step)
{
    struct gp_sasl x;
    for (int lines = 0; lines < 2; lines++) {
        talk_open(&x);
        CHECK(gp_sasl_start(&x, GP_LIT("LOGIN"), GP_NONE) == GP_SASL_CHALLENGE);
        if (lines > 0) CHECK(gp_sasl_line(&x, GP_LIT("dGlt")) == GP_SASL_CHALLENGE);
        CHECK(gp_sasl_line(&x, GP_LIT("*")) == GP_SASL_FAILED && x.why == GP_SASL_CANCELLED);
        CHECK(gp_sasl_line(&x, GP_LIT("dGlt")) == GP_SASL_FAILED);
    }
}

TEST(a_client_answers_any_wording)
{
    json_t        *root = talk_vectors("login"), *row;
    struct gp_sasl x;
    size_t         i;
    json_array_foreach(json_object_get(root, "exchanges"), i, row)
    {
        gp_str first = talk_field(row, "server1_b64");
        if (!first.ptr) continue; /* the initial response is not sent by ours */
        talk_open(&x);
        CHECK(gp_sasl_client_start(&x, GP_LIT("LOGIN"), talk_field(row, "username"),
                                   talk_secret(talk_field(row, "password"))) == GP_SASL_CHALLENGE);
        CHECK(!x.out.ptr);
        CHECK(gp_sasl_client_line(&x, first) == GP_SASL_CHALLENGE);
        CHECK_SAME(x.out, talk_field(row, "username_b64"));
        CHECK(!gp_sasl_client_believes(&x));
        CHECK(gp_sasl_client_line(&x, talk_field(row, "server2_b64")) == GP_SASL_CHALLENGE);
        CHECK_SAME(x.out, talk_field(row, "password_b64"));
        CHECK(gp_sasl_client_believes(&x));
        CHECK(gp_sasl_client_line(&x, GP_LIT("")) == GP_SASL_FAILED);
    }
    json_decref(root);
}
