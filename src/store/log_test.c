/* What SQLite's write-ahead log promises us, held against how we use it: what is committed is in the file at once, what is not is read back by
 * its own transaction, what is rolled back leaves other processes' commits alone, and a full disk loses nothing. A crash is a copy of the files
 * while they are open. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "store/database.h"

#include "check.h"

enum { PAGE = 4096, ROWS = 200, ROW_SIZE = 3000 };

static const char *const scripts[] = { "CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB NOT NULL) STRICT" };

static char folder[] = "/tmp/gatepost-log-XXXXXX";

static char *path_of(const char *name)
{
    static char room[2][sizeof folder + 24];
    static int  turn;
    char       *path = room[turn++ & 1];
    (void)snprintf(path, sizeof room[0], "%s/%s", folder, name);
    return path;
}

static void remove_all(void)
{
    static const char *const names[] = { "t.db", "t.db-wal", "t.db-shm", "c.db", "c.db-wal", "c.db-shm" };
    for (size_t i = 0; i < GP_COUNT(names); i++) (void)unlink(path_of(names[i]));
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
        (void)atexit(leave);
        made = true;
    }
    remove_all();
}

static struct database *open_named(const char *name)
{
    enum database_trouble trouble;
    struct database_plan  plan = {
         .path = path_of(name), .scripts = scripts, .versions = 1, .busy_ms = 20, .create = true
    };
    struct database *db = database_open(&plan, &trouble);
    assert_non_null(db);
    return db;
}

static gp_status insert(struct database *db, int64_t a, size_t size)
{
    static char octets[64 * PAGE];
    auto_rows   r = rows_of(db, "INSERT INTO t VALUES (?, ?)");
    memset(octets, 'a' + (int)(a % 26), size);
    rows_bind_number(&r, a);
    rows_bind_blob(&r, (gp_str) { octets, size });
    return rows_run(&r);
}

static int64_t number(struct database *db, const char *sql)
{
    auto_rows r = rows_of(db, sql);
    return rows_next(&r) == GP_OK ? rows_number(&r, 0) : -1;
}

static void copy_file(const char *from, const char *to)
{
    static char octets[PAGE];
    FILE       *in = fopen(path_of(from), "rb"), *out = fopen(path_of(to), "wb");
    assert_non_null(in);
    assert_non_null(out);
    for (size_t n; (n = fread(octets, 1, sizeof octets, in)) > 0;) CHECK(fwrite(octets, 1, n, out) == n);
    CHECK(fclose(in) == 0 && fclose(out) == 0);
}

/* As after SIGKILL: what the files hold now. */
static int64_t rows_after_crash(void)
{
    copy_file("t.db", "c.db");
    copy_file("t.db-wal", "c.db-wal");
    struct database *db = open_named("c.db");
    CHECK(database_check(db) == GP_OK);
    int64_t count = number(db, "SELECT count(*) FROM t");
    database_close(db);
    (void)unlink(path_of("c.db-wal"));
    (void)unlink(path_of("c.db-shm"));
    return count;
}

static void insert_many(struct database *db, int64_t from)
{
    for (int64_t i = 0; i < ROWS; i++) CHECK(insert(db, from + i, ROW_SIZE) == GP_OK);
}

/* Without syncs nothing but the commit itself can have made it leave. */
TEST(what_is_committed_is_in_the_file_at_once)
{
    static const char *const modes[] = { "PRAGMA synchronous=FULL", "PRAGMA synchronous=OFF" };
    for (size_t i = 0; i < GP_COUNT(modes); i++) {
        enter();
        struct database *db = open_named("t.db");
        CHECK(database_script(db, modes[i]) == GP_OK);
        for (int64_t row = 1; row <= 3; row++) {
            CHECK(insert(db, row, (size_t)row * PAGE) == GP_OK);
            CHECK(rows_after_crash() == row);
        }
        auto_transaction t = { 0 };
        CHECK(transaction_begin(&t, db) == GP_OK);
        insert_many(db, 100); /* more than is gathered at once */
        CHECK(rows_after_crash() == 3);
        CHECK(transaction_commit(&t) == GP_OK);
        CHECK(rows_after_crash() == 3 + ROWS);
        database_close(db);
    }
}

