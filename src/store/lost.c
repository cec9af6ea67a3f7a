/* Reports of ours that were lost: one row. */
#include "store/lost.h"

#include "store/database.h"

const char lost_schema[] = "CREATE TABLE lost (one INTEGER PRIMARY KEY CHECK (one = 1), count INTEGER NOT NULL,"
                           " last INTEGER NOT NULL, queue_id TEXT NOT NULL, reason TEXT NOT NULL) STRICT;";

gp_status lost_add(struct database *db, gp_time now, gp_str queue_id, gp_str reason)
{
    auto_rows r = rows_of(db, "INSERT INTO lost (one, count, last, queue_id, reason) VALUES (1, 1, ?, ?, ?) ON CONFLICT"
                              " DO UPDATE SET count = count + 1, last = excluded.last, queue_id = excluded.queue_id,"
                              " reason = excluded.reason");
    rows_bind_number(&r, now);
    rows_bind_text(&r, queue_id);
    rows_bind_text(&r, gp_head(reason, LOST_REASON - 1));
    return rows_run(&r);
}

gp_status lost_get(struct database *db, struct lost_reports *out)
{
    auto_rows r      = rows_of(db, "SELECT count, last, queue_id, reason FROM lost");
    gp_status status = rows_next(&r);
    if (status != GP_OK) return status;
    out->count = rows_number(&r, 0);
    out->last  = rows_number(&r, 1);
    bool whole = gp_copy_z(rows_text(&r, 2), out->queue_id, sizeof out->queue_id) &&
                 gp_copy_z(rows_text(&r, 3), out->reason, sizeof out->reason);
    return whole ? GP_OK : GP_TEMPFAIL;
}
