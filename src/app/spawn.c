/* Starts one role in a process of its own, with its own user, directory and descriptors, and sends it messages. */
#include "app/supervisor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proc/wire.h"

enum { DEPTH_MOST = 4, NAME_ROOM = 16, KEPT_MOST = ROLE_LISTENERS_MOST + 5, EXIT_BROKEN = 1 };

/* ---- users --------------------------------------------------------------------------------------------------------------- */
struct user {
    uid_t uid;
    gid_t gid;
    char  with_groups[32]; /* "": none but gid */
};

/* The user gatepost-ROLE where the system has one, else a number of its own. */
static struct user user_of(const struct config *config, enum msg_role role)
{
    char           name[32];
    struct gp_text text = GP_TEXT(name);
    gp_put_z(&text, "gatepost-");
    gp_put_z(&text, role_name(role));
    gp_put_char(&text, '\0');
    const struct passwd *known = getpwnam(name);
    if (known) return (struct user) { .uid = known->pw_uid, .gid = known->pw_gid };
    const uid_t number = config->uid_base + (uid_t)role;
    return (struct user) { .uid = number, .gid = number };
}

/* A source may have a user of its own, with groups: PAM's modules read what the group shadow may. */
static bool user_of_source(const struct config *config, unsigned index, struct user *out)
{
    const char *name = config->lookups[index].user;
    *out             = user_of(config, ROLE_LOOKUP);
    if (!name[0]) return true;
    const struct passwd *known = getpwnam(name);
    if (!known || !gp_copy_z(gp_from(name), out->with_groups, sizeof out->with_groups)) {
        LOG(LOG_ERROR, "config", LOG_Z("source", config->lookups[index].name),
            LOG_Z("problem", "the system has no such user"), LOG_Z("user", name));
        return false;
    }
    out->uid = known->pw_uid;
    out->gid = known->pw_gid;
    return true;
}

static bool become(struct user u)
{
    int groups = u.with_groups[0] ? initgroups(u.with_groups, u.gid) : setgroups(1, &u.gid);
    return groups == 0 && setresgid(u.gid, u.gid, u.gid) == 0 && setresuid(u.uid, u.uid, u.uid) == 0;
}

/* Links are not followed, and a file with a second name is left alone: a role that was taken over could have put a link to
 * somebody else's file there, to be given it at the next start. */
static bool give(int parent, const char *name, struct user u, int depth)
{
    int         fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat is;
    if (fd < 0) return errno == ELOOP || errno == ENOENT || errno == ENXIO;
    bool directory = fstat(fd, &is) == 0 && S_ISDIR(is.st_mode);
    bool done      = directory || (S_ISREG(is.st_mode) && is.st_nlink == 1) ? fchown(fd, u.uid, u.gid) == 0 : true;
    DIR *entries   = directory && depth < DEPTH_MOST ? fdopendir(fd) : NULL;
    if (!entries) {
        close(fd);
        return done;
    }
    for (const struct dirent *e = readdir(entries); e && done; e = readdir(entries))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) done = give(fd, e->d_name, u, depth + 1);
    closedir(entries);
    return done;
}

bool take_directories(const struct supervisor *s)
{
    if (geteuid() != 0) {
        LOG(LOG_WARN, "role", LOG_Z("problem", "not started as root: all roles run as this user, without chroot"));
        return true;
    }
    int dir = open(s->config->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < s->row_count; i++) {
        const struct role_row *row = &s->rows[i];
        if (!row->owns || (dir >= 0 && give(dir, row->directory, user_of(s->config, row->role), 0))) continue;
        LOG(LOG_ERROR, "role", LOG_Z("process", role_name(row->role)),
            LOG_Z("problem", "its directory cannot be given to it"), LOG_Z("directory", row->directory),
            LOG_Z("reason", strerror(errno)));
        if (dir >= 0) close(dir);
        return false;
    }
    if (dir >= 0) close(dir);
    return true;
}

/* ---- in the child ---------------------------------------------------------------------------------------------------------- */
/* Roles end by MSG_STOP: a ^C or a systemd that signals the whole group must not cut the orderly end short. */
static void reset_signals(void)
{
    static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };
    for (size_t i = 0; i < GP_COUNT(ignored); i++) (void)signal(ignored[i], SIG_IGN);
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void set_name(const struct role_start *start)
{
    char           name[NAME_ROOM];
    struct gp_text text = { .ptr = name, .room = sizeof name - 1 };
    gp_put_z(&text, "gp-");
    gp_put_z(&text, role_name(start->role));
    if (start->role == ROLE_SMTPD || start->role == ROLE_LOOKUP) gp_put_number(&text, start->index);
    name[text.len] = '\0';
    (void)prctl(PR_SET_NAME, name);
}

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* All that the supervisor has open, and other roles' sockets with it, goes: only what the role was given stays. */
static bool close_others(const struct role_start *start)
{
    int    kept[KEPT_MOST] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, start->supervisor };
    size_t count           = 4;
    for (size_t i = 0; i < start->listener_count; i++) kept[count++] = start->listeners[i].fd;
    if (start->secret >= 0) kept[count++] = start->secret;
    qsort(kept, count, sizeof *kept, by_number);
    for (size_t i = 1; i < count; i++) {
        const unsigned from = (unsigned)kept[i - 1] + 1, to = (unsigned)kept[i];
        if (from < to && close_range(from, to - 1, 0) != 0) return false;
    }
    return close_range((unsigned)kept[count - 1] + 1, ~0U, 0) == 0;
}

