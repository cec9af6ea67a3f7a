/* What is read out of files and the environment, and every sentence that tells somebody what is wrong with them. */
#include "config/schema.h"

#include "config/test_bed.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WRONG_WEBHOOK                                                                                                  \
    "notices.webhook must be https://HOST/PATH, without a name or password in it (http:// only to this host)\n"
#define MORE_THAN_A_PASSWORD                                                                                           \
    "relay.mechanisms: the relay signs in with relay.user and its password: it cannot use OAUTHBEARER or XOAUTH2, nor EXTERNAL without relay.certificate_file\n"
#define NEEDS_TLS                                                                                                      \
    "relay.user needs tls=required or tls=dane in relay.via: else the password or token goes to whoever answers\n"

TEST(two_lines_are_enough)
{
    CHECK(read_set_up("hostname: mail.example.org\ndomain: example.com\n"));
    CHECK_IS(gp_said(&said), "");
    CHECK_IS(gp_from(config.hostname), "mail.example.org");
    CHECK_IS(gp_from(config.domain), "example.com");
    CHECK(config.listen_count == 2);
    CHECK(config.listen[0].kind == LISTEN_SUBMISSION && config.listen[1].kind == LISTEN_SUBMISSIONS);
    CHECK_IS(gp_from(config.listen[0].address), "[::]:587");
    CHECK_IS(gp_from(config.certificates[0].certificate), "tls/cert.pem");
    CHECK_IS(gp_from(config.certificates[0].key), "tls/key.pem");
    CHECK(config.limits.message_size == 50 << 20);
    CHECK(config.limits.recipients == 100);
    CHECK(config.queue.retry_count == 7 && config.queue.retries[0] == 300 && config.queue.retries[6] == 4 * 3600);
    CHECK(config.queue.lifetime == 5 * 86400 && config.queue.delay_notice == 4 * 3600);
    CHECK(config.relay.kind == RELAY_MX && config.relay.tls == RELAY_TLS_OPPORTUNISTIC && config.relay.mx_port == 25);
    CHECK(config.passwords.scram && config.passwords.scram_iterations == 600000 && config.dkim.sign &&
          config.hide_client);
    CHECK(config.log_format == LOG_LOGFMT && config.log_level == LOG_INFO);
}

TEST(as_many_recipients_as_rfc_5321_asks_for) /* RFC 5321 4.5.3.1.8 */
{
    char   *text  = kit_file("tests/vectors/addresses.json", NULL);
    json_t *all   = json_loads(text, JSON_ALLOW_NUL, NULL),
           *least = json_object_get(json_object_get(all, "limits"), "recipients_min");
    CHECK(json_is_integer(least) && read_set_up(H) && config.limits.recipients >= json_integer_value(least));
    json_decref(all);
    free(text);
}

TEST(the_domain_follows_from_the_hostname)
{
    static const struct {
        const char *hostname, *domain;
    } cases[] = {
        {"mail.example.org", "example.org"  },
        { "a.b.example.org", "b.example.org"},
        { "example.org",     "example.org"  },
        { "localhost",       "localhost"    }
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        char yaml[64];
        snprintf(yaml, sizeof yaml, "hostname: %s\n", cases[i].hostname);
        CHECK(read_set_up(yaml));
        CHECK_IS(gp_from(config.domain), cases[i].domain);
    }
}

TEST(what_the_relay_signs_in_with_picks_its_mechanisms)
{
    static const struct {
        const char      *keys, *begins;
        enum relay_proof proof;
    } cases[] = {
        {"via: 'smtp://a', user: u, token_file: t",                                                                     "OAUTHBEARER XOAUTH2",          RELAY_TOKEN      },
        { "via: 'smtp://a', user: u, token_file: t, mechanisms: xoauth2",                                               "xoauth2",                      RELAY_TOKEN      },
        { "via: 'smtp://a', user: u, password_file: p",                                                                 "SCRAM-SHA-512-PLUS ",          RELAY_PASSWORD   },
        { "via: 'smtp://a'",                                                                                            "SCRAM-SHA-512-PLUS ",          RELAY_NO_PROOF   },
        { "via: 'smtp://a', certificate_file: c, key_file: k",                                                          "EXTERNAL",                     RELAY_CERTIFICATE},
        { "via: 'smtp://a', user: u, certificate_file: c, key_file: k, mechanisms: external",                           "external",
         RELAY_CERTIFICATE                                                                                                                                               },
        { "via: 'smtp://a', user: u, password_file: p, certificate_file: c, key_file: k",
         "EXTERNAL SCRAM-SHA-512-PLUS ",                                                                                                                RELAY_PASSWORD   },
        { "via: 'smtp://a', user: u, token_file: t, certificate_file: c, key_file: k",                                  "EXTERNAL OAUTHBEARER XOAUTH2",
         RELAY_TOKEN                                                                                                                                                     },
        { "via: 'smtp://a', user: u, token_file: t, certificate_file: c, key_file: k, mechanisms: [EXTERNAL, XOAUTH2]",
         "EXTERNAL XOAUTH2",                                                                                                                            RELAY_TOKEN      },
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        char yaml[256];
        snprintf(yaml, sizeof yaml, "hostname: a.b.c\nrelay: {%s}\n", cases[i].keys);
        CHECK(read_set_up(yaml));
        CHECK(gp_starts(gp_from(config.relay.mechanisms), cases[i].begins));
        CHECK(config_relay_proof(&config) == cases[i].proof);
    }
}

