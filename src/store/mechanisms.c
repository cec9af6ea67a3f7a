/* Which mechanism may be used: tables of names against what the connection can do. */
#include "store/mechanisms.h"

#include "sasl/sasl.h"
#include "store/accounts.h"

enum { NAMES_ROOM = 512 };

/* ---- what there is to sign in with --------------------------------------------------------------------------------- */
bool source_checks_tokens(const struct config_lookup *l)
{
    return l->type == LOOKUP_OAUTH;
}

bool source_gives_hashes(const struct config_lookup *l)
{
    return l->type == LOOKUP_PASSWD_FILE || l->type == LOOKUP_SQL || l->type == LOOKUP_HTTP ||
           (l->type == LOOKUP_LDAP && l->hash_attribute[0]);
}

static bool any_source(const struct config *c, bool (*is_one)(const struct config_lookup *))
{
    for (size_t i = 0; i < c->lookup_count; i++)
        if (is_one(&c->lookups[i])) return true;
    return false;
}

bool sources_give_hashes(const struct config *c)
{
    return any_source(c, source_gives_hashes);
}

gp_str policy_configured(const struct config *c, size_t listener)
{
    const char *own = c->listen[listener].mechanisms;
    return gp_from(own[0] ? own : c->mechanisms);
}

struct policy_facts policy_facts_of(const struct config *c, const struct survey *survey, size_t listener)
{
    bool legacy = c->listen[listener].kind == LISTEN_LEGACY;
    return (struct policy_facts) {
        .secrets = legacy ? survey->lane_secrets : survey->secrets,
        .scram   = survey->candidates > 0 || sources_give_hashes(c),
        .sha512  = survey->candidates > 0 && survey->sha512,
        .tokens  = any_source(c, source_checks_tokens),
        .peers   = c->listen[listener].asks,
        .retired = gp_from(c->policy.mechanisms.mode == POLICY_ENFORCE && !legacy ? c->policy.mechanisms.retire : ""),
        .clear   = config_listens_in_clear(&c->listen[listener]),
    };
}

/* ---- the decisions ---------------------------------------------------------------------------------------------------- */
static bool listed(gp_str words, gp_str name)
{
    while (words.len > 0)
        if (gp_alike(gp_word(&words), name)) return true;
    return false;
}

static bool is_scram(const struct gp_sasl_mech *mech)
{
    return mech->hash == GP_SHA1 || mech->hash == GP_SHA256 || mech->hash == GP_SHA512;
}

static bool usable(const struct gp_sasl_mech *mech, const struct policy_facts *facts)
{
    const struct {
        bool needed, there;
    } needs[] = {
        {mech->traits & GP_SASL_NEEDS_SECRET, facts->secrets},
        { mech->traits & GP_SASL_NEEDS_TOKEN, facts->tokens },
        { mech->traits & GP_SASL_NEEDS_PEER,  facts->peers  },
        { is_scram(mech),                     facts->scram  },
        { mech->hash == GP_SHA512,            facts->sha512 },
    };
    for (size_t i = 0; i < GP_COUNT(needs); i++)
        if (needs[i].needed && !needs[i].there) return false;
    return !listed(facts->retired, gp_from(mech->name));
}

const struct gp_sasl_mech *policy_mechanism(gp_str configured, const struct policy_facts *facts, gp_str name, bool tls)
{
    const struct gp_sasl_mech *mech = listed(configured, name) ? gp_sasl_find(name) : NULL;
    return mech && usable(mech, facts) && (tls || facts->clear || !(mech->traits & GP_SASL_REVEALS_PASSWORD)) ? mech
                                                                                                              : NULL;
}

bool policy_offer(gp_str configured, const struct policy_facts *facts, struct gp_text *out)
{
    while (configured.len > 0) {
        gp_str                     name = gp_word(&configured);
        const struct gp_sasl_mech *mech = gp_sasl_find(name);
        if (!mech || !usable(mech, facts)) continue;
        if (out->len > 0) gp_put_char(out, ' ');
        gp_put(out, name);
    }
    return !out->cut;
}

bool policy_lists_plus(gp_str configured)
{
    while (configured.len > 0) {
        const struct gp_sasl_mech *mech = gp_sasl_find(gp_word(&configured));
        if (mech && mech->plus) return true;
    }
    return false;
}

/* A token is never said as a password, nor a password as a token. */
static bool is_for(const struct gp_sasl_mech *mech, const struct policy_upstream *u)
{
    bool token = mech->traits & GP_SASL_NEEDS_TOKEN;
    return (u->proof == RELAY_PASSWORD && !token) || (config_proof_is_token(u->proof) && token);
}

/* What is proved already needs no secret to be said. */
static const struct gp_sasl_mech *by_certificate(const struct policy_upstream *u)
{
    gp_str name = GP_LIT("EXTERNAL");
    return u->presented && listed(u->allowed, name) && listed(u->offered, name) ? gp_sasl_find(name) : NULL;
}

