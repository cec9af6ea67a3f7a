/* What smtpd itself refused, for the record: it says so and waits for no answer. */
#include "vault/parts.h"

void refused_take(struct peer *peer, struct msg *m)
{
    const struct msg_refused *r = &m->refused;
    (void)peer;
    if (r->missed > 0)
        LOG(LOG_WARN, "record", LOG_N("missed", r->missed),
            LOG_Z("reason", "refusals came too fast: only the log has them"));
}
