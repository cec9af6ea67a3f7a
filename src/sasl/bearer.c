/* What OAUTHBEARER (RFC 7628) and XOAUTH2 share: the pairs, the token in them, and how a refusal is told. SASL has no room for
 * words in a failure, so the server says why in one more challenge, and the client's answer to that means nothing. */
#include "sasl/mechanism.h"

#include <string.h>

#define KVSEP '\1'

static const char scheme[] = "Bearer ", bad_end[] = "the client's message does not end in two ^A";

/* ---- reading ------------------------------------------------------------------------------------------ */
static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_key(gp_str key)
{
    for (size_t i = 0; i < key.len; i++)
        if (!is_letter(key.ptr[i])) return false;
    return key.len > 0;
}

/* RFC 7628 3.1: VCHAR, blanks and line ends; and the names of XOAUTH2's users may be any UTF-8. */
static bool is_value(gp_str value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if ((c < ' ' && c != '\t' && c != '\r' && c != '\n') || c == 0x7f) return false;
    }
    return gp_is_utf8(value);
}

/* b64token (RFC 6750 2.1): what any token may be made of. */
static bool is_token(gp_str token)
{
    size_t i = 0;
    while (i < token.len && (is_letter(token.ptr[i]) || (token.ptr[i] >= '0' && token.ptr[i] <= '9') ||
                             memchr("-._~+/", token.ptr[i], sizeof "-._~+/" - 1)))
        i++;
    bool begun = i > 0;
    while (i < token.len && token.ptr[i] == '=') i++;
    return begun && i == token.len;
}

/* auth="" says that the client has no token, and wants to hear where to get one (RFC 7628 4.3). */
static const char *wrong_auth(gp_str value, gp_str *token)
{
    *token = GP_LIT("");
    if (value.len == 0) return NULL;
    if (!gp_starts(value, scheme)) return "auth= is not Bearer and a token";
    *token = gp_trim(gp_tail(value, sizeof scheme - 1));
    return is_token(*token) ? NULL : "the token is empty, or has characters that none may have";
}

static gp_str *field_of(struct gp_bearer *b, gp_str key)
{
    if (gp_is(key, "auth")) return &b->token;
    if (gp_is(key, "user")) return &b->user;
    if (gp_is(key, "host")) return &b->host;
    return gp_is(key, "port") ? &b->port : NULL;
}

static const char *wrong_pair(gp_str pair, struct gp_bearer *b)
{
    gp_str value = pair, key = gp_cut(&value, '=');
    if (!value.ptr || !is_key(key)) return "the client's message is not pairs of KEY=VALUE, each with a ^A behind it";
    if (!is_value(value)) return "a value is not UTF-8, or has control characters";
    gp_str *field = field_of(b, key);
    if (!field) return NULL; /* RFC 7628 3.1: unknown keys are ignored */
    if (field->ptr) return "a key comes twice: which of them is meant?";
    if (field == &b->token) return wrong_auth(value, field);
    *field = value;
    return NULL;
}

bool gp_bearer_read(gp_str pairs, struct gp_bearer *b)
{
    *b = (struct gp_bearer) { 0 };
    while (pairs.len > 1 && !b->wrong) {
        size_t end = gp_find(pairs, KVSEP);
        b->wrong   = end < pairs.len ? wrong_pair(gp_head(pairs, end), b) : bad_end;
        pairs      = gp_tail(pairs, end + 1);
    }
    if (b->wrong) return false;
    if (pairs.len != 1 || pairs.ptr[0] != KVSEP)
        b->wrong = bad_end;
    else if (!b->token.ptr)
        b->wrong = "the client's message has no auth=";
    return !b->wrong;
}

/* ---- the server --------------------------------------------------------------------------------------- */
enum gp_sasl_step gp_bearer_ask(struct gp_sasl *x, gp_str token)
{
    if (token.len == 0) return gp_bearer_refuse(x);
    if (!gp_sasl_set_token(x, token)) return gp_sasl_malformed(x, "the token is too long");
    return gp_sasl_question(x, GP_SASL_IS_TOKEN);
}

