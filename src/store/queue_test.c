/* The queue's store: what goes in comes back, and whatever moment the process dies at, the table at the top of queue.c holds. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "store/queue.h"

enum { BUSY = 1000, BODY = 10 };

static char folder[64];

static struct queue_store *reopen(void)
{
    enum database_trouble trouble;
    struct queue_store   *s = queue_open(folder, BUSY, &trouble);
    CHECK(s != NULL);
    return s;
}

static void make_folder(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/gatepost-store-XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
}

static size_t each_file(const char *path, bool remove)
{
    size_t count = 0;
    DIR   *d     = opendir(path);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        if (e->d_type == DT_DIR) continue;
        count++;
        if (remove) (void)unlinkat(dirfd(d), e->d_name, 0);
    }
    if (d) (void)closedir(d);
    return count;
}

static size_t bodies(bool remove)
{
    char path[80];
    (void)snprintf(path, sizeof path, "%s/bodies", folder);
    size_t count = each_file(path, remove);
    if (remove) (void)rmdir(path);
    return count;
}

static void remove_folder(void)
{
    (void)bodies(true);
    (void)each_file(folder, true);
    CHECK(rmdir(folder) == 0);
}

static struct queue_message message(const char *id, bool in_file)
{
    return (struct queue_message) { .queue_id   = gp_from(id),
                                    .sender     = GP_LIT("ada@example.org"),
                                    .params     = GP_LIT("BODY=8BITMIME"),
                                    .user       = GP_LIT("ada"),
                                    .account    = 1,
                                    .credential = 2,
                                    .size       = BODY,
                                    .arrived    = 5000,
                                    .message_id = GP_LIT("<m@example.org>"),
                                    .from       = GP_LIT("from@example.org"),
                                    .peer       = GP_LIT("192.0.2.1"),
                                    .helo       = GP_LIT("laptop"),
                                    .mechanism  = GP_LIT("PLAIN"),
                                    .tls        = GP_LIT("TLSv1.3"),
                                    .in_file    = in_file };
}

static const struct queue_recipient to[] = {
    {.position    = 0,
     .address     = { "a@one.example", 13 },
     .params      = { "NOTIFY=NEVER", 12 },
     .destination = { "one.example", 11 },
     .due         = 100 },
    { .position = 1,               .address = { "b@two.example", 13 },                      .destination = { "two.example", 11 }, .due = 300},
    { .position = 2,               .address = { "c@one.example", 13 },                      .destination = { "one.example", 11 }, .due = 200 },
};

static gp_status put(struct queue_store *s, const char *id)
{
    struct queue_message m = message(id, false);
    if (queue_begin(s) != GP_OK) return GP_TEMPFAIL;
    gp_status status = queue_add(s, &m, to, GP_COUNT(to), GP_LIT("0123456789"));
    if (status == GP_OK) return queue_commit(s);
    queue_abandon(s);
    return status;
}

static bool has(struct queue_store *s, const char *id)
{
    struct gp_arena      arena = { .most = 65536 };
    struct queue_message m;
    gp_status            status = queue_load(s, gp_from(id), &arena, &m);
    gp_arena_reset(&arena);
    CHECK(status != GP_TEMPFAIL);
    return status == GP_OK;
}

/* ---- the record of a message -------------------------------------------------------------------------------------------- */
enum { MANY = 40 };
struct record {
    size_t rows, recipients;
    bool   has_facts;
};

static void read_record(void *owner, const struct audit_row *row)
{
    struct record *r = owner;
    gp_str         d = row->data;
    if (r->rows++ == 0)
        r->has_facts = memmem(d.ptr, d.len, "\"peer\":\"192.0.2.1\"", 18) && memmem(d.ptr, d.len, "\"tls\":\"TLS", 10);
    for (gp_str rest = d; rest.len >= 8; rest = gp_tail(rest, 1)) r->recipients += memcmp(rest.ptr, "@two.exa", 8) == 0;
}

