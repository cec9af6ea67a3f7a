/* The certificates: vault announces them one by one, and a complete set becomes a new TLS context. Connections that are open keep
 * the one they began with. The keys stay in vault. */
#include "submit/parts.h"

#include <stdlib.h>
#include <string.h>

static void forget_coming(struct keyring *k)
{
    for (size_t i = 0; i < GP_TLS_CERTIFICATES_MOST; i++) {
        free(k->chains[i]);
        k->chains[i] = NULL;
    }
    k->count = k->have = 0;
}

static bool keep_chain(struct keyring *k, size_t index, gp_str chain)
{
    if (k->chains[index] || chain.len == 0) return false;
    k->chains[index] = malloc(chain.len);
    if (!k->chains[index]) return false;
    memcpy(k->chains[index], chain.ptr, chain.len);
    k->lengths[index] = chain.len;
    k->have++;
    return true;
}

static void close_all(struct keyring *k)
{
    gp_tls_context_close(k->context);
    k->context = NULL;
    for (size_t i = 0; i < KEYRING_OLD; i++) {
        gp_tls_context_close(k->old[i]);
        k->old[i] = NULL;
    }
}

/* For listeners for old devices; without it those have no TLS, and the others do. */
static struct gp_tls_context *open_old(const struct gp_tls_certificate *certificates, size_t count, int oldest)
{
    const char            *why = "old versions of TLS cannot be had";
    struct gp_tls_context *old = gp_tls_server_context(certificates, count, &why);
    if (old && gp_tls_allow_old(old, oldest)) return old;
    gp_tls_context_close(old);
    LOG(LOG_ERROR, "tls", LOG_Z("problem", "listeners for old devices have no TLS"), LOG_Z("reason", why));
    return NULL;
}

static void take_into_use(struct keyring *k)
{
    struct gp_tls_certificate certificates[GP_TLS_CERTIFICATES_MOST];
    const char               *why = NULL;
    for (size_t i = 0; i < k->count; i++) certificates[i].chain_pem = (gp_str) { k->chains[i], k->lengths[i] };
    struct gp_tls_context *fresh            = gp_tls_server_context(certificates, k->count, &why);
    struct gp_tls_context *old[KEYRING_OLD] = { NULL };
    for (int i = 0; fresh && i < KEYRING_OLD; i++)
        if (k->needs[i]) old[i] = open_old(certificates, k->count, LANE_OLDEST + i);
    forget_coming(k);
    if (!fresh) {
        LOG(LOG_ERROR, "tls", LOG_Z("problem", "the certificates cannot be used; the old ones stay"),
            LOG_Z("reason", why));
        return;
    }
    close_all(k);
    memcpy(k->old, old, sizeof old);
    k->context    = fresh;
    k->generation = k->coming;
}

void keyring_certificate(struct keyring *k, const struct msg_certificate *m)
{
    if (m->count == 0 || m->count > GP_TLS_CERTIFICATES_MOST || m->index >= m->count) return;
    if (k->have > 0 && (m->generation != k->coming || m->count != k->count)) forget_coming(k);
    k->coming = m->generation;
    k->count  = m->count;
    if (keep_chain(k, m->index, m->chain) && k->have == k->count) take_into_use(k);
}

void keyring_tickets(struct keyring *k, gp_str keys)
{
    bool set = !k->context || gp_tls_set_tickets(k->context, keys);
    for (size_t i = 0; i < KEYRING_OLD; i++)
        if (k->old[i] && !gp_tls_set_tickets(k->old[i], keys)) set = false;
    if (!set) LOG(LOG_WARN, "tls", LOG_Z("problem", "the ticket keys cannot be used: sessions are not resumed"));
}

void keyring_close(struct keyring *k)
{
    forget_coming(k);
    close_all(k);
}

struct gp_tls_context *keyring_for(const struct keyring *k, const struct config_listen *l)
{
    bool old = l->kind == LISTEN_LEGACY && l->lane.oldest < LANE_NEWEST;
    return old ? k->old[l->lane.oldest - LANE_OLDEST] : k->context;
}
