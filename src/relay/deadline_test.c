/* What a next hop hears of the sender's deadline (RFC 2852 4.1.4), and which one does not get the message. */
#include "relay/hop_kit.h"

enum { MS = 1000 };

/* `seconds` from now, and some more: no test takes as long. */
static const char *params_by(int64_t seconds, const char *mode, char room[static LINE_ROOM])
{
    struct gp_text out = { .ptr = room, .room = LINE_ROOM - 1 };
    gp_put_z(&out, "BY=");
    gp_put_moment(&out, wall_now() + seconds * MS + MS - 1);
    gp_put_z(&out, mode);
    room[out.len] = '\0';
    return room;
}

TEST(what_must_come_back_goes_only_where_that_is_promised)
{
    /* clang-format off */
    static const struct { const char *offers, *mode; int64_t seconds; bool lmtp; const char *results, *mail; } rows[] = {
        { "250-mx\r\n250 DELIVERBY",          ";R",  1005, false, "0 250", " BY=100"     },
        { "250-mx\r\n250 DELIVERBY",          ";RT", 1000, false, "0 250", ";RT\n"       },
        { "250-mx\r\n250 DELIVERBY 30",       ";R",  1000, false, "0 250", ";R\n"        },
        { "250-mx\r\n250 DELIVERBY 30,X=1",   ";R",  1000, false, "0 250", ";R\n"        },
        { "250-mx\r\n250 DELIVERBY 5000",     ";R",  1000, false, "3 0",   NULL          },
        { "250-mx\r\n250 DELIVERBY 5000",     ";N",  1000, false, "0 250", ";N\n"        },
        { "250 mx",                           ";R",  1000, false, "3 0",   NULL          },
        { "250 mx",                           ";R",  1000, true,  "0 250", "FROM:<ada@example.org>\n" },
        { "250 mx",                           ";N",  1000, false, "0 250", "FROM:<ada@example.org>\n" },
        { "250-mx\r\n250 DELIVERBY",          ";R",  -1,   false, "3 0",   NULL          },
        { "250 mx",                           ";R",  -1,   true,  "3 0",   NULL          },
        { "250-mx\r\n250 DELIVERBY",          ";N",  -100, false, "0 250", " BY=-"       },
    };
    /* clang-format on */
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char                params[LINE_ROOM];
        struct bench       *b      = bench_open();
        const struct script script = { .ehlo = rows[i].offers };
        b->scripts[0]              = &script;
        b->script_count            = 1;
        b->params                  = params_by(rows[i].seconds, rows[i].mode, params);
        if (rows[i].lmtp) {
            struct config_route *r = add_route(b, "store");
            b->destination         = "via:store";
            server(b, &r->via[0], "127.0.0.1");
            r->via[0].lmtp = true;
        }
        deliver(b, "a@x\t\n");
        results_are(b, rows[i].results);
        bool said = holds(heard(b, 0), "MAIL ");
        if (rows[i].mail ? !holds(heard(b, 0), rows[i].mail) : said) fail_msg("row %zu: %s", i, b->results);
        bench_close(b);
    }
}

TEST(why_it_does_not_go_is_said_in_words)
{
    char          params[LINE_ROOM];
    struct bench *b = bench_open();
    b->params       = params_by(1000, ";R", params);
    SCRIPTS(b, { .ehlo = "250 mx" });
    deliver(b, "a@x\t\n");
    CHECK(holds(gp_from(b->results), "\t5.3.3\t") && holds(gp_from(b->results), "does not offer DELIVERBY"));
    bench_close(b);

    b         = bench_open();
    b->params = params_by(-1, ";R", params);
    SCRIPTS(b, { .ehlo = "250-mx\r\n250 DELIVERBY" });
    deliver(b, "a@x\t\n");
    CHECK(holds(gp_from(b->results), "\t5.4.7\t") && !b->host_down);
    bench_close(b);
}

/* RFC 2852 4.1.4.2: who cannot keep the deadline is asked to tell of delays, and the queue hears who can. */
TEST(who_does_not_know_the_deadline_is_asked_to_tell_of_delays)
{
    /* clang-format off */
    static const struct { const char *offers, *mode; int64_t seconds; const char *params, *heard, *words; } rows[] = {
        { "250-mx\r\n250 DSN",             ";N",  1000,  "",                        " NOTIFY=FAILURE,DELAY ORCPT=", "\tdsn\n"    },
        { "250-mx\r\n250 DSN",             ";N",  1000,  "NOTIFY=SUCCESS",          " NOTIFY=SUCCESS,DELAY ",       "\tdsn\n"    },
        { "250-mx\r\n250 DSN",             ";N",  1000,  "NOTIFY=DELAY,FAILURE",    " NOTIFY=DELAY,FAILURE ",       "\tdsn\n"    },
        { "250-mx\r\n250 DSN",             ";N",  1000,  "NOTIFY=NEVER",            " NOTIFY=NEVER ",               "\tdsn\n"    },
        { "250-mx\r\n250 DSN",             ";N",  -1000, "NOTIFY=FAILURE",          " NOTIFY=FAILURE ",             "\tdsn\n"    },
        { "250-mx\r\n250-DSN\r\n250 DELIVERBY", ";N", 1000, "NOTIFY=FAILURE",       " NOTIFY=FAILURE ",             "\tdsn by\n" },
        { "250-mx\r\n250 DELIVERBY",       ";N",  1000,  "NOTIFY=FAILURE",          "TO:<a@x>\n",                   "\tby\n"     },
        { "250 mx",                        ";N",  1000,  "NOTIFY=FAILURE",          "TO:<a@x>\n",                   "ok\n"       },
    };
    /* clang-format on */
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char                params[LINE_ROOM], room[LINE_ROOM];
        struct gp_text      to     = { .ptr = room, .room = sizeof room - 1 };
        struct bench       *b      = bench_open();
        const struct script script = { .ehlo = rows[i].offers, .dot = "250 ok" };
        b->scripts[0]              = &script;
        b->script_count            = 1;
        b->params                  = params_by(rows[i].seconds, rows[i].mode, params);
        gp_put_z(&to, "a@x\t");
        gp_put_z(&to, rows[i].params);
        gp_put_char(&to, '\n');
        room[to.len] = '\0';
        deliver(b, room);
        results_are(b, "0 250");
        if (!holds(heard(b, 0), rows[i].heard) || !gp_ends(gp_from(b->results), rows[i].words))
            fail_msg("row %zu: %.*s %s", i, (int)heard(b, 0).len, heard(b, 0).ptr, b->results);
        bench_close(b);
    }
}
