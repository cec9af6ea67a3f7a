/* Each restriction alone, those of the account, and what the log says of them. */
#include "store/judge.h"

#include <string.h>

#include "check.h"

enum { NOW = 1000000000, MINUTE_OF_NOON = 12 * 60 };

/* clang-format off */
static const struct {
    const char *account_mechanisms, *mechanisms, *listeners, *networks, *hours; gp_time expires, retires; bool disabled;
    const char *why; /* NULL: it may */
} rows[] = {
    { "", "", "", "", "",                                     0, 0, false, NULL },
    { "", "PLAIN", "", "", "",                                0, 0, false, NULL },
    { "", "plain LOGIN", "", "", "",                          0, 0, false, NULL },
    { "", "SCRAM-SHA-256 LOGIN", "", "", "",                  0, 0, false,
      "credential 'printer-2f' may not be used with PLAIN: allowed SCRAM-SHA-256 LOGIN" },
    { "PLAIN", "", "", "", "",                                0, 0, false, NULL },
    { "SCRAM-SHA-256", "", "", "", "",                        0, 0, false,
      "the account may not be used with PLAIN: allowed SCRAM-SHA-256" },
    { "SCRAM-SHA-256", "PLAIN", "", "", "",                   0, 0, false,
      "the account may not be used with PLAIN: allowed SCRAM-SHA-256" },
    { "", "", "office lobby", "", "",                         0, 0, false, NULL },
    { "", "", "lobby", "", "",                                0, 0, false,
      "credential 'printer-2f' may not be used at the listener office: allowed lobby" },
    { "", "", "", "192.0.2.0/24", "",                         0, 0, false, NULL },
    { "", "", "", "10.0.0.0/8", "",                           0, 0, false,
      "credential 'printer-2f' may not be used from 192.0.2.9: allowed 10.0.0.0/8" },
    { "", "", "", "", "Wed 11:00-13:00",                      0, 0, false, NULL },
    { "", "", "", "", "Wed 13:00-14:00",                      0, 0, false,
      "credential 'printer-2f' may not be used at this time of the week: allowed Wed 13:00-14:00" },
    { "", "", "", "", "nonsense",                             0, 0, false, /* what cannot be read allows nothing */
      "credential 'printer-2f' may not be used at this time of the week: allowed nonsense" },
    { "", "", "", "", "",                           NOW + 1,  0, false, NULL },
    { "", "", "", "", "",                               NOW,  0, false, "credential 'printer-2f' is expired" },
    { "", "", "", "", "",                                 0, NOW + 1, false, NULL },
    { "", "", "", "", "",                                 0, NOW, false, "credential 'printer-2f' is replaced by another" },
    { "", "", "", "10.0.0.0/8", "",                       0,   0, true,  "the account is disabled" },
};
/* clang-format on */

static const struct circumstances here = {
    .mechanism = {"PLAIN",      5             },
    .listener  = { "office",    6             },
    .address   = { "192.0.2.9", 9             },
    .now       = NOW,
    .local     = { 2,           MINUTE_OF_NOON}
};

static void put(const char *text, char *room, size_t size)
{
    CHECK(gp_copy_z(gp_from(text), room, size));
}

TEST(each_restriction_is_judged_and_named)
{
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char              room[JUDGE_TEXT];
        struct gp_text    why     = GP_TEXT(room);
        struct account    account = { .disabled = rows[i].disabled };
        struct credential c       = { .id = 7, .label = "printer-2f", .retires = rows[i].retires };
        put(rows[i].account_mechanisms, account.mechanisms, sizeof(account.mechanisms));
        put(rows[i].mechanisms, c.limits.mechanisms, sizeof(c.limits.mechanisms));
        put(rows[i].listeners, c.limits.listeners, sizeof(c.limits.listeners));
        put(rows[i].networks, c.limits.networks, sizeof(c.limits.networks));
        put(rows[i].hours, c.limits.hours, sizeof(c.limits.hours));
        c.limits.expires = rows[i].expires;
        bool may         = judge(&account, &c, &here, &why);
        CHECK(may == !rows[i].why);
        if (!may) CHECK_IS(gp_said(&why), rows[i].why);
    }
}

TEST(a_mechanism_that_binds_the_channel_is_allowed_with_the_one_that_does_not)
{
    struct account       account = { .id = 1 };
    struct circumstances bound   = here;
    bound.mechanism              = GP_LIT("SCRAM-SHA-256-PLUS");
    static const struct {
        const char *allowed;
        bool        may;
    } cases[] = {
        {"SCRAM-SHA-256",       true },
        { "SCRAM-SHA-256-PLUS", true },
        { "SCRAM-SHA-1",        false},
        { "SCRAM-SHA-1-PLUS",   false},
        { "PLAIN",              false}
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        char              room[JUDGE_TEXT];
        struct gp_text    why = GP_TEXT(room);
        struct credential c   = { .id = 7 };
        put(cases[i].allowed, c.limits.mechanisms, sizeof(c.limits.mechanisms));
        CHECK(judge(&account, &c, &bound, &why) == cases[i].may);
    }
    char              room[JUDGE_TEXT];
    struct gp_text    why = GP_TEXT(room);
    struct credential c   = { .id = 7, .limits = { .mechanisms = "SCRAM-SHA-256-PLUS" } };
    bound.mechanism       = GP_LIT("SCRAM-SHA-256");
    CHECK(!judge(&account, &c, &bound, &why)); /* who insists on binding gets it */
    CHECK_IS(gp_said(&why), "credential 7 may not be used with SCRAM-SHA-256: allowed SCRAM-SHA-256-PLUS");
}

TEST(a_list_too_long_for_a_line_is_not_cut_in_its_middle)
{
    char              room[JUDGE_TEXT];
    struct gp_text    why     = GP_TEXT(room);
    struct account    account = { .id = 1 };
    struct credential c       = { .id = 7 };
    for (size_t i = 0; i + 9 < sizeof(c.limits.networks); i += 9) memcpy(c.limits.networks + i, "10.0.0.1 ", 9);
    CHECK(!judge(&account, &c, &here, &why));
    CHECK_IS(gp_said(&why), "credential 7 may not be used from 192.0.2.9: allowed are others");
}

TEST(what_was_made_for_old_devices_works_where_those_are_answered_and_nothing_else_does)
{
    static const struct {
        bool        legacy, lane;
        const char *why;
    } cases[] = {
        {false,  false, NULL},
        { true,  true,  NULL},
        { true,  false,
         "credential 'printer-2f' was made for old devices, and may not be used at the listener office, which is of another "
          "kind than legacy"},
        { false, true,
         "credential 'printer-2f' was not made for old devices (--legacy), and may not be used at the listener office, which "
          "is for those"    },
    };
    struct account account = { .id = 1 };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        char                 room[JUDGE_TEXT];
        struct gp_text       why = GP_TEXT(room);
        struct circumstances at  = here;
        struct credential    c   = { .id = 7, .label = "printer-2f", .limits = { .legacy = cases[i].legacy } };
        at.lane                  = cases[i].lane;
        CHECK(judge(&account, &c, &at, &why) == !cases[i].why);
        if (cases[i].why) CHECK_IS(gp_said(&why), cases[i].why);
        /* Whatever else it allows: that is asked besides. */
        put("192.0.2.9", c.limits.networks, sizeof(c.limits.networks));
        CHECK(judge(&account, &c, &at, &why) == !cases[i].why);
    }
}
