/* gatepost user password: another password for an account; the one before stops working at once. */
#include "cli/user.h"

/* A device that signs in with CRAM-MD5 shall not stop doing so because its password was changed. */
static bool has_cram(struct user_store *s, const struct account *account)
{
    struct credential c;
    bool              found = false;
    auto_rows         r     = credentials_of(s->accounts, account->id);
    while (!found && credentials_next(&r, &c) == GP_OK) found = c.verifier.cram_len > 0;
    gp_wipe(&c.verifier, sizeof(c.verifier));
    return found;
}

static int change(struct user_store *s, const char *name, struct user_password *p, bool forbid_cram, bool json)
{
    struct account account;
    if (!user_find(s, name, &account)) return CLI_FAILED;
    if (!p->allow_cram && !forbid_cram) p->allow_cram = has_cram(s, &account);
    if (!user_password_make(s, gp_from(account.name), p)) return CLI_FAILED;
    gp_status status = accounts_set_password(s->accounts, account.id, &p->verifier, user_password_kind(p), user_now());
    if (status != GP_OK) return user_store_failed(s, name);
    return user_password_print(account.name, p, json,
                               "The password is changed; the one before does not work any more.");
}

static int run(const struct cli_command *command, int argc, char **argv)
{
    bool              json = false, from_stdin = false, allow_cram = false, forbid_cram = false;
    const char       *dir       = NULL, *name;
    size_t            count     = 0;
    struct cli_option options[] = {
        {"password-stdin",   CLI_FLAG, &from_stdin,  NULL, "take the password from the first line of standard input"},
        { "allow-cram-md5",  CLI_FLAG, &allow_cram,  NULL, "also allow CRAM-MD5 (stays allowed if it was)"          },
        { "forbid-cram-md5", CLI_FLAG, &forbid_cram, NULL, "do not allow CRAM-MD5 any more"                         },
        { "json",            CLI_FLAG, &json,        NULL, "print JSON"                                             },
        { NULL,              CLI_FLAG, NULL,         NULL, NULL                                                     },
    };
    int stop = cli_parse(command, options, argc, argv, &dir, &name, 1, 1, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    auto_user_store    store    = { 0 };
    auto_user_password password = { .from_stdin = from_stdin, .allow_cram = allow_cram };
    return user_store_open(dir, &store) ? change(&store, name, &password, forbid_cram, json) : CLI_FAILED;
}

const struct cli_command cli_user_password = { "user password",
                                               "NAME [--password-stdin] [--allow-cram-md5|--forbid-cram-md5] [--json]",
                                               "give an account a new password, generated and shown once", run };
