/* Landlock: the files that each role may reach, and TCP for those that need it. The kernel's numbers stand here because the
 * system's headers may be older than the kernel. */
#include "proc/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ops/log.h"

#define RIGHT(bit) (1ULL << (bit))
#define READ       (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define OWN                                                                                                            \
    (READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |           \
     LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR | REFER | TRUNCATE)
#define PROGRAM       (READ | LANDLOCK_ACCESS_FS_EXECUTE)
#define REFER         RIGHT(13) /* from version 2 on */
#define TRUNCATE      RIGHT(14) /* 3 */
#define NET_BIND      RIGHT(0)  /* 4 */
#define NET_CONNECT   RIGHT(1)  /* 4 */
#define SCOPE_SOCKETS RIGHT(0)  /* 6: abstract Unix sockets of other processes */
#define SCOPE_SIGNALS RIGHT(1)  /* 6: signals to other processes               */
#define FILE_RIGHTS                                                                                                    \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_EXECUTE | TRUNCATE)

/* What is not there is left out. */
enum when { ALWAYS, NETWORK, PROGRAMS }; /* of lookup: what its source must need for it */
static const struct reach {
    enum msg_role role;
    const char   *path;
    uint64_t      rights;
    enum when     when;
} reaches[] = {
  /* clang-format off */
    { ROLE_VAULT,  ".",                                OWN,     ALWAYS   },
    { ROLE_QUEUE,  ".",                                OWN,     ALWAYS   },
    { ROLE_RELAY,  "/etc/ssl",                         READ,    ALWAYS   },
    { ROLE_RELAY,  "/etc/pki",                         READ,    ALWAYS   },
    { ROLE_RELAY,  "/etc/ca-certificates",             READ,    ALWAYS   },
    { ROLE_RELAY,  "/usr/lib/ssl",                     READ,    ALWAYS   },
    { ROLE_RELAY,  "/usr/share/ca-certificates",       READ,    ALWAYS   },
    { ROLE_RELAY,  "/usr/local/share/ca-certificates", READ,    ALWAYS   },
    { ROLE_RELAY,  "/etc/resolv.conf",                 READ,    ALWAYS   },
    { ROLE_RELAY,  "/etc/hosts",                       READ,    ALWAYS   },
    { ROLE_RELAY,  "/etc/unbound",                     READ,    ALWAYS   },
    { ROLE_RELAY,  "/usr/share/dns",                   READ,    ALWAYS   },
    { ROLE_RELAY,  "/dev/urandom",                     READ,    ALWAYS   },
    { ROLE_LOOKUP, "/dev/urandom",                     READ,    ALWAYS   },
    { ROLE_LOOKUP, "/etc/ssl",                         READ,    NETWORK  },
    { ROLE_LOOKUP, "/etc/pki",                         READ,    NETWORK  },
    { ROLE_LOOKUP, "/etc/gnutls",                      READ,    NETWORK  },
    { ROLE_LOOKUP, "/etc/ca-certificates",             READ,    NETWORK  },
    { ROLE_LOOKUP, "/usr/share/ca-certificates",       READ,    NETWORK  },
    { ROLE_LOOKUP, "/usr/local/share/ca-certificates", READ,    NETWORK  },
    { ROLE_LOOKUP, "/etc/resolv.conf",                 READ,    NETWORK  },
    { ROLE_LOOKUP, "/etc/hosts",                       READ,    NETWORK  },
    { ROLE_LOOKUP, "/etc/nsswitch.conf",               READ,    NETWORK  },
    { ROLE_LOOKUP, "/etc/gai.conf",                    READ,    NETWORK  },
    { ROLE_LOOKUP, "/etc/services",                    READ,    NETWORK  },
    { ROLE_LOOKUP, "/etc/ld.so.cache",                 READ,    NETWORK  }, /* glibc loads what nsswitch.conf names */
    { ROLE_LOOKUP, "/lib",                             READ,    NETWORK  },
    { ROLE_LOOKUP, "/usr/lib",                         READ,    NETWORK  },
    { ROLE_LOOKUP, "/",                                PROGRAM, PROGRAMS },
    { ROLE_LOOKUP, "/dev/null",                        OWN,     PROGRAMS },
    { ROLE_LOOKUP, "/run/faillock",                    OWN,     PROGRAMS }, /* pam_faillock counts there */
  /* clang-format on */
};

