/* What comes with a sign-in beside its lines: the listener, bindings, certificates, and tokens longer than a password. */
#include "vault/test_bed.h"

enum { SESSION = 5 };
static const char data[] = "binding of thirty-two octets....", end_point[] = "end point of thirty-two octets..";

static struct msg start_of(const char *mechanism, gp_str initial)
{
    struct msg m = MSG(SASL_START);
    m.sasl_start = (struct msg_sasl_start) { .session      = SESSION,
                                             .has_initial  = initial.ptr != NULL,
                                             .binding      = GP_BIND_TLS_EXPORTER,
                                             .binding_data = GP_LIT(data),
                                             .end_point    = GP_LIT(end_point),
                                             .mechanism    = gp_from(mechanism),
                                             .initial      = initial,
                                             .peer         = GP_LIT("192.0.2.1"),
                                             .helo         = GP_LIT("client.example"),
                                             .tls_version  = GP_LIT("TLSv1.3"),
                                             .tls_cipher   = GP_LIT("x"),
                                             .chain        = GP_LIT("") };
    return m;
}

static struct msg_sasl_result ask(struct bed *b, struct msg *m)
{
    bed_ask(b, b->smtpd, m);
    CHECK(b->status == GP_OK && b->answer.type == MSG_SASL_RESULT);
    return b->answer.sasl_result;
}

static struct msg_sasl_result say(struct bed *b, gp_str line)
{
    struct msg m = MSG(SASL_LINE);
    m.sasl_line  = (struct msg_sasl_line) { .session = SESSION, .line = line };
    return ask(b, &m);
}

static void set_mechanisms(struct bed *b, size_t listener, const char *names)
{
    CHECK(gp_copy_z(gp_from(names), b->config.listen[listener].mechanisms, sizeof(b->config.listen[0].mechanisms)));
    offer_update(b->vault);
}

/* ---- what smtpd says is held to what it can say ----------------------------------------------------------------------- */
TEST(a_start_that_cannot_be_is_refused)
{
    static char      long_text[GP_PEER_CHAIN_MOST + 1];
    const gp_str     too_long = { long_text, GP_SASL_BIND_MOST + 1 }, chain = { long_text, sizeof(long_text) };
    const struct msg good = start_of("PLAIN", GP_NONE);
    struct bed      *b    = bed_open();
    struct msg       bad[7];
    for (size_t i = 0; i < GP_COUNT(bad); i++) bad[i] = good;
    bad[0].sasl_start.listener     = 1;
    bad[1].sasl_start.listener     = UINT64_MAX;
    bad[2].sasl_start.binding      = GP_BIND_TLS_SERVER_END_POINT + 1;
    bad[3].sasl_start.binding_data = GP_LIT("");
    bad[4].sasl_start.binding_data = too_long;
    bad[5].sasl_start.end_point    = too_long;
    bad[6].sasl_start.chain        = chain;
    for (size_t i = 0; i < GP_COUNT(bad); i++) {
        struct msg_sasl_result r = ask(b, &bad[i]);
        CHECK(r.step == GP_SASL_FAILED && r.why == GP_SASL_UNAVAILABLE && b->vault->signin_count == 0);
    }
    struct msg fine = good;
    CHECK(ask(b, &fine).step == GP_SASL_CHALLENGE);
    bed_close(b);
}

TEST(a_listener_has_mechanisms_of_its_own)
{
    struct bed *b          = bed_open();
    b->config.listen_count = 2;
    set_mechanisms(b, 1, "PLAIN");
    for (uint64_t listener = 0; listener < 2; listener++) {
        struct msg login = start_of("LOGIN", GP_NONE), plain = start_of("PLAIN", GP_NONE);
        login.sasl_start.listener = plain.sasl_start.listener = listener;
        CHECK(ask(b, &plain).step == GP_SASL_CHALLENGE);
        struct msg_sasl_result r = ask(b, &login);
        CHECK(listener == 0 ? r.step == GP_SASL_CHALLENGE : r.why == GP_SASL_UNKNOWN);
    }
    bed_close(b);
}

