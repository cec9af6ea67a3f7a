/* GATEPOST_... variables: each key has one, some have a shorter one besides. Unset and empty are the same. Names that belong
 * to no key are let be: container platforms make GATEPOST_PORT and the like for a service of that name. */
#include "config/schema.h"

#include <stdlib.h>
#include <string.h>

enum { VALUE_ROOM = 4096 };

static bool value_of(const char *variable, gp_str *value, struct config_place *place)
{
    *value = gp_from(getenv(variable));
    *place = (struct config_place) { 0 };
    (void)gp_copy_z(gp_from(variable), place->variable, sizeof place->variable);
    return value->len > 0;
}

static void read_key(struct config_reading *reading, const struct config_key *key)
{
    char                room[sizeof((struct config_place) { 0 }).variable];
    struct gp_text      name = GP_TEXT(room);
    struct config_place place;
    gp_str              value;
    config_variable(key, &name);
    gp_put_char(&name, '\0');
    if (name.cut || key->type->fields[0] || key->type->items || !value_of(room, &value, &place)) return;
    config_begin(reading, key, &place, CONFIG_ENVIRONMENT);
    config_take_all(reading, key, &place, value);
}

/* The first variable of a list replaces what the file said; the next one of the same list adds to it. */
static void read_alias(struct config_reading *reading, const struct config_alias *alias,
                       const struct config_key **begun)
{
    char                     room[VALUE_ROOM];
    struct gp_text           text = GP_TEXT(room);
    const struct config_key *key  = config_find(gp_from(alias->key));
    struct config_place      place;
    gp_str                   value;
    if (!value_of(alias->variable, &value, &place)) return;
    gp_put_z(&text, alias->before);
    gp_put(&text, value);
    if (*begun != key) config_begin(reading, key, &place, CONFIG_ENVIRONMENT);
    *begun = key;
    if (text.cut)
        config_problem(reading, &place, GP_LIT("too long"));
    else
        config_take(reading, key, &place, gp_said(&text));
}

static void read_certificate(struct config_reading *reading)
{
    char                     room[VALUE_ROOM];
    struct gp_text           text = GP_TEXT(room);
    const struct config_key *key  = config_find(GP_LIT("tls.certificates"));
    struct config_place      chain_place, key_place;
    gp_str                   chain, private_key;
    bool                     has_chain = value_of("GATEPOST_TLS_CERTIFICATE", &chain, &chain_place);
    bool                     has_key   = value_of("GATEPOST_TLS_KEY", &private_key, &key_place);
    if (!has_chain && !has_key) return;
    config_begin(reading, key, &chain_place, CONFIG_ENVIRONMENT);
    if (!has_key)
        config_problem(reading, &chain_place, GP_LIT("a certificate without a key: set GATEPOST_TLS_KEY too"));
    if (!has_chain)
        config_problem(reading, &key_place, GP_LIT("a key without a certificate: set GATEPOST_TLS_CERTIFICATE too"));
    if (!has_chain || !has_key) return;
    gp_put(&text, chain);
    gp_put_char(&text, '\n');
    gp_put(&text, private_key);
    if (text.cut)
        config_problem(reading, &chain_place, GP_LIT("too long"));
    else
        config_take(reading, key, &chain_place, gp_said(&text));
}

void config_read_environment(struct config_reading *reading)
{
    const struct config_key *begun = NULL;
    for (size_t i = 0; i < config_key_count; i++) read_key(reading, &config_keys[i]);
    for (size_t i = 0; i < config_alias_count; i++) read_alias(reading, &config_aliases[i], &begun);
    read_certificate(reading);
}
