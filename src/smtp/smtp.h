/* The SMTP protocol (RFC 5321) as a server and as a client see it. Bytes go in with feed(), events come out with
 * next(), bytes to send wait in output(). An event that asks something stops the session until answer() settles it;
 * the answer is the reply the client sees, and its first digit is what moves the session.
 * Nothing here allocates, blocks, logs, reads a clock or knows a socket. Slices in an event are borrowed: they live
 * until the next call on the same session. Room for bytes is lent by the host and may be taken back while the
 * session says it is unused, so that an idle session holds no buffer. */
#ifndef GP_SMTP_H
#define GP_SMTP_H

#include "base/base.h"

/* Sizes with CR LF (RFC 5321 4.5.3.1, RFC 4954 4). */
enum {
    GP_SMTP_COMMAND_MOST = 2048,   /* a command line: 512 and what the offered extensions add   */
    GP_SMTP_AUTH_MOST    = 12288,  /* an AUTH command or response line                          */
    GP_SMTP_TEXT_MOST    = 1000,   /* a line of message text, doubled dot not counted           */
    GP_SMTP_PATH_MOST    = 256,
    GP_SMTP_LOCAL_MOST   = 64,
    GP_SMTP_DOMAIN_MOST  = 255,
    GP_SMTP_REPLY_MOST   = 512,    /* a reply line                                              */
    GP_SMTP_IN_ROOM      = 16384,
    GP_SMTP_OUT_ROOM     = 8192,
    GP_SMTP_INCIDENT_ROOM = 11,    /* the name of a refusal, and NUL                            */
};

struct gp_reply {
    int         code;
    const char *enhanced; /* "5.7.8", or NULL where RFC 2034 has none (3xx, greeting, EHLO) */
    const char *text;     /* one line, static or owned by the host until the call returns; static */
};                        /* in the answer to GP_SMTP_DATA and in end(), which may be said later    */

/* Room that the host lends; a pool of these serves all sessions. */
struct gp_smtp_room {
    char in[GP_SMTP_IN_ROOM];
    char out[GP_SMTP_OUT_ROOM];
    char scratch[GP_SMTP_COMMAND_MOST]; /* canonical parameters of the event at hand */
};

/* ======================================= server ======================================================== */
enum gp_smtp_kind {
    GP_SMTP_NEED_INPUT, /* feed me                                                                            */
    GP_SMTP_WAITING,    /* a question is open, or output must be sent first                                   */
    GP_SMTP_CLOSE,      /* send what is left and close                                                        */
    GP_SMTP_BODY,       /* text = next piece of the message, dots removed, lines end in CR LF                 */
    GP_SMTP_RESET,      /* forget the transaction and any uncommitted body                                    */
    GP_SMTP_NOTICE,     /* something worth a log line: text = what, more = the line's first octets, sanitised */

    GP_SMTP_STARTTLS,   /* questions from here on: each needs one answer. text: nothing                       */
    GP_SMTP_AUTH,       /* text = mechanism, more = initial response ("=" already made "") or GP_NONE         */
    GP_SMTP_AUTH_MORE,  /* text = the client's next line, still base64; "*" cancels: the host answers 501     */
    GP_SMTP_MAIL,       /* text = sender ("" for <>), more = parameters, canonical: "SIZE=1 BODY=8BITMIME"    */
    GP_SMTP_RCPT,       /* text = recipient, more = parameters, canonical: "NOTIFY=NEVER ORCPT=rfc822;a+3Db"  */
    GP_SMTP_DATA,       /* a body opens: 354 lets it come (for BDAT too, where the session keeps the 354 back) */
    GP_SMTP_END,        /* body complete: commit, then answer                                                 */
    GP_SMTP_MINE,       /* what became of the client's own mail: text = arguments of XMINE, which gp_read_mine reads */
    GP_SMTP_KINDS
};
struct gp_smtp_event {
    enum gp_smtp_kind kind;
    gp_str            text, more;
};

