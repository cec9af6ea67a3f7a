/* What a client says: smtp/client asks, this answers as the plan has it. */
#include "load/parts.h"

#include <stdlib.h>
#include <string.h>

enum { NAMES_ROOM = 512 };

/* ---- signing in -------------------------------------------------------------------------------------------------------- */
static void bind_channel(struct client *c)
{
    uint8_t              data[64];
    size_t               len     = 0;
    enum gp_tls_binding  binding = c->tls ? gp_tls_binding(c->tls, data, &len) : GP_TLS_NO_BINDING;
    enum gp_sasl_binding kind    = binding == GP_TLS_EXPORTER ? GP_BIND_TLS_EXPORTER
                                   : binding == GP_TLS_UNIQUE ? GP_BIND_TLS_UNIQUE
                                                              : GP_BIND_NONE;
    gp_sasl_init(c->sasl, kind, (gp_str) { (const char *)data, len }, true);
}

/* What this client can sign in with: a token with those that take one, its certificate alone with EXTERNAL. */
static bool fits(const struct client *c, const struct gp_sasl_mech *m)
{
    if (m->traits & GP_SASL_NEEDS_PEER) return c->login->secret.len == 0;
    return c->login->secret.len > 0 && !!(m->traits & GP_SASL_NEEDS_TOKEN) == c->load->plan->token;
}

static gp_str strongest(const struct client *c, gp_str offered, char *room, size_t size)
{
    struct gp_text names = { .ptr = room, .room = size };
    (void)gp_sasl_names(offered, c->tls ? ~0U : ~0U & ~(unsigned)GP_SASL_BINDS_CHANNEL, &names);
    for (gp_str rest = gp_said(&names); rest.len > 0;) {
        gp_str                     name = gp_word(&rest);
        const struct gp_sasl_mech *m    = gp_sasl_find(name);
        if (m && fits(c, m)) return name;
    }
    return GP_NONE;
}

static bool refuse(struct client *c, const char *what, gp_str detail)
{
    load_failed(c, what, detail);
    c->refused = true;
    return false;
}

static bool sign_in(struct client *c, gp_str offered)
{
    struct load_plan *p = c->load->plan;
    char              room[NAMES_ROOM];
    c->stage               = LOAD_SIGN_IN;
    c->marks[LOAD_SIGN_IN] = load_now();
    size_t lent            = p->token ? GP_SASL_LINE_MOST : 0; /* a message with a token may be that long */
    c->sasl                = calloc(1, sizeof *c->sasl + lent);
    if (!c->sasl) return refuse(c, "sign-in", GP_LIT("no memory"));
    bind_channel(c);
    if (lent) gp_sasl_lend(c->sasl, (char *)(c->sasl + 1), lent);
    if (p->act_as.ptr) c->sasl->authzid = p->act_as;
    if (p->expect) c->sasl->host = gp_from(p->expect);
    gp_str name = p->mechanism_mix.count ? gp_from(p->mechanisms[load_mix_next(&p->mechanism_mix)])
                                         : strongest(c, offered, room, sizeof room);
    if (!name.ptr) return refuse(c, "sign-in", GP_LIT("the server offers no mechanism that fits"));
    if (gp_sasl_client_start(c->sasl, name, gp_from(c->login->user), c->login->secret) == GP_SASL_FAILED)
        return refuse(c, "sign-in", GP_LIT("the mechanism cannot be used"));
    return gp_smtp_client_auth(&c->smtp, name, c->sasl->out) || refuse(c, "sign-in", GP_LIT("no room"));
}

static bool go_on_signing_in(struct client *c, gp_str challenge)
{
    bool fails = gp_sasl_client_line(c->sasl, challenge) == GP_SASL_FAILED;
    return gp_smtp_client_auth_line(&c->smtp, fails ? GP_LIT("*") : c->sasl->out) ||
           refuse(c, "sign-in", GP_LIT("no room"));
}

static bool signed_in(struct client *c)
{
    if (!gp_sasl_client_believes(c->sasl))
        return refuse(c, "sign-in", GP_LIT("the server did not prove that it knows the password"));
    gp_sasl_end(c->sasl);
    free(c->sasl);
    c->sasl = NULL;
    load_timed(c, LOAD_SIGN_IN);
    c->stage = LOAD_WHOLE;
    return true;
}

/* ---- messages -------------------------------------------------------------------------------------------------------------- */
/* Nothing more is said, and nothing of it needs room. */
static bool hold(struct client *c)
{
    struct load *l = c->load;
    c->held        = true;
    c->stage       = LOAD_IDLE;
    l->held++;
    free(c->room);
    c->room      = NULL;
    c->smtp.room = NULL;
    return true;
}

static bool ready(struct client *c)
{
    struct load_plan *p = c->load->plan;
    struct gp_reply   why;
    if (c->idle) return hold(c);
    if (c->messages == 0) {
        gp_smtp_client_quit(&c->smtp);
        return true;
    }
    c->messages--;
    c->stage               = LOAD_MESSAGE;
    c->marks[LOAD_MESSAGE] = load_now();
    c->body                = p->bodies[load_mix_next(&p->body_mix)];
    c->body_sent           = 0;
    c->rcpt_said           = false;
    return gp_smtp_client_mail(&c->smtp, gp_from(p->sender), GP_LIT(""), c->body.len, &why) ||
           refuse(c, "MAIL", gp_from(why.text));
}

static void next_recipient(struct client *c)
{
    if (c->rcpt_said)
        gp_smtp_client_no_more_rcpts(&c->smtp);
    else
        c->rcpt_said = gp_smtp_client_rcpt(&c->smtp, gp_from(c->load->plan->recipient), GP_LIT(""));
}

