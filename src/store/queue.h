/* The durable queue: messages, their recipients and bodies, and the audit of both, in SQLite (queue.db) and bodies/. Owned by role
 * queue on its loop thread; commands open it too, beside the running server. What queue_commit() answered OK to is on stable
 * storage. Slices given to a visitor live until it returns; those of queue_load live as long as the arena. Never logs. */
#ifndef STORE_QUEUE_H
#define STORE_QUEUE_H

#include "base/base.h"
#include "store/audit.h"

enum {
    QUEUE_ID_MOST        = 32,
    QUEUE_INLINE_MOST    = 64 * 1024, /* octets of a body that is a row; a larger one is a file */
    QUEUE_DUE_MOST       = 100,       /* recipients of one attempt                              */
    QUEUE_RECIPIENTS_MOST = 10000,
};

struct queue_store;
/* folder: where queue.db and bodies/ are, or are made. NULL: *trouble says why. One that is marked is in doubt (database_doubt). */
struct queue_store *queue_open(const char *folder, unsigned busy_ms, enum database_trouble *trouble);
void                queue_close(struct queue_store *); /* NULL is fine */
struct database    *queue_database(const struct queue_store *); /* for trouble, audit and data_version */
gp_status           queue_check(struct queue_store *) GP_MUST_USE; /* reads the whole database: at start */
#define QUEUE_DATABASE "queue.db"
/* A file beside it says over restarts that queue.db was found damaged, and that nothing is promised before it has been looked through. */
bool                queue_is_marked(const struct queue_store *);
gp_status           queue_mark(struct queue_store *, bool) GP_MUST_USE;
bool                queue_is_id(gp_str);                        /* lower-case letters and digits, QUEUE_ID_MOST at most */

/* ---- transactions ---------------------------------------------------------------------------------------------- */
gp_status queue_begin(struct queue_store *) GP_MUST_USE;
gp_status queue_commit(struct queue_store *) GP_MUST_USE; /* OK: on stable storage; else all of it is undone */
void      queue_abandon(struct queue_store *);
bool      queue_is_open(const struct queue_store *);      /* a transaction is */

/* ---- what is kept ------------------------------------------------------------------------------------------------ */
enum recipient_state { RECIPIENT_QUEUED, RECIPIENT_DELIVERED, RECIPIENT_FAILED, RECIPIENT_HELD, RECIPIENT_DISCARDED, RECIPIENT_STATES };
const char *recipient_state_name(enum recipient_state);

struct queue_message {
    int64_t  row;
    gp_str   queue_id, sender, params, user, message_id, from, peer, helo, mechanism, tls, hold_why; /* hold_why: of one that is held by a rule; or empty */
    bool     legacy;      /* an old device's: for the record and for people */
    bool     foreign;     /* its From is not its account's: it is not signed */
    uint64_t account, owner, credential, size; /* owner: who signed in, where he acted for the account; else 0 */
    gp_time  arrived;
    gp_time  release;     /* its sender has it held back until then (RFC 4865); 0: he does not */
    gp_time  deadline;    /* its sender's (RFC 2852), while it is ahead and something is to be done then; else 0 */
    gp_time  held, removed; /* since when it is held, by whomever; when a command took it out; 0: not */
    bool     in_file;
};
struct queue_reply { /* the last word on a recipient; code 0: none came, text is ours */
    int     code;
    gp_str  enhanced, remote, tls, text;
    gp_time when;
};
gp_time queue_starts(const struct queue_message *); /* when delivery is first tried: its life begins then */
bool queue_requires_tls(const struct queue_message *); /* its sender wants TLS all the way (RFC 8689) */
gp_str queue_envid(const struct queue_message *); /* what the sender calls it by (ENVID), as it was said; GP_NONE: nothing */
/* Of a row of the audit that is about this message. */
struct audit_entry queue_entry(const struct queue_message *, gp_time when, const char *event);
struct queue_recipient {
    gp_str               address, params, destination;
    gp_time              due;
    struct queue_reply   last;
    unsigned             position, attempts;
    int                  priority; /* RFC 6710 */
    enum recipient_state state;
    bool                 delay_noticed;
};

/* ---- changes: within a transaction --------------------------------------------------------------------------------- */
/* body is kept as a row; with in_file set it is not used: the file must be there (queue_draft_keep). destination: made by the
 * caller. PERMFAIL: the id is taken; nothing was changed. */
gp_status queue_add(struct queue_store *, const struct queue_message *, const struct queue_recipient *, size_t count, gp_str body) GP_MUST_USE;
/* Writes state, attempts, due, delay_noticed and last of recipient->position. */
gp_status queue_settle(struct queue_store *, int64_t message, const struct queue_recipient *) GP_MUST_USE;
/* Removes the message when no recipient is queued or held any more; its file goes once that is committed. */
gp_status queue_finish(struct queue_store *, int64_t message, gp_str queue_id, bool *gone) GP_MUST_USE;