TEST(values_reach_their_fields)
{
    CHECK(read_set_up(H
                      "listen: [submission 127.0.0.1:2587, 'submissions [::1]:2465']\n"
                      "tls: {certificates: [{certificate: a.pem, key: a.key}, {key: 'b c.key', certificate: b.pem}]}\n"
                      "mechanisms: [PLAIN, LOGIN]\n"
                      "relay: {via: 'smtp://[::1]:2525?tls=none', dns_server: 127.0.0.1@5353, mx_port: 2500}\n"
                      "queue: {retries: [1s, 2m], lifetime: 90m, delay_notice: 0}\n"
                      "limits: {message_size: 25M, command_timeout: 30}\n"
                      "log: {format: json, level: debug}\nhide_client: no\nworkers: 3\n"));
    CHECK_IS(gp_from(config.listen[0].address), "127.0.0.1:2587");
    CHECK_IS(gp_from(config.listen[1].address), "[::1]:2465");
    CHECK(config.certificate_count == 2);
    CHECK_IS(gp_from(config.certificates[1].key), "b c.key");
    CHECK_IS(gp_from(config.mechanisms), "PLAIN LOGIN");
    CHECK(config.relay.kind == RELAY_SMARTHOST && config.relay.tls == RELAY_TLS_NONE && !config.relay.implicit_tls);
    CHECK_IS(gp_from(config.relay.host), "::1");
    CHECK(config.relay.port == 2525 && config.relay.mx_port == 2500);
    CHECK_IS(gp_from(config.relay.dns_server), "127.0.0.1@5353");
    CHECK(config.queue.retry_count == 2 && config.queue.retries[1] == 120 && config.queue.lifetime == 5400);
    CHECK(config.limits.message_size == 25 << 20 && config.limits.command_timeout == 30);
    CHECK(config.log_format == LOG_JSON && config.log_level == LOG_DEBUG && !config.hide_client && config.smtpds == 3);
}

TEST(a_listener_may_have_options)
{
    CHECK(read_set_up(H
                      "listen:\n"
                      "  - submission [::]:587   mechanisms=SCRAM-SHA-256,plain  client_certificates=ask name=office\n"
                      "  - submissions 127.0.0.1:465 client_certificates=no NAME=a.b-c_9\n"
                      "  - submissions 127.0.0.1:466 mechanisms=LOGIN+PLAIN\n"
                      "tls: {client_ca_file: ca.pem}\n"));
    CHECK_IS(gp_said(&said), "");
    CHECK(config.listen_count == 3 && config.listen[0].asks && !config.listen[1].asks && !config.listen[2].asks);
    CHECK_IS(gp_from(config.listen[0].address), "[::]:587");
    CHECK_IS(gp_from(config.listen[0].mechanisms), "SCRAM-SHA-256 plain");
    CHECK_IS(gp_from(config.listen[0].name), "office");
    CHECK_IS(gp_from(config.listen[1].name), "a.b-c_9");
    CHECK_IS(gp_from(config.listen[1].mechanisms), "");
    CHECK_IS(gp_from(config.listen[2].name), "127.0.0.1:466");
    CHECK_IS(gp_from(config.listen[2].mechanisms), "LOGIN PLAIN");
    CHECK_IS(gp_from(config.client_ca_file), "ca.pem");
}

TEST(how_clients_sign_in_has_policies)
{
    CHECK(read_set_up(H));
    CHECK(config.policy.tls.mode == POLICY_SHADOW && config.policy.tls.minimum == TLS_MINIMUM_1_2);
    CHECK(config.policy.mechanisms.mode == POLICY_SHADOW && !config.policy.mechanisms.retire[0]);
    CHECK(read_set_up(H "policy:\n"
                        "  tls: {mode: enforce, minimum: 1.3}\n"
                        "  mechanisms: {mode: enforce, retire: [LOGIN, cram-md5]}\n"));
    CHECK(config.policy.tls.mode == POLICY_ENFORCE && config.policy.tls.minimum == TLS_MINIMUM_1_3);
    CHECK_IS(gp_from(config.policy.mechanisms.retire), "LOGIN cram-md5");
    CHECK(!read_set_up(H "policy: {mechanisms: {retire: LOGIM}}\n"));
}

#define RETIRE(listener, mode)                                                                                         \
    H "listen: ['submissions 127.0.0.1:465', '" listener "']\npolicy: {mechanisms: {retire: plain LOGIN, mode: " mode  \
      "}}\n"

TEST(retired_mechanisms_leave_each_listener_one)
{
    CHECK(read_set_up(RETIRE("submissions 127.0.0.1:466 mechanisms=LOGIN+PLAIN", "shadow")));
    CHECK(
        read_set_up(RETIRE("submissions 127.0.0.1:466 mechanisms=LOGIN+EXTERNAL client_certificates=ask", "enforce")));
    CHECK(read_set_up(
        RETIRE("legacy 10.0.0.5:25 mechanisms=LOGIN networks=10.0.0.0/24 recipients_domains=a.example", "enforce")));
    CHECK(!read_set_up(RETIRE("submissions 127.0.0.1:466 mechanisms=LOGIN+PLAIN", "enforce")));
    CHECK(memmem(said.ptr, said.len, "every mechanism of a listener", strlen("every mechanism of a listener")));
}

