/* Networks and hours: hours are read as ranges, each of a set of days and a stretch of the day. */
#include "store/within.h"

#include "policy/place.h"

/* Of those between spaces or commas the next; empty at the end. */
static gp_str next_word(gp_str *rest)
{
    size_t start = 0, end;
    while (start < rest->len && (rest->ptr[start] == ' ' || rest->ptr[start] == ',')) start++;
    for (end = start; end < rest->len && rest->ptr[end] != ' ' && rest->ptr[end] != ','; end++) continue;
    gp_str word = gp_tail(gp_head(*rest, end), start);
    *rest       = gp_tail(*rest, end);
    return word;
}

/* ---- networks ------------------------------------------------------------------------------------------------------ */
bool networks_are_good(gp_str networks, const char **why)
{
    struct place n;
    *why = "a network is an address, or an address, '/' and a prefix length: 192.0.2.7, 10.0.0.0/8, 2001:db8::/32";
    for (gp_str word = next_word(&networks); word.len > 0; word = next_word(&networks))
        if (!place_read(word, &n)) return false;
    return true;
}

bool networks_have(gp_str networks, gp_str address)
{
    struct place n, here;
    if (!place_read(address, &here)) return false;
    for (gp_str word = next_word(&networks); word.len > 0; word = next_word(&networks))
        if (place_read(word, &n) && place_covers(&n, &here)) return true;
    return false;
}

/* ---- hours --------------------------------------------------------------------------------------------------------- */
enum { DAYS = 7, EVERY_DAY = (1 << DAYS) - 1, HOUR = 60, DAY_NAME = 3 };

struct range {
    unsigned days, from, to;
}; /* to <= from: until then on the next day */
struct reader {
    gp_str   rest;
    unsigned days;  /* read, and not overtaken by others; 0: none */
    bool     timed; /* there was a time for them already          */
};
enum step { RANGE, END, BAD };

static bool read_day(gp_str word, unsigned *out)
{
    static const char *const names[DAYS] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
    for (*out = 0; *out < DAYS; (*out)++)
        if (gp_is(word, names[*out])) return true;
    return false;
}

/* "Mon", or "Fri-Mon", which goes over the end of the week. */
static bool read_days(gp_str word, unsigned *mask)
{
    gp_str   rest = word, first = gp_cut(&rest, '-');
    unsigned from, to;
    if (!read_day(first, &from)) return false;
    to = from;
    if (first.len < word.len && !read_day(rest, &to)) return false;
    for (unsigned day = from;; day = (day + 1) % DAYS) {
        *mask |= 1U << day;
        if (day == to) return true;
    }
}

static bool read_time(gp_str text, unsigned *out)
{
    enum { LAST_MINUTE = 59, LAST_HOUR = 24, DIGITS = 2 };
    uint64_t hour, minute;
    gp_str   rest = text, hours = gp_cut(&rest, ':');
    if (hours.len > DIGITS || rest.len != DIGITS || !gp_read_number(hours, LAST_HOUR, &hour) ||
        !gp_read_number(rest, LAST_MINUTE, &minute))
        return false;
    *out = (unsigned)(hour * HOUR + minute);
    return *out <= HOURS_DAY;
}

static bool read_times(gp_str word, struct range *out)
{
    gp_str rest = word, from = gp_cut(&rest, '-');
    return read_time(from, &out->from) && read_time(rest, &out->to) && out->from < HOURS_DAY && out->to != out->from;
}

static enum step next_range(struct reader *r, struct range *out)
{
    for (gp_str word = next_word(&r->rest); word.len > 0; word = next_word(&r->rest)) {
        if (word.ptr[0] >= '0' && word.ptr[0] <= '9') {
            out->days = r->days ? r->days : EVERY_DAY;
            r->timed  = true;
            return read_times(word, out) ? RANGE : BAD;
        }
        if (r->timed) r->days = 0;
        r->timed = false;
        if (!read_days(word, &r->days)) return BAD;
    }
    if (r->days == 0 || r->timed) return END;
    *out     = (struct range) { r->days, 0, HOURS_DAY };
    r->timed = true;
    return RANGE;
}

bool hours_are_good(gp_str hours, const char **why)
{
    struct reader r = { .rest = hours };
    struct range  range;
    enum step     step;
    *why = "hours are days and times of day: 'Mon-Fri 07:00-19:00, Sat 08:00-12:00'";
    do step = next_range(&r, &range);
    while (step == RANGE);
    return step == END;
}

static bool has_day(const struct range *r, unsigned weekday)
{
    return (r->days >> weekday) & 1U;
}

static bool is_in(const struct range *r, struct hours_moment m)
{
    if (r->from < r->to) return has_day(r, m.weekday) && m.minute >= r->from && m.minute < r->to;
    return (has_day(r, m.weekday) && m.minute >= r->from) ||
           (has_day(r, (m.weekday + DAYS - 1) % DAYS) && m.minute < r->to);
}

bool hours_have(gp_str hours, struct hours_moment m)
{
    struct reader r = { .rest = hours };
    struct range  range;
    while (next_range(&r, &range) == RANGE)
        if (is_in(&range, m)) return true;
    return false;
}
