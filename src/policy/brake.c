/* The figures of the score, a function and a row each. Numbers were chosen with tests/sim/month.c, which says how well they do. */
#include "policy/brake.h"

#include <math.h>

#include "policy/place.h"

#define MINUTE ((gp_time)60 * 1000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define MONTH  (30 * DAY)
#define LEARNS (7 * DAY)   /* so long an account has no usual ways          */
#define NEW    BRAKE_NEW   /* so long a place is new, and until it was used on USUAL_DAYS */
#define NEXT   (20 * HOUR) /* a day of use: so long after the one before    */

enum { USUAL_DAYS = 4, FEW = 20, FEW_OUTCOMES = 8, ROAMER_MOVES = 4 };
#define QUIET_HOUR  20.0 /* recipients in an hour that nobody is asked about */
#define VOLUME_MOST 7.0  /* of rate, new recipients and alike, when nothing else is wrong */

/* ---- sums that fade ----------------------------------------------------------------------------------------------------------- */
static double fade(double sum, gp_time past, gp_time half_life)
{
    return past <= 0 ? sum : sum * exp2(-(double)past / (double)half_life);
}

static void fade_all(struct brake_state *s, gp_time now)
{
    gp_time past = now - s->when;
    s->hour      = fade(s->hour, past, HOUR);
    s->busiest   = fade(s->busiest, past, MONTH);
    s->day       = fade(s->day, past, DAY);
    s->fresh     = fade(s->fresh, past, DAY);
    s->delivered = fade(s->delivered, past, DAY);
    s->failed    = fade(s->failed, past, DAY);
    s->moves     = fade(s->moves, past, MONTH);
    s->strange   = fade(s->strange, past, DAY);
    for (size_t i = 0; i < BRAKE_LIKES; i++) s->likes[i].count = fade(s->likes[i].count, past, DAY);
    s->when = now;
}

/* ---- a clock that was wrong --------------------------------------------------------------------------------------------------------- */
static void clamp_places(struct brake_place *places, size_t count, gp_time now)
{
    for (size_t i = 0; i < count; i++) {
        struct brake_place *p = &places[i];
        if (p->first > now) p->first = p->days >= USUAL_DAYS ? now - NEW : now;
        if (p->last > now) p->last = now;
        if (p->counted > now) p->counted = now;
    }
}

void brake_clamp(struct brake_state *s, gp_time now)
{
    gp_time *const moments[] = { &s->born, &s->when, &s->peaked, &s->held };
    for (size_t i = 0; i < GP_COUNT(moments); i++)
        if (*moments[i] > now) *moments[i] = now;
    clamp_places(s->networks, BRAKE_NETWORKS, now);
    clamp_places(s->clients, BRAKE_CLIENTS, now);
    clamp_places(s->mechanisms, BRAKE_MECHANISMS, now);
}

/* ---- what is known ------------------------------------------------------------------------------------------------------------ */
/* Once is not usual: who knocks once and comes back days later is as new as he was. */
static bool is_new(const struct brake_place *p, gp_time now)
{
    return p && (now - p->first < NEW || p->days < USUAL_DAYS);
}

/* Nor are some messages on some days a reason for many to strangers: who lies in wait proves the place for what he sent meanwhile. */
static bool is_thin(const struct brake_place *p)
{
    enum { FEW_A_DAY = 20, TIMES = 5 };
    return p && p->today > FEW_A_DAY && p->today > TIMES * p->before;
}

static void use(struct brake_place *p, gp_time now)
{
    if (now - p->counted >= NEXT) {
        p->counted = now;
        p->before += p->today;
        p->today = 0;
        p->days++;
    }
    p->last = now;
    p->today++;
}

/* What is not usual makes room first, so that a thief with many networks does not drive out the owner's. */
static bool is_less(const struct brake_place *a, const struct brake_place *b)
{
    bool usual = a->days >= USUAL_DAYS, other = b->days >= USUAL_DAYS;
    if (!a->last || !b->last) return !a->last && b->last;
    return usual == other ? a->last < b->last : !usual;
}

/* NULL: nothing is known to be there. What comes while the account is young is not new: nothing is usual yet. */
static struct brake_place *meet(struct brake_place *places, size_t count, uint64_t what, const struct brake_state *s,
                                gp_time now)
{
    struct brake_place *at = &places[0];
    if (what == 0) return NULL;
    for (size_t i = 0; i < count; i++) {
        if (places[i].what == what && places[i].last) {
            use(&places[i], now);
            return &places[i];
        }
        if (is_less(&places[i], at)) at = &places[i];
    }
    bool young = now - s->born < LEARNS;
    *at        = (struct brake_place) { .what    = what,
                                        .first   = young ? now - NEW : now,
                                        .last    = now,
                                        .counted = now,
                                        .today   = 1,
                                        .days    = young ? USUAL_DAYS : 1 };
    return at;
}

