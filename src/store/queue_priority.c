/* Mail that has a priority (RFC 6710) stands in an index of its own, and is in no other: so other mail costs what it did. */
#include "store/queue_parts.h"

enum { LEVEL_FIRST = 10 }; /* above all of them */

const char queue_priorities[] =
    "ALTER TABLE recipients ADD COLUMN priority INTEGER NOT NULL DEFAULT 0; DROP INDEX recipients_due; DROP INDEX recipients_turns;"
    "CREATE INDEX recipients_due ON recipients (destination, due, message, position) WHERE state = 0 AND priority = 0;"
    "CREATE INDEX recipients_turns ON recipients (destination, account, due, message, position) WHERE state = 0 AND priority = 0;"
    "CREATE INDEX recipients_apart ON recipients (destination, priority, due, message, position)"
    " WHERE state = 0 AND priority <> 0;";

#define APART " FROM recipients INDEXED BY recipients_apart WHERE state = 0 AND priority <> 0 AND "

/* When the first of it is due would take a look at each level: the lane that is woken finds out. */
gp_status queue_visit_apart(struct queue_store *s, void (*each)(void *, gp_str, gp_time), void *owner)
{
    auto_rows r =
        rows_of(s->db, "WITH RECURSIVE place (name) AS (SELECT min(destination)" APART "true UNION ALL"
                       " SELECT (SELECT min(destination)" APART "destination > name) FROM place WHERE name IS NOT NULL)"
                       " SELECT name FROM place WHERE name IS NOT NULL");
    gp_status status;
    while ((status = rows_next(&r)) == GP_OK) each(owner, rows_text(&r, 0), 0);
    return status == GP_PERMFAIL ? GP_OK : status;
}

/* The next priority below *level that anything queued for the destination has. PERMFAIL: none. */
static gp_status lower(struct database *db, gp_str destination, int64_t *level)
{
    auto_rows r =
        rows_of(db, "SELECT priority" APART "destination = ? AND priority < ? ORDER BY priority DESC LIMIT 1");
    rows_bind_text(&r, destination);
    rows_bind_number(&r, *level);
    gp_status status = rows_next(&r);
    if (status == GP_OK) *level = rows_number(&r, 0);
    return status;
}

static void bind(struct rows *r, gp_str destination, int64_t level, gp_time now)
{
    rows_bind_text(r, destination);
    rows_bind_number(r, level);
    rows_bind_number(r, now);
}

gp_status queue_next_apart(struct queue_store *s, gp_str destination, bool above, gp_time now, queue_skip *skip,
                           void *owner, struct queue_due *out)
{
    int64_t   level = above ? LEVEL_FIRST : 0;
    gp_status status;
    while ((status = lower(s->db, destination, &level)) == GP_OK && (level > 0) == above) {
        auto_rows r = rows_of(s->db, "SELECT message, position" APART "destination = ? AND priority = ? AND due <= ?"
                                     " ORDER BY due, message, position");
        bind(&r, destination, level, now);
        status = queue_take_due(s, &r, skip, owner, out);
        if (status != GP_PERMFAIL) return status;
    }
    return status == GP_OK ? GP_PERMFAIL : status;
}

gp_status queue_time_apart(struct queue_store *s, gp_str destination, gp_time now, gp_time *due)
{
    int64_t   level = LEVEL_FIRST;
    gp_status status;
    while ((status = lower(s->db, destination, &level)) == GP_OK) {
        auto_rows r =
            rows_of(s->db, "SELECT due" APART "destination = ? AND priority = ? AND due > ? ORDER BY due LIMIT 1");
        bind(&r, destination, level, now);
        gp_status found = rows_next(&r);
        if (found == GP_TEMPFAIL) return found;
        if (found == GP_OK && rows_number(&r, 0) < *due) *due = rows_number(&r, 0);
    }
    if (status == GP_TEMPFAIL) return status;
    return *due < INT64_MAX ? GP_OK : GP_PERMFAIL;
}
