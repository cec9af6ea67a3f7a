/* The form for a token endpoint: which grant, and who asks. */
#include "oauth/oauth.h"

enum { ASSERTION_SECONDS = 600, SERVICE_SECONDS = 3600 };

#define JWT_BEARER        "urn:ietf:params:oauth:grant-type:jwt-bearer"            /* RFC 7523 2.1 */
#define CLIENT_JWT_BEARER "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" /* RFC 7523 2.2 */
#define DEVICE_CODE       "urn:ietf:params:oauth:grant-type:device_code"           /* RFC 8628 3.4 */

static bool put_assertion(struct gp_text *form, const char *name, const struct gp_key *key,
                          const struct oauth_assertion *a)
{
    char           room[OAUTH_ASSERTION_ROOM];
    struct gp_text jwt  = GP_TEXT(room);
    bool           made = oauth_put_assertion(&jwt, key, a);
    if (made) oauth_put_field(form, name, gp_said(&jwt));
    gp_wipe(room, sizeof room);
    return made;
}

/* RFC 6749 2.3.1, RFC 7523 2.2. An application that has neither secret nor key says only its name (RFC 6749 3.2.1). */
const char *oauth_put_client(struct gp_text *form, const struct oauth_ask *a)
{
    oauth_put_field(form, "client_id", a->client_id);
    if (a->secret.ptr) oauth_put_field(form, "client_secret", a->secret);
    if (a->secret.ptr && !a->secret.len) return "the first line of its client_secret_file is empty, or too long";
    if (!a->wants_key) return NULL;
    if (!a->key || !a->thumbprint) return "its key_file is no RSA key, or its certificate_file no certificate";
    const struct oauth_assertion claims = { .issuer     = a->client_id,
                                            .subject    = a->client_id,
                                            .audience   = a->token_uri,
                                            .thumbprint = a->thumbprint,
                                            .now        = a->now,
                                            .seconds    = ASSERTION_SECONDS };
    oauth_put_field(form, "client_assertion_type", GP_LIT(CLIENT_JWT_BEARER));
    return put_assertion(form, "client_assertion", a->key, &claims) ? NULL : "its key cannot sign";
}

static const char *put_service_account(struct gp_text *form, const struct oauth_ask *a)
{
    if (!a->key) return "its key_file is no RSA key, and no file that Google makes";
    if (!a->client_id.len) return "its key_file does not say whose it is: write that as client_id";
    const struct oauth_assertion claims = { .issuer   = a->client_id,
                                            .subject  = a->subject,
                                            .audience = a->token_uri,
                                            .scope    = a->scope,
                                            .key_id   = a->key_id.len ? a->key_id : GP_NONE,
                                            .now      = a->now,
                                            .seconds  = SERVICE_SECONDS };
    oauth_put_field(form, "grant_type", GP_LIT(JWT_BEARER));
    return put_assertion(form, "assertion", a->key, &claims) ? NULL : "its key cannot sign";
}

const char *oauth_put_ask(struct gp_text *form, const struct oauth_ask *a)
{
    const char *why = NULL;
    switch (a->grant) {
    case OAUTH_SERVICE_ACCOUNT: why = put_service_account(form, a); break;
    case OAUTH_CLIENT: /* RFC 6749 4.4.2 */
        oauth_put_field(form, "grant_type", GP_LIT("client_credentials"));
        oauth_put_field(form, "scope", a->scope);
        break;
    case OAUTH_CODE: /* RFC 6749 4.1.3, RFC 7636 4.5 */
        oauth_put_field(form, "grant_type", GP_LIT("authorization_code"));
        oauth_put_field(form, "code", a->code);
        oauth_put_field(form, "redirect_uri", a->redirect_uri);
        oauth_put_field(form, "code_verifier", a->verifier);
        break;
    case OAUTH_DEVICE_CODE:
        oauth_put_field(form, "grant_type", GP_LIT(DEVICE_CODE));
        oauth_put_field(form, "device_code", a->code);
        break;
    default: /* RFC 6749 6 */
        oauth_put_field(form, "grant_type", GP_LIT("refresh_token"));
        oauth_put_field(form, "refresh_token", a->code);
    }
    if (!why && a->grant != OAUTH_SERVICE_ACCOUNT) why = oauth_put_client(form, a);
    return !why && form->cut ? "what has to be said is too long" : why;
}
