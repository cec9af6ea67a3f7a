/* From the greeting to READY: EHLO and what it offers, STARTTLS, AUTH. */
#include "smtp/client_parts.h"
#include "smtp/extensions.h"

enum { LIMIT_MOST = 999999 /* RFC 9422 4: six digits */, AUTH_LINE_MOST = 512 /* RFC 4954 4 */ };

static int class_of(const struct gp_smtp_client *c)
{
    return c->reply.code / 100;
}

/* ---- what EHLO offers -------------------------------------------------------------------------------------- */
static void note_mechanisms(struct gp_smtp_client *c, gp_str names)
{
    while (names.len > 0) {
        gp_str name = gp_word(&names);
        if (name.len == 0 || !gp_client_is_clean(name)) continue;
        if (c->mechanisms.room - c->mechanisms.len < name.len + 1) return;
        if (c->mechanisms.len > 0) gp_put_char(&c->mechanisms, ' ');
        gp_put(&c->mechanisms, name);
    }
}

/* RFC 1870 4: up to 20 digits; 0, nothing, or what we can't hold is no limit. */
static void note_size(struct gp_smtp_client *c, gp_str rest)
{
    if (!gp_read_number(gp_word(&rest), UINT64_MAX, &c->size_limit)) c->size_limit = 0;
}

static void note_limits(struct gp_smtp_client *c, gp_str rest)
{
    while (rest.len > 0) {
        gp_str   value = gp_word(&rest), name = gp_cut(&value, '=');
        uint64_t number;
        if (!gp_read_number(value, LIMIT_MOST, &number) || number == 0) continue;
        if (gp_is(name, "RCPTMAX")) c->recipients_most = number;
        if (gp_is(name, "MAILMAX")) c->mails_most = number;
    }
}

/* RFC 2852 2: a number, then perhaps what later documents add behind a comma. */
static void note_deadline(struct gp_smtp_client *c, gp_str rest)
{
    gp_str word = gp_word(&rest);
    if (!gp_read_number(gp_cut(&word, ','), GP_BY_MOST, &c->deadline_least)) c->deadline_least = 0;
}

void gp_client_note_extension(struct gp_smtp_client *c, gp_str line)
{
    gp_str keyword = gp_word(&line);
    if (gp_starts(keyword, "AUTH=")) { /* how servers of the nineties say it */
        note_mechanisms(c, gp_tail(keyword, sizeof "AUTH=" - 1));
        keyword = GP_LIT("AUTH");
    }
    for (size_t i = 0; i < gp_extension_count; i++)
        if (gp_is(keyword, gp_extensions[i].keyword)) c->offers |= gp_extensions[i].offer;
    if (gp_is(keyword, "AUTH")) note_mechanisms(c, line);
    if (gp_is(keyword, "SIZE")) note_size(c, line);
    if (gp_is(keyword, "LIMITS")) note_limits(c, line);
    if (gp_is(keyword, "DELIVERBY")) note_deadline(c, line);
}

static void forget_offers(struct gp_smtp_client *c)
{
    c->offers          = 0;
    c->size_limit      = 0;
    c->recipients_most = 0;
    c->mails_most      = 0;
    c->deadline_least  = 0;
    c->mechanisms      = GP_TEXT(c->mechanisms_room);
}

/* ---- replies ----------------------------------------------------------------------------------------------- */
/* After EHLO and TLS: sign in, or be ready. True: *ev asks the host. */
static bool settle_in(struct gp_smtp_client *c, struct gp_smtp_client_event *ev)
{
    const struct gp_smtp_plan *plan = c->plan;
    bool                       may  = plan->may_auth || plan->must_auth;
    /* Where the plan wants TLS and there is none, a password is not shown to whoever listens. */
    bool                       safe = c->secure || !plan->use_tls;
    c->phase                        = GP_CLIENT_AT_READY;
    if (may && safe && (c->offers & GP_OFFERS_AUTH)) {
        c->phase = GP_CLIENT_AT_SIGN_IN;
        *ev      = (struct gp_smtp_client_event) { .kind = GP_CLIENT_AUTH, .text = gp_said(&c->mechanisms) };
        return true;
    }
    if (plan->must_auth)
        gp_client_fail(c, safe ? "the server does not offer AUTH"
                               : "no sign-in without TLS, which the server does not offer");
    return false;
}

/* RFC 5321 4.2, 4.1.1.1: "220 Domain text", "250 Domain greets you". A stranger's word, whatever it is; a reply's text is printable. */
static void note_peer(struct gp_smtp_client *c)
{
    gp_str         rest = gp_said(&c->reply.text);
    gp_str         name = gp_word(&rest);
    struct gp_text out  = GP_TEXT(c->peer);
    if (c->peer_len || name.len > sizeof c->peer) return;
    gp_put(&out, name);
    c->peer_len = out.len;
}

