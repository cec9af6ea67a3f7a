/* Delivery status notifications: what happened in plain words, the same for machines, and what was sent
 * (RFC 3464, 6522, 3461 6, 3834 5; RFC 6533 for addresses that are not ASCII). */
#include "mail/parts.h"

#include <string.h>

enum { ORIGINAL_MOST = 64 * 1024, DIAGNOSTIC_MOST = 500, LINE_ROOM = 1536 };

struct page {
    struct gp_sink       sink;
    const struct gp_dsn *dsn;
    gp_str               back;           /* of the original, what goes back                         */
    bool                 ok, utf8, full; /* utf8: RFC 6533 forms; full: the message goes back whole */
};

/* clang-format off */
static const struct {
    const char *action, *subject, *opening;
    bool        last_word; /* nothing more will be tried */
} actions[] = {
    [GP_DSN_FAILED] = { "failed", "Your message could not be delivered",
        "Your message could not be delivered to the recipients below, and no further\r\nattempt will be made.\r\n", true },
    [GP_DSN_DELAYED] = { "delayed", "Your message is delayed",
        "Your message has not been delivered yet to the recipients below. There is\r\nnothing you need to do: delivery will be tried again.\r\n", false },
    [GP_DSN_DELIVERED] = { "delivered", "Your message was delivered",
        "Your message was delivered to the recipients below, as you asked to be told.\r\n", true },
    [GP_DSN_HANDED_ON] = { "relayed", "Your message was passed on",
        "Your message was passed on for the recipients below to the next mail server,\r\nwhich reports itself what becomes of it.\r\n", true },
    [GP_DSN_RELAYED] = { "relayed", "Your message was passed on",
        "Your message was passed on for the recipients below to a mail server that does\r\nnot report deliveries, so you will hear no more of it.\r\n", true },
};

/* clang-format on */

/* ---- writing ------------------------------------------------------------------------------------------------ */
static void put(struct page *p, gp_str text)
{
    if (p->ok && text.len) p->ok = p->sink.put(p->sink.owner, text);
}

static void put_z(struct page *p, const char *z)
{
    put(p, gp_from(z));
}

static void put_line(struct page *p, const char *before, gp_str text, const char *after)
{
    put_z(p, before);
    put(p, text);
    put_z(p, after);
    put_z(p, "\r\n");
}

static void put_date(struct page *p, const char *field, gp_time when)
{
    char           room[64];
    struct gp_text date = GP_TEXT(room);
    gp_put_date(&date, when);
    put_line(p, field, gp_said(&date), "");
}

static gp_str whole_characters(gp_str text, size_t most)
{
    text.len = most < text.len ? most : text.len;
    for (size_t i = 0; i < 3 && text.len > 1 && ((unsigned char)text.ptr[text.len] & 0xC0) == 0x80; i++) text.len--;
    return text;
}

/* Text from elsewhere: no control octet survives, nor anything that our form may not hold. */
static gp_str cleaned(const struct page *p, gp_str text, size_t most, struct gp_text *room)
{
    if (text.len > most) text = whole_characters(text, most);
    bool keep = p->utf8 && gp_is_utf8(text);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        gp_put_char(room, c < ' ' || c == 127 ? ' ' : c > 127 && !keep ? '?' : text.ptr[i]);
    }
    return gp_said(room);
}

static void put_cleaned(struct page *p, const char *before, gp_str text, const char *after)
{
    char           room[DIAGNOSTIC_MOST];
    struct gp_text clean = GP_TEXT(room);
    put_line(p, before, cleaned(p, text, sizeof room, &clean), after);
}

