/* What the rooms of the relay share: a delivery (one message on its way to one destination), its route (hosts and addresses to try,
 * in order) and hops (connections to next hops, reused). A delivery is owned by the list in struct relay until delivery_finish; a
 * hop by the list until hop_close; each names the other while a message is under way, and either may outlive the other. */
#ifndef RELAY_PARTS_H
#define RELAY_PARTS_H

#include <sys/socket.h>

#include "mail/mail.h"
#include "proc/proc.h"
#include "relay/demand.h"
#include "relay/sts.h"
#include "smtp/client_session.h"
#include "smtp/smtp.h"

enum {
    ROUTE_HOSTS_MOST      = 10, /* MX hosts tried for one delivery                        */
    ROUTE_ADDRESSES_MOST  = 8,  /* addresses tried of one host                            */
    DELIVERY_TEXT_MOST    = 2 * MSG_MOST, /* arena of a delivery: envelope, results, inline body */
    RECIPIENTS_MOST       = 1000,
    HOP_MESSAGES_MOST     = 100, /* messages over one connection, then a fresh one         */
    RESULT_TEXT_MOST      = 400, /* octets of a remote reply that are kept                 */
    SIGNATURES_MOST       = 4,
    READ_AT_ONCE          = 256 * 1024,    /* octets of a message that are hashed, or looked at for 8 bits, without other work between   */
    SIGNATURE_ROOM        = 4096,
    SEVEN_READ            = 4096,          /* octets of a message that are converted at a time     */
    SEVEN_HELD_MOST       = 4 * GP_MAIL_HEADER_MOST, /* what they may become, with a header before them */
};

struct gp_sasl_mech;
struct signing;
struct hop;
struct delivery;
struct preflight;

/* A server of several that could not be used: for a while the others are tried first. */
enum { AILING_MOST = 16, AILING_REST = 60 * 1000 };
struct ailing {
    char     host[256];
    uint16_t port;
    gp_time  until;
};

/* A host of a domain (MX) that gave no connection or no greeting: until its time nobody but one at a time goes there. By the route, which may
 * leave from another address. */
enum { DOWN_SETS = 512, DOWN_WAYS = 4, DOWN_WHY_ROOM = 96, DOWN_NAME_ROOM = NET_ADDRESS_ROOM + 64 };
struct down_key {
    uint8_t                    address[16];
    sa_family_t                family;
    uint16_t                   port; /* as in an address */
    const struct config_route *route; /* or NULL */
};
struct down {
    struct down_key key;
    unsigned        failures; /* in a row; 0: it is there, or (until is 0) no entry */
    gp_time         failed_at, until;
    gp_time         settled; /* by loop_now: when it said last what becomes of a message; 0: not lately */
    char            why[DOWN_WHY_ROOM];
};
enum { DOWN_NAMED_MOST = 4 }; /* of those that a delivery met, so many are named to the queue */
struct shut { /* what a delivery met of those, the one that is tried again first */
    gp_time                 again;     /* 0: none                                       */
    gp_time                 failed_at; /* 0: it has not failed yet, and is slow to answer */
    struct sockaddr_storage to;
    const char             *host;
    char                    why[DOWN_WHY_ROOM];
};

struct relay {
    struct loop           *loop;
    const struct config   *config;
    struct ipc            *supervisor, *queue, *vault, *web; /* web: asks web servers, where config_asks_web */
    struct dns            *dns;
    struct sts            *sts;       /* NULL: policies of domains are not looked for */
    char                  *anchors;   /* of relay.trust_anchor_file; NULL: the system's */
    struct preflight      *preflight; /* NULL: policy.preflight is off */
    struct gp_tls_context *verified, *opportunistic;
    struct ours {                       /* our certificate for the servers of a login                        */
        struct gp_tls_context *context; /* as verified, with that; NULL: there is none that can be used      */
        uint64_t generation;            /* of that, for vault                                                */
        uint64_t knows_us;              /* the one under which a server has taken a recipient; 0: none       */
        gp_time  expires;
    } ours[1 + CONFIG_ROUTES_MOST];     /* by config_login_of()'s index                                      */
    struct delivery       *deliveries;
    struct signing        *signings;  /* of large messages: those that are made, and those that are kept */
    struct turn           *turns;     /* what waits for its turn */
    struct timer          *turning;
    struct report_job     *reports;
    struct hop            *hops;
    struct ailing          ailing[AILING_MOST];
    size_t                 ailing_at;   /* the next to be written */
    struct down            downs[DOWN_SETS * DOWN_WAYS];
    struct timer          *stopping;
    bool                   stop;
    uint64_t               logins; /* numbers our sign-ins upstream for vault */
};

