/* Inside of the vault: what its files share. The struct vault is made once and belongs to the loop's thread. */
#ifndef VAULT_PARTS_H
#define VAULT_PARTS_H

#include "ops/log.h"
#include "proc/proc.h"
#include "sasl/exchange.h"
#include "store/accounts.h"
#include "store/audit_seal.h"
#include "policy/guard.h"
#include "store/places.h"
#include "store/tally.h"
#include "store/judge.h"
#include "store/mechanisms.h"
#include "store/moment.h"
#include "store/notices.h"
#include "vault/line.h"
#include "vault/meters.h"
#include "vault/mine.h"
#include "vault/recent.h"
#include "vault/tokens.h"

enum {
    SIGNINS_MOST       = 2048, /* exchanges open at once, over all smtpds: 15 KiB each               */
    SIGNIN_BUCKETS     = 1024, /* a power of two                                                     */
    CHECKS_PER_THREAD  = 32,   /* slow checks waiting for one hashing thread, 16 KiB each            */
    SIGNINGS_MOST      = 4096, /* RSA signatures under way; beyond: TEMPFAIL                         */
    USES_MOST          = 256,  /* credentials whose last use is not written yet                      */
    TALLIES_MOST       = 256,  /* counters whose addition is not written yet: 400 octets each        */
    PLACES_NEW_MOST    = 256,  /* places of accounts that are not written yet                        */
    BANS_NEW_MOST      = 32,
    GATE_TIMES         = 64,   /* how long that many wrong passwords took: so long takes what is not looked at */
    TICK_MS            = 1000,
    USES_EVERY_MS      = 5000,
    FOLDER_EVERY_MS    = 5000,
    TICKETS_EVERY_MS   = 3600 * 1000,
    TICKETS_MOST       = 2, /* the one in use and the one before                                     */
    PAIR_SETS          = 2, /* in force and before: handshakes that began under it may still end     */
    CHAIN_MOST         = 64 * 1024,
    PRIVATE_KEY_MOST   = 32 * 1024,
    DKIM_KEYS_MOST     = 4096,
    UPSTREAM_LOGINS    = 64,
    MECHANISM_TEXT     = 32,
    SIGNIN_TEXT        = 64,
    TRAIL_MOST         = 512, /* rows of the audit that are not written yet: 1.7 KiB each            */
    TRAIL_REFUSALS_MOST = 64, /* refusals among them                                                 */
    TRAIL_PLACE_MOST   = 8,   /* and of one place: an IPv4 address, an IPv6 /64                       */
    TRAIL_BUDGET       = 10000, /* refusals that may have rows at once, whatever their rate is        */
    TRAIL_REGAIN_MS    = 500, /* and one more after so long                                          */
    TRAIL_DATA         = 1024,
    NAME_ROOM          = GP_SASL_NAME_MOST + 1,
    FOREIGN_ROOM       = 512, /* of a password string that a source keeps                            */
};

struct vault;
struct signin;
struct peer {
    struct vault *vault;
    enum msg_role role;
    unsigned      index;
    struct ipc   *channel; /* NULL: never seen */
    uint64_t      life;    /* counts the processes that have been this peer */
};

/* ---- credentials that a sign-in may be with (candidates.c) -------------------------------------------------------- */
struct candidates { /* struct candidates c = candidates_of(v, id); while (candidates_next(&c, &one) == GP_OK) ... ; candidates_end(&c) */
    struct vault *vault;
    struct rows   rows;
    unsigned      seen;
    bool          others; /* what is read now is not of this account, and only work */
};
struct candidates candidates_of(struct vault *, int64_t account); /* 0: nobody */
gp_status         candidates_next(struct candidates *, struct credential *) GP_MUST_USE;
void              candidates_end(struct candidates *);
struct found { /* the one that fits */
    int64_t              id; /* 0: none */
    enum credential_kind kind;
    gp_time              retires; /* 0: it has no successor */
    char                 label[CREDENTIAL_TEXT];
    char                 refused[JUDGE_TEXT]; /* why it may not be used here and now; "": it may */
};
struct found found_of(const struct signin *, const struct account *, const struct credential *);

