/* Which buckets a try stands before is a list made anew each time; what is asked, charged and settled goes along that list. */
#include "policy/guard_parts.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "policy/keyed.h"

enum {
    V4_NETWORK   = PLACE_V4_AT + 24,
    V6_PLACE     = 64,
    V6_NETWORK   = 56,
    V6_WIDE      = 48,
    STANDS_MOST  = 8,
    ALL_PROOFS   = 1, /* in place of one client's looks */
    DELAY_LEAST  = 500,
    PAIR_ROWS    = 32 * 1024,
    KNOWN_ROWS   = 8 * 1024,
    ACCOUNT_ROWS = 16 * 1024,
    PLACE_ROWS   = 32 * 1024,
    NETWORK_ROWS = 16 * 1024,
    TRY_ROWS     = 32 * 1024,
    REPEAT_ROWS  = 64 * 1024,
    HEARD_ROWS   = 32 * 1024,
    KEY_ROOM     = 32,
    SECRET_MOST  = 9216, /* a bearer token */
    INPUT_MOST   = SECRET_MOST + 64,
};

struct stand {
    enum guard_level level;
    struct scores   *table; /* NULL: the server's */
    uint64_t         key;
    struct allowance allowance;
    struct place     network;
};
struct stands {
    struct stand list[STANDS_MOST];
    size_t       count;
};

/* ---- opening ----------------------------------------------------------------------------------------------------------- */
static bool open_scores(struct scores *s, size_t rows)
{
    s->rows = calloc(rows, sizeof(*s->rows));
    s->sets = rows / SCORES_WAYS;
    return s->rows != NULL;
}

static bool open_repeats(struct repeats *r, size_t rows)
{
    r->rows = calloc(rows, sizeof(*r->rows));
    r->sets = rows / REPEATS_WAYS;
    return r->rows != NULL;
}

struct guard *guard_open(const struct guard_plan *plan)
{
    static const size_t rows[TABLES] = { [PAIRS] = PAIR_ROWS,   [KNOWN_PAIRS] = KNOWN_ROWS, [ACCOUNTS] = ACCOUNT_ROWS,
                                         [PLACES] = PLACE_ROWS, [NETWORKS] = NETWORK_ROWS,  [TRIES] = TRY_ROWS };
    struct guard       *g            = calloc(1, sizeof(*g));
    if (!g) return NULL;
    g->plan   = *plan;
    bool good = open_repeats(&g->repeats, REPEAT_ROWS) && open_repeats(&g->heard, HEARD_ROWS) && true;
    for (size_t i = 0; i < TABLES && good; i++) good = open_scores(&g->tables[i], rows[i]);
    if (good) return g;
    guard_close(g);
    return NULL;
}

void guard_close(struct guard *g)
{
    if (!g) return;
    for (size_t i = 0; i < TABLES; i++) free(g->tables[i].rows);
    free(g->repeats.rows);
    free(g->heard.rows);
    gp_wipe(g, sizeof(*g));
    free(g);
}

/* ---- keys -------------------------------------------------------------------------------------------------------------- */
static uint64_t key_of(const struct guard *g, const struct gp_text *input)
{
    uint64_t key = keyed_hash(g->plan.key, gp_said(input));
    return key ? key : 1;
}

static void put_octets(struct gp_text *out, const void *octets, size_t len)
{
    gp_put(out, (gp_str) { octets, len });
}

static uint64_t place_key(const struct guard *g, enum guard_level level, const struct place *p, uint64_t account)
{
    char           room[KEY_ROOM];
    struct gp_text input = GP_TEXT(room);
    gp_put_char(&input, (char)level);
    gp_put_char(&input, (char)p->bits);
    put_octets(&input, p->octets, PLACE_OCTETS);
    put_octets(&input, &account, sizeof(account));
    return key_of(g, &input);
}

uint64_t guard_name(const struct guard *g, gp_str name)
{
    uint64_t key = keyed_hash(g->plan.key, name);
    return key ? key : 1;
}

/* A secret goes into a digest that leads nowhere back. */
uint64_t guard_secret(const struct guard *g, const struct guard_try *t, gp_secret secret)
{
    char           room[INPUT_MOST];
    uint8_t        digest[GP_DIGEST_MOST];
    uint64_t       short_one = 0;
    struct gp_text input     = GP_TEXT(room);
    put_octets(&input, &t->account, sizeof(t->account));
    put_octets(&input, t->place.octets, PLACE_OCTETS);
    put_octets(&input, secret.ptr, secret.len);
    if (!input.cut && gp_hmac(GP_SHA256, (gp_str) { (const char *)g->plan.key, GUARD_KEY }, gp_said(&input), digest))
        memcpy(&short_one, digest, sizeof(short_one));
    gp_wipe(room, sizeof(room));
    return short_one;
}