/* The commonest of late (Misra and Gries): a text that comes again and again is among them. */
static double count_like(struct brake_state *s, uint64_t what)
{
    struct brake_like *least = &s->likes[0];
    if (what == 0) return 0;
    for (size_t i = 0; i < BRAKE_LIKES; i++) {
        if (s->likes[i].what == what) return ++s->likes[i].count;
        if (s->likes[i].count < least->count) least = &s->likes[i];
    }
    if (least->count < 1)
        *least = (struct brake_like) { what, 1 };
    else
        for (size_t i = 0; i < BRAKE_LIKES; i++) s->likes[i].count -= s->likes[i].count >= 1 ? 1 : s->likes[i].count;
    return 1;
}

/* ---- figures --------------------------------------------------------------------------------------------------------------------- */
static double above(double value, const double steps[][2], size_t count)
{
    double points = 0;
    for (size_t i = 0; i < count; i++)
        if (value >= steps[i][0]) points = steps[i][1];
    return points;
}

static double of_rate(const struct brake_state *s)
{
    enum { MOST = 5 };
    double usual = s->busiest > QUIET_HOUR ? s->busiest : QUIET_HOUR;
    double over  = s->hour / usual;
    double much  = over > 1 ? 1.5 * log2(over) : 0;
    return much < MOST ? much : MOST;
}

static double of_fresh(const struct brake_state *s, gp_time now)
{
    static const double shares[][2] = {
        {0.5,   2},
        { 0.65, 3}
    };
    static const double more[][2] = {
        {30,  1},
        { 60, 2}
    };
    if (s->day < FEW || now - s->born < LEARNS) return 0;
    double share  = s->fresh / s->day;
    double points = share > s->usual_fresh + 0.25 ? above(share, shares, GP_COUNT(shares)) : 0;
    return points > 0 ? points + above(s->fresh, more, GP_COUNT(more)) : 0;
}

/* Who moves a program to another host sends from there what it sends each day. */
static double of_strange(const struct brake_state *s, double many, gp_time now)
{
    enum { SOME = 30, MANY = 80 };
    double some = 2 * s->usual_day, most = 3 * s->usual_day;
    if (now - s->born < LEARNS || many < SOME || many < some) return 0;
    return many < MANY || many < most ? 2 : 5;
}

static double of_alike(double count)
{
    static const double steps[][2] = {
        {20,  2},
        { 50, 3}
    };
    return above(count, steps, GP_COUNT(steps));
}

static double of_failed(const struct brake_state *s)
{
    static const double steps[][2] = {
        {0.07, 1  },
        { 0.1, 1.5},
        { 0.2, 3  },
        { 0.4, 4  }
    };
    double all = s->delivered + s->failed;
    return all < FEW_OUTCOMES ? 0 : above(s->failed / all, steps, GP_COUNT(steps));
}

/* So many new people in a day are no newsletter of somebody who never wrote one. */
static bool is_flood(const struct brake_state *s)
{
    enum { FLOOD = 600, TIMES = 30 };
    return s->fresh >= FLOOD && s->fresh >= TIMES * s->usual_day;
}

static void add_up(const struct brake_state *s, struct brake_score *score)
{
    double volume = score->points[BRAKE_RATE] + score->points[BRAKE_NEW_RECIPIENTS] + score->points[BRAKE_ALIKE];
    double others = 0;
    for (size_t i = 0; i < BRAKE_FIGURES; i++) others += score->points[i];
    others -= volume;
    bool alone   = others < 1 && !is_flood(s);
    score->total = others + (volume > VOLUME_MOST && alone ? VOLUME_MOST : volume);
}

/* Near the median: up fast while days are busier, down slowly while they are not. A busy day in a week leaves it low. */
static void learn_day(struct brake_state *s, gp_time days)
{
    enum { MOST = 60, START_UP = 5 };
    const double up = 1.5, down = 1.2;
    double       more = s->usual_day * up + START_UP, less = s->usual_day / down;
    gp_time      silent = days < MOST ? days - 1 : MOST;
    if (s->sent > s->usual_day)
        s->usual_day = s->sent < more ? s->sent : more;
    else
        s->usual_day = s->sent > less ? s->sent : less;
    s->usual_day *= pow(down, -(double)silent);
}

