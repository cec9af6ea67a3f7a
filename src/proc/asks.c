/* The table of open questions: slots with a free list; the memory is reserved at once and costs nothing until it is used. */
#include "proc/asks.h"

#include <stdlib.h>

enum { SLOT_BITS = 18 };
#define NO_SLOT     UINT32_MAX
#define SLOT_OF(id) ((id) & (ASKS_MOST - 1))

bool asks_open(struct asks *a)
{
    *a       = (struct asks) { .free = NO_SLOT };
    a->slots = calloc(ASKS_MOST, sizeof *a->slots); /* zero pages of the kernel: a slot never used takes no memory */
    return a->slots != NULL;
}

void asks_close(struct asks *a)
{
    free(a->slots);
    *a = (struct asks) { .free = NO_SLOT };
}

/* The slot in the low bits, above it a count of the slot's uses that is never 0, as the number of a question must not be. */
static uint32_t next_number(const struct ask *slot, uint32_t at)
{
    uint32_t uses = (slot->number >> SLOT_BITS) + 1;
    if (uses >= 1U << (32 - SLOT_BITS)) uses = 1;
    return uses << SLOT_BITS | at;
}

uint32_t asks_add(struct asks *a, ipc_done *done, void *owner)
{
    uint32_t at = a->free;
    if (at != NO_SLOT) {
        a->free = a->slots[at].next;
    } else if (a->used < ASKS_MOST) {
        at = a->used++;
    } else {
        return 0;
    }
    struct ask *slot = &a->slots[at];
    *slot            = (struct ask) { .done = done, .owner = owner, .number = next_number(slot, at) };
    a->open++;
    return slot->number;
}

static void release(struct asks *a, struct ask *slot)
{
    slot->done = NULL;
    slot->next = a->free;
    a->free    = SLOT_OF(slot->number);
    a->open--;
}

static struct ask *find(struct asks *a, uint32_t number)
{
    uint32_t at = SLOT_OF(number);
    if (at >= a->used) return NULL;
    struct ask *slot = &a->slots[at];
    return slot->done && slot->number == number && !slot->failed ? slot : NULL;
}

bool asks_take(struct asks *a, uint32_t number, struct ask *out)
{
    struct ask *slot = find(a, number);
    if (!slot) return false;
    *out = *slot;
    release(a, slot);
    return true;
}

void asks_fail(struct asks *a, uint32_t number)
{
    struct ask *slot = find(a, number);
    if (slot) slot->failed = true;
}

void asks_fail_all(struct asks *a)
{
    for (uint32_t i = 0; i < a->used && a->open; i++)
        if (a->slots[i].done) a->slots[i].failed = true;
}

void asks_forget(struct asks *a, const void *owner)
{
    for (uint32_t i = 0; i < a->used && a->open; i++)
        if (a->slots[i].done && a->slots[i].owner == owner) release(a, &a->slots[i]);
}

bool asks_take_failed(struct asks *a, uint32_t *from, struct ask *out)
{
    for (; *from < a->used && a->open; ++*from) {
        struct ask *slot = &a->slots[*from];
        if (!slot->done || !slot->failed) continue;
        *out = *slot;
        release(a, slot);
        ++*from;
        return true;
    }
    return false;
}
