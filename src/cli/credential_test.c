/* The life of a credential by the commands: made with restrictions, shown without its secret, altered, rotated, revoked. */
#include "cli/test_bed.h"

#include "cli/qr.h"
#include "cli/servers.h"

static json_t *shown(const char *words)
{
    CHECK(run(&cli_credential_show, words) == CLI_DONE);
    return json_of_output();
}

static struct credential kept(const char *user, const char *label)
{
    struct user_store store;
    struct account    account;
    struct credential c = { 0 };
    CHECK(user_store_open(dir, &store) && accounts_find(store.accounts, gp_from(user), &account) == GP_OK);
    CHECK(credential_named(store.accounts, account.id, gp_from(label), &c) == GP_OK);
    user_store_close(&store);
    return c;
}

static void note_use(int64_t id)
{
    struct user_store     store;
    struct credential_use use = { .credential = id,
                                  .when       = (gp_time)1790000000 * 1000,
                                  .count      = 3,
                                  .from       = "192.0.2.7",
                                  .mechanism  = "PLAIN",
                                  .tls        = "TLSv1.3",
                                  .helo       = "evil\x1b[31mname" };
    CHECK(user_store_open(dir, &store) && accounts_used(store.accounts, &use, 1) == GP_OK);
    user_store_close(&store);
}

TEST(every_restriction_is_kept_and_shown)
{
    make_place();
    CHECK(run(&cli_user_add, "anna") == CLI_DONE);
    CHECK(run(&cli_credential_add, "anna --label printer-2f --mechanisms PLAIN,SCRAM-SHA-256 --listeners [::]:465 "
                                   "--networks 10.0.0.0/8 --networks 2001:db8::/32,192.0.2.1 --senders @Example.NET "
                                   "--hours Mon-Fri,07:00-19:00 --expires 2099-12-31 --unused 60d --json") == CLI_DONE);
    json_t           *made = json_of_output();
    struct credential c    = kept("anna", "printer-2f");
    CHECK_IS(gp_from(c.limits.mechanisms), "PLAIN SCRAM-SHA-256");
    CHECK_IS(gp_from(c.limits.listeners), "[::]:465");
    CHECK_IS(gp_from(c.limits.networks), "10.0.0.0/8 2001:db8::/32 192.0.2.1");
    CHECK_IS(gp_from(c.limits.senders), "@example.net");
    CHECK(c.limits.idle_days == 60 && opens(&c, field(made, "password")));
    CHECK(json_integer_value(json_object_get(made, "id")) == c.id);
    json_decref(made);
    json_t *is = shown("anna printer-2f --json");
    CHECK(json_array_size(json_object_get(is, "networks")) == 3 && strcmp(field(is, "state"), "live") == 0);
    CHECK(strcmp(field(is, "expires"), "2100-01-01T00:00:00Z") == 0);
    CHECK(json_integer_value(json_object_get(is, "unused_days")) == 60 && json_is_null(json_object_get(is, "retires")));
    json_decref(is);
    CHECK(run(&cli_credential_show, "anna printer-2f") == CLI_DONE && strstr(output, "Mon-Fri,07:00-19:00"));
    CHECK(!strstr(output, "SCRAM-SHA-256$") && !strstr(output, "keyed"));
    remove_place();
}

TEST(alter_puts_what_is_given_in_the_place_of_what_was)
{
    make_place();
    CHECK(run(&cli_user_add, "anna --label phone --networks 10.0.0.0/8 --unused 30d --hours Mon") == CLI_DONE);
    CHECK(run(&cli_credential_alter, "anna phone --networks any --expires 1y --label tablet") == CLI_DONE);
    struct credential c = kept("anna", "tablet");
    CHECK(c.limits.networks[0] == '\0' && c.limits.expires > user_now() && c.limits.idle_days == 30);
    CHECK_IS(gp_from(c.limits.hours), "Mon");
    CHECK(run(&cli_credential_alter, "anna 1 --expires never --unused never --hours any") == CLI_DONE);
    c = kept("anna", "1");
    CHECK(c.limits.expires == 0 && c.limits.idle_days == 0 && c.limits.hours[0] == '\0');
    CHECK(run(&cli_credential_alter, "anna 1") == CLI_WRONG_USE);
    remove_place();
}

