/* The audit trail: one hash chain over all rows, hash = SHA-256(hash of the row before || this row in canonical form). */
#include "store/audit.h"

#include <string.h>

#include "crypto/crypto.h"

enum { CANONICAL_MOST = AUDIT_DATA_MOST + 512 };

/* AUTOINCREMENT: SQLite remembers the highest number given out, so a removed tail shows as well. */
const char audit_schema[] =
    "CREATE TABLE audit (seq INTEGER PRIMARY KEY AUTOINCREMENT, moment INTEGER NOT NULL,"
    " event TEXT NOT NULL, queue_id TEXT NOT NULL, data TEXT NOT NULL, hash BLOB NOT NULL) STRICT;"
    "CREATE INDEX audit_by_queue_id ON audit (queue_id, seq);";

/* ---- data as JSON ------------------------------------------------------------------------------------------------ */
static void put_escaped(struct gp_text *out, unsigned char c, bool utf8)
{
    if (c == '"' || c == '\\') {
        gp_put_char(out, '\\');
        gp_put_char(out, (char)c);
    } else if (c < ' ' || c == 0x7f) {
        gp_put_z(out, "\\u00");
        gp_put_hex(out, (gp_str) { (const char *)&c, 1 });
    } else {
        gp_put_char(out, c < 0x80 || utf8 ? (char)c : '?');
    }
}

static void put_string(struct gp_text *out, gp_str text)
{
    bool utf8 = gp_is_utf8(text);
    gp_put_char(out, '"');
    for (size_t i = 0; i < text.len; i++) put_escaped(out, (unsigned char)text.ptr[i], utf8);
    gp_put_char(out, '"');
}

static void put_object(struct gp_text *out, const struct audit_field *fields)
{
    bool first = true;
    gp_put_char(out, '{');
    for (const struct audit_field *f = fields; f->key; f++) {
        if (!f->is_number && !f->text.ptr) continue;
        if (!first) gp_put_char(out, ',');
        first = false;
        put_string(out, gp_from(f->key));
        gp_put_char(out, ':');
        if (f->is_number)
            gp_put_number(out, f->number);
        else
            put_string(out, f->text);
    }
    gp_put_char(out, '}');
}

/* ---- the chain --------------------------------------------------------------------------------------------------- */
/* Each part with its length before it, so that no two rows share a canonical form. */
static void put_part(struct gp_text *out, gp_str part)
{
    gp_put_number(out, (int64_t)part.len);
    gp_put_char(out, ':');
    gp_put(out, part);
}

static bool hash_row(gp_str previous, const struct audit_row *row, uint8_t out[static AUDIT_HASH])
{
    char           room[CANONICAL_MOST];
    struct gp_text text = GP_TEXT(room);
    put_part(&text, previous);
    gp_put_number(&text, row->seq);
    gp_put_char(&text, ' ');
    gp_put_number(&text, row->when);
    gp_put_char(&text, ' ');
    put_part(&text, row->event);
    put_part(&text, row->queue_id);
    put_part(&text, row->data);
    return !text.cut && gp_digest(GP_SHA256, gp_said(&text), out);
}

struct chain_end {
    int64_t seq;
    char    hash[AUDIT_HASH];
    size_t  hash_len; /* 0: the chain is empty */
};

static gp_status find_end(struct database *db, struct chain_end *end)
{
    auto_rows r      = rows_of(db, "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1");
    gp_status status = rows_next(&r);
    *end             = (struct chain_end) { 0 };
    if (status != GP_OK) return status == GP_PERMFAIL ? GP_OK : status;
    gp_str hash = rows_blob(&r, 1);
    end->seq    = rows_number(&r, 0);
    if (hash.len != AUDIT_HASH) return GP_OK; /* altered: verify tells; new rows must be kept all the same */
    memcpy(end->hash, hash.ptr, AUDIT_HASH);
    end->hash_len = AUDIT_HASH;
    return GP_OK;
}

static gp_status insert(struct database *db, const struct audit_row *row, gp_str hash)
{
    auto_rows r = rows_of(db, "INSERT INTO audit (seq, moment, event, queue_id, data, hash) VALUES (?, ?, ?, ?, ?, ?)");
    rows_bind_number(&r, row->seq);
    rows_bind_number(&r, row->when);
    rows_bind_text(&r, row->event);
    rows_bind_text(&r, row->queue_id);
    rows_bind_text(&r, row->data);
    rows_bind_blob(&r, hash);
    return rows_run(&r);
}

