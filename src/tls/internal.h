/* What the rooms of tls/ share: a context's certificates, a connection, and the question that a paused handshake asks. */
#ifndef GP_TLS_INTERNAL_H
#define GP_TLS_INTERNAL_H

#include "tls/tls.h"

#include <openssl/ssl.h>

enum { TICKET_KEYS_MOST = 3 };

struct certificate {
    X509 *leaf;
    STACK_OF(X509) * chain; /* without the leaf */
    EVP_PKEY *key;          /* the leaf's public key; its private operations ask */
    uint8_t end_point[64];  /* the leaf's digest (RFC 5929 4), made once         */
    size_t end_point_len;
};

struct gp_tls_context {
    SSL_CTX           *ssl;
    size_t             uses; /* the owner's, and one a connection */
    bool               verify;
    size_t             certificate_count, ticket_count;
    uint8_t            tickets[TICKET_KEYS_MOST][GP_TLS_TICKET_KEY];
    struct certificate certificates[];
};
void context_release(struct gp_tls_context *);

/* Stands on the stack of the paused handshake. */
struct question {
    struct gp_tls_sign ask;
    bool               answered;
    uint8_t            signature[GP_SIGNATURE_MOST];
    size_t             signature_len; /* 0: refused */
};

enum tls_state { TLS_SHAKING, TLS_SHAKEN, TLS_BROKEN };

struct gp_tls {
    struct gp_tls_context *context;
    SSL                   *ssl;
    gp_str                 cipher; /* what feed() was given and OpenSSL has not read yet */
    struct gp_buffer       wire;
    struct gp_buffer       kept; /* plaintext that had to leave the shared room */
    struct question       *question;
    const char            *why;
    enum tls_state         state;
    uint64_t               received, handshakes; /* since hands were shaken: octets of plaintext, messages of the handshake protocol */
    bool                   expects;         /* TLSA records */
    bool                   crowded, proved; /* proved: a signature of ours went into this handshake */
};

/* certificate.c */
bool certificate_open(struct certificate *, gp_str chain_pem, size_t index, const char **why);
void certificate_close(struct certificate *);
int  certificate_choose(SSL *, void *context);

/* keyless.c */
EVP_PKEY *keyless_key(X509 *leaf, size_t index);     /* NULL: neither RSA nor EC, or no memory              */
int       keyless_handshake(struct gp_tls *);        /* SSL_do_handshake, so that its private operations ask */

/* stream.c: OpenSSL's message callback */
void stream_saw_message(int sent, int version, int type, const void *bytes, size_t len, SSL *, void *unused);

/* ticket.c */
int ticket_key(SSL *, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *, EVP_MAC_CTX *, int encrypt);
int ticket_remember(SSL *, void *nothing); /* which certificate the session began with */

/* agreed.c */
size_t end_point_of(SSL *, uint8_t out[static 64]);
size_t end_point_digest(X509 *, uint8_t out[static 64]); /* 0: undefined */

/* peer.c */
int peer_is_welcome(X509_STORE_CTX *, void *nothing);

/* wire.c: OpenSSL's view of gp_tls.cipher and gp_tls.wire */
BIO           *wire_bio(struct gp_tls *);
struct gp_tls *wire_owner(const SSL *); /* of a connection with such a BIO */

#endif
