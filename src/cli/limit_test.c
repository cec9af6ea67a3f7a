/* gatepost limit on a set-up of its own: what is set is shown, in one form, and is gone when it was cleared. */
#include "cli/test_bed.h"

#include "store/usage.h"

static void make_anna(void)
{
    make_place();
    CHECK(run(&cli_user_add, "anna") == CLI_DONE);
    CHECK(run(&cli_credential_add, "anna --label printer") == CLI_DONE);
}

static size_t rows_from(const char *source)
{
    size_t  count = 0, i;
    json_t *all, *row;
    CHECK(run(&cli_limit_show, "anna --json") == CLI_DONE);
    all = json_of_output();
    json_array_foreach(all, i, row) count += strcmp(field(row, "from"), source) == 0;
    json_decref(all);
    return count;
}

TEST(what_is_set_is_shown_and_can_be_cleared)
{
    make_anna();
    CHECK(run(&cli_limit_show, "anna") == CLI_DONE && strstr(output, "new_recipients") && !strstr(output, "its own"));
    size_t usual = rows_from("configuration");
    CHECK(run(&cli_limit_set, "anna messages 7/hour,20/day") == CLI_DONE && strstr(output, "anna: messages set"));
    CHECK(run(&cli_limit_set, "anna octets 1m/day --credential printer") == CLI_DONE);
    CHECK(run(&cli_limit_show, "anna") == CLI_DONE && strstr(output, "7/hour") && strstr(output, "1M/day"));
    CHECK(rows_from("own") == 3 && rows_from("configuration") == usual - 2);
    CHECK(run(&cli_limit_clear, "anna messages") == CLI_DONE && rows_from("own") == 1);
    CHECK(run(&cli_limit_clear, "anna --credential printer") == CLI_DONE && rows_from("own") == 0);
    CHECK(rows_from("configuration") == usual);
    remove_place();
}

TEST(what_cannot_be_set_is_said)
{
    make_anna();
    CHECK(run(&cli_limit_set, "anna messages lots") == CLI_FAILED && strstr(output, "NUMBER/hour"));
    CHECK(run(&cli_limit_set, "anna letters 1/hour") == CLI_FAILED && strstr(output, "a limit is of messages"));
    CHECK(run(&cli_limit_set, "nobody messages 1/hour") == CLI_FAILED && strstr(output, "no such account"));
    CHECK(run(&cli_limit_set, "anna messages 1/hour --credential none") == CLI_FAILED);
    CHECK(run(&cli_limit_clear, "anna") == CLI_FAILED && strstr(output, "there is no such limit"));
    CHECK(run(&cli_limit_set, "anna messages") == CLI_WRONG_USE);
    remove_place();
}