/* ---- pre-flight (preflight.c): the DNS records of domains that mail is from ------------------------------------------------------- */
bool preflight_open(struct relay *) GP_MUST_USE; /* false: no memory */
void preflight_saw(struct relay *, const char *domain, bool sender); /* mail from it passes; sender: by its envelope alone, so SPF is all that is looked at */
void preflight_again(struct relay *); /* looks at all once more, and tells vault */
void preflight_close(struct relay *);

/* ---- long work in portions (turns.c) ---------------------------------------------------------------------------------------------- */
struct turn { /* zeroed but for step and owner: not waiting; step does one portion, and adds it again where more is left */
    struct turn *next;
    bool         waiting;
    void (*step)(void *owner);
    void *owner;
};
bool turns_open(struct relay *) GP_MUST_USE;         /* false: no memory                                                       */
void turns_add(struct relay *, struct turn *);       /* never at once; one portion of one work in a turn, in the order of asking */
void turns_drop(struct relay *, struct turn *);

/* ---- results ------------------------------------------------------------------------------------------------ */
struct result {
    gp_status status;
    int       code;     /* 0: no reply from a remote server                 */
    gp_str    enhanced, remote, tls, text; /* in the delivery's arena, or static */
    bool      reports;  /* the next hop offers DSN: it tells of deliveries  */
    bool      in_time;  /* it offers DELIVERBY: it keeps to the sender's deadline */
    bool      lacks;    /* that host does not have what its message requires of TLS, and not only for now (RFC 8689 4.2.1) */
    bool      ours;     /* our own sign-in there is to blame, and no message: it waits, however long that takes */
};
struct recipient {
    gp_str        address, params;
    bool          accepted; /* RCPT got a 2xx; the message's reply decides     */
    bool          settled;
    bool          left_out; /* settled, and never named to a next hop (plain.c)      */
    struct result result;
};
/* "status TAB code TAB enhanced TAB remote TAB tls TAB text [TAB dsn|ours] LF" a recipient; controls in text become spaces. */
void results_put(struct gp_text *, const struct recipient *, size_t count);
/* The enhanced code to record: the remote's, or one made from the reply's class. */
gp_str result_enhanced(int code, gp_str said);

/* ---- route ---------------------------------------------------------------------------------------------------- */
struct route_host {
    char                     name[256];
    uint16_t                 preference;
    const struct config_hop *hop; /* NULL: the delivery's, as it is; else its server of several */
};
struct dane {
    struct dns_query *asked;
    bool              mx_proven, proven;  /* DNSSEC covers the domain's MX; and the host's addresses */
    char              leads_to[256];      /* the host's real name, where it is an alias              */
    char              base[256];          /* where the records are                                   */
    char              domain_leads_to[256]; /* the domain's real name, where DNSSEC proves that it is an alias */
    enum dane_found   found;
    const char       *why;                /* of DANE_FAILED                                          */
    gp_str            records;            /* those that can be used, as in struct demand_facts       */
};
struct route {
    struct delivery        *owner;
    struct route_host       hosts[ROUTE_HOSTS_MOST];
    size_t                  host_count, host_at;
    bool                    beyond;       /* the domain has more of them */
    char                    domain[256];  /* as DNS wants it; "": MX leads to none of its hosts */
    struct sockaddr_storage addresses[ROUTE_ADDRESSES_MOST];
    size_t                  address_count, address_at;
    bool                    listed;       /* in relay.tls_policy, which has set its tls   */
    uint16_t                port;
    struct dns_query       *mx, *a, *aaaa;
    struct sts_query        sts;         /* for the policy of the domain */
    enum gp_sts_mode        sts_mode;
    gp_str                  sts_hosts;   /* in the delivery's arena      */
    bool                    sts_unsure;  /* whether there is a policy    */
    uint64_t                sts_age;     /* seconds that it lasts        */
    enum tls_failure        sts_failure; /* there is no policy, because of this; TLS_FINE: there is none, or one */
    gp_str                  sts_why;     /* in words                     */
    bool                    looked_up;   /* addresses are those of the host at host_at  */
    bool                    had_address;
    bool                    other_kind;  /* some host has one that nothing of from_address can reach, left out as well */
    bool                    led_home;    /* some host has an address of ours, which was left out  */
    struct dane             dane;        /* of the host at host_at */
    struct demand           demand;      /* of the host that was given last; its names are in hosts */
    const char             *dns_trouble; /* why an address could not be asked for; NULL: none failed so */
    struct result           reason;      /* why there is no (further) host              */
};
/* Lowest preference first; equal ones in an order that `salt` decides; hosts at or above our own preference are dropped (RFC 5321
 * 5.1). false: we are the best host ourselves: a loop. */
