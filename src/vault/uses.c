/* When, from where and how a credential was last used: kept in memory and written a few seconds later, many in one transaction, so
 * that a sign-in costs no fsync. A crash loses some seconds of it and nothing else. */
#include <string.h>

#include "vault/parts.h"

static struct credential_use *place_for(struct uses *u, int64_t credential)
{
    for (size_t i = 0; i < u->count; i++)
        if (u->list[i].credential == credential) return &u->list[i];
    return u->count < USES_MOST ? &u->list[u->count++] : NULL;
}

void uses_note(struct vault *v, const struct signin *s)
{
    struct credential_use *use = place_for(&v->uses, s->credential);
    if (!use) {
        uses_write(v);
        use = place_for(&v->uses, s->credential);
    }
    if (!use) return; /* the store takes nothing now: the sign-in itself matters more */
    *use = (struct credential_use) { .credential = s->credential, .when = wall_now() };
    (void)gp_copy_z(gp_from(s->address), use->from, sizeof(use->from));
    (void)gp_copy_z(gp_from(s->mechanism), use->mechanism, sizeof(use->mechanism));
}

void uses_write(struct vault *v)
{
    if (v->uses.count == 0) return;
    if (accounts_used(v->accounts, v->uses.list, v->uses.count) == GP_OK)
        v->uses.count = 0;
    else
        vault_store_failed(v);
}
