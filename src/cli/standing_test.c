/* How things stand, as `gatepost explain` says it first: the brake, limits, places, bans; and that each policy's no has a next step. */
#include "cli/test_bed.h"

#include "cli/standing.h"
#include "cli/story.h"
#include "store/brakes.h"
#include "store/places.h"
#include "store/usage.h"

static const gp_time MINUTE = (gp_time)60 * 1000;

static bool says(const char *words)
{
    return strstr(output, words) != NULL;
}

static void make_state(const char *more)
{
    char yaml[512];
    make_place();
    CHECK(mkdir(in_dir("queue"), 0700) == 0);
    (void)snprintf(yaml, sizeof(yaml),
                   "hostname: mail.example.org\ndomain: example.org\npolicy:\n  brake: {mode: enforce}\n%s", more);
    put_file("gatepost.yml", yaml);
    CHECK(run(&cli_user_add, "anna") == CLI_DONE);
}

static void remove_state(void)
{
    static const char *const files[] = { "queue/queue.db", "queue/queue.db-wal", "queue/queue.db-shm" };
    for (size_t i = 0; i < GP_COUNT(files); i++) (void)unlink(in_dir(files[i]));
    (void)rmdir(in_dir("queue/bodies"));
    CHECK(rmdir(in_dir("queue")) == 0);
    remove_place();
}

static int64_t open_store(struct user_store *s)
{
    struct account anna = { .id = 0 };
    CHECK(user_store_open(dir, s) && user_find(s, "anna", &anna));
    return anna.id;
}

static void keep_brake(const struct brake_state *state, const char *why)
{
    struct user_store  s;
    struct brake_entry e = { .account = open_store(&s), .state = state, .why = why, .incident = "" };
    auto_transaction   t = { 0 };
    CHECK(transaction_begin(&t, accounts_database(s.accounts)) == GP_OK &&
          brake_put(s.accounts, &e, user_now()) == GP_OK);
    CHECK(transaction_commit(&t) == GP_OK);
    user_store_close(&s);
}

static void keep_ban(const char *network, bool manual, gp_time until)
{
    struct user_store s;
    struct kept_ban   b = {
          .ban = {.manual = manual, .made = user_now(), .until = until},
            .reason = "because"
    };
    (void)open_store(&s);
    CHECK(place_read(gp_from(network), &b.ban.place) && kept_bans_add(s.accounts, &b, 1, user_now()) == GP_OK);
    user_store_close(&s);
}

static void keep_visit(const char *address)
{
    struct user_store s;
    struct place_use  use = { .account = open_store(&s), .when = user_now() };
    CHECK(place_read(gp_from(address), &use.place) && places_note(s.accounts, &use, 1) == GP_OK);
    user_store_close(&s);
}

/* ---- an account ------------------------------------------------------------------------------------------------------- */
TEST(mail_that_is_held_comes_with_why_and_with_what_settles_it)
{
    struct brake_state b = { .born = 1, .when = user_now(), .held = user_now() - MINUTE };
    make_state("");
    CHECK(run(&cli_explain, "anna") == CLI_DONE && !says("  brake")); /* it never sent */
    keep_brake(&b, "new network 2.0, alike 3.0: 8.0 of 8");
    CHECK(run(&cli_explain, "anna") == CLI_DONE && says("  brake   its mail is held since 20") &&
          says("new network 2.0, alike 3.0: 8.0 of 8") && says("`gatepost queue release --account anna`"));
    struct user_store s;
    int64_t           anna = open_store(&s);
    CHECK(brake_set_released(s.accounts, anna, user_now()) == GP_OK);
    user_store_close(&s);
    CHECK(run(&cli_explain, "anna") == CLI_DONE && says("holds nothing; one message as usual would score") &&
          says("; released 20") && !says("queue release"));
    remove_state();
}

TEST(in_shadow_it_would_be)
{
    struct brake_state b = { .born = 1, .when = user_now(), .held = user_now() };
    make_state("");
    put_file("gatepost.yml", "hostname: mail.example.org\ndomain: example.org\n");
    keep_brake(&b, "x");
    CHECK(run(&cli_explain, "anna") == CLI_DONE && says("its mail would be held since"));
    put_file("gatepost.yml", "hostname: mail.example.org\ndomain: example.org\npolicy: {brake: {mode: off}}\n");
    CHECK(run(&cli_explain, "anna") == CLI_DONE && !says("  brake"));
    remove_state();
}

static void use_up(enum limit_scope scope, int64_t subject, uint64_t messages, const struct rate *rate)
{
    struct user_store  s;
    struct limit_usage usage = { .things = { { { 0 } } } };
    int64_t            anna  = open_store(&s);
    auto_transaction   t     = { 0 };
    rate_charge(rate, &usage.things[LIMIT_MESSAGES][0], messages, user_now());
    CHECK(transaction_begin(&t, accounts_database(s.accounts)) == GP_OK);
    CHECK(usage_put(s.accounts, scope, subject ? subject : anna, &usage) == GP_OK && transaction_commit(&t) == GP_OK);
    user_store_close(&s);
}

