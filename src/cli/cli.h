/* The sub-commands: one file each, one row each in cli.c. Each has --help and --dir DIR (default: $GATEPOST_DIR, else /etc/gatepost if it
 * exists, else .), prints data on stdout (--json where it prints data) and problems on stderr with the way out. Exit: 0 done, 1 it
 * could not, 2 wrong use. Runs in the user's own process, without a loop, straight on the store. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdio.h>

#include "base/base.h"
#include "config/config.h"

enum { CLI_DONE, CLI_FAILED, CLI_WRONG_USE };

enum cli_kind { CLI_FLAG /* bool */, CLI_VALUE /* const char * */, CLI_MANY /* struct cli_many */ };
#define CLI_MANY_MOST 64
struct cli_many { const char *values[CLI_MANY_MOST]; size_t count; };
struct cli_option {
    const char   *name; /* "json": --json; NULL ends the table */
    enum cli_kind kind;
    void         *into;
    const char   *argument, *help; /* "FILE", what it does */
};
struct cli_command {
    const char *name;    /* "user add"                                            */
    const char *usage;   /* "NAME [--password-stdin] [--send-as ADDRESS]..."      */
    const char *summary; /* one line                                              */
    int (*run)(const struct cli_command *, int argc, char **argv); /* argv[0]: first word after the command's name */
};
/* Options anywhere among the words; words (at most `most`) go to words, *count of them. Answers --help itself. CLI_DONE: go on; -1: stop with
 * status 0 (help was shown); CLI_WRONG_USE: said so already. --dir is always known and goes to *dir. */
int  cli_parse(const struct cli_command *, const struct cli_option *, int argc, char **argv, const char **dir,
               const char **words, size_t least, size_t most, size_t *count);
/* The same for a command that has exactly so many words and no option but --json. */
int  cli_parse_json(const struct cli_command *, int argc, char **argv, const char **dir, const char **words, size_t count, bool *json);
bool cli_config(const char *dir, struct config *out); /* reads it, prints the problems */
bool cli_check_files(const struct config *); /* reads the files that it names, also private keys; prints the problems */
/* "gatepost: what: reason\n  hint"; what and reason may have come from elsewhere: they are printed with cli_print. */
void cli_problem(const char *what, const char *reason, const char *hint);
/* Of what is no domain name: how it is written if its letters beyond ASCII are all that is wrong ("xn--..."); else `otherwise`. Good until
 * the next. */
const char *cli_domain_hint(const char *name, const char *otherwise);
/* Text from elsewhere, for a terminal: '?' for control characters, C1 among them, and for broken UTF-8. */
void cli_print(FILE *, gp_str);
/* One line from stdin without its line end; it may be empty. false: there is none, or it is too long. */
bool cli_line_from_stdin(char *out, size_t room, size_t *len);
/* The same for --password-stdin. false: an empty one, too. */
bool cli_secret_from_stdin(char *out, size_t room, size_t *len);

/* Rows, each defined in its own file and listed in cli.c. */
extern const struct cli_command cli_ban_list, cli_ban_add, cli_ban_remove;
extern const struct cli_command cli_init, cli_config_check, cli_config_show, cli_config_manual, cli_status, cli_check, cli_report, cli_audit_show, cli_audit_verify, cli_audit_export, cli_audit_erase, cli_audit_key, cli_limit_set, cli_limit_show, cli_limit_clear, cli_explain, cli_can, cli_user_add, cli_user_list, cli_user_show,
    cli_user_disable, cli_user_lock, cli_user_enable, cli_user_delete, cli_user_password, cli_user_mechanisms, cli_user_may_act, cli_user_import, cli_user_export, cli_credential_add, cli_credential_list,
    cli_credential_show, cli_credential_revoke, cli_credential_rotate, cli_credential_alter, cli_credential_settings, cli_queue_list, cli_queue_show, cli_queue_retry,
    cli_queue_hold, cli_queue_release, cli_queue_delete, cli_queue_mine, cli_send, cli_sendmail, cli_bench;

extern const struct cli_command cli_dns, cli_dkim_new, cli_dkim_list, cli_dkim_rotate, cli_dkim_publish_check;
extern const struct cli_command cli_provider_list, cli_provider_login, cli_provider_logout, cli_provider_test;
extern const struct cli_command cli_identity_add, cli_identity_list, cli_identity_remove;

/* Finds and runs the command that argv names; `gatepost serve` is app's and comes in as a row of its own. */
int cli_main(int argc, char **argv, const struct cli_command *serve);

/* ---- help.c, for cli.c and parse.c ------------------------------------------------------------------------------------- */
struct cli_group { const char *title; const struct cli_command *commands[16]; }; /* NULL ends the commands; title NULL: the groups */
void cli_help_all(const struct cli_group *);
bool cli_help_word(const struct cli_group *, gp_str word); /* the commands "WORD ..."; false: there are none */
void cli_help_command(const struct cli_command *, const struct cli_option *); /* options may be NULL */

#endif
