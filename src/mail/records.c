/* Reading the TXT records of DKIM, DMARC, MTA-STS and TLSRPT. They are tag lists of one form (RFC 6376 3.2). */
#include "mail/records.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static gp_str trim(gp_str a)
{
    while (a.len && is_blank(a.ptr[0])) a = gp_tail(a, 1);
    while (a.len && is_blank(a.ptr[a.len - 1])) a.len--;
    return a;
}

bool gp_next_tag(gp_str *rest, gp_str *name, gp_str *value)
{
    gp_str tag = gp_cut(rest, ';');
    if (gp_find(tag, '=') == tag.len) return false;
    *name  = trim(gp_cut(&tag, '='));
    *value = trim(tag);
    return name->len > 0;
}

/* Calls `take` for each tag; false: something in it is no tag, or take says so. A final ';' is none. */
static bool each_tag(gp_str txt, bool (*take)(void *owner, size_t nth, gp_str name, gp_str value), void *owner)
{
    gp_str name, value;
    for (size_t nth = 0; trim(txt).len; nth++)
        if (!gp_next_tag(&txt, &name, &value) || !take(owner, nth, name, value)) return false;
    return true;
}

/* "a : b" holds a? */
static bool lists(gp_str list, const char *word)
{
    while (list.len)
        if (gp_is(trim(gp_cut(&list, ':')), word)) return true;
    return false;
}

/* ---- DKIM --------------------------------------------------------------------------------------------------- */
struct dkim {
    struct gp_dkim_record *out;
    struct gp_text        *room;
    const char            *why;
    bool                   has_key;
};

static bool read_key(struct dkim *d, gp_str value)
{
    char           plain_room[GP_BASE64_ROOM(GP_DKIM_KEY_MOST)];
    struct gp_text plain = GP_TEXT(plain_room);
    size_t         len   = 0;
    for (size_t i = 0; i < value.len; i++)
        if (!is_blank(value.ptr[i])) gp_put_char(&plain, value.ptr[i]); /* 3.2: white space in it counts for nothing */
    char *octets = d->room->ptr + d->room->len;
    if (plain.cut || !gp_read_base64(gp_said(&plain), octets, d->room->room - d->room->len, &len)) return false;
    d->room->len += len;
    d->out->key = (gp_str) { octets, len };
    return true;
}

static const char *judge_key_tag(struct dkim *d, size_t nth, gp_str name, gp_str value)
{
    if (gp_same(name, GP_LIT("v")) && (nth > 0 || !gp_same(value, GP_LIT("DKIM1"))))
        return "v= is not DKIM1 and the first tag";
    if (gp_same(name, GP_LIT("k"))) {
        d->out->ed25519 = gp_is(value, "ed25519"); /* RFC 8463 4 */
        if (!d->out->ed25519 && !gp_is(value, "rsa")) return "k= names no type of key that is known";
    }
    if (gp_same(name, GP_LIT("h")) && !lists(value, "sha256")) return "h= does not allow sha256";
    if (gp_same(name, GP_LIT("s")) && !lists(value, "email") && !lists(value, "*")) return "s= does not allow email";
    if (gp_same(name, GP_LIT("t")) && lists(value, "y")) d->out->testing = true;
    if (!gp_same(name, GP_LIT("p"))) return NULL;
    d->has_key = true;
    return read_key(d, value) ? NULL : "p= is not base64, or too long";
}

static bool take_key_tag(void *owner, size_t nth, gp_str name, gp_str value)
{
    struct dkim *d = owner;
    d->why         = judge_key_tag(d, nth, name, value);
    return !d->why;
}

const char *gp_dkim_record_read(gp_str txt, struct gp_dkim_record *out, struct gp_text *room)
{
    struct dkim d = { out, room, NULL, false };
    *out          = (struct gp_dkim_record) { .key = GP_LIT("") };
    if (!each_tag(txt, take_key_tag, &d)) return d.why ? d.why : "it is no list of tags";
    return d.has_key ? NULL : "there is no p= in it";
}

