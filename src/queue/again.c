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

static void wake(struct queue *q, gp_str destination, gp_time now)
{
    struct lane *lane = lanes_wake(&q->lanes, destination, now, now);
    if (lane) lane->suspended_until = 0;
}

/* In the transaction that is open. */
static gp_status make_due(struct queue *q, gp_str destination, gp_time now, size_t *changed)
{
    size_t    here   = 0;
    gp_status status = queue_make_due(q->store, destination, now, AGAIN_PAGE - *changed, &here);
    *changed += here;
    if (!here) return status;
    LOG(LOG_INFO, "queue", LOG_N("due", here), LOG_S("destination", destination),
        LOG_Z("reason", "our sign-in there may work again"));
    wake(q, destination, now);
    return status;
}

/* Of all accounts that sign in there as themselves. */
static gp_status make_all_due(struct queue *q, gp_str prefix, gp_time now, size_t *changed)
{
    gp_status status = GP_OK;
    for (size_t i = 0; i < LANE_BUCKETS; i++)
        for (struct lane *lane = q->lanes.buckets[i]; lane; lane = lane->bucket_next)
            if (status == GP_OK && *changed < AGAIN_PAGE && gp_starts(lane_name(lane), (const char *)prefix.ptr))
                status = make_due(q, lane_name(lane), now, changed);
    return status;
}

static gp_status make_page(struct queue *q, const struct msg_again *m, gp_time now, size_t *changed)
{
    const struct config       *c     = q->config;
    const struct config_route *route = m->login ? &c->routes[m->login - 1] : NULL;
    bool                       all   = route && route->login == LOGIN_OF_ACCOUNT && m->account.len == 0;
    char                       room[DESTINATION_ROOM + 1];
    struct gp_text             name = { .ptr = room, .room = DESTINATION_ROOM };
    config_put_destination(&name, c, route, GP_LIT(""), (struct config_account) { m->account, m->number });
    room[name.len]   = '\0';
    gp_status status = queue_begin(q->store);
    if (status == GP_OK && all) status = make_all_due(q, gp_said(&name), now, changed);
    if (status == GP_OK && !all) status = make_due(q, gp_said(&name), now, changed);
    if (status == GP_OK && *changed) return queue_commit(q->store);
    queue_abandon(q->store);
    return status;
}

void again_take(struct queue *q, struct asker asker, const struct msg *m, gp_time now)
{
    size_t changed = 0;
    if (m->again.login >= config_logins(q->config)) return answer(q, asker, GP_PERMFAIL, false);
    batch_flush(q, now); /* so that all of the transaction is ours */
    bool      mine   = !queue_is_open(q->store);
    gp_status status = mine ? make_page(q, &m->again, now, &changed) : GP_TEMPFAIL;
    if (status != GP_OK) store_trouble(q, "to try again what waits for a sign-in");
    answer(q, asker, status, changed == AGAIN_PAGE);
}