static bool settle(const struct supervisor *s, const struct child *c)
{
    char                   path[CONFIG_PATH];
    const struct role_row *row  = c->row;
    const bool             root = geteuid() == 0;
    struct user            user = root ? user_of(s->config, row->role) : (struct user) { 0 };
    if (root && row->role == ROLE_LOOKUP && !user_of_source(s->config, c->index, &user)) return false;
    if (!config_path(s->config, row->directory, path) || chdir(path) != 0) return false;
    if (!root) return true;
    if (row->chroot && chroot(".") != 0) return false;
    (void)umask(S_IRWXG | S_IRWXO);
    return become(user);
}

/* While the new process may still read it; a source says in its own words when it got none. */
static int open_secret(const struct supervisor *s, unsigned index)
{
    const struct config_lookup *l    = &s->config->lookups[index];
    const char                 *name = l->token_file[0] ? l->token_file : l->password_file;
    char                        path[CONFIG_PATH];
    if (!name[0] || !config_path(s->config, name, path)) return -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        LOG(LOG_ERROR, "config", LOG_Z("source", l->name), LOG_Z("file", name), LOG_Z("reason", strerror(errno)));
    return fd;
}

static _Noreturn void live(const struct supervisor *s, const struct child *c, int channel)
{
    static struct role_start start;
    start = (struct role_start) { .role       = c->row->role,
                                  .index      = c->index,
                                  .smtpds     = s->smtpds,
                                  .config     = s->config,
                                  .supervisor = channel,
                                  .secret     = -1 };
    if (c->row->role == ROLE_LOOKUP) start.secret = open_secret(s, c->index);
    if (c->row->role == ROLE_SMTPD) start.listener_count = listeners_of(s, c->index, start.listeners);
    reset_signals();
    set_name(&start);
    log_open(role_name(start.role), s->config->log_format, s->config->log_level);
    if (close_others(&start) && settle(s, c)) _exit(c->row->main(&start));
    LOG(LOG_ERROR, "role", LOG_Z("problem", "cannot settle in its directory"), LOG_Z("directory", c->row->directory),
        LOG_Z("reason", strerror(errno)));
    _exit(EXIT_BROKEN);
}

/* ---- in the supervisor ------------------------------------------------------------------------------------------------------ */
void child_kill(struct child *c)
{
    if (c->pid > 0) (void)kill(c->pid, SIGKILL);
}

void child_send(struct child *c, const struct msg *m)
{
    static char packing[MSG_MOST];
    if (c->channel < 0) return;
    size_t    len  = msg_pack(m, packing, sizeof packing);
    gp_status sent = len ? wire_send(c->channel, (gp_str) { packing, len }, m->fds) : GP_PERMFAIL;
    if (sent == GP_OK || sent == GP_TEMPFAIL) return; /* who just died is about to be restarted anyway */
    LOG(LOG_ERROR, "role", LOG_Z("process", role_name(c->row->role)), LOG_N("index", c->index), LOG_N("child", c->pid),
        LOG_Z("problem", "does not take a message and is restarted"), LOG_Z("message", msg_name(m->type)));
    child_kill(c);
}

static bool cannot_start(const struct child *c, const char *what)
{
    LOG(LOG_ERROR, "role", LOG_Z("process", role_name(c->row->role)), LOG_N("index", c->index), LOG_Z("problem", what),
        LOG_Z("reason", strerror(errno)));
    return false;
}

bool child_start(struct supervisor *s, struct child *c)
{
    int pair[2];
    if (!wire_pair(pair)) return cannot_start(c, "no channel");
    (void)fflush(NULL); /* or the child writes it a second time */
    pid_t pid = fork();
    if (pid == 0) live(s, c, pair[1]);
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return cannot_start(c, "no process");
    }
    c->pid     = pid;
    c->channel = pair[0];
    c->state   = CHILD_STARTING;
    c->started = monotonic_now();
    peers_join(s, c);
    if (c->row->role == ROLE_VAULT) files_send(s, c);
    if (c->row->role == ROLE_QUEUE) files_send_events(s, c);
    return true;
}
