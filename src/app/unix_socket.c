/* A listening UNIX socket at a path that may lie in a folder of somebody else's (Postfix's, say): nothing there is removed but a
 * socket that nobody answers on, and owner and mode are given to what is the socket, not to what stands at its path by then. */
#include "app/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 1024, NOTHING_YET = 0777, PROC_PATH = 32 };

/* ---- what is there already -------------------------------------------------------------------------------------------------- */
/* A full queue of callers is an answer too. */
static bool somebody_answers(const struct sockaddr_un *at)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return true;
    bool refused = connect(fd, (const struct sockaddr *)at, sizeof *at) != 0 && errno == ECONNREFUSED;
    close(fd);
    return !refused;
}

/* NULL: the path is free. */
static const char *make_way(const struct sockaddr_un *at)
{
    struct stat is;
    if (lstat(at->sun_path, &is) != 0) return errno == ENOENT ? NULL : strerror(errno);
    if (!S_ISSOCK(is.st_mode)) return "something else is there that is no socket";
    if (somebody_answers(at)) return "somebody answers there already";
    return unlink(at->sun_path) == 0 ? NULL : strerror(errno);
}

/* ---- whose it is ------------------------------------------------------------------------------------------------------------ */
static const char *find_owner(const struct config_listen *listen, uid_t *uid, gid_t *gid)
{
    const struct passwd *user  = listen->user[0] ? getpwnam(listen->user) : NULL;
    const struct group  *group = listen->group[0] ? getgrnam(listen->group) : NULL;
    if (listen->user[0] && !user) return "there is no such user";
    if (listen->group[0] && !group) return "there is no such group";
    *uid = user ? user->pw_uid : (uid_t)-1;
    *gid = group ? group->gr_gid : (gid_t)-1;
    return NULL;
}

static bool give(int place, uid_t uid, gid_t gid, unsigned mode)
{
    char path[PROC_PATH];
    bool keep = uid == (uid_t)-1 && gid == (gid_t)-1;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", place); /* fchmod(2) takes no descriptor of a path */
    return (keep || fchownat(place, "", uid, gid, AT_EMPTY_PATH) == 0) && chmod(path, mode) == 0;
}

static const char *settle(const struct config_listen *listen, uid_t uid, gid_t gid, struct bound *b)
{
    struct stat is;
    const char *why   = NULL;
    int         place = open(listen->address, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (place < 0) return strerror(errno);
    if (fstat(place, &is) != 0 || !S_ISSOCK(is.st_mode) || is.st_nlink != 1) {
        why = "it was changed while it was made";
    } else {
        b->device = is.st_dev;
        b->inode  = is.st_ino;
        if (!give(place, uid, gid, listen->mode)) why = strerror(errno);
    }
    close(place);
    return why;
}

/* ---- opening and closing ------------------------------------------------------------------------------------------------------ */
static const char *bind_at(int fd, const struct sockaddr_un *at)
{
    const mode_t before = umask(NOTHING_YET); /* nobody calls before it is clear who may */
    const char  *why    = bind(fd, (const struct sockaddr *)at, sizeof *at) == 0 ? NULL : strerror(errno);
    (void)umask(before);
    return why;
}

int unix_socket_open(const struct config_listen *wanted, struct bound *b, const char **why)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    uid_t              uid;
    gid_t              gid;
    *why = gp_copy_z(gp_from(wanted->address), at.sun_path, sizeof at.sun_path) ? NULL : "the path is too long";
    if (!*why) *why = find_owner(wanted, &uid, &gid);
    if (!*why) *why = make_way(&at);
    if (*why) return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    *why   = fd < 0 ? strerror(errno) : bind_at(fd, &at);
    if (!*why) *why = settle(wanted, uid, gid, b);
    if (!*why && listen(fd, BACKLOG) != 0) *why = strerror(errno);
    if (!*why) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

void unix_socket_close(const struct config_listen *listen, const struct bound *b)
{
    struct stat is;
    bool        ours = b->inode && lstat(listen->address, &is) == 0 && is.st_dev == b->device && is.st_ino == b->inode;
    if (ours) (void)unlink(listen->address);
}
