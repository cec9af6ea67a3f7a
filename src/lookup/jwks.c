/* A provider's keys. From each only what makes a public key is handed on to the library; symmetric keys are never taken, so
 * that no algorithm can take a public key for a shared secret. */
#include <cjose/cjose.h>
#include <stdlib.h>
#include <string.h>

#include "lookup/jwt.h"

enum { RSA_BITS_LEAST = 2048, RSA_BITS_MOST = 8192, PUBLIC_ROOM = 4096 }; /* RFC 7518 3.3; more is work without end */

struct key {
    char                        kid[KID_ROOM]; /* "": none */
    const struct jws_algorithm *only;          /* NULL: any that goes with its kind */
    enum jwk_kind               kind;
    int                         curve;
    cjose_jwk_t                *jwk;                        /* of RSA and EC                       */
    uint8_t                     ed25519[GP_ED25519_PUBLIC]; /* which the library does not know: its own octets */
};
struct jwks {
    size_t     count;
    struct key keys[JWKS_MOST];
};

/* RFC 7518 3.1, 3.4; RFC 8037 3.1 */
static const struct jws_algorithm algorithms[] = {
    {"RS256",  JWK_RSA,     0,                  0                   },
    { "RS384", JWK_RSA,     0,                  0                   },
    { "RS512", JWK_RSA,     0,                  0                   },
    { "PS256", JWK_RSA,     0,                  0                   },
    { "PS384", JWK_RSA,     0,                  0                   },
    { "PS512", JWK_RSA,     0,                  0                   },
    { "ES256", JWK_EC,      CJOSE_JWK_EC_P_256, 64                  },
    { "ES384", JWK_EC,      CJOSE_JWK_EC_P_384, 96                  },
    { "ES512", JWK_EC,      CJOSE_JWK_EC_P_521, 132                 },
    { "EdDSA", JWK_ED25519, 0,                  GP_ED25519_SIGNATURE},
};

const struct jws_algorithm *jws_algorithm(gp_str name)
{
    for (size_t i = 0; i < GP_COUNT(algorithms); i++)
        if (gp_same(name, gp_from(algorithms[i].name))) return &algorithms[i];
    return NULL;
}

/* ---- reading ---------------------------------------------------------------------------------------------------------- */
static gp_str text_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_string(value) ? (gp_str) { json_string_value(value), json_string_length(value) } : GP_NONE;
}

static bool is_for_signatures(const json_t *jwk)
{
    const json_t *operations = json_object_get(jwk, "key_ops");
    if (json_object_get(jwk, "use") && !gp_same(text_of(jwk, "use"), GP_LIT("sig"))) return false;
    for (size_t i = 0; i < json_array_size(operations); i++) {
        const char *word = json_string_value(json_array_get(operations, i));
        if (word && strcmp(word, "verify") == 0) return true;
    }
    return !operations;
}

static bool copy_member(json_t *half, const json_t *jwk, const char *name, bool is_number)
{
    char    octets[PUBLIC_ROOM];
    size_t  len   = 0;
    json_t *value = json_object_get(jwk, name);
    bool    good  = json_is_string(value) &&
                (!is_number || (base64url_read(text_of(jwk, name), octets, sizeof octets, &len) && len > 0));
    return good && json_object_set(half, name, value) == 0;
}

/* Its public half, as an object of the library's own. */
static cjose_jwk_t *public_half(const json_t *jwk, enum jwk_kind kind)
{
    char         room[PUBLIC_ROOM];
    cjose_err    error;
    json_t      *half = json_object();
    cjose_jwk_t *made = NULL;
    bool         full = half && copy_member(half, jwk, "kty", false);
    if (kind == JWK_RSA)
        full = full && copy_member(half, jwk, "n", true) && copy_member(half, jwk, "e", true);
    else
        full = full && copy_member(half, jwk, "crv", false) && copy_member(half, jwk, "x", true) &&
               copy_member(half, jwk, "y", true);
    size_t len = full ? json_dumpb(half, room, sizeof room, JSON_COMPACT) : 0;
    if (len && len <= sizeof room) made = cjose_jwk_import(room, len, &error);
    json_decref(half);
    return made;
}

/* RFC 8037 2: the octets of the public key. Ed448, the other curve of EdDSA, is not taken. */
static bool read_ed25519(const json_t *jwk, struct key *k)
{
    size_t len = 0;
    return gp_same(text_of(jwk, "crv"), GP_LIT("Ed25519")) &&
           base64url_read(text_of(jwk, "x"), (char *)k->ed25519, sizeof k->ed25519, &len) && len == sizeof k->ed25519;
}

