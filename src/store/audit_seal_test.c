/* What the audit key signs: checkpoints, horizons and tombstones hold, and every change to them, or to the chain beside them, shows. */
#include "store/audit_seal.h"
#include "store/test_audit.h"

static struct audit_key new_key(void)
{
    static const char name[] = "/tmp/gatepost-audit-key";
    char              file[64];
    const char       *why = "";
    struct audit_key  k, again;
    (void)snprintf(file, sizeof file, "%s.%d", name, (int)getpid());
    CHECK(!audit_key_open(file, false, &k, &why) && why[0]);
    CHECK(audit_key_open(file, true, &k, &why) && audit_key_open(file, true, &again, &why));
    CHECK(memcmp(k.public_half, again.public_half, sizeof k.public_half) == 0);
    audit_key_close(&again);
    CHECK(unlink(file) == 0);
    return k;
}

static void checkpoint(struct database *db, const struct audit_key *k, gp_time moment)
{
    char              room[AUDIT_LINE_MOST];
    struct gp_text    line = GP_TEXT(room);
    struct audit_seal s;
    CHECK(audit_head(db, &s) == GP_OK);
    s.moment = moment;
    CHECK(audit_seal_put(&s, k, &line) && audit_keep_checkpoint(db, &s, gp_said(&line)) == GP_OK);
    CHECK(audit_head(db, &s) == GP_PERMFAIL); /* nothing new */
}

/* 20 rows with a checkpoint after the 10th and the 20th, row 6 erased, rows to 10 aged out in `aged`, and 5 rows behind the last. */
static struct database *sealed(enum audit_chain chain, const struct audit_key *k, bool aged)
{
    struct database    *db   = fresh(chain);
    struct audit_filter bert = { .account = GP_LIT("bert"), .after = 10 };
    char                room[AUDIT_LINE_MOST];
    struct gp_text      line = GP_TEXT(room);
    struct audit_seal   s;
    size_t              count;
    bool                more = true;
    add_rows(db, 0, 10);
    checkpoint(db, k, 100);
    add_rows(db, 10, ROWS);
    CHECK(audit_erase(db, &bert, k, &count) == GP_OK && count == 2);
    checkpoint(db, k, 200);
    add_rows(db, 0, 5);
    if (!aged) return db;
    CHECK(audit_horizon(db, 99, &s) == GP_PERMFAIL);
    CHECK(audit_horizon(db, 199, &s) == GP_OK && s.seq == 10 && audit_seal_put(&s, k, &line));
    CHECK(audit_set_horizon(db, &s, gp_said(&line)) == GP_OK && audit_horizon(db, 199, &s) == GP_PERMFAIL);
    CHECK(audit_age_out(db, 4, &more) == GP_OK && more && audit_age_out(db, 400, &more) == GP_OK && !more);
    return db;
}

TEST(what_was_signed_erased_and_aged_out_holds)
{
    struct audit_key k = new_key();
    for (unsigned i = 0; i < 2 * AUDIT_CHAINS; i++) {
        bool               aged = i >= AUDIT_CHAINS;
        struct database   *db   = sealed(i % AUDIT_CHAINS, &k, aged);
        struct audit_fault fault;
        gp_status          status = audit_verify(db, &k, &fault);
        if (status != GP_OK) fail_msg("row %lld: %s", (long long)fault.seq, fault.what);
        CHECK(fault.rows == (aged ? 16 : 26));
        add_rows(db, 0, 5);
        CHECK(audit_verify(db, &k, &fault) == GP_OK && fault.rows == (aged ? 21 : 31));
        give_back(db);
    }
    audit_key_close(&k);
}

static size_t rows_with(struct database *db, const char *address)
{
    char                room[AUDIT_FILTER_ROOM];
    struct audit_filter filter = { .address = gp_from(address) };
    struct audit_row    row;
    size_t              count = 0;
    auto_rows           r     = audit_rows(db, &filter, room);
    while (audit_next(&r, &row) == GP_OK) count++;
    return count;
}

static bool file_has(const char *part)
{
    static char room[1 << 20];
    FILE       *f   = fopen(path, "rb");
    size_t      got = f ? fread(room, 1, sizeof room, f) : 0;
    CHECK(f && fclose(f) == 0 && got > 0);
    return memmem(room, got, part, strlen(part)) != NULL;
}

