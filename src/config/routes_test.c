/* Routes: what their keys may be, which one is for a recipient, and what the queue and the relay call it. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "config/test_bed.h"

#define R(keys) "  - {" keys "}\n"

/* ---- reading ------------------------------------------------------------------------------------------------------------ */
TEST(routes_are_read_and_shown_as_they_would_be_read)
{
    CHECK(read_set_up(H "routes:\n" R("name: partner, to: example.net *.example.net, via: 'smtp://[::1]:25?tls=none'")
                          R("name: home, account: anna, from: example.org, via: mx?tls=required")));
    CHECK(config.route_count == 2);
    const struct config_route *a = &config.routes[0], *b = &config.routes[1];
    CHECK(a->via->kind == RELAY_SMARTHOST && a->via->tls == RELAY_TLS_NONE && a->via->port == 25 &&
          !a->via->implicit_tls);
    CHECK_IS(gp_from(a->via->host), "::1");
    CHECK(b->via->kind == RELAY_MX && b->via->tls == RELAY_TLS_REQUIRED);
    CHECK_IS(gp_from(b->account), "anna");
    CHECK(config.relay.kind == RELAY_MX && config.relay.tls == RELAY_TLS_OPPORTUNISTIC); /* as it was */
}

TEST(servers_of_a_route_are_shown_as_they_would_be_read)
{
    static const struct {
        const char *given, *shown;
    } rows[] = {
        {"smtp://a",                                                          "smtp://a:587?tls=required"                      },
        { "smtps://a:1?weight=7  smtp://[::1]?tls=none",
         "smtps://a:1?tls=required&weight=7 smtp://[::1]:587?tls=none"                                                         },
        { "smtp://a?weight=1&tls=none smtp://b?tls=opportunistic&weight=100",
         "smtp://a:587?tls=none smtp://b:587?tls=opportunistic&weight=100"                                                     },
        { "mx?tls=dane",                                                      "mx?tls=dane"                                    },
        { "smtp://a?tls=encrypted",                                           "smtp://a:587?tls=encrypted"                     },
        { "lmtp://a:2003?tls=none lmtp://a",                                  "lmtp://a:2003?tls=none lmtp://a:24?tls=required"},
        { "lmtp:/run/dovecot/lmtp",                                           "lmtp:/run/dovecot/lmtp?tls=none"                },
        { "mx",                                                               "mx"                                             },
        { "mx?tls=opportunistic",                                             "mx?tls=opportunistic"                           },
        { "hold",                                                             "hold"                                           },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char           yaml[512], room[256];
        struct gp_text shown = GP_TEXT(room);
        snprintf(yaml, sizeof yaml, H "routes:\n" R("name: a, to: a, via: '%s'"), rows[i].given);
        for (size_t again = 0; again < 2; again++) {
            CHECK(read_set_up(yaml));
            shown.len = 0;
            for (size_t k = 0; k < CONFIG_HOPS_MOST && config.routes[0].via[k].set; k++) {
                gp_put_z(&shown, k ? " " : "");
                config_put_hop(&shown, &config.routes[0].via[k]);
            }
            CHECK_IS(gp_said(&shown), rows[i].shown);
            snprintf(yaml, sizeof yaml, H "routes:\n" R("name: a, to: a, via: '%.*s'"), (int)shown.len, room);
        }
    }
}

static void is_no_route(const char *keys, const char *why)
{
    char yaml[512];
    snprintf(yaml, sizeof yaml, H "routes:\n%s", keys);
    CHECK(!read_set_up(yaml));
    CHECK_IS(gp_said(&said), why);
}

