/* The certificates that the relay presents, one for each login of the configuration that has one. Their keys stay here, and the relay asks for each
 * signature. A pair that comes takes the place of the one in force when its key fits; handshakes that began under the one before may still end. A
 * bad one changes nothing. */
#include "vault/parts.h"

static void announce(struct peer *relay, size_t login)
{
    const struct presented *p = &relay->vault->upstream->presented[login];
    struct msg              m = MSG(OUR_CERTIFICATE);
    if (!p->generation) return;
    m.our_certificate = (struct msg_our_certificate) { .login      = login,
                                                       .generation = p->generation,
                                                       .expires    = (uint64_t)p->pairs[0].expires,
                                                       .chain      = p->pairs[0].chain };
    (void)ipc_tell(relay->channel, &m);
}

void presented_announce(struct peer *relay)
{
    for (size_t i = 0; i < config_logins(relay->vault->config); i++) announce(relay, i);
}

void presented_received(struct peer *peer, struct msg *m)
{
    struct vault *v     = peer->vault;
    struct pair   fresh = { 0 };
    const size_t  login = (size_t)m->upstream_pair.login;
    if (m->upstream_pair.login >= config_logins(v->config)) return;
    struct presented *p     = &v->upstream->presented[login];
    const char       *wrong = pair_read(&fresh, m, m->upstream_pair.name);
    if (wrong) {
        pair_close(&fresh);
        LOG(LOG_ERROR, "upstream", LOG_S("certificate", m->upstream_pair.name), LOG_Z("reason", wrong),
            LOG_Z("hint", p->generation ? "the pair before stays in force"
                                        : "mail waits: see certificate_file of relay or of the route"));
        return;
    }
    pair_close(&p->pairs[1]);
    p->pairs[1] = p->pairs[0];
    p->pairs[0] = fresh;
    p->generation++;
    LOG(LOG_INFO, "upstream", LOG_Z("certificate", fresh.name), LOG_N("generation", p->generation));
    pair_tell_expiry(v, &p->pairs[0], PAIR_UPSTREAM);
    if (v->relay.channel && ipc_attached(v->relay.channel)) announce(&v->relay, login);
}

/* No other key of ours is the relay's to use. */
void presented_sign(struct peer *peer, struct msg *m)
{
    const bool              known = m->tls_sign.certificate < config_logins(peer->vault->config);
    const struct presented *p     = &peer->vault->upstream->presented[known ? m->tls_sign.certificate : 0];
    uint64_t age = p->generation - m->tls_sign.generation; /* an unknown generation wraps, and is too old */
    bool     may = known && m->tls_sign.generation > 0 && age < PAIR_SETS;
    keys_sign_with(peer, m, may ? p->pairs[age].key : NULL);
}

void presented_tell_expiry(struct vault *v)
{
    for (size_t i = 0; i < config_logins(v->config); i++)
        if (v->upstream->presented[i].generation)
            pair_tell_again(v, &v->upstream->presented[i].pairs[0], PAIR_UPSTREAM);
}

void presented_close(struct upstream *up)
{
    for (size_t i = 0; i < GP_COUNT(up->presented); i++)
        for (size_t k = 0; k < PAIR_SETS; k++) pair_close(&up->presented[i].pairs[k]);
}
