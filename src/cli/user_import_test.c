/* Accounts that come and go by files: all or none, every problem by line, every scheme, and out and in again. */
#include "cli/test_bed.h"

static struct credential kept(const char *user, const char *label)
{
    struct user_store store;
    struct account    account;
    struct credential c = { 0 };
    CHECK(user_store_open(dir, &store));
    if (accounts_find(store.accounts, gp_from(user), &account) != GP_OK) fail_msg("%s is not there", user);
    CHECK(credential_named(store.accounts, account.id, gp_from(label), &c) == GP_OK);
    user_store_close(&store);
    return c;
}

static size_t count_accounts(void)
{
    CHECK(run(&cli_user_list, "--json") == CLI_DONE);
    json_t *list  = json_of_output();
    size_t  count = json_array_size(list);
    json_decref(list);
    return count;
}

static int import(const char *text, const char *words)
{
    char all[160];
    put_file("in", text);
    (void)snprintf(all, sizeof(all), "%s %s", in_dir("in"), words);
    return run(&cli_user_import, all);
}

static const char csv[] = "user,password,hash,label,networks,send_as,disabled\n"
                          "anna,correct horse,,desk,10.0.0.0/8,anna@example.org info@example.org,\n"
                          "bert,,{SHA}q/eq1kOINtvlJqojGr3i0O73TUI=,,,,yes\n"
                          "anna,,{PLAIN}battery,phone,,,\n";

TEST(what_comes_in_clear_is_hashed_and_what_is_hashed_is_kept)
{
    make_place();
    CHECK(import(csv, "--format csv --dry-run") == CLI_DONE && strstr(output, "3 entries") && count_accounts() == 0);
    CHECK(import(csv, "--format csv") == CLI_DONE && count_accounts() == 2);
    struct credential desk = kept("anna", "desk"), phone = kept("anna", "phone"), old = kept("bert", "2");
    CHECK(desk.kind == CREDENTIAL_CHOSEN && opens(&desk, "correct horse") && desk.verifier.scram_sha512[0]);
    CHECK_IS(gp_from(desk.limits.networks), "10.0.0.0/8");
    CHECK(phone.kind == CREDENTIAL_CHOSEN && opens(&phone, "battery") && phone.verifier.scram_sha256[0]);
    CHECK(old.kind == CREDENTIAL_IMPORTED && opens(&old, "correct horse battery staple"));
    CHECK(import(csv, "--format csv") == CLI_FAILED && strstr(output, "in:3: bert: an account with that name"));
    CHECK(import(csv, "--format csv --skip-existing --json") == CLI_DONE && strstr(output, "\"skipped\": 3"));
    CHECK(run(&cli_user_show, "bert") == CLI_DONE && strstr(output, "disabled"));
    remove_place();
}

/* clang-format off */
static const struct { const char *line, *said; } bad[] = {
    { "anna,{UNKNOWN}abc,,,",               "in:2: anna: its scheme is not one that is known" },
    { "anna,$2y$31$mh4WDe055hiyH/xagV74feGHsZgfkgWDtQJbFky1sO76R73vTTZgu,,,", "cost more time" },
    { "anna,$6$saltstring$abc,,,",          "cut short" },
    { "anna,!,,,",                          "locked" },
    { "anna,$keyed-sha256$AAAA,,,",         "not one that is known" },
    { "anna,,,,",                           "--generate" },
    { ",{SHA}x,,,",                         "no user name" },
    { "-x,{PLAIN}secret12,,,",              "cannot be the name" },
    { "anna,{PLAIN},,,",                    "empty" },
    { "anna,{PLAIN}secret12,7,,",           "number" },
    { "anna,{PLAIN}secret12,,10.0.0.0/99,", "networks 10.0.0.0/99: a network is" },
    { "anna,{PLAIN}secret12,,,2020-01-01",  "over already" },
    { "anna,{PLAIN}secret12",               "cells" },
};
/* clang-format on */

