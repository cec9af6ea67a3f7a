/* Client certificates: who vouches for them, and what one of them says. Whose account that is, is another question. */
#include "vault/parts.h"

void external_ca(struct peer *peer, struct msg *m)
{
    struct vault *v   = peer->vault;
    gp_str        pem = m->client_ca.present ? descriptor_read(m->fds[0], GP_PEER_TRUSTED_MOST) : GP_NONE;
    if (m->client_ca.present && !gp_certificate_any(pem)) { /* those before stay: a slip must not lock everybody out */
        LOG(LOG_ERROR, "tls", LOG_Z("file", v->config->client_ca_file), LOG_Z("key", "tls.client_ca_file"),
            LOG_Z("reason", "holds no certificate in PEM, cannot be read, or is over 1 MiB"));
        file_free(pem);
        return;
    }
    file_free(v->client_ca);
    v->client_ca = pem;
}

bool external_peer(const struct signin *s, struct gp_certificate_peer *out)
{
    gp_str trusted = s->peer->vault->client_ca;
    return gp_certificate_peer(s->chain, trusted.ptr ? trusted : GP_LIT(""), wall_now(), out);
}
