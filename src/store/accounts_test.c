/* accounts.db: names and what they match, addresses to send as, changes in force at once, the look of unknown users. */
#include "store/test_bed.h"

static gp_status add(struct accounts *a, const char *name, const struct verifier *v, const char *const *send_as,
                     size_t count)
{
    const char        *why = "";
    struct new_account n   = {
          .name = gp_from(name), .verifier = v, .kind = CREDENTIAL_GENERATED, .send_as = send_as, .send_as_count = count
    };
    gp_status status = accounts_add(a, &n, 1000, &why);
    CHECK(status != GP_PERMFAIL || why[0]);
    return status;
}

static gp_status add_plain(struct accounts *a, const char *name)
{
    struct verifier v = verifier_of("$keyed-sha256$x", "");
    return add(a, name, &v, NULL, 0);
}

static int64_t credential_of(struct accounts *a, int64_t account)
{
    struct credential c = { 0 };
    auto_rows         r = credentials_of(a, account);
    return credentials_next(&r, &c) == GP_OK ? c.id : 0;
}

/* clang-format off */
static const struct { const char *made, *login; bool same; } names[] = {
    { "anna",             "anna",             true  },
    { "anna",             "anna@example.org", true  },
    { "anna",             "anna@EXAMPLE.org", true  },
    { "anna",             "anna@example.com", false },
    { "anna",             "Anna",             false },
    { "anna",             "ann",              false },
    { "anna",             "@example.org",     false },
    { "anna",             "",                 false },
    { "bert@example.org", "bert",             true  },
    { "bert@example.org", "bert@example.org", true  },
    { "carl@example.com", "carl",             false },
    { "carl@example.com", "carl@example.com", true  },
    { "carl@example.com", "carl@EXAMPLE.Com", true  },
    { "carl@EXAMPLE.com", "carl@example.com", true  },
    { "carl@example.com", "Carl@example.com", false },
    { "dora@example.com", "dora@example.org", false },
    { "bert@EXAMPLE.org", "bert",             true  },
    { "eva@b\xc3\xbc" "cher.example", "eva@B\xc3\xbc" "cher.Example",     true },
    { "eva@b\xc3\xbc" "cher.example", "eva@xn--bcher-kva.example",      true },
    { "eva@xn--bcher-kva.example",    "eva@b\xc3\xbc" "cher.example",   true },
    { "\xc3\xa9va",       "e\xcc\x81va",      true  }, /* SASLprep: composed and decomposed are one */
};
/* clang-format on */

TEST(a_login_name_finds_its_account)
{
    for (size_t i = 0; i < GP_COUNT(names); i++) {
        struct accounts *a = open_fresh();
        print_message("%s as %s\n", names[i].made, names[i].login);
        CHECK(add_plain(a, names[i].made) == GP_OK);
        CHECK((found(a, names[i].login).id != 0) == names[i].same);
        accounts_close(a);
    }
}

TEST(two_accounts_cannot_mean_the_same)
{
    struct accounts *a = open_fresh();
    CHECK(add_plain(a, "anna") == GP_OK);
    CHECK(add_plain(a, "anna") == GP_PERMFAIL);
    CHECK(add_plain(a, "anna@example.org") == GP_PERMFAIL);
    CHECK(add_plain(a, "anna@example.com") == GP_OK);
    accounts_close(a);
}

