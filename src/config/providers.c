/* Who gives the relay tokens: the keys that an item of `providers` may have, and what the presets know of the big ones. */
#include "config/schema.h"

#include <stddef.h>
#include <string.h>

enum { SECOND = 1, MINUTE = 60 };

#define FIELD(member) offsetof(struct config_provider, member), sizeof(((struct config_provider *)0)->member)

static const char *const preset_words[] = { [PROVIDER_OTHER]         = "other",
                                            [PROVIDER_MICROSOFT]     = "microsoft",
                                            [PROVIDER_OUTLOOK]       = "outlook",
                                            [PROVIDER_GOOGLE]        = "google",
                                            [PROVIDER_YAHOO]         = "yahoo",
                                            [PROVIDER_AOL]           = "aol",
                                            [PROVIDER_MICROSOFT_US]  = "microsoft-us",
                                            [PROVIDER_MICROSOFT_CN]  = "microsoft-cn",
                                            [PROVIDER_MICROSOFT_HVE] = "microsoft-hve",
                                            [PROVIDER_FASTMAIL]      = "fastmail",
                                            NULL };
static const char *const grant_words[]  = {
     [PROVIDER_LOGIN] = "login", [PROVIDER_CLIENT] = "client", [PROVIDER_SERVICE_ACCOUNT] = "service-account", NULL
};

const char *config_provider_grant(enum provider_grant grant)
{
    return grant_words[grant];
}

/* ---- presets -------------------------------------------------------------------------------------------------------------- */
#define ENTRA    "https://login.microsoftonline.com/"
#define ENTRA_US "https://login.microsoftonline.us/"
#define ENTRA_CN "https://login.partner.microsoftonline.cn/"
/* $tenant is the item's. A scope of "": that grant is not to be had there. */
static const struct preset {
    const char *via, *token, *device, *authorize, *revoke, *redirect;
    const char *scopes[3]; /* by grant */
    const char *tenant;    /* NULL: it has to be given where there is one */
} presets[PROVIDER_PRESETS] = {
  /* clang-format off */
    [PROVIDER_OTHER] = { "", "", "", "", "", "http://127.0.0.1/", { NULL, NULL, NULL }, "" },
    [PROVIDER_MICROSOFT] = { "smtp://smtp.office365.com:587", ENTRA "$tenant/oauth2/v2.0/token", ENTRA "$tenant/oauth2/v2.0/devicecode",
        ENTRA "$tenant/oauth2/v2.0/authorize", "", "http://localhost/",
        { "https://outlook.office.com/SMTP.Send offline_access", "https://outlook.office365.com/.default", "" }, NULL },
    [PROVIDER_OUTLOOK] = { "smtp://smtp-mail.outlook.com:587", ENTRA "$tenant/oauth2/v2.0/token", ENTRA "$tenant/oauth2/v2.0/devicecode",
        ENTRA "$tenant/oauth2/v2.0/authorize", "", "http://localhost/",
        { "https://outlook.office.com/SMTP.Send offline_access", "", "" }, "consumers" },
    /* Google lets no device ask for mail: a browser has to come back to this host. */
    [PROVIDER_GOOGLE] = { "smtp://smtp.gmail.com:587", "https://oauth2.googleapis.com/token", "",
        "https://accounts.google.com/o/oauth2/v2/auth?access_type=offline&prompt=consent", "https://oauth2.googleapis.com/revoke",
        "http://127.0.0.1/", { "https://mail.google.com/", "", "https://mail.google.com/" }, "" },
    [PROVIDER_YAHOO] = { "smtps://smtp.mail.yahoo.com:465", "https://api.login.yahoo.com/oauth2/get_token", "",
        "https://api.login.yahoo.com/oauth2/request_auth", "", "http://localhost/", { "mail-w", "", "" }, "" },
    [PROVIDER_AOL] = { "smtps://smtp.aol.com:465", "https://api.login.aol.com/oauth2/get_token", "",
        "https://api.login.aol.com/oauth2/request_auth", "", "http://localhost/", { "mail-w", "", "" }, "" },
    /* Clouds of their own: the United States' government, and China's by 21Vianet. */
    [PROVIDER_MICROSOFT_US] = { "smtp://smtp.office365.us:587", ENTRA_US "$tenant/oauth2/v2.0/token", ENTRA_US "$tenant/oauth2/v2.0/devicecode",
        ENTRA_US "$tenant/oauth2/v2.0/authorize", "", "http://localhost/",
        { "https://outlook.office365.us/SMTP.Send offline_access", "https://outlook.office365.us/.default", "" }, NULL },
    [PROVIDER_MICROSOFT_CN] = { "smtp://smtp.partner.outlook.cn:587", ENTRA_CN "$tenant/oauth2/v2.0/token", ENTRA_CN "$tenant/oauth2/v2.0/devicecode",
        ENTRA_CN "$tenant/oauth2/v2.0/authorize", "", "http://localhost/",
        { "https://partner.outlook.cn/SMTP.Send offline_access", "https://partner.outlook.cn/.default", "" }, NULL },
    /* An account that is no mailbox has no person who says yes. */
    [PROVIDER_MICROSOFT_HVE] = { "smtp://smtp.hve.mx.microsoft:587", ENTRA "$tenant/oauth2/v2.0/token", "", "", "", "http://localhost/",
        { "", "https://outlook.office.com/.default", "" }, NULL },
    [PROVIDER_FASTMAIL] = { "smtps://smtp.fastmail.com:465", "https://api.fastmail.com/oauth/refresh", "",
        "https://api.fastmail.com/oauth/authorize", "", "http://localhost/", { "https://www.fastmail.com/dev/protocol-smtp", "", "" }, "" },
  /* clang-format on */
};

