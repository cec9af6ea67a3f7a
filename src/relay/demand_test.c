/* What a host must have, out of what is known of it. */
#include "relay/demand.h"

#include <string.h>

#include "check.h"

static const struct {
    enum relay_tls  configured;
    enum dane_found dane;
    enum sts_found  sts;
    bool            listed, barred;
    const char     *policy;
    int             level;
} decisions[] = {
    {RELAY_TLS_NONE,           DANE_NONE,     STS_NONE,    false, false, "none",          DEMAND_CLEAR        },
    { RELAY_TLS_NONE,          DANE_RECORDS,  STS_ENFORCE, true,  false, "none",          DEMAND_CLEAR        },
    { RELAY_TLS_OPPORTUNISTIC, DANE_NONE,     STS_NONE,    false, false, "opportunistic", DEMAND_OPPORTUNISTIC},
    { RELAY_TLS_OPPORTUNISTIC, DANE_RECORDS,  STS_NONE,    false, false, "dane",          DEMAND_DANE         },
    { RELAY_TLS_OPPORTUNISTIC, DANE_UNUSABLE, STS_NONE,    false, false, "dane",          DEMAND_ENCRYPTED    },
    { RELAY_TLS_OPPORTUNISTIC, DANE_FAILED,   STS_NONE,    false, true,  "dane",          DEMAND_OPPORTUNISTIC},
    { RELAY_TLS_OPPORTUNISTIC, DANE_NONE,     STS_ENFORCE, true,  false, "mta-sts",       DEMAND_VERIFIED     },
    { RELAY_TLS_OPPORTUNISTIC, DANE_NONE,     STS_ENFORCE, false, true,  "mta-sts",       DEMAND_VERIFIED     },
    { RELAY_TLS_OPPORTUNISTIC, DANE_NONE,     STS_TESTING, true,  false, "opportunistic", DEMAND_OPPORTUNISTIC},
    { RELAY_TLS_OPPORTUNISTIC, DANE_NONE,     STS_TESTING, false, false, "opportunistic", DEMAND_OPPORTUNISTIC},
    { RELAY_TLS_OPPORTUNISTIC, DANE_UNUSABLE, STS_ENFORCE, true,  false, "mta-sts",       DEMAND_VERIFIED     },
    { RELAY_TLS_OPPORTUNISTIC, DANE_UNUSABLE, STS_TESTING, true,  false, "dane",          DEMAND_ENCRYPTED    },
    { RELAY_TLS_OPPORTUNISTIC, DANE_RECORDS,  STS_ENFORCE, false, false, "dane",          DEMAND_DANE         }, /* RFC 8461 2 */
    { RELAY_TLS_OPPORTUNISTIC, DANE_FAILED,   STS_ENFORCE, true,  true,  "dane",          DEMAND_OPPORTUNISTIC},
    { RELAY_TLS_REQUIRED,      DANE_NONE,     STS_NONE,    false, false, "verified",      DEMAND_VERIFIED     },
    { RELAY_TLS_REQUIRED,      DANE_NONE,     STS_ENFORCE, true,  false, "mta-sts",       DEMAND_VERIFIED     },
    { RELAY_TLS_REQUIRED,      DANE_NONE,     STS_ENFORCE, false, true,  "mta-sts",       DEMAND_VERIFIED     },
    { RELAY_TLS_REQUIRED,      DANE_UNUSABLE, STS_ENFORCE, false, true,  "mta-sts",       DEMAND_VERIFIED     },
    { RELAY_TLS_REQUIRED,      DANE_RECORDS,  STS_ENFORCE, false, false, "dane",          DEMAND_DANE         },
    { RELAY_TLS_REQUIRED,      DANE_NONE,     STS_TESTING, false, false, "verified",      DEMAND_VERIFIED     },
    { RELAY_TLS_REQUIRED,      DANE_RECORDS,  STS_NONE,    false, false, "dane",          DEMAND_DANE         },
    { RELAY_TLS_REQUIRED,      DANE_UNUSABLE, STS_NONE,    false, false, "verified",      DEMAND_VERIFIED     },
    { RELAY_TLS_REQUIRED,      DANE_FAILED,   STS_NONE,    false, true,  "dane",          DEMAND_VERIFIED     },
    { RELAY_TLS_ENCRYPTED,     DANE_NONE,     STS_NONE,    false, false, "encrypted",     DEMAND_ENCRYPTED    },
    { RELAY_TLS_ENCRYPTED,     DANE_RECORDS,  STS_NONE,    false, false, "dane",          DEMAND_DANE         },
    { RELAY_TLS_ENCRYPTED,     DANE_NONE,     STS_ENFORCE, true,  false, "mta-sts",       DEMAND_VERIFIED     },
    { RELAY_TLS_ENCRYPTED,     DANE_NONE,     STS_TESTING, false, false, "encrypted",     DEMAND_ENCRYPTED    },
    { RELAY_TLS_DANE,          DANE_RECORDS,  STS_NONE,    false, false, "dane",          DEMAND_DANE         },
    { RELAY_TLS_DANE,          DANE_NONE,     STS_ENFORCE, true,  true,  "dane",          DEMAND_DANE         },
    { RELAY_TLS_DANE,          DANE_UNUSABLE, STS_NONE,    false, true,  "dane",          DEMAND_DANE         },
    { RELAY_TLS_DANE,          DANE_FAILED,   STS_NONE,    false, true,  "dane",          DEMAND_DANE         },
};

