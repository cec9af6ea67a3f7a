/* For the tests of this folder: a relay in the test's own loop, its queue, and a next hop with a script, over real loopback
 * connections. */
#ifndef RELAY_HOP_KIT_H
#define RELAY_HOP_KIT_H

#include "check.h"
#include "relay/parts.h"

enum { CALLERS_MOST = 8, HEARD_ROOM = 4096, LINE_ROOM = 1024, RESULTS_ROOM = 8192, RCPTS_MOST = 3, OUR_GENERATION = 4 };

/* What it says to each command. NULL: what a good server says. "": nothing. "-": it closes the connection. */
struct script {
    const char *greeting, *ehlo, *starttls, *auth, *mail, *rcpt[RCPTS_MOST], *data, *dot, *quit;
    bool        breaks_tls; /* answers a handshake with noise */
};
struct bench;
struct caller { /* one connection, seen from the next hop */
    struct bench        *bench;
    struct conn         *conn;
    const struct script *script;
    struct gp_text       heard; /* commands, one a line; the body without its dot */
    char                 heard_room[HEARD_ROOM], line[LINE_ROOM];
    size_t               line_len, rcpts;
    bool                 in_body, noise, secure;
};
struct bench {
    struct loop            *loop;
    struct timer           *guard;
    struct listener        *listener;
    struct sockaddr_storage address;
    const struct script    *scripts[CALLERS_MOST]; /* of the connections, in order; the last repeats */
    struct caller           callers[CALLERS_MOST];
    size_t                  caller_count, script_count, hosts, addresses; /* of the next hop: as many hosts; addresses of the first one */
    struct gp_key          *key;
    struct gp_tls_context  *tls;
    struct config           config;
    struct relay            relay;
    struct ipc             *queue, *vault; /* our ends */
    unsigned                logins; /* that vault was asked for, and whether over a connection fit for a password */
    bool                    secure;
    char                    domain[256]; /* whose keys it was asked for */
    bool                    has_key;     /* one; signing with it ends as said */
    gp_status               keys_are, signing;
    const char             *signature; /* NULL: "", which is none */
    unsigned                dkim_signatures;
    unsigned                keys_asked, keys_most; /* how often it was asked for them, and gives them; 0: always */
    const char             *params, *sender; /* of MAIL; NULL: none, and ada */
    const char             *destination; /* NULL: the next hop's address */
    bool                    asks, presented; /* the next hop, for a certificate; what vault was told of it */
    gp_str                  chain;       /* ours; the next hop has the same                             */
    gp_status               vault_signs; /* how its signatures end; WAIT: never                         */
    gp_status               vault_logs_in;
    bool                    vault_doubts; /* that the server knows the password */
    const char             *says_as, *says; /* with which mechanism it signs in, and its line; NULL: PLAIN, as ada */
    uint64_t                fate, ended;    /* of the sign-in that ended last, and of how many             */
    unsigned                signatures;
    uint64_t                which; /* login, with whose certificate */
    size_t                  open; /* deliveries not answered yet */
    char                    results[RESULTS_ROOM];
    bool                    answered, host_down;
    enum host_word          word;
    gp_time                 again;       /* what the queue was told of a host that does not answer */
    char                    host[DOWN_NAMED_MOST * DOWN_NAME_ROOM], back[DOWN_NAME_ROOM]; /* back: of one that does again */
    unsigned                backs;
};

struct bench *bench_open(void);
void          bench_close(struct bench *);
void          smarthost(struct bench *, const char *user,
                        enum relay_tls); /* all mail goes to the next hop, signed in as user if not "" */
void          certificate(struct bench *, gp_time expires); /* ... as who has a certificate, and neither name nor password */
struct config_route *add_route(struct bench *, const char *name); /* with no server yet */
void                 server(struct bench *, struct config_hop *, const char *host); /* the next hop, or where nobody is */
void          deliver(struct bench *, const char *recipients); /* a small message; until it is answered */
void          deliver_text(struct bench *, const char *recipients, const char *message);
void          ask(struct bench *, const char *recipients, const char *body);
void          ask_large(struct bench *, const char *recipients, const char *queue_id, const char *header, uint64_t size); /* what follows the header is zeroes */
void          rest(struct bench *, uint64_t ms); /* lets time go by */
/* The first two fields of each result line: "0 250, 3 550". */
void          results_are(const struct bench *, const char *want);
gp_str        heard(const struct bench *, size_t caller);
bool          holds(gp_str text, const char *part);

#define SCRIPTS(b, ...)                                                                                                \
    do {                                                                                                               \
        static const struct script given[] = { __VA_ARGS__ };                                                          \
        (b)->script_count                  = GP_COUNT(given);                                                          \
        for (size_t g = 0; g < GP_COUNT(given); g++) (b)->scripts[g] = &given[g];                                      \
    } while (0)

#endif
