/* What clients are told: which servers, their URL, records and autoconfiguration. */
#include "cli/servers.h"

#include "check.h"

#include <string.h>

enum { ROOM = 8 * 1024 };

static struct config config_with(const struct config_listen *listen, size_t count)
{
    struct config c = { .listen_count = count };
    memcpy(c.listen, listen, count * sizeof(*listen));
    CHECK(gp_copy_z(GP_LIT("mail.example.org"), c.hostname, sizeof(c.hostname)) &&
          gp_copy_z(GP_LIT("example.org"), c.domain, sizeof(c.domain)) &&
          gp_copy_z(GP_LIT("SCRAM-SHA-256 PLAIN LOGIN CRAM-MD5"), c.mechanisms, sizeof(c.mechanisms)));
    return c;
}

static const struct config_listen usual[] = {
    {.kind = LISTEN_SUBMISSION,   .address = "0.0.0.0:587"},
    { .kind = LISTEN_SUBMISSIONS, .address = "[::]:465",    .mechanisms = "EXTERNAL XOAUTH2 PLAIN", .asks = true },
    { .kind = LISTEN_SUBMISSIONS,               .address = "0.0.0.0:465"                                     },
    { .kind = LISTEN_SUBMISSION,.address = "127.0.0.1:2587"},
};

TEST(servers_are_those_that_others_reach_the_safest_first)
{
    struct server list[CONFIG_LISTEN_MOST];
    struct config c = config_with(usual, GP_COUNT(usual));
    CHECK(servers_of(&c, list) == 2);
    CHECK(list[0].implicit_tls && list[0].port == 465 && list[0].asks);
    CHECK_IS(gp_from(list[0].mechanisms), "EXTERNAL XOAUTH2 PLAIN");
    CHECK(!list[1].implicit_tls && list[1].port == 587);
    c = config_with(&usual[3], 1); /* for a trial on one host */
    CHECK(servers_of(&c, list) == 1 && list[0].port == 2587);
    c = config_with(usual, 0);
    CHECK(servers_of(&c, list) == 0);
}

TEST(a_url_says_it_all)
{
    char           room[ROOM];
    struct gp_text url = GP_TEXT(room);
    struct config  c   = config_with(usual, GP_COUNT(usual));
    servers_put_url(&url, &c, GP_NONE, GP_LIT("anna@example.org"), GP_LIT("a b/\xc3\xa9:%"));
    CHECK_IS(gp_said(&url), "smtps://anna%40example.org:a%20b%2f%c3%a9%3a%25@mail.example.org:465");
    c       = config_with(usual, 1);
    url.len = 0;
    servers_put_url(&url, &c, GP_NONE, GP_LIT("anna"), GP_LIT("k7zq3-x"));
    CHECK_IS(gp_said(&url), "smtp://anna:k7zq3-x@mail.example.org:587");
}

TEST(a_url_is_of_a_listener_that_the_credential_may_use)
{
    static const struct config_listen named[] = {
        {.kind = LISTEN_SUBMISSIONS,  .name = "first", .address = "0.0.0.0:465"   },
        { .kind = LISTEN_SUBMISSIONS, .name = "six",   .address = "[::]:465"      },
        { .kind = LISTEN_SUBMISSION,  .name = "sub",   .address = "0.0.0.0:587"   },
        { .kind = LISTEN_SUBMISSION,  .name = "local", .address = "127.0.0.1:2587"},
    };
    static const struct {
        const char *listeners, *url;
    } rows[] = {
        {"",           "smtps://anna:k@mail.example.org:465"},
        { "sub",       "smtp://anna:k@mail.example.org:587" },
        { "six",       "smtps://anna:k@mail.example.org:465"},
        { "sub first", "smtps://anna:k@mail.example.org:465"},
        { "local",     ""                                   },
        { "gone",      ""                                   },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char           room[ROOM];
        struct gp_text url = GP_TEXT(room);
        struct config  c   = config_with(named, GP_COUNT(named));
        servers_put_url(&url, &c, gp_from(rows[i].listeners), GP_LIT("anna"), GP_LIT("k"));
        CHECK_IS(gp_said(&url), rows[i].url);
    }
}

