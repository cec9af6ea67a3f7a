/* Which mechanism may be used, here and upstream; which name stands for all names of an account. */
#include "store/mechanisms.h"

#include "check.h"
#include "sasl/sasl.h"
#include "store/accounts.h"

static const char *name_of(const struct gp_sasl_mech *mech)
{
    return mech ? mech->name : "none";
}

static const struct policy_facts all_there = {
    true, true, true, true, true, {NULL, 0}
};

/* clang-format off */
static const struct { const char *configured, *asked; bool tls; const char *result; } here[] = {
    { "SCRAM-SHA-256 PLAIN LOGIN", "PLAIN",         true,  "PLAIN"         },
    { "SCRAM-SHA-256 PLAIN LOGIN", "plain",         true,  "PLAIN"         },
    { "SCRAM-SHA-256 PLAIN LOGIN", "PLAIN",         false, "none"          },
    { "SCRAM-SHA-256 PLAIN LOGIN", "LOGIN",         false, "none"          },
    { "SCRAM-SHA-256 PLAIN LOGIN", "SCRAM-SHA-256", false, "SCRAM-SHA-256" },
    { "SCRAM-SHA-256 PLAIN LOGIN", "SCRAM-SHA-1",   true,  "none"          },
    { "SCRAM-SHA-256 PLAIN LOGIN", "CRAM-MD5",      true,  "none"          },
    { "NONSENSE PLAIN",            "NONSENSE",      true,  "none"          },
    { "PLAIN",                     "",              true,  "none"          },
    { "",                          "PLAIN",         true,  "none"          },
};
static const struct { const char *allowed, *offered; enum relay_proof proof; bool tls, binding; const char *result; bool presented; } upstream[] = {
    { "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN", "LOGIN PLAIN",                      RELAY_PASSWORD, true,  false, "PLAIN"              },
    { "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN", "LOGIN",                            RELAY_PASSWORD, true,  false, "LOGIN"              },
    { "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN", "PLAIN LOGIN",                      RELAY_PASSWORD, false, false, "none"               },
    { "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN", "PLAIN scram-sha-256",              RELAY_PASSWORD, false, false, "SCRAM-SHA-256"      },
    { "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN", "PLAIN SCRAM-SHA-256-PLUS",         RELAY_PASSWORD, true,  true,  "SCRAM-SHA-256-PLUS" },
    { "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN", "PLAIN SCRAM-SHA-256-PLUS",         RELAY_PASSWORD, true,  false, "PLAIN"              },
    { "LOGIN",                                        "PLAIN LOGIN",                      RELAY_PASSWORD, true,  true,  "LOGIN"              },
    { "CRAM-MD5 PLAIN",                               "CRAM-MD5",                         RELAY_PASSWORD, true,  true,  "CRAM-MD5"           },
    { "PLAIN",                                        "XOAUTH2 GSSAPI",                   RELAY_PASSWORD, true,  true,  "none"               },
    { "PLAIN",                                        "",                                 RELAY_PASSWORD, true,  true,  "none"               },
    { "OAUTHBEARER XOAUTH2 PLAIN",                    "PLAIN XOAUTH2 OAUTHBEARER",        RELAY_TOKEN,    true,  true,  "OAUTHBEARER"        },
    { "OAUTHBEARER XOAUTH2 PLAIN",                    "PLAIN XOAUTH2",                    RELAY_TOKEN,    true,  true,  "XOAUTH2"            },
    { "OAUTHBEARER XOAUTH2 PLAIN",                    "PLAIN XOAUTH2",                    RELAY_TOKEN,    false, true,  "none"               },
    { "OAUTHBEARER XOAUTH2 PLAIN",                    "PLAIN LOGIN",                      RELAY_TOKEN,    true,  true,  "none"               },
    { "OAUTHBEARER XOAUTH2 PLAIN",                    "OAUTHBEARER XOAUTH2",              RELAY_PASSWORD, true,  true,  "none"               },
    { "OAUTHBEARER XOAUTH2 PLAIN",                    "OAUTHBEARER XOAUTH2 PLAIN",        RELAY_PASSWORD, true,  true,  "PLAIN"              },
    { "OAUTHBEARER XOAUTH2 PLAIN",                    "OAUTHBEARER XOAUTH2 PLAIN",        RELAY_NO_PROOF, true,  true,  "none"               },
    { "EXTERNAL",                                     "PLAIN EXTERNAL",                   RELAY_CERTIFICATE, true, true, "EXTERNAL", true   },
    { "EXTERNAL",                                     "PLAIN EXTERNAL",                   RELAY_CERTIFICATE, true, true, "none",     false  },
    { "EXTERNAL",                                     "PLAIN SCRAM-SHA-256",              RELAY_CERTIFICATE, true, true, "none",     true   },
    { "EXTERNAL PLAIN",                               "PLAIN",                            RELAY_CERTIFICATE, true, true, "none",     true   },
    { "EXTERNAL SCRAM-SHA-256-PLUS PLAIN",            "SCRAM-SHA-256-PLUS EXTERNAL",      RELAY_PASSWORD, true,  true,  "EXTERNAL", true   },
    { "SCRAM-SHA-256-PLUS PLAIN",                     "SCRAM-SHA-256-PLUS EXTERNAL",      RELAY_PASSWORD, true,  true,  "SCRAM-SHA-256-PLUS", true },
    { "EXTERNAL PLAIN",                               "PLAIN EXTERNAL",                   RELAY_PASSWORD, true,  true,  "PLAIN",    false  },
    { "EXTERNAL OAUTHBEARER",                         "OAUTHBEARER EXTERNAL",             RELAY_TOKEN,    true,  true,  "EXTERNAL", true   },
    { "EXTERNAL OAUTHBEARER",                         "OAUTHBEARER",                      RELAY_TOKEN,    true,  true,  "OAUTHBEARER", true },
};
/* clang-format on */

