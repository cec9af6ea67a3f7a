/* The vault's word that an account's mail is held from now on: what of it waits already is held, too, a page of messages at a time, each
 * page in a transaction of its own, so that other mail does not wait for a long list. What the relay has in hand may still go. */
#include "queue/parts.h"

enum { HOLD_PAGE = 256 };

static void answer(struct queue *q, struct asker asker, gp_status status, int64_t row)
{
    struct msg said = MSG(HELD);
    said.held       = (struct msg_held) { .status = status, .row = (uint64_t)row };
    q->exits->answer(q, asker, &said);
}

static gp_status hold_page(struct queue *q, const struct queue_place *page, size_t count, gp_str why, gp_time now)
{
    bool      changed;
    gp_status status = queue_begin(q->store);
    for (size_t i = 0; status == GP_OK && i < count; i++)
        status = queue_hold(q->store, gp_from(page[i].queue_id), why, now, &changed);
    if (status == GP_OK) return queue_commit(q->store);
    queue_abandon(q->store);
    return status;
}

void hold_take(struct queue *q, struct asker asker, const struct msg *m, gp_time now)
{
    struct queue_place page[HOLD_PAGE];
    size_t             count = 0;
    bool sound = m->hold.account > 0 && m->hold.account <= INT64_MAX && m->hold.row <= INT64_MAX && m->hold.why.len > 0;
    if (!sound) return answer(q, asker, GP_PERMFAIL, 0);
    batch_flush(q, now); /* so that all of the transaction is ours */
    bool      mine = !queue_is_open(q->store);
    gp_status status =
        mine ? queue_page(q->store, (int64_t)m->hold.row, (int64_t)m->hold.account, page, HOLD_PAGE, &count)
             : GP_TEMPFAIL;
    if (status == GP_OK && count > 0) status = hold_page(q, page, count, gp_head(m->hold.why, HOLD_WHY_MOST), now);
    if (status != GP_OK) {
        store_trouble(q, "to hold the waiting mail of an account");
        return answer(q, asker, GP_TEMPFAIL, 0);
    }
    answer(q, asker, GP_OK, count == HOLD_PAGE ? page[count - 1].row : 0);
}
