/* The supervisor with roles that only tell what happens to them: restart, new channels, reload, order of the end. Every role
 * appends lines "ROLE INDEX WHAT DETAIL" to DIR/events, with one write each. */
#include "check.h"

#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "app/supervisor.h"
#include "proc/wire.h"

enum {
    ROOM             = 64 * 1024,
    PATIENCE_MS      = 20000,
    LOOK_MS          = 20,
    SMTPDS           = 2,
    LOOKUPS          = 2,
    ALL              = SMTPDS + LOOKUPS + 3,
    PEERS_MOST       = 64,
    UID_BASE         = 61000,
    DESCRIPTORS_SEEN = 256,
    FEWEST           = 5, /* open in a role: the three usual ones, the supervisor's channel, the events */
};

static char          dir[64];
static gp_time       patience = PATIENCE_MS; /* of the supervisor with the start */
static struct config config;

static const char *in_dir(const char *name)
{
    static char path[2][128];
    static int  turn;
    turn = !turn;
    (void)snprintf(path[turn], sizeof path[turn], "%s/%s", dir, name);
    return path[turn];
}

/* ---- a role that tells ------------------------------------------------------------------------------------------------------- */
struct fake {
    const struct role_start *start;
    int                      events, peers[PEERS_MOST];
    size_t                   peer_count;
};

static void tell(const struct fake *f, const char *what, const char *detail, long number)
{
    char line[128];
    int len = snprintf(line, sizeof line, "%s %u %s %s %ld\n", role_name(f->start->role), f->start->index, what, detail,
                       number);
    if (write(f->events, line, (size_t)len) != len) _exit(9);
}

static void say(int fd, const struct msg *m)
{
    char   packed[1024];
    size_t len = msg_pack(m, packed, sizeof packed);
    if (wire_send(fd, (gp_str) { packed, len }, m->fds) != GP_OK) _exit(8);
}

static void meet(struct fake *f, struct msg *m)
{
    struct msg hello = MSG(READY);
    hello.ready.pid  = (uint64_t)f->start->role;
    tell(f, "peer", role_name((enum msg_role)m->peer.role), (long)m->peer.index);
    if (f->start->role == ROLE_SMTPD) say(m->fds[0], &hello);
    f->peers[f->peer_count++ % PEERS_MOST] = m->fds[0];
    m->fds[0]                              = -1;
}

static void obey(struct fake *f, struct msg *m)
{
    char octet;
    switch (m->type) {
    case MSG_PEER: meet(f, m); break;
    case MSG_KEYPAIR:
        tell(f, "keypair", read(m->fds[1], &octet, 1) == 1 ? "readable" : "unreadable", (long)m->keypair.generation);
        break;
    case MSG_UPSTREAM: tell(f, "upstream", "present", (long)m->upstream.present); break;
    case MSG_STOP:
        tell(f, "stop", "deadline", 0);
        if (access(in_dir("stubborn"), F_OK) != 0 || f->start->role != ROLE_SMTPD) _exit(0);
        break;
    default: break;
    }
}

static void hear_from(struct fake *f, int fd, bool supervisor)
{
    static char room[MSG_MOST];
    gp_str      packed;
    struct msg  m;
    int         fds[MSG_FDS_MOST];
    gp_status   status = wire_receive(fd, room, sizeof room, &packed, fds);
    if (status == GP_TEMPFAIL && supervisor) _exit(7);
    if (status != GP_OK || !msg_unpack(packed, &m)) return;
    memcpy(m.fds, fds, sizeof fds);
    if (supervisor)
        obey(f, &m);
    else
        tell(f, "hears", role_name((enum msg_role)m.ready.pid), 0);
    wire_close_fds(m.fds);
}

static long descriptors(void)
{
    long open_now = 0;
    for (int fd = 0; fd < DESCRIPTORS_SEEN; fd++) open_now += fcntl(fd, F_GETFD) >= 0;
    return open_now;
}

