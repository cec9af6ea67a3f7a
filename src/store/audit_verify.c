/* Does the chain hold? Read from its beginning to its end, and held against what the audit key has signed. */
#include <string.h>

#include "store/audit_parts.h"
#include "store/audit_seal.h"

/* A burst may go on while its checkpoint is made. */
enum { UNSIGNED_MOST = 2 * AUDIT_CHECKPOINT_ROWS };
#define BY_SERVER                                                                                                      \
    "event IN ('sign-in', 'refused', 'not-listed', 'accepted', 'recipients', 'delivered', 'deferred', 'failed', "      \
    "'bounced')"

struct reading {
    struct database        *db;
    const struct audit_key *key; /* NULL: signatures are not looked at */
    struct audit_seal       chain;
    struct audit_place      end;
    struct audit_fault     *fault;
};

/* ---- tombstones ---------------------------------------------------------------------------------------------------------- */
/* The text of "key":"..." in data of our own making, where it has no escapes. */
static gp_str text_in(gp_str data, const char *key)
{
    const char *at = data.len ? memmem(data.ptr, data.len, key, strlen(key)) : NULL;
    if (!at) return GP_NONE;
    gp_str rest = gp_tail(data, (size_t)(at - data.ptr) + strlen(key));
    return gp_head(rest, gp_find(rest, '"'));
}

static bool names(gp_str ranges, int64_t seq)
{
    while (ranges.len > 0) {
        gp_str   range = gp_cut(&ranges, ','), first = gp_cut(&range, '-');
        uint64_t from = 0, to = 0;
        if (!gp_read_number(first, INT64_MAX, &from)) return false;
        to = from;
        if (range.ptr && !gp_read_number(range, INT64_MAX, &to)) return false;
        if ((uint64_t)seq >= from && (uint64_t)seq <= to) return true;
    }
    return false;
}

/* That it is where it was signed to be is seen when it is read as a row itself. */
static bool is_named(struct database *db, const struct audit_kept *kept)
{
    auto_rows r = rows_of(db, "SELECT data FROM audit WHERE seq = ? AND seq > ? AND event = '" AUDIT_ERASED "'");
    rows_bind_number(&r, kept->tombstone);
    rows_bind_number(&r, kept->row.seq);
    return rows_next(&r) == GP_OK && names(text_in(rows_text(&r, 0), "\"rows\":\""), kept->row.seq);
}

static bool is_of(const struct audit_seal *s, const struct audit_seal *chain, enum audit_saying says)
{
    return s->says == says && s->chain == chain->chain && memcmp(s->id, chain->id, AUDIT_ID) == 0;
}

