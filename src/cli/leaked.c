/* The search keeps two offsets, between which the line must begin if it is there, and looks at the first line after their middle. */
#include "cli/leaked.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "crypto/crypto.h"

enum { DIGITS = 40, PREFIX = 5, LINE_MOST = 128, NEAR = 4096, SHORTEST = 8 };

/* ---- the file ------------------------------------------------------------------------------------------------------------ */
struct line { /* the first that begins at or after an offset */
    off_t  at, next;
    size_t len;
    char   text[LINE_MOST];
};

static gp_str read_at(int fd, off_t at, char *room, size_t size)
{
    ssize_t got;
    do got = pread(fd, room, size, at);
    while (got < 0 && errno == EINTR);
    return got < 0 ? GP_NONE : (gp_str) { room, (size_t)got };
}

/* OK, PERMFAIL: there is none before the end; TEMPFAIL: it is no line of ours. */
static gp_status line_at(int fd, off_t from, struct line *out)
{
    char   room[2 * LINE_MOST];
    gp_str got   = read_at(fd, from > 0 ? from - 1 : 0, room, sizeof(room));
    size_t start = from > 0 ? gp_find(got, '\n') + 1 : 0;
    if (!got.ptr) return GP_TEMPFAIL;
    if (start >= got.len) return got.len < sizeof(room) ? GP_PERMFAIL : GP_TEMPFAIL;
    gp_str rest = gp_tail(got, start), line = gp_head(rest, gp_find(rest, '\n'));
    if (line.len >= LINE_MOST) return GP_TEMPFAIL;
    out->at   = (from > 0 ? from - 1 : 0) + (off_t)start;
    out->next = out->at + (off_t)line.len + 1;
    out->len  = gp_find(line, ':');
    memcpy(out->text, line.ptr, line.len);
    return GP_OK;
}

static char upper(char c)
{
    return (char)(c >= 'a' && c <= 'f' ? c - 'a' + 'A' : c);
}

static int compare(const struct line *line, gp_str digits)
{
    for (size_t i = 0; i < digits.len && i < line->len; i++)
        if (upper(line->text[i]) != upper(digits.ptr[i])) return upper(line->text[i]) < upper(digits.ptr[i]) ? -1 : 1;
    return 0;
}

/* Lines may end with CR LF; a length that differs is another kind of file. */
static gp_status step(int fd, gp_str digits, off_t *from, off_t *to)
{
    struct line line;
    off_t       middle = *to - *from > NEAR ? *from + (*to - *from) / 2 : *from;
    gp_status   status = line_at(fd, middle, &line);
    if (status == GP_PERMFAIL || (status == GP_OK && line.at >= *to)) {
        *to = middle; /* no line begins between them */
        return GP_PERMFAIL;
    }
    if (status != GP_OK || line.len < digits.len) return GP_TEMPFAIL;
    int order = compare(&line, digits);
    if (order < 0) *from = line.next;
    if (order > 0) *to = line.at;
    return order == 0 ? GP_OK : GP_PERMFAIL;
}

gp_status leaked_find(int fd, gp_str digits)
{
    struct stat info;
    gp_status   status = GP_PERMFAIL;
    off_t       from   = 0;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return GP_TEMPFAIL;
    for (off_t to = info.st_size; from < to && status == GP_PERMFAIL;) status = step(fd, digits, &from, &to);
    return status;
}

/* ---- the password -------------------------------------------------------------------------------------------------------- */
static bool digits_of(gp_secret password, char out[static DIGITS])
{
    uint8_t        digest[GP_DIGEST_MOST];
    struct gp_text text = { .ptr = out, .room = DIGITS };
    if (!gp_digest(GP_SHA1, (gp_str) { password.ptr, password.len }, digest)) return false;
    gp_put_hex(&text, (gp_str) { (const char *)digest, DIGITS / 2 });
    for (size_t i = 0; i < DIGITS; i++) out[i] = upper(out[i]);
    gp_wipe(digest, sizeof(digest));
    return !text.cut;
}

/* "ABCDE" or "ABCDE.txt" */
static int open_range(int folder, const char digits[static DIGITS])
{
    char name[PREFIX + sizeof(".txt")] = { 0 };
    memcpy(name, digits, PREFIX);
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) return fd;
    memcpy(name + PREFIX, ".txt", sizeof(".txt"));
    return openat(folder, name, O_RDONLY | O_CLOEXEC);
}

static gp_status look(int fd, const char digits[static DIGITS])
{
    struct stat info;
    gp_str      all = { digits, DIGITS };
    if (fstat(fd, &info) != 0) return GP_TEMPFAIL;
    if (!S_ISDIR(info.st_mode)) return leaked_find(fd, all);
    int       range = open_range(fd, digits);
    gp_status found = range < 0 ? GP_TEMPFAIL : leaked_find(range, gp_tail(all, PREFIX));
    if (range >= 0) (void)close(range);
    return found;
}

gp_status leaked_look(const struct config *c, gp_secret password, const char **why)
{
    char path[CONFIG_PATH], digits[DIGITS];
    if (!c->passwords.leaked_file[0]) return GP_OK;
    *why   = "it cannot be opened, or has not the form HASH:COUNT, sorted";
    int fd = config_path(c, c->passwords.leaked_file, path) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0 || !digits_of(password, digits)) return GP_TEMPFAIL;
    gp_status found = look(fd, digits);
    (void)close(fd);
    gp_wipe(digits, sizeof(digits));
    if (found == GP_TEMPFAIL) return GP_TEMPFAIL;
    return found == GP_OK ? GP_PERMFAIL : GP_OK;
}

/* ---- what a person may choose -------------------------------------------------------------------------------------------- */
static size_t characters(gp_secret password)
{
    enum { CONTINUES = 0x80, MASK = 0xc0 };
    size_t count = 0;
    for (size_t i = 0; i < password.len; i++) count += ((unsigned char)password.ptr[i] & MASK) != CONTINUES;
    return count;
}

static bool is_name(gp_str account, gp_secret password)
{
    gp_str said = { password.ptr, password.len };
    return gp_alike(said, account) || gp_alike(said, gp_head(account, gp_find(account, '@')));
}

const char *password_weakness(const struct config *c, gp_str account, gp_secret password)
{
    const char *why = "";
    if (characters(password) < SHORTEST) return "is shorter than 8 characters";
    if (is_name(account, password)) return "is the account's name";
    return leaked_look(c, password, &why) == GP_PERMFAIL ? "is on the list of passwords that guessers have" : NULL;
}

bool password_is_strong(const struct config *c, gp_str account, gp_secret password)
{
    const char *why  = "";
    const char *weak = password_weakness(c, account, password);
    if (weak) {
        cli_problem("the password", weak, "choose another, or leave out --password-stdin: one is made then");
        return false;
    }
    if (leaked_look(c, password, &why) != GP_TEMPFAIL) return true;
    cli_problem(c->passwords.leaked_file, why, "mend passwords.leaked_file in gatepost.yml, or take it out");
    return false;
}
