/* accounts.db: names and what they match, addresses to send as, changes in force at once, the look of unknown users. */
#include "store/accounts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

enum { NOW = 5000 };

static char folder[] = "/tmp/gatepost-accounts-XXXXXX";
static char path[sizeof(folder) + 16];

static void remove_all(void)
{
    static const char *const names[] = { "a.db", "a.db-wal", "a.db-shm" };
    for (size_t i = 0; i < GP_COUNT(names); i++) {
        char file[sizeof(path)];
        (void)snprintf(file, sizeof(file), "%s/%s", folder, names[i]);
        (void)unlink(file);
    }
}

static void leave(void)
{
    remove_all();
    (void)rmdir(folder);
}

static struct accounts *open_again(void)
{
    enum database_trouble trouble;
    struct accounts_plan  plan = { .path = path, .domain = GP_LIT("example.org"), .busy_ms = 100, .create = true };
    struct accounts      *a    = accounts_open(&plan, &trouble);
    assert_non_null(a);
    return a;
}

static struct accounts *open_fresh(void)
{
    static bool made;
    if (!made) {
        assert_non_null(mkdtemp(folder));
        (void)snprintf(path, sizeof(path), "%s/a.db", folder);
        (void)atexit(leave);
        made = true;
    }
    remove_all();
    return open_again();
}

static struct verifier verifier_of(const char *plain, const char *scram)
{
    struct verifier v = { 0 };
    CHECK(gp_copy_z(gp_from(plain), v.plain, sizeof(v.plain)) &&
          gp_copy_z(gp_from(scram), v.scram_sha256, sizeof(v.scram_sha256)));
    return v;
}

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

static struct account found(struct accounts *a, const char *login)
{
    struct account account = { 0 };
    if (accounts_find(a, gp_from(login), &account) != GP_OK) account.id = 0;
    return account;
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
        CHECK(accounts_may_send(a, id, credential_of(a, id), gp_from(senders[i].sender), NOW) == senders[i].verdict);
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
    CHECK(accounts_may_send(server, anna.id, credential, address, NOW) == GP_OK);
    CHECK(accounts_set_disabled(command, anna.id, true) == GP_OK && found(server, "anna").disabled);
    CHECK(accounts_may_send(server, anna.id, credential, address, NOW) == GP_PERMFAIL);
    CHECK(accounts_set_disabled(command, anna.id, false) == GP_OK);
    CHECK(accounts_may_send(server, anna.id, credential, address, NOW) == GP_OK);
    CHECK(accounts_set_password(command, anna.id, &other, CREDENTIAL_GENERATED, 2000) == GP_OK);
    CHECK(accounts_may_send(server, anna.id, credential, address, NOW) == GP_PERMFAIL);
    CHECK(accounts_may_send(server, anna.id, credential_of(server, anna.id), address, NOW) == GP_OK);
    CHECK(accounts_delete(command, anna.id) == GP_OK && found(server, "anna").id == 0);
    CHECK(accounts_delete(command, anna.id) == GP_PERMFAIL &&
          accounts_set_disabled(command, anna.id, true) == GP_PERMFAIL);
    CHECK(accounts_set_password(command, anna.id, &other, CREDENTIAL_GENERATED, 2000) == GP_PERMFAIL);
    CHECK(add_plain(command, "anna") == GP_OK && found(server, "anna").id != anna.id); /* no number comes twice */
    accounts_close(command);
    accounts_close(server);
}

static struct verifier scram_of(uint32_t iterations)
{
    struct gp_scram_keys keys = { .hash = GP_SHA256, .iterations = iterations, .salt_len = VERIFIER_SALT };
    struct verifier      v    = { 0 };
    struct gp_text       text = { .ptr = v.scram_sha256, .room = sizeof(v.scram_sha256) - 1 };
    gp_scram_keys_put(&text, &keys);
    return v;
}

TEST(unknown_users_look_like_most_and_cost_like_the_dearest)
{
    struct survey    s;
    struct accounts *a          = open_fresh();
    struct verifier  short_keys = scram_of(4096), long_keys = scram_of(600000), hash = verifier_of("$argon2id$x", "");
    CHECK(accounts_survey(a, NOW, &s) == GP_OK);
    CHECK(s.cost == 0 && !s.as_hash && s.iterations == VERIFIER_FEW_ROUNDS);
    CHECK(add_plain(a, "fast") == GP_OK && accounts_survey(a, NOW, &s) == GP_OK);
    CHECK(s.cost == 0 && s.iterations == VERIFIER_FEW_ROUNDS);
    CHECK(add(a, "hash", &hash, NULL, 0) == GP_OK && accounts_survey(a, NOW, &s) == GP_OK);
    CHECK(s.cost == VERIFIER_HASH_COST && s.as_hash);
    CHECK(add(a, "one", &long_keys, NULL, 0) == GP_OK && accounts_survey(a, NOW, &s) == GP_OK);
    CHECK(s.cost == 600000 && !s.as_hash && s.iterations == 600000);
    CHECK(add(a, "two", &short_keys, NULL, 0) == GP_OK && add(a, "three", &short_keys, NULL, 0) == GP_OK);
    CHECK(accounts_survey(a, NOW, &s) == GP_OK && s.cost == 600000 && s.iterations == 4096);
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
    auto_transaction held;
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
