/* A client asks what became of its own mail (XMINE). smtpd is not believed in whose name: the session must be one that has signed in as that
 * account. Then the queue is asked, by us, about that account alone; of a credential that may send as some alone, of one made for a device, and
 * of who acts for another, about what that credential itself has sent.
 *
 * An account may ask MINE_AT_ONCE times, and then MINE_PER_MINUTE times a minute, over all its sessions. */
#include <stdlib.h>

#include "policy/rate.h"
#include "store/senders.h"
#include "vault/parts.h"

enum { MINUTE_MS = 60 * 1000, MINE_PER_MINUTE = 120, MINE_AT_ONCE = 60 };

struct question { /* of smtpd, while the queue thinks */
    struct vault *vault;
    struct peer  *peer;
    uint64_t      life;
    uint32_t      question;
};

/* ---- a no ------------------------------------------------------------------------------------------------------------------ */
static void refuse(struct peer *peer, const struct msg *m, struct sent *s, gp_status status)
{
    struct msg no = MSG(MINE_IS);
    refused_name(peer->vault, s, status);
    no.mine_is = (struct msg_mine_is) { .status   = status,
                                        .code     = s->no.code,
                                        .enhanced = gp_from(s->no.enhanced),
                                        .text     = gp_said(&s->text),
                                        .why      = gp_from(s->no.why),
                                        .incident = gp_from(s->incident) };
    ipc_answer(peer->channel, m->question, &no);
}

static gp_status say_no(struct sent *s, struct no no, const char *text)
{
    s->no = no;
    gp_put_z(&s->text, text);
    return GP_TEMPFAIL;
}

/* ---- may he ask? ------------------------------------------------------------------------------------------------------------- */
static gp_status is_his(struct vault *v, struct sent *s)
{
    static const struct no no = { 451, "4.3.0", "the session is not known to have signed in as that account" };
    (void)v;
    if (session_is_of(s->from, s->session, s->account, s->credential, &s->owner)) return GP_OK;
    return say_no(s, no, "cannot tell now whose mail that is, connect again");
}

/* Two accounts that share a place share the rate: 1024 of them, and few ask. */
static gp_status is_slow_enough(struct vault *v, struct sent *s)
{
    static const struct rate most = { .count = MINE_PER_MINUTE, .burst = MINE_AT_ONCE, .per = MINUTE_MS };
    static const struct no   no   = { 450, "4.7.1", "the account asks about its mail too often" };
    struct rate_state       *at   = &v->mine.rates[(uint64_t)s->account % MINE_RATES];
    if (rate_wait(&most, at, 1, s->now) != 0) return say_no(s, no, "asked too often, try again in a minute");
    rate_charge(&most, at, 1, s->now);
    return GP_OK;
}

static gp_status has_room(struct vault *v, struct sent *s)
{
    static const struct no no = { 451, "4.3.2", "too many ask about their mail at once" };
    bool                   up = v->queue.channel && ipc_attached(v->queue.channel);
    return up && v->mine.asked < MINE_ASKED_MOST ? GP_OK : say_no(s, no, "busy, try again in a minute");
}

/* 0: all that the account sent. -1: the store could not be read. */
static int64_t scope_of(struct vault *v, const struct sent *s)
{
    struct credential one;
    gp_status         status = s->credential ? credential_get(v->accounts, s->credential, &one) : GP_PERMFAIL;
    bool              narrow = s->owner || (status == GP_OK && (one.limits.senders[0] || one.limits.legacy));
    if (status == GP_OK) gp_wipe(&one.verifier, sizeof(one.verifier));
    if (status == GP_TEMPFAIL) return -1;
    return narrow ? s->credential : 0;
}

/* ---- the queue's answer -------------------------------------------------------------------------------------------------------- */
static void answered(void *owner, gp_status status, const struct msg *m)
{
    struct question *q     = owner;
    bool             known = status == GP_OK && m->type == MSG_MINE_IS;
    struct msg       said  = MSG(MINE_IS);
    said.mine_is           = known ? m->mine_is : (struct msg_mine_is) { .status = GP_TEMPFAIL };
    q->vault->mine.asked--;
    if (q->peer->channel && q->life == q->peer->life) ipc_answer(q->peer->channel, q->question, &said);
    free(q);
}

static gp_status ask(struct peer *peer, const struct msg *m, struct sent *s)
{
    static const struct no no    = { 451, "4.3.0", "no memory, or the accounts cannot be read" };
    struct vault          *v     = peer->vault;
    int64_t                scope = scope_of(v, s);
    struct question       *q     = scope < 0 ? NULL : malloc(sizeof(*q));
    if (!q) return say_no(s, no, "cannot tell now, try again later");
    *q              = (struct question) { v, peer, peer->life, m->question };
    struct msg asks = MSG(MINE_OF);
    asks.mine_of    = (struct msg_mine_of) { .account    = (uint64_t)s->account,
                                             .credential = (uint64_t)scope,
                                             .verb       = m->mine.verb,
                                             .after      = m->mine.after,
                                             .name       = m->mine.name };
    v->mine.asked++;
    ipc_ask(v->queue.channel, &asks, answered, q);
    return GP_OK;
}

void mine_asked(struct peer *peer, struct msg *m)
{
    typedef gp_status      rule(struct vault *, struct sent *);
    static rule *const     rules[] = { is_his, is_slow_enough, identity_at_end, has_room };
    char                   room[REPLY_MOST];
    const struct msg_mine *in     = &m->mine;
    gp_status              status = GP_OK;
    struct sent            s      = { .from       = peer,
                                      .session    = in->session,
                                      .account    = (int64_t)in->account,
                                      .credential = (int64_t)in->credential,
                                      .sender     = GP_LIT(""),
                                      .peer       = in->peer,
                                      .now        = wall_now(),
                                      .text       = GP_TEXT(room) };
    for (size_t i = 0; status == GP_OK && i < GP_COUNT(rules); i++) status = rules[i](peer->vault, &s);
    if (status == GP_OK) status = ask(peer, m, &s);
    if (status != GP_OK) refuse(peer, m, &s, status);
}