TEST(a_mechanism_must_be_configured_and_safe_on_the_connection)
{
    for (size_t i = 0; i < GP_COUNT(here); i++)
        CHECK_IS(gp_from(name_of(
                     policy_mechanism(gp_from(here[i].configured), &all_there, gp_from(here[i].asked), here[i].tls))),
                 here[i].result);
}

TEST(upstream_the_strongest_that_both_have_is_chosen)
{
    for (size_t i = 0; i < GP_COUNT(upstream); i++) {
        const struct policy_upstream u = {
            gp_from(upstream[i].allowed), gp_from(upstream[i].offered), upstream[i].proof, upstream[i].tls,
            upstream[i].binding,          upstream[i].presented
        };
        CHECK_IS(gp_from(name_of(policy_choose(&u))), upstream[i].result);
    }
}

TEST(a_mechanism_that_nobody_can_use_is_not_offered)
{
    static const char every[] =
        "SCRAM-SHA-512-PLUS SCRAM-SHA-512 SCRAM-SHA-256 EXTERNAL OAUTHBEARER XOAUTH2 PLAIN CRAM-MD5";
    static const struct {
        const char         *configured;
        struct policy_facts facts;
        const char         *offered;
    } cases[] = {
        {every,             { true, true, true, true, true, { NULL, 0 } },               every                                                 },
        { every,            { 0 },                                                       "PLAIN"                                               },
        { every,            { .secrets = true },                                         "PLAIN CRAM-MD5"                                      },
        { every,            { .scram = true },                                           "SCRAM-SHA-256 PLAIN"                                 },
        { every,            { .scram = true, .sha512 = true },                           "SCRAM-SHA-512-PLUS SCRAM-SHA-512 SCRAM-SHA-256 PLAIN"},
        { every,            { .tokens = true },                                          "OAUTHBEARER XOAUTH2 PLAIN"                           },
        { every,            { .peers = true },                                           "EXTERNAL PLAIN"                                      },
        { "PLAIN EXTERNAL", { .peers = true },                                           "PLAIN EXTERNAL"                                      },
        { "CRAM-MD5",       { 0 },                                                       ""                                                    },
        { "PLAIN LOGIN",    { .clear = true },                                           "PLAIN LOGIN"                                         },
        { every,            { .scram = true, .retired = GP_LIT("scram-sha-256 LOGIN") }, "PLAIN"                                               },
        { every,            { .peers = true, .retired = GP_LIT("PLAIN") },               "EXTERNAL"                                            },
        { "PLAIN LOGIN",    { .retired = GP_LIT("LOGIN PLAIN") },                        ""                                                    },
        { "NONSENSE PLAIN", { true, true, true, true, true, { NULL, 0 } },               "PLAIN"                                               },
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        char           room[128];
        struct gp_text text = GP_TEXT(room);
        CHECK(policy_offer(gp_from(cases[i].configured), &cases[i].facts, &text));
        CHECK_IS(gp_said(&text), cases[i].offered);
        for (gp_str rest = gp_from(cases[i].configured);
             rest.len > 0;) { /* what is not listed may not be used either */
            gp_str name = gp_word(&rest), offered = gp_from(cases[i].offered);
            bool   listed = false;
            while (offered.len > 0) listed |= gp_same(gp_word(&offered), name);
            CHECK(listed == (policy_mechanism(gp_from(cases[i].configured), &cases[i].facts, name, true) != NULL));
        }
    }
}

