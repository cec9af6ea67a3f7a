/* gatepost provider login: a person says yes once, with a code that is typed elsewhere (RFC 8628) or in a browser that comes back here (RFC 8252). */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/provider.h"

enum { SECOND_MS = 1000, PORT_MOST = 65535 };

static void pause_for(uint64_t seconds)
{
    struct timespec t = { .tv_sec = (time_t)seconds };
    while (nanosleep(&t, &t) != 0) continue;
}

/* ---- what has come ------------------------------------------------------------------------------------------------------------- */
static int keep(struct provider *p)
{
    const struct oauth_reply *r = &p->reply;
    auto_grant                g = { .made = user_now(), .renewed = user_now(), .refresh_len = r->refresh_len };
    if (!r->refresh_len) {
        cli_problem(p->plan->name, "has given a token that cannot be refreshed",
                    "the scope has to ask for that (offline_access), and the person has to be asked (prompt=consent)");
        return CLI_FAILED;
    }
    if (r->refresh_lifetime) g.ends = g.made + (gp_time)r->refresh_lifetime * SECOND_MS;
    memcpy(g.refresh, r->refresh, r->refresh_len);
    g.account = p->own ? p->who.id : 0;
    if (p->own && !gp_copy_z(gp_from(p->user), g.login, sizeof g.login)) return CLI_FAILED;
    if (!gp_copy_z(gp_from(p->row), g.provider, sizeof g.provider) ||
        !gp_copy_z(gp_from(config_provider_grant(PROVIDER_LOGIN)), g.kind, sizeof g.kind))
        return CLI_FAILED;
    if (grant_put(p->s.accounts, &p->s.keys, &g) != GP_OK) return user_store_failed(&p->s, p->plan->name);
    (void)printf("Signed in at %s%s%s. A server that runs uses it at once; `gatepost provider test %s%s%s` tries it.\n",
                 p->plan->name, p->own ? " for " : "", p->who.name, p->plan->name, p->own ? " --account " : "",
                 p->who.name);
    return CLI_DONE;
}

/* ---- with a code ------------------------------------------------------------------------------------------------------------------ */
static bool begin(struct provider *p, struct oauth_device *d)
{
    struct gp_text form   = GP_TEXT(p->form);
    long           status = 0;
    oauth_put_field(&form, "client_id", gp_from(p->plan->client_id));
    oauth_put_field(&form, "scope", gp_from(p->plan->scope));
    gp_str      body = cli_provider_post(p, p->plan->device_uri, form.len, &status);
    const char *why  = status ? oauth_read_device(body, status, d, &p->reply) : p->reply.why;
    if (!why) return true;
    if (status && why != p->reply.why) oauth_no_reply(&p->reply, why);
    (void)cli_provider_failed(p, p->plan->name);
    return false;
}

/* RFC 8628 3.4, 3.5 */
static int wait_for_yes(struct provider *p, struct oauth_device *d)
{
    enum { SLOWER = 5 };
    struct oauth_ask ask   = cli_provider_ask(p);
    gp_time          until = user_now() + (gp_time)d->lifetime * SECOND_MS;
    ask.grant              = OAUTH_DEVICE_CODE;
    ask.code               = gp_from(d->code);
    while (user_now() < until) {
        pause_for(d->interval);
        ask.now = user_now() / SECOND_MS;
        if (!cli_provider_fetch(p, &ask)) return CLI_FAILED;
        if (p->reply.slow_down) d->interval += SLOWER;
        if (p->reply.status == GP_OK) return keep(p);
        if (p->reply.status == GP_PERMFAIL) return cli_provider_failed(p, p->plan->name);
    }
    cli_problem(p->plan->name, "nobody said yes in time", "begin again");
    return CLI_FAILED;
}

static int by_device(struct provider *p)
{
    struct oauth_device d;
    int                 status = CLI_FAILED;
    if (begin(p, &d)) {
        (void)printf("Open %s on any device, type the code %s, and sign in as %s.\nWaiting ...\n", d.uri, d.user_code,
                     p->user[0] ? p->user : "the mailbox that sends");
        (void)fflush(stdout);
        status = wait_for_yes(p, &d);
    }
    gp_wipe(&d, sizeof d);
    return status;
}

