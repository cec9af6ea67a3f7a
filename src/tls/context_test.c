/* Contexts: which certificate, whose trust, whose tickets; and what both ends make of the channel. */
#include "check.h"
#include "tls/pair_kit.h"

#include <openssl/x509v3.h>
#include <string.h>

enum { YEAR = 365 * 24 * 3600 };

/* ---- certificates by name ------------------------------------------------------------------------------------------- */
static gp_str chosen(struct pair *p, char *room, size_t len)
{
    X509                 *got   = SSL_get1_peer_certificate(p->client->ssl);
    GENERAL_NAMES        *names = X509_get_ext_d2i(got, NID_subject_alt_name, NULL, NULL);
    const ASN1_IA5STRING *dns   = sk_GENERAL_NAME_value(names, 0)->d.dNSName;
    gp_str                name  = { (const char *)ASN1_STRING_get0_data(dns), (size_t)ASN1_STRING_length(dns) };
    CHECK(gp_copy_z(name, room, len));
    GENERAL_NAMES_free(names);
    X509_free(got);
    return gp_from(room);
}

TEST(the_name_asked_for_chooses_the_certificate)
{
    static const struct {
        const char *asked, *got;
    } cases[] = {
        {"mail.example.org",   "mail.example.org"},
        { "MAIL.example.ORG",  "mail.example.org"},
        { "smtp.example.net",  "*.example.net"   },
        { "a.b.example.net",   "mail.example.org"}, /* a wildcard is one label */
        { "example.net",       "mail.example.org"},
        { "other.example.com", "mail.example.org"}, /* unknown: certificate 0 */
        { "192.0.2.1",         "mail.example.org"}, /* no SNI for an address */
        { "",                  "mail.example.org"},
    };
    static struct pair     p;
    const struct identity *ids[]  = { identity_rsa(), identity_wildcard() };
    struct gp_tls_context *server = server_of(ids, 2), *client = client_of(NULL);
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        char room[256];
        pair_open(&p, server, client, cases[i].asked, ids, 2);
        pair_run(&p);
        CHECK(pair_shaken(&p));
        CHECK_IS(chosen(&p, room, sizeof room), cases[i].got);
        CHECK(gp_tls_is_nameless(p.server) == (cases[i].asked[0] == '\0' || cases[i].asked[0] == '1'));
        pair_close(&p);
    }
    gp_tls_context_close(server);
    gp_tls_context_close(client);
}

TEST(a_host_may_have_an_rsa_and_an_ec_certificate)
{
    static struct pair     p;
    const struct identity *ids[]  = { identity_rsa(), identity_ec() };
    struct gp_tls_context *server = server_of(ids, 2), *client = client_of(NULL);
    pair_open(&p, server, client, "mail.example.org", ids, 2);
    CHECK(SSL_set1_sigalgs_list(p.client->ssl, "ECDSA+SHA256"));
    pair_run(&p);
    CHECK(pair_shaken(&p) && p.how == GP_SIGN_ECDSA);
    pair_close(&p);
    pair_open(&p, server, client, "mail.example.org", ids, 2);
    CHECK(SSL_set1_sigalgs_list(p.client->ssl, "RSA-PSS+SHA256"));
    pair_run(&p);
    CHECK(pair_shaken(&p) && p.how == GP_SIGN_RSA_RAW);
    pair_close(&p);
    gp_tls_context_close(server);
    gp_tls_context_close(client);
}

TEST(a_bad_certificate_is_named)
{
    const struct identity    *id    = identity_ec();
    struct gp_tls_certificate two[] = { { identity_pem(id) }, { GP_LIT("-----BEGIN NONSENSE-----\n") } };
    const char               *why   = NULL;
    CHECK(!gp_tls_server_context(two, 2, &why));
    CHECK_IS(gp_from(why), "certificate 1: is not a PEM certificate");
    CHECK(!gp_tls_server_context(two, 0, &why));
    struct gp_key *ed = gp_key_new(GP_KEY_ED25519, 0);
    char           room[4096];
    struct gp_text pem     = GP_TEXT(room);
    const char    *names[] = { "mail.example.org", NULL }, *none[] = { NULL };
    CHECK(gp_certificate_new(ed, names, none, 1, &pem));
    struct gp_tls_certificate one = { gp_said(&pem) };
    CHECK(!gp_tls_server_context(&one, 1, &why));
    CHECK_IS(gp_from(why), "certificate 0: has a key that is neither RSA nor EC");
    CHECK_IS(gp_from(gp_tls_certificate_fault(gp_said(&pem))), "has a key that is neither RSA nor EC");
    CHECK(!gp_tls_certificate_fault(identity_pem(id)));
    gp_key_close(ed);
    struct gp_tls_trust nobody = { .ca_pem = GP_LIT("none here"), .verify = true };
    CHECK(!gp_tls_client_context(&nobody, &why));
}

