/* The types of sources, and what they have in common: paths made absolute, the secret, the sandbox. */
#include "lookup/parts.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const struct source_type *const types[LOOKUP_TYPES] = {
    [LOOKUP_PASSWD_FILE] = &source_passwd_file,
    [LOOKUP_SASLAUTHD]   = &source_saslauthd,
    [LOOKUP_PAM]         = &source_pam,
    [LOOKUP_LDAP]        = &source_ldap,
    [LOOKUP_SQL]         = &source_sql,
    [LOOKUP_HTTP]        = &source_http,
    [LOOKUP_DOVECOT]     = &source_dovecot,
    [LOOKUP_OAUTH]       = &source_oauth,
    [LOOKUP_WEBHOOK]     = &source_webhook,
    [LOOKUP_EVENTS]      = &source_events,
    [LOOKUP_PROVIDERS]   = &source_tokens,
    [LOOKUP_WEB]         = &source_web,
};

static bool complain(const struct source *s, const char *problem, const char *reason)
{
    LOG(LOG_ERROR, "source", LOG_Z("source", s->plan->name), LOG_Z("problem", problem), LOG_Z("reason", reason));
    return false;
}

/* The first line of the file that the supervisor opened. */
static bool read_secret(struct source *s, int fd)
{
    size_t  len = 0;
    ssize_t n   = 1;
    while (len < sizeof s->secret && n > 0) {
        n = read(fd, s->secret + len, sizeof s->secret - len);
        if (n > 0) len += (size_t)n;
    }
    (void)close(fd);
    if (n < 0 || len == sizeof s->secret)
        return complain(s, "the file with its secret cannot be read, or is too long", n < 0 ? strerror(errno) : NULL);
    s->secret[strcspn(s->secret, "\r\n")] = '\0';
    return s->secret[0] || complain(s, "the file with its secret has an empty first line", NULL);
}

static bool take_path(const struct config *config, const char *given, char out[static CONFIG_PATH])
{
    out[0] = '\0';
    return !given[0] || config_path(config, given, out);
}

bool source_open(struct source *s, const struct config *config, const struct role_start *start)
{
    if (start->index >= config_lookup_processes(config)) return false;
    const struct config_lookup *plan = &config->lookups[start->index];
    const char                 *sqlite =
        plan->type == LOOKUP_SQL && gp_starts(gp_from(plan->uri), "sqlite:") ? plan->uri + strlen("sqlite:") : "";
    const char *path = plan->path[0]        ? plan->path
                       : plan->keys_file[0] ? plan->keys_file
                       : plan->socket[0]    ? plan->socket
                                            : sqlite;
    *s               = (struct source) {
                      .plan = plan, .config = config, .type = types[plan->type], .timeout_ms = (int)plan->timeout * LOOKUP_MS
    };
    s->seats = s->type->one_seat || !plan->workers ? 1 : plan->workers;
    if (!take_path(config, path, s->path) || !take_path(config, plan->ca_file, s->ca_file) ||
        !take_path(config, plan->services, s->services))
        return complain(s, "a path is too long", NULL);
    if (start->secret >= 0 && !read_secret(s, start->secret)) return false;
    if ((plan->password_file[0] || plan->token_file[0]) && !s->secret[0])
        return complain(s, "the file with its secret cannot be read", NULL);
    return !s->type->open || s->type->open(s);
}

bool source_enter_sandbox(const struct source *s)
{
    struct sandbox_needs needs = { 0 };
    s->type->needs(s, &needs);
    return sandbox_enter_lookup(&needs);
}
