/* Verifiers: which forms are kept of which password, what they cost, and that each lets in its password and no other. */
#include "store/verifier.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

static const char key_octets[] = "0123456789abcdef0123456789abcdef";

static struct verifier_keys keys_of(const char *octets)
{
    struct verifier_keys keys;
    CHECK(verifier_keys_from(gp_from(octets), &keys));
    return keys;
}

static gp_secret secret(const char *z)
{
    return (gp_secret) { z, strlen(z) };
}

/* clang-format off */
static const struct {
    const char          *what;
    struct verifier_wish wish;
    bool                 keeps_plain, keeps_scram, keeps_cram, is_hash;
    uint32_t             cost, rounds;
} forms[] = {
    { "generated",                 { .generated = true, .scram = true },                                       true,  true,  false, false, 0,                  4096 },
    { "generated, SCRAM off",      { .generated = true },                                                      true,  true,  false, false, 0,                  4096 },
    { "generated, CRAM-MD5",       { .generated = true, .allow_cram = true },                                  true,  true,  true,  false, 0,                  4096 },
    { "chosen: one verifier",      { .scram = true, .iterations = 5000 },                                      false, true,  false, false, 5000,               5000 },
    { "chosen, CRAM-MD5",          { .scram = true, .iterations = 5000, .allow_cram = true },                  false, true,  true,  false, 5000,               5000 },
    { "chosen, SCRAM off: Argon2", { .scram = false, .iterations = 5000 },                                     true,  false, false, true,  GP_HASH_COST,              0    },
};
/* clang-format on */

TEST(each_kind_of_password_keeps_its_forms_and_no_other)
{
    struct verifier_keys keys = keys_of(key_octets);
    for (size_t i = 0; i < GP_COUNT(forms); i++) {
        struct verifier      v;
        struct gp_scram_keys scram = { 0 };
        print_message("%s\n", forms[i].what);
        CHECK(verifier_make(&keys, secret("correct horse"), &forms[i].wish, &v));
        CHECK((v.plain[0] != '\0') == forms[i].keeps_plain);
        CHECK((v.scram_sha1[0] != '\0') == forms[i].keeps_scram);
        CHECK((v.scram_sha256[0] != '\0') == forms[i].keeps_scram);
        CHECK((v.scram_sha512[0] != '\0') == forms[i].keeps_scram && !v.scram_left_out);
        CHECK((v.cram_len > 0) == forms[i].keeps_cram);
        CHECK(verifier_is_hash(&v) == forms[i].is_hash);
        CHECK(verifier_cost(&v) == forms[i].cost);
        CHECK(gp_scram_keys_read(gp_from(v.scram_sha256), &scram) == forms[i].keeps_scram);
        CHECK(scram.iterations == forms[i].rounds);
        CHECK(verifier_check(&keys, &v, secret("correct horse")) == GP_OK);
        CHECK(verifier_check(&keys, &v, secret("correct hors")) == GP_PERMFAIL);
        CHECK(verifier_check(&keys, &v, secret("")) == GP_PERMFAIL);
    }
}

TEST(a_keyed_verifier_is_worth_nothing_without_the_key)
{
    struct verifier      v;
    struct verifier_keys keys = keys_of(key_octets), other = keys_of("another key of thirty-two octets");
    struct verifier_wish wish = { .generated = true };
    CHECK(verifier_make(&keys, secret("correct horse"), &wish, &v));
    CHECK(verifier_check(&other, &v, secret("correct horse")) == GP_PERMFAIL);
}

TEST(two_verifiers_of_one_password_differ)
{
    struct verifier      a, b;
    struct verifier_keys keys = keys_of(key_octets);
    struct verifier_wish wish = { .generated = true };
    CHECK(verifier_make(&keys, secret("correct horse"), &wish, &a) &&
          verifier_make(&keys, secret("correct horse"), &wish, &b));
    CHECK(strcmp(a.plain, b.plain) != 0 && strcmp(a.scram_sha256, b.scram_sha256) != 0);
}

