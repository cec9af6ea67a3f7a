/* A query on somebody's own table. The text of the query comes from the configuration, the name is bound as a parameter: it never
 * becomes part of the text. A file of the rooms: sql.c reads rows, sql_postgres.c and sql_sqlite.c get them. */
#include "lookup/sql.h"

#include <string.h>

bool sql_text(const char *query, const char *parameter, char out[static SQL_ROOM])
{
    static const char name[] = "$user";
    struct gp_text    text   = { .ptr = out, .room = SQL_ROOM - 1 };
    for (gp_str rest = gp_from(query); rest.len;) {
        bool here = strncmp(rest.ptr, name, sizeof name - 1) == 0;
        if (here)
            gp_put_z(&text, parameter);
        else
            gp_put_char(&text, rest.ptr[0]);
        rest = gp_tail(rest, here ? sizeof name - 1 : 1);
    }
    out[text.len] = '\0';
    return !text.cut;
}

/* What the two databases write for no. */
static bool is_yes(gp_str value)
{
    static const char *const no[] = { "", "0", "f", "false", "no", "n" };
    for (size_t i = 0; i < GP_COUNT(no); i++)
        if (gp_is(value, no[i])) return false;
    return true;
}

void sql_judge(struct question *q, const struct sql_row *row)
{
    if (row->count == 0) {
        question_refuse(q, false, "the query gives no row");
    } else if (row->count > 1) {
        question_unclear(q, "the query gives more than one row", NULL);
    } else if (!row->has_hash) {
        question_failed(q, "the query has no column 'hash'", NULL);
    } else if (row->disabled.ptr && is_yes(row->disabled)) {
        question_refuse(q, true, "disabled there");
    } else {
        question_hash(q, row->hash);
        if (row->name.len && q->status == GP_WAIT) question_name(q, row->name);
    }
}

bool sql_take(struct sql_row *row, const char *column, gp_str value)
{
    if (gp_is(gp_from(column), "hash")) {
        row->has_hash = true;
        row->hash     = value;
    } else if (gp_is(gp_from(column), "name")) {
        row->name = value;
    } else if (gp_is(gp_from(column), "disabled")) {
        row->disabled = value;
    } else {
        return false;
    }
    return true;
}

static bool is_sqlite(const struct source *s)
{
    return s->path[0] != '\0';
}

static void ask(const struct source *s, void **seat, struct question *q)
{
    if (is_sqlite(s))
        sqlite_ask(s, seat, q);
    else
        postgres_ask(s, seat, q);
}

/* Its own kind stands first in a seat. */
static void leave(void *seat)
{
    const struct sql_seat *any = seat;
    any->leave(seat);
}

static void needs(const struct source *s, struct sandbox_needs *out)
{
    static char directory[CONFIG_PATH];
    const char *slash = strrchr(s->path, '/');
    if (!is_sqlite(s)) {
        out->network  = true;
        out->reads[0] = s->ca_file[0] ? s->ca_file : NULL;
        return;
    }
    (void)gp_copy_z(slash > s->path ? (gp_str) { s->path, (size_t)(slash - s->path) } : GP_LIT("/"), directory,
                    sizeof directory);
    out->reads[0] = directory; /* with its journal */
}

const struct source_type source_sql = { .needs = needs, .ask = ask, .leave = leave };