TEST(records_name_the_ports_that_there_are)
{
    char           room[ROOM];
    struct gp_text text = GP_TEXT(room);
    struct config  c    = config_with(usual, GP_COUNT(usual));
    servers_put_records(&text, &c);
    CHECK_IS(gp_said(&text), "_submissions._tcp.example.org. IN SRV 0 1 465 mail.example.org.\n"
                             "_submission._tcp.example.org. IN SRV 10 1 587 mail.example.org.\n");
}

TEST(autoconfiguration_offers_what_the_account_has)
{
    char           room[ROOM];
    struct gp_text xml = GP_TEXT(room);
    struct config  c   = config_with(usual, 2);
    gp_str         all = GP_LIT("EXTERNAL XOAUTH2 PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256");
    CHECK(servers_put_autoconfig(&xml, &c, GP_LIT("<a&b>@example.org"), all));
    room[xml.len]     = '\0';
    const char *first = strstr(room, "<port>465</port>"), *second = strstr(room, "<port>587</port>");
    CHECK(first && second && first < second && strstr(room, "<username>&lt;a&amp;b&gt;@example.org</username>"));
    const char *certificate = strstr(first, "TLS-client-cert"), *token = strstr(first, "OAuth2");
    CHECK(certificate && token && certificate < token && token < strstr(first, "password-cleartext"));
    CHECK(!strstr(second, "TLS-client-cert") && !strstr(second, "OAuth2"));
    CHECK(strstr(second, "password-encrypted") > strstr(second, "password-cleartext"));
    xml.len = 0;
    CHECK(servers_put_autoconfig(&xml, &c, GP_LIT("anna"), GP_LIT("PLAIN LOGIN")));
    room[xml.len] = '\0';
    CHECK(!strstr(room, "password-encrypted") && !strstr(room, "OAuth2"));
    CHECK(!servers_put_autoconfig(&xml, &c, GP_LIT("a\nb"), all));
}

TEST(a_server_s_mechanisms_are_those_that_the_account_can_use)
{
    static const struct {
        const char *listed, *own, *left;
        bool        asks;
    } rows[] = {
        {"SCRAM-SHA-256 EXTERNAL PLAIN CRAM-MD5", "PLAIN SCRAM-SHA-256", "SCRAM-SHA-256 PLAIN", true },
        { "EXTERNAL PLAIN",                       "EXTERNAL",            "EXTERNAL",            true },
        { "EXTERNAL PLAIN",                       "EXTERNAL",            "",                    false},
        { "plain XOAUTH2",                        "PLAIN",               "plain",               false},
        { "PLAIN",                                "",                    "",                    false},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char           room[ROOM];
        struct gp_text text   = GP_TEXT(room);
        struct server  server = { .mechanisms = rows[i].listed, .asks = rows[i].asks };
        servers_put_mechanisms(&text, &server, gp_from(rows[i].own));
        CHECK_IS(gp_said(&text), rows[i].left);
    }
}

static unsigned tags_of(gp_str name)
{
    static char    room[64 * 1024];
    struct gp_text xml  = GP_TEXT(room);
    struct config  c    = config_with(usual, 1);
    unsigned       tags = 0;
    if (!servers_put_autoconfig(&xml, &c, name, GP_LIT("PLAIN LOGIN")) || xml.cut) return 0;
    for (size_t i = 0; i < xml.len; i++) tags += room[i] == '<';
    return tags;
}

/* No user name breaks out of its element. */
PROPERTY(any_name_stays_in_its_element, bytes)
{
    unsigned tags = tags_of(bytes);
    CHECK(tags == 0 || tags == tags_of(GP_LIT("anna")));
}
