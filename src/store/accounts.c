/* What accounts.db is asked: who a login name is, what is kept of his passwords, and what an unknown user has to look like. */
#include "store/accounts.h"

#include <stdlib.h>
#include <string.h>

#include "store/accounts_parts.h"

static const char *const scripts[] = {
    "CREATE TABLE accounts ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT," /* a session must not outlive its account under a new owner of the number */
    "  name TEXT NOT NULL UNIQUE,"
    "  disabled INTEGER NOT NULL DEFAULT 0,"
    "  created INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE credentials ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  account INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,"
    "  label TEXT NOT NULL,"
    "  generated INTEGER NOT NULL,"
    "  plain TEXT NOT NULL,"
    "  scram_sha1 TEXT NOT NULL,"
    "  scram_sha256 TEXT NOT NULL,"
    "  cram BLOB,"
    "  cost INTEGER NOT NULL,"       /* of a PLAIN check, in PBKDF2 rounds */
    "  as_hash INTEGER NOT NULL,"    /* and whether a password hash is what costs it */
    "  iterations INTEGER NOT NULL," /* of its SCRAM keys; 0: none */
    "  created INTEGER NOT NULL,"
    "  last_used INTEGER NOT NULL DEFAULT 0,"
    "  last_from TEXT NOT NULL DEFAULT '',"
    "  last_mechanism TEXT NOT NULL DEFAULT ''"
    ") STRICT;"
    "CREATE INDEX credentials_of ON credentials(account, cost, as_hash);"
    "CREATE INDEX credentials_like ON credentials(iterations);"
    "CREATE TABLE identities ("
    "  account INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,"
    "  key TEXT NOT NULL,"
    "  address TEXT NOT NULL,"
    "  PRIMARY KEY (account, key)"
    ") STRICT, WITHOUT ROWID;",
    "CREATE INDEX credentials_with_secret ON credentials(id) WHERE cram IS NOT NULL;",
};

