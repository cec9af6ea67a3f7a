/* gatepost identity: addresses, domains and patterns come and go; the first address stays the first. */
#include "cli/test_bed.h"

TEST(identities_come_and_go)
{
    make_place();
    CHECK(run(&cli_user_add, "anna") == CLI_DONE);
    CHECK(run(&cli_identity_add, "anna *-noreply@Example.org") == CLI_DONE &&
          strstr(output, "anna may send as *-noreply@Example.org"));
    CHECK(run(&cli_identity_add, "anna aaa@example.net --json") == CLI_DONE && strstr(output, "\"may_send_as\": true"));
    CHECK(run(&cli_identity_add, "anna @example.com") == CLI_DONE);
    CHECK(run(&cli_identity_add, "anna AAA@example.net") == CLI_DONE); /* is there already */
    CHECK(run(&cli_identity_list, "anna") == CLI_DONE);
    CHECK_IS(gp_from(output), "anna@example.org  (first)\n*-noreply@Example.org\naaa@example.net\n@example.com\n");
    CHECK(run(&cli_identity_remove, "anna anna@example.org") == CLI_DONE && strstr(output, "may no longer send as"));
    CHECK(run(&cli_identity_list, "anna --json") == CLI_DONE);
    json_t *all = json_of_output();
    CHECK(json_array_size(json_object_get(all, "send_as")) == 3);
    json_decref(all);
    CHECK(run(&cli_identity_list, "anna") == CLI_DONE && strstr(output, "aaa@example.net  (first)"));
    remove_place();
}

TEST(what_cannot_be_an_identity_is_refused)
{
    static const struct {
        const struct cli_command *command;
        const char               *words, *says;
    } rows[] = {
        {&cli_identity_add,     "anna nobody",                 "an identity is ADDRESS"},
        { &cli_identity_add,    "anna a*b*c*d*e*@example.org", "4 stars"               },
        { &cli_identity_add,    "anna a@*.example.org",        "before its @"          },
        { &cli_identity_add,    "bert a@example.org",          "no such account"       },
        { &cli_identity_remove, "anna b@example.org",          "not one of the account"},
    };
    make_place();
    CHECK(run(&cli_user_add, "anna") == CLI_DONE);
    for (size_t i = 0; i < GP_COUNT(rows); i++)
        CHECK(run(rows[i].command, rows[i].words) == CLI_FAILED && strstr(output, rows[i].says));
    CHECK(run(&cli_identity_add, "anna") == CLI_WRONG_USE);
    remove_place();
}

TEST(an_account_has_64_of_them_at_most)
{
    make_place();
    CHECK(run(&cli_user_add, "anna") == CLI_DONE);
    for (unsigned i = 1; i < IDENTITIES_MOST; i++) {
        char words[64];
        (void)snprintf(words, sizeof(words), "anna a%u@example.org", i);
        CHECK(run(&cli_identity_add, words) == CLI_DONE);
    }
    CHECK(run(&cli_identity_add, "anna one-more@example.org") == CLI_FAILED && strstr(output, "64 identities already"));
    remove_place();
}
