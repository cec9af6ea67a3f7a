/* The relay's memory of MTA-STS over restarts: it asks once for each domain, and tells what it has fetched. What is told goes into the turn's
 * transaction, so a policy costs no sync of its own while mail comes in. */
#include "queue/parts.h"
#include "store/policies.h"

enum { HOSTS_ROOM = 8 * 1024, ROW_DOMAIN_MOST = 255 };

void policies_answer(struct queue *q, struct asker asker, const struct msg *m, gp_time now)
{
    char               room[HOSTS_ROOM];
    struct gp_text     hosts = GP_TEXT(room);
    struct kept_policy p     = { .id = "" };
    struct msg         said  = MSG(STS_FOUND);
    gp_status          found = policies_find(queue_database(q->store), m->sts_find.domain, now, &p, &hosts);
    if (found == GP_TEMPFAIL) store_trouble(q, "to read a policy of MTA-STS");
    said.sts_found = (struct msg_sts_found) { .status  = (uint64_t)found,
                                              .mode    = (uint64_t)p.mode,
                                              .fetched = (uint64_t)p.fetched,
                                              .expires = (uint64_t)p.expires,
                                              .asked   = (uint64_t)p.asked,
                                              .id      = gp_from(p.id),
                                              .hosts   = gp_said(&hosts) };
    q->exits->answer(q, asker, &said);
}

void policies_due_answer(struct queue *q, struct asker asker, const struct msg *m, gp_time now)
{
    char           room[ROW_DOMAIN_MOST + 1];
    struct gp_text domain  = GP_TEXT(room);
    gp_time        fetched = m->sts_due.fetched <= INT64_MAX ? (gp_time)m->sts_due.fetched : 0;
    struct msg     said    = MSG(STS_DUE_IS);
    gp_status      found   = policies_due(queue_database(q->store), now, &fetched, m->sts_due.domain, &domain);
    if (found == GP_TEMPFAIL) store_trouble(q, "to read a policy of MTA-STS");
    said.sts_due_is =
        (struct msg_sts_due_is) { .status = (uint64_t)found, .fetched = (uint64_t)fetched, .domain = gp_said(&domain) };
    q->exits->answer(q, asker, &said);
}

void policies_take(struct queue *q, const struct msg *m, gp_time now)
{
    const struct msg_sts_keep *in    = &m->sts_keep;
    struct kept_policy         p     = { .mode    = (int64_t)in->mode,
                                         .fetched = (gp_time)in->fetched,
                                         .expires = (gp_time)in->expires,
                                         .asked   = (gp_time)in->asked };
    bool                       sound = in->mode <= INT8_MAX && in->fetched <= INT64_MAX && in->expires <= INT64_MAX &&
                 in->asked <= INT64_MAX && in->domain.len > 0 && in->domain.len <= ROW_DOMAIN_MOST &&
                 in->hosts.len <= HOSTS_ROOM && gp_copy_z(in->id, p.id, sizeof p.id);
    if (!sound || !batch_open(q)) return;
    if (policies_keep(queue_database(q->store), in->domain, &p, in->hosts, now) == GP_OK) return;
    store_trouble(q, "to keep a policy of MTA-STS");
    batch_fail(q, now);
}
