/* Lines as they leave: caught in a pipe that stands in for stderr. */
#include "ops/log.h"

#include "check.h"

#include <jansson.h>
#include <regex.h>
#include <string.h>
#include <unistd.h>

static char caught[8192];

/* What one event writes, time stamp and pid cut off where they are of no interest. */
static gp_str line_of(enum log_level level, const char *event, const struct log_field *fields)
{
    int ends[2], kept = dup(STDERR_FILENO);
    CHECK(pipe(ends) == 0);
    CHECK(dup2(ends[1], STDERR_FILENO) >= 0);
    log_event(level, event, fields);
    CHECK(dup2(kept, STDERR_FILENO) >= 0);
    close(kept);
    close(ends[1]);
    ssize_t len = read(ends[0], caught, sizeof caught - 1); /* one write, so one read */
    close(ends[0]);
    CHECK(len >= 0);
    caught[len] = '\0';
    return (gp_str) { caught, (size_t)len };
}

/* clang-format off */
#define LINE(level, event, ...) \
    line_of((level), (event), (const struct log_field[]){ __VA_ARGS__, { NULL, { NULL, 0 }, 0 } })
/* clang-format on */

static bool is_like(const char *pattern)
{
    regex_t regex;
    CHECK(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) == 0);
    bool like = regexec(&regex, caught, 0, NULL, 0) == 0;
    regfree(&regex);
    if (!like) print_error("%s\nis not like %s\n", caught, pattern);
    return like;
}

static gp_str tail_of(gp_str line)
{
    const char *at = strstr(line.ptr, "event=e ");
    CHECK(at);
    return gp_from(at + strlen("event=e "));
}

TEST(a_line_says_when_who_and_what)
{
    log_open("vault", LOG_LOGFMT, LOG_INFO);
    LINE(LOG_WARN, "sign-in", LOG_Z("account", "joe"), LOG_N("session", -7));
    CHECK(is_like(
        "^time=20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\\.[0-9]{3}Z level=warn role=vault "
        "pid=[0-9]+ event=sign-in account=joe session=-7\n$"));
}

TEST(values_are_escaped)
{
    static const struct {
        const char *value, *line;
    } cases[] = {
        {"bare",                         "v=bare\n"                                },
        { "",                            "v=\"\"\n"                                },
        { "two words",                   "v=\"two words\"\n"                       },
        { "a=b",                         "v=\"a=b\"\n"                             },
        { "x\nlevel=error event=forged", "v=\"x\\u000alevel=error event=forged\"\n"},
        { "\" admin=\"yes",              "v=\"\\\" admin=\\\"yes\"\n"              },
        { "back\\slash",                 "v=\"back\\\\slash\"\n"                   },
        { "\x1b[2J",                     "v=\"\\u001b[2J\"\n"                      },
        { "\xc2\x9b"
          "2J",                 "v=\"\\u009b2J\"\n"                       },
        { "p\xc3\xa4ss",                 "v=\"p\xc3\xa4ss\"\n"                     },
        { "p\xe4"
          "ss",                 "v=\"p\\u00e4ss\"\n"                      },
        { "\x7f",                        "v=\"\\u007f\"\n"                         },
    };
    log_open("t", LOG_LOGFMT, LOG_INFO);
    for (size_t i = 0; i < GP_COUNT(cases); i++)
        CHECK_IS(tail_of(LINE(LOG_INFO, "e", LOG_Z("v", cases[i].value))), cases[i].line);
}

TEST(what_is_absent_is_left_out_and_nought_is_not)
{
    log_open("t", LOG_LOGFMT, LOG_INFO);
    CHECK_IS(tail_of(LINE(LOG_INFO, "e", LOG_S("none", GP_NONE), LOG_N("nought", 0), LOG_Z("null", NULL))),
             "nought=0\n");
}

TEST(below_the_least_level_nothing_is_written)
{
    log_open("t", LOG_LOGFMT, LOG_WARN);
    CHECK_IS(LINE(LOG_INFO, "e", LOG_N("n", 1)), "");
    CHECK(LINE(LOG_WARN, "e", LOG_N("n", 1)).len > 0);
}

TEST(a_line_too_long_loses_whole_fields_and_says_so)
{
    char big[2000];
    memset(big, '\n', sizeof big);
    gp_str value = { big, sizeof big };
    log_open("t", LOG_LOGFMT, LOG_INFO);
    gp_str line = LINE(LOG_INFO, "e", LOG_S("big", value), LOG_N("after", 5));
    CHECK(line.len <= 4096);
    CHECK_IS(tail_of(line), "after=5 cut=yes\n");
}

TEST(a_value_is_shortened_between_characters)
{
    char           big[1500];
    struct gp_text euros = GP_TEXT(big);
    while (!euros.cut) gp_put_z(&euros, "\xe2\x82\xac");
    log_open("t", LOG_JSON, LOG_INFO);
    gp_str  line = LINE(LOG_INFO, "e", LOG_S("v", gp_said(&euros)));
    json_t *root = json_loadb(line.ptr, line.len, 0, NULL);
    CHECK(root);
    CHECK(strlen(json_string_value(json_object_get(root, "v"))) == 1023);
    json_decref(root);
}

/* Whatever a client says, a JSON line is one line, reads as JSON, and has the fields that were given and no other. */
PROPERTY(log_lines_hold, bytes)
{
    log_open("t", LOG_JSON, LOG_INFO);
    gp_str  line = LINE(LOG_INFO, "e", LOG_S("v", bytes), LOG_N("n", 12));
    json_t *root = json_loadb(line.ptr, line.len, JSON_ALLOW_NUL, NULL);
    CHECK(root);
    CHECK(gp_find(line, '\n') == line.len - 1);
    size_t fields = json_object_size(root);
    CHECK(fields == 7 || json_object_get(root, "cut"));
    CHECK(json_integer_value(json_object_get(root, "n")) == 12);
    json_decref(root);

    log_open("t", LOG_LOGFMT, LOG_INFO);
    line = LINE(LOG_INFO, "e", LOG_S("v", bytes));
    CHECK(gp_find(line, '\n') == line.len - 1);
}
