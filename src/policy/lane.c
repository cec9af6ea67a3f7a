/* Lists of words, and what stands in them. */
#include "policy/lane.h"

#include "policy/place.h"

enum { V4_LEAST = PLACE_V4_AT + 8, V6_LEAST = 8, HOUR_MS = 3600 * 1000 };

/* ---- who may connect ------------------------------------------------------------------------------------------------------- */
bool lane_network_is_good(gp_str network, const char **why)
{
    struct place p, all_v4;
    *why = "is not an address or a network such as 10.0.0.0/24";
    if (!place_read(network, &p) || !place_read(GP_LIT("0.0.0.0/0"), &all_v4)) return false;
    *why = "is nearly everybody: a listener for old devices is for named networks, of /8 or less";
    return !place_covers(&p, &all_v4) && p.bits >= (place_is_v4(&p) ? V4_LEAST : V6_LEAST);
}

bool lane_admits(const struct legacy_lane *l, gp_str address)
{
    struct place p;
    return place_read(address, &p) && place_in(gp_from(l->networks), &p);
}

/* ---- to whom may be written ------------------------------------------------------------------------------------------------ */
/* Behind the last sign: in a quoted local part there may be others. */
static gp_str domain_of(gp_str address)
{
    size_t at = address.len;
    while (at > 0 && address.ptr[at - 1] != '@') at--;
    return gp_tail(address, at);
}

/* "victim%example.net@", "example.net!victim@", "\"victim@example.net\"@": some servers send such on (RFC 5321 3.6.1 has the history). */
static bool is_way_on(gp_str local)
{
    for (size_t i = 0; i < local.len; i++)
        if (local.ptr[i] == '%' || local.ptr[i] == '!' || local.ptr[i] == '@' || local.ptr[i] == ':') return true;
    return false;
}

static gp_str local_of(gp_str address)
{
    gp_str domain = domain_of(address);
    return gp_head(address, address.len - domain.len - (domain.len < address.len));
}

static bool is_listed(gp_str domains, gp_str domain)
{
    while (domains.len > 0) {
        gp_str word = gp_word(&domains);
        if (word.len > 0 && gp_alike(word, domain)) return true;
    }
    return false;
}

bool lane_takes(const struct legacy_lane *l, gp_str recipient)
{
    gp_str domain = domain_of(recipient);
    return domain.len < recipient.len && !is_way_on(local_of(recipient)) && is_listed(gp_from(l->domains), domain);
}

void lane_put_no(const struct legacy_lane *l, gp_str recipient, struct gp_text *out)
{
    enum { SHOWN = 200 };
    gp_str domains = gp_from(l->domains);
    if (is_listed(domains, domain_of(recipient))) {
        gp_put_z(out, "this listener for old devices takes no address with % ! : or @ before its domain");
        return;
    }
    gp_put_z(out, "this listener for old devices takes mail to these domains only: ");
    for (bool first = true; domains.len > 0 && out->len < SHOWN; first = false) {
        if (!first) gp_put_z(out, ", ");
        gp_put(out, gp_word(&domains));
    }
    if (domains.len > 0) gp_put_z(out, ", ...");
    gp_put_z(out, "; ask the administrator");
}

/* ---- how much --------------------------------------------------------------------------------------------------------------- */
struct limit_rules lane_rules(const struct legacy_lane *l)
{
    struct limit_rules rules             = { .things = { [LIMIT_MESSAGES] = { .count = 1 } } };
    rules.things[LIMIT_MESSAGES].list[0] = (struct rate) { l->messages_per_hour, l->messages_per_hour, HOUR_MS };
    return rules;
}
