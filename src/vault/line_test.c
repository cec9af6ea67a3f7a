/* The line on a clock of its own: who is served, who gives way, and that nobody can keep the others out. */
#include "policy/place.h"
#include "vault/line.h"

#include <string.h>

#include "check.h"

enum { MOST = 64, START = 1000000, SEED = 42 };

static struct line       line;
static struct line_place places[4 * MOST];
static size_t            used;

static void fresh(unsigned most)
{
    line_init(&line, most, SEED);
    memset(places, 0, sizeof(places));
    used = 0;
}

static struct line_place *place(uint64_t address, uint64_t name)
{
    CHECK(used < GP_COUNT(places));
    places[used] = (struct line_place) { .address = address, .name = name };
    return &places[used++];
}

static struct line_place *enter(struct line_place *p, gp_time now)
{
    return line_enter(&line, p, now);
}

static void wrong(uint64_t address, unsigned times, gp_time now)
{
    for (unsigned i = 0; i < times; i++) line_note(&line, address, false, now);
}

static uint64_t taken(void)
{
    const struct line_place *p = line_serve(&line);
    return p ? p->address : 0;
}

TEST(one_address_fills_its_share_and_no_more)
{
    unsigned entered = 0;
    fresh(MOST);
    for (unsigned i = 0; i < 2 * MOST; i++) {
        struct line_place *p = place(1, i), *gone = enter(p, START);
        CHECK(!gone || gone == p);
        entered += !gone;
    }
    CHECK(entered == MOST / LINE_SHARE && line.count == entered);
    CHECK(!enter(place(2, 7), START)); /* another has room */
    fresh(MOST);
    wrong(1, LINE_WRONGS, START);
    for (unsigned i = 0; i < MOST; i++) (void)!enter(place(1, i), START);
    CHECK(line.count == MOST / LINE_WRONG_SHARE);
}

TEST(addresses_take_turns)
{
    fresh(MOST);
    for (unsigned i = 0; i < 3; i++) CHECK(!enter(place(1, i), START));
    for (unsigned i = 0; i < 2; i++) CHECK(!enter(place(2, 10 + i), START));
    CHECK(!enter(place(3, 20), START));
    static const uint64_t order[] = { 1, 2, 3, 1, 2, 1, 0 };
    for (size_t i = 0; i < GP_COUNT(order); i++) CHECK(taken() == order[i]);
}

/* Many addresses and one name wait for each other, too. */
TEST(names_take_turns)
{
    fresh(MOST);
    for (unsigned i = 0; i < 5; i++) CHECK(!enter(place(10 + i, 1), START));
    CHECK(!enter(place(2, 2), START));
    CHECK(taken() == 10 && taken() == 2 && taken() == 11);
}

TEST(who_came_later_is_not_behind_what_was_served_before_he_came)
{
    fresh(MOST);
    for (unsigned i = 0; i < 6; i++) CHECK(!enter(place(1, i), START));
    for (unsigned i = 0; i < 3; i++) CHECK(taken() == 1);
    for (unsigned i = 0; i < 2; i++) CHECK(!enter(place(2, 10 + i), START));
    CHECK(taken() == 1 && taken() == 2 && taken() == 1);
}

TEST(a_full_line_drops_the_newest_of_the_longest)
{
    fresh(MOST);
    for (unsigned i = 0; i < MOST / 2; i++) CHECK(!enter(place(1, i), START));
    for (unsigned i = 0; i < MOST / 4; i++) CHECK(!enter(place(2, 100 + i), START));
    for (unsigned i = 0; i < MOST / 4; i++) CHECK(!enter(place(3, 200 + i), START));
    CHECK(line.count == MOST);
    const struct line_place *gone = enter(place(4, 300), START);
    CHECK(gone == &places[MOST / 2 - 1] && line.count == MOST);
    gone = enter(place(2, 301), START);
    CHECK(gone == &places[MOST / 2 - 2]);
}

TEST(who_was_wrong_goes_behind_and_who_was_right_before)
{
    fresh(MOST);
    wrong(1, LINE_WRONGS, START);
    line_note(&line, 3, true, START);
    for (uint64_t address = 1; address <= 3; address++) CHECK(!enter(place(address, address), START));
    CHECK(taken() == 3 && taken() == 2 && taken() == 1);
}

