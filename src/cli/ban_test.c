/* gatepost ban on a set-up of its own: what is added is listed and taken back, and what cannot be meant is refused. */
#include "cli/test_bed.h"

#include "store/places.h"

static void ban_by_guard(const char *network, gp_time until)
{
    struct user_store s;
    struct kept_ban   b = {
          .ban = {.made = 1, .until = until, .offences = 2},
            .reason = "guesses \x1b[1m"
    };
    CHECK(place_read(gp_from(network), &b.ban.place) && user_store_open(dir, &s));
    CHECK(kept_bans_add(s.accounts, &b, 1, user_now()) == GP_OK);
    user_store_close(&s);
}

TEST(a_ban_is_added_listed_and_taken_back)
{
    make_place();
    CHECK(run(&cli_ban_list, "") == CLI_DONE && strstr(output, "Nobody is banned"));
    CHECK(run(&cli_ban_add, "192.0.2.9/24 --reason spam") == CLI_DONE && strstr(output, "192.0.2.0/24: banned until"));
    CHECK(run(&cli_ban_add, "2001:db8::1 --until 7d --json") == CLI_DONE);
    json_t *one = json_of_output();
    CHECK_IS(gp_from(field(one, "address")), "2001:db8::1");
    json_decref(one);
    CHECK(run(&cli_ban_list, "") == CLI_DONE && strstr(output, "192.0.2.0/24") && strstr(output, "spam"));
    CHECK(strstr(output, "2001:db8::1 "));
    CHECK(run(&cli_ban_remove, "192.0.2.7") == CLI_FAILED && strstr(output, "gatepost ban remove 192.0.2.0/24"));
    CHECK(run(&cli_ban_remove, "192.0.2.0/24") == CLI_DONE && run(&cli_ban_remove, "192.0.2.0/24") == CLI_FAILED);
    CHECK(strstr(output, "is not banned"));
    CHECK(run(&cli_ban_list, "--json") == CLI_DONE);
    json_t *all = json_of_output();
    CHECK(json_array_size(all) == 1);
    json_decref(all);
    remove_place();
}

TEST(what_the_guard_banned_is_shown_while_it_lasts)
{
    make_place();
    ban_by_guard("203.0.113.7", user_now() + 3600 * 1000);
    ban_by_guard("203.0.113.8", user_now() - 1000);
    CHECK(run(&cli_ban_list, "") == CLI_DONE && strstr(output, "203.0.113.7") && !strstr(output, "203.0.113.8"));
    CHECK(strstr(output, "guesses ?[1m (2 times)"));
    CHECK(run(&cli_ban_list, "--all") == CLI_DONE && strstr(output, "203.0.113.8") && strstr(output, "(over)"));
    remove_place();
}

TEST(what_cannot_be_meant_is_refused)
{
    static const char *const rows[] = {
        "0.0.0.0/0", "::/0", "10.0.0.0/7", "mail.example.org", "192.0.2.7 --until yesterday", ""
    };
    make_place();
    for (size_t i = 0; i < GP_COUNT(rows); i++) CHECK(run(&cli_ban_add, rows[i]) == CLI_WRONG_USE);
    CHECK(run(&cli_ban_remove, "somebody") == CLI_WRONG_USE);
    CHECK(run(&cli_ban_list, "") == CLI_DONE && strstr(output, "Nobody is banned"));
    remove_place();
}
