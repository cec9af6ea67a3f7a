/* Mail that waits because we could not sign in at a next hop is due when the vault says so, page by page, and no other mail is. */
#include "queue/role_kit.h"

enum { PAGE = 1024 };

static const char no[] = "2\t535\t5.7.8\tmx.example.net\tTLSv1.3\tno\tours";

static void commit_for(struct kit *k, const char *id, unsigned recipients)
{
    static char    room[64 * 1024];
    struct gp_text to = GP_TEXT(room);
    for (unsigned i = 0; i < recipients; i++) {
        gp_put_z(&to, "bob");
        gp_put_number(&to, i);
        gp_put_z(&to, "@example.net\t\n");
    }
    gp_put_char(&to, '\0');
    struct msg m = kit_message(id, "ada@example.org", room);
    kit_commit(k, 1, &m);
}

static struct kit_answer again_for(struct kit *k, uint64_t login, uint64_t number, const char *account)
{
    struct msg   m     = MSG(AGAIN);
    struct asker asker = { NULL, 1 };
    k->answer_count    = 0;
    m.again.login      = login;
    m.again.number     = number;
    m.again.account    = gp_from(account);
    again_take(k->queue, asker, &m, k->now);
    return k->answers[0];
}

static struct kit_answer again(struct kit *k, uint64_t login)
{
    return again_for(k, login, 0, "");
}

static struct kit *open_with(const char *said, bool host_down)
{
    struct kit *k        = kit_open();
    k->config.relay.kind = RELAY_SMARTHOST;
    commit_for(k, "abcd", 1);
    kit_turn(k);
    CHECK(k->sent_count == 1);
    kit_answer_all(k, said, host_down);
    kit_turn(k);
    return k;
}

TEST(what_waits_for_a_sign_in_goes_at_once_though_its_next_hop_rests)
{
    struct kit *k = open_with(no, true);
    CHECK(k->sent_count == 1);
    CHECK(again(k, 0).status == GP_OK && k->answers[0].row == 0);
    kit_turn(k);
    CHECK(k->sent_count == 2);
    CHECK(again(k, 0).status == GP_OK); /* it is under way */
    kit_turn(k);
    CHECK(k->sent_count == 2 && again(k, 1).status == GP_PERMFAIL);
    kit_close(k);
}

TEST(what_is_held_or_goes_elsewhere_is_left_alone)
{
    struct kit *k       = open_with(no, false);
    bool        changed = false;
    CHECK(queue_begin(k->queue->store) == GP_OK);
    CHECK(queue_hold(k->queue->store, GP_LIT("abcd"), GP_LIT("why"), k->now, &changed) == GP_OK && changed);
    CHECK(queue_commit(k->queue->store) == GP_OK);
    k->config.relay.kind = RELAY_MX; /* the queue calls that way another name */
    CHECK(again(k, 0).status == GP_OK);
    k->config.relay.kind = RELAY_SMARTHOST;
    CHECK(again(k, 0).status == GP_OK);
    CHECK(kit_count(k, "recipients", "state = 3 AND attempts = 1") == 1);
    kit_close(k);
}

TEST(many_are_due_page_by_page)
{
    struct kit *k = kit_open();
    size_t      changed;
    k->config.relay.kind = RELAY_SMARTHOST;
    for (unsigned i = 0; i < 3; i++) commit_for(k, i == 0 ? "aaaa" : i == 1 ? "bbbb" : "cccc", 500);
    CHECK(kit_count(k, "recipients", "destination = 'smarthost'") == 1500);
    gp_time before = k->now - KIT_DAY; /* as if they were due in a day */
    CHECK(queue_make_due(k->queue->store, GP_LIT("smarthost"), before, PAGE, &changed) == GP_OK && changed == PAGE);
    CHECK(queue_make_due(k->queue->store, GP_LIT("smarthost"), before, PAGE, &changed) == GP_OK &&
          changed == 1500 - PAGE);
    CHECK(queue_make_due(k->queue->store, GP_LIT("smarthost"), before, PAGE, &changed) == GP_OK && changed == 0);
    kit_close(k);
}

/* ---- where each account signs in as itself ----------------------------------------------------------------------------------- */
static void commit_of(struct kit *k, const char *id, uint64_t number, const char *user)
{
    struct msg m     = kit_message(id, "ada@example.org", "bob@example.net\t\n");
    m.commit.user    = gp_from(user);
    m.commit.account = number;
    kit_commit(k, 1, &m);
}

TEST(mail_of_each_account_waits_for_its_own_sign_in_alone)
{
    struct kit *k              = kit_open();
    k->config.route_count      = 1;
    k->config.routes[0]        = (struct config_route) { .name = "own", .to = "*", .login = LOGIN_OF_ACCOUNT };
    k->config.routes[0].via[0] = (struct config_hop) { .set = true, .kind = RELAY_SMARTHOST };
    commit_of(k, "aaaa", 1, "ada");
    commit_of(k, "bbbb", 2, "bert");
    commit_of(k, "cccc", 3, "ada"); /* another of that name, when the first was deleted */
    kit_turn(k);
    CHECK(kit_count(k, "recipients", "destination IN ('via:own 1 ada', 'via:own 2 bert', 'via:own 3 ada')") == 3);
    CHECK(k->sent_count == 3);
    kit_answer_all(k, no, HOST_ANSWERED);
    kit_turn(k);
    CHECK(k->sent_count == 3);
    CHECK(again_for(k, 1, 3, "ada").status == GP_OK);
    kit_turn(k);
    CHECK(k->sent_count == 4);
    CHECK_IS(gp_from(k->sent[3].destination), "via:own 3 ada");
    CHECK(again_for(k, 1, 0, "").status == GP_OK); /* all that are not under way */
    kit_turn(k);
    CHECK(k->sent_count == 6);
    kit_close(k);
}

TEST(mail_of_nobody_takes_no_route_where_accounts_sign_in)
{
    struct kit *k              = kit_open();
    k->config.route_count      = 1;
    k->config.routes[0]        = (struct config_route) { .name = "own", .to = "*", .login = LOGIN_OF_ACCOUNT };
    k->config.routes[0].via[0] = (struct config_hop) { .set = true, .kind = RELAY_SMARTHOST };
    commit_of(k, "aaaa", 0, "");
    CHECK(kit_count(k, "recipients", "destination = 'example.net'") == 1);
    kit_close(k);
}
