/* Providers of tokens as they are configured: what presets fill in, and what is said of what does not go together. */
#include "config/schema.h"
#include "config/test_bed.h"

#include <string.h>

#define P "hostname: mail.example.org\nproviders:\n- "

TEST(a_preset_fills_in_what_is_not_said)
{
    CHECK(read_set_up(P "{name: office, preset: microsoft, tenant: example.org, client_id: c}\n"
                        "relay: {provider: office, user: p@example.org}\n"));
    const struct config_provider *p = config_relay_provider(&config);
    CHECK(p && p->grant == PROVIDER_LOGIN && p->timeout == 15);
    CHECK_IS(gp_from(p->token_uri), "https://login.microsoftonline.com/example.org/oauth2/v2.0/token");
    CHECK_IS(gp_from(p->scope), "https://outlook.office.com/SMTP.Send offline_access");
    CHECK_IS(gp_from(config.relay.host), "smtp.office365.com");
    CHECK(config.relay.port == 587 && config.relay.tls == RELAY_TLS_REQUIRED && !config.relay.implicit_tls);
    CHECK(config_relay_proof(&config) == RELAY_PROVIDER);
    CHECK_IS(gp_from(config.relay.mechanisms), "OAUTHBEARER XOAUTH2");
    CHECK(config_lookup_processes(&config) == 1 && config.lookups[0].type == LOOKUP_PROVIDERS);
}

/* As docs/providers.md has them. */
TEST(each_preset_knows_where_its_provider_is)
{
    static const struct {
        const char *item, *host;
        unsigned    port;
        const char *token, *person, *scope; /* person: where a person's yes begins; "": nowhere */
    } rows[] = {
  /* clang-format off */
        { "preset: microsoft, tenant: t, client_id: c", "smtp.office365.com", 587, "https://login.microsoftonline.com/t/oauth2/v2.0/token",
          "https://login.microsoftonline.com/t/oauth2/v2.0/devicecode", "https://outlook.office.com/SMTP.Send offline_access" },
        { "preset: microsoft, tenant: t, client_id: c, grant: client, client_secret_file: s", "smtp.office365.com", 587,
          "https://login.microsoftonline.com/t/oauth2/v2.0/token", NULL, "https://outlook.office365.com/.default" },
        { "preset: microsoft-us, tenant: t, client_id: c", "smtp.office365.us", 587, "https://login.microsoftonline.us/t/oauth2/v2.0/token",
          "https://login.microsoftonline.us/t/oauth2/v2.0/devicecode", "https://outlook.office365.us/SMTP.Send offline_access" },
        { "preset: microsoft-us, tenant: t, client_id: c, grant: client, client_secret_file: s", "smtp.office365.us", 587,
          "https://login.microsoftonline.us/t/oauth2/v2.0/token", NULL, "https://outlook.office365.us/.default" },
        { "preset: microsoft-cn, tenant: t, client_id: c", "smtp.partner.outlook.cn", 587, "https://login.partner.microsoftonline.cn/t/oauth2/v2.0/token",
          "https://login.partner.microsoftonline.cn/t/oauth2/v2.0/devicecode", "https://partner.outlook.cn/SMTP.Send offline_access" },
        { "preset: microsoft-hve, tenant: t, client_id: c, grant: client, client_secret_file: s", "smtp.hve.mx.microsoft", 587,
          "https://login.microsoftonline.com/t/oauth2/v2.0/token", "", "https://outlook.office.com/.default" },
        { "preset: outlook, client_id: c", "smtp-mail.outlook.com", 587, "https://login.microsoftonline.com/consumers/oauth2/v2.0/token",
          "https://login.microsoftonline.com/consumers/oauth2/v2.0/devicecode", "https://outlook.office.com/SMTP.Send offline_access" },
        { "preset: google, client_id: c", "smtp.gmail.com", 587, "https://oauth2.googleapis.com/token",
          "https://accounts.google.com/o/oauth2/v2/auth?access_type=offline&prompt=consent", "https://mail.google.com/" },
        { "preset: google, grant: service-account, key_file: k", "smtp.gmail.com", 587, "https://oauth2.googleapis.com/token", NULL, "https://mail.google.com/" },
        { "preset: yahoo, client_id: c", "smtp.mail.yahoo.com", 465, "https://api.login.yahoo.com/oauth2/get_token",
          "https://api.login.yahoo.com/oauth2/request_auth", "mail-w" },
        { "preset: aol, client_id: c", "smtp.aol.com", 465, "https://api.login.aol.com/oauth2/get_token", "https://api.login.aol.com/oauth2/request_auth", "mail-w" },
        { "preset: fastmail, client_id: c", "smtp.fastmail.com", 465, "https://api.fastmail.com/oauth/refresh", "https://api.fastmail.com/oauth/authorize",
          "https://www.fastmail.com/dev/protocol-smtp" },
  /* clang-format on */
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        char yaml[512];
        (void)snprintf(yaml, sizeof yaml, P "{name: p, %s}\nrelay: {provider: p, user: u}\n", rows[i].item);
        CHECK(read_set_up(yaml));
        const struct config_provider *p = config_relay_provider(&config);
        CHECK_IS(gp_from(config.relay.host), rows[i].host);
        CHECK(config.relay.port == rows[i].port && config.relay.implicit_tls == (rows[i].port == 465));
        CHECK(config.relay.tls == RELAY_TLS_REQUIRED);
        CHECK_IS(gp_from(p->token_uri), rows[i].token);
        CHECK_IS(gp_from(p->scope), rows[i].scope);
        if (rows[i].person) CHECK_IS(gp_from(p->device_uri[0] ? p->device_uri : p->authorize_uri), rows[i].person);
    }
}

