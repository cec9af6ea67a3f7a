/* gatepost explain on a set-up of its own: incidents, accounts, addresses and messages, as text and as JSON. */
#include "cli/test_bed.h"

#include "cli/queue.h"
#include "cli/story.h"

enum { MINUTE = 60 * 1000 };

/* ---- what is told of one row; pure ------------------------------------------------------------------------------------- */
static const struct {
    const char *event, *data, *what, *why, *detail, *next; /* next: how it begins */
} told[] = {
    {"sign-in",
     "{\"result\":\"refused\",\"reason\":\"wrong password\",\"peer\":\"192.0.2.7\",\"listener\":\"submissions\",\"mechanism\":\"PLAIN\"}",
     "sign-in refused",                                                                                                                                          "wrong password",                              "PLAIN, at submissions, from 192.0.2.7",                "`gatepost credential list anna`"},
    { "sign-in",            "{\"result\":\"refused\",\"reason\":\"the account is disabled\"}",                                             "sign-in refused",
     "the account is disabled",                                                                                                                                                                                 "",                                                     "`gatepost user enable anna`"    },
    { "sign-in",            "{\"result\":\"ok\",\"peer\":\"192.0.2.7\"}",                                                                  "sign-in ok",         "",                                            "from 192.0.2.7",                                       ""                               },
    { "refused",
     "{\"code\":550,\"reply\":\"this account may not send as that address\",\"reason\":\"the sender is not an address of the account\","
      "\"sender\":\"boss@example.org\"}",                                                                                                  "refused 550",        "the sender is not an address of the account",
     "the client heard: this account may not send as that address, sender boss@example.org",                                                                                                                                                                            ""                               },
    { "refused",
     "{\"code\":552,\"reply\":\"message is larger than the limit\",\"reason\":\"message is larger than the limit\"}",                      "refused 552",        "message is larger than the limit",            "",                                                     "`limits.message_size`"          },
    { "held",               "{\"reason\":\"sends more than ever\"}",                                                                       "accepted and held",  "held: sends more than ever",                  "",
     "`gatepost queue show 2abc`"                                                                                                                                                                                                                                                                        },
    { "accepted",           "{\"sender\":\"anna@example.org\",\"recipients\":3,\"to\":[\"a@example.net\",\"b@example.net\"]}",
     "message accepted",                                                                                                                                         "",                                            "sender anna@example.org, to a@example.net and 2 more", ""                               },
    { "failed",
     "{\"to\":\"a@example.net\",\"code\":550,\"status\":\"5.1.1\",\"reply\":\"wrong password\",\"remote\":\"mx.example.net\"}",
     "failed to a@example.net",                                                                                                                                  "550 5.1.1 wrong password",                    "said by mx.example.net",                               ""                               },
    { "credential-revoked", "{\"by\":\"root\",\"label\":\"printer\",\"uses_left\":7}",                                                     "credential revoked", "",
     "by root, label printer, uses left 7",                                                                                                                                                                                                                             ""                               },
    { "sign-in",            "",                                                                                                            "sign-in ",           "",                                            "",                                                     ""                               },
};

TEST(each_event_is_told_with_its_cause_and_the_next_step)
{
    for (size_t i = 0; i < GP_COUNT(told); i++) {
        auto_story s = { 0 };
        CHECK(story_open(&s));
        story_tell(&s, &(struct audit_row) { .seq      = 1,
                                             .when     = 1000,
                                             .event    = gp_from(told[i].event),
                                             .data     = gp_from(told[i].data),
                                             .name     = GP_LIT("anna"),
                                             .queue_id = GP_LIT("2abc") });
        CHECK(s.count == 1);
        CHECK_IS(gp_from(s.list[0].what), told[i].what);
        CHECK_IS(gp_from(s.list[0].why), told[i].why);
        CHECK_IS(gp_from(s.list[0].detail), told[i].detail);
        CHECK(gp_starts(gp_from(s.list[0].next), told[i].next) &&
              (told[i].next[0] != '\0') == (s.list[0].next[0] != '\0'));
    }
}

static struct audit_row wrong(int64_t seq, const char *incident, const char *data)
{
    return (struct audit_row) { .seq      = seq,
                                .when     = seq * 1000,
                                .event    = GP_LIT("sign-in"),
                                .data     = gp_from(data),
                                .name     = GP_LIT("anna"),
                                .incident = gp_from(incident) };
}

