/* Questions on their way through sources and the store: who is asked, in which order, and what each answer means. */
#include "vault/test_bed.h"

enum { SESSION = 5, SOURCES = 3, RIGHT_HASH_ROUNDS = 4096 };

static struct fake { /* a source's process */
    struct msg_looked says;
    bool              silent; /* until answer_late */
    unsigned          asked;
    uint64_t          kind;
    char              user[NAME_ROOM], secret[NAME_ROOM], peer[NAME_ROOM];
    struct ipc       *channel;
    uint32_t          question;
} fakes[SOURCES];
static char right_hash[GP_HASH_ROOM];

static struct msg_looked words(gp_status status, bool known, gp_str user, gp_str hash)
{
    return (struct msg_looked) {
        .status = (uint64_t)status, .known = known, .user = user, .hash = hash, .why = GP_LIT("so it says")
    };
}

static void reply(struct fake *f)
{
    struct msg m = MSG(LOOKED);
    m.looked     = f->says;
    ipc_answer(f->channel, f->question, &m);
}

static void heard(void *owner, struct ipc *from, struct msg *m)
{
    struct fake *f = owner;
    CHECK(m->type == MSG_LOOKUP);
    f->asked++;
    f->channel  = from;
    f->question = m->question;
    f->kind     = m->lookup.kind;
    CHECK(gp_copy_z(m->lookup.user, f->user, sizeof(f->user)) &&
          gp_copy_z(m->lookup.secret, f->secret, sizeof(f->secret)) &&
          gp_copy_z(m->lookup.peer, f->peer, sizeof(f->peer)));
    if (!f->silent) reply(f);
}

static void join(struct bed *b, size_t i)
{
    static const struct ipc_handler handler = { heard, NULL };
    int                             pair[2];
    CHECK(wire_pair(pair));
    vault_join(b->vault, ROLE_LOOKUP, (unsigned)i, pair[0]);
    fakes[i].channel = ipc_open(b->loop, pair[1], &handler, &fakes[i]);
}

static void make_right_hash(void)
{
    if (!right_hash[0]) CHECK(gp_password_hash((gp_secret) { "right", 5 }, right_hash));
}

/* Three sources; the store is asked before the one at `store_at`. All say that they know nobody. */
static struct bed *open_with(const enum lookup_type types[static SOURCES], size_t store_at)
{
    static const char *const names[] = { "one", "two", "three" };
    struct bed              *b       = bed_open();
    (void)gp_copy_z(GP_LIT("OAUTHBEARER SCRAM-SHA-256 PLAIN"), b->config.mechanisms, sizeof(b->config.mechanisms));
    b->config.lookup_count = SOURCES;
    b->config.store_at     = store_at;
    for (size_t i = 0; i < SOURCES; i++) {
        struct config_lookup *l = &b->config.lookups[i];
        l->type                 = types[i];
        (void)gp_copy_z(gp_from(names[i]), l->name, sizeof(l->name));
        (void)gp_copy_z(GP_LIT("https://issuer.example"), l->issuer, sizeof(l->issuer));
        fakes[i] = (struct fake) { .says = words(GP_PERMFAIL, false, GP_NONE, GP_NONE) };
        join(b, i);
    }
    make_right_hash();
    sources_open(b->vault);
    return b;
}

static const enum lookup_type checkers[SOURCES] = { LOOKUP_PAM, LOOKUP_SASLAUTHD, LOOKUP_DOVECOT },
                              keepers[SOURCES]  = { LOOKUP_PASSWD_FILE, LOOKUP_SQL, LOOKUP_PAM },
                              issuers[SOURCES]  = { LOOKUP_OAUTH, LOOKUP_PAM, LOOKUP_OAUTH };

static void close_all(struct bed *b)
{
    for (size_t i = 0; i < SOURCES; i++) ipc_close(fakes[i].channel);
    bed_close(b);
}

