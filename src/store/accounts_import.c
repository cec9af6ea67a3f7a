/* Accounts that come from elsewhere, many in one transaction: all are looked at, so that a person hears of all that is wrong at once. */
#include "store/accounts_parts.h"

#include "store/accounts.h"

/* Nested in the transaction: what a refused entry has written so far is taken back alone. */
static gp_status begin_entry(struct accounts *a)
{
    return database_script(a->db, "SAVEPOINT entry");
}

static gp_status end_entry(struct accounts *a, bool keep)
{
    return database_script(a->db, keep ? "RELEASE entry" : "ROLLBACK TO entry; RELEASE entry");
}

static gp_status highest_account(struct accounts *a, int64_t *id)
{
    auto_rows r = rows_of(a->db, "SELECT COALESCE(MAX(id), 0) FROM accounts");
    if (rows_next(&r) != GP_OK) return GP_TEMPFAIL;
    *id = rows_number(&r, 0);
    return GP_OK;
}

/* OK: an entry before this one has made the account. */
static gp_status made_before(struct accounts *a, gp_str name, int64_t highest, struct account *out)
{
    gp_status status = accounts_find(a, name, out);
    return status == GP_OK && out->id <= highest ? GP_PERMFAIL : status;
}

static gp_status insert(struct accounts *a, const struct new_account *n, int64_t highest, gp_time now, const char **why)
{
    struct account account;
    int64_t        id;
    gp_status      status = made_before(a, n->name, highest, &account);
    if (status == GP_PERMFAIL) return account_insert(a, n, now, why);
    if (status != GP_OK) return status;
    struct new_credential more = credential_of_new(n);
    if ((!n->verifier && n->subject.len == 0) || n->label.len == 0)
        return refuse_because(why, "an account with that name stands before it: a further password needs a label");
    return credential_insert(a, &account, &more, now, &id, why);
}

gp_status accounts_import(struct accounts *a, const struct accounts_import *import, gp_time now)
{
    int64_t          highest = 0;
    bool             refused = false;
    auto_transaction t       = { 0 };
    gp_status        status  = transaction_begin(&t, a->db);
    if (status == GP_OK) status = highest_account(a, &highest);
    for (size_t i = 0; status == GP_OK && i < import->count; i++) {
        const char *why = "";
        status          = begin_entry(a);
        if (status == GP_OK) status = insert(a, &import->list[i], highest, now, &why);
        bool bad = status == GP_PERMFAIL;
        if (bad) import->refused(import->owner, i, why);
        if (status != GP_TEMPFAIL) status = end_entry(a, !bad);
        refused |= bad;
    }
    if (status != GP_OK) return status;
    if (refused) return GP_PERMFAIL;
    return import->rehearsal ? GP_OK : transaction_commit(&t);
}
