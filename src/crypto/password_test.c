/* Password strings: those of other systems that we say we read, and those that must open for nobody. */
#include "crypto/crypto.h"

#include "check.h"

#include <jansson.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

static json_t *vectors(void)
{
    size_t  len  = 0;
    char   *file = kit_file("tests/vectors/password_hashes.json", &len);
    json_t *root = json_loadb(file, len, JSON_ALLOW_NUL, NULL);
    free(file);
    CHECK(root);
    return root;
}

static gp_str text_of(const json_t *entry, const char *name)
{
    const json_t *value = json_object_get(entry, name);
    return (gp_str) { json_string_value(value), json_string_length(value) };
}

static gp_status check(gp_str password, gp_str stored)
{
    return gp_password_check((gp_secret) { password.ptr, password.len }, stored);
}

/* Plain text is no stored form: what brings one in makes another of it. */
static bool is_plain_text(gp_str stored)
{
    return gp_starts(stored, "{PLAIN}");
}

static bool ends_at_72(gp_str stored)
{
    return gp_starts(stored, "$2") || gp_starts(stored, "{BLF-CRYPT}");
}

/* One octet less: DES looks at the first eight alone. */
static void check_entry(const json_t *entry)
{
    gp_str stored = text_of(entry, "hash"), password = text_of(entry, "password");
    if (is_plain_text(stored)) {
        assert_int_equal(check(password, stored), GP_TEMPFAIL);
        CHECK(gp_password_wrong(stored));
        return;
    }
    if (gp_password_wrong(stored)) fail_msg("%s: %s", stored.ptr, gp_password_wrong(stored));
    if (check(password, stored) != GP_OK) fail_msg("%s: does not open", stored.ptr);
    if (!ends_at_72(stored) || password.len < 72)
        assert_int_equal(check(GP_LIT("another password"), stored), GP_PERMFAIL);
}

TEST(strings_of_other_systems_verify)
{
    json_t *root = vectors(), *entry;
    size_t  i;
    json_array_foreach(json_object_get(root, "entries"), i, entry) check_entry(entry);
    CHECK(i > 100);
    json_decref(root);
}

/* Half of a string opens for nobody, and is known as half. The digest of Argon2 alone may have any length. */
TEST(strings_that_are_cut_short_are_known)
{
    json_t *root = vectors(), *entry;
    size_t  i;
    json_array_foreach(json_object_get(root, "entries"), i, entry)
    {
        gp_str stored = text_of(entry, "hash");
        bool   any    = gp_starts(stored, "$argon2") || gp_starts(stored, "{ARGON2");
        if (!any && !gp_password_wrong(gp_head(stored, stored.len - 1))) fail_msg("%s: cut by one", stored.ptr);
    }
    json_decref(root);
}