TEST(what_a_route_cannot_be)
{
    static const struct {
        const char *keys, *said;
    } rows[] = {
        {R("to: a, via: mx"),                                                                          "gatepost.yml:3: routes: a route must have a name\n"                                       },
        { R("name: a, to: a"),
         "gatepost.yml:3: routes: a: via is missing: mx, smtp://HOST:PORT, smtps://HOST:PORT, lmtp:/PATH, discard or hold\n"                                                                      },
        { R("name: a, via: mx"),                                                                       "gatepost.yml:3: routes: a: whose mail is it for? Write to, from or account\n"             },
        { R("name: a, to: a, via: mx") R("name: A, to: b, via: mx"),
         "gatepost.yml:4: routes: A: two routes have this name\n"                                                                                                                                 },
        { R("name: a, to: a, to: b, via: mx"),                                                         "gatepost.yml:3: routes: to: is given twice\n"                                             },
        { R("name: a, two: a, via: mx"),                                                               "gatepost.yml:3: routes: unknown key 'two' (did you mean 'to'?)\n"                         },
        { R("name: a, to: a, via: 'http://x'"),
         "gatepost.yml:3: routes: via: 'http://x' is not 'mx', 'smtp://HOST:PORT', 'smtps://HOST:PORT', 'lmtp://HOST:PORT', 'lmtp:/PATH', 'discard' or 'hold'\n"                                  },
        { R("name: a, to: a, via: mx, user: u, password_file: p"),
         "gatepost.yml:3: routes: a: user is for a server that via names, and via names none\n"                                                                                                   },
        { R("name: a, to: a, via: hold, from_address: 127.0.0.1"),
         "gatepost.yml:3: routes: a: from_address is for mail that leaves\n"                                                                                                                      },
        { R("name: a, to: a, via: mx, from_address: 127.0.0.1 127.0.0.2"),
         "gatepost.yml:3: routes: a: from_address is an address of IPv4, one of IPv6, or both with a blank between them\n"                                                                        },
        { R("name: a, to: a, via: mx, from_address: '::ffff:127.0.0.1'"),
         "gatepost.yml:3: routes: a: from_address is an address of IPv4, one of IPv6, or both with a blank between them\n"                                                                        },
        { R("name: a, to: a, via: mx, from_address: 127.0.0.1:25"),
         "gatepost.yml:3: routes: a: from_address is an address of IPv4, one of IPv6, or both with a blank between them\n"                                                                        },
        { R("name: a, to: a, via: hold, user: u, password_file: p"),
         "gatepost.yml:3: routes: a: user is for a server that via names, and via names none\n"                                                                                                   },
        { R("name: a, to: a, via: 'discard?tls=none'"),
         "gatepost.yml:3: routes: via: 'discard?tls=none' is not 'mx', 'smtp://HOST:PORT', 'smtps://HOST:PORT', 'lmtp://HOST:PORT', 'lmtp:/PATH', 'discard' or 'hold'\n"                          },
        { R("name: a, to: a, via: 'smtp://a?tls=none', user: u, password_file: p"),
         "gatepost.yml:3: routes: a: user needs tls=required or tls=dane in via: else the password or token goes to whoever answers\n"                                                            },
        { R("name: a, to: a, via: 'smtp://a', user: u"),
         "gatepost.yml:3: routes: a: user needs one of password_file, token_file and provider\n"                                                                                                  },
        { R("name: a, to: a, via: 'smtp://a', user: u, password_file: p, token_file: t"),
         "gatepost.yml:3: routes: a: user needs one of password_file, token_file and provider\n"                                                                                                  },
        { R("name: a, to: a, via: 'smtp://a', password_file: p"),
         "gatepost.yml:3: routes: a: there is nobody to sign in: write user\n"                                                                                                                    },
        { R("name: a, to: a, via: 'smtp://a', user: u, password_file: p, mechanisms: PLAIN EXTERNAL"),
         "gatepost.yml:3: routes: a: mechanisms: EXTERNAL needs certificate_file\n"                                                                                                               },
        { R("name: a, to: a, via: 'smtp://a', user: u, password_file: p, mechanisms: XOAUTH2"),
         "gatepost.yml:3: routes: a: mechanisms: OAUTHBEARER and XOAUTH2 are for token_file and provider, and others for password_file\n"                                                         },
        { "  - mx\n",                                                                                  "gatepost.yml:3: routes: 'mx' is not a mapping with a name, via, and to, from or account\n"},
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) is_no_route(rows[i].keys, rows[i].said);
}

