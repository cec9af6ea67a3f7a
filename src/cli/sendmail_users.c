/* A process for each user of a common spool. Users rule what is in the spool and how long their own process takes: neither may stop others. */
#include "cli/sendmail_users.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"

/* ---- processes ----------------------------------------------------------------------------------------------------------- */
static long long now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

static void reap(struct users *u)
{
    for (size_t i = 0; i < USERS_AT_ONCE; i++) {
        struct users_slot *s = &u->slots[i];
        if (s->pid && (waitpid(s->pid, NULL, WNOHANG) != 0 || now() >= s->until)) s->pid = 0;
    }
}

/* A second at most, or until one ends. */
static void pause_a_while(void)
{
    sigset_t ended;
    (void)sigemptyset(&ended);
    (void)sigaddset(&ended, SIGCHLD);
    (void)sigtimedwait(&ended, NULL, &(struct timespec) { .tv_sec = 1 });
}

static struct users_slot *free_slot(struct users *u)
{
    for (;; pause_a_while()) {
        reap(u);
        for (size_t i = 0; i < USERS_AT_ONCE; i++)
            if (!u->slots[i].pid) return &u->slots[i];
    }
}

/* SIGCHLD is blocked while users are looked after, so that none ends unnoticed between the look and the pause. */
static void hold_signal(int how)
{
    sigset_t ended;
    (void)sigemptyset(&ended);
    (void)sigaddset(&ended, SIGCHLD);
    (void)sigprocmask(how, &ended, NULL);
}

void users_begin(struct users *u, uid_t uid)
{
    hold_signal(SIG_BLOCK);
    struct users_slot *s = free_slot(u);
    s->until             = now() + u->most_seconds;
    s->pid               = fork();
    if (s->pid < 0)
        s->pid = 0;
    else if (s->pid == 0) {
        hold_signal(SIG_UNBLOCK);
        u->work(u->conf_path, uid);
        _exit(0);
    }
    hold_signal(SIG_UNBLOCK);
}

void users_wait(struct users *u)
{
    hold_signal(SIG_BLOCK);
    for (bool some = true; some;) {
        some = false;
        reap(u);
        for (size_t i = 0; i < USERS_AT_ONCE; i++) some = some || u->slots[i].pid;
        if (some) pause_a_while();
    }
    hold_signal(SIG_UNBLOCK);
}

/* ---- whose ------------------------------------------------------------------------------------------------------------------ */
/* One directory a user: whoever makes thousands has them looked at once. */
static bool is_users(int dir, const char *name, uid_t *uid)
{
    struct stat at;
    char        number[24];
    if (fstatat(dir, name, &at, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(at.st_mode) || at.st_uid == 0) return false;
    (void)snprintf(number, sizeof number, "%u", (unsigned)at.st_uid);
    *uid = at.st_uid;
    return strcmp(name, number) == 0;
}

/* Read name by name: who fills a directory must not fill root's memory. */
void users_each(struct users *u, const char *dir)
{
    DIR  *all = opendir(dir);
    uid_t uid;
    if (!all) return;
    for (const struct dirent *one; (one = readdir(all));)
        if (is_users(dirfd(all), one->d_name, &uid)) users_begin(u, uid);
    (void)closedir(all);
}
