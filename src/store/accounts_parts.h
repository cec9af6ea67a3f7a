/* Inside of the accounts store: shared by accounts.c (questions), accounts_change.c and identity.c. */
#ifndef STORE_ACCOUNTS_PARTS_H
#define STORE_ACCOUNTS_PARTS_H

#include "store/accounts.h"

struct accounts {
    struct database *db;
    gp_str           domain;
};

/* The account with exactly this name. */
gp_status account_named(struct accounts *, gp_str name, struct account *) GP_MUST_USE;
/* The other name that means the same account: with the server's domain added or taken off. false: there is none. */
bool      account_other_name(const struct accounts *, gp_str name, struct gp_text *out);

#endif
