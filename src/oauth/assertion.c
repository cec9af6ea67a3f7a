/* JSON Web Tokens that say who asks (RFC 7523 2.2) or for whom (2.1), signed by our key: so no secret travels. */
#include "oauth/oauth.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

enum { ID_OCTETS = 16, THUMBPRINT = 32, SHA256 = 32, JSON_ROOM = 2048 };

static void set(json_t *object, const char *name, gp_str value)
{
    if (value.ptr) (void)json_object_set_new(object, name, json_stringn(value.ptr, value.len));
}

static bool put_part(struct gp_text *out, json_t *object)
{
    char   room[JSON_ROOM];
    size_t len  = object ? json_dumpb(object, room, sizeof room, JSON_COMPACT) : 0;
    bool   fits = len > 0 && len <= sizeof room;
    if (fits) oauth_put_url64(out, (gp_str) { room, len });
    json_decref(object);
    return fits && !out->cut;
}

static json_t *header_of(const struct oauth_assertion *a)
{
    char           room[GP_BASE64_ROOM(THUMBPRINT)];
    struct gp_text text   = GP_TEXT(room);
    json_t        *object = json_object();
    set(object, "alg", gp_from(a->thumbprint ? "PS256" : "RS256"));
    set(object, "typ", GP_LIT("JWT"));
    set(object, "kid", a->key_id);
    if (!a->thumbprint) return object;
    oauth_put_url64(&text, (gp_str) { (const char *)a->thumbprint, THUMBPRINT });
    set(object, "x5t#S256", gp_said(&text)); /* RFC 7515 4.1.8 */
    return object;
}

static json_t *claims_of(const struct oauth_assertion *a)
{
    uint8_t        octets[ID_OCTETS];
    char           room[GP_BASE64_ROOM(ID_OCTETS)];
    struct gp_text text   = GP_TEXT(room);
    json_t        *object = json_object();
    gp_random(octets, sizeof octets);
    oauth_put_url64(&text, (gp_str) { (const char *)octets, sizeof octets });
    set(object, "iss", a->issuer);
    set(object, "sub", a->subject);
    set(object, "aud", a->audience);
    set(object, "scope", a->scope);
    set(object, "jti", gp_said(&text));
    (void)json_object_set_new(object, "iat", json_integer(a->now));
    (void)json_object_set_new(object, "exp", json_integer(a->now + a->seconds));
    return object;
}

bool oauth_put_assertion(struct gp_text *out, const struct gp_key *key, const struct oauth_assertion *a)
{
    uint8_t        digest[GP_DIGEST_MOST];
    char           room[GP_SIGNATURE_MOST];
    struct gp_text signature = GP_TEXT(room);
    const size_t   start     = out->len;
    enum gp_sign   how       = a->thumbprint ? GP_SIGN_PSS_SHA256 : GP_SIGN_DIGEST_SHA256;
    if (gp_key_kind(key) != GP_KEY_RSA || !put_part(out, header_of(a))) return false;
    gp_put_char(out, '.');
    if (!put_part(out, claims_of(a))) return false;
    if (!gp_digest(GP_SHA256, (gp_str) { out->ptr + start, out->len - start }, digest)) return false;
    if (!gp_key_sign(key, how, (gp_str) { (const char *)digest, SHA256 }, &signature)) return false;
    gp_put_char(out, '.');
    oauth_put_url64(out, gp_said(&signature));
    return !out->cut;
}