/* ---- who may know (sources.c): a question goes from one to the next, the store among them ----------------------------- */
struct round {
    enum round_wait { ROUND_NOTHING, ROUND_STORE, ROUND_SOURCE, ROUND_HASH, ROUND_WORK } waits; /* what for */
    bool         ended;    /* a source has decided: no other is asked                                       */
    const char  *unclear;  /* why one of them could not tell; NULL: all could                               */
    const char  *no;       /* why it is one, while the work of a check is done for the time that it takes    */
    bool         owes;     /* one who keeps hashes has said no: that takes the time of a check, ...         */
    bool         checked;  /* ... unless one was made                                                       */
    unsigned     asks;     /* a bit for each source that is asked                                           */
    size_t       place;    /* the next, in the order of the configuration                                   */
    size_t       source;   /* that was asked last                                                           */
    const char  *at;       /* its name, for the log; NULL: none was asked                                   */
    uint64_t     changes;  /* the store's state when this began                                             */
    int64_t      known[CONFIG_LOOKUPS_MOST]; /* the account's credentials for sources; 0: it has none       */
    struct found useless;  /* one that is right, and may not be used                                        */
    char         name[NAME_ROOM], why[JUDGE_TEXT]; /* the user's name there; what the source says           */
};

/* ---- the gate before the checks (gate.c, places.c, bans.c) ---------------------------------------------------------------- */
struct gate { /* of a sign-in */
    struct place     address;
    bool             placed;  /* there is one                                                 */
    struct guard_try attempt;
    bool             open;    /* it is being looked at, and the guard is to hear what came of it */
    bool             fits;    /* it was right, and the client has no yes yet                  */
    gp_time          last;    /* when this account was here last, by the wall; 0: never       */
    gp_time          passed, due; /* looked at since; waits until, 0: it does not. By the loop's clock */
    gp_status (*then)(struct signin *);
    gp_status (*next)(struct signin *);
    const char      *why;
};
struct usual { uint32_t ms[GATE_TIMES]; unsigned count; };
struct gates { struct timer *timer; gp_time due, written; struct usual usual[GP_SASL_IS_EXTERNAL + 1]; };
bool      gate_open(struct vault *) GP_MUST_USE;
void      gate_close(struct vault *);
void      guesses_write(struct vault *); /* what the guard has counted */
void      guesses_tick(struct vault *, gp_time now);
/* Before a secret is looked at by `next`. OK, PERMFAIL, TEMPFAIL, or WAIT: signin_resume comes later. */
gp_status gate_ask(struct signin *, gp_status (*next)(struct signin *)) GP_MUST_USE;
void      gate_heard(struct signin *, gp_status answer); /* of what `next` said, then or later  */
void      gate_right(struct signin *);                   /* the client has its yes              */
void      gate_forget(struct signin *);                  /* it ends                             */
void      gate_heard_stray(struct peer *, struct msg *);
void      gate_stray(struct vault *, gp_str peer, gp_str helo); /* AUTH where it is not offered */
bool      gate_trusts(const struct vault *, const struct place *address);
void      gate_read_address(struct signin *);
void      gate_fill(struct signin *);                    /* the attempt, for the guard          */
struct place_uses { struct place_use list[PLACES_NEW_MOST]; size_t count; };
void      place_note(struct signin *);
void      places_write(struct vault *);
struct new_bans { struct kept_ban list[BANS_NEW_MOST]; size_t count; };
bool      bans_open(struct vault *) GP_MUST_USE;
void      bans_reload(struct vault *);
void      ban_make(struct vault *, const struct place *network, const struct signin *);
void      bans_write(struct vault *);

/* ---- sign-ins (signin.c) ----------------------------------------------------------------------------------------- */
struct check;
struct upgrade;
struct signin {
    struct signin *next; /* in its bucket */
    struct signin *older, *younger;
    struct peer   *peer;
    uint64_t       session, source; /* source: place_digest of the client */
    uint32_t       question; /* 0: the client's turn */
    gp_time        started;  /* on the loop's clock  */
    struct check  *check;    /* NULL: none is running; cleared by both sides */
    bool           denied;  /* the store has a password for it, and this is not it */
    int64_t        account, acting; /* who signs in, and whose session it will be: the same, or one that it may act as */
    struct account who;   /* has the name that the client says; its id 0: nobody */
    struct found   found;
    struct gate    gate;
    gp_time        ends;    /* of the token; 0: it does not say, or there is none */
    struct round   round;
    struct upgrade *upgrade; /* to be begun when the client has its answer; or NULL */
    const char    *reason; /* the true one, for the log: static or in here, or NULL */
    size_t         listener; /* index in config */
    char          *token;    /* room lent to x, for mechanisms whose secret is a token; or NULL */
    gp_str         chain;    /* what the client presented, DER after DER; malloc'ed; or GP_NONE */
    char           name[NAME_ROOM], acting_name[NAME_ROOM], mechanism[MECHANISM_TEXT], address[SIGNIN_TEXT], tls_version[SIGNIN_TEXT],
        tls_cipher[SIGNIN_TEXT], helo[CONFIG_TEXT / 2];
    char           incident[GP_INCIDENT_ROOM]; /* of its no; "": none that the client is told */
    bool           nameless; /* the client named no server in its TLS handshake */
    struct gp_sasl x;
};
void exchange_start(struct peer *, struct msg *);
void exchange_line(struct peer *, struct msg *);
void exchange_abort(struct peer *, struct msg *);
void signin_resume(struct signin *, gp_status answer); /* a check came back */
bool signin_in_lane(const struct signin *);            /* at a listener for old devices */
void signin_drop_peer(struct peer *);                  /* that smtpd died   */
void signin_expire(struct vault *, gp_time now);

