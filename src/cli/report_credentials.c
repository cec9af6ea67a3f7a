/* The report's rows about credentials: one walk over all accounts, for each part that has something to say of theirs. */
#include "cli/report.h"

enum { EXAMPLE_ROOM = 640 };

static bool give(struct report_walk *w, const struct account *account, const struct credential *c)
{
    char              room[EXAMPLE_ROOM];
    struct gp_text    example = { .ptr = room, .room = sizeof room - 1 };
    struct report_row row     = { .account    = account->name,
                                  .label      = c->label,
                                  .account_id = account->id,
                                  .credential = c->id,
                                  .first      = c->created,
                                  .last       = c->last_used,
                                  .example    = room };
    if (!w->fill(w->part, account, c, &row, &example)) return true;
    room[example.len] = '\0';
    return w->take(w->owner, &row);
}

static bool look_at(void *owner, const struct account *account)
{
    struct report_walk *w = owner;
    struct credential   c;
    gp_status           status = GP_PERMFAIL;
    auto_rows           r      = credentials_of(w->store->accounts, account->id);
    while (!w->stopped && (status = credentials_next(&r, &c)) == GP_OK) w->stopped = !give(w, account, &c);
    gp_wipe(&c.verifier, sizeof c.verifier);
    w->failed = status == GP_TEMPFAIL;
    return !w->failed && !w->stopped;
}

gp_status report_credentials(struct report_walk *w)
{
    gp_status status = accounts_each(w->store->accounts, look_at, w);
    return w->failed ? GP_TEMPFAIL : status;
}
