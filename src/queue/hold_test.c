/* An account's waiting mail, held as the vault asks: all of it, page by page, what others sent not; and released again. */
#include "queue/role_kit.h"

enum { PAGE = 256, MANY = 2 * PAGE + 10 };

static void commit_as(struct kit *k, unsigned number, uint64_t account)
{
    char id[32], to[64];
    (void)snprintf(id, sizeof id, "id%u", number);
    (void)snprintf(to, sizeof to, "bob@host%u.example\t\n", number);
    struct msg m     = kit_message(id, "ada@example.org", to);
    m.commit.account = account;
    kit_commit(k, 1, &m);
}

/* Their destinations rest: all wait for their next attempt. */
static struct kit *open_with_waiting(unsigned mine)
{
    struct kit *k = kit_open();
    for (unsigned i = 0; i < mine; i++) commit_as(k, i, 7);
    commit_as(k, mine, 8);
    kit_turn(k);
    while (k->queue->under_way) {
        kit_answer_all(k, "2\t451\t4.3.0\tmx\t\tlater", HOST_ANSWERED);
        kit_turn(k);
    }
    k->answer_count = k->sent_count = 0;
    return k;
}

/* As the vault: until there is no more. How many questions that took. */
static unsigned hold(struct kit *k, uint64_t account, const char *why)
{
    unsigned   asked = 0;
    struct msg m     = MSG(HOLD);
    m.hold           = (struct msg_hold) { .account = account, .why = gp_from(why) };
    do {
        struct asker asker = { NULL, 1 };
        hold_take(k->queue, asker, &m, k->now);
        m.hold.row = k->answers[k->answer_count - 1].row;
        CHECK(k->answers[k->answer_count - 1].status == GP_OK);
        asked++;
    } while (m.hold.row);
    return asked;
}

TEST(what_waits_of_an_account_is_held_and_nothing_else)
{
    struct kit *k = open_with_waiting(MANY);
    CHECK(hold(k, 7, "sends as if stolen") == 3);
    CHECK(kit_count(k, "recipients", "state = 3") == MANY && kit_count(k, "recipients", "state = 0") == 1);
    CHECK(kit_count(k, "messages", "hold_why = 'sends as if stolen'") == MANY);
    CHECK(kit_audited(k, "held") == MANY);
    k->now += KIT_DAY;
    kit_turn(k);
    CHECK(k->sent_count == 1);
    CHECK(hold(k, 7, "once more") == 3 && kit_audited(k, "held") == MANY); /* nothing is held twice */
    kit_restart(k);
    kit_turn(k);
    CHECK(kit_count(k, "recipients", "state = 3") == MANY);
    kit_close(k);
}

TEST(what_the_relay_has_in_hand_may_go_and_what_comes_back_is_held)
{
    struct kit *k = kit_open();
    commit_as(k, 1, 7);
    commit_as(k, 2, 7);
    kit_turn(k);
    CHECK(k->sent_count == 2 && hold(k, 7, "stolen") == 1);
    kit_answer_one(k, 0, "0\t250\t2.0.0\tmx\t\ttaken\n", HOST_ANSWERED);
    kit_answer_one(k, 1, "2\t451\t4.3.0\tmx\t\tlater\n", HOST_ANSWERED);
    kit_turn(k);
    k->now += KIT_DAY;
    kit_turn(k);
    CHECK(k->sent_count == 2 && kit_count(k, "recipients", "state = 3") == 1);
    kit_close(k);
}

TEST(messages_of_the_same_turn_are_committed_first_and_held)
{
    struct kit *k = kit_open();
    commit_as(k, 1, 7);
    CHECK(hold(k, 7, "stolen") == 1);
    CHECK(k->answers[0].status == GP_OK && kit_count(k, "recipients", "state = 3") == 1);
    kit_turn(k);
    CHECK(k->sent_count == 0);
    kit_close(k);
}

TEST(what_an_account_sent_for_others_is_its_own_too)
{
    struct kit *k    = kit_open();
    struct msg  m    = kit_message("foranother", "bert@example.org", "bob@example.net\t\n");
    m.commit.account = 9;
    m.commit.owner   = 7;
    kit_commit(k, 1, &m);
    commit_as(k, 2, 9);
    CHECK(hold(k, 7, "stolen") == 1);
    CHECK(kit_count(k, "recipients", "state = 3") == 1);
    CHECK(kit_count(k, "messages", "hold_why = 'stolen' AND queue_id = 'foranother' AND owner = 7") == 1);
    CHECK(hold(k, 9, "stolen") == 1 && kit_count(k, "recipients", "state = 3") == 2);
    kit_close(k);
}

