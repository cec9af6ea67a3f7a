/* A client's certificate: asked for, taken from whoever it is, and handed out for somebody else to judge. */
#include "tls/internal.h"

#include <openssl/err.h>
#include <openssl/x509.h>

/* OpenSSL's question whether a chain verifies. Nothing is verified here, where roots and pinned certificates are unknown; and
 * the chain is not even built, since it is a stranger's. */
int peer_is_welcome(X509_STORE_CTX *store, void *nothing)
{
    enum { WELCOME = 1 };
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    (void)nothing;
    X509_STORE_CTX_set_error(store, X509_V_OK);
    (void)SSL_set_num_tickets(
        ssl, 0); /* TLS 1.3, where a ticket cannot be empty; TLS 1.2 gets an empty one of ticket_key() */
    return WELCOME;
}

void gp_tls_ask_peer(struct gp_tls *t)
{
    static const unsigned char resumed_by_those_who_ask[] = "gatepost asks";
    SSL_set_verify(t->ssl, SSL_VERIFY_PEER, NULL);
    SSL_set_max_cert_list(t->ssl, GP_TLS_PEER_MOST);
    (void)SSL_set_session_id_context(t->ssl, resumed_by_those_who_ask, sizeof resumed_by_those_who_ask - 1);
}

bool gp_tls_has_peer(const struct gp_tls *t)
{
    return t->state == TLS_SHAKEN && SSL_is_server(t->ssl) && SSL_get0_peer_certificate(t->ssl);
}

/* false: it is too long, or broken; then the chain ends before it. */
static bool put_der(struct gp_text *out, const X509 *certificate)
{
    unsigned char *der = NULL;
    int            len = i2d_X509(certificate, &der);
    if (len > 0) gp_put(out, (gp_str) { (const char *)der, (size_t)len });
    OPENSSL_free(der);
    ERR_clear_error();
    return len > 0 && !out->cut;
}

void gp_tls_peer_chain(const struct gp_tls *t, struct gp_text *der)
{
    if (!gp_tls_has_peer(t) || !put_der(der, SSL_get0_peer_certificate(t->ssl))) return;
    STACK_OF(X509) *others = SSL_get_peer_cert_chain(t->ssl); /* of a client: without its own */
    for (int i = 0; i < sk_X509_num(others) && i + 1 < GP_TLS_PEERS_MOST; i++)
        if (!put_der(der, sk_X509_value(others, i))) return;
}