/* What an hour was on the day before is usual, unless that day was held: a jump is not measured by itself while it happens. */
static void end_day(struct brake_state *s, gp_time now)
{
    if (now - s->peaked < DAY) return;
    if (!s->held && s->peak > s->busiest) s->busiest = s->peak;
    if (!s->held && s->peaked) learn_day(s, (now - s->peaked) / DAY);
    s->peak = s->sent = 0;
    s->peaked         = now;
}

/* What was usual is learnt from what nobody would ask about. */
static void learn(struct brake_state *s, const struct brake_message *m, gp_time now, const struct brake_score *score)
{
    enum { FIRST = 100, MEMORY = 500, LONG = 2000 };
    if (!s->held && score->total < BRAKE_THRESHOLD && s->hour > s->peak) s->peak = s->hour;
    if (score->total - score->points[BRAKE_NEW_RECIPIENTS] >= BRAKE_THRESHOLD / 2.0 || s->held) return;
    /* Where it is more than ever it takes long: a thief shall not teach it in a day. In the first week nothing is known. */
    int    memory = score->points[BRAKE_NEW_RECIPIENTS] > 0 ? LONG : now - s->born < LEARNS ? FIRST : MEMORY;
    double weight = (double)m->recipients / memory;
    double most   = memory == FIRST ? 0.02 : 0.1; /* of one message */
    if (weight > most) weight = most;
    if (m->recipients > 0) s->usual_fresh += weight * ((double)m->fresh / m->recipients - s->usual_fresh);
}

/* ---- the calls --------------------------------------------------------------------------------------------------------------------- */
static void count(struct brake_state *s, const struct brake_message *m, gp_time now)
{
    if (!s->born) s->born = s->when = now;
    brake_clamp(s, now);
    end_day(s, now);
    fade_all(s, now);
    s->hour += m->recipients;
    s->day += m->recipients;
    s->fresh += m->fresh;
    s->sent++;
}

static double most_of(double a, double b)
{
    return a > b ? a : b;
}

void brake_message(struct brake_state *s, const struct brake_message *m, gp_time now, struct brake_score *score)
{
    count(s, m, now);
    const struct brake_place *network   = meet(s->networks, BRAKE_NETWORKS, m->network, s, now);
    const struct brake_place *client    = meet(s->clients, BRAKE_CLIENTS, m->client, s, now);
    const struct brake_place *mechanism = meet(s->mechanisms, BRAKE_MECHANISMS, m->mechanism, s, now);
    bool   elsewhere = is_new(network, now), other = is_new(client, now), new_way = is_new(mechanism, now);
    bool   stranger = elsewhere && other;
    bool   lurker   = m->fresh > 0 && (elsewhere || is_thin(network)) && (other || is_thin(client));
    /* Alerts from home, to those who always have them, are not counted. */
    bool   strange  = m->fresh > 0 || elsewhere || other || new_way;
    double alike    = strange ? count_like(s, m->likeness) : 0;
    double roams    = s->moves > ROAMER_MOVES ? 1 : 2; /* who is always somewhere else says less by it */
    s->moves += network && network->today == 1 && network->before == 0;
    s->strange += stranger || lurker;
    double many = lurker ? s->strange : 0;
    if (stranger) many = most_of(s->strange, most_of(network->today, client->today));
    *score      = (struct brake_score) { .points = {
                                        [BRAKE_NETWORK]        = elsewhere ? roams : 0,
                                        [BRAKE_CLIENT]         = other ? 1 : 0,
                                        [BRAKE_MECHANISM]      = new_way ? 1 : 0,
                                        [BRAKE_STRANGE]        = of_strange(s, many, now),
                                        [BRAKE_RATE]           = of_rate(s),
                                        [BRAKE_NEW_RECIPIENTS] = of_fresh(s, now),
                                        [BRAKE_ALIKE]          = of_alike(alike),
                                        [BRAKE_FAILED]         = of_failed(s),
                                    } };
    add_up(s, score);
    learn(s, m, now, score);
}

void brake_outcomes(struct brake_state *s, unsigned delivered, unsigned failed, gp_time now)
{
    if (!s->born) return; /* it never sent anything here */
    brake_clamp(s, now);
    fade_all(s, now);
    s->delivered += delivered;
    s->failed += failed;
}

bool brake_holds(const struct brake_score *score)
{
    return score->total >= BRAKE_THRESHOLD;
}

