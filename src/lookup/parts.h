/* Inside of lookup: what its files share. Pure: breaker, line, template. The struct lookup belongs to the loop's thread; a seat
 * and its question belong to the thread that they were lent to, until it is done; a source never changes once it is open. */
#ifndef LOOKUP_PARTS_H
#define LOOKUP_PARTS_H

#include "crypto/crypto.h"
#include "ops/log.h"
#include "proc/proc.h"

enum {
    LOOKUP_NAME      = 256, /* with NUL: as the store's names                  */
    LOOKUP_HASH_MOST = 512,
    LOOKUP_WHY       = 200,
    LOOKUP_PEER      = 64,
    LOOKUP_SECRET    = 1024, /* of the source itself                            */
    TOKEN_MOST       = 9216, /* a bearer token: all that a line of SASL holds    */
    LOOKUP_MS        = 1000,
};

/* ---- a question, as a thread has it ---------------------------------------------------------------------------------- */
/* What the loop lends to a question about a token before its thread gets it, and what comes back. */
struct token_owner { char user[LOOKUP_NAME], subject[LOOKUP_NAME]; }; /* subject: the claim sub, which never changes; "": none */
struct lent {
    struct key_set *keys;       /* NULL: none are there                                            */
    bool            lacks_key;  /* back: with other keys it might be told                          */
    bool            waited;     /* it has had its second try                                       */
    bool            remembered; /* its issuer said yes a moment ago, and owner is whose it is      */
    bool            fresh;      /* back: its issuer has just said yes                              */
    int64_t         expires;    /* of a remembered one, and back: seconds since 1970; 0: it does not say                    */
    struct token_owner owner;
};
struct question {
    enum lookup_kind kind;
    char             user[LOOKUP_NAME], secret[TOKEN_MOST + 1], peer[LOOKUP_PEER], mechanism[LOOKUP_PEER];
    /* the answer; TEMPFAIL until somebody says otherwise */
    gp_status status;
    bool      known, failed; /* failed: it is the source that is in trouble, not this one question: the breaker counts that */
    struct lent lent;
    char      name[LOOKUP_NAME], hash[LOOKUP_HASH_MOST], why[LOOKUP_WHY];
    char      subject[LOOKUP_NAME]; /* of a token; "": none */
    gp_time   ends;                 /* of a token, ms since 1970; 0: it does not say */
};
/* false: nobody needs to be asked, and the answer is there. tokens: the source knows tokens, and those alone. user may then be
 * "", for whoever the token is of. Checks what must never reach a source: empty passwords, which
 * directories take for a sign-in of nobody (RFC 4513 5.1.2), control octets in names, NUL in either. */
bool question_read(struct question *, const struct msg_lookup *, bool tokens) GP_MUST_USE;
const char *question_wrong_name(gp_str user);                                  /* NULL: it is none                          */
void question_right(struct question *);                                        /* the password is right                       */
void question_hash(struct question *, gp_str hash);                            /* what the source keeps: vault checks that    */
void question_refuse(struct question *, bool known, const char *why);
void question_unclear(struct question *, const char *why, const char *detail); /* cannot tell; detail may be NULL             */
void question_failed(struct question *, const char *why, const char *detail);  /* ... because the source is in trouble        */
const char *ldap_cause(gp_str diagnostic, bool *known); /* of a bind that was refused; NULL: it does not say */
void question_name(struct question *, gp_str name);                            /* the user's name there, if it is a good one  */

/* ---- a source and its types (types.c) ---------------------------------------------------------------------------------- */
struct source {
    const struct source_type   *type;
    const struct config_lookup *plan;
    const struct config        *config;
    int                         timeout_ms;
    size_t                      seats;
    char                        path[CONFIG_PATH], ca_file[CONFIG_PATH], services[CONFIG_PATH]; /* absolute, or "" */
    char                        secret[LOOKUP_SECRET]; /* "": none */
};
struct lookup;
enum settled { SETTLED, SETTLED_WAITS, SETTLED_AGAIN }; /* the answer is there; asked again after asks_wake; at once */
struct source_type {
    bool one_seat; /* whatever the configuration says: the file is kept once */
    bool tokens;   /* it is asked for tokens, and for nothing else           */
    /* On the loop, before the sandbox; NULL: nothing to do. false: logged. */
    bool (*open)(const struct source *);
    void (*needs)(const struct source *, struct sandbox_needs *);
    void (*ask)(const struct source *, void **seat, struct question *); /* on a thread. *seat: NULL at first, kept between */
    void (*leave)(void *seat);                                          /* NULL: a seat is never anything but NULL         */
    /* For types whose questions share something; all NULL, or none. It is the loop's: lent before a thread gets the question,
     * taken back and settled after. */
    bool (*begin)(struct lookup *); /* no thread may begin here: the sandbox is not up yet */
    void (*lend)(struct question *);
    enum settled (*settle)(struct question *);
    void (*end)(void);
    size_t jobs; /* threads beside those of the seats */
    void (*fetch)(struct lookup *, const struct msg *); /* a token, likewise */
    enum msg_type posts; /* what post is given: a notice, events, or what the relay asks a web server */
    void (*post)(struct lookup *, const struct msg *); /* on the loop; who has it is asked nothing: ask is NULL */
};
extern const struct source_type source_passwd_file, source_saslauthd, source_pam, source_ldap, source_sql, source_http, source_dovecot,
    source_oauth, source_webhook, source_events, source_tokens, source_web;
