/* Which addresses an identity stands for, and which names readers take for one that is protected. */
#include "policy/identity.h"

#include "check.h"

#include <string.h>

TEST(an_identity_covers_what_it_says_and_no_more)
{
    static const struct {
        const char       *identity, *address;
        enum policy_cover plain, plus;
    } rows[] = {
        {"anna@example.org",        "anna@example.org",           POLICY_COVERS,     POLICY_COVERS        },
        { "anna@example.org",       "bert@example.org",           POLICY_COVERS_NOT, POLICY_COVERS_NOT    },
        { "anna@example.org",       "anna@example.net",           POLICY_COVERS_NOT, POLICY_COVERS_NOT    },
        { "anna@example.org",       "anna+x@example.org",         POLICY_COVERS_NOT, POLICY_COVERS_BY_PLUS},
        { "anna@example.org",       "anna+x+y@example.org",       POLICY_COVERS_NOT, POLICY_COVERS_BY_PLUS},
        { "anna@example.org",       "anna+@example.org",          POLICY_COVERS_NOT, POLICY_COVERS_BY_PLUS},
        { "anna@example.org",       "annax+y@example.org",        POLICY_COVERS_NOT, POLICY_COVERS_NOT    },
        { "anna@example.org",       "+anna@example.org",          POLICY_COVERS_NOT, POLICY_COVERS_NOT    },
        { "anna@example.org",       "\"anna+ x\"@example.org",    POLICY_COVERS_NOT, POLICY_COVERS_NOT    },
        { "@example.org",           "who+ever@example.org",       POLICY_COVERS,     POLICY_COVERS        },
        { "@example.org",           "anna@sub.example.org",       POLICY_COVERS_NOT, POLICY_COVERS_NOT    },
        { "@example.org",           "anna@xexample.org",          POLICY_COVERS_NOT, POLICY_COVERS_NOT    },
        { "*-noreply@example.org",  "shop-noreply@example.org",   POLICY_COVERS,     POLICY_COVERS        },
        { "*-noreply@example.org",  "-noreply@example.org",       POLICY_COVERS,     POLICY_COVERS        },
        { "*-noreply@example.org",  "noreply@example.org",        POLICY_COVERS_NOT, POLICY_COVERS_NOT    },
        { "*-noreply@example.org",  "a-noreply@example.net",      POLICY_COVERS_NOT, POLICY_COVERS_NOT    },
        { "*-noreply@example.org",  "a-noreply+x@example.org",    POLICY_COVERS_NOT, POLICY_COVERS_NOT    },
        { "list-*-x*@example.org",  "list-a-xx-xb@example.org",   POLICY_COVERS,     POLICY_COVERS        },
        { "list-*-x*y@example.org", "list-a-xb@example.org",      POLICY_COVERS_NOT, POLICY_COVERS_NOT    },
        { "a*@example.org",         "\"a@evil.net\"@example.org", POLICY_COVERS_NOT, POLICY_COVERS_NOT    },
        { "anna",                   "anna",                       POLICY_COVERS_NOT, POLICY_COVERS_NOT    },
        { "",                       "anna@example.org",           POLICY_COVERS_NOT, POLICY_COVERS_NOT    },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        CHECK(policy_covers(gp_from(rows[i].identity), gp_from(rows[i].address), false) == rows[i].plain);
        CHECK(policy_covers(gp_from(rows[i].identity), gp_from(rows[i].address), true) == rows[i].plus);
    }
}

TEST(stars_are_few_and_stand_in_the_local_part)
{
    static const struct {
        const char *identity;
        bool        good, single;
    } rows[] = {
        {"anna@example.org",        true,  true },
        { "@example.org",           true,  false},
        { "*-noreply@example.org",  true,  false},
        { "a*b*c*d*@example.org",   true,  false},
        { "a*b*c*d*e*@example.org", false, false},
        { "*@example.org",          false, false}, /* that is @example.org, and says so */
        { "**@example.org",         false, false},
        { "anna@*.example.org",     false, false},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        CHECK(policy_stars_are_good(gp_from(rows[i].identity)) == rows[i].good);
        CHECK(policy_is_address(gp_from(rows[i].identity)) == rows[i].single);
    }
}

