/* Changes of credentials: what those of one account share for SCRAM, rotation with an overlap, better forms of a hash, and accounts
 * that an outside source brings. */
#include "store/test_bed.h"

/* ---- one salt, one count --------------------------------------------------------------------------------------------- */
TEST(the_first_credential_with_keys_decides_salt_and_count_and_the_last_takes_them_along)
{
    struct accounts *a       = open_fresh();
    struct verifier  no_keys = verifier_of(SLOW, ""), first = keys_of(FAST, 4096, 's'), same = keys_of("", 4096, 's');
    struct verifier  other_salt = keys_of(FAST, 4096, 't'), other_count = keys_of(FAST, 5000, 's');
    int64_t          anna = account_of(a, "anna");
    CHECK(password_of_account(a, anna, "", &no_keys) && found(a, "anna").scram.iterations == 0);
    int64_t            one   = password_of_account(a, anna, "", &first);
    struct scram_group group = found(a, "anna").scram;
    CHECK(one && group.iterations == 4096);
    for (unsigned hash = GP_SHA1; hash < GP_HASHES; hash++) CHECK(group.has_salt[hash] && group.salt[hash][15] == 's');
    CHECK(!password_of_account(a, anna, "", &other_salt) && !password_of_account(a, anna, "", &other_count));
    int64_t two = password_of_account(a, anna, "", &same);
    CHECK(two && credential_revoke(a, one) == GP_OK && found(a, "anna").scram.iterations == 4096);
    CHECK(credential_revoke(a, two) == GP_OK && found(a, "anna").scram.iterations == 0);
    CHECK(!found(a, "anna").scram.has_salt[GP_SHA256]);
    CHECK(password_of_account(a, anna, "", &other_count) && found(a, "anna").scram.iterations == 5000);
    accounts_close(a);
}

TEST(a_hash_that_comes_later_gets_its_salt_then)
{
    struct accounts *a     = open_fresh();
    struct verifier  whole = keys_of(FAST, 4096, 's'), old = whole, later = keys_of(FAST, 4096, 'u');
    int64_t          anna = account_of(a, "anna");
    old.scram_sha512[0]   = '\0';
    memcpy(later.scram_sha1, whole.scram_sha1, sizeof(later.scram_sha1));
    memcpy(later.scram_sha256, whole.scram_sha256, sizeof(later.scram_sha256));
    CHECK(password_of_account(a, anna, "", &old) && !found(a, "anna").scram.has_salt[GP_SHA512]);
    CHECK(password_of_account(a, anna, "", &later) && found(a, "anna").scram.salt[GP_SHA512][0] == 'u');
    CHECK(!password_of_account(a, anna, "", &whole)); /* made at the same time, for another salt */
    accounts_close(a);
}

TEST(only_keys_of_the_account_are_candidates)
{
    struct gp_scram_keys keys;
    struct credential    c = { .verifier = keys_of(FAST, 4096, 's') };
    struct scram_group   group, none = { 0 };
    verifier_group(&c.verifier, &group);
    CHECK(credential_scram(&c, &group, GP_SHA256, &keys) && keys.iterations == 4096 && keys.hash == GP_SHA256);
    CHECK(credential_scram(&c, &group, GP_SHA512, &keys) && keys.hash == GP_SHA512);
    CHECK(!credential_scram(&c, &none, GP_SHA256, &keys) && !credential_scram(&c, &group, GP_MD5, &keys));
    group.iterations = 5000;
    CHECK(!credential_scram(&c, &group, GP_SHA256, &keys));
    c.verifier = keys_of(FAST, 5000, 't');
    CHECK(!credential_scram(&c, &group, GP_SHA256, &keys));
}

TEST(a_new_password_for_all_decides_anew)
{
    struct accounts *a     = open_fresh();
    struct verifier  first = keys_of(FAST, 4096, 's'), chosen = keys_of("", 600000, 'c');
    int64_t          anna = account_of(a, "anna"), phone = password_of_account(a, anna, "phone", &first);
    CHECK(phone && password_of_account(a, anna, "", &first));
    CHECK(accounts_set_password(a, anna, &chosen, CREDENTIAL_CHOSEN, 2000) == GP_OK);
    struct scram_group group = found(a, "anna").scram;
    CHECK(group.iterations == 600000 && group.salt[GP_SHA1][0] == 'c');
    CHECK(in_force(a, anna, phone, NOW) == GP_PERMFAIL);
    accounts_close(a);
}