/* clang-format off */
static const struct { const char *version; bool less_than_2, less_than_3; } versions[] = {
    { "TLSv1.3", false, false }, { "TLS1.3",  false, false }, { "TLSv1.2", false, true  }, { "TLS1.2", false, true },
    { "TLSv1.1", true,  true  }, { "TLSv1",   true,  true  }, { "TLS1.0",  true,  true  }, { "SSLv3",  true,  true },
    { "",        true,  true  }, /* there is none */
    { "secured", false, false }, { "TLSv2",   false, false }, { "TLSv",    false, false }, { "1.2",    false, false },
};
/* clang-format on */

TEST(a_tls_that_is_known_to_be_less_than_the_minimum)
{
    struct config c = {
        .policy.tls = {POLICY_SHADOW, TLS_MINIMUM_1_2}
    };
    char room[96];
    for (size_t i = 0; i < GP_COUNT(versions); i++) {
        c.policy.tls.mode    = i % 2 ? POLICY_SHADOW : POLICY_ENFORCE;
        c.policy.tls.minimum = TLS_MINIMUM_1_2;
        CHECK(policy_tls_is_less(&c, gp_from(versions[i].version)) == versions[i].less_than_2);
        c.policy.tls.minimum = TLS_MINIMUM_1_3;
        CHECK(policy_tls_is_less(&c, gp_from(versions[i].version)) == versions[i].less_than_3);
        c.policy.tls.mode = POLICY_OFF;
        CHECK(!policy_tls_is_less(&c, gp_from(versions[i].version)));
    }
    struct gp_text said = GP_TEXT(room);
    policy_put_tls(&said, &c, GP_LIT(""));
    CHECK_IS(gp_said(&said), "no TLS is less than policy.tls.minimum: 1.3");
}

TEST(an_old_tls_has_one_name_however_it_is_written)
{
    static const char *const rows[][2] = {
        {"TLSv1.2",  "TLSv1.2"},
        { "TLS1.2",  "TLSv1.2"},
        { "TLSv1.0", "TLSv1"  },
        { "TLSv1",   "TLSv1"  },
        { "SSLv3",   "SSLv3"  },
        { "TLSv1.3", ""       },
        { "TLS1.3",  ""       },
        { "secured", ""       },
        { "",        ""       }
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        const char *name = policy_tls_old(gp_from(rows[i][0]));
        CHECK_IS(gp_from(name ? name : ""), rows[i][1]);
    }
}

TEST(what_is_retired_depends_on_the_mode)
{
    struct config c = {
        .policy.mechanisms = {POLICY_ENFORCE, "LOGIN CRAM-MD5"},
          .listen_count = 1
    };
    struct survey s = { .secrets = false };
    CHECK(policy_is_retired(&c, GP_LIT("login")) && !policy_is_retired(&c, GP_LIT("PLAIN")));
    CHECK_IS(policy_facts_of(&c, &s, 0).retired, "LOGIN CRAM-MD5");
    c.policy.mechanisms.mode = POLICY_SHADOW;
    CHECK(policy_is_retired(&c, GP_LIT("LOGIN")) && policy_facts_of(&c, &s, 0).retired.len == 0);
    c.policy.mechanisms.mode = POLICY_OFF;
    CHECK(!policy_is_retired(&c, GP_LIT("LOGIN")) && policy_facts_of(&c, &s, 0).retired.len == 0);
}

