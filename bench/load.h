/* A load generator for submission servers: many TLS connections in one thread, each working through the same dialogue.
 * It measures from outside, knows nothing of gatepost, and speaks to any server. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <openssl/ssl.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/base.h"

enum { STEPS_MOST = 16, STEP_TEXT = 8192, REPLY_ROOM = 4096, ADDRESS_MOST = 256 };

/* One turn of the dialogue: what is said, and how many replies it gets. The dialogue is the same for all connections. */
struct step {
    const char *text; /* NULL: the TLS handshake                                        */
    size_t      len;
    unsigned    replies;
    char        classes[4]; /* the first digit of each reply                             */
    bool        starts_message, ends_message; /* between these two a message is timed   */
};

struct plan {
    struct sockaddr_storage to;
    socklen_t               to_len;
    SSL_CTX                *tls;
    struct step             steps[STEPS_MOST];
    size_t                  count, again; /* after the last message of a round: back to step `again` */
    unsigned                messages;     /* per connection */
    unsigned                hold;         /* connections to keep open at the end of the dialogue; 0: none */
};

/* What was measured. */
struct tally {
    uint32_t *micros; /* a time per sample */
    size_t    samples, room;
    uint64_t  connections, messages, failures;
    char      first_failure[256];
};

struct session;
enum session_state { SESSION_RUNS, SESSION_DONE, SESSION_FAILED, SESSION_HELD };

int64_t         now_micros(void);
struct session *session_open(const struct plan *, int epoll, struct tally *);
/* Goes on as far as it can without waiting. */
enum session_state session_run(struct session *);
void               session_rest(struct session *, int epoll); /* held: its events are of no interest any more */
void               session_close(struct session *);
bool               tally_sample(struct tally *, int64_t micros);

#endif