/* ---- rotation -------------------------------------------------------------------------------------------------------- */
static int64_t rotate(struct accounts *a, int64_t old, gp_time retires, gp_time now)
{
    int64_t               id     = 0;
    const char           *why    = "";
    struct verifier       v      = verifier_of(FAST, "");
    struct new_credential n      = { .kind = CREDENTIAL_GENERATED, .verifier = &v };
    gp_status             status = credential_rotate(a, old, &n, retires, now, &id, &why);
    CHECK(status == GP_OK || (status == GP_PERMFAIL && why[0]));
    return status == GP_OK ? id : 0;
}

static void restrict_it(struct accounts *a, int64_t id, const char *label, const struct restrictions *limits,
                        gp_status want)
{
    const char *why = "";
    CHECK(credential_alter(a, id, gp_from(label), limits, &why) == want && (want == GP_OK || why[0]));
}

TEST(old_and_new_work_side_by_side_until_the_old_one_retires)
{
    struct accounts    *a      = open_fresh();
    struct verifier     v      = verifier_of(FAST, "");
    struct restrictions limits = { .networks = "192.0.2.0/24", .senders = "anna@example.org" };
    int64_t             anna = account_of(a, "anna"), old = password_of_account(a, anna, "phone", &v);
    restrict_it(a, old, "phone", &limits, GP_OK);
    int64_t fresh = rotate(a, old, 3000, 2000);
    CHECK(fresh && fresh != old);
    struct credential was = get(a, old), is = get(a, fresh);
    CHECK_IS(gp_from(was.label), "phone (old)");
    CHECK_IS(gp_from(is.label), "phone");
    CHECK_IS(gp_from(is.limits.networks), "192.0.2.0/24");
    CHECK_IS(gp_from(is.limits.senders), "anna@example.org");
    CHECK(was.replaced_by == fresh && was.retires == 3000 && is.replaced_by == 0 && is.retires == 0 &&
          is.created == 2000);
    CHECK(in_force(a, anna, old, 2999) == GP_OK && in_force(a, anna, fresh, 2999) == GP_OK);
    CHECK(in_force(a, anna, old, 3000) == GP_PERMFAIL && in_force(a, anna, fresh, 3000) == GP_OK);
    CHECK(!rotate(a, old, 4000, 2500) && !rotate(a, old, 4000, 3500)); /* it has its successor */
    CHECK(credential_revoke(a, fresh) == GP_OK && in_force(a, anna, old, 3000) == GP_PERMFAIL);
    accounts_close(a);
}

TEST(labels_stay_unique_however_often_one_is_rotated)
{
    static const char *const want[] = { "phone (old)", "phone (old 2)", "phone (old 3)" };
    struct accounts         *a      = open_fresh();
    struct verifier          v      = verifier_of(FAST, "");
    int64_t                  anna = account_of(a, "anna"), id = password_of_account(a, anna, "phone", &v);
    for (size_t i = 0; i < GP_COUNT(want); i++) {
        int64_t next = rotate(a, id, 0, 2000);
        CHECK(next && in_force(a, anna, id, 2000) == GP_PERMFAIL);
        CHECK_IS(gp_from(get(a, id).label), want[i]);
        id = next;
    }
    CHECK_IS(gp_from(get(a, id).label), "phone");
    int64_t unnamed = password_of_account(a, anna, "", &v), next = rotate(a, unnamed, 0, 2000);
    CHECK(next && get(a, unnamed).label[0] == '\0' && get(a, next).label[0] == '\0');
    int64_t long_one =
        password_of_account(a, anna, "123456789 123456789 123456789 123456789 123456789 123456\xc3\xa4...", &v);
    CHECK(rotate(a, long_one, 0, 2000)); /* cut before the character that would be halved */
    CHECK_IS(gp_from(get(a, long_one).label), "123456789 123456789 123456789 123456789 123456789 123456 (old)");
    accounts_close(a);
}

TEST(what_has_ended_is_not_rotated_and_a_refusal_changes_nothing)
{
    int64_t               id;
    const char           *why     = "";
    struct accounts      *a       = open_fresh();
    struct verifier       v       = verifier_of(FAST, "");
    struct restrictions   expired = { .expires = 1500 }, idle = { .idle_days = 1 };
    struct new_credential taken = { .kind = CREDENTIAL_OAUTH, .subject = GP_LIT("https://id.example 1") };
    int64_t               anna = account_of(a, "anna"), one = password_of_account(a, anna, "one", &v);
    int64_t               two = password_of_account(a, anna, "two", &v);
    CHECK(try_credential(a, anna, &taken));
    restrict_it(a, one, "one", &expired, GP_OK);
    CHECK(!rotate(a, one, 0, 2000) && !rotate(a, 999, 0, 2000));
    CHECK(credential_rotate(a, two, &taken, 0, 2000, &id, &why) == GP_PERMFAIL && why[0]);
    CHECK_IS(gp_from(get(a, two).label), "two");
    restrict_it(a, two, "two", &idle, GP_OK);
    CHECK(in_force(a, anna, two, INT32_MAX) == GP_PERMFAIL);
    CHECK(in_force(a, anna, rotate(a, two, 0, INT32_MAX), INT32_MAX) == GP_OK); /* a fresh start */
    accounts_close(a);
}

