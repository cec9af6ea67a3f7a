/* What a set-up of ours is: its domains, its DKIM keys with what they do, its certificate, its services. */
#include "zone/parts.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PEM_MOST = 256 * 1024, ANCHORS_MOST = 16 * 1024, MILLI = 1000 };

static const char folder[] = "vault/dkim";

/* The whole file into room; "" when it can not be read. */
static gp_str read_file(int dir, const char *name, char *room, size_t size)
{
    int     fd  = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    ssize_t got = fd >= 0 ? read(fd, room, size) : -1;
    if (fd >= 0) close(fd);
    return (gp_str) { room, got > 0 && (size_t)got < size ? (size_t)got : 0 };
}

/* ---- keys ----------------------------------------------------------------------------------------------------------------- */
bool zone_keep_key(struct zone_key *out, const struct gp_key *key)
{
    struct gp_text octets = GP_TEXT(out->octets);
    if (!key || gp_key_kind(key) == GP_KEY_EC || !gp_key_public(key, &octets)) return false;
    out->ed25519    = gp_key_kind(key) == GP_KEY_ED25519;
    out->bits       = gp_key_bits(key);
    out->octets_len = octets.len;
    return true;
}

static void read_key(int dir, const char *name, struct zone_key_file *out)
{
    char        room[64 * 1024];
    struct stat file;
    if (fstatat(dir, name, &file, AT_SYMLINK_NOFOLLOW) != 0) return;
    out->key.changed   = (gp_time)file.st_mtim.tv_sec * MILLI;
    gp_str         pem = read_file(dir, name, room, sizeof room);
    struct gp_key *key = pem.len ? gp_key_read(pem) : NULL;
    gp_wipe(room, sizeof room);
    out->readable = zone_keep_key(&out->key, key);
    gp_key_close(key);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* In the order of their names, so that two runs print the same. */
static size_t list_names(DIR *listing, char **names)
{
    size_t         count = 0;
    struct dirent *file;
    while (count < ZONE_KEY_FILES_MOST && (file = readdir(listing)))
        if ((names[count] = strdup(file->d_name))) count++;
    qsort(names, count, sizeof *names, by_name);
    return count;
}

struct each {
    const struct config *config;
    const char          *domain; /* NULL: all */
    void (*take)(void *owner, const struct zone_key_file *);
    void *owner;
};

static void take_file(const struct each *e, int dir, const char *name)
{
    struct zone_key_file f    = { .readable = false };
    struct gp_text       path = GP_TEXT(f.path);
    if (!config_dkim_file(e->config, gp_from(name), &f.key.state, f.domain, f.key.selector) ||
        (e->domain && !gp_is(gp_from(e->domain), f.domain)))
        return;
    gp_put_z(&path, e->config->dir);
    gp_put_char(&path, '/');
    gp_put_z(&path, folder);
    gp_put_char(&path, '/');
    gp_put_z(&path, name);
    gp_put_char(&path, '\0');
    if (path.cut) return;
    read_key(dir, name, &f);
    e->take(e->owner, &f);
}

bool zone_each_key(const struct config *c, const char *domain, void (*take)(void *owner, const struct zone_key_file *),
                   void *owner)
{
    char        path[CONFIG_PATH];
    struct each e       = { c, domain, take, owner };
    char      **names   = calloc(ZONE_KEY_FILES_MOST, sizeof *names);
    DIR        *listing = names && config_path(c, folder, path) ? opendir(path) : NULL;
    size_t      count   = listing ? list_names(listing, names) : 0;
    for (size_t i = 0; i < count; i++) {
        take_file(&e, dirfd(listing), names[i]);
        free(names[i]);
    }
    if (listing) closedir(listing);
    free((void *)names);
    return listing != NULL;
}

static bool signs(const struct zone_plan *p)
{
    for (size_t i = 0; i < p->key_count; i++)
        if (p->keys[i].state == CONFIG_DKIM_SIGNS) return true;
    return false;
}

static void keep_key_above(void *owner, const struct zone_key_file *f)
{
    struct zone_plan *p = owner;
    if (!f->readable || f->key.state != CONFIG_DKIM_SIGNS || p->key_count == ZONE_KEYS_MOST) return;
    p->keys[p->key_count]         = f->key;
    p->keys[p->key_count++].above = true;
}

/* As the vault has it: who has no key that signs is signed for by the nearest domain above that has some. */
static void look_above(const struct config *c, struct zone_plan *p)
{
    for (gp_str above = gp_from(p->domain); !signs(p) && gp_find(above, '.') < above.len;) {
        (void)gp_cut(&above, '.');
        if (!gp_copy_z(above, p->signer, sizeof p->signer)) return;
        (void)zone_each_key(c, p->signer, keep_key_above, p);
    }
    if (!signs(p)) p->signer[0] = '\0';
}

static void keep_key(void *owner, const struct zone_key_file *f)
{
    struct zone_plan *p = owner;
    if (!f->readable) p->keys_hidden = true;
    if (f->readable && p->key_count < ZONE_KEYS_MOST) p->keys[p->key_count++] = f->key;
}

/* ---- the certificate and the services --------------------------------------------------------------------------------------- */
static void read_certificate(const struct config *c, struct zone_plan *out)
{
    char   path[CONFIG_PATH];
    char  *room = malloc(PEM_MOST);
    gp_str pem  = GP_LIT("");
    if (room && c->certificate_count && config_path(c, c->certificates[0].certificate, path))
        pem = read_file(AT_FDCWD, path, room, PEM_MOST);
    out->has_spki = pem.len && gp_certificate_key(pem, out->spki) && gp_certificate_fingerprint(pem, out->certificate);
    free(room);
}

static uint16_t port_of(const char *address)
{
    gp_str   text = gp_from(address);
    size_t   at   = text.len;
    uint64_t port = 0;
    while (at > 0 && text.ptr[at - 1] != ':') at--;
    return gp_read_number(gp_tail(text, at), UINT16_MAX, &port) ? (uint16_t)port : 0;
}

static bool has_service(const struct zone_plan *p, const char *name)
{
    for (size_t i = 0; i < p->service_count; i++)
        if (strcmp(p->services[i].name, name) == 0) return true;
    return false;
}

/* The first listener of each kind is the one to be told of. */
static void add_services(const struct config *c, enum listen_kind kind, const char *name, unsigned preference,
                         struct zone_plan *out)
{
    for (size_t i = 0; i < c->listen_count && !has_service(out, name); i++)
        if (c->listen[i].kind == kind && port_of(c->listen[i].address))
            out->services[out->service_count++] =
                (struct zone_service) { name, port_of(c->listen[i].address), preference };
}

void zone_of_house(const struct config *c, const char *domain, struct zone_plan *out)
{
    *out = (struct zone_plan) { .own = true };
    if (!gp_copy_z(gp_from(domain), out->domain, sizeof out->domain) ||
        !gp_copy_z(gp_from(c->hostname), out->hostname, sizeof out->hostname))
        return;
    bool main = gp_is(gp_from(domain), c->domain); /* it is the same for all */
    if (main) out->proofs = c->relay.dnssec == DNSSEC_REQUIRED ? ZONE_PROOFS_REQUIRED : ZONE_PROOFS_WANTED;
    zone_add_senders(c, out);
    if (!zone_each_key(c, out->domain, keep_key, out)) out->keys_hidden = true;
    if (!signs(out) && !out->keys_hidden) look_above(c, out);
    read_certificate(c, out);
    add_services(c, LISTEN_SUBMISSIONS, "_submissions", 0, out);
    add_services(c, LISTEN_SUBMISSION, "_submission", 10, out);
}

struct dns_waiter *zone_waiter(const struct config *c, const char *server)
{
    char        room[ANCHORS_MOST + 1], path[CONFIG_PATH];
    const char *file = c->relay.trust_anchor_file, *named = server ? server : c->relay.dns_server;
    gp_str      keys = file[0] && config_path(c, file, path) ? read_file(AT_FDCWD, path, room, ANCHORS_MOST) : GP_NONE;
    if (keys.len) room[keys.len] = '\0';
    return dns_waiter_open_anchored(named[0] ? named : NULL, keys.len ? room : NULL, DNS_WAIT_MS);
}

/* ---- domains ------------------------------------------------------------------------------------------------------------------ */
struct domains {
    char (*list)[ZONE_NAME_ROOM];
    size_t count;
};

/* Their files come in the order of their names, so one that is there already is near the end. */
static void add_domain(struct domains *d, const char *name)
{
    for (size_t i = d->count; i-- > 0;)
        if (gp_is(gp_from(name), d->list[i])) return;
    if (name[0] && gp_copy_z(gp_from(name), d->list[d->count], ZONE_NAME_ROOM)) d->count++;
}

static void add_domain_of(void *owner, const struct zone_key_file *f)
{
    add_domain(owner, f->domain);
}

char (*zone_domains(const struct config *c, size_t *count))[ZONE_NAME_ROOM]
{
    struct domains d = { calloc(ZONE_KEY_FILES_MOST + 1, ZONE_NAME_ROOM), 0 };
    *count           = 0;
    if (!d.list) return NULL;
    add_domain(&d, c->domain);
    (void)zone_each_key(c, NULL, add_domain_of, &d);
    *count = d.count;
    return d.list;
}
