/* Where and when: what is read, what is refused, and what is inside. */
#include "store/within.h"

#include <string.h>

#include "check.h"

/* clang-format off */
static const struct { const char *networks, *address; bool inside; } places[] = {
    { "192.0.2.7",                 "192.0.2.7",            true  },
    { "192.0.2.7",                 "192.0.2.8",            false },
    { "192.0.2.7",                 "::ffff:192.0.2.7",     true  },
    { "::ffff:192.0.2.7",          "192.0.2.7",            true  },
    { "10.0.0.0/8",                "10.255.0.1",           true  },
    { "10.0.0.0/8",                "11.0.0.1",             false },
    { "10.0.0.0/8",                "::ffff:10.1.2.3",      true  },
    { "::ffff:10.0.0.0/104",       "10.1.2.3",             true  },
    { "10.9.9.9/8",                "10.1.2.3",             true  }, /* what is beyond the prefix does not count */
    { "192.0.2.128/25",            "192.0.2.127",          false },
    { "192.0.2.128/25",            "192.0.2.128",          true  },
    { "192.0.2.0/31",              "192.0.2.1",            true  },
    { "192.0.2.0/31",              "192.0.2.2",            false },
    { "0.0.0.0/0",                 "203.0.113.9",          true  },
    { "0.0.0.0/0",                 "2001:db8::1",          false },
    { "::/0",                      "2001:db8::1",          true  },
    { "::/0",                      "192.0.2.1",            true  },
    { "2001:db8::/32",             "2001:db8:ffff::1",     true  },
    { "2001:db8::/32",             "2001:db9::1",          false },
    { "2001:db8::/33",             "2001:db8:8000::",      false },
    { "2001:DB8::1",               "2001:0db8:0:0::1",     true  },
    { "192.0.2.1, 10.0.0.0/8",     "10.0.0.1",             true  },
    { "192.0.2.1  10.0.0.0/8",     "192.0.2.1",            true  },
    { "",                          "192.0.2.1",            false },
    { "nonsense 192.0.2.1",        "192.0.2.1",            true  },
    { "192.0.2.1",                 "not an address",       false },
    { "192.0.2.1",                 "",                     false },
};
static const struct { const char *networks; bool good; } networks[] = {
    { "", true }, { " , ", true }, { "192.0.2.1", true }, { "192.0.2.0/24,2001:db8::/32", true }, { "0.0.0.0/0", true },
    { "192.0.2.1/33", false }, { "2001:db8::/129", false }, { "192.0.2.1/", false }, { "192.0.2.1/x", false }, { "/8", false },
    { "192.0.2", false }, { "192.0.2.256", false }, { "example.org", false }, { "192.0.2.1 x", false }, { "::1%lo", false },
    { "192.0.2.1/8/9", false }, { "192.0.2.1/-1", false },
};

