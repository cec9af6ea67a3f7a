/* The certificate that the relay presents: announced to it alone, signed with for it alone, and for it with nothing else. */
#include "vault/test_bed.h"

enum { PEM_ROOM = 8192, EC = GP_SIGN_ECDSA, RSA = GP_SIGN_RSA_PKCS1 };

/* Files "pem" and "key" of a fresh pair; other_key: of another one. */
static void new_pair(enum gp_key_kind kind, int days, bool other_key)
{
    static const char *const names[] = { "relay.example.org", NULL }, *const none[] = { NULL };
    char           room[PEM_ROOM];
    struct gp_text pem = GP_TEXT(room);
    struct gp_key *key = gp_key_new(kind, kind == GP_KEY_RSA ? 2048 : 0);
    CHECK(key && gp_certificate_new(key, names, none, (unsigned)days, &pem));
    bed_write("pem", pem.ptr, pem.len);
    if (other_key) {
        gp_key_close(key);
        key = gp_key_new(kind, 0);
    }
    pem.len = 0;
    CHECK(gp_key_pem(key, &pem));
    bed_write("key", pem.ptr, pem.len);
    gp_key_close(key);
}

static void send_files(struct bed *b, struct msg *m)
{
    m->fds[0] = open("pem", O_RDONLY | O_CLOEXEC);
    m->fds[1] = open("key", O_RDONLY | O_CLOEXEC);
    CHECK(m->fds[0] >= 0 && m->fds[1] >= 0 && ipc_tell(b->supervisor, m));
    bed_settle(b);
    (void)close(m->fds[0]);
    (void)close(m->fds[1]);
}

static void give_ours(struct bed *b, enum gp_key_kind kind)
{
    struct msg m         = MSG(UPSTREAM_PAIR);
    m.upstream_pair.name = GP_LIT("upstream.pem");
    new_pair(kind, 90, false);
    send_files(b, &m);
}

static void give_servers(struct bed *b, enum gp_key_kind kind, uint64_t generation)
{
    struct msg m = MSG(KEYPAIR);
    m.keypair    = (struct msg_keypair) { 0, 1, generation, GP_LIT("tls/cert.pem") };
    new_pair(kind, 90, false);
    send_files(b, &m);
}

static bool signs(struct bed *b, struct ipc *who, uint64_t certificate, uint64_t generation, uint64_t how)
{
    static const char digest[32] = "thirty-two octets of a digest..";
    struct msg        m          = MSG(TLS_SIGN);
    m.tls_sign                   = (struct msg_tls_sign) {
                          certificate, generation, how, {digest, sizeof(digest)}
    };
    bed_ask(b, who, &m);
    CHECK(b->answer.type == MSG_TLS_SIGNED && (b->answer.tls_signed.status == GP_OK) == (b->text_len > 0));
    return b->answer.tls_signed.status == GP_OK;
}

/* ---- attacks ------------------------------------------------------------------------------------------------------------ */
/* The kinds tell whose key it was: one cannot make the other's signatures. */
TEST(neither_role_has_the_other_s_key_signed_with)
{
    struct bed *b = bed_open();
    give_servers(b, GP_KEY_RSA, 1);
    CHECK(!signs(b, b->relay, 0, 1, EC) && !signs(b, b->relay, 0, 1, RSA)); /* it has none yet */
    give_ours(b, GP_KEY_EC);
    CHECK(signs(b, b->relay, 0, 1, EC) && !signs(b, b->relay, 0, 1, RSA));
    CHECK(signs(b, b->smtpd, 0, 1, RSA) && !signs(b, b->smtpd, 0, 1, EC));
    give_servers(b, GP_KEY_RSA, 7);
    CHECK(signs(b, b->smtpd, 0, 7, RSA) && !signs(b, b->relay, 0, 7, RSA) && !signs(b, b->relay, 0, 7, EC));
    give_ours(b, GP_KEY_EC);
    CHECK(signs(b, b->relay, 0, 2, EC) && !signs(b, b->smtpd, 0, 2, EC) && !signs(b, b->smtpd, 0, 2, RSA));
    bed_close(b);
}

TEST(what_the_relay_may_not_name)
{
    static const uint64_t names[][2] = {
        {0,           0         },
        { 0,          4         },
        { 0,          1         },
        { 0,          UINT64_MAX},
        { 1,          3         },
        { UINT64_MAX, 3         }
    };
    struct bed *b = bed_open();
    for (int i = 0; i < 3; i++) give_ours(b, GP_KEY_EC);
    for (size_t i = 0; i < GP_COUNT(names); i++) CHECK(!signs(b, b->relay, names[i][0], names[i][1], EC));
    CHECK(signs(b, b->relay, 0, 3, EC) && signs(b, b->relay, 0, 2, EC)); /* the one before, for handshakes under way */
    CHECK(!signs(b, b->relay, 0, 3, GP_SIGN_DIGEST_SHA256) && !signs(b, b->relay, 0, 3, GP_SIGNS));
    bed_close(b);
}

