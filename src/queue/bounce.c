/* Notifications to the sender (RFC 3461, 3464): who is owed one, and how it gets into the queue in the same transaction as what it
 * tells of, so that neither exists without the other. */
#include <string.h>

#include "queue/parts.h"

enum {
    ORIGINAL_MOST = QUEUE_INLINE_MOST + 1, /* one more tells the writer that it is not all       */
    NOTICE_MOST   = 1024 * 1024,           /* octets of a notification                            */
    ID_ROOM       = QUEUE_ID_MOST,
    PARAMS_ROOM   = 64,
    DOMAIN_ROOM   = 384,
};

/* ---- who is owed one -------------------------------------------------------------------------------------------------- */
static bool lists(gp_str list, const char *word)
{
    while (list.len)
        if (gp_is(gp_cut(&list, ','), word)) return true;
    return false;
}

/* RFC 3461 4.1: without NOTIFY, failures are told, and delays where we choose to; NEVER stands alone. */
bool bounce_wanted(const struct queue_message *message, gp_str params, enum gp_dsn_action action)
{
    static const struct {
        const char *word;
        bool        unasked;
    } asked[] = {
        [GP_DSN_FAILED]    = {"FAILURE",  true },
        [GP_DSN_DELAYED]   = { "DELAY",   true },
        [GP_DSN_DELIVERED] = { "SUCCESS", false},
        [GP_DSN_RELAYED]   = { "SUCCESS", false},
    };
    if (!message->sender.len) return false; /* RFC 5321 4.5.5: never in answer to a notification */
    gp_str notify = gp_parameter(params, "NOTIFY");
    if (action == GP_DSN_HANDED_ON) return !gp_is(notify, "NEVER"); /* RFC 2852 4.1.4 */
    return notify.ptr ? lists(notify, asked[action].word) : asked[action].unasked;
}

/* Nobody's mailbox is filled with reports on mail that he may not have sent: where accounts may say any sender, what is no address of this
 * domain is not believed to be the account's, and the account itself is told, if it has an address for a name. "": nobody. */
static gp_str told(const struct queue *q, const struct queue_message *m)
{
    const struct config *c = q->config;
    bool   proven  = c->policy.identity.mode == POLICY_ENFORCE && c->policy.identity.rules[SENDER_MAIL] != SENDER_ALLOW;
    gp_str domain  = gp_tail(m->sender, gp_find(m->sender, '@'));
    bool   at_home = domain.len > 1 && gp_is(gp_tail(domain, 1), c->domain);
    if (proven || at_home || gp_alike(m->sender, m->user)) return m->sender;
    return gp_find(m->user, '@') < m->user.len ? m->user : GP_LIT("");
}

/* ---- the notification as a message of ours ------------------------------------------------------------------------------ */
static bool collect(void *owner, gp_str piece)
{
    return gp_buffer_add(owner, piece, NOTICE_MOST);
}

static gp_status write_notice(struct queue *q, const struct report *r, struct gp_buffer *out)
{
    struct gp_buffer original = { 0 };
    char             room[ID_ROOM];
    struct gp_text   unique = GP_TEXT(room);
    put_queue_id(&unique);
    /* A message that cannot be read back must not keep its bounce from being sent. */
    (void)!queue_body_head(q->store, r->message, &original, ORIGINAL_MOST);
    struct gp_dsn dsn = {
        .hostname   = q->config->hostname,
        .domain     = q->config->domain,
        .to         = told(q, r->message),
        .params     = r->message->params,
        .queue_id   = r->message->queue_id,
        .unique     = gp_said(&unique),
        .message_id = r->message->message_id,
        .arrived    = r->message->arrived,
        .now        = r->now,
        .recipients = r->recipients,
        .count      = r->count,
        .original   = gp_buffer_all(&original),
    };
    gp_status status = gp_dsn_write(&dsn, (struct gp_sink) { collect, out });
    gp_buffer_free(&original);
    return status;
}

/* RFC 6710 4.6: a report is as urgent as what it is about. */
static void put_priority(gp_str params, const char *separator, struct gp_text *out)
{
    if (!gp_parameter(params, "MT-PRIORITY").ptr) return;
    gp_put_z(out, separator);
    gp_put_z(out, "MT-PRIORITY=");
    gp_put_number(out, gp_priority(params));
}

