/* gatepost credential settings: what a mail client has to be told, for people, for DNS and for clients that set themselves up. */
#include <stdio.h>

#include "cli/credential.h"
#include "cli/servers.h"

enum { SETTINGS_ROOM = 32 * 1024 };

/* Of the credentials that are in force. */
static bool look(struct user_store *s, const struct account *account, unsigned *signs_in)
{
    struct credential c;
    gp_status         status;
    auto_rows         r = credentials_of(s->accounts, account->id);
    while ((status = credentials_next(&r, &c)) == GP_OK) {
        if (credential_state(&c, user_now()) != CREDENTIAL_LIVE) continue;
        if (credential_kind_has_password(c.kind) || c.kind == CREDENTIAL_SOURCE) *signs_in |= SIGNS_IN_BY_PASSWORD;
        if (c.verifier.cram_len) *signs_in |= SIGNS_IN_BY_CRAM;
        if (c.kind == CREDENTIAL_OAUTH) *signs_in |= SIGNS_IN_BY_TOKEN;
        if (c.kind == CREDENTIAL_CERTIFICATE) *signs_in |= SIGNS_IN_BY_CERTIFICATE;
    }
    gp_wipe(&c.verifier, sizeof(c.verifier));
    return status == GP_PERMFAIL;
}

static int print_text_form(const struct config *c, const struct account *account)
{
    char           room[SETTINGS_ROOM];
    struct gp_text records = GP_TEXT(room);
    struct server  list[CONFIG_LISTEN_MOST];
    size_t         count = servers_of(c, list);
    (void)printf("user name    %s\nserver       %s\n", account->name, c->hostname);
    for (size_t i = 0; i < count; i++)
        (void)printf("port         %u, %s; sign-in by %s\n", list[i].port,
                     list[i].implicit_tls ? "SSL/TLS" : "STARTTLS", list[i].mechanisms);
    servers_put_records(&records, c);
    (void)printf("\nDNS, so that clients find this by themselves (RFC 6186, RFC 8314):\n%.*s", (int)records.len, room);
    return CLI_DONE;
}

static json_t *server_json(const struct config *c, const struct server *s)
{
    json_t *mechanisms = json_array();
    for (gp_str rest = gp_from(s->mechanisms), word = gp_word(&rest); word.len > 0; word = gp_word(&rest))
        (void)json_array_append_new(mechanisms, json_stringn(word.ptr, word.len));
    return json_pack("{s:s, s:i, s:s, s:o}", "host", c->hostname, "port", (int)s->port, "security",
                     s->implicit_tls ? "tls" : "starttls", "mechanisms", mechanisms);
}

static int print_json_form(const struct config *c, const struct account *account)
{
    struct server list[CONFIG_LISTEN_MOST];
    size_t        count   = servers_of(c, list);
    json_t       *servers = json_array();
    for (size_t i = 0; i < count; i++) (void)json_array_append_new(servers, server_json(c, &list[i]));
    return user_print_json(json_pack("{s:s, s:o}", "user", account->name, "servers", servers));
}

static int print_autoconfig(const struct config *c, const struct account *account, unsigned signs_in)
{
    char           room[SETTINGS_ROOM];
    struct gp_text xml = GP_TEXT(room);
    if (!servers_put_autoconfig(&xml, c, gp_from(account->name), signs_in) || xml.cut) {
        cli_problem(account->name, "the name cannot stand in XML", NULL);
        return CLI_FAILED;
    }
    return fwrite(room, 1, xml.len, stdout) == xml.len ? CLI_DONE : CLI_FAILED;
}

static int settings(struct user_store *s, const char *user, bool autoconfig, bool json)
{
    struct account account;
    unsigned       signs_in = 0;
    if (!user_find(s, user, &account)) return CLI_FAILED;
    if (!look(s, &account, &signs_in)) return user_store_failed(s, user);
    if (autoconfig) return print_autoconfig(&s->config, &account, signs_in);
    return json ? print_json_form(&s->config, &account) : print_text_form(&s->config, &account);
}

static int run(const struct cli_command *command, int argc, char **argv)
{
    bool              autoconfig = false, json = false;
    const char       *dir = NULL, *user;
    size_t            count;
    struct cli_option options[] = {
        {"autoconfig", CLI_FLAG, &autoconfig, NULL, "print Mozilla's autoconfiguration XML (clientConfig 1.1)"},
        { "json",      CLI_FLAG, &json,       NULL, "print JSON"                                              },
        { NULL,        CLI_FLAG, NULL,        NULL, NULL                                                      },
    };
    int stop = cli_parse(command, options, argc, argv, &dir, &user, 1, 1, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    auto_user_store s;
    return user_store_open(dir, &s) ? settings(&s, user, autoconfig, json) : CLI_FAILED;
}

const struct cli_command cli_credential_settings = { "credential settings", "USER [--autoconfig|--json]",
                                                     "say what a mail client has to be told", run };
