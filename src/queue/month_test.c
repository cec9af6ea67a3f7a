/* A month in some seconds: mail to destinations that are well, dead, away for days, greylisting, refusing, or that take a part; a relay that dies
 * now and then, restarts, commands. Every recipient ends delivered or returned with a reason, once; until then it waits, with a reason and a time. */
#include <stdio.h>
#include <string.h>

#include "queue/role_kit.h"

enum { DAYS = 30, SETTLES = 6, STEP_MINUTES = 20, RESTART_DAYS = 4, SLOWEST_STEP_HOURS = 5, ATTEMPTS_MOST_EACH = 45 };

#define DOWN    "2\t0\t4.4.1\t\t\tconnection refused\n"
#define LATER   "2\t451\t4.7.1\tmx.example.net\tTLSv1.3\tlater\n"
#define CROWDED "2\t421\t4.3.2\tmx.example.net\tTLSv1.3\ttoo much\n"
#define NEVER   "3\t550\t5.1.1\tmx.example.net\tTLSv1.3\tno such user\n"
#define TAKEN   "0\t250\t2.0.0\tmx.example.net\tTLSv1.3\tok\n"

static uint64_t seed = 42;
static unsigned chance(unsigned most) /* splitmix64 */
{
    uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);
    z          = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z          = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (unsigned)((z ^ (z >> 31)) >> 11) % most;
}

/* ---- destinations ---------------------------------------------------------------------------------------------------------- */
static bool is_up(gp_time age)
{
    return age < 3 * KIT_DAY || age > 6 * KIT_DAY;
}

/* What a destination says to one recipient at that time; *down: to nobody. */
static const char *say(const char *destination, gp_time age, bool *down)
{
    *down = strcmp(destination, "dead.example") == 0 || (strcmp(destination, "away.example") == 0 && !is_up(age));
    if (*down) return DOWN;
    if (strcmp(destination, "refuses.example") == 0) return NEVER;
    if (strcmp(destination, "never.example") == 0) return LATER;
    if (strcmp(destination, "grey.example") == 0) return chance(3) ? LATER : TAKEN;
    if (strcmp(destination, "crowded.example") == 0) return chance(2) ? CROWDED : TAKEN;
    if (strcmp(destination, "moody.example") == 0) return chance(3) == 0 ? NEVER : chance(2) ? LATER : TAKEN;
    return TAKEN;
}

static void answer_one(struct kit *k, struct kit_sent *s)
{
    char            room[QUEUE_DUE_MOST * KIT_TEXT];
    struct gp_text  lines = { .ptr = room, .room = sizeof room - 1 };
    struct attempt *a     = s->attempt;
    bool            down  = false;
    for (size_t i = 0; i < a->due.count; i++) gp_put_z(&lines, say(s->destination, k->now - KIT_START, &down));
    room[lines.len] = '\0';
    s->attempt      = NULL;
    if (chance(500) == 0)
        attempt_done(a, GP_NONE, false, k->now); /* the relay died */
    else
        attempt_done(a, gp_said(&lines), down, k->now);
}

static void answer_all(struct kit *k)
{
    size_t count = k->sent_count;
    for (size_t i = 0; i < count; i++)
        if (k->sent[i].attempt) answer_one(k, &k->sent[i]);
    kit_turn(k);
}

/* ---- the month ------------------------------------------------------------------------------------------------------------- */
static void commit_one(struct kit *k, unsigned number)
{
    static const char to[] =
        "a@good.example\t\nb@dead.example\t\nc@away.example\t\nd@grey.example\t\ne@refuses.example\t\n"
        "f@never.example\t\ng@moody.example\t\nh@moody.example\t\ni@crowded.example\t\n";
    char id[32];
    (void)snprintf(id, sizeof id, "m%u", number);
    struct msg m     = kit_message(id, number % 10 ? "ada@example.org" : "", to);
    m.commit.account = 7 + number % 3;
    kit_commit(k, 1, &m);
}

