/* Tokens that are signed with Ed25519, which the library for the others does not know. */
#include "check.h"
#include "lookup/jwt.h"

#include <string.h>

#define X "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
/* RFC 8037 A.4 */
static const char token[] = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
                            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

static struct jwks *keys_of(const char *members)
{
    char room[512];
    (void)snprintf(room, sizeof room, "{\"keys\":[{\"kty\":\"OKP\",%s}]}", members);
    return jwks_read(gp_from(room));
}

TEST(the_token_of_rfc_8037)
{
    struct jwks                *keys = keys_of("\"crv\":\"Ed25519\",\"x\":\"" X "\"");
    const struct jws_algorithm *alg  = jws_algorithm(GP_LIT("EdDSA"));
    CHECK(keys && alg && jwks_verify(keys, GP_LIT(token), alg, GP_NONE) == JWKS_RIGHT);
    CHECK(jwks_verify(keys, GP_LIT(token), alg, GP_LIT("k")) == JWKS_NO_KEY);
    CHECK(jwks_verify(keys, GP_LIT(token), jws_algorithm(GP_LIT("ES256")), GP_NONE) == JWKS_NO_KEY);
    for (size_t i = 0; i < sizeof token - 1; i++) {
        char other[sizeof token];
        memcpy(other, token, sizeof token);
        other[i] = other[i] == 'A' ? 'B' : 'A';
        CHECK(jwks_verify(keys, gp_from(other), alg, GP_NONE) == JWKS_WRONG);
        CHECK(jwks_verify(keys, gp_head(GP_LIT(token), i), alg, GP_NONE) == JWKS_WRONG);
    }
    jwks_free(keys);
}

TEST(which_keys_of_its_kind_are_of_use)
{
    static const struct {
        const char *members;
        bool        good;
    } rows[] = {
        {"\"crv\":\"Ed25519\",\"x\":\"" X "\",\"alg\":\"EdDSA\",\"use\":\"sig\"",     true },
        { "\"crv\":\"Ed25519\",\"x\":\"" X "\",\"alg\":\"ES256\"",                    false},
        { "\"crv\":\"Ed25519\",\"x\":\"" X "\",\"use\":\"enc\"",                      false},
        { "\"crv\":\"Ed448\",\"x\":\"" X "\"",                                        false},
        { "\"crv\":\"X25519\",\"x\":\"" X "\"",                                       false},
        { "\"crv\":\"Ed25519\",\"x\":\"" X "AA\"",                                    false},
        { "\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUQ\"", false},
        { "\"crv\":\"Ed25519\",\"x\":7",                                              false},
        { "\"crv\":\"Ed25519\"",                                                      false},
        { "\"x\":\"" X "\"",                                                          false},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct jwks *keys = keys_of(rows[i].members);
        if (!keys == rows[i].good) fail_msg("%s", rows[i].members);
        jwks_free(keys);
    }
}