static int fake_main(const struct role_start *start)
{
    struct fake f     = { .start = start, .events = open(in_dir("events"), O_WRONLY | O_APPEND | O_CLOEXEC) };
    struct msg  ready = MSG(READY);
    char        octets[32];
    if (f.events < 0 || (start->role == ROLE_QUEUE && access(in_dir("broken"), F_OK) == 0)) return 3;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    tell(&f, "starts", "uid", (long)getuid());
    if (start->role == ROLE_LOOKUP && start->index == 1 && access(in_dir("sourceless"), F_OK) == 0) return 3;
    tell(&f, "listens", "sockets", (long)start->listener_count);
    tell(&f, "inherits", "surplus", descriptors() - (long)(FEWEST + start->listener_count + (start->secret >= 0)));
    if (start->role == ROLE_LOOKUP)
        tell(&f, "secret", start->secret < 0 ? "none" : "octets",
             start->secret < 0 ? 0 : read(start->secret, octets, sizeof octets));
    if ((start->role != ROLE_SMTPD || start->index != 1 || access(in_dir("waiting"), F_OK) != 0) &&
        (start->role != ROLE_LOOKUP || access(in_dir("silent"), F_OK) != 0))
        say(start->supervisor, &ready);
    for (;;) {
        struct pollfd p[1 + PEERS_MOST] = {
            {.fd = start->supervisor, .events = POLLIN}
        };
        for (size_t i = 0; i < PEERS_MOST; i++)
            p[1 + i] = (struct pollfd) { .fd = i < f.peer_count ? f.peers[i] : -1, .events = POLLIN };
        if (poll(p, GP_COUNT(p), -1) < 0) continue;
        if (p[0].revents) hear_from(&f, start->supervisor, true);
        for (size_t i = 0; i < PEERS_MOST; i++) {
            if (p[1 + i].revents & POLLIN) hear_from(&f, f.peers[i], false);
            if (p[1 + i].revents & POLLHUP) f.peers[i] = -1;
        }
    }
}

/* clang-format off */
static const struct role_row fakes[] = {
    { ROLE_VAULT, fake_main, "run/empty", false, false, false },
    { ROLE_QUEUE, fake_main, "queue",     false, true,  false },
    { ROLE_RELAY, fake_main, "run/empty", false, false, false },
    { ROLE_SMTPD, fake_main, "run/empty", false, false, true  },
    { ROLE_LOOKUP, fake_main, "run/empty", false, false, true },
};
/* clang-format on */

/* ---- around it ---------------------------------------------------------------------------------------------------------------- */
static void write_file(const char *name, const char *text, mode_t mode)
{
    int fd = open(in_dir(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && fchmod(fd, mode) == 0);
    close(fd);
}

static void set_up(void)
{
    (void)snprintf(dir, sizeof dir, "/tmp/gp-supervisor-XXXXXX");
    CHECK(mkdtemp(dir) && chmod(dir, 0755) == 0);
    CHECK(mkdir(in_dir("tls"), 0755) == 0 && mkdir(in_dir("queue"), 0700) == 0 &&
          mkdir(in_dir("queue/bodies"), 0700) == 0);
    write_file("tls/cert.pem", "certificate", 0600);
    write_file("tls/key.pem", "key", 0600);
    write_file("queue/bodies/one", "body", 0600);
    write_file("secret", "hunter2", 0600); /* only root reads it, and only one source gets it */
    write_file("events", "", 0666);
    config = (struct config) {
        .smtpds = SMTPDS, .listen_count = 1, .stop_timeout = 1, .uid_base = UID_BASE, .log_level = LOG_INFO
    };
    config.listen[0]    = (struct config_listen) { LISTEN_SUBMISSION, "127.0.0.1:0" };
    config.lookup_count = LOOKUPS;
    (void)snprintf(config.lookups[1].password_file, sizeof config.lookups[1].password_file, "secret");
    (void)snprintf(config.dir, sizeof config.dir, "%s", dir);
    (void)snprintf(config.hostname, sizeof config.hostname, "mail.test");
}

static void tear_down(void)
{
    static const char *const made[] = { "tls/cert.pem", "tls/key.pem", "tls",     "queue/bodies/one",
                                        "queue/bodies", "queue",       "events",  "log",
                                        "broken",       "stubborn",    "waiting", "run/lock",
                                        "run/empty",    "run",         "secret",  "sourceless",
                                        "silent" };
    for (size_t i = 0; i < GP_COUNT(made); i++) (void)remove(in_dir(made[i]));
    CHECK(rmdir(dir) == 0);
}

static pid_t start(void)
{
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        if (!freopen(in_dir("log"), "a", stderr)) _exit(5);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(supervisor_run(&config, fakes, GP_COUNT(fakes), patience));
    }
    return pid;
}

