/* What the files of the role share: the role, a session, a message on its way in. One thread; a struct belongs to the file
 * that opens it. */
#ifndef SUBMIT_PARTS_H
#define SUBMIT_PARTS_H

#include "crypto/crypto.h"
#include "mail/fixup.h"
#include "mail/likeness.h"
#include "ops/log.h"
#include "proc/proc.h"
#include "smtp/session.h"
#include "tls/tls.h"

enum {
    ENVELOPE_MOST  = 120 * 1024, /* sender, recipients and parameters of a message: with an inline body it fits a COMMIT */
    MECHANISM_ROOM = 24,         /* RFC 4422 3.1: 20 and NUL           */
    USER_ROOM      = 257,
    QUEUE_ID_ROOM  = 17,         /* 80 bits in 16 letters, and NUL     */
    REPLY_ROOM     = 400,        /* with code and enhanced code in a line of RFC 5321 4.5.3.1.5 */
    MS             = 1000,
};

/* ---- rooms.c: the buffers of sessions that are not idle ------------------------------------------------------- */
struct rooms {
    struct free_room *free;
    size_t            count; /* kept for the next session */
};
struct gp_smtp_room *rooms_take(struct rooms *); /* NULL: no memory */
void                 rooms_give(struct rooms *, struct gp_smtp_room *);
void                 rooms_close(struct rooms *);

/* ---- limits.c: how many sessions there are, in all and from one address ------------------------------------------ */
struct sockaddr_storage;
struct address_count;
enum { ADDRESS_BUCKETS = 1024 };
struct refusals { gp_time due; unsigned untold; }; /* due: when the log may hear of the next one */
struct limits {
    struct refusals       refusals; /* of addresses that have no session */
    struct address_count *buckets[ADDRESS_BUCKETS];
    unsigned              sessions, sessions_most, per_address_most;
};
/* NULL: may come in, and is counted; *counted is for limits_leave. Else why not. */
const struct gp_reply *limits_enter(struct limits *, const struct sockaddr_storage *, struct address_count **counted);
void                   limits_leave(struct limits *, struct address_count *);
/* One was refused: how many that makes since the log was told of this address; 0: not now, a flood must not fill the disk. */
unsigned               limits_refused(struct limits *, const struct sockaddr_storage *, gp_time now);

/* ---- refusal.c: a no that is a decision has a name ------------------------------------------------------------------ */
enum {
    REFUSAL_ROOM = GP_SMTP_REPLY_MOST,
    FLOOD_BURST  = 100, /* refusals that vault hears of at once, of those who have signed in and of strangers each ... */
    FLOOD_RATE   = 5,   /* ... and each second from then on                                                              */
};
struct flood { gp_time seen, left; uint64_t missed; }; /* left: thousandths; missed: how many vault was not told of */
bool flood_lets(struct flood *, gp_time now) GP_MUST_USE; /* false: and is counted */
struct session;
struct port;
struct refusal {
    int         code;
    const char *incident;
    gp_str      text, reason; /* the reply's, without the incident; the true one, for log and record */
    gp_str      command;      /* or GP_NONE                                                          */
};
/* The reply with the incident at the end of its text, which is in `room`; of "": as it was. */
struct gp_reply refusal_named(struct gp_reply, gp_str incident, char room[static REFUSAL_ROOM]);
void            refusal_log(const struct session *, const struct refusal *);
void            refusal_tell(struct session *, const struct refusal *); /* to vault, for the record */
/* vault's: it has named and recorded it. When it has not, or did not answer: as smtpd's own. */
struct gp_reply refusal_by_vault(struct session *, struct gp_reply, gp_str incident, gp_str reason, char room[static REFUSAL_ROOM]);
/* smtpd's own, all of it: makes the incident, logs it, tells vault, and gives the reply to say. */
struct gp_reply refusal_of(struct session *, struct gp_reply, gp_str reason, char room[static REFUSAL_ROOM]);
/* The same before there is a session; of one address the log hears now and then. */
struct gp_reply refusal_at_door(const struct port *, struct gp_reply, const char *peer, const struct sockaddr_storage *, char room[static REFUSAL_ROOM]);