/* Borrowed for the life of the session; shared by all sessions of a listener. */
struct gp_smtp_options {
    const char *hostname;          /* greeting and EHLO                                                */
    const char *mechanisms;        /* AUTH line under TLS: "PLAIN LOGIN SCRAM-SHA-256 ..."; never in clear; see offer() */
    uint64_t    size_limit;        /* octets of a message; announced by SIZE                           */
    unsigned    recipients_most;   /* LIMITS RCPTMAX (RFC 9422); 452 4.5.3 above                       */
    unsigned    mails_most;        /* LIMITS MAILMAX: transactions per session; then 421               */
    unsigned    errors_most;       /* bad commands before 421 4.7.0                                    */
    unsigned    auth_failures_most; /* at least 3 (RFC 4954 9)                                         */
    bool        implicit_tls;      /* port 465: secured() is called before the greeting is due         */
    bool        without_tls;       /* what needs TLS elsewhere is served in clear, and STARTTLS is not offered: for old devices, in
                                    * networks that their administrator trusts; mechanisms are those of offer()               */
    bool        old_devices;       /* what printers and scanners say is let pass: AUTH behind HELO, a hello without a name, a path
                                    * without brackets; and EHLO says AUTH= as well                                         */
    /* Names a refusal that is a decision, other than one about the client's grammar (500 to 503): what it writes, with its NUL, goes
     * to the end of the reply, and refusal() has it for the log. NULL: they have no names. */
    void (*new_incident)(char out[static GP_SMTP_INCIDENT_ROOM]);
    /* FUTURERELEASE (RFC 4865): how many seconds a sender may hold a message back, and what time it is, in ms since 1970. 0 or NULL: it
     * is not offered; nor is it to who cannot sign in. */
    unsigned hold_most;
    gp_time (*now)(void);
    bool priorities;               /* MT-PRIORITY (RFC 6710) is offered                              */
    bool require_tls;              /* REQUIRETLS (RFC 8689) is offered under TLS: the host keeps to it, onward and in what it reports */
    bool mine;                     /* XMINE is offered to who has signed in                          */
    /* DELIVERBY (RFC 2852) is offered, where `now` is there; and within how many seconds at least a message may be wanted delivered or
     * returned, 0: any number. */
    bool     deadlines;
    unsigned deadline_least;
    const char *unlisted;          /* mechanisms that the host decides about though nobody is offered them; NULL: none */
};

/* What a NOTICE is about. */
struct gp_smtp_refusal {
    int  code;
    char incident[GP_SMTP_INCIDENT_ROOM]; /* "": none */
};

struct gp_smtp_server; /* its fields are in smtp/session.h: a host embeds one, and touches none of them */

void   gp_smtp_server_init(struct gp_smtp_server *, const struct gp_smtp_options *);
void   gp_smtp_server_lend(struct gp_smtp_server *, struct gp_smtp_room *);   /* before the first call that has bytes */
struct gp_smtp_room *gp_smtp_server_take_back(struct gp_smtp_server *);       /* NULL: in use, or none was lent       */
/* The client is who started this program, over a pipe: as if hands had been shaken and it had signed in. Before greet(). */
void   gp_smtp_server_trust(struct gp_smtp_server *);
void   gp_smtp_server_greet(struct gp_smtp_server *);                         /* 220; once, when bytes may flow       */
size_t gp_smtp_server_feed(struct gp_smtp_server *, gp_str bytes);            /* how many were taken                  */
struct gp_smtp_event gp_smtp_server_next(struct gp_smtp_server *);
void   gp_smtp_server_answer(struct gp_smtp_server *, struct gp_reply);
/* A line before the last of a reply of several, which answer() is. While a question is open there is room for GP_SMTP_LINES_MOST
 * octets of them in all; false: it does not fit, and is not said. */
