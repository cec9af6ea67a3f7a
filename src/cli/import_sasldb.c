/* What Cyrus SASL's sasldb can be read from: `db_dump` or `db_dump -p` of it, which has the passwords in clear; or the list that
 * sasldblistusers2 prints, which has names only. A key is USER NUL REALM NUL PROPERTY. */
#include <string.h>

#include "cli/import.h"

/* ---- what the file is --------------------------------------------------------------------------------------------------- */
/* The header of a dump says how its lines are written, and where they begin. */
static bool begin(struct import_source *s, const char **why)
{
    char *line;
    s->begun = true;
    if (!gp_starts((gp_str) { s->text, s->len }, "VERSION=")) return s->is_list = true;
    while (import_line(s, &line)) {
        if (strcmp(line, "format=bytevalue") == 0) s->is_hex = true;
        if (strcmp(line, "HEADER=END") == 0) return true;
    }
    *why = "the header of the dump has no end";
    return false;
}

/* ---- a dump ---------------------------------------------------------------------------------------------------------------- */
static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Two hex digits; false: they are not. */
static bool take_octet(const char **at, char *out)
{
    int high = hex_value(**at), low = high < 0 ? -1 : hex_value((*at)[1]);
    if (low < 0) return false;
    *out = (char)(high << 4 | low);
    *at += 2;
    return true;
}

/* A line of the dump, decoded in place: "\\\\" and "\\hh" stand for octets in the one form, and every octet is two digits in the other. */
static bool decode(const struct import_source *s, char *line, gp_str *out)
{
    const char *at  = line + 1; /* each begins with a space */
    char       *put = line;
    if (*line != ' ') return false;
    while (*at) {
        bool escaped = !s->is_hex && *at == '\\';
        if (escaped && at[1] == '\\')
            at++, escaped = false;
        else
            at += escaped;
        if (s->is_hex || escaped) {
            if (!take_octet(&at, put++)) return false;
        } else {
            *put++ = *at++;
        }
    }
    *put = '\0'; /* what was decoded is shorter than the line by its space at least */
    *out = (gp_str) { line, (size_t)(put - line) };
    return true;
}

/* "USER NUL REALM NUL PROPERTY" into "USER@REALM", in place. false: not so. */
static bool read_key(gp_str key, const char **user, gp_str *property)
{
    char  *text = (char *)(uintptr_t)key.ptr; /* of the source's text, which is ours to change */
    gp_str rest = key, name = gp_cut(&rest, '\0'), realm = gp_cut(&rest, '\0');
    if (name.len == 0 || name.len == key.len || !rest.ptr || memchr(rest.ptr, '\0', rest.len)) return false;
    if (realm.len > 0) text[name.len] = '@';
    *user     = text;
    *property = rest;
    return true;
}

/* Other properties are secrets of mechanisms, made from the password. */
static enum import_step next_pair(struct import_source *s, char *line, struct import_entry *e, const char **why)
{
    gp_str key, value, property;
    char  *next;
    *why = "it is not what db_dump writes";
    if (!decode(s, line, &key) || !read_key(key, &e->fields[IMPORT_USER], &property)) {
        (void)import_line(s, &next); /* its value */
        return IMPORT_BAD;
    }
    if (!import_line(s, &next) || !decode(s, next, &value)) return IMPORT_BAD;
    if (!gp_same(property, GP_LIT("userPassword"))) return IMPORT_SKIPPED;
    *why = "the password has a NUL in it, or there is none";
    if (value.len == 0 || memchr(value.ptr, '\0', value.len)) return IMPORT_BAD;
    e->fields[IMPORT_PASSWORD] = value.ptr;
    return IMPORT_ENTRY;
}

/* ---- a list ---------------------------------------------------------------------------------------------------------------- */
/* "anna@example.org: userPassword" */
static enum import_step next_name(char *line, struct import_entry *e, const char **why)
{
    char *colon = strrchr(line, ':');
    *why        = "it is neither a dump by db_dump nor a list by sasldblistusers2";
    if (!colon || colon == line || colon[1] != ' ') return IMPORT_BAD;
    *colon                 = '\0';
    e->fields[IMPORT_USER] = line;
    return strcmp(colon + 2, "userPassword") == 0 ? IMPORT_ENTRY : IMPORT_SKIPPED;
}

enum import_step import_sasldb(struct import_source *s, struct import_entry *e, const char **why)
{
    char *line;
    *e = (struct import_entry) { .line = 1 };
    if (!s->begun && !begin(s, why)) return IMPORT_BAD;
    do {
        if (!import_line(s, &line)) return IMPORT_END;
    } while (!*line);
    e->line = s->line;
    if (s->is_list) return next_name(line, e, why);
    if (strcmp(line, "DATA=END") != 0) return next_pair(s, line, e, why);
    s->at = s->len;
    return IMPORT_END;
}
