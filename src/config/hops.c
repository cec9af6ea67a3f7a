/* Next hops as they are written: relay.via, and via and fallback of a route. */
#include "config/schema.h"

#include <arpa/inet.h>
#include <string.h>

enum { PORT_MOST = 65535 };

/* ---- one ---------------------------------------------------------------------------------------------- */
static const char *const tls_words[] = {
    [RELAY_TLS_REQUIRED] = "required", [RELAY_TLS_OPPORTUNISTIC] = "opportunistic",
    [RELAY_TLS_NONE] = "none",         [RELAY_TLS_ENCRYPTED] = "encrypted",
    [RELAY_TLS_DANE] = "dane",
};

static const struct scheme {
    const char     *start;
    enum relay_kind kind;
    enum relay_tls  tls; /* unless said otherwise */
    bool            implicit_tls, lmtp;
    uint16_t        port;
} schemes[] = {
    {"smtp://",   RELAY_SMARTHOST, RELAY_TLS_REQUIRED,      false, false, 587},
    { "smtps://", RELAY_SMARTHOST, RELAY_TLS_REQUIRED,      true,  false, 465},
    { "lmtp://",  RELAY_SMARTHOST, RELAY_TLS_REQUIRED,      false, true,
     24                                                                      }, /* RFC 2033 5: a port of its own; this is Dovecot's */
    { "lmtp:/",   RELAY_SMARTHOST, RELAY_TLS_NONE,          false, true,  0  }, /* a UNIX socket */
    { "mx",       RELAY_MX,        RELAY_TLS_OPPORTUNISTIC, false, false, 0  },
};

bool config_is_verified(enum relay_tls tls)
{
    return tls == RELAY_TLS_REQUIRED || tls == RELAY_TLS_DANE;
}

static bool is_socket(const struct scheme *scheme)
{
    return scheme->lmtp && !scheme->port;
}

const char *config_tls_word(enum relay_tls tls)
{
    return tls_words[tls];
}

bool config_read_tls(gp_str word, enum relay_tls *tls)
{
    for (size_t i = 0; i < GP_COUNT(tls_words); i++) {
        if (!gp_is(word, tls_words[i])) continue;
        *tls = (enum relay_tls)i;
        return true;
    }
    return false;
}

static bool read_weight(gp_str word, uint16_t *weight)
{
    uint64_t number;
    if (!gp_read_number(word, CONFIG_WEIGHT_MOST, &number) || number == 0) return false;
    *weight = (uint16_t)number;
    return true;
}

