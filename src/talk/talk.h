/* A client's connection to a mail server, for commands: it connects, speaks TLS, says lines and hears replies, signs in by any mechanism
 * of sasl/, and hands over messages. It can also misbehave: raw octets go out as they are, so that a server can be tested with it.
 * It blocks, each step with a deadline; one thread; no role uses it. What a reply or an offer points to lives until the next reply.
 * A transcript sees both directions as they pass, without secrets. Every refusal by us or the network is in words: talk_why(). */
#ifndef TALK_TALK_H
#define TALK_TALK_H

#include "base/base.h"

enum {
    TALK_CONNECT_MS = 30 * 1000,      /* for each address                                               */
    TALK_REPLY_MS   = 5 * 60 * 1000,  /* RFC 5321 4.5.3.2: five minutes for what is not said otherwise  */
    TALK_DOT_MS     = 10 * 60 * 1000, /* RFC 5321 4.5.3.2.6: for the answer to the message              */
    TALK_LINES_MOST = 128,            /* of one reply; more is no server                                */
    TALK_REPLY_ROOM = 32 * 1024,
    TALK_SHOWN_MOST = 2048,           /* of one line of a transcript; the rest is cut                   */
};

/* ---- transcripts ------------------------------------------------------------------------------------------ */
enum talk_side { TALK_CLIENT, TALK_SERVER, TALK_NOTE /* what happened that is no line: connected, TLS */ };
struct talk_line {
    enum talk_side side;
    int64_t        micros; /* since talk_open */
    gp_str         text;   /* printable UTF-8 or '?', one line, no secret; until the call returns */
};
struct talk_transcript {
    void (*line)(void *owner, const struct talk_line *);
    void *owner;
};

/* ---- a connection ------------------------------------------------------------------------------------------ */
enum talk_tls { TALK_CLEAR, TALK_STARTTLS, TALK_IMPLICIT };
struct talk_plan { /* zeroes are good but for host and port; borrowed for the life of the talk */
    const char   *host, *port, *source; /* source: the address to come from, NULL: any                        */
    int           family;               /* AF_INET, AF_INET6, or 0: any                                       */
    unsigned      connect_ms, reply_ms, dot_ms; /* 0: as above                                                */
    enum talk_tls tls;
    int           oldest, newest;       /* TLS versions, 0x0301 to 0x0304; 0: 1.2 at least                    */
    bool          weak;                 /* old keys and digests too: only to find out what a server takes     */
    const char   *ciphers;
    bool          no_verify;            /* whoever answers will do                                            */
    const char   *expect;               /* the name that the certificate must be for; NULL: host              */
    const char   *server_name;          /* SNI; NULL: what is expected; "": none                              */
    gp_str        ca_pem, pinned_pem;   /* roots, and single certificates trusted as they are; GP_NONE: the system's roots */
    gp_str        chain_pem, key_pem;   /* the client's own certificate                                       */
    struct gp_tls_session *resume;      /* a session to resume, of talk_session_kept(); NULL: none            */
};
/* What the plan says of TLS, for who makes connections of his own. NULL: *why says what cannot be had. */
struct gp_tls_context *talk_tls_context(const struct talk_plan *, const char **why);

struct talk;
/* Connects, and shakes hands where TLS is implicit. NULL: no memory. Else look at talk_works(). */
struct talk *talk_open(const struct talk_plan *, const struct talk_transcript *);
void         talk_close(struct talk *);       /* says nothing more; NULL is fine                              */
bool         talk_works(const struct talk *); /* false: broken for good, and talk_why() says why              */
const char  *talk_why(const struct talk *);   /* "" while nothing went wrong                                  */
/* What a failure was, for those who must decide whether to come back later. */
enum talk_fault { TALK_NO_FAULT, TALK_NO_HOST, TALK_NO_CONNECTION, TALK_LATE, TALK_HUNG_UP, TALK_BAD_TLS, TALK_NOT_SMTP, TALK_NO_MEMORY, TALK_BAD_SETTINGS };
enum talk_fault    talk_fault(const struct talk *);
const char        *talk_peer(const struct talk *);  /* "192.0.2.1:465", "[2001:db8::1]:587"; "" before         */
const struct gp_tls *talk_session(const struct talk *); /* NULL: in clear                                      */
/* To resume it by another talk's plan; NULL: the server does not let it be resumed. Ends with gp_tls_session_close. */
struct gp_tls_session *talk_session_kept(struct talk *);
int64_t            talk_micros(const struct talk *); /* since talk_open                                        */

