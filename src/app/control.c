/* What the outside sees of the supervisor: DIR/run with the lock and control.sock, and the word to systemd. */
#include "app/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 16, STATUS_ROOM = 32 * 1024, SOCKET_MODE = 0600, LOCK_ROOM = 16 };

/* ---- the run directory and its lock -------------------------------------------------------------------------------------- */
static bool refuse(const char *what, const char *file)
{
    const char *hint = errno == EACCES ? "start it as root, or as the user that the set-up belongs to" : NULL;
    LOG(LOG_ERROR, "config", LOG_Z("problem", what), LOG_Z("file", file), LOG_Z("reason", strerror(errno)),
        LOG_Z("hint", hint));
    return false;
}

static bool open_run_dir(struct supervisor *s)
{
    char run[CONFIG_PATH], empty[CONFIG_PATH];
    if (!config_path(s->config, "run", run) || !config_path(s->config, "run/empty", empty)) return false;
    if ((mkdir(run, DIRECTORY_MODE) != 0 && errno != EEXIST) || (mkdir(empty, DIRECTORY_MODE) != 0 && errno != EEXIST))
        return refuse("cannot be made", run);
    s->run_dir = open(run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return s->run_dir >= 0 || refuse("cannot be opened", run);
}

static bool someone_runs(int lock)
{
    char    pid[LOCK_ROOM] = "";
    ssize_t len            = read(lock, pid, sizeof pid - 1);
    LOG(LOG_ERROR, "config", LOG_Z("problem", "a gatepost already runs on this directory"),
        LOG_S("child", gp_trim((gp_str) { pid, len > 0 ? (size_t)len : 0 })));
    return false;
}

static bool take_lock(struct supervisor *s)
{
    char           text[LOCK_ROOM];
    struct gp_text pid = GP_TEXT(text);
    s->lock            = openat(s->run_dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, SOCKET_MODE);
    if (s->lock < 0) return refuse("cannot be opened", "run/lock");
    if (flock(s->lock, LOCK_EX | LOCK_NB) != 0) return someone_runs(s->lock);
    gp_put_number(&pid, getpid());
    if (ftruncate(s->lock, 0) != 0 || write(s->lock, pid.ptr, pid.len) != (ssize_t)pid.len)
        return refuse("cannot be written", "run/lock");
    return true;
}

/* ---- control.sock ------------------------------------------------------------------------------------------------------------ */
/* A socket's path has 107 octets and DIR may be longer: the way leads through the open directory. */
static bool open_socket(struct supervisor *s)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    (void)snprintf(at.sun_path, sizeof at.sun_path, "/proc/self/fd/%d/control.sock", s->run_dir);
    (void)unlinkat(s->run_dir, "control.sock", 0);
    s->control = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->control < 0) return refuse("no socket", "run/control.sock");
    mode_t before = umask(S_IRWXG | S_IRWXO);
    bool   bound  = bind(s->control, (struct sockaddr *)&at, sizeof at) == 0 && listen(s->control, BACKLOG) == 0;
    (void)umask(before);
    return bound || refuse("cannot listen", "run/control.sock");
}

bool control_open(struct supervisor *s)
{
    s->run_dir = s->lock = s->control = -1;
    if (open_run_dir(s) && take_lock(s) && open_socket(s)) return true;
    if (s->lock >= 0) close(s->lock);
    if (s->run_dir >= 0) close(s->run_dir);
    return false;
}

void control_close(struct supervisor *s)
{
    (void)unlinkat(s->run_dir, "control.sock", 0);
    close(s->control);
    close(s->lock);
    close(s->run_dir);
}

/* ---- the state, as one JSON document -------------------------------------------------------------------------------------------- */
static const char *state_of(const struct supervisor *s)
{
    if (s->state == SUPERVISOR_STARTING) return "starting";
    if (s->state == SUPERVISOR_STOPPING) return "stopping";
    for (size_t i = 0; i < s->child_count; i++)
        if (s->children[i].state != CHILD_READY || s->children[i].store >= STORE_DOUBTED) return "degraded";
    return "serving";
}

