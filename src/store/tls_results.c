/* Results of TLS: counts, a row each. */
#include "store/tls_results.h"

#include "store/database.h"
#include "store/tls_days.h"

const char tls_results_schema[] =
    "CREATE TABLE tls_results (day INTEGER NOT NULL, domain TEXT NOT NULL, policy TEXT NOT NULL, host TEXT NOT NULL,"
    " result TEXT NOT NULL, count INTEGER NOT NULL, reason TEXT NOT NULL,"
    " PRIMARY KEY (day, domain, policy, host, result)) STRICT, WITHOUT ROWID;";

#define COLUMNS "day, domain, policy, text, host, source, target, result, count, reason, peer"

const char tls_peers[] = "ALTER TABLE tls_seen ADD COLUMN peer TEXT NOT NULL DEFAULT '';";

int64_t tls_result_day(gp_time when)
{
    enum { DAY_MS = 24 * 3600 * 1000 };
    return when / DAY_MS;
}

/* ---- bounds ------------------------------------------------------------------------------------------------------------ */
static gp_status count_one(struct rows *r, int64_t *count)
{
    gp_status status = rows_next(r);
    if (status == GP_OK) *count = rows_number(r, 0);
    return status == GP_PERMFAIL ? GP_TEMPFAIL : status;
}

static gp_status count_rows(struct database *db, const struct tls_result *t, int64_t *count)
{
    auto_rows r = rows_of(db, "SELECT count(*) FROM tls_seen WHERE day = ?1 AND domain = ?2");
    rows_bind_number(&r, t->day);
    rows_bind_text(&r, gp_from(t->domain));
    return count_one(&r, count);
}

/* Is its domain one of that day's? It becomes one, where there is room. */
static gp_status take_domain(struct database *db, const struct tls_result *t, bool *taken)
{
    int64_t   count = 0;
    auto_rows there = rows_of(db, "SELECT count(*) FROM tls_days WHERE day = ?1 AND domain = ?2");
    auto_rows all   = rows_of(db, "SELECT count(*) FROM tls_days WHERE day = ?1");
    auto_rows add   = rows_of(db, "INSERT INTO tls_days (day, domain, state, due, tries, told)"
                                    " VALUES (?1, ?2, 0, " TLS_REPORT_DUE("?1") ", 0, '')");
    rows_bind_number(&there, t->day);
    rows_bind_text(&there, gp_from(t->domain));
    gp_status status = count_one(&there, &count);
    *taken           = count > 0;
    if (status != GP_OK || *taken) return status;
    rows_bind_number(&all, t->day);
    status = count_one(&all, &count);
    *taken = count < TLS_RESULT_DOMAINS;
    if (status != GP_OK || !*taken) return status;
    rows_bind_number(&add, t->day);
    rows_bind_text(&add, gp_from(t->domain));
    return rows_run(&add);
}

/* ---- counting ------------------------------------------------------------------------------------------------------------- */
static void bind_key(struct rows *r, const struct tls_result *t, bool details)
{
    const char *const key[] = { t->domain,
                                t->policy,
                                details ? t->text : "",
                                details ? t->host : "",
                                details ? t->from : "",
                                details ? t->to : "",
                                t->result };
    rows_bind_number(r, t->day);
    for (size_t i = 0; i < GP_COUNT(key); i++) rows_bind_text(r, gp_from(key[i]));
    rows_bind_number(r, t->count);
    rows_bind_text(r, gp_from(t->reason));
    rows_bind_text(r, gp_from(t->peer));
}

static gp_status add_to_known(struct database *db, const struct tls_result *t)
{
    auto_rows r =
        rows_of(db, "UPDATE tls_seen SET count = count + ?9, reason = ?10, peer = ?11 WHERE day = ?1 AND domain = ?2"
                    " AND policy = ?3 AND text = ?4 AND host = ?5 AND source = ?6 AND target = ?7 AND result = ?8");
    bind_key(&r, t, true);
    return rows_run(&r);
}

static gp_status add_new(struct database *db, const struct tls_result *t)
{
    int64_t   rows   = 0;
    gp_status status = count_rows(db, t, &rows);
    if (status != GP_OK) return status;
    auto_rows r = rows_of(
        db,
        "INSERT INTO tls_seen (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET count = count + excluded.count, reason = excluded.reason, peer = excluded.peer");
    bind_key(&r, t, rows < TLS_RESULT_ROWS);
    return rows_run(&r);
}

static gp_status add(struct database *db, const struct tls_result *t)
{
    bool      taken  = false;
    gp_status status = add_to_known(db, t);
    if (status != GP_OK || database_touched(db) > 0) return status;
    status = take_domain(db, t, &taken);
    return status == GP_OK && taken ? add_new(db, t) : status;
}

static gp_status prune(struct database *db, int64_t today)
{
    auto_rows seen = rows_of(db, "DELETE FROM tls_seen WHERE day < ?1");
    auto_rows days = rows_of(db, "DELETE FROM tls_days WHERE day < ?1");
    rows_bind_number(&seen, today - TLS_RESULT_DAYS);
    rows_bind_number(&days, today - TLS_RESULT_DAYS);
    gp_status status = rows_run(&seen);
    return status == GP_OK ? rows_run(&days) : status;
}

gp_status tls_results_add(struct database *db, const struct tls_result *list, size_t count)
{
    gp_status status = GP_OK;
    for (size_t i = 0; status == GP_OK && i < count; i++) status = add(db, &list[i]);
    return status == GP_OK && count ? prune(db, list[count - 1].day) : status;
}

/* ---- reading ----------------------------------------------------------------------------------------------------------------- */
typedef bool take_result(void *owner, const struct tls_result *);

static gp_status read_all(struct rows *r, take_result *each, void *owner)
{
    gp_status status;
    while ((status = rows_next(r)) == GP_OK) {
        struct tls_result t = { .day = rows_number(r, 0), .count = rows_number(r, 8) };
        bool              whole =
            gp_copy_z(rows_text(r, 1), t.domain, sizeof t.domain) &&
            gp_copy_z(rows_text(r, 2), t.policy, sizeof t.policy) &&
            gp_copy_z(rows_text(r, 3), t.text, sizeof t.text) && gp_copy_z(rows_text(r, 4), t.host, sizeof t.host) &&
            gp_copy_z(rows_text(r, 5), t.from, sizeof t.from) && gp_copy_z(rows_text(r, 6), t.to, sizeof t.to) &&
            gp_copy_z(rows_text(r, 7), t.result, sizeof t.result) &&
            gp_copy_z(rows_text(r, 9), t.reason, sizeof t.reason) && gp_copy_z(rows_text(r, 10), t.peer, sizeof t.peer);
        if (whole && !each(owner, &t)) return GP_OK;
    }
    return status == GP_PERMFAIL ? GP_OK : status;
}

gp_status tls_results_each(struct database *db, int64_t since, take_result *each, void *owner)
{
    auto_rows r = rows_of(db, "SELECT " COLUMNS " FROM tls_seen WHERE day >= ?1"
                              " ORDER BY day, domain, policy, text, result, host, source, target");
    rows_bind_number(&r, since);
    return read_all(&r, each, owner);
}

gp_status tls_results_of(struct database *db, int64_t day, gp_str domain, take_result *each, void *owner)
{
    auto_rows r = rows_of(db, "SELECT " COLUMNS " FROM tls_seen WHERE day = ?1 AND domain = ?2"
                              " ORDER BY policy, text, result, host, source, target");
    rows_bind_number(&r, day);
    rows_bind_text(&r, domain);
    return read_all(&r, each, owner);
}