/* The queued and held recipients of one message get the destination that `choose` names for them; how many of them changed it. */
struct queue_way { gp_str address, sender, user; uint64_t account; gp_str goes /* its destination, where it has one */; };
typedef gp_str queue_chooser(void *owner, const struct queue_way *, struct gp_text *room);
gp_status queue_reroute(struct queue_store *, int64_t message, queue_chooser *, void *owner, size_t *moved) GP_MUST_USE;
/* The walk over all messages: up to `end`, those behind `upto`, a portion of about `most` recipients at a time. It stands in the database for which
 * `ways` (config_ways) it is made, and how far it has come: who changes the ways begins it there before a message comes in by them. */
struct queue_walk { int64_t ways, upto, end; size_t moved; };
gp_status queue_walk_open(struct queue_store *, struct queue_walk *) GP_MUST_USE; /* for `ways`: upto and end; a change, where they are not those of before */
gp_status queue_walk_on(struct queue_store *, struct queue_walk *, size_t most, queue_chooser *, void *owner) GP_MUST_USE;

enum queue_change { QUEUE_RETRY, QUEUE_HOLD, QUEUE_RELEASE, QUEUE_DELETE, QUEUE_SEND, QUEUE_RETURN };
/* What commands do to one message, with its audit row if it changed anything. A held message is not retried, nor is one
 * that its sender holds back: that one QUEUE_SEND sends before its time. QUEUE_DELETE: at once, and nobody hears of it; QUEUE_RETURN: kept
 * from being sent, until the server has told the sender and removed it. PERMFAIL: no such message. */
gp_status queue_alter(struct queue_store *, enum queue_change, gp_str queue_id, gp_time now, bool *changed) GP_MUST_USE;
gp_status queue_alter_by(struct queue_store *, gp_str by /* for the audit: whom it is done for */, enum queue_change, gp_str queue_id, gp_time now, bool *changed) GP_MUST_USE;
/* As QUEUE_HOLD, because of `why`, which is kept with the message. */
gp_status queue_hold(struct queue_store *, gp_str queue_id, gp_str why, gp_time now, bool *changed) GP_MUST_USE;

/* Up to `most` queued recipients for a destination that are not due yet are, but those that their sender holds back; how many. */
gp_status queue_make_due(struct queue_store *, gp_str destination, gp_time now, size_t most, size_t *changed) GP_MUST_USE;

/* The same of those of which no server has said anything but 421, as far as they are among the first `looks` that are not due. */
gp_status queue_make_unanswered_due(struct queue_store *, gp_str destination, gp_time now, size_t looks, size_t most, size_t *changed) GP_MUST_USE;

/* When the last row of the audit was written; 0: there is none. */
gp_status queue_last_moment(struct queue_store *, gp_time *when) GP_MUST_USE;
/* The clock was set back: what came or was tried in what is now the future came or was tried `now`, and is due after as long as it was to be, `longest` at
 * most, though not before its sender's moment. The next `most` recipients behind *from ({ 0 }: from the first), which becomes the last of them. How many have
 * changed is added. PERMFAIL: there were no more; that, too, wants to be committed. */
struct queue_row { int64_t message, position; };
gp_status queue_set_back(struct queue_store *, struct queue_row *from, size_t most, gp_time now, gp_time longest, size_t *changed) GP_MUST_USE;

/* ---- questions ------------------------------------------------------------------------------------------------------ */
/* PERMFAIL: no such message; TEMPFAIL also when the arena is too small. */
gp_status queue_load(struct queue_store *, gp_str queue_id, struct gp_arena *, struct queue_message *out) GP_MUST_USE;
/* The ids of up to `room` messages that stand after `row`, of one account (its own, and those it sent for others) or (0) of all, in order of arrival: for steps. */
struct queue_place { int64_t row; char queue_id[QUEUE_ID_MOST + 1]; };
gp_status queue_page(struct queue_store *, int64_t row, int64_t account, struct queue_place *out, size_t room, size_t *count) GP_MUST_USE;
/* The same of those that fit; ptr NULL and 0: any. to, from: an address, or all of a domain, without '@'. */
enum queue_states { QUEUE_ANY, QUEUE_WAITING, QUEUE_DEFERRED /* of those, what was tried */, QUEUE_ON_HOLD };
struct queue_filter {
    gp_str            to, from, user, route, envid;
    int64_t           account; /* its own, and what it sent for others */
    gp_time           before;  /* they arrived                         */
    enum queue_states state;   /* of a recipient; of the same, where `to` and `route` are asked for, too */
};
gp_status queue_filter_page(struct queue_store *, int64_t row, const struct queue_filter *, struct queue_place *out, size_t room, size_t *count) GP_MUST_USE;
gp_status queue_visit_messages(struct queue_store *, void (*each)(void *owner, const struct queue_message *), void *owner) GP_MUST_USE;
/* From `first` on; each returns false to stop. */
gp_status queue_visit_recipients(struct queue_store *, int64_t message, unsigned first,
                                 bool (*each)(void *owner, const struct queue_recipient *), void *owner) GP_MUST_USE;
