/* Sign-ins with credentials that have a life of their own: several on one account, restricted ones, imported ones, other people's. */
#include "vault/test_bed.h"

enum { SESSION = 78 };
static const char *address = "192.0.2.1"; /* of the client */

static struct msg_sasl_result result_of(const struct bed *b)
{
    CHECK(b->status == GP_OK && b->answer.type == MSG_SASL_RESULT);
    return b->answer.sasl_result;
}

static struct msg start_of(const char *mechanism, gp_str initial)
{
    struct msg m = MSG(SASL_START);
    m.sasl_start = (struct msg_sasl_start) { .session      = SESSION,
                                             .has_initial  = initial.ptr != NULL,
                                             .binding_data = GP_LIT(""),
                                             .end_point    = GP_LIT(""),
                                             .mechanism    = gp_from(mechanism),
                                             .initial      = initial,
                                             .peer         = gp_from(address),
                                             .helo         = GP_LIT("client.example"),
                                             .tls_version  = GP_LIT("TLSv1.3"),
                                             .tls_cipher   = GP_LIT("x"),
                                             .chain        = GP_LIT("") };
    return m;
}

static struct msg_sasl_result sign_in_for(struct bed *b, const char *mechanism, const char *user, const char *password,
                                          const char *authzid)
{
    struct gp_sasl client;
    gp_sasl_init(&client, GP_BIND_NONE, GP_NONE, false);
    client.authzid = gp_from(authzid);
    CHECK(gp_sasl_client_start(&client, gp_from(mechanism), gp_from(user),
                               (gp_secret) { password, strlen(password) }) == GP_SASL_CHALLENGE);
    struct msg m = start_of(mechanism, client.out);
    bed_ask(b, b->smtpd, &m);
    while (result_of(b).step == GP_SASL_CHALLENGE) {
        bool       lost = gp_sasl_client_line(&client, bed_text(b)) == GP_SASL_FAILED;
        struct msg line = MSG(SASL_LINE);
        line.sasl_line  = (struct msg_sasl_line) { .session = SESSION, .line = lost ? GP_LIT("*") : client.out };
        bed_ask(b, b->smtpd, &line);
    }
    gp_sasl_end(&client);
    return result_of(b);
}

static struct msg_sasl_result sign_in(struct bed *b, const char *mechanism, const char *user, const char *password)
{
    return sign_in_for(b, mechanism, user, password, "");
}

/* 0: refused as a wrong password is. */
static uint64_t opened_by(struct bed *b, const char *mechanism, const char *user, const char *password)
{
    struct msg_sasl_result r = sign_in(b, mechanism, user, password);
    CHECK(r.step == GP_SASL_DONE || (r.step == GP_SASL_FAILED && r.why == GP_SASL_REFUSED && r.credential == 0));
    return r.credential;
}

struct wish {
    enum bed_kind              kind;
    bool                       cram;
    const struct restrictions *limits;
};

/* As a command would, for an account that is there. */
static uint64_t add(struct bed *b, const char *user, const char *password, struct wish wish)
{
    int64_t          id  = 0;
    const char      *why = "";
    struct account   account;
    struct verifier  v;
    struct accounts *a = bed_store(b);
    CHECK(accounts_find(a, gp_from(user), &account) == GP_OK);
    struct verifier_wish made = { gp_from(account.name),   wish.kind == BED_GENERATED,
                                  wish.kind != BED_HASHED, wish.cram,
                                  BED_CHOSEN_ROUNDS,       &account.scram };
    CHECK(verifier_make(&b->vault->keys, (gp_secret) { password, strlen(password) }, &made, &v));
    struct new_credential n = { .kind     = wish.kind == BED_GENERATED ? CREDENTIAL_GENERATED : CREDENTIAL_CHOSEN,
                                .verifier = &v,
                                .limits   = wish.limits };
    CHECK(credential_add(a, account.id, &n, 1000, &id, &why) == GP_OK);
    accounts_close(a);
    return (uint64_t)id;
}

static void add_user(struct bed *b, const char *name)
{
    const char        *why;
    struct new_account n = { .name = gp_from(name) };
    struct accounts   *a = bed_store(b);
    CHECK(accounts_add(a, &n, 1000, &why) == GP_OK);
    accounts_close(a);
}

static const char *const all_mechanisms[] = { "SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1",
                                              "PLAIN",         "LOGIN",         "CRAM-MD5" };

