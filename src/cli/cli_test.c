/* From words to commands: what runs, what explains itself, and what is refused. */
#include "cli/cli.h"
#include "cli/files.h"

#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORDS_MOST = 6, PAGE_ROOM = 8192 };

static int served;

static int run_serve(const struct cli_command *command, int argc, char **argv)
{
    (void)command, (void)argc, (void)argv;
    served++;
    return CLI_DONE;
}

static const struct cli_command serve = { "serve", "", "run", run_serve };

/* The whole command line; what it prints goes into the page. */
static int run(const char *line, char page[static PAGE_ROOM])
{
    char   words[256], *argv[WORDS_MOST] = { "gatepost" }, *rest = words;
    int    argc = 1, out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
    FILE  *kept = tmpfile();
    size_t len  = 0;
    CHECK(kept && out >= 0 && err >= 0);
    (void)snprintf(words, sizeof words, "%s", line);
    for (char *word; argc < WORDS_MOST && (word = strsep(&rest, " ")) != NULL;)
        if (*word) argv[argc++] = word;
    (void)fflush(NULL);
    CHECK(dup2(fileno(kept), STDOUT_FILENO) >= 0 && dup2(fileno(kept), STDERR_FILENO) >= 0);
    int status = cli_main(argc, argv, &serve);
    (void)fflush(NULL);
    CHECK(dup2(out, STDOUT_FILENO) >= 0 && dup2(err, STDERR_FILENO) >= 0);
    (void)close(out), (void)close(err);
    rewind(kept);
    len       = fread(page, 1, PAGE_ROOM - 1, kept);
    page[len] = '\0';
    (void)fclose(kept);
    return status;
}

TEST(a_first_word_that_several_commands_share_explains_them)
{
    static const struct {
        const char *line, *row, *other;
    } asked[] = {
        {"user --help",    "user password", "queue list"},
        { "user -h",       "user add",      "config"    },
        { "help user",     "user disable",  "queue list"},
        { "help queue",    "queue release", "user add"  },
        { "queue --help",  "queue list",    "user add"  },
        { "config --help", "config manual", "init"      },
        { "help config",   "config check",  "init"      },
    };
    char page[PAGE_ROOM];
    for (size_t i = 0; i < GP_COUNT(asked); i++) {
        assert_int_equal(run(asked[i].line, page), CLI_DONE);
        if (!strstr(page, asked[i].row) || strstr(page, asked[i].other)) fail_msg("%s: %s", asked[i].line, page);
    }
}

TEST(what_is_no_command_is_refused)
{
    static const struct {
        const char *line, *says;
    } wrong[] = {
        {"usr --help",    "did you mean 'user'?"},
        { "help usr",     "did you mean 'user'?"},
        { "user ad",      "did you mean 'add'?" },
        { "help user ad", "did you mean 'add'?" },
        { "user",         "one more word"       },
        { "init2 --help", "no such command"     },
    };
    char page[PAGE_ROOM];
    for (size_t i = 0; i < GP_COUNT(wrong); i++) {
        assert_int_equal(run(wrong[i].line, page), CLI_WRONG_USE);
        if (!strstr(page, wrong[i].says)) fail_msg("%s: %s", wrong[i].line, page);
    }
}

TEST(a_command_runs_and_explains_itself)
{
    char page[PAGE_ROOM];
    assert_int_equal(run("serve", page), CLI_DONE);
    assert_int_equal(served, 1);
    assert_int_equal(run("user add --help", page), CLI_DONE);
    CHECK(strstr(page, "--password-stdin"));
    assert_int_equal(run("help", page), CLI_DONE);
    CHECK(strstr(page, "user add") && strstr(page, "queue list"));
    assert_int_equal(run("", page), CLI_WRONG_USE);
}

TEST(the_manual_page_knows_every_command)
{
    char   page[PAGE_ROOM], *manual = kit_file("docs/gatepost.1", NULL), *rest = page;
    size_t rows = 0;
    assert_int_equal(run("help", page), CLI_DONE);
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        if (strncmp(line, "  ", 2) != 0) continue;
        char *end = strstr(line + 2, "  ");
        if (!end) continue;
        *end = '\0';
        if (!strstr(manual, line + 2)) fail_msg("gatepost(1) does not tell of: %s", line + 2);
        rows++;
    }
    CHECK(rows > 15);
    free(manual);
}

/* ---- config check ------------------------------------------------------------------------------------------ */
TEST(keys_and_files_are_looked_at_in_one_go)
{
    static const char yaml[] =
        "hostname: mail.example.org\nlisen: x\nrelay: {ca_file: roots.pem}\n"
        "tls: {certificates: [{certificate: a.pem, key: a.key}, {certificate: b.pem, key: gatepost.yml}]}\n"
        "sources:\n"
        "- {name: old, type: passwd-file, path: people}\n"
        "- {name: base, type: sql, uri: 'sqlite:base.db', query: SELECT $user}\n"
        "- {name: tree, type: ldap, uri: 'ldaps://a', base: b, bind_dn: c, password_file: tree.secret, ca_file: tree.pem}\n"
        "- {name: web, type: http, uri: 'https://a/', token_file: empty}\n"
        "- {name: sso, type: oauth, issuer: a, keys_file: keys.json, audience: a}\n";
    static const char *const told[] = { "gatepost.yml:2:",
                                        "roots.pem",
                                        "a.pem",
                                        "a.key",
                                        "b.pem",
                                        "gatepost.yml: is not a private key",
                                        "/people: No such file",
                                        "/base.db: No such file",
                                        "/tree.secret: No such file",
                                        "/tree.pem: No such file",
                                        "empty: its first line is empty",
                                        "/keys.json: No such file",
                                        "sso: that source of accounts lacks" };
    char dir[] = "/tmp/gatepost-cli-XXXXXX", line[64], path[CONFIG_PATH], empty[CONFIG_PATH], page[PAGE_ROOM];
    CHECK(mkdtemp(dir) && file_path(dir, "gatepost.yml", path) && file_write(path, 0600, gp_from(yaml)));
    CHECK(file_path(dir, "empty", empty) && file_write(empty, 0600, GP_LIT("\nx\n")));
    (void)snprintf(line, sizeof line, "config check --dir %s", dir);
    assert_int_equal(run(line, page), CLI_FAILED);
    for (size_t i = 0; i < GP_COUNT(told); i++)
        if (!strstr(page, told[i])) fail_msg("not told of %s: %s", told[i], page);
    CHECK(file_write(path, 0600, GP_LIT("hostname: [\n")));
    assert_int_equal(run(line, page), CLI_FAILED);
    CHECK(strstr(page, "not YAML") && !strstr(page, "tls/cert.pem")); /* what it names is not known */
    CHECK(unlink(path) == 0 && unlink(empty) == 0 && rmdir(dir) == 0);
}
