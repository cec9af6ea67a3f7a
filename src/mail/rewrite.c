/* Addresses in header fields, put in place of others (RFC 6409 8.8). Names, comments and everything else stay as they are, to the octet; what
 * is no plain address (obsolete forms with white space within) is left alone. */
#include "mail/parts.h"

enum { LINE_MOST = GP_SMTP_TEXT_MOST - 2 };

struct copy {
    const struct gp_rewriter *by;
    struct gp_buffer         *out;
    size_t                    column;
    bool                      fits;
};

static bool holds_addresses(gp_str name)
{
    static const char *const names[] = {
        "From",        "Sender",        "Reply-To",  "To",        "Cc",
        "Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc", "Disposition-Notification-To"
    };
    for (size_t i = 0; i < GP_COUNT(names); i++)
        if (gp_is(name, names[i])) return true;
    return false;
}

static void put(struct copy *c, gp_str text)
{
    if (!c->fits || !text.len) return;
    c->fits = gp_buffer_add(c->out, text, GP_MAIL_HEADER_MOST);
    for (size_t i = 0; i < text.len; i++) c->column = text.ptr[i] == '\n' ? 0 : c->column + 1;
}

/* RFC 5322 3.4.1: white space may stand before an address, also behind the "<", and after it; 2.1.1: no line may become too long by it. */
static void put_address(struct copy *c, gp_str address, gp_str rest)
{
    if (c->column + address.len > LINE_MOST) put(c, GP_LIT("\r\n "));
    put(c, address);
    if (c->column + gp_find(rest, '\r') > LINE_MOST) put(c, GP_LIT("\r\n "));
}

/* ---- where the addresses are ---------------------------------------------------------------------------------- */
static bool is_atom(char c)
{
    return c && !gp_is_any(c, "()<>@,;:\\\"[] \t\r\n");
}

static size_t comment_end(gp_str text, size_t at)
{
    size_t depth = 0;
    for (; at < text.len; at++) {
        char c = text.ptr[at];
        if (c == '\\')
            at++;
        else if (c == '(')
            depth++;
        else if (c == ')' && --depth == 0)
            return at + 1;
    }
    return text.len;
}

static size_t quoted_end(gp_str text, size_t at)
{
    for (at++; at < text.len; at++) {
        if (text.ptr[at] == '\\')
            at++;
        else if (text.ptr[at] == '"')
            return at + 1;
    }
    return text.len;
}

static size_t word_end(gp_str text, size_t at)
{
    if (text.ptr[at] == '(') return comment_end(text, at);
    if (text.ptr[at] == '"') return quoted_end(text, at);
    if (!is_atom(text.ptr[at])) return at + 1;
    while (at < text.len && is_atom(text.ptr[at])) at++;
    return at;
}

/* Where the address ends that begins with this word; `end`: there is none. */
static size_t address_end(gp_str text, size_t at, size_t end)
{
    bool local = is_atom(text.ptr[at]) || text.ptr[at] == '"';
    if (!local || end >= text.len || text.ptr[end] != '@') return end;
    size_t stop = end + 1;
    while (stop < text.len && is_atom(text.ptr[stop])) stop++;
    return stop > end + 1 ? stop : end;
}

static void put_field(struct copy *c, gp_str raw, size_t at)
{
    size_t done = 0;
    while (at < raw.len) {
        size_t         word = word_end(raw, at), end = address_end(raw, at, word);
        char           room[GP_SMTP_PATH_MOST + GP_SMTP_DOMAIN_MOST];
        struct gp_text instead = GP_TEXT(room);
        gp_str         address = { raw.ptr + at, end - at };
        if (end > word && c->by->instead(c->by->owner, address, &instead) && !instead.cut) {
            put(c, gp_head(gp_tail(raw, done), at - done));
            put_address(c, gp_said(&instead), gp_tail(raw, end));
            done = end;
        }
        at = end;
    }
    put(c, gp_tail(raw, done));
}

bool gp_rewrite_header(gp_str header, const struct gp_rewriter *by, struct gp_buffer *out)
{
    struct copy     c = { .by = by, .out = out, .fits = true };
    struct gp_field field;
    while (gp_next_field(&header, &field)) {
        if (holds_addresses(field.name))
            put_field(&c, field.raw, field.raw.len - gp_tail(field.raw, gp_find(field.raw, ':') + 1).len);
        else
            put(&c, field.raw);
    }
    put(&c, header); /* its empty line */
    return c.fits;
}