TEST(what_a_sign_in_of_a_route_cannot_be)
{
    static const struct {
        const char *keys, *said;
    } rows[] = {
        {R("name: a, to: a, via: mx, login: account"),
         "gatepost.yml:3: routes: a: login is for a server that via names, and via names none\n"                                                                     },
        { R("name: a, to: a, via: 'smtp://a?tls=none', login: account"),
         "gatepost.yml:3: routes: a: login: account needs tls=required or tls=dane in via: else passwords or tokens go to whoever answers\n"                         },
        { R("name: a, to: a, via: 'smtp://a', login: account, user: u"),
         "gatepost.yml:3: routes: a: login: account is each account's own: it goes with provider, or with nothing, and not with user, password_file and token_file\n"},
        { R("name: a, to: a, via: 'smtp://a', login: account, certificate_file: c, key_file: k, mechanisms: EXTERNAL PLAIN"),
         "gatepost.yml:3: routes: a: mechanisms: with login: account each signs in as itself, and EXTERNAL signs in as our certificate\n"                            },
        { R("name: a, to: a, via: 'smtp://a', login: account, certificate_file: c"),
         "gatepost.yml:3: routes: a: certificate_file has no key: name its file as key_file\n"                                                                       },
        { R("name: a, to: a, via: 'smtp://a', login: account, mechanisms: XOAUTH2"),
         "gatepost.yml:3: routes: a: mechanisms: OAUTHBEARER and XOAUTH2 are for token_file and provider, and others for password_file\n"                            },
        { R("name: a, to: a, via: 'smtp://a', certificate_file: c"),
         "gatepost.yml:3: routes: a: certificate_file has no key: name its file as key_file\n"                                                                       },
        { R("name: a, to: a, via: 'smtp://a', key_file: k"),
         "gatepost.yml:3: routes: a: key_file has no certificate: name its file as certificate_file\n"                                                               },
        { R("name: a, to: a, via: mx, certificate_file: c, key_file: k"),
         "gatepost.yml:3: routes: a: certificate_file is for a server that via names, and via names none\n"                                                          },
        { R("name: a, to: a, via: 'smtp://a?tls=encrypted', certificate_file: c, key_file: k"),
         "gatepost.yml:3: routes: a: certificate_file needs tls=required or tls=dane in via: else it goes to whoever answers\n"                                      },
        { R("name: a, to: a, via: 'smtp://a', certificate_file: c, key_file: k, mechanisms: EXTERNAL PLAIN"),
         "gatepost.yml:3: routes: a: mechanisms: with certificate_file, and no password or token, EXTERNAL alone can be used\n"                                      },
        { R("name: a, to: a, via: 'smtp://a', certificate_file: c, key_file: k, password_file: p"),
         "gatepost.yml:3: routes: a: there is nobody to sign in: write user\n"                                                                                       },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) is_no_route(rows[i].keys, rows[i].said);
}

TEST(what_servers_of_a_route_cannot_be)
{
    static const struct {
        const char *keys, *said;
    } rows[] = {
        {R("name: a, to: a, via: mx, fallback: 'smtp://a'"),
         "gatepost.yml:3: routes: a: fallback is for servers that via names, and via names none\n"                                                              },
        { R("name: a, to: a, via: 'smtp://a', fallback: 'lmtp:/a'"),
         "gatepost.yml:3: routes: a: a route leads to servers of SMTP or to stores of LMTP, not to both: what a report says of the one is not so of the other\n"},
        { R("name: a, to: a, via: 'smtp://a', fallback: mx"),
         "gatepost.yml:3: routes: fallback: 'mx' names several, which may be servers only, or names none\n"                                                     },
        { R("name: a, to: a, via: smtp://a mx"),
         "gatepost.yml:3: routes: via: 'smtp://a mx' names several, which may be servers only, or names none\n"                                                 },
        { R("name: a, to: a, via: smtp://a smtp://b smtp://c smtp://d smtp://e"),
         "gatepost.yml:3: routes: via: 'smtp://a smtp://b smtp://c smtp://d smtp://e' is more than four servers\n"                                              },
        { R("name: a, to: a, via: smtp://a?weight=101"),
         "gatepost.yml:3: routes: via: 'weight=101' is not weight=1 to weight=100\n"                                                                            },
        { R("name: a, to: a, via: smtp://a?wait=1"),
         "gatepost.yml:3: routes: via: 'wait=1' is not tls=required, tls=dane, tls=encrypted, tls=opportunistic, tls=none or weight=NUMBER\n"                   },
        { R("name: a, to: a, via: lmtp:/a?tls=required"),
         "gatepost.yml:3: routes: via: '/a' is a UNIX socket: there is no TLS on it\n"                                                                          },
        { R("name: a, to: a, via: hold, messages_per_minute: 5"),
         "gatepost.yml:3: routes: a: messages_per_minute, connections and recipients are for mail that leaves\n"                                                },
        { R("name: a, to: a, via: lmtp:/a, from_address: 127.0.0.1"),
         "gatepost.yml:3: routes: a: from_address is for mail that leaves\n"                                                                                    },
        { R("name: a, to: a, via: smtp://a smtp://b?tls=none, user: u, password_file: p"),
         "gatepost.yml:3: routes: a: user needs tls=required or tls=dane in via: else the password or token goes to whoever answers\n"                          },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) is_no_route(rows[i].keys, rows[i].said);
}

