/* A row for each receiver of events: the last row of the audit that it has taken. */
#include "store/events.h"

#include "store/audit_parts.h"
#include "store/audit_seal.h"

const char events_schema[] =
    "CREATE TABLE event_receivers (name TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;";

gp_status events_reached(struct database *db, const char *receiver, int64_t seq)
{
    auto_rows r = rows_of(db, "INSERT INTO event_receivers (name, seq) VALUES (?1, ?2)"
                              " ON CONFLICT (name) DO UPDATE SET seq = ?2");
    rows_bind_text(&r, gp_from(receiver));
    rows_bind_number(&r, seq);
    return rows_run(&r);
}

static gp_status find(struct database *db, const char *receiver, int64_t *seq)
{
    auto_rows r = rows_of(db, "SELECT seq FROM event_receivers WHERE name = ?");
    rows_bind_text(&r, gp_from(receiver));
    gp_status status = rows_next(&r);
    if (status == GP_OK) *seq = rows_number(&r, 0);
    return status;
}

gp_status events_begin(struct database *db, const char *receiver, int64_t *seq)
{
    gp_status status = find(db, receiver, seq);
    if (status != GP_PERMFAIL) return status;
    status = audit_newest(db, seq);
    return status == GP_OK ? events_reached(db, receiver, *seq) : status;
}

gp_status events_chain(struct database *db, char out[static EVENTS_CHAIN_ROOM])
{
    struct audit_seal chain  = { 0 };
    struct gp_text    text   = { .ptr = out, .room = EVENTS_CHAIN_ROOM - 1 };
    gp_status         status = audit_identity(db, &chain);
    gp_put_hex(&text, (gp_str) { (const char *)chain.id, (EVENTS_CHAIN_ROOM - 1) / 2 });
    out[text.len] = '\0';
    return status;
}
