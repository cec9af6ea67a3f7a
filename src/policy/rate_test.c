/* Rates under a virtual clock, and as words. */
#include "check.h"

#include "policy/rate.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR };
#define NOW ((gp_time)1764000000000)

static struct rates read_rates(const char *text)
{
    struct rates r;
    const char  *why = "";
    if (!rates_read(gp_from(text), &r, &why)) fail_msg("%s: %s", text, why);
    return r;
}

static struct rate one(const char *text)
{
    return read_rates(text).list[0];
}

/* How many of one each went through of `tries` at even distances. */
static unsigned passed(const struct rate *r, struct rate_state *s, gp_time from, gp_time to, unsigned tries)
{
    unsigned count = 0;
    for (unsigned i = 0; i < tries; i++) {
        gp_time now = from + (to - from) * i / tries;
        if (rate_wait(r, s, 1, now) != 0) continue;
        rate_charge(r, s, 1, now);
        count++;
    }
    return count;
}

TEST(at_once_goes_the_burst_and_then_as_much_as_the_rate)
{
    struct rate       r = one("100/hour burst 30");
    struct rate_state s = { 0, 0 };
    CHECK(passed(&r, &s, NOW, NOW, 1000) == 30);
    CHECK(rate_left(&r, &s, NOW) == 0 && rate_used(&r, &s, NOW) == 30);
    CHECK(rate_wait(&r, &s, 1, NOW) == HOUR / 100);
    CHECK(passed(&r, &s, NOW, NOW + HOUR, 10000) == 99);
    CHECK(rate_wait(&r, &s, 30, NOW + DAY) == 0);
    CHECK(passed(&r, &s, NOW + DAY, NOW + DAY, 100) == 30);
}

TEST(without_a_burst_all_of_it_may_come_at_once)
{
    struct rate       r = one("5/day");
    struct rate_state s = { 0, 0 };
    CHECK(rate_wait(&r, &s, 5, NOW) == 0);
    rate_charge(&r, &s, 5, NOW);
    CHECK(rate_wait(&r, &s, 1, NOW) == DAY / 5 && rate_wait(&r, &s, 5, NOW) == DAY);
    CHECK(rate_wait(&r, &s, 6, NOW) == -1); /* never */
}

/* At rates whose unit is worth less than a microsecond and at the largest that may be said: no sum overflows, none is lost. */
TEST(the_largest_and_the_smallest_rates_count_right)
{
    struct rate       fast = one("1024G/minute"), slow = one("1/day"), octets = one("10G/day");
    struct rate_state s = { 0, 0 };
    CHECK(fast.count == RATE_COUNT_MOST && rate_left(&fast, &s, NOW) == RATE_COUNT_MOST);
    rate_charge(&fast, &s, RATE_COUNT_MOST, NOW);
    CHECK(rate_wait(&fast, &s, 1, NOW) <= 1 && rate_wait(&fast, &s, RATE_COUNT_MOST, NOW) == MINUTE);
    s = (struct rate_state) { 0, 0 };
    rate_charge(&slow, &s, 1, NOW);
    CHECK(rate_wait(&slow, &s, 1, NOW + DAY - 1) == 1 && rate_wait(&slow, &s, 1, NOW + DAY) == 0);
    s = (struct rate_state) { 0, 0 };
    for (int i = 0; i < 1024; i++) rate_charge(&octets, &s, 10 << 20, NOW);
    CHECK(rate_left(&octets, &s, NOW) < 4096 && rate_wait(&octets, &s, 10 << 20, NOW) > 0);
}

TEST(a_clock_that_goes_back_locks_nobody_out)
{
    struct rate       r = one("10/hour");
    struct rate_state s = { 0, 0 };
    rate_charge(&r, &s, 10, NOW + 365LL * DAY);
    CHECK(rate_wait(&r, &s, 1, NOW) == HOUR / 10); /* as if it had been used up now */
    CHECK(!rate_warns(&(struct rate) { 0 }, &s, NOW));
}

TEST(four_fifths_are_warned_of_once_a_period)
{
    struct rate       r = one("10/hour");
    struct rate_state s = { 0, 0 };
    rate_charge(&r, &s, 7, NOW);
    CHECK(!rate_warns(&r, &s, NOW));
    rate_charge(&r, &s, 1, NOW);
    CHECK(rate_warns(&r, &s, NOW) && !rate_warns(&r, &s, NOW));
    rate_charge(&r, &s, 2, NOW);
    CHECK(!rate_warns(&r, &s, NOW + 1));
    rate_charge(&r, &s, 10, NOW + HOUR);
    CHECK(rate_warns(&r, &s, NOW + HOUR));
}

TEST(words_are_read_and_written_back)
{
    static const struct {
        const char *text, *back; /* back NULL: it is none */
    } cases[] = {
        {"100/hour",                                "100/hour"                         },
        { " 100/hour  burst 30 , 500/DAY",          "100/hour burst 30, 500/day"       },
        { "10g/day",                                "10G/day"                          },
        { "2048/minute burst 4k",                   "2K/minute burst 4K"               },
        { "none",                                   "none"                             },
        { "1/minute,2/minute,3/hour,4/day",         "1/minute, 2/minute, 3/hour, 4/day"},
        { "",                                       NULL                               },
        { "0/hour",                                 NULL                               },
        { "100",                                    NULL                               },
        { "100/week",                               NULL                               },
        { "-1/hour",                                NULL                               },
        { "1/hour burst",                           NULL                               },
        { "1/hour burst 0",                         NULL                               },
        { "1/hour burst 2 3",                       NULL                               },
        { "1/hour,",                                NULL                               },
        { "1025G/hour",                             NULL                               },
        { "99999999999999999999/hour",              NULL                               },
        { "1/hour, 1/hour, 1/hour, 1/hour, 1/hour", NULL                               },
        { "none, 1/hour",                           NULL                               },
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        char           room[256];
        struct gp_text out = GP_TEXT(room);
        struct rates   r;
        const char    *why = NULL;
        bool           ok  = rates_read(gp_from(cases[i].text), &r, &why);
        if (ok != (cases[i].back != NULL)) fail_msg("%s", cases[i].text);
        CHECK(ok || why);
        if (!ok) continue;
        rates_put(&out, &r);
        CHECK_IS(gp_said(&out), cases[i].back);
    }
}

TEST(a_wait_is_said_in_words)
{
    static const struct {
        gp_time     ms;
        const char *text;
    } cases[] = {
        {0,                "1 second"   },
        { 1500,            "2 seconds"  },
        { 90 * SECOND,     "90 seconds" },
        { 11 * MINUTE + 1, "12 minutes" },
        { 2 * HOUR,        "120 minutes"},
        { 5 * HOUR,        "5 hours"    },
        { 3LL * DAY,       "3 days"     },
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        char           room[32];
        struct gp_text out = GP_TEXT(room);
        wait_put(&out, cases[i].ms);
        CHECK_IS(gp_said(&out), cases[i].text);
    }
}

PROPERTY(any_rates_are_refused_or_read_back_the_same, bytes)
{
    char           room[RATES_MOST * RATE_TEXT * 2], again_room[sizeof room];
    struct gp_text out = GP_TEXT(room), again = GP_TEXT(again_room);
    struct rates   r;
    const char    *why = NULL;
    if (!rates_read(bytes, &r, &why)) {
        CHECK(why);
        return;
    }
    rates_put(&out, &r);
    CHECK(!out.cut && rates_read(gp_said(&out), &r, &why));
    rates_put(&again, &r);
    CHECK_SAME(gp_said(&again), gp_said(&out));
}
