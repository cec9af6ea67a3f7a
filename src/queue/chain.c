/* The end of queue's chain, signed by vault on a schedule and at the orderly end; and what has aged out, removed in steps. Only what is
 * committed is signed: a checkpoint of rows that were undone would accuse us for ever. */
#include "store/audit_seal.h"

#include <string.h>

#include "queue/parts.h"

enum { AGE_EVERY_MS = 3600 * 1000, AGE_STEP = 500 };

static struct database *db_of(const struct queue *q)
{
    return queue_database(q->store);
}

static void keep(struct queue *q, const struct audit_seal *s, gp_str line)
{
    gp_status status = GP_OK;
    if (s->says == AUDIT_CHECKPOINT) {
        status = audit_keep_checkpoint(db_of(q), s, line);
    } else if (!queue_is_open(q->store)) {
        status         = audit_set_horizon(db_of(q), s, line);
        q->seal.ageing = status == GP_OK;
    }
    if (status != GP_OK) store_trouble(q, "to keep what was signed of the audit");
}

static void sealed(void *owner, gp_status status, const struct msg *m)
{
    struct queue     *q = owner;
    struct audit_seal s;
    q->seal.asking = false;
    if (status == GP_OK && m->type == MSG_SEALED && m->sealed.status == GP_OK && audit_seal_read(m->sealed.line, &s))
        keep(q, &s, m->sealed.line);
    if (q->stopping) timer_set(q->tick, 0);
}

static void ask(struct queue *q, const struct audit_seal *s)
{
    struct msg m = MSG(SEAL);
    m.seal       = (struct msg_seal) {
              .says = s->says,
              .seq  = (uint64_t)s->seq,
              .id   = {(const char *)s->id,    AUDIT_ID  },
              .hash = { (const char *)s->hash, AUDIT_HASH}
    };
    q->seal.asking = true;
    ipc_ask(q->vault, &m, sealed, q);
}

static bool may_ask(const struct queue *q)
{
    return q->vault && ipc_attached(q->vault) && !q->seal.asking && !queue_is_open(q->store);
}

static void look_at_the_end(struct queue *q, gp_time now)
{
    struct audit_seal s;
    if (audit_head(db_of(q), &s) != GP_OK) return;
    if (now < q->seal.due && s.seq - q->seal.seq < AUDIT_CHECKPOINT_ROWS) return;
    q->seal.due = now + (gp_time)q->config->audit.checkpoint * SECOND;
    q->seal.seq = s.seq; /* a no is asked again in time, not at once */
    ask(q, &s);
}

static void look_at_the_beginning(struct queue *q, gp_time now)
{
    gp_time           most = (gp_time)q->config->audit.keep * SECOND;
    struct audit_seal s;
    if (most == 0 || now < q->seal.age_due || q->seal.asking) return;
    q->seal.age_due = now + AGE_EVERY_MS;
    if (audit_horizon(db_of(q), now - most, &s) == GP_OK) ask(q, &s);
}

void chain_tick(struct queue *q, gp_time now)
{
    if (q->seal.due == 0) q->seal.due = now + (gp_time)q->config->audit.checkpoint * SECOND;
    if (may_ask(q)) look_at_the_end(q, now);
    if (may_ask(q)) look_at_the_beginning(q, now);
    if (q->seal.ageing && !queue_is_open(q->store) && audit_age_out(db_of(q), AGE_STEP, &q->seal.ageing) != GP_OK)
        q->seal.ageing = false;
}

bool chain_is_last(struct queue *q, gp_time now)
{
    if (q->seal.last) return !q->seal.asking;
    q->seal.last = true;
    q->seal.due  = 1; /* whatever the schedule says */
    if (may_ask(q)) look_at_the_end(q, now);
    return !q->seal.asking;
}