static struct bed *open_with(const char *user)
{
    struct bed *b = bed_open();
    (void)gp_copy_z(GP_LIT("SCRAM-SHA-512 SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN CRAM-MD5"), b->config.mechanisms,
                    sizeof(b->config.mechanisms));
    (void)gp_copy_z(GP_LIT("office"), b->config.listen[0].name, sizeof(b->config.listen[0].name));
    b->config.passwords.scram            = true;
    b->config.passwords.scram_iterations = BED_CHOSEN_ROUNDS;
    add_user(b, user);
    return b;
}

/* ---- several -------------------------------------------------------------------------------------------------------- */
TEST(each_of_many_credentials_opens_by_every_mechanism)
{
    enum { MANY = 12 };
    char        passwords[MANY][16];
    uint64_t    ids[MANY];
    struct bed *b = open_with("anna");
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(passwords[i], sizeof(passwords[i]), "password%d", i);
        ids[i] = add(b, "anna", passwords[i], (struct wish) { BED_GENERATED, true, NULL });
    }
    for (size_t m = 0; m < GP_COUNT(all_mechanisms); m++) {
        for (int i = 0; i < MANY; i++) CHECK(opened_by(b, all_mechanisms[m], "anna", passwords[i]) == ids[i]);
        CHECK(!opened_by(b, all_mechanisms[m], "anna", "password12"));
    }
    bed_close(b);
}

TEST(an_account_may_have_as_many_as_the_store_takes_and_the_last_opens_too)
{
    uint64_t    last = 0;
    struct bed *b    = open_with("anna");
    for (int i = 0; i < CREDENTIALS_MOST; i++)
        last = add(b, "anna", i + 1 < CREDENTIALS_MOST ? "one of many" : "the last",
                   (struct wish) { BED_GENERATED, true, NULL });
    CHECK(opened_by(b, "SCRAM-SHA-256", "anna", "the last") == last);
    CHECK(opened_by(b, "PLAIN", "anna", "the last") == last);
    CHECK(!opened_by(b, "SCRAM-SHA-256", "anna", "none of them"));
    CHECK(!opened_by(b, "SCRAM-SHA-256", "nobody", "the last")); /* whose keys were tried for nobody */
    CHECK(!opened_by(b, "CRAM-MD5", "nobody", "the last"));
    bed_close(b);
}

TEST(nobodys_proof_fits_somebodys_keys)
{
    struct bed *b = open_with("anna");
    add_user(b, "bert");
    CHECK(add(b, "anna", "same", (struct wish) { BED_GENERATED, true, NULL }));
    for (size_t m = 0; m < GP_COUNT(all_mechanisms); m++) {
        CHECK(opened_by(b, all_mechanisms[m], "anna", "same"));
        CHECK(!opened_by(b, all_mechanisms[m], "bert", "same")); /* he has none, so anna's were tried */
        CHECK(!opened_by(b, all_mechanisms[m], "nobody", "same"));
    }
    bed_close(b);
}

/* The secret that fills up the work for nobody must open nothing, even to who knows it. */
TEST(the_secret_of_nobody_opens_nothing)
{
    char        secret[VERIFIER_KEY + 1] = { 0 };
    struct bed *b                        = open_with("anna");
    CHECK(add(b, "anna", "other", (struct wish) { BED_GENERATED, true, NULL }));
    memset(b->vault->keys.unknown_user, 'k', VERIFIER_KEY);
    memset(secret, 'k', VERIFIER_KEY);
    CHECK(!opened_by(b, "CRAM-MD5", "nobody", secret));
    add_user(b, "bert");
    CHECK(!opened_by(b, "CRAM-MD5", "bert", secret));
    bed_close(b);
}

/* ---- restricted ------------------------------------------------------------------------------------------------------ */
static void hours_without_now(char *out, size_t room)
{
    static const char *const days[]  = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
    unsigned                 weekday = moment_local(wall_now()).weekday;
    CHECK(gp_copy_z(gp_from(days[(weekday + 3) % GP_COUNT(days)]), out, room));
}

