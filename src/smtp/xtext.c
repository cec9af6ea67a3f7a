/* xtext (RFC 3461 4): printable ASCII as it is, all else, + and = as + and two upper-case hex digits. And the address type utf-8
 * (RFC 6533 3), whose characters stand for themselves or are written as \x{HEX}. */
#include "smtp/smtp.h"

static const char digits[] = "0123456789ABCDEF";

static bool stands_for_itself(unsigned char octet)
{
    return octet >= '!' && octet <= '~' && octet != '+' && octet != '=';
}

void gp_put_xtext(struct gp_text *out, gp_str octets)
{
    for (size_t i = 0; i < octets.len; i++) {
        unsigned char octet = (unsigned char)octets.ptr[i];
        if (stands_for_itself(octet)) {
            gp_put_char(out, (char)octet);
            continue;
        }
        gp_put_char(out, '+');
        gp_put_char(out, digits[octet >> 4]);
        gp_put_char(out, digits[octet & 15]);
    }
}

/* Lower case is refused: RFC 3461 4 has upper case only, and one form means one meaning. */
static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool gp_read_xtext(gp_str text, struct gp_text *out)
{
    for (size_t i = 0; i < text.len; i++) {
        if (stands_for_itself((unsigned char)text.ptr[i])) {
            gp_put_char(out, text.ptr[i]);
            continue;
        }
        if (text.ptr[i] != '+' || text.len - i < 3) return false;
        int high = hex_digit(text.ptr[i + 1]), low = hex_digit(text.ptr[i + 2]);
        if (high < 0 || low < 0) return false;
        gp_put_char(out, (char)(unsigned char)(high * 16 + low));
        i += 2;
    }
    return !out->cut;
}

/* ---- addresses of the type utf-8 -------------------------------------------------------------------------- */
enum { ONE_OCTET = 0x80, SURROGATES = 0xD800, BEHIND_SURROGATES = 0xE000, CHARACTER_MOST = 0x10FFFF, HEX_MOST = 6 };

static void put_escaped(struct gp_text *out, uint32_t character)
{
    char   hex[HEX_MOST];
    size_t at = HEX_MOST;
    while (at == HEX_MOST || (character && at)) {
        hex[--at] = digits[character & 15];
        character >>= 4;
    }
    if (HEX_MOST - at == 1) hex[--at] = '0'; /* RFC 6533 3: two digits at least */
    gp_put_z(out, "\\x{");
    gp_put(out, (gp_str) { hex + at, HEX_MOST - at });
    gp_put_char(out, '}');
}

/* The first character of what is known to be UTF-8; *len: its octets. */
static uint32_t character_of(gp_str text, size_t *len)
{
    unsigned char lead = (unsigned char)text.ptr[0];
    *len               = lead < ONE_OCTET ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    uint32_t character = lead < ONE_OCTET ? lead : lead & (0x7FU >> *len);
    for (size_t i = 1; i < *len; i++) character = character << 6 | ((unsigned char)text.ptr[i] & 0x3F);
    return character;
}

static void put_utf8_address(struct gp_text *out, gp_str address, bool as_it_is)
{
    for (size_t len = 0; address.len; address = gp_tail(address, len)) {
        uint32_t character = character_of(address, &len);
        bool     stands =
            character >= ONE_OCTET ? as_it_is : stands_for_itself((unsigned char)character) && character != '\\';
        if (stands)
            gp_put(out, gp_head(address, len));
        else
            put_escaped(out, character);
    }
}

void gp_put_orcpt(struct gp_text *out, gp_str address, bool utf8)
{
    bool ascii = gp_is_ascii(address);
    if (!ascii && !gp_is_utf8(address)) {
        out->cut = true;
        return;
    }
    gp_put_z(out, ascii ? "rfc822;" : "utf-8;");
    if (ascii)
        gp_put_xtext(out, address);
    else
        put_utf8_address(out, address, utf8);
}

static void put_character(struct gp_text *out, uint32_t character)
{
    if (character < ONE_OCTET) {
        gp_put_char(out, (char)character);
        return;
    }
    unsigned more = character < 0x800 ? 1 : character < 0x10000 ? 2 : 3;
    gp_put_char(out, (char)(unsigned char)((0xF00U >> (more + 1) & 0xF0U) | character >> (6 * more)));
    while (more--) gp_put_char(out, (char)(unsigned char)(0x80 | (character >> (6 * more) & 0x3F)));
}

/* "\x{...}" at the front; how long it is; 0: there is none, or none that a text may hold. */
static size_t read_escaped(gp_str text, uint32_t *character)
{
    if (!gp_starts(text, "\\x{")) return 0;
    size_t close = gp_find(text, '}');
    *character   = 0;
    if (close == text.len || close < 4 || close - 3 > HEX_MOST) return 0;
    for (size_t i = 3; i < close; i++) {
        int digit = hex_digit(text.ptr[i]);
        if (digit < 0) return 0;
        *character = *character * 16 + (uint32_t)digit;
    }
    bool surrogate = *character >= SURROGATES && *character < BEHIND_SURROGATES;
    bool fits      = *character >= ' ' && *character != 127 && !surrogate && *character <= CHARACTER_MOST;
    return fits ? close + 1 : 0;
}

void gp_read_utf8_address(gp_str text, struct gp_text *out)
{
    while (text.len) {
        uint32_t character;
        size_t   len = read_escaped(text, &character);
        if (len)
            put_character(out, character);
        else
            gp_put_char(out, text.ptr[0]);
        text = gp_tail(text, len ? len : 1);
    }
}
