/* A client and a server joined in memory. */
#include "tls/pair_kit.h"

#include "check.h"

#include <string.h>

enum { DAYS = 30, RSA_BITS = 2048 };

/* ---- identities --------------------------------------------------------------------------------------------------- */
static const struct identity *make(struct identity *id, enum gp_key_kind kind, const char *name, const char *address)
{
    const char    *names[]     = { name, NULL };
    const char    *addresses[] = { address, NULL };
    struct gp_text pem         = GP_TEXT(id->pem);
    if (id->key) return id;
    id->key = gp_key_new(kind, RSA_BITS);
    assert_non_null(id->key);
    CHECK(gp_certificate_new(id->key, names, addresses, DAYS, &pem));
    id->pem_len = pem.len;
    return id;
}

const struct identity *identity_rsa(void)
{
    static struct identity id;
    return make(&id, GP_KEY_RSA, "mail.example.org", "192.0.2.1");
}

const struct identity *identity_ec(void)
{
    static struct identity id;
    return make(&id, GP_KEY_EC, "mail.example.org", NULL);
}

const struct identity *identity_wildcard(void)
{
    static struct identity id;
    return make(&id, GP_KEY_EC, "*.example.net", NULL);
}

gp_str identity_pem(const struct identity *id)
{
    return (gp_str) { id->pem, id->pem_len };
}

struct gp_tls_context *server_of(const struct identity *const *ids, size_t count)
{
    struct gp_tls_certificate certificates[8];
    const char               *why = "";
    for (size_t i = 0; i < count; i++) certificates[i].chain_pem = identity_pem(ids[i]);
    struct gp_tls_context *x = gp_tls_server_context(certificates, count, &why);
    if (!x) fail_msg("%s", why);
    return x;
}

struct gp_tls_context *client_of(const struct identity *trusted)
{
    const char            *why = "";
    struct gp_tls_trust    t   = { .ca_pem = trusted ? identity_pem(trusted) : GP_NONE, .verify = trusted };
    struct gp_tls_context *x   = gp_tls_client_context(&t, &why);
    if (!x) fail_msg("%s", why);
    return x;
}

/* ---- pairs -------------------------------------------------------------------------------------------------------- */
void pair_open(struct pair *p, struct gp_tls_context *server, struct gp_tls_context *client, const char *name,
               const struct identity *const *ids, size_t count)
{
    size_t piece         = p->piece;
    bool   refuse_client = p->refuse_client;
    memset(p, 0, sizeof *p);
    p->piece         = piece ? piece : PAIR_WHOLE;
    p->refuse_client = refuse_client;
    p->server        = gp_tls_accept(server);
    p->client        = gp_tls_connect(client, gp_from(name));
    assert_non_null(p->server);
    assert_non_null(p->client);
    for (size_t i = 0; i < 2; i++)
        p->heard[i] = (struct gp_text) { .ptr = p->heard_text[i], .room = sizeof p->heard_text[i] };
    for (size_t i = 0; i < count; i++) p->identities[i] = ids[i];
}

static bool answer(struct pair *p, struct gp_tls *asking, const struct identity *const *signers, gp_status *status)
{
    struct gp_tls_sign ask;
    char               room[GP_SIGNATURE_MOST];
    struct gp_text     signature = GP_TEXT(room);
    if (!gp_tls_asks(asking, &ask)) return false;
    p->signatures++;
    p->how       = ask.how;
    bool refuses = asking == p->client ? p->refuse_client : p->refuse;
    if (!refuses) CHECK(gp_key_sign(signers[ask.certificate]->key, ask.how, ask.data, &signature));
    gp_tls_answer(asking, gp_said(&signature));
    CHECK(!gp_tls_asks(asking, &ask));
    *status = gp_tls_handshake(asking);
    return true;
}

static bool carry(struct gp_tls *from, struct gp_tls *to, size_t piece, gp_status *status, struct gp_text *heard)
{
    gp_str wire  = gp_head(gp_tls_wire(from), piece);
    size_t taken = 0;
    if (wire.len == 0) return false;
    char *exact = test_malloc(wire.len); /* so that a sanitiser sees one octet too far */
    memcpy(exact, wire.ptr, wire.len);
    *status = gp_tls_feed(to, (gp_str) { exact, wire.len }, &taken);
    test_free(exact);
    gp_tls_sent(from, taken);
    gp_str plain = gp_tls_plain(to);
    gp_put(heard, plain);
    gp_tls_took(to, plain.len);
    return taken > 0 || plain.len > 0;
}

void pair_run(struct pair *p)
{
    bool moved = true;
    if (!gp_tls_shaken(p->client)) p->client_status = gp_tls_handshake(p->client);
    while (moved) {
        moved = carry(p->client, p->server, p->piece, &p->server_status, &p->heard[SERVER]);
        moved |= answer(p, p->server, p->identities, &p->server_status);
        moved |= answer(p, p->client, &p->presented, &p->client_status);
        moved |= carry(p->server, p->client, p->piece, &p->client_status, &p->heard[CLIENT]);
    }
}

bool pair_shaken(const struct pair *p)
{
    return gp_tls_shaken(p->client) && gp_tls_shaken(p->server);
}

void pair_close(struct pair *p)
{
    gp_tls_close(p->client);
    gp_tls_close(p->server);
}

void pair_simple(struct pair *p, const struct identity *id, int version)
{
    struct gp_tls_context *server = server_of(&id, 1);
    struct gp_tls_context *client = client_of(id);
    pair_open(p, server, client, "mail.example.org", &id, 1);
    gp_tls_context_close(server); /* the connections keep them */
    gp_tls_context_close(client);
    if (version) SSL_set_max_proto_version(p->client->ssl, version);
    pair_run(p);
}
