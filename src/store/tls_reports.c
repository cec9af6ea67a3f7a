/* Reports of TLS: which have been sent, and which are to be; a row for each day and domain of which something was counted. */
#include "store/database.h"
#include "store/tls_days.h"
#include "store/tls_results.h"

const char tls_reports_schema[] =
    "CREATE TABLE tls_days (day INTEGER NOT NULL, domain TEXT NOT NULL, state INTEGER NOT NULL, due INTEGER NOT NULL,"
    " tries INTEGER NOT NULL, told TEXT NOT NULL, PRIMARY KEY (day, domain)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX tls_days_due ON tls_days (due) WHERE state = 0;"
    "CREATE TABLE tls_seen (day INTEGER NOT NULL, domain TEXT NOT NULL, policy TEXT NOT NULL, text TEXT NOT NULL,"
    " host TEXT NOT NULL, source TEXT NOT NULL, target TEXT NOT NULL, result TEXT NOT NULL, count INTEGER NOT NULL,"
    " reason TEXT NOT NULL, PRIMARY KEY (day, domain, policy, text, host, source, target, result)) STRICT, WITHOUT ROWID;"
    "INSERT INTO tls_seen SELECT day, domain, policy, '', host, '', '', result, count, reason FROM tls_results;"
    "INSERT INTO tls_days SELECT day, domain, 0, " TLS_REPORT_DUE(
        "day") ", 0, '' FROM tls_results GROUP BY day, domain;"
               "DROP TABLE tls_results;";

#define COLUMNS "day, domain, state, due, tries, told"

const char *tls_report_state_name(enum tls_report_state state)
{
    static const char *const names[TLS_REPORT_STATES] = { "waits", "sent", "not wanted", "given up" };
    return state < TLS_REPORT_STATES ? names[state] : "unknown";
}

typedef bool take_report(void *owner, const struct tls_report *);

static gp_status read_all(struct rows *r, take_report *each, void *owner)
{
    gp_status status;
    while ((status = rows_next(r)) == GP_OK) {
        struct tls_report t = { .day   = rows_number(r, 0),
                                .state = (enum tls_report_state)rows_number(r, 2),
                                .due   = rows_number(r, 3),
                                .tries = rows_number(r, 4) };
        bool              whole =
            gp_copy_z(rows_text(r, 1), t.domain, sizeof t.domain) && gp_copy_z(rows_text(r, 5), t.told, sizeof t.told);
        if (whole && !each(owner, &t)) return GP_OK;
    }
    return status == GP_PERMFAIL ? GP_OK : status;
}

gp_status tls_reports_due(struct database *db, gp_time now, take_report *each, void *owner)
{
    auto_rows r = rows_of(db, "SELECT " COLUMNS " FROM tls_days WHERE state = 0 AND due <= ?1 ORDER BY due");
    rows_bind_number(&r, now);
    return read_all(&r, each, owner);
}

gp_status tls_reports_each(struct database *db, int64_t since, take_report *each, void *owner)
{
    auto_rows r = rows_of(db, "SELECT " COLUMNS " FROM tls_days WHERE day >= ?1 ORDER BY day, domain");
    rows_bind_number(&r, since);
    return read_all(&r, each, owner);
}

gp_status tls_reports_settle(struct database *db, const struct tls_report *t)
{
    auto_rows r =
        rows_of(db, "UPDATE tls_days SET state = ?, due = ?, tries = ?, told = ? WHERE day = ? AND domain = ?");
    rows_bind_number(&r, t->state);
    rows_bind_number(&r, t->due);
    rows_bind_number(&r, t->tries);
    rows_bind_text(&r, gp_from(t->told));
    rows_bind_number(&r, t->day);
    rows_bind_text(&r, gp_from(t->domain));
    return rows_run(&r);
}

static gp_status changed(struct database *db, struct rows *r, size_t *count)
{
    gp_status status = rows_run(r);
    *count           = status == GP_OK ? (size_t)database_touched(db) : 0;
    return status;
}

gp_status tls_reports_expire(struct database *db, int64_t before, size_t *count)
{
    auto_rows r = rows_of(db, "UPDATE tls_days SET state = 3, told = CASE told WHEN '' THEN 'too late' ELSE told END"
                              " WHERE state = 0 AND day < ?1");
    rows_bind_number(&r, before);
    return changed(db, &r, count);
}

gp_status tls_reports_hurry(struct database *db, gp_time now, size_t *count)
{
    auto_rows r = rows_of(db, "UPDATE tls_days SET due = ?1 WHERE state = 0 AND day < ?2");
    rows_bind_number(&r, now);
    rows_bind_number(&r, tls_result_day(now));
    return changed(db, &r, count);
}
