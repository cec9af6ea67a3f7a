/* gatepost user may-act: who may sign in with his own credential and send as another account. In force at once, both ways. */
#include <stdio.h>

#include "cli/user.h"

/* ---- those that there are ------------------------------------------------------------------------------------------------ */
static bool add_name(void *owner, const struct account *account)
{
    (void)json_array_append_new(owner, json_string(account->name));
    return true;
}

static bool print_name(void *owner, const struct account *account)
{
    (void)owner;
    (void)printf("%s\n", account->name);
    return true;
}

static int list(struct user_store *s, const struct account *account, bool json)
{
    json_t   *names  = json ? json_array() : NULL;
    gp_status status = accounts_delegations(s->accounts, account->id, json ? add_name : print_name, names);
    if (status == GP_OK)
        return json ? user_print_json(json_pack("{s:s, s:o}", "user", account->name, "may_act_as", names)) : CLI_DONE;
    json_decref(names);
    return user_store_failed(s, account->name);
}

/* ---- one more, or one less ------------------------------------------------------------------------------------------------- */
struct wish {
    const char *user, *other;
    bool        remove, json;
};

static int print_change(const struct account *account, const struct account *other, const struct wish *w)
{
    if (w->json)
        return user_print_json(
            json_pack("{s:s, s:s, s:b}", "user", account->name, "other", other->name, "may_act", !w->remove));
    int printed = printf("%s %s act for %s\n", account->name, w->remove ? "may no longer" : "may", other->name);
    return printed < 0 ? CLI_FAILED : CLI_DONE;
}

static int change(struct user_store *s, const struct account *account, const struct wish *w)
{
    struct account other;
    const char    *why = "";
    if (!user_find(s, w->other, &other)) return CLI_FAILED;
    gp_status status = accounts_delegate(s->accounts, account->id, other.id, !w->remove, &why);
    if (status == GP_TEMPFAIL) return user_store_failed(s, account->name);
    if (status == GP_OK) return print_change(account, &other, w);
    cli_problem(account->name, why, "`gatepost user may-act NAME` shows those that there are");
    return CLI_FAILED;
}

static int act(const char *dir, const struct wish *w)
{
    struct account  account;
    auto_user_store store = { 0 };
    if (!user_store_open(dir, &store) || !user_find(&store, w->user, &account)) return CLI_FAILED;
    return w->other ? change(&store, &account, w) : list(&store, &account, w->json);
}

static int run(const struct cli_command *command, int argc, char **argv)
{
    enum { WORDS = 2 };
    struct wish       w            = { .remove = false };
    const char       *dir          = NULL;
    const char       *words[WORDS] = { NULL, NULL };
    size_t            count        = 0;
    struct cli_option options[]    = {
           {"remove", CLI_FLAG, &w.remove, NULL, "take the right back"},
           { "json",  CLI_FLAG, &w.json,   NULL, "print JSON"         },
           { NULL,    CLI_FLAG, NULL,      NULL, NULL                 }
    };
    int stop = cli_parse(command, options, argc, argv, &dir, words, 1, WORDS, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    w.user  = words[0];
    w.other = words[1];
    if (!w.remove || w.other) return act(dir, &w);
    cli_problem(w.user, "--remove needs the account that it may no longer act for",
                "gatepost user may-act NAME OTHER --remove");
    return CLI_WRONG_USE;
}

const struct cli_command cli_user_may_act = { "user may-act", "NAME [OTHER] [--remove] [--json]",
                                              "let an account act for another; without OTHER: show whom it may act for",
                                              run };
