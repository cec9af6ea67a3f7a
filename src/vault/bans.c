/* Bans in memory, as accounts.db has them: read when commands have changed it, written behind when the guard makes one. */
#include <stdlib.h>
#include <string.h>

#include "vault/parts.h"

enum { SECOND_MS = 1000 };

/* ---- reading ----------------------------------------------------------------------------------------------------------- */
static bool take(void *owner, const struct kept_ban *ban)
{
    struct bans *all = owner;
    return bans_put(all, &ban->ban);
}

/* What was taken back by a command is forgiven: else the next wrong password would bring it back. */
static void forgive(struct vault *v, const struct bans *before)
{
    for (size_t i = 0; v->guard && i < before->count; i++)
        if (!bans_at(v->bans, &before->list[i].place))
            guard_forgive(v->guard, &before->list[i].place, loop_now(v->loop));
}

static void add_unwritten(struct vault *v)
{
    for (size_t i = 0; i < v->new_bans.count; i++) (void)bans_put(v->bans, &v->new_bans.list[i].ban);
}

void bans_reload(struct vault *v)
{
    struct bans *fresh = calloc(1, sizeof(*fresh)), *before = v->bans;
    if (!fresh) return; /* what was in force stays so */
    if (kept_bans(v->accounts, take, fresh) != GP_OK) {
        vault_store_failed(v);
        free(fresh);
        return;
    }
    v->bans = fresh;
    add_unwritten(v);
    forgive(v, before);
    free(before);
}

bool bans_open(struct vault *v)
{
    v->bans = calloc(1, sizeof(*v->bans));
    if (v->bans) bans_reload(v);
    return v->bans != NULL;
}

/* ---- making one -------------------------------------------------------------------------------------------------------- */
static void say(const struct kept_ban *ban, const struct signin *s)
{
    char           network_room[PLACE_TEXT], until_room[SIGNIN_TEXT];
    struct gp_text network = GP_TEXT(network_room), until = GP_TEXT(until_room);
    place_put(&network, &ban->ban.place);
    moment_put(&until, ban->ban.until);
    LOG(LOG_WARN, "ban", LOG_S("address", gp_said(&network)), LOG_S("until", gp_said(&until)),
        LOG_N("times", ban->ban.offences), LOG_N("session", s->session), LOG_Z("reason", ban->reason),
        LOG_Z("hint", "`gatepost ban remove` takes it back; known places of accounts are not affected"));
}

void ban_make(struct vault *v, const struct place *network, const struct signin *s)
{
    gp_time         now = wall_now();
    struct kept_ban ban = { .ban    = ban_next(v->bans, network, (gp_time)v->config->policy.guard.ban * SECOND_MS, now),
                            .reason = "too many wrong passwords or unknown names" };
    if (!bans_put(v->bans, &ban.ban)) return; /* all are an administrator's: what is full denies by itself */
    if (v->new_bans.count == GP_COUNT(v->new_bans.list)) bans_write(v);
    if (v->new_bans.count < GP_COUNT(v->new_bans.list)) v->new_bans.list[v->new_bans.count++] = ban;
    say(&ban, s);
    tell_ban(v, &ban.ban);
}

void bans_write(struct vault *v)
{
    if (v->new_bans.count == 0) return;
    if (kept_bans_add(v->accounts, v->new_bans.list, v->new_bans.count, wall_now()) == GP_OK)
        v->new_bans.count = 0;
    else
        vault_store_failed(v);
}
