/* SQLite: the file is opened to be read only, and again when another has taken its place. */
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "lookup/sql.h"

enum { STEPS_BETWEEN_LOOKS = 1000 };

struct sqlite_seat {
    struct sql_seat seat; /* first */
    sqlite3        *db;
    sqlite3_stmt   *query;
    struct stat     seen;
    gp_time         until; /* of the question at hand */
};

static void shut(struct sqlite_seat *x)
{
    (void)sqlite3_finalize(x->query);
    (void)sqlite3_close(x->db);
    x->query = NULL;
    x->db    = NULL;
}

static void leave(void *seat)
{
    shut(seat);
    free(seat);
}

static int is_late(void *owner)
{
    const struct sqlite_seat *x = owner;
    return octets_clock() >= x->until;
}

/* SQLite creates nothing here, and loads nothing. */
static int open_file(struct sqlite_seat *x, const struct source *s)
{
    char text[SQL_ROOM];
    int  done = sqlite3_open_v2(s->path, &x->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    if (done != SQLITE_OK) return done;
    (void)sqlite3_busy_timeout(x->db, s->timeout_ms);
    (void)sqlite3_db_config(x->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(x->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_progress_handler(x->db, STEPS_BETWEEN_LOOKS, is_late, x);
    if (!sql_text(s->plan->query, "?1", text)) return SQLITE_TOOBIG;
    return sqlite3_prepare_v2(x->db, text, -1, &x->query, NULL);
}

static int refresh(struct sqlite_seat *x, const struct source *s)
{
    struct stat is;
    bool        there = stat(s->path, &is) == 0;
    if (x->db && (!there || is.st_ino != x->seen.st_ino || is.st_dev != x->seen.st_dev)) shut(x);
    if (!there) return SQLITE_CANTOPEN;
    if (x->query) return SQLITE_OK;
    shut(x);
    x->seen = is;
    return open_file(x, s);
}

static gp_str column(sqlite3_stmt *query, int i)
{
    const char *text = (const char *)sqlite3_column_text(query, i);
    return text ? (gp_str) { text, (size_t)sqlite3_column_bytes(query, i) } : GP_NONE;
}

/* The verdict is taken while the first row is there; a second one is looked for after it. */
static int run(struct sqlite_seat *x, struct question *q)
{
    struct sql_row row  = { 0 };
    int            done = sqlite3_bind_text(x->query, 1, q->user, -1, SQLITE_STATIC);
    if (done == SQLITE_OK) done = sqlite3_step(x->query);
    if (done == SQLITE_ROW) {
        row.count = 1;
        for (int i = 0; i < sqlite3_column_count(x->query); i++)
            (void)sql_take(&row, sqlite3_column_name(x->query, i), column(x->query, i));
        sql_judge(q, &row);
        done      = sqlite3_step(x->query);
        row.count = 2;
        if (done == SQLITE_ROW) sql_judge(q, &row);
        return done == SQLITE_ROW ? SQLITE_DONE : done;
    }
    if (done == SQLITE_DONE) sql_judge(q, &row);
    return done;
}

void sqlite_ask(const struct source *s, void **seat, struct question *q)
{
    struct sqlite_seat *x = *seat ? *seat : calloc(1, sizeof *x);
    if (!x) {
        question_failed(q, "no memory", NULL);
        return;
    }
    *seat         = x;
    x->seat.leave = leave;
    x->until      = octets_clock() + s->timeout_ms;
    int done      = refresh(x, s);
    if (done == SQLITE_OK) done = run(x, q);
    if (done != SQLITE_DONE) {
        q->hash[0] = '\0';
        (done == SQLITE_ERROR ? question_unclear : question_failed)(
            q, "the database", x->db ? sqlite3_errmsg(x->db) : sqlite3_errstr(done));
    }
    if (x->query) (void)sqlite3_reset(x->query);
    if (x->query) (void)sqlite3_clear_bindings(x->query);
    if (done != SQLITE_DONE) shut(x);
}
