/* Private keys: read, made, written, and used to sign. A struct gp_key is an EVP_PKEY under our name. */
#include "crypto/crypto.h"

#include <limits.h>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "crypto/key.h"

EVP_PKEY *gp_key_of(const struct gp_key *key)
{
    return (EVP_PKEY *)(void *)key;
}

static struct gp_key *key_from(EVP_PKEY *pkey)
{
    return (struct gp_key *)(void *)pkey;
}

static const struct {
    int              type;
    enum gp_key_kind kind;
} kinds[] = {
    {EVP_PKEY_RSA,      GP_KEY_RSA    },
    { EVP_PKEY_EC,      GP_KEY_EC     },
    { EVP_PKEY_ED25519, GP_KEY_ED25519},
};

static bool find_kind(const EVP_PKEY *pkey, enum gp_key_kind *kind)
{
    for (size_t i = 0; i < GP_COUNT(kinds); i++) {
        if (EVP_PKEY_get_base_id(pkey) != kinds[i].type) continue;
        *kind = kinds[i].kind;
        return true;
    }
    return false;
}

enum gp_key_kind gp_key_kind(const struct gp_key *key)
{
    enum gp_key_kind kind = GP_KEY_RSA;
    (void)find_kind(gp_key_of(key), &kind); /* key_read and key_new let no other kind in */
    return kind;
}

unsigned gp_key_bits(const struct gp_key *key)
{
    int bits = EVP_PKEY_get_bits(gp_key_of(key));
    return bits > 0 ? (unsigned)bits : 0;
}

struct gp_key *gp_key_share(const struct gp_key *key)
{
    return EVP_PKEY_up_ref(gp_key_of(key)) == 1 ? key_from(gp_key_of(key)) : NULL;
}

void gp_key_close(struct gp_key *key)
{
    EVP_PKEY_free(gp_key_of(key)); /* OpenSSL wipes it */
}

/* ---- reading, making, writing -------------------------------------------------------------------------- */
/* Stands where OpenSSL would ask the terminal for the password of an encrypted key. */
static int no_password(char *out, int room, int writing, void *owner)
{
    (void)out, (void)room, (void)writing, (void)owner;
    return -1;
}

struct gp_key *gp_key_read(gp_str pem)
{
    enum gp_key_kind kind;
    BIO             *in   = pem.len && pem.len <= INT_MAX ? BIO_new_mem_buf(pem.ptr, (int)pem.len) : NULL;
    EVP_PKEY        *pkey = in ? PEM_read_bio_PrivateKey(in, NULL, no_password, NULL) : NULL;
    BIO_free(in);
    ERR_clear_error();
    if (pkey && find_kind(pkey, &kind)) return key_from(pkey);
    EVP_PKEY_free(pkey);
    return NULL;
}

