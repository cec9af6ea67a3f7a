/* The role's life: peers, TLS settings, DNS, the messages that come in, and the orderly end. */
#include "relay/relay.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "relay/parts.h"

enum { CA_FILE_MOST = 4 * 1024 * 1024, STOP_POLL_MS = 50, MS = 1000 };

/* ---- the end ------------------------------------------------------------------------------------------------------ */
/* Deliveries under way may finish; what does not in time stays in the queue. */
static void check_stopped(void *owner)
{
    struct relay *r = owner;
    if (!r->deliveries) {
        loop_stop(r->loop);
        return;
    }
    timer_set(r->stopping, STOP_POLL_MS);
}

static void stop(struct relay *r)
{
    if (r->stop) return;
    r->stop = true;
    delivery_put_off_unsent(r);
    hop_close_idle(r);
    check_stopped(r);
}

/* ---- peers ---------------------------------------------------------------------------------------------------------- */
static void take_peer(struct relay *r, struct msg *m)
{
    struct ipc *channel = m->peer.role == ROLE_QUEUE    ? r->queue
                          : m->peer.role == ROLE_VAULT  ? r->vault
                          : m->peer.role == ROLE_LOOKUP ? r->web
                                                        : NULL;
    if (!channel) return;
    if (channel == r->queue) { /* its questions died with it */
        delivery_abandon_all(r);
        reports_abandon(r);
    }
    ipc_attach(channel, m->fds[0]);
    m->fds[0] = -1;
    if (channel == r->vault) preflight_again(r); /* one that was started anew knows nothing */
}

static void from_supervisor(void *owner, struct ipc *from, struct msg *m)
{
    struct relay *r = owner;
    (void)from;
    if (m->type == MSG_PEER)
        take_peer(r, m);
    else if (m->type == MSG_STOP)
        stop(r);
}

static void supervisor_gone(void *owner, struct ipc *from)
{
    struct relay *r = owner;
    (void)from;
    loop_stop(r->loop);
}

static void from_queue(void *owner, struct ipc *from, struct msg *m)
{
    (void)from;
    if (m->type == MSG_DELIVER && m->question) delivery_open(owner, m);
    if (m->type == MSG_REPORT_FIND && m->question) reports_find(owner, m);
    if (m->type == MSG_REPORT_POST && m->question) reports_post(owner, m);
    if (m->type == MSG_HOSTS_AGAIN) down_try_all(owner);
}

static void queue_gone(void *owner, struct ipc *from)
{
    (void)from;
    delivery_abandon_all(owner);
    reports_abandon(owner);
}

static void from_vault(void *owner, struct ipc *from, struct msg *m)
{
    (void)from;
    if (m->type == MSG_OUR_CERTIFICATE)
        secure_certificate(owner, &m->our_certificate);
    else
        LOG(LOG_WARN, "ipc", LOG_Z("unexpected", msg_name(m->type)));
}

static const struct ipc_handler supervisor_handler = { from_supervisor, supervisor_gone };
static const struct ipc_handler queue_handler      = { from_queue, queue_gone };
/* Who asks the web only answers. */
static void                     unasked(void *owner, struct ipc *from, struct msg *m)
{
    (void)owner;
    (void)from;
    LOG(LOG_WARN, "ipc", LOG_Z("unexpected", msg_name(m->type)));
}

static const struct ipc_handler vault_handler = { from_vault, NULL };
static const struct ipc_handler web_handler   = { unasked, NULL };

/* ---- TLS settings ------------------------------------------------------------------------------------------------------- */
/* The whole file, to be freed; NULL: not there, not readable, or absurdly large. */
static char *read_file(const char *path, size_t *len)
{
    int         fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    char       *text = NULL;
    *len             = 0;
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0 && st.st_size < CA_FILE_MOST)
        text = malloc((size_t)st.st_size);
    while (text && *len < (size_t)st.st_size) {
        ssize_t n = read(fd, text + *len, (size_t)st.st_size - *len);
        if (n <= 0) break;
        *len += (size_t)n;
    }
    if (fd >= 0) close(fd);
    return text;
}

/* Before the sandbox, which is not told of that file. */
static bool read_anchors(struct relay *r)
{
    const char *path = r->config->relay.trust_anchor_file;
    char        full[CONFIG_PATH];
    size_t      len = 0;
    if (!path[0]) return true;
    char *text = config_path(r->config, path, full) ? read_file(full, &len) : NULL;
    r->anchors = text ? strndup(text, len) : NULL;
    free(text);
    if (!r->anchors)
        LOG(LOG_ERROR, "config", LOG_Z("file", path), LOG_Z("key", "relay.trust_anchor_file"),
            LOG_Z("reason", "cannot be read by the relay: it must be readable by everyone"));
    return r->anchors;
}

