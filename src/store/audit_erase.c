/* Taking a person out of the chain, and what is too old. An erased row keeps a digest where its content was, and a tombstone, which is a
 * row of its own that the audit key has signed, names it. What has aged out is removed from the chain's beginning, up to a checkpoint
 * that was made long enough ago: the horizon, signed too, says with which hash the chain begins. */
#include <string.h>

#include "store/audit_parts.h"
#include "store/audit_seal.h"

enum { BATCH = 128, RANGES_ROOM = 2000 };

/* ---- erasing --------------------------------------------------------------------------------------------------------------- */
struct erased {
    int64_t seqs[BATCH];
    size_t  count;
};

static gp_status gather(struct database *db, const struct audit_filter *who, struct erased *out)
{
    char             room[AUDIT_FILTER_ROOM];
    struct audit_row row;
    auto_rows        r      = audit_rows(db, who, room);
    gp_status        status = GP_OK;
    out->count              = 0;
    while (out->count < BATCH && (status = audit_next(&r, &row)) == GP_OK)
        if (!row.erased && !gp_is(row.event, AUDIT_ERASED)) out->seqs[out->count++] = row.seq;
    return status == GP_PERMFAIL ? GP_OK : status;
}

/* "5,9-12": the rows are in order. */
static void put_ranges(const struct erased *e, struct gp_text *out)
{
    for (size_t i = 0; i < e->count;) {
        size_t last = i;
        while (last + 1 < e->count && e->seqs[last + 1] == e->seqs[last] + 1) last++;
        if (i > 0) gp_put_char(out, ',');
        gp_put_number(out, e->seqs[i]);
        if (last > i) gp_put_char(out, '-');
        if (last > i) gp_put_number(out, e->seqs[last]);
        i = last + 1;
    }
}

static gp_status digest_of_row(struct database *db, int64_t seq, uint8_t digest[static AUDIT_HASH])
{
    struct audit_kept kept;
    auto_rows         r = rows_of(db, "SELECT " AUDIT_KEPT_COLUMNS " FROM audit WHERE seq = ?");
    rows_bind_number(&r, seq);
    if (rows_next(&r) != GP_OK) return GP_TEMPFAIL;
    audit_read_kept(&r, &kept);
    return audit_digest(&kept.row, kept.salt, digest) ? GP_OK : GP_TEMPFAIL;
}

static gp_status erase_row(struct database *db, int64_t seq, int64_t tombstone)
{
    uint8_t   digest[AUDIT_HASH];
    gp_status status = digest_of_row(db, seq, digest);
    if (status != GP_OK) return status;
    auto_rows r = rows_of(db, "UPDATE audit SET name = NULL, data = NULL, salt = NULL, digest = ?, tombstone = ?"
                              " WHERE seq = ?");
    rows_bind_blob(&r, (gp_str) { (const char *)digest, sizeof digest });
    rows_bind_number(&r, tombstone);
    rows_bind_number(&r, seq);
    return rows_run(&r);
}

static gp_status add_tombstone(struct database *db, const struct erased *e, const struct audit_key *k, int64_t seq)
{
    char               ranges_room[RANGES_ROOM], line_room[AUDIT_LINE_MOST];
    struct gp_text     ranges = GP_TEXT(ranges_room), line = GP_TEXT(line_room);
    struct audit_seal  seal  = { .says = AUDIT_TOMBSTONE, .seq = seq, .moment = audit_now() };
    struct audit_entry entry = { .when = seal.moment, .event = AUDIT_ERASED };
    put_ranges(e, &ranges);
    if (audit_identity(db, &seal) != GP_OK || !gp_digest(GP_SHA256, gp_said(&ranges), seal.hash)) return GP_TEMPFAIL;
    if (!audit_seal_put(&seal, k, &line)) return GP_TEMPFAIL;
    return AUDIT(db, &entry, AUDIT_S("rows", gp_said(&ranges)), AUDIT_N("count", e->count),
                 AUDIT_Z("by", database_operator(db)), AUDIT_S("seal", gp_said(&line)));
}

