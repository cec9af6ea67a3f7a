/* A JWT in compact form (RFC 7515 3.1), looked at in this order: its form, its header, the signature, and only then its claims. */
#include "lookup/jwt.h"

#include <string.h>

enum { PARTS = 3, PART_ROOM = TOKEN_MOST + 4 };

static bool is_base64url(gp_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '-' && c != '_')
            return false;
    }
    return true;
}

static bool split(gp_str token, gp_str parts[static PARTS])
{
    if (token.len > TOKEN_MOST) return false;
    for (size_t i = 0; i < PARTS; i++) {
        parts[i] = gp_cut(&token, '.');
        if (!parts[i].ptr || !is_base64url(parts[i])) return false;
    }
    return !token.ptr && parts[0].len && parts[1].len; /* a JWE has five */
}

bool jwt_has_form(gp_str token)
{
    gp_str parts[PARTS];
    return split(token, parts);
}

/* RFC 7515 2: base64url without pads. The strict reader of base64 sees to stray bits. */
bool base64url_read(gp_str part, char *out, size_t room, size_t *len)
{
    char           text[PART_ROOM];
    struct gp_text plain = GP_TEXT(text);
    if (!is_base64url(part)) return false;
    for (size_t i = 0; i < part.len; i++) {
        char c = part.ptr[i];
        gp_put_char(&plain, (char)(c == '-' ? '+' : c == '_' ? '/' : c));
    }
    while (plain.len % 4) gp_put_char(&plain, '=');
    bool good = !plain.cut && gp_read_base64(gp_said(&plain), out, room, len);
    gp_wipe(text, sizeof text);
    return good;
}

/* An object in which every name stands once; NULL: it is none. */
static json_t *read_object(gp_str part)
{
    char    octets[PART_ROOM];
    size_t  len    = 0;
    json_t *object = base64url_read(part, octets, sizeof octets, &len)
                         ? json_loadb(octets, len, JSON_REJECT_DUPLICATES, NULL)
                         : NULL;
    gp_wipe(octets, sizeof octets);
    if (json_is_object(object)) return object;
    json_decref(object);
    return NULL;
}

/* ---- the header ------------------------------------------------------------------------------------------------------- */
struct header {
    const struct jws_algorithm *alg;
    gp_str                      kid; /* GP_NONE: not said */
};

/* RFC 8725 3.11: a token of another kind (of a logout, of a proof) may be signed with the same key. RFC 9068 2.1: at+jwt. */
static bool is_usual_type(gp_str typ)
{
    static const char prefix[] = "application/";
    if (gp_starts(typ, prefix)) typ = gp_tail(typ, sizeof prefix - 1);
    return gp_is(typ, "JWT") || gp_is(typ, "at+jwt");
}

static bool get_text(const json_t *object, const char *name, gp_str *out)
{
    const json_t *value = json_object_get(object, name);
    *out = json_is_string(value) ? (gp_str) { json_string_value(value), json_string_length(value) } : GP_NONE;
    return !value || out->ptr;
}

static bool read_header(const json_t *json, const struct config_lookup *rules, struct header *h, struct verdict *v)
{
    gp_str alg, typ;
    if (!get_text(json, "alg", &alg) || !get_text(json, "kid", &h->kid) || !get_text(json, "typ", &typ) || !alg.ptr) {
        verdict_no(v, "its header has no alg, or an alg, kid or typ that is no text", GP_NONE, "");
        return false;
    }
    h->alg = words_have(rules->algorithms, alg) ? jws_algorithm(alg) : NULL;
    if (!h->alg)
        verdict_no(v, "its algorithm ", alg, " is none of those allowed");
    else if (json_object_get(json, "crit")) /* RFC 7515 4.1.11: extensions that must be understood, and none is */
        verdict_no(v, "its header demands extensions (crit)", GP_NONE, "");
    else if (typ.ptr && !is_usual_type(typ))
        verdict_no(v, "it is a token of another kind: ", typ, "");
    else
        return true;
    return false;
}

/* ---- all of it ---------------------------------------------------------------------------------------------------------------- */
/* The library also takes one that goes on after its end, or whose last letter has stray bits: one token, written in many ways. */
static bool is_whole(gp_str signature, const struct jws_algorithm *alg)
{
    char   octets[PART_ROOM];
    size_t len = 0;
    return base64url_read(signature, octets, sizeof octets, &len) && (alg->octets ? len == alg->octets : len > 0);
}

static bool is_signed(gp_str token, gp_str signature, const struct header *h, const struct jwks *keys,
                      struct verdict *v)
{
    const bool whole = is_whole(signature, h->alg);
    switch (whole ? jwks_verify(keys, token, h->alg, h->kid) : JWKS_WRONG) {
    case JWKS_RIGHT: v->known = true; return true;
    case JWKS_WRONG: verdict_no(v, "its signature is wrong", GP_NONE, ""); return false;
    case JWKS_NO_KEY: break;
    }
    v->no_key = true;
    if (h->kid.ptr)
        verdict_no(v, "the issuer has no key ", h->kid, " for its algorithm");
    else
        verdict_no(v, "it names no key, and the issuer has not just one for its algorithm", GP_NONE, "");
    return false;
}

void jwt_judge(gp_str token, const struct jwks *keys, const struct config_lookup *rules, int64_t now, struct verdict *v)
{
    gp_str        parts[PARTS];
    struct header h;
    *v             = (struct verdict) { .status = GP_PERMFAIL };
    json_t *header = split(token, parts) ? read_object(parts[0]) : NULL;
    json_t *claims = header ? read_object(parts[1]) : NULL;
    if (!claims)
        verdict_no(v, "it is no JWT: not three parts of base64url, or not JSON in them", GP_NONE, "");
    else if (read_header(header, rules, &h, v) && claims_are_issuers(claims, CLAIMS_OF_JWT, rules, v) &&
             is_signed(token, parts[2], &h, keys, v))
        claims_judge(claims, CLAIMS_OF_JWT, rules, now, v);
    json_decref(header);
    json_decref(claims);
}