static struct msg start_of(const char *mechanism, gp_str initial)
{
    struct msg m = MSG(SASL_START);
    m.sasl_start = (struct msg_sasl_start) { .session      = SESSION,
                                             .has_initial  = true,
                                             .binding_data = GP_LIT(""),
                                             .end_point    = GP_LIT(""),
                                             .mechanism    = gp_from(mechanism),
                                             .initial      = initial,
                                             .peer         = GP_LIT("192.0.2.1"),
                                             .helo         = GP_LIT("client.example"),
                                             .tls_version  = GP_LIT("TLSv1.3"),
                                             .tls_cipher   = GP_LIT("x"),
                                             .chain        = GP_LIT("") };
    return m;
}

static struct msg_sasl_result sign_in(struct bed *b, const char *mechanism, const char *user, const char *password)
{
    struct gp_sasl client;
    gp_sasl_init(&client, GP_BIND_NONE, GP_NONE, false);
    CHECK(gp_sasl_client_start(&client, gp_from(mechanism), gp_from(user),
                               (gp_secret) { password, strlen(password) }) == GP_SASL_CHALLENGE);
    struct msg m = start_of(mechanism, client.out);
    bed_ask(b, b->smtpd, &m);
    while (b->answer.sasl_result.step == GP_SASL_CHALLENGE) {
        bool       lost = gp_sasl_client_line(&client, bed_text(b)) == GP_SASL_FAILED;
        struct msg line = MSG(SASL_LINE);
        line.sasl_line  = (struct msg_sasl_line) { .session = SESSION, .line = lost ? GP_LIT("*") : client.out };
        bed_ask(b, b->smtpd, &line);
    }
    gp_sasl_end(&client);
    CHECK(b->status == GP_OK && b->answer.type == MSG_SASL_RESULT);
    return b->answer.sasl_result;
}

enum verdict { YES, NO, LATER };

static enum verdict verdict_of(struct msg_sasl_result r)
{
    if (r.step == GP_SASL_DONE) return YES;
    CHECK(r.step == GP_SASL_FAILED && (r.why == GP_SASL_REFUSED || r.why == GP_SASL_UNAVAILABLE));
    return r.why == GP_SASL_REFUSED ? NO : LATER;
}

static enum verdict plain(struct bed *b, const char *user, const char *password)
{
    for (size_t i = 0; i < SOURCES; i++) fakes[i].asked = 0;
    return verdict_of(sign_in(b, "PLAIN", user, password));
}

static bool asked(unsigned one, unsigned two, unsigned three)
{
    return fakes[0].asked == one && fakes[1].asked == two && fakes[2].asked == three;
}

/* "": there is none of that name. */
static const char *source_of(struct bed *b, const char *name)
{
    static struct account account;
    struct accounts      *a = bed_store(b);
    account                 = (struct account) { 0 };
    gp_status status        = accounts_find(a, gp_from(name), &account);
    accounts_close(a);
    return status == GP_OK ? account.source : "nobody";
}