static void make_usual(struct brake_place *places, size_t count)
{
    enum { PROVEN = 1000 };
    for (size_t i = 0; i < count; i++) {
        places[i].first -= NEW;
        places[i].days = USUAL_DAYS;
        places[i].before += PROVEN;
    }
}

void brake_release(struct brake_state *s, gp_time now)
{
    enum { OUTDO = 2 };
    if (!s->born) return;
    brake_clamp(s, now);
    fade_all(s, now);
    if (s->hour * OUTDO > s->busiest) s->busiest = s->hour * OUTDO;
    s->hour = s->day = s->fresh = s->strange = s->delivered = s->failed = 0;
    for (size_t i = 0; i < BRAKE_LIKES; i++) s->likes[i].count = 0;
    make_usual(s->networks, BRAKE_NETWORKS);
    make_usual(s->clients, BRAKE_CLIENTS);
    make_usual(s->mechanisms, BRAKE_MECHANISMS);
    s->held = 0;
}

/* In its first week nobody can tell whose a place is: all are new again. */
static void forget_new(struct brake_place *places, size_t count, bool young, gp_time since)
{
    for (size_t i = 0; i < count; i++)
        if (young || since - places[i].first < NEW || places[i].days < USUAL_DAYS)
            places[i] = (struct brake_place) { .what = 0 };
}

void brake_stolen(struct brake_state *s, gp_time since)
{
    bool young = since - s->born < LEARNS;
    if (!s->born) return;
    s->hour = s->day = s->fresh = s->strange = s->delivered = s->failed = s->peak = s->sent = 0;
    for (size_t i = 0; i < BRAKE_LIKES; i++) s->likes[i].count = 0;
    forget_new(s->networks, BRAKE_NETWORKS, young, since);
    forget_new(s->clients, BRAKE_CLIENTS, young, since);
    forget_new(s->mechanisms, BRAKE_MECHANISMS, young, since);
    s->held = 0;
}

/* ---- words and digests ------------------------------------------------------------------------------------------------------------ */
const char *brake_figure_name(enum brake_figure figure)
{
    static const char *const names[BRAKE_FIGURES] = {
        [BRAKE_NETWORK] = "new network",     [BRAKE_CLIENT] = "new client name",
        [BRAKE_MECHANISM] = "new mechanism", [BRAKE_STRANGE] = "much from a new place",
        [BRAKE_RATE] = "more than ever",     [BRAKE_NEW_RECIPIENTS] = "new recipients",
        [BRAKE_ALIKE] = "messages alike",    [BRAKE_FAILED] = "refused by next hops",
    };
    return figure < BRAKE_FIGURES ? names[figure] : "unknown";
}

static void put_points(struct gp_text *out, double points)
{
    enum { TENTHS = 10 };
    int64_t tenths = (int64_t)(points * TENTHS + 0.5);
    gp_put_number(out, tenths / TENTHS);
    gp_put_char(out, '.');
    gp_put_number(out, tenths % TENTHS);
}

void brake_score_put(struct gp_text *out, const struct brake_score *score)
{
    bool any = false;
    for (size_t i = 0; i < BRAKE_FIGURES; i++) {
        if (score->points[i] <= 0) continue;
        if (any) gp_put_z(out, ", ");
        gp_put_z(out, brake_figure_name((enum brake_figure)i));
        gp_put_char(out, ' ');
        put_points(out, score->points[i]);
        any = true;
    }
    if (any) gp_put_z(out, ": ");
    put_points(out, score->total);
    gp_put_z(out, " of ");
    gp_put_number(out, BRAKE_THRESHOLD);
}

/* FNV-1a: what collides is taken for known, which nobody can make happen for an account that is not his. */
uint64_t brake_digest(gp_str text)
{
    uint64_t digest = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < text.len; i++) digest = (digest ^ (unsigned char)text.ptr[i]) * UINT64_C(0x100000001b3);
    return digest ? digest : 1;
}

uint64_t brake_client(gp_str helo)
{
    if (helo.len == 0) return 0;
    return brake_digest(helo.ptr[0] == '[' ? GP_LIT("[]") : helo);
}

/* What is no address is nothing that is known. */
uint64_t brake_network(gp_str address)
{
    enum { V4_NETWORK = PLACE_V4_AT + 24, V6_NETWORK = 48 };
    struct place p;
    if (!place_read(address, &p)) return 0;
    struct place around = place_around(&p, place_is_v4(&p) ? V4_NETWORK : V6_NETWORK);
    return brake_digest((gp_str) { (const char *)around.octets, sizeof around.octets });
}
