/* The pace of a route, by a virtual clock. */
#include "queue/role_kit.h"

#define START KIT_START

TEST(no_minute_has_more_messages_than_it_may)
{
    struct config_route route = { .messages_per_minute = 3 };
    struct pace         p;
    gp_time             sent[64];
    size_t              count = 0;
    CHECK(pace_open(&p, &route));
    for (gp_time now = START; now < START + 5 * KIT_MINUTE; now += 700) {
        gp_time until = pace_wait(&p, now);
        CHECK(until == 0 || (until > now && until <= now + KIT_MINUTE));
        if (until) continue;
        pace_began(&p, now);
        pace_ended(&p);
        sent[count++] = now;
    }
    CHECK(count == 15); /* and no fewer */
    for (size_t i = 3; i < count; i++) CHECK(sent[i] - sent[i - 3] >= KIT_MINUTE);
    CHECK(pace_wait(&p, START - KIT_HOUR) == 0); /* the clock was set back: nothing stands still */
    pace_close(&p);
}

TEST(connections_at_a_time)
{
    struct config_route route = { .connections = 2 };
    struct pace         p;
    CHECK(pace_open(&p, &route));
    for (int i = 0; i < 2; i++) {
        CHECK(pace_wait(&p, START) == 0);
        pace_began(&p, START);
    }
    CHECK(pace_wait(&p, START) > START);
    pace_ended(&p);
    CHECK(pace_wait(&p, START) == 0);
    pace_close(&p);
}

/* ---- in the role --------------------------------------------------------------------------------------------------------- */
static struct kit *kit_with_route(struct config_route route, enum relay_kind kind)
{
    struct kit *k                               = kit_open();
    route.via[0]                                = (struct config_hop) { .set = true, .kind = kind };
    k->config.routes[k->config.route_count++]   = route;
    k->config.relay.connections_per_destination = 20;
    kit_restart(k);
    return k;
}

static void hand_in(struct kit *k, uint32_t number, const char *recipients)
{
    char           room[16];
    struct gp_text id = { .ptr = room, .room = sizeof room - 1 };
    gp_put_z(&id, "m");
    gp_put_number(&id, number);
    room[id.len] = '\0';
    struct msg m = kit_message(room, "ada@example.org", recipients);
    kit_commit(k, number, &m);
    kit_turn(k);
}

static void turn_for(struct kit *k, gp_time span)
{
    for (gp_time end = k->now + span; k->now < end; k->now += SECOND) kit_turn(k);
}

TEST(what_was_not_sent_is_no_message_of_its_minute)
{
    static const struct {
        gp_time forgotten, free_at; /* of four that began at 0 to 3 */
    } rows[] = {
        {0,  START + 61000},
        { 3, START + 60000},
        { 2, START + 60000},
        { 9, START + 60000},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct config_route route = { .messages_per_minute = 4 };
        struct pace         p;
        CHECK(pace_open(&p, &route));
        for (gp_time n = 0; n < 4; n++) pace_began(&p, START + n * SECOND);
        pace_forget(&p, START + rows[i].forgotten * SECOND);
        CHECK((pace_wait(&p, START + 5 * SECOND) == 0) == (rows[i].forgotten < 4));
        if (rows[i].forgotten < 4) pace_began(&p, START + 5 * SECOND);
        CHECK(pace_wait(&p, START + 6 * SECOND) == rows[i].free_at);
        pace_close(&p);
    }
}

TEST(what_no_host_was_there_for_takes_nothing_of_the_pace)
{
    struct kit *k = kit_with_route(
        (struct config_route) { .name = "slow", .from = "example.org", .messages_per_minute = 2 }, RELAY_MX);
    for (uint32_t i = 1; i <= 4; i++) {
        char to[32];
        (void)snprintf(to, sizeof to, "a@d%u.example\t\n", i);
        hand_in(k, i, to);
    }
    CHECK(k->sent_count == 2);
    kit_answer_down(k, 1, NULL, "192.0.2.1:25 slow\n", k->now + KIT_MINUTE);
    kit_answer_down(k, 0, KIT_DOWN "\n", "192.0.2.1:25 slow\n", k->now + KIT_MINUTE);
    turn_for(k, 2 * SECOND);
    CHECK(k->sent_count == 4);
    kit_answer_all(k, KIT_DOWN, HOST_DOWN); /* tried */
    turn_for(k, 30 * SECOND);
    hand_in(k, 5, "a@d5.example\t\n");
    turn_for(k, 2 * SECOND);
    CHECK(k->sent_count == 4);
    kit_close(k);
}

TEST(what_is_over_the_pace_waits_and_loses_no_try)
{
    struct kit *k = kit_with_route(
        (struct config_route) { .name = "slow", .to = "slow.example", .messages_per_minute = 2 }, RELAY_SMARTHOST);
    for (uint32_t i = 1; i <= 5; i++) hand_in(k, i, "a@slow.example\t\n");
    CHECK(k->sent_count == 2);
    kit_answer_all(k, "0\t250\t2.0.0\tmx\tTLSv1.3\tok", HOST_ANSWERED);
    turn_for(k, 50 * SECOND);
    CHECK(k->sent_count == 2 && kit_count(k, "recipients", "attempts = 0 AND state = 0") == 3);
    turn_for(k, 15 * SECOND);
    CHECK(k->sent_count == 4);
    hand_in(k, 6, "a@other.example\t\n"); /* nobody else waits for it */
    CHECK(k->sent_count == 5);
    kit_close(k);
}

TEST(connections_are_those_of_all_destinations_of_a_route)
{
    struct kit *k =
        kit_with_route((struct config_route) { .name = "narrow", .from = "example.org", .connections = 2 }, RELAY_MX);
    hand_in(k, 1, "a@one.example\t\n");
    hand_in(k, 2, "a@one.example\t\n");
    hand_in(k, 3, "a@two.example\t\n");
    turn_for(k, 3 * SECOND);
    CHECK(k->sent_count == 2);
    kit_answer_one(k, 0, "0\t250\t2.0.0\tmx\tTLSv1.3\tok\n", HOST_ANSWERED);
    turn_for(k, 3 * SECOND);
    CHECK(k->sent_count == 3);
    CHECK_IS(gp_from(k->sent[2].destination), "via:narrow two.example");
    kit_close(k);
}

TEST(a_message_goes_to_as_many_at_a_time_as_the_route_may)
{
    struct kit *k =
        kit_with_route((struct config_route) { .name = "few", .to = "few.example", .recipients = 2 }, RELAY_SMARTHOST);
    hand_in(k, 1, "a@few.example\t\nb@few.example\t\nc@few.example\t\nd@few.example\t\ne@few.example\t\n");
    turn_for(k, 2 * SECOND);
    CHECK(k->sent_count == 3);
    CHECK_IS(gp_from(k->sent[0].recipients), "a@few.example\t\nb@few.example\t\n");
    CHECK_IS(gp_from(k->sent[2].recipients), "e@few.example\t\n");
    kit_answer_all(k, "0\t250\t2.0.0\tmx\tTLSv1.3\tok", HOST_ANSWERED);
    kit_turn(k);
    CHECK(kit_count(k, "messages", "1") == 0);
    kit_close(k);
}
