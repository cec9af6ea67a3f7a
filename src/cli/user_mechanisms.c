/* gatepost user mechanisms: what an account may sign in with, whichever of its credentials it uses. In force at its next sign-in. */
#include <stdio.h>

#include "cli/restrict.h"
#include "cli/user.h"

enum { REASON_ROOM = 512 };

/* As of a word of the command, not of an option. */
static void refuse(void *owner, const char *option, gp_str value, const char *reason)
{
    char   what[REASON_ROOM];
    gp_str head = gp_head(value, REASON_ROOM / 2);
    (void)owner;
    (void)snprintf(what, sizeof(what), "%s %.*s", option, (int)head.len, head.ptr ? head.ptr : "");
    cli_problem(what, reason, NULL);
}

static int print_change(const char *name, const char *mechanisms, bool json)
{
    if (json) return user_print_json(json_pack("{s:s, s:o}", "user", name, "mechanisms", user_words_json(mechanisms)));
    const char *those = mechanisms[0] ? mechanisms : "any mechanism";
    return printf("%s: signs in with %s\n", name, those) < 0 ? CLI_FAILED : CLI_DONE;
}

static int change(struct user_store *s, const char *name, const char *list, bool json)
{
    struct account       account;
    struct limit_options given = {
        .mechanisms = {.values = { list }, .count = 1}
    };
    struct restrictions read = { .mechanisms = "" };
    const char         *why  = "";
    if (!user_find(s, name, &account) || !limits_take(&given, &s->config, user_now(), refuse, NULL, &read))
        return CLI_FAILED;
    gp_status status = accounts_set_mechanisms(s->accounts, account.id, gp_from(read.mechanisms), &why);
    if (status == GP_OK) return print_change(account.name, read.mechanisms, json);
    if (status == GP_TEMPFAIL) return user_store_failed(s, name);
    cli_problem(name, why, NULL);
    return CLI_FAILED;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
    enum { NAME, LIST, WORDS };
    bool              json         = false;
    const char       *dir          = NULL;
    const char       *words[WORDS] = { NULL, NULL };
    size_t            count        = 0;
    struct cli_option options[]    = {
           {"json", CLI_FLAG, &json, NULL, "print JSON"},
           { NULL,  CLI_FLAG, NULL,  NULL, NULL        }
    };
    int stop = cli_parse(command, options, argc, argv, &dir, words, WORDS, WORDS, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    auto_user_store store = { 0 };
    return user_store_open(dir, &store) ? change(&store, words[NAME], words[LIST], json) : CLI_FAILED;
}

const struct cli_command cli_user_mechanisms = { "user mechanisms", "NAME LIST|any [--json]",
                                                 "choose the mechanisms that an account may sign in with", run };
