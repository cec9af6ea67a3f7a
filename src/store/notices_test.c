/* Each cause once, not more than so many a day, and until everybody has been told. */
#include "store/test_bed.h"

#include "store/notices.h"

enum { DAY_MS = 24 * 3600 * 1000, A_DAY = 3 };

static struct notice about(const char *cause, gp_time when)
{
    struct notice n = { .account = 1,
                        .when    = when,
                        .kind    = "limit",
                        .subject = "s",
                        .text    = "what happened",
                        .to      = "a@example.org b@example.org" };
    CHECK(gp_copy_z(gp_from(cause), n.cause, sizeof(n.cause)));
    return n;
}

TEST(a_cause_is_told_once)
{
    bool             over;
    struct accounts *a = open_fresh();
    struct notice    n = about("limit 1", 1000), read;
    CHECK(notice_add(a, &n, A_DAY, &over) == GP_OK);
    CHECK(notice_add(a, &n, A_DAY, &over) == GP_PERMFAIL && !over);
    CHECK(notice_next(a, 999, &read) == GP_PERMFAIL);
    CHECK(notice_next(a, 1000, &read) == GP_OK && read.attempts == 0);
    CHECK_IS(gp_from(read.text), "what happened");
    CHECK(notice_later(a, &read, 5000) == GP_OK && notice_next(a, 4999, &read) == GP_PERMFAIL);
    CHECK(notice_next(a, 5000, &read) == GP_OK && read.attempts == 1);
    CHECK(notice_told(a, &read, GP_LIT("a@example.org")) == GP_OK && notice_next(a, 5000, &read) == GP_OK);
    CHECK_IS(gp_from(read.to), "b@example.org");
    CHECK(notice_told(a, &read, GP_LIT("b@example.org")) == GP_OK);
    CHECK(notice_next(a, INT64_MAX, &read) == GP_PERMFAIL);
    n.when = 1000 + DAY_MS;
    CHECK(notice_add(a, &n, A_DAY, &over) == GP_PERMFAIL && !over); /* it is remembered */
    accounts_close(a);
}

TEST(a_day_has_so_many)
{
    static const char *const causes[] = { "1", "2", "3", "4" };
    bool                     over;
    struct accounts         *a = open_fresh();
    for (size_t i = 0; i < GP_COUNT(causes); i++) {
        struct notice n = about(causes[i], 1000);
        CHECK(notice_add(a, &n, A_DAY, &over) == (i < A_DAY ? GP_OK : GP_PERMFAIL) && over == (i == A_DAY));
    }
    struct notice n = about("4", 1000 + DAY_MS); /* it was not remembered: it can be told now */
    CHECK(notice_add(a, &n, A_DAY, &over) == GP_OK);
    accounts_close(a);
}

TEST(the_webhook_is_told_apart_from_the_mail)
{
    bool             over;
    const gp_time    day = DAY_MS;
    struct accounts *a   = open_fresh();
    struct notice    n = about("limit 1", 1000), m = about("limit 2", 2000), read;
    n.posts = true;
    CHECK(notice_add(a, &m, A_DAY, &over) == GP_OK && notice_to_post(a, &read) == GP_PERMFAIL);
    CHECK(notice_add(a, &n, A_DAY, &over) == GP_OK && notice_to_post(a, &read) == GP_OK);
    CHECK_IS(gp_from(read.cause), "limit 1");
    CHECK(notice_told(a, &read, GP_LIT("a@example.org")) == GP_OK);
    CHECK(notice_next(a, 1000, &read) == GP_OK && notice_told(a, &read, GP_LIT("b@example.org")) == GP_OK);
    CHECK(notice_to_post(a, &read) == GP_OK);
    CHECK_IS(gp_from(read.text), "what happened"); /* it is still needed */
    CHECK(notice_posted(a, &read) == GP_OK && notice_to_post(a, &read) == GP_PERMFAIL);
    n       = about("limit 3", 3000);
    n.posts = true;
    m       = about("limit 4", 3001 + NOTICES_POSTED_DAYS * day);
    CHECK(notice_add(a, &n, A_DAY, &over) == GP_OK && notice_to_post(a, &read) == GP_OK);
    CHECK(notice_add(a, &m, A_DAY, &over) == GP_OK && notice_to_post(a, &read) == GP_PERMFAIL); /* given up */
    accounts_close(a);
}
