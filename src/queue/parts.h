/* What the rooms of the role share: the schedule (pure), lanes (one per destination, in memory), attempts (what the relay has under
 * way), the batch (one transaction per turn), and struct queue that holds them. Time is passed in everywhere, so that a test can
 * run a week in a moment; the ways out (to the relay, to who asked, to receivers of events) are calls in struct queue_exits for the same reason. */
#ifndef QUEUE_PARTS_H
#define QUEUE_PARTS_H

#include "mail/mail.h"
#include "proc/proc.h"
#include "queue/events.h"
#include "queue/reports.h"
#include "store/queue.h"
#include "store/tls_results.h"

enum {
    SECOND            = 1000,
    LANES_MOST        = 65536, /* destinations known at a time; the others wait in the store */
    LANE_BUCKETS      = 4096,
    TURN_LOOKS        = 8,     /* accounts that are looked at for one whose turn it is */
    HOSTS_MOST        = 4,     /* that a destination is known to wait for */
    LAST_WORD_MOST    = 2048,  /* of a result line that a suspended lane repeats: all of it, since whose fault it is stands at its end */
    BATCH_ASKS_MOST   = 1024,  /* commits of one transaction                                 */
    DRAFTS_MOST       = 1024,
    RESULTS_MOST      = MSG_MOST,
    ENVELOPE_MOST     = 384 * 1024, /* arena for one message and its due recipients           */
    REST_AFTER_TROUBLE = 5 * SECOND, /* the store could not */
    REST_AFTER_DEATH   = 1 * SECOND,
    SUSPENSION_MOST    = 10 * 60 * SECOND, /* of a destination where nothing could be tried */
    SHUT_MOST          = 60 * 60 * SECOND, /* of one whose hosts do not answer: later than the relay ever says */
    JOIN_WAIT          = 10, /* ms that outcomes wait for the transaction of messages that come in */
    JOIN_MOST          = 64, /* so many wait at most                                     */
    CHANGES_EVERY     = 1 * SECOND, /* how soon what commands change is noticed               */
};

/* ---- schedule.c: when to try again; pure ----------------------------------------------------------------------- */
struct schedule_step {
    bool    give_up; /* lifetime is over: bounce                        */
    bool    notice;  /* time to tell the sender that it takes long      */
    gp_time due;
};
/* After failure number `attempts` (from 1) at `now`. seed spreads what failed together. The next attempt never passes the moment of
 * the delay notice (0: there will be none) or of the end of life: both are told from fresh knowledge. */
struct schedule_step schedule_next(const struct config *, unsigned attempts, gp_time arrived, gp_time now, gp_time notice_at, uint64_t seed);
/* When what must not die of age is tried again. */
gp_time schedule_waits(const struct config *, unsigned attempts, gp_time now, uint64_t seed);
/* For what was not tried, since its hosts are known not to answer: `again`, when one of them is tried. With `others`, of one that need not look whether it
 * answers, since others do: as if it had been tried all its life, so that mail that waits long is not touched at every try. */
struct schedule_step schedule_shared(const struct config *, gp_time arrived, gp_time now, gp_time again, bool others, gp_time notice_at, uint64_t seed);
/* How long a destination where nothing could be tried is left alone: shorter than any message's own step. */
gp_time schedule_suspension(const struct config *, unsigned failures);
/* Is that moment still to come? What is further ahead than a rest lasts at most is from before the clock was set back, and over. */
bool schedule_rests(gp_time until, gp_time most, gp_time now);

