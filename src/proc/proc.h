/* Processes: channels between roles (SOCK_SEQPACKET), what each role starts with, and the sandbox it locks itself into.
 * A channel belongs to the role's loop. A question has both halves in the file that asks: ipc_ask(..., done, owner). A
 * channel whose far end died answers TEMPFAIL to all that was open, and takes a new descriptor when MSG_PEER brings one. */
#ifndef PROC_PROC_H
#define PROC_PROC_H

#include "config/config.h"
#include "net/net.h"
#include "proc/messages.h"

/* ---- channels ------------------------------------------------------------------------------------------------ */
struct ipc;
typedef void ipc_done(void *owner, gp_status, const struct msg *answer); /* answer is NULL unless GP_OK */
struct ipc_handler {
    void (*message)(void *owner, struct ipc *from, struct msg *); /* statements and questions, not answers */
    void (*gone)(void *owner, struct ipc *);                      /* the far end died; may be NULL        */
};
struct ipc *ipc_open(struct loop *, int fd /* -1: not yet attached */, const struct ipc_handler *, void *owner);
void        ipc_attach(struct ipc *, int fd);   /* open questions of the old one get TEMPFAIL first */
bool        ipc_attached(const struct ipc *);
/* done is called exactly once, never from inside ipc_ask, unless ipc_forget(owner) comes first. */
void        ipc_ask(struct ipc *, struct msg *, ipc_done *done, void *owner);
void        ipc_forget(struct ipc *, void *owner);
bool        ipc_tell(struct ipc *, struct msg *);                /* false: not attached, or over the bound on unsent */
void        ipc_answer(struct ipc *, uint32_t question, struct msg *);
void        ipc_close(struct ipc *);

/* ---- roles ----------------------------------------------------------------------------------------------------- */
#define ROLE_LISTENERS_MOST 32
#define ROLE_SMTPD_MOST     64
struct role_listener { int fd; const struct config_listen *listen; };
struct role_start { /* all that a role is given at birth; the rest comes by MSG_PEER and MSG_KEYPAIR */
    enum msg_role        role;
    unsigned             index, smtpds;  /* which smtpd of how many; lookup: which item of config's lookups */
    const struct config *config;
    int                  supervisor;     /* channel                 */
    struct role_listener listeners[ROLE_LISTENERS_MOST]; /* smtpd: its own */
    size_t               listener_count;
    int                  secret;         /* lookup: the file with its own secret, opened for it; -1: it has none */
};
typedef int role_main(const struct role_start *); /* exit status */
/* From now on what this process frees is wiped first, its libraries' memory too: for roles that passwords pass through. Before the
 * first thread. In a build with AddressSanitizer it does nothing. */
void memory_wipes(void);

/* Called by a role in this order: what it needs open is open, then it locks itself in, then it says READY. The new process has
 * already changed directory (and root and uid, when started as root) to the role's own directory: DIR/vault for vault, DIR/queue
 * for queue, DIR/run/empty for smtpd; relay is not chrooted. Roles open files by relative paths. Logs its own failure; false: the
 * role must not go on. */
bool sandbox_enter(enum msg_role, bool may_open_files) GP_MUST_USE;

/* lookup: what its one source needs besides. */
enum { SANDBOX_READS_MOST = 8 };
struct sandbox_needs {
    const char *reads[SANDBOX_READS_MOST]; /* files, or directories with all below; NULL: none               */
    bool        network;  /* the system's resolver and trust store, sockets of all kinds, TCP to other hosts  */
    bool        sockets;  /* Unix sockets (which no wall tells from others) but no TCP                        */
    bool        programs; /* may start programs and read all files that its user may; still no new privileges */
};
bool sandbox_enter_lookup(const struct sandbox_needs *) GP_MUST_USE;

#endif