/* ---- who has the most of something (crowd.c), of not more than SIGNINS_MOST -------------------------------------------- */
struct crowd {
    uint64_t biggest; /* out: the source that was added most often; among equals the one that was first */
    unsigned most;
    struct { uint64_t source; unsigned count; } slots[2 * SIGNINS_MOST];
};
void crowd_add(struct crowd *, uint64_t source);

/* ---- what an exchange asks (answers.c): OK, PERMFAIL, TEMPFAIL, or WAIT: signin_resume comes later ---------------- */
gp_status answer_question(struct signin *) GP_MUST_USE;
/* Of those, the store's own: what is no yes may be another's. */
gp_status store_password(struct signin *) GP_MUST_USE;
gp_status answer_refuse(struct signin *, const char *reason);
gp_status answer_store_failed(struct signin *);
void      answer_is_of(struct signin *, const struct account *); /* whose sign-in this is */
gp_status answer_act_for(struct signin *, gp_str name) GP_MUST_USE;
gp_str    answer_named(const struct signin *);                   /* whom the client asks to be; "": whoever it is */
/* Somebody who may say so vouches for it: who is that here, and may he be whom the client asks to be? For OAuth and certificates. */
gp_status answer_subject(struct signin *, enum credential_kind, gp_str subject, gp_str named) GP_MUST_USE;

gp_status round_start(struct signin *) GP_MUST_USE;          /* as answer_question; who must be known                 */
void      round_checked(struct signin *, gp_status verdict); /* a check came back                                     */
void      round_forget(struct signin *);                     /* the sign-in is gone                                    */
bool      round_has_scram(const struct signin *);            /* may a source have keys for SCRAM, and the store none? */
gp_status round_unclear(struct signin *, const char *why);   /* TEMPFAIL, and kept                                     */
void      round_settle(struct signin *);                     /* no other needs to be asked                             */
/* What a source says (heard.c): as answer_question, PERMFAIL unless it is the last word. */
gp_status heard_of_password(struct signin *, const struct msg_looked *) GP_MUST_USE;
gp_status heard_of_salt(struct signin *, const struct msg_looked *) GP_MUST_USE;
gp_status heard_of_proof(struct signin *, const struct msg_looked *) GP_MUST_USE;
gp_status heard_of_token(struct signin *, const struct msg_looked *) GP_MUST_USE;
gp_status heard_user(struct signin *, gp_str name) GP_MUST_USE; /* it vouches for this one; "": for whom the client named  */
gp_status heard_hash(struct signin *, gp_status verdict) GP_MUST_USE; /* the check of its hash is done                     */
/* The dearest string that sources have shown, in rounds; "" and 0: none yet. */
gp_str    heard_dearest(const struct vault *, uint32_t *cost);
/* Of the name alone: what somebody who is not there could have, here or at a source. */
bool      round_make_up(const struct signin *, gp_str name, struct gp_scram_keys *) GP_MUST_USE;
/* What answers OAUTHBEARER's no (RFC 7628 3.2.2), and whether there is anybody who can check a token. */
void      sources_open(struct vault *);
void      sources_hint(const struct vault *, struct gp_sasl *);

/* How those look that a source keeps a password string of: so that nobody else looks different. */
struct sample {
    char text[FOREIGN_ROOM]; /* the last one; "": none yet */
    struct { uint32_t iterations; size_t salt_len; } scram[GP_HASHES]; /* of the last keys; iterations 0: none yet */
};

/* ---- password strings of sources (foreign.c) ---------------------------------------------------------------------------- */
bool      foreign_scram(gp_str text, struct gp_scram_keys *) GP_MUST_USE; /* RFC 5803's form, or Dovecot's */
bool      foreign_may_be_kept(gp_str text) GP_MUST_USE; /* it is a hash: nobody's password is kept beyond its check */
void      foreign_pretend(gp_str sample, gp_secret password); /* the work of a check, slow; "": of our own hashes */

