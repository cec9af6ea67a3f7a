/* The backup that was named: a file, or a folder whose newest file counts. Is there one, is it young enough, and who can read it? */
#include "probe/house.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { DEPTH_MOST = 4, ENTRIES_MOST = 100000, NAME_ROOM = 300, DAY = 86400 };

struct newest {
    char     name[NAME_ROOM];
    time_t   when;
    off_t    size;
    mode_t   mode;
    unsigned entries;
};

static void weigh(struct newest *n, const char *name, const struct stat *at)
{
    if (n->name[0] && at->st_mtime <= n->when) return;
    (void)snprintf(n->name, sizeof n->name, "%s", name);
    n->when = at->st_mtime;
    n->size = at->st_size;
    n->mode = at->st_mode;
}

static void look(struct newest *n, int in, const char *name, unsigned depth);

/* NOLINTNEXTLINE(misc-no-recursion): no deeper than DEPTH_MOST */
static void walk(struct newest *n, int fd, unsigned depth)
{
    DIR *folder = fdopendir(fd);
    if (!folder) {
        close(fd);
        return;
    }
    for (const struct dirent *e; n->entries < ENTRIES_MOST && (e = readdir(folder));) {
        n->entries++;
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) look(n, dirfd(folder), e->d_name, depth + 1);
    }
    closedir(folder);
}

/* Links are followed only where the path itself is one: a folder of backups may have one to its newest. */
/* NOLINTNEXTLINE(misc-no-recursion): no deeper than DEPTH_MOST */
static void look(struct newest *n, int in, const char *name, unsigned depth)
{
    struct stat at;
    if (fstatat(in, name, &at, depth ? AT_SYMLINK_NOFOLLOW : 0) != 0) return;
    if (S_ISREG(at.st_mode)) weigh(n, name, &at);
    if (!S_ISDIR(at.st_mode) || depth >= DEPTH_MOST) return;
    int fd = openat(in, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (depth ? O_NOFOLLOW : 0));
    if (fd >= 0) walk(n, fd, depth);
}

void house_backup(struct probe_run *run)
{
    struct newest n    = { .name = "" };
    const char   *path = run->plan->backup;
    long long     most = run->plan->backup_days ? run->plan->backup_days : PROBE_BACKUP_DAYS;
    if (!path) {
        probe_fact(run, PROBE_OWN, "no backup was looked for: --backup PATH names it");
        return;
    }
    look(&n, AT_FDCWD, path, 0);
    long long age = ((long long)time(NULL) - n.when) / DAY;
    probe_judge(run, FOUND_OWN_BACKUP, n.name[0], "%s: there is none: %s", path,
                access(path, F_OK) != 0 ? strerror(errno) : "no file in it, or none that may be looked at");
    if (!n.name[0]) return;
    probe_judge(run, FOUND_OWN_BACKUP, n.size > 0, "%s: %s is empty", path, n.name);
    probe_judge(run, FOUND_OWN_BACKUP, age < most, "%s: the newest, %s, is %lld days old; %lld are allowed", path,
                n.name, age, most);
    probe_judge(run, FOUND_OWN_MODE, (n.mode & S_IRWXO) == 0, "%s: %s has mode %04o, and holds keys and passwords",
                path, n.name, (unsigned)(n.mode & 07777));
}
