/* Tokens that say whose they are: JWT (RFC 7519, used as RFC 8725 and 9068 want it), the keys that sign them (RFC 7517), and
 * the claims in them or in an introspection (RFC 7662). Pure: the token, the provider's keys, the rules (a source's plan) and the
 * time go in, a verdict comes out. What a token says of keys (jku, jwk, x5u, x5c) is never looked at; its kid is a word to find in
 * the table, and nothing else. A header and claims are at most as long as a token, TOKEN_MOST. */
#ifndef LOOKUP_JWT_H
#define LOOKUP_JWT_H

#include <jansson.h>

#include "lookup/parts.h"

struct verdict {
    gp_status status;  /* OK or PERMFAIL                                                              */
    bool      known;   /* the issuer itself has signed it, or spoken of it: no other source need be asked */
    bool      no_key;  /* PERMFAIL because no key is called so: newer ones may be                     */
    int64_t   expires; /* seconds since 1970; 0: it does not say                                      */
    struct token_owner owner;
    char      why[LOOKUP_WHY];
};

/* ---- keys (jwks.c) ---------------------------------------------------------------------------------------------------- */
enum jwk_kind { JWK_RSA, JWK_EC, JWK_ED25519, JWK_KINDS };
struct jws_algorithm {
    const char   *name;
    enum jwk_kind kind;
    int           curve;  /* of EC, as cjose calls it            */
    size_t        octets; /* of a signature; 0: as its key is long */
};
const struct jws_algorithm *jws_algorithm(gp_str name); /* NULL: none that is signed with a private key and can be checked */

enum { JWKS_TEXT_MOST = 256 * 1024, JWKS_MOST = 64, KID_ROOM = 256 };
struct jwks;
/* Those keys of a set that can be used, JWKS_MOST at the most. NULL: there is none, or it is no set. */
struct jwks *jwks_read(gp_str json);
void         jwks_free(struct jwks *);
size_t       jwks_count(const struct jwks *);
/* Strict: no pads, no stray bits (RFC 7515 2). What it does not read must not get to the library, which may end the process. */
bool base64url_read(gp_str, char *out, size_t room, size_t *len) GP_MUST_USE;
enum jwks_found { JWKS_NO_KEY, JWKS_WRONG, JWKS_RIGHT };
/* Is the signature of the token that of a key for this algorithm called so? kid GP_NONE: of the only key for this algorithm. */
enum jwks_found jwks_verify(const struct jwks *, gp_str token, const struct jws_algorithm *, gp_str kid);

/* ---- tokens (jwt.c) ------------------------------------------------------------------------------------------------------- */
bool jwt_has_form(gp_str token); /* three parts of base64url: others are no JWT, and only their issuer can read them */
void jwt_judge(gp_str token, const struct jwks *, const struct config_lookup *rules, int64_t now, struct verdict *);

/* ---- claims (claims.c) ------------------------------------------------------------------------------------------------------ */
enum claims_from { CLAIMS_OF_JWT, CLAIMS_OF_INTROSPECTION }; /* the latter may leave out who issued them and when they end */
void claims_judge(const json_t *claims, enum claims_from, const struct config_lookup *rules, int64_t now, struct verdict *);
/* The first of them: so that a token of somebody else is told from one of a key that is not here yet. */
bool claims_are_issuers(const json_t *claims, enum claims_from, const struct config_lookup *rules, struct verdict *);
void verdict_no(struct verdict *, const char *before, gp_str quoted, const char *after); /* quoted GP_NONE: before alone */
bool words_have(const char *words, gp_str word);                                         /* exactly that one             */

#endif