TEST(each_way_has_a_login_of_its_own)
{
    CHECK(read_set_up(H "relay: {via: 'smtp://r', user: ru, token_file: rt}\nroutes:\n" R(
        "name: none, to: a, via: 'smtp://n'") R("name: p, to: b, via: 'smtp://p', user: pu, password_file: pp")
                          R("name: t, to: c, via: 'smtp://t', user: tu, token_file: tt")));
    static const struct {
        const char      *user, *host, *begins;
        enum relay_proof proof;
    } rows[] = {
        {"ru",  "r", "OAUTHBEARER XOAUTH2", RELAY_TOKEN   },
        { "",   "n", "",                    RELAY_NO_PROOF},
        { "pu", "p", "SCRAM-SHA-512-PLUS ", RELAY_PASSWORD},
        { "tu", "t", "OAUTHBEARER XOAUTH2", RELAY_TOKEN   },
    };
    CHECK(config_logins(&config) == GP_COUNT(rows));
    CHECK(!config_login_provider(&config, 3));
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct config_login l = config_login_of(&config, i);
        CHECK_IS(gp_from(l.user), rows[i].user);
        CHECK_IS(gp_from(l.host), rows[i].host);
        CHECK(l.proof == rows[i].proof && gp_starts(gp_from(l.mechanisms), rows[i].begins));
        CHECK(config_login_for(&config, i ? &config.routes[i - 1] : NULL) == i);
    }
}

TEST(a_route_may_have_its_tokens_from_a_provider)
{
#define PROVIDERS                                                                                                      \
    "providers:\n  - {name: o, preset: microsoft, client_id: c, tenant: t}\n  - {name: g, preset: google, grant: service-account, key_file: k}\n"
    CHECK(read_set_up(H "routes:\n" R("name: one, to: a, via: 'smtp://n'")
                          R("name: two, to: b, via: 'smtp://p', user: pu, provider: o") PROVIDERS));
    CHECK(config_login_of(&config, 2).proof == RELAY_PROVIDER &&
          config_login_provider(&config, 2) == &config.providers[0]);
    CHECK_IS(gp_from(config_login_of(&config, 2).mechanisms), "OAUTHBEARER XOAUTH2");
    CHECK(config_login_by(&config, &config.providers[0]) == 2 && config_login_by(&config, &config.providers[1]) == 3);
    CHECK(!read_set_up(H "routes:\n" R("name: two, to: b, via: 'smtp://p', user: pu, provider: x") PROVIDERS));
    CHECK(gp_ends(gp_said(&said), "routes: the provider of a route is none of providers\n"));
    CHECK(!read_set_up(H "routes:\n" R("name: one, to: a, via: 'smtp://n', user: a, provider: g")
                           R("name: two, to: b, via: 'smtp://p', user: b, provider: g") PROVIDERS));
    CHECK(gp_ends(gp_said(&said), "write it twice, with two names\n"));
}

