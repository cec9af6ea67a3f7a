/* Bounded text: a writer into room that the caller owns. */
#include "base/base.h"

#include <string.h>

#define DIGITS_MOST 20 /* of a 64-bit number */

void gp_put(struct gp_text *text, gp_str piece)
{
    if (piece.len > text->room - text->len) {
        text->cut = true;
        return;
    }
    if (piece.len) memcpy(text->ptr + text->len, piece.ptr, piece.len);
    text->len += piece.len;
}

void gp_put_z(struct gp_text *text, const char *z)
{
    gp_put(text, gp_from(z));
}

void gp_put_char(struct gp_text *text, char c)
{
    gp_put(text, (gp_str) { &c, 1 });
}

/* The digits of the number at the end of out[DIGITS_MOST]. */
static gp_str digits_of(uint64_t number, char out[static DIGITS_MOST])
{
    size_t start = DIGITS_MOST;
    do {
        out[--start] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    return (gp_str) { out + start, DIGITS_MOST - start };
}

void gp_put_number(struct gp_text *text, int64_t number)
{
    char     room[1 + DIGITS_MOST];
    uint64_t magnitude = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    gp_str   digits    = digits_of(magnitude, room + 1);
    if (number >= 0) {
        gp_put(text, digits);
        return;
    }
    char *sign = room + sizeof room - digits.len - 1;
    *sign      = '-';
    gp_put(text, (gp_str) { sign, digits.len + 1 });
}

void gp_put_digits(struct gp_text *text, uint64_t number, unsigned digits)
{
    char     room[DIGITS_MOST];
    gp_str   said  = digits_of(number, room);
    unsigned zeros = digits > said.len ? digits - (unsigned)said.len : 0;
    if (said.len + zeros > text->room - text->len) {
        text->cut = true;
        return;
    }
    for (unsigned i = 0; i < zeros; i++) gp_put_char(text, '0');
    gp_put(text, said);
}

gp_str gp_said(const struct gp_text *text)
{
    return (gp_str) { text->ptr, text->len };
}