/* ---- order -------------------------------------------------------------------------------------------------------------- */
TEST(a_new_name_goes_from_one_to_the_next_until_one_decides)
{
    static const struct {
        gp_status    says[SOURCES];
        bool         known[SOURCES];
        enum verdict verdict;
        unsigned     asked[SOURCES];
        const char  *owner;
    } cases[] = {
  /* clang-format off */
        { { GP_PERMFAIL, GP_PERMFAIL, GP_PERMFAIL }, { 0, 0, 0 }, NO,    { 1, 1, 1 }, "nobody" },
        { { GP_OK,       GP_OK,       GP_OK       }, { 1, 1, 1 }, YES,   { 1, 0, 0 }, "one"    },
        { { GP_PERMFAIL, GP_PERMFAIL, GP_OK       }, { 0, 0, 1 }, YES,   { 1, 1, 1 }, "three"  },
        { { GP_PERMFAIL, GP_PERMFAIL, GP_OK       }, { 0, 1, 1 }, NO,    { 1, 1, 0 }, "nobody" },
        { { GP_TEMPFAIL, GP_OK,       GP_OK       }, { 0, 1, 1 }, LATER, { 1, 0, 0 }, "nobody" },
        { { GP_PERMFAIL, GP_TEMPFAIL, GP_OK       }, { 0, 0, 1 }, LATER, { 1, 1, 0 }, "nobody" },
  /* clang-format on */
    };
    for (size_t store_at = 0; store_at <= SOURCES; store_at++)
        for (size_t c = 0; c < GP_COUNT(cases); c++) {
            struct bed *b = open_with(checkers, store_at);
            for (size_t i = 0; i < SOURCES; i++)
                fakes[i].says = words(cases[c].says[i], cases[c].known[i], GP_NONE, GP_NONE);
            print_message("case %zu, the store at %zu\n", c, store_at);
            CHECK(plain(b, "ada", "right") == cases[c].verdict);
            CHECK(asked(cases[c].asked[0], cases[c].asked[1], cases[c].asked[2]));
            CHECK_IS(gp_from(source_of(b, "ada")), cases[c].owner);
            if (fakes[0].asked) {
                CHECK_IS(gp_from(fakes[0].user), "ada");
                CHECK_IS(gp_from(fakes[0].secret), "right");
                CHECK_IS(gp_from(fakes[0].peer), "192.0.2.1");
                CHECK(fakes[0].kind == LOOKUP_PASSWORD);
            }
            close_all(b);
        }
}

TEST(an_account_of_the_store_is_asked_about_nowhere)
{
    for (size_t store_at = 0; store_at <= SOURCES; store_at += SOURCES) {
        struct bed *b = open_with(checkers, store_at);
        bed_account(b, "anna", BED_GENERATED, false);
        for (size_t i = 0; i < SOURCES; i++) fakes[i].says = words(GP_OK, true, GP_NONE, GP_NONE);
        CHECK(plain(b, "anna", "wrong") == NO && asked(0, 0, 0));
        CHECK(plain(b, "anna@example.org", BED_PASSWORD) == YES && asked(0, 0, 0));
        close_all(b);
    }
}

TEST(an_account_of_a_source_is_asked_about_there_alone)
{
    struct bed *b = open_with(checkers, 0);
    fakes[1].says = words(GP_OK, true, GP_NONE, GP_NONE);
    CHECK(plain(b, "ada", "right") == YES && asked(1, 1, 0));
    for (size_t i = 0; i < SOURCES; i++) fakes[i].says = words(GP_OK, true, GP_NONE, GP_NONE);
    fakes[1].says = words(GP_PERMFAIL, false, GP_NONE, GP_NONE);
    CHECK(plain(b, "ada", "right") == NO && asked(0, 1, 0));
    fakes[1].says = words(GP_TEMPFAIL, false, GP_NONE, GP_NONE);
    CHECK(plain(b, "ada", "right") == LATER && asked(0, 1, 0));
    ipc_close(fakes[1].channel); /* its process is gone */
    fakes[1].channel = NULL;
    CHECK(plain(b, "ada", "right") == LATER && asked(0, 0, 0));
    join(b, 1);
    fakes[1].says = words(GP_OK, true, GP_NONE, GP_NONE);
    CHECK(plain(b, "ada", "right") == YES && asked(0, 1, 0));
    close_all(b);
}

TEST(a_source_may_say_what_its_user_is_called_here)
{
    struct bed *b = open_with(checkers, 0);
    bed_account(b, "anna", BED_GENERATED, false);
    fakes[0].says = words(GP_OK, true, GP_LIT("ada@example.org"), GP_NONE);
    CHECK(plain(b, "al", "right") == YES);
    CHECK_IS(gp_from(b->user), "ada@example.org");
    CHECK(plain(b, "ada", "right") == YES && asked(1, 0, 0));
    fakes[0].says = words(GP_OK, true, GP_LIT("anna"), GP_NONE); /* not its to say */
    CHECK(plain(b, "al", "right") == NO);
    fakes[0].says = words(GP_OK, true, GP_LIT("not a name"), GP_NONE);
    CHECK(plain(b, "al", "right") == NO);
    close_all(b);
}

