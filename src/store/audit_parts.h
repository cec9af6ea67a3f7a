/* What the rooms of the audit share; for store/audit*.c alone. */
#ifndef STORE_AUDIT_PARTS_H
#define STORE_AUDIT_PARTS_H

#include "store/audit.h"

enum { AUDIT_SALT = 16 };

/* A place in a chain: a row, or where the chain begins. */
struct audit_place {
    int64_t seq;
    uint8_t hash[AUDIT_HASH];
};
/* A row as it is kept. */
struct audit_kept {
    struct audit_row row;
    gp_str           salt, digest, hash; /* salt: until it was erased, digest: from then on; GP_NONE else */
    int64_t          tombstone;          /* seq of the row that says so                                   */
};
#define AUDIT_KEPT_COLUMNS \
    "seq, moment, event, account, credential, queue_id, incident, name, data, salt, digest, hash, tombstone"
void audit_read_kept(const struct rows *, struct audit_kept *); /* of a SELECT of those columns */

/* ---- audit_chain.c: what is hashed ---- */
/* Of the personal part; false: too long to be one. */
bool audit_digest(const struct audit_row *, gp_str salt, uint8_t out[static AUDIT_HASH]) GP_MUST_USE;
bool audit_hash(const struct audit_place *before, const struct audit_row *, const uint8_t digest[static AUDIT_HASH],
                uint8_t out[static AUDIT_HASH]) GP_MUST_USE;
gp_status audit_begin(struct database *, struct audit_place *) GP_MUST_USE; /* where the chain begins: before its first row */
struct audit_seal;
gp_status audit_identity(struct database *, struct audit_seal *) GP_MUST_USE; /* fills in which chain it is */

#endif
