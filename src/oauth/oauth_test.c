/* What goes to a provider of tokens and what comes back, hostile answers among it. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "oauth/oauth.h"

TEST(a_form_reads_back)
{
    static const char plain[] = "a b&c=d%+/\xc3\xa9~_.-";
    char              room[256], out[64];
    struct gp_text    form = GP_TEXT(room);
    oauth_put_field(&form, "grant_type", GP_LIT("refresh_token"));
    oauth_put_field(&form, "secret", (gp_str) { plain, sizeof plain - 1 });
    CHECK_IS(gp_said(&form), "grant_type=refresh_token&secret=a%20b%26c%3Dd%25%2B%2F%C3%A9~_.-");
    CHECK(oauth_read_field(gp_said(&form), "secret", out, sizeof out));
    CHECK_IS(gp_from(out), plain);
    CHECK(!oauth_read_field(gp_said(&form), "ecret", out, sizeof out));
    CHECK(!oauth_read_field(GP_LIT("a=%2"), "a", out, sizeof out));
    CHECK(!oauth_read_field(GP_LIT("a=%zz"), "a", out, sizeof out));
    CHECK(!oauth_read_field(GP_LIT("a=%00"), "a", out, sizeof out));
    CHECK(oauth_read_field(GP_LIT("b&a=x+y"), "a", out, sizeof out));
    CHECK_IS(gp_from(out), "x y");
    CHECK(!oauth_read_field(GP_LIT("a=12345"), "a", out, 5));
}

TEST(a_token_and_how_long_it_lives)
{
    static struct oauth_reply r;
    oauth_read_reply(
        GP_LIT("{\"access_token\":\"abc\",\"token_type\":\"bearer\",\"expires_in\":\"3599\",\"refresh_token\":\"r1\","
               "\"refresh_token_expires_in\":604800}"),
        200, &r);
    CHECK(r.status == GP_OK && r.lifetime == 3599 && r.refresh_lifetime == 604800);
    CHECK_IS(((gp_str) { r.access, r.access_len }), "abc");
    CHECK_IS(((gp_str) { r.refresh, r.refresh_len }), "r1");
    oauth_read_reply(GP_LIT("{\"access_token\":\"abc\",\"expires_in\":1e300}"), 200, &r);
    CHECK(r.status == GP_OK && r.lifetime == OAUTH_LIFETIME_MOST && r.refresh_len == 0);
    oauth_read_reply(GP_LIT("{\"access_token\":\"abc\",\"expires_in\":-5}"), 200, &r);
    CHECK(r.status == GP_OK && r.lifetime == 0);
    oauth_read_reply(GP_LIT("{\"access_token\":\"abc\",\"refresh_token\":null}"), 200, &r);
    CHECK(r.status == GP_OK && r.access_len == 3 && r.refresh_len == 0);
    oauth_read_reply(GP_LIT("{\"access_token\":\"abc\",\"refresh_token\":\"\"}"), 200, &r);
    CHECK(r.status == GP_OK && r.access_len == 3 && r.refresh_len == 0);
}

TEST(what_is_no_token_says_what_it_means)
{
    static const struct {
        const char *body;
        long        status;
        gp_status   means;
        const char *error, *why;
    } cases[] = {
  /* clang-format off */
        { "{\"error\":\"invalid_grant\",\"error_description\":\"Token has been\\r\\nrevoked.\"}", 400, GP_PERMFAIL, "invalid_grant", "invalid_grant: Token has been  revoked." },
        { "{\"error\":\"invalid_client\"}", 401, GP_PERMFAIL, "invalid_client", "invalid_client" },
        { "{\"error\":\"temporarily_unavailable\"}", 400, GP_TEMPFAIL, "temporarily_unavailable", "temporarily_unavailable" },
        { "{\"error\":\"invalid_grant\"}", 503, GP_TEMPFAIL, "invalid_grant", "invalid_grant" },
        { "{\"error\":\"too many\"}", 429, GP_TEMPFAIL, "too many", "too many" },
        { "{\"error\":\"authorization_pending\"}", 400, GP_WAIT, "authorization_pending", "authorization_pending" },
        { "{\"error\":\"slow_down\"}", 400, GP_WAIT, "slow_down", "slow_down" },
        { "{\"error\":{\"code\":5}}", 400, GP_TEMPFAIL, "", "it answers with an error and says no reason" },
        { "<html>", 502, GP_TEMPFAIL, "", "it answers with an error and says no reason" },
        { "<html>", 200, GP_TEMPFAIL, "", "its answer is no JSON with a token" },
        { "", 200, GP_TEMPFAIL, "", "its answer is no JSON with a token" },
        { "[]", 200, GP_TEMPFAIL, "", "its answer is no JSON with a token" },
        { "{\"access_token\":\"a b\"}", 200, GP_TEMPFAIL, "", "its access_token is none, or too long" },
        { "{\"access_token\":\"\"}", 200, GP_TEMPFAIL, "", "its access_token is none, or too long" },
        { "{\"access_token\":\"a\\u0000b\"}", 200, GP_TEMPFAIL, "", "its answer is no JSON with a token" },
        { "{\"access_token\":17}", 200, GP_TEMPFAIL, "", "its access_token is none, or too long" },
        { "{\"access_token\":\"a\",\"refresh_token\":\"\\n\"}", 200, GP_TEMPFAIL, "", "its refresh_token is none, or too long" },
        { "{\"access_token\":\"a\",\"token_type\":\"mac\"}", 200, GP_TEMPFAIL, "", "its token is of another type than Bearer" },
        { "{\"access_token\":\"a\"}", 401, GP_TEMPFAIL, "", "it answers with an error and says no reason" },
        { "{\"access_token\":\"a\",\"access_token\":\"b\"}", 200, GP_TEMPFAIL, "", "its answer is no JSON with a token" },
  /* clang-format on */
    };
    static struct oauth_reply r;
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        oauth_read_reply(gp_from(cases[i].body), cases[i].status, &r);
        CHECK(r.status == cases[i].means && r.access_len == 0 &&
              r.slow_down == (strcmp(cases[i].error, "slow_down") == 0));
        CHECK_IS(gp_from(r.error), cases[i].error);
        CHECK_IS(gp_from(r.why), cases[i].why);
    }
}

