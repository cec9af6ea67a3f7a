/* TLS certificates, their private keys and the session ticket keys. A set of pairs arrives one by one:
 *   COMING    some pairs of a generation are here; handshakes go on under the set in force
 *   IN FORCE  all pairs came, each key fits its certificate and smtpd can use it: announced to every smtpd, with fresh ticket keys
 *   BEFORE    the set that was in force until then: handshakes that began under it may still ask for signatures
 * A set with a bad pair is dropped as a whole, loudly; the one in force stays. */
#include <stdlib.h>
#include <string.h>

#include "tls/tls.h"
#include "vault/parts.h"

enum { SOON_DAYS = 14, DAY_MS = 24 * 3600 * 1000 };

/* ---- sets ------------------------------------------------------------------------------------------------------------ */
void pair_close(struct pair *pair)
{
    file_free(pair->chain);
    gp_key_close(pair->key);
    *pair = (struct pair) { 0 };
}

static void set_close(struct pair_set *set)
{
    if (!set) return;
    for (size_t i = 0; i < set->count; i++) pair_close(&set->pairs[i]);
    free(set);
}

void keys_close(struct keyring *ring)
{
    for (size_t i = 0; i < PAIR_SETS; i++) set_close(ring->sets[i]);
    set_close(ring->coming);
    gp_wipe(ring, sizeof(*ring));
}

/* The set that this pair belongs to; a new generation ends an unfinished one. NULL: not to be had. */
static struct pair_set *coming_set(struct keyring *ring, const struct msg_keypair *m)
{
    if (ring->coming && ring->coming->generation == m->generation && ring->coming->count == m->count)
        return ring->coming;
    set_close(ring->coming);
    ring->coming = calloc(1, sizeof(*ring->coming));
    if (!ring->coming) return NULL;
    ring->coming->generation = m->generation;
    ring->coming->count      = (size_t)m->count;
    return ring->coming;
}

static bool ends_soon(const struct pair *pair)
{
    return pair->expires - wall_now() < (gp_time)SOON_DAYS * DAY_MS;
}

void pair_tell_again(struct vault *v, const struct pair *pair, enum pair_use use)
{
    if (ends_soon(pair)) notice_certificate(v, gp_from(pair->name), pair->expires, use);
}

void pair_tell_expiry(struct vault *v, const struct pair *pair, enum pair_use use)
{
    static const char *const over[] = { [PAIR_SERVER]   = "the certificate has expired: clients will refuse it",
                                        [PAIR_UPSTREAM] = "our certificate for the smarthost has expired: mail waits" };
    gp_time                  left   = pair->expires - wall_now();
    if (!ends_soon(pair)) return;
    pair_tell_again(v, pair, use);
    LOG(LOG_WARN, "tls", LOG_Z("certificate", pair->name), LOG_N("days_left", left / DAY_MS),
        LOG_Z("reason", left > 0 ? "the certificate ends soon: renew it" : over[use]));
}

/* Whoever should renew it may have failed without a word: then nothing is read anew. */
void keys_tell_expiry(struct vault *v)
{
    const struct pair_set *set = v->keyring.sets[0];
    for (size_t i = 0; set && i < set->count; i++) pair_tell_again(v, &set->pairs[i], PAIR_SERVER);
    presented_tell_expiry(v);
}

const char *pair_read(struct pair *pair, const struct msg *m, gp_str name)
{
    pair->chain = descriptor_read(m->fds[0], CHAIN_MOST);
    if (!pair->chain.ptr) return "the certificate file cannot be read, is empty, or is over 64 KiB";
    gp_str pem = descriptor_read(m->fds[1], PRIVATE_KEY_MOST);
    if (!pem.ptr) return "the key file cannot be read, is empty, or is over 32 KiB";
    pair->key = gp_key_read(pem);
    file_free(pem);
    if (!pair->key) return "the key file holds no private key in PEM form without a passphrase";
    if (!gp_certificate_fits(pair->chain, pair->key, &pair->expires))
        return "the key does not belong to the certificate";
    const char *fault =
        gp_tls_certificate_fault(pair->chain); /* who presents it would find it, and go on without a key in force */
    if (fault) return fault;
    if (!gp_copy_z(gp_head(name, sizeof(pair->name) - 1), pair->name, sizeof(pair->name))) pair->name[0] = '\0';
    return NULL;
}

/* ---- to the smtpds ------------------------------------------------------------------------------------------------------- */
static void tell_tickets(struct peer *peer)
{
    const struct keyring *ring = &peer->vault->keyring;
    struct msg            m    = MSG(TICKETS);
    m.tickets.keys             = (gp_str) { (const char *)ring->tickets, ring->ticket_count * GP_TLS_TICKET_KEY };
    (void)ipc_tell(peer->channel, &m);
}

