/* Recently verified passwords: bound to credential and password, bounded in time and number, gone when told. */
#include "vault/recent.h"

#include "check.h"

static gp_secret secret(const char *z)
{
    gp_str text = gp_from(z);
    return (gp_secret) { text.ptr, text.len };
}

static struct recent *open_it(void)
{
    bool           locked;
    struct recent *r = recent_open(&locked);
    assert_non_null(r);
    return r;
}

TEST(only_the_same_password_of_the_same_credential_is_known)
{
    struct recent *r = open_it();
    CHECK(!recent_has(r, 1, secret("right"), 0));
    recent_add(r, 1, secret("right"), 2);
    CHECK(recent_has(r, 1, secret("right"), 1));
    CHECK(!recent_has(r, 2, secret("right"), 1));
    CHECK(!recent_has(r, 1, secret("righ"), 1) && !recent_has(r, 1, secret("right!"), 1) &&
          !recent_has(r, 1, secret(""), 1));
    recent_close(r);
}

TEST(it_is_forgotten_in_time_and_when_told)
{
    struct recent *r = open_it();
    recent_add(r, 1, secret("right"), 1000 + RECENT_MS);
    CHECK(recent_has(r, 1, secret("right"), 1000 + RECENT_MS - 1));
    CHECK(!recent_has(r, 1, secret("right"), 1000 + RECENT_MS));
    recent_add(r, 1, secret("right"), 1000 + RECENT_MS);
    recent_clear(r);
    CHECK(!recent_has(r, 1, secret("right"), 1001));
    recent_close(r);
}

TEST(the_number_is_bounded_and_the_latest_stay)
{
    enum { ROOM = RECENT_SETS * RECENT_WAYS, MANY = 10 * ROOM };
    struct recent *r     = open_it();
    size_t         known = 0;
    for (int64_t i = 0; i < MANY; i++) recent_add(r, i, secret("right"), MANY + 1 + i);
    CHECK(recent_has(r, MANY - 1, secret("right"), MANY));
    for (int64_t i = 0; i < MANY; i++) known += recent_has(r, i, secret("right"), MANY);
    CHECK(known <= ROOM && known > RECENT_SETS);
    recent_close(r);
}

TEST(without_memory_nothing_is_known)
{
    recent_add(NULL, 1, secret("right"), 0);
    recent_clear(NULL);
    recent_close(NULL);
    CHECK(!recent_has(NULL, 1, secret("right"), 0));
}
