/* Who may act for whom: the account that signs in proves itself, and the right to be another is a row of its own. */
#include "store/accounts_parts.h"

#include "store/accounts.h"

gp_status accounts_may_act(struct accounts *a, int64_t account, int64_t other)
{
    auto_rows r = rows_of(a->db, "SELECT 1 FROM accounts WHERE id = ?2 AND disabled = 0 AND (id = ?1 OR EXISTS"
                                 " (SELECT 1 FROM delegations WHERE account = ?1 AND may_act_as = ?2))");
    rows_bind_number(&r, account);
    rows_bind_number(&r, other);
    return rows_next(&r);
}

static gp_status are_there(struct accounts *a, int64_t account, int64_t other, struct account *found, const char **why)
{
    gp_status status = accounts_get(a, account, found);
    if (status == GP_OK) status = accounts_get(a, other, found);
    return status == GP_PERMFAIL ? refuse_because(why, "there is no such account") : status;
}

static gp_status has_room(struct accounts *a, int64_t account, int64_t other, const char **why)
{
    auto_rows r = rows_of(a->db, "SELECT COUNT(*) FROM delegations WHERE account = ? AND may_act_as <> ?");
    rows_bind_number(&r, account);
    rows_bind_number(&r, other);
    gp_status status = rows_next(&r);
    if (status != GP_OK) return GP_TEMPFAIL;
    if (rows_number(&r, 0) < DELEGATIONS_MOST) return GP_OK;
    return refuse_because(why, "it may act for 64 accounts already, which is the most");
}

static gp_status take_back(struct accounts *a, int64_t account, int64_t other)
{
    auto_rows r = rows_of(a->db, "DELETE FROM delegations WHERE account = ? AND may_act_as = ?");
    rows_bind_number(&r, account);
    rows_bind_number(&r, other);
    return rows_run(&r);
}

static gp_status give(struct accounts *a, int64_t account, int64_t other, const char **why)
{
    if (account == other) return refuse_because(why, "an account may always act for itself");
    gp_status status = has_room(a, account, other, why);
    if (status != GP_OK) return status;
    auto_rows r = rows_of(a->db, "INSERT OR IGNORE INTO delegations (account, may_act_as) VALUES (?, ?)");
    rows_bind_number(&r, account);
    rows_bind_number(&r, other);
    return rows_run(&r);
}

gp_status accounts_delegate(struct accounts *a, int64_t account, int64_t other, bool may, const char **why)
{
    const char      *event = may ? "delegation-added" : "delegation-removed";
    struct account   found;
    auto_transaction t      = { 0 };
    gp_status        status = transaction_begin(&t, a->db);
    if (status == GP_OK) status = are_there(a, account, other, &found, why);
    if (status == GP_OK) status = may ? give(a, account, other, why) : take_back(a, account, other);
    bool changed = status == GP_OK && database_touched(a->db) > 0;
    if (changed) status = ACCOUNT_AUDIT(a, event, account, 0, AUDIT_Z("acts_for", found.name));
    return status == GP_OK ? transaction_commit(&t) : status;
}

gp_status accounts_delegations(struct accounts *a, int64_t account, bool (*each)(void *owner, const struct account *),
                               void *owner)
{
    struct account other;
    gp_status      status;
    auto_rows      r = rows_of(a->db, "SELECT " ACCOUNT_COLUMNS " FROM delegations d JOIN accounts a"
                                           " ON a.id = d.may_act_as WHERE d.account = ? ORDER BY a.name");
    rows_bind_number(&r, account);
    while ((status = account_next(&r, &other)) == GP_OK)
        if (!each(owner, &other)) return GP_OK;
    return status == GP_PERMFAIL ? GP_OK : status;
}