/* Words of the text, cut where one alone is longer than a line. */
static void put_folded(struct page *p, const char *opening, const char *indent, gp_str text)
{
    enum { WORD_MOST = 60 };
    char           room[DIAGNOSTIC_MOST], out[LINE_ROOM];
    struct gp_text clean = GP_TEXT(room), to = GP_TEXT(out);
    struct gp_fold fold;
    gp_str         rest = cleaned(p, text, sizeof room, &clean);
    gp_fold_start(&fold, &to, opening);
    fold.with = indent;
    for (gp_str word = gp_word(&rest); word.len; word = gp_word(&rest))
        while (word.len) {
            gp_str part = word.len > WORD_MOST ? whole_characters(word, WORD_MOST) : word;
            gp_fold_word(&fold, part);
            word = gp_tail(word, part.len);
        }
    put_line(p, "", gp_said(&to), "");
}

static void put_boundary(struct page *p, const char *after)
{
    put_line(p, "\r\n--=_", p->dsn->unique, after);
}

/* ---- the message's own header ------------------------------------------------------------------------------ */
static enum gp_dsn_action gravest(const struct gp_dsn *dsn)
{
    enum gp_dsn_action worst = GP_DSN_RELAYED;
    for (size_t i = 0; i < dsn->count; i++)
        if (dsn->recipients[i].action < worst) worst = dsn->recipients[i].action;
    return worst;
}

/* Mail programs show the report beside what it is about (RFC 5322 3.6.4). */
static void put_thread(struct page *p)
{
    gp_str id = p->dsn->message_id;
    if (!gp_is_message_id(id) || !(p->utf8 ? gp_is_utf8(id) : gp_is_ascii(id))) return;
    put_line(p, "In-Reply-To: ", id, "");
    put_line(p, "References: ", id, "");
}

static void put_header(struct page *p)
{
    const struct gp_dsn *dsn = p->dsn;
    char                 room[512];
    struct gp_text       id = GP_TEXT(room);
    gp_put_message_id(&id, dsn->unique, dsn->hostname);
    put_line(p, "From: Mail delivery <MAILER-DAEMON@", gp_from(dsn->domain), ">");
    put_line(p, "To: <", dsn->to, ">");
    put_line(p, "Subject: ", gp_from(actions[gravest(dsn)].subject), "");
    put_date(p, "Date: ", dsn->now);
    put_line(p, "Message-ID: ", gp_said(&id), "");
    put_thread(p);
    put_z(p, "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n");
    if (p->utf8 || !gp_is_ascii(p->back)) put_z(p, "Content-Transfer-Encoding: 8bit\r\n"); /* RFC 2045 6.4 */
    put_z(p, "Content-Type: multipart/report; report-type=");
    put_z(p, p->utf8 ? "global-delivery-status" : "delivery-status");
    put_line(p, ";\r\n boundary=\"=_", dsn->unique, "\"");
    put_z(p, "\r\nThis is a report on your message, in MIME format.\r\n");
}

/* What a server said begins with its code; anything else is our own account of what happened. */
static bool is_reply(gp_str diagnostic)
{
    enum { CODE_DIGITS = 3 };
    size_t n = 0;
    while (n < diagnostic.len && diagnostic.ptr[n] >= '0' && diagnostic.ptr[n] <= '9') n++;
    return n == CODE_DIGITS && (n == diagnostic.len || diagnostic.ptr[n] == ' ');
}

/* ---- for people --------------------------------------------------------------------------------------------- */
static void put_indented(struct page *p, gp_str text)
{
    put_folded(p, "   ", "\r\n    ", text);
}

static void put_person_recipient(struct page *p, const struct gp_dsn_recipient *r)
{
    struct gp_advice advice = gp_advice_on(r->status, r->diagnostic, r->ours);
    put_line(p, "\r\n  <", r->address, ">");
    if (advice.meaning && r->action <= GP_DSN_DELAYED) put_indented(p, gp_from(advice.meaning));
    if (advice.next && (r->action == GP_DSN_FAILED || r->ours)) put_indented(p, gp_from(advice.next));
    if (r->remote.len && r->diagnostic.len) put_cleaned(p, "    ", r->remote, is_reply(r->diagnostic) ? " said:" : ":");
    if (r->diagnostic.len) put_indented(p, r->diagnostic);
    if (r->action == GP_DSN_DELAYED && r->retry_until && !r->ours)
        put_date(p, "    Delivery will be tried until ", r->retry_until);
}

