/* gatepost report: what policies in shadow would have refused or held, by rule and account, and who still uses what may be switched
 * off one day; both counted by the vault (store/tally.h). And credentials of old devices, and those that nobody uses, or that are old. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/queue.h"
#include "cli/report.h"
#include "cli/when.h"
#include "store/tally.h"

enum { TEXT_MOST = 640 };

struct wish {
    const char *dir, *since, *rule, *account, *unused, *made;
    bool        tls, send_now, json;
};
struct report {
    const struct wish *wish;
    struct user_store *store;
    int64_t            account; /* 0: of all */
    json_t            *json;    /* NULL: as text */
    const char        *title;   /* of the part that is open */
    size_t             rows;
    /* of the rule whose rows are being shown */
    enum report_kind   kind;
    char               rule[TALLY_NAME];
    int64_t            last_account;
    size_t             accounts;
};

/* ---- rows ---------------------------------------------------------------------------------------------------------- */
static bool is_wanted(const struct report *r, const struct report_row *row)
{
    if (r->account && row->account_id != r->account) return false;
    return !r->wish->rule || gp_starts(gp_from(row->rule), r->wish->rule);
}

static bool add_row(const struct report *r, const struct report_row *row)
{
    static const char *const kinds[REPORT_KINDS] = {
        [REPORT_SHADOW] = "shadow", [REPORT_USE] = "use", [REPORT_LANE] = "lane", [REPORT_CREDENTIAL] = "credential"
    };
    char           next_room[TEXT_MOST], switch_room[TEXT_MOST];
    struct gp_text next = GP_TEXT(next_room), yaml = GP_TEXT(switch_room);
    report_put_next(&next, row);
    report_put_switch(&yaml, &r->store->config, row->rule);
    json_t *json = json_pack("{s:s, s:s, s:s, s:I, s:s, s:I, s:o, s:o, s:o, s:o, s:o}", "kind", kinds[row->kind],
                             "rule", row->rule, "account", row->account, "credential", (json_int_t)row->credential,
                             "label", row->label, "count", (json_int_t)row->count, "first", user_time_json(row->first),
                             "last", user_time_json(row->last), "example", text_json(gp_from(row->example)), "next",
                             text_json(gp_said(&next)), "switch", text_json(gp_said(&yaml)));
    return json_array_append_new(r->json, json) == 0;
}

/* What all of its rows were for. */
static void end_rule(struct report *r)
{
    char           room[TEXT_MOST];
    struct gp_text yaml = { .ptr = room, .room = sizeof(room) - 1 };
    if (r->rule[0]) report_put_switch(&yaml, &r->store->config, r->rule);
    room[yaml.len] = '\0';
    if (yaml.len > 0 && r->kind == REPORT_SHADOW)
        (void)printf("  to enforce it, in gatepost.yml: %s\n    which would have met %zu account%s\n", room,
                     r->accounts, r->accounts == 1 ? "" : "s");
    if (yaml.len > 0 && r->kind == REPORT_USE)
        (void)printf(
            "  to switch it off, in gatepost.yml: %s\n    after which %zu account%s cannot sign in like that\n", room,
            r->accounts, r->accounts == 1 ? "" : "s");
    r->rule[0]      = '\0';
    r->accounts     = 0;
    r->last_account = -1;
}

static void begin_rule(struct report *r, const struct report_row *row)
{
    static const char *const titles[REPORT_KINDS] = { [REPORT_SHADOW]     = "WOULD HAVE BEEN REFUSED OR HELD",
                                                      [REPORT_USE]        = "STILL IN USE",
                                                      [REPORT_LANE]       = "OLD DEVICES, AND MESSAGES",
                                                      [REPORT_CREDENTIAL] = "CREDENTIALS OUT OF USE, OR OLD" };
    if (r->rule[0] && r->kind == row->kind && gp_is(gp_from(r->rule), row->rule)) return;
    end_rule(r);
    if (r->title != titles[row->kind])
        (void)printf("%s%-31s  %-24s  %-16s  %7s  %s\n", r->title ? "\n" : "", titles[row->kind], "ACCOUNT",
                     "CREDENTIAL", "COUNT", "LAST");
    r->title = titles[row->kind];
    r->kind  = row->kind;
    if (!gp_copy_z(gp_from(row->rule), r->rule, sizeof(r->rule))) r->rule[0] = '\0';
}

static void print_row(struct report *r, const struct report_row *row)
{
    char           when[USER_TIME_ROOM], id[USER_TIME_ROOM], room[TEXT_MOST];
    struct gp_text next = { .ptr = room, .room = sizeof(room) - 1 };
    (void)snprintf(id, sizeof(id), "%" PRId64, row->credential);
    begin_rule(r, row);
    r->accounts += row->account_id != r->last_account;
    r->last_account = row->account_id;
    (void)printf("%-31s  %-24s  %-16s  %7" PRId64 "  %s\n", row->rule, row->account[0] ? row->account : "-",
                 row->label[0] ? row->label : (row->credential ? id : "-"), row->count, user_time(row->last, when));
    if (row->example[0]) {
        (void)fputs(row->kind == REPORT_CREDENTIAL ? "  is:   " : "  last: ", stdout);
        print_text(gp_from(row->example));
        (void)putchar('\n');
    }
    report_put_next(&next, row);
    room[next.len] = '\0';
    if (next.len > 0) (void)printf("  next: %s\n", room);
}

