/* What a next hop that reports deliveries is told of a recipient (RFC 3461 5.2.1). */
#include "relay/parts.h"

enum { ORCPT_MOST = 500 /* RFC 3461 4.2 */ };

void onward_params(const struct recipient *r, unsigned offers, struct gp_text *out)
{
    char           room[ORCPT_MOST];
    struct gp_text orcpt = GP_TEXT(room);
    gp_put(out, r->params);
    if (!(offers & GP_OFFERS_DSN) || gp_parameter(r->params, "ORCPT").ptr) return;
    gp_put_orcpt(&orcpt, r->address, offers & GP_OFFERS_SMTPUTF8);
    if (orcpt.cut) return; /* its report names the address that it was given: the same */
    if (out->len) gp_put_char(out, ' ');
    gp_put_z(out, "ORCPT=");
    gp_put(out, gp_said(&orcpt));
}
