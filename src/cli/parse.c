/* Reads a command's options and words, and what all commands do alike: problems, the config, a password from stdin. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "store/accounts.h"

enum { GUESS_ROOM = 256, NAMES_ROOM = 1024 };

void cli_print(FILE *file, gp_str text)
{
    while (text.len > 0) {
        gp_str one = gp_next_shown(&text);
        (void)fwrite(one.ptr, 1, one.len, file);
    }
}

void cli_problem(const char *what, const char *reason, const char *hint)
{
    (void)fputs("gatepost: ", stderr);
    cli_print(stderr, gp_from(what));
    (void)fputs(": ", stderr);
    cli_print(stderr, gp_from(reason));
    (void)putc('\n', stderr);
    if (hint) (void)fprintf(stderr, "  %s\n", hint);
}

const char *cli_domain_hint(const char *name, const char *otherwise)
{
    static char    room[512];
    char           at[512], tidy[512];
    struct gp_text address = GP_TEXT(at), said = GP_TEXT(tidy), hint = GP_TEXT(room);
    gp_put_char(&address, '@');
    gp_put_z(&address, name);
    if (address.cut || !account_tidy_domain(gp_said(&address), &said)) return otherwise;
    gp_str domain = gp_tail(gp_said(&said), 1);
    if (gp_is_ascii(gp_from(name)) || !config_is_hostname(domain)) return otherwise;
    gp_put_z(&hint, "write it as DNS has it: ");
    gp_put(&hint, domain);
    gp_put_char(&hint, '\0');
    return hint.cut ? otherwise : room;
}

/* ---- options ------------------------------------------------------------------------------------------------------------------ */
struct reading {
    const struct cli_command *command;
    const struct cli_option  *options; /* the command's own */
    const char              **dir;
    int                       argc, at;
    char                    **argv;
};

static int wrong(const struct reading *r, const char *what, const char *reason)
{
    char hint[GUESS_ROOM];
    (void)snprintf(hint, sizeof hint, "`gatepost %s --help` shows how", r->command->name);
    cli_problem(what, reason, hint);
    return CLI_WRONG_USE;
}

static int unknown(const struct reading *r, gp_str name)
{
    char           names_room[NAMES_ROOM], guess_room[GUESS_ROOM], what[GUESS_ROOM];
    struct gp_text names = GP_TEXT(names_room), guess = { .ptr = guess_room, .room = sizeof guess_room - 1 };
    gp_put_z(&names, "dir help");
    for (const struct cli_option *o = r->options; o && o->name; o++) {
        gp_put_char(&names, ' ');
        gp_put_z(&names, o->name);
    }
    gp_put_z(&guess, "there is no such option");
    config_suggest(&guess, name, gp_said(&names));
    guess_room[guess.len] = '\0';
    (void)snprintf(what, sizeof what, "--%.*s", (int)gp_head(name, 60).len, name.ptr);
    return wrong(r, what, guess_room);
}

/* The value stands behind '=' or is the next word. */
static const char *value_of(struct reading *r, const char *behind)
{
    if (behind) return behind;
    return r->at + 1 < r->argc ? r->argv[++r->at] : NULL;
}

/* About an option that exists, with its dashes. */
static int misused(const struct reading *r, const struct cli_option *o, const char *reason)
{
    char what[GUESS_ROOM];
    (void)snprintf(what, sizeof what, "--%s", o->name);
    return wrong(r, what, reason);
}

static int store(const struct reading *r, const struct cli_option *o, const char *value)
{
    struct cli_many *many;
    switch (o->kind) {
    case CLI_FLAG: *(bool *)o->into = true; break;
    case CLI_VALUE: *(const char **)o->into = value; break;
    case CLI_MANY:
        many = o->into;
        if (many->count == CLI_MANY_MOST) return misused(r, o, "given too often");
        many->values[many->count++] = value;
    }
    return CLI_DONE;
}

