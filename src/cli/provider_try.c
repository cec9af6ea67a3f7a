/* gatepost provider test: fetches a token as the server would, and signs in at the smarthost with it, without sending. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/provider.h"
#include "talk/talk.h"

enum { PORT_ROOM = 8, CLAIM_TRIES = 100, CLAIM_NS = 200 * 1000 * 1000, PEM_MOST = 1 << 20, SECOND_MS = 1000 };

/* ---- a token ------------------------------------------------------------------------------------------------------------------- */
/* The server may be fetching with the same refresh token just now. */
static bool claim(struct provider *p, struct grant *g)
{
    const struct timespec pause  = { .tv_nsec = CLAIM_NS };
    gp_status             status = GP_PERMFAIL;
    for (int i = 0; i < CLAIM_TRIES && status == GP_PERMFAIL; i++) {
        if (i) (void)nanosleep(&pause, NULL);
        status = grant_get(p->s.accounts, &p->s.keys, gp_from(p->row), g);
        if (status == GP_OK && !g->refresh_len) status = GP_TEMPFAIL;
        if (status != GP_OK) {
            cli_problem(p->row, "nobody has signed in there yet", "`gatepost provider login` does");
            return false;
        }
        status = grant_claim(p->s.accounts, g, user_now());
    }
    if (status == GP_OK) return true;
    cli_problem(p->plan->name, "the server is fetching a token, or the store cannot be written",
                "try again in a minute");
    return false;
}

static bool keep(struct provider *p, struct grant *g)
{
    const struct oauth_reply *r   = &p->reply;
    gp_time                   now = user_now();
    g->renewed                    = now;
    g->refresh_len                = r->refresh_len;
    if (r->refresh_len) memcpy(g->refresh, r->refresh, r->refresh_len);
    if (r->refresh_lifetime) g->ends = now + (gp_time)r->refresh_lifetime * SECOND_MS;
    if (grant_renewed(p->s.accounts, &p->s.keys, g) == GP_OK) return true;
    if (!r->refresh_len) return true;
    cli_problem(p->plan->name, "its new refresh token could not be kept", "`gatepost provider login NAME` begins anew");
    return false;
}

static bool fetch(struct provider *p)
{
    static const enum oauth_grant grants[] = { [PROVIDER_LOGIN]           = OAUTH_REFRESH,
                                               [PROVIDER_CLIENT]          = OAUTH_CLIENT,
                                               [PROVIDER_SERVICE_ACCOUNT] = OAUTH_SERVICE_ACCOUNT };
    auto_grant                    g        = { 0 };
    struct oauth_ask              ask      = cli_provider_ask(p);
    bool                          login    = p->plan->grant == PROVIDER_LOGIN;
    ask.grant                              = grants[p->plan->grant];
    if (login && !claim(p, &g)) return false;
    ask.code = (gp_str) { g.refresh, g.refresh_len };
    if (!cli_provider_fetch(p, &ask)) return false;
    if (p->reply.status == GP_OK) return !login || keep(p, &g);
    if (login && grant_failed(p->s.accounts, &g, gp_from(p->reply.why), user_now()) == GP_TEMPFAIL)
        (void)user_store_failed(&p->s, p->plan->name);
    (void)cli_provider_failed(p, p->plan->name);
    return false;
}

/* ---- the smarthost --------------------------------------------------------------------------------------------------------------- */
struct files {
    char *roots, *chain, *key;
};

/* No name: there is none, which is fine. */
static bool read_pem(const struct config *c, const char *name, const char *named_as, char **text, gp_str *pem)
{
    char path[CONFIG_PATH];
    *pem = GP_NONE;
    if (!name[0]) return true;
    FILE  *file = config_path(c, name, path) ? fopen(path, "re") : NULL;
    size_t len  = 0;
    *text       = file ? malloc(PEM_MOST) : NULL;
    if (*text) len = fread(*text, 1, PEM_MOST, file);
    if (file) (void)fclose(file);
    *pem = (gp_str) { *text, len };
    if (len == 0) cli_problem(name, "cannot be read", named_as);
    return len > 0;
}

/* What we trust there, and what we show where the server asks for a certificate. */
static bool read_files(const struct provider *p, struct files *f, struct talk_plan *plan)
{
    const struct config      *c  = &p->s.config;
    const struct config_login of = config_login_of(c, p->login);
    return read_pem(c, c->relay.ca_file, "it is named as relay.ca_file", &f->roots, &plan->ca_pem) &&
           read_pem(c, of.certificate_file, "it is named as certificate_file, of relay or of the route", &f->chain,
                    &plan->chain_pem) &&
           read_pem(c, of.key_file, "it is named as key_file, of relay or of the route", &f->key, &plan->key_pem);
}