static void give_source(struct bed *b, const char *name, gp_str source)
{
    struct accounts      *a   = bed_store(b);
    struct new_credential one = { .kind = CREDENTIAL_SOURCE, .subject = source };
    struct account        account;
    int64_t               id;
    const char           *why;
    CHECK(accounts_find(a, gp_from(name), &account) == GP_OK &&
          credential_add(a, account.id, &one, 1000, &id, &why) == GP_OK);
    accounts_close(a);
}

TEST(who_is_disabled_stays_out_whatever_is_said_and_remembered)
{
    struct bed *b                 = open_with(checkers, 0);
    b->config.lookups[0].remember = 300;
    fakes[0].says                 = words(GP_OK, true, GP_NONE, GP_NONE);
    CHECK(plain(b, "ada", "right") == YES && asked(1, 0, 0));
    CHECK(plain(b, "ada", "right") == YES && asked(0, 0, 0));
    CHECK(plain(b, "ada", "left") == YES && asked(1, 0, 0)); /* it is not the one that is remembered */
    bed_disable(b, "ada");
    CHECK(plain(b, "ada", "right") == NO);
    bed_account(b, "al", BED_GENERATED, false); /* nor does another name help */
    bed_disable(b, "al");
    give_source(b, "al", GP_LIT("one"));
    fakes[0].says = words(GP_OK, true, GP_LIT("other"), GP_NONE);
    CHECK(plain(b, "al", "right") == NO && asked(1, 0, 0));
    close_all(b);
}

/* The account's first credential. */
static void restrict_it(struct bed *b, const char *name, const char *networks)
{
    const char       *why;
    struct account    account;
    struct credential c;
    struct accounts  *a = bed_store(b);
    CHECK(accounts_find(a, gp_from(name), &account) == GP_OK);
    struct rows r = credentials_of(a, account.id);
    CHECK(credentials_next(&r, &c) == GP_OK);
    rows_end(&r);
    CHECK(gp_copy_z(gp_from(networks), c.limits.networks, sizeof(c.limits.networks)));
    CHECK(credential_alter(a, c.id, GP_LIT(""), &c.limits, &why) == GP_OK);
    accounts_close(a);
}

TEST(a_right_password_that_may_not_be_used_here_is_asked_about_like_a_wrong_one)
{
    struct bed *b                 = open_with(checkers, 0);
    b->config.lookups[0].remember = 300;
    fakes[0].says                 = words(GP_OK, true, GP_NONE, GP_NONE);
    CHECK(plain(b, "ada", "right") == YES && asked(1, 0, 0));
    restrict_it(b, "ada", "198.51.100.0/24");
    for (int i = 0; i < 3; i++) CHECK(plain(b, "ada", "right") == NO && asked(1, 0, 0));
    close_all(b);
}

/* ---- answers that cannot be ------------------------------------------------------------------------------------------------ */
TEST(no_answer_that_cannot_be_is_a_yes)
{
    static char long_text[FOREIGN_ROOM + 1];
    memset(long_text, 'x', FOREIGN_ROOM);
    make_right_hash();
    const struct {
        struct msg_looked says;
        enum verdict      verdict;
    } answers[] = {
        {words((gp_status)4,   true, GP_NONE,            GP_NONE),               LATER},
        { words((gp_status)-1, true, GP_NONE,            GP_NONE),               LATER},
        { words(GP_WAIT,       true, GP_NONE,            GP_NONE),               NO   },
        { words(GP_WAIT,       true, GP_NONE,            GP_LIT("")),            NO   },
        { words(GP_WAIT,       true, GP_NONE,            GP_LIT("$unheard$of")), NO   },
        { words(GP_WAIT,       true, GP_NONE,            gp_from(long_text)),    NO   },
        { words(GP_WAIT,       true, gp_from(long_text), gp_from(right_hash)),   LATER},
    };
    for (size_t i = 0; i < GP_COUNT(answers); i++) {
        struct bed *b = open_with(checkers, 0);
        fakes[0].says = answers[i].says;
        print_message("answer %zu\n", i);
        CHECK(plain(b, "ada", "right") == answers[i].verdict);
        CHECK_IS(gp_from(source_of(b, "ada")), "nobody");
        close_all(b);
    }
}