TEST(a_bad_name_is_refused)
{
    static const char *const bad[] = { "", "with space", "-option", "tab\there", "bell\x07", "\xff" };
    struct accounts         *a     = open_fresh();
    for (size_t i = 0; i < GP_COUNT(bad); i++) CHECK(add_plain(a, bad[i]) == GP_PERMFAIL);
    char long_name[ACCOUNT_NAME_MOST + 2];
    memset(long_name, 'a', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    CHECK(add_plain(a, long_name) == GP_PERMFAIL);
    accounts_close(a);
}

/* clang-format off */
static const struct { const char *name, *send_as, *sender; gp_status verdict; } senders[] = {
    { "anna",             NULL,                "anna@example.org",        GP_OK       },
    { "anna",             NULL,                "ANNA@Example.ORG",        GP_OK       },
    { "anna",             NULL,                "",                        GP_OK       }, /* RFC 6409 4.3 */
    { "anna",             NULL,                "anna@example.com",        GP_PERMFAIL },
    { "anna",             NULL,                "anna",                    GP_PERMFAIL },
    { "anna",             NULL,                "bert@example.org",        GP_PERMFAIL },
    { "anna@example.com", NULL,                "anna@example.com",        GP_OK       },
    { "anna@example.com", NULL,                "anna@example.org",        GP_PERMFAIL },
    { "anna",             "info@example.org",  "info@example.org",        GP_OK       },
    { "anna",             "info@example.org",  "anna@example.org",        GP_PERMFAIL },
    { "anna",             "@example.org",      "whoever@example.org",     GP_OK       },
    { "anna",             "@example.org",      "whoever@sub.example.org", GP_PERMFAIL },
    { "anna",             "@example.org",      "@example.org",            GP_PERMFAIL },
    { "anna",             "a@b\xc3\xbc" "cher.example", "a@xn--bcher-kva.example",   GP_OK       },
    { "anna",             "a@xn--bcher-kva.example", "a@B\xc3\xbc" "cher.example",   GP_OK       },
    { "anna",             "\"a@b\"@example.org", "\"a@b\"@example.org",   GP_OK       },
    { "anna",             NULL,                "\"anna\"@example.org",    GP_OK       }, /* RFC 5321 4.1.2: quotes that need not be */
    { "anna",             NULL,                "\"\\A\\nna\"@example.org", GP_OK      },
    { "anna",             "\"an.na\"@example.org", "an.na@example.org",   GP_OK       },
    { "anna",             "\"a@b\"@example.org", "\"\\a\\@b\"@example.org", GP_OK     },
    { "anna",             "\"a\\\"b\"@example.org", "\"\\a\\\"b\"@example.org", GP_OK },
    { "anna",             "\"a\\\"b\"@example.org", "\"a\"b\"@example.org", GP_PERMFAIL }, /* no quoted string */
    { "anna",             "a..b@example.org",  "\"a..b\"@example.org",    GP_PERMFAIL },
    { "anna",             "\".a\"@example.org", ".a@example.org",         GP_PERMFAIL },
    { "anna",             "\"a.\"@example.org", "a.@example.org",         GP_PERMFAIL },
    { "anna",             "a,b@example.org",   "\"a,b\"@example.org",     GP_PERMFAIL },
    { "anna",             "\"a\".\"b\"@example.org", "a.b@example.org",   GP_PERMFAIL },
    { "anna",             "anna\"@example.org", "\"anna\\\"@example.org", GP_PERMFAIL }, /* the last quote is quoted */
    { "anna",             "@example.org",      "\"\"@example.org",        GP_OK       },
    { "anna",             "\"\"@example.org",  "@example.org",            GP_PERMFAIL }, /* not all of the domain */
    { "anna",             "\"\"@example.org",  "bert@example.org",        GP_PERMFAIL },
};
/* clang-format on */

TEST(an_account_sends_as_its_addresses_only)
{
    for (size_t i = 0; i < GP_COUNT(senders); i++) {
        struct accounts *a       = open_fresh();
        struct verifier  v       = verifier_of("$keyed-sha256$x", "");
        const char      *list[1] = { senders[i].send_as };
        print_message("%s as %s sends as %s\n", senders[i].name, list[0] ? list[0] : "itself", senders[i].sender);
        CHECK(add(a, senders[i].name, &v, list, list[0] != NULL) == GP_OK);
        int64_t id = found(a, senders[i].name).id;
        CHECK(may_send(a, id, credential_of(a, id), gp_from(senders[i].sender), NOW) == senders[i].verdict);
        accounts_close(a);
    }
}

TEST(what_is_no_address_cannot_be_sent_as)
{
    static const char *const bad[] = { "nobody", "a b@example.org", "a@", "", "@", "a@b\nc" };
    struct accounts         *a     = open_fresh();
    struct verifier          v     = verifier_of("$keyed-sha256$x", "");
    for (size_t i = 0; i < GP_COUNT(bad); i++) {
        CHECK(add(a, "anna", &v, &bad[i], 1) == GP_PERMFAIL);
        CHECK(found(a, "anna").id == 0); /* nothing of it is left */
    }
    accounts_close(a);
}

TEST(a_disabled_deleted_or_changed_account_is_out_at_once)
{
    struct accounts *server = open_fresh(), *command = open_again();
    CHECK(add_plain(command, "anna") == GP_OK);
    struct account  anna       = found(server, "anna");
    int64_t         credential = credential_of(server, anna.id);
    struct verifier other      = verifier_of("$keyed-sha256$y", "");
    gp_str          address    = GP_LIT("anna@example.org");
    CHECK(may_send(server, anna.id, credential, address, NOW) == GP_OK);
    CHECK(accounts_set_disabled(command, anna.id, true) == GP_OK && found(server, "anna").disabled);
    CHECK(may_send(server, anna.id, credential, address, NOW) == GP_PERMFAIL);
    CHECK(accounts_set_disabled(command, anna.id, false) == GP_OK);
    CHECK(may_send(server, anna.id, credential, address, NOW) == GP_OK);
    CHECK(accounts_set_password(command, anna.id, &other, CREDENTIAL_GENERATED, 2000) == GP_OK);
    CHECK(may_send(server, anna.id, credential, address, NOW) == GP_PERMFAIL);
    CHECK(may_send(server, anna.id, credential_of(server, anna.id), address, NOW) == GP_OK);
    CHECK(accounts_delete(command, anna.id) == GP_OK && found(server, "anna").id == 0);
    CHECK(accounts_delete(command, anna.id) == GP_PERMFAIL &&
          accounts_set_disabled(command, anna.id, true) == GP_PERMFAIL);
    CHECK(accounts_set_password(command, anna.id, &other, CREDENTIAL_GENERATED, 2000) == GP_PERMFAIL);
    CHECK(add_plain(command, "anna") == GP_OK && found(server, "anna").id != anna.id); /* no number comes twice */
    accounts_close(command);
    accounts_close(server);
}

TEST(unknown_users_look_like_most_and_cost_like_the_dearest)
{
    struct survey    s;
    struct accounts *a          = open_fresh();
    struct verifier  short_keys = scram_of(4096), long_keys = scram_of(600000), hash = verifier_of(SLOW, "");
    struct verifier  dear = verifier_of("$2b$10$K8LUg9DNShBpn.I8hLeN/OFQ.vPF7gc/Bxyjm6BqCXQ8f274EOIpi", "");
    CHECK(accounts_survey(a, NOW, &s) == GP_OK);
    CHECK(s.cost == 0 && !s.dearest && s.iterations == VERIFIER_FEW_ROUNDS);
    CHECK(add_plain(a, "fast") == GP_OK && accounts_survey(a, NOW, &s) == GP_OK);
    CHECK(s.cost == 0 && s.iterations == VERIFIER_FEW_ROUNDS);
    CHECK(add(a, "hash", &hash, NULL, 0) == GP_OK && accounts_survey(a, NOW, &s) == GP_OK);
    CHECK(s.cost == verifier_cost(&hash) && s.dearest == found(a, "hash").id);
    CHECK(add(a, "bcrypt", &dear, NULL, 0) == GP_OK && accounts_survey(a, NOW, &s) == GP_OK);
    CHECK(s.cost == verifier_cost(&dear) && s.dearest == found(a, "bcrypt").id);
    CHECK(add(a, "one", &long_keys, NULL, 0) == GP_OK && accounts_survey(a, NOW, &s) == GP_OK);
    CHECK(s.cost == 600000 && s.dearest == found(a, "one").id && s.iterations == 600000);
    CHECK(add(a, "two", &short_keys, NULL, 0) == GP_OK && add(a, "three", &short_keys, NULL, 0) == GP_OK);
    CHECK(accounts_survey(a, NOW, &s) == GP_OK && s.cost == 600000 && s.iterations == 4096);
    accounts_close(a);
}

TEST(the_survey_says_what_can_succeed_at_all)
{
    struct survey    s;
    struct accounts *a    = open_fresh();
    struct verifier  keys = keys_of(FAST, 4096, 's'), older = keys, cram = verifier_of(FAST, "");
    int64_t          anna = account_of(a, "anna");
    cram.cram_len         = 40;
    older.scram_sha512[0] = '\0';
    CHECK(accounts_survey(a, NOW, &s) == GP_OK && !s.secrets && !s.certificates && !s.oauth && s.sha512 &&
          s.candidates == 0);
    for (int i = 0; i < 3; i++) CHECK(password_of_account(a, anna, "", &keys));
    CHECK(accounts_survey(a, NOW, &s) == GP_OK && s.candidates == 3 && s.sha512);
    CHECK(password_of_account(a, account_of(a, "bert"), "", &older) && password_of_account(a, anna, "", &cram));
    CHECK(accounts_survey(a, NOW, &s) == GP_OK && s.candidates == 3 && !s.sha512 && s.secrets && !s.certificates);
    CHECK(subject_of_account(a, anna, CREDENTIAL_CERTIFICATE, "email:anna@example.org"));
    CHECK(accounts_survey(a, NOW, &s) == GP_OK && s.certificates && !s.oauth);
    CHECK(subject_of_account(a, anna, CREDENTIAL_OAUTH, "https://id.example anna"));
    CHECK(accounts_survey(a, NOW, &s) == GP_OK && s.oauth);
    accounts_close(a);
}

TEST(the_count_of_unknown_users_is_that_of_most_accounts_not_of_most_credentials)
{
    struct survey    s;
    struct accounts *a    = open_fresh();
    struct verifier  many = keys_of(FAST, 5000, 's'), few = keys_of(FAST, 4096, 's');
    int64_t          anna = account_of(a, "anna");
    for (int i = 0; i < 5; i++) CHECK(password_of_account(a, anna, "", &many));
    CHECK(password_of_account(a, account_of(a, "bert"), "", &few) &&
          password_of_account(a, account_of(a, "carl"), "", &few));
    CHECK(accounts_survey(a, NOW, &s) == GP_OK && s.iterations == 4096);
    accounts_close(a);
}

static uint32_t count_for(const struct survey *s, unsigned number)
{
    char                 room[32];
    struct gp_text       name = GP_TEXT(room);
    struct verifier_keys keys = { .unknown_count = "a key" };
    gp_put_z(&name, "nobody");
    gp_put_number(&name, number);
    return survey_iterations(s, &keys, gp_said(&name));
}

/* Names see the counts as often as accounts have them, and one account more moves few of them. */
TEST(unknown_users_have_the_counts_that_accounts_have)
{
    enum { NAMES = 2000, BERTS = 30, CARLS = 10, SLACK = 120 };
    struct survey    s, later;
    unsigned         high = 0, moved = 0;
    struct accounts *a    = open_fresh();
    struct verifier  many = keys_of(FAST, 600000, 's'), few = keys_of(FAST, 4096, 's');
    CHECK(accounts_survey(a, NOW, &s) == GP_OK && count_for(&s, 1) == VERIFIER_FEW_ROUNDS);
    for (int i = 0; i < BERTS + CARLS; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "bert%d", i);
        CHECK(password_of_account(a, account_of(a, name), "", i < BERTS ? &few : &many));
    }
    CHECK(accounts_survey(a, NOW, &s) == GP_OK && s.count_count == 2 && s.iterations == 4096);
    CHECK(password_of_account(a, account_of(a, "dora"), "", &many));
    CHECK(accounts_survey(a, NOW, &later) == GP_OK && later.counts[1].accounts == CARLS + 1);
    for (unsigned i = 0; i < NAMES; i++) {
        uint32_t count = count_for(&s, i);
        CHECK(count == 4096 || count == 600000);
        high += count == 600000;
        moved += count_for(&later, i) != count;
    }
    CHECK(high > NAMES / 4 - SLACK && high < NAMES / 4 + SLACK);
    CHECK(moved > 0 && moved < NAMES / 20);
    accounts_close(a);
}

