/* The line in which slow password checks wait for a thread, fair to those who ask: a storm of wrong passwords waits for itself. Each
 * check has two sources, the client's address and the name that signs in. The line is one order, by which the first is served and the
 * last gives way: sources that were right lately come before unknown ones, these before such that were wrong; among equals
 * the sources take turns; every LINE_OLDEST_EVERY-th turn belongs to whoever has waited longest, so that nobody waits for ever.
 * Places are the caller's, inside of what waits; the line allocates nothing. Pure: no loop, no thread, time is passed in. */
#ifndef VAULT_LINE_H
#define VAULT_LINE_H

#include "base/base.h"

enum {
    LINE_SHARE         = 2, /* a source may fill a half of the line ...                              */
    LINE_WRONG_SHARE   = 8, /* ... one that was wrong lately an eighth: beyond, it gives way itself  */
    LINE_WRONGS        = 3, /* so many are a source that was wrong; fewer are somebody who mistypes  */
    LINE_WRONGS_MOST   = 64,
    LINE_OLDEST_EVERY  = 8,
    LINE_HALF_LIFE_MS  = 60 * 1000, /* of wrong passwords              */
    LINE_RIGHT_MS      = 60 * 60 * 1000,
    LINE_MEMORY_SETS   = 512, /* addresses remembered, two tables of 512 x 4: 96 KiB in all */
    LINE_MEMORY_WAYS   = 4,
};

enum line_rank { LINE_KNOWN, LINE_NEW, LINE_WRONG };

struct line_place {
    uint64_t           address, name; /* the caller's: place_digest, line_name */
    struct line_place *next, *previous;
    uint64_t           round, order;
    enum line_rank     rank;
};
struct line_seen {
    uint64_t address;
    gp_time  when; /* 0: empty */
    unsigned wrongs;
};
struct line {
    struct line_place *oldest, *newest; /* in the order in which they came */
    unsigned           count, most;
    uint64_t           round, orders, turns, seed;
    struct line_seen   right[LINE_MEMORY_SETS][LINE_MEMORY_WAYS], wrong[LINE_MEMORY_SETS][LINE_MEMORY_WAYS];
};

void line_init(struct line *, unsigned most, uint64_t seed); /* seed: so that nobody can choose addresses that push another out */
/* Who has to leave for it, already unlinked: NULL, nobody; it may be the newcomer itself. */
struct line_place *line_enter(struct line *, struct line_place *, gp_time now) GP_MUST_USE;
struct line_place *line_serve(struct line *);  /* whose turn it is, unlinked; NULL: nobody waits */
void               line_leave(struct line *, struct line_place *); /* which waits */
/* A password from there was right, or wrong. */
void               line_note(struct line *, uint64_t address, bool right, gp_time now);
enum line_rank     line_rank(const struct line *, uint64_t address, gp_time now);

uint64_t line_name(gp_str login);

#endif
