/* gatepost identity add, list, remove: as whom an account may send. In force at once, for open sessions too. */
#include <stdio.h>

#include "cli/user.h"
#include "policy/identity.h"

struct wish {
    const char *user, *address; /* address NULL: all */
    bool        json;
};

/* ---- list ---------------------------------------------------------------------------------------------------------- */
/* The first that is one address is what a rewrite puts in the place of others. */
struct listing {
    json_t *json; /* NULL: as text */
    bool    has_first;
};

static void print_one(struct listing *l, gp_str address)
{
    bool first   = !l->has_first && policy_is_address(address);
    l->has_first = l->has_first || first;
    cli_print(stdout, address);
    (void)puts(first ? "  (first)" : "");
}

static void take_one(void *owner, gp_str address)
{
    struct listing *l = owner;
    if (l->json)
        (void)json_array_append_new(l->json, json_stringn(address.ptr, address.len));
    else
        print_one(l, address);
}

static int list(struct user_store *s, const struct account *account, bool json)
{
    struct listing l      = { .json = json ? json_array() : NULL };
    gp_status      status = accounts_identities(s->accounts, account->id, take_one, &l);
    if (status == GP_OK)
        return json ? user_print_json(json_pack("{s:s, s:o}", "user", account->name, "send_as", l.json)) : CLI_DONE;
    json_decref(l.json);
    return user_store_failed(s, account->name);
}

/* ---- one more, or one less ----------------------------------------------------------------------------------------- */
static int failed(struct user_store *s, const struct wish *w, gp_status status, const char *why)
{
    if (status == GP_TEMPFAIL) return user_store_failed(s, w->address);
    cli_problem(w->address, why, "`gatepost identity list NAME` shows those that there are");
    return CLI_FAILED;
}

static int print_change(const struct account *account, const struct wish *w, bool may)
{
    if (w->json)
        return user_print_json(
            json_pack("{s:s, s:s, s:b}", "user", account->name, "address", w->address, "may_send_as", may));
    (void)printf("%s %s send as ", account->name, may ? "may" : "may no longer");
    cli_print(stdout, gp_from(w->address));
    return putchar('\n') < 0 ? CLI_FAILED : CLI_DONE;
}

static int add(struct user_store *s, const struct account *account, const struct wish *w)
{
    const char *why    = "";
    gp_status   status = accounts_identity_add(s->accounts, account->id, gp_from(w->address), &why);
    return status == GP_OK ? print_change(account, w, true) : failed(s, w, status, why);
}

static int drop(struct user_store *s, const struct account *account, const struct wish *w)
{
    const char *why    = "";
    gp_status   status = accounts_identity_remove(s->accounts, account->id, gp_from(w->address), &why);
    return status == GP_OK ? print_change(account, w, false) : failed(s, w, status, why);
}

/* ---- the commands -------------------------------------------------------------------------------------------------- */
static int with_account(const struct cli_command *command, int argc, char **argv, size_t words,
                        int (*act)(struct user_store *, const struct account *, const struct wish *))
{
    enum { WORDS = 2 };
    struct account account;
    struct wish    w           = { .json = false };
    const char    *dir         = NULL;
    const char    *said[WORDS] = { NULL, NULL };
    int            stop        = cli_parse_json(command, argc, argv, &dir, said, words, &w.json);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    w.user            = said[0];
    w.address         = said[1];
    auto_user_store s = { 0 };
    if (!user_store_open(dir, &s) || !user_find(&s, w.user, &account)) return CLI_FAILED;
    return act(&s, &account, &w);
}

static int show_all(struct user_store *s, const struct account *account, const struct wish *w)
{
    return list(s, account, w->json);
}

static int run_add(const struct cli_command *command, int argc, char **argv)
{
    return with_account(command, argc, argv, 2, add);
}

static int run_list(const struct cli_command *command, int argc, char **argv)
{
    return with_account(command, argc, argv, 1, show_all);
}

static int run_remove(const struct cli_command *command, int argc, char **argv)
{
    return with_account(command, argc, argv, 2, drop);
}

const struct cli_command cli_identity_add = {
    "identity add", "NAME ADDRESS|@DOMAIN|PATTERN [--json]",
    "let an account send as an address, as all of a domain, or as *-noreply@DOMAIN", run_add
};
const struct cli_command cli_identity_list   = { "identity list", "NAME [--json]", "show as whom an account may send",
                                                 run_list };
const struct cli_command cli_identity_remove = { "identity remove", "NAME ADDRESS|@DOMAIN|PATTERN [--json]",
                                                 "take that back", run_remove };
