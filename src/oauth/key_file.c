/* The private key of an application or a service account, in the forms in which people get one. */
#include "oauth/oauth.h"

#include <jansson.h>

static bool take(const json_t *object, const char *name, char *out, size_t room)
{
    const char *text = json_string_value(json_object_get(object, name));
    return !text || gp_copy_z(gp_from(text), out, room);
}

bool oauth_read_key_file(gp_str text, struct oauth_key_file *f)
{
    *f           = (struct oauth_key_file) { .key = gp_key_read(text) };
    json_t *file = f->key ? NULL : json_loadb(text.ptr ? text.ptr : "", text.len, 0, NULL);
    gp_str  pem  = gp_from(json_string_value(json_object_get(file, "private_key")));
    if (pem.len) f->key = gp_key_read(pem);
    bool good = f->key && gp_key_kind(f->key) == GP_KEY_RSA &&
                take(file, "private_key_id", f->key_id, sizeof f->key_id) &&
                take(file, "client_email", f->email, sizeof f->email);
    json_decref(file); /* the role's free wipes (proc/wiping.c) */
    if (good) return true;
    gp_key_close(f->key);
    *f = (struct oauth_key_file) { 0 };
    return false;
}