/* ---- what everybody's no costs (decoy.c): the verifiers of the dearest account ----------------------------------------- */
struct decoy { /* never changes; lent to threads by those who hold it */
    unsigned        holders;
    uint32_t        cost; /* of all together                       */
    size_t          count;
    struct verifier verifiers[CREDENTIALS_SLOW_MOST]; /* the dearest first */
};
/* Of the account that the survey says; NULL: no memory, or the store could not be read. The caller holds it. */
struct decoy *decoy_open(struct accounts *, const struct survey *, gp_time now);
struct decoy *decoy_hold(struct decoy *);
void          decoy_leave(struct decoy *); /* the last one frees it; NULL is fine */

/* ---- password checks (check.c) ------------------------------------------------------------------------------------- */
struct check_work { /* owns all it needs: it moves to a thread and back */
    const struct verifier_keys *keys; /* never changes after start */
    const struct decoy         *decoy; /* NULL: a no costs what it costs */
    size_t                      count;
    struct verifier             verifiers[CREDENTIALS_SLOW_MOST];
    bool                        may[CREDENTIALS_SLOW_MOST]; /* what may not be used is tried for the log, as far as that costs no more */
    bool                        is_foreign, pretends; /* against `foreign` alone; pretends: for the work only */
    uint32_t                    foreign_cost;         /* of a no to it, at least                          */
    char                        foreign[FOREIGN_ROOM];
    size_t                      password_len;
    char                        password[GP_PASSWORD_MOST];
    gp_status                   verdict; /* out */
    size_t                      matched; /* out: index, when OK */
    size_t                      useless; /* out: index of one that fits and may not be used; count: none */
    uint64_t                    spent;   /* out: rounds of work, whoever asked */
};
void      check_work_run(struct check_work *); /* pure */
/* Its id 0: nobody; the same reads, the same work and the same answer as for a wrong password. */
gp_status check_start(struct signin *, const struct account *) GP_MUST_USE;
/* Against what a source keeps; a no costs as much as `cost` says, at least. cost 0: nobody keeps anything, which must not be seen. */
gp_status check_foreign(struct signin *, gp_str text, uint32_t cost) GP_MUST_USE;
void      check_forget(struct check *); /* the sign-in is gone: it leaves the line, or ends by itself */
void      checks_go_on(struct vault *); /* a thread is free                            */
void      checks_close(struct vault *); /* those that wait                             */

/* ---- better forms of imported passwords (upgrade.c) ------------------------------------------------------------------ */
struct upgrade *upgrade_open(struct vault *, int64_t account, int64_t credential, gp_secret password); /* NULL: no memory */
void            upgrade_start(struct upgrade *); /* when no check wants the thread; else the next sign-in tries again */
void            upgrade_drop(struct upgrade *);  /* NULL is fine */

/* ---- TLS keys (keys.c, tickets.c) ------------------------------------------------------------------------------------ */
struct pair { gp_str chain; struct gp_key *key; gp_time expires; char name[CONFIG_TEXT]; }; /* chain.ptr is malloc'ed */
struct pair_set {
    uint64_t    generation;
    size_t      count, have; /* have: how many have come */
    bool        bad;         /* one of them is no good: the set will not be used */
    struct pair pairs[CONFIG_CERTIFICATES_MOST];
};
struct keyring {
    struct pair_set *sets[PAIR_SETS]; /* newest first; NULL: none */
    struct pair_set *coming;
    uint8_t          tickets[TICKETS_MOST][GP_TLS_TICKET_KEY]; /* newest first */
    size_t           ticket_count;
    gp_time          rotated;
};
/* NULL: the two descriptors of the message are a pair now. Else what is wrong. */
const char *pair_read(struct pair *, const struct msg *, gp_str name) GP_MUST_USE;
void        pair_close(struct pair *);
enum pair_use { PAIR_SERVER, PAIR_UPSTREAM };
void pair_tell_expiry(struct vault *, const struct pair *, enum pair_use); /* in the log, and as a notice, where it is near */
void pair_tell_again(struct vault *, const struct pair *, enum pair_use);  /* as a notice                                   */
void keys_pair(struct peer *, struct msg *);
void keys_sign(struct peer *, struct msg *);
void keys_sign_with(struct peer *, const struct msg *tls_sign, const struct gp_key *); /* NULL: refused */
void keys_announce(struct peer *); /* certificates and tickets to one smtpd */
void keys_tick(struct vault *, gp_time now);
void keys_tell_expiry(struct vault *); /* of those in force */
void keys_close(struct keyring *);
/* The whole file into freshly allocated memory, NUL not counted; GP_NONE: unreadable, or over `most`. */
gp_str descriptor_read(int fd, size_t most);
void   file_free(gp_str); /* wipes */
gp_str file_first_line(gp_str text); /* without its end */