TEST(a_malformed_wish_changes_nothing)
{
    static const struct {
        uint64_t    account, row;
        const char *why;
    } wishes[] = {
        {0,           0,          "stolen"},
        { UINT64_MAX, 0,          "stolen"},
        { 7,          UINT64_MAX, "stolen"},
        { 7,          0,          ""      },
    };
    struct kit *k = open_with_waiting(1);
    for (size_t i = 0; i < GP_COUNT(wishes); i++) {
        struct asker asker = { NULL, 1 };
        struct msg   m     = MSG(HOLD);
        m.hold             = (struct msg_hold) { wishes[i].account, wishes[i].row, gp_from(wishes[i].why) };
        hold_take(k->queue, asker, &m, k->now);
        CHECK(k->answers[i].status == GP_PERMFAIL);
    }
    CHECK(kit_count(k, "recipients", "state = 3") == 0);
    kit_close(k);
}

/* ---- routes that lead nowhere ------------------------------------------------------------------------------------------ */
static void set_route(struct kit *k, const char *name, const char *to, enum relay_kind kind)
{
    struct config_route *r = &k->config.routes[k->config.route_count++];
    *r                     = (struct config_route) { .via = { { .set = true, .kind = kind } } };
    CHECK(gp_copy_z(gp_from(name), r->name, sizeof r->name) && gp_copy_z(gp_from(to), r->to, sizeof r->to));
}

TEST(a_route_discards_what_nobody_hears_of_again)
{
    struct kit *k = kit_open();
    struct msg  m = kit_message("gone", "ada@example.org",
                                "a@void.example\tNOTIFY=SUCCESS,FAILURE\nb@example.net\t\nc@void.example\t\n");
    set_route(k, "void", "void.example", RELAY_DISCARD);
    kit_commit(k, 1, &m);
    for (int i = 0; i < 3; i++) kit_turn(k);
    CHECK(k->sent_count == 1 && kit_audited(k, "discarded") == 2);
    CHECK_IS(gp_from(k->sent[0].recipients), "b@example.net\t\n");
    CHECK(kit_count(k, "recipients", "state = 4 AND attempts = 0 AND text = 'discarded by the route void'") == 2);
    kit_answer_all(k, "0\t250\t2.0.0\tmx.example.net\tTLSv1.3\tok", HOST_ANSWERED);
    for (int i = 0; i < 3; i++) kit_turn(k);
    CHECK(kit_count(k, "messages", "1") == 0 && kit_audited(k, "delivered") == 1); /* and no report */
    kit_close(k);
}

TEST(a_route_holds_its_recipients_and_a_release_sends_them_the_next_way)
{
    struct kit *k = kit_open();
    struct msg  m = kit_message("look", "ada@example.org", "a@slow.example\t\nb@example.net\t\n");
    bool        changed;
    set_route(k, "look-first", "slow.example", RELAY_HOLD);
    set_route(k, "then", "slow.example", RELAY_SMARTHOST);
    kit_commit(k, 1, &m);
    kit_turn(k);
    CHECK(k->sent_count == 1 && kit_count(k, "recipients", "state = 3 AND address = 'a@slow.example'") == 1);
    CHECK(kit_count(k, "messages", "hold_why = 'by the route look-first'") == 1);
    kit_restart(k);
    kit_turn(k);
    CHECK(kit_count(k, "recipients", "state = 3 AND destination = 'via:then'") == 1);
    CHECK(queue_begin(k->queue->store) == GP_OK);
    CHECK(queue_alter(k->queue->store, QUEUE_RELEASE, GP_LIT("look"), k->now, &changed) == GP_OK && changed);
    CHECK(queue_commit(k->queue->store) == GP_OK);
    queue_look(k->queue, k->now);
    kit_turn(k);
    CHECK_IS(gp_from(k->sent[k->sent_count - 1].destination), "via:then");
    kit_close(k);
}

TEST(a_report_is_held_where_its_way_is)
{
    struct kit *k = kit_open();
    struct msg  m = kit_message("back", "ada@example.org", "b@example.net\t\n");
    set_route(k, "look-first", "example.org", RELAY_HOLD);
    kit_commit(k, 1, &m);
    kit_turn(k);
    kit_answer_all(k, "3\t550\t5.1.1\tmx.example.net\tTLSv1.3\tno such user", HOST_ANSWERED);
    kit_turn(k);
    CHECK(kit_count(k, "messages", "hold_why = 'by the route look-first' AND sender = ''") == 1);
    CHECK(kit_count(k, "recipients", "state = 3") == 1);
    kit_close(k);
}
