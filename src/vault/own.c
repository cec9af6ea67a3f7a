/* Accounts that sign in at a next hop as themselves (login: account): what each has for it in the store, and a keeper of its tokens while it sends.
 *   made        its mail wants to go, or its grant has not been used for so long that the provider might forget it
 *   let go      it was not asked for in an hour, or another needs the room and it was asked for least recently */
#include <stdlib.h>
#include <string.h>

#include "vault/parts.h"

enum {
    OWN_FETCHES_MOST = CONFIG_TOKEN_FETCHES - CONFIG_PROVIDERS_MOST, /* at a time, and ... */
    OWN_FETCHES_OF   = 4, /* ... of one provider: the others' accounts have the rest */
    IDLE_MS          = 3600 * 1000,
    DAY_MS           = 24 * 3600 * 1000,
    UNUSED_MOST_MS   = 7 * DAY_MS, /* Microsoft forgets what was not used in 90 days */
    USED_AT_A_TIME   = 64, /* by a scan, which goes on behind them: the same that fail are never the first for ever */
    SCAN_PAUSE_MS    = 10 * 60 * 1000,
    ENDS_DAYS        = 14,
    CLOCKS_DIFFER_MS = 10 * 1000,
};

/* ---- who it is ------------------------------------------------------------------------------------------------------------- */
static void say(struct own *own, const char *before, const char *after)
{
    struct gp_text why = { .ptr = own->why, .room = sizeof own->why - 1 };
    gp_put_z(&why, before);
    gp_put_z(&why, own->name);
    gp_put_z(&why, after);
    own->why[why.len] = '\0';
}

static void put_address(const struct vault *v, struct own *own)
{
    struct gp_text user = { .ptr = own->user, .room = sizeof own->user - 1 };
    gp_put_z(&user, own->name);
    if (gp_find(gp_from(own->name), '@') == strlen(own->name)) {
        gp_put_char(&user, '@');
        gp_put_z(&user, v->config->domain);
    }
    own->user[user.len] = '\0';
}

gp_status own_find(struct vault *v, int64_t number, gp_str name, struct own *out)
{
    struct account found;
    *out             = (struct own) { .is = true };
    gp_status status = accounts_get(v->accounts, number, &found);
    if (status == GP_TEMPFAIL) {
        vault_store_failed(v);
        say(out, "the store of accounts cannot be read", "");
        return GP_TEMPFAIL;
    }
    (void)gp_copy_z(status == GP_OK ? gp_from(found.name) : gp_head(name, sizeof out->name - 1), out->name,
                    sizeof out->name);
    if (status != GP_OK) {
        say(out, "the account ",
            " that sent it was deleted, and whoever has its name now does not sign in for it: `gatepost queue delete` gives it up, and tells its sender");
        return GP_TEMPFAIL;
    }
    out->account = found.id;
    put_address(v, out);
    return GP_OK;
}

void own_put_command(struct gp_text *out, const struct config *c, size_t login, const char *account)
{
    const struct config_provider *p = config_login_provider(c, login);
    gp_put_z(out, "`gatepost provider login ");
    gp_put_z(out, p ? p->name : "--route ");
    if (!p) gp_put_z(out, c->routes[login - 1].name);
    gp_put_z(out, " --account ");
    gp_put_z(out, account);
    gp_put_z(out, p ? "`" : " --user NAME --password-stdin`");
}

void own_say_missing(struct gp_text *out, const struct config *c, size_t login, const char *account)
{
    gp_put_z(out, account);
    gp_put_z(out, " has nothing to sign in with there: run ");
    own_put_command(out, c, login, account);
}

gp_status own_password(struct vault *v, size_t login, struct own *own, struct grant *g)
{
    char           room[GRANT_NAME];
    struct gp_text key = GP_TEXT(room), why = { .ptr = own->why, .room = sizeof own->why - 1 };
    grant_put_name(&key, NULL, v->config->routes[login - 1].name, own->name);
    gp_status status = grant_get(v->accounts, &v->keys, gp_said(&key), g);
    if (status == GP_TEMPFAIL) {
        vault_store_failed(v);
        say(own, "the store of accounts cannot be read", "");
        return GP_TEMPFAIL;
    }
    if (status == GP_OK && g->refresh_len && g->account == own->account) {
        if (g->login[0]) (void)gp_copy_z(gp_from(g->login), own->user, sizeof own->user);
        return GP_OK;
    }
    own_say_missing(&why, v->config, login, own->name);
    own->why[why.len] = '\0';
    tokens_tell_missing(v, login, own);
    return GP_TEMPFAIL;
}

