/* A month of a server under a virtual clock, over the code that decides there: people with their ways, guessers from ten thousand
 * addresses, sprayers, old phones behind one NAT, and accounts that are stolen. Says how it went as rows of a table, and fails when a
 * goal is missed. Nothing is random but by a seed: each run is the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/brake.h"
#include "policy/guard.h"

enum {
    PEOPLE     = 2000,
    OFFICE     = 200,
    OLD_PHONES = 50,
    TARGETS    = 20,
    GUESSERS   = 10000,
    SPRAYERS   = 100,
    DAYS       = 30,
    PLACES     = 8
};
enum { GUESSES_A_DAY = 4, ATTACK_FROM = 3, FAILING = 1 /* percent of what people send */, NEW_ONES = 8 /* percent */ };
#define SECOND ((gp_time)1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define START  ((gp_time)1764000000000)

/* What is asserted, and what is only said. */
static struct {
    unsigned long owners, refused, refused_away, away, guesses, hashed, most_hashed, sent, false_holds, stale;
    unsigned      hashed_of[PEOPLE];
} seen;

static uint64_t seed = 42;
static unsigned chance(unsigned most) /* splitmix64: streaks no longer than chance has them */
{
    uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);
    z          = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z          = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (unsigned)((z ^ (z >> 31)) >> 11) % most;
}

struct person {
    struct brake_state brake;
    unsigned           places[PLACES], place_count; /* where it has signed in: the guard's known places */
    unsigned           client, daily, trip;
    unsigned           letters; /* a newsletter every week, to so many */
    unsigned           program; /* no person, but a program that sends so many a day */
    unsigned           moves;   /* on that day, to another network with another machine; 0: never */
};
enum kind { PERSON, WRITER, PROGRAM, KINDS };
static enum kind kind_of(const struct person *p)
{
    if (p->program) return PROGRAM;
    return p->letters ? WRITER : PERSON;
}
static struct person people[PEOPLE];

/* ---- signing in ------------------------------------------------------------------------------------------------------------------ */
static struct guard *guard;

static struct guard_try try_from(unsigned who, unsigned address)
{
    char             name[16], text[32];
    struct place     p;
    struct guard_try t = { .tier = GUARD_STRANGE };
    (void)snprintf(name, sizeof name, "user%u", who);
    (void)snprintf(text, sizeof text, "%u.%u.%u.%u", 1 + (address >> 20) % 220, address >> 12 & 255, address >> 4 & 255,
                   address & 15);
    if (!place_read(gp_from(text), &p)) abort();
    t.account = guard_name(guard, gp_from(name));
    t.place   = guard_place(&p);
    for (unsigned i = 0; i < people[who].place_count; i++)
        if (people[who].places[i] == address) t.tier = GUARD_KNOWN;
    return t;
}

static void remember(struct person *p, unsigned address)
{
    for (unsigned i = 0; i < p->place_count; i++)
        if (p->places[i] == address) return;
    if (p->place_count < PLACES) p->places[p->place_count++] = address;
}

/* What clients do: asked once more when they are told so. */
static bool knock(const struct guard_try *t, gp_time now)
{
    now += guard_delay(guard, t, now);
    return guard_ask(guard, t, now).word == GUARD_PASS;
}

static void owner_signs_in(unsigned who, unsigned address, gp_time now)
{
    struct guard_try t     = try_from(who, address);
    bool             known = t.tier == GUARD_KNOWN;
    t.guests               = address < OFFICE ? OFFICE : 1;
    if (chance(50) == 0 && knock(&t, now)) (void)guard_settle(guard, &t, GUARD_WRONG, now); /* mistyped */
    bool passed = knock(&t, now);
    if (passed) (void)guard_settle(guard, &t, GUARD_RIGHT, now);
    if (passed) remember(&people[who], address);
    seen.owners += known;
    seen.away += !known;
    seen.refused += known && !passed;
    seen.refused_away += !known && !passed;
}

static void guess(unsigned who, unsigned address, uint64_t secret, gp_time now)
{
    struct guard_try t = try_from(who, address);
    t.secret           = guard_secret(guard, &t, (gp_secret) { (const char *)&secret, sizeof secret });
    seen.guesses++;
    if (!knock(&t, now)) return;
    if (guard_settle(guard, &t, GUARD_WRONG, now) > 1) return; /* not one more */
    seen.hashed++;
    if (++seen.hashed_of[who] > seen.most_hashed) seen.most_hashed = seen.hashed_of[who];
}