enum { GP_SMTP_LINES_MOST = 4096, GP_SMTP_LINE_OVERHEAD = 16 /* code, enhanced code, CR LF */ };
bool   gp_smtp_server_line(struct gp_smtp_server *, struct gp_reply) GP_MUST_USE;
void   gp_smtp_server_secured(struct gp_smtp_server *);                       /* TLS is up; all said before is forgotten */
/* What AUTH is offered to this client with, in place of the options' list; borrowed as those are. Before secured(), when it
 * depends on what TLS has found out about the client. */
void   gp_smtp_server_offer(struct gp_smtp_server *, const char *mechanisms);
gp_str gp_smtp_server_output(const struct gp_smtp_server *);
void   gp_smtp_server_sent(struct gp_smtp_server *, size_t);
/* Ends the session from the host's side (421 for shutdown, idle, overload): said when no answer is owed and no body
 * is open, so a message on its way in still gets its own answer first. `now` says it at once all the same. */
void   gp_smtp_server_end(struct gp_smtp_server *, struct gp_reply, bool now);

enum gp_smtp_state { GP_SMTP_COMMANDS, GP_SMTP_SIGNING_IN, GP_SMTP_IN_BODY, GP_SMTP_ANSWERING, GP_SMTP_ENDED };
enum gp_smtp_state gp_smtp_server_state(const struct gp_smtp_server *);       /* picks the host's time limit        */
bool   gp_smtp_server_line_over(const struct gp_smtp_server *);               /* the "*" of AUTH_MORE stands for a line that was too long */
const struct gp_smtp_refusal *gp_smtp_server_refusal(const struct gp_smtp_server *); /* of the last NOTICE          */
gp_str gp_smtp_server_helo(const struct gp_smtp_server *);                    /* EHLO argument, sanitised; until the next hello */
bool   gp_smtp_server_said_ehlo(const struct gp_smtp_server *);               /* ESMTP or SMTP, for Received        */

/* ======================================= addresses and parameters ====================================== */
/* RFC 5321 4.1.2 mailbox; utf8: RFC 6531 3.3 as well. Parts are borrowed from `text`. */
struct gp_address {
    gp_str local, domain; /* domain: as written, or an address literal with its brackets; "" for <Postmaster> */
};
bool gp_read_address(gp_str text, bool utf8, struct gp_address *out) GP_MUST_USE;
bool gp_is_domain(gp_str text, bool utf8);                                    /* host name syntax, two labels at least */
void gp_put_xtext(struct gp_text *, gp_str octets);                           /* RFC 3461 4                            */
bool gp_read_xtext(gp_str text, struct gp_text *out) GP_MUST_USE;
/* What ORCPT says of an address that a message came in with (RFC 3461 4.2): "rfc822;" and xtext, or "utf-8;" (RFC 6533 3), with the
 * characters as they are where the next hop takes them (utf8), else as \x{HEX}. Sets cut where there is no way to say it. */
void gp_put_orcpt(struct gp_text *, gp_str address, bool utf8);
void gp_read_utf8_address(gp_str text, struct gp_text *out);                  /* \x{HEX} undone; what is none stays as it is */
/* The value of NAME in canonical parameters; ptr NULL when absent, "" when it has no value. */
gp_str gp_parameter(gp_str parameters, const char *name);

/* ---- XMINE: what became of one's own mail; an extension of ours, docs/mine.md -------------------------------------- */
enum gp_mine_verb { GP_MINE_LIST, GP_MINE_RECENT, GP_MINE_SHOW, GP_MINE_ENVID, GP_MINE_CANCEL, GP_MINE_SEND, GP_MINE_VERBS };
enum { GP_MINE_NAME_MOST = 100 }; /* of an id, or of an ENVID (RFC 3461 4.4) */
struct gp_mine {
    enum gp_mine_verb verb;
    gp_str            name;  /* SHOW, CANCEL, SEND: the queue's id; ENVID: that, as it was said (xtext)              */
    uint64_t          after; /* where the page before ended; 0: from the first                                       */
};
bool gp_read_mine(gp_str arguments, struct gp_mine *out) GP_MUST_USE;

