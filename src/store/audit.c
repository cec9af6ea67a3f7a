/* The audit trail: rows go in at the end of the chain, and come out by what is asked for. */
#include "store/audit.h"

#include <string.h>
#include <time.h>

#include "crypto/crypto.h"
#include "store/audit_parts.h"

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

size_t audit_text_len(gp_str text)
{
    enum { QUOTES_AND_COMMA = 3, ESCAPED = 6 };
    size_t len = QUOTES_AND_COMMA;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        len += c < ' ' || c == 0x7f ? ESCAPED : c == '"' || c == '\\' ? 2 : 1;
    }
    return len;
}

static void put_list(struct gp_text *out, gp_str lines)
{
    gp_put_char(out, '[');
    for (bool first = true; lines.len > 0; first = false) {
        if (!first) gp_put_char(out, ',');
        put_string(out, gp_cut(&lines, '\n'));
    }
    gp_put_char(out, ']');
}

static void put_field(struct gp_text *out, const struct audit_field *f)
{
    put_string(out, gp_from(f->key));
    gp_put_char(out, ':');
    if (f->kind == AUDIT_NUMBER) gp_put_number(out, f->number);
    if (f->kind == AUDIT_TEXT) put_string(out, f->text);
    if (f->kind == AUDIT_LIST) put_list(out, f->text);
}

/* What does not fit is left out, and said so: who reads it sees that there was more. */
void audit_put_data(struct gp_text *out, const struct audit_field *fields)
{
    static const char cut[] = ",\"cut\":1";
    size_t            start = out->len;
    bool              more  = false;
    gp_put_char(out, '{');
    out->room -= sizeof cut;
    for (const struct audit_field *f = fields; f->key; f++) {
        size_t before = out->len;
        if (f->kind != AUDIT_NUMBER && !f->text.ptr) continue;
        if (before > start + 1) gp_put_char(out, ',');
        put_field(out, f);
        if (!out->cut) continue;
        more     = true;
        out->cut = false;
        out->len = before;
    }
    out->room += sizeof cut;
    if (more) gp_put_z(out, out->len > start + 1 ? cut : cut + 1);
    gp_put_char(out, '}');
}

/* ---- the end of the chain ---------------------------------------------------------------------------------------- */
static gp_status find_beginning(struct database *db, struct audit_place *end)
{
    int64_t   newest = 0;
    gp_status status = audit_begin(db, end);
    if (status == GP_OK) status = audit_newest(db, &newest);
    if (newest > end->seq) end->seq = newest;
    return status;
}

/* The number is one more than any that was ever given out: if rows were removed at the end, the gap stays. */
static gp_status find_end(struct database *db, struct audit_place *end)
{
    auto_rows r      = rows_of(db, "SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'audit'), 0), hash"
                                        " FROM audit ORDER BY seq DESC LIMIT 1");
    gp_status status = rows_next(&r);
    *end             = (struct audit_place) { 0 };
    if (status == GP_PERMFAIL) return find_beginning(db, end);
    if (status != GP_OK) return status;
    gp_str hash = rows_blob(&r, 1);
    end->seq    = rows_number(&r, 0);
    if (hash.len == AUDIT_HASH)
        memcpy(end->hash, hash.ptr, AUDIT_HASH); /* else verify tells; rows must be kept all the same */
    return GP_OK;
}

static gp_str present(gp_str text)
{
    return text.ptr ? text : GP_LIT("");
}

