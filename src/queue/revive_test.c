/* A host that did not answer does again: whose mail is due, of which recipients, and that it is not forgotten when the store is busy. */
#include <stdio.h>

#include "queue/role_kit.h"

#define A     "192.0.2.1:25 "
#define B     "[2001:db8::1]:25 "
#define BOTH  B "\n" A "\n"
#define GREY  "2\t450\t4.7.1\tmx.x [192.0.2.1]\t\tcome back later\n"
#define TAKEN KIT_TAKEN "\n"
static const char down[] = KIT_DOWN "\n";

static void commit_to(struct kit *k, uint32_t n, const char *recipients)
{
    char id[32];
    (void)snprintf(id, sizeof id, "m%u", n);
    struct msg m = kit_message(id, "ada@example.org", recipients);
    kit_commit(k, n, &m);
    kit_turn(k);
}

static void back(struct kit *k, const char *host)
{
    struct msg m     = MSG(HOST_BACK);
    m.host_back.host = gp_from(host);
    hosts_back(k->queue, &m, k->now);
    kit_turn(k);
}

/* Hours into an outage each message looks for itself whether the host is back. */
TEST(mail_that_was_tried_in_vain_is_due_when_any_of_its_hosts_answers_again)
{
    static const char *const hosts[] = { A, B };
    for (size_t i = 0; i < GP_COUNT(hosts); i++) {
        struct kit *k = kit_open();
        commit_to(k, 1, "bob@one.example\t\n");
        commit_to(k, 2, "bob@two.example\t\n");
        commit_to(k, 3, "bob@three.example\t\n");
        kit_answer_down(k, 0, down, BOTH, 0);
        kit_answer_down(k, 1, down, BOTH, 0);
        kit_answer_down(k, 2, down, "192.0.2.3:25 \n", 0);
        kit_turn(k);
        CHECK(kit_count(k, "recipients", "attempts = 1 AND code = 0") == 3);
        k->now += SUSPENSION_MOST / 10;
        back(k, "192.0.2.4:25 ");
        CHECK(k->sent_count == 3);
        back(k, hosts[i]);
        CHECK(k->sent_count == 5);
        back(k, hosts[i]); /* nobody waits for it any more */
        kit_answer_all(k, KIT_TAKEN, HOST_ANSWERED);
        kit_turn(k);
        CHECK(k->sent_count == 5 && kit_count(k, "messages", "1") == 1);
        kit_close(k);
    }
}

TEST(whoever_has_reached_another_host_waits_for_none)
{
    struct kit *k = kit_open();
    commit_to(k, 1, "bob@one.example\t\n");
    kit_answer_down(k, 0, down, A, 0);
    kit_turn(k);
    k->now += KIT_HOUR;
    kit_turn(k);
    kit_answer_one(k, 1, GREY, HOST_ANSWERED);
    kit_turn(k);
    back(k, A);
    CHECK(k->sent_count == 2);
    kit_close(k);
}

/* A host that greets late is slow again and again. */
TEST(what_a_host_has_put_off_itself_is_not_due_for_its_greeting)
{
    for (int tried = 0; tried < 2; tried++) {
        struct kit *k = kit_open();
        commit_to(k, 1, "grey@one.example\t\n");
        kit_answer_one(k, 0, GREY, HOST_ANSWERED);
        kit_turn(k);
        commit_to(k, 2, "bob@one.example\t\n");
        kit_answer_down(k, 1, tried ? down : NULL, A, tried ? 0 : k->now + KIT_MINUTE);
        kit_turn(k);
        CHECK(k->sent_count == 2);
        back(k, A);
        CHECK(k->sent_count == 3 && kit_count(k, "recipients", "code = 450 AND due >= 1800000300000") == 1);
        CHECK_IS(gp_from(k->sent[2].queue_id), "m2");
        kit_close(k);
    }
}

static struct queue_store *keep_busy(void)
{
    enum database_trouble trouble;
    struct queue_store   *s = queue_open(".", 1, &trouble);
    CHECK(s && queue_begin(s) == GP_OK);
    return s;
}

