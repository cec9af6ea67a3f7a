/* Counts by day in accounts.db: what a policy in shadow let through, and uses that an administrator may want to switch off. A row for
 * each (kind, name, account, credential, day), with an example; the vault gathers them and adds many at a time, `gatepost report`
 * reads them. Kept for TALLY_DAYS; those of an account go with it. Calls belong to the thread that opened the store. */
#ifndef STORE_TALLY_H
#define STORE_TALLY_H

#include "store/accounts.h"

enum { TALLY_NAME = 48, TALLY_EXAMPLE = 256, TALLY_DAYS = 90 };
enum tally_kind { TALLY_SHADOW, TALLY_USE, TALLY_KINDS };
struct tally {
    enum tally_kind kind;
    char            name[TALLY_NAME];      /* of a rule: "identity.from"; of a use: "mechanism LOGIN" */
    int64_t         account, credential;   /* 0: none, or unknown                                     */
    int64_t         count;
    gp_time         first, last;
    char            example[TALLY_EXAMPLE]; /* the latest one; a sentence for people                   */
};
int64_t   tally_day(gp_time); /* days since 1970, UTC */
/* One transaction; each counts for the day of its `last`. What is older than TALLY_DAYS at `now` goes. */
gp_status tally_add(struct accounts *, const struct tally *, size_t count, gp_time now) GP_MUST_USE;
/* Examples from before `until` (0: all) that are about that account, or name it or that address, are removed for good; counts stay. */
gp_status tally_erase(struct accounts *, gp_str who, gp_time until) GP_MUST_USE;

/* All of a (kind, name, account, credential) since that day, together; in the order of these. Names are "" where there are none;
 * `each` returns false to stop. */
struct tally_sum { struct tally tally; char account[ACCOUNT_NAME_MOST + 1], label[CREDENTIAL_TEXT]; };
gp_status tally_each(struct accounts *, int64_t since_day, bool (*each)(void *owner, const struct tally_sum *), void *owner) GP_MUST_USE;

#endif