void keys_announce(struct peer *peer)
{
    const struct pair_set *set = peer->vault->keyring.sets[0];
    if (!set) return;
    for (size_t i = 0; i < set->count; i++) {
        struct msg m  = MSG(CERTIFICATE);
        m.certificate = (struct msg_certificate) { i, set->count, set->generation, set->pairs[i].chain };
        (void)ipc_tell(peer->channel, &m);
    }
    tell_tickets(peer);
}

static void to_all(struct vault *v, void (*tell)(struct peer *))
{
    for (size_t i = 0; i < ROLE_SMTPD_MOST; i++)
        if (v->smtpds[i].channel && ipc_attached(v->smtpds[i].channel)) tell(&v->smtpds[i]);
}

/* ---- ticket keys --------------------------------------------------------------------------------------------------------- */
static void new_ticket_key(struct keyring *ring, size_t keep, gp_time now)
{
    memmove(ring->tickets[1], ring->tickets[0], keep * GP_TLS_TICKET_KEY);
    gp_random(ring->tickets[0], GP_TLS_TICKET_KEY);
    ring->ticket_count = keep + 1;
    ring->rotated      = now;
}

void keys_tick(struct vault *v, gp_time now)
{
    struct keyring *ring = &v->keyring;
    if (ring->ticket_count == 0 || now - ring->rotated < TICKETS_EVERY_MS) return;
    new_ticket_key(ring, 1, now);
    to_all(v, tell_tickets);
}

/* ---- from the supervisor ------------------------------------------------------------------------------------------------- */
static void put_in_force(struct vault *v)
{
    struct keyring *ring = &v->keyring;
    set_close(ring->sets[1]);
    ring->sets[1] = ring->sets[0];
    ring->sets[0] = ring->coming;
    ring->coming  = NULL;
    /* RFC 9325 3.4: a ticket must not outlive the key under which it was given. */
    gp_wipe(ring->tickets, sizeof(ring->tickets));
    new_ticket_key(ring, 0, loop_now(v->loop));
    LOG(LOG_INFO, "tls", LOG_N("certificates", ring->sets[0]->count), LOG_N("generation", ring->sets[0]->generation));
    to_all(v, keys_announce);
}

static void set_is_complete(struct vault *v)
{
    struct keyring *ring = &v->keyring;
    if (!ring->coming->bad) {
        put_in_force(v);
        return;
    }
    LOG(LOG_ERROR, "tls",
        LOG_Z("reason", ring->sets[0] ? "the new certificates are not used; the ones before stay in force"
                                      : "there is no usable certificate: clients cannot connect"));
    set_close(ring->coming);
    ring->coming = NULL;
}

void keys_pair(struct peer *peer, struct msg *m)
{
    struct vault *v = peer->vault;
    if (m->keypair.count == 0 || m->keypair.count > CONFIG_CERTIFICATES_MOST || m->keypair.index >= m->keypair.count)
        return;
    struct pair_set *set = coming_set(&v->keyring, &m->keypair);
    if (!set || set->pairs[m->keypair.index].chain.ptr) return;
    struct pair *pair  = &set->pairs[m->keypair.index];
    const char  *wrong = pair_read(pair, m, m->keypair.name);
    if (wrong) {
        set->bad = true;
        LOG(LOG_ERROR, "tls", LOG_S("certificate", m->keypair.name), LOG_Z("reason", wrong));
    } else {
        pair_tell_expiry(v, pair, PAIR_SERVER);
    }
    if (++set->have == set->count) set_is_complete(v);
}

/* ---- signatures ------------------------------------------------------------------------------------------------------------ */
static const struct gp_key *find_key(const struct keyring *ring, const struct msg_tls_sign *m)
{
    for (size_t i = 0; i < PAIR_SETS; i++) {
        const struct pair_set *set = ring->sets[i];
        if (set && set->generation == m->generation && m->certificate < set->count)
            return set->pairs[m->certificate].key;
    }
    return NULL;
}

/* Only what a handshake needs: DKIM's way of signing is not to be had with a TLS key. */
static bool is_for_tls(uint64_t how)
{
    return how == GP_SIGN_RSA_RAW || how == GP_SIGN_RSA_PKCS1 || how == GP_SIGN_ECDSA;
}

void keys_sign_with(struct peer *peer, const struct msg *m, const struct gp_key *key)
{
    struct signing_wish wish = {
        .question = m->question,
        .answer   = MSG_TLS_SIGNED,
        .key      = is_for_tls(m->tls_sign.how) ? key : NULL,
        .how      = (enum gp_sign)m->tls_sign.how,
        .data     = m->tls_sign.data,
    };
    signing_start(peer, &wish);
}

void keys_sign(struct peer *peer, struct msg *m)
{
    keys_sign_with(peer, m, find_key(&peer->vault->keyring, &m->tls_sign));
}
