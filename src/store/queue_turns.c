/* Whose turn it is at a destination: the accounts that have mail for it stand in an index of their own, which is hopped through. */
#include "store/queue_parts.h"

const char queue_turns[] =
    "ALTER TABLE recipients ADD COLUMN account INTEGER NOT NULL DEFAULT 0;"
    "UPDATE recipients SET account = (SELECT account FROM messages WHERE messages.message = recipients.message);"
    "CREATE INDEX recipients_turns ON recipients (destination, account, due, message, position) WHERE state = 0;";

static gp_status account_behind(struct database *db, gp_str destination, int64_t *account, gp_time *due)
{
    auto_rows r = rows_of(
        db, "SELECT account, due FROM recipients INDEXED BY recipients_turns WHERE state = 0 AND priority = 0 AND"
            " destination = ? AND account > ? ORDER BY account, due LIMIT 1");
    rows_bind_text(&r, destination);
    rows_bind_number(&r, *account);
    gp_status status = rows_next(&r);
    if (status != GP_OK) return status;
    *account = rows_number(&r, 0);
    *due     = rows_number(&r, 1);
    return GP_OK;
}

gp_status queue_next_turn(struct queue_store *s, gp_str destination, gp_time now, unsigned looks, int64_t *account)
{
    bool again = false; /* from the first one */
    for (unsigned i = 0; i < looks; i++) {
        gp_time   due    = 0;
        gp_status status = account_behind(s->db, destination, account, &due);
        if (status == GP_TEMPFAIL || (status == GP_PERMFAIL && again)) return status;
        if (status == GP_OK && due <= now) return GP_OK;
        again = again || status == GP_PERMFAIL;
        if (status == GP_PERMFAIL) *account = -1;
    }
    return GP_PERMFAIL;
}

gp_status queue_next_due_of(struct queue_store *s, gp_str destination, int64_t account, gp_time now, queue_skip *skip,
                            void *owner, struct queue_due *out)
{
    auto_rows r = rows_of(
        s->db, "SELECT message, position FROM recipients INDEXED BY recipients_turns WHERE state = 0 AND priority = 0"
               " AND destination = ? AND account = ? AND due <= ? ORDER BY due, message, position");
    rows_bind_text(&r, destination);
    rows_bind_number(&r, account);
    rows_bind_number(&r, now);
    return queue_take_due(s, &r, skip, owner, out);
}
