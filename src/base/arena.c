/* An arena: many small copies that end together. */
#include "base/base.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_LEAST = 1024 };

struct gp_arena_block {
    struct gp_arena_block *next;
    size_t                 room, used;
    _Alignas(max_align_t) char content[];
};

static struct gp_arena_block *block_with(struct gp_arena *arena, size_t octets)
{
    struct gp_arena_block *block = arena->blocks;
    if (block && block->room - block->used >= octets) return block;
    size_t room = octets < BLOCK_LEAST ? BLOCK_LEAST : octets, whole = 0;
    if (!gp_add(room, sizeof *block, &whole)) return NULL;
    block = malloc(whole);
    if (!block) return NULL;
    *block        = (struct gp_arena_block) { .next = arena->blocks, .room = room };
    arena->blocks = block;
    return block;
}

void *gp_arena_take(struct gp_arena *arena, size_t octets)
{
    const size_t unit  = _Alignof(max_align_t);
    size_t       whole = 0;
    if (!gp_add(octets, unit - 1, &whole)) return NULL;
    whole = whole / unit * unit;
    if (whole > arena->most - arena->used || arena->most == 0) return NULL;
    struct gp_arena_block *block = block_with(arena, whole);
    if (!block) return NULL;
    void *taken = block->content + block->used;
    block->used += whole;
    arena->used += whole;
    return taken;
}

gp_str gp_arena_copy(struct gp_arena *arena, gp_str text)
{
    char *copy = gp_arena_take(arena, text.len);
    if (!copy) return GP_NONE;
    if (text.len) memcpy(copy, text.ptr, text.len);
    return (gp_str) { copy, text.len };
}

void gp_arena_reset(struct gp_arena *arena)
{
    for (struct gp_arena_block *block = arena->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    arena->blocks = NULL;
    arena->used   = 0;
}
