/* Signing in at the smarthost: the vault's client side against its own server side, and against servers that lie. */
#include "vault/test_bed.h"

#include "store/notices.h"

enum { LOGIN = 9, SESSION = 5 };

static uint64_t which; /* of the config's logins */

static void give_secret(struct bed *b, const char *content)
{
    struct msg m       = MSG(UPSTREAM);
    m.upstream.login   = which;
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
        .login = LOGIN, .which = which, .secure = tls, .binding_data = GP_LIT(""), .offered = gp_from(offered)
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
        m.sasl_line = (struct msg_sasl_line) { .session = SESSION, .line = text };
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

static gp_str decoded(gp_str base64, char *room, size_t size)
{
    size_t len = 0;
    CHECK(gp_read_base64(base64, (uint8_t *)room, size, &len));
    return (gp_str) { room, len };
}

TEST(each_allowed_mechanism_signs_in)
{
    static const char *const offers[] = { "SCRAM-SHA-256", "PLAIN", "LOGIN", "CRAM-MD5", "PLAIN LOGIN SCRAM-SHA-256" };
    struct bed              *b        = bed_open();
    bed_account(b, "upstream", BED_GENERATED, true);
    give_secret(b, BED_PASSWORD "\r\n");
    for (size_t i = 0; i < GP_COUNT(offers); i++) CHECK(signs_in(b, offers[i]));
    CHECK(start(b, "PLAIN LOGIN SCRAM-SHA-256", true).status == GP_OK);
    CHECK_IS(gp_from(b->mechanism), "SCRAM-SHA-256");
    give_secret(b, "wrong\n");
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
    give_secret(b, BED_PASSWORD);
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
    give_secret(b, "\n");
    CHECK(start(b, "PLAIN", true).status == GP_PERMFAIL);
    give_secret(b, BED_PASSWORD);
    CHECK(start(b, "PLAIN", true).status == GP_OK && b->answer.login_says.has_initial);
    CHECK(start(b, "PLAIN LOGIN", false).status == GP_PERMFAIL);
    CHECK(start(b, "GSSAPI", true).status == GP_PERMFAIL && start(b, "", true).status == GP_PERMFAIL);
    bed_close(b);
}

TEST(a_server_that_cannot_prove_itself_is_not_believed)
{
    static const char *const lies[] = { "bm9uc2Vuc2U=", "!!", "cj1hLHM9QUFBQSxpPTE=", "dj1BQUFB" };
    struct bed              *b      = bed_open();
    give_secret(b, BED_PASSWORD);
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
    give_secret(b, BED_PASSWORD);
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        CHECK(start(b, rows[i].offered, true).status == GP_OK);
        CHECK(b->believed == rows[i].at_once);
    }
    bed_close(b);
}

/* ---- a token in the place of a password ------------------------------------------------------------------------------------ */
static void with_token(struct bed *b)
{
    struct config *c = &b->config;
    CHECK(gp_copy_z(GP_LIT("token"), c->relay.token_file, sizeof(c->relay.token_file)));
    CHECK(gp_copy_z(GP_LIT("smart.example.net"), c->relay.host, sizeof(c->relay.host)));
    CHECK(gp_copy_z(GP_LIT("OAUTHBEARER XOAUTH2"), c->relay.mechanisms, sizeof(c->relay.mechanisms)));
}

TEST(a_token_is_said_by_the_mechanisms_that_are_for_tokens)
{
    static const struct {
        const char *offered, *mechanism, *said;
    } rows[] = {
        {"PLAIN LOGIN XOAUTH2 OAUTHBEARER", "OAUTHBEARER",
         "n,a=upstream,\1host=smart.example.net\1auth=Bearer t.0-k~e/n+==\1\1"                          },
        { "PLAIN LOGIN XOAUTH2",            "XOAUTH2",     "user=upstream\1auth=Bearer t.0-k~e/n+==\1\1"},
    };
    char        room[BED_TEXT];
    struct bed *b = bed_open();
    with_token(b);
    give_secret(b, "  t.0-k~e/n+== \r\nanother line\n");
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        CHECK(start(b, rows[i].offered, true).status == GP_OK && b->believed);
        CHECK_IS(gp_from(b->mechanism), rows[i].mechanism);
        CHECK_IS(decoded(bed_text(b), room, sizeof(room)), rows[i].said);
    }
    CHECK(start(b, "PLAIN LOGIN SCRAM-SHA-256", true).status == GP_PERMFAIL);
    CHECK(start(b, "OAUTHBEARER", false).status == GP_PERMFAIL);
    bed_close(b);
}

