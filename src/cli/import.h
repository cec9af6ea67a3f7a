/* Accounts from elsewhere. A reader of a format turns a text into entries, one at a time; it changes the text in place, and what it
 * hands out lives as long as the text (and the source) does. Pure but for memory of the JSON reader; nothing is printed here. */
#ifndef CLI_IMPORT_H
#define CLI_IMPORT_H

#include <jansson.h>

#include "base/base.h"

enum import_field { /* names in import_fields.c; those of CSV's header and of JSON's objects */
    IMPORT_USER,
    IMPORT_PASSWORD, /* in clear */
    IMPORT_HASH,
    IMPORT_LABEL,
    IMPORT_KIND,
    IMPORT_SUBJECT,
    IMPORT_SEND_AS,
    IMPORT_DISABLED,
    IMPORT_ACCOUNT_MECHANISMS,
    IMPORT_MECHANISMS, /* from here on: restrictions, as the options of `credential add` take them */
    IMPORT_LISTENERS,
    IMPORT_NETWORKS,
    IMPORT_SENDERS,
    IMPORT_HOURS,
    IMPORT_EXPIRES,
    IMPORT_UNUSED,
    IMPORT_LEGACY, /* made for an old device: yes or no */
    IMPORT_FIELDS,
    IMPORT_IGNORED = IMPORT_FIELDS, /* known, and of no use here: "created", "last_used" */
};
struct import_entry {
    size_t      line;
    const char *fields[IMPORT_FIELDS]; /* NULL: not there */
    gp_time     expires_at;            /* 0: it does not, or a field says it */
};
enum { IMPORT_COLUMNS_MOST = 32, IMPORT_TEXT_MOST = 64 << 20, IMPORT_ENTRIES_MOST = 50000 };

enum import_step { IMPORT_ENTRY, IMPORT_SKIPPED /* nobody that could sign in */, IMPORT_END, IMPORT_BAD };
struct import_source {
    char       *text; /* with a NUL behind it, and none in it */
    size_t      len, at, line; /* line: of what was read last; from 1 */
    size_t      column_count;  /* of CSV's header; 0: not read yet */
    unsigned    columns[IMPORT_COLUMNS_MOST];
    bool        begun, ended;    /* the header is read, or JSON's '['; its ']' was, or nothing more is read */
    bool        is_list, is_hex; /* of a sasldb: names only; a dump in hex                  */
    json_t     *kept, *object; /* of JSON: all that entries borrow from; the one that is being read */
    size_t      next, entry_line; /* of its credentials; its line */
};
/* IMPORT_BAD: *why, static, without anything of the text. The next call goes on behind it, or says END. */
typedef enum import_step import_read(struct import_source *, struct import_entry *, const char **why);
import_read import_csv, import_json, import_htpasswd, import_passwd_file, import_shadow, import_sasldb;
void        import_source_free(struct import_source *); /* what the reader took; the text is the caller's */

/* IMPORT_FIELDS and more: not a name that is known. */
unsigned    import_field_of(gp_str name);
const char *import_field_name(unsigned field);
#define IMPORT_UNKNOWN (IMPORT_IGNORED + 1)
/* The next line without its end, NUL-terminated in place. false: there is none. */
bool        import_line(struct import_source *, char **line);

#endif
