/* What was refused or held has a name, an incident, and goes on record by it. What smtpd itself refused it says in one message, and waits
 * for no answer. */
#include "vault/parts.h"

void refused_take(struct peer *peer, struct msg *m)
{
    const struct msg_refused *r = &m->refused;
    (void)peer;
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
