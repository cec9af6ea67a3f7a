/* The types that fill fields of their own: certificates, retries and the like. */
#include "config/schema.h"
#include "policy/identity.h"

#include <string.h>

static bool too_many(struct gp_text *why, size_t most)
{
    gp_put_z(why, "has more than ");
    gp_put_number(why, (int64_t)most);
    gp_put_z(why, " items");
    return false;
}

/* ---- certificates -------------------------------------------------------------------------------------- */
static bool read_certificate(struct config *config, const struct config_key *key, gp_str text, struct gp_text *why)
{
    (void)key;
    gp_str private_key = text, certificate = gp_cut(&private_key, text.len > gp_find(text, '\n') ? '\n' : ' ');
    if (config->certificate_count == CONFIG_CERTIFICATES_MOST) return too_many(why, CONFIG_CERTIFICATES_MOST);
    struct config_certificate *item = &config->certificates[config->certificate_count];
    if (certificate.len == 0) return config_fail(why, private_key, "is a key without a certificate");
    if (private_key.len == 0) return config_fail(why, certificate, "is a certificate without a key");
    if (!config_is_text(certificate, why) || !config_is_text(private_key, why)) return false;
    if (!gp_copy_z(certificate, item->certificate, sizeof item->certificate) ||
        !gp_copy_z(private_key, item->key, sizeof item->key))
        return config_fail(why, text, "is too long");
    config->certificate_count++;
    return true;
}

static void put_text(struct gp_text *out, const char *name, const char *text)
{
    gp_put_z(out, name);
    gp_put_z(out, ": \"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') gp_put_char(out, '\\');
        gp_put_char(out, *text);
    }
    gp_put_char(out, '"');
}

static bool show_certificate(const struct config *config, const struct config_key *key, size_t index,
                             struct gp_text *out)
{
    if (index >= config->certificate_count) return false;
    gp_put_char(out, '{');
    put_text(out, key->type->fields[0], config->certificates[index].certificate);
    put_text(out, ", key", config->certificates[index].key);
    gp_put_char(out, '}');
    return true;
}

static void clear_certificates(struct config *config)
{
    config->certificate_count = 0;
}

const struct config_type config_certificates = {
    "a list of {certificate: FILE, key: FILE}",
    read_certificate,
    show_certificate,
    clear_certificates,
    {"certificate", "key"}
};

/* ---- protected names ------------------------------------------------------------------------------------ */
static bool read_protected(struct config *config, const struct config_key *key, gp_str text, struct gp_text *why)
{
    (void)key;
    gp_str accounts = text, name = gp_trim(gp_cut(&accounts, '\n'));
    size_t at = config->policy.identity.protected_count;
    if (at == CONFIG_PROTECTED_MOST) return too_many(why, CONFIG_PROTECTED_MOST);
    struct config_protected *item = &config->policy.identity.protected_names[at];
    if (name.len == 0) return config_fail(why, accounts, "are accounts without a name");
    if (!config_is_text(name, why) || (accounts.ptr && !config_is_text(accounts, why))) return false;
    if (!policy_name_is_good(name))
        return config_fail(why, name, "has neither letter nor digit, so that no name would be like it");
    item->accounts[0] = '\0';
    if (!gp_copy_z(name, item->name, sizeof item->name) ||
        (accounts.ptr && !gp_copy_z(accounts, item->accounts, sizeof item->accounts)))
        return config_fail(why, text, "is too long");
    config->policy.identity.protected_count++;
    return true;
}

static bool show_protected(const struct config *config, const struct config_key *key, size_t index, struct gp_text *out)
{
    if (index >= config->policy.identity.protected_count) return false;
    const struct config_protected *item = &config->policy.identity.protected_names[index];
    gp_put_char(out, '{');
    put_text(out, key->type->fields[0], item->name);
    gp_put_z(out, ", ");
    put_text(out, key->type->fields[1], item->accounts);
    gp_put_char(out, '}');
    return true;
}

static void clear_protected(struct config *config)
{
    config->policy.identity.protected_count = 0;
}

const struct config_type config_protected_names = {
    "a list of {name: NAME, accounts: ACCOUNTS}",
    read_protected,
    show_protected,
    clear_protected,
    {"name", "accounts"}
};

/* ---- retries ------------------------------------------------------------------------------------------- */
static bool read_retry(struct config *config, const struct config_key *key, gp_str text, struct gp_text *why)
{
    uint64_t seconds = 0;
    if (config->queue.retry_count == CONFIG_RETRIES_MOST) return too_many(why, CONFIG_RETRIES_MOST);
    if (!config_read_number(key, text, &seconds, why)) return false;
    config->queue.retries[config->queue.retry_count++] = (unsigned)seconds;
    return true;
}

static bool show_retry(const struct config *config, const struct config_key *key, size_t index, struct gp_text *out)
{
    if (index >= config->queue.retry_count) return false;
    config_put_number(out, key, config->queue.retries[index]);
    return true;
}

static void clear_retries(struct config *config)
{
    config->queue.retry_count = 0;
}

const struct config_type config_retries = {
    "a list of durations such as 30s, 5m, 4h or 5d, each", read_retry, show_retry, clear_retries, { NULL }
};
