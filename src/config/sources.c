/* Accounts that live elsewhere: the keys that an item of `sources` may have, and which of them go with which type. */
#include "config/schema.h"

#include <stddef.h>
#include <string.h>

enum { SECOND = 1, MINUTE = 60, TWO_MINUTES = 120, HOUR = 3600, DAY = 86400 };

#define OF(type)      (1U << (type))
#define OF_ANY        (~0U)
#define OF_REMOTE     (OF(LOOKUP_LDAP) | OF(LOOKUP_SQL) | OF(LOOKUP_HTTP))
#define OF_WEB        (OF(LOOKUP_HTTP) | OF(LOOKUP_OAUTH))
#define FIELD(member) offsetof(struct config_lookup, member), sizeof(((struct config_lookup *)0)->member)

static const char *const types[] = { [LOOKUP_PASSWD_FILE] = "passwd-file",
                                     [LOOKUP_SASLAUTHD]   = "saslauthd",
                                     [LOOKUP_PAM]         = "pam",
                                     [LOOKUP_LDAP]        = "ldap",
                                     [LOOKUP_SQL]         = "sql",
                                     [LOOKUP_HTTP]        = "http",
                                     [LOOKUP_DOVECOT]     = "dovecot",
                                     [LOOKUP_OAUTH]       = "oauth",
                                     NULL };

static const char *const verified[] = {
    [LOOKUP_EMAIL_REQUIRED] = "required", [LOOKUP_EMAIL_OPTIONAL] = "optional", NULL
};

