/* Which octets are UTF-8, which are ASCII, and which may be shown. */
#include "base/base.h"

#include <string.h>

/* RFC 3629 4: by its first octet, how many octets follow, and in which range the second one stands. */
static const struct lead {
    uint8_t first, last, follow, second_least, second_most;
} leads[] = {
  /* clang-format off */
    { 0x00, 0x7f, 0, 0x80, 0xbf },
    { 0xc2, 0xdf, 1, 0x80, 0xbf },
    { 0xe0, 0xe0, 2, 0xa0, 0xbf }, /* no overlong forms */
    { 0xe1, 0xec, 2, 0x80, 0xbf },
    { 0xed, 0xed, 2, 0x80, 0x9f }, /* no surrogates     */
    { 0xee, 0xef, 2, 0x80, 0xbf },
    { 0xf0, 0xf0, 3, 0x90, 0xbf }, /* no overlong forms */
    { 0xf1, 0xf3, 3, 0x80, 0xbf },
    { 0xf4, 0xf4, 3, 0x80, 0x8f }, /* up to U+10FFFF    */
  /* clang-format on */
};

static const struct lead *lead_of(uint8_t octet)
{
    for (size_t i = 0; i < GP_COUNT(leads); i++)
        if (octet >= leads[i].first && octet <= leads[i].last) return &leads[i];
    return NULL;
}

/* How many octets the character at the front takes; 0: it is none. */
static size_t character(gp_str text)
{
    const struct lead *lead = lead_of((uint8_t)text.ptr[0]);
    if (!lead || lead->follow >= text.len) return 0;
    for (size_t i = 1; i <= lead->follow; i++) {
        uint8_t octet = (uint8_t)text.ptr[i];
        uint8_t least = i == 1 ? lead->second_least : 0x80, most = i == 1 ? lead->second_most : 0xbf;
        if (octet < least || octet > most) return 0;
    }
    return lead->follow + 1u;
}

bool gp_is_utf8(gp_str text)
{
    while (text.len) {
        size_t took = character(text);
        if (took == 0) return false;
        text = gp_tail(text, took);
    }
    return true;
}

bool gp_is_ascii(gp_str text)
{
    for (uint64_t word; text.len >= sizeof word; text = gp_tail(text, sizeof word)) {
        memcpy(&word, text.ptr, sizeof word);
        if (word & UINT64_C(0x8080808080808080)) return false;
    }
    for (size_t i = 0; i < text.len; i++)
        if ((uint8_t)text.ptr[i] > 0x7f) return false;
    return true;
}

/* ---- for a terminal ------------------------------------------------------------------------------------------------------ */
static uint32_t code_point(gp_str character)
{
    static const uint8_t first_bits[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 }; /* RFC 3629 3, by how many octets it takes */
    uint32_t             code         = (uint8_t)character.ptr[0] & first_bits[character.len];
    for (size_t i = 1; i < character.len; i++) code = code << 6 | ((uint8_t)character.ptr[i] & 0x3f);
    return code;
}

/* What moves a cursor or turns text around: a name that is read backwards is another name. */
static bool steers(uint32_t code)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0x00,    0x1f  }, /* C0                                                 */
        { 0x7f,   0x9f  }, /* DEL, C1                                            */
        { 0x2028, 0x202e}, /* line and paragraph separators, directions of text  */
        { 0x2066, 0x2069}, /* directions again                                   */
        { 0xfffe, 0xffff}, /* no characters, and not allowed in XML              */
    };
    for (size_t i = 0; i < GP_COUNT(ranges); i++)
        if (code >= ranges[i].first && code <= ranges[i].last) return true;
    return false;
}

gp_str gp_next_shown(gp_str *rest)
{
    size_t took = rest->len ? character(*rest) : 0;
    gp_str one  = gp_head(*rest, took ? took : 1);
    *rest       = gp_tail(*rest, one.len);
    return one.len == 0 || (took && !steers(code_point(one))) ? one : GP_LIT("?");
}
