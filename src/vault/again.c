/* Mail that has waited because of our sign-in at a next hop: the queue is told when that may work again, and again a little later, for what
 * the relay gave back meanwhile. What it has not heard is said once more with the next tick. */
#include <string.h>

#include "vault/parts.h"

enum { DONE, ONCE, TWICE };

static void ask(struct vault *v, unsigned char least);

static void heard(void *owner, gp_status status, const struct msg *m)
{
    struct vault *v     = owner;
    struct again *a     = &v->again;
    bool          known = status == GP_OK && m->type == MSG_AGAIN_DUE;
    a->asked            = false;
    if (!known || m->again_due.status == GP_TEMPFAIL) return; /* at the next tick */
    if (!m->again_due.more && a->owed[a->at] > DONE) a->owed[a->at]--;
    ask(v, TWICE);
}

static void ask(struct vault *v, unsigned char least)
{
    struct again *a  = &v->again;
    size_t        at = 0;
    struct msg    m  = MSG(AGAIN);
    while (at < GP_COUNT(a->owed) && a->owed[at] < least) at++;
    if (at == GP_COUNT(a->owed) || a->asked || !v->queue.channel || !ipc_attached(v->queue.channel)) return;
    bool own  = at >= GP_COUNT(a->owed) - OWN_AGAIN_MOST;
    a->at     = at;
    a->asked  = true;
    size_t of = own ? at - (GP_COUNT(a->owed) - OWN_AGAIN_MOST) : 0;
    m.again   = (struct msg_again) { .login   = own ? a->own[of].login : at,
                                     .number  = own ? (uint64_t)a->own[of].number : 0,
                                     .account = own ? gp_from(a->own[of].account) : GP_LIT("") };
    ipc_ask(v->queue.channel, &m, heard, v);
}

void again_tell(struct vault *v, size_t login)
{
    v->again.owed[login] = TWICE;
    ask(v, TWICE);
}

/* Where there is no room for one more account, all of that route are tried. */
void again_tell_own(struct vault *v, size_t login, int64_t number, const char *account)
{
    struct again  *a     = &v->again;
    unsigned char *owed  = &a->owed[GP_COUNT(a->owed) - OWN_AGAIN_MOST];
    size_t         place = OWN_AGAIN_MOST;
    for (size_t i = 0; i < OWN_AGAIN_MOST; i++) {
        bool same = owed[i] > DONE && a->own[i].login == login && a->own[i].number == number;
        if (same || (owed[i] == DONE && place == OWN_AGAIN_MOST)) place = i;
        if (same) break;
    }
    if (place == OWN_AGAIN_MOST) {
        again_tell(v, login);
        return;
    }
    owed[place]          = TWICE;
    a->own[place].login  = login;
    a->own[place].number = number;
    (void)gp_copy_z(gp_from(account), a->own[place].account, sizeof a->own[place].account);
    ask(v, TWICE);
}

void again_tick(struct vault *v)
{
    ask(v, ONCE);
}
