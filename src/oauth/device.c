/* RFC 8628 3.2: the code that a person types elsewhere. */
#include "oauth/oauth.h"

#include <jansson.h>

enum { HTTP_OK = 200, INTERVAL_USUAL = 5, INTERVAL_MOST = 60, LIFETIME_MOST = 3600 };

static bool take(const json_t *object, const char *name, char *out, size_t room)
{
    const char *text = json_string_value(json_object_get(object, name));
    if (!text || !text[0] || !gp_copy_z(gp_from(text), out, room)) return false;
    for (const char *c = out; *c; c++)
        if (*c < ' ' || *c >= '\x7f') return false; /* it goes to a terminal */
    return true;
}

static uint64_t seconds(const json_t *object, const char *name, uint64_t usual, uint64_t most)
{
    json_int_t number = json_integer_value(json_object_get(object, name));
    if (number <= 0) return usual;
    return (uint64_t)number < most ? (uint64_t)number : most;
}

const char *oauth_read_device(gp_str body, long status, struct oauth_device *d, struct oauth_reply *r)
{
    *d = (struct oauth_device) { 0 };
    if (status != HTTP_OK) {
        oauth_read_reply(body, status, r);
        return r->why;
    }
    json_t *object = json_loadb(body.ptr ? body.ptr : "", body.len, JSON_REJECT_DUPLICATES, NULL);
    bool    whole  = take(object, "device_code", d->code, sizeof d->code) &&
                 take(object, "user_code", d->user_code, sizeof d->user_code) &&
                 (take(object, "verification_uri", d->uri, sizeof d->uri) ||
                  take(object, "verification_url", d->uri, sizeof d->uri)); /* as Google has it */
    d->interval = seconds(object, "interval", INTERVAL_USUAL, INTERVAL_MOST);
    d->lifetime = seconds(object, "expires_in", LIFETIME_MOST, LIFETIME_MOST);
    json_decref(object);
    return whole ? NULL : "its answer is no JSON with a device_code, a user_code and a verification_uri";
}