TEST(what_is_the_same_again_is_counted_but_for_the_one_that_was_asked_about)
{
    static const char bad[]  = "{\"result\":\"refused\",\"reason\":\"wrong password\"}";
    static const char many[] = "{\"result\":\"refused\",\"reason\":\"wrong password\",\"count\":7,\"last\":9000}";
    static const char lists[] =
        "{\"result\":\"refused\",\"reason\":\"wrong password\",\"count\":2,\"last\":6000,\"incidents\":[\"0000000002\"]}";
    auto_story s = { 0 };
    CHECK(story_open(&s) && gp_copy_z(GP_LIT("0000000002"), s.incident, sizeof(s.incident)));
    struct audit_row rows[] = { wrong(1, "0000000001", bad), wrong(2, "0000000002", bad), wrong(3, "0000000003", bad),
                                wrong(4, "0000000004", many), wrong(5, "", "{\"result\":\"ok\"}") };
    for (size_t i = 0; i < GP_COUNT(rows); i++) story_tell(&s, &rows[i]);
    story_sort(&s);
    CHECK(s.count == 3 && s.list[0].count == 9 && s.list[0].first == 1000 && s.list[0].last == 9000);
    CHECK(s.list[1].count == 1 && s.list[1].first == 2000);
    CHECK_IS(gp_from(s.list[2].what), "sign-in ok");
    struct audit_row one_of_many = wrong(6, "0000000009", lists);
    story_tell(&s, &one_of_many);
    CHECK(s.count == 4 && s.list[3].count == 2);
    CHECK_IS(gp_from(s.list[3].incident), "0000000002");
}

TEST(of_too_much_the_oldest_goes_and_is_counted)
{
    auto_story s = { 0 };
    CHECK(story_open(&s));
    for (int64_t i = 1; i <= STORY_MOST + 5; i++) {
        char data[64];
        (void)snprintf(data, sizeof(data), "{\"result\":\"ok\",\"peer\":\"host %d\"}", (int)i);
        struct audit_row row = wrong(i, "", data);
        story_tell(&s, &row);
    }
    CHECK(s.count == STORY_MOST && s.left_out == 5 && s.list[0].first == 6000);
}

TEST(what_was_asked_about_is_shown_whatever_came_after_it)
{
    enum { SHOWN = 12 };
    auto_story s = { 0 };
    CHECK(story_open(&s) && gp_copy_z(GP_LIT("0000000002"), s.incident, sizeof(s.incident)));
    struct audit_row asked = wrong(1, "0000000002", "{\"result\":\"refused\",\"reason\":\"wrong password\"}");
    story_tell(&s, &asked);
    for (int64_t i = 2; i <= STORY_MOST + 5; i++) {
        char data[64];
        (void)snprintf(data, sizeof(data), "{\"result\":\"ok\",\"peer\":\"host %d\"}", (int)i);
        struct audit_row row = wrong(i, "", data);
        story_tell(&s, &row);
        CHECK_IS(gp_from(s.list[0].incident), "0000000002");
        CHECK(story_from(&s, SHOWN) == 0);
    }
    CHECK(s.count == STORY_MOST && s.left_out == 5);
    s.incident[0] = '\0';
    CHECK(story_from(&s, SHOWN) == STORY_MOST - SHOWN);
}

TEST(a_command_has_no_words_that_a_shell_would_follow)
{
    static const struct {
        const char *sender, *wanted;
    } cases[] = {
        {"anna+x@example.org",       "`gatepost identity add anna anna+x@example.org` if it may send as that"},
        { "\"$(reboot)\"@a.example", "`gatepost identity add anna ADDRESS` if it may send as that"           },
        { "a;b@a.example",           "`gatepost identity add anna ADDRESS` if it may send as that"           },
        { "-rf@a.example",           "`gatepost identity add anna ADDRESS` if it may send as that"           },
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        char           room[256];
        struct gp_text out = GP_TEXT(room);
        struct advice  a   = { .account = GP_LIT("anna"), .sender = gp_from(cases[i].sender) };
        advice_put(&out, GP_LIT("the account may not send as that"), &a);
        CHECK_IS(gp_said(&out), cases[i].wanted);
    }
}

/* ---- the command ---------------------------------------------------------------------------------------------------------- */
static void record(struct database *db, const struct audit_entry *e, const char *reason, const char *peer)
{
    auto_transaction t = { 0 };
    CHECK(transaction_begin(&t, db) == GP_OK);
    CHECK(AUDIT(db, e, AUDIT_Z("result", "refused"), AUDIT_Z("reason", reason), AUDIT_Z("peer", peer)) == GP_OK);
    CHECK(transaction_commit(&t) == GP_OK);
}

static void add_message(struct queue_store *q)
{
    struct queue_message   m  = { .queue_id   = GP_LIT("2abcdefgh2345672"),
                                  .sender     = GP_LIT("anna@example.org"),
                                  .user       = GP_LIT("anna"),
                                  .hold_why   = GP_LIT("sends more than ever"),
                                  .params     = GP_LIT(""),
                                  .message_id = GP_LIT(""),
                                  .from       = GP_LIT(""),
                                  .peer       = GP_LIT("192.0.2.7"),
                                  .helo       = GP_LIT("h"),
                                  .mechanism  = GP_LIT("PLAIN"),
                                  .tls        = GP_LIT("TLSv1.3"),
                                  .arrived    = user_now() - MINUTE };
    struct queue_recipient to = { .address     = GP_LIT("bob@example.net"),
                                  .params      = GP_LIT(""),
                                  .destination = GP_LIT("example.net"),
                                  .state       = RECIPIENT_HELD };
    CHECK(queue_begin(q) == GP_OK && queue_add(q, &m, &to, 1, GP_LIT("x")) == GP_OK && queue_commit(q) == GP_OK);
}

