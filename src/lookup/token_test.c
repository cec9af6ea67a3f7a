/* Bearer tokens without a server: the vectors, tokens that mean ill, sets of keys and when they are fetched, what is remembered. */
#include "check.h"

#include <cjose/cjose.h>
#include <stdlib.h>
#include <string.h>

#include "lookup/introspect.h"
#include "lookup/provider.h"
#include "lookup/token_cache.h"

static const int64_t now = 1800000000;

static struct config_lookup plan(void)
{
    struct config_lookup rules = { .issuer     = "https://idp.example",
                                   .audience   = "imaps://mail.example.org smtp://mail.example.org",
                                   .algorithms = "RS256 PS256 ES256",
                                   .scope      = "smtp",
                                   .user_claim = "email",
                                   .verified   = LOOKUP_EMAIL_OPTIONAL,
                                   .leeway     = 60 };
    return rules;
}

/* ---- vectors -------------------------------------------------------------------------------------------------------------- */
static json_t *vectors(void)
{
    size_t  len;
    char   *text = kit_file("tests/vectors/jwt.json", &len);
    json_t *all  = json_loadb(text, len, 0, NULL);
    free(text);
    CHECK(all);
    return all;
}

static struct jwks *keys_in(const json_t *set)
{
    char        *text = json_dumps(set, 0);
    struct jwks *keys = jwks_read(gp_from(text));
    free(text);
    CHECK(keys);
    return keys;
}

static gp_str text_of(const json_t *object, const char *name)
{
    return gp_from(json_string_value(json_object_get(object, name)));
}

TEST(every_token_of_the_vectors)
{
    json_t              *all   = vectors();
    struct jwks         *keys  = keys_in(json_object_get(all, "jwks"));
    const json_t        *list  = json_object_get(all, "tokens");
    struct config_lookup rules = plan();
    size_t               good  = 0;
    CHECK(json_integer_value(json_object_get(all, "now")) == now && json_array_size(list) > 30);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t  *one = json_array_get(list, i);
        struct verdict v;
        jwt_judge(text_of(one, "token"), keys, &rules, now, &v);
        bool accepted = v.status == GP_OK && gp_same(gp_from(v.owner.user), text_of(all, "user"));
        if (accepted != json_is_true(json_object_get(one, "accept")))
            fail_msg("%s: %s", json_string_value(json_object_get(one, "id")), v.why);
        CHECK(v.status == GP_OK || v.why[0]);
        good += accepted;
    }
    CHECK(good == 4);
    jwks_free(keys);
    json_decref(all);
}

TEST(the_reason_is_the_true_one)
{
    static const struct {
        const char *id, *why;
        bool        known, no_key;
    } cases[] = {
        {"alg-none",            "its algorithm 'none' is none of those allowed",                   false, false},
        { "empty-signature",    "its signature is wrong",                                          false, false},
        { "hs256-with-rsa-pem", "its algorithm 'HS256' is none of those allowed",                  false, false},
        { "wrong-key",          "its signature is wrong",                                          false, false},
        { "tampered",           "its signature is wrong",                                          false, false},
        { "es256-zero",         "its signature is wrong",                                          false, false},
        { "wrong-iss",          "its issuer 'https://evil.example' is another one",                false, false},
        { "wrong-aud",          "its audience 'imap://mail.example.org' is not ours",              true,  false},
        { "no-aud",             "it does not say for which audience it is",                        true,  false},
        { "expired",            "it expired 60 min ago",                                           true,  false},
        { "no-exp",             "it never expires",                                                true,  false},
        { "nbf-future",         "it is not valid before 60 min from now",                          true,  false},
        { "kid-traversal",      "the issuer has no key '../../../../dev/null' for its algorithm",  false, true },
        { "jku",                "the issuer has no key 'evil' for its algorithm",                  false, true },
        { "crit",               "its header demands extensions (crit)",                            false, false},
        { "scope-missing",      "it lacks the scope 'smtp'",                                       true,  false},
        { "padded",             "it is no JWT: not three parts of base64url, or not JSON in them", false, false},
        { "dup-claim",          "it is no JWT: not three parts of base64url, or not JSON in them", false, false},
    };
    json_t              *all   = vectors();
    struct jwks         *keys  = keys_in(json_object_get(all, "jwks"));
    const json_t        *list  = json_object_get(all, "tokens");
    struct config_lookup rules = plan();
    size_t               found = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        for (size_t k = 0; k < GP_COUNT(cases); k++) {
            struct verdict v;
            if (!gp_same(text_of(json_array_get(list, i), "id"), gp_from(cases[k].id))) continue;
            jwt_judge(text_of(json_array_get(list, i), "token"), keys, &rules, now, &v);
            CHECK_IS(gp_from(v.why), cases[k].why);
            CHECK(v.known == cases[k].known && v.no_key == cases[k].no_key && v.status == GP_PERMFAIL);
            found++;
        }
    }
    CHECK(found == GP_COUNT(cases));
    jwks_free(keys);
    json_decref(all);
}