TEST(a_token_has_a_bound)
{
    static struct oauth_reply r;
    static char               body[2 * OAUTH_TOKEN_MOST];
    for (int over = 0; over < 2; over++) {
        struct gp_text text = GP_TEXT(body);
        gp_put_z(&text, "{\"access_token\":\"");
        for (int i = 0; i < OAUTH_TOKEN_MOST + over; i++) gp_put_char(&text, 'x');
        gp_put_z(&text, "\"}");
        oauth_read_reply(gp_said(&text), 200, &r);
        CHECK(r.status == (over ? GP_TEMPFAIL : GP_OK));
    }
}

TEST(a_device_gets_a_code_for_a_person) /* RFC 8628 3.2 */
{
    static struct oauth_reply  r;
    static struct oauth_device d;
    CHECK(!oauth_read_device(
        GP_LIT("{\"device_code\":\"GmRh\",\"user_code\":\"WDJB-MJHT\",\"verification_uri\":\"https://example.com/"
               "device\",\"expires_in\":1800}"),
        200, &d, &r));
    CHECK(d.lifetime == 1800 && d.interval == 5);
    CHECK_IS(gp_from(d.user_code), "WDJB-MJHT");
    CHECK(!oauth_read_device(
        GP_LIT("{\"device_code\":\"G\",\"user_code\":\"W\",\"verification_url\":\"https://g\",\"interval\":9999}"), 200,
        &d, &r));
    CHECK(d.interval == 60 && d.lifetime == 3600);
    CHECK(oauth_read_device(GP_LIT("{\"device_code\":\"G\",\"user_code\":\"\\u001b[2J\",\"verification_uri\":\"u\"}"),
                            200, &d, &r));
    CHECK(oauth_read_device(GP_LIT("[]"), 200, &d, &r));
    const char *why = oauth_read_device(GP_LIT("{\"error\":\"unauthorized_client\"}"), 400, &d, &r);
    CHECK_IS(gp_from(why), "unauthorized_client");
}

