/* Which addresses an identity stands for: a walk over two texts that goes back to the last star, so its work is bounded by their lengths. */
#include "policy/identity.h"

#include <string.h>

static size_t at_of(gp_str address)
{
    const char *at = address.len ? memrchr(address.ptr, '@', address.len) : NULL;
    return at ? (size_t)(at - address.ptr) : address.len;
}

/* A star stands for any octets, none among them. */
static bool fits(gp_str pattern, gp_str text)
{
    size_t p = 0, t = 0, star = pattern.len, again = 0;
    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star  = p++;
            again = t;
        } else if (p < pattern.len && pattern.ptr[p] == text.ptr[t]) {
            p++;
            t++;
        } else if (star < pattern.len) {
            p = star + 1;
            t = ++again;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*') p++;
    return p == pattern.len;
}

/* What stands before the first plus; a quoted local part has no such part (RFC 5233 speaks of plain ones). */
static gp_str without_detail(gp_str local)
{
    bool   quoted = local.len > 0 && local.ptr[0] == '"';
    size_t plus   = quoted ? local.len : gp_find(local, '+');
    return plus > 0 ? gp_head(local, plus) : local;
}

enum policy_cover policy_covers(gp_str identity, gp_str address, bool plus)
{
    size_t own = at_of(identity), other = at_of(address);
    gp_str local = gp_head(address, other), pattern = gp_head(identity, own);
    if (other == address.len || !gp_same(gp_tail(identity, own), gp_tail(address, other))) return POLICY_COVERS_NOT;
    if (pattern.len == 0 || gp_same(pattern, local)) return POLICY_COVERS;
    if (gp_find(pattern, '*') < pattern.len) return fits(pattern, local) ? POLICY_COVERS : POLICY_COVERS_NOT;
    return plus && gp_same(pattern, without_detail(local)) ? POLICY_COVERS_BY_PLUS : POLICY_COVERS_NOT;
}

bool policy_is_address(gp_str identity)
{
    size_t at = at_of(identity);
    return at > 0 && at < identity.len && gp_find(identity, '*') == identity.len;
}

bool policy_stars_are_good(gp_str identity)
{
    size_t at = at_of(identity), stars = 0;
    for (size_t i = 0; i < identity.len; i++) {
        if (identity.ptr[i] != '*') continue;
        if (i > at) return false;
        stars++;
    }
    return stars <= POLICY_STARS_MOST && (stars == 0 || stars < at);
}