TEST(the_survey_names_the_account_with_most_credentials)
{
    struct survey    s;
    struct accounts *a = open_fresh();
    struct verifier  v = keys_of(FAST, 4096, 's');
    CHECK(accounts_survey(a, NOW, &s) == GP_OK && s.credentials == 0 && s.crowded == 0);
    int64_t anna = account_of(a, "anna"), bert = account_of(a, "bert");
    CHECK(password_of_account(a, anna, "", &v));
    CHECK(accounts_survey(a, NOW, &s) == GP_OK && s.credentials == 1 && s.crowded == anna);
    for (int i = 0; i < 3; i++) CHECK(password_of_account(a, bert, "", &v));
    CHECK(accounts_survey(a, NOW, &s) == GP_OK && s.credentials == 3 && s.crowded == bert);
    accounts_close(a);
}

TEST(who_acts_for_another_sends_as_that_one_while_he_may)
{
    const char      *why  = "";
    struct accounts *a    = open_fresh();
    struct verifier  v    = keys_of(FAST, 4096, 's');
    int64_t          anna = account_of(a, "anna"), bert = account_of(a, "bert");
    int64_t          one   = password_of_account(a, anna, "", &v);
    gp_str           berts = GP_LIT("bert@example.org"), annas = GP_LIT("anna@example.org");
    CHECK(may_send(a, bert, one, berts, NOW) == GP_PERMFAIL);
    CHECK(in_force(a, bert, one, NOW) == GP_PERMFAIL);
    CHECK(accounts_delegate(a, anna, bert, true, &why) == GP_OK);
    CHECK(may_send(a, bert, one, berts, NOW) == GP_OK && in_force(a, bert, one, NOW) == GP_OK);
    CHECK(may_send(a, bert, one, annas, NOW) == GP_PERMFAIL); /* he is bert now */
    CHECK(accounts_set_disabled(a, bert, true) == GP_OK);
    CHECK(may_send(a, bert, one, berts, NOW) == GP_PERMFAIL);
    CHECK(accounts_set_disabled(a, bert, false) == GP_OK && accounts_set_disabled(a, anna, true) == GP_OK);
    CHECK(may_send(a, bert, one, berts, NOW) == GP_PERMFAIL);
    CHECK(accounts_set_disabled(a, anna, false) == GP_OK && accounts_delegate(a, anna, bert, false, &why) == GP_OK);
    CHECK(may_send(a, bert, one, berts, NOW) == GP_PERMFAIL);
    accounts_close(a);
}

