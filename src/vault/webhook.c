/* Notices on their way to the webhook: one at a time, the oldest first, kept in the store until it is taken. While it does not take them, longer
 * and longer passes between two tries; what it has not taken in a week is given up. */
#include "vault/parts.h"

enum {
    FIRST_MS    = 1000,
    MOST_MS     = 3600 * 1000,
    SHIFTS_MOST = 12,
    IDLE_MS     = 60 * 1000,
    NUMBER_ROOM = 24,
    TIME_ROOM   = 32
};

static struct peer *webhook_of(struct vault *v)
{
    return v->config->notices.webhook[0] ? &v->lookups[v->config->lookup_count] : NULL;
}

/* ---- what came of it ----------------------------------------------------------------------------------------------------- */
static void failed(struct vault *v, gp_str why)
{
    struct hooking *h     = &v->hooking;
    unsigned        shift = h->failures < SHIFTS_MOST ? h->failures : SHIFTS_MOST;
    gp_time         wait  = (gp_time)FIRST_MS << shift < MOST_MS ? (gp_time)FIRST_MS << shift : MOST_MS;
    h->due                = loop_now(v->loop) + wait;
    LOG(h->failures ? LOG_INFO : LOG_ERROR, "webhook", LOG_N("notice", h->now.id), LOG_S("reason", why),
        LOG_N("next_try_in_ms", wait),
        LOG_Z("hint", "it is kept, and posted again; `gatepost config check` checks its files"));
    h->failures++;
}

static void settled(struct vault *v, gp_status status, gp_str why)
{
    struct hooking *h = &v->hooking;
    if (status == GP_PERMFAIL)
        LOG(LOG_ERROR, "webhook", LOG_N("notice", h->now.id), LOG_S("reason", why),
            LOG_Z("hint", "it is not posted again"));
    else if (h->failures)
        LOG(LOG_INFO, "webhook", LOG_Z("state", "answers again"));
    h->failures = 0;
    h->due      = 0;
    if (notice_posted(v->accounts, &h->now) == GP_TEMPFAIL) {
        vault_store_failed(v);
        h->due = loop_now(v->loop) + IDLE_MS; /* else it would be posted again and again */
    }
}

static void posted(void *owner, gp_status status, const struct msg *m)
{
    struct vault *v     = owner;
    bool          known = status == GP_OK && m->type == MSG_POSTED;
    gp_status     said  = known ? (gp_status)m->posted.status : GP_TEMPFAIL;
    v->hooking.asked    = false;
    if (said == GP_OK || said == GP_PERMFAIL)
        settled(v, said, known ? m->posted.why : GP_NONE);
    else
        failed(v, known ? m->posted.why : GP_LIT("its process has ended"));
    webhook_tick(v, loop_now(v->loop));
}

/* ---- on its way ---------------------------------------------------------------------------------------------------------- */
static void post(struct vault *v, struct ipc *channel)
{
    struct hooking *h       = &v->hooking;
    struct account  account = { .name = "" };
    char            id_room[NUMBER_ROOM], time_room[TIME_ROOM];
    struct gp_text  id = GP_TEXT(id_room), moment = GP_TEXT(time_room);
    struct msg      m = MSG(POST);
    if (h->now.account && accounts_get(v->accounts, h->now.account, &account) != GP_OK) account.name[0] = '\0';
    gp_put_number(&id, h->now.id);
    log_put_time(&moment, h->now.when);
    m.post   = (struct msg_post) { .id      = gp_said(&id),
                                   .host    = gp_from(v->config->hostname),
                                   .kind    = gp_from(h->now.kind),
                                   .account = gp_from(account.name),
                                   .time    = gp_said(&moment),
                                   .subject = gp_from(h->now.subject),
                                   .text    = gp_from(h->now.text) };
    h->asked = true;
    ipc_ask(channel, &m, posted, v);
}

void webhook_tick(struct vault *v, gp_time now)
{
    struct hooking *h    = &v->hooking;
    struct peer    *hook = webhook_of(v);
    if (!hook || h->asked || now < h->due || !hook->channel || !ipc_attached(hook->channel)) return;
    gp_status status = notice_to_post(v->accounts, &h->now);
    if (status == GP_TEMPFAIL) vault_store_failed(v);
    if (status == GP_OK)
        post(v, hook->channel);
    else
        h->due = now + IDLE_MS;
}

void webhook_hurry(struct vault *v)
{
    if (v->hooking.failures == 0) v->hooking.due = 0;
}
