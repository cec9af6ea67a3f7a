/* Bodies of parts in 7 bits (RFC 2045 6.7, 6.8). */
#include <string.h>

#include "mail/seven.h"

enum { QUOTED_MOST = 75, BASE64_MOST = 76 }; /* RFC 2045 6.7 (5), the "=" not counted; 6.8 */

void gp_seven_flush(struct gp_seven *s)
{
    if (s->out_len && !s->sink.put(s->sink.owner, (gp_str) { s->out, s->out_len })) s->failed = true;
    s->out_len = 0;
}

void gp_seven_put(struct gp_seven *s, gp_str text)
{
    if (!s->sink.put) return;
    while (text.len) {
        gp_str part = gp_head(text, sizeof s->out - s->out_len);
        memcpy(s->out + s->out_len, part.ptr, part.len);
        s->out_len += part.len;
        text = gp_tail(text, part.len);
        if (s->out_len == sizeof s->out) gp_seven_flush(s);
    }
}

/* For writers, who are asked only where there is a sink. */
static void put_char(struct gp_seven *s, char c)
{
    s->out[s->out_len++] = c;
    if (s->out_len == sizeof s->out) gp_seven_flush(s);
}

/* ---- quoted-printable ----------------------------------------------------------------------------------------- */
static void put_quoted(struct gp_seven *s, unsigned char c, bool escaped)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t            needs    = escaped || c == '=' ? 3 : 1; /* "=" of what was quoted before stays with its digits */
    if (s->column + needs > QUOTED_MOST) {
        gp_seven_put(s, GP_LIT("=\r\n"));
        s->column = 0;
        s->soft   = true;
    }
    if (s->soft && s->column == 0 && c == '-') escaped = true; /* a line that we begin must not look like a boundary */
    if (!escaped) {
        put_char(s, (char)c);
        s->column++;
        return;
    }
    const char quoted[] = { '=', digits[c >> 4], digits[c & 15] };
    gp_seven_put(s, (gp_str) { quoted, sizeof quoted });
    s->column += sizeof quoted;
}

/* RFC 2045 6.7 (1) to (3): white space stays as it is, but not where it would end the line. */
static void quoted(struct gp_seven *s, gp_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c      = (unsigned char)text.ptr[i];
        bool          is_gap = c == ' ' || c == '\t';
        bool          stays  = is_gap ? i + 1 < text.len : c > ' ' && c <= '~' && c != '=';
        put_quoted(s, c, !stays);
    }
}

static void requoted(struct gp_seven *s, gp_str text)
{
    for (size_t i = 0; i < text.len; i++) put_quoted(s, (unsigned char)text.ptr[i], (text.ptr[i] & 0x80) != 0);
}

/* ---- base64 ------------------------------------------------------------------------------------------------------- */
static void put_triple(struct gp_seven *s)
{
    char           room[4];
    struct gp_text text = GP_TEXT(room);
    if (!s->triples) return;
    if (s->column == BASE64_MOST) {
        gp_seven_put(s, GP_LIT("\r\n"));
        s->column = 0;
    }
    gp_put_base64(&text, (gp_str) { s->triple, s->triples });
    gp_seven_put(s, gp_said(&text));
    s->column += text.len;
    s->triples = 0;
}

static void base64(struct gp_seven *s, gp_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        s->triple[s->triples++] = text.ptr[i];
        if (s->triples == sizeof s->triple) put_triple(s);
    }
}

/* ---- what only has to lose octets ----------------------------------------------------------------------------- */
static void sifted(struct gp_seven *s, gp_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!(text.ptr[i] & 0x80)) put_char(s, text.ptr[i]);
}

void gp_seven_put_masked(struct gp_seven *s, gp_str text)
{
    if (gp_is_ascii(text)) {
        gp_seven_put(s, text);
        return;
    }
    for (size_t i = 0; s->sink.put && i < text.len; i++) put_char(s, text.ptr[i] & 0x80 ? '?' : text.ptr[i]);
}

/* ---- the parts ------------------------------------------------------------------------------------------------------ */
static void (*const writers[])(struct gp_seven *, gp_str) = {
    [GP_SEVEN_AS_IT_IS] = gp_seven_put,
    [GP_SEVEN_OPAQUE]   = gp_seven_put,
    [GP_SEVEN_QUOTED]   = quoted,
    [GP_SEVEN_BASE64]   = base64,
    [GP_SEVEN_REQUOTED] = requoted,
    [GP_SEVEN_SIFTED]   = sifted,
    [GP_SEVEN_MASKED]   = gp_seven_put_masked,
};

void gp_seven_put_octets(struct gp_seven *s, gp_str text)
{
    if (s->sink.put) writers[s->as](s, text);
}

void gp_seven_put_line_end(struct gp_seven *s)
{
    if (s->as == GP_SEVEN_BASE64) {
        gp_seven_put_octets(s, GP_LIT("\r\n"));
        return;
    }
    gp_seven_put(s, GP_LIT("\r\n"));
    s->column = 0;
    s->soft   = false;
}

/* The line end held back is the boundary's, or the last of the message. */
void gp_seven_end_part(struct gp_seven *s, bool message_ends)
{
    bool encodes = s->as == GP_SEVEN_BASE64;
    if (encodes && message_ends && s->line_end) gp_seven_put_line_end(s);
    if (encodes && s->sink.put) put_triple(s);
    if (encodes && message_ends ? s->column > 0 : s->line_end) gp_seven_put(s, GP_LIT("\r\n"));
    s->line_end = s->soft = false;
    s->column             = 0;
}