static gp_status erase_batch(struct database *db, const struct erased *e, const struct audit_key *k)
{
    int64_t   newest = 0;
    gp_status status = audit_newest(db, &newest);
    for (size_t i = 0; i < e->count && status == GP_OK; i++) status = erase_row(db, e->seqs[i], newest + 1);
    return status == GP_OK ? add_tombstone(db, e, k, newest + 1) : status;
}

static gp_status erase_all(struct database *db, const struct audit_filter *who, const struct audit_key *k,
                           size_t *count)
{
    struct audit_filter rest = *who;
    struct erased       e;
    auto_transaction    t      = { 0 };
    gp_status           status = transaction_begin(&t, db);
    do {
        if (status == GP_OK) status = gather(db, &rest, &e);
        if (status != GP_OK || e.count == 0) break;
        status = erase_batch(db, &e, k);
        *count += e.count;
        rest.after = e.seqs[e.count - 1];
    } while (e.count == BATCH);
    return status == GP_OK ? transaction_commit(&t) : status;
}

/* What was there is overwritten, in the file and in its log. */
gp_status audit_erase(struct database *db, const struct audit_filter *who, const struct audit_key *k, size_t *count)
{
    *count = 0;
    if (database_script(db, "PRAGMA secure_delete=ON") != GP_OK) return GP_TEMPFAIL;
    gp_status status = erase_all(db, who, k, count);
    return status == GP_OK ? database_script(db, "PRAGMA wal_checkpoint(TRUNCATE)") : status;
}

/* ---- what is too old --------------------------------------------------------------------------------------------------------- */
gp_status audit_horizon(struct database *db, gp_time before, struct audit_seal *out)
{
    struct audit_place begin;
    struct audit_seal  chain  = { 0 };
    gp_status          status = audit_identity(db, &chain);
    if (status == GP_OK) status = audit_begin(db, &begin);
    if (status != GP_OK) return status;
    auto_rows r = rows_of(db, "SELECT line FROM audit_checkpoints WHERE chain = ? AND moment <= ? AND seq > ?"
                              " ORDER BY seq DESC LIMIT 1");
    rows_bind_text(&r, gp_from(audit_chain_name(chain.chain)));
    rows_bind_number(&r, before);
    rows_bind_number(&r, begin.seq);
    status = rows_next(&r);
    if (status != GP_OK) return status;
    if (!audit_seal_read(rows_text(&r, 0), out)) return GP_TEMPFAIL;
    out->says   = AUDIT_HORIZON;
    out->moment = audit_now();
    return GP_OK;
}

gp_status audit_set_horizon(struct database *db, const struct audit_seal *s, gp_str line)
{
    auto_transaction t      = { 0 };
    gp_status        status = transaction_begin(&t, db);
    if (status != GP_OK) return status;
    auto_rows set = rows_of(db, "UPDATE audit_chain SET horizon_seq = ?, horizon_hash = ?, horizon_line = ?");
    rows_bind_number(&set, s->seq);
    rows_bind_blob(&set, (gp_str) { (const char *)s->hash, sizeof s->hash });
    rows_bind_text(&set, line);
    status      = rows_run(&set);
    auto_rows r = rows_of(db, "DELETE FROM audit_checkpoints WHERE chain = ? AND seq < ?");
    rows_bind_text(&r, gp_from(audit_chain_name(s->chain)));
    rows_bind_number(&r, s->seq);
    if (status == GP_OK) status = rows_run(&r);
    return status == GP_OK ? transaction_commit(&t) : status;
}

gp_status audit_age_out(struct database *db, size_t most, bool *more)
{
    auto_rows r = rows_of(db, "DELETE FROM audit WHERE seq IN (SELECT seq FROM audit WHERE seq <="
                              " (SELECT MAX(horizon_seq) FROM audit_chain) ORDER BY seq LIMIT ?)");
    rows_bind_number(&r, (int64_t)most);
    gp_status status = rows_run(&r);
    *more            = status == GP_OK && database_touched(db) == (int64_t)most;
    return status;
}