/* The same wrong password, every half hour, for a month. Every other phone says it as a proof, which is another each time. */
static void old_phone(unsigned who, gp_time now)
{
    struct guard_try t = try_from(who, 1);
    uint64_t         s = who;
    t.guests           = OFFICE;
    t.vague            = who % 2;
    t.secret           = guard_secret(guard, &t, (gp_secret) { (const char *)&s, sizeof s });
    if (knock(&t, now) && guard_settle(guard, &t, GUARD_WRONG, now) == GUARD_STALE) seen.stale++;
}

/* ---- sending ---------------------------------------------------------------------------------------------------------------------- */
static bool sends(struct brake_state *s, struct brake_message m, gp_time now)
{
    struct brake_score score;
    brake_message(s, &m, now, &score);
    return brake_holds(&score);
}

static void normal_mail(struct person *p, struct brake_message m, gp_time now)
{
    seen.sent++;
    seen.false_holds += sends(&p->brake, m, now);
    unsigned lost = chance(100) < FAILING;
    brake_outcomes(&p->brake, m.recipients - lost, lost, now + MINUTE);
}

static struct brake_message message_of(const struct person *p, unsigned address)
{
    return (struct brake_message) { .network    = 1 + address / 16,
                                    .client     = p->client,
                                    .mechanism  = p->client % 3 + 1,
                                    .likeness   = 1000 + chance(1 << 30),
                                    .recipients = 1,
                                    .fresh      = chance(100) < NEW_ONES };
}

/* Most write to one; some to a list of thirty, now and then to people they do not know. */
static void write_one(struct person *p, unsigned address, gp_time now)
{
    struct brake_message m = message_of(p, address);
    if (chance(100) == 0) m.recipients = 5 + chance(26);
    if (m.recipients > 1) m.fresh = chance(m.recipients);
    normal_mail(p, m, now);
}

static void newsletter(struct person *p, unsigned address, gp_time now)
{
    for (unsigned i = 0; i < p->letters; i++) {
        struct brake_message m = message_of(p, address);
        m.likeness             = (uint64_t)now;
        m.fresh                = chance(100) < 5;
        normal_mail(p, m, now + i * SECOND);
    }
}

/* Alerts to those who always have them, or a shop's confirmations, each to somebody else. */
static void program_hour(unsigned who, unsigned address, gp_time now)
{
    struct person *p     = &people[who];
    bool           alike = who % 200 < 100;
    for (unsigned i = 0; i < p->program / 24 + (chance(24) < p->program % 24 ? 1U : 0U); i++) {
        struct brake_message m = message_of(p, address);
        if (alike) m.likeness = who;
        m.fresh = !alike;
        normal_mail(p, m, now + i * MINUTE);
    }
}

/* ---- the month ---------------------------------------------------------------------------------------------------------------------- */
static void make_people(void)
{
    for (unsigned i = 0; i < PEOPLE; i++) {
        struct person *p = &people[i];
        *p               = (struct person) { .client = 1 + i, .daily = 1 + chance(12), .trip = 4 + chance(22) };
        if (i % 33 == 7) p->letters = 100 + chance(400);
        if (i % 100 == 50) p->program = 50 + chance(550);
        if (i % 100 == 5 || i % 300 == 50 || i % 300 == 150) p->moves = 18 + i % 4;
    }
}

static unsigned address_of(unsigned who, unsigned day)
{
    const struct person *p = &people[who];
    if (p->moves && day >= p->moves) return 800000 + who * 16;
    if (p->program) return 900016 + who * 16;                                /* 900000 is the thief's */
    if (day >= p->trip && day < p->trip + 4) return 500000 + who * 32 + day; /* a hotel, then another */
    return who < OFFICE ? 1 : 1000 + who * 16;
}

static void person_hour(unsigned who, unsigned day, unsigned hour, gp_time now)
{
    struct person *p       = &people[who];
    unsigned       address = address_of(who, day);
    if (p->moves && day == p->moves && hour == 8) p->client += 2 * PEOPLE;
    if (p->program) return program_hour(who, address, now);
    if (hour < 8 || hour > 20) return;
    if (day == p->trip + 2 && hour == 9 && who % 50 == 11) p->client += 3 * PEOPLE; /* lost the phone there */
    if (day == p->trip + 10 && hour == 9 && who % 10 == 3) p->client += PEOPLE;     /* a new phone */
    if (hour % 3 == who % 3) owner_signs_in(who, address, now);
    for (unsigned i = 0; i < p->daily; i++)
        if (chance(13) == 0) write_one(p, address, now + i * MINUTE);
    if (p->letters && day % 7 == 2 && hour == 10) newsletter(p, address, now);
}

