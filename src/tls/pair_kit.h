/* For the tests of tls/: a client and a server joined in memory, with keys whose signatures are made when asked for. */
#ifndef GP_TLS_PAIR_KIT_H
#define GP_TLS_PAIR_KIT_H

#include "tls/internal.h"

enum { PAIR_WHOLE = 1 << 20 };

struct identity { /* a key with a self-signed certificate for these names; made once, kept for the whole run */
    struct gp_key *key;
    char           pem[8192];
    size_t         pem_len;
};
const struct identity *identity_rsa(void);      /* mail.example.org, 192.0.2.1 */
const struct identity *identity_ec(void);       /* mail.example.org            */
const struct identity *identity_wildcard(void); /* *.example.net, EC           */
gp_str                 identity_pem(const struct identity *);

struct gp_tls_context *server_of(const struct identity *const *, size_t count);
struct gp_tls_context *client_of(const struct identity *trusted); /* NULL: does not verify */

struct pair {
    struct gp_tls         *client, *server;
    const struct identity *identities[8]; /* who signs for the server, by index */
    const struct identity *presented;     /* who signs for the client              */
    size_t                 piece;         /* so many octets of ciphertext at once */
    bool                   refuse, refuse_client; /* signatures, of the server, of the client */
    unsigned               signatures;
    enum gp_sign           how;           /* of the last signature */
    gp_status              client_status, server_status;
    char                   heard_text[2][8192]; /* plaintext by the client, by the server */
    struct gp_text         heard[2];
};
enum { CLIENT, SERVER };
/* Opens both ends; contexts are borrowed. */
void pair_open(struct pair *, struct gp_tls_context *server, struct gp_tls_context *client, const char *name,
               const struct identity *const *, size_t count);
void pair_run(struct pair *); /* until nothing moves */
bool pair_shaken(const struct pair *);
void pair_close(struct pair *);
/* Server with one identity, client that verifies it, hands shaken at that version. */
void pair_simple(struct pair *, const struct identity *, int version);

#endif