/* clang-format off */
static const struct { const char *stored, *password; gp_status verdict; } spellings[] = {
    { "argon2$argon2i$v=19$m=4096,t=3,p=2$c2FsdHNhbHRzYWx0$Eg1iIwDbKm7eukESJR/n4gKDH2GU2yXfsCcnguPTT54", "correct horse battery staple", GP_OK },
    { "bcrypt$$2b$05$K8LUg9DNShBpn.I8hLeN/OFQ.vPF7gc/Bxyjm6BqCXQ8f274EOIpi", "correct horse battery staple", GP_OK },
    { "{CRYPT}$1$IRX2V7HQ$BPxZNBXaSpRmut4DM3buE.",               "correct horse battery staple", GP_OK },
    { "{crypt}w5Qmqt/W/JyPc",                                    "correct horse battery staple", GP_OK },
    { "{MD5}$1$IRX2V7HQ$BPxZNBXaSpRmut4DM3buE.",                 "correct horse battery staple", GP_OK },
    { "{MD5}nMKuihunqT2jm0b8EBnEgQ==",                           "correct horse battery staple", GP_OK },
    { "{SHA}q/eq1kOINtvlJqojGr3i0O73TUI=",                       "correct horse battery staple", GP_OK },
    { "{SHA}abf7aad6438836dbe526aa231abde2d0eef74d42",           "correct horse battery staple", GP_OK },
    { "{PLAIN-MD5.b64}nMKuihunqT2jm0b8EBnEgQ==",                 "correct horse battery staple", GP_OK },
    { "{CRYPT.b64}dzVRbXF0L1cvSnlQYw==",                         "correct horse battery staple", GP_OK },
    { "SCRAM-SHA-256$4096:BjbAtNUofL9gpvyanaPF1Q==$+M//sq3RWg4yJatodHXrVxjBywf9djUOaeYKTqmj+hc=:"
      "xfUDhQlQ21+5HXich9vYP14nLfzKEpE8o008nbtF7u8=",            "correct horse battery staple", GP_OK },
    { "{SSHA.b32}SbTdRvivCMAa3Dg0+Qi3bohbFVFy0ChG",              "correct horse battery staple", GP_OK }, /* as if it were not there */
    { "{SSHA",                                                   "x", GP_TEMPFAIL },
    { "{}",                                                      "x", GP_TEMPFAIL },
    { "{CRYPT}",                                                 "x", GP_TEMPFAIL },
    { "{CRYPT}{SSHA}SbTdRvivCMAa3Dg0+Qi3bohbFVFy0ChG",           "x", GP_TEMPFAIL },
};
/* clang-format on */

/* What Argon2's own library would refuse is refused when it comes in, not at the first sign-in. */
TEST(argon2_strings_that_cannot_be_computed_are_known)
{
    static const char *const strings[] = {
        "$argon2id$v=19$m=15,t=2,p=2$c2FsdHNhbHRzYWx0$XipkDWh6WeBGLZNux5oGt3Wy1614ndjGEi2wltkYlWs", /* 8 KiB a lane at least */
        "$argon2id$v=19$m=4096,t=2,p=1$c2FsdA$XipkDWh6WeBGLZNux5oGt3Wy1614ndjGEi2wltkYlWs",
        "$argon2id$v=19$m=4096,t=2,p=1$c2FsdHNhbHRzYWx0$Xip!DWh6WeBGLZNux5oGt3Wy1614ndjGEi2wltkYlWs",
        "$argon2id$v=19$m=4096,t=2,p=1$c2FsdHNhbHRzYWx0$Xip",
    };
    for (size_t i = 0; i < GP_COUNT(strings); i++) CHECK(gp_password_wrong(gp_from(strings[i])));
}

TEST(one_scheme_has_many_spellings)
{
    for (size_t i = 0; i < GP_COUNT(spellings); i++) {
        print_message("%s\n", spellings[i].stored);
        assert_int_equal(check(gp_from(spellings[i].password), gp_from(spellings[i].stored)), spellings[i].verdict);
    }
}

TEST(strings_that_must_open_for_nobody)
{
    static const gp_str passwords[] = { GP_LIT("x"), GP_LIT("password"), GP_LIT(""), GP_LIT("*0") };
    json_t             *root        = vectors(), *entry;
    size_t              i;
    json_array_foreach(json_object_get(root, "must_not_verify"), i,
                       entry) for (size_t j = 0; j < GP_COUNT(passwords);
                                   j++) if (check(passwords[j], text_of(entry, "hash")) == GP_OK)
        fail_msg("%s", json_string_value(json_object_get(entry, "why")));
    CHECK(i > 0);
    json_decref(root);
}

