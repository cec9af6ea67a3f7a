/* The database helpers: upgrade, transactions, kept statements, and what they say of a file that is damaged, foreign, newer,
 * locked or full. */
#include "store/database.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static const char *const scripts[] = { "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT UNIQUE) STRICT",
                                       "ALTER TABLE t ADD COLUMN c BLOB" };

static char folder[] = "/tmp/gatepost-database-XXXXXX";
static char path[sizeof(folder) + 16];

static void remove_all(void)
{
    static const char *const names[] = { "t.db", "t.db-wal", "t.db-shm", "t.db-journal" };
    for (size_t i = 0; i < GP_COUNT(names); i++) {
        char file[sizeof(path)];
        (void)snprintf(file, sizeof(file), "%s/%s", folder, names[i]);
        (void)unlink(file);
    }
}

static void leave(void)
{
    remove_all();
    (void)rmdir(folder);
}

static void enter(void)
{
    static bool made;
    if (!made) {
        assert_non_null(mkdtemp(folder));
        (void)snprintf(path, sizeof(path), "%s/t.db", folder);
        (void)atexit(leave);
        made = true;
    }
    remove_all();
}

static struct database *open_with(size_t versions, enum database_trouble *trouble)
{
    struct database_plan plan = {
        .path = path, .scripts = scripts, .versions = versions, .busy_ms = 20, .create = true
    };
    return database_open(&plan, trouble);
}

static struct database *open_fresh(void)
{
    enum database_trouble trouble;
    enter();
    struct database *db = open_with(2, &trouble);
    assert_non_null(db);
    return db;
}

static gp_status insert(struct database *db, int64_t a, const char *b)
{
    auto_rows r = rows_of(db, "INSERT INTO t (a, b) VALUES (?, ?)");
    rows_bind_number(&r, a);
    rows_bind_text(&r, gp_from(b));
    return rows_run(&r);
}

static int64_t count(struct database *db)
{
    auto_rows r = rows_of(db, "SELECT COUNT(*) FROM t");
    return rows_next(&r) == GP_OK ? rows_number(&r, 0) : -1;
}

static void overwrite(const char *octets, size_t len, off_t at)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    CHECK(fd >= 0 && pwrite(fd, octets, len, at) == (ssize_t)len);
    (void)close(fd);
}

TEST(a_new_file_is_private)
{
    struct stat      made;
    struct database *db = open_fresh();
    CHECK(stat(path, &made) == 0);
    CHECK((made.st_mode & 0777) == 0600);
    database_close(db);
}

TEST(a_value_comes_back_as_it_went_in)
{
    struct database *db = open_fresh();
    {
        auto_rows in = rows_of(db, "INSERT INTO t (a, b, c) VALUES (?, ?, ?)");
        rows_bind_number(&in, -7);
        rows_bind_blob(&in, GP_NONE);
        rows_bind_blob(&in, (gp_str) { "a\0b", 3 });
        CHECK(rows_run(&in) == GP_OK);
        CHECK(database_touched(db) == 1 && database_last_id(db) == -7);
    }
    auto_rows out = rows_of(db, "SELECT a, b, c FROM t");
    CHECK(rows_next(&out) == GP_OK);
    CHECK(rows_number(&out, 0) == -7 && rows_text(&out, 1).ptr == NULL);
    CHECK_SAME(rows_blob(&out, 2), ((gp_str) { "a\0b", 3 }));
    CHECK(rows_next(&out) == GP_PERMFAIL);
    rows_end(&out);
    database_close(db);
}

TEST(a_conflict_is_the_callers_doing)
{
    struct database *db = open_fresh();
    CHECK(insert(db, 1, "x") == GP_OK);
    CHECK(insert(db, 2, "x") == GP_PERMFAIL);
    CHECK(database_trouble(db) == DATABASE_CONFLICT);
    database_close(db);
}

TEST(a_statement_may_run_inside_itself)
{
    struct database *db = open_fresh();
    CHECK(insert(db, 1, "x") == GP_OK && insert(db, 2, "y") == GP_OK);
    int64_t seen = 0;
    for (int nested = 0; nested < 2; nested++) {
        static const char all[] = "SELECT a FROM t";
        auto_rows         outer = rows_of(db, all);
        while (rows_next(&outer) == GP_OK) {
            auto_rows inner = rows_of(db, all);
            while (rows_next(&inner) == GP_OK) seen++;
        }
    }
    CHECK(seen == 8);
    database_close(db);
}

