/* Events: what is told, in which order, how often, and what becomes of those that nobody takes. */
#include <string.h>

#include "queue/role_kit.h"

static struct kit *open_for(const char *types)
{
    struct kit *k            = kit_open();
    k->config.events.file[0] = 'f';
    k->config.events.keep    = 3 * 24 * 60 * 60;
    (void)gp_copy_z(gp_from(types), k->config.events.types, sizeof k->config.events.types);
    kit_restart(k);
    return k;
}

static void commit_one(struct kit *k, const char *id, const char *to)
{
    struct msg m    = kit_message(id, "ada@example.org", to);
    m.commit.params = GP_LIT("ENVID=order+2B7 RET=HDRS");
    kit_commit(k, 1, &m);
    kit_turn(k);
}

static size_t times(const char *text, const char *word)
{
    size_t count = 0;
    for (const char *at = strstr(text, word); at; at = strstr(at + 1, word)) count++;
    return count;
}

static bool told(const struct kit *k, const char *word)
{
    return times(k->page, word) == 1;
}

/* id0, id1 and so on. */
static void commit_many(struct kit *k, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "id%u", i);
        struct msg m = kit_message(id, "ada@example.org", "bob@example.net\t\n");
        kit_commit(k, 1, &m);
    }
    kit_turn(k);
}

TEST(each_state_is_told_once_in_order_and_only_when_it_is_committed)
{
    struct kit *k   = open_for("");
    struct msg  m   = kit_message("one", "ada@example.org", "bob@example.net\t\n");
    m.commit.params = GP_LIT("ENVID=order+2B7");
    kit_commit(k, 1, &m);
    CHECK(!events_turn(k->queue, k->now) && k->post_count == 0); /* it is not on stable storage yet */
    kit_turn(k);
    CHECK(k->post_count == 1 && told(k, "\"type\":\"accepted\"") && told(k, "\"queue_id\":\"one\""));
    CHECK(told(k, "\"host\":\"mail.example.org\"") && told(k, "\"account\":\"ada\"") &&
          told(k, "\"envid\":\"order+2B7\""));
    CHECK(strchr(k->page, '\n') == k->page + strlen(k->page) - 1);
    kit_answer_page(k, GP_OK);
    kit_answer_all(k, "2\t451\t4.3.0\tmx\t\tlater", HOST_ANSWERED);
    kit_turn(k);
    CHECK(k->post_count == 2 && told(k, "\"type\":\"deferred\"") && !told(k, "accepted") &&
          told(k, "\"reply\":\"later\""));
    kit_answer_page(k, GP_OK);
    k->now += KIT_HOUR;
    kit_turn(k);
    kit_answer_all(k, "0\t250\t2.0.0\tmx\t\ttaken", HOST_ANSWERED);
    kit_turn(k);
    CHECK(k->post_count == 3 && told(k, "\"type\":\"delivered\"") && told(k, "\"envid\":\"order+2B7\""));
    kit_answer_page(k, GP_OK);
    kit_turn(k);
    CHECK(k->post_count == 3);
    kit_close(k);
}

TEST(what_is_refused_is_told_as_bounced_and_what_a_rule_holds_as_held)
{
    struct kit *k     = open_for("bounced held");
    struct msg  m     = kit_message("two", "ada@example.org", "bob@example.net\t\n");
    m.commit.hold     = 1;
    m.commit.hold_why = GP_LIT("sends \"as\" if stolen");
    commit_one(k, "one", "bob@example.net\t\n");
    CHECK(k->post_count == 0);
    kit_answer_all(k, "3\t550\t5.1.1\tmx\t\tno such user", HOST_ANSWERED);
    kit_turn(k);
    CHECK(k->post_count == 1 && told(k, "\"type\":\"bounced\"") && !told(k, "accepted"));
    kit_answer_page(k, GP_OK);
    kit_commit(k, 2, &m);
    kit_turn(k);
    CHECK(k->post_count == 2 && told(k, "\"type\":\"held\"") && told(k, "-held\"") &&
          !told(k, "\"type\":\"accepted\""));
    kit_answer_page(k, GP_OK);
    kit_close(k);
}

TEST(a_page_is_bounded_and_the_next_begins_where_it_ended)
{
    enum { MANY = 250 };
    struct kit *k    = open_for("accepted");
    size_t      seen = 0, pages = 0;
    commit_many(k, MANY);
    while (k->posted) {
        seen += times(k->page, "\"type\":\"accepted\"");
        pages++;
        kit_answer_page(k, GP_OK);
    }
    CHECK(seen == MANY && pages == 3);
    kit_close(k);
}

