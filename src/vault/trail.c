/* What goes on record without waiting for the disk: sign-ins and refusals, kept in memory and written within a second, many in one
 * transaction. Equal ones of that second are one row with a count, and of refusals not more than TRAIL_REFUSALS_MOST have a row,
 * TRAIL_PLACE_MOST of one place, and no more than TRAIL_BUDGET regains: who floods the server fills no disk, and one alone hides no other. A crash loses that second. */
#include <string.h>
#include <unistd.h>

#include "vault/parts.h"

static void copy(char *out, size_t room, gp_str text)
{
    if (!gp_copy_z(gp_head(text, room - 1), out, room)) out[0] = '\0';
}

static bool is_same(const struct trail_row *a, const struct trail_row *b)
{
    return a->data_len == b->data_len && a->account == b->account && a->credential == b->credential &&
           strcmp(a->event, b->event) == 0 && strcmp(a->name, b->name) == 0 && strcmp(a->queue_id, b->queue_id) == 0 &&
           memcmp(a->data, b->data, a->data_len) == 0;
}

static struct trail_row *find_same(struct trail *t, const struct trail_row *wanted)
{
    for (size_t i = 0; i < t->count; i++)
        if (is_same(&t->rows[i], wanted)) return &t->rows[i];
    return NULL;
}

static void fill(struct trail_row *row, const struct audit_entry *e, const struct audit_field *fields)
{
    struct gp_text data = GP_TEXT(row->data);
    *row                = (struct trail_row) {
                       .event = e->event, .first = e->when, .last = e->when, .account = e->account, .credential = e->credential
    };
    copy(row->name, sizeof(row->name), e->name);
    copy(row->incident, sizeof(row->incident), e->incident);
    copy(row->queue_id, sizeof(row->queue_id), e->queue_id);
    audit_put_data(&data, fields);
    row->data_len = data.len;
}

/* Each no has an incident of its own; the first is the row's, and of the others as many are in its data as fit. */
static void add_incident(struct trail_row *row, const char *incident)
{
    struct gp_text more = { .ptr = row->incidents, .room = sizeof(row->incidents), .len = row->incidents_len };
    if (!incident[0] || more.room - more.len < GP_INCIDENT_ROOM) return;
    gp_put_z(&more, incident);
    gp_put_char(&more, '\n');
    row->incidents_len = more.len;
}

static void find_place(struct trail_row *row, const struct audit_field *fields)
{
    struct place whole;
    for (const struct audit_field *f = fields; f->key && !row->has_place; f++)
        if (strcmp(f->key, "peer") == 0 && f->text.ptr) row->has_place = place_read(f->text, &whole);
    if (row->has_place) row->place = guard_place(&whole);
}

static size_t of_same_place(const struct trail *t, const struct trail_row *wanted)
{
    size_t count = 0;
    if (!wanted->has_place) return 0;
    for (size_t i = 0; i < t->count; i++) {
        const struct trail_row *row = &t->rows[i];
        count += row->is_refusal && row->has_place && place_same(&row->place, &wanted->place);
    }
    return count;
}

static void regain(struct trail *t, gp_time now)
{
    int64_t earned = (now - t->regained) / TRAIL_REGAIN_MS;
    t->spent       = earned >= t->spent ? 0 : t->spent - earned;
    t->regained += earned * TRAIL_REGAIN_MS;
}

static bool may_list(struct vault *v, const struct trail_row *refusal)
{
    struct trail *t = &v->trail;
    if (t->refusals >= TRAIL_REFUSALS_MOST || of_same_place(t, refusal) >= TRAIL_PLACE_MOST) return false;
    regain(t, loop_now(v->loop));
    return t->spent < TRAIL_BUDGET;
}

static bool has_room(struct vault *v, const struct trail_row *fresh)
{
    struct trail *t = &v->trail;
    if (fresh->is_refusal && !may_list(v, fresh)) return false;
    if (t->count == TRAIL_MOST) trail_write(v);
    return t->count < TRAIL_MOST;
}

