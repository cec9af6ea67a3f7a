/* DELIVERBY (RFC 2852): by when a message is to be delivered, and what becomes of it when it is not. In canonical text the seconds that a
 * client names are the moment that they lead to, so that nobody who reads them later has to know when they were said. */
#include "smtp/smtp.h"

enum { SECOND = 1000 /* ms */, DIGITS_MOST = 9, MODES_MOST = 2 /* "RT" */ };

/* by-mode [by-trace]; the grammar's letters have no case (RFC 5234 2.3). */
static bool read_mode(gp_str mode, bool *back, bool *trace)
{
    gp_str rest = gp_tail(mode, 1);
    *back       = gp_is(gp_head(mode, 1), "R");
    *trace      = rest.len > 0;
    return mode.len <= MODES_MOST && (*back || gp_is(gp_head(mode, 1), "N")) && (!*trace || gp_is(rest, "T"));
}

static void put_mode(struct gp_text *out, bool back, bool trace)
{
    gp_put_char(out, ';');
    gp_put_char(out, back ? 'R' : 'N');
    if (trace) gp_put_char(out, 'T');
}

bool gp_read_by(gp_str value, struct gp_by *by)
{
    gp_str   number = gp_cut(&value, ';');
    bool     below = gp_starts(number, "-"), sign = below || gp_starts(number, "+");
    gp_str   digits = gp_tail(number, sign);
    uint64_t seconds;
    if (digits.len == 0 || digits.len > DIGITS_MOST || !gp_read_number(digits, GP_BY_MOST, &seconds)) return false;
    by->seconds = below ? -(int64_t)seconds : (int64_t)seconds;
    return read_mode(value, &by->back, &by->trace) && (by->seconds > 0 || !by->back);
}

/* The seconds begin when MAIL has come (RFC 2852 4); a part of one is the sender's. */
void gp_put_deadline(struct gp_text *out, const struct gp_by *by, gp_time now)
{
    gp_time when = now + by->seconds * SECOND + SECOND - 1;
    gp_put_moment(out, when > 0 ? when : 0);
    put_mode(out, by->back, by->trace);
}

static bool read_deadline(gp_str value, struct gp_deadline *by)
{
    gp_str moment = gp_cut(&value, ';');
    return gp_read_moment(moment, &by->when) && read_mode(value, &by->back, &by->trace);
}

struct gp_deadline gp_deadline(gp_str params)
{
    struct gp_deadline by;
    return read_deadline(gp_parameter(params, "BY"), &by) ? by : (struct gp_deadline) { 0 };
}

/* Whole seconds, downwards: what is promised to the next hop is never more than is left. */
static int64_t seconds_until(gp_time when, gp_time now)
{
    int64_t left = when - now;
    return left >= 0 ? left / SECOND : -((SECOND - 1 - left) / SECOND);
}

bool gp_put_time_left(gp_str params, gp_time now, struct gp_text *out)
{
    bool in_time = true;
    while (params.len > 0) {
        gp_str             word = gp_word(&params);
        struct gp_deadline by;
        if (out->len > 0) gp_put_char(out, ' ');
        if (!gp_starts(word, "BY=") || !read_deadline(gp_tail(word, sizeof "BY=" - 1), &by)) {
            gp_put(out, word);
            continue;
        }
        int64_t left = seconds_until(by.when, now);
        in_time      = left > 0 || !by.back;
        if (left < -GP_BY_MOST) left = -GP_BY_MOST;
        gp_put_z(out, "BY=");
        gp_put_number(out, left < GP_BY_MOST ? left : GP_BY_MOST);
        put_mode(out, by.back, by.trace);
    }
    return in_time;
}
