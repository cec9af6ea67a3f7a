/* gatepost provider ... --account: what one account signs in with at its provider, or at a route's server with a password. */
#include <stdio.h>
#include <string.h>

#include "cli/provider.h"

/* ---- whose it is ------------------------------------------------------------------------------------------------------------ */
static void put_address(const struct config *c, const struct account *who, char *user, size_t size)
{
    struct gp_text out = { .ptr = user, .room = size - 1 };
    gp_put_z(&out, who->name);
    if (!strchr(who->name, '@')) {
        gp_put_char(&out, '@');
        gp_put_z(&out, c->domain);
    }
    user[out.len] = '\0';
}

static bool is_user(const char *user)
{
    for (const char *at = user; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f) return false;
    return user[0] && strlen(user) < GRANT_LOGIN;
}

/* What is given, else what was, else its address. */
static bool choose_user(struct user_store *s, const struct account *who, gp_str key, const char *given,
                        char user[static GRANT_LOGIN])
{
    auto_grant g = { 0 };
    if (given && !is_user(given)) {
        cli_problem("--user", "is no name", "it is the account's name there, as ada@example.org");
        return false;
    }
    if (given) return gp_copy_z(gp_from(given), user, GRANT_LOGIN);
    if (grant_get(s->accounts, NULL, key, &g) == GP_OK && g.login[0])
        return gp_copy_z(gp_from(g.login), user, GRANT_LOGIN);
    put_address(&s->config, who, user, GRANT_LOGIN);
    return true;
}

static bool resolve_own(struct provider *p, const char *account, const char *user)
{
    const struct config *c   = &p->s.config;
    struct gp_text       key = { .ptr = p->row, .room = sizeof p->row - 1 };
    p->own                   = true;
    p->login                 = config_own_login_by(c, p->plan);
    if (p->login == config_logins(c)) {
        cli_problem(p->plan->name, "is the provider of no route where each account signs in as itself",
                    "write login: account to the route; docs/providers.md says how");
        return false;
    }
    if (!user_find(&p->s, account, &p->who)) return false;
    if (p->plan->grant == PROVIDER_CLIENT) /* one token is for all */
        gp_put_z(&key, p->plan->name);
    else
        grant_put_name(&key, p->plan->name, NULL, p->who.name);
    p->row[key.len] = '\0';
    return choose_user(&p->s, &p->who, gp_said(&key), user, p->user);
}

bool cli_provider_resolve(struct provider *p, const char *account, const char *user)
{
    const struct config *c = &p->s.config;
    if (account) return resolve_own(p, account, user);
    p->login         = config_login_by(c, p->plan);
    const char *whom = p->login < config_logins(c) ? config_login_of(c, p->login).user : "";
    return gp_copy_z(gp_from(p->plan->name), p->row, sizeof p->row) &&
           gp_copy_z(gp_from(whom), p->user, sizeof p->user);
}

/* ---- with a password ------------------------------------------------------------------------------------------------------------ */
struct route_of {
    struct user_store          s;
    const struct config_route *route;
    struct account             who;
    char                       key[GRANT_NAME];
};

static bool find(const struct route_login *w, struct route_of *of)
{
    struct gp_text key = { .ptr = of->key, .room = sizeof of->key - 1 };
    if (!user_store_open(w->dir, &of->s)) return false;
    of->route = config_route_named(&of->s.config, gp_from(w->route));
    bool own  = of->route && of->route->login == LOGIN_OF_ACCOUNT;
    if (!own || of->route->provider[0]) {
        cli_problem(w->route,
                    !of->route ? "is none of routes in gatepost.yml"
                    : !own     ? "is a route where one signs in for all"
                               : "is a route with tokens of a provider",
                    own ? "`gatepost provider login NAME --account ACCOUNT` is for that"
                        : "such a route has login: account, and no provider");
        return false;
    }
    if (!user_find(&of->s, w->account, &of->who)) return false;
    grant_put_name(&key, NULL, of->route->name, of->who.name);
    of->key[key.len] = '\0';
    return true;
}

