/* When a token is fetched, and what comes of it.
 *   none, due      tick, or who wants it, fetches
 *   asked          one fetch under way; who wants a token and has none waits for it
 *   in force       fetched anew well before it ends: by a share of its life, and some more that nobody can foresee
 *   failed         the next try is later and later; the token before stays in force until it ends
 * The refresh token that has come with it takes the old one's place in the store in one step, and is kept here until that has it. */
#include "vault/tokens.h"

#include <stdlib.h>
#include <string.h>

#include "vault/parts.h"

enum {
    SECOND_MS    = 1000,
    LIFE_USUAL   = 3600,           /* RFC 6749 5.1: where it does not say                             */
    MARGIN_SHARE = 5,              /* a fifth of its life, ...                                        */
    MARGIN_MOST  = 10 * 60 * 1000, /* ... but not more than this before its end                       */
    JITTER_SHARE = 4,
    EARLY_LEAST  = 10 * SECOND_MS, /* a token is not fetched anew sooner, whatever its life is        */
    LEEWAY_SHARE = 20,             /* so near to its end it is not shown to a smarthost               */
    LEEWAY_MOST  = 10 * SECOND_MS,
    CLAIMED_MS   = 2 * SECOND_MS, /* somebody else fetches: looks again after                        */
    LATER_MS     = 5 * SECOND_MS, /* the first pause after a failure that may pass by itself, ...    */
    LATER_MOST   = 10 * 60 * 1000,
    NO_MS        = 60 * SECOND_MS, /* ... and after a no, which somebody has to mend                  */
    NO_MOST      = 3600 * 1000,
    SHIFTS_MOST  = 10,
    TELL_AFTER   = 3, /* failures that may pass                                          */
};
#define NEVER INT64_MAX

static struct peer *fetcher_of(struct vault *v)
{
    return &v->lookups[config_token_process(v->config)];
}

static gp_time jitter(gp_time span)
{
    uint64_t random;
    gp_random(&random, sizeof random);
    return span > 0 ? (gp_time)(random % (uint64_t)span) : 0;
}

static gp_time pause_after(unsigned failures, gp_time first, gp_time most)
{
    unsigned shift = failures > SHIFTS_MOST ? SHIFTS_MOST : failures ? failures - 1 : 0;
    gp_time  pause = first << shift < most ? first << shift : most;
    return pause + jitter(pause / JITTER_SHARE);
}

static bool in_force(const struct keeper *k, gp_time now)
{
    return k->access_len > 0 && now < k->ends;
}

static void drop_token(struct keeper *k)
{
    gp_wipe(k->access, sizeof k->access);
    k->access_len = 0;
    k->ends       = 0;
    k->accepted   = false;
}

static void set_why(struct keeper *k, const char *why)
{
    struct gp_text text = { .ptr = k->why, .room = sizeof k->why - 1 };
    gp_put(&text, gp_head(gp_from(why), text.room));
    k->why[text.len] = '\0';
}

/* ---- what came of it --------------------------------------------------------------------------------------------------------- */
/* Of one that the relay signs in with, somewhere: mail waits for no other. */
static bool is_waited_for(const struct keeper *k)
{
    const struct config *c = k->vault->config;
    return k->of || config_login_by(c, k->plan) < config_logins(c);
}

/* It has none itself, and need not. */
static bool is_for_accounts(const struct keeper *k)
{
    const struct config *c = k->vault->config;
    return !is_waited_for(k) && config_own_login_by(c, k->plan) < config_logins(c);
}

/* Somebody has signed in anew while the grant before was asked with, or out: what is said of that is not said of this. */
static void ask_with_what_is_there(struct keeper *k)
{
    k->failures = 0;
    k->why[0]   = '\0';
    k->due      = 0;
}