TEST(costs_have_a_bound)
{
    static const char *const costly[] = {
        "$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHRzYWx0$XipkDWh6WeBGLZNux5oGt3Wy1614ndjGEi2wltkYlWs",
        "$argon2id$v=19$m=4096,t=4000,p=1$c2FsdHNhbHRzYWx0$XipkDWh6WeBGLZNux5oGt3Wy1614ndjGEi2wltkYlWs",
        "$argon2id$m=4096,t=3,p=1$c2FsdHNhbHRzYWx0$XipkDWh6WeBGLZNux5oGt3Wy1614ndjGEi2wltkYlWs",
        "$2y$31$mh4WDe055hiyH/xagV74feGHsZgfkgWDtQJbFky1sO76R73vTTZgu",
        "$6$rounds=999999999$saltstring$xMUFN6W07fsRThglOOFQSt8DhiZ8vhY9SFlu/6HwdJRqHUJpF6dLEO6B43s8rZjJWhMF1NQ7XQWgUJHRVu40R/",
        "$y$jHT$Gy/UbPuYEOyfXB/823dxr.$wC4bNvs4YU6IAEV9o19Ij4/Yp7eCzC/oiRJE6ARo7FD",
        "$y$j7500$Gy/UbPuYEOyfXB/823dxr.$wC4bNvs4YU6IAEV9o19Ij4/Yp7eCzC/oiRJE6ARo7FD",
        "$7$KU..../....p2LqF/KXQTCAZ56ptJQQl/$baRjob5ha/wvqksdnL8TFmT8OJ4AHSWeDAB978dEVM1",
        "$7$CU/.../....p2LqF/KXQTCAZ56ptJQQl/$baRjob5ha/wvqksdnL8TFmT8OJ4AHSWeDAB978dEVM1",
        "_zzzzlW5F3jt27zJZCEo",
        "$md5,rounds=4000000000$P2HBl42C$$5bAUXk5/S/8MGBpsQKkMr0",
        "$pbkdf2-sha256$2900000$upcS4rx3zllrLcW49x7DGA$boIWnPqNTtyE/zzLMk5fZs1xeEyoKSlzS7BG9nUCJzM",
        "{PBKDF2}$1$3FuKG.VliBDGJEw3$500000000$86721b4e001e4d84238822b21c0ee581ba90c1f8",
        "{SCRAM-SHA-1}409600000,NGl84NUgNdrDZiy1iFRnnw==,ELoaZr/DndG7wzcYLjVq4+3a73I=,bnOnj1u27GGjnXVHLGXmMTKpCLM=",
    };
    for (size_t i = 0; i < GP_COUNT(costly); i++) {
        print_message("%s\n", costly[i]);
        CHECK(gp_password_wrong(gp_from(costly[i])));
        assert_int_equal(check(GP_LIT("correct horse battery staple"), gp_from(costly[i])), GP_TEMPFAIL);
    }
}

