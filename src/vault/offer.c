/* What the smtpds tell clients they can sign in with: it depends on what the credentials allow, so it changes as they do. */
#include <string.h>

#include "vault/parts.h"
#include "vault/policy.h"

void offer_announce(struct peer *peer)
{
    struct msg m       = MSG(MECHANISMS);
    m.mechanisms.names = gp_from(peer->vault->offered);
    (void)ipc_tell(peer->channel, &m);
}

void offer_update(struct vault *v)
{
    char           room[CONFIG_TEXT];
    struct gp_text text = { .ptr = room, .room = sizeof(room) - 1 };
    if (!policy_offer(gp_from(v->config->mechanisms), v->survey.secrets, &text)) return;
    room[text.len] = '\0';
    if (strcmp(room, v->offered) == 0) return;
    memcpy(v->offered, room, text.len + 1);
    for (size_t i = 0; i < ROLE_SMTPD_MOST; i++)
        if (v->smtpds[i].channel && ipc_attached(v->smtpds[i].channel)) offer_announce(&v->smtpds[i]);
}
