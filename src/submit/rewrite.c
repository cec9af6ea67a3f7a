/* Addresses that `rewrite` puts in place of others, before anybody is asked whether the account may send as them: nobody can get by it what he may not. */
#include "submit/parts.h"

static gp_str rewritten(const struct session *s, enum config_in in, gp_str address, struct gp_text *room)
{
    if (!config_rewrite(s->submit->config, in, address, room)) return address;
    LOG(LOG_INFO, "rewritten", LOG_N("session", s->id), LOG_Z("account", s->user),
        LOG_Z("field", in == CONFIG_IN_SENDER ? "mail" : "rcpt"), LOG_S("was", address), LOG_S("now", gp_said(room)));
    return gp_said(room);
}

gp_str rewrite_sender(const struct session *s, gp_str address, struct gp_text *room)
{
    return rewritten(s, CONFIG_IN_SENDER, address, room);
}

/* RFC 3461 5.2.7.1: reports name the address that the client wrote. */
gp_str rewrite_recipient(const struct session *s, gp_str address, struct gp_text *room, struct gp_text *params)
{
    gp_str         now    = rewritten(s, CONFIG_IN_RECIPIENT, address, room);
    bool           same   = now.ptr == address.ptr;
    bool           utf8   = gp_parameter(s->mail->params, "SMTPUTF8").ptr != NULL;
    struct gp_text before = *params;
    if (same || gp_parameter(gp_said(params), "ORCPT").ptr) return now;
    if (params->len) gp_put_char(params, ' ');
    gp_put_z(params, "ORCPT=");
    gp_put_orcpt(params, address, utf8);
    if (params->cut) *params = before;
    return now;
}

static bool instead(const void *owner, gp_str address, struct gp_text *out)
{
    return config_rewrite(owner, CONFIG_IN_HEADER, address, out);
}

void rewrite_header(const struct config *c, struct gp_fixup *f)
{
    bool any = false;
    for (size_t i = 0; i < c->rewrite_count; i++) any = any || c->rewrites[i].in & CONFIG_IN_HEADER;
    if (any) gp_fixup_rewrite(f, (struct gp_rewriter) { instead, c });
}
