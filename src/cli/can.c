/* gatepost can: may this account sign in like this, and send that? Asked without a message; each rule says yes or no, and then the verdict
 * is what a client would hear. What cannot be known from here is the secret itself: it is taken to be right. */
#include "cli/can.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/queue.h"
#include "cli/when.h"
#include "store/within.h"

static const char *const words[CAN_WORDS] = {
    [CAN_YES] = "yes", [CAN_NO] = "no", [CAN_WOULD] = "would", [CAN_HELD] = "held", [CAN_SKIPPED] = ""
};

/* ---- what is asked ------------------------------------------------------------------------------------------------------- */
static bool wrong(const char *option, const char *why, const char *hint)
{
    cli_problem(option, why, hint);
    return false;
}

/* By its name, address or port; of none, the first with TLS from the start, which is what clients are told to use. */
static bool is_meant(const struct config_listen *l, const char *wanted)
{
    gp_str address = gp_from(l->address), port = address;
    while (gp_find(port, ':') < port.len) (void)gp_cut(&port, ':');
    return strcmp(l->name, wanted) == 0 || strcmp(l->address, wanted) == 0 || gp_same(port, gp_from(wanted));
}

static bool find_listener(struct can *c)
{
    const struct config *config = &c->store->config;
    const char          *wanted = c->wish->listener;
    for (size_t i = 0; i < config->listen_count; i++) {
        const struct config_listen *l = &config->listen[i];
        c->listener                   = i;
        if (wanted ? is_meant(l, wanted) : l->kind == LISTEN_SUBMISSIONS) return true;
    }
    c->listener = 0;
    if (!wanted && config->listen_count > 0) return true;
    return wrong("--listener", "there is no such listener", "name, address or port of one in `gatepost config show`");
}

static void first_identity(void *owner, gp_str address)
{
    struct can *c = owner;
    if (!c->own[0] && address.len > 0 && address.ptr[0] != '@' && !gp_copy_z(address, c->own, sizeof(c->own)))
        c->own[0] = '\0';
}

static bool read_numbers(struct can *c)
{
    const char *why = "";
    c->now          = user_now();
    if (c->wish->at && !when_read(gp_from(c->wish->at), c->now, &c->now, &why)) return wrong("--at", why, NULL);
    if (c->wish->size && !gp_read_number(gp_from(c->wish->size), INT64_MAX, &c->size))
        return wrong("--size", "a number of octets may stand there", NULL);
    if (c->wish->ip && (!networks_are_good(c->ip, &why) || gp_find(c->ip, '/') < c->ip.len))
        return wrong("--ip", "an address may stand there", NULL);
    return true;
}

/* How many of these versions are spoken there. */
static size_t spoken_at(const struct config_listen *l, size_t all)
{
    enum { USUAL = 2 };
    if (l->kind == LISTEN_DOVECOT_AUTH) return all; /* of servers that ask us */
    if (l->kind != LISTEN_LEGACY) return USUAL;
    return l->lane.tls == LANE_CLEAR ? 0 : USUAL + (size_t)(LANE_NEWEST - l->lane.oldest);
}

static bool read_tls(struct can *c)
{
    static const char *const    versions[] = { "TLSv1.3", "TLSv1.2", "TLSv1.1", "TLSv1.0" };
    const struct config_listen *l          = &c->store->config.listen[c->listener];
    size_t                      spoken     = spoken_at(l, GP_COUNT(versions));
    gp_str                      version    = gp_from(c->wish->tls ? c->wish->tls : spoken ? versions[0] : "none");
    for (size_t i = 0; i < spoken && !c->tls; i++) {
        c->tls = gp_is(version, versions[i]);
        if (c->tls) c->tls_version = gp_from(versions[i]);
    }
    if (c->tls || gp_is(version, "none")) return true;
    if (l->kind == LISTEN_LEGACY)
        return wrong("--tls", "that is not spoken at this listener: its tls and tls_minimum say what is", "or none");
    return wrong("--tls", "the server speaks TLSv1.2 and TLSv1.3", "or none");
}

/* CLI_DONE: it is known what is asked. */
static int take(struct can *c)
{
    const struct can_wish *w = c->wish;
    c->mechanism             = gp_from(w->mechanism ? w->mechanism : "PLAIN");
    c->ip                    = gp_from(w->ip ? w->ip : "127.0.0.1");
    if (!read_numbers(c) || !find_listener(c) || !read_tls(c)) return CLI_WRONG_USE;
    if (!user_find(c->store, w->account, &c->account) || !user_find(c->store, w->as ? w->as : w->account, &c->acting))
        return CLI_FAILED;
    if (accounts_survey(c->store->accounts, c->now, &c->survey) != GP_OK ||
        accounts_identities(c->store->accounts, c->acting.id, first_identity, c) != GP_OK)
        return user_store_failed(c->store, w->account);
    c->from        = gp_from(w->from ? w->from : c->own);
    c->header_from = w->header_from ? gp_from(w->header_from)
                     : c->from.len  ? c->from
                                    : gp_from(c->own); /* a notice is somebody's, too */
    return CLI_DONE;
}

