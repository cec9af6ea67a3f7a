/* A server's certificates: reading them, and choosing by the name that the client asks for (SNI, RFC 6066 3). */
#include "tls/internal.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

/* ---- reading ---------------------------------------------------------------------------------------------------- */
static STACK_OF(X509) * read_chain(BIO *pem)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    X509 *next;
    while (chain && (next = PEM_read_bio_X509(pem, NULL, NULL, NULL)))
        if (!sk_X509_push(chain, next)) {
            X509_free(next);
            sk_X509_pop_free(chain, X509_free);
            return NULL;
        }
    ERR_clear_error(); /* the end of the text is an error to OpenSSL */
    return chain;
}

bool certificate_open(struct certificate *c, gp_str chain_pem, size_t index, const char **why)
{
    *why     = "no memory";
    BIO *pem = chain_pem.len <= INT32_MAX ? BIO_new_mem_buf(chain_pem.ptr, (int)chain_pem.len) : NULL;
    if (!pem) return false;
    c->leaf  = PEM_read_bio_X509_AUX(pem, NULL, NULL, NULL);
    c->chain = c->leaf ? read_chain(pem) : NULL;
    BIO_free(pem);
    if (!c->leaf) *why = "is not a PEM certificate";
    if (!c->leaf || !c->chain) return false;
    c->end_point_len = end_point_digest(c->leaf, c->end_point);
    c->key           = keyless_key(c->leaf, index);
    if (!c->key) *why = "has a key that is neither RSA nor EC";
    return c->key;
}

void certificate_close(struct certificate *c)
{
    X509_free(c->leaf);
    sk_X509_pop_free(c->chain, X509_free);
    EVP_PKEY_free(c->key);
    *c = (struct certificate) { 0 };
}

/* ---- choosing --------------------------------------------------------------------------------------------------- */
enum { NO_MATCH, USED };

/* A host may have an RSA and an EC certificate: all that match are offered, and OpenSSL takes what the client can verify. */
static int use_matching(SSL *ssl, struct gp_tls_context *x, const char *name, unsigned flags)
{
    int outcome = NO_MATCH;
    for (size_t i = 0; i < x->certificate_count; i++) {
        struct certificate *c = &x->certificates[i];
        if (X509_check_host(c->leaf, name, strlen(name), flags, NULL) != 1) continue;
        if (outcome == NO_MATCH) SSL_certs_clear(ssl);
        outcome = USED;
        if (SSL_use_cert_and_key(ssl, c->leaf, c->key, c->chain, 0) != 1)
            ERR_clear_error(); /* the first of a kind stays */
    }
    return outcome;
}

/* OpenSSL's certificate callback: 1 goes on. Certificate 0 stands in the context already, for when nothing matches. */
int certificate_choose(SSL *ssl, void *context)
{
    static const unsigned  ranks[] = { X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_WILDCARDS,
                                       X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS };
    struct gp_tls_context *x       = context;
    const char            *name    = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (!name || x->certificate_count < 2) return 1;
    for (size_t i = 0; i < GP_COUNT(ranks); i++)
        if (use_matching(ssl, x, name, ranks[i]) == USED) break;
    return 1;
}
