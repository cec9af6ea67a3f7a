/* The audit chain: what is told comes back, and every change to it shows. */
#include "store/test_audit.h"

static void count_rows(void *owner, const struct audit_row *row)
{
    size_t *count = owner;
    CHECK(row->when >= 1000 && row->event.len && row->data.ptr[0] == '{');
    CHECK(row->account == 3 && row->credential == 7 && row->name.len == 4 && !row->erased);
    ++*count;
}

TEST(rows_come_back_in_order_and_the_chain_holds)
{
    for (enum audit_chain chain = 0; chain < AUDIT_CHAINS; chain++) {
        struct database   *db = filled(chain);
        struct audit_fault fault;
        size_t             all = 0, some = 0;
        CHECK(audit_visit(db, GP_NONE, count_rows, &all) == GP_OK && all == ROWS);
        CHECK(audit_visit(db, GP_LIT("bbbb"), count_rows, &some) == GP_OK && some == ROWS / 4);
        CHECK(audit_verify(db, NULL, &fault) == GP_OK && fault.rows == ROWS);
        give_back(db);
    }
}

TEST(an_empty_chain_holds)
{
    for (enum audit_chain chain = 0; chain < AUDIT_CHAINS; chain++) {
        struct database   *db = fresh(chain);
        struct audit_fault fault;
        CHECK(audit_verify(db, NULL, &fault) == GP_OK && fault.rows == 0);
        give_back(db);
    }
}

TEST(rows_are_found_by_what_they_are_about)
{
    /* clang-format off */
    static const struct { struct audit_filter filter; size_t rows; } rows[] = {
        { { .event = GP_LIT("accepted") },                                 10 },
        { { .account = GP_LIT("bert") },                                    4 },
        { { .account = GP_LIT("carl") },                                    0 },
        { { .incident = GP_LIT("ABCDEFGHJK") },                             1 },
        { { .incident = GP_LIT("") },                                       0 },
        { { .queue_id = GP_LIT("bbbb"), .event = GP_LIT("delivered") },     5 },
        { { .queue_id = GP_LIT("bbbb"), .event = GP_LIT("accepted") },      0 },
        { { .address = GP_LIT("bob@example.net") },                        13 },
        { { .address = GP_LIT("carol@EXAMPLE.net") },                       7 },
        { { .address = GP_LIT("ob@example.net") },                          0 },
        { { .address = GP_LIT("example.net\"") },                           0 },
        { { .since = 1015 },                                                5 },
        { { .until = 1015 },                                               15 },
        { { .since = 1005, .until = 1010, .account = GP_LIT("anna") },      4 },
        { { .after = 18 },                                                  2 },
    };
    /* clang-format on */
    struct database *db = filled(AUDIT_VAULT);
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char             room[AUDIT_FILTER_ROOM];
        struct audit_row row;
        size_t           count = 0;
        int64_t          last  = 0;
        auto_rows        r     = audit_rows(db, &rows[i].filter, room);
        while (audit_next(&r, &row) == GP_OK) {
            count++;
            CHECK(row.seq > last);
            last = row.seq;
        }
        if (count != rows[i].rows) fail_msg("row %zu: found %zu", i, count);
    }
    give_back(db);
}

TEST(an_incident_is_found_that_shares_its_row_with_others)
{
    struct database    *db     = filled(AUDIT_VAULT);
    struct audit_entry  e      = { .when = 1, .event = "sign-in", .incident = GP_LIT("AAAAAAAAAA") };
    struct audit_filter filter = { .incident = GP_LIT("CCCCCCCCCC") };
    char                room[AUDIT_FILTER_ROOM];
    struct audit_row    row;
    CHECK(AUDIT(db, &e, AUDIT_N("count", 3), AUDIT_L("incidents", GP_LIT("BBBBBBBBBB\nCCCCCCCCCC\n"))) == GP_OK);
    auto_rows r = audit_rows(db, &filter, room);
    CHECK(audit_next(&r, &row) == GP_OK && row.seq == ROWS + 1 && audit_next(&r, &row) == GP_PERMFAIL);
    rows_end(&r);
    give_back(db);
}

