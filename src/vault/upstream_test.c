/* Signing in at the smarthost: the vault's client side against its own server side, and against servers that lie. */
#include "vault/test_bed.h"

enum { LOGIN = 9, SESSION = 5 };

static void give_password(struct bed *b, const char *content)
{
    struct msg m       = MSG(UPSTREAM);
    m.upstream.present = 1;
    bed_write("key", content, strlen(content));
    m.fds[0] = open("key", O_RDONLY | O_CLOEXEC);
    CHECK(ipc_tell(b->supervisor, &m));
    bed_settle(b);
    (void)close(m.fds[0]);
}

static struct msg_login_says start(struct bed *b, const char *offered, bool tls)
{
    struct msg m  = MSG(LOGIN_START);
    m.login_start = (struct msg_login_start) {
        .login = LOGIN, .secure = tls, .binding_data = GP_LIT(""), .offered = gp_from(offered)
    };
    bed_ask(b, b->relay, &m);
    CHECK(b->answer.type == MSG_LOGIN_SAYS);
    return b->answer.login_says;
}

static struct msg_login_says line(struct bed *b, gp_str text)
{
    struct msg m = MSG(LOGIN_LINE);
    m.login_line = (struct msg_login_line) { LOGIN, text };
    bed_ask(b, b->relay, &m);
    return b->answer.login_says;
}

/* What the server side says to what the client side said last. */
static struct msg_sasl_result serve(struct bed *b, bool first)
{
    char         said[BED_TEXT];
    struct msg   m    = first ? MSG(SASL_START) : MSG(SASL_LINE);
    const gp_str text = { said, b->text_len };
    memcpy(said, b->text, b->text_len);
    if (first) {
        m.sasl_start             = (struct msg_sasl_start) { .session      = SESSION,
                                                             .binding_data = GP_LIT(""),
                                                             .peer         = GP_LIT("192.0.2.9"),
                                                             .helo         = GP_LIT("gp"),
                                                             .tls_version  = GP_LIT("TLSv1.3"),
                                                             .tls_cipher   = GP_LIT("x"),
                                                             .end_point    = GP_LIT("") };
        m.sasl_start.mechanism   = gp_from(b->mechanism);
        m.sasl_start.has_initial = b->answer.login_says.has_initial;
        m.sasl_start.initial     = text;
    } else {
        m.sasl_line = (struct msg_sasl_line) { SESSION, text };
    }
    bed_ask(b, b->smtpd, &m);
    return b->answer.sasl_result;
}

static bool signs_in(struct bed *b, const char *offered)
{
    char room[BED_TEXT];
    if (start(b, offered, true).status != GP_OK) return false;
    struct msg_sasl_result r = serve(b, true);
    while (r.step == GP_SASL_CHALLENGE) {
        gp_str challenge = { room, b->text_len };
        memcpy(room, b->text, b->text_len);
        if (line(b, challenge).status != GP_OK) return false;
        r = serve(b, false);
    }
    return r.step == GP_SASL_DONE && b->believed;
}

TEST(each_allowed_mechanism_signs_in)
{
    static const char *const offers[] = { "SCRAM-SHA-256", "PLAIN", "LOGIN", "CRAM-MD5", "PLAIN LOGIN SCRAM-SHA-256" };
    struct bed              *b        = bed_open();
    bed_account(b, "upstream", BED_GENERATED, true);
    give_password(b, BED_PASSWORD "\r\n");
    for (size_t i = 0; i < GP_COUNT(offers); i++) CHECK(signs_in(b, offers[i]));
    CHECK(start(b, "PLAIN LOGIN SCRAM-SHA-256", true).status == GP_OK);
    CHECK_IS(gp_from(b->mechanism), "SCRAM-SHA-256");
    give_password(b, "wrong\n");
    for (size_t i = 0; i < GP_COUNT(offers); i++) CHECK(!signs_in(b, offers[i]));
    bed_close(b);
}