/* ---- signatures (signing.c) --------------------------------------------------------------------------------------------- */
struct signing_wish { uint32_t question; enum msg_type answer; const struct gp_key *key; enum gp_sign how; gp_str data; };
void signing_start(struct peer *, const struct signing_wish *); /* key NULL: PERMFAIL; answers now or later */

/* ---- DKIM (dkim.c) ------------------------------------------------------------------------------------------------------ */
/* What the relay found wrong in DNS with domains that mail is from (preflight.c). */
enum { PREFLIGHTS_MOST = 64, PREFLIGHT_GOOD_MS = 3600 * 1000 /* for so long what was told counts */ };
struct preflight { char domain[256], why[160]; gp_time until; };
struct preflights { struct preflight list[PREFLIGHTS_MOST]; size_t count; };
void preflight_told(struct peer *, struct msg *);

struct dkim_key { char domain[256], selector[64]; struct gp_key *key; bool listed; /* it is told of to who signs */ };
struct dkim_ring { struct dkim_key *keys; size_t count, room, left_out; uint8_t fingerprint[GP_DIGEST_MOST]; bool loaded; };
void dkim_load(struct vault *); /* when the folder has changed */
void dkim_keys(struct peer *, struct msg *);
void dkim_sign(struct peer *, struct msg *);
void dkim_close(struct dkim_ring *);

/* ---- our own sign-in at the smarthost (upstream.c) ---------------------------------------------------------------------- */
struct login { /* lent to the thread while it is the one that steps */
    struct login     *next; /* in the line */
    struct peer      *peer;
    uint64_t          id;
    size_t            which; /* of the config's logins */
    struct own        own;   /* whose mail it is, where each account signs in as itself */
    uint32_t          question;
    bool              busy, gone, spoken; /* spoken: the server has said something */
    bool              parked; gp_time since; /* no line is here yet: it waits for a token of its provider, since then */
    uint64_t          token;    /* its number; 0: it is none of those                                       */
    const struct gp_sasl_mech *mech;
    enum gp_sasl_step step;
    size_t            line_len;
    char              line[GP_SASL_LINE_MOST];
    char              lent[GP_SASL_LINE_MOST]; /* for a message with a token that is long */
    size_t            said_len;                /* a token: the server may repeat it, and must not have it logged */
    char              said[GP_SASL_TOKEN_MOST];
    struct gp_sasl    x;
};
struct upstream {
    struct upstream_secret {
        bool   present;
        size_t len;
        char   text[GP_SASL_TOKEN_MOST];   /* the password, or the token           */
    } secrets[1 + CONFIG_ROUTES_MOST];     /* by config_login_of()'s index         */
    struct login *logins[UPSTREAM_LOGINS]; /* NULL: a free place                     */
    struct login *waiting;                 /* for the thread, oldest first           */
    struct login *stepping;                /* on the thread; NULL: none              */
    struct presented { struct pair pairs[PAIR_SETS] /* newest first */; uint64_t generation /* of that; 0: none has come */; } presented[1 + CONFIG_ROUTES_MOST]; /* our certificates, by the same */
};
void upstream_received(struct peer *, struct msg *);
void upstream_start(struct peer *, struct msg *);
void upstream_line(struct peer *, struct msg *);
void upstream_put_status(struct gp_text *, gp_secret token, gp_str status); /* for the log */
void upstream_end(struct peer *, struct msg *);
void upstream_token_came(struct vault *); /* or will not: those that wait go on */
void upstream_drop(struct vault *); /* the relay died */
void upstream_close(struct upstream *);
void presented_received(struct peer *, struct msg *); /* presented.c: our certificate there */
void presented_announce(struct peer *relay); /* all */
void presented_sign(struct peer *, struct msg *);
void presented_tell_expiry(struct vault *);
void presented_close(struct upstream *);

