/* What mail by MX must have, domain by domain: the items of relay.tls_policy, and which of them a domain has. The latter is pure. */
#include "config/schema.h"

#include <string.h>

/* ---- which of them --------------------------------------------------------------------------------------------------- */
static bool is_for_what_is_below(const struct config_tls_policy *p)
{
    return p->domain[0] == '.';
}

/* ".example.net" is for no mail to example.net itself. */
static bool fits(const struct config_tls_policy *p, gp_str domain)
{
    gp_str name = gp_from(p->domain);
    if (!is_for_what_is_below(p)) return gp_alike(name, domain);
    return domain.len > name.len && gp_alike(gp_tail(domain, domain.len - name.len), name);
}

static bool is_nearer(const struct config_tls_policy *a, const struct config_tls_policy *b)
{
    if (is_for_what_is_below(a) != is_for_what_is_below(b)) return !is_for_what_is_below(a);
    return strlen(a->domain) > strlen(b->domain);
}

const struct config_tls_policy *config_tls_policy_for(const struct config *config, const struct config_route *route,
                                                      gp_str domain)
{
    const struct config_tls_policy *found = NULL, *items = config->relay.tls_policies;
    enum relay_kind                 kind = route ? route->via->kind : config->relay.kind;
    if (kind != RELAY_MX || (route && route->via->tls_said)) return NULL;
    for (size_t i = 0; i < config->relay.tls_policy_count; i++)
        if (fits(&items[i], domain) && (!found || is_nearer(&items[i], found))) found = &items[i];
    return found;
}

/* ---- the list --------------------------------------------------------------------------------------------------------- */
static bool is_there(const struct config *config, gp_str domain)
{
    for (size_t i = 0; i < config->relay.tls_policy_count; i++)
        if (gp_alike(gp_from(config->relay.tls_policies[i].domain), domain)) return true;
    return false;
}

static bool read_tls_policy(struct config *config, const struct config_key *key, gp_str text, struct gp_text *why)
{
    gp_str                    level = text, domain = gp_cut(&level, text.len > gp_find(text, '\n') ? '\n' : ' ');
    struct config_tls_policy *item = &config->relay.tls_policies[config->relay.tls_policy_count];
    (void)key;
    domain = gp_trim(domain), level = gp_trim(level);
    if (config->relay.tls_policy_count == CONFIG_TLS_POLICIES_MOST)
        return config_fail(why, domain, "is one more than the 256 that there may be");
    if (!gp_is_ascii(domain))
        return config_fail(why, domain, "is not ASCII: write the xn-- form of an international name");
    if (!config_is_hostname(gp_tail(domain, gp_starts(domain, "."))))
        return config_fail(why, domain,
                           "is not a domain such as partner.example, or .partner.example for all below it");
    if (is_there(config, domain)) return config_fail(why, domain, "is there twice: one of them would never count");
    if (!config_read_tls(level, &item->tls))
        return config_fail(why, level, "is not tls: required, dane, encrypted, opportunistic or none");
    if (!gp_copy_z(domain, item->domain, sizeof item->domain)) return config_fail(why, domain, "is too long");
    config->relay.tls_policy_count++;
    return true;
}

static bool show_tls_policy(const struct config *config, const struct config_key *key, size_t index,
                            struct gp_text *out)
{
    if (index >= config->relay.tls_policy_count) return false;
    const struct config_tls_policy *item = &config->relay.tls_policies[index];
    (void)key;
    gp_put_z(out, "{domain: \"");
    gp_put_z(out, item->domain);
    gp_put_z(out, "\", tls: \"");
    gp_put_z(out, config_tls_word(item->tls));
    gp_put_z(out, "\"}");
    return true;
}

static void clear_tls_policies(struct config *config)
{
    config->relay.tls_policy_count = 0;
}

const struct config_type config_tls_policies = {
    "a list of {domain: NAME, tls: LEVEL}",
    read_tls_policy,
    show_tls_policy,
    clear_tls_policies,
    {"domain", "tls"},
    NULL
};
