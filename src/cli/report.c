/* gatepost report: what policies in shadow would have refused or held, by rule and account, and who still uses what may be switched
 * off one day. The vault counts; see store/tally.h. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/queue.h"
#include "cli/user.h"
#include "cli/when.h"
#include "store/tally.h"

struct wish {
    const char *dir, *since, *rule, *account;
    bool        json;
};
struct report {
    const struct wish *wish;
    int64_t            account; /* 0: of all */
    json_t            *json;    /* NULL: as text */
    const char        *title;   /* of the part that is open */
    size_t             rows;
};

/* ---- what to do about it ------------------------------------------------------------------------------------------- */
/* A rule is found by how its name begins. */
static const struct {
    const char *rule, *next;
} steps[] = {
    {"guard",      "none, if these are guessers; an old device of the account needs the new password"         },
    { "identity",  "let the account send as that address: `gatepost user show NAME` has those that it may use"},
    { "limits",    "tell the account's owner, or raise it for that account: `gatepost limit set NAME`"        },
    { "brake",     "look at what it sent: `gatepost explain NAME`; was it right, the brake can be enforced"   },
    { "mechanism", "set the client up anew: `gatepost credential settings` prints what it needs"              },
    { "tls",       "update the client"                                                                        },
};

static const char *next_of(const struct tally *t)
{
    for (size_t i = 0; i < GP_COUNT(steps); i++)
        if (gp_starts(gp_from(t->name), steps[i].rule)) return steps[i].next;
    return "";
}

/* ---- rows ---------------------------------------------------------------------------------------------------------- */
static bool is_wanted(const struct report *r, const struct tally *t)
{
    if (r->account && t->account != r->account) return false;
    return !r->wish->rule || gp_starts(gp_from(t->name), r->wish->rule);
}

static bool add_row(const struct report *r, const struct tally_sum *s)
{
    const struct tally *t = &s->tally;
    json_t             *row =
        json_pack("{s:s, s:s, s:s, s:I, s:s, s:I, s:o, s:o, s:s, s:s}", "kind", t->kind == TALLY_USE ? "use" : "shadow",
                  "rule", t->name, "account", s->account, "credential", (json_int_t)t->credential, "label", s->label,
                  "count", (json_int_t)t->count, "first", user_time_json(t->first), "last", user_time_json(t->last),
                  "example", t->example, "next", next_of(t));
    return json_array_append_new(r->json, row) == 0;
}

static void print_title(struct report *r, const struct tally *t)
{
    static const char *const titles[TALLY_KINDS] = {
        [TALLY_SHADOW] = "WOULD HAVE BEEN REFUSED OR HELD", [TALLY_USE] = "STILL IN USE"
    };
    if (r->title == titles[t->kind]) return;
    (void)printf("%s%-28s  %-24s  %-16s  %7s  %s\n", r->title ? "\n" : "", titles[t->kind], "ACCOUNT", "CREDENTIAL",
                 "COUNT", "LAST");
    r->title = titles[t->kind];
}

static void print_row(struct report *r, const struct tally_sum *s)
{
    const struct tally *t = &s->tally;
    char                when[USER_TIME_ROOM], id[USER_TIME_ROOM];
    (void)snprintf(id, sizeof(id), "%" PRId64, t->credential);
    print_title(r, t);
    (void)printf("%-31s  %-24s  %-16s  %7" PRId64 "  %s\n", t->name, s->account[0] ? s->account : "-",
                 s->label[0] ? s->label : (t->credential ? id : "-"), t->count, user_time(t->last, when));
    if (t->example[0]) {
        (void)fputs("  last: ", stdout);
        print_text(gp_from(t->example));
        (void)putchar('\n');
    }
    if (t->kind == TALLY_SHADOW && next_of(t)[0]) (void)printf("  next: %s\n", next_of(t));
}

static bool take_row(void *owner, const struct tally_sum *s)
{
    struct report *r = owner;
    if (!is_wanted(r, &s->tally)) return true;
    r->rows++;
    if (r->json) return add_row(r, s);
    print_row(r, s);
    return true;
}

static int report(struct user_store *s, struct report *r, gp_time since)
{
    gp_status status = tally_each(s->accounts, tally_day(since), take_row, r);
    if (status != GP_OK) return user_store_failed(s, "report");
    if (r->json) return user_print_json(json_incref(r->json));
    if (r->rows == 0) (void)puts("Nothing in that time: no policy in shadow would have refused or held anything.");
    return CLI_DONE;
}

static int act(const struct wish *w)
{
    static const char unless[] = "30d";
    struct report     r        = { .wish = w };
    struct account    account;
    gp_time           since = 0;
    const char       *why   = "";
    if (!since_read(gp_from(w->since ? w->since : unless), user_now(), &since, &why)) {
        cli_problem("--since", why, NULL);
        return CLI_WRONG_USE;
    }
    auto_user_store s;
    if (!user_store_open(w->dir, &s)) return CLI_FAILED;
    if (w->account && !user_find(&s, w->account, &account)) return CLI_FAILED;
    r.account = w->account ? account.id : 0;
    r.json    = w->json ? json_array() : NULL;
    int done  = report(&s, &r, since);
    json_decref(r.json);
    return done;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
    struct wish       w         = { .dir = NULL };
    size_t            count     = 0;
    struct cli_option options[] = {
        {"since",    CLI_VALUE, &w.since,   "DATE", "from then on: a date, or 7d ago; without it 30d; 90 days are kept"},
        { "rule",    CLI_VALUE, &w.rule,    "RULE", "those rules alone whose name begins so: identity, limits.account" },
        { "account", CLI_VALUE, &w.account, "NAME", "that account alone"                                               },
        { "json",    CLI_FLAG,  &w.json,    NULL,   "print JSON"                                                       },
        { NULL,      CLI_FLAG,  NULL,       NULL,   NULL                                                               },
    };
    int stop = cli_parse(command, options, argc, argv, &w.dir, NULL, 0, 0, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    return act(&w);
}

const struct cli_command cli_report = { "report", "[--since DATE] [--rule RULE] [--account NAME] [--json]",
                                        "what policies in shadow would have refused, and what is still in use", run };