TEST(what_nobody_took_before_the_end_is_told_after_it_and_what_was_taken_is_not)
{
    struct kit *k = open_for("");
    commit_one(k, "one", "bob@example.net\t\n");
    kit_answer_page(k, GP_OK);
    commit_one(k, "two", "eve@example.com\t\n"); /* its transaction keeps how far the first page went */
    CHECK(k->post_count == 2 && told(k, "\"queue_id\":\"two\""));
    kit_restart(k);
    kit_turn(k);
    CHECK(k->post_count == 3 && told(k, "\"queue_id\":\"two\"") && !told(k, "\"queue_id\":\"one\""));
    CHECK(kit_count(k, "event_receivers", "name = 'file'") == 1 && kit_count(k, "event_receivers", "1") == 1);
    kit_answer_page(k, GP_OK);
    kit_restart(k);
    kit_turn(k);
    CHECK(k->post_count == 3);
    kit_close(k);
}

TEST(a_receiver_that_is_away_is_asked_less_and_less_and_mail_goes_on)
{
    struct kit *k = open_for("accepted");
    commit_one(k, "one", "bob@example.net\t\n");
    gp_time began = k->now;
    size_t  tries = 1;
    while (k->now < began + KIT_HOUR) {
        if (k->posted) kit_answer_page(k, GP_TEMPFAIL);
        k->now += SECOND;
        kit_turn(k);
        tries = k->post_count;
    }
    CHECK(tries > 8 && tries < 20);
    commit_one(k, "two", "eve@example.com\t\n");
    CHECK(k->sent_count >= 2 && kit_count(k, "messages", "1") == 2);
    k->now += KIT_HOUR;
    kit_turn(k);
    CHECK(times(k->page, "\"type\":\"accepted\"") == 2 || k->posted); /* the older page may still be out there */
    kit_answer_page(k, GP_OK);
    kit_turn(k);
    kit_close(k);
}

TEST(what_is_refused_for_good_is_found_and_left_out_alone)
{
    enum { MANY = 10 };
    struct kit *k     = open_for("accepted");
    size_t      taken = 0, left_out = 0;
    commit_many(k, MANY);
    while (k->posted) {
        bool   bad   = strstr(k->page, "\"queue_id\":\"id4\"") != NULL;
        size_t count = times(k->page, "\"type\":\"accepted\"");
        if (!bad) taken += count;
        if (bad && count == 1) left_out++;
        kit_answer_page(k, bad ? GP_PERMFAIL : GP_OK);
        kit_turn(k);
    }
    CHECK(taken == MANY - 1 && left_out == 1);
    kit_close(k);
}

TEST(what_is_too_old_to_be_told_is_counted)
{
    struct kit *k = open_for("accepted");
    commit_one(k, "one", "bob@example.net\t\n");
    kit_answer_page(k, GP_TEMPFAIL);
    k->now += 4 * KIT_DAY;
    commit_one(k, "two", "eve@example.com\t\n");
    CHECK(told(k, "\"type\":\"missed\"") && told(k, "\"data\":{\"events\":1}") && told(k, "\"queue_id\":\"two\""));
    CHECK(!told(k, "\"queue_id\":\"one\""));
    kit_answer_page(k, GP_OK);
    commit_one(k, "three", "eve@example.com\t\n");
    CHECK(!told(k, "missed") && told(k, "\"queue_id\":\"three\""));
    kit_answer_page(k, GP_OK);
    kit_close(k);
}

TEST(a_new_receiver_is_not_told_of_before)
{
    struct kit *k = kit_open();
    struct msg  m = kit_message("old", "ada@example.org", "bob@example.net\t\n");
    kit_commit(k, 1, &m);
    kit_turn(k);
    k->config.events.webhook[0] = 'h';
    k->config.events.keep       = 1;
    kit_restart(k);
    kit_turn(k);
    CHECK(k->post_count == 0);
    commit_one(k, "new", "bob@example.net\t\n");
    CHECK(k->post_count == 1 && k->page[0] == '[' && k->page[strlen(k->page) - 1] == ']' &&
          told(k, "\"queue_id\":\"new\""));
    kit_answer_page(k, GP_OK);
    kit_close(k);
}
