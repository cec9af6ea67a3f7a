/* Digests, sealed boxes, keys and certificates: against published vectors, and against OpenSSL itself where we sign. */
#include "crypto/crypto.h"

#include "check.h"

#include <string.h>

#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

static gp_str hex_of(const void *octets, size_t len)
{
    static char    room[4 * GP_DIGEST_MOST];
    struct gp_text hex = GP_TEXT(room);
    gp_put_hex(&hex, (gp_str) { octets, len });
    return gp_said(&hex);
}

/* ---- digests -------------------------------------------------------------------------------------------- */
static const struct {
    enum gp_hash hash;
    const char  *of_abc, *hmac; /* HMAC of "what do ya want for nothing?" under "Jefe": RFC 2202, RFC 4231 */
} known[] = {
  /* clang-format off */
    { GP_MD5,    "900150983cd24fb0d6963f7d28e17f72", "750c783e6ab0b503eaa86e310a5db738" },
    { GP_SHA1,   "a9993e364706816aba3e25717850c26c9cd0d89d", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79" },
    { GP_SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                 "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
    { GP_SHA512, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
                 "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737" },
  /* clang-format on */
};

TEST(digests_are_those_of_the_standards)
{
    for (size_t i = 0; i < GP_COUNT(known); i++) {
        uint8_t out[GP_DIGEST_MOST];
        size_t  size = gp_hash_size(known[i].hash);
        CHECK(gp_digest(known[i].hash, GP_LIT("abc"), out));
        CHECK_IS(hex_of(out, size), known[i].of_abc);
        CHECK(gp_hmac(known[i].hash, GP_LIT("Jefe"), GP_LIT("what do ya want for nothing?"), out));
        CHECK_IS(hex_of(out, size), known[i].hmac);
        struct gp_digester *digester = gp_digester_open(known[i].hash);
        for (int round = 0; round < 2; round++) { /* it starts afresh by itself */
            CHECK(digester && gp_digester_add(digester, GP_LIT("a")) && gp_digester_add(digester, GP_NONE));
            CHECK(gp_digester_add(digester, GP_LIT("bc")) && gp_digester_end(digester, out));
            CHECK_IS(hex_of(out, size), known[i].of_abc);
        }
        gp_digester_close(digester);
    }
}

TEST(hmac_takes_an_empty_key)
{
    uint8_t out[GP_DIGEST_MOST];
    CHECK(gp_hmac(GP_SHA256, GP_LIT("another"), GP_LIT("x"), out));
    CHECK(gp_hmac(GP_SHA256, GP_NONE, GP_NONE, out));
    CHECK_IS(hex_of(out, 32), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

/* RFC 4231 4.7, and OpenSSL's own for keys of every length about a block. */
TEST(hmac_takes_keys_of_any_length)
{
    uint8_t key[300], out[GP_DIGEST_MOST], same[GP_DIGEST_MOST];
    memset(key, 0xaa, sizeof key);
    CHECK(gp_hmac(GP_SHA256, (gp_str) { (const char *)key, 131 },
                  GP_LIT("Test Using Larger Than Block-Size Key - Hash Key First"), out));
    CHECK_IS(hex_of(out, 32), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    for (size_t i = 0; i < sizeof key; i++) key[i] = (uint8_t)i;
    for (size_t len = 0; len <= sizeof key; len++) {
        gp_str data = { (const char *)key, sizeof key - len };
        HMAC(EVP_sha512(), key, (int)len, key, data.len, same, NULL);
        CHECK(gp_hmac(GP_SHA512, (gp_str) { (const char *)key, len }, data, out) && memcmp(out, same, 64) == 0);
        HMAC(EVP_sha256(), key, (int)len, key, data.len, same, NULL);
        CHECK(gp_hmac(GP_SHA256, (gp_str) { (const char *)key, len }, data, out) && memcmp(out, same, 32) == 0);
    }
}

TEST(pbkdf2_is_that_of_rfc_6070)
{
    uint8_t   out[GP_DIGEST_MOST];
    gp_secret password = { "password", 8 };
    CHECK(gp_pbkdf2(GP_SHA1, password, GP_LIT("salt"), 4096, out));
    CHECK_IS(hex_of(out, 20), "4b007901b765489abead49d926f721d065a429c1");
    CHECK(!gp_pbkdf2(GP_SHA1, password, GP_LIT("salt"), 0, out));
}

/* ---- random --------------------------------------------------------------------------------------------- */
TEST(new_passwords_are_26_letters_and_never_the_same)
{
    char first[GP_PASSWORD_ROOM], second[GP_PASSWORD_ROOM];
    gp_new_password(first);
    gp_new_password(second);
    CHECK(strcmp(first, second) != 0);
    size_t letters = 0;
    for (const char *c = first; *c; c++) {
        CHECK(strchr("abcdefghijkmnpqrstuvwxyz23456789-", *c));
        letters += *c != '-';
    }
    CHECK(letters == 26 && strlen(first) == 30);
    CHECK(first[5] == '-' && first[11] == '-' && first[17] == '-' && first[23] == '-');
}

TEST(incidents_are_ten_letters_and_never_the_same)
{
    char first[GP_INCIDENT_ROOM], second[GP_INCIDENT_ROOM], read[GP_INCIDENT_ROOM];
    gp_new_incident(first);
    gp_new_incident(second);
    CHECK(gp_from(first).len == 10 && gp_from(second).len == 10 && !gp_same(gp_from(first), gp_from(second)));
    CHECK(gp_read_incident(gp_from(first), read) && gp_same(gp_from(first), gp_from(read)));
}

TEST(an_incident_is_understood_as_it_is_written_down)
{
    static const struct {
        const char *written, *meant; /* NULL: it is none */
    } cases[] = {
        {"K7ZQ3ABCDE",   "K7ZQ3ABCDE"},
        { "k7zq3abcde",  "K7ZQ3ABCDE"},
        { "OoIiLl0189",  "0011110189"},
        { "K7ZQ3ABCD",   NULL        },
        { "K7ZQ3ABCDEF", NULL        },
        { "K7ZQ3ABCDU",  NULL        },
        { "K7ZQ3-ABCD",  NULL        },
        { "",            NULL        },
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        char read[GP_INCIDENT_ROOM];
        bool is_one = gp_read_incident(gp_from(cases[i].written), read);
        CHECK(is_one == (cases[i].meant != NULL));
        if (is_one) CHECK(gp_same(gp_from(read), gp_from(cases[i].meant)));
    }
}

TEST(matching_compares_every_octet)
{
    CHECK(gp_matches("abc", "abc", 3) && !gp_matches("abc", "abd", 3) && gp_matches("a", "b", 0));
}

/* ---- sealed boxes --------------------------------------------------------------------------------------- */
static const uint8_t seal_key[GP_SEAL_KEY] = { 1, 2, 3 };

PROPERTY(what_is_sealed_opens_and_nothing_else_does, bytes)
{
    static uint8_t sealed[4096 + GP_SEAL_EXTRA], opened[4096];
    uint8_t        other_key[GP_SEAL_KEY] = { 9 };
    gp_str         box                    = { (const char *)sealed, bytes.len + GP_SEAL_EXTRA };
    CHECK(gp_seal(seal_key, GP_LIT("joe"), bytes, sealed));
    CHECK(gp_unseal(seal_key, GP_LIT("joe"), box, opened));
    CHECK_SAME(((gp_str) { (const char *)opened, bytes.len }), bytes);
    CHECK(!gp_unseal(seal_key, GP_LIT("eve"), box, opened));
    CHECK(!gp_unseal(other_key, GP_LIT("joe"), box, opened));
    CHECK(!gp_unseal(seal_key, GP_LIT("joe"), gp_head(box, box.len - 1), opened));
    sealed[bytes.len % box.len] ^= 1;
    CHECK(!gp_unseal(seal_key, GP_LIT("joe"), box, opened));
    CHECK(bytes.len < GP_SEAL_EXTRA || !gp_unseal(seal_key, GP_LIT(""), bytes, opened)); /* not a box at all */
}

/* ---- keys ----------------------------------------------------------------------------------------------- */
static EVP_PKEY *public_half(const struct gp_key *key)
{
    char           room[2048];
    struct gp_text octets = GP_TEXT(room);
    CHECK(gp_key_public(key, &octets));
    if (gp_key_kind(key) == GP_KEY_ED25519)
        return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const unsigned char *)room, octets.len);
    const unsigned char *der = (const unsigned char *)room;
    return d2i_PUBKEY(NULL, &der, (long)octets.len);
}

static bool verifies(const struct gp_key *key, int padding, const EVP_MD *digest, gp_str data, gp_str signature)
{
    EVP_PKEY     *pkey    = public_half(key);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pkey, NULL);
    CHECK(pkey && context && EVP_PKEY_verify_init(context) == 1);
    if (padding) CHECK(EVP_PKEY_CTX_set_rsa_padding(context, padding) == 1);
    if (digest) CHECK(EVP_PKEY_CTX_set_signature_md(context, digest) == 1);
    bool good = EVP_PKEY_verify(context, (const unsigned char *)signature.ptr, signature.len,
                                (const unsigned char *)data.ptr, data.len) == 1;
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(pkey);
    return good;
}

TEST(keys_survive_being_written)
{
    static const enum gp_key_kind kinds[] = { GP_KEY_RSA, GP_KEY_EC, GP_KEY_ED25519 };
    for (size_t i = 0; i < GP_COUNT(kinds); i++) {
        char           room[4096], again_room[4096];
        struct gp_text pem = GP_TEXT(room), again = GP_TEXT(again_room);
        struct gp_key *key = gp_key_new(kinds[i], 1024), *read = NULL;
        CHECK(key && gp_key_kind(key) == kinds[i] && gp_key_pem(key, &pem));
        CHECK(gp_starts(gp_said(&pem), "-----BEGIN PRIVATE KEY-----"));
        read = gp_key_read(gp_said(&pem));
        CHECK(read && gp_key_kind(read) == kinds[i] && gp_key_pem(read, &again));
        CHECK_SAME(gp_said(&again), gp_said(&pem));
        struct gp_text small = { .ptr = room, .room = 40 };
        CHECK(!gp_key_pem(key, &small));
        gp_key_close(read);
        gp_key_close(key);
    }
}

TEST(what_is_no_private_key_is_refused)
{
    static const char *const pems[] = {
        "",
        "-----BEGIN PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        /* Encrypted, "secret": nobody is asked for a password. */
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
        "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjS3lmIy5omCQICCAAw\n"
        "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEJihNnztF4iSNWa0psMXPNkEQG9r\n"
        "H4NttFeBZ1nEFGd3rFGtQecDrFJC4nT6qynSpRKg9vueyANzAg+WB6+LqT/mKyYZ\n"
        "w23NCnJ02+GOs4F3PjQ=\n"
        "-----END ENCRYPTED PRIVATE KEY-----\n",
    };
    for (size_t i = 0; i < GP_COUNT(pems); i++) CHECK(gp_key_read(gp_from(pems[i])) == NULL);
}

TEST(each_way_to_sign_is_what_its_reader_expects)
{
    static const char digest_room[32] = "0123456789abcdef0123456789abcde";
    gp_str            digest          = { digest_room, sizeof digest_room };
    char              room[GP_SIGNATURE_MOST], padded[128] = { 0, 1, 2, 3 };
    struct gp_key    *rsa = gp_key_new(GP_KEY_RSA, 1024), *ec = gp_key_new(GP_KEY_EC, 0);
    struct gp_text    signature = GP_TEXT(room);
    CHECK(rsa && ec);
    CHECK(gp_key_sign(rsa, GP_SIGN_DIGEST_SHA256, digest, &signature));
    CHECK(verifies(rsa, RSA_PKCS1_PADDING, EVP_sha256(), digest, gp_said(&signature)));
    CHECK(!verifies(rsa, RSA_PKCS1_PADDING, EVP_sha256(), GP_LIT("0123456789abcdef0123456789abcdeX"),
                    gp_said(&signature)));
    signature.len = 0;
    CHECK(gp_key_sign(rsa, GP_SIGN_RSA_PKCS1, digest, &signature));
    CHECK(verifies(rsa, RSA_PKCS1_PADDING, NULL, digest, gp_said(&signature)));
    signature.len = 0;
    CHECK(gp_key_sign(rsa, GP_SIGN_RSA_RAW, ((gp_str) { padded, sizeof padded }), &signature));
    CHECK(verifies(rsa, RSA_NO_PADDING, NULL, ((gp_str) { padded, sizeof padded }), gp_said(&signature)));
    signature.len = 0;
    CHECK(gp_key_sign(ec, GP_SIGN_ECDSA, digest, &signature));
    CHECK(verifies(ec, 0, NULL, digest, gp_said(&signature)));
    gp_key_close(rsa);
    gp_key_close(ec);
}

TEST(a_key_signs_only_in_its_own_way)
{
    char              room[GP_SIGNATURE_MOST];
    static const char digest[32] = "x";
    gp_str            data       = { digest, sizeof digest };
    struct gp_text    signature  = GP_TEXT(room);
    struct gp_key    *rsa = gp_key_new(GP_KEY_RSA, 1024), *ec = gp_key_new(GP_KEY_EC, 0);
    CHECK(rsa && ec);
    CHECK(!gp_key_sign(rsa, GP_SIGN_ECDSA, data, &signature));
    CHECK(!gp_key_sign(ec, GP_SIGN_RSA_RAW, data, &signature));
    CHECK(!gp_key_sign(rsa, GP_SIGN_RSA_RAW, data, &signature));                  /* not as long as the modulus */
    CHECK(!gp_key_sign(rsa, GP_SIGN_DIGEST_SHA256, GP_LIT("short"), &signature)); /* not a SHA-256 digest       */
    CHECK(!gp_key_sign(rsa, GP_SIGN_RSA_PKCS1, GP_NONE, &signature));
    CHECK(signature.len == 0);
    gp_key_close(rsa);
    gp_key_close(ec);
}

/* RFC 8032 7.1, test 3 */
TEST(ed25519_is_that_of_rfc_8032)
{
    char   der[64], room[256], encoded_room[256];
    gp_str secret =
        kit_hex("302e020100300506032b657004220420c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", der,
                sizeof der);
    struct gp_text text = GP_TEXT(room), signature = GP_TEXT(encoded_room);
    gp_put_z(&text, "-----BEGIN PRIVATE KEY-----\n");
    gp_put_base64(&text, secret);
    gp_put_z(&text, "\n-----END PRIVATE KEY-----\n");
    struct gp_key *key = gp_key_read(gp_said(&text));
    CHECK(key);
    text.len = 0;
    CHECK(gp_key_public(key, &text));
    CHECK_IS(hex_of(room, text.len), "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025");
    CHECK(gp_key_sign(key, GP_SIGN_DIGEST_SHA256, GP_LIT("\xaf\x82"), &signature));
    CHECK_IS(hex_of(encoded_room, signature.len), "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
                                                  "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a");
    gp_key_close(key);
}

/* ---- certificates --------------------------------------------------------------------------------------- */
static X509 *certificate_of(const struct gp_key *key, const char *const *names, const char *const *addresses)
{
    char           room[4096];
    struct gp_text pem = GP_TEXT(room);
    CHECK(gp_certificate_new(key, names, addresses, 30, &pem));
    BIO  *in          = BIO_new_mem_buf(room, (int)pem.len);
    X509 *certificate = PEM_read_bio_X509(in, NULL, NULL, NULL);
    BIO_free(in);
    CHECK(certificate);
    return certificate;
}

TEST(a_new_certificate_is_good_for_its_names)
{
    static const char *const names[] = { "mail.example.org", "localhost", NULL }, *const addresses[] = { "127.0.0.1",
                                                                                                         "::1", NULL };
    for (int kind = GP_KEY_RSA; kind <= GP_KEY_ED25519; kind++) {
        struct gp_key *key = gp_key_new((enum gp_key_kind)kind, 1024);
        CHECK(key);
        X509 *certificate = certificate_of(key, names, addresses);
        CHECK(X509_get_version(certificate) == X509_VERSION_3 &&
              X509_verify(certificate, X509_get0_pubkey(certificate)) == 1);
        CHECK(X509_check_host(certificate, "mail.example.org", 0, 0, NULL) == 1);
        CHECK(X509_check_host(certificate, "other.example.org", 0, 0, NULL) == 0);
        CHECK(X509_check_ip_asc(certificate, "127.0.0.1", 0) == 1 && X509_check_ip_asc(certificate, "::1", 0) == 1);
        CHECK(X509_check_ca(certificate) == 0);
        CHECK(X509_cmp_current_time(X509_get0_notBefore(certificate)) < 0 &&
              X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0);
        X509_free(certificate);
        gp_key_close(key);
    }
}

TEST(names_that_are_none_make_no_certificate)
{
    char                     room[4096];
    struct gp_text           pem         = GP_TEXT(room);
    static const char *const names[]     = { "mail.example.org", NULL };
    static const char *const addresses[] = { "not-an-address", NULL };
    struct gp_key           *key         = gp_key_new(GP_KEY_EC, 0);
    CHECK(!gp_certificate_new(key, names, addresses, 30, &pem));
    CHECK(!gp_certificate_new(key, (const char *const[]) { NULL }, (const char *const[]) { NULL }, 30, &pem));
    CHECK(pem.len == 0);
    gp_key_close(key);
}