static const struct config_key keys[] = {
  /* clang-format off */
    { "name", &config_hostname, FIELD(name), 1, 63, NULL,
        "What the log and the commands call it. Required." },
    { "type", &config_choice, FIELD(type), 0, 0, NULL,
        "What it is. Required.", types },
    { "timeout", &config_duration, FIELD(timeout), SECOND, MINUTE, "5s",
        "How long an answer may take. Then the client is told to try again later." },
    { "workers", &config_number, FIELD(workers), 1, 64, "4",
        "Questions that are under way at a time, each with a connection that is kept.", NULL, OF_ANY & ~OF(LOOKUP_PASSWD_FILE) },
    { "waiting", &config_number, FIELD(waiting), 1, 4096, "256",
        "Questions that may wait for a worker; they wait in a line for each client address, and the lines take turns." },
    { "failures", &config_number, FIELD(failures), 1, 1000, "5",
        "Failures in a row after which the source is not asked for a while: all get 'try again later' at once." },
    { "pause", &config_duration, FIELD(pause), SECOND, HOUR, "1s",
        "How long that while is at first; each further failure doubles it." },
    { "pause_most", &config_duration, FIELD(pause_most), SECOND, HOUR, "1m",
        "How long it may become." },

    { "remember", &config_duration, FIELD(remember), 0, HOUR, "5m",
        "How long a password that was right is taken for right without asking again: so long one that was changed there still works; 0s: not at all. A "
        "change of accounts by a command forgets them all.", NULL, OF_ANY & ~OF(LOOKUP_OAUTH) },
    { "user", &config_text, FIELD(user), 0, 31, "",
        "The system's user that its process becomes, with all its groups, if root starts the server. Default: gatepost-lookup." },
    { "path", &config_path_type, FIELD(path), 1, CONFIG_PATH - 1, NULL,
        "The file with lines NAME:HASH, as htpasswd and Dovecot write them; read again when it changes. Its process may read all of its folder, which must hold no secrets of the server: sources/people, say.", NULL, OF(LOOKUP_PASSWD_FILE) },
    { "socket", &config_path_type, FIELD(socket), 1, 107, "/run/saslauthd/mux",
        "The socket of saslauthd; or that of Dovecot's auth service for clients, such as /run/dovecot/auth-client, which has no default.", NULL, OF(LOOKUP_SASLAUTHD) | OF(LOOKUP_DOVECOT), OF(LOOKUP_DOVECOT) },
    { "service", &config_text, FIELD(service), 1, 63, "smtp",
        "The service that is asked for: of PAM, the file in /etc/pam.d.", NULL, OF(LOOKUP_SASLAUTHD) | OF(LOOKUP_PAM) | OF(LOOKUP_DOVECOT) },
    { "realm", &config_text, FIELD(realm), 0, 255, "",
        "The realm that is asked for.", NULL, OF(LOOKUP_SASLAUTHD) },
    { "services", &config_path_type, FIELD(services), 0, CONFIG_PATH - 1, "",
        "The directory with PAM's service files. Default: that of the system.", NULL, OF(LOOKUP_PAM) },

    { "uri", &config_text, FIELD(uri), 1, CONFIG_PATH - 1, NULL,
        "Where it is: one ldaps://HOST or ldap://HOST; postgresql://USER@HOST/DATABASE or sqlite:FILE; https://HOST/PATH.", NULL, OF_REMOTE },
    { "ca_file", &config_path_type, FIELD(ca_file), 0, CONFIG_PATH - 1, "",
        "Certificates (PEM) to trust when that of the server is checked. Default: those of the system.", NULL, OF_REMOTE | OF(LOOKUP_OAUTH) },
    { "starttls", &config_flag, FIELD(starttls), 0, 1, "yes",
        "Whether ldap:// goes on under TLS. no is for a directory on this host.", NULL, OF(LOOKUP_LDAP) },
    { "user_dn", &config_text, FIELD(user_dn), 0, CONFIG_TEXT - 1, "",
        "The entry of a user, such as 'uid=$user,ou=people,dc=example,dc=org': signed in to with the password, without a search. "
        "$user is the name, $local what stands before its @, $domain what stands after it.", NULL, OF(LOOKUP_LDAP) },
    { "base", &config_text, FIELD(base), 0, CONFIG_TEXT - 1, "",
        "Where the search for a user's entry begins, if there is no user_dn.", NULL, OF(LOOKUP_LDAP) },
    { "filter", &config_text, FIELD(filter), 1, CONFIG_TEXT - 1, "(|(uid=$user)(mail=$user))",
        "Which entry that is (RFC 4515).", NULL, OF(LOOKUP_LDAP) },
    { "bind_dn", &config_text, FIELD(bind_dn), 0, CONFIG_TEXT - 1, "",
        "Who searches. Default: nobody, anonymously.", NULL, OF(LOOKUP_LDAP) },
    { "hash_attribute", &config_text, FIELD(hash_attribute), 0, 63, "",
        "The attribute with the hash of the password, such as userPassword: it is read and checked here. Default: the directory checks.", NULL, OF(LOOKUP_LDAP) },
    { "name_attribute", &config_text, FIELD(name_attribute), 0, 63, "",
        "The attribute with the user's name here. Default: the name as it was given.", NULL, OF(LOOKUP_LDAP) },
    { "query", &config_text, FIELD(query), 0, CONFIG_PATH - 1, NULL,
        "SQL that gives one row for $user, with a column hash, and columns name and disabled if you like. $user is bound, never pasted.", NULL, OF(LOOKUP_SQL) },
    { "password_file", &config_path_type, FIELD(password_file), 0, CONFIG_PATH - 1, "",
        "The file whose first line is the password of bind_dn, of the database's user, or the secret of client_id.", NULL, OF(LOOKUP_LDAP) | OF(LOOKUP_SQL) | OF(LOOKUP_OAUTH) },
    { "token_file", &config_path_type, FIELD(token_file), 0, CONFIG_PATH - 1, "",
        "The file whose first line is sent as 'Authorization: Bearer'.", NULL, OF_WEB },

    { "issuer", &config_text, FIELD(issuer), 1, CONFIG_TEXT - 1, NULL,
        "Whose tokens are taken: exactly as their claim iss says it.", NULL, OF(LOOKUP_OAUTH) },
    { "keys_uri", &config_text, FIELD(keys_uri), 0, CONFIG_PATH - 1, "",
        "Where the issuer has its public keys (a JWKS, RFC 7517). Default, if there is no keys_file and no introspection_uri: where its "
        "openid-configuration says.", NULL, OF(LOOKUP_OAUTH) },
    { "keys_file", &config_path_type, FIELD(keys_file), 0, CONFIG_PATH - 1, "",
        "A file with the keys instead; read again when it changes.", NULL, OF(LOOKUP_OAUTH) },
    { "introspection_uri", &config_text, FIELD(introspection_uri), 0, CONFIG_PATH - 1, "",
        "Where the issuer tells what a token is (RFC 7662). Beside keys_uri or keys_file it is asked about tokens that are no JWT, else about all.", NULL, OF(LOOKUP_OAUTH) },
    { "client_id", &config_text, FIELD(client_id), 0, 255, "",
        "Who asks there, with the secret in password_file; or else with a token in token_file.", NULL, OF(LOOKUP_OAUTH) },
    { "audience", &config_text, FIELD(audience), 0, CONFIG_TEXT - 1, "",
        "For whom a token must be: its claim aud must have one of these words. Required if JWTs are checked here.", NULL, OF(LOOKUP_OAUTH) },
    { "algorithms", &config_text, FIELD(algorithms), 1, 127, "RS256 PS256 ES256",
        "Signatures that are taken: of RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA (Ed25519).", NULL, OF(LOOKUP_OAUTH) },
    { "scope", &config_text, FIELD(scope), 0, CONFIG_TEXT - 1, "",
        "Words that must all be in a token's claim scope or scp.", NULL, OF(LOOKUP_OAUTH) },
    { "require", &config_text, FIELD(require), 0, CONFIG_TEXT - 1, "",
        "Further claims that a token must have, as NAME=VALUE with blanks between them; of a list, one item must be that.", NULL, OF(LOOKUP_OAUTH) },
    { "user_claim", &config_text, FIELD(user_claim), 1, 63, "email",
        "The claim with the name of the account.", NULL, OF(LOOKUP_OAUTH) },
    { "email_verified", &config_choice, FIELD(verified), 0, 0, "required",
        "Whether a token whose email is that name must say that its issuer has verified it. optional: it may leave that out, but not say no; for "
        "issuers that never say it and let nobody choose the address.", verified, OF(LOOKUP_OAUTH) },
    { "strip_domain", &config_text, FIELD(strip_domain), 0, 253, "",
        "A domain that is left out of that name with its @: users of other domains are refused.", NULL, OF(LOOKUP_OAUTH) },
    { "leeway", &config_duration, FIELD(leeway), 0, TWO_MINUTES, "1m",
        "How far the clocks may differ.", NULL, OF(LOOKUP_OAUTH) },
    { "refresh", &config_duration, FIELD(refresh), MINUTE, DAY, "1h",
        "How often the keys are fetched anew; and at once, but not more than once a minute, for a token of a key that is not known.", NULL, OF(LOOKUP_OAUTH) },
    { "cache", &config_duration, FIELD(cache), 0, HOUR, "1m",
        "How long the issuer's yes to a token is remembered, at most until that ends; 0s: not at all. So long a revoked token still works.", NULL, OF(LOOKUP_OAUTH) },
  /* clang-format on */
};

