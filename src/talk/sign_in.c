/* Signing in (RFC 4954): sasl/ makes the messages, this end carries them, and no secret goes out in clear unless that is wanted. */
#include "sasl/exchange.h"
#include "talk/parts.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    AUTH_LINE_MOST = 510 /* RFC 5321 4.5.3.1.4, without CR LF: what every server takes */,
    OFFER_ROOM     = 512,
    LENT           = GP_SASL_LINE_MOST
};

struct sign_in {
    struct talk             *talk;
    const struct talk_login *login;
    struct talk_reply       *reply;
    struct gp_sasl           x;
    char                     lent[LENT];
};

/* ---- which mechanism ----------------------------------------------------------------------------------------------------- */
static bool binds(struct talk *t, struct gp_sasl *x, bool also_plus)
{
    uint8_t              data[64], end_point[64];
    size_t               len     = 0;
    enum gp_tls_binding  binding = t->tls ? gp_tls_binding(t->tls, data, &len) : GP_TLS_NO_BINDING;
    enum gp_sasl_binding kind    = binding == GP_TLS_EXPORTER ? GP_BIND_TLS_EXPORTER
                                   : binding == GP_TLS_UNIQUE ? GP_BIND_TLS_UNIQUE
                                                              : GP_BIND_NONE;
    gp_sasl_init(x, kind, (gp_str) { (const char *)data, len }, also_plus);
    size_t point = t->tls ? gp_tls_end_point(t->tls, end_point) : 0;
    if (point) gp_sasl_bind(x, GP_BIND_TLS_SERVER_END_POINT, (gp_str) { (const char *)end_point, point });
    return len > 0 || point > 0;
}

/* What this login can be used with: a token with those that take one, no secret with those that need none. */
static bool fits(const struct talk_login *login, const struct gp_sasl_mech *m)
{
    bool wants_token = m->traits & GP_SASL_NEEDS_TOKEN, wants_none = m->traits & GP_SASL_NEEDS_PEER;
    if (wants_none) return login->secret.len == 0;
    return login->secret.len > 0 && wants_token == login->token;
}

static bool has_plus(gp_str offered)
{
    while (offered.len > 0)
        if (gp_ends(gp_word(&offered), "-PLUS")) return true;
    return false;
}

static bool is_among(gp_str words, gp_str word)
{
    while (words.len > 0)
        if (gp_alike(gp_word(&words), word)) return true;
    return false;
}

/* The strongest of what is offered: the table's order. */
static const struct gp_sasl_mech *strongest(const struct talk_login *login, gp_str offered, bool bound)
{
    char           room[OFFER_ROOM];
    struct gp_text ours = GP_TEXT(room);
    unsigned       all  = ~0U & ~(bound ? 0U : (unsigned)GP_SASL_BINDS_CHANNEL);
    (void)gp_sasl_names(offered, all, &ours);
    for (gp_str words = gp_said(&ours); words.len > 0;) {
        const struct gp_sasl_mech *m = gp_sasl_find(gp_word(&words));
        if (m && fits(login, m)) return m;
    }
    return NULL;
}

static const struct gp_sasl_mech *choose(struct talk *t, const struct talk_login *login, gp_str offered, bool bound)
{
    const struct gp_sasl_mech *m = NULL;
    if (!t->tls && !login->in_clear) {
        (void)talk_refuse(t, "no sign-in without TLS: a password would be seen on the way");
    } else if (!login->mechanism.ptr) {
        m = strongest(login, offered, bound);
        if (!m)
            (void)talk_refuse(t, offered.len ? "the server offers no mechanism that fits what there is to sign in with"
                                             : "the server offers no sign-in here");
    } else if (!(m = gp_sasl_find(login->mechanism))) {
        (void)talk_refuse(t, "there is no such mechanism");
    } else if (!login->unoffered && !is_among(offered, login->mechanism)) {
        m = NULL;
        (void)talk_refuse(t, "the server does not offer that mechanism");
    }
    return m;
}

/* ---- the exchange -------------------------------------------------------------------------------------------------------- */
/* A transcript shows what stands before the secret, and how long that is. */
static void show(struct talk *t, gp_str before, gp_str out)
{
    char           room[128];
    struct gp_text text = GP_TEXT(room);
    gp_put(&text, before);
    if (out.len > 0) {
        gp_put_char(&text, '(');
        gp_put_number(&text, (int64_t)out.len);
        gp_put_z(&text, " octets, not shown)");
    }
    talk_shows(t, TALK_CLIENT, gp_said(&text));
}

