/* A small set-associative table of keyed digests; the oldest of a set gives way. */
#include "vault/recent.h"

#include <string.h>
#include <sys/mman.h>

#include "crypto/crypto.h"

enum { DIGEST = 32, INPUT_MOST = sizeof(int64_t) + GP_PASSWORD_MOST };

struct entry {
    uint8_t digest[DIGEST];
    gp_time until; /* 0: empty */
};
struct recent {
    uint8_t      key[DIGEST];
    struct entry sets[RECENT_SETS][RECENT_WAYS];
};

struct recent *recent_open(bool *locked)
{
    struct recent *r = mmap(NULL, sizeof(*r), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *locked          = false;
    if (r == MAP_FAILED) return NULL;
    *locked = mlock(r, sizeof(*r)) == 0;
    (void)madvise(r, sizeof(*r), MADV_DONTDUMP);
    gp_random(r->key, sizeof(r->key));
    return r;
}

void recent_close(struct recent *r)
{
    if (!r) return;
    gp_wipe(r, sizeof(*r));
    (void)munmap(r, sizeof(*r));
}

static bool digest_of(const struct recent *r, int64_t credential, gp_secret password,
                      uint8_t out[static GP_DIGEST_MOST])
{
    char input[INPUT_MOST];
    if (password.len > GP_PASSWORD_MOST) return false;
    memcpy(input, &credential, sizeof(credential));
    memcpy(input + sizeof(credential), password.ptr, password.len);
    gp_str key  = { (const char *)r->key, sizeof(r->key) };
    bool   made = gp_hmac(GP_SHA256, key, (gp_str) { input, sizeof(credential) + password.len }, out);
    gp_wipe(input, sizeof(input));
    return made;
}

static size_t set_of(const uint8_t digest[static GP_DIGEST_MOST])
{
    uint32_t start;
    memcpy(&start, digest, sizeof(start));
    return start % RECENT_SETS;
}

bool recent_has(const struct recent *r, int64_t credential, gp_secret password, gp_time now)
{
    uint8_t digest[GP_DIGEST_MOST];
    if (!r || !digest_of(r, credential, password, digest)) return false;
    const struct entry *set = r->sets[set_of(digest)];
    for (size_t i = 0; i < RECENT_WAYS; i++)
        if (set[i].until > now && gp_matches(set[i].digest, digest, DIGEST)) return true;
    return false;
}

void recent_add(struct recent *r, int64_t credential, gp_secret password, gp_time until)
{
    uint8_t digest[GP_DIGEST_MOST];
    if (!r || !digest_of(r, credential, password, digest)) return;
    struct entry *set = r->sets[set_of(digest)], *oldest = set;
    for (size_t i = 1; i < RECENT_WAYS; i++)
        if (set[i].until < oldest->until) oldest = &set[i];
    memcpy(oldest->digest, digest, DIGEST);
    oldest->until = until;
}

void recent_clear(struct recent *r)
{
    if (r) gp_wipe(r->sets, sizeof(r->sets));
}
