/* gatepost, the program: the table of roles, and `gatepost serve`; all other commands are cli's. */
#include "app/supervisor.h"
#include "cli/cli.h"
#include "lookup/lookup.h"
#include "queue/queue.h"
#include "relay/relay.h"
#include "submit/submit.h"
#include "vault/vault.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 30 * 1000 };

/* clang-format off */
static const struct role_row roles[] = {
/*    role         main         lives in     chroot  owns   many  */
    { ROLE_VAULT, vault_main,  "vault",     true,   true,  false },
    { ROLE_QUEUE, queue_main,  "queue",     true,   true,  false },
    { ROLE_RELAY, relay_main,  "run/empty", false,  false, false }, /* reads the system's resolver and trust store */
    { ROLE_LOOKUP, lookup_main, "run/empty", false,  false, true }, /* so do sources in the network; pam reads more */
    { ROLE_SMTPD, submit_main, "run/empty", true,   false, true  },
};
/* clang-format on */

/* In a process of its own, which ends here: the supervisor never holds a key, nor memory that one was in. */
static bool files_are_sound(const struct config *config)
{
    int   status = 1;
    pid_t pid    = fork();
    if (pid == 0) _exit(cli_check_files(config) ? 0 : 1);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int serve(const struct cli_command *command, int argc, char **argv)
{
    static struct config    config;
    const char             *dir       = NULL;
    const struct cli_option options[] = {
        {NULL, CLI_FLAG, NULL, NULL, NULL}
    };
    int stop = cli_parse(command, options, argc, argv, &dir, NULL, 0, 0, NULL);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    if (!cli_config(dir, &config) || !files_are_sound(&config)) return CLI_FAILED;
    return supervisor_run(&config, roles, GP_COUNT(roles), PATIENCE_MS) == 0 ? CLI_DONE : CLI_FAILED;
}

static const struct cli_command serve_command = { "serve", "", "run the server in the foreground", serve };

int main(int argc, char **argv)
{
    return cli_main(argc, argv, &serve_command);
}
