/* RFC 6749 5: a token, or an error. What a provider says of an error is shown to people, as far as it can be: it is what helps. */
#include "oauth/oauth.h"

#include <string.h>

#include <jansson.h>

enum { HTTP_OK = 200, HTTP_AFTER_OK = 300, HTTP_TOO_MANY = 429, HTTP_SERVER = 500 };

/* RFC 6749 A.12, A.17: VSCHAR; what an access token may be made of is less, and its mechanism checks that. */
static bool is_token(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] >= '\x7f') return false;
    return len > 0;
}

static bool take_token(const json_t *object, const char *name, char *out, size_t *out_len)
{
    const json_t *member = json_object_get(object, name);
    const char   *text   = json_string_value(member);
    size_t        len    = json_string_length(member);
    *out_len             = 0;
    if (!text || len > OAUTH_TOKEN_MOST || !is_token(text, len)) return false;
    memcpy(out, text, len);
    *out_len = len;
    return true;
}

/* A number, or one in quotes, as some say it. */
static uint64_t take_seconds(const json_t *object, const char *name)
{
    const json_t *member = json_object_get(object, name);
    uint64_t      number = 0;
    if (json_is_string(member)) {
        if (!gp_read_number(gp_from(json_string_value(member)), OAUTH_LIFETIME_MOST, &number)) return 0;
    } else if (json_is_number(member)) {
        double value = json_number_value(member);
        if (value >= 1) number = value < OAUTH_LIFETIME_MOST ? (uint64_t)value : OAUTH_LIFETIME_MOST;
    }
    return number;
}

static void put_shown(struct gp_text *out, const char *text, size_t most)
{
    for (size_t i = 0; text && text[i] && i < most; i++)
        gp_put_char(out, text[i] < ' ' || text[i] >= '\x7f' ? ' ' : text[i]);
}

static void say(struct oauth_reply *r, const char *what, const char *more)
{
    struct gp_text text = { .ptr = r->why, .room = sizeof r->why - 1 };
    put_shown(&text, what, sizeof r->why / 2);
    if (more && more[0]) {
        gp_put_z(&text, ": ");
        put_shown(&text, more, text.room - text.len);
    }
    r->why[text.len] = '\0';
}

void oauth_no_reply(struct oauth_reply *r, const char *why)
{
    *r = (struct oauth_reply) { .status = GP_TEMPFAIL };
    say(r, why, NULL);
}

/* What is a matter of time, by its name (RFC 6749 4.1.2.1, RFC 8628 3.5); all else waits for somebody who mends it. */
static gp_status meaning_of(const char *error, long status)
{
    static const char *const later[] = { "temporarily_unavailable", "server_error" };
    static const char *const waits[] = { "authorization_pending", "slow_down" };
    for (size_t i = 0; i < GP_COUNT(later); i++)
        if (strcmp(error, later[i]) == 0) return GP_TEMPFAIL;
    for (size_t i = 0; i < GP_COUNT(waits); i++)
        if (strcmp(error, waits[i]) == 0) return GP_WAIT;
    return status >= HTTP_SERVER || status == HTTP_TOO_MANY ? GP_TEMPFAIL : GP_PERMFAIL;
}

static void take_error(const json_t *object, long status, struct oauth_reply *r)
{
    const char    *error = json_string_value(json_object_get(object, "error"));
    struct gp_text text  = { .ptr = r->error, .room = sizeof r->error - 1 };
    r->status            = GP_TEMPFAIL;
    if (!error) {
        say(r,
            status >= HTTP_OK && status < HTTP_AFTER_OK ? "its answer is no JSON with a token"
                                                        : "it answers with an error and says no reason",
            NULL);
        return;
    }
    put_shown(&text, error, text.room);
    r->error[text.len] = '\0';
    r->status          = meaning_of(r->error, status);
    r->slow_down       = strcmp(r->error, "slow_down") == 0;
    say(r, r->error, json_string_value(json_object_get(object, "error_description")));
}

/* Some say null, or "", where they mean that there is none. */
static bool has_refresh(const json_t *object)
{
    const json_t *member = json_object_get(object, "refresh_token");
    return member && !json_is_null(member) && !(json_is_string(member) && !json_string_length(member));
}

static void take_success(const json_t *object, struct oauth_reply *r)
{
    const json_t *type  = json_object_get(object, "token_type");
    bool          other = type && !(json_is_string(type) && gp_is(gp_from(json_string_value(type)), "Bearer"));
    r->status           = GP_TEMPFAIL;
    if (other) {
        say(r, "its token is of another type than Bearer", NULL);
        return;
    }
    if (!take_token(object, "access_token", r->access, &r->access_len)) {
        say(r, "its access_token is none, or too long", NULL);
        return;
    }
    if (has_refresh(object) && !take_token(object, "refresh_token", r->refresh, &r->refresh_len)) {
        say(r, "its refresh_token is none, or too long", NULL);
        return;
    }
    r->lifetime = take_seconds(object, "expires_in");
    r->refresh_lifetime =
        take_seconds(object, "refresh_token_expires_in"); /* Google and Microsoft say it, where it ends */
    r->status = GP_OK;
}

void oauth_read_reply(gp_str body, long status, struct oauth_reply *r)
{
    json_t *object = json_loadb(body.ptr ? body.ptr : "", body.len, JSON_REJECT_DUPLICATES, NULL);
    *r             = (struct oauth_reply) { .status = GP_TEMPFAIL };
    bool good      = status >= HTTP_OK && status < HTTP_AFTER_OK && json_object_get(object, "access_token");
    if (good)
        take_success(object, r);
    else
        take_error(object, status, r);
    if (r->status != GP_OK) gp_wipe(r->access, sizeof r->access), r->access_len = 0;
    json_decref(object);
}
