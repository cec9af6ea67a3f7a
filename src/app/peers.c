/* Who talks to whom, and the channels between them. */
#include "app/supervisor.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "proc/wire.h"

static const struct pair {
    enum msg_role one, other;
} pairs[] = {
    {ROLE_SMTPD,  ROLE_VAULT},
    { ROLE_SMTPD, ROLE_QUEUE},
    { ROLE_QUEUE, ROLE_RELAY},
    { ROLE_RELAY, ROLE_VAULT},
    { ROLE_QUEUE, ROLE_VAULT},
};

/* Who posts events has them from queue, who asks the web is asked by the relay; neither has to do with sign-ins. */
static enum msg_role asks_lookup(const struct supervisor *s, unsigned index)
{
    if (s->config->events.webhook[0] && index == config_events_process(s->config)) return ROLE_QUEUE;
    return config_asks_web(s->config) && index == config_web_process(s->config) ? ROLE_RELAY : ROLE_VAULT;
}

static bool is_served(const struct supervisor *s, const struct child *lookup, const struct child *other)
{
    return asks_lookup(s, lookup->index) == other->row->role;
}

static bool talk(const struct supervisor *s, const struct child *one, const struct child *other)
{
    enum msg_role a = one->row->role, b = other->row->role;
    if (a == ROLE_LOOKUP) return is_served(s, one, other);
    if (b == ROLE_LOOKUP) return is_served(s, other, one);
    for (size_t i = 0; i < GP_COUNT(pairs); i++)
        if ((pairs[i].one == a && pairs[i].other == b) || (pairs[i].one == b && pairs[i].other == a)) return true;
    return false;
}

static void introduce(const struct supervisor *s, struct child *to, const struct child *peer, int fd)
{
    struct msg m = MSG(PEER);
    m.peer   = (struct msg_peer) { .role = peer->row->role, .index = peer->index, .count = wanted_of(s, peer->row) };
    m.fds[0] = fd;
    child_send(to, &m);
    close(fd);
}

void peers_join(struct supervisor *s, struct child *c)
{
    for (size_t i = 0; i < s->child_count; i++) {
        struct child *peer = &s->children[i];
        int           ends[2];
        if (peer == c || peer->channel < 0 || !talk(s, c, peer)) continue;
        if (!wire_pair(ends)) {
            LOG(LOG_ERROR, "role", LOG_Z("problem", "no channel between roles"), LOG_Z("reason", strerror(errno)));
            child_kill(c); /* its restart tries again */
            return;
        }
        introduce(s, c, peer, ends[0]);
        introduce(s, peer, c, ends[1]);
    }
}
