/* Dates and spans of time, read strictly: a date that does not exist is refused, not moved. */
#include "cli/when.h"

#include <string.h>
#include <time.h>

enum { SECOND = 1000, YEAR_DAYS = 365, YEARS_MOST = 100, NUMBER_MOST = 1000000 };
#define HOUR ((gp_time)3600 * SECOND)
#define DAY  (24 * HOUR)

bool span_read(gp_str text, gp_time *out, const char **why)
{
    static const struct {
        char    letter;
        gp_time length;
    } units[] = {
        {'h',  HOUR           },
        { 'd', DAY            },
        { 'w', 7 * DAY        },
        { 'y', YEAR_DAYS * DAY}
    };
    uint64_t number = 0;
    *why            = "a span of time is a number and a unit: 12h, 90d, 6w or 1y, at most 100 years";
    if (text.len < 2 || !gp_read_number(gp_head(text, text.len - 1), NUMBER_MOST, &number) || number == 0) return false;
    for (size_t i = 0; i < GP_COUNT(units); i++) {
        if (text.ptr[text.len - 1] != units[i].letter) continue;
        *out = (gp_time)number * units[i].length;
        return *out <= DAY * YEAR_DAYS * YEARS_MOST;
    }
    return false;
}

/* ---- dates ---------------------------------------------------------------------------------------------------- */
/* Digits and the character behind them; the last has none. */
static bool take(gp_str *rest, size_t digits, char behind, int *out)
{
    uint64_t number = 0;
    if (rest->len < digits || !gp_read_number(gp_head(*rest, digits), NUMBER_MOST, &number)) return false;
    *out  = (int)number;
    *rest = gp_tail(*rest, digits);
    if (!behind) return true;
    if (rest->len == 0 || rest->ptr[0] != behind) return false;
    *rest = gp_tail(*rest, 1);
    return true;
}

/* ":SS" and "Z" may be left out. */
static bool read_clock(gp_str rest, struct tm *at)
{
    if (!take(&rest, 2, ':', &at->tm_hour) || !take(&rest, 2, 0, &at->tm_min)) return false;
    if (rest.len > 0 && rest.ptr[0] == ':') {
        rest = gp_tail(rest, 1);
        if (!take(&rest, 2, 0, &at->tm_sec)) return false;
    }
    return rest.len == 0 || gp_same(rest, GP_LIT("Z"));
}

/* *whole: without a time of day. */
static bool read_date(gp_str text, gp_time *out, bool *whole)
{
    enum { EPOCH_YEAR = 1900, LEAST_YEAR = 1971, MOST_YEAR = 9999 };
    struct tm at   = { 0 }, again;
    gp_str    date = gp_cut(&text, 'T');
    if (!take(&date, 4, '-', &at.tm_year) || !take(&date, 2, '-', &at.tm_mon) || !take(&date, 2, 0, &at.tm_mday) ||
        date.len > 0 || at.tm_year < LEAST_YEAR || at.tm_year > MOST_YEAR)
        return false;
    *whole = text.ptr == NULL;
    if (!*whole && !read_clock(text, &at)) return false;
    at.tm_year -= EPOCH_YEAR;
    at.tm_mon--;
    again       = at;
    time_t when = timegm(&again); /* moves what does not exist to what does */
    if (again.tm_mon != at.tm_mon || again.tm_mday != at.tm_mday || again.tm_hour != at.tm_hour ||
        again.tm_min != at.tm_min || again.tm_sec != at.tm_sec)
        return false;
    *out = (gp_time)when * SECOND;
    return true;
}

static bool is_span(gp_str text)
{
    return text.len > 0 && memchr(text.ptr, '-', text.len) == NULL;
}

static bool refuse(const char **why)
{
    *why = "a date is written 2026-12-31 or 2026-12-31T18:30 (UTC), or as a span: 12h, 90d, 6w, 1y";
    return false;
}

bool when_read(gp_str text, gp_time now, gp_time *out, const char **why)
{
    bool whole = false;
    if (is_span(text)) {
        if (!span_read(text, out, why)) return refuse(why);
        *out += now;
        return true;
    }
    if (!read_date(text, out, &whole)) return refuse(why);
    if (whole) *out += DAY;
    return true;
}

bool since_read(gp_str text, gp_time now, gp_time *out, const char **why)
{
    bool whole = false;
    if (!is_span(text)) return read_date(text, out, &whole) || refuse(why);
    if (!span_read(text, out, why)) return refuse(why);
    *out = now - *out;
    return true;
}