TEST(a_socket_that_cannot_be)
{
    static const struct {
        const char *yaml, *problems;
    } cases[] = {
  /* clang-format off */
        { H "listen: [dovecot-auth auth]\n", "gatepost.yml:2: listen: 'auth' is not the path of a socket that begins with /, such as /var/spool/postfix/private/auth (107 letters at most)\n" },
        { H "listen:\n  - dovecot-auth /a\"b\n", "gatepost.yml:3: listen: '/a\"b' is not the path of a socket that begins with /, such as /var/spool/postfix/private/auth (107 letters at most)\n" },
        { H "listen: [dovecot-auth /run/auth mode=0661]\n", "gatepost.yml:2: listen: '0661' is not a mode for a socket, such as 0660\n" },
        { H "listen: [dovecot-auth /run/auth mode=0]\n", "gatepost.yml:2: listen: '0' is not a mode for a socket, such as 0660\n" },
        { H "listen: [dovecot-auth /run/auth owner=x]\n", "gatepost.yml:2: listen: 'owner' is not an option of a listener; there are: mechanisms name mode user group\n" },
        { H "listen: [dovecot-auth /run/auth user=]\n", "gatepost.yml:2: listen: '' is not the name of a user or a group of the system\n" },
        { H "listen: [dovecot-auth /run/auth, dovecot-auth /run/auth mode=0666]\n", "gatepost.yml:2: listen: /run/auth is there twice: each address and port can do one thing\n" },
  /* clang-format on */
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        CHECK(!read_set_up(cases[i].yaml));
        CHECK_IS(gp_said(&said), cases[i].problems);
    }
}

TEST(a_socket_for_other_servers)
{
    static char    room[1 << 14];
    struct gp_text shown = GP_TEXT(room);
    CHECK(read_set_up(
        H
        "listen: [dovecot-auth /run/a mode=0666, dovecot-auth /run/b group=postfix user=mail, dovecot-auth /run/c]\n"));
    const struct config_listen *l = config.listen;
    CHECK(config.listen_count == 3 && l[0].kind == LISTEN_DOVECOT_AUTH);
    CHECK_IS(gp_from(l[0].address), "/run/a");
    CHECK(l[0].mode == 0666 && l[1].mode == 0660 && l[2].mode == 0600);
    CHECK_IS(gp_from(l[1].group), "postfix");
    CHECK_IS(gp_from(l[1].user), "mail");
    config_show(&config, put_line, &shown);
    gp_put_char(&shown, '\0');
    CHECK(strstr(room, "- \"dovecot-auth /run/a mode=0666\"\n"));
    CHECK(strstr(room, "- \"dovecot-auth /run/b mode=0660 user=mail group=postfix\"\n"));
    CHECK(strstr(room, "- \"dovecot-auth /run/c mode=0600\"\n"));
}

TEST(port_nought_may_stand_twice)
{
    CHECK(read_set_up(H "listen: [submission 127.0.0.1:0, submissions 127.0.0.1:0]\n"));
}

TEST(routes)
{
    static const struct {
        const char    *via, *host;
        enum relay_tls tls;
        uint16_t       port;
        bool           implicit;
    } cases[] = {
        {"smtp://relay.example.net",              "relay.example.net", RELAY_TLS_REQUIRED,      587, false},
        { "smtps://relay.example.net",            "relay.example.net", RELAY_TLS_REQUIRED,      465, true },
        { "smtp://10.0.0.1:25?tls=opportunistic", "10.0.0.1",          RELAY_TLS_OPPORTUNISTIC, 25,  false},
        { "smtp://[2001:db8::1]",                 "2001:db8::1",       RELAY_TLS_REQUIRED,      587, false},
        { "mx?tls=required",                      "",                  RELAY_TLS_REQUIRED,      0,   false},
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        char yaml[128];
        snprintf(yaml, sizeof yaml, H "relay:\n  via: %s\n", cases[i].via);
        CHECK(read_set_up(yaml));
        CHECK_IS(gp_from(config.relay.host), cases[i].host);
        CHECK(config.relay.tls == cases[i].tls && config.relay.port == cases[i].port &&
              config.relay.implicit_tls == cases[i].implicit);
    }
}

