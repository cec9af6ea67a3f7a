/* Limits, asked as smtpd asks: what they refuse and charge, across a restart, in shadow, and for sessions that are open. */
#include "vault/test_bed.h"

#include "store/usage.h"

static struct rates rates_of(const char *text)
{
    struct rates r;
    const char  *why = "";
    CHECK(rates_read(gp_from(text), &r, &why));
    return r;
}

static void limit(struct bed *b, enum limit_scope scope, enum limit_thing thing, const char *rates)
{
    b->config.policy.limits.mode                        = POLICY_ENFORCE;
    b->config.policy.limits.scopes[scope].things[thing] = rates_of(rates);
}

static struct bed *open_with_anna(void)
{
    struct bed *b = bed_open();
    bed_account(b, "anna", BED_GENERATED, false);
    return b;
}

static const struct msg_submitted *submit(struct bed *b, const char *recipients, uint64_t size)
{
    struct msg m = MSG(SUBMIT);
    m.submit     = (struct msg_submit) { .session    = 1,
                                         .account    = 1,
                                         .credential = 1,
                                         .size       = size,
                                         .sender     = GP_LIT("anna@example.org"),
                                         .peer       = GP_LIT("192.0.2.1"),
                                         .recipients = gp_from(recipients) };
    bed_ask(b, b->smtpd, &m);
    return &b->answer.submitted;
}

static const struct msg_permission *mail(struct bed *b, uint64_t session)
{
    struct msg m = MSG(MAY_SEND);
    m.may_send   = (struct msg_may_send) { .session    = session,
                                           .account    = 1,
                                           .credential = 1,
                                           .sender     = GP_LIT("anna@example.org"),
                                           .peer       = GP_LIT("192.0.2.1") };
    bed_ask(b, b->smtpd, &m);
    return &b->answer.permission;
}

#define TWO   "bob@example.net\t\neve@example.net\t\n"
#define THREE TWO "mallory@example.net\t\n"

TEST(what_is_over_a_limit_is_put_off_and_charges_nothing)
{
    struct bed *b = open_with_anna();
    limit(b, LIMIT_ACCOUNT, LIMIT_RECIPIENTS, "5/hour");
    CHECK(mail(b, 1)->recipients == 5 && submit(b, THREE, 10)->status == GP_OK);
    CHECK(mail(b, 1)->recipients == 2);
    CHECK(mail(b, 1)->recipients == 2);
    CHECK(submit(b, THREE, 10)->status == GP_TEMPFAIL && b->answer.submitted.code == 452);
    CHECK_IS(bed_text(b), "too many recipients for this account, try again in 12 minutes");
    CHECK(submit(b, TWO, 10)->status == GP_OK);
    CHECK(mail(b, 1)->status == GP_TEMPFAIL && b->answer.permission.code == 452);
    CHECK_IS(bed_text(b), "over a limit: recipients of the account: 5/hour, 5 used, 1 asked for");
    bed_close(b);
}

TEST(every_scope_counts)
{
    static const enum limit_scope scopes[] = { LIMIT_CREDENTIAL, LIMIT_ADDRESS, LIMIT_NETWORK, LIMIT_SERVER };
    for (size_t i = 0; i < GP_COUNT(scopes); i++) {
        struct bed *b = open_with_anna();
        limit(b, scopes[i], LIMIT_MESSAGES, "2/day");
        CHECK(submit(b, TWO, 10)->status == GP_OK && submit(b, TWO, 10)->status == GP_OK);
        CHECK(submit(b, TWO, 10)->status == GP_TEMPFAIL && b->answer.submitted.code == 451);
        bed_close(b);
    }
}

static gp_status submit_at(struct bed *b, const char *peer)
{
    struct msg m = MSG(SUBMIT);
    m.submit     = (struct msg_submit) { .account    = 1,
                                         .credential = 1,
                                         .sender     = GP_LIT("anna@example.org"),
                                         .peer       = gp_from(peer),
                                         .recipients = GP_LIT("bob@example.net\t\n") };
    bed_ask(b, b->smtpd, &m);
    return (gp_status)b->answer.submitted.status;
}

