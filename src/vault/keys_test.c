/* TLS keys and tickets, DKIM keys: what is announced, what is signed with, and that a bad pair never replaces a good one. */
#include <sys/resource.h>
#include <sys/stat.h>

#include "vault/test_bed.h"

enum { PEM_ROOM = 8192 };

static struct gp_key *new_key(enum gp_key_kind kind, char pem[static PEM_ROOM], size_t *len)
{
    struct gp_key *key  = gp_key_new(kind, kind == GP_KEY_RSA ? 2048 : 0);
    struct gp_text text = { .ptr = pem, .room = PEM_ROOM };
    CHECK(key && gp_key_pem(key, &text));
    *len = text.len;
    return key;
}

static void certificate_for(const struct gp_key *key, const char *path)
{
    static const char *const names[] = { "mail.example.org", NULL }, *const none[] = { NULL };
    char           pem[PEM_ROOM];
    struct gp_text text = GP_TEXT(pem);
    CHECK(gp_certificate_new(key, names, none, 90, &text));
    bed_write(path, pem, text.len);
}

/* Files "pem" and "key" of a fresh pair; other_key: of another one. */
static void new_pair(bool other_key)
{
    char           pem[PEM_ROOM];
    size_t         len;
    struct gp_key *key = new_key(GP_KEY_EC, pem, &len);
    certificate_for(key, "pem");
    gp_key_close(key);
    if (other_key) gp_key_close(new_key(GP_KEY_EC, pem, &len));
    bed_write("key", pem, len);
}

static void send_pair(struct bed *b, uint64_t index, uint64_t count, uint64_t generation)
{
    struct msg m = MSG(KEYPAIR);
    m.keypair    = (struct msg_keypair) { index, count, generation, GP_LIT("tls/cert.pem") };
    m.fds[0]     = open("pem", O_RDONLY | O_CLOEXEC);
    m.fds[1]     = open("key", O_RDONLY | O_CLOEXEC);
    CHECK(m.fds[0] >= 0 && m.fds[1] >= 0 && ipc_tell(b->supervisor, &m));
    bed_settle(b);
    (void)close(m.fds[0]);
    (void)close(m.fds[1]);
}

static gp_status sign(struct bed *b, uint64_t certificate, uint64_t generation, uint64_t how)
{
    static const char digest[32] = "thirty-two octets of a digest..";
    struct msg        m          = MSG(TLS_SIGN);
    m.tls_sign                   = (struct msg_tls_sign) {
                          certificate, generation, how, {digest, sizeof(digest)}
    };
    bed_ask(b, b->smtpd, &m);
    CHECK(b->answer.type == MSG_TLS_SIGNED && (b->answer.tls_signed.status == GP_OK) == (b->text_len > 0));
    return (gp_status)b->answer.tls_signed.status;
}

TEST(a_complete_set_is_announced_with_fresh_tickets)
{
    char        before[GP_TLS_TICKET_KEY];
    struct bed *b = bed_open();
    new_pair(false);
    send_pair(b, 0, 2, 1);
    CHECK(b->certificates == 0);
    send_pair(b, 1, 2, 1);
    CHECK(b->certificates == 2 && b->generation == 1 && b->tickets == 1 && b->ticket_len == GP_TLS_TICKET_KEY);
    memcpy(before, b->ticket_keys, sizeof(before));
    send_pair(b, 0, 1, 2);
    CHECK(b->certificates == 3 && b->generation == 2 && b->ticket_len == GP_TLS_TICKET_KEY);
    CHECK(memcmp(before, b->ticket_keys, sizeof(before)) != 0);
    bed_close(b);
}

TEST(an_smtpd_that_comes_later_hears_it_too)
{
    struct bed *b = bed_open();
    new_pair(false);
    send_pair(b, 0, 1, 1);
    ipc_close(b->smtpd);
    b->certificates = b->tickets = 0;
    b->smtpd                     = bed_join(b, ROLE_SMTPD);
    bed_settle(b);
    CHECK(b->certificates == 1 && b->tickets == 1);
    bed_close(b);
}

