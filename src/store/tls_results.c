/* Results of TLS: counts, a row each. */
#include "store/tls_results.h"

#include "store/database.h"

const char tls_results_schema[] =
    "CREATE TABLE tls_results (day INTEGER NOT NULL, domain TEXT NOT NULL, policy TEXT NOT NULL, host TEXT NOT NULL,"
    " result TEXT NOT NULL, count INTEGER NOT NULL, reason TEXT NOT NULL,"
    " PRIMARY KEY (day, domain, policy, host, result)) STRICT, WITHOUT ROWID;";

int64_t tls_result_day(gp_time when)
{
    enum { DAY_MS = 24 * 3600 * 1000 };
    return when / DAY_MS;
}

static gp_status add(struct database *db, const struct tls_result *t)
{
    auto_rows r = rows_of(
        db, "INSERT INTO tls_results (day, domain, policy, host, result, count, reason) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET count = count + excluded.count, reason = excluded.reason");
    rows_bind_number(&r, t->day);
    rows_bind_text(&r, gp_from(t->domain));
    rows_bind_text(&r, gp_from(t->policy));
    rows_bind_text(&r, gp_from(t->host));
    rows_bind_text(&r, gp_from(t->result));
    rows_bind_number(&r, t->count);
    rows_bind_text(&r, gp_from(t->reason));
    return rows_run(&r);
}

static gp_status prune(struct database *db, int64_t today)
{
    auto_rows r = rows_of(db, "DELETE FROM tls_results WHERE day < ?1");
    rows_bind_number(&r, today - TLS_RESULT_DAYS);
    return rows_run(&r);
}

gp_status tls_results_add(struct database *db, const struct tls_result *list, size_t count)
{
    gp_status status = GP_OK;
    for (size_t i = 0; status == GP_OK && i < count; i++) status = add(db, &list[i]);
    return status == GP_OK && count ? prune(db, list[count - 1].day) : status;
}

gp_status tls_results_each(struct database *db, int64_t since, bool (*each)(void *owner, const struct tls_result *),
                           void *owner)
{
    auto_rows r = rows_of(db, "SELECT day, count, domain, policy, host, result, reason FROM tls_results WHERE day >= ?1"
                              " ORDER BY day, domain, policy, result, host");
    rows_bind_number(&r, since);
    gp_status status;
    while ((status = rows_next(&r)) == GP_OK) {
        struct tls_result t     = { .day = rows_number(&r, 0), .count = rows_number(&r, 1) };
        bool              whole = gp_copy_z(rows_text(&r, 2), t.domain, sizeof t.domain) &&
                     gp_copy_z(rows_text(&r, 3), t.policy, sizeof t.policy) &&
                     gp_copy_z(rows_text(&r, 4), t.host, sizeof t.host) &&
                     gp_copy_z(rows_text(&r, 5), t.result, sizeof t.result) &&
                     gp_copy_z(rows_text(&r, 6), t.reason, sizeof t.reason);
        if (whole && !each(owner, &t)) return GP_OK;
    }
    return status == GP_PERMFAIL ? GP_OK : status;
}
