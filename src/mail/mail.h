/* The message itself (RFC 5322): a streaming header reader, the fix-ups of submission (RFC 6409 8), Received, DKIM
 * (RFC 6376, 8463), 8 bits to 7 (RFC 6152) and delivery status notifications (RFC 3464). Pure: no I/O, no clock; time, host name and random
 * come in. One pass, constant memory: header fields beyond the bounds are refused, bodies are never held. */
#ifndef GP_MAIL_H
#define GP_MAIL_H

#include "base/base.h"
#include "crypto/crypto.h"
#include "smtp/smtp.h"

enum {
    GP_MAIL_FIELDS_MOST = 40 * 1024, /* octets of gp_fixup_fields: beyond, the message is refused */
    GP_MAIL_SHOWN_MOST = 4096,       /* octets of what readers see of From that are told           */
    GP_MAIL_HEADER_MOST = 65536, /* octets of the whole header section */
    GP_MAIL_RECEIVED_MOST = 100, /* hops (RFC 5321 6.3): 554 5.4.6     */
    GP_MAIL_LINE_MOST = 998,
    GP_MAIL_AUTHORS_MOST = 32,  /* addresses in From */
};

/* ---- submission: bytes in, mended message out ---------------------------------------------------------- */
struct gp_trace { /* for Received (RFC 5321 4.4, 3848) and what is added */
    const char *hostname;
    gp_str      helo, peer;   /* as sanitised printable ASCII; peer "203.0.113.7" or GP_NONE to hide it   */
    gp_str      queue_id;
    gp_str      recipient;    /* `for` clause when there is just one, else GP_NONE                        */
    const char *protocol;     /* "ESMTPSA"                                                                */
    gp_str      tls;          /* "TLSv1.3 TLS_AES_256_GCM_SHA384" for the comment, or GP_NONE             */
    gp_str      priority;     /* "-3", as the client has it (RFC 6710), or GP_NONE                        */
    gp_str      unique;       /* random text for Message-ID                                               */
    gp_str      sender;       /* envelope sender, for Sender where From has several authors               */
    gp_time     now;
};
/* Sink for output; false stops with GP_TEMPFAIL. */
struct gp_sink {
    bool (*put)(void *owner, gp_str piece);
    void *owner;
};
/* Holds the header section until it is complete, then writes the mended header (Received first; Date, Message-ID, Sender
 * added where missing; Bcc and Return-Path removed) and from there passes body bytes through; a NUL anywhere is refused. */
struct gp_fixup; /* in mail/fixup.h; embeddable; its header store is a gp_buffer bounded by GP_MAIL_HEADER_MOST */
bool      gp_says_no(gp_str value); /* of TLS-Required (RFC 8689 3), comments aside */
void      gp_fixup_init(struct gp_fixup *, const struct gp_trace *, struct gp_sink); /* trace is borrowed until end */
gp_status gp_fixup_body(struct gp_fixup *, gp_str piece) GP_MUST_USE;    /* PERMFAIL: see why; keep feeding is allowed, ignored */
gp_status gp_fixup_end(struct gp_fixup *) GP_MUST_USE;
void      gp_fixup_close(struct gp_fixup *);
struct gp_reply gp_fixup_why(const struct gp_fixup *);                   /* the reply for a PERMFAIL, 554 5.6.0 ... */
bool      gp_fixup_is_eight(const struct gp_fixup *);                    /* octets above 127 are in what came out so far */
gp_str    gp_fixup_message_id(const struct gp_fixup *);                  /* with angle brackets; until close */
gp_str    gp_fixup_from(const struct gp_fixup *);                        /* first author's address; until close */
gp_str    gp_fixup_authors(const struct gp_fixup *);                     /* all of From, each with a NUL behind it; until close */

/* Fields that say whose a message is. Of those that are watched (a bit each), gp_fixup_body or _end return GP_WAIT when the header section
 * has come: what it says is in gp_fixup_fields, gp_fixup_go_on writes it, and then gp_fixup_rest of that piece, and what follows, is
 * for gp_fixup_body; after a GP_WAIT of _end it is _end once more. */
