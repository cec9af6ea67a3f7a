/* The audit chain: what is told comes back, and every change to it shows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "store/audit.h"

enum { ROWS = 20 };

static char path[64];

static struct database *fresh(void)
{
    const char           *scripts[] = { audit_schema };
    enum database_trouble trouble;
    (void)snprintf(path, sizeof path, "/tmp/gatepost-audit-XXXXXX");
    int fd = mkstemp(path);
    CHECK(fd >= 0 && close(fd) == 0);
    struct database_plan plan = { .path = path, .scripts = scripts, .versions = 1, .create = true };
    struct database     *db   = database_open(&plan, &trouble);
    CHECK(db != NULL);
    return db;
}

static void give_back(struct database *db)
{
    static const char *const ends[] = { "", "-wal", "-shm" };
    database_close(db);
    for (size_t i = 0; i < GP_COUNT(ends); i++) {
        char name[80];
        (void)snprintf(name, sizeof name, "%s%s", path, ends[i]);
        (void)unlink(name);
    }
}

static struct database *filled(void)
{
    struct database *db = fresh();
    for (int i = 0; i < ROWS; i++)
        CHECK(AUDIT(db, 1000 + i, i % 2 ? "accepted" : "delivered", i % 4 ? GP_LIT("aaaa") : GP_LIT("bbbb"),
                    AUDIT_N("n", i), AUDIT_Z("to", "bob@example.net")) == GP_OK);
    return db;
}

static void count_rows(void *owner, const struct audit_row *row)
{
    size_t *count = owner;
    CHECK(row->when >= 1000 && row->event.len && row->data.ptr[0] == '{');
    ++*count;
}

TEST(rows_come_back_in_order_and_the_chain_holds)
{
    struct database   *db = filled();
    struct audit_fault fault;
    size_t             all = 0, some = 0;
    CHECK(audit_visit(db, GP_NONE, count_rows, &all) == GP_OK && all == ROWS);
    CHECK(audit_visit(db, GP_LIT("bbbb"), count_rows, &some) == GP_OK && some == ROWS / 4);
    CHECK(audit_verify(db, &fault) == GP_OK && fault.rows == ROWS);
    give_back(db);
}

TEST(an_empty_chain_holds)
{
    struct database   *db = fresh();
    struct audit_fault fault;
    CHECK(audit_verify(db, &fault) == GP_OK && fault.rows == 0);
    give_back(db);
}

TEST(every_change_shows)
{
    /* clang-format off */
    static const struct { const char *change; int64_t seq; } rows[] = {
        { "UPDATE audit SET data = '{}' WHERE seq = 7",                             7 },
        { "UPDATE audit SET event = 'accepted' WHERE seq = 9",                      9 },
        { "UPDATE audit SET moment = moment + 1 WHERE seq = 20",                   20 },
        { "UPDATE audit SET queue_id = 'cccc' WHERE seq = 1",                       1 },
        { "UPDATE audit SET hash = zeroblob(32) WHERE seq = 5",                     5 },
        { "UPDATE audit SET hash = x'00' WHERE seq = 5",                            5 },
        { "DELETE FROM audit WHERE seq = 4",                                        5 },
        { "DELETE FROM audit WHERE seq = 1",                                        2 },
        { "DELETE FROM audit WHERE seq = 20",                                      20 },
        { "DELETE FROM audit",                                                     20 },
        { "UPDATE audit SET seq = -1 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 4;"
          "UPDATE audit SET seq = 4 WHERE seq = -1",                                3 },
        { "DELETE FROM audit WHERE seq = 3; UPDATE audit SET seq = seq - 1 WHERE seq > 3", 3 },
    };
    /* clang-format on */
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct database   *db = filled();
        struct audit_fault fault;
        CHECK(database_script(db, rows[i].change) == GP_OK);
        CHECK(audit_verify(db, &fault) == GP_PERMFAIL && fault.what);
        if (fault.seq != rows[i].seq) fail_msg("row %zu: found at %lld", i, (long long)fault.seq);
        give_back(db);
    }
}

static void keep_data(void *owner, const struct audit_row *row)
{
    CHECK(gp_copy_z(row->data, owner, 256));
}

TEST(data_is_json_whatever_is_told)
{
    /* clang-format off */
    static const struct { const char *text, *json; } rows[] = {
        { "plain",             "{\"a\":\"plain\",\"n\":-5}" },
        { "",                  "{\"a\":\"\",\"n\":-5}" },
        { "\"\\\n\x7f",        "{\"a\":\"\\\"\\\\\\u000a\\u007f\",\"n\":-5}" },
        { "caf\xc3\xa9",       "{\"a\":\"caf\xc3\xa9\",\"n\":-5}" },
        { "caf\xe9",           "{\"a\":\"caf?\",\"n\":-5}" },
        { NULL,                "{\"n\":-5}" },
    };
    /* clang-format on */
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct database *db = fresh();
        char             data[256];
        CHECK(AUDIT(db, 1, "x", GP_NONE, AUDIT_Z("a", rows[i].text), AUDIT_N("n", -5)) == GP_OK);
        CHECK(audit_visit(db, GP_NONE, keep_data, data) == GP_OK);
        CHECK_IS(gp_from(data), rows[i].json);
        give_back(db);
    }
}

TEST(what_does_not_fit_is_cut_and_still_chained)
{
    static char        huge[2 * AUDIT_DATA_MOST];
    struct database   *db = fresh();
    struct audit_fault fault;
    memset(huge, 'x', sizeof huge - 1);
    CHECK(AUDIT(db, 1, "x", GP_LIT("a"), AUDIT_Z("a", huge)) == GP_OK && audit_verify(db, &fault) == GP_OK &&
          fault.rows == 1);
    give_back(db);
}