TEST(what_is_not_committed_is_rolled_back)
{
    struct database *db = open_fresh();
    {
        auto_transaction t = { 0 };
        CHECK(transaction_begin(&t, db) == GP_OK);
        CHECK(insert(db, 1, "x") == GP_OK);
    }
    CHECK(count(db) == 0);
    {
        auto_transaction t = { 0 };
        CHECK(transaction_begin(&t, db) == GP_OK);
        CHECK(insert(db, 1, "x") == GP_OK);
        CHECK(transaction_commit(&t) == GP_OK);
    }
    CHECK(count(db) == 1);
    database_close(db);
}

TEST(an_old_file_is_upgraded_and_a_newer_one_refused)
{
    enum database_trouble trouble;
    enter();
    struct database *db = open_with(1, &trouble);
    CHECK(db && insert(db, 1, "x") == GP_OK);
    database_close(db);
    db = open_with(2, &trouble);
    CHECK(db && count(db) == 1);
    auto_rows r = rows_of(db, "SELECT c FROM t");
    CHECK(rows_next(&r) == GP_OK);
    rows_end(&r);
    database_close(db);
    CHECK(open_with(1, &trouble) == NULL && trouble == DATABASE_NEWER);
}

TEST(another_connections_change_is_noticed_once)
{
    enum database_trouble trouble;
    struct database      *db = open_fresh(), *other = open_with(2, &trouble);
    CHECK(!database_changed(db));
    CHECK(insert(db, 1, "own") == GP_OK && !database_changed(db));
    CHECK(insert(other, 2, "theirs") == GP_OK);
    CHECK(database_changed(db) && !database_changed(db));
    database_close(other);
    database_close(db);
}

TEST(what_is_held_is_of_one_moment)
{
    enum database_trouble trouble;
    struct database      *db = open_fresh(), *other = open_with(2, &trouble);
    CHECK(!database_changed(db));
    database_hold(db);
    CHECK(count(db) == 0);
    CHECK(insert(other, 1, "theirs") == GP_OK); /* who reads locks nobody out */
    database_hold(db);
    CHECK(count(db) == 0 && !database_changed(db));
    database_let_go(db);
    CHECK(count(db) == 1 && database_changed(db));

    database_hold(db);
    CHECK(count(db) == 1 && insert(other, 2, "theirs too") == GP_OK);
    auto_transaction t = { 0 }; /* ends what was held, or it could not write over what the other has written */
    CHECK(transaction_begin(&t, db) == GP_OK && count(db) == 2 && insert(db, 3, "own") == GP_OK);
    database_hold(db);
    database_let_go(db);
    CHECK(transaction_commit(&t) == GP_OK && count(other) == 3);
    database_close(other);
    database_close(db);
}

TEST(a_lock_is_told_from_other_trouble)
{
    enum database_trouble trouble;
    struct database      *db = open_fresh(), *other = open_with(2, &trouble);
    auto_transaction      held = { 0 };
    CHECK(transaction_begin(&held, other) == GP_OK);
    CHECK(insert(db, 1, "x") == GP_TEMPFAIL);
    CHECK(database_trouble(db) == DATABASE_LOCKED);
    transaction_end(&held);
    CHECK(insert(db, 1, "x") == GP_OK);
    database_close(other);
    database_close(db);
}

TEST(a_full_disk_is_told_and_loses_nothing)
{
    static char      large[64 * 1024];
    struct database *db = open_fresh();
    memset(large, 'x', sizeof(large) - 1);
    CHECK(insert(db, 1, "small") == GP_OK);
    CHECK(database_script(db, "PRAGMA max_page_count=8") == GP_OK);
    CHECK(insert(db, 2, large) == GP_TEMPFAIL);
    CHECK(database_trouble(db) == DATABASE_FULL);
    CHECK(count(db) == 1);
    database_close(db);
}