/* What a sender writes, quotes that take twice their room among it, leaves no recipient and no fact of ours off the record. */
TEST(a_sender_chooses_nothing_that_is_left_off_the_record)
{
    static char            quotes[1000], address[MANY][256];
    struct queue_recipient many[MANY] = { 0 };
    struct queue_message   m          = message("aaaaaaaaaaaa", false);
    struct record          r          = { 0 };
    make_folder();
    struct queue_store *s = reopen();
    memset(quotes, '"', sizeof quotes);
    m.message_id = m.from = (gp_str) { quotes, sizeof quotes };
    for (size_t i = 0; i < MANY; i++) {
        (void)snprintf(address[i], sizeof address[i], "%.*s@two.example", (int)(i * 5), quotes);
        many[i] = (struct queue_recipient) { .position    = (uint32_t)i,
                                             .address     = gp_from(address[i]),
                                             .destination = GP_LIT("two.example") };
    }
    CHECK(queue_begin(s) == GP_OK && queue_add(s, &m, many, MANY, GP_LIT("0123456789")) == GP_OK);
    CHECK(queue_commit(s) == GP_OK);
    CHECK(audit_visit(queue_database(s), m.queue_id, read_record, &r) == GP_OK);
    CHECK(r.has_facts && r.recipients == MANY && r.rows > 1);
    queue_close(s);
    remove_folder();
}

/* ---- round trips -------------------------------------------------------------------------------------------------------- */
/* What a commit promises hangs on these two; SQLite takes a wrong value without a word. */
TEST(a_commit_is_on_stable_storage_when_it_returns)
{
    enum { FULL = 2 };
    make_folder();
    struct queue_store *s = reopen();
    {
        auto_rows synchronous = rows_of(queue_database(s), "PRAGMA synchronous");
        CHECK(rows_next(&synchronous) == GP_OK && rows_number(&synchronous, 0) == FULL);
        auto_rows journal = rows_of(queue_database(s), "PRAGMA journal_mode");
        CHECK(rows_next(&journal) == GP_OK);
        CHECK_IS(rows_text(&journal, 0), "wal");
    }
    queue_close(s);
    remove_folder();
}

TEST(a_message_comes_back_as_it_went_in)
{
    make_folder();
    struct queue_store *s = reopen();
    CHECK(put(s, "abcd") == GP_OK);
    queue_close(s);
    s                          = reopen();
    struct gp_arena      arena = { .most = 65536 };
    struct gp_buffer     body  = { 0 };
    struct queue_message m, want = message("abcd", false);
    CHECK(queue_load(s, GP_LIT("abcd"), &arena, &m) == GP_OK);
    CHECK_SAME(m.sender, want.sender);
    CHECK_SAME(m.params, want.params);
    CHECK_SAME(m.from, want.from);
    CHECK_SAME(m.tls, want.tls);
    CHECK(m.account == 1 && m.credential == 2 && m.size == BODY && m.arrived == 5000 && !m.in_file);
    CHECK(queue_body_head(s, &m, &body, 4) == GP_OK);
    CHECK_IS(gp_buffer_all(&body), "0123");
    gp_buffer_free(&body);
    gp_arena_reset(&arena);
    queue_close(s);
    remove_folder();
}

static bool skip_first(void *owner, int64_t row, unsigned position)
{
    (void)row;
    return owner && position == 0;
}

TEST(what_is_due_is_asked_by_destination_and_time)
{
    make_folder();
    struct queue_store *s = reopen();
    struct queue_due    due;
    gp_time             next = 0;
    CHECK(put(s, "abcd") == GP_OK);
    CHECK(queue_next_due(s, GP_LIT("one.example"), 99, skip_first, NULL, &due) == GP_PERMFAIL);
    CHECK(queue_next_due(s, GP_LIT("one.example"), 100, skip_first, NULL, &due) == GP_OK && due.count == 1 &&
          due.positions[0] == 0);
    CHECK(queue_next_due(s, GP_LIT("one.example"), 200, skip_first, NULL, &due) == GP_OK && due.count == 2 &&
          due.positions[1] == 2);
    CHECK(queue_next_due(s, GP_LIT("one.example"), 200, skip_first, s, &due) == GP_OK && due.count == 1 &&
          due.positions[0] == 2);
    CHECK_IS(gp_from(due.queue_id), "abcd");
    CHECK(queue_next_time(s, GP_LIT("one.example"), 100, &next) == GP_OK && next == 200);
    CHECK(queue_next_time(s, GP_LIT("one.example"), 200, &next) == GP_PERMFAIL);
    queue_close(s);
    remove_folder();
}

