/* relay.tls_policy: how it is written, and which item a domain has. */
#include <string.h>

#include "config/test_bed.h"

static const char table[] = H "relay:\n  tls_policy:\n"
                              "    - {domain: .example.net, tls: encrypted}\n"
                              "    - {domain: Bank.Example.NET, tls: dane}\n"
                              "    - {domain: .deep.example.net, tls: none}\n"
                              "    - {domain: .bank.example.net, tls: required}\n"
                              "    - {domain: xn--bcher-kva.example, tls: opportunistic}\n"
                              "routes:\n"
                              "  - {name: says, to: a.example, via: 'mx?tls=none'}\n"
                              "  - {name: silent, to: b.example, via: mx}\n"
                              "  - {name: server, to: c.example, via: 'smtp://c.example'}\n";

TEST(a_domain_has_the_item_that_is_nearest_to_it)
{
    static const struct {
        const char *route, *domain, *tls; /* NULL: relay.via; no item */
    } rows[] = {
        {NULL,      "bank.example.net",      "dane"         },
        { NULL,     "BANK.example.net",      "dane"         },
        { NULL,     "x.bank.example.net",    "required"     },
        { NULL,     "a.b.deep.example.net",  "none"         },
        { NULL,     "deep.example.net",      "encrypted"    },
        { NULL,     "a.example.net",         "encrypted"    },
        { NULL,     "example.net",           NULL           },
        { NULL,     "notexample.net",        NULL           },
        { NULL,     ".example.net",          NULL           },
        { NULL,     "bank.example.net.x",    NULL           },
        { NULL,     "",                      NULL           },
        { NULL,     "[192.0.2.1]",           NULL           },
        { NULL,     "xn--bcher-kva.example", "opportunistic"},
        { "silent", "bank.example.net",      "dane"         },
        { "says",   "bank.example.net",      NULL           },
        { "server", "bank.example.net",      NULL           },
    };
    CHECK(read_set_up(table) && config.relay.tls_policy_count == 5);
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        const struct config_route *route = rows[i].route ? config_route_named(&config, gp_from(rows[i].route)) : NULL;
        const struct config_tls_policy *item = config_tls_policy_for(&config, route, gp_from(rows[i].domain));
        CHECK((route != NULL) == (rows[i].route != NULL));
        if ((item != NULL) != (rows[i].tls != NULL)) fail_msg("%s", rows[i].domain);
        if (item) CHECK_IS(gp_from(config_tls_word(item->tls)), rows[i].tls);
    }
    config.relay.kind = RELAY_SMARTHOST;
    CHECK(!config_tls_policy_for(&config, NULL, GP_LIT("bank.example.net")));
}

TEST(what_is_no_item_is_refused_with_the_reason)
{
    static const struct {
        const char *item, *why;
    } rows[] = {
        {"{domain: a.example, tls: must}",                                        "'must' is not tls: required"  },
        { "{domain: a.example}",                                                  "tls"                          },
        { "{tls: required}",                                                      "domain"                       },
        { "a.example",                                                            "'' is not tls: required"      },
        { "{domain: '*.a.example', tls: none}",                                   "'*.a.example' is not a domain"},
        { "{domain: '.', tls: none}",                                             "'.' is not a domain"          },
        { "{domain: '..a.example', tls: none}",                                   "'..a.example' is not a domain"},
        { "{domain: 'a.example.', tls: none}",                                    "'a.example.' is not a domain" },
        { "{domain: 'a b', tls: none}",                                           "'a b' is not a domain"        },
        { "{domain: '[192.0.2.1]', tls: none}",                                   "is not a domain"              },
        { "{domain: b\xc3\xbc.example, tls: none}",                               "xn-- form"                    },
        { "{domain: a.example, tls: none}\n    - {domain: A.EXAMPLE, tls: dane}", "'A.EXAMPLE' is there twice"   },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char yaml[256];
        snprintf(yaml, sizeof yaml, H "relay:\n  tls_policy:\n    - %s\n", rows[i].item);
        if (read_set_up(yaml) || !strstr((said_room[said.len] = '\0', said_room), rows[i].why))
            fail_msg("%s: %.*s", rows[i].item, (int)said.len, said_room);
    }
}

TEST(there_is_an_end_of_them)
{
    static char    yaml[1 << 16];
    struct gp_text text = GP_TEXT(yaml);
    gp_put_z(&text, H "relay:\n  tls_policy:\n");
    for (int i = 0; i < CONFIG_TLS_POLICIES_MOST + 1; i++) {
        gp_put_z(&text, "    - {domain: d");
        gp_put_number(&text, i);
        gp_put_z(&text, ".example, tls: required}\n");
        yaml[text.len] = '\0';
        bool sound     = i < CONFIG_TLS_POLICIES_MOST;
        if (i + 1 >= CONFIG_TLS_POLICIES_MOST) CHECK(read_set_up(yaml) == sound);
    }
    CHECK(strstr((said_room[said.len] = '\0', said_room), "one more than the 256"));
}

TEST(it_is_for_mail_by_mx)
{
    static const char servers[] = H "relay: {via: 'smtp://a', tls_policy: [{domain: a.example, tls: required}]}\n";
    CHECK(!read_set_up(servers));
    CHECK(strstr((said_room[said.len] = '\0', said_room), "relay.tls_policy is for mail by MX"));
}

/* What is shown is what would be read; a route that says no tls= says none after it, either. */
TEST(it_is_shown_as_it_would_be_read)
{
    static char yaml[1 << 16];
    CHECK(read_set_up(table));
    said.len = 0;
    config_show(&config, put_line, &said);
    CHECK(strstr((said_room[said.len] = '\0', said_room), "{domain: \"Bank.Example.NET\", tls: \"dane\"}"));
    CHECK(gp_copy_z(gp_said(&said), yaml, sizeof yaml));
    CHECK(read_set_up(yaml) && config.relay.tls_policy_count == 5);
    CHECK(config_tls_policy_for(&config, &config.routes[1], GP_LIT("bank.example.net")));
    CHECK(!config_tls_policy_for(&config, &config.routes[0], GP_LIT("bank.example.net")));
}
