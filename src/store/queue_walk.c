/* Mail that waits goes the way that the configuration says now, not the one that it said when it came: the walk that sees to it.
 *
 *   the row in `routed`      what it says
 *   none                     made by an earlier version: no walk was done
 *   upto below all           what came up to `upto` has been seen; the walk goes on there, also in another process
 *   upto = WHOLE             the walk is done: all mail goes these ways, since who kept them has let in nothing else */
#include "store/queue_parts.h"

enum { ADDRESS_ROOM = 1024 };
#define WHOLE INT64_MAX

const char queue_routed[] = "CREATE TABLE routed (one INTEGER PRIMARY KEY CHECK (one = 1), ways INTEGER NOT NULL,"
                            " upto INTEGER NOT NULL) STRICT;";

static gp_status redirect(struct database *db, int64_t message, int64_t position, gp_str destination)
{
    auto_rows r = rows_of(db, "UPDATE recipients SET destination = ? WHERE message = ? AND position = ?");
    rows_bind_text(&r, destination);
    rows_bind_number(&r, message);
    rows_bind_number(&r, position);
    return rows_run(&r);
}

/* The row that is there is made to go where it should. */
static gp_status judge(struct queue_store *s, const struct rows *r, queue_chooser *choose, void *owner, size_t *moved)
{
    char                   room[ADDRESS_ROOM];
    struct gp_text         text = GP_TEXT(room);
    const struct queue_way way  = { rows_text(r, 2), rows_text(r, 4), rows_text(r, 5), (uint64_t)rows_number(r, 6),
                                    rows_text(r, 3) };
    gp_str                 to   = choose(owner, &way, &text);
    if (text.cut || gp_same(to, way.goes)) return GP_OK;
    ++*moved;
    return redirect(s->db, rows_number(r, 0), rows_number(r, 1), to) == GP_OK ? GP_OK : GP_TEMPFAIL;
}

/* Along the primary key, which no change of a destination moves. */
#define WAYS                                                                                                           \
    "SELECT r.message, position, address, destination, sender, user, messages.account, state IN (0, 3)"                \
    " FROM recipients AS r NOT INDEXED CROSS JOIN messages USING (message) WHERE r.message "
enum { OPEN = 7 };

gp_status queue_reroute(struct queue_store *s, int64_t message, queue_chooser *choose, void *owner, size_t *moved)
{
    gp_status status;
    auto_rows r = rows_of(s->db, WAYS "= ?");
    rows_bind_number(&r, message);
    *moved = 0;
    while ((status = rows_next(&r)) == GP_OK)
        if (rows_number(&r, OPEN) && judge(s, &r, choose, owner, moved) != GP_OK) return GP_TEMPFAIL;
    return status == GP_PERMFAIL ? GP_OK : status;
}

static gp_status keep(struct queue_store *s, const struct queue_walk *w)
{
    auto_rows r = rows_of(s->db, "INSERT OR REPLACE INTO routed (one, ways, upto) VALUES (1, ?, ?)");
    rows_bind_number(&r, w->ways);
    rows_bind_number(&r, w->upto >= w->end ? WHOLE : w->upto);
    return rows_run(&r);
}

static gp_status newest(struct queue_store *s, int64_t *message)
{
    auto_rows r      = rows_of(s->db, "SELECT coalesce(max(message), 0) FROM messages");
    gp_status status = rows_next(&r);
    if (status == GP_OK) *message = rows_number(&r, 0);
    return status == GP_OK ? GP_OK : GP_TEMPFAIL;
}

gp_status queue_walk_open(struct queue_store *s, struct queue_walk *w)
{
    if (newest(s, &w->end) != GP_OK) return GP_TEMPFAIL;
    auto_rows r = rows_of(s->db, "SELECT upto FROM routed WHERE ways = ?");
    rows_bind_number(&r, w->ways);
    gp_status status = rows_next(&r);
    w->moved         = 0;
    w->upto          = status == GP_OK ? rows_number(&r, 0) : 0;
    if (status != GP_PERMFAIL) return status;
    return keep(s, w);
}

gp_status queue_walk_on(struct queue_store *s, struct queue_walk *w, size_t most, queue_chooser *choose, void *owner)
{
    gp_status status = GP_OK;
    int64_t   last   = w->upto;
    auto_rows r      = rows_of(s->db, WAYS "> ? AND r.message <= ? ORDER BY r.message");
    rows_bind_number(&r, w->upto);
    rows_bind_number(&r, w->end);
    for (size_t looks = 0; (status = rows_next(&r)) == GP_OK; looks++) {
        if (looks >= most && rows_number(&r, 0) != last) break; /* a message is not divided */
        last = rows_number(&r, 0);
        if (rows_number(&r, OPEN) && judge(s, &r, choose, owner, &w->moved) != GP_OK) return GP_TEMPFAIL;
    }
    if (status == GP_TEMPFAIL) return status;
    struct queue_walk on = *w;
    on.upto              = status == GP_OK ? last : w->end;
    status               = keep(s, &on);
    if (status == GP_OK) w->upto = on.upto;
    return status;
}
