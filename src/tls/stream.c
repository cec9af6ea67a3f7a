/* One connection. States: SHAKING, SHAKEN, BROKEN (for good; gp_tls_why says why).
 *
 * Decrypted bytes stand in one room per thread that all connections share, so that an idle connection holds none and a
 * busy one allocates none: who read last holds the room; when another reads, what is left there moves to its buffer. */
#include "tls/internal.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

enum { PLAIN_MOST = 64 * 1024, RECORD_MOST = 16 * 1024, NAME_MOST = 255 };
enum { HANDSHAKES_FREE = 32, PLAIN_PER_HANDSHAKE = 32 * 1024 };

static _Thread_local struct {
    struct gp_tls *holder;
    size_t         start, len;
    char           bytes[PLAIN_MOST + RECORD_MOST];
} plain;

static gp_status broken(struct gp_tls *t, const char *why)
{
    if (t->state == TLS_BROKEN) return GP_PERMFAIL;
    unsigned long error  = ERR_peek_error();
    long          verify = SSL_get_verify_result(t->ssl);
    if (!t->why && t->context->verify && verify != X509_V_OK) t->why = X509_verify_cert_error_string(verify);
    if (!t->why && error) t->why = ERR_reason_error_string(error);
    if (!t->why) t->why = why;
    t->state = TLS_BROKEN;
    ERR_clear_error();
    return GP_PERMFAIL;
}

/* ---- the shared room ---------------------------------------------------------------------------------------------- */
static void leave_room(void)
{
    gp_wipe(plain.bytes + plain.start, plain.len);
    plain.holder = NULL;
    plain.start = plain.len = 0;
}

/* false: no memory for what the one before had there; that one is then broken, not this one. */
static void enter_room(struct gp_tls *t)
{
    if (plain.holder == t) return;
    struct gp_tls *before = plain.holder;
    gp_str         left   = { plain.bytes + plain.start, plain.len };
    if (before && left.len && !gp_buffer_add(&before->kept, left, sizeof plain.bytes)) broken(before, "no memory");
    leave_room();
    gp_str mine  = gp_buffer_all(&t->kept);
    plain.holder = t;
    plain.len    = mine.len;
    if (mine.len) memcpy(plain.bytes, mine.ptr, mine.len);
    gp_buffer_free(&t->kept);
}

static void make_room(void)
{
    if (sizeof plain.bytes - plain.start - plain.len >= RECORD_MOST) return;
    memmove(plain.bytes, plain.bytes + plain.start, plain.len);
    plain.start = 0;
}

gp_str gp_tls_plain(struct gp_tls *t)
{
    if (plain.holder != t) return gp_buffer_all(&t->kept);
    return (gp_str) { plain.bytes + plain.start, plain.len };
}

void gp_tls_took(struct gp_tls *t, size_t n)
{
    if (plain.holder != t) {
        gp_buffer_took(&t->kept, n);
        return;
    }
    if (n > plain.len) n = plain.len;
    gp_wipe(plain.bytes + plain.start, n); /* passwords pass here */
    plain.start += n;
    plain.len -= n;
    if (plain.len == 0) leave_room();
}

/* ---- opening and closing ------------------------------------------------------------------------------------------ */
static struct gp_tls *stream_open(struct gp_tls_context *x)
{
    struct gp_tls *t   = calloc(1, sizeof *t);
    SSL           *ssl = t ? SSL_new(x->ssl) : NULL;
    BIO           *bio = ssl ? wire_bio(t) : NULL;
    if (!bio) {
        SSL_free(ssl);
        free(t);
        ERR_clear_error();
        return NULL;
    }
    SSL_set_bio(ssl, bio, bio);
    t->ssl     = ssl;
    t->context = x;
    x->uses++;
    return t;
}

struct gp_tls *gp_tls_accept(struct gp_tls_context *x)
{
    struct gp_tls *t = stream_open(x);
    if (t) SSL_set_accept_state(t->ssl);
    return t;
}

/* RFC 9525: a host name or an address must stand in the certificate; RFC 6066 3: only a host name goes out as SNI. */
static bool expect_peer(struct gp_tls *t, gp_str name)
{
    char z[NAME_MOST + 1];
    if (gp_ends(name, ".")) name.len--;
    if (name.len == 0) return !t->context->verify;
    if (!gp_copy_z(name, z, sizeof z)) return false;
    X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (X509_VERIFY_PARAM_set1_ip_asc(param, z)) return true;
    ERR_clear_error();
    return SSL_set1_host(t->ssl, z) && SSL_set_tlsext_host_name(t->ssl, z);
}

struct gp_tls *gp_tls_connect(struct gp_tls_context *x, gp_str name)
{
    struct gp_tls *t = stream_open(x);
    if (!t) return NULL;
    SSL_set_connect_state(t->ssl);
    if (expect_peer(t, name)) return t;
    gp_tls_close(t);
    return NULL;
}

void gp_tls_close(struct gp_tls *t)
{
    if (!t) return;
    if (t->question) { /* a paused handshake must run to its end, or its stack is lost */
        gp_tls_answer(t, GP_NONE);
        keyless_handshake(t);
    }
    if (plain.holder == t) leave_room();
    SSL_free(t->ssl);
    gp_buffer_free(&t->wire);
    gp_buffer_free(&t->kept);
    context_release(t->context);
    ERR_clear_error();
    free(t);
}

