/* A connection: shaking hands with keys that live elsewhere, bytes both ways in any pieces, the end, and garbage. */
#include "check.h"
#include "tls/pair_kit.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const struct identity *(*identity)(void);
    int          version;
    const char  *name;
    enum gp_sign how;
} kinds[] = {
    {identity_rsa,  TLS1_3_VERSION, "TLSv1.3", GP_SIGN_RSA_RAW}, /* PSS is padded before it is asked for */
    { identity_rsa, TLS1_2_VERSION, "TLSv1.2", GP_SIGN_RSA_RAW},
    { identity_ec,  TLS1_3_VERSION, "TLSv1.3", GP_SIGN_ECDSA  },
    { identity_ec,  TLS1_2_VERSION, "TLSv1.2", GP_SIGN_ECDSA  },
};

TEST(hands_are_shaken_with_signatures_made_elsewhere)
{
    static struct pair p;
    for (size_t i = 0; i < GP_COUNT(kinds); i++) {
        pair_simple(&p, kinds[i].identity(), kinds[i].version);
        CHECK(pair_shaken(&p));
        CHECK_IS(gp_from(gp_tls_version(p.server)), kinds[i].name);
        CHECK_IS(gp_from(gp_tls_version(p.client)), kinds[i].name);
        CHECK_SAME(gp_from(gp_tls_cipher(p.server)), gp_from(gp_tls_cipher(p.client)));
        CHECK(p.signatures == 1 && p.how == kinds[i].how);
        CHECK(!gp_tls_resumed(p.server));
        CHECK_IS(gp_tls_server_name(p.server), "mail.example.org");
        pair_close(&p);
    }
}

TEST(an_old_padding_is_asked_for_by_its_name)
{
    static struct pair     p;
    const struct identity *id     = identity_rsa();
    struct gp_tls_context *server = server_of(&id, 1), *client = client_of(id);
    pair_open(&p, server, client, "mail.example.org", &id, 1);
    SSL_set_max_proto_version(p.client->ssl, TLS1_2_VERSION);
    CHECK(SSL_set1_sigalgs_list(p.client->ssl, "RSA+SHA256"));
    pair_run(&p);
    CHECK(pair_shaken(&p));
    CHECK(p.how == GP_SIGN_RSA_PKCS1);
    pair_close(&p);
    gp_tls_context_close(server);
    gp_tls_context_close(client);
}

TEST(a_refused_signature_breaks_the_handshake)
{
    static struct pair p;
    for (size_t i = 0; i < GP_COUNT(kinds); i++) {
        const struct identity *id     = kinds[i].identity();
        struct gp_tls_context *server = server_of(&id, 1), *client = client_of(id);
        pair_open(&p, server, client, "mail.example.org", &id, 1);
        SSL_set_max_proto_version(p.client->ssl, kinds[i].version);
        p.refuse = true;
        pair_run(&p);
        CHECK(p.server_status == GP_PERMFAIL && p.client_status == GP_PERMFAIL);
        CHECK_IS(gp_from(gp_tls_why(p.server)), "the signature was refused");
        pair_close(&p);
        gp_tls_context_close(server);
        gp_tls_context_close(client);
    }
}

TEST(a_wrong_signature_is_noticed_by_the_client)
{
    static struct pair     p;
    const struct identity *id = identity_ec(), *other = identity_wildcard();
    struct gp_tls_context *server = server_of(&id, 1), *client = client_of(id);
    pair_open(&p, server, client, "mail.example.org", &other, 1);
    pair_run(&p);
    CHECK(!pair_shaken(&p));
    CHECK(p.client_status == GP_PERMFAIL);
    pair_close(&p);
    gp_tls_context_close(server);
    gp_tls_context_close(client);
}

/* While a signature is awaited nothing is taken and nothing goes on; closing then loses no memory (the sanitiser looks). */
TEST(a_handshake_waits_for_its_signature)
{
    const struct identity *id     = identity_rsa();
    struct gp_tls_context *server = server_of(&id, 1), *client = client_of(id);
    struct gp_tls         *s = gp_tls_accept(server), *c = gp_tls_connect(client, GP_LIT("mail.example.org"));
    struct gp_tls_sign     ask;
    size_t                 taken = 0;
    CHECK(gp_tls_handshake(c) == GP_WAIT);
    CHECK(!gp_tls_asks(s, &ask));
    CHECK(gp_tls_feed(s, gp_tls_wire(c), &taken) == GP_WAIT);
    CHECK(taken == gp_tls_wire(c).len);
    CHECK(gp_tls_asks(s, &ask) && ask.certificate == 0);
    CHECK(gp_tls_handshake(s) == GP_WAIT);
    CHECK(gp_tls_feed(s, GP_LIT("more"), &taken) == GP_WAIT);
    CHECK(taken == 0);
    CHECK(gp_tls_write(s, GP_LIT("too early")) == GP_WAIT);
    gp_tls_close(s);
    gp_tls_close(c);
    gp_tls_context_close(server);
    gp_tls_context_close(client);
}

