/* The user commands on a set-up of their own: what they print, what they keep, and how they fail. */
#include "cli/test_bed.h"

static struct credential credential_of(const char *name, struct account *account)
{
    struct user_store store;
    struct credential only, more;
    CHECK(user_store_open(dir, &store) && accounts_find(store.accounts, gp_from(name), account) == GP_OK);
    struct rows r = credentials_of(store.accounts, account->id);
    CHECK(credentials_next(&r, &only) == GP_OK && credentials_next(&r, &more) == GP_PERMFAIL);
    rows_end(&r);
    user_store_close(&store);
    return only;
}

TEST(add_prints_a_password_that_works)
{
    struct account account = { 0 };
    make_place();
    CHECK(run(&cli_user_add, "anna --json") == CLI_DONE);
    json_t           *made = json_of_output();
    struct credential c    = credential_of("anna", &account);
    CHECK_IS(gp_from(field(made, "user")), "anna");
    CHECK(c.kind == CREDENTIAL_GENERATED && c.verifier.cram_len == 0 && opens(&c, field(made, "password")));
    json_decref(made);
    CHECK(run(&cli_user_add, "bert --allow-cram-md5") == CLI_DONE);
    CHECK(strstr(output, "shown only now") && strstr(output, "CRAM-MD5"));
    CHECK(credential_of("bert", &account).verifier.cram_len > 0);
    remove_place();
}

TEST(a_chosen_password_is_read_looked_over_and_not_repeated)
{
    struct account account = { 0 };
    make_place();
    put_file("in", "correct horse\n");
    CHECK(run(&cli_user_add, "anna --password-stdin --json") == CLI_DONE && !strstr(output, "correct"));
    struct credential c = credential_of("anna", &account);
    CHECK(c.kind == CREDENTIAL_CHOSEN && opens(&c, "correct horse") && verifier_cost(&c.verifier) == 5000);
    put_file("in", "short\n");
    CHECK(run(&cli_user_add, "bert --password-stdin") == CLI_FAILED && strstr(output, "8 characters"));
    put_file("in", "");
    CHECK(run(&cli_user_add, "bert --password-stdin") == CLI_FAILED);
    CHECK(run(&cli_user_show, "bert") == CLI_FAILED);
    remove_place();
}

TEST(a_new_password_takes_the_place_of_the_old_and_keeps_cram)
{
    struct account account = { 0 };
    make_place();
    put_file("in", "correct horse\n");
    CHECK(run(&cli_user_add, "anna --password-stdin --allow-cram-md5") == CLI_DONE);
    CHECK(run(&cli_user_password, "anna@example.org --json") == CLI_DONE);
    json_t           *made = json_of_output();
    struct credential c    = credential_of("anna", &account);
    CHECK(opens(&c, field(made, "password")) && !opens(&c, "correct horse") && c.verifier.cram_len > 0);
    json_decref(made);
    CHECK(run(&cli_user_password, "anna --forbid-cram-md5") == CLI_DONE &&
          credential_of("anna", &account).verifier.cram_len == 0);
    remove_place();
}

TEST(list_and_show_tell_what_there_is)
{
    make_place();
    CHECK(run(&cli_user_add, "anna --send-as anna@example.org --send-as info@example.org") == CLI_DONE);
    CHECK(run(&cli_user_add, "bert") == CLI_DONE && run(&cli_user_disable, "bert") == CLI_DONE);
    CHECK(run(&cli_user_list, "--json") == CLI_DONE);
    json_t *list = json_of_output(), *anna = json_array_get(list, 0), *bert = json_array_get(list, 1);
    CHECK(json_array_size(list) == 2 && json_array_size(json_object_get(anna, "send_as")) == 2);
    CHECK(json_is_false(json_object_get(anna, "disabled")) && json_is_true(json_object_get(bert, "disabled")));
    CHECK(json_is_null(json_object_get(json_array_get(json_object_get(anna, "credentials"), 0), "last_used")));
    json_decref(list);
    CHECK(run(&cli_user_list, "") == CLI_DONE && strstr(output, "disabled") && strstr(output, "never"));
    CHECK(run(&cli_user_show, "anna") == CLI_DONE && strstr(output, "info@example.org"));
    CHECK(!strstr(output, "SCRAM-SHA-256$")); /* no verifier is ever shown */
    remove_place();
}

TEST(the_state_of_an_account_changes)
{
    struct account account = { 0 };
    make_place();
    CHECK(run(&cli_user_add, "anna") == CLI_DONE);
    CHECK(run(&cli_user_disable, "anna --json") == CLI_DONE && strstr(output, "\"disabled\""));
    (void)credential_of("anna", &account);
    CHECK(account.disabled);
    CHECK(run(&cli_user_enable, "anna") == CLI_DONE);
    (void)credential_of("anna", &account);
    CHECK(!account.disabled);
    CHECK(run(&cli_user_delete, "anna") == CLI_DONE);
    CHECK(run(&cli_user_show, "anna") == CLI_FAILED && strstr(output, "no such account"));
    remove_place();
}

