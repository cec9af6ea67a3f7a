/* xtext (RFC 3461 4): printable ASCII as it is, all else, + and = as + and two upper-case hex digits. */
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