/* Mail that is handed to these servers leaves from others. */
static const struct {
    const char *host /* .NAME: all below that, ... */, *include, *begins /* ... that begin so; NULL: any */;
} spf_includes[] = {
  /* clang-format off */
    { "smtp.office365.com",           "spf.protection.outlook.com",         NULL },
    { ".mail.protection.outlook.com", "spf.protection.outlook.com",         NULL },
    { "smtp.office365.us",            "spf.protection.office365.us",        NULL },
    { "smtp.partner.outlook.cn",      "spf.protection.partner.outlook.cn",  NULL },
    { ".mail.protection.office365.us", "spf.protection.office365.us",       NULL },
    { ".mail.protection.partner.outlook.cn", "spf.protection.partner.outlook.cn", NULL },
    { "smtp.gmail.com",               "_spf.google.com",                    NULL },
    { "smtp-relay.gmail.com",         "_spf.google.com",                    NULL },
    { "smtp.fastmail.com",            "spf.messagingengine.com",            NULL },
    { "smtp.mail.me.com",             "icloud.com",                         NULL },
    { "smtp.zoho.com",                "zohomail.com",                       NULL },
    { "smtppro.zoho.com",             "zohomail.com",                       NULL },
    { "smtp.zoho.eu",                 "zohomail.eu",                        NULL },
    { ".amazonaws.com",               "amazonses.com",                      "email-smtp." },
    { "smtp.sendgrid.net",            "sendgrid.net",                       NULL },
    { "smtp.mailgun.org",             "mailgun.org",                        NULL },
    { "smtp.eu.mailgun.org",          "mailgun.org",                        NULL },
    { "in-v3.mailjet.com",            "spf.mailjet.com",                    NULL },
    { "smtp.ionos.com",               "_spf-us.ionos.com",                  NULL },
    { "smtp.ionos.de",                "_spf-eu.ionos.com",                  NULL },
    { "smtp.ionos.co.uk",             "_spf-eu.ionos.com",                  NULL },
    { "smtp.ionos.fr",                "_spf-eu.ionos.com",                  NULL },
    { "smtp.ionos.es",                "_spf-eu.ionos.com",                  NULL },
    { "smtp.ionos.it",                "_spf-eu.ionos.com",                  NULL },
  /* clang-format on */
};

