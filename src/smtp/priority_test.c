/* MT-PRIORITY alone: what is a priority, and how a server gives less than was asked for. */
#include "check.h"
#include "smtp/smtp.h"

TEST(a_priority_is_a_digit_and_perhaps_a_sign)
{
    static const char *const wrong[]  = { "", "-", "+1", "10", "-10", "-0", "a", "1 ", "--1", "01" };
    int                      priority = 42;
    for (char digit = '0'; digit <= '9'; digit++) {
        const char text[] = { '-', digit, '\0' };
        CHECK(gp_read_priority(gp_from(text + 1), &priority) && priority == digit - '0');
        CHECK(gp_read_priority(gp_from(text), &priority) == (digit != '0') &&
              (digit == '0' || priority == '0' - digit));
    }
    for (size_t i = 0; i < GP_COUNT(wrong); i++)
        if (gp_read_priority(gp_from(wrong[i]), &priority)) fail_msg("'%s' was taken", wrong[i]);
}

TEST(what_is_more_than_is_given_is_lowered_and_all_else_kept)
{
    /* clang-format off */
    static const struct { const char *asked; int most; const char *given; bool lowered; } rows[] = {
        { "",                               0, "",                               false },
        { "SIZE=10 ENVID=x",                0, "SIZE=10 ENVID=x",                false },
        { "SIZE=10 MT-PRIORITY=9 ENVID=x",  0, "SIZE=10 MT-PRIORITY=0 ENVID=x",  true  },
        { "MT-PRIORITY=9",                  4, "MT-PRIORITY=4",                  true  },
        { "MT-PRIORITY=4",                  4, "MT-PRIORITY=4",                  false },
        { "MT-PRIORITY=-9 BODY=8BITMIME",   0, "MT-PRIORITY=-9 BODY=8BITMIME",   false },
    };
    /* clang-format on */
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char           room[64];
        struct gp_text out = GP_TEXT(room);
        CHECK(gp_lower_priority(gp_from(rows[i].asked), rows[i].most, &out) == rows[i].lowered);
        CHECK_IS(gp_said(&out), rows[i].given);
        CHECK(gp_priority(gp_said(&out)) <= rows[i].most);
    }
}
