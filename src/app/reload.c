/* Certificates, keys, who vouches for clients, and what signs in at the smarthost: the supervisor may open the files, only vault reads them. */
#include "app/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { LOOK_EVERY_MS = 2000 };

static const struct config_certificate usual = { "tls/cert.pem", "tls/key.pem" };

static size_t pairs_of(const struct config *config)
{
    return config->certificate_count ? config->certificate_count : 1;
}

static const struct config_certificate *pair_of(const struct config *config, size_t i)
{
    return config->certificate_count ? &config->certificates[i] : &usual;
}

/* The file with the password or token of a sign-in upstream; NULL: there is none. */
static const char *proof_of(const struct config *config, size_t login)
{
    struct config_login l = config_login_of(config, login);
    switch (l.proof) {
    case RELAY_PASSWORD: return l.password_file;
    case RELAY_TOKEN: return l.token_file;
    default: return NULL;
    }
}

/* In the order in which vault wants them: a certificate is held against its key. "": it has none. */
static const char *file_of(const struct config_provider *p, enum provider_file what)
{
    switch (what) {
    case PROVIDER_FILE_SECRET: return p->client_secret_file;
    case PROVIDER_FILE_KEY: return p->key_file;
    default: return p->certificate_file;
    }
}

/* ---- opening ------------------------------------------------------------------------------------------------------------- */
static int open_file(const struct config *config, const char *path)
{
    char full[CONFIG_PATH];
    int  fd = config_path(config, path, full) ? open(full, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) : -1;
    if (fd < 0)
        LOG(LOG_ERROR, "config", LOG_Z("file", path), LOG_Z("problem", "cannot be opened"),
            LOG_Z("reason", strerror(errno)));
    return fd;
}

static bool usable(const struct config *config, const char *path)
{
    int fd = open_file(config, path);
    if (fd >= 0) close(fd);
    return fd >= 0;
}

/* All that the relay signs in with. */
static bool proofs_usable(const struct config *config)
{
    bool all = true;
    for (size_t i = 0; i < config_logins(config); i++)
        all &= !proof_of(config, i) || usable(config, proof_of(config, i));
    for (size_t i = 0; i < config->provider_count * PROVIDER_FILES; i++) {
        const char *name = file_of(&config->providers[i / PROVIDER_FILES], i % PROVIDER_FILES);
        if (name[0]) all &= usable(config, name);
    }
    for (size_t i = 0; i < config_logins(config); i++) {
        if (!config_presents(config, i)) continue;
        all &= usable(config, config_login_of(config, i).certificate_file);
        all &= usable(config, config_login_of(config, i).key_file);
    }
    return all;
}

/* Every problem is said, not just the first. */
static bool served_usable(const struct supervisor *s)
{
    bool all = true;
    for (size_t i = 0; i < pairs_of(s->config); i++) {
        const struct config_certificate *pair = pair_of(s->config, i);
        all &= usable(s->config, pair->certificate);
        all &= usable(s->config, pair->key);
    }
    if (s->config->client_ca_file[0]) all &= usable(s->config, s->config->client_ca_file);
    return all;
}

bool files_usable(const struct supervisor *s)
{
    bool all = served_usable(s);
    return proofs_usable(s->config) && all;
}

static void close_both(const struct msg *m)
{
    for (size_t n = 0; n < MSG_FDS_MOST; n++)
        if (m->fds[n] >= 0) close(m->fds[n]);
}

/* ---- sending --------------------------------------------------------------------------------------------------------------- */
static void send_pair(const struct supervisor *s, struct child *vault, size_t i)
{
    const struct config_certificate *pair = pair_of(s->config, i);
    struct msg                       m    = MSG(KEYPAIR);
    m.keypair                             = (struct msg_keypair) {
                                    .index = i, .count = pairs_of(s->config), .generation = s->generation, .name = gp_from(pair->certificate)
    };
    m.fds[0] = open_file(s->config, pair->certificate);
    m.fds[1] = open_file(s->config, pair->key);
    if (m.fds[0] >= 0 && m.fds[1] >= 0) child_send(vault, &m);
    close_both(&m);
}

static bool send_proof_pair(const struct config *config, struct child *vault, size_t login)
{
    struct msg          m  = MSG(UPSTREAM_PAIR);
    struct config_login of = config_login_of(config, login);
    if (!config_presents(config, login)) return false;
    m.fds[0]        = open_file(config, of.certificate_file);
    m.fds[1]        = open_file(config, of.key_file);
    m.upstream_pair = (struct msg_upstream_pair) { .login = login, .name = gp_from(of.certificate_file) };
    bool opened     = m.fds[0] >= 0 && m.fds[1] >= 0;
    if (opened) child_send(vault, &m);
    close_both(&m);
    return opened;
}

