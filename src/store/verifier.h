/* What is kept of a password, how it is made and how a PLAIN password is checked against it. Pure but for random salts;
 * slow where verifier_cost says so: then not on an I/O thread. A password arrives after SASLprep. The keys come from vault.key,
 * so a stolen accounts.db alone yields neither keyed verifiers nor CRAM secrets. */
#ifndef STORE_VERIFIER_H
#define STORE_VERIFIER_H

#include "base/base.h"
#include "sasl/sasl.h"

enum {
    VERIFIER_KEY          = 32,
    VERIFIER_SALT         = 16,
    VERIFIER_CRAM_MOST    = GP_PASSWORD_MOST + GP_SEAL_EXTRA,
    VERIFIER_FEW_ROUNDS   = 4096,  /* RFC 5802 5.1: enough when the password has 128 random bits        */
    VERIFIER_LOOP_MOST    = 200,   /* rounds that are no work: 50 us                                    */
    VERIFIER_LEAST_CHOSEN = 8,     /* code points of a password that a person chose                     */
};

/* Derived from vault.key, one per purpose. Wipe after use. */
struct verifier_keys { uint8_t plain[VERIFIER_KEY], cram[VERIFIER_KEY], unknown_user[VERIFIER_KEY], unknown_count[VERIFIER_KEY], recipients[VERIFIER_KEY], guard[VERIFIER_KEY], grants[VERIFIER_KEY]; };
bool verifier_keys_from(gp_str vault_key, struct verifier_keys *) GP_MUST_USE; /* exactly VERIFIER_KEY octets */
/* Reads the file that `gatepost init` made. false: *why says. */
bool verifier_keys_read(const char *path, struct verifier_keys *, const char **why) GP_MUST_USE;

/* One salt for each hash and one iteration count for all credentials of an account: the server's first SCRAM message names them
 * before anybody can know which credential the client holds, and the proof is then tried on the keys of each. */
struct scram_group {
    uint32_t iterations;          /* 0: no credential has SCRAM keys; the next that gets some decides */
    bool     has_salt[GP_HASHES]; /* a hash that came later may have none yet                          */
    uint8_t  salt[GP_HASHES][VERIFIER_SALT];
};

struct verifier {
    char    plain[GP_HASH_ROOM]; /* for PLAIN and LOGIN; "": scram_sha256 is it */
    char    scram_sha1[GP_HASH_ROOM], scram_sha256[GP_HASH_ROOM], scram_sha512[GP_HASH_ROOM]; /* RFC 5803; "": none */
    size_t  cram_len;                 /* 0: CRAM-MD5 is not allowed */
    uint8_t cram[VERIFIER_CRAM_MOST]; /* the password, sealed       */
    /* Said by verifier_make, not kept: SCRAM was wished, but the account's count is too low for a chosen password. */
    bool    scram_left_out;
};
struct verifier_wish {
    gp_str                    account;    /* its name: the sealed secret opens for this account only */
    bool                      generated;  /* 128 random bits: fast forms are safe                    */
    bool                      scram;      /* keep SCRAM keys of a chosen password                    */
    bool                      allow_cram;
    uint32_t                  iterations; /* for a chosen password, if the account leaves it open    */
    const struct scram_group *group;      /* the account's (account.scram); NULL: decided anew       */
};
/* SCRAM keys take the salts and the count of the group, and random salts for what it leaves open. A generated password takes any
 * count; a chosen one is not kept under a count below `iterations`: then it gets Argon2id alone, and scram_left_out says so. */
bool      verifier_make(const struct verifier_keys *, gp_secret password, const struct verifier_wish *, struct verifier *) GP_MUST_USE;
/* OK, PERMFAIL: another password, TEMPFAIL: cannot tell. */
gp_status verifier_check(const struct verifier_keys *, const struct verifier *, gp_secret password) GP_MUST_USE;
gp_str    verifier_scram(const struct verifier *, enum gp_hash); /* its RFC 5803 text for that hash; "": none */
/* The salts and the count of its keys; iterations 0: it has none that could be in a group. */
void      verifier_group(const struct verifier *, struct scram_group *);
/* What a check costs in rounds of PBKDF2-SHA-256 (gp_password_cost); 0: so little that it may run on the loop. */
uint32_t  verifier_cost(const struct verifier *);
bool      verifier_is_hash(const struct verifier *); /* PLAIN goes by a password hash, not by SCRAM or keyed digest */
/* About the work of a check that cost `rounds`, for nobody. */
void      verifier_pretend(gp_secret password, uint32_t rounds);
/* Keys for a user who does not exist: salt from the name, the same each time, of the usual length. */
bool      verifier_unknown_user(const struct verifier_keys *, enum gp_hash, gp_str name, uint32_t iterations,
                                struct gp_scram_keys *) GP_MUST_USE;
bool      verifier_cram_secret(const struct verifier_keys *, const struct verifier *, gp_str account, char out[static GP_PASSWORD_MOST],
                               size_t *len) GP_MUST_USE;

/* May a person choose it? SASLprep'd into out. false: *why and *hint say what is wrong with it. */
bool verifier_accepts(gp_str chosen, struct gp_text *out, const char **why, const char **hint) GP_MUST_USE;

#endif