TEST(an_account_may_act_for_another_until_that_is_taken_back)
{
    make_place();
    CHECK(run(&cli_user_add, "anna") == CLI_DONE && run(&cli_user_add, "bert") == CLI_DONE);
    CHECK(run(&cli_user_may_act, "anna") == CLI_DONE && !output[0]);
    CHECK(run(&cli_user_may_act, "anna bert@example.org") == CLI_DONE && strstr(output, "anna may act for bert"));
    CHECK(run(&cli_user_may_act, "anna") == CLI_DONE);
    CHECK_IS(gp_from(output), "bert\n");
    CHECK(run(&cli_user_may_act, "anna --json") == CLI_DONE);
    json_t *shown = json_of_output();
    CHECK_IS(gp_from(json_string_value(json_array_get(json_object_get(shown, "may_act_as"), 0))), "bert");
    json_decref(shown);
    CHECK(run(&cli_user_may_act, "anna bert --remove --json") == CLI_DONE && strstr(output, "\"may_act\": false"));
    CHECK(run(&cli_user_may_act, "anna") == CLI_DONE && !output[0]);
    CHECK(run(&cli_user_may_act, "anna anna") == CLI_FAILED && strstr(output, "always act for itself"));
    CHECK(run(&cli_user_may_act, "anna nobody") == CLI_FAILED && strstr(output, "no such account"));
    remove_place();
}

TEST(an_account_has_mechanisms_of_its_own_until_it_may_use_any)
{
    make_place();
    CHECK(run(&cli_user_add, "anna") == CLI_DONE);
    CHECK(run(&cli_user_mechanisms, "anna SCRAM-SHA-256,PLAIN") == CLI_DONE);
    CHECK_IS(gp_from(output), "anna: signs in with SCRAM-SHA-256 PLAIN\n");
    CHECK(run(&cli_user_show, "anna") == CLI_DONE && strstr(output, "mechanisms   SCRAM-SHA-256 PLAIN\n"));
    CHECK(run(&cli_user_show, "anna --json") == CLI_DONE);
    json_t *shown = json_of_output(), *words = json_object_get(shown, "mechanisms");
    CHECK(json_array_size(words) == 2);
    CHECK_IS(gp_from(json_string_value(json_array_get(words, 0))), "SCRAM-SHA-256");
    json_decref(shown);
    CHECK(run(&cli_user_mechanisms, "anna PLAN") == CLI_FAILED && strstr(output, "mean 'PLAIN'"));
    CHECK(run(&cli_user_mechanisms, "anna ,") == CLI_FAILED && strstr(output, "say `any`"));
    CHECK(run(&cli_user_show, "anna") == CLI_DONE && strstr(output, "SCRAM-SHA-256 PLAIN\n")); /* as it was */
    CHECK(run(&cli_user_mechanisms, "anna any --json") == CLI_DONE && strstr(output, "\"mechanisms\": []"));
    CHECK(run(&cli_user_show, "anna") == CLI_DONE && !strstr(output, "mechanisms"));
    remove_place();
}

/* clang-format off */
static const struct { const struct cli_command *command; const char *words; int exit; } wrong[] = {
    { &cli_user_add,      "",                                CLI_WRONG_USE },
    { &cli_user_add,      "anna bert",                       CLI_WRONG_USE },
    { &cli_user_add,      "anna --nonsense",                 CLI_WRONG_USE },
    { &cli_user_add,      "anna --send-as nobody",           CLI_FAILED    },
    { &cli_user_list,     "anna",                            CLI_WRONG_USE },
    { &cli_user_show,     "nobody",                          CLI_FAILED    },
    { &cli_user_disable,  "nobody",                          CLI_FAILED    },
    { &cli_user_enable,   "nobody",                          CLI_FAILED    },
    { &cli_user_delete,   "nobody",                          CLI_FAILED    },
    { &cli_user_password, "nobody",                          CLI_FAILED    },
    { &cli_user_mechanisms, "nobody PLAIN",                  CLI_FAILED    },
    { &cli_user_mechanisms, "nobody",                        CLI_WRONG_USE },
    { &cli_user_may_act,  "",                                CLI_WRONG_USE },
    { &cli_user_may_act,  "nobody",                          CLI_FAILED    },
    { &cli_user_may_act,  "nobody --remove",                 CLI_WRONG_USE },
    { &cli_user_may_act,  "a b c",                           CLI_WRONG_USE },
};
/* clang-format on */

TEST(wrong_use_and_failure_have_their_own_exit)
{
    make_place();
    for (size_t i = 0; i < GP_COUNT(wrong); i++) {
        print_message("%s %s\n", wrong[i].command->name, wrong[i].words);
        CHECK(run(wrong[i].command, wrong[i].words) == wrong[i].exit && output[0]);
    }
    CHECK(run(&cli_user_list, "--json") == CLI_DONE && strcmp(output, "[]\n") == 0);
    remove_place();
}

TEST(a_problem_names_the_thing_it_is_about)
{
    static const struct {
        const char *words, *said;
    } rows[] = {
        {"anna --json=yes",                                 "--json: takes no value"                 },
        { "anna --send-as anna@example.org --send-as bert", "bert: that is not an address to send as"},
    };
    make_place();
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        CHECK(run(&cli_user_add, rows[i].words) != CLI_DONE);
        if (!strstr(output, rows[i].said)) fail_msg("%s: %s", rows[i].words, output);
    }
    remove_place();
}

TEST(a_store_in_trouble_is_told_with_the_way_out)
{
    make_place();
    put_file("vault/accounts.db",
             "this is no database, but it is long enough to have a header like one: 0123456789 0123456789 0123456789");
    CHECK(run(&cli_user_list, "") == CLI_FAILED && strstr(output, "not a gatepost database"));
    put_file("vault/vault.key", "too short");
    CHECK(run(&cli_user_list, "") == CLI_FAILED && strstr(output, "32 octets"));
    remove_place();
}
