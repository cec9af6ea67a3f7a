/* A child walks into a role's sandbox and tries what it must not be able to do. */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc/proc.h"
#include "proc/sandbox.h"

enum {
    CAME_THROUGH,
    WAS_REFUSED,
    NO_SANDBOX,
    DIED
}; /* how an attempt ended; DIED: killed, or the violation's exit status */

static int attempt(enum msg_role role, bool files, bool (*works)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stderr) || !sandbox_enter(role, files)) _exit(NO_SANDBOX);
        _exit(works() ? CAME_THROUGH : WAS_REFUSED);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) == SANDBOX_VIOLATION) return DIED;
    return WEXITSTATUS(status);
}

static bool stops(enum msg_role role, bool files, bool (*works)(void))
{
    int end = attempt(role, files, works);
    return end == WAS_REFUSED || end == DIED;
}

static bool opens_a_file(void)
{
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0;
}

static bool makes_a_file(void)
{
    return open("sandbox.tmp", O_CREAT | O_RDWR | O_CLOEXEC, 0600) >= 0;
}

static bool makes_a_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static bool executes(void)
{
    char *const none[] = { NULL };
    return execve("/bin/true", none, none) == 0; /* if it worked, the exit status is the same */
}

static bool forks(void)
{
    pid_t pid = fork();
    if (pid == 0) _exit(0);
    return pid > 0;
}

static bool traces(void)
{
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

static bool maps_code(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

static void *nothing(void *x)
{
    return x;
}

static bool starts_a_thread(void)
{
    pthread_t t;
    return pthread_create(&t, NULL, nothing, NULL) == 0 && pthread_join(t, NULL) == 0;
}

static bool has_no_dumps_and_no_new_privileges(void)
{
    struct rlimit core;
    return prctl(PR_GET_DUMPABLE) == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 &&
           getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0;
}

static int channel[2]; /* to another role */

/* What smtpd does all day. */
static bool runs_a_loop(void)
{
    struct loop *l = loop_open();
    if (!l || !loop_later(l, (void (*)(void *))loop_stop, l)) return false;
    loop_run(l);
    char       *memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct stat is;
    LOG(LOG_INFO, "sandbox", LOG_Z("still", "logs"));
    return memory != MAP_FAILED && fstat(STDERR_FILENO, &is) == 0 && wall_now() > 0 &&
           send(channel[0], "x", 1, MSG_NOSIGNAL) == 1 && fcntl(channel[1], F_SETFL, O_NONBLOCK) == 0;
}

/* A listening socket, such as smtpd has, and where it could be turned to. */
static int                listening;
static struct sockaddr_in target = { .sin_family = AF_INET };

static void listen_somewhere(void)
{
    socklen_t          len = sizeof target;
    struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int                far = socket(AF_INET, SOCK_STREAM, 0);
    listening              = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(far >= 0 && bind(far, (struct sockaddr *)&any, sizeof any) == 0 && listen(far, 1) == 0);
    CHECK(getsockname(far, (struct sockaddr *)&target, &len) == 0);
    CHECK(listening >= 0 && bind(listening, (struct sockaddr *)&any, sizeof any) == 0 && listen(listening, 1) == 0);
}

static bool sends_to_connect(void)
{
    (void)shutdown(listening, SHUT_RDWR);
    return sendto(listening, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, (struct sockaddr *)&target, sizeof target) == 1;
}

static bool sends_a_message_to_connect(void)
{
    struct iovec  octet = { (char[]) { "x" }, 1 };
    struct msghdr m     = { .msg_name = &target, .msg_namelen = sizeof target, .msg_iov = &octet, .msg_iovlen = 1 };
    (void)shutdown(listening, SHUT_RDWR);
    return sendmsg(listening, &m, MSG_FASTOPEN | MSG_NOSIGNAL) == 1;
}

static bool signals_another(void)
{
    return syscall(SYS_tgkill, getppid(), getppid(), 0) == 0;
}

static bool has_another_signalled(void)
{
    return fcntl(listening, F_SETOWN, getppid()) == 0;
}

static bool signals_itself(void)
{
    return signal(SIGUSR1, SIG_IGN) != SIG_ERR && raise(SIGUSR1) == 0;
}

static bool test_filters(void)
{
    if (!sandbox_calls_built_in()) print_message("(a sanitised build has no filter of system calls)\n");
    return sandbox_calls_built_in();
}

TEST(smtpd_can_do_its_work)
{
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, channel) == 0);
    CHECK(attempt(ROLE_SMTPD, false, runs_a_loop) == CAME_THROUGH);
    CHECK(attempt(ROLE_SMTPD, false, signals_itself) == CAME_THROUGH);
}

TEST(smtpd_can_do_nothing_else)
{
    if (!test_filters()) return;
    CHECK(attempt(ROLE_SMTPD, false, opens_a_file) == WAS_REFUSED); /* libraries try; it must not end the role */
    CHECK(attempt(ROLE_SMTPD, false, makes_a_socket) == WAS_REFUSED);
    CHECK(attempt(ROLE_SMTPD, false, maps_code) == WAS_REFUSED);
    CHECK(attempt(ROLE_SMTPD, false, executes) == DIED);
    CHECK(attempt(ROLE_SMTPD, false, forks) == DIED);
    CHECK(attempt(ROLE_SMTPD, false, traces) == DIED);
    CHECK(stops(ROLE_SMTPD, false, starts_a_thread));
    listen_somewhere();
    CHECK(attempt(ROLE_SMTPD, false, sends_to_connect) == DIED);
    CHECK(attempt(ROLE_SMTPD, false, sends_a_message_to_connect) == DIED);
    CHECK(attempt(ROLE_SMTPD, false, signals_another) == DIED);
    CHECK(attempt(ROLE_SMTPD, false, has_another_signalled) == DIED);
}