TEST(what_is_no_token_is_not_said)
{
    static const char *const files[] = { "", "\n", "two words\n", "a\1b\n", "caf\xc3\xa9\n" };
    struct bed              *b       = bed_open();
    with_token(b);
    for (size_t i = 0; i < GP_COUNT(files); i++) {
        give_secret(b, files[i]);
        CHECK(start(b, "OAUTHBEARER", true).status == GP_PERMFAIL);
    }
    bed_close(b);
}

TEST(a_token_may_be_as_long_as_a_line)
{
    static char token[GP_SASL_TOKEN_MOST + 2], room[GP_SASL_TOKEN_MOST];
    struct bed *b = bed_open();
    with_token(b);
    memset(token, 'T', 8000);
    give_secret(b, token);
    CHECK(start(b, "XOAUTH2", true).status == GP_OK);
    CHECK(decoded(bed_text(b), room, sizeof(room)).len == 8000 + strlen("user=upstream\1auth=Bearer \1\1"));
    CHECK(line(b, GP_LIT("")).status == GP_OK && b->text_len > 8000); /* it did not fit behind AUTH */
    memset(token, 'T', sizeof(token) - 1);
    give_secret(b, token);
    CHECK(start(b, "XOAUTH2", true).status == GP_PERMFAIL);
    bed_close(b);
}

TEST(a_refused_token_is_owned_up_to_and_never_believed)
{
    static const struct {
        const char *mechanism, *reply;
    } rows[] = {
        {"OAUTHBEARER", "AQ=="}, /* RFC 7628 3.2.3: ^A */
        { "XOAUTH2",    ""    },
    };
    struct bed *b = bed_open();
    with_token(b);
    give_secret(b, "stale\n");
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        CHECK(start(b, rows[i].mechanism, true).status == GP_OK);
        CHECK(line(b, GP_LIT("eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=")).status == GP_OK); /* {"status":"invalid_token"} */
        CHECK(!b->believed);
        CHECK_IS(bed_text(b), rows[i].reply);
        CHECK(line(b, GP_LIT("")).status == GP_PERMFAIL);
    }
    bed_close(b);
}

TEST(what_a_server_repeats_of_a_token_is_not_for_the_log)
{
    static const struct {
        const char *token, *status, *shown;
    } rows[] = {
        {"ya29.a-token-of-some-length",  "invalid_token",                                     "invalid_token"                           },
        { "ya29.a-token-of-some-length", "no: ya29.a-token-of-some-length",                   "no: (secret)"                            },
        { "ya29.a-token-of-some-length", "no: eWEyOS5hLXRva2VuLW9mLXNvbWUtbGVuZ3Ro",          "no: (secret)"                            },
        { "ya29.a-token-of-some-length", "ya29.a-token-of",                                   "(secret)"                                },
        { "ya29.a-token-of-some-length", "...-of-some-length",                                "...(secret)"                             },
        { "short",                       "you said short",                                    "you said (secret)"                       },
        { "",                            "0123456789012345678901234567890123456789 and more", "0123456789012345678901234567890123456789"},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char           room[64];
        struct gp_text shown = GP_TEXT(room);
        upstream_put_status(&shown, (gp_secret) { rows[i].token, strlen(rows[i].token) }, gp_from(rows[i].status));
        CHECK_IS(gp_said(&shown), rows[i].shown);
    }
}

static void end(struct bed *b, uint64_t login, uint64_t of, enum login_fate fate)
{
    struct msg m = MSG(LOGIN_END);
    m.login_end  = (struct msg_login_end) { .login = login, .which = of, .fate = fate };
    CHECK(ipc_tell(b->relay, &m));
    bed_settle(b);
}

/* All of them wait: with each of these no message gets through, and none comes back. */
TEST(somebody_is_told_when_we_cannot_sign_in)
{
    static const struct {
        const char     *secret, *offered;
        uint64_t        login, of;
        enum login_fate fate;
        const char     *told;
    } rows[] = {
        {BED_PASSWORD,  "PLAIN", LOGIN, 0,   LOGIN_REFUSED,     "as upstream, and was refused there."    },
        { BED_PASSWORD, "PLAIN", LOGIN, 0,   LOGIN_UNTOLD,      NULL                                     },
        { BED_PASSWORD, "PLAIN", LOGIN, 0,   LOGIN_ACCEPTED,    NULL                                     },
        { BED_PASSWORD, "NTLM",  LOGIN, 0,   LOGIN_UNTOLD,      "no way to do so that is allowed here"   },
        { "\n",         "PLAIN", LOGIN, 0,   LOGIN_UNTOLD,      "has no password, token or name to do so"},
        { BED_PASSWORD, NULL,    0,     0,   LOGIN_NOT_OFFERED, "offers no sign-in (AUTH) any more"      },
        { BED_PASSWORD, NULL,    0,     999, LOGIN_NOT_OFFERED, NULL                                     },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bed    *b = bed_open();
        struct notice *n = calloc(1, sizeof(*n));
        CHECK(n && gp_copy_z(GP_LIT("admin@example.net"), b->config.notices.admin, sizeof(b->config.notices.admin)));
        b->config.notices.a_day = 9;
        give_secret(b, rows[i].secret);
        if (rows[i].offered) (void)start(b, rows[i].offered, true);
        end(b, rows[i].login, rows[i].of, rows[i].fate);
        notices_write(b->vault);
        CHECK(notice_next(b->vault->accounts, INT64_MAX, n) == (rows[i].told ? GP_OK : GP_PERMFAIL));
        CHECK(!rows[i].told || strstr(n->text, rows[i].told));
        free(n);
        bed_close(b);
    }
}