/* ---- choosing ------------------------------------------------------------------------------------------------------------ */
TEST(the_first_route_that_fits_is_taken)
{
    static const struct {
        const char *domain, *sender, *account, *route;
    } rows[] = {
        {"example.net",        "anna@example.org",     "anna", "partner" },
        { "EXAMPLE.net",       "",                     "",     "partner" }, /* our own reports go there, too */
        { "a.b.Example.Net",   "anna@example.org",     "anna", "partner" },
        { "notexample.net",    "anna@example.org",     "anna", NULL      },
        { ".example.net",      "anna@example.org",     "anna", NULL      },
        { "net",               "anna@example.org",     "anna", NULL      },
        { "elsewhere.example", "anna@example.org",     "anna", NULL      },
        { "elsewhere.example", "shop@example.org",     "anna", "shop"    },
        { "elsewhere.example", "SHOP@example.org",     "bob",  "shop"    },
        { "elsewhere.example", "workshop@example.org", "bob",  NULL      },
        { "elsewhere.example", "x@sales.example",      "bob",  "shop"    },
        { "elsewhere.example", "x@a.sales.example",    "bob",  NULL      },
        { "elsewhere.example", "x@example.org",        "Fax",  "machines"},
        { "elsewhere.example", "x@example.org",        "faxe", NULL      },
        { "example.net",       "x@example.org",        "fax",  "partner" }, /* the first */
        { "elsewhere.example", "sales.example",        "bob",  NULL      }, /* no domain in it */
        { "other.example",     "",                     "",     NULL      }, /* `from: *` is for who has one */
        { "other.example",     "x@example.org",        "bob",  "both"    },
        { "other.example",     "x@example.org",        "anna", NULL      },
    };
    CHECK(read_set_up(H "routes:\n" R("name: partner, to: 'example.net  *.example.net', via: 'smtp://a'")
                          R("name: shop, from: shop@example.org sales.example, via: 'smtp://a'")
                              R("name: machines, account: scanner fax, via: 'smtp://a'")
                                  R("name: both, to: other.example, from: '*', account: bob, via: 'smtp://a'")));
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        const struct config_route *r =
            config_route_for(&config, gp_from(rows[i].domain), gp_from(rows[i].sender), gp_from(rows[i].account));
        CHECK_IS(gp_from(r ? r->name : "none"), rows[i].route ? rows[i].route : "none");
    }
}

TEST(an_international_domain_is_the_same_in_both_forms)
{
    static const struct {
        const char *domain, *sender, *route;
    } rows[] = {
        {"b\u00fccher.example",         "",                        "books" },
        { "xn--bcher-kva.example",      "",                        "books" },
        { "B\u00dcCHER.example",        "",                        "books" },
        { "a.xn--bcher-kva.example",    "",                        "below" },
        { "\u00e4.b\u00fccher.example", "",                        "below" },
        { "xb\u00fccher.example",       "",                        "none"  },
        { "bucher.example",             "",                        "none"  },
        { "[192.0.2.1]",                "",                        "none"  },
        { "\u3002.\u3002",              "",                        "none"  },
        { "example.net",                "x@stra\u00dfe.example",   "street"},
        { "example.net",                "x@xn--strae-oqa.example", "street"},
        { "example.net",                "y@xn--strae-oqa.example", "none"  },
        { "example.net",                "X@xn--strae-oqa.example", "street"},
    };
    CHECK(read_set_up(H "routes:\n" R("name: books, to: xn--bcher-kva.example, via: hold")
                          R("name: below, to: '*.b\u00fccher.example', via: hold")
                              R("name: street, from: 'x@stra\u00dfe.example', via: hold")));
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        const struct config_route *r =
            config_hold_for(&config, gp_from(rows[i].domain), gp_from(rows[i].sender), GP_NONE);
        CHECK_IS(gp_from(r ? r->name : "none"), rows[i].route);
    }
}

TEST(a_route_that_holds_is_no_way_but_stands_before_one)
{
    static const struct {
        const char *domain, *holds, *route;
    } rows[] = {
        {"held.example",     "hold", "gone" },
        { "gone.example",    "none", "gone" },
        { "first.example",   "none", "first"},
        { "only.example",    "only", "none" },
        { "nothing.example", "none", "none" },
    };
    CHECK(read_set_up(H "routes:\n" R("name: first, to: first.example, via: 'smtp://a'")
                          R("name: hold, to: held.example first.example, via: hold")
                              R("name: gone, to: gone.example held.example, via: discard")
                                  R("name: only, to: only.example, via: hold")));
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        const struct config_route *holds = config_hold_for(&config, gp_from(rows[i].domain), GP_NONE, GP_NONE),
                                  *way   = config_route_for(&config, gp_from(rows[i].domain), GP_NONE, GP_NONE);
        CHECK_IS(gp_from(holds ? holds->name : "none"), rows[i].holds);
        CHECK_IS(gp_from(way ? way->name : "none"), rows[i].route);
    }
}