TEST(a_network_is_a_24_or_a_48)
{
    static const struct {
        const char *first, *second;
        bool        same;
    } pairs[] = {
        {"192.0.2.1",        "192.0.2.200",        true },
        { "192.0.2.1",       "192.0.3.1",          false},
        { "192.0.2.1",       "::ffff:192.0.2.9",   true },
        { "2001:db8:1:1::1", "2001:db8:1:ffff::1", true },
        { "2001:db8:1::1",   "2001:db8:2::1",      false},
    };
    for (size_t i = 0; i < GP_COUNT(pairs); i++) {
        struct bed *b = open_with_anna();
        limit(b, LIMIT_NETWORK, LIMIT_MESSAGES, "1/day");
        CHECK(submit_at(b, pairs[i].first) == GP_OK);
        CHECK(submit_at(b, pairs[i].second) == (pairs[i].same ? GP_TEMPFAIL : GP_OK));
        bed_close(b);
    }
}

/* ---- acting for others --------------------------------------------------------------------------------------------------------- */
/* With anna's credential, in the name of that account. */
static gp_status submit_for(struct bed *b, uint64_t account, const char *recipients)
{
    struct msg m = MSG(SUBMIT);
    m.submit     = (struct msg_submit) { .account    = account,
                                         .credential = 1,
                                         .sender     = GP_LIT("bert@example.org"),
                                         .peer       = GP_LIT("192.0.2.1"),
                                         .recipients = gp_from(recipients) };
    bed_ask(b, b->smtpd, &m);
    return (gp_status)b->answer.submitted.status;
}

static struct bed *open_with_three(void)
{
    struct bed *b = open_with_anna();
    bed_account(b, "bert", BED_GENERATED, false);
    bed_account(b, "carl", BED_GENERATED, false);
    bed_may_act(b, 1, 2);
    bed_may_act(b, 1, 3);
    return b;
}

TEST(who_acts_for_many_sends_no_more_than_for_himself)
{
    static const struct {
        uint64_t accounts[6];
        size_t   may;
    } orders[] = {
        {{ 2, 2, 2, 2, 3, 3 },  3}, /* each account's own limit is the same */
        { { 2, 3, 1, 2, 3, 1 }, 3},
        { { 2, 3, 2, 3, 2, 3 }, 3},
        { { 1, 1, 1, 2, 3, 2 }, 3},
    };
    for (size_t i = 0; i < GP_COUNT(orders); i++) {
        struct bed *b = open_with_three();
        limit(b, LIMIT_ACCOUNT, LIMIT_MESSAGES, "3/day");
        for (size_t n = 0; n < GP_COUNT(orders[i].accounts); n++)
            CHECK(submit_for(b, orders[i].accounts[n], TWO) == (n < orders[i].may ? GP_OK : GP_TEMPFAIL));
        bed_close(b);
    }
}

TEST(the_owners_own_limit_stands_in_its_name)
{
    const char      *why;
    struct bed      *b = open_with_three();
    struct accounts *a = bed_store(b);
    limit(b, LIMIT_ACCOUNT, LIMIT_RECIPIENTS, "100/day");
    CHECK(own_limit_set(a, 1, 0, GP_LIT("recipients"), GP_LIT("5/day"), &why) == GP_OK);
    accounts_close(a);
    CHECK(submit_for(b, 2, THREE) == GP_OK && submit_for(b, 3, TWO) == GP_OK && submit_for(b, 3, TWO) == GP_TEMPFAIL);
    CHECK(gp_starts(bed_text(b), "too many recipients for the account that you signed in with, try again in"));
    CHECK(b->answer.submitted.code == 452);
    CHECK(submit_for(b, 1, TWO) == GP_TEMPFAIL);
    meters_write(b->vault);
    meters_close(b->vault); /* another life */
    CHECK(submit_for(b, 2, TWO) == GP_TEMPFAIL);
    bed_close(b);
}

static const struct msg_permission *mail_of(struct bed *b, uint64_t size)
{
    struct msg m = MSG(MAY_SEND);
    m.may_send   = (struct msg_may_send) { .session    = 1,
                                           .account    = 1,
                                           .credential = 1,
                                           .size       = size,
                                           .sender     = GP_LIT("anna@example.org"),
                                           .peer       = GP_LIT("192.0.2.1") };
    bed_ask(b, b->smtpd, &m);
    return &b->answer.permission;
}

