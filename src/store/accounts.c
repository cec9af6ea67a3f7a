/* What accounts.db is asked about accounts: who a login name is, and which there are. */
#include "store/accounts.h"

#include <stdlib.h>

#include "store/accounts_parts.h"

/* ---- opening --------------------------------------------------------------------------------------------------- */
struct accounts *accounts_open(const struct accounts_plan *plan, enum database_trouble *trouble)
{
    struct database_plan database = { .path     = plan->path,
                                      .scripts  = accounts_scripts,
                                      .versions = ACCOUNTS_VERSIONS,
                                      .busy_ms  = plan->busy_ms,
                                      .create   = plan->create };
    struct accounts     *a        = calloc(1, sizeof(*a));
    *trouble                      = DATABASE_BROKEN;
    if (!a) return NULL;
    a->domain = plan->domain;
    a->db     = database_open(&database, trouble);
    /* What is deleted is overwritten: an old verifier is not to be found in a backup of the file. */
    if (a->db && database_script(a->db, "PRAGMA secure_delete=ON") == GP_OK) return a;
    accounts_close(a);
    return NULL;
}

void accounts_close(struct accounts *a)
{
    if (!a) return;
    database_close(a->db);
    free(a);
}

struct database *accounts_database(struct accounts *a)
{
    return a->db;
}

/* ---- accounts -------------------------------------------------------------------------------------------------- */
static bool read_salt(gp_str text, struct scram_group *group, enum gp_hash hash)
{
    size_t len            = 0;
    group->has_salt[hash] = text.len > 0;
    return text.len == 0 || (gp_read_base64(text, group->salt[hash], VERIFIER_SALT, &len) && len == VERIFIER_SALT);
}

static bool read_account(const struct rows *r, struct account *out)
{
    *out =
        (struct account) { .id = rows_number(r, 0), .disabled = rows_number(r, 1) != 0, .created = rows_number(r, 2) };
    out->scram.iterations = (uint32_t)rows_number(r, 6);
    return gp_copy_z(rows_text(r, 3), out->name, sizeof(out->name)) &&
           gp_copy_z(rows_text(r, 4), out->mechanisms, sizeof(out->mechanisms)) &&
           gp_copy_z(rows_text(r, 5), out->source, sizeof(out->source)) &&
           read_salt(rows_text(r, 7), &out->scram, GP_SHA1) && read_salt(rows_text(r, 8), &out->scram, GP_SHA256) &&
           read_salt(rows_text(r, 9), &out->scram, GP_SHA512);
}

gp_status account_next(struct rows *r, struct account *out)
{
    gp_status status = rows_next(r);
    if (status != GP_OK) return status;
    return read_account(r, out) ? GP_OK : GP_TEMPFAIL;
}

gp_status account_named(struct accounts *a, gp_str name, struct account *out)
{
    auto_rows r = rows_of(a->db, "SELECT " ACCOUNT_COLUMNS " FROM accounts a WHERE a.name = ?");
    rows_bind_text(&r, name);
    return account_next(&r, out);
}

gp_status accounts_get(struct accounts *a, int64_t id, struct account *out)
{
    auto_rows r = rows_of(a->db, "SELECT " ACCOUNT_COLUMNS " FROM accounts a WHERE a.id = ?");
    rows_bind_number(&r, id);
    return account_next(&r, out);
}

bool account_other_name(const struct accounts *a, gp_str name, struct gp_text *out)
{
    size_t at = gp_find(name, '@');
    if (a->domain.len == 0) return false;
    if (at == name.len) {
        gp_put(out, name);
        gp_put_char(out, '@');
        gp_put(out, a->domain);
    } else {
        if (at == 0 || !gp_alike(gp_tail(name, at + 1), a->domain)) return false;
        gp_put(out, gp_head(name, at));
    }
    return !out->cut;
}

gp_status accounts_find(struct accounts *a, gp_str login, struct account *out)
{
    char           prepared[ACCOUNT_NAME_MOST], other[ACCOUNT_NAME_MOST];
    struct gp_text name = GP_TEXT(prepared), alias = GP_TEXT(other);
    if (login.len == 0 || !gp_saslprep(login, false, &name)) return GP_PERMFAIL;
    gp_status status = account_named(a, gp_said(&name), out);
    if (status != GP_PERMFAIL || !account_other_name(a, gp_said(&name), &alias)) return status;
    return account_named(a, gp_said(&alias), out);
}

gp_status accounts_each(struct accounts *a, bool (*each)(void *owner, const struct account *), void *owner)
{
    struct account account;
    auto_rows      r = rows_of(a->db, "SELECT " ACCOUNT_COLUMNS " FROM accounts a ORDER BY a.name");
    gp_status      status;
    while ((status = account_next(&r, &account)) == GP_OK)
        if (!each(owner, &account)) return GP_OK;
    return status == GP_PERMFAIL ? GP_OK : status;
}