TEST(all_spellings_of_a_name_have_one_key)
{
    static const struct {
        const char *login, *key;
    } rows[] = {
        {"nobody",                 "nobody"                  },
        { "nobody@example.org",    "nobody"                  },
        { "nobody@EXAMPLE.org",    "nobody"                  },
        { "nobody@Example.com",    "nobody@example.com"      },
        { "Nobody",                "Nobody"                  },
        { "@example.org",          "@example.org"            },
        { "nobody@",               "nobody@"                 },
        { "no@b\xc3\xbc"
          "cher.example", "no@xn--bcher-kva.example"},
    };
    struct accounts *a = open_fresh();
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char           room[512];
        struct gp_text key = GP_TEXT(room);
        accounts_login_key(a, gp_from(rows[i].login), &key);
        CHECK_IS(gp_said(&key), rows[i].key);
    }
    accounts_close(a);
}

/* ---- acting for another ---------------------------------------------------------------------------------------------- */
static bool name_it(void *owner, const struct account *account)
{
    gp_put_z(owner, account->name);
    gp_put_char(owner, ' ');
    return true;
}

TEST(an_account_acts_for_itself_and_for_those_it_was_given)
{
    char             room[64];
    struct gp_text   names_of = GP_TEXT(room);
    const char      *why      = "";
    struct accounts *a        = open_fresh();
    int64_t          anna = account_of(a, "anna"), bert = account_of(a, "bert"), carl = account_of(a, "carl");
    CHECK(accounts_may_act(a, anna, anna) == GP_OK && accounts_may_act(a, anna, bert) == GP_PERMFAIL);
    CHECK(accounts_delegate(a, anna, carl, true, &why) == GP_OK &&
          accounts_delegate(a, anna, bert, true, &why) == GP_OK);
    CHECK(accounts_delegate(a, anna, bert, true, &why) == GP_OK); /* already so */
    CHECK(accounts_may_act(a, anna, bert) == GP_OK && accounts_may_act(a, bert, anna) == GP_PERMFAIL);
    CHECK(accounts_delegations(a, anna, name_it, &names_of) == GP_OK);
    CHECK_IS(gp_said(&names_of), "bert carl ");
    CHECK(accounts_set_disabled(a, bert, true) == GP_OK && accounts_may_act(a, anna, bert) == GP_PERMFAIL);
    CHECK(accounts_set_disabled(a, bert, false) == GP_OK && accounts_may_act(a, anna, bert) == GP_OK);
    CHECK(accounts_delegate(a, anna, bert, false, &why) == GP_OK && accounts_may_act(a, anna, bert) == GP_PERMFAIL);
    CHECK(accounts_delegate(a, anna, bert, false, &why) == GP_OK);
    CHECK(accounts_delete(a, carl) == GP_OK && accounts_may_act(a, anna, carl) == GP_PERMFAIL);
    CHECK(accounts_delegate(a, anna, carl, true, &why) == GP_PERMFAIL && why[0]);
    CHECK(accounts_delegate(a, anna, anna, true, &why) == GP_PERMFAIL && accounts_may_act(a, 999, 999) == GP_PERMFAIL);
    accounts_close(a);
}