TEST(a_route_leaves_from_where_it_says_and_from_nowhere_else)
{
    struct sockaddr_storage from;
    CHECK(read_set_up(H "routes:\n" R("name: both, to: a, via: mx, from_address: '2001:db8::1  192.0.2.1'")
                          R("name: four, to: b, via: mx, from_address: 192.0.2.4") R("name: any, to: c, via: mx")));
    const struct config_route *both = &config.routes[0], *four = &config.routes[1], *any = &config.routes[2];
    CHECK(config_source(both, AF_INET, &from) && from.ss_family == AF_INET);
    CHECK(((struct sockaddr_in *)&from)->sin_addr.s_addr == inet_addr("192.0.2.1"));
    CHECK(config_source(both, AF_INET6, &from) && ((struct sockaddr_in6 *)&from)->sin6_addr.s6_addr[15] == 1);
    CHECK(config_source(four, AF_INET, &from) && !config_source(four, AF_INET6, &from));
    CHECK(config_leaves_by(four, AF_INET) && !config_leaves_by(four, AF_INET6) && config_leaves_by(both, AF_INET6));
    CHECK(!config_source(any, AF_INET, &from) && config_leaves_by(any, AF_INET6) && config_leaves_by(NULL, AF_INET6));
}

/* ---- names --------------------------------------------------------------------------------------------------------------- */
static void is_called(const char *route, const char *domain, const char *destination, const char *host)
{
    char                       room[400];
    struct gp_text             text = GP_TEXT(room);
    struct config_way          way;
    const struct config_route *r = route ? config_route_named(&config, gp_from(route)) : NULL;
    config_put_destination(&text, &config, r, gp_from(domain), (struct config_account) { 0 });
    CHECK_IS(gp_said(&text), destination);
    CHECK(config_read_destination(&config, gp_said(&text), &way) && way.route == r);
    CHECK_IS(gp_from(way.hop.host), host);
    if (way.hop.kind == RELAY_MX) CHECK(gp_alike(way.domain, gp_from(domain)));
    CHECK(gp_alike(config_route_in(gp_said(&text)), gp_from(route)));
}

TEST(a_destination_says_which_way)
{
    static const char routes[] = "routes:\n" R("name: Host, to: a, via: 'smtp://h'") R("name: m, to: b, via: mx");
    char              yaml[256];
    struct config_way way;
    snprintf(yaml, sizeof yaml, H "%s", routes);
    CHECK(read_set_up(yaml));
    is_called(NULL, "Example.NET", "example.net", "");
    is_called("Host", "a", "via:host", "h");
    is_called("m", "Example.NET", "via:m example.net", "");
    CHECK(!config_read_destination(&config, GP_LIT("via:gone"), &way) &&
          !config_read_destination(&config, GP_LIT("via:"), &way));
    CHECK(!config_read_destination(&config, GP_LIT("via:m"), &way)); /* to which domain? */
    CHECK(!config_read_destination(&config, GP_LIT("via:host example.net"), &way));
    CHECK(!config_read_destination(&config, GP_LIT("via:host "), &way)); /* a name that no message is given */
    snprintf(yaml, sizeof yaml, H "relay: {via: 'smtps://s'}\n%s", routes);
    CHECK(read_set_up(yaml));
    is_called(NULL, "example.net", "smarthost", "s");
    is_called("m", "example.net", "via:m example.net", "");
}

