/* What was refused or held has a name, an incident, and goes on record by it. What smtpd itself refused it says in one message, and waits
 * for no answer. */
#include "vault/parts.h"

static gp_str some(gp_str text)
{
    return text.len ? text : GP_NONE;
}

void refused_take(struct peer *peer, struct msg *m)
{
    const struct msg_refused *r = &m->refused;
    struct vault             *v = peer->vault;
    char                      incident[GP_INCIDENT_ROOM];
    bool                      named = gp_read_incident(r->incident, incident);
    struct audit_entry        e     = { .when       = wall_now(),
                                        .event      = "refused",
                                        .account    = (int64_t)r->account,
                                        .credential = (int64_t)r->credential,
                                        .name       = r->user,
                                        .queue_id   = r->queue_id,
                                        .incident   = named ? gp_from(incident) : GP_NONE };
    TRAIL(v, TRAIL_REFUSAL, &e, AUDIT_N("code", r->code), AUDIT_S("text", r->text), AUDIT_S("reason", some(r->why)),
          AUDIT_S("sender", some(r->sender)), AUDIT_S("peer", some(r->peer)), AUDIT_S("helo", some(r->helo)),
          AUDIT_Z("listener", r->listener < v->config->listen_count ? v->config->listen[r->listener].name : NULL));
    if (r->missed > 0)
        LOG(LOG_WARN, "record", LOG_N("missed", r->missed),
            LOG_Z("reason", "refusals came too fast: only the log has them"));
}

void refused_name(struct vault *v, struct sent *s, gp_status status)
{
    (void)v;
    if (status == GP_OK && !s->hold_why[0]) return;
    gp_new_incident(s->incident);
}