/* clang-format off */
static const struct { const char *stored; uint32_t least, most; } prices[] = {
    { "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$XipkDWh6WeBGLZNux5oGt3Wy1614ndjGEi2wltkYlWs", GP_HASH_COST, GP_HASH_COST },
    { "$argon2i$v=19$m=19456,t=4,p=1$c2FsdHNhbHRzYWx0$XipkDWh6WeBGLZNux5oGt3Wy1614ndjGEi2wltkYlWs",  2 * GP_HASH_COST, 2 * GP_HASH_COST },
    { "$argon2id$v=19$m=262144,t=16,p=8$c2FsdHNhbHRzYWx0$XipkDWh6WeBGLZNux5oGt3Wy1614ndjGEi2wltkYlWs", 15000000, 25000000 },
    { "$2y$04$mh4WDe055hiyH/xagV74feGHsZgfkgWDtQJbFky1sO76R73vTTZgu",                    3000,     4000     },
    { "{BLF-CRYPT}$2y$12$mh4WDe055hiyH/xagV74feGHsZgfkgWDtQJbFky1sO76R73vTTZgu",         800000,   1000000  },
    { "bcrypt$$2b$16$K8LUg9DNShBpn.I8hLeN/OFQ.vPF7gc/Bxyjm6BqCXQ8f274EOIpi",             13000000, 15000000 },
    { "$6$saltstring$xMUFN6W07fsRThglOOFQSt8DhiZ8vhY9SFlu/6HwdJRqHUJpF6dLEO6B43s8rZjJWhMF1NQ7XQWgUJHRVu40R/", 6000, 7000 },
    { "$6$rounds=500000$saltstring$xMUFN6W07fsRThglOOFQSt8DhiZ8vhY9SFlu/6HwdJRqHUJpF6dLEO6B43s8rZjJWhMF1NQ7XQWgUJHRVu40R/", 600000, 700000 },
    { "$y$j9T$Gy/UbPuYEOyfXB/823dxr.$wC4bNvs4YU6IAEV9o19Ij4/Yp7eCzC/oiRJE6ARo7FD",       60000,    70000    },
    { "$y$jBT$Gy/UbPuYEOyfXB/823dxr.$wC4bNvs4YU6IAEV9o19Ij4/Yp7eCzC/oiRJE6ARo7FD",       240000,   280000   },
    { "$7$CU..../....p2LqF/KXQTCAZ56ptJQQl/$baRjob5ha/wvqksdnL8TFmT8OJ4AHSWeDAB978dEVM1", 480000,  520000   },
    { "$1$IRX2V7HQ$BPxZNBXaSpRmut4DM3buE.",                                              400,      500      },
    { "$md5$P2HBl42C$$5bAUXk5/S/8MGBpsQKkMr0",                                           20000,    25000    },
    { "$md5,rounds=50000$P2HBl42C$$5bAUXk5/S/8MGBpsQKkMr0",                              280000,   300000   },
    { "_J9..CCCCXBrJUJV154M",                                                            300,      500      },
    { "w5Qmqt/W/JyPc",                                                                   20,       20       },
    { "{SSHA}SbTdRvivCMAa3Dg0+Qi3bohbFVFy0ChG",                                          1,        10       },
    { "$pbkdf2-sha256$29000$upcS4rx3zllrLcW49x7DGA$boIWnPqNTtyE/zzLMk5fZs1xeEyoKSlzS7BG9nUCJzM", 29000, 29000 },
    { "{SCRAM-SHA-1}4096,NGl84NUgNdrDZiy1iFRnnw==,ELoaZr/DndG7wzcYLjVq4+3a73I=,bnOnj1u27GGjnXVHLGXmMTKpCLM=", 4096, 4400 },
    { "$2y$31$mh4WDe055hiyH/xagV74feGHsZgfkgWDtQJbFky1sO76R73vTTZgu",                    0,        0        }, /* it is not checked */
    { "!",                                                                               0,        0        },
    { "$argon2id$x",                                                                     0,        0        },
};
/* clang-format on */

TEST(a_check_has_the_price_of_its_scheme_and_parameters)
{
    for (size_t i = 0; i < GP_COUNT(prices); i++) {
        uint32_t cost = gp_password_cost(gp_from(prices[i].stored));
        if (cost < prices[i].least || cost > prices[i].most) fail_msg("%s: %u", prices[i].stored, cost);
    }
}

/* A second opinion on what a string costs: its numbers as a pattern finds them, the first of which must be at most `most` and
 * cheap enough to be computed thousands of times when it is at most `cheap`. */
static const struct cost {
    const char   *pattern; /* the groups are the numbers */
    unsigned long most[3], cheap[3];
} costs[] = {
    {"^[$]argon2id?[$]v=19[$]m=([0-9]+),t=([0-9]+),p=([0-9]+)[$]", { 256 * 1024, 16, 8 }, { 64, 2, 2 }},
    { "^[$]2[aby][$]([0-9][0-9])",                                 { 16 },                { 4 }       },
    { "^[$][56][$]rounds=([0-9]+)[$]",                             { 1000000 },           { 1000 }    },
};

static bool within(const char *text, const regmatch_t *groups, const unsigned long *bounds)
{
    for (size_t i = 0; i < 3 && bounds[i]; i++)
        if (strtoul(text + groups[i + 1].rm_so, NULL, 10) > bounds[i]) return false;
    return true;
}