/* A cache of five pages: what a transaction writes is read back from the log, and written there again, before it ends. */
TEST(a_transaction_reads_what_it_has_not_committed)
{
    enter();
    struct database *db = open_named("t.db"), *other = open_named("t.db");
    CHECK(database_script(db, "PRAGMA cache_size=5") == GP_OK);
    auto_transaction t = { 0 };
    CHECK(transaction_begin(&t, db) == GP_OK);
    insert_many(db, 1);
    CHECK(database_script(db, "SAVEPOINT s; UPDATE t SET b = zeroblob(5000); ROLLBACK TO s") == GP_OK);
    CHECK(database_script(db, "UPDATE t SET b = CAST(b || b AS BLOB) WHERE a % 2") == GP_OK);
    CHECK(number(db, "SELECT sum(length(b)) FROM t") == (int64_t)ROWS * ROW_SIZE * 3 / 2);
    CHECK(number(other, "SELECT count(*) FROM t") == 0);
    CHECK(transaction_commit(&t) == GP_OK);
    CHECK(number(other, "SELECT sum(length(b)) FROM t") == (int64_t)ROWS * ROW_SIZE * 3 / 2);
    CHECK(database_check(db) == GP_OK && database_check(other) == GP_OK);
    CHECK(number(other, "PRAGMA wal_checkpoint(TRUNCATE)") == 0);
    CHECK(insert(other, 5000, 10) == GP_OK && number(db, "SELECT count(*) FROM t") == ROWS + 1);
    database_close(other);
    database_close(db);
}

static void let_files_grow_to(rlim_t octets)
{
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = octets;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

TEST(a_full_disk_fails_the_transaction_and_no_other)
{
    enter();
    struct database *db = open_named("t.db");
    CHECK(insert(db, 1, PAGE) == GP_OK);
    (void)signal(SIGXFSZ, SIG_IGN);
    let_files_grow_to(20 * PAGE);
    CHECK(insert(db, 2, 30 * PAGE) == GP_TEMPFAIL);
    CHECK(database_trouble(db) != DATABASE_FINE);
    CHECK(rows_after_crash() == 1);
    let_files_grow_to(RLIM_INFINITY);
    CHECK(number(db, "SELECT count(*) FROM t") == 1);
    CHECK(insert(db, 3, 30 * PAGE) == GP_OK);
    CHECK(rows_after_crash() == 2 && database_check(db) == GP_OK);
    database_close(db);
}

/* A rehearsal writes to the log, for its cache is small, and is taken back; what others commit after it stands where it wrote. */
TEST(what_is_rolled_back_writes_over_nobodys_commits)
{
    for (int closes = 0; closes < 2; closes++) {
        enter();
        struct database *db = open_named("t.db"), *other = open_named("t.db");
        CHECK(database_script(db, "PRAGMA cache_size=5") == GP_OK);
        insert_many(db, 1);
        CHECK(number(db, "PRAGMA wal_checkpoint(RESTART)") == 0);
        auto_transaction t = { 0 };
        CHECK(transaction_begin(&t, db) == GP_OK);
        CHECK(database_script(db, "UPDATE t SET b = zeroblob(2000) WHERE a < 100") == GP_OK);
        transaction_end(&t);
        for (int64_t i = 0; i < 40; i++) CHECK(insert(other, 1000 + i, ROW_SIZE) == GP_OK);
        if (!closes) CHECK(number(db, "SELECT count(*) FROM t") == ROWS + 40 && insert(db, 5000, ROW_SIZE) == GP_OK);
        if (closes) database_close(db);
        CHECK(rows_after_crash() == ROWS + 41 - closes);
        CHECK(database_check(other) == GP_OK && number(other, "SELECT count(*) FROM t") == ROWS + 41 - closes);
        if (!closes) database_close(db);
        database_close(other);
    }
}
