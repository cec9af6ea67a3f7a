/* gatepost dkim list, new, publish-check: the keys that sign mail, those that are to, and whether DNS has them. */
#include "cli/dkim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/files.h"
#include "cli/user.h"
#include "ops/log.h"

enum { RSA_BITS = 2048 /* RFC 8301 3.2 */, RSA_LEAST = 1024, RSA_MOST = 4096, LINE_ROOM = 4096 };

const char *const dkim_states[CONFIG_DKIM_STATES] = { "signs", "next", "old" };

/* ---- reading -------------------------------------------------------------------------------------------------------------- */
static void keep(void *owner, const struct zone_key_file *f)
{
    struct dkim_keys *keys = owner;
    if (keys->count == keys->room) {
        size_t                room = keys->room ? 2 * keys->room : 16; /* of files: ZONE_KEY_FILES_MOST at most */
        struct zone_key_file *list = reallocarray(keys->list, room, sizeof *list);
        if (!list) return;
        keys->list = list;
        keys->room = room;
    }
    keys->list[keys->count++] = *f;
}

bool dkim_keys_read(const struct config *c, const char *domain, struct dkim_keys *out)
{
    out->count = 0;
    if (zone_each_key(c, domain, keep, out)) {
        if (out->count >= ZONE_KEY_FILES_MOST)
            cli_problem("vault/dkim", "has more files than are read: some keys are left out", "4096 are read");
        return true;
    }
    cli_problem("vault/dkim", strerror(errno), "run it as root, or as the vault's user");
    return false;
}

/* ---- making --------------------------------------------------------------------------------------------------------------- */
static bool is_taken(const struct dkim_keys *keys, const char *selector)
{
    for (size_t i = 0; i < keys->count; i++)
        if (gp_is(gp_from(selector), keys->list[i].key.selector)) return true;
    return false;
}

/* "rsa-20261126", and "rsa-20261126-2" for another on the same day. */
static bool make_up(const struct dkim_keys *keys, bool ed25519, char out[static 64])
{
    enum { A_DAY = 9 };
    time_t    now = time(NULL);
    struct tm day;
    char      date[16];
    if (!gmtime_r(&now, &day) || strftime(date, sizeof date, "%Y%m%d", &day) == 0) return false;
    for (int i = 1; i <= A_DAY; i++) {
        if (i == 1)
            (void)snprintf(out, 64, "%s-%s", ed25519 ? "ed" : "rsa", date);
        else
            (void)snprintf(out, 64, "%s-%s-%d", ed25519 ? "ed" : "rsa", date, i);
        if (!is_taken(keys, out)) return true;
    }
    return false;
}

/* The vault, which is another user, is to read it: it belongs to whom the folder does. */
static bool give_to_vault(const struct config *c, const char *path)
{
    struct stat folder;
    char        where[CONFIG_PATH];
    if (geteuid() != 0) return true;
    if (config_path(c, "vault/dkim", where) && stat(where, &folder) == 0 &&
        lchown(path, folder.st_uid, folder.st_gid) == 0)
        return true;
    cli_problem(path, strerror(errno), "chown it to the owner of vault/dkim");
    return false;
}

static bool name_file(const struct config *c, struct zone_key_file *f)
{
    char name[CONFIG_PATH];
    int  len = snprintf(name, sizeof name, "vault/dkim/%s.%s%s", f->domain, f->key.selector,
                        config_dkim_endings[CONFIG_DKIM_NEXT]);
    return len > 0 && (size_t)len < sizeof name && file_path(c->dir, name, f->path);
}

static bool write_new(const struct config *c, struct zone_key_file *f, bool ed25519, unsigned bits)
{
    struct gp_key *key = gp_key_new(ed25519 ? GP_KEY_ED25519 : GP_KEY_RSA, bits);
    bool made = key && zone_keep_key(&f->key, key) && file_write_key(f->path, key) && give_to_vault(c, f->path);
    if (!key) cli_problem(f->domain, "no key could be made", NULL);
    gp_key_close(key);
    f->readable = made;
    return made;
}