TEST(the_others_can_neither_execute_nor_fork)
{
    if (!test_filters()) return;
    for (enum msg_role role = ROLE_VAULT; role <= ROLE_RELAY; role++) {
        CHECK(attempt(role, true, executes) == DIED);
        CHECK(stops(role, true, forks) && stops(role, true, traces));
        CHECK(attempt(role, true, starts_a_thread) == CAME_THROUGH);
        CHECK(attempt(role, true, runs_a_loop) == CAME_THROUGH);
    }
    CHECK(stops(ROLE_VAULT, true, makes_a_socket) && stops(ROLE_QUEUE, true, makes_a_socket));
    CHECK(attempt(ROLE_RELAY, true, makes_a_socket) == CAME_THROUGH);
}

TEST(vault_and_queue_keep_to_their_own_directory)
{
    char home[] = "/tmp/gp-sandbox-XXXXXX";
    CHECK(mkdtemp(home) && chdir(home) == 0);
    CHECK(attempt(ROLE_VAULT, true, makes_a_file) == CAME_THROUGH);
    CHECK(attempt(ROLE_QUEUE, true, makes_a_file) == CAME_THROUGH);
    bool has_landlock = attempt(ROLE_QUEUE, true, opens_a_file) == WAS_REFUSED;
    if (has_landlock) {
        CHECK(stops(ROLE_VAULT, true, opens_a_file) && stops(ROLE_RELAY, true, opens_a_file));
        CHECK(stops(ROLE_SMTPD, false, opens_a_file) && stops(ROLE_RELAY, true, makes_a_file));
    } else {
        print_message("(this kernel has no Landlock)\n");
    }
    CHECK(unlink("sandbox.tmp") == 0 && chdir("/") == 0 && rmdir(home) == 0);
}

/* ---- lookup, as its source needs it ---- */
static int attempt_lookup(const struct sandbox_needs *needs, bool (*works)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stderr) || !sandbox_enter_lookup(needs)) _exit(NO_SANDBOX);
        _exit(works() ? CAME_THROUGH : WAS_REFUSED);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) == SANDBOX_VIOLATION) return DIED;
    return WEXITSTATUS(status);
}

static bool reads_the_trust_store(void)
{
    return open("/etc/ssl", O_RDONLY | O_DIRECTORY | O_CLOEXEC) >= 0;
}

static bool starts_a_program(void)
{
    int   status;
    pid_t pid = fork();
    if (pid == 0) {
        char *const none[] = { NULL };
        (void)execve("/bin/true", none, none);
        _exit(1);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(a_source_gets_what_its_type_needs_and_no_more)
{
    const struct sandbox_needs file = { .reads = { "/etc/ssl" } }, socket_only = { .sockets = true },
                               network = { .network = true }, programs = { .programs = true };
    const struct sandbox_needs *const all[] = { &file, &socket_only, &network, &programs };
    for (size_t i = 0; i < GP_COUNT(all); i++) {
        CHECK(attempt_lookup(all[i], has_no_dumps_and_no_new_privileges) == CAME_THROUGH);
        CHECK(attempt_lookup(all[i], starts_a_thread) == CAME_THROUGH &&
              attempt_lookup(all[i], runs_a_loop) == CAME_THROUGH);
        CHECK(attempt_lookup(all[i], makes_a_file) == WAS_REFUSED);
    }
    CHECK(attempt_lookup(&file, reads_the_trust_store) == CAME_THROUGH &&
          attempt_lookup(&file, opens_a_file) == WAS_REFUSED);
    CHECK(attempt_lookup(&socket_only, reads_the_trust_store) == WAS_REFUSED);
    CHECK(attempt_lookup(&network, reads_the_trust_store) == CAME_THROUGH &&
          attempt_lookup(&network, opens_a_file) == WAS_REFUSED);
    CHECK(attempt_lookup(&network, makes_a_socket) == CAME_THROUGH &&
          attempt_lookup(&socket_only, makes_a_socket) == CAME_THROUGH);
    CHECK(attempt_lookup(&programs, opens_a_file) == CAME_THROUGH &&
          attempt_lookup(&programs, starts_a_program) == CAME_THROUGH);
    if (!test_filters()) return;
    CHECK(attempt_lookup(&file, makes_a_socket) == WAS_REFUSED);
    CHECK(attempt_lookup(&file, executes) == DIED && attempt_lookup(&network, executes) == DIED &&
          attempt_lookup(&network, forks) != CAME_THROUGH);
    CHECK(attempt_lookup(&programs, traces) == DIED);
}

TEST(every_role_loses_dumps_and_new_privileges)
{
    for (enum msg_role role = ROLE_VAULT; role <= ROLE_RELAY; role++)
        CHECK(attempt(role, true, has_no_dumps_and_no_new_privileges) == CAME_THROUGH);
}