static const struct {
    const char *yaml, *problems;
} wrong_files[] = {
  /* clang-format off */
    { "", "gatepost.yml: hostname is missing: add a line such as 'hostname: mail.example.org', or set GATEPOST_HOSTNAME\n" },
    { "# nothing but words\n", "gatepost.yml: hostname is missing: add a line such as 'hostname: mail.example.org', or set GATEPOST_HOSTNAME\n" },
    { H "lisen: x\n", "gatepost.yml:2: unknown key 'lisen' (did you mean 'listen'?)\n" },
    { H "limits:\n  recipient: 5\n", "gatepost.yml:3: unknown key 'recipient' (did you mean 'recipients'?)\n" },
    { H "message_size: 5M\n", "gatepost.yml:2: unknown key 'message_size' (it is limits.message_size)\n" },
    { H "zzzzzzzz: 1\n", "gatepost.yml:2: unknown key 'zzzzzzzz'\n" },
    { H "hostname: other.example.org\n", "gatepost.yml:2: 'hostname' is given twice\n" },
    { "hostname: -bad-\n", "gatepost.yml:1: hostname: '-bad-' is not a host name such as mail.example.org\n" },
    { "hostname: m\xc3\xa4il.example.org\n", "gatepost.yml:1: hostname: 'm\?\?il.example.org' is not ASCII: write the xn-- form of an international name\n" },
    { "hostname:\n", "gatepost.yml:1: 'hostname' has no value: write one, or leave the key out\n" },
    { "hostname: [a, b]\n", "gatepost.yml:1: 'hostname' must have one value, not a list\n" },
    { H "limits: 5\n", "gatepost.yml:2: 'limits' must have keys of its own, indented below it\n" },
    { H "limits:\n  recipients: many\n", "gatepost.yml:3: limits.recipients: 'many' is not a number from 1 to 1000\n" },
    { H "limits:\n  auth_failures_per_session: 2\n", "gatepost.yml:3: limits.auth_failures_per_session: '2' is not a number from 3 to 100\n" },
    { H "limits:\n  recipients: 0\n", "gatepost.yml:3: limits.recipients: '0' is not a number from 1 to 1000\n" },
    { H "limits:\n  message_size: 10X\n", "gatepost.yml:3: limits.message_size: '10X' is not a size such as 512K, 25M or 1G from 1K to 1T\n" },
    { H "limits:\n  message_size: 99999999999999999999T\n", "gatepost.yml:3: limits.message_size: '99999999999999999999T' is not a size such as 512K, 25M or 1G from 1K to 1T\n" },
    { H "queue:\n  lifetime: 5 days\n", "gatepost.yml:3: queue.lifetime: '5 days' is not a duration such as 30s, 5m, 4h or 5d from 1m to 30d\n" },
    { H "queue:\n  retries: []\n", "gatepost.yml:3: queue.retries: the list is empty: name one duration at least\n" },
    { H "queue:\n  lifetime: 1h\n", "gatepost.yml: queue.delay_notice must be shorter than queue.lifetime\n" },
    { H "hide_client: perhaps\n", "gatepost.yml:2: hide_client: 'perhaps' is neither yes nor no\n" },
    { H "log: {level: inof}\n", "gatepost.yml:2: log.level: 'inof' is not one of: debug info warn error (did you mean 'info'?)\n" },
    { H "mechanisms: PLAIN SCRAM-SHA256\n", "gatepost.yml:2: mechanisms: 'SCRAM-SHA256' is not a mechanism that gatepost has (did you mean 'SCRAM-SHA-256'?)\n" },
    { H "listen: [submission localhost:587]\n", "gatepost.yml:2: listen: 'localhost:587' is not an address with a port, such as 127.0.0.1:587 or [::]:587\n" },
    { H "listen:\n  - smtp 127.0.0.1:25\n", "gatepost.yml:3: listen: 'smtp 127.0.0.1:25' is not 'submission ADDRESS:PORT', 'submissions ADDRESS:PORT', 'legacy ADDRESS:PORT ...' or 'dovecot-auth PATH'\n" },
    { H "listen: [submission 127.0.0.1:587, submissions 127.0.0.1:587]\n", "gatepost.yml:2: listen: 127.0.0.1:587 is there twice: each address and port can do one thing\n" },
    { H "tls:\n  certificates:\n    - key: a.key\n", "gatepost.yml:4: tls.certificates: 'a.key' is a key without a certificate\n" },
    { H "tls:\n  certificates:\n    - certificate: a.pem\n", "gatepost.yml:4: tls.certificates: 'a.pem' is a certificate without a key\n" },
    { H "tls:\n  certificates:\n    - {certificate: \"a\\x01.pem\", key: a.key}\n", "gatepost.yml:4: tls.certificates: 'a?.pem' has a control character in it\n" },
    { H "tls:\n  certificates:\n    - {certificate: a.pem, kex: a.key}\n", "gatepost.yml:4: tls.certificates: 'kex' does not belong here\n" },
    { H "relay: {via: 'smtp://'}\n", "gatepost.yml:2: relay.via: 'smtp://' names no host: write it as smtp://HOST:PORT\n" },
    { H "relay: {via: 'smtp://a:99999'}\n", "gatepost.yml:2: relay.via: 'a:99999' is not HOST or HOST:PORT\n" },
    { H "relay: {via: 'http://a'}\n", "gatepost.yml:2: relay.via: 'http://a' is not 'mx', 'smtp://HOST:PORT' or 'smtps://HOST:PORT'\n" },
    { H "relay: {via: 'smtp://192.0.2.1?tls=dane'}\n", "gatepost.yml:2: relay.via: 'smtp://192.0.2.1?tls=dane' names an address, and tls=dane goes by a name: write that, or tls=required\n" },
    { H "relay: {via: 'smtps://[2001:db8::1]?tls=dane'}\n", "gatepost.yml:2: relay.via: 'smtps://[2001:db8::1]?tls=dane' names an address, and tls=dane goes by a name: write that, or tls=required\n" },
    { H "relay: {via: 'lmtp://a:25'}\n", "gatepost.yml:2: relay.via: 'lmtp://a:25' is SMTP's port, which no mail store listens at: LMTP has 24, unless yours says otherwise\n" },
    { H "relay: {via: 'lmtp://a?tls=dane'}\n", "gatepost.yml:2: relay.via: 'lmtp://a?tls=dane' is a mail store's, and tls=dane is for SMTP: write tls=required\n" },
    { H "relay: {via: 'smtps://a?tls=none'}\n", "gatepost.yml:2: relay.via: 'smtps://a?tls=none' wants TLS and none of it: write smtp://\n" },
    { H "relay: {via: 'smtp://a', user: u}\n", "gatepost.yml:2: relay.user has no password: name its file as relay.password_file, a token's as relay.token_file, a provider of tokens as relay.provider, or a certificate's as relay.certificate_file\n" },
    { H "relay: {via: 'smtp://a', token_file: t}\n", "gatepost.yml:2: relay.token_file has no user: name it as relay.user\n" },
    { H "relay: {via: 'smtp://a', user: u, token_file: t, password_file: p}\n", "gatepost.yml:2: relay.token_file stands in the place of relay.password_file: name one of them\n" },
    { H "relay: {via: 'smtp://a?tls=opportunistic', user: u, token_file: t}\n", "gatepost.yml:2: " NEEDS_TLS },
    { H "relay: {via: 'smtp://a', user: u, token_file: t, mechanisms: XOAUTH2 PLAIN}\n", "gatepost.yml:2: relay.mechanisms: with relay.token_file or relay.provider the relay can use OAUTHBEARER and XOAUTH2 alone, and EXTERNAL with relay.certificate_file\n" },
    { H "relay: {via: 'smtp://a', certificate_file: c}\n", "gatepost.yml:2: relay.certificate_file has no key: name its file as relay.key_file\n" },
    { H "relay: {via: 'smtp://a', key_file: k}\n", "gatepost.yml:2: relay.key_file has no certificate: name its file as relay.certificate_file\n" },
    { H "relay: {certificate_file: c, key_file: k}\n", "gatepost.yml:2: relay.certificate_file is for a server that relay.via names, and relay.via is mx\n" },
    { H "relay: {via: 'smtp://a?tls=opportunistic', certificate_file: c, key_file: k}\n", "gatepost.yml:2: relay.certificate_file needs tls=required or tls=dane in relay.via: else it goes to whoever answers\n" },
    { H "relay: {via: 'smtp://a', certificate_file: c, key_file: k, mechanisms: EXTERNAL PLAIN}\n", "gatepost.yml:2: relay.mechanisms: with relay.certificate_file, and no password or token, the relay can use EXTERNAL alone\n" },
    { H "relay: {via: 'smtp://a', user: u, password_file: p, mechanisms: EXTERNAL PLAIN}\n", "gatepost.yml:2: " MORE_THAN_A_PASSWORD },
    { H "relay: {via: mx, user: u, token_file: t}\n", "gatepost.yml:2: relay.user is for a server that relay.via names, and relay.via is mx\n" },
    { H "relay: {user: u, password_file: p}\n", "gatepost.yml:2: relay.user is for a server that relay.via names, and relay.via is mx\n" },
    { H "relay: {via: 'smtp://a?tls=opportunistic', user: u, password_file: p}\n", "gatepost.yml:2: " NEEDS_TLS },
    { H "relay: {via: 'smtps://a?tls=opportunistic', user: u, password_file: p}\n", "gatepost.yml:2: " NEEDS_TLS },
    { H "relay: {via: 'smtp://a?tls=none', user: u, password_file: p}\n", "gatepost.yml:2: " NEEDS_TLS },
    { H "relay: {mechanisms: PLAIN oauthbearer}\n", "gatepost.yml:2: " MORE_THAN_A_PASSWORD },
    { H "dkim: {rsa_selector: s, ed25519_selector: s}\n", "gatepost.yml:2: dkim.rsa_selector and dkim.ed25519_selector are the same: DNS has one key for each\n" },
    { H "tls_reports: {send: yes, collect: no}\n", "gatepost.yml:2: tls_reports.send has nothing to send while tls_reports.collect is no\n" },
    { H "tls_reports: {send: yes, contact: 'A <a@b.example>'}\n", "gatepost.yml:2: tls_reports.contact must be an address of ASCII, as postmaster@example.org\n" },
    { H "notices: {webhook: 'http://alerts.example.org/'}\n", "gatepost.yml:2: " WRONG_WEBHOOK },
    { H "notices: {webhook: 'https://name:word@alerts.example.org/'}\n", "gatepost.yml:2: " WRONG_WEBHOOK },
    { H "notices: {webhook: 'https:///path'}\n", "gatepost.yml:2: " WRONG_WEBHOOK },
    { H "notices: {webhook: 'http://localhost.example.org/'}\n", "gatepost.yml:2: " WRONG_WEBHOOK },
    { H "notices: {webhook_secret_file: s}\n", "gatepost.yml:2: notices.webhook_secret_file is for a notices.webhook, and there is none\n" },
    { H "events: {webhook: 'http://mail.example.org/', types: delivered bouncd}\n",
      "gatepost.yml:2: events.webhook must be https://HOST/PATH, without a name or password in it (http:// only to this host)\n"
      "gatepost.yml:2: events.types are some of: " CONFIG_EVENT_TYPES "\n" },
    { H "events: {webhook_secret_file: s}\n", "gatepost.yml:2: events.webhook_secret_file is for an events.webhook, and there is none\n" },
    { "hostname: [\n", "gatepost.yml:2: not YAML: did not find expected node content\n" },
    { "- a\n- b\n", "gatepost.yml:1: must be keys with values, such as 'hostname: mail.example.org'\n" },
    { H "---\nlog: {level: info}\n", "gatepost.yml:3: a second document begins here: write all keys into one, without '---' between them\n" },
    { H "---\nlog: [\n", "gatepost.yml:4: not YAML: did not find expected node content\n" },
    { H "mechanisms: PLAN SCRAM-SHA256 LOGIN NTLM\n",
      "gatepost.yml:2: mechanisms: 'PLAN' is not a mechanism that gatepost has (did you mean 'PLAIN'?); "
      "'SCRAM-SHA256' is not a mechanism that gatepost has (did you mean 'SCRAM-SHA-256'?); "
      "'NTLM' is not a mechanism that gatepost has\n" },
    { H "mechanisms: [A1, B1, C1, D1, E1, F1, G1, H1, I1, J1]\n",
      "gatepost.yml:2: mechanisms: 'A1' is not a mechanism that gatepost has; 'B1' is not a mechanism that gatepost has; "
      "'C1' is not a mechanism that gatepost has; 'D1' is not a mechanism that gatepost has; "
      "'E1' is not a mechanism that gatepost has; 'F1' is not a mechanism that gatepost has; "
      "'G1' is not a mechanism that gatepost has; and so on\n" },
    { H "log: {level: loud}\nqueue: {lifetime: x}\nlisen: 1\n",
      "gatepost.yml:2: log.level: 'loud' is not one of: debug info warn error\n"
      "gatepost.yml:3: queue.lifetime: 'x' is not a duration such as 30s, 5m, 4h or 5d from 1m to 30d\n"
      "gatepost.yml:4: unknown key 'lisen' (did you mean 'listen'?)\n" },
  /* clang-format on */
};

