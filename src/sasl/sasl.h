/* One authentication exchange (RFC 4422), server or client side. A mechanism turns the peer's bytes into its own and,
 * when it needs to know something about a user, into a question. It never verifies against anything itself: the host
 * finds the answer wherever it likes, for as long as it likes, and calls resume(). Pure: no I/O, no clock, no allocation.
 * Everything secret is in the struct; gp_sasl_end wipes it. */
#ifndef GP_SASL_H
#define GP_SASL_H

#include "base/base.h"
#include "crypto/crypto.h"

enum gp_sasl_step { GP_SASL_CHALLENGE, GP_SASL_ASK, GP_SASL_DONE, GP_SASL_FAILED };
enum gp_sasl_ask {
    GP_SASL_IS_PASSWORD, /* user, secret: does it match? answer = GP_OK, TEMPFAIL or PERMFAIL             */
    GP_SASL_IS_TOKEN,    /* secret = bearer token; user: whom it must be of, "" when the token alone says it */
    GP_SASL_GET_SCRAM,   /* user: fill scram's hash, salt and count, GP_OK (for unknown users, made-up ones) */
    GP_SASL_IS_PROOF,    /* user: try what he may sign in with, by gp_sasl_fits_...; answer = GP_OK: one fits */
    GP_SASL_MAY_ACT,     /* user, authzid (differs from user): may user act as authzid?                    */
    GP_SASL_IS_EXTERNAL, /* user: who the TLS client's certificate must stand for, "" when it alone says it */
};
/* Why an exchange failed, for the log and for the reply code. */
enum gp_sasl_why {
    GP_SASL_NO_REASON,
    GP_SASL_NOT_BASE64,  /* 501 5.5.2                                                                      */
    GP_SASL_CANCELLED,   /* 501 5.7.0: the client sent "*"                                                 */
    GP_SASL_TOO_EARLY,   /* 501 5.7.0: initial response to a server-first mechanism                        */
    GP_SASL_UNKNOWN,     /* 504 5.5.4: no such mechanism, or not allowed here                              */
    GP_SASL_MALFORMED,   /* 535 5.7.8: well encoded, but not a message of this mechanism                   */
    GP_SASL_REFUSED,     /* 535 5.7.8: the host said no, or a proof did not match                          */
    GP_SASL_BAD_BINDING, /* 535 5.7.8: channel binding differs, or a downgrade was detected                */
    GP_SASL_UNAVAILABLE, /* 454 4.7.0: the host could not tell                                             */
    GP_SASL_WEAK_TLS,    /* 523 5.7.10: the host wants a better TLS first, of whoever it is                */
};
enum gp_sasl_trait {
    GP_SASL_REVEALS_PASSWORD = 1, /* the server sees it                                                    */
    GP_SASL_BINDS_CHANNEL    = 2, /* needs TLS channel binding data                                        */
    GP_SASL_NEEDS_SECRET     = 4, /* needs a secret that can be read back (CRAM-MD5)                       */
    GP_SASL_SERVER_FIRST     = 8,
    GP_SASL_NEEDS_TOKEN      = 16, /* the secret is a bearer token; a no is told as a challenge before the end */
    GP_SASL_NEEDS_PEER       = 32, /* needs a certificate of the TLS client (EXTERNAL)                     */
};
enum gp_sasl_binding { GP_BIND_NONE, GP_BIND_TLS_UNIQUE, GP_BIND_TLS_EXPORTER, GP_BIND_TLS_SERVER_END_POINT };

enum {
    GP_SASL_NAME_MOST   = 256,   /* a user name or authzid, octets after SASLprep             */
    GP_SASL_SECRET_MOST = GP_PASSWORD_MOST,
    GP_SASL_LINE_MOST   = 12288, /* base64 line                                              */
    GP_SASL_OUT_ROOM    = 4096,
    GP_SASL_TOKEN_MOST  = GP_SASL_LINE_MOST / 4 * 3, /* a bearer token: what a line holds    */
    GP_SASL_SAYS_MOST   = 512,   /* of what a server says about a token that it refuses      */
    GP_SASL_BIND_MOST   = 64,
    GP_SCRAM_SALT_MOST  = 64,
};
struct gp_scram_keys { /* RFC 5802 3: all that a server stores */
    enum gp_hash hash;
    uint32_t     iterations;
    size_t       salt_len;
    uint8_t      salt[GP_SCRAM_SALT_MOST];
    uint8_t      stored_key[GP_DIGEST_MOST], server_key[GP_DIGEST_MOST];
};
/* From a password; SASLprep is applied here, as for a string that is to be stored. Slow at high iteration counts: not on an I/O thread. */
bool gp_scram_keys_make(enum gp_hash, gp_secret password, gp_str salt, uint32_t iterations, struct gp_scram_keys *) GP_MUST_USE;
/* "SCRAM-SHA-256$4096:c2FsdA==$StoredKey:ServerKey" (RFC 5803) */
void gp_scram_keys_put(struct gp_text *, const struct gp_scram_keys *);
bool gp_scram_keys_read(gp_str, struct gp_scram_keys *) GP_MUST_USE;
bool gp_scram_keys_match(const struct gp_scram_keys *, gp_secret password); /* a PLAIN password, after SASLprep, against SCRAM keys; slow */

