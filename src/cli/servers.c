/* Servers for clients, as a URL, as DNS records and as Mozilla's autoconfiguration. */
#include "cli/servers.h"

#include <string.h>

/* ---- which there are --------------------------------------------------------------------------------------------------- */
/* "127.0.0.1:587", "[::1]:465" */
static bool is_loopback(gp_str address)
{
    return gp_starts(address, "127.") || gp_starts(address, "[::1]:") || gp_starts(address, "localhost:");
}

static uint16_t port_of(gp_str address)
{
    const char *colon = memrchr(address.ptr, ':', address.len);
    uint64_t    port  = 0;
    if (!colon || !gp_read_number(gp_tail(address, (size_t)(colon + 1 - address.ptr)), UINT16_MAX, &port)) return 0;
    return (uint16_t)port;
}

static bool is_word_of(gp_str words, gp_str name)
{
    for (gp_str word = gp_word(&words); word.len > 0; word = gp_word(&words))
        if (gp_alike(word, name)) return true;
    return false;
}

static bool has(const struct server *list, size_t count, bool implicit_tls, uint16_t port)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].implicit_tls == implicit_tls && list[i].port == port) return true;
    return false;
}

struct wanted {
    bool   loopback;
    gp_str listeners; /* "": any */
};

static void add(const struct config *c, enum listen_kind kind, const struct wanted *w, struct server *out,
                size_t *count)
{
    for (size_t i = 0; i < c->listen_count; i++) {
        const struct config_listen *l    = &c->listen[i];
        uint16_t                    port = port_of(gp_from(l->address));
        bool                        tls  = kind == LISTEN_SUBMISSIONS;
        if (l->kind != kind || is_loopback(gp_from(l->address)) != w->loopback || has(out, *count, tls, port)) continue;
        if (w->listeners.len > 0 && !is_word_of(w->listeners, gp_from(l->name))) continue;
        out[(*count)++] = (struct server) { .implicit_tls = tls,
                                            .port         = port,
                                            .mechanisms   = l->mechanisms[0] ? l->mechanisms : c->mechanisms,
                                            .asks         = l->asks };
    }
}

static bool are_reached(const struct config *c)
{
    for (size_t i = 0; i < c->listen_count; i++) {
        enum listen_kind kind = c->listen[i].kind;
        if ((kind == LISTEN_SUBMISSIONS || kind == LISTEN_SUBMISSION) && !is_loopback(gp_from(c->listen[i].address)))
            return true;
    }
    return false;
}

size_t servers_among(const struct config *c, gp_str listeners, struct server out[static CONFIG_LISTEN_MOST])
{
    size_t        count = 0;
    struct wanted w     = { .loopback = !are_reached(c), .listeners = listeners };
    add(c, LISTEN_SUBMISSIONS, &w, out, &count);
    add(c, LISTEN_SUBMISSION, &w, out, &count);
    return count;
}

size_t servers_of(const struct config *c, struct server out[static CONFIG_LISTEN_MOST])
{
    return servers_among(c, GP_NONE, out);
}

/* ---- mechanisms ------------------------------------------------------------------------------------------------------------- */
static bool can_use(const struct server *s, gp_str own, gp_str name)
{
    return is_word_of(own, name) && is_word_of(gp_from(s->mechanisms), name) &&
           (s->asks || !gp_alike(name, GP_LIT("EXTERNAL")));
}

void servers_put_mechanisms(struct gp_text *out, const struct server *s, gp_str own)
{
    size_t before = out->len;
    for (gp_str rest = gp_from(s->mechanisms), word = gp_word(&rest); word.len > 0; word = gp_word(&rest)) {
        if (!can_use(s, own, word)) continue;
        if (out->len > before) gp_put_char(out, ' ');
        gp_put(out, word);
    }
}

/* ---- URL and DNS --------------------------------------------------------------------------------------------------------- */
/* RFC 3986 2.3: all but the unreserved is encoded. */
static void put_percent(struct gp_text *out, gp_str text)
{
    static const char others[] = "-._~";
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            memchr(others, c, sizeof(others) - 1)) {
            gp_put_char(out, c);
        } else {
            gp_put_char(out, '%');
            gp_put_hex(out, (gp_str) { &c, 1 });
        }
    }
}

void servers_put_url(struct gp_text *out, const struct config *c, gp_str listeners, gp_str user, gp_str password)
{
    struct server list[CONFIG_LISTEN_MOST];
    if (servers_among(c, listeners, list) == 0) return;
    gp_put_z(out, list[0].implicit_tls ? "smtps://" : "smtp://");
    put_percent(out, user);
    gp_put_char(out, ':');
    put_percent(out, password);
    gp_put_char(out, '@');
    gp_put_z(out, c->hostname);
    gp_put_char(out, ':');
    gp_put_number(out, list[0].port);
}