static void put_pair(struct gp_text *out, const char *key, const char *value)
{
    gp_put_char(out, '"');
    gp_put_z(out, key);
    gp_put_z(out, "\":\"");
    gp_put_z(out, value); /* names and addresses of our own: nothing in them needs an escape */
    gp_put_char(out, '"');
}

static void put_count(struct gp_text *out, const char *key, int64_t value)
{
    gp_put_z(out, ",\"");
    gp_put_z(out, key);
    gp_put_z(out, "\":");
    gp_put_number(out, value);
}

static void put_child(struct gp_text *out, const struct child *c)
{
    static const char *const states[] = {
        [CHILD_DOWN] = "down", [CHILD_STARTING] = "starting", [CHILD_READY] = "ready", [CHILD_STOPPING] = "stopping"
    };
    static const char *const stores[] = {
        [STORE_UNREAD] = "unread", [STORE_WHOLE] = "whole", [STORE_DOUBTED] = "doubted", [STORE_DAMAGED] = "damaged"
    };
    gp_put_char(out, '{');
    put_pair(out, "name", role_name(c->row->role));
    put_count(out, "index", c->index);
    put_count(out, "pid", c->pid);
    gp_put_char(out, ',');
    put_pair(out, "state", states[c->state]);
    put_count(out, "restarts", c->restarts);
    if (c->row->role == ROLE_QUEUE) gp_put_char(out, ',');
    bool known = c->state == CHILD_READY || c->store == STORE_DAMAGED;
    if (c->row->role == ROLE_QUEUE) put_pair(out, "store", known ? stores[c->store] : "unknown");
    gp_put_char(out, '}');
}

static void put_listener(struct gp_text *out, const struct config_listen *listen, const struct bound *b)
{
    gp_put_char(out, '{');
    put_pair(out, "kind", listen_kind_name(listen->kind));
    gp_put_char(out, ',');
    put_pair(out, "address", b->address);
    gp_put_char(out, '}');
}

static void put_state(struct gp_text *out, const struct supervisor *s)
{
    gp_put_char(out, '{');
    put_pair(out, "state", state_of(s));
    put_count(out, "pid", getpid());
    put_count(out, "generation", (int64_t)s->generation);
    gp_put_z(out, ",\"listeners\":[");
    for (size_t i = 0; i < s->config->listen_count; i++) {
        if (i) gp_put_char(out, ',');
        put_listener(out, &s->config->listen[i], &s->bound[i]);
    }
    gp_put_z(out, "],\"roles\":[");
    for (size_t i = 0; i < s->child_count; i++) {
        if (i) gp_put_char(out, ',');
        put_child(out, &s->children[i]);
    }
    gp_put_z(out, "]}\n");
}

/* Nobody can hold the supervisor up: what the socket's buffer does not take at once is not said. */
void control_answer(const struct supervisor *s)
{
    static char    room[STATUS_ROOM];
    struct gp_text document = GP_TEXT(room);
    int            who      = accept4(s->control, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (who < 0) return;
    put_state(&document, s);
    if (!document.cut) (void)send(who, document.ptr, document.len, MSG_NOSIGNAL);
    close(who);
}

/* ---- systemd ------------------------------------------------------------------------------------------------------------------ */
/* sd_notify(3): a datagram to the socket that the environment names; '@' stands for the NUL of an abstract one. */
void control_notify(const char *state)
{
    const char        *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to   = { .sun_family = AF_UNIX };
    if (!path || !gp_copy_z(gp_from(path), to.sun_path, sizeof to.sun_path)) return;
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (to.sun_path[0] == '@') to.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    if (sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&to, len) < 0)
        LOG(LOG_WARN, "config", LOG_Z("problem", "systemd could not be told"), LOG_Z("reason", strerror(errno)));
    close(fd);
}