gp_status audit_add(struct database *db, gp_time when, const char *event, gp_str queue_id,
                    const struct audit_field *fields)
{
    char             data[AUDIT_DATA_MOST];
    uint8_t          hash[AUDIT_HASH];
    struct chain_end end;
    struct gp_text   text   = GP_TEXT(data);
    gp_status        status = find_end(db, &end);
    if (status != GP_OK) return status;
    put_object(&text, fields);
    struct audit_row row = { .seq = end.seq + 1, .when = when, .event = gp_from(event), .queue_id = queue_id };
    row.data             = text.cut ? GP_LIT("{\"cut\":1}") : gp_said(&text);
    if (!row.queue_id.ptr) row.queue_id = GP_LIT("");
    if (!hash_row((gp_str) { end.hash, end.hash_len }, &row, hash)) return GP_TEMPFAIL;
    return insert(db, &row, (gp_str) { (const char *)hash, sizeof hash });
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */
static struct audit_row row_at(const struct rows *r)
{
    return (struct audit_row) { .seq      = rows_number(r, 0),
                                .when     = rows_number(r, 1),
                                .event    = rows_text(r, 2),
                                .queue_id = rows_text(r, 3),
                                .data     = rows_text(r, 4) };
}

gp_status audit_visit(struct database *db, gp_str queue_id, void (*visit)(void *, const struct audit_row *),
                      void *owner)
{
    auto_rows r = rows_of(
        db, queue_id.ptr ? "SELECT seq, moment, event, queue_id, data FROM audit WHERE queue_id = ? ORDER BY seq"
                         : "SELECT seq, moment, event, queue_id, data FROM audit ORDER BY seq");
    gp_status status;
    if (queue_id.ptr) rows_bind_text(&r, queue_id);
    while ((status = rows_next(&r)) == GP_OK) {
        struct audit_row row = row_at(&r);
        visit(owner, &row);
    }
    return status == GP_PERMFAIL ? GP_OK : status;
}

static gp_status highest_ever(struct database *db, int64_t *seq)
{
    auto_rows r      = rows_of(db, "SELECT seq FROM sqlite_sequence WHERE name = 'audit'");
    gp_status status = rows_next(&r);
    *seq             = status == GP_OK ? rows_number(&r, 0) : 0;
    return status == GP_TEMPFAIL ? status : GP_OK;
}

static const char *fault_of(const struct audit_row *row, gp_str hash, const struct chain_end *before)
{
    uint8_t want[AUDIT_HASH];
    if (row->seq != before->seq + 1) return "a row is missing before this one";
    if (!hash_row((gp_str) { before->hash, before->hash_len }, row, want))
        return "the row is longer than any that was written";
    if (hash.len != AUDIT_HASH || !gp_matches(hash.ptr, want, AUDIT_HASH))
        return "the row or one before it was altered";
    return NULL;
}

static gp_status verify_rows(struct rows *r, struct chain_end *end, struct audit_fault *fault)
{
    gp_status status;
    while ((status = rows_next(r)) == GP_OK) {
        struct audit_row row  = row_at(r);
        gp_str           hash = rows_blob(r, 5);
        fault->seq            = row.seq;
        fault->what           = fault_of(&row, hash, end);
        if (fault->what) return GP_PERMFAIL;
        fault->rows++;
        *end = (struct chain_end) { .seq = row.seq, .hash_len = AUDIT_HASH };
        memcpy(end->hash, hash.ptr, AUDIT_HASH);
    }
    return status == GP_PERMFAIL ? GP_OK : status;
}

gp_status audit_verify(struct database *db, struct audit_fault *fault)
{
    struct chain_end end    = { 0 };
    int64_t          newest = 0;
    *fault                  = (struct audit_fault) { 0 };
    gp_status status        = highest_ever(db, &newest);
    if (status != GP_OK) return status;
    auto_rows r = rows_of(db, "SELECT seq, moment, event, queue_id, data, hash FROM audit ORDER BY seq");
    status      = verify_rows(&r, &end, fault);
    if (status != GP_OK || end.seq >= newest) return status;
    *fault = (struct audit_fault) { .seq = newest, .what = "the newest rows are missing", .rows = fault->rows };
    return GP_PERMFAIL;
}
