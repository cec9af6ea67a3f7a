/* Addresses that an account may send as, and the form in which they are compared: ASCII in lower case, the domain as A-label.
 * Local parts are case-sensitive by RFC 5321 2.4, but people expect "Anna@" and "anna@" to be one, and so do their mailboxes.
 * Quotes and backslashes that need not be there say nothing (RFC 5321 4.1.2): without them, or with those alone that must be. */
#include "store/accounts_parts.h"

#include <idn2.h>
#include <string.h>

#include "store/accounts.h"

enum { LOCAL_MOST = ACCOUNT_ADDRESS_MOST, DOMAIN_MOST = 255 };

static void put_lower(struct gp_text *out, gp_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        gp_put_char(out, c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c);
    }
}

/* RFC 6531 3.2: a U-label and its A-label name the same domain. */
static bool put_a_labels(struct gp_text *out, gp_str domain)
{
    char  z[DOMAIN_MOST + 1];
    char *ascii = NULL;
    if (!gp_copy_z(domain, z, sizeof(z)) || !gp_is_utf8(domain)) return false;
    if (idn2_to_ascii_8z(z, &ascii, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT) != IDN2_OK) return false;
    put_lower(out, gp_from(ascii));
    idn2_free(ascii);
    return true;
}

static bool has_blank(gp_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] <= ' ' || text.ptr[i] == '\x7f') return true;
    return false;
}

static size_t last_at(gp_str address)
{
    const char *at = memrchr(address.ptr, '@', address.len);
    return at ? (size_t)(at - address.ptr) : address.len;
}

/* What a quoted string says; false: `local` is none, or is longer than one may be. */
static bool unquote(gp_str local, struct gp_text *out)
{
    if (local.len < 2 || local.ptr[0] != '"' || local.ptr[local.len - 1] != '"') return false;
    gp_str inside = gp_head(gp_tail(local, 1), local.len - 2);
    for (size_t i = 0; i < inside.len; i++) {
        if (inside.ptr[i] == '"') return false;
        if (inside.ptr[i] == '\\' && ++i == inside.len) return false; /* the closing quote is quoted itself */
        gp_put_char(out, inside.ptr[i]);
    }
    return !out->cut;
}

/* Blanks and controls are in no address here. */
static bool needs_quotes(gp_str said)
{
    static const gp_str specials = GP_LIT("()<>[]:;@\\,\""); /* RFC 5322 3.2.3, but the dot */
    char                last     = '.';
    for (size_t i = 0; i < said.len; i++) {
        char c = said.ptr[i];
        if (gp_find(specials, c) < specials.len || (c == '.' && last == '.')) return true;
        last = c;
    }
    return last == '.'; /* so is nothing at all */
}

static void put_local(struct gp_text *out, gp_str local)
{
    char           room[LOCAL_MOST];
    struct gp_text text = GP_TEXT(room);
    gp_str         said = unquote(local, &text) ? gp_said(&text) : GP_NONE;
    if (!said.ptr || !needs_quotes(said)) {
        put_lower(out, said.ptr ? said : local);
        return;
    }
    gp_put_char(out, '"');
    for (size_t i = 0; i < said.len; i++) {
        if (said.ptr[i] == '"' || said.ptr[i] == '\\') gp_put_char(out, '\\');
        put_lower(out, (gp_str) { said.ptr + i, 1 });
    }
    gp_put_char(out, '"');
}

bool identity_key(gp_str address, bool whole_domain, struct gp_text *key)
{
    if (address.len == 0 || has_blank(address)) return false;
    size_t at     = last_at(address); /* a quoted local part may hold one too */
    gp_str domain = gp_tail(address, at + 1);
    if ((at == 0 && !whole_domain) || domain.len == 0 || domain.len > DOMAIN_MOST) return false;
    put_local(key, gp_head(address, at));
    gp_put_char(key, '@');
    if (gp_is_ascii(domain))
        put_lower(key, domain);
    else if (!put_a_labels(key, domain))
        return false;
    return !key->cut;
}

bool account_tidy_domain(gp_str name, struct gp_text *out)
{
    struct gp_text start  = *out;
    size_t         at     = last_at(name);
    gp_str         domain = gp_tail(name, at + 1);
    gp_put(out, gp_head(name, at));
    if (at < name.len) gp_put_char(out, '@');
    if (gp_is_ascii(domain)) put_lower(out, domain);
    if (gp_is_ascii(domain) || put_a_labels(out, domain)) return !out->cut;
    *out = start;
    gp_put(out, name);
    return !out->cut;
}

static gp_status has_identity(struct accounts *a, int64_t account, gp_str key)
{
    auto_rows r = rows_of(a->db, "SELECT 1 FROM identities WHERE account = ? AND key IN (?, ?)");
    rows_bind_number(&r, account);
    rows_bind_text(&r, key);
    rows_bind_text(&r, gp_tail(key, last_at(key))); /* "@example.org": all of that domain */
    return rows_next(&r);
}

