/* Base64, written and read strictly: every text that is accepted is the only one for its octets. */
#include "base/base.h"

enum { GROUP_OCTETS = 3, GROUP_CHARS = 4, SIX_BITS = 0x3f };

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void put_group(struct gp_text *text, const uint8_t *octets, size_t count)
{
    uint32_t bits = (uint32_t)octets[0] << 16;
    if (count > 1) bits |= (uint32_t)octets[1] << 8;
    if (count > 2) bits |= octets[2];
    gp_put_char(text, alphabet[bits >> 18 & SIX_BITS]);
    gp_put_char(text, alphabet[bits >> 12 & SIX_BITS]);
    gp_put_char(text, count > 1 ? alphabet[bits >> 6 & SIX_BITS] : '=');
    gp_put_char(text, count > 2 ? alphabet[bits & SIX_BITS] : '=');
}

void gp_put_base64(struct gp_text *text, gp_str octets)
{
    if (octets.len > SIZE_MAX / 2 || GP_BASE64_ROOM(octets.len) > text->room - text->len) {
        text->cut = true;
        return;
    }
    for (size_t at = 0; at < octets.len; at += GROUP_OCTETS) {
        size_t left = octets.len - at;
        put_group(text, (const uint8_t *)octets.ptr + at, left < GROUP_OCTETS ? left : GROUP_OCTETS);
    }
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four characters, the last `pads` of which are '='. */
static bool read_group(const char *chars, size_t pads, uint8_t out[static GROUP_OCTETS])
{
    uint32_t bits = 0;
    for (size_t i = 0; i < GROUP_CHARS; i++) {
        int value = i < GROUP_CHARS - pads ? value_of(chars[i]) : 0;
        if (value < 0) return false;
        bits = bits << 6 | (uint32_t)value;
    }
    for (size_t i = 0; i < GROUP_OCTETS; i++) out[i] = (uint8_t)(bits >> (16 - 8 * i));
    /* RFC 4648 3.5: bits that no octet carries are zero, or two texts would mean the same. */
    return pads == 0 || out[GROUP_OCTETS - pads] == 0;
}

static size_t pads_at_end(gp_str text)
{
    size_t pads = 0;
    while (pads < 2 && pads < text.len && text.ptr[text.len - 1 - pads] == '=') pads++;
    return pads;
}

bool gp_read_base64(gp_str text, void *out, size_t room, size_t *len)
{
    size_t pads = pads_at_end(text), want = text.len / GROUP_CHARS * GROUP_OCTETS;
    if (text.len % GROUP_CHARS != 0 || want - pads > room) return false;
    for (size_t at = 0, done = 0; at < text.len; at += GROUP_CHARS) {
        uint8_t group[GROUP_OCTETS];
        size_t  missing = at + GROUP_CHARS == text.len ? pads : 0;
        if (!read_group(text.ptr + at, missing, group)) return false;
        for (size_t i = 0; i < GROUP_OCTETS - missing; i++) ((uint8_t *)out)[done++] = group[i];
    }
    *len = want - pads;
    return true;
}
