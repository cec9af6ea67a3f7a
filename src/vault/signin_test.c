/* Sign-ins over a channel, as smtpd makes them: every mechanism with every kind of verifier, and that all refusals look alike. */
#include "vault/test_bed.h"

enum { SESSION = 77 };

static struct msg start_of(const char *mechanism)
{
    struct msg m             = MSG(SASL_START);
    m.sasl_start.session     = SESSION;
    m.sasl_start.mechanism   = gp_from(mechanism);
    m.sasl_start.peer        = GP_LIT("192.0.2.1");
    m.sasl_start.helo        = GP_LIT("client.example");
    m.sasl_start.tls_version = GP_LIT("TLSv1.3");
    m.sasl_start.tls_cipher  = GP_LIT("TLS_AES_256_GCM_SHA384");
    return m;
}

/* Slow checks on threads and in line. */
static unsigned busy(const struct bed *b)
{
    return b->vault->hashing + b->vault->line.count;
}

static void say(struct bed *b, gp_str line)
{
    struct msg m        = MSG(SASL_LINE);
    m.sasl_line.session = SESSION;
    m.sasl_line.line    = line;
    bed_ask(b, b->smtpd, &m);
}

static struct msg_sasl_result result_of(const struct bed *b)
{
    CHECK(b->status == GP_OK && b->answer.type == MSG_SASL_RESULT);
    return b->answer.sasl_result;
}

/* The client half of the library against the vault: the first message and its answer ... */
static void begin(struct bed *b, struct gp_sasl *client, const char *mechanism, const char *user, const char *password)
{
    static const char binding[] = "binding of thirty-two octets....";
    struct msg        m         = start_of(mechanism);
    bool              plus      = gp_ends(gp_from(mechanism), "-PLUS");
    gp_str            data      = plus ? GP_LIT(binding) : GP_NONE;
    gp_secret         secret    = { password, strlen(password) };
    gp_sasl_init(client, plus ? GP_BIND_TLS_EXPORTER : GP_BIND_NONE, data, false);
    CHECK(gp_sasl_client_start(client, gp_from(mechanism), gp_from(user), secret) == GP_SASL_CHALLENGE);
    m.sasl_start.binding      = plus ? GP_BIND_TLS_EXPORTER : GP_BIND_NONE;
    m.sasl_start.binding_data = plus ? data : GP_LIT("");
    m.sasl_start.has_initial  = client->out.ptr != NULL;
    m.sasl_start.initial      = client->out;
    bed_ask(b, b->smtpd, &m);
}

/* ... and the others, until there is a verdict. */
static struct msg_sasl_result finish(struct bed *b, struct gp_sasl *client)
{
    while (result_of(b).step == GP_SASL_CHALLENGE) {
        enum gp_sasl_step step = gp_sasl_client_line(client, bed_text(b));
        say(b, step == GP_SASL_FAILED ? GP_LIT("*") : client->out);
    }
    gp_sasl_end(client);
    return result_of(b);
}

static struct msg_sasl_result sign_in(struct bed *b, const char *mechanism, const char *user, const char *password)
{
    struct gp_sasl client;
    begin(b, &client, mechanism, user, password);
    return finish(b, &client);
}

/* clang-format off */
static const struct { const char *mechanism; bool generated, chosen, hashed; } mechanisms[] = {
    { "SCRAM-SHA-256-PLUS", true, true,  false },
    { "SCRAM-SHA-256",      true, true,  false },
    { "SCRAM-SHA-1",        true, true,  false },
    { "PLAIN",              true, true,  true  },
    { "LOGIN",              true, true,  true  },
    { "CRAM-MD5",           true, true,  true  },
};
/* clang-format on */