static int end_of(pid_t pid)
{
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void rest(void)
{
    const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };
    (void)nanosleep(&pause, NULL);
}

static json_t *state_now(void)
{
    static char        text[ROOM];
    struct sockaddr_un at  = { .sun_family = AF_UNIX };
    size_t             len = 0;
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s", in_dir("run/control.sock"));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) == 0)
        for (ssize_t got; (got = read(fd, text + len, sizeof text - len)) > 0;) len += (size_t)got;
    close(fd);
    return len ? json_loadb(text, len, 0, NULL) : NULL;
}

static long long number_of(const json_t *role, const char *key)
{
    return json_integer_value(json_object_get(role, key));
}

static json_t *role_at(const json_t *state, size_t i)
{
    return json_array_get(json_object_get(state, "roles"), i);
}

/* Waits until all serve and role `i` (in the order of the table) was restarted so often. */
static json_t *serving(size_t i, long long restarts)
{
    for (int waited = 0; waited < PATIENCE_MS; waited += LOOK_MS, rest()) {
        json_t     *state = state_now();
        const char *word  = json_string_value(json_object_get(state, "state"));
        if (word && strcmp(word, "serving") == 0 && number_of(role_at(state, i), "restarts") == restarts) return state;
        json_decref(state);
    }
    fail_msg("it never served");
    return NULL;
}

static const char *events(void)
{
    static char text[ROOM];
    int         fd  = open(in_dir("events"), O_RDONLY | O_CLOEXEC);
    ssize_t     len = read(fd, text, sizeof text - 1);
    close(fd);
    CHECK(len >= 0);
    text[len] = '\0';
    return text;
}

static int times(const char *line)
{
    int count = 0;
    for (const char *at = events(); (at = strstr(at, line)); at++) count++;
    return count;
}

static void wait_for(const char *line, int count)
{
    for (int waited = 0; times(line) < count; waited += LOOK_MS, rest())
        if (waited > PATIENCE_MS) fail_msg("\"%s\" %d times, wanted %d, in\n%s", line, times(line), count, events());
}

static void stop(pid_t pid)
{
    CHECK(kill(pid, SIGTERM) == 0);
    CHECK(end_of(pid) == 0);
}

/* ---- tests ----------------------------------------------------------------------------------------------------------------------- */
TEST(all_roles_start_and_meet_their_peers)
{
    set_up();
    pid_t   pid  = start();
    json_t *seen = serving(0, 0);
    CHECK(json_array_size(json_object_get(seen, "roles")) == ALL);
    const char *address =
        json_string_value(json_object_get(json_array_get(json_object_get(seen, "listeners"), 0), "address"));
    CHECK(strncmp(address, "127.0.0.1:", 10) == 0 && strcmp(address, "127.0.0.1:0") != 0);
    wait_for("vault 0 hears smtpd", SMTPDS);
    wait_for("queue 0 hears smtpd", SMTPDS);
    wait_for("queue 0 peer relay 0", 1);
    wait_for("relay 0 peer queue 0", 1);
    wait_for("relay 0 peer vault 0", 1);
    wait_for("queue 0 peer vault 0", 1);
    wait_for("vault 0 peer relay 0", 1);
    wait_for("vault 0 keypair readable 1", 1);
    wait_for("vault 0 upstream present 0", 1);
    CHECK(times("smtpd 1 listens sockets 1") == 1 && times("vault 0 listens sockets 0") == 1);
    wait_for("vault 0 peer lookup 1", 1);
    wait_for("lookup 1 peer vault 0", 1);
    wait_for("lookup 0 secret none 0", 1);
    wait_for("lookup 1 secret octets 7", 1);
    CHECK(times("inherits surplus 0\n") == ALL);
    CHECK(times(" peer ") == 2 * (2 * SMTPDS + 3 + LOOKUPS)); /* nobody else met */
    json_decref(seen);
    stop(pid);
    tear_down();
}

