/* The reply with the name of the incident, and how many refusals of a flood vault hears of. */
#include "check.h"

#include <string.h>

#include "submit/parts.h"

TEST(the_incident_stands_at_the_end_of_the_reply)
{
    char            room[REFUSAL_ROOM];
    struct gp_reply no    = { 550, "5.7.1", "not yours" };
    struct gp_reply named = refusal_named(no, GP_LIT("K7ZQ3ABCDE"), room);
    CHECK(named.code == 550);
    CHECK_IS(gp_from(named.enhanced), "5.7.1");
    CHECK_IS(gp_from(named.text), "not yours (incident K7ZQ3ABCDE)");
    CHECK_IS(gp_from(refusal_named(no, GP_LIT(""), room).text), "not yours");
}

TEST(a_long_reply_loses_its_end_and_not_the_incident)
{
    char            room[REFUSAL_ROOM], text[2 * REFUSAL_ROOM];
    struct gp_reply no = { 550, "5.7.1", text };
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    gp_str named          = gp_from(refusal_named(no, GP_LIT("K7ZQ3ABCDE"), room).text);
    CHECK(gp_ends(named, "x (incident K7ZQ3ABCDE)") && named.len < GP_SMTP_REPLY_MOST - sizeof "550 5.7.1 \r\n");
}

TEST(a_flood_is_told_in_part_and_counted)
{
    struct flood f   = { 0 };
    unsigned     let = 0;
    gp_time      now = 1000 * MS;
    for (unsigned i = 0; i < 3 * FLOOD_BURST; i++) let += flood_lets(&f, now);
    CHECK(let == FLOOD_BURST && f.missed == 2 * FLOOD_BURST);
    for (unsigned i = 0; i < 10; i++) CHECK(flood_lets(&f, now + MS) == (i < FLOOD_RATE));
    CHECK(flood_lets(&f, now + 3600 * (gp_time)MS));
    for (let = 1; flood_lets(&f, now + 3600 * (gp_time)MS);) let++;
    CHECK(let == FLOOD_BURST);
}
