/* gatepost report on a set-up of its own: what the vault counted, by rule and account, as text and as JSON. */
#include "cli/test_bed.h"

#include "cli/report.h"
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
    CHECK(strstr(output, "identity.from") && strstr(output, "anna") &&
          strstr(output, "next: `gatepost identity add anna ADDRESS`"));
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

/* ---- what is to be done; pure -------------------------------------------------------------------------------------------- */
static const struct {
    const char *rule, *next, *yaml; /* next: how it begins; yaml: with what is in `settings` */
} steps[] = {
    {"identity.from",               "`gatepost identity add anna ADDRESS`",                     "policy: {identity: {mode: enforce}}"         },
    { "identity.names",             "`policy.identity.protected_names` in",                     "policy: {identity: {names: enforce}}"        },
    { "limits.account.messages",    "`gatepost limit set anna WHAT RATES`",                     ""                                            }, /* enforced */
    { "limits.credential.octets",   "`gatepost limit set anna WHAT RATES --credential 7`",      ""                                            },
    { "limits.account.sessions",    "`gatepost limit set anna sessions NUMBER`",                ""                                            },
    { "limits.credential.sessions", "`gatepost limit set anna sessions NUMBER --credential 7`", ""                                            },
    { "limits.server.messages",     "`policy.limits` in gatepost.yml",                          ""                                            },
    { "guard.address",              "none, if these are guessers",                              "policy: {guard: {mode: enforce}}"            },
    { "brake",                      "look at what it sent: `gatepost explain anna`",            "policy: {brake: {mode: enforce}}"            },
    { "tls.minimum",                "update the client",                                        "policy: {tls: {mode: enforce}}"              },
    { "mechanisms.retire LOGIN",    "set the client to SCRAM-SHA-256 or PLAIN",                 "policy: {mechanisms: {mode: enforce}}"       },
    { "mechanism LOGIN",            "set the client to SCRAM-SHA-256 or PLAIN",
     "policy: {mechanisms: {mode: enforce, retire: CRAM-MD5 LOGIN}}"                                                                          },
    { "mechanism CRAM-MD5",         "set the client to SCRAM-SHA-256 or PLAIN",
     "policy: {mechanisms: {mode: enforce, retire: CRAM-MD5}}"                                                                                },
    { "tls TLSv1.2",                "update the client",                                        "policy: {tls: {mode: enforce, minimum: 1.3}}"},
    { "tls TLSv1.1",                "update the client",                                        "policy: {tls: {mode: enforce, minimum: 1.2}}"},
    { "tls without SNI",            "none, while the first of `tls.certificates`",              ""                                            },
    { "credential unused",          "`gatepost credential revoke anna 7`",                      ""                                            },
    { "credential never used",      "`gatepost credential revoke anna 7`",                      ""                                            },
    { "credential old",             "`gatepost credential rotate anna 7`",                      ""                                            },
    { "of another time",            "",                                                         ""                                            },
};

TEST(each_rule_has_a_next_step_and_what_switches_it)
{
    static struct config settings;
    settings.policy.identity.mode = settings.policy.identity.names = settings.policy.brake.mode = POLICY_SHADOW;
    settings.policy.limits.mode                                                                 = POLICY_ENFORCE;
    settings.policy.guard.mode                                                                  = POLICY_OFF;
    settings.policy.tls.mode = settings.policy.mechanisms.mode = POLICY_SHADOW;
    CHECK(gp_copy_z(GP_LIT("CRAM-MD5"), settings.policy.mechanisms.retire, sizeof(settings.policy.mechanisms.retire)));
    for (size_t i = 0; i < GP_COUNT(steps); i++) {
        char              room[640], switch_room[640];
        struct gp_text    next = GP_TEXT(room), yaml = GP_TEXT(switch_room);
        struct report_row row = { .rule = steps[i].rule, .account = "anna", .label = "my phone", .credential = 7 };
        report_put_next(&next, &row);
        report_put_switch(&yaml, &settings, steps[i].rule);
        CHECK(gp_starts(gp_said(&next), steps[i].next) && (next.len > 0) == (steps[i].next[0] != '\0'));
        CHECK_IS(gp_said(&yaml), steps[i].yaml);
    }
}

TEST(what_is_so_already_needs_no_switch)
{
    static const char *const rules[] = { "identity.from", "identity.names",  "tls.minimum", "mechanisms.retire LOGIN",
                                         "tls TLSv1.2",   "mechanism LOGIN", "brake" };
    static struct config     settings;
    settings.policy.identity.mode = settings.policy.identity.names = settings.policy.brake.mode = POLICY_ENFORCE;
    settings.policy.tls.mode = settings.policy.mechanisms.mode = POLICY_ENFORCE;
    settings.policy.tls.minimum                                = TLS_MINIMUM_1_3;
    CHECK(gp_copy_z(GP_LIT("login"), settings.policy.mechanisms.retire, sizeof(settings.policy.mechanisms.retire)));
    for (size_t i = 0; i < GP_COUNT(rules); i++) {
        char           room[640];
        struct gp_text yaml = GP_TEXT(room);
        report_put_switch(&yaml, &settings, rules[i]);
        CHECK_IS(gp_said(&yaml), "");
    }
}

