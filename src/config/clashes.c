/* What each value allows and all of them together do not. */
#include "config/schema.h"

#include <string.h>

static void complain(struct config_reading *reading, const char *key, gp_str text)
{
    const struct config_key *row = config_find(gp_from(key));
    config_problem(reading, &reading->places[row - config_keys], text);
}

static void check_required(struct config_reading *reading)
{
    if (reading->config->hostname[0]) return;
    if (reading->places[config_find(GP_LIT("hostname")) - config_keys].line)
        return; /* given, and wrong: said already */
    complain(reading, "hostname",
             GP_LIT("hostname is missing: add a line such as 'hostname: mail.example.org', or set GATEPOST_HOSTNAME"));
}

static void check_listen(struct config_reading *reading)
{
    const struct config *config = reading->config;
    for (size_t i = 0; i < config->listen_count; i++)
        for (size_t j = 0; j < i; j++) {
            char           room[CONFIG_PROBLEM_ROOM];
            struct gp_text text     = GP_TEXT(room);
            bool           any_port = gp_ends(gp_from(config->listen[i].address), ":0");
            if (any_port || strcmp(config->listen[i].address, config->listen[j].address) != 0) continue;
            gp_put_z(&text, "listen: ");
            gp_put_z(&text, config->listen[i].address);
            gp_put_z(&text, " is there twice: each address and port can do one thing");
            complain(reading, "listen", gp_said(&text));
        }
}

static bool is_among(gp_str words, gp_str one)
{
    while (words.len)
        if (gp_alike(gp_word(&words), one)) return true;
    return false;
}

static bool has_word(gp_str words, const char *one)
{
    return is_among(words, gp_from(one));
}

/* ---- the rules that one sentence tells ------------------------------------------------------------------- */
static bool nothing_listens(const struct config *c)
{
    return c->listen_count == 0;
}

static bool no_certificate(const struct config *c)
{
    return c->certificate_count == 0;
}

static bool no_retry(const struct config *c)
{
    return c->queue.retry_count == 0;
}

static bool user_without_password(const struct config *c)
{
    return c->relay.user[0] && !c->relay.password_file[0] && !c->relay.token_file[0] && !c->relay.certificate_file[0] &&
           !c->relay.provider[0];
}

static bool password_without_user(const struct config *c)
{
    return c->relay.password_file[0] && !c->relay.user[0];
}

static bool token_without_user(const struct config *c)
{
    return c->relay.token_file[0] && !c->relay.user[0];
}

static bool provider_without_user(const struct config *c)
{
    return c->relay.provider[0] && !c->relay.user[0];
}

static bool provider_and_file(const struct config *c)
{
    return c->relay.provider[0] && (c->relay.password_file[0] || c->relay.token_file[0]);
}

static bool unknown_provider_of_a_route(const struct config *c)
{
    for (size_t i = 0; i < c->route_count; i++)
        if (c->routes[i].provider[0] && !config_find_provider(c, gp_from(c->routes[i].provider))) return true;
    return false;
}

/* Whom such an account speaks for stands in what is signed to get a token (RFC 7523 3), and there is one token. */
static bool one_key_for_two_users(const struct config *c)
{
    for (size_t i = 0; i < config_logins(c); i++) {
        const struct config_provider *p      = config_login_provider(c, i);
        bool                          speaks = p && p->grant == PROVIDER_SERVICE_ACCOUNT && !config_has_own_token(c, i);
        if (speaks && strcmp(config_login_of(c, i).user, config_login_of(c, config_login_by(c, p)).user) != 0)
            return true;
    }
    return false;
}

static bool unknown_provider(const struct config *c)
{
    return c->relay.provider[0] && !config_relay_provider(c);
}

static bool password_and_token(const struct config *c)
{
    return c->relay.password_file[0] && c->relay.token_file[0];
}

static bool user_without_smarthost(const struct config *c)
{
    return c->relay.user[0] && c->relay.kind == RELAY_MX;
}

static bool user_without_safe_tls(const struct config *c)
{
    return c->relay.user[0] && c->relay.kind == RELAY_SMARTHOST && !config_is_verified(c->relay.tls);
}

static bool certificate_without_key(const struct config *c)
{
    return c->relay.certificate_file[0] && !c->relay.key_file[0];
}

static bool key_without_certificate(const struct config *c)
{
    return c->relay.key_file[0] && !c->relay.certificate_file[0];
}

static bool certificate_without_smarthost(const struct config *c)
{
    return c->relay.certificate_file[0] && c->relay.kind == RELAY_MX;
}