/* ---- lanes.c: destinations, fair to each other; pure ----------------------------------------------------------------- */
struct attempt;
enum lane_revival { REVIVED_NOT, REVIVED_WAKES, REVIVED_IS_DUE };
enum lane_place { LANE_READY, LANE_ASLEEP, LANE_FULL, LANE_CROWDED };
struct lane {
    struct lane    *bucket_next, *next, *previous; /* next, previous: among those in the same place */
    enum lane_place place;
    gp_time         wake_at;         /* ASLEEP: until then                                           */
    size_t          sleeper_at;      /* ASLEEP: its seat among the sleepers                          */
    gp_time         suspended_until; /* nothing could be tried: what comes due meanwhile is put off  */
    unsigned        failures;        /* in a row; while there are any, one attempt at a time         */
    unsigned        under_way;
    unsigned        narrow, good;    /* fewer at a time than may be, 0: as many as may be; successes since it grew  */
    int64_t         turn, look;      /* whose message was sent last; which account is looked at next */
    int64_t         waits_as;        /* CROWDED: the account whose mail is due there                */
    bool            crowded;         /* several accounts have mail due: they take turns              */
    bool            paced;           /* ASLEEP since its route has enough under way                  */
    struct attempt *attempts;
    uint64_t        hosts[HOSTS_MOST]; /* names of its hosts that do not answer; 0: none             */
    bool            waits;           /* one of them is tried at suspended_until, by whomever         */
    bool            shut;            /* because of them mail of it is put off, beyond what is under way */
    enum lane_revival revived;       /* one of them answers again, and this is not seen to yet       */
    char           *last_word;       /* result line to repeat while suspended, or NULL               */
    size_t          last_word_len, name_len;
    char            name[];
};
struct lanes {
    struct lane *buckets[LANE_BUCKETS];
    struct lane *places[LANE_CROWDED + 1]; /* rings; READY's first is served next */
    struct lane *sleepers[LANES_MOST];  /* a heap: the first to wake is [0]; pages that are not used cost nothing */
    size_t       sleeper_count, count;
    bool         overflow;              /* some destination found no room: look again when there is */
};
gp_str       lane_name(const struct lane *);
struct lane *lanes_find(const struct lanes *, gp_str destination);
struct lane *lanes_wake(struct lanes *, gp_str destination, gp_time at, gp_time now); /* NULL: no room; overflow is set */
struct lane *lanes_next(struct lanes *, gp_time now);                                 /* NULL: none is ready; it goes to the end of the ring */
void         lane_move(struct lanes *, struct lane *, enum lane_place, gp_time wake_at);
void         lane_suspend(struct lane *, gp_time until, gp_str last_word);
void         lane_recovered(struct lane *);
/* One attempt more or less at a time: the far end has taken a message, or said that it is too much (RFC 5321 3.8, RFC 3463 3.4 to 3.8). */
void         lane_widen(struct lane *, unsigned most);
void         lane_narrow(struct lane *, unsigned most);
bool         lane_is_too_much(gp_str result); /* does this line of results say so? */
void         lanes_revive(struct lanes *);                                            /* no lane is suspended any more */
void         lane_drop(struct lanes *, struct lane *);
void         lanes_close(struct lanes *);

/* ---- pace.c: what a route may have under way; pure -------------------------------------------------------------------------- */
enum { PACE_LOOKS_AGAIN = 1 * SECOND }; /* where all its connections are in use */
struct pace {
    unsigned connections, under_way; /* connections 0: any number              */
    gp_time *sent;                   /* when the last ones began, a ring       */
    unsigned most, at;               /* messages a minute, 0: any number; the oldest of them */
};
bool    pace_open(struct pace *, const struct config_route *) GP_MUST_USE; /* false: no memory */
void    pace_close(struct pace *);
gp_time pace_wait(const struct pace *, gp_time now); /* 0: one more may begin; else until when none may */
void    pace_began(struct pace *, gp_time now);
void    pace_ended(struct pace *);
void    pace_forget(struct pace *, gp_time began); /* nothing was sent: it is no message of its minute */

/* ---- shares.c: what an account may have under way ----------------------------------------------------------------------------- */
struct share { int64_t account; unsigned under_way; };
struct shares {
    struct share of[ATTEMPTS_MOST]; /* accounts that have something under way */
    size_t       count;
    gp_time      looked_at;
};
size_t shares_most(const struct queue *); /* attempts at a time */
void   shares_began(struct queue *, struct lane *, int64_t account);
void   shares_ended(struct queue *, struct lane *, int64_t account); /* wakes who waits for it */
bool   shares_let(const struct queue *, const struct lane *, int64_t account); /* may this account have one more there? */
void   shares_wait(struct queue *, struct lane *, int64_t account);
void   shares_turn(struct queue *, gp_time now); /* does something once a second */

/* ---- what ends without an attempt --------------------------------------------------------------------------------------------- */
struct ending { const char *status, *why; bool late; /* late: nothing ends, the sender is told that it is not there yet */ };

/* ---- attempts ------------------------------------------------------------------------------------------------------------ */
struct attempt {
    struct attempt  *lane_next, *done_next;
    struct queue    *queue;
    struct lane     *lane;    /* keeps it in its list until the outcome is committed */
    struct queue_due due;
    bool             alone;   /* its lane sends one at a time     */
    bool             repeats; /* was not tried: its lane is suspended */
    gp_time          again;   /* was not tried: a host is down, and tried again then; else 0 */
    bool             discards; /* nor will it be: its route says so   */
    const struct ending *ending; /* it is none at all: NULL but for what ends.c makes of it */
    gp_time          began, when;
    char            *results; /* copy; NULL: out there             */
    size_t           results_len;
};

/* ---- the role ------------------------------------------------------------------------------------------------------------- */
struct asker { struct ipc *from; uint32_t question; };
struct look; /* through queue.db, on a thread */
struct queue_exits {
    void (*deliver)(struct attempt *, struct msg *);          /* attempt_done() will be called, never at once */
    void (*answer)(struct queue *, struct asker, struct msg *);
    bool (*post)(struct receiver *);                        /* events_answer() will be called, never at once; false: it will not */
    void (*report)(struct report_job *, struct msg *);        /* to the relay; reports_answer() will be called, never at once */
    bool (*look)(struct look *);                              /* look_run on a thread, then look_done here; false: it will not */
};
struct ask { struct asker asker; char queue_id[QUEUE_ID_MOST + 1]; };
struct draft { struct ipc *from; uint64_t number; int fd; };