/* What each version of Landlock can refuse. */
struct ruleset {
    uint64_t files, net, scopes;
};
static const struct version {
    long           from;
    struct ruleset handles;
    size_t         size; /* of the struct that this version knows */
} versions[] = {
    {6,  { RIGHT(16) - 1, NET_BIND | NET_CONNECT, SCOPE_SOCKETS | SCOPE_SIGNALS }, 24},
    { 5, { RIGHT(16) - 1, NET_BIND | NET_CONNECT, 0 },                             16},
    { 4, { RIGHT(15) - 1, NET_BIND | NET_CONNECT, 0 },                             16},
    { 3, { RIGHT(15) - 1, 0, 0 },                                                  8 },
    { 2, { RIGHT(14) - 1, 0, 0 },                                                  8 },
    { 1, { RIGHT(13) - 1, 0, 0 },                                                  8 },
};

static const struct version *find_version(void)
{
    long has = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    for (size_t i = 0; i < GP_COUNT(versions); i++)
        if (has >= versions[i].from) return &versions[i];
    return NULL;
}

static bool allow(int rules, const struct reach *r, uint64_t handled)
{
    int fd = open(r->path, O_PATH | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT || errno == EACCES;
    struct stat                             is;
    const bool                              directory = fstat(fd, &is) == 0 && S_ISDIR(is.st_mode);
    const struct landlock_path_beneath_attr beneath   = {
          .allowed_access = r->rights & handled & (directory ? ~0ULL : FILE_RIGHTS),
          .parent_fd      = fd,
    };
    long done = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
    close(fd);
    return done == 0;
}

static bool is_wanted(enum when when, const struct sandbox_needs *needs)
{
    return when == ALWAYS || (needs && (when == NETWORK ? needs->network : needs->programs));
}

static bool allow_all(int rules, enum msg_role role, const struct sandbox_needs *needs, uint64_t handled)
{
    for (size_t i = 0; i < GP_COUNT(reaches); i++)
        if (reaches[i].role == role && is_wanted(reaches[i].when, needs) && !allow(rules, &reaches[i], handled))
            return false;
    for (size_t i = 0; needs && i < SANDBOX_READS_MOST; i++) {
        const struct reach own = { .role = role, .path = needs->reads[i], .rights = READ };
        if (own.path && !allow(rules, &own, handled)) return false;
    }
    return true;
}

/* TCP: relay's is its work; a source's helpers may have any, and one in the network none that listens. */
static uint64_t tcp_handled(enum msg_role role, const struct sandbox_needs *needs, uint64_t handles)
{
    if (role == ROLE_RELAY || (needs && needs->programs)) return 0;
    return needs && needs->network ? handles & NET_BIND : handles;
}

bool sandbox_files(enum msg_role role, bool may_open_files, const struct sandbox_needs *needs)
{
    const struct version *v = find_version();
    if (!v) {
        LOG(LOG_WARN, "sandbox",
            LOG_Z("problem", "this kernel has no Landlock: files are guarded by user and chroot alone"));
        return true;
    }
    struct ruleset handles = v->handles;
    handles.net            = tcp_handled(role, needs, handles.net);
    if (needs && needs->programs) handles.scopes = 0; /* helpers talk to daemons */
    int  rules  = (int)syscall(SYS_landlock_create_ruleset, &handles, v->size, 0);
    bool locked = rules >= 0 && (!may_open_files || allow_all(rules, role, needs, handles.files)) &&
                  syscall(SYS_landlock_restrict_self, rules, 0) == 0;
    if (!locked) LOG(LOG_ERROR, "sandbox", LOG_Z("problem", "Landlock"), LOG_Z("reason", strerror(errno)));
    if (rules >= 0) close(rules);
    return locked;
}
