/* The SMTP client's frame: bytes in and out, the loop of replies and questions, and the end.
 *
 *   phase        what it waits for
 *   START        TLS where it is implicit, the greeting, EHLO, STARTTLS' answer
 *   TLS          secured(): the host shakes hands
 *   SIGN_IN      auth(), auth_line() or skip_auth(), or the reply to them
 *   READY        mail() or quit()
 *   RECIPIENTS   rcpt() or no_more_rcpts(); with PIPELINING replies come meanwhile
 *   REPLIES      what is still owed before the body: MAIL, RCPT, DATA
 *   BODY         body() or done()
 *   AFTER        the reply to the dot, and what a failed transaction leaves behind, RSET
 *   FAILED       next() says why, once
 *   END          nothing any more
 */
#include "smtp/client_parts.h"

#include <string.h>

/* ---- life ------------------------------------------------------------------------------------------------ */
void gp_smtp_client_init(struct gp_smtp_client *c, const struct gp_smtp_plan *plan)
{
    *c             = (struct gp_smtp_client) { .plan = plan, .awaits = GP_AWAITS_GREETING };
    c->reply.whole = true;
    if (!gp_client_is_clean(gp_from(plan->helo))) gp_client_fail(c, "the name to say EHLO with holds control octets");
}

void gp_smtp_client_lend(struct gp_smtp_client *c, struct gp_smtp_room *room)
{
    c->room = room;
    gp_lines_lend(&c->in, room->in);
}

void gp_client_fail(struct gp_smtp_client *c, const char *why)
{
    c->failure = (struct gp_smtp_client_event) { .kind = GP_CLIENT_FAILED, .text = gp_from(why), .temporary = true };
    c->phase   = GP_CLIENT_AT_FAILED;
}

void gp_client_fail_by_reply(struct gp_smtp_client *c)
{
    c->failure = gp_client_heard(c, GP_CLIENT_FAILED);
    c->phase   = GP_CLIENT_AT_FAILED;
}

void gp_smtp_client_secured(struct gp_smtp_client *c)
{
    bool greeted = c->phase == GP_CLIENT_AT_TLS;
    c->secure    = true;
    gp_lines_drop(&c->in);
    c->reply.whole = true;
    if (!greeted) return;
    c->phase = GP_CLIENT_AT_START; /* RFC 3207 4.2: all that the server said in clear is forgotten */
    gp_client_hello(c);
}

void gp_smtp_client_quit(struct gp_smtp_client *c)
{
    bool idle   = c->phase == GP_CLIENT_AT_READY;
    c->quitting = true;
    c->phase    = GP_CLIENT_AT_END;
    if (idle && gp_client_command(c, "QUIT", GP_AWAITS_QUIT)) c->phase = GP_CLIENT_AT_AFTER;
}

gp_str gp_smtp_client_peer(const struct gp_smtp_client *c)
{
    return (gp_str) { c->peer, c->peer_len };
}

bool gp_smtp_client_heard_unasked(const struct gp_smtp_client *c)
{
    return c->phase == GP_CLIENT_AT_READY && gp_lines_rest(&c->in).len > 0;
}

unsigned gp_smtp_client_offers(const struct gp_smtp_client *c)
{
    return c->offers;
}

/* ---- bytes in -------------------------------------------------------------------------------------------- */
/* RFC 3207 6: octets behind the 220 came in clear, and would be taken for the server's own once TLS is up. */
const char gp_client_said_too_much[] = "the server sent more in clear behind its answer to STARTTLS";

static bool listens(const struct gp_smtp_client *c)
{
    bool waits_for_tls = c->plan->implicit_tls && !c->secure;
    return c->room && !waits_for_tls && c->phase != GP_CLIENT_AT_TLS && c->phase < GP_CLIENT_AT_FAILED;
}

size_t gp_smtp_client_feed(struct gp_smtp_client *c, gp_str bytes)
{
    if (c->phase == GP_CLIENT_AT_TLS && bytes.len > 0) gp_client_fail(c, gp_client_said_too_much);
    return listens(c) ? gp_lines_add(&c->in, bytes) : 0;
}

/* ---- bytes out ------------------------------------------------------------------------------------------- */
gp_str gp_smtp_client_output(const struct gp_smtp_client *c)
{
    if (!c->room) return GP_LIT("");
    return (gp_str) { c->room->out + c->sent, c->said - c->sent };
}

void gp_smtp_client_sent(struct gp_smtp_client *c, size_t n)
{
    if (n > c->said - c->sent) n = c->said - c->sent;
    if (c->secret && n > 0) gp_wipe(c->room->out + c->sent, n);
    c->sent += n;
    if (c->sent < c->said) return;
    c->sent   = 0;
    c->said   = 0;
    c->secret = false;
}

struct gp_text gp_client_room(struct gp_smtp_client *c, size_t most)
{
    if (!c->room) return (struct gp_text) { 0 };
    if (c->sent > 0 && c->said > most / 2) {
        memmove(c->room->out, c->room->out + c->sent, c->said - c->sent);
        c->said -= c->sent;
        c->sent = 0;
    }
    return (struct gp_text) { .ptr = c->room->out + c->said, .room = c->said < most ? most - c->said : 0 };
}

void gp_client_wrote(struct gp_smtp_client *c, const struct gp_text *text)
{
    c->said += text->len;
}

bool gp_client_is_clean(gp_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 127) return false;
    return true;
}