TEST(what_is_erased_is_gone_from_the_file)
{
    struct audit_key k = new_key();
    for (unsigned chain = 0; chain < AUDIT_CHAINS; chain++) {
        struct database    *db    = fresh(chain);
        struct audit_filter carol = { .address = GP_LIT("carol@example.net") };
        struct audit_fault  fault;
        size_t              count;
        add_rows(db, 0, ROWS);
        CHECK(database_script(db, "PRAGMA wal_checkpoint(TRUNCATE)") == GP_OK && file_has("Carol@"));
        CHECK(audit_erase(db, &carol, &k, &count) == GP_OK && count == 7);
        CHECK(rows_with(db, "Carol@example.net") == 0 && rows_with(db, "bob@example.net") == 13 && !file_has("Carol@"));
        CHECK(audit_erase(db, &carol, &k, &count) == GP_OK && count == 0); /* and no second tombstone */
        CHECK(audit_verify(db, &k, &fault) == GP_OK && fault.rows == ROWS + 1);
        give_back(db);
    }
    audit_key_close(&k);
}

TEST(a_person_with_many_rows_is_erased_whole)
{
    struct audit_key    k   = new_key();
    struct database    *db  = fresh(AUDIT_QUEUE);
    struct audit_filter bob = { .address = GP_LIT("bob@example.net") };
    struct audit_fault  fault;
    size_t              count;
    add_rows(db, 0, 1000);
    CHECK(audit_erase(db, &bob, &k, &count) == GP_OK && count == 666);
    CHECK(rows_with(db, "bob@example.net") == 0 && audit_verify(db, &k, &fault) == GP_OK && fault.rows == 1006);
    give_back(db);
    audit_key_close(&k);
}

/* Row 11 (index 10) and row 16 are erased, row 21 is their tombstone; checkpoints at 10 and 21, rows to 26. */
TEST(every_change_of_what_was_signed_shows)
{
    /* clang-format off */
    static const struct { bool aged; const char *change; int64_t seq; } rows[] = {
        /* tombstones */
        { false, "UPDATE audit SET tombstone = 22 WHERE seq = 11",                                         11 },
        { false, "UPDATE audit SET salt = NULL, name = NULL, data = NULL, digest = zeroblob(32), tombstone = 21 WHERE seq = 12", 12 },
        { false, "UPDATE audit SET digest = zeroblob(32) WHERE seq = 11",                                  11 },
        { false, "UPDATE audit SET name = 'anna' WHERE seq = 11",                                          11 },
        { false, "UPDATE audit SET data = '{\"rows\":\"11-16\"}' WHERE seq = 21",                          21 },
        { false, "UPDATE audit SET data = '{}' WHERE seq = 21",                                            11 },
        /* checkpoints */
        { false, "UPDATE audit_checkpoints SET line = replace(line, ' 10 100 ', ' 10 101 ')",              10 },
        { false, "UPDATE audit_checkpoints SET line = 'gatepost-audit' WHERE seq = 10",                     0 },
        { false, "UPDATE audit_checkpoints SET line = (SELECT replace(line, ' 21 ', ' 20 ') FROM audit_checkpoints WHERE seq = 21) WHERE seq = 10", 20 },
        /* the tail, with all that SQLite remembers of it */
        { false, "DELETE FROM audit WHERE seq > 20; UPDATE sqlite_sequence SET seq = 20 WHERE name = 'audit'", 11 },
        { false, "DELETE FROM audit WHERE seq > 10; UPDATE sqlite_sequence SET seq = 10 WHERE name = 'audit'", 21 },
        /* horizons */
        { true,  "UPDATE audit_chain SET horizon_line = NULL",                                             10 },
        { true,  "UPDATE audit_chain SET horizon_line = replace(horizon_line, 'horizon', 'checkpoint')",   10 },
        { true,  "UPDATE audit_chain SET horizon_line = (SELECT line FROM audit_checkpoints WHERE seq = 10)", 10 },
        { true,  "UPDATE audit_chain SET horizon_seq = 12, horizon_hash = (SELECT hash FROM audit WHERE seq = 12)", 12 },
        { true,  "UPDATE audit_chain SET horizon_seq = 0",                                                  11 },
        { false, "UPDATE audit_chain SET horizon_seq = 10, horizon_hash = (SELECT hash FROM audit WHERE seq = 10)", 10 },
        { true,  "DELETE FROM audit WHERE seq = 11",                                                       12 },
    };
    /* clang-format on */
    struct audit_key k = new_key();
    for (size_t i = 0; i < GP_COUNT(rows) * AUDIT_CHAINS; i++) {
        struct database   *db = sealed(i % AUDIT_CHAINS, &k, rows[i / AUDIT_CHAINS].aged);
        struct audit_fault fault;
        CHECK(database_script(db, rows[i / AUDIT_CHAINS].change) == GP_OK);
        CHECK(audit_verify(db, &k, &fault) == GP_PERMFAIL && fault.what);
        if (fault.seq != rows[i / AUDIT_CHAINS].seq)
            fail_msg("row %zu: found at %lld: %s", i / AUDIT_CHAINS, (long long)fault.seq, fault.what);
        give_back(db);
    }
    audit_key_close(&k);
}