enum { MON, TUE, WED, THU, FRI, SAT, SUN };
#define AT(h, m) ((h) * 60 + (m))
static const struct { const char *hours; unsigned weekday, minute; bool inside; } moments[] = {
    { "Mon-Fri 07:00-19:00",                    MON, AT( 7,  0), true  },
    { "Mon-Fri 07:00-19:00",                    MON, AT( 6, 59), false },
    { "Mon-Fri 07:00-19:00",                    FRI, AT(18, 59), true  },
    { "Mon-Fri 07:00-19:00",                    FRI, AT(19,  0), false },
    { "Mon-Fri 07:00-19:00",                    SAT, AT(12,  0), false },
    { "mon-fri 7:00-19:00",                     MON, AT( 7,  0), true  },
    { "Mon-Fri 07:00-19:00, Sat 08:00-12:00",   SAT, AT( 8,  0), true  },
    { "Mon-Fri 07:00-19:00 Sat 08:00-12:00",    SAT, AT(12,  0), false },
    { "Mon 08:00-12:00 13:00-17:00",            MON, AT(12, 30), false },
    { "Mon 08:00-12:00 13:00-17:00",            MON, AT(13,  0), true  },
    { "Mon, Wed, Fri 08:00-12:00",              WED, AT( 9,  0), true  },
    { "Mon, Wed, Fri 08:00-12:00",              TUE, AT( 9,  0), false },
    { "08:00-12:00",                            SUN, AT( 9,  0), true  },
    { "Sat-Sun",                                SUN, AT(23, 59), true  },
    { "Sat-Sun",                                MON, AT( 0,  0), false },
    { "Fri-Mon 10:00-11:00",                    SUN, AT(10, 30), true  },
    { "Fri-Mon 10:00-11:00",                    TUE, AT(10, 30), false },
    { "Fri 22:00-06:00",                        FRI, AT(22,  0), true  },
    { "Fri 22:00-06:00",                        SAT, AT( 5, 59), true  },
    { "Fri 22:00-06:00",                        SAT, AT( 6,  0), false },
    { "Fri 22:00-06:00",                        FRI, AT( 5,  0), false },
    { "Sun 22:00-06:00",                        MON, AT( 3,  0), true  },
    { "22:00-06:00",                            WED, AT( 0,  0), true  },
    { "Mon 00:00-24:00",                        MON, AT(23, 59), true  },
    { "Mon 12:00-00:00",                        MON, AT(23, 59), true  },
    { "Mon 12:00-00:00",                        TUE, AT( 0,  0), false },
    { "Mon 08:00-09:00 Tue",                    TUE, AT(20,  0), true  },
    { "",                                       MON, AT(12,  0), false },
};
static const struct { const char *hours; bool good; } hours[] = {
    { "", true }, { "Mon", true }, { "Mon-Fri 07:00-19:00, Sat 08:00-12:00", true }, { "07:00-19:00", true }, { "Sun-Sat", true },
    { "Monday 07:00-19:00", false }, { "07-19", false }, { "Mon 07:00", false }, { "Mon 19:00-19:00", false },
    { "Mon 24:00-25:00", false }, { "Mon 24:00-08:00", false }, { "Mon 07:60-08:00", false }, { "Mon 7:0-8:00", false },
    { "Mon 07:00-24:01", false }, { "Mon- 07:00-08:00", false }, { "-Mon", false }, { "Mon-Tue-Wed", false }, { "x", false },
    { "Mon 07:00-08:00-09:00", false }, { "Mon 007:00-08:00", false },
};
/* clang-format on */

TEST(an_address_is_in_a_network_or_not)
{
    for (size_t i = 0; i < GP_COUNT(places); i++) {
        print_message("%s in %s\n", places[i].address, places[i].networks);
        CHECK(networks_have(gp_from(places[i].networks), gp_from(places[i].address)) == places[i].inside);
    }
}

TEST(networks_are_read_strictly)
{
    for (size_t i = 0; i < GP_COUNT(networks); i++) {
        const char *why = NULL;
        print_message("%s\n", networks[i].networks);
        CHECK(networks_are_good(gp_from(networks[i].networks), &why) == networks[i].good && why);
    }
}

TEST(a_moment_is_in_hours_or_not)
{
    for (size_t i = 0; i < GP_COUNT(moments); i++) {
        struct hours_moment m = { moments[i].weekday, moments[i].minute };
        print_message("%u %u in %s\n", m.weekday, m.minute, moments[i].hours);
        CHECK(hours_have(gp_from(moments[i].hours), m) == moments[i].inside);
    }
}

TEST(hours_are_read_strictly)
{
    for (size_t i = 0; i < GP_COUNT(hours); i++) {
        const char *why = NULL;
        print_message("%s\n", hours[i].hours);
        CHECK(hours_are_good(gp_from(hours[i].hours), &why) == hours[i].good && why);
    }
}

/* What is good and not empty has some moment of the week. */
PROPERTY(good_hours_are_some_hours, bytes)
{
    const char *why;
    bool        any = false, blank = true;
    if (!hours_are_good(bytes, &why)) return;
    for (unsigned day = MON; day <= SUN && !any; day++)
        for (unsigned minute = 0; minute < HOURS_DAY && !any; minute++)
            any = hours_have(bytes, (struct hours_moment) { day, minute });
    for (size_t i = 0; i < bytes.len; i++) blank &= bytes.ptr[i] == ' ' || bytes.ptr[i] == ',';
    CHECK(any || blank);
}

PROPERTY(a_good_network_has_its_own_address, bytes)
{
    const char *why;
    if (!networks_are_good(bytes, &why)) return;
    gp_str rest = bytes, word = gp_cut(&rest, ' ');
    gp_str address = gp_cut(&word, '/');
    CHECK(address.len == 0 || gp_find(address, ',') < address.len || networks_have(bytes, address));
}