TEST(everything_that_is_wrong_is_told_by_line_and_nothing_is_done)
{
    char text[4096] = "";
    make_place();
    for (size_t i = 0; i < GP_COUNT(bad); i++) {
        (void)snprintf(text, sizeof(text), "user,hash,label,networks,expires\n%s\nbert,{PLAIN}secret12,,,\n",
                       bad[i].line);
        print_message("%s\n", bad[i].line);
        CHECK(import(text, "--format csv") == CLI_FAILED);
        if (!strstr(output, bad[i].said) || !strstr(output, "in:2")) fail_msg("%s", output);
        CHECK(strstr(output, "nothing was imported") && !strstr(output, "secret12") && count_accounts() == 0);
    }
    CHECK(import("user,hash\nanna\n-x,{PLAIN}secret12\nbert,x\n", "--format csv --dry-run") == CLI_FAILED);
    CHECK(strstr(output, "in:2:") && strstr(output, "in:3:") && strstr(output, "in:4:"));
    CHECK(import("x", "") == CLI_WRONG_USE);
    CHECK(import("x", "--format jsn") == CLI_WRONG_USE && strstr(output, "mean 'json'"));
    CHECK(run(&cli_user_import, "/nowhere/x.csv") == CLI_FAILED && strstr(output, "No such file"));
    remove_place();
}

TEST(a_device_gets_a_password_that_is_made_for_it)
{
    static const struct {
        const char *rows, *words;
        bool        taken;
    } cases[] = {
        {"anna,correct horse battery,,yes",              "",           false},
        { "anna,,{PLAIN}staple-horse,yes",               "",           false},
        { "anna,correct horse battery,,no",              "",           true },
        { "bert,,,yes",                                  "--generate", true },
        { "carl,,{SHA}q/eq1kOINtvlJqojGr3i0O73TUI=,yes", "",           true },
    };
    char text[256];
    make_place();
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        char words[64];
        (void)snprintf(text, sizeof text, "user,password,hash,legacy\n%s\n", cases[i].rows);
        (void)snprintf(words, sizeof words, "--format csv %s", cases[i].words);
        CHECK(import(text, words) == (cases[i].taken ? CLI_DONE : CLI_FAILED));
        CHECK(cases[i].taken || strstr(output, "in:2: anna: the password of a device (legacy) is made by gatepost"));
    }
    remove_place();
}

/* Who gets a file from elsewhere must not have his terminal steered by it (ECMA-48: ESC, and CSI as U+009B). */
TEST(what_a_file_says_does_not_steer_the_terminal)
{
    static const char *const rows[] = {
        "a\033]0;x\007,{SHA}x,,,\n",
        "a\302\2332J,{SHA}x,,,\n",
        "a\2332J,{SHA}x,,,\n",
        "anna,{PLAIN}secret12,,\033[2J,\n",
        "anna,{PLAIN}secret12,,10.0.0.0/99\302\2332J,\n",
        "anna,{PLAIN}secret12,,,\177\n",
        "anna,{PLAIN}secret12,\033[2J,,\n",
    };
    make_place();
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char text[256];
        (void)snprintf(text, sizeof(text), "user,hash,label,networks,expires\n%s", rows[i]);
        CHECK(import(text, "--format csv") == CLI_FAILED);
        if (!strstr(output, "in:2: a")) fail_msg("%s", output);
        if (strpbrk(output, "\033\007\177") || strstr(output, "\302\233") || strchr(output, '\233'))
            fail_msg("%zu: %s", i, output);
    }
    CHECK(import("user,hash\nm\303\274ller,{SHA}x\n", "--format csv") == CLI_FAILED &&
          strstr(output, "in:2: m\303\274ller: "));
    remove_place();
}