/* What a row of accounts.db and the one of that number in queue.db have is exchanged. */
static void swap_rows(struct database *db, const char *other)
{
    char sql[512];
    (void)snprintf(sql, sizeof sql,
                   "ATTACH '%s' AS o; DELETE FROM audit WHERE seq = 6;"
                   "INSERT INTO audit SELECT * FROM o.audit WHERE seq = 6; DETACH o",
                   other);
    CHECK(database_script(db, sql) == GP_OK);
}

TEST(every_change_shows)
{
    /* clang-format off */
    static const struct { const char *change; int64_t seq; } rows[] = {
        { "UPDATE audit SET data = '{}' WHERE seq = 7",                             7 },
        { "UPDATE audit SET event = 'accepted' WHERE seq = 9",                      9 },
        { "UPDATE audit SET moment = moment + 1 WHERE seq = 20",                   20 },
        { "UPDATE audit SET queue_id = 'cccc' WHERE seq = 1",                       1 },
        { "UPDATE audit SET account = 4 WHERE seq = 2",                             2 },
        { "UPDATE audit SET credential = 0 WHERE seq = 2",                          2 },
        { "UPDATE audit SET name = 'bert' WHERE seq = 3",                           3 },
        { "UPDATE audit SET incident = 'ABCDEFGHJK' WHERE seq = 3",                 3 },
        { "UPDATE audit SET salt = randomblob(16) WHERE seq = 4",                   4 },
        { "UPDATE audit SET digest = zeroblob(32) WHERE seq = 4",                   4 },
        { "UPDATE audit SET tombstone = 9 WHERE seq = 4",                           4 },
        { "UPDATE audit SET salt = NULL, name = NULL, data = NULL WHERE seq = 4",   4 },
        { "UPDATE audit SET hash = zeroblob(32) WHERE seq = 5",                     5 },
        { "UPDATE audit SET hash = x'00' WHERE seq = 5",                            5 },
        { "DELETE FROM audit WHERE seq = 4",                                        5 },
        { "DELETE FROM audit WHERE seq = 1",                                        2 },
        { "DELETE FROM audit WHERE seq = 20",                                      20 },
        { "DELETE FROM audit",                                                     20 },
        { "UPDATE audit SET seq = -1 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 4;"
          "UPDATE audit SET seq = 4 WHERE seq = -1",                                3 },
        { "DELETE FROM audit WHERE seq = 3; UPDATE audit SET seq = seq - 1 WHERE seq > 3", 3 },
        { "UPDATE audit_chain SET id = randomblob(16)",                             1 },
        { "UPDATE audit_chain SET name = 'other'",                                  1 },
        { "DELETE FROM audit_chain",                                                1 },
    };
    /* clang-format on */
    for (size_t i = 0; i < GP_COUNT(rows) * AUDIT_CHAINS; i++) {
        struct database   *db = filled(i % AUDIT_CHAINS);
        struct audit_fault fault;
        CHECK(database_script(db, rows[i / AUDIT_CHAINS].change) == GP_OK);
        CHECK(audit_verify(db, NULL, &fault) == GP_PERMFAIL && fault.what);
        if (fault.seq != rows[i / AUDIT_CHAINS].seq)
            fail_msg("row %zu: found at %lld", i / AUDIT_CHAINS, (long long)fault.seq);
        give_back(db);
    }
}

TEST(a_row_of_the_other_chain_shows)
{
    char             other[sizeof path];
    struct database *queue = filled(AUDIT_QUEUE);
    memcpy(other, path, sizeof path);
    struct database   *vault = filled(AUDIT_VAULT);
    struct audit_fault fault;
    swap_rows(vault, other);
    CHECK(audit_verify(vault, NULL, &fault) == GP_PERMFAIL && fault.seq == 6);
    give_back(vault);
    memcpy(path, other, sizeof path);
    give_back(queue);
}

TEST(rows_after_a_tail_was_cut_do_not_hide_that)
{
    struct database   *db = filled(AUDIT_QUEUE);
    struct audit_fault fault;
    CHECK(database_script(db, "DELETE FROM audit WHERE seq > 15") == GP_OK);
    add_rows(db, 0, ROWS);
    CHECK(audit_verify(db, NULL, &fault) == GP_PERMFAIL && fault.seq == 21);
    CHECK(database_script(db, "DELETE FROM audit") == GP_OK);
    add_rows(db, 0, ROWS);
    CHECK(audit_verify(db, NULL, &fault) == GP_PERMFAIL && fault.seq == 41);
    give_back(db);
}