TEST(a_protected_name_is_seen_however_it_is_written)
{
    static const struct {
        const char *shown;
        bool        has;
    } rows[] = {
        {"Chief Executive",                                                         true },
        { "chief  EXECUTIVE",                                                       true },
        { "\"Chief\" \"Executive\"",                                                true },
        { "Our Chief Executive (mobile)",                                           true },
        { "Chief\xc2\xa0"
          "Executive",                                                     true }, /* U+00A0 */
        { "Chi\xe2\x80\x8b"
          "ef Exec\xc2\xad"
          "utive",                                                         true }, /* U+200B, U+00AD: not to be seen */
        { "\xef\xbc\xa3\xef\xbd\x88\xef\xbd\x89\xef\xbd\x85\xef\xbd\x86 Executive", true }, /* full width */
        { "Chie\xef\xac\x80 Executive",                                             false}, /* that ligature is two letters */
        { "\xf0\x9d\x90\x82hief Executive",                                         true }, /* U+1D402, a bold C */
        { "Chief Executives",                                                       false},
        { "Mischief Executive",                                                     false},
        { "chief.executive@example.org",                                            true }, /* read so, too */
        { "Chief Executive:",                                                       true },
        { "Chief.Executive",                                                        true },
        { "[Chief Executive]",                                                      true },
        { "Chief-Executive",                                                        true },
        { "ACME/Chief Executive",                                                   true },
        { "*Chief_Executive*",                                                      true },
        { "ChiefExecutive",                                                         false},
        { "Anna",                                                                   false},
        { "",                                                                       false},
        { "Chief \xff",                                                             true }, /* who cannot read it does not let it pass */
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++)
        CHECK(policy_shows_name(gp_from(rows[i].shown), GP_LIT("Chief Executive")) == rows[i].has);
    CHECK(policy_shows_name(GP_LIT("Stra\xc3\x9f"
                                   "er KG"),
                            GP_LIT("STRASSER kg")));                         /* sharp s folds to two */
    CHECK(policy_shows_name(GP_LIT("e\xcc\x81lan"), GP_LIT("\xc3\x89LAN"))); /* composed or not */
    CHECK(!policy_shows_name(GP_LIT("Anna"), GP_LIT("\xe2\x80\x8b")));       /* a name of nothing */
}

TEST(every_mark_of_ascii_parts_words)
{
    char shown[] = "xChief?Executivex";
    for (char c = 1; c < 0x7f; c++) {
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        shown[0] = shown[6] = shown[sizeof shown - 2] = c;
        CHECK(policy_shows_name(gp_from(shown), GP_LIT("Chief Executive")) == !letter);
    }
}

TEST(a_name_that_could_not_be_looked_for_is_none)
{
    CHECK(policy_name_is_good(GP_LIT("R2")) && policy_name_is_good(GP_LIT("\xd0\xaf")));
    CHECK(!policy_name_is_good(GP_LIT("-- :)")) && !policy_name_is_good(GP_LIT("\xe2\x80\x8b")));
    CHECK(!policy_name_is_good(GP_LIT("")) && !policy_name_is_good(GP_LIT("\xff")));
}

TEST(what_is_too_long_to_read_has_every_name)
{
    static char text[POLICY_NAME_MOST + 1];
    memset(text, 'a', sizeof(text));
    CHECK(!policy_shows_name((gp_str) { text, sizeof(text) - 1 }, GP_LIT("Chief")));
    CHECK(policy_shows_name((gp_str) { text, sizeof(text) }, GP_LIT("Chief")));
}

/* A name that stands among other words is found, whatever they are; a walk ends whatever the pattern is. */
PROPERTY(identities_cover_anything, bytes)
{
    char              room[POLICY_NAME_MOST];
    struct gp_text    text = GP_TEXT(room);
    gp_str            rest = bytes, identity = gp_cut(&rest, '\n');
    enum policy_cover cover = policy_covers(identity, rest, true);
    CHECK(cover != POLICY_COVERS_NOT || !gp_same(identity, rest) || gp_find(rest, '@') == rest.len);
    if (policy_is_address(identity))
        CHECK(policy_covers(identity, rest, false) == POLICY_COVERS_NOT || gp_same(identity, rest));
    gp_put(&text, gp_head(bytes, sizeof(room) / 2));
    gp_put_z(&text, " chief executive ");
    CHECK(policy_shows_name(gp_said(&text), GP_LIT("Chief Executive")));
}
