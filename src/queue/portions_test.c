/* Messages that go in several attempts: recipients that are put off apart from each other, or that a next hop takes in portions; and routes
 * and sign-ins that hold mail up. */
#include <string.h>

#include "queue/role_kit.h"

#define LATER    "2\t450\t4.2.0\tmx.example.net\tTLSv1.3\tlater"
#define TOO_MANY "2\t452\t4.5.3\tmx.example.net\tTLSv1.3\ttoo many recipients"

enum { LINE_MOST = 64 };

static void commit_large(struct kit *k, unsigned count)
{
    static char    room[200 * LINE_MOST];
    struct gp_text to = GP_TEXT(room);
    for (unsigned i = 0; i < count; i++) {
        gp_put_char(&to, 'u');
        gp_put_number(&to, i);
        gp_put_z(&to, "@example.net\t\n");
    }
    gp_put_char(&to, '\0');
    struct msg m = kit_message("large", "ada@example.org", room);
    kit_commit(k, 1, &m);
    kit_turn(k);
}

/* One result for the first `most` of an attempt's recipients, another for the rest. */
static void answer(struct kit *k, size_t sent, size_t most, const char *first, const char *rest)
{
    static char    room[QUEUE_DUE_MOST * 2 * LINE_MOST];
    struct gp_text lines = GP_TEXT(room);
    for (size_t i = 0; i < k->sent[sent].attempt->due.count; i++) {
        gp_put_z(&lines, i < most ? first : rest);
        gp_put_char(&lines, '\n');
    }
    gp_put_char(&lines, '\0');
    kit_answer_one(k, sent, room, HOST_ANSWERED);
    kit_turn(k);
}

TEST(parts_that_are_put_off_at_different_moments_are_all_tried_again)
{
    struct kit *k = kit_open();
    commit_large(k, 150);
    CHECK(k->sent_count == 2);
    answer(k, 1, 0, LATER, LATER); /* what was sent last is answered first, and due again first */
    k->now += 50;
    answer(k, 0, 0, LATER, LATER);
    for (unsigned i = 0; i < 24 * 60 && kit_count(k, "messages", "1"); i++) {
        k->now += KIT_MINUTE;
        kit_turn(k);
        kit_answer_all(k, KIT_TAKEN, HOST_ANSWERED);
        kit_turn(k);
    }
    CHECK(kit_count(k, "messages", "1") == 0 && kit_audited(k, "delivered") == 150);
    kit_close(k);
}

TEST(a_next_hop_that_takes_a_few_recipients_at_once_is_given_the_others_at_once)
{
    struct kit *k     = kit_open();
    gp_time     start = k->now;
    commit_large(k, 60);
    for (size_t at = 0; at < k->sent_count; at++) answer(k, at, 10, KIT_TAKEN, TOO_MANY);
    CHECK(kit_count(k, "messages", "1") == 0 && kit_audited(k, "delivered") == 60 && k->now - start < SECOND);
    kit_close(k);
}

TEST(a_next_hop_that_takes_no_recipient_at_all_is_left_alone_for_a_while)
{
    struct kit *k = kit_open();
    commit_large(k, 60);
    answer(k, 0, 60, TOO_MANY, TOO_MANY);
    CHECK(k->sent_count == 1 && kit_count(k, "recipients", "attempts = 1") == 60);
    kit_close(k);
}

TEST(one_destination_of_a_narrow_route_does_not_starve_another)
{
    struct kit         *k                     = kit_open();
    struct config_route route                 = { .name = "narrow", .from = "example.org", .connections = 1 };
    route.via[0]                              = (struct config_hop) { .set = true, .kind = RELAY_MX };
    k->config.routes[k->config.route_count++] = route;
    kit_restart(k);
    for (unsigned i = 0; i < 30; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "a%u", i);
        struct msg m = kit_message(id, "ada@example.org", "bob@one.example\t\n");
        kit_commit(k, 1, &m);
    }
    kit_turn(k);
    struct msg m = kit_message("other", "ada@example.org", "bob@two.example\t\n");
    kit_commit(k, 1, &m);
    kit_turn(k);
    size_t when = 0;
    for (unsigned i = 0; i < 100 && !when; i++) {
        kit_answer_all(k, KIT_TAKEN, HOST_ANSWERED);
        kit_turn(k);
        if (k->sent_count && strcmp(k->sent[k->sent_count - 1].queue_id, "other") == 0) when = k->sent_count;
    }
    CHECK(when > 0 && when < 5);
    kit_close(k);
}