TEST(problems_say_where_and_what_to_write)
{
    for (size_t i = 0; i < GP_COUNT(wrong_files); i++) {
        if (read_set_up(wrong_files[i].yaml)) fail_msg("no problem found in: %s", wrong_files[i].yaml);
        CHECK_IS(gp_said(&said), wrong_files[i].problems);
    }
}

TEST(problems_of_listeners)
{
    static const struct {
        const char *yaml, *problems;
    } cases[] = {
  /* clang-format off */
        { H "listen: ['submission 127.0.0.1:587 mechanism=PLAIN']\n", "gatepost.yml:2: listen: 'mechanism' is not an option of a listener; there are: mechanisms client_certificates name (did you mean 'mechanisms'?)\n" },
        { H "listen: ['submission 127.0.0.1:587 zzzzzzzzzzz']\n", "gatepost.yml:2: listen: 'zzzzzzzzzzz' is not an option of a listener; there are: mechanisms client_certificates name\n" },
        { H "listen: ['submission 127.0.0.1:587 name']\n", "gatepost.yml:2: listen: 'name' has no value: write it as NAME=VALUE, without blanks\n" },
        { H "listen: ['submission 127.0.0.1:587 name=']\n", "gatepost.yml:2: listen: '' is not a word of 1 to 107 letters\n" },
        { H "listen: ['submission 127.0.0.1:587 name=a\"b']\n", "gatepost.yml:2: listen: 'a\"b' is not a word of letters, digits and ._-\n" },
        { H "listen: ['submission 127.0.0.1:587 name=a name=b']\n", "gatepost.yml:2: listen: 'name=b' is given twice\n" },
        { H "listen: ['submission 127.0.0.1:587 mechanisms=PLAIN,LOGON']\n", "gatepost.yml:2: listen: 'LOGON' is not a mechanism that gatepost has (did you mean 'LOGIN'?)\n" },
        { H "listen: ['submission 127.0.0.1:587 mechanisms=PLAIN,']\n", "gatepost.yml:2: listen: '' is not a mechanism that gatepost has\n" },
        { H "listen: ['submission 127.0.0.1:587 client_certificates=always']\n", "gatepost.yml:2: listen: 'always' is not one of: ask no\n" },
        { H "listen: ['submission 127.0.0.1:587 client_certificates=asks']\n", "gatepost.yml:2: listen: 'asks' is not one of: ask no (did you mean 'ask'?)\n" },
        { H "listen: ['submission 127.0.0.1:587 mechanisms=EXTERNAL']\n", "gatepost.yml:2: listen: EXTERNAL needs client_certificates=ask behind the same address\n" },
        { H "tls: {client_ca_file: ca.pem}\n", "gatepost.yml:2: tls.client_ca_file is for listeners that ask for certificates: add client_certificates=ask to one\n" },
  /* clang-format on */
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        if (read_set_up(cases[i].yaml)) fail_msg("no problem found in: %s", cases[i].yaml);
        CHECK_IS(gp_said(&said), cases[i].problems);
    }
}