static bool say(struct sign_in *s, gp_str before, gp_str out)
{
    enum { MOST = GP_SASL_LINE_MOST + 64 };
    struct gp_buffer line  = { 0 };
    bool             ready = gp_buffer_add(&line, before, MOST) && gp_buffer_add(&line, out, MOST) &&
                 gp_buffer_add(&line, GP_LIT("\r\n"), MOST);
    if (ready) {
        show(s->talk, before, out);
        talk_hide_message(s->talk, out);
    }
    bool said =
        ready ? talk_put(s->talk, gp_buffer_all(&line)) : talk_refuse(s->talk, "what signs in is too long for a line");
    gp_buffer_free(&line);
    return said;
}

/* RFC 4954 4: the first message goes with AUTH where it fits; "=" is one that is empty. */
static bool begin(struct sign_in *s, bool *held_back)
{
    char           room[64];
    struct gp_text head = GP_TEXT(room);
    gp_str         out  = s->x.out;
    gp_put_z(&head, "AUTH ");
    gp_put_z(&head, s->x.mech->name);
    *held_back = !out.ptr || s->login->no_initial || head.len + 1 + out.len > AUTH_LINE_MOST;
    if (*held_back)
        out = GP_LIT("");
    else
        gp_put_z(&head, out.len ? " " : " =");
    return say(s, gp_said(&head), out);
}

static const char *const reasons[] = {
    [GP_SASL_NO_REASON]  = "",
    [GP_SASL_NOT_BASE64] = "the server's challenge is not base64",
    [GP_SASL_CANCELLED]  = "cancelled",
    [GP_SASL_TOO_EARLY]  = "the server speaks first",
    [GP_SASL_UNKNOWN]    = "the mechanism needs channel binding, which this connection does not have",
    [GP_SASL_MALFORMED] =
        "user name or secret cannot be used with this mechanism, or the server's challenge is none of it",
    [GP_SASL_REFUSED]     = "the server could not prove that it knows the password",
    [GP_SASL_BAD_BINDING] = "the channel binding differs",
    [GP_SASL_UNAVAILABLE] = "not available",
};

static bool give_up(struct sign_in *s)
{
    (void)talk_refuse(s->talk, reasons[s->x.why]);
    gp_str star = GP_LIT("*");
    if (say(s, star, GP_LIT("")))
        (void)talk_reply(s->talk, s->reply); /* RFC 4954 4: cancels; the 501 says nothing new */
    return false;
}

static bool converse(struct sign_in *s)
{
    bool held_back = false;
    if (!begin(s, &held_back)) return false;
    while (talk_reply(s->talk, s->reply) && s->reply->code == 334) {
        gp_str challenge = gp_trim(s->reply->text);
        if (held_back && s->x.out.ptr) { /* the empty challenge asks for what did not go with AUTH */
            held_back = false;
            if (!say(s, GP_LIT(""), s->x.out)) return false;
            continue;
        }
        held_back              = false;
        enum gp_sasl_step step = gp_sasl_client_line(&s->x, challenge);
        if (step == GP_SASL_FAILED) return give_up(s);
        if (!say(s, GP_LIT(""), s->x.out)) return false;
    }
    if (!talk_works(s->talk)) return false;
    if (s->reply->code / 100 != 2) {
        if (s->x.says.len) talk_shows(s->talk, TALK_NOTE, s->x.says);
        return talk_refuse(s->talk, "the server refuses the sign-in");
    }
    return gp_sasl_client_believes(&s->x) ||
           talk_fail(s->talk, TALK_BAD_TLS,
                     "the server says yes, but has not proved that it knows the password: it is not who it should be",
                     NULL);
}

static bool run(struct sign_in *s, const char **mechanism)
{
    struct talk *t       = s->talk;
    gp_str       offered = GP_LIT("");
    (void)talk_offers(t, "AUTH", &offered);
    bool                       bound = binds(t, &s->x, has_plus(offered));
    const struct gp_sasl_mech *m     = choose(t, s->login, offered, bound);
    if (!m) return false;
    if (mechanism) *mechanism = m->name;
    gp_sasl_lend(&s->x, s->lent, sizeof s->lent);
    s->x.authzid = s->login->authzid.ptr ? s->login->authzid : GP_LIT("");
    s->x.host    = gp_from(t->plan->expect ? t->plan->expect : t->plan->host);
    if (gp_sasl_client_start(&s->x, gp_from(m->name), s->login->user, s->login->secret) == GP_SASL_FAILED)
        return talk_refuse(t, reasons[s->x.why]);
    t->challenged = true;
    return converse(s);
}

bool talk_sign_in(struct talk *t, const struct talk_login *login, struct talk_reply *r, const char **mechanism)
{
    struct sign_in *s = talk_works(t) ? calloc(1, sizeof *s) : NULL;
    *r                = (struct talk_reply) { 0 };
    if (!s) return false;
    *s = (struct sign_in) { .talk = t, .login = login, .reply = r };
    talk_hide(t, login->secret);
    bool done     = run(s, mechanism);
    t->challenged = false;
    gp_sasl_end(&s->x);
    gp_wipe(s, sizeof *s);
    free(s);
    return done;
}