TEST(every_mechanism_takes_the_right_password_and_no_other)
{
    static const char *const names[] = { "generated", "chosen", "hashed" };
    struct bed              *b       = bed_open();
    bed_account(b, names[0], BED_GENERATED, true);
    bed_account(b, names[1], BED_CHOSEN, true);
    bed_account(b, names[2], BED_HASHED, true);
    for (size_t i = 0; i < GP_COUNT(mechanisms); i++) {
        const bool works[] = { mechanisms[i].generated, mechanisms[i].chosen, mechanisms[i].hashed };
        for (size_t n = 0; n < GP_COUNT(names); n++) {
            print_message("%s of a %s password\n", mechanisms[i].mechanism, names[n]);
            struct msg_sasl_result right = sign_in(b, mechanisms[i].mechanism, names[n], BED_PASSWORD);
            CHECK(right.step == (works[n] ? GP_SASL_DONE : GP_SASL_FAILED));
            CHECK((right.account && right.credential) == works[n]);
            if (works[n]) CHECK_IS(gp_from(b->user), names[n]);
            struct msg_sasl_result wrong = sign_in(b, mechanisms[i].mechanism, names[n], "wrong");
            CHECK(wrong.step == GP_SASL_FAILED && wrong.why == GP_SASL_REFUSED && wrong.account == 0);
        }
    }
    CHECK(b->vault->signin_count == 0 && busy(b) == 0);
    bed_close(b);
}

TEST(all_refusals_look_the_same)
{
    struct bed *b = bed_open();
    bed_account(b, "anna", BED_CHOSEN, true);
    bed_account(b, "off", BED_CHOSEN, true);
    bed_account(b, "no-cram", BED_CHOSEN, false);
    bed_disable(b, "off");
    for (size_t i = 0; i < GP_COUNT(mechanisms); i++) {
        const struct {
            const char *user, *password;
        } tries[] = {
            {"anna",    "wrong"     },
            { "nobody", BED_PASSWORD},
            { "off",    BED_PASSWORD},
            { "off",    "wrong"     }
        };
        for (size_t n = 0; n < GP_COUNT(tries); n++) {
            struct msg_sasl_result r = sign_in(b, mechanisms[i].mechanism, tries[n].user, tries[n].password);
            CHECK(r.step == GP_SASL_FAILED && r.why == GP_SASL_REFUSED && r.account == 0 && r.credential == 0 &&
                  b->text_len == 0 && !b->user[0]);
        }
    }
    CHECK(sign_in(b, "CRAM-MD5", "no-cram", BED_PASSWORD).why == GP_SASL_REFUSED);
    bed_close(b);
}

/* The first server message for a user: "r=...,s=SALT,i=COUNT" without the nonce. */
static void first_message(struct bed *b, const char *user, char out[static GP_SASL_OUT_ROOM])
{
    char           room[GP_SASL_NAME_MOST], encoded[GP_BASE64_ROOM(GP_SASL_NAME_MOST)];
    struct gp_text first = GP_TEXT(room), line = GP_TEXT(encoded);
    struct msg     m   = start_of("SCRAM-SHA-256");
    size_t         len = 0;
    gp_put_z(&first, "n,,n=");
    gp_put_z(&first, user);
    gp_put_z(&first, ",r=fyko+d2lbbFgONRv9qkxdawL");
    gp_put_base64(&line, gp_said(&first));
    m.sasl_start.has_initial = true;
    m.sasl_start.initial     = gp_said(&line);
    bed_ask(b, b->smtpd, &m);
    CHECK(result_of(b).step == GP_SASL_CHALLENGE);
    CHECK(gp_read_base64(bed_text(b), out, GP_SASL_OUT_ROOM - 1, &len));
    out[len]     = '\0';
    char *salted = strstr(out, ",s=");
    CHECK(salted != NULL);
    if (salted) memmove(out, salted, strlen(salted) + 1);
    say(b, GP_LIT("*"));
    CHECK(result_of(b).why == GP_SASL_CANCELLED);
}

static gp_str after_salt(const char *message)
{
    const char *count = strstr(message, ",i=");
    return count ? gp_from(count) : GP_LIT("no iteration count");
}

