/* Does the chain hold? Read from its beginning to its end. */
#include <string.h>

#include "crypto/crypto.h"
#include "store/audit_parts.h"

/* What stands for the person in the hash: computed while the row has its content, kept from then on. */
static const char *digest_of(const struct audit_kept *kept, uint8_t out[static AUDIT_HASH])
{
    if (!kept->row.erased) {
        if (kept->digest.ptr || kept->tombstone) return "the row says that it was erased and has its content";
        return audit_digest(&kept->row, kept->salt, out) ? NULL : "the row is longer than any that was written";
    }
    if (kept->digest.len != AUDIT_HASH || kept->salt.ptr || kept->row.name.ptr || kept->row.data.ptr)
        return "the row is neither whole nor erased";
    memcpy(out, kept->digest.ptr, AUDIT_HASH);
    return NULL;
}

static const char *fault_of(const struct audit_kept *kept, const struct audit_place *before)
{
    uint8_t digest[AUDIT_HASH], want[AUDIT_HASH];
    if (kept->row.seq != before->seq + 1) return "a row is missing before this one";
    const char *fault = digest_of(kept, digest);
    if (fault) return fault;
    if (!audit_hash(before, &kept->row, digest, want)) return "the row is longer than any that was written";
    if (kept->hash.len != AUDIT_HASH || !gp_matches(kept->hash.ptr, want, AUDIT_HASH))
        return "the row or one before it was altered";
    return NULL;
}

static gp_status verify_rows(struct rows *r, struct audit_place *end, struct audit_fault *fault)
{
    gp_status status;
    while ((status = rows_next(r)) == GP_OK) {
        struct audit_kept kept;
        audit_read_kept(r, &kept);
        fault->seq  = kept.row.seq;
        fault->what = fault_of(&kept, end);
        if (fault->what) return GP_PERMFAIL;
        fault->rows++;
        end->seq = kept.row.seq;
        memcpy(end->hash, kept.hash.ptr, AUDIT_HASH);
    }
    return status == GP_PERMFAIL ? GP_OK : status;
}

gp_status audit_verify(struct database *db, struct audit_fault *fault)
{
    struct audit_place end;
    int64_t            newest = 0;
    *fault                    = (struct audit_fault) { 0 };
    gp_status status          = audit_newest(db, &newest);
    if (status == GP_OK) status = audit_begin(db, &end);
    if (status != GP_OK) return status;
    auto_rows r = rows_of(db, "SELECT " AUDIT_KEPT_COLUMNS " FROM audit WHERE seq > ? ORDER BY seq");
    rows_bind_number(&r, end.seq);
    status = verify_rows(&r, &end, fault);
    if (status != GP_OK || end.seq >= newest) return status;
    *fault = (struct audit_fault) { .seq = newest, .what = "the newest rows are missing", .rows = fault->rows };
    return GP_PERMFAIL;
}
