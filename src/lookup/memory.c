/* For libraries that take functions for memory: what they free, or leave behind when it grows, is wiped, because passwords were
 * in it. A word before each block says how long it is. */
#include "lookup/parts.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

union head {
    size_t      len;
    max_align_t align;
};

void *memory_take(size_t len)
{
    size_t whole;
    if (!gp_add(len, sizeof(union head), &whole)) return NULL;
    union head *h = malloc(whole);
    if (!h) return NULL;
    h->len = len;
    return h + 1;
}

void *memory_take_zeroed(size_t count, size_t size)
{
    size_t len;
    if (!gp_mul(count, size, &len)) return NULL;
    void *memory = memory_take(len);
    if (memory) memset(memory, 0, len);
    return memory;
}

void memory_free(void *memory)
{
    if (!memory) return;
    union head *h = (union head *)memory - 1;
    gp_wipe(memory, h->len);
    free(h);
}

void *memory_again(void *memory, size_t len)
{
    if (!memory) return memory_take(len);
    const size_t had  = ((union head *)memory - 1)->len;
    void        *more = memory_take(len);
    if (!more) return NULL;
    memcpy(more, memory, had < len ? had : len);
    memory_free(memory);
    return more;
}

char *memory_copy(const char *text)
{
    size_t len  = strlen(text) + 1;
    char  *copy = memory_take(len);
    if (copy) memcpy(copy, text, len);
    return copy;
}
