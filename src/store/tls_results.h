/* How TLS went with other domains' mail hosts, counted by UTC day in queue.db, as reports of RFC 8460 want it: a row for each (day, domain, policy,
 * host, result). In the caller's transaction. Kept for TLS_RESULT_DAYS. Never logs. */
#ifndef STORE_TLS_RESULTS_H
#define STORE_TLS_RESULTS_H

#include "base/base.h"

struct database;

enum { TLS_RESULT_DAYS = 30, TLS_RESULT_NAME = 256, TLS_RESULT_WORD = 32, TLS_RESULT_REASON = 160 };
struct tls_result {
    int64_t day, count;               /* day: since 1970, UTC */
    char    domain[TLS_RESULT_NAME];
    char    policy[TLS_RESULT_WORD];  /* "tlsa", "sts", "no-policy-found" (RFC 8460 4.2) */
    char    host[TLS_RESULT_NAME];
    char    result[TLS_RESULT_WORD];  /* "": it went well; else as in RFC 8460 4.3, "starttls-not-supported" */
    char    reason[TLS_RESULT_REASON]; /* of the latest one; "": none */
};
extern const char tls_results_schema[]; /* a script of queue.db */
int64_t   tls_result_day(gp_time);
/* What is older than TLS_RESULT_DAYS goes. */
gp_status tls_results_add(struct database *, const struct tls_result *, size_t count) GP_MUST_USE;
/* Those since that day, in order of day, domain and policy; each returns false to stop. */
gp_status tls_results_each(struct database *, int64_t since, bool (*each)(void *owner, const struct tls_result *), void *owner) GP_MUST_USE;

#endif