/* ---- keyring.c: the TLS context, made of the certificates that vault announces ------------------------------------- */
enum { KEYRING_OLD = LANE_NEWEST - LANE_OLDEST };
struct keyring {
    struct gp_tls_context *context;    /* NULL: none yet                         */
    struct gp_tls_context *old[KEYRING_OLD]; /* from TLS 1.0 on, from 1.1 on; NULL: nobody needs it, or there is none */
    bool                   needs[KEYRING_OLD];
    uint64_t               generation; /* of the context                         */
    char                  *chains[GP_TLS_CERTIFICATES_MOST]; /* of the one that is coming */
    size_t                 lengths[GP_TLS_CERTIFICATES_MOST], count, have;
    uint64_t               coming;
};
void keyring_certificate(struct keyring *, const struct msg_certificate *);
void keyring_tickets(struct keyring *, gp_str keys);
struct gp_tls_context *keyring_for(const struct keyring *, const struct config_listen *); /* NULL: none */
void keyring_close(struct keyring *);

/* ---- offers.c: what EHLO lists to whom ------------------------------------------------------------------------------------ */
enum { OFFER_PEER = 1, OFFER_BINDING = 2, OFFERS = 4 }; /* bits: the client presented a certificate; the channel can be bound to */
struct port;
void        offers_take(struct port *, gp_str names); /* as vault says; sessions that are open see it at once */
const char *offers_for(const struct port *, struct gp_tls *); /* NULL: in clear */

/* ---- submit.c: the role ----------------------------------------------------------------------------------------------- */
struct port {
    struct submit              *submit;
    struct gp_smtp_options      options;
    const struct config_listen *listen;
    struct listener            *listener;
    size_t                      index; /* of the listener, in config */
    int                         fd;
    char                        offers[OFFERS][CONFIG_TEXT]; /* sessions borrow them */
};
struct submit {
    const struct config   *config;
    struct loop           *loop;
    struct ipc            *supervisor, *vault, *queue;
    struct keyring         keyring;
    struct rooms           rooms;
    struct limits          limits;
    struct flood           refused, refused_strangers; /* what vault hears of refusals                  */
    struct port            ports[ROLE_LISTENERS_MOST];
    size_t                 port_count;
    struct session        *sessions; /* all of them, newest first */
    struct asker          *askers;   /* the same of other servers that ask */
    size_t                 asker_count;
    struct timer          *sweep;    /* looks for those that are silent too long */
    uint64_t               index, last_session;
    gp_time                deadline; /* of the orderly end, by loop_now */
    bool                   stopping, ready;
};
void     submit_session_ended(struct submit *);
uint64_t submit_next_session(struct submit *); /* a number that no other session of any smtpd has */

/* ---- session.c: one client -------------------------------------------------------------------------------------------- */
struct session {
    struct submit         *submit;
    struct session        *next, *previous;
    const struct port     *port;
    struct conn           *conn;
    struct gp_smtp_server  smtp;
    struct gp_smtp_room   *room;    /* lent to smtp, NULL: idle                            */
    struct mail           *mail;    /* the transaction, NULL: none                         */
    struct address_count  *counted;
    uint64_t               id, generation, account, credential;
    gp_time                opened, active;
    unsigned               accepted;    /* messages */
    bool                   secured;
    bool                   starting_tls; /* 220 is on its way out, then hands are shaken    */
    bool                   paused;       /* a body waits for the file it goes to            */
    bool                   exchanging;   /* vault has an exchange open for this session     */
    bool                   signed_in, strayed;
    gp_time                ends;         /* of the token that it signed in with; 0: none that ends */
    char                   peer[NET_ADDRESS_ROOM], mechanism[MECHANISM_ROOM], user[USER_ROOM];
    char                   signer[USER_ROOM]; /* whose credential it was, where it acts for another; else "" */
};
void session_open(struct port *, int fd);
void session_answer(struct session *, struct gp_reply); /* settles the open question; does not pump */
void session_pump(struct session *);                    /* may close the session: do not touch it afterwards */
void session_end(struct session *, struct gp_reply, bool now);
void session_sweep(struct session *, gp_time now);      /* ends it when it was silent too long; may close it  */
void session_close(struct session *, const char *why);

/* ---- asker.c: another server that asks about its clients' passwords; asker.h has what is inside ---------------------------- */
struct asker;
void          asker_open(struct port *, int fd);
void          asker_sweep(struct asker *, gp_time now, bool leave); /* may close it. leave: unless something is open */
void          asker_close(struct asker *, const char *why);
struct asker *asker_after(const struct asker *);

