/* Certificates of clients: asked for where they are wanted, taken from anybody who has the key, and gone with the connection.
 * And tls-server-end-point, which both ends make of the server's. */
#include "check.h"
#include "crypto/key.h"
#include "tls/pair_kit.h"

#include <openssl/x509v3.h>
#include <string.h>

static const char ticket_keys[] = "name-of-key-0001aes-of-key-00001mac-of-key-00001";
static const int  versions[]    = { TLS1_2_VERSION, TLS1_3_VERSION };

static X509 *x509_of(const struct identity *id)
{
    BIO  *pem  = BIO_new_mem_buf(id->pem, (int)id->pem_len);
    X509 *leaf = PEM_read_bio_X509(pem, NULL, NULL, NULL);
    BIO_free(pem);
    assert_non_null(leaf);
    return leaf;
}

static void present(struct pair *p, const struct identity *id, int others)
{
    X509 *leaf = x509_of(id);
    CHECK(SSL_use_certificate(p->client->ssl, leaf) == 1);
    CHECK(SSL_use_PrivateKey(p->client->ssl, gp_key_of(id->key)) == 1);
    for (int i = 0; i < others; i++) CHECK(SSL_add1_chain_cert(p->client->ssl, leaf) == 1);
    X509_free(leaf);
}

struct meeting {
    int                    version, others; /* others: how many certificates follow the client's own */
    bool                   asks;
    const struct identity *client;  /* NULL: it has none */
    SSL_SESSION           *session; /* to be resumed     */
};

static void meet(struct pair *p, struct gp_tls_context *server, struct gp_tls_context *client, const struct meeting *m)
{
    const struct identity *id = identity_rsa();
    pair_open(p, server, client, "mail.example.org", &id, 1);
    SSL_set_max_proto_version(p->client->ssl, m->version);
    SSL_set_security_level(p->client->ssl, 0);
    if (m->asks) gp_tls_ask_peer(p->server);
    if (m->client) present(p, m->client, m->others);
    if (m->session) SSL_set_session(p->client->ssl, m->session);
    pair_run(p);
}

static void open_contexts(struct gp_tls_context **server, struct gp_tls_context **client)
{
    const struct identity *id = identity_rsa();
    *server                   = server_of(&id, 1);
    *client                   = client_of(id);
    CHECK(gp_tls_set_tickets(*server, GP_LIT(ticket_keys)));
}

static gp_str chain_of(const struct gp_tls *t, struct gp_text *room)
{
    room->len = 0;
    gp_tls_peer_chain(t, room);
    return gp_said(room);
}

/* ---- asking --------------------------------------------------------------------------------------------------------- */
TEST(who_is_asked_may_present_one_and_nobody_must)
{
    static const struct {
        bool asks, has;
    } rows[] = {
        {false,  false},
        { false, true },
        { true,  false},
        { true,  true }
    };
    static struct pair     p;
    static char            space[GP_TLS_PEER_MOST];
    struct gp_text         room = GP_TEXT(space);
    struct gp_tls_context *server, *client;
    open_contexts(&server, &client);
    for (size_t v = 0; v < GP_COUNT(versions); v++)
        for (size_t i = 0; i < GP_COUNT(rows); i++) {
            struct meeting m = { .version = versions[v],
                                 .asks    = rows[i].asks,
                                 .client  = rows[i].has ? identity_ec() : NULL };
            meet(&p, server, client, &m);
            CHECK(pair_shaken(&p));
            bool presented = rows[i].asks && rows[i].has;
            CHECK(gp_tls_has_peer(p.server) == presented && !gp_tls_has_peer(p.client));
            CHECK((chain_of(p.server, &room).len > 0) == presented);
            pair_close(&p);
        }
    gp_tls_context_close(server);
    gp_tls_context_close(client);
}