TEST(the_strongest_that_is_known_decides)
{
    for (size_t i = 0; i < GP_COUNT(decisions); i++) {
        struct demand             d;
        const struct demand_facts f = { .configured     = decisions[i].configured,
                                        .host           = "mx.example.net",
                                        .domain         = "example.net",
                                        .base           = "real.example.net",
                                        .dane           = decisions[i].dane,
                                        .dane_why       = "forged",
                                        .sts            = decisions[i].sts,
                                        .sts_takes_host = decisions[i].listed };
        CHECK((demand_make(&f, &d) == GP_TEMPFAIL) == decisions[i].barred);
        CHECK_IS(gp_from(demand_name(&d)), decisions[i].policy);
        CHECK((int)d.level == decisions[i].level);
        CHECK(!decisions[i].barred || (d.why && d.failure != TLS_FINE));
        CHECK(d.testing == (decisions[i].sts == STS_TESTING));
        CHECK(!d.testing || (d.failure == TLS_FINE) == decisions[i].listed);
        if (decisions[i].barred) continue;
        CHECK_IS(gp_from(d.names[0]), d.level == DEMAND_DANE ? "real.example.net" : "mx.example.net");
        CHECK(d.name_count == (d.level == DEMAND_DANE ? 2 : 1));
    }
}

