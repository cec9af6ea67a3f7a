/* DKIM keys: each dkim/DOMAIN.SELECTOR.pem signs. Read at start and when the folder changes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vault/parts.h"

static const char folder[] = "dkim";

enum { KEYS_TEXT_ROOM = 8192, FILES_MOST = 4096, PUBLIC_ROOM = 1024 };

/* ---- has anything changed? --------------------------------------------------------------------------------------------- */
struct file_mark {
    int64_t seconds, nanoseconds, size, inode;
    uint8_t name[GP_DIGEST_MOST];
};

/* A sum, so that the order in which the folder lists its files does not matter. */
static void add_mark(uint8_t sum[static GP_DIGEST_MOST], int dir, const char *name)
{
    struct stat      file;
    struct file_mark mark = { 0 };
    uint8_t          digest[GP_DIGEST_MOST];
    if (fstatat(dir, name, &file, AT_SYMLINK_NOFOLLOW) != 0 || !gp_digest(GP_SHA256, gp_from(name), mark.name)) return;
    mark.seconds     = file.st_mtim.tv_sec;
    mark.nanoseconds = file.st_mtim.tv_nsec;
    mark.size        = file.st_size;
    mark.inode       = (int64_t)file.st_ino;
    if (!gp_digest(GP_SHA256, (gp_str) { (const char *)&mark, sizeof(mark) }, digest)) return;
    for (size_t i = 0; i < GP_DIGEST_MOST; i++)
        sum[i] = (uint8_t)(sum[i] + (i < gp_hash_size(GP_SHA256) ? digest[i] : 0));
}

static void fingerprint(DIR *listing, uint8_t out[static GP_DIGEST_MOST])
{
    size_t         count = 0;
    struct dirent *file;
    memset(out, 0, GP_DIGEST_MOST);
    while ((file = readdir(listing)) && count++ < FILES_MOST) add_mark(out, dirfd(listing), file->d_name);
    rewinddir(listing);
}

/* ---- loading ----------------------------------------------------------------------------------------------------------- */
static struct gp_key *read_key(int dir, const char *name)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return NULL;
    gp_str pem = descriptor_read(fd, PRIVATE_KEY_MOST);
    (void)close(fd);
    struct gp_key *key = pem.ptr ? gp_key_read(pem) : NULL;
    file_free(pem);
    return key;
}

/* NULL: it may sign. */
static const char *why_not(const struct gp_key *key)
{
    enum { RSA_BITS_LEAST = 1024 }; /* RFC 8301 3.2 */
    if (!key || gp_key_kind(key) == GP_KEY_EC)
        return "not a readable RSA or Ed25519 private key in PEM form: not signed with";
    bool weak = gp_key_kind(key) == GP_KEY_RSA && gp_key_bits(key) < RSA_BITS_LEAST;
    return weak ? "an RSA key of less than 1024 bits, which receivers must not believe: not signed with" : NULL;
}

static struct dkim_key *new_place(struct dkim_ring *ring)
{
    size_t room = ring->room ? 2 * ring->room : 16;
    if (ring->count == DKIM_KEYS_MOST) return NULL;
    if (ring->count == ring->room) {
        struct dkim_key *keys = reallocarray(ring->keys, room, sizeof *keys);
        if (!keys) return NULL;
        ring->keys = keys;
        ring->room = room;
    }
    return &ring->keys[ring->count];
}

static void add_key(struct vault *v, int dir, const char *name, enum config_dkim_state wanted)
{
    struct dkim_key        key = { .key = NULL };
    enum config_dkim_state state;
    if (!config_dkim_file(v->config, gp_from(name), &state, key.domain, key.selector) || state != wanted) return;
    struct dkim_key *place = new_place(&v->dkim);
    if (!place) {
        v->dkim.left_out++;
        return;
    }
    key.listed         = state == CONFIG_DKIM_SIGNS;
    key.key            = read_key(dir, name);
    const char *reason = why_not(key.key);
    if (reason) {
        gp_key_close(key.key);
        LOG(LOG_ERROR, "dkim", LOG_Z("file", name), LOG_Z("reason", reason));
        return;
    }
    *place = key;
    v->dkim.count++;
}

static void close_keys(struct dkim_ring *ring)
{
    for (size_t i = 0; i < ring->count; i++) gp_key_close(ring->keys[i].key);
    ring->count = ring->left_out = 0;
}

void dkim_close(struct dkim_ring *ring)
{
    close_keys(ring);
    free(ring->keys);
    *ring = (struct dkim_ring) { .keys = NULL };
}