/* Of a file that is gone vault is told nothing: what it has of it stays in force. */
static bool send_secret(const struct config *config, struct child *vault, size_t login)
{
    struct msg  m     = MSG(UPSTREAM);
    const char *proof = proof_of(config, login);
    m.fds[0]          = proof ? open_file(config, proof) : -1;
    bool opened       = m.fds[0] >= 0;
    if (proof && !opened) return false;
    m.upstream.login   = login;
    m.upstream.present = opened;
    child_send(vault, &m);
    if (opened) close(m.fds[0]);
    return opened;
}

static void send_proof(const struct supervisor *s, struct child *vault)
{
    for (size_t i = 0; i < config_logins(s->config); i++) {
        (void)send_secret(s->config, vault, i);
        (void)send_proof_pair(s->config, vault, i);
    }
}

static void send_provider_files(const struct supervisor *s, struct child *vault)
{
    for (size_t i = 0; i < s->config->provider_count * PROVIDER_FILES; i++) {
        struct msg  m    = MSG(PROVIDER_FILE);
        const char *name = file_of(&s->config->providers[i / PROVIDER_FILES], i % PROVIDER_FILES);
        if (!name[0]) continue;
        m.fds[0]        = open_file(s->config, name);
        m.provider_file = (struct msg_provider_file) { .provider = i / PROVIDER_FILES,
                                                       .what     = i % PROVIDER_FILES,
                                                       .present  = m.fds[0] >= 0 };
        if (m.fds[0] < 0) continue; /* what it has stays in force */
        child_send(vault, &m);
        close(m.fds[0]);
    }
}

static void send_client_ca(const struct supervisor *s, struct child *vault)
{
    struct msg m        = MSG(CLIENT_CA);
    bool       wanted   = s->config->client_ca_file[0];
    m.fds[0]            = wanted ? open_file(s->config, s->config->client_ca_file) : -1;
    m.client_ca.present = m.fds[0] >= 0;
    if (!wanted || m.fds[0] >= 0) child_send(vault, &m);
    if (m.fds[0] >= 0) close(m.fds[0]);
}

static int open_to_append(const struct config *c, const char *key, const char *name, int access)
{
    enum { MODE = 0640 };
    char path[CONFIG_PATH];
    if (!name[0] || !config_path(c, name, path)) return -1;
    int fd = open(path, access | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, MODE);
    if (fd < 0) LOG(LOG_ERROR, "config", LOG_Z("key", key), LOG_Z("file", path), LOG_Z("reason", strerror(errno)));
    return fd;
}

static bool say_syslog_failed(const char *path, const char *reason)
{
    LOG(LOG_ERROR, "config", LOG_Z("key", "audit.export_syslog"), LOG_Z("file", path), LOG_Z("reason", reason));
    return false;
}

static bool find_syslog(const struct config *c, struct sockaddr_un *place)
{
    char path[CONFIG_PATH];
    *place = (struct sockaddr_un) { .sun_family = AF_UNIX };
    if (!config_path(c, c->audit.syslog_socket, path)) return false;
    return gp_copy_z(gp_from(path), place->sun_path, sizeof place->sun_path) ||
           say_syslog_failed(path, "the path is too long for a socket");
}

static int open_syslog(const struct config *c)
{
    struct sockaddr_un place;
    if (!c->audit.export_syslog || !find_syslog(c, &place)) return -1;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&place, sizeof place) == 0) return fd;
    (void)say_syslog_failed(place.sun_path, strerror(errno));
    if (fd >= 0) close(fd);
    return -1;
}

/* Where checkpoints of the audit go besides: vault itself may open neither. */
static void send_export(const struct supervisor *s, struct child *vault)
{
    struct msg m           = MSG(AUDIT_EXPORT);
    m.fds[0]               = open_to_append(s->config, "audit.export_file", s->config->audit.export_file, O_WRONLY);
    m.fds[1]               = open_syslog(s->config);
    m.audit_export.present = m.fds[0] >= 0 || m.fds[1] >= 0;
    if (m.audit_export.present) child_send(vault, &m);
    close_both(&m);
}

/* Where lines end is looked at (RDWR), and cut off what the disk had no room for: only a file can be that. */
void files_send_events(const struct supervisor *s, struct child *queue)
{
    struct msg  m = MSG(EVENTS_FILE);
    struct stat is;
    m.fds[0]              = open_to_append(s->config, "events.file", s->config->events.file, O_RDWR | O_NONBLOCK);
    m.events_file.present = m.fds[0] >= 0 && fstat(m.fds[0], &is) == 0 && S_ISREG(is.st_mode);
    if (m.events_file.present) child_send(queue, &m);
    if (m.fds[0] >= 0 && !m.events_file.present)
        LOG(LOG_ERROR, "config", LOG_Z("key", "events.file"), LOG_Z("problem", "it is not a file"));
    close_both(&m);
}

