/* A row a provider; a refresh token takes the place of the one before in one statement, so that there is always one. */
#include "store/grants.h"

#include "store/accounts_parts.h"

#include <stdlib.h>
#include <string.h>

void grant_put_name(struct gp_text *out, const char *provider, const char *route, const char *account)
{
    gp_put_z(out, provider ? provider : "route:");
    if (!provider) gp_put_z(out, route);
    gp_put_char(out, '/');
    gp_put_z(out, account);
}

void grant_wipe(struct grant *g)
{
    gp_wipe(g, sizeof *g);
}

/* ---- the refresh token ------------------------------------------------------------------------------------------------------ */
/* Sealed for its row alone: it does not open in another's place. */
static void put_context(struct gp_text *out, const struct grant *g)
{
    gp_put_z(out, "grant ");
    gp_put_number(out, g->serial);
    gp_put_char(out, ' ');
    gp_put_z(out, g->provider);
}

static void unseal(const struct verifier_keys *keys, gp_str box, struct grant *g)
{
    char           room[GRANT_NAME + GRANT_KIND + 16];
    struct gp_text context = GP_TEXT(room);
    g->refresh_len         = 0;
    g->sealed              = box.len > 0;
    if (!keys || box.len <= GP_SEAL_EXTRA || box.len > GRANT_TOKEN_MOST + GP_SEAL_EXTRA) return;
    put_context(&context, g);
    if (!gp_unseal(keys->grants, gp_said(&context), box, (uint8_t *)g->refresh)) return;
    g->refresh_len = box.len - GP_SEAL_EXTRA;
    g->sealed      = false;
}

static bool seal(const struct verifier_keys *keys, const struct grant *g, uint8_t *out, gp_str *box)
{
    char           room[GRANT_NAME + GRANT_KIND + 16];
    struct gp_text context = GP_TEXT(room);
    *box                   = GP_LIT("");
    if (!g->refresh_len) return true;
    put_context(&context, g);
    *box = (gp_str) { (const char *)out, g->refresh_len + GP_SEAL_EXTRA };
    return gp_seal(keys->grants, gp_said(&context), (gp_str) { g->refresh, g->refresh_len }, out);
}

/* ---- reading -------------------------------------------------------------------------------------------------------------------- */
#define COLUMNS                                                                                                        \
    "SELECT provider, kind, serial, made, renewed, ends, access_ends, failing, failures, why, refresh, account,"       \
    " login FROM grants"

static gp_status read_one(struct rows *r, const struct verifier_keys *keys, struct grant *g)
{
    gp_status status = rows_next(r);
    if (status != GP_OK) return status;
    *g = (struct grant) { .serial      = rows_number(r, 2),
                          .made        = rows_number(r, 3),
                          .renewed     = rows_number(r, 4),
                          .ends        = rows_number(r, 5),
                          .access_ends = rows_number(r, 6),
                          .failing     = rows_number(r, 7),
                          .failures    = (unsigned)rows_number(r, 8),
                          .account     = rows_number(r, 11) };
    if (!gp_copy_z(rows_text(r, 12), g->login, sizeof g->login) ||
        !gp_copy_z(rows_text(r, 0), g->provider, sizeof g->provider) ||
        !gp_copy_z(rows_text(r, 1), g->kind, sizeof g->kind) || !gp_copy_z(rows_text(r, 9), g->why, sizeof g->why))
        return GP_TEMPFAIL;
    unseal(keys, rows_blob(r, 10), g);
    return GP_OK;
}

gp_status grant_get(struct accounts *a, const struct verifier_keys *keys, gp_str provider, struct grant *g)
{
    auto_rows r = rows_of(a->db, COLUMNS " WHERE provider = ?");
    rows_bind_text(&r, provider);
    return read_one(&r, keys, g);
}

static const char *const queries[] = {
#define OF_ACCOUNTS COLUMNS " WHERE account IS NOT NULL AND provider > ?1 AND "
#define IN_PAGES    " ORDER BY provider LIMIT ?4"
    [GRANTS_OF_ACCOUNTS] = COLUMNS " WHERE account IS NOT NULL AND provider > ?1" IN_PAGES,
    [GRANTS_OF_ACCOUNT]  = OF_ACCOUNTS "account = ?2" IN_PAGES,
    /* In the order of the names all of them would be read, at each change of an account. */
    [GRANTS_MADE_SINCE] =
        COLUMNS " INDEXED BY grants_made WHERE account IS NOT NULL AND made >= ?2 AND provider > ?1" IN_PAGES,
    [GRANTS_TO_BE_USED] =
        OF_ACCOUNTS "kind <> '" GRANT_PASSWORD "' AND (renewed < ?2 OR (ends > 0 AND ends <= ?3))" IN_PAGES,
};

