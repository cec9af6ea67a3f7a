/* gatepost queue retry, hold, release, delete, and user lock: the running server notices within a second. What is deleted stays held until the server
 * has told its sender, and is removed by it. */
#include <stdio.h>
#include <time.h>

#include "cli/queue.h"
#include "cli/user.h"
#include "store/brakes.h"

enum {
    PAGE = 256, /* messages of one transaction: the server waits for it */
    REST = 120 * 1000 *
           1000 /* ns between two. SQLite waits in steps of up to 100 ms for who writes, so the server has its turn */
};

static const struct change {
    const struct cli_command *command;
    enum queue_change         change;
    const char               *done, *nothing;
} changes[] = {
    {&cli_queue_retry,    QUEUE_RETRY,   "tried now",                   "nothing to try: it is held, or done" },
    { &cli_queue_hold,    QUEUE_HOLD,    "held",                        "nothing to hold: it is held, or done"},
    { &cli_queue_release, QUEUE_RELEASE, "released",                    "nothing to release: it is not held"  },
    { &cli_queue_delete,  QUEUE_RETURN,  "deleted; its sender is told",
     "nothing to delete: it is deleted, and its sender is told once the server runs"                          },
};
static const struct change quietly = { &cli_queue_delete, QUEUE_DELETE, "deleted", "" };

struct altering {
    struct queue_store  *store;
    const struct change *change;
    struct queue_filter  filter; /* which mail, where none is named */
    const char          *why;    /* of a hold; NULL: a command's, which says none */
    bool                 json;
    size_t               count; /* that were changed */
};

static const struct change *change_of(const struct cli_command *command)
{
    for (size_t i = 0; i < GP_COUNT(changes); i++)
        if (gp_is(gp_from(command->name), changes[i].command->name)) return &changes[i];
    return NULL;
}

static void tell(struct altering *a, const char *queue_id, bool changed)
{
    if (!a->json) (void)printf("%s: %s\n", queue_id, changed ? a->change->done : a->change->nothing);
    if (a->json && changed) (void)printf("%s\"%s\"", a->count ? ", " : "", queue_id); /* letters and digits */
    a->count += changed;
}

/* Who names a message that its sender holds back wants it to go; among all that an account has, or the queue, it keeps its time. */
static gp_status alter_this(struct altering *a, const char *id, bool *changed)
{
    enum queue_change change = a->change->change;
    gp_status         status = queue_alter(a->store, change, gp_from(id), user_now(), changed);
    if (status != GP_OK || *changed || (change != QUEUE_RETRY && change != QUEUE_RELEASE)) return status;
    return queue_alter(a->store, QUEUE_SEND, gp_from(id), user_now(), changed);
}

static int alter_named(struct altering *a, const char **ids, size_t count)
{
    bool changed[CLI_MANY_MOST] = { false };
    if (queue_begin(a->store) != GP_OK) return cli_queue_failed(a->store, "the queue");
    for (size_t i = 0; i < count; i++) {
        gp_status status = alter_this(a, ids[i], &changed[i]);
        if (status == GP_OK) continue;
        queue_abandon(a->store); /* all of them or none: a slip in one id changes nothing */
        return status == GP_PERMFAIL ? cli_queue_unknown(a->store, ids[i]) : cli_queue_failed(a->store, ids[i]);
    }
    if (queue_commit(a->store) != GP_OK) return cli_queue_failed(a->store, "the queue");
    for (size_t i = 0; i < count; i++) tell(a, ids[i], changed[i]);
    return CLI_DONE;
}

static gp_status alter_one(struct altering *a, const char *queue_id, bool *changed)
{
    if (a->why) return queue_hold(a->store, gp_from(queue_id), gp_from(a->why), user_now(), changed);
    return queue_alter(a->store, a->change->change, gp_from(queue_id), user_now(), changed);
}

static gp_status alter_page(struct altering *a, const struct queue_place *page, size_t count)
{
    bool      changed[PAGE] = { false };
    gp_status status        = queue_begin(a->store);
    for (size_t i = 0; status == GP_OK && i < count; i++) {
        status = alter_one(a, page[i].queue_id, &changed[i]);
        if (status == GP_PERMFAIL) status = GP_OK; /* delivered meanwhile */
    }
    if (status == GP_OK)
        status = queue_commit(a->store);
    else
        queue_abandon(a->store);
    for (size_t i = 0; status == GP_OK && i < count; i++)
        if (changed[i]) tell(a, page[i].queue_id, true);
    return status;
}

static int alter_all(struct altering *a)
{
    struct queue_place page[PAGE];
    size_t             count  = 0;
    int64_t            after  = 0;
    gp_status          status = GP_OK;
    for (;;) {
        status = queue_filter_page(a->store, after, &a->filter, page, PAGE, &count);
        if (status == GP_OK && count) status = alter_page(a, page, count);
        if (status != GP_OK || count < PAGE) break;
        after = page[count - 1].row;
        (void)nanosleep(&(struct timespec) { .tv_nsec = REST }, NULL);
    }
    return status == GP_OK ? CLI_DONE : cli_queue_failed(a->store, "the queue");
}

