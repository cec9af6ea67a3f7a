/* For the tests of this folder: a role without loop and channels, in a temporary directory, with a relay and a client made of
 * arrays, and a clock that the test turns. */
#ifndef QUEUE_ROLE_KIT_H
#define QUEUE_ROLE_KIT_H

#include <sys/resource.h>

#include "check.h"
#include "queue/parts.h"

enum { KIT_ANSWERS_MOST = 2048, KIT_SENT_MOST = 4096, KIT_TEXT = 256, KIT_BODY = 8192, KIT_STATEMENTS_MOST = 90 };
#define KIT_START    ((gp_time)1800000000 * SECOND)
#define KIT_MINUTE   ((gp_time)60 * SECOND)
#define KIT_HOUR     (60 * KIT_MINUTE)
#define KIT_DAY      (24 * KIT_HOUR)

struct kit_answer { uint32_t question; gp_status status; uint64_t row; char queue_id[KIT_TEXT], why[KIT_TEXT]; };
enum { KIT_LINES = 4096 };
struct kit_sent {
    struct attempt *attempt;
    gp_time         when;
    char            queue_id[KIT_TEXT], destination[KIT_TEXT], sender[KIT_TEXT], params[KIT_TEXT], recipients[KIT_BODY], body[KIT_BODY];
    uint64_t        size;
    bool            has_fd;
};
struct kit {
    struct config     config;
    struct queue     *queue;
    char              folder[KIT_TEXT];
    gp_time           now;
    struct kit_answer answers[KIT_ANSWERS_MOST];
    size_t            answer_count;
    char              lines[KIT_LINES + 1], said[KIT_TEXT]; /* of the last MINE_IS */
    uint64_t          after;
    struct kit_sent   sent[KIT_SENT_MOST];
    size_t            sent_count;
    int               last_fd; /* of DRAFTED */
    uint64_t          last_draft;
    struct receiver  *posted;      /* the last page of events that went out; NULL: it was answered  */
    size_t            post_count;
    char              page[EVENTS_PAGE_ROOM];
    struct report_job *asked[REPORTS_AT_A_TIME]; /* reports of TLS that the relay was asked about, and has not answered */
    struct msg         questions[REPORTS_AT_A_TIME];
    size_t             asked_count;
    struct look       *look;       /* through queue.db: kit_look lets it come about */
    int64_t            front_most; /* as in struct behind, for each start */
    char             *statements[KIT_STATEMENTS_MOST]; /* live as long as the database */
    size_t            statement_count;
};
struct kit *kit_open(void);      /* a fresh one; only one at a time; its directory is the working directory */
void        kit_use(struct kit *);   /* this one again, where there are two */
void        kit_close(struct kit *);
void        kit_restart(struct kit *);  /* the process dies and comes back: nothing is kept but the directory */
struct msg  kit_message(const char *queue_id, const char *sender, const char *recipients);
void        kit_commit(struct kit *, uint32_t question, const struct msg *);
void        kit_turn(struct kit *);     /* what the loop does at the end of each turn */
void        kit_answer_report(struct kit *, const struct msg *); /* the relay's word on the one that it was asked about first; NULL: it died */
void        kit_answer_page(struct kit *, gp_status); /* the receiver's word on the page of events that is out there */
/* The relay's answer to everything that is out there; `line` is repeated for every recipient. */
void        kit_answer_all(struct kit *, const char *line, enum host_word);
void        kit_answer_one(struct kit *, size_t sent, const char *lines, enum host_word);
/* It was not tried: that host is tried again then. `line` NULL: nor is it known whether it answers. */
void        kit_answer_down(struct kit *, size_t sent, const char *line, const char *host, gp_time again);
void        kit_look(struct kit *);                          /* the thread that looks through queue.db ends */
size_t      kit_count(struct kit *, const char *table, const char *where); /* rows */
size_t      kit_audited(struct kit *, const char *event);
/* What a next hop comes to; a line of kit_answer_*. */
#define KIT_TAKEN "0\t250\t2.0.0\tmx.example.net\tTLSv1.3\tok"
#define KIT_DOWN  "2\t0\t4.4.1\t\t\tconnection refused"
size_t      kit_told(const struct kit *, const char *words); /* of what went back to a sender at example.org, how many have these words */
void        kit_limit_files(rlim_t octets);                  /* as on a full disk; RLIM_INFINITY: no more */

#endif