struct batch {
    struct ask      asks[BATCH_ASKS_MOST];
    size_t          ask_count;
    struct attempt *done, **done_last; /* outcomes to record          */
    size_t          done_count;
    gp_time         done_since;        /* when the first of them came */
    gp_time         took_in;           /* when messages were last committed */
    gp_time         rest_until;        /* outcomes wait: the store could not */
    bool            refused;           /* it could not begin in this turn: the others need not wait as long to hear it */
    uint64_t        transactions;      /* for tests and for the curious      */
};

/* behind.c: what a start leaves for later */
struct behind {
    enum store_state   state, told; /* told: to the supervisor                                  */
    int64_t            front_most;  /* octets of queue.db that are looked through before it serves; 0: as many as is usual */
    struct look       *look;        /* under way                                                */
    bool               sweeps, walk_open;
    struct queue_sweep sweep;
    struct queue_walk  walk;
    gp_time            due, warned, walk_rest;
};

enum { FATES_MOST = 64, TLS_RESULTS_MOST = 64 };
struct fate { uint64_t account; unsigned delivered, failed; };

struct queue {
    const struct config      *config;
    const struct queue_exits *exits;
    struct queue_store       *store;
    struct behind             behind;
    struct lanes              lanes;
    struct pace               paces[CONFIG_ROUTES_MOST];
    struct shares             shares;
    struct batch              batch;
    struct draft              drafts[DRAFTS_MOST];
    uint64_t                  last_draft, last_attempt;
    struct fate               fates[FATES_MOST]; /* what became of mail, by account, for the vault */
    size_t                    fate_count;
    struct tls_result         tls_results[TLS_RESULTS_MOST]; /* seen by the relay, and not written yet */
    size_t                    tls_result_count;
    struct events            *events;     /* NULL: nobody wants them        */
    struct reports           *reports;    /* NULL: none are sent            */
    size_t                    under_way;  /* attempts in the relay          */
    bool                      stopping, relay_there, space_was_short;
    bool                      reviving;   /* some lane is revived */
    size_t                    revive_at;  /* the bucket where it goes on */
    gp_time                   revived_last; /* the last turn of them, unix ms */
    struct { gp_time seen; bool mends; struct queue_row at; size_t changed; } clock; /* clock.c's: when it was looked at; how far it is */
    gp_time                   looked_at, held_told, lost_told;
    char                      lost[QUEUE_ID_MOST + 1]; /* mail of our own that failed, for the vault; "": none */
    gp_time                   rest_until; /* dispatch waits: the store could not be read */
    /* the part that only queue.c touches */
    struct loop  *loop;
    struct timer *tick;
    struct ipc   *supervisor, *relay, *smtpds[ROLE_SMTPD_MOST];
    gp_time       stop_at;
    struct ipc   *vault; /* NULL: it has not been seen yet */
    struct {
        bool    asking, ageing, last; /* a question is open; there are rows to remove; the one at the end was asked */
        int64_t seq;                  /* of the last checkpoint */
        gp_time due, age_due;
    } seal;
};
bool queue_start(struct queue *, const struct config *, const struct queue_exits *, gp_time now); /* opens ".", sweeps; logs its failure */
void queue_end(struct queue *);
/* A command changed something, or we have just started: look at every destination. */
void queue_look(struct queue *, gp_time now);

/* intake.c */
void intake_commit(struct queue *, struct asker, const struct msg *, gp_time now);
void intake_draft(struct queue *, struct asker, const struct msg *);
void intake_abort(struct queue *, const struct ipc *from, const struct msg *);
void intake_gone(struct queue *, const struct ipc *from);  /* its drafts and open questions */
void put_queue_id(struct gp_text *);                       /* a fresh one */
#define QUEUE_SMARTHOST GP_LIT("smarthost") /* the one destination where all mail goes that way */
gp_str destination_of(const struct queue *, const struct queue_way *, struct gp_text *room);
int priority_of(const struct queue *, gp_str params); /* of MAIL; no higher than the configuration gives */
/* The route that wants this recipient held; NULL: none. */
const struct config_route *held_by(const struct queue *, const struct queue_way *);
gp_str put_held_by(struct gp_text *why, const struct config_route *); /* for hold_why; NULL: nothing */

void notice_take(struct queue *, struct asker, const struct msg *, gp_time now); /* notice.c: the vault's, as mail */

