/* Digests, HMAC, PBKDF2, signatures, random, sealed boxes and password strings over OpenSSL, argon2 and crypt(3).
 * Pure calls: no file, no clock; random is the one that reads the kernel. What holds a key wipes it. A false or
 * NULL means that OpenSSL refused or memory ran out, never "does not match"; matching calls say so in their name. */
#ifndef GP_CRYPTO_H
#define GP_CRYPTO_H

#include "base/base.h"

#define GP_DIGEST_MOST 64

enum gp_hash { GP_MD5, GP_SHA1, GP_SHA256, GP_SHA512, GP_HASHES };
size_t gp_hash_size(enum gp_hash);

/* One-shot; out holds gp_hash_size octets. */
bool gp_digest(enum gp_hash, gp_str data, uint8_t *out) GP_MUST_USE;
bool gp_hmac(enum gp_hash, gp_str key, gp_str data, uint8_t *out) GP_MUST_USE;
bool gp_pbkdf2(enum gp_hash, gp_secret password, gp_str salt, uint32_t rounds, uint8_t *out) GP_MUST_USE;

/* Streaming digest. */
struct gp_digester;
struct gp_digester *gp_digester_open(enum gp_hash);
bool                gp_digester_add(struct gp_digester *, gp_str) GP_MUST_USE;
bool                gp_digester_end(struct gp_digester *, uint8_t *out) GP_MUST_USE; /* and starts afresh */
void                gp_digester_close(struct gp_digester *);

void gp_random(void *out, size_t len);                     /* never fails: aborts when the kernel has none */
bool gp_matches(const void *a, const void *b, size_t len); /* in constant time                             */

/* A password of 128 random bits as 26 letters and digits in lower-case base32 in groups
 * ("k7zq3-..."), easy to type; room for GP_PASSWORD_ROOM octets with its NUL. */
#define GP_PASSWORD_ROOM 40
void gp_new_password(char out[static GP_PASSWORD_ROOM]);
/* For devices whose fields are short: 20 of the same letters, without hyphens: 100 bits. */
enum { GP_DEVICE_PASSWORD_ROOM = 21 };
void gp_new_device_password(char out[static GP_DEVICE_PASSWORD_ROOM]);

/* An incident: the name of one refusal or hold, ten letters of Crockford's base32 (50 random bits) that mean nothing. It stands
 * at the end of the reply, in the log, and in the record; room for GP_INCIDENT_ROOM octets with its NUL. */
#define GP_INCIDENT_ROOM 11
void gp_new_incident(char out[static GP_INCIDENT_ROOM]);
bool gp_read_incident(gp_str, char out[static GP_INCIDENT_ROOM]) GP_MUST_USE; /* as people write it: any case, O for 0, I or L for 1 */
void gp_put_incident(struct gp_text *, gp_str incident); /* " (incident K7Z...)"; of none: nothing */

/* ---- authenticated encryption (AES-256-GCM) of what must be read back -------------------------------- */
#define GP_SEAL_KEY   32
#define GP_SEAL_EXTRA 28 /* nonce and tag */
bool gp_seal(const uint8_t key[static GP_SEAL_KEY], gp_str context, gp_str plain, uint8_t *out) GP_MUST_USE;
/* false: tampered, other key or other context. out holds sealed.len - GP_SEAL_EXTRA octets. */
bool gp_unseal(const uint8_t key[static GP_SEAL_KEY], gp_str context, gp_str sealed, uint8_t *out) GP_MUST_USE;

/* ---- private keys -------------------------------------------------------------------------------------- */
struct gp_key; /* RSA, EC or Ed25519 private key */
enum gp_key_kind { GP_KEY_RSA, GP_KEY_EC, GP_KEY_ED25519 };
struct gp_key   *gp_key_read(gp_str pem);                             /* NULL: not a private key of these kinds */
struct gp_key   *gp_key_new(enum gp_key_kind, unsigned bits);         /* bits for RSA only; EC is P-256         */
enum gp_key_kind gp_key_kind(const struct gp_key *);
unsigned         gp_key_bits(const struct gp_key *);                  /* RSA: of its modulus                     */
bool             gp_key_pem(const struct gp_key *, struct gp_text *pem) GP_MUST_USE; /* PKCS#8, secret         */
/* What DNS publishes as DKIM p=: RSA SubjectPublicKeyInfo (RFC 6376 3.6.1), Ed25519 the raw 32 octets (RFC 8463 4). */
bool             gp_key_public(const struct gp_key *, struct gp_text *octets) GP_MUST_USE;
struct gp_key   *gp_key_share(const struct gp_key *); /* one more owner, who closes it, too; any thread may. NULL: no memory */
void             gp_key_close(struct gp_key *);