TEST(servers_of_providers_are_known_to_spf)
{
    static const struct {
        const char *host, *include;
    } rows[] = {
        {"smtp.office365.com",                       "spf.protection.outlook.com"       },
        { "a-b.mail.protection.outlook.com",         "spf.protection.outlook.com"       },
        { "SMTP.office365.us",                       "spf.protection.office365.us"      },
        { "email-smtp.eu-west-1.amazonaws.com",      "amazonses.com"                    },
        { "ec2-192-0-2-1.compute.amazonaws.com",     ""                                 },
        { "email-smtp.eu-west-1.amazonaws.com.evil", ""                                 },
        { "smtp.eu.mailgun.org",                     "mailgun.org"                      },
        { "a-b.mail.protection.office365.us",        "spf.protection.office365.us"      },
        { "a.mail.protection.partner.outlook.cn",    "spf.protection.partner.outlook.cn"},
        { "smtp.zoho.eu",                            "zohomail.eu"                      },
        { "smtp.ionos.de",                           "_spf-eu.ionos.com"                },
        { "smtp.example.net",                        ""                                 },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++)
        CHECK_IS(gp_from(config_spf_include(gp_from(rows[i].host))), rows[i].include);
}

TEST(what_is_said_stands_before_the_preset)
{
    CHECK(read_set_up(P "{name: g, preset: google, client_id: c, scope: s, token_uri: 'http://127.0.0.1:8/t'}\n"
                        "relay: {via: 'smtps://other.example', provider: g, user: u}\n"
                        "notices: {webhook: 'https://w/'}\nsources: [{name: a, type: pam}]\n"));
    CHECK_IS(gp_from(config.providers[0].scope), "s");
    CHECK_IS(gp_from(config.providers[0].token_uri), "http://127.0.0.1:8/t");
    CHECK_IS(gp_from(config.relay.host), "other.example");
    CHECK(config.relay.port == 465);
    CHECK(config_token_process(&config) == 2 && config.lookups[2].type == LOOKUP_PROVIDERS);
    CHECK(config.lookups[1].type == LOOKUP_WEBHOOK && config_lookup_processes(&config) == 3);
}

TEST(without_providers_nothing_is_there)
{
    CHECK(read_set_up(H) && config.provider_count == 0 && !config_relay_provider(&config));
    CHECK(config_lookup_processes(&config) == 1 && config.lookups[0].type == LOOKUP_WEB); /* mail goes by MX */
}