TEST(a_size_that_is_declared_is_held_against_the_octets_before_the_body)
{
    static const struct {
        uint64_t  size;
        gp_status status;
        unsigned  code;
    } rows[] = {
        {0,          GP_OK,       0  }, /* not declared */
        { 4096,      GP_OK,       0  },
        { 4097,      GP_TEMPFAIL, 452},
        { 10240,     GP_TEMPFAIL, 452},
        { 10241,     GP_PERMFAIL, 552},
        { INT64_MAX, GP_PERMFAIL, 552},
    };
    struct bed *b = open_with_anna();
    limit(b, LIMIT_ACCOUNT, LIMIT_OCTETS, "10K/day");
    CHECK(submit(b, TWO, 6144)->status == GP_OK);
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        const struct msg_permission *said = mail_of(b, rows[i].size);
        CHECK(said->status == rows[i].status && said->code == rows[i].code);
    }
    CHECK(submit(b, TWO, 4096)->status == GP_OK); /* asking has charged nothing */
    bed_close(b);
}

TEST(what_can_never_be_sent_is_refused_for_good)
{
    struct bed *b = open_with_anna();
    limit(b, LIMIT_ACCOUNT, LIMIT_OCTETS, "10K/day");
    CHECK(submit(b, TWO, 10241)->status == GP_PERMFAIL && b->answer.submitted.code == 552);
    CHECK(submit(b, TWO, 10240)->status == GP_OK);
    bed_close(b);
}

TEST(only_recipients_never_written_to_are_new)
{
    struct bed *b = open_with_anna();
    limit(b, LIMIT_ACCOUNT, LIMIT_NEW_RECIPIENTS, "3/day");
    CHECK(submit(b, TWO, 10)->status == GP_OK && submit(b, THREE, 10)->status == GP_OK);
    for (int i = 0; i < 5; i++) CHECK(submit(b, "BOB@example.NET\t\n", 10)->status == GP_OK);
    meters_write(b->vault);
    CHECK(submit(b, THREE, 10)->status == GP_OK);
    CHECK(submit(b, "new@example.net\t\n", 10)->status == GP_TEMPFAIL && b->answer.submitted.code == 452);
    bed_close(b);
}

TEST(shadow_lets_through_and_notes)
{
    struct bed *b = open_with_anna();
    limit(b, LIMIT_ACCOUNT, LIMIT_MESSAGES, "1/day");
    b->config.policy.limits.mode = POLICY_SHADOW;
    CHECK(submit(b, TWO, 10)->status == GP_OK && b->vault->tallies.count == 0);
    CHECK(mail(b, 1)->status == GP_OK && submit(b, TWO, 10)->status == GP_OK);
    CHECK(b->vault->tallies.count == 1);
    CHECK_IS(gp_from(b->vault->tallies.list[0].name), "limits.account.messages");
    bed_close(b);
}

TEST(an_accounts_own_limit_is_in_force_at_once)
{
    struct bed      *b = open_with_anna();
    const char      *why;
    struct accounts *a = bed_store(b);
    limit(b, LIMIT_ACCOUNT, LIMIT_MESSAGES, "1/day");
    CHECK(submit(b, TWO, 10)->status == GP_OK && submit(b, TWO, 10)->status == GP_TEMPFAIL);
    CHECK(own_limit_set(a, 1, 0, GP_LIT("messages"), GP_LIT("none"), &why) == GP_OK);
    vault_look_anew(b->vault);
    CHECK(submit(b, TWO, 10)->status == GP_OK);
    CHECK(own_limit_set(a, 1, 1, GP_LIT("recipients"), GP_LIT("1/day"), &why) == GP_OK);
    vault_look_anew(b->vault);
    CHECK(submit(b, TWO, 10)->status == GP_PERMFAIL);
    accounts_close(a);
    bed_close(b);
}

TEST(what_was_used_is_still_used_in_another_life)
{
    struct bed *b = open_with_anna();
    limit(b, LIMIT_ACCOUNT, LIMIT_MESSAGES, "1/day");
    CHECK(submit(b, TWO, 10)->status == GP_OK);
    meters_write(b->vault);
    meters_close(b->vault); /* what memory has is gone */
    CHECK(submit(b, TWO, 10)->status == GP_TEMPFAIL);
    bed_close(b);
}

/* ---- sessions ------------------------------------------------------------------------------------------------------------------- */
static void sign_in(struct bed *b, uint64_t session)
{
    struct signin s = {
        .peer = &b->vault->smtpds[0], .session = session, .acting = 1, .account = 1, .found = { .id = 1 }
    };
    session_opened(&s);
}

