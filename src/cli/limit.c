/* gatepost limit set, show, clear: how much one account or one credential may send, where that is not what the configuration says. In
 * force at once; what is used is as the server wrote it, within the last second. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/credential.h"
#include "cli/limit.h"
#include "cli/queue.h"
#include "store/usage.h"

struct wish {
    const char *dir, *account, *what, *value, *credential; /* credential: label or id; NULL: the account itself */
    bool        json;
};
struct target {
    struct account    account;
    struct credential credential; /* its id 0: the account itself */
};

static bool find(struct user_store *s, const struct wish *w, struct target *t)
{
    *t = (struct target) { .credential = { .id = 0 } };
    if (!w->credential) return user_find(s, w->account, &t->account);
    bool found = credential_find(s, w->account, w->credential, &t->account, &t->credential);
    gp_wipe(&t->credential.verifier, sizeof(t->credential.verifier));
    return found;
}

/* ---- show ----------------------------------------------------------------------------------------------------------------------- */
static void put_rate(char *room, size_t size, const struct rate *rate)
{
    struct gp_text text = { .ptr = room, .room = size - 1 };
    rate_put(&text, rate);
    room[text.len] = '\0';
}

static bool show_sessions(json_t *json, const struct limit_row *row)
{
    char        number[RATE_TEXT];
    const char *from = row->own ? "own" : "configuration";
    (void)snprintf(number, sizeof number, "%u", row->most);
    const char *most = row->most ? number : "none";
    if (json)
        return json_array_append_new(json, json_pack("{s:s, s:s, s:s, s:n, s:n, s:s}", "credential", row->whose, "what",
                                                     row->what, "rate", most, "used", "burst", "from", from)) == 0;
    return printf("%-16s  %-15s  %-24s  %12s  %s\n", row->whose[0] ? row->whose : "-", row->what, most, "-",
                  row->own ? "its own" : from) > 0;
}

static bool show_row(void *json, const struct limit_row *row)
{
    char rate[RATE_TEXT];
    if (!row->rate) return show_sessions(json, row);
    put_rate(rate, sizeof rate, row->rate);
    if (json)
        return json_array_append_new(json, json_pack("{s:s, s:s, s:s, s:I, s:I, s:s}", "credential", row->whose, "what",
                                                     row->what, "rate", rate, "used", (json_int_t)row->used, "burst",
                                                     (json_int_t)row->rate->burst, "from",
                                                     row->own ? "own" : "configuration")) == 0;
    return printf("%-16s  %-15s  %-24s  %12" PRIu64 "  %s\n", row->whose[0] ? row->whose : "-", row->what, rate,
                  row->used, row->own ? "its own" : "configuration") > 0;
}

struct visit {
    struct user_store *store;
    enum limit_scope   scope;
    const char        *whose;
    bool (*each)(void *owner, const struct limit_row *);
    void *owner;
};

static gp_status visit_sessions(const struct visit *at, const struct own_limits *own)
{
    unsigned         usual = at->store->config.policy.limits.sessions;
    struct limit_row row   = { .whose = at->whose,
                               .what  = "sessions",
                               .most  = own->has_sessions ? own->sessions : usual,
                               .own   = own->has_sessions };
    if (!own->has_sessions && (at->scope != LIMIT_ACCOUNT || usual == 0)) return GP_OK;
    return at->each(at->owner, &row) ? GP_OK : GP_TEMPFAIL;
}

static gp_status visit_rates(const struct visit *at, int64_t account, int64_t credential)
{
    const struct limit_rules *usual = &at->store->config.policy.limits.scopes[at->scope];
    struct own_limits         own;
    struct limit_usage        usage;
    gp_status                 status = own_limits_load(at->store->accounts, account, credential, &own);
    if (status == GP_OK) status = usage_load(at->store->accounts, at->scope, credential ? credential : account, &usage);
    if (status != GP_OK) return status;
    for (size_t t = 0; t < LIMIT_THINGS; t++) {
        const struct rates *rates = own.has[t] ? &own.rules.things[t] : &usual->things[t];
        for (size_t i = 0; i < rates->count; i++) {
            const struct rate *rate = &rates->list[i];
            struct limit_row   row  = { .whose = at->whose,
                                        .what  = limit_thing_name((enum limit_thing)t),
                                        .rate  = rate,
                                        .used  = rate_used(rate, &usage.things[t][i], user_now()),
                                        .own   = own.has[t] };
            if (!at->each(at->owner, &row)) return GP_TEMPFAIL;
        }
    }
    return visit_sessions(at, &own);
}