/* ---- tokens signed here ------------------------------------------------------------------------------------------------------ */
#define USUAL                                                                                                          \
    "\"iss\":\"https://idp.example\",\"aud\":\"smtp://mail.example.org\",\"scope\":\"openid smtp\",\"exp\":1800000600"
#define ADA "\"email\":\"ada@example.org\""

static struct signer {
    cjose_jwk_t *key;
    struct jwks *keys;
} signer;

static const struct signer *signs(void)
{
    cjose_err      error;
    char           room[2048];
    struct gp_text set = GP_TEXT(room);
    if (signer.key) return &signer;
    signer.key = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &error);
    CHECK(signer.key && cjose_jwk_set_kid(signer.key, "here", 4, &error));
    char *text = cjose_jwk_to_json(signer.key, true, &error); /* with the private half: a mistake that providers make */
    gp_put_z(&set, "{\"keys\":[");
    gp_put_z(&set, text);
    gp_put_z(&set, "]}");
    cjose_get_dealloc()(text);
    signer.keys = jwks_read(gp_said(&set));
    CHECK(signer.keys && jwks_count(signer.keys) == 1);
    return &signer;
}

/* A further name in the header, or NULL, and its value: a text, or a list or an object as JSON. */
static char *sign(const char *claims, const char *name, const char *value)
{
    cjose_err       error;
    const char     *text   = NULL;
    cjose_header_t *header = cjose_header_new(&error);
    CHECK(header && cjose_header_set(header, CJOSE_HDR_ALG, "ES256", &error) &&
          cjose_header_set(header, CJOSE_HDR_KID, "here", &error));
    if (name)
        CHECK(strchr("[{", value[0]) && value[0] ? cjose_header_set_raw(header, name, value, &error)
                                                 : cjose_header_set(header, name, value, &error));
    cjose_jws_t *jws = cjose_jws_sign(signs()->key, header, (const uint8_t *)claims, strlen(claims), &error);
    CHECK(jws && cjose_jws_export(jws, &text, &error));
    char *token = strdup(text);
    cjose_jws_release(jws);
    cjose_header_release(header);
    CHECK(token);
    return token;
}

static struct verdict judged(const char *claims, const char *name, const char *value, const struct config_lookup *rules)
{
    struct verdict v;
    char          *token = sign(claims, name, value);
    jwt_judge(gp_from(token), signs()->keys, rules, now, &v);
    free(token);
    return v;
}