TEST(problems_beyond_the_room_are_counted)
{
    char           room[1024];
    struct gp_text yaml = GP_TEXT(room);
    gp_put_z(&yaml, H);
    for (size_t i = 0; i < CONFIG_PROBLEMS_MOST + 2; i++) gp_put_z(&yaml, "zzzzzzz: 1\n");
    gp_put_char(&yaml, '\0');
    CHECK(!yaml.cut && !read_set_up(room));
    CHECK(gp_ends(gp_said(&said), "gatepost.yml:65: unknown key 'zzzzzzz'\ngatepost.yml: and 2 more problems\n"));
    yaml.len -= sizeof "zzzzzzz: 1\n"; /* one line less, and the NUL */
    gp_put_char(&yaml, '\0');
    CHECK(!read_set_up(room));
    CHECK(gp_ends(gp_said(&said), "gatepost.yml: and 1 more problem\n"));
}

TEST(what_could_not_be_read_has_no_directory)
{
    CHECK(!read_set_up("hostname: [\n") && !config.dir[0]);
    CHECK(!read_set_up(H "lisen: x\n") && config.dir[0]);
}

TEST(the_environment_goes_before_the_file)
{
    setenv("GATEPOST_LIMITS_RECIPIENTS", "7", 1);
    setenv("GATEPOST_SUBMISSION", "127.0.0.1:2587", 1);
    setenv("GATEPOST_RELAY", "smtps://relay.example.net", 1);
    setenv("GATEPOST_TLS_CERTIFICATE", "/etc/c.pem", 1);
    setenv("GATEPOST_TLS_KEY", "/etc/k.pem", 1);
    setenv("GATEPOST_PORT", "tcp://10.0.0.1:587", 1);
    setenv("GATEPOST_QUEUE_RETRIES", "1s, 2s", 1);
    CHECK(read_set_up(H "limits: {recipients: 9}\n"));
    CHECK(config.limits.recipients == 7 && config.listen_count == 1 && config.queue.retry_count == 2);
    CHECK_IS(gp_from(config.listen[0].address), "127.0.0.1:2587");
    CHECK_IS(gp_from(config.relay.host), "relay.example.net");
    CHECK_IS(gp_from(config.certificates[0].certificate), "/etc/c.pem");
    setenv("GATEPOST_SUBMISSIONS", "127.0.0.1:2465 name=tls mechanisms=PLAIN,LOGIN", 1);
    setenv("GATEPOST_HOSTNAME", "mx.example.com", 1);
    CHECK(read_set_up(NULL));
    CHECK(config.listen_count == 2);
    CHECK_IS(gp_from(config.listen[1].mechanisms), "PLAIN LOGIN");
    CHECK_IS(gp_from(config.domain), "example.com");
    unsetenv("GATEPOST_TLS_KEY");
    setenv("GATEPOST_LIMITS_RECIPIENTS", "x", 1);
    CHECK(!read_set_up(NULL));
    CHECK_IS(gp_said(&said), "GATEPOST_LIMITS_RECIPIENTS: limits.recipients: 'x' is not a number from 1 to 1000\n"
                             "GATEPOST_TLS_CERTIFICATE: a certificate without a key: set GATEPOST_TLS_KEY too\n");
    static const char *const set[] = { "LIMITS_RECIPIENTS", "SUBMISSION", "SUBMISSIONS",   "RELAY",
                                       "TLS_CERTIFICATE",   "PORT",       "QUEUE_RETRIES", "HOSTNAME" };
    for (size_t i = 0; i < GP_COUNT(set); i++) {
        char name[64];
        snprintf(name, sizeof name, "GATEPOST_%s", set[i]);
        unsetenv(name);
    }
}

