/* What policies in shadow let through, and uses that may be switched off one day: counted in memory and written within a second, many
 * in one transaction, so that neither a sign-in nor a message costs an fsync for it. A crash loses that second and nothing else. */
#include <string.h>

#include "vault/parts.h"

static struct tally *place_for(struct tallies *all, const struct tally *wanted)
{
    for (size_t i = 0; i < all->count; i++) {
        struct tally *t = &all->list[i];
        bool same = t->account == wanted->account && t->credential == wanted->credential && t->kind == wanted->kind &&
                    tally_day(t->last) == tally_day(wanted->last) && strcmp(t->name, wanted->name) == 0;
        if (same) return t;
    }
    if (all->count == TALLIES_MOST) return NULL;
    all->list[all->count] = *wanted;
    return &all->list[all->count++];
}

static void note(struct vault *v, const struct tally *fresh)
{
    struct tally *t = place_for(&v->tallies, fresh);
    if (!t) {
        shadow_write(v);
        t = place_for(&v->tallies, fresh);
    }
    if (!t) return; /* the store takes nothing now: what is being done matters more */
    t->count++;
    t->last = fresh->last;
    memcpy(t->example, fresh->example, sizeof(t->example));
}

/* As much of it as there is room for. */
static void copy(char *out, size_t room, gp_str text)
{
    if (!gp_copy_z(gp_head(text, room - 1), out, room)) out[0] = '\0';
}

static struct tally tally_of(enum tally_kind kind, const char *name, int64_t account, int64_t credential,
                             gp_str example)
{
    gp_time      now = wall_now();
    struct tally t   = { .kind = kind, .account = account, .credential = credential, .first = now, .last = now };
    copy(t.name, sizeof(t.name), gp_from(name));
    copy(t.example, sizeof(t.example), example);
    return t;
}

void shadow_note(struct vault *v, const char *rule, int64_t account, int64_t credential, gp_str example)
{
    struct tally t = tally_of(TALLY_SHADOW, rule, account, credential, example);
    note(v, &t);
    LOG(LOG_INFO, "shadow", LOG_Z("rule", rule), LOG_N("account_id", account), LOG_N("credential", credential),
        LOG_S("reason", example));
}

void use_note(struct vault *v, const char *use, int64_t account, int64_t credential, gp_str example)
{
    struct tally t = tally_of(TALLY_USE, use, account, credential, example);
    note(v, &t);
}

void shadow_write(struct vault *v)
{
    struct tallies *all = &v->tallies;
    if (all->count == 0) return;
    if (tally_add(v->accounts, all->list, all->count, wall_now()) == GP_OK)
        all->count = 0;
    else
        vault_store_failed(v);
}