struct place guard_place(const struct place *address)
{
    return place_is_v4(address) ? *address : place_around(address, V6_PLACE);
}

/* ---- what a try stands before ------------------------------------------------------------------------------------------ */
static void add(struct stands *all, enum guard_level level, struct scores *table, uint64_t key, unsigned units)
{
    all->list[all->count++] = (struct stand) {
        level, table, key, {units, REGAIN / units },
           { .bits = 0   }
    };
}

static void add_network(struct guard *g, struct stands *all, enum guard_level level, struct place network,
                        unsigned units)
{
    enum table table = level == GUARD_LEVEL_PLACE ? PLACES : NETWORKS;
    add(all, level, &g->tables[table], place_key(g, level, &network, 0), units);
    all->list[all->count - 1].network = network;
}

static bool under_siege(struct guard *g, gp_time now)
{
    struct allowance a = { g->plan.per_place * GUARD_SERVER, REGAIN / (g->plan.per_place * GUARD_SERVER) };
    return !score_has_room(&g->server, &a, 1, now);
}

/* Never nothing: who has never been here may still be right. */
static unsigned share(unsigned units, bool siege)
{
    if (!siege) return units;
    return units > GUARD_SIEGE ? units / GUARD_SIEGE : 1;
}

static void add_of(struct guard *g, struct stands *all, enum guard_level level, enum table table, const struct place *p,
                   uint64_t whose, unsigned units)
{
    add(all, level, &g->tables[table], place_key(g, level, p, whose), units);
}

/* What is known by its looks alone has a count for each that looks the same: an old device with proofs stands in its own way, and in no other
 * device's. Who guesses can look as he likes, so there is a count for all of them as well. */
static uint64_t looks_of(const struct guard_try *t)
{
    return t->vague ? t->account ^ t->secret : t->account;
}

static void add_known(struct guard *g, struct stands *all, const struct guard_try *t)
{
    unsigned each = t->apart ? GUARD_SHARED_PAIR : GUARD_KNOWN_PAIR;
    unsigned most = t->apart ? GUARD_SHARED_PAIR : GUARD_PROOFS * GUARD_KNOWN_PAIR;
    add_of(g, all, GUARD_LEVEL_KNOWN_PAIR, KNOWN_PAIRS, &t->place, looks_of(t), each);
    if (t->vague) add_of(g, all, GUARD_LEVEL_KNOWN_PAIR, KNOWN_PAIRS, &t->place, t->account ^ ALL_PROOFS, most);
}

/* An old device may well be at a place before its owner is. What strangers do counts for the account whatever they look like. */
static void add_stranger(struct guard *g, struct stands *all, const struct guard_try *t, bool siege)
{
    bool         near = t->tier == GUARD_NEAR_KNOWN;
    struct place none = { .bits = 0 };
    unsigned     each = share(GUARD_PAIR, siege && !near);
    add_of(g, all, GUARD_LEVEL_PAIR, PAIRS, &t->place, looks_of(t), each);
    if (t->vague) add_of(g, all, GUARD_LEVEL_PAIR, PAIRS, &t->place, t->account ^ ALL_PROOFS, GUARD_PROOFS * each);
    if (!near) add_of(g, all, GUARD_LEVEL_ACCOUNT, ACCOUNTS, &none, t->account, g->plan.per_account);
    if (near) add_of(g, all, GUARD_LEVEL_NEAR, ACCOUNTS, &none, looks_of(t), GUARD_NEAR);
    if (near && t->vague)
        add_of(g, all, GUARD_LEVEL_NEAR, ACCOUNTS, &none, t->account ^ ALL_PROOFS, GUARD_PROOFS * GUARD_NEAR);
}