TEST(a_plus_form_counts_when_it_is_configured)
{
    CHECK(policy_lists_plus(GP_LIT("PLAIN SCRAM-SHA-1-PLUS")));
    CHECK(!policy_lists_plus(GP_LIT("PLAIN SCRAM-SHA-1 NONSENSE-PLUS")));
    CHECK(!policy_lists_plus(GP_LIT("")));
}

TEST(a_password_in_the_place_of_a_name_is_not_shown)
{
    static const char *const hidden      = "(looks like a password)";
    static const char        long_name[] = "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn";
    char                     password[GP_PASSWORD_ROOM], upper[GP_PASSWORD_ROOM];
    gp_new_password(password);
    for (size_t i = 0; i < sizeof(password); i++)
        upper[i] = (char)(password[i] >= 'a' && password[i] <= 'z' ? password[i] - 32 : password[i]);
    CHECK_IS(policy_name_for_log(gp_from(password), false), hidden);
    CHECK_IS(policy_name_for_log(gp_from(upper), false), hidden);
    CHECK_IS(policy_name_for_log(gp_from(password), true), password);
    const struct {
        const char *name, *shown;
    } rows[] = {
        {"abcde-fghij-kmnpq-rstuv-wxyz23",              hidden                                                            },
        { "abcde-fghij-kmnpq-rstuv-wxyz23@example.org", hidden                                                            },
        { "abcde-fghij-kmnpq-rstuv-wxyz2",              "abcde-fghij-kmnpq-rstuv-wxyz2"                                   },
        { "abcdefghij-kmnpq-rstuv-wxyz2-3",             "abcdefghij-kmnpq-rstuv-wxyz2-3"                                  },
        { "abcde-fghij-kmnpq-rstuv-wxyz0o",             "abcde-fghij-kmnpq-rstuv-wxyz0o"                                  },
        { "nobody",                                     "nobody"                                                          },
        { "nobody\x01"
          "else",                              "nobody"                                                          },
        { "my pass phrase",                             "my"                                                              },
        { long_name,                                    "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"},
        { "",                                           ""                                                                },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++)
        CHECK_IS(policy_name_for_log(gp_from(rows[i].name), false), rows[i].shown);
}

TEST(a_password_is_shown_in_clear_where_an_administrator_wants_it_for_old_devices)
{
    struct policy_facts usual = { 0 }, clear = { .clear = true };
    gp_str              names = GP_LIT("PLAIN LOGIN");
    CHECK(!policy_mechanism(names, &usual, GP_LIT("LOGIN"), false) &&
          policy_mechanism(names, &clear, GP_LIT("LOGIN"), false));
}

TEST(what_is_kept_for_cram_md5_counts_on_its_own_side_and_what_is_retired_on_that_of_people)
{
    static struct config c;
    struct survey        devices = { .lane_secrets = true }, people = { .secrets = true };
    c.listen_count           = 2;
    c.listen[1].kind         = LISTEN_LEGACY;
    c.policy.mechanisms.mode = POLICY_ENFORCE;
    CHECK(gp_copy_z(GP_LIT("LOGIN"), c.policy.mechanisms.retire, sizeof c.policy.mechanisms.retire));
    CHECK(!policy_facts_of(&c, &devices, 0).secrets && policy_facts_of(&c, &devices, 1).secrets);
    CHECK(policy_facts_of(&c, &people, 0).secrets && !policy_facts_of(&c, &people, 1).secrets);
    CHECK(policy_facts_of(&c, &people, 0).retired.len > 0 && policy_facts_of(&c, &people, 1).retired.len == 0);
    CHECK(!policy_facts_of(&c, &people, 0).clear && policy_facts_of(&c, &people, 1).clear); /* tls=none is 0 */
}