const char *config_spf_include(gp_str host)
{
    for (size_t i = 0; i < GP_COUNT(spf_includes); i++) {
        gp_str name = gp_from(spf_includes[i].host);
        bool   ends = name.ptr[0] == '.' && host.len > name.len;
        if (spf_includes[i].begins && !gp_starts(host, spf_includes[i].begins)) continue;
        if (gp_alike(ends ? gp_tail(host, host.len - name.len) : host, name)) return spf_includes[i].include;
    }
    return "";
}

static const struct config_key keys[] = {
  /* clang-format off */
    { "name", &config_hostname, FIELD(name), 1, 63, NULL,
        "What the log, the commands and relay.provider call it. Required." , NULL },
    { "preset", &config_choice, FIELD(preset), 0, 0, "other",
        "What fills in the addresses, the scope, and relay.via: microsoft is Microsoft 365 (microsoft-us and microsoft-cn in the clouds of their own, microsoft-hve its High Volume Email), outlook the accounts of persons at outlook.com.", preset_words },
    { "grant", &config_choice, FIELD(grant), 0, 0, "login",
        "What a token is given for. login: a person says yes once, by `gatepost provider login`. client: the application's own secret, or key and certificate. "
        "service-account: a key of Google's, for the mailbox of user, of relay or the route.", grant_words },
    { "tenant", &config_text, FIELD(tenant), 0, 127, "",
        "Of Microsoft 365: the directory's ID, or one of its domains. Stands for $tenant in the addresses.", NULL },
    { "client_id", &config_text, FIELD(client_id), 0, 255, "",
        "The application's ID there. Required but for service-account, where the key's file may say it.", NULL },
    { "client_secret_file", &config_path_type, FIELD(client_secret_file), 0, CONFIG_PATH - 1, "",
        "The file whose first line is the application's secret, where it has one. It is read by the vault only, and again when it has changed.", NULL },
    { "key_file", &config_path_type, FIELD(key_file), 0, CONFIG_PATH - 1, "",
        "A private key (RSA, PEM, or the JSON file that Google makes) instead of a secret. It is read by the vault only, which signs with it.", NULL },
    { "certificate_file", &config_path_type, FIELD(certificate_file), 0, CONFIG_PATH - 1, "",
        "The certificate (PEM) that belongs to key_file, as the application has it at Microsoft.", NULL },
    { "scope", &config_text, FIELD(scope), 0, CONFIG_TEXT - 1, "",
        "What is asked for, words with blanks between them.", NULL },
    { "token_uri", &config_text, FIELD(token_uri), 0, CONFIG_PATH - 1, "",
        "Where tokens are given.", NULL },
    { "device_uri", &config_text, FIELD(device_uri), 0, CONFIG_PATH - 1, "",
        "Where a code for a person begins (RFC 8628).", NULL },
    { "authorize_uri", &config_text, FIELD(authorize_uri), 0, CONFIG_PATH - 1, "",
        "Where a person's browser is sent.", NULL },
    { "redirect_uri", &config_text, FIELD(redirect_uri), 0, CONFIG_TEXT - 1, "",
        "Where the browser comes back to, on the host where the command runs (RFC 8252 7.3): http://127.0.0.1/ or http://localhost/, and a path if the "
        "provider wants one. A free port is added.", NULL },
    { "revoke_uri", &config_text, FIELD(revoke_uri), 0, CONFIG_PATH - 1, "",
        "Where a grant is given back (RFC 7009).", NULL },
    { "ca_file", &config_path_type, FIELD(ca_file), 0, CONFIG_PATH - 1, "",
        "Certificates (PEM) to trust when that of these addresses is checked. Default: those of the system.", NULL },
    { "timeout", &config_duration, FIELD(timeout), SECOND, MINUTE, "15s",
        "How long an answer may take.", NULL },
  /* clang-format on */
};
/* ---- what the preset fills in ----------------------------------------------------------------------------------------------------- */
static bool fill(char *field, size_t room, const char *form, const char *tenant)
{
    struct gp_text out  = { .ptr = field, .room = room - 1 };
    const char    *hole = form ? strstr(form, "$tenant") : NULL;
    if (field[0] || !form) return true;
    gp_put(&out, (gp_str) { form, hole ? (size_t)(hole - form) : strlen(form) });
    if (hole) gp_put_z(&out, tenant);
    if (hole) gp_put_z(&out, hole + strlen("$tenant"));
    field[out.len] = '\0';
    return !out.cut;
}