const struct zone_key_file *dkim_make(const struct config *c, const char *domain, const char *selector, bool ed25519,
                                      unsigned bits)
{
    static struct dkim_keys     keys;
    static struct zone_key_file made;
    made = (struct zone_key_file) { .key = { .state = CONFIG_DKIM_NEXT } };
    if (!dkim_keys_read(c, domain, &keys)) return NULL;
    if (!selector && !make_up(&keys, ed25519, made.key.selector)) {
        cli_problem(domain, "so many keys were made today", "say --selector NAME");
        return NULL;
    }
    if (selector &&
        (!gp_copy_z(gp_from(selector), made.key.selector, sizeof made.key.selector) || is_taken(&keys, selector))) {
        cli_problem(selector, "the domain has a key with that selector",
                    "choose another: what DNS has of it may be remembered for days");
        return NULL;
    }
    bool named = gp_copy_z(gp_from(domain), made.domain, sizeof made.domain) && name_file(c, &made);
    return named && write_new(c, &made, ed25519, bits) ? &made : NULL;
}

/* ---- DNS -------------------------------------------------------------------------------------------------------------------- */
static gp_str put_owner(struct gp_text *out, const struct zone_key_file *f)
{
    gp_put_z(out, f->key.selector);
    gp_put_z(out, "._domainkey.");
    gp_put_z(out, f->domain);
    return gp_said(out);
}

void dkim_print_record(const struct zone_key_file *f)
{
    char           owner_room[ZONE_NAME_ROOM + 64], value_room[LINE_ROOM], line_room[LINE_ROOM];
    struct gp_text owner = GP_TEXT(owner_room), value = GP_TEXT(value_room), line = GP_TEXT(line_room);
    zone_put_key(&value, &f->key);
    zone_put_line(&line,
                  &(struct zone_want) { ZONE_DKIM, false, put_owner(&owner, f), GP_LIT("TXT"), gp_said(&value), "" });
    (void)printf("%.*s", (int)line.len, line.ptr);
}

struct dns_waiter *dkim_open_dns(const struct config *c, const char *server)
{
    if (!server && c->relay.dns_server[0]) server = c->relay.dns_server;
    log_open("gatepost", LOG_LOGFMT, LOG_ERROR);
    struct dns_waiter *waiter = dns_waiter_open(server, DNS_WAIT_MS);
    if (!waiter) cli_problem(server ? server : "DNS", "no such resolver", "write it as in --dns-server 127.0.0.1@5353");
    return waiter;
}

static struct dns_answer ask(void *owner, gp_str name, enum dns_type type)
{
    return dns_wait(owner, name, type);
}

struct look {
    enum zone_verdict verdict;
    bool              quiet;
};

static void take(void *owner, const struct zone_found *f)
{
    struct look *l = owner;
    l->verdict     = f->verdict;
    if (l->quiet || f->verdict == ZONE_RIGHT) return;
    (void)fputs("    ", stdout);
    cli_print(stdout, gp_from(f->why));
    if (f->has.len) (void)fputs("; there: ", stdout);
    cli_print(stdout, gp_head(f->has, 200));
    (void)putchar('\n');
}

enum zone_verdict dkim_look_up(struct dns_waiter *waiter, const struct zone_key_file *f, bool quiet)
{
    static struct zone_plan plan;
    struct look             l   = { ZONE_UNKNOWN, quiet };
    const struct zone_dns   dns = { ask, waiter };
    plan                        = (struct zone_plan) { .own = true };
    if (gp_copy_z(gp_from(f->domain), plan.domain, sizeof plan.domain)) zone_check_key(&plan, &f->key, &dns, take, &l);
    return l.verdict;
}

/* ---- list ------------------------------------------------------------------------------------------------------------------ */
static const char *const advice[CONFIG_DKIM_STATES] = {
    [CONFIG_DKIM_SIGNS] = "its record has to be in DNS",
    [CONFIG_DKIM_NEXT]  = "publish its record, then `gatepost dkim rotate`",
    [CONFIG_DKIM_OLD]   = "keep its record until `gatepost dkim rotate` says otherwise",
};