bool route_order(struct route_host *, size_t *count, const char *our_name, uint64_t salt);
/* Servers that share mail: lowest preference first, and among those of one preference each is first as often as its weight says. */
void route_share(struct route_host *, size_t count, uint64_t salt);
/* Keeps a host; where there are too many, the one with the highest preference gives way. */
void route_add(struct route *, gp_str name, uint16_t preference);
/* The text of a domain as DNS wants it (A-labels); false: not a domain. */
bool route_dns_name(gp_str domain, char out[static 256]);
/* Leads this address, to which a stranger's DNS or literal sent us, to this very machine? */
bool route_is_home(const struct config *, const struct sockaddr_storage *);
/* The server of a route could not be used. */
void route_ails(struct relay *, const struct config_hop *);
void route_start(struct route *, struct delivery *);  /* ends in delivery_routed(), now or later          */
/* GP_OK: *to and *host are the next to try; GP_WAIT: delivery_routed() will be called; GP_TEMPFAIL, GP_PERMFAIL: none left, see reason. */
gp_status route_next(struct route *, struct sockaddr_storage *to, const char **host);
void      route_repeat(struct route *);               /* the address given last is the next one, again     */
void      route_close(struct route *);

/* ---- DANE (dane.c) ------------------------------------------------------------------------------------------------ */
enum { DANE_NAME_ROOM = 256 + sizeof "_65535._tcp." };
void dane_forget(struct route *);   /* a host's turn begins                                      */
void dane_saw_addresses(struct route *, const struct dns_answer *);
bool dane_ask(struct route *) GP_MUST_USE; /* once they are known. true: delivery_routed() will be called */

/* ---- 8 bits to 7 (seven.c) ------------------------------------------------------------------------------------ */
enum seven_state { SEVEN_UNASKED, SEVEN_LOOKS, SEVEN_STARTS, SEVEN_SIGNS, SEVEN_MEASURES, SEVEN_DONE, SEVEN_FAILED };
struct seven {
    enum seven_state  state;
    struct turn       turn;
    struct gp_reply   why;       /* of SEVEN_FAILED; static                        */
    struct gp_seven  *gp;        /* NULL: it is 7 bits as it is, or not looked at  */
    uint64_t          size;      /* of the message in 7 bits; 0: not known yet      */
    uint64_t          in_at, at; /* octets of the message read; and given          */
    bool              ended;
    struct gp_buffer  held;      /* converted, and not given yet                   */
};

