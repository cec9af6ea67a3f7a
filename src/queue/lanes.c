/* Destinations that have mail waiting: a hash table over three rings, and a heap of those that sleep.
 *
 *   place    what it waits for                        leaves when
 *   READY    its turn; served round robin             nothing is due (ASLEEP, or dropped), or enough is under way (FULL)
 *   ASLEEP   wake_at                                  that time, a new message, or a command
 *   FULL     an outcome                               one of its attempts ends, or a new message comes
 *   CROWDED  a free connection that is not for others any attempt ends, a new message comes, or its turn once a second (shares.c) */
#include <stdlib.h>
#include <string.h>

#include "queue/parts.h"

gp_str lane_name(const struct lane *lane)
{
    return (gp_str) { lane->name, lane->name_len };
}

/* FNV-1a; names come from authenticated senders and a bucket's chain is bounded by LANES_MOST. */
static size_t bucket_of(gp_str name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < name.len; i++) hash = (hash ^ (unsigned char)name.ptr[i]) * UINT64_C(0x100000001b3);
    return (size_t)(hash % LANE_BUCKETS);
}

struct lane *lanes_find(const struct lanes *lanes, gp_str name)
{
    struct lane *lane = lanes->buckets[bucket_of(name)];
    while (lane && !gp_same(lane_name(lane), name)) lane = lane->bucket_next;
    return lane;
}

/* ---- sleepers: a heap, the first to wake on top, so that a million of wakings cost no walk ------------------------------- */
static void seat(struct lanes *lanes, struct lane *lane, size_t at)
{
    lanes->sleepers[at] = lane;
    lane->sleeper_at    = at;
}

static void rise(struct lanes *lanes, struct lane *lane, size_t at)
{
    for (; at > 0 && lanes->sleepers[(at - 1) / 2]->wake_at > lane->wake_at; at = (at - 1) / 2)
        seat(lanes, lanes->sleepers[(at - 1) / 2], at);
    seat(lanes, lane, at);
}

static void sink(struct lanes *lanes, struct lane *lane, size_t at)
{
    for (size_t child; (child = 2 * at + 1) < lanes->sleeper_count; at = child) {
        struct lane **two = &lanes->sleepers[child];
        if (child + 1 < lanes->sleeper_count && two[1]->wake_at < two[0]->wake_at) child++;
        if (lanes->sleepers[child]->wake_at >= lane->wake_at) break;
        seat(lanes, lanes->sleepers[child], at);
    }
    seat(lanes, lane, at);
}

static void falls_asleep(struct lanes *lanes, struct lane *lane, gp_time wake_at)
{
    lane->wake_at = wake_at;
    rise(lanes, lane, lanes->sleeper_count++);
}

static void wakes(struct lanes *lanes, const struct lane *lane)
{
    size_t       at   = lane->sleeper_at;
    struct lane *last = lanes->sleepers[--lanes->sleeper_count];
    if (last == lane) return;
    sink(lanes, last, at); /* to where it belongs among those below it */
    rise(lanes, last, last->sleeper_at);
}

/* ---- rings ---------------------------------------------------------------------------------------------------------- */
static void leave(struct lanes *lanes, struct lane *lane)
{
    struct lane **first = &lanes->places[lane->place];
    if (lane->place == LANE_ASLEEP) wakes(lanes, lane);
    if (*first == lane) *first = lane->next == lane ? NULL : lane->next;
    lane->previous->next = lane->next;
    lane->next->previous = lane->previous;
}

static void enter(struct lanes *lanes, struct lane *lane, enum lane_place place)
{
    struct lane **first = &lanes->places[place];
    lane->place         = place;
    if (!*first) {
        *first = lane->next = lane->previous = lane;
        return;
    }
    lane->next           = *first;
    lane->previous       = (*first)->previous;
    lane->previous->next = lane;
    (*first)->previous   = lane;
}

void lane_move(struct lanes *lanes, struct lane *lane, enum lane_place place, gp_time wake_at)
{
    leave(lanes, lane);
    enter(lanes, lane, place);
    if (place == LANE_ASLEEP) falls_asleep(lanes, lane, wake_at);
}

/* ---- coming and going -------------------------------------------------------------------------------------------------- */
static struct lane *open_lane(struct lanes *lanes, gp_str name)
{
    struct lane *lane = lanes->count < LANES_MOST ? calloc(1, sizeof *lane + name.len) : NULL;
    if (!lane) {
        lanes->overflow = true;
        return NULL;
    }
    struct lane **bucket = &lanes->buckets[bucket_of(name)];
    lane->name_len       = name.len;
    if (name.len) memcpy(lane->name, name.ptr, name.len);
    lane->bucket_next = *bucket;
    *bucket           = lane;
    enter(lanes, lane, LANE_READY);
    lanes->count++;
    return lane;
}