/* Whoever has the database and not the key can write rows and lines, and even a whole chain. */
TEST(what_another_key_has_signed_is_forged)
{
    struct audit_key   ours = new_key(), theirs = new_key();
    struct audit_fault fault;
    for (unsigned chain = 0; chain < AUDIT_CHAINS; chain++) {
        struct database    *db   = sealed(chain, &ours, false);
        struct audit_filter anna = { .account = GP_LIT("anna") };
        size_t              count;
        CHECK(audit_erase(db, &anna, &theirs, &count) == GP_OK && count > 0);
        CHECK(audit_verify(db, NULL, &fault) == GP_OK);
        CHECK(audit_verify(db, &ours, &fault) == GP_PERMFAIL && fault.seq == 27);
        give_back(db);
        db = sealed(chain, &theirs, true);
        CHECK(audit_verify(db, &ours, &fault) == GP_PERMFAIL && fault.seq == 10);
        give_back(db);
    }
    audit_key_close(&ours);
    audit_key_close(&theirs);
}

TEST(a_planted_trigger_swallows_no_row_unseen)
{
    for (unsigned chain = 0; chain < AUDIT_CHAINS; chain++) {
        struct database   *db = filled(chain);
        struct audit_fault fault;
        struct audit_entry e = entry_of(1);
        CHECK(database_script(db, "CREATE TRIGGER t BEFORE INSERT ON audit WHEN new.event = 'accepted'"
                                  " BEGIN SELECT RAISE(IGNORE); END") == GP_OK);
        CHECK(AUDIT(db, &e, AUDIT_N("n", 1)) == GP_TEMPFAIL);
        CHECK(audit_verify(db, NULL, &fault) == GP_PERMFAIL && fault.seq == 0);
        CHECK(database_script(db, "DROP TRIGGER t") == GP_OK && audit_verify(db, NULL, &fault) == GP_OK);
        give_back(db);
    }
}

TEST(what_was_signed_is_not_replaced)
{
    struct audit_key  k  = new_key();
    struct database  *db = filled(AUDIT_QUEUE);
    char              room[AUDIT_LINE_MOST];
    struct gp_text    line = GP_TEXT(room);
    struct audit_seal s, kept;
    checkpoint(db, &k, 100);
    CHECK(audit_last_checkpoint(db, AUDIT_VAULT, &kept, &line) == GP_PERMFAIL);
    CHECK(audit_last_checkpoint(db, AUDIT_QUEUE, &kept, &line) == GP_OK && kept.seq == ROWS && kept.moment == 100);
    s = kept;
    s.hash[0] ^= 1;
    CHECK(audit_against(&kept, &kept) == NULL && audit_against(&kept, &s) != NULL);
    CHECK(audit_keep_checkpoint(db, &s, GP_LIT("another")) == GP_PERMFAIL);
    line.len = 0;
    CHECK(audit_last_checkpoint(db, AUDIT_QUEUE, &s, &line) == GP_OK && memcmp(&s, &kept, sizeof s) == 0);
    give_back(db);
    audit_key_close(&k);
}

/* Rows of a second each from 1,000,000 on. The server signs every 60 seconds. */
TEST(a_server_that_ran_and_signed_nothing_shows)
{
    enum { SECOND = 1000, PERIOD = 60 * SECOND, BEGIN = 1000 * SECOND };
    /* clang-format off */
    static const struct { int64_t signed_to; int started, count; const char *event; bool whole; } rows[] = {
        { 0,   0,   180, "sign-in",       true  },
        { 0,   0,   182, "sign-in",       false },
        { 0,   0,   182, "account-added", true  }, /* by commands, beside a stopped server                  */
        { 0,   100, 182, "delivered",     true  }, /* it crashed, and has not run for long since            */
        { 0,   100, 282, "delivered",     false },
        { 102, 0,   282, "sign-in",       true  },
        { 100, 0,   282, "sign-in",       false },
        { 282, 0,   282, "sign-in",       true  },
    };
    /* clang-format on */
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct database     *db = fresh(AUDIT_VAULT);
        struct audit_fault   fault;
        struct audit_signing g = { rows[i].signed_to, BEGIN + rows[i].started * SECOND, PERIOD };
        auto_transaction     t = { 0 };
        CHECK(transaction_begin(&t, db) == GP_OK);
        for (int n = 0; n < rows[i].count; n++) {
            struct audit_entry e = { .when = BEGIN + n * SECOND, .event = rows[i].event };
            CHECK(AUDIT(db, &e, AUDIT_N("n", n)) == GP_OK);
        }
        CHECK(transaction_commit(&t) == GP_OK);
        if ((audit_unsigned(db, &g, &fault) == GP_OK) != rows[i].whole) fail_msg("row %zu", i);
        CHECK(rows[i].whole || fault.seq == rows[i].signed_to + 1);
        give_back(db);
    }
}

