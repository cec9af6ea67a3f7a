/* gatepost provider list, logout: who gives the relay tokens, whether it works, and how to end it. */
#include "cli/provider.h"

#include <stdio.h>
#include <string.h>

#include "net/net.h"

/* ---- list ----------------------------------------------------------------------------------------------------------------------- */
static bool is_for_accounts(const struct config *c, const struct config_provider *p)
{
    return config_login_by(c, p) == config_logins(c) && config_own_login_by(c, p) < config_logins(c);
}

/* The server keeps one in force, and writes down until when: what is past, but for the time that a fetch takes, was not followed by another. */
static bool is_overdue(const struct config *c, const struct config_provider *p, const struct grant *g)
{
    bool wanted = config_login_by(c, p) < config_logins(c);
    return wanted && g->access_ends && g->access_ends + GRANT_CLAIM_MS < wall_now();
}

static const char *state_of(const struct config *c, const struct config_provider *p, gp_status found,
                            const struct grant *g)
{
    if (p->grant == PROVIDER_SERVICE_ACCOUNT && is_for_accounts(c, p)) return "by account";
    bool same = found == GP_OK && strcmp(g->kind, config_provider_grant(p->grant)) == 0;
    if (p->grant == PROVIDER_LOGIN && !(same && g->sealed))
        return is_for_accounts(c, p) ? "by account" : "nobody signed in";
    if (same && g->failing) return "fails";
    if (same && g->renewed && is_overdue(c, p, g)) return "overdue";
    return same && g->renewed ? "works" : "not tried yet";
}

static json_t *json_of(const struct config *c, const struct config_provider *p, gp_status found, const struct grant *g)
{
    return json_pack("{s:s, s:s, s:b, s:s, s:o, s:o, s:o, s:o, s:i, s:s, s:o}", "name", p->name, "grant",
                     config_provider_grant(p->grant), "relay", config_login_by(c, p) < config_logins(c), "state",
                     state_of(c, p, found, g), "signed_in", user_time_json(p->grant == PROVIDER_LOGIN ? g->made : 0),
                     "renewed", user_time_json(g->renewed), "token_ends", user_time_json(g->access_ends),
                     "failing_since", user_time_json(g->failing), "failures", (int)g->failures, "reason", g->why,
                     "ends", user_time_json(g->ends));
}

static void print_row(const struct config *c, const struct config_provider *p, gp_status found, const struct grant *g)
{
    char renewed[USER_TIME_ROOM], token[USER_TIME_ROOM];
    (void)printf("%-16s  %-15s  %-16s  %-20s  %-20s  ", p->name, config_provider_grant(p->grant),
                 state_of(c, p, found, g), user_time(g->renewed, renewed),
                 g->access_ends ? user_time(g->access_ends, token) : "");
    cli_print(stdout, gp_from(g->failing ? g->why : ""));
    if (g->ends) (void)printf("%s(consent ends %s)", g->failing ? " " : "", user_time(g->ends, token));
    (void)putchar('\n');
}

static void ignore(void *owner, gp_str line)
{
    (void)owner, (void)line;
}

static int list(const struct cli_command *command, int argc, char **argv)
{
    bool            json = false;
    const char     *dir  = NULL;
    auto_user_store s    = { 0 };
    s                    = (struct user_store) { 0 };
    int stop             = cli_parse_json(command, argc, argv, &dir, NULL, 0, &json);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    if (!user_store_open(dir, &s)) return CLI_FAILED;
    json_t *array = json ? json_array() : NULL;
    if (!json && s.config.provider_count)
        (void)printf("%-16s  %-15s  %-16s  %-20s  %-20s  %s\n", "NAME", "GRANT", "STATE", "RENEWED", "TOKEN UNTIL",
                     "REASON");
    for (size_t i = 0; i < s.config.provider_count; i++) {
        const struct config_provider *p      = &s.config.providers[i];
        struct grant                  g      = { 0 };
        gp_status                     status = grant_get(s.accounts, NULL, gp_from(p->name), &g);
        if (status == GP_TEMPFAIL) return user_store_failed(&s, p->name);
        if (json)
            (void)json_array_append_new(array, json_of(&s.config, p, status, &g));
        else
            print_row(&s.config, p, status, &g);
    }
    int failed = cli_provider_list_own(&s, array);
    if (failed) return failed;
    if (!json && !s.config.provider_count)
        (void)puts("gatepost.yml has no providers; docs/providers.md says how to add one");
    return json ? user_print_json(array) : CLI_DONE;
}

