/* Who is signed in now, by account and, where a credential has such a limit of its own, by credential: counted from the verdict of a sign-in
 * to the end of the client's session, which smtpd tells. A session beyond a limit may stay, but send only once there are fewer. A smtpd that
 * ends takes its sessions along. */
#include <stdlib.h>

#include "vault/parts.h"

struct open_session {
    struct open_session *next;
    uint64_t             session;
    int64_t              account, owner, credential; /* owner: who signed in, where he acts for the account; else 0 */
    const struct peer   *peer;
    enum session_room    over; /* which limit it is beyond, and so not counted; SESSION_FITS: none */
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

static unsigned count_sessions(const struct vault *v, int64_t credential)
{
    unsigned count = 0;
    for (size_t i = 0; i < SESSION_BUCKETS; i++)
        for (const struct open_session *at = v->sessions.buckets[i]; at; at = at->next)
            count += at->credential == credential && at->over == SESSION_FITS;
    return count;
}

/* One that is full is asked about with each MAIL beyond it: what was counted once is kept right, by known_add(). */
static unsigned sessions_of(struct vault *v, int64_t credential)
{
    size_t at = (size_t)credential & (SESSION_COUNTS - 1);
    if (v->sessions.known[at].credential != credential) {
        v->sessions.known[at].count      = count_sessions(v, credential);
        v->sessions.known[at].credential = credential;
    }
    return v->sessions.known[at].count;
}

static void known_add(struct vault *v, const struct open_session *one, int more)
{
    size_t at = (size_t)one->credential & (SESSION_COUNTS - 1);
    if (one->credential && one->over == SESSION_FITS && v->sessions.known[at].credential == one->credential)
        v->sessions.known[at].count += (unsigned)more;
}

/* Few credentials have such a limit: to look at all sessions for those costs less than a count for each that keeps its meter in memory. */
static bool credential_has_room(struct vault *v, const struct open_session *one)
{
    struct meter *m = one->credential ? meter_of(v, LIMIT_CREDENTIAL, one->credential) : NULL;
    if (one->credential && (!m || !meter_read_own(v, m, one->account, one->credential))) return false;
    if (!m || !m->own || !m->own->has_sessions || m->own->sessions == 0) return true;
    return sessions_of(v, one->credential) < m->own->sessions;
}

/* Counts for both accounts, where one acts for another, or for none. one->over is not SESSION_FITS as yet, or it is not in the table. */
static enum session_room count(struct vault *v, const struct open_session *one)
{
    if (!credential_has_room(v, one)) return SESSION_CREDENTIAL_FULL;
    struct meter *account = meter_of(v, LIMIT_ACCOUNT, one->account);
    struct meter *owner   = one->owner ? meter_of(v, LIMIT_ACCOUNT, one->owner) : NULL;
    if (!account || (one->owner && !owner)) return SESSION_ACCOUNT_FULL;
    if (!meter_read_own(v, account, one->account, 0) || !has_room(v, account)) return SESSION_ACCOUNT_FULL;
    if (owner && (!meter_read_own(v, owner, one->owner, 0) || !has_room(v, owner))) return SESSION_ACCOUNT_FULL;
    account->sessions++;
    if (owner) owner->sessions++;
    return SESSION_FITS;
}

static void discount(struct vault *v, int64_t account)
{
    struct meter *m = account ? meter_of(v, LIMIT_ACCOUNT, account) : NULL;
    if (m && m->sessions > 0) m->sessions--;
}

void session_opened(const struct signin *s)
{
    struct vault         *v    = s->peer->vault;
    struct open_session **at   = place_of(v, s->peer, s->session);
    bool                  mail = v->config->listen[s->listener].kind != LISTEN_DOVECOT_AUTH;
    if (!mail || *at || v->sessions.count >= SESSIONS_MOST) return;
    struct open_session *fresh = calloc(1, sizeof *fresh);
    if (!fresh) return;
    *fresh      = (struct open_session) { .session    = s->session,
                                          .account    = s->acting,
                                          .owner      = s->account == s->acting ? 0 : s->account,
                                          .credential = s->found.id,
                                          .peer       = s->peer };
    fresh->over = count(v, fresh);
    *at         = fresh;
    known_add(v, fresh, 1);
    v->sessions.count++;
}

static void end(struct vault *v, struct open_session **at)
{
    struct open_session *gone = *at;
    known_add(v, gone, -1);
    if (gone->over == SESSION_FITS) {
        discount(v, gone->account);
        discount(v, gone->owner);
    }
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

bool session_is_of(const struct peer *peer, uint64_t session, int64_t account, int64_t credential, int64_t *owner)
{
    const struct open_session *one = *place_of(peer->vault, peer, session);
    bool                       his = one && one->account == account && one->credential == credential;
    *owner                         = his ? one->owner : 0;
    return his;
}

enum session_room session_may_send(struct peer *peer, uint64_t session)
{
    struct open_session *one = *place_of(peer->vault, peer, session);
    if (one && one->over != SESSION_FITS) {
        one->over = count(peer->vault, one);
        known_add(peer->vault, one, 1);
    }
    return one ? one->over : SESSION_FITS;
}
