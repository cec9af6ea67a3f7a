/* What the keys of a source of tokens mean together. */
#include <string.h>

#include "config/schema.h"

static const char algorithms[] = "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA";

static bool are_algorithms(const char *words)
{
    bool any = false;
    for (gp_str rest = gp_from(words); rest.len;) {
        gp_str word  = gp_word(&rest);
        bool   found = word.len == 0;
        for (gp_str all = gp_from(algorithms); all.len && !found;) found = gp_same(word, gp_word(&all));
        if (!found) return false;
        any = any || word.len;
    }
    return any;
}

static bool are_pairs(const char *words)
{
    for (gp_str rest = gp_from(words); rest.len;) {
        gp_str word = gp_word(&rest);
        if (word.len && (gp_find(word, '=') == 0 || gp_find(word, '=') == word.len)) return false;
    }
    return true;
}

/* https, a host, and no name or password in it. */
static bool is_https(const char *uri)
{
    static const char scheme[]  = "https://";
    gp_str            rest      = gp_from(uri);
    bool              https     = gp_starts(rest, scheme);
    gp_str            authority = https ? gp_tail(rest, sizeof scheme - 1) : GP_NONE;
    authority                   = gp_head(authority, gp_find(authority, '/'));
    return https && authority.len && gp_find(authority, '@') == authority.len;
}

static const char *wrong_places(const struct config_lookup *l)
{
    bool discovers = !l->keys_uri[0] && !l->keys_file[0] && !l->introspection_uri[0];
    if (l->keys_uri[0] && l->keys_file[0]) return "write one of keys_uri and keys_file";
    if (l->keys_uri[0] && !is_https(l->keys_uri)) return "keys_uri must be https://HOST/PATH";
    if (l->introspection_uri[0] && !is_https(l->introspection_uri))
        return "introspection_uri must be https://HOST/PATH: tokens go there";
    if (discovers && !is_https(l->issuer))
        return "issuer is no https://HOST, where its keys could be asked for: write keys_uri or keys_file";
    return NULL;
}

static const char *wrong_client(const struct config_lookup *l)
{
    bool asks = l->introspection_uri[0] != '\0';
    if (!asks && (l->client_id[0] || l->password_file[0] || l->token_file[0]))
        return "client_id, password_file and token_file are for introspection_uri, which is missing";
    if (!l->client_id[0] != !l->password_file[0]) return "client_id and password_file go together";
    if (asks && !l->client_id[0] == !l->token_file[0])
        return "introspection_uri wants client_id and password_file, or token_file";
    return NULL;
}

const char *config_wrong_oauth(const struct config_lookup *l)
{
    if (l->type != LOOKUP_OAUTH) return NULL;
    bool        reads = l->keys_uri[0] || l->keys_file[0] || !l->introspection_uri[0];
    const char *wrong = wrong_places(l);
    if (!wrong) wrong = wrong_client(l);
    if (!wrong && reads && !l->audience[0])
        wrong =
            "audience is missing: without it every token of the issuer would do, also one that another service was given";
    if (!wrong && !are_algorithms(l->algorithms))
        wrong = "algorithms are some of RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA";
    if (!wrong && !are_pairs(l->require)) wrong = "require is made of NAME=VALUE, with blanks between them";
    return wrong;
}