/* For `gatepost status`, which says nothing of what it may not read. */
json_t *cli_provider_states(const char *dir)
{
    static struct config  config;
    char                  file[CONFIG_PATH];
    enum database_trouble trouble;
    struct accounts_plan  plan  = { .path = file, .busy_ms = 500 };
    json_t               *array = json_array();
    bool                  ours  = config_read(dir, &config, ignore, NULL) && config.provider_count &&
                config_path(&config, "vault/accounts.db", file);
    plan.domain        = gp_from(config.domain);
    struct accounts *a = ours ? accounts_open(&plan, &trouble) : NULL;
    for (size_t i = 0; a && i < config.provider_count; i++) {
        struct grant g      = { 0 };
        gp_status    status = grant_get(a, NULL, gp_from(config.providers[i].name), &g);
        if (status != GP_TEMPFAIL)
            (void)json_array_append_new(array, json_of(&config, &config.providers[i], status, &g));
    }
    accounts_close(a);
    return array;
}

/* ---- logout ------------------------------------------------------------------------------------------------------------------------ */
/* RFC 7009 2.1, 2.2: also a token that was no good any more is revoked. */
static bool revoke(struct provider *p, const struct grant *g)
{
    enum { HTTP_OK = 200 };
    struct gp_text   form   = GP_TEXT(p->form);
    struct oauth_ask ask    = cli_provider_ask(p);
    long             status = 0;
    oauth_put_field(&form, "token", (gp_str) { g->refresh, g->refresh_len });
    oauth_put_field(&form, "token_type_hint", GP_LIT("refresh_token"));
    const char *why  = oauth_put_client(&form, &ask);
    gp_str      body = why ? GP_NONE : cli_provider_post(p, p->plan->revoke_uri, form.len, &status);
    if (status && status != HTTP_OK) oauth_read_reply(body, status, &p->reply);
    if (why) oauth_no_reply(&p->reply, why);
    bool over = strcmp(p->reply.error, "invalid_token") == 0;
    cli_provider_hide(&p->reply, (gp_str) { g->refresh, g->refresh_len });
    cli_provider_hide(&p->reply, ask.secret);
    return status == HTTP_OK || over;
}

static int logout(struct provider *p)
{
    auto_grant  g       = { 0 };
    const char *name    = p->plan->name;
    gp_status   status  = grant_get(p->s.accounts, &p->s.keys, gp_from(p->row), &g);
    bool        revokes = p->plan->revoke_uri[0] && status == GP_OK && g.refresh_len;
    bool        revoked = revokes && revoke(p, &g);
    if (status != GP_TEMPFAIL) status = grant_forget(p->s.accounts, gp_from(p->row));
    if (status == GP_TEMPFAIL) return user_store_failed(&p->s, name);
    if (status == GP_PERMFAIL) {
        cli_problem(p->row, "nobody is signed in there", NULL);
        return CLI_FAILED;
    }
    (void)printf("What %s had given is forgotten here%s.\n", name, revoked ? ", and revoked there" : "");
    if (!revokes) (void)puts("It is still good there, until it is taken back in that provider's own pages.");
    return revokes && !revoked ? cli_provider_failed(p, "it could not be revoked there, and may still be good")
                               : CLI_DONE;
}

static int run_logout(const struct cli_command *command, int argc, char **argv)
{
    const char             *dir = NULL, *name = NULL, *account = NULL, *route = NULL;
    size_t                  count     = 0;
    const struct cli_option options[] = {
        {"account", CLI_VALUE, &account, "ACCOUNT", "what that account signs in with there"},
        { "route",  CLI_VALUE, &route,   "ROUTE",   "its password at that route's server"  },
        { NULL,     CLI_FLAG,  NULL,     NULL,      NULL                                   },
    };
    int stop = cli_parse(command, options, argc, argv, &dir, &name, 0, 1, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    if (!name == !route || (route && !account)) {
        cli_problem("provider logout", "say what: the NAME of a provider, or --route and --account", NULL);
        return CLI_WRONG_USE;
    }
    const struct route_login of = { dir, route, account, NULL };
    if (route) return cli_route_logout(&of);
    auto_provider p = cli_provider_open(dir, name, account, NULL);
    return p ? logout(p) : CLI_FAILED;
}

const struct cli_command cli_provider_list   = { "provider list", "[--json]",
                                                 "show who gives the relay tokens to sign in with, and whether it works",
                                                 list };
const struct cli_command cli_provider_logout = { "provider logout", "NAME [--account ACCOUNT]",
                                                 "give back what a provider has given, and forget it", run_logout };
