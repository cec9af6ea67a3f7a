/* gatepost audit show and export: the rows of both chains, for people, as JSON lines or as CSV. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/audit.h"

struct showing {
    struct audit_place_of   *audit;
    const struct audit_wish *wish;
    size_t                   rows;
    bool                     failed;
};

/* ---- forms ------------------------------------------------------------------------------------------------------------------- */
static void print_json(struct showing *s, json_t *row)
{
    if (json_dumpf(row, stdout, JSON_COMPACT) != 0 || putchar('\n') == EOF) s->failed = true;
}

/* What a table program would take for a formula is text to it with the quote. */
static void print_cell(const char *text)
{
    bool formula = text[0] && strchr("=+-@\t\r", text[0]);
    (void)fputs(formula ? "\"'" : "\"", stdout);
    for (; *text; text++) {
        if (*text == '"') (void)putchar('"');
        (void)putchar(*text);
    }
    (void)putchar('"');
}

static const char *const columns[] = { "chain",      "seq",      "when",     "event",  "account", "account_id",
                                       "credential", "queue_id", "incident", "erased", "data" };

static void print_value(struct showing *s, const json_t *value)
{
    char *dump = NULL;
    if (json_is_string(value))
        print_cell(json_string_value(value));
    else if (value && !json_is_null(value) && (dump = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY)))
        print_cell(dump);
    if (value && !json_is_string(value) && !json_is_null(value) && !dump) s->failed = true;
    free(dump);
}

static void print_csv(struct showing *s, const json_t *row)
{
    for (size_t i = 0; i < GP_COUNT(columns); i++) {
        if (i) (void)putchar(',');
        print_value(s, json_object_get(row, columns[i]));
    }
    (void)fputs("\r\n", stdout);
}

static void print_csv_head(void)
{
    for (size_t i = 0; i < GP_COUNT(columns); i++) (void)printf("%s%s", i ? "," : "", columns[i]);
    (void)fputs("\r\n", stdout);
}

static void print_word(const char *text)
{
    if (!text || !text[0]) return;
    (void)fputs("  ", stdout);
    cli_print(stdout, gp_from(text));
}

static void print_text_row(struct showing *s, const json_t *row)
{
    static const char *const words[]  = { "event", "account", "queue_id" };
    const char              *incident = json_string_value(json_object_get(row, "incident"));
    char                    *data     = json_dumps(json_object_get(row, "data"), JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
    (void)printf("%s  %s %" JSON_INTEGER_FORMAT, json_string_value(json_object_get(row, "when")),
                 json_string_value(json_object_get(row, "chain")), json_integer_value(json_object_get(row, "seq")));
    for (size_t i = 0; i < GP_COUNT(words); i++) print_word(json_string_value(json_object_get(row, words[i])));
    if (incident && incident[0]) (void)printf("  incident %s", incident);
    if (json_is_true(json_object_get(row, "erased")))
        (void)fputs("  (erased)", stdout);
    else
        print_word(data);
    (void)putchar('\n');
    if (!data) s->failed = true;
    free(data);
}

static void show_row(void *owner, enum audit_chain chain, const struct audit_row *row)
{
    struct showing *s    = owner;
    json_t         *json = audit_row_json(s->audit, chain, row, s->wish->pseudonyms);
    if (!json) {
        s->failed = true;
        return;
    }
    s->rows++;
    if (s->wish->csv)
        print_csv(s, json);
    else if (s->wish->json)
        print_json(s, json);
    else
        print_text_row(s, json);
    json_decref(json);
}

/* ---- the commands ---------------------------------------------------------------------------------------------------------------- */
static int show_all(const struct audit_wish *w)
{
    auto_audit     a = { .queue = NULL };
    struct showing s = { .audit = &a, .wish = w };
    if (!cli_audit_open(w->dir, &a)) return CLI_FAILED;
    if (w->csv) print_csv_head();
    int done = audit_each(&a, w, show_row, &s);
    if (done != CLI_DONE) return done;
    if (s.failed || fflush(stdout) != 0) {
        cli_problem("audit", "the rows could not all be written", "look for space where the output goes");
        return CLI_FAILED;
    }
    if (s.rows == 0 && !w->json && !w->csv) (void)puts("There is no such row.");
    return CLI_DONE;
}

#define FILTERS(w)                                                                                                     \
    { "account", CLI_VALUE, &(w).account, "NAME", "what is about this account" },                                      \
        { "address", CLI_VALUE, &(w).address, "ADDRESS", "what names this address of mail or of the network" },        \
        { "since", CLI_VALUE, &(w).since, "WHEN", "from then on: 2026-11-26, 2026-11-26T18:30 or 30d" },               \
        { "until", CLI_VALUE, &(w).until, "WHEN", "what was before" },                                                 \
        { "event", CLI_VALUE, &(w).event, "EVENT", "such rows only: sign-in, refused, accepted, delivered, ..." },     \
        { "queue-id", CLI_VALUE, &(w).queue_id, "ID", "what became of this message" },                                 \
        { "incident", CLI_VALUE, &(w).incident, "ID", "what this incident was" },                                      \
    {                                                                                                                  \
        "pseudonyms", CLI_FLAG, &(w).pseudonyms, NULL, "other names and addresses in place of the real ones"           \
    }

static int run_show(const struct cli_command *command, int argc, char **argv)
{
    struct audit_wish       w         = { 0 };
    size_t                  count     = 0;
    const struct cli_option options[] = {
        FILTERS(w), {"json", CLI_FLAG, &w.json, NULL, "JSON, a line a row"},
         { NULL,  CLI_FLAG, NULL,    NULL, NULL                }
    };
    int stop = cli_parse(command, options, argc, argv, &w.dir, NULL, 0, 0, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    return show_all(&w);
}

static int run_export(const struct cli_command *command, int argc, char **argv)
{
    struct audit_wish       w         = { 0 };
    size_t                  count     = 0;
    const struct cli_option options[] = {
        FILTERS(w),
        {"json", CLI_FLAG, &w.json, NULL, "JSON, a line a row (the default)"},
        { "csv", CLI_FLAG, &w.csv,  NULL, "CSV with a head line"            },
        { NULL,  CLI_FLAG, NULL,    NULL, NULL                              }
    };
    int stop = cli_parse(command, options, argc, argv, &w.dir, NULL, 0, 0, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    w.json = !w.csv;
    return show_all(&w);
}

#define USAGE                                                                                                          \
    "[--account NAME] [--address ADDRESS] [--since WHEN] [--until WHEN] [--event EVENT] [--queue-id ID]"               \
    " [--incident ID] [--pseudonyms] "
const struct cli_command cli_audit_show   = { "audit show", USAGE "[--json]", "show who did what, when", run_show };
const struct cli_command cli_audit_export = { "audit export", USAGE "[--json|--csv]",
                                              "write the audit as JSON lines or CSV", run_export };
