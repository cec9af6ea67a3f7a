/* gatepost user add: a new account with one password and the addresses it may send as. */
#include "cli/restrict.h"
#include "cli/user.h"

static int refused(struct user_store *s, const char *name, gp_status status, const char *why)
{
    if (status == GP_TEMPFAIL) return user_store_failed(s, name);
    cli_problem(name, why, "see `gatepost user add --help` and `gatepost user list`");
    return CLI_FAILED;
}

static bool are_identities(const struct cli_many *send_as)
{
    for (size_t i = 0; i < send_as->count; i++) {
        const char *why = "";
        if (identity_is_good(gp_from(send_as->values[i]), &why)) continue;
        cli_problem(send_as->values[i], "that is not an address to send as", why);
        return false;
    }
    return true;
}

struct addition {
    struct cli_many      send_as;
    struct limit_options limits;
    const char          *label;
    bool                 json;
};

static int add(struct user_store *s, const char *name, struct user_password *p, const struct addition *a)
{
    char                prepared[ACCOUNT_NAME_MOST + 1];
    const char         *why    = "";
    struct gp_text      text   = { .ptr = prepared, .room = ACCOUNT_NAME_MOST };
    struct restrictions limits = { .expires = 0 };
    gp_str              label  = gp_from(a->label ? a->label : "");
    if (!gp_saslprep(gp_from(name), true, &text))
        return refused(s, name, GP_PERMFAIL, "that cannot be the name of an account");
    prepared[text.len] = '\0';
    if (!credential_label_is_good(label, &why)) return refused(s, a->label, GP_PERMFAIL, why);
    if (!limits_take(&a->limits, &s->config, user_now(), limits_refuse_option, NULL, &limits)) return CLI_FAILED;
    if (!user_password_make(s, gp_said(&text), p)) return CLI_FAILED;
    struct new_account account = { .name          = gp_said(&text),
                                   .verifier      = &p->verifier,
                                   .kind          = user_password_kind(p),
                                   .label         = label,
                                   .limits        = &limits,
                                   .send_as       = a->send_as.values,
                                   .send_as_count = a->send_as.count };
    gp_status          status  = accounts_add(s->accounts, &account, user_now(), &why);
    return status == GP_OK ? user_password_print(prepared, p, a->json, "The account is made.")
                           : refused(s, name, status, why);
}

static int run(const struct cli_command *command, int argc, char **argv)
{
    bool              from_stdin = false, allow_cram = false;
    struct addition   a         = { .label = NULL };
    const char       *dir       = NULL, *name;
    size_t            count     = 0;
    struct cli_option options[] = {
        {"password-stdin",  CLI_FLAG,  &from_stdin, NULL,      "take the password from the first line of standard input"},
        { "send-as",        CLI_MANY,  &a.send_as,  "ADDRESS",
         "an address it may send as, or @DOMAIN for all there; repeatable (default: its own)"                           },
        { "allow-cram-md5", CLI_FLAG,  &allow_cram, NULL,      "also allow CRAM-MD5, for old devices"                   },
        { "json",           CLI_FLAG,  &a.json,     NULL,      "print JSON"                                             },
        { "label",          CLI_VALUE, &a.label,    "LABEL",   "what the owner calls this password"                     },
        LIMIT_OPTIONS(a.limits),
        { NULL,             CLI_FLAG,  NULL,        NULL,      NULL                                                     },
    };
    int stop = cli_parse(command, options, argc, argv, &dir, &name, 1, 1, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    if (!are_identities(&a.send_as)) return CLI_FAILED;
    auto_user_store    store    = { 0 };
    auto_user_password password = { .from_stdin = from_stdin, .allow_cram = allow_cram };
    return user_store_open(dir, &store) ? add(&store, name, &password, &a) : CLI_FAILED;
}

const struct cli_command cli_user_add = {
    "user add",
    "NAME [--send-as ADDRESS]... [--password-stdin] [--allow-cram-md5] [--label LABEL] " LIMIT_USAGE " [--json]",
    "make an account; its password is generated and shown once", run
};