enum gp_mail_author { GP_MAIL_FROM, GP_MAIL_SENDER, GP_MAIL_REPLY_TO, GP_MAIL_RESENT_FROM, GP_MAIL_RESENT_SENDER, GP_MAIL_AUTHOR_FIELDS };
const char *gp_mail_author_name(enum gp_mail_author); /* "resent-from" */
struct gp_rewrites { /* ptr NULL: as it is */
    gp_str instead[GP_MAIL_AUTHOR_FIELDS]; /* the one address in that field; what stood there goes to X-Original-NAME */
    gp_str reply_to;                       /* added where there is no Reply-To                                         */
};
enum { GP_REWRITTEN_ROOM = GP_MAIL_HEADER_MOST / 8 };
/* shown: what readers see of From, too, as a line "shown TAB TAB TEXT". Before the first piece. */
/* Addresses in fields of authors and recipients, of which each that `instead` knows another for is replaced. Before the first piece; what is
 * watched, and all else that is told of the header, is what stands there then. */
struct gp_rewriter {
    bool (*instead)(const void *owner, gp_str address, struct gp_text *out);
    const void *owner;
};
void      gp_fixup_rewrite(struct gp_fixup *, struct gp_rewriter);
void      gp_fixup_watch(struct gp_fixup *, unsigned fields, bool shown);
/* Lines "NAME TAB address TAB"; an address that is "" could not be read. Until close. */
gp_str    gp_fixup_fields(const struct gp_fixup *);
gp_status gp_fixup_go_on(struct gp_fixup *, const struct gp_rewrites *) GP_MUST_USE; /* NULL: none */
gp_str    gp_fixup_rest(const struct gp_fixup *); /* of the piece that was answered GP_WAIT; lives as long as that */

/* ---- headers -------------------------------------------------------------------------------------------- */
/* The end of the header section, found while it streams by. */
enum { GP_HEADER_START = 2, GP_HEADER_DONE = 4 }; /* octets of CR LF CR LF seen; a message may begin with its empty line */
size_t gp_header_part(unsigned *seen, gp_str piece); /* how much belongs to the header section, its empty line included */
struct gp_field { gp_str name, value, raw; };  /* value: unfolded not, without the final CR LF; raw: whole field with CR LF */
/* Cuts the next field off a complete header section; false at its end. */
bool gp_next_field(gp_str *rest, struct gp_field *out);
/* "From: NAME <address>" CR LF "X-Original-": then comes the field itself. false: it is not to be rewritten. */
bool gp_put_rewritten(struct gp_text *, const struct gp_field *, const struct gp_rewrites *);
/* Addresses in a From-like value, as "local@domain"; how many there are (some may not fit in `most`), -1: unparsable. */
int  gp_mailboxes(gp_str value, gp_str *out, size_t most, struct gp_text *room);
void gp_put_date(struct gp_text *, gp_time);   /* "Fri, 21 Nov 1997 09:55:06 +0000" */
void gp_put_day(struct gp_text *, int64_t day); /* since 1970: "1997-11-21" (RFC 3339 5.6) */
bool gp_is_date(gp_str);                       /* RFC 5322 3.3, obsolete forms too   */
bool gp_is_message_id(gp_str);

/* ---- DKIM signing ---------------------------------------------------------------------------------------- */
/* Order: gp_dkim_open, gp_dkim_add with the whole message (header first, in pieces of any size), gp_dkim_end, then for
 * each signature gp_dkim_hash -> have those 32 octets signed -> gp_dkim_put. Several keys share one body hash. */