TEST(a_signature_is_made_under_this_and_the_last_generation)
{
    struct bed *b = bed_open();
    new_pair(false);
    CHECK(sign(b, 0, 1, GP_SIGN_ECDSA) == GP_PERMFAIL);
    for (uint64_t generation = 1; generation <= 3; generation++) send_pair(b, 0, 1, generation);
    CHECK(sign(b, 0, 3, GP_SIGN_ECDSA) == GP_OK);
    CHECK(sign(b, 0, 2, GP_SIGN_ECDSA) == GP_OK);
    CHECK(sign(b, 0, 1, GP_SIGN_ECDSA) == GP_PERMFAIL);
    CHECK(sign(b, 1, 3, GP_SIGN_ECDSA) == GP_PERMFAIL);
    CHECK(sign(b, UINT64_MAX, 3, GP_SIGN_ECDSA) == GP_PERMFAIL);
    CHECK(sign(b, 0, 3, GP_SIGN_RSA_RAW) == GP_PERMFAIL);       /* another kind of key */
    CHECK(sign(b, 0, 3, GP_SIGN_DIGEST_SHA256) == GP_PERMFAIL); /* not of a handshake  */
    CHECK(sign(b, 0, 3, GP_SIGNS) == GP_PERMFAIL && sign(b, 0, 3, UINT64_MAX) == GP_PERMFAIL);
    bed_close(b);
}

TEST(a_bad_pair_leaves_the_set_in_force)
{
    struct bed *b = bed_open();
    new_pair(false);
    send_pair(b, 0, 1, 1);
    new_pair(true);
    send_pair(b, 0, 1, 2);
    bed_write("pem", "garbage", 7);
    send_pair(b, 0, 1, 3);
    bed_write("pem", "", 0);
    send_pair(b, 0, 1, 4);
    CHECK(b->certificates == 1 && b->generation == 1 && sign(b, 0, 1, GP_SIGN_ECDSA) == GP_OK);
    new_pair(false);
    send_pair(b, 0, 1, 5);
    CHECK(b->certificates == 2 && b->generation == 5);
    bed_close(b);
}

/* The key fits; but smtpd could not use it, and would keep a set whose keys are gone here after the next reload. */
TEST(a_pair_that_smtpd_cannot_use_leaves_the_set_in_force)
{
    struct bed *b = bed_open();
    new_pair(false);
    send_pair(b, 0, 1, 1);
    char           pem[PEM_ROOM];
    size_t         len;
    struct gp_key *key = new_key(GP_KEY_ED25519, pem, &len);
    certificate_for(key, "pem");
    bed_write("key", pem, len);
    gp_key_close(key);
    for (uint64_t generation = 2; generation <= 3; generation++) send_pair(b, 0, 1, generation);
    CHECK(b->certificates == 1 && b->generation == 1 && sign(b, 0, 1, GP_SIGN_ECDSA) == GP_OK);
    bed_close(b);
}

TEST(numbers_out_of_range_are_no_pair)
{
    static const struct {
        uint64_t index, count;
    } wrong[] = {
        {0,           0                           },
        { 1,          1                           },
        { 0,          CONFIG_CERTIFICATES_MOST + 1},
        { UINT64_MAX, UINT64_MAX                  }
    };
    struct bed *b = bed_open();
    new_pair(false);
    for (size_t i = 0; i < GP_COUNT(wrong); i++) send_pair(b, wrong[i].index, wrong[i].count, 1);
    CHECK(b->certificates == 0);
    bed_close(b);
}

static void with_admin(struct config *c)
{
    c->notices.a_day = 50;
    CHECK(gp_copy_z(GP_LIT("admin@example.net"), c->notices.admin, sizeof(c->notices.admin)));
}

/* How many there are whose cause begins so; they are told. */
static unsigned count_notices(struct bed *b, const char *part)
{
    struct accounts *a     = bed_store(b);
    struct notice    n     = { .id = 0 };
    unsigned         count = 0;
    while (notice_next(a, INT64_MAX, &n) == GP_OK) {
        count += gp_same(gp_head(gp_from(n.cause), strlen(part)), gp_from(part));
        CHECK(notice_told(a, &n, gp_from(n.to)) == GP_OK);
    }
    accounts_close(a);
    return count;
}

/* Each hour the queue says so; nothing of what it says is believed that cannot be. */
TEST(mail_that_stays_held_is_told_of_once_a_day)
{
    struct bed *b     = bed_open_with(with_admin);
    struct peer queue = { .vault = b->vault, .role = ROLE_QUEUE };
    struct msg  m     = MSG(HELD_LONG);
    notice_held(&queue, &m);
    m.held_long = (struct msg_held_long) { .count = 3, .since = UINT64_MAX };
    notice_held(&queue, &m);
    notices_tick(b->vault, loop_now(b->loop));
    CHECK(count_notices(b, "held-mail") == 0);
    m.held_long.since = 1800000000;
    for (unsigned hour = 0; hour < 3; hour++) notice_held(&queue, &m);
    notices_tick(b->vault, loop_now(b->loop));
    CHECK(count_notices(b, "held-mail") == 1);
    bed_close(b);
}

