/* gatepost.yml(5): the rows of the schema as a manual page. */
#include "config/schema.h"

#include <string.h>

enum { LINE_ROOM = 1024 };

struct page {
    void (*line)(void *owner, gp_str);
    void *owner;
};

static void say(const struct page *page, const char *line)
{
    page->line(page->owner, gp_from(line));
}

/* A backslash begins a request of roff, a hyphen alone may be set as another sign. */
static void put_roff(struct gp_text *out, const char *text)
{
    if (text[0] == '.' || text[0] == '\'') gp_put_z(out, "\\&");
    for (; *text; text++) {
        if (*text == '\\' || *text == '-') gp_put_char(out, '\\');
        gp_put_char(out, *text);
    }
}

static void put_range(struct gp_text *out, const struct config_key *key)
{
    bool is_number = key->type == &config_number || key->type == &config_duration || key->type == &config_size ||
                     key->type == &config_retries;
    if (!is_number) return;
    gp_put_z(out, " from ");
    config_put_number(out, key, key->least);
    gp_put_z(out, " to ");
    config_put_number(out, key, key->most);
}

static void put_choices(struct gp_text *out, const struct config_key *key)
{
    for (size_t i = 0; key->choices && key->choices[i]; i++) {
        gp_put_z(out, i ? ", " : ": ");
        gp_put_z(out, key->choices[i]);
    }
}

static void say_value(const struct page *page, const struct config_key *key)
{
    char           room[LINE_ROOM];
    struct gp_text text = GP_TEXT(room);
    gp_put_z(&text, "Value: ");
    put_roff(&text, key->choices ? "one of" : key->type->what);
    put_range(&text, key);
    put_choices(&text, key);
    gp_put_char(&text, '.');
    if (key->usual) {
        gp_put_z(&text, " Default: ");
        put_roff(&text, key->usual[0] ? key->usual : "none");
        gp_put_char(&text, '.');
    }
    page->line(page->owner, gp_said(&text));
}

static void say_variables(const struct page *page, const struct config_key *key)
{
    char           room[LINE_ROOM];
    struct gp_text text = GP_TEXT(room);
    gp_put_z(&text, "Environment: ");
    if (key->type == &config_certificates)
        gp_put_z(&text, "GATEPOST_TLS_CERTIFICATE and GATEPOST_TLS_KEY");
    else if (key->type->items || key->type->fields[0])
        gp_put_z(&text, "none");
    else
        config_variable(key, &text);
    for (size_t i = 0; i < config_alias_count; i++) {
        if (strcmp(config_aliases[i].key, key->name) != 0) continue;
        gp_put_z(&text, ", ");
        gp_put_z(&text, config_aliases[i].variable);
    }
    gp_put_char(&text, '.');
    page->line(page->owner, gp_said(&text));
}

static void say_help(const struct page *page, const struct config_key *key)
{
    char           room[LINE_ROOM];
    struct gp_text text = GP_TEXT(room);
    say(page, ".TP");
    gp_put_z(&text, ".B ");
    put_roff(&text, key->name);
    page->line(page->owner, gp_said(&text));
    text.len = 0;
    put_roff(&text, key->help);
    page->line(page->owner, gp_said(&text));
}

static void say_key(const struct page *page, const struct config_key *key)
{
    say_help(page, key);
    say(page, ".br");
    say_value(page, key);
    say(page, ".br");
    say_variables(page, key);
}

/* With which types of item it goes. */
static void say_types(const struct page *page, const struct config_key *key, const char *const *types)
{
    char           room[LINE_ROOM];
    struct gp_text text = GP_TEXT(room);
    say(page, ".br");
    gp_put_z(&text, "Type:");
    for (unsigned i = 0; types[i]; i++) {
        if (!(key->types & 1U << i)) continue;
        gp_put_char(&text, ' ');
        put_roff(&text, types[i]);
    }
    gp_put_char(&text, '.');
    page->line(page->owner, gp_said(&text));
}