/* Those that are in a state in which nobody may be: -1: the store failed. */
static int64_t count_of(struct kit *k, const char *sql, gp_time when)
{
    auto_rows r = rows_of(queue_database(k->queue->store), sql);
    rows_bind_number(&r, when);
    return rows_next(&r) == GP_OK ? rows_number(&r, 0) : -1;
}

static void check_all_wait_for_something(struct kit *k)
{
    CHECK(count_of(k, "SELECT count(*) FROM recipients WHERE state = 0 AND due > ?1",
                   k->now + SLOWEST_STEP_HOURS * KIT_HOUR) == 0);
    CHECK(count_of(
              k, "SELECT count(*) FROM recipients WHERE state = 0 AND attempts > 0 AND (text = '' OR tried = 0) AND ?1",
              1) == 0);
    CHECK(count_of(k, "SELECT count(*) FROM messages WHERE arrived < ?1", k->now - 5 * KIT_DAY - 2 * KIT_HOUR) == 0);
    CHECK(count_of(k,
                   "SELECT count(*) FROM messages AS m WHERE ?1 AND NOT EXISTS (SELECT 1 FROM recipients AS r WHERE"
                   " r.message = m.message AND state IN (0, 3))",
                   1) == 0);
}

static void live(struct kit *k, unsigned days, bool sends)
{
    static unsigned number;
    const unsigned  steps = days * 24 * 60 / STEP_MINUTES, a_day = 24 * 60 / STEP_MINUTES;
    for (unsigned step = 1; step <= steps; step++) {
        k->now += STEP_MINUTES * KIT_MINUTE;
        if (sends && step % 6 == 0) commit_one(k, number++);
        kit_turn(k);
        answer_all(k);
        if (!k->queue->under_way) k->sent_count = k->answer_count = 0;
        CHECK(k->sent_count < KIT_SENT_MOST / 2);
        if (step % a_day == 0) check_all_wait_for_something(k);
        if (step % (RESTART_DAYS * a_day) == 0) {
            k->sent_count = 0;
            kit_restart(k);
        }
    }
}

/* By recipient, from the record. */
static void check_fates(struct kit *k, size_t accepted)
{
    CHECK(count_of(k,
                   "SELECT count(*) FROM (SELECT count(*) AS n FROM audit WHERE ?1 AND event IN ('delivered', 'failed')"
                   " GROUP BY queue_id, json_extract(data, '$.to') HAVING n <> 1)",
                   1) == 0);
    CHECK(count_of(k, "SELECT count(*) FROM audit WHERE ?1 AND event = 'failed' AND json_extract(data, '$.reply') = ''",
                   1) == 0);
    CHECK(count_of(k,
                   "SELECT sum(json_extract(data, '$.recipients')) - (SELECT count(*) FROM audit WHERE event IN"
                   " ('delivered', 'failed')) FROM audit WHERE ?1 AND event = 'accepted'",
                   1) == 0);
    CHECK(count_of(k,
                   "SELECT count(*) FROM (SELECT count(*) AS n FROM audit WHERE event = 'deferred' GROUP BY queue_id,"
                   " json_extract(data, '$.to') HAVING n > ?1)",
                   ATTEMPTS_MOST_EACH) == 0);
    /* dead, refuses and never come back to their senders in any case, but for each tenth, which has none */
    CHECK(kit_audited(k, "bounced") >= accepted - accepted / 10 - 1);
}

TEST(after_a_month_every_recipient_is_delivered_or_returned_and_nothing_was_lost)
{
    struct kit *k = kit_open();
    live(k, DAYS, true);
    CHECK(kit_count(k, "messages", "1") > 0); /* of the last days */
    live(k, SETTLES, false);
    size_t accepted =
        (size_t)count_of(k, "SELECT count(*) FROM audit WHERE ?1 AND event = 'accepted' AND name = 'ada'", 1);
    CHECK(accepted == DAYS * 12);
    CHECK(kit_count(k, "messages", "1") == 0 && kit_count(k, "recipients", "1") == 0 &&
          kit_count(k, "bodies", "1") == 0);
    check_fates(k, accepted);
    kit_close(k);
}
