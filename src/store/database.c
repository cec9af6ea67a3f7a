/* SQLite for accounts and queue: open and upgrade, transactions, kept statements, and codes turned into plain words. */
#include "store/database.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STATEMENTS_KEPT = 128, LOOK_BUSY_MS = 10000, PRAGMA_ROOM = 64, OPERATOR_ROOM = 96 };

struct kept_statement {
    const char   *sql; /* by address */
    sqlite3_stmt *statement;
    bool          busy;
};

struct database {
    sqlite3              *handle;
    enum database_trouble trouble;
    int64_t               seen_version;
    bool                  has_seen, held;
    bool                  doubts, doubted; /* doubts: it may come to that */
    char                  operator[OPERATOR_ROOM];
    size_t                kept_count;
    struct kept_statement kept[STATEMENTS_KEPT];
};

/* ---- codes and words ----------------------------------------------------------------------------------------- */
/* clang-format off */
static const struct { const char *why, *hint; } words[DATABASE_TROUBLES] = {
    [DATABASE_FINE]      = { "no trouble", "" },
    [DATABASE_LOCKED]    = { "the database is locked by another process", "wait for the other command to end, then try again" },
    [DATABASE_FULL]      = { "no space is left for the database", "free space on its file system" },
    [DATABASE_DAMAGED]   = { "the database is damaged", "stop gatepost and restore the file from a backup" },
    [DATABASE_FOREIGN]   = { "the file is not a gatepost database", "check --dir, or restore the file from a backup" },
    [DATABASE_NEWER]     = { "the database was made by a later version of gatepost", "run that version, or restore a backup from before" },
    [DATABASE_ABSENT]    = { "the database cannot be opened", "check --dir and that you may read it; `gatepost init` makes a new set-up" },
    [DATABASE_MOVED]     = { "the database file was moved or replaced while it is open", "put it back, or restart gatepost to use what is there now" },
    [DATABASE_READ_ONLY] = { "the database is read-only", "run the command as the user that owns the file, or as root" },
    [DATABASE_CONFLICT]  = { "the database refused a value that conflicts with another", "" },
    [DATABASE_BROKEN]    = { "the database failed", "look for disk errors in the system's log" },
};

static const struct { int code; enum database_trouble trouble; } codes[] = {
    { SQLITE_OK,         DATABASE_FINE },
    { SQLITE_ROW,        DATABASE_FINE },
    { SQLITE_DONE,       DATABASE_FINE },
    { SQLITE_BUSY,       DATABASE_LOCKED },
    { SQLITE_LOCKED,     DATABASE_LOCKED },
    { SQLITE_PROTOCOL,   DATABASE_LOCKED },
    { SQLITE_FULL,       DATABASE_FULL },
    { SQLITE_CORRUPT,    DATABASE_DAMAGED },
    { SQLITE_NOTADB,     DATABASE_FOREIGN },
    { SQLITE_CANTOPEN,   DATABASE_ABSENT },
    { SQLITE_PERM,       DATABASE_ABSENT },
    { SQLITE_AUTH,       DATABASE_ABSENT },
    { SQLITE_READONLY,   DATABASE_READ_ONLY },
    { SQLITE_CONSTRAINT, DATABASE_CONFLICT },
};
/* clang-format on */

const char *database_why(enum database_trouble trouble)
{
    return words[trouble < DATABASE_TROUBLES ? trouble : DATABASE_BROKEN].why;
}

const char *database_hint(enum database_trouble trouble)
{
    return words[trouble < DATABASE_TROUBLES ? trouble : DATABASE_BROKEN].hint;
}

static enum database_trouble trouble_of(sqlite3 *handle, int code)
{
    enum { PRIMARY = 0xff };
    if ((code & PRIMARY) == SQLITE_IOERR) {
        int cause = handle ? sqlite3_system_errno(handle) : 0;
        return cause == ENOSPC || cause == EDQUOT || cause == EFBIG ? DATABASE_FULL : DATABASE_BROKEN;
    }
    for (size_t i = 0; i < GP_COUNT(codes); i++)
        if (codes[i].code == (code & PRIMARY)) return codes[i].trouble;
    return DATABASE_BROKEN;
}

static gp_status verdict(struct database *db, int code)
{
    enum database_trouble trouble = trouble_of(db->handle, code);
    if (trouble == DATABASE_FINE) return GP_OK;
    db->trouble = trouble;
    if (db->doubts && (trouble == DATABASE_DAMAGED || trouble == DATABASE_FOREIGN)) db->doubted = true;
    return trouble == DATABASE_CONFLICT ? GP_PERMFAIL : GP_TEMPFAIL;
}

