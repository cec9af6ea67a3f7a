/* The fields of a client session, so that a host can embed one; it touches none of them. */
#ifndef GP_SMTP_CLIENT_SESSION_H
#define GP_SMTP_CLIENT_SESSION_H

#include "smtp/lines.h"
#include "smtp/smtp.h"

/* Where a session is; client.c has the list with what each means. */
enum gp_client_phase {
    GP_CLIENT_AT_START,
    GP_CLIENT_AT_TLS,
    GP_CLIENT_AT_SIGN_IN,
    GP_CLIENT_AT_READY,
    GP_CLIENT_AT_RECIPIENTS,
    GP_CLIENT_AT_REPLIES,
    GP_CLIENT_AT_BODY,
    GP_CLIENT_AT_AFTER,
    GP_CLIENT_AT_FAILED,
    GP_CLIENT_AT_END,
    GP_CLIENT_PHASES
};

/* What the next reply belongs to. */
enum gp_client_awaits {
    GP_AWAITS_NOTHING,
    GP_AWAITS_GREETING,
    GP_AWAITS_EHLO,
    GP_AWAITS_HELO,
    GP_AWAITS_STARTTLS,
    GP_AWAITS_AUTH,
    GP_AWAITS_MAIL,
    GP_AWAITS_RCPT,
    GP_AWAITS_DATA,
    GP_AWAITS_DOT,
    GP_AWAITS_RSET,
    GP_AWAITS_QUIT,
    GP_AWAITS_KINDS
};

enum {
    GP_CLIENT_TEXT_ROOM     = 512,  /* of a reply, its lines joined                            */
    GP_CLIENT_PEER_MOST     = 255,  /* RFC 5321 4.5.3.1.2: a domain                            */
    GP_CLIENT_ENHANCED_ROOM = 10,   /* "5.123.123"                                             */
    GP_CLIENT_NAMES_ROOM    = 512,  /* of the mechanisms that AUTH listed                      */
};

struct gp_client_reply { /* the reply that is being read, or was read last */
    unsigned       lines;
    int            code;
    bool           whole;
    size_t         enhanced_len;
    char           enhanced[GP_CLIENT_ENHANCED_ROOM];
    struct gp_text text;
    char           text_room[GP_CLIENT_TEXT_ROOM];
    gp_str         raw; /* the last line after its code, as it came: a challenge */
};

struct gp_smtp_client {
    const struct gp_smtp_plan *plan;
    struct gp_smtp_room       *room;
    struct gp_lines            in;
    size_t                     sent, said; /* output: room->out[sent .. said) */
    bool                       secret;     /* what is in there signs in: wiped when sent */

    enum gp_client_phase  phase;
    enum gp_client_awaits awaits;          /* of the commands outside a transaction */
    struct gp_client_reply reply;
    struct gp_smtp_client_event failure;   /* what FAILED will say                  */
    bool                        secure, signed_in, quitting;

    /* what the server calls itself; "": no name that can be repeated */
    char   peer[GP_CLIENT_PEER_MOST];
    size_t peer_len;

    /* what EHLO said */
    unsigned offers;
    uint64_t size_limit;                   /* 0: none                               */
    uint64_t recipients_most, mails_most;  /* LIMITS (RFC 9422); 0: not said        */
    uint64_t deadline_least;               /* seconds, DELIVERBY (RFC 2852 2); 0: any number, or not said */
    struct gp_text mechanisms;
    char           mechanisms_room[GP_CLIENT_NAMES_ROOM];

    /* the transaction */
    bool     owes_mail, owes_data, said_data; /* replies that are still to come; DATA has been sent */
    bool     reported;                        /* MESSAGE_REPLY is out                               */
    unsigned given, answered, accepted, beyond, final; /* recipients; final: LMTP, those with a reply after the dot; beyond: over the server's limit, not sent */
    unsigned mails;
    enum { GP_STUFF_LINE_START, GP_STUFF_MIDDLE, GP_STUFF_CR } stuff;
};

#endif