/* RFC 3339, whole seconds, UTC: "2026-12-24T18:00:00Z"; read with any offset, from 1970 on. */
void gp_put_moment(struct gp_text *, gp_time when);
bool gp_read_moment(gp_str text, gp_time *when) GP_MUST_USE;
bool gp_read_hold(gp_str value, uint64_t *seconds) GP_MUST_USE;               /* of HOLDFOR                            */
/* When a message with these canonical parameters is to go (RFC 4865): 0 where its sender does not hold it back. */
gp_time gp_release_time(gp_str params, gp_time arrived);

/* DELIVERBY (RFC 2852): by when a message is to be delivered; back: it is returned then, trace: its sender is told of each server that it is
 * passed on to. `by` is what MAIL says; canonical parameters hold the moment, "BY=2026-12-24T18:00:00Z;RT", and are turned back for the next hop. */
enum { GP_BY_MOST = 999999999 };
struct gp_by       { int64_t seconds; bool back, trace; };
struct gp_deadline { gp_time when;    bool back, trace; };                    /* when 0: the sender named none         */
bool gp_read_by(gp_str value, struct gp_by *) GP_MUST_USE;
void gp_put_deadline(struct gp_text *, const struct gp_by *, gp_time now);
struct gp_deadline gp_deadline(gp_str params);                                /* of canonical parameters               */
/* The same parameters with the seconds that are left; false: it is over, and the message has to go back. */
bool gp_put_time_left(gp_str params, gp_time now, struct gp_text *out) GP_MUST_USE;

/* MT-PRIORITY (RFC 6710): -9 to 9, 0 where nothing is said. */
enum { GP_PRIORITY_LEAST = -9, GP_PRIORITY_MOST = 9 };
bool gp_read_priority(gp_str value, int *priority) GP_MUST_USE;
int  gp_priority(gp_str params);                                              /* of canonical parameters               */
/* The same parameters with a priority of `most` at most; whether that is less than was asked for. */
bool gp_lower_priority(gp_str params, int most, struct gp_text *out);

/* ======================================= client ======================================================== */
/* Delivery to a next hop (driven by the relay and by `gatepost send`). One connection, many messages. */
enum gp_smtp_client_kind {
    GP_CLIENT_NEED_INPUT,
    GP_CLIENT_WAITING,       /* output must be sent first, or the host owes something              */
    GP_CLIENT_STARTTLS,      /* 220 came: shake hands, then secured()                              */
    GP_CLIENT_AUTH,          /* text = mechanisms offered: call auth() or skip_auth()              */
    GP_CLIENT_AUTH_MORE,     /* text = challenge, still base64: call auth_line()                   */
    GP_CLIENT_AUTHED,        /* 235                                                                */
    GP_CLIENT_READY,         /* idle: call mail() or quit()                                        */
    GP_CLIENT_NEXT_RCPT,     /* call rcpt(), or no_more_rcpts()                                    */
    GP_CLIENT_RCPT_REPLY,    /* reply to recipient number `index` (from 0, in the order given)     */
    GP_CLIENT_SEND_BODY,     /* call body() until done()                                           */
    GP_CLIENT_FINAL_REPLY,   /* LMTP: reply to the message for one recipient: the first, second ... (`index`, from 0) of those accepted */
    GP_CLIENT_MESSAGE_REPLY, /* the end of this message: its reply (of MAIL, DATA or the final dot; LMTP: that for the last of them) */
    GP_CLIENT_FAILED,        /* the session can't go on: code/enhanced/text say why; `temporary`    */
    GP_CLIENT_CLOSE,
};
struct gp_smtp_client_event {
    enum gp_smtp_client_kind kind;
    int      code;     /* of the reply; 0 when there was none (garbage, refused by us) */
    gp_str   enhanced; /* "5.1.1" or GP_NONE                                           */
    gp_str   text;     /* the reply's lines joined by spaces, controls removed         */
    unsigned index;
    bool     temporary; /* for FAILED without a code                                    */
    bool     no_tls;    /* for FAILED: the plan wants TLS, and the server does not offer it, or says no to STARTTLS */
};
/* Borrowed for the session. */
struct gp_smtp_plan {
    const char *helo;
    bool        use_tls;    /* STARTTLS when offered                                   */
    bool        must_tls;   /* fail (temporarily) when it is not                       */
    bool        implicit_tls; /* secured() comes before the greeting                   */
    bool        may_auth;   /* emit AUTH when the server offers it                     */
    bool        must_auth;  /* fail (temporarily) when it does not                     */
    bool        lmtp;       /* RFC 2033: LHLO, and a reply for each recipient after the dot */
};
enum gp_smtp_offer { /* what the server said to EHLO; bits */
    GP_OFFERS_PIPELINING = 1, GP_OFFERS_8BITMIME = 2, GP_OFFERS_SIZE = 4, GP_OFFERS_SMTPUTF8 = 8, GP_OFFERS_DSN = 16,
    GP_OFFERS_STARTTLS = 32, GP_OFFERS_AUTH = 64, GP_OFFERS_CHUNKING = 128, GP_OFFERS_REQUIRETLS = 256,
    GP_OFFERS_LIMITS = 512, GP_OFFERS_MT_PRIORITY = 1024,
    GP_OFFERS_DELIVERBY = 2048,
};
struct gp_smtp_client; /* fields in smtp/session.h */