/* ---- keepers --------------------------------------------------------------------------------------------------------------- */
const char *own_account(const struct keeper *k)
{
    return k->of ? k->key + strlen(k->plan->name) + 1 : NULL;
}

static void let_go(struct vault *v, struct keeper *k)
{
    struct keeper **at = &v->tokens_kept.own;
    while (*at != k) at = &(*at)->next;
    *at = k->next;
    v->tokens_kept.own_count--;
    gp_wipe(k, sizeof *k);
    free(k);
}

static bool is_free(const struct keeper *k)
{
    return !k->asked && !k->unsaved;
}

/* One that waits for its turn to fetch is wanted. */
static bool make_room(struct vault *v)
{
    struct keeper *oldest = NULL;
    gp_time        now    = loop_now(v->loop);
    if (v->tokens_kept.own_count < OWN_KEEPERS_MOST) return true;
    for (struct keeper *k = v->tokens_kept.own; k; k = k->next)
        if (is_free(k) && now < k->due && (!oldest || k->used < oldest->used)) oldest = k;
    if (oldest) let_go(v, oldest);
    return oldest;
}

static struct keeper *keeper_named(struct vault *v, gp_str key)
{
    struct keeper *k = v->tokens_kept.own;
    while (k && !gp_same(gp_from(k->key), key)) k = k->next;
    return k;
}

static struct keeper *make(struct vault *v, const struct config_provider *p, gp_str key, const struct own *own)
{
    struct tokens *t = &v->tokens_kept;
    auto_grant     g = { 0 };
    struct keeper *k = t->count && make_room(v) ? calloc(1, sizeof *k) : NULL;
    if (!k) return NULL;
    gp_status found = grant_get(v->accounts, NULL, key, &g);
    bool      known = found == GP_OK;
    k->vault        = v;
    k->plan         = p;
    k->of           = &t->keepers[p - v->config->providers];
    k->account      = own->account;
    k->serial       = known ? g.serial : -1;
    k->owing        = known && g.failing; /* what waits because of that is to go when it works again */
    k->used         = loop_now(v->loop);
    (void)gp_copy_z(key, k->key, sizeof k->key);
    (void)gp_copy_z(key, k->grant.provider, sizeof k->grant.provider);
    (void)gp_copy_z(gp_from(known && g.login[0] ? g.login : own->user), k->login, sizeof k->login);
    k->next = t->own;
    t->own  = k;
    t->own_count++;
    return k;
}

static struct keeper *keeper_for(struct vault *v, const struct config_provider *p, const struct own *own, bool may_make)
{
    char           room[GRANT_NAME];
    struct gp_text key = GP_TEXT(room);
    grant_put_name(&key, p->name, NULL, own->name);
    struct keeper *k = keeper_named(v, gp_said(&key));
    if (k && may_make && k->account != own->account && is_free(k)) { /* deleted, and made anew under that name */
        let_go(v, k);
        k = NULL;
    }
    if (k) return k->account == own->account ? k : NULL;
    return may_make ? make(v, p, gp_said(&key), own) : NULL;
}

struct keeper *own_keeper(struct vault *v, size_t login, const struct own *own, bool may_make)
{
    return keeper_for(v, config_login_provider(v->config, login), own, may_make);
}

bool own_may_fetch(const struct keeper *k)
{
    size_t all = 0, of = 0;
    for (const struct keeper *other = k->of ? k->vault->tokens_kept.own : NULL; other; other = other->next) {
        all += other->asked;
        of += other->asked && other->plan == k->plan;
    }
    return all < OWN_FETCHES_MOST && of < OWN_FETCHES_OF;
}

/* Those that somebody waits for have not gone on before because there were too many. */
void own_fetched(struct vault *v)
{
    gp_time now = loop_now(v->loop);
    for (struct keeper *k = v->tokens_kept.own; k; k = k->next)
        if (!k->asked && now >= k->due) tokens_look(k, now);
}