static void drop_files(struct files *f)
{
    if (f->key) gp_wipe(f->key, PEM_MOST);
    free(f->roots);
    free(f->chain);
    free(f->key);
}

/* A smarthost has heard the token, and may say it. */
static void put_reply(struct gp_text *out, gp_secret token, gp_str reply)
{
    struct gp_mask mask = { 0 };
    (void)gp_mask_set(&mask, token); /* else nothing of it is shown */
    gp_put_masked(out, &mask, reply);
    gp_mask_end(&mask);
}

/* Of several servers the first is asked. */
static struct config_hop hop_of(const struct provider *p)
{
    const struct config *c = &p->s.config;
    return p->login ? c->routes[p->login - 1].via[0] : config_default_hop(c);
}

static bool sign_in(const struct provider *p, struct talk *t)
{
    const struct config *c         = &p->s.config;
    struct talk_reply    reply     = { 0 };
    const char          *mechanism = NULL;
    struct talk_login    login     = {
               .user = gp_from(p->user), .secret = {p->reply.access, p->reply.access_len},
                    .token = true
    };
    const struct config_hop hop = hop_of(p);
    bool good = t && talk_enter(t, c->hostname, &reply) && talk_sign_in(t, &login, &reply, &mechanism);
    if (good) {
        (void)printf("sign-in  %s:%u takes %s with %s\n", hop.host, hop.port, p->user, mechanism);
        return true;
    }
    char           room[OAUTH_WHY_ROOM];
    struct gp_text why = { .ptr = room, .room = sizeof room - 1 };
    if (reply.code) {
        gp_put_number(&why, reply.code);
        gp_put_char(&why, ' ');
        put_reply(&why, (gp_secret) { p->reply.access, p->reply.access_len }, reply.text);
    } else {
        gp_put_z(&why, t ? talk_why(t) : "no memory");
    }
    room[why.len] = '\0';
    cli_problem(hop.host, room,
                "may this mailbox send by SMTP, and is it the one that signed in? See docs/providers.md");
    return false;
}

static int try_smarthost(const struct provider *p)
{
    const struct config_hop hop   = hop_of(p);
    struct files            files = { NULL, NULL, NULL };
    char                    port[PORT_ROOM];
    struct talk_plan        plan = { .host = hop.host, .port = port };
    (void)snprintf(port, sizeof port, "%u", (unsigned)hop.port);
    plan.tls  = hop.implicit_tls ? TALK_IMPLICIT : TALK_STARTTLS;
    bool good = read_files(p, &files, &plan);
    if (good) {
        struct talk *t = talk_open(&plan, NULL);
        good           = sign_in(p, t);
        talk_close(t);
    }
    drop_files(&files);
    return good ? CLI_DONE : CLI_FAILED;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
    const char             *dir = NULL, *name = NULL, *account = NULL;
    size_t                  count     = 0;
    const struct cli_option options[] = {
        {"account", CLI_VALUE, &account, "ACCOUNT", "as that account, where a route has login: account"},
        { NULL,     CLI_FLAG,  NULL,     NULL,      NULL                                               },
    };
    int stop = cli_parse(command, options, argc, argv, &dir, &name, 1, 1, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    auto_provider p = cli_provider_open(dir, name, account, NULL);
    if (p && p->plan->grant == PROVIDER_SERVICE_ACCOUNT && !p->user[0]) {
        cli_problem(name, "its key speaks for one mailbox at a time, and none is named",
                    "--account ACCOUNT, where a route has login: account; else user, in relay or the route");
        return CLI_FAILED;
    }
    if (!p || !fetch(p)) return CLI_FAILED;
    (void)printf("token    %s gives one", name);
    if (p->reply.lifetime) (void)printf(", for %llu seconds", (unsigned long long)p->reply.lifetime);
    (void)puts("");
    if (p->login < config_logins(&p->s.config)) return try_smarthost(p);
    (void)puts("sign-in  not tried: neither relay nor a route has it as its provider");
    return CLI_DONE;
}

const struct cli_command cli_provider_test = { "provider test", "NAME [--account ACCOUNT]",
                                               "fetch a token, and sign in at the smarthost with it, without sending",
                                               run };
