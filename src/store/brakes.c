/* The state is kept as it is in memory: one of another form, by its size, is forgotten and learnt anew, but for whether its mail is held. */
#include "store/brakes.h"

#include <string.h>

#include "store/accounts_parts.h"

gp_status brake_load(struct accounts *a, int64_t account, struct brake_row *out)
{
    *out        = (struct brake_row) { .released = 0 };
    auto_rows r = rows_of(a->db, "SELECT state, released, why, held, suspected, stolen FROM brakes"
                                 " WHERE account = ?");
    rows_bind_number(&r, account);
    gp_status status = rows_next(&r);
    if (status != GP_OK) return status == GP_PERMFAIL ? GP_OK : status;
    gp_str  blob = rows_blob(&r, 0);
    gp_time held = rows_number(&r, 3);
    if (blob.len == sizeof out->state)
        memcpy(&out->state, blob.ptr, sizeof out->state);
    else if (held)
        out->state = (struct brake_state) { .born = held, .when = held, .held = held };
    out->released  = rows_number(&r, 1);
    out->suspected = rows_number(&r, 4);
    out->stolen    = rows_number(&r, 5);
    return gp_copy_z(rows_text(&r, 2), out->why, sizeof out->why) ? GP_OK : GP_TEMPFAIL;
}

bool brake_was_released(const struct brake_row *row, gp_time now)
{
    return row->state.held && row->released >= row->state.held && row->released <= now;
}

bool brake_was_stolen(const struct brake_row *row)
{
    return row->stolen > row->state.when;
}

gp_time brake_suspected_since(const struct brake_row *row)
{
    return row->state.held ? row->state.held : row->suspected;
}

static gp_status put_row(struct accounts *a, const struct brake_entry *e)
{
    auto_rows r =
        rows_of(a->db, "INSERT INTO brakes (account, held, why, released, state) SELECT id, ?2, ?3, 0, ?4 FROM"
                       " accounts WHERE id = ?1 ON CONFLICT DO UPDATE SET held = excluded.held, why = excluded.why,"
                       " state = excluded.state");
    rows_bind_number(&r, e->account);
    rows_bind_number(&r, e->state->held);
    rows_bind_text(&r, e->state->held ? gp_from(e->why) : GP_LIT(""));
    rows_bind_blob(&r, (gp_str) { (const char *)e->state, sizeof *e->state });
    return rows_run(&r);
}

gp_status brake_put(struct accounts *a, const struct brake_entry *e, gp_time now)
{
    gp_status status = put_row(a, e);
    (void)now;
    if (status != GP_OK || !e->begins) return status;
    return ACCOUNT_AUDIT(a, "mail-held", e->account, e->credential, AUDIT_Z("why", e->why),
                         AUDIT_S("incident", e->incident[0] ? gp_from(e->incident) : GP_NONE));
}

gp_status brake_next_untold(struct accounts *a, int64_t account, gp_time now, struct brake_untold *out)
{
    auto_rows r = rows_of(
        a->db,
        "SELECT account, held, why FROM brakes WHERE held > 0 AND account > ?1 AND"
        " (released < held OR released > ?2) AND (stolen < held OR stolen > ?2) AND told <> held ORDER BY account LIMIT 1");
    rows_bind_number(&r, account);
    rows_bind_number(&r, now);
    gp_status status = rows_next(&r);
    if (status != GP_OK) return status;
    out->account = rows_number(&r, 0);
    out->held    = rows_number(&r, 1);
    return gp_copy_z(rows_text(&r, 2), out->why, sizeof out->why) ? GP_OK : GP_TEMPFAIL;
}

gp_status brake_set_told(struct accounts *a, const struct brake_untold *one)
{
    auto_rows r = rows_of(a->db, "UPDATE brakes SET told = ?2 WHERE account = ?1");
    rows_bind_number(&r, one->account);
    rows_bind_number(&r, one->held);
    return rows_run(&r);
}

gp_status brake_set_released(struct accounts *a, int64_t account, gp_time now)
{
    auto_transaction t      = { 0 };
    gp_status        status = transaction_begin(&t, a->db);
    if (status != GP_OK) return status;
    auto_rows r = rows_of(a->db, "UPDATE brakes SET released = ?, held = 0, why = '' WHERE account = ?");
    rows_bind_number(&r, now);
    rows_bind_number(&r, account);
    status = rows_run(&r);
    if (status == GP_OK && database_touched(a->db) == 0) return GP_OK; /* it never sent anything */
    if (status == GP_OK)
        status = ACCOUNT_AUDIT(a, "mail-released", account, 0,
                               {
                                   NULL, {NULL, 0},
                                    0, AUDIT_TEXT
        });
    return status == GP_OK ? transaction_commit(&t) : GP_TEMPFAIL;
}

gp_status brake_put_suspected(struct accounts *a, int64_t account, gp_time now)
{
    auto_rows r = rows_of(a->db, "INSERT INTO brakes (account, held, why, released, state, suspected)"
                                 " VALUES (?1, 0, '', 0, x'', ?2) ON CONFLICT DO UPDATE SET suspected = ?2");
    rows_bind_number(&r, account);
    rows_bind_number(&r, now);
    return rows_run(&r);
}

/* Since when; PERMFAIL: nobody suspects it. */
static gp_status suspected(struct accounts *a, int64_t account, gp_time now, gp_time *since)
{
    auto_rows r = rows_of(a->db, "SELECT CASE WHEN held > 0 THEN held ELSE suspected END AS since FROM brakes"
                                 " WHERE account = ?1 AND since > 0 AND (released NOT BETWEEN since AND ?2) AND"
                                 " (stolen NOT BETWEEN since AND ?2)");
    rows_bind_number(&r, account);
    rows_bind_number(&r, now);
    gp_status status = rows_next(&r);
    if (status == GP_OK) *since = rows_number(&r, 0);
    return status;
}

/* Suspicion follows the first message; so much before it the thief was there at most, as far as anybody can tell. */
static gp_status forget_places(struct accounts *a, int64_t account, gp_time since)
{
    auto_rows r = rows_of(a->db, "DELETE FROM places WHERE account = ? AND first > ?");
    rows_bind_number(&r, account);
    rows_bind_number(&r, since - BRAKE_NEW);
    return rows_run(&r);
}

gp_status brake_put_stolen(struct accounts *a, int64_t account, gp_time now)
{
    gp_time   since  = 0;
    gp_status status = suspected(a, account, now, &since);
    if (status != GP_OK) return status == GP_PERMFAIL ? GP_OK : status;
    auto_rows r =
        rows_of(a->db, "UPDATE brakes SET stolen = ?2, held = 0, why = '', suspected = ?3 WHERE account = ?1");
    rows_bind_number(&r, account);
    rows_bind_number(&r, now);
    rows_bind_number(&r, since);
    status = rows_run(&r);
    if (status == GP_OK) status = forget_places(a, account, since);
    return status == GP_OK ? ACCOUNT_AUDIT(a, "theft-settled", account, 0, AUDIT_N("since", since)) : status;
}