/* Also one that is not the first: it would be looked at only when a client asks for its name. */
TEST(a_weak_certificate_is_named)
{
    static const char weak[] = "is too weak (RSA needs 2048 bits), or broken";
    struct gp_key    *small  = gp_key_new(GP_KEY_RSA, 1024);
    char              room[4096];
    struct gp_text    pem     = GP_TEXT(room);
    const char       *names[] = { "mail.example.org", NULL }, *none[] = { NULL }, *why = NULL;
    CHECK(small && gp_certificate_new(small, names, none, 1, &pem));
    CHECK_IS(gp_from(gp_tls_certificate_fault(gp_said(&pem))), weak);
    struct gp_tls_certificate two[] = { { identity_pem(identity_ec()) }, { gp_said(&pem) } };
    CHECK(!gp_tls_server_context(two, 2, &why));
    CHECK(gp_starts(gp_from(why), "certificate 1: is too weak"));
    gp_key_close(small);
}

/* ---- trust ------------------------------------------------------------------------------------------------------------ */
TEST(a_verifying_client_refuses_whom_it_does_not_know)
{
    static const struct {
        const struct identity *(*server)(void), *(*trusted)(void);
        const char *name;
        long        later; /* seconds by which the client's clock is ahead */
        const char *why;   /* NULL: welcome */
    } cases[] = {
        {identity_rsa,       identity_rsa,      "mail.example.org",  0,    NULL                     },
        { identity_rsa,      identity_rsa,      "mail.example.org.", 0,    NULL                     },
        { identity_rsa,      identity_rsa,      "192.0.2.1",         0,    NULL                     },
        { identity_wildcard, identity_wildcard, "mx.example.net",    0,    NULL                     },
        { identity_rsa,      identity_rsa,      "192.0.2.2",         0,    "IP address mismatch"    },
        { identity_rsa,      identity_rsa,      "evil.example.org",  0,    "hostname mismatch"      },
        { identity_wildcard, identity_wildcard, "a.b.example.net",   0,    "hostname mismatch"      },
        { identity_rsa,      identity_ec,       "mail.example.org",  0,    "self-signed certificate"},
        { identity_rsa,      identity_rsa,      "mail.example.org",  YEAR, "certificate has expired"},
    };
    static struct pair p;
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        const struct identity *id     = cases[i].server();
        struct gp_tls_context *server = server_of(&id, 1), *client = client_of(cases[i].trusted());
        pair_open(&p, server, client, cases[i].name, &id, 1);
        if (cases[i].later) X509_VERIFY_PARAM_set_time(SSL_get0_param(p.client->ssl), time(NULL) + cases[i].later);
        pair_run(&p);
        CHECK(pair_shaken(&p) == !cases[i].why);
        CHECK_IS(gp_from(gp_tls_why(p.client)), cases[i].why ? cases[i].why : "");
        CHECK((p.client_status == GP_PERMFAIL) == (cases[i].why != NULL));
        pair_close(&p);
        gp_tls_context_close(server);
        gp_tls_context_close(client);
    }
}

TEST(a_verifying_client_wants_a_name)
{
    struct gp_tls_context *client = client_of(identity_ec());
    CHECK(!gp_tls_connect(client, GP_LIT("")));
    CHECK(!gp_tls_connect(client, GP_LIT("a\0b")));
    gp_tls_context_close(client);
}