static void note_failure(struct keeper *k, gp_status status, gp_str error)
{
    struct vault *v     = k->vault;
    bool          final = status == GP_PERMFAIL;
    gp_time       now   = loop_now(v->loop);
    gp_status     kept  = grant_failed(v->accounts, &k->grant, gp_from(k->why), wall_now());
    if (kept == GP_TEMPFAIL) vault_store_failed(v);
    if (kept == GP_PERMFAIL) {
        ask_with_what_is_there(k);
        return;
    }
    k->failures++;
    k->due = now + (final ? pause_after(k->failures, NO_MS, NO_MOST) : pause_after(k->failures, LATER_MS, LATER_MOST));
    LOG(k->failures == 1 || final ? LOG_ERROR : LOG_WARN, "provider", LOG_Z("provider", k->plan->name),
        LOG_Z("account", own_account(k)), LOG_S("error", error), LOG_Z("reason", k->why),
        LOG_N("failures", k->failures), LOG_N("next_try_in_ms", k->due - now), LOG_N("in_force", in_force(k, now)));
    if (is_waited_for(k) && (final || (k->failures >= TELL_AFTER && !in_force(k, now)))) tokens_tell_failure(k, final);
}

static void failed(struct keeper *k, gp_status status, gp_str error, gp_str why)
{
    struct gp_text text = { .ptr = k->why, .room = sizeof k->why - 1 };
    auto_grant     g    = { 0 };
    if (grant_get(k->vault->accounts, &k->vault->keys, gp_from(k->key), &g) != GP_OK) grant_wipe(&g);
    bool tells = tokens_tells(k, &g, why) || tokens_tells(k, &g, error);
    gp_put(&text, tells ? GP_LIT("(it says one of our secrets: not shown)") : gp_head(why, text.room));
    k->why[text.len] = '\0';
    note_failure(k, status, tells ? GP_NONE : error);
}

static void forget_refresh(struct keeper *k)
{
    gp_wipe(k->grant.refresh, sizeof k->grant.refresh);
    k->grant.refresh_len = 0;
}

/* false: the store does not take it now, or that grant is no more. */
static bool save(struct keeper *k)
{
    struct vault *v      = k->vault;
    gp_status     status = grant_renewed(v->accounts, &v->keys, &k->grant);
    k->unsaved           = status == GP_TEMPFAIL;
    if (k->unsaved) vault_store_failed(v);
    if (!k->unsaved) forget_refresh(k);
    return status == GP_OK;
}

static void begin_life(struct keeper *k, uint64_t seconds)
{
    gp_time now          = loop_now(k->vault->loop);
    gp_time life         = (gp_time)(seconds ? seconds : LIFE_USUAL) * SECOND_MS;
    gp_time margin       = life / MARGIN_SHARE < MARGIN_MOST ? life / MARGIN_SHARE : MARGIN_MOST;
    gp_time leeway       = life / LEEWAY_SHARE < LEEWAY_MOST ? life / LEEWAY_SHARE : LEEWAY_MOST;
    gp_time early        = life - margin - jitter(margin / 2);
    k->ends              = now + life - leeway;
    k->due               = now + (early > EARLY_LEAST ? early : EARLY_LEAST);
    k->grant.access_ends = wall_now() + life;
}

/* Mail that waits for this is tried at once. */
static void pay(struct keeper *k)
{
    struct vault *v = k->vault;
    if (k->owing && k->of) own_pay(k);
    for (size_t i = 0; k->owing && !k->of && i < config_logins(v->config); i++)
        if (config_login_provider(v->config, i) == k->plan && !config_has_own_token(v->config, i)) again_tell(v, i);
    k->owing = false;
}

/* Who fetches has bounded it already; it speaks with strangers, and is not believed. */
static uint64_t span_of(uint64_t seconds)
{
    return seconds < OAUTH_LIFETIME_MOST ? seconds : OAUTH_LIFETIME_MOST;
}

static void take_token(struct keeper *k, const struct msg_token_fetched *m)
{
    if (m->access.len == 0 || m->access.len > sizeof k->access || m->refresh.len > sizeof k->grant.refresh) {
        failed(k, GP_TEMPFAIL, GP_NONE, GP_LIT("an answer that cannot be"));
        return;
    }
    memcpy(k->access, m->access.ptr, m->access.len);
    k->access_len = m->access.len;
    k->accepted   = false;
    k->number++;
    begin_life(k, span_of(m->lifetime));
    k->grant.renewed = wall_now();
    if (m->refresh_lifetime) k->grant.ends = wall_now() + (gp_time)span_of(m->refresh_lifetime) * SECOND_MS;
    k->grant.refresh_len = m->refresh.len;
    if (m->refresh.len) memcpy(k->grant.refresh, m->refresh.ptr, m->refresh.len);
    bool saved = save(k);
    if (!saved && !k->unsaved) { /* somebody has signed in anew meanwhile, or out */
        drop_token(k);
        k->due = 0;
        return;
    }
    LOG(k->failures ? LOG_INFO : LOG_DEBUG, "provider", LOG_Z("provider", k->plan->name),
        LOG_Z("account", own_account(k)), LOG_Z("state", "has given a token"), LOG_N("lifetime", m->lifetime),
        LOG_N("new_refresh", m->refresh.len > 0));
    k->failures = 0;
    k->told     = false;
    k->why[0]   = '\0';
    if (is_waited_for(k)) tokens_tell_ends(k, k->grant.ends);
    pay(k);
}

