/* gatepost can on a set-up of its own: each rule's answer, and what a client would hear. */
#include "cli/test_bed.h"

#include "store/brakes.h"
#include "store/places.h"
#include "store/usage.h"

static bool says(const char *words)
{
    return strstr(output, words) != NULL;
}

static void make_accounts(void)
{
    make_place();
    put_file(
        "gatepost.yml",
        "hostname: mail.example.org\ndomain: example.org\npasswords:\n  scram_iterations: 5000\n"
        "limits:\n  message_size: 1M\n"
        "relay:\n  tls_policy: [{domain: .bank.example, tls: required}, {domain: xn--bcher-kva.example, tls: dane}]\n"
        "routes:\n"
        "  - {name: pool, to: slow.example, via: smtp://a.example smtp://b.example, fallback: smtp://c.example}\n"
        "  - {name: look-first, to: look.example, via: hold}\n");
    CHECK(run(&cli_user_add, "anna@example.org") == CLI_DONE);
    CHECK(run(&cli_credential_add, "anna@example.org --label printer --networks 10.0.0.0/8 --mechanisms PLAIN") ==
          CLI_DONE);
    CHECK(run(&cli_user_add, "boss@example.org") == CLI_DONE && run(&cli_user_add, "helper@example.org") == CLI_DONE);
    CHECK(run(&cli_user_may_act, "anna@example.org helper@example.org") == CLI_DONE);
    CHECK(run(&cli_ban_add, "198.51.100.0/24") == CLI_DONE);
}

