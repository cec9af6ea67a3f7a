/* A command that has changed the store closes it: the kernel says so, and what changed is in force before the next client comes. */
#include <sys/inotify.h>
#include <unistd.h>

#include "vault/parts.h"

enum { NOTICES_ROOM = 4096 };

static void noticed(void *owner, bool readable, bool writable)
{
    struct vault *v = owner;
    char          room[NOTICES_ROOM]; /* which file it was does not matter */
    (void)readable, (void)writable;
    while (read(v->notices, room, sizeof(room)) > 0) continue;
    vault_look_anew(v);
}

void notice_open(struct vault *v)
{
    v->notices = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (v->notices >= 0 && inotify_add_watch(v->notices, ".", IN_CLOSE_WRITE) >= 0)
        v->watch = watch_open(v->loop, v->notices, noticed, v);
    if (v->watch)
        watch_for(v->watch, true, false);
    else
        LOG(LOG_DEBUG, "store", LOG_Z("reason", "no inotify: changes are seen within a second"));
}

void notice_close(struct vault *v)
{
    watch_close(v->watch);
    if (v->notices >= 0) (void)close(v->notices);
}