/* clang-format off */
static const struct { const char *what; bool generated; uint32_t account, configured, count; } counts[] = { /* count 0: no SCRAM */
    { "generated, alone",             true,  0,    5000, 4096 },
    { "generated beside a chosen",    true,  5000, 5000, 5000 },
    { "chosen, alone",                false, 0,    5000, 5000 },
    { "chosen beside a chosen",       false, 5000, 5000, 5000 },
    { "chosen where more was usual",  false, 6000, 5000, 6000 },
    { "chosen beside a generated",    false, 4096, 5000, 0    },
};
/* clang-format on */

TEST(credentials_of_an_account_share_salts_and_count)
{
    struct verifier_keys keys = keys_of(key_octets);
    for (size_t i = 0; i < GP_COUNT(counts); i++) {
        struct verifier      v;
        struct scram_group   group = { .iterations = counts[i].account }, made;
        struct verifier_wish wish  = {
             .generated = counts[i].generated, .scram = true, .iterations = counts[i].configured, .group = &group
        };
        group.has_salt[GP_SHA1] = group.has_salt[GP_SHA256] = counts[i].account > 0; /* and SHA-512's is open */
        memset(group.salt[GP_SHA1], '1', VERIFIER_SALT);
        memset(group.salt[GP_SHA256], '2', VERIFIER_SALT);
        print_message("%s\n", counts[i].what);
        CHECK(verifier_make(&keys, secret("correct horse"), &wish, &v));
        CHECK(v.scram_left_out == (counts[i].count == 0) && verifier_is_hash(&v) == v.scram_left_out);
        CHECK(verifier_check(&keys, &v, secret("correct horse")) == GP_OK);
        verifier_group(&v, &made);
        CHECK(made.iterations == counts[i].count && made.has_salt[GP_SHA512] == !v.scram_left_out);
        bool same = memcmp(made.salt[GP_SHA1], group.salt[GP_SHA1], VERIFIER_SALT) == 0 &&
                    memcmp(made.salt[GP_SHA256], group.salt[GP_SHA256], VERIFIER_SALT) == 0;
        CHECK(same == (counts[i].account > 0 && counts[i].count > 0));
        CHECK(memcmp(made.salt[GP_SHA512], group.salt[GP_SHA512], VERIFIER_SALT) != 0 || v.scram_left_out);
    }
}

TEST(all_sizes_of_scram_are_of_one_password)
{
    struct verifier      v;
    struct verifier_keys keys = keys_of(key_octets);
    struct verifier_wish wish = { .generated = true };
    CHECK(verifier_make(&keys, secret("correct horse"), &wish, &v));
    for (unsigned hash = GP_SHA1; hash < GP_HASHES; hash++) {
        struct gp_scram_keys scram;
        CHECK(gp_scram_keys_read(verifier_scram(&v, (enum gp_hash)hash), &scram) && scram.hash == (enum gp_hash)hash);
        CHECK(gp_scram_keys_match(&scram, secret("correct horse")) &&
              !gp_scram_keys_match(&scram, secret("correct hors")));
    }
    CHECK(verifier_scram(&v, GP_MD5).len == 0);
}

TEST(a_mangled_verifier_cannot_tell)
{
    static const char *const texts[] = { "$keyed-sha256$", "$keyed-sha256$AAAA", "$keyed-sha256$!", "$nonsense$x" };
    struct verifier_keys     keys    = keys_of(key_octets);
    for (size_t i = 0; i < GP_COUNT(texts); i++) {
        struct verifier v = { 0 };
        CHECK(gp_copy_z(gp_from(texts[i]), v.plain, sizeof(v.plain)));
        CHECK(verifier_check(&keys, &v, secret("x")) == GP_TEMPFAIL);
    }
    struct verifier empty = { 0 };
    CHECK(verifier_check(&keys, &empty, secret("x")) == GP_TEMPFAIL);
}

TEST(a_cram_secret_opens_for_its_account_only)
{
    char                 out[GP_PASSWORD_MOST];
    size_t               len = 0;
    struct verifier      v;
    struct verifier_keys keys = keys_of(key_octets), other = keys_of("another key of thirty-two octets");
    struct verifier_wish wish = { .account = GP_LIT("anna"), .generated = true, .allow_cram = true };
    CHECK(verifier_make(&keys, secret("correct horse"), &wish, &v));
    CHECK(verifier_cram_secret(&keys, &v, GP_LIT("anna"), out, &len));
    CHECK_IS(((gp_str) { out, len }), "correct horse");
    CHECK(!verifier_cram_secret(&keys, &v, GP_LIT("bert"), out, &len));
    CHECK(!verifier_cram_secret(&other, &v, GP_LIT("anna"), out, &len));
    v.cram_len = 0;
    CHECK(!verifier_cram_secret(&keys, &v, GP_LIT("anna"), out, &len));
}

