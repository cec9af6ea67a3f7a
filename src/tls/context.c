/* Contexts: what all connections of a server or a client share. */
#include "tls/internal.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

/* RFC 9325 4.2: forward secrecy and AEAD only; TLS 1.3 has nothing else. */
static const char ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
static const char groups[]  = "X25519:P-256:P-384";
/* RFC 8446 9.1: the one that all must have comes first. Its key schedule runs on SHA-256, for which processors have instructions. */
static const char suites[]  = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

enum { SECURITY_OPPORTUNISTIC = 1 }; /* OpenSSL's level; the system's default (2) where somebody is verified */

static bool settle(SSL_CTX *ssl)
{
    /* RFC 9325 3.3, 3.5: no compression, no renegotiation. Early data stay off: OpenSSL wants to be asked for them. */
    SSL_CTX_set_options(ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                 SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_TICKET |
                                 SSL_OP_CLEANSE_PLAINTEXT); /* passwords come in records, too */
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_read_ahead(ssl, 0);
    SSL_CTX_set_msg_callback(ssl, stream_saw_message);
    return SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) && SSL_CTX_set_cipher_list(ssl, ciphers) &&
           SSL_CTX_set_ciphersuites(ssl, suites) && SSL_CTX_set1_groups_list(ssl, groups);
}

static struct gp_tls_context *context_open(const SSL_METHOD *method, size_t certificates)
{
    struct gp_tls_context *x = calloc(1, sizeof *x + certificates * sizeof x->certificates[0]);
    if (!x) return NULL;
    x->uses = 1;
    x->ssl  = SSL_CTX_new(method);
    if (x->ssl && settle(x->ssl)) {
        SSL_CTX_set_app_data(x->ssl, x);
        return x;
    }
    context_release(x);
    return NULL;
}

void context_release(struct gp_tls_context *x)
{
    if (!x || --x->uses > 0) return;
    for (size_t i = 0; i < x->certificate_count; i++) certificate_close(&x->certificates[i]);
    gp_wipe(x->tickets, sizeof x->tickets);
    SSL_CTX_free(x->ssl);
    free(x);
}

void gp_tls_context_close(struct gp_tls_context *x)
{
    context_release(x);
}

/* Its private operations ask: see keyless.c. */
static bool show(struct gp_tls_context *x, const struct certificate *c)
{
    SSL_CTX_set_mode(x->ssl, SSL_MODE_ASYNC);
    return SSL_CTX_use_cert_and_key(x->ssl, c->leaf, c->key, c->chain, 1) == 1;
}

/* ---- servers ---------------------------------------------------------------------------------------------------- */
static struct gp_tls_context *refuse(struct gp_tls_context *x, const char *why, const char **out)
{
    context_release(x);
    ERR_clear_error();
    *out = why;
    return NULL;
}

static const char *say_which(size_t index, const char *what)
{
    static _Thread_local char text[128];
    struct gp_text            t = { .ptr = text, .room = sizeof text - 1 };
    gp_put_z(&t, "certificate ");
    gp_put_number(&t, (int64_t)index);
    gp_put_z(&t, ": ");
    gp_put_z(&t, what);
    text[t.len] = '\0';
    return text;
}

/* NULL: the certificate stands in the context, and OpenSSL would use it. One connection that is never used finds out: it is
 * clients that choose among several, and a weak one must not wait for the client that chooses it. */
static const char *take_certificate(struct gp_tls_context *x, gp_str chain_pem)
{
    const char         *why;
    size_t              i = x->certificate_count++;
    struct certificate *c = &x->certificates[i];
    if (!certificate_open(c, chain_pem, i, &why)) return why;
    SSL *trial = SSL_new(x->ssl);
    if (!trial) return "no memory";
    bool fit = SSL_use_cert_and_key(trial, c->leaf, c->key, c->chain, 1) == 1;
    SSL_free(trial);
    return fit ? NULL : "is too weak (RSA needs 2048 bits), or broken";
}

const char *gp_tls_certificate_fault(gp_str chain_pem)
{
    struct gp_tls_context *x   = context_open(TLS_server_method(), 1);
    const char            *why = x ? NULL : "no memory";
    if (x) why = take_certificate(x, chain_pem);
    context_release(x);
    ERR_clear_error();
    return why;
}