/* Where relay.tls_policy demands it, that is said, but what others demand beyond it has their name. */
TEST(who_demands_it_is_told)
{
    static const struct {
        enum relay_tls   configured;
        enum dane_found  dane;
        enum sts_found   sts;
        enum demand_wish wish;
        gp_status        status;
        const char      *policy;
        int              level;
    } rows[] = {
        {RELAY_TLS_REQUIRED,       DANE_NONE,     STS_NONE,    WISH_NOTHING,  GP_OK,       "verified (relay.tls_policy)",
         DEMAND_VERIFIED                                                                                                                      },
        { RELAY_TLS_REQUIRED,      DANE_UNUSABLE, STS_NONE,    WISH_NOTHING,  GP_OK,       "verified (relay.tls_policy)",
         DEMAND_VERIFIED                                                                                                                      },
        { RELAY_TLS_REQUIRED,      DANE_NONE,     STS_TESTING, WISH_NOTHING,  GP_OK,       "verified (relay.tls_policy)",
         DEMAND_VERIFIED                                                                                                                      },
        { RELAY_TLS_REQUIRED,      DANE_RECORDS,  STS_NONE,    WISH_NOTHING,  GP_OK,       "dane",                             DEMAND_DANE    },
        { RELAY_TLS_REQUIRED,      DANE_NONE,     STS_ENFORCE, WISH_NOTHING,  GP_OK,       "mta-sts",                          DEMAND_VERIFIED},
        { RELAY_TLS_REQUIRED,      DANE_NONE,     STS_NONE,    WISH_WAIVES,   GP_OK,       "verified (relay.tls_policy)",      DEMAND_VERIFIED},
        { RELAY_TLS_REQUIRED,      DANE_NONE,     STS_NONE,    WISH_REQUIRES, GP_OK,       "verified (relay.tls_policy)",
         DEMAND_VERIFIED                                                                                                                      },
        { RELAY_TLS_ENCRYPTED,     DANE_NONE,     STS_NONE,    WISH_NOTHING,  GP_OK,       "encrypted (relay.tls_policy)",
         DEMAND_ENCRYPTED                                                                                                                     },
        { RELAY_TLS_ENCRYPTED,     DANE_NONE,     STS_ENFORCE, WISH_NOTHING,  GP_OK,       "mta-sts",                          DEMAND_VERIFIED},
        { RELAY_TLS_OPPORTUNISTIC, DANE_NONE,     STS_NONE,    WISH_NOTHING,  GP_OK,       "opportunistic (relay.tls_policy)",
         DEMAND_OPPORTUNISTIC                                                                                                                 },
        { RELAY_TLS_OPPORTUNISTIC, DANE_RECORDS,  STS_NONE,    WISH_NOTHING,  GP_OK,       "dane",                             DEMAND_DANE    },
        { RELAY_TLS_NONE,          DANE_RECORDS,  STS_ENFORCE, WISH_NOTHING,  GP_OK,       "none (relay.tls_policy)",          DEMAND_CLEAR   },
        { RELAY_TLS_NONE,          DANE_NONE,     STS_NONE,    WISH_REQUIRES, GP_OK,       "requiretls",                       DEMAND_VERIFIED},
        { RELAY_TLS_DANE,          DANE_RECORDS,  STS_NONE,    WISH_NOTHING,  GP_OK,       "dane",                             DEMAND_DANE    },
        { RELAY_TLS_DANE,          DANE_NONE,     STS_NONE,    WISH_NOTHING,  GP_TEMPFAIL, "dane (relay.tls_policy)",          DEMAND_DANE    },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct demand             d;
        const struct demand_facts f = { .configured     = rows[i].configured,
                                        .listed         = true,
                                        .host           = "mx.example.net",
                                        .domain         = "example.net",
                                        .base           = "mx.example.net",
                                        .dane           = rows[i].dane,
                                        .sts            = rows[i].sts,
                                        .sts_takes_host = true,
                                        .mx_proven      = true,
                                        .wish           = rows[i].wish };
        CHECK(demand_make(&f, &d) == rows[i].status && (int)d.level == rows[i].level);
        CHECK_IS(gp_from(demand_name(&d)), rows[i].policy);
        CHECK(rows[i].status == GP_OK || gp_starts(gp_from(d.why), "relay.tls_policy asks for dane: "));
    }
}

