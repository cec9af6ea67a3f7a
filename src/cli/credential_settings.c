/* gatepost credential settings: what a mail client has to be told, for people, for DNS and for clients that set themselves up. */
#include <stdio.h>
#include <string.h>

#include "cli/credential.h"
#include "cli/servers.h"

enum { SETTINGS_ROOM = 32 * 1024 };

/* ---- what the account can sign in with ---------------------------------------------------------------------------------- */
static bool has_word(gp_str words, gp_str one)
{
    for (gp_str word = gp_word(&words); word.len > 0; word = gp_word(&words))
        if (gp_alike(word, one)) return true;
    return false;
}

/* A restriction to a mechanism allows its -PLUS form, too. */
static bool allows(const char *words, const struct gp_sasl_mech *mech)
{
    gp_str name = gp_from(mech->name), plain = gp_head(name, name.len - (mech->plus ? strlen("-PLUS") : 0));
    return !words[0] || has_word(gp_from(words), name) || has_word(gp_from(words), plain);
}

/* A source that checks tokens has no passwords, and the other way round. */
static bool is_of_tokens(const struct config *config, const struct credential *c)
{
    for (size_t i = 0; i < config->lookup_count && c->kind == CREDENTIAL_SOURCE; i++)
        if (gp_is(gp_from(c->subject), config->lookups[i].name)) return config->lookups[i].type == LOOKUP_OAUTH;
    return c->kind == CREDENTIAL_OAUTH;
}

static bool opens(const struct config *config, const struct credential *c, const struct gp_sasl_mech *mech)
{
    bool tokens = is_of_tokens(config, c);
    if (mech->traits & GP_SASL_NEEDS_SECRET) return c->verifier.cram_len > 0;
    if (mech->traits & GP_SASL_NEEDS_TOKEN) return tokens;
    if (mech->traits & GP_SASL_NEEDS_PEER) return c->kind == CREDENTIAL_CERTIFICATE;
    if (mech->hash != GP_HASHES) return verifier_scram(&c->verifier, mech->hash).len > 0;
    return credential_kind_has_password(c->kind) || (c->kind == CREDENTIAL_SOURCE && !tokens);
}

static void put_own(struct gp_text *own, const struct config *config, const struct account *account,
                    const struct credential *c, const char *listed)
{
    for (gp_str rest = gp_from(listed), word = gp_word(&rest); word.len > 0; word = gp_word(&rest)) {
        const struct gp_sasl_mech *mech = gp_sasl_find(word);
        if (!mech || has_word(gp_said(own), word) || !opens(config, c, mech)) continue;
        if (!allows(account->mechanisms, mech) || !allows(c->limits.mechanisms, mech)) continue;
        if (own->len > 0) gp_put_char(own, ' ');
        gp_put(own, word);
    }
}

/* By the credentials that are in force; those of old devices are good at other listeners. */
static bool look(struct user_store *s, const struct account *account, struct gp_text *own)
{
    struct credential c;
    struct server     list[CONFIG_LISTEN_MOST];
    size_t            count = servers_of(&s->config, list);
    gp_status         status;
    auto_rows         r = credentials_of(s->accounts, account->id);
    while ((status = credentials_next(&r, &c)) == GP_OK)
        for (size_t i = 0; i < count && !c.limits.legacy && credential_state(&c, user_now()) == CREDENTIAL_LIVE; i++)
            put_own(own, &s->config, account, &c, list[i].mechanisms);
    gp_wipe(&c.verifier, sizeof(c.verifier));
    return status == GP_PERMFAIL;
}

/* ---- showing it --------------------------------------------------------------------------------------------------------- */
/* NUL-terminated, in room. */
static const char *mechanisms_of(const struct server *s, gp_str own, char room[static CONFIG_TEXT])
{
    struct gp_text text = { .ptr = room, .room = CONFIG_TEXT - 1 };
    servers_put_mechanisms(&text, s, own);
    room[text.len] = '\0';
    return room;
}

static int print_text_form(const struct config *c, const struct account *account, gp_str own)
{
    char           names[CONFIG_TEXT];
    char           room[SETTINGS_ROOM];
    struct gp_text records = GP_TEXT(room);
    struct server  list[CONFIG_LISTEN_MOST];
    size_t         count = servers_of(c, list);
    (void)printf("user name    %s\nserver       %s\n", account->name, c->hostname);
    for (size_t i = 0; i < count; i++)
        (void)printf("port         %u, %s; sign-in by %s\n", list[i].port,
                     list[i].implicit_tls ? "SSL/TLS" : "STARTTLS",
                     mechanisms_of(&list[i], own, names)[0] ? names : "nothing: it has no credential for this port");
    servers_put_records(&records, c);
    (void)printf("\nDNS, so that clients find this by themselves (RFC 6186, RFC 8314):\n%.*s", (int)records.len, room);
    return CLI_DONE;
}

static json_t *server_json(const struct config *c, const struct server *s, gp_str own)
{
    char names[CONFIG_TEXT];
    return json_pack("{s:s, s:i, s:s, s:o}", "host", c->hostname, "port", (int)s->port, "security",
                     s->implicit_tls ? "tls" : "starttls", "mechanisms", user_words_json(mechanisms_of(s, own, names)));
}

static int print_json_form(const struct config *c, const struct account *account, gp_str own)
{
    struct server list[CONFIG_LISTEN_MOST];
    size_t        count   = servers_of(c, list);
    json_t       *servers = json_array();
    for (size_t i = 0; i < count; i++) (void)json_array_append_new(servers, server_json(c, &list[i], own));
    return user_print_json(json_pack("{s:s, s:o}", "user", account->name, "servers", servers));
}

static int print_autoconfig(const struct config *c, const struct account *account, gp_str own)
{
    char           room[SETTINGS_ROOM];
    struct gp_text xml = GP_TEXT(room);
    if (!servers_put_autoconfig(&xml, c, gp_from(account->name), own) || xml.cut) {
        cli_problem(account->name, "the name cannot stand in XML", NULL);
        return CLI_FAILED;
    }
    return fwrite(room, 1, xml.len, stdout) == xml.len ? CLI_DONE : CLI_FAILED;
}

static int settings(struct user_store *s, const char *user, bool autoconfig, bool json)
{
    struct account account;
    char           room[CONFIG_TEXT];
    struct gp_text own = GP_TEXT(room);
    if (!user_find(s, user, &account)) return CLI_FAILED;
    if (!look(s, &account, &own)) return user_store_failed(s, user);
    if (autoconfig) return print_autoconfig(&s->config, &account, gp_said(&own));
    return json ? print_json_form(&s->config, &account, gp_said(&own))
                : print_text_form(&s->config, &account, gp_said(&own));
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
    auto_user_store s = { 0 };
    return user_store_open(dir, &s) ? settings(&s, user, autoconfig, json) : CLI_FAILED;
}

const struct cli_command cli_credential_settings = { "credential settings", "USER [--autoconfig|--json]",
                                                     "say what a mail client has to be told", run };
