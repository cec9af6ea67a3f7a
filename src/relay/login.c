/* Our own sign-in at the smarthost: vault has the password or token and steps the exchange, this end carries the lines. */
#include <string.h>

#include "relay/parts.h"
#include "sasl/sasl.h"

static const char *why_not(bool answered)
{
    return answered
               ? "we do not sign in: vault says why; see user, password_file, token_file, provider or certificate_file, and mechanisms, of relay or of the route"
               : "vault does not answer now";
}

/* RFC 7628 3.1, and XOAUTH2: between controls. */
static gp_str token_in(gp_str said)
{
    static const char before[] = "auth=Bearer ";
    const char       *at       = memmem(said.ptr, said.len, before, sizeof before - 1);
    if (!at) return GP_NONE; /* what is said to a refusal */
    gp_str token = gp_tail(said, (size_t)(at - said.ptr) + sizeof before - 1);
    return gp_head(token, gp_find(token, '\1'));
}

/* PLAIN (RFC 4616 2): behind the last NUL; LOGIN: all of a line. */
static gp_str password_in(gp_str said)
{
    const char *at = memrchr(said.ptr, 0, said.len);
    return at ? gp_tail(said, (size_t)(at - said.ptr) + 1) : said;
}

/* The server may say what it hears: its reply is told without that. A user name that stands alone is none. */
static void will_hear(struct hop *h, gp_str line)
{
    unsigned traits = h->mech ? h->mech->traits : 0;
    if (!(traits & (GP_SASL_REVEALS_PASSWORD | GP_SASL_NEEDS_TOKEN))) return;
    char   room[GP_SASL_TOKEN_MOST];
    size_t len    = 0;
    gp_str user   = gp_from(config_login_of(h->relay->config, h->which).user);
    bool   read   = gp_read_base64(line, room, sizeof room, &len);
    gp_str octets = { room, read ? len : 0 };
    gp_str secret = traits & GP_SASL_NEEDS_TOKEN ? token_in(octets) : password_in(octets);
    if (secret.len && !gp_same(secret, user)) (void)gp_mask_set(&h->mask, (gp_secret) { secret.ptr, secret.len });
    gp_wipe(room, sizeof room);
}

static void login_said(void *owner, gp_status status, const struct msg *answer)
{
    struct hop *h        = owner;
    bool        answered = status == GP_OK && answer->type == MSG_LOGIN_SAYS;
    bool        said     = answered && answer->login_says.status == GP_OK;
    h->believed          = said && answer->login_says.believed;
    h->why[0]            = '\0';
    if (!said) {
        gp_str why = answered && answer->login_says.why.len ? answer->login_says.why : gp_from(why_not(answered));
        (void)gp_copy_z(gp_head(why, RESULT_TEXT_MOST), h->why, sizeof h->why);
        LOG(LOG_ERROR, "upstream", LOG_Z("host", h->host), LOG_Z("reason", why_not(answered)));
        gp_smtp_client_skip_auth(&h->client); /* must_auth turns this into a temporary failure */
    } else if (h->phase == HOP_SIGNING_IN && h->login && answer->login_says.mechanism.len) {
        gp_str initial = answer->login_says.has_initial ? answer->login_says.text : GP_NONE;
        if (answer->login_says.has_initial && !initial.ptr) initial = GP_LIT("");
        h->mech = gp_sasl_find(answer->login_says.mechanism);
        will_hear(h, initial);
        (void)gp_smtp_client_auth(&h->client, answer->login_says.mechanism, initial);
    } else {
        will_hear(h, answer->login_says.text);
        (void)gp_smtp_client_auth_line(&h->client, answer->login_says.text);
    }
    hop_pump(h);
}

/* Of whose mail the hop is: its name has that, so that no mail of others comes to it. */
static struct config_account account_of(const struct hop *h)
{
    struct config_way way;
    bool              read = config_read_destination(h->relay->config, gp_from(h->destination), &way);
    return read ? way.account : (struct config_account) { GP_LIT(""), 0 };
}

