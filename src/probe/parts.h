/* What the probes share: the run against one port, and a call, which is one connection of it. */
#ifndef PROBE_PARTS_H
#define PROBE_PARTS_H

#include "probe/probe.h"

enum { PROBE_LINE_ROOM = 240, PROBE_MECHANISMS_ROOM = 512, PROBE_SHORT_MS = 2500, PROBE_MOMENT_MS = 500, PROBE_MOMENT_NEAR_MS = 200 /* for what should come at once, or never */ };

struct probe_run {
    const struct probe_plan *plan;
    struct probe_report     *report;
    const char              *port;
    char                     where[PROBE_WHERE_ROOM];
    enum talk_tls            tls;
    bool                     connected, may_be_absent;
    bool                     local;      /* loopback: no need to pace */
    bool                     submission; /* no mail exchanger's port */
    bool                     works;      /* a session under TLS (or in clear, where none is offered) was had */
    bool                     has_tls;
    bool                     takes_mail; /* MAIL without a sign-in */
    bool                     enhanced;   /* ENHANCEDSTATUSCODES is offered */
    char                     mechanisms[PROBE_MECHANISMS_ROOM]; /* under TLS */

    struct {
        const char *mechanism; /* one that works; static */
        char        address[320], other[320], nobody[320], wrong[64];
    } account;                 /* of a plan that has one */

    bool hush;                 /* what the server says is not kept */
    /* The transcript's last lines, for excerpts. */
    char   lines[PROBE_EXCERPT_LINES][PROBE_LINE_ROOM];
    size_t line_count; /* ever */
    size_t mark;       /* excerpts begin here at the earliest */
};

/* run.c: what a probe says */
void probe_doing(struct probe_run *, const char *what);
void probe_mark(struct probe_run *);                 /* an excerpt begins here */
void probe_found(struct probe_run *, enum probe_id, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Raised if it is not `fine`, with these words; looked at in any case. */
void probe_judge(struct probe_run *, enum probe_id, bool fine, const char *format, ...) __attribute__((format(printf, 4, 5)));
void probe_fact(struct probe_run *, enum probe_area, const char *format, ...) __attribute__((format(printf, 3, 4)));
unsigned probe_moment(const struct probe_run *); /* milliseconds: what comes at all has come by then */
bool probe_offered(gp_str mechanisms, const char *name); /* a word of it */

/* call.c: a connection. auto_call c = { 0 }; if (!call_open(&c, run, NULL)) return; ... */
struct probe_call {
    struct probe_run *run;
    struct talk_plan  plan;
    struct talk      *talk; /* NULL: could not be made */
    struct talk_reply reply; /* the last */
    const char       *hello; /* what EHLO says; NULL: as the plan says */
};
#define auto_call __attribute__((cleanup(call_close))) struct probe_call
/* Connected, greeted, and TLS up where it is from the start; `other` (may be NULL) has the versions, ciphers and SNI to use. */
bool call_open(struct probe_call *, struct probe_run *, const struct talk_plan *other);
bool call_hello(struct probe_call *);           /* EHLO was taken                                */
bool call_secure(struct probe_call *);          /* EHLO; STARTTLS and EHLO again where need be   */
bool call_ready(struct probe_call *, struct probe_run *); /* open and secure                     */
int  call_ask(struct probe_call *, const char *line); /* the code; 0: no reply, or 421: it closes */
int  call_raw(struct probe_call *, gp_str octets);    /* sends them as they are, and hears one reply */
int  call_hear(struct probe_call *);
void call_close(struct probe_call *);

/* The probes, in the order in which they run. Each makes the connections that it needs. */
typedef void probe_one(struct probe_run *);
probe_one probe_hello, probe_tls, probe_certificate, probe_auth, probe_relay, probe_lines, probe_account, probe_as_clients;

#endif