static void leave(void *owner, bool here)
{
    struct bed *b = owner;
    struct msg  m = MSG(SASL_ABORT);
    m.sasl_abort  = (struct msg_sasl_abort) { .session = SESSION };
    CHECK(here && ipc_tell(b->smtpd, &m));
}

static void ignore(void *owner, gp_status status, const struct msg *m)
{
    (void)owner, (void)status, (void)m;
}

TEST(an_answer_to_who_has_left_meets_nobody)
{
    struct bed    *b = open_with(checkers, 0);
    char           room[64];
    struct gp_text base64 = GP_TEXT(room);
    fakes[0].says         = words(GP_OK, true, GP_NONE, GP_NONE);
    fakes[0].silent       = true;
    gp_put_base64(&base64, (gp_str) { "\0ada\0right", 10 });
    struct msg m = start_of("PLAIN", gp_said(&base64));
    ipc_ask(b->smtpd, &m, ignore, NULL);
    bed_settle(b);
    CHECK(fakes[0].asked == 1 && b->vault->signin_count == 1);
    leave(b, true);
    bed_settle(b);
    CHECK(b->vault->signin_count == 0);
    reply(&fakes[0]);
    bed_settle(b);
    CHECK_IS(gp_from(source_of(b, "ada")), "nobody");
    close_all(b);
}

/* ---- hashes ------------------------------------------------------------------------------------------------------------------ */
TEST(a_hash_is_checked_here)
{
    struct bed *b = open_with(keepers, 0);
    fakes[1].says = words(GP_WAIT, true, GP_NONE, gp_from(right_hash));
    fakes[2].says = words(GP_OK, true, GP_NONE, GP_NONE);
    CHECK(plain(b, "ada", "wrong") == NO && asked(1, 1, 0));
    CHECK_IS(gp_from(source_of(b, "ada")), "nobody");
    CHECK(plain(b, "ada", "right") == YES && asked(1, 1, 0));
    CHECK_IS(gp_from(source_of(b, "ada")), "two");
    CHECK(plain(b, "ada", "wrong") == NO && asked(0, 1, 0));
    close_all(b);
}

/* No thread is free, and the line has no room for anybody. */
static void crowd_out(struct bed *b)
{
    enum { SEED = 1 };
    b->vault->hashing = b->vault->hashing_most;
    line_init(&b->vault->line, 0, SEED);
}

static void let_in(struct bed *b)
{
    enum { SEED = 1, ENOUGH = 8 };
    b->vault->hashing = 0;
    line_init(&b->vault->line, ENOUGH, SEED);
}

TEST(no_room_for_a_check_is_no_yes_and_tells_no_names)
{
    struct bed *b = open_with(keepers, 0);
    fakes[1].says = words(GP_WAIT, true, GP_NONE, gp_from(right_hash));
    CHECK(plain(b, "ada", "right") == YES);
    vault_look_anew(b->vault); /* nothing is remembered */
    recent_clear(b->vault->recent);
    crowd_out(b);
    CHECK(plain(b, "ada", "right") == LATER && plain(b, "ada", "wrong") == LATER);
    fakes[1].says = words(GP_PERMFAIL, false, GP_NONE, GP_NONE);
    CHECK(plain(b, "nobody", "wrong") == LATER);
    let_in(b);
    CHECK(plain(b, "nobody", "wrong") == NO);
    close_all(b);
}