TEST(the_strongest_binding_there_is_is_used)
{
    static const char octets[] = "binding of thirty-two octets....";
    static const struct {
        enum gp_sasl_binding binding;
        bool                 end_point;
        const char          *mechanism, *header;
    } rows[] = {
        {GP_BIND_TLS_EXPORTER, true,  "SCRAM-SHA-256-PLUS", "p=tls-exporter,,"        },
        { GP_BIND_TLS_UNIQUE,  true,  "SCRAM-SHA-256-PLUS", "p=tls-unique,,"          },
        { GP_BIND_NONE,        true,  "SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,"},
        { GP_BIND_NONE,        false, "SCRAM-SHA-256",      "n,,"                     },
    };
    struct bed *b = bed_open();
    give_password(b, BED_PASSWORD);
    (void)gp_copy_z(GP_LIT("SCRAM-SHA-256-PLUS SCRAM-SHA-256"), b->config.relay.mechanisms,
                    sizeof(b->config.relay.mechanisms));
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char       said[BED_TEXT];
        size_t     len = 0;
        struct msg m   = MSG(LOGIN_START);
        m.login_start  = (struct msg_login_start) { .login        = LOGIN,
                                                    .secure       = 1,
                                                    .binding      = rows[i].binding,
                                                    .binding_data = rows[i].binding ? GP_LIT(octets) : GP_LIT(""),
                                                    .end_point    = rows[i].end_point ? GP_LIT(octets) : GP_LIT(""),
                                                    .offered      = GP_LIT("SCRAM-SHA-256 SCRAM-SHA-256-PLUS") };
        bed_ask(b, b->relay, &m);
        CHECK_IS(gp_from(b->mechanism), rows[i].mechanism);
        CHECK(gp_read_base64(bed_text(b), said, sizeof(said), &len));
        CHECK_IS(gp_head((gp_str) { said, len }, strlen(rows[i].header)), rows[i].header);
    }
    bed_close(b);
}

TEST(without_password_mechanism_or_tls_there_is_no_sign_in)
{
    struct bed *b = bed_open();
    CHECK(start(b, "PLAIN", true).status == GP_PERMFAIL);
    give_password(b, "\n");
    CHECK(start(b, "PLAIN", true).status == GP_PERMFAIL);
    give_password(b, BED_PASSWORD);
    CHECK(start(b, "PLAIN", true).status == GP_OK && b->answer.login_says.has_initial);
    CHECK(start(b, "PLAIN LOGIN", false).status == GP_PERMFAIL);
    CHECK(start(b, "GSSAPI", true).status == GP_PERMFAIL && start(b, "", true).status == GP_PERMFAIL);
    bed_close(b);
}

TEST(a_server_that_cannot_prove_itself_is_not_believed)
{
    static const char *const lies[] = { "bm9uc2Vuc2U=", "!!", "cj1hLHM9QUFBQSxpPTE=", "dj1BQUFB" };
    struct bed              *b      = bed_open();
    give_password(b, BED_PASSWORD);
    for (size_t i = 0; i < GP_COUNT(lies); i++) {
        CHECK(start(b, "SCRAM-SHA-256", true).status == GP_OK);
        CHECK(line(b, gp_from(lies[i])).status == GP_PERMFAIL);
        CHECK(line(b, gp_from(lies[i])).status == GP_TEMPFAIL); /* and it is over */
    }
    bed_close(b);
}

TEST(a_server_is_believed_when_its_part_is_done)
{
    static const struct {
        const char *offered;
        bool        at_once;
    } rows[] = {
        {"SCRAM-SHA-256", false},
        { "LOGIN",        false},
        { "CRAM-MD5",     false},
        { "PLAIN",        true }
    };
    struct bed *b = bed_open();
    give_password(b, BED_PASSWORD);
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        CHECK(start(b, rows[i].offered, true).status == GP_OK);
        CHECK(b->believed == rows[i].at_once);
    }
    bed_close(b);
}

TEST(the_number_of_logins_is_bounded_and_ends_free_places)
{
    struct bed *b = bed_open();
    struct msg  m = MSG(LOGIN_START), end = MSG(LOGIN_END);
    give_password(b, BED_PASSWORD);
    m.login_start = (struct msg_login_start) { .secure = 1, .binding_data = GP_LIT(""), .offered = GP_LIT("PLAIN") };
    for (m.login_start.login = 1; m.login_start.login <= UPSTREAM_LOGINS; m.login_start.login++) {
        bed_ask(b, b->relay, &m);
        CHECK(b->answer.login_says.status == GP_OK);
    }
    bed_ask(b, b->relay, &m);
    CHECK(b->answer.login_says.status == GP_TEMPFAIL);
    end.login_end.login = 1;
    CHECK(ipc_tell(b->relay, &end));
    bed_ask(b, b->relay, &m);
    CHECK(b->answer.login_says.status == GP_OK);
    ipc_close(b->relay);
    b->relay = bed_join(b, ROLE_RELAY); /* a new relay knows nothing of the old one's */
    for (size_t i = 0; i < UPSTREAM_LOGINS; i++) CHECK(!b->vault->upstream->logins[i].open);
    bed_close(b);
}
