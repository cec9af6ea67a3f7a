/* The own set-up: configuration, files, databases, disk and clock, and whether what listens is what the configuration says. */
#include "probe/house.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "store/accounts.h"
#include "store/queue.h"
#include "tls/tls.h"

enum { PEM_MOST = 256 * 1024, PINNED_MOST = 4 * PEM_MOST, BUSY_MS = 5000, MILLI = 1000, CHAIN_MOST = 64 * 1024 };

struct house {
    const struct config *config;
    struct probe_run    *run;
    time_t               newest; /* of the files that were looked at */
};

/* ---- files ---------------------------------------------------------------------------------------------------------------- */
static bool stat_of(struct house *h, const char *path, struct stat *at)
{
    probe_look(h->run->report, FOUND_OWN_MISSING);
    if (stat(path, at) != 0) {
        probe_found(h->run, FOUND_OWN_MISSING, "%s: %s", path, strerror(errno));
        return false;
    }
    if (at->st_mtime > h->newest) h->newest = at->st_mtime;
    return true;
}

/* No bit of `never`; what is not there is somebody else's finding, unless it must be. */
static void judge_mode(struct house *h, const char *path, mode_t never)
{
    struct stat at;
    if (!path[0] || !stat_of(h, path, &at)) return;
    probe_judge(h->run, FOUND_OWN_MODE, (at.st_mode & never) == 0, "%s has mode %04o", path,
                (unsigned)(at.st_mode & 07777));
}

static void judge_in_dir(struct house *h, const char *name, mode_t never)
{
    char path[CONFIG_PATH];
    if (config_path(h->config, name, path)) judge_mode(h, path, never);
}

static void judge_named(struct house *h, const char *name, mode_t never)
{
    if (name[0]) judge_in_dir(h, name, never);
}

static void judge_files(struct house *h)
{
    const struct config *c = h->config;
    judge_in_dir(h, "gatepost.yml", S_IWOTH);
    judge_in_dir(h, "vault", S_IRWXG | S_IRWXO);
    judge_in_dir(h, "vault/vault.key", S_IRWXG | S_IRWXO);
    judge_in_dir(h, "vault/accounts.db", S_IRWXO);
    judge_in_dir(h, "queue", S_IRWXG | S_IRWXO);
    for (size_t i = 0; i < config_logins(c); i++) {
        struct config_login of = config_login_of(c, i);
        judge_named(h, of.password_file, S_IRWXO);
        judge_named(h, of.token_file, S_IRWXO);
        judge_named(h, of.key_file, S_IRWXO);
    }
    judge_named(h, c->notices.webhook_secret_file, S_IRWXO);
    judge_named(h, c->events.webhook_secret_file, S_IRWXO);
    for (size_t i = 0; i < c->certificate_count; i++) judge_named(h, c->certificates[i].key, S_IRWXO);
    for (size_t i = 0; i < c->lookup_count; i++) {
        judge_named(h, c->lookups[i].password_file, S_IRWXO);
        judge_named(h, c->lookups[i].token_file, S_IRWXO);
    }
}

/* ---- databases, disk, clock ------------------------------------------------------------------------------------------------ */
static void judge_accounts(struct house *h)
{
    char                  path[CONFIG_PATH];
    enum database_trouble trouble = DATABASE_ABSENT;
    if (!config_path(h->config, "vault/accounts.db", path) || access(path, F_OK) != 0) return;
    struct accounts_plan plan     = { .path = path, .domain = gp_from(h->config->domain), .busy_ms = BUSY_MS };
    struct accounts     *accounts = accounts_open(&plan, &trouble);
    bool                 good     = accounts && database_check(accounts_database(accounts)) == GP_OK;
    if (accounts && !good) trouble = database_trouble(accounts_database(accounts));
    probe_judge(h->run, FOUND_OWN_STORE, good, "%s: %s", path, database_why(trouble));
    accounts_close(accounts);
}

static void judge_queue(struct house *h)
{
    char                  path[CONFIG_PATH];
    enum database_trouble trouble = DATABASE_ABSENT;
    if (!config_path(h->config, "queue/queue.db", path) || access(path, F_OK) != 0 ||
        !config_path(h->config, "queue", path))
        return;
    struct queue_store *queue = queue_open(path, BUSY_MS, &trouble);
    bool                good  = queue && queue_check(queue) == GP_OK;
    probe_judge(h->run, FOUND_OWN_STORE, good, "%s/queue.db: %s", path,
                queue ? "does not pass the check" : database_why(trouble));
    queue_close(queue);
}

