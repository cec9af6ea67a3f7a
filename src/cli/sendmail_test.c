/* The files of the spool: what is written is read back, and what is no parcel is none. */
#include "cli/sendmail_spool.h"

#include "check.h"

#include <stdlib.h>

TEST(a_parcel_keeps_those_who_are_for_later)
{
    static const struct {
        enum handed how;
        int         codes[3];
        size_t      kept;
    } rows[] = {
        {HANDED_LATER,    { 0, 0, 0 },       3},
        { HANDED_LATER,   { 0, 550, 451 },   2},
        { HANDED_PARTLY,  { 250, 550, 451 }, 1},
        { HANDED_OVER,    { 250, 250, 250 }, 0},
        { HANDED_REFUSED, { 0, 0, 0 },       0},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct talk_recipient to[3] = {
            {.address = GP_LIT("a@x.org"),        .params = GP_LIT("")            },
            { .address = GP_LIT("\"b c\"@x.org"), .params = GP_LIT("NOTIFY=NEVER")},
            { .address = GP_LIT("d@x.org"),       .params = GP_LIT("NOTIFY=NEVER")}
        };
        struct parcel p    = { .sender = GP_LIT(""),
                               .params = GP_LIT("RET=HDRS ENVID=x"),
                               .to     = to,
                               .count  = 3,
                               .since  = 1234567 },
                      q    = { 0 };
        struct gp_buffer b = { 0 };
        for (size_t n = 0; n < 3; n++) to[n].code = rows[i].codes[n];
        CHECK(spool_put_envelope(&b, &p, rows[i].how) &&
              gp_buffer_add(&b, GP_LIT("A: b\r\n\r\nto e@x.org\r\n"), LETTER_MOST));
        CHECK(spool_take(gp_buffer_all(&b), &q) == (rows[i].kept > 0));
        CHECK(q.count == rows[i].kept);
        CHECK_IS(q.message, "A: b\r\n\r\nto e@x.org\r\n");
        CHECK_IS(q.params, "RET=HDRS ENVID=x");
        if (q.count) CHECK_IS(q.to[q.count - 1].params, "NOTIFY=NEVER");
        if (rows[i].kept == 3) CHECK(q.to[0].params.len == 0 && q.to[2].params.len > 0);
        CHECK(q.sender.ptr && q.sender.len == 0 && q.since == 1234567);
        if (rows[i].kept == 2) CHECK_IS(q.to[1].address, "d@x.org");
        if (rows[i].kept == 3) CHECK_IS(q.to[1].address, "\"b c\"@x.org");
        free(q.to);
        gp_buffer_free(&b);
    }
}

TEST(wishes_of_parcels_that_wait_since_before_are_those_of_every_recipient)
{
    struct parcel p = { 0 };
    CHECK(
        spool_take(GP_LIT("gatepost-sendmail 1\nsince 1\nsender a\nparams \neach NOTIFY=DELAY\nto b\nto c\n\nx"), &p));
    CHECK(p.count == 2);
    CHECK_IS(p.to[0].params, "NOTIFY=DELAY");
    CHECK_IS(p.to[1].params, "NOTIFY=DELAY");
    free(p.to);
}

TEST(what_is_no_parcel_is_none)
{
    static const char *const texts[] = {
        "",
        "gatepost-sendmail 2\nsender a\nto b\n\nx",
        "gatepost-sendmail 1\nsender a\n\nx",
        "gatepost-sendmail 1\nto b\n\nx",
        "gatepost-sendmail 1\nsender a\nto b\nwhat c\n\nx",
        "gatepost-sendmail 1\nsender a\nto b\nsince x\n\nx",
        "gatepost-sendmail 1\nsender a\nto b",
    };
    for (size_t i = 0; i < GP_COUNT(texts); i++) {
        struct parcel p = { 0 };
        CHECK(!spool_take(gp_from(texts[i]), &p));
        free(p.to);
    }
}

TEST(sendmail_knows_its_names)
{
    CHECK(sendmail_is("/usr/sbin/sendmail") && sendmail_is("mailq") && sendmail_is("./newaliases"));
    CHECK(!sendmail_is("gatepost") && !sendmail_is("/usr/sendmail/gatepost") && !sendmail_is(""));
}