/* ... whatever the store's own password would have opened elsewhere. */
TEST(no_room_for_a_check_opens_no_credential_that_may_not_be_used)
{
    struct bed *b = open_with(keepers, 0);
    bed_account(b, "anna", BED_GENERATED, false);
    restrict_it(b, "anna", "10.0.0.0/8");
    give_source(b, "anna", GP_LIT("two"));
    fakes[1].says = words(GP_WAIT, true, GP_NONE, gp_from(right_hash));
    CHECK(plain(b, "anna", BED_PASSWORD) == NO && asked(0, 1, 0));
    crowd_out(b);
    CHECK(plain(b, "anna", BED_PASSWORD) == LATER);
    let_in(b);
    close_all(b);
}

TEST(a_no_of_several_costs_one_check)
{
    struct bed *b  = open_with(keepers, 0);
    fakes[1].says  = words(GP_WAIT, true, GP_NONE, gp_from(right_hash));
    uint64_t begun = b->vault->checks;
    CHECK(plain(b, "ada", "wrong") == NO && asked(1, 1, 0) && b->vault->checks == begun + 1);
    fakes[1].says = words(GP_PERMFAIL, false, GP_NONE, GP_NONE);
    begun         = b->vault->checks;
    CHECK(plain(b, "nobody", "wrong") == NO && asked(1, 1, 1) && b->vault->checks == begun + 1);
    close_all(b);
}

TEST(what_is_no_hash_is_a_no_and_tells_no_names)
{
    struct bed *b  = open_with(keepers, 0);
    fakes[1].says  = words(GP_WAIT, true, GP_NONE, GP_LIT("clear-text"));
    uint64_t begun = b->vault->checks;
    CHECK(plain(b, "ada", "clear-text") == NO && asked(1, 1, 0) && b->vault->checks == begun + 1);
    CHECK(b->vault->samples[1].text[0] == '\0');
    CHECK_IS(gp_from(source_of(b, "ada")), "nobody");
    close_all(b);
}

static void keys_text(char *out, size_t room, const char *salt)
{
    struct gp_scram_keys keys;
    struct gp_text       text = { .ptr = out, .room = room - 1 };
    CHECK(gp_scram_keys_make(GP_SHA256, (gp_secret) { "right", 5 }, gp_from(salt), RIGHT_HASH_ROUNDS, &keys));
    gp_scram_keys_put(&text, &keys);
    out[text.len] = '\0';
}

TEST(keys_of_a_source_open_by_scram_and_by_plain)
{
    char        text[GP_HASH_ROOM], other[GP_HASH_ROOM];
    struct bed *b = open_with(keepers, 0);
    keys_text(text, sizeof(text), "another length");
    keys_text(other, sizeof(other), "other salt");
    fakes[1].says = words(GP_WAIT, true, GP_NONE, gp_from(text));
    CHECK(verdict_of(sign_in(b, "SCRAM-SHA-256", "ada", "right")) == YES && asked(2, 2, 0));
    CHECK(fakes[1].kind == LOOKUP_HASH && fakes[1].secret[0] == '\0');
    CHECK_IS(gp_from(source_of(b, "ada")), "two");
    CHECK(plain(b, "ada", "right") == YES && plain(b, "ada", "wrong") == NO);
    CHECK(verdict_of(sign_in(b, "SCRAM-SHA-256", "ada", "wrong")) == NO);
    fakes[1].says = words(GP_WAIT, true, GP_NONE, gp_from(right_hash)); /* no keys for SCRAM in it */
    CHECK(verdict_of(sign_in(b, "SCRAM-SHA-256", "ada", "right")) == NO);
    fakes[1].says = words(GP_TEMPFAIL, false, GP_NONE, GP_NONE);
    CHECK(verdict_of(sign_in(b, "SCRAM-SHA-256", "ada", "right")) == LATER);
    close_all(b);
}

