/* Client certificates: who vouches for them, and what one of them says. Whose account that is, is another question. */
#include "vault/parts.h"

void external_ca(struct peer *peer, struct msg *m)
{
    struct vault    *v     = peer->vault;
    gp_str           pem   = m->client_ca.present ? descriptor_read(m->fds[0], GP_PEER_TRUSTED_MOST) : GP_NONE;
    struct gp_trust *trust = pem.ptr ? gp_trust_open(pem) : NULL;
    file_free(pem);
    if (m->client_ca.present && !trust) { /* those before stay: a slip must not lock everybody out */
        LOG(LOG_ERROR, "tls", LOG_Z("file", v->config->client_ca_file), LOG_Z("key", "tls.client_ca_file"),
            LOG_Z("reason", "holds no certificate in PEM, cannot be read, or is over 1 MiB"));
        return;
    }
    gp_trust_close(v->client_trust);
    v->client_trust = trust;
}

bool external_peer(const struct signin *s, struct gp_certificate_peer *out)
{
    return gp_certificate_peer(s->chain, s->peer->vault->client_trust, wall_now(), out);
}

/* One that says who it is; a no of one subject is no reason not to try the next. */
static gp_status try_subject(struct signin *s, const char *kind, gp_str what)
{
    char           room[CREDENTIAL_SUBJECT];
    struct gp_text subject = GP_TEXT(room);
    if (what.len == 0) return GP_PERMFAIL;
    gp_put_z(&subject, kind);
    gp_put(&subject, what);
    return subject.cut ? GP_PERMFAIL : answer_subject(s, CREDENTIAL_CERTIFICATE, gp_said(&subject), answer_named(s));
}

/* Pinned by its fingerprint it needs nobody to vouch for it; by a name it does. The first that may is it. */
gp_status external_answer(struct signin *s)
{
    struct gp_certificate_peer peer;
    char                       room[2 * GP_PEER_FINGERPRINT];
    struct gp_text             hex = GP_TEXT(room);
    if (!external_peer(s, &peer)) {
        s->reason = "the client's certificate cannot be read";
        return GP_PERMFAIL;
    }
    if (!peer.usable) {
        s->reason = peer.why;
        return GP_PERMFAIL;
    }
    gp_put_hex(&hex, (gp_str) { (const char *)peer.fingerprint, sizeof(peer.fingerprint) });
    gp_status status = try_subject(s, "sha256:", gp_said(&hex));
    for (size_t i = 0; peer.verified && i < peer.email_count && status == GP_PERMFAIL; i++)
        status = try_subject(s, "email:", gp_from(peer.emails[i]));
    if (peer.verified && status == GP_PERMFAIL) status = try_subject(s, "subject:", gp_from(peer.subject));
    if (status == GP_PERMFAIL && !s->account)
        s->reason = peer.verified ? "no credential has the certificate" : peer.why;
    return status;
}