TEST(who_waits_and_turns_out_wrong_goes_behind)
{
    fresh(MOST);
    for (uint64_t address = 1; address <= 2; address++) CHECK(!enter(place(address, address), START));
    wrong(1, LINE_WRONGS, START);
    CHECK(taken() == 2 && taken() == 1);
}

TEST(memory_fades_and_a_right_password_forgives_no_wrong_one)
{
    static const struct {
        unsigned       wrongs;
        bool           right;
        gp_time        later;
        enum line_rank rank;
    } rows[] = {
        {0,                false, 0,                         LINE_NEW  },
        { LINE_WRONGS - 1, false, 0,                         LINE_NEW  },
        { LINE_WRONGS,     false, 0,                         LINE_WRONG},
        { LINE_WRONGS,     false, LINE_HALF_LIFE_MS - 1,     LINE_WRONG},
        { LINE_WRONGS,     false, LINE_HALF_LIFE_MS,         LINE_NEW  },
        { 1000,            false, 4 * LINE_HALF_LIFE_MS,     LINE_WRONG},
        { 1000,            false, 5 * LINE_HALF_LIFE_MS,     LINE_NEW  },
        { 1000,            false, 5000L * LINE_HALF_LIFE_MS, LINE_NEW  },
        { LINE_WRONGS,     true,  0,                         LINE_WRONG},
        { LINE_WRONGS - 1, true,  0,                         LINE_KNOWN},
        { 0,               true,  LINE_RIGHT_MS - 1,         LINE_KNOWN},
        { 0,               true,  LINE_RIGHT_MS,             LINE_NEW  },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        fresh(MOST);
        wrong(1, rows[i].wrongs, START);
        if (rows[i].right) line_note(&line, 1, true, START);
        CHECK(line_rank(&line, 1, START + rows[i].later) == rows[i].rank);
        CHECK(line_rank(&line, 2, START) == LINE_NEW);
    }
}

/* What wrong passwords fill cannot push out whom the server knows. */
TEST(right_ones_are_remembered_through_a_storm_of_addresses)
{
    fresh(MOST);
    line_note(&line, 1, true, START);
    for (uint64_t i = 0; i < 100000; i++) line_note(&line, 1000 + i, false, START + 1);
    CHECK(line_rank(&line, 1, START + 1) == LINE_KNOWN);
}

/* An account under attack from everywhere: its owner comes in from where he was right before. */
TEST(a_known_address_comes_in_where_its_name_is_attacked)
{
    fresh(MOST);
    line_note(&line, 1, true, START);
    for (unsigned i = 0; i < MOST / LINE_SHARE; i++) CHECK(!enter(place(100 + i, 7), START));
    struct line_place *stranger = place(99, 7), *owner = place(1, 7);
    CHECK(enter(stranger, START) == stranger);
    const struct line_place *gone = enter(owner, START);
    CHECK(gone && gone != owner && gone->name == 7);
    CHECK(line_serve(&line) == owner);
}

TEST(a_storm_keeps_a_newcomer_out_for_no_turn)
{
    fresh(MOST);
    for (unsigned i = 0; i < MOST; i++) (void)!enter(place(1 + i / 16, i), START);
    for (uint64_t address = 1; address <= MOST / 16; address++) wrong(address, LINE_WRONGS, START);
    struct line_place *newcomer = place(500, 500), *gone = enter(newcomer, START);
    CHECK(gone && gone != newcomer);
    CHECK(line_serve(&line) == newcomer);
}

TEST(who_waits_longest_has_a_turn_of_his_own)
{
    unsigned turns = 0;
    fresh(MOST);
    wrong(1, LINE_WRONGS, START);
    CHECK(!enter(place(1, 1), START));
    do {
        CHECK(turns++ < LINE_OLDEST_EVERY);
        CHECK(!enter(place(100 + turns, 100 + turns), START));
    } while (taken() != 1);
    CHECK(turns == LINE_OLDEST_EVERY);
}

TEST(who_leaves_is_not_served)
{
    fresh(MOST);
    for (uint64_t address = 1; address <= 4; address++) CHECK(!enter(place(address, address), START));
    line_leave(&line, &places[1]);
    line_leave(&line, &places[0]);
    line_leave(&line, &places[3]);
    CHECK(line.count == 1 && taken() == 3 && taken() == 0 && !line.oldest && !line.newest);
    CHECK(!enter(&places[1], START) && taken() == 2);
}