/* All of the vectors, as a passwd-file: each opens with its password. */
TEST(every_scheme_comes_in)
{
    size_t         i, len = 0;
    char          *file = kit_file("tests/vectors/password_hashes.json", &len);
    json_t        *root = json_loadb(file, len, JSON_ALLOW_NUL, NULL), *entry;
    static char    room[128 * 1024];
    struct gp_text text = { .ptr = room, .room = sizeof(room) - 1 };
    make_place();
    json_array_foreach(json_object_get(root, "entries"), i, entry)
    {
        if (i % 3 == 1 || strchr(field(entry, "hash"), ':')) continue; /* two thirds say it all: hashing takes time */
        gp_put_char(&text, 'u');
        gp_put_number(&text, (int64_t)i);
        gp_put_char(&text, ':');
        gp_put_z(&text, field(entry, "hash"));
        gp_put_z(&text, ":::::::\n");
    }
    room[text.len] = '\0';
    CHECK(import(room, "--format passwd-file") == CLI_DONE);
    struct user_store store;
    CHECK(user_store_open(dir, &store));
    json_array_foreach(json_object_get(root, "entries"), i, entry)
    {
        char              name[32];
        struct account    account;
        struct credential c;
        (void)snprintf(name, sizeof(name), "u%zu", i);
        if (accounts_find(store.accounts, gp_from(name), &account) != GP_OK) continue;
        auto_rows r = credentials_of(store.accounts, account.id);
        CHECK(credentials_next(&r, &c) == GP_OK);
        gp_str password = gp_from(field(entry, "password"));
        if (verifier_check(&store.keys, &c.verifier, (gp_secret) { password.ptr, password.len }) != GP_OK)
            fail_msg("%s", field(entry, "hash"));
        bool scram = gp_starts(gp_from(field(entry, "hash")), "{SCRAM-SHA-256}");
        CHECK((c.verifier.scram_sha256[0] != 0) == (scram || gp_starts(gp_from(field(entry, "hash")), "{PLAIN}")));
    }
    user_store_close(&store);
    json_decref(root);
    free(file);
    remove_place();
}

TEST(names_alone_get_passwords_if_that_is_asked_for)
{
    static const char list[] = "anna@example.org: userPassword\nbert@example.org: userPassword\n";
    make_place();
    CHECK(import(list, "--format sasldb") == CLI_FAILED && strstr(output, "--generate"));
    CHECK(import(list, "--format sasldb --generate --dry-run --json") == CLI_DONE && !strstr(output, "\"password\""));
    CHECK(import(list, "--format sasldb --generate --json") == CLI_DONE);
    json_t           *made = json_of_output(), *one = json_array_get(json_object_get(made, "generated"), 0);
    struct credential c = kept("anna", "1");
    CHECK(c.kind == CREDENTIAL_GENERATED && opens(&c, field(one, "password")));
    json_decref(made);
    remove_place();
}

/* Out of one server and into another: what does not hang on the first one's key is there again. */
static void round_trip(const char *words, const char *format)
{
    static char text[OUTPUT_MOST];
    make_place();
    CHECK(import(csv, "--format csv") == CLI_DONE);
    CHECK(run(&cli_user_add, "carl --label a,\"b\" --expires 2099-12-31 --unused 30d --hours Mon") == CLI_DONE);
    CHECK(run(&cli_credential_add, "carl --label key --certificate email:carl@example.org") == CLI_DONE);
    CHECK(run(&cli_user_mechanisms, "anna SCRAM-SHA-256,PLAIN") == CLI_DONE);
    CHECK(run(&cli_user_export, words) == CLI_DONE);
    (void)snprintf(text, sizeof(text), "%s", output);
    CHECK(!strstr(text, "keyed") && !strstr(text, "correct horse"));
    remove_place();
    make_place();
    CHECK(import(text, format) == CLI_DONE);
    CHECK(count_accounts() == 3);
    struct credential desk = kept("anna", "desk"), made = kept("carl", "a,\"b\""), key = kept("carl", "key");
    CHECK(opens(&desk, "correct horse") && strcmp(desk.limits.networks, "10.0.0.0/8") == 0);
    CHECK(made.kind == CREDENTIAL_GENERATED && made.limits.idle_days == 30 && made.limits.expires > 0);
    CHECK(key.kind == CREDENTIAL_CERTIFICATE && strcmp(key.subject, "email:carl@example.org") == 0);
    CHECK(run(&cli_user_show, "anna") == CLI_DONE && strstr(output, "info@example.org"));
    CHECK(strstr(output, "mechanisms   SCRAM-SHA-256 PLAIN\n"));
    CHECK(run(&cli_user_show, "carl") == CLI_DONE && !strstr(output, "mechanisms   "));
    remove_place();
}

