/* Places of accounts age and are bounded; bans are kept with a row of audit each. */
#include "store/places.h"

#include "store/test_bed.h"

static const gp_time day = (gp_time)24 * 3600 * 1000;

static struct place at(const char *text)
{
    struct place p;
    CHECK(place_read(gp_from(text), &p));
    return p;
}

static void note(struct accounts *a, int64_t account, const char *place, gp_time when)
{
    struct place_use use = { account, at(place), when };
    CHECK(places_note(a, &use, 1) == GP_OK);
}

struct seen {
    unsigned         count;
    struct place_use first;
};

static bool see(void *owner, const struct place_use *use)
{
    struct seen *s = owner;
    if (s->count++ == 0) s->first = *use;
    return true;
}

static struct seen places_seen(struct accounts *a, int64_t account, gp_time now)
{
    struct seen s = { .count = 0 };
    CHECK(places_of(a, account, now, see, &s) == GP_OK);
    return s;
}

/* The clock was a year ahead once: what was noted then drives out nobody, and ages as others do. */
TEST(places_of_a_wrong_clock_are_as_of_now)
{
    struct accounts *a    = open_fresh();
    int64_t          anna = account_of(a, "anna");
    gp_time          now  = 1000 * day;
    note(a, anna, "192.0.2.1", now + 365 * day);
    for (unsigned i = 0; i < PLACES_MOST; i++) {
        char address[PLACE_TEXT];
        (void)snprintf(address, sizeof address, "198.51.100.%u", i);
        note(a, anna, address, now + (gp_time)i);
    }
    note(a, anna, "203.0.113.1", now + 40);
    struct seen seen = places_seen(a, anna, now + 50);
    CHECK(seen.count == PLACES_MOST && seen.first.when == now + 40);
    CHECK(places_seen(a, anna, now + 91 * day).count == 0);
    accounts_close(a);
}

TEST(places_are_kept_by_account_and_age)
{
    struct accounts *a    = open_fresh();
    int64_t          anna = account_of(a, "anna"), bert = account_of(a, "bert");
    unsigned         guests;
    struct place     here = at("192.0.2.7");
    note(a, anna, "192.0.2.7", 100 * day);
    note(a, anna, "2001:db8::/64", 101 * day);
    note(a, anna, "192.0.2.7", 102 * day);
    note(a, bert, "192.0.2.7", 100 * day);
    note(a, 4711, "192.0.2.7", 100 * day); /* gone meanwhile */
    CHECK(places_seen(a, anna, 102 * day).count == 2 && places_seen(a, bert, 102 * day).count == 1);
    CHECK(places_seen(a, anna, 102 * day).first.when == 102 * day);
    CHECK(places_seen(a, anna, 192 * day).count == 1 && places_seen(a, anna, 193 * day).count == 0);
    CHECK(places_guests(a, &here, 102 * day, 10, &guests) == GP_OK && guests == 2);
    CHECK(places_guests(a, &here, 102 * day, 1, &guests) == GP_OK && guests == 1);
    CHECK(accounts_delete(a, bert) == GP_OK && places_seen(a, bert, 102 * day).count == 0);
    note(a, anna, "198.51.100.1", 192 * day);
    CHECK(places_seen(a, anna, 103 * day).count == 2); /* the one of day 101 went */
    accounts_close(a);
}

TEST(an_account_keeps_the_places_that_it_used_last)
{
    struct accounts *a    = open_fresh();
    int64_t          anna = account_of(a, "anna");
    for (int i = 0; i < PLACES_MOST + 8; i++) {
        char text[PLACE_TEXT];
        (void)snprintf(text, sizeof(text), "192.0.2.%d", i);
        note(a, anna, text, 1000 + i);
    }
    struct seen s = places_seen(a, anna, 2000);
    CHECK(s.count == PLACES_MOST && s.first.when == 1000 + PLACES_MOST + 7);
    accounts_close(a);
}

/* ---- bans ----------------------------------------------------------------------------------------------------------- */
struct list {
    unsigned        count;
    struct kept_ban bans[8];
};

static bool gather(void *owner, const struct kept_ban *ban)
{
    struct list *l = owner;
    CHECK(l->count < GP_COUNT(l->bans));
    l->bans[l->count++] = *ban;
    return true;
}

static struct list all_bans(struct accounts *a)
{
    struct list l = { .count = 0 };
    CHECK(kept_bans(a, gather, &l) == GP_OK);
    return l;
}

static void ban(struct accounts *a, const char *place, bool manual, gp_time until, gp_time now)
{
    struct kept_ban b = {
        .ban = {at(place), manual, now, until, 1},
          .reason = "guesses"
    };
    CHECK(kept_bans_add(a, &b, 1, now) == GP_OK);
}

static unsigned audited(struct accounts *a, const char *event)
{
    char                room[AUDIT_FILTER_ROOM];
    struct audit_row    row;
    unsigned            count  = 0;
    struct audit_filter filter = { .event = gp_from(event) };
    auto_rows           r      = audit_rows(accounts_database(a), &filter, room);
    while (audit_next(&r, &row) == GP_OK) count++;
    return count;
}

TEST(bans_are_kept_replaced_and_taken_back)
{
    struct accounts *a = open_fresh();
    struct place     p = at("10.0.0.0/8");
    ban(a, "10.0.0.0/8", true, 0, 5);
    ban(a, "192.0.2.7", false, 900, 5);
    ban(a, "192.0.2.7", false, 500, 6);
    struct list l = all_bans(a);
    CHECK(l.count == 2 && l.bans[0].ban.until == 500 && !l.bans[0].ban.manual && l.bans[0].ban.made == 6);
    CHECK(l.bans[1].ban.manual && place_same(&l.bans[1].ban.place, &p));
    CHECK_IS(gp_from(l.bans[1].reason), "guesses");
    CHECK(kept_ban_remove(a, &p, 7) == GP_OK && kept_ban_remove(a, &p, 8) == GP_PERMFAIL && all_bans(a).count == 1);
    CHECK(audited(a, "ban-added") == 3 && audited(a, "ban-removed") == 1);
    ban(a, "10.0.0.0/8", true, 0, 500 + (BANS_REMEMBER_DAYS + 1) * day);
    CHECK(all_bans(a).count == 1); /* the other one is forgotten */
    accounts_close(a);
}