TEST(a_restricted_credential_opens_where_it_may_and_nowhere_else)
{
    struct restrictions rows[] = { { .networks = "10.0.0.0/8" },
                                   { .listeners = "lobby" },
                                   { .mechanisms = "EXTERNAL" },
                                   { .hours = "" },
                                   { .expires = 1 } };
    hours_without_now(rows[3].hours, sizeof(rows[3].hours));
    static const enum bed_kind kinds[] = { BED_GENERATED, BED_CHOSEN };
    for (size_t k = 0; k < GP_COUNT(kinds); k++) {
        struct bed *b = open_with("anna");
        for (size_t i = 0; i < GP_COUNT(rows); i++)
            CHECK(add(b, "anna", BED_PASSWORD, (struct wish) { kinds[k], true, &rows[i] }));
        for (size_t m = 0; m < GP_COUNT(all_mechanisms); m++) {
            print_message("%s\n", all_mechanisms[m]);
            CHECK(!opened_by(b, all_mechanisms[m], "anna", BED_PASSWORD));
            address = "::ffff:10.1.2.3";
            CHECK(opened_by(b, all_mechanisms[m], "anna", BED_PASSWORD));
            address = "192.0.2.1";
        }
        /* The same password once more, without restrictions: the others before it do not stand in its way. */
        uint64_t free_one = add(b, "anna", BED_PASSWORD, (struct wish) { kinds[k], true, NULL });
        for (size_t m = 0; m < GP_COUNT(all_mechanisms); m++)
            CHECK(opened_by(b, all_mechanisms[m], "anna", BED_PASSWORD) == free_one);
        bed_close(b);
    }
}

TEST(what_was_seen_right_elsewhere_is_not_let_in_here)
{
    struct restrictions inside = { .networks = "10.0.0.0/8" };
    struct bed         *b      = open_with("anna");
    CHECK(add(b, "anna", BED_PASSWORD, (struct wish) { BED_CHOSEN, false, &inside }));
    address = "10.0.0.1";
    CHECK(opened_by(b, "PLAIN", "anna", BED_PASSWORD) && opened_by(b, "PLAIN", "anna", BED_PASSWORD));
    address = "192.0.2.1";
    CHECK(!opened_by(b, "PLAIN", "anna", BED_PASSWORD));
    bed_close(b);
}

TEST(the_mechanisms_of_an_account_hold_for_all_its_credentials)
{
    const char      *why;
    struct account   account;
    struct bed      *b = open_with("anna");
    struct accounts *a = bed_store(b);
    CHECK(add(b, "anna", BED_PASSWORD, (struct wish) { BED_GENERATED, true, NULL }));
    CHECK(accounts_find(a, GP_LIT("anna"), &account) == GP_OK);
    CHECK(accounts_set_mechanisms(a, account.id, GP_LIT("SCRAM-SHA-256"), &why) == GP_OK);
    for (size_t m = 0; m < GP_COUNT(all_mechanisms); m++)
        CHECK((opened_by(b, all_mechanisms[m], "anna", BED_PASSWORD) != 0) ==
              gp_is(gp_from(all_mechanisms[m]), "SCRAM-SHA-256"));
    accounts_close(a);
    bed_close(b);
}

/* ---- imported --------------------------------------------------------------------------------------------------------- */
static uint64_t import(struct bed *b, const char *user, const char *password)
{
    int64_t          id  = 0;
    const char      *why = "";
    struct account   account;
    struct verifier  v = { 0 };
    struct accounts *a = bed_store(b);
    CHECK(gp_password_hash((gp_secret) { password, strlen(password) }, v.plain));
    struct new_credential n = { .kind = CREDENTIAL_IMPORTED, .verifier = &v };
    CHECK(accounts_find(a, gp_from(user), &account) == GP_OK &&
          credential_add(a, account.id, &n, 1000, &id, &why) == GP_OK);
    accounts_close(a);
    return (uint64_t)id;
}

static enum credential_kind kind_of(struct bed *b, uint64_t id)
{
    struct credential c;
    CHECK(credential_get(b->vault->accounts, (int64_t)id, &c) == GP_OK);
    gp_wipe(&c.verifier, sizeof(c.verifier));
    return c.kind;
}

static void settle_threads(struct bed *b)
{
    do bed_settle(b);
    while (b->vault->hashing > 0);
}

TEST(an_imported_password_gets_scram_keys_at_its_first_good_use)
{
    struct bed *b  = open_with("anna");
    uint64_t    id = import(b, "anna", BED_PASSWORD);
    CHECK(sign_in(b, "SCRAM-SHA-256", "anna", BED_PASSWORD).why == GP_SASL_UNKNOWN);
    CHECK_IS(gp_from(b->vault->offered[0]), "PLAIN LOGIN"); /* a client that takes the strongest comes to PLAIN */
    CHECK(!opened_by(b, "PLAIN", "anna", "wrong"));
    settle_threads(b);
    CHECK(kind_of(b, id) == CREDENTIAL_IMPORTED);
    CHECK(opened_by(b, "PLAIN", "anna", BED_PASSWORD) == id);
    settle_threads(b);
    CHECK(kind_of(b, id) == CREDENTIAL_CHOSEN);
    for (size_t m = 0; m + 1 < GP_COUNT(all_mechanisms); m++)
        CHECK(opened_by(b, all_mechanisms[m], "anna", BED_PASSWORD) == id);
    CHECK(b->vault->survey.candidates == 1);
    bed_close(b);
}