static const struct {
    const char *claims, *user, *why; /* why NULL: it is good */
} claimed[] = {
    {"{" USUAL "," ADA "}",                                                                                   "ada@example.org", NULL                    },
    { "{" USUAL "," ADA ",\"email_verified\":true}",                                                          "ada@example.org", NULL                    },
    { "{" USUAL "," ADA ",\"email_verified\":\"true\"}",                                                      "ada@example.org", NULL                    },
    { "{" USUAL "," ADA ",\"email_verified\":false}",                                                         "",                "is not verified"       },
    { "{" USUAL "," ADA ",\"email_verified\":\"\"}",                                                          "",                "is not verified"       },
    { "{" USUAL "," ADA ",\"nbf\":1800000060}",                                                               "ada@example.org", NULL                    },
    { "{" USUAL "," ADA ",\"nbf\":1800000061}",                                                               "",                "not valid before 61 s" },
    { "{" USUAL "," ADA ",\"iat\":1800000061}",                                                               "",                "issued 61 s from now"  },
    { "{" USUAL "," ADA ",\"iat\":\"1\"}",                                                                    "",                "is no date"            },
    { "{" USUAL "," ADA ",\"iat\":-1}",                                                                       "",                "is no date"            },
    { "{" USUAL "," ADA ",\"nbf\":null}",                                                                     "",                "is no date"            },
    { "{" USUAL "," ADA ",\"nbf\":1799999999.5}",                                                             "ada@example.org", NULL                    },
    { "{" USUAL "," ADA ",\"iat\":1e300}",                                                                    "",                "is no date"            },
    { "{" USUAL "," ADA ",\"iat\":99999999999999999999}",                                                     "",                "it is no JWT"          },
    { "{" USUAL "," ADA ",\"cnf\":{\"jkt\":\"x\"}}",                                                          "",                "bound to a key"        },
    { "{" USUAL "," ADA ",\"iss\":\"https://idp.example\"}",                                                  "",                "it is no JWT"          },
    { "{" USUAL "}",                                                                                          "",                "no claim 'email'"      },
    { "{" USUAL ",\"email\":7}",                                                                              "",                "no claim 'email'"      },
    { "{" USUAL ",\"email\":[\"ada@example.org\"]}",                                                          "",                "no claim 'email'"      },
    { "{" USUAL ",\"email\":\"\"}",                                                                           "",                "no name of an account" },
    { "{" USUAL ",\"email\":\"a\\nb\"}",                                                                      "",                "no name of an account" },
    { "{" USUAL ",\"email\":\"a\\u0000b\"}",                                                                  "",                "it is no JWT"          },
    { "{\"iss\":[\"https://idp.example\"]," ADA "}",                                                          "",                "who issued it"         },
    { "{\"iss\":\"https://idp.example\",\"exp\":1799999941," ADA "}",                                         "",                "audience"              },
    { "{\"iss\":\"https://idp.example\",\"exp\":1799999940," ADA "}",                                         "",                "it expired 60 s ago"   },
    { "{\"iss\":\"https://idp.example\",\"exp\":1799999820," ADA "}",                                         "",                "it expired 3 min ago"  },
    { "{\"iss\":\"https://idp.example\",\"exp\":1799000000," ADA "}",                                         "",                "it expired 11 days ago"},
    { "{\"iss\":\"https://idp.example\",\"exp\":1800000600,\"aud\":7," ADA "}",                               "",                "for which audience"    },
    { "{\"iss\":\"https://idp.example\",\"exp\":1800000600,\"aud\":{}," ADA "}",                              "",                "for which audience"    },
    { "{\"iss\":\"https://idp.example\",\"exp\":1800000600,\"aud\":\"imaps://mail.example.org smtp://mail.example.org\"," ADA
      "}",                                                                                               "",                "is not ours"           },
    { "{\"iss\":\"https://idp.example\",\"exp\":1800000600,\"aud\":[\"smtp://mail.example.org\",7]," ADA "}", "",
     "is not ours"                                                                                                                                       },
    { "{\"iss\":\"https://idp.example\",\"exp\":1800000600,\"aud\":\"smtp://mail.example.org\"," ADA "}",     "",
     "lacks the scope"                                                                                                                                   },
    { "{\"iss\":\"https://idp.example\",\"exp\":1800000600,\"aud\":\"smtp://mail.example.org\",\"scp\":[\"mail\",\"smtp\"]," ADA
      "}",                                                                                               "ada@example.org", NULL                    },
    { "{\"iss\":\"https://idp.example\",\"exp\":1800000600,\"aud\":\"smtp://mail.example.org\",\"scp\":\"a smtp\"," ADA
      "}",                                                                                               "ada@example.org", NULL                    },
    { "{\"iss\":\"https://idp.example\",\"exp\":1800000600,\"aud\":\"smtp://mail.example.org\",\"scp\":\"asmtp\"," ADA
      "}",                                                                                               "",                "lacks the scope"       },
    { "[1]",                                                                                                  "",                "it is no JWT"          },
    { "{" USUAL "," ADA "} ",                                                                                 "ada@example.org", NULL                    },
    { "{" USUAL "," ADA "}{}",                                                                                "",                "it is no JWT"          },
};

TEST(what_a_token_may_claim)
{
    struct config_lookup rules = plan();
    for (size_t i = 0; i < GP_COUNT(claimed); i++) {
        struct verdict v = judged(claimed[i].claims, NULL, NULL, &rules);
        CHECK_IS(gp_from(v.owner.user), claimed[i].user);
        if (claimed[i].why && !strstr(v.why, claimed[i].why)) fail_msg("%s: %s", claimed[i].claims, v.why);
        CHECK((v.status == GP_OK) == !claimed[i].why);
    }
    CHECK(judged("{" USUAL "," ADA "}", NULL, NULL, &rules).expires == 1800000600);
}

