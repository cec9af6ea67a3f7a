/* The hand-over of parcels to the server, and what its answers mean to who called. */
#include <stdio.h>
#include <string.h>

#include "cli/sendmail.h"
#include "cli/shown_talk.h"

/* It comes from the server, and goes to terminals, the system's log and files that people look at. */
static void keep_reason(struct hand_over *h, const char *reason)
{
    struct gp_text text = { .ptr = h->reason, .room = sizeof h->reason - 1 };
    for (gp_str rest = gp_from(reason); rest.len > 0 && !text.cut;) {
        bool   line_end = *rest.ptr == '\n';
        gp_str one      = gp_next_shown(&rest);
        gp_put(&text, line_end ? GP_LIT(" ") : one);
    }
    h->reason[text.len] = '\0';
}

static enum handed later(struct hand_over *h, int *status, const char *reason)
{
    keep_reason(h, reason);
    *status = EX_OK; /* nobody was refused */
    return HANDED_LATER;
}

static enum handed refused(struct hand_over *h, int *status, int code, const char *reason)
{
    keep_reason(h, reason);
    *status = code;
    return HANDED_REFUSED;
}

static const char *with_reply(const struct talk *t, const struct talk_reply *r)
{
    static char text[SENDMAIL_REASON];
    if (!r->code) return talk_why(t);
    (void)snprintf(text, sizeof text, "%s: %d %.*s%s%.*s", talk_why(t), r->code, (int)r->enhanced.len,
                   r->enhanced.ptr ? r->enhanced.ptr : "", r->enhanced.len ? " " : "", (int)gp_head(r->text, 300).len,
                   r->text.ptr ? r->text.ptr : "");
    return text;
}

/* What to answer a caller with whose mail was refused for good. */
static int status_of(int code, gp_str enhanced, int otherwise)
{
    static const struct {
        const char *enhanced;
        int         status;
    } rows[] = {
        {"5.1.1",  EX_NOUSER },
        { "5.1.2", EX_NOHOST },
        { "5.1.3", EX_USAGE  },
        { "5.6.0", EX_DATAERR},
        { "5.7.1", EX_NOPERM },
        { "5.7.8", EX_NOPERM },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++)
        if (gp_same(enhanced, gp_from(rows[i].enhanced))) return rows[i].status;
    return code == 535 || code == 530 ? EX_NOPERM : otherwise;
}

static enum handed by_reply(struct hand_over *h, const struct talk_reply *r, int *status, int otherwise)
{
    const char *why = with_reply(h->talk, r);
    if (talk_fault(h->talk) == TALK_BAD_SETTINGS) return refused(h, status, EX_CONFIG, why);
    if (!talk_works(h->talk) || r->code / 100 == 4) return later(h, status, why);
    return refused(h, status, status_of(r->code, r->enhanced, otherwise), why);
}

/* ---- the connection ------------------------------------------------------------------------------------------------------ */
enum handed hand_over_open(struct hand_over *h, int *status)
{
    struct talk_reply r     = { 0 };
    struct reach     *reach = &h->conf->reach;
    if (h->talk && talk_works(h->talk)) return HANDED_OVER;
    if (h->talk) return later(h, status, talk_why(h->talk));
    if (!h->settled && reach_settle(reach, NULL) != CLI_DONE)
        return refused(h, status, EX_CONFIG, "the configuration has the problem above");
    h->settled         = true;
    reach->plan.dot_ms = 0; /* as RFC 5321 has it: who gives up on the last answer sends the message twice */
    h->transcript      = shown_transcript(false);
    h->talk            = talk_open(&reach->plan, h->verbose ? &h->transcript : NULL);
    if (!h->talk) return later(h, status, "no memory");
    talk_hide(h->talk, reach->login.secret);
    if (!talk_works(h->talk) || !talk_enter(h->talk, reach_name(reach), &r))
        return by_reply(h, &r, status, EX_UNAVAILABLE);
    if (reach->user && !talk_sign_in(h->talk, &reach->login, &r, NULL))
        return by_reply(h, &r, status, r.code ? EX_NOPERM : EX_CONFIG);
    return HANDED_OVER;
}

