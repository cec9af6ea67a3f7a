/* The guard's counts as rows: written behind, read once at the start. Moments are of the wall clock here, and of the guard's own there. */
#include "store/places.h"

#include "store/accounts_parts.h"

struct writing {
    struct accounts *store;
    gp_time          now;
};

static gp_status put(void *owner, const struct guard_count *c)
{
    const struct writing *w = owner;
    auto_rows r = rows_of(w->store->db, "INSERT OR REPLACE INTO guesses (kind, slot, key, empty) VALUES (?, ?, ?, ?)");
    rows_bind_number(&r, (int64_t)c->table);
    rows_bind_number(&r, (int64_t)c->slot);
    rows_bind_number(&r, (int64_t)c->key);
    rows_bind_number(&r, w->now + c->left);
    return rows_run(&r);
}

gp_status guesses_save(struct accounts *a, struct guard *g, gp_time now, gp_time clock)
{
    auto_transaction t = { 0 };
    struct writing   w = { a, now };
    if (!guard_has_changes(g)) return GP_OK; /* not even the lock: a long command may have it */
    gp_status status = transaction_begin(&t, a->db);
    if (status == GP_OK) status = guard_changes(g, clock, put, &w);
    if (status == GP_OK) status = transaction_commit(&t);
    if (status == GP_OK) guard_kept(g);
    return status;
}

static gp_status forget_over(struct accounts *a, gp_time now)
{
    auto_rows r = rows_of(a->db, "DELETE FROM guesses WHERE empty <= ?");
    rows_bind_number(&r, now);
    return rows_run(&r);
}

gp_status guesses_load(struct accounts *a, struct guard *g, gp_time now, gp_time clock)
{
    gp_status status = forget_over(a, now);
    if (status != GP_OK) return status;
    auto_rows r = rows_of(a->db, "SELECT kind, slot, key, empty FROM guesses");
    while ((status = rows_next(&r)) == GP_OK) {
        struct guard_count c = { .table = (uint64_t)rows_number(&r, 0),
                                 .slot  = (uint64_t)rows_number(&r, 1),
                                 .key   = (uint64_t)rows_number(&r, 2),
                                 .left  = rows_number(&r, 3) - now };
        guard_restore(g, &c, clock);
    }
    return status == GP_PERMFAIL ? GP_OK : status;
}