/* ---- lines and replies --------------------------------------------------------------------------------------- */
struct talk_reply {
    int    code;     /* 200 to 599                                                       */
    gp_str enhanced; /* "5.7.8" or GP_NONE                                               */
    gp_str text;     /* without codes; lines joined by '\n', each as it came, but without secrets */
    size_t lines;
};
enum talk_show { TALK_SHOW, TALK_MASK /* "(12 octets)" */, TALK_COUNT /* "(1234 octets of message)" */ };
bool talk_send_raw(struct talk *, gp_str octets, enum talk_show); /* as they are; a transcript shows them line by line    */
bool talk_say(struct talk *, gp_str line);                        /* adds CR LF; control octets are for talk_send_raw     */
/* The next reply, whatever its code; false: none came, or it is none. */
bool talk_reply(struct talk *, struct talk_reply *);
bool talk_ask(struct talk *, gp_str line, struct talk_reply *);   /* says it and hears the reply                          */
/* How long the next steps wait; 0: as the plan says. */
void talk_patience(struct talk *, unsigned milliseconds);
/* Octets that are here already or come within the time: what a server says that was not asked. They stay to be read. */
gp_str talk_pending(struct talk *, unsigned milliseconds);
/* The secret must not be seen in a transcript, nor in a reply once a sign-in has begun, wherever it stands in a line; kept as a copy
 * until talk_close. What goes out in a sign-in is hidden as well, without asking. */
void talk_hide(struct talk *, gp_secret);

/* ---- what submission is made of -------------------------------------------------------------------------------- */
bool talk_greeting(struct talk *, struct talk_reply *);
/* EHLO, and what it offers; HELO where EHLO is refused by 5xx. The reply's code says whether either was taken. */
bool talk_hello(struct talk *, const char *name, struct talk_reply *);
/* Is it offered, by the last EHLO? *argument (may be NULL): what follows the keyword, "" when nothing does. */
bool talk_offers(const struct talk *, const char *keyword, gp_str *argument);
gp_str talk_offered(const struct talk *);                          /* all lines of it, joined by '\n'                     */
/* STARTTLS and the handshake; what EHLO said is forgotten. false with talk_works(): refused, the reply says how. */
bool talk_starttls(struct talk *, struct talk_reply *);
bool talk_handshake(struct talk *);                                /* the handshake alone, now                            */

struct talk_login {
    gp_str      mechanism; /* GP_NONE: the strongest that is offered and fits                                             */
    gp_str      user, authzid;
    gp_secret   secret;    /* password or token; none for EXTERNAL                                                        */
    bool        token;     /* the secret is a bearer token                                                                */
    bool        in_clear;  /* may sign in without TLS                                                                     */
    bool        unoffered; /* tries a mechanism that is not offered                                                       */
    bool        no_initial; /* never sends an initial response (as old clients do)                                         */
};
/* true: signed in, and a server that has to prove itself has. Else: talk_works() false, or the reply (code 0 where we gave up
 * before any came) and talk_why(). *mechanism (may be NULL): the one that was used; static. */
bool talk_sign_in(struct talk *, const struct talk_login *, struct talk_reply *, const char **mechanism);

/* All of it as the plan says: greeting, EHLO, STARTTLS where the plan wants it, EHLO again. false: see talk_works() and the reply. */
bool talk_enter(struct talk *, const char *name, struct talk_reply *);

/* The message after 354, dots doubled, its end, and the answer. Lines may end in LF: CR LF goes out. */
bool talk_message(struct talk *, gp_str message, struct talk_reply *);
struct talk_recipient {
    gp_str address, params; /* params: "NOTIFY=NEVER", or nothing                                 */
    int    code;            /* the server's answer, from here on; 0: none                         */
    char   enhanced[12], text[256];
};
struct talk_letter {
    gp_str                 sender, params; /* params: "BODY=8BITMIME RET=HDRS"; SIZE is added where it is offered */
    bool                   dsn_is_wish;    /* params of recipients are left out where the server does not offer DSN */
    struct talk_recipient *recipients;
    size_t                 count;
    gp_str                 message;
};
/* MAIL, RCPT, DATA, in groups where the server offers PIPELINING. true: the server has taken the message, for those recipients whose
 * code is 2xx. Else *step is where it ended ("MAIL", "RCPT", "DATA", "message"; static), and the reply is the answer to that. */
bool talk_submit(struct talk *, struct talk_letter *, struct talk_reply *, const char **step);
void talk_quit(struct talk *);                                     /* says QUIT, and waits a moment for the answer        */

#endif
