/* A sorted list, looked for once for each prefix length that is in it. */
#include "policy/bans.h"

#include <string.h>

enum { V6_PLACE = 64 };
enum { BACKOFF_BITS = 2 }; /* each ban is four times as long as the one before */

static const gp_time longest    = (gp_time)7 * 24 * 3600 * 1000,
                     remembered = (gp_time)BANS_REMEMBER_DAYS * 24 * 3600 * 1000;

static int order(const struct place *a, const struct place *b)
{
    if (a->bits != b->bits) return a->bits < b->bits ? -1 : 1;
    return memcmp(a->octets, b->octets, PLACE_OCTETS);
}

/* Where it is, or would be. */
static size_t find(const struct bans *b, const struct place *p)
{
    size_t from = 0, to = b->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (order(&b->list[middle].place, p) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static void take_out(struct bans *b, size_t at)
{
    b->with[b->list[at].place.bits]--;
    b->count--;
    memmove(&b->list[at], &b->list[at + 1], (b->count - at) * sizeof(b->list[0]));
}

static bool make_room(struct bans *b)
{
    size_t first = b->count;
    if (b->count < BANS_MOST) return true;
    for (size_t i = 0; i < b->count; i++)
        if (!b->list[i].manual && (first == b->count || b->list[i].until < b->list[first].until)) first = i;
    if (first == b->count) return false;
    take_out(b, first);
    return true;
}

const struct ban *bans_at(const struct bans *b, const struct place *p)
{
    size_t at = find(b, p);
    return at < b->count && place_same(&b->list[at].place, p) ? &b->list[at] : NULL;
}

bool bans_put(struct bans *b, const struct ban *ban)
{
    if (bans_at(b, &ban->place)) {
        b->list[find(b, &ban->place)] = *ban;
        return true;
    }
    if (!make_room(b)) return false;
    size_t at = find(b, &ban->place);
    memmove(&b->list[at + 1], &b->list[at], (b->count - at) * sizeof(b->list[0]));
    b->list[at] = *ban;
    b->count++;
    b->with[ban->place.bits]++;
    return true;
}

/* The guard's own that was made ahead of now was made by a clock that was wrong: it would last until that moment comes. */
static bool in_force(const struct ban *ban, gp_time now)
{
    enum { SKEW = 3600 * 1000 };
    if (!ban->manual && ban->made > now + SKEW) return false;
    return ban->until == 0 || ban->until > now;
}

const struct ban *bans_on(const struct bans *b, const struct place *p, gp_time now)
{
    const struct ban *found = NULL;
    for (unsigned bits = 0; bits <= PLACE_BITS; bits++) {
        if (!b->with[bits]) continue;
        struct place      around = place_around(p, bits);
        const struct ban *ban    = bans_at(b, &around);
        if (ban && in_force(ban, now) && (!found || (ban->manual && !found->manual))) found = ban;
    }
    return found;
}

/* Of that very address, or of its /64 (which policy/guard.h takes for one). */
static const struct ban *of_the_place(const struct bans *b, const struct place *p, gp_time now)
{
    struct place      place = place_is_v4(p) ? *p : place_around(p, V6_PLACE);
    const struct ban *ban   = bans_at(b, &place);
    return ban && in_force(ban, now) ? ban : NULL;
}

const struct ban *bans_against(const struct bans *b, const struct place *p, enum ban_spares spares, gp_time now)
{
    const struct ban *ban = bans_on(b, p, now);
    if (!ban || ban->manual || spares == BAN_SPARES_NONE) return ban;
    return spares == BAN_SPARES_NETWORKS ? of_the_place(b, p, now) : NULL;
}

struct ban ban_next(const struct bans *b, const struct place *p, gp_time first, gp_time now)
{
    struct ban        next = { .place = *p, .made = now, .offences = 1 };
    const struct ban *last = bans_at(b, p);
    if (last && !last->manual && now - last->until < remembered) next.offences = last->offences + 1;
    gp_time length = first;
    for (unsigned i = 1; i < next.offences && length < longest; i++) length <<= BACKOFF_BITS;
    next.until = now + (length < longest ? length : longest);
    return next;
}