TEST(what_a_header_may_say)
{
    static const struct {
        const char *name, *value, *why;
    } cases[] = {
        {"typ",   "JWT",                            NULL                                   },
        { "typ",  "at+jwt",                         NULL                                   },
        { "typ",  "application/at+JWT",             NULL                                   },
        { "typ",  "logout+jwt",                     "a token of another kind: 'logout+jwt'"},
        { "typ",  "dpop+jwt",                       "a token of another kind"              },
        { "typ",  "[]",                             "no text"                              },
        { "kid",  "{}",                             "no text"                              },
        { "kid",  "",                               "no key ''"                            },
        { "crit", "[\"exp\"]",                      "(crit)"                               },
        { "crit", "[]",                             "(crit)"                               },
        { "jku",  "https://evil.example",           NULL                                   }, /* not looked at */
        { "x5u",  "file:///etc/passwd",             NULL                                   },
        { "x5c",  "[\"AAAA\"]",                     NULL                                   },
        { "jwk",  "{\"kty\":\"oct\",\"k\":\"AA\"}", NULL                                   },
    };
    struct config_lookup rules = plan();
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        struct verdict v = judged("{" USUAL "," ADA "}", cases[i].name, cases[i].value, &rules);
        if (cases[i].why && !strstr(v.why, cases[i].why)) fail_msg("%s: %s", cases[i].value, v.why);
        if (!cases[i].why && v.status != GP_OK) fail_msg("%s: %s", cases[i].value, v.why);
    }
    memcpy(rules.algorithms, "RS256", sizeof "RS256"); /* the key could check it, the plan forbids it */
    CHECK(strstr(judged("{" USUAL "," ADA "}", NULL, NULL, &rules).why, "algorithm 'ES256'"));
}

TEST(accounts_are_named_as_the_plan_says)
{
    static const struct {
        const char *claim, *domain, *require, *claims, *user, *why;
    } cases[] = {
        {"sub",                 "",            "",                        "\"sub\":\"ada\"",                                               "ada",             NULL                    },
        { "preferred_username", "",            "",                        "\"preferred_username\":\"Ada@Example.org\"",                    "Ada@Example.org", NULL                    },
        { "email",              "example.org", "",                        "\"email\":\"ada@EXAMPLE.org\"",                                 "ada",             NULL                    },
        { "email",              "example.org", "",                        "\"email\":\"ada@sub.example.org\"",                             "",                "of another domain"     },
        { "email",              "example.org", "",                        "\"email\":\"ada@evil-example.org\"",                            "",                "of another domain"     },
        { "email",              "example.org", "",                        "\"email\":\"ada@example.org@evil.example\"",                    "",                "of another domain"     },
        { "email",              "example.org", "",                        "\"email\":\"@example.org\"",                                    "",                "of another domain"     },
        { "email",              "example.org", "",                        "\"email\":\"ada\"",                                             "",                "of another domain"     },
        { "sub",                "",            "tid=7 roles=mail v=true", "\"sub\":\"a\",\"tid\":7,\"roles\":[\"x\",\"mail\"],\"v\":true", "a",
         NULL                                                                                                                                                                         },
        { "sub",                "",            "tid=7",                   "\"sub\":\"a\",\"tid\":\"7\"",                                   "a",               NULL                    },
        { "sub",                "",            "tid=7",                   "\"sub\":\"a\"",                                                 "",                "does not claim 'tid=7'"},
        { "sub",                "",            "tid=7",                   "\"sub\":\"a\",\"tid\":77",                                      "",                "does not claim 'tid=7'"},
        { "sub",                "",            "roles=mail",              "\"sub\":\"a\",\"roles\":[\"email\"]",                           "",                "does not claim"        },
        { "sub",                "",            "roles=mail",              "\"sub\":\"a\",\"roles\":\"a mail\"",                            "",                "does not claim"        },
        { "sub",                "",            "v=true",                  "\"sub\":\"a\",\"v\":false",                                     "",                "does not claim"        },
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        struct config_lookup rules = plan();
        char                 room[512];
        struct gp_text       claims = { .ptr = room, .room = sizeof room - 1 };
        CHECK(gp_copy_z(gp_from(cases[i].claim), rules.user_claim, sizeof rules.user_claim));
        CHECK(gp_copy_z(gp_from(cases[i].domain), rules.strip_domain, sizeof rules.strip_domain));
        CHECK(gp_copy_z(gp_from(cases[i].require), rules.require, sizeof rules.require));
        gp_put_z(&claims, "{" USUAL ",");
        gp_put_z(&claims, cases[i].claims);
        gp_put_z(&claims, "}");
        room[claims.len] = '\0';
        struct verdict v = judged(room, NULL, NULL, &rules);
        CHECK_IS(gp_from(v.owner.user), cases[i].user);
        CHECK(cases[i].why ? strstr(v.why, cases[i].why) != NULL : v.status == GP_OK);
    }
}

