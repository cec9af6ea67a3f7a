/* Sets of a few places each, chosen by the digest: in a full set the one that ends first goes. */
#include "lookup/token_cache.h"

#include <stdlib.h>
#include <string.h>

enum { DIGEST = 32, WAYS = 4, SETS = TOKEN_CACHE_MOST / WAYS };

struct place {
    uint8_t            digest[DIGEST];
    gp_time            until; /* 0: free */
    int64_t            expires;
    struct token_owner owner;
};
struct token_cache {
    uint8_t      key[DIGEST];
    struct place places[SETS][WAYS];
};

struct token_cache *token_cache_open(void)
{
    struct token_cache *c = calloc(1, sizeof *c);
    if (c) gp_random(c->key, sizeof c->key);
    return c;
}

void token_cache_close(struct token_cache *c)
{
    if (!c) return;
    gp_wipe(c, sizeof *c);
    free(c);
}

static bool digest(const struct token_cache *c, gp_str token, uint8_t out[static DIGEST])
{
    return gp_hmac(GP_SHA256, (gp_str) { (const char *)c->key, sizeof c->key }, token, out);
}

static size_t set_of(const uint8_t digest_of[static DIGEST])
{
    return ((size_t)digest_of[0] << 8 | digest_of[1]) % SETS;
}

void token_cache_keep(struct token_cache *c, gp_str token, const struct token_owner *owner, gp_time until,
                      int64_t expires)
{
    uint8_t      mac[DIGEST];
    struct place made = { .until = until, .expires = expires, .owner = *owner };
    if (!digest(c, token, mac)) return;
    memcpy(made.digest, mac, sizeof made.digest);
    struct place *set = c->places[set_of(mac)], *at = set;
    for (size_t i = 0; i < WAYS; i++) {
        if (gp_matches(set[i].digest, mac, DIGEST)) {
            at = &set[i];
            break;
        }
        if (set[i].until < at->until) at = &set[i];
    }
    *at = made;
}

bool token_cache_find(const struct token_cache *c, gp_str token, gp_time now, int64_t date, struct lent *out)
{
    uint8_t mac[DIGEST];
    if (!digest(c, token, mac)) return false;
    const struct place *set = c->places[set_of(mac)];
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].until <= now || !gp_matches(set[i].digest, mac, DIGEST)) continue;
        if (set[i].expires && set[i].expires <= date) return false;
        out->owner   = set[i].owner;
        out->expires = set[i].expires;
        return true;
    }
    return false;
}
