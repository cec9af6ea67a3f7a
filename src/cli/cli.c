/* The table of all commands, and the way from the words on the command line to the row that they name. */
#include "cli/cli.h"
#include "cli/sendmail.h"

#include <stdio.h>
#include <string.h>

static const struct cli_command *serve_row; /* app's, put into the table by cli_main */

/* A new command is a row here and a line in cli.h. */
static struct cli_group groups[] = {
    {"Set up",       { &cli_init, &cli_config_check, &cli_config_show, &cli_config_manual, &cli_dns }           },
    { "Run",         { NULL /* serve */, NULL /* status */ }                                                    },
    { "Accounts",
     { &cli_user_add, &cli_user_list, &cli_user_show, &cli_user_password, &cli_user_disable, &cli_user_lock,
        &cli_user_enable, &cli_user_delete, &cli_user_mechanisms, &cli_user_may_act, &cli_user_import,
        &cli_user_export }                                                                                      },
    { "Credentials",
     { &cli_credential_add, &cli_credential_list, &cli_credential_show, &cli_credential_settings,
        &cli_credential_rotate, &cli_credential_alter, &cli_credential_revoke }                                 },
    { "DKIM",        { &cli_dkim_list, &cli_dkim_new, &cli_dkim_publish_check, &cli_dkim_rotate }               },
    { "Queue",
     { &cli_queue_list, &cli_queue_show, &cli_queue_retry, &cli_queue_hold, &cli_queue_release, &cli_queue_delete,
        &cli_queue_mine }                                                                                       },
    { "Identities",  { &cli_identity_add, &cli_identity_list, &cli_identity_remove }                            },
    { "Providers",   { &cli_provider_list, &cli_provider_login, &cli_provider_test, &cli_provider_logout }      },
    { "Policy",
     { &cli_explain, &cli_can, &cli_report, &cli_limit_set, &cli_limit_show, &cli_limit_clear, &cli_ban_list,
        &cli_ban_add, &cli_ban_remove }                                                                         },
    { "Audit",       { &cli_audit_show, &cli_audit_verify, &cli_audit_export, &cli_audit_erase, &cli_audit_key }},
    { "Mail",        { &cli_send, &cli_sendmail }                                                               },
    { "Try out",     { &cli_check, &cli_bench }                                                                 },
    { NULL,          { NULL }                                                                                   },
};
enum { GROUP_RUN = 1, WORDS_ROOM = 512 };

/* ---- finding -------------------------------------------------------------------------------------------------------------- */
typedef bool visit(void *owner, const struct cli_command *);

static const struct cli_command *find_by(visit *is_it, void *owner)
{
    for (const struct cli_group *g = groups; g->title; g++)
        for (size_t i = 0; i < GP_COUNT(g->commands) && g->commands[i]; i++)
            if (is_it(owner, g->commands[i])) return g->commands[i];
    return NULL;
}

struct search {
    char **argv;
    int    argc, used; /* how many words the name took */
};

/* Names are one word or two. */
static bool is_named(void *owner, const struct cli_command *c)
{
    struct search *s     = owner;
    gp_str         rest  = gp_from(c->name);
    gp_str         first = gp_word(&rest);
    s->used              = rest.len ? 2 : 1;
    if (s->argc < s->used || !gp_same(first, gp_from(s->argv[0]))) return false;
    return !rest.len || gp_same(rest, gp_from(s->argv[1]));
}

struct offer {             /* the words that could stand here */
    gp_str          after; /* the first word, when that one was right */
    struct gp_text *words;
};

static bool offer_word(void *owner, const struct cli_command *c)
{
    struct offer *o     = owner;
    gp_str        rest  = gp_from(c->name);
    gp_str        first = gp_word(&rest);
    gp_str        word  = o->after.ptr ? rest : first;
    if (o->after.ptr && (!gp_same(first, o->after) || !rest.len)) return false;
    gp_put(o->words, word);
    gp_put_char(o->words, ' ');
    return false;
}

/* ---- wrong use -------------------------------------------------------------------------------------------------------------- */
static int refuse(gp_str after, gp_str given)
{
    char           words_room[WORDS_ROOM], guess_room[WORDS_ROOM], what[WORDS_ROOM];
    struct gp_text words = GP_TEXT(words_room), guess = { .ptr = guess_room, .room = sizeof guess_room - 1 };
    struct offer   offer = { after, &words };
    (void)find_by(offer_word, &offer);
    if (!after.ptr) gp_put_z(&words, "help");
    config_suggest(&guess, given, gp_said(&words));
    guess_room[guess.len] = '\0';
    (void)snprintf(what, sizeof what, "%.*s%s%.*s", (int)after.len, after.ptr ? after.ptr : "",
                   after.ptr && given.len ? " " : "", (int)gp_head(given, 60).len, given.ptr ? given.ptr : "");
    char reason[WORDS_ROOM * 2];
    if (given.len)
        (void)snprintf(reason, sizeof reason, "there is no such command%s", guess_room);
    else
        (void)snprintf(reason, sizeof reason, "one more word is missing: %.*s", (int)words.len, words.ptr);
    cli_problem(what, reason, "`gatepost help` lists the commands");
    return CLI_WRONG_USE;
}

static int no_command(int argc, char **argv)
{
    char           room[WORDS_ROOM];
    struct gp_text words = GP_TEXT(room);
    gp_str         first = gp_from(argv[0]);
    struct offer   offer = { first, &words };
    (void)find_by(offer_word, &offer);
    if (words.len == 0) return refuse(GP_NONE, first); /* the first word begins no command of two */
    return refuse(first, argc > 1 ? gp_from(argv[1]) : GP_LIT(""));
}

/* ---- what was asked for -------------------------------------------------------------------------------------------------------- */
static bool is_one_of(const char *word, const char *a, const char *b)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

static int help(int argc, char **argv)
{
    struct search s = { argv, argc, 0 };
    if (argc == 0) {
        cli_help_all(groups);
        return CLI_DONE;
    }
    const struct cli_command *c = find_by(is_named, &s);
    if (!c && (argc == 1 || is_one_of(argv[1], "--help", "-h")) && cli_help_word(groups, gp_from(argv[0])))
        return CLI_DONE;
    if (!c) return no_command(argc, argv);
    char *ask[] = { "--help", NULL }; /* the command knows its options; it answers itself */
    return c->run(c, 1, ask);
}

int cli_main(int argc, char **argv, const struct cli_command *serve)
{
    serve_row                     = serve;
    groups[GROUP_RUN].commands[0] = serve_row;
    groups[GROUP_RUN].commands[1] = &cli_status;
    if (argc > 0 && sendmail_is(argv[0])) return sendmail_main(argc, argv);
    if (argc < 2) {
        cli_help_all(groups);
        return CLI_WRONG_USE;
    }
    if (is_one_of(argv[1], "--version", "-V"))
        return printf("gatepost %s\n", GATEPOST_VERSION) > 0 ? CLI_DONE : CLI_FAILED;
    if (is_one_of(argv[1], "help", "--help") || strcmp(argv[1], "-h") == 0) return help(argc - 2, argv + 2);

    struct search             s = { argv + 1, argc - 1, 0 };
    const struct cli_command *c = find_by(is_named, &s);
    if (c) return c->run(c, argc - 1 - s.used, argv + 1 + s.used);
    bool asks = argc > 2 && is_one_of(argv[2], "--help", "-h"); /* gatepost user --help */
    return asks ? help(argc - 1, argv + 1) : no_command(argc - 1, argv + 1);
}