void trail_note(struct vault *v, enum trail_kind kind, const struct audit_entry *e, const struct audit_field *fields)
{
    struct trail     *t = &v->trail;
    struct trail_row  fresh;
    struct trail_row *row;
    fill(&fresh, e, fields);
    fresh.is_refusal = kind == TRAIL_REFUSAL;
    if (fresh.is_refusal) find_place(&fresh, fields);
    row = find_same(t, &fresh);
    if (!row && !has_room(v, &fresh)) {
        t->unlisted++;
        return;
    }
    if (!row) {
        row  = &t->rows[t->count++];
        *row = fresh;
        t->refusals += fresh.is_refusal;
        t->spent += fresh.is_refusal;
    }
    row->last = e->when;
    if (row->count++ > 0) add_incident(row, fresh.incident);
}

/* ---- writing ------------------------------------------------------------------------------------------------------------- */
/* {"a":1} becomes {"a":1,"count":7,"last":123,"incidents":["K7Z..."]}. */
static gp_str with_count(const struct trail_row *row, struct gp_text *out)
{
    gp_str                   more     = { row->incidents, row->incidents_len };
    const struct audit_field fields[] = { AUDIT_N("count", row->count),
                                          AUDIT_N("last", row->last),
                                          AUDIT_L("incidents", more.len ? more : GP_NONE),
                                          { NULL } };
    if (row->data_len > 2) gp_put(out, (gp_str) { row->data, row->data_len - 1 });
    size_t at = out->len;
    audit_put_data(out, fields);
    if (row->data_len > 2) out->ptr[at] = ','; /* in place of the brace */
    return gp_said(out);
}

static gp_status write_row(struct database *db, const struct trail_row *row)
{
    enum { COUNT_ROOM = 1024 };
    char               room[TRAIL_DATA + COUNT_ROOM];
    struct gp_text     text = GP_TEXT(room);
    gp_str             data = row->count > 1 ? with_count(row, &text) : (gp_str) { row->data, row->data_len };
    struct audit_entry e    = { .when       = row->first,
                                .event      = row->event,
                                .account    = row->account,
                                .credential = row->credential,
                                .name       = gp_from(row->name),
                                .incident   = gp_from(row->incident),
                                .queue_id   = gp_from(row->queue_id) };
    return audit_write(db, &e, data);
}

static gp_status write_all(struct database *db, const struct trail *t)
{
    struct audit_entry e           = { .when = wall_now(), .event = "not-listed" };
    auto_transaction   transaction = { 0 };
    gp_status          status      = transaction_begin(&transaction, db);
    for (size_t i = 0; i < t->count && status == GP_OK; i++) status = write_row(db, &t->rows[i]);
    if (status == GP_OK && t->unlisted)
        status = AUDIT(db, &e, AUDIT_N("count", t->unlisted),
                       AUDIT_Z("reason", "more different ones than are listed: see the log"));
    return status == GP_OK ? transaction_commit(&transaction) : status;
}

void trail_write(struct vault *v)
{
    struct trail *t = &v->trail;
    if (t->count == 0 && t->unlisted == 0) return;
    if (write_all(accounts_database(v->accounts), t) != GP_OK) {
        vault_store_failed(v);
        return;
    }
    t->count = t->refusals = 0;
    t->unlisted            = 0;
}

/* ---- what is in force at the start --------------------------------------------------------------------------------------------- */
enum { CHANGES_ROOM = 3000, SHOWN_MOST = 160, CHANGE_MOST = 2 * SHOWN_MOST + 8 };
struct settings {
    struct database    *db;
    struct gp_digester *digester;
    gp_status           status;
    bool                first; /* none were kept: all are new, and none is told */
    char                room[CHANGES_ROOM];
    struct gp_text      changes; /* lines "key: before -> now" */
};