TEST(many_handshakes_wait_at_once)
{
    enum { MANY = 50 };
    static struct pair     pairs[MANY];
    const struct identity *id     = identity_ec();
    struct gp_tls_context *server = server_of(&id, 1), *client = client_of(id);
    for (size_t i = 0; i < MANY; i++) { /* each stops at its question */
        size_t taken = 0;
        pair_open(&pairs[i], server, client, "mail.example.org", &id, 1);
        CHECK(gp_tls_handshake(pairs[i].client) == GP_WAIT);
        CHECK(gp_tls_feed(pairs[i].server, gp_tls_wire(pairs[i].client), &taken) == GP_WAIT);
        gp_tls_sent(pairs[i].client, taken);
    }
    for (size_t i = MANY; i-- > 0;) {
        pair_run(&pairs[i]);
        CHECK(pair_shaken(&pairs[i]));
    }
    for (size_t i = 0; i < MANY; i++) pair_close(&pairs[i]);
    gp_tls_context_close(server);
    gp_tls_context_close(client);
}

/* One more than may wait is put off without losing a byte, and goes on once there is room. */
TEST(a_crowd_of_handshakes_is_bounded)
{
    static struct gp_tls  *servers[GP_TLS_WAITING_MOST];
    static struct pair     late;
    const struct identity *id     = identity_ec();
    struct gp_tls_context *server = server_of(&id, 1), *client = client_of(id);
    struct gp_tls         *hello = gp_tls_connect(client, GP_LIT("mail.example.org"));
    size_t                 taken = 0;
    CHECK(gp_tls_handshake(hello) == GP_WAIT);
    for (size_t i = 0; i < GP_COUNT(servers); i++) {
        servers[i] = gp_tls_accept(server);
        CHECK(gp_tls_feed(servers[i], gp_tls_wire(hello), &taken) == GP_WAIT);
        CHECK(taken > 0 && !gp_tls_crowded(servers[i]));
    }
    pair_open(&late, server, client, "mail.example.org", &id, 1);
    CHECK(gp_tls_handshake(late.client) == GP_WAIT); /* a client needs no place */
    CHECK(gp_tls_feed(late.server, gp_tls_wire(late.client), &taken) == GP_WAIT);
    CHECK(taken == 0 && gp_tls_crowded(late.server));
    for (size_t i = 0; i < GP_COUNT(servers); i++) gp_tls_close(servers[i]);
    pair_run(&late);
    CHECK(pair_shaken(&late) && !gp_tls_crowded(late.server));
    pair_close(&late);
    gp_tls_close(hello);
    gp_tls_context_close(server);
    gp_tls_context_close(client);
}

/* ---- bytes ---------------------------------------------------------------------------------------------------------- */
TEST(any_split_of_the_ciphertext_tells_the_same_story)
{
    static const size_t pieces[] = { 1, 2, 3, 5, 7, 64, 1000, PAIR_WHOLE };
    static struct pair  p;
    for (size_t i = 0; i < GP_COUNT(pieces); i++) {
        p.piece = pieces[i];
        pair_simple(&p, identity_ec(), 0);
        CHECK(pair_shaken(&p));
        CHECK(gp_tls_write(p.client, GP_LIT("EHLO client\r\n")) == GP_OK);
        CHECK(gp_tls_write(p.client, GP_LIT("QUIT\r\n")) == GP_OK);
        CHECK(gp_tls_write(p.server, GP_LIT("250 mail.example.org\r\n")) == GP_OK);
        pair_run(&p);
        CHECK_IS(gp_said(&p.heard[SERVER]), "EHLO client\r\nQUIT\r\n");
        CHECK_IS(gp_said(&p.heard[CLIENT]), "250 mail.example.org\r\n");
        pair_close(&p);
    }
}

