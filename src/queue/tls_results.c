/* What the relay saw of TLS, counted: alike ones together in memory, and written a second later, many in a transaction, which is another's where
 * there is one. A crash loses what was not written: they are statistics. */
#include <string.h>

#include "queue/parts.h"

static bool same(const struct tls_result *a, const struct tls_result *b)
{
    return a->day == b->day && strcmp(a->domain, b->domain) == 0 && strcmp(a->policy, b->policy) == 0 &&
           strcmp(a->host, b->host) == 0 && strcmp(a->result, b->result) == 0 && strcmp(a->from, b->from) == 0 &&
           strcmp(a->to, b->to) == 0 && strcmp(a->text, b->text) == 0;
}

void tls_results_write(struct queue *q, gp_time now)
{
    if (!q->tls_result_count || !batch_open(q)) return;
    gp_status status    = tls_results_add(queue_database(q->store), q->tls_results, q->tls_result_count);
    q->tls_result_count = 0;
    if (status == GP_OK) return;
    store_trouble(q, "to count results of TLS");
    batch_fail(q, now);
}

void tls_results_take(struct queue *q, const struct msg *m, gp_time now)
{
    const struct msg_tls_seen *in = &m->tls_seen;
    struct tls_result          t  = { .day = tls_result_day(now), .count = 1 };
    bool good = gp_copy_z(in->domain, t.domain, sizeof t.domain) && gp_copy_z(in->policy, t.policy, sizeof t.policy) &&
                gp_copy_z(in->text, t.text, sizeof t.text) && gp_copy_z(in->host, t.host, sizeof t.host) &&
                gp_copy_z(in->from, t.from, sizeof t.from) && gp_copy_z(in->to, t.to, sizeof t.to) &&
                gp_copy_z(in->result, t.result, sizeof t.result) && gp_copy_z(in->peer, t.peer, sizeof t.peer) &&
                gp_copy_z(gp_head(in->reason, sizeof t.reason - 1), t.reason, sizeof t.reason);
    if (!good || !t.domain[0]) return;
    for (size_t i = 0; i < q->tls_result_count; i++)
        if (same(&q->tls_results[i], &t)) {
            q->tls_results[i].count++;
            return;
        }
    if (q->tls_result_count == TLS_RESULTS_MOST) tls_results_write(q, now);
    if (q->tls_result_count < TLS_RESULTS_MOST)
        q->tls_results[q->tls_result_count++] = t; /* else the store cannot: it is not counted */
}