static void put_record(struct gp_text *out, const struct config *c, const struct server *s)
{
    enum { PREFERENCE_STARTTLS = 10 };
    gp_put_z(out, s->implicit_tls ? "_submissions._tcp." : "_submission._tcp.");
    gp_put_z(out, c->domain);
    gp_put_z(out, ". IN SRV ");
    gp_put_number(out, s->implicit_tls ? 0 : PREFERENCE_STARTTLS);
    gp_put_z(out, " 1 ");
    gp_put_number(out, s->port);
    gp_put_char(out, ' ');
    gp_put_z(out, c->hostname);
    gp_put_z(out, ".\n");
}

void servers_put_records(struct gp_text *out, const struct config *c)
{
    struct server list[CONFIG_LISTEN_MOST];
    size_t        count = servers_of(c, list);
    for (size_t i = 0; i < count; i++) put_record(out, c, &list[i]);
}

/* ---- autoconfiguration ------------------------------------------------------------------------------------------------------ */
/* XML 1.0 2.2 has no control characters, not even as references. */
static bool put_xml(struct gp_text *out, gp_str text)
{
    static const struct {
        char        c;
        const char *entity;
    } entities[] = {
        {'&',  "&amp;" },
        { '<', "&lt;"  },
        { '>', "&gt;"  },
        { '"', "&quot;"}
    };
    for (size_t i = 0; i < text.len; i++) {
        const char *entity = NULL;
        if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == '\x7f') return false;
        for (size_t e = 0; e < GP_COUNT(entities); e++)
            if (entities[e].c == text.ptr[i]) entity = entities[e].entity;
        if (entity)
            gp_put_z(out, entity);
        else
            gp_put_char(out, text.ptr[i]);
    }
    return gp_is_utf8(text);
}

static bool put_element(struct gp_text *out, const char *indent, const char *name, gp_str text)
{
    gp_put_z(out, indent);
    gp_put_char(out, '<');
    gp_put_z(out, name);
    gp_put_char(out, '>');
    bool good = put_xml(out, text);
    gp_put_z(out, "</");
    gp_put_z(out, name);
    gp_put_z(out, ">\n");
    return good;
}

/* The first in the order of the table that an account can use there is what a client takes. */
static void put_authentication(struct gp_text *out, const struct server *s, gp_str own)
{
    static const struct {
        const char *name, *mechanism, *another;
    } ways[] = {
        {"TLS-client-cert",     "EXTERNAL", "EXTERNAL"   },
        { "OAuth2",             "XOAUTH2",  "OAUTHBEARER"},
        { "password-cleartext", "PLAIN",    "LOGIN"      },
        { "password-encrypted", "CRAM-MD5", "CRAM-MD5"   },
    };
    for (size_t i = 0; i < GP_COUNT(ways); i++)
        if (can_use(s, own, gp_from(ways[i].mechanism)) || can_use(s, own, gp_from(ways[i].another)))
            (void)put_element(out, "      ", "authentication", gp_from(ways[i].name));
}

static bool put_server(struct gp_text *out, const struct config *c, const struct server *s, gp_str user, gp_str own)
{
    char           room[8];
    struct gp_text port = GP_TEXT(room);
    gp_put_number(&port, s->port);
    gp_put_z(out, "    <outgoingServer type=\"smtp\">\n");
    bool good = put_element(out, "      ", "hostname", gp_from(c->hostname)) &&
                put_element(out, "      ", "port", gp_said(&port)) &&
                put_element(out, "      ", "socketType", gp_from(s->implicit_tls ? "SSL" : "STARTTLS")) &&
                put_element(out, "      ", "username", user);
    put_authentication(out, s, own);
    gp_put_z(out, "    </outgoingServer>\n");
    return good;
}

bool servers_put_autoconfig(struct gp_text *out, const struct config *c, gp_str user, gp_str own)
{
    struct server list[CONFIG_LISTEN_MOST];
    size_t        count  = servers_of(c, list);
    gp_str        domain = gp_from(c->domain);
    gp_put_z(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<clientConfig version=\"1.1\">\n  <emailProvider id=\"");
    bool good = put_xml(out, domain);
    gp_put_z(out, "\">\n");
    good = good && put_element(out, "    ", "domain", domain) && put_element(out, "    ", "displayName", domain) &&
           put_element(out, "    ", "displayShortName", domain);
    for (size_t i = 0; i < count && good; i++) good = put_server(out, c, &list[i], user, own);
    gp_put_z(out, "  </emailProvider>\n</clientConfig>\n");
    return good;
}
