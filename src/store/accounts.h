/* accounts.db: accounts, their credentials and the addresses they may send as. Opened by the vault and, at the same time, by the
 * commands; belongs to the thread that opened it. Blocks only as long as a small SQLite call; changes take effect at once, since every
 * question is asked of the file. Login names: as stored (octets after SASLprep); else, for a bare NAME, the account NAME@D, and
 * for NAME@D the account NAME, D being the server's domain. Both can't exist. Structs hold verifiers: wipe them. */
#ifndef STORE_ACCOUNTS_H
#define STORE_ACCOUNTS_H

#include "store/database.h"
#include "store/verifier.h"

enum {
    ACCOUNT_NAME_MOST    = 255,
    ACCOUNT_ADDRESS_MOST = 320,
    CREDENTIALS_MOST     = 8,  /* per account: each may cost a slow hash at a sign-in */
    IDENTITIES_MOST      = 64, /* per account                                         */
    CREDENTIAL_TEXT      = 64,
};

struct accounts;
struct accounts_plan {
    const char *path;
    gp_str      domain; /* the server's: what a name without @ stands for; borrowed */
    unsigned    busy_ms;
    bool        create;
};
struct accounts *accounts_open(const struct accounts_plan *, enum database_trouble *);
void             accounts_close(struct accounts *); /* NULL is fine */
struct database *accounts_database(struct accounts *); /* for database_why, _check and _changed */

struct account {
    int64_t id; /* never used again after a delete */
    bool    disabled;
    gp_time created;
    char    name[ACCOUNT_NAME_MOST + 1];
};
struct credential {
    int64_t         id;
    bool            generated;
    gp_time         created, last_used; /* last_used 0: never */
    char            label[CREDENTIAL_TEXT], last_from[CREDENTIAL_TEXT], last_mechanism[CREDENTIAL_TEXT];
    struct verifier verifier;
};

/* OK, PERMFAIL: no such account, TEMPFAIL: the store could not tell. */
gp_status accounts_find(struct accounts *, gp_str login, struct account *) GP_MUST_USE;
gp_status accounts_get(struct accounts *, int64_t id, struct account *) GP_MUST_USE;
gp_status accounts_credentials(struct accounts *, int64_t account, struct credential out[static CREDENTIALS_MOST],
                               size_t *count) GP_MUST_USE;
/* Is the account there and enabled, and is this one of its credentials still? PERMFAIL: no. */
gp_status accounts_in_force(struct accounts *, int64_t account, int64_t credential) GP_MUST_USE;
/* In the order of their names; `each` returns false to stop. */
gp_status accounts_each(struct accounts *, bool (*each)(void *owner, const struct account *), void *owner) GP_MUST_USE;
gp_status accounts_identities(struct accounts *, int64_t account, void (*each)(void *owner, gp_str address), void *owner) GP_MUST_USE;

/* May it send as this address ("" too: RFC 6409 4.3)? Compared without regard to ASCII case, the domain as A-label. An
 * identity "@example.org" stands for every address there. A credential that is gone, or a disabled account, may not. */
gp_status accounts_may_send(struct accounts *, int64_t account, int64_t credential, gp_str sender) GP_MUST_USE;
/* The form in which addresses are compared. false: not an address (or "@domain", where that is allowed). */
bool      identity_key(gp_str address, bool whole_domain, struct gp_text *key) GP_MUST_USE;

/* ---- changes; each is one transaction ------------------------------------------------------------------------ */
struct new_account {
    gp_str                 name; /* goes through SASLprep */
    const struct verifier *verifier;
    bool                   generated;
    gp_str                 label;
    const char *const     *send_as; /* none: NAME if it is an address, else NAME@D */
    size_t                 send_as_count;
};
/* PERMFAIL: *why says (name taken, bad name, bad address); TEMPFAIL: the database. */
gp_status accounts_add(struct accounts *, const struct new_account *, gp_time now, const char **why) GP_MUST_USE;
/* Takes the place of all credentials: whoever is signed in with an old one may send no more. */
gp_status accounts_set_password(struct accounts *, int64_t account, const struct verifier *, bool generated, gp_time now) GP_MUST_USE;
gp_status accounts_set_disabled(struct accounts *, int64_t account, bool disabled) GP_MUST_USE;
gp_status accounts_delete(struct accounts *, int64_t account) GP_MUST_USE;

struct credential_use { int64_t credential; gp_time when; char from[CREDENTIAL_TEXT], mechanism[CREDENTIAL_TEXT]; };
gp_status accounts_used(struct accounts *, const struct credential_use *, size_t count) GP_MUST_USE;

/* What unknown users have to look like: the most that one account's PLAIN check costs, whether a password hash is what costs it,
 * and the SCRAM iteration count that most credentials have. secrets: some credential can be used with CRAM-MD5. */
struct survey { uint32_t cost; bool as_hash; uint32_t iterations; bool secrets; };
gp_status accounts_survey(struct accounts *, struct survey *) GP_MUST_USE;

#endif
