/* Names in a GS2 header (RFC 5801 4), as SCRAM and OAUTHBEARER write them. */
#include "sasl/mechanism.h"

/* saslname (RFC 5802 7): "=2C" is a comma and "=3D" an equals sign. Lower case is taken as well: ABNF literals are
 * case-insensitive (RFC 5234 2.3), and there are clients that send it. */
bool gp_gs2_read_name(gp_str in, struct gp_text *out)
{
    while (in.len > 0) {
        size_t plain = gp_find(in, '=');
        gp_put(out, gp_head(in, plain));
        in = gp_tail(in, plain);
        if (in.len == 0) break;
        gp_str code = gp_head(in, 3);
        if (gp_is(code, "=2C"))
            gp_put_char(out, ',');
        else if (gp_is(code, "=3D"))
            gp_put_char(out, '=');
        else
            return false;
        in = gp_tail(in, code.len);
    }
    return !out->cut;
}

void gp_gs2_put_name(struct gp_text *out, gp_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == ',')
            gp_put_z(out, "=2C");
        else if (name.ptr[i] == '=')
            gp_put_z(out, "=3D");
        else
            gp_put_char(out, name.ptr[i]);
    }
}