struct gp_key *gp_key_new(enum gp_key_kind kind, unsigned bits)
{
    switch (kind) {
    case GP_KEY_RSA: return key_from(EVP_RSA_gen(bits));
    case GP_KEY_EC: return key_from(EVP_EC_gen("P-256"));
    default: return key_from(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
    }
}

/* All that the BIO holds, and the end of the BIO. */
bool gp_bio_into(BIO *bio, bool written, struct gp_text *out)
{
    char *bytes = NULL;
    long  len   = written ? BIO_get_mem_data(bio, &bytes) : 0;
    if (len > 0) gp_put(out, (gp_str) { bytes, (size_t)len });
    BIO_free(bio);
    return len > 0 && !out->cut;
}

bool gp_key_pem(const struct gp_key *key, struct gp_text *pem)
{
    BIO *out = BIO_new(BIO_s_secmem());
    if (!out) return false;
    bool written = PEM_write_bio_PKCS8PrivateKey(out, gp_key_of(key), NULL, NULL, 0, NULL, NULL) == 1;
    return gp_bio_into(out, written, pem);
}

static bool put_raw_public(const struct gp_key *key, struct gp_text *octets)
{
    unsigned char raw[GP_DIGEST_MOST];
    size_t        len = sizeof raw;
    if (EVP_PKEY_get_raw_public_key(gp_key_of(key), raw, &len) != 1) return false;
    gp_put(octets, (gp_str) { (const char *)raw, len });
    return !octets->cut;
}

bool gp_key_public(const struct gp_key *key, struct gp_text *octets)
{
    /* RFC 8463 4: the bare key for Ed25519; RFC 6376 3.6.1: SubjectPublicKeyInfo for RSA. */
    if (gp_key_kind(key) == GP_KEY_ED25519) return put_raw_public(key, octets);
    unsigned char *der = NULL;
    int            len = i2d_PUBKEY(gp_key_of(key), &der);
    if (len > 0) gp_put(octets, (gp_str) { (const char *)der, (size_t)len });
    OPENSSL_free(der);
    return len > 0 && !octets->cut;
}

/* ---- signing ------------------------------------------------------------------------------------------- */
/* What each way to sign takes from an RSA key; ECDSA takes nothing, Ed25519 has a path of its own. */
static const struct {
    enum gp_key_kind kind;
    int              padding;
    const EVP_MD *(*digest)(void);
} ways[GP_SIGNS] = {
    [GP_SIGN_DIGEST_SHA256] = {GP_KEY_RSA,  RSA_PKCS1_PADDING,     EVP_sha256},
    [GP_SIGN_RSA_RAW]       = { GP_KEY_RSA, RSA_NO_PADDING,        NULL      },
    [GP_SIGN_RSA_PKCS1]     = { GP_KEY_RSA, RSA_PKCS1_PADDING,     NULL      },
    [GP_SIGN_ECDSA]         = { GP_KEY_EC,  0,                     NULL      },
    [GP_SIGN_PSS_SHA256]    = { GP_KEY_RSA, RSA_PKCS1_PSS_PADDING, EVP_sha256},
};

static bool set_up(EVP_PKEY_CTX *context, enum gp_sign how)
{
    if (EVP_PKEY_sign_init(context) != 1) return false;
    if (ways[how].padding && EVP_PKEY_CTX_set_rsa_padding(context, ways[how].padding) != 1) return false;
    if (ways[how].padding == RSA_PKCS1_PSS_PADDING &&
        EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) != 1)
        return false;
    return !ways[how].digest || EVP_PKEY_CTX_set_signature_md(context, ways[how].digest()) == 1;
}

static bool sign_digest(EVP_PKEY *pkey, enum gp_sign how, gp_str data, unsigned char *out, size_t *len)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pkey, NULL);
    bool          done    = context && set_up(context, how) &&
                EVP_PKEY_sign(context, out, len, (const unsigned char *)data.ptr, data.len) == 1;
    EVP_PKEY_CTX_free(context);
    return done;
}

static bool sign_ed25519(EVP_PKEY *pkey, gp_str data, unsigned char *out, size_t *len)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool        done    = context && EVP_DigestSignInit(context, NULL, NULL, NULL, pkey) == 1 &&
                EVP_DigestSign(context, out, len, (const unsigned char *)data.ptr, data.len) == 1;
    EVP_MD_CTX_free(context);
    return done;
}

bool gp_key_sign(const struct gp_key *key, enum gp_sign how, gp_str data, struct gp_text *signature)
{
    unsigned char    out[GP_SIGNATURE_MOST];
    size_t           len  = sizeof out;
    EVP_PKEY        *pkey = gp_key_of(key);
    enum gp_key_kind kind = gp_key_kind(key);
    bool             done = false;
    if (data.len == 0 || how >= GP_SIGNS || EVP_PKEY_get_size(pkey) > GP_SIGNATURE_MOST) return false;
    if (kind == GP_KEY_ED25519 && how == GP_SIGN_DIGEST_SHA256)
        done = sign_ed25519(pkey, data, out, &len);
    else if (kind == ways[how].kind)
        done = sign_digest(pkey, how, data, out, &len);
    ERR_clear_error(); /* the next to look in the queue would take our refusal for its own */
    if (!done) return false;
    gp_put(signature, (gp_str) { (const char *)out, len });
    return !signature->cut;
}

bool gp_ed25519_holds(const uint8_t key[static GP_ED25519_PUBLIC], gp_str data, gp_str signature)
{
    EVP_PKEY   *pkey    = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, GP_ED25519_PUBLIC);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool        holds   = pkey && context && signature.len == GP_ED25519_SIGNATURE &&
                 EVP_DigestVerifyInit(context, NULL, NULL, NULL, pkey) == 1 &&
                 EVP_DigestVerify(context, (const unsigned char *)signature.ptr, signature.len,
                                  (const unsigned char *)data.ptr, data.len) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    return holds;
}