static void keep_data(void *owner, const struct audit_row *row)
{
    CHECK(gp_copy_z(row->data, owner, AUDIT_DATA_MOST));
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
        struct database   *db = fresh(AUDIT_VAULT);
        char               data[AUDIT_DATA_MOST];
        struct audit_entry e = { .when = 1, .event = "x" };
        CHECK(AUDIT(db, &e, AUDIT_Z("a", rows[i].text), AUDIT_N("n", -5)) == GP_OK);
        CHECK(audit_visit(db, GP_NONE, keep_data, data) == GP_OK);
        CHECK_IS(gp_from(data), rows[i].json);
        give_back(db);
    }
}

TEST(lists_are_arrays)
{
    /* clang-format off */
    static const struct { const char *lines, *json; } rows[] = {
        { "",            "{\"to\":[]}" },
        { "a\n",         "{\"to\":[\"a\"]}" },
        { "a\nb\"c\n",   "{\"to\":[\"a\",\"b\\\"c\"]}" },
    };
    /* clang-format on */
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char           room[64];
        struct gp_text text = GP_TEXT(room);
        audit_put_data(&text, (const struct audit_field[]) { AUDIT_L("to", gp_from(rows[i].lines)), { NULL } });
        CHECK_IS(gp_said(&text), rows[i].json);
    }
}

TEST(what_does_not_fit_is_left_out_and_said)
{
    static char        huge[2 * AUDIT_DATA_MOST];
    char               data[AUDIT_DATA_MOST];
    struct database   *db = fresh(AUDIT_VAULT);
    struct audit_fault fault;
    struct audit_entry e = { .when = 1, .event = "x", .queue_id = GP_LIT("a") };
    memset(huge, 'x', sizeof huge - 1);
    CHECK(AUDIT(db, &e, AUDIT_Z("a", huge), AUDIT_N("b", 5)) == GP_OK);
    CHECK(audit_visit(db, GP_NONE, keep_data, data) == GP_OK);
    CHECK_IS(gp_from(data), "{\"b\":5,\"cut\":1}");
    CHECK(AUDIT(db, &e, AUDIT_Z("a", huge)) == GP_OK && audit_visit(db, GP_NONE, keep_data, data) == GP_OK);
    CHECK_IS(gp_from(data), "{\"cut\":1}");
    e.name = gp_from(huge);
    CHECK(AUDIT(db, &e, AUDIT_N("b", 5)) == GP_OK);
    CHECK(audit_verify(db, NULL, &fault) == GP_OK && fault.rows == 3);
    give_back(db);
}

TEST(rows_of_the_first_form_are_taken_over)
{
    static const char old[] =
        "INSERT INTO audit (moment, event, queue_id, data, hash) VALUES"
        " (1000, 'accepted', 'aaaa', '{\"user\":\"anna\",\"account\":3,\"credential\":7,\"sender\":\"a@example.org\"}', x'00'),"
        " (1001, 'delivered', 'aaaa', '{\"to\":\"b@example.net\"}', x'00')";
    struct database   *db = fresh(AUDIT_VAULT);
    struct audit_fault fault;
    char               data[AUDIT_DATA_MOST];
    give_back(db);
    db = open_chain(AUDIT_QUEUE, 1);
    CHECK(database_script(db, old) == GP_OK);
    database_close(db);
    db = open_chain(AUDIT_QUEUE, 2);
    CHECK(audit_take_over(db, 2000) == GP_OK && audit_take_over(db, 2000) == GP_OK);
    CHECK(audit_verify(db, NULL, &fault) == GP_OK && fault.rows == 3);
    struct audit_filter filter = { .account = GP_LIT("anna") };
    char                room[AUDIT_FILTER_ROOM];
    struct audit_row    row;
    auto_rows           r = audit_rows(db, &filter, room);
    CHECK(audit_next(&r, &row) == GP_OK && row.account == 3 && row.credential == 7 && row.when == 1000);
    rows_end(&r);
    CHECK(audit_visit(db, GP_NONE, keep_data, data) == GP_OK);
    CHECK_IS(gp_from(data), "{\"rows\":2}");
    give_back(db);
}
