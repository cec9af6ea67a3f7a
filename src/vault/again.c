/* Mail that has waited because of our sign-in at a next hop: the queue is told when that may work again, and again a little later, for what
 * the relay gave back meanwhile. What it has not heard is said once more with the next tick. */
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
    a->at         = at;
    a->asked      = true;
    m.again.login = at;
    ipc_ask(v->queue.channel, &m, heard, v);
}

void again_tell(struct vault *v, size_t login)
{
    v->again.owed[login] = TWICE;
    ask(v, TWICE);
}

void again_tick(struct vault *v)
{
    ask(v, ONCE);
}
