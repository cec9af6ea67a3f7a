/* What the two ends agreed on, and the channel bindings made from it. */
#include "tls/internal.h"

#include <openssl/err.h>

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

gp_str gp_tls_server_name(const struct gp_tls *t)
{
    return gp_from(SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name));
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
