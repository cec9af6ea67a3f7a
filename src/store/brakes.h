/* What accounts.db keeps for the brake: how each account sends, and whose mail is held. The vault has it in memory and writes it behind;
 * commands release. Calls belong to the thread that opened the store. */
#ifndef STORE_BRAKES_H
#define STORE_BRAKES_H

#include "policy/brake.h"
#include "store/accounts.h"

enum { BRAKE_WHY = 240 };
/* An account that never sent: all 0. */
struct brake_row {
    struct brake_state state;
    gp_time            released, suspected, stolen; /* when commands last said so: it was right, it may be stolen, it was; 0: never */
    char               why[BRAKE_WHY + 1];
};
gp_status brake_load(struct accounts *, int64_t account, struct brake_row *) GP_MUST_USE;
/* It was held, and a command has released it since. One of a moment ahead was of a clock that was wrong, and of another hold. */
bool      brake_was_released(const struct brake_row *, gp_time now);
/* A command has said since its last message that it was stolen. */
bool      brake_was_stolen(const struct brake_row *);
gp_time   brake_suspected_since(const struct brake_row *);
/* In a transaction. why: of one that is held; begins: it is since now, which goes on record with `incident`. */
struct brake_entry { int64_t account, credential; const struct brake_state *state; const char *why, *incident; bool begins; };
gp_status brake_put(struct accounts *, const struct brake_entry *, gp_time now) GP_MUST_USE;
/* The next behind `account` whose mail is held, and whose waiting mail the queue has not been told to hold. PERMFAIL: there is none. */
struct brake_untold { int64_t account; gp_time held; char why[BRAKE_WHY + 1]; };
gp_status brake_next_untold(struct accounts *, int64_t account, gp_time now, struct brake_untold *out) GP_MUST_USE;
gp_status brake_set_told(struct accounts *, const struct brake_untold *) GP_MUST_USE;
/* A command has looked: one transaction, with its row of the audit. OK also when nothing is held. */
gp_status brake_set_released(struct accounts *, int64_t account, gp_time now) GP_MUST_USE;

/* In a transaction. Its owner is locked out, since it may be stolen. */
gp_status brake_put_suspected(struct accounts *, int64_t account, gp_time now) GP_MUST_USE;
/* In a transaction. An account that was held or locked, and not released since, is its owner's again: where its thief was is no known
 * place, and not usual. OK also when nobody suspected it. */
gp_status brake_put_stolen(struct accounts *, int64_t account, gp_time now) GP_MUST_USE;

#endif
