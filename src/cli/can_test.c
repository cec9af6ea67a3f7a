/* gatepost can on a set-up of its own: each rule's answer, and what a client would hear. */
#include "cli/test_bed.h"

static bool says(const char *words)
{
    return strstr(output, words) != NULL;
}

static void make_accounts(void)
{
    make_place();
    put_file("gatepost.yml", "hostname: mail.example.org\ndomain: example.org\npasswords:\n  scram_iterations: 5000\n"
                             "limits:\n  message_size: 1M\n");
    CHECK(run(&cli_user_add, "anna@example.org") == CLI_DONE);
    CHECK(run(&cli_credential_add, "anna@example.org --label printer --networks 10.0.0.0/8 --mechanisms PLAIN") ==
          CLI_DONE);
}

/* asked: behind "anna@example.org "; reply NULL: it can. */
static const struct {
    const char *asked, *rule, *reply;
} cases[] = {
    {"",                                                              "yes    account      anna@example.org is in force",                  NULL                                                  },
    { "--from anna@example.org --to bob@example.net",                 "yes    recipient    bob@example.net",                               NULL                                                  },
    { "--from boss@example.org",
     "no     sender       boss@example.org: ",                                                                                             "550 5.7.1 this account may not send as that address" },
    { "--header-from boss@example.org",
     "no     author       boss@example.org: ",                                                                                             "550 5.7.1 sender address not yours: boss@example.org"},
    { "--from nonsense",                                              "no     sender       nonsense: the sender is not an address",
     "550 5.7.1 this account may not send as that address"                                                                                                                                       },
    { "--tls none",                                                   "no     mechanism    PLAIN shows the password, and there is no TLS",
     "530 5.7.0 Must issue a STARTTLS command first"                                                                                                                                             },
    { "--mechanism NTLM",                                             "no     mechanism    NTLM is not offered there",                     "504 5.5.4 mechanism not offered"                     },
    { "--mechanism SCRAM-SHA-256",                                    "yes    mechanism    SCRAM-SHA-256 is offered there under TLS",      NULL                                                  },
    { "--mechanism CRAM-MD5",                                         "no     mechanism    CRAM-MD5 is not offered there",                 "504 5.5.4 mechanism not offered"                     },
    { "--credential printer --ip 10.1.2.3",                           "yes    credential   credential 'printer' may be used",              NULL                                                  },
    { "--credential printer --ip 192.0.2.9",
     "no     credential   credential 'printer' may not be used from 192.0.2.9: allowed 10.0.0.0/8",                                        "535 5.7.8 authentication failed"                     },
    { "--credential printer --ip 10.1.2.3 --mechanism SCRAM-SHA-256",
     "no     credential   credential 'printer' may not be used with SCRAM-SHA-256",                                                        "535 5.7.8 authentication failed"                     },
    { "--credential nothing",                                         "no     credential   the account has none of that label or id",
     "535 5.7.8 authentication failed"                                                                                                                                                           },
    { "--size 1048576",                                               "yes    size",                                                       NULL                                                  },
    { "--size 1048577",                                               "no     size",                                                       "552 5.3.4 message is larger than the limit"          },
    { "--to nobody",                                                  "no     recipient    nobody is not an address",                      "501 5.1.3 bad recipient address"                     },
};

TEST(each_rule_answers_and_the_verdict_is_what_a_client_hears)
{
    make_accounts();
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        char asked[256];
        (void)snprintf(asked, sizeof(asked), "anna@example.org %s", cases[i].asked);
        int done = run(&cli_can, asked);
        if (done != (cases[i].reply ? CLI_FAILED : CLI_DONE) || !says(cases[i].rule)) fail_msg("%s: %s", asked, output);
        if (cases[i].reply && !says(cases[i].reply)) fail_msg("%s: %s", asked, output);
        CHECK(says(cases[i].reply ? "no: the client hears " : "yes: with the right secret, anna@example.org can"));
    }
    remove_place();
}

TEST(who_is_disabled_can_nothing)
{
    make_accounts();
    CHECK(run(&cli_user_disable, "anna@example.org") == CLI_DONE);
    CHECK(run(&cli_can, "anna@example.org") == CLI_FAILED && says("no     account") && !says("credential"));
    CHECK(says("535 5.7.8 authentication failed"));
    remove_place();
}

TEST(json_has_the_rules_and_the_reply)
{
    make_accounts();
    CHECK(run(&cli_can, "anna@example.org --from boss@example.org --json") == CLI_FAILED);
    json_t *json = json_of_output(), *reply = json_object_get(json, "reply");
    CHECK(json_is_false(json_object_get(json, "can")) && json_array_size(json_object_get(json, "rules")) >= 4);
    CHECK(json_integer_value(json_object_get(reply, "code")) == 550);
    json_decref(json);
    CHECK(run(&cli_can, "anna@example.org --json") == CLI_DONE);
    json = json_of_output();
    CHECK(json_is_true(json_object_get(json, "can")) && json_is_null(json_object_get(json, "reply")));
    json_decref(json);
    remove_place();
}

TEST(what_is_asked_must_make_sense)
{
    static const char *const wrong[] = { "anna@example.org --ip nonsense",  "anna@example.org --ip 10.0.0.0/8",
                                         "anna@example.org --listener 999", "anna@example.org --size big",
                                         "anna@example.org --at yesterday", "" };
    make_accounts();
    for (size_t i = 0; i < GP_COUNT(wrong); i++) CHECK(run(&cli_can, wrong[i]) == CLI_WRONG_USE);
    CHECK(run(&cli_can, "nobody") == CLI_FAILED && says("there is no such account"));
    CHECK(run(&cli_can, "anna@example.org --listener 587") == CLI_DONE);
    remove_place();
}