/* Its name, and that we have its key, are for the one that it was made for. */
static bool certificate_without_safe_tls(const struct config *c)
{
    return config_relay_presents(c) && !config_is_verified(c->relay.tls);
}

static bool policy_without_mx(const struct config *c)
{
    return c->relay.tls_policy_count && !config_goes_by_mx(c);
}

static bool notice_after_the_end(const struct config *c)
{
    return c->queue.delay_notice >= c->queue.lifetime;
}

static bool one_selector(const struct config *c)
{
    return c->dkim.sign && gp_is(gp_from(c->dkim.rsa_selector), c->dkim.ed25519_selector);
}

static bool more_per_destination_than_in_all(const struct config *c)
{
    return c->relay.connections_per_destination > c->relay.connections_most;
}

/* Is each of the mechanisms that the relay may use one of these? With others mail could only wait. */
static bool uses_only(const struct config *c, gp_str mechanisms)
{
    for (gp_str words = gp_from(c->relay.mechanisms); words.len > 0;) {
        gp_str word = gp_word(&words);
        bool   ours = config_relay_presents(c) && gp_is(word, "EXTERNAL");
        if (word.len > 0 && !ours && !is_among(mechanisms, word)) return false;
    }
    return true;
}

static bool more_than_a_password(const struct config *c)
{
    enum relay_proof proof    = config_relay_proof(c);
    gp_str           words    = gp_from(c->relay.mechanisms);
    bool             external = has_word(words, "EXTERNAL") && !config_relay_presents(c);
    if (config_proof_is_token(proof) || proof == RELAY_CERTIFICATE) return false;
    return external || has_word(words, "OAUTHBEARER") || has_word(words, "XOAUTH2");
}

/* A token is nobody's password. */
static bool other_than_a_token(const struct config *c)
{
    return config_proof_is_token(config_relay_proof(c)) && !uses_only(c, GP_LIT(CONFIG_MECHANISMS_FOR_TOKENS));
}

static bool other_than_a_certificate(const struct config *c)
{
    return config_relay_proof(c) == RELAY_CERTIFICATE && !uses_only(c, GP_LIT(""));
}

static bool external_without_certificates(const struct config *c)
{
    for (size_t i = 0; i < c->listen_count; i++)
        if (!c->listen[i].asks && has_word(gp_from(c->listen[i].mechanisms), "EXTERNAL")) return true;
    return false;
}

static bool nobody_asks(const struct config *c)
{
    for (size_t i = 0; i < c->listen_count; i++)
        if (c->listen[i].asks) return false;
    return c->client_ca_file[0];
}

/* Of those that a listener has, one has to stay. Old devices' listeners are left out, as they are of the policy. */
static bool all_are_retired(const struct config *c)
{
    if (c->policy.mechanisms.mode != POLICY_ENFORCE) return false;
    for (size_t i = 0; i < c->listen_count; i++) {
        gp_str words = gp_from(c->listen[i].mechanisms[0] ? c->listen[i].mechanisms : c->mechanisms);
        bool   stays = c->listen[i].kind == LISTEN_LEGACY;
        while (words.len > 0) {
            gp_str word = gp_word(&words);
            stays |= word.len > 0 && !is_among(gp_from(c->policy.mechanisms.retire), word);
        }
        if (!stays) return true;
    }
    return false;
}

/* It stands in From, in a file's name and in field names' values (RFC 8460 5.1, 5.3). */
static bool contact_is_no_address(const struct config *c)
{
    gp_str contact = gp_from(c->tls_reports.contact), domain = contact, local = gp_cut(&domain, '@');
    for (size_t i = 0; i < contact.len; i++)
        if (contact.ptr[i] <= ' ' || contact.ptr[i] > '~' || gp_find(GP_LIT("\"(),:;<>[]\\!"), contact.ptr[i]) < 12)
            return c->tls_reports.send;
    return c->tls_reports.send && (!local.len || !domain.len || gp_find(domain, '@') < domain.len);
}

static bool sends_what_is_not_counted(const struct config *c)
{
    return c->tls_reports.send && !c->tls_reports.collect;
}

