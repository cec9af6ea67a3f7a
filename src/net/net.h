/* The event loop, timers, connections (clear or TLS), listeners and DNS over libuv and libunbound: the only folder that
 * includes either. One loop per process, single-threaded; callbacks run on it, never from inside a call into this
 * folder unless the comment says so. Objects are closed by their owner; after close no callback of theirs runs. */
#ifndef NET_NET_H
#define NET_NET_H

#include "base/base.h"
#include "tls/tls.h"

struct sockaddr_storage;

/* ---- loop ------------------------------------------------------------------------------------------------- */
struct loop;
struct loop *loop_open(void);                 /* NULL: no memory or no descriptors */
void         loop_run(struct loop *);         /* until loop_stop                   */
void         loop_stop(struct loop *);
void         loop_close(struct loop *);
gp_time      loop_now(const struct loop *);   /* monotonic ms, cached per turn     */
gp_time      wall_now(void);                  /* ms since 1970                     */
/* Runs fn after each turn's events are handled and before the loop sleeps: for batching (group commit). One per loop. */
void         loop_after_turn(struct loop *, void (*fn)(void *owner), void *owner);
/* Runs fn on the next turn (never at once): how an answer that is already known is given without recursion. false: no memory */
bool         loop_later(struct loop *, void (*fn)(void *owner), void *owner) GP_MUST_USE;
/* Runs `run` on a pool thread, then `done` on the loop. The job owns nothing but what it was given. false: no memory. */
bool         loop_work(struct loop *, void (*run)(void *job), void (*done)(void *job), void *job) GP_MUST_USE;

struct timer;                                 /* one-shot */
struct timer *timer_open(struct loop *, void (*fn)(void *owner), void *owner);
void          timer_set(struct timer *, uint64_t ms);
void          timer_stop(struct timer *);
void          timer_close(struct timer *);    /* NULL is fine */

struct watch;                                 /* readiness of a descriptor, for ipc */
struct watch *watch_open(struct loop *, int fd, void (*fn)(void *owner, bool readable, bool writable), void *owner);
void          watch_for(struct watch *, bool readable, bool writable);
void          watch_close(struct watch *);    /* does not close fd */

/* ---- connections ------------------------------------------------------------------------------------------ */
struct conn;
struct conn_handler { /* input and closed must be there, sign for a server's TLS; the others may be NULL */
    void (*connected)(void *owner, struct conn *);            /* conn_connect came through                        */
    void (*input)(void *owner, struct conn *);                /* conn_input() has more than it had                */
    void (*secured)(void *owner, struct conn *);              /* hands are shaken: conn_tls() says what           */
    void (*sign)(void *owner, struct conn *, const struct gp_tls_sign *); /* answer with conn_signed, now or later */
    void (*drained)(void *owner, struct conn *);              /* the kernel did not take all, and has it now      */
    void (*closed)(void *owner, struct conn *, const char *why); /* peer or error; the owner calls conn_close. The peer's
                                                               * orderly end is told once all input was taken     */
};
/* Takes the descriptor of an accepted socket. */
struct conn *conn_accepted(struct loop *, int fd, const struct conn_handler *, void *owner);
/* from: local address to bind, or NULL. */
struct conn *conn_connect(struct loop *, const struct sockaddr_storage *to, const struct sockaddr_storage *from,
                          const struct conn_handler *, void *owner);
/* Plaintext either way. What the owner does not take stays, and the socket is not read while over 64 KiB wait: back-pressure. */
gp_str conn_input(struct conn *);
void   conn_took(struct conn *, size_t);
/* Leaves at the end of the turn, together with what else is written in it; at once where it is much. false: over 1 MiB would wait, or
 * the connection is gone. May call nothing back. */
bool   conn_write(struct conn *, gp_str) GP_MUST_USE;
size_t conn_unsent(const struct conn *);
/* From here on the connection is TLS; input not yet taken is dropped (RFC 3207 4.2). Owns tls from now on. For a server
 * the reply before it must have been written; it is sent in clear first. */
bool   conn_secure(struct conn *, struct gp_tls *tls) GP_MUST_USE;
void   conn_signed(struct conn *, gp_str signature); /* empty: refused */
struct gp_tls *conn_tls(struct conn *);              /* NULL while clear */
bool   conn_local(const struct conn *, struct sockaddr_storage *); /* our address; a call of the kernel */
/* Frees at once from the owner's view; unsent bytes are still given to the kernel when `flush` (and close_notify sent), for
 * 5 s at most, and the oldest are dropped when more than so many are at it: a flood of callers must not take all descriptors. */
