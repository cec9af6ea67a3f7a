/* SQLite as the store uses it: one connection, owned by one thread, WAL, synchronous=FULL. Opens and upgrades by numbered
 * scripts (PRAGMA user_version counts those applied), keeps prepared statements, and turns SQLite's codes into what to do
 * (gp_status) and what to tell a person (database_why, database_hint). Never logs: role or command does, which know whom to tell. */
#ifndef STORE_DATABASE_H
#define STORE_DATABASE_H

#include "base/base.h"

struct sqlite3_stmt;
struct database;

enum database_trouble {
    DATABASE_FINE,
    DATABASE_LOCKED,   /* somebody else writes for longer than busy_ms    */
    DATABASE_FULL,     /* no space, or over a limit on the file's size    */
    DATABASE_DAMAGED,  /* not readable as what it was                     */
    DATABASE_FOREIGN,  /* not a database at all                           */
    DATABASE_NEWER,    /* made by a later version of gatepost             */
    DATABASE_ABSENT,   /* cannot be opened: not there, or no permission   */
    DATABASE_MOVED,    /* its path leads to another file now, or to none  */
    DATABASE_READ_ONLY,
    DATABASE_CONFLICT, /* a constraint said no: the caller's own doing    */
    DATABASE_BROKEN,   /* anything else: I/O error, no memory             */
    DATABASE_TROUBLES
};

/* What scripts and statements may ask of the program, as NAME(text); never from within the file's own schema. */
struct database_function {
    const char *name;
    int64_t (*of)(gp_str text);
};
struct database_plan {
    const char        *path;    /* ":memory:": no file */
    const char *const *scripts; /* script n brings version n to n + 1; each runs once, in a transaction */
    size_t             versions;
    unsigned           busy_ms; /* how long a write waits for another process's                        */
    bool               create;  /* else a file that is not there is DATABASE_ABSENT                    */
    const char        *settings; /* PRAGMAs of this database's own, or NULL                             */
    const struct database_function *function; /* outlives the database; or NULL                         */
    bool                doubts;  /* once SQLite says that it is damaged nothing is committed any more   */
};

/* NULL: *trouble says why. */
struct database      *database_open(const struct database_plan *, enum database_trouble *trouble);
void                  database_close(struct database *); /* NULL is fine */
enum database_trouble database_trouble(const struct database *); /* of the last call that failed              */
const char           *database_why(enum database_trouble);       /* "the database is damaged"                 */
const char           *database_hint(enum database_trouble);      /* what the administrator may do about it    */
gp_status             database_check(struct database *) GP_MUST_USE;  /* reads it all (quick_check): at start */
/* The same on a connection of its own, which only reads: for another thread. `ends` is asked now and then, though not within a large table, and
 * true gives it up (BROKEN). thorough: that indexes have what their tables have, too. */
struct database_look { const char *path; bool thorough; bool (*ends)(void *owner); void *owner; };
enum database_trouble database_look(const struct database_look *);
/* Nothing is committed while it is in doubt: transactions fail with DATABASE_DAMAGED, and closing it leaves the log. Reading goes on. */
void                  database_doubt(struct database *, bool);
bool                  database_doubted(const struct database *);
int64_t               database_size(struct database *); /* octets; 0: cannot tell */
gp_status             database_script(struct database *, const char *sql) GP_MUST_USE; /* several statements, no rows */
/* Another connection has committed since this was last asked; cheap, no lock. The first time: false. */
bool                  database_changed(struct database *);
/* Its path leads to another file now, or to none; database_trouble says so. */
bool                  database_moved(struct database *);
/* Who makes the changes, for the audit: "root, signed in as anna"; until it is said: "server". */
void                  database_set_operator(struct database *, gp_str who);
const char           *database_operator(const struct database *);
int64_t               database_last_id(const struct database *); /* rowid of the last INSERT             */
int64_t               database_touched(const struct database *); /* rows that the last statement changed */

/* ---- transactions: rolled back at the end of the block unless committed ------------------------------------ */
struct transaction { struct database *db; };
#define auto_transaction __attribute__((cleanup(transaction_end))) struct transaction
/* auto_transaction t = { 0 }; if (transaction_begin(&t, db) != GP_OK) return ... ; takes the write lock at once */
/* TEMPFAIL, too, when the file was moved: what is committed there, the next process will not find; or is in doubt. */
gp_status transaction_begin(struct transaction *, struct database *) GP_MUST_USE;
gp_status transaction_commit(struct transaction *) GP_MUST_USE; /* OK: on stable storage; else rolled back */
void      transaction_end(struct transaction *);

/* Until it is let go, or a transaction begins, all that is read is of one moment, and locks are taken once: for the questions of one
 * turn of a loop. Held for longer it would keep the log from being cleared. Neither fails: what is read then is read on its own. */
void      database_hold(struct database *);
void      database_let_go(struct database *);

/* ---- statements -------------------------------------------------------------------------------------------- */
/* auto_rows r = rows_of(db, "SELECT ... WHERE a = ? AND b = ?"); rows_bind_text(&r, a); rows_bind_number(&r, b);
 * while (rows_next(&r) == GP_OK) ... rows_text(&r, 0) ... ; what fails on the way is reported by rows_next or rows_run. */
struct rows {
    struct database     *db;
    struct sqlite3_stmt *statement; /* NULL: could not be prepared */
    size_t               kept;      /* place among the kept ones, 1 and up; 0: its own */
    int                  bound;
    bool                 failed;
};
#define auto_rows __attribute__((cleanup(rows_end))) struct rows
/* sql must be a literal (or live as long as db): the prepared statement is kept under its address. */
struct rows rows_of(struct database *, const char *sql);
void        rows_end(struct rows *);
/* Binds the next `?`. Slices are borrowed until rows_end or rows_again; a NULL ptr binds NULL. */
void        rows_bind_text(struct rows *, gp_str);
void        rows_bind_blob(struct rows *, gp_str);
void        rows_bind_number(struct rows *, int64_t);
void        rows_again(struct rows *); /* for the same statement with other values */
/* OK: a row is there. PERMFAIL: no (more) rows, or a constraint refused. TEMPFAIL: the database could not. */
gp_status   rows_next(struct rows *) GP_MUST_USE;
gp_status   rows_run(struct rows *) GP_MUST_USE; /* for what gives no rows: OK, PERMFAIL (constraint), TEMPFAIL */
/* Column n from 0 of the row that is there; slices live until the next call on these rows. NULL reads as GP_NONE or 0. */
gp_str      rows_text(const struct rows *, int column);
gp_str      rows_blob(const struct rows *, int column);
int64_t     rows_number(const struct rows *, int column);

#endif