void   gp_smtp_client_init(struct gp_smtp_client *, const struct gp_smtp_plan *);
void   gp_smtp_client_lend(struct gp_smtp_client *, struct gp_smtp_room *);
size_t gp_smtp_client_feed(struct gp_smtp_client *, gp_str);
struct gp_smtp_client_event gp_smtp_client_next(struct gp_smtp_client *);
gp_str gp_smtp_client_output(const struct gp_smtp_client *);
void   gp_smtp_client_sent(struct gp_smtp_client *, size_t);
void   gp_smtp_client_secured(struct gp_smtp_client *);
bool   gp_smtp_client_auth(struct gp_smtp_client *, gp_str mechanism, gp_str initial); /* base64 or GP_NONE  */
bool   gp_smtp_client_auth_line(struct gp_smtp_client *, gp_str line);                 /* base64, or "*"     */
void   gp_smtp_client_skip_auth(struct gp_smtp_client *);
unsigned gp_smtp_client_offers(const struct gp_smtp_client *);
gp_str gp_smtp_client_peer(const struct gp_smtp_client *);  /* the name in the server's greeting, or else in its answer to EHLO; printable; or "" */
/* Canonical parameters are filtered by what the server offers (rows of smtp/extensions.c); false: this message needs
 * what the server lacks (SMTPUTF8, 5.6.7; REQUIRETLS, 5.7.30; SIZE, 5.3.4; DELIVERBY, 5.3.3): *why says it, nothing was sent, the session is READY still. */
bool   gp_smtp_client_mail(struct gp_smtp_client *, gp_str sender, gp_str params, uint64_t size, struct gp_reply *why);
bool   gp_smtp_client_rcpt(struct gp_smtp_client *, gp_str address, gp_str params);    /* false: no room now: drain  */
void   gp_smtp_client_no_more_rcpts(struct gp_smtp_client *);
size_t gp_smtp_client_body(struct gp_smtp_client *, gp_str piece);                     /* stuffs dots; what was taken */
bool   gp_smtp_client_done(struct gp_smtp_client *);                                   /* end of body; false: no room now */
void   gp_smtp_client_quit(struct gp_smtp_client *);
bool   gp_smtp_client_heard_unasked(const struct gp_smtp_client *); /* READY, and replies are left over: they would be taken for those to the next message */

#endif