static int alter(struct altering *a, bool all, const char **ids, size_t count)
{
    if (a->json) (void)printf("{\"state\": \"%s\", \"changed\": [", a->change->done);
    int done = all ? alter_all(a) : alter_named(a, ids, count);
    if (a->json) (void)puts("]}"); /* what was changed before it failed was changed */
    return done;
}

/* What the server thinks of the account goes with its mail: what was released is usual from now on. some: not all of it is meant. */
static int alter_account(struct altering *a, const char *dir, const char *name, bool some)
{
    struct account  account;
    auto_user_store users = { 0 };
    if (!user_store_open(dir, &users) || !user_find(&users, name, &account)) return CLI_FAILED;
    a->filter.account = account.id;
    if (!some && a->change->change == QUEUE_RELEASE &&
        brake_set_released(users.accounts, account.id, user_now()) != GP_OK)
        return user_store_failed(&users, name);
    return alter(a, true, NULL, 0);
}

struct wish {
    const char        *dir, *ids[CLI_MANY_MOST];
    struct queue_words words;
    size_t             count;
    bool               all, json, quiet;
};

static int act(const struct cli_command *command, struct wish *w)
{
    struct altering a    = { .change = w->quiet ? &quietly : change_of(command), .json = w->json };
    bool            some = queue_words_any(&w->words);
    if (!queue_filter_read(&w->words, &a.filter)) return CLI_WRONG_USE;
    auto_queue_store s = a.change ? cli_queue_open(w->dir) : NULL;
    a.store            = s;
    if (!s) return CLI_FAILED;
    if (w->words.account) return alter_account(&a, w->dir, w->words.account, some);
    return alter(&a, w->all || some, w->ids, w->count);
}

static int run(const struct cli_command *command, int argc, char **argv)
{
    struct wish       w         = { .count = 0 };
    struct cli_option options[] = {
        QUEUE_FILTER_OPTIONS(w.words),
        {"all",    CLI_FLAG, &w.all,   NULL, "every message in the queue"           },
        { "json",  CLI_FLAG, &w.json,  NULL, "print JSON"                           },
        { "quiet", CLI_FLAG, &w.quiet, NULL, "of delete alone: nobody is told of it"},
        { NULL,    CLI_FLAG, NULL,     NULL, NULL                                   }
    };
    if (command != &cli_queue_delete) options[GP_COUNT(options) - 2].name = NULL;
    int stop = cli_parse(command, options, argc, argv, &w.dir, w.ids, 0, CLI_MANY_MOST, &w.count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    int ways = w.all + (w.words.account || queue_words_any(&w.words)) + (w.count > 0);
    if (ways == 1) return act(command, &w);
    cli_problem(
        command->name, ways ? "--all, ids, and options that say which are one or the other" : "which message?",
        "name one or more queue ids, or say which by --to, --account, ... as `gatepost queue list` takes them, or --all");
    return CLI_WRONG_USE;
}

/* ---- user lock -------------------------------------------------------------------------------------------------------------- */
static int lock(const char *dir, const char *name, bool json)
{
    struct account  account;
    auto_user_store users = { 0 };
    struct altering a     = { .change = change_of(&cli_queue_hold), .why = "the account is locked", .json = json };
    if (!user_store_open(dir, &users) || !user_find(&users, name, &account)) return CLI_FAILED;
    if (accounts_lock(users.accounts, account.id) != GP_OK) return user_store_failed(&users, name);
    auto_queue_store s = cli_queue_open(dir);
    if (!s) return CLI_FAILED;
    a.store          = s;
    a.filter.account = account.id;
    if (!json) (void)printf("%s: disabled; its mail in the queue is held:\n", account.name);
    return alter(&a, true, NULL, 0);
}

static int run_lock(const struct cli_command *command, int argc, char **argv)
{
    bool        json = false;
    const char *dir  = NULL, *name;
    int         stop = cli_parse_json(command, argc, argv, &dir, &name, 1, &json);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    return lock(dir, name, json);
}

const struct cli_command cli_user_lock = { "user lock", "NAME [--json]",
                                           "disable an account and hold its mail: it may have been stolen", run_lock };

const struct cli_command cli_queue_retry   = { "queue retry", "ID... | --all | " QUEUE_FILTER_USAGE " [--json]",
                                               "try again now; ids: also what its sender holds back", run };
const struct cli_command cli_queue_hold    = { "queue hold", "ID... | --all | " QUEUE_FILTER_USAGE " [--json]",
                                               "keep mail from being sent until released", run };
const struct cli_command cli_queue_release = { "queue release", "ID... | --all | " QUEUE_FILTER_USAGE " [--json]",
                                               "send held mail; ids: also what its sender holds back", run };
const struct cli_command cli_queue_delete  = { "queue delete",
                                               "ID... | --all | " QUEUE_FILTER_USAGE " [--quiet] [--json]",
                                               "delete mail; its sender is told, unless --quiet", run };