struct lane *lanes_wake(struct lanes *lanes, gp_str name, gp_time at, gp_time now)
{
    struct lane *lane = lanes_find(lanes, name);
    if (!lane)
        lane = open_lane(lanes, name);
    else if (lane->place == LANE_READY || (lane->place == LANE_ASLEEP ? lane->wake_at <= at : at > now))
        return lane; /* a full one is looked at again: it may have room, and had nothing else that was due */
    if (lane) lane_move(lanes, lane, at <= now ? LANE_READY : LANE_ASLEEP, at);
    return lane;
}

void lane_drop(struct lanes *lanes, struct lane *lane)
{
    struct lane **link = &lanes->buckets[bucket_of(lane_name(lane))];
    while (*link != lane) link = &(*link)->bucket_next;
    *link = lane->bucket_next;
    leave(lanes, lane);
    lanes->count--;
    free(lane->last_word);
    free(lane);
}

void lanes_close(struct lanes *lanes)
{
    for (size_t i = 0; i < LANE_BUCKETS; i++)
        for (struct lane *lane = lanes->buckets[i], *next; lane; lane = next) {
            next = lane->bucket_next;
            free(lane->last_word);
            free(lane);
        }
    memset(lanes, 0, sizeof *lanes); /* too large for the stack */
}

/* ---- time ---------------------------------------------------------------------------------------------------------------- */
static void wake_sleepers(struct lanes *lanes, gp_time now)
{
    while (lanes->sleeper_count && lanes->sleepers[0]->wake_at <= now)
        lane_move(lanes, lanes->sleepers[0], LANE_READY, 0);
}

struct lane *lanes_next(struct lanes *lanes, gp_time now)
{
    wake_sleepers(lanes, now);
    struct lane *lane = lanes->places[LANE_READY];
    if (lane) lanes->places[LANE_READY] = lane->next;
    return lane;
}

/* ---- trouble at the far end ------------------------------------------------------------------------------------------------ */
void lane_suspend(struct lane *lane, gp_time until, gp_str last_word)
{
    char *copy            = malloc(last_word.len + 1);
    lane->suspended_until = until;
    if (!copy) return; /* the older word, or none, has to do */
    if (last_word.len) memcpy(copy, last_word.ptr, last_word.len);
    free(lane->last_word);
    lane->last_word     = copy;
    lane->last_word_len = last_word.len;
}

void lane_recovered(struct lane *lane)
{
    lane->failures        = 0;
    lane->suspended_until = 0;
    free(lane->last_word);
    lane->last_word     = NULL;
    lane->last_word_len = 0;
}

static unsigned width(const struct lane *lane, unsigned most)
{
    return lane->narrow && lane->narrow < most ? lane->narrow : most;
}

void lane_widen(struct lane *lane, unsigned most)
{
    if (!lane->narrow || ++lane->good < lane->narrow) return;
    lane->good   = 0;
    lane->narrow = lane->narrow + 1 < most ? lane->narrow + 1 : 0;
}

void lane_narrow(struct lane *lane, unsigned most)
{
    unsigned half = width(lane, most) / 2;
    lane->narrow  = half ? half : 1;
    lane->good    = 0;
}

/* Not what is about one mailbox or message, nor greylisting: that is no matter of how many come at once. A connection that was lost, or a reply that
 * never came, holds one of ours for as long as it takes: the next time there are fewer. */
bool lane_is_too_much(gp_str result)
{
    static const char *const too_much[] = { "4.3.2", "4.4.5", "4.7.28" };
    (void)gp_cut(&result, '\t');
    gp_str code = gp_cut(&result, '\t'), enhanced = gp_cut(&result, '\t');
    bool   said = gp_is(code, "421") || (gp_is(code, "0") && gp_is(enhanced, "4.4.2"));
    for (size_t i = 0; i < GP_COUNT(too_much); i++) said = said || gp_is(enhanced, too_much[i]);
    return said;
}

void lanes_revive(struct lanes *lanes)
{
    for (size_t i = 0; i < LANE_BUCKETS; i++)
        for (struct lane *lane = lanes->buckets[i]; lane; lane = lane->bucket_next) lane->suspended_until = 0;
}
