/* What a next hop is told of a message beyond its addresses: by when it is wanted (RFC 2852), what to report to whom (RFC 3461 5.2.1); and what
 * comes of a message that this one cannot have. */
#include "relay/parts.h"

enum { ORCPT_MOST = 500 /* RFC 3461 4.2 */ };

static void put_orcpt(const struct recipient *r, unsigned offers, struct gp_text *out)
{
    char           room[ORCPT_MOST];
    struct gp_text orcpt = GP_TEXT(room);
    gp_put_orcpt(&orcpt, r->address, offers & GP_OFFERS_SMTPUTF8);
    if (orcpt.cut) return; /* its report names the address that it was given: the same */
    if (out->len) gp_put_char(out, ' ');
    gp_put_z(out, "ORCPT=");
    gp_put(out, gp_said(&orcpt));
}

/* RFC 2852 4.1.4.2: who does not know the deadline is asked to tell of delays, but where the sender wants to hear nothing. */
static bool is_to_tell_of_delay(const struct delivery *d, const struct recipient *r, unsigned offers)
{
    struct gp_deadline by = gp_deadline(d->params);
    if (offers & GP_OFFERS_DELIVERBY || by.back || by.when <= wall_now()) return false;
    gp_str notify = gp_parameter(r->params, "NOTIFY");
    if (gp_is(notify, "NEVER")) return false;
    while (notify.len)
        if (gp_is(gp_cut(&notify, ','), "DELAY")) return false;
    return true;
}

static void put_with_delay(gp_str params, struct gp_text *out)
{
    bool said = false;
    while (params.len) {
        gp_str word = gp_word(&params);
        if (out->len) gp_put_char(out, ' ');
        gp_put(out, word);
        if (!gp_starts(word, "NOTIFY=")) continue;
        gp_put_z(out, ",DELAY");
        said = true;
    }
    if (said) return;
    if (out->len) gp_put_char(out, ' ');
    gp_put_z(out, "NOTIFY=FAILURE,DELAY");
}

void onward_params(const struct delivery *d, const struct recipient *r, unsigned offers, struct gp_text *out)
{
    if ((offers & GP_OFFERS_DSN) && is_to_tell_of_delay(d, r, offers))
        put_with_delay(r->params, out);
    else
        gp_put(out, r->params);
    if ((offers & GP_OFFERS_DSN) && !gp_parameter(r->params, "ORCPT").ptr) put_orcpt(r, offers, out);
}

bool onward_mail(struct hop *h, const struct delivery *d, struct gp_reply *why)
{
    char           wish_room[GP_SMTP_COMMAND_MOST], room[GP_SMTP_COMMAND_MOST];
    struct gp_text wish = GP_TEXT(wish_room), params = GP_TEXT(room);
    wish_params(d, h, &wish);
    bool in_time = gp_put_time_left(gp_said(&wish), wall_now(), &params);
    if (in_time && !wish.cut && !params.cut)
        return gp_smtp_client_mail(&h->client, d->sender, gp_said(&params), message_size(d), why);
    *why = in_time
               ? (struct gp_reply) { 554, "5.5.4", "too many parameters" }
               : (struct gp_reply) { 550, "5.4.7", "the time is over within which the message was to be delivered" };
    return false;
}

void onward_note(const struct hop *h, struct result *r)
{
    unsigned offers = gp_smtp_client_offers(&h->client);
    r->reports      = (offers & GP_OFFERS_DSN) != 0;
    r->in_time      = (offers & GP_OFFERS_DELIVERBY) != 0;
}

/* ---- what it cannot have ------------------------------------------------------------------------------------------ */
/* What this host does not offer, or not for so much, another of the same destination may: 8BITMIME, SMTPUTF8, SIZE. */
static bool may_have_it_elsewhere(const struct hop *h, const struct delivery *d, struct gp_reply why)
{
    static const char *const lacks[] = { "5.6.3", "5.6.7", "5.3.4" };
    bool                     is      = false;
    for (size_t i = 0; i < GP_COUNT(lacks); i++) is |= gp_is(gp_from(why.enhanced), lacks[i]);
    return is && (h->reused ? h->has_fellows : d->route.host_at + 1 < d->route.host_count);
}

/* Nothing was said of this message: the session is as it was, and serves the next one. The last host's reason stands (RFC 5321 5.1). */
void onward_refuse(struct hop *h, struct delivery *d, struct gp_reply why)
{
    struct result is = { .status   = why.code / 100 == 4 ? GP_TEMPFAIL : GP_PERMFAIL,
                         .code     = 0,
                         .enhanced = gp_from(why.enhanced),
                         .remote   = delivery_keep(d, gp_from(h->remote)),
                         .text     = gp_from(why.text) };
    is.lacks         = may_have_it_elsewhere(h, d, why);
    h->delivery      = NULL;
    if (is.lacks) seven_forget(d);
    if (is.lacks && h->reused) return delivery_stale_hop(d); /* its route has not been asked for yet */
    if (is.lacks) {
        d->route.address_at = d->route.address_count; /* it lacks it at all of them */
        return delivery_hop_failed(d, is, false);
    }
    d->hop = NULL;
    delivery_settle_rest(d, is);
    delivery_finish(d);
}