/* ---- delivery --------------------------------------------------------------------------------------------------- */
struct delivery {
    struct relay    *relay;
    struct delivery *next;
    uint32_t         question;
    uint64_t         attempt, size;
    bool             foreign;     /* its From is not its account's: not to be signed */
    struct gp_arena  arena;
    gp_str           queue_id, destination, sender, params, body;
    struct config_way way;        /* where it goes: what is of relay.user and its fellows is for no route */
    int              fd;          /* body when it is not inline */
    struct recipient *recipients;
    size_t           count;
    struct signing  *signing;     /* NULL: it is sent without signatures, or not looked at yet */
    struct delivery *next_waiting; /* for the same one */
    struct route     route;
    struct seven     seven;
    struct hop      *hop;
    struct shut      shut;
    struct gp_text   down;        /* hosts that did not answer it, or were known not to: down.c's names, a line each */
    char             down_room[DOWN_NAMED_MOST * DOWN_NAME_ROOM];
    unsigned         down_count;
    struct result    last;        /* of the hop that failed last; one that may yet be reached outweighs a final no */
    struct result    lack;        /* of the last one that lacks what the message requires of TLS */
    unsigned         lacking, passing; /* bits, by place in the route: hosts that do; and that failed for now, or are known to be down */
    bool             reached;     /* some host was ready to take a message; else its lane rests */
    bool             spared;      /* no host was asked, or one may be as good as ever for what does not require TLS: the lane goes on as before */
    enum demand_wish wish;        /* what the message says of TLS */
    bool             in_clear;    /* opportunistic TLS failed at this address: again without */
};
void delivery_open(struct relay *, struct msg *deliver);
void delivery_signed(struct delivery *);            /* sign.c is done, with or without signatures */
void delivery_routed(struct delivery *);            /* route.c has something new                  */
void delivery_hop_failed(struct delivery *, struct result why, bool tls_failed); /* before MAIL was accepted: next host */
void delivery_stale_hop(struct delivery *);         /* a reused connection was dead: a fresh one  */
void delivery_settle_rest(struct delivery *, struct result why); /* every recipient without a verdict */
void delivery_finish(struct delivery *);            /* answers the queue and frees                */
void delivery_abandon_all(struct relay *);          /* queue is gone: nothing to answer           */
void delivery_put_off_unsent(struct relay *);       /* what has no connection yet is left to the next life */
gp_str delivery_keep(struct delivery *, gp_str);    /* copy in its arena, cut to RESULT_TEXT_MOST */

/* ---- signing ------------------------------------------------------------------------------------------------------ */
void sign_start(struct delivery *);  /* ends in delivery_signed(), now or later, or in its end: at once only where nothing has to be hashed, or little */
void sign_forget(struct delivery *);
void sign_close(struct relay *);     /* what is kept */
/* Octets of signature fields and message from `at`; up to room octets into out. 0: at the end; false: cannot be read. What is
 * converted is read from the start to the end, as often as wanted. */
bool message_read(struct delivery *, uint64_t at, char *out, size_t room, size_t *got);

uint64_t message_size(const struct delivery *); /* of what message_read gives */

/* This message, for a next hop with these offers, in 7 bits if need be. GP_OK: as the next hop takes it; GP_WAIT: it is looked through or signed
 * anew, and then the delivery's hop is pumped; else *why (static). */
bool      stored_read(const struct delivery *, uint64_t at, char *out, size_t room, size_t *got); /* as it came from the queue */
gp_status seven_fit(struct delivery *, unsigned offers, struct gp_reply *why) GP_MUST_USE;
bool      seven_read(struct delivery *, uint64_t at, char *out, size_t room, size_t *got);
bool      seven_signed(struct delivery *); /* false: it was not for this that it was signed */
void      seven_forget(struct delivery *); /* what it was for the last host; what is in 7 bits stays so */
void      seven_close(struct delivery *);

/* ---- DSN, onward (onward.c) --------------------------------------------------------------------------------------- */
/* A recipient's parameters for a next hop with these offers. Where it reports deliveries, the report names the address that the
 * client wrote: RFC 3461 5.2.1. */
void onward_params(const struct delivery *, const struct recipient *, unsigned offers, struct gp_text *);
/* Says MAIL, with the time that is left (RFC 2852). false: this next hop cannot have the message, *why says so (static); nothing was sent. */
bool onward_mail(struct hop *, const struct delivery *, struct gp_reply *why);
void onward_refuse(struct hop *, struct delivery *, struct gp_reply why); /* the next host is asked, or it comes back; the hop serves other mail */
void onward_note(const struct hop *, struct result *); /* what it does from here on, of what the queue would have to */

/* ---- without SMTPUTF8 (plain.c) ------------------------------------------------------------------------------- */
bool plain_can(struct delivery *);  /* it needs none of it but for domains */
bool plain_make(struct delivery *); /* so they are A-labels from here on; SMTPUTF8 is the caller's. false: no memory for it */

