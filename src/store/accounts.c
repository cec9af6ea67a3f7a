/* What accounts.db is asked about accounts: who a login name is, and which there are. */
#include "store/accounts.h"

#include <stdlib.h>

#include "store/accounts_parts.h"

/* ---- opening --------------------------------------------------------------------------------------------------- */
/* As a verifier with that string costs. */
static int64_t password_cost(gp_str plain)
{
    struct verifier v = { .cram_len = 0 };
    return gp_copy_z(plain, v.plain, sizeof(v.plain)) ? verifier_cost(&v) : 0;
}

const struct database_function accounts_function = { "password_cost", password_cost };

struct accounts *accounts_open(const struct accounts_plan *plan, enum database_trouble *trouble)
{
    /* What is deleted is overwritten: an old verifier is not to be found in a backup of the file. */
    struct database_plan database = { .path     = plan->path,
                                      .scripts  = accounts_scripts,
                                      .versions = ACCOUNTS_VERSIONS,
                                      .busy_ms  = plan->busy_ms,
                                      .create   = plan->create,
                                      .settings = "PRAGMA secure_delete=ON",
                                      .function = &accounts_function };
    struct accounts     *a        = calloc(1, sizeof(*a));
    *trouble                      = DATABASE_BROKEN;
    if (!a) return NULL;
    a->domain = plan->domain;
    a->db     = database_open(&database, trouble);
    if (a->db) return a;
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

gp_status accounts_get(struct accounts *a, int64_t id, struct account *out)
{
    auto_rows r = rows_of(a->db, "SELECT " ACCOUNT_COLUMNS " FROM accounts a WHERE a.id = ?");
    rows_bind_number(&r, id);
    return account_next(&r, out);
}

/* The server's own domain after an @, tidied. */
static void put_own_domain(const struct accounts *a, struct gp_text *out)
{
    char           room[ACCOUNT_NAME_MOST + 1];
    struct gp_text at_domain = GP_TEXT(room), tidy = *out;
    gp_put_char(&at_domain, '@');
    gp_put(&at_domain, a->domain);
    if (account_tidy_domain(gp_said(&at_domain), &tidy)) *out = tidy;
}

/* Its domain tidied, and taken off if it is the server's. false: too long to be a name. */
static bool put_short(const struct accounts *a, gp_str name, struct gp_text *out)
{
    char           room[ACCOUNT_NAME_MOST + 1];
    struct gp_text own = GP_TEXT(room);
    if (!account_tidy_domain(name, out)) return false;
    put_own_domain(a, &own);
    size_t at = gp_find(gp_said(out), '@');
    if (a->domain.len > 0 && at > 0 && gp_same(gp_tail(gp_said(out), at), gp_said(&own))) out->len = at;
    return true;
}

void accounts_login_key(const struct accounts *a, gp_str login, struct gp_text *key)
{
    struct gp_text start = *key;
    if (put_short(a, login, key)) return;
    *key = start;
    gp_put(key, login);
}

/* With the server's domain, if it has none. */
static void put_long(const struct accounts *a, gp_str name, struct gp_text *out)
{
    gp_put(out, name);
    if (a->domain.len > 0 && gp_find(name, '@') == name.len) put_own_domain(a, out);
}

/* All spellings in one question, to its end: one that is not there takes as long as one that is. What is spelt so goes before what means the
 * same: SQLite answers the parts in their order. (With IN and ORDER BY it would build two tables each time to find that out.) */
static gp_status account_spelt(struct accounts *a, gp_str name, gp_str brief, gp_str full, struct account *out)
{
#define OF_NAME " SELECT " ACCOUNT_COLUMNS " FROM accounts a WHERE a.name = "
    auto_rows r = rows_of(a->db, OF_NAME "?1 UNION ALL" OF_NAME "?2 UNION ALL" OF_NAME "?3");
#undef OF_NAME
    rows_bind_text(&r, name);
    rows_bind_text(&r, brief);
    rows_bind_text(&r, full);
    gp_status found = account_next(&r, out), more = found;
    while (more == GP_OK) more = rows_next(&r);
    return more == GP_TEMPFAIL ? GP_TEMPFAIL : found;
}

gp_status accounts_find(struct accounts *a, gp_str login, struct account *out)
{
    char           name_room[ACCOUNT_NAME_MOST], brief_room[ACCOUNT_NAME_MOST + 1], full_room[2 * ACCOUNT_NAME_MOST];
    struct gp_text name = GP_TEXT(name_room), brief = GP_TEXT(brief_room), full = GP_TEXT(full_room);
    if (login.len == 0 || !gp_saslprep(login, false, &name)) return GP_PERMFAIL;
    accounts_login_key(a, gp_said(&name), &brief);
    put_long(a, gp_said(&brief), &full);
    return account_spelt(a, gp_said(&name), gp_said(&brief), gp_said(&full), out);
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
