/* Where a message goes that is not for relay.via: the keys of an item of `routes`, which route is for a recipient, and how the queue and
 * the relay call it between them. The last two are pure. */
#include "config/schema.h"

#include <arpa/inet.h>
#include <idn2.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#define FIELD(member) offsetof(struct config_route, member), sizeof(((struct config_route *)0)->member)

static const char *const whose_words[] = { [LOGIN_OF_ROUTE] = "route", [LOGIN_OF_ACCOUNT] = "account", NULL };

static const struct config_key keys[] = {
  /* clang-format off */
    { "name", &config_hostname, FIELD(name), 1, 63, NULL,
      "What the log and `gatepost queue show` call it. Required." },
    { "to", &config_text, FIELD(to), 0, CONFIG_TEXT - 1, "",
      "Domains of recipients, with blanks between them: example.net, *.example.net for all below that, or * for all (in quotes, where a star comes first). Default: all." },
    { "from", &config_text, FIELD(from), 0, CONFIG_TEXT - 1, "",
      "Senders (MAIL FROM): domains as above, or whole addresses. Reports of ours have none, and match no route with this key. Default: all." },
    { "account", &config_text, FIELD(account), 0, CONFIG_TEXT - 1, "",
      "Names of accounts whose mail it is. Default: all." },
    { "via", &config_next_hops, FIELD(via), 0, 0, NULL,
      "As relay.via: mx, smtp://HOST:PORT or smtps://HOST:PORT, and ?tls=required, dane, encrypted, opportunistic or none, which mx may leave to relay.tls_policy; or LMTP, for a mail store: lmtp://HOST:PORT (24), or lmtp:/PATH of a UNIX socket. "
      "Up to four servers, with blanks between them, share the connections in proportion to their ?weight=1 to 100 (with & behind another ?); one that cannot be used leaves its share to the others. "
      "Or discard: it is accepted and goes nowhere, without a report, and the record says so. "
      "Or hold: it waits until `gatepost queue release` lets it go, by the next route that fits. Required." },
    { "fallback", &config_servers, FIELD(fallback), 0, 0, "",
      "Servers, written as in via, for when none of those in via can be used: it cannot be reached, has no TLS that is good enough, or says 421. What they say of a message is no reason to turn to another. Default: none." },
    { "user", &config_text, FIELD(user), 0, 255, "",
      "The name to sign in with there, as relay.user: a server and tls=required." },
    { "password_file", &config_path_type, FIELD(password_file), 0, CONFIG_PATH - 1, "",
      "The file whose first line is the password for it." },
    { "token_file", &config_path_type, FIELD(token_file), 0, CONFIG_PATH - 1, "",
      "Instead: the file whose first line is a bearer token, as relay.token_file." },
    { "certificate_file", &config_path_type, FIELD(certificate_file), 0, CONFIG_PATH - 1, "",
      "Our certificate for its servers, as relay.certificate_file: alone, or besides one of those; with login: account it is shown, and nobody signs in with it." },
    { "key_file", &config_path_type, FIELD(key_file), 0, CONFIG_PATH - 1, "",
      "Its key, as relay.key_file." },
    { "provider", &config_text, FIELD(provider), 0, 63, "",
      "Instead: the name of one of providers, whose tokens sign in as user, as relay.provider." },
    { "login", &config_choice, FIELD(login), 0, 0, "route",
      "Who signs in there. route: user, for all its mail. account: each account as itself, with what `gatepost provider login --account` has kept for it: "
      "with provider a token of its own, else a user name and password; mail of one that has none waits, and no connection is shared between accounts. "
      "Such a route is for the mail of accounts: reports of ours go by the next one that fits.", whose_words },
    { "mechanisms", &config_mechanisms, FIELD(mechanisms), 1, CONFIG_TEXT - 1, "",
      "SASL mechanisms that may be used there, with blanks between them. Default: as that of relay.mechanisms." },
    { "from_address", &config_text, FIELD(from_address), 0, sizeof(((struct config_route *)0)->from_address) - 1, "",
      "Address of this host that its connections come from: one of IPv4, one of IPv6, or both with a blank between them; where there is but one, servers are reached over that kind alone. Default: as the system chooses." },
    { "messages_per_minute", &config_number, FIELD(messages_per_minute), 1, 10000, "",
      "Messages that are sent that way in any minute, at most, as providers limit it. What is over that waits for its turn, and is not put off. Default: as many as there are." },
    { "connections", &config_number, FIELD(connections), 1, 256, "",
      "Messages that are under way there at a time, at most, to all its destinations together, and to each no more than relay.connections_per_destination, be it one. Default: relay.connections_per_destination to each." },
    { "recipients", &config_number, FIELD(recipients), 1, 100, "",
      "Recipients of a message that are named there at once, at most; the others get it in further transactions. Default: 100." },
  /* clang-format on */
};

