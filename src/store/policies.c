/* Policies of domains: a row each. */
#include "store/policies.h"

#include "store/database.h"

const char policies_schema[] =
    "CREATE TABLE sts_policies (domain TEXT PRIMARY KEY, id TEXT NOT NULL, mode INTEGER NOT NULL, hosts TEXT NOT NULL,"
    " fetched INTEGER NOT NULL, expires INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX sts_policies_expire ON sts_policies (expires);";

const char policies_asked[] = "ALTER TABLE sts_policies ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;"
                              "CREATE INDEX sts_policies_due ON sts_policies (fetched, domain, expires, asked, mode);";

gp_status policies_find(struct database *db, gp_str domain, gp_time now, struct kept_policy *out, struct gp_text *hosts)
{
    auto_rows r = rows_of(
        db, "SELECT id, mode, fetched, expires, hosts, asked FROM sts_policies WHERE domain = ?1 AND expires > ?2");
    rows_bind_text(&r, domain);
    rows_bind_number(&r, now);
    gp_status status = rows_next(&r);
    if (status != GP_OK) return status;
    out->mode    = rows_number(&r, 1);
    out->fetched = rows_number(&r, 2);
    out->expires = rows_number(&r, 3);
    out->asked   = rows_number(&r, 5);
    gp_put(hosts, rows_text(&r, 4));
    return gp_copy_z(rows_text(&r, 0), out->id, sizeof out->id) ? GP_OK : GP_PERMFAIL;
}

/* Whoever has a domain can have a policy kept for each name below it: beyond so many the first to expire gives way. */
static gp_status prune(struct database *db, gp_time now)
{
    auto_rows r =
        rows_of(db, "DELETE FROM sts_policies WHERE expires <= ?1 OR domain IN (SELECT domain FROM sts_policies"
                    " ORDER BY expires LIMIT max(0, (SELECT count(*) FROM sts_policies) - ?2))");
    rows_bind_number(&r, now);
    rows_bind_number(&r, POLICIES_MOST);
    return rows_run(&r);
}

gp_status policies_keep(struct database *db, gp_str domain, const struct kept_policy *p, gp_str hosts, gp_time now)
{
    auto_rows r = rows_of(
        db,
        "REPLACE INTO sts_policies (domain, id, mode, hosts, fetched, expires, asked) VALUES (?, ?, ?, ?, ?, ?, ?)");
    rows_bind_text(&r, domain);
    rows_bind_text(&r, gp_from(p->id));
    rows_bind_number(&r, p->mode);
    rows_bind_text(&r, hosts);
    rows_bind_number(&r, p->fetched);
    rows_bind_number(&r, p->expires);
    rows_bind_number(&r, p->asked);
    gp_status status = rows_run(&r);
    return status == GP_OK ? prune(db, now) : status;
}

gp_status policies_due(struct database *db, gp_time now, gp_time *fetched, gp_str behind, struct gp_text *domain)
{
    /* Who says that his policy is good for seconds is asked each hour all the same, and keeps nobody else's waiting. */
    static const gp_time hour = (gp_time)3600 * 1000, day = 24 * hour;
    /* all of it stands in the index */
    auto_rows            r = rows_of(
                   db,
                   "SELECT fetched, domain FROM sts_policies INDEXED BY sts_policies_due WHERE (fetched, domain) > (?1, ?2)"
                              " AND mode > 0 AND expires > ?3 AND asked > ?3 - ?4 AND ?3 - fetched >= max(?6, min(?5, (expires - fetched) / 2))"
                              " ORDER BY fetched, domain LIMIT 1");
    rows_bind_number(&r, *fetched);
    rows_bind_text(&r, behind);
    rows_bind_number(&r, now);
    rows_bind_number(&r, POLICIES_LATELY * day);
    rows_bind_number(&r, day);
    rows_bind_number(&r, hour);
    gp_status status = rows_next(&r);
    if (status != GP_OK) return status;
    *fetched = rows_number(&r, 0);
    gp_put(domain, rows_text(&r, 1));
    return GP_OK;
}
