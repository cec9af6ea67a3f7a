/* What a next hop is told of a message beyond its addresses: by when it is wanted (RFC 2852), and what to report to whom (RFC 3461 5.2.1). */
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