static const char *const opening[] = {
    ".\\\" Made by `gatepost config manual` from the schema: change it there.",
    ".TH GATEPOST.YML 5 \"\" gatepost \"File formats\"",
    ".SH NAME",
    "gatepost.yml \\- configuration of the gatepost mail submission server",
    ".SH DESCRIPTION",
    "A YAML file in the set-up's directory. A key written here as",
    ".I section.key",
    "stands indented below its section. A key that is left out has its default, and a hostname is all that has none.",
    "An unknown key or a wrong value stops the start, with the line where it stands. Relative paths are relative to the",
    "directory of the file. No secret is ever written in it.",
    ".SH EXAMPLE",
    ".nf",
    "hostname: mail.example.org",
    "domain: example.org",
    "relay:",
    "  via: smtp://smtp.example.net:587",
    "  user: gatepost@example.org",
    "  password_file: relay.password",
    ".fi",
    ".SH ENVIRONMENT",
    "Each key has a variable, named below, that goes before the file; there may be no file at all. The items of a list stand",
    "between commas. GATEPOST_SUBMISSION and GATEPOST_SUBMISSIONS are ADDRESS:PORT each, GATEPOST_DOVECOT_AUTH is a PATH;",
    "together they replace the whole of listen.",
    ".SH KEYS",
};

static const char *const sources[] = {
    ".SH SOURCES",
    "Each item of",
    ".I sources",
    "but store is a mapping with the keys below. Each source is asked by a process of its own: one that is slow or gone",
    "holds up nobody but its own users, who are told to try again later.",
    ".PP",
    ".nf",
    "sources:",
    "  \\- store",
    "  \\- name: staff",
    "    type: ldap",
    "    uri: ldaps://ldap.example.org",
    "    base: ou=people,dc=example,dc=org",
    "    bind_dn: cn=gatepost,dc=example,dc=org",
    "    password_file: ldap.password",
    ".fi",
};

static const char *const routes[] = {
    ".SH ROUTES",
    "Each item of",
    ".I routes",
    "is a mapping with the keys below, and is for mail that fits all of to, from and account that it has. Nothing that relay.user and its",
    "fellows name, or those of another route, is ever said or shown there. What waits goes the new way after a restart.",
    ".PP",
    ".nf",
    "routes:",
    "  \\- name: partner",
    "    to: example.net *.example.net",
    "    via: smtp://mail.example.net:25",
    ".fi",
};

static const char *const providers[] = {
    ".SH PROVIDERS",
    "Each item of",
    ".I providers",
    "is a mapping with the keys below: somebody who gives tokens (OAuth 2.0) that",
    ".I relay.provider",
    "signs in with. They are fetched, and kept fresh, by the vault; how to begin with one is in docs/providers.md.",
    ".PP",
    ".nf",
    "providers:",
    "  \\- name: office",
    "    preset: microsoft",
    "    tenant: example.onmicrosoft.com",
    "    client_id: 00000000\\-0000\\-0000\\-0000\\-000000000000",
    "relay:",
    "  provider: office",
    "  user: printer@example.org",
    ".fi",
};

static const struct section {
    const char *const        *opening;
    size_t                    opening_count;
    const struct config_type *type;
} sections[] = {
    {routes,     GP_COUNT(routes),    &config_routes        },
    { sources,   GP_COUNT(sources),   &config_sources_type  },
    { providers, GP_COUNT(providers), &config_providers_type},
};

/* The keys of an item have no variables of their own. What their values may be is said where items are of several types. */
static void say_section(const struct page *page, const struct section *s)
{
    const struct config_items *list  = s->type->items;
    const char *const         *types = NULL;
    for (size_t i = 0; i < s->opening_count; i++) say(page, s->opening[i]);
    for (size_t i = 0; list->type && i < list->key_count; i++)
        if (strcmp(list->keys[i].name, "type") == 0) types = list->keys[i].choices;
    for (const struct config_key *key = list->keys; key < list->keys + list->key_count; key++) {
        say_help(page, key);
        if (types) say(page, ".br");
        if (types) say_value(page, key);
        if (types && key->types) say_types(page, key, types);
    }
}

void config_manual(void (*line)(void *owner, gp_str), void *owner)
{
    struct page page = { line, owner };
    for (size_t i = 0; i < GP_COUNT(opening); i++) say(&page, opening[i]);
    for (size_t i = 0; i < config_key_count; i++) say_key(&page, &config_keys[i]);
    for (size_t i = 0; i < GP_COUNT(sections); i++) say_section(&page, &sections[i]);
    say(&page, ".SH SEE ALSO");
    say(&page, ".BR gatepost (1)");
}