static void sum(void *owner, gp_str destination, gp_time due)
{
    gp_time *total = owner;
    *total += due * (gp_same(destination, GP_LIT("one.example")) ? 1 : 1000);
}

TEST(destinations_are_named_once_with_their_earliest)
{
    make_folder();
    struct queue_store *s     = reopen();
    gp_time             total = 0;
    CHECK(queue_visit_destinations(s, sum, &total) == GP_OK && total == 0);
    CHECK(put(s, "abcd") == GP_OK && put(s, "efgh") == GP_OK);
    CHECK(queue_visit_destinations(s, sum, &total) == GP_OK && total == 100 + 300 * 1000);
    queue_close(s);
    remove_folder();
}

TEST(a_message_goes_with_its_last_recipient)
{
    make_folder();
    struct queue_store *s    = reopen();
    bool                gone = false;
    CHECK(put(s, "abcd") == GP_OK && queue_begin(s) == GP_OK);
    for (size_t i = 0; i < GP_COUNT(to); i++) {
        struct queue_recipient done = to[i];
        done.state                  = i % 2 ? RECIPIENT_FAILED : RECIPIENT_DELIVERED;
        CHECK(queue_finish(s, 1, GP_LIT("abcd"), &gone) == GP_OK && !gone);
        CHECK(queue_settle(s, 1, &done) == GP_OK);
    }
    CHECK(queue_finish(s, 1, GP_LIT("abcd"), &gone) == GP_OK && gone);
    CHECK(queue_commit(s) == GP_OK && !has(s, "abcd"));
    queue_close(s);
    remove_folder();
}

TEST(an_id_that_is_taken_changes_nothing)
{
    make_folder();
    struct queue_store *s = reopen();
    CHECK(put(s, "abcd") == GP_OK);
    CHECK(put(s, "abcd") == GP_PERMFAIL);
    CHECK(put(s, "efgh") == GP_OK);
    struct queue_place page[4];
    size_t             count = 0;
    CHECK(queue_page(s, 0, 0, page, 4, &count) == GP_OK && count == 2);
    CHECK(queue_page(s, page[0].row, 0, page, 4, &count) == GP_OK && count == 1);
    queue_close(s);
    remove_folder();
}

/* ---- crash points ---------------------------------------------------------------------------------------------------------- */
enum step { BEFORE, DRAFTED, WRITTEN, KEPT, BEGUN, ADDED, COMMITTED, FINISHED, GONE, STEPS };

static void die_at(enum step here, enum step wanted)
{
    if (here == wanted) (void)kill(getpid(), SIGKILL);
}

/* A large message on its whole way, which ends in the middle. */
static void live_until(enum step end)
{
    enum database_trouble trouble;
    bool                  gone = false;
    struct queue_store   *s    = queue_open(folder, BUSY, &trouble);
    struct queue_message  m    = message("large", true);
    die_at(BEFORE, end);
    int fd = s ? queue_draft_open(s, 1) : -1;
    die_at(DRAFTED, end);
    if (fd < 0 || write(fd, "0123456789", BODY) != BODY) _exit(1);
    die_at(WRITTEN, end);
    if (queue_draft_keep(s, 1, fd, BODY, m.queue_id) != GP_OK) _exit(2);
    die_at(KEPT, end);
    if (queue_begin(s) != GP_OK) _exit(3);
    die_at(BEGUN, end);
    if (queue_add(s, &m, to, 1, GP_NONE) != GP_OK) _exit(4);
    die_at(ADDED, end);
    if (queue_commit(s) != GP_OK) _exit(5);
    die_at(COMMITTED, end);
    struct queue_recipient done = to[0];
    done.state                  = RECIPIENT_DELIVERED;
    if (queue_begin(s) != GP_OK || queue_settle(s, 1, &done) != GP_OK || queue_finish(s, 1, m.queue_id, &gone) != GP_OK)
        _exit(6);
    die_at(FINISHED, end);
    if (queue_commit(s) != GP_OK) _exit(7);
    die_at(GONE, end);
    _exit(8);
}