/* A page: who is told may write. */
static gp_status read_page(struct accounts *a, const struct grants_wish *w, gp_str after, struct grant *page,
                           size_t *count)
{
    auto_rows r = rows_of(a->db, queries[w->which]);
    gp_status status;
    *count = 0;
    rows_bind_text(&r, after);
    rows_bind_number(&r, w->number);
    rows_bind_number(&r, w->ends_by);
    rows_bind_number(&r, GRANTS_PAGE);
    while (*count < GRANTS_PAGE && (status = read_one(&r, NULL, &page[*count])) != GP_PERMFAIL) {
        if (status == GP_TEMPFAIL) return status;
        ++*count;
    }
    return GP_OK;
}

gp_status grants_each(struct accounts *a, const struct grants_wish *w, bool (*each)(void *owner, const struct grant *),
                      void *owner)
{
    struct grant  *page = calloc(GRANTS_PAGE, sizeof *page);
    char           room[GRANT_NAME];
    struct gp_text after  = GP_TEXT(room);
    gp_status      status = page ? GP_OK : GP_TEMPFAIL;
    size_t         count  = GRANTS_PAGE;
    bool           more   = true;
    if (w->after) gp_put_z(&after, w->after);
    while (status == GP_OK && more && count == GRANTS_PAGE) {
        status = read_page(a, w, after.len ? gp_said(&after) : GP_LIT(""), page, &count);
        for (size_t i = 0; status == GP_OK && more && i < count; i++) more = each(owner, &page[i]);
        after.len = 0;
        if (count) gp_put_z(&after, page[count - 1].provider);
    }
    free(page);
    return status;
}

/* ---- writing ---------------------------------------------------------------------------------------------------------------------- */
static gp_status record(struct accounts *a, const char *event, int64_t account, const char *provider, gp_time ends)
{
    struct audit_entry e = { .when = audit_now(), .event = event };
    if (account) return ACCOUNT_AUDIT(a, event, account, 0, AUDIT_Z("provider", provider), AUDIT_N("ends", ends));
    return AUDIT(a->db, &e, AUDIT_Z("by", database_operator(a->db)), AUDIT_Z("provider", provider),
                 AUDIT_N("ends", ends));
}

static gp_status insert(struct accounts *a, const struct verifier_keys *keys, const struct grant *g)
{
    uint8_t room[GRANT_TOKEN_MOST + GP_SEAL_EXTRA];
    gp_str  box;
    if (!seal(keys, g, room, &box)) return GP_TEMPFAIL;
    auto_rows r = rows_of(
        a->db, "INSERT OR REPLACE INTO grants (provider, kind, serial, made, renewed, ends, access_ends, failing,"
               " failures, why, claimed, refresh, account, login)"
               " VALUES (?, ?, ?, ?, ?, ?, 0, 0, 0, '', 0, ?, nullif(?, 0), ?)");
    rows_bind_text(&r, gp_from(g->provider));
    rows_bind_text(&r, gp_from(g->kind));
    rows_bind_number(&r, g->serial);
    rows_bind_number(&r, g->made);
    rows_bind_number(&r, g->renewed);
    rows_bind_number(&r, g->ends);
    rows_bind_blob(&r, box);
    rows_bind_number(&r, g->account);
    rows_bind_text(&r, gp_from(g->login));
    return rows_run(&r);
}

gp_status grant_put(struct accounts *a, const struct verifier_keys *keys, struct grant *g)
{
    uint64_t         random;
    auto_transaction t = { 0 };
    gp_random(&random, sizeof random);
    g->serial        = (int64_t)(random >> 2); /* not the one before: that may have been another's */
    gp_status status = transaction_begin(&t, a->db);
    if (status == GP_OK) status = insert(a, keys, g);
    if (status == GP_OK) status = record(a, "provider-login", g->account, g->provider, g->ends);
    return status == GP_OK ? transaction_commit(&t) : GP_TEMPFAIL;
}

