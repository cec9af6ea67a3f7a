/* FUTURERELEASE (RFC 4865): moments as RFC 3339 writes them, and when a message that its sender holds back is to go. */
#include "smtp/smtp.h"

enum {
    SECOND        = 1000, /* ms */
    DAY           = 86400,
    HOUR          = 3600,
    MINUTE        = 60,
    DATE_LEN      = 10, /* 2026-12-24 */
    TIME_LEN      = 8,  /* 18:00:00   */
    OFFSET_LEN    = 6,  /* +01:00     */
    HOUR_MOST     = 23,
    SIXTIETH_MOST = 59,
    YEAR_FIRST    = 1970,
    YEAR_MOST     = 9999,
};

/* Years begin in March here, so that a leap day is the last of its year; a cycle of them is 400 years. */
enum { CYCLE_DAYS = 146097, CYCLE_YEARS = 400, DAYS_TO_1970 = 719468 };

/* ---- days ------------------------------------------------------------------------------------------------------ */
static int64_t day_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t cycle = year / CYCLE_YEARS, in_cycle = year % CYCLE_YEARS;
    int64_t of_year  = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t of_cycle = in_cycle * 365 + in_cycle / 4 - in_cycle / 100 + of_year;
    return cycle * CYCLE_DAYS + of_cycle - DAYS_TO_1970;
}

static int64_t days_in(int64_t year, int64_t month)
{
    int64_t next = month == 12 ? day_of(year + 1, 1, 1) : day_of(year, month + 1, 1);
    return next - day_of(year, month, 1);
}

static void put_digits(struct gp_text *out, int64_t number, int64_t unit, char after)
{
    for (; unit > 0; unit /= 10) gp_put_char(out, (char)('0' + number / unit % 10));
    gp_put_char(out, after);
}

static void put_day(struct gp_text *out, int64_t day)
{
    int64_t shifted = day + DAYS_TO_1970, cycle = shifted / CYCLE_DAYS, of_cycle = shifted % CYCLE_DAYS;
    int64_t in_cycle = (of_cycle - of_cycle / 1460 + of_cycle / 36524 - of_cycle / (CYCLE_DAYS - 1)) / 365;
    int64_t of_year  = of_cycle - (365 * in_cycle + in_cycle / 4 - in_cycle / 100);
    int64_t march    = (5 * of_year + 2) / 153;
    int64_t month    = march < 10 ? march + 3 : march - 9;
    put_digits(out, cycle * CYCLE_YEARS + in_cycle + (month <= 2), 1000, '-');
    put_digits(out, month, 10, '-');
    put_digits(out, of_year - (153 * march + 2) / 5 + 1, 10, 'T');
}

/* ---- moments --------------------------------------------------------------------------------------------------- */
void gp_put_moment(struct gp_text *out, gp_time when)
{
    int64_t seconds = when / SECOND, of_day = seconds % DAY;
    put_day(out, seconds / DAY);
    put_digits(out, of_day / HOUR, 10, ':');
    put_digits(out, of_day / MINUTE % 60, 10, ':');
    put_digits(out, of_day % 60, 10, 'Z');
}

/* Takes so many digits and the character after them, `after` 0: none. */
static bool read_digits(gp_str *text, size_t digits, char after, uint64_t most, int64_t *out)
{
    uint64_t number;
    size_t   len = digits + (after != 0);
    if (text->len < len) return false;
    if (after && text->ptr[digits] != after && !(after == 'T' && text->ptr[digits] == 't')) return false;
    if (!gp_read_number(gp_head(*text, digits), most, &number)) return false;
    *out  = (int64_t)number;
    *text = gp_tail(*text, len);
    return true;
}

static bool read_day(gp_str text, int64_t *day)
{
    int64_t year, month, of_month;
    if (!read_digits(&text, 4, '-', YEAR_MOST, &year) || !read_digits(&text, 2, '-', 12, &month)) return false;
    if (!read_digits(&text, 2, 'T', 31, &of_month) || year < YEAR_FIRST || month < 1 || of_month < 1) return false;
    if (of_month > days_in(year, month)) return false;
    *day = day_of(year, month, of_month);
    return true;
}

/* RFC 3339 5.6: 60 is a leap second, which clocks here do not know. */
static bool read_time(gp_str text, int64_t *seconds)
{
    int64_t hour, minute, second;
    if (!read_digits(&text, 2, ':', HOUR_MOST, &hour) || !read_digits(&text, 2, ':', SIXTIETH_MOST, &minute))
        return false;
    if (!read_digits(&text, 2, 0, SIXTIETH_MOST + 1, &second)) return false;
    *seconds = hour * HOUR + minute * MINUTE + second;
    return true;
}

/* What stands behind the seconds: a fraction, which does not matter, and how far the clock is from UTC. */
static bool read_zone(gp_str text, int64_t *offset)
{
    int64_t hours, minutes;
    if (text.len > 0 && text.ptr[0] == '.') {
        size_t digits = 1;
        while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9') digits++;
        if (digits == 1) return false;
        text = gp_tail(text, digits);
    }
    *offset = 0;
    if (gp_is(text, "Z")) return true;
    if (text.len != OFFSET_LEN || (text.ptr[0] != '+' && text.ptr[0] != '-')) return false;
    int64_t sign = text.ptr[0] == '+' ? 1 : -1;
    text         = gp_tail(text, 1);
    if (!read_digits(&text, 2, ':', HOUR_MOST, &hours) || !read_digits(&text, 2, 0, SIXTIETH_MOST, &minutes))
        return false;
    *offset = sign * (hours * HOUR + minutes * MINUTE);
    return true;
}

bool gp_read_moment(gp_str text, gp_time *when)
{
    enum { CLOCK_AT = DATE_LEN + 1, ZONE_AT = CLOCK_AT + TIME_LEN };
    int64_t day, seconds, offset;
    if (text.len <= ZONE_AT || !read_day(gp_head(text, CLOCK_AT), &day)) return false;
    if (!read_time(gp_head(gp_tail(text, CLOCK_AT), TIME_LEN), &seconds)) return false;
    if (!read_zone(gp_tail(text, ZONE_AT), &offset)) return false;
    *when = (day * DAY + seconds - offset) * SECOND;
    return *when >= 0;
}

/* ---- what a sender asked for ------------------------------------------------------------------------------------ */
bool gp_read_hold(gp_str value, uint64_t *seconds)
{
    enum { DIGITS_MOST = 9, MOST = 999999999 };
    if (value.len == 0 || value.len > DIGITS_MOST || value.ptr[0] < '1' || value.ptr[0] > '9') return false;
    return gp_read_number(value, MOST, seconds);
}

gp_time gp_release_time(gp_str params, gp_time arrived)
{
    uint64_t seconds;
    gp_time  when;
    if (gp_read_hold(gp_parameter(params, "HOLDFOR"), &seconds)) return arrived + (gp_time)seconds * SECOND;
    return gp_read_moment(gp_parameter(params, "HOLDUNTIL"), &when) ? when : 0;
}