TEST(beside_a_generated_password_an_imported_one_becomes_argon2id)
{
    struct bed *b = open_with("anna");
    CHECK(add(b, "anna", "generated", (struct wish) { BED_GENERATED, false, NULL }));
    uint64_t id = import(b, "anna", BED_PASSWORD);
    CHECK(opened_by(b, "LOGIN", "anna", BED_PASSWORD) == id);
    settle_threads(b);
    CHECK(kind_of(b, id) == CREDENTIAL_CHOSEN);
    CHECK(!opened_by(b, "SCRAM-SHA-256", "anna", BED_PASSWORD) && opened_by(b, "PLAIN", "anna", BED_PASSWORD) == id);
    CHECK(opened_by(b, "SCRAM-SHA-256", "anna", "generated"));
    bed_close(b);
}

TEST(an_upgrade_yields_to_checks_and_comes_at_a_later_sign_in)
{
    struct bed *b  = open_with("anna");
    uint64_t    id = import(b, "anna", BED_PASSWORD);
    CHECK(opened_by(b, "PLAIN", "anna", BED_PASSWORD) == id); /* seen right: from here on no thread is needed */
    settle_threads(b);
    uint64_t other         = import(b, "anna", "another password");
    b->vault->hashing_most = 1;
    CHECK(opened_by(b, "PLAIN", "anna", "another password") == other);
    settle_threads(b);
    CHECK(kind_of(b, other) == CREDENTIAL_CHOSEN);
    uint64_t third = import(b, "anna", "a third password");
    CHECK(opened_by(b, "PLAIN", "anna", "a third password") == third);
    settle_threads(b);
    uint64_t        fourth = import(b, "anna", "a fourth password");
    struct upgrade *u      = upgrade_open(b->vault, 1, (int64_t)fourth, (gp_secret) { "a fourth password", 17 });
    b->vault->hashing_most = 0; /* no thread is free */
    upgrade_start(u);
    settle_threads(b);
    CHECK(kind_of(b, fourth) == CREDENTIAL_IMPORTED);
    b->vault->hashing_most = 1;
    CHECK(opened_by(b, "PLAIN", "anna", "a fourth password") == fourth);
    settle_threads(b);
    CHECK(kind_of(b, fourth) == CREDENTIAL_CHOSEN);
    bed_close(b);
}

TEST(a_password_that_was_changed_meanwhile_is_not_upgraded)
{
    struct bed      *b  = open_with("anna");
    uint64_t         id = import(b, "anna", BED_PASSWORD);
    struct upgrade  *u  = upgrade_open(b->vault, 1, (int64_t)id, (gp_secret) { BED_PASSWORD, strlen(BED_PASSWORD) });
    struct accounts *a  = bed_store(b);
    struct verifier  v  = bed_verifier(b, "anna", BED_CHOSEN, false);
    CHECK(accounts_set_password(a, 1, &v, CREDENTIAL_CHOSEN, 1000) == GP_OK);
    upgrade_start(u);
    settle_threads(b);
    CHECK(opened_by(b, "PLAIN", "anna", BED_PASSWORD) == id + 1);
    accounts_close(a);
    bed_close(b);
}

/* ---- acting for another ------------------------------------------------------------------------------------------------ */
static void delegate(struct bed *b, const char *who, const char *whom, bool may)
{
    const char      *why;
    struct account   account, other;
    struct accounts *a = bed_store(b);
    CHECK(accounts_find(a, gp_from(who), &account) == GP_OK && accounts_find(a, gp_from(whom), &other) == GP_OK);
    CHECK(accounts_delegate(a, account.id, other.id, may, &why) == GP_OK);
    accounts_close(a);
}

static gp_status may_send(struct bed *b, const struct msg_sasl_result *r, const char *sender)
{
    struct msg ask = MSG(MAY_SEND);
    ask.may_send   = (struct msg_may_send) {
          .session = SESSION, .account = r->account, .credential = r->credential, .sender = gp_from(sender)
    };
    bed_ask(b, b->smtpd, &ask);
    return (gp_status)b->answer.permission.status;
}

