/* gatepost ban list, add, remove: addresses and networks from which nobody is believed. In force at once, also while the server runs. */
#include <stdio.h>
#include <string.h>

#include "cli/user.h"
#include "cli/when.h"
#include "store/places.h"

/* ---- showing ----------------------------------------------------------------------------------------------------------- */
struct listing {
    gp_time now;
    bool    all;  /* also those that have ended */
    json_t *json; /* NULL: for people */
    bool    any;
};

static const char *network_of(const struct place *p, char out[static PLACE_TEXT])
{
    struct gp_text text = { .ptr = out, .room = PLACE_TEXT - 1 };
    place_put(&text, p);
    out[text.len] = '\0';
    return out;
}

static bool in_force(const struct ban *ban, gp_time now)
{
    return ban->until == 0 || ban->until > now;
}

static bool add_json(const struct listing *l, const struct kept_ban *b)
{
    char    network[PLACE_TEXT];
    json_t *one = json_pack("{s:s, s:s, s:o, s:o, s:i, s:b, s:s}", "address", network_of(&b->ban.place, network), "by",
                            b->ban.manual ? "administrator" : "guard", "made", user_time_json(b->ban.made), "until",
                            user_time_json(b->ban.until), "times", (int)b->ban.offences, "in_force",
                            in_force(&b->ban, l->now), "reason", b->reason);
    return json_array_append_new(l->json, one) == 0;
}

static bool show(void *owner, const struct kept_ban *b)
{
    struct listing *l = owner;
    char            network[PLACE_TEXT], until[USER_TIME_ROOM];
    if (!l->all && !in_force(&b->ban, l->now)) return true;
    if (l->json) return add_json(l, b);
    if (!l->any) (void)printf("%-44s  %-13s  %-20s  %s\n", "ADDRESS", "BY", "UNTIL", "REASON");
    l->any = true;
    (void)printf("%-44s  %-13s  %-20s  ", network_of(&b->ban.place, network), b->ban.manual ? "administrator" : "guard",
                 b->ban.until ? user_time(b->ban.until, until) : "taken back");
    cli_print(stdout, gp_from(b->reason));
    if (b->ban.offences > 1) (void)printf(" (%u times)", b->ban.offences);
    (void)puts(in_force(&b->ban, l->now) ? "" : " (over)");
    return true;
}