/* Nobody renews it, so nothing is read anew. */
TEST(a_certificate_that_is_not_renewed_is_told_of_once_before_it_ends_and_once_after)
{
    enum { HOUR_MS = 3600 * 1000, DAY_MS = 24 * HOUR_MS };
    struct bed *b   = bed_open_with(with_admin);
    gp_time     now = loop_now(b->loop);
    new_pair(false);
    send_pair(b, 0, 1, 1);
    struct pair *pair = &b->vault->keyring.sets[0]->pairs[0];
    notices_tick(b->vault, now += 2 * (gp_time)HOUR_MS);
    CHECK(count_notices(b, "certificate") == 0);
    pair->expires = wall_now() + 13 * (gp_time)DAY_MS;
    for (unsigned hour = 0; hour < 3; hour++) notices_tick(b->vault, now += 2 * (gp_time)HOUR_MS);
    CHECK(count_notices(b, "certificate-expiry tls/cert.pem") == 1);
    pair->expires = wall_now() - 1;
    for (unsigned hour = 0; hour < 3; hour++) notices_tick(b->vault, now += 2 * (gp_time)HOUR_MS);
    CHECK(count_notices(b, "certificate-expired tls/cert.pem") == 1);
    bed_close(b);
}

TEST(tickets_turn_every_hour_and_the_last_key_stays)
{
    char        before[GP_TLS_TICKET_KEY];
    struct bed *b = bed_open();
    new_pair(false);
    send_pair(b, 0, 1, 1);
    memcpy(before, b->ticket_keys, sizeof(before));
    keys_tick(b->vault, b->vault->keyring.rotated + TICKETS_EVERY_MS - 1);
    bed_settle(b);
    CHECK(b->tickets == 1);
    keys_tick(b->vault, b->vault->keyring.rotated + TICKETS_EVERY_MS);
    bed_settle(b);
    CHECK(b->tickets == 2 && b->ticket_len == sizeof(b->ticket_keys));
    CHECK(memcmp(before, b->ticket_keys + GP_TLS_TICKET_KEY, sizeof(before)) == 0);
    CHECK(memcmp(before, b->ticket_keys, sizeof(before)) != 0);
    bed_close(b);
}

/* ---- DKIM ----------------------------------------------------------------------------------------------------------- */
static void dkim_files(void)
{
    char   pem[PEM_ROOM];
    size_t len;
    CHECK(mkdir("dkim", 0700) == 0);
    gp_key_close(new_key(GP_KEY_RSA, pem, &len));
    bed_write("dkim/example.org.gp-rsa.pem", pem, len);
    gp_key_close(new_key(GP_KEY_ED25519, pem, &len));
    bed_write("dkim/example.org.gp-ed.pem", pem, len);
    bed_write("dkim/example.org.before.old", pem, len);
    bed_write("dkim/example.org.later.next", pem, len);
    bed_write("dkim/example.com.s1.pem", pem, len); /* a selector that the config does not name */
    bed_write("dkim/not a key.pem", pem, len);
}

static void ask_keys(struct bed *b, const char *domain)
{
    struct msg m       = MSG(DKIM_KEYS);
    m.dkim_keys.domain = gp_from(domain);
    bed_ask(b, b->relay, &m);
    CHECK(b->answer.type == MSG_DKIM_KEYS_ARE && b->answer.dkim_keys_are.status == GP_OK);
}

static gp_status dkim_sign_with(struct bed *b, const char *domain, const char *selector, size_t len)
{
    static const char digest[64] = { 0 };
    struct msg        m          = MSG(DKIM_SIGN);
    m.dkim_sign                  = (struct msg_dkim_sign) {
                         gp_from(domain), gp_from(selector), {digest, len}
    };
    bed_ask(b, b->relay, &m);
    return (gp_status)b->answer.dkim_signed.status;
}

TEST(dkim_keys_are_found_when_they_come_and_forgotten_when_they_go)
{
    struct bed *b = bed_open();
    ask_keys(b, "example.org");
    CHECK(b->text_len == 0);
    dkim_files();
    dkim_load(b->vault);
    ask_keys(b, "Example.ORG");
    CHECK(b->text_len == strlen("gp-rsa\trsa\ngp-ed\ted25519\n") &&
          memmem(b->text, b->text_len, "gp-ed\ted25519\n", 14) && memmem(b->text, b->text_len, "gp-rsa\trsa\n", 11));
    ask_keys(b, "example.com");
    CHECK_IS(bed_text(b), "s1\ted25519\n");
    ask_keys(b, "example.net");
    CHECK(b->text_len == 0);
    CHECK(unlink("dkim/example.org.gp-ed.pem") == 0);
    dkim_load(b->vault);
    ask_keys(b, "example.org");
    CHECK_IS(bed_text(b), "gp-rsa\trsa\n");
    CHECK(rename("dkim", "away") == 0);
    dkim_load(b->vault);
    ask_keys(b, "example.org");
    CHECK(b->text_len == 0 && rename("away", "dkim") == 0);
    bed_close(b);
}