static void put_for_people(struct page *p)
{
    const struct gp_dsn *dsn = p->dsn;
    put_boundary(p, "");
    put_z(p, p->utf8 ? "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
                     : "Content-Type: text/plain; charset=us-ascii\r\n\r\n");
    put_line(p, "This is the mail server at ", gp_from(dsn->hostname), ".");
    for (size_t action = 0; action < GP_COUNT(actions); action++) {
        bool opened = false;
        for (size_t i = 0; i < dsn->count; i++) {
            if ((size_t)dsn->recipients[i].action != action) continue;
            if (!opened) put_line(p, "\r\n", gp_from(actions[action].opening), "");
            opened = true;
            put_person_recipient(p, &dsn->recipients[i]);
        }
    }
    put_line(p, "\r\nIf you ask the postmaster about it, name this message: ", dsn->queue_id, "");
}

/* ---- for machines (RFC 3464 2.2, 2.3) ------------------------------------------------------------------------ */
static void put_xtext(struct page *p, const char *field, gp_str type, gp_str value)
{
    char           decoded[512], out[512];
    struct gp_text text = GP_TEXT(decoded), clean = GP_TEXT(out);
    if (!gp_read_xtext(value, &text) || text.cut) return;
    put_z(p, field);
    put(p, type);
    put_line(p, type.len ? ";" : "", cleaned(p, gp_said(&text), sizeof out, &clean), "");
}

static void put_original_recipient(struct page *p, gp_str params)
{
    gp_str         value = gp_parameter(params, "ORCPT");
    gp_str         type  = gp_cut(&value, ';');
    char           room[DIAGNOSTIC_MOST];
    struct gp_text text = GP_TEXT(room);
    if (gp_is(type, "utf-8") && p->utf8) { /* RFC 6533 3: in a report of that kind as it is, else as \x{HEX} */
        gp_read_utf8_address(value, &text);
        put_cleaned(p, "Original-Recipient: utf-8;", gp_said(&text), "");
    } else if (gp_is(type, "utf-8")) {
        put_cleaned(p, "Original-Recipient: ", gp_parameter(params, "ORCPT"), "");
    } else if (type.len) {
        put_xtext(p, "Original-Recipient: ", type, value);
    }
}

static bool is_ipv4(gp_str name)
{
    size_t dots = 0;
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] != '.' && (name.ptr[i] < '0' || name.ptr[i] > '9')) return false;
        dots += name.ptr[i] == '.';
    }
    return dots == 3;
}

/* RFC 3464 2.1.2: a domain, or an address literal; the address that was called, which follows, belongs into the log. */
static void put_remote(struct page *p, gp_str remote)
{
    gp_str name = gp_word(&remote);
    if (!name.len) return;
    bool literal = name.ptr[0] != '[' && (is_ipv4(name) || gp_find(name, ':') < name.len);
    put_z(p, "Remote-MTA: dns;");
    if (literal) put_z(p, is_ipv4(name) ? "[" : "[IPv6:");
    put_cleaned(p, "", name, literal ? "]" : "");
}

static void put_machine_recipient(struct page *p, const struct gp_dsn_recipient *r)
{
    put_z(p, "\r\n");
    put_original_recipient(p, r->params);
    put_line(p, gp_is_ascii(r->address) ? "Final-Recipient: rfc822;" : "Final-Recipient: utf-8;", r->address, "");
    put_line(p, "Action: ", gp_from(actions[r->action].action), "");
    put_cleaned(p, "Status: ", r->status, "");
    put_remote(p, r->remote);
    if (r->diagnostic.len)
        put_folded(p, is_reply(r->diagnostic) ? "Diagnostic-Code: smtp;" : "Diagnostic-Code: X-Gatepost;", "\r\n ",
                   r->diagnostic);
    put_date(p, "Last-Attempt-Date: ", p->dsn->now);
    if (!actions[r->action].last_word && r->retry_until) put_date(p, "Will-Retry-Until: ", r->retry_until);
}