/* Files that cannot be opened are said and left out: vault goes on with the generation that it has. */
void files_send(struct supervisor *s, struct child *vault)
{
    for (size_t i = 0; i < pairs_of(s->config); i++) send_pair(s, vault, i);
    send_proof(s, vault);
    send_provider_files(s, vault);
    send_client_ca(s, vault);
    send_export(s, vault);
}

/* ---- watching ---------------------------------------------------------------------------------------------------------------- */
#define FNV_BASIS 0xcbf29ce484222325ULL

/* FNV-1a, 64 bits: tells one state of the files from another; nothing hostile is behind it. */
static void mix(uint64_t *hash, uint64_t value)
{
    for (size_t i = 0; i < sizeof value; i++) *hash = (*hash ^ (value >> (8 * i) & 0xff)) * 0x100000001b3ULL;
}

static void mix_file(const struct config *config, const char *path, uint64_t *hash)
{
    char        full[CONFIG_PATH];
    struct stat is = { 0 };
    if (!config_path(config, path, full) || stat(full, &is) != 0) is = (struct stat) { 0 };
    mix(hash, is.st_ino);
    mix(hash, (uint64_t)is.st_size);
    mix(hash, (uint64_t)is.st_mtim.tv_sec);
    mix(hash, (uint64_t)is.st_mtim.tv_nsec);
}

static uint64_t fingerprint_of_proof(const struct config *config)
{
    uint64_t hash = FNV_BASIS;
    for (size_t i = 0; i < config_logins(config); i++) {
        if (proof_of(config, i)) mix_file(config, proof_of(config, i), &hash);
        if (config_presents(config, i)) mix_file(config, config_login_of(config, i).certificate_file, &hash);
        if (config_presents(config, i)) mix_file(config, config_login_of(config, i).key_file, &hash);
    }
    for (size_t i = 0; i < config->provider_count * PROVIDER_FILES; i++)
        mix_file(config, file_of(&config->providers[i / PROVIDER_FILES], i % PROVIDER_FILES), &hash);
    return hash;
}

static uint64_t fingerprint(const struct config *config)
{
    uint64_t hash = FNV_BASIS;
    for (size_t i = 0; i < pairs_of(config); i++) {
        mix_file(config, pair_of(config, i)->certificate, &hash);
        mix_file(config, pair_of(config, i)->key, &hash);
    }
    if (config->client_ca_file[0]) mix_file(config, config->client_ca_file, &hash);
    return hash;
}

/* NULL: it gets all files when it starts. */
static struct child *living(struct supervisor *s, enum msg_role role)
{
    for (size_t i = 0; i < s->child_count; i++)
        if (s->children[i].row->role == role && s->children[i].channel >= 0) return &s->children[i];
    return NULL;
}

static struct child *living_vault(struct supervisor *s)
{
    return living(s, ROLE_VAULT);
}

void files_reload(struct supervisor *s)
{
    struct child *queue = living(s, ROLE_QUEUE);
    if (queue) files_send_events(s, queue); /* the file may have been rotated */
    if (!served_usable(s)) {                /* what signs in upstream stands or falls by itself */
        LOG(LOG_ERROR, "config", LOG_Z("reload", "certificates"),
            LOG_Z("problem", "not read again; the ones before stay in force"));
        return;
    }
    s->generation++;
    s->fingerprint = fingerprint(s->config); /* what is read now need not be noticed once more */
    s->proof_seen  = fingerprint_of_proof(s->config);
    LOG(LOG_INFO, "config", LOG_Z("reload", "certificates"), LOG_N("generation", s->generation));
    struct child *vault = living_vault(s);
    if (vault) files_send(s, vault);
}

/* A token is a new one every hour: certificates, and the tickets of sessions under them, have nothing to do with that. A file that is gone
 * keeps no other from being read. */
static void proof_reload(struct supervisor *s)
{
    struct child *vault = living_vault(s);
    for (size_t i = 0; vault && i < config_logins(s->config); i++) {
        if (send_secret(s->config, vault, i)) LOG(LOG_INFO, "config", LOG_Z("reload", proof_of(s->config, i)));
        if (send_proof_pair(s->config, vault, i))
            LOG(LOG_INFO, "config", LOG_Z("reload", config_login_of(s->config, i).certificate_file));
    }
    if (vault && s->config->provider_count) send_provider_files(s, vault);
}

void files_watch(struct supervisor *s, gp_time now)
{
    if (now < s->files_due) return;
    s->files_due    = now + LOOK_EVERY_MS;
    uint64_t is     = fingerprint(s->config);
    uint64_t proof  = fingerprint_of_proof(s->config);
    bool     first  = !s->fingerprint;
    bool     renews = is != s->fingerprint, proves = proof != s->proof_seen;
    s->fingerprint = is;
    s->proof_seen  = proof;
    if (first) return;
    if (renews) files_reload(s);
    if (proves) proof_reload(s);
}