/* Whoever may choose the address in his token, as users of some issuers may, must not choose whose account it opens. */
TEST(an_address_must_be_verified)
{
    static const struct {
        const char *claim, *claims, *why;
    } cases[] = {
        {"email",  ADA,                                 "does not say that its address 'ada@example.org' is verified"},
        { "email", ADA ",\"email_verified\":null",      "does not say"                                               },
        { "email", ADA ",\"email_verified\":1",         "does not say"                                               },
        { "email", ADA ",\"email_verified\":false",     "is not verified"                                            },
        { "email", ADA ",\"email_verified\":\"false\"", "is not verified"                                            },
        { "email", ADA ",\"email_verified\":true",      NULL                                                         },
        { "email", ADA ",\"email_verified\":\"true\"",  NULL                                                         },
        { "upn",   "\"upn\":\"ada@example.org\"",       NULL                                                         },
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        struct config_lookup rules = plan();
        char                 room[512];
        (void)snprintf(room, sizeof room, "{" USUAL ",%s}", cases[i].claims);
        CHECK(gp_copy_z(gp_from(cases[i].claim), rules.user_claim, sizeof rules.user_claim));
        rules.verified   = LOOKUP_EMAIL_REQUIRED;
        struct verdict v = judged(room, NULL, NULL, &rules);
        if (cases[i].why ? !strstr(v.why, cases[i].why) : v.status != GP_OK) fail_msg("%s: %s", cases[i].claims, v.why);
    }
}

TEST(every_cut_and_every_changed_octet_is_refused)
{
    struct config_lookup rules = plan();
    struct verdict       v;
    char                *token = sign("{" USUAL "," ADA "}", NULL, NULL);
    const size_t         len   = strlen(token);
    for (size_t i = 0; i < len; i++) {
        jwt_judge((gp_str) { token, i }, signs()->keys, &rules, now, &v);
        CHECK(v.status == GP_PERMFAIL);
        char was = token[i];
        token[i] = was == 'A' ? 'B' : 'A';
        jwt_judge(gp_from(token), signs()->keys, &rules, now, &v);
        CHECK(v.status == GP_PERMFAIL);
        token[i] = was;
    }
    for (size_t more = 1; more < 5; more++) { /* the library takes a signature that goes on after its end */
        char longer[2048];
        (void)snprintf(longer, sizeof longer, "%s%.*s", token, (int)more, "AAAA");
        jwt_judge(gp_from(longer), signs()->keys, &rules, now, &v);
        CHECK(v.status == GP_PERMFAIL);
    }
    jwt_judge(gp_from(token), signs()->keys, &rules, now, &v);
    CHECK(v.status == GP_OK);
    free(token);
}

TEST(a_token_may_be_as_long_as_a_line_and_no_longer)
{
    static char          text[TOKEN_MOST + 2];
    struct config_lookup rules = plan();
    struct verdict       v;
    memset(text, 'A', sizeof text - 1);
    CHECK(!jwt_has_form(gp_from(text)));
    text[5] = text[10] = '.';
    CHECK(!jwt_has_form(gp_from(text)) && jwt_has_form(gp_head(gp_from(text), TOKEN_MOST)));
    jwt_judge(gp_head(gp_from(text), TOKEN_MOST), signs()->keys, &rules, now, &v);
    CHECK(v.status == GP_PERMFAIL);
    CHECK(!jwt_has_form(GP_LIT("a.b")) && !jwt_has_form(GP_LIT("a..c")) && !jwt_has_form(GP_LIT("a.b.c.d.e")) &&
          !jwt_has_form(GP_LIT("")) && !jwt_has_form(GP_LIT("a.b=.c")) && !jwt_has_form(GP_LIT("ya29.a0Af")));
}

/* Whatever comes, only the four good tokens of the vectors are taken. */
PROPERTY(no_stranger_makes_a_token, bytes)
{
    static json_t       *all;
    static struct jwks  *keys;
    struct config_lookup rules = plan();
    struct verdict       v;
    bool                 good = false;
    if (!all) all = vectors();
    if (!keys) keys = keys_in(json_object_get(all, "jwks"));
    const json_t *list = json_object_get(all, "tokens");
    jwt_judge(bytes, keys, &rules, now, &v);
    for (size_t i = 0; i < json_array_size(list); i++)
        good = good || (gp_same(bytes, text_of(json_array_get(list, i), "token")) &&
                        json_is_true(json_object_get(json_array_get(list, i), "accept")));
    CHECK(good ? v.status == GP_OK : v.status == GP_PERMFAIL && v.why[0] && !v.owner.user[0]);
}