TEST(what_is_not_taken_stays_though_others_read)
{
    static struct pair a, b;
    pair_simple(&a, identity_ec(), 0);
    pair_simple(&b, identity_ec(), 0);
    size_t taken = 0;
    CHECK(gp_tls_write(a.client, GP_LIT("one two")) == GP_OK);
    CHECK(gp_tls_feed(a.server, gp_tls_wire(a.client), &taken) == GP_OK);
    gp_tls_sent(a.client, taken);
    gp_tls_took(a.server, 4);
    CHECK(gp_tls_write(b.client, GP_LIT("another")) == GP_OK);
    CHECK(gp_tls_feed(b.server, gp_tls_wire(b.client), &taken) == GP_OK);
    gp_tls_sent(b.client, taken);
    CHECK_IS(gp_tls_plain(a.server), "two");
    CHECK(gp_tls_write(a.client, GP_LIT(" three")) == GP_OK);
    CHECK(gp_tls_feed(a.server, gp_tls_wire(a.client), &taken) == GP_OK);
    CHECK_IS(gp_tls_plain(a.server), "two three");
    CHECK_IS(gp_tls_plain(b.server), "another");
    gp_tls_took(a.server, 100);
    gp_tls_took(b.server, 7);
    CHECK(gp_tls_plain(a.server).len == 0 && gp_tls_plain(b.server).len == 0);
    pair_close(&a);
    pair_close(&b);
}

TEST(feeding_stops_at_64_kib_of_plaintext_and_goes_on)
{
    enum { LONG = 300000 };
    static struct pair p;
    char              *text = malloc(LONG);
    size_t             got = 0, taken = 0;
    for (size_t i = 0; i < LONG; i++) text[i] = (char)('a' + i % 23);
    pair_simple(&p, identity_ec(), 0);
    CHECK(gp_tls_write(p.client, (gp_str) { text, LONG }) == GP_OK);
    while (got < LONG) {
        CHECK(gp_tls_feed(p.server, gp_tls_wire(p.client), &taken) == GP_OK);
        gp_tls_sent(p.client, taken);
        gp_str plain = gp_tls_plain(p.server);
        CHECK(plain.len > 0 && plain.len < 80 * 1024);
        size_t part = plain.len > 5000 ? plain.len - 77 : plain.len;
        CHECK(memcmp(plain.ptr, text + got, part) == 0);
        gp_tls_took(p.server, part);
        got += part;
    }
    CHECK(got == LONG);
    pair_close(&p);
    free(text);
}

TEST(close_notify_ends_one_direction_at_a_time)
{
    static struct pair p;
    for (size_t i = 0; i < GP_COUNT(kinds); i++) {
        pair_simple(&p, kinds[i].identity(), kinds[i].version);
        CHECK(gp_tls_write(p.client, GP_LIT("QUIT\r\n")) == GP_OK);
        CHECK(gp_tls_end(p.client) == GP_OK);
        pair_run(&p);
        CHECK_IS(gp_said(&p.heard[SERVER]), "QUIT\r\n");
        CHECK(gp_tls_ended(p.server));
        CHECK(!gp_tls_ended(p.client));
        CHECK(gp_tls_write(p.server, GP_LIT("221 bye\r\n")) == GP_OK);
        CHECK(gp_tls_end(p.server) == GP_OK);
        pair_run(&p);
        CHECK(gp_tls_ended(p.client));
        pair_close(&p);
    }
}

/* ---- garbage -------------------------------------------------------------------------------------------------------- */
TEST(clear_text_and_old_versions_are_refused_with_a_reason)
{
    const struct identity *id     = identity_ec();
    struct gp_tls_context *server = server_of(&id, 1);
    struct gp_tls         *s      = gp_tls_accept(server);
    size_t                 taken  = 0;
    CHECK(gp_tls_feed(s, GP_LIT("EHLO a plain client\r\n"), &taken) == GP_PERMFAIL);
    CHECK(strlen(gp_tls_why(s)) > 0);
    CHECK(gp_tls_feed(s, GP_LIT("more"), &taken) == GP_PERMFAIL);
    CHECK(gp_tls_handshake(s) == GP_PERMFAIL);
    CHECK(gp_tls_write(s, GP_LIT("x")) == GP_PERMFAIL);
    CHECK(gp_tls_end(s) == GP_PERMFAIL);
    gp_tls_close(s);

    static struct pair     p;
    struct gp_tls_context *client = client_of(NULL);
    pair_open(&p, server, client, "mail.example.org", &id, 1);
    CHECK(SSL_set_cipher_list(p.client->ssl, "ALL:@SECLEVEL=0"));
    SSL_set_min_proto_version(p.client->ssl, TLS1_VERSION);
    SSL_set_max_proto_version(p.client->ssl, TLS1_1_VERSION);
    pair_run(&p);
    CHECK(!pair_shaken(&p));
    CHECK_IS(gp_from(gp_tls_why(p.server)), "unsupported protocol");
    pair_close(&p);
    gp_tls_context_close(server);
    gp_tls_context_close(client);
}