TEST(an_unknown_user_has_a_steady_salt_under_all_his_names)
{
    char        anna[GP_SASL_OUT_ROOM], nobody[GP_SASL_OUT_ROOM], again[GP_SASL_OUT_ROOM], other[GP_SASL_OUT_ROOM];
    struct bed *b = bed_open();
    bed_account(b, "anna", BED_CHOSEN, false);
    first_message(b, "anna", anna);
    first_message(b, "nobody", nobody);
    first_message(b, "nobody@example.org", again);
    first_message(b, "nobody2", other);
    CHECK_IS(after_salt(anna), after_salt(nobody).ptr);
    CHECK(strlen(anna) == strlen(nobody));
    CHECK(strcmp(nobody, again) == 0 && strcmp(nobody, other) != 0);
    first_message(b, "anna@example.org", again);
    CHECK(strcmp(anna, again) == 0);
    bed_disable(b, "anna");
    first_message(b, "anna", again);
    CHECK(strcmp(anna, again) == 0);
    bed_close(b);
}

TEST(a_mechanism_that_is_not_allowed_here_is_unknown)
{
    struct bed *b     = bed_open();
    struct msg  clear = start_of("PLAIN"), unknown = start_of("NONSENSE"), off = start_of("SCRAM-SHA-512");
    clear.sasl_start.tls_version = GP_LIT("");
    struct msg *const asked[]    = { &clear, &unknown, &off };
    for (size_t i = 0; i < GP_COUNT(asked); i++) {
        bed_ask(b, b->smtpd, asked[i]);
        CHECK(result_of(b).step == GP_SASL_FAILED && result_of(b).why == GP_SASL_UNKNOWN);
    }
    bed_close(b);
}

TEST(a_change_takes_effect_in_the_middle_of_an_exchange)
{
    struct gp_sasl client;
    struct bed    *b = bed_open();
    bed_account(b, "anna", BED_GENERATED, false);
    begin(b, &client, "SCRAM-SHA-256", "anna", BED_PASSWORD);
    CHECK(result_of(b).step == GP_SASL_CHALLENGE); /* the keys have been read: the proof will be right */
    bed_disable(b, "anna");
    struct msg_sasl_result r = finish(b, &client);
    CHECK(r.step == GP_SASL_FAILED && r.why == GP_SASL_REFUSED && r.account == 0);
    bed_close(b);
}

TEST(a_check_whose_client_has_gone_ends_by_itself)
{
    static const char initial[] = "AGFubmEAY29ycmVjdCBob3JzZSBiYXR0ZXJ5"; /* anna, the right password */
    struct bed       *b         = bed_open();
    struct msg        m         = start_of("PLAIN");
    bed_account(b, "anna", BED_CHOSEN, false);
    m.sasl_start.has_initial = true;
    m.sasl_start.initial     = gp_from(initial);
    ipc_ask(b->smtpd, &m, bed_answered, b);
    ipc_close(b->smtpd); /* what was said still arrives, and then the end */
    b->smtpd = NULL;
    bed_settle(b);
    while (busy(b)) bed_settle(b);
    CHECK(b->vault->signin_count == 0 && !b->answered);
    b->smtpd = bed_join(b, ROLE_SMTPD);
    bed_close(b);
}

static const char right_anna[] = "AGFubmEAY29ycmVjdCBob3JzZSBiYXR0ZXJ5",
                  wrong_anna[] = "AGFubmEAd3Jvbmc=", right_bert[] = "AGJlcnQAY29ycmVjdCBob3JzZSBiYXR0ZXJ5";

struct outcomes {
    unsigned refused, put_off, done;
};

static void count_end(void *owner, gp_status status, const struct msg *m)
{
    struct outcomes *t = owner;
    CHECK(status == GP_OK && m->type == MSG_SASL_RESULT);
    t->done += m->sasl_result.step == GP_SASL_DONE;
    t->refused += m->sasl_result.why == GP_SASL_REFUSED;
    t->put_off += m->sasl_result.why == GP_SASL_UNAVAILABLE;
}

static struct msg plain_from(uint64_t session, const char *peer, const char *initial)
{
    struct msg m         = start_of("PLAIN");
    m.sasl_start.session = session;
    m.sasl_start.peer    = gp_from(peer);
    if (initial) {
        m.sasl_start.has_initial = true;
        m.sasl_start.initial     = gp_from(initial);
    }
    return m;
}

