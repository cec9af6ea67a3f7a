/* gatepost credential list, show: what there is, in which state, and how it was last used. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/credential.h"
#include "cli/queue.h"
#include "cli/when.h"

enum { STATE_ROOM = 96 };

/* ---- list ---------------------------------------------------------------------------------------------------------- */
struct listing {
    struct user_store *store;
    json_t            *json;                             /* NULL: as text */
    gp_time            now, unused_since, ending_before; /* 0: all */
    bool               failed;
};

/* When it ends by a date that is known; 0: it does not. */
static gp_time end_of(const struct credential *c)
{
    gp_time a = c->limits.expires, b = c->retires;
    if (!a || !b) return a ? a : b;
    return a < b ? a : b;
}

static bool is_wanted(const struct listing *l, const struct credential *c)
{
    gp_time used = c->last_used ? c->last_used : c->created;
    if (l->unused_since && used >= l->unused_since) return false;
    if (!l->ending_before) return true;
    return end_of(c) && end_of(c) < l->ending_before && credential_state(c, l->now) == CREDENTIAL_LIVE;
}

/* "source staff", "legacy generated"; other subjects are too long for a table, and `show` has them. */
static void put_kind(struct gp_text *out, const struct credential *c)
{
    if (c->limits.legacy) gp_put_z(out, "legacy ");
    gp_put_z(out, credential_kind_name(c->kind));
    if (c->kind != CREDENTIAL_SOURCE) return;
    gp_put_char(out, ' ');
    gp_put_z(out, c->subject);
}

static void print_row(const char *user, const struct credential *c, gp_time now)
{
    char           when[USER_TIME_ROOM], room[STATE_ROOM], kind_room[STATE_ROOM];
    struct gp_text state = { .ptr = room, .room = sizeof(room) - 1 },
                   kind  = { .ptr = kind_room, .room = sizeof(kind_room) - 1 };
    credential_put_state(&state, c, now);
    put_kind(&kind, c);
    room[state.len]     = '\0';
    kind_room[kind.len] = '\0';
    (void)printf("%-24s  %5" PRId64 "  %-16s  %-18s  %-37s  %-20s  %s%s", user, c->id, c->label, kind_room, room,
                 user_time(c->last_used, when), c->last_mechanism, c->last_from[0] ? " from " : "");
    print_text(gp_from(c->last_from));
    (void)putchar('\n');
}

static bool list_of(struct listing *l, const struct account *account)
{
    struct credential c;
    gp_status         status;
    auto_rows         r = credentials_of(l->store->accounts, account->id);
    while ((status = credentials_next(&r, &c)) == GP_OK) {
        if (!is_wanted(l, &c)) continue;
        if (!l->json)
            print_row(account->name, &c, l->now);
        else if (json_array_append_new(l->json, credential_json(account->name, &c, l->now)) != 0)
            break;
    }
    gp_wipe(&c.verifier, sizeof(c.verifier));
    return status == GP_PERMFAIL;
}

static bool list_one(void *owner, const struct account *account)
{
    struct listing *l = owner;
    l->failed         = !list_of(l, account);
    return !l->failed;
}

static int list(struct listing *l, const char *user)
{
    struct account account;
    if (user && !user_find(l->store, user, &account)) return CLI_FAILED;
    if (!l->json)
        (void)printf("%-24s  %5s  %-16s  %-18s  %-37s  %-20s  %s\n", "USER", "ID", "LABEL", "KIND", "STATE",
                     "LAST USED", "HOW");
    if (user)
        l->failed = !list_of(l, &account);
    else if (accounts_each(l->store->accounts, list_one, l) != GP_OK)
        l->failed = true;
    return l->failed ? user_store_failed(l->store, "credential list") : CLI_DONE;
}

static bool read_filter(const char *option, const char *given, gp_time now, gp_time *out,
                        bool (*read)(gp_str, gp_time, gp_time *, const char **))
{
    const char *why = "";
    if (!given || read(gp_from(given), now, out, &why)) return true;
    cli_problem(option, why, NULL);
    return false;
}

static int run_list(const struct cli_command *command, int argc, char **argv)
{
    bool              json = false;
    const char       *dir = NULL, *user = NULL, *since = NULL, *ending = NULL;
    size_t            count;
    struct listing    l         = { .now = user_now() };
    struct cli_option options[] = {
        {"unused-since", CLI_VALUE, &since,  "DATE", "those last used (or made) before then: a date, or 90d ago"     },
        { "expiring",    CLI_VALUE, &ending, "SPAN", "those in force that end within that time, as 30d, or by a date"},
        { "json",        CLI_FLAG,  &json,   NULL,   "print JSON"                                                    },
        { NULL,          CLI_FLAG,  NULL,    NULL,   NULL                                                            },
    };
    int stop = cli_parse(command, options, argc, argv, &dir, &user, 0, 1, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    if (!read_filter("--unused-since", since, l.now, &l.unused_since, since_read) ||
        !read_filter("--expiring", ending, l.now, &l.ending_before, when_read))
        return CLI_WRONG_USE;
    auto_user_store s = { 0 };
    if (!user_store_open(dir, &s)) return CLI_FAILED;
    l.store  = &s;
    l.json   = json ? json_array() : NULL;
    int done = list(&l, count ? user : NULL);
    if (done == CLI_DONE && json) return user_print_json(l.json);
    json_decref(l.json);
    return done;
}

const struct cli_command cli_credential_list = { "credential list",
                                                 "[USER] [--unused-since DATE] [--expiring SPAN] [--json]",
                                                 "list credentials, their state and their last use", run_list };

/* ---- show ---------------------------------------------------------------------------------------------------------- */
static int show(struct user_store *s, const char *const *words, bool json)
{
    struct account    account;
    struct credential c;
    if (!credential_find(s, words[0], words[1], &account, &c)) return CLI_FAILED;
    int done = CLI_DONE;
    if (json) {
        done = user_print_json(credential_json(account.name, &c, user_now()));
    } else {
        (void)printf("user         %s%s\n", account.name, account.disabled ? " (disabled)" : "");
        credential_print(&c, user_now());
    }
    gp_wipe(&c.verifier, sizeof(c.verifier));
    return done;
}

static int run_show(const struct cli_command *command, int argc, char **argv)
{
    bool        json = false;
    const char *dir  = NULL, *words[2];
    int         stop = cli_parse_json(command, argc, argv, &dir, words, 2, &json);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    auto_user_store s = { 0 };
    return user_store_open(dir, &s) ? show(&s, words, json) : CLI_FAILED;
}

const struct cli_command cli_credential_show = { "credential show", "USER LABEL|ID [--json]",
                                                 "show one credential: restrictions, state, last use", run_show };
