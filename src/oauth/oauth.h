/* OAuth 2.0 as a client: what is asked of a provider, and what its answers mean. Pure: it writes into room of the caller's, who wipes
 * what is secret there, and reads what has come; no socket, file or clock. Answers are hostile: bounded, and what is shown of
 * them is printable ASCII. RFC 6749 (framework), 7521 and 7523 (assertions), 7636 (PKCE), 8628 (device). */
#ifndef OAUTH_OAUTH_H
#define OAUTH_OAUTH_H

#include "crypto/crypto.h"

enum {
    OAUTH_TOKEN_MOST     = 8192,
    OAUTH_ERROR_ROOM     = 64,
    OAUTH_WHY_ROOM       = 256,
    OAUTH_REPLY_MOST     = 64 * 1024,     /* of an answer; more is none                      */
    OAUTH_ASSERTION_ROOM = 4096,
    OAUTH_FORM_ROOM      = 32 * 1024,
    OAUTH_KEY_FILE_MOST  = 32 * 1024,
    OAUTH_KEY_ID_ROOM    = 128,
    OAUTH_LIFETIME_MOST  = 400 * 24 * 3600, /* seconds: what is said beyond is taken for that */
};

/* ---- forms (form.c) ------------------------------------------------------------------------------------------------------ */
/* application/x-www-form-urlencoded (RFC 6749 B): what is not unreserved (RFC 3986 2.3) is written as %XX. */
void oauth_put_form(struct gp_text *, gp_str value);
void oauth_put_field(struct gp_text *, const char *name, gp_str value); /* "&name=value"; "&" unless it is the first */
/* The value of a field of a query or form, decoded. false: it is not there, or does not fit. */
bool oauth_read_field(gp_str form, const char *name, char *out, size_t room) GP_MUST_USE;

/* ---- what a token endpoint says (reply.c) ------------------------------------------------------------------------------------ */
struct oauth_reply {
    gp_status status;            /* OK: a token; WAIT: the person has not said yes yet; TEMPFAIL: not now; PERMFAIL: no, until somebody mends it */
    bool      slow_down;         /* with WAIT: ask less often (RFC 8628 3.5)                     */
    uint64_t  lifetime, refresh_lifetime; /* seconds; 0: it does not say                         */
    size_t    access_len, refresh_len;    /* refresh_len 0: there is no other than before        */
    char      access[OAUTH_TOKEN_MOST], refresh[OAUTH_TOKEN_MOST];
    char      error[OAUTH_ERROR_ROOM]; /* "invalid_grant"; "": none                                */
    char      why[OAUTH_WHY_ROOM];     /* for people                                             */
};
void oauth_read_reply(gp_str body, long status, struct oauth_reply *);
void oauth_no_reply(struct oauth_reply *, const char *why); /* none came */

/* ---- a device (device.c) ------------------------------------------------------------------------------------------------------- */
struct oauth_device {
    uint64_t lifetime, interval; /* seconds                       */
    char     code[2048];         /* secret: it becomes the tokens */
    char     user_code[64], uri[512]; /* for people                */
};
/* NULL: it is there; else why not: in `why` of the reply, or static. */
const char *oauth_read_device(gp_str body, long status, struct oauth_device *, struct oauth_reply *) GP_MUST_USE;

/* ---- PKCE (pkce.c) --------------------------------------------------------------------------------------------------------------- */
enum { OAUTH_PKCE_ROOM = 44 };
/* RFC 7636 4.1, 4.2: a fresh secret, and its S256 challenge. */
bool oauth_pkce(char verifier[static OAUTH_PKCE_ROOM], char challenge[static OAUTH_PKCE_ROOM]) GP_MUST_USE;
void oauth_put_url64(struct gp_text *, gp_str octets); /* base64url without padding (RFC 4648 5) */

/* ---- assertions (assertion.c, key_file.c) ------------------------------------------------------------------------------------------- */
struct oauth_assertion {      /* GP_NONE: left out */
    gp_str         issuer, subject, audience, scope, key_id;
    const uint8_t *thumbprint; /* SHA-256 of a certificate: then the signature is PS256, as Entra wants it; NULL: RS256 */
    int64_t        now;        /* seconds since 1970 */
    unsigned       seconds;
};
/* A signed JWT (RFC 7523 3). false: the key is no RSA key, or it does not fit. */
bool oauth_put_assertion(struct gp_text *, const struct gp_key *, const struct oauth_assertion *) GP_MUST_USE;

/* ---- what is asked of a token endpoint (ask.c) ------------------------------------------------------------------------------------- */
enum oauth_grant { OAUTH_REFRESH, OAUTH_CLIENT, OAUTH_SERVICE_ACCOUNT, OAUTH_CODE, OAUTH_DEVICE_CODE };
struct oauth_ask {
    enum oauth_grant     grant;
    gp_str               client_id, token_uri, scope;
    gp_str               secret;      /* of the application; GP_NONE: it has none, "": it should have one      */
    bool                 wants_key;   /* the application proves itself by key and certificate (Entra)         */
    const struct gp_key *key;         /* NULL: none                                                            */
    const uint8_t       *thumbprint;
    gp_str               key_id, subject; /* of a service account, whose client_id is its address: for whom   */
    gp_str               code;        /* secret: the refresh token, the code that a browser brought, or the device's */
    gp_str               verifier, redirect_uri; /* of a browser's                                             */
    int64_t              now;         /* seconds since 1970                                                    */
};
/* Adds to the form, which has secrets in it then. NULL: it is whole; else why there can be none, for people. */
const char *oauth_put_ask(struct gp_text *form, const struct oauth_ask *) GP_MUST_USE;
const char *oauth_put_client(struct gp_text *form, const struct oauth_ask *) GP_MUST_USE; /* who asks, alone */

struct oauth_key_file { struct gp_key *key; char key_id[OAUTH_KEY_ID_ROOM], email[256]; };
/* A private key as PEM, or the JSON file that Google makes for a service account. false: neither, or no RSA key. */
bool oauth_read_key_file(gp_str text, struct oauth_key_file *) GP_MUST_USE;

#endif