/* Whose fault it is stands at the end of a result, behind all that the provider says. */
TEST(a_long_reply_to_our_sign_in_bounces_no_more_than_a_short_one)
{
    char line[600] = "2\t535\t5.7.8\tsmtp.provider.example [192.0.2.1]:587\tTLSv1.3 TLS_AES_256_GCM_SHA384, verified\t";
    memset(line + strlen(line), 'x', 450);
    memcpy(line + strlen(line), "\tours", sizeof "\tours");
    struct kit *k = kit_open();
    for (unsigned i = 0; i < 6; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "o%u", i);
        struct msg m = kit_message(id, "ada@example.org", "bob@example.net\t\n");
        kit_commit(k, 1, &m);
        kit_turn(k);
        k->now += SECOND;
    }
    for (gp_time end = k->now + 6 * 24 * KIT_HOUR; k->now < end; k->now += KIT_MINUTE) {
        kit_turn(k);
        kit_answer_all(k, line, HOST_DOWN);
        kit_turn(k);
        if (k->sent_count > KIT_SENT_MOST / 2) k->sent_count = 0;
    }
    CHECK(kit_audited(k, "failed") == 0 &&
          kit_count(k, "recipients", "address = 'bob@example.net' AND attempts > 5") == 6);
    kit_close(k);
}

static void put_times(struct gp_text *out, const char *what, unsigned times)
{
    while (times--) gp_put_z(out, what);
}

/* All that is known of a hundred recipients fits into memory, however long it is. */
TEST(the_longest_recipients_are_tried_again)
{
    enum { LONG_LINE = 900, LOCAL = 60, LABELS = 90, ORIGINAL = 490, WORDS = 400 };
    static char    room[QUEUE_DUE_MOST * LONG_LINE], line_room[LONG_LINE];
    struct gp_text to = GP_TEXT(room), line = GP_TEXT(line_room);
    for (unsigned i = 0; i < QUEUE_DUE_MOST; i++) {
        gp_put_number(&to, 100 + i);
        put_times(&to, "u", LOCAL);
        gp_put_z(&to, "@");
        put_times(&to, "d.", LABELS);
        gp_put_z(&to, "example\tORCPT=rfc822;");
        put_times(&to, "o", ORIGINAL);
        gp_put_char(&to, '\n');
    }
    gp_put_char(&to, '\0');
    gp_put_z(&line, "2\t450\t4.2.0\t");
    put_times(&line, "m.", 2 * LOCAL);
    gp_put_z(&line, "example\tTLSv1.3\t");
    put_times(&line, "w", WORDS);
    gp_put_char(&line, '\0');
    CHECK(!to.cut && !line.cut);
    struct kit *k = kit_open();
    struct msg  m = kit_message("large", "ada@example.org", room);
    kit_commit(k, 1, &m);
    kit_turn(k);
    CHECK(k->sent_count == 1 && k->sent[0].attempt->due.count == QUEUE_DUE_MOST);
    static char    answers[QUEUE_DUE_MOST * LONG_LINE];
    struct gp_text all = GP_TEXT(answers);
    for (unsigned i = 0; i < QUEUE_DUE_MOST; i++) {
        gp_put_z(&all, line_room);
        gp_put_char(&all, '\n');
    }
    gp_put_char(&all, '\0');
    kit_answer_one(k, 0, answers, HOST_ANSWERED);
    kit_turn(k);
    k->now += KIT_HOUR;
    kit_turn(k);
    CHECK(k->sent_count == 2 && kit_audited(k, "deferred") == QUEUE_DUE_MOST);
    kit_close(k);
}