TEST(a_foreign_file_is_not_a_database)
{
    enum database_trouble trouble;
    char                  text[2048];
    memset(text, 'x', sizeof(text));
    enter();
    overwrite(text, sizeof(text), 0);
    CHECK(open_with(2, &trouble) == NULL);
    CHECK(trouble == DATABASE_FOREIGN);
}

TEST(a_damaged_file_is_told)
{
    enum { PAGE = 4096 };
    enum database_trouble trouble;
    char                  garbage[PAGE];
    struct database      *db = open_fresh();
    CHECK(insert(db, 1, "x") == GP_OK && database_check(db) == GP_OK);
    database_close(db); /* checkpoints: all pages are in the file now */
    memset(garbage, 0xa5, sizeof(garbage));
    overwrite(garbage, sizeof(garbage), PAGE);
    db = open_with(2, &trouble);
    assert_non_null(db);
    CHECK(database_check(db) == GP_TEMPFAIL && database_trouble(db) == DATABASE_DAMAGED);
    CHECK(insert(db, 2, "y") == GP_TEMPFAIL && database_trouble(db) == DATABASE_DAMAGED);
    database_close(db);
}

static off_t size_of(const char *name)
{
    struct stat is;
    return stat(name, &is) == 0 ? is.st_size : -1;
}

TEST(what_is_in_doubt_is_not_written_to_by_closing_it)
{
    enum { WAL_NAME = sizeof path + 8 };
    char             wal[WAL_NAME];
    struct database *db = open_fresh();
    (void)snprintf(wal, sizeof wal, "%s-wal", path);
    CHECK(insert(db, 1, "x") == GP_OK);
    off_t file = size_of(path), log = size_of(wal);
    CHECK(log > 0);
    database_doubt(db, true);
    struct transaction t = { 0 };
    CHECK(transaction_begin(&t, db) == GP_TEMPFAIL && database_trouble(db) == DATABASE_DAMAGED);
    database_close(db); /* the last connection: it would copy the log into the file and remove it */
    CHECK(size_of(path) == file && size_of(wal) == log);

    enum database_trouble trouble;
    db = open_with(2, &trouble);
    assert_non_null(db);
    database_close(db);
    CHECK(size_of(path) > file && size_of(wal) < 0);
}

TEST(one_in_memory_leaves_no_file)
{
    enum database_trouble trouble;
    struct database_plan  plan = { .path = ":memory:", .scripts = scripts, .versions = 2, .create = true };
    enter();
    CHECK(chdir(folder) == 0);
    struct database *db = database_open(&plan, &trouble);
    CHECK(db && insert(db, 1, "x") == GP_OK && access(plan.path, F_OK) != 0);
    database_close(db);
}

TEST(a_file_that_is_not_there_is_not_made_unless_asked)
{
    enum database_trouble trouble;
    enter();
    struct database_plan plan = { .path = path, .scripts = scripts, .versions = 2 };
    CHECK(database_open(&plan, &trouble) == NULL && trouble == DATABASE_ABSENT);
    CHECK(access(path, F_OK) != 0);
}

TEST(nothing_is_written_to_a_file_that_was_moved_away)
{
    char               aside[sizeof(path) + 8];
    struct transaction t  = { 0 };
    struct database   *db = open_fresh();
    (void)snprintf(aside, sizeof(aside), "%s.aside", path);
    CHECK(!database_moved(db) && rename(path, aside) == 0);
    CHECK(transaction_begin(&t, db) == GP_TEMPFAIL && database_trouble(db) == DATABASE_MOVED && database_moved(db));
    int other = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, S_IRUSR | S_IWUSR);
    CHECK(other >= 0 && close(other) == 0 && transaction_begin(&t, db) == GP_TEMPFAIL);
    CHECK(rename(aside, path) == 0 && transaction_begin(&t, db) == GP_OK && transaction_commit(&t) == GP_OK);
    database_close(db);
}

TEST(every_trouble_has_words)
{
    for (int i = 0; i < DATABASE_TROUBLES; i++) {
        CHECK(database_why((enum database_trouble)i)[0] != '\0');
        CHECK(database_hint((enum database_trouble)i) != NULL);
    }
}
