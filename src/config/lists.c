/* The types that fill fields of their own: certificates, retries, the route that mail takes. */
#include "config/schema.h"
#include "policy/identity.h"

#include <string.h>

enum { PORT_MOST = 65535 };

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

/* ---- the route ----------------------------------------------------------------------------------------- */
static const char *const tls_words[] = {
    [RELAY_TLS_REQUIRED] = "required", [RELAY_TLS_OPPORTUNISTIC] = "opportunistic", [RELAY_TLS_NONE] = "none"
};

static const struct scheme {
    const char     *start;
    enum relay_kind kind;
    enum relay_tls  tls; /* unless said otherwise */
    bool            implicit_tls;
    uint16_t        port;
} schemes[] = {
    {"smtp://",   RELAY_SMARTHOST, RELAY_TLS_REQUIRED,      false, 587},
    { "smtps://", RELAY_SMARTHOST, RELAY_TLS_REQUIRED,      true,  465},
    { "mx",       RELAY_MX,        RELAY_TLS_OPPORTUNISTIC, false, 0  },
};

static bool read_tls(gp_str query, enum relay_tls *tls)
{
    if (!query.ptr) return true;
    if (!gp_starts(query, "tls=")) return false;
    for (size_t i = 0; i < GP_COUNT(tls_words); i++) {
        if (!gp_is(gp_tail(query, sizeof "tls=" - 1), tls_words[i])) continue;
        *tls = (enum relay_tls)i;
        return true;
    }
    return false;
}

/* HOST, HOST:PORT, [ADDRESS] or [ADDRESS]:PORT; the host is kept without its brackets. */
static bool read_host(struct config_hop *to, gp_str text)
{
    uint64_t number = to->port;
    bool     six    = gp_starts(text, "[");
    gp_str   port = six ? gp_tail(text, 1) : text, host = gp_cut(&port, six ? ']' : ':');
    if (six) port = port.len == 0 ? GP_NONE : gp_starts(port, ":") ? gp_tail(port, 1) : GP_LIT("x");
    for (size_t i = 0; i < host.len; i++)
        if (host.ptr[i] <= ' ' || host.ptr[i] >= 0x7f || strchr("/@?#", host.ptr[i])) return false;
    if (host.len == 0 || !gp_copy_z(host, to->host, sizeof to->host)) return false;
    if (port.ptr && (!gp_read_number(port, PORT_MOST, &number) || number == 0)) return false;
    to->port = (uint16_t)number;
    return true;
}

static const struct scheme *scheme_of(gp_str text)
{
    for (size_t i = 0; i < GP_COUNT(schemes); i++)
        if (gp_starts(text, schemes[i].start)) return &schemes[i];
    return NULL;
}

static bool read_hop(struct config_hop *out, gp_str text, const char *form, struct gp_text *why)
{
    const struct scheme *scheme = scheme_of(text);
    if (!scheme) return config_fail(why, text, form);
    gp_str query = gp_tail(text, strlen(scheme->start)), hop = gp_cut(&query, '?');
    *out = (struct config_hop) { true, scheme->implicit_tls, scheme->kind, scheme->tls, "", scheme->port };
    if (!read_tls(query, &out->tls))
        return config_fail(why, query, "is not tls=required, tls=opportunistic or tls=none");
    if (scheme->implicit_tls && out->tls == RELAY_TLS_NONE)
        return config_fail(why, text, "wants TLS and none of it: write smtp://");
    if (scheme->kind == RELAY_MX) return hop.len == 0 || config_fail(why, text, form);
    if (hop.len == 0) return config_fail(why, text, "names no host: write it as smtp://HOST:PORT");
    return read_host(out, hop) || config_fail(why, hop, "is not HOST or HOST:PORT");
}

static const struct {
    const char     *word;
    enum relay_kind kind;
} targets[] = {
    {"discard", RELAY_DISCARD},
    { "hold",   RELAY_HOLD   },
};

static void show_hop(struct gp_text *out, const struct config_hop *hop)
{
    bool six = gp_find(gp_from(hop->host), ':') < strlen(hop->host);
    for (size_t i = 0; i < GP_COUNT(targets); i++)
        if (targets[i].kind == hop->kind) {
            gp_put_z(out, targets[i].word);
            return;
        }
    gp_put_char(out, '"');
    if (hop->kind == RELAY_MX) {
        gp_put_z(out, "mx");
    } else {
        gp_put_z(out, hop->implicit_tls ? "smtps://" : "smtp://");
        gp_put_z(out, six ? "[" : "");
        gp_put_z(out, hop->host);
        gp_put_z(out, six ? "]:" : ":");
        gp_put_number(out, hop->port);
    }
    gp_put_z(out, "?tls=");
    gp_put_z(out, tls_words[hop->tls]);
    gp_put_char(out, '"');
}

static bool read_route(struct config *config, const struct config_key *key, gp_str text, struct gp_text *why)
{
    struct config_hop hop = { 0 };
    (void)key;
    if (!read_hop(&hop, text, "is not 'mx', 'smtp://HOST:PORT' or 'smtps://HOST:PORT'", why)) return false;
    config->relay.kind         = hop.kind;
    config->relay.tls          = hop.tls;
    config->relay.implicit_tls = hop.implicit_tls;
    config->relay.port         = hop.port;
    memcpy(config->relay.host, hop.host, sizeof config->relay.host);
    return true;
}

static bool show_route(const struct config *config, const struct config_key *key, size_t index, struct gp_text *out)
{
    struct config_hop hop = config_default_hop(config);
    (void)key;
    if (index) return false;
    show_hop(out, &hop);
    return true;
}

const struct config_type config_route = {
    "mx, smtp://HOST:PORT or smtps://HOST:PORT, and ?tls=...", read_route, show_route, NULL, { NULL }
};

/* The same in a route, which stands where its row says, and may lead nowhere. */
static bool read_next_hop(struct config *config, const struct config_key *key, gp_str text, struct gp_text *why)
{
    struct config_hop *out = (void *)((char *)config + key->offset);
    for (size_t i = 0; i < GP_COUNT(targets); i++) {
        if (!gp_is(text, targets[i].word)) continue;
        *out = (struct config_hop) { .set = true, .kind = targets[i].kind, .tls = RELAY_TLS_NONE };
        return true;
    }
    return read_hop(out, text, "is not 'mx', 'smtp://HOST:PORT', 'smtps://HOST:PORT', 'discard' or 'hold'", why);
}

static bool show_next_hop(const struct config *config, const struct config_key *key, size_t index, struct gp_text *out)
{
    if (index) return false;
    show_hop(out, (const void *)((const char *)config + key->offset));
    return true;
}

const struct config_type config_next_hop = { "mx, smtp://HOST:PORT or smtps://HOST:PORT, and ?tls=..., discard or hold",
                                             read_next_hop,
                                             show_next_hop,
                                             NULL,
                                             { NULL } };
