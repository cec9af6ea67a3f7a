/* The certificate that the relay presents to the smarthost. Its key stays here, and the relay asks for each signature. A pair that comes takes
 * the place of the one in force when its key fits; handshakes that began under the one before may still end. A bad one changes nothing. */
#include "vault/parts.h"

void presented_announce(struct peer *relay)
{
    const struct upstream *up = relay->vault->upstream;
    struct msg             m  = MSG(OUR_CERTIFICATE);
    m.our_certificate         = (struct msg_our_certificate) { .generation = up->generation, .chain = GP_LIT("") };
    if (!up->generation) return;
    m.our_certificate.expires = (uint64_t)up->pairs[0].expires;
    m.our_certificate.chain   = up->pairs[0].chain;
    (void)ipc_tell(relay->channel, &m);
}

void presented_received(struct peer *peer, struct msg *m)
{
    struct vault    *v     = peer->vault;
    struct upstream *up    = v->upstream;
    struct pair      fresh = { 0 };
    const char      *wrong = pair_read(&fresh, m, m->upstream_pair.name);
    if (wrong) {
        pair_close(&fresh);
        LOG(LOG_ERROR, "upstream", LOG_S("certificate", m->upstream_pair.name), LOG_Z("reason", wrong),
            LOG_Z("hint",
                  up->generation ? "the pair before stays in force" : "mail waits: see relay.certificate_file"));
        return;
    }
    pair_close(&up->pairs[1]);
    up->pairs[1] = up->pairs[0];
    up->pairs[0] = fresh;
    up->generation++;
    LOG(LOG_INFO, "upstream", LOG_Z("certificate", fresh.name), LOG_N("generation", up->generation));
    pair_tell_expiry(v, &up->pairs[0], PAIR_UPSTREAM);
    if (v->relay.channel && ipc_attached(v->relay.channel)) presented_announce(&v->relay);
}

/* No other key of ours is the relay's to use. */
void presented_sign(struct peer *peer, struct msg *m)
{
    const struct upstream *up = peer->vault->upstream;
    uint64_t age = up->generation - m->tls_sign.generation; /* an unknown generation wraps, and is too old */
    bool     may = m->tls_sign.certificate == 0 && m->tls_sign.generation > 0 && age < PAIR_SETS;
    keys_sign_with(peer, m, may ? up->pairs[age].key : NULL);
}

void presented_tell_expiry(struct vault *v)
{
    if (v->upstream->generation) pair_tell_again(v, &v->upstream->pairs[0], PAIR_UPSTREAM);
}

void presented_close(struct upstream *up)
{
    for (size_t i = 0; i < PAIR_SETS; i++) pair_close(&up->pairs[i]);
}