/* ---- signin.c: AUTH, with vault ------------------------------------------------------------------------------------------ */
void signin_start(struct session *, const struct gp_smtp_event *);
void signin_line(struct session *, const struct gp_smtp_event *);
void signin_abort(struct session *); /* the client is gone */
/* RFC 4954 4: a session signs in once. Whose sign-in is no longer good can only come again, in another session, so this is its end. */
extern const struct gp_reply signin_over;
void signin_stray(struct session *); /* AUTH where it is not offered: vault counts such */
void signin_refused(const struct session *, gp_str incident, gp_str reason); /* before there was a question: the log has a line of every sign-in */

/* ---- envelope.c, intake.c, authors.c and submission.c: a message on its way in --------------------------------------------------------------------- */
struct reply_room { char enhanced[16], text[REPLY_ROOM]; };
enum { ENOUGH_ROOM = 160 }; /* octets of what vault says of one recipient more */
struct mail {
    struct session *session;      /* NULL: the client is gone, an answer is still due      */
    struct submit  *submit;
    gp_str          sender, params;
    struct gp_arena arena;        /* of sender and params                                  */
    struct gp_buffer recipients;  /* lines "address TAB params"                            */
    size_t          first_length; /* of the first recipient's address                      */
    unsigned        count;

    bool             body_open;   /* trace and fixup are in use                            */
    bool             asked;       /* AUTHORS, DRAFT, SUBMIT or COMMIT is unanswered        */
    bool             ended;       /* all of its text has come                              */
    struct gp_reply  failed;      /* what the end will be answered; code 0: all well       */
    bool             lowered;     /* its sender asked for a higher priority                */
    struct reply_room said;       /* of `failed`, where vault said it                      */
    char             incident[GP_INCIDENT_ROOM]; /* its name                               */
    struct gp_trace  trace;
    struct gp_fixup  fixup;
    struct gp_likeness likeness;  /* of the text as the client sent it                      */
    struct gp_buffer body;        /* what is not in the draft                              */
    struct gp_buffer rest;        /* of the piece that the header ended in, while vault is asked */
    unsigned         may;         /* recipients, as vault says     */
    char             enough[ENOUGH_ROOM]; /* of one more than that; "": it said nothing */
    char             too_many[GP_INCIDENT_ROOM]; /* of one more than that; "": none yet     */
    uint64_t         owner;       /* as in SUBMITTED */
    bool             foreign;     /* as in SUBMITTED */
    bool             hold;        /* the queue keeps it back, because of hold_why          */
    char             hold_why[HOLD_WHY_MOST + 1];
    int              draft_fd;    /* -1: none                                              */
    uint64_t         draft, size;
    char             queue_id[QUEUE_ID_ROOM], unique[2 * QUEUE_ID_ROOM], tls[64];
};
void mail_from(struct session *, const struct gp_smtp_event *);
void mail_to(struct session *, const struct gp_smtp_event *);
void mail_forget(struct session *); /* the transaction, if there is one */
void intake_open(struct session *, const struct gp_smtp_event *);
void intake_piece(struct session *, const struct gp_smtp_event *);
void intake_end(struct session *, const struct gp_smtp_event *);
void mail_commit(struct session *);                    /* to the queue: all of it has come, and may be sent */
void mail_refuse(struct session *, struct gp_reply);   /* the answer to its end; the transaction is over    */
/* rewrite.c: what stands in place of an address, in `room`, or the address itself; params: a recipient's, with what it was */
gp_str rewrite_sender(const struct session *, gp_str address, struct gp_text *room);
gp_str rewrite_recipient(const struct session *, gp_str address, struct gp_text *room, struct gp_text *params);
void rewrite_header(const struct config *, struct gp_fixup *);
void authors_watch(const struct config *, struct gp_fixup *);
void authors_check(struct session *);                  /* the header has come; ends in one of the next two, now or later */
void intake_go_on(struct session *, const struct gp_rewrites *, gp_str rest); /* NULL: none                          */
void intake_fail(struct mail *, struct gp_reply, gp_str reason); /* at its end the client hears that                  */
void intake_conclude(struct session *);                /* all of it has come: to vault, unless an answer is due       */
void submission_check(struct session *);               /* ends in one of the two, now or later              */
void mine_ask(struct session *, const struct gp_smtp_event *); /* mine.c: what became of the client's own mail */
struct vault_no   { uint64_t code; gp_str enhanced, text; }; /* what vault answered to a question of MAIL or of the message's end */
struct gp_reply vault_reply(const struct vault_no *, struct reply_room *, struct gp_reply otherwise); /* when it says none */
void intake_abandon(struct mail *); /* frees it, at once or when the answer that is due has come */

#endif
