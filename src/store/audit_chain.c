/* What is hashed. A row's hash = SHA-256(hash of the row before, or of what the chain is, || what stays || digest of what may go),
 * that digest = SHA-256(salt || name || data). */
#include <string.h>

#include "crypto/crypto.h"
#include "store/audit_parts.h"

enum { PERSONAL_MOST = AUDIT_DATA_MOST + AUDIT_NAME_MOST + 128, ROW_MOST = 1024 };

/* Each part with its length before it, so that no two rows share a canonical form. */
static void put_part(struct gp_text *out, gp_str part)
{
    gp_put_number(out, (int64_t)part.len);
    gp_put_char(out, ':');
    gp_put(out, part);
}

bool audit_digest(const struct audit_row *row, gp_str salt, uint8_t out[static AUDIT_HASH])
{
    char           room[PERSONAL_MOST];
    struct gp_text text = GP_TEXT(room);
    put_part(&text, salt);
    put_part(&text, row->name);
    put_part(&text, row->data);
    return !text.cut && gp_digest(GP_SHA256, gp_said(&text), out);
}

bool audit_hash(const struct audit_place *before, const struct audit_row *row, const uint8_t digest[static AUDIT_HASH],
                uint8_t out[static AUDIT_HASH])
{
    const int64_t  numbers[] = { row->seq, row->when, row->account, row->credential };
    char           room[ROW_MOST];
    struct gp_text text = GP_TEXT(room);
    gp_put(&text, (gp_str) { (const char *)before->hash, AUDIT_HASH });
    for (size_t i = 0; i < GP_COUNT(numbers); i++) {
        gp_put_number(&text, numbers[i]);
        gp_put_char(&text, ' ');
    }
    put_part(&text, row->event);
    put_part(&text, row->queue_id);
    put_part(&text, row->incident);
    gp_put(&text, (gp_str) { (const char *)digest, AUDIT_HASH });
    return !text.cut && gp_digest(GP_SHA256, gp_said(&text), out);
}

/* ---- where it begins --------------------------------------------------------------------------------------------------- */
/* Of a chain that nothing has aged out of yet. */
static bool hash_of_chain(gp_str name, gp_str id, uint8_t out[static AUDIT_HASH])
{
    char           room[128];
    struct gp_text text = GP_TEXT(room);
    gp_put_z(&text, "gatepost audit ");
    put_part(&text, name);
    put_part(&text, id);
    return !text.cut && gp_digest(GP_SHA256, gp_said(&text), out);
}

gp_status audit_begin(struct database *db, struct audit_place *place)
{
    auto_rows r      = rows_of(db, "SELECT name, id, horizon_seq, horizon_hash FROM audit_chain");
    gp_status status = rows_next(&r);
    *place           = (struct audit_place) { 0 };
    if (status != GP_OK) return status == GP_PERMFAIL ? GP_OK : status; /* altered: verify tells */
    place->seq  = rows_number(&r, 2);
    gp_str hash = rows_blob(&r, 3);
    if (place->seq > 0 && hash.len == AUDIT_HASH) memcpy(place->hash, hash.ptr, AUDIT_HASH);
    if (place->seq > 0) return GP_OK;
    return hash_of_chain(rows_text(&r, 0), rows_blob(&r, 1), place->hash) ? GP_OK : GP_TEMPFAIL;
}

gp_status audit_newest(struct database *db, int64_t *seq)
{
    auto_rows r      = rows_of(db, "SELECT seq FROM sqlite_sequence WHERE name = 'audit'");
    gp_status status = rows_next(&r);
    *seq             = status == GP_OK ? rows_number(&r, 0) : 0;
    return status == GP_TEMPFAIL ? status : GP_OK;
}
