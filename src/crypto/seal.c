/* Sealed boxes: nonce, AES-256-GCM ciphertext, tag. The context is authenticated and not stored. */
#include "crypto/crypto.h"

#include <limits.h>
#include <string.h>

#include <openssl/evp.h>

enum { NONCE = 12, TAG = 16 };
_Static_assert(NONCE + TAG == GP_SEAL_EXTRA, "what a sealed box adds");

static const unsigned char *octets_of(gp_str text)
{
    return (const unsigned char *)(text.len ? text.ptr : "");
}

/* Key, nonce and context into the cipher; then the text through it into out. */
static bool run(EVP_CIPHER_CTX *cipher, bool seal, const uint8_t *key, const uint8_t *nonce, gp_str context,
                gp_str text, uint8_t *out)
{
    int len = 0;
    return EVP_CipherInit_ex(cipher, EVP_aes_256_gcm(), NULL, key, nonce, seal) == 1 &&
           EVP_CipherUpdate(cipher, NULL, &len, octets_of(context), (int)context.len) == 1 &&
           EVP_CipherUpdate(cipher, out, &len, octets_of(text), (int)text.len) == 1;
}

bool gp_seal(const uint8_t key[static GP_SEAL_KEY], gp_str context, gp_str plain, uint8_t *out)
{
    if (plain.len > INT_MAX || context.len > INT_MAX) return false;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    uint8_t        *text = out + NONCE, *tag = text + plain.len;
    int             rest = 0;
    gp_random(out, NONCE);
    bool done = cipher && run(cipher, true, key, out, context, plain, text) &&
                EVP_CipherFinal_ex(cipher, tag, &rest) == 1 &&
                EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, TAG, tag) == 1;
    EVP_CIPHER_CTX_free(cipher);
    return done;
}

bool gp_unseal(const uint8_t key[static GP_SEAL_KEY], gp_str context, gp_str sealed, uint8_t *out)
{
    if (sealed.len < GP_SEAL_EXTRA || sealed.len > INT_MAX || context.len > INT_MAX) return false;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    gp_str          text   = gp_head(gp_tail(sealed, NONCE), sealed.len - GP_SEAL_EXTRA);
    uint8_t         tag[TAG], unused[TAG];
    int             rest = 0;
    memcpy(tag, sealed.ptr + sealed.len - TAG, TAG);
    bool done = cipher && run(cipher, false, key, octets_of(sealed), context, text, out) &&
                EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, TAG, tag) == 1 &&
                EVP_CipherFinal_ex(cipher, unused, &rest) == 1;
    if (!done) gp_wipe(out, text.len); /* nobody may use what was not authenticated */
    EVP_CIPHER_CTX_free(cipher);
    return done;
}