static int list(const struct cli_command *command, int argc, char **argv)
{
    bool              json = false;
    struct listing    l    = { .now = user_now() };
    const char       *dir  = NULL;
    size_t            count;
    struct cli_option options[] = {
        {"all",   CLI_FLAG, &l.all, NULL, "also those that are over, which make the next one longer"},
        { "json", CLI_FLAG, &json,  NULL, "print JSON"                                              },
        { NULL,   CLI_FLAG, NULL,   NULL, NULL                                                      },
    };
    int stop = cli_parse(command, options, argc, argv, &dir, NULL, 0, 0, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    auto_user_store s = { 0 };
    if (!user_store_open(dir, &s)) return CLI_FAILED;
    l.json = json ? json_array() : NULL;
    if (kept_bans(s.accounts, show, &l) != GP_OK) {
        json_decref(l.json);
        return user_store_failed(&s, "bans");
    }
    if (json) return user_print_json(l.json);
    if (!l.any) (void)puts("Nobody is banned.");
    return CLI_DONE;
}

/* ---- changing ---------------------------------------------------------------------------------------------------------- */
static bool read_network(const char *word, struct place *out)
{
    if (place_read(gp_from(word), out)) return true;
    cli_problem(word, "is no address and no network", "192.0.2.7, 192.0.2.0/24, 2001:db8::/64 are");
    return false;
}

/* Who bans half of the internet wants something else; who bans himself cannot read his mistake. */
static bool is_sane(const char *word, const struct place *p)
{
    enum { WIDEST_V4 = PLACE_V4_AT + 8, WIDEST_V6 = 16 };
    if (p->bits >= (place_is_v4(p) ? WIDEST_V4 : WIDEST_V6)) return true;
    cli_problem(word, "is more than one ban may be about", "IPv4 /8 and IPv6 /16 are the widest");
    return false;
}

static int say_added(const struct kept_ban *b, bool json)
{
    char network[PLACE_TEXT], until[USER_TIME_ROOM];
    (void)network_of(&b->ban.place, network);
    if (json)
        return user_print_json(json_pack("{s:s, s:o}", "address", network, "until", user_time_json(b->ban.until)));
    int put = b->ban.until ? printf("%s: banned until %s\n", network, user_time(b->ban.until, until))
                           : printf("%s: banned until `gatepost ban remove %s`\n", network, network);
    return put < 0 ? CLI_FAILED : CLI_DONE;
}

static int add(const struct cli_command *command, int argc, char **argv)
{
    bool            json = false;
    const char     *dir = NULL, *word, *until = NULL, *reason = "", *why = "";
    size_t          count;
    struct kept_ban b = {
        .ban = {.manual = true, .made = user_now()}
    };
    struct cli_option options[] = {
        {"until",   CLI_VALUE, &until,  "DATE", "end it then: a date, or 7d from now; without it: never"},
        { "reason", CLI_VALUE, &reason, "TEXT", "why, for `gatepost ban list`"                          },
        { "json",   CLI_FLAG,  &json,   NULL,   "print JSON"                                            },
        { NULL,     CLI_FLAG,  NULL,    NULL,   NULL                                                    },
    };
    int stop = cli_parse(command, options, argc, argv, &dir, &word, 1, 1, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    if (!read_network(word, &b.ban.place) || !is_sane(word, &b.ban.place)) return CLI_WRONG_USE;
    bool good = !until || when_read(gp_from(until), b.ban.made, &b.ban.until, &why);
    if (!good || !gp_copy_z(gp_from(reason), b.reason, sizeof(b.reason))) {
        cli_problem(good ? "--reason" : "--until", good ? "is too long: 159 octets at most" : why, NULL);
        return CLI_WRONG_USE;
    }
    auto_user_store s = { 0 };
    if (!user_store_open(dir, &s)) return CLI_FAILED;
    if (kept_bans_add(s.accounts, &b, 1, b.ban.made) != GP_OK) return user_store_failed(&s, word);
    return say_added(&b, json);
}

struct covering {
    const struct place *wanted;
    gp_time             now;
    char                network[PLACE_TEXT]; /* "": none */
};

static bool cover(void *owner, const struct kept_ban *b)
{
    struct covering *c = owner;
    if (in_force(&b->ban, c->now) && place_covers(&b->ban.place, c->wanted))
        (void)network_of(&b->ban.place, c->network);
    return !c->network[0];
}

static int say_none(struct user_store *s, const char *word, const struct place *p)
{
    struct covering c = { .wanted = p, .now = user_now() };
    char            hint[PLACE_TEXT * 2];
    if (kept_bans(s->accounts, cover, &c) != GP_OK) return user_store_failed(s, word);
    (void)snprintf(hint, sizeof(hint), "`gatepost ban remove %s` would let it in", c.network);
    cli_problem(word, c.network[0] ? "is banned with its network" : "is not banned",
                c.network[0] ? hint : "`gatepost ban list` shows those that are");
    return CLI_FAILED;
}

static int take_back(const struct cli_command *command, int argc, char **argv)
{
    bool         json = false;
    const char  *dir  = NULL, *word;
    char         network[PLACE_TEXT];
    struct place p;
    int          stop = cli_parse_json(command, argc, argv, &dir, &word, 1, &json);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    if (!read_network(word, &p)) return CLI_WRONG_USE;
    auto_user_store s = { 0 };
    if (!user_store_open(dir, &s)) return CLI_FAILED;
    gp_status status = kept_ban_remove(s.accounts, &p, user_now());
    if (status == GP_PERMFAIL) return say_none(&s, word, &p);
    if (status != GP_OK) return user_store_failed(&s, word);
    if (json) return user_print_json(json_pack("{s:s, s:b}", "address", network_of(&p, network), "banned", 0));
    return printf("%s: no longer banned, and what it guessed is forgotten\n", network_of(&p, network)) < 0 ? CLI_FAILED
                                                                                                           : CLI_DONE;
}

const struct cli_command cli_ban_list   = { "ban list", "[--all] [--json]", "addresses that are not believed, and why",
                                            list };
const struct cli_command cli_ban_add    = { "ban add", "NETWORK [--until DATE] [--reason TEXT] [--json]",
                                            "believe nobody from an address or a network", add };
const struct cli_command cli_ban_remove = { "ban remove", "NETWORK [--json]", "take a ban back", take_back };
