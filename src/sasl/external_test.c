/* EXTERNAL: what a client may say, and that only the host decides. */
#include "sasl/test_talk.h"

TEST(what_a_client_says_and_who_is_asked_for)
{
    static const struct {
        const char *line; /* base64; NULL: no initial response */
        const char *user; /* NULL: malformed                    */
    } rows[] = {
        {"",                          ""                },
        { "ZnJlZEBleGFtcGxlLmNvbQ==", "fred@example.com"}, /* RFC 4422 A.4 */
        { "dGlt",                     "tim"             },
        { "ScKtWA==",                 "IX"              }, /* SASLprep: a soft hyphen goes */
        { "AA==",                     NULL              }, /* NUL (RFC 4422 A.1) */
        { "dGltAHRvbQ==",             NULL              },
        { "wq0=",                     NULL              }, /* nothing is left of it */
        { "/w==",                     NULL              }, /* not UTF-8 */
    };
    struct gp_sasl x;
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        talk_open(&x);
        enum gp_sasl_step step = gp_sasl_start(&x, GP_LIT("EXTERNAL"), gp_from(rows[i].line));
        CHECK(step == (rows[i].user ? GP_SASL_ASK : GP_SASL_FAILED));
        if (!rows[i].user) {
            CHECK(x.why == GP_SASL_MALFORMED);
            continue;
        }
        CHECK(x.ask == GP_SASL_IS_EXTERNAL && !x.secret.ptr);
        CHECK_IS(x.user, rows[i].user);
        x.answer = GP_OK;
        CHECK(gp_sasl_resume(&x) == GP_SASL_DONE);
    }
}

TEST(asks_for_what_did_not_come_with_the_command)
{
    struct gp_sasl x;
    talk_open(&x);
    CHECK(gp_sasl_start(&x, GP_LIT("EXTERNAL"), GP_NONE) == GP_SASL_CHALLENGE);
    CHECK_IS(x.out, "");
    CHECK(gp_sasl_line(&x, GP_LIT("")) == GP_SASL_ASK);
    CHECK(gp_sasl_line(&x, GP_LIT("")) == GP_SASL_FAILED); /* while the host is asked */
    talk_open(&x);
    CHECK(gp_sasl_start(&x, GP_LIT("EXTERNAL"), GP_NONE) == GP_SASL_CHALLENGE);
    CHECK(gp_sasl_line(&x, GP_LIT("*")) == GP_SASL_FAILED && x.why == GP_SASL_CANCELLED);
}

TEST(the_hosts_verdict_decides)
{
    struct gp_sasl x;
    talk_open(&x);
    CHECK(gp_sasl_start(&x, GP_LIT("EXTERNAL"), GP_LIT("dGlt")) == GP_SASL_ASK);
    CHECK(gp_sasl_resume(&x) == GP_SASL_FAILED && x.why == GP_SASL_REFUSED); /* it said nothing */
    talk_open(&x);
    CHECK(gp_sasl_start(&x, GP_LIT("EXTERNAL"), GP_LIT("dGlt")) == GP_SASL_ASK);
    x.answer = GP_TEMPFAIL;
    CHECK(gp_sasl_resume(&x) == GP_SASL_FAILED && x.why == GP_SASL_UNAVAILABLE);
}

TEST(a_client_says_whom_it_wants_to_be_or_nothing)
{
    static const struct {
        const char *authzid, *user, *out;
    } rows[] = {
        {"",     "",    ""    },
        { "",    "tim", "dGlt"},
        { "tom", "tim", "dG9t"},
        { "tom", "",    "dG9t"},
    };
    struct gp_sasl x;
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        talk_open(&x);
        x.authzid = gp_from(rows[i].authzid);
        CHECK(gp_sasl_client_start(&x, GP_LIT("EXTERNAL"), gp_from(rows[i].user), talk_secret(GP_LIT(""))) ==
              GP_SASL_CHALLENGE);
        CHECK(x.out.ptr && gp_sasl_client_believes(&x));
        CHECK_IS(x.out, rows[i].out);
    }
}
