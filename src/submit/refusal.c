/* A no that is a decision has a name, an incident: at the end of the reply, in the log, and with vault, which keeps the record of it. What
 * vault itself decided has its name from there. A flood of refusals is not passed on whole: the next one that is says how many were not. */
#include "submit/parts.h"

_Static_assert((int)GP_INCIDENT_ROOM == (int)GP_SMTP_INCIDENT_ROOM, "an incident is what the session has room for");
enum { TEXT_MOST = GP_SMTP_REPLY_MOST - 64 }; /* of the reply: the incident must not be what is cut off */

struct gp_reply refusal_named(struct gp_reply reply, gp_str incident, char room[static REFUSAL_ROOM])
{
    struct gp_text text = { .ptr = room, .room = REFUSAL_ROOM - 1 };
    gp_put(&text, gp_head(gp_from(reply.text), TEXT_MOST));
    gp_put_incident(&text, incident);
    room[text.len] = '\0';
    return (struct gp_reply) { reply.code, reply.enhanced, room };
}

bool flood_lets(struct flood *f, gp_time now)
{
    gp_time most = (gp_time)FLOOD_BURST * MS, since = now - f->seen;
    f->seen = now;
    f->left = since > most || f->left + since * FLOOD_RATE > most ? most : f->left + since * FLOOD_RATE;
    if (f->left < MS) {
        f->missed++;
        return false;
    }
    f->left -= MS;
    return true;
}

static void tell(struct submit *role, struct flood *flood, struct msg *m)
{
    if (!flood_lets(flood, loop_now(role->loop))) return;
    m->refused.missed = flood->missed;
    if (ipc_tell(role->vault, m))
        flood->missed = 0;
    else
        flood->missed++;
}

void refusal_tell(struct session *s, const struct refusal *r)
{
    struct submit *role = s->submit;
    struct msg     m    = MSG(REFUSED);
    m.refused           = (struct msg_refused) {
                  .session    = s->id,
                  .account    = s->account,
                  .credential = s->credential,
                  .listener   = s->port->index,
                  .code       = (uint64_t)r->code,
                  .incident   = gp_from(r->incident),
                  .user       = gp_from(s->user),
                  .peer       = gp_from(s->peer),
                  .helo       = gp_smtp_server_helo(&s->smtp),
                  .sender     = s->mail ? s->mail->sender : GP_LIT(""),
                  .queue_id   = s->mail ? gp_from(s->mail->queue_id) : GP_LIT(""),
                  .text       = r->text,
                  .why        = r->reason,
    };
    tell(role, s->signed_in ? &role->refused : &role->refused_strangers, &m);
}

void refusal_log(const struct session *s, const struct refusal *r)
{
    const struct mail *m = s->mail;
    LOG(s->signed_in ? LOG_WARN : LOG_INFO, "refused", LOG_N("session", s->id), LOG_Z("peer", s->peer),
        LOG_S("queue_id", m && m->queue_id[0] ? gp_from(m->queue_id) : GP_NONE),
        LOG_S("account", s->signed_in ? gp_from(s->user) : GP_NONE), LOG_S("sender", m ? m->sender : GP_NONE),
        LOG_N("code", r->code), LOG_S("incident", r->incident[0] ? gp_from(r->incident) : GP_NONE),
        LOG_S("reason", r->reason), LOG_S("command", r->command));
}

struct gp_reply refusal_of(struct session *s, struct gp_reply reply, gp_str reason, char room[static REFUSAL_ROOM])
{
    char           incident[GP_INCIDENT_ROOM];
    struct refusal r = { reply.code, incident, gp_from(reply.text), reason, GP_NONE };
    gp_new_incident(incident);
    refusal_log(s, &r);
    refusal_tell(s, &r);
    return refusal_named(reply, gp_from(incident), room);
}

struct gp_reply refusal_by_vault(struct session *s, struct gp_reply reply, gp_str incident, gp_str reason,
                                 char room[static REFUSAL_ROOM])
{
    char           name[GP_INCIDENT_ROOM];
    struct refusal r = { reply.code, name, gp_from(reply.text), reason, GP_NONE };
    if (!gp_read_incident(incident, name)) return refusal_of(s, reply, reason, room);
    refusal_log(s, &r);
    return refusal_named(reply, gp_from(name), room);
}

struct gp_reply refusal_at_door(const struct port *port, struct gp_reply reply, const char *peer,
                                const struct sockaddr_storage *address, char room[static REFUSAL_ROOM])
{
    struct submit *role = port->submit;
    char           incident[GP_INCIDENT_ROOM];
    struct msg     m       = MSG(REFUSED);
    unsigned       callers = limits_refused(&role->limits, address, loop_now(role->loop));
    gp_new_incident(incident);
    if (callers > 0)
        LOG(LOG_WARN, "refused", LOG_Z("peer", peer), LOG_Z("listener", port->listen->address),
            LOG_Z("reason", reply.text), LOG_N("code", reply.code), LOG_Z("incident", incident),
            LOG_N("callers", callers));
    m.refused = (struct msg_refused) { .listener = port->index,
                                       .code     = (uint64_t)reply.code,
                                       .incident = gp_from(incident),
                                       .user     = GP_LIT(""),
                                       .peer     = gp_from(peer),
                                       .helo     = GP_LIT(""),
                                       .sender   = GP_LIT(""),
                                       .queue_id = GP_LIT(""),
                                       .text     = gp_from(reply.text),
                                       .why      = gp_from(reply.text) };
    tell(role, &role->refused_strangers, &m);
    return refusal_named(reply, gp_from(incident), room);
}