/* A key that is to sign next is no matter here. One that has signed is kept, unlisted: who was told of it a moment ago may still ask;
 * they come last, so that none of them takes the place of one that signs. */
static void add_keys(struct vault *v, DIR *listing)
{
    static const enum config_dkim_state order[] = { CONFIG_DKIM_SIGNS, CONFIG_DKIM_OLD };
    struct dirent                      *file;
    for (size_t i = 0; i < GP_COUNT(order); i++) {
        rewinddir(listing);
        while ((file = readdir(listing))) add_key(v, dirfd(listing), file->d_name, order[i]);
    }
    if (v->dkim.left_out)
        LOG(LOG_ERROR, "dkim", LOG_N("left_out", v->dkim.left_out),
            LOG_Z("reason", "too many keys: 4096 are read, and the domains of the others go unsigned"));
}

static void load_from(struct vault *v, DIR *listing)
{
    uint8_t now[GP_DIGEST_MOST];
    fingerprint(listing, now);
    if (v->dkim.loaded && memcmp(now, v->dkim.fingerprint, sizeof(now)) == 0) return;
    close_keys(&v->dkim);
    add_keys(v, listing);
    memcpy(v->dkim.fingerprint, now, sizeof(now));
    v->dkim.loaded = true;
    LOG(LOG_INFO, "dkim", LOG_N("keys", v->dkim.count));
}

void dkim_load(struct vault *v)
{
    DIR *listing = opendir(folder);
    if (listing) {
        load_from(v, listing);
        (void)closedir(listing);
        return;
    }
    if (errno != ENOENT) return; /* for a moment, as when there are no more descriptors: the keys stay */
    if (v->dkim.loaded) LOG(LOG_WARN, "dkim", LOG_Z("reason", "the folder vault/dkim is gone: no mail is signed"));
    dkim_close(&v->dkim);
}

/* ---- questions --------------------------------------------------------------------------------------------------------- */
static void put_public(struct gp_text *out, const struct gp_key *key)
{
    char           room[PUBLIC_ROOM];
    struct gp_text octets = GP_TEXT(room);
    gp_put_char(out, '\t');
    if (gp_key_public(key, &octets)) gp_put_base64(out, gp_said(&octets));
}

static void put_keys(const struct dkim_ring *ring, gp_str domain, bool public, struct gp_text *lines)
{
    for (size_t i = 0; i < ring->count; i++) {
        if (!ring->keys[i].listed || !gp_is(domain, ring->keys[i].domain)) continue;
        gp_put_z(lines, ring->keys[i].selector);
        gp_put_z(lines, gp_key_kind(ring->keys[i].key) == GP_KEY_RSA ? "\trsa" : "\ted25519");
        if (public) put_public(lines, ring->keys[i].key);
        gp_put_char(lines, '\n');
    }
}

/* A domain without keys has those of the nearest one above: that aligns (RFC 7489 3.1.1, relaxed). Whoever put a key there owns it. */
void dkim_keys(struct peer *peer, struct msg *m)
{
    char           room[KEYS_TEXT_ROOM];
    struct gp_text lines  = GP_TEXT(room);
    gp_str         domain = peer->vault->config->dkim.sign ? m->dkim_keys.domain : GP_LIT("");
    while (domain.len) {
        put_keys(&peer->vault->dkim, domain, m->dkim_keys.public, &lines);
        if (lines.len) break;
        (void)gp_cut(&domain, '.');
    }
    struct msg answer    = MSG(DKIM_KEYS_ARE);
    answer.dkim_keys_are = (struct msg_dkim_keys_are) { GP_OK, gp_said(&lines), domain.len ? domain : GP_LIT("") };
    ipc_answer(peer->channel, m->question, &answer);
}

static const struct gp_key *find_key(const struct dkim_ring *ring, gp_str domain, gp_str selector)
{
    for (size_t i = 0; i < ring->count; i++)
        if (gp_is(domain, ring->keys[i].domain) && gp_is(selector, ring->keys[i].selector)) return ring->keys[i].key;
    return NULL;
}

void dkim_sign(struct peer *peer, struct msg *m)
{
    const struct gp_key *key       = find_key(&peer->vault->dkim, m->dkim_sign.domain, m->dkim_sign.selector);
    bool                 is_digest = m->dkim_sign.digest.len == gp_hash_size(GP_SHA256);
    struct signing_wish  wish      = {
              .question = m->question,
              .answer   = MSG_DKIM_SIGNED,
              .key      = is_digest ? key : NULL,
              .how      = GP_SIGN_DIGEST_SHA256,
              .data     = m->dkim_sign.digest,
    };
    signing_start(peer, &wish);
}
