/* gatepost user import: accounts from another system's file. All of them or none; a dry run says all that is wrong. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/import_row.h"

#define ARENA_MOST ((size_t)512 << 20)
#define FIRST_ROOM ((size_t)64 << 10)

static const struct format {
    const char  *name;
    import_read *read;
} formats[] = {
    {"csv",          import_csv        },
    { "json",        import_json       },
    { "htpasswd",    import_htpasswd   },
    { "passwd-file", import_passwd_file},
    { "sasldb",      import_sasldb     },
    { "shadow",      import_shadow     },
};

/* As it is called, or as the file's name ends. */
static const struct format *find_format(const char *name, const char *file)
{
    const char *dot  = strrchr(file, '.');
    gp_str      word = gp_from(name ? name : dot ? dot + 1 : "");
    for (size_t i = 0; i < GP_COUNT(formats); i++)
        if (gp_is(word, formats[i].name)) return &formats[i];
    char           room[128];
    struct gp_text reason = { .ptr = room, .room = sizeof(room) - 1 };
    gp_put_z(&reason, "--format is one of csv, json, htpasswd, passwd-file, sasldb, shadow");
    if (name) config_suggest(&reason, word, GP_LIT("csv json htpasswd passwd-file sasldb shadow"));
    room[reason.len] = '\0';
    cli_problem(name ? name : file, room, "`gatepost user import --help` shows how");
    return NULL;
}

/* ---- the text -------------------------------------------------------------------------------------------------------- */
static bool failed(const char *file, const char *reason)
{
    cli_problem(file, reason, NULL);
    return false;
}

/* A NUL behind it; what was read is wiped when the room grows. */
static bool read_more(int fd, char **text, size_t *room, size_t *len)
{
    if (*len + 1 >= *room) {
        size_t wider = *room ? 2 * *room : FIRST_ROOM;
        char  *more  = wider <= 2 * (size_t)IMPORT_TEXT_MOST ? malloc(wider) : NULL;
        if (!more) return errno = EFBIG, false;
        if (*len) memcpy(more, *text, *len);
        if (*text) gp_wipe(*text, *room);
        free(*text);
        *text = more;
        *room = wider;
    }
    ssize_t got = read(fd, *text + *len, *room - *len - 1);
    if (got < 0) return false;
    *len += (size_t)got;
    (*text)[*len] = '\0';
    errno         = 0;
    return got > 0;
}

static bool read_text(const char *file, struct import_source *s, size_t *room)
{
    bool is_stdin = strcmp(file, "-") == 0;
    int  fd       = is_stdin ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return failed(file, strerror(errno));
    while (read_more(fd, &s->text, room, &s->len)) continue;
    int why = errno;
    if (!is_stdin) (void)close(fd);
    if (why || !s->text || s->len > IMPORT_TEXT_MOST)
        return failed(file, why ? strerror(why) : "it is larger than 64 MiB");
    return !memchr(s->text, '\0', s->len) || failed(file, "it has NULs in it: it is no text, or not of this format");
}

/* ---- the entries ------------------------------------------------------------------------------------------------------ */
static void read_entries(struct import_run *run, import_read *read, struct import_source *s)
{
    struct import_entry e;
    const char         *why = "";
    for (;;) {
        enum import_step step = read(s, &e, &why);
        if (step == IMPORT_END) return;
        if (step == IMPORT_ENTRY) import_take(run, &e);
        if (step == IMPORT_SKIPPED) run->skipped++;
        if (step == IMPORT_BAD) import_problem(run, e.line, NULL, why);
    }
}

static void on_refused(void *owner, size_t which, const char *why)
{
    struct import_run *run = owner;
    char               name[ACCOUNT_NAME_MOST + 1];
    (void)gp_copy_z(gp_head(run->rows[which].account.name, ACCOUNT_NAME_MOST), name, sizeof(name));
    import_problem(run, run->rows[which].line, name, why);
}

static gp_status write_all(struct import_run *run, bool rehearsal)
{
    struct new_account *list = calloc(run->count + 1, sizeof(*list));
    if (!list) return GP_TEMPFAIL;
    for (size_t i = 0; i < run->count; i++) list[i] = run->rows[i].account;
    struct accounts_import import = {
        .list = list, .count = run->count, .rehearsal = rehearsal, .refused = on_refused, .owner = run
    };
    gp_status status = accounts_import(run->store->accounts, &import, run->now);
    free(list);
    return status;
}

