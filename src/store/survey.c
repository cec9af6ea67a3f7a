/* What unknown users have to look like, and what can succeed at all: answered from indexes, since it is asked after every change. */
#include "store/accounts_parts.h"

#include "store/accounts.h"

/* As credential_state has it; ? is now. */
#define STILL_LIVE                                                                                                     \
    "(expires = 0 OR expires > ?1) AND (retires = 0 OR retires > ?1)"                                                  \
    " AND (idle_days = 0 OR max(created, last_used) + idle_days * 86400000 > ?1)"

/* No row leaves *out as it is. */
static gp_status one_number(struct rows *r, uint32_t *out)
{
    gp_status status = rows_next(r);
    if (status == GP_OK) *out = (uint32_t)rows_number(r, 0);
    return status == GP_PERMFAIL ? GP_OK : status;
}

static gp_status ask_cost(struct accounts *a, gp_time now, struct survey *out)
{
    auto_rows r = rows_of(a->db, "SELECT SUM(cost) AS together, MAX(as_hash) FROM credentials WHERE cost > 0"
                                 " AND " STILL_LIVE " GROUP BY account ORDER BY together DESC LIMIT 1");
    rows_bind_number(&r, now);
    gp_status status = one_number(&r, &out->cost);
    out->as_hash     = status == GP_OK && out->cost == VERIFIER_HASH_COST && rows_number(&r, 1) != 0;
    return status;
}

static gp_status ask_number(struct accounts *a, const char *sql, uint32_t *out)
{
    auto_rows r = rows_of(a->db, sql);
    return one_number(&r, out);
}

static gp_status ask_whether(struct accounts *a, const char *sql, bool *out)
{
    auto_rows r      = rows_of(a->db, sql);
    gp_status status = rows_next(&r);
    *out             = status == GP_OK;
    return status == GP_PERMFAIL ? GP_OK : status;
}

gp_status accounts_survey(struct accounts *a, gp_time now, struct survey *out)
{
    bool lacks_sha512 = false;
    *out              = (struct survey) { .iterations = VERIFIER_FEW_ROUNDS };
    gp_status status  = ask_cost(a, now, out);
    if (status == GP_OK)
        status = ask_number(a,
                            "SELECT scram_iterations FROM accounts WHERE scram_iterations > 0 GROUP BY scram_iterations"
                            " ORDER BY COUNT(*) DESC, scram_iterations LIMIT 1",
                            &out->iterations);
    if (status == GP_OK)
        status = ask_number(a,
                            "SELECT COUNT(*) AS candidates FROM credentials WHERE iterations > 0 GROUP BY account"
                            " ORDER BY candidates DESC LIMIT 1",
                            &out->candidates);
    if (status == GP_OK)
        status = ask_whether(a, "SELECT 1 FROM credentials WHERE iterations > 0 AND scram_sha512 = '' LIMIT 1",
                             &lacks_sha512);
    if (status == GP_OK)
        status = ask_whether(a, "SELECT 1 FROM credentials WHERE cram IS NOT NULL LIMIT 1", &out->secrets);
    if (status == GP_OK)
        status = ask_whether(a,
                             "SELECT 1 FROM credentials WHERE kind = 'certificate' AND kind IN ('certificate', 'oauth')"
                             " LIMIT 1",
                             &out->certificates);
    if (status == GP_OK)
        status = ask_whether(a,
                             "SELECT 1 FROM credentials WHERE kind = 'oauth' AND kind IN ('certificate', 'oauth')"
                             " LIMIT 1",
                             &out->oauth);
    out->sha512 = !lacks_sha512;
    return status;
}
