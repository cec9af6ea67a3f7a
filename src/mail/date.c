/* Dates as header fields write and read them (RFC 5322 3.3, obsolete forms of 4.3). No clock, no time zone data base. */
#include "mail/parts.h"

enum {
    DAY_SECONDS = 86400,
    CYCLE_DAYS  = 146097,
    EPOCH_SHIFT = 719468
}; /* 400 years; days from March of year 0 to 1970 */

/* clang-format off */
static const char *const days[]   = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
static const char *const zones[]  = { "UT", "GMT", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT" };
/* clang-format on */

struct civil {
    int64_t  year;
    unsigned month, day; /* from 1 */
};

/* The proleptic Gregorian calendar, counted in years that begin in March so that the leap day comes last. */
static struct civil civil_of(int64_t day)
{
    int64_t  shifted = day + EPOCH_SHIFT;
    int64_t  cycle   = (shifted >= 0 ? shifted : shifted - (CYCLE_DAYS - 1)) / CYCLE_DAYS;
    unsigned in      = (unsigned)(shifted - cycle * CYCLE_DAYS);
    unsigned year    = (in - in / 1460 + in / 36524 - in / 146096) / 365;
    unsigned of_year = in - (365 * year + year / 4 - year / 100);
    unsigned march   = (5 * of_year + 2) / 153;
    unsigned month   = march < 10 ? march + 3 : march - 9;
    return (struct civil) { cycle * 400 + year + (month <= 2), month, of_year - (153 * march + 2) / 5 + 1 };
}

void gp_put_day(struct gp_text *to, int64_t day)
{
    struct civil c = civil_of(day);
    gp_put_digits(to, (uint64_t)(c.year < 0 ? 0 : c.year), 4);
    gp_put_char(to, '-');
    gp_put_digits(to, c.month, 2);
    gp_put_char(to, '-');
    gp_put_digits(to, c.day, 2);
}

void gp_put_date(struct gp_text *to, gp_time when)
{
    int64_t      seconds = when / 1000 - (when % 1000 < 0);
    int64_t      day     = seconds / DAY_SECONDS - (seconds % DAY_SECONDS < 0);
    uint64_t     clock   = (uint64_t)(seconds - day * DAY_SECONDS);
    struct civil c       = civil_of(day);
    gp_put_z(to, days[((day % 7) + 11) % 7]); /* 1970-01-01 was a Thursday */
    gp_put_z(to, ", ");
    gp_put_number(to, c.day);
    gp_put_char(to, ' ');
    gp_put_z(to, months[c.month - 1]);
    gp_put_char(to, ' ');
    gp_put_digits(to, (uint64_t)(c.year < 0 ? 0 : c.year), 4);
    gp_put_char(to, ' ');
    gp_put_digits(to, clock / 3600, 2);
    gp_put_char(to, ':');
    gp_put_digits(to, clock / 60 % 60, 2);
    gp_put_char(to, ':');
    gp_put_digits(to, clock % 60, 2);
    gp_put_z(to, " +0000");
}

static bool is_one_of(gp_str word, const char *const *words, size_t count, size_t *which)
{
    for (*which = 0; *which < count; ++*which)
        if (gp_is(word, words[*which])) return true;
    return false;
}

static bool read_day_and_month(struct gp_lexer *x)
{
    static const unsigned longest[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    unsigned              day;
    size_t                which;
    gp_lex_space(x);
    gp_str name = gp_lex_atom(x);
    gp_lex_space(x);
    if (gp_lex_is(x, ',')) {
        if (!is_one_of(name, days, GP_COUNT(days), &which)) return false;
        gp_lex_space(x);
    } else {
        x->at = name.ptr; /* no day name: that was the day already */
    }
    if (!gp_lex_number(x, 1, 2, &day)) return false;
    gp_lex_space(x);
    return is_one_of(gp_lex_atom(x), months, GP_COUNT(months), &which) && day >= 1 && day <= longest[which];
}

static bool read_clock(struct gp_lexer *x)
{
    unsigned hour, minute, second = 0;
    if (!gp_lex_number(x, 1, 2, &hour)) return false;
    gp_lex_space(x);
    if (!gp_lex_is(x, ':')) return false;
    gp_lex_space(x);
    if (!gp_lex_number(x, 2, 2, &minute)) return false;
    gp_lex_space(x);
    if (gp_lex_is(x, ':')) {
        gp_lex_space(x);
        if (!gp_lex_number(x, 2, 2, &second)) return false;
    }
    return hour <= 23 && minute <= 59 && second <= 60;
}

static bool read_zone(struct gp_lexer *x)
{
    unsigned offset;
    size_t   which;
    if (gp_lex_is(x, '+') || gp_lex_is(x, '-')) return gp_lex_number(x, 4, 4, &offset) && offset % 100 <= 59;
    gp_str name     = gp_lex_atom(x);
    bool   military = name.len == 1 && ((name.ptr[0] | 0x20) >= 'a' && (name.ptr[0] | 0x20) <= 'z');
    return military || is_one_of(name, zones, GP_COUNT(zones), &which);
}

bool gp_is_date(gp_str text)
{
    struct gp_lexer x = gp_lexer_of(text);
    unsigned        year;
    if (!read_day_and_month(&x)) return false;
    gp_lex_space(&x);
    if (!gp_lex_number(&x, 2, 6, &year)) return false;
    gp_lex_space(&x);
    if (!read_clock(&x)) return false;
    gp_lex_space(&x);
    if (!read_zone(&x)) return false;
    gp_lex_space(&x);
    return x.at == x.end;
}
