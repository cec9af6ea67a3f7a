/* gatepost dkim rotate: the next step of each kind of key, one at a time, so that there is always a key that signs whose record is in
 * DNS, and the record of one that has signed stays while mail with its signatures is under way.
 *
 *   there is            the step                                                 and then
 *   a next key          its record is right: it signs, the one before is old     the old record stays N days
 *   an old key, N days  the file goes                                            its record may go, too
 *   an old key          nothing yet                                              says until when
 *   one that signs      a next key is made                                       its record is to be published                */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/dkim.h"
#include "cli/user.h"

enum { MILLI = 1000, DAY_MS = 24 * 3600 * MILLI, RSA_BITS = 2048 };

struct turn {
    const struct config *config;
    const char          *domain, *server;
    bool                 ed25519, unchecked;
    gp_time              keep;
    struct dkim_keys    *keys;
};

static const char *kind(const struct turn *t)
{
    return t->ed25519 ? "ed25519" : "rsa";
}

static struct zone_key_file *find(const struct turn *t, enum config_dkim_state state)
{
    for (size_t i = 0; i < t->keys->count; i++) {
        struct zone_key_file *f = &t->keys->list[i];
        if (f->readable && f->key.ed25519 == t->ed25519 && f->key.state == state) return f;
    }
    return NULL;
}

/* One rename; the time of the file says since when. */
static bool become(const struct zone_key_file *f, enum config_dkim_state state)
{
    char   to[CONFIG_PATH];
    gp_str from = gp_from(f->path);
    from.len -= gp_from(config_dkim_endings[f->key.state]).len;
    int len = snprintf(to, sizeof to, "%.*s%s", (int)from.len, from.ptr, config_dkim_endings[state]);
    if (len > 0 && (size_t)len < sizeof to && utimensat(AT_FDCWD, f->path, NULL, 0) == 0 && rename(f->path, to) == 0)
        return true;
    cli_problem(f->path, strerror(errno), "run it as root, or as the vault's user");
    return false;
}

/* ---- steps ------------------------------------------------------------------------------------------------------------------ */
static bool is_published(const struct turn *t, const struct zone_key_file *next)
{
    if (t->unchecked) return true;
    struct dns_waiter *waiter = dkim_open_dns(t->config, t->server);
    if (!waiter) return false;
    (void)printf("%s: asking DNS for %s._domainkey.%s\n", kind(t), next->key.selector, next->domain);
    enum zone_verdict verdict = dkim_look_up(waiter, next, false);
    dns_waiter_close(waiter);
    if (verdict == ZONE_RIGHT || verdict == ZONE_WEAK) return true;
    (void)printf("%s: not changed, its record is not right yet:\n\n", kind(t));
    dkim_print_record(next);
    return false;
}

/* First both sign, then the one before no more: at no moment does none. */
static bool switch_to(const struct turn *t, const struct zone_key_file *next)
{
    char until[USER_TIME_ROOM];
    if (!is_published(t, next) || !become(next, CONFIG_DKIM_SIGNS)) return false;
    (void)printf("%s: %s signs from now on.\n", kind(t), next->key.selector);
    for (struct zone_key_file *before = NULL; (before = find(t, CONFIG_DKIM_SIGNS));) {
        if (!become(before, CONFIG_DKIM_OLD)) return false;
        (void)printf(
            "%s: %s signs no more. Leave %s._domainkey.%s in DNS until %s: mail that it signed is under way.\n",
            kind(t), before->key.selector, before->key.selector, before->domain,
            user_time(user_now() + t->keep, until));
        before->key.state = CONFIG_DKIM_OLD;
    }
    return true;
}