TEST(out_and_in_again_by_json)
{
    round_trip("--with-hashes", "--format json");
}

TEST(out_and_in_again_by_csv)
{
    round_trip("--csv --with-hashes", "--format csv");
}

/* Unlabelled ones beside labelled ones of any kind and age, one in its overlap, one replaced, one that is over. */
static void make_many(void)
{
    make_place();
    CHECK(run(&cli_user_add, "anna") == CLI_DONE);
    put_file("in", "correct horse battery\n");
    CHECK(run(&cli_user_password, "anna --password-stdin") == CLI_DONE);
    CHECK(run(&cli_credential_add, "anna --label app") == CLI_DONE);
    CHECK(run(&cli_credential_add, "anna") == CLI_DONE && run(&cli_credential_add, "anna") == CLI_DONE);
    CHECK(run(&cli_credential_add, "anna --label phone --expires 2099-12-31") == CLI_DONE);
    CHECK(run(&cli_credential_rotate, "anna phone --overlap 7d") == CLI_DONE);
    CHECK(run(&cli_credential_add, "anna --label desk") == CLI_DONE);
    CHECK(run(&cli_credential_rotate, "anna desk --overlap none") == CLI_DONE);
}

static void many_round_trip(const char *words, const char *format)
{
    static char text[OUTPUT_MOST];
    make_many();
    struct credential was = kept("anna", "phone (old)");
    CHECK(was.retires > 0 && kept("anna", "desk (old)").retires > 0);
    CHECK(run(&cli_user_export, words) == CLI_DONE);
    (void)snprintf(text, sizeof(text), "%s", output);
    CHECK(!strstr(text, "desk (old)"));
    remove_place();
    make_place();
    if (import(text, format) != CLI_DONE) fail_msg("%s of %s", output, text);
    CHECK(run(&cli_credential_list, "anna") == CLI_DONE && !strstr(output, "desk (old)"));
    struct credential old = kept("anna", "phone (old)"), fresh = kept("anna", "phone"), first = kept("anna", "1");
    CHECK(old.limits.expires / 1000 == was.retires / 1000 && fresh.limits.expires > old.limits.expires);
    CHECK(!first.label[0] && kept("anna", "app").kind == CREDENTIAL_GENERATED);
    CHECK(strstr(text, "\"credential ") || strstr(text, ",credential "));
    remove_place();
}

TEST(many_of_an_account_come_in_again_and_what_was_replaced_does_not)
{
    many_round_trip("--with-hashes", "--format json");
    many_round_trip("--csv --with-hashes", "--format csv");
}

TEST(an_account_s_mechanisms_come_in_if_there_are_such)
{
    make_place();
    CHECK(import("user,hash,account_mechanisms\nanna,{PLAIN}secret12,PLAN\n", "--format csv") == CLI_FAILED);
    CHECK(strstr(output, "in:2: anna: mechanisms PLAN: ") && strstr(output, "mean 'PLAIN'") && count_accounts() == 0);
    CHECK(import("user,hash,account_mechanisms\nanna,{PLAIN}secret12,\"PLAIN,LOGIN\"\nbert,{PLAIN}secret12,any\n",
                 "--format csv") == CLI_DONE);
    CHECK(run(&cli_user_show, "anna") == CLI_DONE && strstr(output, "mechanisms   PLAIN LOGIN\n"));
    CHECK(run(&cli_user_show, "bert") == CLI_DONE && !strstr(output, "mechanisms"));
    remove_place();
}

TEST(without_hashes_an_export_holds_nothing_that_opens)
{
    make_place();
    CHECK(import(csv, "--format csv") == CLI_DONE);
    CHECK(run(&cli_user_export, "") == CLI_DONE && !strstr(output, "hash") && !strstr(output, "SCRAM"));
    CHECK(run(&cli_user_export, "--csv") == CLI_DONE && !strstr(output, "hash") && strstr(output, "anna,desk,chosen"));
    CHECK(run(&cli_user_export, "--csv --json") == CLI_WRONG_USE);
    remove_place();
}
