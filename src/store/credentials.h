/* Credentials of accounts.db: what a person, an app or a device signs in with. An account has many, and each has a life of its own:
 * restrictions, an expiry, a successor, a last use. They are read one at a time; the struct holds a verifier: wipe it. What a
 * restriction says about the place and the hour of a sign-in is kept here and judged by the vault; what ends a credential, and
 * which senders it leaves, is judged here. Calls belong to the thread that opened the store (accounts.h). */
#ifndef STORE_CREDENTIALS_H
#define STORE_CREDENTIALS_H

#include "store/database.h"
#include "store/verifier.h"

struct accounts;
struct account;

enum {
    CREDENTIALS_MOST      = 64,   /* per account                                                             */
    CREDENTIALS_SLOW_MOST = 8,    /* per account, of those whose password costs a slow check at each sign-in */
    CREDENTIAL_TEXT       = 64,   /* rooms, with the NUL: label, last_...                                    */
    CREDENTIAL_HELO       = 256,
    CREDENTIAL_SUBJECT    = 512,
    CREDENTIAL_WORDS      = 256,  /* mechanisms, listeners, hours                                            */
    CREDENTIAL_LIST       = 1024, /* networks, senders                                                       */
    CREDENTIAL_IDLE_MOST  = 36500,
};

enum credential_kind {
    CREDENTIAL_CHOSEN,      /* a password that a person chose                                           */
    CREDENTIAL_GENERATED,   /* a password of 128 random bits that we made                               */
    CREDENTIAL_IMPORTED,    /* a hash made elsewhere, in verifier.plain; becomes CHOSEN at its first use */
    CREDENTIAL_CERTIFICATE, /* subject: "sha256:HEX", pinned; "email:ADDRESS" or "subject:DN", CA-checked */
    CREDENTIAL_OAUTH,       /* subject: "ISSUER SUBJECT"                                                */
    CREDENTIAL_SOURCE,      /* subject: the name of the account source that checks the password         */
    CREDENTIAL_KINDS
};
const char *credential_kind_name(enum credential_kind);        /* "generated", as printed and as stored */
bool        credential_kind_has_password(enum credential_kind); /* its verifier is checked here: the first three */

struct restrictions { /* ""  and 0: none */
    char     mechanisms[CREDENTIAL_WORDS]; /* words                                                          */
    char     listeners[CREDENTIAL_WORDS];  /* words: names of listeners                                      */
    char     networks[CREDENTIAL_LIST];    /* words: addresses or CIDR                                       */
    char     senders[CREDENTIAL_LIST];     /* words: addresses or @domain; come back in the form of identity_key */
    char     hours[CREDENTIAL_WORDS];      /* "Mon-Fri 07:00-19:00", the server's local time                 */
    gp_time  expires;
    uint32_t idle_days;                    /* ends when it was not used for so long                          */
    bool     legacy;                       /* made for old devices: works where those are answered, and nowhere else */
};
struct credential {
    int64_t              id, account;
    enum credential_kind kind;
    char                 label[CREDENTIAL_TEXT], subject[CREDENTIAL_SUBJECT];
    struct restrictions  limits;
    int64_t              replaced_by; /* its successor's id; 0: none                    */
    gp_time              retires;     /* until then it works beside its successor; 0: - */
    gp_time              created, last_used; /* last_used 0: never                      */
    int64_t              use_count;
    char                 last_from[CREDENTIAL_TEXT], last_mechanism[CREDENTIAL_TEXT], last_tls[CREDENTIAL_TEXT],
        last_helo[CREDENTIAL_HELO];
    struct verifier      verifier;
};

/* ---- what holds for one; pure -------------------------------------------------------------------------------- */
enum credential_state { CREDENTIAL_LIVE, CREDENTIAL_EXPIRED, CREDENTIAL_RETIRED, CREDENTIAL_IDLE, CREDENTIAL_STATES };
enum credential_state credential_state(const struct credential *, gp_time now);
const char           *credential_state_text(enum credential_state); /* "in force", "expired", ... */
/* Its keys for that hash, if they are of the account's group: a candidate for a SCRAM proof. */
bool                  credential_scram(const struct credential *, const struct scram_group *, enum gp_hash, struct gp_scram_keys *);
/* A label in the form that is kept (the same text). false: *why; ""  is fine and means none. */
bool                  credential_label_is_good(gp_str label, const char **why);

/* ---- reading; OK, PERMFAIL: there is none, TEMPFAIL: the store could not tell --------------------------------- */
/* auto_rows r = credentials_of(a, account); while ((status = credentials_next(&r, &c)) == GP_OK) ... ; then PERMFAIL is the end.
 * Those whose password costs nothing to check come first. In force or not: all. */
struct rows credentials_of(struct accounts *, int64_t account);
gp_status   credentials_next(struct rows *, struct credential *) GP_MUST_USE;
gp_status   credential_owner(struct accounts *, int64_t id, int64_t *account) GP_MUST_USE; /* whose it is */
gp_status   credential_get(struct accounts *, int64_t id, struct credential *) GP_MUST_USE;
/* By its label or, since no label is a number, by its id, as people name it. */
gp_status   credential_named(struct accounts *, int64_t account, gp_str label_or_id, struct credential *) GP_MUST_USE;
/* Whose certificate or OAuth subject is this? In force or not: ask accounts_in_force. *account may be disabled. */
gp_status   accounts_by_subject(struct accounts *, enum credential_kind, gp_str subject, struct account *, struct credential *) GP_MUST_USE;

/* ---- changes, each one transaction; PERMFAIL: *why says, TEMPFAIL: the database ------------------------------- */
struct new_credential {
    enum credential_kind       kind;
    gp_str                     label;    /* unique within the account unless empty                  */
    gp_str                     subject;  /* of the last three kinds; certificates, OAuth: nobody else's */
    const struct verifier     *verifier; /* of the first three; made for the group that the account has now */
    const struct restrictions *limits;   /* NULL: none                                              */
};
gp_status credential_add(struct accounts *, int64_t account, const struct new_credential *, gp_time now, int64_t *id,
                         const char **why) GP_MUST_USE;
/* Gone for good, and out at once. A predecessor keeps its own end. */
gp_status credential_revoke(struct accounts *, int64_t id) GP_MUST_USE;
/* A successor with the label and the restrictions of the old one, which works until `retires` (<= now: no more) under the label
 * "LABEL (old)". Of `fresh` the kind, the subject and the verifier count. One that has ended or has a successor has no other. */
gp_status credential_rotate(struct accounts *, int64_t old, const struct new_credential *fresh, gp_time retires, gp_time now,
                            int64_t *id, const char **why) GP_MUST_USE;
gp_status credential_alter(struct accounts *, int64_t id, gp_str label, const struct restrictions *, const char **why) GP_MUST_USE;
/* Better forms of the same password, after a sign-in proved it: IMPORTED becomes CHOSEN, others stay what they are. PERMFAIL also
 * when it is not of that kind any more. A CRAM-MD5 secret stays when the new verifier has none. */
gp_status credential_upgrade(struct accounts *, int64_t id, enum credential_kind from, const struct verifier *,
                             const char **why) GP_MUST_USE;

struct credential_use {
    int64_t  credential;
    gp_time  when; /* of the last one */
    uint32_t count;
    char     from[CREDENTIAL_TEXT], mechanism[CREDENTIAL_TEXT], tls[CREDENTIAL_TEXT], helo[CREDENTIAL_HELO];
};
gp_status accounts_used(struct accounts *, const struct credential_use *, size_t count) GP_MUST_USE;

#endif