/* ---- tickets ---------------------------------------------------------------------------------------------------------- */
static const char one_key[]  = "name-of-key-0001aes-of-key-00001mac-of-key-00001";
static const char two_keys[] = "name-of-key-0002aes-of-key-00002mac-of-key-00002"
                               "name-of-key-0001aes-of-key-00001mac-of-key-00001";
static const char others[]   = "name-of-key-0003aes-of-key-00003mac-of-key-00003";

/* Shakes hands under the first keys, then at a server that might be another process under the second. */
static bool resumes(struct pair *p, int version, gp_str first, gp_str second)
{
    const struct identity *id     = identity_ec();
    struct gp_tls_context *before = server_of(&id, 1), *after = server_of(&id, 1), *client = client_of(id);
    CHECK(gp_tls_set_tickets(before, first) && gp_tls_set_tickets(after, second));
    pair_open(p, before, client, "mail.example.org", &id, 1);
    SSL_set_max_proto_version(p->client->ssl, version);
    pair_run(p);
    CHECK(pair_shaken(p));
    SSL_SESSION *session = SSL_get1_session(p->client->ssl);
    CHECK(gp_tls_end(p->client) == GP_OK); /* or OpenSSL's client would not trust the session again */
    pair_close(p);
    pair_open(p, after, client, "mail.example.org", &id, 1);
    SSL_set_max_proto_version(p->client->ssl, version);
    if (SSL_SESSION_is_resumable(session)) SSL_set_session(p->client->ssl, session);
    pair_run(p);
    CHECK(pair_shaken(p));
    SSL_SESSION_free(session);
    gp_tls_context_close(before);
    gp_tls_context_close(after);
    gp_tls_context_close(client);
    CHECK(gp_tls_resumed(p->client) == gp_tls_resumed(p->server));
    CHECK(p->signatures == (gp_tls_resumed(p->server) ? 0 : 1));
    return gp_tls_resumed(p->server);
}

TEST(a_session_is_resumed_by_whoever_has_the_keys)
{
    static const int   versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
    static struct pair p;
    for (size_t i = 0; i < GP_COUNT(versions); i++) {
        CHECK(resumes(&p, versions[i], GP_LIT(one_key), GP_LIT(one_key)));
        CHECK(!gp_tls_is_nameless(p.server)); /* it named one, or that is not known any more */
        pair_close(&p);
        CHECK(resumes(&p, versions[i], GP_LIT(one_key), GP_LIT(two_keys))); /* renewed meanwhile */
        pair_close(&p);
        CHECK(!resumes(&p, versions[i], GP_LIT(one_key), GP_LIT(others)));
        pair_close(&p);
        CHECK(!resumes(&p, versions[i], GP_NONE, GP_NONE));
        pair_close(&p);
    }
}

TEST(ticket_keys_of_a_wrong_length_are_refused)
{
    const struct identity *id                          = identity_ec();
    struct gp_tls_context *server                      = server_of(&id, 1);
    char                   four[4 * GP_TLS_TICKET_KEY] = { 0 };
    CHECK(!gp_tls_set_tickets(server, gp_head(GP_LIT(one_key), 47)));
    CHECK(!gp_tls_set_tickets(server, (gp_str) { four, sizeof four }));
    CHECK(gp_tls_set_tickets(server, (gp_str) { four, sizeof four - GP_TLS_TICKET_KEY }));
    gp_tls_context_close(server);
}

/* ---- channel bindings ------------------------------------------------------------------------------------------------- */
static enum gp_tls_binding same_binding(struct pair *p, size_t want)
{
    uint8_t             at_client[64], at_server[64];
    size_t              client_len = 0, server_len = 0;
    enum gp_tls_binding kind = gp_tls_binding(p->client, at_client, &client_len);
    CHECK(gp_tls_binding(p->server, at_server, &server_len) == kind);
    CHECK(client_len == want && server_len == want);
    CHECK(memcmp(at_client, at_server, want) == 0);
    return kind;
}

