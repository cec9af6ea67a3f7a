/* seccomp: smtpd, which reads what strangers send, may make only the calls on a list; the other roles all but those on a list. */
#include "proc/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ops/log.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITISED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITISED 1
#endif
#endif
#ifndef SANITISED
#define SANITISED 0
#endif

#define CALL(name) SCMP_SYS(name)

/* clang-format off */
static const int smtpd_may[] = {
    /* the loop and its sockets; sockets come by accept and from other roles, none is made here */
    CALL(epoll_wait), CALL(epoll_pwait), CALL(epoll_pwait2), CALL(epoll_ctl), CALL(epoll_create1), CALL(eventfd2), CALL(pipe2),
    CALL(poll), CALL(ppoll), CALL(accept), CALL(accept4), CALL(listen), CALL(shutdown), CALL(close), CALL(close_range),
    CALL(read), CALL(readv), CALL(write), CALL(writev), CALL(recvfrom), CALL(recvmsg),
    CALL(setsockopt), CALL(getsockopt), CALL(getsockname), CALL(getpeername), CALL(dup), CALL(fstat),
    /* the draft of a large message: a descriptor from queue */
    CALL(lseek), CALL(pwrite64), CALL(pwritev), CALL(pread64), CALL(ftruncate), CALL(fallocate), CALL(fsync), CALL(fdatasync),
    /* memory, time, random, signals */
    CALL(munmap), CALL(mremap), CALL(madvise), CALL(brk), CALL(futex), CALL(getrandom), CALL(clock_gettime), CALL(clock_getres),
    CALL(clock_nanosleep), CALL(nanosleep), CALL(gettimeofday), CALL(time), CALL(rt_sigaction), CALL(rt_sigprocmask),
    CALL(rt_sigreturn), CALL(sigaltstack), CALL(restart_syscall), CALL(timerfd_create), CALL(timerfd_settime),
    /* who am I, how many processors; the end */
    CALL(getpid), CALL(gettid), CALL(getppid), CALL(getuid), CALL(geteuid), CALL(getgid), CALL(getegid), CALL(uname),
    CALL(sysinfo), CALL(sched_getaffinity), CALL(sched_yield), CALL(getcpu), CALL(getrusage), CALL(exit), CALL(exit_group),
};

/* What libraries try and can live without gets an error: OpenSSL looks for its configuration, glibc for locales. */
static const int smtpd_is_refused[] = {
    CALL(open), CALL(openat), CALL(openat2), CALL(creat), CALL(stat), CALL(lstat), CALL(statx), CALL(access),
    CALL(faccessat), CALL(faccessat2), CALL(readlink), CALL(readlinkat), CALL(getcwd), CALL(socket), CALL(socketpair), CALL(connect),
    CALL(bind), CALL(prctl), CALL(prlimit64),
};

static const int nobody_may[] = {
    CALL(ptrace), CALL(process_vm_readv), CALL(process_vm_writev), CALL(kcmp),
    CALL(pidfd_getfd), CALL(mount), CALL(umount2), CALL(move_mount), CALL(open_tree), CALL(fsopen), CALL(pivot_root), CALL(chroot), CALL(setns),
    CALL(unshare), CALL(bpf), CALL(perf_event_open), CALL(userfaultfd), CALL(io_uring_setup), CALL(keyctl), CALL(add_key),
    CALL(request_key), CALL(init_module), CALL(finit_module), CALL(delete_module), CALL(kexec_load), CALL(kexec_file_load),
    CALL(reboot), CALL(swapon), CALL(swapoff), CALL(acct), CALL(quotactl), CALL(settimeofday), CALL(clock_settime), CALL(adjtimex),
    CALL(personality), CALL(open_by_handle_at), CALL(mknod), CALL(mknodat), CALL(syslog), CALL(sethostname),
};

/* Nor these, but for a lookup that starts programs: they get no privileges from it. */
static const int starts_programs[] = {
    CALL(execve), CALL(execveat), CALL(fork), CALL(vfork), CALL(setuid), CALL(setgid), CALL(setreuid), CALL(setregid),
    CALL(setresuid), CALL(setresgid), CALL(setgroups), CALL(capset),
};

