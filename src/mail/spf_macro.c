/* Macros in the names of an SPF record (RFC 7208 7): "%{ir}.%{v}._spf.%{d2}". */
#include "mail/spf_parts.h"

#include <string.h>

enum { PARTS_MOST = 128, VALUE_ROOM = 512, NAME_MOST = GP_SPF_NAME_ROOM - 1 };

static const char letters[]    = "slodiphv"; /* c, r and t are for explanations alone (7.2) */
static const char delimiters[] = ".-+,/_=";

struct macro {
    char     letter; /* lower case; or '%', '_', '-' for what they stand for */
    bool     escaped, reversed;
    unsigned keep; /* so many parts from the right; 0: all */
    gp_str   between;
};

static bool is_among(char c, const char *set)
{
    return c && strchr(set, c);
}

/* ---- reading ---------------------------------------------------------------------------------------------------------- */
static bool read_inside(gp_str in, struct macro *out)
{
    size_t digits = 1;
    if (in.len == 0) return false;
    *out = (struct macro) { .letter = (char)(in.ptr[0] | 0x20), .escaped = in.ptr[0] >= 'A' && in.ptr[0] <= 'Z' };
    out->between = GP_LIT(".");
    if (!is_among(out->letter, letters)) return false;
    for (; digits < in.len && in.ptr[digits] >= '0' && in.ptr[digits] <= '9'; digits++) {
        out->keep = out->keep * 10 + (unsigned)(in.ptr[digits] - '0');
        if (out->keep > PARTS_MOST) out->keep = PARTS_MOST;
    }
    if (digits > 1 && out->keep == 0) return false; /* 7.1: DIGITs are not zero */
    gp_str rest = gp_tail(in, digits);
    if (rest.len && (rest.ptr[0] | 0x20) == 'r') {
        out->reversed = true;
        rest          = gp_tail(rest, 1);
    }
    for (size_t i = 0; i < rest.len; i++)
        if (!is_among(rest.ptr[i], delimiters)) return false;
    if (rest.len) out->between = rest;
    return true;
}

/* *rest begins with '%'. */
static bool cut_macro(gp_str *rest, struct macro *out)
{
    gp_str after = gp_tail(*rest, 1);
    if (after.len == 0) return false;
    if (after.ptr[0] == '%' || after.ptr[0] == '_' || after.ptr[0] == '-') {
        *out  = (struct macro) { .letter = after.ptr[0] };
        *rest = gp_tail(after, 1);
        return true;
    }
    size_t end = gp_find(after, '}');
    if (after.ptr[0] != '{' || end == after.len) return false;
    *rest = gp_tail(after, end + 1);
    return read_inside(gp_tail(gp_head(after, end), 1), out);
}

bool gp_spf_is_macro_string(gp_str text)
{
    struct macro m;
    while (text.len) {
        if (text.ptr[0] == '%') {
            if (!cut_macro(&text, &m)) return false;
            continue;
        }
        if (text.ptr[0] <= ' ' || text.ptr[0] >= 0x7F) return false;
        text = gp_tail(text, 1);
    }
    return true;
}

/* 7.1: letters, digits and hyphens, with something else than digits, not at a hyphen's edge. */
static bool is_top_label(gp_str label)
{
    bool other = false;
    if (label.len == 0 || label.ptr[0] == '-' || label.ptr[label.len - 1] == '-') return false;
    for (size_t i = 0; i < label.len; i++) {
        char c     = label.ptr[i];
        bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
        if (!alpha && !(c >= '0' && c <= '9')) return false;
        other |= alpha;
    }
    return other;
}

bool gp_spf_is_spec(gp_str spec)
{
    struct macro m;
    bool         ends_in_macro = false;
    if (!gp_spf_is_macro_string(spec)) return false;
    for (gp_str rest = spec; rest.len;) {
        ends_in_macro = rest.ptr[0] == '%';
        if (!ends_in_macro)
            rest = gp_tail(rest, 1);
        else if (!cut_macro(&rest, &m))
            return false;
    }
    if (ends_in_macro) return m.letter != '%' && m.letter != '_' && m.letter != '-';
    if (gp_ends(spec, ".")) spec.len--;
    size_t dot = spec.len;
    while (dot > 0 && spec.ptr[dot - 1] != '.') dot--;
    return dot > 0 && is_top_label(gp_tail(spec, dot));
}

bool gp_spf_uses_p(gp_str spec)
{
    struct macro m;
    while (spec.len) {
        bool macro = spec.ptr[0] == '%';
        if (macro && !cut_macro(&spec, &m)) return false;
        if (macro && m.letter == 'p') return true;
        if (!macro) spec = gp_tail(spec, 1);
    }
    return false;
}