static void add_places(struct guard *g, struct stands *all, const struct guard_try *t, bool siege)
{
    bool     v4     = place_is_v4(&t->place);
    unsigned guests = t->guests < GUARD_GUESTS_MOST ? t->guests : GUARD_GUESTS_MOST;
    unsigned each   = g->plan.per_place;
    add_network(g, all, GUARD_LEVEL_PLACE, t->place, share(each, siege) + guests * GUARD_PER_GUEST);
    if (t->tier == GUARD_NEAR_KNOWN) return; /* who lives in a network that guesses is no guesser for it */
    add_network(g, all, GUARD_LEVEL_NETWORK, place_around(&t->place, v4 ? V4_NETWORK : V6_NETWORK),
                each * GUARD_NETWORK + guests * GUARD_PER_GUEST);
    if (!v4)
        add_network(g, all, GUARD_LEVEL_WIDE, place_around(&t->place, V6_WIDE),
                    each * GUARD_NETWORK_WIDE + guests * GUARD_PER_GUEST);
}

static struct stands stands_of(struct guard *g, const struct guard_try *t, gp_time now)
{
    struct stands all = { .count = 0 };
    if (t->tier == GUARD_KNOWN) {
        add_known(g, &all, t);
        return all;
    }
    bool siege = under_siege(g, now);
    if (!t->nobody) add_stranger(g, &all, t, siege);
    if (!t->apart) add_places(g, &all, t, siege);
    if (!t->apart) add(&all, GUARD_LEVEL_SERVER, NULL, 0, g->plan.per_place * GUARD_SERVER);
    return all;
}

static struct score *row_of(struct guard *g, const struct stand *s, gp_time now)
{
    return s->table ? scores_at(s->table, s->key, &s->allowance, now) : &g->server;
}

/* ---- delays ------------------------------------------------------------------------------------------------------------ */
static const struct allowance tries = { TRIES_UNITS, TRY_REGAIN };

static uint64_t tries_key(const struct guard *g, const struct guard_try *t)
{
    return place_key(g, GUARD_LEVEL_SERVER, &t->place, t->tier == GUARD_KNOWN ? looks_of(t) : 0);
}

static gp_time delay_after(unsigned used, gp_time slowest)
{
    gp_time delay = DELAY_LEAST;
    while (used-- > 0 && delay < slowest) delay *= 2;
    return delay < slowest ? delay : slowest;
}

/* A proof is another each time. */
static bool is_told_apart(const struct guard_try *t)
{
    return t->secret && !t->vague;
}

/* Tries are counted apart, and each as one: what a wrong one costs tells names that exist from others, and a delay can be seen. For that reason
 * as well it goes by what was said before, and not by what was looked at and found wrong. */
gp_time guard_delay(struct guard *g, const struct guard_try *t, gp_time now)
{
    if (t->apart) return 0;
    unsigned before = is_told_apart(t) ? repeats_add(&g->heard, t->secret, now) - 1 : 0;
    if (before) return before >= GUARD_STALE_SLOW ? g->plan.slowest : 0;
    struct score *row  = scores_at(&g->tables[TRIES], tries_key(g, t), &tries, now);
    unsigned      used = score_used(row, &tries, now), free_tries = GUARD_FREE_TRIES + t->guests;
    score_charge(row, &tries, 1, now);
    guard_changed(g, &g->tables[TRIES], row);
    if (t->tier != GUARD_KNOWN && under_siege(g, now)) free_tries = 0;
    return used < free_tries ? 0 : delay_after(used - free_tries, g->plan.slowest);
}

/* Of a right one that was said several times at once, only the first was counted. */
static void take_back(struct guard *g, const struct guard_try *t, gp_time now)
{
    if (t->apart || (is_told_apart(t) && !repeats_drop(&g->heard, t->secret, now))) return;
    struct score *row = scores_at(&g->tables[TRIES], tries_key(g, t), &tries, now);
    score_refund(row, &tries, 1);
    guard_changed(g, &g->tables[TRIES], row);
}

/* ---- verdicts ---------------------------------------------------------------------------------------------------------- */
/* How many at once is the same for all, whatever they have used: what waits can be seen. */
static bool is_crowded(const struct stand *s, const struct score *row)
{
    bool counts = s->level != GUARD_LEVEL_SERVER && s->level != GUARD_LEVEL_NETWORK && s->level != GUARD_LEVEL_WIDE;
    return counts && row->open >= GUARD_OPEN_MOST;
}

static struct guard_verdict deny(const struct stand *s)
{
    return (struct guard_verdict) { GUARD_DENY, s->level, s->network.bits > 0, s->network };
}

