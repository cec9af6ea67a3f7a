/* gatepost user disable, enable, delete: in force at once, also for sessions that are signed in. */
#include <stdio.h>
#include <string.h>

#include "cli/user.h"

static gp_status disable(struct user_store *s, int64_t account)
{
    return accounts_set_disabled(s->accounts, account, true);
}

static gp_status enable(struct user_store *s, int64_t account)
{
    return accounts_set_disabled(s->accounts, account, false);
}

static gp_status delete (struct user_store *s, int64_t account)
{
    return accounts_delete(s->accounts, account);
}

static const struct change {
    const struct cli_command *command;
    gp_status (*make)(struct user_store *, int64_t account);
    const char *done;
} changes[] = {
    {&cli_user_disable, disable, "disabled"},
    { &cli_user_enable, enable,  "enabled" },
    { &cli_user_delete, delete,  "deleted" },
};

/* NULL: none of these. */
static const struct change *change_of(const struct cli_command *command)
{
    for (size_t i = 0; i < GP_COUNT(changes); i++)
        if (gp_is(gp_from(command->name), changes[i].command->name)) return &changes[i];
    return NULL;
}

static int make(struct user_store *s, const struct change *change, const char *name, bool json)
{
    struct account account;
    if (!change || !user_find(s, name, &account)) return CLI_FAILED;
    if (change->make(s, account.id) != GP_OK) return user_store_failed(s, name);
    if (json) return user_print_json(json_pack("{s:s, s:s}", "user", account.name, "state", change->done));
    return printf("%s: %s\n", account.name, change->done) < 0 ? CLI_FAILED : CLI_DONE;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
    bool        json = false;
    const char *dir  = NULL, *name;
    int         stop = cli_parse_json(command, argc, argv, &dir, &name, 1, &json);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    auto_user_store store;
    return user_store_open(dir, &store) ? make(&store, change_of(command), name, json) : CLI_FAILED;
}

const struct cli_command cli_user_disable = { "user disable", "NAME [--json]",
                                              "refuse an account's sign-ins and mail, at once", run };
const struct cli_command cli_user_enable  = { "user enable", "NAME [--json]", "let a disabled account in again", run };
const struct cli_command cli_user_delete  = { "user delete", "NAME [--json]",
                                              "delete an account for good; its mail in the queue stays", run };