/* Every destination that has a queued recipient, with when the first of them is due. */
gp_status queue_visit_destinations(struct queue_store *, void (*each)(void *owner, gp_str destination, gp_time due), void *owner) GP_MUST_USE;

/* What ends without an attempt, or is told of: taken out by a command; its sender's deadline is over at `now`; held since before `held`. */
enum queue_end { QUEUE_END_REMOVED, QUEUE_END_DEADLINE, QUEUE_END_HELD };
struct queue_ending { int64_t message; enum queue_end why; char queue_id[QUEUE_ID_MOST + 1]; };
gp_status queue_endings(struct queue_store *, gp_time now, gp_time held, struct queue_ending *out, size_t room, size_t *count) GP_MUST_USE;
gp_status queue_count_held(struct queue_store *, gp_time before, size_t *count, gp_time *since) GP_MUST_USE; /* held since before that, and since when the first */
gp_status queue_ended(struct queue_store *, const struct queue_ending *) GP_MUST_USE; /* it is dealt with; a change */

struct queue_due {
    int64_t  message, account; /* whose it is */
    char     queue_id[QUEUE_ID_MOST + 1];
    unsigned positions[QUEUE_DUE_MOST];
    size_t   count;
};
typedef bool queue_skip(void *owner, int64_t message, unsigned position);
/* The recipients of one message that are due longest for a destination; `skip` tells those that are under way already.
 * PERMFAIL: there are none now. */
gp_status queue_next_due(struct queue_store *, gp_str destination, gp_time now,
                         queue_skip *, void *owner, struct queue_due *) GP_MUST_USE;
/* The same of one account. */
gp_status queue_next_due_of(struct queue_store *, gp_str destination, int64_t account, gp_time now, queue_skip *, void *owner, struct queue_due *) GP_MUST_USE;
/* The next account, in turn behind *account, that has mail due for a destination. PERMFAIL: none among as many as were looked at; *account: where to
 * look on. */
gp_status queue_next_turn(struct queue_store *, gp_str destination, gp_time now, unsigned looks, int64_t *account) GP_MUST_USE;
/* Those of one message that have the highest priority, above 0 or below it (RFC 6710); what is said above is about those that have none. PERMFAIL: there
 * are none now. */
gp_status queue_next_apart(struct queue_store *, gp_str destination, bool above, gp_time now, queue_skip *, void *owner, struct queue_due *) GP_MUST_USE;
/* When the next one that is not due yet will be; PERMFAIL: there is none. */
gp_status queue_next_time(struct queue_store *, gp_str destination, gp_time now, gp_time *due) GP_MUST_USE;
/* Up to `most` octets from the start of the body. */
gp_status queue_body_head(struct queue_store *, const struct queue_message *, struct gp_buffer *out, size_t most) GP_MUST_USE;

/* ---- bodies that are files -------------------------------------------------------------------------------------------- */
int       queue_draft_open(struct queue_store *, uint64_t draft);       /* for reading and writing, empty; -1: errno */
/* Makes it durable under the message's name. PERMFAIL: it does not have that size. Where the transaction that is open then, or begins, is abandoned, the
 * file goes; where it cannot be committed, once another one is and no row names it. */
gp_status queue_draft_keep(struct queue_store *, uint64_t draft, int fd, uint64_t size, gp_str queue_id) GP_MUST_USE;
/* The whole way for a body that is in memory. */
gp_status queue_draft_write(struct queue_store *, uint64_t draft, gp_str body, gp_str queue_id) GP_MUST_USE;
void      queue_draft_drop(struct queue_store *, uint64_t draft);
int       queue_body_open(struct queue_store *, gp_str queue_id);       /* for reading; -1: errno                    */
void      queue_body_drop(struct queue_store *, gp_str queue_id);
/* Removes drafts and files that no row names; how many. Before anything is received: all at once. While it serves: in portions of as many looks,
 * and not the drafts of this process (first < number <= last); true: there is more. What a transaction that is open has added is named. Not before
 * the database is known to be whole: a row that cannot be found for its damage names nothing. */
size_t    queue_sweep(struct queue_store *);
struct queue_sweep { uint64_t first, last; size_t removed; };
bool      queue_sweep_on(struct queue_store *, struct queue_sweep *, size_t most);
void      queue_sweep_stop(struct queue_store *);
/* Octets free for more; TEMPFAIL: cannot tell. */
gp_status queue_space(const struct queue_store *, uint64_t *octets) GP_MUST_USE;

#endif