struct gp_sasl; /* fields in sasl/exchange.h: a host embeds one */

/* The mechanism table: rows in the order in which EHLO should list them, strongest first, LOGIN after PLAIN. */
struct gp_sasl_mech {
    const char       *name;
    unsigned          traits;
    bool              plus;
    enum gp_hash      hash; /* SCRAM's */
    enum gp_sasl_step (*step)(struct gp_sasl *, gp_str in);         /* server; in is decoded */
    enum gp_sasl_step (*client_step)(struct gp_sasl *, gp_str in);  /* client                */
};
const struct gp_sasl_mech *gp_sasl_find(gp_str name);
/* Those of `allowed` ("PLAIN LOGIN SCRAM-SHA-256"; unknown words skipped) whose traits are all in allowed_traits, for EHLO. */
bool gp_sasl_names(gp_str allowed, unsigned allowed_traits, struct gp_text *out);

/* Server. binding: what TLS gave, GP_BIND_NONE without; also_plus: EHLO listed a -PLUS form (for the downgrade check). */
void              gp_sasl_init(struct gp_sasl *, enum gp_sasl_binding, gp_str binding_data, bool also_plus);
/* One more binding that the same connection can give (TLS 1.3: exporter and end-point); the client picks one by p=. */
void              gp_sasl_bind(struct gp_sasl *, enum gp_sasl_binding, gp_str binding_data);
/* Room for what an exchange itself has none for, GP_SASL_LINE_MOST octets for all there can be: a server's token longer than
 * GP_SASL_SECRET_MOST, a client's message longer than GP_SASL_OUT_ROOM. The host's own, wiped by gp_sasl_end. */
void              gp_sasl_lend(struct gp_sasl *, char *room, size_t size);
/* Server nonce / CRAM challenge id; tests fix it, hosts give random octets. Printable text without comma is used as it is,
 * anything else as base64; a whole "<msg-id>" is CRAM's challenge. Never seeded: 18 octets of gp_random. */
void              gp_sasl_seed(struct gp_sasl *, gp_str nonce);
enum gp_sasl_step gp_sasl_start(struct gp_sasl *, gp_str mechanism, gp_str initial); /* base64 (already "" for "="), GP_NONE absent */
enum gp_sasl_step gp_sasl_line(struct gp_sasl *, gp_str line);                       /* base64, or "*" to cancel */
enum gp_sasl_step gp_sasl_resume(struct gp_sasl *);                                  /* after filling the answer  */
/* While IS_PROOF is open: is what the client said made with these keys (SCRAM), with this secret (CRAM-MD5)? As long for a no as
 * for a yes. A user may have several; the host tries as many for everybody, and only what fitted can be answered with GP_OK. */
bool              gp_sasl_fits_keys(struct gp_sasl *, const struct gp_scram_keys *) GP_MUST_USE;
bool              gp_sasl_fits_secret(struct gp_sasl *, gp_secret) GP_MUST_USE;
/* Client: picks nothing itself; name is one that the server offered. out is base64 after CHALLENGE. password: or the token;
 * EXTERNAL wants none, and the user is then the authzid, "" for whoever the certificate stands for. */
enum gp_sasl_step gp_sasl_client_start(struct gp_sasl *, gp_str mechanism, gp_str user, gp_secret password);
enum gp_sasl_step gp_sasl_client_line(struct gp_sasl *, gp_str line);  /* the server's 334 text; DONE: proof verified, send out */
/* The server said 235: is that to be believed? SCRAM: only after its proof; others: once all has been said. */
bool              gp_sasl_client_believes(const struct gp_sasl *);
void              gp_sasl_end(struct gp_sasl *);                       /* wipes; the struct may be init'ed again      */

/* SASLprep (RFC 4013). stored: unassigned code points are refused. false: prohibited, or does not fit. */
bool gp_saslprep(gp_str in, bool stored, struct gp_text *out) GP_MUST_USE;
/* The same for all that differ in case alone (RFC 3491: NFKC with case folding). For names; never for passwords. */
bool gp_fold_case(gp_str in, struct gp_text *out) GP_MUST_USE;

#endif