static bool take_row(void *owner, const struct report_row *row)
{
    struct report *r = owner;
    if (!is_wanted(r, row)) return true;
    r->rows++;
    if (r->json) return add_row(r, row);
    print_row(r, row);
    return true;
}

static bool take_sum(void *owner, const struct tally_sum *s)
{
    const struct tally *t = &s->tally;
    if (gp_is(gp_from(t->name), REPORT_LANE_RULE)) return true; /* has a part of its own */
    struct report_row row = { .kind       = t->kind == TALLY_USE ? REPORT_USE : REPORT_SHADOW,
                              .rule       = t->name,
                              .account    = s->account,
                              .label      = s->label,
                              .account_id = t->account,
                              .credential = t->credential,
                              .count      = t->count,
                              .first      = t->first,
                              .last       = t->last,
                              .example    = t->example };
    return take_row(owner, &row);
}

/* ---- the whole ------------------------------------------------------------------------------------------------------- */
static int report(struct user_store *s, struct report *r, gp_time since, const struct report_ages *ages)
{
    gp_status status = tally_each(s->accounts, tally_day(since), take_sum, r);
    if (status == GP_OK) status = report_lane(s, since, take_row, r);
    if (status == GP_OK) status = report_old(s, ages, take_row, r);
    if (status != GP_OK) return user_store_failed(s, "report");
    if (r->json) return user_print_json(json_incref(r->json));
    end_rule(r);
    if (r->rows == 0)
        (void)puts(
            "Nothing in that time: no policy in shadow would have refused or held anything, nothing old was used, "
            "and no credential is out of use.");
    return CLI_DONE;
}

static bool read_date(const char *option, const char *given, const char *usual, gp_time *out)
{
    const char *why = "";
    if (since_read(gp_from(given ? given : usual), user_now(), out, &why)) return true;
    cli_problem(option, why, NULL);
    return false;
}

static int act(const struct wish *w)
{
    struct report      r    = { .wish = w };
    struct report_ages ages = { .now = user_now() };
    struct account     account;
    gp_time            since = 0;
    if (!read_date("--since", w->since, "30d", &since) ||
        !read_date("--unused-since", w->unused, "90d", &ages.unused_since) ||
        !read_date("--made-before", w->made, "365d", &ages.made_before))
        return CLI_WRONG_USE;
    if (w->send_now) return report_tls_hurry(w->dir);
    if (w->tls) return report_tls(w->dir, since, w->json);
    auto_user_store s = { 0 };
    if (!user_store_open(w->dir, &s)) return CLI_FAILED;
    if (w->account && !user_find(&s, w->account, &account)) return CLI_FAILED;
    r.store   = &s;
    r.account = w->account ? account.id : 0;
    r.json    = w->json ? json_array() : NULL;
    int done  = report(&s, &r, since, &ages);
    json_decref(r.json);
    return done;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
    struct wish       w         = { .dir = NULL };
    size_t            count     = 0;
    struct cli_option options[] = {
        {"since",         CLI_VALUE, &w.since,    "DATE",
         "counts from then on: a date, or 7d ago; without it 30d; 90 days are kept"                                         },
        { "unused-since", CLI_VALUE, &w.unused,   "DATE",
         "credentials that were not used (or made) since then; without it 90d"                                              },
        { "made-before",  CLI_VALUE, &w.made,     "DATE", "and those that are older; without it 365d"                       },
        { "rule",         CLI_VALUE, &w.rule,     "RULE", "those rules alone whose name begins so: identity, limits.account"},
        { "account",      CLI_VALUE, &w.account,  "NAME", "that account alone"                                              },
        { "tls",          CLI_FLAG,  &w.tls,      NULL,   "instead, how TLS went with other domains' mail hosts, by day"    },
        { "send-now",     CLI_FLAG,  &w.send_now, NULL,
         "send the reports of that which wait, of days that are over (tls_reports.send)"                                    },
        { "json",         CLI_FLAG,  &w.json,     NULL,   "print JSON"                                                      },
        { NULL,           CLI_FLAG,  NULL,        NULL,   NULL                                                              },
    };
    int stop = cli_parse(command, options, argc, argv, &w.dir, NULL, 0, 0, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    return act(&w);
}

const struct cli_command cli_report = {
    "report",
    "[--since DATE] [--rule RULE] [--account NAME] [--unused-since DATE] [--made-before DATE] [--tls] [--send-now] [--json]",
    "what policies in shadow would have refused, what is still in use, old devices, and what nobody uses", run
};