/* ---- DMARC -------------------------------------------------------------------------------------------------- */
/* The version comes first, to the letter (RFC 7489 6.3, RFC 8460 3, RFC 8461 3.1). */
static bool has_version(gp_str txt, const char *version)
{
    gp_str name, value;
    return gp_next_tag(&txt, &name, &value) && gp_same(name, GP_LIT("v")) && gp_same(value, gp_from(version));
}

bool gp_is_dmarc(gp_str txt)
{
    return has_version(txt, "DMARC1");
}

static bool is_policy(gp_str value)
{
    return gp_is(value, "none") || gp_is(value, "quarantine") || gp_is(value, "reject");
}

static bool take_dmarc_tag(void *owner, size_t nth, gp_str name, gp_str value)
{
    struct gp_dmarc *out = owner;
    (void)nth;
    if (gp_is(name, "p")) out->policy = value;
    if (gp_is(name, "sp")) out->subdomains = value;
    if (gp_is(name, "rua")) out->reports = value;
    if (gp_is(name, "adkim")) out->strict_dkim = gp_is(value, "s");
    return true;
}

const char *gp_dmarc_read(gp_str txt, struct gp_dmarc *out)
{
    *out = (struct gp_dmarc) { GP_NONE, GP_NONE, GP_NONE, false };
    if (!gp_is_dmarc(txt)) return "it does not begin with v=DMARC1";
    if (!each_tag(txt, take_dmarc_tag, out)) return "it is no list of tags";
    if (!is_policy(out->policy)) return "p= is not none, quarantine or reject";
    if (out->subdomains.ptr && !is_policy(out->subdomains)) return "sp= is not none, quarantine or reject";
    for (gp_str uris = out->reports; uris.len;) { /* 6.3: of other schemes are passed over, alone */
        gp_str uri = trim(gp_cut(&uris, ','));
        if (gp_find(uri, ':') == uri.len) return "rua= is no list of mailto: addresses";
    }
    return NULL;
}

/* ---- MTA-STS, TLSRPT ------------------------------------------------------------------------------------------ */
bool gp_is_sts(gp_str txt)
{
    return has_version(txt, "STSv1");
}

static bool is_id(gp_str id)
{
    enum { ID_MOST = 32 };
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i], low = (char)(c | 0x20);
        if (!(c >= '0' && c <= '9') && !(low >= 'a' && low <= 'z')) return false;
    }
    return id.len > 0 && id.len <= ID_MOST;
}

static bool take_tag(gp_str txt, const char *which, gp_str *out)
{
    gp_str name, value;
    *out = GP_NONE;
    while (gp_next_tag(&txt, &name, &value))
        if (gp_same(name, gp_from(which))) {
            *out = value; /* the first of them counts (RFC 8461 3.1) */
            return true;
        }
    return false;
}

bool gp_sts_id(gp_str txt, gp_str *id)
{
    return gp_is_sts(txt) && take_tag(txt, "id", id) && is_id(*id);
}

const char *gp_sts_why_broken(gp_str txt)
{
    gp_str id;
    if (!gp_is_sts(txt)) return "it does not begin with v=STSv1;";
    return gp_sts_id(txt, &id) ? NULL : "id= is not 1 to 32 letters and digits";
}

bool gp_is_tlsrpt(gp_str txt)
{
    return has_version(txt, "TLSRPTv1");
}

bool gp_tlsrpt_uris(gp_str txt, gp_str *uris)
{
    return gp_is_tlsrpt(txt) && take_tag(txt, "rua", uris) && uris->len > 0;
}

const char *gp_tlsrpt_why_broken(gp_str txt)
{
    gp_str uris;
    if (!gp_is_tlsrpt(txt)) return "it does not begin with v=TLSRPTv1;";
    if (!gp_tlsrpt_uris(txt, &uris)) return "there is no rua= in it";
    while (uris.len) {
        gp_str uri = trim(gp_cut(&uris, ','));
        if (!gp_starts(uri, "mailto:") && !gp_starts(uri, "https:"))
            return "rua= is no list of mailto: and https: addresses";
    }
    return NULL;
}
