/* FUTURERELEASE alone: moments as RFC 3339 writes them, and when a message is to go. */
#include "check.h"
#include "smtp/smtp.h"

#define SECOND ((gp_time)1000)

TEST(moments_are_read_and_written)
{
    /* clang-format off */
    static const struct { const char *text, *canonical; gp_time seconds; } rows[] = {
        { "1970-01-01T00:00:00Z",          "1970-01-01T00:00:00Z", 0            },
        { "2000-02-29T12:34:56Z",          "2000-02-29T12:34:56Z", 951827696    },
        { "2026-12-24t18:00:00z",          "2026-12-24T18:00:00Z", 1798135200   },
        { "2026-12-24T18:00:00.25+01:00",  "2026-12-24T17:00:00Z", 1798131600   },
        { "2026-12-31T23:30:00-00:45",     "2027-01-01T00:15:00Z", 1798762500   },
        { "2016-12-31T23:59:60Z",          "2017-01-01T00:00:00Z", 1483228800   },
        { "9999-12-31T23:59:59Z",          "9999-12-31T23:59:59Z", 253402300799 },
    };
    /* clang-format on */
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char           room[32];
        struct gp_text out  = GP_TEXT(room);
        gp_time        when = -1;
        CHECK(gp_read_moment(gp_from(rows[i].text), &when) && when == rows[i].seconds * SECOND);
        gp_put_moment(&out, when);
        CHECK_IS(gp_said(&out), rows[i].canonical);
    }
}

TEST(what_is_no_moment_is_refused)
{
    static const char *const rows[] = {
        "",
        "2026-12-24",
        "2026-12-24T18:00:00",
        "2026-12-24 18:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:61Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00ZZ",
        "2026-01-01T00:00:00+1:00",
        "2026-01-01T00:00:00+24:00",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01",
        "+026-01-01T00:00:00Z",
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        gp_time when = 42;
        if (gp_read_moment(gp_from(rows[i]), &when)) fail_msg("'%s' was taken", rows[i]);
    }
}

TEST(a_message_goes_when_its_sender_said)
{
    /* clang-format off */
    static const struct { const char *params; gp_time release; } rows[] = {
        { "",                                          0                    },
        { "SIZE=10 BODY=8BITMIME",                     0                    },
        { "SIZE=10 HOLDFOR=60",                        1060 * SECOND        },
        { "HOLDFOR=999999999",                         1000000999 * SECOND  },
        { "HOLDFOR=0",                                 0                    },
        { "HOLDFOR=1000000000",                        0                    },
        { "HOLDFOR=+1",                                0                    },
        { "HOLDFOR",                                   0                    },
        { "HOLDUNTIL=2026-12-24T18:00:00Z ENVID=x",    1798135200 * SECOND  },
        { "HOLDUNTIL=tomorrow",                        0                    },
    };
    /* clang-format on */
    for (size_t i = 0; i < GP_COUNT(rows); i++)
        CHECK(gp_release_time(gp_from(rows[i].params), 1000 * SECOND) == rows[i].release);
}

PROPERTY(a_moment_of_rfc_3339_reads_back_as_itself, bytes)
{
    char           room[32];
    struct gp_text out  = GP_TEXT(room);
    gp_time        when = 0, again = 0;
    if (!gp_read_moment(bytes, &when)) return;
    CHECK(when >= 0 && when % SECOND == 0);
    gp_put_moment(&out, when);
    CHECK(!out.cut);
    if (when / SECOND > 253402300799) return; /* the last day of 9999, written in a place west of Greenwich */
    CHECK(gp_read_moment(gp_said(&out), &again) && again == when);
}
