/* What a token claims (RFC 7519 4.1, RFC 7662 2.2), held against the rules of its source, and the account that it names. */
#include <string.h>

#include "lookup/jwt.h"

enum { QUOTED_MOST = 64, MINUTE = 60, HOUR = 3600, DAY = 86400 };

/* ---- words ------------------------------------------------------------------------------------------------------------ */
void verdict_no(struct verdict *v, const char *before, gp_str quoted, const char *after)
{
    struct gp_text text = { .ptr = v->why, .room = sizeof v->why - 1 };
    gp_put_z(&text, before);
    if (quoted.ptr) {
        gp_put_char(&text, '\'');
        gp_put(&text, gp_head(quoted, QUOTED_MOST));
        gp_put_char(&text, '\'');
        gp_put_z(&text, after);
    }
    v->why[text.len] = '\0';
    v->status        = GP_PERMFAIL;
}

static void refuse_time(struct verdict *v, const char *before, int64_t seconds, const char *after)
{
    static const struct {
        int64_t     from, unit;
        const char *name;
    } units[] = {
        {INT64_C(2) * DAY,     DAY,    " days"},
        { INT64_C(2) * HOUR,   HOUR,   " h"   },
        { INT64_C(2) * MINUTE, MINUTE, " min" },
        { 0,                   1,      " s"   }
    };
    struct gp_text text = { .ptr = v->why, .room = sizeof v->why - 1 };
    size_t         i    = 0;
    while (i + 1 < GP_COUNT(units) && seconds < units[i].from) i++;
    gp_put_z(&text, before);
    gp_put_number(&text, seconds / units[i].unit);
    gp_put_z(&text, units[i].name);
    gp_put_z(&text, after);
    v->why[text.len] = '\0';
    v->status        = GP_PERMFAIL;
}

bool words_have(const char *words, gp_str word)
{
    for (gp_str rest = gp_from(words); rest.len;)
        if (gp_same(gp_word(&rest), word)) return word.len > 0;
    return false;
}

static gp_str text_of(const json_t *value)
{
    return json_is_string(value) ? (gp_str) { json_string_value(value), json_string_length(value) } : GP_NONE;
}

/* ---- issuer and audience ------------------------------------------------------------------------------------------------ */
bool claims_are_issuers(const json_t *claims, enum claims_from from, const struct config_lookup *rules,
                        struct verdict *v)
{
    const json_t *iss  = json_object_get(claims, "iss");
    bool          good = iss ? gp_same(text_of(iss), gp_from(rules->issuer)) : from == CLAIMS_OF_INTROSPECTION;
    if (good) return true;
    v->known = false; /* perhaps another source's */
    if (json_is_string(iss))
        verdict_no(v, "its issuer ", text_of(iss), " is another one");
    else
        verdict_no(v, "it does not say who issued it", GP_NONE, "");
    return false;
}

/* RFC 7519 4.1.3: a text, or a list of texts, one of which must be ours. */
static bool is_for_us(const json_t *claims, const struct config_lookup *rules, struct verdict *v)
{
    const json_t *aud = json_object_get(claims, "aud");
    if (!rules->audience[0] || words_have(rules->audience, text_of(aud))) return true;
    bool found = false, texts = json_is_array(aud);
    for (size_t i = 0; i < json_array_size(aud); i++) {
        gp_str one = text_of(json_array_get(aud, i));
        texts      = texts && one.ptr;
        found      = found || words_have(rules->audience, one);
    }
    if (found && texts) return true;
    gp_str said = text_of(json_is_array(aud) ? json_array_get(aud, 0) : aud);
    if (said.ptr)
        verdict_no(v, "its audience ", said, " is not ours");
    else
        verdict_no(v, "it does not say for which audience it is", GP_NONE, "");
    return false;
}

/* ---- time -------------------------------------------------------------------------------------------------------------- */
enum date { DATE_ABSENT, DATE_WRONG, DATE_GOOD };

/* RFC 7519 2: NumericDate, seconds, perhaps with a fraction. */
static enum date read_date(const json_t *claims, const char *name, int64_t *out)
{
    static const double most  = 253402300799.0; /* the end of the year 9999 */
    const json_t       *value = json_object_get(claims, name);
    double              date  = json_number_value(value);
    if (!value) return DATE_ABSENT;
    if (!json_is_number(value) || !(date >= 0 && date <= most)) return DATE_WRONG;
    *out = (int64_t)date;
    return DATE_GOOD;
}

static bool is_in_time(const json_t *claims, enum claims_from from, const struct config_lookup *rules, int64_t now,
                       struct verdict *v)
{
    int64_t   exp = 0, nbf = 0, iat = 0;
    int64_t   leeway = rules->leeway;
    enum date ends = read_date(claims, "exp", &exp), begins = read_date(claims, "nbf", &nbf),
              issued = read_date(claims, "iat", &iat);
    if (ends == DATE_WRONG || begins == DATE_WRONG || issued == DATE_WRONG)
        verdict_no(v, "its exp, nbf or iat is no date", GP_NONE, "");
    else if (ends == DATE_ABSENT && from == CLAIMS_OF_JWT)
        verdict_no(v, "it never expires", GP_NONE, "");
    else if (ends == DATE_GOOD && now >= exp + leeway)
        refuse_time(v, "it expired ", now - exp, " ago");
    else if (begins == DATE_GOOD && now + leeway < nbf)
        refuse_time(v, "it is not valid before ", nbf - now, " from now");
    else if (issued == DATE_GOOD && now + leeway < iat)
        refuse_time(v, "it was issued ", iat - now, " from now: is a clock wrong?");
    else {
        v->expires = exp;
        return true;
    }
    return false;
}