static bool put_away(const struct turn *t, const struct zone_key_file *old)
{
    char until[USER_TIME_ROOM];
    if (old->key.changed + t->keep > user_now()) {
        (void)printf("%s: nothing to do until %s: %s._domainkey.%s stays in DNS as long.\n", kind(t),
                     user_time(old->key.changed + t->keep, until), old->key.selector, old->domain);
        return true;
    }
    if (unlink(old->path) != 0) {
        cli_problem(old->path, strerror(errno), "run it as root, or as the vault's user");
        return false;
    }
    (void)printf("%s: %s is removed. Take %s._domainkey.%s out of DNS.\n", kind(t), old->key.selector,
                 old->key.selector, old->domain);
    return true;
}

static bool make_next(const struct turn *t, const struct zone_key_file *now)
{
    unsigned                    bits = now->key.bits > RSA_BITS ? now->key.bits : RSA_BITS;
    const struct zone_key_file *made = dkim_make(t->config, t->domain, NULL, t->ed25519, bits);
    if (!made) return false;
    (void)printf("%s: %s is made; %s still signs. Add this record, and rotate again once it can be seen:\n\n", kind(t),
                 made->key.selector, now->key.selector);
    dkim_print_record(made);
    return true;
}

static bool step(const struct turn *t)
{
    const struct zone_key_file *next = find(t, CONFIG_DKIM_NEXT), *old = find(t, CONFIG_DKIM_OLD),
                               *now = find(t, CONFIG_DKIM_SIGNS);
    if (next) return switch_to(t, next);
    if (old) return put_away(t, old);
    return !now || make_next(t, now);
}

/* ---- the command ------------------------------------------------------------------------------------------------------------- */
static int rotate(struct turn *t, const char *algorithm)
{
    bool done = true;
    if (!dkim_keys_read(t->config, t->domain, t->keys)) return CLI_FAILED;
    if (!t->keys->count) {
        cli_problem(t->domain, "has no keys", "`gatepost dkim new DOMAIN` makes one");
        return CLI_FAILED;
    }
    for (int i = 0; i < 2; i++) {
        t->ed25519 = i == 1;
        if (!algorithm || strcmp(algorithm, kind(t)) == 0) done &= step(t);
    }
    return done ? CLI_DONE : CLI_FAILED;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
    static struct config    config;
    static struct dkim_keys keys;
    struct turn             t   = { .config = &config, .keys = &keys };
    const char             *dir = NULL, *words[1] = { NULL }, *algorithm = NULL, *days = NULL;
    size_t                  count     = 0;
    uint64_t                keep      = DKIM_KEEP_DAYS;
    const struct cli_option options[] = {
        {"algorithm",   CLI_VALUE, &algorithm,   "WHICH",   "rsa or ed25519 alone; without it both, where there are keys"      },
        { "keep",       CLI_VALUE, &days,        "DAYS",    "how long the record of a key that has signed stays; without it 14"},
        { "unchecked",  CLI_FLAG,  &t.unchecked, NULL,      "do not ask DNS before the next key signs"                         },
        { "dns-server", CLI_VALUE, &t.server,    "ADDRESS", "ask there; without it relay.dns_server, or the system's"          },
        { NULL,         CLI_FLAG,  NULL,         NULL,      NULL                                                               },
    };
    int stop = cli_parse(command, options, argc, argv, &dir, words, 0, 1, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    bool known = !algorithm || strcmp(algorithm, "rsa") == 0 || strcmp(algorithm, "ed25519") == 0;
    if (!known || (days && !gp_read_number(gp_from(days), DKIM_KEEP_MOST, &keep))) {
        cli_problem("dkim rotate", known ? "--keep is a number of days, 365 at most" : "--algorithm is rsa or ed25519",
                    "`gatepost dkim rotate --help` shows how");
        return CLI_WRONG_USE;
    }
    if (!cli_config(dir, &config)) return CLI_FAILED;
    t.domain = words[0] ? words[0] : config.domain;
    t.keep   = (gp_time)keep * DAY_MS;
    return rotate(&t, algorithm);
}

const struct cli_command cli_dkim_rotate = {
    "dkim rotate", "[DOMAIN] [--keep DAYS] [--unchecked]",
    "go on to the next key, a step at a time: make it, have it sign, put the old one away", run
};
