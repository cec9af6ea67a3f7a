/* A connection under TLS: ciphertext from the socket into gp_tls, and what becomes of it to the owner. */
#include "net/internal.h"

enum { CIPHER_MOST = 2 * CONN_READ_ROOM, CROWDED_MS = 20 };

struct gp_tls *conn_tls(struct conn *c)
{
    return c->tls;
}

bool conn_secure(struct conn *c, struct gp_tls *tls)
{
    if (c->state != CONN_OPEN || c->tls) {
        gp_tls_close(tls);
        return false;
    }
    gp_buffer_free(&c->kept); /* RFC 3207 4.2: what came in clear is not to be believed */
    c->fresh = GP_NONE;
    c->tls   = tls;
    if (gp_tls_handshake(tls) == GP_PERMFAIL) conn_fail(c, gp_tls_why(tls));
    (void)conn_flush(c);
    later_set(c->loop, &c->due); /* looks again at what to watch */
    return !c->broken;
}

void conn_signed(struct conn *c, gp_str signature)
{
    if (!c->tls || c->state != CONN_OPEN) return;
    c->told_sign = false;
    gp_tls_answer(c->tls, signature);
    later_set(c->loop, &c->due);
}

/* Each may close the connection; it stays readable until the turn ends. */
static void tell(struct conn *c, size_t plain_before)
{
    struct gp_tls_sign ask;
    if (c->state == CONN_OPEN && gp_tls_shaken(c->tls) && !c->told_secured) {
        c->told_secured = true;
        timer_close(c->patience);
        c->patience = NULL;
        if (c->handler->secured) c->handler->secured(c->owner, c);
    }
    if (c->state == CONN_OPEN && !c->told_sign && gp_tls_asks(c->tls, &ask)) {
        c->told_sign = true;
        c->handler->sign(c->owner, c, &ask);
    }
    if (c->state == CONN_OPEN && gp_tls_plain(c->tls).len > plain_before) c->handler->input(c->owner, c);
}

/* What is left of the ciphertext when no more can be done with it now. */
static gp_str feed(struct conn *c, gp_str cipher)
{
    size_t taken;
    do {
        size_t    before = gp_tls_plain(c->tls).len;
        gp_status status = gp_tls_feed(c->tls, cipher, &taken);
        cipher           = gp_tail(cipher, taken);
        if (gp_tls_ended(c->tls)) c->peer_ended = true;
        if (status == GP_PERMFAIL)
            (void)conn_flush(c); /* an alert says why */
        else
            conn_flush_soon(c);
        tell(c, before);
        if (c->state == CONN_OPEN && status == GP_PERMFAIL) conn_fail(c, gp_tls_why(c->tls));
    } while (c->state == CONN_OPEN && taken && cipher.len);
    return cipher;
}

static void decrypt(struct conn *c, gp_str cipher)
{
    size_t kept = c->kept.len;
    if (!kept) {
        gp_str left = feed(c, cipher);
        if (c->state == CONN_OPEN && !gp_buffer_add(&c->kept, left, CIPHER_MOST)) conn_fail(c, "no memory");
        return;
    }
    if (!gp_buffer_add(&c->kept, cipher, CIPHER_MOST)) return conn_fail(c, "no memory");
    gp_str all  = gp_buffer_all(&c->kept);
    gp_str left = feed(c, all);
    if (c->state == CONN_OPEN) gp_buffer_took(&c->kept, all.len - left.len);
}

void conn_decrypt(struct conn *c, gp_str cipher)
{
    decrypt(c, cipher);
    if (c->state == CONN_OPEN && gp_tls_crowded(c->tls) && !conn_wait(c, CROWDED_MS)) conn_fail(c, "no memory");
}