TEST(a_domain_without_keys_has_those_of_the_one_above)
{
    struct bed *b = bed_open();
    dkim_files();
    dkim_load(b->vault);
    ask_keys(b, "news.Example.com");
    CHECK_IS(bed_text(b), "s1\ted25519\n");
    CHECK_IS(gp_from(b->user), "Example.com");
    ask_keys(b, "notexample.com");
    CHECK(b->text_len == 0);
    ask_keys(b, "com");
    CHECK(b->text_len == 0);
    bed_close(b);
}

TEST(each_of_many_domains_has_its_key_and_those_that_signed_are_no_hindrance)
{
    enum { DOMAINS = 100 };
    struct bed *b = bed_open();
    char        pem[PEM_ROOM], name[64];
    size_t      len;
    CHECK(mkdir("dkim", 0700) == 0);
    gp_key_close(new_key(GP_KEY_ED25519, pem, &len));
    for (int i = 0; i < DOMAINS; i++) {
        (void)snprintf(name, sizeof name, "dkim/d%d.example.before.old", i);
        bed_write(name, pem, len);
        (void)snprintf(name, sizeof name, "dkim/d%d.example.s1.pem", i);
        bed_write(name, pem, len);
    }
    dkim_load(b->vault);
    for (int i = 0; i < DOMAINS; i++) {
        (void)snprintf(name, sizeof name, "d%d.example", i);
        ask_keys(b, name);
        CHECK_IS(bed_text(b), "s1\ted25519\n");
        CHECK(b->vault->dkim.keys[i].listed); /* what signs comes first */
    }
    CHECK(dkim_sign_with(b, "d99.example", "before", 32) == GP_OK);
    for (int i = 0; i < DOMAINS; i++) {
        (void)snprintf(name, sizeof name, "dkim/d%d.example.before.old", i);
        CHECK(unlink(name) == 0);
        (void)snprintf(name, sizeof name, "dkim/d%d.example.s1.pem", i);
        CHECK(unlink(name) == 0);
    }
    bed_close(b);
}

TEST(a_folder_that_cannot_be_read_for_a_moment_takes_no_keys_away)
{
    struct bed   *b = bed_open();
    struct rlimit was, none;
    dkim_files();
    dkim_load(b->vault);
    CHECK(getrlimit(RLIMIT_NOFILE, &was) == 0);
    none = (struct rlimit) { 0, was.rlim_max };
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    dkim_load(b->vault);
    CHECK(setrlimit(RLIMIT_NOFILE, &was) == 0);
    ask_keys(b, "example.com");
    CHECK_IS(bed_text(b), "s1\ted25519\n");
    bed_close(b);
}

TEST(dkim_signs_digests_with_keys_that_it_has)
{
    struct bed *b = bed_open();
    dkim_files();
    dkim_load(b->vault);
    CHECK(dkim_sign_with(b, "example.org", "gp-rsa", 32) == GP_OK && b->text_len == 256);
    CHECK(dkim_sign_with(b, "example.org", "gp-ed", 32) == GP_OK && b->text_len == 64);
    CHECK(dkim_sign_with(b, "example.org", "later", 32) == GP_PERMFAIL && b->text_len == 0);
    CHECK(dkim_sign_with(b, "example.org", "before", 32) == GP_OK); /* for who was told of it before it was put away */
    CHECK(dkim_sign_with(b, "example.com", "gp-rsa", 32) == GP_PERMFAIL);
    CHECK(dkim_sign_with(b, "example.org", "gp-rsa", 31) == GP_PERMFAIL);
    CHECK(dkim_sign_with(b, "example.org", "gp-rsa", 0) == GP_PERMFAIL);
    b->config.dkim.sign = false;
    ask_keys(b, "example.org");
    CHECK(b->text_len == 0);
    bed_close(b);
}

static void never(void *owner, gp_status status, const struct msg *m)
{
    (void)m;
    if (status == GP_OK) *(bool *)owner = true;
}

TEST(a_role_gets_no_answer_to_another_roles_question)
{
    bool        answered = false;
    struct bed *b        = bed_open();
    struct msg  dkim = MSG(DKIM_KEYS), may = MSG(MAY_SEND);
    dkim.dkim_keys.domain = GP_LIT("example.org");
    may.may_send.sender   = GP_LIT("");
    ipc_ask(b->smtpd, &dkim, never, &answered);
    ipc_ask(b->relay, &may, never, &answered);
    bed_settle(b);
    CHECK(!answered);
    ipc_forget(b->smtpd, &answered);
    ipc_forget(b->relay, &answered);
    bed_close(b);
}
