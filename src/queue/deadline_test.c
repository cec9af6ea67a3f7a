/* By when a message is to be delivered (RFC 2852): back then, or told that it is late, whatever holds it up; and what a sender hears of each step. */
#include <stdio.h>
#include <string.h>

#include "queue/role_kit.h"

/* KIT_START is 2027-01-15T08:00:00Z */
#define BY_HOUR(mode) "BY=2027-01-15T09:00:00Z;" mode

static struct kit *open_with(const char *params, const char *recipients)
{
    struct kit *k   = kit_open();
    struct msg  m   = kit_message("soon", "ada@example.org", recipients);
    m.commit.params = gp_from(params);
    kit_commit(k, 1, &m);
    kit_turn(k);
    CHECK(k->answer_count == 1 && k->answers[0].status == GP_OK);
    return k;
}

static void live_until(struct kit *k, gp_time end, const char *said)
{
    for (; k->now < end; k->now += KIT_MINUTE) {
        for (size_t i = 0; i < k->sent_count; i++) {
            bool back = strcmp(k->sent[i].destination, "example.org") == 0;
            if (k->sent[i].attempt) kit_answer_one(k, i, back ? KIT_TAKEN "\n" : said, HOST_ANSWERED);
        }
        kit_turn(k);
    }
}

TEST(what_is_to_come_back_does_at_its_time)
{
    struct kit *k = open_with("SIZE=44 " BY_HOUR("R"), "bob@example.net\t\n");
    live_until(k, KIT_START + KIT_HOUR, KIT_DOWN "\n");
    CHECK(kit_told(k, "") == 0 && kit_count(k, "messages", "deadline = 1800003600000") == 1);
    size_t tried = k->sent_count;
    k->now       = KIT_START + KIT_HOUR;
    kit_turn(k);
    CHECK(kit_told(k, "Action: failed") == 1 && kit_told(k, "Status: 5.4.7") == 1 && k->sent_count == tried + 1);
    CHECK(kit_told(k, "Deliver-By-Date: Fri, 15 Jan 2027 09:00:00 +0000\r\n") == 1);
    CHECK(kit_told(k, "It could not be delivered by the time that it was to be.") == 1);
    CHECK(kit_told(k, "it was to be delivered by 2027-01-15T09:00:00Z") == 1 && kit_told(k, "connection refused") == 1);
    CHECK(kit_count(k, "messages", "queue_id = 'soon'") == 0 && kit_audited(k, "failed") == 1);
    live_until(k, KIT_START + KIT_DAY, KIT_DOWN "\n");
    CHECK(kit_told(k, "") == 1);
    kit_close(k);
}

/* The sender names when he hears of a delay: then, once, and not when we would have told him. */
TEST(what_is_only_late_is_told_then_and_tried_on)
{
    struct kit *k = open_with(BY_HOUR("N"), "bob@example.net\t\neve@example.net\tNOTIFY=NEVER\n");
    live_until(k, KIT_START + KIT_HOUR, KIT_DOWN "\n" KIT_DOWN "\n");
    CHECK(kit_told(k, "") == 0);
    live_until(k, KIT_START + KIT_HOUR + KIT_MINUTE, KIT_DOWN "\n" KIT_DOWN "\n");
    CHECK(kit_told(k, "Action: delayed") == 1 && kit_told(k, "Status: 4.4.7") == 1 &&
          kit_told(k, "eve@example.net") == 0);
    CHECK(kit_count(k, "messages", "deadline <> 0") == 0);
    live_until(k, KIT_START + KIT_DAY, KIT_DOWN "\n" KIT_DOWN "\n");
    CHECK(kit_told(k, "Action: delayed") == 1 && kit_count(k, "recipients", "state = 0") == 2);
    live_until(k, KIT_START + KIT_DAY + KIT_DAY * 5, KIT_DOWN "\n" KIT_DOWN "\n");
    CHECK(kit_told(k, "Action: failed") == 1);
    kit_close(k);
}

