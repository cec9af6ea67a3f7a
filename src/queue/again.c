/* The vault's word that a sign-in at a next hop is good again: what waits to go there is due now, a page of recipients at a time, each page
 * in a transaction of its own. One attempt shows whether it is so; the rest follows. */
#include "queue/parts.h"

enum { AGAIN_PAGE = 1024, DESTINATION_ROOM = 384 };

static void answer(struct queue *q, struct asker asker, gp_status status, bool more)
{
    struct msg said = MSG(AGAIN_DUE);
    said.again_due  = (struct msg_again_due) { .status = status, .more = more };
    q->exits->answer(q, asker, &said);
}

static gp_status make_due(struct queue *q, gp_str destination, gp_time now, size_t *changed)
{
    gp_status status = queue_begin(q->store);
    if (status == GP_OK) status = queue_make_due(q->store, destination, now, AGAIN_PAGE, changed);
    if (status == GP_OK && *changed) return queue_commit(q->store);
    queue_abandon(q->store);
    return status;
}

static void wake(struct queue *q, gp_str destination, gp_time now)
{
    struct lane *lane = lanes_wake(&q->lanes, destination, now, now);
    if (lane) lane->suspended_until = 0;
}

void again_take(struct queue *q, struct asker asker, const struct msg *m, gp_time now)
{
    const struct config *c = q->config;
    char                 room[DESTINATION_ROOM];
    struct gp_text       destination = GP_TEXT(room);
    size_t               changed     = 0;
    if (m->again.login >= config_logins(c)) return answer(q, asker, GP_PERMFAIL, false);
    config_put_destination(&destination, c, m->again.login ? &c->routes[m->again.login - 1] : NULL, GP_LIT(""));
    batch_flush(q, now); /* so that all of the transaction is ours */
    bool      mine   = !queue_is_open(q->store);
    gp_status status = mine ? make_due(q, gp_said(&destination), now, &changed) : GP_TEMPFAIL;
    if (status != GP_OK) store_trouble(q, "to try again what waits for a sign-in");
    if (changed) {
        LOG(LOG_INFO, "queue", LOG_N("due", changed), LOG_S("destination", gp_said(&destination)),
            LOG_Z("reason", "our sign-in there has a fresh token"));
        wake(q, gp_said(&destination), now);
    }
    answer(q, asker, status, changed == AGAIN_PAGE);
}
