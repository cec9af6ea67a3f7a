/* A listener for old devices: who is let in, to whom they may write, and what they hear of it. */
#include "check.h"
#include "policy/lane.h"

static const struct legacy_lane lane = { .networks          = "10.1.0.0/16 192.0.2.7 2001:db8:1::/48",
                                         .domains           = "example.org example.net",
                                         .messages_per_hour = 2 };

TEST(a_network_that_is_nearly_everybody_is_refused)
{
    static const struct {
        const char *text;
        bool        good;
    } cases[] = {
        {"10.0.0.0/8",      true },
        { "192.168.4.0/24", true },
        { "192.0.2.7",      true },
        { "fd00::/8",       true },
        { "2001:db8::/48",  true },
        { "0.0.0.0/0",      false},
        { "::/0",           false},
        { "0.0.0.0/1",      false},
        { "128.0.0.0/1",    false},
        { "8.0.0.0/7",      false},
        { "::/8",           false},
        { "2000::/3",       false},
        { "::ffff:0:0/96",  false},
        { "::ffff:0:0/95",  false},
        { "*",              false},
        { "",               false},
        { "printers",       false},
        { "10.0.0.0/33",    false},
        { "0::/64",         false},
    };
    const char *why;
    for (size_t i = 0; i < GP_COUNT(cases); i++)
        if (lane_network_is_good(gp_from(cases[i].text), &why) != cases[i].good) fail_msg("%s", cases[i].text);
}

TEST(only_the_networks_are_admitted)
{
    static const struct {
        const char *address;
        bool        in;
    } cases[] = {
        {"10.1.2.3",         true },
        { "10.2.0.1",        false},
        { "192.0.2.7",       true },
        { "192.0.2.8",       false},
        { "::ffff:10.1.2.3", true },
        { "2001:db8:1:2::3", true },
        { "2001:db8:2::1",   false},
        { "",                false},
        { "unix",            false},
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++)
        if (lane_admits(&lane, gp_from(cases[i].address)) != cases[i].in) fail_msg("%s", cases[i].address);
}

TEST(only_the_domains_are_written_to_and_nobody_is_shown_a_way_on)
{
    static const struct {
        const char *recipient;
        bool        taken;
    } cases[] = {
        {"anna@example.org",                     true },
        { "anna@EXAMPLE.net",                    true },
        { "anna+scan@example.org",               true },
        { "\"anna b\"@example.org",              true },
        { "anna@example.com",                    false},
        { "anna@sub.example.org",                false},
        { "anna@notexample.org",                 false},
        { "anna@example.org.evil.example",       false},
        { "victim%evil.example@example.org",     false},
        { "evil.example!victim@example.org",     false},
        { "\"victim@evil.example\"@example.org", false},
        { "victim@example.org@evil.example",     false},
        { "@evil.example:victim@example.org",    false},
        { "anna@[10.0.0.1]",                     false},
        { "example.org",                         false},
        { "postmaster",                          false},
        { "",                                    false},
        { "anna@",                               false},
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++)
        if (lane_takes(&lane, gp_from(cases[i].recipient)) != cases[i].taken) fail_msg("%s", cases[i].recipient);
}

TEST(a_no_says_where_it_may_go)
{
    char           room[300];
    struct gp_text text = GP_TEXT(room);
    lane_put_no(&lane, GP_LIT("a@example.com"), &text);
    CHECK_IS(gp_said(&text), "this listener for old devices takes mail to these domains only: example.org, example.net;"
                             " ask the administrator");
    text.len = 0;
    lane_put_no(&lane, GP_LIT("a%b@example.org"), &text);
    CHECK_IS(gp_said(&text), "this listener for old devices takes no address with % ! : or @ before its domain");
}

TEST(its_rate_is_a_side_of_the_limits)
{
    struct limit_rules rules = lane_rules(&lane);
    struct limit_usage usage = { 0 };
    struct limit_sides sides = { { [LIMIT_LANE] = { &rules, &usage } } };
    struct limit_cost  one   = { { [LIMIT_MESSAGES] = 1 } };
    struct limit_hit   hit;
    char               room[200];
    struct gp_text     text = GP_TEXT(room);
    for (int i = 0; i < 2; i++) {
        CHECK(limits_fit(&sides, &one, 1000, &hit));
        limits_charge(&sides, &one, 1000);
    }
    CHECK(!limits_fit(&sides, &one, 1000, &hit));
    CHECK(limit_say(&text, &hit).code == 451);
    CHECK_IS(gp_said(&text), "too many messages for this device, try again in 30 minutes");
}

PROPERTY(what_a_device_may_write_to_ends_at_a_listed_domain_and_nowhere_else, bytes)
{
    size_t at = gp_find(bytes, '@');
    if (!lane_takes(&lane, bytes)) return;
    gp_str domain = gp_tail(bytes, at + 1);
    CHECK(gp_is(domain, "example.org") || gp_is(domain, "example.net"));
    CHECK(gp_find(gp_head(bytes, at), '%') == at && gp_find(gp_head(bytes, at), '!') == at);
}