TEST(the_number_of_logins_is_bounded_and_ends_free_places)
{
    struct bed *b = bed_open();
    struct msg  m = MSG(LOGIN_START), end = MSG(LOGIN_END);
    give_secret(b, BED_PASSWORD);
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
    for (size_t i = 0; i < UPSTREAM_LOGINS; i++) CHECK(!b->vault->upstream->logins[i]);
    bed_close(b);
}

/* ---- SCRAM: which form, and the server's number of rounds ------------------------------------------------------------------ */
TEST(a_form_with_binding_that_is_offered_is_never_denied)
{
    static const struct {
        const char *allowed, *offered, *begins;
    } rows[] = {
        {"SCRAM-SHA-256",                     "SCRAM-SHA-256",                    "y,"             },
        { "SCRAM-SHA-256",                    "SCRAM-SHA-256-PLUS SCRAM-SHA-256", "n,"             },
        { "SCRAM-SHA-256",                    "SCRAM-SHA-1-PLUS SCRAM-SHA-256",   "n,"             },
        { "SCRAM-SHA-256-PLUS SCRAM-SHA-256", "SCRAM-SHA-256",                    "y,"             },
        { "SCRAM-SHA-256-PLUS SCRAM-SHA-256", "SCRAM-SHA-256-PLUS SCRAM-SHA-256", "p=tls-exporter,"},
    };
    char        room[BED_TEXT];
    struct bed *b = bed_open();
    give_secret(b, BED_PASSWORD);
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct msg m  = MSG(LOGIN_START);
        m.login_start = (struct msg_login_start) { .login        = LOGIN,
                                                   .secure       = 1,
                                                   .binding      = GP_BIND_TLS_EXPORTER,
                                                   .binding_data = GP_LIT("0123456789abcdef0123456789abcdef"),
                                                   .offered      = gp_from(rows[i].offered) };
        CHECK(gp_copy_z(gp_from(rows[i].allowed), b->config.relay.mechanisms, sizeof(b->config.relay.mechanisms)));
        bed_ask(b, b->relay, &m);
        if (!gp_starts(decoded(bed_text(b), room, sizeof(room)), rows[i].begins)) fail_msg("row %zu: %s", i, room);
    }
    bed_close(b);
}

enum { MANY_ROUNDS = 500000 };

/* "r=" + our nonce + "x,s=...,i=ROUNDS" in base64, after the first message of ours that is in b->text. */
static gp_str server_first(struct bed *b, char *out, size_t size)
{
    char           first[BED_TEXT], plain[BED_TEXT];
    gp_str         said = decoded(bed_text(b), first, sizeof(first));
    struct gp_text text = GP_TEXT(plain), base64 = { .ptr = out, .room = size };
    gp_put_z(&text, "r=");
    gp_put(&text, gp_tail(said, strlen("n,,n=upstream,r=")));
    gp_put_z(&text, "x,s=c2FsdHNhbHQ=,i=");
    gp_put_number(&text, MANY_ROUNDS);
    gp_put_base64(&base64, gp_said(&text));
    return gp_said(&base64);
}

struct order {
    struct bed *bed;
    unsigned    answers, keys_at, line_at;
    gp_status   line_status;
};

static void heard_line(void *owner, gp_status status, const struct msg *m)
{
    struct order *o = owner;
    CHECK(status == GP_OK);
    o->line_status = (gp_status)m->login_says.status;
    o->line_at     = ++o->answers;
    if (o->answers == 2) loop_stop(o->bed->loop);
}

static void heard_keys(void *owner, gp_status status, const struct msg *m)
{
    struct order *o = owner;
    CHECK(status == GP_OK && m->type == MSG_DKIM_KEYS_ARE);
    o->keys_at = ++o->answers;
    if (o->answers == 2) loop_stop(o->bed->loop);
}

