/* Reports of TLS under a clock that the test turns: sent once, whatever dies, tried again for a day, and then given up. */
#include "queue/reports.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "queue/role_kit.h"

static void saw(struct kit *k, const char *domain, const char *result)
{
    struct msg m = MSG(TLS_SEEN);
    m.tls_seen   = (struct msg_tls_seen) { .domain = gp_from(domain),
                                           .policy = GP_LIT("sts"),
                                           .text   = GP_LIT("version: STSv1\n"),
                                           .host   = GP_LIT("mx.b.example"),
                                           .from   = GP_LIT(""),
                                           .to     = GP_LIT(""),
                                           .result = gp_from(result),
                                           .reason = GP_LIT("") };
    tls_results_take(k->queue, &m, k->now);
    tls_results_write(k->queue, k->now);
    kit_turn(k);
}

static void let(struct kit *k, gp_time ms)
{
    k->now += ms;
    reports_look(k->queue, k->now);
    kit_turn(k);
}

/* One domain of whose TLS something was seen, and the day is over for long enough. */
static struct kit *open_with(bool due)
{
    struct kit *k                 = kit_open();
    k->config.tls_reports.collect = k->config.tls_reports.send = true;
    CHECK(gp_copy_z(GP_LIT("example.org"), k->config.tls_reports.organization,
                    sizeof k->config.tls_reports.organization));
    CHECK(gp_copy_z(GP_LIT("tls@example.org"), k->config.tls_reports.contact, sizeof k->config.tls_reports.contact));
    k->now -= k->now % KIT_DAY;
    kit_restart(k);
    saw(k, "b.example", "");
    saw(k, "b.example", "certificate-expired");
    let(k, KIT_DAY - 1);
    CHECK(k->asked_count == 0);
    if (due) let(k, 5 * KIT_HOUR);
    return k;
}

static void ways_are(struct kit *k, gp_status status, bool is_signed, const char *ways)
{
    struct msg m = MSG(REPORT_WAYS);
    CHECK(k->asked_count && k->questions[0].type == MSG_REPORT_FIND);
    CHECK_IS(k->questions[0].report_find.domain, "b.example");
    CHECK_IS(k->questions[0].report_find.from, "example.org");
    m.report_ways = (struct msg_report_ways) {
        .status = (uint64_t)status, .is_signed = is_signed, .ways = gp_from(ways), .why = GP_LIT("so it is")
    };
    kit_answer_report(k, &m);
}

static void posted(struct kit *k, gp_status status, const char *uri)
{
    struct msg m = MSG(POSTED);
    CHECK(k->asked_count && k->questions[0].type == MSG_REPORT_POST);
    CHECK_IS(k->questions[0].report_post.uri, uri);
    m.posted = (struct msg_posted) { .status = (uint64_t)status, .why = GP_LIT("its answer: 500") };
    kit_answer_report(k, &m);
}

static bool is(struct kit *k, const char *state_and_more)
{
    return kit_count(k, "tls_days", state_and_more) == 1;
}

TEST(a_report_goes_as_mail_once)
{
    struct kit *k = open_with(true);
    ways_are(k, GP_OK, true, "mailto:a@b.example\nmailto:c@d.example\n");
    CHECK(k->sent_count == 2); /* to two destinations */
    CHECK_IS(gp_from(k->sent[0].sender), "");
    CHECK_IS(gp_from(k->sent[0].params), "");
    CHECK(strstr(k->sent[0].body, "\r\nTLS-Required: No\r\n") &&
          strstr(k->sent[0].body, "\r\nFrom: <tls@example.org>\r\n"));
    CHECK(kit_count(k, "messages", "1") == 1 && is(k, "state = 1 AND told = 'a@b.example, c@d.example'"));
    kit_restart(k);
    let(k, KIT_HOUR);
    CHECK(k->asked_count == 0 && kit_count(k, "messages", "1") == 1);
    kit_close(k);
}

TEST(nobody_is_told_of_a_day_that_goes_on_or_where_no_report_is_wanted)
{
    struct kit *k = open_with(false);
    let(k, KIT_HOUR / 2 - KIT_MINUTE); /* half an hour at least, that no two begin at the same time */
    CHECK(k->asked_count == 0);
    let(k, 5 * KIT_HOUR);
    ways_are(k, GP_PERMFAIL, false, "");
    CHECK(is(k, "state = 2 AND told = 'so it is'"));
    let(k, KIT_DAY);
    CHECK(k->asked_count == 0);
    kit_close(k);
}

TEST(without_a_key_nothing_goes_by_mail)
{
    struct kit *k = open_with(true);
    ways_are(k, GP_OK, false, "mailto:a@b.example\n");
    CHECK(k->sent_count == 0 &&
          is(k, "state = 0 AND tries = 1 AND told LIKE '%example.org has no DKIM key%gatepost dkim new%'"));
    let(k, KIT_HOUR); /* somebody has made one meanwhile */
    ways_are(k, GP_OK, true, "mailto:a@b.example\n");
    CHECK(k->sent_count == 1 && is(k, "state = 1"));
    kit_close(k);
}

TEST(one_way_is_enough)
{
    struct kit *k = open_with(true);
    ways_are(k, GP_OK, true, "https://one.example/\nmailto:a@b.example\nhttps://two.example/\n");
    posted(k, GP_TEMPFAIL, "https://one.example/");
    posted(k, GP_OK, "https://two.example/");
    CHECK(k->sent_count == 1 && is(k, "state = 1 AND told = 'https://two.example/, a@b.example'"));
    kit_close(k);
}

