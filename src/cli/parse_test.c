/* Options and words of a command line, right and wrong; what is printed is thrown away. */
#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

enum { ARGS = 12, WORDS = 2 };

static bool                    json;
static const char             *as;
static struct cli_many         send_as;
static const struct cli_option options[] = {
    {"json",     CLI_FLAG,  &json,    NULL,      "print JSON"    },
    { "as",      CLI_VALUE, &as,      "NAME",    "a value"       },
    { "send-as", CLI_MANY,  &send_as, "ADDRESS", "several values"},
    { NULL,      CLI_FLAG,  NULL,     NULL,      NULL            },
};
static const struct cli_command command = { "user test", "NAME", "tests", NULL };
static const char              *dir, *words[WORDS];
static size_t                   count;

/* stdout and stderr go to /dev/null meanwhile: help and problems are meant for people. */
static int parse(const char *line)
{
    static char text[256]; /* the words point into it */
    char       *argv[ARGS];
    int         argc = 0, out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
    (void)snprintf(text, sizeof text, "%s", line);
    for (char *at = text; *at && argc < ARGS; at++) { /* single blanks between */
        argv[argc++] = at;
        at += strcspn(at, " ");
        if (!*at) break;
        *at = '\0';
    }
    json    = false;
    as      = NULL;
    send_as = (struct cli_many) { 0 };
    (void)fflush(NULL);
    CHECK(freopen("/dev/null", "w", stdout) && freopen("/dev/null", "w", stderr));
    int stop = cli_parse(&command, options, argc, argv, &dir, words, 1, WORDS, &count);
    (void)fflush(NULL);
    CHECK(dup2(out, STDOUT_FILENO) >= 0 && dup2(err, STDERR_FILENO) >= 0);
    close(out);
    close(err);
    return stop;
}

TEST(options_stand_anywhere_among_the_words)
{
    CHECK(parse("--json one --as=x --send-as a@b two --send-as=c@d --dir /x") == CLI_DONE);
    CHECK(json && strcmp(as, "x") == 0 && strcmp(dir, "/x") == 0 && count == 2);
    CHECK(strcmp(words[0], "one") == 0 && strcmp(words[1], "two") == 0);
    CHECK(send_as.count == 2 && strcmp(send_as.values[1], "c@d") == 0);
}

TEST(two_dashes_end_the_options)
{
    CHECK(parse("-- --json -x") == CLI_DONE);
    CHECK(!json && count == 2 && strcmp(words[0], "--json") == 0 && strcmp(words[1], "-x") == 0);
    CHECK(parse("-") == CLI_DONE && count == 1);
}

TEST(wrong_use_is_refused)
{
    static const char
        *const wrong[] = { "",         "one two three", "one --nonsense", "one --jso",  "one --json=yes",
                           "one --as", "one -j",        "one --dir",      "one --as --" /* takes "--" as its value */ };
    for (size_t i = 0; i + 1 < GP_COUNT(wrong); i++)
        if (parse(wrong[i]) != CLI_WRONG_USE) fail_msg("\"%s\" was accepted", wrong[i]);
    CHECK(parse(wrong[GP_COUNT(wrong) - 1]) == CLI_DONE && strcmp(as, "--") == 0);
}

TEST(too_many_of_one_option_are_refused)
{
    struct cli_many full = { .count = CLI_MANY_MOST };
    send_as              = full;
    char *one[]          = { (char[]) { "--send-as" }, (char[]) { "a@b" } };
    CHECK(cli_parse(&command, options, 2, one, &dir, words, 0, WORDS, &count) == CLI_WRONG_USE);
}

TEST(help_is_answered_whatever_else_stands_there)
{
    CHECK(parse("--help") == -1 && parse("one two three -h --nonsense") == -1);
    CHECK(parse("one -- --help") == CLI_DONE);
}

TEST(the_directory_comes_from_the_environment_when_not_said)
{
    CHECK(setenv("GATEPOST_DIR", "/from/environment", 1) == 0);
    CHECK(parse("one") == CLI_DONE && strcmp(dir, "/from/environment") == 0);
    CHECK(parse("one --dir=/said") == CLI_DONE && strcmp(dir, "/said") == 0);
    CHECK(unsetenv("GATEPOST_DIR") == 0);
}

static bool read_by(bool (*take)(char *, size_t, size_t *), const char *input, size_t len, char *out, size_t room,
                    size_t *got)
{
    int ends[2], in = dup(STDIN_FILENO);
    CHECK(pipe(ends) == 0 && write(ends[1], input, len) == (ssize_t)len);
    close(ends[1]);
    CHECK(dup2(ends[0], STDIN_FILENO) == STDIN_FILENO);
    close(ends[0]);
    bool taken = take(out, room, got);
    CHECK(dup2(in, STDIN_FILENO) == STDIN_FILENO);
    close(in);
    return taken;
}

static bool secret_of(const char *input, size_t len, char *out, size_t room, size_t *got)
{
    return read_by(cli_secret_from_stdin, input, len, out, room, got);
}

TEST(a_secret_is_one_line)
{
    char   out[8];
    size_t len;
    CHECK(secret_of("secret\nmore", 11, out, sizeof out, &len) && len == 6 && memcmp(out, "secret", 6) == 0);
    CHECK(secret_of("secret\r\n", 8, out, sizeof out, &len) && len == 6);
    CHECK(secret_of("a b c", 5, out, sizeof out, &len) && len == 5);
    CHECK(!secret_of("", 0, out, sizeof out, &len) && !secret_of("\n", 1, out, sizeof out, &len));
    CHECK(!secret_of("123456789", 9, out, sizeof out, &len)); /* too long */
    CHECK(read_by(cli_line_from_stdin, "\nmore", 5, out, sizeof out, &len) && len == 0);
    CHECK(!read_by(cli_line_from_stdin, "", 0, out, sizeof out, &len));
}

TEST(a_domain_with_letters_beyond_ascii_is_shown_as_dns_has_it)
{
    static const struct {
        const char *name, *hint;
    } rows[] = {
        {"b\xc3\xbc"
          "cher.example", "write it as DNS has it: xn--bcher-kva.example"},
        { "a b.example",           "otherwise"                                    },
        { "\xc3\xbc b.x",          "otherwise"                                    },
        { "\xff.example",          "otherwise"                                    },
        { "",                      "otherwise"                                    },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++)
        assert_string_equal(cli_domain_hint(rows[i].name, "otherwise"), rows[i].hint);
}