static json_t *key_json(const struct zone_key_file *f)
{
    char           room[LINE_ROOM], owner_room[ZONE_NAME_ROOM + 64];
    struct gp_text value = GP_TEXT(room), owner = GP_TEXT(owner_room);
    zone_put_key(&value, &f->key);
    gp_str name = put_owner(&owner, f);
    return json_pack("{s:s, s:s, s:s, s:i, s:s, s:o, s:s%, s:s%}", "domain", f->domain, "selector", f->key.selector,
                     "algorithm", f->key.ed25519 ? "ed25519" : "rsa", "bits", (int)f->key.bits, "state",
                     dkim_states[f->key.state], "since", user_time_json(f->key.changed), "name", name.ptr, name.len,
                     "record", value.ptr, value.len);
}

static void print_key(const struct zone_key_file *f)
{
    char when[USER_TIME_ROOM];
    (void)printf("%-24s  %-18s  %-7s  %-5s  %-20s  %s\n", f->domain, f->key.selector,
                 f->readable ? f->key.ed25519 ? "ed25519" : "rsa" : "?", dkim_states[f->key.state],
                 user_time(f->key.changed, when),
                 f->readable ? advice[f->key.state] : "cannot be read, or is no RSA or Ed25519 key");
}

static int run_list(const struct cli_command *command, int argc, char **argv)
{
    static struct config    config;
    static struct dkim_keys keys;
    const char             *dir = NULL, *words[1] = { NULL };
    bool                    json      = false;
    size_t                  count     = 0;
    const struct cli_option options[] = {
        {"json", CLI_FLAG, &json, NULL, "print JSON"},
        { NULL,  CLI_FLAG, NULL,  NULL, NULL        },
    };
    int stop = cli_parse(command, options, argc, argv, &dir, words, 0, 1, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    if (!cli_config(dir, &config) || !dkim_keys_read(&config, words[0], &keys)) return CLI_FAILED;
    json_t *all = json ? json_array() : NULL;
    if (!json && keys.count)
        (void)printf("%-24s  %-18s  %-7s  %-5s  %-20s\n", "DOMAIN", "SELECTOR", "KIND", "STATE", "SINCE");
    for (size_t i = 0; i < keys.count; i++)
        if (json)
            (void)json_array_append_new(all, key_json(&keys.list[i]));
        else
            print_key(&keys.list[i]);
    return json ? user_print_json(all) : CLI_DONE;
}

/* ---- new ------------------------------------------------------------------------------------------------------------------- */
struct wish {
    const char *algorithm, *selector, *bits;
    bool        json;
};

static const char *fault_of(const struct wish *w, const char *domain, uint64_t *bits)
{
    *bits = RSA_BITS;
    if (!config_is_hostname(gp_from(domain))) return "is no domain name";
    if (w->algorithm && strcmp(w->algorithm, "rsa") != 0 && strcmp(w->algorithm, "ed25519") != 0)
        return "--algorithm is rsa or ed25519";
    if (w->selector &&
        (!config_is_hostname(gp_from(w->selector)) || strchr(w->selector, '.') || strlen(w->selector) > 63))
        return "--selector is letters, digits and hyphens, 63 at most";
    if (w->bits && (!gp_read_number(gp_from(w->bits), RSA_MOST, bits) || *bits < RSA_LEAST))
        return "--bits is 1024 to 4096";
    return NULL;
}

static int print_made(const struct zone_key_file *f, bool json)
{
    if (json) return user_print_json(key_json(f));
    (void)printf("Key %s of %s is made. It signs nothing yet. Next:\n\n1. Add this record:\n\n", f->key.selector,
                 f->domain);
    dkim_print_record(f);
    (void)printf("\n2. gatepost dkim publish-check %s     until it says that the record is right\n"
                 "3. gatepost dkim rotate %s            it signs from then on, in place of the one before\n",
                 f->domain, f->domain);
    return CLI_DONE;
}

static int run_new(const struct cli_command *command, int argc, char **argv)
{
    static struct config    config;
    struct wish             w   = { .json = false };
    const char             *dir = NULL, *words[1] = { NULL };
    size_t                  count     = 0;
    uint64_t                bits      = 0;
    const struct cli_option options[] = {
        {"algorithm", CLI_VALUE, &w.algorithm, "WHICH", "rsa or ed25519; without it rsa, which every receiver knows"},
        { "selector", CLI_VALUE, &w.selector,  "NAME",  "without it the algorithm and the day"                      },
        { "bits",     CLI_VALUE, &w.bits,      "N",     "of an RSA key; without it 2048"                            },
        { "json",     CLI_FLAG,  &w.json,      NULL,    "print JSON"                                                },
        { NULL,       CLI_FLAG,  NULL,         NULL,    NULL                                                        },
    };
    int stop = cli_parse(command, options, argc, argv, &dir, words, 0, 1, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    if (!cli_config(dir, &config)) return CLI_FAILED;
    const char *domain = words[0] ? words[0] : config.domain, *fault = fault_of(&w, domain, &bits);
    if (fault) {
        cli_problem(domain, fault, cli_domain_hint(domain, "`gatepost dkim new --help` shows how"));
        return CLI_WRONG_USE;
    }
    bool                        ed25519 = w.algorithm && strcmp(w.algorithm, "ed25519") == 0;
    const struct zone_key_file *made    = dkim_make(&config, domain, w.selector, ed25519, (unsigned)bits);
    return made ? print_made(made, w.json) : CLI_FAILED;
}

/* ---- publish-check --------------------------------------------------------------------------------------------------------- */
/* A key that has signed may be gone from DNS; one that is to sign next is not there until it is published, which is what is asked. */
static bool passes(const struct zone_key_file *f, enum zone_verdict verdict)
{
    return verdict == ZONE_RIGHT || verdict == ZONE_WEAK || (f->key.state == CONFIG_DKIM_OLD && verdict == ZONE_ABSENT);
}

static bool check_one(struct dns_waiter *waiter, const struct zone_key_file *f, json_t *all)
{
    if (!all) (void)printf("%s._domainkey.%s (%s)\n", f->key.selector, f->domain, dkim_states[f->key.state]);
    enum zone_verdict verdict = f->readable ? dkim_look_up(waiter, f, all != NULL) : ZONE_UNKNOWN;
    if (all) {
        json_t *one = key_json(f);
        (void)json_object_set_new(one, "verdict", json_string(zone_verdicts[verdict]));
        (void)json_array_append_new(all, one);
    } else {
        (void)printf("    %s\n", zone_verdicts[verdict]);
    }
    return passes(f, verdict);
}

static int run_publish_check(const struct cli_command *command, int argc, char **argv)
{
    static struct config    config;
    static struct dkim_keys keys;
    const char             *dir = NULL, *words[1] = { NULL }, *server = NULL;
    bool                    json = false, right = true;
    size_t                  count     = 0;
    const struct cli_option options[] = {
        {"dns-server", CLI_VALUE, &server, "ADDRESS", "ask there; without it relay.dns_server, or the system's"},
        { "json",      CLI_FLAG,  &json,   NULL,      "print JSON"                                             },
        { NULL,        CLI_FLAG,  NULL,    NULL,      NULL                                                     },
    };
    int stop = cli_parse(command, options, argc, argv, &dir, words, 0, 1, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    if (!cli_config(dir, &config) || !dkim_keys_read(&config, words[0], &keys)) return CLI_FAILED;
    struct dns_waiter *waiter = dkim_open_dns(&config, server);
    json_t            *all    = json ? json_array() : NULL;
    for (size_t i = 0; waiter && i < keys.count; i++) right &= check_one(waiter, &keys.list[i], all);
    if (waiter && json && user_print_json(all) != CLI_DONE) right = false;
    if (!keys.count)
        cli_problem(words[0] ? words[0] : "vault/dkim", "there are no keys", "`gatepost dkim new DOMAIN` makes one");
    right = right && waiter && keys.count;
    dns_waiter_close(waiter);
    return right ? CLI_DONE : CLI_FAILED;
}

const struct cli_command cli_dkim_list          = { "dkim list", "[DOMAIN] [--json]",
                                                    "show the keys that sign mail, and those that are to or did", run_list };
const struct cli_command cli_dkim_new           = { "dkim new", "[DOMAIN] [--algorithm rsa|ed25519] [--selector NAME]",
                                                    "make a key that is to sign next, and print its DNS record", run_new };
const struct cli_command cli_dkim_publish_check = { "dkim publish-check", "[DOMAIN] [--dns-server ADDRESS] [--json]",
                                                    "ask DNS whether the keys' records are there and right",
                                                    run_publish_check };