/* asked: behind "anna@example.org "; reply NULL: it can. */
static const struct {
    const char *asked, *rule, *reply;
} cases[] = {
    {"--to bob@slow.example --to eve@x.example",
     "yes    way          bob@slow.example by the route pool: smtp://a.example:587?tls=required smtp://b.example:587?tls=required, else smtp://c.example:587?tls=required",
     NULL                                                                                                                                                                                                               },
    { "--to eve@x.example",                                           "yes    way          eve@x.example by relay.via: mx?tls=opportunistic",                               NULL                                        },
    { "--to eve@a.bank.example",
     "by relay.via: mx?tls=opportunistic, for .bank.example with tls=required (relay.tls_policy)",                                                                          NULL                                        },
    { "--to eve@b\xc3\xbc"
      "cher.example",                                            "for xn--bcher-kva.example with tls=dane (relay.tls_policy)",                                         NULL                                        },
    { "--to eve@look.example",                                        "held   way          eve@look.example by the route look-first: hold",                                 NULL                                        },
    { "",                                                             "yes    account      anna@example.org is in force",                                                   NULL                                        },
    { "--from anna@example.org --to bob@example.net",                 "yes    recipient    bob@example.net",                                                                NULL                                        },
    { "--from boss@example.org",                                      "no     sender       boss@example.org: ",
     "550 5.7.1 this account may not send as that address; yours: anna@example.org"                                                                                                                                     },
    { "--header-from boss@example.org",                               "no     author       boss@example.org: ",
     "550 5.7.1 sender address not yours: boss@example.org; yours: anna@example.org"                                                                                                                                    },
    { "--from nonsense",                                              "no     sender       nonsense: the sender is not an address",
     "554 5.6.0 the sender is not an address"                                                                                                                                                                           },
    { "--tls none",                                                   "no     mechanism    PLAIN shows the password, and there is no TLS",
     "530 5.7.0 Must issue a STARTTLS command first"                                                                                                                                                                    },
    { "--tls none --mechanism SCRAM-SHA-256",                         "no     mechanism    SCRAM-SHA-256 is offered under TLS alone",
     "530 5.7.0 Must issue a STARTTLS command first"                                                                                                                                                                    },
    { "--mechanism NTLM",                                             "no     mechanism    NTLM is not offered there",                                                      "504 5.5.4 mechanism not offered"           },
    { "--mechanism SCRAM-SHA-256",                                    "yes    mechanism    SCRAM-SHA-256 is offered there under TLS",                                       NULL                                        },
    { "--mechanism CRAM-MD5",                                         "no     mechanism    CRAM-MD5 is not offered there",                                                  "504 5.5.4 mechanism not offered"           },
    { "--credential printer --ip 10.1.2.3",                           "yes    credential   credential 'printer' may be used",                                               NULL                                        },
    { "--credential printer --ip 192.0.2.9",
     "no     credential   credential 'printer' may not be used from 192.0.2.9: allowed 10.0.0.0/8",                                                                         "535 5.7.8 authentication failed"           },
    { "--credential printer --ip 10.1.2.3 --mechanism SCRAM-SHA-256",
     "no     credential   credential 'printer' may not be used with SCRAM-SHA-256",                                                                                         "535 5.7.8 authentication failed"           },
    { "--credential nothing",                                         "no     credential   the account has none of that label or id",
     "535 5.7.8 authentication failed"                                                                                                                                                                                  },
    { "--size 1048576",                                               "yes    size",                                                                                        NULL                                        },
    { "--size 1048577",                                               "no     size",                                                                                        "552 5.3.4 message is larger than the limit"},
    { "--reply-to boss@example.org",                                  "yes    in Reply-To  boss@example.org",                                                               NULL                                        },
    { "--from anna+list@example.org",                                 "yes    sender       anna+list@example.org",                                                          NULL                                        },
    { "--to bob@example.net",                                         "yes    limits       ",                                                                               NULL                                        },
    { "--as boss@example.org",                                        "no     acting       the account may not act for boss@example.org",
     "535 5.7.8 authentication failed"                                                                                                                                                                                  },
    { "--as helper@example.org",                                      "yes    acting       the account may act for helper@example.org",                                     NULL                                        },
    { "--as helper@example.org --from anna@example.org",              "no     sender       anna@example.org: ",
     "550 5.7.1 this account may not send as that address; yours: helper@example.org"                                                                                                                                   },
    { "--ip 198.51.100.7",                                            "no     ban          banned by the administrator: 198.51.100.0/24",
     "535 5.7.8 authentication failed"                                                                                                                                                                                  },
    { "--ip 192.0.2.9",                                               "yes    ban          192.0.2.9 is not banned",                                                        NULL                                        },
    { "--sender boss@example.org",                                    "no     in Sender    boss@example.org: ",
     "550 5.7.1 address in Sender not yours: boss@example.org; yours: anna@example.org"                                                                                                                                 },
    { "--to nobody",                                                  "no     recipient    nobody is not an address",                                                       "501 5.1.3 bad recipient address"           },
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

/* A credential that may send less than the account, and costs less to check, is not the answer for the whole account. */
TEST(what_any_credential_can_the_account_can)
{
    make_accounts();
    CHECK(run(&cli_identity_add, "anna@example.org list@example.org") == CLI_DONE);
    CHECK(run(&cli_credential_add, "anna@example.org --label list --senders list@example.org") == CLI_DONE);
    CHECK(run(&cli_can, "anna@example.org --from anna@example.org --to bob@example.net") == CLI_DONE);
    CHECK(says("credential 'list' may be used") && says("what follows is asked with credential ") &&
          !says("asked with credential 'list'"));
    CHECK(run(&cli_can, "anna@example.org --from list@example.org") == CLI_DONE);
    CHECK(run(&cli_can, "anna@example.org --from anna@example.org --credential list") == CLI_FAILED);
    CHECK(!says("what follows is asked with") && says("no     sender       anna@example.org: "));
    CHECK(run(&cli_can, "anna@example.org --from boss@example.org") == CLI_FAILED);
    remove_place();
}

/* mode: of both policies. asked and reply as above; rule NULL: that rule says nothing. */
static const struct {
    const char *mode, *asked, *rule, *reply;
} modes[] = {
    {"enforce",  "--tls TLSv1.3",                                          "yes    tls          TLSv1.3 is enough",                                           NULL        },
    { "enforce", "--tls TLSv1.2",                                          "no     tls          TLSv1.2 is less than policy.tls.minimum: 1.3",
     "523 5.7.10 TLS 1.3 is needed to sign in"                                                                                                                            },
    { "enforce", "--mechanism LOGIN",                                      "no     mechanism    LOGIN is no longer offered: policy.mechanisms.retire has it",
     "504 5.5.4 mechanism not offered"                                                                                                                                    },
    { "enforce", "--mechanism LOGIN --tls TLSv1.2",                        "no     mechanism    LOGIN is no longer offered",
     "504 5.5.4 mechanism not offered"                                                                                                                                    },
    { "shadow",  "--tls TLSv1.2",                                          "would  tls          TLSv1.2 is less than policy.tls.minimum: 1.3",                NULL        },
    { "shadow",  "--mechanism LOGIN",                                      "would  mechanism    LOGIN is in policy.mechanisms.retire",                        NULL        },
    { "off",     "--mechanism LOGIN --tls TLSv1.2",                        "yes    mechanism    LOGIN is offered there under TLS",                            NULL        },
    { "enforce", "--listener office --tls none --mechanism SCRAM-SHA-256",
     "no     tls          no TLS is less than policy.tls.minimum: 1.3",                                                                                       "523 5.7.10"},
    { "enforce", "--listener office --tls TLSv1.1",                        "no     tls          TLSv1.1 is less than",                                        "523 5.7.10"},
};

TEST(tls_and_mechanisms_are_asked_in_each_mode)
{
    make_accounts();
    for (size_t i = 0; i < GP_COUNT(modes); i++) {
        char asked[256], yaml[512];
        (void)snprintf(
            yaml, sizeof(yaml),
            "hostname: mail.example.org\ndomain: example.org\nlisten: ['submissions [::]:465', 'dovecot-auth /x/auth name=office']\n"
            "policy: {tls: {minimum: 1.3, mode: %s}, mechanisms: {retire: LOGIN, mode: %s}}\n",
            modes[i].mode, modes[i].mode);
        put_file("gatepost.yml", yaml);
        (void)snprintf(asked, sizeof(asked), "anna@example.org %s", modes[i].asked);
        int done = run(&cli_can, asked);
        if (done != (modes[i].reply ? CLI_FAILED : CLI_DONE) || !says(modes[i].rule)) fail_msg("%s: %s", asked, output);
        if (modes[i].reply && !says(modes[i].reply)) fail_msg("%s: %s", asked, output);
    }
    CHECK(run(&cli_can, "anna@example.org --tls TLSv1.1") == CLI_WRONG_USE); /* none of ours speaks that */
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
    static const char *const wrong[] = { "anna@example.org --ip nonsense",
                                         "anna@example.org --ip 10.0.0.0/8",
                                         "anna@example.org --listener 999",
                                         "anna@example.org --size big",
                                         "anna@example.org --at yesterday",
                                         "anna@example.org --tls SSLv3",
                                         "" };
    make_accounts();
    for (size_t i = 0; i < GP_COUNT(wrong); i++) CHECK(run(&cli_can, wrong[i]) == CLI_WRONG_USE);
    CHECK(run(&cli_can, "nobody") == CLI_FAILED && says("there is no such account"));
    CHECK(run(&cli_can, "anna@example.org --listener 587") == CLI_DONE);
    remove_place();
}

/* ---- policies ----------------------------------------------------------------------------------------------------------- */
static void configure(const char *policy)
{
    char all[1024];
    (void)snprintf(all, sizeof(all),
                   "hostname: mail.example.org\ndomain: example.org\npasswords:\n  scram_iterations: 5000\npolicy:\n%s",
                   policy);
    put_file("gatepost.yml", all);
}

TEST(what_is_in_shadow_would_be_refused)
{
    make_accounts();
    configure("  identity:\n    mode: shadow\n  limits:\n    mode: shadow\n");
    CHECK(run(&cli_limit_set, "anna@example.org recipients 1/hour") == CLI_DONE);
    CHECK(run(&cli_can, "anna@example.org --from boss@example.org") == CLI_DONE &&
          says("would  sender       boss@example.org: ") &&
          says("signature    unsigned: DKIM does not sign for an author"));
    CHECK(run(&cli_can, "anna@example.org") == CLI_DONE && !says("unsigned"));
    CHECK(run(&cli_can, "anna@example.org --header-from boss@example.org") == CLI_DONE && says("unsigned: "));
    configure("  identity:\n    mode: shadow\n    sign_in_shadow: yes\n  limits:\n    mode: shadow\n");
    CHECK(run(&cli_can, "anna@example.org --from boss@example.org") == CLI_DONE && !says("unsigned"));
    configure("  identity:\n    mode: shadow\n  limits:\n    mode: shadow\n");
    CHECK(run(&cli_can, "anna@example.org --to a@example.net --to b@example.net") == CLI_DONE);
    CHECK(says("would  limits       recipients of the account: 1/hour"));
    configure("  limits:\n    mode: enforce\n");
    CHECK(run(&cli_can, "anna@example.org --to a@example.net --to b@example.net") == CLI_FAILED);
    CHECK(says("452 4.7.1 too many recipients for this account, try again in "));
    CHECK(run(&cli_limit_set, "anna@example.org messages 0/hour") == CLI_FAILED);
    CHECK(run(&cli_limit_set, "anna@example.org octets 100/hour") == CLI_DONE);
    CHECK(run(&cli_can, "anna@example.org --size 101") == CLI_FAILED &&
          says("552 5.3.4 the message is larger than all that may be sent at once, octets: 100"));
    remove_place();
}

TEST(what_is_to_be_replaced_is_said)
{
    make_accounts();
    configure("  identity:\n    mail: rewrite\n    from: rewrite\n");
    CHECK(run(&cli_can, "anna@example.org --from boss@example.org") == CLI_DONE);
    CHECK(says("boss@example.org: it is not the account's, and is replaced") && says("by anna@example.org"));
    remove_place();
}

static void use_store(void (*use)(struct user_store *, int64_t account))
{
    auto_user_store s = { 0 };
    struct account  anna;
    CHECK(user_store_open(dir, &s) && accounts_find(s.accounts, GP_LIT("anna@example.org"), &anna) == GP_OK);
    use(&s, anna.id);
}

static void use_up(struct user_store *s, int64_t account)
{
    auto_transaction   t     = { 0 };
    struct limit_rules rules = { 0 };
    struct limit_usage usage = { 0 };
    const char        *why   = "";
    struct limit_sides sides = { .scopes = { [LIMIT_ACCOUNT] = { &rules, &usage } } };
    struct limit_cost  cost  = { { [LIMIT_MESSAGES] = 1 } };
    CHECK(own_limit_set(s->accounts, account, 0, GP_LIT("messages"), GP_LIT("1/hour"), &why) == GP_OK);
    struct own_limits own;
    CHECK(own_limits_load(s->accounts, account, 0, &own) == GP_OK);
    rules = own.rules;
    limits_charge(&sides, &cost, user_now());
    CHECK(transaction_begin(&t, accounts_database(s->accounts)) == GP_OK);
    CHECK(usage_put(s->accounts, LIMIT_ACCOUNT, account, &usage) == GP_OK && transaction_commit(&t) == GP_OK);
}

TEST(what_is_used_up_is_asked_as_the_server_asks_it)
{
    make_accounts();
    configure("  limits:\n    mode: enforce\n");
    use_store(use_up);
    CHECK(run(&cli_can, "anna@example.org") == CLI_FAILED &&
          says("no     limits       messages of the account: 1/hour, 1 used, 1 asked for"));
    CHECK(says("451 4.7.1 too many messages for this account, try again in "));
    remove_place();
}

static void ban_and_know(struct user_store *s, int64_t account)
{
    gp_time         now = user_now();
    struct kept_ban ban = {
        .ban = {.made = now, .until = now + 3600 * 1000, .offences = 1},
          .reason = "guesses"
    };
    struct place_use here = { .account = account, .when = now };
    CHECK(place_read(GP_LIT("203.0.113.0/24"), &ban.ban.place) && place_read(GP_LIT("203.0.113.5"), &here.place));
    CHECK(kept_bans_add(s->accounts, &ban, 1, now) == GP_OK && places_note(s->accounts, &here, 1) == GP_OK);
}

TEST(the_guards_own_bans_spare_known_places_and_follow_its_mode)
{
    make_accounts();
    configure("  guard:\n    mode: enforce\n");
    use_store(ban_and_know);
    CHECK(run(&cli_can, "boss@example.org --ip 203.0.113.9") == CLI_FAILED &&
          says("no     ban          banned for a time: 203.0.113.0/24"));
    CHECK(run(&cli_can, "anna@example.org --ip 203.0.113.5") == CLI_DONE && says("is known for this account"));
    CHECK(run(&cli_can, "anna@example.org --ip 203.0.113.9") == CLI_DONE && says("is near one that is known"));
    configure("  guard:\n    mode: shadow\n");
    CHECK(run(&cli_can, "boss@example.org --ip 203.0.113.9") == CLI_DONE && says("would  ban"));
    configure("  guard:\n    mode: off\n");
    CHECK(run(&cli_can, "boss@example.org --ip 203.0.113.9") == CLI_DONE && !says("would"));
    CHECK(run(&cli_can, "anna@example.org --ip 198.51.100.7") == CLI_FAILED);
    remove_place();
}

static void hold(struct user_store *s, int64_t account)
{
    auto_transaction   t     = { 0 };
    struct brake_state state = { .born = user_now(), .when = user_now(), .held = user_now() };
    struct brake_entry e     = {
            .account = account, .state = &state, .why = "sends as if somebody else had the account: x", .incident = ""
    };
    CHECK(transaction_begin(&t, accounts_database(s->accounts)) == GP_OK);
    CHECK(brake_put(s->accounts, &e, user_now()) == GP_OK && transaction_commit(&t) == GP_OK);
}

TEST(who_is_held_can_but_nothing_goes_out)
{
    make_accounts();
    configure("  brake:\n    mode: enforce\n");
    use_store(hold);
    CHECK(run(&cli_can, "anna@example.org") == CLI_DONE && says("held   brake        sends as if somebody else"));
    CHECK(says("but the message is accepted and held"));
    CHECK(run(&cli_can, "anna@example.org --json") == CLI_DONE);
    json_t *json = json_of_output();
    CHECK(json_is_true(json_object_get(json, "can")) && json_is_true(json_object_get(json, "held")));
    json_decref(json);
    remove_place();
}

/* asked: behind "anna@example.org --listener LISTENER "; reply NULL: it can. */
static const struct {
    const char *asked, *rule, *reply;
} lanes[] = {
    {"old --ip 10.0.0.7",                                        "yes    lane         10.0.0.7 is in its networks",                   NULL                                                                                                          },
    { "old --ip 192.0.2.7",                                      "no     lane         192.0.2.7 is in none of its networks",
     "554 5.7.1 this port is for old devices"                                                                                                                                                                                                       },
    { "old --ip 10.0.0.7 --credential printer",
     "no     credential   credential 'printer' was not made for old devices (--legacy)",                                              "535 5.7.8 authentication failed"                                                                             },
    { "465 --ip 10.0.0.7 --credential scanner",                  "no     credential   credential 'scanner' was made for old devices",
     "535 5.7.8 authentication failed"                                                                                                                                                                                                              },
    { "old --ip 10.0.0.7 --tls TLSv1.0 --mechanism LOGIN",       "yes    mechanism    LOGIN is offered there under TLS",
     NULL                                                                                                                                                                                                                                           },
    { "old --ip 10.0.0.7 --mechanism CRAM-MD5",                  "yes    mechanism    CRAM-MD5 is offered there under TLS",           NULL                                                                                                          },
    { "old --ip 10.0.0.7 --tls none",                            "no     mechanism    PLAIN shows the password, and there is no TLS",
     "530 5.7.0"                                                                                                                                                                                                                                    },
    { "clear --ip 10.0.0.7",                                     "yes    mechanism    PLAIN is offered there",                        NULL                                                                                                          },
    { "old --ip 10.0.0.7 --to bob@example.net",                  "yes    recipient    bob@example.net",                               NULL                                                                                                          },
    { "old --ip 10.0.0.7 --to bob@example.com",
     "no     lane         bob@example.com is not what the listener takes mail to",                                                    "550 5.7.1 this listener for old devices takes mail to these domains only: example.net; ask the administrator"},
    { "old --ip 10.0.0.7 --to a%b@example.net",                  "no     lane         a%b@example.net is not what",
     "550 5.7.1 this listener for old devices takes no address"                                                                                                                                                                                     },
    { "old --ip 10.0.0.7 --to a@example.net --to b@example.net", "no     recipients   more than",
     "452 4.5.3 too many recipients"                                                                                                                                                                                                                },
    { "old --ip 10.0.0.7 --size 9000",                           "no     size         9000 octets; the limit is 8192",                "552 5.3.4"                                                                                                   },
};

TEST(listeners_for_old_devices_have_rules_of_their_own)
{
    make_accounts();
    put_file(
        "gatepost.yml",
        "hostname: mail.example.org\ndomain: example.org\nlisten:\n  - submissions [::]:465\n"
        "  - legacy 10.0.0.1:25 name=old networks=10.0.0.0/24 recipients_domains=example.net tls_minimum=1.0 message_size=8K recipients_per_message=1\n"
        "  - legacy 10.0.0.1:26 name=clear networks=10.0.0.0/24 recipients_domains=example.net tls=none\n"
        "policy: {tls: {mode: enforce, minimum: 1.3}, mechanisms: {mode: enforce, retire: LOGIN CRAM-MD5}}\n");
    CHECK(run(&cli_credential_add, "anna@example.org --legacy --label scanner") == CLI_DONE);
    for (size_t i = 0; i < GP_COUNT(lanes); i++) {
        char asked[256];
        (void)snprintf(asked, sizeof(asked), "anna@example.org --listener %s", lanes[i].asked);
        int done = run(&cli_can, asked);
        if (done != (lanes[i].reply ? CLI_FAILED : CLI_DONE) || !says(lanes[i].rule)) fail_msg("%s: %s", asked, output);
        if (lanes[i].reply && !says(lanes[i].reply)) fail_msg("%s: %s", asked, output);
    }
    CHECK(run(&cli_can, "anna@example.org --listener clear --tls TLSv1.2") == CLI_WRONG_USE);
    remove_place();
}
