/* Forms: what goes to a provider, and what a browser brings back. */
#include "oauth/oauth.h"

#include <string.h>

void oauth_put_form(struct gp_text *out, gp_str value)
{
    static const char digits[] = "0123456789ABCDEF"; /* RFC 3986 2.1: upper case */
    static const char plain[]  = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (size_t i = 0; i < value.len; i++) {
        if (memchr(plain, value.ptr[i], sizeof plain - 1)) {
            gp_put_char(out, value.ptr[i]);
        } else {
            gp_put_char(out, '%');
            gp_put_char(out, digits[(unsigned char)value.ptr[i] >> 4]);
            gp_put_char(out, digits[(unsigned char)value.ptr[i] & 0xf]);
        }
    }
}

void oauth_put_field(struct gp_text *out, const char *name, gp_str value)
{
    if (out->len) gp_put_char(out, '&');
    gp_put_z(out, name);
    gp_put_char(out, '=');
    oauth_put_form(out, value);
}

static bool decode(gp_str value, struct gp_text *out)
{
    for (size_t i = 0; i < value.len; i++) {
        char   octet = value.ptr[i] == '+' ? ' ' : value.ptr[i];
        size_t len   = 0;
        if (octet == '%') {
            if (!gp_read_hex(gp_head(gp_tail(value, i + 1), 2), &octet, 1, &len) || len != 1) return false;
            i += 2;
        }
        gp_put_char(out, octet);
    }
    return !out->cut;
}

bool oauth_read_field(gp_str form, const char *name, char *out, size_t room)
{
    struct gp_text text = { .ptr = out, .room = room - 1 };
    while (form.ptr) {
        gp_str value = gp_cut(&form, '&'), key = gp_cut(&value, '=');
        if (!gp_same(key, gp_from(name)) || !value.ptr) continue;
        bool good     = decode(value, &text) && !memchr(out, 0, text.len);
        out[text.len] = '\0';
        return good;
    }
    return false;
}