/* On top of nobody_may; the answer is an error. A filter cannot see the arguments of clone3: without it glibc uses clone. */
static const struct refusal { enum msg_role role; int call; int error; } refusals[] = {
    { ROLE_VAULT, CALL(clone3),  ENOSYS }, { ROLE_QUEUE, CALL(clone3),  ENOSYS }, { ROLE_RELAY, CALL(clone3), ENOSYS },
    { ROLE_VAULT, CALL(socket),  EACCES }, { ROLE_QUEUE, CALL(socket),  EACCES },
    { ROLE_VAULT, CALL(connect), EACCES }, { ROLE_QUEUE, CALL(connect), EACCES },
    { ROLE_VAULT, CALL(bind),    EACCES }, { ROLE_QUEUE, CALL(bind),    EACCES },
    { ROLE_VAULT, CALL(listen),  EACCES }, { ROLE_QUEUE, CALL(listen),  EACCES }, { ROLE_RELAY, CALL(listen), EACCES },
    { ROLE_LOOKUP, CALL(listen), EACCES },
};

/* Of a lookup that needs no socket, and of one that starts no program. */
static const int lookup_sockets[] = { CALL(socket), CALL(connect), CALL(bind) };

/* Calls whose arguments tell good from bad. */
static const struct argument { enum msg_role role; int call; unsigned at; uint32_t action; uint64_t mask, value; } arguments[] = {
    { ROLE_SMTPD, CALL(sendto),     3, SCMP_ACT_ALLOW,         MSG_FASTOPEN,  0             },  /* it connects, behind the back of */
    { ROLE_SMTPD, CALL(sendmsg),    2, SCMP_ACT_ALLOW,         MSG_FASTOPEN,  0             },  /* connect and of Landlock         */
    { ROLE_SMTPD, CALL(fcntl),      1, SCMP_ACT_ALLOW,         UINT32_MAX,    F_GETFD       },  /* not F_SETOWN: signals to others */
    { ROLE_SMTPD, CALL(fcntl),      1, SCMP_ACT_ALLOW,         UINT32_MAX,    F_SETFD       },
    { ROLE_SMTPD, CALL(fcntl),      1, SCMP_ACT_ALLOW,         UINT32_MAX,    F_GETFL       },
    { ROLE_SMTPD, CALL(fcntl),      1, SCMP_ACT_ALLOW,         UINT32_MAX,    F_SETFL       },
    { ROLE_SMTPD, CALL(fcntl),      1, SCMP_ACT_ALLOW,         UINT32_MAX,    F_DUPFD       },
    { ROLE_SMTPD, CALL(fcntl),      1, SCMP_ACT_ALLOW,         UINT32_MAX,    F_DUPFD_CLOEXEC},
    { ROLE_SMTPD, CALL(mmap),       2, SCMP_ACT_ALLOW,         PROT_EXEC,     0             },  /* memory is never made executable */
    { ROLE_SMTPD, CALL(mmap),       2, SCMP_ACT_ERRNO(EACCES), PROT_EXEC,     PROT_EXEC     },
    { ROLE_SMTPD, CALL(mprotect),   2, SCMP_ACT_ALLOW,         PROT_EXEC,     0             },
    { ROLE_SMTPD, CALL(mprotect),   2, SCMP_ACT_ERRNO(EACCES), PROT_EXEC,     PROT_EXEC     },
    { ROLE_SMTPD, CALL(newfstatat), 3, SCMP_ACT_ALLOW,         AT_EMPTY_PATH, AT_EMPTY_PATH },  /* fstat, as glibc makes it        */
    { ROLE_SMTPD, CALL(newfstatat), 3, SCMP_ACT_ERRNO(EACCES), AT_EMPTY_PATH, 0             },
    { ROLE_SMTPD, CALL(ioctl),      1, SCMP_ACT_ALLOW,         UINT32_MAX,    FIONBIO       },
    { ROLE_SMTPD, CALL(ioctl),      1, SCMP_ACT_ALLOW,         UINT32_MAX,    FIONREAD      },
    { ROLE_SMTPD, CALL(ioctl),      1, SCMP_ACT_ALLOW,         UINT32_MAX,    FIOCLEX       },
    { ROLE_SMTPD, CALL(ioctl),      1, SCMP_ACT_ALLOW,         UINT32_MAX,    TCGETS        },  /* isatty, as stdio asks           */
    { ROLE_VAULT, CALL(mprotect),   2, SCMP_ACT_ERRNO(EACCES), PROT_EXEC,     PROT_EXEC     },
    { ROLE_QUEUE, CALL(mprotect),   2, SCMP_ACT_ERRNO(EACCES), PROT_EXEC,     PROT_EXEC     },
    { ROLE_VAULT, CALL(clone),      0, SCMP_ACT_ERRNO(EPERM),  CLONE_THREAD,  0             },  /* threads, but no processes       */
    { ROLE_QUEUE, CALL(clone),      0, SCMP_ACT_ERRNO(EPERM),  CLONE_THREAD,  0             },
    { ROLE_RELAY, CALL(clone),      0, SCMP_ACT_ERRNO(EPERM),  CLONE_THREAD,  0             },
};
static const struct argument lookup_threads = { ROLE_LOOKUP, CALL(clone), 0, SCMP_ACT_ERRNO(EPERM), CLONE_THREAD, 0 };
/* clang-format on */

