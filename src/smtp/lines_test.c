/* The line reader alone: what is a line, and that no octet is looked at or moved more often than it must be. */
#include "check.h"
#include "smtp/lines.h"

#include <stdlib.h>
#include <string.h>

static char room[GP_SMTP_IN_ROOM];

static struct gp_lines fresh(void)
{
    struct gp_lines l = { 0 };
    gp_lines_lend(&l, room);
    return l;
}

TEST(only_cr_lf_ends_a_line)
{
    struct gp_lines l = fresh();
    gp_str          line;
    size_t          passed;
    CHECK(gp_lines_add(&l, GP_LIT("\r\na\nb\rc\r\r\nx")) == 11);
    CHECK(gp_lines_next(&l, 100, &line, &passed) == GP_OK);
    CHECK_IS(line, "");
    CHECK(gp_lines_next(&l, 100, &line, &passed) == GP_OK);
    CHECK_IS(line, "a\nb\rc\r");
    CHECK(gp_lines_next(&l, 100, &line, &passed) == GP_WAIT);
    CHECK_IS(gp_lines_rest(&l), "x");
}

TEST(the_limit_counts_cr_lf_and_an_over_long_line_is_swallowed_whole)
{
    struct gp_lines l = fresh();
    gp_str          line;
    size_t          passed = 0;
    (void)gp_lines_add(&l, GP_LIT("12345678\r\n123456789\r\n12345678901234\rx"));
    CHECK(gp_lines_next(&l, 10, &line, &passed) == GP_OK && line.len == 8);
    CHECK(gp_lines_next(&l, 10, &line, &passed) == GP_PERMFAIL && passed == 10);
    CHECK(gp_lines_next(&l, 10, &line, &passed) == GP_WAIT);
    CHECK(gp_lines_rest(&l).len == 0);
    (void)gp_lines_add(&l, GP_LIT("\r"));
    CHECK(gp_lines_next(&l, 99, &line, &passed) == GP_WAIT);
    (void)gp_lines_add(&l, GP_LIT("\nnext\r\n"));
    CHECK(gp_lines_next(&l, 99, &line, &passed) == GP_PERMFAIL && passed == 10); /* that of when it was passed */
    CHECK(gp_lines_next(&l, 99, &line, &passed) == GP_OK);
    CHECK_IS(line, "next");
}

TEST(nothing_is_searched_twice_and_little_is_moved)
{
    struct gp_lines l     = fresh();
    size_t          moved = 0, passed;
    gp_str          line;
    for (size_t i = 0; i < 4 * GP_SMTP_IN_ROOM; i++) {
        size_t start = l.start, unread = l.end - l.start;
        CHECK(gp_lines_add(&l, i % 5000 == 4999 ? GP_LIT("\n") : i % 5000 == 4998 ? GP_LIT("\r") : GP_LIT("x")) == 1);
        if (l.start < start) moved += unread;
        CHECK(l.searched + 1 >= l.end); /* all but the new one */
        CHECK(gp_lines_next(&l, GP_SMTP_AUTH_MOST, &line, &passed) != GP_PERMFAIL);
        CHECK(l.searched == l.end);
    }
    CHECK(moved <= 12 * GP_SMTP_IN_ROOM); /* three octets for each that came in, at most */
}

TEST(room_is_wiped_when_it_is_given_back)
{
    static const char nothing[GP_SMTP_IN_ROOM];
    struct gp_lines   l = fresh();
    memset(room, 0, sizeof room);
    for (size_t i = 0; i < 1000; i++) (void)gp_lines_add(&l, GP_LIT("secret "));
    gp_lines_took(&l, 5000);
    (void)gp_lines_add(&l, GP_LIT("more"));
    gp_lines_take_back(&l);
    CHECK(memcmp(room, nothing, sizeof room) == 0);
    CHECK(gp_lines_add(&l, GP_LIT("x")) == 0);
}
