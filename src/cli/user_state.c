/* gatepost user disable, enable, delete: in force at once, also for sessions that are signed in. */
#include <stdio.h>
#include <string.h>

#include "cli/queue.h"
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

/* How many messages of it wait. 0, too, where there is no queue to look at. */
static size_t mail_of(const struct user_store *s, int64_t account)
{
    enum { PAGE = 256, BUSY_MS = 5000 };
    char                  folder[CONFIG_PATH];
    enum database_trouble trouble;
    struct queue_place    page[PAGE];
    size_t                total = 0, count = 0;
    bool                  known = config_path(&s->config, "queue", folder);
    auto_queue_store      q     = known ? queue_open(folder, BUSY_MS, &trouble) : NULL;
    for (int64_t after = 0; q && queue_page(q, after, account, page, PAGE, &count) == GP_OK && count; total += count)
        after = page[count - 1].row;
    return total;
}

/* By its name that mail is found no more. */
static int deleted(struct user_store *s, const struct account *account, bool json)
{
    size_t mail = mail_of(s, account->id);
    if (json)
        return user_print_json(
            json_pack("{s:s, s:s, s:I}", "user", account->name, "state", "deleted", "mail_waiting", (json_int_t)mail));
    if (mail == 0) return printf("%s: deleted\n", account->name) < 0 ? CLI_FAILED : CLI_DONE;
    int done = printf(
        "%s: deleted; of its mail there is still in the queue: %zu. `gatepost queue list` shows it (what is held: "
        "`gatepost queue list --held`), and `gatepost queue release` and `delete` take its ids\n",
        account->name, mail);
    return done < 0 ? CLI_FAILED : CLI_DONE;
}

static int make(struct user_store *s, const struct change *change, const char *name, bool json)
{
    struct account account;
    if (!change || !user_find(s, name, &account)) return CLI_FAILED;
    if (change->make(s, account.id) != GP_OK) return user_store_failed(s, name);
    if (change->make == delete) return deleted(s, &account, json);
    if (json) return user_print_json(json_pack("{s:s, s:s}", "user", account.name, "state", change->done));
    return printf("%s: %s\n", account.name, change->done) < 0 ? CLI_FAILED : CLI_DONE;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
    bool        json = false;
    const char *dir  = NULL, *name;
    int         stop = cli_parse_json(command, argc, argv, &dir, &name, 1, &json);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    auto_user_store store = { 0 };
    return user_store_open(dir, &store) ? make(&store, change_of(command), name, json) : CLI_FAILED;
}

const struct cli_command cli_user_disable = { "user disable", "NAME [--json]",
                                              "refuse an account's sign-ins and mail, at once", run };
const struct cli_command cli_user_enable  = { "user enable", "NAME [--json]", "let a disabled account in again", run };
const struct cli_command cli_user_delete  = { "user delete", "NAME [--json]",
                                              "delete an account for good; its mail in the queue stays", run };
