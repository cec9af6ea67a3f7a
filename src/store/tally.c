/* Counts by day: one row is found by its key and added to, so a counter that is used all day stays one row. */
#include "store/tally.h"

#include "store/accounts_parts.h"

enum { DAY_MS = 24 * 3600 * 1000 };

int64_t tally_day(gp_time when)
{
    return when / DAY_MS;
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */
static gp_status add_one(struct rows *r, const struct tally *t)
{
    rows_again(r);
    rows_bind_number(r, t->account);
    rows_bind_number(r, t->kind);
    rows_bind_text(r, gp_from(t->name));
    rows_bind_number(r, t->credential);
    rows_bind_number(r, tally_day(t->last));
    rows_bind_number(r, t->count);
    rows_bind_number(r, t->first);
    rows_bind_number(r, t->last);
    rows_bind_text(r, gp_from(t->example));
    return rows_run(r);
}

static gp_status age_out(struct accounts *a, gp_time now)
{
    auto_rows r = rows_of(a->db, "DELETE FROM tallies WHERE day < ?");
    rows_bind_number(&r, tally_day(now) - TALLY_DAYS);
    return rows_run(&r);
}

gp_status tally_add(struct accounts *a, const struct tally *list, size_t count, gp_time now)
{
    auto_transaction t      = { 0 };
    gp_status        status = transaction_begin(&t, a->db);
    auto_rows        r =
        rows_of(a->db, "INSERT INTO tallies (account, kind, name, credential, day, count, first, last, example)"
                       " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
                       " ON CONFLICT DO UPDATE SET count = count + excluded.count, last = excluded.last,"
                       " example = excluded.example");
    for (size_t i = 0; i < count && status == GP_OK; i++) status = add_one(&r, &list[i]);
    if (status == GP_OK) status = age_out(a, now);
    return status == GP_OK ? transaction_commit(&t) : status;
}

gp_status tally_erase(struct accounts *a, gp_str who, gp_time until)
{
    if (database_script(a->db, "PRAGMA secure_delete=ON") != GP_OK) return GP_TEMPFAIL;
    auto_rows r = rows_of(a->db, "UPDATE tallies SET example = '' WHERE example <> '' AND (?2 = 0 OR last < ?2) AND"
                                 " (account = (SELECT id FROM accounts WHERE name = ?1)"
                                 " OR instr(lower(example), lower(?1)) > 0)");
    rows_bind_text(&r, who);
    rows_bind_number(&r, until);
    return rows_run(&r);
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */
static bool read_row(const struct rows *r, struct tally_sum *out)
{
    struct tally *t = &out->tally;
    *t              = (struct tally) { .kind       = (enum tally_kind)rows_number(r, 0),
                                       .account    = rows_number(r, 2),
                                       .credential = rows_number(r, 3),
                                       .count      = rows_number(r, 4),
                                       .first      = rows_number(r, 5),
                                       .last       = rows_number(r, 6) };
    return t->kind < TALLY_KINDS && gp_copy_z(rows_text(r, 1), t->name, sizeof(t->name)) &&
           gp_copy_z(rows_text(r, 7), t->example, sizeof(t->example)) &&
           gp_copy_z(rows_text(r, 8), out->account, sizeof(out->account)) &&
           gp_copy_z(rows_text(r, 9), out->label, sizeof(out->label));
}

static bool same_key(const struct tally *a, const struct tally *b)
{
    return a->kind == b->kind && a->account == b->account && a->credential == b->credential &&
           gp_same(gp_from(a->name), gp_from(b->name));
}

gp_status tally_each(struct accounts *a, int64_t since_day, bool (*each)(void *owner, const struct tally_sum *),
                     void *owner)
{
    struct tally_sum sum = { .tally = { .count = 0 } }, row;
    gp_status        status;
    auto_rows        r =
        rows_of(a->db, "SELECT t.kind, t.name, t.account, t.credential, t.count, t.first, t.last, t.example,"
                       " COALESCE(a.name, ''), COALESCE(c.label, '') FROM tallies t"
                       " LEFT JOIN accounts a ON a.id = t.account LEFT JOIN credentials c ON c.id = t.credential"
                       " WHERE t.day >= ? ORDER BY t.kind, t.name, a.name, t.account, t.credential, t.day");
    rows_bind_number(&r, since_day);
    while ((status = rows_next(&r)) == GP_OK) {
        if (!read_row(&r, &row)) return GP_TEMPFAIL;
        if (sum.tally.count && same_key(&sum.tally, &row.tally)) {
            row.tally.first = sum.tally.first;
            row.tally.count += sum.tally.count;
        } else if (sum.tally.count && !each(owner, &sum)) {
            return GP_OK;
        }
        sum = row;
    }
    if (status == GP_PERMFAIL && sum.tally.count) (void)each(owner, &sum);
    return status == GP_PERMFAIL ? GP_OK : status;
}