static const char *fault_of_tombstone(const struct reading *v, const struct audit_row *row)
{
    static const char forged[] = "the tombstone is forged: the audit key has not signed it";
    struct audit_seal s;
    uint8_t           digest[GP_DIGEST_MOST];
    gp_str            line = text_in(row->data, "\"seal\":\""), rows = text_in(row->data, "\"rows\":\"");
    if (!audit_seal_read(line, &s) || !is_of(&s, &v->chain, AUDIT_TOMBSTONE) || s.seq != row->seq) return forged;
    if (!gp_digest(GP_SHA256, rows, digest) || memcmp(digest, s.hash, AUDIT_HASH) != 0) return forged;
    return v->key && !audit_seal_holds(line, v->key) ? forged : NULL;
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------ */
/* What stands for the person in the hash: computed while the row has its content, kept from then on. */
static const char *digest_of(const struct reading *v, const struct audit_kept *kept, uint8_t out[static AUDIT_HASH])
{
    if (!kept->row.erased) {
        if (kept->digest.ptr || kept->tombstone) return "the row says that it was erased and has its content";
        return audit_digest(&kept->row, kept->salt, out) ? NULL : "the row is longer than any that was written";
    }
    if (kept->digest.len != AUDIT_HASH || kept->row.name.ptr || kept->row.data.ptr)
        return "the row is neither whole nor erased";
    if (!is_named(v->db, kept)) return "the row's content was removed, and no tombstone names it";
    memcpy(out, kept->digest.ptr, AUDIT_HASH);
    return NULL;
}

static const char *fault_of(const struct reading *v, const struct audit_kept *kept)
{
    uint8_t digest[AUDIT_HASH], want[AUDIT_HASH];
    if (kept->row.seq != v->end.seq + 1) return "a row is missing before this one";
    const char *fault = digest_of(v, kept, digest);
    if (fault) return fault;
    if (!audit_hash(&v->end, &kept->row, digest, want)) return "the row is longer than any that was written";
    if (kept->hash.len != AUDIT_HASH || !gp_matches(kept->hash.ptr, want, AUDIT_HASH))
        return "the row or one before it was altered";
    return gp_is(kept->row.event, AUDIT_ERASED) ? fault_of_tombstone(v, &kept->row) : NULL;
}

static gp_status verify_rows(struct reading *v)
{
    gp_status status;
    auto_rows r = rows_of(v->db, "SELECT " AUDIT_KEPT_COLUMNS " FROM audit WHERE seq > ? ORDER BY seq");
    rows_bind_number(&r, v->end.seq);
    while ((status = rows_next(&r)) == GP_OK) {
        struct audit_kept kept;
        audit_read_kept(&r, &kept);
        v->fault->seq  = kept.row.seq;
        v->fault->what = fault_of(v, &kept);
        if (v->fault->what) return GP_PERMFAIL;
        v->fault->rows++;
        v->end.seq = kept.row.seq;
        memcpy(v->end.hash, kept.hash.ptr, AUDIT_HASH);
    }
    return status == GP_PERMFAIL ? GP_OK : status;
}

/* ---- what was signed --------------------------------------------------------------------------------------------------------- */
static gp_status wrong(struct audit_fault *fault, int64_t seq, const char *what)
{
    fault->seq  = seq;
    fault->what = what;
    return GP_PERMFAIL;
}

/* Where the chain begins, if not with its first row. */
static gp_status verify_horizon(struct reading *v)
{
    auto_rows r      = rows_of(v->db, "SELECT horizon_line, (SELECT COUNT(*) FROM audit_chain) FROM audit_chain");
    gp_status status = rows_next(&r);
    if (status != GP_OK || rows_number(&r, 1) != 1)
        return status == GP_TEMPFAIL ? status : wrong(v->fault, 1, "the chain does not say which one it is");
    struct audit_seal s;
    gp_str            line = rows_text(&r, 0);
    if (v->end.seq == 0) return GP_OK;
    bool holds = audit_seal_read(line, &s) && is_of(&s, &v->chain, AUDIT_HORIZON) && s.seq == v->end.seq &&
                 memcmp(s.hash, v->end.hash, AUDIT_HASH) == 0 && (!v->key || audit_seal_holds(line, v->key));
    return holds ? GP_OK
                 : wrong(v->fault, v->end.seq,
                         "the horizon is forged: the audit key has not signed that rows have aged out to here");
}

static gp_status hash_at(struct database *db, int64_t seq, uint8_t out[static AUDIT_HASH])
{
    auto_rows r = rows_of(db, "SELECT hash FROM audit WHERE seq = ?");
    rows_bind_number(&r, seq);
    gp_status status = rows_next(&r);
    gp_str    hash   = status == GP_OK ? rows_blob(&r, 0) : GP_NONE;
    if (status == GP_OK && hash.len != AUDIT_HASH) return GP_PERMFAIL;
    if (status == GP_OK) memcpy(out, hash.ptr, AUDIT_HASH);
    return status;
}

gp_status audit_compare(struct database *db, const struct audit_seal *s, struct audit_fault *fault)
{
    struct audit_seal  chain = { 0 };
    struct audit_place begin;
    uint8_t            hash[AUDIT_HASH];
    if (audit_identity(db, &chain) != GP_OK || audit_begin(db, &begin) != GP_OK) return GP_TEMPFAIL;
    if (!is_of(s, &chain, AUDIT_CHECKPOINT)) return wrong(fault, s->seq, "the checkpoint is of another chain");
    if (s->seq <= begin.seq) return GP_OK;
    gp_status status = hash_at(db, s->seq, hash);
    if (status == GP_PERMFAIL) return wrong(fault, s->seq, "a checkpoint has this row, and it is missing");
    if (status != GP_OK) return status;
    if (memcmp(hash, s->hash, AUDIT_HASH) != 0)
        return wrong(fault, s->seq, "a checkpoint has this row with another hash: the chain was made anew");
    return GP_OK;
}

struct checkpoints {
    struct reading *reading;
    gp_status       status;
};

/* Copies of the other chain's are for that one. */
static void verify_checkpoint(void *owner, gp_str line)
{
    struct checkpoints *c = owner;
    struct reading     *v = c->reading;
    struct audit_seal   s;
    if (c->status != GP_OK) return;
    bool sound = audit_seal_read(line, &s);
    if (!sound || (v->key && !audit_seal_holds(line, v->key)))
        c->status = wrong(v->fault, sound ? s.seq : 0, "a checkpoint was altered: the audit key has not signed it");
    else if (s.chain == v->chain.chain)
        c->status = audit_compare(v->db, &s, v->fault);
}

static gp_status verify_checkpoints(struct reading *v)
{
    struct checkpoints c      = { v, GP_OK };
    gp_status          status = audit_visit_checkpoints(v->db, verify_checkpoint, &c);
    return status == GP_OK ? c.status : status;
}

/* ---- what was not ------------------------------------------------------------------------------------------------------------ */
gp_status audit_started(struct database *db, gp_time *out)
{
    auto_rows r      = rows_of(db, "SELECT COALESCE(MAX(moment), 0) FROM audit WHERE event = 'start'");
    gp_status status = rows_next(&r);
    *out             = status == GP_OK ? rows_number(&r, 0) : 0;
    return status;
}

/* Only what the running server writes shows that it ran: commands write beside a stopped one, too. What it wrote before it crashed, it
 * had time to sign from its next start on. */
gp_status audit_unsigned(struct database *db, const struct audit_signing *g, struct audit_fault *fault)
{
    enum { SEQ, MOMENT, NEWEST, COUNT };
    auto_rows r = rows_of(db, "SELECT MIN(seq), moment, (SELECT MAX(moment) FROM audit WHERE seq > ?1 AND " BY_SERVER
                              "), COUNT(*) FROM audit WHERE seq > ?1 AND " BY_SERVER);
    rows_bind_number(&r, g->seq);
    gp_status status = rows_next(&r);
    if (status != GP_OK) return status;
    gp_time first = rows_number(&r, MOMENT), ran = rows_number(&r, NEWEST) - (first > g->started ? first : g->started);
    if (rows_number(&r, COUNT) <= UNSIGNED_MOST && ran <= 2 * g->period + AUDIT_SIGN_SLACK) return GP_OK;
    return wrong(fault, rows_number(&r, SEQ),
                 "no checkpoint has this row, and the server ran long enough to sign it: checkpoints were removed, or "
                 "could not be made");
}

/* None of ours: one can swallow rows before they are there, and leave a chain that holds. */
static gp_status verify_triggers(struct reading *v)
{
    auto_rows r      = rows_of(v->db, "SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND tbl_name LIKE 'audit%'");
    gp_status status = rows_next(&r);
    if (status == GP_OK) return wrong(v->fault, 0, "a trigger was planted on a table of the audit");
    return status == GP_PERMFAIL ? GP_OK : status;
}

/* ---- all of it ----------------------------------------------------------------------------------------------------------------- */
gp_status audit_verify(struct database *db, const struct audit_key *key, struct audit_fault *fault)
{
    struct reading v      = { .db = db, .key = key, .fault = fault };
    int64_t        newest = 0;
    *fault                = (struct audit_fault) { 0 };
    gp_status status      = audit_newest(db, &newest);
    if (status == GP_OK) status = audit_begin(db, &v.end);
    if (status == GP_OK && audit_identity(db, &v.chain) != GP_OK)
        status = wrong(fault, 1, "the chain does not say which one it is");
    if (status == GP_OK) status = verify_triggers(&v);
    if (status == GP_OK) status = verify_horizon(&v);
    if (status == GP_OK) status = verify_rows(&v);
    if (status == GP_OK && v.end.seq < newest) status = wrong(fault, newest, "the newest rows are missing");
    return status == GP_OK ? verify_checkpoints(&v) : status;
}
