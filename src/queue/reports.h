/* Reports of TLS (RFC 8460), sent: once a day to each domain that asks for one. A few are under way at a time; what becomes of each is a row of tls_days, written
 * in the transaction in which its mail is queued, so that mail goes once; one that goes over the web may go again after a crash, under the same name.
 * On the loop; time is passed in. */
#ifndef QUEUE_REPORTS_H
#define QUEUE_REPORTS_H

#include "mail/tlsrpt.h"
#include "proc/proc.h"
#include "store/tls_results.h"

struct queue;

enum {
    REPORTS_AT_A_TIME  = 4,
    REPORT_JSON_MOST   = 128 * 1024,
    REPORT_GZIP_MOST   = 160 * 1024, /* within a message between roles, whatever the JSON is */
};
enum report_step { REPORT_FREE, REPORT_FINDS, REPORT_POSTS };
struct report_job {
    struct queue     *queue;
    enum report_step  step;
    struct tls_report report;
    char              room[GP_TLSRPT_WAYS_ROOM], ways[GP_TLSRPT_WAYS_ROOM];
    struct gp_text    to;    /* addresses, '\n' behind each             */
    gp_str            left;  /* of the ways: those that were not tried yet */
    bool              is_signed;
    struct gp_buffer  json_gz;
    char              why[TLS_REPORT_TOLD];
    char              told_room[TLS_REPORT_TOLD];
    struct gp_text    told;  /* who has taken it */
};
struct reports {
    struct report_job jobs[REPORTS_AT_A_TIME];
    gp_time           look_at;
    int64_t           expired; /* the day for which that was last done */
};
bool reports_open(struct queue *) GP_MUST_USE; /* none are sent: fine */
void reports_close(struct queue *);
void reports_look(struct queue *, gp_time now);
/* The store takes nothing: what is sent now would be sent again and again. */
void reports_rest(struct queue *, gp_time now);
void reports_news(struct queue *); /* somebody changed the store: look at once */
/* The relay's answer; m NULL: it died. */
void reports_answer(struct report_job *, const struct msg *m, gp_time now);

#endif
