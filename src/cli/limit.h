/* What `gatepost limit show` and `gatepost explain` share: each rate that holds for an account or a credential, with how much of it is
 * used, as the server wrote it within the last second. */
#ifndef CLI_LIMIT_H
#define CLI_LIMIT_H

#include "cli/user.h"
#include "policy/limits.h"

struct limit_row {
    const char        *whose; /* a label, or "" for the account */
    const char        *what;  /* "messages"                     */
    const struct rate *rate;  /* NULL: of sessions              */
    unsigned           most;  /* of sessions at once; 0: any number. How many there are, the server alone knows */
    uint64_t           used;
    bool               own;   /* not the configuration's        */
};
/* Those of the account, then of each of its credentials. false of `each`: it failed, and so does this. */
gp_status limit_visit(struct user_store *, int64_t account, bool (*each)(void *owner, const struct limit_row *), void *owner) GP_MUST_USE;

#endif