static bool fill_in(struct config_provider *p)
{
    const struct preset *is = &presets[p->preset];
    return fill(p->tenant, sizeof p->tenant, is->tenant, "") &&
           fill(p->token_uri, sizeof p->token_uri, is->token, p->tenant) &&
           fill(p->device_uri, sizeof p->device_uri, is->device, p->tenant) &&
           fill(p->authorize_uri, sizeof p->authorize_uri, is->authorize, p->tenant) &&
           fill(p->revoke_uri, sizeof p->revoke_uri, is->revoke, "") &&
           fill(p->redirect_uri, sizeof p->redirect_uri, is->redirect, "") &&
           fill(p->scope, sizeof p->scope, is->scopes[p->grant], "");
}

/* ---- what the values of an item mean together ---------------------------------------------------------------------------------------- */
static bool is_word(const char *text)
{
    return !text[strcspn(text, " /?#&%\t")];
}

static const char *wrong_uri(const struct config_provider *p)
{
    const char *const uris[] = { p->token_uri, p->device_uri, p->authorize_uri, p->revoke_uri };
    for (size_t i = 0; i < GP_COUNT(uris); i++)
        if (uris[i][0] && !config_is_web_uri(uris[i]))
            return "its addresses must be https://HOST/PATH: secrets go there (http:// only to this host)";
    if (!gp_starts(gp_from(p->redirect_uri), "http://127.0.0.1/") &&
        !gp_starts(gp_from(p->redirect_uri), "http://localhost/"))
        return "redirect_uri must begin with http://127.0.0.1/ or http://localhost/: the command waits there";
    return NULL;
}

static const char *wrong_proof(const struct config_provider *p)
{
    bool secret = p->client_secret_file[0], key = p->key_file[0], certificate = p->certificate_file[0];
    if (secret && key) return "client_secret_file and key_file are two ways to say who asks: name one of them";
    if (certificate && !key) return "certificate_file has no key: name it as key_file";
    if (p->grant == PROVIDER_SERVICE_ACCOUNT)
        return key ? NULL : "grant: service-account needs its key: name it as key_file";
    if (key && !certificate) return "key_file needs the certificate that belongs to it: name it as certificate_file";
    if (p->grant == PROVIDER_CLIENT && !secret && !key)
        return "grant: client needs client_secret_file, or key_file and certificate_file";
    return NULL;
}

static const char *wrong(const struct config_provider *p)
{
    const char *scope = presets[p->preset].scopes[p->grant];
    const char *why;
    if (!presets[p->preset].tenant && !p->tenant[0])
        return "tenant is missing: the directory's ID, or one of its domains";
    if (!is_word(p->tenant)) return "tenant has characters that none has";
    if (scope && !scope[0]) return "its preset has no such grant";
    if (!p->token_uri[0]) return "token_uri is missing: where tokens are given";
    if (!p->client_id[0] && p->grant != PROVIDER_SERVICE_ACCOUNT)
        return "client_id is missing: the application's ID there";
    if (p->grant == PROVIDER_LOGIN && !p->device_uri[0] && !p->authorize_uri[0])
        return "grant: login needs device_uri or authorize_uri";
    why = wrong_uri(p);
    return why ? why : wrong_proof(p);
}