/* RFC 2852 5 */
static void put_deadline(struct page *p, gp_str params)
{
    struct gp_deadline by = gp_deadline(params);
    if (by.when) put_date(p, "Deliver-By-Date: ", by.when);
}

/* RFC 4865 4: what was asked for. */
static void put_release(struct page *p, gp_str params)
{
    gp_str hold = gp_parameter(params, "HOLDFOR"), until = gp_parameter(params, "HOLDUNTIL");
    if (hold.len) put_cleaned(p, "Future-Release-Request: for;", hold, "");
    if (until.len) put_cleaned(p, "Future-Release-Request: until;", until, "");
}

static void put_for_machines(struct page *p)
{
    const struct gp_dsn *dsn      = p->dsn;
    gp_str               envelope = gp_parameter(dsn->params, "ENVID");
    put_boundary(p, "");
    put_z(p, p->utf8 ? "Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
                     : "Content-Type: message/delivery-status\r\n\r\n");
    put_line(p, "Reporting-MTA: dns;", gp_from(dsn->hostname), "");
    if (envelope.len) put_xtext(p, "Original-Envelope-Id: ", GP_NONE, envelope);
    put_date(p, "Arrival-Date: ", dsn->arrived);
    put_deadline(p, dsn->params);
    put_release(p, dsn->params);
    put_line(p, "X-Gatepost-Queue-ID: ", dsn->queue_id, "");
    for (size_t i = 0; i < dsn->count; i++) put_machine_recipient(p, &dsn->recipients[i]);
}

/* ---- what was sent ------------------------------------------------------------------------------------------- */
static gp_str header_of(gp_str message)
{
    unsigned seen = GP_HEADER_START;
    size_t   len  = gp_header_part(&seen, gp_head(message, ORIGINAL_MOST));
    return gp_head(message, seen == GP_HEADER_DONE ? len - 2 : len);
}

/* RFC 3461 4.3: RET is about failures alone; RFC 8689 5: a message that required TLS goes back without its body. */
static bool goes_back_whole(const struct gp_dsn *dsn)
{
    return gravest(dsn) == GP_DSN_FAILED && dsn->original.len < ORIGINAL_MOST &&
           !gp_is(gp_parameter(dsn->params, "RET"), "HDRS") && !gp_parameter(dsn->params, "REQUIRETLS").ptr;
}

static void put_original(struct page *p)
{
    static const char *const types[2][2] = {
        {"text/rfc822-headers",     "message/rfc822"},
        { "message/global-headers", "message/global"}
    };
    gp_str text = p->back;
    if (text.len == 0) return;
    put_boundary(p, "");
    put_line(p, "Content-Type: ", gp_from(types[p->utf8][p->full]), "");
    if (!gp_is_ascii(text)) put_z(p, "Content-Transfer-Encoding: 8bit\r\n");
    put_z(p, "\r\n");
    put(p, text); /* its last line end, and then the one that belongs to the boundary */
}

gp_status gp_dsn_write(const struct gp_dsn *dsn, struct gp_sink sink)
{
    if (dsn->to.len == 0) return GP_PERMFAIL; /* RFC 5321 6.1: never a bounce of a bounce */
    struct page p = { .sink = sink, .dsn = dsn, .ok = true };
    p.utf8        = gp_parameter(dsn->params, "SMTPUTF8").ptr != NULL;
    p.full        = goes_back_whole(dsn);
    p.back        = p.full ? dsn->original : header_of(dsn->original);
    put_header(&p);
    put_for_people(&p);
    put_for_machines(&p);
    put_original(&p);
    put_boundary(&p, "--");
    return p.ok ? GP_OK : GP_TEMPFAIL;
}
