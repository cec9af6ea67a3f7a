/* What the `gatepost audit` commands share: both databases and the key opened for one command, and the rows of both chains in the order
 * of time. Runs straight on the stores, beside the running server. */
#ifndef CLI_AUDIT_H
#define CLI_AUDIT_H

#include <jansson.h>

#include "cli/user.h"
#include "store/audit_seal.h"
#include "store/queue.h"

struct audit_place_of { /* everything that a set-up has of the audit */
    struct user_store   users;
    struct queue_store *queue;
    struct audit_key    key; /* its key and public half are zero where has_key is false */
    bool                has_key;
    const char         *no_key; /* why */
};
/* Not plain audit_open and audit_close: those are libaudit's, and what the program calls so is what PAM would get. */
bool cli_audit_open(const char *dir, struct audit_place_of *); /* false: the problem was printed */
void cli_audit_close(struct audit_place_of *);
#define auto_audit __attribute__((cleanup(cli_audit_close))) struct audit_place_of
struct database *audit_database(const struct audit_place_of *, enum audit_chain);
int              audit_failed(const struct audit_place_of *, enum audit_chain); /* prints what the database said; CLI_FAILED */

/* --account, --address, ... as they were written. */
struct audit_wish {
    const char *dir, *account, *address, *since, *until, *event, *queue_id, *incident;
    bool        pseudonyms, json, csv;
};
bool audit_read_wish(const struct audit_wish *, struct audit_filter *); /* false: the problem was printed */
/* Each row of both chains that fits, the oldest first. */
int audit_each(struct audit_place_of *, const struct audit_wish *, void (*each)(void *owner, enum audit_chain, const struct audit_row *), void *owner);

/* The row with other names and addresses, the same for the same, under a key that this server alone has (audit_pseudonyms.c). */
json_t *audit_row_json(struct audit_place_of *, enum audit_chain, const struct audit_row *, bool pseudonyms);

#endif
