/* The supervisor: binds the sockets, starts a process per role, joins them by channels, restarts what dies and ends all in order.
 * It reads no mail and no password, and no libuv: a plain poll(), so that a forked role starts with nothing inherited but
 * what role_start gives it. One struct, one file per concern; every function here runs on its only thread. */
#ifndef APP_SUPERVISOR_H
#define APP_SUPERVISOR_H

#include <sys/types.h>

#include "proc/proc.h"

/* What there is to start, in the order of starting. */
struct role_row {
    enum msg_role role;
    role_main    *main;
    const char   *directory; /* in DIR: where it lives              */
    bool          chroot;    /* as root it sees nothing else        */
    bool          owns;      /* as root the directory is made its   */
    bool          many;      /* one per smtpd wanted, not just one; lookup: one per source, and for what posts and fetches */
};
/* patience: so many ms after the start all must be ready, or all end. The exit status. */
int supervisor_run(const struct config *, const struct role_row *rows, size_t count, gp_time patience);

enum { CHILDREN_MOST = ROLE_SMTPD_MOST + CONFIG_HELPERS_MOST + ROLES, DIRECTORY_MODE = 0755 };

enum child_state { CHILD_DOWN, CHILD_STARTING, CHILD_READY, CHILD_STOPPING };
struct child {
    const struct role_row *row;
    unsigned               index;
    enum child_state       state;
    pid_t                  pid;     /* 0: none                                                     */
    int                    channel; /* -1: none                                                    */
    gp_time                started, due; /* monotonic ms; due: when a child that is down starts anew */
    unsigned               restarts, quick; /* quick: deaths in a row that came soon after the start */
    bool                   was_ready;
    enum store_state       store;   /* of the queue's                                               */
};

struct bound { /* one configured listener: a socket per smtpd, kept so that a successor takes over the accept queue */
    int   fds[ROLE_SMTPD_MOST]; /* of a UNIX socket: the same one for all */
    char  address[CONFIG_LISTEN_ADDRESS]; /* as bound: with the real port */
    dev_t device;
    ino_t inode; /* of a UNIX socket's name, 0: none was made; what has another one by the end is not ours to remove */
};

enum supervisor_state { SUPERVISOR_STARTING, SUPERVISOR_SERVING, SUPERVISOR_STOPPING };
struct supervisor {
    const struct config   *config;
    const struct role_row *rows;
    size_t                 row_count;
    enum supervisor_state  state;
    int                    exit_status;
    struct child           children[CHILDREN_MOST];
    size_t                 child_count;
    unsigned               smtpds;
    struct bound           bound[CONFIG_LISTEN_MOST];
    int                    run_dir, lock, control, signals; /* DIR/run, DIR/run/lock, control.sock, signalfd */
    uint64_t               generation, fingerprint; /* of the certificate files                         */
    uint64_t               proof_seen; /* the same of what the relay signs in with                       */
    gp_time                files_due, stage_due;    /* next look at the files; end of patience with a stage */
    gp_time                start_due;               /* end of patience with those that are not ready yet  */
    size_t                 stage;                   /* of stopping                                       */
};

/* ---- spawn.c: one child ------------------------------------------------------------------------------------------------ */
bool child_start(struct supervisor *, struct child *) GP_MUST_USE; /* with channels to all its peers; false: logged */
void child_send(struct child *, const struct msg *);               /* who does not take it is killed, and so restarted */
void child_kill(struct child *);
bool take_directories(const struct supervisor *) GP_MUST_USE;      /* as root: gives each role its directory */

/* ---- peers.c ----------------------------------------------------------------------------------------------------------- */
unsigned wanted_of(const struct supervisor *, const struct role_row *); /* how many processes of this role */
void peers_join(struct supervisor *, struct child *); /* new channels between it and every peer that lives */

/* ---- listeners.c ------------------------------------------------------------------------------------------------------- */
bool   listeners_open(struct supervisor *) GP_MUST_USE;
void   listeners_close(const struct supervisor *); /* the names that were made in the file system */
void   listeners_shut(struct supervisor *);        /* the stop begins: its own descriptors        */
size_t listeners_of(const struct supervisor *, unsigned smtpd, struct role_listener out[static ROLE_LISTENERS_MOST]);

/* ---- unix_socket.c ------------------------------------------------------------------------------------------------------- */
int  unix_socket_open(const struct config_listen *, struct bound *, const char **why) GP_MUST_USE; /* -1: why not */
void unix_socket_close(const struct config_listen *, const struct bound *);

/* ---- reload.c: the files with certificates and keys, opened here and read by vault ---------------------------------- */
bool files_usable(const struct supervisor *) GP_MUST_USE; /* all can be opened; says which cannot */
void files_send(struct supervisor *, struct child *vault);
void files_send_events(const struct supervisor *, struct child *queue); /* the file that events are appended to */
void files_reload(struct supervisor *);                   /* a new generation, to every vault that lives */
void files_watch(struct supervisor *, gp_time now);       /* reloads when one has changed */

/* ---- control.c --------------------------------------------------------------------------------------------------------- */
bool control_open(struct supervisor *) GP_MUST_USE;   /* run directory, lock, socket; false: said why        */
void control_answer(const struct supervisor *);       /* takes who waits and tells the state                 */
void control_close(struct supervisor *);
void control_notify(const char *state);               /* systemd: "READY=1"; nothing without NOTIFY_SOCKET    */

/* ---- stop.c -------------------------------------------------------------------------------------------------------------- */
void stop_begin(struct supervisor *);
void stop_step(struct supervisor *, gp_time now);     /* the next stage once this one is done or out of patience */
bool stop_done(const struct supervisor *);

gp_time monotonic_now(void);

#endif