/* Whatever is claimed, who is let in has a name that an account may have. */
PROPERTY(claims_name_an_account_or_are_refused, bytes)
{
    struct config_lookup rules = plan();
    struct verdict       v     = { .status = GP_PERMFAIL };
    json_t              *any   = json_loadb(bytes.ptr ? bytes.ptr : "", bytes.len, JSON_REJECT_DUPLICATES, NULL);
    claims_judge(any, CLAIMS_OF_JWT, &rules, now, &v);
    if (v.status == GP_OK) CHECK(!question_wrong_name(gp_from(v.owner.user)) && v.expires > now - 60);
    if (v.status != GP_OK) CHECK(v.why[0] && !v.owner.user[0]);
    json_decref(any);
}

/* ---- keys -------------------------------------------------------------------------------------------------------------------------- */
#define XY                                                                                                             \
    "\"crv\":\"P-256\",\"x\":\"dDQP1aAtvd5GM0q818TsQbK54T-vmJAVx1sBE8agll0\",\"y\":\"-4igpv2UtwdH3LyTtlPlY2Oy2d29I0A29jeuTtxIShM\""

TEST(which_keys_are_of_use)
{
    static const struct {
        const char *set;
        size_t      count;
    } cases[] = {
        {"{\"keys\":[{\"kty\":\"EC\"," XY "}]}",                                                               1},
        { "{\"keys\":[{\"kty\":\"EC\",\"use\":\"sig\",\"alg\":\"ES256\",\"kid\":\"a\"," XY "}]}",              1},
        { "{\"keys\":[{\"kty\":\"EC\",\"key_ops\":[\"verify\"]," XY "},{\"kty\":\"oct\",\"k\":\"AAAA\"}]}",    1},
        { "{\"keys\":[7,null,{},{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"},{\"kty\":\"EC\"," XY "}]}", 1},
        { "{\"keys\":[{\"kty\":\"EC\",\"use\":\"enc\"," XY "}]}",                                              0},
        { "{\"keys\":[{\"kty\":\"EC\",\"use\":7," XY "}]}",                                                    0},
        { "{\"keys\":[{\"kty\":\"EC\",\"key_ops\":[\"sign\"]," XY "}]}",                                       0},
        { "{\"keys\":[{\"kty\":\"EC\",\"alg\":\"ECDH-ES\"," XY "}]}",                                          0},
        { "{\"keys\":[{\"kty\":\"EC\",\"alg\":\"RS256\"," XY "}]}",                                            0},
        { "{\"keys\":[{\"kty\":\"EC\",\"alg\":\"none\"," XY "}]}",                                             0},
        { "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\",\"alg\":\"HS256\"}]}",                                   0},
        { "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}",                                      0},
        { "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\"}]}",                     0},
        { "{\"keys\":[]}",                                                                                     0},
        { "{\"keys\":{}}",                                                                                     0},
        { "{\"keys\":[{\"kty\":\"EC\"," XY "}],\"keys\":[]}",                                                  0},
        { "[]",                                                                                                0},
        { "",                                                                                                  0},
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        struct jwks *keys = jwks_read(gp_from(cases[i].set));
        if (!keys != !cases[i].count) fail_msg("%s", cases[i].set);
        CHECK(!keys || jwks_count(keys) == cases[i].count);
        jwks_free(keys);
    }
}

TEST(a_token_without_a_kid_is_checked_where_only_one_key_can_be_meant)
{
    cjose_err       error;
    const char     *text   = NULL;
    const char     *claims = "{" USUAL "," ADA "}";
    cjose_header_t *header = cjose_header_new(&error);
    CHECK(header && cjose_header_set(header, CJOSE_HDR_ALG, "ES256", &error));
    cjose_jws_t *jws = cjose_jws_sign(signs()->key, header, (const uint8_t *)claims, strlen(claims), &error);
    CHECK(jws && cjose_jws_export(jws, &text, &error));
    CHECK(jwks_verify(signs()->keys, gp_from(text), jws_algorithm(GP_LIT("ES256")), GP_NONE) == JWKS_RIGHT);
    CHECK(jwks_verify(signs()->keys, gp_from(text), jws_algorithm(GP_LIT("ES384")), GP_NONE) == JWKS_NO_KEY);
    struct jwks *two = jwks_read(GP_LIT("{\"keys\":[{\"kty\":\"EC\"," XY "},{\"kty\":\"EC\",\"kid\":\"b\"," XY "}]}"));
    CHECK(jwks_verify(two, gp_from(text), jws_algorithm(GP_LIT("ES256")), GP_NONE) == JWKS_NO_KEY);
    CHECK(jwks_verify(two, gp_from(text), jws_algorithm(GP_LIT("ES256")), GP_LIT("b")) == JWKS_WRONG);
    jwks_free(two);
    cjose_jws_release(jws);
    cjose_header_release(header);
    CHECK(!jws_algorithm(GP_LIT("none")) && !jws_algorithm(GP_LIT("HS256")) && !jws_algorithm(GP_LIT("")) &&
          !jws_algorithm(GP_LIT("rs256")));
}