TEST(what_is_used_of_limits_and_the_way_out_when_little_is_left)
{
    static const struct rate ten = { .count = 10, .burst = 10, .per = (gp_time)24 * 3600 * 1000 };
    make_state("  limits: {account: {messages: 10/day}, address: {messages: 10/day}}\n");
    CHECK(run(&cli_explain, "anna") == CLI_DONE && !says("  limits"));
    use_up(LIMIT_ACCOUNT, 0, 7, &ten);
    CHECK(run(&cli_explain, "anna") == CLI_DONE && says("  limits  messages: 7 used of 10/day\n") &&
          !says("limit set"));
    use_up(LIMIT_ACCOUNT, 0, 8, &ten);
    CHECK(run(&cli_explain, "anna") == CLI_DONE &&
          says("messages: 8 used of 10/day\n    next  `gatepost limit set anna WHAT"));
    use_up(LIMIT_ADDRESS, (int64_t)place_digest(GP_LIT("192.0.2.7")), 3, &ten);
    CHECK(run(&cli_explain, "192.0.2.7") == CLI_DONE && says("messages: 3 used of 10/day"));
    remove_state();
}

TEST(places_and_the_bans_that_hold_there_all_the_same)
{
    make_state("");
    keep_visit("192.0.2.7");
    keep_ban("192.0.2.0/24", false, user_now() + 60 * MINUTE); /* the guard's own: places of the account are spared */
    CHECK(run(&cli_explain, "anna") == CLI_DONE && says("  guard   known at 1 place: 192.0.2.7 (20") && !says("  ban"));
    keep_ban("192.0.0.0/16", true, 0);
    CHECK(
        run(&cli_explain, "anna") == CLI_DONE &&
        says("192.0.0.0/16, where it signs in from, is banned by the administrator until it is taken back: because") &&
        says("`gatepost ban remove 192.0.0.0/16` ends it"));
    remove_state();
}

/* ---- an address -------------------------------------------------------------------------------------------------------- */
TEST(an_address_with_its_bans_and_guests)
{
    make_state("");
    keep_visit("192.0.2.7");
    keep_ban("198.51.100.0/24", true, user_now() - MINUTE); /* over */
    CHECK(run(&cli_explain, "198.51.100.1") == CLI_DONE && says("it is not banned") &&
          says("0 accounts have signed in"));
    keep_ban("192.0.2.0/24", false, user_now() + 60 * MINUTE);
    CHECK(run(&cli_explain, "192.0.2.7") == CLI_DONE && says("address 192.0.2.7\n") &&
          says("192.0.2.0/24 is banned by the guard, but for accounts that have signed in from there until 20") &&
          says("1 account has signed in from there"));
    CHECK(run(&cli_explain, "127.0.0.1") == CLI_DONE && says("it is in policy.guard.trusted"));
    CHECK(run(&cli_explain, "bob@example.net") == CLI_DONE && !says("  ban") && !says("  guard"));
    remove_state();
}

TEST(json_has_the_state_too)
{
    make_state("");
    keep_ban("192.0.2.7", true, 0);
    CHECK(run(&cli_explain, "192.0.2.7 --json") == CLI_DONE);
    json_t *json = json_of_output(), *first = json_array_get(json_object_get(json, "state"), 0);
    CHECK_IS(gp_from(field(first, "what")), "ban");
    CHECK_IS(gp_from(field(first, "next")), "`gatepost ban remove 192.0.2.7` ends it");
    json_decref(json);
    remove_state();
}

/* ---- what each policy says for the log, and where that leads ---------------------------------------------------------------- */
static const struct {
    const char *policy, *why, *next; /* next: how it begins */
} nos[] = {
    {"identity",    "the account may not send as that address",                                        "`gatepost identity add anna"                          },
    { "names",      "From shows a protected name that is not the account's: Boss",                     "`policy.identity.protected_names`"                    },
    { "limits",     "over a limit: messages of the account: 10/day, 10 used, 1 asked for",             "`gatepost limit show anna`"                           },
    { "limits",     "over a limit: sessions of the account",                                           "`gatepost limit set anna sessions"                    },
    { "lane",       "this port is for old devices in their own networks, and your address is in none",
     "the `networks` of that listener"                                                                                                                        },
    { "limits",     "over a limit: sessions of the credential",                                        "`gatepost limit set anna sessions NUMBER --credential"},
    { "guard",      "not looked at: too many wrong passwords for this account from this address",
     "none, if somebody guesses"                                                                                                                              },
    { "guard",      "not looked at: the address is banned by the administrator",                       "`gatepost ban list`"                                  },
    { "brake",      "sends as if somebody else had it: new network 2.0, alike 3.0: 8.0 of 8",
     "look at it; then `gatepost queue release --account anna`"                                                                                               },
    { "tls",        "TLSv1.2 is less than policy.tls.minimum: 1.3",                                    "update the client"                                    },
    { "mechanisms", "no longer offered: policy.mechanisms.retire has the mechanism",
     "set the client to SCRAM-SHA-256 or PLAIN"                                                                                                               },
};

TEST(every_policys_no_leads_somewhere)
{
    for (size_t i = 0; i < GP_COUNT(nos); i++) {
        char           room[512];
        struct gp_text out = GP_TEXT(room);
        struct advice  a   = { .account = GP_LIT("anna") };
        advice_put(&out, gp_from(nos[i].why), &a);
        if (!gp_starts(gp_said(&out), nos[i].next)) fail_msg("%s: %.*s", nos[i].policy, (int)out.len, out.ptr);
    }
}