TEST(who_may_act_for_another_becomes_that_one)
{
    static const char *const takes_authzid[] = { "PLAIN", "SCRAM-SHA-256" };
    struct bed              *b               = open_with("anna");
    add_user(b, "bert");
    uint64_t id = add(b, "anna", BED_PASSWORD, (struct wish) { BED_GENERATED, false, NULL });
    for (size_t m = 0; m < GP_COUNT(takes_authzid); m++) {
        CHECK(sign_in_for(b, takes_authzid[m], "anna", BED_PASSWORD, "bert").why == GP_SASL_REFUSED);
        delegate(b, "anna", "bert", true);
        struct msg_sasl_result r = sign_in_for(b, takes_authzid[m], "anna", BED_PASSWORD, "bert@EXAMPLE.org");
        CHECK(r.step == GP_SASL_DONE && r.account == 2 && r.credential == id);
        CHECK_IS(gp_from(b->user), "bert");
        CHECK_IS(gp_from(b->signer), "anna");
        CHECK(may_send(b, &r, "bert@example.org") == GP_OK && may_send(b, &r, "anna@example.org") == GP_PERMFAIL);
        CHECK(sign_in_for(b, takes_authzid[m], "anna", BED_PASSWORD, "nobody").why == GP_SASL_REFUSED);
        CHECK(sign_in_for(b, takes_authzid[m], "anna", "wrong", "bert").why == GP_SASL_REFUSED);
        delegate(b, "anna", "bert", false);
        CHECK(may_send(b, &r, "bert@example.org") == GP_PERMFAIL);
    }
    bed_close(b);
}

/* ---- certificates ------------------------------------------------------------------------------------------------------ */
/* For TLS clients, its own issuer, of anna@example.org, in time until 2036. */
static gp_str certificate(void)
{
    size_t len;
    char  *der = kit_file("tests/vectors/client_certificate.der", &len);
    return (gp_str) { der, len };
}

static gp_str pem_of(gp_str der)
{
    enum { LINE = 64, ROOM = 2048 };
    char           body_room[ROOM], *room = malloc(ROOM);
    struct gp_text body = GP_TEXT(body_room), pem = { .ptr = room, .room = ROOM };
    gp_put_base64(&body, der);
    gp_put_z(&pem, "-----BEGIN CERTIFICATE-----\n");
    for (gp_str rest = gp_said(&body); rest.len > 0; rest = gp_tail(rest, LINE)) {
        gp_put(&pem, gp_head(rest, LINE));
        gp_put_char(&pem, '\n');
    }
    gp_put_z(&pem, "-----END CERTIFICATE-----\n");
    CHECK(!pem.cut);
    return gp_said(&pem);
}

static void pin(struct bed *b, const char *user, gp_str der)
{
    uint8_t        digest[GP_DIGEST_MOST];
    char           room[128];
    struct gp_text subject = GP_TEXT(room);
    CHECK(gp_digest(GP_SHA256, der, digest));
    gp_put_z(&subject, "sha256:");
    gp_put_hex(&subject, (gp_str) { (const char *)digest, gp_hash_size(GP_SHA256) });
    bed_subject(b, CREDENTIAL_CERTIFICATE, user, gp_said(&subject));
}

static struct bed *open_for_certificates(void)
{
    struct bed *b            = open_with("anna");
    b->config.listen[0].asks = true;
    (void)gp_copy_z(GP_LIT("EXTERNAL PLAIN"), b->config.mechanisms, sizeof(b->config.mechanisms));
    add_user(b, "bert");
    return b;
}

static struct msg_sasl_result external(struct bed *b, gp_str der, const char *authzid)
{
    char           room[GP_BASE64_ROOM(GP_SASL_NAME_MOST)];
    struct gp_text line = GP_TEXT(room);
    gp_put_base64(&line, gp_from(authzid));
    struct msg m       = start_of("EXTERNAL", gp_said(&line));
    m.sasl_start.chain = der;
    bed_ask(b, b->smtpd, &m);
    return result_of(b);
}