/* ---- what the values of an item mean together ---------------------------------------------------------------------------- */
static enum relay_proof proof_of(const struct config_route *r)
{
    if (r->provider[0]) return RELAY_PROVIDER;
    if (r->login == LOGIN_OF_ACCOUNT) return RELAY_PASSWORD;
    if (r->token_file[0]) return RELAY_TOKEN;
    if (r->password_file[0]) return RELAY_PASSWORD;
    return r->certificate_file[0] ? RELAY_CERTIFICATE : RELAY_NO_PROOF;
}

static bool uses(const struct config_route *r, const char *mechanism)
{
    for (gp_str rest = gp_from(r->mechanisms); rest.len > 0;)
        if (gp_is(gp_word(&rest), mechanism)) return true;
    return false;
}

static bool all_servers(const struct config_route *r, bool (*are)(const struct config_hop *))
{
    for (size_t i = 0; i < CONFIG_HOPS_MOST; i++)
        if ((r->via[i].set && !are(&r->via[i])) || (r->fallback[i].set && !are(&r->fallback[i]))) return false;
    return true;
}

static bool demands_tls(const struct config_hop *hop)
{
    return config_is_verified(hop->tls);
}

static bool has_port(const struct config_hop *hop)
{
    return hop->kind == RELAY_MX || hop->port;
}

static bool uses_others(const struct config_route *r, const char *mechanism)
{
    for (gp_str rest = gp_from(r->mechanisms); rest.len > 0;) {
        gp_str word = gp_word(&rest);
        if (word.len > 0 && !gp_is(word, mechanism)) return true;
    }
    return false;
}

static const char *wrong_mechanisms(const struct config_route *r, bool token)
{
    bool for_tokens = uses(r, "OAUTHBEARER") || uses(r, "XOAUTH2"), others = uses_others(r, "EXTERNAL");
    if (uses(r, "EXTERNAL") && !r->certificate_file[0]) return "mechanisms: EXTERNAL needs certificate_file";
    if (others && proof_of(r) == RELAY_CERTIFICATE)
        return "mechanisms: with certificate_file, and no password or token, EXTERNAL alone can be used";
    if (others && for_tokens != token)
        return "mechanisms: OAUTHBEARER and XOAUTH2 are for token_file and provider, and others for password_file";
    return NULL;
}

static const char *wrong_own_login(const struct config_route *r)
{
    if (r->user[0] || r->password_file[0] || r->token_file[0])
        return "login: account is each account's own: it goes with provider, or with nothing, and not with user, password_file and token_file";
    if (uses(r, "EXTERNAL"))
        return "mechanisms: with login: account each signs in as itself, and EXTERNAL signs in as our certificate";
    if (r->via->kind != RELAY_SMARTHOST) return "login is for a server that via names, and via names none";
    if (!all_servers(r, demands_tls))
        return "login: account needs tls=required or tls=dane in via: else passwords or tokens go to whoever answers";
    return wrong_mechanisms(r, r->provider[0]);
}

static const char *wrong_login(const struct config_route *r)
{
    bool password = r->password_file[0], token = r->token_file[0] || r->provider[0];
    bool shows = r->certificate_file[0];
    if (r->login == LOGIN_OF_ACCOUNT) return wrong_own_login(r);
    if (!r->user[0] && (password || token || (r->mechanisms[0] && !shows)))
        return "there is nobody to sign in: write user";
    if (!r->user[0]) return shows ? wrong_mechanisms(r, false) : NULL;
    if (r->via->kind != RELAY_SMARTHOST) return "user is for a server that via names, and via names none";
    if (!all_servers(r, demands_tls))
        return "user needs tls=required or tls=dane in via: else the password or token goes to whoever answers";
    if ((password == token && (password || !shows)) || (r->token_file[0] && r->provider[0]))
        return "user needs one of password_file, token_file and provider";
    return wrong_mechanisms(r, token);
}

