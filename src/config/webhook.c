/* Where notices and events are posted: are those addresses that may be posted to; and the processes that ask the web, as items behind the sources. */
#include "config/schema.h"

static void complain(struct config_reading *reading, const char *key, const char *text)
{
    config_problem(reading, &reading->places[config_find(gp_from(key)) - config_keys], gp_from(text));
}

bool config_is_web_uri(const char *uri)
{
    gp_str rest = gp_from(uri), scheme = gp_cut(&rest, ':');
    if (!rest.ptr || !gp_starts(rest, "//")) return false;
    rest        = gp_tail(rest, 2);
    gp_str host = gp_cut(&rest, '/');
    bool   here = gp_is(scheme, "http") && config_is_loopback(host);
    return host.len > 0 && gp_find(host, '@') == host.len && (here || gp_is(scheme, "https"));
}

size_t config_token_process(const struct config *c)
{
    return c->lookup_count + (c->notices.webhook[0] != '\0');
}

size_t config_events_process(const struct config *c)
{
    return config_token_process(c) + (c->provider_count > 0);
}

size_t config_web_process(const struct config *c)
{
    return config_events_process(c) + (c->events.webhook[0] != '\0');
}

size_t config_lookup_processes(const struct config *c)
{
    return config_web_process(c) + config_asks_web(c);
}

bool config_goes_by_mx(const struct config *c)
{
    bool by_mx = c->relay.kind == RELAY_MX;
    for (size_t i = 0; i < c->route_count; i++) by_mx |= c->routes[i].via[0].kind == RELAY_MX;
    return by_mx;
}

bool config_follows_sts(const struct config *c)
{
    return config_goes_by_mx(c) && c->relay.mta_sts;
}

bool config_asks_web(const struct config *c)
{
    return config_follows_sts(c) || (config_goes_by_mx(c) && c->tls_reports.send);
}

static bool are_types(gp_str words)
{
    while (words.len) {
        gp_str word = gp_word(&words), known = GP_LIT(CONFIG_EVENT_TYPES);
        bool   is_one = !word.len;
        while (known.len && !is_one) is_one = gp_same(gp_word(&known), word);
        if (!is_one) return false;
    }
    return true;
}

static void check_events(struct config_reading *reading)
{
    struct config *c = reading->config;
    if (c->events.webhook[0] && !config_is_web_uri(c->events.webhook))
        complain(
            reading, "events.webhook",
            "events.webhook must be https://HOST/PATH, without a name or password in it (http:// only to this host)");
    if (!c->events.webhook[0] && c->events.webhook_secret_file[0])
        complain(reading, "events.webhook_secret_file",
                 "events.webhook_secret_file is for an events.webhook, and there is none");
    if (!are_types(gp_from(c->events.types)))
        complain(reading, "events.types", "events.types are some of: " CONFIG_EVENT_TYPES);
}

void config_check_webhook(struct config_reading *reading)
{
    struct config *c = reading->config;
    if (c->notices.webhook[0] && !config_is_web_uri(c->notices.webhook))
        complain(
            reading, "notices.webhook",
            "notices.webhook must be https://HOST/PATH, without a name or password in it (http:// only to this host)");
    if (!c->notices.webhook[0] && c->notices.webhook_secret_file[0])
        complain(reading, "notices.webhook_secret_file",
                 "notices.webhook_secret_file is for a notices.webhook, and there is none");
    check_events(reading);
}

/* After all else: what comes behind the sources must not be moved by one more of them. */
void config_add_webhook(struct config *c)
{
    struct config_lookup *l = &c->lookups[c->lookup_count];
    if (!c->notices.webhook[0]) return;
    *l = (struct config_lookup) {
        .type = LOOKUP_WEBHOOK, .name = "webhook", .timeout = c->notices.webhook_timeout, .workers = 1, .waiting = 1
    };
    (void)gp_copy_z(gp_from(c->notices.webhook), l->uri, sizeof(l->uri));
    (void)gp_copy_z(gp_from(c->notices.webhook_secret_file), l->token_file, sizeof(l->token_file));
    (void)gp_copy_z(gp_from(c->notices.webhook_ca_file), l->ca_file, sizeof(l->ca_file));
}

void config_add_events(struct config *c)
{
    struct config_lookup *l = &c->lookups[config_events_process(c)];
    if (!c->events.webhook[0]) return;
    *l = (struct config_lookup) {
        .type = LOOKUP_EVENTS, .name = "events", .timeout = c->events.webhook_timeout, .workers = 1, .waiting = 1
    };
    (void)gp_copy_z(gp_from(c->events.webhook), l->uri, sizeof(l->uri));
    (void)gp_copy_z(gp_from(c->events.webhook_secret_file), l->token_file, sizeof(l->token_file));
    (void)gp_copy_z(gp_from(c->events.webhook_ca_file), l->ca_file, sizeof(l->ca_file));
}

/* For policies of strangers' domains, and reports to them: the roots are those by which their mail servers are judged, too. */
void config_add_web(struct config *c)
{
    enum { PATIENCE = 20, ANSWERS = 8 };
    struct config_lookup *l = &c->lookups[config_web_process(c)];
    if (!config_asks_web(c)) return;
    *l = (struct config_lookup) {
        .type = LOOKUP_WEB, .name = "web", .timeout = PATIENCE, .workers = ANSWERS, .waiting = 1
    };
    (void)gp_copy_z(gp_from(c->relay.ca_file), l->ca_file, sizeof(l->ca_file));
}
