/* The guard over a restart: a guesser gains nothing by it, and a clock that was wrong poisons nothing. */
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "policy/guard.h"

enum { KEPT_MOST = 4096 };
#define NOW  ((gp_time)5000)
#define HOUR ((gp_time)3600 * 1000)

struct kept {
    struct guard_count list[KEPT_MOST];
    size_t             count;
};

static struct guard *fresh(const char *key)
{
    struct guard_plan plan = { .per_account = 60, .per_place = 60, .slowest = 5000 };
    memcpy(plan.key, key, strlen(key));
    struct guard *g = guard_open(&plan);
    assert_non_null(g);
    return g;
}

static struct guard_try try_from(struct guard *g, const char *name, const char *address, uint64_t secret)
{
    struct guard_try t = { .tier = GUARD_STRANGE, .account = guard_name(g, gp_from(name)) };
    CHECK(place_read(gp_from(address), &t.place));
    t.secret = guard_secret(g, &t, (gp_secret) { (const char *)&secret, sizeof secret });
    return t;
}

static unsigned guess(struct guard *g, const char *name, const char *address, unsigned most, gp_time now)
{
    unsigned looked = 0;
    for (unsigned i = 0; i < most; i++) {
        struct guard_try t = try_from(g, name, address, i + 1);
        (void)guard_delay(g, &t, now);
        if (guard_ask(g, &t, now).word != GUARD_PASS) continue;
        (void)guard_settle(g, &t, GUARD_WRONG, now);
        looked++;
    }
    return looked;
}

static gp_status keep(void *owner, const struct guard_count *c)
{
    struct kept *k = owner;
    CHECK(k->count < KEPT_MOST);
    k->list[k->count++] = *c;
    return GP_OK;
}

static void restore(struct guard *g, const struct kept *k, gp_time late, gp_time now)
{
    for (size_t i = 0; i < k->count; i++) {
        struct guard_count c = k->list[i];
        c.left -= late;
        guard_restore(g, &c, now);
    }
}

TEST(a_restart_gives_no_guess_back)
{
    struct kept   k = { .count = 0 };
    struct guard *g = fresh("one key");
    CHECK(guess(g, "anna", "192.0.2.1", 100, NOW) == GUARD_PAIR);
    CHECK(guard_changes(g, NOW, keep, &k) == GP_OK && k.count > 0);
    CHECK(guard_has_changes(g));
    guard_kept(g);
    CHECK(!guard_has_changes(g));
    size_t before = k.count;
    CHECK(guard_changes(g, NOW, keep, &k) == GP_OK && k.count == before); /* each once */
    CHECK(guess(g, "bert", "192.0.2.1", 3, NOW) == 3);
    CHECK(guard_changes(g, NOW, keep, &k) == GP_OK && k.count > before);
    guard_close(g);
    static const gp_time clocks[] = { 1, NOW, 1000 * HOUR }; /* that of another boot */
    for (size_t i = 0; i < GP_COUNT(clocks); i++) {
        g = fresh("one key");
        restore(g, &k, 0, clocks[i]);
        CHECK(guess(g, "anna", "192.0.2.1", 100, clocks[i]) == 0);
        struct guard_try t = try_from(g, "carl", "192.0.2.1", 1);
        CHECK(guard_delay(g, &t, clocks[i]) > 0); /* still slow */
        CHECK(guess(g, "anna", "198.51.100.1", 1, clocks[i]) == 1);
        CHECK(guess(g, "anna", "192.0.2.1", 100, clocks[i] + 13 * HOUR) > 0);
        guard_close(g);
    }
}

TEST(what_came_back_meanwhile_is_there_again)
{
    struct kept   k = { .count = 0 };
    struct guard *g = fresh("one key");
    CHECK(guess(g, "anna", "192.0.2.1", 100, NOW) == GUARD_PAIR);
    CHECK(guard_changes(g, NOW, keep, &k) == GP_OK);
    guard_close(g);
    g = fresh("one key");
    restore(g, &k, 6 * HOUR, NOW);
    unsigned half = guess(g, "anna", "192.0.2.1", 100, NOW);
    CHECK(half >= GUARD_PAIR / 2 - 1 && half <= GUARD_PAIR / 2 + 1);
    guard_close(g);
}

TEST(another_key_and_rubbish_are_left_out)
{
    static const struct guard_count rubbish[] = {
        {0,           UINT64_MAX, 7, HOUR },
        { 99,         0,          7, HOUR },
        { UINT64_MAX, 0,          7, HOUR },
        { 6,          1,          7, HOUR },
        { 0,          0,          7, -HOUR},
        { 0,          0,          1, HOUR }, /* it stands in another set */
    };
    struct kept   k = { .count = 0 };
    struct guard *g = fresh("one key");
    CHECK(guess(g, "anna", "192.0.2.1", 100, NOW) == GUARD_PAIR && guard_changes(g, NOW, keep, &k) == GP_OK);
    guard_close(g);
    g = fresh("another");
    restore(g, &k, 0, NOW);
    for (size_t i = 0; i < GP_COUNT(rubbish); i++) guard_restore(g, &rubbish[i], NOW);
    CHECK(guess(g, "anna", "192.0.2.1", 100, NOW) == GUARD_PAIR);
    guard_close(g);
}

/* It was kept while the clock was a year ahead. */
TEST(a_clock_that_was_ahead_poisons_no_count)
{
    struct kept   k = { .count = 0 };
    struct guard *g = fresh("one key");
    CHECK(guess(g, "anna", "192.0.2.1", 100, NOW) == GUARD_PAIR && guard_changes(g, NOW, keep, &k) == GP_OK);
    guard_close(g);
    g = fresh("one key");
    restore(g, &k, -365 * 24 * HOUR, NOW);
    CHECK(guess(g, "anna", "192.0.2.1", 100, NOW) == 0);
    CHECK(guess(g, "anna", "192.0.2.1", 100, NOW + 12 * HOUR) == GUARD_PAIR);
    guard_close(g);
}

static gp_status count_one(void *owner, const struct guard_count *c)
{
    size_t *count = owner;
    (void)c;
    ++*count;
    return GP_OK;
}

/* A flood changes more than are kept at a time; the rest is kept when it changes once more. */
TEST(a_flood_of_changes_is_bounded)
{
    enum { MOST = 8192, ADDRESSES = 20000 };
    char          address[32];
    size_t        count = 0;
    struct guard *g     = fresh("one key");
    for (unsigned i = 0; i < ADDRESSES; i++) {
        (void)snprintf(address, sizeof address, "10.0.%u.%u", i / 256, i % 256);
        (void)guess(g, "anna", address, 1, NOW);
    }
    CHECK(guard_changes(g, NOW, count_one, &count) == GP_OK && count == MOST);
    guard_kept(g);
    count = 0;
    CHECK(guard_changes(g, NOW, count_one, &count) == GP_OK && count == 0);
    guard_close(g);
}