/* ---- what was done ------------------------------------------------------------------------------------------------------ */
static json_t *generated_json(const struct import_run *run)
{
    json_t *list = json_array();
    for (size_t i = 0; i < run->count; i++) {
        const struct import_row *row = &run->rows[i];
        if (row->generated)
            (void)json_array_append_new(list, json_pack("{s:s%, s:s}", "user", row->account.name.ptr,
                                                        row->account.name.len, "password", row->password));
    }
    return list;
}

static int print_json(const struct import_run *run, bool dry)
{
    return user_print_json(json_pack("{s:b, s:I, s:I, s:o}", "dry_run", dry, "entries", (json_int_t)run->count,
                                     "skipped", (json_int_t)run->skipped, "generated",
                                     dry ? json_array() : generated_json(run)));
}

static int print_done(const struct import_run *run, bool dry)
{
    size_t hashes = 0;
    (void)printf(dry ? "All is well: %zu entries can be imported, %zu are skipped. Nothing was changed.\n"
                     : "Imported: %zu entries; skipped: %zu.\n",
                 run->count, run->skipped);
    for (size_t i = 0; i < run->count; i++) hashes += run->rows[i].account.kind == CREDENTIAL_IMPORTED;
    if (hashes)
        (void)printf(
            "%zu came as a hash: such a password works with PLAIN and LOGIN, and with SCRAM from its first use on.\n",
            hashes);
    for (size_t i = 0; i < run->count && !dry; i++)
        if (run->rows[i].generated)
            (void)printf("    %.*s  %s\n", (int)run->rows[i].account.name.len, run->rows[i].account.name.ptr,
                         run->rows[i].password);
    return CLI_DONE;
}

static int finish(struct import_run *run, bool dry, bool json)
{
    if (!import_settle(run)) return CLI_FAILED;
    gp_status status = write_all(run, true);
    if (status == GP_TEMPFAIL) return user_store_failed(run->store, run->file);
    if (run->problems) {
        cli_problem(run->file, "nothing was imported", "mend those lines or leave them out, then try again");
        return CLI_FAILED;
    }
    if (!dry) {
        if (!import_hash(run)) return CLI_FAILED;
        status = write_all(run, false);
        if (status == GP_TEMPFAIL) return user_store_failed(run->store, run->file);
        if (status != GP_OK) return CLI_FAILED; /* somebody made such an account meanwhile: it was said */
    }
    return json ? print_json(run, dry) : print_done(run, dry);
}

static int import(struct import_run *run, const struct format *format, bool dry, bool json)
{
    struct import_source s    = { .text = NULL };
    size_t               room = 0;
    int                  done = CLI_FAILED;
    if (read_text(run->file, &s, &room)) {
        read_entries(run, format->read, &s);
        done = finish(run, dry, json);
    }
    import_run_free(run);
    import_source_free(&s);
    if (s.text) gp_wipe(s.text, room);
    free(s.text);
    return done;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
    bool              dry = false, json = false;
    struct import_run r   = { .now = user_now(), .arena = { .most = ARENA_MOST } };
    const char       *dir = NULL, *name = NULL;
    size_t            count;
    struct cli_option options[] = {
        {"format",         CLI_VALUE, &name,            "FORMAT",
         "csv, json, htpasswd, passwd-file (Dovecot), sasldb (db_dump) or shadow"                                    },
        { "dry-run",       CLI_FLAG,  &dry,             NULL,     "say all that is wrong, and change nothing"        },
        { "skip-existing", CLI_FLAG,  &r.skip_existing, NULL,     "leave accounts that are there already as they are"},
        { "generate",      CLI_FLAG,  &r.generate,      NULL,     "make a password, shown once, where there is none" },
        { "json",          CLI_FLAG,  &json,            NULL,     "print JSON"                                       },
        { NULL,            CLI_FLAG,  NULL,             NULL,     NULL                                               },
    };
    int stop = cli_parse(command, options, argc, argv, &dir, &r.file, 1, 1, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    const struct format *format = find_format(name, r.file);
    if (!format) return CLI_WRONG_USE;
    auto_user_store s = { 0 };
    if (!user_store_open(dir, &s)) return CLI_FAILED;
    r.store = &s;
    return import(&r, format, dry, json);
}

const struct cli_command cli_user_import = {
    "user import", "FILE [--format FORMAT] [--dry-run] [--skip-existing] [--generate] [--json]",
    "make accounts from another system's file, all or none", run
};