TEST(an_unknown_user_looks_the_same_each_time_and_like_no_other)
{
    struct gp_scram_keys first, again, other, sha1;
    struct verifier_keys keys = keys_of(key_octets);
    CHECK(verifier_unknown_user(&keys, GP_SHA256, GP_LIT("nobody"), 4096, &first));
    CHECK(verifier_unknown_user(&keys, GP_SHA256, GP_LIT("nobody"), 4096, &again));
    CHECK(verifier_unknown_user(&keys, GP_SHA256, GP_LIT("nobodz"), 4096, &other));
    CHECK(verifier_unknown_user(&keys, GP_SHA1, GP_LIT("nobody"), 4096, &sha1));
    CHECK(first.salt_len == VERIFIER_SALT && first.iterations == 4096);
    CHECK(memcmp(first.salt, again.salt, VERIFIER_SALT) == 0);
    CHECK(memcmp(first.salt, other.salt, VERIFIER_SALT) != 0);
    size_t alike = 0;
    for (size_t i = 0; i < VERIFIER_SALT; i++) alike += first.salt[i] == sha1.salt[i];
    CHECK(alike < VERIFIER_SALT / 2);
    CHECK(memcmp(first.stored_key, again.stored_key, gp_hash_size(GP_SHA256)) != 0); /* no proof ever fits */
}

TEST(vault_key_has_one_length)
{
    struct verifier_keys keys;
    const char          *why;
    char                 path[] = "/tmp/gatepost-key-XXXXXX";
    int                  fd     = mkstemp(path);
    CHECK(fd >= 0);
    CHECK(!verifier_keys_read(path, &keys, &why));
    CHECK(write(fd, key_octets, 32) == 32 && verifier_keys_read(path, &keys, &why));
    CHECK(write(fd, "x", 1) == 1 && !verifier_keys_read(path, &keys, &why));
    (void)close(fd);
    (void)unlink(path);
    CHECK(!verifier_keys_read(path, &keys, &why));
    CHECK(!verifier_keys_from(GP_LIT("short"), &keys));
}

/* clang-format off */
static const struct { const char *chosen; bool good; } choices[] = {
    { "12345678",                         true  },
    { "1234567",                          false },
    { "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4", false }, /* 8 octets, 4 code points */
    { "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4", true },
    { "with spaces in it",                true  },
    { "with\x01" "control",               false },
    { "not utf-8 \xff\xfe",               false },
    { "",                                 false },
};
/* clang-format on */

TEST(length_counts_in_code_points)
{
    for (size_t i = 0; i < GP_COUNT(choices); i++) {
        char           room[GP_PASSWORD_MOST];
        struct gp_text out = GP_TEXT(room);
        const char    *why = "", *hint = "";
        CHECK(verifier_accepts(gp_from(choices[i].chosen), &out, &why, &hint) == choices[i].good);
        CHECK(choices[i].good || (why[0] && hint[0]));
    }
}

TEST(a_password_over_the_bound_is_refused_before_any_work)
{
    static char          large[GP_PASSWORD_MOST + 1];
    char                 room[GP_PASSWORD_MOST];
    struct gp_text       out = GP_TEXT(room);
    const char          *why, *hint;
    struct verifier      v;
    struct verifier_keys keys = keys_of(key_octets);
    struct verifier_wish wish = { .generated = true };
    memset(large, 'x', sizeof(large));
    CHECK(!verifier_accepts((gp_str) { large, sizeof(large) }, &out, &why, &hint));
    CHECK(verifier_make(&keys, secret("correct horse"), &wish, &v));
    CHECK(verifier_check(&keys, &v, (gp_secret) { large, sizeof(large) }) == GP_PERMFAIL);
}
