/* Addresses and networks, as people write them and as policies count them. */
#include "policy/place.h"

#include "check.h"

static gp_str shown(const char *text, unsigned bits)
{
    static char    room[PLACE_TEXT];
    struct gp_text out = GP_TEXT(room);
    struct place   p;
    CHECK(place_read(gp_from(text), &p));
    p = place_around(&p, bits);
    place_put(&out, &p);
    return gp_said(&out);
}

TEST(places_are_shown_as_they_are_read)
{
    static const struct {
        const char *text, *shown;
    } rows[] = {
        {"192.0.2.7",          "192.0.2.7"    },
        { "10.1.2.3/8",        "10.0.0.0/8"   },
        { "192.0.2.7/32",      "192.0.2.7"    },
        { "::ffff:192.0.2.7",  "192.0.2.7"    },
        { "0.0.0.0/0",         "0.0.0.0/0"    },
        { "2001:db8::5",       "2001:db8::5"  },
        { "2001:DB8:1::/47",   "2001:db8::/47"},
        { "::/0",              "::/0"         },
        { "::ffff:0.0.0.0/96", "0.0.0.0/0"    },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) CHECK_IS(shown(rows[i].text, PLACE_BITS), rows[i].shown);
    CHECK_IS(shown("192.0.2.7", PLACE_V4_AT + 24), "192.0.2.0/24");
    CHECK_IS(shown("2001:db8:1:2:3::", 64), "2001:db8:1:2::/64");
}

TEST(what_is_no_place_is_not_read)
{
    static const char *const rows[] = { "",           "local",        "192.0.2",       "192.0.2.7/33", "192.0.2.7/",
                                        "2001::/129", "192.0.2.7/-1", "192.0.2.7/8/8", "fe80::1%eth0" };
    struct place             p;
    for (size_t i = 0; i < GP_COUNT(rows); i++) CHECK(!place_read(gp_from(rows[i]), &p));
}

TEST(networks_cover_what_is_in_them)
{
    struct place network, p;
    CHECK(place_read(GP_LIT("10.0.0.0/8"), &network) && place_read(GP_LIT("10.255.0.1"), &p));
    CHECK(place_covers(&network, &p) && !place_covers(&p, &network));
    CHECK(place_read(GP_LIT("11.0.0.1"), &p) && !place_covers(&network, &p));
    CHECK(place_read(GP_LIT("::/0"), &network) && place_covers(&network, &p));
}

PROPERTY(a_place_that_is_read_is_read_again, bytes)
{
    char           room[PLACE_TEXT];
    struct gp_text out = GP_TEXT(room);
    struct place   p, again;
    if (!place_read(bytes, &p)) return;
    place_put(&out, &p);
    CHECK(!out.cut && place_read(gp_said(&out), &again) && place_same(&p, &again) && place_covers(&again, &p));
}
