/* The end of queue's chain, signed by vault on a schedule and at the orderly end; vault's own checkpoints, kept here as well; and what has aged out, removed in steps. Only what is
 * committed is signed: a checkpoint of rows that were undone would accuse us for ever. */
#include "store/audit_seal.h"

#include <string.h>

#include "queue/parts.h"

enum { AGE_EVERY_MS = 3600 * 1000, AGE_STEP = 500 };

static struct database *db_of(const struct queue *q)
{
    return queue_database(q->store);
}

static gp_time kept_for(const struct queue *q)
{
    return (gp_time)q->config->audit.keep * SECOND;
}

/* Of the vault's checkpoints here, what is as old as rows that have aged out. */
static gp_status forget_vaults(struct queue *q, gp_time now)
{
    auto_rows r = rows_of(db_of(q), "DELETE FROM audit_checkpoints WHERE chain = 'vault' AND moment < ?");
    rows_bind_number(&r, now - kept_for(q));
    return rows_run(&r);
}

static void keep(struct queue *q, const struct audit_seal *s, gp_str line)
{
    gp_status status = GP_OK;
    if (s->says == AUDIT_CHECKPOINT) {
        status = audit_keep_checkpoint(db_of(q), s, line);
    } else if (!queue_is_open(q->store)) {
        status         = audit_set_horizon(db_of(q), s, line);
        q->seal.ageing = status == GP_OK;
        if (status == GP_OK) status = forget_vaults(q, s->moment);
    }
    if (status == GP_TEMPFAIL) store_trouble(q, "to keep what was signed of the audit");
}

/* What does not go on from where the vault's chain was signed before has to be seen by somebody: verify shows it, too. */
static void keep_vaults(struct queue *q, gp_str line)
{
    struct audit_seal s, kept;
    char              room[AUDIT_LINE_MOST];
    struct gp_text    before = GP_TEXT(room);
    if (!audit_seal_read(line, &s) || s.chain != AUDIT_VAULT || s.says != AUDIT_CHECKPOINT) return;
    gp_status   status = audit_last_checkpoint(db_of(q), AUDIT_VAULT, &kept, &before);
    const char *why    = status == GP_OK ? audit_against(&kept, &s) : NULL;
    if (status == GP_TEMPFAIL) why = "the checkpoint from before, in queue.db, cannot be read";
    if (why) {
        LOG(LOG_ERROR, "audit", LOG_Z("chain", "vault"), LOG_N("row", s.seq), LOG_Z("reason", why),
            LOG_Z("hint", "accounts.db was altered or replaced: run gatepost audit verify"));
        return;
    }
    if (audit_keep_checkpoint(db_of(q), &s, line) == GP_TEMPFAIL)
        store_trouble(q, "to keep what was signed of the audit");
}

static void sealed(void *owner, gp_status status, const struct msg *m)
{
    struct queue     *q = owner;
    struct audit_seal s;
    q->seal.asking = false;
    if (status == GP_OK && m->type == MSG_SEALED) {
        keep_vaults(q, m->sealed.vault);
        if (m->sealed.status == GP_OK && audit_seal_read(m->sealed.line, &s)) keep(q, &s, m->sealed.line);
    }
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

/* Where nothing has come, the end from before is said again: the answer brings what the vault has signed of its own. */
static gp_status head(struct queue *q, struct audit_seal *s)
{
    char           room[AUDIT_LINE_MOST];
    struct gp_text line   = GP_TEXT(room);
    gp_status      status = audit_head(db_of(q), s);
    return status == GP_PERMFAIL ? audit_last_checkpoint(db_of(q), AUDIT_QUEUE, s, &line) : status;
}

static void look_at_the_end(struct queue *q, gp_time now)
{
    struct audit_seal s;
    if (head(q, &s) != GP_OK) return;
    if (now < q->seal.due && s.seq - q->seal.seq < AUDIT_CHECKPOINT_ROWS) return;
    q->seal.due = now + (gp_time)q->config->audit.checkpoint * SECOND;
    q->seal.seq = s.seq; /* a no is asked again in time, not at once */
    ask(q, &s);
}

static void look_at_the_beginning(struct queue *q, gp_time now)
{
    gp_time           most = kept_for(q);
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
