/* Restrictions of a credential as options of a command: each value is looked over, and what is allowed is said. */
#ifndef CLI_RESTRICT_H
#define CLI_RESTRICT_H

#include "cli/cli.h"
#include "store/credentials.h"

struct limit_options { /* NULL or none: not given */
    struct cli_many mechanisms, listeners, networks, senders;
    const char     *hours, *expires, *unused;
};
/* Rows for a command's table of options; `l` is a struct limit_options. */
#define LIMIT_OPTIONS(l)                                                                                                             \
    { "mechanisms", CLI_MANY, &(l).mechanisms, "NAMES", "may sign in with these mechanisms only; NAMES between commas, or `any`" }, \
    { "listeners", CLI_MANY, &(l).listeners, "NAMES", "at these listeners only, by name or ADDRESS:PORT; or `any`" },               \
    { "networks", CLI_MANY, &(l).networks, "LIST", "from these addresses only, as 192.0.2.7,10.0.0.0/8; or `any`" },                \
    { "senders", CLI_MANY, &(l).senders, "LIST", "as these senders only, ADDRESS or @DOMAIN; or `any`" },                           \
    { "hours", CLI_VALUE, &(l).hours, "HOURS", "at these hours of the server's time only, as 'Mon-Fri 07:00-19:00'; or `any`" },    \
    { "expires", CLI_VALUE, &(l).expires, "DATE", "ends then: 2026-12-31 (with that day, UTC), or 90d from now; or `never`" },       \
    { "unused", CLI_VALUE, &(l).unused, "DAYS", "ends when it was not used for so long, as 60d; or `never`" }
#define LIMIT_USAGE "[RESTRICTION...]" /* any of those */

typedef void limits_refuse(void *owner, const char *option, gp_str value, const char *reason);
limits_refuse limits_refuse_option; /* prints it, as of an option of a command */
/* Puts those that were given into *out, which holds those before. false: it was told what is wrong. */
bool limits_take(const struct limit_options *l, const struct config *config, gp_time now, limits_refuse *refuse_to, void *owner,
                 struct restrictions *out);
bool limits_given(const struct limit_options *);

#endif