TEST(other_questions_are_answered_while_the_servers_rounds_are_worked_through)
{
    char         room[BED_TEXT];
    struct bed  *b = bed_open();
    struct order o = { .bed = b };
    struct msg   m = MSG(LOGIN_LINE), keys = MSG(DKIM_KEYS);
    give_secret(b, BED_PASSWORD);
    CHECK(start(b, "SCRAM-SHA-256", true).status == GP_OK);
    m.login_line          = (struct msg_login_line) { LOGIN, server_first(b, room, sizeof(room)) };
    keys.dkim_keys.domain = GP_LIT("example.org");
    ipc_ask(b->relay, &m, heard_line, &o);
    ipc_ask(b->relay, &keys, heard_keys, &o);
    bed_run(b);
    CHECK(o.keys_at == 1 && o.line_at == 2 && o.line_status == GP_OK);
    bed_close(b);
}

TEST(a_sign_in_that_ends_while_it_is_worked_on_leaves_nothing_behind)
{
    char        room[BED_TEXT];
    struct bed *b = bed_open();
    struct msg  m = MSG(LOGIN_LINE), end = MSG(LOGIN_END);
    give_secret(b, BED_PASSWORD);
    CHECK(start(b, "SCRAM-SHA-256", true).status == GP_OK);
    m.login_line        = (struct msg_login_line) { LOGIN, server_first(b, room, sizeof(room)) };
    end.login_end.login = LOGIN;
    CHECK(ipc_tell(b->relay, &m) && ipc_tell(b->relay, &end));
    CHECK(start(b, "SCRAM-SHA-256", true).status == GP_OK); /* the same number, another exchange */
    CHECK(line(b, GP_LIT("!!")).status == GP_PERMFAIL && !b->vault->upstream->waiting);
    while (b->vault->upstream->stepping) bed_turns(b, 1);
    for (size_t i = 0; i < UPSTREAM_LOGINS; i++) CHECK(!b->vault->upstream->logins[i]);
    bed_close(b);
}

/* ---- several logins ------------------------------------------------------------------------------------------------------ */
static void with_routes(struct config *c)
{
    static const struct config_route routes[] = {
        {.name = "a",           .user = "ann", .password_file = "p", .mechanisms = "PLAIN" },
        { .name = "b", .user = "bob", .token_file = "t", .mechanisms = "XOAUTH2" },
        { .name = "c"                   }
    };
    for (size_t i = 0; i < GP_COUNT(routes); i++) c->routes[c->route_count++] = routes[i];
}

static bool says(struct bed *b, uint64_t login, const char *offered, const char *text)
{
    char   room[BED_TEXT];
    size_t len = 0;
    which      = login;
    bool ok =
        start(b, offered, true).status == GP_OK && gp_read_base64(bed_text(b), (uint8_t *)room, sizeof(room), &len);
    which = 0;
    return ok && gp_same((gp_str) { room, len }, gp_from(text));
}

/* A NUL is written as a dot. */
static bool says_plain(struct bed *b, uint64_t login, const char *user, const char *password)
{
    char   room[BED_TEXT], want[64];
    size_t len = 0;
    which      = login;
    bool ok =
        start(b, "PLAIN", true).status == GP_OK && gp_read_base64(bed_text(b), (uint8_t *)room, sizeof(room), &len);
    which = 0;
    for (size_t i = 0; i < len; i++)
        if (!room[i]) room[i] = '.';
    (void)snprintf(want, sizeof(want), ".%s.%s", user, password);
    return ok && gp_same((gp_str) { room, len }, gp_from(want));
}

TEST(no_login_says_what_is_anothers)
{
    static const char *const secrets[] = { "relays\n", "anns\n", "bobs\n" };
    struct bed              *b         = bed_open_with(with_routes);
    CHECK(!says_plain(b, 1, "ann", "anns")); /* it has none, whatever the others have */
    for (which = 0; which < GP_COUNT(secrets); which++) give_secret(b, secrets[which]);
    CHECK(says_plain(b, 0, "upstream", "relays") && says_plain(b, 1, "ann", "anns"));
    CHECK(says(b, 2, "PLAIN XOAUTH2", "user=bob\1auth=Bearer bobs\1\1"));
    CHECK(!says_plain(b, 2, "bob", "bobs") && !says(b, 1, "XOAUTH2", ""));
    CHECK(!says_plain(b, 3, "", "") && !says_plain(b, 4, "", "") && !says_plain(b, UINT64_MAX, "", "")); /* nobody's */
    which = 4;
    give_secret(b, "nobodys\n");
    which = 0;
    CHECK(says_plain(b, 0, "upstream", "relays") && !says_plain(b, 4, "", "nobodys"));
    bed_close(b);
}
