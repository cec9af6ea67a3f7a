/* Session tickets (RFC 5077, RFC 8446 4.6.1) under keys that the host shares between processes and renews. */
#include "tls/internal.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

enum { NAME_LEN = 16, AES_KEY_LEN = 16, MAC_KEY_LEN = 16, IV_LEN = 16 };
enum { REFUSED = 0, TAKEN = 1, TAKEN_RENEW = 2, FAILED = -1 }; /* what OpenSSL's callback may return */

static bool set_mac(EVP_MAC_CTX *mac, const uint8_t *key)
{
    char       hash[]   = "SHA256";
    OSSL_PARAM params[] = { OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)key, MAC_KEY_LEN),
                            OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, hash, 0),
                            OSSL_PARAM_construct_end() };
    return EVP_MAC_CTX_set_params(mac, params);
}

/* Looked for once: OpenSSL 3 looks anew for what stands behind EVP_aes_128_cbc() each time. */
static pthread_once_t cipher_once = PTHREAD_ONCE_INIT;
static EVP_CIPHER    *aes_128_cbc;

static void fetch_cipher(void)
{
    aes_128_cbc = EVP_CIPHER_fetch(NULL, "AES-128-CBC", NULL);
}

static bool set_keys(const uint8_t *key, const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypt)
{
    pthread_once(&cipher_once, fetch_cipher);
    return EVP_CipherInit_ex(cipher, aes_128_cbc, NULL, key + NAME_LEN, iv, encrypt) &&
           set_mac(mac, key + NAME_LEN + AES_KEY_LEN);
}

int ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypt)
{
    const struct gp_tls_context *x = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    if (x->ticket_count == 0) return REFUSED;
    if (encrypt && SSL_get0_peer_certificate(ssl)) return REFUSED; /* see gp_tls_ask_peer */
    if (encrypt) {
        gp_random(iv, IV_LEN);
        memcpy(name, x->tickets[0], NAME_LEN);
        return set_keys(x->tickets[0], iv, cipher, mac, encrypt) ? TAKEN : FAILED;
    }
    for (size_t i = 0; i < x->ticket_count; i++) {
        if (memcmp(name, x->tickets[i], NAME_LEN) != 0) continue;
        if (!set_keys(x->tickets[i], iv, cipher, mac, encrypt)) return FAILED;
        return i == 0 ? TAKEN : TAKEN_RENEW;
    }
    return REFUSED;
}

/* A resumed session sends no certificate, and by then the server may have another one: tls-server-end-point is of the one
 * that the client has seen, so its digest travels in the ticket. */
int ticket_remember(SSL *ssl, void *nothing)
{
    enum { GO_ON = 1 };
    uint8_t digest[GP_DIGEST_MOST];
    size_t  len = end_point_of(ssl, digest);
    (void)nothing;
    if (len) (void)SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), digest, len);
    return GO_ON;
}

bool gp_tls_set_tickets(struct gp_tls_context *x, gp_str keys)
{
    if (keys.len % GP_TLS_TICKET_KEY != 0 || keys.len > sizeof x->tickets) return false;
    gp_wipe(x->tickets, sizeof x->tickets);
    if (keys.len) memcpy(x->tickets, keys.ptr, keys.len);
    x->ticket_count = keys.len / GP_TLS_TICKET_KEY;
    if (x->ticket_count)
        SSL_CTX_clear_options(x->ssl, SSL_OP_NO_TICKET);
    else
        SSL_CTX_set_options(x->ssl, SSL_OP_NO_TICKET);
    return SSL_CTX_set_num_tickets(x->ssl, x->ticket_count ? 1 : 0);
}