/* Its name, and that we have its key, are for those that it was made for. */
static const char *wrong_certificate(const struct config_route *r)
{
    if (r->certificate_file[0] && !r->key_file[0]) return "certificate_file has no key: name its file as key_file";
    if (r->key_file[0] && !r->certificate_file[0])
        return "key_file has no certificate: name its file as certificate_file";
    if (!r->certificate_file[0]) return NULL;
    if (r->via->kind != RELAY_SMARTHOST) return "certificate_file is for a server that via names, and via names none";
    return all_servers(r, demands_tls)
               ? NULL
               : "certificate_file needs tls=required or tls=dane in via: else it goes to whoever answers";
}

static const char *wrong_source(const struct config_route *r)
{
    size_t                  words = 0;
    struct sockaddr_storage v4, v6;
    for (gp_str rest = gp_from(r->from_address); rest.len > 0;) words += gp_word(&rest).len > 0;
    if (words == 0) return NULL;
    if (!all_servers(r, has_port)) return "from_address is for mail that leaves";
    if (words != (size_t)config_source(r, AF_INET, &v4) + config_source(r, AF_INET6, &v6))
        return "from_address is an address of IPv4, one of IPv6, or both with a blank between them";
    return NULL;
}

/* A route for everything would leave relay.via nothing, which is rather written there. */
static bool is_of_one_kind(const struct config_route *r)
{
    for (size_t i = 0; i < CONFIG_HOPS_MOST; i++) {
        if (r->via[i].set && r->via[i].lmtp != r->via->lmtp) return false;
        if (r->fallback[i].set && r->fallback[i].lmtp != r->via->lmtp) return false;
    }
    return true;
}

static const char *wrong(const struct config *config, const struct config_route *r)
{
    if (!r->name[0]) return "a route must have a name";
    if (!r->via->set) return "via is missing: mx, smtp://HOST:PORT, smtps://HOST:PORT, lmtp:/PATH, discard or hold";
    bool leads = r->via->kind == RELAY_MX || r->via->kind == RELAY_SMARTHOST;
    if (!leads && (r->messages_per_minute || r->connections || r->recipients))
        return "messages_per_minute, connections and recipients are for mail that leaves";
    if (r->fallback->set && r->via->kind != RELAY_SMARTHOST)
        return "fallback is for servers that via names, and via names none";
    if (!is_of_one_kind(r))
        return "a route leads to servers of SMTP or to stores of LMTP, not to both: what a report says of the one is not so of the other";
    if (!r->to[0] && !r->from[0] && !r->account[0]) return "whose mail is it for? Write to, from or account";
    if (config_route_named(config, gp_from(r->name))) return "two routes have this name";
    const char *why = wrong_source(r);
    if (!why) why = wrong_certificate(r);
    return why ? why : wrong_login(r);
}

/* As those of relay.mechanisms: the certificate first, but not where it would sign in for everybody. */
static void derive_mechanisms(struct config_route *r)
{
    bool           token = r->token_file[0] || r->provider[0], shows = r->certificate_file[0];
    bool           own = r->login == LOGIN_OF_ACCOUNT, alone = proof_of(r) == RELAY_CERTIFICATE;
    struct gp_text out = { .ptr = r->mechanisms, .room = sizeof r->mechanisms - 1 };
    if (r->mechanisms[0] || (!r->user[0] && !own && !shows)) return;
    if (shows && !own) gp_put_z(&out, alone ? "EXTERNAL" : "EXTERNAL ");
    if (!alone) gp_put_z(&out, token ? CONFIG_MECHANISMS_FOR_TOKENS : CONFIG_MECHANISMS_FOR_PASSWORDS);
    r->mechanisms[out.len] = '\0';
}

/* ---- the list ---------------------------------------------------------------------------------------------------------- */
static bool take_route(const struct config_item *item)
{
    struct config       *config = item->reading->config;
    struct config_route *r      = &config->routes[config->route_count];
    if (!config_item_given(item)) return false;
    const char *why = wrong(config, r);
    if (why) config_item_problem(item, item->place, gp_from(r->name), gp_from(why));
    if (!why) derive_mechanisms(r);
    return !why;
}

static void clear_routes(struct config *config)
{
    config->route_count = 0;
}

