/* Reads and writes the files of the spool. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/sendmail_spool.h"

static const char first_line[] = "gatepost-sendmail 1";

/* ---- writing ------------------------------------------------------------------------------------------------------------- */
static bool add_line(struct gp_buffer *out, const char *key, gp_str value)
{
    return gp_buffer_add(out, gp_from(key), LETTER_MOST) && gp_buffer_add(out, value, LETTER_MOST) &&
           gp_buffer_add(out, GP_LIT("\n"), LETTER_MOST);
}

bool spool_put_envelope(struct gp_buffer *out, const struct parcel *p, enum handed how)
{
    char           room[24];
    struct gp_text since = GP_TEXT(room);
    gp_put_number(&since, p->since ? p->since : (long long)time(NULL));
    bool fine = add_line(out, first_line, GP_LIT("")) && add_line(out, "since ", gp_said(&since)) &&
                add_line(out, "sender ", p->sender) && add_line(out, "params ", p->params);
    gp_str each = GP_LIT("");
    for (size_t i = 0; fine && i < p->count; i++) {
        const struct talk_recipient *to = &p->to[i];
        if (!is_for_later(to, how)) continue;
        if (!gp_same(each, to->params)) fine = add_line(out, "each ", to->params);
        each = to->params;
        fine = fine && add_line(out, "to ", to->address);
    }
    return fine && add_line(out, "", GP_LIT(""));
}

/* ---- reading --------------------------------------------------------------------------------------------------------------- */
static bool add_recipient(struct parcel *p, gp_str address, gp_str params)
{
    if (p->count == LETTER_ADDRESSES_MOST || address.len == 0) return false;
    if ((p->count & (p->count + 1)) == 0) { /* 1, 3, 7, ... are full */
        struct talk_recipient *more = realloc(p->to, (p->count + 1) * 2 * sizeof *more);
        if (!more) return false;
        p->to = more;
    }
    p->to[p->count++] = (struct talk_recipient) { .address = address, .params = params };
    return true;
}

/* "each PARAMS" is of the recipients that follow it. */
static bool take_line(struct parcel *p, gp_str line, gp_str *each)
{
    uint64_t since = 0;
    gp_str   key   = gp_word(&line);
    if (gp_is(key, "to")) return add_recipient(p, line, *each);
    if (gp_is(key, "sender"))
        p->sender = line;
    else if (gp_is(key, "params"))
        p->params = line;
    else if (gp_is(key, "each"))
        *each = line;
    else if (gp_is(key, "since") && gp_read_number(line, INT64_MAX, &since))
        p->since = (long long)since;
    else
        return false;
    return true;
}

bool spool_take(gp_str text, struct parcel *p)
{
    gp_str line = gp_cut(&text, '\n'), each = GP_LIT("");
    bool   fine = gp_same(line, gp_from(first_line));
    while (fine && text.len > 0) {
        line = gp_cut(&text, '\n');
        if (line.len == 0) break;
        fine = take_line(p, line, &each);
    }
    p->message = text;
    return fine && line.len == 0 && p->count > 0 && p->sender.ptr;
}

bool spool_read(int dir, const char *name, struct gp_buffer *text, struct parcel *p)
{
    static char piece[64 * 1024];
    int         fd   = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    ssize_t     got  = fd < 0 ? -1 : 1;
    bool        fits = true;
    while (got > 0 && fits) {
        got  = read(fd, piece, sizeof piece);
        fits = got <= 0 || gp_buffer_add(text, (gp_str) { piece, (size_t)got }, LETTER_MOST + LETTER_ADDRESSES_ROOM);
    }
    if (fd >= 0) close(fd);
    return got == 0 && fits && spool_take(gp_buffer_all(text), p);
}

/* ---- lists ------------------------------------------------------------------------------------------------------------------- */
int spool_names(int dir, struct dirent ***names)
{
    char path[48]; /* scandirat is none of POSIX */
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", dir);
    return scandir(path, names, NULL, alphasort);
}

int spool_show(int dir, const char *name)
{
    struct gp_buffer text = { 0 };
    struct parcel    p    = { 0 };
    char             when[32];
    bool             refused = gp_ends(gp_from(name), ".refused"),
         one                 = name[0] >= '0' && name[0] <= '9' && (refused || !strchr(name, '.'));
    one                      = one && spool_read(dir, name, &text, &p);
    if (one) {
        time_t since = (time_t)p.since;
        (void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime(&since));
        (void)printf("%-28.*s %s %9zu  ", (int)gp_find(gp_from(name), '.'), name, when, p.message.len);
        cli_print(stdout, p.sender);
        (void)puts(refused ? "  (refused; the file .why beside it says why)" : "");
        for (size_t i = 0; i < p.count; i++) {
            (void)fputs("    ", stdout);
            cli_print(stdout, p.to[i].address);
            (void)putchar('\n');
        }
    }
    free(p.to);
    gp_buffer_free(&text);
    return one;
}
