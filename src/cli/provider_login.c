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
    if (!gp_copy_z(gp_from(p->plan->name), g.provider, sizeof g.provider) ||
        !gp_copy_z(gp_from(config_provider_grant(PROVIDER_LOGIN)), g.kind, sizeof g.kind))
        return CLI_FAILED;
    if (grant_put(p->s.accounts, &p->s.keys, &g) != GP_OK) return user_store_failed(&p->s, p->plan->name);
    (void)printf("Signed in at %s. A server that runs uses it at once; `gatepost provider test %s` tries it.\n",
                 p->plan->name, p->plan->name);
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
                     p->s.config.relay.user[0] ? p->s.config.relay.user : "the mailbox that sends");
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

static int login(const char *dir, const char *name, bool browser, uint16_t port)
{
    auto_provider p = cli_provider_open(dir, name);
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

static int run(const struct cli_command *command, int argc, char **argv)
{
    bool                    browser = false;
    const char             *port = NULL, *dir = NULL, *name = NULL;
    uint64_t                number    = 0;
    size_t                  count     = 0;
    const struct cli_option options[] = {
        {"browser", CLI_FLAG,  &browser, NULL,   "by a browser on this host, also where a code would do"     },
        { "port",   CLI_VALUE, &port,    "PORT", "where the browser comes back to; default: any that is free"},
        { NULL,     CLI_FLAG,  NULL,     NULL,   NULL                                                        },
    };
    int stop = cli_parse(command, options, argc, argv, &dir, &name, 1, 1, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    if (port && (!gp_read_number(gp_from(port), PORT_MOST, &number) || !number)) {
        cli_problem("--port", "is no port", NULL);
        return CLI_WRONG_USE;
    }
    return login(dir, name, browser || port, (uint16_t)number);
}

const struct cli_command cli_provider_login = { "provider login", "NAME [--browser] [--port PORT]",
                                                "sign in at a provider of tokens (OAuth 2.0), so that the relay can",
                                                run };
