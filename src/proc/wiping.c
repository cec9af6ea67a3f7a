/* Memory that is wiped when it is freed, for the whole process: libraries that passwords and tokens pass through (libldap, libcurl,
 * libpq, PAM's modules, libidn, ...) leave copies behind, and not all of them can be told where to take memory from. The C library's
 * own free and realloc are put behind ours, as it allows (its manual, "Replacing malloc"). */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "proc/proc.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LEAVE_TO_SANITIZER
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define LEAVE_TO_SANITIZER
#endif

static bool wipes; /* set once, before there are threads */

void memory_wipes(void)
{
    wipes = true;
}

#ifndef LEAVE_TO_SANITIZER
void  __libc_free(void *);
void *__libc_realloc(void *, size_t);

#define FOR_LIBRARIES __attribute__((visibility("default"))) /* all else of ours is hidden from them */

FOR_LIBRARIES void free(void *memory)
{
    if (!memory) return;
    int before = errno;
    if (wipes) gp_wipe(memory, malloc_usable_size(memory));
    __libc_free(memory);
    errno = before;
}

/* One that moves leaves no copy behind: it is moved here. */
static void *move(void *memory, size_t had, size_t len)
{
    void *more = malloc(len);
    if (!more) return NULL;
    memcpy(more, memory, had < len ? had : len);
    free(memory);
    return more;
}

FOR_LIBRARIES void *realloc(void *memory, size_t len)
{
    if (!wipes || !memory || len == 0) return __libc_realloc(memory, len);
    size_t had = malloc_usable_size(memory);
    return len <= had && len >= had / 2 ? memory : move(memory, had, len);
}
#endif