static void fetched(void *owner, gp_status status, const struct msg *m)
{
    struct keeper *k     = owner;
    bool           known = status == GP_OK && m->type == MSG_TOKEN_FETCHED;
    gp_status      said  = known ? (gp_status)m->token_fetched.status : GP_TEMPFAIL;
    k->asked             = false;
    if (said == GP_OK)
        take_token(k, &m->token_fetched);
    else if (known)
        failed(k, said == GP_PERMFAIL ? said : GP_TEMPFAIL, m->token_fetched.error, m->token_fetched.why);
    else
        failed(k, GP_TEMPFAIL, GP_NONE, GP_LIT("the process that fetches tokens has ended"));
    struct vault *v = k->vault;
    own_fetched(v);
    upstream_token_came(v);
}

/* ---- a fetch --------------------------------------------------------------------------------------------------------------------- */
/* Nothing to fetch with until a command, or a file, changes that. */
static void stand_still(struct keeper *k, const char *why)
{
    bool known = strcmp(k->why, why) == 0;
    set_why(k, why);
    k->due = NEVER;
    if (known || is_for_accounts(k)) return;
    LOG(LOG_ERROR, "provider", LOG_Z("provider", k->plan->name), LOG_Z("account", own_account(k)),
        LOG_Z("reason", why));
    if (is_waited_for(k)) tokens_tell_failure(k, true);
}

static void nobody_yet_of(struct keeper *k)
{
    struct own own;
    if (own_find(k->vault, k->account, gp_from(own_account(k)), &own) != GP_OK)
        return; /* deleted: it has no mail to go */
    tokens_tell_missing(k->vault, config_own_login_by(k->vault->config, k->plan), &own);
    k->told = true; /* so it is told of once */
}

static void nobody_yet(struct keeper *k)
{
    const struct config *c = k->vault->config;
    char                 room[OAUTH_WHY_ROOM];
    struct gp_text       why = { .ptr = room, .room = sizeof room - 1 };
    if (k->of) nobody_yet_of(k);
    if (k->of)
        own_say_missing(&why, c, config_own_login_by(c, k->plan), own_account(k));
    else
        gp_put_z(&why, "nobody has signed in there yet: run `gatepost provider login`");
    room[why.len] = '\0';
    stand_still(k, room);
}

static gp_status read_grant(struct keeper *k, struct grant *g)
{
    struct vault *v    = k->vault;
    gp_str        name = gp_from(k->key), kind = gp_from(config_provider_grant(k->plan->grant));
    gp_status     status = GP_OK;
    if (k->plan->grant != PROVIDER_LOGIN) status = grant_begin(v->accounts, name, kind, k->account, wall_now());
    if (status != GP_TEMPFAIL) status = grant_get(v->accounts, &v->keys, name, g);
    if (status == GP_OK && !gp_same(gp_from(g->kind), kind)) status = GP_PERMFAIL;
    if (status == GP_OK && g->refresh_len == 0 && k->plan->grant == PROVIDER_LOGIN) status = GP_PERMFAIL;
    if (status == GP_OK && g->account != k->account) status = GP_PERMFAIL;
    if (status == GP_OK && g->login[0]) (void)gp_copy_z(gp_from(g->login), k->login, sizeof k->login);
    return status;
}