/* ---- what it lets its bearer do ------------------------------------------------------------------------------------------------ */
static bool claim_has(const json_t *claim, gp_str word)
{
    if (json_is_string(claim)) return words_have(json_string_value(claim), word);
    for (size_t i = 0; i < json_array_size(claim); i++)
        if (gp_same(text_of(json_array_get(claim, i)), word)) return true;
    return false;
}

/* RFC 8693 4.2: scope, words in a text. Microsoft's scp is the same, Okta's a list. */
static bool has_scope(const json_t *claims, const struct config_lookup *rules, struct verdict *v)
{
    for (gp_str rest = gp_from(rules->scope); rest.len;) {
        gp_str word = gp_word(&rest);
        if (word.len == 0 || claim_has(json_object_get(claims, "scope"), word) ||
            claim_has(json_object_get(claims, "scp"), word))
            continue;
        verdict_no(v, "it lacks the scope ", word, "");
        return false;
    }
    return true;
}

static bool is_value(const json_t *claim, gp_str wanted)
{
    char           room[LOOKUP_NAME];
    struct gp_text text = GP_TEXT(room);
    if (json_is_integer(claim)) gp_put_number(&text, json_integer_value(claim));
    if (json_is_boolean(claim)) gp_put_z(&text, json_is_true(claim) ? "true" : "false");
    if (text.len) return gp_same(gp_said(&text), wanted);
    if (json_is_string(claim)) return gp_same(text_of(claim), wanted);
    for (size_t i = 0; i < json_array_size(claim); i++)
        if (gp_same(text_of(json_array_get(claim, i)), wanted)) return true;
    return false;
}

static bool has_required(const json_t *claims, const struct config_lookup *rules, struct verdict *v)
{
    for (gp_str rest = gp_from(rules->require); rest.len;) {
        char   name[CONFIG_TEXT];
        gp_str pair = gp_word(&rest), value = pair, key = gp_cut(&value, '=');
        if (pair.len == 0) continue;
        if (gp_copy_z(key, name, sizeof name) && is_value(json_object_get(claims, name), value)) continue;
        verdict_no(v, "it does not claim ", pair, "");
        return false;
    }
    return true;
}

/* RFC 7800: its bearer must prove a key as well (mutual TLS, DPoP), for which SASL has no room. RFC 9449 7.2: not taken without. */
static bool is_for_any_bearer(const json_t *claims, struct verdict *v)
{
    if (!json_object_get(claims, "cnf")) return true;
    verdict_no(v, "it is bound to a key (cnf), which nobody can prove here", GP_NONE, "");
    return false;
}

/* ---- whose it is -------------------------------------------------------------------------------------------------------------------- */
/* OpenID Connect Core 1.0, 5.1. An address that nobody has verified is what its user likes to be called. Some providers write the
 * flag as a text. */
static bool is_verified(const json_t *claims, const struct config_lookup *rules, gp_str said, struct verdict *v)
{
    const json_t *flag = json_object_get(claims, "email_verified");
    if (strcmp(rules->user_claim, "email") != 0 || json_is_true(flag) || gp_same(text_of(flag), GP_LIT("true")))
        return true;
    if (!flag && rules->verified == LOOKUP_EMAIL_OPTIONAL) return true;
    if (json_is_false(flag) || json_is_string(flag))
        verdict_no(v, "its address ", said, " is not verified");
    else
        verdict_no(v, "it does not say that its address ", said, " is verified (email_verified)");
    return false;
}

/* Without "@strip_domain". Names of other domains, and those without, might be somebody else of the same name. */
static bool strip(gp_str *name, const char *domain)
{
    size_t len = strlen(domain);
    if (len == 0) return true;
    if (name->len <= len + 1 || name->ptr[name->len - len - 1] != '@' || !gp_ends(*name, domain)) return false;
    *name = gp_head(*name, name->len - len - 1);
    return true;
}

static void name_user(const json_t *claims, const struct config_lookup *rules, struct verdict *v)
{
    const json_t *claim = json_object_get(claims, rules->user_claim);
    gp_str        said = text_of(claim), name = said;
    if (!json_is_string(claim))
        verdict_no(v, "it has no claim ", gp_from(rules->user_claim), "");
    else if (!is_verified(claims, rules, said, v))
        return;
    else if (!strip(&name, rules->strip_domain))
        verdict_no(v, "its user ", said, " is of another domain");
    else if (question_wrong_name(name) || !gp_copy_z(name, v->owner.user, sizeof v->owner.user))
        verdict_no(v, "its user ", said, " is no name of an account");
    else
        v->status = GP_OK;
}

/* One that is no text, or too long, is none: the account is then known by its name alone. */
static void name_subject(const json_t *claims, struct verdict *v)
{
    gp_str sub = text_of(json_object_get(claims, "sub"));
    if (question_wrong_name(sub) || !gp_copy_z(sub, v->owner.subject, sizeof v->owner.subject))
        v->owner.subject[0] = '\0';
}

void claims_judge(const json_t *claims, enum claims_from from, const struct config_lookup *rules, int64_t now,
                  struct verdict *v)
{
    if (claims_are_issuers(claims, from, rules, v) && is_in_time(claims, from, rules, now, v) &&
        is_for_us(claims, rules, v) && has_scope(claims, rules, v) && is_for_any_bearer(claims, v) &&
        has_required(claims, rules, v)) {
        name_user(claims, rules, v);
        name_subject(claims, v);
    }
}