/* ---- the answer ------------------------------------------------------------------------------------------------------------ */
static json_t *ruling_json(const struct can_ruling *r)
{
    return json_pack("{s:s, s:s, s:o}", "answer", words[r->word], "rule", r->rule, "text", text_json(gp_from(r->text)));
}

static int print_json(const struct can *c)
{
    json_t *rulings = json_array();
    json_t *reply   = c->code ? json_pack("{s:i, s:s, s:o}", "code", c->code, "enhanced", c->enhanced, "text",
                                          text_json(gp_from(c->reply)))
                              : json_null();
    for (size_t i = 0; i < c->count; i++) (void)json_array_append_new(rulings, ruling_json(&c->rulings[i]));
    return user_print_json(json_pack("{s:b, s:b, s:s, s:o, s:o}", "can", c->code == 0, "held", c->held, "account",
                                     c->account.name, "reply", reply, "rules", rulings));
}

static void print_text_answer(const struct can *c)
{
    for (size_t i = 0; i < c->count; i++) {
        (void)printf("%-5s  %-11s  ", words[c->rulings[i].word], c->rulings[i].rule);
        print_text(gp_from(c->rulings[i].text));
        (void)putchar('\n');
    }
    if (!c->code) {
        (void)printf("yes: with the right secret, %s can%s\n", c->account.name,
                     c->held ? ", but the message is accepted and held" : "");
        return;
    }
    (void)printf("no: the client hears %d %s ", c->code, c->enhanced);
    print_text(gp_from(c->reply));
    (void)putchar('\n');
}

static int act(const struct can_wish *w)
{
    auto_user_store s = { 0 };
    struct can      c = { .wish = w };
    if (!user_store_open(w->dir, &s)) return CLI_FAILED;
    c.store = &s;
    tzset(); /* hours of credentials are local time */
    int done = take(&c);
    if (done != CLI_DONE) return done;
    can_ask(&c);
    if (c.failed) return CLI_FAILED;
    if (w->json && print_json(&c) != CLI_DONE) return CLI_FAILED;
    if (!w->json) print_text_answer(&c);
    return c.code ? CLI_FAILED : CLI_DONE;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
    struct can_wish   w         = { .dir = NULL };
    size_t            count     = 0;
    struct cli_option options[] = {
        {"from",         CLI_VALUE, &w.from,          "ADDRESS", "the sender at MAIL; without it the account's first address"},
        { "header-from", CLI_VALUE, &w.header_from,   "ADDRESS",
         "the author in From; without it the sender, or the first address"                                                   },
        { "name",        CLI_VALUE, &w.header_name,   "NAME",    "the author's name in From"                                 },
        { "sender",      CLI_VALUE, &w.header_sender, "ADDRESS", "in the header field Sender"                                },
        { "reply-to",    CLI_VALUE, &w.reply_to,      "ADDRESS", "in the header field Reply-To"                              },
        { "to",          CLI_MANY,  &w.to,            "ADDRESS", "a recipient"                                               },
        { "size",        CLI_VALUE, &w.size,          "OCTETS",  "of the message"                                            },
        { "ip",          CLI_VALUE, &w.ip,            "ADDRESS", "the client's; without it 127.0.0.1"                        },
        { "helo",        CLI_VALUE, &w.helo,          "NAME",    "as what the client greets"                                 },
        { "as",          CLI_VALUE, &w.as,            "ACCOUNT", "for which it asks to act"                                  },
        { "listener",    CLI_VALUE, &w.listener,      "NAME",
         "or its address or port; without it the first with TLS from the start"                                              },
        { "credential",  CLI_VALUE, &w.credential,    "LABEL",   "or its id; without it any of the account"                  },
        { "mechanism",   CLI_VALUE, &w.mechanism,     "NAME",    "without it PLAIN"                                          },
        { "tls",         CLI_VALUE, &w.tls,           "VERSION", "TLSv1.2, TLSv1.3, which it is without this, or none"       },
        { "at",          CLI_VALUE, &w.at,            "TIME",    "not now, but then: a date, or a span from now"             },
        { "json",        CLI_FLAG,  &w.json,          NULL,      "print JSON"                                                },
        { NULL,          CLI_FLAG,  NULL,             NULL,      NULL                                                        },
    };
    int stop = cli_parse(command, options, argc, argv, &w.dir, &w.account, 1, 1, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    return act(&w);
}

const struct cli_command cli_can = {
    "can",
    "ACCOUNT [--from ADDRESS] [--to ADDRESS]... [--ip ADDRESS] [--listener NAME] [--credential LABEL] [--mechanism NAME] [--as ACCOUNT]",
    "may this account sign in like this and send that: each rule's answer, and what the client would hear", run
};