/* ---- what the values of an item mean together ----------------------------------------------------------------------------- */
bool config_is_loopback(gp_str host)
{
    static const char *const here[] = { "127.0.0.1", "localhost", "[::1]" };
    for (size_t i = 0; i < GP_COUNT(here); i++)
        if (gp_starts(host, here[i]) && (host.len == strlen(here[i]) || strchr(":/?", host.ptr[strlen(here[i])])))
            return true;
    return false;
}

static bool has_scheme(const struct config_lookup *l, const char *scheme)
{
    return gp_starts(gp_from(l->uri), scheme);
}

static gp_str authority_of(const struct config_lookup *l)
{
    const char *at   = strstr(l->uri, "://");
    gp_str      rest = gp_from(at ? at + 3 : "");
    return gp_cut(&rest, '/');
}

/* libldap takes lists, with blanks or commas between them, and goes on to the next when one does not answer; what is asked of a
 * URI here, and of the connection (TLS), would hold for the first alone. */
static const char *wrong_uri(const struct config_lookup *l)
{
    gp_str authority = authority_of(l), host = authority, user = gp_cut(&host, '@');
    if (host.ptr && gp_find(user, ':') < user.len)
        return "uri has a password in it: write it to a file, and name that as password_file or token_file";
    switch (l->type) {
    case LOOKUP_LDAP:
        if (l->uri[strcspn(l->uri, " ,\t")])
            return "uri is a list, or has a blank or a comma in it: write one ldaps://HOST; a name may have several addresses";
        return has_scheme(l, "ldap://") || has_scheme(l, "ldaps://") || has_scheme(l, "ldapi://")
                   ? NULL
                   : "uri must be ldaps://HOST, ldap://HOST or ldapi://FILE";
    case LOOKUP_SQL:
        return has_scheme(l, "postgresql://") || has_scheme(l, "postgres://") || has_scheme(l, "sqlite:")
                   ? NULL
                   : "uri must be postgresql://USER@HOST/DATABASE or sqlite:FILE";
    case LOOKUP_HTTP:
        if (has_scheme(l, "https://")) return NULL;
        return has_scheme(l, "http://") && config_is_loopback(authority)
                   ? NULL
                   : "uri must be https://HOST/PATH: passwords go there (http:// only to this host)";
    default: return NULL;
    }
}

