/* Dates and spans: what they mean, and what is refused. */
#include "cli/when.h"

#include "check.h"

#define SECONDS(n) ((gp_time)(n)*1000)
#define DAYS(n)    SECONDS((gp_time)(n)*86400)
#define NOW        SECONDS(1798761600) /* 2027-01-01 */

/* clang-format off */
static const struct { const char *text; gp_time length; } spans[] = { /* 0: refused */
    { "1h", SECONDS(3600) }, { "90d", DAYS(90) }, { "6w", DAYS(42) }, { "1y", DAYS(365) }, { "100y", DAYS(36500) }, { "007d", DAYS(7) },
    { "", 0 }, { "d", 0 }, { "90", 0 }, { "0d", 0 }, { "-1d", 0 }, { "1 d", 0 }, { "1D", 0 }, { "1m", 0 }, { "101y", 0 }, { "1000000y", 0 },
    { "9999999999999999999d", 0 }, { "1.5d", 0 }, { "1dd", 0 },
};
static const struct { const char *text; gp_time when, since; } dates[] = { /* 0: refused */
    { "90d",                   NOW + DAYS(90),       NOW - DAYS(90)       },
    { "2027-01-01",            NOW + DAYS(1),        NOW                  },
    { "2026-12-31",            NOW,                  NOW - DAYS(1)        },
    { "2027-01-01T00:00",      NOW,                  NOW                  },
    { "2027-01-01T18:30",      NOW + SECONDS(66600), NOW + SECONDS(66600) },
    { "2027-01-01T18:30:07Z",  NOW + SECONDS(66607), NOW + SECONDS(66607) },
    { "2028-02-29",            NOW + DAYS(425),      NOW + DAYS(424)      },
    { "2027-02-29",            0, 0 }, /* is no leap year */
    { "2027-13-01",            0, 0 }, { "2027-00-01",       0, 0 }, { "2027-01-32",          0, 0 }, { "2027-1-1",          0, 0 },
    { "2027-01-01 18:30",      0, 0 }, { "2027-01-01T24:00", 0, 0 }, { "2027-01-01T18:60",    0, 0 }, { "2027-01-01T18",     0, 0 },
    { "2027-01-01T18:30+01",   0, 0 }, { "2027-01-01T",      0, 0 }, { "2027-01-01T18:30:60", 0, 0 }, { "2027-01-01T18:30ZZ", 0, 0 },
    { "31.12.2027",            0, 0 }, { "12/31/2027",       0, 0 }, { "tomorrow",            0, 0 }, { "1970-01-01",        0, 0 },
    { "10000-01-01",           0, 0 }, { "-",                0, 0 }, { "",                    0, 0 },
};
/* clang-format on */

TEST(spans_are_a_number_and_a_unit)
{
    for (size_t i = 0; i < GP_COUNT(spans); i++) {
        gp_time     length = 0;
        const char *why    = NULL;
        print_message("%s\n", spans[i].text);
        CHECK(span_read(gp_from(spans[i].text), &length, &why) == (spans[i].length != 0) && why);
        if (spans[i].length) CHECK(length == spans[i].length);
    }
}

TEST(dates_are_days_that_exist)
{
    for (size_t i = 0; i < GP_COUNT(dates); i++) {
        gp_time     when = 0, since = 0;
        const char *why = NULL;
        print_message("%s\n", dates[i].text);
        CHECK(when_read(gp_from(dates[i].text), NOW, &when, &why) == (dates[i].when != 0));
        CHECK(since_read(gp_from(dates[i].text), NOW, &since, &why) == (dates[i].when != 0));
        if (dates[i].when) CHECK(when == dates[i].when && since == dates[i].since);
    }
}

/* What is read is within what can be shown and kept. */
PROPERTY(a_moment_that_is_read_is_one_of_ours, bytes)
{
    gp_time     when = 0;
    const char *why  = NULL;
    if (when_read(bytes, NOW, &when, &why))
        CHECK(when > 0 && when < SECONDS(253402300801));
    else
        CHECK(why);
    if (span_read(bytes, &when, &why)) CHECK(when >= SECONDS(3600) && when <= DAYS(36500));
}