TEST(where_each_account_signs_in_its_name_is_in_the_destination)
{
    char              room[400];
    struct gp_text    text = GP_TEXT(room);
    struct config_way way;
    CHECK(read_set_up(H "routes:\n" R("name: Own, to: a, via: 'smtp://h', login: account")
                          R("name: t, to: b, via: 'smtp://h', login: account, provider: p") "providers:\n" R(
                              "name: p, client_id: c, token_uri: 'https://p/', device_uri: 'https://p/'")));
    config_put_destination(&text, &config, &config.routes[0], GP_LIT("a"),
                           (struct config_account) { GP_LIT("Ada@example.org"), 17 });
    CHECK_IS(gp_said(&text), "via:own 17 Ada@example.org");
    CHECK(config_read_destination(&config, gp_said(&text), &way) && way.route == &config.routes[0] && !way.domain.len);
    CHECK(way.account.number == 17);
    CHECK_IS(way.account.name, "Ada@example.org");
    static const char *const whose[] = { "via:own",        "via:own ",
                                         "via:own ada",    "via:own 17",
                                         "via:own 17 ",    "via:own 017 ada",
                                         "via:own -1 ada", "via:own 99999999999999999999 ada" };
    for (size_t i = 0; i < GP_COUNT(whose); i++) CHECK(!config_read_destination(&config, gp_from(whose[i]), &way));
    CHECK(!config_route_for(&config, GP_LIT("a"), GP_NONE, GP_LIT("")));
    CHECK(config_route_for(&config, GP_LIT("a"), GP_NONE, GP_LIT("ada")) == &config.routes[0]);
    CHECK(config_signs_in(&config, 1) && !config_has_own_token(&config, 1) && config_has_own_token(&config, 2));
    CHECK(strstr(config.routes[0].mechanisms, "PLAIN") && !strstr(config.routes[0].mechanisms, "XOAUTH2"));
    CHECK(strstr(config.routes[1].mechanisms, "XOAUTH2") && !strstr(config.routes[1].mechanisms, "PLAIN"));
    CHECK(config_login_by(&config, &config.providers[0]) == config_logins(&config) &&
          config_own_login_by(&config, &config.providers[0]) == 2);
}

TEST(a_route_may_have_a_certificate_of_its_own)
{
    CHECK(read_set_up(
        H "relay: {via: 'smtp://r', certificate_file: rc, key_file: rk}\nroutes:\n" R(
            "name: alone, to: a, via: 'smtp://a', certificate_file: ac, key_file: ak")
            R("name: none, to: b, via: 'smtp://b'")
                R("name: both, to: c, via: 'smtp://c', certificate_file: cc, key_file: ck, user: u, password_file: p")
                    R("name: who, to: d, via: 'smtp://d', certificate_file: dc, key_file: dk, user: u")
                        R("name: own, to: e, via: 'smtp://e', certificate_file: ec, key_file: ek, login: account")));
    static const struct {
        bool             presents, signs_in;
        enum relay_proof proof;
        const char      *certificate, *first;
    } rows[] = {
        {true,   false, RELAY_CERTIFICATE, "rc", "EXTERNAL" },
        { true,  false, RELAY_CERTIFICATE, "ac", "EXTERNAL" },
        { false, false, RELAY_NO_PROOF,    "",   ""         },
        { true,  true,  RELAY_PASSWORD,    "cc", "EXTERNAL "},
        { true,  true,  RELAY_CERTIFICATE, "dc", "EXTERNAL" },
        { true,  true,  RELAY_PASSWORD,    "ec", "SCRAM-"   }, /* each as itself, not as the house */
    };
    CHECK(config_logins(&config) == GP_COUNT(rows));
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct config_login of = config_login_of(&config, i);
        CHECK(config_presents(&config, i) == rows[i].presents && config_signs_in(&config, i) == rows[i].signs_in);
        CHECK(of.proof == rows[i].proof && gp_starts(gp_from(of.mechanisms), rows[i].first));
        CHECK(!of.own || !strstr(of.mechanisms, "EXTERNAL"));
        CHECK_IS(gp_from(of.certificate_file), rows[i].certificate);
    }
}

PROPERTY(nothing_else_is_called_as_a_destination_is, bytes)
{
    static const struct config two = {
        .routes      = {{ .name = "h", .via = { { .kind = RELAY_SMARTHOST } } },
                        { .name = "m" },
                        { .name = "o", .via = { { .kind = RELAY_SMARTHOST } }, .login = LOGIN_OF_ACCOUNT }},
        .route_count = 3
    };
    struct config_way way;
    if (!config_read_destination(&two, bytes, &way) || !way.route) return;
    char           room[400];
    struct gp_text text = GP_TEXT(room);
    config_put_destination(&text, &two, way.route, way.domain, way.account);
    CHECK(text.cut || gp_alike(gp_said(&text), bytes));
}