/* tls=... and weight=..., with & between them. */
static bool read_query(struct config_hop *hop, gp_str query, struct gp_text *why)
{
    while (query.ptr) {
        gp_str word   = gp_cut(&query, '&');
        bool   weighs = gp_starts(word, "weight=");
        if (weighs && !read_weight(gp_tail(word, sizeof "weight=" - 1), &hop->weight))
            return config_fail(why, word, "is not weight=1 to weight=100");
        if (!weighs && !(gp_starts(word, "tls=") && config_read_tls(gp_tail(word, sizeof "tls=" - 1), &hop->tls)))
            return config_fail(
                why, word,
                "is not tls=required, tls=dane, tls=encrypted, tls=opportunistic, tls=none or weight=NUMBER");
        hop->tls_said |= !weighs;
    }
    return true;
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

enum { SMTP_PORT = 25 };

static const struct scheme *scheme_of(gp_str text)
{
    for (size_t i = 0; i < GP_COUNT(schemes); i++)
        if (gp_starts(text, schemes[i].start)) return &schemes[i];
    return NULL;
}

static bool read_socket(struct config_hop *to, gp_str path, struct gp_text *why)
{
    enum { PATH_MOST = 107 }; /* unix(7): sun_path, with its NUL */
    if (to->tls != RELAY_TLS_NONE) return config_fail(why, path, "is a UNIX socket: there is no TLS on it");
    if (path.len < 2 || path.len > PATH_MOST || gp_find(path, ' ') < path.len)
        return config_fail(why, path, "is no path of a UNIX socket, which has up to 107 octets");
    return gp_copy_z(path, to->host, sizeof to->host);
}

static bool is_address(const char *host)
{
    struct in6_addr any;
    return inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;
}

static bool read_hop(struct config_hop *out, gp_str text, const char *form, struct gp_text *why)
{
    const struct scheme *scheme = scheme_of(text);
    if (!scheme) return config_fail(why, text, form);
    gp_str query = gp_tail(text, strlen(scheme->start) - (is_socket(scheme) ? 1 : 0)), hop = gp_cut(&query, '?');
    *out = (struct config_hop) { .set          = true,
                                 .implicit_tls = scheme->implicit_tls,
                                 .lmtp         = scheme->lmtp,
                                 .kind         = scheme->kind,
                                 .tls          = scheme->tls,
                                 .port         = scheme->port,
                                 .weight       = 1 };
    if (!read_query(out, query, why)) return false;
    if (scheme->implicit_tls && out->tls == RELAY_TLS_NONE)
        return config_fail(why, text, "wants TLS and none of it: write smtp://");
    if (scheme->lmtp && out->tls == RELAY_TLS_DANE)
        return config_fail(why, text, "is a mail store's, and tls=dane is for SMTP: write tls=required");
    if (scheme->kind == RELAY_MX) return hop.len == 0 || config_fail(why, text, form);
    if (is_socket(scheme)) return read_socket(out, hop, why);
    if (hop.len == 0) return config_fail(why, text, "names no host: write it as smtp://HOST:PORT");
    if (!read_host(out, hop)) return config_fail(why, hop, "is not HOST or HOST:PORT");
    if (scheme->lmtp && out->port == SMTP_PORT) /* RFC 2033 5 */
        return config_fail(why, text,
                           "is SMTP's port, which no mail store listens at: LMTP has 24, unless yours says otherwise");
    if (out->tls == RELAY_TLS_DANE && is_address(out->host))
        return config_fail(why, text, "names an address, and tls=dane goes by a name: write that, or tls=required");
    return true;
}

static const struct {
    const char     *word;
    enum relay_kind kind;
} targets[] = {
    {"discard", RELAY_DISCARD},
    { "hold",   RELAY_HOLD   },
};

static void put_server(struct gp_text *out, const struct config_hop *hop)
{
    bool six = gp_find(gp_from(hop->host), ':') < strlen(hop->host);
    gp_put_z(out, hop->lmtp ? "lmtp" : hop->implicit_tls ? "smtps" : "smtp");
    gp_put_z(out, hop->port ? "://" : ":");
    gp_put_z(out, six ? "[" : "");
    gp_put_z(out, hop->host);
    if (!hop->port) return; /* a socket */
    gp_put_z(out, six ? "]:" : ":");
    gp_put_number(out, hop->port);
}

void config_put_hop(struct gp_text *out, const struct config_hop *hop)
{
    for (size_t i = 0; i < GP_COUNT(targets); i++)
        if (targets[i].kind == hop->kind) {
            gp_put_z(out, targets[i].word);
            return;
        }
    if (hop->kind == RELAY_MX)
        gp_put_z(out, "mx");
    else
        put_server(out, hop);
    if (hop->kind == RELAY_MX && !hop->tls_said) return; /* relay.tls_policy may say it */
    gp_put_z(out, "?tls=");
    gp_put_z(out, tls_words[hop->tls]);
    if (hop->weight <= 1) return;
    gp_put_z(out, "&weight=");
    gp_put_number(out, hop->weight);
}

static bool read_route(struct config *config, const struct config_key *key, gp_str text, struct gp_text *why)
{
    static const char form[] = "is not 'mx', 'smtp://HOST:PORT' or 'smtps://HOST:PORT'";
    struct config_hop hop    = { 0 };
    (void)key;
    if (!read_hop(&hop, text, form, why)) return false;
    if (hop.lmtp) return config_fail(why, text, form);
    if (hop.weight > 1) return config_fail(why, text, "is the only one: weights are for a route with several");
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
    gp_put_char(out, '"');
    config_put_hop(out, &hop);
    gp_put_char(out, '"');
    return true;
}

const struct config_type config_route = {
    "mx, smtp://HOST:PORT or smtps://HOST:PORT, and ?tls=...", read_route, show_route, NULL, { NULL }
};

/* ---- the next hops of a route, which stand where its row says ------------------------------------------------- */
static const char hop_form[] =
    "is not 'mx', 'smtp://HOST:PORT', 'smtps://HOST:PORT', 'lmtp://HOST:PORT', 'lmtp:/PATH', 'discard' or 'hold'";
static const char server_form[] = "is not 'smtp://HOST:PORT', 'smtps://HOST:PORT', 'lmtp://HOST:PORT' or 'lmtp:/PATH'";

static bool read_target(gp_str text, struct config_hop *out)
{
    for (size_t i = 0; i < GP_COUNT(targets); i++) {
        if (!gp_is(text, targets[i].word)) continue;
        *out = (struct config_hop) { .set = true, .kind = targets[i].kind, .tls = RELAY_TLS_NONE, .weight = 1 };
        return true;
    }
    return false;
}

static bool read_hops(struct config *config, const struct config_key *key, gp_str text, struct gp_text *why)
{
    struct config_hop *hops  = (void *)((char *)config + key->offset);
    size_t             count = 0, most = key->size / sizeof *hops;
    for (gp_str rest = text; rest.len > 0;) {
        gp_str word = gp_word(&rest);
        if (!word.len) continue;
        if (count == most) return config_fail(why, text, "is more than four servers");
        bool target = key->type == &config_next_hops && read_target(word, &hops[count]);
        if (!target && !read_hop(&hops[count], word, key->type == &config_next_hops ? hop_form : server_form, why))
            return false;
        count++;
    }
    if (!count) return config_fail(why, text, hop_form);
    for (size_t i = 0; i < count; i++)
        if (hops[i].kind != RELAY_SMARTHOST && (count > 1 || key->type == &config_servers))
            return config_fail(why, text, "names several, which may be servers only, or names none");
    return true;
}

static bool show_hops(const struct config *config, const struct config_key *key, size_t index, struct gp_text *out)
{
    const struct config_hop *hops = (const void *)((const char *)config + key->offset);
    if (index || !hops[0].set) return false;
    gp_put_char(out, '"');
    for (size_t i = 0; i < key->size / sizeof *hops && hops[i].set; i++) {
        if (i) gp_put_char(out, ' ');
        config_put_hop(out, &hops[i]);
    }
    gp_put_char(out, '"');
    return true;
}

const struct config_type config_next_hops = {
    "mx, discard, hold, or up to four of smtp://HOST:PORT, smtps://HOST:PORT, lmtp://HOST:PORT and lmtp:/PATH",
    read_hops,
    show_hops,
    NULL,
    { NULL },
    NULL
};
const struct config_type config_servers = {
    "up to four of smtp://HOST:PORT, smtps://HOST:PORT, lmtp://HOST:PORT and lmtp:/PATH",
    read_hops,
    show_hops,
    NULL,
    { NULL },
    NULL
};