/* Many sign-ins, and no thread for them: they wait, or are put off. */
static void crowd_in(struct bed *b, unsigned count, const char *peer, const char *initial, struct outcomes *t)
{
    unsigned put_off = t->put_off, waiting = b->vault->line.count;
    b->vault->hashing_most = 0;
    for (unsigned i = 0; i < count; i++) {
        struct msg m = plain_from(1000 + i, peer, initial);
        ipc_ask(b->smtpd, &m, count_end, t);
    }
    while (t->put_off - put_off + b->vault->line.count - waiting < count) bed_settle(b);
}

/* Now there is one thread, and one more sign-in, that runs at once; those that wait run after it. */
static void let_run(struct bed *b, struct outcomes *t)
{
    struct msg m           = plain_from(1, "203.0.113.1", right_anna);
    b->vault->hashing_most = 1;
    ipc_ask(b->smtpd, &m, count_end, t);
}

/* One thread for passwords: the others wait their turn, and each is answered. */
TEST(passwords_wait_in_line_for_a_thread_and_all_are_answered)
{
    enum { CLIENTS = 5 };
    struct outcomes tally = { 0 }, first = { 0 };
    struct bed     *b = bed_open();
    bed_account(b, "anna", BED_CHOSEN, false);
    crowd_in(b, CLIENTS, "192.0.2.1", wrong_anna, &tally);
    CHECK(b->vault->hashing == 0 && b->vault->line.count == CLIENTS);
    let_run(b, &first);
    while (first.done + tally.refused < CLIENTS + 1) {
        CHECK(b->vault->hashing <= 1);
        bed_settle(b);
    }
    CHECK(busy(b) == 0);
    bed_close(b);
}

TEST(a_password_seen_right_is_known_until_it_changes)
{
    struct bed *b = bed_open();
    bed_account(b, "anna", BED_CHOSEN, false);
    CHECK(sign_in(b, "PLAIN", "anna", BED_PASSWORD).step == GP_SASL_DONE);
    b->vault->hashing_most = b->vault->line.most = 0; /* from here on nothing slow can run */
    CHECK(sign_in(b, "PLAIN", "anna", BED_PASSWORD).step == GP_SASL_DONE);
    CHECK(sign_in(b, "PLAIN", "anna", "wrong").why == GP_SASL_UNAVAILABLE);
    CHECK(sign_in(b, "PLAIN", "nobody", "wrong").why == GP_SASL_UNAVAILABLE);
    bed_account(b, "bert", BED_GENERATED, false); /* any change by a command */
    CHECK(sign_in(b, "PLAIN", "anna", BED_PASSWORD).why == GP_SASL_UNAVAILABLE);
    CHECK(sign_in(b, "PLAIN", "bert", BED_PASSWORD).step == GP_SASL_DONE);
    bed_close(b);
}

TEST(a_credential_that_has_ended_opens_nothing_and_one_beside_it_does)
{
    static const char *const mechanisms_of_all[] = { "PLAIN", "SCRAM-SHA-256", "CRAM-MD5" };
    const char              *why                 = "";
    struct restrictions      ended               = { .expires = 1 };
    struct bed              *b                   = bed_open();
    bed_account(b, "anna", BED_GENERATED, true);
    struct accounts *a = bed_store(b);
    for (size_t i = 0; i < GP_COUNT(mechanisms_of_all); i++)
        CHECK(sign_in(b, mechanisms_of_all[i], "anna", BED_PASSWORD).step == GP_SASL_DONE);
    CHECK(credential_alter(a, 1, GP_LIT("old"), &ended, &why) == GP_OK);
    for (size_t i = 0; i < GP_COUNT(mechanisms_of_all); i++)
        CHECK(sign_in(b, mechanisms_of_all[i], "anna", BED_PASSWORD).why == GP_SASL_REFUSED);
    int64_t               id;
    struct account        anna;
    struct verifier       v = bed_verifier(b, "anna", BED_HASHED, true);
    struct new_credential n = { .kind = CREDENTIAL_CHOSEN, .label = GP_LIT("new"), .verifier = &v };
    CHECK(accounts_find(a, GP_LIT("anna"), &anna) == GP_OK && credential_add(a, anna.id, &n, 1000, &id, &why) == GP_OK);
    CHECK(sign_in(b, "PLAIN", "anna", BED_PASSWORD).step == GP_SASL_DONE &&
          b->answer.sasl_result.credential == (uint64_t)id);
    CHECK(sign_in(b, "CRAM-MD5", "anna", BED_PASSWORD).step == GP_SASL_DONE);
    CHECK(sign_in(b, "SCRAM-SHA-256", "anna", BED_PASSWORD).why == GP_SASL_REFUSED);
    accounts_close(a);
    bed_close(b);
}