static void ask(struct keeper *k, struct ipc *channel, gp_str form)
{
    struct msg m = MSG(TOKEN_FETCH);
    m.token_fetch =
        (struct msg_token_fetch) { .provider = (uint64_t)(k->plan - k->vault->config->providers), .form = form };
    k->asked = true;
    k->since = loop_now(k->vault->loop);
    ipc_ask(channel, &m, fetched, k);
}

static void fetch_with(struct keeper *k, struct ipc *channel, const struct grant *g)
{
    struct vault  *v    = k->vault;
    char          *room = malloc(OAUTH_FORM_ROOM);
    struct gp_text form = { .ptr = room, .room = room ? OAUTH_FORM_ROOM : 0 };
    const char    *why  = room ? tokens_form(k, g, wall_now(), &form) : NULL;
    gp_status      mine = why || !room ? GP_OK : grant_claim(v->accounts, g, wall_now());
    k->grant            = *g;
    k->serial           = g->serial;
    forget_refresh(k);
    if (!room)
        k->due = loop_now(v->loop) + LATER_MS;
    else if (why)
        stand_still(k, why);
    else if (mine == GP_OK)
        ask(k, channel, gp_said(&form));
    else
        k->due = loop_now(v->loop) + CLAIMED_MS;
    if (mine == GP_TEMPFAIL) vault_store_failed(v);
    if (room) gp_wipe(room, OAUTH_FORM_ROOM);
    free(room);
}

static void fetch(struct keeper *k)
{
    struct ipc *channel = fetcher_of(k->vault)->channel;
    auto_grant  g       = { 0 };
    if (k->plan->grant == PROVIDER_SERVICE_ACCOUNT && is_for_accounts(k))
        k->due = NEVER; /* its key speaks for a mailbox */
    if (k->due == NEVER || !channel || !ipc_attached(channel) || !own_may_fetch(k)) return;
    gp_status status = read_grant(k, &g);
    if (status == GP_OK) {
        fetch_with(k, channel, &g);
    } else if (status == GP_PERMFAIL) {
        nobody_yet(k);
    } else {
        vault_store_failed(k->vault);
        k->due = loop_now(k->vault->loop) + LATER_MS;
    }
}

void tokens_look(struct keeper *k, gp_time now)
{
    struct ipc *channel = fetcher_of(k->vault)->channel;
    if (k->asked && now - k->since > GRANT_CLAIM_MS && channel) {
        ipc_forget(channel, k);
        fetched(k, GP_TEMPFAIL, NULL);
    }
    if (k->unsaved && !k->asked) (void)save(k);
    if (!k->unsaved && !k->asked && now >= k->due) fetch(k);
}

/* ---- for others -------------------------------------------------------------------------------------------------------------------- */
static struct keeper *keeper_of(struct vault *v, size_t login, const struct own *own, bool make)
{
    const struct config_provider *p = config_login_provider(v->config, login);
    if (p && config_has_own_token(v->config, login)) return own_keeper(v, login, own, make);
    return p && v->tokens_kept.count ? &v->tokens_kept.keepers[p - v->config->providers] : NULL;
}

gp_status tokens_get(struct vault *v, size_t login, struct own *own, bool again, gp_secret *token, uint64_t *number,
                     const char **why)
{
    struct keeper *k   = keeper_of(v, login, own, !again);
    gp_time        now = loop_now(v->loop);
    *why = own->is ? "the tokens of too many other accounts are being fetched" : "its provider is none of providers";
    if (!k) return GP_TEMPFAIL;
    k->used = now;
    if (k->login[0]) (void)gp_copy_z(gp_from(k->login), own->user, sizeof own->user);
    if (in_force(k, now)) {
        *token  = (gp_secret) { k->access, k->access_len };
        *number = k->number;
        return GP_OK;
    }
    if (k->access_len) { /* it has ended before another came */
        drop_token(k);
        if (!k->failures) k->due = now;
    }
    if (!k->asked && now >= k->due) tokens_look(k, now);
    *why = k->why[0] ? k->why : "its token has not come yet";
    return k->asked || (now >= k->due && !k->unsaved) ? GP_WAIT : GP_TEMPFAIL;
}

void tokens_put_off(struct vault *v, size_t login, const struct own *own)
{
    struct keeper *k = keeper_of(v, login, own, false);
    if (k) k->owing = true;
}

