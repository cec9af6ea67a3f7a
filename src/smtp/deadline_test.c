/* DELIVERBY alone: what MAIL says, the moment that is kept of it, and the seconds that the next hop is told. */
#include "check.h"
#include "smtp/smtp.h"

enum { SECOND = 1000 };
#define NOW ((gp_time)1798135200 * SECOND) /* 2026-12-24T18:00:00Z */

TEST(what_mail_says_is_read_and_kept_as_a_moment)
{
    /* clang-format off */
    static const struct { const char *said; int64_t seconds; bool back, trace; const char *kept; } rows[] = {
        { "120;R",        120,        true,  false, "2026-12-24T18:02:00Z;R"  },
        { "+120;r",       120,        true,  false, "2026-12-24T18:02:00Z;R"  },
        { "1;RT",         1,          true,  true,  "2026-12-24T18:00:01Z;RT" },
        { "0;N",          0,          false, false, "2026-12-24T18:00:00Z;N"  },
        { "-60;nt",       -60,        false, true,  "2026-12-24T17:59:00Z;NT" },
        { "999999999;N",  GP_BY_MOST, false, false, "2058-09-01T19:46:39Z;N"  },
        { "-999999999;N", -GP_BY_MOST, false, false, "1995-04-17T16:13:21Z;N" },
        { "000000060;R",  60,         true,  false, "2026-12-24T18:01:00Z;R"  },
    };
    /* clang-format on */
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char           room[32];
        struct gp_text out = GP_TEXT(room);
        struct gp_by   by  = { 0 };
        if (!gp_read_by(gp_from(rows[i].said), &by)) fail_msg("'%s' was not taken", rows[i].said);
        CHECK(by.seconds == rows[i].seconds && by.back == rows[i].back && by.trace == rows[i].trace);
        gp_put_deadline(&out, &by, NOW);
        CHECK_IS(gp_said(&out), rows[i].kept);
    }
}

TEST(what_is_not_said_that_way_is_none)
{
    static const char *const wrong[] = {
        "",       ";R",   "R",    "120",     "120;",  "120;T", "120;RN", "120;RTT",      "120;R;T",      "120 ;R",
        "120;R ", "+;R",  "-;N",  "--1;N",   "+-1;N", "1.5;R", "0x10;R", "1000000000;N", "0000000060;R", "120;X",
        "0;R",    "-1;R", "-0;R", "120;R,x", "60;TR", "60; R",
    };
    for (size_t i = 0; i < GP_COUNT(wrong); i++) {
        struct gp_by by;
        if (gp_read_by(gp_from(wrong[i]), &by)) fail_msg("'%s' was taken", wrong[i]);
    }
}

TEST(a_part_of_a_second_is_the_senders)
{
    char               room[32];
    struct gp_text     out = GP_TEXT(room);
    const struct gp_by by  = { 1, true, false };
    gp_put_deadline(&out, &by, NOW + 1);
    CHECK_IS(gp_said(&out), "2026-12-24T18:00:02Z;R");
}

TEST(a_message_has_the_deadline_that_its_parameters_say)
{
    struct gp_deadline by = gp_deadline(GP_LIT("SIZE=10 BY=2026-12-24T18:02:00Z;RT ENVID=x"));
    CHECK(by.when == NOW + 120 * (gp_time)SECOND && by.back && by.trace);
    static const char *const none[] = {
        "", "SIZE=10", "BY", "BY=120;R", "BY=tomorrow;R", "BY=2026-12-24T18:02:00Z", "XBY=2026-12-24T18:02:00Z;R"
    };
    for (size_t i = 0; i < GP_COUNT(none); i++) CHECK(gp_deadline(gp_from(none[i])).when == 0);
}

TEST(the_next_hop_hears_what_is_left)
{
    /* clang-format off */
    static const struct { const char *kept; gp_time later; const char *said; bool in_time; } rows[] = {
        { "",                                              0,       "",                           true  },
        { "SIZE=10 ENVID=x",                               0,       "SIZE=10 ENVID=x",            true  },
        { "BY=2026-12-24T18:02:00Z;R",                     0,       "BY=120;R",                   true  },
        { "SIZE=1 BY=2026-12-24T18:02:00Z;RT ENVID=x",     22000,   "SIZE=1 BY=98;RT ENVID=x",    true  },
        { "BY=2026-12-24T18:02:00Z;R",                     22001,   "BY=97;R",                    true  },
        { "BY=2026-12-24T18:02:00Z;R",                     119000,  "BY=1;R",                     true  },
        { "BY=2026-12-24T18:02:00Z;R",                     119001,  "BY=0;R",                     false },
        { "BY=2026-12-24T18:02:00Z;R",                     200000,  "BY=-80;R",                   false },
        { "BY=2026-12-24T18:02:00Z;N",                     120001,  "BY=-1;N",                    true  },
        { "BY=2026-12-24T18:02:00Z;NT",                    180000,  "BY=-60;NT",                  true  },
        { "BY=1980-01-01T00:00:00Z;N",                     0,       "BY=-999999999;N",            true  },
        { "BY=9999-12-31T00:00:00Z;R",                     0,       "BY=999999999;R",             true  },
    };
    /* clang-format on */
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char           room[64];
        struct gp_text out = GP_TEXT(room);
        CHECK(gp_put_time_left(gp_from(rows[i].kept), NOW + rows[i].later, &out) == rows[i].in_time);
        CHECK_IS(gp_said(&out), rows[i].said);
    }
}

PROPERTY(a_deadline_that_is_kept_is_told_as_it_was_said, bytes)
{
    char           kept[64] = "BY=", said[64];
    struct gp_text out = { .ptr = kept, .len = 3, .room = sizeof kept }, told = GP_TEXT(said);
    struct gp_by   by, again;
    if (!gp_read_by(bytes, &by)) return;
    CHECK(by.seconds >= -GP_BY_MOST && by.seconds <= GP_BY_MOST && (by.seconds > 0 || !by.back));
    gp_put_deadline(&out, &by, NOW);
    CHECK(!out.cut && gp_deadline(gp_said(&out)).back == by.back);
    CHECK(gp_put_time_left(gp_said(&out), NOW, &told) && !told.cut);
    CHECK(gp_read_by(gp_tail(gp_said(&told), 3), &again));
    CHECK(again.seconds == by.seconds && again.back == by.back && again.trace == by.trace);
}
