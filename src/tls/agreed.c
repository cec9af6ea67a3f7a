/* What the two ends agreed on, and the channel bindings made from it. */
#include "tls/internal.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>

enum { EXPORTER_LEN = 32, BINDING_ROOM = 64 };

bool gp_tls_shaken(const struct gp_tls *t)
{
    return t->state == TLS_SHAKEN;
}

const char *gp_tls_version(const struct gp_tls *t)
{
    return SSL_get_version(t->ssl);
}

const char *gp_tls_cipher(const struct gp_tls *t)
{
    return SSL_get_cipher_name(t->ssl);
}

bool gp_tls_resumed(const struct gp_tls *t)
{
    return SSL_session_reused(t->ssl);
}

/* A client signs for nothing else but its certificate. */
bool gp_tls_presented(const struct gp_tls *t)
{
    return t->state == TLS_SHAKEN && t->proved && !SSL_is_server(t->ssl);
}

gp_str gp_tls_server_name(const struct gp_tls *t)
{
    return gp_from(SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name));
}

bool gp_tls_is_nameless(const struct gp_tls *t)
{
    bool forgets = SSL_session_reused(t->ssl) && SSL_version(t->ssl) < TLS1_3_VERSION;
    return gp_tls_shaken(t) && !forgets && !gp_tls_server_name(t).ptr;
}

/* RFC 9266: the exporter with this label and no context. */
static enum gp_tls_binding exporter(struct gp_tls *t, uint8_t *out, size_t *len)
{
    static const char label[] = "EXPORTER-Channel-Binding";
    if (SSL_export_keying_material(t->ssl, out, EXPORTER_LEN, label, sizeof label - 1, NULL, 0, 0) != 1) {
        ERR_clear_error();
        return GP_TLS_NO_BINDING;
    }
    *len = EXPORTER_LEN;
    return GP_TLS_EXPORTER;
}

/* RFC 5929 3.1: the first Finished of the handshake, which is the client's in a full one and the server's in a resumed
 * one. Only with the extended master secret (RFC 7627) does it name one connection. */
static enum gp_tls_binding unique(struct gp_tls *t, uint8_t *out, size_t *len)
{
    bool first_is_ours = SSL_is_server(t->ssl) == SSL_session_reused(t->ssl);
    if (SSL_get_extms_support(t->ssl) != 1) return GP_TLS_NO_BINDING;
    *len =
        first_is_ours ? SSL_get_finished(t->ssl, out, BINDING_ROOM) : SSL_get_peer_finished(t->ssl, out, BINDING_ROOM);
    return *len > 0 && *len <= BINDING_ROOM ? GP_TLS_UNIQUE : GP_TLS_NO_BINDING;
}

enum gp_tls_binding gp_tls_binding(struct gp_tls *t, uint8_t out[static 64], size_t *len)
{
    *len = 0;
    if (t->state != TLS_SHAKEN) return GP_TLS_NO_BINDING;
    switch (SSL_version(t->ssl)) {
    case TLS1_3_VERSION: return exporter(t, out, len);
    case TLS1_2_VERSION: return unique(t, out, len);
    default: return GP_TLS_NO_BINDING;
    }
}

/* ---- tls-server-end-point ------------------------------------------------------------------------------------------- */
/* RFC 5929 4.1: the hash of the certificate's signature, SHA-256 where that is MD5 or SHA-1; undefined where it has none. */
static const EVP_MD *digest_for(X509 *certificate)
{
    int hash = NID_undef;
    if (X509_get_signature_info(certificate, &hash, NULL, NULL, NULL) != 1 || hash == NID_undef) return NULL;
    return hash == NID_md5 || hash == NID_sha1 ? EVP_sha256() : EVP_get_digestbynid(hash);
}

static size_t remembered(const SSL_SESSION *session, uint8_t *out)
{
    void  *data = NULL;
    size_t len  = 0;
    if (SSL_SESSION_get0_ticket_appdata((SSL_SESSION *)(uintptr_t)session, &data, &len) != 1 || len > BINDING_ROOM)
        return 0;
    if (len) memcpy(out, data, len);
    return len;
}

size_t end_point_digest(X509 *certificate, uint8_t out[static 64])
{
    const EVP_MD *digest = digest_for(certificate);
    unsigned      len    = 0;
    if (digest && (EVP_MD_get_size(digest) > BINDING_ROOM || X509_digest(certificate, digest, out, &len) != 1)) len = 0;
    ERR_clear_error();
    return len;
}

static size_t shown(const struct gp_tls_context *x, const X509 *leaf, uint8_t *out)
{
    for (size_t i = 0; i < x->certificate_count; i++) {
        const struct certificate *c = &x->certificates[i];
        if (c->leaf != leaf) continue;
        memcpy(out, c->end_point, c->end_point_len);
        return c->end_point_len;
    }
    return 0;
}

size_t end_point_of(SSL *ssl, uint8_t out[static 64])
{
    if (!SSL_is_server(ssl)) {
        X509 *peer = SSL_get0_peer_certificate(ssl);
        return peer ? end_point_digest(peer, out) : 0;
    }
    if (SSL_session_reused(ssl)) return remembered(SSL_get_session(ssl), out);
    return shown(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)), SSL_get_certificate(ssl), out);
}

size_t gp_tls_end_point(const struct gp_tls *t, uint8_t out[static 64])
{
    return t->state == TLS_SHAKEN ? end_point_of(t->ssl, out) : 0;
}
