/* accounts.db: accounts, the addresses they may send as and whom they may act for; their credentials are in credentials.h. Opened
 * by the vault and, at the same time, by the commands; belongs to the thread that opened it. Blocks only as long as a small SQLite
 * call; changes take effect at once, since every question is asked of the file. Login names: as stored (octets after SASLprep);
 * else, for a bare NAME, the account NAME@D, and for NAME@D the account NAME, D being the server's domain. Both can't exist. Domains are
 * kept and found in the form of identity_key. */
#ifndef STORE_ACCOUNTS_H
#define STORE_ACCOUNTS_H

#include "store/credentials.h"
#include "store/database.h"
#include "store/verifier.h"
#include "store/within.h"

enum {
    ACCOUNT_NAME_MOST    = 255,
    ACCOUNT_ADDRESS_MOST = 320,
    IDENTITIES_MOST      = 64, /* per account */
    DELEGATIONS_MOST     = 64, /* per account */
    SURVEY_COUNTS_MOST   = 8,
};

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
    int64_t            id; /* never used again after a delete */
    bool               disabled;
    gp_time            created;
    char               name[ACCOUNT_NAME_MOST + 1];
    char               mechanisms[CREDENTIAL_WORDS]; /* words; "": any                                     */
    char               source[CREDENTIAL_TEXT];      /* the account source that brought it; "": made here */
    struct scram_group scram;                        /* what its credentials share                         */
};

/* OK, PERMFAIL: no such account, TEMPFAIL: the store could not tell. */
gp_status accounts_find(struct accounts *, gp_str login, struct account *) GP_MUST_USE;
gp_status accounts_get(struct accounts *, int64_t id, struct account *) GP_MUST_USE;
/* The one form of all login names that would find the same account: without the server's own domain. */
void      accounts_login_key(const struct accounts *, gp_str login, struct gp_text *key);
/* Is the account there and enabled, and is this one of its credentials still, and live? PERMFAIL: no, *why says, static. */
gp_status accounts_in_force(struct accounts *, int64_t account, int64_t credential, gp_time now, const char **why) GP_MUST_USE;
/* In the order of their names; `each` returns false to stop. */
gp_status accounts_each(struct accounts *, bool (*each)(void *owner, const struct account *), void *owner) GP_MUST_USE;
/* An account's or identity's name or address, with its domain, if it has one, in A-labels and lower case: as identities are kept; as it
 * is where that has none. false: too long. */
bool      account_tidy_domain(gp_str name, struct gp_text *out);
gp_status accounts_identities(struct accounts *, int64_t account, void (*each)(void *owner, gp_str address), void *owner) GP_MUST_USE;

bool      identity_is_good(gp_str address, const char **why); /* may it be one */
/* One more, in the last place, or one less. An identity is an address, "@example.org", or "*-noreply@example.org"; one that is there already
 * is fine. PERMFAIL: *why. */
gp_status accounts_identity_add(struct accounts *, int64_t account, gp_str address, const char **why) GP_MUST_USE;
gp_status accounts_identity_remove(struct accounts *, int64_t account, gp_str address, const char **why) GP_MUST_USE;

/* May it send as this address ("" too: RFC 6409 4.3)? Compared without regard to ASCII case, the domain as A-label. An
 * identity "@example.org" stands for every address there. The credential's senders narrow the account's identities; a
 * credential that is gone or has ended, or is out of its hours, or a disabled account, may not; one of another account's may while
 * that may act for it. */
struct sending { int64_t account, credential; gp_str sender; gp_time now; struct hours_moment local; bool plus; };
/* PERMFAIL: *why, static, and *ended: no address may be sent as any more. */
gp_status accounts_may_send(struct accounts *, const struct sending *, bool *ended, const char **why) GP_MUST_USE;
/* The form in which addresses are compared. false: not an address (or "@domain", where that is allowed). */
bool      identity_key(gp_str address, bool whole_domain, struct gp_text *key) GP_MUST_USE;

/* ---- acting for another: `account` signs in with its own credential and authzid `other` ------------------------- */
/* OK for itself, too. PERMFAIL: no, or the other one is disabled or not there. */
gp_status accounts_may_act(struct accounts *, int64_t account, int64_t other) GP_MUST_USE;
/* Gives the right or takes it back; both are fine when it is so already. PERMFAIL: *why says. */
gp_status accounts_delegate(struct accounts *, int64_t account, int64_t other, bool may, const char **why) GP_MUST_USE;
/* Those it may act for, in the order of their names; `each` returns false to stop. */
gp_status accounts_delegations(struct accounts *, int64_t account, bool (*each)(void *owner, const struct account *), void *owner) GP_MUST_USE;