/* False: it is of none of those schemes. */
static bool find_cost(const char *text, bool *allowed, bool *cheap)
{
    static regex_t compiled[GP_COUNT(costs)];
    regmatch_t     groups[4];
    for (size_t i = 0; i < GP_COUNT(costs); i++) {
        if (!compiled[i].re_nsub) CHECK(regcomp(&compiled[i], costs[i].pattern, REG_EXTENDED) == 0);
        if (regexec(&compiled[i], text, GP_COUNT(groups), groups, 0) != 0) continue;
        *allowed = within(text, groups, costs[i].most);
        *cheap   = within(text, groups, costs[i].cheap);
        return true;
    }
    /* "$y$j51$": a letter for N and one for the block size; up to '5' N is 2^8 */
    *allowed = *cheap = gp_starts(gp_from(text), "$y$j") && gp_from(text).len > 6 && text[4] <= '5' && text[5] <= 'T';
    return false;
}

enum { DEAREST = 30000000 }; /* a few seconds: Argon2 with all the memory, and PBKDF2 with all the rounds, are below */

/* No string makes us spend more than allowed; what is refused is refused before anything is computed. */
PROPERTY(password_strings_cost_what_is_allowed, bytes)
{
    char text[GP_HASH_ROOM];
    bool allowed = false, cheap = false, affordable = !gp_password_wrong(bytes);
    if (!affordable || !gp_copy_z(bytes, text, sizeof text)) {
        assert_int_equal(check(GP_LIT("pencil"), bytes), GP_TEMPFAIL);
        return;
    }
    CHECK(gp_password_cost(bytes) > 0 && gp_password_cost(bytes) <= DEAREST);
    if (find_cost(text, &allowed, &cheap)) CHECK(allowed);
    if (!cheap) return;
    gp_status verdict = check(GP_LIT("pencil"), bytes);
    CHECK(verdict == GP_OK || verdict == GP_PERMFAIL || verdict == GP_TEMPFAIL);
    if (verdict == GP_OK) assert_int_equal(check(GP_LIT("pencils"), bytes), GP_PERMFAIL);
}

TEST(a_new_string_verifies_its_password_alone)
{
    char stored[GP_HASH_ROOM], again[GP_HASH_ROOM];
    CHECK(gp_password_hash((gp_secret) { "p\0ss", 4 }, stored) && gp_password_hash((gp_secret) { "p\0ss", 4 }, again));
    CHECK(strncmp(stored, "$argon2id$v=19$m=19456,t=2,p=1$", 31) == 0);
    CHECK(strcmp(stored, again) != 0); /* salted */
    assert_int_equal(check(GP_LIT("p\0ss"), gp_from(stored)), GP_OK);
    assert_int_equal(check(GP_LIT("p\0st"), gp_from(stored)), GP_PERMFAIL);
    assert_int_equal(check(GP_LIT("p"), gp_from(stored)), GP_PERMFAIL);
}

TEST(lengths_have_a_bound)
{
    static char long_password[GP_PASSWORD_MOST + 1];
    char        stored[GP_HASH_ROOM];
    memset(long_password, 'x', sizeof long_password);
    CHECK(!gp_password_hash((gp_secret) { long_password, sizeof long_password }, stored));
    CHECK(gp_password_hash((gp_secret) { long_password, GP_PASSWORD_MOST }, stored));
    assert_int_equal(check((gp_str) { long_password, GP_PASSWORD_MOST }, gp_from(stored)), GP_OK);
    assert_int_equal(check((gp_str) { long_password, GP_PASSWORD_MOST + 1 }, gp_from(stored)), GP_PERMFAIL);
    CHECK(!gp_password_hash((gp_secret) { "", 0 }, stored));
}

TEST(a_nul_does_not_shorten_a_password)
{
    static const char of_x[] =
        "$6$abcdefgh$D7W7qyozKBT.t6FD3DVYHvADbIO0eSyI4.p20LaEUjro8PqTGYYo/EQcuNjhFbzo9Yg5ir1KIEqFY/yJpgFph0";
    assert_int_equal(check(GP_LIT("x"), gp_from(of_x)), GP_OK);
    assert_int_equal(check(GP_LIT("x\0y"), gp_from(of_x)), GP_PERMFAIL);
}
