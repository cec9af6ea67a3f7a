/* Problems in words: quoting what was written, and guessing what was meant. */
#include "config/schema.h"

enum { SHOWN_MOST = 60, WORD_MOST = 40 };

void config_quote(struct gp_text *out, gp_str value)
{
    gp_str shown = gp_head(value, SHOWN_MOST);
    gp_put_char(out, '\'');
    for (size_t i = 0; i < shown.len; i++) {
        unsigned char octet = (unsigned char)shown.ptr[i];
        gp_put_char(out, octet < ' ' || octet >= 0x7f ? '?' : (char)octet);
    }
    if (shown.len < value.len) gp_put_z(out, "...");
    gp_put_char(out, '\'');
}

static size_t least_of(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Levenshtein: how many letters must be put in, left out or changed. */
static size_t distance(gp_str a, gp_str b)
{
    size_t row[WORD_MOST + 1];
    if (a.len > WORD_MOST || b.len > WORD_MOST) return WORD_MOST;
    for (size_t j = 0; j <= b.len; j++) row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0]          = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t above = row[j];
            bool   alike = gp_alike((gp_str) { a.ptr + i - 1, 1 }, (gp_str) { b.ptr + j - 1, 1 });
            row[j]       = least_of(above + 1, row[j - 1] + 1, diagonal + (alike ? 0 : 1));
            diagonal     = above;
        }
    }
    return row[b.len];
}

void config_suggest(struct gp_text *out, gp_str given, gp_str words)
{
    size_t best    = 1 + (given.len < 6 ? given.len / 2 : 3); /* a guess further off than this is no help */
    gp_str nearest = GP_NONE;
    while (words.len) {
        gp_str word = gp_word(&words);
        size_t far  = distance(given, word);
        if (word.len == 0 || far >= best) continue;
        best    = far;
        nearest = word;
    }
    if (!nearest.ptr) return;
    gp_put_z(out, " (did you mean '");
    gp_put(out, nearest);
    gp_put_z(out, "'?)");
}