gp_status grant_begin(struct accounts *a, gp_str provider, gp_str kind, int64_t account, gp_time now)
{
    auto_rows r = rows_of(
        a->db, "INSERT INTO grants (provider, kind, serial, made, renewed, ends, access_ends, failing, failures,"
               " why, claimed, refresh, account) VALUES (?1, ?2, 0, ?3, 0, 0, 0, 0, 0, '', 0, x'', nullif(?4, 0))"
               " ON CONFLICT DO UPDATE"
               " SET kind = ?2, serial = 0, made = ?3, renewed = 0, ends = 0, access_ends = 0, failing = 0,"
               " failures = 0, why = '', refresh = x'' WHERE kind <> ?2");
    rows_bind_text(&r, provider);
    rows_bind_text(&r, kind);
    rows_bind_number(&r, now);
    rows_bind_number(&r, account);
    return rows_run(&r);
}

static gp_status forget(struct accounts *a, const struct grant *g)
{
    auto_rows r = rows_of(a->db, "DELETE FROM grants WHERE provider = ?");
    rows_bind_text(&r, gp_from(g->provider));
    gp_status status = rows_run(&r);
    return status == GP_OK ? record(a, "provider-logout", g->account, g->provider, 0) : status;
}

gp_status grant_forget(struct accounts *a, gp_str provider)
{
    auto_grant       g      = { 0 };
    auto_transaction t      = { 0 };
    gp_status        status = transaction_begin(&t, a->db);
    if (status == GP_OK) status = grant_get(a, NULL, provider, &g);
    if (status == GP_OK) status = forget(a, &g);
    return status == GP_OK ? transaction_commit(&t) : status;
}

struct leaving {
    struct accounts *a;
    gp_status        status;
};

static bool leave(void *owner, const struct grant *g)
{
    struct leaving *l = owner;
    l->status         = forget(l->a, g);
    return l->status == GP_OK;
}

gp_status grants_leave(struct accounts *a, int64_t account)
{
    struct leaving           l      = { a, GP_OK };
    const struct grants_wish w      = { .which = GRANTS_OF_ACCOUNT, .number = account };
    gp_status                status = grants_each(a, &w, leave, &l);
    return status == GP_OK ? l.status : status;
}

static gp_status touched(struct accounts *a, gp_status status)
{
    return status == GP_OK && database_touched(a->db) == 0 ? GP_PERMFAIL : status;
}

gp_status grant_claim(struct accounts *a, const struct grant *g, gp_time now)
{
    auto_rows r = rows_of(
        a->db, "UPDATE grants SET claimed = ?1 WHERE provider = ?2 AND serial = ?3 AND (claimed < ?4 OR claimed > ?1)");
    rows_bind_number(&r, now + GRANT_CLAIM_MS);
    rows_bind_text(&r, gp_from(g->provider));
    rows_bind_number(&r, g->serial);
    rows_bind_number(&r, now);
    return touched(a, rows_run(&r));
}

gp_status grant_renewed(struct accounts *a, const struct verifier_keys *keys, const struct grant *g)
{
    uint8_t room[GRANT_TOKEN_MOST + GP_SEAL_EXTRA];
    gp_str  box;
    if (!seal(keys, g, room, &box)) return GP_TEMPFAIL;
    auto_rows r =
        rows_of(a->db, "UPDATE grants SET renewed = ?, ends = ?, access_ends = ?, failing = 0, failures = 0, why = '',"
                       " claimed = 0, refresh = iif(?4 = x'', refresh, ?4) WHERE provider = ?5 AND serial = ?6");
    rows_bind_number(&r, g->renewed);
    rows_bind_number(&r, g->ends);
    rows_bind_number(&r, g->access_ends);
    rows_bind_blob(&r, box);
    rows_bind_text(&r, gp_from(g->provider));
    rows_bind_number(&r, g->serial);
    return touched(a, rows_run(&r));
}

gp_status grant_failed(struct accounts *a, const struct grant *g, gp_str why, gp_time now)
{
    auto_rows r =
        rows_of(a->db, "UPDATE grants SET failing = iif(failing = 0, ?1, failing), failures = failures + 1, why = ?2,"
                       " claimed = 0 WHERE provider = ?3 AND serial = ?4");
    rows_bind_number(&r, now);
    rows_bind_text(&r, gp_head(why, GRANT_WHY - 1));
    rows_bind_text(&r, gp_from(g->provider));
    rows_bind_number(&r, g->serial);
    return touched(a, rows_run(&r));
}