enum { REPLY_MOST = 380 }; /* octets of a text for a client that fit one line with its codes, and the incident */
/* ---- may this be sent (sending.c): rules say no by filling `no` and `text` ---------------------------------------------------- */
struct no { unsigned code; const char *enhanced, *why; }; /* why: the true reason, for the log; static, or in struct sent */
struct sent { /* a message, at MAIL or at its end; what is not known at MAIL is absent */
    struct peer   *from; /* the smtpd */
    int64_t        account, credential, owner; /* owner: who signed in; another than account where he acts for that */
    uint64_t       session, listener, size, likeness;
    gp_str         sender, peer, queue_id, helo, mechanism, tls, fields, recipients; /* as in SUBMIT */
    gp_time        now;
    unsigned       recipient_count, fresh; /* fresh: of those, new to the account */
    unsigned       recipients_may; /* out, at MAIL: how many it may have */
    char           enough[JUDGE_TEXT]; /* out, at MAIL: what the client hears of one more; enough_len 0: nothing special */
    size_t         enough_len; bool foreign; /* out, at the end: is not to be signed, as in SUBMITTED */
    struct no      no;             /* out                                */
    struct gp_text text;           /* out: what the client hears         */
    char           why[JUDGE_TEXT], hold_why[HOLD_WHY_MOST + 1]; /* hold_why: out; "": it need not be held */
    char           incident[GP_INCIDENT_ROOM]; /* out: names a no, or a hold; "": neither */
    char           instead[ACCOUNT_ADDRESS_MOST]; /* out, at MAIL: takes the sender's place; "": nothing  */
};
gp_status limits_find_owner(struct vault *, struct sent *); /* limits.c; before all others */
gp_status limits_at_mail(struct vault *, struct sent *);
gp_status limits_count_new(struct vault *, struct sent *); /* whom it had not written to before */
gp_status limits_remember(struct vault *, struct sent *);  /* it has now: after all others      */
gp_status limits_at_end(struct vault *, struct sent *);

/* ---- what old devices may send (lane.c), whatever the modes of policies are -------------------------------------------------------- */
gp_status lane_at_mail(struct vault *, struct sent *);
gp_status lane_at_end(struct vault *, struct sent *);
gp_status lane_count(struct vault *, struct sent *); /* it has been let through */

gp_status preflight_at_end(struct vault *, struct sent *);

/* ---- the brake on stolen accounts (brake.c) ---------------------------------------------------------------------------------------- */
enum { BRAKE_TOLD_AGAIN_MS = 24 * 3600 * 1000 }; /* in shadow */
gp_status brake_at_end(struct vault *, struct sent *);
void      brake_named(struct vault *, const struct sent *);
bool      brake_begins(struct vault *, const struct sent *); /* with this message: somebody's mail is held, and the store does not know it yet */
void      brake_fates(struct peer *, struct msg *);
gp_status brake_write(struct vault *, struct brake_kept *, gp_time now); /* in a transaction */

/* Waiting mail of accounts that the brake holds (holds.c). */
struct holding { bool due, asked; uint64_t row; struct brake_untold now; }; /* due: there may be one that the queue does not know */
void      holds_begin(struct vault *, const struct sent *); /* of this message on, perhaps */
void      holds_tick(struct vault *);

/* ---- who is signed in now (sessions.c) ------------------------------------------------------------------------------------------ */
enum { SESSIONS_MOST = 262144 /* counted: 56 octets each */, SESSION_BUCKETS = 8192, SESSION_COUNTS = 64 };
struct open_session;
struct session_count { int64_t credential; unsigned count; }; /* of those asked about last; credential 0: of none */
struct sessions { struct open_session *buckets[SESSION_BUCKETS]; size_t count; struct session_count known[SESSION_COUNTS]; };
void session_opened(const struct signin *);
void session_ended(struct peer *, struct msg *);
void session_forget(const struct peer *, uint64_t session);
void sessions_drop_peer(const struct peer *);
enum session_room { SESSION_FITS, SESSION_ACCOUNT_FULL, SESSION_CREDENTIAL_FULL };
enum session_room session_may_send(struct peer *, uint64_t session);

void sending_mail(struct peer *, struct msg *);
void sending_submit(struct peer *, struct msg *);
gp_status identity_at_mail(struct vault *, struct sent *) GP_MUST_USE;      /* identity.c: rules */
gp_status identity_signs_at_end(struct vault *, struct sent *) GP_MUST_USE;
gp_status identity_at_end(struct vault *, struct sent *) GP_MUST_USE;  /* do account and credential still stand? */
void      identity_authors(struct peer *, struct msg *);

/* ---- the mechanisms that are offered (offer.c) ---------------------------------------------------------------------------- */
gp_str              offer_configured(const struct vault *, size_t listener);
struct policy_facts offer_facts(const struct vault *, size_t listener);
void offer_announce(struct peer *); /* to one smtpd */
void offer_update(struct vault *);  /* to all, when it has changed */

/* ---- client certificates (external.c) --------------------------------------------------------------------------------------- */
void external_ca(struct peer *, struct msg *);
/* Who the certificates that came with this sign-in say the client is. false: they are none. */
bool external_peer(const struct signin *, struct gp_certificate_peer *) GP_MUST_USE;
gp_status external_answer(struct signin *) GP_MUST_USE; /* whose it is, and may he be whom he asks to be */

