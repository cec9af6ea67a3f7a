/* A transaction: MAIL, RCPT and DATA, in one group where the server offers PIPELINING (RFC 2920), else one by one. */
#include "smtp/client_parts.h"
#include "smtp/extensions.h"

static int class_of(const struct gp_smtp_client *c)
{
    return c->reply.code / 100;
}

static bool pipelines(const struct gp_smtp_client *c)
{
    return c->offers & GP_OFFERS_PIPELINING;
}

/* Replies come in the order of the commands. */
enum gp_client_awaits gp_client_awaits_of_mail(const struct gp_smtp_client *c)
{
    if (c->owes_mail) return GP_AWAITS_MAIL;
    if (c->answered < c->given) return GP_AWAITS_RCPT;
    return c->owes_data ? GP_AWAITS_DATA : GP_AWAITS_NOTHING;
}

bool gp_client_owes_nothing(const struct gp_smtp_client *c)
{
    return gp_client_awaits_of_mail(c) == GP_AWAITS_NOTHING && c->awaits == GP_AWAITS_NOTHING;
}

/* ---- parameters ------------------------------------------------------------------------------------------------ */
/* Keeps what the server offers. NULL: all good, else the extension that is lacking and can't be done without. */
static const struct gp_extension *filter(const struct gp_smtp_client *c, gp_str params, enum gp_on on,
                                         struct gp_text *out)
{
    while (params.len > 0) {
        gp_str                     word = gp_word(&params), name = gp_head(word, gp_find(word, '='));
        const struct gp_extension *extension = NULL;
        if (!gp_find_parameter(name, on, &extension) || gp_is(name, "SIZE")) continue;
        if (!(c->offers & extension->offer)) {
            if (extension->lacking == GP_LACKING_BOUNCE) return extension;
            continue;
        }
        gp_put_char(out, ' ');
        gp_put(out, word);
    }
    return NULL;
}

static bool refuse(struct gp_reply *why, int code, const char *enhanced, const char *text)
{
    *why = (struct gp_reply) { code, enhanced, text };
    return false;
}

/* RFC 2852 4.1.4.1: what is to come back rather than be late goes to nobody who does not promise that, or not within the time that is left.
 * A mail store (LMTP) delivers at once. NULL: nothing is in the way. */
static const char *breaks_deadline(const struct gp_smtp_client *c, gp_str params)
{
    struct gp_by by;
    if (!gp_read_by(gp_parameter(params, "BY"), &by) || !by.back) return NULL;
    if (!(c->offers & GP_OFFERS_DELIVERBY))
        return c->plan->lmtp ? NULL : "the next hop does not offer DELIVERBY: it could deliver the message too late";
    bool soon = by.seconds > 0 && (uint64_t)by.seconds < c->deadline_least;
    return soon ? "the next hop wants more time for a delivery than is left" : NULL;
}

/* RFC 1870 6.1: SIZE is said where it is offered; over the server's limit there is no use in trying. */
static bool put_parameters(const struct gp_smtp_client *c, gp_str params, uint64_t size, struct gp_text *out,
                           struct gp_reply *why)
{
    if (c->size_limit > 0 && size > c->size_limit)
        return refuse(why, 552, "5.3.4", "the message is larger than the next hop takes");
    const char *late = breaks_deadline(c, params);
    if (late) return refuse(why, 550, "5.3.3", late);
    const struct gp_extension *lacks = filter(c, params, GP_ON_MAIL, out);
    if (lacks && lacks->offer == GP_OFFERS_REQUIRETLS) /* RFC 8689 4.2.1 */
        return refuse(why, 550, "5.7.30", "the next hop does not offer REQUIRETLS");
    if (lacks) return refuse(why, 550, "5.6.7", "the next hop does not offer SMTPUTF8");
    if ((c->offers & GP_OFFERS_SIZE) && size > 0 && size <= INT64_MAX) {
        gp_put_z(out, " SIZE=");
        gp_put_number(out, (int64_t)size);
    }
    return out->cut ? refuse(why, 554, "5.5.4", "too many parameters") : true;
}