static int keep(const struct route_login *w, struct route_of *of)
{
    auto_grant g = { .made = user_now(), .account = of->who.id, .kind = GRANT_PASSWORD };
    if (!choose_user(&of->s, &of->who, gp_from(of->key), w->user, g.login) ||
        !gp_copy_z(gp_from(of->key), g.provider, sizeof g.provider))
        return CLI_FAILED;
    if (!cli_secret_from_stdin(g.refresh, GP_PASSWORD_MOST + 1, &g.refresh_len)) return CLI_FAILED;
    if (grant_put(of->s.accounts, &of->s.keys, &g) != GP_OK) return user_store_failed(&of->s, of->key);
    (void)printf("Kept: %s signs in at %s as %s. What waits for it goes at once, if a server runs.\n", of->who.name,
                 of->route->via->host, g.login);
    return CLI_DONE;
}

int cli_route_login(const struct route_login *w, bool from_stdin)
{
    struct route_of of     = { .route = NULL };
    int             status = from_stdin && find(w, &of) ? keep(w, &of) : CLI_FAILED;
    user_store_close(&of.s);
    return status;
}

static int forget(struct route_of *of)
{
    gp_status status = grant_forget(of->s.accounts, gp_from(of->key));
    if (status == GP_TEMPFAIL) return user_store_failed(&of->s, of->key);
    if (status == GP_PERMFAIL) {
        cli_problem(of->key, "nobody is signed in there", NULL);
        return CLI_FAILED;
    }
    (void)printf("The password of %s for %s is forgotten here. It is still good there, until it is changed.\n",
                 of->who.name, of->route->via->host);
    return CLI_DONE;
}

int cli_route_logout(const struct route_login *w)
{
    struct route_of of     = { .route = NULL };
    int             status = find(w, &of) ? forget(&of) : CLI_FAILED;
    user_store_close(&of.s);
    return status;
}

/* ---- list ----------------------------------------------------------------------------------------------------------------------- */
struct listing {
    json_t *array;
    bool    begun;
};

static const char *state_of(const struct grant *g)
{
    if (strcmp(g->kind, GRANT_PASSWORD) == 0) return "kept";
    if (g->failing) return "fails";
    return g->renewed ? "works" : "not tried yet";
}

static json_t *json_of(const struct grant *g, const char *account)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:i, s:s, s:o}", "name", g->provider, "account",
                     account, "user", g->login, "grant", g->kind, "state", state_of(g), "signed_in",
                     user_time_json(g->made), "renewed", user_time_json(g->renewed), "token_ends",
                     user_time_json(g->access_ends), "failing_since", user_time_json(g->failing), "failures",
                     (int)g->failures, "reason", g->why, "ends", user_time_json(g->ends));
}

static bool show(void *owner, const struct grant *g)
{
    struct listing *l       = owner;
    const char     *slash   = strchr(g->provider, '/');
    const char     *account = slash ? slash + 1 : "";
    char            time[USER_TIME_ROOM], ends[USER_TIME_ROOM];
    if (l->array) return json_array_append_new(l->array, json_of(g, account)) == 0;
    if (!l->begun)
        (void)printf("\n%-32s  %-32s  %-13s  %-20s  %s\n", "BY ACCOUNT", "AS", "STATE", "SIGNED IN", "REASON");
    l->begun = true;
    cli_print(stdout, gp_from(g->provider));
    (void)printf("%*s  ", (int)(strlen(g->provider) < 32 ? 32 - strlen(g->provider) : 0), "");
    cli_print(stdout, gp_from(g->login));
    (void)printf("%*s  %-13s  %-20s  ", (int)(strlen(g->login) < 32 ? 32 - strlen(g->login) : 0), "", state_of(g),
                 user_time(g->made, time));
    cli_print(stdout, gp_from(g->failing ? g->why : ""));
    if (g->ends) (void)printf("%s(consent ends %s)", g->failing ? " " : "", user_time(g->ends, ends));
    (void)putchar('\n');
    return true;
}

int cli_provider_list_own(struct user_store *s, json_t *array)
{
    struct listing           l = { .array = array };
    const struct grants_wish w = { .which = GRANTS_OF_ACCOUNTS };
    if (grants_each(s->accounts, &w, show, &l) == GP_OK) return CLI_DONE;
    return user_store_failed(s, "accounts");
}
