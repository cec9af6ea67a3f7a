/* The audit trail: one chain of rows in accounts.db (the vault's) and one in queue.db (the queue's), in the same form. A row commits
 * in the same transaction as what it records and carries a hash over itself and the row before it, so that a change, a removal or a
 * new order shows. Who it is about goes into that hash as a salted digest only: audit_erase.c removes the person and the chain still
 * holds. Called on the thread that owns the database; slices given to a visitor live until it returns. Never opens a transaction of its own. */
#ifndef STORE_AUDIT_H
#define STORE_AUDIT_H

#include "base/base.h"
#include "store/database.h"

enum {
    AUDIT_HASH      = 32,
    AUDIT_ID        = 16,   /* of a chain: random, made with it                     */
    AUDIT_DATA_MOST = 4096, /* of a row's data; fields that do not fit are left out */
    AUDIT_NAME_MOST = 320,  /* of an account's name                                 */
};

enum audit_chain { AUDIT_VAULT, AUDIT_QUEUE, AUDIT_CHAINS };
const char *audit_chain_name(enum audit_chain);

/* Scripts of the databases that have a chain; none is changed once it was released. */
extern const char audit_schema_first[]; /* queue.db's of before, ... */
extern const char audit_schema_again[]; /* ... and what makes the present one beside it: then audit_take_over must follow */
extern const char audit_schema_vault[];
/* Brings the rows of the first form into the present chain, in a transaction of its own; nothing to do is fine. */
gp_status audit_take_over(struct database *, gp_time now) GP_MUST_USE;

/* ---- writing: within a transaction that holds the write lock ----------------------------------------------------- */
enum audit_kind { AUDIT_TEXT, AUDIT_NUMBER, AUDIT_LIST /* text is lines, each ending in '\n' */ };
struct audit_field {
    const char     *key; /* NULL ends the list */
    gp_str          text; /* ptr NULL: left out */
    int64_t         number;
    enum audit_kind kind;
};
#define AUDIT_S(name, slice) { (name), (slice), 0, AUDIT_TEXT }
#define AUDIT_Z(name, z)     { (name), gp_from(z), 0, AUDIT_TEXT }
#define AUDIT_N(name, value) { (name), { NULL, 0 }, (int64_t)(value), AUDIT_NUMBER }
#define AUDIT_L(name, lines) { (name), (lines), 0, AUDIT_LIST }

struct audit_entry {
    gp_time     when;
    const char *event;               /* one word: "sign-in", "credential-revoked"                  */
    int64_t     account, credential; /* whom and what it is about; 0: none                         */
    gp_str      name;                /* the account's; as its client said it where it is not known */
    gp_str      queue_id, incident;
};
/* AUDIT(db, &(struct audit_entry){ .when = now, .event = "ban-added" }, AUDIT_Z("address", text), AUDIT_N("minutes", 5)); */
#define AUDIT(db, entry, ...) audit_add((db), (entry), (const struct audit_field[]){ __VA_ARGS__, { NULL, { NULL, 0 }, 0, AUDIT_TEXT } })
gp_status audit_add(struct database *, const struct audit_entry *, const struct audit_field *) GP_MUST_USE;
/* The same in two steps, for who keeps rows to write them later: the fields as a JSON object, and a row with such data. */
size_t    audit_text_len(gp_str); /* that a text, or a line of a list, takes there */
void      audit_put_data(struct gp_text *, const struct audit_field *);
gp_status audit_write(struct database *, const struct audit_entry *, gp_str data) GP_MUST_USE;
gp_time   audit_now(void); /* the wall clock, for changes that are given no time */

/* ---- reading ------------------------------------------------------------------------------------------------------- */
struct audit_row {
    int64_t seq;
    gp_time when;
    int64_t account, credential;
    gp_str  event, queue_id, incident;
    bool    erased;     /* name and data were removed: both are "" */
    gp_str  name, data; /* data: a JSON object                     */
};
struct audit_filter { /* ptr NULL and 0: any */
    gp_str  event, account, queue_id, incident;
    gp_str  address; /* a text of the data is this one, but for ASCII case: an address of mail or of the network */
    gp_time since, until; /* until: before this */
    int64_t after; /* seq */
};
/* auto_rows r = audit_rows(db, &filter, room); while (audit_next(&r, &row) == GP_OK) ... ; oldest first. room: of `address`. */
enum { AUDIT_FILTER_ROOM = 2048 };
struct rows audit_rows(struct database *, const struct audit_filter *, char room[static AUDIT_FILTER_ROOM]);
gp_status   audit_next(struct rows *, struct audit_row *) GP_MUST_USE; /* PERMFAIL: no more */
/* Oldest first; queue_id NULL ptr: all. */
gp_status audit_visit(struct database *, gp_str queue_id, void (*row)(void *owner, const struct audit_row *), void *owner) GP_MUST_USE;

gp_status   audit_newest(struct database *, int64_t *seq) GP_MUST_USE; /* the highest number ever given out */

/* ---- verifying ----------------------------------------------------------------------------------------------------- */
struct audit_fault {
    int64_t     seq; /* of the row where the chain does not hold; 0: it is not about a row */
    const char *what;
    int64_t     rows; /* that were read */
};
/* OK: whole; PERMFAIL: altered, see fault; TEMPFAIL: cannot be read. key: NULL: what it has signed is not looked at. */
struct audit_key;
gp_status audit_verify(struct database *, const struct audit_key *, struct audit_fault *) GP_MUST_USE;

#endif
