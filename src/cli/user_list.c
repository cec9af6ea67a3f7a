/* gatepost user list, gatepost user show: what there is, and how it was last used. */
#include <stdio.h>

#include "cli/credential.h"

/* ---- list ---------------------------------------------------------------------------------------------------------- */
struct listing {
    struct user_store *store;
    json_t            *json; /* NULL: as text */
    bool               failed;
};

/* The latest of its credentials. */
static struct credential last_used(struct user_store *s, const struct account *account, bool *failed)
{
    struct credential c, latest = { .last_used = 0 };
    gp_status         status;
    auto_rows         r = credentials_of(s->accounts, account->id);
    while ((status = credentials_next(&r, &c)) == GP_OK)
        if (c.last_used >= latest.last_used) latest = c;
    *failed = status != GP_PERMFAIL;
    gp_wipe(&c.verifier, sizeof(c.verifier));
    gp_wipe(&latest.verifier, sizeof(latest.verifier));
    return latest;
}

static bool list_one(void *owner, const struct account *account)
{
    struct listing *l = owner;
    char            when[USER_TIME_ROOM];
    if (l->json) {
        l->failed = json_array_append_new(l->json, user_json(l->store, account)) != 0;
        return !l->failed;
    }
    struct credential c = last_used(l->store, account, &l->failed);
    (void)printf("%-32s  %-8s  %-12s  %-20s  %s%s%s\n", account->name, account->disabled ? "disabled" : "enabled",
                 account->source[0] ? account->source : "store", user_time(c.last_used, when), c.last_mechanism,
                 c.last_from[0] ? " from " : "", c.last_from);
    return !l->failed;
}

static int list_all(struct user_store *s, bool json)
{
    struct listing l = { .store = s, .json = json ? json_array() : NULL };
    if (!json) (void)printf("%-32s  %-8s  %-12s  %-20s  %s\n", "NAME", "STATE", "FROM", "LAST USED", "HOW");
    if (accounts_each(s->accounts, list_one, &l) == GP_OK && !l.failed)
        return json ? user_print_json(l.json) : CLI_DONE;
    json_decref(l.json);
    return user_store_failed(s, "user list");
}

static int run_list(const struct cli_command *command, int argc, char **argv)
{
    bool        json = false;
    const char *dir  = NULL;
    int         stop = cli_parse_json(command, argc, argv, &dir, NULL, 0, &json);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    auto_user_store store = { 0 };
    return user_store_open(dir, &store) ? list_all(&store, json) : CLI_FAILED;
}

const struct cli_command cli_user_list = { "user list", "[--json]", "list the accounts", run_list };

/* ---- show ---------------------------------------------------------------------------------------------------------- */
static void print_address(void *owner, gp_str address)
{
    (void)owner;
    (void)printf("may send as  %.*s\n", (int)address.len, address.ptr);
}

static bool print_credentials(struct user_store *s, int64_t account)
{
    struct credential c;
    gp_status         status;
    auto_rows         r = credentials_of(s->accounts, account);
    while ((status = credentials_next(&r, &c)) == GP_OK) credential_print(&c, user_now());
    gp_wipe(&c.verifier, sizeof(c.verifier));
    return status == GP_PERMFAIL;
}

static int show_text(struct user_store *s, const struct account *account)
{
    char created[USER_TIME_ROOM];
    (void)printf("user         %s\nstate        %s\nmade         %s\n", account->name,
                 account->disabled ? "disabled" : "enabled", user_time(account->created, created));
    if (account->mechanisms[0]) (void)printf("mechanisms   %s\n", account->mechanisms);
    bool read = accounts_identities(s->accounts, account->id, print_address, NULL) == GP_OK &&
                print_credentials(s, account->id);
    return read ? CLI_DONE : user_store_failed(s, account->name);
}

static int show(struct user_store *s, const char *name, bool json)
{
    struct account account;
    if (!user_find(s, name, &account)) return CLI_FAILED;
    return json ? user_print_json(user_json(s, &account)) : show_text(s, &account);
}

static int run_show(const struct cli_command *command, int argc, char **argv)
{
    bool        json = false;
    const char *dir  = NULL, *name;
    int         stop = cli_parse_json(command, argc, argv, &dir, &name, 1, &json);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    auto_user_store store = { 0 };
    return user_store_open(dir, &store) ? show(&store, name, json) : CLI_FAILED;
}

const struct cli_command cli_user_show = { "user show", "NAME [--json]",
                                           "show one account: addresses, credentials, last use", run_show };
