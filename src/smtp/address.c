/* The mailbox of an envelope (RFC 5321 4.1.2, RFC 6531 3.3): local part, @, domain or address literal. */
#include "smtp/smtp.h"

enum { LABEL_MOST = 63, OCTET_MOST = 255, QUAD_PARTS = 4, GROUPS = 8, GROUP_DIGITS = 4 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_utf8_octet(char c)
{
    return (unsigned char)c >= 0x80;
}

static bool is_atext(char c, bool utf8)
{
    static const gp_str specials = { "!#$%&'*+-/=?^_`{|}~", 19 };
    return is_alnum(c) || gp_find(specials, c) < specials.len || (utf8 && is_utf8_octet(c));
}

static bool is_quoted_text(char c, bool utf8)
{
    return (c >= ' ' && c <= '~') || (utf8 && is_utf8_octet(c));
}

/* ---- local part ------------------------------------------------------------------------------------------ */
/* Each returns how long the part is that the text begins with, 0: it does not begin with one. */
static size_t quoted_string(gp_str text, bool utf8)
{
    for (size_t i = 1; i < text.len; i++) {
        if (text.ptr[i] == '"') return i + 1;
        if (text.ptr[i] == '\\') i++;
        if (i == text.len || !is_quoted_text(text.ptr[i], utf8)) return 0;
    }
    return 0;
}

static size_t dot_string(gp_str text, bool utf8)
{
    size_t i = 0;
    while (i < text.len) {
        size_t from = i;
        while (i < text.len && is_atext(text.ptr[i], utf8)) i++;
        if (i == from) return 0; /* leading, trailing or double dot */
        if (i == text.len || text.ptr[i] != '.') return i;
        i++;
    }
    return 0;
}

static size_t local_part(gp_str text, bool utf8)
{
    size_t length = text.len > 0 && text.ptr[0] == '"' ? quoted_string(text, utf8) : dot_string(text, utf8);
    return length <= GP_SMTP_LOCAL_MOST ? length : 0;
}

/* ---- domain ---------------------------------------------------------------------------------------------- */
static bool is_label(gp_str label, bool utf8)
{
    if (label.len == 0 || label.len > LABEL_MOST) return false;
    if (label.ptr[0] == '-' || label.ptr[label.len - 1] == '-') return false;
    for (size_t i = 0; i < label.len; i++) {
        char c = label.ptr[i];
        if (!is_alnum(c) && c != '-' && !(utf8 && is_utf8_octet(c))) return false;
    }
    return true;
}

/* How many labels, 0: not a domain. */
static size_t count_labels(gp_str text, bool utf8)
{
    if (text.len > GP_SMTP_DOMAIN_MOST || !gp_is_utf8(text)) return 0;
    size_t count = 0, dot;
    do {
        dot = gp_find(text, '.');
        if (!is_label(gp_head(text, dot), utf8)) return 0;
        count++;
        if (dot < text.len)
            text = gp_tail(text, dot + 1);
        else
            return count;
    } while (true);
}

bool gp_is_domain(gp_str text, bool utf8)
{
    return count_labels(text, utf8) >= 2;
}

static bool is_ipv4(gp_str text)
{
    for (unsigned part = 1; part <= QUAD_PARTS; part++) {
        size_t   dot = gp_find(text, '.');
        uint64_t octet;
        if (dot > 3 || !gp_read_number(gp_head(text, dot), OCTET_MOST, &octet)) return false;
        if ((dot < text.len) != (part < QUAD_PARTS)) return false;
        text = gp_tail(text, dot + 1);
    }
    return true;
}

static bool is_group(gp_str text)
{
    if (text.len == 0 || text.len > GROUP_DIGITS) return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!is_digit(c) && !(c >= 'a' && c <= 'f') && !(c >= 'A' && c <= 'F')) return false;
    }
    return true;
}

/* How many groups of 16 bits stand here, -1: something else does. The last may be an IPv4 address and counts twice. */
static int count_groups(gp_str text, bool may_end_in_ipv4)
{
    int count = 0;
    if (text.len == 0) return 0;
    for (;;) {
        size_t colon = gp_find(text, ':');
        gp_str group = gp_head(text, colon);
        bool   final = colon == text.len;
        if (final && may_end_in_ipv4 && is_ipv4(group)) return count + 2;
        if (!is_group(group)) return -1;
        count++;
        if (final || count > GROUPS) return count;
        text = gp_tail(text, colon + 1);
    }
}

static bool is_ipv6(gp_str text)
{
    for (size_t i = 0; i + 1 < text.len; i++) {
        if (text.ptr[i] != ':' || text.ptr[i + 1] != ':') continue;
        int before = count_groups(gp_head(text, i), false), after = count_groups(gp_tail(text, i + 2), true);
        return before >= 0 && after >= 0 && before + after < GROUPS;
    }
    return count_groups(text, true) == GROUPS;
}

static bool is_literal(gp_str text)
{
    if (text.len < 2 || text.ptr[0] != '[' || text.ptr[text.len - 1] != ']') return false;
    gp_str inside = gp_head(gp_tail(text, 1), text.len - 2);
    return gp_starts(inside, "IPv6:") ? is_ipv6(gp_tail(inside, sizeof "IPv6:" - 1)) : is_ipv4(inside);
}

bool gp_read_address(gp_str text, bool utf8, struct gp_address *out)
{
    size_t local = local_part(text, utf8);
    if (local == 0 || !gp_is_utf8(gp_head(text, local))) return false;
    *out = (struct gp_address) { gp_head(text, local), gp_tail(text, local) };
    /* RFC 5321 4.1.1.3: the one address without a domain. */
    if (out->domain.len == 0) return gp_is(text, "Postmaster");
    if (out->domain.ptr[0] != '@') return false;
    out->domain = gp_tail(out->domain, 1);
    return count_labels(out->domain, utf8) > 0 || is_literal(out->domain);
}
