/* OpenSSL's end of the wire: reads come from the span that feed() was given, writes go to the connection's buffer. */
#include "tls/internal.h"

#include <openssl/bio.h>
#include <pthread.h>
#include <string.h>

enum { WIRE_MOST = 4 * 1024 * 1024 };

static pthread_once_t method_once = PTHREAD_ONCE_INIT;
static BIO_METHOD    *method;

static int wire_read(BIO *bio, char *out, size_t room, size_t *len)
{
    struct gp_tls *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    *len = t->cipher.len < room ? t->cipher.len : room;
    if (*len == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    memcpy(out, t->cipher.ptr, *len);
    t->cipher = gp_tail(t->cipher, *len);
    return 1;
}

static int wire_write(BIO *bio, const char *bytes, size_t len, size_t *written)
{
    struct gp_tls *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    *written = 0;
    if (!gp_buffer_add(&t->wire, (gp_str) { bytes, len }, WIRE_MOST)) {
        t->why = "no memory";
        return 0;
    }
    *written = len;
    return 1;
}

static long wire_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH; /* OpenSSL flushes after each flight */
}

static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "gatepost wire");
    if (!method) return;
    BIO_meth_set_read_ex(method, wire_read);
    BIO_meth_set_write_ex(method, wire_write);
    BIO_meth_set_ctrl(method, wire_control);
}

BIO *wire_bio(struct gp_tls *t)
{
    pthread_once(&method_once, make_method);
    BIO *bio = method ? BIO_new(method) : NULL;
    if (!bio) return NULL;
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    return bio;
}

struct gp_tls *wire_owner(const SSL *ssl)
{
    return BIO_get_data(SSL_get_rbio(ssl));
}