static void sign_off(struct bed *b, uint64_t session)
{
    session_forget(&b->vault->smtpds[0], session);
}

TEST(a_session_too_many_is_noted_in_shadow)
{
    struct bed *b = open_with_anna();
    limit(b, LIMIT_SERVER, LIMIT_MESSAGES, "1000/day");
    b->config.policy.limits.mode     = POLICY_SHADOW;
    b->config.policy.limits.sessions = 1;
    sign_in(b, 2);
    sign_in(b, 1);
    CHECK(submit(b, TWO, 10)->status == GP_OK && b->vault->tallies.count == 1);
    CHECK_IS(gp_from(b->vault->tallies.list[0].name), "limits.account.sessions");
    sign_off(b, 2);
    CHECK(submit(b, TWO, 10)->status == GP_OK && b->vault->tallies.list[0].count == 1);
    bed_close(b);
}

TEST(a_credential_may_have_fewer_sessions_than_its_account)
{
    const char      *why;
    struct bed      *b = open_with_anna();
    struct accounts *a = bed_store(b);
    limit(b, LIMIT_SERVER, LIMIT_MESSAGES, "1000/day");
    for (uint64_t i = 1; i <= 2; i++) sign_in(b, i);
    CHECK(own_limit_set(a, 1, 1, GP_LIT("sessions"), GP_LIT("2"), &why) == GP_OK);
    CHECK(mail(b, 1)->status == GP_OK && mail(b, 2)->status == GP_OK);
    sign_in(b, 3); /* those that were open count, too */
    CHECK(mail(b, 3)->status == GP_TEMPFAIL && b->answer.permission.code == 451);
    CHECK_IS(bed_text(b), "over a limit: sessions of the credential");
    struct signin other = {
        .peer = &b->vault->smtpds[0], .session = 4, .acting = 1, .account = 1, .found = { .id = 2 }
    };
    session_opened(&other);
    CHECK(session_may_send(&b->vault->smtpds[0], 4) == SESSION_FITS);
    sign_off(b, 1);
    CHECK(mail(b, 3)->status == GP_OK);
    for (uint64_t i = 0; i < 3; i++) { /* each in its turn, counted on from what was known */
        sign_in(b, 10 + i);
        CHECK(mail(b, 10 + i)->status == GP_TEMPFAIL);
        sign_off(b, i ? 9 + i : 2);
        CHECK(mail(b, 10 + i)->status == GP_OK);
    }
    CHECK(mail(b, 3)->status == GP_OK);
    b->config.policy.limits.mode = POLICY_SHADOW;
    sign_in(b, 1);
    CHECK(submit(b, TWO, 10)->status == GP_OK && b->vault->tallies.count == 1);
    CHECK_IS(gp_from(b->vault->tallies.list[0].name), "limits.credential.sessions");
    CHECK(own_limit_clear(a, 1, 1, GP_LIT("sessions"), &why) == GP_OK);
    accounts_close(a);
    CHECK(submit(b, TWO, 10)->status == GP_OK && b->vault->tallies.list[0].count == 1);
    bed_close(b);
}

TEST(a_session_too_many_sends_when_another_has_ended)
{
    struct bed *b = open_with_anna();
    limit(b, LIMIT_SERVER, LIMIT_MESSAGES, "1000/day");
    b->config.policy.limits.sessions = 2;
    for (uint64_t i = 1; i <= 3; i++) sign_in(b, i);
    CHECK(mail(b, 1)->status == GP_OK && mail(b, 2)->status == GP_OK);
    CHECK(mail(b, 3)->status == GP_TEMPFAIL && b->answer.permission.code == 451);
    sign_off(b, 1);
    CHECK(mail(b, 3)->status == GP_OK);
    sign_in(b, 4);
    CHECK(mail(b, 4)->status == GP_TEMPFAIL);
    sign_off(b, 4);
    sign_off(b, 4);
    sign_off(b, 2);
    sign_in(b, 5);
    CHECK(mail(b, 5)->status == GP_OK && b->vault->sessions.count == 2);
    sessions_drop_peer(&b->vault->smtpds[0]);
    CHECK(b->vault->sessions.count == 0);
    bed_close(b);
}
