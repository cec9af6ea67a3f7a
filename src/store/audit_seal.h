/* What the vault's audit key says of a chain, as one line of text that can leave the machine: where its end was (a checkpoint), up to
 * where it has aged out (a horizon), which rows were erased (a tombstone). A line names its chain, so that it fits no other. The key is
 * Ed25519, in vault/audit.key; its public half verifies. Called on the thread that owns the database. */
#ifndef STORE_AUDIT_SEAL_H
#define STORE_AUDIT_SEAL_H

#include "crypto/crypto.h"
#include "store/audit.h"

enum { AUDIT_LINE_MOST = 400, AUDIT_PUBLIC_ROOM = 48,
       AUDIT_CHECKPOINT_ROWS = 10000 /* as many rows are not without a checkpoint, whatever the schedule */ };

enum audit_saying { AUDIT_CHECKPOINT, AUDIT_HORIZON, AUDIT_TOMBSTONE, AUDIT_SAYINGS };
struct audit_seal {
    enum audit_saying says;
    enum audit_chain  chain;
    uint8_t           id[AUDIT_ID];
    int64_t           seq;              /* the newest row; the last that has aged out; the tombstone's own row  */
    gp_time           moment;           /* when it was said                                                     */
    uint8_t           hash[AUDIT_HASH]; /* of that row; of a tombstone: SHA-256 of the rows it names             */
};

struct audit_key {
    struct gp_key *key; /* NULL: only the public half is known */
    uint8_t        public_half[GP_ED25519_PUBLIC];
};
/* The private key in that file, made if `make` and it is not there (mode 0600). false: *why. */
bool audit_key_open(const char *path, bool make, struct audit_key *, const char **why) GP_MUST_USE;
void audit_key_close(struct audit_key *);
bool audit_key_read(gp_str base64, struct audit_key *) GP_MUST_USE; /* the public half, as audit_put_public has it */
void audit_put_public(const struct audit_key *, struct gp_text *);

/* A line without its end. false: does not fit, or no key. */
bool audit_seal_put(const struct audit_seal *, const struct audit_key *, struct gp_text *line) GP_MUST_USE;
/* Finds the line within what syslog puts before it. false: there is none, or it is not one. Any number of octets, from anywhere. */
bool audit_seal_read(gp_str line, struct audit_seal *out) GP_MUST_USE;
/* Has that key said so? */
bool audit_seal_holds(gp_str line, const struct audit_key *) GP_MUST_USE;

/* ---- of a database that has a chain --------------------------------------------------------------------------------- */
/* Its end now, as a checkpoint to be signed. PERMFAIL: no row has come since the last one that is kept. */
gp_status audit_head(struct database *, struct audit_seal *) GP_MUST_USE;
/* Keeps the line beside the chain (its own, or a copy of the other's): a transaction of its own unless one is open. PERMFAIL: there is
 * one of that row, which stays: what was signed is not replaced. */
gp_status audit_keep_checkpoint(struct database *, const struct audit_seal *, gp_str line) GP_MUST_USE;
/* The newest that is kept here of either chain. PERMFAIL: there is none; TEMPFAIL, too: it is not such a line. */
gp_status audit_last_checkpoint(struct database *, enum audit_chain, struct audit_seal *, struct gp_text *line) GP_MUST_USE;
/* Why a chain that ends so cannot be the one that was signed before; NULL: nothing speaks against it. */
const char *audit_against(const struct audit_seal *kept, const struct audit_seal *now);
gp_status audit_visit_checkpoints(struct database *, void (*each)(void *owner, gp_str line), void *owner) GP_MUST_USE;
/* OK: the chain is what that line says it was then. PERMFAIL: fault says how not. A line about what has aged out is not held against it. */
gp_status audit_compare(struct database *, const struct audit_seal *, struct audit_fault *) GP_MUST_USE;
/* How long rows may be without a checkpoint: the row that the newest one has, when the server started last (0: not known) and how often it
 * signs. PERMFAIL: a server that ran signed too little, or what it signed was taken away: fault. */
enum { AUDIT_SIGN_SLACK = 60000 /* ms that signing may take besides */ };
struct audit_signing { int64_t seq; gp_time started, period; };
gp_status audit_unsigned(struct database *, const struct audit_signing *, struct audit_fault *) GP_MUST_USE;
gp_status audit_started(struct database *, gp_time *) GP_MUST_USE; /* of the vault's chain */

/* ---- erasing and age (audit_erase.c) --------------------------------------------------------------------------------- */
#define AUDIT_ERASED "erased" /* the event of a tombstone */
/* Name and data of all rows that fit, but tombstones, are removed for good; a transaction of its own. *count: how many. */
gp_status audit_erase(struct database *, const struct audit_filter *, const struct audit_key *, size_t *count) GP_MUST_USE;
/* How far the chain may age out: to its newest checkpoint made by then, as a horizon to be signed. PERMFAIL: no further than it has. */
gp_status audit_horizon(struct database *, gp_time before, struct audit_seal *) GP_MUST_USE;
gp_status audit_set_horizon(struct database *, const struct audit_seal *, gp_str line) GP_MUST_USE;
/* Removes up to `most` rows that have aged out; nobody has seen them since the horizon was set. */
gp_status audit_age_out(struct database *, size_t most, bool *more) GP_MUST_USE;

#endif