/* ---- bindings ------------------------------------------------------------------------------------------------------------ */
/* The library's client with that one binding, against a vault that was told of both. */
static enum gp_sasl_step bound_sign_in(struct bed *b, const char *mechanism, enum gp_sasl_binding binding,
                                       gp_str octets)
{
    struct gp_sasl client;
    gp_sasl_init(&client, binding, octets, true);
    gp_secret password = { BED_PASSWORD, strlen(BED_PASSWORD) };
    CHECK(gp_sasl_client_start(&client, gp_from(mechanism), GP_LIT("anna"), password) == GP_SASL_CHALLENGE);
    struct msg             m = start_of(mechanism, client.out);
    struct msg_sasl_result r = ask(b, &m);
    while (r.step == GP_SASL_CHALLENGE) {
        enum gp_sasl_step step = gp_sasl_client_line(&client, bed_text(b));
        r                      = say(b, step == GP_SASL_FAILED ? GP_LIT("*") : client.out);
    }
    gp_sasl_end(&client);
    return (enum gp_sasl_step)r.step;
}

TEST(a_client_may_bind_to_whichever_it_knows)
{
    struct bed *b = bed_open();
    bed_account(b, "anna", BED_GENERATED, false);
    CHECK(bound_sign_in(b, "SCRAM-SHA-256-PLUS", GP_BIND_TLS_EXPORTER, GP_LIT(data)) == GP_SASL_DONE);
    CHECK(bound_sign_in(b, "SCRAM-SHA-256-PLUS", GP_BIND_TLS_SERVER_END_POINT, GP_LIT(end_point)) == GP_SASL_DONE);
    CHECK(bound_sign_in(b, "SCRAM-SHA-256-PLUS", GP_BIND_TLS_SERVER_END_POINT, GP_LIT(data)) == GP_SASL_FAILED);
    CHECK(bound_sign_in(b, "SCRAM-SHA-256-PLUS", GP_BIND_TLS_UNIQUE, GP_LIT(data)) == GP_SASL_FAILED);
    bed_close(b);
}

TEST(a_downgrade_is_one_where_a_bound_form_was_offered)
{
    static const struct {
        const char       *mechanisms;
        bool              exporter, end_point;
        enum gp_sasl_step y; /* of a client that says it could bind, if only we could */
    } rows[] = {
        {"",                                  true,  true,  GP_SASL_FAILED   },
        { "",                                 false, true,  GP_SASL_FAILED   },
        { "",                                 true,  false, GP_SASL_FAILED   },
        { "",                                 false, false, GP_SASL_CHALLENGE},
        { "SCRAM-SHA-256",                    true,  true,  GP_SASL_CHALLENGE},
        { "SCRAM-SHA-256 SCRAM-SHA-512-PLUS", true,  true,  GP_SASL_FAILED   }, /* that one would do as well */
    };
    struct bed *b = bed_open();
    bed_account(b, "anna", BED_GENERATED, false);
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct msg m = start_of("SCRAM-SHA-256", GP_LIT("eSwsbj1hbm5hLHI9YWJjZGVmZ2g=")); /* y,,n=anna,r=abcdefgh */
        set_mechanisms(b, 0, rows[i].mechanisms);
        if (!rows[i].exporter) {
            m.sasl_start.binding      = GP_BIND_NONE;
            m.sasl_start.binding_data = GP_LIT("");
        }
        if (!rows[i].end_point) m.sasl_start.end_point = GP_LIT("");
        struct msg_sasl_result r = ask(b, &m);
        CHECK(r.step == rows[i].y && (r.step == GP_SASL_CHALLENGE || r.why == GP_SASL_BAD_BINDING));
    }
    bed_close(b);
}

/* ---- certificates --------------------------------------------------------------------------------------------------------- */
TEST(external_is_for_clients_that_were_asked_and_presented_one)
{
    static const struct {
        bool        asks;
        const char *chain;
    } rows[] = {
        {false, "x"},
        { true, "" },
        { true, "x"}
    };
    struct bed *b = bed_open();
    set_mechanisms(b, 0, "EXTERNAL PLAIN");
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct msg m                = start_of("EXTERNAL", GP_LIT(""));
        b->config.listen[0].asks    = rows[i].asks;
        m.sasl_start.chain          = gp_from(rows[i].chain);
        bool                   both = rows[i].asks && rows[i].chain[0];
        struct msg_sasl_result r    = ask(b, &m);
        CHECK(r.step == GP_SASL_FAILED &&
              r.why == (both ? GP_SASL_REFUSED : GP_SASL_UNKNOWN)); /* of nobody's account */
        CHECK(b->vault->signin_count == 0);
    }
    bed_close(b);
}

