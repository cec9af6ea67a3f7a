/* Files of lines with colons: htpasswd, Dovecot's passwd-file, /etc/shadow. */
#include <string.h>

#include "cli/import.h"

bool import_line(struct import_source *s, char **line)
{
    if (s->at >= s->len) return false;
    char  *from = s->text + s->at;
    char  *end  = strchr(from, '\n');
    size_t len  = end ? (size_t)(end - from) : strlen(from);
    s->at += len + (end != NULL);
    s->line++;
    from[len] = '\0';
    if (len > 0 && from[len - 1] == '\r') from[len - 1] = '\0';
    *line = from;
    return true;
}

/* A line that says something; '#' begins a remark. */
static bool next_line(struct import_source *s, char **line)
{
    while (import_line(s, line))
        if (**line && **line != '#') return true;
    return false;
}

/* What stands before the colon; *rest: behind it, NULL when there is no more. */
static char *take(char **rest)
{
    char *from = *rest, *colon = from ? strchr(from, ':') : NULL;
    *rest = colon ? colon + 1 : NULL;
    if (colon) *colon = '\0';
    return from;
}

/* user and hash, which every kind of line begins with. */
static enum import_step begin_line(struct import_source *s, struct import_entry *e, char **rest, const char **why)
{
    char *line;
    *e = (struct import_entry) { .line = 0 };
    if (!next_line(s, &line)) return IMPORT_END;
    e->line                = s->line;
    *rest                  = line;
    e->fields[IMPORT_USER] = take(rest);
    *why                   = "there is no colon behind the name";
    if (!*rest) return IMPORT_BAD;
    e->fields[IMPORT_HASH] = take(rest);
    return IMPORT_ENTRY;
}

/* Nobody signs in with these: no password, or a locked one. */
static bool is_nobodys(const char *hash)
{
    return hash[0] == '\0' || hash[0] == '!' || hash[0] == '*' || strcmp(hash, "x") == 0;
}

/* ---- htpasswd ------------------------------------------------------------------------------------------------------- */
enum import_step import_htpasswd(struct import_source *s, struct import_entry *e, const char **why)
{
    char            *rest;
    enum import_step step = begin_line(s, e, &rest, why);
    if (step == IMPORT_ENTRY && rest) {
        *why = "a second colon: a line of htpasswd is NAME:HASH";
        return IMPORT_BAD;
    }
    return step == IMPORT_ENTRY && is_nobodys(e->fields[IMPORT_HASH]) ? IMPORT_SKIPPED : step;
}

/* ---- Dovecot ---------------------------------------------------------------------------------------------------------- */
/* Extra fields are words; of those a passdb knows, allow_nets restricts, and it means the same here. */
static void take_extra(char *extra, struct import_entry *e)
{
    static const char nets[] = "allow_nets=";
    for (char *word = extra; word; word = extra) {
        extra = strchr(word, ' ');
        if (extra) *extra++ = '\0';
        if (strncmp(word, nets, strlen(nets)) == 0) e->fields[IMPORT_NETWORKS] = word + strlen(nets);
    }
}

/* USER:HASH:UID:GID:GECOS:HOME:SHELL:EXTRA FIELDS, and all from UID on may be missing. */
enum import_step import_passwd_file(struct import_source *s, struct import_entry *e, const char **why)
{
    enum { BEFORE_EXTRA = 5 };
    char            *rest;
    enum import_step step = begin_line(s, e, &rest, why);
    if (step != IMPORT_ENTRY) return step;
    for (unsigned i = 0; i < BEFORE_EXTRA && rest; i++) (void)take(&rest);
    if (rest) take_extra(rest, e);
    return is_nobodys(e->fields[IMPORT_HASH]) ? IMPORT_SKIPPED : IMPORT_ENTRY;
}

/* ---- /etc/shadow ------------------------------------------------------------------------------------------------------ */
/* NAME:HASH:CHANGED:LEAST:MOST:WARN:INACTIVE:EXPIRES: */
enum import_step import_shadow(struct import_source *s, struct import_entry *e, const char **why)
{
    enum { BEFORE_EXPIRY = 5, YEARS_9999 = 2932896, DAY_MS = 24 * 3600 * 1000 };
    char            *rest;
    uint64_t         days = 0;
    enum import_step step = begin_line(s, e, &rest, why);
    if (step != IMPORT_ENTRY) return step;
    if (is_nobodys(e->fields[IMPORT_HASH])) return IMPORT_SKIPPED;
    for (unsigned i = 0; i < BEFORE_EXPIRY && rest; i++) (void)take(&rest);
    const char *expires = rest ? take(&rest) : NULL;
    if (!expires || !*expires) return IMPORT_ENTRY;
    *why = "the date of expiry is not a number of days";
    if (!gp_read_number(gp_from(expires), YEARS_9999, &days)) return IMPORT_BAD;
    e->expires_at = (gp_time)days * DAY_MS;
    return IMPORT_ENTRY;
}
