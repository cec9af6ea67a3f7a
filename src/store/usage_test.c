/* What limits keep: usage comes back as it was, own limits are read as they were written, and recipients are known for a year. */
#include "store/usage.h"

#include "store/test_bed.h"

enum { DAY = 24 * 3600 * 1000 };

static void put(struct accounts *a, enum limit_scope scope, int64_t subject, const struct limit_usage *u)
{
    auto_transaction t = { 0 };
    CHECK(transaction_begin(&t, a->db) == GP_OK && usage_put(a, scope, subject, u) == GP_OK);
    CHECK(transaction_commit(&t) == GP_OK);
}

static void meet(struct accounts *a, int64_t account, int64_t digest, gp_time now)
{
    auto_transaction t = { 0 };
    CHECK(transaction_begin(&t, a->db) == GP_OK && usage_meet(a, account, digest, now) == GP_OK);
    CHECK(transaction_commit(&t) == GP_OK);
}

static struct limit_usage load(struct accounts *a, enum limit_scope scope, int64_t subject)
{
    struct limit_usage u;
    CHECK(usage_load(a, scope, subject, &u) == GP_OK);
    return u;
}

TEST(usage_comes_back_and_goes_when_it_says_nothing_any_more)
{
    struct accounts   *a = open_fresh();
    struct limit_usage u = { 0 }, none = { 0 }, back;
    u.things[LIMIT_OCTETS][RATES_MOST - 1] = (struct rate_state) { INT64_MAX / 2, 77 };
    u.things[LIMIT_MESSAGES][0]            = (struct rate_state) { (int64_t)5 * DAY * 1000, -1 };
    put(a, LIMIT_ACCOUNT, 7, &u);
    back = load(a, LIMIT_ACCOUNT, 7);
    CHECK(memcmp(&back, &u, sizeof u) == 0);
    back = load(a, LIMIT_CREDENTIAL, 7);
    CHECK(memcmp(&back, &none, sizeof u) == 0);
    u.things[LIMIT_OCTETS][RATES_MOST - 1].until = 0;
    put(a, LIMIT_ACCOUNT, 7, &u);
    CHECK(usage_age(a, 5 * (gp_time)DAY) == GP_OK);
    CHECK(load(a, LIMIT_ACCOUNT, 7).things[LIMIT_MESSAGES][0].until > 0);
    CHECK(usage_age(a, 5 * (gp_time)DAY + 2) == GP_OK);
    CHECK(load(a, LIMIT_ACCOUNT, 7).things[LIMIT_MESSAGES][0].until == 0);
    accounts_close(a);
}

static bool knows(struct accounts *a, int64_t account, int64_t digest, gp_time now, bool *stale)
{
    gp_status status = usage_knows(a, account, digest, now, stale);
    CHECK(status != GP_TEMPFAIL);
    return status == GP_OK;
}

TEST(recipients_are_known_to_the_account_that_wrote_to_them_for_a_year)
{
    struct accounts *a    = open_fresh();
    int64_t          anna = account_of(a, "anna"), bert = account_of(a, "bert");
    gp_time          now = 1000 * (gp_time)DAY;
    bool             stale;
    CHECK(!knows(a, anna, 5, now, &stale) && stale);
    meet(a, anna, 5, now);
    CHECK(knows(a, anna, 5, now, &stale) && !stale && !knows(a, bert, 5, now, &stale));
    CHECK(knows(a, anna, 5, now + 31 * (gp_time)DAY, &stale) && stale);
    CHECK(usage_age(a, now + 365 * (gp_time)DAY) == GP_OK && knows(a, anna, 5, now, &stale));
    CHECK(usage_age(a, now + 366 * (gp_time)DAY) == GP_OK && !knows(a, anna, 5, now, &stale));
    meet(a, 999, 5, now); /* no such account any more: nothing is kept of it */
    CHECK(!knows(a, 999, 5, now, &stale));
    meet(a, bert, 6, now);
    CHECK(accounts_delete(a, bert) == GP_OK && !knows(a, bert, 6, now, &stale));
    accounts_close(a);
}

TEST(of_too_many_recipients_the_oldest_are_forgotten)
{
    struct accounts *a    = open_fresh();
    int64_t          anna = account_of(a, "anna");
    bool             stale;
    auto_transaction t = { 0 };
    CHECK(transaction_begin(&t, a->db) == GP_OK);
    for (int i = 0; i < USAGE_KNOWN_MOST + 10; i++)
        CHECK(usage_meet(a, anna, i, (i < 10 ? 1 : 2) * (gp_time)DAY) == GP_OK);
    CHECK(transaction_commit(&t) == GP_OK && usage_age(a, 3 * DAY) == GP_OK);
    CHECK(!knows(a, anna, 9, 0, &stale) && knows(a, anna, 10, 0, &stale) &&
          knows(a, anna, USAGE_KNOWN_MOST + 9, 0, &stale));
    accounts_close(a);
}

static bool set(struct accounts *a, int64_t account, int64_t credential, const char *what, const char *value)
{
    const char *why    = NULL;
    gp_status   status = own_limit_set(a, account, credential, gp_from(what), gp_from(value), &why);
    CHECK(status == GP_OK || (status == GP_PERMFAIL && why));
    return status == GP_OK;
}

TEST(an_account_and_its_credentials_have_limits_of_their_own)
{
    struct accounts  *a    = open_fresh();
    int64_t           anna = account_of(a, "anna");
    const char       *why;
    struct own_limits own;
    CHECK(set(a, anna, 0, "recipients", " 10/hour burst 3,20/day") && set(a, anna, 0, "sessions", "4"));
    int64_t phone = subject_of_account(a, anna, CREDENTIAL_CERTIFICATE, "email:anna@example.org"),
            bert  = account_of(a, "bert");
    CHECK(phone && set(a, anna, phone, "messages", "none"));
    CHECK(!set(a, anna, 0, "recipients", "ten") && !set(a, anna, 0, "letters", "1/hour") &&
          !set(a, anna, 0, "sessions", "0"));
    CHECK(own_limits_load(a, anna, 0, &own) == GP_OK && own.has[LIMIT_RECIPIENTS] && !own.has[LIMIT_MESSAGES]);
    CHECK(own.has_sessions && own.sessions == 4 && own.rules.things[LIMIT_RECIPIENTS].count == 2);
    CHECK(own.rules.things[LIMIT_RECIPIENTS].list[0].burst == 3);
    CHECK(own_limits_load(a, anna, phone, &own) == GP_OK && own.has[LIMIT_MESSAGES] &&
          own.rules.things[LIMIT_MESSAGES].count == 0);
    /* The credential's are its own, whoever its owner acts for; the account's are not the other's. */
    CHECK(own_limits_load(a, bert, phone, &own) == GP_OK && own.has[LIMIT_MESSAGES]);
    CHECK(own_limits_load(a, bert, 0, &own) == GP_OK && !own.has[LIMIT_RECIPIENTS] && !own.has_sessions);
    CHECK(own_limit_clear(a, anna, 0, GP_LIT("octets"), &why) == GP_PERMFAIL);
    CHECK(own_limit_clear(a, anna, 0, GP_LIT("sessions"), &why) == GP_OK && own_limits_load(a, anna, 0, &own) == GP_OK);
    CHECK(!own.has_sessions && own.has[LIMIT_RECIPIENTS]);
    CHECK(own_limit_clear(a, anna, 0, GP_LIT(""), &why) == GP_OK && own_limits_load(a, anna, 0, &own) == GP_OK);
    CHECK(!own.has[LIMIT_RECIPIENTS]);
    accounts_close(a);
}
