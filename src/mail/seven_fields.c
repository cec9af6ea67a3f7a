/* The fields of MIME that say how a body is to be read (RFC 2045 5, 6), and those that are written anew. */
#include <string.h>

#include "mail/seven.h"

static gp_str token(struct gp_lexer *x) /* RFC 2045 5.1 */
{
    const char *start = x->at;
    while (x->at<x->end && * x->at> ' ' && *x->at <= '~' && !gp_is_any(*x->at, "()<>@,;:\\\"/[]?=")) x->at++;
    return (gp_str) { start, (size_t)(x->at - start) };
}

static gp_str word_of(gp_str value)
{
    struct gp_lexer x = gp_lexer_of(value);
    gp_lex_space(&x);
    return token(&x);
}

/* As mailboxes have it before a message (RFC 4155); readers pass over it. */
static bool is_from_line(gp_str raw)
{
    return gp_starts(raw, "From ") || gp_starts(raw, ">From ");
}

struct gp_seven_fields gp_seven_read_fields(gp_str header)
{
    struct gp_seven_fields fields = { 0 };
    struct gp_field        f;
    while (gp_next_field(&header, &f)) {
        if (gp_is(f.name, "Content-Type") && !fields.type.ptr) fields.type = f.value;
        if (gp_is(f.name, "Content-Transfer-Encoding") && !fields.encoding.len) fields.encoding = word_of(f.value);
        if (gp_is(f.name, "MIME-Version")) fields.mime = true;
        if (!f.name.ptr && !is_from_line(f.raw)) fields.broken = true;
    }
    return fields;
}

/* Past "type/subtype"; false: it is none. */
static bool read_type(struct gp_lexer *x, gp_str *type, gp_str *subtype)
{
    gp_lex_space(x);
    *type = token(x);
    gp_lex_space(x);
    bool slash = gp_lex_is(x, '/');
    gp_lex_space(x);
    *subtype = token(x);
    return slash && type->len && subtype->len;
}

bool gp_seven_type_is(gp_str value, const char *type, const char *subtype)
{
    struct gp_lexer x = gp_lexer_of(value);
    gp_str          is, sub;
    return value.ptr && read_type(&x, &is, &sub) && gp_is(is, type) && (!subtype || gp_is(sub, subtype));
}

/* ---- parameters (RFC 2045 5.1) -------------------------------------------------------------------------------- */
/* Without quotation marks many programs write more than a token may hold. */
static gp_str bare_value(struct gp_lexer *x)
{
    const char *start = x->at;
    while (x->at<x->end && * x->at> ' ' && *x->at <= '~' && *x->at != ';' && *x->at != '(') x->at++;
    return (gp_str) { start, (size_t)(x->at - start) };
}

/* "; name=value"; false: there is no more. */
static bool next_parameter(struct gp_lexer *x, gp_str *name, gp_str *value)
{
    gp_lex_space(x);
    if (!gp_lex_is(x, ';')) return false;
    gp_lex_space(x);
    *name = token(x);
    gp_lex_space(x);
    *value = GP_NONE;
    if (!gp_lex_is(x, '=')) return true;
    gp_lex_space(x);
    *value = gp_lex_quoted(x);
    if (!value->len) *value = bare_value(x);
    return true;
}

static bool keep_boundary(gp_str value, struct gp_seven_level *out)
{
    bool is_quoted = value.len >= 2 && value.ptr[0] == '"';
    if (is_quoted) value = (gp_str) { value.ptr + 1, value.len - 2 };
    for (out->len = 0; value.len; value = gp_tail(value, 1)) {
        if (is_quoted && value.ptr[0] == '\\' && value.len > 1) value = gp_tail(value, 1);
        if (out->len == sizeof out->boundary || gp_is_any(value.ptr[0], "\r\n")) return false;
        out->boundary[out->len++] = value.ptr[0];
    }
    while (out->len && gp_is_any(out->boundary[out->len - 1], " \t")) out->len--; /* RFC 2046 5.1.1: never ends so */
    return out->len > 0;
}

bool gp_seven_boundary(gp_str value, struct gp_seven_level *out)
{
    struct gp_lexer x = gp_lexer_of(value);
    gp_str          type, subtype, name, text;
    if (!read_type(&x, &type, &subtype)) return false;
    out->digest = gp_is(subtype, "digest");
    while (next_parameter(&x, &name, &text))
        if (gp_is(name, "boundary")) return keep_boundary(text, out);
    return false;
}

/* ---- written anew ------------------------------------------------------------------------------------------------- */
static void put_field(struct gp_seven *s, const char *name, const char *value)
{
    gp_seven_put(s, gp_from(name));
    gp_seven_put(s, gp_from(value));
    gp_seven_put(s, GP_LIT("\r\n"));
}

void gp_seven_put_header(struct gp_seven *s, const struct gp_seven_fields *is, const char *label, const char *charset)
{
    gp_str          rest = gp_buffer_all(&s->header);
    struct gp_field f;
    if (!label) {
        gp_seven_put_masked(s, rest);
        return;
    }
    while (gp_next_field(&rest, &f)) {
        if (gp_is(f.name, "Content-Transfer-Encoding")) continue;
        gp_seven_put_masked(s, f.raw);
        if (!gp_ends(f.raw, "\r\n")) gp_seven_put(s, GP_LIT("\r\n"));
    }
    if (s->is_message && !is->mime) put_field(s, "MIME-Version: ", "1.0");
    if (charset && !is->type.ptr) put_field(s, "Content-Type: text/plain; charset=", charset);
    put_field(s, "Content-Transfer-Encoding: ", label);
}
