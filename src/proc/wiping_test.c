/* What is freed is gone from memory, whoever frees it; what grows leaves no copy behind. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "proc/proc.h"

enum { LEN = 200, LONG = 4096 };

/* How much of it is still there: nobody else has taken the memory in between. */
static size_t left_at(uintptr_t where, size_t len)
{
    size_t               left = 0;
    const volatile char *at   = (const volatile char *)where;
    enum { LINKS = 16 }; /* the allocator's own, at the start */
    for (size_t i = LINKS; i < len; i++) left += at[i] == 'S';
    return left;
}

static char *secret(size_t len)
{
    char *memory = malloc(len);
    CHECK(memory);
    memset(memory, 'S', len);
    return memory;
}

/* The compiler must not know them: it would say that nobody may look there afterwards. */
static void (*volatile give_back)(void *)       = free;
static void *(*volatile resize)(void *, size_t) = realloc;

TEST(what_is_freed_is_wiped)
{
    memory_wipes();
    char     *memory = secret(LEN);
    uintptr_t where  = (uintptr_t)memory;
    give_back(memory);
    CHECK(left_at(where, LEN) == 0);
}

TEST(what_grows_or_shrinks_leaves_nothing_behind)
{
    memory_wipes();
    char     *memory = secret(LEN), *wall = malloc(LEN);
    uintptr_t where = (uintptr_t)memory;
    CHECK((memory = resize(memory, LONG)) && (uintptr_t)memory != where && memory[LEN - 1] == 'S');
    CHECK(left_at(where, LEN) == 0);
    memset(memory, 'S', LONG);
    where = (uintptr_t)memory;
    CHECK((memory = resize(memory, LEN)) && memory[0] == 'S' && memory[LEN - 1] == 'S');
    CHECK((uintptr_t)memory == where || left_at(where, LONG) == 0);
    CHECK((memory = resize(memory, LEN - 1)) && memory[LEN - 2] == 'S');
    give_back(memory);
    give_back(wall);
    CHECK((memory = resize(NULL, LEN)));
    give_back(memory);
    give_back(NULL);
}
