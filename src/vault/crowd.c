/* Counts sources in an open table that can never be full: it has two places for each that may be added. */
#include "vault/parts.h"

void crowd_add(struct crowd *c, uint64_t source)
{
    size_t at = source % GP_COUNT(c->slots);
    while (c->slots[at].count && c->slots[at].source != source) at = (at + 1) % GP_COUNT(c->slots);
    c->slots[at].source = source;
    if (++c->slots[at].count <= c->most) return;
    c->most    = c->slots[at].count;
    c->biggest = source;
}