static gp_status visit_credentials(struct visit *at, int64_t account)
{
    gp_status status, shown = GP_OK;
    auto_rows rows = credentials_of(at->store->accounts, account);
    do {
        struct credential c;
        status = credentials_next(&rows, &c);
        if (status != GP_OK) break;
        gp_wipe(&c.verifier, sizeof(c.verifier));
        at->whose = c.label[0] ? c.label : "(no label)";
        shown     = visit_rates(at, account, c.id);
        at->whose = "";
    } while (shown == GP_OK);
    return status == GP_PERMFAIL ? GP_OK : GP_TEMPFAIL;
}

gp_status limit_visit(struct user_store *s, int64_t account, bool (*each)(void *owner, const struct limit_row *),
                      void *owner)
{
    struct visit at     = { s, LIMIT_ACCOUNT, "", each, owner };
    gp_status    status = visit_rates(&at, account, 0);
    at.scope            = LIMIT_CREDENTIAL;
    return status == GP_OK ? visit_credentials(&at, account) : status;
}

static int show(struct user_store *s, const struct wish *w, const struct target *t)
{
    json_t *json = w->json ? json_array() : NULL;
    if (!w->json) (void)printf("%-16s  %-15s  %-24s  %12s  %s\n", "CREDENTIAL", "WHAT", "RATE", "USED", "FROM");
    gp_status status = limit_visit(s, t->account.id, show_row, json);
    if (status == GP_OK) return w->json ? user_print_json(json) : CLI_DONE;
    json_decref(json);
    return user_store_failed(s, w->account);
}

/* ---- set, clear -------------------------------------------------------------------------------------------------------------------- */
static int refused(struct user_store *s, const struct wish *w, gp_status status, const char *why)
{
    if (status == GP_TEMPFAIL) return user_store_failed(s, w->account);
    cli_problem(w->what ? w->what : w->account, why, "`gatepost limit show NAME` shows those that there are");
    return CLI_FAILED;
}

static int done(const struct wish *w, const struct target *t, const char *state)
{
    const char *what = w->what ? w->what : "all";
    if (w->json)
        return user_print_json(json_pack("{s:s, s:s, s:s}", "user", t->account.name, "limit", what, "state", state));
    return printf("%s: %s %s\n", t->account.name, what, state) < 0 ? CLI_FAILED : CLI_DONE;
}

static int set(struct user_store *s, const struct wish *w, const struct target *t)
{
    const char *why = "";
    gp_status   status =
        own_limit_set(s->accounts, t->account.id, t->credential.id, gp_from(w->what), gp_from(w->value), &why);
    return status == GP_OK ? done(w, t, "set") : refused(s, w, status, why);
}

static int clear(struct user_store *s, const struct wish *w, const struct target *t)
{
    const char *why    = "";
    gp_str      what   = w->what ? gp_from(w->what) : GP_LIT("");
    gp_status   status = own_limit_clear(s->accounts, t->account.id, t->credential.id, what, &why);
    return status == GP_OK ? done(w, t, "cleared") : refused(s, w, status, why);
}

/* ---- the three ------------------------------------------------------------------------------------------------------------------------ */
static const struct action {
    const struct cli_command *command;
    int (*act)(struct user_store *, const struct wish *, const struct target *);
    size_t least, most; /* words */
} actions[] = {
    {&cli_limit_set,    set,   3, 3},
    { &cli_limit_show,  show,  1, 1},
    { &cli_limit_clear, clear, 1, 2},
};

static int run(const struct cli_command *command, int argc, char **argv)
{
    enum { WORDS = 3 };
    struct wish       w = { .dir = NULL };
    struct target     t;
    const char       *words[WORDS] = { NULL, NULL, NULL };
    size_t            count = 0, i = 0;
    struct cli_option options[] = {
        {"credential", CLI_VALUE, &w.credential, "LABEL", "of this credential alone, by its label or id"},
        { "json",      CLI_FLAG,  &w.json,       NULL,    "print JSON"                                  },
        { NULL,        CLI_FLAG,  NULL,          NULL,    NULL                                          },
    };
    while (i + 1 < GP_COUNT(actions) && !gp_is(gp_from(command->name), actions[i].command->name)) i++;
    int stop = cli_parse(command, options, argc, argv, &w.dir, words, actions[i].least, actions[i].most, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    w.account             = words[0];
    w.what                = words[1];
    w.value               = words[2];
    auto_user_store store = { 0 };
    if (!user_store_open(w.dir, &store) || !find(&store, &w, &t)) return CLI_FAILED;
    return actions[i].act(&store, &w, &t);
}

const struct cli_command cli_limit_set   = { "limit set", "NAME WHAT RATES [--credential LABEL] [--json]",
                                             "how much an account may send, in place of what the configuration says",
                                             run };
const struct cli_command cli_limit_show  = { "limit show", "NAME [--json]",
                                             "the limits of an account, and how much of them is used", run };
const struct cli_command cli_limit_clear = { "limit clear", "NAME [WHAT] [--credential LABEL] [--json]",
                                             "let the configuration's limits hold for an account again", run };
