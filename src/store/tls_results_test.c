/* Counts of TLS results, and policies of MTA-STS: what is put together, what ages out. */
#include "store/tls_results.h"

#include <stdlib.h>

#include "check.h"
#include "store/database.h"
#include "store/policies.h"

static struct database *open_memory(void)
{
    static const char    *scripts[5];
    enum database_trouble trouble;
    scripts[0]                = policies_schema;
    scripts[1]                = tls_results_schema;
    scripts[2]                = tls_reports_schema;
    scripts[3]                = policies_asked;
    scripts[4]                = tls_peers;
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

/* Whoever has a domain can have made-up hosts counted: beyond so many rows they are counted together. */
TEST(a_domain_has_so_many_rows_and_all_is_counted)
{
    struct database  *db = open_memory();
    struct tls_result t  = {
         .day = 100, .count = 1, .domain = "a.example", .policy = "sts", .result = "validation-failure"
    };
    for (int i = 0; i < 2 * TLS_RESULT_ROWS; i++) {
        struct gp_text host = { .ptr = t.host, .room = sizeof t.host - 1 };
        gp_put_z(&host, "mx");
        gp_put_number(&host, i);
        t.host[host.len] = '\0';
        CHECK(tls_results_add(db, &t, 1) == GP_OK);
    }
    struct sum s = sum_since(db, 100);
    CHECK(s.rows == TLS_RESULT_ROWS + 1 && s.failed == 2LL * TLS_RESULT_ROWS);
    database_close(db);
}

static bool take(void *owner, const struct tls_report *t)
{
    *(struct tls_report *)owner = *t;
    return false;
}

TEST(a_report_is_due_some_hours_after_its_day_until_it_is_settled)
{
    enum { HOUR = 3600 * 1000, DAY = 24 * HOUR };
    struct database  *db  = open_memory();
    struct tls_result t   = { .day = 100, .count = 1, .domain = "a.example", .policy = "sts", .host = "mx.a.example" };
    struct tls_report r   = { .day = 0 };
    gp_time           end = (gp_time)101 * DAY;
    CHECK(tls_results_add(db, &t, 1) == GP_OK && tls_results_add(db, &t, 1) == GP_OK);
    CHECK(tls_reports_due(db, end + HOUR / 2 - 1, take, &r) == GP_OK && r.day == 0);
    CHECK(tls_reports_due(db, end + 9 * HOUR / 2, take, &r) == GP_OK && r.day == 100);
    CHECK_IS(gp_from(r.domain), "a.example");
    CHECK(r.state == TLS_REPORT_WAITS && r.due >= end + HOUR / 2 && r.tries == 0);
    r = (struct tls_report) { .day = 100, .domain = "a.example", .state = TLS_REPORT_SENT, .tries = 1, .told = "to b" };
    CHECK(tls_reports_settle(db, &r) == GP_OK);
    r.day = 0;
    CHECK(tls_reports_due(db, end + 2 * DAY, take, &r) == GP_OK && r.day == 0);
    CHECK(tls_reports_each(db, 100, take, &r) == GP_OK && r.state == TLS_REPORT_SENT && r.tries == 1);
    CHECK_IS(gp_from(r.told), "to b");
    database_close(db);
}

TEST(what_waits_can_be_hurried_and_what_is_late_is_given_up)
{
    enum { DAY = 24 * 3600 * 1000 };
    struct database  *db = open_memory();
    struct tls_result t  = { .day = 100, .count = 1, .domain = "a.example", .policy = "sts", .host = "mx.a.example" };
    struct tls_report r  = { .day = 0 };
    size_t            count = 0;
    CHECK(tls_results_add(db, &t, 1) == GP_OK);
    CHECK(tls_reports_hurry(db, (gp_time)101 * DAY - 1, &count) == GP_OK && count == 0); /* the day goes on */
    CHECK(tls_reports_hurry(db, (gp_time)101 * DAY, &count) == GP_OK && count == 1);
    CHECK(tls_reports_due(db, (gp_time)101 * DAY, take, &r) == GP_OK && r.day == 100);
    CHECK(tls_reports_expire(db, 100, &count) == GP_OK && count == 0);
    CHECK(tls_reports_expire(db, 101, &count) == GP_OK && count == 1);
    CHECK(tls_reports_each(db, 0, take, &r) == GP_OK && r.state == TLS_REPORT_GIVEN_UP);
    CHECK_IS(gp_from(r.told), "too late");
    database_close(db);
}

TEST(counts_of_an_earlier_version_are_taken_over)
{
    static const char    *script[1];
    enum database_trouble trouble;
    struct tls_report     r   = { .day = 0 };
    script[0]                 = tls_results_schema;
    struct database_plan plan = { .path = ":memory:", .scripts = script, .versions = 1, .create = true };
    struct database     *db   = database_open(&plan, &trouble);
    CHECK(db && database_script(db, "INSERT INTO tls_results VALUES (100, 'a.example', 'sts', 'mx', '', 3, ''),"
                                    " (100, 'a.example', 'sts', 'mx', 'x', 4, '')") == GP_OK);
    CHECK(database_script(db, tls_reports_schema) == GP_OK && database_script(db, tls_peers) == GP_OK);
    struct sum s = sum_since(db, 0);
    CHECK(s.rows == 2 && s.good == 3 && s.failed == 4);
    CHECK(tls_reports_each(db, 0, take, &r) == GP_OK && r.day == 100 && r.state == TLS_REPORT_WAITS);
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

/* RFC 8461 10.2, for what had mail lately. */
TEST(policies_that_want_to_be_fetched_again_have_their_turn)
{
    enum { HOUR = 3600 * 1000, DAY = 24 * HOUR };
    static const gp_time now = (gp_time)1000 * DAY;
    static const struct {
        const char *domain;
        gp_time     fetched, expires, asked; /* from now */
        int64_t     mode;
        bool        due;
    } rows[] = {
        {"a.example",  -DAY,      10 * (gp_time)DAY, -DAY,                   2, true },
        { "b.example", -DAY,      10 * (gp_time)DAY, -HOUR,                  1, true },
        { "c.example", -DAY + 1,  10 * (gp_time)DAY, -HOUR,                  2, false},
        { "d.example", -5 * HOUR, 5 * HOUR,          -HOUR,                  2, true }, /* half of what it lasts */
        { "e.example", -DAY,      10 * (gp_time)DAY, -HOUR,                  0, false}, /* there is none: nothing to lose */
        { "f.example", -2 * DAY,  10 * (gp_time)DAY, -30 * (gp_time)DAY,     2, false},
        { "g.example", -2 * DAY,  10 * (gp_time)DAY, -30 * (gp_time)DAY + 1, 2, true },
        { "h.example", -2 * DAY,  0,                 -HOUR,                  2, false},
        { "i.example", -20000,    10000,             -HOUR,                  2, false}, /* good for seconds, by its own account */
    };
    struct database *db      = open_memory();
    gp_time          fetched = 0;
    char             room[64], seen[64];
    struct gp_text   order = GP_TEXT(room), domain = { .ptr = seen, .room = 0 };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct kept_policy p = { .id      = "1",
                                 .mode    = rows[i].mode,
                                 .fetched = now + rows[i].fetched,
                                 .expires = now + rows[i].expires,
                                 .asked   = now + rows[i].asked };
        CHECK(policies_keep(db, gp_from(rows[i].domain), &p, GP_LIT("mx.example.net"), now - 3 * (gp_time)DAY) ==
              GP_OK);
    }
    while (true) {
        char           next[64];
        struct gp_text to = GP_TEXT(next);
        if (policies_due(db, now, &fetched, gp_said(&domain), &to) != GP_OK) break;
        domain = GP_TEXT(seen);
        gp_put(&domain, gp_said(&to));
        gp_put(&order, gp_head(gp_said(&to), 1));
    }
    CHECK_IS(gp_said(&order), "gabd");
    database_close(db);
}