TEST(an_account_acts_for_so_many_and_no_more)
{
    const char      *why  = "";
    struct accounts *a    = open_fresh();
    int64_t          anna = account_of(a, "anna"), last = 0;
    for (int i = 0; i < DELEGATIONS_MOST; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "other%d", i);
        last = account_of(a, name);
        CHECK(accounts_delegate(a, anna, last, true, &why) == GP_OK);
    }
    CHECK(accounts_delegate(a, anna, last, true, &why) == GP_OK);
    CHECK(accounts_delegate(a, anna, account_of(a, "one-more"), true, &why) == GP_PERMFAIL && why[0]);
    accounts_close(a);
}

static bool count_one(void *owner, const struct account *account)
{
    size_t *count = owner;
    return account->id && ++*count < 2;
}

TEST(the_list_stops_when_told)
{
    size_t           count = 0;
    struct accounts *a     = open_fresh();
    CHECK(add_plain(a, "a") == GP_OK && add_plain(a, "b") == GP_OK && add_plain(a, "c") == GP_OK);
    CHECK(accounts_each(a, count_one, &count) == GP_OK && count == 2);
    accounts_close(a);
}

TEST(a_lock_is_a_reason_to_try_later)
{
    struct accounts *a = open_fresh(), *other = open_again();
    auto_transaction held = { 0 };
    CHECK(transaction_begin(&held, accounts_database(other)) == GP_OK);
    CHECK(add_plain(a, "anna") == GP_TEMPFAIL);
    CHECK(database_trouble(accounts_database(a)) == DATABASE_LOCKED);
    CHECK(found(a, "anna").id == 0); /* reading goes on meanwhile */
    transaction_end(&held);
    CHECK(add_plain(a, "anna") == GP_OK);
    accounts_close(other);
    accounts_close(a);
}

PROPERTY(identity_key_is_stable, bytes)
{
    char           room[ACCOUNT_ADDRESS_MOST], again[ACCOUNT_ADDRESS_MOST];
    struct gp_text key = GP_TEXT(room), second = GP_TEXT(again);
    if (!identity_key(bytes, true, &key)) return;
    CHECK(identity_key(gp_said(&key), true, &second));
    CHECK_SAME(gp_said(&second), gp_said(&key));
    CHECK(gp_find(gp_said(&key), '@') < key.len);
}
