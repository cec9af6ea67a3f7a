/* TLS between buffers: no socket, no file. A context holds certificates and settings and is shared by connections;
 * a gp_tls is one connection. Ciphertext goes in with feed(), plaintext is taken with plain()/took(); plaintext goes in
 * with write(), ciphertext waits in wire()/sent(). A context may hold certificates WITHOUT their private keys:
 * the handshake then stops at GP_WAIT with a signature wanted (asks()), the host has it made elsewhere and calls
 * answer(). TLS 1.2 and 1.3 only (unless old clients are allowed), AEAD and forward secrecy only, no compression, no renegotiation, no 0-RTT (RFC 9325). */
#ifndef GP_TLS_H
#define GP_TLS_H

#include "base/base.h"
#include "crypto/crypto.h"

struct gp_tls_context;
struct gp_tls;

/* ---- contexts; one owner, outlives by reference count the connections made from it ------------------- */
#define GP_TLS_CERTIFICATES_MOST 64
struct gp_tls_certificate { gp_str chain_pem; }; /* leaf first; no private key */
/* Server: certificate 0 answers clients without SNI or with an unknown name. NULL: *why says which and what. */
struct gp_tls_context *gp_tls_server_context(const struct gp_tls_certificate *, size_t count, const char **why);
/* Server, before it is used: TLS from this version on (0x0301 is 1.0), with the ciphers and digests of that time, of which OpenSSL makes
 * none otherwise. Forward secrecy stays: the private key signs and never decrypts. For clients that can nothing better, and nobody else. */
bool gp_tls_allow_old(struct gp_tls_context *, int oldest) GP_MUST_USE;
/* NULL: a server context can hold it. Else why not; static. */
const char *gp_tls_certificate_fault(gp_str chain_pem);
/* The newest ticket key first; a connection resumed under an older one gets a new ticket. 48 octets each: name 16, AES 16,
 * HMAC 16. At most 3. Without any, no tickets are given. */
#define GP_TLS_TICKET_KEY 48
bool gp_tls_set_tickets(struct gp_tls_context *, gp_str keys) GP_MUST_USE;

struct gp_tls_trust {
    gp_str ca_pem; /* GP_NONE: the system's roots                             */
    bool   verify; /* false: opportunistic, whoever answers will do           */
};
struct gp_tls_context *gp_tls_client_context(const struct gp_tls_trust *, const char **why);
/* Client: as that one, which verifies, and with a certificate of its own (leaf first, no private key) for servers that ask. */
struct gp_tls_context *gp_tls_client_presenting(struct gp_tls_context *like, gp_str chain_pem, const char **why);
/* What a client context may be asked for beyond what all get; all zeroes: nothing. `weak` and old versions are for finding out what
 * a server takes, never for secrets. false: *why says what cannot be had. */
struct gp_tls_wish {
    int         oldest, newest;     /* 0x0301 (TLS 1.0) to 0x0304 (TLS 1.3); 0: 1.2 at least   */
    const char *ciphers;            /* of TLS 1.2 and before, as OpenSSL lists them; NULL: ours */
    bool        weak;               /* whatever OpenSSL has: short keys, SHA-1                  */
    bool        pinned;             /* each certificate of ca_pem is trusted for itself         */
    gp_str      chain_pem, key_pem; /* the client's own; GP_NONE: none                          */
};
bool gp_tls_adjust(struct gp_tls_context *, const struct gp_tls_wish *, const char **why) GP_MUST_USE;
void                   gp_tls_context_close(struct gp_tls_context *);

/* ---- connections --------------------------------------------------------------------------------------- */
struct gp_tls *gp_tls_accept(struct gp_tls_context *);
/* name: SNI and, when the context verifies, the DNS name (or IP literal) that the certificate must be for. */
struct gp_tls *gp_tls_connect(struct gp_tls_context *, gp_str name);
/* Client, before hands are shaken: SNI says this name instead, "" none; what the certificate is verified for stays. */
bool           gp_tls_say_name(struct gp_tls *, gp_str name) GP_MUST_USE;
/* Client, before hands are shaken, of a context that verifies (RFC 6698, RFC 7672 3): not authorities but the records that are given next
 * say whose certificate it must be; it says base (SNI). For DANE-TA(2) it must be for base or a name that is given besides, for DANE-EE(3) no
 * name and no date counts. A record is its octets: usage, selector, matching type, data; false: it cannot be used. Without any, authorities decide as ever. */
bool           gp_tls_expect_dane(struct gp_tls *, const char *base) GP_MUST_USE;
bool           gp_tls_expect_name(struct gp_tls *, const char *name) GP_MUST_USE;
bool           gp_tls_expect_record(struct gp_tls *, gp_str octets) GP_MUST_USE;
struct gp_tls_record { uint8_t usage, selector, matching; };
bool           gp_tls_fitting_record(const struct gp_tls *, struct gp_tls_record *out); /* once hands are shaken */
/* Client, before hands are shaken, of a context that verifies: the handshake goes on whatever comes of that; see gp_tls_doubt(). */
void           gp_tls_only_look(struct gp_tls *);
enum gp_tls_doubt { GP_TLS_NO_DOUBT, GP_TLS_OTHER_NAME, GP_TLS_OUT_OF_DATE, GP_TLS_UNTRUSTED, GP_TLS_FITS_NO_RECORD };
enum gp_tls_doubt gp_tls_doubt(const struct gp_tls *); /* of a context that verifies, once hands are shaken or it is broken */
const char    *gp_tls_doubt_text(const struct gp_tls *); /* static */
void           gp_tls_close(struct gp_tls *);
/* Server, before hands are shaken: the client is asked for a certificate, and need not have one. Any will do here: what is
 * proved is that the client has its key, and who it is must be found out of the chain. Such a session gives no ticket, so
 * that the proof is of this connection; and one that was begun where nobody was asked is not resumed where somebody is. */