/* ---- the host's part ------------------------------------------------------------------------------------------- */
bool gp_smtp_client_mail(struct gp_smtp_client *c, gp_str sender, gp_str params, uint64_t size, struct gp_reply *why)
{
    char           room[GP_SMTP_COMMAND_MOST];
    struct gp_text kept = GP_TEXT(room);
    if (c->phase != GP_CLIENT_AT_READY) return refuse(why, 451, "4.5.0", "the session is not ready");
    if (!gp_client_is_clean(sender) || !gp_client_is_clean(params))
        return refuse(why, 553, "5.1.7", "the sender holds control octets");
    if (!put_parameters(c, params, size, &kept, why)) return false;
    gp_str line[] = { GP_LIT("MAIL FROM:<"), sender, GP_LIT(">"), gp_said(&kept) };
    if (!gp_client_say(c, GP_CLIENT_LINE_MOST, line, GP_COUNT(line)))
        return refuse(why, 451, "4.3.1", "no room for the sender");
    c->owes_mail = true;
    c->owes_data = c->said_data = c->reported = false;
    c->given = c->answered = c->accepted = c->beyond = c->final = 0;
    c->mails++;
    c->phase = GP_CLIENT_AT_RECIPIENTS;
    return true;
}

bool gp_smtp_client_rcpt(struct gp_smtp_client *c, gp_str address, gp_str params)
{
    char           room[GP_SMTP_COMMAND_MOST];
    struct gp_text kept = GP_TEXT(room);
    if (c->phase != GP_CLIENT_AT_RECIPIENTS) return true; /* the transaction is over, its reply is on its way */
    if (!gp_client_is_clean(address) || !gp_client_is_clean(params) || filter(c, params, GP_ON_RCPT, &kept) ||
        kept.cut || address.len > GP_SMTP_COMMAND_MOST) {
        gp_client_fail(c, "a recipient can't be said in SMTP");
        return true;
    }
    if (c->recipients_most > 0 && c->given >= c->recipients_most) {
        c->beyond++; /* RFC 9422 4.2: not sent, and answered by us once the others have been */
        return true;
    }
    gp_str line[] = { GP_LIT("RCPT TO:<"), address, GP_LIT(">"), gp_said(&kept) };
    if (!gp_client_say(c, GP_CLIENT_LINE_MOST, line, GP_COUNT(line))) return false;
    c->given++;
    return true;
}

static void say_data(struct gp_smtp_client *c)
{
    static const gp_str line = { "DATA", 4 };
    c->said_data             = true;
    c->owes_data             = gp_client_say(c, GP_SMTP_OUT_ROOM, &line, 1);
    if (!c->owes_data) gp_client_fail(c, "no room for a command");
}

void gp_smtp_client_no_more_rcpts(struct gp_smtp_client *c)
{
    if (c->phase != GP_CLIENT_AT_RECIPIENTS) return;
    c->phase  = GP_CLIENT_AT_REPLIES;
    /* RFC 2920 3.1: DATA closes the group. It is not said where it is known already that nobody is to have the message. */
    bool hope = c->accepted > 0 || c->answered < c->given;
    if (pipelines(c) && hope) say_data(c);
}

/* With PIPELINING all recipients go out before a reply is looked at, but for lack of room: a server that stops reading
 * until its replies are read must not stop us both (RFC 2920 3.1). */
bool gp_client_takes_recipient(struct gp_smtp_client *c)
{
    if (c->phase != GP_CLIENT_AT_RECIPIENTS || !(pipelines(c) || gp_client_owes_nothing(c))) return false;
    return gp_client_room(c, GP_CLIENT_LINE_MOST).room >= GP_CLIENT_LINE_MOST / 2;
}

/* ---- what needs no reply --------------------------------------------------------------------------------------- */
static bool end_without_recipients(struct gp_smtp_client *c, struct gp_smtp_client_event *ev)
{
    c->phase    = GP_CLIENT_AT_AFTER;
    c->reported = true;
    *ev =
        (struct gp_smtp_client_event) { .kind = GP_CLIENT_MESSAGE_REPLY, .text = GP_LIT("no recipient was accepted") };
    gp_client_command(c, "RSET", GP_AWAITS_RSET);
    return true;
}

static bool answer_beyond(struct gp_smtp_client *c, struct gp_smtp_client_event *ev)
{
    *ev = (struct gp_smtp_client_event) { .kind      = GP_CLIENT_RCPT_REPLY,
                                          .code      = 452,
                                          .enhanced  = GP_LIT("4.5.3"),
                                          .text      = GP_LIT("more recipients than the next hop takes at once"),
                                          .index     = c->given,
                                          .temporary = true };
    c->given++;
    c->answered++;
    c->beyond--;
    return true;
}