/* ---- credentials -------------------------------------------------------------------------------------------------------- */
static void age(struct user_store *s, const char *label, int64_t made_days, int64_t used_days)
{
    static const gp_time DAY  = (gp_time)24 * 3600 * 1000;
    auto_rows            rows = rows_of(accounts_database(s->accounts),
                                        "UPDATE credentials SET created = ?, last_used = ?, use_count = ? WHERE label = ?");
    rows_bind_number(&rows, user_now() - made_days * DAY);
    rows_bind_number(&rows, used_days < 0 ? 0 : user_now() - used_days * DAY);
    rows_bind_number(&rows, used_days < 0 ? 0 : 5);
    rows_bind_text(&rows, gp_from(label));
    CHECK(rows_run(&rows) == GP_OK);
}

static void make_credentials(void)
{
    static const struct {
        const char *label;
        int64_t     made, used; /* days ago; -1: never */
    } rows[] = {
        {"fresh",   3,   -1},
        { "never",  91,  -1},
        { "gone",   400, 91},
        { "ageing", 400, 1 },
        { "young",  300, 1 },
    };
    struct user_store s;
    make_place();
    CHECK(run(&cli_user_add, "anna") == CLI_DONE);
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char words[64];
        (void)snprintf(words, sizeof(words), "anna --label %s", rows[i].label);
        CHECK(run(&cli_credential_add, words) == CLI_DONE);
    }
    CHECK(user_store_open(dir, &s));
    for (size_t i = 0; i < GP_COUNT(rows); i++) age(&s, rows[i].label, rows[i].made, rows[i].used);
    user_store_close(&s);
}

TEST(credentials_that_nobody_uses_and_old_ones)
{
    static const char *const wanted[][2] = {
        {"credential never used", "never" },
        { "credential unused",    "gone"  },
        { "credential old",       "ageing"}
    };
    make_credentials();
    CHECK(run(&cli_report, "--json --rule credential") == CLI_DONE);
    json_t *all = json_of_output();
    CHECK(json_array_size(all) == GP_COUNT(wanted));
    for (size_t i = 0; i < GP_COUNT(wanted); i++) {
        const json_t *row = json_array_get(all, i);
        CHECK_IS(gp_from(field(row, "rule")), wanted[i][0]);
        CHECK_IS(gp_from(field(row, "label")), wanted[i][1]);
        CHECK_IS(gp_from(field(row, "kind")), "credential");
    }
    json_decref(all);
    CHECK(run(&cli_report, "") == CLI_DONE && strstr(output, "CREDENTIALS OUT OF USE, OR OLD"));
    CHECK(strstr(output, "is:   generated, made 20") && !strstr(output, "young") && !strstr(output, "fresh"));
    CHECK(run(&cli_report, "--made-before 2h --unused-since 2d") == CLI_DONE);
    CHECK(strstr(output, "young") && strstr(output, "fresh"));
    CHECK(run(&cli_user_disable, "anna") == CLI_DONE && run(&cli_report, "") == CLI_DONE);
    CHECK(strstr(output, "Nothing in that time"));
    remove_place();
}

TEST(each_rule_ends_with_what_switches_it)
{
    make_counts();
    put_file("gatepost.yml", "hostname: mail.example.org\npolicy: {identity: {mode: shadow}}\n");
    CHECK(run(&cli_report, "") == CLI_DONE);
    CHECK(strstr(
        output,
        "to enforce it, in gatepost.yml: policy: {identity: {mode: enforce}}\n    which would have met 1 account\n"));
    CHECK(strstr(output, "to switch it off, in gatepost.yml: policy: {mechanisms: {mode: enforce, retire: LOGIN}}\n"
                         "    after which 1 account cannot sign in like that\n"));
    CHECK(!strstr(output, "{limits: {mode")); /* enforced */
    remove_place();
}

TEST(old_devices_have_a_part_of_their_own)
{
    struct user_store s;
    struct account    anna;
    struct credential printer;
    make_place();
    CHECK(run(&cli_user_add, "anna") == CLI_DONE);
    CHECK(run(&cli_credential_add, "anna --legacy --label printer") == CLI_DONE &&
          run(&cli_credential_add, "anna --legacy --label scanner") == CLI_DONE);
    CHECK(user_store_open(dir, &s) && user_find(&s, "anna", &anna));
    CHECK(credential_named(s.accounts, anna.id, GP_LIT("printer"), &printer) == GP_OK);
    struct tally t = { .kind       = TALLY_USE,
                       .name       = "lane",
                       .account    = anna.id,
                       .credential = printer.id,
                       .count      = 7,
                       .first      = user_now(),
                       .last       = user_now() };
    CHECK(tally_add(s.accounts, &t, 1, t.last) == GP_OK);
    struct credential_use use = { .credential = printer.id,
                                  .when       = user_now(),
                                  .count      = 1,
                                  .from       = "10.0.0.7",
                                  .mechanism  = "LOGIN",
                                  .helo       = "printer" };
    CHECK(accounts_used(s.accounts, &use, 1) == GP_OK);
    user_store_close(&s);
    CHECK(run(&cli_report, "") == CLI_DONE && strstr(output, "OLD DEVICES, AND MESSAGES") &&
          !strstr(output, "STILL IN USE"));
    CHECK(strstr(output, "last: from 10.0.0.7, by LOGIN, without TLS, which calls itself printer") &&
          strstr(output, "last: never used"));
    CHECK(run(&cli_report, "--rule lane --json") == CLI_DONE);
    json_t *all = json_of_output(), *row = json_array_get(all, 0);
    CHECK(json_array_size(all) == 2 && json_integer_value(json_object_get(row, "count")) == 7);
    CHECK_IS(gp_from(field(row, "kind")), "lane");
    CHECK_IS(gp_from(field(row, "label")), "printer");
    json_decref(all);
    remove_place();
}
