/* Who may send as whom: every place, every rule, every mode, and what a credential's own list adds to it. */
#include "store/senders.h"

#include "store/test_bed.h"

struct bed {
    struct accounts *store;
    struct config    config;
    int64_t          anna, bert, free, bound; /* accounts; anna's credentials: bound has a list of senders */
};

static struct bed bed_open(void)
{
    const char           *why;
    struct bed            b    = { .store = open_fresh() };
    struct verifier       v    = verifier_of(FAST, "");
    struct restrictions   list = { .senders = "scans@example.org outside@example.net" };
    struct new_credential n    = {
           .kind = CREDENTIAL_GENERATED, .label = GP_LIT("scanner"), .verifier = &v, .limits = &list
    };
    b.anna = account_of(b.store, "anna");
    b.bert = account_of(b.store, "bert+x");
    CHECK(accounts_identity_add(b.store, b.anna, GP_LIT("scans@example.org"), &why) == GP_OK);
    CHECK(accounts_identity_add(b.store, b.anna, GP_LIT("*-noreply@example.org"), &why) == GP_OK);
    CHECK(accounts_identity_add(b.store, b.bert, GP_LIT("anna+bert@example.org"), &why) == GP_OK);
    b.free                        = password_of_account(b.store, b.anna, "free", &v);
    b.bound                       = try_credential(b.store, b.anna, &n);
    b.config.policy.identity.mode = POLICY_ENFORCE;
    b.config.policy.identity.plus = true;
    CHECK(b.free && b.bound);
    return b;
}

static struct sender_verdict judge(struct bed *b, int64_t credential, enum sender_field field, const char *address,
                                   gp_status want)
{
    struct sender_verdict  v;
    struct sender_question q = {
        .account = b->anna, .credential = credential, .field = field, .address = gp_from(address), .now = NOW
    };
    gp_status got = sender_judge(b->store, &b->config, &q, &v);
    if (got != want) fail_msg("%s at place %d: %d, %s", address, (int)field, (int)got, v.why);
    CHECK(want != GP_PERMFAIL || v.why[0]);
    return v;
}

TEST(every_place_has_its_rule)
{
    struct bed b                                    = bed_open();
    b.config.policy.identity.rules[SENDER_REPLY_TO] = SENDER_ALLOW;
    b.config.policy.identity.rules[SENDER_FROM]     = SENDER_REWRITE;
    (void)judge(&b, b.free, SENDER_MAIL, "", GP_OK);
    (void)judge(&b, b.free, SENDER_MAIL, "Anna@Example.org", GP_OK);
    (void)judge(&b, b.free, SENDER_MAIL, "anna+list@example.org", GP_OK);
    (void)judge(&b, b.free, SENDER_MAIL, "shop-noreply@example.org", GP_OK);
    struct sender_verdict v = judge(&b, b.free, SENDER_MAIL, "boss@example.org", GP_PERMFAIL);
    CHECK_IS(gp_from(v.rule), "identity.mail");
    CHECK(!v.ended && !v.unreadable && !v.rewritten);
    v = judge(&b, b.free, SENDER_FROM, "boss@example.org", GP_OK);
    CHECK(v.rewritten && !v.shadowed);
    CHECK_IS(gp_from(v.instead), "anna@example.org");
    v = judge(&b, b.free, SENDER_REPLY_TO, "boss@example.org", GP_OK);
    CHECK(!v.rewritten && !v.rule);
    (void)judge(&b, b.free, SENDER_REPLY_TO, "", GP_OK); /* unreadable, and nobody cares */
    CHECK(judge(&b, b.free, SENDER_SENDER, "", GP_PERMFAIL).unreadable);
    (void)judge(&b, b.free, SENDER_RESENT, "boss@example.org", GP_PERMFAIL);
    accounts_close(b.store);
}

TEST(a_plus_address_of_another_account_stays_its_own)
{
    struct bed b = bed_open();
    (void)judge(&b, b.free, SENDER_MAIL, "anna+bert@example.org", GP_PERMFAIL);
    (void)judge(&b, b.free, SENDER_MAIL, "anna+bertha@example.org", GP_OK);
    b.config.policy.identity.plus = false;
    (void)judge(&b, b.free, SENDER_MAIL, "anna+bertha@example.org", GP_PERMFAIL);
    accounts_close(b.store);
}

