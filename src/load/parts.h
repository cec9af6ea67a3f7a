/* What the rooms of load/ share: the run, and a connection of it. */
#ifndef LOAD_PARTS_H
#define LOAD_PARTS_H

#include "load/load.h"
#include "sasl/exchange.h"
#include "smtp/client_session.h"

struct client {
    struct load           *load;
    struct client         *next, *before; /* all that are open */
    int                    fd;
    struct gp_tls         *tls; /* NULL: in clear, or not yet */
    struct gp_smtp_client  smtp;
    struct gp_smtp_room   *room;
    struct gp_sasl        *sasl; /* while it signs in */
    const struct load_login *login;
    gp_str                 body;
    size_t                 body_sent;
    unsigned               messages; /* left to send */
    bool                   connected, idle, held, wants_out, wants_tls, counts, rcpt_said, refused, ended;
    int64_t                due, moved;             /* when its start was due; when it last came further */
    int64_t                marks[LOAD_STAGES];     /* when a stage began */
    enum load_stage        stage;
};

struct load {
    struct load_plan      *plan;
    struct load_result    *result;
    struct gp_smtp_plan    smtp_plan;
    struct gp_tls_session *session; /* of the last that ended well */
    struct client         *first;
    int                    epoll;
    unsigned               open, idle_open, idle_begun, held, resume_credit;
    size_t                 next_login;
    uint64_t               starts;
    int64_t                began, counted_from, until, next_due, rest_until;
};
/* A closed loop that nobody lets in must not spin: how long until the next start. */
enum { LOAD_REST_MICROS = 10 * 1000 };

int64_t load_now(void); /* microseconds, monotonic */

/* load.c */
void load_failed(struct client *, const char *what, gp_str detail); /* counts it */
/* The first octets of the detail say which kind it is: a reply's codes, whatever number of an incident its text has. */
void load_failed_as(struct client *, const char *what, gp_str detail, size_t kind);
void load_timed(struct client *, enum load_stage);                  /* the stage has ended */
void load_gone(struct client *);                                    /* closes and forgets  */

/* client.c: false when the client is over, and gone */
bool client_open(struct load *, int64_t due, bool idle);
bool client_ready(struct client *, unsigned events);
bool client_flush(struct client *); /* what waits goes to the socket as far as it takes it; false: broken, counted */
void client_free(struct client *);

/* dialogue.c: all that can be done with what has come; false: it is over (c->refused: badly, and counted) */
bool dialogue_run(struct client *);

#endif
