/* What is offered follows the credentials there are, at once. */
#include "vault/test_bed.h"

static bool offers(const struct bed *b, const char *mechanism)
{
    gp_str words = gp_from(b->offered);
    while (words.len > 0)
        if (gp_is(gp_word(&words), mechanism)) return true;
    return false;
}

static void delete_account(struct bed *b, const char *name)
{
    struct account   account;
    struct accounts *a = bed_store(b);
    CHECK(accounts_find(a, gp_from(name), &account) == GP_OK && accounts_delete(a, account.id) == GP_OK);
    accounts_close(a);
}

TEST(what_needs_keys_or_a_secret_is_offered_while_a_credential_has_them)
{
    struct bed *b = bed_open();
    bed_settle(b);
    CHECK(b->offers == 1 && offers(b, "PLAIN") && !offers(b, "SCRAM-SHA-256-PLUS") && !offers(b, "CRAM-MD5"));
    bed_account(b, "hash", BED_HASHED, false);
    bed_settle(b);
    CHECK(b->offers == 1);
    bed_account(b, "anna", BED_GENERATED, false);
    bed_settle(b);
    CHECK(b->offers == 2 && offers(b, "SCRAM-SHA-256-PLUS") && !offers(b, "CRAM-MD5"));
    bed_account(b, "bert", BED_GENERATED, false);
    bed_settle(b);
    CHECK(b->offers == 2);
    bed_account(b, "otto", BED_GENERATED, true);
    bed_settle(b); /* shorter than a tick of the clock: the change itself was noticed */
    CHECK(b->offers == 3 && offers(b, "CRAM-MD5"));
    delete_account(b, "otto");
    bed_settle(b);
    CHECK(b->offers == 4 && !offers(b, "CRAM-MD5"));
    bed_close(b);
}

TEST(each_listener_has_an_offer_of_its_own)
{
    struct bed           *b   = bed_open();
    struct config_listen *two = b->config.listen;
    b->config.listen_count    = 2;
    two[1].asks               = true;
    (void)gp_copy_z(GP_LIT("PLAIN EXTERNAL CRAM-MD5 OAUTHBEARER SCRAM-SHA-512"), two[1].mechanisms,
                    sizeof(two[1].mechanisms));
    offer_update(b->vault);
    bed_settle(b);
    CHECK(b->offer_of == 1 && b->offers == 2); /* the first had been told before, and has not changed */
    CHECK_IS(gp_from(b->offered), "PLAIN EXTERNAL");
    b->vault->tokens = true;
    bed_account(b, "otto", BED_GENERATED, true);
    bed_settle(b);
    CHECK(b->offers == 4 && b->offer_of == 1);
    CHECK_IS(gp_from(b->offered), "PLAIN EXTERNAL CRAM-MD5 OAUTHBEARER SCRAM-SHA-512");
    CHECK_IS(gp_from(b->vault->offered[0]), "SCRAM-SHA-256-PLUS SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN CRAM-MD5");
    bed_close(b);
}

TEST(an_smtpd_that_comes_later_hears_the_offer)
{
    struct bed *b = bed_open();
    bed_account(b, "otto", BED_GENERATED, true);
    bed_settle(b);
    ipc_close(b->smtpd);
    b->offers     = 0;
    b->offered[0] = '\0';
    b->smtpd      = bed_join(b, ROLE_SMTPD);
    bed_settle(b);
    CHECK(b->offers == 1 && offers(b, "CRAM-MD5"));
    bed_close(b);
}

static void strict(struct config *c)
{
    c->policy.tls.minimum = TLS_MINIMUM_1_3;
    c->policy.tls.mode = c->policy.mechanisms.mode = POLICY_ENFORCE;
    CHECK(gp_copy_z(GP_LIT("LOGIN"), c->policy.mechanisms.retire, sizeof(c->policy.mechanisms.retire)));
}

TEST(what_is_retired_is_not_offered)
{
    struct bed *b = bed_open_with(strict);
    bed_settle(b);
    CHECK(offers(b, "PLAIN") && !offers(b, "LOGIN"));
    bed_close(b);
}

/* "\0anna\0correct horse battery", and a name that nobody has. */
TEST(what_a_policy_refuses_is_refused_before_anybody_is_looked_for)
{
    static const struct {
        const char      *mechanism, *tls, *initial;
        enum gp_sasl_why why;
    } rows[] = {
        {"PLAIN",  "TLSv1.2", "AGFubmEAY29ycmVjdCBob3JzZSBiYXR0ZXJ5",     GP_SASL_WEAK_TLS},
        { "PLAIN", "TLSv1.2", "AG5vYm9keQBjb3JyZWN0IGhvcnNlIGJhdHRlcnk=", GP_SASL_WEAK_TLS},
        { "LOGIN", "TLSv1.2", "YW5uYQ==",                                 GP_SASL_UNKNOWN },
        { "LOGIN", "TLSv1.3", "",                                         GP_SASL_UNKNOWN },
        { "login", "TLSv1.3", "YW5uYQ==",                                 GP_SASL_UNKNOWN },
    };
    struct bed *b = bed_open_with(strict);
    bed_account(b, "anna", BED_HASHED, false);
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct msg m           = MSG(SASL_START);
        m.sasl_start.mechanism = gp_from(rows[i].mechanism);
        m.sasl_start.peer = m.sasl_start.helo = m.sasl_start.tls_cipher = GP_LIT("x");
        m.sasl_start.tls_version                                        = gp_from(rows[i].tls);
        m.sasl_start.initial                                            = gp_from(rows[i].initial);
        m.sasl_start.has_initial                                        = rows[i].initial[0] != '\0';
        bed_ask(b, b->smtpd, &m);
        CHECK(b->answer.sasl_result.step == GP_SASL_FAILED && b->answer.sasl_result.why == rows[i].why &&
              b->vault->signin_count == 0);
        CHECK(b->vault->checks == 0 && b->answer.sasl_result.account == 0);
        CHECK_IS(bed_text(b), rows[i].why == GP_SASL_WEAK_TLS ? policy_tls_reply(&b->config) : "");
    }
    bed_close(b);
}
