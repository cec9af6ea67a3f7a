/* Why a message is malformed, for the log: a row for each cause, by mechanism. To the client all of them sound the same. */
#include "sasl/test_talk.h"

#define HEX32 "0123456789abcdef0123456789abcdef"

/* clang-format off */
static const struct {
    const char *mechanism;
    gp_str      first, second; /* octets that the client says; first GP_NONE: no initial response */
    const char *why;
} rows[] = {
    { "PLAIN", GP_LIT("tim"), GP_NONE, "three fields with NULs between" },
    { "PLAIN", GP_LIT("\xff\0tim\0pw"), GP_NONE, "the name to act as is" },
    { "PLAIN", GP_LIT("\0\xff\0pw"), GP_NONE, "the user name is" },
    { "PLAIN", GP_LIT("\0tim\0"), GP_NONE, "the password is empty" },
    { "LOGIN", GP_LIT(""), GP_NONE, "the user name is" },
    { "LOGIN", GP_LIT("ti\0m"), GP_NONE, "the user name is" },
    { "LOGIN", GP_LIT("\xc2\xad"), GP_NONE, "the user name is" },
    { "LOGIN", GP_LIT("tim"), GP_LIT(""), "the password is empty" },
    { "LOGIN", GP_LIT("tim"), GP_LIT("\x07"), "the password is empty" },
    { "CRAM-MD5", GP_NONE, GP_LIT("tim"), "a name, a space and a digest" },
    { "CRAM-MD5", GP_NONE, GP_LIT("tim " HEX32 "0"), "a name, a space and a digest" },
    { "CRAM-MD5", GP_NONE, GP_LIT("tim 0123456789ABCDEF0123456789abcdef"), "lower-case hex" },
    { "CRAM-MD5", GP_NONE, GP_LIT("tim 0123456789abcdef0123456789abcdeg"), "lower-case hex" },
    { "CRAM-MD5", GP_NONE, GP_LIT("\xff " HEX32), "the user name is" },
    { "EXTERNAL", GP_LIT("ti\0m"), GP_NONE, "the name to act as is" },
    { "OAUTHBEARER", GP_LIT(""), GP_NONE, "begin with n,, or n,a=NAME," },
    { "OAUTHBEARER", GP_LIT("n,a=tim\1auth=Bearer x\1\1"), GP_NONE, "begin with n,, or n,a=NAME," },
    { "OAUTHBEARER", GP_LIT("n,user=tim,\1auth=Bearer x\1\1"), GP_NONE, "begin with n,, or n,a=NAME," },
    { "OAUTHBEARER", GP_LIT("x,,\1auth=Bearer x\1\1"), GP_NONE, "begin with n,, or n,a=NAME," },
    { "OAUTHBEARER", GP_LIT("p=tls-exporter,,\1auth=Bearer x\1\1"), GP_NONE, "channel binding is asked for" },
    { "OAUTHBEARER", GP_LIT("n,a=t=im,\1auth=Bearer x\1\1"), GP_NONE, "the user name is" },
    { "OAUTHBEARER", GP_LIT("n,a=\xff,\1auth=Bearer x\1\1"), GP_NONE, "the user name is" },
    { "OAUTHBEARER", GP_LIT("n,,\1auth=Bearer x"), GP_NONE, "end in two ^A" },
    { "OAUTHBEARER", GP_LIT("n,,\1auth=Bearer x\1"), GP_NONE, "end in two ^A" },
    { "OAUTHBEARER", GP_LIT("n,,\1auth=Bearer x\1\1\1"), GP_NONE, "pairs of KEY=VALUE" },
    { "OAUTHBEARER", GP_LIT("n,,\1auth\1\1"), GP_NONE, "pairs of KEY=VALUE" },
    { "OAUTHBEARER", GP_LIT("n,,\1a1=x\1auth=Bearer x\1\1"), GP_NONE, "pairs of KEY=VALUE" },
    { "OAUTHBEARER", GP_LIT("n,,\1x=\x07\1auth=Bearer x\1\1"), GP_NONE, "a value is not UTF-8" },
    { "OAUTHBEARER", GP_LIT("n,,\1x=\xff\1auth=Bearer x\1\1"), GP_NONE, "a value is not UTF-8" },
    { "OAUTHBEARER", GP_LIT("n,,\1auth=Bearer x\1auth=Bearer y\1\1"), GP_NONE, "a key comes twice" },
    { "OAUTHBEARER", GP_LIT("n,,\1auth=Basic x\1\1"), GP_NONE, "auth= is not Bearer" },
    { "OAUTHBEARER", GP_LIT("n,,\1auth=Bearer \1\1"), GP_NONE, "the token is empty" },
    { "OAUTHBEARER", GP_LIT("n,,\1auth=Bearer x y\1\1"), GP_NONE, "the token is empty" },
    { "OAUTHBEARER", GP_LIT("n,,\1host=x\1\1"), GP_NONE, "no auth=" },
    { "OAUTHBEARER", GP_LIT("n,,\1\1"), GP_NONE, "no auth=" },
    { "OAUTHBEARER", GP_LIT("n,,\1port=0\1auth=Bearer x\1\1"), GP_NONE, "of another server" },
    { "OAUTHBEARER", GP_LIT("n,,\1host=\1auth=Bearer x\1\1"), GP_NONE, "of another server" },
    { "XOAUTH2", GP_LIT("auth=Bearer x\1\1"), GP_NONE, "no user=" },
    { "XOAUTH2", GP_LIT("user=\1auth=Bearer x\1\1"), GP_NONE, "the user name is" },
    { "XOAUTH2", GP_LIT("user=tim\1\1"), GP_NONE, "no auth=" },
    { "XOAUTH2", GP_LIT("user=tim\1auth=Bearer x\1"), GP_NONE, "end in two ^A" },
    { "XOAUTH2", GP_LIT("tim\1auth=Bearer x\1\1"), GP_NONE, "pairs of KEY=VALUE" },
    { "XOAUTH2", GP_LIT("user=tim\1auth=x\1\1"), GP_NONE, "auth= is not Bearer" },
};
/* clang-format on */