TEST(whenever_it_dies_the_table_of_states_holds)
{
    /* clang-format off */
    static const struct { size_t files, swept; bool there; } after[STEPS] = {
        [BEFORE]    = { 0, 0, false },
        [DRAFTED]   = { 1, 1, false },
        [WRITTEN]   = { 1, 1, false },
        [KEPT]      = { 1, 1, false },
        [BEGUN]     = { 1, 1, false },
        [ADDED]     = { 1, 1, false },
        [COMMITTED] = { 1, 0, true  },
        [FINISHED]  = { 1, 0, true  },
        [GONE]      = { 0, 0, false },
    };
    /* clang-format on */
    for (enum step step = BEFORE; step < STEPS; step++) {
        int status = 0;
        make_folder();
        pid_t child = fork();
        if (child == 0) live_until(step);
        CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        CHECK(bodies(false) == after[step].files);
        struct queue_store *s = reopen();
        CHECK(queue_check(s) == GP_OK && queue_sweep(s) == after[step].swept && has(s, "large") == after[step].there);
        CHECK(bodies(false) == (after[step].there ? 1 : 0));
        queue_close(s);
        remove_folder();
    }
}

TEST(a_file_whose_rows_are_gone_is_swept)
{
    make_folder();
    struct queue_store *s = reopen();
    CHECK(queue_draft_write(s, 1, GP_LIT("0123456789"), GP_LIT("large")) == GP_OK && put(s, "small") == GP_OK);
    CHECK(queue_sweep(s) == 1 && bodies(false) == 0 && has(s, "small"));
    queue_close(s);
    remove_folder();
}

/* Commits and says so, until it is killed. */
static void commit_for_ever(int said)
{
    enum database_trouble trouble;
    struct queue_store   *s = queue_open(folder, BUSY, &trouble);
    for (uint32_t i = 0;; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "m%u", i);
        if (!s || put(s, id) != GP_OK || write(said, &i, sizeof i) != sizeof i) _exit(1);
    }
}

TEST(what_was_said_to_be_kept_is_there_after_a_kill)
{
    enum { ROUNDS = 5, COMMITS = 40 };
    for (int round = 0; round < ROUNDS; round++) {
        int      pipes[2], status = 0;
        uint32_t last = 0;
        make_folder();
        CHECK(pipe(pipes) == 0);
        pid_t child = fork();
        if (child == 0) commit_for_ever(pipes[1]);
        (void)close(pipes[1]);
        for (int i = 0; i < COMMITS + round; i++) CHECK(read(pipes[0], &last, sizeof last) == sizeof last);
        CHECK(kill(child, SIGKILL) == 0);
        while (read(pipes[0], &last, sizeof last) == sizeof last) continue; /* what it said until then */
        CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
        struct queue_store *s = reopen();
        struct audit_fault  fault;
        CHECK(queue_check(s) == GP_OK && audit_verify(queue_database(s), NULL, &fault) == GP_OK);
        for (uint32_t i = 0; i <= last; i++) {
            char id[16];
            (void)snprintf(id, sizeof id, "m%u", i);
            CHECK(has(s, id));
        }
        (void)close(pipes[0]);
        queue_close(s);
        remove_folder();
    }
}

TEST(a_marked_queue_is_read_and_not_written_to)
{
    make_folder();
    struct queue_store *s = reopen();
    CHECK(queue_mark(s, true) == GP_OK);
    queue_close(s);
    s           = reopen();
    auto_rows r = rows_of(queue_database(s), "SELECT count(*) FROM messages");
    CHECK(rows_next(&r) == GP_OK);
    rows_end(&r);
    CHECK(queue_begin(s) == GP_TEMPFAIL && database_trouble(queue_database(s)) == DATABASE_DAMAGED);
    CHECK(queue_mark(s, false) == GP_OK);
    queue_close(s);
    s = reopen();
    CHECK(queue_begin(s) == GP_OK && queue_commit(s) == GP_OK);
    queue_close(s);
    remove_folder();
}

/* ---- names -------------------------------------------------------------------------------------------------------------------- */
PROPERTY(only_ids_of_ours_become_file_names, bytes)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    bool              ours      = bytes.len > 0 && bytes.len <= QUEUE_ID_MOST;
    for (size_t i = 0; i < bytes.len; i++)
        if (!memchr(letters, bytes.ptr[i], sizeof letters - 1)) ours = false;
    CHECK(queue_is_id(bytes) == ours);
}
