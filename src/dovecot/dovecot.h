/* Dovecot's auth-client protocol 1.x, both sides: how Postfix and Exim ask somebody else whether a password is right. Bytes stay
 * with the host: next() looks at its input, moves it past what was used up, and hands out an event; answers are written into text
 * that the host sends. Nothing here allocates, blocks, logs or knows a socket. Slices in an event are borrowed from the input and
 * from the object: until the next call. A line is words between tabs, ends in LF, and names the request it is about by an id that
 * the client chose; many may be open at once, GP_DOVECOT_OPEN_MOST of them. One object is used by one thread. */
#ifndef GP_DOVECOT_DOVECOT_H
#define GP_DOVECOT_DOVECOT_H

#include "base/base.h"

enum {
    GP_DOVECOT_OPEN_MOST   = 64,
    GP_DOVECOT_LINE_MOST   = 20480, /* without its LF: an initial response of 16384 and what stands before it */
    GP_DOVECOT_HELLO_ROOM  = 2048,
    GP_DOVECOT_ANSWER_ROOM = 5120,  /* a user name, each octet escaped, and a challenge                        */
    GP_DOVECOT_TEXT_MOST   = 1024,  /* of what a request says in escapes                                       */
    GP_DOVECOT_COOKIE      = 16,    /* octets                                                                  */
    GP_DOVECOT_PLAIN_MOST  = 1282,  /* of a client: NUL, a name of 255, NUL, a password of 1024, and one to spare   */
    GP_DOVECOT_AUTH_ROOM   = 4096,  /* for gp_dovecot_client_plain: that in base64, and what stands before it  */
};

/* What an id is: nothing, a question of the client's, or one that waits for the client to go on. */
enum gp_dovecot_turn { GP_DOVECOT_FREE, GP_DOVECOT_OURS, GP_DOVECOT_CLIENTS };
struct gp_dovecot_open {
    uint32_t id, age; /* age: the lower, the longer it is open */
    uint8_t  turn;
};

/* ---- server ----------------------------------------------------------------------------------------------- */
enum gp_dovecot_kind {
    GP_DOVECOT_NEED_INPUT,
    GP_DOVECOT_READY,   /* hands are shaken                                                                     */
    GP_DOVECOT_AUTH,    /* a sign-in begins: answer slot with more, ok or fail, now or later                    */
    GP_DOVECOT_CONT,    /* data: the client's next line, base64; answer as above                                */
    GP_DOVECOT_CANCEL,  /* the slot is free again: no answer is wanted                                          */
    GP_DOVECOT_OVERDUE, /* room is needed: the slot has waited longest for its client. Answer it with fail      */
    GP_DOVECOT_REFUSE,  /* about nothing that is open, or too much is: gp_dovecot_refuse(id) is the answer      */
    GP_DOVECOT_BROKEN,  /* not this protocol (why): close. Nothing else comes from here on                      */
};
struct gp_dovecot_request { /* what is absent is GP_NONE; nothing in it is checked but its form */
    gp_str mechanism, service, remote_ip, local_ip, remote_port, local_port, tls_version, tls_cipher, session, cert_username;
    gp_str initial;         /* base64, "" for "="; GP_NONE also for an empty one, which Exim sends where there is none */
    bool   secured;         /* the client is behind TLS, or on its server's own machine                         */
    bool   valid_client_cert, no_penalty, final_resp_ok, no_login;
};
struct gp_dovecot_event {
    enum gp_dovecot_kind      kind;
    unsigned                  slot; /* below GP_DOVECOT_OPEN_MOST */
    uint32_t                  id;
    gp_str                    data;
    struct gp_dovecot_request request;
    const char               *why;
};
struct gp_dovecot_server {
    struct gp_dovecot_open open[GP_DOVECOT_OPEN_MOST];
    uint32_t               ages;
    size_t                 searched; /* of the input: no LF there */
    unsigned               phase;
    const char            *why;
    char                   texts[GP_DOVECOT_TEXT_MOST];
};
void gp_dovecot_server_init(struct gp_dovecot_server *);
/* The server speaks first. Of the names (between spaces) those that work without a channel of their own are offered. */
struct gp_dovecot_hello { gp_str mechanisms; uint32_t pid, connection; uint8_t cookie[GP_DOVECOT_COOKIE]; };
bool gp_dovecot_put_hello(struct gp_text *, const struct gp_dovecot_hello *) GP_MUST_USE;
bool gp_dovecot_offers(gp_str mechanism);      /* would it be, if it were among the names?                      */
struct gp_dovecot_event gp_dovecot_server_next(struct gp_dovecot_server *, gp_str *input);
/* Each takes one slot whose turn is ours and leaves it to the client (more) or free; fail also ends one that waits for its client.
 * false: nothing was asked, or it did not fit. initial: the mechanism's last word, for a request with final_resp_ok, or GP_NONE. */
bool gp_dovecot_server_more(struct gp_dovecot_server *, unsigned slot, gp_str base64, struct gp_text *) GP_MUST_USE;
bool gp_dovecot_server_ok(struct gp_dovecot_server *, unsigned slot, gp_str user, gp_str last_word, struct gp_text *) GP_MUST_USE;
bool gp_dovecot_server_fail(struct gp_dovecot_server *, unsigned slot, bool for_now, struct gp_text *) GP_MUST_USE;
bool gp_dovecot_refuse(uint32_t id, struct gp_text *) GP_MUST_USE;

/* ---- client: is this name and password right? -------------------------------------------------------------- */
enum gp_dovecot_verdict {
    GP_DOVECOT_LISTEN,   /* feed me                                                                             */
    GP_DOVECOT_MAY_ASK,  /* hands are shaken, and PLAIN is offered                                              */
    GP_DOVECOT_RIGHT,    /* user: the name that the server knows it by                                          */
    GP_DOVECOT_WRONG,
    GP_DOVECOT_UNKNOWN,  /* the server cannot tell now                                                          */
    GP_DOVECOT_CONFUSED, /* not this protocol (why): close, believe nothing that is still open                  */
};
struct gp_dovecot_client_event {
    enum gp_dovecot_verdict kind;
    uint32_t                id;
    gp_str                  user;
    const char             *why;
};
struct gp_dovecot_client {
    struct gp_dovecot_open open[GP_DOVECOT_OPEN_MOST];
    uint32_t               last;
    size_t                 searched;
    unsigned               phase;
    bool                   offers_plain;
    const char            *why;
    char                   texts[GP_DOVECOT_TEXT_MOST];
};
struct gp_dovecot_plain {
    gp_str    user, service, remote_ip, local_ip; /* service: "smtp"; addresses may be GP_NONE */
    gp_secret password;
    bool      secured;
    bool      no_penalty; /* no delays for what others did from that address: the asker keeps them apart itself */
};
void gp_dovecot_client_init(struct gp_dovecot_client *);
bool gp_dovecot_client_hello(uint32_t pid, struct gp_text *) GP_MUST_USE;
struct gp_dovecot_client_event gp_dovecot_client_next(struct gp_dovecot_client *, gp_str *input);
/* The text has the password in it: wipe it once it is sent. false: not yet MAY_ASK, too many are open, or it does not fit. */
bool gp_dovecot_client_plain(struct gp_dovecot_client *, const struct gp_dovecot_plain *, uint32_t *id, struct gp_text *) GP_MUST_USE;
bool gp_dovecot_client_cancel(struct gp_dovecot_client *, uint32_t id, struct gp_text *) GP_MUST_USE; /* no verdict comes any more */

#endif