struct gp_tls_context *gp_tls_server_context(const struct gp_tls_certificate *certificates, size_t count,
                                             const char **why)
{
    static const unsigned char resumed_by_all[] = "gatepost"; /* any process with the ticket keys may resume */
    const char                *what             = NULL;
    if (count == 0 || count > GP_TLS_CERTIFICATES_MOST) return refuse(NULL, "between 1 and 64 certificates", why);
    struct gp_tls_context *x = context_open(TLS_server_method(), count);
    if (!x) return refuse(NULL, "no memory", why);
    for (size_t i = 0; i < count; i++) {
        what = take_certificate(x, certificates[i].chain_pem);
        if (what) return refuse(x, say_which(i, what), why);
    }
    if (!show(x, &x->certificates[0])) return refuse(x, say_which(0, "is broken"), why);
    SSL_CTX_set_cert_cb(x->ssl, certificate_choose, x);
    SSL_CTX_set_session_id_context(x->ssl, resumed_by_all, sizeof resumed_by_all - 1);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(x->ssl, ticket_key);
    SSL_CTX_set_session_ticket_cb(x->ssl, ticket_remember, NULL, NULL);
    SSL_CTX_set_cert_verify_callback(x->ssl, peer_is_welcome, NULL);
    if (!gp_tls_set_tickets(x, GP_NONE)) return refuse(x, "no memory", why);
    return x;
}

/* CBC ciphers with SHA-1 are what TLS 1.0 and 1.1 have, and signatures over MD5 and SHA-1: OpenSSL's level 0. */
bool gp_tls_allow_old(struct gp_tls_context *x, int oldest)
{
    enum { ANYTHING_GOES = 0, AS_THE_KEY = 1 };
    static const char          old_ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:DHE+AES:!aNULL:!PSK";
    static const unsigned char old_ones[]    = "gatepost, old"; /* what was begun here is not resumed elsewhere */
    SSL_CTX_set_security_level(x->ssl, ANYTHING_GOES);
    SSL_CTX_set_dh_auto(x->ssl, AS_THE_KEY);
    bool done = SSL_CTX_set_min_proto_version(x->ssl, oldest) && SSL_CTX_set_cipher_list(x->ssl, old_ciphers) &&
                SSL_CTX_set_session_id_context(x->ssl, old_ones, sizeof old_ones - 1);
    ERR_clear_error();
    return done;
}

/* ---- clients ---------------------------------------------------------------------------------------------------- */
static size_t add_roots(X509_STORE *store, gp_str pem)
{
    size_t added = 0;
    X509  *root;
    BIO   *bio = pem.len <= INT32_MAX ? BIO_new_mem_buf(pem.ptr, (int)pem.len) : NULL;
    while (bio && (root = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL))) {
        if (X509_STORE_add_cert(store, root)) added++;
        X509_free(root);
    }
    BIO_free(bio);
    ERR_clear_error();
    return added;
}

struct gp_tls_context *gp_tls_client_context(const struct gp_tls_trust *trust, const char **why)
{
    struct gp_tls_context *x = context_open(TLS_client_method(), 0);
    if (!x) return refuse(NULL, "no memory", why);
    x->verify = trust->verify;
    SSL_CTX_clear_options(x->ssl, SSL_OP_NO_TICKET);
    if (!trust->verify) { /* RFC 7435: what nobody verifies need not be strong */
        SSL_CTX_set_security_level(x->ssl, SECURITY_OPPORTUNISTIC);
        return x;
    }
    SSL_CTX_set_verify(x->ssl, SSL_VERIFY_PEER, NULL);
    if (!trust->ca_pem.ptr) {
        if (!SSL_CTX_set_default_verify_paths(x->ssl)) return refuse(x, "the system has no root certificates", why);
    } else if (add_roots(SSL_CTX_get_cert_store(x->ssl), trust->ca_pem) == 0) {
        return refuse(x, "no root certificate in the PEM text", why);
    }
    return x;
}

struct gp_tls_context *gp_tls_client_presenting(struct gp_tls_context *like, gp_str chain_pem, const char **why)
{
    struct gp_tls_context *x = context_open(TLS_client_method(), 1);
    if (!x) return refuse(NULL, "no memory", why);
    const char *what = take_certificate(x, chain_pem);
    if (!what && !show(x, &x->certificates[0])) what = "is broken";
    if (!what && !like->verify) what = "is not for servers that nobody verifies";
    if (what) return refuse(x, what, why);
    x->verify = true;
    SSL_CTX_clear_options(x->ssl, SSL_OP_NO_TICKET);
    SSL_CTX_set_verify(x->ssl, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set1_cert_store(x->ssl,
                            SSL_CTX_get_cert_store(like->ssl)); /* shared: all roots of the world are a megabyte */
    return x;
}