TEST(a_pinned_certificate_signs_in_as_its_account_or_one_that_it_may_act_for)
{
    struct bed *b   = open_for_certificates();
    gp_str      der = certificate();
    CHECK(external(b, der, "").why == GP_SASL_REFUSED);
    pin(b, "anna", der);
    struct msg_sasl_result r = external(b, der, "");
    CHECK(r.step == GP_SASL_DONE && r.account == 1 && r.credential == 1);
    CHECK_IS(gp_from(b->user), "anna");
    CHECK(external(b, der, "anna@example.org").step == GP_SASL_DONE);
    CHECK(external(b, der, "bert").why == GP_SASL_REFUSED && external(b, der, "nobody").why == GP_SASL_REFUSED);
    delegate(b, "anna", "bert", true);
    r = external(b, der, "bert");
    CHECK(r.step == GP_SASL_DONE && r.account == 2);
    CHECK_IS(gp_from(b->signer), "anna");
    CHECK(external(b, GP_LIT("no certificate"), "").why == GP_SASL_REFUSED);
    bed_disable(b, "anna");
    CHECK(external(b, der, "").why == GP_SASL_REFUSED);
    free((char *)der.ptr);
    bed_close(b);
}

/* By a name only what a trusted authority vouches for. */
TEST(a_name_in_a_certificate_counts_when_somebody_trusted_vouches_for_it)
{
    static const char *const subjects[] = { "email:Anna@Example.org", "subject:CN=anna,O=Example" };
    for (size_t i = 0; i < GP_COUNT(subjects); i++) {
        struct bed *b   = open_for_certificates();
        gp_str      der = certificate();
        bed_subject(b, CREDENTIAL_CERTIFICATE, "bert", gp_from(subjects[i]));
        CHECK(external(b, der, "").why == GP_SASL_REFUSED);
        gp_str pem             = pem_of(der);
        b->vault->client_trust = gp_trust_open(pem);
        free((char *)pem.ptr);
        struct msg_sasl_result r = external(b, der, "");
        CHECK(r.step == GP_SASL_DONE && r.account == 2);
        CHECK(external(b, der, "anna").why == GP_SASL_REFUSED);
        free((char *)der.ptr);
        bed_close(b);
    }
}

/* ---- unknown users ------------------------------------------------------------------------------------------------------ */
/* "s=...,i=..." of the server's first message. */
static gp_str salt_and_count(struct bed *b, const char *user, char room[static GP_SASL_OUT_ROOM])
{
    char           first_room[256], line_room[512];
    size_t         len   = 0;
    struct gp_text first = GP_TEXT(first_room), line = GP_TEXT(line_room);
    gp_put_z(&first, "n,,n=");
    gp_put_z(&first, user);
    gp_put_z(&first, ",r=abcdef");
    gp_put_base64(&line, gp_said(&first));
    struct msg m = start_of("SCRAM-SHA-256", gp_said(&line));
    bed_ask(b, b->smtpd, &m);
    CHECK(result_of(b).step == GP_SASL_CHALLENGE && gp_read_base64(bed_text(b), room, GP_SASL_OUT_ROOM, &len));
    gp_str text = { room, len };
    (void)gp_cut(&text, ',');
    return text;
}

TEST(unknown_users_look_like_the_others_in_salt_and_count)
{
    enum { NAMES = 60 };
    char        room[GP_SASL_OUT_ROOM], again[GP_SASL_OUT_ROOM];
    unsigned    few = 0, many = 0;
    struct bed *b = open_with("anna");
    add_user(b, "bert");
    add_user(b, "hashed");
    CHECK(add(b, "anna", BED_PASSWORD, (struct wish) { BED_GENERATED, false, NULL }));
    CHECK(add(b, "bert", BED_PASSWORD, (struct wish) { BED_CHOSEN, false, NULL }));
    CHECK(add(b, "hashed", BED_PASSWORD, (struct wish) { BED_HASHED, false, NULL }));
    for (int i = 0; i < NAMES; i++) {
        char name[32], other[64];
        (void)snprintf(name, sizeof(name), "nobody%d@far.example", i);
        (void)snprintf(other, sizeof(other), "nobody%d@FAR.Example", i);
        gp_str said = salt_and_count(b, name, room);
        few += gp_ends(said, ",i=4096");
        many += gp_ends(said, ",i=20000");
        CHECK_SAME(salt_and_count(b, other, again), said);
    }
    CHECK(few + many == NAMES && few > NAMES / 6 && many > NAMES / 6);
    gp_str hashed = salt_and_count(b, "hashed", room);
    CHECK(gp_ends(hashed, ",i=4096") || gp_ends(hashed, ",i=20000"));
    CHECK_SAME(salt_and_count(b, "hashed@example.org", again), hashed);
    bed_close(b);
}