/* Whatever comes of it: nobody before us has said that it is late. */
TEST(what_is_late_when_it_comes_is_told_once)
{
    static const char *const said[] = { KIT_DOWN, KIT_TAKEN, KIT_TAKEN "\tdsn by" };
    char                     lines[256];
    for (size_t i = 0; i < 2 * GP_COUNT(said); i++) {
        struct kit *k   = kit_open();
        struct msg  m   = kit_message("soon", "ada@example.org", "bob@example.net\t\neve@example.net\tNOTIFY=NEVER\n");
        m.commit.params = GP_LIT("BY=2027-01-15T07:00:00Z;N");
        snprintf(lines, sizeof lines, "%s\n%s\n", said[i % GP_COUNT(said)], said[i % GP_COUNT(said)]);
        kit_commit(k, 1, &m);
        batch_flush(k->queue, k->now);
        dispatch(k->queue, k->now);
        CHECK(k->sent_count == 1);
        if (i < GP_COUNT(said))
            kit_answer_one(k, 0, lines, HOST_ANSWERED); /* before anybody has looked for what is late */
        live_until(k, KIT_START + KIT_HOUR, lines);
        if (kit_told(k, "Action: delayed") != 1) fail_msg("row %zu", i);
        CHECK(kit_told(k, "Status: 4.4.7") == 1 && kit_told(k, "") == 1 && kit_told(k, "eve@example.net") == 0);
        CHECK(kit_told(k, "it was to be delivered by 2027-01-15T07:00:00Z") == 1 && kit_told(k, "so far: 250") == 0);
        CHECK(kit_count(k, "messages", "deadline <> 0") == 0);
        kit_close(k);
    }
}

TEST(what_became_late_while_nobody_was_there_is_told)
{
    static const char *const said[] = { KIT_DOWN "\n", KIT_TAKEN "\n" };
    for (size_t i = 0; i < GP_COUNT(said); i++) {
        struct kit *k = open_with(BY_HOUR("N"), "bob@example.net\t\n");
        k->now        = KIT_START + 2 * KIT_HOUR;
        kit_restart(k);
        k->sent_count = 0;
        live_until(k, KIT_START + 3 * KIT_HOUR, said[i]);
        CHECK(kit_told(k, "Action: delayed") == 1 && kit_told(k, "") == 1);
        kit_close(k);
    }
}

/* As who holds it says nothing of it, and its deadline nothing of him. */
TEST(what_is_late_when_it_is_held_is_told)
{
    struct kit *k   = kit_open();
    struct msg  m   = kit_message("soon", "ada@example.org", "bob@example.net\t\n");
    m.commit.params = GP_LIT("BY=2027-01-15T07:00:00Z;N");
    m.commit.hold   = 1;
    kit_commit(k, 1, &m);
    live_until(k, KIT_START + KIT_MINUTE, KIT_DOWN "\n");
    CHECK(kit_told(k, "Action: delayed") == 1 && kit_count(k, "recipients", "state = 3") == 1);
    kit_close(k);
}

TEST(what_is_in_time_makes_no_noise)
{
    struct kit *k = open_with(BY_HOUR("R"), "bob@example.net\t\n");
    kit_answer_all(k, KIT_TAKEN "\tdsn by", HOST_ANSWERED);
    k->now = KIT_START + KIT_DAY;
    kit_turn(k);
    CHECK(k->sent_count == 1 && kit_count(k, "messages", "1") == 0);
    kit_close(k);
}

/* Held by a rule, or waiting for its own hour: the deadline is the same. */
TEST(a_hold_does_not_stop_the_clock)
{
    static const char *const modes[] = { BY_HOUR("R"), BY_HOUR("N") };
    for (size_t i = 0; i < GP_COUNT(modes); i++) {
        struct kit *k   = kit_open();
        struct msg  m   = kit_message("soon", "ada@example.org", "bob@example.net\t\n");
        m.commit.params = gp_from(modes[i]);
        m.commit.hold   = 1;
        kit_commit(k, 1, &m);
        live_until(k, KIT_START + KIT_HOUR + KIT_MINUTE, KIT_DOWN "\n");
        CHECK(kit_told(k, i ? "Action: delayed" : "Action: failed") == 1);
        CHECK(kit_count(k, "recipients", "state = 3") == i);
        kit_close(k);
    }
}

