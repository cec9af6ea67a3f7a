/* Addresses that an account may send as, and the form in which they are compared: ASCII in lower case, the domain as A-label.
 * Local parts are case-sensitive by RFC 5321 2.4, but people expect "Anna@" and "anna@" to be one, and so do their mailboxes.
 * Quotes and backslashes that need not be there say nothing (RFC 5321 4.1.2): without them, or with those alone that must be. */
#include "store/accounts_parts.h"

#include <idn2.h>
#include <string.h>

#include "policy/identity.h"
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

/* ---- what there is of them ----------------------------------------------------------------------------------------- */
struct rows identities_of(struct accounts *a, int64_t account)
{
    struct rows r = rows_of(a->db, "SELECT address, key FROM identities WHERE account = ? ORDER BY position, address");
    rows_bind_number(&r, account);
    return r;
}

gp_status accounts_identities(struct accounts *a, int64_t account, void (*each)(void *owner, gp_str address),
                              void *owner)
{
    gp_status status;
    auto_rows r = identities_of(a, account);
    while ((status = rows_next(&r)) == GP_OK) each(owner, rows_text(&r, 0));
    return status == GP_PERMFAIL ? GP_OK : status;
}

/* ---- one more, or one less ------------------------------------------------------------------------------------------ */
static bool key_of(gp_str address, struct gp_text *key, const char **why)
{
    *why = "an identity is ADDRESS, @DOMAIN for all of a domain, or has up to 4 stars before its @: *-noreply@DOMAIN";
    return identity_key(address, true, key) && policy_stars_are_good(gp_said(key));
}

bool identity_is_good(gp_str address, const char **why)
{
    char           room[ACCOUNT_ADDRESS_MOST];
    struct gp_text key = GP_TEXT(room);
    return key_of(address, &key, why);
}

gp_status identity_insert(struct accounts *a, int64_t account, gp_str address, const char **why)
{
    char           room[ACCOUNT_ADDRESS_MOST];
    struct gp_text key = GP_TEXT(room);
    if (!key_of(address, &key, why)) return GP_PERMFAIL;
    auto_rows r =
        rows_of(a->db, "INSERT OR IGNORE INTO identities (account, key, address, position) VALUES (?1, ?2, ?3,"
                       " (SELECT COALESCE(MAX(position), 0) + 1 FROM identities WHERE account = ?1))");
    rows_bind_number(&r, account);
    rows_bind_text(&r, gp_said(&key));
    rows_bind_text(&r, address);
    return rows_run(&r);
}

static gp_status has_room(struct accounts *a, int64_t account, const char **why)
{
    auto_rows r = rows_of(a->db, "SELECT COUNT(*) FROM identities WHERE account = ?");
    rows_bind_number(&r, account);
    gp_status status = rows_next(&r);
    if (status == GP_OK && rows_number(&r, 0) >= IDENTITIES_MOST)
        return refuse_because(why, "the account has 64 identities already: name a domain, or use a star");
    return status;
}

gp_status accounts_identity_add(struct accounts *a, int64_t account, gp_str address, const char **why)
{
    auto_transaction t      = { 0 };
    gp_status        status = transaction_begin(&t, a->db);
    if (status == GP_OK) status = has_room(a, account, why);
    if (status == GP_OK) status = identity_insert(a, account, address, why);
    if (status == GP_OK && database_touched(a->db) > 0)
        status = ACCOUNT_AUDIT(a, "identity-added", account, 0, AUDIT_S("address", address));
    return status == GP_OK ? transaction_commit(&t) : status;
}

gp_status accounts_identity_remove(struct accounts *a, int64_t account, gp_str address, const char **why)
{
    char             room[ACCOUNT_ADDRESS_MOST];
    struct gp_text   key = GP_TEXT(room);
    auto_transaction t   = { 0 };
    if (!key_of(address, &key, why)) return GP_PERMFAIL;
    *why             = "that is not one of the account's identities";
    gp_status status = transaction_begin(&t, a->db);
    auto_rows r      = rows_of(a->db, "DELETE FROM identities WHERE key = ? AND account = ?");
    rows_bind_text(&r, gp_said(&key));
    if (status == GP_OK) status = run_on(a, &r, account);
    if (status == GP_OK) status = ACCOUNT_AUDIT(a, "identity-removed", account, 0, AUDIT_S("address", address));
    return status == GP_OK ? transaction_commit(&t) : status;
}