/* What a question about one credential has to know of it, and no verifier. */
struct standing {
    struct credential c;
    bool              account_off, acts, other_off; /* the other: as whom it acts, or itself */
};

static gp_status read_standing(struct accounts *a, int64_t account, int64_t credential, struct standing *out)
{
    auto_rows r = rows_of(a->db, "SELECT c.expires, c.retires, c.idle_days, c.created, c.last_used, c.senders, c.hours,"
                                 " a.disabled, a.id = ?2 OR EXISTS"
                                 " (SELECT 1 FROM delegations WHERE account = a.id AND may_act_as = ?2),"
                                 " COALESCE((SELECT disabled FROM accounts WHERE id = ?2), 1)"
                                 " FROM credentials c JOIN accounts a ON a.id = c.account WHERE c.id = ?1");
    rows_bind_number(&r, credential);
    rows_bind_number(&r, account);
    gp_status status = rows_next(&r);
    if (status != GP_OK) return status;
    struct credential *c = &out->c;
    *out                 = (struct standing) { .account_off = rows_number(&r, 7) != 0,
                                               .acts        = rows_number(&r, 8) != 0,
                                               .other_off   = rows_number(&r, 9) != 0 };
    c->limits.expires    = rows_number(&r, 0);
    c->retires           = rows_number(&r, 1);
    c->limits.idle_days  = (uint32_t)rows_number(&r, 2);
    c->created           = rows_number(&r, 3);
    c->last_used         = rows_number(&r, 4);
    bool whole           = gp_copy_z(rows_text(&r, 5), c->limits.senders, sizeof(c->limits.senders)) &&
                 gp_copy_z(rows_text(&r, 6), c->limits.hours, sizeof(c->limits.hours));
    return whole ? GP_OK : GP_TEMPFAIL;
}

static gp_status say_gone(struct accounts *a, int64_t account, const char **why)
{
    struct account whose;
    gp_status      status = accounts_get(a, account, &whose);
    *why                  = status == GP_PERMFAIL ? "the account was deleted" : "the credential was revoked";
    return status == GP_TEMPFAIL ? status : GP_PERMFAIL;
}

static gp_status live(struct accounts *a, int64_t account, int64_t credential, gp_time now, struct standing *out,
                      const char **why)
{
    static const char *const ended[CREDENTIAL_STATES] = {
        [CREDENTIAL_EXPIRED] = "the credential is expired",
        [CREDENTIAL_RETIRED] = "the credential is replaced by another",
        [CREDENTIAL_IDLE]    = "the credential is off, since it was not used for too long",
    };
    gp_status status = read_standing(a, account, credential, out);
    if (status == GP_PERMFAIL) return say_gone(a, account, why);
    if (status != GP_OK) return status;
    if (out->account_off || (out->acts && out->other_off)) return refuse_because(why, "the account is disabled");
    if (!out->acts) return refuse_because(why, "who signed in may not act for this account any more");
    *why = ended[credential_state(&out->c, now)];
    return *why ? GP_PERMFAIL : GP_OK;
}

gp_status accounts_in_force(struct accounts *a, int64_t account, int64_t credential, gp_time now, const char **why)
{
    struct standing its = { .acts = false };
    return live(a, account, credential, now, &its, why);
}

static gp_status sends_as(struct accounts *a, const struct sending *s, const struct restrictions *limits,
                          const char **why)
{
    char           room[ACCOUNT_ADDRESS_MOST];
    struct gp_text key = GP_TEXT(room);
    if (!identity_key(s->sender, false, &key)) return refuse_because(why, "the sender is not an address");
    if (limits->senders[0] && !senders_have(gp_from(limits->senders), gp_said(&key)))
        return refuse_because(why, "this credential may not send as that address");
    *why = "this account may not send as that address";
    return has_identity(a, s->account, gp_said(&key));
}

gp_status accounts_may_send(struct accounts *a, const struct sending *s, bool *ended, const char **why)
{
    struct standing its    = { .acts = false };
    gp_status       status = live(a, s->account, s->credential, s->now, &its, why);
    *ended                 = status == GP_PERMFAIL;
    if (status != GP_OK) return status;
    gp_str hours = gp_from(its.c.limits.hours);
    *ended       = hours.len > 0 && !hours_have(hours, s->local);
    if (*ended) return refuse_because(why, "the credential may not be used at this time of the week");
    return s->sender.len == 0 ? GP_OK : sends_as(a, s, &its.c.limits, why);
}

gp_status accounts_identities(struct accounts *a, int64_t account, void (*each)(void *owner, gp_str address),
                              void *owner)
{
    gp_status status;
    auto_rows r = rows_of(a->db, "SELECT address FROM identities WHERE account = ? ORDER BY address");
    rows_bind_number(&r, account);
    while ((status = rows_next(&r)) == GP_OK) each(owner, rows_text(&r, 0));
    return status == GP_PERMFAIL ? GP_OK : status;
}
