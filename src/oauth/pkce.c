/* Proof that who fetches the token is who sent the person to the provider. */
#include "oauth/oauth.h"

enum { SECRET = 32 }; /* octets; 43 characters, as RFC 7636 4.1 recommends */

void oauth_put_url64(struct gp_text *out, gp_str octets)
{
    size_t start = out->len;
    gp_put_base64(out, octets);
    if (out->cut) return;
    for (size_t i = start; i < out->len; i++) {
        if (out->ptr[i] == '+') out->ptr[i] = '-';
        if (out->ptr[i] == '/') out->ptr[i] = '_';
    }
    while (out->len > start && out->ptr[out->len - 1] == '=') out->len--;
}

static void put_short(char out[static OAUTH_PKCE_ROOM], const uint8_t octets[static SECRET])
{
    char           room[GP_BASE64_ROOM(SECRET)];
    struct gp_text text = GP_TEXT(room);
    oauth_put_url64(&text, (gp_str) { (const char *)octets, SECRET });
    (void)gp_copy_z(gp_said(&text), out, OAUTH_PKCE_ROOM);
    gp_wipe(room, sizeof room);
}

bool oauth_pkce(char verifier[static OAUTH_PKCE_ROOM], char challenge[static OAUTH_PKCE_ROOM])
{
    uint8_t octets[SECRET], digest[GP_DIGEST_MOST];
    gp_random(octets, sizeof octets);
    put_short(verifier, octets);
    gp_wipe(octets, sizeof octets);
    if (!gp_digest(GP_SHA256, gp_from(verifier), digest)) return false;
    put_short(challenge, digest);
    return true;
}