static gp_status insert(struct database *db, const struct audit_row *row, gp_str salt, gp_str hash)
{
    auto_rows r = rows_of(db, "INSERT INTO audit (seq, moment, event, account, credential, queue_id, incident, name,"
                              " data, salt, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    rows_bind_number(&r, row->seq);
    rows_bind_number(&r, row->when);
    rows_bind_text(&r, row->event);
    rows_bind_number(&r, row->account);
    rows_bind_number(&r, row->credential);
    rows_bind_text(&r, row->queue_id);
    rows_bind_text(&r, row->incident);
    rows_bind_text(&r, row->name);
    rows_bind_text(&r, row->data);
    rows_bind_blob(&r, salt);
    rows_bind_blob(&r, hash);
    gp_status status = rows_run(&r);
    return status == GP_OK && database_touched(db) != 1 ? GP_TEMPFAIL : status; /* a planted trigger swallowed it */
}

gp_status audit_write(struct database *db, const struct audit_entry *e, gp_str data)
{
    uint8_t            salt[AUDIT_SALT], digest[AUDIT_HASH], hash[AUDIT_HASH];
    gp_str             salted = { (const char *)salt, sizeof salt };
    struct audit_place end;
    gp_status          status = find_end(db, &end);
    if (status != GP_OK) return status;
    struct audit_row row = { .seq        = end.seq + 1,
                             .when       = e->when,
                             .event      = gp_from(e->event),
                             .account    = e->account,
                             .credential = e->credential,
                             .queue_id   = present(e->queue_id),
                             .incident   = present(e->incident),
                             .name       = gp_head(present(e->name), AUDIT_NAME_MOST),
                             .data       = data };
    gp_random(salt, sizeof salt);
    if (!audit_digest(&row, salted, digest) || !audit_hash(&end, &row, digest, hash)) return GP_TEMPFAIL;
    return insert(db, &row, salted, (gp_str) { (const char *)hash, sizeof hash });
}

gp_status audit_add(struct database *db, const struct audit_entry *e, const struct audit_field *fields)
{
    char           data[AUDIT_DATA_MOST];
    struct gp_text text = GP_TEXT(data);
    audit_put_data(&text, fields);
    return audit_write(db, e, gp_said(&text));
}

gp_time audit_now(void)
{
    enum { SECOND_MS = 1000, NANOSECONDS_A_MS = 1000000 };
    struct timespec now = { 0 };
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (gp_time)now.tv_sec * SECOND_MS + now.tv_nsec / NANOSECONDS_A_MS;
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */
void audit_read_kept(const struct rows *r, struct audit_kept *out)
{
    enum { SALT = 9, DIGEST, HASH, TOMBSTONE };
    *out            = (struct audit_kept) { .salt      = rows_blob(r, SALT),
                                            .digest    = rows_blob(r, DIGEST),
                                            .hash      = rows_blob(r, HASH),
                                            .tombstone = rows_number(r, TOMBSTONE) };
    out->row        = (struct audit_row) { .seq        = rows_number(r, 0),
                                           .when       = rows_number(r, 1),
                                           .event      = rows_text(r, 2),
                                           .account    = rows_number(r, 3),
                                           .credential = rows_number(r, 4),
                                           .queue_id   = rows_text(r, 5),
                                           .incident   = rows_text(r, 6),
                                           .name       = rows_text(r, 7),
                                           .data       = rows_text(r, 8) };
    out->row.erased = !out->salt.ptr;
}

/* Of what has aged out, and is on its way to be removed, nothing is seen any more. */
#define FILTERED                                                                                                       \
    " seq > max(?1, (SELECT max(horizon_seq) FROM audit_chain)) AND (?2 IS NULL OR event = ?2)"                        \
    " AND (?3 IS NULL OR name = ?3) AND moment >= ?4 AND (?5 = 0 OR moment < ?5)"                                      \
    " AND (?6 IS NULL OR instr(lower(data), lower(?6)) > 0)"
#define SELECTED "SELECT " AUDIT_KEPT_COLUMNS " FROM audit WHERE"

struct rows audit_rows(struct database *db, const struct audit_filter *f, char room[static AUDIT_FILTER_ROOM])
{
    struct gp_text text = { .ptr = room, .room = AUDIT_FILTER_ROOM };
    const char *sql     = SELECTED FILTERED " AND ?7 IS NULL ORDER BY seq";
    /* Equal refusals of one second are one row, and the incidents of all but the first stand in its data. */
    if (f->incident.ptr)
        sql = SELECTED FILTERED " AND ?7 <> '' AND (incident = ?7 OR (instr(data, '\"incidents\":[') > 0"
                                " AND instr(data, '\"' || ?7 || '\"') > 0)) ORDER BY seq";
    if (f->queue_id.ptr) sql = SELECTED FILTERED " AND queue_id = ?7 AND queue_id <> '' ORDER BY seq";
    struct rows r = rows_of(db, sql);
    if (f->address.ptr) put_string(&text, f->address); /* as it stands in the data */
    rows_bind_number(&r, f->after);
    rows_bind_text(&r, f->event);
    rows_bind_text(&r, f->account);
    rows_bind_number(&r, f->since);
    rows_bind_number(&r, f->until);
    rows_bind_text(&r, f->address.ptr ? gp_said(&text) : GP_NONE);
    rows_bind_text(&r, f->queue_id.ptr ? f->queue_id : f->incident);
    return r;
}

gp_status audit_next(struct rows *r, struct audit_row *row)
{
    struct audit_kept kept;
    gp_status         status = rows_next(r);
    if (status != GP_OK) return status;
    audit_read_kept(r, &kept);
    *row      = kept.row;
    row->name = present(row->name);
    row->data = present(row->data);
    return GP_OK;
}

gp_status audit_visit(struct database *db, gp_str queue_id, void (*visit)(void *, const struct audit_row *),
                      void *owner)
{
    char                room[AUDIT_FILTER_ROOM];
    struct audit_filter filter = { .queue_id = queue_id };
    struct audit_row    row;
    auto_rows           r = audit_rows(db, &filter, room);
    gp_status           status;
    while ((status = audit_next(&r, &row)) == GP_OK) visit(owner, &row);
    return status == GP_PERMFAIL ? GP_OK : status;
}