#define GP_SIGNATURE_MOST 1024
enum gp_sign {
    GP_SIGN_DIGEST_SHA256, /* data is a SHA-256 digest: RSA PKCS#1 1.5 or, for Ed25519, PureEdDSA over those
                            * octets: what DKIM's rsa-sha256 and ed25519-sha256 want (RFC 8463 3)            */
    GP_SIGN_RSA_RAW,       /* RSA without padding, data as long as the modulus (the padding was made by TLS) */
    GP_SIGN_RSA_PKCS1,     /* RSA PKCS#1 1.5 of a finished DigestInfo (TLS 1.2)                              */
    GP_SIGN_ECDSA,         /* ECDSA over the digest given, DER                                               */
    GP_SIGN_PSS_SHA256,    /* RSASSA-PSS over a SHA-256 digest, the salt as long (RFC 7518 3.5)              */
    GP_SIGNS
};
bool gp_key_sign(const struct gp_key *, enum gp_sign, gp_str data, struct gp_text *signature) GP_MUST_USE;
/* Is that what the Ed25519 key whose public half this is has signed (RFC 8032)? */
enum { GP_ED25519_PUBLIC = 32, GP_ED25519_SIGNATURE = 64 };
bool gp_ed25519_holds(const uint8_t key[static GP_ED25519_PUBLIC], gp_str data, gp_str signature) GP_MUST_USE;
/* Self-signed for trying out: names and addresses go into subjectAltName; PEM into out. */
bool gp_certificate_new(const struct gp_key *, const char *const *dns_names, const char *const *addresses,
                        unsigned days, struct gp_text *pem) GP_MUST_USE;
/* Is the key that of the chain's first certificate? Then *expires is when that ends. */
bool gp_certificate_fits(gp_str chain_pem, const struct gp_key *, gp_time *expires) GP_MUST_USE;

/* What a TLS client's certificates say; the TLS handshake proved that it has the first one's key. */
enum {
    GP_PEER_CHAIN_MOST        = 16 * 1024, /* octets of DER                         */
    GP_PEER_CERTIFICATES_MOST = 4,
    GP_PEER_EMAILS_MOST       = 8,         /* of one certificate; others are not looked at */
    GP_PEER_EMAIL_MOST        = 254,
    GP_PEER_SUBJECT_MOST      = 511,
    GP_PEER_FINGERPRINT       = 32,
    GP_PEER_TRUSTED_MOST      = 1 << 20,   /* octets of PEM                         */
};
struct gp_certificate_peer {
    uint8_t     fingerprint[GP_PEER_FINGERPRINT]; /* SHA-256 of the first certificate */
    bool        usable;   /* the first is in time, strong enough, and allowed to stand for a client: what a pinned one must be */
    bool        verified; /* usable, and the chain ends at a trusted certificate */
    const char *why;      /* static: why it is not verified; NULL when it is */
    size_t      email_count;
    char        emails[GP_PEER_EMAILS_MOST][GP_PEER_EMAIL_MOST + 1]; /* rfc822Name of subjectAltName, as written */
    char        subject[GP_PEER_SUBJECT_MOST + 1]; /* RFC 4514, UTF-8; "": none, or too long */
};
/* Those who vouch for clients: read once, asked at each sign-in. */
struct gp_trust;
struct gp_trust *gp_trust_open(gp_str pem); /* NULL: there is no certificate in it, or no memory */
void             gp_trust_close(struct gp_trust *); /* NULL is fine */
/* SHA-256 of the first certificate of a PEM text, as GP_PEER_FINGERPRINT octets. false: there is none. */
bool gp_certificate_fingerprint(gp_str pem, uint8_t *out) GP_MUST_USE;
bool gp_certificate_key(gp_str pem, uint8_t *out) GP_MUST_USE; /* the same of its SubjectPublicKeyInfo, for TLSA 3 1 1 */
/* chain: DER after DER, the client's own first. trust NULL: nobody vouches. false: not a chain of certificates. */
bool gp_certificate_peer(gp_str chain, const struct gp_trust *, gp_time now, struct gp_certificate_peer *) GP_MUST_USE;

/* What a server's certificate says; der: the first of a chain. false: it is none. */
struct gp_certificate_facts {
    gp_time  from, until;
    unsigned bits;      /* of its key                        */
    bool     is_rsa, own /* self-signed */, weak /* signed with MD5 or SHA-1 */;
    size_t   names_len;
    char     names[1024]; /* DNS names of subjectAltName, with blanks between them, as they came */
};
bool gp_certificate_read(gp_str der, struct gp_certificate_facts *) GP_MUST_USE;
bool gp_certificate_first(gp_str der, uint8_t *fingerprint) GP_MUST_USE; /* SHA-256, GP_PEER_FINGERPRINT octets */
bool gp_certificate_is_for(gp_str der, gp_str name); /* a host's name, or an address */

/* ---- password strings ---------------------------------------------------------------------------------- */
#define GP_PASSWORD_MOST 1024 /* octets; longer ones are refused: slow hashes of long input are a denial of service */
#define GP_HASH_ROOM     256
#define GP_HASH_COST     98000 /* of what gp_password_hash makes */
/* Argon2id, 19 MiB, t=2, p=1 (OWASP) as a PHC string. Takes 16 ms: never on an I/O thread. */
bool gp_password_hash(gp_secret password, char out[static GP_HASH_ROOM]) GP_MUST_USE;
/* Verifies a password against a stored string. GP_OK matches, GP_PERMFAIL does not, GP_TEMPFAIL cannot tell
 * (unknown scheme, no memory). Schemes are rows of a table in password.c. */
gp_status gp_password_check(gp_secret password, gp_str stored) GP_MUST_USE;
/* NULL: it can be checked. Else what is wrong with it: of no scheme that is known, cut short, or too dear. Static. */
const char *gp_password_wrong(gp_str stored);
/* What a check of it costs, in rounds of PBKDF2-SHA-256, roughly; at least 1. 0: it cannot be checked. */
uint32_t gp_password_cost(gp_str stored);

#endif
