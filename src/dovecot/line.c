/* Lines, words, escapes and ids, as both sides have them. */
#include "dovecot/parts.h"

#include <string.h>

enum { ESCAPE = '\001' };

/* ---- lines -------------------------------------------------------------------------------------------------- */
gp_status gp_dovecot_line(gp_str input, size_t *searched, gp_str *line)
{
    gp_str fresh = gp_tail(input, *searched);
    size_t at    = *searched + gp_find(fresh, '\n');
    if (at > GP_DOVECOT_LINE_MOST) return GP_PERMFAIL;
    *searched = at;
    if (at == input.len) return GP_WAIT;
    *line = gp_head(input, at);
    return GP_OK;
}

void gp_dovecot_took_line(gp_str *input, size_t *searched, gp_str line)
{
    *input    = gp_tail(*input, line.len + 1);
    *searched = 0;
}

bool gp_dovecot_is(gp_str word, const char *name)
{
    return gp_same(word, gp_from(name));
}

bool gp_dovecot_version_fits(gp_str words)
{
    uint64_t major = 0;
    return gp_read_number(gp_cut(&words, '\t'), UINT32_MAX, &major) && major == GP_DOVECOT_MAJOR;
}

bool gp_dovecot_read_id(gp_str word, uint32_t *id)
{
    uint64_t number = 0;
    if (!gp_read_number(word, UINT32_MAX, &number)) return false;
    *id = (uint32_t)number;
    return true;
}

gp_str gp_dovecot_name(gp_str word, gp_str *value)
{
    *value = word;
    return gp_cut(value, '=');
}

/* ---- escapes ------------------------------------------------------------------------------------------------ */
static const struct escape {
    char octet, stands_as;
} escapes[] = {
    {'\0',    '0'},
    { ESCAPE, '1'},
    { '\t',   't'},
    { '\r',   'r'},
    { '\n',   'n'},
};

static void put_octet(struct gp_text *out, char octet)
{
    for (size_t i = 0; i < GP_COUNT(escapes); i++)
        if (escapes[i].octet == octet) {
            gp_put_char(out, ESCAPE);
            gp_put_char(out, escapes[i].stands_as);
            return;
        }
    gp_put_char(out, octet);
}

void gp_dovecot_put_escaped(struct gp_text *out, gp_str word)
{
    for (size_t i = 0; i < word.len; i++) put_octet(out, word.ptr[i]);
}

/* What is escaped without need stands for itself. */
static char octet_of(char stands_as)
{
    for (size_t i = 0; i < GP_COUNT(escapes); i++)
        if (escapes[i].stands_as == stands_as) return escapes[i].octet;
    return stands_as;
}

gp_str gp_dovecot_unescape(gp_str word, struct gp_text *room)
{
    size_t start = room->len;
    if (gp_find(word, ESCAPE) == word.len) return word;
    for (size_t i = 0; i < word.len; i++) {
        bool escaped = word.ptr[i] == ESCAPE;
        if (escaped && ++i == word.len) break;
        gp_put_char(room, escaped ? octet_of(word.ptr[i]) : word.ptr[i]);
    }
    return gp_tail(gp_said(room), start);
}

/* ---- ids ---------------------------------------------------------------------------------------------------- */
struct gp_dovecot_open *gp_dovecot_find(struct gp_dovecot_open *table, uint32_t id)
{
    for (size_t i = 0; i < GP_DOVECOT_OPEN_MOST; i++)
        if (table[i].turn != GP_DOVECOT_FREE && table[i].id == id) return &table[i];
    return NULL;
}

struct gp_dovecot_open *gp_dovecot_free_slot(struct gp_dovecot_open *table)
{
    for (size_t i = 0; i < GP_DOVECOT_OPEN_MOST; i++)
        if (table[i].turn == GP_DOVECOT_FREE) return &table[i];
    return NULL;
}