TEST(the_salt_stays_when_the_credential_ends)
{
    char                before[GP_SASL_OUT_ROOM], after[GP_SASL_OUT_ROOM];
    const char         *why   = "";
    struct restrictions ended = { .expires = 1 };
    struct bed         *b     = bed_open();
    struct accounts    *a     = bed_store(b);
    bed_account(b, "anna", BED_CHOSEN, false);
    first_message(b, "anna", before);
    CHECK(credential_alter(a, 1, GP_LIT(""), &ended, &why) == GP_OK);
    first_message(b, "anna", after);
    CHECK_IS(gp_from(after), before);
    accounts_close(a);
    bed_close(b);
}

TEST(the_last_use_is_written_later_and_in_one_go)
{
    struct credential c;
    struct account    anna;
    struct bed       *b = bed_open();
    bed_account(b, "anna", BED_GENERATED, false);
    for (int i = 0; i < 3; i++) CHECK(sign_in(b, "SCRAM-SHA-1", "anna", BED_PASSWORD).step == GP_SASL_DONE);
    CHECK(accounts_find(b->vault->accounts, GP_LIT("anna"), &anna) == GP_OK);
    CHECK(credential_get(b->vault->accounts, 1, &c) == GP_OK && c.account == anna.id && c.last_used == 0);
    CHECK(b->vault->uses.count == 1);
    uses_write(b->vault);
    CHECK(credential_get(b->vault->accounts, 1, &c) == GP_OK && c.last_used > 0 && c.use_count == 3);
    CHECK_IS(gp_from(c.last_from), "192.0.2.1");
    CHECK_IS(gp_from(c.last_mechanism), "SCRAM-SHA-1");
    bed_close(b);
}

TEST(an_exchange_ends_when_smtpd_says_so_dies_or_time_is_up)
{
    struct bed *b = bed_open();
    struct msg  m = start_of("PLAIN"), abort_it = MSG(SASL_ABORT);
    abort_it.sasl_abort.session = SESSION;
    bed_ask(b, b->smtpd, &m);
    CHECK(result_of(b).step == GP_SASL_CHALLENGE && b->vault->signin_count == 1);
    CHECK(ipc_tell(b->smtpd, &abort_it));
    bed_settle(b);
    CHECK(b->vault->signin_count == 0);

    bed_ask(b, b->smtpd, &m);
    signin_expire(b->vault, loop_now(b->loop) + 50000);
    CHECK(b->vault->signin_count == 1);
    signin_expire(b->vault, loop_now(b->loop) + 61000);
    CHECK(b->vault->signin_count == 0);
    say(b, GP_LIT("AGFubmEAeA=="));
    CHECK(result_of(b).step == GP_SASL_FAILED && result_of(b).why == GP_SASL_UNAVAILABLE);

    bed_ask(b, b->smtpd, &m);
    ipc_close(b->smtpd);
    b->smtpd = bed_join(b, ROLE_SMTPD);
    CHECK(b->vault->signin_count == 0);
    bed_close(b);
}

/* ---- those who want all places --------------------------------------------------------------------------------------------- */
static void start_from(struct bed *b, uint64_t session, const char *peer, const char *initial)
{
    struct msg m = plain_from(session, peer, initial);
    bed_ask(b, b->smtpd, &m);
}