static void judge_disk(struct house *h)
{
    struct statvfs disk;
    char           path[CONFIG_PATH];
    if (!config_path(h->config, "queue", path) || statvfs(path, &disk) != 0) return;
    uint64_t left = (uint64_t)disk.f_bavail * disk.f_frsize, least = h->config->queue.free_space;
    probe_judge(h->run, FOUND_OWN_DISK, left / 2 >= least, "%s: %llu MiB left, mail is refused below %llu MiB", path,
                (unsigned long long)(left >> 20), (unsigned long long)(least >> 20));
}

static void judge_clock(struct house *h)
{
    enum { SLACK = 300 };
    time_t now = time(NULL);
    probe_judge(h->run, FOUND_OWN_CLOCK, h->newest <= now + SLACK, "a file of the set-up is of %lld seconds to come",
                (long long)(h->newest - now));
}

/* ---- certificates ------------------------------------------------------------------------------------------------------------ */
static bool read_file(const struct config *c, const char *name, char *room, size_t size, gp_str *text)
{
    char path[CONFIG_PATH];
    int  fd = config_path(c, name, path) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return false;
    ssize_t got = read(fd, room, size);
    close(fd);
    *text = (gp_str) { room, got > 0 ? (size_t)got : 0 };
    return got > 0 && (size_t)got < size;
}

static bool read_pair(struct house *h, const struct config_certificate *pair, char *room, gp_str *chain)
{
    char   *secret  = malloc(PEM_MOST);
    gp_str  pem     = GP_NONE;
    gp_time expires = 0;
    bool    read    = secret && read_file(h->config, pair->key, secret, PEM_MOST, &pem) &&
                read_file(h->config, pair->certificate, room, PEM_MOST, chain);
    probe_judge(h->run, FOUND_OWN_MISSING, read || !secret, "%s or %s cannot be read", pair->certificate, pair->key);
    struct gp_key *key  = read ? gp_key_read(pem) : NULL;
    bool           fits = key && gp_certificate_fits(*chain, key, &expires);
    if (read) {
        probe_judge(h->run, FOUND_OWN_CERTIFICATE, fits, "%s is not the key of %s", pair->key, pair->certificate);
        if (fits)
            probe_judge(h->run, FOUND_OWN_CERTIFICATE, expires > (gp_time)time(NULL) * MILLI, "%s has ended",
                        pair->certificate);
    }
    gp_key_close(key);
    if (secret) gp_wipe(secret, PEM_MOST);
    free(secret);
    return read;
}

/* The configuration is read at the start alone; the control socket is made then. */
static void judge_restart(struct house *h)
{
    char        path[CONFIG_PATH];
    struct stat file, begun;
    if (!config_path(h->config, "gatepost.yml", path) || stat(path, &file) != 0) return;
    if (!config_path(h->config, "run/control.sock", path) || stat(path, &begun) != 0) return;
    probe_judge(h->run, FOUND_OWN_RESTART, file.st_mtime <= begun.st_mtime,
                "gatepost.yml was changed %lld seconds after the server was started",
                (long long)(file.st_mtime - begun.st_mtime));
}

/* Is what the server shows one of the files? Of two kinds for one name a client gets the one that it can check. */
static void judge_shown(struct house *h, const uint8_t (*of_files)[GP_PEER_FINGERPRINT])
{
    static char    room[CHAIN_MOST];
    uint8_t        shown[GP_PEER_FINGERPRINT];
    size_t         count = h->config->certificate_count;
    bool           known = false;
    struct gp_text der   = GP_TEXT(room);
    auto_call      c     = { 0 };
    if (!call_ready(&c, h->run) || !talk_session(c.talk)) return;
    gp_tls_server_chain(talk_session(c.talk), &der);
    if (!gp_certificate_first(gp_said(&der), shown)) return;
    for (size_t i = 0; i < count; i++) known = known || memcmp(of_files[i], shown, sizeof shown) == 0;
    probe_judge(h->run, FOUND_OWN_RELOAD, known, "what it shows is not what %s%s holds",
                h->config->certificates[0].certificate, count > 1 ? " or another file of tls.certificates" : "");
}

static void judge_certificates(struct house *h, bool listens)
{
    uint8_t of_files[CONFIG_CERTIFICATES_MOST][GP_PEER_FINGERPRINT];
    char   *room  = malloc(PEM_MOST);
    gp_str  chain = GP_NONE;
    bool    all   = room != NULL;
    for (size_t i = 0; room && i < h->config->certificate_count; i++)
        all = read_pair(h, &h->config->certificates[i], room, &chain) &&
              gp_certificate_fingerprint(chain, of_files[i]) && all;
    if (all && listens && h->config->certificate_count) judge_shown(h, of_files);
    free(room);
}

