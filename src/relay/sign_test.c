/* Large messages: hashed and signed once for all their destinations, in portions between which other mail moves. */
#include "relay/hop_kit.h"

enum { HUGE_ONE = 64 * 1024 * 1024, LARGE = 1024 * 1024, LONG = 19000 };
#define HEADER   "From: ada@example.org\r\n\r\n"
#define UNSIGNED "SIZE=1048576\n"

static struct bench *bench_that_signs(void)
{
    struct bench *b     = bench_open();
    b->config.dkim.sign = true;
    b->has_key          = true;
    b->signature        = "signature";

    b->config.relay.command_timeout = LONG;
    SCRIPTS(b, { .ehlo = "250-mx\r\n250 SIZE 99000000", .mail = "550 5.7.1 no" });
    return b;
}

/* Until so many are answered. */
static void until(struct bench *b, size_t answers)
{
    size_t open = b->open;
    b->open     = answers;
    rest(b, LONG);
    CHECK(b->open == 0);
    b->open = open - answers;
}

static size_t without_a_hop(const struct bench *b)
{
    size_t count = 0;
    for (const struct delivery *d = b->relay.deliveries; d; d = d->next) count += !d->hop;
    return count;
}

TEST(a_small_message_passes_large_ones_that_are_hashed)
{
    struct bench *b = bench_that_signs();
    for (unsigned i = 0; i < 3; i++) ask_large(b, "a@x\t\n", "large", HEADER, HUGE_ONE);
    ask_large(b, "b@x\t\n", "other", HEADER, HUGE_ONE);
    ask(b, "c@x\t\n", HEADER "x\r\n");
    until(b, 1);
    CHECK(holds(heard(b, 0), "MAIL") && without_a_hop(b) == 4 && b->dkim_signatures == 1);
    until(b, 4);
    CHECK(b->dkim_signatures == 3); /* of the small one, and of each large one */
    bench_close(b);
}

TEST(what_was_signed_serves_later_deliveries_while_its_keys_are_the_same)
{
    struct bench *b = bench_that_signs();
    for (unsigned i = 0; i < 3; i++) {
        ask_large(b, "a@x\t\n", "large", HEADER, LARGE);
        until(b, 1);
        results_are(b, "3 550");
    }
    CHECK(b->dkim_signatures == 1 && !holds(heard(b, 0), UNSIGNED));
    b->has_key = false;
    ask_large(b, "a@x\t\n", "large", HEADER, LARGE);
    until(b, 1);
    CHECK(b->dkim_signatures == 1 && holds(heard(b, 0), UNSIGNED));
    b->has_key = true;
    ask_large(b, "a@x\t\n", "large", HEADER, LARGE);
    until(b, 1);
    ask_large(b, "a@x\t\n", "large", HEADER, LARGE + 1); /* another one */
    until(b, 1);
    CHECK(b->dkim_signatures == 3);
    bench_close(b);
}

TEST(what_could_not_be_signed_is_tried_again)
{
    static const struct {
        gp_status   keys, signing;
        const char *results, *signature;
    } rows[] = {
        {GP_OK,        GP_OK,       "3 550", "" },
        { GP_OK,       GP_TEMPFAIL, "2 0",   "x"},
        { GP_TEMPFAIL, GP_OK,       "2 0",   "x"},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct bench *b = bench_that_signs();
        b->keys_are     = rows[i].keys;
        b->signing      = rows[i].signing;
        b->signature    = rows[i].signature;
        for (unsigned k = 0; k < 2; k++) ask_large(b, "a@x\t\n", "large", HEADER, LARGE);
        until(b, 2);
        results_are(b, rows[i].results);
        unsigned asked = b->dkim_signatures;
        b->keys_are = b->signing = GP_OK;
        b->signature             = "signature";
        ask_large(b, "a@x\t\n", "large", HEADER, LARGE);
        until(b, 1);
        results_are(b, "3 550");
        CHECK(b->dkim_signatures == asked + 1);
        bench_close(b);
    }
}

/* Those that wait read one after the other where one goes. */
TEST(the_others_are_signed_where_the_first_goes_in_the_middle)
{
    struct bench *b = bench_that_signs();
    for (unsigned i = 0; i < 3; i++) ask_large(b, "a@x\t\n", "large", HEADER, HUGE_ONE);
    rest(b, 5);
    for (unsigned i = 0; i < 2; i++) {
        struct delivery *d = b->relay.deliveries;
        CHECK(d && !d->hop);
        delivery_settle_rest(d, (struct result) { .status = GP_TEMPFAIL });
        delivery_finish(d);
    }
    until(b, 3);
    results_are(b, "3 550");
    CHECK(b->dkim_signatures == 1);
    bench_close(b);
}

TEST(nothing_is_left_where_all_go_in_the_middle)
{
    struct bench *b = bench_that_signs();
    for (unsigned i = 0; i < 3; i++) ask_large(b, "a@x\t\n", "large", HEADER, HUGE_ONE);
    rest(b, 5);
    delivery_abandon_all(&b->relay);
    CHECK(!b->relay.signings && !b->relay.turns);
    bench_close(b);
}

TEST(the_oldest_signatures_give_way)
{
    struct bench *b = bench_that_signs();
    for (unsigned i = 0; i < 34; i++) {
        char           id[8];
        struct gp_text text = GP_TEXT(id);
        gp_put_number(&text, i);
        gp_put_char(&text, '\0');
        ask_large(b, "a@x\t\n", id, HEADER, LARGE);
        until(b, 1);
    }
    ask_large(b, "a@x\t\n", "33", HEADER, LARGE);
    until(b, 1);
    CHECK(b->dkim_signatures == 34);
    ask_large(b, "a@x\t\n", "0", HEADER, LARGE);
    until(b, 1);
    CHECK(b->dkim_signatures == 35);
    bench_close(b);
}

/* Another one that is to be converted to 7 bits waits at its next hop meanwhile. */
TEST(a_small_message_passes_one_that_is_converted)
{
    for (unsigned signs = 0; signs < 2; signs++) {
        struct bench *b     = bench_that_signs();
        b->config.dkim.sign = signs;
        ask_large(b, "a@x\t\n", "large", HEADER "\xc3\xbc\r\n", 8 * LARGE);
        for (unsigned i = 0; i < 1000 && !(b->relay.deliveries && b->relay.deliveries->seven.gp); i++) rest(b, 5);
        ask(b, "c@x\t\n", HEADER "x\r\n");
        until(b, 1);
        struct delivery *d = b->relay.deliveries;
        CHECK(d && !d->next && d->hop && d->seven.gp && d->seven.state != SEVEN_DONE);
        until(b, 1);
        results_are(b, "3 550");
        CHECK(b->caller_count == 2 && holds(heard(b, 0), "SIZE=26172"));
        bench_close(b);
    }
}