/* ---- what a message says of TLS (wish.c) -------------------------------------------------------------------------- */
enum demand_wish wish_of(const struct delivery *); /* by its envelope, and its header as it came from the queue */
bool wish_is_kept(const struct hop *);             /* whoever is there may be told REQUIRETLS: proven, verified, and offering it */
bool wish_may_go(const struct delivery *, const struct hop *);   /* this message, over this connection that is ready for one */
void wish_go_elsewhere(struct hop *);              /* ... which must not                                                     */
bool wish_may_ride(const struct delivery *, const struct hop *); /* ... that was opened for another one                      */
/* What goes with MAIL there. */
void wish_params(const struct delivery *, const struct hop *, struct gp_text *);

/* ---- hops --------------------------------------------------------------------------------------------------------- */
enum hop_phase { HOP_CONNECTING, HOP_GREETING, HOP_SIGNING_IN, HOP_IDLE, HOP_MESSAGE, HOP_AFTER_DOT };
struct hop {
    struct relay        *relay;
    struct hop          *next;
    struct conn         *conn;
    struct timer        *timer;
    struct gp_smtp_plan  plan;
    struct gp_smtp_client client;
    struct gp_smtp_room  room;
    char                 destination[384], remote[256 + NET_ADDRESS_ROOM], host[256], tls[192], binding_data[64];
    char                 to[NET_ADDRESS_ROOM]; /* the address alone */
    struct config_hop    via;
    struct demand        demand;    /* of its delivery, to which what it points to belongs */
    struct outcome       outcome;   /* version: NULL until hands are shaken */
    bool                 told;      /* secure_tell has been called */
    bool                 waived;    /* opened for a message that waives TLS: no other is for it  */
    bool                 no_tls;    /* it has none, or none just now                             */
    gp_time              opened;    /* by loop_now                                               */
    char                 domain[256]; /* of its route; "": MX led to none of its hosts           */
    size_t               which;     /* of the config's logins: no other is for it   */
    enum hop_phase       phase;
    struct delivery     *delivery;
    size_t               given;     /* recipients told to the client */
    uint64_t             body_at;   /* octets of the message sent    */
    char                 chunk[4096];
    size_t               chunk_len, chunk_at;
    unsigned             messages;
    uint64_t             login;     /* 0: no sign-in open in vault   */
    const struct gp_sasl_mech *mech; /* of that; NULL: not begun, or one that we do not know */
    struct gp_mask       mask;      /* what the server has heard from us in it, and may repeat */
    bool                 believed;  /* vault lets the server say 235 */
    uint64_t             generation; /* of the certificate that we would present */
    bool                 presented;  /* it has asked for it, and been given it   */
    bool                 unsigned_by_us; /* vault gave no signature for the handshake */
    bool                 complained; /* that it does not know it                 */
    enum login_fate      fate;      /* what the server said to it    */
    char                 why[RESULT_TEXT_MOST + 1]; /* vault does not sign in; "": it does */
    bool                 reused, quitting, started;
    bool                 has_fellows; /* its destination has other hosts  */
    struct sockaddr_storage    at;       /* of which down.c keeps count */
    const struct config_route *route;
    gp_time                    since;    /* it was opened                                     */
    bool                       excused;  /* the host has greeted another since                */
    bool                       awaited;  /* a delivery was barred while this one waits        */
    bool                       missed;   /* ... for a message to be settled there             */
    gp_time                    moved;    /* by loop_now: it waits for the other side since then */
    bool                       answered; /* it has greeted us, or the host is known to be down; or it is no host of an MX */
};
bool hop_open(struct delivery *, const struct sockaddr_storage *to, const char *host); /* false: no memory or descriptors */
struct hop *hop_find_idle(const struct delivery *);
void hop_use(struct hop *, struct delivery *);
void hop_pump(struct hop *);
void hop_close(struct hop *);
void hop_close_idle(struct relay *);
void hop_put_remote(struct gp_text *, const struct sockaddr_storage *to, const char *host); /* as people see it */

/* ---- hosts that are down (down.c) ---------------------------------------------------------------------------------- */
/* Nobody connects to this address now, and what is known of it is kept in the delivery. Else this one does. */
bool          down_bars(struct delivery *, const struct sockaddr_storage *to, const char *host, gp_time now);
void          down_begins(struct hop *, const struct delivery *, const struct sockaddr_storage *to, gp_time now);
void          down_failed(struct hop *, gp_str why, gp_time now); /* no connection, or no greeting but 421 */
void          down_is_full(struct hop *);                         /* 421: says nothing of the host where it serves another connection of ours */
void          down_answered(struct hop *, gp_time now);           /* the queue is told of it where anything waits */
void          down_settled(struct hop *, gp_time now);            /* it says what becomes of a message: the same */
void          down_try_all(struct relay *);                       /* somebody asks for a retry now        */
struct result down_result(struct delivery *); /* of one that was barred from all hosts */

