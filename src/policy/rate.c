/* GCRA (ITU-T I.371, annex A): `until` is the theoretical arrival time. What is used up is `until` - now, as time; the burst is how
 * far it may be ahead. */
#include "policy/rate.h"

enum {
    US               = 1000,
    WARN_NUMERATOR   = 4,
    WARN_DENOMINATOR = 5,
    SECOND           = 1000,
    MINUTE           = 60 * SECOND,
    HOUR             = 60 * MINUTE,
    DAY              = 24 * HOUR
};

/* What `cost` is worth in time. 2^40 units a minute or a day: it does not fit 64 bits on the way. */
static int64_t worth(const struct rate *r, uint64_t cost)
{
    __extension__ const unsigned __int128 us = (unsigned __int128)cost * (uint64_t)r->per * US / r->count;
    return us > INT64_MAX / 4 ? INT64_MAX / 4 : (int64_t)us;
}

static uint64_t units(const struct rate *r, int64_t us, bool up)
{
    __extension__ const unsigned __int128 whole = (unsigned __int128)(uint64_t)us * r->count;
    const uint64_t                        one   = (uint64_t)r->per * US;
    return (uint64_t)((whole + (up ? one - 1 : 0)) / one);
}

/* How far ahead of the clock it is, after `now`. What a clock that was set back left behind is no more than a full burst. */
static int64_t ahead(const struct rate *r, const struct rate_state *s, gp_time now)
{
    int64_t us = s->until - now * US, most = worth(r, r->burst);
    if (us <= 0) return 0;
    return us < most ? us : most;
}

uint64_t rate_used(const struct rate *r, const struct rate_state *s, gp_time now)
{
    return units(r, ahead(r, s, now), true);
}

uint64_t rate_left(const struct rate *r, const struct rate_state *s, gp_time now)
{
    return r->count ? units(r, worth(r, r->burst) - ahead(r, s, now), false) : UINT64_MAX;
}

gp_time rate_wait(const struct rate *r, const struct rate_state *s, uint64_t cost, gp_time now)
{
    if (r->count == 0) return 0;
    if (cost > r->burst) return -1;
    int64_t over = ahead(r, s, now) + worth(r, cost) - worth(r, r->burst);
    return over <= 0 ? 0 : (over + US - 1) / US;
}

void rate_charge(const struct rate *r, struct rate_state *s, uint64_t cost, gp_time now)
{
    if (r->count == 0) return;
    s->until = now * US + ahead(r, s, now) + worth(r, cost);
}

bool rate_warns(const struct rate *r, struct rate_state *s, gp_time now)
{
    bool said = s->warned <= now && now - s->warned < r->per;
    bool much = r->count && ahead(r, s, now) / WARN_NUMERATOR >= worth(r, r->burst) / WARN_DENOMINATOR;
    if (!much || said) return false;
    s->warned = now;
    return true;
}

/* ---- as words ------------------------------------------------------------------------------------------------------------ */
static const struct {
    const char *word;
    gp_time     per;
} periods[] = {
    {"minute", MINUTE},
    { "hour",  HOUR  },
    { "day",   DAY   },
};
static const char suffixes[] = "KMG";

/* "30", "10G" */
static bool read_count(gp_str word, uint64_t *out)
{
    uint64_t size = 1;
    if (word.len > 1)
        for (size_t i = 0; i + 1 < sizeof suffixes; i++)
            if (word.ptr[word.len - 1] == suffixes[i] || word.ptr[word.len - 1] == suffixes[i] + ('a' - 'A'))
                size = (uint64_t)1 << (10 * (i + 1));
    if (size > 1) word.len--;
    return gp_read_number(word, RATE_COUNT_MOST, out) && gp_mul(*out, size, out) && *out > 0 && *out <= RATE_COUNT_MOST;
}

static bool fails(const char **why, const char *because)
{
    *why = because;
    return false;
}

static bool read_one(gp_str text, struct rate *r, const char **why)
{
    gp_str period = gp_word(&text), count = gp_cut(&period, '/'), word = gp_word(&text), burst = gp_word(&text);
    *r = (struct rate) { 0 };
    for (size_t i = 0; i < GP_COUNT(periods); i++)
        if (gp_is(period, periods[i].word)) r->per = periods[i].per;
    if (!r->per || !read_count(count, &r->count))
        return fails(why, "a rate is NUMBER/minute, NUMBER/hour or NUMBER/day");
    r->burst = r->count;
    if (word.len == 0) return true;
    if (!gp_is(word, "burst") || !read_count(burst, &r->burst) || gp_word(&text).len > 0)
        return fails(why, "behind a rate there is only: burst NUMBER");
    return true;
}

bool rates_read(gp_str text, struct rates *out, const char **why)
{
    *out = (struct rates) { .count = 0 };
    if (gp_is(gp_trim(text), "none")) return true;
    do {
        if (out->count == RATES_MOST) return fails(why, "four rates are the most");
        if (!read_one(gp_trim(gp_cut(&text, ',')), &out->list[out->count++], why)) return false;
    } while (text.ptr);
    return true;
}

static void put_count(struct gp_text *out, uint64_t count)
{
    size_t unit = 0;
    while (unit + 1 < sizeof suffixes && count >= 1024 && count % 1024 == 0) {
        count /= 1024;
        unit++;
    }
    gp_put_number(out, (int64_t)count);
    if (unit > 0) gp_put_char(out, suffixes[unit - 1]);
}

void rate_put(struct gp_text *out, const struct rate *r)
{
    put_count(out, r->count);
    gp_put_char(out, '/');
    for (size_t i = 0; i < GP_COUNT(periods); i++)
        if (periods[i].per == r->per) gp_put_z(out, periods[i].word);
    if (r->burst == r->count) return;
    gp_put_z(out, " burst ");
    put_count(out, r->burst);
}

void rates_put(struct gp_text *out, const struct rates *all)
{
    if (all->count == 0) gp_put_z(out, "none");
    for (size_t i = 0; i < all->count; i++) {
        if (i > 0) gp_put_z(out, ", ");
        rate_put(out, &all->list[i]);
    }
}

void wait_put(struct gp_text *out, gp_time ms)
{
    static const struct {
        gp_time     unit;
        const char *word;
    } steps[] = {
        {DAY,     "day"   },
        { HOUR,   "hour"  },
        { MINUTE, "minute"},
        { SECOND, "second"},
    };
    enum { SEVERAL = 2 };
    size_t i = 0;
    while (i + 1 < GP_COUNT(steps) && ms <= SEVERAL * steps[i].unit) i++;
    gp_time count = (ms + steps[i].unit - 1) / steps[i].unit;
    if (count < 1) count = 1;
    gp_put_number(out, count);
    gp_put_char(out, ' ');
    gp_put_z(out, steps[i].word);
    if (count > 1) gp_put_char(out, 's');
}