static bool open_tls(struct relay *r)
{
    const char *why = NULL, *path = r->config->relay.ca_file;
    char        full[CONFIG_PATH];
    size_t      len = 0;
    char       *ca  = NULL;
    if (path[0] && (!config_path(r->config, path, full) || !(ca = read_file(full, &len)))) {
        LOG(LOG_ERROR, "config", LOG_Z("file", path), LOG_Z("key", "relay.ca_file"),
            LOG_Z("reason", "cannot be read by the relay: it must be readable by everyone"));
        return false;
    }
    struct gp_tls_trust strict = { .ca_pem = { ca, len }, .verify = true }, lax = { .verify = false };
    r->verified      = gp_tls_client_context(&strict, &why);
    r->opportunistic = r->verified ? gp_tls_client_context(&lax, &why) : NULL;
    free(ca);
    if (!r->opportunistic) LOG(LOG_ERROR, "tls", LOG_Z("key", "relay.ca_file"), LOG_Z("reason", why));
    return r->opportunistic != NULL;
}

/* ---- the role ------------------------------------------------------------------------------------------------------------- */
static bool open_all(struct relay *r, const struct role_start *start)
{
    r->config = start->config;
    r->loop   = loop_open();
    if (!r->loop) return false;
    r->supervisor = ipc_open(r->loop, start->supervisor, &supervisor_handler, r);
    r->queue      = ipc_open(r->loop, -1, &queue_handler, r);
    r->vault      = ipc_open(r->loop, -1, &vault_handler, r);
    r->web        = ipc_open(r->loop, -1, &web_handler, r);
    r->stopping   = timer_open(r->loop, check_stopped, r);
    return r->supervisor && r->queue && r->vault && r->web && r->stopping && turns_open(r) && sts_open(r) &&
           read_anchors(r) && open_tls(r);
}

/* Nothing can be proven without one to begin with. */
static bool has_key(const struct relay *r)
{
    bool required = r->config->relay.dnssec == DNSSEC_REQUIRED;
    if (required) dns_insist(r->dns);
    if (dns_validates(r->dns)) return true;
    LOG(required ? LOG_ERROR : LOG_WARN, "dns",
        LOG_Z("reason", required ? "the root's key is not there, and relay.dnssec is required: the relay does not start"
                                 : "the root's key is not there: nothing is proven (DNSSEC), and there is no DANE"),
        LOG_Z("hint", "install the package dns-root-data, or set relay.trust_anchor_file"));
    return !required;
}

/* Inside the sandbox: its thread reads what strangers send, and a sandbox binds only the threads that are made in it. */
static bool open_dns(struct relay *r)
{
    const char *server = r->config->relay.dns_server;
    r->dns             = dns_open_anchored(r->loop, server[0] ? server : NULL, r->anchors);
    if (r->dns && !has_key(r)) return false;
    if (r->dns)
        dns_set_patience(r->dns, (uint64_t)r->config->relay.dns_timeout * MS);
    else
        LOG(LOG_ERROR, "dns",
            LOG_Z("reason",
                  r->anchors
                      ? "the resolver could not be started: does relay.trust_anchor_file hold DNSKEY or DS records?"
                      : "the resolver could not be started"));
    return r->dns != NULL;
}

static void close_all(struct relay *r)
{
    delivery_abandon_all(r);
    reports_abandon(r);
    while (r->hops) hop_close(r->hops);
    preflight_close(r);
    sts_close(r);
    dns_close(r->dns);
    free(r->anchors);
    sign_close(r);
    timer_close(r->turning);
    timer_close(r->stopping);
    ipc_close(r->queue);
    ipc_close(r->vault);
    ipc_close(r->web);
    ipc_close(r->supervisor);
    gp_tls_context_close(r->verified);
    gp_tls_context_close(r->opportunistic);
    for (size_t i = 0; i < GP_COUNT(r->ours); i++) gp_tls_context_close(r->ours[i].context);
    loop_close(r->loop);
}

int relay_main(const struct role_start *start)
{
    static struct relay relay;
    log_open("relay", start->config->log_format, start->config->log_level);
    if (!open_all(&relay, start) || !sandbox_enter(ROLE_RELAY, true) || !open_dns(&relay) || !preflight_open(&relay))
        return 1;
    struct msg ready = MSG(READY);
    ready.ready.pid  = (uint64_t)getpid();
    if (!ipc_tell(relay.supervisor, &ready)) return 1;
    loop_run(relay.loop);
    close_all(&relay);
    return 0;
}