/* REQUIRETLS, RFC 8689 2: who is there must be proven, and verified; a policy's no stays for now what it was. */
static const struct {
    enum relay_tls  configured;
    enum dane_found dane;
    enum sts_found  sts;
    bool            listed, unfetched, mx_proven, mx; /* mx: MX led there */
    gp_status       status;
    const char     *policy;
    int             level;
} required[] = {
    {RELAY_TLS_OPPORTUNISTIC,  DANE_NONE,     STS_NONE,    false, false, true,  true,  GP_OK,       "requiretls", DEMAND_VERIFIED},
    { RELAY_TLS_NONE,          DANE_NONE,     STS_NONE,    false, false, true,  true,  GP_OK,       "requiretls", DEMAND_VERIFIED},
    { RELAY_TLS_NONE,          DANE_RECORDS,  STS_NONE,    false, false, true,  true,  GP_OK,       "dane",       DEMAND_DANE    },
    { RELAY_TLS_ENCRYPTED,     DANE_NONE,     STS_NONE,    false, false, true,  true,  GP_OK,       "requiretls", DEMAND_VERIFIED},
    { RELAY_TLS_OPPORTUNISTIC, DANE_UNUSABLE, STS_NONE,    false, false, true,  true,  GP_OK,       "requiretls",
     DEMAND_VERIFIED                                                                                                             },
    { RELAY_TLS_OPPORTUNISTIC, DANE_RECORDS,  STS_NONE,    false, false, true,  true,  GP_OK,       "dane",       DEMAND_DANE    },
    { RELAY_TLS_DANE,          DANE_RECORDS,  STS_NONE,    false, false, true,  true,  GP_OK,       "dane",       DEMAND_DANE    },
    { RELAY_TLS_REQUIRED,      DANE_NONE,     STS_NONE,    false, false, true,  true,  GP_OK,       "verified",   DEMAND_VERIFIED},
    { RELAY_TLS_OPPORTUNISTIC, DANE_NONE,     STS_ENFORCE, true,  false, false, true,  GP_OK,       "mta-sts",    DEMAND_VERIFIED},
    { RELAY_TLS_OPPORTUNISTIC, DANE_NONE,     STS_TESTING, true,  false, false, true,  GP_OK,       "requiretls", DEMAND_VERIFIED},
    { RELAY_TLS_OPPORTUNISTIC, DANE_NONE,     STS_TESTING, false, false, true,  true,  GP_OK,       "requiretls", DEMAND_VERIFIED},
    { RELAY_TLS_OPPORTUNISTIC, DANE_NONE,     STS_TESTING, false, false, false, true,  GP_PERMFAIL, "requiretls",
     DEMAND_VERIFIED                                                                                                             },
    { RELAY_TLS_OPPORTUNISTIC, DANE_NONE,     STS_NONE,    false, false, false, true,  GP_PERMFAIL, "requiretls",
     DEMAND_VERIFIED                                                                                                             },
    { RELAY_TLS_REQUIRED,      DANE_NONE,     STS_NONE,    false, false, false, true,  GP_PERMFAIL, "requiretls", DEMAND_VERIFIED},
    { RELAY_TLS_OPPORTUNISTIC, DANE_NONE,     STS_NONE,    false, true,  false, true,  GP_TEMPFAIL, "requiretls",
     DEMAND_VERIFIED                                                                                                             },
    { RELAY_TLS_OPPORTUNISTIC, DANE_NONE,     STS_ENFORCE, false, false, true,  true,  GP_TEMPFAIL, "mta-sts",
     DEMAND_VERIFIED                                                                                                             },
    { RELAY_TLS_OPPORTUNISTIC, DANE_FAILED,   STS_NONE,    false, false, true,  true,  GP_TEMPFAIL, "dane",
     DEMAND_OPPORTUNISTIC                                                                                                        },
    { RELAY_TLS_NONE,          DANE_NONE,     STS_NONE,    false, false, false, false, GP_OK,       "requiretls", DEMAND_VERIFIED},
    { RELAY_TLS_OPPORTUNISTIC, DANE_NONE,     STS_NONE,    false, false, false, false, GP_OK,       "requiretls", DEMAND_VERIFIED},
    { RELAY_TLS_REQUIRED,      DANE_NONE,     STS_NONE,    false, false, false, false, GP_OK,       "verified",   DEMAND_VERIFIED},
};

static struct demand_facts facts_of(size_t i)
{
    return (struct demand_facts) { .configured     = required[i].configured,
                                   .host           = "mx.example.net",
                                   .domain         = required[i].mx ? "example.net" : NULL,
                                   .base           = "mx.example.net",
                                   .dane           = required[i].dane,
                                   .dane_why       = "forged",
                                   .sts            = required[i].sts,
                                   .sts_takes_host = required[i].listed,
                                   .sts_unfetched  = required[i].unfetched,
                                   .mx_proven      = required[i].mx_proven,
                                   .wish           = WISH_REQUIRES };
}

TEST(what_requires_tls_goes_to_who_is_proven_and_verified_alone)
{
    for (size_t i = 0; i < GP_COUNT(required); i++) {
        struct demand       d;
        struct demand_facts f = facts_of(i);
        CHECK(demand_make(&f, &d) == required[i].status);
        CHECK_IS(gp_from(demand_name(&d)), required[i].policy);
        CHECK((int)d.level == required[i].level && !d.testing && !d.looks);
        CHECK((d.why == NULL) == (required[i].status == GP_OK) && (d.failure == TLS_FINE) == (d.why == NULL));
        CHECK(required[i].status != GP_OK || d.proven);
    }
}