PROPERTY(any_set_of_keys_is_read_or_refused, bytes)
{
    struct jwks *keys = jwks_read(bytes);
    if (keys) CHECK(jwks_count(keys) >= 1 && jwks_count(keys) <= JWKS_MOST);
    jwks_free(keys);
}

/* ---- when keys are fetched ------------------------------------------------------------------------------------------------------------ */
TEST(strangers_can_have_keys_fetched_once_a_minute)
{
    struct key_clock c = { .refresh = 3600 * 1000 };
    CHECK(key_clock_next(&c) == -1);
    CHECK(key_clock_demand(&c, 0) && !key_clock_demand(&c, 999) && key_clock_demand(&c, 1000)); /* none are there */
    key_clock_fetched(&c, false, 1500);
    CHECK(key_clock_next(&c) == -1 && c.failed && key_clock_demand(&c, 2000));
    key_clock_fetched(&c, true, 2500);
    CHECK(c.have && !c.failed && key_clock_next(&c) == 2500 + 3600 * 1000);
    CHECK(key_clock_demand(&c, 3000) && !key_clock_demand(&c, 62999));
    key_clock_fetched(&c, false, 3500);
    CHECK(c.have && c.failed && key_clock_next(&c) == 3500 + 60 * 1000);
    CHECK(!key_clock_demand(&c, 62999) && key_clock_demand(&c, 63000) && !key_clock_demand(&c, 63001));
    key_clock_fetched(&c, true, 63500);
    CHECK(!key_clock_demand(&c, 64000) && key_clock_next(&c) == 63500 + 3600 * 1000);
}

/* ---- introspection ------------------------------------------------------------------------------------------------------------------------ */
TEST(what_an_issuer_answers)
{
    static const struct {
        const char *reply;
        bool        clear, known;
        const char *user, *why;
    } cases[] = {
        {"{\"active\":true,\"scope\":\"smtp\",\"aud\":\"smtp://mail.example.org\"," ADA "}",                     true,  true,
         "ada@example.org",                                                                                                                       ""                  },
        { "{\"active\":true,\"scope\":\"smtp\",\"aud\":\"smtp://mail.example.org\",\"exp\":1800000001," ADA "}", true,
         true,                                                                                                                 "ada@example.org", ""                  },
        { "{\"active\":true,\"scope\":\"smtp\",\"aud\":\"smtp://mail.example.org\",\"exp\":1799990000," ADA "}", true,
         true,                                                                                                                 "",                "it expired 2 h ago"},
        { "{\"active\":true,\"scope\":\"smtp\"," ADA "}",                                                        true,  true,  "",                "for which audience"},
        { "{\"active\":true,\"iss\":\"https://other.example\"," ADA "}",                                         true,  false, "",                "is another one"    },
        { "{\"active\":false," ADA "}",                                                                          true,  false, "",                "it is not active"  },
        { "{\"active\":\"true\"," ADA "}",                                                                       false, false, "",                ""                  },
        { "{\"active\":1," ADA "}",                                                                              false, false, "",                ""                  },
        { "{\"active\":false,\"active\":true," ADA "}",                                                          false, false, "",                ""                  },
        { "{" ADA "}",                                                                                           false, false, "",                ""                  },
        { "true",                                                                                                false, false, "",                ""                  },
        { "",                                                                                                    false, false, "",                ""                  },
    };
    struct config_lookup rules = plan();
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        struct verdict v;
        if (introspection_read(gp_from(cases[i].reply), &rules, now, &v) != cases[i].clear)
            fail_msg("%s", cases[i].reply);
        CHECK(v.known == cases[i].known && (v.status == GP_OK) == (cases[i].user[0] != '\0'));
        CHECK_IS(gp_from(v.owner.user), cases[i].user);
        if (!strstr(v.why, cases[i].why)) fail_msg("%s: %s", cases[i].reply, v.why);
    }
}

