/* How TLS went with other domains' mail hosts, counted by UTC day in queue.db, as reports of RFC 8460 want it, and what became of those reports: a row for
 * each (day, domain), and below it one for each (policy, its text, host, addresses, result). In the caller's transaction. Kept for TLS_RESULT_DAYS, and bounded by day and domain.
 * Never logs. */
#ifndef STORE_TLS_RESULTS_H
#define STORE_TLS_RESULTS_H

#include "base/base.h"

struct database;

enum {
    TLS_RESULT_DAYS     = 30,
    TLS_RESULT_DOMAINS  = 20000, /* of a day: what comes of others is not counted */
    TLS_RESULT_ROWS     = 128,   /* of a day and domain: what is not alike any of them is counted without text, host and addresses */
    TLS_RESULT_NAME     = 256,
    TLS_RESULT_WORD     = 32,
    TLS_RESULT_ADDRESS  = 64,
    TLS_RESULT_POLICY   = 1024,
    TLS_RESULT_REASON   = 160,
    TLS_REPORT_TOLD     = 256,
};
struct tls_result {
    int64_t day, count;               /* day: since 1970, UTC */
    char    domain[TLS_RESULT_NAME];
    char    policy[TLS_RESULT_WORD];  /* "tlsa", "sts", "no-policy-found" (RFC 8460 4.2) */
    char    text[TLS_RESULT_POLICY];  /* lines of that policy; "": it is not known */
    char    host[TLS_RESULT_NAME];    /* "": none, as the policy could not be had */
    char    from[TLS_RESULT_ADDRESS], to[TLS_RESULT_ADDRESS]; /* of connections that failed */
    char    result[TLS_RESULT_WORD];  /* "": it went well; else as in RFC 8460 4.3, "starttls-not-supported" */
    char    reason[TLS_RESULT_REASON]; /* of the latest one; "": none */
    char    peer[TLS_RESULT_NAME]; /* what the server called itself in the latest one that failed; "": not known */
};
extern const char tls_results_schema[], tls_reports_schema[], tls_peers[]; /* scripts of queue.db */
int64_t   tls_result_day(gp_time);
/* What is older than TLS_RESULT_DAYS goes. */
gp_status tls_results_add(struct database *, const struct tls_result *, size_t count) GP_MUST_USE;
/* Those since that day, in order of day, domain, policy and its text; each returns false to stop. */
gp_status tls_results_each(struct database *, int64_t since, bool (*each)(void *owner, const struct tls_result *), void *owner) GP_MUST_USE;
/* Those of one day and domain, in the same order. */
gp_status tls_results_of(struct database *, int64_t day, gp_str domain, bool (*each)(void *owner, const struct tls_result *), void *owner) GP_MUST_USE;

/* ---- reports ------------------------------------------------------------------------------------------------------------- */
enum tls_report_state {
    TLS_REPORT_WAITS,
    TLS_REPORT_SENT,
    TLS_REPORT_UNWANTED, /* its domain has no record that says where to */
    TLS_REPORT_GIVEN_UP,
    TLS_REPORT_STATES
};
const char *tls_report_state_name(enum tls_report_state); /* "waits" */
struct tls_report {
    int64_t               day, tries;
    char                  domain[TLS_RESULT_NAME];
    enum tls_report_state state;
    gp_time               due;  /* at first some time in the hours after the day, not the same for all (RFC 8460 4.1) */
    char                  told[TLS_REPORT_TOLD]; /* where to, or why not; "": nothing yet */
};
/* Those that wait and are due, the longest first. */
gp_status tls_reports_due(struct database *, gp_time now, bool (*each)(void *owner, const struct tls_report *), void *owner) GP_MUST_USE;
gp_status tls_reports_each(struct database *, int64_t since, bool (*each)(void *owner, const struct tls_report *), void *owner) GP_MUST_USE;
gp_status tls_reports_settle(struct database *, const struct tls_report *) GP_MUST_USE; /* state, due, tries, told */
/* Those of days before that still wait are given up; how many. */
gp_status tls_reports_expire(struct database *, int64_t before, size_t *count) GP_MUST_USE;
/* Those of days that are over are due now; how many. */
gp_status tls_reports_hurry(struct database *, gp_time now, size_t *count) GP_MUST_USE;

#endif
