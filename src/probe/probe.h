/* Finds out whether a server's SMTP AUTH is set up right: probes speak to it as good and as bad clients do, and raise findings. Each
 * finding is one row of findings_*.h, from which lists, reports and docs are made. A command calls it, in its own process; it blocks,
 * each step with a deadline. What a server says is hostile: bounded, and made printable before it is kept. Nothing is sent through a
 * server and no password is tried but what the plan says. A report lives until probe_report_close. */
#ifndef PROBE_PROBE_H
#define PROBE_PROBE_H

#include <stdio.h>

#include "config/config.h"
#include "talk/talk.h"

/* ---- findings ---------------------------------------------------------------------------------------------- */
enum probe_severity { PROBE_NOTE, PROBE_WARNING, PROBE_ERROR, PROBE_CRITICAL, PROBE_SEVERITIES };
enum probe_area { PROBE_REACH, PROBE_HELLO, PROBE_TLS, PROBE_AUTH, PROBE_RELAY, PROBE_SMUGGLING, PROBE_LIMITS, PROBE_DNS, PROBE_OWN,
                  PROBE_CLIENTS, PROBE_AREAS };
enum probe_server { PROBE_GATEPOST, PROBE_POSTFIX, PROBE_DOVECOT, PROBE_EXIM, PROBE_OPENSMTPD, PROBE_SERVERS };
#define FINDING(id, ...) FOUND_##id,
enum probe_id {
#include "probe/findings.h"
    PROBE_FINDINGS
};
#undef FINDING
struct probe_finding {
    const char         *name; /* "tls-old-versions": never changes */
    enum probe_area     area;
    enum probe_severity severity;
    const char         *title, *why;         /* one line; the RFC or CVE, and what comes of it */
    const char         *mend[PROBE_SERVERS]; /* NULL: not known, or nothing to mend there      */
};
extern const struct probe_finding probe_findings[PROBE_FINDINGS];
extern const char *const probe_severities[PROBE_SEVERITIES], *const probe_areas[PROBE_AREAS], *const probe_servers[PROBE_SERVERS];

/* ---- a report ------------------------------------------------------------------------------------------------ */
enum { PROBE_REFUSED_MOST = 2, PROBE_RAISED_MOST = 256, PROBE_FACTS_MOST = 256, PROBE_SEEN_MOST = 400, PROBE_EXCERPT_LINES = 10, PROBE_WHERE_ROOM = 320 };
enum probe_state { PROBE_UNSEEN, PROBE_FINE, PROBE_RAISED };
struct probe_raised {
    enum probe_id id;
    const char   *where, *seen, *excerpt; /* "mail.example.org:587"; what was seen; lines of a transcript, joined by '\n' */
};
struct probe_fact { enum probe_area area; const char *where, *what; };
struct probe_report {
    struct gp_arena     arena;
    struct gp_mask      mask; /* of our secret, in whichever session a server repeats it */
    const char         *target;
    struct probe_raised raised[PROBE_RAISED_MOST];
    size_t              raised_count;
    struct probe_fact   facts[PROBE_FACTS_MOST]; /* what is not to be mended, but worth knowing */
    size_t              fact_count;
    unsigned char       states[PROBE_FINDINGS]; /* enum probe_state */
    unsigned            connections, failed_sign_ins, messages; /* that were made, on purpose, and handed over */
    enum probe_server   server; /* what it says it is; PROBE_SERVERS: does not say */
    unsigned            refused;         /* of these, with the right secret: no more than PROBE_REFUSED_MOST, over all ports */
    bool                signed_in_wrong; /* on purpose: on the first port alone, since a lockout may be near                  */
    bool                partial;         /* the server turned us away, and something was not examined                         */
    bool                lost;   /* memory or room ran out, and something is missing */
};
void probe_report_open(struct probe_report *, const char *target);
void probe_report_close(struct probe_report *);
void probe_raise(struct probe_report *, enum probe_id, const char *where, gp_str seen, gp_str excerpt);
void probe_look(struct probe_report *, enum probe_id); /* examined: fine unless it is raised */
void probe_learn(struct probe_report *, enum probe_area, const char *where, gp_str what);
char probe_grade(const struct probe_report *, enum probe_area); /* 'A' to 'F'; '-': nothing of it was examined */
size_t probe_count(const struct probe_report *, enum probe_severity);
int  probe_worst(const struct probe_report *);         /* a severity; -1: nothing was found */
void probe_clean(struct gp_text *, gp_str);            /* printable UTF-8; '?' for what steers a terminal; lines kept apart */

struct probe_look { bool colour; unsigned width; };
void probe_print_text(const struct probe_report *, const struct probe_look *, FILE *);
void probe_print_line(const struct probe_report *, FILE *); /* the one line at the end */
bool probe_print_json(const struct probe_report *, FILE *); /* docs/check.md has the schema; false: no memory */
void probe_print_junit(const struct probe_report *, int least, FILE *); /* what is less severe than `least` is no failure */
void probe_print_html(const struct probe_report *, FILE *);
void probe_put_escaped(FILE *, const char *text); /* for XML and HTML, text and attributes */

/* ---- probing -------------------------------------------------------------------------------------------------- */
enum { PROBE_STEP_MS = 20 * 1000, PROBE_CONNECT_MS = 10 * 1000, PROBE_PAUSE_MS = 250 };
struct probe_plan {
    const char   *host, *port;  /* port NULL: 465, 587 and 25            */
    bool          tls, starttls; /* neither: what the port is for, or what answers */
    const char   *hello, *expect; /* the name to say EHLO with; the name the certificate must be for (NULL: host) */
    gp_str        ca_pem, pinned_pem; /* pinned: a certificate that is trusted as it is, by who signs in where no ca_pem is */
    unsigned      step_ms, pause_ms; /* before each connection but the first; 0 is none */
    bool          files_only;   /* of the own set-up: not its listeners */
    bool          thorough;     /* also what a server's guards may take for an attack, and as many connections as it takes */
    const char   *backup;       /* of the own set-up: where it is kept, a file or a folder; NULL: not told */
    unsigned      backup_days;  /* so old may it be; 0: two */
    unsigned      idle_s;       /* how long to be silent, to see when it hangs up; 0: not at all */
    const char   *user, *send_to, *other_sender;
    gp_secret     secret;
    bool          token;
    gp_str        chain_pem, key_pem; /* a certificate of the account's, for EXTERNAL; GP_NONE: it has none */
    const char   *domain;       /* whose DNS records; NULL: that of the host, or those of the set-up */
    const char   *dns_server;   /* who is asked for them; NULL: as the set-up says, or the system's  */
    const char   *as;           /* a client's name or "all": nothing but that is tried */
    unsigned      samples;      /* wrong sign-ins of each kind for the statistics of time; 0: none */
    void        (*progress)(void *owner, const char *where, const char *doing);
    void         *owner;
};
bool probe_is_client(const char *name);     /* or "all" */
void probe_list_clients(FILE *);
bool probe_print_clients(FILE *);            /* as JSON; false: no memory */
bool probe_server(const struct probe_plan *, struct probe_report *); /* false: nobody answers */
/* The set-up in a directory, and its listeners by the plan, whose host and port are of no meaning. */
void probe_house(const char *dir, const struct probe_plan *, struct probe_report *);
/* DNS records, of the set-up in dir or of the plan's host and domain. Nothing is asked for an address, a host without a dot, or what is
 * reserved for examples, unless the plan names a domain or whom to ask. */
void probe_dns(const char *dir, const struct probe_plan *, struct probe_report *);

#endif