TEST(the_chain_is_what_the_client_sent_up_to_a_bound)
{
    static struct pair     p;
    static char            space[GP_TLS_PEER_MOST];
    struct gp_text         room = GP_TEXT(space);
    struct gp_tls_context *server, *client;
    unsigned char         *der  = NULL;
    X509                  *leaf = x509_of(identity_ec());
    size_t                 len  = (size_t)i2d_X509(leaf, &der);
    open_contexts(&server, &client);
    for (int others = 0; others < 6; others++) {
        struct meeting m     = { .version = TLS1_3_VERSION, .asks = true, .client = identity_ec(), .others = others };
        size_t         count = others < GP_TLS_PEERS_MOST ? (size_t)others + 1 : GP_TLS_PEERS_MOST;
        meet(&p, server, client, &m);
        gp_str chain = chain_of(p.server, &room);
        CHECK(chain.len == count * len && memcmp(chain.ptr, der, len) == 0);
        struct gp_text little = { .ptr = space, .room = len + 1 }; /* what does not fit is left out */
        CHECK(chain_of(p.server, &little).len == len);
        pair_close(&p);
    }
    struct meeting m = { .version = TLS1_3_VERSION, .asks = true, .client = identity_ec(), .others = 60 };
    meet(&p, server, client, &m);
    CHECK(!gp_tls_shaken(p.server) && p.server_status == GP_PERMFAIL && !gp_tls_has_peer(p.server));
    pair_close(&p);
    gp_tls_context_close(server);
    gp_tls_context_close(client);
    OPENSSL_free(der);
    X509_free(leaf);
}

TEST(who_does_not_have_the_key_does_not_come_in)
{
    static struct pair     p;
    const struct identity *id = identity_rsa();
    struct gp_tls_context *server, *client;
    open_contexts(&server, &client);
    for (size_t v = 0; v < GP_COUNT(versions); v++) {
        struct identity thief = *identity_ec();
        thief.key             = identity_wildcard()->key;
        pair_open(&p, server, client, "mail.example.org", &id, 1);
        SSL_set_max_proto_version(p.client->ssl, versions[v]);
        gp_tls_ask_peer(p.server);
        X509 *leaf = x509_of(&thief); /* OpenSSL's own check is for the public halves: one is put under the other */
        CHECK(X509_set_pubkey(leaf, gp_key_of(thief.key)) == 1);
        CHECK(SSL_use_certificate(p.client->ssl, leaf) == 1 &&
              SSL_use_PrivateKey(p.client->ssl, gp_key_of(thief.key)) == 1);
        CHECK(X509_set_pubkey(leaf, gp_key_of(identity_ec()->key)) == 1);
        pair_run(&p);
        CHECK(!gp_tls_shaken(p.server) && !gp_tls_has_peer(p.server));
        CHECK_IS(gp_from(gp_tls_why(p.server)), "bad signature");
        pair_close(&p);
        X509_free(leaf);
    }
    gp_tls_context_close(server);
    gp_tls_context_close(client);
}

/* ---- resuming ------------------------------------------------------------------------------------------------------- */
/* The client's session, for the next meeting; NULL: it cannot be resumed. */
static SSL_SESSION *leave(struct pair *p)
{
    SSL_SESSION *session = SSL_get1_session(p->client->ssl);
    CHECK(gp_tls_end(p->client) == GP_OK);
    pair_close(p);
    if (SSL_SESSION_is_resumable(session)) return session;
    SSL_SESSION_free(session);
    return NULL;
}

TEST(a_session_with_a_certificate_is_never_resumed)
{
    static const struct {
        bool first_asks, has, then_asks, resumed;
    } rows[] = {
        {false,  false, false, true },
        { true,  false, true,  true },
        { false, false, true,  false}, /* where somebody is asked, nobody slips by who was not */
        { false, true,  true,  false},
        { true,  false, false, false},
        { true,  true,  true,  false},
        { true,  true,  false, false},
    };
    static struct pair     p;
    struct gp_tls_context *server, *client;
    open_contexts(&server, &client);
    for (size_t v = 0; v < GP_COUNT(versions); v++)
        for (size_t i = 0; i < GP_COUNT(rows); i++) {
            struct meeting m = { .version = versions[v],
                                 .asks    = rows[i].first_asks,
                                 .client  = rows[i].has ? identity_ec() : NULL };
            meet(&p, server, client, &m);
            CHECK(pair_shaken(&p));
            m.session = leave(&p);
            CHECK((m.session == NULL) == (rows[i].first_asks && rows[i].has));
            m.asks = rows[i].then_asks;
            meet(&p, server, client, &m);
            CHECK(pair_shaken(&p) && gp_tls_resumed(p.server) == rows[i].resumed);
            CHECK(gp_tls_has_peer(p.server) == (rows[i].then_asks && rows[i].has));
            SSL_SESSION_free(m.session);
            pair_close(&p);
        }
    gp_tls_context_close(server);
    gp_tls_context_close(client);
}

/* ---- tls-server-end-point --------------------------------------------------------------------------------------------- */
static size_t same_end_point(const struct pair *p, uint8_t at_client[static 64])
{
    uint8_t at_server[64];
    size_t  len = gp_tls_end_point(p->client, at_client);
    CHECK(gp_tls_end_point(p->server, at_server) == len && memcmp(at_client, at_server, len) == 0);
    return len;
}