void login_start(struct hop *h, gp_str offered)
{
    struct msg            m   = MSG(LOGIN_START);
    struct gp_tls        *tls = conn_tls(h->conn);
    uint8_t               data[64], end_point[64];
    size_t                len     = 0;
    struct config_account whose   = account_of(h);
    enum gp_tls_binding   binding = tls ? gp_tls_binding(tls, data, &len) : GP_TLS_NO_BINDING;

    h->login                   = ++h->relay->logins;
    h->believed                = false;
    h->fate                    = LOGIN_UNTOLD;
    h->mech                    = NULL;
    m.login_start.login        = h->login;
    m.login_start.secure       = h->outcome.verified != VERIFIED_BY_NOBODY; /* else: to whom? */
    m.login_start.which        = h->which;
    m.login_start.presented    = h->presented;
    m.login_start.account      = whose.name;
    m.login_start.number       = whose.number;
    m.login_start.binding      = binding == GP_TLS_EXPORTER ? GP_BIND_TLS_EXPORTER
                                 : binding == GP_TLS_UNIQUE ? GP_BIND_TLS_UNIQUE
                                                            : GP_BIND_NONE;
    m.login_start.binding_data = (gp_str) { (const char *)data, len };
    m.login_start.end_point    = (gp_str) { (const char *)end_point, tls ? gp_tls_end_point(tls, end_point) : 0 };
    m.login_start.offered      = offered;
    ipc_ask(h->relay->vault, &m, login_said, h);
}

void login_line(struct hop *h, gp_str challenge)
{
    struct msg m       = MSG(LOGIN_LINE);
    m.login_line.login = h->login;
    m.login_line.line  = challenge;
    ipc_ask(h->relay->vault, &m, login_said, h);
}

static void tell_end(struct hop *h)
{
    struct msg m = MSG(LOGIN_END);
    m.login_end  = (struct msg_login_end) { .login = h->login, .which = h->which, .fate = h->fate };
    (void)ipc_tell(h->relay->vault, &m);
}

void login_end(struct hop *h)
{
    gp_mask_end(&h->mask);
    if (!h->login) return;
    ipc_forget(h->relay->vault, h);
    tell_end(h);
    h->login = 0;
}

void login_not_offered(struct hop *h)
{
    h->fate = LOGIN_NOT_OFFERED;
    tell_end(h);
}

bool login_reads(gp_str text, const char *words)
{
    for (; text.len; text = gp_tail(text, 1))
        if (gp_starts(text, words)) return true;
    return false;
}

/* Microsoft shuts a mailbox for a while after many errors (5.2.251 to 5.2.255), whatever the next message is. 5.2.252 is SendAsDenied as well, which is
 * about one message: the words tell. */
static bool is_throttled(const struct gp_smtp_client_event *said)
{
    return gp_starts(said->enhanced, "5.2.25") && login_reads(said->text, "sender throttled");
}

/* A smarthost that wants a sign-in, another one, or TLS first (RFC 4954 6: 530, 535, 538; RFC 3207 4) is a set-up that somebody mends; so is a provider
 * that says it in its own words once it has let us in: 5.7.57, 5.7.30 (which is another thing where REQUIRETLS is said: RFC 8689), or that the mailbox
 * is throttled. */
bool login_is_wanted(const struct hop *h, const struct gp_smtp_client_event *said)
{
    bool requires = h->delivery && h->delivery->wish == WISH_REQUIRES;
    bool ended =
        config_signs_in(h->relay->config, h->which) &&
        (gp_is(said->enhanced, "5.7.57") || is_throttled(said) || (gp_is(said->enhanced, "5.7.30") && !requires));
    return h->via.kind == RELAY_SMARTHOST && (said->code == 530 || said->code == 535 || said->code == 538 || ended);
}
