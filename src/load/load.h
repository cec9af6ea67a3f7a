/* Load for a submission server: thousands of connections in one thread and one epoll, each a client that shakes hands, signs in and sends as
 * the plan says. Open loop (a rate) or closed (so many at a time). A time is counted from when its start was due, not from when
 * it came about, so that a server that holds up the next client does not hide it. Called by `gatepost bench`; nothing else uses it. */
#ifndef LOAD_LOAD_H
#define LOAD_LOAD_H

#include <sys/socket.h>

#include "base/base.h"
#include "tls/tls.h"

/* ---- figures ---------------------------------------------------------------------------------------------- */
/* Counts by duration, in buckets whose width is 1/64 of what they hold: 1.6 % at most, from 1 microsecond to 70 minutes. */
enum { HISTOGRAM_FINE = 64, HISTOGRAM_BUCKETS = 28 * HISTOGRAM_FINE };
struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS], count;
    int64_t  most;
};
void    histogram_add(struct histogram *, int64_t micros);
int64_t histogram_at(const struct histogram *, double share); /* 0.99: what 99 of 100 do not exceed; 0 when there are none */

/* What a connection goes through; each is timed, and is where a failure is counted. */
enum load_stage { LOAD_CONNECT, LOAD_TLS, LOAD_SIGN_IN, LOAD_MESSAGE, LOAD_WHOLE, LOAD_IDLE, LOAD_STAGES };
extern const char *const load_stages[LOAD_STAGES];

enum { LOAD_ERRORS_MOST = 32, LOAD_ERROR_ROOM = 160 };
struct load_error { enum load_stage stage; uint64_t count; char what[LOAD_ERROR_ROOM]; };
struct load_result {
    struct histogram  stages[LOAD_STAGES];
    struct load_error errors[LOAD_ERRORS_MOST]; /* the last row takes what is one kind too many */
    size_t            error_count;
    uint64_t          failures, resumed, messages, octets;
    uint64_t          late;                     /* starts that were due and never came about */
    uint64_t          idle;                     /* connections that were held to the end     */
    unsigned          open_most;
    double            seconds;                  /* of what was counted                       */
};

/* ---- what to do -------------------------------------------------------------------------------------------- */
/* A choice among several, each as often as its weight says, evenly spread. */
enum { LOAD_MIX_MOST = 16 };
struct load_mix { struct { unsigned weight; int64_t credit; } items[LOAD_MIX_MOST]; size_t count; };
size_t load_mix_next(struct load_mix *);

struct load_login { const char *user; gp_secret secret; /* none: EXTERNAL, user "" for whoever the certificate stands for */ };
struct load_plan {
    struct sockaddr_storage  to;
    socklen_t                to_len;
    struct gp_tls_context   *tls;       /* NULL: in clear                                      */
    bool                     starttls;
    const char              *expect, *helo, *sender, *recipient;
    const struct load_login *logins;    /* in turns; none: nobody signs in                     */
    size_t                   login_count;
    bool                     token;     /* the secrets are bearer tokens                       */
    gp_str                   act_as;    /* authorization identity; GP_NONE: their own          */
    const char              *mechanisms[LOAD_MIX_MOST]; struct load_mix mechanism_mix; /* none: the strongest that is offered */
    gp_str                   bodies[LOAD_MIX_MOST];     struct load_mix body_mix;      /* CR LF, dots not doubled             */
    unsigned                 connections; /* at once, at most                                  */
    double                   rate;        /* starts a second; 0: a closed loop                 */
    double                   seconds, warm_up;
    unsigned                 messages;    /* for each connection; 0: none                      */
    unsigned                 resume;      /* of 100 connections so many resume a TLS session   */
    unsigned                 idle;        /* connections that are signed in and then held      */
    unsigned                 timeout;     /* seconds for a connection to come one step further */
    void (*progress)(void *owner, double second, const struct load_result *); /* NULL: none     */
    void *owner;
};
/* false: it could not begin, and *why says why. */
bool load_run(struct load_plan *, struct load_result *, const char **why);

#endif
