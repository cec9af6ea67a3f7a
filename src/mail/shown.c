/* What a mail reader shows of a From-like field: words and comments without their quotes, encoded words (RFC 2047) decoded, addresses
 * in angle brackets left out. Readers are generous, so this is: it decodes wherever something looks like an encoded word. What it cannot
 * decode, and a reader perhaps can, becomes an octet that is in no UTF-8, so that whoever looks for a name does not overlook it. */
#include "mail/parts.h"

#include <string.h>

#define UNREADABLE '\xff'

/* ---- encoded words ------------------------------------------------------------------------------------------- */
struct encoded {
    gp_str charset, text;
    char   how;
    size_t len;
}; /* len: of all of it */

/* "=?charset*language?Q?text?=" */
static bool read_encoded(gp_str at, struct encoded *out)
{
    if (at.len < 2 || at.ptr[0] != '=' || at.ptr[1] != '?') return false;
    gp_str rest = gp_tail(at, 2), charset = gp_cut(&rest, '?'), how = rest.ptr ? gp_cut(&rest, '?') : GP_NONE;
    if (!rest.ptr || how.len != 1) return false;
    size_t end = gp_find(rest, '?');
    if (end + 1 >= rest.len || rest.ptr[end + 1] != '=') return false;
    out->charset = gp_cut(&charset, '*');
    out->how     = how.ptr[0];
    out->text    = gp_head(rest, end);
    out->len     = (size_t)(rest.ptr + end + 2 - at.ptr);
    return true;
}

enum charset { UTF8, LATIN1, OF_ASCII, OTHER };

/* Those in which ASCII stands for itself are readable as far as a name in ASCII goes. */
static enum charset charset_of(gp_str name)
{
    static const char *const of_ascii[] = { "iso-8859-", "windows-125", "koi8-",     "gb",  "big5",
                                            "euc-",      "shift_jis",   "iso-2022-", "ks_c" };
    if (gp_is(name, "utf-8") || gp_is(name, "utf8") || gp_is(name, "us-ascii")) return UTF8;
    if (gp_is(name, "iso-8859-1") || gp_is(name, "iso-8859-15") || gp_is(name, "windows-1252")) return LATIN1;
    for (size_t i = 0; i < GP_COUNT(of_ascii); i++)
        if (gp_starts(name, of_ascii[i])) return OF_ASCII;
    return OTHER;
}

static void put_octet(struct gp_text *out, char octet, enum charset charset)
{
    enum { SIX = 6, LEAD = 0xc0, FOLLOWS = 0x80, MASK = 0x3f };
    unsigned char c = (unsigned char)octet;
    if (charset == UTF8 || c < FOLLOWS) {
        gp_put_char(out, c < ' ' ? ' ' : octet);
    } else if (charset == LATIN1) {
        gp_put_char(out, (char)(LEAD | c >> SIX));
        gp_put_char(out, (char)(FOLLOWS | (c & MASK)));
    } else {
        gp_put_char(out, '?');
    }
}

static void put_q(struct gp_text *out, gp_str text, enum charset charset)
{
    for (size_t i = 0; i < text.len; i++) {
        char   octet = text.ptr[i] == '_' ? ' ' : text.ptr[i];
        size_t len   = 0;
        if (octet == '=' && gp_read_hex(gp_head(gp_tail(text, i + 1), 2), &octet, 1, &len) && len == 1) i += 2;
        put_octet(out, octet, charset);
    }
}

static void put_b(struct gp_text *out, gp_str text, enum charset charset)
{
    char   octets[GP_MAIL_LINE_MOST];
    size_t len = 0;
    if (!gp_read_base64(text, octets, sizeof octets, &len)) {
        gp_put_char(out, UNREADABLE);
        return;
    }
    for (size_t i = 0; i < len; i++) put_octet(out, octets[i], charset);
}

static void put_encoded(struct gp_text *out, const struct encoded *word)
{
    enum charset charset = charset_of(word->charset);
    if (charset == OTHER)
        gp_put_char(out, UNREADABLE);
    else if (word->how == 'Q' || word->how == 'q')
        put_q(out, word->text, charset);
    else if (word->how == 'B' || word->how == 'b')
        put_b(out, word->text, charset);
}

/* RFC 2047 6.2: blanks between two of them are not shown. */
static size_t blanks_between(gp_str rest)
{
    struct encoded next;
    size_t         blanks = 0;
    while (blanks < rest.len && gp_is_any(rest.ptr[blanks], " \t\r\n")) blanks++;
    return read_encoded(gp_tail(rest, blanks), &next) ? blanks : 0;
}

/* ---- the field ----------------------------------------------------------------------------------------------- */
/* RFC 6532: UTF-8 as it is; other octets are nothing that readers agree about. */
static void put_plain(struct gp_text *out, char c)
{
    gp_put_char(out, (unsigned char)c < ' ' || c == 0x7f ? ' ' : c);
}

static size_t angle_end(gp_str rest)
{
    size_t end = gp_find(rest, '>');
    return end < rest.len ? end + 1 : rest.len;
}

static void tame(struct gp_text *out, size_t start)
{
    if (gp_is_utf8((gp_str) { out->ptr + start, out->len - start })) return;
    for (size_t i = start; i < out->len; i++)
        if ((unsigned char)out->ptr[i] >= 0x80 && out->ptr[i] != UNREADABLE) out->ptr[i] = '?';
}

struct place { /* in the field */
    bool     quoted;
    unsigned comments; /* that are open */
};

/* How much of the rest one step takes. */
static size_t step(struct gp_text *out, struct place *at, gp_str rest)
{
    struct encoded word;
    char           c = *rest.ptr;
    if (read_encoded(rest, &word)) {
        put_encoded(out, &word);
        return word.len + blanks_between(gp_tail(rest, word.len));
    }
    if (c == '\\' && rest.len > 1) {
        put_plain(out, rest.ptr[1]);
        return 2;
    }
    if (c == '"' && at->comments == 0) {
        at->quoted = !at->quoted;
        return 1;
    }
    if (c == '(' && !at->quoted) at->comments++;
    if (c == ')' && !at->quoted && at->comments > 0) at->comments--;
    bool address = c == '<' && !at->quoted && at->comments == 0;
    put_plain(out, address || gp_is_any(c, "()") ? ' ' : c);
    return address ? angle_end(rest) : 1;
}

void gp_put_shown(struct gp_text *out, gp_str value)
{
    struct place at    = { .quoted = false };
    size_t       start = out->len;
    while (value.len) value = gp_tail(value, step(out, &at, value));
    tame(out, start);
}
