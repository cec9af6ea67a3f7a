/* Priorities (RFC 6710): what has a higher one goes first to its destination, whatever waits there, and no higher than is allowed. */
#include <stdio.h>

#include "queue/role_kit.h"

static void commit(struct kit *k, const char *id, const char *params)
{
    struct msg m    = kit_message(id, "ada@example.org", "bob@example.net\t\n");
    m.commit.params = gp_from(params);
    kit_commit(k, 1, &m);
}

static struct kit *open_kit(unsigned most)
{
    struct kit *k                               = kit_open();
    k->config.relay.connections_per_destination = 1;
    k->config.queue.priority_most               = most;
    k->config.queue.future_release              = 86400;
    return k;
}

/* One after the other, by their names. */
static gp_str order(struct kit *k, struct gp_text *out)
{
    for (size_t before = SIZE_MAX; k->sent_count != before;) {
        before = k->sent_count;
        kit_turn(k);
        kit_answer_all(k, KIT_TAKEN, HOST_ANSWERED);
    }
    for (size_t i = 0; i < k->sent_count; i++) gp_put_z(out, k->sent[i].queue_id);
    return gp_said(out);
}

TEST(the_highest_goes_first_and_equals_as_they_came)
{
    static const char *const params[] = { "MT-PRIORITY=3",  "",       "MT-PRIORITY=3", "MT-PRIORITY=-9",
                                          "MT-PRIORITY=-1", "SIZE=0", "MT-PRIORITY=9", "MT-PRIORITY=0" };
    static const struct {
        unsigned    most;
        const char *order;
    } cases[] = {
        {9,  "gacbfhed"},
        { 2, "acgbfhed"},
        { 0, "abcfghed"},
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        char           room[64];
        struct gp_text out = GP_TEXT(room);
        struct kit    *k   = open_kit(cases[i].most);
        for (size_t m = 0; m < GP_COUNT(params); m++) commit(k, (const char[]) { (char)('a' + m), '\0' }, params[m]);
        CHECK_IS(order(k, &out), cases[i].order);
        kit_close(k);
    }
}

TEST(it_waits_for_its_time_and_outlives_the_process)
{
    char           room[64];
    struct gp_text out = GP_TEXT(room);
    struct kit    *k   = open_kit(9);
    commit(k, "late", "HOLDFOR=3600 MT-PRIORITY=9");
    commit(k, "bulk", "HOLDFOR=3600 MT-PRIORITY=-2");
    kit_turn(k);
    CHECK(k->sent_count == 0);
    kit_restart(k);
    kit_turn(k);
    CHECK(k->sent_count == 0);
    k->now += KIT_HOUR - 1;
    kit_turn(k);
    CHECK(k->sent_count == 0);
    k->now += 1;
    CHECK_IS(order(k, &out), "latebulk");
    CHECK(kit_count(k, "messages", "1") == 0);
    kit_close(k);
}

/* Where a next hop takes us again, whatever its priority. */
TEST(all_of_it_is_made_due)
{
    struct kit *k       = open_kit(9);
    size_t      changed = 0;
    commit(k, "high", "MT-PRIORITY=3");
    commit(k, "none", "");
    commit(k, "bulk", "MT-PRIORITY=-3");
    gp_time before = k->now - KIT_DAY; /* as if they were due in a day */
    CHECK(queue_make_due(k->queue->store, GP_LIT("example.net"), before, 2, &changed) == GP_OK && changed == 2);
    CHECK(queue_make_due(k->queue->store, GP_LIT("example.net"), before, 2, &changed) == GP_OK && changed == 1);
    CHECK(queue_make_due(k->queue->store, GP_LIT("example.net"), before, 2, &changed) == GP_OK && changed == 0);
    kit_close(k);
}

/* RFC 6710 4.6 */
TEST(a_report_is_as_urgent_as_what_it_is_about)
{
    static const struct {
        const char *params, *reports;
        int         priority;
    } rows[] = {
        {"BODY=8BITMIME MT-PRIORITY=3", "BODY=8BITMIME MT-PRIORITY=3", 3 },
        { "MT-PRIORITY=-4",             "MT-PRIORITY=-4",              -4},
        { "",                           "",                            0 },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char        where[64];
        struct kit *k = open_kit(9);
        commit(k, "abcd", rows[i].params);
        kit_turn(k);
        kit_answer_all(k, "3\t550\t5.1.1\tmx.example.net\tTLSv1.3\tno such user", HOST_ANSWERED);
        kit_turn(k);
        CHECK(k->sent_count == 2);
        CHECK_IS(gp_from(k->sent[1].params), rows[i].reports);
        (void)snprintf(where, sizeof where, "priority = %d", rows[i].priority);
        CHECK(kit_count(k, "recipients", where) == 1);
        kit_close(k);
    }
}
