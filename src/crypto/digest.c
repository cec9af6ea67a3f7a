/* Digests, HMAC and PBKDF2 over OpenSSL. */
#include "crypto/crypto.h"

#include <limits.h>
#include <pthread.h>
#include <string.h>

#include <openssl/evp.h>

enum { BLOCK_MOST = 128, IPAD = 0x36, OPAD = 0x5c }; /* RFC 2104 2 */

static const struct {
    const char *name;
    size_t      size;
} hashes[GP_HASHES] = {
    [GP_MD5]    = {"MD5",       16},
    [GP_SHA1]   = { "SHA1",     20},
    [GP_SHA256] = { "SHA2-256", 32},
    [GP_SHA512] = { "SHA2-512", 64},
};

/* OpenSSL 3 looks for the code behind EVP_sha256() anew each time, which takes longer than a short digest itself. */
static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;
static EVP_MD        *fetched[GP_HASHES]; /* NULL: the system has none, and what would use it fails */

static void fetch_all(void)
{
    for (size_t i = 0; i < GP_HASHES; i++) fetched[i] = EVP_MD_fetch(NULL, hashes[i].name, NULL);
}

static const EVP_MD *algorithm(enum gp_hash hash)
{
    pthread_once(&fetch_once, fetch_all);
    return fetched[hash];
}

size_t gp_hash_size(enum gp_hash hash)
{
    return hashes[hash].size;
}

bool gp_digest(enum gp_hash hash, gp_str data, uint8_t *out)
{
    return EVP_Digest(data.ptr, data.len, out, NULL, algorithm(hash), NULL) == 1;
}

/* ---- HMAC ---------------------------------------------------------------------------------------------- */
static bool digest_two(EVP_MD_CTX *context, const EVP_MD *md, gp_str first, gp_str second, uint8_t *out)
{
    return EVP_DigestInit_ex(context, md, NULL) == 1 && EVP_DigestUpdate(context, first.ptr, first.len) == 1 &&
           EVP_DigestUpdate(context, second.ptr, second.len) == 1 && EVP_DigestFinal_ex(context, out, NULL) == 1;
}

/* The key as it goes into the inner digest; one longer than a block is its digest. */
static bool put_inner_key(const EVP_MD *md, gp_str key, uint8_t *block, size_t size)
{
    bool fits = key.len <= size;
    memset(block, 0, size);
    if (fits && key.len) memcpy(block, key.ptr, key.len);
    if (!fits && EVP_Digest(key.ptr, key.len, block, NULL, md, NULL) != 1) return false;
    for (size_t i = 0; i < size; i++) block[i] ^= IPAD;
    return true;
}

/* RFC 2104 2, by its definition: OpenSSL's own HMAC spends four times as long, on finding and making objects. */
bool gp_hmac(enum gp_hash hash, gp_str key, gp_str data, uint8_t *out)
{
    uint8_t       block[BLOCK_MOST];
    const EVP_MD *md      = algorithm(hash);
    size_t        size    = md ? (size_t)EVP_MD_get_block_size(md) : 0;
    EVP_MD_CTX   *context = size && size <= sizeof block ? EVP_MD_CTX_new() : NULL;
    gp_str        padded = { (const char *)block, size }, inner = { (const char *)out, hashes[hash].size };
    bool          done = context && put_inner_key(md, key, block, size) && digest_two(context, md, padded, data, out);
    for (size_t i = 0; done && i < size; i++) block[i] ^= IPAD ^ OPAD;
    done = done && digest_two(context, md, padded, inner, out);
    EVP_MD_CTX_free(context); /* wiped by OpenSSL */
    gp_wipe(block, sizeof block);
    return done;
}

bool gp_pbkdf2(enum gp_hash hash, gp_secret password, gp_str salt, uint32_t rounds, uint8_t *out)
{
    if (password.len > INT_MAX || salt.len > INT_MAX || rounds == 0 || rounds > INT_MAX) return false;
    const char *octets = password.len ? password.ptr : "";
    return PKCS5_PBKDF2_HMAC(octets, (int)password.len, (const unsigned char *)salt.ptr, (int)salt.len, (int)rounds,
                             algorithm(hash), (int)hashes[hash].size, out) == 1;
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
    if (context && EVP_DigestInit_ex(context, algorithm(hash), NULL) == 1) return (struct gp_digester *)(void *)context;
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