static const struct rule {
    bool (*is_broken)(const struct config *);
    const char *key, *text;
} rules[] = {
  /* clang-format off */
    { nothing_listens,        "listen",              "listen: the list is empty: nobody could connect" },
    { external_without_certificates, "listen",       "listen: EXTERNAL needs client_certificates=ask behind the same address" },
    { nobody_asks,            "tls.client_ca_file",  "tls.client_ca_file is for listeners that ask for certificates: add client_certificates=ask to one" },
    { no_certificate,         "tls.certificates",    "tls.certificates: the list is empty: nobody could sign in without TLS" },
    { all_are_retired,        "policy.mechanisms.retire", "policy.mechanisms.retire has every mechanism of a listener: nobody could sign in there" },
    { no_retry,               "queue.retries",       "queue.retries: the list is empty: name one duration at least" },
    { user_without_password,  "relay.user",          "relay.user has no password: name its file as relay.password_file, a token's as relay.token_file, a provider of tokens as relay.provider, or a certificate's as relay.certificate_file" },
    { password_without_user,  "relay.password_file", "relay.password_file has no user: name it as relay.user" },
    { token_without_user,     "relay.token_file",    "relay.token_file has no user: name it as relay.user" },
    { password_and_token,     "relay.token_file",    "relay.token_file stands in the place of relay.password_file: name one of them" },
    { unknown_provider,       "relay.provider",      "relay.provider is none of providers" },
    { unknown_provider_of_a_route, "routes",         "routes: the provider of a route is none of providers" },
    { one_key_for_two_users,  "routes",              "routes: a provider with grant: service-account gives tokens for one user: two routes, or one and relay, name different ones; write it twice, with two names" },
    { provider_without_user,  "relay.provider",      "relay.provider has no user: name the mailbox as relay.user" },
    { provider_and_file,      "relay.provider",      "relay.provider stands in the place of relay.password_file and relay.token_file: name one of them" },
    { user_without_smarthost, "relay.user",          "relay.user is for a server that relay.via names, and relay.via is mx" },
    { user_without_safe_tls,  "relay.user",          "relay.user needs tls=required or tls=dane in relay.via: else the password or token goes to whoever answers" },
    { certificate_without_key, "relay.certificate_file", "relay.certificate_file has no key: name its file as relay.key_file" },
    { key_without_certificate, "relay.key_file",     "relay.key_file has no certificate: name its file as relay.certificate_file" },
    { certificate_without_smarthost, "relay.certificate_file", "relay.certificate_file is for a server that relay.via names, and relay.via is mx" },
    { certificate_without_safe_tls, "relay.certificate_file", "relay.certificate_file needs tls=required or tls=dane in relay.via: else it goes to whoever answers" },
    { more_than_a_password,   "relay.mechanisms",    "relay.mechanisms: the relay signs in with relay.user and its password: it cannot use OAUTHBEARER or XOAUTH2, nor EXTERNAL without relay.certificate_file" },
    { other_than_a_token,     "relay.mechanisms",    "relay.mechanisms: with relay.token_file or relay.provider the relay can use OAUTHBEARER and XOAUTH2 alone, and EXTERNAL with relay.certificate_file" },
    { other_than_a_certificate, "relay.mechanisms",  "relay.mechanisms: with relay.certificate_file, and no password or token, the relay can use EXTERNAL alone" },
    { policy_without_mx,      "relay.tls_policy",    "relay.tls_policy is for mail by MX, and relay.via and routes send none so: what a server must have stands behind its name, as ?tls=required" },
    { notice_after_the_end,   "queue.delay_notice",  "queue.delay_notice must be shorter than queue.lifetime" },
    { sends_what_is_not_counted, "tls_reports.send", "tls_reports.send has nothing to send while tls_reports.collect is no" },
    { contact_is_no_address, "tls_reports.contact",  "tls_reports.contact must be an address of ASCII, as postmaster@example.org" },
    { one_selector,           "dkim.ed25519_selector", "dkim.rsa_selector and dkim.ed25519_selector are the same: DNS has one key for each" },
    { more_per_destination_than_in_all, "relay.connections_per_destination", "relay.connections_per_destination is more than relay.connections" },
  /* clang-format on */
};

/* A list whose items were all wrong is empty, and that has been said. */
static bool has_problem_at(const struct config_reading *reading, const char *key)
{
    const struct config_place *place = &reading->places[config_find(gp_from(key)) - config_keys];
    for (size_t i = 0; i < reading->problem_count; i++) {
        const struct config_problem *problem = &reading->problems[i];
        if (gp_starts((gp_str) { problem->text, problem->len }, key)) return true;
        if (place->variable[0] && strcmp(problem->place.variable, place->variable) == 0) return true;
    }
    return false;
}

void config_find_clashes(struct config_reading *reading)
{
    check_required(reading);
    check_listen(reading);
    config_check_folders(reading);
    config_check_webhook(reading);
    for (size_t i = 0; i < GP_COUNT(rules); i++)
        if (rules[i].is_broken(reading->config) && !has_problem_at(reading, rules[i].key))
            complain(reading, rules[i].key, gp_from(rules[i].text));
}
