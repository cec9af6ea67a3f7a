/* What the smtpds tell clients they can sign in with: it depends on what the credentials allow, so it changes as they do. */
#include <string.h>

#include "vault/parts.h"

gp_str offer_configured(const struct vault *v, size_t listener)
{
    return policy_configured(v->config, listener);
}

struct policy_facts offer_facts(const struct vault *v, size_t listener)
{
    struct policy_facts facts = policy_facts_of(v->config, &v->survey, listener);
    facts.tokens              = v->tokens;
    return facts;
}

static void announce(struct peer *peer, size_t listener)
{
    struct msg m = MSG(MECHANISMS);
    m.mechanisms = (struct msg_mechanisms) { .listener = listener, .names = gp_from(peer->vault->offered[listener]) };
    (void)ipc_tell(peer->channel, &m);
}

void offer_announce(struct peer *peer)
{
    for (size_t i = 0; i < peer->vault->config->listen_count; i++) announce(peer, i);
}

/* false: it is what it was. */
static bool update(struct vault *v, size_t listener)
{
    char                room[CONFIG_TEXT];
    struct gp_text      text  = { .ptr = room, .room = sizeof(room) - 1 };
    struct policy_facts facts = offer_facts(v, listener);
    if (!policy_offer(offer_configured(v, listener), &facts, &text)) return false;
    room[text.len] = '\0';
    if (strcmp(room, v->offered[listener]) == 0) return false;
    memcpy(v->offered[listener], room, text.len + 1);
    return true;
}

void offer_update(struct vault *v)
{
    for (size_t listener = 0; listener < v->config->listen_count; listener++) {
        if (!update(v, listener)) continue;
        for (size_t i = 0; i < ROLE_SMTPD_MOST; i++)
            if (v->smtpds[i].channel && ipc_attached(v->smtpds[i].channel)) announce(&v->smtpds[i], listener);
    }
}