static bool is_sound(const struct config_item *item, struct config_provider *p)
{
    const char *why = fill_in(p) ? wrong(p) : "its addresses are too long";
    if (!why && config_find_provider(item->reading->config, gp_from(p->name))) why = "two providers have this name";
    if (why) config_item_problem(item, item->place, gp_from(p->name), gp_from(why));
    return !why;
}

/* ---- the list --------------------------------------------------------------------------------------------------------------------------- */
static bool take_provider(const struct config_item *item)
{
    struct config *config = item->reading->config;
    bool           sound  = config_item_usual(item);
    sound                 = config_item_given(item) && sound;
    return sound && is_sound(item, &config->providers[config->provider_count]);
}

static void clear_providers(struct config *config)
{
    config->provider_count = 0;
}

static const struct config_items items = {
    .name      = "providers",
    .keys      = keys,
    .key_count = GP_COUNT(keys),
    .offset    = offsetof(struct config, providers),
    .size      = sizeof(struct config_provider),
    .most      = CONFIG_PROVIDERS_MOST,
    .count     = offsetof(struct config, provider_count),
    .full      = "there are too many",
    .no_word   = "is no mapping with a name and a client_id",
    .take      = take_provider,
};
const struct config_type config_providers_type = { "a list of mappings with the keys of a section below",
                                                   config_read_item,
                                                   config_show_item,
                                                   clear_providers,
                                                   { NULL },
                                                   &items };

/* ---- for others -------------------------------------------------------------------------------------------------------------------------- */
const struct config_provider *config_find_provider(const struct config *c, gp_str name)
{
    for (size_t i = 0; i < c->provider_count; i++)
        if (gp_same(gp_from(c->providers[i].name), name)) return &c->providers[i];
    return NULL;
}

const struct config_provider *config_relay_provider(const struct config *c)
{
    return c->relay.provider[0] ? config_find_provider(c, gp_from(c->relay.provider)) : NULL;
}

const struct config_provider *config_login_provider(const struct config *c, size_t login)
{
    const char *name = config_login_of(c, login).provider;
    return name[0] ? config_find_provider(c, gp_from(name)) : NULL;
}

size_t config_login_by(const struct config *c, const struct config_provider *p)
{
    size_t login = 0;
    while (login < config_logins(c) && (config_login_provider(c, login) != p || config_has_own_token(c, login)))
        login++;
    return login;
}

/* An application that acts for everybody has one token for all. */
bool config_has_own_token(const struct config *c, size_t login)
{
    const struct config_provider *p = config_login_provider(c, login);
    return p && p->grant != PROVIDER_CLIENT && config_login_of(c, login).own;
}

size_t config_own_login_by(const struct config *c, const struct config_provider *p)
{
    size_t login = 0;
    while (login < config_logins(c) && (config_login_provider(c, login) != p || !config_login_of(c, login).own))
        login++;
    return login;
}

void config_derive_provider(struct config_reading *reading)
{
    struct config                *config = reading->config;
    const struct config_key      *via    = config_find(GP_LIT("relay.via"));
    const struct config_provider *p      = config_relay_provider(config);
    unsigned char                *from   = &config->sources[via - config_keys];
    if (*from != CONFIG_DEFAULT || !p || !presets[p->preset].via[0]) return;
    *from = CONFIG_FROM_PROVIDER;
    config_take(reading, via, &(struct config_place) { 0 }, gp_from(presets[p->preset].via));
}

/* After all else, as the webhook. Its transfers have their own times; this is how long one of them may take at most. */
void config_add_fetcher(struct config *c)
{
    struct config_lookup *l = &c->lookups[config_token_process(c)];
    if (!c->provider_count) return;
    *l = (struct config_lookup) {
        .type = LOOKUP_PROVIDERS, .name = "providers", .timeout = MINUTE, .workers = CONFIG_PROVIDERS_MOST, .waiting = 1
    };
}