static gp_str show_in(char *room, size_t size)
{
    said = (struct gp_text) { .ptr = room, .room = size };
    config_show(&config, put_line, &said);
    gp_put_char(&said, '\0');
    CHECK(!said.cut);
    return gp_said(&said);
}

TEST(what_is_shown_reads_back_the_same)
{
    static char   room[1 << 15], again_room[1 << 15];
    unsigned char sources[CONFIG_KEYS_MOST];
    CHECK(read_set_up(
        H
        "relay: {via: 'smtp://[::1]:25', ca_file: 'a \"b\" \\\\ c.pem'}\nqueue: {retries: [90s, 1h], lifetime: 36h}\n"
        "tls: {certificates: [{certificate: 'x y', key: z}], client_ca_file: ca.pem}\nlimits: {message_size: 1000000}\n"
        "listen: [submission 127.0.0.1:587, 'submissions [::]:465 name=x mechanisms=PLAIN+EXTERNAL client_certificates=ask']\n"
        "sources: [{" LDAP
        ", bind_dn: 'cn=\"a\"', password_file: p}, store, {name: b, type: sql, uri: 'sqlite:d/f', query: 'SELECT \"hash\" WHERE u = $user'}]\n"));

    gp_str first = show_in(room, sizeof room);
    CHECK(strstr(room, "ca_file: \"a \\\"b\\\" \\\\\\\\ c.pem\"  # gatepost.yml\n") &&
          strstr(room, "  lifetime: 36h  # gatepost.yml\n"));
    CHECK(strstr(room, "  - \"submission 127.0.0.1:587\"\n"
                       "  - \"submissions [::]:465 mechanisms=PLAIN,EXTERNAL client_certificates=ask name=x\"\n"));
    CHECK(strstr(room, "  message_size: 1000000  # ") && strstr(room, "domain: \"example.org\"  # from hostname\n"));
    memcpy(sources, config.sources, sizeof sources);
    CHECK(read_set_up(room));
    memcpy(config.sources, sources, sizeof sources); /* all of it stands in the file now */
    CHECK_SAME(show_in(again_room, sizeof again_room), first);
}

static bool told(const char *words)
{
    return memmem(said.ptr, said.len, words, strlen(words)) != NULL;
}

/* Sections within sections, and what is said of words that are not there, or in the wrong one. */
TEST(a_policy_is_a_section_of_a_section)
{
    static char room[1 << 15];
    CHECK(read_set_up(H "policy: {identity: {mode: shadow}}\n") && config.policy.identity.mode == POLICY_SHADOW);
    (void)show_in(room, sizeof room);
    CHECK(strstr(room, "policy:\n  identity:\n    mode: shadow  # gatepost.yml\n"));
    CHECK(read_set_up(H) && config.policy.identity.mode == POLICY_ENFORCE);
    CHECK(!read_set_up(H "policy: {identity: {mode: loud}}\n") && told("'loud' is not one of: off shadow enforce"));
    CHECK(!read_set_up(H "policy: {identiti: {mode: off}}\n") && told("did you mean 'identity'?"));
    CHECK(!read_set_up(H "policy: {identity: shadow}\n") && told("'policy.identity' must have keys of its own"));
    CHECK(!read_set_up(H "identity: {mode: off}\n") && told("unknown key 'identity'"));
}