static gp_status flush_changes(struct settings *s)
{
    struct audit_entry e = { .when = wall_now(), .event = "config-changed" };
    if (s->changes.len == 0) return GP_OK;
    gp_status status = AUDIT(s->db, &e, AUDIT_L("changed", gp_said(&s->changes)));
    s->changes.len   = 0;
    s->changes.cut   = false;
    return status;
}

static void note_change(struct settings *s, gp_str key, gp_str before, gp_str now)
{
    if (s->changes.len + key.len + CHANGE_MOST > sizeof(s->room)) s->status = flush_changes(s);
    gp_put(&s->changes, key);
    gp_put_z(&s->changes, ": ");
    gp_put(&s->changes, gp_head(before, SHOWN_MOST));
    gp_put_z(&s->changes, " -> ");
    gp_put(&s->changes, gp_head(now, SHOWN_MOST));
    gp_put_char(&s->changes, '\n');
}

static gp_status keep_setting(struct database *db, gp_str key, gp_str value)
{
    auto_rows r = rows_of(db, "INSERT OR REPLACE INTO audit_settings (key, value) VALUES (?, ?)");
    rows_bind_text(&r, key);
    rows_bind_text(&r, value);
    return rows_run(&r);
}

static void compare(void *owner, gp_str key, gp_str value)
{
    struct settings *s      = owner;
    auto_rows        r      = rows_of(s->db, "SELECT value FROM audit_settings WHERE key = ?");
    const gp_str     told[] = { key, GP_LIT("="), value, GP_LIT("\n") };
    if (s->status != GP_OK) return;
    for (size_t i = 0; i < GP_COUNT(told); i++)
        if (!gp_digester_add(s->digester, told[i])) s->status = GP_TEMPFAIL;
    rows_bind_text(&r, key);
    gp_status status = rows_next(&r);
    if (status == GP_TEMPFAIL) s->status = status;
    if (status == GP_TEMPFAIL || (status == GP_OK && gp_same(rows_text(&r, 0), value))) return;
    if (!s->first) note_change(s, key, status == GP_OK ? rows_text(&r, 0) : GP_LIT("(not known)"), value);
    rows_end(&r);
    if (s->status == GP_OK) s->status = keep_setting(s->db, key, value.ptr ? value : GP_LIT(""));
}

static bool none_kept(struct database *db)
{
    auto_rows r = rows_of(db, "SELECT 1 FROM audit_settings LIMIT 1");
    return rows_next(&r) == GP_PERMFAIL;
}

static gp_status note_start(struct settings *s, const struct config *config)
{
    uint8_t            digest[GP_DIGEST_MOST];
    char               room[2 * AUDIT_HASH];
    struct gp_text     hex = GP_TEXT(room);
    struct audit_entry e   = { .when = wall_now(), .event = "start" };
    config_each(config, compare, s);
    if (s->status == GP_OK) s->status = flush_changes(s);
    if (s->status != GP_OK || !gp_digester_end(s->digester, digest)) return GP_TEMPFAIL;
    gp_put_hex(&hex, (gp_str) { (const char *)digest, AUDIT_HASH });
    return AUDIT(s->db, &e, AUDIT_N("supervisor", getppid()), AUDIT_N("vault", getpid()),
                 AUDIT_S("config", gp_said(&hex)));
}

void trail_start(struct vault *v)
{
    struct settings  s = { .db = accounts_database(v->accounts), .digester = gp_digester_open(GP_SHA256) };
    auto_transaction t = { 0 };
    s.changes          = GP_TEXT(s.room);
    gp_status status   = transaction_begin(&t, s.db);
    s.first            = none_kept(s.db);
    if (status == GP_OK && s.digester) status = note_start(&s, v->config);
    if (status == GP_OK) status = transaction_commit(&t);
    if (status != GP_OK) vault_store_failed(v);
    gp_digester_close(s.digester);
}