struct gp_dkim_key { const char *domain, *selector; bool ed25519; };
struct gp_dkim;
struct gp_dkim *gp_dkim_open(bool relaxed_header, bool relaxed_body);
gp_status gp_dkim_add(struct gp_dkim *, gp_str piece) GP_MUST_USE;
gp_status gp_dkim_end(struct gp_dkim *) GP_MUST_USE;     /* PERMFAIL: not signable (no From, bare CR or LF): send unsigned or refuse */
gp_str    gp_dkim_from_domain(const struct gp_dkim *);   /* domain of the first From address, lower case */
/* SHA-256 of the canonical header with the DKIM-Signature field that is being made (b= empty). headers: colon-separated h=
 * list, or NULL for ours: the RFC 6376 5.4.1 set, with what readers see and what says how to read the body oversigned. The field so far is kept inside. */
bool      gp_dkim_hash(struct gp_dkim *, const struct gp_dkim_key *, const char *headers, gp_time signed_at, uint8_t out[static 32]) GP_MUST_USE;
bool      gp_dkim_put(struct gp_dkim *, gp_str signature, struct gp_text *field) GP_MUST_USE; /* folded field with CR LF */
void      gp_dkim_close(struct gp_dkim *);

/* ---- 8 bits to 7, for a next hop without 8BITMIME (RFC 6152 3, 2045 6) ------------------------------------------ */
/* Order: gp_seven_open, gp_seven_start with a sink that is { NULL }, the whole message by gp_seven_add in pieces of any size, gp_seven_end,
 * and gp_seven_is tells what it is. Where it can be converted: gp_seven_start with a sink, the same message once more, gp_seven_end; as
 * often as wanted. Text becomes quoted-printable, other leaves base64; parts that are 7 bits already stay as they are, to the octet. */
struct gp_seven; /* some 14 KiB, and the header section of one part at a time */
enum gp_seven_is { GP_SEVEN_ALREADY, GP_SEVEN_CAN, GP_SEVEN_CAN_NOT };
struct gp_seven *gp_seven_open(bool lossy); /* lossy: "?" for what can't be converted. NULL: no memory */
void             gp_seven_start(struct gp_seven *, struct gp_sink);
gp_status        gp_seven_add(struct gp_seven *, gp_str piece) GP_MUST_USE; /* TEMPFAIL: the sink had enough; PERMFAIL: see gp_seven_is */
gp_status        gp_seven_end(struct gp_seven *) GP_MUST_USE;
enum gp_seven_is gp_seven_is(const struct gp_seven *, const char **why); /* *why: a sentence for the sender, static; only of CAN_NOT */
void             gp_seven_close(struct gp_seven *);

/* ---- delivery status notifications (RFC 3464, 6522, 3461, 3834, 6533) -------------------------------------- */
enum gp_dsn_action { GP_DSN_FAILED, GP_DSN_DELAYED, GP_DSN_DELIVERED, GP_DSN_HANDED_ON /* relayed, to who reports */, GP_DSN_RELAYED };
struct gp_dsn_recipient {
    gp_str  address, params;     /* canonical RCPT parameters: ORCPT, NOTIFY                */
    enum gp_dsn_action action;
    gp_str  status;              /* "5.1.1"                                                 */
    gp_str  diagnostic;          /* remote reply: cleaned, wrapped and limited here         */
    gp_str  remote;              /* next hop's name, or GP_NONE                             */
    gp_time retry_until;         /* DELAYED: when we give up                                */
    bool    ours;                /* our own sign-in at the next hop is to blame: it waits for that */
};
struct gp_dsn {
    const char *hostname;
    const char *domain;          /* of From: that which DKIM signs for                       */
    gp_str      to;              /* original sender; never empty: never a bounce of a bounce */
    gp_str      params;          /* canonical MAIL parameters: RET, ENVID, SMTPUTF8, BY     */
    gp_str      queue_id, unique;
    gp_str      message_id;      /* of the original, for References; or GP_NONE             */
    gp_time     arrived, now;
    const struct gp_dsn_recipient *recipients;
    size_t      count;
    gp_str      original;        /* message or as much as is at hand; RET=HDRS, a delay, or over 64 KiB returns its header */
};
gp_status gp_dsn_write(const struct gp_dsn *, struct gp_sink) GP_MUST_USE; /* a complete message, CR LF, From: MAILER-DAEMON */

#endif