/* ---- listeners ------------------------------------------------------------------------------------------------------------ */
/* "0.0.0.0:587" is asked at 127.0.0.1, "[::]:587" at ::1. */
static bool split(const char *address, char host[static CONFIG_LISTEN_ADDRESS], char port[static 8])
{
    gp_str text  = gp_from(address), name;
    size_t colon = text.len;
    while (colon > 0 && text.ptr[colon - 1] != ':') colon--;
    if (colon == 0) return false;
    name = gp_head(text, colon - 1);
    if (name.len && name.ptr[0] == '[') name = gp_head(gp_tail(name, 1), name.len - 2);
    if (gp_is(name, "0.0.0.0")) name = GP_LIT("127.0.0.1");
    if (gp_is(name, "::")) name = GP_LIT("::1");
    return gp_copy_z(name, host, CONFIG_LISTEN_ADDRESS) && gp_copy_z(gp_tail(text, colon), port, 8);
}

static bool try_listener(struct house *h, const struct config_listen *l, const struct probe_plan *base)
{
    char              host[CONFIG_LISTEN_ADDRESS], port[8];
    struct probe_plan plan = *base;
    if (l->kind == LISTEN_DOVECOT_AUTH || l->kind == LISTEN_LEGACY) { /* what is weak there was asked for */
        probe_fact(h->run, PROBE_OWN, "not examined, since it is for old devices or other servers: listener %s",
                   l->name);
        return false;
    }
    if (!split(l->address, host, port)) return false;
    plan.host     = host;
    plan.port     = port;
    plan.expect   = h->config->hostname;
    plan.tls      = config_listens_in_tls(l);
    plan.starttls = !plan.tls;
    bool there    = probe_server(&plan, h->run->report);
    probe_judge(h->run, FOUND_OWN_LISTENER, there, "%s does not answer", l->address);
    return there;
}

/* Its own certificates are trusted for signing in, signed by whomever: who can put them there has the passwords anyway. */
static void pin(const struct house *h, struct gp_buffer *all, char *room, struct probe_plan *plan)
{
    gp_str pem = GP_NONE;
    for (size_t i = 0; room && i < h->config->certificate_count; i++)
        if (read_file(h->config, h->config->certificates[i].certificate, room, PEM_MOST, &pem))
            (void)(gp_buffer_add(all, pem, PINNED_MOST) && gp_buffer_add(all, GP_LIT("\n"), PINNED_MOST));
    if (gp_buffer_all(all).len) plan->pinned_pem = gp_buffer_all(all);
}

static void judge_listeners(struct house *h, const struct probe_plan *base)
{
    char             *room = malloc(PEM_MOST);
    struct probe_plan plan = *base, shown = *base;
    struct gp_buffer  own = { 0 };
    pin(h, &own, room, &plan);
    char host[CONFIG_LISTEN_ADDRESS], port[8];
    bool seen = false;
    for (size_t i = 0; i < h->config->listen_count; i++) {
        const struct config_listen *l = &h->config->listen[i];
        if (!try_listener(h, l, &plan) || seen || !split(l->address, host, port)) continue;
        seen          = true;
        shown.host    = host;
        shown.expect  = h->config->hostname;
        h->run->plan  = &shown;
        h->run->port  = port;
        h->run->local = true;
        h->run->tls   = l->kind == LISTEN_SUBMISSIONS ? TALK_IMPLICIT : TALK_CLEAR;
    }
    judge_certificates(h, seen);
    if (seen) judge_restart(h);
    h->run->plan = base;
    gp_buffer_free(&own);
    free(room);
}

static void add_problem(void *owner, gp_str line)
{
    struct gp_text *text = owner;
    if (text->len) gp_put_z(text, "; ");
    gp_put(text, line);
}

void probe_house(const char *dir, const struct probe_plan *base, struct probe_report *report)
{
    struct config    *config = calloc(1, sizeof *config);
    struct probe_run *run    = calloc(1, sizeof *run);
    char              problems[PROBE_SEEN_MOST];
    struct gp_text    text = GP_TEXT(problems);
    struct house      h    = { config, run, 0 };
    report->lost           = report->lost || !config || !run;
    if (config && run) {
        *run = (struct probe_run) { .plan = base, .report = report };
        (void)snprintf(run->where, sizeof run->where, "%s", dir);
        bool read = config_read(dir, config, add_problem, &text);
        probe_judge(run, FOUND_OWN_CONFIG, read, "%.*s", (int)text.len, text.ptr);
        if (config->dir[0]) {
            judge_files(&h);
            judge_accounts(&h);
            judge_queue(&h);
            judge_disk(&h);
            judge_clock(&h);
            house_backup(run);
            if (read && !base->files_only) judge_listeners(&h, base);
            if (read && base->files_only) judge_certificates(&h, false);
        }
    }
    free(config);
    free(run);
}