void tokens_verdict(struct vault *v, size_t login, const struct own *own, uint64_t number, bool accepted)
{
    struct keeper *k = keeper_of(v, login, own, false);
    if (!k || number != k->number || !k->access_len) return;
    if (accepted) {
        k->accepted = true;
        k->refusals = 0;
        return;
    }
    k->owing    = true;
    bool worked = k->accepted; /* it was good, and is not any more: another will be */
    drop_token(k);
    k->refusals = worked ? 0 : k->refusals + 1;
    k->due      = loop_now(v->loop) + (k->refusals > 1 ? pause_after(k->refusals - 1, NO_MS, NO_MOST) : 0);
    set_why(k, "the next hop refuses its tokens");
    LOG(LOG_ERROR, "provider", LOG_Z("provider", k->plan->name), LOG_Z("account", own_account(k)),
        LOG_N("refused", k->refusals),
        LOG_Z("reason",
              worked ? "the next hop refuses a token that it took before: a fresh one is fetched"
                     : "the next hop refuses a fresh token: may this mailbox send by SMTP, and is the scope right?"));
    if (k->refusals > 1) tokens_tell_refusal(k);
}

void tokens_begin_anew(struct keeper *k)
{
    drop_token(k);
    k->owing    = true;
    k->due      = k->asked ? k->due : 0;
    k->failures = k->refusals = 0;
    k->told                   = false;
    k->why[0]                 = '\0';
}

void tokens_see(struct keeper *k)
{
    auto_grant g      = { 0 };
    gp_status  status = grant_get(k->vault->accounts, NULL, gp_from(k->key), &g);
    int64_t    serial = status == GP_OK ? g.serial : -1;
    if (status == GP_TEMPFAIL || serial == k->serial) return;
    if (k->plan->grant != PROVIDER_LOGIN && serial == 0) return;
    k->serial  = serial;
    k->unsaved = false;
    forget_refresh(k);
    tokens_begin_anew(k);
}

void tokens_changed(struct vault *v)
{
    for (size_t i = 0; i < v->tokens_kept.count; i++) tokens_see(&v->tokens_kept.keepers[i]);
    own_changed(v);
}

void tokens_file(struct peer *peer, struct msg *m)
{
    struct vault *v = peer->vault;
    if (m->provider_file.provider >= v->tokens_kept.count || m->provider_file.what >= PROVIDER_FILES) return;
    struct keeper *k    = &v->tokens_kept.keepers[m->provider_file.provider];
    gp_str         text = m->provider_file.present ? descriptor_read(m->fds[0], OAUTH_KEY_FILE_MOST) : GP_NONE;
    tokens_take_file(k, (enum provider_file)m->provider_file.what, text);
    file_free(text);
    if (k->due == NEVER || k->failures) tokens_begin_anew(k);
    own_files_changed(k);
}

void tokens_tick(struct vault *v, gp_time now)
{
    for (size_t i = 0; i < v->tokens_kept.count; i++) tokens_look(&v->tokens_kept.keepers[i], now);
    own_tick(v, now);
    if (v->tokens_kept.count) upstream_token_came(v);
}

bool tokens_open(struct vault *v)
{
    struct tokens *t = &v->tokens_kept;
    t->seen          = wall_now();
    if (!v->config->provider_count) return true;
    t->keepers = calloc(v->config->provider_count, sizeof *t->keepers);
    if (!t->keepers) return false;
    t->count = v->config->provider_count;
    for (size_t i = 0; i < t->count; i++) {
        t->keepers[i] = (struct keeper) { .vault = v, .plan = &v->config->providers[i], .owing = true, .serial = -1 };
        (void)gp_copy_z(gp_from(t->keepers[i].plan->name), t->keepers[i].grant.provider, GRANT_NAME);
        (void)gp_copy_z(gp_from(t->keepers[i].plan->name), t->keepers[i].key, GRANT_NAME);
    }
    return true;
}

void tokens_close(struct vault *v)
{
    struct tokens *t = &v->tokens_kept;
    own_close(v);
    for (size_t i = 0; i < t->count; i++) gp_key_close(t->keepers[i].key_file.key);
    if (t->keepers) gp_wipe(t->keepers, t->count * sizeof *t->keepers);
    free(t->keepers);
    *t = (struct tokens) { 0 };
}