/* ---- changes; each is one transaction ------------------------------------------------------------------------ */
struct new_account {
    gp_str                     name; /* goes through SASLprep */
    enum credential_kind       kind; /* of its first credential */
    const struct verifier     *verifier; /* NULL and no subject: an account without a credential, so far */
    gp_str                     subject;  /* of a certificate or of OAuth */
    gp_str                     label;
    const struct restrictions *limits; /* of the credential; NULL: none */
    const char *const         *send_as; /* none: NAME if it is an address, else NAME@D */
    size_t                     send_as_count;
    bool                       disabled;
    gp_str                     mechanisms; /* the account's, as accounts_set_mechanisms takes them */
};
/* PERMFAIL: *why says (name taken, bad name, bad address); TEMPFAIL: the database. */
gp_status accounts_add(struct accounts *, const struct new_account *, gp_time now, const char **why) GP_MUST_USE;
/* Many at once, all or none. One whose name one before it has made gives that account a further credential. `refused` is told of
 * each that cannot be. PERMFAIL: there were such, and nothing was made. A rehearsal makes nothing either way. */
struct accounts_import {
    const struct new_account *list;
    size_t                    count;
    bool                      rehearsal;
    void (*refused)(void *owner, size_t which, const char *why);
    void *owner;
};
gp_status accounts_import(struct accounts *, const struct accounts_import *, gp_time now) GP_MUST_USE;
/* An account whose password an account source has just confirmed: made with one credential of kind SOURCE when it is not there.
 * PERMFAIL: *why; the name is taken by an account that this source does not check, or whose credential for it was revoked. So is a name
 * that differs from an account's in case alone: it would be a second account for the same person and the same address. Where the source
 * folds case it is that account's own name. */
struct provided { gp_str name, source; bool folds_case; /* names there that differ in case alone are one */ };
gp_status accounts_provision(struct accounts *, const struct provided *, gp_time now, struct account *,
                             int64_t *credential, const char **why) GP_MUST_USE;
/* Takes the place of all credentials, of every kind: whoever is signed in with an old one may send no more. SCRAM's salts and
 * count are decided anew: make the verifier with no group. */
gp_status accounts_set_password(struct accounts *, int64_t account, const struct verifier *, enum credential_kind,
                                gp_time now) GP_MUST_USE;
/* Who is let in again after he was suspected (brakes.h) has his account back from a thief. */
gp_status accounts_set_disabled(struct accounts *, int64_t account, bool disabled) GP_MUST_USE;
gp_status accounts_lock(struct accounts *, int64_t account) GP_MUST_USE; /* disabled, since it may have been stolen */
/* Words, "" for any: it signs in with these only, whichever of its credentials it has. */
gp_status accounts_set_mechanisms(struct accounts *, int64_t account, gp_str mechanisms, const char **why) GP_MUST_USE;
gp_status accounts_delete(struct accounts *, int64_t account) GP_MUST_USE;

/* ---- what unknown users have to look like, and what can succeed here at all ------------------------------------ */
struct survey {
    uint32_t cost;         /* the most that the live credentials of one account cost at a PLAIN check, ... */
    int64_t  dearest;      /* ... and which account that is; 0: none costs anything                   */
    uint32_t iterations;   /* SCRAM: the count that most accounts have                                */
    struct survey_count { uint32_t iterations, accounts; } counts[SURVEY_COUNTS_MOST]; /* SCRAM: the commonest, and how many have each */
    size_t   count_count;
    uint32_t candidates;   /* SCRAM: the most credentials with keys that one account has              */
    uint32_t credentials;  /* the most credentials that one account has, ...                          */
    int64_t  crowded;      /* ... and which account that is; 0: there is none                         */
    bool     sha512;       /* SCRAM-SHA-512 opens what SCRAM-SHA-256 opens: no keys lack it           */
    bool     secrets;      /* some credential can be used with CRAM-MD5                               */
    bool     lane_secrets; /* ... of those that were made for old devices                             */
    bool     certificates; /* there are credentials of this kind                                      */
    bool     oauth;
};
gp_status accounts_survey(struct accounts *, gp_time now, struct survey *) GP_MUST_USE;
/* The count that somebody of that name could have: as frequent among names as among accounts, and each time the same. */
uint32_t  survey_iterations(const struct survey *, const struct verifier_keys *, gp_str name);

#endif