static void send_body(struct client *c)
{
    c->body_sent += gp_smtp_client_body(&c->smtp, gp_tail(c->body, c->body_sent));
    if (c->body_sent == c->body.len) (void)gp_smtp_client_done(&c->smtp);
}

static bool has(gp_str text, gp_str part)
{
    return part.len > 0 && memmem(text.ptr, text.len, part.ptr, part.len) != NULL;
}

/* What is told is passed on: nothing that a server says of a sign-in, and nothing later in which it repeats the secret, as it is, as LOGIN
 * says it or as PLAIN does. The first octets are looked for, because the text is cut, and a token is long. */
static bool may_repeat_the_secret(const struct client *c, gp_str text)
{
    enum { OCTETS = 12 /* without a rest in base64 */, ENCODED = OCTETS / 3 * 4 };
    char           plain_room[3 * OCTETS + 2], encoded[2][ENCODED];
    struct gp_text plain = GP_TEXT(plain_room), login = GP_TEXT(encoded[0]), whole = GP_TEXT(encoded[1]);
    if (c->sasl) return true;
    if (!c->login || !c->login->secret.len) return false;
    gp_str secret = gp_head((gp_str) { c->login->secret.ptr, c->login->secret.len }, OCTETS);
    if (c->load->plan->act_as.ptr) gp_put(&plain, gp_head(c->load->plan->act_as, OCTETS));
    gp_put_char(&plain, '\0');
    gp_put(&plain, gp_head(gp_from(c->login->user), OCTETS));
    gp_put_char(&plain, '\0');
    gp_put(&plain, secret);
    gp_put_base64(&login, secret);
    gp_put_base64(&whole, gp_head(gp_said(&plain), OCTETS));
    bool repeats = has(text, secret) || has(text, gp_said(&login)) || has(text, gp_said(&whole));
    gp_wipe(plain_room, sizeof plain_room);
    gp_wipe(encoded, sizeof encoded);
    return repeats;
}

static void refused_by(struct client *c, const char *what, const struct gp_smtp_client_event *ev)
{
    char           room[160];
    struct gp_text text = GP_TEXT(room);
    bool           tell = !ev->code || !may_repeat_the_secret(c, ev->text);
    if (ev->code) gp_put_number(&text, ev->code);
    if (ev->code && ev->enhanced.len) gp_put_char(&text, ' ');
    if (ev->code) gp_put(&text, ev->enhanced);
    if (ev->code && tell) gp_put_char(&text, ' ');
    size_t codes = text.len;
    if (tell) gp_put(&text, gp_head(ev->text, 120));
    load_failed_as(c, what, gp_said(&text), codes ? codes : text.len);
}

static void answered(struct client *c, const struct gp_smtp_client_event *ev)
{
    if (ev->code / 100 != 2) {
        if (!c->refused) refused_by(c, "message", ev); /* else it was counted with the recipient */
    } else {
        load_timed(c, LOAD_MESSAGE);
        if (c->counts) c->load->result->messages++;
        if (c->counts) c->load->result->octets += c->body.len;
    }
    c->refused = false;
    c->stage   = LOAD_WHOLE;
}

/* ---- events -------------------------------------------------------------------------------------------------------------------- */
/* Where TLS has a ticket to give it has come by now. */
static bool finish(struct client *c)
{
    struct load           *l    = c->load;
    struct gp_tls_session *kept = c->tls && l->plan->resume ? gp_tls_keep(c->tls) : NULL;
    c->ended                    = true;
    if (kept && l->session) gp_tls_session_close(l->session);
    if (kept) l->session = kept;
    load_timed(c, LOAD_WHOLE);
    return false;
}

static bool settle(struct client *c, const struct gp_smtp_client_event *ev)
{
    switch (ev->kind) {
    case GP_CLIENT_AUTH: return sign_in(c, ev->text);
    case GP_CLIENT_AUTH_MORE: return go_on_signing_in(c, ev->text);
    case GP_CLIENT_AUTHED: return signed_in(c);
    case GP_CLIENT_READY: return ready(c);
    case GP_CLIENT_NEXT_RCPT: next_recipient(c); return true;
    case GP_CLIENT_RCPT_REPLY:
        if (ev->code / 100 != 2) refused_by(c, "RCPT", ev);
        c->refused = ev->code / 100 != 2;
        return true;
    case GP_CLIENT_SEND_BODY: send_body(c); return true;
    case GP_CLIENT_MESSAGE_REPLY: answered(c, ev); return true;
    case GP_CLIENT_FAILED: refused_by(c, load_stages[c->stage], ev); return false;
    case GP_CLIENT_CLOSE: return finish(c);
    default: return true;
    }
}

bool dialogue_run(struct client *c)
{
    while (!c->held) {
        struct gp_smtp_client_event ev   = gp_smtp_client_next(&c->smtp);
        bool                        owes = gp_smtp_client_output(&c->smtp).len > 0;
        if (ev.kind == GP_CLIENT_STARTTLS) return c->wants_tls = true;
        if (ev.kind == GP_CLIENT_NEED_INPUT) return !owes || client_flush(c);
        if (ev.kind == GP_CLIENT_WAITING) {
            if (!owes || !client_flush(c)) return !owes;
            if (gp_smtp_client_output(&c->smtp).len > 0) return true; /* the socket takes no more now */
            continue;
        }
        if (!settle(c, &ev)) return false;
    }
    return client_flush(c);
}