static void guessers_hour(unsigned day, gp_time now)
{
    enum { ALL = GUESSERS * GUESSES_A_DAY / 24 };
    if (day < ATTACK_FROM) return;
    for (unsigned i = 0; i < ALL; i++)
        guess(PEOPLE - 1 - chance(TARGETS), 2000000 + chance(GUESSERS) * 16, seed, now + i * HOUR / ALL);
}

static void sprayers_hour(unsigned day, unsigned hour, gp_time now)
{
    if (day < ATTACK_FROM || day % 7 != 4) return;
    for (unsigned i = 0; i < SPRAYERS; i++)
        for (unsigned who = hour; who < PEOPLE; who += 24)
            guess(who, 5000000 + i * 4096, day, now + (gp_time)who * SECOND);
}

static void live_a_month(void)
{
    for (unsigned hours = 0; hours < DAYS * 24; hours++) {
        gp_time now = START + hours * HOUR;
        for (unsigned i = 0; i < PEOPLE; i++) person_hour(i, hours / 24, hours % 24, now + i * SECOND);
        for (unsigned i = 0; i < OLD_PHONES; i++) old_phone(i, now + 40 * MINUTE), old_phone(i, now + 55 * MINUTE);
        guessers_hour(hours / 24, now);
        sprayers_hour(hours / 24, hours % 24, now);
    }
}

/* ---- thieves ------------------------------------------------------------------------------------------------------------------------ */
struct thief {
    const char *ways;
    gp_time     apart;
    bool        alike, home;
    unsigned    failing; /* percent, known a minute later */
    unsigned    recipients;
    bool        known;    /* writes to those whom the owner writes to */
    unsigned    patience; /* one message a day, on so many days, a week before */
    bool        moving;   /* from another network, with another name, each time */
    unsigned    goal;     /* so many messages at most; what is more than a hundred is said in docs/abuse.md */
};
enum { STOLEN = 10000, NO_GOAL, GOAL = 100, GOAL_AT_HOME = 1000 };
static const struct thief thieves[] = {
  /* clang-format off */
    { .ways = "10,000 messages as fast as it goes, all alike", .apart = 100, .alike = true, .recipients = 1, .goal = GOAL },
    { .ways = "the same, each another text", .apart = 100, .recipients = 1, .goal = GOAL },
    { .ways = "one a minute", .apart = MINUTE, .recipients = 1, .goal = GOAL },
    { .ways = "one in five minutes", .apart = 5 * MINUTE, .recipients = 1, .goal = GOAL },
    { .ways = "one in fifteen minutes, a quarter to nobody", .apart = 15 * MINUTE, .failing = 25, .recipients = 1, .goal = GOAL },
    { .ways = "a hundred recipients each", .apart = SECOND, .alike = true, .recipients = 100, .goal = GOAL },
    { .ways = "from the owner's own machine, one in ten seconds, a quarter to nobody", .apart = 10 * SECOND, .alike = true, .home = true,
      .failing = 25, .recipients = 1, .goal = GOAL },
    { .ways = "to people the owner writes to, all alike", .apart = 100, .alike = true, .recipients = 1, .known = true, .goal = GOAL },
    { .ways = "to people the owner writes to, each another text", .apart = 100, .recipients = 1, .known = true, .goal = GOAL },
    { .ways = "the same, each from another network and with another name", .apart = 100, .recipients = 1, .known = true, .moving = true,
      .goal = GOAL },
    { .ways = "all alike, after one message a week before", .apart = 100, .alike = true, .recipients = 1, .patience = 1, .goal = GOAL },
    { .ways = "all alike, after one message on each of two days", .apart = 100, .alike = true, .recipients = 1, .patience = 2, .goal = GOAL },
    { .ways = "all alike, after one message a day for a week", .apart = 100, .alike = true, .recipients = 1, .patience = 7, .goal = GOAL },
    { .ways = "the same, to people the owner writes to", .apart = 100, .alike = true, .recipients = 1, .known = true, .patience = 7,
      .goal = NO_GOAL },
    { .ways = "from the owner's own machine, all alike, none to nobody", .apart = 100, .alike = true, .home = true, .recipients = 1,
      .goal = GOAL_AT_HOME },
  /* clang-format on */
};