/* RFC 8689 5: what a policy demands, in TLS wherever MX led, and looked at where it may be found fit. */
TEST(a_report_goes_to_whom_it_can)
{
    for (size_t i = 0; i < GP_COUNT(required); i++) {
        struct demand       plain, d;
        struct demand_facts f = facts_of(i);
        f.wish                = WISH_NOTHING;
        gp_status want        = demand_make(&f, &plain);
        f.wish                = WISH_PREFERS;
        bool raised           = f.domain && want == GP_OK && plain.level < DEMAND_ENCRYPTED;
        CHECK(demand_make(&f, &d) == want && d.testing == plain.testing);
        CHECK(d.level == (raised ? DEMAND_ENCRYPTED : plain.level));
        CHECK(d.looks == (want == GP_OK && d.proven && d.level < DEMAND_VERIFIED));
    }
}

TEST(what_stays_on_this_host_needs_nothing)
{
    static const enum demand_wish wishes[] = { WISH_REQUIRES, WISH_PREFERS };
    for (size_t i = 0; i < GP_COUNT(wishes); i++) {
        struct demand             d;
        const struct demand_facts f = {
            .configured = RELAY_TLS_NONE, .host = "/run/lmtp", .local = true, .wish = wishes[i]
        };
        CHECK(demand_make(&f, &d) == GP_OK && d.level == DEMAND_CLEAR && d.local && !d.looks);
    }
}

/* No MX led there, so no policy of a domain counts; its own records do, but where its authority is demanded. */
TEST(a_server_of_our_own_configuration_is_held_to_its_records_alone)
{
    static const struct {
        enum relay_tls   configured;
        enum dane_found  dane;
        enum demand_wish wish;
        gp_status        status;
        int              level;
    } rows[] = {
        {RELAY_TLS_OPPORTUNISTIC,  DANE_NONE,     WISH_NOTHING,  GP_OK,       DEMAND_OPPORTUNISTIC},
        { RELAY_TLS_OPPORTUNISTIC, DANE_RECORDS,  WISH_NOTHING,  GP_OK,       DEMAND_DANE         },
        { RELAY_TLS_OPPORTUNISTIC, DANE_UNUSABLE, WISH_NOTHING,  GP_OK,       DEMAND_ENCRYPTED    },
        { RELAY_TLS_OPPORTUNISTIC, DANE_FAILED,   WISH_NOTHING,  GP_TEMPFAIL, DEMAND_OPPORTUNISTIC},
        { RELAY_TLS_ENCRYPTED,     DANE_RECORDS,  WISH_NOTHING,  GP_OK,       DEMAND_DANE         },
        { RELAY_TLS_DANE,          DANE_RECORDS,  WISH_NOTHING,  GP_OK,       DEMAND_DANE         },
        { RELAY_TLS_DANE,          DANE_RECORDS,  WISH_WAIVES,   GP_OK,       DEMAND_DANE         },
        { RELAY_TLS_DANE,          DANE_NONE,     WISH_NOTHING,  GP_TEMPFAIL, DEMAND_DANE         },
        { RELAY_TLS_DANE,          DANE_UNUSABLE, WISH_NOTHING,  GP_TEMPFAIL, DEMAND_DANE         },
        { RELAY_TLS_REQUIRED,      DANE_RECORDS,  WISH_NOTHING,  GP_OK,       DEMAND_VERIFIED     },
        { RELAY_TLS_REQUIRED,      DANE_FAILED,   WISH_NOTHING,  GP_OK,       DEMAND_VERIFIED     },
        { RELAY_TLS_NONE,          DANE_RECORDS,  WISH_NOTHING,  GP_OK,       DEMAND_CLEAR        },
        { RELAY_TLS_NONE,          DANE_RECORDS,  WISH_REQUIRES, GP_OK,       DEMAND_DANE         },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct demand             d;
        const struct demand_facts f = { .configured = rows[i].configured,
                                        .host       = "smart.example.net",
                                        .base       = "real.example.net",
                                        .dane       = rows[i].dane,
                                        .dane_why   = "forged",
                                        .sts        = STS_ENFORCE,
                                        .wish       = rows[i].wish };
        CHECK(demand_make(&f, &d) == rows[i].status && (int)d.level == rows[i].level);
        if (rows[i].status != GP_OK) continue;
        CHECK_IS(gp_from(d.names[d.name_count - 1]), "smart.example.net");
        CHECK(d.name_count == (d.level == DEMAND_DANE ? 2 : 1));
    }
}