/* A call that this processor does not have cannot be made either. */
static bool rules(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int error = seccomp_rule_add(filter, action, calls[i], 0);
        if (error != 0 && error != -EDOM && error != -EINVAL) return false;
    }
    return true;
}

static bool argument_rule(scmp_filter_ctx filter, const struct argument *a)
{
    const struct scmp_arg_cmp when = { a->at, SCMP_CMP_MASKED_EQ, a->mask, a->value };
    return seccomp_rule_add_array(filter, a->action, a->call, 1, &when) == 0;
}

static bool argument_rules(scmp_filter_ctx filter, enum msg_role role)
{
    for (size_t i = 0; i < GP_COUNT(arguments); i++)
        if (arguments[i].role == role && !argument_rule(filter, &arguments[i])) return false;
    return true;
}

/* Its own threads: abort(). Other processes of its user are other smtpds. */
static bool may_signal_itself(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp itself = { 0, SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0 };
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, CALL(tgkill), 1, &itself) == 0;
}

static bool lookup_rules(scmp_filter_ctx filter, const struct sandbox_needs *needs)
{
    static const int no_clone3[] = { CALL(clone3) };
    if (!needs->network && !needs->sockets && !needs->programs &&
        !rules(filter, SCMP_ACT_ERRNO(EACCES), lookup_sockets, GP_COUNT(lookup_sockets)))
        return false;
    return needs->programs || (argument_rule(filter, &lookup_threads) &&
                               rules(filter, SCMP_ACT_ERRNO(ENOSYS), no_clone3, GP_COUNT(no_clone3)));
}

static bool smtpd_rules(scmp_filter_ctx filter)
{
    return rules(filter, SCMP_ACT_ALLOW, smtpd_may, GP_COUNT(smtpd_may)) && may_signal_itself(filter) &&
           rules(filter, SCMP_ACT_ERRNO(EACCES), smtpd_is_refused, GP_COUNT(smtpd_is_refused));
}

static bool refusal_rules(scmp_filter_ctx filter, enum msg_role role, const struct sandbox_needs *needs)
{
    for (size_t i = 0; i < GP_COUNT(refusals); i++)
        if (refusals[i].role == role &&
            !rules(filter, SCMP_ACT_ERRNO((uint32_t)refusals[i].error), &refusals[i].call, 1))
            return false;
    if (needs && !lookup_rules(filter, needs)) return false;
    return rules(filter, SCMP_ACT_TRAP, nobody_may, GP_COUNT(nobody_may)) &&
           ((needs && needs->programs) || rules(filter, SCMP_ACT_TRAP, starts_programs, GP_COUNT(starts_programs)));
}

/* The call was not made. Who tried is either attacked or missing a line above; both should be loud. */
static void violated(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)context;
    LOG(LOG_ERROR, "sandbox", LOG_Z("problem", "a system call that this role may not make; the role ends"),
        LOG_N("syscall", info->si_syscall), LOG_Z("hint", "`scmp_sys_resolver NUMBER` names it"));
    _exit(SANDBOX_VIOLATION);
}

static bool load(enum msg_role role, const struct sandbox_needs *needs)
{
    const struct sigaction on_violation = { .sa_sigaction = violated, .sa_flags = SA_SIGINFO };
    scmp_filter_ctx        filter       = seccomp_init(role == ROLE_SMTPD ? SCMP_ACT_TRAP : SCMP_ACT_ALLOW);
    if (!filter) return false;
    bool loaded = sigaction(SIGSYS, &on_violation, NULL) == 0 && argument_rules(filter, role) &&
                  (role == ROLE_SMTPD ? smtpd_rules(filter) : refusal_rules(filter, role, needs)) &&
                  seccomp_load(filter) == 0;
    seccomp_release(filter);
    return loaded;
}

bool sandbox_calls_built_in(void)
{
    return !SANITISED;
}

bool sandbox_calls(enum msg_role role, const struct sandbox_needs *needs)
{
    if (!sandbox_calls_built_in()) {
        LOG(LOG_WARN, "sandbox", LOG_Z("problem", "a sanitised build: system calls are not filtered"));
        return true;
    }
    if (load(role, needs)) return true;
    LOG(LOG_ERROR, "sandbox", LOG_Z("problem", "seccomp"), LOG_Z("hint", "the kernel needs CONFIG_SECCOMP_FILTER"));
    return false;
}