/* What the relay has in hand at that moment is its own affair: it may be delivered yet, by a server that was told in time. */
TEST(what_is_under_way_then_is_left_to_what_comes_of_it)
{
    struct kit *k = open_with(BY_HOUR("R"), "bob@example.net\t\n");
    k->now        = KIT_START + KIT_HOUR;
    kit_turn(k);
    CHECK(kit_told(k, "") == 0);
    kit_answer_all(k, KIT_TAKEN, HOST_ANSWERED);
    kit_turn(k);
    CHECK(kit_told(k, "") == 0 && kit_count(k, "messages", "1") == 0);
    kit_close(k);

    k      = open_with(BY_HOUR("R"), "bob@example.net\t\n");
    k->now = KIT_START + KIT_HOUR;
    kit_turn(k);
    kit_answer_all(k, KIT_DOWN, HOST_ANSWERED);
    kit_turn(k);
    CHECK(kit_told(k, "Status: 5.4.7") == 1 && kit_count(k, "messages", "queue_id = 'soon'") == 0);
    kit_close(k);
}

TEST(it_outlives_the_process_and_takes_many_recipients)
{
    char           room[8000];
    struct gp_text to = GP_TEXT(room);
    for (int i = 0; i < 250; i++) gp_put_z(&to, "bob@example.net\t\n");
    struct kit *k       = kit_open();
    struct msg  m       = kit_message("soon", "ada@example.org", "");
    m.commit.params     = GP_LIT(BY_HOUR("R"));
    m.commit.hold       = 1;
    m.commit.recipients = gp_said(&to);
    kit_commit(k, 1, &m);
    kit_turn(k);
    kit_restart(k);
    k->now = KIT_START + KIT_HOUR;
    kit_turn(k);
    kit_turn(k);
    kit_turn(k);
    CHECK(kit_told(k, "") == 3 && kit_count(k, "messages", "queue_id = 'soon'") == 0);
    CHECK(kit_audited(k, "failed") == 250);
    kit_close(k);
}

/* RFC 2852 4.1.4. example.org is the sender's. */
TEST(each_step_is_told_where_it_is_to_be)
{
    /* clang-format off */
    static const struct { const char *mode, *params, *words; size_t told; const char *text; } rows[] = {
        { BY_HOUR("N"),  "",                "",       1, "does\r\nnot report deliveries" },
        { BY_HOUR("N"),  "",                "dsn",    1, "reports itself"                },
        { BY_HOUR("N"),  "NOTIFY=FAILURE",  "dsn",    1, "Action: relayed"               },
        { BY_HOUR("N"),  "NOTIFY=NEVER",    "",       0, ""                              },
        { BY_HOUR("N"),  "",                "by",     0, ""                              },
        { BY_HOUR("N"),  "NOTIFY=SUCCESS",  "by",     1, "Action: relayed"               },
        { BY_HOUR("N"),  "",                "dsn by", 0, ""                              },
        { BY_HOUR("NT"), "",                "dsn by", 1, "reports itself"                },
        { BY_HOUR("RT"), "",                "dsn by", 1, "Action: relayed"               },
        { BY_HOUR("RT"), "NOTIFY=NEVER",    "dsn by", 0, ""                              },
        { BY_HOUR("R"),  "",                "dsn by", 0, ""                              },
        { "BY=2027-01-15T07:00:00Z;N", "",  "dsn",    1, "Action: delayed"               },
        { "",            "",                "",       0, ""                              },
    };
    /* clang-format on */
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char           to_room[64], line_room[128];
        struct gp_text to   = { .ptr = to_room, .room = sizeof to_room - 1 },
                       line = { .ptr = line_room, .room = sizeof line_room - 1 };
        gp_put_z(&to, "bob@example.net\t");
        gp_put_z(&to, rows[i].params);
        gp_put_char(&to, '\n');
        gp_put_z(&line, KIT_TAKEN "\t");
        gp_put_z(&line, rows[i].words);
        to_room[to.len] = line_room[line.len] = '\0';
        struct kit *k                         = open_with(rows[i].mode, to_room);
        kit_answer_all(k, line_room, HOST_ANSWERED);
        kit_turn(k);
        if (kit_told(k, rows[i].text) != rows[i].told || kit_told(k, "") != rows[i].told) fail_msg("row %zu", i);
        kit_close(k);
    }
}