static bool is_strong(const struct key *k)
{
    cjose_err error;
    size_t    bits = cjose_jwk_get_keysize(k->jwk, &error);
    return k->kind == JWK_EC || (bits >= RSA_BITS_LEAST && bits <= RSA_BITS_MOST);
}

static enum jwk_kind kind_of(const json_t *jwk)
{
    static const char *const names[JWK_KINDS] = { [JWK_RSA] = "RSA", [JWK_EC] = "EC", [JWK_ED25519] = "OKP" };
    enum jwk_kind            kind             = JWK_RSA;
    while (kind < JWK_KINDS && !gp_same(text_of(jwk, "kty"), gp_from(names[kind]))) kind++;
    return kind;
}

static bool read_key(const json_t *jwk, struct key *k)
{
    cjose_err error;
    gp_str    kid = text_of(jwk, "kid"), alg = text_of(jwk, "alg");
    *k = (struct key) { .only = jws_algorithm(alg), .kind = kind_of(jwk) };
    if (k->kind == JWK_KINDS || !is_for_signatures(jwk)) return false;
    if (json_object_get(jwk, "alg") && (!k->only || k->only->kind != k->kind)) return false;
    if (kid.len && !gp_copy_z(kid, k->kid, sizeof k->kid)) return false;
    if (k->kind == JWK_ED25519) return read_ed25519(jwk, k);
    k->jwk = public_half(jwk, k->kind);
    if (!k->jwk) return false;
    k->curve = k->kind == JWK_EC ? (int)cjose_jwk_EC_get_curve(k->jwk, &error) : 0;
    if (is_strong(k)) return true;
    (void)cjose_jwk_release(k->jwk);
    return false;
}

struct jwks *jwks_read(gp_str json)
{
    if (json.len > JWKS_TEXT_MOST) return NULL;
    json_t       *set  = json_loadb(json.ptr ? json.ptr : "", json.len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *keys = json_object_get(set, "keys");
    struct jwks  *made = json_is_array(keys) ? calloc(1, sizeof *made) : NULL;
    for (size_t i = 0; made && i < json_array_size(keys) && made->count < JWKS_MOST; i++)
        if (read_key(json_array_get(keys, i), &made->keys[made->count])) made->count++;
    json_decref(set);
    if (made && made->count) return made;
    free(made);
    return NULL;
}

void jwks_free(struct jwks *set)
{
    for (size_t i = 0; set && i < set->count; i++) (void)cjose_jwk_release(set->keys[i].jwk);
    free(set);
}

size_t jwks_count(const struct jwks *set)
{
    return set->count;
}

/* ---- signatures ----------------------------------------------------------------------------------------------------------- */
static bool fits(const struct key *k, const struct jws_algorithm *alg, gp_str kid)
{
    if (k->kind != alg->kind || (alg->kind == JWK_EC && k->curve != alg->curve)) return false;
    return (!k->only || k->only == alg) && (!kid.ptr || gp_same(kid, gp_from(k->kid)));
}

/* RFC 7515 5.2: what is signed is what stands before the last dot. */
static bool is_signed_by_ed25519(gp_str token, const struct key *k)
{
    char   signature[GP_ED25519_SIGNATURE];
    size_t len = 0, dot = token.len;
    while (dot > 0 && token.ptr[dot - 1] != '.') dot--;
    return dot > 0 && base64url_read(gp_tail(token, dot), signature, sizeof signature, &len) &&
           gp_ed25519_holds(k->ed25519, gp_head(token, dot - 1), (gp_str) { signature, len });
}

static bool is_signed_by(gp_str token, const struct key *k)
{
    if (k->kind == JWK_ED25519) return is_signed_by_ed25519(token, k);
    cjose_err    error;
    cjose_jws_t *jws  = cjose_jws_import(token.ptr, token.len, &error);
    bool         good = jws && cjose_jws_verify(jws, k->jwk, &error);
    cjose_jws_release(jws);
    return good;
}

enum jwks_found jwks_verify(const struct jwks *set, gp_str token, const struct jws_algorithm *alg, gp_str kid)
{
    size_t suitable = 0;
    for (size_t i = 0; i < set->count; i++) suitable += fits(&set->keys[i], alg, kid);
    if (suitable == 0 || (!kid.ptr && suitable > 1)) return JWKS_NO_KEY;
    for (size_t i = 0; i < set->count; i++)
        if (fits(&set->keys[i], alg, kid) && is_signed_by(token, &set->keys[i])) return JWKS_RIGHT;
    return JWKS_WRONG;
}
