/* gatepost queue retry, hold, release, delete: the running server notices within a second. */
#include <stdio.h>

#include "cli/queue.h"
#include "cli/user.h"

enum { PAGE = 256 }; /* messages of one transaction: the server waits for it */

static const struct change {
    const struct cli_command *command;
    enum queue_change         change;
    const char               *done, *nothing;
} changes[] = {
    {&cli_queue_retry,    QUEUE_RETRY,   "tried now", "nothing to try: it is held, or done" },
    { &cli_queue_hold,    QUEUE_HOLD,    "held",      "nothing to hold: it is held, or done"},
    { &cli_queue_release, QUEUE_RELEASE, "released",  "nothing to release: it is not held"  },
    { &cli_queue_delete,  QUEUE_DELETE,  "deleted",   ""                                    },
};

struct altering {
    struct queue_store  *store;
    const struct change *change;
    bool                 json;
    json_t              *ids; /* of what was changed */
};

static const struct change *change_of(const struct cli_command *command)
{
    for (size_t i = 0; i < GP_COUNT(changes); i++)
        if (gp_is(gp_from(command->name), changes[i].command->name)) return &changes[i];
    return NULL;
}

static void tell(struct altering *a, const char *queue_id, bool changed)
{
    if (changed) (void)json_array_append_new(a->ids, json_string(queue_id));
    if (!a->json) (void)printf("%s: %s\n", queue_id, changed ? a->change->done : a->change->nothing);
}

static int alter_named(struct altering *a, const char **ids, size_t count)
{
    bool changed[CLI_MANY_MOST] = { false };
    if (queue_begin(a->store) != GP_OK) return cli_queue_failed(a->store, "the queue");
    for (size_t i = 0; i < count; i++) {
        gp_status status = queue_alter(a->store, a->change->change, gp_from(ids[i]), user_now(), &changed[i]);
        if (status == GP_OK) continue;
        queue_abandon(a->store); /* all of them or none: a slip in one id changes nothing */
        return status == GP_PERMFAIL ? cli_queue_unknown(a->store, ids[i]) : cli_queue_failed(a->store, ids[i]);
    }
    if (queue_commit(a->store) != GP_OK) return cli_queue_failed(a->store, "the queue");
    for (size_t i = 0; i < count; i++) tell(a, ids[i], changed[i]);
    return CLI_DONE;
}

static gp_status alter_page(struct altering *a, const struct queue_place *page, size_t count)
{
    bool      changed[PAGE] = { false };
    gp_status status        = queue_begin(a->store);
    for (size_t i = 0; status == GP_OK && i < count; i++) {
        status = queue_alter(a->store, a->change->change, gp_from(page[i].queue_id), user_now(), &changed[i]);
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
    do {
        status = queue_page(a->store, after, page, PAGE, &count);
        if (status == GP_OK && count) status = alter_page(a, page, count);
        if (count) after = page[count - 1].row;
    } while (status == GP_OK && count == PAGE);
    return status == GP_OK ? CLI_DONE : cli_queue_failed(a->store, "the queue");
}

static int alter(struct altering *a, bool all, const char **ids, size_t count)
{
    a->ids   = json_array();
    int done = all ? alter_all(a) : alter_named(a, ids, count);
    if (done == CLI_DONE && a->json)
        return user_print_json(json_pack("{s:s, s:o}", "state", a->change->done, "changed", a->ids));
    json_decref(a->ids);
    return done;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
    bool              json = false, all = false;
    const char       *dir       = NULL, *ids[CLI_MANY_MOST];
    size_t            count     = 0;
    struct cli_option options[] = {
        {"all",   CLI_FLAG, &all,  NULL, "every message in the queue"},
        { "json", CLI_FLAG, &json, NULL, "print JSON"                },
        { NULL,   CLI_FLAG, NULL,  NULL, NULL                        }
    };
    int stop = cli_parse(command, options, argc, argv, &dir, ids, 0, CLI_MANY_MOST, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    if (all == (count > 0)) {
        cli_problem(command->name, all ? "--all and ids together" : "which message?",
                    "name one or more queue ids, or --all; `gatepost queue list` shows them");
        return CLI_WRONG_USE;
    }
    struct altering  a = { .change = change_of(command), .json = json };
    auto_queue_store s = a.change ? cli_queue_open(dir) : NULL;
    a.store            = s;
    return s ? alter(&a, all, ids, count) : CLI_FAILED;
}

const struct cli_command cli_queue_retry   = { "queue retry", "ID... | --all [--json]", "try again now", run };
const struct cli_command cli_queue_hold    = { "queue hold", "ID... | --all [--json]",
                                               "keep mail from being sent until released", run };
const struct cli_command cli_queue_release = { "queue release", "ID... | --all [--json]", "send held mail", run };
const struct cli_command cli_queue_delete  = { "queue delete", "ID... | --all [--json]",
                                               "delete mail without telling its sender", run };
