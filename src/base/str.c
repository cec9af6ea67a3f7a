/* Slices: comparing, cutting and copying octets that somebody else owns. */
#include "base/base.h"

#include <string.h>

static unsigned char lower(char c)
{
    unsigned char octet = (unsigned char)c;
    return octet >= 'A' && octet <= 'Z' ? (unsigned char)(octet | 0x20) : octet;
}

gp_str gp_from(const char *z)
{
    return z ? (gp_str) { z, strlen(z) } : GP_NONE;
}

bool gp_same(gp_str a, gp_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool gp_alike(gp_str a, gp_str b)
{
    if (a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.ptr[i]) != lower(b.ptr[i])) return false;
    return true;
}

bool gp_is(gp_str a, const char *word)
{
    return gp_alike(a, gp_from(word));
}

bool gp_starts(gp_str a, const char *prefix)
{
    gp_str p = gp_from(prefix);
    return a.len >= p.len && gp_alike(gp_head(a, p.len), p);
}

bool gp_ends(gp_str a, const char *suffix)
{
    gp_str s = gp_from(suffix);
    return a.len >= s.len && gp_alike(gp_tail(a, a.len - s.len), s);
}

gp_str gp_head(gp_str a, size_t n)
{
    return (gp_str) { a.ptr, n < a.len ? n : a.len };
}

gp_str gp_tail(gp_str a, size_t n)
{
    if (n == 0) return a; /* no arithmetic on a NULL pointer */
    return n < a.len ? (gp_str) { a.ptr + n, a.len - n } : (gp_str) { a.ptr ? a.ptr + a.len : NULL, 0 };
}

size_t gp_find(gp_str a, char c)
{
    const char *at = a.len ? memchr(a.ptr, c, a.len) : NULL;
    return at ? (size_t)(at - a.ptr) : a.len;
}

gp_str gp_cut(gp_str *rest, char separator)
{
    size_t at   = gp_find(*rest, separator);
    gp_str head = gp_head(*rest, at);
    *rest       = at < rest->len ? gp_tail(*rest, at + 1) : GP_NONE;
    return head;
}

gp_str gp_word(gp_str *rest)
{
    while (rest->len && rest->ptr[0] == ' ') *rest = gp_tail(*rest, 1);
    return gp_cut(rest, ' ');
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

gp_str gp_trim(gp_str a)
{
    while (a.len && is_blank(a.ptr[0])) a = gp_tail(a, 1);
    while (a.len && is_blank(a.ptr[a.len - 1])) a.len--;
    return a;
}

bool gp_copy_z(gp_str a, char *out, size_t room)
{
    if (a.len >= room || gp_find(a, '\0') < a.len) return false;
    if (a.len) memcpy(out, a.ptr, a.len);
    out[a.len] = '\0';
    return true;
}
