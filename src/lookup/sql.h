/* What the two databases share: the text with its parameter, and what a row means. */
#ifndef LOOKUP_SQL_H
#define LOOKUP_SQL_H

#include "lookup/parts.h"

enum { SQL_ROOM = CONFIG_PATH + 64 };

struct sql_row {  /* slices of the database's memory, until its next step */
    size_t count; /* of rows */
    bool   has_hash;
    gp_str hash, name, disabled; /* GP_NONE: NULL, or no such column */
};
struct sql_seat {
    void (*leave)(void *seat);
}; /* what each database's seat begins with */

bool sql_text(const char *query, const char *parameter, char out[static SQL_ROOM]) GP_MUST_USE; /* $user replaced */
bool sql_take(struct sql_row *, const char *column, gp_str value); /* false: a column that nobody asked for */
void sql_judge(struct question *, const struct sql_row *);
void sqlite_ask(const struct source *, void **seat, struct question *);
void postgres_ask(const struct source *, void **seat, struct question *);

#endif