TEST(the_challenge_of_pkce_is_that_of_its_secret)
{
    char           verifier[OAUTH_PKCE_ROOM], challenge[OAUTH_PKCE_ROOM], again[OAUTH_PKCE_ROOM], room[64];
    uint8_t        digest[GP_DIGEST_MOST];
    struct gp_text text = GP_TEXT(room);
    /* RFC 7636 B */
    CHECK(gp_digest(GP_SHA256, GP_LIT("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), digest));
    oauth_put_url64(&text, (gp_str) { (const char *)digest, 32 });
    CHECK_IS(gp_said(&text), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    CHECK(oauth_pkce(verifier, challenge) && strlen(verifier) == 43 && strlen(challenge) == 43);
    CHECK(oauth_pkce(again, challenge) && strcmp(again, verifier) != 0);
}

/* ---- assertions ------------------------------------------------------------------------------------------------------------ */
static json_t *part_of(gp_str *rest)
{
    char           octets[2048], room[4096];
    struct gp_text text = GP_TEXT(room);
    size_t         len  = 0;
    gp_str         part = gp_cut(rest, '.');
    for (size_t i = 0; i < part.len; i++)
        gp_put_char(&text, part.ptr[i] == '-' ? '+' : part.ptr[i] == '_' ? '/' : part.ptr[i]);
    while (text.len % 4) gp_put_char(&text, '=');
    CHECK(gp_read_base64(gp_said(&text), octets, sizeof octets, &len));
    return json_loadb(octets, len, 0, NULL);
}

static void check_text(const json_t *object, const char *name, const char *want)
{
    const char *is = json_string_value(json_object_get(object, name));
    if (want)
        CHECK_IS(gp_from(is), want);
    else
        CHECK(!is);
}

TEST(an_assertion_says_who_asks_and_for_whom)
{
    static const uint8_t thumbprint[32] = { 0xfb, 0xff };
    struct gp_key       *key            = gp_key_new(GP_KEY_RSA, 2048);
    for (int entra = 0; entra < 2; entra++) {
        char                   room[OAUTH_ASSERTION_ROOM];
        struct gp_text         jwt = GP_TEXT(room);
        struct oauth_assertion a   = { .issuer     = GP_LIT("i\"ss"),
                                       .subject    = GP_LIT("sub"),
                                       .audience   = GP_LIT("https://t/"),
                                       .scope      = entra ? GP_NONE : GP_LIT("mail"),
                                       .thumbprint = entra ? thumbprint : NULL,
                                       .now        = 1000,
                                       .seconds    = 600 };
        CHECK(oauth_put_assertion(&jwt, key, &a));
        gp_str  rest   = gp_said(&jwt);
        json_t *header = part_of(&rest), *claims = part_of(&rest);
        check_text(header, "alg", entra ? "PS256" : "RS256");
        check_text(header, "x5t#S256", entra ? "-_8AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" : NULL);
        check_text(claims, "iss", "i\"ss");
        check_text(claims, "aud", "https://t/");
        check_text(claims, "scope", entra ? NULL : "mail");
        CHECK(json_integer_value(json_object_get(claims, "exp")) == 1600);
        CHECK(rest.len == 342); /* 256 octets; the identity provider of the end-to-end tests verifies them */
        json_decref(header);
        json_decref(claims);
        jwt = (struct gp_text) { .ptr = room, .room = 100 };
        CHECK(!oauth_put_assertion(&jwt, key, &a));
    }
    gp_key_close(key);
}

TEST(keys_come_as_pem_or_as_google_writes_them)
{
    static char           pem_room[8192], json_room[16384];
    struct gp_text        pem = GP_TEXT(pem_room);
    struct oauth_key_file f;
    struct gp_key        *rsa = gp_key_new(GP_KEY_RSA, 2048), *ec = gp_key_new(GP_KEY_EC, 0);
    CHECK(gp_key_pem(rsa, &pem));
    CHECK(oauth_read_key_file(gp_said(&pem), &f) && !f.email[0]);
    gp_key_close(f.key);
    json_t *object = json_pack("{s:s, s:s, s:s, s:s#}", "type", "service_account", "private_key_id", "k1",
                               "client_email", "a@b.iam.gserviceaccount.com", "private_key", pem.ptr, (int)pem.len);
    size_t  len    = json_dumpb(object, json_room, sizeof json_room, 0);
    json_decref(object);
    CHECK(oauth_read_key_file((gp_str) { json_room, len }, &f));
    CHECK_IS(gp_from(f.key_id), "k1");
    CHECK_IS(gp_from(f.email), "a@b.iam.gserviceaccount.com");
    gp_key_close(f.key);
    CHECK(!oauth_read_key_file(GP_LIT("{\"private_key\":\"no\"}"), &f) && !f.key);
    CHECK(!oauth_read_key_file(GP_LIT(""), &f));
    pem.len = 0;
    CHECK(gp_key_pem(ec, &pem) && !oauth_read_key_file(gp_said(&pem), &f) && !f.key);
    gp_key_close(rsa);
    gp_key_close(ec);
}

/* ---- whatever comes ---------------------------------------------------------------------------------------------------------- */
static void check_shown(const char *text)
{
    for (; *text; text++) CHECK(*text >= ' ' && *text < 0x7f);
}

PROPERTY(oauth_reads_any_reply, bytes)
{
    static const long          statuses[] = { 200, 400 };
    static struct oauth_reply  r;
    static struct oauth_device d;
    char                       out[32];
    for (size_t i = 0; i < GP_COUNT(statuses); i++) {
        oauth_read_reply(bytes, statuses[i], &r);
        CHECK((r.status == GP_OK) == (r.access_len > 0));
        check_shown(r.error);
        check_shown(r.why);
    }
    if (!oauth_read_device(bytes, 200, &d, &r)) {
        check_shown(d.user_code);
        check_shown(d.uri);
    }
    if (oauth_read_field(bytes, "code", out, sizeof out)) CHECK(strlen(out) < sizeof out);
}
