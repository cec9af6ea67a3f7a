/* Octets, in clear or through TLS, each step with a deadline. While we write we read as well: a server that stops reading until its
 * replies are read must not stop us both (RFC 2920 3.1). */
#include "talk/parts.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

enum { PIECE = 16 * 1024, MILLI = 1000 };

static int64_t deadline(const struct talk *t)
{
    unsigned reply = t->plan->reply_ms ? t->plan->reply_ms : TALK_REPLY_MS;
    return talk_now() + (int64_t)(t->patience ? t->patience : reply) * MILLI;
}

/* ---- reading ------------------------------------------------------------------------------------------------------------ */
static size_t unread(const struct talk *t)
{
    return t->in.end - t->in.start;
}

static bool has_room(const struct talk *t)
{
    return unread(t) < GP_SMTP_IN_ROOM / 2;
}

/* So many fit without what is unread being moved; see smtp/lines.c. */
static size_t room_in_clear(const struct talk *t)
{
    return unread(t) ? GP_SMTP_IN_ROOM - t->in.end : GP_SMTP_IN_ROOM;
}

/* What TLS has decrypted goes to the lines, as far as there is room. */
static bool take_plain(struct talk *t)
{
    gp_str plain = gp_tls_plain(t->tls);
    size_t n     = gp_lines_add(&t->in, plain);
    gp_tls_took(t->tls, n);
    return n > 0;
}

static bool said_too_much(struct talk *t)
{
    return talk_fail(t, TALK_NOT_SMTP, "the server sends more than it was asked for", NULL);
}

static bool tls_broke(struct talk *t)
{
    return talk_fail(t, TALK_BAD_TLS, "TLS", gp_tls_why(t->tls));
}

/* Ciphertext that came; false: TLS is broken. */
static bool decrypt(struct talk *t, gp_str cipher)
{
    while (cipher.len > 0) {
        size_t    taken  = 0;
        gp_status status = gp_tls_feed(t->tls, cipher, &taken);
        (void)take_plain(t);
        if (status == GP_PERMFAIL) return tls_broke(t);
        if (gp_tls_ended(t->tls)) t->ended = true;
        if (t->ended) return true;
        if (taken == 0) return said_too_much(t);
        cipher = gp_tail(cipher, taken);
    }
    return true;
}

