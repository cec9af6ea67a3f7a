/* A no costs the same whoever it is for: counted in rounds of work, not by the clock. */
#include "vault/test_bed.h"

enum { DEAR = 6000, CHEAP = 4096 };

static struct verifier_keys keys;

static struct verifier make(bool generated, bool scram, uint32_t iterations)
{
    struct verifier      v;
    struct verifier_wish wish = { GP_LIT("anna"), generated, scram, false, iterations, NULL };
    CHECK(verifier_keys_from(GP_LIT("a key for tests, of 32 octets..!"), &keys));
    CHECK(verifier_make(&keys, (gp_secret) { BED_PASSWORD, strlen(BED_PASSWORD) }, &wish, &v));
    return v;
}

static struct check_work work_of(const struct verifier *v, size_t count, const char *password,
                                 const struct decoy *decoy)
{
    struct check_work w = { .keys = &keys, .count = count, .decoy = decoy, .password_len = strlen(password) };
    for (size_t i = 0; i < count; i++) {
        w.verifiers[i] = v[i];
        w.may[i]       = true;
    }
    memcpy(w.password, password, w.password_len);
    check_work_run(&w);
    return w;
}

TEST(every_no_costs_what_the_dearest_no_costs)
{
    struct verifier fast = make(true, true, 0), cheap = make(false, true, CHEAP), dear = make(false, true, DEAR);
    struct verifier both[] = { fast, cheap };
    struct decoy    decoy  = { .cost = DEAR };
    const struct {
        const struct verifier *list;
        size_t                 count;
    } whom[] = {
        {NULL,    0},
        { &fast,  1},
        { &cheap, 1},
        { &dear,  1},
        { both,   2}
    };
    for (size_t i = 0; i < GP_COUNT(whom); i++) {
        struct check_work w = work_of(whom[i].list, whom[i].count, "wrong", &decoy);
        CHECK(w.verdict == GP_PERMFAIL && w.spent == DEAR);
    }
}

TEST(a_yes_costs_its_own_and_no_more)
{
    struct verifier   list[] = { make(true, true, 0), make(false, true, CHEAP) };
    struct decoy      decoy  = { .cost = DEAR };
    struct check_work w      = work_of(list, 2, BED_PASSWORD, &decoy);
    CHECK(w.verdict == GP_OK && w.matched == 0 && w.spent == 0);
    w = work_of(&list[1], 1, BED_PASSWORD, &decoy);
    CHECK(w.verdict == GP_OK && w.matched == 0 && w.spent == CHEAP);
}

TEST(a_no_is_pretended_by_the_dearest_accounts_own_verifiers)
{
    enum { ARGON2 = GP_HASH_COST };
    struct verifier hash = make(false, false, 0), cheap = make(false, true, CHEAP);
    struct decoy    decoy = {
           .cost = ARGON2 + CHEAP, .count = 2, .verifiers = {hash, cheap}
    };
    CHECK(verifier_cost(&hash) == ARGON2);
    CHECK(work_of(&hash, 1, "wrong", &decoy).spent == ARGON2 + CHEAP);
    CHECK(work_of(NULL, 0, "wrong", &decoy).spent == ARGON2 + CHEAP);
    CHECK(work_of(NULL, 0, BED_PASSWORD, &decoy).verdict == GP_PERMFAIL); /* though it is the decoy's */
    CHECK(work_of(&hash, 1, BED_PASSWORD, &decoy).verdict == GP_OK);
}

TEST(where_nothing_is_slow_a_no_is_fast)
{
    struct verifier fast = make(true, true, 0);
    struct decoy    none = { .cost = 0 };
    CHECK(work_of(&fast, 1, "wrong", &none).spent == 0 && work_of(NULL, 0, "wrong", &none).spent == 0);
}

TEST(a_verifier_that_cannot_be_read_is_no_refusal)
{
    struct verifier broken = { .plain = "$unknown$scheme" };
    struct decoy    none   = { .cost = 0 };
    CHECK(work_of(&broken, 1, "x", &none).verdict == GP_TEMPFAIL);
}

/* What may not be used is tried for the log's sake, after the others, and not beyond what anybody's no costs. */
TEST(what_may_not_be_used_never_opens_and_costs_nothing_more)
{
    struct verifier list[] = { make(false, true, CHEAP), make(false, true, DEAR) };
    const struct {
        uint32_t cost; /* of the dearest account */
        bool     may[2];
        size_t   useless;
        bool     opens;
    } rows[] = {
        {CHEAP + DEAR,  { false, false }, 1, false},
        { DEAR,         { false, false }, 0, false}, /* the second would have cost more */
        { CHEAP - 1,    { false, false }, 2, false},
        { 0,            { false, false }, 2, false},
        { CHEAP + DEAR, { false, true },  2, true },
        { CHEAP + DEAR, { true, false },  2, true },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct decoy      decoy = { .cost = rows[i].cost };
        struct check_work w     = {
                .keys         = &keys,
                .count        = 2,
                .decoy        = &decoy,
                .verifiers    = {list[0],         list[1]       },
                .may          = { rows[i].may[0], rows[i].may[1]},
                .password_len = strlen(BED_PASSWORD)
        };
        memcpy(w.password, BED_PASSWORD, w.password_len);
        check_work_run(&w);
        CHECK((w.verdict == GP_OK) == rows[i].opens && w.useless == rows[i].useless);
        CHECK(rows[i].opens || w.spent == rows[i].cost);
        if (rows[i].opens) CHECK(rows[i].may[w.matched]);
    }
}