enum database_trouble database_trouble(const struct database *db)
{
    return db->trouble;
}

/* ---- opening --------------------------------------------------------------------------------------------------- */
/* SQLite would make the file readable by all; -wal and -shm take over its mode. */
static enum database_trouble make_private_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (fd < 0) return errno == ENOSPC || errno == EDQUOT ? DATABASE_FULL : DATABASE_ABSENT;
    (void)close(fd);
    return DATABASE_FINE;
}

static void call(sqlite3_context *context, int count, sqlite3_value **values)
{
    const struct database_function *f    = sqlite3_user_data(context);
    const char                     *text = count == 1 ? (const char *)sqlite3_value_text(values[0]) : NULL;
    if (text)
        sqlite3_result_int64(context, f->of((gp_str) { text, (size_t)sqlite3_value_bytes(values[0]) }));
    else
        sqlite3_result_null(context);
}

static gp_status add_function(struct database *db, const struct database_function *f)
{
    if (!f) return GP_OK;
    return verdict(db, sqlite3_create_function_v2(db->handle, f->name, 1, SQLITE_UTF8 | SQLITE_DIRECTONLY, (void *)f,
                                                  call, NULL, NULL, NULL));
}

static enum database_trouble connect_to(struct database *db, const struct database_plan *plan)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int code  = sqlite3_open_v2(plan->path, &db->handle, flags, NULL);
    if (code != SQLITE_OK) return trouble_of(db->handle, code);
    unsigned busy = plan->busy_ms > INT_MAX ? INT_MAX : plan->busy_ms;
    (void)sqlite3_busy_timeout(db->handle, (int)busy);
    /* A tampered schema must not be able to run functions or to rewrite itself. */
    (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
    gp_status set = database_script(db, "PRAGMA temp_store=MEMORY; PRAGMA cell_size_check=ON;"
                                        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;");
    if (set == GP_OK && plan->settings) set = database_script(db, plan->settings);
    if (set == GP_OK) set = add_function(db, plan->function);
    return set == GP_OK ? DATABASE_FINE : db->trouble;
}

static gp_status version_of(struct database *db, int64_t *version)
{
    auto_rows r      = rows_of(db, "PRAGMA user_version");
    gp_status status = rows_next(&r);
    if (status == GP_OK) *version = rows_number(&r, 0);
    return status;
}

static gp_status apply(struct database *db, const char *script, size_t version)
{
    char           sql[PRAGMA_ROOM];
    struct gp_text pragma = { .ptr = sql, .room = sizeof(sql) - 1 };
    gp_put_z(&pragma, "PRAGMA user_version=");
    gp_put_number(&pragma, (int64_t)version);
    sql[pragma.len]  = '\0';
    gp_status status = database_script(db, script);
    return status == GP_OK ? database_script(db, sql) : status;
}

static enum database_trouble upgrade(struct database *db, const struct database_plan *plan)
{
    int64_t version = 0;
    if (version_of(db, &version) != GP_OK) return db->trouble;
    if (version == (int64_t)plan->versions) return DATABASE_FINE;
    auto_transaction t = { 0 }; /* the lock first: another process may be upgrading too */
    if (transaction_begin(&t, db) != GP_OK || version_of(db, &version) != GP_OK) return db->trouble;
    if (version < 0 || version > (int64_t)plan->versions) return DATABASE_NEWER;
    for (size_t next = (size_t)version; next < plan->versions; next++)
        if (apply(db, plan->scripts[next], next + 1) != GP_OK) return db->trouble;
    return transaction_commit(&t) == GP_OK ? DATABASE_FINE : db->trouble;
}

static enum database_trouble open_it(struct database *db, const struct database_plan *plan)
{
    bool                  made    = plan->create && strcmp(plan->path, ":memory:") != 0;
    enum database_trouble trouble = made ? make_private_file(plan->path) : DATABASE_FINE;
    if (trouble == DATABASE_FINE) trouble = connect_to(db, plan);
    if (trouble == DATABASE_FINE) trouble = upgrade(db, plan);
    return trouble;
}

struct database *database_open(const struct database_plan *plan, enum database_trouble *trouble)
{
    struct database *db = calloc(1, sizeof(*db));
    *trouble            = db ? open_it(db, plan) : DATABASE_BROKEN;
    if (*trouble == DATABASE_FINE) db->doubts = plan->doubts;
    if (*trouble == DATABASE_FINE) return db;
    database_close(db);
    return NULL;
}

void database_close(struct database *db)
{
    if (!db) return;
    for (size_t i = 0; i < db->kept_count; i++) (void)sqlite3_finalize(db->kept[i].statement);
    /* The last one to close copies the log into the file and removes it: of what is damaged, both are wanted as they are. */
    if (db->doubted) (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    (void)sqlite3_close_v2(db->handle);
    free(db);
}

gp_status database_script(struct database *db, const char *sql)
{
    return verdict(db, sqlite3_exec(db->handle, sql, NULL, NULL, NULL));
}

gp_status database_check(struct database *db)
{
    auto_rows r      = rows_of(db, "PRAGMA quick_check(1)");
    gp_status status = rows_next(&r);
    if (status != GP_OK || gp_is(rows_text(&r, 0), "ok")) return status;
    return verdict(db, SQLITE_CORRUPT);
}

void database_doubt(struct database *db, bool doubted)
{
    db->doubted = doubted;
}

bool database_doubted(const struct database *db)
{
    return db->doubted;
}

int64_t database_size(struct database *db)
{
    auto_rows r = rows_of(db, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
    return rows_next(&r) == GP_OK ? rows_number(&r, 0) : 0;
}

/* ---- a look from beside ---------------------------------------------------------------------------------------- */
static int asks_for_the_end(void *owner)
{
    const struct database_look *look = owner;
    return look->ends && look->ends(look->owner);
}

static enum database_trouble read_all(struct database *db, const struct database_look *look)
{
    enum { STEPS = 1000 };
    int code = sqlite3_open_v2(look->path, &db->handle,
                               SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (code != SQLITE_OK) return trouble_of(db->handle, code);
    (void)sqlite3_busy_timeout(db->handle, LOOK_BUSY_MS);
    (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_progress_handler(db->handle, STEPS, asks_for_the_end, (void *)look);
    if (database_script(db, "PRAGMA cell_size_check=ON; PRAGMA query_only=ON") != GP_OK) return db->trouble;
    auto_rows r = rows_of(db, look->thorough ? "PRAGMA integrity_check(1)" : "PRAGMA quick_check(1)");
    if (rows_next(&r) != GP_OK) return db->trouble == DATABASE_FINE ? DATABASE_BROKEN : db->trouble;
    return gp_is(rows_text(&r, 0), "ok") ? DATABASE_FINE : DATABASE_DAMAGED;
}

enum database_trouble database_look(const struct database_look *look)
{
    struct database *db = calloc(1, sizeof *db);
    if (!db) return DATABASE_BROKEN;
    enum database_trouble trouble = read_all(db, look);
    database_close(db);
    return trouble;
}

bool database_changed(struct database *db)
{
    auto_rows r = rows_of(db, "PRAGMA data_version");
    if (rows_next(&r) != GP_OK) return false;
    int64_t now      = rows_number(&r, 0);
    bool    changed  = db->has_seen && now != db->seen_version;
    db->seen_version = now;
    db->has_seen     = true;
    return changed;
}

bool database_moved(struct database *db)
{
    int moved = 0;
    if (sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved) != SQLITE_OK || !moved) return false;
    db->trouble = DATABASE_MOVED;
    return true;
}

void database_set_operator(struct database *db, gp_str who)
{
    if (!gp_copy_z(gp_head(who, OPERATOR_ROOM - 1), db->operator, OPERATOR_ROOM)) db->operator[0] = '\0';
}

const char *database_operator(const struct database *db)
{
    return db->operator[0] ? db->operator: "server";
}

int64_t database_last_id(const struct database *db)
{
    return sqlite3_last_insert_rowid(db->handle);
}

int64_t database_touched(const struct database *db)
{
    return sqlite3_changes64(db->handle);
}

/* ---- transactions ---------------------------------------------------------------------------------------------- */
/* As database_script, but kept: these come with every turn. */
static gp_status run(struct database *db, const char *sql)
{
    auto_rows r = rows_of(db, sql);
    return rows_run(&r);
}

gp_status transaction_begin(struct transaction *t, struct database *db)
{
    database_let_go(db);
    if (db->doubted) db->trouble = DATABASE_DAMAGED;
    gp_status status = db->doubted || database_moved(db) ? GP_TEMPFAIL : run(db, "BEGIN IMMEDIATE");
    t->db            = status == GP_OK ? db : NULL;
    return status;
}

gp_status transaction_commit(struct transaction *t)
{
    if (!t->db) return GP_TEMPFAIL;
    if (t->db->doubted) t->db->trouble = DATABASE_DAMAGED; /* what was found since it began counts for it, too */
    gp_status status = t->db->doubted ? GP_TEMPFAIL : run(t->db, "COMMIT");
    if (status == GP_OK) t->db = NULL;
    transaction_end(t);
    return status == GP_OK ? GP_OK : GP_TEMPFAIL;
}

void transaction_end(struct transaction *t)
{
    if (!t->db) return;
    enum database_trouble cause = t->db->trouble; /* the reason is what failed before, not how the rollback went */
    (void)sqlite3_exec(t->db->handle, "ROLLBACK", NULL, NULL, NULL);
    t->db->trouble = cause;
    t->db          = NULL;
}

void database_hold(struct database *db)
{
    if (db->held || !sqlite3_get_autocommit(db->handle)) return; /* a transaction is of one moment anyway */
    db->held = run(db, "BEGIN") == GP_OK;
}

void database_let_go(struct database *db)
{
    if (!db->held) return;
    db->held = false;
    if (run(db, "COMMIT") != GP_OK) (void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

/* ---- statements ------------------------------------------------------------------------------------------------ */
/* 0: none that is free. */
static size_t find_kept(const struct database *db, const char *sql)
{
    for (size_t i = 0; i < db->kept_count; i++)
        if (db->kept[i].sql == sql && !db->kept[i].busy) return i + 1;
    return 0;
}

static size_t keep(struct database *db, const char *sql, sqlite3_stmt *statement)
{
    if (db->kept_count == STATEMENTS_KEPT) return 0;
    db->kept[db->kept_count++] = (struct kept_statement) { sql, statement, true };
    return db->kept_count;
}

struct rows rows_of(struct database *db, const char *sql)
{
    struct rows r = { .db = db, .kept = find_kept(db, sql) };
    if (r.kept) {
        r.statement               = db->kept[r.kept - 1].statement;
        db->kept[r.kept - 1].busy = true;
        return r;
    }
    int code = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &r.statement, NULL);
    r.failed = verdict(db, code) != GP_OK;
    if (r.statement) r.kept = keep(db, sql, r.statement);
    return r;
}

void rows_end(struct rows *r)
{
    if (!r->statement) return;
    if (r->kept) {
        (void)sqlite3_reset(r->statement);
        (void)sqlite3_clear_bindings(r->statement);
        r->db->kept[r->kept - 1].busy = false;
    } else {
        (void)sqlite3_finalize(r->statement);
    }
    r->statement = NULL;
}

static void note(struct rows *r, int code)
{
    if (verdict(r->db, code) != GP_OK) r->failed = true;
}

void rows_bind_text(struct rows *r, gp_str text)
{
    if (r->statement)
        note(r, sqlite3_bind_text64(r->statement, ++r->bound, text.ptr, text.len, SQLITE_STATIC, SQLITE_UTF8));
}

void rows_bind_blob(struct rows *r, gp_str octets)
{
    if (r->statement) note(r, sqlite3_bind_blob64(r->statement, ++r->bound, octets.ptr, octets.len, SQLITE_STATIC));
}

void rows_bind_number(struct rows *r, int64_t number)
{
    if (r->statement) note(r, sqlite3_bind_int64(r->statement, ++r->bound, number));
}

void rows_again(struct rows *r)
{
    if (!r->statement) return;
    (void)sqlite3_reset(r->statement);
    (void)sqlite3_clear_bindings(r->statement);
    r->bound  = 0;
    r->failed = false;
}

gp_status rows_next(struct rows *r)
{
    if (!r->statement || r->failed) return GP_TEMPFAIL;
    int code = sqlite3_step(r->statement);
    if (code == SQLITE_ROW) return GP_OK;
    if (code == SQLITE_DONE) return GP_PERMFAIL;
    r->failed = true;
    return verdict(r->db, code);
}

gp_status rows_run(struct rows *r)
{
    if (!r->statement || r->failed) return GP_TEMPFAIL;
    int code;
    do code = sqlite3_step(r->statement);
    while (code == SQLITE_ROW);
    return verdict(r->db, code);
}

gp_str rows_text(const struct rows *r, int column)
{
    const char *text = (const char *)sqlite3_column_text(r->statement, column);
    return text ? (gp_str) { text, (size_t)sqlite3_column_bytes(r->statement, column) } : GP_NONE;
}

gp_str rows_blob(const struct rows *r, int column)
{
    const char *octets = sqlite3_column_blob(r->statement, column); /* NULL for an empty one too */
    return octets ? (gp_str) { octets, (size_t)sqlite3_column_bytes(r->statement, column) } : GP_NONE;
}

int64_t rows_number(const struct rows *r, int column)
{
    return sqlite3_column_int64(r->statement, column);
}
