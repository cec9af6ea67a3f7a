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