/* ---- opening --------------------------------------------------------------------------------------------------- */
struct accounts *accounts_open(const struct accounts_plan *plan, enum database_trouble *trouble)
{
    struct database_plan database = { .path     = plan->path,
                                      .scripts  = scripts,
                                      .versions = GP_COUNT(scripts),
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
#define ACCOUNT_COLUMNS "id, disabled, created, name"

static bool read_account(const struct rows *r, struct account *out)
{
    *out =
        (struct account) { .id = rows_number(r, 0), .disabled = rows_number(r, 1) != 0, .created = rows_number(r, 2) };
    return gp_copy_z(rows_text(r, 3), out->name, sizeof(out->name));
}

static gp_status first_account(struct rows *r, struct account *out)
{
    gp_status status = rows_next(r);
    if (status != GP_OK) return status;
    return read_account(r, out) ? GP_OK : GP_TEMPFAIL;
}

gp_status account_named(struct accounts *a, gp_str name, struct account *out)
{
    auto_rows r = rows_of(a->db, "SELECT " ACCOUNT_COLUMNS " FROM accounts WHERE name = ?");
    rows_bind_text(&r, name);
    return first_account(&r, out);
}

gp_status accounts_get(struct accounts *a, int64_t id, struct account *out)
{
    auto_rows r = rows_of(a->db, "SELECT " ACCOUNT_COLUMNS " FROM accounts WHERE id = ?");
    rows_bind_number(&r, id);
    return first_account(&r, out);
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
    auto_rows      r = rows_of(a->db, "SELECT " ACCOUNT_COLUMNS " FROM accounts ORDER BY name");
    gp_status      status;
    while ((status = first_account(&r, &account)) == GP_OK)
        if (!each(owner, &account)) return GP_OK;
    return status == GP_PERMFAIL ? GP_OK : status;
}

/* ---- credentials ----------------------------------------------------------------------------------------------- */
static bool read_verifier(const struct rows *r, struct verifier *v)
{
    gp_str cram = rows_blob(r, 10);
    if (cram.len > sizeof(v->cram)) return false;
    v->cram_len = cram.len;
    if (cram.len) memcpy(v->cram, cram.ptr, cram.len);
    return gp_copy_z(rows_text(r, 7), v->plain, sizeof(v->plain)) &&
           gp_copy_z(rows_text(r, 8), v->scram_sha1, sizeof(v->scram_sha1)) &&
           gp_copy_z(rows_text(r, 9), v->scram_sha256, sizeof(v->scram_sha256));
}

static bool read_credential(const struct rows *r, struct credential *c)
{
    *c = (struct credential) { .id        = rows_number(r, 0),
                               .generated = rows_number(r, 1) != 0,
                               .created   = rows_number(r, 2),
                               .last_used = rows_number(r, 3) };
    return gp_copy_z(rows_text(r, 4), c->label, sizeof(c->label)) &&
           gp_copy_z(rows_text(r, 5), c->last_from, sizeof(c->last_from)) &&
           gp_copy_z(rows_text(r, 6), c->last_mechanism, sizeof(c->last_mechanism)) && read_verifier(r, &c->verifier);
}

gp_status accounts_credentials(struct accounts *a, int64_t account, struct credential out[static CREDENTIALS_MOST],
                               size_t *count)
{
    gp_status status = GP_OK;
    auto_rows r =
        rows_of(a->db, "SELECT id, generated, created, last_used, label, last_from, last_mechanism, plain,"
                       " scram_sha1, scram_sha256, cram FROM credentials WHERE account = ? ORDER BY cost, id");
    rows_bind_number(&r, account);
    for (*count = 0; *count < CREDENTIALS_MOST && (status = rows_next(&r)) == GP_OK; ++*count)
        if (!read_credential(&r, &out[*count])) return GP_TEMPFAIL;
    return status == GP_PERMFAIL ? GP_OK : status;
}

gp_status accounts_in_force(struct accounts *a, int64_t account, int64_t credential)
{
    auto_rows r = rows_of(a->db, "SELECT 1 FROM credentials c JOIN accounts a ON a.id = c.account"
                                 " WHERE c.id = ? AND a.id = ? AND a.disabled = 0");
    rows_bind_number(&r, credential);
    rows_bind_number(&r, account);
    return rows_next(&r);
}

/* ---- what unknown users look like ------------------------------------------------------------------------------ */
/* No row leaves *out as it is. */
static gp_status one_number(struct rows *r, uint32_t *out)
{
    gp_status status = rows_next(r);
    if (status == GP_OK) *out = (uint32_t)rows_number(r, 0);
    return status == GP_PERMFAIL ? GP_OK : status;
}

gp_status accounts_survey(struct accounts *a, struct survey *out)
{
    uint32_t slow_hash = 0;
    *out               = (struct survey) { .iterations = VERIFIER_FEW_ROUNDS };
    auto_rows dearest  = rows_of(
         a->db,
         "SELECT SUM(cost) AS together, MAX(as_hash) FROM credentials GROUP BY account ORDER BY together DESC LIMIT 1");
    gp_status status = one_number(&dearest, &out->cost);
    if (status != GP_OK) return status;
    if (out->cost) slow_hash = (uint32_t)rows_number(&dearest, 1);
    out->as_hash    = slow_hash && out->cost == VERIFIER_HASH_COST;
    auto_rows usual = rows_of(a->db, "SELECT iterations FROM credentials WHERE iterations > 0"
                                     " GROUP BY iterations ORDER BY COUNT(*) DESC, iterations LIMIT 1");
    status          = one_number(&usual, &out->iterations);
    if (status != GP_OK) return status;
    auto_rows secret = rows_of(a->db, "SELECT 1 FROM credentials WHERE cram IS NOT NULL LIMIT 1");
    status           = rows_next(&secret);
    out->secrets     = status == GP_OK;
    return status == GP_PERMFAIL ? GP_OK : status;
}