static const struct config_items items = {
    .name      = "routes",
    .keys      = keys,
    .key_count = GP_COUNT(keys),
    .offset    = offsetof(struct config, routes),
    .size      = sizeof(struct config_route),
    .most      = CONFIG_ROUTES_MOST,
    .count     = offsetof(struct config, route_count),
    .full      = "there may be 32 at most",
    .no_word   = "is not a mapping with a name, via, and to, from or account",
    .brief     = true,
    .take      = take_route,
};
const struct config_type config_routes = { "a list of mappings with the keys of a section below",
                                           config_read_item,
                                           config_show_item,
                                           clear_routes,
                                           { NULL },
                                           &items };

/* ---- which route ---------------------------------------------------------------------------------------------------------- */
enum { DOMAIN_ROOM = 256 }; /* RFC 5321 4.5.3.1.2, and the NUL */

/* RFC 6531 3.2: a U-label and its A-label name the same domain. What is none (a literal, senseless letters) stays as it is. */
static gp_str a_labels(gp_str domain, char room[static DOMAIN_ROOM])
{
    char text[DOMAIN_ROOM], *ascii = NULL;
    if (gp_is_ascii(domain) || !gp_copy_z(domain, text, sizeof text)) return domain;
    if (idn2_to_ascii_8z(text, &ascii, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT) != IDN2_OK) return domain;
    bool fits = gp_copy_z(gp_from(ascii), room, DOMAIN_ROOM);
    idn2_free(ascii);
    return fits ? gp_from(room) : domain;
}

static bool names_same(gp_str a, gp_str b)
{
    char a_room[DOMAIN_ROOM], b_room[DOMAIN_ROOM];
    return gp_alike(a_labels(a, a_room), a_labels(b, b_room));
}

static bool is_below(gp_str domain, gp_str parent)
{
    char   domain_room[DOMAIN_ROOM], parent_room[DOMAIN_ROOM];
    gp_str name = a_labels(domain, domain_room), above = a_labels(parent, parent_room);
    return name.len > above.len + 1 && name.ptr[name.len - above.len - 1] == '.' &&
           gp_alike(gp_tail(name, name.len - above.len), above);
}

static bool domain_fits(gp_str word, gp_str domain)
{
    if (gp_is(word, "*")) return domain.len > 0;
    return gp_starts(word, "*.") ? is_below(domain, gp_tail(word, 2)) : names_same(word, domain);
}

static gp_str domain_of(gp_str address)
{
    for (size_t i = address.len; i > 0; i--)
        if (address.ptr[i - 1] == '@') return gp_tail(address, i);
    return GP_NONE;
}

static bool sender_fits(gp_str word, gp_str sender)
{
    gp_str domain = domain_of(sender), own = domain_of(word);
    bool   whole = own.len > 0,
         same    = whole && gp_alike(gp_head(word, word.len - own.len), gp_head(sender, sender.len - domain.len));
    return whole ? same && names_same(own, domain) : domain_fits(word, domain);
}

static bool is_one_of(const char *words, gp_str what, bool (*fits)(gp_str, gp_str))
{
    if (!words[0]) return true;
    for (gp_str rest = gp_from(words); rest.len > 0;) {
        gp_str word = gp_word(&rest);
        if (word.len > 0 && fits(word, what)) return true;
    }
    return false;
}

static bool is_for(const struct config_route *r, gp_str domain, gp_str sender, gp_str account)
{
    if (r->login == LOGIN_OF_ACCOUNT && account.len == 0) return false; /* who would sign in? */
    return is_one_of(r->to, domain, domain_fits) && is_one_of(r->from, sender, sender_fits) &&
           is_one_of(r->account, account, gp_alike);
}

const struct config_route *config_route_for(const struct config *config, gp_str domain, gp_str sender, gp_str account)
{
    for (size_t i = 0; i < config->route_count; i++) {
        const struct config_route *r = &config->routes[i];
        if (r->via->kind != RELAY_HOLD && is_for(r, domain, sender, account)) return r;
    }
    return NULL;
}

const struct config_route *config_hold_for(const struct config *config, gp_str domain, gp_str sender, gp_str account)
{
    for (size_t i = 0; i < config->route_count; i++) {
        const struct config_route *r = &config->routes[i];
        if (is_for(r, domain, sender, account)) return r->via->kind == RELAY_HOLD ? r : NULL;
    }
    return NULL;
}

