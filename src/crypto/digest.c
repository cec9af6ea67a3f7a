/* Digests, HMAC and PBKDF2 over OpenSSL. */
#include "crypto/crypto.h"

#include <limits.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

static const struct {
    const EVP_MD *(*algorithm)(void);
    size_t size;
} hashes[GP_HASHES] = {
    [GP_MD5]    = {EVP_md5,     16},
    [GP_SHA1]   = { EVP_sha1,   20},
    [GP_SHA256] = { EVP_sha256, 32},
    [GP_SHA512] = { EVP_sha512, 64},
};

size_t gp_hash_size(enum gp_hash hash)
{
    return hashes[hash].size;
}

bool gp_digest(enum gp_hash hash, gp_str data, uint8_t *out)
{
    return EVP_Digest(data.ptr, data.len, out, NULL, hashes[hash].algorithm(), NULL) == 1;
}

bool gp_hmac(enum gp_hash hash, gp_str key, gp_str data, uint8_t *out)
{
    if (key.len > INT_MAX) return false;
    const void *octets = key.len ? key.ptr : ""; /* OpenSSL takes NULL for "the key of last time" */
    return HMAC(hashes[hash].algorithm(), octets, (int)key.len, (const unsigned char *)data.ptr, data.len, out, NULL) !=
           NULL;
}

bool gp_pbkdf2(enum gp_hash hash, gp_secret password, gp_str salt, uint32_t rounds, uint8_t *out)
{
    if (password.len > INT_MAX || salt.len > INT_MAX || rounds == 0 || rounds > INT_MAX) return false;
    const char *octets = password.len ? password.ptr : "";
    return PKCS5_PBKDF2_HMAC(octets, (int)password.len, (const unsigned char *)salt.ptr, (int)salt.len, (int)rounds,
                             hashes[hash].algorithm(), (int)hashes[hash].size, out) == 1;
}

/* ---- streaming ----------------------------------------------------------------------------------------- */
/* An EVP_MD_CTX under our name: it remembers its algorithm, so that it can start afresh. */
static EVP_MD_CTX *context_of(struct gp_digester *digester)
{
    return (EVP_MD_CTX *)(void *)digester;
}

struct gp_digester *gp_digester_open(enum gp_hash hash)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context && EVP_DigestInit_ex(context, hashes[hash].algorithm(), NULL) == 1)
        return (struct gp_digester *)(void *)context;
    EVP_MD_CTX_free(context);
    return NULL;
}

bool gp_digester_add(struct gp_digester *digester, gp_str data)
{
    return data.len == 0 || EVP_DigestUpdate(context_of(digester), data.ptr, data.len) == 1;
}

bool gp_digester_end(struct gp_digester *digester, uint8_t *out)
{
    EVP_MD_CTX *context = context_of(digester);
    return EVP_DigestFinal_ex(context, out, NULL) == 1 && EVP_DigestInit_ex(context, NULL, NULL) == 1;
}

void gp_digester_close(struct gp_digester *digester)
{
    EVP_MD_CTX_free(context_of(digester));
}
