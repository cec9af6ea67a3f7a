/* What a client may ask for beyond the usual: other versions, a name of its own choice, a certificate, a session to resume. */
#include "tls/internal.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

enum { SECURITY_NONE = 0, SNI_MOST = 255 };

static bool refuse(const char **why, const char *what)
{
    ERR_clear_error();
    *why = what;
    return false;
}

/* ---- settings of a context -------------------------------------------------------------------------------------------- */
static BIO *over(gp_str text)
{
    return text.len <= INT32_MAX ? BIO_new_mem_buf(text.ptr, (int)text.len) : NULL;
}

/* No pass phrase is asked for: what needs one is a key that cannot be read. */
static int no_phrase(char *out, int room, int writing, void *owner)
{
    (void)out, (void)room, (void)writing, (void)owner;
    return -1;
}

static bool use_certificate(SSL_CTX *ssl, gp_str chain_pem, gp_str key_pem, const char **why)
{
    BIO      *chain = over(chain_pem), *secret = over(key_pem);
    X509     *leaf = chain ? PEM_read_bio_X509_AUX(chain, NULL, no_phrase, NULL) : NULL;
    EVP_PKEY *key  = secret ? PEM_read_bio_PrivateKey(secret, NULL, no_phrase, NULL) : NULL;
    *why           = !leaf  ? "holds no certificate"
                     : !key ? "its key cannot be read (one with a pass phrase cannot be used)"
                            : NULL;
    if (!*why && SSL_CTX_use_cert_and_key(ssl, leaf, key, NULL, 1) != 1)
        *why = "certificate and key do not fit, or are too weak";
    for (X509 *next; !*why && (next = PEM_read_bio_X509(chain, NULL, no_phrase, NULL));)
        if (!SSL_CTX_add0_chain_cert(ssl, next)) X509_free(next);
    X509_free(leaf);
    EVP_PKEY_free(key);
    BIO_free(chain);
    BIO_free(secret);
    ERR_clear_error();
    return !*why;
}

bool gp_tls_adjust(struct gp_tls_context *x, const struct gp_tls_wish *wish, const char **why)
{
    if (wish->weak) SSL_CTX_set_security_level(x->ssl, SECURITY_NONE);
    if (wish->oldest && !SSL_CTX_set_min_proto_version(x->ssl, wish->oldest))
        return refuse(why, "no such version of TLS");
    if (wish->newest && !SSL_CTX_set_max_proto_version(x->ssl, wish->newest))
        return refuse(why, "no such version of TLS");
    if (wish->ciphers && !SSL_CTX_set_cipher_list(x->ssl, wish->ciphers)) return refuse(why, "no such cipher");
    if (wish->pinned && !X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(x->ssl), X509_V_FLAG_PARTIAL_CHAIN))
        return refuse(why, "no memory");
    return !wish->chain_pem.ptr || use_certificate(x->ssl, wish->chain_pem, wish->key_pem, why);
}

/* ---- one connection ---------------------------------------------------------------------------------------------------- */
bool gp_tls_say_name(struct gp_tls *t, gp_str name)
{
    char z[SNI_MOST + 1];
    if (name.len == 0) return SSL_set_tlsext_host_name(t->ssl, NULL);
    return gp_copy_z(name, z, sizeof z) && SSL_set_tlsext_host_name(t->ssl, z);
}

void gp_tls_server_chain(const struct gp_tls *t, struct gp_text *der)
{
    STACK_OF(X509) *chain = t->state == TLS_SHAKEN && !SSL_is_server(t->ssl) ? SSL_get_peer_cert_chain(t->ssl) : NULL;
    for (int i = 0; i < sk_X509_num(chain); i++) {
        unsigned char *octets = NULL;
        int            len    = i2d_X509(sk_X509_value(chain, i), &octets);
        if (len > 0) gp_put(der, (gp_str) { (const char *)octets, (size_t)len });
        OPENSSL_free(octets);
    }
    ERR_clear_error();
}

/* ---- sessions ------------------------------------------------------------------------------------------------------------ */
/* OpenSSL takes a session for spoilt when a connection of it ends without close_notify: so what is kept, and what is resumed, is
 * a copy that no connection spoils for the others. */
struct gp_tls_session *gp_tls_keep(struct gp_tls *t)
{
    const SSL_SESSION *now  = t->state == TLS_SHAKEN ? SSL_get0_session(t->ssl) : NULL;
    SSL_SESSION       *copy = now && SSL_SESSION_is_resumable(now) ? SSL_SESSION_dup(now) : NULL;
    return (struct gp_tls_session *)copy;
}

bool gp_tls_resume(struct gp_tls *t, struct gp_tls_session *session)
{
    SSL_SESSION *copy = SSL_SESSION_dup((SSL_SESSION *)session);
    bool         set  = copy && SSL_set_session(t->ssl, copy) == 1;
    SSL_SESSION_free(copy);
    return set;
}

void gp_tls_session_close(struct gp_tls_session *session)
{
    SSL_SESSION_free((SSL_SESSION *)session);
}