/* Once, without waiting. */
static bool receive(struct talk *t)
{
    char   piece[PIECE / 2];
    size_t most = t->tls || room_in_clear(t) > sizeof piece ? sizeof piece : room_in_clear(t);
    if (most == 0) return said_too_much(t);
    ssize_t got = recv(t->fd, piece, most, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (got < 0) return talk_fail(t, TALK_HUNG_UP, "the connection broke", strerror(errno));
    if (got == 0) {
        t->ended = true;
        return true;
    }
    gp_str octets = { piece, (size_t)got };
    if (!t->tls) return gp_lines_add(&t->in, octets) == octets.len || said_too_much(t);
    return decrypt(t, octets);
}

bool talk_take(struct talk *t, int64_t until)
{
    size_t before = unread(t);
    if (t->tls && gp_tls_plain(t->tls).len > 0 && take_plain(t)) return true;
    while (talk_works(t) && !t->ended && unread(t) == before)
        if (talk_wait(t, POLLIN, until) == 0 || !receive(t)) return false;
    return unread(t) > before;
}

gp_str talk_pending(struct talk *t, unsigned milliseconds)
{
    int64_t until = talk_now() + (int64_t)milliseconds * MILLI;
    if (talk_works(t) && unread(t) == 0) (void)talk_take(t, until);
    return gp_lines_rest(&t->in);
}

/* ---- writing -------------------------------------------------------------------------------------------------------------- */
/* Sends what goes at once, or waits until more may; meanwhile it reads. false: broken. */
static bool send_some(struct talk *t, gp_str octets, int64_t until, size_t *sent)
{
    ssize_t n = send(t->fd, octets.ptr, octets.len, MSG_NOSIGNAL);
    *sent     = n > 0 ? (size_t)n : 0;
    if (n > 0) return true;
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        return talk_fail(t, TALK_HUNG_UP, "the connection broke", strerror(errno));
    int events = talk_wait(t, (short)(POLLOUT | (has_room(t) && !t->ended ? POLLIN : 0)), until);
    if (events == 0) return talk_fail(t, TALK_LATE, "the server does not read what it is sent", NULL);
    return !(events & POLLIN) || receive(t);
}

static bool push(struct talk *t, gp_str octets)
{
    int64_t until = deadline(t);
    for (size_t sent; octets.len > 0; octets = gp_tail(octets, sent))
        if (!send_some(t, octets, until, &sent)) return false;
    return true;
}

/* Reading in between may put more behind it, elsewhere in memory: so it is asked for anew each time. */
static bool flush(struct talk *t)
{
    int64_t until = deadline(t);
    for (size_t sent; gp_tls_wire(t->tls).len > 0; gp_tls_sent(t->tls, sent))
        if (!send_some(t, gp_tls_wire(t->tls), until, &sent)) return false;
    return true;
}

bool talk_put(struct talk *t, gp_str octets)
{
    if (!talk_works(t)) return false;
    if (!t->tls) return push(t, octets);
    while (octets.len > 0) {
        gp_str piece = gp_head(octets, PIECE);
        if (gp_tls_write(t->tls, piece) != GP_OK) return tls_broke(t);
        if (!flush(t)) return false;
        octets = gp_tail(octets, piece.len);
    }
    return flush(t);
}

/* ---- the handshake ---------------------------------------------------------------------------------------------------------- */
struct gp_tls_context *talk_tls_context(const struct talk_plan *p, const char **why)
{
    enum { PEM_MOST = 4 * 1024 * 1024 };
    struct gp_buffer both = { 0 };
    gp_str           own  = p->ca_pem.ptr ? p->ca_pem : p->pinned_pem;
    bool             two  = p->ca_pem.ptr && p->pinned_pem.ptr;
    if (two && (!gp_buffer_add(&both, p->ca_pem, PEM_MOST) || !gp_buffer_add(&both, p->pinned_pem, PEM_MOST))) {
        gp_buffer_free(&both);
        *why = "no memory";
        return NULL;
    }
    struct gp_tls_trust    trust = { .ca_pem = two ? gp_buffer_all(&both) : own, .verify = !p->no_verify };
    struct gp_tls_wish     wish  = { .oldest    = p->oldest,
                                     .newest    = p->newest,
                                     .ciphers   = p->ciphers,
                                     .weak      = p->weak,
                                     .pinned    = p->pinned_pem.ptr != NULL,
                                     .chain_pem = p->chain_pem,
                                     .key_pem   = p->key_pem };
    struct gp_tls_context *x     = gp_tls_client_context(&trust, why);
    gp_buffer_free(&both);
    if (x && gp_tls_adjust(x, &wish, why)) return x;
    if (x) gp_tls_context_close(x);
    return NULL;
}

static bool prepare(struct talk *t)
{
    const char *why  = "";
    gp_str      name = gp_from(t->plan->expect ? t->plan->expect : t->plan->host);
    t->context       = talk_tls_context(t->plan, &why);
    if (!t->context) return talk_fail(t, TALK_BAD_SETTINGS, "TLS", why);
    t->tls = gp_tls_connect(t->context, name);
    if (!t->tls) return talk_fail(t, TALK_BAD_SETTINGS, "TLS", "no memory, or the server's name cannot be one");
    if (t->plan->server_name && !gp_tls_say_name(t->tls, gp_from(t->plan->server_name)))
        return talk_fail(t, TALK_BAD_SETTINGS, "TLS", "the name to ask the server for cannot be one");
    if (t->plan->resume && !gp_tls_resume(t->tls, t->plan->resume))
        return talk_fail(t, TALK_BAD_SETTINGS, "TLS", "the session cannot be resumed");
    return true;
}

static bool shake(struct talk *t, int64_t until)
{
    gp_status status = gp_tls_handshake(t->tls);
    while (status == GP_WAIT) {
        if (!flush(t)) return false;
        int events = talk_wait(t, POLLIN, until);
        if (events == 0) return talk_fail(t, TALK_LATE, "TLS", "the server does not shake hands");
        if (!receive(t)) return false;
        if (t->ended) return talk_fail(t, TALK_BAD_TLS, "TLS", "the server hung up in the handshake");
        status = gp_tls_shaken(t->tls) ? GP_OK : gp_tls_handshake(t->tls);
    }
    if (status == GP_OK) return flush(t);
    (void)flush(t); /* the alert: the server's log should say what was wrong */
    return tls_broke(t);
}

bool talk_handshake(struct talk *t)
{
    char agreed[128];
    if (!talk_works(t) || t->tls || !prepare(t)) return false;
    if (!shake(t, deadline(t))) return false;
    struct gp_text text = { .ptr = agreed, .room = sizeof agreed - 1 };
    gp_put_z(&text, gp_tls_version(t->tls));
    gp_put_char(&text, ' ');
    gp_put_z(&text, gp_tls_cipher(t->tls));
    gp_put_z(&text, t->plan->no_verify ? ", the certificate was not verified" : ", the certificate is good");
    agreed[text.len] = '\0';
    talk_notes(t, "TLS", agreed);
    return true;
}
