/* What becomes of mail, told to programs outside: rows of the audit as JSON, to a file of lines and to a webhook, each at its own pace. A
 * page of them is under way to each at a time, and how far a receiver has got is kept in the store behind, with the next transaction, so
 * that an event comes at least once, those of a message in order, and mail waits for nobody. On the loop; time is passed in. */
#ifndef QUEUE_EVENTS_H
#define QUEUE_EVENTS_H

#include "proc/proc.h"
#include "store/audit.h"
#include "store/events.h"

struct queue;

enum {
    EVENTS_PAGE_ROOM = 96 * 1024, /* octets of a page: within a message between roles */
    EVENTS_PAGE_MOST = 100,       /* events of one                                    */
    EVENT_MOST       = 8 * 1024,  /* octets that one may take                         */
    EVENT_OF_ROW     = 2,         /* what one row may tell                            */
};

/* ---- event.c: one event as JSON; pure ------------------------------------------------------------------------------------ */
struct event_house { const char *host, *types; char chain[EVENTS_CHAIN_ROOM]; }; /* types: words, those that are wanted; "": all */
/* Those of the row that are wanted; how many. */
size_t event_types(const struct event_house *, const struct audit_row *, const char *types[static EVENT_OF_ROW]);
/* false: no room, and nothing was put. */
bool event_put(struct gp_text *, const struct event_house *, const struct audit_row *, const char *type) GP_MUST_USE;
bool event_put_missed(struct gp_text *, const struct event_house *, int64_t seq, gp_time now, uint64_t count) GP_MUST_USE;

/* ---- events.c: receivers ----------------------------------------------------------------------------------------------------- */
enum { EVENTS_FILE, EVENTS_WEBHOOK, EVENTS_RECEIVERS };
struct receiver {
    struct queue *queue;
    bool          wanted, busy;
    bool          behind;   /* there may be rows that it has not been told            */
    bool          dirty;    /* `reached` is not in the store yet                      */
    int64_t       reached;  /* it has taken all up to this row                        */
    int64_t       first, last; /* rows of the page that is on its way                 */
    gp_time       due;
    unsigned      failures; /* in a row                                               */
    size_t        most;     /* events of a page: fewer once one has been refused      */
    size_t        count;    /* of this page                                           */
    uint64_t      missed;   /* events that are too old to be told, or gone            */
    uint64_t      tells_missed; /* this page tells so many                           */
    char          room[EVENTS_PAGE_ROOM];
    struct gp_text page;
};
struct events {
    struct event_house house;
    struct receiver    receivers[EVENTS_RECEIVERS];
    struct ipc        *webhook; /* NULL: it has not been seen yet */
    int                file, next_file; /* -1: none; next: came while a page was being written */
    gp_status          written; /* what the thread says of its page */
    int                error;
};
bool events_open(struct queue *) GP_MUST_USE; /* none are wanted: fine */
void events_close(struct queue *);
void events_news(struct queue *);             /* rows have been committed */
bool events_turn(struct queue *, gp_time now); /* true: there is more to read at once */
void events_keep(struct queue *);             /* into the open transaction */
void events_kept(struct queue *);             /* it has been committed */
void events_rest(struct queue *);             /* in a transaction of its own, where none came */
/* PERMFAIL: this page never. */
void events_answer(struct receiver *, gp_status, gp_str why, gp_time now);

/* ---- receivers.c: the ways out --------------------------------------------------------------------------------------------------- */
bool receivers_post(struct receiver *); /* false: nobody is there now */
void receivers_take_file(struct queue *, struct msg *);
void receivers_take_webhook(struct queue *, struct msg *);
void receivers_close(struct queue *);
bool receivers_hang(const struct queue *); /* a thread has a page, and nobody should wait for it */

#endif