/* ---- hands are shaken --------------------------------------------------------------------------------------------- */
gp_status gp_tls_handshake(struct gp_tls *t)
{
    if (t->state == TLS_BROKEN) return GP_PERMFAIL;
    if (t->state == TLS_SHAKEN) return GP_OK;
    if (t->question && !t->question->answered) return GP_WAIT;
    ERR_clear_error();
    t->crowded = false;
    int result = keyless_handshake(t);
    if (result == 1) {
        SSL_clear_mode(t->ssl, SSL_MODE_ASYNC); /* records need no stack of their own */
        t->state = TLS_SHAKEN;
        return GP_OK;
    }
    switch (SSL_get_error(t->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_ASYNC: return GP_WAIT;
    case SSL_ERROR_WANT_ASYNC_JOB: t->crowded = true; return GP_WAIT;
    default: return broken(t, "the handshake failed");
    }
}

bool gp_tls_crowded(const struct gp_tls *t)
{
    return t->crowded;
}

bool gp_tls_asks(const struct gp_tls *t, struct gp_tls_sign *out)
{
    if (!t->question || t->question->answered) return false;
    *out = t->question->ask;
    return true;
}

void gp_tls_answer(struct gp_tls *t, gp_str signature)
{
    struct question *q = t->question;
    if (!q || q->answered) return;
    q->answered = true;
    if (signature.len == 0 || signature.len > sizeof q->signature) return;
    memcpy(q->signature, signature.ptr, signature.len);
    q->signature_len = signature.len;
}

/* ---- messages of the handshake protocol, once hands are shaken ---------------------------------------------------------- */
/* Each can be answered by OpenSSL itself: a key update with another one (RFC 8446 4.6.3), a wish to negotiate anew with an
 * alert. A peer that sends nothing else would have work and memory of ours for as long as it likes. */
void stream_saw_message(int sent, int version, int type, const void *bytes, size_t len, SSL *ssl, void *unused)
{
    (void)version, (void)unused;
    struct gp_tls *t = wire_owner(ssl);
    if (sent || !t || t->state != TLS_SHAKEN || len == 0) return;
    bool refused = type == SSL3_RT_HEADER && *(const unsigned char *)bytes == SSL3_RT_HANDSHAKE; /* TLS 1.2: unread */
    if (refused || type == SSL3_RT_HANDSHAKE) t->handshakes++;
}

static bool shakes_too_much(const struct gp_tls *t)
{
    return t->handshakes > HANDSHAKES_FREE + t->received / PLAIN_PER_HANDSHAKE;
}

/* ---- bytes ---------------------------------------------------------------------------------------------------------- */
/* false: nothing more comes out of what was fed. */
static bool read_record(struct gp_tls *t)
{
    size_t got = 0;
    enter_room(t);
    make_room();
    ERR_clear_error();
    int result = SSL_read_ex(t->ssl, plain.bytes + plain.start + plain.len, RECORD_MOST, &got);
    plain.len += got;
    t->received += got;
    if (plain.len == 0) leave_room();
    if (shakes_too_much(t)) {
        broken(t, "too many handshake messages");
        return false;
    }
    if (result == 1) return true;
    int error = SSL_get_error(t->ssl, result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_ZERO_RETURN) broken(t, "a broken record");
    return false;
}

gp_status gp_tls_feed(struct gp_tls *t, gp_str cipher, size_t *taken)
{
    t->cipher = cipher;
    if (t->state == TLS_SHAKING) (void)!gp_tls_handshake(t);
    while (t->state == TLS_SHAKEN && (t->cipher.len || SSL_pending(t->ssl)) && gp_tls_plain(t).len < PLAIN_MOST)
        if (!read_record(t)) break;
    if (gp_tls_ended(t) || t->state == TLS_BROKEN) t->cipher = GP_NONE; /* what follows is nobody's */
    *taken    = cipher.len - t->cipher.len;
    t->cipher = GP_NONE;
    if (t->state == TLS_BROKEN) return GP_PERMFAIL;
    return t->state == TLS_SHAKEN ? GP_OK : GP_WAIT;
}

gp_status gp_tls_write(struct gp_tls *t, gp_str bytes)
{
    size_t written = 0;
    if (t->state == TLS_BROKEN) return GP_PERMFAIL;
    if (t->state == TLS_SHAKING) return GP_WAIT;
    if (bytes.len == 0) return GP_OK;
    ERR_clear_error();
    if (SSL_write_ex(t->ssl, bytes.ptr, bytes.len, &written) == 1 && written == bytes.len) return GP_OK;
    return broken(t, "cannot be written to");
}

gp_str gp_tls_wire(const struct gp_tls *t)
{
    return gp_buffer_all(&t->wire);
}

void gp_tls_sent(struct gp_tls *t, size_t n)
{
    gp_buffer_took(&t->wire, n);
}

bool gp_tls_ended(const struct gp_tls *t)
{
    return SSL_get_shutdown(t->ssl) & SSL_RECEIVED_SHUTDOWN;
}

gp_status gp_tls_end(struct gp_tls *t)
{
    if (t->state == TLS_BROKEN) return GP_PERMFAIL;
    if (t->state == TLS_SHAKING) return GP_WAIT; /* there is nothing to close yet */
    ERR_clear_error();
    if (SSL_shutdown(t->ssl) >= 0) return GP_OK;
    return broken(t, "cannot be closed");
}

const char *gp_tls_why(const struct gp_tls *t)
{
    return t->why ? t->why : "";
}