static bool is_any(const char *words)
{
    bool any = !words[0];
    for (gp_str rest = gp_from(words); rest.len > 0 && !any;) any = gp_is(gp_word(&rest), "*");
    return any;
}

/* Some of them may stand there by their whole addresses. */
static bool names_one_of(const char *words, gp_str domain)
{
    for (gp_str rest = gp_from(words); rest.len > 0;) {
        gp_str word = gp_word(&rest);
        if (gp_find(word, '@') < word.len && names_same(domain_of(word), domain)) return true;
    }
    return false;
}

static bool domain_only_fits(gp_str word, gp_str domain)
{
    return gp_find(word, '@') == word.len && domain_fits(word, domain);
}

enum config_share config_route_share(const struct config_route *r, gp_str from_domain)
{
    bool whole = is_one_of(r->from, from_domain, domain_only_fits);
    if (!whole && !names_one_of(r->from, from_domain)) return ROUTE_TAKES_NONE;
    return whole && is_any(r->to) && !r->account[0] ? ROUTE_TAKES_ALL : ROUTE_TAKES_SOME;
}

const struct config_route *config_route_named(const struct config *config, gp_str name)
{
    for (size_t i = 0; i < config->route_count; i++)
        if (gp_alike(name, gp_from(config->routes[i].name))) return &config->routes[i];
    return NULL;
}

/* ---- what it is called between queue and relay --------------------------------------------------------------------------------- */
#define SMARTHOST "smarthost"

static void put_lower(struct gp_text *out, gp_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        gp_put_char(out, c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c);
    }
}

static void put_whose(struct gp_text *out, struct config_account account)
{
    if (account.name.len == 0) return; /* what all of them begin with */
    gp_put_number(out, (int64_t)account.number);
    gp_put_char(out, ' ');
    gp_put(out, account.name); /* as it is: names differ by case */
}

/* As it is written, and no other way. */
static bool read_whose(gp_str text, struct config_account *out)
{
    gp_str number = gp_cut(&text, ' ');
    bool   plain  = number.len == 1 || !gp_starts(number, "0");
    out->name     = text;
    return plain && gp_read_number(number, INT64_MAX, &out->number) && text.len > 0;
}

void config_put_destination(struct gp_text *out, const struct config *config, const struct config_route *route,
                            gp_str domain, struct config_account account)
{
    bool            own  = route && route->login == LOGIN_OF_ACCOUNT;
    enum relay_kind kind = route ? route->via->kind : config->relay.kind;
    if (route) gp_put_z(out, CONFIG_VIA);
    if (route) put_lower(out, gp_from(route->name));
    if (route && (own || kind == RELAY_MX)) gp_put_char(out, ' ');
    if (own) put_whose(out, account);
    if (kind == RELAY_MX) put_lower(out, domain);
    if (!route && kind == RELAY_SMARTHOST) gp_put_z(out, SMARTHOST);
}

