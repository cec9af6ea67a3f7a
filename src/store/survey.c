/* What unknown users have to look like, and what can succeed at all: answered from indexes, since it is asked after every change. */
#include "store/accounts_parts.h"

#include <string.h>

#include "store/accounts.h"

/* As credential_state has it; ? is now. */
#define STILL_LIVE                                                                                                     \
    "(expires = 0 OR expires > ?1) AND (retires = 0 OR retires > ?1)"                                                  \
    " AND (idle_days = 0 OR max(created, last_used) + idle_days * 86400000 > ?1)"

/* No row leaves *out as it is. */
static gp_status one_number(struct rows *r, uint32_t *out)
{
    gp_status status = rows_next(r);
    int64_t   number = status == GP_OK ? rows_number(r, 0) : 0;
    if (status == GP_OK) *out = number < UINT32_MAX ? (uint32_t)number : UINT32_MAX;
    return status == GP_PERMFAIL ? GP_OK : status;
}

static gp_status ask_cost(struct accounts *a, gp_time now, struct survey *out)
{
    auto_rows r = rows_of(a->db, "SELECT SUM(cost) AS together, account FROM credentials WHERE cost > 0"
                                 " AND " STILL_LIVE " GROUP BY account ORDER BY together DESC LIMIT 1");
    rows_bind_number(&r, now);
    gp_status status = one_number(&r, &out->cost);
    out->dearest     = status == GP_OK && out->cost ? rows_number(&r, 1) : 0;
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

static gp_status ask_counts(struct accounts *a, struct survey *out)
{
    gp_status status;
    uint32_t  most = 0;
    auto_rows r = rows_of(a->db, "SELECT iterations, many FROM (SELECT scram_iterations AS iterations, COUNT(*) AS many"
                                 " FROM accounts WHERE scram_iterations > 0 GROUP BY scram_iterations"
                                 " ORDER BY many DESC, iterations LIMIT 8) ORDER BY iterations");
    while ((status = rows_next(&r)) == GP_OK && out->count_count < SURVEY_COUNTS_MOST) {
        struct survey_count *c = &out->counts[out->count_count++];
        *c                     = (struct survey_count) { (uint32_t)rows_number(&r, 0), (uint32_t)rows_number(&r, 1) };
        if (c->accounts <= most) continue;
        most            = c->accounts;
        out->iterations = c->iterations;
    }
    return status == GP_TEMPFAIL ? status : GP_OK;
}

static gp_status ask_crowded(struct accounts *a, struct survey *out)
{
    auto_rows r      = rows_of(a->db, "SELECT COUNT(*) AS many, account FROM credentials GROUP BY account"
                                           " ORDER BY many DESC LIMIT 1");
    gp_status status = one_number(&r, &out->credentials);
    out->crowded     = status == GP_OK && out->credentials ? rows_number(&r, 1) : 0;
    return status;
}

static gp_status ask_scram(struct accounts *a, struct survey *out)
{
    bool      lacks  = false;
    gp_status status = ask_counts(a, out);
    if (status == GP_OK)
        status = ask_number(a,
                            "SELECT COUNT(*) AS candidates FROM credentials WHERE iterations > 0 GROUP BY account"
                            " ORDER BY candidates DESC LIMIT 1",
                            &out->candidates);
    if (status == GP_OK)
        status = ask_whether(a, "SELECT 1 FROM credentials WHERE iterations > 0 AND scram_sha512 = '' LIMIT 1", &lacks);
    out->sha512 = !lacks;
    return status;
}

static gp_status ask_kinds(struct accounts *a, struct survey *out)
{
    /* Each condition twice: so that the index of subjects is used. */
    const struct {
        const char *sql;
        bool       *out;
    } questions[] = {
        {"SELECT 1 FROM credentials WHERE cram IS NOT NULL AND legacy = 0 LIMIT 1",                      &out->secrets     },
        { "SELECT 1 FROM credentials WHERE cram IS NOT NULL AND legacy = 1 LIMIT 1",                     &out->lane_secrets},
        { "SELECT 1 FROM credentials WHERE kind = 'certificate' AND kind IN ('certificate', 'oauth')"
          " LIMIT 1",                                                                           &out->certificates},
        { "SELECT 1 FROM credentials WHERE kind = 'oauth' AND kind IN ('certificate', 'oauth') LIMIT 1", &out->oauth       },
    };
    gp_status status = GP_OK;
    for (size_t i = 0; i < GP_COUNT(questions) && status == GP_OK; i++)
        status = ask_whether(a, questions[i].sql, questions[i].out);
    return status;
}

gp_status accounts_survey(struct accounts *a, gp_time now, struct survey *out)
{
    *out             = (struct survey) { .iterations = VERIFIER_FEW_ROUNDS };
    gp_status status = ask_cost(a, now, out);
    if (status == GP_OK) status = ask_scram(a, out);
    if (status == GP_OK) status = ask_crowded(a, out);
    return status == GP_OK ? ask_kinds(a, out) : status;
}

/* ---- unknown users ------------------------------------------------------------------------------------------------- */
/* The counts' shares lie side by side, and the name alone chooses the point: a new account moves the borders a little, so that hardly
 * a name sees another count than before. */
uint32_t survey_iterations(const struct survey *s, const struct verifier_keys *keys, gp_str name)
{
    enum { POINT_BITS = 32 };
    uint8_t  digest[GP_DIGEST_MOST] = { 0 };
    uint32_t fraction;
    uint64_t accounts = 0;
    gp_str   key      = { (const char *)keys->unknown_count, sizeof(keys->unknown_count) };
    for (size_t i = 0; i < s->count_count; i++) accounts += s->counts[i].accounts;
    if (accounts == 0 || !gp_hmac(GP_SHA256, key, name, digest)) return s->iterations;
    memcpy(&fraction, digest, sizeof(fraction));
    uint64_t point = (accounts * fraction) >> POINT_BITS;
    size_t   at    = 0;
    while (at + 1 < s->count_count && point >= s->counts[at].accounts) point -= s->counts[at++].accounts;
    return s->counts[at].iterations;
}