static void make_story(void)
{
    struct user_store store;
    make_place();
    CHECK(mkdir(in_dir("queue"), 0700) == 0);
    CHECK(run(&cli_user_add, "anna") == CLI_DONE && user_store_open(dir, &store));
    struct database   *db = accounts_database(store.accounts);
    gp_time            at = user_now() - 2 * MINUTE;
    struct audit_entry e = { .when = at, .event = "sign-in", .name = GP_LIT("anna"), .incident = GP_LIT("K7ZQ3ABCDE") };
    record(db, &e, "wrong password", "192.0.2.7");
    e.incident = GP_LIT("9999999999");
    e.name     = GP_LIT("bert");
    e.when     = at + 1;
    record(db, &e, "no such account", "192.0.2.8");
    struct queue_store *q = cli_queue_open(dir);
    CHECK(q);
    add_message(q);
    cli_queue_close(&q);
    user_store_close(&store);
}

static void remove_story(void)
{
    static const char *const files[] = { "queue/queue.db", "queue/queue.db-wal", "queue/queue.db-shm" };
    for (size_t i = 0; i < GP_COUNT(files); i++) (void)unlink(in_dir(files[i]));
    (void)rmdir(in_dir("queue/bodies"));
    CHECK(rmdir(in_dir("queue")) == 0);
    remove_place();
}

static bool says(const char *words)
{
    return strstr(output, words) != NULL;
}

TEST(an_incident_is_told_with_what_was_around_it)
{
    make_story();
    CHECK(run(&cli_explain, "k7zq3abcde") == CLI_DONE); /* as somebody would type it */
    CHECK(says("account anna: in force") && says("> 20") && says("sign-in refused: wrong password"));
    CHECK(says("incident  K7ZQ3ABCDE") && says("message accepted and held: held: sends more than ever") &&
          !says("bert"));
    CHECK(says("next      `gatepost credential list anna`"));
    remove_story();
}

TEST(an_account_an_address_and_a_message_have_their_stories)
{
    make_story();
    CHECK(run(&cli_explain, "anna") == CLI_DONE && says("1 messages of it are in the queue, 1 of them held"));
    CHECK(says("credential") && says("sign-in refused") && says("account added"));
    CHECK(run(&cli_explain, "192.0.2.7") == CLI_DONE && says("sign-in refused: wrong password") && !says("bert"));
    CHECK(run(&cli_explain, "BOB@example.net") == CLI_DONE && says("to bob@example.net"));
    CHECK(run(&cli_explain, "2abcdefgh2345672") == CLI_DONE && says("message 2abcdefgh2345672: in the queue"));
    CHECK(says("gatepost queue release 2abcdefgh2345672") && says("bob@example.net  held"));
    remove_story();
}

TEST(json_has_the_same_for_programs)
{
    make_story();
    CHECK(run(&cli_explain, "K7ZQ3ABCDE --json") == CLI_DONE);
    json_t *json = json_of_output(), *events = json_object_get(json, "events");
    CHECK_IS(gp_from(field(json, "kind")), "incident");
    CHECK_IS(gp_from(field(json_object_get(json, "account"), "user")), "anna");
    CHECK(json_array_size(events) >= 2 && json_is_null(json_object_get(json, "message")));
    json_decref(json);
    remove_story();
}

TEST(the_end_of_a_ban_is_a_date)
{
    make_story();
    CHECK(run(&cli_ban_add, "192.0.2.77 --until 2099-01-02") == CLI_DONE);
    CHECK(run(&cli_explain, "192.0.2.77") == CLI_DONE && strstr(output, "ban added") &&
          strstr(output, "until 2099-01-"));
    remove_story();
}

TEST(what_is_not_known_is_said_with_where_to_look)
{
    make_story();
    CHECK(run(&cli_explain, "0000000000") == CLI_FAILED && says("no incident of that name") &&
          says("incident=0000000000"));
    CHECK(run(&cli_explain, "nothing.at.all") == CLI_FAILED && says("gatepost user list"));
    CHECK(run(&cli_explain, "") == CLI_WRONG_USE && run(&cli_explain, "anna --since never") == CLI_WRONG_USE);
    CHECK(run(&cli_explain, "198.51.100.1") == CLI_DONE && says("nothing is on record"));
    remove_story();
}