#define CONN_LINGERING_MOST 512
void   conn_close(struct conn *, bool flush);

struct listener;
/* fd is bound and listening. accepted gets a fresh descriptor that it owns. */
struct listener *listener_open(struct loop *, int fd, void (*accepted)(void *owner, int fd), void *owner);
void             listener_close(struct listener *, bool close_fd);

/* ---- addresses (used by the supervisor too; no loop needed) ------------------------------------------------- */
#define NET_ADDRESS_ROOM 64
bool address_read(gp_str text, uint16_t default_port, struct sockaddr_storage *) GP_MUST_USE; /* "127.0.0.1:25" "[::1]:25" */
void address_unmap(struct sockaddr_storage *); /* "::ffff:192.0.2.1", as a socket on [::] says it, is 192.0.2.1 */
void address_put(struct gp_text *, const struct sockaddr_storage *, bool with_port);
/* Bound and listening, SO_REUSEPORT, IPv6 only when the address is IPv6 other than [::]; -1: *why is set (errno's text). */
int  listen_on(const struct sockaddr_storage *, const char **why);
/* Nobody listens there, not even one who shares. */
bool listen_could(const struct sockaddr_storage *, const char **why) GP_MUST_USE;

/* The addresses that a hosts file has for a name, in its order: how many of `room` were filled. Reads the file: not per message. */
size_t hosts_find(const char *path, gp_str name, uint16_t port, struct sockaddr_storage *out, size_t room);

/* ---- DNS ------------------------------------------------------------------------------------------------------ */
struct dns;
struct dns *dns_open(struct loop *, const char *server /* "127.0.0.1@5353", or NULL: /etc/resolv.conf */);
/* Answers are proven from these DNSKEY or DS records, a line each; NULL: from the system's of the root. NULL: no resolver, or no such records. */
struct dns *dns_open_anchored(struct loop *, const char *server, const char *anchors);
void        dns_close(struct dns *);      /* forgets all questions; not from inside an answer */
bool        dns_validates(const struct dns *); /* there is a key to begin with: answers are proven where the network lets the proofs through */
/* Nothing is taken without a proof that could have one: where the resolver drops them, all fails. From the start, before questions. */
void        dns_insist(struct dns *);
void        dns_set_patience(struct dns *, uint64_t ms); /* for an answer, before it is TEMPFAIL; 20 s at first */
enum dns_type { DNS_A = 1, DNS_CNAME = 5, DNS_SOA = 6, DNS_PTR = 12, DNS_MX = 15, DNS_TXT = 16, DNS_AAAA = 28, DNS_SRV = 33, DNS_TLSA = 52 };
/* A, AAAA, SOA, TLSA: octets; CNAME, MX, PTR, SRV: name in text, without final dot, "" for the root (null MX); TXT: its strings joined, any octets.
 * preference: of MX, the priority of SRV. */
struct dns_record { gp_str data; uint16_t preference, weight, port; };
struct dns_answer {
    gp_status status;         /* OK: there are records; PERMFAIL: no such name or no such record; TEMPFAIL: could not tell */
    bool      no_name;        /* NXDOMAIN                        */
    bool      secure;         /* validated by DNSSEC             */
    gp_str    real_name;      /* to which the name is an alias (CNAME), without final dot; "": it is none */
    const char *why;
    const struct dns_record *records; /* until the callback returns */
    size_t    count;
};
typedef void dns_done(void *owner, const struct dns_answer *);
struct dns_query;
struct dns_query *dns_ask(struct dns *, gp_str name, enum dns_type, dns_done *, void *owner); /* never answers at once; NULL: no memory */
void              dns_forget(struct dns_query *); /* not once it is answered: it is gone then. NULL is fine */

/* The same for who has no loop and may block: commands. */
struct dns_waiter;
struct dns_waiter *dns_waiter_open(const char *server, uint64_t patience_ms); /* NULL: no memory, or no resolver */
struct dns_waiter *dns_waiter_open_anchored(const char *server, const char *anchors, uint64_t patience_ms);
/* What it points to is good until the next question. Where nobody answers twice, no more is asked: TEMPFAIL at once. */
enum { DNS_WAIT_MS = 8000 /* as much as people wait for */ };
struct dns_answer  dns_wait(struct dns_waiter *, gp_str name, enum dns_type);
void               dns_waiter_close(struct dns_waiter *); /* NULL is fine */

#endif