TEST(protected_names_have_accounts_or_nobody)
{
    static char room[1 << 15];
    CHECK(read_set_up(
        H "policy: {identity: {protected_names: [Chief Executive, {name: 'The, Board', accounts: anna bert}]}}\n"));
    CHECK(config.policy.identity.protected_count == 2);
    CHECK_IS(gp_from(config.policy.identity.protected_names[0].name), "Chief Executive");
    CHECK_IS(gp_from(config.policy.identity.protected_names[0].accounts), "");
    CHECK_IS(gp_from(config.policy.identity.protected_names[1].name), "The, Board");
    CHECK_IS(gp_from(config.policy.identity.protected_names[1].accounts), "anna bert");
    (void)show_in(room, sizeof room);
    CHECK(strstr(room, "      - {name: \"The, Board\", accounts: \"anna bert\"}\n"));
    CHECK(read_set_up(room) && config.policy.identity.protected_count == 2);
    CHECK(!read_set_up(H "policy: {identity: {protected_names: [{accounts: anna}]}}\n") &&
          told("are accounts without a name"));
    CHECK(!read_set_up(H "policy: {identity: {protected_names: ['***']}}\n") && told("has neither letter nor digit"));
    CHECK(read_set_up(H "policy: {identity: {protected_names: []}}\n") && config.policy.identity.protected_count == 0);
    CHECK(config.policy.identity.plus && config.policy.identity.rules[SENDER_REPLY_TO] == SENDER_ALLOW);
}

TEST(the_schema_is_whole)
{
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        CHECK(config_find(gp_from(key->name)) == key);
        CHECK(key->help && gp_from(key->help).len > 0);
        CHECK(key->type == &config_hostname || key->usual);
        CHECK(key->type != &config_choice || key->choices);
    }
}

TEST(the_manual_page_is_the_one_that_the_schema_makes)
{
    size_t len  = 0;
    char  *page = kit_file("docs/gatepost.yml.5", &len);
    said        = GP_TEXT(said_room);
    config_manual(put_line, &said);
    CHECK(!said.cut);
    CHECK_SAME(gp_said(&said), ((gp_str) { page, len }));
    free(page);
}

/* Any bytes make a config or problems, and what reads without a problem is shown and read back without one. */
PROPERTY(config_reads_anything, bytes)
{
    static struct config_reading reading;
    reading = (struct config_reading) { .config = &config };
    config  = (struct config) { 0 };
    config_read_defaults(&reading);
    bool is_document = config_read_document(&reading, bytes);
    CHECK(is_document || reading.problem_count == 1);
    config_derive(&reading);
    config_find_clashes(&reading);
    for (size_t i = 0; i < reading.problem_count; i++) {
        CHECK(reading.problems[i].len > 0);
        CHECK(i == 0 || reading.problems[i].place.line >= reading.problems[i - 1].place.line);
    }
    if (reading.problem_count) return;
    said = GP_TEXT(said_room);
    config_show(&config, put_line, &said);
    CHECK(config_read_document(&reading, gp_said(&said)));
    if (reading.problem_count) print_error("%.*s\n", (int)reading.problems[0].len, reading.problems[0].text);
    CHECK(reading.problem_count == 0);
}

/* ---- the environment -------------------------------------------------------------------------------------- */
static const char *const variables[] = {
    "SUBMISSION",       "SUBMISSIONS",         "RELAY",     "TLS_CERTIFICATE", "TLS_KEY", "LISTEN",
    "QUEUE_RETRIES",    "MECHANISMS",          "RELAY_VIA", "RELAY_USER",      "DOMAIN",  "RELAY_PASSWORD_FILE",
    "RELAY_DNS_SERVER", "LIMITS_MESSAGE_SIZE", "LOG_LEVEL", "HIDE_CLIENT"
};

/* A line each; beyond the lines nothing is set. */
static void set_variables(gp_str lines)
{
    for (size_t i = 0; i < GP_COUNT(variables); i++) {
        char   name[64], value[4096];
        gp_str line = gp_cut(&lines, '\n');
        (void)snprintf(name, sizeof name, "GATEPOST_%s", variables[i]);
        if (line.len && gp_copy_z(line, value, sizeof value))
            CHECK(setenv(name, value, 1) == 0);
        else
            CHECK(unsetenv(name) == 0);
    }
}

/* Any values make a config or problems that name a variable, and what reads without a problem is shown and read back without one. */
PROPERTY(variables_read_anything, bytes)
{
    static struct config_reading reading;
    reading = (struct config_reading) { .config = &config };
    config  = (struct config) { 0 };
    CHECK(setenv("GATEPOST_HOSTNAME", "mail.example.org", 1) == 0);
    set_variables(bytes);
    config_read_defaults(&reading);
    config_read_environment(&reading);
    CHECK(unsetenv("GATEPOST_HOSTNAME") == 0);
    set_variables(GP_NONE);
    for (size_t i = 0; i < reading.problem_count; i++)
        CHECK(reading.problems[i].len > 0 && gp_starts(gp_from(reading.problems[i].place.variable), "GATEPOST_"));
    config_derive(&reading);
    config_find_clashes(&reading);
    if (reading.problem_count) return;
    said = GP_TEXT(said_room);
    config_show(&config, put_line, &said);
    CHECK(config_read_document(&reading, gp_said(&said)));
    if (reading.problem_count) print_error("%.*s\n", (int)reading.problems[0].len, reading.problems[0].text);
    CHECK(reading.problem_count == 0);
}
