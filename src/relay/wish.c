/* What a message itself says of TLS (RFC 8689): REQUIRETLS with MAIL, that every server on the way keeps it secret, or it comes back; TLS-Required:
 * No in its header, that it be delivered rather than protected. Which connections may carry it, and what it says there. */
#include <stdlib.h>

#include "relay/parts.h"

/* ---- what it says --------------------------------------------------------------------------------------------------------- */
static bool says_no(gp_str header)
{
    struct gp_field field;
    bool            no = false;
    while (!no && gp_next_field(&header, &field)) no = gp_is(field.name, "TLS-Required") && gp_says_no(field.value);
    return no;
}

static bool waives(const struct delivery *d)
{
    unsigned seen = GP_HEADER_START;
    char    *room = d->fd >= 0 ? malloc(GP_MAIL_HEADER_MOST) : NULL;
    size_t   got  = 0;
    if (room && !stored_read(d, 0, room, GP_MAIL_HEADER_MOST, &got)) got = 0;
    gp_str text = d->fd >= 0 ? (gp_str) { room, got } : d->body;
    bool   no   = says_no(gp_head(text, gp_header_part(&seen, text)));
    free(room);
    return no;
}

/* RFC 8689 4.1: beside REQUIRETLS the field is ignored. 5: what comes from nobody tells of mail, and is not lost for it. */
enum demand_wish wish_of(const struct delivery *d)
{
    if (gp_parameter(d->params, "REQUIRETLS").ptr) return d->sender.len ? WISH_REQUIRES : WISH_PREFERS;
    return waives(d) ? WISH_WAIVES : WISH_NOTHING;
}

/* ---- connections ------------------------------------------------------------------------------------------------------------ */
bool wish_is_kept(const struct hop *h)
{
    return h->demand.proven && h->outcome.verified != VERIFIED_BY_NOBODY &&
           (gp_smtp_client_offers(&h->client) & GP_OFFERS_REQUIRETLS);
}

bool wish_may_go(const struct delivery *d, const struct hop *h)
{
    return d->wish != WISH_REQUIRES || h->demand.local || wish_is_kept(h);
}

/* RFC 8689 4.2.1: the next host is asked, and this one serves other mail. */
void wish_go_elsewhere(struct hop *h)
{
    struct delivery *d = h->delivery;
    h->delivery        = NULL;
    d->spared          = true;
    delivery_hop_failed(d,
                        (struct result) { .status   = GP_PERMFAIL,
                                          .lacks    = true,
                                          .enhanced = GP_LIT("5.7.30"),
                                          .remote   = delivery_keep(d, gp_from(h->remote)),
                                          .tls      = delivery_keep(d, gp_from(h->tls)),
                                          .text     = GP_LIT("the next hop does not offer REQUIRETLS") },
                        false);
}

/* A server that the configuration names may have TLSA records (dane.c), one of which it gives the address has none. */
static bool may_have_records(const struct hop *h)
{
    struct sockaddr_storage  literal;
    const struct config_hop *via = &h->via;
    if (via->kind != RELAY_SMARTHOST || via->lmtp || via->tls == RELAY_TLS_NONE) return false;
    return h->host[0] != '[' && !address_read(gp_from(h->host), 0, &literal);
}

/* What was demanded of a connection that nobody is held to was decided when it was opened: DNS may say more by now. What another delivery has found
 * out meanwhile counts at once, see secure_outdates(). */
static bool is_too_old(const struct hop *h)
{
    enum { GOOD_FOR = 60 * 1000 };
    bool weak = (h->domain[0] || may_have_records(h)) && h->demand.level < DEMAND_VERIFIED;
    return weak && loop_now(h->relay->loop) - h->opened >= GOOD_FOR;
}

bool wish_may_ride(const struct delivery *d, const struct hop *h)
{
    if (d->wish == WISH_WAIVES) return true;
    if (h->waived || is_too_old(h)) return false;
    bool clear = h->domain[0] && !h->outcome.version;
    return d->wish == WISH_PREFERS ? !clear : wish_may_go(d, h);
}

void wish_params(const struct delivery *d, const struct hop *h, struct gp_text *out)
{
    bool kept = wish_is_kept(h);
    for (gp_str rest = d->params; rest.len;) {
        gp_str word = gp_word(&rest);
        if (!kept && gp_is(word, "REQUIRETLS")) continue;
        if (out->len) gp_put_char(out, ' ');
        gp_put(out, word);
    }
}
