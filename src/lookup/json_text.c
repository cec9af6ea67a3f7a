/* The body of a call-out. Written by hand, because it has the password in it and must be wiped. */
#include "lookup/json_text.h"

static void put_string(struct gp_text *out, gp_str text)
{
    gp_put_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char octet = (unsigned char)text.ptr[i];
        if (octet == '"' || octet == '\\') {
            gp_put_char(out, '\\');
            gp_put_char(out, (char)octet);
        } else if (octet < ' ') { /* RFC 8259 7 */
            gp_put_z(out, "\\u00");
            gp_put_hex(out, (gp_str) { &text.ptr[i], 1 });
        } else {
            gp_put_char(out, (char)octet);
        }
    }
    gp_put_char(out, '"');
}

bool json_put_object(struct gp_text *out, const struct json_pair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!gp_is_utf8(pairs[i].value)) return false;
        gp_put_char(out, i ? ',' : '{');
        put_string(out, gp_from(pairs[i].name));
        gp_put_char(out, ':');
        put_string(out, pairs[i].value);
    }
    gp_put_char(out, '}');
    return !out->cut;
}