PROPERTY(only_active_true_is_a_yes, bytes)
{
    struct config_lookup rules = plan();
    struct verdict       v;
    bool                 clear = introspection_read(bytes, &rules, now, &v);
    if (v.status == GP_OK) CHECK(clear && v.known && memmem(bytes.ptr, bytes.len, "true", 4));
}

TEST(a_yes_is_remembered_until_its_end)
{
    struct lent         found = { 0 };
    struct token_owner  ada = { "ada", "1" }, bob = { "bob", "" }, *user = &found.owner;
    struct token_cache *c = token_cache_open();
    CHECK(c && !token_cache_find(c, GP_LIT("t"), 0, now, &found));
    token_cache_keep(c, GP_LIT("t"), &ada, 1000, now + 10);
    token_cache_keep(c, GP_LIT("u"), &bob, 1000, 0);
    CHECK(token_cache_find(c, GP_LIT("t"), 999, now + 9, &found) && strcmp(user->user, "ada") == 0 &&
          strcmp(user->subject, "1") == 0 && found.expires == now + 10);
    CHECK(token_cache_find(c, GP_LIT("u"), 999, now + 999, &found) && strcmp(user->user, "bob") == 0 && !found.expires);
    CHECK(!token_cache_find(c, GP_LIT("t"), 999, now + 10, &found)); /* its own end */
    CHECK(!token_cache_find(c, GP_LIT("t"), 1000, now, &found) && !token_cache_find(c, GP_LIT("u"), 1000, now, &found));
    token_cache_keep(c, GP_LIT("t"), &ada, 3000, now + 10);
    CHECK(token_cache_find(c, GP_LIT("t"), 2999, now, &found) && !token_cache_find(c, GP_LIT("T"), 0, now, &found));
    token_cache_close(c);
}

TEST(what_is_remembered_is_bounded_and_the_first_to_end_goes)
{
    char                name[16];
    struct lent         found = { 0 };
    struct token_cache *c     = token_cache_open();
    size_t              kept  = 0;
    for (size_t i = 0; i < 3 * TOKEN_CACHE_MOST; i++) {
        (void)snprintf(name, sizeof name, "%zu", i);
        memcpy(found.owner.user, name, sizeof name);
        token_cache_keep(c, gp_from(name), &found.owner, (gp_time)(1000 + i), 0);
    }
    for (size_t i = 0; i < 3 * TOKEN_CACHE_MOST; i++) {
        (void)snprintf(name, sizeof name, "%zu", i);
        if (!token_cache_find(c, gp_from(name), 0, now, &found)) continue;
        CHECK(strcmp(found.owner.user, name) == 0);
        kept++;
    }
    CHECK(kept > TOKEN_CACHE_MOST / 2 && kept <= TOKEN_CACHE_MOST);
    CHECK(token_cache_find(c, gp_from(name), 0, now, &found)); /* the last one */
    token_cache_close(c);
}

/* ---- questions --------------------------------------------------------------------------------------------------------------------------- */
TEST(which_questions_a_source_of_tokens_takes)
{
    static char            long_text[TOKEN_MOST + 1];
    static struct question q;
    memset(long_text, 'x', sizeof long_text);
    struct msg_lookup m = {
        .kind = LOOKUP_TOKEN, .user = GP_LIT(""), .secret = {long_text, TOKEN_MOST}
    };
    CHECK(question_read(&q, &m, true) && strlen(q.secret) == TOKEN_MOST && !q.user[0]);
    CHECK(!question_read(&q, &m, false));
    CHECK_IS(gp_from(q.why), "this source knows no tokens");
    static const struct {
        gp_str      user, secret;
        const char *why;
    } cases[] = {
        {GP_LIT("a\nb"), GP_LIT("x"),                     "a control character in the name"      },
        { GP_LIT("ada"), GP_LIT(""),                      "an empty token"                       },
        { GP_LIT("ada"), GP_LIT("a b"),                   "a token with octets that no token has"},
        { GP_LIT("ada"), GP_LIT("a\0b"),                  "a token with octets that no token has"},
        { GP_LIT("ada"), { long_text, sizeof long_text }, "a token that is too long"             },
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        m.user   = cases[i].user;
        m.secret = cases[i].secret;
        CHECK(!question_read(&q, &m, true) && q.status == GP_PERMFAIL && !q.known);
        CHECK_IS(gp_from(q.why), cases[i].why);
    }
    m = (struct msg_lookup) { .kind = LOOKUP_PASSWORD, .user = GP_LIT("ada"), .secret = GP_LIT("x") };
    CHECK(!question_read(&q, &m, true));
    CHECK_IS(gp_from(q.why), "this source knows tokens only");
}