void hold_take(struct queue *, struct asker, const struct msg *, gp_time now); /* hold.c: the vault's, of what waits */
void again_take(struct queue *, struct asker, const struct msg *, gp_time now); /* again.c: the vault's, of what waits for a sign-in */

void mine_take(struct queue *, struct asker, const struct msg *, gp_time now); /* mine.c: the vault's, of a sender's own mail */

void policies_answer(struct queue *, struct asker, const struct msg *, gp_time now); /* policies.c: the relay's memory of MTA-STS */
void policies_due_answer(struct queue *, struct asker, const struct msg *, gp_time now);
void policies_take(struct queue *, const struct msg *, gp_time now);
void hosts_name(struct attempt *, const struct msg *, gp_time now); /* hosts.c: what the relay says of hosts that do not answer */
void hosts_back(struct queue *, const struct msg *, gp_time now);
void hosts_forget(struct lane *); /* one has answered */
void hosts_turn(struct queue *, gp_time now); /* once a second */
void tls_results_take(struct queue *, const struct msg *, gp_time now); /* tls_results.c */
void tls_results_write(struct queue *, gp_time now);

/* batch.c */
bool batch_open(struct queue *);                           /* false: the store could not */
void batch_outcome(struct queue *, struct attempt *);
void batch_flush(struct queue *, gp_time now);             /* commits what came, then answers */
gp_time batch_wait(const struct queue *, gp_time now);        /* ms until outcomes want to be recorded; 0: none wait, or now */
void batch_fail(struct queue *, gp_time now);              /* undo it: all that asked get TEMPFAIL, outcomes wait */
void store_trouble(const struct queue *, const char *doing);  /* the loud log line */
const char *store_why(const struct queue *);               /* for who asked; "space" has a reply code of its own */
bool batch_rests(const struct queue *, gp_time now);       /* what cannot be recorded must not be sent */

/* behind.c */
bool behind_open(struct queue *) GP_MUST_USE;  /* false: logged; the store could not */
void behind_unopened(struct queue *, enum database_trouble); /* the store could not even be opened: the supervisor hears of damage */
bool behind_turn(struct queue *, gp_time now); /* true: there is more to do at once */
/* Where mail that waits is not known yet to go the way that it should: this message is made to; true: it is not to be sent in this turn. */
bool behind_reroutes(struct queue *, int64_t message, gp_time now);
bool behind_walks(const struct queue *);       /* that is so of some, and each costs a transaction of its own when its turn comes */
bool behind_holds(const struct queue *);       /* nothing is promised, kept or sent: queue.db is damaged, or may be */
bool behind_hangs(const struct queue *);       /* a thread reads in it, and does not stop at once */
void behind_close(struct queue *);
void look_run(void *look);
void look_done(void *look);
struct queue *look_queue(const struct look *);

/* dispatch.c */
void dispatch(struct queue *, gp_time now);
/* The relay's answer; results NULL ptr: it died, and the recipients are due again. */
void attempt_done(struct attempt *, gp_str results, enum host_word, gp_time now);
void attempt_free(struct attempt *);
bool attempt_is_under_way(const struct queue *, gp_str destination, int64_t message, unsigned position);
/* The recipients it was for that are still there, copied; `out` has room for QUEUE_DUE_MOST. */
gp_status attempt_recipients(struct queue *, const struct attempt *, struct gp_arena *, struct queue_recipient *out, size_t *count) GP_MUST_USE;

/* outcome.c */
gp_status outcome_record(struct queue *, const struct attempt *) GP_MUST_USE;

/* ends.c: once a second */
void ends_turn(struct queue *, gp_time now);
void ends_tell_held(struct queue *, gp_time now); /* the vault, once an hour */
void ends_tell_lost(struct queue *, gp_time now);

/* clock.c */
void clock_start(struct queue *, gp_time now);
void clock_turn(struct queue *, gp_time now); /* once a second */

/* chain.c: the audit's chain, signed by vault */
void chain_tick(struct queue *, gp_time now);
bool chain_is_last(struct queue *, gp_time now); /* at the orderly end: asks once; true: nothing is open any more */

/* bounce.c */
struct result { gp_status status; bool passed_on, in_time, ours; /* the next hop reports itself; keeps to deadlines; our sign-in there is to blame */ struct queue_reply reply; };
struct report { /* one notification: recipients of one message with the same fate */
    const struct queue_message *message;
    enum gp_dsn_action          action;
    gp_time                     now;
    struct gp_dsn_recipient     recipients[QUEUE_DUE_MOST];
    size_t                      count;
};
bool      bounce_wanted(const struct queue_message *, gp_str recipient_params, enum gp_dsn_action);
gp_status queue_keep_body(struct queue *, gp_str queue_id, gp_str body) GP_MUST_USE; /* of a message of ours that is too large for a row */
gp_status bounce_send(struct queue *, const struct report *) GP_MUST_USE; /* into the open transaction */

#endif
