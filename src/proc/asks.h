/* The questions that a channel has open. A question's number names its slot and how often the slot was used, so that an
 * answer that comes too late, or twice, or was made up by the far end, meets nobody. */
#ifndef PROC_ASKS_H
#define PROC_ASKS_H

#include "proc/proc.h"

#define ASKS_MOST (1U << 18)

struct ask {
    ipc_done *done; /* NULL: the slot is free  */
    void     *owner;
    uint32_t  number;
    uint32_t  next; /* of a free slot          */
    bool      failed; /* to be told TEMPFAIL   */
};
struct asks {
    struct ask *slots;
    uint32_t    used, open; /* slots ever used; slots in use now */
    uint32_t    free;
};

bool     asks_open(struct asks *) GP_MUST_USE;
void     asks_close(struct asks *);
uint32_t asks_add(struct asks *, ipc_done *, void *owner); /* its number; 0: ASKS_MOST are open */
bool     asks_take(struct asks *, uint32_t number, struct ask *out) GP_MUST_USE; /* false: no such question */
void     asks_fail(struct asks *, uint32_t number);
void     asks_fail_all(struct asks *);
void     asks_forget(struct asks *, const void *owner);
bool     asks_take_failed(struct asks *, uint32_t *from, struct ask *out) GP_MUST_USE; /* the next one at or after *from */

#endif
