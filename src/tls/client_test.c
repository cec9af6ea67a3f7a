/* What a client may ask for: versions, names, a certificate of its own, sessions to resume, one certificate trusted as it is. */
#include "tls/pair_kit.h"

#include "check.h"

#include <stdlib.h>
#include <string.h>

enum { TLS_1_2 = 0x0303, TLS_1_3 = 0x0304 };

static struct gp_tls_context *wishing(const struct identity *trusted, const struct gp_tls_wish *wish)
{
    const char            *why = NULL;
    struct gp_tls_context *x   = client_of(trusted);
    CHECK(x && gp_tls_adjust(x, wish, &why));
    return x;
}

static void meet(struct pair *p, const struct identity *who, struct gp_tls_context *client, const char *name)
{
    struct gp_tls_context *server = server_of(&who, 1);
    pair_open(p, server, client, name, &who, 1);
    gp_tls_context_close(server);
}

TEST(a_client_picks_the_version)
{
    static const int versions[] = { TLS_1_2, TLS_1_3 };
    for (size_t i = 0; i < GP_COUNT(versions); i++) {
        struct pair            p    = { 0 };
        struct gp_tls_wish     wish = { .oldest = versions[i], .newest = versions[i] };
        struct gp_tls_context *x    = wishing(identity_ec(), &wish);
        meet(&p, identity_ec(), x, "mail.example.org");
        pair_run(&p);
        CHECK(pair_shaken(&p));
        CHECK_IS(gp_from(gp_tls_version(p.client)), versions[i] == TLS_1_2 ? "TLSv1.2" : "TLSv1.3");
        pair_close(&p);
        gp_tls_context_close(x);
    }
}

/* ---- a certificate whose key is elsewhere -------------------------------------------------------------------------------- */
static void present(struct pair *p, const struct identity *own, int version, bool asked)
{
    const char            *why    = NULL;
    struct gp_tls_context *like   = client_of(identity_rsa());
    struct gp_tls_context *client = gp_tls_client_presenting(like, identity_pem(own), &why);
    gp_tls_context_close(like);
    CHECK(client);
    meet(p, identity_rsa(), client, "mail.example.org");
    gp_tls_context_close(client);
    SSL_set_max_proto_version(p->client->ssl, version);
    if (asked) gp_tls_ask_peer(p->server);
    p->presented = own;
    pair_run(p);
}

TEST(a_certificate_is_shown_to_who_asks_and_each_time_somebody_else_signs)
{
    const struct identity *const kinds[]    = { identity_rsa(), identity_ec() };
    static const int             versions[] = { TLS_1_2, TLS_1_3 };
    static char                  room[GP_TLS_PEER_MOST];
    for (size_t i = 0; i < GP_COUNT(kinds) * GP_COUNT(versions) * 2; i++) {
        struct pair    p     = { 0 };
        bool           asked = i & 1;
        struct gp_text chain = GP_TEXT(room);
        present(&p, kinds[i >> 1 & 1], versions[i >> 2], asked);
        gp_tls_peer_chain(p.server, &chain);
        CHECK(pair_shaken(&p) && p.signatures == 1U + asked);
        CHECK(gp_tls_presented(p.client) == asked && gp_tls_has_peer(p.server) == asked && (chain.len > 0) == asked);
        CHECK(!gp_tls_presented(p.server));
        pair_close(&p);
    }
}

TEST(without_its_signature_no_hands_are_shaken)
{
    static const int versions[] = { TLS_1_2, TLS_1_3 };
    for (size_t i = 0; i < GP_COUNT(versions); i++) {
        struct pair p = { .refuse_client = true };
        present(&p, identity_ec(), versions[i], true);
        CHECK(p.client_status == GP_PERMFAIL && !gp_tls_presented(p.client) && !gp_tls_has_peer(p.server));
        CHECK_IS(gp_from(gp_tls_why(p.client)), "the signature was refused");
        pair_close(&p);
    }
}