#define O "preset: other, token_uri: 'https://i/t', device_uri: 'https://i/d'"

TEST(what_does_not_go_together_is_said)
{
    static const struct {
        const char *item, *said;
    } cases[] = {
  /* clang-format off */
        { "office\n", "3: providers: 'office' is no mapping with a name and a client_id" },
        { "{client_id: c, " O "}\n", "3: providers: name: is missing" },
        { "{name: a, client: c, " O "}\n", "3: providers: unknown key 'client'" },
        { "{name: a, preset: hotmail}\n", "3: providers: preset: 'hotmail'" },
        { "{name: a, preset: microsoft, client_id: c}\n", "3: providers: a: tenant is missing: the directory's ID, or one of its domains" },
        { "{name: a, preset: microsoft, tenant: 'a/b', client_id: c}\n", "3: providers: a: tenant has characters that none has" },
        { "{name: a, preset: google, grant: client, client_id: c, client_secret_file: s}\n", "3: providers: a: its preset has no such grant" },
        { "{name: a, preset: microsoft-hve, tenant: t, client_id: c}\n", "3: providers: a: its preset has no such grant" },
        { "{name: a, preset: google}\n", "3: providers: a: client_id is missing" },
        { "{name: a, client_id: c}\n", "3: providers: a: token_uri is missing: where tokens are given" },
        { "{name: a, client_id: c, token_uri: 'https://i/t'}\n", "3: providers: a: grant: login needs device_uri or authorize_uri" },
        { "{name: a, client_id: c, token_uri: 'http://i/t', device_uri: 'https://i/d'}\n", "3: providers: a: its addresses must be https://HOST/PATH" },
        { "{name: a, client_id: c, redirect_uri: 'http://evil/', " O "}\n", "3: providers: a: redirect_uri must begin with" },
        { "{name: a, grant: client, client_id: c, " O "}\n", "3: providers: a: grant: client needs client_secret_file, or key_file and certificate_file" },
        { "{name: a, grant: client, client_id: c, key_file: k, " O "}\n", "3: providers: a: key_file needs the certificate" },
        { "{name: a, client_id: c, certificate_file: k, " O "}\n", "3: providers: a: certificate_file has no key" },
        { "{name: a, client_id: c, client_secret_file: s, key_file: k, " O "}\n", "3: providers: a: client_secret_file and key_file are two ways" },
        { "{name: a, preset: google, grant: service-account}\n", "3: providers: a: grant: service-account needs its key" },
        { "{name: a, client_id: c, " O "}\n- {name: a, client_id: c, " O "}\n", "4: providers: a: two providers have this name" },
        { "{name: a, client_id: c, " O "}\nrelay: {provider: b, user: u, via: 'smtp://h'}\n", "4: relay.provider is none of providers" },
        { "{name: a, client_id: c, " O "}\nrelay: {provider: a, via: 'smtp://h'}\n", "4: relay.provider has no user" },
        { "{name: a, client_id: c, " O "}\nrelay: {provider: a, user: u, token_file: t, via: 'smtp://h'}\n", "4: relay.provider stands in the place of" },
  /* clang-format on */
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        char yaml[1024], want[256];
        (void)snprintf(yaml, sizeof yaml, P "%s", cases[i].item);
        (void)snprintf(want, sizeof want, "gatepost.yml:%s", cases[i].said);
        CHECK(!read_set_up(yaml));
        if (!gp_starts(gp_said(&said), want)) CHECK_IS(gp_said(&said), want);
    }
}

TEST(what_is_shown_reads_back)
{
    static char    room[1 << 16];
    struct gp_text yaml = GP_TEXT(room);
    CHECK(read_set_up(P "{name: g, preset: google, client_id: c}\nrelay: {provider: g, user: u}\n"));
    config_show(&config, put_line, &yaml);
    gp_put_char(&yaml, '\0');
    struct config_provider before = config.providers[0];
    CHECK(read_set_up(room));
    CHECK(config.provider_count == 1 && memcmp(&before, &config.providers[0], sizeof before) == 0);
}
