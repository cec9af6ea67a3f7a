/* What becomes of an entry: an account with a credential, or a further credential of the account before it. */
#ifndef CLI_IMPORT_ROW_H
#define CLI_IMPORT_ROW_H

#include "cli/import.h"
#include "cli/user.h"

struct import_row {
    struct new_account account; /* borrows from the text and from the arena */
    struct verifier   *verifier; /* account.verifier, to be made yet where there is a secret */
    size_t             line;
    gp_str             hash;   /* as it came                                         */
    gp_str             secret; /* a password in clear; len 0: it is kept as it came  */
    bool               generated;
    char               password[GP_PASSWORD_ROOM]; /* the generated one */
};
struct import_run {
    struct user_store *store;
    const char        *file;
    bool               generate, skip_existing;
    gp_time            now;
    struct gp_arena    arena;
    struct import_row *rows; /* wiped in the end */
    size_t             count, room, skipped, problems;
    size_t            *order; /* of the rows by name: those of one account together, as they came */
};
/* Said with file and line; counted. `user` may be NULL. */
void import_problem(struct import_run *, size_t line, const char *user, const char *reason);
/* One more row; otherwise skipped, or said why not. */
void import_take(struct import_run *, const struct import_entry *);
/* After the last: has the credentials of each account agree on SCRAM's salts. false: no memory, and said so. */
bool import_settle(struct import_run *);
/* What is kept of the passwords that came in clear or were made here. false: said why not. */
bool import_hash(struct import_run *);
void import_run_free(struct import_run *);

#endif
