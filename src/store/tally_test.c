/* Counts by day: what is added comes together, ages out, and goes with its account. */
#include "store/tally.h"

#include "store/test_bed.h"

enum { DAY = 24 * 3600 * 1000, SUMS_MOST = 8 };

struct sums {
    size_t           count;
    struct tally_sum list[SUMS_MOST];
};

static bool gather(void *owner, const struct tally_sum *sum)
{
    struct sums *s = owner;
    CHECK(s->count < SUMS_MOST);
    s->list[s->count++] = *sum;
    return true;
}

static struct sums sums_since(struct accounts *a, int64_t day)
{
    struct sums s = { .count = 0 };
    CHECK(tally_each(a, day, gather, &s) == GP_OK);
    return s;
}

static struct tally one(const char *name, int64_t account, gp_time when, const char *example)
{
    struct tally t = { .kind = TALLY_SHADOW, .account = account, .count = 2, .first = when, .last = when + 5 };
    CHECK(gp_copy_z(gp_from(name), t.name, sizeof(t.name)) &&
          gp_copy_z(gp_from(example), t.example, sizeof(t.example)));
    return t;
}

static void add(struct accounts *a, struct tally t)
{
    CHECK(tally_add(a, &t, 1, t.last) == GP_OK);
}

TEST(days_of_one_counter_are_summed_and_the_latest_example_stays)
{
    struct accounts *a    = open_fresh();
    int64_t          anna = account_of(a, "anna");
    add(a, one("identity.from", anna, 10 * DAY, "first"));
    add(a, one("identity.from", anna, 10 * DAY + 100, "second"));
    add(a, one("identity.from", anna, 12 * DAY, "third"));
    add(a, one("limits.messages", anna, 12 * DAY, "other"));
    add(a, one("identity.from", 0, 12 * DAY, "nobody's"));
    struct sums s = sums_since(a, 0);
    CHECK(s.count == 3);
    CHECK(s.list[0].tally.account == 0 && s.list[0].account[0] == '\0' && s.list[0].tally.count == 2);
    CHECK(s.list[1].tally.count == 6 && s.list[1].tally.first == 10 * DAY && s.list[1].tally.last == 12 * DAY + 5);
    CHECK_IS(gp_from(s.list[1].account), "anna");
    CHECK_IS(gp_from(s.list[1].tally.example), "third");
    CHECK_IS(gp_from(s.list[2].tally.name), "limits.messages");
    accounts_close(a);
}

TEST(what_was_before_the_period_does_not_count)
{
    struct accounts *a = open_fresh();
    add(a, one("identity.from", 0, 10 * DAY, "early"));
    add(a, one("identity.from", 0, 12 * DAY, "late"));
    struct sums s = sums_since(a, 11);
    CHECK(s.count == 1 && s.list[0].tally.count == 2 && s.list[0].tally.first == 12 * DAY);
    CHECK(sums_since(a, 13).count == 0);
    accounts_close(a);
}

TEST(old_days_go_and_those_of_a_deleted_account_go_with_it)
{
    struct accounts *a    = open_fresh();
    int64_t          anna = account_of(a, "anna");
    add(a, one("identity.from", 0, 10 * DAY, "old"));
    add(a, one("identity.from", anna, 20 * DAY, "kept"));
    add(a, one("identity.from", 0, (gp_time)(11 + TALLY_DAYS) * DAY, "new"));
    struct sums s = sums_since(a, 0);
    CHECK(s.count == 2 && s.list[0].tally.count == 2 && s.list[1].tally.account == anna);
    CHECK(accounts_delete(a, anna) == GP_OK);
    CHECK(sums_since(a, 0).count == 1);
    accounts_close(a);
}

static bool stop_at_once(void *owner, const struct tally_sum *sum)
{
    (void)gather(owner, sum);
    return false;
}

TEST(a_reader_may_stop)
{
    struct accounts *a = open_fresh();
    struct sums      s = { .count = 0 };
    add(a, one("a", 0, 10 * DAY, ""));
    add(a, one("b", 0, 10 * DAY, ""));
    add(a, one("c", 0, 10 * DAY, ""));
    CHECK(tally_each(a, 0, stop_at_once, &s) == GP_OK && s.count == 1);
    accounts_close(a);
}

TEST(a_persons_examples_are_erased_and_the_counts_stay)
{
    struct accounts *a    = open_fresh();
    int64_t          anna = account_of(a, "anna");
    add(a, one("identity.from", anna, 10 * DAY, "from x@example.org"));
    add(a, one("identity.from", 0, 10 * DAY, "would refuse Bob@example.net"));
    add(a, one("limits.messages", 0, 12 * DAY, "another's"));
    CHECK(tally_erase(a, GP_LIT("anna"), 10 * DAY) == GP_OK);
    CHECK_IS(gp_from(sums_since(a, 0).list[1].tally.example), "from x@example.org");
    CHECK(tally_erase(a, GP_LIT("anna"), 0) == GP_OK && tally_erase(a, GP_LIT("bob@example.net"), 11 * DAY) == GP_OK);
    struct sums s = sums_since(a, 0);
    CHECK(s.count == 3 && s.list[0].tally.count == 2 && s.list[2].tally.count == 2);
    for (size_t i = 0; i < s.count; i++)
        CHECK_IS(gp_from(s.list[i].tally.example),
                 strcmp(s.list[i].tally.name, "limits.messages") == 0 ? "another's" : "");
    accounts_close(a);
}