static const char *wrong_ldap(const struct config_lookup *l)
{
    if (l->type != LOOKUP_LDAP) return NULL;
    if (!l->user_dn[0] == !l->base[0])
        return "write one of user_dn and base: how an entry is named, or where to search for it";
    if (l->user_dn[0] && l->hash_attribute[0])
        return "hash_attribute wants a search: write base and filter instead of user_dn";
    if (!strchr(l->user_dn[0] ? l->user_dn : l->filter, '$'))
        return "user_dn and filter must say where the name goes: $user, or $local";
    if (l->bind_dn[0] && !l->password_file[0]) return "bind_dn has no password: name its file as password_file";
    if (has_scheme(l, "ldap://") && !l->starttls && !config_is_loopback(authority_of(l)))
        return "starttls: no would send passwords in clear to another host";
    return NULL;
}

static const char *wrong_rest(const struct config_lookup *l)
{
    if (l->type == LOOKUP_SQL && !strstr(l->query, "$user")) return "query must say where the name goes: $user";
    if (l->pause > l->pause_most) return "pause is longer than pause_most";
    return NULL;
}

static bool is_sound(const struct config_item *item, const struct config_lookup *l)
{
    const struct config *config = item->reading->config;
    const char          *wrong  = wrong_uri(l);
    if (!wrong) wrong = wrong_ldap(l);
    if (!wrong) wrong = config_wrong_oauth(l);
    if (!wrong) wrong = wrong_rest(l);
    for (size_t i = 0; !wrong && i < config->lookup_count; i++)
        if (gp_is(gp_from(config->lookups[i].name), l->name)) wrong = "two sources have this name";
    if (wrong) config_item_problem(item, item->place, gp_from(l->name), gp_from(wrong));
    return !wrong;
}

/* ---- an item ---------------------------------------------------------------------------------------------------------------- */
static unsigned type_of(const struct config *config, size_t index)
{
    return (unsigned)config->lookups[index].type;
}

/* Its type comes first, wherever it stands: that says which other keys there are. */
static bool take_source(const struct config_item *item)
{
    struct config            *config = item->reading->config;
    const struct config_pair *type   = config_item_find(item, "type");
    if (!type)
        config_item_problem(
            item, item->place, GP_NONE,
            GP_LIT("a source needs a type: passwd-file, saslauthd, pam, ldap, sql, http, dovecot or oauth"));
    if (!type || !config_item_key(item, type)) return false;
    bool sound = config_item_usual(item);
    sound      = config_item_given(item) && sound;
    if (!sound || !is_sound(item, &config->lookups[config->lookup_count])) return false;
    item->reading->lookup_places[config->lookup_count] = *item->place;
    return true;
}

/* ---- the list ----------------------------------------------------------------------------------------------------------------- */
/* The one item that is a word: where the store stands among the others. */
static bool read_store(struct config *config, const struct config_key *key, gp_str text, struct gp_text *why)
{
    (void)key;
    if (!gp_same(text, GP_LIT("store"))) {
        config_quote(why, text);
        gp_put_z(why, " is neither 'store' nor a mapping with a name and a type");
        return false;
    }
    if (config->store_listed) {
        gp_put_z(why, "'store' is there twice");
        return false;
    }
    config->store_listed = true;
    config->store_at     = config->lookup_count;
    return true;
}

static bool show_source(const struct config *config, const struct config_key *key, size_t index, struct gp_text *out)
{
    if (index == config->store_at) {
        gp_put_z(out, "store");
        return true;
    }
    return config_show_item(config, key, index < config->store_at ? index : index - 1, out);
}

static void clear_sources(struct config *config)
{
    config->lookup_count = 0;
    config->store_at     = 0;
    config->store_listed = false;
}

static const struct config_items items = {
    .name      = "sources",
    .keys      = keys,
    .key_count = GP_COUNT(keys),
    .offset    = offsetof(struct config, lookups),
    .size      = sizeof(struct config_lookup),
    .most      = CONFIG_LOOKUPS_MOST,
    .count     = offsetof(struct config, lookup_count),
    .full      = "there are too many",
    .take      = take_source,
    .type      = type_of,
};
const struct config_type config_sources_type = { "a list of 'store' and mappings with the keys of the next section",
                                                 read_store,
                                                 show_source,
                                                 clear_sources,
                                                 { NULL },
                                                 &items };