TEST(a_certificate_is_shown_to_nobody_unverified_and_must_be_one)
{
    const char            *why = NULL;
    struct gp_tls_context *lax = client_of(NULL), *strict = client_of(identity_rsa());
    CHECK(!gp_tls_client_presenting(lax, identity_pem(identity_ec()), &why) && why);
    CHECK(!gp_tls_client_presenting(strict, GP_LIT("nonsense"), &why));
    CHECK_IS(gp_from(why), "is not a PEM certificate");
    gp_tls_context_close(lax);
    gp_tls_context_close(strict);
}

TEST(what_cannot_be_had_is_said)
{
    static const struct gp_tls_wish wishes[] = {
        {.ciphers = "NO-SUCH-CIPHER"},
        {                       .oldest = 0x9999                         },
        { .chain_pem = { "x", 1 },                          .key_pem = { "y", 1 } },
    };
    for (size_t i = 0; i < GP_COUNT(wishes); i++) {
        const char            *why = NULL;
        struct gp_tls_context *x   = client_of(NULL);
        CHECK(!gp_tls_adjust(x, &wishes[i], &why) && why && *why);
        gp_tls_context_close(x);
    }
}

TEST(the_name_that_is_said_need_not_be_the_one_that_is_verified)
{
    struct pair            p    = { 0 };
    struct gp_tls_wish     wish = { 0 };
    struct gp_tls_context *x    = wishing(identity_ec(), &wish);
    meet(&p, identity_ec(), x, "mail.example.org");
    CHECK(gp_tls_say_name(p.client, GP_LIT("other.example.net")));
    pair_run(&p);
    CHECK(pair_shaken(&p));
    CHECK_IS(gp_tls_server_name(p.server), "other.example.net");
    pair_close(&p);

    meet(&p, identity_ec(), x, "mail.example.org");
    CHECK(gp_tls_say_name(p.client, GP_LIT("")));
    pair_run(&p);
    CHECK(pair_shaken(&p) && !gp_tls_server_name(p.server).ptr);
    char           room[8192];
    struct gp_text der = GP_TEXT(room);
    gp_tls_server_chain(p.client, &der);
    CHECK(der.len > 100 && (unsigned char)room[0] == 0x30); /* a DER sequence */
    pair_close(&p);

    meet(&p, identity_ec(), x, "mail.example.com");
    CHECK(gp_tls_say_name(p.client, GP_LIT("mail.example.org")));
    pair_run(&p);
    CHECK(!pair_shaken(&p));
    pair_close(&p);
    gp_tls_context_close(x);
}

static void resume(int version)
{
    static const char      keys[GP_TLS_TICKET_KEY] = "any forty-eight octets will do for a ticket key";
    const struct identity *who                     = identity_ec();
    struct gp_tls_wish     wish                    = { .oldest = version, .newest = version };
    struct gp_tls_context *client = wishing(who, &wish), *server = server_of(&who, 1);
    struct pair            p = { 0 };
    CHECK(gp_tls_set_tickets(server, (gp_str) { keys, sizeof keys }));
    pair_open(&p, server, client, "mail.example.org", &who, 1);
    pair_run(&p);
    CHECK(pair_shaken(&p) && !gp_tls_resumed(p.client));
    CHECK(gp_tls_write(p.server, GP_LIT("220 a\r\n")) == GP_OK);
    pair_run(&p);
    struct gp_tls_session *kept = gp_tls_keep(p.client);
    CHECK(kept);
    pair_close(&p);
    for (int i = 0; i < 2; i++) { /* more than once */
        pair_open(&p, server, client, "mail.example.org", &who, 1);
        CHECK(gp_tls_resume(p.client, kept));
        pair_run(&p);
        CHECK(pair_shaken(&p) && gp_tls_resumed(p.client) && gp_tls_resumed(p.server));
        pair_close(&p);
    }
    gp_tls_session_close(kept);
    gp_tls_context_close(client);
    gp_tls_context_close(server);
}

TEST(a_session_is_resumed)
{
    resume(TLS_1_2);
    resume(TLS_1_3);
}
