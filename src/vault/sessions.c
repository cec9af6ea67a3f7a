/* Who is signed in now, by account: counted from the verdict of a sign-in to the end of the client's session, which smtpd tells. A session
 * beyond the limit may stay, but send only once there are fewer. A smtpd that ends takes its sessions along. */
#include <stdlib.h>

#include "vault/parts.h"

struct open_session {
    struct open_session *next;
    uint64_t             session;
    int64_t              account;
    const struct peer   *peer;
    bool                 over; /* beyond the limit, and not counted */
};

static struct open_session **place_of(struct vault *v, const struct peer *peer, uint64_t session)
{
    struct open_session **at = &v->sessions.buckets[session & (SESSION_BUCKETS - 1)];
    while (*at && ((*at)->session != session || (*at)->peer != peer)) at = &(*at)->next;
    return at;
}

static bool has_room(const struct vault *v, const struct meter *m)
{
    unsigned most = m->own && m->own->has_sessions ? m->own->sessions : v->config->policy.limits.sessions;
    return most == 0 || m->sessions < most;
}

void session_opened(const struct signin *s)
{
    struct vault         *v    = s->peer->vault;
    struct open_session **at   = place_of(v, s->peer, s->session);
    bool                  mail = v->config->listen[s->listener].kind != LISTEN_DOVECOT_AUTH;
    if (!mail || *at || v->sessions.count >= SESSIONS_MOST) return;
    struct meter        *m     = meter_of(v, LIMIT_ACCOUNT, s->acting);
    struct open_session *fresh = m && meter_read_own(v, m, s->acting, 0) ? calloc(1, sizeof *fresh) : NULL;
    if (!fresh) return;
    *fresh =
        (struct open_session) { .session = s->session, .account = s->acting, .peer = s->peer, .over = !has_room(v, m) };
    *at = fresh;
    v->sessions.count++;
    m->sessions += !fresh->over;
}

static void end(struct vault *v, struct open_session **at)
{
    struct open_session *gone = *at;
    struct meter        *m    = gone->over ? NULL : meter_of(v, LIMIT_ACCOUNT, gone->account);
    if (m && m->sessions > 0) m->sessions--;
    *at = gone->next;
    v->sessions.count--;
    free(gone);
}

void session_forget(const struct peer *peer, uint64_t session)
{
    struct open_session **at = place_of(peer->vault, peer, session);
    if (*at) end(peer->vault, at);
}

void session_ended(struct peer *peer, struct msg *m)
{
    session_forget(peer, m->session_end.session);
}

void sessions_drop_peer(const struct peer *peer)
{
    for (size_t i = 0; i < SESSION_BUCKETS; i++)
        for (struct open_session **at = &peer->vault->sessions.buckets[i]; *at;) {
            if ((*at)->peer == peer)
                end(peer->vault, at);
            else
                at = &(*at)->next;
        }
}

bool session_may_send(struct peer *peer, uint64_t session, const struct meter *m)
{
    struct open_session *one = *place_of(peer->vault, peer, session);
    if (!one || !one->over) return true;
    if (!has_room(peer->vault, m)) return false;
    struct meter *counted = meter_of(peer->vault, LIMIT_ACCOUNT, one->account);
    if (counted) counted->sessions++;
    one->over = counted == NULL;
    return true;
}