TEST(as_root_every_role_is_a_user_of_its_own)
{
    if (geteuid() != 0) skip();
    set_up();
    pid_t pid = start();
    json_decref(serving(0, 0));
    for (int role = ROLE_SMTPD; role <= ROLE_LOOKUP; role++) {
        char line[64];
        (void)snprintf(line, sizeof line, "%s 0 starts uid %d\n", role_name((enum msg_role)role), UID_BASE + role);
        wait_for(line, 1);
    }
    struct stat is;
    CHECK(stat(in_dir("queue/bodies/one"), &is) == 0 && is.st_uid == UID_BASE + ROLE_QUEUE);
    CHECK(stat(in_dir("tls/key.pem"), &is) == 0 && is.st_uid == 0);
    stop(pid);
    tear_down();
}

TEST(who_is_killed_is_restarted_and_joined_anew)
{
    set_up();
    pid_t   pid  = start();
    json_t *seen = serving(0, 0);
    wait_for("vault 0 hears smtpd", SMTPDS);
    long long old = number_of(role_at(seen, 0), "pid");
    json_decref(seen);
    CHECK(kill((pid_t)old, SIGKILL) == 0);
    seen = serving(0, 1);
    CHECK(number_of(role_at(seen, 0), "pid") != old && number_of(role_at(seen, 1), "restarts") == 0);
    json_decref(seen);
    wait_for("vault 0 hears smtpd", 2 * SMTPDS); /* over channels that both ends got anew */
    wait_for("relay 0 peer vault 0", 2);
    wait_for("vault 0 keypair readable 1", 2);
    CHECK(times("smtpd 1 peer queue 0") == 1);
    stop(pid);
    tear_down();
}

TEST(a_signal_or_a_changed_file_sends_the_certificates_anew)
{
    set_up();
    pid_t pid = start();
    json_decref(serving(0, 0));
    CHECK(kill(pid, SIGHUP) == 0);
    wait_for("vault 0 keypair readable 2", 1);
    write_file("tls/cert.pem", "another certificate", 0600);
    wait_for("vault 0 keypair readable 3", 1);
    CHECK(remove(in_dir("tls/key.pem")) == 0); /* gone: vault keeps what it has */
    CHECK(kill(pid, SIGHUP) == 0);
    json_t *seen = serving(0, 0);
    CHECK(number_of(seen, "generation") == 3);
    json_decref(seen);
    stop(pid);
    tear_down();
}

TEST(what_was_read_at_a_signal_is_not_read_once_more)
{
    enum { PAST_A_LOOK_MS = 2500 };
    set_up();
    pid_t pid = start();
    json_decref(serving(0, 0));
    write_file("tls/cert.pem", "another certificate", 0600);
    CHECK(kill(pid, SIGHUP) == 0);
    wait_for("vault 0 keypair readable 2", 1);
    for (int waited = 0; waited < PAST_A_LOOK_MS; waited += LOOK_MS, rest())
        CHECK(times("vault 0 keypair readable 3") == 0);
    stop(pid);
    tear_down();
}

