/* The tables of the audit, and how rows of the first form come into the present one. */
#include "crypto/crypto.h"
#include "store/audit_parts.h"

/* AUTOINCREMENT: SQLite remembers the highest number given out, so a removed tail shows as well. */
const char audit_schema_first[] =
    "CREATE TABLE audit (seq INTEGER PRIMARY KEY AUTOINCREMENT, moment INTEGER NOT NULL,"
    " event TEXT NOT NULL, queue_id TEXT NOT NULL, data TEXT NOT NULL, hash BLOB NOT NULL) STRICT;"
    "CREATE INDEX audit_by_queue_id ON audit (queue_id, seq);";

/* Name, data and salt are a person's and can be erased; a digest stands for them from then on, and a tombstone is the row that says so.
 * The id keeps two chains apart that are otherwise alike. Rows up to the horizon have aged out: its line is the vault's word for that. */
#define TABLES(chain)                                                                                                  \
    "CREATE TABLE audit (seq INTEGER PRIMARY KEY AUTOINCREMENT, moment INTEGER NOT NULL, event TEXT NOT NULL,"         \
    " account INTEGER NOT NULL, credential INTEGER NOT NULL, queue_id TEXT NOT NULL, incident TEXT NOT NULL,"          \
    " name TEXT, data TEXT, salt BLOB, digest BLOB, tombstone INTEGER NOT NULL DEFAULT 0, hash BLOB NOT NULL) STRICT;" \
    "CREATE INDEX audit_by_queue_id ON audit (queue_id, seq) WHERE queue_id <> '';"                                    \
    "CREATE INDEX audit_by_incident ON audit (incident, seq) WHERE incident <> '';"                                    \
    "CREATE TABLE audit_chain (name TEXT NOT NULL, id BLOB NOT NULL, horizon_seq INTEGER NOT NULL DEFAULT 0,"          \
    " horizon_hash BLOB, horizon_line TEXT) STRICT;"                                                                   \
    "INSERT INTO audit_chain (name, id) VALUES ('" chain "', randomblob(16));"                                         \
    "CREATE TABLE audit_checkpoints (chain TEXT NOT NULL, seq INTEGER NOT NULL, moment INTEGER NOT NULL,"              \
    " line TEXT NOT NULL, PRIMARY KEY (chain, seq)) STRICT, WITHOUT ROWID;"

const char audit_schema_vault[] = TABLES("vault");
const char audit_schema_again[] = "DROP INDEX audit_by_queue_id;"
                                  "ALTER TABLE audit RENAME TO audit_first;" TABLES("queue");

const char *audit_chain_name(enum audit_chain chain)
{
    static const char *const names[AUDIT_CHAINS] = { [AUDIT_VAULT] = "vault", [AUDIT_QUEUE] = "queue" };
    return chain < AUDIT_CHAINS ? names[chain] : "";
}

/* ---- rows of the first form ------------------------------------------------------------------------------------------ */
static gp_status copy_rows(struct database *db, int64_t *count)
{
    gp_status status;
    auto_rows r =
        rows_of(db, "SELECT moment, event, queue_id, data, COALESCE(json_extract(data, '$.user'), ''),"
                    " COALESCE(json_extract(data, '$.account'), 0), COALESCE(json_extract(data, '$.credential'), 0)"
                    " FROM (SELECT * FROM audit_first WHERE json_valid(data)) ORDER BY seq");
    while ((status = rows_next(&r)) == GP_OK) {
        char               room[32];
        struct audit_entry e = { .when       = rows_number(&r, 0),
                                 .event      = room,
                                 .queue_id   = rows_text(&r, 2),
                                 .name       = rows_text(&r, 4),
                                 .account    = rows_number(&r, 5),
                                 .credential = rows_number(&r, 6) };
        if (!gp_copy_z(rows_text(&r, 1), room, sizeof room)) continue;
        if (audit_write(db, &e, rows_text(&r, 3)) != GP_OK) return GP_TEMPFAIL;
        ++*count;
    }
    return status == GP_PERMFAIL ? GP_OK : status;
}

static gp_status is_first(struct database *db)
{
    auto_rows r = rows_of(db, "SELECT 1 FROM sqlite_schema WHERE name = 'audit_first'");
    return rows_next(&r);
}

static gp_status take_over(struct database *db, gp_time now)
{
    int64_t            count  = 0;
    struct audit_entry e      = { .when = now, .event = "audit-taken-over" };
    auto_transaction   t      = { 0 };
    gp_status          status = transaction_begin(&t, db);
    if (status == GP_OK) status = is_first(db); /* another process may have done it meanwhile */
    if (status == GP_OK) status = copy_rows(db, &count);
    if (status == GP_OK && count > 0) status = AUDIT(db, &e, AUDIT_N("rows", count));
    if (status == GP_OK) status = database_script(db, "DROP TABLE audit_first");
    return status == GP_OK ? transaction_commit(&t) : status;
}

gp_status audit_take_over(struct database *db, gp_time now)
{
    gp_status status = is_first(db);
    if (status == GP_OK) status = take_over(db, now);
    return status == GP_PERMFAIL ? GP_OK : status;
}