TEST(label_and_restrictions_are_altered_together)
{
    struct accounts    *a    = open_fresh();
    struct verifier     v    = verifier_of(FAST, "");
    struct restrictions some = { .mechanisms = "PLAIN", .idle_days = 3 }, bad = { .senders = "x" },
                        none = { .expires = 0 };
    int64_t anna = account_of(a, "anna"), one = password_of_account(a, anna, "one", &v);
    CHECK(password_of_account(a, anna, "two", &v));
    restrict_it(a, one, "one", &some, GP_OK); /* its own label is not another's */
    restrict_it(a, one, "two", &none, GP_PERMFAIL);
    restrict_it(a, one, "three", &bad, GP_PERMFAIL);
    restrict_it(a, 999, "three", &none, GP_PERMFAIL);
    struct credential c = get(a, one);
    CHECK_IS(gp_from(c.label), "one");
    CHECK_IS(gp_from(c.limits.mechanisms), "PLAIN");
    CHECK(c.limits.idle_days == 3);
    restrict_it(a, one, "", &none, GP_OK);
    c = get(a, one);
    CHECK(c.label[0] == '\0' && c.limits.mechanisms[0] == '\0' && c.limits.idle_days == 0);
    accounts_close(a);
}

/* ---- better forms ---------------------------------------------------------------------------------------------------- */
static gp_status upgrade(struct accounts *a, int64_t id, enum credential_kind from, const struct verifier *v)
{
    const char *why    = "";
    gp_status   status = credential_upgrade(a, id, from, v, &why);
    CHECK(status != GP_PERMFAIL || why[0]);
    return status;
}

TEST(an_imported_hash_becomes_a_chosen_password_once)
{
    struct accounts *a   = open_fresh();
    struct verifier hash = verifier_of("$6$x", ""), native = keys_of("", 600000, 'n'), clash = keys_of("", 600000, 'c');
    struct new_credential n    = { .kind     = CREDENTIAL_IMPORTED,
                                   .label    = GP_LIT("from the old server"),
                                   .verifier = &hash };
    int64_t               anna = account_of(a, "anna"), id = try_credential(a, anna, &n),
            other = try_credential(a, account_of(a, "bert"), &n);
    CHECK(upgrade(a, id, CREDENTIAL_CHOSEN, &native) == GP_PERMFAIL && get(a, id).kind == CREDENTIAL_IMPORTED);
    CHECK(upgrade(a, id, CREDENTIAL_IMPORTED, &native) == GP_OK);
    struct credential c = get(a, id);
    CHECK(c.kind == CREDENTIAL_CHOSEN && c.verifier.plain[0] == '\0' && verifier_cost(&c.verifier) == 600000);
    CHECK_IS(gp_from(c.label), "from the old server");
    CHECK(found(a, "anna").scram.iterations == 600000);
    CHECK(upgrade(a, id, CREDENTIAL_IMPORTED, &native) == GP_PERMFAIL &&
          upgrade(a, 999, CREDENTIAL_IMPORTED, &native) == GP_PERMFAIL);
    CHECK(upgrade(a, id, CREDENTIAL_CHOSEN, &clash) == GP_PERMFAIL); /* salts of another group */
    CHECK(get(a, other).kind == CREDENTIAL_IMPORTED && found(a, "bert").scram.iterations == 0);
    accounts_close(a);
}

TEST(better_forms_keep_the_kind_and_the_secret_for_cram)
{
    struct accounts *a   = open_fresh();
    struct verifier  old = keys_of(FAST, 4096, 's'), better = old;
    old.scram_sha512[0] = '\0';
    old.cram_len        = 40;
    int64_t id          = password_of_account(a, account_of(a, "anna"), "", &old);
    CHECK(upgrade(a, id, CREDENTIAL_GENERATED, &better) == GP_OK);
    struct credential c = get(a, id);
    CHECK(c.kind == CREDENTIAL_GENERATED && c.verifier.scram_sha512[0] && c.verifier.cram_len == 40);
    CHECK(found(a, "anna").scram.has_salt[GP_SHA512]);
    accounts_close(a);
}

/* ---- accounts of a source -------------------------------------------------------------------------------------------- */
static gp_status provide(struct accounts *a, const char *name, const char *source, struct account *out,
                         int64_t *credential, const char **why)
{
    struct provided p = { gp_from(name), gp_from(source), false };
    return accounts_provision(a, &p, 1000, out, credential, why);
}

