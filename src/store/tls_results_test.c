/* Counts of TLS results, and policies of MTA-STS: what is put together, what ages out. */
#include "store/tls_results.h"

#include <stdlib.h>

#include "check.h"
#include "store/database.h"
#include "store/policies.h"

static struct database *open_memory(void)
{
    static const char    *scripts[2];
    enum database_trouble trouble;
    scripts[0]                = policies_schema;
    scripts[1]                = tls_results_schema;
    struct database_plan plan = {
        .path = ":memory:", .scripts = scripts, .versions = GP_COUNT(scripts), .create = true
    };
    struct database *db = database_open(&plan, &trouble);
    assert_non_null(db);
    return db;
}

struct sum {
    size_t  rows;
    int64_t good, failed;
};

static bool add_up(void *owner, const struct tls_result *t)
{
    struct sum *s = owner;
    s->rows++;
    *(t->result[0] ? &s->failed : &s->good) += t->count;
    return true;
}

static struct sum sum_since(struct database *db, int64_t day)
{
    struct sum s = { 0 };
    CHECK(tls_results_each(db, day, add_up, &s) == GP_OK);
    return s;
}

TEST(alike_results_are_one_row_and_old_ones_go)
{
    struct database  *db     = open_memory();
    struct tls_result list[] = {
        {.day = 100,            .count = 2,            .domain = "a.example", .policy = "sts",        .host = "mx.a.example"},
        {             .day = 100,           .count = 3, .domain = "a.example",       .policy = "sts", .host = "mx.a.example"                     },
        { .day    = 100,
         .count  = 1,
         .domain = "a.example",
         .policy = "sts",
         .host   = "mx.a.example",
         .result = "certificate-expired" },
    };
    CHECK(tls_results_add(db, list, GP_COUNT(list)) == GP_OK);
    struct sum s = sum_since(db, 100);
    CHECK(s.rows == 2 && s.good == 5 && s.failed == 1);
    CHECK(sum_since(db, 101).rows == 0);
    list[0].day = 100 + TLS_RESULT_DAYS + 1;
    CHECK(tls_results_add(db, list, 1) == GP_OK);
    s = sum_since(db, 0);
    CHECK(s.rows == 1 && s.good == 2);
    database_close(db);
}

TEST(a_policy_is_kept_until_it_expires)
{
    struct database   *db  = open_memory();
    struct kept_policy one = { .id = "1", .mode = 2, .fetched = 10, .expires = 100 }, out;
    char               room[64];
    struct gp_text     hosts = GP_TEXT(room);
    CHECK(policies_find(db, GP_LIT("a.example"), 50, &out, &hosts) == GP_PERMFAIL);
    CHECK(policies_keep(db, GP_LIT("a.example"), &one, GP_LIT("mx.a.example\n"), 10) == GP_OK);
    CHECK(policies_find(db, GP_LIT("a.example"), 99, &out, &hosts) == GP_OK);
    CHECK_IS(gp_said(&hosts), "mx.a.example\n");
    CHECK_IS(gp_from(out.id), "1");
    CHECK(out.mode == 2 && out.fetched == 10 && out.expires == 100);
    CHECK(policies_find(db, GP_LIT("a.example"), 100, &out, &hosts) == GP_PERMFAIL);
    database_close(db);
}

TEST(policies_are_no_more_than_there_may_be)
{
    struct database   *db = open_memory();
    char               room[64];
    struct kept_policy p = { .id = "1", .mode = 1, .fetched = 1 };
    for (unsigned i = 0; i <= POLICIES_MOST; i++) { /* the last one is one too many, and d0 expires first */
        struct gp_text name = GP_TEXT(room);
        gp_put_char(&name, 'd');
        gp_put_number(&name, i);
        p.expires = 1000 + i;
        CHECK(policies_keep(db, gp_said(&name), &p, GP_LIT("mx.example.net"), 10) == GP_OK);
    }
    struct gp_text hosts = GP_TEXT(room);
    CHECK(policies_find(db, GP_LIT("d0"), 10, &p, &hosts) == GP_PERMFAIL);
    CHECK(policies_find(db, GP_LIT("d1"), 10, &p, &hosts) == GP_OK);
    CHECK(policies_find(db, GP_LIT("d8192"), 10, &p, &hosts) == GP_OK);
    database_close(db);
}
