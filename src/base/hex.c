/* Hexadecimal, written in lower case and read in either. */
#include "base/base.h"

void gp_put_hex(struct gp_text *text, gp_str octets)
{
    static const char digits[] = "0123456789abcdef";
    if (octets.len > (text->room - text->len) / 2) {
        text->cut = true;
        return;
    }
    for (size_t i = 0; i < octets.len; i++) {
        uint8_t octet = (uint8_t)octets.ptr[i];
        gp_put_char(text, digits[octet >> 4]);
        gp_put_char(text, digits[octet & 0x0f]);
    }
}

static int value_of(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool gp_read_hex(gp_str text, void *out, size_t room, size_t *len)
{
    if (text.len % 2 != 0 || text.len / 2 > room) return false;
    for (size_t i = 0; i < text.len / 2; i++) {
        int high = value_of(text.ptr[2 * i]), low = value_of(text.ptr[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        ((uint8_t *)out)[i] = (uint8_t)(high << 4 | low);
    }
    *len = text.len / 2;
    return true;
}
