/* Messages that something is to be done to though no attempt is due: each kind stands in an index of its own, which other mail is not in. */
#include "store/queue_parts.h"

/* What is held already is held from now on: nobody's mail goes back for the time before there was an end to it. */
const char queue_ends[] =
    "ALTER TABLE messages ADD COLUMN deadline INTEGER NOT NULL DEFAULT 0; ALTER TABLE messages ADD COLUMN held INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE messages ADD COLUMN removed INTEGER NOT NULL DEFAULT 0;"
    "UPDATE messages SET held = CAST(strftime('%s', 'now') AS INTEGER) * 1000"
    " WHERE message IN (SELECT message FROM recipients WHERE state = 3);"
    "CREATE INDEX messages_deadline ON messages (deadline) WHERE deadline <> 0;"
    "CREATE INDEX messages_held ON messages (held) WHERE held <> 0;"
    "CREATE INDEX messages_removed ON messages (removed) WHERE removed <> 0;";

gp_status queue_endings(struct queue_store *s, gp_time now, gp_time held, struct queue_ending *out, size_t room,
                        size_t *count)
{
    auto_rows r = rows_of(
        s->db,
        "SELECT message, queue_id, 0 FROM messages WHERE removed <> 0"
        " UNION ALL SELECT message, queue_id, 1 FROM messages WHERE deadline <> 0 AND deadline <= ?1"
        " UNION ALL SELECT message, queue_id, 2 FROM messages WHERE held <> 0 AND held <= ?2 AND release <= ?2 LIMIT ?3");
    gp_status status = GP_OK;
    rows_bind_number(&r, now);
    rows_bind_number(&r, held);
    rows_bind_number(&r, (int64_t)room);
    for (*count = 0; *count < room && (status = rows_next(&r)) == GP_OK; ++*count) {
        out[*count].message = rows_number(&r, 0);
        out[*count].why     = (enum queue_end)rows_number(&r, 2);
        if (!gp_copy_z(rows_text(&r, 1), out[*count].queue_id, sizeof out->queue_id)) return GP_TEMPFAIL;
    }
    return status == GP_PERMFAIL ? GP_OK : status;
}

gp_status queue_count_held(struct queue_store *s, gp_time before, size_t *count, gp_time *since)
{
    auto_rows r = rows_of(s->db, "SELECT count(*), coalesce(min(held), 0) FROM messages WHERE held <> 0 AND held <= ?");
    rows_bind_number(&r, before);
    gp_status status = rows_next(&r);
    if (status != GP_OK) return GP_TEMPFAIL;
    *count = (size_t)rows_number(&r, 0);
    *since = rows_number(&r, 1);
    return GP_OK;
}

gp_status queue_ended(struct queue_store *s, const struct queue_ending *e)
{
    static const char *const changes[] = { [QUEUE_END_REMOVED]  = "UPDATE messages SET removed = 0 WHERE message = ?",
                                           [QUEUE_END_DEADLINE] = "UPDATE messages SET deadline = 0 WHERE message = ?",
                                           [QUEUE_END_HELD]     = "UPDATE messages SET held = 0 WHERE message = ?" };
    auto_rows                r         = rows_of(s->db, changes[e->why]);
    rows_bind_number(&r, e->message);
    return rows_run(&r);
}