TEST(the_old_one_works_beside_its_successor_and_is_told_apart)
{
    make_place();
    CHECK(run(&cli_user_add, "anna --label phone --networks 10.0.0.0/8 --allow-cram-md5 --json") == CLI_DONE);
    json_t           *first  = json_of_output();
    struct credential before = kept("anna", "phone");
    CHECK(run(&cli_credential_rotate, "anna phone --overlap 2d --json") == CLI_DONE);
    json_t           *second = json_of_output();
    struct credential after = kept("anna", "phone"), old = kept("anna", "1");
    CHECK(after.id != before.id && opens(&after, field(second, "password")) && opens(&old, field(first, "password")));
    CHECK(after.verifier.cram_len > 0 && strcmp(after.limits.networks, "10.0.0.0/8") == 0);
    CHECK(old.replaced_by == after.id && old.retires > user_now());
    CHECK(strcmp(field(second, "old_until"), "") != 0);
    note_use(old.id);
    CHECK(run(&cli_credential_list, "anna") == CLI_DONE && strstr(output, "phone (old)"));
    CHECK(strstr(output, "old, until ") && strstr(output, "2026-09-21T14:13:20Z") && strstr(output, "192.0.2.7"));
    CHECK(run(&cli_credential_show, "anna 1") == CLI_DONE && strstr(output, "3 times") && !strchr(output, '\x1b'));
    CHECK(run(&cli_credential_rotate, "anna 1") == CLI_FAILED); /* it has a successor */
    CHECK(run(&cli_credential_rotate, "anna phone --overlap none") == CLI_DONE && strstr(output, "not work any more"));
    json_t *is = shown("anna 2 --json");
    CHECK(strcmp(field(is, "state"), "retired") == 0);
    json_decref(is);
    json_decref(first);
    json_decref(second);
    remove_place();
}

TEST(a_revoked_one_is_gone_and_the_others_stay)
{
    make_place();
    CHECK(run(&cli_user_add, "anna --label a") == CLI_DONE && run(&cli_credential_add, "anna --label b") == CLI_DONE);
    CHECK(run(&cli_credential_revoke, "anna a --json") == CLI_DONE && strstr(output, "revoked"));
    CHECK(run(&cli_credential_revoke, "anna a") == CLI_FAILED && run(&cli_credential_show, "anna b") == CLI_DONE);
    remove_place();
}

