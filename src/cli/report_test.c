/* gatepost report on a set-up of its own: what the vault counted, by rule and account, as text and as JSON. */
#include "cli/test_bed.h"

#include "store/tally.h"

static void count(struct user_store *s, enum tally_kind kind, const char *name, int64_t account, gp_time when)
{
    struct tally t = { .kind = kind, .account = account, .count = 3, .first = when, .last = when };
    CHECK(gp_copy_z(gp_from(name), t.name, sizeof(t.name)));
    CHECK(gp_copy_z(GP_LIT("boss@example.org \x1b[1m in From"), t.example, sizeof(t.example)));
    CHECK(tally_add(s->accounts, &t, 1, when) == GP_OK);
}

static void make_counts(void)
{
    static const gp_time DAY = (gp_time)24 * 3600 * 1000;
    struct user_store    s;
    struct account       anna;
    make_place();
    CHECK(run(&cli_report, "") == CLI_DONE && strstr(output, "Nothing in that time"));
    CHECK(run(&cli_user_add, "anna") == CLI_DONE && run(&cli_user_add, "bert") == CLI_DONE);
    CHECK(user_store_open(dir, &s) && user_find(&s, "anna", &anna));
    count(&s, TALLY_SHADOW, "identity.from", anna.id, user_now() - 40 * DAY);
    count(&s, TALLY_SHADOW, "identity.from", anna.id, user_now());
    count(&s, TALLY_SHADOW, "limits.messages", 0, user_now());
    count(&s, TALLY_USE, "mechanism LOGIN", anna.id, user_now());
    user_store_close(&s);
}

TEST(the_text_has_rules_accounts_examples_and_the_next_step)
{
    make_counts();
    CHECK(run(&cli_report, "") == CLI_DONE);
    CHECK(strstr(output, "WOULD HAVE BEEN REFUSED OR HELD") && strstr(output, "STILL IN USE"));
    CHECK(strstr(output, "identity.from") && strstr(output, "anna") && strstr(output, "next: let the account send"));
    CHECK(strstr(output, "last: boss@example.org ?[1m in From")); /* nobody's terminal obeys a client */
    remove_place();
}

TEST(the_period_the_rule_and_the_account_narrow_it)
{
    make_counts();
    CHECK(run(&cli_report, "--json") == CLI_DONE);
    json_t *all = json_of_output();
    CHECK(json_array_size(all) == 3);
    json_decref(all);
    CHECK(run(&cli_report, "--json --since 60d --rule identity --account anna") == CLI_DONE);
    json_t *some = json_of_output(), *row = json_array_get(some, 0);
    CHECK(json_array_size(some) == 1 && json_integer_value(json_object_get(row, "count")) == 6);
    CHECK_IS(gp_from(field(row, "kind")), "shadow");
    CHECK_IS(gp_from(field(row, "account")), "anna");
    json_decref(some);
    CHECK(run(&cli_report, "--account bert") == CLI_DONE && strstr(output, "Nothing in that time"));
    CHECK(run(&cli_report, "--account nobody") == CLI_FAILED && strstr(output, "no such account"));
    CHECK(run(&cli_report, "--since yesterday") == CLI_WRONG_USE);
    remove_place();
}