/* ---- the store is changed by commands (notice.c) ---------------------------------------------------------------------------- */
void notice_open(struct vault *); /* from now on a change is seen at once; without it at the next tick */
void notice_close(struct vault *);

/* ---- last uses, written in batches (uses.c) -------------------------------------------------------------------------------- */
struct uses { struct credential_use list[USES_MOST]; size_t count; gp_time written; };
void uses_note(struct vault *, const struct signin *);
void uses_write(struct vault *);

/* ---- counts by day (shadow.c): both are written within a second -------------------------------------------------------------- */
struct tallies { struct tally list[TALLIES_MOST]; size_t count; };
/* A policy in shadow would have refused or held this. rule: as in `gatepost report`, "limits.recipients"; example: why, for people. */
void shadow_note(struct vault *, const char *rule, int64_t account, int64_t credential, gp_str example);
/* Somebody uses what may be switched off one day: "mechanism LOGIN". */
void use_note(struct vault *, const char *use, int64_t account, int64_t credential, gp_str example);
void shadow_write(struct vault *);

/* ---- refusals by smtpd, for the record (refused.c) ---------------------------------------------------------------------------- */
void refused_take(struct peer *, struct msg *);
void refused_name(struct vault *, struct sent *, gp_status); /* the vault's own: what is no, or is held, gets a name, and goes on record */

/* ---- what goes on record within a second (trail.c) ------------------------------------------------------------------------------ */
struct trail_row {
    const char *event;
    gp_time     first, last;
    int64_t     account, credential;
    uint32_t    count;
    size_t      data_len;
    size_t      incidents_len;
    char        incidents[32 * GP_INCIDENT_ROOM]; /* of those after the first, lines */
    char        name[NAME_ROOM], incident[GP_INCIDENT_ROOM], queue_id[CREDENTIAL_TEXT], data[TRAIL_DATA];
    bool        is_refusal, has_place; /* not of sign-ins that were right */
    struct place place;
};
struct trail {
    size_t           count, refusals; /* rows, and how many of them are refusals */
    int64_t          spent;           /* of TRAIL_BUDGET                         */
    gp_time          regained;        /* until when, on the loop's clock         */
    uint64_t         unlisted;        /* there was no room for them              */
    struct trail_row rows[TRAIL_MOST];
};
/* What a stranger can cause as often as he likes is a refusal. event is static; the rest is copied. */
enum trail_kind { TRAIL_EVENT, TRAIL_REFUSAL };
void trail_note(struct vault *, enum trail_kind, const struct audit_entry *, const struct audit_field *);
#define TRAIL(v, kind, entry, ...) \
    trail_note((v), (kind), (entry), (const struct audit_field[]){ __VA_ARGS__, { NULL, { NULL, 0 }, 0, AUDIT_TEXT } })
void trail_start(struct vault *); /* the start, and what has changed in the configuration since the last one */
void trail_write(struct vault *);

/* ---- the audit key (seal.c): checkpoints of both chains, and how far they have aged out ---------------------------------------- */
struct sealer {
    struct audit_key key;          /* its key NULL: there is none, and no checkpoints       */
    int              file, syslog; /* where checkpoints go besides; -1: nowhere             */
    bool             export_failed, ageing; /* ageing: there are rows to remove             */
    int64_t          seq;          /* of the last checkpoint                                */
    gp_time          due, age_due; /* on the loop's clock                                   */
};
void seal_open(struct vault *); /* makes the key, at the first start */
void seal_close(struct vault *);
void seal_tick(struct vault *, gp_time now);
void seal_now(struct vault *); /* a checkpoint of the vault's chain, if it has grown */
void seal_asked(struct peer *, struct msg *);  /* by queue          */
void seal_export(struct peer *, struct msg *); /* by the supervisor */

