/* What the queue keeps of moments that the clock, set back, has not reached yet. */
#include "store/queue_parts.h"

gp_status queue_last_moment(struct queue_store *s, gp_time *when)
{
    auto_rows r      = rows_of(s->db, "SELECT moment FROM audit ORDER BY seq DESC LIMIT 1");
    gp_status status = rows_next(&r);
    *when            = status == GP_OK ? rows_number(&r, 0) : 0;
    return status == GP_PERMFAIL ? GP_OK : status;
}

#define BEHIND "(message, position) > (?1, ?2)"

/* The last of a portion. PERMFAIL: none is left. */
static gp_status find_end(struct queue_store *s, const struct queue_row *from, size_t most, struct queue_row *to)
{
    auto_rows r = rows_of(s->db, "SELECT message, position FROM (SELECT message, position FROM recipients WHERE " BEHIND
                                 " ORDER BY message, position LIMIT ?3) ORDER BY message DESC, position DESC LIMIT 1");
    rows_bind_number(&r, from->message);
    rows_bind_number(&r, from->position);
    rows_bind_number(&r, (int64_t)most);
    gp_status status = rows_next(&r);
    if (status == GP_OK) *to = (struct queue_row) { rows_number(&r, 0), rows_number(&r, 1) };
    return status;
}

/* It waits as long as it was to wait from its last try on, or from when it came: `longest` at most, and until its sender's moment at least (RFC 4865). */
static gp_status bound_due(struct queue_store *s, const struct queue_row *from, const struct queue_row *to, gp_time now,
                           gp_time longest, size_t *changed)
{
    auto_rows r = rows_of(
        s->db,
        "UPDATE recipients AS r SET tried = min(tried, ?5),"
        " due = max(min(due, ?5 + min(?6, max(0, due - since))), iif(release > ?5, release, 0))"
        " FROM (SELECT message, position, release, iif(tried > 0, tried, arrived) AS since FROM recipients JOIN messages USING (message)"
        " WHERE " BEHIND " AND (message, position) <= (?3, ?4) AND state = 0"
        " AND (iif(tried > 0, tried, arrived) > ?5 OR due > max(?5 + ?6, release))) AS late"
        " WHERE r.message = late.message AND r.position = late.position");
    rows_bind_number(&r, from->message);
    rows_bind_number(&r, from->position);
    rows_bind_number(&r, to->message);
    rows_bind_number(&r, to->position);
    rows_bind_number(&r, now);
    rows_bind_number(&r, longest);
    gp_status status = rows_run(&r);
    if (status == GP_OK) *changed += (size_t)database_touched(s->db);
    return status;
}

/* Of messages all of whose recipients have had their turn; else a life would last longer than it may. */
static gp_status bound_age(struct queue_store *s, int64_t from, int64_t below, gp_time now)
{
    auto_rows r = rows_of(s->db, "UPDATE messages SET arrived = min(arrived, ?3), held = min(held, ?3)"
                                 " WHERE message >= ?1 AND message < ?2 AND (arrived > ?3 OR held > ?3)");
    rows_bind_number(&r, from);
    rows_bind_number(&r, below);
    rows_bind_number(&r, now);
    return rows_run(&r);
}

gp_status queue_set_back(struct queue_store *s, struct queue_row *from, size_t most, gp_time now, gp_time longest,
                         size_t *changed)
{
    struct queue_row to     = *from;
    gp_status        status = find_end(s, from, most, &to);
    bool             ended  = status == GP_PERMFAIL;
    if (status == GP_OK) status = bound_due(s, from, &to, now, longest, changed);
    if (status == GP_OK || ended) status = bound_age(s, from->message, ended ? INT64_MAX : to.message, now);
    if (status != GP_OK) return status;
    *from = to;
    return ended ? GP_PERMFAIL : GP_OK;
}
