/* What the guard has counted, over a restart: which counts have changed, and putting them back. Secrets that were wrong are not among
 * them: a digest of one that is quick to make, on a disk, would help whoever steals both it and the key to find what was nearly right. */
#include "policy/guard_parts.h"

static uint32_t table_at(const struct guard *g, const struct scores *table)
{
    return table ? (uint32_t)(table - g->tables) : SERVER;
}

void guard_changed(struct guard *g, const struct scores *table, struct score *row)
{
    if (row->changed || g->change_count == CHANGES_MOST) return;
    row->changed = true;
    g->changes[g->change_count++] =
        (struct guard_change) { table_at(g, table), table ? (uint32_t)(row - table->rows) : 0 };
}

static struct score *row_at(struct guard *g, uint64_t table, uint64_t slot)
{
    if (table == SERVER) return slot == 0 ? &g->server : NULL;
    if (table > SERVER) return NULL;
    struct scores *t = &g->tables[table];
    return slot < t->sets * SCORES_WAYS ? &t->rows[slot] : NULL;
}

gp_status guard_changes(struct guard *g, gp_time now, gp_status (*each)(void *owner, const struct guard_count *),
                        void *owner)
{
    gp_status status = GP_OK;
    for (size_t i = 0; i < g->change_count && status == GP_OK; i++) {
        const struct score *row = row_at(g, g->changes[i].table, g->changes[i].slot);
        struct guard_count  one = {
             .table = g->changes[i].table, .slot = g->changes[i].slot, .key = row->key, .left = row->empty - now
        };
        status = each(owner, &one);
    }
    return status;
}

bool guard_has_changes(const struct guard *g)
{
    return g->change_count > 0;
}

void guard_kept(struct guard *g)
{
    for (size_t i = 0; i < g->change_count; i++) row_at(g, g->changes[i].table, g->changes[i].slot)->changed = false;
    g->change_count = 0;
}

/* However far a clock was off, nothing is used up for longer than it could be. */
void guard_restore(struct guard *g, const struct guard_count *c, gp_time now)
{
    struct score *row  = row_at(g, c->table, c->slot);
    gp_time       most = c->table == TRIES ? (gp_time)TRIES_UNITS * TRY_REGAIN : REGAIN;
    if (!row || c->left <= 0) return;
    if (c->table != SERVER && c->key % g->tables[c->table].sets != c->slot / SCORES_WAYS)
        return; /* of another key, or size */
    *row = (struct score) { .key = c->key, .empty = now + (c->left < most ? c->left : most) };
}