void own_pay(struct keeper *k)
{
    struct vault *v = k->vault;
    for (size_t i = 0; i < config_logins(v->config); i++)
        if (config_login_provider(v->config, i) == k->plan && config_has_own_token(v->config, i))
            again_tell_own(v, i, k->account, own_account(k));
}

void own_files_changed(struct keeper *of)
{
    for (struct keeper *k = of->vault->tokens_kept.own; k; k = k->next)
        if (k->of == of && (k->failures || k->why[0])) tokens_begin_anew(k);
}

/* ---- commands, and time -------------------------------------------------------------------------------------------------------- */
/* A person has signed in: mail of that account goes now, though no keeper remembers that it waits. */
static bool tell_queue(void *owner, const struct grant *g)
{
    struct vault        *v    = owner;
    const struct config *c    = v->config;
    gp_str               name = gp_from(g->provider), of = gp_cut(&name, '/');
    for (size_t i = 1; name.ptr && i < config_logins(c); i++) {
        const struct config_provider *p     = config_login_provider(c, i);
        bool                          its   = p && gp_same(of, gp_from(p->name)) && config_has_own_token(c, i);
        bool                          named = gp_starts(of, "route:") && !p && config_login_of(c, i).own &&
                     gp_alike(gp_tail(of, sizeof "route:" - 1), gp_from(c->routes[i - 1].name));
        if (its || named) again_tell_own(v, i, g->account, name.ptr);
    }
    return true;
}

void own_changed(struct vault *v)
{
    struct tokens           *t   = &v->tokens_kept;
    const struct grants_wish w   = { .which = GRANTS_MADE_SINCE, .number = t->seen - CLOCKS_DIFFER_MS };
    gp_time                  now = wall_now();
    for (struct keeper *k = t->own; k; k = k->next) tokens_see(k);
    if (grants_each(v->accounts, &w, tell_queue, v) == GP_OK) t->seen = now;
}

struct scan {
    struct vault *vault;
    size_t        used;
    bool          whole; /* it came to the end */
};

static bool use(void *owner, const struct grant *g)
{
    struct scan                  *s    = owner;
    struct vault                 *v    = s->vault;
    gp_str                        name = gp_from(g->provider), of = gp_cut(&name, '/');
    const struct config_provider *p     = config_find_provider(v->config, of);
    const size_t                  login = p ? config_own_login_by(v->config, p) : config_logins(v->config);
    struct own                    own;
    bool its = login < config_logins(v->config) && config_has_own_token(v->config, login) && name.ptr &&
               own_find(v, g->account, name, &own) == GP_OK;
    s->whole = !its || keeper_for(v, p, &own, true);
    if (!s->whole) return false; /* no room: it is the first of the next time */
    (void)gp_copy_z(gp_from(g->provider), v->tokens_kept.scanned, sizeof v->tokens_kept.scanned);
    s->used += its;
    s->whole = s->used < USED_AT_A_TIME;
    return s->whole;
}

/* What nobody sends with must not be forgotten there, and what is about to end must be told of. */
static void scan(struct vault *v, gp_time now)
{
    struct tokens           *t    = &v->tokens_kept;
    gp_time                  wall = wall_now();
    struct scan              s    = { .vault = v, .whole = true };
    const struct grants_wish w    = { .which   = GRANTS_TO_BE_USED,
                                      .number  = wall - UNUSED_MOST_MS,
                                      .ends_by = wall + (gp_time)ENDS_DAYS * DAY_MS,
                                      .after   = t->scanned };
    if (t->count == 0 || now < t->scan) return;
    gp_status status = grants_each(v->accounts, &w, use, &s);
    if (status == GP_TEMPFAIL) vault_store_failed(v);
    bool whole = status == GP_OK && s.whole;
    if (whole) t->scanned[0] = '\0';
    t->scan = now + (whole ? DAY_MS : SCAN_PAUSE_MS);
}

void own_tick(struct vault *v, gp_time now)
{
    scan(v, now);
    for (struct keeper *k = v->tokens_kept.own, *next; k; k = next) {
        next = k->next;
        if (is_free(k) && now - k->used > IDLE_MS) let_go(v, k);
    }
    for (struct keeper *k = v->tokens_kept.own; k; k = k->next) tokens_look(k, now);
}

void own_close(struct vault *v)
{
    while (v->tokens_kept.own) let_go(v, v->tokens_kept.own);
}