TEST(every_mechanism_says_what_is_wrong_with_a_message)
{
    struct gp_sasl x;
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        gp_str first = rows[i].first.ptr ? TALK_LINE(rows[i].first) : GP_NONE;
        talk_open(&x);
        enum gp_sasl_step step = gp_sasl_start(&x, gp_from(rows[i].mechanism), first);
        if (rows[i].second.ptr) {
            CHECK(step == GP_SASL_CHALLENGE);
            step = gp_sasl_line(&x, TALK_LINE(rows[i].second));
        }
        if (step != GP_SASL_FAILED || x.why != GP_SASL_MALFORMED || !x.detail || !strstr(x.detail, rows[i].why))
            fail_msg("row %zu, %s: %s, not %s", i, rows[i].mechanism, x.detail ? x.detail : "(no words)", rows[i].why);
    }
}

TEST(a_token_that_no_room_was_lent_for_is_too_long)
{
    static char    token[GP_SASL_SECRET_MOST + 1];
    char           room[GP_SASL_SECRET_MOST + 64];
    struct gp_text text = GP_TEXT(room);
    struct gp_sasl x;
    memset(token, 'x', sizeof token);
    gp_put_z(&text, "user=tim\1auth=Bearer ");
    gp_put(&text, (gp_str) { token, sizeof token });
    gp_put_z(&text, "\1\1");
    talk_open(&x);
    CHECK(gp_sasl_start(&x, GP_LIT("XOAUTH2"), TALK_LINE(gp_said(&text))) == GP_SASL_FAILED);
    CHECK_IS(gp_from(x.detail), "the token is too long");
}
