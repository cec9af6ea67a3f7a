/* What the probes share: the run against one port, and a call, which is one connection of it. */
#ifndef PROBE_PARTS_H
#define PROBE_PARTS_H

#include "probe/probe.h"

enum { PROBE_LINE_ROOM = 240, PROBE_MECHANISMS_ROOM = 512, PROBE_SHORT_MS = 2500, PROBE_MOMENT_MS = 500, PROBE_MOMENT_NEAR_MS = 200 /* for what should come at once, or never */ };

/* A connection, in one place: what it is made of is borrowed by its talk. */
struct probe_call {
    struct probe_run *run;
    struct talk_plan  plan;
    struct talk      *talk;   /* NULL: could not be made                    */
    struct talk_reply reply;  /* the last                                   */
    unsigned          errors; /* so many of its commands have been refused  */
    const char       *hello;  /* what EHLO says; NULL: as the plan says     */
};

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
    bool                     has_tls, timely, named; /* the certificate's day and name are right */
    bool                     enhanced;   /* ENHANCEDSTATUSCODES is offered */
    char                     mechanisms[PROBE_MECHANISMS_ROOM]; /* under TLS */

    struct {
        const char *mechanism; /* one that works; static */
        char        address[320], other[320], nobody[320], wrong[64];
    } account;                 /* of a plan that has one */

    struct probe_call      shared;      /* call.c: the session that probes use one after the other */
    struct gp_tls_session *ticket;      /* of one before it; NULL: none was given                  */
    unsigned               connections; /* of this port; the report has those of all                */
    unsigned               ways;        /* ways.c: so many have been tried                          */
    bool                   had_enough;  /* no further shared sessions                               */
    bool                   untrusted;   /* the certificate does not allow to say a password here    */
    unsigned               turned_away; /* connections that got no 220 after the first that did     */

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
#define auto_call __attribute__((cleanup(call_close))) struct probe_call
/* Connected, greeted, and TLS up where it is from the start; `other` (may be NULL) has the versions, ciphers and SNI to use. */
bool call_open(struct probe_call *, struct probe_run *, const struct talk_plan *other);
bool call_hello(struct probe_call *);           /* EHLO was taken                                */
bool call_secure(struct probe_call *);          /* EHLO; STARTTLS and EHLO again where need be   */
bool call_ready(struct probe_call *, struct probe_run *); /* open and secure                     */
/* The same, and the certificate is verified as a client does: the only kind that may carry the account's secret. */
bool call_trusted(struct probe_call *, struct probe_run *);
/* Does something in the session that probes share, open and secure, with no transaction and nobody signed in; a new one where that has
 * broken, or has had as many errors as servers bear. `probe` says false when the connection broke before its question was answered: it
 * gets a new one then, once. So a good server sees a handful of connections, and one that hangs up at an error some more. */
typedef bool probe_step(struct probe_call *);
void call_share(struct probe_run *, probe_step *probe);
struct probe_call *call_shared(struct probe_run *, unsigned errors_most); /* that session; NULL: none is to be had */
void call_end_sharing(struct probe_run *);
int  call_ask(struct probe_call *, const char *line); /* the code; 0: no reply, or 421: it closes */
int  call_raw(struct probe_call *, gp_str octets);    /* sends them as they are, and hears one reply */
int  call_hear(struct probe_call *);
void call_close(struct probe_call *);

/* Steps on the connection that found out whether anybody is there: greeted, in clear where TLS is not there from the start. */
void probe_first_lines(struct probe_call *);                /* lines.c */
void probe_clear(struct probe_call *);                      /* auth.c: after EHLO, before STARTTLS */
void probe_before_hello(struct probe_call *);               /* auth.c: TLS is up, and EHLO not said since */
bool probe_starttls(struct probe_call *);                   /* tls.c: with bad manners; TLS is up */

/* ways.c: another shared session is to be had. Each of the first is opened in another way, and whether it opens tells something. */
bool probe_next_way(struct probe_run *, struct probe_call *);
enum { PROBE_WAYS = 3 };

/* The probes, in the order in which they run. Each makes the connections that it needs, or shares one. */
typedef void probe_one(struct probe_run *);
probe_one probe_hello, probe_certificate, probe_tls, probe_auth, probe_relay, probe_lines, probe_idle, probe_account, probe_other_ways,
    probe_as_clients;

#endif
