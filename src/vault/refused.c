/* What was refused or held has a name, an incident, and goes on record by it. What smtpd itself refused it says in one message, and waits
 * for no answer. */
#include "vault/parts.h"

static gp_str some(gp_str text)
{
    return text.len > 0 ? text : GP_NONE;
}

/* smtpd reads what strangers send: what it says is kept as what was said. */
void refused_take(struct peer *peer, struct msg *m)
{
    const struct msg_refused *r = &m->refused;
    const struct vault       *v = peer->vault;
    char                      incident[GP_INCIDENT_ROOM];
    if (r->missed > 0)
        LOG(LOG_WARN, "record", LOG_N("missed", r->missed),
            LOG_Z("reason", "refusals came too fast: only the log has them"));
    if (!gp_read_incident(r->incident, incident) || r->listener >= v->config->listen_count) return;
    struct audit_entry e = { .when       = wall_now(),
                             .event      = "refused",
                             .account    = (int64_t)r->account,
                             .credential = (int64_t)r->credential,
                             .name       = r->user,
                             .queue_id   = r->queue_id,
                             .incident   = gp_from(incident) };
    TRAIL(peer->vault, TRAIL_REFUSAL, &e, AUDIT_N("code", r->code), AUDIT_S("reply", r->text),
          AUDIT_S("reason", r->why), AUDIT_S("sender", some(r->sender)), AUDIT_S("peer", r->peer),
          AUDIT_Z("listener", v->config->listen[r->listener].name), AUDIT_S("helo", some(r->helo)));
}

static gp_str name_of(struct vault *v, int64_t account, struct account *room)
{
    return accounts_get(v->accounts, account, room) == GP_OK ? gp_from(room->name) : GP_LIT("");
}

static void record(struct vault *v, const struct sent *s, bool held)
{
    struct account     account, owner;
    struct audit_entry e        = { .when       = s->now,
                                    .event      = held ? "held" : "refused",
                                    .account    = s->account,
                                    .credential = s->credential,
                                    .name       = name_of(v, s->account, &account),
                                    .queue_id   = s->queue_id,
                                    .incident   = gp_from(s->incident) };
    bool               acts     = s->owner && s->owner != s->account;
    gp_str             signer   = acts ? some(name_of(v, s->owner, &owner)) : GP_NONE;
    const char        *listener = s->listener < v->config->listen_count ? v->config->listen[s->listener].name : NULL;
    if (held)
        TRAIL(v, TRAIL_EVENT, &e, AUDIT_Z("reason", s->hold_why), AUDIT_S("sender", s->sender),
              AUDIT_S("peer", some(s->peer)), AUDIT_Z("listener", listener), AUDIT_S("signed_in_as", signer));
    else
        TRAIL(v, TRAIL_REFUSAL, &e, AUDIT_N("code", s->no.code), AUDIT_S("reply", gp_said(&s->text)),
              AUDIT_Z("reason", s->no.why), AUDIT_S("sender", s->sender), AUDIT_S("peer", some(s->peer)),
              AUDIT_Z("listener", listener), AUDIT_S("signed_in_as", signer));
}

void refused_name(struct vault *v, struct sent *s, gp_status status)
{
    bool held = status == GP_OK && s->hold_why[0];
    if (status == GP_OK && !held) return;
    gp_new_incident(s->incident);
    record(v, s, held);
}