/* ---- what people have to be told (notices.c) ------------------------------------------------------------------------------------ */
struct notice_wish {
    const char *kind;    /* "stale-device": static                                                                        */
    int64_t     account; /* its owner is told, too; 0: the administrator alone                                            */
    bool        stranger, unmailed; /* anybody can cause it: such leave half of notices.a_day to others; not told by mail   */
    gp_str      cause;   /* told once: a text that is the same for the same cause, "stale-device 7 192.0.2.1"             */
    gp_str      subject, what, meaning, todo; /* whole sentences, for people; no secret: this is sent as mail             */
};
enum { UNTOLD_MOST = 8, NOTICE_LINE = 1024 };
struct untold {
    struct notice notice;
    bool          stranger;
    char          account[NAME_ROOM], what[NOTICE_LINE], todo[NOTICE_LINE]; /* for the log */
};
struct untolds { struct untold list[UNTOLD_MOST]; size_t count; }; /* posted, and not yet in the store */
struct posting { bool asked; gp_time due, looks_at; struct notice now; }; /* on the loop's clock; now: that the queue was asked to take */
/* Kept within a second, so that nobody waits for it, and sent then; the first of a cause has a line of the log with event=notice in any case. */
void notice_post(struct vault *, const struct notice_wish *), notice_held(struct peer *, struct msg *), notice_lost(struct peer *, struct msg *), notice_store(struct peer *, struct msg *);
void notices_write(struct vault *);
void notice_certificate(struct vault *, gp_str name, gp_time expires, enum pair_use);
void notices_tick(struct vault *, gp_time now);
/* To the webhook (webhook.c): one at a time, the oldest first, each again and again until it is taken. */
struct hooking { bool asked; unsigned failures; gp_time due; struct notice now; }; /* failures: in a row */
void webhook_tick(struct vault *, gp_time now);
void webhook_hurry(struct vault *); /* there is one more */
/* What policies find, in words (tell.c). */
void tell_stale(const struct signin *, bool vague);
void tell_ban(struct vault *, const struct ban *); /* of a whole network: of others the log has enough */
void tell_limit(struct vault *, const struct sent *, const struct limit_hit *);
void tell_brake(struct vault *, const struct sent *, const struct brake_kept *);
void tell_preflight(struct vault *, const struct preflight *); /* its mail is held, or refused, from now on */
void tell_audit(struct vault *, const char *what, const char *reason, const char *todo);

/* ---- all together (vault.c) ------------------------------------------------------------------------------------------------- */
struct vault {
    struct loop          *loop;
    const struct config  *config;
    struct accounts      *accounts;
    struct verifier_keys  keys;
    struct survey         survey;  /* what unknown users have to look like                     */
    struct decoy         *decoy;   /* what a password costs them                               */
    uint64_t              changes; /* how often somebody else changed the store since start    */
    struct recent        *recent;  /* NULL: no memory, every password is checked in full       */
    unsigned              hashing, hashing_most; /* slow checks on threads                     */
    struct line           line;                  /* those that wait for one                    */
    uint64_t              checks;                /* slow ones that were begun: for tests and for the curious */
    unsigned              signings;
    size_t                signin_count;
    struct signin        *signins[SIGNIN_BUCKETS], *oldest, *youngest; /* in the order in which they began */
    struct meters         meters;
    struct sessions       sessions; struct mine mine;
    struct keyring        keyring;
    struct dkim_ring      dkim;
    struct preflights preflights;
    gp_time               folder_seen;
    struct upstream      *upstream;
    struct tokens         tokens_kept;
    struct uses           uses;
    struct untolds        untold;
    struct holding        holding;
    struct again          again;
    struct posting        posting;   /* a notice on its way                                 */
    struct hooking        hooking;   /* one on its way to the webhook                       */
    struct tallies        tallies;
    struct trail          trail;
    struct sealer         sealer;
    struct guard         *guard;    /* NULL: its mode is off                                   */
    struct bans          *bans;
    struct gates          gates;
    struct place_uses     places;
    struct new_bans       new_bans;
    bool                  tokens;    /* there is somebody who can check bearer tokens       */
    char                  scope[CONFIG_TEXT], discovery[CONFIG_TEXT]; /* what clients are told of him */
    struct sample         samples[CONFIG_LOOKUPS_MOST];
    struct gp_trust      *client_trust; /* those who vouch for clients; NULL: nobody  */
    char                  offered[CONFIG_LISTEN_MOST][CONFIG_TEXT]; /* mechanisms, by listener */
    int                   notices;              /* inotify; -1: none                        */
    struct watch         *watch;
    struct timer         *tick;
    bool                  failed; /* the store was in trouble when last asked: said once */
    bool                  moved;  /* its file is no longer where it was: said once, too  */
    struct peer           supervisor, relay, queue, smtpds[ROLE_SMTPD_MOST], lookups[CONFIG_HELPERS_MOST];
};
/* In the current directory: accounts.db, vault.key, dkim/. NULL: logged. */
struct vault *vault_open(struct loop *, const struct config *);
void          vault_close(struct vault *);
void          vault_join(struct vault *, enum msg_role, unsigned index, int fd); /* a channel to a peer, new or anew */
void          vault_refresh(struct vault *);           /* notices what commands changed until this turn began */
void          vault_look_anew(struct vault *);         /* until now                             */
void          vault_survey(struct vault *);            /* after changes of our own              */
void          vault_store_failed(struct vault *);      /* says it once, until it works again    */

#endif