TEST(other_kinds_have_a_subject_and_no_password)
{
    static const char print[] = "sha256:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:"
                                "aa:bb:cc:dd:ee:ff";
    char              words[256];
    make_place();
    CHECK(run(&cli_user_add, "anna") == CLI_DONE);
    (void)snprintf(words, sizeof(words), "anna --label key --certificate %s", print);
    CHECK(run(&cli_credential_add, words) == CLI_DONE && !strstr(output, "password"));
    CHECK_IS(gp_from(kept("anna", "key").subject),
             "sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
    CHECK(run(&cli_credential_rotate, "anna key") == CLI_FAILED && strstr(output, "--certificate"));
    CHECK(run(&cli_credential_rotate, "anna key --certificate email:anna@example.org") == CLI_DONE);
    CHECK(run(&cli_credential_add, "anna --certificate x --oauth y") == CLI_WRONG_USE);
    CHECK(run(&cli_credential_add, "anna --certificate email:a@example.org --qr") == CLI_WRONG_USE);
    put_file("in", "no certificate\n");
    (void)snprintf(words, sizeof(words), "anna --certificate %s", in_dir("in"));
    CHECK(run(&cli_credential_add, words) == CLI_FAILED && strstr(output, "no certificate in it"));
    remove_place();
}

TEST(a_source_may_be_given_a_say)
{
    make_place();
    put_file("gatepost.yml", "hostname: mail.example.org\ndomain: example.org\nsources:\n- store\n"
                             "- {name: staff, type: passwd-file, path: sources/people}\n"
                             "- {name: guests, type: passwd-file, path: sources/guests}\n");
    CHECK(run(&cli_user_add, "anna") == CLI_DONE);
    CHECK(run(&cli_credential_add, "anna --label s --source staff --networks 10.0.0.0/8 --json") == CLI_DONE);
    CHECK(!strstr(output, "\"password\""));
    json_t *is = shown("anna s --json");
    CHECK(strcmp(field(is, "kind"), "source") == 0 && strcmp(field(is, "subject"), "staff") == 0);
    json_decref(is);
    CHECK(run(&cli_credential_list, "anna") == CLI_DONE && strstr(output, "staff"));
    CHECK(run(&cli_credential_add, "anna --source staff") == CLI_FAILED && strstr(output, "already"));
    CHECK(run(&cli_credential_add, "anna --source Staff") == CLI_FAILED && strstr(output, "staff, guests"));
    CHECK(run(&cli_credential_add, "anna --source guests --oauth y") == CLI_WRONG_USE);
    CHECK(run(&cli_credential_add, "anna --source guests --password-stdin") == CLI_WRONG_USE);
    CHECK(run(&cli_credential_add, "anna --source guests --qr") == CLI_WRONG_USE);
    CHECK(run(&cli_credential_add, "anna --source guests") == CLI_DONE);
    remove_place();
}

/* clang-format off */
static const struct { const char *words, *said; int exit; } wrong[] = {
    { "anna --networks 10.0.0.0/33",      "10.0.0.0/33",          CLI_FAILED },
    { "anna --networks ,",                "any",                  CLI_FAILED },
    { "anna --hours 25:00",               "Mon-Fri 07:00-19:00",  CLI_FAILED },
    { "anna --expires 2026-02-30",        "2026-12-31",           CLI_FAILED },
    { "anna --expires 2020-01-01",        "over already",         CLI_FAILED },
    { "anna --unused 3h",                 "1d at least",          CLI_FAILED },
    { "anna --unused soon",               "90d",                  CLI_FAILED },
    { "anna --mechanisms PLIAN",          "did you mean 'PLAIN'", CLI_FAILED },
    { "anna --listeners lan",             "[::]:587",             CLI_FAILED },
    { "anna --senders nobody",            "@DOMAIN",              CLI_FAILED },
    { "anna --label 7",                   "number",               CLI_FAILED },
    { "anna --label laptop",              "with that label",      CLI_FAILED },
    { "nobody",                           "no such account",      CLI_FAILED },
    { "anna --qr-file x.jpg",             ".png",                 CLI_WRONG_USE },
    { "",                                 "missing",              CLI_WRONG_USE },
    { "anna --lable x",                   "did you mean 'label'", CLI_WRONG_USE },
};
/* clang-format on */

TEST(what_cannot_be_is_refused_with_what_can)
{
    make_place();
    CHECK(run(&cli_user_add, "anna --label laptop") == CLI_DONE);
    for (size_t i = 0; i < GP_COUNT(wrong); i++) {
        print_message("%s\n", wrong[i].words);
        CHECK(run(&cli_credential_add, wrong[i].words) == wrong[i].exit);
        if (!strstr(output, wrong[i].said)) fail_msg("%s: %s", wrong[i].words, output);
    }
    CHECK(run(&cli_credential_list, "anna --json") == CLI_DONE);
    json_t *list = json_of_output();
    CHECK(json_array_size(list) == 1);
    json_decref(list);
    remove_place();
}

static size_t listed(const char *words)
{
    CHECK(run(&cli_credential_list, words) == CLI_DONE);
    json_t *list  = json_of_output();
    size_t  count = json_array_size(list);
    json_decref(list);
    return count;
}

TEST(lists_can_be_narrowed)
{
    make_place();
    CHECK(run(&cli_user_add, "anna --label a --expires 10d") == CLI_DONE);
    CHECK(run(&cli_user_add, "bert --label b --expires 40d") == CLI_DONE);
    CHECK(run(&cli_credential_add, "bert --label c") == CLI_DONE);
    note_use(3);
    CHECK(listed("--json") == 3 && listed("bert --json") == 2);
    CHECK(listed("--expiring 30d --json") == 1 && listed("--expiring 2099-01-01 --json") == 2);
    CHECK(listed("--unused-since 2020-01-01 --json") == 0 && listed("--unused-since 2099-01-01 --json") == 3);
    CHECK(listed("--unused-since 2026-10-01 --json") == 1);
    CHECK(run(&cli_credential_list, "--expiring soon") == CLI_WRONG_USE);
    remove_place();
}

TEST(a_chosen_password_beside_a_generated_one_goes_without_scram_and_says_so)
{
    make_place();
    CHECK(run(&cli_user_add, "anna") == CLI_DONE);
    put_file("in", "correct horse\n");
    CHECK(run(&cli_credential_add, "anna --password-stdin --label mine") == CLI_DONE);
    CHECK(strstr(output, "PLAIN and LOGIN alone") && !strstr(output, "correct horse"));
    struct credential c = kept("anna", "mine");
    CHECK(c.kind == CREDENTIAL_CHOSEN && opens(&c, "correct horse"));
    remove_place();
}

TEST(a_code_goes_to_a_file_of_the_owners_alone)
{
    char        words[160];
    struct stat at;
    make_place();
    CHECK(run(&cli_user_add, "anna") == CLI_DONE);
    (void)snprintf(words, sizeof(words), "anna --label phone --qr --qr-file %s/out.svg", dir);
    CHECK(run(&cli_credential_add, words) == CLI_DONE && strstr(output, "\xe2\x96\x80"));
    CHECK(stat(in_dir("out.svg"), &at) == 0 && (at.st_mode & 0777) == 0600 && at.st_size > 1000);
    CHECK(unlink(in_dir("out.svg")) == 0);
    remove_place();
}

TEST(a_handed_out_server_is_one_at_which_the_credential_works)
{
    make_place();
    put_file("gatepost.yml", "hostname: mail.example.org\ndomain: example.org\npasswords: {scram_iterations: 5000}\n"
                             "listen:\n- submissions 0.0.0.0:465 name=tls\n- submission 0.0.0.0:587 name=sub\n"
                             "- submission 127.0.0.1:2587 name=local\n");
    CHECK(run(&cli_user_add, "anna") == CLI_DONE);
    CHECK(run(&cli_credential_add, "anna --label a --listeners sub --json") == CLI_DONE && strstr(output, "\"smtp://"));
    CHECK(run(&cli_credential_rotate, "anna a --json") == CLI_DONE && strstr(output, "@mail.example.org:587\""));
    CHECK(run(&cli_credential_add, "anna --label b --listeners tls,sub --json") == CLI_DONE);
    CHECK(strstr(output, "@mail.example.org:465\""));
    CHECK(run(&cli_credential_add, "anna --label c --listeners local --json") == CLI_DONE &&
          !strstr(output, "\"url\""));
    CHECK(run(&cli_credential_add, "anna --label d --listeners local --qr") == CLI_FAILED);
    CHECK(strstr(output, "--qr: clients reach no listener"));
    CHECK(run(&cli_credential_rotate, "anna c --qr-file out.svg") == CLI_FAILED);
    CHECK(run(&cli_credential_list, "anna") == CLI_DONE && !strstr(output, " d ") && !strstr(output, "c (old)"));
    remove_place();
}

/* Of the mechanisms in settings' text for anna. */
static bool settings_name(const char *mechanism)
{
    char ended[64];
    CHECK(run(&cli_credential_settings, "anna") == CLI_DONE);
    for (char *at = output; *at; at++) *at = *at == '\n' ? ' ' : *at;
    (void)snprintf(ended, sizeof(ended), " %s ", mechanism);
    return strstr(output, ended) != NULL;
}

TEST(settings_name_mechanisms_that_the_account_can_use)
{
    make_place();
    put_file("gatepost.yml",
             "hostname: mail.example.org\ndomain: example.org\npasswords: {scram_iterations: 5000}\nlisten:\n"
             "- submissions 0.0.0.0:465 client_certificates=ask\n");
    CHECK(run(&cli_user_add, "anna --label one") == CLI_DONE);
    CHECK(settings_name("SCRAM-SHA-256") && settings_name("SCRAM-SHA-256-PLUS") && settings_name("LOGIN"));
    CHECK(!settings_name("EXTERNAL") && !settings_name("XOAUTH2") && !settings_name("CRAM-MD5"));
    CHECK(run(&cli_credential_settings, "anna --json") == CLI_DONE);
    CHECK(strstr(output, "\"PLAIN\"") && !strstr(output, "EXTERNAL") && !strstr(output, "OAUTHBEARER"));
    CHECK(run(&cli_credential_add, "anna --label key --certificate email:anna@example.org") == CLI_DONE);
    CHECK(settings_name("EXTERNAL") && settings_name("PLAIN"));
    CHECK(run(&cli_credential_alter, "anna one --mechanisms SCRAM-SHA-256") == CLI_DONE);
    CHECK(settings_name("SCRAM-SHA-256-PLUS") && !settings_name("PLAIN") && settings_name("EXTERNAL"));
    CHECK(run(&cli_user_mechanisms, "anna LOGIN,SCRAM-SHA-256") == CLI_DONE);
    CHECK(settings_name("SCRAM-SHA-256") && !settings_name("LOGIN") && !settings_name("EXTERNAL"));
    CHECK(run(&cli_credential_revoke, "anna one") == CLI_DONE);
    CHECK(settings_name("nothing: it has no credential for this port"));
    remove_place();
}

TEST(settings_say_what_a_client_needs)
{
    make_place();
    CHECK(run(&cli_user_add, "anna") == CLI_DONE);
    CHECK(run(&cli_credential_settings, "anna") == CLI_DONE);
    CHECK(strstr(output, "465, SSL/TLS") && strstr(output, "587, STARTTLS") && strstr(output, "_submissions._tcp"));
    CHECK(run(&cli_credential_settings, "anna --autoconfig") == CLI_DONE &&
          strstr(output, "<clientConfig version=\"1.1\">"));
    CHECK(strstr(output, "password-cleartext") && !strstr(output, "password-encrypted"));
    CHECK(run(&cli_credential_settings, "anna --json") == CLI_DONE && strstr(output, "\"starttls\""));
    CHECK(run(&cli_credential_settings, "nobody") == CLI_FAILED);
    remove_place();
}

TEST(one_for_an_old_device_is_short_labelled_marked_and_stays_so)
{
    make_place();
    CHECK(run(&cli_user_add, "anna") == CLI_DONE);
    CHECK(run(&cli_credential_add, "anna --legacy") != CLI_DONE &&
          strstr(output, "a credential for a device needs a label"));
    CHECK(run(&cli_credential_add, "anna --legacy --label p --password-stdin") != CLI_DONE);
    CHECK(run(&cli_credential_add, "anna --legacy --label p --qr") != CLI_DONE);
    CHECK(run(&cli_credential_add, "anna --legacy --label p") == CLI_DONE && strstr(output, "it works nowhere yet"));
    put_file(
        "gatepost.yml",
        "hostname: mail.example.org\ndomain: example.org\npasswords:\n  scram_iterations: 5000\n"
        "listen: ['submissions [::]:465', 'legacy 10.0.0.1:25 networks=10.0.0.0/24 recipients_domains=example.org']\n");
    CHECK(run(&cli_credential_add, "anna --legacy --label q") == CLI_DONE &&
          strstr(output, "mail.example.org, port 25, STARTTLS"));
    CHECK(run(&cli_credential_add, "anna --legacy --label printer --json") == CLI_DONE);
    json_t *made = json_of_output();
    CHECK(strlen(field(made, "password")) == 20 && !json_object_get(made, "url"));
    json_decref(made);
    CHECK(run(&cli_credential_alter, "anna printer --networks 10.0.0.7") == CLI_DONE);
    CHECK(run(&cli_credential_rotate, "anna printer --json") == CLI_DONE);
    made = json_of_output();
    CHECK(strlen(field(made, "password")) == 20);
    json_decref(made);
    CHECK(run(&cli_credential_show, "anna printer --json") == CLI_DONE);
    made = json_of_output();
    CHECK(json_is_true(json_object_get(made, "legacy")) && json_is_true(json_object_get(made, "cram_md5")));
    json_decref(made);
    CHECK(run(&cli_credential_list, "anna") == CLI_DONE && strstr(output, "legacy generated"));
    CHECK(run(&cli_credential_show, "anna printer") == CLI_DONE && strstr(output, "old devices"));
    remove_place();
}

TEST(one_for_an_old_device_is_still_one_behind_an_export_and_an_import)
{
    make_place();
    CHECK(run(&cli_user_add, "anna") == CLI_DONE &&
          run(&cli_credential_add, "anna --legacy --label printer") == CLI_DONE);
    for (int csv = 0; csv < 2; csv++) {
        CHECK(run(&cli_user_export, csv ? "--with-hashes --csv" : "--with-hashes") == CLI_DONE);
        put_file("in", output);
        CHECK(run(&cli_user_delete, "anna --yes") == CLI_DONE || run(&cli_user_delete, "anna") == CLI_DONE);
        CHECK(run(&cli_user_import, csv ? "- --format csv" : "- --format json") == CLI_DONE);
        CHECK(run(&cli_credential_show, "anna printer --json") == CLI_DONE);
        json_t *one = json_of_output();
        CHECK(json_is_true(json_object_get(one, "legacy")));
        json_decref(one);
    }
    put_file("in", "user,hash,legacy\nbert,{PLAIN}correct horse battery,perhaps\n");
    CHECK(run(&cli_user_import, "- --format csv") != CLI_DONE && strstr(output, "legacy is yes or no"));
    remove_place();
}
