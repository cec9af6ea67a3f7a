/* gatepost credential revoke, alter: an end at once, or another label and other restrictions. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/credential.h"
#include "cli/restrict.h"

static int print_done(const struct account *account, const struct credential *c, const char *done, bool json)
{
    if (json)
        return user_print_json(json_pack("{s:s, s:I, s:s, s:s}", "user", account->name, "id", (json_int_t)c->id,
                                         "label", c->label, "state", done));
    int put = c->label[0] ? printf("%s: %s (%" PRId64 "): %s\n", account->name, c->label, c->id, done)
                          : printf("%s: %" PRId64 ": %s\n", account->name, c->id, done);
    return put < 0 ? CLI_FAILED : CLI_DONE;
}

/* ---- revoke ---------------------------------------------------------------------------------------------------------- */
static int revoke(struct user_store *s, const char *const *words, bool json)
{
    struct account    account;
    struct credential c;
    if (!credential_find(s, words[0], words[1], &account, &c)) return CLI_FAILED;
    gp_wipe(&c.verifier, sizeof(c.verifier));
    gp_status status = credential_revoke(s->accounts, c.id);
    if (status != GP_OK) return credential_refused(s, words[1], status, "it was revoked a moment ago");
    return print_done(&account, &c, "revoked", json);
}

static int run_revoke(const struct cli_command *command, int argc, char **argv)
{
    bool        json = false;
    const char *dir  = NULL, *words[2];
    int         stop = cli_parse_json(command, argc, argv, &dir, words, 2, &json);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    auto_user_store s = { 0 };
    return user_store_open(dir, &s) ? revoke(&s, words, json) : CLI_FAILED;
}

const struct cli_command cli_credential_revoke = { "credential revoke", "USER LABEL|ID [--json]",
                                                   "end a credential for good; who is signed in with it is out at once",
                                                   run_revoke };

/* ---- alter ------------------------------------------------------------------------------------------------------------ */
static int alter(struct user_store *s, const char *const *words, const struct limit_options *limits, const char *label,
                 bool json)
{
    struct account    account;
    struct credential c;
    const char       *why = "";
    if (!credential_find(s, words[0], words[1], &account, &c)) return CLI_FAILED;
    gp_wipe(&c.verifier, sizeof(c.verifier));
    if (!limits_take(limits, &s->config, user_now(), limits_refuse_option, NULL, &c.limits)) return CLI_FAILED;
    gp_str    name   = label ? gp_from(label) : gp_from(c.label);
    gp_status status = credential_alter(s->accounts, c.id, name, &c.limits, &why);
    if (status != GP_OK) return credential_refused(s, words[1], status, why);
    (void)gp_copy_z(name, c.label, sizeof(c.label));
    return print_done(&account, &c, "altered", json);
}

static int run_alter(const struct cli_command *command, int argc, char **argv)
{
    bool                 json   = false;
    struct limit_options limits = { .hours = NULL };
    const char          *dir = NULL, *label = NULL, *words[2];
    size_t               count;
    struct cli_option    options[] = {
           {"label", CLI_VALUE, &label, "LABEL", "another label"},
           LIMIT_OPTIONS(limits),
           { "json", CLI_FLAG,  &json,  NULL,    "print JSON"   },
           { NULL,   CLI_FLAG,  NULL,   NULL,    NULL           },
    };
    int stop = cli_parse(command, options, argc, argv, &dir, words, 2, 2, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    if (!label && !limits_given(&limits)) {
        cli_problem("credential alter", "there is nothing to alter",
                    "`gatepost credential alter --help` lists what can be");
        return CLI_WRONG_USE;
    }
    auto_user_store s = { 0 };
    return user_store_open(dir, &s) ? alter(&s, words, &limits, label, json) : CLI_FAILED;
}

const struct cli_command cli_credential_alter = { "credential alter",
                                                  "USER LABEL|ID [--label LABEL] " LIMIT_USAGE " [--json]",
                                                  "change its label and its restrictions, in force at once",
                                                  run_alter };