static void with_a_route(struct config *c)
{
    c->route_count      = 1;
    c->routes[0]        = (struct config_route) { .name = "r", .certificate_file = "c", .mechanisms = "EXTERNAL" };
    c->routes[0].via[0] = (struct config_hop) { .set = true, .kind = RELAY_SMARTHOST };
}

/* The kinds tell whose key it was, here too. */
TEST(each_login_has_a_certificate_of_its_own)
{
    struct bed *b = bed_open_with(with_a_route);
    struct msg  m = MSG(UPSTREAM_PAIR);
    give_ours(b, GP_KEY_EC);
    CHECK(signs(b, b->relay, 0, 1, EC) && !signs(b, b->relay, 1, 1, EC));
    m.upstream_pair = (struct msg_upstream_pair) { 1, GP_LIT("route.pem") };
    new_pair(GP_KEY_RSA, 90, false);
    send_files(b, &m);
    CHECK(b->ours == 2);
    CHECK(signs(b, b->relay, 0, 1, EC) && !signs(b, b->relay, 0, 1, RSA));
    CHECK(signs(b, b->relay, 1, 1, RSA) && !signs(b, b->relay, 1, 1, EC));
    CHECK(!signs(b, b->relay, 2, 1, EC) && !signs(b, b->smtpd, 1, 1, RSA));
    m.upstream_pair.login = 2; /* of no route */
    send_files(b, &m);
    CHECK(b->ours == 2);
    bed_close(b);
}

/* ---- life -------------------------------------------------------------------------------------------------------------- */
TEST(it_is_announced_to_the_relay_and_to_the_next_one)
{
    struct bed *b = bed_open();
    CHECK(b->ours == 0);
    give_ours(b, GP_KEY_EC);
    CHECK(b->ours == 1 && b->our_generation == 1 && b->certificates == 0);
    ipc_close(b->relay);
    b->relay = bed_join(b, ROLE_RELAY);
    bed_settle(b);
    CHECK(b->ours == 2 && b->our_generation == 1);
    bed_close(b);
}

TEST(a_bad_pair_leaves_the_one_in_force)
{
    struct bed *b        = bed_open();
    struct msg  m        = MSG(UPSTREAM_PAIR);
    m.upstream_pair.name = GP_LIT("upstream.pem");
    new_pair(GP_KEY_EC, 90, true);
    send_files(b, &m);
    CHECK(b->ours == 0 && !signs(b, b->relay, 0, 1, EC));
    give_ours(b, GP_KEY_EC);
    new_pair(GP_KEY_EC, 90, true);
    send_files(b, &m);
    CHECK(b->ours == 1 && b->our_generation == 1 && signs(b, b->relay, 0, 1, EC));
    bed_close(b);
}

/* ---- signing in with it ------------------------------------------------------------------------------------------------- */
static void with_certificate(struct config *c)
{
    c->relay.password_file[0] = '\0';
    (void)gp_copy_z(GP_LIT("c"), c->relay.certificate_file, sizeof(c->relay.certificate_file));
    (void)gp_copy_z(GP_LIT("EXTERNAL"), c->relay.mechanisms, sizeof(c->relay.mechanisms));
}

static bool starts(struct bed *b, bool presented, bool secure, const char *says)
{
    struct msg m  = MSG(LOGIN_START);
    m.login_start = (struct msg_login_start) { .login        = 3,
                                               .secure       = secure,
                                               .presented    = presented,
                                               .binding_data = GP_LIT(""),
                                               .end_point    = GP_LIT(""),
                                               .offered      = GP_LIT("EXTERNAL PLAIN") };
    bed_ask(b, b->relay, &m);
    if (b->answer.login_says.status != GP_OK) return false;
    CHECK_IS(gp_from(b->mechanism), "EXTERNAL");
    CHECK_IS(bed_text(b), says);
    CHECK(b->answer.login_says.has_initial && b->believed);
    return true;
}

TEST(it_signs_in_where_it_was_presented)
{
    struct bed *b = bed_open_with(with_certificate);
    CHECK(!starts(b, true, true, "")); /* the relay may say what it likes: there is none */
    give_ours(b, GP_KEY_EC);
    CHECK(starts(b, true, true, "dXBzdHJlYW0=")); /* "upstream", which is for nothing else */
    CHECK(!starts(b, false, true, "") && !starts(b, true, false, ""));
    b->config.relay.user[0] = '\0';
    CHECK(starts(b, true, true, ""));
    (void)gp_copy_z(GP_LIT("p"), b->config.relay.password_file, sizeof(b->config.relay.password_file));
    (void)gp_copy_z(GP_LIT("upstream"), b->config.relay.user, sizeof(b->config.relay.user));
    CHECK(starts(b, true, true, "")); /* the name is the password's */
    bed_close(b);
}