/* RFC 7672 3.2.3: of a domain that is an alias both names count. */
TEST(a_certificate_may_be_for_what_the_domain_is_an_alias_of)
{
    struct demand             d;
    const struct demand_facts f = { .configured      = RELAY_TLS_OPPORTUNISTIC,
                                    .host            = "mx.example.net",
                                    .domain          = "example.net",
                                    .alias_of_domain = "example.com",
                                    .base            = "mx.example.net",
                                    .dane            = DANE_RECORDS };
    CHECK(demand_make(&f, &d) == GP_OK && d.name_count == 3);
    CHECK_IS(gp_from(d.names[1]), "example.net");
    CHECK_IS(gp_from(d.names[2]), "example.com");
}

TEST(records_are_kept_whole_and_read_back)
{
    char           room[16];
    struct gp_text kept = GP_TEXT(room);
    demand_put_record(&kept, GP_LIT("abc"));
    demand_put_record(&kept, GP_LIT("too long for it"));
    demand_put_record(&kept, GP_LIT("12345"));
    gp_str rest = gp_said(&kept), one;
    CHECK(demand_next_record(&rest, &one));
    CHECK_IS(one, "abc");
    CHECK(demand_next_record(&rest, &one));
    CHECK_IS(one, "12345");
    CHECK(!demand_next_record(&rest, &one) && !kept.cut);
}

TEST(what_came_of_it_is_told_in_a_line)
{
    static const struct {
        struct demand  demand;
        struct outcome outcome;
        const char    *told;
    } rows[] = {
        {{ 0 },                                               { 0 },     ""},
        { { .level = DEMAND_OPPORTUNISTIC },
         { "TLSv1.3", "AES", .failure = TLS_FINE },
         "TLSv1.3 AES, opportunistic: not verified"                        },
        { { .level = DEMAND_VERIFIED },
         { "TLSv1.3", "AES", VERIFIED_BY_AUTHORITY, 0, 0, 0, 0, { 0 } },
         "TLSv1.3 AES, verified: verified by its authority"                },
        { { .level = DEMAND_DANE, .source = DEMAND_BY_DANE },
         { "TLSv1.2", "AES", VERIFIED_BY_TLSA, 3, 1, 2, 0, { 0 } },
         "TLSv1.2 AES, dane: verified by TLSA 3 1 2"                       },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char           room[192];
        struct gp_text out = GP_TEXT(room);
        outcome_put(&out, &rows[i].demand, &rows[i].outcome);
        CHECK_IS(gp_said(&out), rows[i].told);
    }
    CHECK_IS(gp_from(outcome_word(TLS_DANE_REQUIRED)), "dane-required");
}

/* RFC 8689 5 */
TEST(what_a_message_may_be_free_of)
{
    static const struct {
        enum demand_source source;
        enum relay_tls     configured;
        bool               lifted;
    } rows[] = {
        {DEMAND_BY_CONFIG,   RELAY_TLS_OPPORTUNISTIC, false},
        { DEMAND_BY_CONFIG,  RELAY_TLS_REQUIRED,      false},
        { DEMAND_BY_DANE,    RELAY_TLS_OPPORTUNISTIC, true },
        { DEMAND_BY_DANE,    RELAY_TLS_DANE,          false},
        { DEMAND_BY_STS,     RELAY_TLS_ENCRYPTED,     true },
        { DEMAND_BY_STS,     RELAY_TLS_REQUIRED,      false},
        { DEMAND_BY_MESSAGE, RELAY_TLS_OPPORTUNISTIC, true },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct demand demand = { .source = rows[i].source };
        CHECK(demand_is_lifted(&demand, rows[i].configured) == rows[i].lifted);
    }
}