bool gp_client_greeting(struct gp_smtp_client *c, struct gp_smtp_client_event *ev)
{
    (void)ev;
    note_peer(c);
    if (class_of(c) != 2)
        gp_client_fail_by_reply(c);
    else
        gp_client_hello(c);
    forget_offers(c);
    return false;
}

static void fail_without_tls(struct gp_smtp_client *c)
{
    gp_client_fail(c, "the server does not offer STARTTLS");
    c->failure.no_tls = true;
}

bool gp_client_ehlo(struct gp_smtp_client *c, struct gp_smtp_client_event *ev)
{
    bool wants_tls = !c->secure && (c->plan->use_tls || c->plan->must_tls);
    if (class_of(c) == 2) note_peer(c);
    if (class_of(c) == 5 && !c->plan->lmtp) { /* RFC 5321 3.2: a server of before 1993, or one that plays it */
        forget_offers(c);
        gp_client_command(c, "HELO ", GP_AWAITS_HELO);
    } else if (class_of(c) != 2) {
        gp_client_fail_by_reply(c);
    } else if (wants_tls && (c->offers & GP_OFFERS_STARTTLS)) {
        gp_client_command(c, "STARTTLS", GP_AWAITS_STARTTLS);
    } else if (wants_tls && c->plan->must_tls) {
        fail_without_tls(c);
    } else {
        return settle_in(c, ev);
    }
    return false;
}

bool gp_client_helo(struct gp_smtp_client *c, struct gp_smtp_client_event *ev)
{
    if (class_of(c) != 2)
        gp_client_fail_by_reply(c);
    else if (c->plan->must_tls && !c->secure)
        fail_without_tls(c);
    else
        return settle_in(c, ev);
    return false;
}

bool gp_client_starttls(struct gp_smtp_client *c, struct gp_smtp_client_event *ev)
{
    if (class_of(c) == 2) {
        if (gp_lines_rest(&c->in).len > 0) {
            gp_client_fail(c, gp_client_said_too_much);
            return false;
        }
        forget_offers(c);
        c->phase = GP_CLIENT_AT_TLS;
        *ev      = (struct gp_smtp_client_event) { .kind = GP_CLIENT_STARTTLS };
        return true;
    }
    if (!c->plan->must_tls && class_of(c) != 3) return settle_in(c, ev);
    gp_client_fail_by_reply(c);
    c->failure.temporary = true; /* a server that can't do TLS today may tomorrow */
    c->failure.no_tls    = true;
    return false;
}

bool gp_client_auth_reply(struct gp_smtp_client *c, struct gp_smtp_client_event *ev)
{
    enum { CHALLENGE = 334 };
    if (c->reply.code == CHALLENGE && c->reply.lines == 1) {
        *ev      = gp_client_heard(c, GP_CLIENT_AUTH_MORE);
        ev->text = gp_trim(c->reply.raw);
        return true;
    }
    if (class_of(c) != 2) {
        gp_client_fail_by_reply(c);
        return false;
    }
    c->signed_in = true;
    c->phase     = GP_CLIENT_AT_READY;
    *ev          = gp_client_heard(c, GP_CLIENT_AUTHED);
    return true;
}

/* ---- the host's part ----------------------------------------------------------------------------------------- */
static bool may_speak(const struct gp_smtp_client *c, gp_str text)
{
    return c->phase == GP_CLIENT_AT_SIGN_IN && c->awaits == GP_AWAITS_NOTHING && gp_client_is_clean(text);
}

bool gp_smtp_client_auth(struct gp_smtp_client *c, gp_str mechanism, gp_str initial)
{
    gp_str line[] = { GP_LIT("AUTH "), mechanism, GP_LIT(" "), initial };
    size_t length = sizeof "AUTH  \r\n" - 1 + mechanism.len + initial.len;
    /* An empty response is "="; one that is too long for the line waits for the server's empty challenge. */
    bool   bare   = !initial.ptr || length > AUTH_LINE_MOST;
    if (initial.ptr && initial.len == 0) line[3] = GP_LIT("=");
    if (!may_speak(c, mechanism) || !may_speak(c, initial)) return false;
    if (!gp_client_say(c, GP_CLIENT_LINE_MOST, line, bare ? 2 : GP_COUNT(line))) return false;
    c->secret = true;
    c->awaits = GP_AWAITS_AUTH;
    return true;
}

bool gp_smtp_client_auth_line(struct gp_smtp_client *c, gp_str text)
{
    if (!may_speak(c, text) || !gp_client_say(c, GP_CLIENT_LINE_MOST, &text, 1)) return false;
    c->secret = true;
    c->awaits = GP_AWAITS_AUTH;
    return true;
}

void gp_smtp_client_skip_auth(struct gp_smtp_client *c)
{
    if (c->phase != GP_CLIENT_AT_SIGN_IN || c->awaits != GP_AWAITS_NOTHING) return;
    c->phase = GP_CLIENT_AT_READY;
    if (c->plan->must_auth) gp_client_fail(c, "no way to sign in that both sides know");
}
