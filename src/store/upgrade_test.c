/* A database that an earlier version of gatepost made opens with all it had. The scripts of earlier versions never change, so the
 * first n of them make the file that version n made. */
#include "store/test_bed.h"

#define SALT1   "c2FsdCBvZiBzaGEtMSAuLg=="
#define SALT256 "c2FsdCBvZiBzaGEtMjU2IQ=="
#define KEY20   "AAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define KEY32   "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

#define BCRYPT_12 "$2y$12$mh4WDe055hiyH/xagV74feGHsZgfkgWDtQJbFky1sO76R73vTTZgu"

static const char rows[] =
    "INSERT INTO accounts VALUES (3, 'anna', 0, 100), (5, 'bert', 1, 200), (6, 'carl', 0, 300);"
    "INSERT INTO credentials VALUES"
    " (7, 3, '', 1, '$keyed-sha256$x', 'SCRAM-SHA-1$4096:" SALT1 "$" KEY20 ":" KEY20 "',"
    "  'SCRAM-SHA-256$4096:" SALT256 "$" KEY32 ":" KEY32 "', x'0102', 0, 0, 4096, 110, 120, '192.0.2.1', 'PLAIN'),"
    " (8, 5, '', 0, '', 'SCRAM-SHA-1$600000:" SALT1 "$" KEY20 ":" KEY20 "',"
    "  'SCRAM-SHA-256$600000:" SALT256 "$" KEY32 ":" KEY32 "', NULL, 600000, 0, 600000, 210, 0, '', ''),"
    " (9, 6, '', 0, '" BCRYPT_12 "', '', '', NULL, 60000, 1, 0, 310, 0, '', '');"
    "INSERT INTO identities VALUES (3, 'anna@example.org', 'Anna@example.org'), (6, '@example.org', '@example.org');";

static void as_version(size_t version, const char *sql)
{
    enum database_trouble trouble;
    struct database_plan  plan = { .path     = path,
                                   .scripts  = accounts_scripts,
                                   .versions = version,
                                   .busy_ms  = 100,
                                   .create   = true,
                                   .function = &accounts_function };
    struct database      *db   = database_open(&plan, &trouble);
    assert_non_null(db);
    CHECK(database_script(db, sql) == GP_OK);
    database_close(db);
}

/* Its rows are of the first, and have come all the way. */
static void make_version(size_t version)
{
    accounts_close(open_fresh());
    remove_all();
    as_version(1, rows);
    as_version(version, "");
}

static void check_anna(struct accounts *a)
{
    struct account       anna = found(a, "anna");
    struct credential    c    = get(a, 7);
    struct gp_scram_keys keys;
    CHECK(anna.id == 3 && !anna.disabled && anna.created == 100 && !anna.mechanisms[0] && !anna.source[0]);
    CHECK(c.account == 3 && c.kind == CREDENTIAL_GENERATED && c.created == 110 && c.last_used == 120 &&
          c.use_count == 0);
    CHECK_IS(gp_from(c.last_from), "192.0.2.1");
    CHECK_IS(gp_from(c.last_mechanism), "PLAIN");
    CHECK_IS(gp_from(c.verifier.plain), FAST);
    CHECK(c.verifier.cram_len == 2 && c.verifier.cram[1] == 2);
    CHECK(anna.scram.iterations == 4096 && !anna.scram.has_salt[GP_SHA512]);
    CHECK_IS(((gp_str) { (const char *)anna.scram.salt[GP_SHA1], VERIFIER_SALT }), "salt of sha-1 ..");
    CHECK_IS(((gp_str) { (const char *)anna.scram.salt[GP_SHA256], VERIFIER_SALT }), "salt of sha-256!");
    CHECK(credential_scram(&c, &anna.scram, GP_SHA1, &keys) && credential_scram(&c, &anna.scram, GP_SHA256, &keys));
    CHECK(credential_state(&c, NOW) == CREDENTIAL_LIVE);
    CHECK(may_send(a, 3, 7, GP_LIT("anna@example.org"), NOW) == GP_OK);
}

static void check_others(struct accounts *a)
{
    struct account    bert = found(a, "bert"), carl = found(a, "carl");
    struct credential of_bert = get(a, 8), of_carl = get(a, 9);
    CHECK(bert.disabled && bert.scram.iterations == 600000 && of_bert.kind == CREDENTIAL_CHOSEN);
    CHECK(verifier_cost(&of_bert.verifier) == 600000);
    CHECK(carl.scram.iterations == 0 && !carl.scram.has_salt[GP_SHA1] && of_carl.kind == CREDENTIAL_CHOSEN);
    CHECK(verifier_is_hash(&of_carl.verifier));
    CHECK(may_send(a, 6, 9, GP_LIT("whoever@example.org"), NOW) == GP_OK);
}

TEST(every_earlier_version_opens_with_all_it_had)
{
    for (size_t version = 1; version < ACCOUNTS_VERSIONS; version++) {
        struct survey s;
        make_version(version);
        struct accounts *a = open_again();
        print_message("from version %zu\n", version);
        check_anna(a);
        check_others(a);
        CHECK(accounts_survey(a, NOW, &s) == GP_OK && s.secrets && s.candidates == 1);
        CHECK(s.cost > 600000 && s.dearest == 6); /* an earlier version took it for less than bert's */
        CHECK(!s.sha512); /* a client that takes the strongest would fail with a right password */
        CHECK(database_check(accounts_database(a)) == GP_OK);
        accounts_close(a);
        accounts_close(open_again()); /* and once more, now that there is nothing to do */
    }
}

TEST(more_credentials_join_the_salts_of_an_old_one)
{
    make_version(2);
    struct accounts     *a    = open_again();
    struct account       anna = found(a, "anna");
    struct verifier_keys keys;
    struct verifier      v;
    struct gp_scram_keys candidate;
    struct verifier_wish wish = { .account = GP_LIT("anna"), .generated = true, .group = &anna.scram };
    CHECK(verifier_keys_from(GP_LIT("a key for tests, of 32 octets..!"), &keys));
    CHECK(verifier_make(&keys, (gp_secret) { "correct horse", 13 }, &wish, &v));
    struct credential fresh = get(a, password_of_account(a, 3, "phone", &v));
    anna                    = found(a, "anna");
    for (unsigned hash = GP_SHA1; hash < GP_HASHES; hash++)
        CHECK(credential_scram(&fresh, &anna.scram, (enum gp_hash)hash, &candidate));
    CHECK_IS(((gp_str) { (const char *)anna.scram.salt[GP_SHA256], VERIFIER_SALT }), "salt of sha-256!");
    accounts_close(a);
}