TEST(both_ends_see_the_same_binding)
{
    static struct pair p;
    pair_simple(&p, identity_ec(), TLS1_3_VERSION);
    CHECK(same_binding(&p, 32) == GP_TLS_EXPORTER);
    pair_close(&p);
    pair_simple(&p, identity_ec(), TLS1_2_VERSION);
    CHECK(same_binding(&p, 12) == GP_TLS_UNIQUE);
    pair_close(&p);
    CHECK(resumes(&p, TLS1_3_VERSION, GP_LIT(one_key), GP_LIT(one_key)));
    CHECK(same_binding(&p, 32) == GP_TLS_EXPORTER);
    pair_close(&p);
    CHECK(resumes(&p, TLS1_2_VERSION, GP_LIT(one_key), GP_LIT(one_key)));
    CHECK(same_binding(&p, 12) == GP_TLS_UNIQUE);
    pair_close(&p);
}

TEST(tls_unique_is_the_first_finished)
{
    static struct pair p;
    uint8_t            out[64], first[64];
    size_t             len = 0;
    pair_simple(&p, identity_ec(), TLS1_2_VERSION);
    CHECK(gp_tls_binding(p.server, out, &len) == GP_TLS_UNIQUE);
    CHECK(SSL_get_finished(p.client->ssl, first, sizeof first) == len && memcmp(out, first, len) == 0);
    pair_close(&p);
    CHECK(resumes(&p, TLS1_2_VERSION, GP_LIT(one_key), GP_LIT(one_key)));
    CHECK(gp_tls_binding(p.client, out, &len) == GP_TLS_UNIQUE);
    CHECK(SSL_get_finished(p.server->ssl, first, sizeof first) == len && memcmp(out, first, len) == 0);
    pair_close(&p);
}

TEST(without_extended_master_secret_there_is_no_tls_unique)
{
    static struct pair     p;
    const struct identity *id     = identity_ec();
    struct gp_tls_context *server = server_of(&id, 1), *client = client_of(id);
    pair_open(&p, server, client, "mail.example.org", &id, 1);
    SSL_set_max_proto_version(p.client->ssl, TLS1_2_VERSION);
    SSL_set_options(p.client->ssl, SSL_OP_NO_EXTENDED_MASTER_SECRET);
    CHECK(same_binding(&p, 0) == GP_TLS_NO_BINDING); /* before there are hands to shake */
    pair_run(&p);
    CHECK(pair_shaken(&p));
    CHECK(same_binding(&p, 0) == GP_TLS_NO_BINDING);
    pair_close(&p);
    gp_tls_context_close(server);
    gp_tls_context_close(client);
}

TEST(old_clients_are_served_where_they_are_allowed_and_nowhere_else)
{
    enum { TLS_1_0 = 0x0301, TLS_1_1, TLS_1_2 };
    static const struct {
        int  oldest, client; /* oldest 0: as it is */
        bool shaken;
    } cases[] = {
        {TLS_1_0,  TLS_1_0, true },
        { TLS_1_0, TLS_1_1, true },
        { TLS_1_0, TLS_1_2, true },
        { TLS_1_1, TLS_1_0, false},
        { TLS_1_1, TLS_1_1, true },
        { 0,       TLS_1_1, false},
        { 0,       TLS_1_0, false},
    };
    static struct pair     p;
    const struct identity *kinds[] = { identity_rsa(), identity_ec() };
    for (size_t i = 0; i < GP_COUNT(cases) * GP_COUNT(kinds); i++) {
        const char            *why    = NULL;
        const struct identity *id     = kinds[i % GP_COUNT(kinds)];
        struct gp_tls_context *server = server_of(&id, 1), *client = client_of(NULL);
        struct gp_tls_wish     wish = {
                .oldest = cases[i / 2].client, .newest = cases[i / 2].client, .ciphers = "DEFAULT", .weak = true
        };
        CHECK(!cases[i / 2].oldest || gp_tls_allow_old(server, cases[i / 2].oldest));
        CHECK(gp_tls_adjust(client, &wish, &why));
        pair_open(&p, server, client, "mail.example.org", &id, 1);
        pair_run(&p);
        if (pair_shaken(&p) != cases[i / 2].shaken)
            fail_msg("%d, %d: %s", (int)i, cases[i / 2].client, gp_tls_why(p.server));
        pair_close(&p);
        gp_tls_context_close(server);
        gp_tls_context_close(client);
    }
}
