/* What EHLO lists: of the mechanisms that vault says could succeed at a listener, those that could on this very connection. */
#include "submit/parts.h"

#include "sasl/sasl.h"

static unsigned lacking(unsigned offer)
{
    unsigned traits = 0;
    if (!(offer & OFFER_PEER)) traits |= GP_SASL_NEEDS_PEER;
    if (!(offer & OFFER_BINDING)) traits |= GP_SASL_BINDS_CHANNEL;
    return traits;
}

static void fill(char *out, gp_str names, unsigned without)
{
    struct gp_text text = { .ptr = out, .room = CONFIG_TEXT - 1 };
    for (gp_str name = gp_word(&names); name.len > 0; name = gp_word(&names)) {
        const struct gp_sasl_mech *mech = gp_sasl_find(name);
        if (!mech || (mech->traits & without) || text.room - text.len <= name.len) continue;
        if (text.len) gp_put_char(&text, ' ');
        gp_put(&text, name);
    }
    out[text.len] = '\0';
}

void offers_take(struct port *p, gp_str names)
{
    for (unsigned offer = 0; offer < OFFERS; offer++) fill(p->offers[offer], names, lacking(offer));
}

const char *offers_for(const struct port *p, struct gp_tls *tls)
{
    uint8_t data[64];
    size_t  len;
    if (!tls) return p->offers[0];
    unsigned offer = gp_tls_has_peer(tls) ? OFFER_PEER : 0;
    bool     bound = gp_tls_end_point(tls, data) > 0 || gp_tls_binding(tls, data, &len) != GP_TLS_NO_BINDING;
    gp_wipe(data, sizeof data);
    return p->offers[bound ? offer | OFFER_BINDING : offer];
}