TEST(a_line_without_room_takes_nobody)
{
    fresh(0);
    struct line_place *p = place(1, 1);
    CHECK(enter(p, START) == p && !line_serve(&line));
    fresh(1);
    CHECK(!enter(place(1, 1), START));
    p = place(2, 2);
    CHECK(enter(p, START) == p && line.count == 1);
}

TEST(an_address_is_what_one_customer_has)
{
    static const struct {
        const char *a, *b;
        bool        same;
    } rows[] = {
        {"192.0.2.1",         "192.0.2.1",         true },
        { "192.0.2.1",        "192.0.2.2",         false},
        { "192.0.2.1",        "::ffff:192.0.2.1",  true },
        { "::ffff:192.0.2.1", "::ffff:192.0.2.2",  false},
        { "2001:db8::1",      "2001:db8::2",       true },
        { "2001:db8::1",      "2001:db8::1:0:0:1", true },
        { "2001:db8:0:1::1",  "2001:db8::1",       false},
        { "",                 "192.0.2.1",         false},
        { "not an address",   "nor this",          false},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++)
        CHECK((place_digest(gp_from(rows[i].a)) == place_digest(gp_from(rows[i].b))) == rows[i].same);
    CHECK(line_name(GP_LIT("anna")) != line_name(GP_LIT("bert")));
}

/* ---- whatever happens ---------------------------------------------------------------------------------------------------- */
static bool waits(const struct line_place *wanted)
{
    for (const struct line_place *p = line.oldest; p; p = p->next)
        if (p == wanted) return true;
    return false;
}

static void is_sound(unsigned most)
{
    unsigned                 count  = 0;
    const struct line_place *before = NULL;
    for (const struct line_place *p = line.oldest; p; before = p, p = p->next) {
        unsigned of_address = 0;
        for (const struct line_place *q = line.oldest; q; q = q->next) of_address += q->address == p->address;
        CHECK(p->previous == before && (!before || before->order < p->order));
        CHECK(of_address <= (most > LINE_SHARE ? most / LINE_SHARE : 1));
        count++;
    }
    CHECK(line.newest == before && count == line.count && count <= most);
}

/* Best rank first, unless the turn is that of who waits longest. */
static void take_one(void)
{
    const struct line_place *oldest = line.oldest;
    enum line_rank           best   = LINE_WRONG;
    for (const struct line_place *p = line.oldest; p; p = p->next)
        if (p->rank < best) best = p->rank;
    const struct line_place *p = line_serve(&line);
    CHECK((p != NULL) == (oldest != NULL));
    CHECK(!p || p->rank == best || p == oldest);
    CHECK(!p || !waits(p));
}

static void enter_one(uint64_t source, gp_time now)
{
    enum { NAMES = 4 };
    struct line_place *p = NULL;
    for (size_t i = 0; i < GP_COUNT(places) && !p; i++)
        if (!waits(&places[i])) p = &places[i];
    unsigned before         = line.count;
    *p                      = (struct line_place) { .address = source, .name = source % NAMES };
    struct line_place *gone = line_enter(&line, p, now);
    CHECK(waits(p) == (gone != p) && (!gone || !waits(gone)));
    CHECK(line.count == before + (gone == NULL));
    CHECK(!gone || gone == p || gone->rank >= p->rank);
}

PROPERTY(the_line_is_fair_whatever_happens, bytes)
{
    enum { SOURCES = 16, KINDS = 8, LEAST = 1, SIZES = 12, MINUTE = 60000 };
    unsigned most = bytes.len ? LEAST + (unsigned char)bytes.ptr[0] % SIZES : LEAST;
    gp_time  now  = START;
    fresh(most);
    for (size_t i = 1; i < bytes.len && i < 2000; i++) {
        unsigned char octet  = (unsigned char)bytes.ptr[i];
        uint64_t      source = octet / KINDS % SOURCES;
        switch (octet % KINDS) {
        case 0: take_one(); break;
        case 1: line_note(&line, source, false, now); break;
        case 2: line_note(&line, source, true, now); break;
        case 3: now += (gp_time)source * MINUTE / 2; break;
        case 4:
            if (line.oldest) line_leave(&line, source % 2 ? line.oldest : line.newest);
            break;
        default: enter_one(source, now);
        }
        is_sound(most);
    }
    for (unsigned left = line.count; left > 0; left--) take_one();
    CHECK(line.count == 0 && !line_serve(&line));
}