void hand_over_end(struct hand_over *h)
{
    if (h->talk) talk_quit(h->talk);
    talk_close(h->talk);
    h->talk = NULL;
}

/* ---- parcels ---------------------------------------------------------------------------------------------------------------- */
/* sendmail's callers ask for DSN and the like as a wish: what is not offered is left out. */
static gp_str offered(const struct talk *t, gp_str params, const char *extension)
{
    return talk_offers(t, extension, NULL) ? params : GP_LIT("");
}

static bool is_ascii(const struct parcel *p)
{
    bool ascii = gp_is_ascii(p->sender);
    for (size_t i = 0; i < p->count; i++) ascii = ascii && gp_is_ascii(p->to[i].address);
    return ascii;
}

static gp_str mail_params(struct hand_over *h, const struct parcel *p)
{
    struct gp_text text = GP_TEXT(h->params);
    gp_put(&text, offered(h->talk, p->params, "DSN"));
    if (!gp_is_ascii(p->message) && talk_offers(h->talk, "8BITMIME", NULL))
        gp_put_z(&text, text.len ? " BODY=8BITMIME" : "BODY=8BITMIME");
    /* A header in UTF-8 goes as it came: asking for SMTPUTF8 would have old next hops bounce what they have always taken. */
    if (!is_ascii(p) && talk_offers(h->talk, "SMTPUTF8", NULL)) gp_put_z(&text, text.len ? " SMTPUTF8" : "SMTPUTF8");
    return gp_said(&text);
}

/* *status is that of a recipient who was refused for good; one who was refused for now is tried again, and no failure yet. */
static enum handed by_recipients(struct hand_over *h, const struct parcel *p, bool taken, int *status)
{
    char   reason[SENDMAIL_REASON];
    size_t not_now = 0, never = 0;
    for (size_t i = 0; i < p->count; i++) {
        const struct talk_recipient *r = &p->to[i];
        if (r->code / 100 == 2 || !r->code) continue;
        (void)snprintf(reason, sizeof reason, "%.*s: %d %s%s%s", (int)gp_head(r->address, 200).len, r->address.ptr,
                       r->code, r->enhanced, *r->enhanced ? " " : "", r->text);
        keep_reason(h, reason);
        if (r->code / 100 == 5) *status = status_of(r->code, gp_from(r->enhanced), EX_UNAVAILABLE);
        never += r->code / 100 == 5;
        not_now += r->code / 100 != 5;
    }
    if (taken) return never + not_now ? HANDED_PARTLY : HANDED_OVER;
    if (never && not_now) return HANDED_PARTLY;
    return never ? HANDED_REFUSED : HANDED_LATER;
}

bool is_for_later(const struct talk_recipient *r, enum handed how)
{
    return r->code / 100 == 4 || (how == HANDED_LATER && !r->code);
}

enum handed hand_over(struct hand_over *h, struct parcel *p, int *status)
{
    struct talk_reply r;
    const char       *step = "";
    *status                = EX_OK;
    for (size_t i = 0; i < p->count; i++) p->to[i].code = 0;
    enum handed open = hand_over_open(h, status);
    if (open != HANDED_OVER) return open;
    struct talk_letter l     = { .sender      = p->sender,
                                 .params      = mail_params(h, p),
                                 .dsn_is_wish = true,
                                 .recipients  = p->to,
                                 .count       = p->count,
                                 .message     = p->message };
    bool               taken = talk_submit(h->talk, &l, &r, &step);
    if (taken || (talk_works(h->talk) && strcmp(step, "RCPT") == 0)) {
        enum handed how = by_recipients(h, p, taken, status);
        if (!taken) (void)talk_ask(h->talk, GP_LIT("RSET"), &r);
        return how;
    }
    enum handed how = by_reply(h, &r, status, EX_UNAVAILABLE);
    for (size_t i = 0; how == HANDED_LATER && i < p->count; i++) /* accepted, but the message was not */
        if (p->to[i].code / 100 == 2) p->to[i].code = 0;
    if (talk_works(h->talk)) (void)talk_ask(h->talk, GP_LIT("RSET"), &r);
    return how;
}