TEST(what_fails_is_tried_for_a_day_and_given_up)
{
    unsigned    tries = 0;
    struct kit *k     = open_with(true);
    gp_time     from  = k->now;
    while (is(k, "state = 0")) {
        if (k->asked_count) {
            ways_are(k, tries ? GP_OK : GP_TEMPFAIL, true, "https://one.example/\n");
            if (tries) posted(k, GP_TEMPFAIL, "https://one.example/");
            tries++;
        }
        let(k, KIT_MINUTE);
        CHECK(k->now < from + 3 * KIT_DAY);
    }
    CHECK(tries > 5 && tries < 20 && k->now > from + 20 * KIT_HOUR && k->now < from + 25 * KIT_HOUR);
    CHECK(is(k, "state = 3 AND told = 'its answer: 500'") && kit_count(k, "messages", "1") == 0);
    kit_close(k);
}

static void name_of(const struct kit *k, char out[static 1024])
{
    z_stream z = { 0 };
    gp_str   b = k->questions[0].report_post.body;
    CHECK(inflateInit2(&z, MAX_WBITS + 16) == Z_OK);
    z.next_in = (Bytef *)(uintptr_t)b.ptr, z.avail_in = (uInt)b.len, z.next_out = (Bytef *)out, z.avail_out = 1023;
    CHECK(inflate(&z, Z_FINISH) == Z_STREAM_END);
    out[1023 - z.avail_out] = '\0';
    (void)inflateEnd(&z);
}

TEST(after_a_crash_it_is_the_same_report)
{
    char        first[1024], again[1024];
    struct kit *k = open_with(true);
    ways_are(k, GP_OK, true, "https://one.example/\n");
    name_of(k, first);
    kit_restart(k);
    let(k, KIT_HOUR);
    ways_are(k, GP_OK, true, "https://one.example/\n");
    name_of(k, again);
    CHECK_IS(gp_from(again), first);
    CHECK(strstr(first, ".b.example@mail.example.org\"") && strstr(first, "\"total-failure-session-count\":1"));
    posted(k, GP_OK, "https://one.example/");
    CHECK(is(k, "state = 1 AND tries = 1"));
    kit_close(k);
}

TEST(a_relay_that_dies_costs_no_try)
{
    struct kit *k = open_with(true);
    kit_answer_report(k, NULL);
    CHECK(is(k, "state = 0 AND tries = 0"));
    let(k, KIT_MINUTE);
    ways_are(k, GP_OK, true, "https://one.example/\n");
    kit_answer_report(k, NULL);
    CHECK(is(k, "state = 0 AND tries = 0"));
    k->queue->relay_there = false;
    let(k, KIT_MINUTE);
    CHECK(k->asked_count == 0);
    kit_close(k);
}

/* What was sent and cannot be noted would be sent again each second. */
TEST(while_the_store_takes_nothing_nothing_is_sent)
{
    static const char *const others[] = { "c.example", "d.example", "e.example", "f.example" };
    struct msg               m        = MSG(REPORT_WAYS);
    struct kit              *k        = open_with(false);
    m.report_ways                     = (struct msg_report_ways) { .status = GP_TEMPFAIL,
                                                                   .ways   = GP_LIT(""),
                                                                   .why    = GP_LIT("the DNS does not answer") };
    k->now -= KIT_DAY - 1;
    for (size_t i = 0; i < GP_COUNT(others); i++) saw(k, others[i], "");
    let(k, KIT_DAY + 5 * KIT_HOUR);
    CHECK(k->asked_count == REPORTS_AT_A_TIME);
    CHECK(database_script(
              queue_database(k->queue->store),
              "CREATE TEMP TRIGGER full BEFORE UPDATE ON tls_days BEGIN SELECT RAISE(ABORT, 'full'); END") == GP_OK);
    kit_answer_report(k, &m);
    let(k, 1000);
    CHECK(k->asked_count == REPORTS_AT_A_TIME - 1);
    let(k, KIT_MINUTE);
    CHECK(k->asked_count == REPORTS_AT_A_TIME);
    kit_close(k);
}

TEST(what_was_away_too_long_is_given_up_unasked)
{
    struct kit *k = open_with(false);
    let(k, 3 * KIT_DAY);
    CHECK(k->asked_count == 0 && is(k, "state = 3 AND told = 'too late'"));
    kit_close(k);
}

TEST(so_many_are_under_way_at_a_time_and_all_get_their_turn)
{
    enum { DOMAINS = 3 * REPORTS_AT_A_TIME };
    struct kit *k = open_with(false);
    char        name[32];
    k->now -= KIT_HOUR;
    for (int i = 1; i < DOMAINS; i++) {
        (void)snprintf(name, sizeof name, "d%d.example", i);
        saw(k, name, "");
    }
    let(k, KIT_HOUR + 5 * KIT_HOUR);
    for (int i = 0; i < DOMAINS; i++) {
        struct msg m = MSG(REPORT_WAYS);
        if (!k->asked_count) let(k, SECOND);
        CHECK(k->asked_count > 0 && k->asked_count <= REPORTS_AT_A_TIME);
        m.report_ways = (struct msg_report_ways) { .status = GP_PERMFAIL, .ways = GP_LIT(""), .why = GP_LIT("no") };
        kit_answer_report(k, &m);
    }
    CHECK(kit_count(k, "tls_days", "state = 2") == DOMAINS);
    kit_close(k);
}