/* RFC 9422 4.1: the last message that the server wants on this connection has been sent. */
static void leave_in_time(struct gp_smtp_client *c)
{
    if (c->mails_most > 0 && c->mails >= c->mails_most) gp_smtp_client_quit(c);
}

bool gp_client_go_on(struct gp_smtp_client *c, struct gp_smtp_client_event *ev)
{
    bool replies = c->phase == GP_CLIENT_AT_REPLIES;
    if (replies && !c->owes_mail && c->answered == c->given && c->beyond > 0) return answer_beyond(c, ev);
    if (replies && !c->said_data && gp_client_owes_nothing(c)) {
        if (c->accepted == 0) return end_without_recipients(c, ev);
        say_data(c);
    }
    if (c->phase == GP_CLIENT_AT_AFTER && c->reported && !c->quitting && gp_client_owes_nothing(c)) {
        c->phase = GP_CLIENT_AT_READY;
        leave_in_time(c);
    }
    return false;
}

/* ---- replies ---------------------------------------------------------------------------------------------------- */
/* The message has its answer; what was sent ahead of it is still answered, to nobody. */
static bool report(struct gp_smtp_client *c, struct gp_smtp_client_event *ev)
{
    c->phase    = GP_CLIENT_AT_AFTER;
    c->reported = true;
    *ev         = gp_client_heard(c, GP_CLIENT_MESSAGE_REPLY);
    return true;
}

bool gp_client_mail_reply(struct gp_smtp_client *c, struct gp_smtp_client_event *ev)
{
    c->owes_mail = false;
    if (class_of(c) == 2) return false;
    if (class_of(c) != 3) return report(c, ev);
    gp_client_fail(c, "the server asked for more after MAIL");
    return false;
}

bool gp_client_rcpt_reply(struct gp_smtp_client *c, struct gp_smtp_client_event *ev)
{
    unsigned index = c->answered++;
    if (class_of(c) == 3) {
        gp_client_fail(c, "the server asked for more after RCPT");
        return false;
    }
    if (class_of(c) == 2) c->accepted++;
    *ev       = gp_client_heard(c, GP_CLIENT_RCPT_REPLY);
    ev->index = index;
    return !c->reported;
}

/* RFC 2920 3.1: a server may say 354 although it refused every recipient; an empty message then ends it. With LMTP it may not, and
 * nobody knows how many replies that would have (RFC 2033 4.2). */
static void send_nothing(struct gp_smtp_client *c)
{
    if (c->plan->lmtp) return gp_client_fail(c, "the server took DATA although it took no recipient");
    c->phase = GP_CLIENT_AT_AFTER;
    gp_client_command(c, ".", GP_AWAITS_DOT);
}

bool gp_client_data_reply(struct gp_smtp_client *c, struct gp_smtp_client_event *ev)
{
    c->owes_data = false;
    if (class_of(c) == 2) {
        gp_client_fail(c, "the server took DATA for done");
        return false;
    }
    if (class_of(c) == 3) {
        c->stuff = GP_STUFF_LINE_START;
        c->phase = GP_CLIENT_AT_BODY;
        if (c->accepted == 0 || c->reported) send_nothing(c);
        return false;
    }
    if (c->reported) return false;
    gp_client_command(c, "RSET", GP_AWAITS_RSET);
    return report(c, ev);
}

/* RFC 2033 4.2: a reply for each recipient that was accepted, in their order. */
static bool report_one(struct gp_smtp_client *c, struct gp_smtp_client_event *ev)
{
    *ev       = gp_client_heard(c, GP_CLIENT_FINAL_REPLY);
    ev->index = c->final - 1;
    c->awaits = GP_AWAITS_DOT;
    return true;
}

bool gp_client_dot_reply(struct gp_smtp_client *c, struct gp_smtp_client_event *ev)
{
    if (class_of(c) == 3) {
        gp_client_fail(c, "the server asked for more after the message");
        return false;
    }
    if (c->reported) return false;
    if (c->plan->lmtp && ++c->final < c->accepted) return report_one(c, ev);
    if (!report(c, ev)) return false;
    if (c->accepted == 0) ev->code = 0; /* an empty message to nobody: whatever it says is no delivery */
    return true;
}

bool gp_client_rset_reply(struct gp_smtp_client *c, struct gp_smtp_client_event *ev)
{
    (void)ev;
    if (class_of(c) != 2) gp_client_fail_by_reply(c);
    return false;
}
