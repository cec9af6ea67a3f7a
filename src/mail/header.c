/* Cuts a header section into its fields (RFC 5322 2.2). */
#include "mail/parts.h"

#include <string.h>

/* Where the field ends: after the first CR LF that no white space follows. */
static size_t field_length(gp_str rest)
{
    for (size_t at = 0; at < rest.len; at++) {
        const char *line_end = memchr(rest.ptr + at, '\n', rest.len - at);
        if (!line_end) break;
        at = (size_t)(line_end - rest.ptr);
        if (at == 0 || rest.ptr[at - 1] != '\r') continue;
        if (at + 1 == rest.len || (rest.ptr[at + 1] != ' ' && rest.ptr[at + 1] != '\t')) return at + 1;
    }
    return rest.len;
}

/* RFC 5322 3.6.8: printable ASCII but the colon; 4.5 allows white space between it and the colon. */
static gp_str field_name(gp_str raw)
{
    size_t colon = gp_find(raw, ':');
    if (colon == raw.len) return GP_NONE;
    gp_str name = gp_head(raw, colon);
    while (name.len && (name.ptr[name.len - 1] == ' ' || name.ptr[name.len - 1] == '\t')) name.len--;
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] <= ' ' || name.ptr[i] > '~') return GP_NONE;
    return name.len ? name : GP_NONE;
}

bool gp_next_field(gp_str *rest, struct gp_field *out)
{
    if (rest->len == 0 || (rest->len >= 2 && memcmp(rest->ptr, "\r\n", 2) == 0)) return false;
    out->raw   = gp_head(*rest, field_length(*rest));
    *rest      = gp_tail(*rest, out->raw.len);
    out->name  = field_name(out->raw);
    out->value = out->name.ptr ? gp_tail(out->raw, gp_find(out->raw, ':') + 1) : out->raw;
    if (gp_ends(out->value, "\r\n")) out->value.len -= 2;
    return true;
}

size_t gp_header_part(unsigned *seen, gp_str piece)
{
    static const char end[] = "\r\n\r\n";
    for (size_t i = 0; i < piece.len; i++) {
        if (piece.ptr[i] == end[*seen])
            ++*seen;
        else
            *seen = piece.ptr[i] == '\r';
        if (*seen == GP_HEADER_DONE) return i + 1;
    }
    return piece.len;
}

bool gp_has_bare_line_end(gp_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\n') return true;
        if (text.ptr[i] != '\r') continue;
        if (++i == text.len || text.ptr[i] != '\n') return true;
    }
    return false;
}