TEST(that_it_answers_is_not_forgotten_while_a_command_writes)
{
    struct kit *k = kit_open();
    commit_to(k, 1, "bob@one.example\t\n");
    kit_answer_down(k, 0, down, A, 0);
    kit_turn(k);
    struct queue_store *other = keep_busy();
    back(k, A);
    CHECK(k->sent_count == 1);
    queue_abandon(other);
    queue_close(other);
    commit_to(k, 2, "amy@one.example\t\n"); /* and this one goes well */
    kit_turn(k);
    CHECK(k->sent_count >= 2);
    kit_answer_all(k, KIT_TAKEN, HOST_ANSWERED);
    kit_turn(k);
    kit_answer_all(k, KIT_TAKEN, HOST_ANSWERED);
    kit_turn(k);
    CHECK(kit_count(k, "messages", "1") == 0);
    kit_close(k);
}

enum { MANY = 200 };
static void commit_to_many(struct kit *k)
{
    static char    room[MANY * 32];
    struct gp_text to = GP_TEXT(room);
    for (unsigned i = 0; i < MANY; i++) {
        gp_put_z(&to, "bob");
        gp_put_number(&to, i);
        gp_put_z(&to, "@one.example\t\n");
    }
    gp_put_char(&to, '\0');
    commit_to(k, 1, room);
}

TEST(a_destination_with_much_mail_gets_it_due_a_portion_a_turn_until_the_host_is_down_again)
{
    for (int again = 0; again < 2; again++) {
        struct kit *k = kit_open();
        commit_to_many(k);
        while (k->queue->under_way) {
            for (size_t i = 0; i < k->sent_count; i++)
                if (k->sent[i].attempt) {
                    static char    room[MANY * sizeof down];
                    struct gp_text lines = GP_TEXT(room);
                    for (size_t n = 0; n < k->sent[i].attempt->due.count; n++) gp_put_z(&lines, down);
                    gp_put_char(&lines, '\0');
                    kit_answer_down(k, i, room, A, 0);
                }
            kit_turn(k);
        }
        CHECK(kit_count(k, "recipients", "due <= 1800000000000") == 0);
        struct msg m     = MSG(HOST_BACK);
        m.host_back.host = GP_LIT(A);
        hosts_back(k->queue, &m, k->now);
        CHECK(kit_count(k, "recipients", "due <= 1800000000000") == 64 && k->queue->reviving);
        if (again) {
            kit_turn(k);
            kit_answer_down(k, k->sent_count - 1, "", A, k->now + KIT_MINUTE);
        }
        for (int i = 0; i < 4; i++) hosts_turn(k->queue, k->now);
        CHECK((kit_count(k, "recipients", "due <= 1800000000000") == MANY) == !again && !k->queue->reviving);
        kit_close(k);
    }
}

enum { DOMAINS = 1100 };
TEST(many_destinations_have_their_turn_one_portion_after_the_other)
{
    struct kit *k                    = kit_open();
    k->config.relay.connections_most = 2 * DOMAINS;
    for (uint32_t n = 0; n < DOMAINS; n++) {
        char to[48];
        (void)snprintf(to, sizeof to, "bob@d%u.example\t\n", n);
        commit_to(k, n + 1, to);
        kit_answer_down(k, k->sent_count - 1, down, A, 0);
        if (k->answer_count > KIT_ANSWERS_MOST / 2) k->answer_count = 0;
    }
    kit_turn(k);
    CHECK(k->sent_count == DOMAINS);
    struct msg m     = MSG(HOST_BACK);
    m.host_back.host = GP_LIT(A);
    hosts_back(k->queue, &m, k->now);
    CHECK(kit_count(k, "recipients", "due <= 1800000000000") == 512);
    hosts_turn(k->queue, k->now);
    hosts_turn(k->queue, k->now);
    CHECK(kit_count(k, "recipients", "due <= 1800000000000") == DOMAINS && !k->queue->reviving);
    kit_close(k);
}