/* What the original needed of its path, its notification may need too (RFC 6533, RFC 8689 5). */
static gp_str params_for(const struct report *r, struct gp_text *room)
{
    static const char *const inherited[] = { "SMTPUTF8", "REQUIRETLS" };
    const char              *separator   = "";
    if (gp_is(gp_parameter(r->message->params, "BODY"), "8BITMIME")) {
        gp_put_z(room, "BODY=8BITMIME");
        separator = " ";
    }
    for (size_t i = 0; i < GP_COUNT(inherited); i++) {
        if (!gp_parameter(r->message->params, inherited[i]).ptr) continue;
        gp_put_z(room, separator);
        gp_put_z(room, inherited[i]);
        separator = " ";
    }
    put_priority(r->message->params, separator, room);
    return gp_said(room);
}

gp_status queue_keep_body(struct queue *q, gp_str queue_id, gp_str body)
{
    uint64_t  draft  = ++q->last_draft;
    gp_status status = queue_draft_write(q->store, draft, body, queue_id);
    if (status != GP_OK) queue_draft_drop(q->store, draft);
    return status;
}

static gp_status add_notice(struct queue *q, const struct report *r, gp_str queue_id, gp_str body)
{
    char                   domain[DOMAIN_ROOM], params[PARAMS_ROOM], why_room[HOLD_WHY_MOST];
    struct gp_text         domain_text = GP_TEXT(domain), params_text = GP_TEXT(params), why = GP_TEXT(why_room);
    struct queue_message   notice    = { .queue_id = queue_id,
                                         .size     = body.len,
                                         .arrived  = r->now,
                                         .from     = GP_LIT("MAILER-DAEMON"),
                                         .in_file  = body.len > QUEUE_INLINE_MOST };
    struct queue_recipient to        = { .address = told(q, r->message),
                                         .params  = GP_LIT("NOTIFY=NEVER"), /* RFC 3461 6.1 */
                                         .state   = RECIPIENT_QUEUED,
                                         .due     = r->now };
    to.priority                      = priority_of(q, r->message->params);
    notice.params                    = params_for(r, &params_text);
    const struct queue_way way       = { .address = to.address };
    to.destination                   = destination_of(q, &way, &domain_text);
    const struct config_route *holds = held_by(q, &way);
    if (holds) to.state = RECIPIENT_HELD;
    notice.hold_why = put_held_by(&why, holds);
    if (notice.in_file && queue_keep_body(q, queue_id, body) != GP_OK) return GP_TEMPFAIL;
    gp_status status = queue_add(q->store, &notice, &to, 1, body);
    if (status == GP_OK && to.state == RECIPIENT_QUEUED) (void)lanes_wake(&q->lanes, to.destination, r->now, r->now);
    return status;
}

gp_status bounce_send(struct queue *q, const struct report *r)
{
    static const char *const kinds[] = { [GP_DSN_FAILED]    = "failure",
                                         [GP_DSN_DELAYED]   = "delay",
                                         [GP_DSN_DELIVERED] = "delivery",
                                         [GP_DSN_HANDED_ON] = "relayed",
                                         [GP_DSN_RELAYED]   = "relayed" };
    char                     room[ID_ROOM];
    struct gp_text           id   = GP_TEXT(room);
    struct gp_buffer         body = { 0 };
    gp_str                   to   = told(q, r->message);
    if (!to.len) {
        LOG(LOG_WARN, "bounced", LOG_S("queue_id", r->message->queue_id), LOG_Z("kind", kinds[r->action]),
            LOG_S("reason", GP_LIT("nobody is told: the sender need not be the account's, whose name is no address")));
        return GP_OK;
    }
    put_queue_id(&id);
    gp_status status = write_notice(q, r, &body);
    if (status == GP_OK)
        status = add_notice(q, r, gp_said(&id), gp_buffer_all(&body));
    else
        LOG(LOG_ERROR, "bounced", LOG_S("queue_id", r->message->queue_id),
            LOG_Z("failed", "to write the notification"));
    gp_buffer_free(&body);
    if (status != GP_OK)
        return status == GP_PERMFAIL ? GP_OK : status; /* what cannot be written must not hold up the rest */
    LOG(LOG_INFO, "bounced", LOG_S("queue_id", r->message->queue_id), LOG_S("notice", gp_said(&id)),
        LOG_Z("kind", kinds[r->action]), LOG_S("to", to), LOG_N("recipients", r->count));
    struct audit_entry e = queue_entry(r->message, r->now, "bounced");
    return AUDIT(queue_database(q->store), &e, AUDIT_S("notice", gp_said(&id)), AUDIT_Z("kind", kinds[r->action]),
                 AUDIT_S("to", to), AUDIT_N("recipients", r->count));
}