TEST(more_rows_than_a_burst_has_are_signed)
{
    struct database     *db = fresh(AUDIT_VAULT);
    struct audit_fault   fault;
    struct audit_signing g     = { 0, 0, 600000 };
    int64_t              start = 0;
    struct audit_entry   e     = { .when = 1000, .event = "start" };
    CHECK(audit_started(db, &start) == GP_OK && start == 0 && AUDIT(db, &e, AUDIT_N("n", 1)) == GP_OK);
    CHECK(audit_started(db, &start) == GP_OK && start == 1000);
    CHECK(database_script(db, "WITH RECURSIVE n(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM n WHERE n < 20001)"
                              " INSERT INTO audit (seq, moment, event, account, credential, queue_id, incident, hash)"
                              " SELECT n, 5, 'sign-in', 0, 0, '', '', zeroblob(32) FROM n") == GP_OK);
    CHECK(audit_unsigned(db, &g, &fault) == GP_OK);
    e.event = "sign-in";
    CHECK(AUDIT(db, &e, AUDIT_N("n", 1)) == GP_OK && audit_unsigned(db, &g, &fault) == GP_PERMFAIL && fault.seq == 2);
    g.seq = 2;
    CHECK(audit_unsigned(db, &g, &fault) == GP_OK);
    give_back(db);
}

TEST(a_checkpoint_that_left_the_machine_proves_the_tail)
{
    struct audit_key k = new_key();
    for (unsigned chain = 0; chain < AUDIT_CHAINS; chain++) {
        struct database   *db = fresh(chain), *other;
        struct audit_seal  s;
        struct audit_fault fault;
        char               kept[sizeof path];
        add_rows(db, 0, ROWS);
        CHECK(audit_head(db, &s) == GP_OK && audit_compare(db, &s, &fault) == GP_OK);
        CHECK(database_script(db, "DELETE FROM audit WHERE seq > 15; UPDATE sqlite_sequence SET seq = 15") == GP_OK);
        CHECK(audit_verify(db, &k, &fault) == GP_OK); /* nothing that is left here can tell */
        CHECK(audit_compare(db, &s, &fault) == GP_PERMFAIL && fault.seq == 20);
        add_rows(db, 0, 5);
        CHECK(audit_verify(db, &k, &fault) == GP_OK && audit_compare(db, &s, &fault) == GP_PERMFAIL);
        memcpy(kept, path, sizeof path);
        other = filled(chain);
        CHECK(audit_compare(other, &s, &fault) == GP_PERMFAIL); /* of another chain */
        give_back(other);
        memcpy(path, kept, sizeof path);
        give_back(db);
    }
    audit_key_close(&k);
}

TEST(lines_read_back_whatever_syslog_puts_before_them)
{
    struct audit_key  k = new_key(), public_half;
    struct audit_seal s = { .says = AUDIT_HORIZON, .chain = AUDIT_QUEUE, .seq = 7, .moment = 5 }, out;
    char              room[AUDIT_LINE_MOST + 64], text_room[AUDIT_PUBLIC_ROOM];
    struct gp_text    line = GP_TEXT(room), text = GP_TEXT(text_room);
    audit_put_public(&k, &text);
    CHECK(audit_key_read(gp_said(&text), &public_half) && !audit_key_read(GP_LIT("AAAA"), &public_half));
    gp_put_z(&line, "Nov 26 host gatepost[5]: ");
    CHECK(audit_seal_put(&s, &k, &line));
    gp_put_z(&line, "\r\n");
    CHECK(audit_seal_read(gp_said(&line), &out) && memcmp(&out, &s, sizeof s) == 0);
    CHECK(audit_seal_holds(gp_said(&line), &k));
    CHECK(audit_key_read(gp_said(&text), &public_half) && audit_seal_holds(gp_said(&line), &public_half));
    for (size_t i = 40; i < line.len - 2; i++) {
        room[i] ^= 1;
        CHECK(!audit_seal_read(gp_said(&line), &out) || !audit_seal_holds(gp_said(&line), &k));
        room[i] ^= 1;
    }
    audit_key_close(&k);
}

PROPERTY(audit_lines_are_read_or_refused, bytes)
{
    struct audit_seal s;
    struct audit_key  k = {
         .public_half = {9, 7, 5, 3, 1}
    };
    if (!audit_seal_read(bytes, &s)) return;
    CHECK(s.says < AUDIT_SAYINGS && s.chain < AUDIT_CHAINS && s.seq >= 0 && s.moment >= 0);
    CHECK(!audit_seal_holds(bytes, &k));
}
