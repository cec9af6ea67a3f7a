/* Inside of the accounts store: what its files share. Those that write expect to be inside of a transaction of their caller's. */
#ifndef STORE_ACCOUNTS_PARTS_H
#define STORE_ACCOUNTS_PARTS_H

#include "store/accounts.h"
#include "store/audit.h"

enum { ACCOUNTS_VERSIONS = 20 };
extern const char *const accounts_scripts[ACCOUNTS_VERSIONS];
extern const struct database_function accounts_function; /* that they ask */

struct accounts {
    struct database *db;
    gp_str           domain;
};

gp_status refuse_because(const char **why, const char *what); /* PERMFAIL */
/* One statement whose last parameter is an id; PERMFAIL: no row has it. */
gp_status run_on(struct accounts *, struct rows *, int64_t id) GP_MUST_USE;

/* ---- accounts.c, accounts_change.c ---- */
#define ACCOUNT_COLUMNS                                                                                  \
    "a.id, a.disabled, a.created, a.name, a.mechanisms, a.source, a.scram_iterations, a.scram_salt_sha1," \
    " a.scram_salt_sha256, a.scram_salt_sha512"
gp_status account_next(struct rows *, struct account *) GP_MUST_USE; /* of a SELECT of those columns */

struct new_credential credential_of_new(const struct new_account *); /* its first */
gp_status account_insert(struct accounts *, const struct new_account *, gp_time now, const char **why) GP_MUST_USE;

/* ---- accounts_audit.c: a row of the audit, with who did it; before the account is gone, where it goes ---- */
gp_status account_audit(struct accounts *, const char *event, int64_t account, int64_t credential, const struct audit_field *) GP_MUST_USE;
#define ACCOUNT_AUDIT(a, event, account, credential, ...) \
    account_audit((a), (event), (account), (credential), (const struct audit_field[]){ __VA_ARGS__, { NULL, { NULL, 0 }, 0, AUDIT_TEXT } })
gp_status account_audit_added(struct accounts *, int64_t account, gp_str source, const struct new_account *) GP_MUST_USE; /* NULL: by a source */
gp_status credential_audit_added(struct accounts *, int64_t account, int64_t id, const struct new_credential *) GP_MUST_USE;
gp_status credential_audit_altered(struct accounts *, const struct credential *before, gp_str label, const struct restrictions *now) GP_MUST_USE;

/* ---- credentials_write.c ---- */
gp_status credential_insert(struct accounts *, const struct account *, const struct new_credential *, gp_time now, int64_t *id,
                            const char **why) GP_MUST_USE;
/* The account's salts and count are those of the verifier now, if they were open; PERMFAIL: they are others. */
gp_status account_join_scram(struct accounts *, const struct account *, const struct verifier *, const char **why) GP_MUST_USE;
/* Open again when no credential uses them any more. */
gp_status account_leave_scram(struct accounts *, int64_t account) GP_MUST_USE;

/* ---- grants.c ---- */
gp_status grants_leave(struct accounts *, int64_t account) GP_MUST_USE; /* of one that is deleted: on record */

/* ---- identity.c ---- */
struct rows identities_of(struct accounts *, int64_t account); /* 0: as written, 1: its key; the first is the account's own */
gp_status   identity_insert(struct accounts *, int64_t account, gp_str address, const char **why) GP_MUST_USE;

/* ---- limits.c: texts that people write, in the form that is kept; false: *why ---- */
bool words_tidy(gp_str text, struct gp_text *out);   /* one space between; false: control characters, or too long */
bool restrictions_tidy(const struct restrictions *, struct restrictions *out, const char **why);
bool senders_tidy(gp_str text, struct gp_text *out); /* each as identity_key has it */
bool senders_have(gp_str senders, gp_str key);       /* as an identity would cover it, but for a plus */
bool subject_tidy(enum credential_kind, gp_str text, struct gp_text *out, const char **why);

#endif