static uint64_t name_here(const struct guard *g, const struct guard_try *t)
{
    return place_key(g, GUARD_LEVEL_PAIR, &t->place, t->account);
}

/* Whether anybody has the name makes no difference, or it could be told from how many tries there are. */
static unsigned cost_of(const struct guard *g, const struct guard_try *t, gp_time now)
{
    return repeats_seen(&g->repeats, name_here(g, t), now) ? 1 : GUARD_NEW_NAME;
}

struct guard_verdict guard_ask(struct guard *g, const struct guard_try *t, gp_time now)
{
    struct stands all   = stands_of(g, t, now);
    unsigned      cost  = cost_of(g, t, now);
    bool          later = false;
    for (size_t i = 0; i < all.count; i++) {
        const struct stand *s     = &all.list[i];
        const struct score *row   = row_of(g, s, now);
        unsigned            units = s->network.bits ? cost : 1;
        if (s->table && !score_has_room(row, &s->allowance, units, now)) return deny(s);
        later = later || is_crowded(s, row);
    }
    if (later) return (struct guard_verdict) { GUARD_LATER, GUARD_LEVEL_NONE, false, { .bits = 0 } };
    for (size_t i = 0; i < all.count; i++) row_of(g, &all.list[i], now)->open++;
    return (struct guard_verdict) { GUARD_PASS, GUARD_LEVEL_NONE, false, { .bits = 0 } };
}

static void charge(struct guard *g, const struct stands *all, unsigned cost, gp_time now)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct stand *s   = &all->list[i];
        struct score       *row = row_of(g, s, now);
        score_charge(row, &s->allowance, s->network.bits ? cost : 1, now);
        guard_changed(g, s->table, row);
    }
}

static void charge_wrong(struct guard *g, const struct guard_try *t, const struct stands *all, gp_time now)
{
    charge(g, all, cost_of(g, t, now), now);
    if (!t->apart && t->tier != GUARD_KNOWN) (void)repeats_add(&g->repeats, name_here(g, t), now);
}

unsigned guard_settle(struct guard *g, const struct guard_try *t, enum guard_outcome outcome, gp_time now)
{
    struct stands all   = stands_of(g, t, now);
    unsigned      count = 0;
    for (size_t i = 0; i < all.count; i++) {
        struct score *row = row_of(g, &all.list[i], now);
        if (row->open) row->open--;
    }
    if (outcome == GUARD_RIGHT) take_back(g, t, now);
    if (outcome != GUARD_WRONG) return 0;
    if (t->secret) count = repeats_add(&g->repeats, t->secret, now);
    if (count <= 1 || t->vague) charge_wrong(g, t, &all, now);
    return count;
}

unsigned guard_once(struct guard *g, gp_str what, const struct guard_try *t, gp_time now)
{
    return repeats_add(&g->repeats, guard_secret(g, t, (gp_secret) { what.ptr, what.len }), now);
}

void guard_charge(struct guard *g, const struct guard_try *t, gp_time now)
{
    struct stands all = stands_of(g, t, now);
    charge(g, &all, 1, now);
}

void guard_forgive(struct guard *g, const struct place *network, gp_time now)
{
    static const enum guard_level levels[] = { GUARD_LEVEL_PLACE, GUARD_LEVEL_NETWORK, GUARD_LEVEL_WIDE };
    for (size_t i = 0; i < GP_COUNT(levels); i++) {
        struct scores *table = &g->tables[levels[i] == GUARD_LEVEL_PLACE ? PLACES : NETWORKS];
        struct score  *row   = scores_find(table, place_key(g, levels[i], network, 0));
        if (!row) continue;
        row->empty = now;
        guard_changed(g, table, row);
    }
}

const char *guard_level_name(enum guard_level level)
{
    static const char *const names[GUARD_LEVELS] = {
        [GUARD_LEVEL_NONE]       = "guard",
        [GUARD_LEVEL_PAIR]       = "guard.pair",
        [GUARD_LEVEL_KNOWN_PAIR] = "guard.pair",
        [GUARD_LEVEL_ACCOUNT]    = "guard.account",
        [GUARD_LEVEL_NEAR]       = "guard.account",
        [GUARD_LEVEL_PLACE]      = "guard.address",
        [GUARD_LEVEL_NETWORK]    = "guard.network",
        [GUARD_LEVEL_WIDE]       = "guard.network",
        [GUARD_LEVEL_SERVER]     = "guard.server",
    };
    return names[level];
}