TEST(the_end_point_is_the_digest_of_the_servers_certificate)
{
    static struct pair     p;
    const struct identity *ids[] = { identity_rsa(), identity_ec() };
    uint8_t                said[64], want[GP_DIGEST_MOST];
    for (size_t v = 0; v < GP_COUNT(versions); v++)
        for (size_t i = 0; i < GP_COUNT(ids); i++) {
            X509          *leaf = x509_of(ids[i]);
            unsigned char *der  = NULL;
            int            len  = i2d_X509(leaf, &der);
            pair_simple(&p, ids[i], versions[v]);
            CHECK(same_end_point(&p, said) == 32);
            CHECK(gp_digest(GP_SHA256, (gp_str) { (const char *)der, (size_t)len }, want));
            CHECK(memcmp(said, want, 32) == 0);
            pair_close(&p);
            OPENSSL_free(der);
            X509_free(leaf);
        }
}

/* The certificate signed anew with that hash. */
static struct identity signed_with(const EVP_MD *hash)
{
    struct identity id   = *identity_rsa();
    X509           *leaf = x509_of(&id);
    CHECK(X509_sign(leaf, gp_key_of(id.key), hash) > 0);
    BIO *out = BIO_new(BIO_s_mem());
    CHECK(PEM_write_bio_X509(out, leaf) == 1);
    struct gp_text pem = GP_TEXT(id.pem);
    CHECK(gp_bio_into(out, true, &pem));
    id.pem_len = pem.len;
    X509_free(leaf);
    return id;
}

TEST(the_hash_is_that_of_the_signature_and_never_a_weak_one)
{
    static struct pair  p;
    const EVP_MD *const hashes[] = { EVP_sha384(), EVP_sha512(), EVP_sha224() };
    static const size_t sizes[]  = { 48, 64, 28 };
    uint8_t             said[64];
    for (size_t i = 0; i < GP_COUNT(hashes); i++) {
        struct identity        signer = signed_with(hashes[i]);
        const struct identity *id     = &signer;
        struct gp_tls_context *server = server_of(&id, 1), *client = client_of(NULL);
        pair_open(&p, server, client, "mail.example.org", &id, 1);
        pair_run(&p);
        CHECK(pair_shaken(&p) && same_end_point(&p, said) == sizes[i]);
        pair_close(&p);
        gp_tls_context_close(server);
        gp_tls_context_close(client);
    }
}

TEST(a_resumed_session_has_the_end_point_it_began_with)
{
    static struct pair     p;
    const struct identity *rsa = identity_rsa(), *ec = identity_ec();
    uint8_t                first[64], again[64];
    for (size_t v = 0; v < GP_COUNT(versions); v++) {
        struct gp_tls_context *before = server_of(&rsa, 1), *after = server_of(&ec, 1), *client = client_of(NULL);
        CHECK(gp_tls_set_tickets(before, GP_LIT(ticket_keys)) && gp_tls_set_tickets(after, GP_LIT(ticket_keys)));
        struct meeting m = { .version = versions[v] };
        meet(&p, before, client, &m);
        CHECK(same_end_point(&p, first) == 32);
        m.session = leave(&p);
        for (unsigned round = 0; round < 2; round++) { /* TLS 1.3 gives a new ticket each time: it must know it, too */
            meet(&p, after, client, &m);               /* the server has another certificate by now */
            CHECK(pair_shaken(&p) && gp_tls_resumed(p.server));
            CHECK(same_end_point(&p, again) == 32 && memcmp(first, again, 32) == 0);
            SSL_SESSION_free(m.session);
            m.session = leave(&p);
        }
        SSL_SESSION_free(m.session);
        gp_tls_context_close(before);
        gp_tls_context_close(after);
        gp_tls_context_close(client);
    }
}

TEST(before_hands_are_shaken_there_is_nothing)
{
    static struct pair     p;
    struct gp_tls_context *server, *client;
    uint8_t                said[64];
    const struct identity *id = identity_rsa();
    open_contexts(&server, &client);
    pair_open(&p, server, client, "mail.example.org", &id, 1);
    CHECK(gp_tls_end_point(p.server, said) == 0 && gp_tls_end_point(p.client, said) == 0);
    CHECK(!gp_tls_has_peer(p.server));
    pair_close(&p);
    gp_tls_context_close(server);
    gp_tls_context_close(client);
}
