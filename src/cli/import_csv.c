/* CSV (RFC 4180) with a header: quotes, CRLF and LF, a byte order mark. Cells are unquoted in place. */
#include <string.h>

#include "cli/import.h"

enum cell { CELL_MORE, CELL_LAST, CELL_BAD };

static void count_lines(struct import_source *s, const char *from, const char *to)
{
    for (; from < to; from++) s->line += *from == '\n';
}

/* Behind a cell stand a comma, the end of the line or the end of the text. */
static enum cell end_cell(struct import_source *s, char *at)
{
    char c = *at;
    *at    = '\0';
    if (c == ',') {
        s->at = (size_t)(at - s->text) + 1;
        return CELL_MORE;
    }
    if (c == '\r' && at[1] == '\n') at++;
    s->at = (size_t)(at - s->text) + (c != '\0');
    return CELL_LAST;
}

/* A quote in it is written twice. *at: behind the closing one. false: there is none. */
static bool unquote(char *from, char **at, char **end)
{
    char *out = from;
    for (char *c = from; *c; c++) {
        if (*c == '"' && c[1] != '"') {
            *at  = c + 1;
            *end = out;
            return true;
        }
        if (*c == '"') c++;
        *out++ = *c;
    }
    return false;
}

static bool is_end(const char *at)
{
    return *at == ',' || *at == '\n' || *at == '\0' || (*at == '\r' && (at[1] == '\n' || at[1] == '\0'));
}

static enum cell bad(struct import_source *s, const char *from, const char *problem, const char **why)
{
    size_t rest = strcspn(from, "\n");
    s->at       = (size_t)(from - s->text) + rest + (from[rest] == '\n');
    *why        = problem;
    return CELL_BAD;
}

static enum cell read_cell(struct import_source *s, char **cell, const char **why)
{
    char *from = s->text + s->at, *at = from, *end = NULL;
    if (*from == '"') {
        *cell = from + 1;
        if (!unquote(from + 1, &at, &end)) return bad(s, from, "a quote is opened and never closed", why);
        if (!is_end(at)) return bad(s, at, "something follows a closing quote; write a quote in a cell twice", why);
        count_lines(s, from, at);
        enum cell what = end_cell(s, at);
        *end           = '\0';
        return what;
    }
    *cell = from;
    while (!is_end(at) && *at != '"') at++;
    if (*at == '"') return bad(s, at, "a quote stands inside of a cell; quote the whole cell", why);
    return end_cell(s, at);
}

/* Cells of one record; *count may be more than there is room for. */
static enum import_step read_record(struct import_source *s, char **cells, size_t *count, size_t *line,
                                    const char **why)
{
    enum cell what;
    char     *cell;
    *count = 0;
    while (s->text[s->at] == '\n' || (s->text[s->at] == '\r' && s->text[s->at + 1] == '\n')) {
        s->line += s->text[s->at] == '\n'; /* an empty line */
        s->at++;
    }
    *line = s->line;
    if (s->at >= s->len) return IMPORT_END;
    do {
        what = read_cell(s, &cell, why);
        if (*count < IMPORT_COLUMNS_MOST) cells[*count] = cell;
        ++*count;
    } while (what == CELL_MORE);
    s->line++;
    return what == CELL_BAD ? IMPORT_BAD : IMPORT_ENTRY;
}

/* What stands in a cell of the header may be a password, where there is no header: it is not repeated. */
static bool read_header(struct import_source *s, char **cells, size_t count, const char **why)
{
    unsigned seen = 0;
    *why = "the first line has to name the columns: user, and password or hash, and others as the manual lists them";
    if (count > IMPORT_COLUMNS_MOST) return false;
    for (size_t i = 0; i < count; i++) {
        s->columns[i] = import_field_of(gp_trim(gp_from(cells[i])));
        if (s->columns[i] == IMPORT_UNKNOWN) return false;
        if (s->columns[i] == IMPORT_IGNORED) continue;
        if (seen & 1U << s->columns[i]) *why = "a column is named twice";
        if (seen & 1U << s->columns[i]) return false;
        seen |= 1U << s->columns[i];
    }
    s->column_count = count;
    return (seen & 1U << IMPORT_USER) != 0;
}

static enum import_step begin(struct import_source *s, char **cells, struct import_entry *e, const char **why)
{
    static const char mark[] = "\xef\xbb\xbf";
    size_t            count;
    s->begun = true;
    s->line  = 1;
    if (gp_starts((gp_str) { s->text, s->len }, mark)) s->at = strlen(mark);
    enum import_step step = read_record(s, cells, &count, &e->line, why);
    if (step == IMPORT_ENTRY && read_header(s, cells, count, why)) return IMPORT_ENTRY;
    s->at = s->len; /* without a header the rest means nothing */
    return step == IMPORT_END ? IMPORT_END : IMPORT_BAD;
}

enum import_step import_csv(struct import_source *s, struct import_entry *e, const char **why)
{
    char  *cells[IMPORT_COLUMNS_MOST];
    size_t count;
    *e                    = (struct import_entry) { .line = 1 };
    enum import_step step = s->begun ? IMPORT_ENTRY : begin(s, cells, e, why);
    if (step == IMPORT_ENTRY) step = read_record(s, cells, &count, &e->line, why);
    if (step != IMPORT_ENTRY) return step;
    *why = "the line has not as many cells as the header";
    if (count != s->column_count) return IMPORT_BAD;
    for (size_t i = 0; i < count; i++)
        if (s->columns[i] < IMPORT_FIELDS && cells[i][0]) e->fields[s->columns[i]] = cells[i];
    return IMPORT_ENTRY;
}
