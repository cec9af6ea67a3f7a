/* The fields of an exchange. A host embeds one, reads and fills the first two groups and leaves the rest alone. Slices in it
 * point into it, so it must not be moved while an exchange runs. */
#ifndef GP_SASL_EXCHANGE_H
#define GP_SASL_EXCHANGE_H

#include "sasl/sasl.h"

enum {
    GP_SASL_SEED_MOST       = 80,   /* a nonce, or a whole msg-id for CRAM-MD5               */
    GP_SCRAM_NONCE_MOST     = 256,  /* the client's part                                     */
    GP_SCRAM_HEADER_ROOM    = 1024, /* GS2 header: an escaped authzid and the binding's name */
    GP_SCRAM_MESSAGE_ROOM   = 4096, /* AuthMessage (RFC 5802 3)                              */
    GP_SCRAM_ROUNDS_LEAST   = 4096, /* RFC 7677 4: fewer is a server that wants a cheap hash */
    GP_SCRAM_ROUNDS_MOST    = 5000000,
};

struct gp_scram_talk { /* what a SCRAM exchange remembers between its messages */
    char           header_room[GP_SCRAM_HEADER_ROOM], message_room[GP_SCRAM_MESSAGE_ROOM];
    struct gp_text header, message; /* message: client-first-bare,server-first,client-final-without-proof */
    gp_str         nonce;           /* both parts; client: first its own                                  */
    enum gp_sasl_binding bound;     /* the type that p= named                                             */
    uint8_t        signature[GP_DIGEST_MOST]; /* client: what the server must prove                       */
    uint8_t        proof[GP_DIGEST_MOST];     /* server: what the client says to prove itself             */
};

struct gp_sasl {
    /* ---- for the host to read: ask, user, authzid, secret after ASK; out after CHALLENGE; why after FAILED */
    enum gp_sasl_ask ask;
    enum gp_sasl_why why;
    const char      *detail;         /* more exactly, for the log: static, or NULL                              */
    gp_str           user, authzid; /* after SASLprep; authzid "" when absent or the same as user              */
    gp_secret        secret;        /* after SASLprep; gone after the next resume()                            */
    gp_str           out;           /* base64; the client's first may be GP_NONE: send no initial response     */
    gp_str           says;          /* client: why the server refuses the token, its JSON, cut to a bound; or GP_NONE */
    gp_str           status;        /* client: the member "status" of that; GP_NONE: it has none               */

    /* ---- for the host to fill before resume() */
    gp_status            answer;    /* PERMFAIL until the host says otherwise */
    struct gp_scram_keys scram;     /* of its keys, those that fitted come by gp_sasl_fits_keys */

    /* ---- for the host to set after init, for OAUTHBEARER and XOAUTH2; all may be absent */
    gp_str   host; /* server: the name that the client must have meant; client: the name it says it meant      */
    uint16_t port; /* the same; 0: none                                                                        */
    gp_str   scope, discovery; /* server: what a refusal names (RFC 7628 3.2.2), discovery as openid-configuration */

    /* ---- the exchange's own */
    const struct gp_sasl_mech *mech;
    unsigned                   phase, turn; /* phase: exchange.c; turn: the mechanism's */
    bool                       also_plus, proven, fitted, repeated, told; /* told: the no has been said, whatever comes ends it */
    char                      *lent; /* the host's */
    size_t                     lent_size;
    struct {
        size_t  len;
        uint8_t data[GP_SASL_BIND_MOST];
    } bindings[GP_BIND_TLS_SERVER_END_POINT + 1]; /* len 0: not to be had */
    size_t seed_len;
    char   seed[GP_SASL_SEED_MOST];
    char   user_room[GP_SASL_NAME_MOST], authzid_room[GP_SASL_NAME_MOST], secret_room[GP_SASL_SECRET_MOST];
    char   out_room[GP_SASL_OUT_ROOM];
    union {
        struct gp_scram_talk scram;
        uint8_t              cram_digest[GP_DIGEST_MOST];
        char                 says[GP_SASL_SAYS_MOST];
    } talk;
};

#endif