TEST(shadow_lets_through_what_it_says_and_off_does_not_look)
{
    struct bed b                  = bed_open();
    b.config.policy.identity.mode = POLICY_SHADOW;
    struct sender_verdict v       = judge(&b, b.free, SENDER_MAIL, "boss@example.org", GP_OK);
    CHECK(v.shadowed && v.why[0]);
    CHECK_IS(gp_from(v.rule), "identity.mail");
    b.config.policy.identity.rules[SENDER_FROM] = SENDER_REWRITE;
    v                                           = judge(&b, b.free, SENDER_FROM, "boss@example.org", GP_OK);
    CHECK(v.shadowed && !v.rewritten);
    b.config.policy.identity.mode = POLICY_OFF;
    v                             = judge(&b, b.free, SENDER_MAIL, "boss@example.org", GP_OK);
    CHECK(!v.shadowed && !v.rule);
    accounts_close(b.store);
}

TEST(a_credentials_own_list_holds_in_every_mode)
{
    static const enum policy_mode modes[] = { POLICY_OFF, POLICY_SHADOW, POLICY_ENFORCE };
    struct bed                    b       = bed_open();
    for (size_t i = 0; i < GP_COUNT(modes); i++) {
        b.config.policy.identity.mode = modes[i];
        (void)judge(&b, b.bound, SENDER_MAIL, "scans@example.org", GP_OK);
        (void)judge(&b, b.bound, SENDER_MAIL, "anna@example.org", GP_PERMFAIL);
        (void)judge(&b, b.bound, SENDER_FROM, "anna@example.org", GP_PERMFAIL);
    }
    (void)judge(&b, b.bound, SENDER_MAIL, "outside@example.net", GP_PERMFAIL); /* it narrows, and gives nothing */
    b.config.policy.identity.rules[SENDER_FROM] = SENDER_REWRITE;
    CHECK_IS(gp_from(judge(&b, b.bound, SENDER_FROM, "anna@example.org", GP_OK).instead), "scans@example.org");
    accounts_close(b.store);
}

TEST(nothing_is_rewritten_for_who_has_no_address_of_its_own)
{
    const char *why;
    struct bed  b                               = bed_open();
    b.config.policy.identity.rules[SENDER_FROM] = SENDER_REWRITE;
    CHECK(accounts_identity_remove(b.store, b.anna, GP_LIT("anna@example.org"), &why) == GP_OK);
    CHECK(accounts_identity_remove(b.store, b.anna, GP_LIT("scans@example.org"), &why) == GP_OK);
    (void)judge(&b, b.free, SENDER_FROM, "boss@example.org", GP_PERMFAIL);
    accounts_close(b.store);
}

TEST(who_is_out_sends_as_nobody)
{
    struct bed b = bed_open();
    CHECK(accounts_set_disabled(b.store, b.anna, true) == GP_OK);
    b.config.policy.identity.mode = POLICY_OFF;
    CHECK(judge(&b, b.free, SENDER_MAIL, "", GP_PERMFAIL).ended);
    CHECK(judge(&b, b.free, SENDER_REPLY_TO, "anna@example.org", GP_PERMFAIL).ended);
    accounts_close(b.store);
}

TEST(a_refusal_names_three_of_its_own)
{
    const char    *why;
    char           room[256], little[8];
    struct bed     b    = bed_open();
    struct gp_text text = GP_TEXT(room), small = GP_TEXT(little);
    CHECK(accounts_identity_add(b.store, b.anna, GP_LIT("m\xc3\xbcller@example.org"), &why) == GP_OK);
    CHECK(sender_put_own(b.store, b.anna, b.free, &text));
    CHECK_IS(gp_said(&text), "anna@example.org, scans@example.org, *-noreply@example.org and 1 more");
    text.len = 0;
    CHECK(sender_put_own(b.store, b.anna, b.bound, &text));
    CHECK_IS(gp_said(&text), "scans@example.org, outside@example.net");
    CHECK(!sender_put_own(b.store, b.anna, b.free, &small) && small.len == 0 && !small.cut);
    accounts_close(b.store);
}