static struct gp_key *new_certificate(char *room, struct gp_text *pem)
{
    static const char *const names[] = { "anna", NULL }, *const none[] = { NULL };
    struct gp_key *key = gp_key_new(GP_KEY_EC, 0);
    *pem               = (struct gp_text) { .ptr = room, .room = 4096 };
    CHECK(key && gp_certificate_new(key, names, none, 2, pem));
    return key;
}

static void send_ca(struct bed *b, const char *path)
{
    struct msg m        = MSG(CLIENT_CA);
    m.client_ca.present = path != NULL;
    m.fds[0]            = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    CHECK(ipc_tell(b->supervisor, &m));
    if (m.fds[0] >= 0) (void)close(m.fds[0]);
    bed_settle(b);
}

TEST(a_broken_file_of_authorities_leaves_the_one_before)
{
    char           room[4096];
    struct gp_text pem;
    struct bed    *b   = bed_open();
    struct gp_key *key = new_certificate(room, &pem);
    bed_write("pem", pem.ptr, pem.len);
    bed_write("key", "nonsense", 8);
    CHECK(!b->vault->client_trust);
    send_ca(b, "key");
    CHECK(!b->vault->client_trust);
    send_ca(b, "pem");
    const struct gp_trust *first = b->vault->client_trust;
    CHECK(first);
    send_ca(b, "key");
    CHECK(b->vault->client_trust == first);
    send_ca(b, NULL);
    CHECK(!b->vault->client_trust);
    gp_key_close(key);
    bed_close(b);
}

TEST(only_the_supervisor_says_whom_to_trust)
{
    char           room[4096];
    struct gp_text pem;
    struct bed    *b   = bed_open();
    struct gp_key *key = new_certificate(room, &pem);
    bed_write("pem", pem.ptr, pem.len);
    struct msg m        = MSG(CLIENT_CA);
    m.client_ca.present = 1;
    m.fds[0]            = open("pem", O_RDONLY | O_CLOEXEC);
    CHECK(ipc_tell(b->smtpd, &m));
    (void)close(m.fds[0]);
    bed_settle(b);
    CHECK(!b->vault->client_trust);
    gp_key_close(key);
    bed_close(b);
}

/* ---- tokens ------------------------------------------------------------------------------------------------------------------ */
TEST(a_refused_token_of_any_length_is_told_so)
{
    enum { LONG = 8000 };
    static char   message[LONG + 64], line[GP_BASE64_ROOM(LONG + 64)];
    static size_t lengths[] = { 1, 2000, LONG };
    struct bed   *b         = bed_open();
    b->vault->tokens        = true;
    set_mechanisms(b, 0, "OAUTHBEARER XOAUTH2");
    for (size_t i = 0; i < GP_COUNT(lengths); i++) {
        struct gp_text text = GP_TEXT(message), out = GP_TEXT(line);
        gp_put_z(&text, "user=anna\1auth=Bearer ");
        for (size_t n = 0; n < lengths[i]; n++) gp_put_char(&text, 'T');
        gp_put_z(&text, "\1\1");
        gp_put_base64(&out, gp_said(&text));
        struct msg             m = start_of("XOAUTH2", gp_said(&out));
        struct msg_sasl_result r = ask(b, &m);
        CHECK(r.step == GP_SASL_CHALLENGE);
        CHECK_IS(bed_text(b), "eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=");
        r = say(b, GP_LIT(""));
        CHECK(r.step == GP_SASL_FAILED && r.why == GP_SASL_REFUSED && b->vault->signin_count == 0);
    }
    bed_close(b);
}

TEST(where_nobody_can_check_tokens_they_are_no_mechanism)
{
    struct bed *b = bed_open();
    set_mechanisms(b, 0, "OAUTHBEARER XOAUTH2 PLAIN");
    struct msg m = start_of("OAUTHBEARER", GP_NONE);
    CHECK(ask(b, &m).why == GP_SASL_UNKNOWN);
    CHECK_IS(gp_from(b->vault->offered[0]), "PLAIN");
    bed_close(b);
}
