/* Certificates without their private keys: an EVP_PKEY with the public key whose private operation stops the handshake.
 *
 * OpenSSL calls the methods below in the middle of SSL_do_handshake and wants the signature at once. The handshake runs
 * in an OpenSSL job (a stack of its own), so the method can leave its question in the connection and pause the job;
 * SSL_do_handshake returns SSL_ERROR_WANT_ASYNC, and when it is called again after the answer, goes on where it was.
 * Providers refuse keys with foreign methods, so OpenSSL 3 takes its older path, which calls them. */
#define OPENSSL_API_COMPAT                                                                                             \
    0x10100000L /* RSA_METHOD and EC_KEY_METHOD are deprecated without a replacement but providers */
#include "tls/internal.h"

#include <openssl/async.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <string.h>

enum { FAILED = -1 };

static _Thread_local struct gp_tls *shaking; /* whose handshake runs now */

static pthread_once_t methods_once = PTHREAD_ONCE_INIT;
static RSA_METHOD    *rsa_method;
static EC_KEY_METHOD *ec_method;
static int            rsa_index, ec_index; /* where a key holds its certificate's index, plus one */

/* Octets of the signature, 0: refused. */
static size_t ask(uintptr_t certificate, enum gp_sign how, gp_str data, uint8_t *out, size_t room)
{
    struct gp_tls  *t = shaking;
    struct question q = {
        .ask = {.certificate = certificate - 1, .how = how, .data = data}
    };
    if (!t || !certificate || !ASYNC_get_current_job()) return 0;
    t->question = &q;
    while (!q.answered)
        if (!ASYNC_pause_job()) break;
    t->question = NULL;
    if (q.signature_len == 0 || q.signature_len > room) {
        t->why = "the signature was refused";
        return 0;
    }
    memcpy(out, q.signature, q.signature_len);
    t->proved = true;
    return q.signature_len;
}

/* ---- RSA -------------------------------------------------------------------------------------------------------- */
/* For PSS (TLS 1.3, and 1.2 with most clients) OpenSSL has made the padding itself. */
static int rsa_private(int len, const unsigned char *data, unsigned char *out, RSA *rsa, int padding)
{
    enum gp_sign how = padding == RSA_NO_PADDING ? GP_SIGN_RSA_RAW : GP_SIGN_RSA_PKCS1;
    if (padding != RSA_NO_PADDING && padding != RSA_PKCS1_PADDING) return FAILED;
    uintptr_t certificate = (uintptr_t)RSA_get_ex_data(rsa, rsa_index);
    size_t    room        = (size_t)RSA_size(rsa);
    size_t    got         = ask(certificate, how, (gp_str) { (const char *)data, (size_t)len }, out, room);
    return got == room ? (int)got : FAILED;
}

static EVP_PKEY *rsa_key(const RSA *public, size_t index)
{
    RSA      *rsa = RSAPublicKey_dup(public);
    EVP_PKEY *key = EVP_PKEY_new();
    if (rsa && key && RSA_set_method(rsa, rsa_method) && RSA_set_ex_data(rsa, rsa_index, (void *)(index + 1)) &&
        EVP_PKEY_assign_RSA(key, rsa))
        return key;
    RSA_free(rsa);
    EVP_PKEY_free(key);
    return NULL;
}

/* ---- EC --------------------------------------------------------------------------------------------------------- */
static int ec_sign(int type, const unsigned char *digest, int len, unsigned char *sig, unsigned int *siglen,
                   const BIGNUM *kinv, const BIGNUM *r, EC_KEY *ec)
{
    (void)type, (void)kinv, (void)r;
    uintptr_t certificate = (uintptr_t)EC_KEY_get_ex_data(ec, ec_index);
    size_t    room        = (size_t)ECDSA_size(ec);
    size_t    got         = ask(certificate, GP_SIGN_ECDSA, (gp_str) { (const char *)digest, (size_t)len }, sig, room);
    *siglen               = (unsigned)got;
    return got > 0;
}

static EVP_PKEY *ec_key(const EC_KEY *public, size_t index)
{
    EC_KEY   *ec  = EC_KEY_dup(public);
    EVP_PKEY *key = EVP_PKEY_new();
    if (ec && key && EC_KEY_set_method(ec, ec_method) && EC_KEY_set_ex_data(ec, ec_index, (void *)(index + 1)) &&
        EVP_PKEY_assign_EC_KEY(key, ec))
        return key;
    EC_KEY_free(ec);
    EVP_PKEY_free(key);
    return NULL;
}

/* ---- both ------------------------------------------------------------------------------------------------------- */
static void make_methods(void)
{
    rsa_index  = RSA_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    ec_index   = EC_KEY_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    rsa_method = RSA_meth_dup(RSA_get_default_method());
    ec_method  = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
    if (rsa_method) RSA_meth_set_priv_enc(rsa_method, rsa_private);
    if (ec_method) EC_KEY_METHOD_set_sign(ec_method, ec_sign, NULL, NULL);
}

EVP_PKEY *keyless_key(X509 *leaf, size_t index)
{
    EVP_PKEY *public = X509_get0_pubkey(leaf);
    pthread_once(&methods_once, make_methods);
    if (!public || !rsa_method || !ec_method || rsa_index < 0 || ec_index < 0) return NULL;
    switch (EVP_PKEY_base_id(public)) {
    case EVP_PKEY_RSA: return rsa_key(EVP_PKEY_get0_RSA(public), index);
    case EVP_PKEY_EC: return ec_key(EVP_PKEY_get0_EC_KEY(public), index);
    default: return NULL;
    }
}

/* A job's stack is 32 KiB and goes back to a pool, so the most that ever waited at once is what stays allocated. */
static void bound_jobs(void)
{
    static _Thread_local bool bounded;
    if (!bounded) bounded = ASYNC_init_thread(GP_TLS_WAITING_MOST, 0);
}

int keyless_handshake(struct gp_tls *t)
{
    bound_jobs();
    shaking    = t;
    int result = SSL_do_handshake(t->ssl);
    shaking    = NULL;
    return result;
}
