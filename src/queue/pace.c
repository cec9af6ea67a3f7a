/* How much of a route's mail is under way: as many messages a minute, connections at a time and recipients a message as it may be. What is
 * over that stays due in the store. The messages of the last minute are forgotten at a restart. */
#include <stdlib.h>

#include "queue/parts.h"

enum { MINUTE = 60 * SECOND };

bool pace_open(struct pace *p, const struct config_route *route)
{
    *p = (struct pace) { .connections = route->connections, .most = route->messages_per_minute };
    if (p->most) p->sent = calloc(p->most, sizeof *p->sent);
    return !p->most || p->sent;
}

void pace_close(struct pace *p)
{
    free(p->sent);
    *p = (struct pace) { 0 };
}

gp_time pace_wait(const struct pace *p, gp_time now)
{
    if (p->connections && p->under_way >= p->connections) return now + PACE_LOOKS_AGAIN;
    if (!p->most || !p->sent[p->at]) return 0;
    gp_time free_at = p->sent[p->at] + MINUTE;                     /* the oldest of as many as there may be */
    return free_at > now && free_at <= now + MINUTE ? free_at : 0; /* else: the clock was set back */
}

void pace_began(struct pace *p, gp_time now)
{
    p->under_way++;
    if (!p->most) return;
    p->sent[p->at] = now;
    p->at          = (p->at + 1) % p->most;
}

/* The newest that began then; the others close up, and the one that is free is the next to be written. */
void pace_forget(struct pace *p, gp_time began)
{
    unsigned behind = 1; /* how far from the next */
    while (behind <= p->most && p->sent[(p->at + p->most - behind) % p->most] != began) behind++;
    if (behind > p->most) return;
    for (; behind > 1; behind--)
        p->sent[(p->at + p->most - behind) % p->most] = p->sent[(p->at + p->most - behind + 1) % p->most];
    p->at          = (p->at + p->most - 1) % p->most;
    p->sent[p->at] = 0;
}

void pace_ended(struct pace *p)
{
    if (p->under_way) p->under_way--;
}