TEST(a_source_brings_an_account_once_and_takes_none_over)
{
    struct accounts *a = open_fresh();
    struct account   first, again;
    int64_t          credential = 0, same = 0, anna = account_of(a, "anna");
    const char      *why = "";
    CHECK(provide(a, "bert", "ldap", &first, &credential, &why) == GP_OK);
    CHECK_IS(gp_from(first.source), "ldap");
    CHECK(may_send(a, first.id, credential, GP_LIT("bert@example.org"), NOW) == GP_OK);
    CHECK(provide(a, "bert@example.org", "ldap", &again, &same, &why) == GP_OK);
    CHECK(again.id == first.id && same == credential);
    CHECK(provide(a, "bert", "pam", &again, &same, &why) == GP_PERMFAIL && why[0]);
    CHECK(provide(a, "anna", "ldap", &again, &same, &why) == GP_PERMFAIL);
    CHECK(subject_of_account(a, anna, CREDENTIAL_SOURCE, "ldap")); /* until it is told so */
    CHECK(provide(a, "anna", "ldap", &again, &same, &why) == GP_OK && again.id == anna);
    CHECK(credential_revoke(a, credential) == GP_OK); /* and what was revoked does not come back by itself */
    CHECK(provide(a, "bert", "ldap", &again, &same, &why) == GP_PERMFAIL);
    CHECK(provide(a, "a b", "ldap", &again, &same, &why) == GP_PERMFAIL);
    CHECK(provide(a, "carl", "", &again, &same, &why) == GP_PERMFAIL && !found(a, "carl").id);
    accounts_close(a);
}

/* One person has one account, in whichever case the name is said: else who was disabled would be let in again as another. */
TEST(names_that_differ_in_case_are_no_second_account)
{
    static const struct {
        const char *there, *said, *source;
        bool        folds;
        gp_status   status;
    } cases[] = {
  /* clang-format off */
        { "ada",             "Ada",              "ldap",  true,  GP_OK       },
        { "ada",             "ADA@EXAMPLE.ORG",  "ldap",  true,  GP_OK       },
        { "ada@example.org", "Ada",              "ldap",  true,  GP_OK       },
        { "Ada",             "ada",              "ldap",  true,  GP_OK       },
        { "\xc3\xa9va",      "\xc3\x89VA",       "ldap",  true,  GP_OK       },
        { "ada",             "Ada",              "ldap",  false, GP_PERMFAIL },
        { "ada",             "Ada",              "other", true,  GP_PERMFAIL },
        { "ada@other.example", "Ada",            "ldap",  false, GP_OK       }, /* somebody else */
        { "ada",             "adam",             "ldap",  false, GP_OK       },
  /* clang-format on */
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        struct accounts *a = open_fresh();
        struct account   first, second;
        int64_t          credential, same;
        const char      *why = "";
        struct provided  one = { gp_from(cases[i].there), GP_LIT("ldap"), cases[i].folds },
                        two  = { gp_from(cases[i].said), gp_from(cases[i].source), cases[i].folds };
        print_message("%s, %s\n", cases[i].there, cases[i].said);
        CHECK(accounts_provision(a, &one, 1000, &first, &credential, &why) == GP_OK);
        CHECK(accounts_provision(a, &two, 2000, &second, &same, &why) == cases[i].status);
        if (cases[i].status == GP_OK) CHECK((second.id == first.id) == (second.created == 1000));
        if (cases[i].folds && cases[i].status == GP_OK) CHECK(second.id == first.id && same == credential);
        if (cases[i].status == GP_PERMFAIL) CHECK(why[0]);
        accounts_close(a);
    }
}

TEST(an_account_may_be_kept_to_some_mechanisms)
{
    char             long_list[CREDENTIAL_WORDS + 1];
    const char      *why  = "";
    struct accounts *a    = open_fresh();
    int64_t          anna = account_of(a, "anna");
    CHECK(found(a, "anna").mechanisms[0] == '\0');
    CHECK(accounts_set_mechanisms(a, anna, GP_LIT(" PLAIN  LOGIN"), &why) == GP_OK);
    CHECK_IS(gp_from(found(a, "anna").mechanisms), "PLAIN LOGIN");
    memset(long_list, 'A', sizeof(long_list));
    CHECK(accounts_set_mechanisms(a, anna, (gp_str) { long_list, sizeof(long_list) }, &why) == GP_PERMFAIL && why[0]);
    CHECK(accounts_set_mechanisms(a, 999, GP_LIT("PLAIN"), &why) == GP_PERMFAIL);
    CHECK(accounts_set_mechanisms(a, anna, GP_LIT(""), &why) == GP_OK && found(a, "anna").mechanisms[0] == '\0');
    accounts_close(a);
}
