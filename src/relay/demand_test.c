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

TEST(a_host_of_our_own_configuration_is_nobody_elses_to_decide)
{
    struct demand             d;
    const struct demand_facts f = {
        .configured = RELAY_TLS_OPPORTUNISTIC, .host = "smart.example.net", .dane = DANE_RECORDS, .sts = STS_ENFORCE
    };
    CHECK(demand_make(&f, &d) == GP_OK && d.level == DEMAND_OPPORTUNISTIC && d.name_count == 1);
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
