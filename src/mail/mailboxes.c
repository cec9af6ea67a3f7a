/* Addresses of a From-like field (RFC 5322 3.4, obsolete forms of 4.4, groups, RFC 6532). Strict where readers are known
 * to differ on who the author is: what one of them could take for another address makes the whole field unreadable. */
#include "mail/parts.h"

struct reader {
    struct gp_lexer x;
    struct gp_text *room;
    gp_str         *out;
    size_t          most;
    int             count;
    bool            in_group;
};

/* What stands before '@', '<', ':' or a separator: words, and whether dots join them as in a local part. */
struct words {
    size_t count;
    bool   local; /* word *("." word) so far */
    bool   dot;   /* the last one was a dot  */
};

static gp_str lex_word(struct gp_lexer *x)
{
    gp_str word = gp_lex_quoted(x);
    return word.len ? word : gp_lex_atom(x);
}

/* Writes the words to the room as they come: they turn out to be a local part or are taken back. */
static struct words read_words(struct reader *r)
{
    struct words w = { .local = true };
    for (;;) {
        gp_lex_space(&r->x);
        if (gp_lex_is(&r->x, '.')) {
            if (w.count == 0 || w.dot) w.local = false;
            w.dot = true;
            gp_put_char(r->room, '.');
            continue;
        }
        gp_str word = lex_word(&r->x);
        if (word.len == 0) break;
        if (w.count > 0 && !w.dot) w.local = false; /* two words side by side: a display name */
        w.count++;
        w.dot = false;
        gp_put(r->room, word);
    }
    if (w.count == 0 || w.dot) w.local = false;
    return w;
}

static bool read_literal(struct reader *r)
{
    while (r->x.at<r->x.end && * r->x.at> ' ' && *r->x.at <= '~' && *r->x.at != '[' && *r->x.at != '\\') {
        gp_put_char(r->room, *r->x.at);
        if (*r->x.at++ == ']') return true;
    }
    return false;
}

static bool read_domain(struct reader *r)
{
    gp_lex_space(&r->x);
    if (gp_lex_is(&r->x, '[')) {
        gp_put_char(r->room, '[');
        return read_literal(r);
    }
    for (;;) {
        gp_lex_space(&r->x);
        gp_str label = gp_lex_atom(&r->x);
        if (label.len == 0) return false;
        gp_put(r->room, label);
        gp_lex_space(&r->x);
        if (!gp_lex_is(&r->x, '.')) return true;
        gp_put_char(r->room, '.');
    }
}

/* What follows "@": ends the address that began at `start` in the room. */
static bool read_after_at(struct reader *r, size_t start)
{
    gp_put_char(r->room, '@');
    if (!read_domain(r) || r->room->cut) return false;
    gp_str address = { r->room->ptr + start, r->room->len - start };
    if (!gp_is_utf8(address)) return false;
    if ((size_t)r->count < r->most)
        r->out[r->count] = address;
    else
        r->room->len = start;
    r->count++;
    return true;
}

/* "@a,@b:" before an address (RFC 5322 4.4): read and forgotten. */
static bool skip_route(struct reader *r)
{
    size_t start = r->room->len;
    gp_lex_space(&r->x);
    if (r->x.at == r->x.end || (*r->x.at != '@' && *r->x.at != ',')) return true;
    do {
        gp_lex_space(&r->x);
        if (gp_lex_is(&r->x, '@') && !read_domain(r)) return false;
        gp_lex_space(&r->x);
    } while (gp_lex_is(&r->x, ','));
    r->room->len = start;
    return gp_lex_is(&r->x, ':');
}

static bool read_angle(struct reader *r)
{
    size_t start = r->room->len;
    if (!skip_route(r) || !read_words(r).local || !gp_lex_is(&r->x, '@') || !read_after_at(r, start)) return false;
    gp_lex_space(&r->x);
    return gp_lex_is(&r->x, '>');
}

/* One address or the opening of a group; nothing at all is allowed between commas (RFC 5322 4.4). */
static bool read_element(struct reader *r)
{
    size_t       start = r->room->len;
    struct words w     = read_words(r);
    if (gp_lex_is(&r->x, '@')) return w.local && read_after_at(r, start);
    r->room->len = start;
    if (gp_lex_is(&r->x, '<')) return read_angle(r);
    if (gp_lex_is(&r->x, ':')) {
        if (r->in_group || w.count == 0) return false;
        r->in_group = true;
        return read_element(r); /* once: groups do not nest */
    }
    return w.count == 0 && !w.dot;
}

int gp_mailboxes(gp_str value, gp_str *out, size_t most, struct gp_text *room)
{
    struct reader r      = { .x = gp_lexer_of(value), .room = room, .out = out, .most = most };
    bool          groups = false;
    for (;;) {
        if (!read_element(&r) || room->cut) return -1;
        gp_lex_space(&r.x);
        if (r.in_group && gp_lex_is(&r.x, ';')) {
            r.in_group = false;
            groups     = true;
            gp_lex_space(&r.x);
        }
        if (r.x.at == r.x.end) break;
        if (!gp_lex_is(&r.x, ',')) return -1;
    }
    return r.in_group || (r.count == 0 && !groups) ? -1 : r.count;
}
