/* A refusal costs the store the same whoever it is for: counted in questions, not by the clock. */
#include "vault/test_bed.h"

static unsigned finds, reads, rows; /* rows: credentials that were read */

gp_status __real_accounts_credentials(struct accounts *, int64_t, struct credential *, size_t *);
gp_status __wrap_accounts_credentials(struct accounts *, int64_t, struct credential *, size_t *);
gp_status __wrap_accounts_credentials(struct accounts *a, int64_t account, struct credential *out, size_t *count)
{
    gp_status status = __real_accounts_credentials(a, account, out, count);
    reads++;
    rows += (unsigned)*count;
    return status;
}

gp_status __real_accounts_find(struct accounts *, gp_str, struct account *);
gp_status __wrap_accounts_find(struct accounts *, gp_str, struct account *);
gp_status __wrap_accounts_find(struct accounts *a, gp_str login, struct account *out)
{
    finds++;
    return __real_accounts_find(a, login, out);
}

static const struct {
    const char *what, *initial;
} tries[] = {
    {"a wrong password",                          "AGFubmEAd3Jvbmc="                        },
    { "no such account",                          "AG5vYm9keQB3cm9uZw=="                    },
    { "no such account, and somebody's password", "AG5vYm9keQBjb3JyZWN0IGhvcnNlIGJhdHRlcnk="},
    { "a disabled account",                       "AG9mZgB3cm9uZw=="                        },
    { "a disabled account, right password",       "AG9mZgBjb3JyZWN0IGhvcnNlIGJhdHRlcnk="    },
};

TEST(every_no_asks_the_store_the_same)
{
    static const enum bed_kind kinds[] = { BED_GENERATED, BED_CHOSEN, BED_HASHED };
    for (size_t k = 0; k < GP_COUNT(kinds); k++) {
        struct bed *b = bed_open();
        bed_account(b, "anna", kinds[k], false);
        bed_account(b, "off", kinds[k], false);
        bed_disable(b, "off");
        vault_refresh(b->vault);
        for (size_t i = 0; i < GP_COUNT(tries); i++) {
            struct msg m           = MSG(SASL_START);
            m.sasl_start           = (struct msg_sasl_start) { .session = i, .has_initial = true };
            m.sasl_start.mechanism = GP_LIT("PLAIN");
            m.sasl_start.initial   = gp_from(tries[i].initial);
            m.sasl_start.peer = m.sasl_start.helo = m.sasl_start.tls_cipher = m.sasl_start.listener = GP_LIT("x");
            m.sasl_start.tls_version                                                                = GP_LIT("TLSv1.3");
            m.sasl_start.binding_data                                                               = GP_LIT("");
            finds = reads = rows = 0;
            print_message("%s\n", tries[i].what);
            bed_ask(b, b->smtpd, &m);
            CHECK(b->answer.sasl_result.step == GP_SASL_FAILED && b->answer.sasl_result.why == GP_SASL_REFUSED);
            CHECK(finds == 1 && reads == 1 && rows == 1);
        }
        bed_close(b);
    }
}

/* Where there is nobody at all there is nobody to give away. */
TEST(an_empty_store_refuses_too)
{
    struct bed *b          = bed_open();
    struct msg  m          = MSG(SASL_START);
    m.sasl_start           = (struct msg_sasl_start) { .session = 1, .has_initial = true };
    m.sasl_start.mechanism = GP_LIT("PLAIN");
    m.sasl_start.initial   = gp_from(tries[0].initial);
    m.sasl_start.peer = m.sasl_start.helo = m.sasl_start.tls_cipher = m.sasl_start.listener = GP_LIT("x");
    m.sasl_start.tls_version                                                                = GP_LIT("TLSv1.3");
    m.sasl_start.binding_data                                                               = GP_LIT("");
    bed_ask(b, b->smtpd, &m);
    CHECK(b->answer.sasl_result.why == GP_SASL_REFUSED && b->vault->somebody == 0);
    bed_close(b);
}