/* ---- tokens ----------------------------------------------------------------------------------------------------------------- */
/* The source's names are kept without their domain, which is not the server's. */
TEST(a_full_name_of_the_sources_own_domain_is_the_short_one)
{
    static const char *const wrong[] = { "bob@other.example", "ada@third.example", "ada@", "@other.example",
                                         "ada@other.example.org" };
    struct bed              *b       = open_with(issuers, 0);
    (void)gp_copy_z(GP_LIT("other.example"), b->config.lookups[2].strip_domain,
                    sizeof(b->config.lookups[2].strip_domain));
    fakes[2].says = words(GP_OK, true, GP_LIT("ada"), GP_NONE);
    for (unsigned linked = 0; linked < 2; linked++) {
        CHECK(verdict_of(sign_in(b, "OAUTHBEARER", "ada@other.example", "token")) == YES);
        CHECK(verdict_of(sign_in(b, "OAUTHBEARER", "ada@Other.Example", "token")) == YES);
        for (size_t i = 0; i < GP_COUNT(wrong); i++)
            CHECK(verdict_of(sign_in(b, "OAUTHBEARER", wrong[i], "token")) == NO);
        if (!linked) bed_subject(b, CREDENTIAL_OAUTH, "ada", GP_LIT("https://issuer.example 4711"));
        fakes[2].says.subject = GP_LIT("https://issuer.example 4711");
    }
    bed_account(b, "ada@other.example", BED_GENERATED, false); /* now the whole name is somebody's */
    CHECK(verdict_of(sign_in(b, "OAUTHBEARER", "ada@other.example", "token")) == NO);
    CHECK(verdict_of(sign_in(b, "OAUTHBEARER", "ada", "token")) == YES);
    close_all(b);
}

TEST(tokens_go_to_issuers_alone_and_name_their_account_themselves)
{
    struct bed *b = open_with(issuers, 0);
    CHECK(b->vault->tokens);
    CHECK_IS(gp_from(b->vault->discovery), "https://issuer.example/.well-known/openid-configuration");
    fakes[0].says = words(GP_TEMPFAIL, false, GP_NONE, GP_NONE);
    fakes[2].says = words(GP_OK, true, GP_LIT("ada"), GP_NONE);
    CHECK(verdict_of(sign_in(b, "OAUTHBEARER", "ada", "token")) == YES &&
          asked(1, 0, 1)); /* its issuer is known by it */
    CHECK(fakes[2].kind == LOOKUP_TOKEN && fakes[2].user[0] == '\0');
    CHECK_IS(gp_from(fakes[2].secret), "token");
    CHECK(verdict_of(sign_in(b, "OAUTHBEARER", "ada@example.org", "token")) == YES && !b->answer.sasl_result.ends);
    fakes[2].says.ends = 77;
    CHECK(sign_in(b, "OAUTHBEARER", "ada", "token").ends == 77);
    bed_account(b, "anna", BED_GENERATED, false);
    CHECK(verdict_of(sign_in(b, "OAUTHBEARER", "anna", "token")) == NO);
    fakes[2].says = words(GP_OK, true, GP_LIT("anna"), GP_NONE);
    CHECK(verdict_of(sign_in(b, "OAUTHBEARER", "anna", "token")) == NO);
    fakes[2].says = words(GP_OK, true, GP_LIT(""), GP_NONE);
    CHECK(verdict_of(sign_in(b, "OAUTHBEARER", "ada", "token")) == NO);
    fakes[2].says = words(GP_PERMFAIL, false, GP_NONE, GP_NONE);
    CHECK(verdict_of(sign_in(b, "OAUTHBEARER", "ada", "token")) == LATER);
    fakes[0].says = words(GP_PERMFAIL, true, GP_NONE, GP_NONE);
    fakes[2].says = words(GP_OK, true, GP_LIT("ada"), GP_NONE);
    CHECK(verdict_of(sign_in(b, "OAUTHBEARER", "ada", "token")) == NO);
    close_all(b);
}
