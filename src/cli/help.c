/* Help: the page of all commands, of those with one first word, and the page of one with its options. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

enum { NAME_WIDTH = 16, OPTION_WIDTH = 28 };

static void print_row(const struct cli_command *command)
{
    (void)printf("  %-*s  %s\n", NAME_WIDTH, command->name, command->summary);
}

void cli_help_all(const struct cli_group *groups)
{
    (void)printf("gatepost: an authenticated mail submission server\n\nUsage: gatepost COMMAND [ARGUMENTS]\n");
    for (const struct cli_group *g = groups; g->title; g++) {
        (void)printf("\n%s\n", g->title);
        for (size_t i = 0; i < GP_COUNT(g->commands) && g->commands[i]; i++) print_row(g->commands[i]);
    }
    (void)printf(
        "\n`gatepost help COMMAND` says more about one; every command takes --dir DIR, the directory of the set-up\n"
        "(else $GATEPOST_DIR, else /etc/gatepost where it exists, else this directory).\n");
}

static bool begins_with(const struct cli_command *command, gp_str word)
{
    gp_str rest = gp_from(command->name), first = gp_word(&rest);
    return rest.len > 0 && gp_same(first, word);
}

bool cli_help_word(const struct cli_group *groups, gp_str word)
{
    bool any = false;
    for (const struct cli_group *g = groups; g->title; g++)
        for (size_t i = 0; i < GP_COUNT(g->commands) && g->commands[i]; i++) {
            if (!begins_with(g->commands[i], word)) continue;
            if (!any) (void)printf("Usage: gatepost %.*s COMMAND [ARGUMENTS]\n\n", (int)word.len, word.ptr);
            any = true;
            print_row(g->commands[i]);
        }
    if (any) (void)printf("\n`gatepost help %.*s COMMAND` says more about one.\n", (int)word.len, word.ptr);
    return any;
}

static void print_option(const char *name, const char *argument, const char *help)
{
    char           room[128];
    struct gp_text left = { .ptr = room, .room = sizeof room - 1 };
    gp_put_z(&left, "--");
    gp_put_z(&left, name);
    if (argument) {
        gp_put_char(&left, ' ');
        gp_put_z(&left, argument);
    }
    room[left.len] = '\0';
    (void)printf("  %-*s  %s\n", OPTION_WIDTH, room, help ? help : "");
}

void cli_help_command(const struct cli_command *command, const struct cli_option *options)
{
    (void)printf("gatepost %s: %s\n\nUsage: gatepost %s%s%s\n\nOptions\n", command->name, command->summary,
                 command->name, command->usage && *command->usage ? " " : "", command->usage ? command->usage : "");
    for (const struct cli_option *o = options; o && o->name; o++) print_option(o->name, o->argument, o->help);
    print_option("dir", "DIR", "the directory of the set-up");
    print_option("help", NULL, "this page");
}