void           gp_tls_ask_peer(struct gp_tls *);

/* From the wire: how many octets were taken goes to *taken; less than all when plain() must be emptied first or a
 * signature is awaited. GP_WAIT until hands are shaken, GP_OK after, GP_PERMFAIL: broken (gp_tls_why; send wire(), close). */
gp_status gp_tls_feed(struct gp_tls *, gp_str cipher, size_t *taken) GP_MUST_USE;
gp_status gp_tls_handshake(struct gp_tls *) GP_MUST_USE;     /* client: starts it; both: goes on after answer() */
gp_str    gp_tls_plain(struct gp_tls *);                     /* decrypted and not yet taken; until the next call */
void      gp_tls_took(struct gp_tls *, size_t);
gp_status gp_tls_write(struct gp_tls *, gp_str plain) GP_MUST_USE; /* all of it; grows wire()                   */
gp_str    gp_tls_wire(const struct gp_tls *);                /* for the wire                                     */
void      gp_tls_sent(struct gp_tls *, size_t);
bool      gp_tls_ended(const struct gp_tls *);               /* close_notify came                                */
gp_status gp_tls_end(struct gp_tls *) GP_MUST_USE;           /* puts our close_notify into wire()                */
const char *gp_tls_why(const struct gp_tls *);               /* static or owned by it: why PERMFAIL              */

/* The signature a handshake waits for. */
#define GP_TLS_WAITING_MOST 512 /* in a thread, at once */
struct gp_tls_sign {
    size_t       certificate; /* index in the context */
    enum gp_sign how;         /* GP_SIGN_RSA_RAW, GP_SIGN_RSA_PKCS1 or GP_SIGN_ECDSA */
    gp_str       data;        /* lives until answer() */
};
bool gp_tls_asks(const struct gp_tls *, struct gp_tls_sign *out);
/* So many handshakes wait for signatures that this one was not gone on with: call handshake() again in a moment. */
bool gp_tls_crowded(const struct gp_tls *);
void gp_tls_answer(struct gp_tls *, gp_str signature);       /* empty: refused, the handshake fails; then call handshake() */

/* ---- what was agreed ------------------------------------------------------------------------------------ */
bool        gp_tls_shaken(const struct gp_tls *);
const char *gp_tls_version(const struct gp_tls *);           /* "TLSv1.3"                                        */
const char *gp_tls_cipher(const struct gp_tls *);            /* "TLS_AES_256_GCM_SHA384"                         */
bool        gp_tls_resumed(const struct gp_tls *);
/* Client: the session, to resume another connection of the same context with; NULL: it cannot be resumed (with TLS 1.3, before the
 * server's ticket has come, which is with its first octets of plaintext). One session may be resumed many times. */
struct gp_tls_session;
struct gp_tls_session *gp_tls_keep(struct gp_tls *);
bool        gp_tls_resume(struct gp_tls *, struct gp_tls_session *) GP_MUST_USE; /* before hands are shaken */
void        gp_tls_session_close(struct gp_tls_session *);
/* Client: the certificates that the server showed, one DER after the other, leaf first; none from a resumed TLS 1.3 session. */
void        gp_tls_server_chain(const struct gp_tls *, struct gp_text *der);
gp_str      gp_tls_server_name(const struct gp_tls *);       /* SNI, or GP_NONE                                  */
/* Server: the client is known to have named no server; of a resumed TLS 1.2 session that cannot be known. */
bool        gp_tls_is_nameless(const struct gp_tls *);
/* Channel binding (RFC 5929, 9266): tls-exporter on 1.3, tls-unique on 1.2 with extended master secret. 0: none. */
enum gp_tls_binding { GP_TLS_NO_BINDING, GP_TLS_UNIQUE, GP_TLS_EXPORTER };
enum gp_tls_binding gp_tls_binding(struct gp_tls *, uint8_t out[static 64], size_t *len);
/* tls-server-end-point (RFC 5929 4), of either version: the digest of the server's certificate. 0: it has none. */
size_t gp_tls_end_point(const struct gp_tls *, uint8_t out[static 64]);
/* Client: the server asked for a certificate, and was given ours with the proof that we have its key. */
bool   gp_tls_presented(const struct gp_tls *);

#define GP_TLS_PEER_MOST  16384 /* octets of a client's chain; a longer one ends the handshake */
#define GP_TLS_PEERS_MOST 4          /* certificates of it that are looked at                       */
bool gp_tls_has_peer(const struct gp_tls *);                 /* the client presented a certificate  */
void gp_tls_peer_chain(const struct gp_tls *, struct gp_text *der); /* one DER after the other, leaf first */

#endif