/* ---- TLS, and our certificates for servers that are named (secure.c) --------------------------------------------------------- */
void        secure_certificate(struct relay *, const struct msg_our_certificate *);
const char *secure_begin(struct hop *) GP_MUST_USE; /* NULL: it is under way; else why it is not */
const char *secure_done(struct hop *) GP_MUST_USE;  /* NULL: hands are shaken as they should be  */
void        secure_missed(struct hop *, gp_str why); /* there is no TLS, or no hands are shaken: tells it, unless it was told */
bool        secure_lacks(const struct hop *, int code); /* after that reply, if any: what its message requires, and not only for now (RFC 8689 4.2.1) */
void        secure_put_reason(const struct hop *, struct gp_text *, gp_str why); /* with the policy, where it is the reason */
/* What came of TLS there: once for each connection, and for each host that is barred by its policy (then the outcome has only a failure). */
void        secure_tell(const struct delivery *, const char *host, const struct demand *, const struct outcome *);
/* What is known now of this host, or by a policy of its whole domain, ends what was opened before with less. */
void        secure_outdates(const struct delivery *, const char *host, const struct demand *);
void        secure_sign(struct hop *, const struct gp_tls_sign *);
/* Of these mechanisms none is for us, whose certificate alone may do. */
bool        secure_will_do(const struct hop *, gp_str offered);
/* This no to MAIL or RCPT is to us, of whom it knows nothing but a certificate: no message is to blame. */
bool        secure_is_unknown(struct hop *, gp_str enhanced, gp_str text);
bool        secure_presents(const struct hop *);    /* our certificate is for this one                            */
bool        secure_is_known(const struct hop *);    /* it has taken a recipient from who has that certificate      */

/* ---- what came of TLS, for those who get reports of it (tally.c; RFC 8460 4.2, 4.3) ---------------------------------- */
struct tally {
    gp_str                domain;
    const char           *policy; /* type */
    const struct route   *route;  /* MTA-STS's is there */
    const struct demand  *demand; /* of "tlsa"          */
    const char           *host;   /* NULL: none, as the policy itself could not be had */
    gp_str                from, to, peer; /* outcome's */
    enum tls_failure      failure;
    gp_str                reason;
};
void tally_tls(const struct relay *, const struct tally *); /* tells queue; what finds no room is not counted */
void tally_delivery(const struct delivery *, const char *host, const struct demand *, const struct outcome *);

/* ---- reports of it, for the queue (reports.c) ---------------------------------------------------------------------- */
void reports_find(struct relay *, const struct msg *);
void reports_post(struct relay *, const struct msg *);
void reports_abandon(struct relay *); /* queue is gone: nobody to answer */

/* ---- where a stranger's web server is (reach.c) ---------------------------------------------------------------------- */
struct reach {
    struct relay     *relay;
    struct dns_query *a, *aaaa;
    struct gp_text    text; /* lookup's: HOST:PORT:ADDRESS,ADDRESS */
    char              room[1000];
    size_t            addresses;
    bool              outside; /* only addresses that are no network's own */
    void (*done)(void *owner, gp_str reach); /* until it returns; GP_NONE: no address that may be asked */
    void             *owner;
};
bool reach_find(struct reach *, gp_str host, unsigned port) GP_MUST_USE; /* done is called, never at once; false: no memory */
void reach_forget(struct reach *);

/* Our sign-in at the smarthost, stepped in vault. */
void login_start(struct hop *, gp_str offered);
void login_line(struct hop *, gp_str challenge);
void login_end(struct hop *);
/* A no to our message that is to us: it wants a sign-in, or TLS, that nobody set up. */
bool login_is_wanted(const struct hop *, const struct gp_smtp_client_event *said);
bool login_reads(gp_str text, const char *words); /* they are in it, in any case of ASCII */
void login_not_offered(struct hop *); /* the server lists no AUTH: vault tells somebody */

#endif
