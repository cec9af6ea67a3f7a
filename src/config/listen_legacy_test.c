/* Listeners for old devices: what they have unless it is said, what has to be said, and what is refused. */
#include "config/test_bed.h"

#include <string.h>

#define LANE    "listen:\n  - legacy 10.0.0.5:2525 "
#define PROBLEM "gatepost.yml:3: listen: "

TEST(what_is_not_said_is_narrow)
{
    CHECK(read_set_up(H LANE "networks=10.0.0.0/24 recipients_domains=Example.org\n"));
    const struct config_listen *l = &config.listen[0];
    CHECK(l->kind == LISTEN_LEGACY && l->lane.tls == LANE_STARTTLS && l->lane.oldest == LANE_NEWEST);
    CHECK(l->lane.message_size == 20 * 1024 * 1024 && l->lane.messages_per_hour == 60);
    CHECK(l->lane.recipients_per_message == 10);
    CHECK_IS(gp_from(l->lane.domains), "example.org");
    CHECK_IS(gp_from(l->mechanisms), "SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN");
    CHECK(!config_listens_in_tls(l) && !config_listens_in_clear(l));
}

TEST(what_is_said_is_shown_and_reads_back_the_same)
{
    static const char said_so[] =
        "legacy 10.0.0.5:2525 networks=10.0.0.0/24,192.0.2.7 recipients_domains=example.org,example.net tls=implicit tls_minimum=1.0"
        " message_size=8M messages_per_hour=5 recipients_per_message=2 mechanisms=CRAM-MD5,LOGIN name=printers";
    static char    room[1 << 14], yaml[1024];
    struct gp_text shown = GP_TEXT(room);
    for (int round = 0; round < 2; round++) {
        const char *given = round ? strstr(room, "\"legacy ") + 1 : said_so;
        snprintf(yaml, sizeof yaml, H "listen:\n  - %.*s\n", (int)strcspn(given, "\""), given);
        CHECK(read_set_up(yaml));
        const struct config_listen *l = &config.listen[0];
        CHECK(config_listens_in_tls(l) && l->lane.oldest == LANE_OLDEST && l->lane.message_size == 8 * 1024 * 1024);
        CHECK(l->lane.messages_per_hour == 5 && l->lane.recipients_per_message == 2);
        CHECK_IS(gp_from(l->lane.networks), "10.0.0.0/24 192.0.2.7");
        CHECK_IS(gp_from(l->lane.domains), "example.org example.net");
        CHECK_IS(gp_from(l->name), "printers");
        shown.len = 0;
        config_show(&config, put_line, &shown);
        gp_put_char(&shown, '\0');
    }
    CHECK(strstr(
        room,
        " networks=10.0.0.0/24,192.0.2.7 recipients_domains=example.org,example.net tls=implicit tls_minimum=1.0 "));
}

TEST(plus_signs_part_as_commas_do)
{
    CHECK(
        read_set_up(H LANE "networks=10.0.0.0/24+10.1.0.0/24 recipients_domains=example.org+@example.net tls=none\n"));
    CHECK_IS(gp_from(config.listen[0].lane.networks), "10.0.0.0/24 10.1.0.0/24");
    CHECK_IS(gp_from(config.listen[0].lane.domains), "example.org example.net");
    CHECK(config_listens_in_clear(&config.listen[0]) && !config_listens_in_tls(&config.listen[0]));
}

TEST(what_would_open_it_is_refused)
{
    /* clang-format off */
    static const struct { const char *yaml, *problem; } cases[] = {
        { H LANE "recipients_domains=example.org\n",
          "'10.0.0.5:2525' is for old devices, and has no networks: add networks=10.0.0.0/24, from where they connect" },
        { H LANE "networks=10.0.0.0/24\n",
          "'10.0.0.5:2525' is for old devices, and has no recipients_domains: add recipients_domains=example.org, to whom they may write" },
        { H LANE "networks=0.0.0.0/0 recipients_domains=example.org\n", "'0.0.0.0/0' is nearly everybody: a listener for old devices is for named networks, of /8 or less" },
        { H LANE "networks=10.0.0.0/24,::/0 recipients_domains=example.org\n", "'::/0' is nearly everybody: a listener for old devices is for named networks, of /8 or less" },
        { H LANE "networks=office recipients_domains=example.org\n", "'office' is not an address or a network such as 10.0.0.0/24" },
        { H LANE "networks= recipients_domains=example.org\n", "'' is not an address or a network such as 10.0.0.0/24" },
        { H LANE "networks=10.0.0.0/24 recipients_domains=*\n", "'*' would let devices write to anybody: name the domains, as example.org" },
        { H LANE "networks=10.0.0.0/24 recipients_domains=@*\n", "'@*' would let devices write to anybody: name the domains, as example.org" },
        { H LANE "networks=10.0.0.0/24 recipients_domains=*.example.org\n", "'*.example.org' is not a domain such as example.org" },
        { H LANE "networks=10.0.0.0/24 recipients_domains=a@example.org\n", "'a@example.org' is not a domain such as example.org" },
        { H LANE "networks=10.0.0.0/24 recipients_domains=\n", "'' is not a domain such as example.org" },
        { H LANE "tls=startls\n", "'startls' is not one of: none starttls implicit (did you mean 'starttls'?)" },
        { H LANE "tls_minimum=1.3\n", "'1.3' is not one of: 1.0 1.1 1.2" },
        { H LANE "messages_per_hour=0\n", "'0' is not a number from 1 to 100000" },
        { H LANE "recipients_per_message=5000\n", "'5000' is not a number from 1 to 1000" },
        { H "listen:\n  - submission 10.0.0.5:587 networks=10.0.0.0/24\n",
          "'networks' is not an option of a listener; there are: mechanisms client_certificates name" },
    };
    /* clang-format on */
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        char want[512];
        snprintf(want, sizeof want, PROBLEM "%s\n", cases[i].problem);
        CHECK(!read_set_up(cases[i].yaml));
        if (!gp_same(gp_said(&said), gp_from(want)))
            fail_msg("%s\n%.*s%s", cases[i].yaml, (int)said.len, said.ptr, want);
    }
}