void http_judge(struct question *, gp_str body); /* http.c: what a service answered */
bool source_open(struct source *, const struct config *, const struct role_start *) GP_MUST_USE; /* false: logged */
bool source_enter_sandbox(const struct source *) GP_MUST_USE;

/* ---- the breaker (breaker.c) ------------------------------------------------------------------------------------------------ */
struct breaker {
    unsigned failures_most;
    gp_time  pause_least, pause_most;
    enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_PROBING } state;
    unsigned failures; /* in a row */
    gp_time  pause, until;
};
enum breaker_change { BREAKER_SAME, BREAKER_OPENED, BREAKER_MENDED };
/* May this question be asked? can_start: it would be at once, which a probe must. Then state says whether it is the probe. */
bool                breaker_lets(struct breaker *, bool can_start, gp_time now) GP_MUST_USE;
enum breaker_change breaker_result(struct breaker *, bool good, bool probe, gp_time now);
enum breaker_change breaker_trip(struct breaker *, gp_time now); /* nobody is left to ask: that is failures enough */

/* ---- who waits (line.c) -------------------------------------------------------------------------------------------------------- */
struct waiting {
    struct waiting *next;
    gp_time         deadline; /* not before that of those that came before it */
    char            key[LOOKUP_PEER];
};
struct line;
struct line    *line_open(size_t most); /* NULL: no memory */
void            line_close(struct line *);
/* Who has to go for it: NULL, the youngest of the longest lane, or the new one itself when its lane is the longest. */
struct waiting *line_add(struct line *, struct waiting *) GP_MUST_USE;
struct waiting *line_take(struct line *);                   /* the oldest of the lane whose turn it is; NULL: nobody */
struct waiting *line_take_late(struct line *, gp_time now); /* one whose deadline has passed; NULL: nobody           */
gp_time         line_deadline(const struct line *);         /* the earliest; 0: nobody waits                          */
void line_key(gp_str peer, char out[static LOOKUP_PEER]);   /* clients of one /64 share a lane                   */

/* ---- names in queries (template.c) ------------------------------------------------------------------------------------------------ */
typedef void template_escape(struct gp_text *, gp_str);
void         escape_filter(struct gp_text *, gp_str); /* RFC 4515 3 */
void         escape_dn(struct gp_text *, gp_str);     /* RFC 4514 2.4 */
/* $user, $local and $domain replaced, each escaped. false: does not fit. */
bool         template_fill(struct gp_text *out, const char *form, gp_str user, template_escape *) GP_MUST_USE;

/* ---- octets in and out, before a time (octets.c) ------------------------------------------------------------------------------------ */
gp_time octets_clock(void);                                     /* monotonic ms */
int     octets_connect(const char *socket_path, gp_time until); /* -1: errno */
bool    octets_write(int fd, const void *octets, size_t len, gp_time until) GP_MUST_USE;
bool    octets_read(int fd, void *octets, size_t len, gp_time until) GP_MUST_USE;
bool    octets_wait(int fd, short events, gp_time until) GP_MUST_USE; /* false: too late, errno ETIMEDOUT */

/* ---- programs that modules of PAM have started, and that hang (helpers.c) --------------------------------------------------------------- */
void helpers_end(void);

/* ---- all together (lookup.c, asks.c) -------------------------------------------------------------------------------------------------- */
struct ask {                 /* a question on its way: waiting, or lent to a seat's thread */
    struct waiting  waiting; /* first */
    struct lookup  *lookup;
    struct seat    *seat;
    uint64_t        life; /* of the vault that asked */
    uint32_t        number;
    bool            answered, probe;
    struct question q;
};
struct seat {
    void       *state;
    struct ask *ask; /* NULL: free */
};
struct ask_list {
    struct ask *first, *last;
    size_t      count;
};
struct lookup {
    struct loop   *loop;
    struct ipc    *supervisor, *vault; /* or who else it is for */
    uint64_t       life; /* counts the processes that have been the vault */
    struct timer  *tick;
    struct source  source;
    struct breaker breaker;
    struct line   *line;
    struct seat   *seats;
    struct ask_list parked, woken; /* settled as waiting; before the line, for a seat */
    size_t         jobs;           /* on threads, beside the questions */
};
bool asks_start(struct lookup *) GP_MUST_USE;
void asks_take_question(struct lookup *, const struct msg *);
void asks_wake(struct lookup *); /* those that were settled as waiting are asked again */
void asks_end(struct lookup *); /* those that wait */
bool asks_running(const struct lookup *);
void asks_wipe_stack(void);         /* of a thread, below the caller */

#endif