static struct brake_message message_of_thief(const struct thief *t, const struct person *p, unsigned home)
{
    struct brake_message m = message_of(p, home);
    if (!t->home) m.network = 900000, m.client = 900001;
    if (t->moving) m.network = 1000000 + chance(100000), m.client = 1000000 + chance(100000);
    if (t->alike) m.likeness = 77;
    m.recipients = t->recipients;
    m.fresh      = t->known ? 0 : t->recipients;
    return m;
}

/* The patient begin a week later, while the owner is away. */
static void lie_in_wait(const struct thief *t, struct brake_state *s, const struct person *p, unsigned home,
                        gp_time now)
{
    for (unsigned day = 0; day < t->patience; day++) {
        struct brake_message m = message_of_thief(t, p, home);
        m.likeness             = 0;
        (void)sends(s, m, now - 7 * DAY + day * DAY);
    }
}

/* How many go out before the first is held, of one account. */
static unsigned steal(const struct thief *t, struct brake_state s, const struct person *p, unsigned home)
{
    gp_time now = START + DAYS * DAY + 9 * HOUR + (t->patience ? 7 * DAY : 0);
    lie_in_wait(t, &s, p, home, now);
    for (unsigned i = 0; i < STOLEN; i++) {
        struct brake_message m  = message_of_thief(t, p, home);
        gp_time              at = now + i * t->apart;
        if (sends(&s, m, at)) return i;
        bool     known = i * t->apart > MINUTE; /* what came back of those before */
        unsigned lost  = chance(100) < t->failing;
        if (t->failing && known) brake_outcomes(&s, t->recipients - lost, lost, at);
    }
    return STOLEN;
}

static bool row(const char *what, unsigned long figure, bool good)
{
    (void)printf("| %s | %lu |%s\n", what, figure, good ? "" : " MISSED");
    return good;
}

static unsigned worst(const struct thief *t, enum kind kind)
{
    unsigned most = 0;
    for (unsigned who = 0; who < PEOPLE; who++) {
        if (kind_of(&people[who]) != kind) continue;
        unsigned out = steal(t, people[who].brake, &people[who], address_of(who, DAYS));
        if (out > most) most = out;
    }
    return most;
}

/* Who sends newsletters has an account that is worth more to a thief: what that costs is said, too. */
static bool rob_all(void)
{
    bool good = true;
    for (size_t i = 0; i < sizeof thieves / sizeof *thieves; i++) {
        char     what[200];
        unsigned most = worst(&thieves[i], PERSON);
        (void)snprintf(what, sizeof what, "stolen, %s: messages out before the brake, of the worst account",
                       thieves[i].ways);
        good &= row(what, most, most < thieves[i].goal);
        (void)row("... where it sends newsletters", worst(&thieves[i], WRITER), true);
        (void)row("... where a program sends hundreds a day", worst(&thieves[i], PROGRAM), true);
    }
    return good;
}

int main(void)
{
    struct guard_plan plan = { .per_account = 60, .per_place = 60, .slowest = 5 * SECOND, .key = "a key" };
    guard                  = guard_open(&plan);
    if (!guard) return 1;
    make_people();
    live_a_month();
    (void)printf("| figure | |\n| --- | --- |\n");
    bool good = row("people's sign-ins from places that they had used before", seen.owners, true);
    good &= row("... of which were refused (goal: 0)", seen.refused, seen.refused == 0);
    good &= row("people's sign-ins from places that were new", seen.away, true);
    good &= row("... of which were refused", seen.refused_away, seen.refused_away * 100 < seen.away);
    good &= row("guesses from 10,000 addresses and by 100 sprayers", seen.guesses, true);
    good &= row("... of which were compared with a password", seen.hashed, true);
    good &= row("... at most, of one account, in 27 days", seen.most_hashed, seen.most_hashed < 180 * DAYS);
    good &= row("old phones behind one address, each found once or more", seen.stale, seen.stale >= OLD_PHONES);
    good &= row("messages that people sent", seen.sent, true);
    good &= row("... of which were held (goal: 0)", seen.false_holds, seen.false_holds == 0);
    good &= rob_all();
    guard_close(guard);
    return good ? 0 : 1;
}
