/* Whose mail has the last free connections. While more than a quarter of what may be under way is free, anybody's; then an account, and a
 * destination, may have one more only as long as it has less than a quarter of as many as are free. So whoever has nothing under way has a turn
 * at once, however long others' servers keep those waiting, and it takes many to have them all. Where an account has too many, half of that
 * quarter is still for its destinations that have none: a few that hang do not hold up all that it sends. */
#include "queue/parts.h"

enum {
    QUARTER       = 4,
    EIGHTH        = 8,
    FREED_LOOKS   = 64, /* of those that wait, as many are looked at when an attempt ends */
    FREED_WAKES   = 2,  /* one may find that nothing of it is due                         */
    TURN_LOOKS_AT = 4096,
    TURN_WAKES    = 256,
    TURN_UNASKED  = 64, /* whoever's mail they waited for: another account's may be due   */
};

size_t shares_most(const struct queue *q)
{
    unsigned most = q->config->relay.connections_most;
    return most && most < ATTEMPTS_MOST ? most : ATTEMPTS_MOST;
}

/* Where it stands, or would: as many accounts as have mail under way are few, as a rule. */
static size_t place_of(const struct shares *s, int64_t account)
{
    size_t at = 0;
    while (at < s->count && s->of[at].account != account) at++;
    return at;
}

void shares_began(struct queue *q, struct lane *lane, int64_t account)
{
    struct shares *s  = &q->shares;
    const size_t   at = place_of(s, account);
    q->under_way++;
    lane->under_way++;
    if (at == GP_COUNT(s->of)) return;
    if (at == s->count) s->of[s->count++] = (struct share) { .account = account };
    s->of[at].under_way++;
}

/* Rounded up: of a few connections, too, the last one is not for whoever has all others. */
static size_t part(size_t most, size_t of)
{
    return (most + of - 1) / of;
}

bool shares_let(const struct queue *q, const struct lane *lane, int64_t account)
{
    const size_t most = shares_most(q), left = q->under_way < most ? most - q->under_way : 0;
    if (left > part(most, QUARTER)) return true;
    if (!left || (lane->under_way && (size_t)QUARTER * lane->under_way >= left)) return false;
    const size_t at = place_of(&q->shares, account), mine = at < q->shares.count ? q->shares.of[at].under_way : 0;
    return QUARTER * mine < left || (!lane->under_way && left > part(most, EIGHTH));
}

void shares_wait(struct queue *q, struct lane *lane, int64_t account)
{
    lane->waits_as = account;
    lane_move(&q->lanes, lane, LANE_CROWDED, 0);
}

/* Each time from where it has stopped. */
static void wake(struct queue *q, size_t looks, size_t wakes, size_t unasked)
{
    struct lane *lane, *stayed = NULL, **first = &q->lanes.places[LANE_CROWDED];
    while (looks-- && wakes && (lane = *first) && lane != stayed) {
        if (unasked || shares_let(q, lane, lane->waits_as)) {
            if (unasked) unasked--;
            wakes--;
            lane_move(&q->lanes, lane, LANE_READY, 0);
            continue;
        }
        if (!stayed) stayed = lane;
        *first = lane->next;
    }
}

void shares_ended(struct queue *q, struct lane *lane, int64_t account)
{
    struct shares *s  = &q->shares;
    const size_t   at = place_of(s, account);
    if (at < s->count && !--s->of[at].under_way) s->of[at] = s->of[--s->count];
    q->under_way--;
    lane->under_way--;
    wake(q, FREED_LOOKS, FREED_WAKES, 0);
}

void shares_turn(struct queue *q, gp_time now)
{
    if (now >= q->shares.looked_at && now - q->shares.looked_at < SECOND) return;
    q->shares.looked_at = now;
    wake(q, TURN_LOOKS_AT, TURN_WAKES, TURN_UNASKED);
}