/* ---- values ----------------------------------------------------------------------------------------------------------- */
static void put_nibbles(struct gp_text *out, gp_str octets, bool backwards)
{
    char           room[64];
    struct gp_text hex = GP_TEXT(room);
    gp_put_hex(&hex, octets);
    for (size_t i = 0; i < hex.len; i++) {
        if (i) gp_put_char(out, '.');
        gp_put_char(out, room[backwards ? hex.len - 1 - i : i]);
    }
}

void gp_spf_put_address(struct gp_text *out, gp_str octets, bool backwards)
{
    if (octets.len != 4) return put_nibbles(out, octets, backwards);
    for (size_t i = 0; i < octets.len; i++) {
        if (i) gp_put_char(out, '.');
        gp_put_number(out, (unsigned char)octets.ptr[backwards ? octets.len - 1 - i : i]);
    }
}

static void put_sender(struct gp_text *out, gp_str sender, char letter)
{
    size_t at = sender.len;
    while (at > 0 && sender.ptr[at - 1] != '@') at--;
    gp_str domain = gp_tail(sender, at), local = gp_head(sender, at ? at - 1 : 0);
    if (local.len == 0) local = GP_LIT("postmaster"); /* 4.3 */
    if (letter != 'o') gp_put(out, local);
    if (letter == 's') gp_put_char(out, '@');
    if (letter != 'l') gp_put(out, domain);
}

static void put_value(struct gp_text *out, const struct gp_spf *s, char letter)
{
    const struct gp_spf_frame *f = &s->frames[s->depth];
    switch (letter) {
    case '%': gp_put_char(out, '%'); break;
    case '_': gp_put_char(out, ' '); break;
    case '-': gp_put_z(out, "%20"); break;
    case 'd': gp_put(out, (gp_str) { f->domain, f->domain_len }); break;
    case 'i': gp_spf_put_address(out, s->mail.address, false); break;
    case 'p': gp_put(out, s->p_len ? (gp_str) { s->p, s->p_len } : GP_LIT("unknown")); break;
    case 'h': gp_put(out, s->mail.helo); break;
    case 'v': gp_put_z(out, s->mail.address.len == 4 ? "in-addr" : "ip6"); break;
    default: put_sender(out, s->mail.sender, letter);
    }
}

/* ---- transformers ----------------------------------------------------------------------------------------------------- */
static size_t split(gp_str value, gp_str between, gp_str parts[static PARTS_MOST])
{
    size_t count = 0, start = 0;
    for (size_t i = 0; i <= value.len && count < PARTS_MOST; i++) {
        if (i < value.len && gp_find(between, value.ptr[i]) == between.len) continue;
        parts[count++] = gp_head(gp_tail(value, start), i - start);
        start          = i + 1;
    }
    return count;
}

/* 7.3: upper case letters escape what RFC 3986 2.3 does not leave alone. */
static void put_part(struct gp_text *out, gp_str part, bool escaped)
{
    for (size_t i = 0; i < part.len; i++) {
        char c     = part.ptr[i];
        bool plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || is_among(c, "-._~");
        if (!escaped || plain) {
            gp_put_char(out, c);
            continue;
        }
        gp_put_char(out, '%');
        gp_put_hex(out, (gp_str) { &part.ptr[i], 1 });
    }
}

static bool put_macro(struct gp_text *out, const struct gp_spf *s, const struct macro *m)
{
    char           room[VALUE_ROOM];
    struct gp_text value = GP_TEXT(room);
    gp_str         parts[PARTS_MOST];
    put_value(&value, s, m->letter);
    if (value.cut) return false;
    if (!m->between.len) {
        gp_put(out, gp_said(&value));
        return true;
    }
    size_t count = split(gp_said(&value), m->between, parts);
    size_t first = m->keep && m->keep < count ? count - m->keep : 0;
    for (size_t i = first; i < count; i++) {
        if (i > first) gp_put_char(out, '.');
        /* reversed first, then cut (7.3): the parts from the right of what was turned round stand on the left of the value */
        put_part(out, parts[m->reversed ? count - 1 - i : i], m->escaped);
    }
    return true;
}

static void drop_labels(struct gp_text *out)
{
    gp_str said = gp_said(out);
    if (gp_ends(said, ".")) said.len--;
    while (said.len > NAME_MOST) (void)gp_cut(&said, '.');
    memmove(out->ptr, said.ptr ? said.ptr : "", said.len);
    out->len = said.len;
}

bool gp_spf_expand(const struct gp_spf *s, gp_str spec, struct gp_text *out)
{
    char           room[GP_SPF_RECORD_MOST];
    struct gp_text whole = GP_TEXT(room);
    struct macro   m;
    while (spec.len) {
        if (spec.ptr[0] != '%') {
            gp_put_char(&whole, spec.ptr[0]);
            spec = gp_tail(spec, 1);
        } else if (!cut_macro(&spec, &m) || !put_macro(&whole, s, &m)) {
            return false;
        }
    }
    if (whole.cut) return false;
    drop_labels(&whole);
    gp_put(out, gp_said(&whole));
    return !out->cut;
}
