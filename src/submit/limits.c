/* Counts of sessions, and of those that were refused. An address is an IPv4 address or the first 64 bits of an IPv6 one: who has one of
 * those has all behind it. */
#include "submit/parts.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { KEY = 8, MAPPED = 12, FNV_PRIME = 16777619, FNV_START = 2166136261 };

struct address_count {
    struct address_count *next;
    unsigned char         key[KEY];
    unsigned              sessions, bucket;
    struct refusals       refusals;
};
enum { TELL_EVERY_MS = 10 * MS };

static const struct gp_reply overloaded     = { 421, "4.3.2", "too many sessions now, try again later" };
static const struct gp_reply too_many_yours = { 421, "4.7.0", "too many sessions from your address" };

static void key_of(const struct sockaddr_storage *address, unsigned char key[static KEY])
{
    static const unsigned char mapped[MAPPED] = { [10] = 0xff, [11] = 0xff };
    memset(key, 0, KEY);
    if (address->ss_family == AF_INET) {
        memcpy(key, &((const struct sockaddr_in *)address)->sin_addr, sizeof(struct in_addr));
    } else if (address->ss_family == AF_INET6) {
        const unsigned char *octets = ((const struct sockaddr_in6 *)address)->sin6_addr.s6_addr;
        bool                 is_v4  = memcmp(octets, mapped, MAPPED) == 0;
        memcpy(key, is_v4 ? octets + MAPPED : octets, is_v4 ? sizeof(struct in_addr) : KEY);
    }
}

static unsigned bucket_of(const unsigned char key[static KEY])
{
    uint32_t hash = FNV_START;
    for (size_t i = 0; i < KEY; i++) hash = (hash ^ key[i]) * FNV_PRIME;
    return hash % ADDRESS_BUCKETS;
}

static struct address_count *find(struct limits *l, const unsigned char key[static KEY], unsigned bucket)
{
    struct address_count *at = l->buckets[bucket];
    while (at && memcmp(at->key, key, KEY) != 0) at = at->next;
    return at;
}

static struct address_count *add(struct limits *l, const unsigned char key[static KEY], unsigned bucket)
{
    struct address_count *fresh = calloc(1, sizeof *fresh);
    if (!fresh) return NULL;
    memcpy(fresh->key, key, KEY);
    fresh->bucket      = bucket;
    fresh->next        = l->buckets[bucket];
    l->buckets[bucket] = fresh;
    return fresh;
}

const struct gp_reply *limits_enter(struct limits *l, const struct sockaddr_storage *address,
                                    struct address_count **counted)
{
    unsigned char key[KEY];
    if (l->sessions >= l->sessions_most) return &overloaded;
    key_of(address, key);
    unsigned              bucket = bucket_of(key);
    struct address_count *known  = find(l, key, bucket);
    if (known && known->sessions >= l->per_address_most) return &too_many_yours;
    if (!known) known = add(l, key, bucket);
    if (!known) return &overloaded;
    known->sessions++;
    l->sessions++;
    *counted = known;
    return NULL;
}

void limits_leave(struct limits *l, struct address_count *counted)
{
    l->sessions--;
    if (--counted->sessions > 0) return;
    struct address_count **at = &l->buckets[counted->bucket];
    while (*at != counted) at = &(*at)->next;
    *at = counted->next;
    free(counted);
}

/* ---- what the log hears of refusals ------------------------------------------------------------------------------------- */
unsigned limits_refused(struct limits *l, const struct sockaddr_storage *address, gp_time now)
{
    unsigned char key[KEY];
    key_of(address, key);
    struct address_count *known = find(l, key, bucket_of(key));
    struct refusals      *r     = known ? &known->refusals : &l->refusals;
    r->untold++;
    if (now < r->due) return 0;
    unsigned told = r->untold;
    *r            = (struct refusals) { .due = now + TELL_EVERY_MS };
    return told;
}