TEST(exchanges_left_open_keep_nobody_out)
{
    enum { ADDRESSES = 21, LOST = 3 };
    char        peer[32];
    struct bed *b = bed_open();
    bed_account(b, "anna", BED_CHOSEN, false);
    for (uint64_t i = 0; i < SIGNINS_MOST; i++) {
        (void)snprintf(peer, sizeof(peer), "192.0.2.%u", (unsigned)(i % ADDRESSES));
        start_from(b, 1000 + i, peer, NULL);
        CHECK(result_of(b).step == GP_SASL_CHALLENGE);
    }
    CHECK(b->vault->signin_count == SIGNINS_MOST);
    start_from(b, 1, "198.51.100.1", right_anna);
    CHECK(result_of(b).step == GP_SASL_DONE);
    for (uint64_t i = 0; i < LOST; i++) { /* and those who do not say all at once */
        start_from(b, 1 + i, "198.51.100.1", NULL);
        CHECK(result_of(b).step == GP_SASL_CHALLENGE);
    }
    for (uint64_t i = 0; i < LOST; i++) {
        struct msg m        = MSG(SASL_LINE);
        m.sasl_line.session = 1 + i;
        m.sasl_line.line    = gp_from(right_anna);
        bed_ask(b, b->smtpd, &m);
        CHECK(result_of(b).step == GP_SASL_DONE);
    }
    bed_close(b);
}

/* 192.0.2.1 has most; its oldest goes, and nobody else's, though older. */
TEST(the_oldest_of_the_address_that_holds_most_gives_way)
{
    struct bed *b = bed_open();
    bed_account(b, "anna", BED_GENERATED, false);
    for (uint64_t i = 0; i < SIGNINS_MOST; i++) start_from(b, 1000 + i, i < 10 ? "192.0.2.2" : "192.0.2.1", NULL);
    start_from(b, 1, "198.51.100.1", NULL);
    CHECK(result_of(b).step == GP_SASL_CHALLENGE && b->vault->signin_count == SIGNINS_MOST);
    const struct {
        uint64_t          session;
        enum gp_sasl_step step;
    } rows[] = {
        {1000,       GP_SASL_DONE  },
        { 1010,      GP_SASL_FAILED},
        { 1000 + 11, GP_SASL_DONE  },
        { 1,         GP_SASL_DONE  }
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct msg m        = MSG(SASL_LINE);
        m.sasl_line.session = rows[i].session;
        m.sasl_line.line    = gp_from(right_anna);
        bed_ask(b, b->smtpd, &m);
        CHECK(result_of(b).step == rows[i].step);
        if (rows[i].step == GP_SASL_FAILED) CHECK(result_of(b).why == GP_SASL_UNAVAILABLE);
    }
    bed_close(b);
}

/* One address fills what it may with wrong passwords, again and again; another's right one is never put off, and waits for two of
 * them at most. */
TEST(a_storm_of_wrong_passwords_starves_no_right_one)
{
    enum { STORM = 99, TRIES = 4, AHEAD = 2 };
    struct outcomes storm = { 0 }, first = { 0 };
    struct bed     *b = bed_open();
    bed_account(b, "anna", BED_CHOSEN, false);
    bed_account(b, "bert", BED_CHOSEN, false);
    for (unsigned try = 0; try < TRIES; try++) {
        struct outcomes newcomer = { 0 };
        recent_clear(b->vault->recent);
        crowd_in(b, STORM, "192.0.2.1", wrong_anna, &storm);
        struct msg m       = plain_from(2, "198.51.100.1", right_bert);
        unsigned   waiting = b->vault->line.count, refused = storm.refused;
        ipc_ask(b->smtpd, &m, count_end, &newcomer);
        while (b->vault->line.count == waiting) bed_settle(b);
        let_run(b, &first);
        while (!newcomer.done) bed_turns(b, 1);
        CHECK(storm.refused - refused <= AHEAD);
        while (busy(b)) bed_settle(b);
        bed_settle(b);
    }
    CHECK(first.done == TRIES && storm.done == 0 && storm.refused + storm.put_off == TRIES * STORM);
    bed_close(b);
}

/* Who waits with a password that another client shows to be right needs no thread any more. */
TEST(what_was_seen_right_while_it_waited_is_not_checked_again)
{
    enum { CLIENTS = 8 };
    struct outcomes tally = { 0 }, first = { 0 };
    struct bed     *b = bed_open();
    bed_account(b, "anna", BED_CHOSEN, false);
    crowd_in(b, CLIENTS, "192.0.2.1", right_anna, &tally);
    CHECK(b->vault->line.count == CLIENTS);
    let_run(b, &first);
    while (!first.done) {
        CHECK(b->vault->line.count == CLIENTS || b->vault->line.count == 0); /* all at once */
        bed_turns(b, 1);
    }
    bed_settle(b);
    CHECK(tally.done == CLIENTS && busy(b) == 0);
    bed_close(b);
}