static void put_json(struct gp_text *out, const char *name, gp_str value)
{
    if (value.len == 0) return;
    gp_put_z(out, ",\"");
    gp_put_z(out, name);
    gp_put_z(out, "\":\"");
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] == '"' || value.ptr[i] == '\\') gp_put_char(out, '\\');
        if ((unsigned char)value.ptr[i] >= ' ') gp_put_char(out, value.ptr[i]);
    }
    gp_put_char(out, '"');
}

enum gp_sasl_step gp_bearer_refuse(struct gp_sasl *x)
{
    enum { HINTS_ROOM = GP_SASL_OUT_ROOM / 4 * 3 - 64 };
    static const char invalid[] = "{\"status\":\"invalid_token\"";
    char              room[HINTS_ROOM];
    struct gp_text    text = { .ptr = room, .room = sizeof room - 1 };
    gp_put_z(&text, invalid);
    put_json(&text, "scope", x->scope);
    put_json(&text, "openid-configuration", x->discovery);
    if (text.cut) text.len = sizeof invalid - 1; /* hints that do not fit are left out */
    room[text.len] = '}';
    x->told        = true;
    return gp_sasl_say(x, (gp_str) { room, text.len + 1 });
}

/* ---- the client --------------------------------------------------------------------------------------- */
enum gp_sasl_step gp_bearer_say(struct gp_sasl *x, gp_str head)
{
    char           room[GP_SASL_TOKEN_MOST];
    struct gp_text text  = GP_TEXT(room);
    gp_str         token = { x->secret.ptr, x->secret.len };
    bool           whole = is_token(token);
    gp_put(&text, head);
    gp_put_z(&text, "auth=");
    gp_put_z(&text, scheme);
    gp_put(&text, token);
    gp_put_z(&text, "\1\1");
    gp_sasl_forget_secret(x);
    x->proven              = true;
    enum gp_sasl_step step = whole && !text.cut ? gp_sasl_say(x, gp_said(&text)) : gp_sasl_fail(x, GP_SASL_MALFORMED);
    gp_wipe(room, sizeof room);
    return step;
}

static gp_str skip_blanks(gp_str json)
{
    size_t n = 0;
    while (n < json.len && memchr(" \t\r\n", json.ptr[n], sizeof " \t\r\n" - 1)) n++;
    return gp_tail(json, n);
}

/* RFC 7628 3.2.2: the member "status". Neither quote nor backslash stands in its words (RFC 6749 5.2), so that no more of JSON has
 * to be understood; XOAUTH2's servers put a number of HTTP there. */
static gp_str status_in(gp_str json)
{
    static const char name[] = "\"status\"";
    while (json.len > 0) {
        json         = gp_tail(json, gp_find(json, '"'));
        bool found   = gp_starts(json, name);
        json         = gp_tail(json, found ? sizeof name - 1 : 1);
        gp_str value = skip_blanks(json);
        if (!found || value.len == 0 || value.ptr[0] != ':') continue;
        value = skip_blanks(gp_tail(value, 1));
        if (value.len == 0 || value.ptr[0] != '"') continue;
        value      = gp_tail(value, 1);
        size_t end = gp_find(value, '"');
        return end < value.len ? gp_head(value, end) : GP_NONE;
    }
    return GP_NONE;
}

/* The words are a stranger's: bounded, and without controls, since they are for a log. */
enum gp_sasl_step gp_bearer_refused(struct gp_sasl *x, gp_str json, gp_str reply)
{
    struct gp_text text = GP_TEXT(x->talk.says);
    for (size_t i = 0; i < json.len; i++) {
        bool plain = json.ptr[i] >= ' ' && json.ptr[i] < 0x7f;
        gp_put_char(&text, plain ? json.ptr[i] : '?');
    }
    enum gp_sasl_step step = gp_sasl_say(x, reply);
    gp_str            says = gp_said(&text), status = status_in(gp_head(json, says.len));
    x->says   = says;
    x->status = status.ptr ? (gp_str) { says.ptr + (status.ptr - json.ptr), status.len } : GP_NONE;
    x->proven = false;
    x->why    = GP_SASL_REFUSED;
    return step;
}