/* FNV-1a; only who writes the configuration chooses what goes in. */
static uint64_t mix(uint64_t hash, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) hash = (hash ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t mix_text(uint64_t hash, const char *text)
{
    return mix(hash, text, gp_from(text).len + 1); /* with its NUL, so that one ends where the next begins */
}

uint64_t config_ways(const struct config *config)
{
    enum {
        FORM = 3
    }; /* one more whenever destinations are chosen or written in another way: waiting mail is gone through once then */
    const char kind = (char)config->relay.kind, form = FORM;
    uint64_t   hash = mix(mix(UINT64_C(0xcbf29ce484222325), &form, 1), &kind, 1);
    hash            = mix_text(hash, config->domain); /* where <Postmaster> is */
    for (size_t i = 0; i < config->route_count; i++) {
        const struct config_route *r     = &config->routes[i];
        const char                 how[] = { (char)r->via->kind, (char)r->login };
        hash = mix_text(mix_text(mix_text(mix_text(hash, r->name), r->to), r->from), r->account);
        hash = mix(hash, how, sizeof how);
    }
    return hash;
}

gp_str config_route_in(gp_str destination)
{
    gp_str rest = gp_tail(destination, sizeof CONFIG_VIA - 1);
    return gp_starts(destination, CONFIG_VIA) ? gp_cut(&rest, ' ') : GP_NONE;
}

bool config_read_destination(const struct config *config, gp_str destination, struct config_way *out)
{
    gp_str                     name = config_route_in(destination), rest = destination;
    const struct config_route *route = name.ptr ? config_route_named(config, name) : NULL;
    *out                             = (struct config_way) {
                                    .hop = config_default_hop(config), .domain = destination, .account = {GP_LIT(""), 0},
                                            .route = route
    };
    if (!name.ptr) return true;
    if (!route) return false;
    (void)gp_cut(&rest, ' ');
    bool own    = route->login == LOGIN_OF_ACCOUNT;
    out->hop    = *route->via;
    out->domain = rest.ptr && !own ? rest : GP_LIT("");
    if (own) return rest.ptr && read_whose(rest, &out->account);
    return route->via->kind == RELAY_MX ? out->domain.len > 0 : !rest.ptr;
}

struct config_hop config_default_hop(const struct config *config)
{
    struct config_hop hop = { .set          = true,
                              .kind         = config->relay.kind,
                              .tls          = config->relay.tls,
                              .tls_said     = true,
                              .implicit_tls = config->relay.implicit_tls,
                              .port         = config->relay.port };
    (void)gp_copy_z(gp_from(config->relay.host), hop.host, sizeof hop.host);
    return hop;
}

/* ---- where it comes from ------------------------------------------------------------------------------------------------- */
/* An IPv6 socket that is bound to an IPv4 address in IPv6 form would reach nothing else. */
static bool read_source(gp_str word, int family, struct sockaddr_storage *out)
{
    char                 z[INET6_ADDRSTRLEN];
    struct sockaddr_in  *v4  = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6  = (struct sockaddr_in6 *)out;
    bool                 six = family == AF_INET6;
    *out                     = (struct sockaddr_storage) { .ss_family = (sa_family_t)family };
    if (!gp_copy_z(word, z, sizeof z)) return false;
    if (inet_pton(family, z, six ? (void *)&v6->sin6_addr : (void *)&v4->sin_addr) != 1) return false;
    return !six || !IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);
}

bool config_source(const struct config_route *route, int family, struct sockaddr_storage *out)
{
    for (gp_str rest = gp_from(route->from_address); rest.len > 0;) {
        gp_str word = gp_word(&rest);
        if (word.len > 0 && read_source(word, family, out)) return true;
    }
    return false;
}

bool config_leaves_by(const struct config_route *route, int family)
{
    struct sockaddr_storage from;
    return !route || !route->from_address[0] || config_source(route, family, &from);
}

/* ---- signing in ------------------------------------------------------------------------------------------------------------ */
size_t config_logins(const struct config *config)
{
    return 1 + config->route_count;
}

struct config_login config_login_of(const struct config *config, size_t index)
{
    if (index == 0)
        return (struct config_login) { .user             = config->relay.user,
                                       .password_file    = config->relay.password_file,
                                       .token_file       = config->relay.token_file,
                                       .certificate_file = config->relay.certificate_file,
                                       .key_file         = config->relay.key_file,
                                       .provider         = config->relay.provider,
                                       .mechanisms       = config->relay.mechanisms,
                                       .host             = config->relay.host,
                                       .proof            = config_relay_proof(config) };
    const struct config_route *r = &config->routes[index - 1];
    return (struct config_login) { .user             = r->user,
                                   .password_file    = r->password_file,
                                   .token_file       = r->token_file,
                                   .certificate_file = r->certificate_file,
                                   .key_file         = r->key_file,
                                   .provider         = r->provider,
                                   .mechanisms       = r->mechanisms,
                                   .host             = r->via->host,
                                   .proof            = proof_of(r),
                                   .own              = r->login == LOGIN_OF_ACCOUNT };
}

size_t config_login_for(const struct config *config, const struct config_route *route)
{
    return route ? 1 + (size_t)(route - config->routes) : 0;
}

bool config_signs_in(const struct config *config, size_t login)
{
    struct config_login of = config_login_of(config, login);
    return of.own || of.user[0];
}

bool config_presents(const struct config *config, size_t login)
{
    if (login == 0) return config_relay_presents(config);
    const struct config_route *r = &config->routes[login - 1];
    return r->via->kind == RELAY_SMARTHOST && r->certificate_file[0];
}