TEST(who_hangs_up_leaves_the_line)
{
    struct outcomes tally       = { 0 };
    struct bed     *b           = bed_open();
    struct msg      abort_it    = MSG(SASL_ABORT);
    abort_it.sasl_abort.session = 1001;
    bed_account(b, "anna", BED_CHOSEN, false);
    crowd_in(b, 3, "192.0.2.1", wrong_anna, &tally);
    CHECK(ipc_tell(b->smtpd, &abort_it));
    while (b->vault->line.count > 2) bed_settle(b);
    CHECK(b->vault->signin_count == 2);
    signin_expire(b->vault, loop_now(b->loop) + 61000);
    CHECK(b->vault->line.count == 0 && b->vault->signin_count == 0);
    while (tally.put_off < 2) bed_settle(b);
    bed_close(b);
}

TEST(a_line_without_an_exchange_and_a_second_start_do_no_harm)
{
    struct bed *b = bed_open();
    struct msg  m = start_of("LOGIN");
    say(b, GP_LIT("AAAA"));
    CHECK(result_of(b).why == GP_SASL_UNAVAILABLE);
    bed_ask(b, b->smtpd, &m);
    bed_ask(b, b->smtpd, &m);
    CHECK(result_of(b).step == GP_SASL_CHALLENGE && b->vault->signin_count == 1);
    bed_close(b);
}

TEST(another_name_of_the_account_may_be_acted_as_and_no_other_account)
{
    static const struct {
        const char       *initial;
        enum gp_sasl_step step;
    } tries[] = {
        {"YW5uYUBleGFtcGxlLm9yZwBhbm5hAGNvcnJlY3QgaG9yc2UgYmF0dGVyeQ==",
         GP_SASL_DONE                                                                  }, /* anna@example.org as authzid */
        { "YmVydABhbm5hAGNvcnJlY3QgaG9yc2UgYmF0dGVyeQ==",                GP_SASL_FAILED}, /* bert */
        { "bm9ib2R5AGFubmEAY29ycmVjdCBob3JzZSBiYXR0ZXJ5",                GP_SASL_FAILED}, /* nobody */
    };
    struct bed *b = bed_open();
    bed_account(b, "anna", BED_GENERATED, false);
    bed_account(b, "bert", BED_GENERATED, false);
    for (size_t i = 0; i < GP_COUNT(tries); i++) {
        struct msg m             = start_of("PLAIN");
        m.sasl_start.has_initial = true;
        m.sasl_start.initial     = gp_from(tries[i].initial);
        bed_ask(b, b->smtpd, &m);
        CHECK(result_of(b).step == tries[i].step);
    }
    bed_close(b);
}

TEST(who_may_send_is_asked_of_the_store)
{
    struct bed *b = bed_open();
    bed_account(b, "anna", BED_GENERATED, false);
    struct msg_sasl_result r   = sign_in(b, "PLAIN", "anna", BED_PASSWORD);
    struct msg             ask = MSG(MAY_SEND);
    ask.may_send               = (struct msg_may_send) {
                      .session = SESSION, .account = r.account, .credential = r.credential, .sender = GP_LIT("Anna@example.org")
    };
    bed_ask(b, b->smtpd, &ask);
    CHECK(b->answer.permission.status == GP_OK);
    ask.may_send.sender = GP_LIT("bert@example.org");
    bed_ask(b, b->smtpd, &ask);
    CHECK(b->answer.permission.status == GP_PERMFAIL && b->answer.permission.code == 550);
    CHECK(gp_starts(bed_text(b), "this account may not send as that address: bert@example.org in MAIL FROM"));
    ask.may_send.sender = GP_LIT("anna@example.org");
    bed_disable(b, "anna");
    bed_ask(b, b->smtpd, &ask);
    CHECK(b->answer.permission.status == GP_PERMFAIL && b->answer.permission.code == 421);
    CHECK_IS(bed_text(b), "the account is disabled");
    bed_close(b);
}