/* ---- with a browser ------------------------------------------------------------------------------------------------------------------ */
static int by_browser(struct provider *p, uint16_t port)
{
    struct browser b      = { .code = "" };
    int            status = browser_ask(p, port, &b);
    if (status == CLI_DONE) {
        struct oauth_ask ask = cli_provider_ask(p);
        ask.grant            = OAUTH_CODE;
        ask.code             = gp_from(b.code);
        ask.verifier         = gp_from(b.verifier);
        ask.redirect_uri     = gp_from(b.redirect_uri);
        status               = CLI_FAILED;
        if (cli_provider_fetch(p, &ask))
            status = p->reply.status == GP_OK ? keep(p) : cli_provider_failed(p, p->plan->name);
    }
    gp_wipe(&b, sizeof b);
    return status;
}

struct wish {
    const char *dir, *name, *account, *user, *route, *port;
    bool        browser, from_stdin;
};

static int login(const struct wish *w, uint16_t port)
{
    const char   *name    = w->name;
    bool          browser = w->browser || w->port;
    auto_provider p       = cli_provider_open(w->dir, name, w->account, w->user);
    if (!p) return CLI_FAILED;
    if (p->plan->grant != PROVIDER_LOGIN) {
        cli_problem(name, "needs nobody's sign-in: its grant is not login", "`gatepost provider test NAME` tries it");
        return CLI_FAILED;
    }
    if (!browser && p->plan->device_uri[0]) return by_device(p);
    if (p->plan->authorize_uri[0]) return by_browser(p, port);
    cli_problem(name, "has no authorize_uri for a browser", "leave out --browser");
    return CLI_FAILED;
}

static const char *wrong_use(const struct wish *w, uint16_t *port)
{
    uint64_t number = 0;
    if (w->port && (!gp_read_number(gp_from(w->port), PORT_MOST, &number) || !number)) return "--port is no port";
    *port = (uint16_t)number;
    if (!w->name == !w->route) return "say where: the NAME of a provider, or --route";
    if (w->user && !w->account) return "--user is for --account: who else signs in stands in gatepost.yml";
    if (!w->route) return w->from_stdin ? "--password-stdin is for --route: a provider gives tokens" : NULL;
    if (!w->account) return "--route is for --account: who else signs in stands in gatepost.yml";
    if (w->browser || w->port) return "--browser and --port are for providers";
    return w->from_stdin ? NULL : "--route needs --password-stdin: the password is the first line of standard input";
}

static int run(const struct cli_command *command, int argc, char **argv)
{
    struct wish             w         = { 0 };
    uint16_t                port      = 0;
    size_t                  count     = 0;
    const struct cli_option options[] = {
        {"browser",         CLI_FLAG,  &w.browser,    NULL,      "by a browser on this host, also where a code would do"     },
        { "port",           CLI_VALUE, &w.port,       "PORT",    "where the browser comes back to; default: any that is free"},
        { "account",        CLI_VALUE, &w.account,    "ACCOUNT",
         "for the mail of that account, where a route has login: account"                                                    },
        { "user",           CLI_VALUE, &w.user,       "USER",    "the account's name there; default: its address"            },
        { "route",          CLI_VALUE, &w.route,      "ROUTE",   "with a password, at that route's server"                   },
        { "password-stdin", CLI_FLAG,  &w.from_stdin, NULL,      "the password is the first line of standard input"          },
        { NULL,             CLI_FLAG,  NULL,          NULL,      NULL                                                        },
    };
    int stop = cli_parse(command, options, argc, argv, &w.dir, &w.name, 0, 1, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    const char *wrong = wrong_use(&w, &port);
    if (wrong) {
        cli_problem("provider login", wrong, NULL);
        return CLI_WRONG_USE;
    }
    const struct route_login of = { w.dir, w.route, w.account, w.user };
    return w.route ? cli_route_login(&of, w.from_stdin) : login(&w, port);
}

const struct cli_command cli_provider_login = { "provider login",
                                                "NAME [--account ACCOUNT [--user USER]] [--browser] [--port PORT]",
                                                "sign in at a provider of tokens (OAuth 2.0), so that the relay can",
                                                run };