bool gp_client_say(struct gp_smtp_client *c, size_t most, const gp_str *pieces, size_t count)
{
    struct gp_text out = gp_client_room(c, most);
    for (size_t i = 0; i < count; i++) gp_put(&out, pieces[i]);
    gp_put(&out, GP_LIT("\r\n"));
    if (out.cut) return false;
    gp_client_wrote(c, &out);
    return true;
}

/* "EHLO ", "LHLO " and "HELO " are followed by our name. */
bool gp_client_command(struct gp_smtp_client *c, const char *word, enum gp_client_awaits awaits)
{
    gp_str line[] = { gp_from(word),
                      awaits == GP_AWAITS_EHLO || awaits == GP_AWAITS_HELO ? gp_from(c->plan->helo) : GP_NONE };
    c->awaits     = awaits;
    bool said     = gp_client_say(c, GP_SMTP_OUT_ROOM, line, GP_COUNT(line));
    if (!said) gp_client_fail(c, "no room for a command");
    return said;
}

/* RFC 2033 4.1: LHLO is as EHLO is. */
void gp_client_hello(struct gp_smtp_client *c)
{
    gp_client_command(c, c->plan->lmtp ? "LHLO " : "EHLO ", GP_AWAITS_EHLO);
}

/* ---- events ---------------------------------------------------------------------------------------------- */
static bool quit_reply(struct gp_smtp_client *c, struct gp_smtp_client_event *ev)
{
    (void)ev;
    c->phase = GP_CLIENT_AT_END; /* whatever it said */
    return false;
}

/* clang-format off */
static gp_client_reading *const readings[GP_AWAITS_KINDS] = {
    [GP_AWAITS_GREETING] = gp_client_greeting,
    [GP_AWAITS_EHLO]     = gp_client_ehlo,
    [GP_AWAITS_HELO]     = gp_client_helo,
    [GP_AWAITS_STARTTLS] = gp_client_starttls,
    [GP_AWAITS_AUTH]     = gp_client_auth_reply,
    [GP_AWAITS_MAIL]     = gp_client_mail_reply,
    [GP_AWAITS_RCPT]     = gp_client_rcpt_reply,
    [GP_AWAITS_DATA]     = gp_client_data_reply,
    [GP_AWAITS_DOT]      = gp_client_dot_reply,
    [GP_AWAITS_RSET]     = gp_client_rset_reply,
    [GP_AWAITS_QUIT]     = quit_reply,
};
/* clang-format on */

/* Reads one reply, and only where one is due: so what a session does depends on the bytes, not on when they came. A reply that
 * came too soon is taken for that to the next command, and ends the session where it makes no sense there. GP_OK: *ev is to be
 * handed out. GP_PERMFAIL: something changed, look again. GP_WAIT: no reply here. */
static gp_status listen(struct gp_smtp_client *c, struct gp_smtp_client_event *ev)
{
    enum { SERVICE_CLOSING = 421 }; /* RFC 5321 3.8: the answer to any command */
    enum gp_client_awaits awaits = gp_client_awaits_of_mail(c);
    if (awaits == GP_AWAITS_NOTHING) awaits = c->awaits;
    if (!listens(c) || awaits == GP_AWAITS_NOTHING) return GP_WAIT;
    gp_status status = gp_client_read_reply(c, awaits);
    if (status != GP_OK) return status;
    if (c->reply.code == SERVICE_CLOSING && awaits != GP_AWAITS_QUIT) {
        gp_client_fail_by_reply(c);
        return GP_PERMFAIL;
    }
    if (awaits == c->awaits) c->awaits = GP_AWAITS_NOTHING;
    return readings[awaits](c, ev) ? GP_OK : GP_PERMFAIL;
}

static struct gp_smtp_client_event plain(enum gp_smtp_client_kind kind)
{
    return (struct gp_smtp_client_event) { .kind = kind };
}

/* What the host is asked when no reply is at hand. */
static struct gp_smtp_client_event ask(struct gp_smtp_client *c)
{
    enum { BODY_ROOM_LEAST = 1024 };
    switch (c->phase) {
    case GP_CLIENT_AT_SIGN_IN: return plain(c->awaits == GP_AWAITS_AUTH ? GP_CLIENT_NEED_INPUT : GP_CLIENT_WAITING);
    case GP_CLIENT_AT_TLS: return plain(GP_CLIENT_WAITING);
    case GP_CLIENT_AT_READY: return plain(GP_CLIENT_READY);
    case GP_CLIENT_AT_RECIPIENTS: return plain(gp_client_owes_nothing(c) ? GP_CLIENT_WAITING : GP_CLIENT_NEED_INPUT);
    case GP_CLIENT_AT_BODY:
        return plain(gp_client_room(c, GP_CLIENT_LINE_MOST).room < BODY_ROOM_LEAST ? GP_CLIENT_WAITING
                                                                                   : GP_CLIENT_SEND_BODY);
    case GP_CLIENT_AT_END: return plain(GP_CLIENT_CLOSE);
    case GP_CLIENT_AT_FAILED: c->phase = GP_CLIENT_AT_END; return c->failure;
    default: return plain(listens(c) ? GP_CLIENT_NEED_INPUT : GP_CLIENT_WAITING);
    }
}

struct gp_smtp_client_event gp_smtp_client_next(struct gp_smtp_client *c)
{
    struct gp_smtp_client_event ev = { 0 };
    gp_status                   status;
    do {
        if (gp_client_go_on(c, &ev)) return ev;
        if (gp_client_takes_recipient(c)) return plain(GP_CLIENT_NEXT_RCPT);
        status = listen(c, &ev);
        if (status == GP_OK) return ev;
    } while (status == GP_PERMFAIL);
    return ask(c);
}
