/* What the guard keeps in accounts.db: from where each account has signed in, and who is banned. The vault writes it behind, many rows
 * in a transaction; commands change bans with a row of audit. Places and networks are texts as place_put writes them. Calls belong to
 * the thread that opened the store. */
#ifndef STORE_PLACES_H
#define STORE_PLACES_H

#include "policy/bans.h"
#include "policy/guard.h"
#include "store/accounts.h"

enum { PLACES_MOST = 32 /* of an account */, PLACES_DAYS = 90, PLACES_AGAIN_MS = 24 * 3600 * 1000, BAN_REASON = 160 };

/* ---- places --------------------------------------------------------------------------------------------------------- */
struct place_use { int64_t account; struct place place; gp_time when; };
/* One transaction. An account keeps the PLACES_MOST that it used last; what was not used for PLACES_DAYS goes. */
gp_status places_note(struct accounts *, const struct place_use *, size_t count) GP_MUST_USE;
/* Those that are not too old. `each` returns false to stop. */
gp_status places_of(struct accounts *, int64_t account, gp_time now, bool (*each)(void *owner, const struct place_use *), void *owner) GP_MUST_USE;
/* Has the account been there, or near? */
struct place_ties { struct place place; enum guard_tier tier; gp_time last; /* when it was there; 0: never */ };
bool      place_tie(void *owner, const struct place_use *); /* of struct place_ties: one more place of the account. false: it is known */
/* How many accounts have signed in from there, up to `most`. */
gp_status places_guests(struct accounts *, const struct place *, gp_time now, unsigned most, unsigned *count) GP_MUST_USE;

/* ---- bans ----------------------------------------------------------------------------------------------------------- */
struct kept_ban { struct ban ban; char reason[BAN_REASON]; };
gp_status kept_bans(struct accounts *, bool (*each)(void *owner, const struct kept_ban *), void *owner) GP_MUST_USE; /* all, in order of what ends first; those without an end last */
/* One transaction, with a row of audit for each. Expired ones that are not needed any more go. */
gp_status kept_bans_add(struct accounts *, const struct kept_ban *, size_t count, gp_time now) GP_MUST_USE;
gp_status kept_ban_remove(struct accounts *, const struct place *, gp_time now) GP_MUST_USE; /* PERMFAIL: there is none */

/* ---- what the guard has counted: keyed digests and moments, no name and no secret; a row for each slot of its tables, so it is bounded */
gp_status guesses_load(struct accounts *, struct guard *, gp_time now, gp_time clock) GP_MUST_USE; /* clock: what the guard calls now */
/* What has changed, in one transaction. */
gp_status guesses_save(struct accounts *, struct guard *, gp_time now, gp_time clock) GP_MUST_USE;

#endif
