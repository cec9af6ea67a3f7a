/* Locks the calling process into what its role needs: limits, no new privileges, files, system calls. */
#include "proc/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "proc/proc.h"

static bool failed(const char *what)
{
    LOG(LOG_ERROR, "sandbox", LOG_Z("problem", what), LOG_Z("reason", strerror(errno)));
    return false;
}

static bool limit(__rlimit_resource_t what, rlim_t most)
{
    const struct rlimit r = { most, most };
    return setrlimit(what, &r) == 0;
}

/* A server is wanted to use all the descriptors that it was allowed. */
static bool raise_descriptors(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0) return false;
    r.rlim_cur = r.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &r) == 0;
}

static bool set_limits(enum msg_role role)
{
    if (!raise_descriptors() || !limit(RLIMIT_CORE, 0)) return failed("limits");
    /* The others need threads, which count by user: a number that is right for all set-ups does not exist. */
    if (role == ROLE_SMTPD && !limit(RLIMIT_NPROC, 0)) return failed("limits");
    return true;
}

static bool set_process(void)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return failed("PR_SET_PDEATHSIG"); /* after setuid, which clears it */
    if (prctl(PR_SET_DUMPABLE, 0) != 0) return failed("PR_SET_DUMPABLE");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("PR_SET_NO_NEW_PRIVS");
    return true;
}

bool sandbox_enter(enum msg_role role, bool may_open_files)
{
    return set_limits(role) && set_process() && sandbox_files(role, may_open_files, NULL) && sandbox_calls(role, NULL);
}

bool sandbox_enter_lookup(const struct sandbox_needs *needs)
{
    return set_limits(ROLE_LOOKUP) && set_process() && sandbox_files(ROLE_LOOKUP, true, needs) &&
           sandbox_calls(ROLE_LOOKUP, needs);
}