const struct gp_sasl_mech *policy_choose(const struct policy_upstream *u)
{
    char                       room[NAMES_ROOM];
    struct gp_text             names    = GP_TEXT(room);
    unsigned                   traits   = GP_SASL_NEEDS_SECRET | GP_SASL_SERVER_FIRST | GP_SASL_NEEDS_TOKEN;
    const struct gp_sasl_mech *external = by_certificate(u);
    if (external) return external;
    if (u->tls) traits |= GP_SASL_REVEALS_PASSWORD;
    if (u->binding) traits |= GP_SASL_BINDS_CHANNEL;
    if (!gp_sasl_names(u->allowed, traits, &names)) return NULL;
    for (gp_str best_first = gp_said(&names); best_first.len > 0;) {
        gp_str                     name = gp_word(&best_first);
        const struct gp_sasl_mech *mech = gp_sasl_find(name);
        if (mech && listed(u->offered, name) && is_for(mech, u)) return mech;
    }
    return NULL;
}

/* ---- policies of sign-ins ------------------------------------------------------------------------------------------------ */
bool policy_is_retired(const struct config *c, gp_str mechanism)
{
    return c->policy.mechanisms.mode != POLICY_OFF && listed(gp_from(c->policy.mechanisms.retire), mechanism);
}

enum { TLS_NEWEST = 13 };
static const struct tls_version {
    const char *name, *others[2]; /* OpenSSL's; GnuTLS's, and OpenSSL's for people */
    unsigned    number;
} tls_versions[] = {
    {"TLSv1.3",  { "TLS1.3", NULL },      TLS_NEWEST},
    { "TLSv1.2", { "TLS1.2", NULL },      12        },
    { "TLSv1.1", { "TLS1.1", NULL },      11        },
    { "TLSv1",   { "TLS1.0", "TLSv1.0" }, 10        },
    { "SSLv3",   { "SSL3.0", "SSL3" },    9         },
};

/* NULL: it does not say. */
static const struct tls_version *version_of(gp_str text)
{
    for (size_t i = 0; i < GP_COUNT(tls_versions); i++) {
        const struct tls_version *v = &tls_versions[i];
        if (gp_is(text, v->name) || gp_is(text, v->others[0])) return v;
        if (v->others[1] && gp_is(text, v->others[1])) return v;
    }
    return NULL;
}

const char *policy_tls_old(gp_str version)
{
    const struct tls_version *v = version_of(version);
    return v && v->number < TLS_NEWEST ? v->name : NULL;
}

static const struct {
    unsigned    version;
    const char *text, *reply;
} tls_minimums[] = {
    [TLS_MINIMUM_1_2] = {12,  "1.2",
                         "TLS 1.2 or newer is needed to sign in: update the mail program, or switch it on there"   },
    [TLS_MINIMUM_1_3] = { 13, "1.3", "TLS 1.3 is needed to sign in: update the mail program, or switch it on there"},
};

bool policy_tls_is_less(const struct config *c, gp_str version)
{
    const struct tls_version *v = version_of(version);
    if (c->policy.tls.mode == POLICY_OFF) return false;
    return version.len == 0 || (v && v->number < tls_minimums[c->policy.tls.minimum].version);
}

const char *policy_tls_reply(const struct config *c)
{
    return tls_minimums[c->policy.tls.minimum].reply;
}

void policy_put_tls(struct gp_text *out, const struct config *c, gp_str version)
{
    if (version.len > 0)
        gp_put(out, version);
    else
        gp_put_z(out, "no TLS");
    gp_put_z(out, " is less than policy.tls.minimum: ");
    gp_put_z(out, tls_minimums[c->policy.tls.minimum].text);
}

static bool is_of_alphabet(char c)
{
    gp_str letters = GP_LIT("abcdefghijkmnpqrstuvwxyzABCDEFGHIJKMNPQRSTUVWXYZ23456789");
    return gp_find(letters, c) < letters.len;
}

static bool is_of_letters(gp_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_of_alphabet(text.ptr[i])) return false;
    return true;
}

/* gp_new_password: five groups, of five letters and the last of six; gp_new_device_password: letters. */
static bool looks_made(gp_str text)
{
    enum { LEN = 30, GROUP = 5, HYPHENS = 4 };
    if (text.len == GP_DEVICE_PASSWORD_ROOM - 1) return is_of_letters(text);
    if (text.len != LEN) return false;
    for (size_t i = 0; i < text.len; i++) {
        bool hyphen = i % (GROUP + 1) == GROUP && i / (GROUP + 1) < HYPHENS;
        if (hyphen ? text.ptr[i] != '-' : !is_of_alphabet(text.ptr[i])) return false;
    }
    return true;
}

static bool is_printable(char c)
{
    return (unsigned char)c > ' ' && c != '\x7f';
}

gp_str policy_name_for_log(gp_str name, bool known)
{
    enum { SHOWN = 64 };
    size_t at = gp_find(name, '@'), shown = 0;
    if (known) return name;
    if (looks_made(gp_head(name, at))) return GP_LIT("(looks like a password)");
    if (at < name.len) return name;
    while (shown < name.len && shown < SHOWN && is_printable(name.ptr[shown])) shown++;
    return gp_head(name, shown);
}