TEST(only_forward_secret_aead_ciphers_are_agreed)
{
    static const char *const refused[] = { "AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA" };
    static struct pair       p;
    const struct identity   *id     = identity_ec();
    struct gp_tls_context   *server = server_of(&id, 1), *client = client_of(NULL);
    for (size_t i = 0; i < GP_COUNT(refused); i++) {
        pair_open(&p, server, client, "mail.example.org", &id, 1);
        SSL_set_max_proto_version(p.client->ssl, TLS1_2_VERSION);
        CHECK(SSL_set_cipher_list(p.client->ssl, refused[i]));
        pair_run(&p);
        CHECK(!pair_shaken(&p));
        CHECK_IS(gp_from(gp_tls_why(p.server)), "no shared cipher");
        pair_close(&p);
    }
    gp_tls_context_close(server);
    gp_tls_context_close(client);
}

/* RFC 8446 5.2: one bit is enough, wherever it is. */
TEST(an_altered_record_breaks_the_connection)
{
    static struct pair p;
    for (size_t at = 0; at < 30; at += 3) {
        char   record[256];
        size_t taken = 0;
        pair_simple(&p, identity_ec(), 0);
        CHECK(gp_tls_write(p.client, GP_LIT("QUIT\r\n")) == GP_OK);
        gp_str wire = gp_tls_wire(p.client);
        CHECK(wire.len <= sizeof record && at < wire.len);
        memcpy(record, wire.ptr, wire.len);
        record[at] = (char)(record[at] ^ 1);
        CHECK(gp_tls_feed(p.server, (gp_str) { record, wire.len }, &taken) != GP_OK ||
              at == 3); /* 3: it is longer now */
        CHECK(gp_tls_plain(p.server).len == 0);
        pair_close(&p);
    }
}

static void update_keys(struct pair *p, unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        CHECK(SSL_key_update(p->client->ssl, SSL_KEY_UPDATE_REQUESTED) == 1 && SSL_do_handshake(p->client->ssl) == 1);
    pair_run(p);
}

TEST(key_updates_are_answered_but_not_for_ever)
{
    enum { FREE = 32, MEBIBYTE = 1024 * 1024, PIECE = 8192 };
    static const char  piece[PIECE];
    static struct pair p;
    pair_simple(&p, identity_ec(), TLS1_3_VERSION);
    update_keys(&p, FREE);
    CHECK(p.server_status == GP_OK && p.client_status == GP_OK);
    for (size_t sent = 0; sent < MEBIBYTE; sent += PIECE) { /* who sends data may go on */
        p.heard[SERVER].len = 0;
        CHECK(gp_tls_write(p.client, (gp_str) { piece, PIECE }) == GP_OK);
        pair_run(&p);
        CHECK(p.heard[SERVER].len == PIECE);
    }
    update_keys(&p, MEBIBYTE / (32 * 1024));
    CHECK(p.server_status == GP_OK);
    update_keys(&p, 1);
    CHECK(p.server_status == GP_PERMFAIL);
    CHECK_IS(gp_from(gp_tls_why(p.server)), "too many handshake messages");
    pair_close(&p);
}

/* TLS 1.2: the wish is refused with an alert, which costs as much. */
TEST(wishes_to_negotiate_anew_are_counted)
{
    static struct pair p;
    pair_simple(&p, identity_ec(), TLS1_2_VERSION);
    CHECK(p.server->handshakes == 0);
    SSL_clear_options(p.client->ssl, SSL_OP_NO_RENEGOTIATION);
    CHECK(SSL_renegotiate(p.client->ssl) == 1);
    (void)SSL_do_handshake(p.client->ssl);
    pair_run(&p);
    CHECK(p.server->handshakes > 0);
    pair_close(&p);
}

/* What a stranger sends before hands are shaken never becomes plaintext, and is taken or refused: no loop. */
PROPERTY(tls_garbage_never_becomes_plaintext, bytes)
{
    static struct gp_tls_context *server;
    const struct identity        *id = identity_ec();
    if (!server) server = server_of(&id, 1);
    struct gp_tls     *s = gp_tls_accept(server);
    struct gp_tls_sign ask;
    size_t             taken = 0;
    assert_non_null(s);
    while (bytes.len) {
        gp_status status = gp_tls_feed(s, gp_head(bytes, 1 + bytes.len / 2), &taken);
        CHECK(status != GP_OK && gp_tls_plain(s).len == 0);
        if (status == GP_PERMFAIL || gp_tls_asks(s, &ask)) break;
        CHECK(taken > 0);
        bytes = gp_tail(bytes, taken);
    }
    gp_tls_close(s);
}