TEST(the_end_goes_from_the_door_to_the_vault)
{
    set_up();
    pid_t pid = start();
    json_decref(serving(0, 0));
    stop(pid);
    const char *all   = events();
    const char *smtpd = strstr(all, "smtpd 1 stop"), *relay = strstr(all, "relay 0 stop"),
               *queue = strstr(all, "queue 0 stop"), *vault = strstr(all, "vault 0 stop"),
               *lookup = strstr(all, "lookup 1 stop");
    CHECK(smtpd && relay && queue && vault && lookup && smtpd < relay && relay < queue && queue < vault &&
          vault < lookup);
    CHECK(access(in_dir("run/control.sock"), F_OK) != 0);
    tear_down();
}

TEST(who_does_not_end_is_killed)
{
    set_up();
    write_file("stubborn", "", 0644);
    pid_t pid = start();
    json_decref(serving(0, 0));
    stop(pid);
    CHECK(times("smtpd 0 stop") == 1 && times("vault 0 stop") == 1);
    tear_down();
}

TEST(one_directory_has_one_supervisor)
{
    set_up();
    pid_t pid = start();
    json_decref(serving(0, 0));
    CHECK(end_of(start()) == 1);
    json_decref(serving(0, 0)); /* and the first one is as it was */
    stop(pid);
    tear_down();
}

TEST(what_cannot_start_is_given_up_with_status_1)
{
    set_up();
    CHECK(remove(in_dir("tls/cert.pem")) == 0);
    CHECK(end_of(start()) == 1);
    write_file("tls/cert.pem", "certificate", 0600);
    write_file("broken", "", 0644);
    CHECK(end_of(start()) == 1);
    CHECK(times("queue 0 starts") == 0 && times("vault 0 stop") == 1);
    tear_down();
}

static void wait_for_state(const char *wanted)
{
    for (int waited = 0; waited < PATIENCE_MS; waited += LOOK_MS, rest()) {
        json_t     *state = state_now();
        const char *word  = json_string_value(json_object_get(state, "state"));
        bool        is    = word && strcmp(word, wanted) == 0;
        json_decref(state);
        if (is) return;
    }
    fail_msg("it is never %s", wanted);
}

TEST(a_source_that_never_comes_up_is_tried_for_ever_while_the_others_serve)
{
    enum { AS_OFTEN_AS_OTHERS = 5 }; /* quick deaths, after which they are given up */
    set_up();
    write_file("sourceless", "", 0644);
    pid_t pid = start();
    wait_for_state("degraded"); /* serving, without it */
    CHECK(times("lookup 1 starts") < AS_OFTEN_AS_OTHERS);
    wait_for("lookup 1 starts", AS_OFTEN_AS_OTHERS);
    wait_for_state("degraded");
    CHECK(remove(in_dir("sourceless")) == 0);
    wait_for("lookup 1 peer vault 0", 1);
    wait_for_state("serving");
    stop(pid);
    CHECK(times("vault 0 starts") == 1 && times("lookup 0 starts") == 1);
    tear_down();
}

TEST(a_source_that_is_never_ready_is_gone_on_without)
{
    enum { SHORT_MS = 300 };
    set_up();
    write_file("silent", "", 0644);
    patience  = SHORT_MS;
    pid_t pid = start();
    wait_for_state("degraded");
    stop(pid);
    patience = PATIENCE_MS;
    tear_down();
}

TEST(what_is_never_ready_is_given_up_with_status_1)
{
    enum { SHORT_MS = 300 };
    set_up();
    write_file("waiting", "", 0644);
    patience = SHORT_MS;
    CHECK(end_of(start()) == 1);
    patience = PATIENCE_MS;
    CHECK(times("smtpd 1 starts") == 1 && times("vault 0 stop") == 1);
    char        log[ROOM] = "";
    int         fd        = open(in_dir("log"), O_RDONLY | O_CLOEXEC);
    const char *who       = read(fd, log, sizeof log - 1) > 0 ? strstr(log, "is not ready in time") : NULL;
    close(fd);
    CHECK(who && !strstr(who + 1, "is not ready in time")); /* one, and which one */
    CHECK(strstr(log, "process=smtpd index=1"));
    tear_down();
}