static int read_option(struct reading *r)
{
    const char              *word   = r->argv[r->at] + 2;
    const char              *behind = strchr(word, '=');
    gp_str                   name   = behind ? (gp_str) { word, (size_t)(behind - word) } : gp_from(word);
    const struct cli_option  dir    = { "dir", CLI_VALUE, r->dir, "DIR", NULL };
    const struct cli_option *o      = r->options;
    while (o && o->name && !gp_same(name, gp_from(o->name))) o++;
    if (!o || !o->name) o = gp_same(name, GP_LIT("dir")) ? &dir : NULL;
    if (!o) return unknown(r, name);
    if (o->kind == CLI_FLAG) return behind ? misused(r, o, "takes no value") : store(r, o, NULL);
    const char *value = value_of(r, behind ? behind + 1 : NULL);
    return value ? store(r, o, value) : misused(r, o, "its value is missing");
}

static bool asks_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return true;
    return false;
}

static const char *usual_dir(void)
{
    const char *named = getenv("GATEPOST_DIR");
    if (named && *named) return named;
    return access("/etc/gatepost", F_OK) == 0 ? "/etc/gatepost" : ".";
}

/* A lone "-" is a word; "--" makes words of all that follows. */
static int read_all(struct reading *r, const char **words, size_t most, size_t *count)
{
    bool only_words = false;
    for (r->at = 0; r->at < r->argc; r->at++) {
        const char *word = r->argv[r->at];
        if (!only_words && strcmp(word, "--") == 0) {
            only_words = true;
        } else if (!only_words && strncmp(word, "--", 2) == 0) {
            int stop = read_option(r);
            if (stop != CLI_DONE) return stop;
        } else if (!only_words && word[0] == '-' && word[1]) {
            return wrong(r, word, "options begin with two dashes");
        } else if (*count == most) {
            return wrong(r, word, "one word too many");
        } else {
            words[(*count)++] = word;
        }
    }
    return CLI_DONE;
}

int cli_parse(const struct cli_command *command, const struct cli_option *options, int argc, char **argv,
              const char **dir, const char **words, size_t least, size_t most, size_t *count)
{
    const char    *ignored = NULL;
    struct reading r       = { command, options, dir ? dir : &ignored, argc, 0, argv };
    size_t         none    = 0;
    if (!count) count = &none;
    *count = 0;
    *r.dir = usual_dir();
    if (asks_help(argc, argv)) {
        cli_help_command(command, options);
        return -1;
    }
    int stop = read_all(&r, words, most, count);
    if (stop != CLI_DONE) return stop;
    return *count < least ? wrong(&r, command->name, "a word is missing") : CLI_DONE;
}

/* ---- what commands share -------------------------------------------------------------------------------------------------------- */
static void print_line(void *owner, gp_str line)
{
    (void)owner;
    (void)fprintf(stderr, "%.*s\n", (int)line.len, line.ptr);
}

bool cli_config(const char *dir, struct config *out)
{
    if (config_read(dir, out, print_line, NULL)) return true;
    cli_problem(dir, "the configuration has the problems above",
                "`gatepost init` makes a new set-up; --dir DIR names another one");
    return false;
}

/* Octet by octet: stdio would keep a copy of the password in its buffer. */
bool cli_line_from_stdin(char *out, size_t room, size_t *len)
{
    char c    = 0;
    bool some = false;
    *len      = 0;
    while (read(STDIN_FILENO, &c, 1) == 1) {
        some = true;
        if (c == '\n') break;
        if (*len == room) {
            gp_wipe(out, room);
            return false;
        }
        out[(*len)++] = c;
    }
    if (*len && out[*len - 1] == '\r') --*len;
    return some;
}

bool cli_secret_from_stdin(char *out, size_t room, size_t *len)
{
    return cli_line_from_stdin(out, room, len) && *len > 0;
}

int cli_parse_json(const struct cli_command *command, int argc, char **argv, const char **dir, const char **words,
                   size_t count, bool *json)
{
    size_t                  given     = 0;
    const struct cli_option options[] = {
        {"json", CLI_FLAG, json, NULL, "print JSON"},
        { NULL,  CLI_FLAG, NULL, NULL, NULL        }
    };
    return cli_parse(command, options, argc, argv, dir, words, count, count, &given);
}
